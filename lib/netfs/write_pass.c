/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The issuer's passes (fs/netfs/write_issue.c: netfs_writepages): who may
 * write an inode, from where to where, and request by request what is claimed.
 *
 *	nwb_wb_lock ──► next_claims ──► list, tile ──┐ (write_issue.c)
 *	                   ▲   │ nothing at hand     │
 *	                   │   ▼                     │
 *	                clear_way: a request,        │
 *	                memory, temp pages           │
 *	                   ▲                         │
 *	                   └─────────────────────────┘
 *	end of what was dirty: all_queued, unlock
 *
 * One pass, one request (and one more for each other group); several requests of
 * an inode may be in flight, only issuing is exclusive (6.12: ictx->wb_lock; in
 * 7.2 the lock is held until the request is collected). What keeps them apart is
 * folio->inflight: bytes that overlap a claim are not claimed again; an fsync
 * waits for them, the flusher leaves them for later.
 */
#include "issue.h"

/* Claims that are taken under one hold of inode->lock. */
#define BATCH 16u

/* --- beginning an upload --------------------------------------------------- */

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

/* --- claims --------------------------------------------------------------- */

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
	nwb_wait_for_memory(nf);
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
		nwb_claims_list(is->rreq, c, nr);
		for (unsigned int i = 0; i < nr; i++) {
			if (!c[i]->is_copy && !is->rreq->is_upload_begun) {
				nwb_issue_pending(is->rreq);
				nwb_begin_upload(is->rreq, is->reason);
			}
			nwb_claim_tile(is, c[i]);
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

/** nwb_end_pass() - no more will be issued: give the lock back, or in 7.2 leave
 * that to the collector. */
void nwb_end_pass(struct issue *is)
{
	bool is_collectors =
		is->rreq && is->inode->nf->opts.flavour == NWB_LINUX_7_2;

	if (is->rreq) {
		is->rreq->holds_wb_lock = is_collectors;
		nwb_end_issue_write(is->rreq);
	}
	if (!is_collectors)
		nwb_wb_unlock(is->inode);
}

/* From is->pos to is->end, with the lock held. */
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
	nwb_end_pass(is);
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
