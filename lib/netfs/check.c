/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The invariants of nwb/netfs_check.h (T1 to T18, D8).
 *
 *	lock that is given back		what is looked at
 *	rreq->lock ("netfs request")	that request, against its shadow
 *	inode->lock ("netfs inode")	that inode: requests, folios, sums
 *
 * A shadow remembers what a request looked like the last time, for what only
 * shows over time: whether a mark went back, which claims ended, what failed.
 * It belongs to one life of a request (rreq->seq of its inode).
 *
 * While the retryer tiles a run anew (NWB_RETRY_QUEUED) subrequests of that
 * request overlap and leave gaps on purpose: T1 and T9 hold before and after.
 *
 * Not here: T12, which whoever calls nwb_inode_writepages() can see. T13 in
 * itself shows as a hang or as an error nobody deserved; at rest it is seen that
 * every object has come back, to its pool or to the heap.
 */
#include "internal.h"

#include "nwb/netfs_check.h"

#include <stdarg.h>
#include <stdio.h>

#define NR_SHADOWS 64u
#define NR_CLAIMS  256u
#define NR_FAILED  16u
#define NR_ACKED   128u

struct extent {
	uint64_t start, end;
};

struct shadow {
	const struct nwb_io_request *rreq;
	const struct nwb_inode *inode;
	uint64_t seq;
	uint64_t collected_to, issued_to;
	uint64_t stream_to[NWB_NR_STREAMS];
	uint64_t last_end[NWB_NR_STREAMS]; /* of any subrequest so far */
	uint64_t quiet_since; /* a retry is due and nothing is in its way */
	bool all_queued;
	bool is_blind;		/* more claims than there is room for */
	unsigned int first, nr; /* of claim[], a ring */
	struct extent claim[NR_CLAIMS];
	unsigned int nr_failed;
	struct extent failed[NR_FAILED];
	unsigned int nr_acked; /* of a short write, before the rest moves on */
	struct extent acked[NR_ACKED];
};

struct nwb_netfs_check {
	struct nwb_netfs *nf;
	struct nwb_netfs_broken *b;
	struct shadow shadow[NR_SHADOWS];
};

static const char *const rule_name[NWB_RULES] = {
	[NWB_RULE_T1] = "T1",	[NWB_RULE_T2] = "T2",	[NWB_RULE_T3] = "T3",
	[NWB_RULE_T4] = "T4",	[NWB_RULE_T5] = "T5",	[NWB_RULE_T6] = "T6",
	[NWB_RULE_T7] = "T7",	[NWB_RULE_T8] = "T8",	[NWB_RULE_T9] = "T9",
	[NWB_RULE_T10] = "T10", [NWB_RULE_T11] = "T11", [NWB_RULE_T13] = "T13",
	[NWB_RULE_T14] = "T14", [NWB_RULE_T15] = "T15", [NWB_RULE_T16] = "T16",
	[NWB_RULE_T17] = "T17", [NWB_RULE_T18] = "T18", [NWB_RULE_D8] = "D8",
	[NWB_RULE_SUM] = "SUM",
};

const char *nwb_netfs_rule_name(enum nwb_netfs_rule rule)
{
	return (unsigned int)rule < NWB_RULES ? rule_name[rule] : "?";
}

/* False and the text when @ok is not so. */
static bool nwb_printf(4, 5)
	holds(struct nwb_netfs_check *c, enum nwb_netfs_rule rule, bool ok,
	      const char *fmt, ...)
{
	va_list ap;

	if (ok)
		return true;
	c->b->rule = rule;
	va_start(ap, fmt);
	vsnprintf(c->b->text, sizeof(c->b->text), fmt, ap);
	va_end(ap);
	return false;
}

#define LL(x) ((unsigned long long)(x))

static struct nwb_sreq *sreq_at(const struct nwb_list *l)
{
	return nwb_to_sreq(
		nwb_list_entry(l, struct nwb_io_subrequest, rreq_link));
}

static struct nwb_claim *claim_at(const struct nwb_list *l)
{
	return nwb_list_entry(l, struct nwb_claim, link);
}

static uint64_t end_of(const struct nwb_sreq *q)
{
	return nwb_sreq_start(q) + nwb_sreq_span(q);
}

