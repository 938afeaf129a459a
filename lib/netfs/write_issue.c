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
 * One pass, one request (and one more for each other group); several requests of
 * an inode may be in flight, only issuing is exclusive (6.12: ictx->wb_lock; in
 * 7.2 the lock is held until the request is collected). What keeps them apart is
 * folio->inflight: bytes that overlap a claim are not claimed again; an fsync
 * waits for them, the flusher leaves them for later.
 *
 * Names of the cuts, in the code below: discontiguity, size, segment, EOF, and
 * what follows on a folio of which only a part was submitted.
 */
#include "crypto.h"

#define NO_MEMORY_SLEEP (10 * NWB_MSEC)
/* Claims that are taken under one hold of inode->lock. */
#define BATCH 16u

/* --- subrequests ---------------------------------------------------------- */

/* Not "the server is away" and not our own lack of memory: what the server said
 * when the file was opened again. */
static bool is_refusal(int error)
{
	return error && error != -EHOSTDOWN && error != -ENOMEM;
}

static int prepare_write(struct nwb_sreq *q)
{
	struct nwb_netfs *nf = q->s.rreq->nf;
	unsigned int nr = q->s.stream_nr;
	int (*op)(struct nwb_io_subrequest *) =
		nr ? nf->side[nr].ops->prepare_write : nf->ops->prepare_write;

	if (!op)
		return 0;
	return q->s.rreq->nr_batch && !nr ? nwb_batch_prepare(q, op)
					  : op(&q->s);
}

/* No data unit shall lie in two, unless less than one is allowed. */
static void end_on_unit(const struct nwb_sreq *q, struct nwb_io_stream *stream,
			size_t max_len)
{
	uint64_t end = q->s.start + nwb_min(stream->sreq_max_len, max_len);

	end -= end % q->s.rreq->nf->crypto_unit;
	if (end <= q->s.start) /* then at least no block */
		end = (q->s.start + stream->sreq_max_len) / NWB_CRYPTO_BLOCK *
		      NWB_CRYPTO_BLOCK;
	if (end > q->s.start)
		stream->sreq_max_len = (size_t)(end - q->s.start);
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
	q->prepare_error = q->s.stream_nr ? 0 : rreq->begin_error;
	q->s.unreachable_ns = q->s.stream_nr ? 0 : rreq->unreachable_ns;
	if (nf->crypto && !q->s.stream_nr && !q->prepare_error)
		q->prepare_error = nwb_crypto_error(rreq, q->s.start, max_len);
	if (!q->prepare_error)
		q->prepare_error = prepare_write(q);
	if (nf->crypto && !q->s.stream_nr && !q->prepare_error)
		end_on_unit(q, stream, max_len);
	q->s.is_refused = is_refusal(q->prepare_error);
	nwb_assert(stream->sreq_max_len && stream->sreq_max_segs);
	stream->sreq_max_len = nwb_min(stream->sreq_max_len, max_len);
	if (q->prepare_error) /* it collects its data and fails with it */
		stream->sreq_max_len = max_len;
	if (q->attempts)
		return;
	q->max_len = stream->sreq_max_len;
	q->max_segs = stream->sreq_max_segs;
}

static void count_issue(struct nwb_sreq *q)
{
	struct nwb_netfs *nf = q->s.rreq->nf;
	size_t len = q->s.len - q->s.transferred;

	if (q->s.stream_nr == 1)
		nwb_count(nf, cache_bytes, len);
	else if (q->s.stream_nr)
		nwb_count(nf, mirror_bytes, len);
	else
		nwb_count(nf, bytes_issued, len);
	if (q->attempts > 1) {
		nwb_count(nf, retries, 1);
		nwb_count(nf, bytes_reissued, q->s.stream_nr ? 0 : len);
	} else if (q->s.stream_nr) {
		nwb_count(nf, cache_issued, 1);
	} else {
		nwb_count(nf, upload_issued, 1);
	}
}

