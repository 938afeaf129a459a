/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the VM does with folios beside reclaim: migration, taking memory away
 * (hotplug), sync(2). Each asks whether a folio is under writeback, and that is
 * where the two modes differ:
 *
 *			in-place		temp-page
 *	under writeback	until the answer	until the copy was sent
 *	migration	EBUSY, or waits		moves it at once
 *	taking away	waits for the server	done at once
 *	sync(2)		waits for the server	waits for nobody: what it
 *						promised may be lost
 *
 * The rules of what was merged (Linux 6.16): a MIGRATE_SYNC waits, whatever the
 * mapping; offlining goes on until it is done. Of the fourth posting of the
 * FUSE series (opts.may_block_rules): with the mapping's flag MIGRATE_SYNC does
 * not wait either, and offlining gives up after some rounds.
 */
#include "internal.h"

#define ROUND_NS (10 * NWB_MSEC)

/* Is its memory in use? Of temp pages not taken (opts.no_copy), too.
 * inode->lock held. */
static bool is_under_writeback(const struct nwb_folio *f)
{
	const struct nwb_netfs_opts *opts = &f->inode->nf->opts;

	return f->nr_claims &&
	       (opts->mode == NWB_IN_PLACE ||
		(opts->no_copy &&
		 !nwb_mutant(f->inode->nf, NWB_MUT_MOVES_SENT)));
}

static bool waits(const struct nwb_netfs *nf, enum nwb_migrate_mode mode)
{
	if (mode != NWB_MIGRATE_SYNC)
		return false;
	return !(nf->opts.may_block_rules && nf->opts.writeback_may_deadlock);
}

/* To other memory of the same size; inode->lock held. */
static int move(struct nwb_folio *f)
{
	struct nwb_netfs *nf = f->inode->nf;
	size_t pages = f->bytes / NWB_PAGE_SIZE;
	uint8_t *mem;

	nwb_mutex_lock(&nf->lock);
	mem = nwb_pages_get(nf, pages);
	if (mem) {
		memcpy(mem, f->mem, f->bytes);
		nwb_pages_put(nf, f->mem, pages);
		f->mem = mem;
	}
	nwb_mutex_unlock(&nf->lock);
	return mem ? 0 : -ENOMEM;
}

int nwb_inode_migrate(struct nwb_inode *inode, uint64_t pos,
		      enum nwb_migrate_mode mode)
{
	struct nwb_folio *f;
	int rc;

	nwb_mutex_lock(&inode->lock);
	while ((f = nwb_folio_find(inode, pos >> NWB_PAGE_SHIFT)) &&
	       (is_under_writeback(f) || (f->flags & NWB_FOLIO_FILLING)) &&
	       waits(inode->nf, mode))
		(void)nwb_waitq_wait(&inode->waitq, &inode->lock, NWB_NEVER);
	if (!f)
		rc = -ENOENT;
	else if (is_under_writeback(f) || (f->flags & NWB_FOLIO_FILLING))
		rc = -EBUSY;
	else
		rc = move(f);
	nwb_mutex_unlock(&inode->lock);
	return rc;
}

/* One round. Return: how many stayed, or -ENOMEM. */
static int offline_round(struct nwb_inode *inode, uint64_t pos, uint64_t end)
{
	int nr_stayed = 0;

	while (pos < end) {
		struct nwb_folio *f;
		int rc;

		nwb_mutex_lock(&inode->lock);
		f = nwb_folio_next(inode, pos >> NWB_PAGE_SHIFT);
		if (f && nwb_folio_pos(f) >= end)
			f = NULL;
		if (f)
			pos = nwb_folio_pos(f);
		nwb_mutex_unlock(&inode->lock);
		if (!f)
			break;
		rc = nwb_inode_migrate(inode, pos, NWB_MIGRATE_SYNC);
		if (rc == -ENOMEM)
			return rc;
		nr_stayed += rc == -EBUSY;
		pos += NWB_PAGE_SIZE;
		/* a large folio was moved as a whole */
		nwb_mutex_lock(&inode->lock);
		f = nwb_folio_find(inode, (pos - 1) >> NWB_PAGE_SHIFT);
		if (f)
			pos = nwb_folio_pos(f) + f->bytes;
		nwb_mutex_unlock(&inode->lock);
	}
	return nr_stayed;
}

int nwb_inode_offline(struct nwb_inode *inode, uint64_t pos, uint64_t end,
		      unsigned int tries)
{
	struct nwb_exec *ex = inode->nf->ex;
	unsigned int round = 0;

	for (;;) {
		int rc = offline_round(inode, pos, end);

		if (rc <= 0)
			return rc;
		if (tries && ++round >= tries)
			return -EBUSY;
		nwb_sleep_until(ex, nwb_now_ns(ex) + ROUND_NS);
	}
}

/* The inode behind @at (NULL: the first), pinned; @at is not any more. */
static struct nwb_inode *next_inode(struct nwb_netfs *nf, struct nwb_inode *at)
{
	struct nwb_inode *next = NULL;
	struct nwb_list *l;

	nwb_mutex_lock(&nf->lock);
	l = at ? at->nf_link.next : nf->inodes.next;
	if (l != &nf->inodes) {
		next = nwb_list_entry(l, struct nwb_inode, nf_link);
		nwb_inode_pin(next);
	}
	if (at)
		nwb_inode_unpin(at);
	nwb_mutex_unlock(&nf->lock);
	return next;
}

void nwb_netfs_sync(struct nwb_netfs *nf)
{
	struct nwb_inode *inode;

	if (nf->opts.no_data_integrity) {
		nwb_flusher_write_all(nf);
		return;
	}
	for (inode = next_inode(nf, NULL); inode;
	     inode = next_inode(nf, inode)) {
		(void)nwb_writepages(inode, NWB_WB_SYNC);
		if (nf->opts.mode == NWB_IN_PLACE)
			nwb_request_wait_all(inode);
	}
}
