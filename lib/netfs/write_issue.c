/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The issuer (fs/netfs/write_issue.c): walks the dirty folios of an inode in
 * ascending order and tiles them into subrequests, in each stream on its own.
 *
 *	folios    +---+---+-----+-----+   +---+----------+
 *	dirty     |###|###|#####|###  |   |###|##########|
 *	claims    [ 1 ][ 2 ][ 3 ][ 4 ]    [ 5 ][    6    ]
 *	upload    +------+------+----+    +------+-------+     stream 0
 *	          ^size cut     ^partial   ^gap   ^size    ^EOF
 *	cache     +----+----+--------+    ...                  stream 1
 *
 * A subrequest is cut when the next bytes do not follow on (discontiguity),
 * when it has sreq_max_len bytes (size) or sreq_max_segs segments (segments),
 * or when it reaches the end of the file (netfs_advance_write,
 * netfs_write_folio). The stream that is furthest behind is served first, so
 * that all below issued_to is in the subrequests of every stream.
 *
 * One pass, one request; several requests of an inode may be in flight, only
 * issuing is exclusive (Linux 6.12: ictx->wb_lock). What keeps them apart is
 * folio->inflight: bytes that overlap a claim are not claimed again; an fsync
 * waits for them, the flusher leaves them for later.
 *
 * A pass that was kicked because much is dirty does not send the last, partial
 * piece of a run that is still being written: it takes whole multiples of wsize
 * from the run, and what is left is the beginning of the next pass.
 */
#include "internal.h"

#define NO_MEMORY_SLEEP (10 * NWB_MSEC)
#define RUN_WSIZES	16u

struct issue {
	struct nwb_inode *inode;
	struct nwb_io_request *rreq;
	enum nwb_wb_reason reason;
	uint64_t pos;	/* ascends */
	uint64_t end;	/* size when the pass began: it ends there */
	uint64_t limit; /* kicked: claim up to here */
	uint64_t claimed;
	bool to_eof;   /* the latest claim ends at the end of the file */
	bool ends_run; /* or the next bytes cannot follow on */
};

/* --- subrequests ---------------------------------------------------------- */

/* Not "the server is away" and not our own lack of memory: what the server said
 * when the file was opened again. */
static bool is_refusal(int error)
{
	return error && error != -EHOSTDOWN && error != -ENOMEM;
}

/**
 * nwb_sreq_prepare() - ask the filesystem how much @q may carry now.
 * @max_len: at most that; the answer is in the stream's sreq_max_len and
 *	sreq_max_segs, a failure in @q
 * Context: may block for credits or a reconnect; no lock held.
 */
void nwb_sreq_prepare(struct nwb_sreq *q, size_t max_len)
{
	struct nwb_io_request *rreq = q->s.rreq;
	struct nwb_netfs *nf = rreq->nf;
	struct nwb_io_stream *stream = &rreq->streams[q->s.stream_nr];

	nwb_assert(max_len);
	stream->sreq_max_len = max_len;
	stream->sreq_max_segs = nf->sreq_segs;
	q->s.flags = NWB_SREQ_IN_PROGRESS;
	q->s.error = 0;
	q->prepare_error = rreq->begin_error;
	q->s.unreachable_ns = rreq->unreachable_ns;
	if (!q->prepare_error && nf->ops->prepare_write)
		q->prepare_error = nf->ops->prepare_write(&q->s);
	q->s.is_refused = is_refusal(q->prepare_error);
	nwb_assert(stream->sreq_max_len && stream->sreq_max_segs);
	stream->sreq_max_len = nwb_min(stream->sreq_max_len, max_len);
	if (q->prepare_error) /* it collects its data and fails with it */
		stream->sreq_max_len = max_len;
}

static void count_issue(struct nwb_sreq *q)
{
	struct nwb_netfs *nf = q->s.rreq->nf;
	size_t len = q->s.len - q->s.transferred;

	nwb_count(nf, bytes_issued, len);
	if (q->attempts > 1) {
		nwb_count(nf, retries, 1);
		nwb_count(nf, bytes_reissued, len);
	} else if (q->s.stream_nr) {
		nwb_count(nf, cache_issued, 1);
	} else {
		nwb_count(nf, upload_issued, 1);
	}
}