/** nwb_sreq_begin() - @q is about to be handed to the filesystem. */
void nwb_sreq_begin(struct nwb_sreq *q)
{
	struct nwb_netfs *nf = q->s.rreq->nf;

	q->s.retry_count = q->attempts++;
	if (q->s.retry_count)
		q->s.flags |= NWB_SREQ_RETRYING;
	count_issue(q);
	nwb_trace_sreq(q, NWB_TRS_SUBMIT);
#ifdef NWB_MUTANTS
	nwb_mutant_copy(q);
#endif
	if (!q->s.stream_nr && nf->tap && nf->tap->sent)
		nf->tap->sent(nf->tap, &q->s);
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
		nwb_trace_sreq(q, NWB_TRS_FAIL);
		nwb_write_subrequest_terminated(
			&q->s, nwb_mutant(nf, NWB_MUT_CANCEL_STORE)
				       ? (int64_t)q->s.len
				       : q->prepare_error);
		return;
	}
	nwb_sreq_begin(q);
	if (q->s.stream_nr)
		nf->side[q->s.stream_nr].ops->issue_write(&q->s);
	else
		nf->ops->issue_write(&q->s);
}

static void issue_construct(struct nwb_io_stream *stream, enum nwb_cut cut)
{
	struct nwb_sreq *q = nwb_to_sreq(stream->construct);
	struct nwb_netfs *nf = q->s.rreq->nf;

	q->cut = cut;
	stream->construct = NULL;
	if (stream->stream_nr == 0 && nwb_rreq_has_folios(q->s.rreq))
		nf->mode->issued(nf, q->s.len);
	if (nf->crypto && !nwb_crypto_may_issue(q))
		return; /* who encrypts it does */
	if (nf->opts.vectored > 1 && nwb_batch_take(q, cut))
		return;
	nwb_sreq_issue(q);
}

/* Before any wait, so that nothing waits for us. */
void nwb_issue_pending(struct nwb_io_request *rreq)
{
	for (unsigned int i = 0; i < NWB_NR_STREAMS; i++)
		if (rreq->streams[i].construct)
			issue_construct(&rreq->streams[i], NWB_CUT_FORCED);
	if (rreq->nr_batch)
		nwb_batch_flush(rreq);
}

