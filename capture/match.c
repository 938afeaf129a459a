/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Faults to PDUs.
 *
 *	FAULT record: conn, MessageId or tag, time t
 *
 *	     request          t              reply        next request
 *	────────█─────────────┊────────────────█──────────────█────► same mid
 *	        newest one    ┊   first one after t; none: it was never sent
 *	        before t      ┊
 *
 * A request is on the wire before the shim has read it and a reply after the
 * shim let it go, so their packets are on the right sides of t. Tags of 9P are
 * used again and again, hence the times. A frame that is encrypted shows no
 * MessageId: then the requests or replies of the connection are counted, in
 * the ledger and on the wire, and the n-th is the n-th. What is left is placed
 * by time alone, and says so.
 */
#include "capture_i.h"
#include "nwb/p9_pdu.h"
#include "nwb/smb2_pdu.h"

#include "nwb/mem.h"
#include <stdlib.h>
#include <string.h>

/* A PDU's place in the order (port, mid, time), for the search. */
struct key {
	uint32_t port;
	uint64_t mid;
	uint64_t t_ns;
	uint64_t at; /* index into pdus->v */
};

struct match {
	const struct nwb_capture_notes *n;
	const struct cap_pdus *p;
	struct key *key; /* p->nr */
	bool is_9p;
	int64_t shift; /* CLOCK_MONOTONIC to CLOCK_REALTIME */
	struct cap_notes *out;
};

