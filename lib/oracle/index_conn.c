/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The wire half of the index: connections, their PDUs in order, and which
 * reply answers which request.
 *
 * A connection is a client port from one CONN_UP to the next one of the same
 * port. MessageIds are used once in a connection, tags again and again, so a
 * reply belongs to the last request of its id that was read before the reply
 * began to leave.
 */
#include "judge_i.h"

#include <stdlib.h>
#include <string.h>

static bool is_cmd(const struct nwb_lrec *r, unsigned int smb, unsigned int p9)
{
	return r->cmd == (r->flags & NWB_LF_9P ? p9 : smb);
}

bool nwb_j_is_flush(const struct nwb_lrec *r)
{
	return is_cmd(r, SMB_FLUSH, P9_TFSYNC);
}

bool nwb_j_is_write(const struct nwb_lrec *r)
{
	return is_cmd(r, SMB_WRITE, P9_TWRITE);
}

bool nwb_j_was_told_ok(const struct judge *J, const struct jpdu *req)
{
	const struct jpdu *reply;

	if (req->peer == NO_INDEX)
		return false;
	reply = &J->pdu[req->peer];
	return reply->s.end != OPEN && !reply->r->status &&
	       reply->r->result >= 0;
}

uint32_t nwb_j_conn_at(const struct judge *J, uint32_t port, uint64_t ticket)
{
	uint32_t best = NO_INDEX;

	/* Sorted by port, then begin. */
	for (uint32_t i = 0; i < J->nr_conn; i++)
		if (J->conn[i].port == port && J->conn[i].up.begin <= ticket)
			best = i;
	return best;
}

/* CONN_UP, CONN_DOWN and PDUs together, to be cut into connections. */
struct event {
	struct jspan s;
	const struct nwb_lrec *r;
};

static int by_port(const void *a, const void *b)
{
	const struct event *x = a, *y = b;

	if (x->r->conn != y->r->conn)
		return x->r->conn < y->r->conn ? -1 : 1;
	return nwb_j_by_begin(&x->s, &y->s);
}

static struct jconn *new_conn(struct judge *J, uint32_t port)
{
	struct jconn *c = &J->conn[J->nr_conn++];

	*c = (struct jconn){.port = port, .pdu0 = J->nr_pdu};
	c->up.slot = NO_SLOT;
	c->down.slot = NO_SLOT;
	return c;
}

static void cut_conns(struct judge *J, const struct event *ev, uint64_t nr)
{
	struct jconn *c = NULL;

	for (uint64_t i = 0; i < nr; i++) {
		const struct nwb_lrec *r = ev[i].r;

		if (!c || c->port != r->conn || r->kind == NWB_L_CONN_UP)
			c = new_conn(J, r->conn);
		if (r->kind == NWB_L_CONN_UP) {
			c->up = ev[i].s;
			c->t_up = r->t_begin;
		} else if (r->kind == NWB_L_CONN_DOWN) {
			if (c->down.slot == NO_SLOT)
				c->down = ev[i].s;
		} else {
			J->pdu[J->nr_pdu++] = (struct jpdu){
				.s = ev[i].s,
				.r = r,
				.conn = (uint32_t)(c - J->conn),
				.peer = NO_INDEX,
				.is_reply = r->kind == NWB_L_PDU_REPLY,
			};
			c->nr_pdu++;
		}
	}
}

static bool is_event(const struct judge *J, uint64_t slot)
{
	unsigned int kind = nwb_j_kind(J, slot);

	return kind == NWB_L_PDU_REQ || kind == NWB_L_PDU_REPLY ||
	       kind == NWB_L_CONN_UP || kind == NWB_L_CONN_DOWN;
}

/* A request as the search for its reply wants it. */
struct asked {
	uint32_t conn;
	uint32_t pdu;
	uint64_t mid;
	struct jspan s;
};

static int by_mid(const void *a, const void *b)
{
	const struct asked *x = a, *y = b;

	if (x->conn != y->conn)
		return x->conn < y->conn ? -1 : 1;
	if (x->mid != y->mid)
		return x->mid < y->mid ? -1 : 1;
	return nwb_j_by_begin(&x->s, &y->s);
}

/* The last request of this id that was read before @p began to leave. */
static uint32_t find_request(const struct asked *asked, uint32_t nr,
			     const struct jpdu *p)
{
	struct asked key = {.conn = p->conn, .mid = p->r->mid, .s = p->s};
	uint32_t lo = 0, hi = nr;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (by_mid(&asked[mid], &key) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo || asked[lo - 1].conn != key.conn ||
	    asked[lo - 1].mid != key.mid)
		return NO_INDEX;
	return asked[lo - 1].pdu;
}