static bool is_unfinished(const struct nwb_sreq *q)
{
	if (q->in_progress)
		return true;
	return !(q->s.flags & NWB_SREQ_FAILED) &&
	       q->s.transferred < nwb_sreq_span(q);
}

/* --- the shadow ----------------------------------------------------------- */

static struct shadow *shadow_of(struct nwb_netfs_check *c,
				const struct nwb_io_request *rreq)
{
	struct shadow *free_one = NULL;

	for (unsigned int i = 0; i < NR_SHADOWS; i++) {
		struct shadow *s = &c->shadow[i];

		if (s->rreq == rreq) {
			if (s->inode == rreq->inode && s->seq == rreq->seq)
				return s;
			free_one = s;
			break;
		}
		if (!free_one && !s->rreq)
			free_one = s;
	}
	if (!free_one)
		return NULL;
	memset(free_one, 0, offsetof(struct shadow, claim));
	free_one->nr_failed = 0;
	free_one->nr_acked = 0;
	free_one->rreq = rreq;
	free_one->inode = rreq->inode;
	free_one->seq = rreq->seq;
	return free_one;
}

/* Where the claim begins that is being issued: a stream becomes active before
 * its first bytes are. */
static uint64_t next_start(const struct nwb_io_request *rreq,
			   uint64_t issued_to)
{
	for (const struct nwb_list *l = rreq->claims.next; l != &rreq->claims;
	     l = l->next)
		if (nwb_claim_end(claim_at(l)) > issued_to)
			return claim_at(l)->start;
	return 0;
}

/* T2, T3. */
static bool check_marks(struct nwb_netfs_check *c, struct shadow *s,
			const struct nwb_io_request *rreq)
{
	uint64_t issued_to = atomic_load(&rreq->issued_to);
	bool ok = holds(c, NWB_RULE_T2,
			rreq->collected_to >= s->collected_to &&
				issued_to >= s->issued_to,
			"request %llu: collected_to %llu after %llu, issued_to "
			"%llu after %llu",
			LL(rreq->seq), LL(rreq->collected_to),
			LL(s->collected_to), LL(issued_to), LL(s->issued_to));

	for (unsigned int i = 0; ok && i < NWB_NR_STREAMS; i++) {
		const struct nwb_io_stream *st = &rreq->streams[i];
		uint64_t max;

		if (!st->active)
			continue;
		if (!nwb_list_empty(&st->subrequests)) {
			const struct nwb_sreq *q =
				sreq_at(st->subrequests.prev);

			s->last_end[i] = nwb_max(s->last_end[i], end_of(q));
		}
		max = nwb_max(nwb_max(issued_to, s->last_end[i]),
			      next_start(rreq, issued_to));
		ok = holds(c, NWB_RULE_T2,
			   st->collected_to >= s->stream_to[i] &&
				   st->collected_to <= max,
			   "request %llu stream %u: collected_to %llu after "
			   "%llu, issued to %llu",
			   LL(rreq->seq), i, LL(st->collected_to),
			   LL(s->stream_to[i]), LL(max)) &&
		     holds(c, NWB_RULE_T3,
			   rreq->collected_to <= st->collected_to,
			   "request %llu: collected_to %llu, stream %u only "
			   "%llu",
			   LL(rreq->seq), LL(rreq->collected_to), i,
			   LL(st->collected_to));
		s->stream_to[i] = st->collected_to;
	}
	if (ok && c->nf->crypto) /* or a claim would end and be encrypted */
		ok = holds(c, NWB_RULE_T3,
			   rreq->collected_to <= atomic_load(&rreq->crypto_to),
			   "request %llu: collected_to %llu, encrypted only to "
			   "%llu",
			   LL(rreq->seq), LL(rreq->collected_to),
			   LL(atomic_load(&rreq->crypto_to)));
	s->collected_to = rreq->collected_to;
	s->issued_to = issued_to;
	return ok;
}