/**
 * nwb_sreq_issue() - hand a prepared and filled subrequest to the filesystem
 * (netfs_do_issue_write). It may be gone when this returns.
 */
void nwb_sreq_issue(struct nwb_sreq *q)
{
	struct nwb_io_request *rreq = q->s.rreq;
	struct nwb_netfs *nf = rreq->nf;

	nwb_assert(q->s.len > q->s.transferred && q->s.nr_iov);
	nwb_request_get(rreq); /* IO */
	if (q->prepare_error) {
		q->is_silent = q->attempts && !q->s.stream_nr &&
			       nwb_hazard(nf, NWB_H1);
		nwb_write_subrequest_terminated(&q->s, q->prepare_error);
		return;
	}
	q->s.retry_count = q->attempts++;
	if (q->s.retry_count)
		q->s.flags |= NWB_SREQ_RETRYING;
	count_issue(q);
#ifdef NWB_MUTANTS
	nwb_mutant_copy(q);
#endif
	if (!q->s.stream_nr && nf->tap && nf->tap->sent)
		nf->tap->sent(nf->tap, &q->s);
	nf->ops->issue_write(&q->s);
}

static void issue_construct(struct nwb_io_stream *stream)
{
	struct nwb_sreq *q = nwb_to_sreq(stream->construct);
	struct nwb_netfs *nf = q->s.rreq->nf;

	stream->construct = NULL;
	if (stream->stream_nr == 0)
		nf->mode->issued(nf, q->s.len);
	nwb_sreq_issue(q);
}

/* Before any wait, so that nothing waits for us. */
static void issue_pending(struct nwb_io_request *rreq)
{
	for (unsigned int i = 0; i < NWB_NR_STREAMS; i++)
		if (rreq->streams[i].construct)
			issue_construct(&rreq->streams[i]);
}

/* Pause while a retry is due, then count as in flight. */
static void enter_flight(struct nwb_io_request *rreq, uint8_t stream_nr)
{
	nwb_mutex_lock(&rreq->lock);
	while (rreq->retry != NWB_RETRY_NONE) {
		nwb_mutex_unlock(&rreq->lock);
		issue_pending(rreq);
		nwb_mutex_lock(&rreq->lock);
		nwb_wait_event(&rreq->waitq, &rreq->lock,
			       rreq->retry == NWB_RETRY_NONE);
	}
	rreq->nr_inflight[stream_nr]++;
	nwb_mutex_unlock(&rreq->lock);
}

/* netfs_prepare_write(): begin a subrequest at @pos. */
static void prepare_construct(struct nwb_io_request *rreq,
			      struct nwb_io_stream *stream, uint64_t pos)
{
	struct nwb_netfs *nf = rreq->nf;
	struct nwb_sreq *q;
	bool is_short;

	nwb_mutex_lock(&nf->lock);
	is_short = nf->nr_sreqs >= nf->opts.max_subrequests;
	nwb_mutex_unlock(&nf->lock);
	if (is_short)
		issue_pending(rreq);
	q = nwb_sreq_new(rreq, stream->stream_nr, pos);
	enter_flight(rreq, stream->stream_nr);
	nwb_sreq_prepare(q, stream->stream_nr ? SIZE_MAX : rreq->wsize);

	nwb_mutex_lock(&rreq->lock);
	q->s.debug_index = ++rreq->subreq_counter;
	q->in_progress = true;
	nwb_list_add_tail(&stream->subrequests, &q->s.rreq_link);
	if (!stream->active) {
		stream->active = true;
		stream->collected_to = pos;
	}
	nwb_mutex_unlock(&rreq->lock);
	stream->construct = &q->s;
}

/* netfs_advance_write(): put up to @len bytes at @pos into a subrequest.
 * Return: how many were taken, at least 1. */
