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

/* nf->lock held, dropped and taken again. */
static void reclaim(struct nwb_netfs *nf)
{
	size_t target = nwb_min((size_t)RECLAIM_PAGES, nf->cache.nr_pages / 8);

	while (nf->cache.nr_free < target && !nwb_list_empty(&nf->lru)) {
		struct nwb_inode *inode =
			nwb_list_first(&nf->lru, struct nwb_folio, lru)->inode;

		nwb_inode_pin(inode);
		nwb_mutex_unlock(&nf->lock);
		nwb_mutex_lock(&inode->lock);
		nwb_mutex_lock(&nf->lock);
		while (nf->cache.nr_free < target &&
		       !nwb_list_empty(&nf->lru)) {
			struct nwb_folio *f =
				nwb_list_first(&nf->lru, struct nwb_folio, lru);

			if (f->inode != inode)
				break;
			nwb_folio_drop(f);
		}
		nwb_mutex_unlock(&nf->lock);
		nwb_mutex_unlock(&inode->lock);
		nwb_mutex_lock(&nf->lock);
		nwb_inode_unpin(inode);
	}
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
		reclaim(nf);
		if (nf->cache.nr_free)
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