/* T4: which claims are gone, and had they to be there still? */
static bool check_ended(struct nwb_netfs_check *c, struct shadow *s,
			const struct nwb_io_request *rreq)
{
	const struct nwb_list *l = rreq->claims.next;

	if (s->is_blind)
		return true;
	while (s->nr) {
		const struct extent *x = &s->claim[s->first];

		if (l != &rreq->claims && claim_at(l)->start == x->start)
			break;
		if (!holds(c, NWB_RULE_T4, x->end <= rreq->collected_to,
			   "request %llu: claim [%llu, %llu) ended, collected "
			   "to %llu",
			   LL(rreq->seq), LL(x->start), LL(x->end),
			   LL(rreq->collected_to)))
			return false;
		s->first = (s->first + 1) % NR_CLAIMS;
		s->nr--;
	}
	for (unsigned int i = 0; l != &rreq->claims; l = l->next, i++) {
		const struct nwb_claim *k = claim_at(l);
		struct extent *x = &s->claim[(s->first + i) % NR_CLAIMS];

		if (i < s->nr) {
			if (!holds(c, NWB_RULE_T4, x->start == k->start,
				   "request %llu: claim at %llu ended before "
				   "an earlier one",
				   LL(rreq->seq), LL(x->start)))
				return false;
		} else if (s->nr == NR_CLAIMS) {
			s->is_blind = true;
			break;
		} else {
			*x = (struct extent){k->start, k->start + k->len};
			s->nr++;
		}
	}
	return true;
}

/* --- one request ---------------------------------------------------------- */

/* Had @a as much as it was allowed, if that is why it was cut? */
static bool is_full(const struct nwb_netfs *nf, const struct nwb_sreq *a)
{
	if (a->s.retry_count || a->s.flags & NWB_SREQ_FAILED)
		return true;
	if (a->cut == NWB_CUT_SIZE)
		return nwb_sreq_span(a) == a->max_len;
	if (a->cut != NWB_CUT_SEGMENT)
		return true;
	return a->s.nr_iov >= nwb_min(a->max_segs, nf->sreq_segs) ||
	       (nwb_is_linux(nf) && a->nr_pieces >= a->max_segs);
}

/* T7: @a and @b, which follow on each other in the first pass, are two because
 * @a was full, or ended at EOF, or had to be issued. */
static bool check_cut(struct nwb_netfs_check *c,
		      const struct nwb_io_request *rreq,
		      const struct nwb_sreq *a, const struct nwb_sreq *b)
{
	if (a->attempts > 1 || b->attempts > 1 || a->owed ||
	    nwb_sreq_start(b) != end_of(a))
		return true;
	return holds(c, NWB_RULE_T7,
		     a->cut != NWB_CUT_GAP && a->cut != NWB_CUT_NONE,
		     "request %llu: subrequests %u and %u follow on each "
		     "other, cut %u",
		     LL(rreq->seq), a->s.debug_index, b->s.debug_index,
		     (unsigned int)a->cut) &&
	       holds(c, NWB_RULE_T7, is_full(c->nf, a),
		     "request %llu: subrequest %u was cut for its size (%u) "
		     "with %llu bytes of %llu, %u segments of %u",
		     LL(rreq->seq), a->s.debug_index, (unsigned int)a->cut,
		     LL(nwb_sreq_span(a)), LL(a->max_len), a->s.nr_iov,
		     a->max_segs);
}

/* T1, T7: the list of one stream. */
static bool check_order(struct nwb_netfs_check *c,
			const struct nwb_io_request *rreq,
			const struct nwb_io_stream *st)
{
	const struct nwb_list *head = &st->subrequests;
	uint64_t end = 0;

	for (const struct nwb_list *l = head->next; l != head; l = l->next) {
		const struct nwb_sreq *q = sreq_at(l);

		if (l != head->next &&
		    !holds(c, NWB_RULE_T1, nwb_sreq_start(q) >= end,
			   "request %llu: subrequest %u at %llu, the one "
			   "before ends at %llu",
			   LL(rreq->seq), q->s.debug_index,
			   LL(nwb_sreq_start(q)), LL(end)))
			return false;
		if (l != head->next && !check_cut(c, rreq, sreq_at(l->prev), q))
			return false;
		end = end_of(q);
	}
	return true;
}