static int pair_replies(struct judge *J)
{
	struct asked *asked = nwb_j_alloc(J, J->nr_pdu, sizeof(*asked));
	uint32_t nr = 0;

	if (!asked)
		return -ENOMEM;
	for (uint32_t i = 0; i < J->nr_pdu; i++) {
		const struct jpdu *p = &J->pdu[i];

		/* A CANCEL carries the id of what it cancels. */
		if (!p->is_reply &&
		    (p->r->flags & NWB_LF_9P || p->r->cmd != SMB_CANCEL))
			asked[nr++] = (struct asked){.conn = p->conn,
						     .pdu = i,
						     .mid = p->r->mid,
						     .s = p->s};
	}
	qsort(asked, nr, sizeof(*asked), by_mid);
	for (uint32_t i = 0; i < J->nr_pdu; i++) {
		struct jpdu *p = &J->pdu[i];

		if (!p->is_reply)
			continue;
		p->peer = find_request(asked, nr, p);
		if (p->peer != NO_INDEX &&
		    !(p->r->flags & (NWB_LF_INTERIM | NWB_LF_DUP)) &&
		    J->pdu[p->peer].peer == NO_INDEX)
			J->pdu[p->peer].peer = i;
	}
	return 0;
}

/* Which file a request speaks of: its own word, else its reply's. */
uint16_t nwb_j_pdu_file(const struct judge *J, const struct jpdu *req)
{
	if (req->r->file)
		return req->r->file;
	return req->peer == NO_INDEX ? 0 : J->pdu[req->peer].r->file;
}

static void add_bad_flush(struct judge *J, uint16_t file, struct jspan s)
{
	for (unsigned int id = 1; id <= NWB_LEDGER_FILES; id++)
		if (!file || file == id)
			J->file[id].flush_bad[J->file[id].nr_flush_bad++] = s;
}

/*
 * FLUSHes that failed or were never answered, for O6: an fsync may tell of
 * them although no upload was given up. When the client learns of a missing
 * answer nobody knows: some time up to the end of the connection or later.
 */
static int index_bad_flushes(struct judge *J)
{
	uint64_t nr = 0;

	for (uint32_t i = 0; i < J->nr_pdu; i++)
		nr += !J->pdu[i].is_reply && nwb_j_is_flush(J->pdu[i].r);
	for (unsigned int id = 1; id <= NWB_LEDGER_FILES; id++) {
		struct jfile *f = &J->file[id];

		f->flush_bad = nwb_j_alloc(J, nr, sizeof(*f->flush_bad));
		if (!f->flush_bad)
			return -ENOMEM;
	}
	for (uint32_t i = 0; i < J->nr_pdu; i++) {
		const struct jpdu *p = &J->pdu[i];
		struct jspan s = p->s;

		if (p->is_reply || !nwb_j_is_flush(p->r) ||
		    nwb_j_was_told_ok(J, p))
			continue;
		s.end = OPEN;
		if (p->peer != NO_INDEX && J->pdu[p->peer].r->status)
			s.end = J->pdu[p->peer].s.end;
		add_bad_flush(J, nwb_j_pdu_file(J, p), s);
	}
	for (unsigned int id = 1; id <= NWB_LEDGER_FILES; id++)
		qsort(J->file[id].flush_bad, J->file[id].nr_flush_bad,
		      sizeof(struct jspan), nwb_j_by_begin);
	return 0;
}

static struct jxfer wire_xfer(const struct jpdu *p, const struct jpdu *req)
{
	return (struct jxfer){
		.s = p->s, .lo = req->r->off, .hi = req->r->off + req->r->len};
}

/* The bytes that the answer speaks of, which may be fewer. */
static struct jxfer wire_ack(const struct judge *J, const struct jpdu *req)
{
	const struct jpdu *reply = &J->pdu[req->peer];
	struct jxfer x = wire_xfer(reply, req);

	if (nwb_j_is_short(J, req))
		x.hi = x.lo + (uint64_t)reply->r->result;
	return x;
}

/* A PDU and its place, to be put in order across connections. */
struct placed {
	struct jspan s;
	uint32_t pdu;
};

