/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The collector (fs/netfs/write_collect.c): a work item of the request, one run
 * at a time, that looks at the front of each stream only.
 *
 *	             front
 *	upload   ....|done |done | busy |done |       collected_to stops at busy
 *	cache    ....|done |    busy    |             or here, whichever is less
 *	             '-----'
 *	claims   [1] [2] [3] [4]                      1 and 2 end
 *
 * A stream's collected_to jumps a gap to the front's start, and to issued_to
 * when its list is empty, so a stream that has nothing for a range holds
 * nothing back. The request's collected_to is the least of the active streams',
 * and claims below it end, in order, whatever the order of completion.
 *
 * A front that is complete but short calls the retryer (write_retry.c): the
 * collector does nothing more until that is done.
 *
 * A failed upload is told through the inode's error sequence, its folios become
 * clean, and the other stream goes on. What is behind a failed subrequest goes
 * on too in strict; in the flavours of Linux it is cancelled: taken for
 * collected whatever became of it, and not retried.
 *
 * Acknowledged bytes become unstable before their claim ends (not in Linux:
 * H17).
 *
 * Who calls the collector: the end of a subrequest that is the front of its
 * stream, or of the last one that a retry waits for; the issuer when it has
 * queued all or waits for temp pages; content crypto when a claim is encrypted;
 * the retryer when it is done. In strict a front that ends no claim, failed in
 * nothing and has others behind it is left for later: a folio of 1 MiB is 16
 * WRITEs of 9P, and each call is a switch of threads.
 *
 *	             front
 *	upload   ....|done |done | busy | ...	edge: start of the first busy one
 *	claims   [      1      ][ 2	...	call when it reaches the end of 1
 */
#include "trace.h"

/* So many fronts wait for the end of their claim, and no more. */
#define FRONTS_MAX 32u

/* --- termination ---------------------------------------------------------- */

static void count_termination(struct nwb_netfs *nf, unsigned int stream,
			      bool has_failed)
{
	if (stream) {
		nwb_count(nf, cache_done, 1);
		if (has_failed)
			nwb_count(nf, cache_failed, 1);
	} else {
		nwb_count(nf, upload_done, 1);
		if (has_failed)
			nwb_count(nf, upload_failed, 1);
	}
}

/* What the outcome means; @q still belongs to who terminates it. */
static void take_outcome(struct nwb_sreq *q, int64_t result)
{
	struct nwb_io_subrequest *s = &q->s;

	q->has_progressed = result > 0;
	s->flags &= ~NWB_SREQ_IN_PROGRESS;
	if (result < 0) {
		s->error = (int)result;
		if (!(s->flags & NWB_SREQ_NEED_RETRY))
			s->flags |= NWB_SREQ_FAILED;
		return;
	}
	s->error = 0;
	s->transferred += (size_t)result;
	if (result)
		s->flags |= NWB_SREQ_MADE_PROGRESS;
	if (nwb_mutant(s->rreq->nf, NWB_MUT_SHORT_IS_FULL))
		s->transferred = s->len;
	if (s->transferred < nwb_sreq_span(q))
		s->flags |= NWB_SREQ_NEED_RETRY;
	else
		s->flags &= ~NWB_SREQ_NEED_RETRY;
}

/* What of @result counts: not more than was asked for; of FUSE writeback, all
 * that was asked for. */
static int64_t clip_result(struct nwb_netfs *nf,
			   const struct nwb_io_subrequest *s, int64_t result)
{
	int64_t want = (int64_t)(s->len - s->transferred);

	if (result < 0 || result == want)
		return result;
	if (result < want && !s->stream_nr && nwb_hazard(nf, NWB_H7)) {
		nwb_netfs_hazard_fired(nf, NWB_H7);
		return want;
	}
	return nwb_min(result, want);
}

static uint64_t start_of(const struct nwb_sreq *q)
{
#ifdef NWB_MUTANTS
	return q->s.start - q->mut_shift;
#else
	return q->s.start;
#endif
}

/*
 * Is there something behind the end of @q that must be collected now? Not while
 * all up to the first busy one is well and the first claim goes on behind it:
 * that one's end looks again. Whoever waits for subrequests to come back (the
 * issuer) has handed over all that he holds, so one of them is the last and
 * calls. rreq->lock held.
 */
static bool is_edge_news(const struct nwb_io_request *rreq,
			 const struct nwb_io_stream *stream,
			 const struct nwb_sreq *q)
{
	const struct nwb_list *head = &stream->subrequests;
	uint64_t end = nwb_claim_end(
		nwb_list_first(&rreq->claims, struct nwb_claim, link));
	bool is_in_front = false, is_well = true;
	unsigned int nr = 0;

	for (const struct nwb_list *l = head->next; l != head; l = l->next) {
		const struct nwb_sreq *at = nwb_to_sreq(
			nwb_list_entry(l, struct nwb_io_subrequest, rreq_link));

		if (at->in_progress)
			return is_in_front && (!is_well || nr >= FRONTS_MAX ||
					       start_of(at) >= end);
		is_in_front |= at == q;
		is_well &= at->is_whole;
		nr++;
	}
	return true;
}

/* Shall the collector look at @q, which has just ended? rreq->lock held. */
static bool wakes_collector(const struct nwb_io_request *rreq,
			    const struct nwb_io_stream *stream,
			    const struct nwb_sreq *q)
{
	if (nwb_is_linux(rreq->nf) || rreq->retry != NWB_RETRY_NONE ||
	    nwb_rreq_is_direct(rreq) || nwb_list_empty(&rreq->claims))
		return stream->subrequests.next == &q->s.rreq_link;
	return is_edge_news(rreq, stream, q);
}

void nwb_write_subrequest_terminated(struct nwb_io_subrequest *s,
				     int64_t result)
{
	struct nwb_sreq *q = nwb_to_sreq(s);
	struct nwb_io_request *rreq = s->rreq;
	struct nwb_netfs *nf = rreq->nf;
	struct nwb_io_stream *stream = &rreq->streams[s->stream_nr];
	bool is_due;

	nwb_assert(q->in_progress);
#ifdef NWB_MUTANTS
	s->start -= q->mut_shift;
	q->mut_shift = 0;
#endif
	result = clip_result(nf, s, result);
	if (result > 0 && !s->stream_nr && nf->tap && nf->tap->acked)
		nf->tap->acked(nf->tap, rreq->inode->id,
			       s->start + s->transferred, (uint64_t)result,
			       s->instance);
	take_outcome(q, result);
	if (s->flags & NWB_SREQ_FAILED)
		nwb_trace_failure(q);
	nwb_trace_sreq(q, NWB_TRS_TERMINATED);
	count_termination(nf, s->stream_nr, s->flags & NWB_SREQ_FAILED);

	nwb_mutex_lock(&rreq->lock);
	q->in_progress = false;
	q->is_whole = !(s->flags & NWB_SREQ_FAILED) &&
		      s->transferred >= nwb_sreq_span(q);
	nwb_assert(rreq->nr_inflight[s->stream_nr]);
	rreq->nr_inflight[s->stream_nr]--;
	/* From here on the collector or the retryer may take @q. */
	is_due = rreq->retry == NWB_RETRY_PENDING && nwb_retry_is_quiet(rreq);
	if (is_due && !stream->need_retry && nwb_hazard(nf, NWB_H10))
		nwb_netfs_hazard_fired(nf, NWB_H10);
	if (is_due || wakes_collector(rreq, stream, q))
		(void)nwb_work_queue(&rreq->work);
	nwb_mutex_unlock(&rreq->lock);
	nwb_request_put(rreq); /* IO */
}

/* --- acknowledged bytes --------------------------------------------------- */

/* @sent of @f was acknowledged by @instance, and @s is owed for it: not durable
 * yet. Neither lies in the other: what fills a unit is not owed, and a byte may
 * stand for it (nwb_crypto_owed()). */
static void folio_acked(struct nwb_folio *f, struct nwb_span s,
			struct nwb_span sent, uint32_t instance)
{
	struct nwb_inode *inode = f->inode;

	if ((f->flags & NWB_FOLIO_UNSTABLE) && f->instance != instance) {
		/* Older bytes of another instance: nobody will flush them. */
		if (!nwb_span_contains(nwb_span_both(s, sent), f->unstable) &&
		    !nwb_mutant(inode->nf, NWB_MUT_OTHER_LOST)) {
			nwb_count(inode->nf, unstable_resent,
				  f->unstable.to - f->unstable.from);
			nwb_folio_set_dirty(
				f, nwb_span_hull(f->dirty, f->unstable));
			inode->resend_gen++;
		}
		nwb_folio_set_unstable(f, s);
	} else {
		nwb_folio_set_unstable(f, nwb_span_hull(f->unstable, s));
	}
	f->instance = instance;
	f->ack_seq = inode->commit_seq;
}

/**
 * nwb_note_acked() - what @q had acknowledged since the last call becomes
 * unstable. @q is not in progress; no lock held.
 */
void nwb_note_acked(struct nwb_sreq *q)
{
	struct nwb_inode *inode = q->s.rreq->inode;
	uint64_t pos = q->s.start + q->noted;
	uint64_t end = q->s.start + q->s.transferred;

	if (pos == end || q->s.stream_nr)
		return;
	nwb_mutex_lock(&inode->lock);
	q->noted = q->s.transferred;
	if (!nwb_mutant(inode->nf, NWB_MUT_SIZE_FORGOTTEN))
		inode->remote_size = nwb_max(inode->remote_size, end);
	if (nwb_mutant(inode->nf, NWB_MUT_UNSTABLE_FORGOTTEN))
		pos = end;
	if (nwb_hazard(inode->nf, NWB_H17)) {
		/* the older ones went with an instance that is gone */
		if (inode->forgotten_bytes &&
		    inode->forgotten_instance != q->s.instance)
			nwb_netfs_hazard_fired(inode->nf, NWB_H17);
		inode->forgotten_bytes += end - pos;
		inode->forgotten_instance = q->s.instance;
		pos = end;
	}
	if (!nwb_rreq_has_folios(q->s.rreq)) /* no folio holds them */
		pos = end;
	while (pos < end) {
		struct nwb_folio *f =
			nwb_folio_find(inode, pos >> NWB_PAGE_SHIFT);
		uint64_t fpos;
		struct nwb_span sent, s;

		nwb_assert(f && f->nr_claims);
		fpos = nwb_folio_pos(f);
		sent.from = (uint32_t)(pos - fpos);
		sent.to = (uint32_t)nwb_min(end - fpos, (uint64_t)f->bytes);
		pos = fpos + sent.to;
		s = sent;
		/* what only fills a unit is nobody's promise, but at the end */
		if (inode->nf->crypto)
			s = nwb_crypto_owed(f, sent);
		if (!nwb_span_empty(s))
			folio_acked(f, s, sent, q->s.instance);
	}
	nwb_mutex_unlock(&inode->lock);
}

/* --- collecting ----------------------------------------------------------- */

/* The writer waits for it, and is told himself. */
static void direct_failed(struct nwb_sreq *q)
{
	struct nwb_io_request *rreq = q->s.rreq;

	nwb_mutex_lock(&rreq->lock);
	if (!rreq->error) {
		rreq->error = q->s.error;
		rreq->good_to = q->s.start + q->s.transferred;
	}
	nwb_mutex_unlock(&rreq->lock);
}

/* Recorded, and told by mapping_set_error() if @is_told, in one step: an fsync
 * that came between would find it recorded, and be told of it by a later error
 * only. No lock held. */
static void record_failure(struct nwb_sreq *q, int error, bool is_told)
{
	struct nwb_inode *inode = q->s.rreq->inode;
	const struct nwb_netfs_tap *tap = inode->nf->tap;

	nwb_mutex_lock(&inode->lock);
	if (tap && tap->gaveup)
		tap->gaveup(inode->nf->tap, inode->id, &q->s, error);
	if (is_told)
		nwb_errseq_set(inode, error);
	nwb_mutex_unlock(&inode->lock);
}

/* What a report wants to know, and whoever asks. */
static void upload_failed(struct nwb_sreq *q)
{
	struct nwb_inode *inode = q->s.rreq->inode;
	struct nwb_netfs *nf = inode->nf;
	bool is_direct;

	nwb_assert(q->s.error);
	if (q->s.stream_nr)
		return;
	q->s.len += q->owed;
	q->owed = 0;
	nwb_count(nf, gave_up, 1);
	if (q->is_silent) {
		/* mapping_set_error(0) */
		nwb_netfs_hazard_fired(nf, NWB_H1);
		nwb_sides_lose(inode);
		return;
	}
	/* of a unit that is there in part one block may be neither old nor new */
	if (nwb_rreq_is_encrypted(q->s.rreq))
		q->s.transferred = nwb_crypto_wind_back(q);
	is_direct = nwb_rreq_is_direct(q->s.rreq);
	if (!is_direct)
		nwb_sides_lose(inode);
	record_failure(q, q->s.error,
		       !is_direct && !(q->s.retry_count &&
				       nwb_mutant(nf, NWB_MUT_RETRY_ERR_LOST)));
	if (is_direct)
		direct_failed(q);
}

/* The front that is not in progress, or NULL; *ret_empty: nothing is left. */
static struct nwb_sreq *get_front(struct nwb_io_request *rreq,
				  struct nwb_io_stream *stream, bool *ret_empty)
{
	struct nwb_sreq *q = NULL;
	uint64_t start;

	nwb_mutex_lock(&rreq->lock);
	*ret_empty = nwb_list_empty(&stream->subrequests);
	if (!*ret_empty) {
		q = nwb_to_sreq(nwb_list_first(&stream->subrequests,
					       struct nwb_io_subrequest,
					       rreq_link));
		start = nwb_sreq_start(q);
		if (stream->collected_to < start) {
			nwb_trace_collect_gap(rreq, stream->stream_nr,
					      stream->collected_to, start, 'F');
			stream->collected_to = start;
		}
		if (q->in_progress)
			q = NULL;
	}
	nwb_mutex_unlock(&rreq->lock);
	return q;
}

static void drop_front(struct nwb_io_request *rreq, struct nwb_sreq *q)
{
	nwb_mutex_lock(&rreq->lock);
	nwb_list_del(&q->s.rreq_link);
	nwb_mutex_unlock(&rreq->lock);
	nwb_sreq_free(q);
}

/* Behind a failed one, in Linux: true when @q is done with. */
static bool is_cancelled(struct nwb_io_stream *stream, struct nwb_sreq *q)
{
	struct nwb_netfs *nf = q->s.rreq->nf;

	if (!stream->failed || !nwb_is_linux(nf))
		return false;
	if (q->s.transferred < nwb_sreq_span(q)) {
		q->s.len += q->owed;
		q->owed = 0;
		nwb_count(nf, cancelled, 1);
		/* The kernel has told of the first, and no fsync returns while
		 * what is behind it is under writeback: one error is all. Here
		 * one may, whose flush was given up. H1 is the kernel's. */
		if (!q->s.stream_nr)
			record_failure(q, stream->error,
				       !nwb_rreq_is_direct(q->s.rreq) &&
					       !nwb_hazard(nf, NWB_H1));
	}
	stream->collected_to = q->s.start + nwb_sreq_span(q);
	return true;
}

static void collect_stream(struct nwb_io_request *rreq,
			   struct nwb_io_stream *stream, uint64_t issued_to)
{
	struct nwb_sreq *q;
	bool is_empty;

	while ((q = get_front(rreq, stream, &is_empty))) {
		struct nwb_io_subrequest *s = &q->s;

		nwb_trace_collect_sreq(q);
		nwb_note_acked(q);
		if (is_cancelled(stream, q)) {
			drop_front(rreq, q);
			continue;
		}
		stream->collected_to = nwb_max(stream->collected_to,
					       s->start + s->transferred);
		if (s->flags & NWB_SREQ_FAILED) {
			stream->failed = true;
			stream->error = s->error;
			stream->collected_to = s->start + nwb_sreq_span(q);
			upload_failed(q);
		} else if (s->transferred < nwb_sreq_span(q) &&
			   !(s->transferred &&
			     nwb_mutant(rreq->nf, NWB_MUT_SHORT_DROPPED))) {
			stream->need_retry = true;
			return;
		}
		drop_front(rreq, q);
	}
	if (is_empty && stream->collected_to < issued_to) {
		nwb_trace_collect_gap(rreq, stream->stream_nr,
				      stream->collected_to, issued_to, 'E');
		stream->collected_to = issued_to;
	}
}

/* netfs_folio_written_back() */
static enum nwb_trace_folio_what clear_reason(const struct nwb_folio *f,
					      const struct nwb_claim *c)
{
	if (c->is_copy)
		return NWB_TRF_CLEAR_CC;
	if (f->flags & NWB_FOLIO_DIRTY)
		return NWB_TRF_REDIRTIED;
	if (!(f->flags & NWB_FOLIO_UPTODATE))
		return NWB_TRF_CLEAR_S;
	return NWB_TRF_CLEAR;
}

/* Move what is in @from before @end, which is in it or is @from itself, to the
 * end of @to. */
static void cut_before(struct nwb_list *to, struct nwb_list *from,
		       struct nwb_list *end)
{
	struct nwb_list *first = from->next, *last = end->prev;

	if (first == end)
		return;
	from->next = end;
	end->prev = from;
	first->prev = to->prev;
	to->prev->next = first;
	last->next = to;
	to->prev = last;
}

/* netfs_writeback_unlock_folios(): claims below collected_to end. */
static void end_claims(struct nwb_io_request *rreq)
{
	struct nwb_inode *inode = rreq->inode;
	struct nwb_netfs *nf = rreq->nf;
	struct nwb_blob *blob = NULL;
	struct nwb_list ended, *l;
	struct nwb_claim *c, *next;

	nwb_list_init(&ended);
	nwb_mutex_lock(&rreq->lock);
	for (l = rreq->claims.next; l != &rreq->claims; l = l->next)
		if (nwb_claim_end(nwb_list_entry(l, struct nwb_claim, link)) >
		    rreq->collected_to)
			break;
	cut_before(&ended, &rreq->claims, l);
	nwb_mutex_unlock(&rreq->lock);
	if (nwb_list_empty(&ended))
		return;

	nwb_mutex_lock(&inode->lock);
	nwb_mutex_lock(&nf->lock);
	nwb_list_for_each_entry_safe (c, next, &ended, link) {
		struct nwb_folio *f = c->folio;

		if (!f) {
			/* PUT mark; a request has pieces of one blob only */
			if (c->blob && atomic_fetch_sub(&c->blob->refs, 1) == 1)
				blob = c->blob;
			nwb_pool_put(&nf->claim_pool, c);
			continue;
		}
		nf->mode->done(nf, c);
		nwb_assert(f->nr_claims);
		f->nr_claims--;
		if (c->is_copy)
			f->flags &= ~NWB_FOLIO_COPYING;
		rreq->cleaned_to = nwb_folio_pos(f) + f->bytes;
		nwb_trace_collect_folio(f, rreq, c->start + c->len,
					rreq->collected_to);
		if (nwb_is_tracing(nf))
			nwb_trace_folio(f, rreq, clear_reason(f, c));
		nwb_folio_maybe_clean_locked(f);
		nwb_pool_put(&nf->claim_pool, c);
	}
	nwb_mutex_unlock(&nf->lock);
	nwb_waitq_wake_all(&inode->waitq);
	nwb_mutex_unlock(&inode->lock);
	nwb_waitq_wake_all(&nf->room);
	nwb_flusher_progress(nf);
	if (blob && blob->release)
		blob->release(blob);
}

/* Another stream lacks what it should have: ->invalidate(). Of a failed upload
 * the local cache has been told already; the mirror has what it was given, which
 * was promised to nobody and is no harm to anybody. */
static void judge_sides(struct nwb_io_request *rreq)
{
	struct nwb_netfs *nf = rreq->nf;

	for (unsigned int i = 1; i < nf->nr_streams; i++) {
		const struct nwb_io_stream *side = &rreq->streams[i];

		if (side->active && side->failed && nf->side[i]->invalidate)
			nf->side[i]->invalidate(rreq->inode);
	}
}

/* When the request is complete it is taken down. */
static void finish(struct nwb_io_request *rreq)
{
	struct nwb_inode *inode = rreq->inode;
	bool is_done;

	nwb_mutex_lock(&rreq->lock);
	is_done = rreq->in_progress && rreq->all_queued &&
		  rreq->retry == NWB_RETRY_NONE &&
		  nwb_list_empty(&rreq->claims);
	for (unsigned int i = 0; i < NWB_NR_STREAMS; i++)
		if (rreq->nr_inflight[i] ||
		    !nwb_list_empty(&rreq->streams[i].subrequests))
			is_done = false;
	if (is_done) {
		nwb_trace_rreq(rreq, NWB_TRR_WRITE_DONE);
		rreq->in_progress = false;
		if (nwb_rreq_is_direct(rreq))
			nwb_waitq_wake_all(&rreq->waitq);
	}
	nwb_mutex_unlock(&rreq->lock);
	if (!is_done)
		return;
	judge_sides(rreq);
	nwb_mutex_lock(&inode->lock);
	nwb_list_del(&rreq->inode_link);
	if (rreq->holds_wb_lock) /* netfs_wb_end() */
		inode->is_issuing = false;
	nwb_waitq_wake_all(&inode->waitq);
	nwb_mutex_unlock(&inode->lock);
	nwb_request_put(rreq); /* IN_PROGRESS */
}

/* May this run collect? Hands the request over when a retry is due. */
static bool may_collect(struct nwb_io_request *rreq)
{
	bool may;

	nwb_mutex_lock(&rreq->lock);
	may = rreq->in_progress && rreq->retry == NWB_RETRY_NONE;
	if (rreq->retry == NWB_RETRY_PENDING &&
	    (nwb_retry_is_quiet(rreq) ||
	     nwb_mutant(rreq->nf, NWB_MUT_NO_QUIESCE)) &&
	    !nwb_mutant(rreq->nf, NWB_MUT_LOST_WAKEUP)) {
		rreq->retry = NWB_RETRY_QUEUED;
		nwb_retry_queue(rreq);
	}
	nwb_mutex_unlock(&rreq->lock);
	return may;
}

static bool ask_retry(struct nwb_io_request *rreq)
{
	bool need = false;

	nwb_mutex_lock(&rreq->lock);
	for (unsigned int i = 0; i < NWB_NR_STREAMS; i++)
		need |= rreq->streams[i].need_retry;
	if (need) {
		rreq->retry = NWB_RETRY_PENDING;
		nwb_trace_rreq(rreq, NWB_TRR_WAIT_QUIESCE);
	}
	nwb_mutex_unlock(&rreq->lock);
	return need;
}

/* Only of a direct write does somebody else look at it. */
static void set_collected_to(struct nwb_io_request *rreq, uint64_t to)
{
	if (!nwb_rreq_is_direct(rreq)) {
		rreq->collected_to = to;
		return;
	}
	nwb_mutex_lock(&rreq->lock);
	rreq->collected_to = to;
	nwb_waitq_wake_all(&rreq->waitq);
	nwb_mutex_unlock(&rreq->lock);
}

/**
 * nwb_collect_work() - netfs_collect_write_results() and
 * netfs_write_collection(). Context: worker; waits for nobody.
 */
void nwb_collect_work(struct nwb_work *work)
{
	struct nwb_io_request *rreq =
		nwb_container_of(work, struct nwb_io_request, work);
	uint64_t issued_to, to = UINT64_MAX;
	unsigned int notes = 0;
	bool is_any = false, has_upload = false;

	if (!may_collect(rreq))
		return;
	/* Before the lists: what it covers is in them, or has been. */
	issued_to = atomic_load(&rreq->issued_to);
	nwb_trace_collect(rreq, issued_to);
	for (unsigned int i = 0; i < NWB_NR_STREAMS; i++) {
		struct nwb_io_stream *stream = &rreq->streams[i];
		bool is_active;

		nwb_mutex_lock(&rreq->lock);
		is_active = stream->active;
		nwb_mutex_unlock(&rreq->lock);
		if (!is_active)
			continue;
		has_upload |= i == 0;
		collect_stream(rreq, stream, issued_to);
		nwb_trace_collect_stream(rreq, i, stream->collected_to,
					 issued_to);
		notes |= stream->need_retry ? NWB_NOTE_NEED_RETRY : 0;
		notes |= stream->failed ? NWB_NOTE_SAW_FAILURE : 0;
		to = nwb_min(to, stream->collected_to);
		is_any = true;
	}
	/* The upload may have begun meanwhile, where we did not look; and the
	 * cache, that has less to do, be done with the same bytes. */
	if (!has_upload)
		to = nwb_min(to, issued_to);
	/* No stream wants what was issued (H4): nothing holds it. */
	if (!is_any || nwb_mutant(rreq->nf, NWB_MUT_ENDS_EARLY))
		to = issued_to;
	if (rreq->nf->crypto)
		to = nwb_min(to, atomic_load(&rreq->crypto_to));
	if (to > rreq->collected_to) {
		notes |= NWB_NOTE_MADE_PROGRESS | NWB_NOTE_UNLOCK;
		set_collected_to(rreq, to);
	}
	nwb_trace_collect_state(rreq, rreq->collected_to, rreq->cleaned_to,
				notes);
	end_claims(rreq);
	if (ask_retry(rreq))
		(void)may_collect(rreq);
	else
		finish(rreq);
}

/** nwb_request_wait_all() - wait until every request of @inode that exists now
 * is complete. Context: blocks; no lock held. */
void nwb_request_wait_all(struct nwb_inode *inode)
{
	uint64_t seq;

	nwb_mutex_lock(&inode->lock);
	seq = inode->req_seq;
	for (;;) {
		struct nwb_io_request *rreq;
		bool is_waiting = false;

		nwb_list_for_each_entry (rreq, &inode->requests, inode_link) {
			if (rreq->seq <= seq) {
				is_waiting = true;
				break;
			}
		}
		if (!is_waiting)
			break;
		(void)nwb_waitq_wait(&inode->waitq, &inode->lock, NWB_NEVER);
	}
	nwb_mutex_unlock(&inode->lock);
}
