/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * When the page cache is full: who wants memory makes or awaits room.
 *
 *	clean folios?      take the oldest
 *	much unstable?     flush that file: it becomes clean
 *	else               have everything dirty written, and wait
 *
 * A clean folio belongs to some inode, whose lock comes before nf->lock: the
 * inode is pinned, locked, and only then its folios at the head of the list are
 * taken.
 */
#include "internal.h"

#define RECLAIM_PAGES 64u

/** nwb_inode_pin() - keep @inode from being freed. nf->lock held. */
void nwb_inode_pin(struct nwb_inode *inode)
{
	inode->pins++;
}

/** nwb_inode_unpin() - nf->lock held. */
void nwb_inode_unpin(struct nwb_inode *inode)
{
	nwb_assert(inode->pins);
	if (!--inode->pins)
		nwb_waitq_wake_all(&inode->nf->unpinned);
}

/*
 * Drop the oldest clean folios until the cache has @target free pages, or, if
 * that is 0, until @bytes were dropped. nf->lock held, dropped and taken again.
 * Return: bytes dropped.
 */
static uint64_t drop_oldest(struct nwb_netfs *nf, size_t target, uint64_t bytes)
{
	uint64_t dropped = 0;

#define IS_ENOUGH() (target ? nf->cache.nr_free >= target : dropped >= bytes)
	while (!IS_ENOUGH() && !nwb_list_empty(&nf->lru)) {
		struct nwb_inode *inode =
			nwb_list_first(&nf->lru, struct nwb_folio, lru)->inode;

		nwb_inode_pin(inode);
		nwb_mutex_unlock(&nf->lock);
		nwb_mutex_lock(&inode->lock);
		nwb_mutex_lock(&nf->lock);
		while (!IS_ENOUGH() && !nwb_list_empty(&nf->lru)) {
			struct nwb_folio *f =
				nwb_list_first(&nf->lru, struct nwb_folio, lru);

			if (f->inode != inode)
				break;
			dropped += f->bytes;
			nwb_folio_drop(f);
		}
		nwb_mutex_unlock(&nf->lock);
		nwb_mutex_unlock(&inode->lock);
		nwb_mutex_lock(&nf->lock);
		nwb_inode_unpin(inode);
	}
#undef IS_ENOUGH
	return dropped;
}

/** nwb_shrink() - drop clean folios of about @bytes. Return: bytes dropped.
 * Context: no lock held; does not wait for I/O. */
uint64_t nwb_shrink(struct nwb_netfs *nf, uint64_t bytes)
{
	uint64_t dropped;

	nwb_mutex_lock(&nf->lock);
	dropped = drop_oldest(nf, 0, bytes);
	nwb_waitq_wake_all(&nf->room);
	nwb_mutex_unlock(&nf->lock);
	return dropped;
}

/* Is there room for another folio? Reclaims; nf->lock held, dropped and taken
 * again. */
static bool make_room(struct nwb_netfs *nf)
{
	size_t target = nwb_min((size_t)RECLAIM_PAGES, nf->cache.nr_pages / 8);

	(void)drop_oldest(nf, target, 0);
	if (!nf->cache.nr_free)
		return false;
	if (!nf->opts.budget)
		return true;
	if (!nwb_budget_try(nf->opts.budget, NWB_PAGE_SIZE)) {
		(void)drop_oldest(nf, 0, RECLAIM_PAGES * NWB_PAGE_SIZE);
		if (!nwb_budget_try(nf->opts.budget, NWB_PAGE_SIZE))
			return false;
	}
	/* It is the writer who takes it, who may find it gone and come back. */
	nwb_budget_put(nf->opts.budget, NWB_PAGE_SIZE);
	return true;
}

static struct nwb_inode *most_unstable(struct nwb_netfs *nf, uint64_t *ret_sum)
{
	struct nwb_inode *inode, *most = NULL;
	uint64_t max = 0, sum = 0;

	nwb_list_for_each_entry (inode, &nf->inodes, nf_link) {
		uint64_t n = atomic_load(&inode->unstable_bytes);

		sum += n;
		if (n > max) {
			max = n;
			most = inode;
		}
	}
	*ret_sum = sum;
	return most;
}

/* Flush one file if that may make much room; nf->lock held, dropped and taken
 * again. False: nothing was done. */
static bool flush_some(struct nwb_netfs *nf)
{
	struct nwb_inode *inode;
	uint64_t sum;
	bool again;
	int rc;

	if (nf->is_committing)
		return false;
	inode = most_unstable(nf, &sum);
	if (!inode)
		return false;
	if (sum < nf->cache.nr_pages * NWB_PAGE_SIZE / 8 &&
	    (atomic_load(&nf->n.dirty_bytes) ||
	     atomic_load(&nf->n.live_requests)))
		return false;
	nf->is_committing = true;
	nwb_inode_pin(inode);
	nwb_mutex_unlock(&nf->lock);
	/* An error is in the inode's sequence now. */
	rc = nwb_flush_unstable(inode, &again);
	(void)rc;
	nwb_mutex_lock(&nf->lock);
	nwb_inode_unpin(inode);
	nf->is_committing = false;
	nwb_waitq_wake_all(&nf->room);
	return true;
}

/**
 * nwb_cache_wait() - return when there may be room in the cache.
 * Context: blocks; no lock of lib/netfs held but inode->io_lock.
 */
void nwb_cache_wait(struct nwb_netfs *nf)
{
	bool has_waited = false;

	nwb_mutex_lock(&nf->lock);
	for (;;) {
		if (make_room(nf))
			break;
		if (!has_waited)
			nwb_count(nf, cache_waits, 1);
		has_waited = true;
		if (flush_some(nf))
			continue;
		nf->pressure = true;
		nwb_flusher_kick_locked(nf);
		(void)nwb_waitq_wait(&nf->room, &nf->lock, NWB_NEVER);
	}
	nwb_mutex_unlock(&nf->lock);
}
