/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the wire tells of a client that keeps no ledger (a kernel): when it had
 * reason to doubt, and when it could not have got through.
 *
 *	trouble	a WRITE or FLUSH that failed, came back short, or had no answer;
 *		a connection or a server that went down, until the next good
 *		answer to a WRITE or FLUSH on any other; a fault's hit
 *
 *	outage	of these: a connection or a server down, a FLUSH that failed
 *
 * It says too much rather than too little: an error that some trouble may
 * explain is not called spurious.
 */
#include "judge_i.h"

#include <stdlib.h>

struct jwire {
	struct jspan *trouble; /* by begin */
	uint32_t nr_trouble;
	struct jspan *outage; /* by begin: those after which acked bytes may
			       * be sent again */
	uint32_t nr_outage;
	struct jspan *good; /* by begin: answers to a WRITE or FLUSH that left,
			     * so that the server is there again */
	uint32_t nr_good;
	uint64_t *reply; /* times of all replies to a working client, sorted */
	uint32_t nr_reply;
};

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

bool nwb_j_is_retryable(const struct nwb_policy *p, uint32_t status)
{
	for (unsigned int i = 0;
	     i < p->nr_retryable && i < NWB_ARRAY_SIZE(p->retryable); i++)
		if (p->retryable[i] == status)
			return true;
	return false;
}

bool nwb_j_is_short(const struct judge *J, const struct jpdu *req)
{
	const struct nwb_lrec *reply;

	if (req->peer == NO_INDEX || !nwb_j_is_write(req->r))
		return false;
	reply = J->pdu[req->peer].r;
	return !reply->status && reply->result > 0 &&
	       (uint64_t)reply->result < req->r->len;
}

static bool is_upload(const struct jpdu *p)
{
	return nwb_j_is_write(p->r) || nwb_j_is_flush(p->r);
}

static bool is_good(const struct judge *J, const struct jpdu *up)
{
	return nwb_j_was_told_ok(J, up) && !nwb_j_is_short(J, up);
}

/* When a client that lost its server at @from was sure to have it back. */
static uint64_t back_at(const struct jwire *w, uint64_t from)
{
	uint32_t lo = 0, hi = w->nr_good;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (w->good[mid].begin > from)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo < w->nr_good ? w->good[lo].end : OPEN;
}

static void add_trouble(struct jwire *w, struct jspan s, uint64_t end)
{
	s.end = end;
	w->trouble[w->nr_trouble++] = s;
}

static void add_outage(struct jwire *w, struct jspan s, uint64_t end)
{
	add_trouble(w, s, end);
	s.end = end;
	w->outage[w->nr_outage++] = s;
}

static void find_good(const struct judge *J, struct jwire *w)
{
	for (uint32_t i = 0; i < J->nr_pdu; i++) {
		const struct jpdu *p = &J->pdu[i];

		if (p->is_reply) {
			if (nwb_j_is_working(J, &J->conn[p->conn]))
				w->reply[w->nr_reply++] = p->r->t_begin;
			continue;
		}
		if (is_upload(p) && is_good(J, p))
			w->good[w->nr_good++] = J->pdu[p->peer].s;
	}
	if (w->nr_good)
		qsort(w->good, w->nr_good, sizeof(*w->good), nwb_j_by_begin);
	if (w->nr_reply)
		qsort(w->reply, w->nr_reply, sizeof(*w->reply), by_value);
}

static void find_bad_uploads(const struct judge *J, struct jwire *w)
{
	for (uint32_t i = 0; i < J->nr_pdu; i++) {
		const struct jpdu *p = &J->pdu[i];
		const struct jconn *c = &J->conn[p->conn];
		uint64_t end;

		if (p->is_reply || !is_upload(p) || is_good(J, p))
			continue;
		end = c->down.slot == NO_SLOT ? OPEN
					      : back_at(w, c->down.begin);
		if (p->peer != NO_INDEX && J->pdu[p->peer].s.end != OPEN)
			end = J->pdu[p->peer].s.end;
		if (nwb_j_is_flush(p->r))
			add_outage(w, p->s, end);
		else
			add_trouble(w, p->s, end);
	}
}

