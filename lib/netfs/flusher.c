/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The flusher: a task of the mount that starts writeback nobody asked for.
 *
 *	dirty > kick bytes	full subrequests of every inode	(NWB_WB_KICK)
 *	dirty too long		all of that inode		(NWB_WB_ALL)
 *	cache full, or asked	all				(NWB_WB_ALL)
 *
 * It sleeps without a time limit when nothing is dirty, so an idle mount has no
 * timer. When much is dirty but nothing could be claimed (all of it is being
 * rewritten in flight), it is stalled: it goes on when claims end or a
 * subrequest's worth more is dirty, not at every write.
 *
 * No wake is lost: a writer raises the dirty bytes and then looks at kick_at
 * and is_flusher_idle; the flusher sets those and then looks at the bytes.
 */
#include "internal.h"

/** nwb_kick_bytes() - so much may be dirty before writeback starts. */
uint64_t nwb_kick_bytes(const struct nwb_netfs *nf)
{
	uint64_t bytes = nf->opts.dirty_kick_bytes;

	if (!bytes)
		bytes = 4ull * atomic_load(&nf->wsize);
	return nwb_min(bytes, nwb_background_bytes(nf));
}

void nwb_flusher_kick_locked(struct nwb_netfs *nf)
{
	nf->kicked = true;
	nwb_waitq_wake_all(&nf->flusher_q);
}

void nwb_flusher_kick(struct nwb_netfs *nf)
{
	nwb_mutex_lock(&nf->lock);
	nwb_flusher_kick_locked(nf);
	nwb_mutex_unlock(&nf->lock);
}

/** nwb_flusher_write_all() - whatever is dirty. No lock held. */
void nwb_flusher_write_all(struct nwb_netfs *nf)
{
	nwb_mutex_lock(&nf->lock);
	nf->pressure = true;
	nwb_flusher_kick_locked(nf);
	nwb_mutex_unlock(&nf->lock);
}

/** nwb_flusher_dirtied() - @inode has more dirty bytes. No lock held. */
void nwb_flusher_dirtied(struct nwb_inode *inode)
{
	struct nwb_netfs *nf = inode->nf;

	if (atomic_load(&nf->n.dirty_bytes) > atomic_load(&nf->kick_at))
		atomic_store(&nf->kick_at, UINT64_MAX);
	else if (!atomic_load(&nf->is_flusher_idle))
		return;
	atomic_store(&nf->is_flusher_idle, false);
	nwb_flusher_kick(nf);
}

/** nwb_flusher_progress() - claims ended. No lock held. */
void nwb_flusher_progress(struct nwb_netfs *nf)
{
	if (atomic_load(&nf->is_flusher_stalled) &&
	    atomic_exchange(&nf->is_flusher_stalled, false))
		nwb_flusher_kick(nf);
}

static bool choose_reason(struct nwb_inode *inode, bool pressure, uint64_t now,
			  enum nwb_wb_reason *ret_reason)
{
	struct nwb_netfs *nf = inode->nf;

	*ret_reason = NWB_WB_ALL;
	if (atomic_exchange(&inode->is_wanted, false) || pressure)
		return true;
	if (now >= atomic_load(&inode->dirty_since) &&
	    now - atomic_load(&inode->dirty_since) >= nf->opts.dirty_age_ns)
		return true;
	*ret_reason = NWB_WB_KICK;
	return atomic_load(&nf->n.dirty_bytes) > nwb_kick_bytes(nf);
}

/* One look at every inode with something dirty; nf->lock held, dropped and taken
 * again. Return: bytes claimed; *ret_due: when something will have become old. */
static uint64_t pass(struct nwb_netfs *nf, bool pressure, uint64_t *ret_due)
{
	struct nwb_list *l = nf->dirty_inodes.next;
	uint64_t claimed = 0;

	*ret_due = NWB_NEVER;
	while (l != &nf->dirty_inodes) {
		struct nwb_inode *inode =
			nwb_list_entry(l, struct nwb_inode, dirty_link);
		enum nwb_wb_reason reason;

		if (!atomic_load(&inode->dirty_bytes)) {
			l = l->next;
			nwb_list_del(&inode->dirty_link);
			continue;
		}
		if (choose_reason(inode, pressure, nwb_now_ns(nf->ex),
				  &reason)) {
			nwb_inode_pin(inode);
			nwb_mutex_unlock(&nf->lock);
			claimed += nwb_writepages(inode, reason);
			if (reason == NWB_WB_ALL)
				atomic_store(&inode->dirty_since,
					     nwb_now_ns(nf->ex));
			nwb_mutex_lock(&nf->lock);
			/* Still listed: evicting waits for the pin. From one
			 * that is not, this walk would never come back. */
			nwb_assert(!nwb_list_empty(&inode->dirty_link));
			nwb_inode_unpin(inode);
		}
		if (atomic_load(&inode->dirty_bytes))
			*ret_due = nwb_min(*ret_due,
					   atomic_load(&inode->dirty_since) +
						   nf->opts.dirty_age_ns);
		l = l->next;
	}
	return claimed;
}

/* nf->lock held. Nothing was claimed: until when may we sleep? False: look once
 * more, something may have ended before we said that we are stalled. */
static bool prepare_sleep(struct nwb_netfs *nf, bool was_stalled, uint64_t due)
{
	uint64_t dirty = atomic_load(&nf->n.dirty_bytes);

	if (dirty > nwb_kick_bytes(nf)) {
		if (!was_stalled) {
			atomic_store(&nf->is_flusher_stalled, true);
			return false;
		}
		atomic_store(&nf->kick_at, dirty + atomic_load(&nf->wsize));
	} else {
		atomic_store(&nf->is_flusher_stalled, false);
		atomic_store(&nf->kick_at, nwb_kick_bytes(nf));
		/* Between the two: a writer that saw the old kick_at. */
		if (atomic_load(&nf->n.dirty_bytes) > nwb_kick_bytes(nf))
			return false;
	}
	if (due == NWB_NEVER && !atomic_load(&nf->is_flusher_idle)) {
		atomic_store(&nf->is_flusher_idle, true);
		return false;
	}
	return true;
}

/** nwb_flusher_main() - the task. */
void nwb_flusher_main(void *arg)
{
	struct nwb_netfs *nf = arg;

	nwb_mutex_lock(&nf->lock);
	while (!nf->stopping) {
		bool pressure = nf->pressure;
		bool was_stalled = atomic_load(&nf->is_flusher_stalled);
		uint64_t due;

		nf->pressure = false;
		nf->kicked = false;
		if (pass(nf, pressure, &due) || nf->kicked || nf->pressure)
			continue;
		if (!prepare_sleep(nf, was_stalled, due) || nf->stopping)
			continue;
		(void)nwb_waitq_wait(&nf->flusher_q, &nf->lock, due);
	}
	nwb_mutex_unlock(&nf->lock);
}
