/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What in a ledger concerns one byte.
 *
 * Records that have a place (writes, sends, requests, effects) concern it when
 * they cover it. A reply or a fault is found through its request: of all with
 * that connection and MessageId or tag, the newest that was there before it
 * (tags of 9P are used again). Opens, fsyncs, flushes and truncates concern
 * every byte of the file; connections that carried it, and the server's
 * comings and goings, concern it too.
 */
#include "explain_i.h"

#include "nwb/mem.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A write has at most 64 Ki lanes, so its runs are not far behind it. */
#define RUNS_WITHIN (1u << 17)

bool ex_is_there(const struct nwb_lrec *r)
{
	return atomic_load_explicit(&r->state, memory_order_acquire) !=
	       NWB_LS_FREE;
}

bool ex_has_ended(const struct nwb_lrec *r)
{
	return atomic_load_explicit(&r->state, memory_order_acquire) ==
	       NWB_LS_ENDED;
}

static bool covers(const struct nwb_lrec *r, uint64_t off)
{
	return off >= r->off && off - r->off < r->len;
}

static int by_begin(const void *a, const void *b)
{
	const struct nwb_lrec *const *x = a, *const *y = b;

	if ((*x)->begin != (*y)->begin)
		return (*x)->begin < (*y)->begin ? -1 : 1;
	return *x < *y ? -1 : *x > *y;
}

static int by_request(const void *a, const void *b)
{
	const struct nwb_lrec *const *x = a, *const *y = b;

	if ((*x)->conn != (*y)->conn)
		return (*x)->conn < (*y)->conn ? -1 : 1;
	if ((*x)->mid != (*y)->mid)
		return (*x)->mid < (*y)->mid ? -1 : 1;
	return by_begin(a, b);
}

/* request_of() - the request that @r is about, NULL: none is known. */
static const struct nwb_lrec *request_of(const struct explain *x,
					 const struct nwb_lrec *r)
{
	uint64_t lo = 0, hi = x->nr_req;
	const struct nwb_lrec *q;

	while (lo < hi) {
		uint64_t mid = lo + (hi - lo) / 2;

		q = x->req[mid];
		if (q->conn < r->conn ||
		    (q->conn == r->conn &&
		     (q->mid < r->mid ||
		      (q->mid == r->mid && q->begin <= r->begin))))
			lo = mid + 1;
		else
			hi = mid;
	}
	q = lo ? x->req[lo - 1] : NULL;
	return q && q->conn == r->conn && q->mid == r->mid ? q : NULL;
}

/* SMB2 FLUSH, Tfsync: the wire's fsync. */
static bool is_flush(const struct nwb_lrec *r)
{
	return r->flags & NWB_LF_9P ? r->cmd == 50 : r->cmd == 7;
}

static bool request_concerns(const struct explain *x, const struct nwb_lrec *q)
{
	return q->file == x->file && (is_flush(q) || covers(q, x->off));
}

static bool fault_concerns(const struct explain *x, const struct nwb_lrec *r)
{
	const struct nwb_lrec *q = request_of(x, r);

	if (q)
		return request_concerns(x, q);
	/* A cut before a request: that request was never recorded. */
	return r->file == x->file && (!r->len || covers(r, x->off));
}

/* carried() - did the connection of @r carry a request for the byte? */
static bool carried(const struct explain *x, const struct nwb_lrec *r)
{
	uint64_t lo = 0, hi = x->nr_req;

	while (lo < hi) {
		uint64_t mid = lo + (hi - lo) / 2;

		if (x->req[mid]->conn < r->conn)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < x->nr_req && x->req[lo]->conn == r->conn; lo++)
		if (request_concerns(x, x->req[lo]))
			return true;
	return false;
}