/* T5: what is not done of a stream lies within claims. */
static bool check_within(struct nwb_netfs_check *c,
			 const struct nwb_io_request *rreq,
			 const struct nwb_io_stream *st)
{
	const struct nwb_list *head = &st->subrequests;

	for (const struct nwb_list *l = head->next; l != head; l = l->next) {
		const struct nwb_sreq *q = sreq_at(l);
		uint64_t at = nwb_sreq_start(q) + q->s.transferred;
		uint64_t end = end_of(q);
		const struct nwb_list *k = rreq->claims.next;

		if (!is_unfinished(q))
			continue;
		for (; at < end && k != &rreq->claims; k = k->next) {
			uint64_t from;
			uint8_t *mem;
			size_t len = nwb_claim_range(claim_at(k), st->stream_nr,
						     &from, &mem);

			if (len && from <= at && from + len > at)
				at = from + len;
		}
		if (!holds(c, NWB_RULE_T5, at >= end,
			   "request %llu: subrequest %u is not done at %llu, "
			   "where writeback has ended",
			   LL(rreq->seq), q->s.debug_index, LL(at)))
			return false;
	}
	return true;
}

static void note_acked(struct shadow *s, const struct nwb_io_stream *st)
{
	const struct nwb_list *head = &st->subrequests;

	for (const struct nwb_list *l = head->next; l != head; l = l->next) {
		const struct nwb_sreq *q = sreq_at(l);
		struct extent x = {nwb_sreq_start(q),
				   nwb_sreq_start(q) + q->s.transferred};
		unsigned int i = 0;

		if (q->in_progress || x.start == x.end)
			continue;
		while (i < s->nr_acked && (s->acked[i].start != x.start ||
					   s->acked[i].end != x.end))
			i++;
		if (i == s->nr_acked && i < NR_ACKED)
			s->acked[s->nr_acked++] = x;
	}
}

/* The end of what was acked from @at on, or @at. */
static uint64_t acked_to(const struct shadow *s, uint64_t at)
{
	for (unsigned int i = 0; i < s->nr_acked; i++)
		if (s->acked[i].start <= at && s->acked[i].end > at)
			return s->acked[i].end;
	return at;
}

/* T9: what is claimed, issued and not collected is in some subrequest,
 * or was acked. */
static bool check_covered(struct nwb_netfs_check *c, const struct shadow *s,
			  const struct nwb_io_request *rreq,
			  const struct nwb_io_stream *st)
{
	const struct nwb_list *head = &st->subrequests, *l = head->next;
	uint64_t issued_to = atomic_load(&rreq->issued_to);

	for (const struct nwb_list *k = rreq->claims.next; k != &rreq->claims;
	     k = k->next) {
		uint64_t from, at, end;
		uint8_t *mem;
		size_t len = nwb_claim_range(claim_at(k), st->stream_nr, &from,
					     &mem);

		at = nwb_max(from, st->collected_to);
		end = nwb_min(from + len, issued_to);

		while (at < end) {
			while (l != head && end_of(sreq_at(l)) <= at)
				l = l->next;
			if (l != head && nwb_sreq_start(sreq_at(l)) <= at)
				at = end_of(sreq_at(l));
			else if (acked_to(s, at) > at)
				at = acked_to(s, at);
			else
				break;
		}
		if (!holds(c, NWB_RULE_T9, at >= end || s->nr_acked == NR_ACKED,
			   "request %llu: [%llu, %llu) is claimed and in no "
			   "subrequest",
			   LL(rreq->seq), LL(at), LL(end)))
			return false;
	}
	return true;
}

static void note_failed(struct shadow *s, const struct nwb_sreq *q)
{
	struct extent x = {q->s.start + q->s.transferred, end_of(q)};

	for (unsigned int i = 0; i < s->nr_failed; i++)
		if (s->failed[i].start == x.start && s->failed[i].end == x.end)
			return;
	if (s->nr_failed < NR_FAILED)
		s->failed[s->nr_failed++] = x;
}

/* T10 */
static bool check_failed(struct nwb_netfs_check *c, struct shadow *s,
			 const struct nwb_io_request *rreq)
{
	const struct nwb_list *head = &rreq->streams[0].subrequests;

	for (const struct nwb_list *l = head->next; l != head; l = l->next) {
		const struct nwb_sreq *q = sreq_at(l);

		if (!q->in_progress && (q->s.flags & NWB_SREQ_FAILED)) {
			note_failed(s, q);
			continue;
		}
		if (!q->in_progress || q->attempts < 2)
			continue;
		for (unsigned int i = 0; i < s->nr_failed; i++) {
			const struct extent *x = &s->failed[i];

			if (!holds(c, NWB_RULE_T10,
				   nwb_sreq_start(q) >= x->end ||
					   end_of(q) <= x->start,
				   "request %llu: [%llu, %llu) failed and is "
				   "sent again",
				   LL(rreq->seq), LL(x->start), LL(x->end)))
				return false;
		}
	}
	return true;
}