static size_t advance_write(struct issue *is, struct nwb_io_stream *stream,
			    uint64_t pos, uint8_t *mem, size_t len)
{
	struct nwb_io_subrequest *s = stream->construct;
	struct nwb_sreq *q;
	size_t part;

	if (s && pos != s->start + s->len)
		issue_construct(stream);
	if (!stream->construct)
		prepare_construct(is->rreq, stream, pos);
	q = nwb_to_sreq(stream->construct);
	part = nwb_min(len, stream->sreq_max_len - q->s.len);
	if (!nwb_sreq_add_seg(q, mem, part, stream->sreq_max_segs)) {
		issue_construct(stream);
		prepare_construct(is->rreq, stream, pos);
		q = nwb_to_sreq(stream->construct);
		part = nwb_min(len, stream->sreq_max_len);
		if (!nwb_sreq_add_seg(q, mem, part, stream->sreq_max_segs))
			nwb_assert(false);
	}
	q->s.len += part;
	if (q->s.len >= stream->sreq_max_len || (is->to_eof && part == len))
		issue_construct(stream);
	return part;
}

/* netfs_write_folio(), from its step 10 on. @c may be gone afterwards. */
static void write_claim(struct issue *is, struct nwb_claim *c)
{
	struct nwb_io_request *rreq = is->rreq;
	uint64_t start = c->start;
	uint8_t *mem = c->mem;
	size_t len = c->len;

	nwb_mutex_lock(&rreq->lock);
	nwb_list_add_tail(&rreq->claims, &c->link);
	nwb_mutex_unlock(&rreq->lock);
	for (unsigned int i = 0; i < NWB_NR_STREAMS; i++) {
		rreq->streams[i].submit_off = 0;
		rreq->streams[i].submit_len = rreq->streams[i].avail ? len : 0;
	}
	for (;;) {
		struct nwb_io_stream *lowest = NULL;
		size_t part;

		for (unsigned int i = 0; i < NWB_NR_STREAMS; i++) {
			struct nwb_io_stream *s = &rreq->streams[i];

			if (s->submit_len &&
			    (!lowest || s->submit_off < lowest->submit_off))
				lowest = s;
		}
		if (!lowest)
			break;
		atomic_store(&rreq->issued_to, start + lowest->submit_off);
		part = advance_write(is, lowest, start + lowest->submit_off,
				     mem + lowest->submit_off,
				     lowest->submit_len);
		lowest->submit_off += part;
		lowest->submit_len -= part;
	}
	if (!rreq->streams[0].avail)
		rreq->nf->mode->issued(rreq->nf, len);
	atomic_store(&rreq->issued_to, start + len);
	if (is->ends_run)
		issue_pending(rreq);
}

/* --- choosing what to claim ----------------------------------------------- */

static bool is_busy(const struct nwb_folio *f, struct nwb_span s)
{
	return f->nr_claims && nwb_span_overlaps(f->inflight, s);
}

/* End of the run of dirty bytes that begins in @f, looked at up to @max. */
static uint64_t run_end(const struct nwb_folio *f, uint64_t max)
{
	uint64_t end = nwb_folio_pos(f) + f->dirty.to;

	while (f->dirty.to == f->bytes && end < max) {
		f = nwb_folio_find(f->inode,
				   f->index + f->bytes / NWB_PAGE_SIZE);
		if (!f || !(f->flags & NWB_FOLIO_DIRTY) || f->dirty.from ||
		    is_busy(f, f->dirty))
			break;
		end = nwb_folio_pos(f) + f->dirty.to;
	}
	return end;
}

/* Kicked: how far to claim from @start in @f on; false: skip that run. */
static bool set_limit(struct issue *is, const struct nwb_folio *f,
		      uint64_t start)
{
	uint64_t wsize = atomic_load(&is->inode->nf->wsize);
	uint64_t max = start + RUN_WSIZES * wsize;
	uint64_t end = run_end(f, max);

	is->limit = end;
	if (end >= max || end == is->inode->last_write_end)
		is->limit = start + (end - start) / wsize * wsize;
	if (is->limit > start)
		return true;
	is->pos = end;
	return false;
}