static bool concerns(const struct explain *x, const struct nwb_lrec *r)
{
	const struct nwb_lrec *q;

	switch (r->kind) {
	case NWB_L_OPEN:
	case NWB_L_FSYNC:
	case NWB_L_CLOSE:
	case NWB_L_TRUNCATE:
	case NWB_L_EFFECT_FSYNC:
	case NWB_L_EFFECT_TRUNCATE:
		return r->file == x->file;
	case NWB_L_WRITE:
	case NWB_L_READ:
	case NWB_L_SENT:
	case NWB_L_ACKED:
	case NWB_L_EFFECT_WRITE:
		return r->file == x->file && covers(r, x->off);
	case NWB_L_GIVEUP:
		return r->file == x->file && (!r->len || covers(r, x->off));
	case NWB_L_PDU_REQ:
		return request_concerns(x, r);
	case NWB_L_PDU_REPLY:
		q = request_of(x, r);
		return q && request_concerns(x, q);
	case NWB_L_FAULT:
		return fault_concerns(x, r);
	case NWB_L_CONN_UP:
	case NWB_L_CONN_DOWN:
		return carried(x, r);
	case NWB_L_CONNECT:
	case NWB_L_SERVER_UP:
	case NWB_L_SERVER_DOWN:
	case NWB_L_HEAL:
	case NWB_L_RUN_END:
		return true;
	default:
		return false;
	}
}

bool ex_version(const struct explain *x, const struct nwb_lrec *r,
		uint32_t *ret_version)
{
	uint64_t slot = (uint64_t)(r - x->rec);

	uint64_t last = nwb_min(x->nr_rec, slot + RUNS_WITHIN);

	/* its runs are written behind it, between its begin and its end */
	for (uint64_t i = slot + 1; i < last; i++) {
		const struct nwb_lrec *run = &x->rec[i];

		if (!ex_is_there(run))
			continue;
		if (run->begin > r->end)
			return false;
		if (run->kind != NWB_L_EFFECT_RUN || run->parent != slot + 1 ||
		    !covers(run, x->off))
			continue;
		if (run->flags & NWB_LF_PARTIAL)
			return false;
		*ret_version = run->flags & NWB_LF_ZERO ? 0 : run->version;
		return true;
	}
	return false;
}

/* --- the sum ---------------------------------------------------------------
 */

static void add_effect(struct explain *x, const struct nwb_lrec *r)
{
	struct ex_sum *s = &x->sum;

	if (!ex_has_ended(r) || r->result < 0 ||
	    x->off - r->off >= (uint64_t)r->result)
		return;
	/* of two that overlap in time the later end is told */
	if (s->applied && s->applied->end > r->end)
		return;
	s->applied = r;
	s->is_known = ex_version(x, r, &s->applied_version);
}

/* newest_before() - the newest write that was over before the fsync at @at
 * began; 0: none. */
static uint32_t newest_before(const struct explain *x, uint64_t at)
{
	uint64_t begin = x->hit[at]->begin;

	while (at-- > 0)
		if (x->hit[at]->kind == NWB_L_WRITE && x->hit[at]->end < begin)
			return x->hit[at]->version;
	return 0;
}

static void add(struct explain *x, uint64_t at)
{
	const struct nwb_lrec *r = x->hit[at];
	struct ex_sum *s = &x->sum;

	switch (r->kind) {
	case NWB_L_WRITE:
		if (r->result > 0 && x->off - r->off < (uint64_t)r->result)
			s->written = r;
		break;
	case NWB_L_FSYNC:
		x->covered = newest_before(x, at);
		if (!ex_has_ended(r) || r->result)
			break;
		s->promise = r;
		s->promised_version = x->covered;
		break;
	case NWB_L_SENT:
		s->nr_sent++;
		break;
	case NWB_L_ACKED:
		s->nr_acked++;
		break;
	case NWB_L_GIVEUP:
		s->nr_gaveup++;
		break;
	case NWB_L_FAULT:
		s->nr_faults++;
		break;
	case NWB_L_EFFECT_WRITE:
		add_effect(x, r);
		break;
	default:
		break;
	}
}

/* --- collecting ------------------------------------------------------------
 */