/* T15: a retry that nothing of its own streams is in the way of does not let
 * time go by (in Linux it waits for the other streams, too: H10). */
static bool check_late(struct nwb_netfs_check *c, struct shadow *s,
		       const struct nwb_io_request *rreq)
{
	uint64_t now = nwb_now_ns(c->nf->ex);
	bool is_quiet = rreq->retry == NWB_RETRY_PENDING;

	for (unsigned int i = 0; i < NWB_NR_STREAMS; i++)
		if (rreq->nr_inflight[i] && rreq->streams[i].need_retry)
			is_quiet = false;
	if (!is_quiet)
		s->quiet_since = 0;
	else if (!s->quiet_since)
		s->quiet_since = now;
	return !is_quiet ||
	       holds(c, NWB_RULE_T15, s->quiet_since == now,
		     "request %llu: a retry was due for %llu ns and nothing of "
		     "its stream in the way",
		     LL(rreq->seq), LL(now - s->quiet_since));
}

/* T8, T15: who is asked for a retry, and when. */
static bool check_retry(struct nwb_netfs_check *c,
			const struct nwb_io_request *rreq)
{
	bool is_any = false, is_busy = false;

	if (rreq->retry == NWB_RETRY_NONE)
		return true;
	for (unsigned int i = 0; i < NWB_NR_STREAMS; i++) {
		const struct nwb_list *head = &rreq->streams[i].subrequests;

		for (const struct nwb_list *l = head->next; l != head;
		     l = l->next) {
			const struct nwb_sreq *q = sreq_at(l);

			is_busy |=
				q->in_progress && rreq->streams[i].need_retry;
			is_any |= !q->in_progress && is_unfinished(q);
		}
	}
	if (rreq->retry == NWB_RETRY_PENDING)
		return holds(c, NWB_RULE_T15, is_any,
			     "request %llu: paused for nothing", LL(rreq->seq));
	/* Once the retryer has it, it is busy with what he sends. */
	if (nwb_list_empty(&rreq->nf_link))
		return true;
	return holds(c, NWB_RULE_T8, !is_busy,
		     "request %llu: to be retried, and something is in flight",
		     LL(rreq->seq));
}

/* T14 */
static bool check_done(struct nwb_netfs_check *c, struct shadow *s,
		       const struct nwb_io_request *rreq)
{
	bool is_empty = nwb_list_empty(&rreq->claims);
	bool ok = holds(c, NWB_RULE_T14, rreq->all_queued || !s->all_queued,
			"request %llu: was all queued and is not any more",
			LL(rreq->seq));

	s->all_queued = rreq->all_queued;
	for (unsigned int i = 0; i < NWB_NR_STREAMS; i++)
		is_empty &= nwb_list_empty(&rreq->streams[i].subrequests);
	if (!ok || rreq->in_progress)
		return ok;
	return holds(c, NWB_RULE_T14, rreq->all_queued && is_empty,
		     "request %llu: done, but %s", LL(rreq->seq),
		     rreq->all_queued ? "something is listed"
				      : "not all is queued");
}

static bool check_request(struct nwb_netfs_check *c,
			  const struct nwb_io_request *rreq)
{
	struct shadow *s;

	if (!rreq->seq)
		return true; /* it has not begun yet */
	s = shadow_of(c, rreq);
	if (!s)
		return true;
	if (!check_marks(c, s, rreq) || !check_ended(c, s, rreq) ||
	    !check_retry(c, rreq) || !check_late(c, s, rreq) ||
	    !check_failed(c, s, rreq))
		return false;
	for (unsigned int i = 0; i < NWB_NR_STREAMS; i++) {
		const struct nwb_io_stream *st = &rreq->streams[i];

		if (!st->active)
			continue;
		if (i == 0 && !check_within(c, rreq, st))
			return false;
		if (i == 0)
			note_acked(s, st);
		if (rreq->retry == NWB_RETRY_QUEUED)
			continue;
		if (!check_order(c, rreq, st))
			return false;
		/* behind a failed direct write nothing is sent any more */
		if (i == 0 && !(nwb_rreq_is_direct(rreq) && rreq->error) &&
		    !check_covered(c, s, rreq, st))
			return false;
	}
	if (!check_done(c, s, rreq))
		return false;
	if (!rreq->in_progress)
		s->rreq = NULL;
	return true;
}