/* The claim itself: dirty bytes become bytes in flight. inode->lock held. */
static int take_claim(struct issue *is, struct nwb_folio *f, struct nwb_span s,
		      struct nwb_claim **ret_claim)
{
	struct nwb_inode *inode = is->inode;
	struct nwb_netfs *nf = inode->nf;
	struct nwb_claim *c = nwb_claim_new(nf);
	int rc;

	if (!c)
		return -ENOMEM;
	c->folio = f;
	c->start = nwb_folio_pos(f) + s.from;
	c->len = s.to - s.from;
	rc = nf->mode->claim(nf, c, f->mem + s.from);
	if (rc) {
		nwb_mutex_lock(&nf->lock);
		nwb_pool_put(&nf->claim_pool, c);
		nwb_mutex_unlock(&nf->lock);
		return rc;
	}
	f->inflight = f->nr_claims ? nwb_span_hull(f->inflight, s) : s;
	f->nr_claims++;
	is->to_eof = c->start + c->len == inode->size;
	if (s.to < f->dirty.to) {
		nwb_folio_set_dirty(f, (struct nwb_span){s.to, f->dirty.to});
		is->pos = c->start + c->len;
		is->ends_run = false;
	} else {
		nwb_folio_set_dirty(f, (struct nwb_span){0, 0});
		is->pos = nwb_folio_pos(f) + f->bytes;
		is->ends_run = s.to < f->bytes;
	}
	is->claimed += c->len;
	*ret_claim = c;
	return 0;
}

/* inode->lock held. 0; -ENOENT: nothing left; -EINPROGRESS: a request is
 * needed first; -EBUSY: in flight, to be waited for; -EAGAIN, -ENOMEM. */
static int try_claim(struct issue *is, struct nwb_claim **ret_claim)
{
	for (;;) {
		struct nwb_folio *f = nwb_folio_next_dirty(is->inode, is->pos);
		struct nwb_span s;
		uint64_t fpos;

		if (!f || nwb_folio_pos(f) >= is->end)
			return -ENOENT;
		fpos = nwb_folio_pos(f);
		s = f->dirty;
		if (fpos + s.from < is->pos) {
			/* Dirtied behind us: the next pass's. */
			is->pos = fpos + f->bytes;
			continue;
		}
		if (is_busy(f, s)) {
			if (is->reason == NWB_WB_SYNC)
				return -EBUSY;
			is->pos = fpos + f->bytes;
			continue;
		}
		if (is->reason == NWB_WB_KICK) {
			if (fpos + s.from >= is->limit &&
			    !set_limit(is, f, fpos + s.from))
				continue;
			s.to = (uint32_t)nwb_min((uint64_t)s.to,
						 is->limit - fpos);
		}
		if (!is->rreq)
			return -EINPROGRESS;
		return take_claim(is, f, s, ret_claim);
	}
}

/* --- the pass ------------------------------------------------------------- */

/* Linux lets go of what was dirty: cleaned, sent nowhere, told nobody
 * (netfs_kill_dirty_pages(), or cancel-store in netfs_write_folio()). */
static bool drops_dirty(struct nwb_io_request *rreq, enum nwb_hazard h)
{
	if (!nwb_hazard(rreq->nf, h))
		return false;
	nwb_netfs_hazard_fired(rreq->nf, h);
	rreq->streams[0].avail = false;
	return true;
}

/* ->init_request() and ->begin_writeback(). Failure is not told here: the
 * subrequests collect what is dirty and fail with it, so that it is recorded
 * (not so in Linux: H4, H14). */
