/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The retryer (fs/netfs/write_retry.c): a task of the mount.
 *
 *	         from                 to
 *	before  [ok][xx|####][####][####][ok][####]	# needs retry, x acked
 *	run         '-------------------'    '----'	contiguous, as often issued
 *	after   [ok]xx[ ##### ][  ###  ]·.·[ok][####]	as large as allowed now,
 *						·.· dropped
 *
 * The collector asks for it, the issuer pauses, and when nothing of the request
 * is in flight each run of subrequests that need a retry is tiled again: what
 * was acknowledged stays so, the filesystem is asked afresh how much it takes
 * (credits), the subrequests there are used in order, surplus ones dropped,
 * missing ones made (netfs_retry_write_stream).
 *
 * Linux has no limit; here an extent is given up after opts.max_attempts issues
 * (so runs join only extents issued equally often), and one that made no
 * progress waits first, longer each time.
 */
#include "internal.h"

/** nwb_backoff_ns() - how long to wait after @attempts failures. */
uint64_t nwb_backoff_ns(const struct nwb_netfs *nf, uint32_t attempts)
{
	uint64_t factor = NWB_BACKOFF_MAX;

	if (!attempts)
		return 0;
	if (attempts <= 7)
		factor = nwb_min(factor, (uint64_t)1 << (attempts - 1));
	return nf->opts.retry_backoff_ns * factor;
}

/* --- the queue ------------------------------------------------------------ */

static uint64_t retry_delay(const struct nwb_io_request *rreq)
{
	uint32_t attempts = 0;

	for (unsigned int i = 0; i < NWB_NR_STREAMS; i++) {
		const struct nwb_list *head = &rreq->streams[i].subrequests;

		for (struct nwb_list *l = head->next; l != head; l = l->next) {
			const struct nwb_sreq *q = nwb_to_sreq(nwb_list_entry(
				l, struct nwb_io_subrequest, rreq_link));

			if ((q->s.flags & NWB_SREQ_NEED_RETRY) &&
			    !q->has_progressed)
				attempts = nwb_max(attempts, q->attempts);
		}
	}
	return nwb_backoff_ns(rreq->nf, attempts);
}

/** nwb_retry_queue() - nothing of @rreq is in flight. rreq->lock held. */
void nwb_retry_queue(struct nwb_io_request *rreq)
{
	struct nwb_netfs *nf = rreq->nf;

	rreq->retry_at = nwb_now_ns(nf->ex) + retry_delay(rreq);
	nwb_mutex_lock(&nf->lock);
	nwb_list_add_tail(&nf->retry_list, &rreq->nf_link);
	nwb_waitq_wake_all(&nf->retry_q);
	nwb_mutex_unlock(&nf->lock);
}

/* --- one run -------------------------------------------------------------- */

/* Describe up to @max bytes from @start on. Return: bytes described. */
static size_t describe(struct nwb_sreq *q, uint64_t start, size_t max,
		       unsigned int max_segs)
{
	struct nwb_io_request *rreq = q->s.rreq;
	struct nwb_claim *c;
	size_t got = 0;

	nwb_mutex_lock(&rreq->lock);
	nwb_list_for_each_entry (c, &rreq->claims, link) {
		uint64_t at = start + got;
		size_t off, part;

		if (c->start + c->len <= at)
			continue;
		nwb_assert(c->start <= at);
		off = (size_t)(at - c->start);
		part = nwb_min(max - got, c->len - off);
		if (!nwb_sreq_add_seg(q, c->mem + off, part, max_segs))
			break;
		got += part;
		if (got == max)
			break;
	}
	nwb_mutex_unlock(&rreq->lock);
	nwb_assert(got);
	return got;
}

/* Issue @q again, to carry what it may of @len bytes at @start. */
static size_t reissue(struct nwb_io_stream *stream, struct nwb_sreq *q,
		      uint64_t start, size_t len, uint32_t attempts)
{
	struct nwb_io_request *rreq = q->s.rreq;
	size_t max = stream->stream_nr ? len : nwb_min(len, rreq->wsize);

	q->s.start = start;
	q->s.len = 0;
	q->s.transferred = 0;
	q->s.nr_iov = 0;
	q->noted = 0;
	q->attempts = attempts;
	nwb_sreq_prepare(q, max);
	len = describe(q, start, stream->sreq_max_len, stream->sreq_max_segs);
	q->s.len = len;
	nwb_mutex_lock(&rreq->lock);
	q->in_progress = true;
	rreq->nr_inflight++;
	nwb_mutex_unlock(&rreq->lock);
#ifdef NWB_MUTANTS
	if (nwb_mutant(rreq->nf, NWB_MUT_RETRY_OFFSET)) {
		q->mut_shift = NWB_PAGE_SIZE;
		q->s.start += q->mut_shift;
	}
#endif
	nwb_sreq_issue(q);
	return len;
}

static struct nwb_sreq *add_after(struct nwb_io_request *rreq,
				  struct nwb_io_stream *stream,
				  struct nwb_sreq *last, uint64_t start)
{
	struct nwb_sreq *q =
		nwb_sreq_new(rreq, stream->stream_nr, start, false);

	nwb_mutex_lock(&rreq->lock);
	q->s.debug_index = ++rreq->subreq_counter;
	nwb_list_add(&last->s.rreq_link, &q->s.rreq_link);
	nwb_mutex_unlock(&rreq->lock);
	return q;
}

static struct nwb_sreq *next_of(struct nwb_io_request *rreq,
				struct nwb_io_stream *stream,
				struct nwb_sreq *q)
{
	struct nwb_sreq *next = NULL;

	nwb_mutex_lock(&rreq->lock);
	if (q->s.rreq_link.next != &stream->subrequests)
		next = nwb_to_sreq(nwb_list_next(&q->s, rreq_link));
	nwb_mutex_unlock(&rreq->lock);
	return next;
}

/* Tile the run [from .. to] of @len bytes again. Return: its last one. */
static struct nwb_sreq *retile(struct nwb_io_request *rreq,
			       struct nwb_io_stream *stream,
			       struct nwb_sreq *from, struct nwb_sreq *to,
			       size_t len)
{
	uint64_t start = from->s.start;
	uint32_t attempts = from->attempts;
	struct nwb_sreq *q = from, *last = from;
	bool has_boundary = to->has_boundary;
	bool has_more = true;

	to->has_boundary = false;
	while (len) {
		struct nwb_sreq *next =
			has_more ? next_of(rreq, stream, q) : NULL;
		bool is_to = q == to;
		size_t part = reissue(stream, q, start, len, attempts);

		last = q;
		start += part;
		len -= part;
		has_more = has_more && !is_to;
		if (!has_more && len)
			q = add_after(rreq, stream, last, start);
		else if (has_more)
			q = next;
	}
	while (has_more) {
		struct nwb_sreq *next = next_of(rreq, stream, q);

		has_more = q != to;
		nwb_mutex_lock(&rreq->lock);
		nwb_list_del(&q->s.rreq_link);
		nwb_mutex_unlock(&rreq->lock);
		nwb_sreq_free(q);
		q = next;
	}
	last->has_boundary = has_boundary; /* only the retryer looks at it */
	return last;
}

/* --- one stream ----------------------------------------------------------- */

/* Only the rest is left of it. False: nothing is to be sent. */
static bool rebase(struct nwb_sreq *q)
{
	struct nwb_netfs *nf = q->s.rreq->nf;

	nwb_note_acked(q);
	q->has_boundary |= (q->s.flags & NWB_SREQ_BOUNDARY) != 0;
	q->s.start += q->s.transferred;
	q->s.len -= q->s.transferred;
	q->s.transferred = 0;
	q->noted = 0;
#ifdef NWB_MUTANTS
	nwb_mutant_arm(q);
	if (q->mut_is_stale ||
	    (nwb_mutant(nf, NWB_MUT_RETRY_DROPPED) && q->s.error)) {
		q->s.transferred = q->s.len;
		q->noted = q->s.len;
		q->s.flags &= ~NWB_SREQ_NEED_RETRY;
		return false;
	}
#endif
	if (q->attempts < nf->opts.max_attempts &&
	    !nwb_mutant(nf, NWB_MUT_GIVES_UP_EARLY))
		return true;
	if (!q->s.error)
		q->s.error = -EIO;
	q->s.flags &= ~NWB_SREQ_NEED_RETRY;
	q->s.flags |= NWB_SREQ_FAILED;
	return false;
}

static bool needs_retry(const struct nwb_sreq *q)
{
	return (q->s.flags & (NWB_SREQ_NEED_RETRY | NWB_SREQ_FAILED)) ==
	       NWB_SREQ_NEED_RETRY;
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

static void retry_stream(struct nwb_io_request *rreq,
			 struct nwb_io_stream *stream)
{
	struct nwb_sreq *q = nwb_to_sreq(nwb_list_first(
		&stream->subrequests, struct nwb_io_subrequest, rreq_link));

	for (; q; q = next_of(rreq, stream, q)) {
		struct nwb_sreq *to = q, *next;
		bool is_mixed = false;
		size_t len;

		if (!needs_retry(q) || !rebase(q))
			continue;
		len = q->s.len;
		while (!to->has_boundary &&
		       (next = next_of(rreq, stream, to)) &&
		       needs_retry(next) && next->attempts == q->attempts &&
		       !next->s.transferred &&
		       next->s.start == q->s.start + len && rebase(next)) {
			len += next->s.len;
			is_mixed |= next->s.wire_status != q->s.wire_status;
			to = next;
		}
		if (is_mixed)
			forget_status(rreq, stream, q, to);
		q = retile(rreq, stream, q, to, len);
	}
}

static void retry_request(struct nwb_io_request *rreq)
{
	nwb_count(rreq->nf, retry_requests, 1);
	for (unsigned int i = 0; i < NWB_NR_STREAMS; i++) {
		struct nwb_io_stream *stream = &rreq->streams[i];

		if (!stream->need_retry)
			continue;
		stream->need_retry = false;
		retry_stream(rreq, stream);
	}
	nwb_mutex_lock(&rreq->lock);
	rreq->retry = NWB_RETRY_NONE;
	nwb_waitq_wake_all(&rreq->waitq);
	(void)nwb_work_queue(&rreq->work);
	nwb_mutex_unlock(&rreq->lock);
}

/* nf->lock held. The first that is due, or NULL and when one will be. */
static struct nwb_io_request *next_due(struct nwb_netfs *nf, uint64_t *ret_when)
{
	uint64_t now = nwb_now_ns(nf->ex);
	struct nwb_io_request *rreq;

	*ret_when = NWB_NEVER;
	nwb_list_for_each_entry (rreq, &nf->retry_list, nf_link) {
		if (rreq->retry_at <= now)
			return rreq;
		*ret_when = nwb_min(*ret_when, rreq->retry_at);
	}
	return NULL;
}

/** nwb_retryer_main() - the task. */
void nwb_retryer_main(void *arg)
{
	struct nwb_netfs *nf = arg;

	nwb_mutex_lock(&nf->lock);
	while (!nf->stopping) {
		uint64_t when;
		struct nwb_io_request *rreq = next_due(nf, &when);

		if (!rreq) {
			(void)nwb_waitq_wait(&nf->retry_q, &nf->lock, when);
			continue;
		}
		nwb_list_del(&rreq->nf_link);
		nwb_mutex_unlock(&nf->lock);
		retry_request(rreq);
		nwb_mutex_lock(&nf->lock);
	}
	nwb_mutex_unlock(&nf->lock);
}