/* --- one inode ------------------------------------------------------------ */

/* D8, T17: the claims of two requests of an inode have no byte in common. */
static bool check_apart(struct nwb_netfs_check *c,
			const struct nwb_io_request *a,
			const struct nwb_io_request *b)
{
	const struct nwb_list *l = b->claims.next;

	if (b->origin > NWB_WRITETHROUGH)
		return true;
	for (const struct nwb_list *k = a->claims.next; k != &a->claims;
	     k = k->next) {
		const struct nwb_claim *x = claim_at(k);

		while (l != &b->claims &&
		       claim_at(l)->start + claim_at(l)->len <= x->start)
			l = l->next;
		if (l == &b->claims)
			return true;
		if (!holds(c, NWB_RULE_D8,
			   claim_at(l)->start >= x->start + x->len,
			   "bytes at %llu are in flight twice, in requests "
			   "%llu and %llu",
			   LL(claim_at(l)->start), LL(a->seq), LL(b->seq)))
			return false;
	}
	return true;
}

/* T11, T16, D8 */
static bool check_requests(struct nwb_netfs_check *c,
			   const struct nwb_inode *inode)
{
	const struct nwb_list *head = &inode->requests;
	unsigned int nr_issuing = 0;

	for (const struct nwb_list *l = head->next; l != head; l = l->next) {
		const struct nwb_io_request *rreq =
			nwb_list_entry(l, struct nwb_io_request, inode_link);
		const struct nwb_list *subs = &rreq->streams[0].subrequests;

		if (rreq->origin > NWB_WRITETHROUGH)
			continue; /* direct: no folio, and no lock on issuing */
		/* that of one folio goes by the folio's lock */
		if (rreq->origin != NWB_LAUNDER_WRITE)
			nr_issuing += !rreq->all_queued;
		for (const struct nwb_list *m = l->next; m != head; m = m->next)
			if (!check_apart(c, rreq,
					 nwb_list_entry(m,
							struct nwb_io_request,
							inode_link)))
				return false;
		for (const struct nwb_list *k = subs->next; k != subs;
		     k = k->next) {
			const struct nwb_sreq *q = sreq_at(k);

			/* A file opened anew has the size of now. */
			if (q->noted && !q->in_progress &&
			    c->nf->opts.cache_mode == NWB_CACHE_ALWAYS &&
			    !holds(c, NWB_RULE_T16,
				   inode->remote_size >= q->s.start + q->noted,
				   "acked to %llu, but the server's size is "
				   "taken for %llu",
				   LL(q->s.start + q->noted),
				   LL(inode->remote_size)))
				return false;
		}
	}
	return holds(c, NWB_RULE_T11,
		     nr_issuing <= 1 && (!nr_issuing || inode->is_issuing),
		     "inode %u: %u requests are being issued%s", inode->id,
		     nr_issuing, inode->is_issuing ? "" : " by nobody");
}

/* T18: one folio in itself. */
static bool check_folio(struct nwb_netfs_check *c, const struct nwb_folio *f)
{
	bool is_pinned = f->nr_claims ||
			 (f->flags & (NWB_FOLIO_DIRTY | NWB_FOLIO_UNSTABLE |
				      NWB_FOLIO_FILLING));
	bool is_all = f->flags & NWB_FOLIO_UPTODATE;

	return holds(c, NWB_RULE_T18, !(f->flags & NWB_FOLIO_LRU) || !is_pinned,
		     "folio %llu: clean, and flags %#x, %u claims",
		     LL(f->index), f->flags, f->nr_claims) &&
	       holds(c, NWB_RULE_T18,
		     (f->dirty.from != f->dirty.to) ==
				     !!(f->flags & NWB_FOLIO_DIRTY) &&
			     (is_all || nwb_span_empty(f->dirty) ||
			      nwb_span_contains(f->valid, f->dirty)),
		     "folio %llu: dirty [%u, %u), valid [%u, %u), flags %#x",
		     LL(f->index), f->dirty.from, f->dirty.to, f->valid.from,
		     f->valid.to, f->flags) &&
	       holds(c, NWB_RULE_T18, is_all || !(f->flags & NWB_FOLIO_MAPPED),
		     "folio %llu: mapped and not uptodate", LL(f->index)) &&
	       holds(c, NWB_RULE_T18,
		     nwb_span_empty(f->writable) ||
			     (!f->nr_claims &&
			      nwb_span_contains(f->dirty, f->writable)),
		     "folio %llu: [%u, %u) is writable, dirty [%u, %u), %u "
		     "claims",
		     LL(f->index), f->writable.from, f->writable.to,
		     f->dirty.from, f->dirty.to, f->nr_claims);
}