static void begin_upload(struct nwb_io_request *rreq, enum nwb_wb_reason reason)
{
	struct nwb_netfs *nf = rreq->nf;
	uint64_t began = nwb_now_ns(nf->ex);
	uint32_t wsize = rreq->wsize;
	int rc = 0;

	rreq->is_upload_begun = true;
	if (nf->ops->init_request)
		rc = nf->ops->init_request(rreq);
	/* Who waits for it is told by writepages itself. */
	if (rc && reason != NWB_WB_SYNC && drops_dirty(rreq, NWB_H14))
		return;
	if (!rc && nf->ops->begin_writeback) {
		rc = nf->ops->begin_writeback(rreq, &wsize);
		if (!rc && !rreq->streams[0].avail)
			rc = -EBADF;
		if (rc && drops_dirty(rreq, NWB_H4))
			return;
	}
	rreq->streams[0].avail = true;
	if (rc) {
		rreq->begin_error = rc;
		if (!rreq->unreachable_ns)
			rreq->unreachable_ns = nwb_now_ns(nf->ex) - began;
		return;
	}
	if (nf->opts.wsize)
		wsize = nwb_min(wsize, nf->opts.wsize);
	nwb_assert(wsize);
	rreq->wsize = wsize;
	if (atomic_exchange(&nf->wsize, wsize) != wsize)
		atomic_store(&nf->kick_at, nwb_kick_bytes(nf));
}

static bool has_pending(const struct nwb_io_request *rreq)
{
	for (unsigned int i = 0; i < NWB_NR_STREAMS; i++)
		if (rreq->streams[i].construct)
			return true;
	return false;
}

static struct nwb_claim *next_claim(struct issue *is)
{
	struct nwb_inode *inode = is->inode;
	struct nwb_netfs *nf = inode->nf;

	for (;;) {
		struct nwb_claim *c = NULL;
		uint64_t seen;
		int rc;

		nwb_mutex_lock(&inode->lock);
		seen = atomic_load(&nf->temp_freed);
		rc = try_claim(is, &c);
		if (rc == -EBUSY && (!is->rreq || !has_pending(is->rreq)))
			(void)nwb_waitq_wait(&inode->waitq, &inode->lock,
					     NWB_NEVER);
		nwb_mutex_unlock(&inode->lock);
		if (!rc)
			return c;
		if (rc == -ENOENT)
			return NULL;
		if (is->rreq)
			issue_pending(is->rreq);
		if (rc == -EINPROGRESS) {
			is->rreq = nwb_request_new(inode, is->pos);
			begin_upload(is->rreq, is->reason);
		} else if (rc == -EAGAIN) {
			nf->mode->wait_room(nf, seen);
		} else if (rc == -ENOMEM) {
			nwb_sleep_until(nf->ex,
					nwb_now_ns(nf->ex) + NO_MEMORY_SLEEP);
		}
	}
}

/* netfs_end_issue_write() */
static void end_issue_write(struct nwb_io_request *rreq)
{
	nwb_mutex_lock(&rreq->lock);
	rreq->all_queued = true;
	nwb_mutex_unlock(&rreq->lock);
	issue_pending(rreq);
	(void)nwb_work_queue(&rreq->work);
	nwb_request_put(rreq); /* ISSUER */
}

/**
 * nwb_writepages() - one pass over what is dirty (netfs_writepages).
 *
 * Return: bytes claimed. Errors come through the inode's error sequence.
 * Context: blocks for credits, memory, a reconnect; with NWB_WB_SYNC also for
 * folios in flight and for another issuer. Never for replies to its own.
 */
uint64_t nwb_writepages(struct nwb_inode *inode, enum nwb_wb_reason reason)
{
	struct issue is = {.inode = inode, .reason = reason};
	struct nwb_claim *c;

	nwb_mutex_lock(&inode->lock);
	if (inode->is_issuing && reason != NWB_WB_SYNC) {
		nwb_mutex_unlock(&inode->lock);
		return 0;
	}
	nwb_wait_event(&inode->waitq, &inode->lock, !inode->is_issuing);
	inode->is_issuing = true;
	is.end = inode->size;
	nwb_mutex_unlock(&inode->lock);

	while ((c = next_claim(&is)))
		write_claim(&is, c);
	if (is.rreq)
		end_issue_write(is.rreq);

	nwb_mutex_lock(&inode->lock);
	inode->is_issuing = false;
	nwb_waitq_wake_all(&inode->waitq);
	nwb_mutex_unlock(&inode->lock);
	return is.claimed;
}