static int by_key(const void *a, const void *b)
{
	const struct key *x = a, *y = b;

	if (x->port != y->port)
		return x->port < y->port ? -1 : 1;
	if (x->mid != y->mid)
		return x->mid < y->mid ? -1 : 1;
	if (x->t_ns != y->t_ns)
		return x->t_ns < y->t_ns ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

static int by_packet(const void *a, const void *b)
{
	const struct cap_note *x = a, *y = b;

	if (x->packet != y->packet)
		return x->packet < y->packet ? -1 : 1;
	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

/* CUT events stand apart from all PDUs. */
static uint64_t key_mid(const struct cap_pdu *p)
{
	return p->what == CAP_CUT ? CAP_NO_MID - 1 : p->mid;
}

static bool make_keys(struct match *m)
{
	if (!m->p->nr)
		return true;
	m->key = nwb_alloc(m->p->nr * sizeof(*m->key));
	if (!m->key)
		return false;
	for (uint64_t i = 0; i < m->p->nr; i++) {
		const struct cap_pdu *p = &m->p->v[i];

		m->key[i] = (struct key){p->port, key_mid(p), p->t_ns, i};
	}
	qsort(m->key, m->p->nr, sizeof(*m->key), by_key);
	return true;
}

/* upper() - the first key behind (port, mid, t). */
static uint64_t upper(const struct match *m, uint32_t port, uint64_t mid,
		      uint64_t t)
{
	const struct key want = {port, mid, t, UINT64_MAX};
	uint64_t lo = 0, hi = m->p->nr;

	while (lo < hi) {
		uint64_t mid_at = lo + (hi - lo) / 2;

		if (by_key(&m->key[mid_at], &want) <= 0)
			lo = mid_at + 1;
		else
			hi = mid_at;
	}
	return lo;
}

static const struct cap_pdu *at(const struct match *m, uint64_t k,
				uint32_t port, uint64_t mid)
{
	if (k >= m->p->nr || m->key[k].port != port || m->key[k].mid != mid)
		return NULL;
	return &m->p->v[m->key[k].at];
}

static uint64_t real_time(const struct match *m, const struct nwb_lrec *f)
{
	return f->t_begin + (uint64_t)m->shift;
}

/* find() - the reply after the fault, else the request before it. */
static const struct cap_pdu *find(const struct match *m,
				  const struct nwb_lrec *f, uint64_t mid)
{
	uint64_t k = upper(m, f->conn, mid, real_time(m, f));
	const struct cap_pdu *p = at(m, k, f->conn, mid);

	if (p && p->what == CAP_REPLY)
		return p;
	while (k-- > 0) {
		p = at(m, k, f->conn, mid);
		if (!p || p->what == CAP_REQUEST)
			return p;
	}
	return NULL;
}

/* The reset that the fault caused: the first after it. */
static const struct cap_pdu *find_cut(const struct match *m,
				      const struct nwb_lrec *f)
{
	return at(m, upper(m, f->conn, CAP_NO_MID - 1, real_time(m, f)),
		  f->conn, CAP_NO_MID - 1);
}

/* nearest() - the newest packet before the fault, of its connection when that
 * is known; the list of PDUs is in order of packets, but for a few. */
static const struct cap_pdu *nearest(const struct match *m,
				     const struct nwb_lrec *f)
{
	const struct cap_pdu *best = NULL;
	uint64_t t = real_time(m, f);

	for (uint64_t i = 0; i < m->p->nr; i++) {
		const struct cap_pdu *p = &m->p->v[i];

		if ((f->conn && p->port != f->conn) || p->t_ns > t ||
		    p->what == CAP_CUT)
			continue;
		if (!best || p->t_ns >= best->t_ns)
			best = p;
	}
	return best;
}

/* --- encrypted: counting ---------------------------------------------------
 */

static bool was_sent(const struct nwb_lrec *r)
{
	return atomic_load_explicit(&r->state, memory_order_acquire) ==
	       NWB_LS_ENDED;
}

static bool is_readable(const struct nwb_lrec *r)
{
	return atomic_load_explicit(&r->state, memory_order_acquire) !=
	       NWB_LS_FREE;
}

/* The record whose frame is wanted: the reply that followed the fault, else
 * the request; NULL: a request that was cut before it was recorded. */
static const struct nwb_lrec *record_of(const struct match *m,
					const struct nwb_lrec *f, uint16_t kind)
{
	const struct nwb_lrec *best = NULL;

	for (uint64_t i = 0; i < m->n->nr_rec; i++) {
		const struct nwb_lrec *r = &m->n->rec[i];

		if (!is_readable(r) || r->kind != kind || r->conn != f->conn ||
		    r->mid != f->mid)
			continue;
		if (kind == NWB_L_PDU_REPLY && r->begin > f->begin &&
		    was_sent(r) && (!best || r->begin < best->begin))
			best = r;
		if (kind == NWB_L_PDU_REQ && r->begin <= f->begin &&
		    (!best || r->begin > best->begin))
			best = r;
	}
	return best;
}

/*
 * nth() - the frame of the record of @kind that begins at @begin, by counting
 * those before it. The other side reads and sends in order, so the n-th record
 * is the n-th frame; what was sent and never read comes behind. More records
 * than frames prove that this is not so (compounds): NULL.
 */
static const struct cap_pdu *nth(const struct match *m, uint32_t conn,
				 uint16_t kind, uint64_t begin)
{
	uint8_t what = kind == NWB_L_PDU_REPLY ? CAP_REPLY : CAP_REQUEST;
	uint64_t nr = 0, before = 0, on_wire = 0;
	const struct cap_pdu *found = NULL;

	for (uint64_t i = 0; i < m->n->nr_rec; i++) {
		const struct nwb_lrec *r = &m->n->rec[i];

		if (!is_readable(r) || r->kind != kind || r->conn != conn ||
		    (what == CAP_REPLY && !was_sent(r)))
			continue;
		nr++;
		before += r->begin < begin;
	}
	for (uint64_t i = 0; i < m->p->nr; i++) {
		const struct cap_pdu *p = &m->p->v[i];

		if (p->port != conn || p->what != what || !p->is_whole)
			continue;
		if (on_wire++ == before)
			found = p;
	}
	return on_wire >= nr ? found : NULL;
}

static const struct cap_pdu *by_counting(const struct match *m,
					 const struct nwb_lrec *f)
{
	const struct nwb_lrec *r = record_of(m, f, NWB_L_PDU_REPLY);

	if (r)
		return nth(m, f->conn, NWB_L_PDU_REPLY, r->begin);
	r = record_of(m, f, NWB_L_PDU_REQ);
	return nth(m, f->conn, NWB_L_PDU_REQ, r ? r->begin : f->begin);
}

/* --- texts -----------------------------------------------------------------
 */

/* The T message is named for its answer too. */
static const char *command(const struct match *m, unsigned int cmd)
{
	return m->is_9p ? nwb_p9_type_name((uint8_t)(cmd & ~1u))
			: nwb_smb2_command_name(cmd);
}

static void describe(const struct match *m, const struct nwb_lrec *f, char *buf,
		     size_t size)
{
	char name[16];
	bool is_known = f->rule < m->n->nr_rules;
	int n;

	snprintf(name, sizeof(name), "#%u", f->rule);
	n = snprintf(buf, size, "netwb: rule %.32s, hit %llu: %.64s",
		     is_known ? m->n->rule[f->rule].name : name,
		     (unsigned long long)f->aux,
		     is_known ? m->n->rule[f->rule].what : "a fault");
	if (n < 0 || (size_t)n >= size || (!f->conn && !f->mid))
		return;
	n += snprintf(buf + n, size - (size_t)n, ", %s %s %llu",
		      command(m, f->cmd), m->is_9p ? "tag" : "mid",
		      (unsigned long long)f->mid);
	if ((size_t)n < size && f->len)
		snprintf(buf + n, size - (size_t)n, " off %llu len %llu",
			 (unsigned long long)f->off,
			 (unsigned long long)f->len);
}

static void add(struct match *m, uint64_t packet, const char *fmt,
		const char *text)
{
	struct cap_notes *out = m->out;

	if (out->is_short)
		return;
	if (out->nr == out->max) {
		uint64_t max = out->max ? out->max * 2 : 64;
		struct cap_note *v = nwb_alloc(max * sizeof(*v));

		if (!v) {
			out->is_short = true;
			return;
		}
		if (out->nr)
			memcpy(v, out->v, out->nr * sizeof(*v));
		nwb_free(out->v);
		out->v = v;
		out->max = max;
	}
	out->v[out->nr].packet = packet;
	out->v[out->nr].seq = out->nr;
	snprintf(out->v[out->nr].text, sizeof(out->v[0].text), "%.170s%s", text,
		 fmt);
	out->nr++;
}

static void one_fault(struct match *m, const struct nwb_lrec *f)
{
	const struct cap_pdu *p = NULL;
	const char *how = "";
	char text[176];

	m->out->faults++;
	if (f->conn)
		p = find(m, f, f->mid);
	if (!p && f->conn && m->p->encrypted)
		p = by_counting(m, f);
	if (!p) {
		p = nearest(m, f);
		how = " (by time)";
		m->out->by_time += p != NULL;
	}
	describe(m, f, text, sizeof(text));
	if (!p) {
		add(m, CAP_NOWHERE, " (its packet is not here)", text);
		return;
	}
	m->out->placed++;
	add(m, p->packet, how, text);
	if (f->rule >= m->n->nr_rules || !m->n->rule[f->rule].cuts)
		return;
	p = f->conn ? find_cut(m, f) : NULL;
	if (p)
		add(m, p->packet, " (this ends the connection)", text);
}

void cap_match(const struct nwb_capture_notes *n, const struct cap_pdus *p,
	       bool is_9p, int64_t real_minus_mono, struct cap_notes *ret)
{
	struct match m = {.n = n,
			  .p = p,
			  .is_9p = is_9p,
			  .shift = real_minus_mono,
			  .out = ret};

	*ret = (struct cap_notes){0};
	if (!make_keys(&m)) {
		ret->is_short = true;
		return;
	}
	for (uint64_t i = 0; i < n->nr_rec; i++)
		if (is_readable(&n->rec[i]) && n->rec[i].kind == NWB_L_FAULT)
			one_fault(&m, &n->rec[i]);
	if (ret->nr)
		qsort(ret->v, ret->nr, sizeof(*ret->v), by_packet);
	nwb_free(m.key);
}

void cap_notes_free(struct cap_notes *n)
{
	nwb_free(n->v);
	*n = (struct cap_notes){0};
}