static bool check_folios(struct nwb_netfs_check *c, struct nwb_inode *inode)
{
	uint64_t dirty = 0, unstable = 0, index = 0;
	struct nwb_folio *f;

	while ((f = nwb_folio_next(inode, index))) {
		index = f->index + f->bytes / NWB_PAGE_SIZE;
		dirty += f->dirty.to - f->dirty.from;
		unstable += f->unstable.to - f->unstable.from;
		if (!check_folio(c, f))
			return false;
	}
	return holds(c, NWB_RULE_SUM,
		     dirty == atomic_load(&inode->dirty_bytes) &&
			     unstable == atomic_load(&inode->unstable_bytes),
		     "inode %u: %llu dirty, %llu unstable bytes; folios have "
		     "%llu, %llu",
		     inode->id, LL(atomic_load(&inode->dirty_bytes)),
		     LL(atomic_load(&inode->unstable_bytes)), LL(dirty),
		     LL(unstable));
}

/* --- from outside --------------------------------------------------------- */

int nwb_netfs_check_new(struct nwb_netfs *nf, struct nwb_netfs_check **ret_c)
{
	struct nwb_netfs_check *c = nwb_zalloc(sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->nf = nf;
	*ret_c = c;
	return 0;
}

void nwb_netfs_check_free(struct nwb_netfs_check *c)
{
	nwb_free(c);
}

bool nwb_netfs_check_section(struct nwb_netfs_check *c,
			     const struct nwb_mutex *m,
			     struct nwb_netfs_broken *ret_b)
{
	if (strncmp(m->name, "netfs ", 6))
		return true;
	c->b = ret_b;
	if (!strcmp(m->name + 6, "request")) {
		const struct nwb_io_request *rreq =
			nwb_container_of(m, struct nwb_io_request, lock);

		return rreq->nf != c->nf || check_request(c, rreq);
	}
	if (!strcmp(m->name + 6, "inode")) {
		struct nwb_inode *inode =
			nwb_container_of(m, struct nwb_inode, lock);

		return inode->nf != c->nf ||
		       (check_requests(c, inode) && check_folios(c, inode));
	}
	return true;
}

/* T13: what the heap lent out is given back as well, or LEAK says so. */
static bool check_pool(struct nwb_netfs_check *c, const struct nwb_pool *p,
		       const char *name)
{
	return holds(c, NWB_RULE_T13, p->nr_free == p->nr_total,
		     "at rest %llu of %llu %s are out",
		     LL(p->nr_total - p->nr_free), LL(p->nr_total), name);
}

bool nwb_netfs_check_rest(struct nwb_netfs_check *c,
			  struct nwb_netfs_broken *ret_b)
{
	struct nwb_netfs_stats st;

	nwb_netfs_get_stats(c->nf, &st);
	c->b = ret_b;
	return holds(c, NWB_RULE_T6, !st.live_requests && !st.live_subrequests,
		     "at rest %llu requests and %llu subrequests live",
		     LL(st.live_requests), LL(st.live_subrequests)) &&
	       holds(c, NWB_RULE_T17, !st.temp_bytes,
		     "at rest %llu bytes of temp pages are in use",
		     LL(st.temp_bytes)) &&
	       check_pool(c, &c->nf->sreq_pool, "subrequests") &&
	       check_pool(c, &c->nf->claim_pool, "claims") &&
	       holds(c, NWB_RULE_SUM, !st.dirty_bytes,
		     "at rest %llu bytes are dirty", LL(st.dirty_bytes));
}