/* The WRITE requests of each file, for O4. */
static int index_uploads(struct judge *J)
{
	struct placed *all = nwb_j_alloc(J, J->nr_pdu, sizeof(*all));
	uint32_t *nr = nwb_j_alloc(J, NWB_LEDGER_FILES + 1, sizeof(*nr));
	uint32_t n = 0;

	if (!all || !nr)
		return -ENOMEM;
	for (uint32_t i = 0; i < J->nr_pdu; i++) {
		const struct jpdu *p = &J->pdu[i];

		if (p->is_reply || !nwb_j_is_write(p->r) || !p->r->len ||
		    !nwb_j_pdu_file(J, p) || p->r->off + p->r->len < p->r->off)
			continue;
		all[n++] = (struct placed){p->s, i};
		nr[nwb_j_pdu_file(J, p)]++;
	}
	if (n)
		qsort(all, n, sizeof(*all), nwb_j_by_begin);
	for (unsigned int id = 1; id <= NWB_LEDGER_FILES; id++) {
		J->file[id].upload =
			nwb_j_alloc(J, nr[id], sizeof(*J->file[id].upload));
		if (!J->file[id].upload)
			return -ENOMEM;
	}
	for (uint32_t i = 0; i < n; i++) {
		struct jfile *f =
			&J->file[nwb_j_pdu_file(J, &J->pdu[all[i].pdu])];

		f->upload[f->nr_upload++] = all[i].pdu;
	}
	return 0;
}

/*
 * Somebody else's client keeps no ledger: its WRITE requests are what it sent,
 * the replies that left are what it was told.
 */
static int index_wire_xfers(struct judge *J)
{
	uint32_t *nr = nwb_j_alloc(J, NWB_LEDGER_FILES + 1, sizeof(*nr));

	if (!nr)
		return -ENOMEM;
	for (uint32_t i = 0; i < J->nr_pdu; i++)
		if (!J->pdu[i].is_reply && nwb_j_is_write(J->pdu[i].r))
			nr[nwb_j_pdu_file(J, &J->pdu[i])]++;
	for (unsigned int id = 1; id <= NWB_LEDGER_FILES; id++) {
		struct jfile *f = &J->file[id];

		f->sent = nwb_j_alloc(J, nr[id], sizeof(*f->sent));
		f->acked = nwb_j_alloc(J, nr[id], sizeof(*f->acked));
		if (!f->sent || !f->acked)
			return -ENOMEM;
		f->nr_sent = f->nr_acked = 0;
	}
	for (uint32_t i = 0; i < J->nr_pdu; i++) {
		const struct jpdu *p = &J->pdu[i];
		struct jfile *f;

		if (p->is_reply || !nwb_j_is_write(p->r) ||
		    !nwb_j_pdu_file(J, p) || p->r->off + p->r->len < p->r->off)
			continue;
		f = &J->file[nwb_j_pdu_file(J, p)];
		f->sent[f->nr_sent] = wire_xfer(p, p);
		f->sent[f->nr_sent++].is_lost = !nwb_j_was_told_ok(J, p);
		if (nwb_j_was_told_ok(J, p))
			f->acked[f->nr_acked++] = wire_ack(J, p);
	}
	for (unsigned int id = 1; id <= NWB_LEDGER_FILES; id++) {
		struct jfile *f = &J->file[id];

		qsort(f->sent, f->nr_sent, sizeof(*f->sent), nwb_j_by_begin);
		qsort(f->acked, f->nr_acked, sizeof(*f->acked), nwb_j_by_begin);
	}
	return 0;
}

int nwb_j_index_conns(struct judge *J)
{
	struct event *ev;
	uint64_t nr = 0, n = 0;
	int err;

	for (uint64_t i = 0; i < J->in->nr_rec; i++)
		nr += is_event(J, i);
	ev = nwb_j_alloc(J, nr, sizeof(*ev));
	J->pdu = nwb_j_alloc(J, nr, sizeof(*J->pdu));
	J->conn = nwb_j_alloc(J, nr, sizeof(*J->conn));
	if (!ev || !J->pdu || !J->conn)
		return -ENOMEM;
	for (uint64_t i = 0; i < J->in->nr_rec; i++)
		if (is_event(J, i))
			ev[n++] =
				(struct event){nwb_j_span_of(J, &J->in->rec[i]),
					       &J->in->rec[i]};
	qsort(ev, n, sizeof(*ev), by_port);
	cut_conns(J, ev, n);
	err = pair_replies(J);
	if (!err)
		err = index_bad_flushes(J);
	if (!err)
		err = index_uploads(J);
	if (!err && (J->in->policy.foreign || !J->has_sent))
		err = index_wire_xfers(J);
	return err;
}