static int collect_requests(struct explain *x)
{
	uint64_t nr = 0;

	for (uint64_t i = 0; i < x->nr_rec; i++)
		nr += ex_is_there(&x->rec[i]) &&
		      x->rec[i].kind == NWB_L_PDU_REQ;
	x->req = nwb_alloc((nr + 1) * sizeof(*x->req));
	if (!x->req)
		return -ENOMEM;
	for (uint64_t i = 0; i < x->nr_rec && x->nr_req < nr; i++)
		if (ex_is_there(&x->rec[i]) && x->rec[i].kind == NWB_L_PDU_REQ)
			x->req[x->nr_req++] = &x->rec[i];
	qsort(x->req, x->nr_req, sizeof(*x->req), by_request);
	return 0;
}

static int collect_hits(struct explain *x)
{
	uint64_t nr = 0;

	for (uint64_t i = 0; i < x->nr_rec; i++)
		nr += ex_is_there(&x->rec[i]) && concerns(x, &x->rec[i]);
	x->hit = nwb_alloc((nr + 1) * sizeof(*x->hit));
	if (!x->hit)
		return -ENOMEM;
	for (uint64_t i = 0; i < x->nr_rec && x->nr_hit < nr; i++)
		if (ex_is_there(&x->rec[i]) && concerns(x, &x->rec[i]))
			x->hit[x->nr_hit++] = &x->rec[i];
	qsort(x->hit, x->nr_hit, sizeof(*x->hit), by_begin);
	return 0;
}

/* The largest end of anything written, and the first moment. */
static uint64_t file_end(struct explain *x)
{
	uint64_t end = 0;

	x->t0 = UINT64_MAX;
	for (uint64_t i = 0; i < x->nr_rec; i++) {
		const struct nwb_lrec *r = &x->rec[i];

		if (!ex_is_there(r))
			continue;
		x->t0 = nwb_min(x->t0, r->t_begin);
		if (r->file != x->file ||
		    (r->kind != NWB_L_WRITE && r->kind != NWB_L_EFFECT_WRITE &&
		     r->kind != NWB_L_PDU_REQ))
			continue;
		if (r->len <= UINT64_MAX - r->off)
			end = nwb_max(end, r->off + r->len);
		else
			end = UINT64_MAX;
	}
	return end;
}

int nwb_explain_file(const struct nwb_ledger *l, const char *name,
		     struct nwb_err *err)
{
	const struct nwb_ledger_hdr *h = l->hdr;
	uint32_t nr = nwb_min(h->nr_files, NWB_LEDGER_FILES);
	char list[200] = "";
	size_t at = 0;

	for (uint32_t i = 0; i < nr; i++) {
		const struct nwb_ledger_file *f = &h->file[i];

		if (f->id && strlen(name) < sizeof(f->name) &&
		    !strncmp(f->name, name, sizeof(f->name)))
			return f->id;
		if (at < sizeof(list))
			at += (size_t)snprintf(list + at, sizeof(list) - at,
					       "%s%.62s", i ? ", " : "",
					       f->name);
	}
	return nwb_err_set(err, -ENOENT,
			   "no file \"%.64s\" in the ledger; %s%s", name,
			   nr ? "it has " : "it has none at all", list);
}

int nwb_explain(const struct nwb_ledger *l, uint16_t file, uint64_t off,
		void (*put)(void *arg, const char *line), void *arg,
		struct nwb_err *err)
{
	struct explain x = {
		.rec = l->hdr->slot,
		.nr_rec = nwb_ledger_count(l),
		.file = file,
		.off = off,
		.put = put,
		.arg = arg,
	};
	uint64_t end = file_end(&x);
	int rc;

	if (off >= end)
		return nwb_err_set(err, -ERANGE,
				   "offset %llu: nothing was written there, "
				   "the file ends at %llu",
				   (unsigned long long)off,
				   (unsigned long long)end);
	rc = collect_requests(&x);
	if (!rc)
		rc = collect_hits(&x);
	if (rc)
		nwb_err_set(err, rc, "no memory for so many records");
	for (uint64_t i = 0; !rc && i < x.nr_hit; i++) {
		add(&x, i);
		ex_line(&x, x.hit[i]);
	}
	if (!rc)
		ex_summary(&x);
	nwb_free(x.req);
	nwb_free(x.hit);
	return rc;
}
