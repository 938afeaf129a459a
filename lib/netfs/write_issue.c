/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The issuer (fs/netfs/write_issue.c): tiles the dirty folios of an inode, in
 * ascending order, into subrequests, in each stream on its own.
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
 * Here a claim becomes subrequests; write_claim.c chooses claims, write_pass.c
 * takes one after the other. What follows on a folio of which only a part was
 * submitted is another subrequest, too.
 */
#include "crypto.h"

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
		nr ? nf->side[nr]->prepare_write : nf->ops->prepare_write;

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
	bool is_encrypted = !q->s.stream_nr && nwb_rreq_is_encrypted(rreq);

	nwb_assert(max_len);
	stream->sreq_max_len = max_len;
	stream->sreq_max_segs = nf->sreq_segs;
	q->s.flags = NWB_SREQ_IN_PROGRESS;
	q->s.error = 0;
	q->prepare_error = q->s.stream_nr ? 0 : rreq->begin_error;
	q->s.unreachable_ns = q->s.stream_nr ? 0 : rreq->unreachable_ns;
	if (is_encrypted && !q->prepare_error)
		q->prepare_error = nwb_crypto_error(rreq, q->s.start, max_len);
	if (is_encrypted && q->prepare_error == -EHOSTDOWN &&
	    !q->s.unreachable_ns)
		q->s.unreachable_ns = atomic_load(&rreq->inode->fill_away_ns);
	if (!q->prepare_error)
		q->prepare_error = prepare_write(q);
	q->s.is_refused = is_refusal(q->prepare_error);
	nwb_assert(stream->sreq_max_len && stream->sreq_max_segs);
	stream->sreq_max_len = nwb_min(stream->sreq_max_len, max_len);
	if (q->prepare_error) /* it collects its data and fails with it */
		stream->sreq_max_len = max_len;
	if (is_encrypted) /* also then: what follows may arrive */
		end_on_unit(q, stream, max_len);
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
#ifdef NWB_MUTANTS
	if (nwb_mutant_stops(q)) {
		q->noted = q->s.len;
		nwb_write_subrequest_terminated(
			&q->s, (int64_t)(q->s.len - q->s.transferred));
		return;
	}
#endif
	nwb_sreq_begin(q);
	if (q->s.stream_nr)
		nf->side[q->s.stream_nr]->issue_write(&q->s);
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
	if (rreq->nr_batch && !nwb_mutant(rreq->nf, NWB_MUT_BATCH_KEPT))
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

	if (!rreq->streams[0].avail && !c->is_cached)
		what = NWB_TRF_CANCEL_STORE;
	if (c->is_copy)
		what = c->is_cached ? NWB_TRF_STORE_COPY : NWB_TRF_CANCEL_COPY;
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
	if (nf->side[1]->forget)
		nf->side[1]->forget(rreq->inode, c->start, c->len);
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
void nwb_claims_list(struct nwb_io_request *rreq, struct nwb_claim **c,
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
		atomic_store(&rreq->has_claim_error, true);
	}
	if (c->folio)
		nwb_crypto_prepare(rreq, c);
	else /* an object that is sent as it is */
		atomic_store(&rreq->crypto_to, nwb_claim_end(c));
}

/* netfs_write_folio(), from its step 5 on: @c, which is listed, into
 * subrequests. It may be gone afterwards. */
void nwb_claim_tile(struct issue *is, struct nwb_claim *c)
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
	nwb_claims_list(is->rreq, &c, 1);
	nwb_claim_tile(is, c);
}
