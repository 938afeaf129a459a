/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One stream of a request, sent again (netfs_retry_write_stream()).
 *
 *	             from          to
 *	before      [ok][ xx|####][####][####][ok][####]    # not acked
 *
 *	combine     [ok][  ####    ][   ###   ]   [ok][####]
 *	                 neighbours joined and cut anew, surplus dropped
 *	each        [ok][####][####][####]        [ok][####]
 *	                 each cut anew by itself
 *	bits        [ok][#]...[#]...[#]...        [ok][#]...
 *	                 the first bit of each; what it owes is another retry
 *
 * What was acknowledged stays so. The filesystem is asked afresh how much it
 * takes now (credits); the subrequests that are there are used in order, and
 * missing ones are made. When there is none to be had, the last one sends what
 * it may and owes the rest: the retryer never waits for a subrequest, for the
 * ones that it holds are those that would have to come back (7.2 does: H13).
 *
 * Runs join only extents that were issued equally often, so that the limit of
 * attempts is exact. Bits that arrived are no attempts.
 *
 * Flavours of Linux on a filesystem without prepare_write: each subrequest is
 * sent again as it is, with start, len and transferred unchanged; it is the
 * filesystem that must go on at start + transferred (9p does not: H3).
 */
#include "trace.h"

#define BITS_OF_WSIZE 8u

bool nwb_needs_retry(const struct nwb_sreq *q)
{
	if (nwb_mutant(q->s.rreq->nf, NWB_MUT_FAILED_AGAIN) &&
	    (q->s.flags & NWB_SREQ_FAILED))
		return true;
	return (q->s.flags & (NWB_SREQ_NEED_RETRY | NWB_SREQ_FAILED)) ==
	       NWB_SREQ_NEED_RETRY;
}

/* The one behind @q (NULL: the first), or NULL. */
static struct nwb_sreq *next_of(struct nwb_io_request *rreq,
				struct nwb_io_stream *stream,
				struct nwb_sreq *q)
{
	struct nwb_list *l;

	nwb_mutex_lock(&rreq->lock);
	l = q ? q->s.rreq_link.next : stream->subrequests.next;
	nwb_mutex_unlock(&rreq->lock);
	if (l == &stream->subrequests)
		return NULL;
	return nwb_to_sreq(
		nwb_list_entry(l, struct nwb_io_subrequest, rreq_link));
}

/* --- issuing again -------------------------------------------------------- */

/* Describe up to @max bytes from @start on. Return: bytes described. */
static size_t describe(struct nwb_sreq *q, uint64_t start, size_t max,
		       unsigned int max_segs)
{
	struct nwb_io_request *rreq = q->s.rreq;
	struct nwb_claim *c;
	size_t got = 0;

	q->s.nr_iov = 0;
	nwb_mutex_lock(&rreq->lock);
	nwb_list_for_each_entry (c, &rreq->claims, link) {
		uint64_t at = start + got;
		size_t off, part, len;
		uint64_t from;
		uint8_t *mem;

		len = nwb_claim_range(c, q->s.stream_nr, &from, &mem);
		if (!len || from + len <= at)
			continue;
		nwb_assert(from <= at);
		off = (size_t)(at - from);
		part = nwb_min(max - got, len - off);
		if (!nwb_sreq_add_seg(q, mem + off, part, max_segs))
			break;
		got += part;
		if (got == max)
			break;
	}
	nwb_mutex_unlock(&rreq->lock);
	nwb_assert(got);
	return got;
}

/* Let @q carry what it may of @len bytes at @start. Return: how many. */
static size_t refill(struct nwb_io_stream *stream, struct nwb_sreq *q,
		     uint64_t start, size_t len, uint32_t attempts)
{
	q->s.start = start;
	q->s.len = 0;
	q->s.transferred = 0;
	q->noted = 0;
	q->owed = 0;
	q->attempts = attempts;
	nwb_sreq_prepare(q, len);
	q->s.len =
		describe(q, start, stream->sreq_max_len, stream->sreq_max_segs);
	return q->s.len;
}

/* It may be over when this returns. */
static void issue(struct nwb_sreq *q)
{
	struct nwb_io_request *rreq = q->s.rreq;

	nwb_mutex_lock(&rreq->lock);
	q->in_progress = true;
	rreq->nr_inflight[q->s.stream_nr]++;
	nwb_mutex_unlock(&rreq->lock);
#ifdef NWB_MUTANTS
	if (nwb_mutant(rreq->nf, NWB_MUT_RETRY_OFFSET)) {
		q->mut_shift = NWB_PAGE_SIZE;
		q->s.start += q->mut_shift;
	}
#endif
	nwb_trace_sreq(q, NWB_TRS_RETRY);
	nwb_sreq_issue(q);
}

static void add_after(struct nwb_io_request *rreq, struct nwb_sreq *last,
		      struct nwb_sreq *q)
{
	nwb_mutex_lock(&rreq->lock);
	q->s.debug_index = ++rreq->subreq_counter;
	nwb_list_add(&last->s.rreq_link, &q->s.rreq_link);
	nwb_mutex_unlock(&rreq->lock);
	nwb_trace_sreq(q, NWB_TRS_SPLIT);
}

/* One more, behind @last. NULL: there is none to be had. */
static struct nwb_sreq *split(struct nwb_io_stream *stream,
			      struct nwb_sreq *last, uint64_t start)
{
	struct nwb_io_request *rreq = last->s.rreq;
	struct nwb_sreq *q = nwb_sreq_try_new(rreq, stream->stream_nr, start);

	if (q && nwb_mutant(rreq->nf, NWB_MUT_REQUEST_LEAK))
		nwb_request_get(rreq);
	if (q)
		add_after(rreq, last, q);
	return q;
}

/* The same as 7.2 does it: last was issued, and we wait for what is in the very
 * list that nobody collects meanwhile. */
static struct nwb_sreq *split_and_wait(struct nwb_io_stream *stream,
				       struct nwb_sreq *last, uint64_t start)
{
	struct nwb_io_request *rreq = last->s.rreq;
	struct nwb_sreq *q = nwb_sreq_try_new(rreq, stream->stream_nr, start);

	if (!q) {
		nwb_netfs_hazard_fired(rreq->nf, NWB_H13);
		q = nwb_sreq_new(rreq, stream->stream_nr, start);
	}
	add_after(rreq, last, q);
	return q;
}

static void drop_surplus(struct nwb_io_request *rreq,
			 struct nwb_io_stream *stream, struct nwb_sreq *last,
			 const struct nwb_sreq *to)
{
	bool has_more = last != to;

	while (has_more) {
		struct nwb_sreq *q = next_of(rreq, stream, last);

		nwb_assert(q);
		has_more = q != to;
		nwb_trace_sreq(q, NWB_TRS_DISCARD);
		nwb_mutex_lock(&rreq->lock);
		nwb_list_del(&q->s.rreq_link);
		nwb_mutex_unlock(&rreq->lock);
		nwb_sreq_free(q);
	}
}

/* --- one run -------------------------------------------------------------- */

struct run {
	struct nwb_io_request *rreq;
	struct nwb_io_stream *stream;
	struct nwb_sreq *from;
	struct nwb_sreq *to;
	uint64_t start;
	size_t len;
	uint32_t attempts;
};

/* A bit at a time: an eighth of wsize, and half of that for each attempt after
 * the first that brought nothing. */
static size_t bit_bytes(const struct run *r)
{
	size_t bit = r->rreq->wsize / BITS_OF_WSIZE;

	bit >>= nwb_min(r->attempts ? r->attempts - 1 : 0, 16u);
	return nwb_min(r->len, nwb_max(bit, (size_t)NWB_PAGE_SIZE));
}

static void send_bit(struct run *r)
{
	size_t part =
		refill(r->stream, r->from, r->start, bit_bytes(r), r->attempts);

	r->from->owed = r->len - part;
	issue(r->from);
}

/* Tile the run again. Return: its last subrequest. */
static struct nwb_sreq *retile(struct run *r)
{
	bool waits = nwb_hazard(r->rreq->nf, NWB_H13);
	size_t max = r->stream->stream_nr ? SIZE_MAX : r->rreq->wsize;
	bool has_boundary = r->to->has_boundary;
	struct nwb_sreq *q = r->from;
	bool is_made = false; /* @q is behind @to */

	r->to->has_boundary = false;
	for (;;) {
		struct nwb_sreq *next = NULL;
		size_t part = refill(r->stream, q, r->start,
				     nwb_min(r->len, max), r->attempts);

		r->start += part;
		r->len -= part;
		is_made |= q == r->to;
		if (r->len && !is_made)
			next = next_of(r->rreq, r->stream, q);
		else if (r->len && !waits)
			next = split(r->stream, q, r->start);
		if (r->len && !next && !waits) {
			q->owed = r->len;
			q->owed_attempts = r->attempts;
			r->len = 0;
		}
		if (!r->len)
			q->has_boundary = has_boundary;
		issue(q);
		if (!r->len)
			break;
		if (!next)
			next = split_and_wait(r->stream, q, r->start);
		q = next;
	}
	if (!is_made && !nwb_mutant(r->rreq->nf, NWB_MUT_SURPLUS_KEPT))
		drop_surplus(r->rreq, r->stream, q, r->to);
	return q;
}

/* Linux without prepare_write: the same again. */
static void send_as_is(struct nwb_sreq *q)
{
	size_t rest = q->s.len - q->s.transferred, got;

	q->s.flags = NWB_SREQ_IN_PROGRESS;
	q->s.error = 0;
	q->prepare_error = 0;
	got = describe(q, q->s.start + q->s.transferred, rest,
		       q->s.rreq->nf->sreq_segs);
	nwb_assert(got == rest);
	issue(q);
}

/* --- one stream ----------------------------------------------------------- */

static bool is_spent(struct nwb_sreq *q)
{
	struct nwb_netfs *nf = q->s.rreq->nf;

	if (nwb_mutant(nf, NWB_MUT_GIVES_UP_EARLY))
		return true;
	if (q->attempts < nf->opts.max_attempts ||
	    nwb_mutant(nf, NWB_MUT_NO_LIMIT))
		return false;
	if (!nwb_hazard(nf, NWB_H9))
		return true;
	nwb_netfs_hazard_fired(nf, NWB_H9);
	return false;
}

/* Never again. */
static void fail(struct nwb_sreq *q, int error)
{
	if (!q->s.error)
		q->s.error = error;
	q->s.flags &= ~NWB_SREQ_NEED_RETRY;
	q->s.flags |= NWB_SREQ_FAILED;
}

/* Only the rest is left of it. False: nothing is to be sent. */
static bool rebase(struct nwb_sreq *q)
{
	nwb_note_acked(q);
	q->has_boundary |= (q->s.flags & NWB_SREQ_BOUNDARY) != 0;
	if (!q->owed)
		q->owed_attempts = q->attempts;
	else if (q->s.transferred == q->s.len)
		q->attempts = q->owed_attempts;
	if (!q->s.stream_nr && nwb_rreq_is_encrypted(q->s.rreq))
		q->s.transferred = nwb_crypto_wind_back(q);
	if (!nwb_mutant(q->s.rreq->nf, NWB_MUT_OLD_START))
		q->s.start += q->s.transferred;
	q->s.len = nwb_sreq_span(q) - q->s.transferred;
	q->s.transferred = 0;
	q->owed = 0;
	q->noted = 0;
#ifdef NWB_MUTANTS
	nwb_mutant_arm(q);
	if (q->mut_is_stale ||
	    (nwb_mutant(q->s.rreq->nf, NWB_MUT_RETRY_DROPPED) && q->s.error)) {
		q->s.transferred = q->s.len;
		q->noted = q->s.len;
		q->s.flags &= ~NWB_SREQ_NEED_RETRY;
		return false;
	}
#endif
	if (!is_spent(q))
		return true;
	fail(q, -EIO);
	return false;
}

/* The same, and what else belongs to its data units is as the server has it. */
static bool revive(struct nwb_sreq *q)
{
	if (!q->s.stream_nr && nwb_rreq_is_encrypted(q->s.rreq))
		nwb_crypto_refresh(q);
	return rebase(q);
}

/* [@from .. @to] is cut anew, and was answered in several ways: of no byte is
 * it known any more which one was its own. The worst is that it was lost. */
static void forget_status(struct nwb_io_request *rreq,
			  struct nwb_io_stream *stream, struct nwb_sreq *from,
			  const struct nwb_sreq *to)
{
	for (struct nwb_sreq *q = from; q; q = next_of(rreq, stream, q)) {
		q->s.wire_status = 0;
		if (q == to)
			break;
	}
}

/* Neighbours that can be joined to what @r is. */
static void join(struct run *r)
{
	struct nwb_sreq *next;
	bool is_mixed = false;

	while (!r->to->has_boundary &&
	       (next = next_of(r->rreq, r->stream, r->to)) &&
	       nwb_needs_retry(next) && next->attempts == r->attempts &&
	       !next->s.transferred && !next->owed &&
	       next->s.start == r->start + r->len && revive(next)) {
		r->len += next->s.len;
		is_mixed |= next->s.wire_status != r->from->s.wire_status;
		r->to = next;
	}
	if (is_mixed)
		forget_status(r->rreq, r->stream, r->from, r->to);
}

static void retry_as_is(struct nwb_io_request *rreq,
			struct nwb_io_stream *stream)
{
	struct nwb_sreq *q = next_of(rreq, stream, NULL), *next;

	for (; q && !(q->s.flags & NWB_SREQ_FAILED); q = next) {
		next = next_of(rreq, stream, q);
		if (!nwb_needs_retry(q))
			continue;
		nwb_note_acked(q);
		if (is_spent(q))
			fail(q, -EIO);
		else
			send_as_is(q);
	}
}

static void retry_anew(struct nwb_io_request *rreq,
		       struct nwb_io_stream *stream)
{
	enum nwb_retry_strategy strategy = rreq->nf->opts.strategy;
	struct nwb_sreq *q = next_of(rreq, stream, NULL);

	for (; q; q = next_of(rreq, stream, q)) {
		struct run r = {rreq, stream, .from = q, .to = q};

		if (!nwb_needs_retry(q) || !revive(q))
			continue;
		r.start = q->s.start;
		r.len = q->s.len;
		r.attempts = q->attempts;
		if (strategy == NWB_RETRY_SMALLER_BITS) {
			send_bit(&r);
			continue;
		}
		if (strategy == NWB_RETRY_COMBINE)
			join(&r);
		q = retile(&r);
	}
}

/* ->retry_request() has given the stream up. */
static void fail_all(struct nwb_io_request *rreq, struct nwb_io_stream *stream)
{
	struct nwb_sreq *q = next_of(rreq, stream, NULL);

	for (; q; q = next_of(rreq, stream, q))
		if (nwb_needs_retry(q) && rebase(q))
			fail(q, stream->error ? stream->error : -EIO);
}

bool nwb_stream_has_error(struct nwb_io_request *rreq,
			  struct nwb_io_stream *stream, int error)
{
	struct nwb_sreq *q = next_of(rreq, stream, NULL);

	for (; q; q = next_of(rreq, stream, q))
		if (nwb_needs_retry(q) && q->s.error == error)
			return true;
	return false;
}

/**
 * nwb_retry_stream() - send again what of @stream needs it.
 * Context: the retryer, with nothing of @stream in flight; blocks for credits
 * and a reconnect, never for memory.
 */
void nwb_retry_stream(struct nwb_io_request *rreq, struct nwb_io_stream *stream)
{
	const struct nwb_netfs_ops *ops = rreq->nf->ops;
	bool had_failed = stream->failed; /* strict goes on all the same */

	if (!stream->stream_nr && ops->retry_request &&
	    ops->retry_request(rreq, stream))
		nwb_count(rreq->nf, rotations, 1);
	if (stream->failed && !had_failed)
		fail_all(rreq, stream);
	else if (!stream->stream_nr && ops->has_no_prepare &&
		 nwb_is_linux(rreq->nf))
		retry_as_is(rreq, stream);
	else
		retry_anew(rreq, stream);
}