static int alloc_wire(struct judge *J, struct jwire *w)
{
	uint64_t bad = J->nr_conn, good = 0, replies = 0;

	for (uint32_t i = 0; i < J->nr_pdu; i++) {
		const struct jpdu *p = &J->pdu[i];

		if (p->is_reply)
			replies++;
		else if (is_upload(p) && is_good(J, p))
			good++;
		else if (is_upload(p))
			bad++;
	}
	for (uint64_t i = 0; i < J->in->nr_rec; i++)
		bad += nwb_j_kind(J, i) == NWB_L_SERVER_DOWN ||
		       nwb_j_kind(J, i) == NWB_L_FAULT;
	w->trouble = nwb_j_alloc(J, bad, sizeof(*w->trouble));
	w->outage = nwb_j_alloc(J, bad, sizeof(*w->outage));
	w->good = nwb_j_alloc(J, good, sizeof(*w->good));
	w->reply = nwb_j_alloc(J, replies, sizeof(*w->reply));
	return w->trouble && w->outage && w->good && w->reply ? 0 : -ENOMEM;
}

static int build(struct judge *J)
{
	struct jwire *w = nwb_j_alloc(J, 1, sizeof(*w));

	if (!w || alloc_wire(J, w))
		return -ENOMEM;
	find_good(J, w);
	find_bad_uploads(J, w);
	for (uint32_t i = 0; i < J->nr_conn; i++) {
		const struct jconn *c = &J->conn[i];

		if (c->down.slot != NO_SLOT && nwb_j_is_working(J, c))
			add_outage(w, c->down, back_at(w, c->down.begin));
	}
	for (uint64_t i = 0; i < J->in->nr_rec; i++) {
		unsigned int kind = nwb_j_kind(J, i);
		struct jspan s;

		if (kind != NWB_L_SERVER_DOWN && kind != NWB_L_FAULT)
			continue;
		s = nwb_j_span_of(J, &J->in->rec[i]);
		if (kind == NWB_L_FAULT)
			add_trouble(w, s, back_at(w, s.begin));
		else
			add_outage(w, s, back_at(w, s.begin));
	}
	if (w->nr_outage)
		qsort(w->outage, w->nr_outage, sizeof(*w->outage),
		      nwb_j_by_begin);
	if (w->nr_trouble)
		qsort(w->trouble, w->nr_trouble, sizeof(*w->trouble),
		      nwb_j_by_begin);
	J->wire = w;
	return 0;
}

int nwb_j_wire_build(struct judge *J)
{
	return J->wire ? 0 : build(J);
}

static bool had(const struct jspan *s, uint32_t nr, uint64_t since,
		uint64_t until)
{
	for (uint32_t i = 0; i < nr; i++) {
		if (s[i].begin >= until)
			break;
		if (s[i].end >= since)
			return true;
	}
	return false;
}

/** nwb_j_had_trouble() - may some trouble have begun before ticket @until and
 * not been over at @since? */
bool nwb_j_had_trouble(const struct judge *J, uint64_t since, uint64_t until)
{
	return had(J->wire->trouble, J->wire->nr_trouble, since, until);
}

/** nwb_j_had_outage() - the same of outages. */
bool nwb_j_had_outage(const struct judge *J, uint64_t since, uint64_t until)
{
	return had(J->wire->outage, J->wire->nr_outage, since, until);
}

/** nwb_j_longest_silence() - ns without any reply up to time @until. */
uint64_t nwb_j_longest_silence(const struct judge *J, uint64_t until)
{
	const struct jwire *w = J->wire;
	uint64_t longest = 0, last;

	if (!w->nr_reply || w->reply[0] >= until)
		return FOREVER;
	last = w->reply[0];
	for (uint32_t i = 1; i < w->nr_reply && w->reply[i] < until; i++) {
		longest = nwb_max(longest, w->reply[i] - last);
		last = w->reply[i];
	}
	return nwb_max(longest, until - last);
}