/* Pause while a retry is due, then count as in flight. */
static void enter_flight(struct nwb_io_request *rreq, uint8_t stream_nr)
{
	nwb_mutex_lock(&rreq->lock);
	while (rreq->retry != NWB_RETRY_NONE) {
		nwb_mutex_unlock(&rreq->lock);
		nwb_issue_pending(rreq);
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
		nwb_issue_pending(rreq);
	q = nwb_sreq_new(rreq, stream->stream_nr, pos);
	enter_flight(rreq, stream->stream_nr);
	nwb_sreq_prepare(q, stream->stream_nr ? SIZE_MAX : rreq->wsize);

	nwb_mutex_lock(&rreq->lock);
	q->s.debug_index = ++rreq->subreq_counter;
	q->in_progress = true;
	nwb_list_add_tail(&stream->subrequests, &q->s.rreq_link);
	nwb_mutex_unlock(&rreq->lock);
	nwb_trace_sreq(q, q->prepare_error ? NWB_TRS_PREPARE_FAILED
					   : NWB_TRS_PREPARE);
	stream->construct = &q->s;
}

/* netfs_advance_write(): put up to @len bytes at @pos into a subrequest.
 * Return: how many were taken, at least 1. */
static size_t advance_write(struct nwb_io_request *rreq,
			    struct nwb_io_stream *stream, uint64_t pos,
			    uint8_t *mem, size_t len, bool to_eof)
{
	struct nwb_io_subrequest *s = stream->construct;
	struct nwb_netfs *nf = rreq->nf;
	struct nwb_sreq *q;
	size_t part;

	if (s &&
	    (pos != s->start + s->len || nwb_mutant(nf, NWB_MUT_CUTS_ALWAYS)))
		issue_construct(stream, NWB_CUT_GAP);
	if (!stream->construct)
		prepare_construct(rreq, stream, pos);
	q = nwb_to_sreq(stream->construct);
	part = nwb_min(len, stream->sreq_max_len - q->s.len);
	if (!nwb_sreq_add_seg(q, mem, part, stream->sreq_max_segs)) {
		issue_construct(stream, NWB_CUT_SEGMENT);
		prepare_construct(rreq, stream, pos);
		q = nwb_to_sreq(stream->construct);
		part = nwb_min(len, stream->sreq_max_len);
		if (!nwb_sreq_add_seg(q, mem, part, stream->sreq_max_segs))
			nwb_assert(false);
	}
	q->s.len += part;
	q->nr_pieces++;
	if (q->s.len >= stream->sreq_max_len ||
	    (nwb_mutant(nf, NWB_MUT_CUT_EARLY) && q->s.len > NWB_PAGE_SIZE))
		issue_construct(stream, NWB_CUT_SIZE);
	else if (nwb_is_linux(nf) && q->nr_pieces >= stream->sreq_max_segs)
		issue_construct(stream, NWB_CUT_SEGMENT);
	else if (to_eof && part == len)
		issue_construct(stream, NWB_CUT_EOF);
	return part;
}

/* What of @c each stream is to have. Return: the lowest position. */
static uint64_t submit(struct nwb_io_request *rreq, const struct nwb_claim *c)
{
	uint64_t base = c->start - c->pre;

	for (unsigned int i = 0; i < rreq->nf->nr_streams; i++) {
		struct nwb_io_stream *s = &rreq->streams[i];
		uint64_t start;
		uint8_t *mem;
		size_t len = nwb_claim_range(c, i, &start, &mem);

		s->submit_off = (size_t)(start - base);
		s->submit_len = s->avail && (!i || !c->error) ? len : 0;
	}
	return base;
}

static struct nwb_io_stream *lowest_stream(struct nwb_io_request *rreq)
{
	struct nwb_io_stream *lowest = NULL;

	for (unsigned int i = 0; i < rreq->nf->nr_streams; i++) {
		struct nwb_io_stream *s = &rreq->streams[i];

		if (s->submit_len &&
		    (!lowest || s->submit_off < lowest->submit_off))
			lowest = s;
	}
	return lowest;
}

/* Steps 5 and 6: what the folio says before anything of it is submitted. */
static void begin_folio(struct issue *is, const struct nwb_claim *c)
{
	struct nwb_io_request *rreq = is->rreq;
	struct nwb_netfs *nf = rreq->nf;
	enum nwb_trace_folio_what what = NWB_TRF_STORE;

	if (c->is_copy)
		what = NWB_TRF_STORE_COPY;
	else if (rreq->streams[0].construct)
		what = NWB_TRF_STORE_PLUS;
	nwb_trace_folio(c->folio, rreq, what);
	if (c->is_copy && rreq->streams[0].construct)
		issue_construct(&rreq->streams[0], NWB_CUT_FORCED);
	if (c->is_cached || !rreq->streams[1].avail)
		return;
	/* a streaming write: the cache cannot have it */
	if (rreq->streams[1].construct)
		issue_construct(&rreq->streams[1], NWB_CUT_FORCED);
	if (nf->side[1].ops->forget)
		nf->side[1].ops->forget(rreq->inode, c->start, c->len);
}

/** nwb_wait_collected() - until all below @to is, of a direct write. Return:
 * has nothing failed? Context: blocks. */
bool nwb_wait_collected(struct nwb_io_request *rreq, uint64_t to)
{
	bool is_good;

	nwb_mutex_lock(&rreq->lock);
	/* what was not sent because of the error is not collected either,
	 * before all is queued */
	nwb_wait_event(&rreq->waitq, &rreq->lock,
		       rreq->collected_to >= to || rreq->error);
	is_good = !rreq->error;
	nwb_mutex_unlock(&rreq->lock);
	return is_good;
}

/* All before it has been handed to its streams: the collector may pass. */
static void set_issued_to(struct nwb_io_request *rreq, uint64_t to)
{
	if (atomic_load_explicit(&rreq->issued_to, memory_order_relaxed) != to)
		atomic_store_explicit(&rreq->issued_to, to,
				      memory_order_release);
}

/* Claims that are not tiled yet lie behind issued_to, so nothing ends them. */
static void list_claims(struct nwb_io_request *rreq, struct nwb_claim **c,
			unsigned int nr)
{
	nwb_mutex_lock(&rreq->lock);
	for (unsigned int i = 0; i < nr; i++)
		nwb_list_add_tail(&rreq->claims, &c[i]->link);
	nwb_mutex_unlock(&rreq->lock);
}

/* The cache may begin below @base, and be done before the upload is prepared.
 * Only the issuer makes it active. */
static void activate_upload(struct nwb_io_request *rreq, uint64_t base)
{
	if (rreq->streams[0].active)
		return;
	nwb_mutex_lock(&rreq->lock);
	rreq->streams[0].active = true;
	rreq->streams[0].collected_to = base;
	nwb_mutex_unlock(&rreq->lock);
}

/* The upload is the only stream: no question which one is behind. */
static void tile_upload(struct nwb_io_request *rreq, uint64_t pos, uint8_t *mem,
			size_t len, bool to_eof)
{
	while (len) {
		size_t part;

		set_issued_to(rreq, pos);
		part = advance_write(rreq, &rreq->streams[0], pos, mem, len,
				     to_eof);
		pos += part;
		mem += part;
		len -= part;
	}
}

/* Each stream its own cuts; who is furthest behind is served first. */
static void tile_streams(struct issue *is, uint64_t base, uint8_t *mem,
			 bool to_eof)
{
	struct nwb_io_request *rreq = is->rreq;
	struct nwb_io_stream *stream;

	while ((stream = lowest_stream(rreq))) {
		uint64_t pos = base + stream->submit_off;
		size_t part;

		if (!nwb_mutant(rreq->nf, NWB_MUT_ISSUED_EARLY))
			set_issued_to(rreq, pos);
		part = advance_write(rreq, stream, pos,
				     mem + stream->submit_off,
				     stream->submit_len, to_eof);
		if (nwb_mutant(rreq->nf, NWB_MUT_SKIPS_PAGE))
			part = stream->submit_len;
		stream->submit_off += part;
		stream->submit_len -= part;
		if (!is->is_ordered)
			continue;
		nwb_issue_pending(rreq);
		if (!nwb_wait_collected(rreq, pos + part))
			break;
	}
}

static bool has_one_stream(const struct issue *is)
{
	return is->rreq->nf->nr_streams == 1 && !is->is_ordered &&
	       !nwb_mutant(is->rreq->nf,
			   NWB_MUT_ISSUED_EARLY | NWB_MUT_SKIPS_PAGE);
}

static void begin_crypto(struct nwb_io_request *rreq, struct nwb_claim *c)
{
	if (c->error) { /* nothing else shall fail with it */
		nwb_issue_pending(rreq);
		rreq->has_claim_error = true;
	}
	if (c->folio)
		nwb_crypto_prepare(rreq, c);
	else /* an object that is sent as it is */
		atomic_store(&rreq->crypto_to, nwb_claim_end(c));
}

/* netfs_write_folio(), from its step 5 on: @c, which is listed, into
 * subrequests. It may be gone afterwards. */
static void tile_claim(struct issue *is, struct nwb_claim *c)
{
	struct nwb_io_request *rreq = is->rreq;
	uint64_t base = c->start, end = nwb_claim_end(c);
	bool is_upload = rreq->streams[0].avail && !c->is_copy;
	/* vectored: it goes with the next one, or before anything is waited for */
	bool ends_run =
		(c->ends_run && rreq->nf->opts.vectored <= 1) || c->error;
	size_t len = c->len;

	if (c->folio)
		begin_folio(is, c);
	if (rreq->nf->crypto)
		begin_crypto(rreq, c);
	if (is_upload)
		activate_upload(rreq, base - c->pre);
	if (has_one_stream(is)) {
		if (is_upload)
			tile_upload(rreq, base, c->mem, len, c->to_eof);
	} else {
		base = submit(rreq, c);
		if (nwb_mutant(rreq->nf, NWB_MUT_ISSUED_EARLY))
			set_issued_to(rreq, end);
		tile_streams(is, base, c->mem - c->pre, c->to_eof);
	}
	if (!is_upload && nwb_rreq_has_folios(rreq))
		rreq->nf->mode->issued(rreq->nf, len);
	set_issued_to(rreq, end);
	if (ends_run)
		nwb_issue_pending(rreq);
}

/**
 * nwb_write_claim() - list @c and tile it into subrequests. @c may be gone
 * afterwards.
 */
void nwb_write_claim(struct issue *is, struct nwb_claim *c)
{
	list_claims(is->rreq, &c, 1);
	tile_claim(is, c);
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
void nwb_begin_upload(struct nwb_io_request *rreq, enum nwb_wb_reason reason)
{
	struct nwb_netfs *nf = rreq->nf;
	uint64_t began = nwb_now_ns(nf->ex);
	uint32_t wsize = rreq->wsize;
	int rc = 0;

	rreq->is_upload_begun = true;
	if (nf->ops->init_request)
		rc = nf->ops->init_request(rreq);
	if (!rc && nf->tap && nf->tap->begin)
		rc = nf->tap->begin(nf->tap, rreq);
	/* Who waits for it is told by writepages itself. */
	if (rc && reason != NWB_WB_SYNC && drops_dirty(rreq, NWB_H14))
		return;
	if (!rc && nf->ops->begin_writeback) {
		rc = nf->ops->begin_writeback(rreq, &wsize);
		if (!rc && !rreq->streams[0].avail)
			rc = -EBADF;
		if (rc && rreq->origin <= NWB_WRITETHROUGH &&
		    drops_dirty(rreq, NWB_H4))
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
	return rreq->nr_batch != 0;
}

/* The first claim of a request is the folio at is->pos. */
static void begin_request(struct issue *is)
{
	struct nwb_inode *inode = is->inode;
	struct nwb_folio *f;
	bool is_copy;

	is->rreq = nwb_request_new(inode, is->pos, is->origin);
	nwb_mutex_lock(&inode->lock);
	f = nwb_folio_next_dirty(inode, is->pos);
	is->rreq->group = f ? f->group : 0;
	is_copy = f && (f->flags & NWB_FOLIO_COPY);
	nwb_mutex_unlock(&inode->lock);
	nwb_trace_write(is->rreq, 0);
	if (!is_copy)
		nwb_begin_upload(is->rreq, is->reason);
}

/* No claim at hand, or nothing at all: get ready to look again. */
static void refill(struct issue *is)
{
	struct nwb_netfs *nf = is->inode->nf;
	uint64_t pages = 1;

	if (is->end > is->pos)
		pages += (is->end - is->pos) / NWB_PAGE_SIZE;
	if (nwb_claims_get(nf, is->spare,
			   (unsigned int)nwb_min(pages, (uint64_t)BATCH)))
		return;
	if (nwb_mutant(nf, NWB_MUT_NO_MEMORY_CLEAN)) {
		struct nwb_folio *f;

		nwb_mutex_lock(&is->inode->lock);
		f = nwb_folio_next_dirty(is->inode, is->pos);
		if (f)
			nwb_folio_clear_dirty(f);
		nwb_mutex_unlock(&is->inode->lock);
	}
	if (is->rreq)
		nwb_issue_pending(is->rreq);
	nwb_sleep_until(nf->ex, nwb_now_ns(nf->ex) + NO_MEMORY_SLEEP);
}

/* What stands in the way of the next claim; false: there is none. */
static bool clear_way(struct issue *is, int rc, uint64_t temp_seen)
{
	if (rc == -ENOENT)
		return false;
	if (rc == -ENOMEM) {
		refill(is);
		return true;
	}
	if (is->rreq)
		nwb_issue_pending(is->rreq);
	if (rc == -EINPROGRESS) {
		begin_request(is);
	} else if (rc == -EXDEV) {
		nwb_end_issue_write(is->rreq);
		is->rreq = NULL;
	} else if (rc == -EAGAIN) {
		/* All that we have issued may be answered, and what the
		 * collector looked at was issued_to of before. */
		if (is->rreq)
			(void)nwb_work_queue(&is->rreq->work);
		is->inode->nf->mode->wait_room(is->inode->nf, temp_seen);
	}
	return true;
}

/* The next claims, at least one, or 0: there is nothing left. What is waited for
 * is waited for with no claim in hand. */
static unsigned int next_claims(struct issue *is, struct nwb_claim **ret)
{
	struct nwb_inode *inode = is->inode;
	uint64_t seen;
	int rc;

	do {
		unsigned int nr = 0;

		nwb_mutex_lock(&inode->lock);
		seen = atomic_load(&inode->nf->temp_freed);
		do {
			rc = nwb_try_claim(is, &ret[nr]);
		} while (!rc && ++nr < BATCH);
		if (!nr && rc == -EBUSY &&
		    (!is->rreq || !has_pending(is->rreq)))
			(void)nwb_waitq_wait(&inode->waitq, &inode->lock,
					     NWB_NEVER);
		nwb_mutex_unlock(&inode->lock);
		if (nr)
			return nr;
	} while (clear_way(is, rc, seen));
	return 0;
}

/* netfs_end_issue_write() */
void nwb_end_issue_write(struct nwb_io_request *rreq)
{
	nwb_mutex_lock(&rreq->lock);
	rreq->all_queued = true;
	nwb_trace_rreq(rreq, NWB_TRR_ALL_QUEUED);
	nwb_mutex_unlock(&rreq->lock);
	nwb_issue_pending(rreq);
	if (!nwb_mutant(rreq->nf, NWB_MUT_NO_LAST_WAKE))
		(void)nwb_work_queue(&rreq->work);
	nwb_request_put(rreq); /* ISSUER */
}

/**
 * nwb_issue_all() - all that @is may take, into its request, which is left open.
 * Context: the writeback lock is held; blocks.
 */
void nwb_issue_all(struct issue *is)
{
	struct nwb_claim *c[BATCH];
	struct nwb_list spare;
	unsigned int nr;

	nwb_list_init(&spare);
	is->spare = &spare;
	while ((nr = next_claims(is, c))) {
		list_claims(is->rreq, c, nr);
		for (unsigned int i = 0; i < nr; i++) {
			if (!c[i]->is_copy && !is->rreq->is_upload_begun) {
				nwb_issue_pending(is->rreq);
				nwb_begin_upload(is->rreq, is->reason);
			}
			tile_claim(is, c[i]);
		}
	}
	nwb_claims_put(is->inode->nf, &spare);
}

/* --- the writeback lock --------------------------------------------------- */

/** nwb_wb_lock() - netfs_wb_begin_wait(). */
void nwb_wb_lock(struct nwb_inode *inode)
{
	nwb_mutex_lock(&inode->lock);
	if (inode->is_issuing)
		nwb_count(inode->nf, wblock_wait, 1);
	nwb_wait_event(&inode->waitq, &inode->lock, !inode->is_issuing);
	inode->is_issuing = true;
	nwb_mutex_unlock(&inode->lock);
}

/** nwb_wb_unlock() - netfs_wb_end(). */
void nwb_wb_unlock(struct nwb_inode *inode)
{
	nwb_mutex_lock(&inode->lock);
	inode->is_issuing = false;
	nwb_waitq_wake_all(&inode->waitq);
	nwb_mutex_unlock(&inode->lock);
}

/** nwb_wb_trylock() - netfs_wb_begin(); false: somebody else has it. */
bool nwb_wb_trylock(struct nwb_inode *inode)
{
	bool is_free;

	nwb_mutex_lock(&inode->lock);
	is_free = !inode->is_issuing;
	inode->is_issuing = true;
	nwb_mutex_unlock(&inode->lock);
	if (!is_free && !nwb_mutant(inode->nf, NWB_MUT_SKIP_UNCOUNTED))
		nwb_count(inode->nf, wblock_skip, 1);
	return is_free;
}

/* --- passes --------------------------------------------------------------- */

/* From is->pos to is->end, with the lock held; releases it, or leaves that to
 * the collector. */
static void pass(struct issue *is)
{
	struct nwb_inode *inode = is->inode;
	struct nwb_folio *f;

	nwb_mutex_lock(&inode->lock);
	is->end = nwb_min(is->end, inode->size);
	is->tag = inode->wb_tag++;
	f = nwb_folio_find(inode, is->pos >> NWB_PAGE_SHIFT);
	is->pos =
		f ? nwb_folio_pos(f) : is->pos / NWB_PAGE_SIZE * NWB_PAGE_SIZE;
	nwb_mutex_unlock(&inode->lock);

	nwb_issue_all(is);
	if (is->rreq && inode->nf->opts.flavour == NWB_LINUX_7_2) {
		is->rreq->holds_wb_lock = true;
		nwb_end_issue_write(is->rreq);
		return;
	}
	if (is->rreq)
		nwb_end_issue_write(is->rreq);
	nwb_wb_unlock(inode);
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
	struct issue is = {
		.inode = inode,
		.reason = reason,
		.end = UINT64_MAX,
		.nr_left = INT64_MAX,
	};

	if (reason == NWB_WB_SYNC)
		nwb_wb_lock(inode);
	else if (!nwb_wb_trylock(inode))
		return 0;
	pass(&is);
	return is.claimed;
}

/** nwb_writepages_range() - what overlaps [@pos, @end), and was dirty at the
 * call; as NWB_WB_SYNC otherwise. */
uint64_t nwb_writepages_range(struct nwb_inode *inode, uint64_t pos,
			      uint64_t end)
{
	struct issue is = {
		.inode = inode,
		.reason = NWB_WB_SYNC,
		.pos = pos,
		.end = end,
		.nr_left = INT64_MAX,
	};

	nwb_wb_lock(inode);
	pass(&is);
	return is.claimed;
}

uint64_t nwb_inode_writepages(struct nwb_inode *inode,
			      struct nwb_writeback_control *wbc)
{
	bool is_sync = wbc->sync_mode == NWB_WB_SYNC_ALL;
	struct issue is = {
		.inode = inode,
		.reason = is_sync ? NWB_WB_SYNC : NWB_WB_ALL,
		.pos = wbc->range_start,
		.end = wbc->range_end,
		.nr_left = is_sync ? INT64_MAX : nwb_max(wbc->nr_to_write, 1),
	};
	int64_t had = is.nr_left;

	if (is.end != UINT64_MAX)
		is.end++;
	wbc->was_skipped = false;
	if (is_sync) {
		nwb_wb_lock(inode);
	} else if (!nwb_wb_trylock(inode)) {
		wbc->was_skipped = true;
		return 0;
	}
	if (wbc->range_cyclic) {
		nwb_mutex_lock(&inode->lock);
		is.pos = inode->writeback_index << NWB_PAGE_SHIFT;
		nwb_mutex_unlock(&inode->lock);
		is.end = UINT64_MAX;
	}
	pass(&is);
	if (wbc->range_cyclic) {
		nwb_mutex_lock(&inode->lock);
		inode->writeback_index =
			is.is_cut_short ? is.pos >> NWB_PAGE_SHIFT : 0;
		nwb_mutex_unlock(&inode->lock);
	}
	wbc->nr_to_write -= had - is.nr_left;
	return is.claimed;
}
