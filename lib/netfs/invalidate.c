/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Forgetting what is cached of a range, in the way of today (mm/filemap.c:
 * filemap_invalidate_inode()) and in the one before it, which NFS and FUSE still
 * go (mm/truncate.c: invalidate_inode_pages2_range(), ->launder_folio()).
 *
 *		today				before
 *	locks	io_lock, invalidate lock	each folio's, one at a time
 *		|				|
 *	unmap	the range: stores will fault	the folio
 *	write	one pass, cut as ever, many	the folio alone, and wait
 *		WRITEs under way
 *	forget	each folio that is not dirty	the folio
 *		again, under its lock
 *	cost	bytes / wsize WRITEs		a WRITE for each folio, one
 *						after the other
 *	callers	none that may hold the lock	any
 *		of a folio, or the mmap lock
 *
 * Lock order: io_lock (i_rwsem) > invalidate lock > folio locks > writeback.
 * A writer who holds io_lock waits for folio locks, hence the last line. Whoever
 * cannot take the locks could leave them out (NWB_INVAL_UNLOCKED): then a folio
 * that was written to between "write" and "forget" is dirty again. The first
 * posting of today's way forgot it all the same (truncate_inode_pages_range(),
 * NWB_INVAL_DISCARD): that write is lost, and fsync says 0. What was merged keeps
 * it: nothing is lost, but nor is the range known to be forgotten. These are the
 * two halves of the objection on which the old way was kept in NFS;
 * tests/netfs/invalidate_test.c shows both, `netwb bench --inval-cost` measures
 * them.
 *
 * The invalidate lock is a flag: its shared holders are the folios that are
 * being read, which whoever has it exclusively meets and waits for.
 */
#include "issue.h"

static uint64_t last_page(uint64_t end)
{
	return end ? ((end - 1) >> NWB_PAGE_SHIFT) + 1 : 0;
}

/* --- locks ---------------------------------------------------------------- */

/** nwb_invalidate_lock() - filemap_invalidate_lock(). Context: blocks; no lock
 * held but io_lock. */
void nwb_invalidate_lock(struct nwb_inode *inode)
{
	nwb_mutex_lock(&inode->lock);
	nwb_wait_event(&inode->waitq, &inode->lock, !inode->is_invalidating);
	inode->is_invalidating = true;
	nwb_mutex_unlock(&inode->lock);
}

void nwb_invalidate_unlock(struct nwb_inode *inode)
{
	nwb_mutex_lock(&inode->lock);
	nwb_assert(inode->is_invalidating);
	inode->is_invalidating = false;
	nwb_waitq_wake_all(&inode->waitq);
	nwb_mutex_unlock(&inode->lock);
}

/** nwb_invalidate_wait() - before a folio is added or filled for a reader.
 * inode->lock held, dropped and taken again if so.
 * Return: was there anything to wait for? Then look again. */
bool nwb_invalidate_wait(struct nwb_inode *inode)
{
	if (!inode->is_invalidating)
		return false;
	nwb_wait_event(&inode->waitq, &inode->lock, !inode->is_invalidating);
	return true;
}

/* @f, which nobody has locked. inode->lock held. */
static void lock_folio(struct nwb_folio *f)
{
	nwb_folio_unclean(f);
	f->flags |= NWB_FOLIO_FILLING;
}

static void unlock_folio(struct nwb_folio *f)
{
	f->flags &= ~NWB_FOLIO_FILLING;
	nwb_folio_maybe_clean(f);
	nwb_waitq_wake_all(&f->inode->waitq);
}

int nwb_inode_lock_folio(struct nwb_inode *inode, uint64_t pos)
{
	struct nwb_folio *f;

	nwb_mutex_lock(&inode->lock);
	while ((f = nwb_folio_find(inode, pos >> NWB_PAGE_SHIFT)) &&
	       (f->flags & NWB_FOLIO_FILLING))
		(void)nwb_waitq_wait(&inode->waitq, &inode->lock, NWB_NEVER);
	if (f)
		lock_folio(f);
	nwb_mutex_unlock(&inode->lock);
	return f ? 0 : -ENOENT;
}

void nwb_inode_unlock_folio(struct nwb_inode *inode, uint64_t pos)
{
	struct nwb_folio *f;

	nwb_mutex_lock(&inode->lock);
	f = nwb_folio_find(inode, pos >> NWB_PAGE_SHIFT);
	nwb_assert(f && (f->flags & NWB_FOLIO_FILLING));
	unlock_folio(f);
	nwb_mutex_unlock(&inode->lock);
}

/* The next folio from *@index on below @last, locked, with its writeback at an
 * end, and unmapped; NULL: that was the last. *@index moves behind it.
 * inode->lock held, dropped and taken again. */
static struct nwb_folio *next_locked(struct nwb_inode *inode, uint64_t *index,
				     uint64_t last)
{
	struct nwb_folio *f;

	while ((f = nwb_folio_next(inode, *index)) && f->index < last &&
	       (f->flags & NWB_FOLIO_FILLING))
		(void)nwb_waitq_wait(&inode->waitq, &inode->lock, NWB_NEVER);
	if (!f || f->index >= last)
		return NULL;
	lock_folio(f);
	/* nobody can make it dirty now, so this has an end */
	while (f->nr_claims)
		(void)nwb_waitq_wait(&inode->waitq, &inode->lock, NWB_NEVER);
	nwb_folio_unmap(f);
	nwb_folio_forget_copy(f);
	*index = f->index + f->bytes / NWB_PAGE_SIZE;
	return f;
}

/* --- the steps ------------------------------------------------------------ */

/** nwb_unmap_range() - unmap_mapping_pages(). No lock held but outer ones. */
void nwb_unmap_range(struct nwb_inode *inode, uint64_t pos, uint64_t end)
{
	struct nwb_folio *f;
	uint64_t index;

	nwb_mutex_lock(&inode->lock);
	index = pos >> NWB_PAGE_SHIFT;
	while (inode->is_mapped && (f = nwb_folio_next(inode, index)) &&
	       f->index < last_page(end)) {
		nwb_folio_unmap(f);
		index = f->index + f->bytes / NWB_PAGE_SIZE;
	}
	nwb_mutex_unlock(&inode->lock);
}

static bool is_any(struct nwb_inode *inode, uint64_t pos, uint64_t end,
		   uint32_t flags)
{
	struct nwb_folio *f;
	uint64_t index;

	if (pos >= end)
		return false;
	nwb_mutex_lock(&inode->lock);
	index = pos >> NWB_PAGE_SHIFT;
	while ((f = nwb_folio_next(inode, index)) &&
	       f->index < last_page(end) && flags && !(f->flags & flags))
		index = f->index + f->bytes / NWB_PAGE_SIZE;
	nwb_mutex_unlock(&inode->lock);
	return f && f->index < last_page(end);
}

/*
 * Written, answered, and durable where that can be undone: else it could not be
 * forgotten. Also if somebody else's flush finds that it was undone, and makes it
 * dirty again meanwhile. Errors are in the error sequence.
 */
static void flush_range(struct nwb_inode *inode, uint64_t pos, uint64_t end)
{
	for (uint32_t round = 0; round < inode->nf->opts.max_attempts;
	     round++) {
		uint64_t gen = nwb_resend_gen(inode);
		bool again = false;

		(void)nwb_writepages_range(inode, pos, end);
		nwb_request_wait_all(inode);
		if (is_any(inode, pos, end, NWB_FOLIO_UNSTABLE) &&
		    nwb_flush_unstable(inode, &again))
			continue;
		if (!again && gen == nwb_resend_gen(inode))
			return;
	}
	(void)!nwb_inode_commit(inode); /* which tells that there is no end */
}

/* inode->lock held. @f is locked, and is not afterwards; it may be gone. */
static void forget(struct nwb_folio *f, uint32_t flags,
		   struct nwb_invalidated *r)
{
	struct nwb_inode *inode = f->inode;
	struct nwb_netfs *nf = inode->nf;

	if (nwb_mutant(nf, NWB_MUT_INVAL_DROPS)) {
		nwb_folio_set_dirty(f, (struct nwb_span){0, 0});
		nwb_folio_set_unstable(f, (struct nwb_span){0, 0});
	}
	if (flags & NWB_INVAL_DISCARD) {
		r->discarded_bytes += f->dirty.to - f->dirty.from;
		nwb_count(nf, discarded_bytes, f->dirty.to - f->dirty.from);
		nwb_folio_set_dirty(f, (struct nwb_span){0, 0});
		nwb_folio_set_unstable(f, (struct nwb_span){0, 0});
	}
	if (f->flags & (NWB_FOLIO_DIRTY | NWB_FOLIO_UNSTABLE)) {
		r->kept++; /* -EBUSY, which is nobody's business */
		if (!nwb_is_linux(nf))
			nwb_folio_keep_ours(f);
		unlock_folio(f);
		return;
	}
	f->flags &= ~NWB_FOLIO_FILLING;
	nwb_mutex_lock(&nf->lock);
	nwb_folio_drop(f);
	nwb_mutex_unlock(&nf->lock);
	r->dropped++;
	nwb_count(nf, invalidated, 1);
	nwb_waitq_wake_all(&nf->room);
	nwb_waitq_wake_all(&inode->waitq);
}

static void forget_range(struct nwb_inode *inode, uint64_t pos, uint64_t end,
			 uint32_t flags, struct nwb_invalidated *r)
{
	struct nwb_folio *f;
	uint64_t index;

	nwb_mutex_lock(&inode->lock);
	index = pos >> NWB_PAGE_SHIFT;
	while ((f = next_locked(inode, &index, last_page(end))))
		forget(f, flags, r);
	nwb_mutex_unlock(&inode->lock);
}

/* --- today ---------------------------------------------------------------- */

/**
 * nwb_invalidate() - nwb_inode_invalidate_range() for who has the io lock.
 */
int nwb_invalidate(struct nwb_inode *inode, uint64_t pos, uint64_t end,
		   uint32_t flags, struct nwb_invalidated *ret)
{
	struct nwb_invalidated r = {0};
	uint64_t seq = nwb_error_seq(inode);
	bool is_locked = !(flags & NWB_INVAL_UNLOCKED);

	if (is_any(inode, pos, end, 0)) {
		if (is_locked)
			nwb_invalidate_lock(inode);
		nwb_unmap_range(inode, pos, end);
		if (flags & NWB_INVAL_FLUSH)
			flush_range(inode, pos, end);
		forget_range(inode, pos, end, flags, &r);
		if (is_locked)
			nwb_invalidate_unlock(inode);
	}
	if (ret)
		*ret = r;
	return nwb_error_since(inode, seq);
}

int nwb_inode_invalidate_range(struct nwb_inode *inode, uint64_t pos,
			       uint64_t end, uint32_t flags,
			       struct nwb_invalidated *ret)
{
	bool is_locked = !(flags & NWB_INVAL_UNLOCKED);
	int rc;

	if (end < pos)
		return -EINVAL;
	if (is_locked && (flags & NWB_INVAL_FOLIO_LOCKED))
		return -EDEADLK;
	if (is_locked)
		nwb_mutex_lock(&inode->io_lock);
	rc = nwb_invalidate(inode, pos, end, flags, ret);
	if (is_locked)
		nwb_mutex_unlock(&inode->io_lock);
	return rc;
}

/* --- before --------------------------------------------------------------- */

/* ->launder_folio(): @f, locked and not under writeback, in a request of its
 * own. Not under the writeback lock: whoever has that may wait for the folio.
 * inode->lock held, dropped and taken again. */
static void launder(struct nwb_folio *f)
{
	struct nwb_inode *inode = f->inode;
	struct issue is = {
		.inode = inode,
		.reason = NWB_WB_SYNC,
		.origin = NWB_LAUNDER_WRITE,
		.pos = nwb_folio_pos(f),
		.end = nwb_min(nwb_folio_pos(f) + f->bytes, inode->size),
		.nr_left = INT64_MAX,
		.tag = UINT64_MAX,
	};

	nwb_count(inode->nf, laundered, 1);
	nwb_mutex_unlock(&inode->lock);
	nwb_issue_all(&is);
	if (is.rreq)
		nwb_end_issue_write(is.rreq);
	nwb_mutex_lock(&inode->lock);
	while (f->nr_claims)
		(void)nwb_waitq_wait(&inode->waitq, &inode->lock, NWB_NEVER);
}

/* Each folio of the range; those that are unstable afterwards stay for now. */
static void launder_range(struct nwb_inode *inode, uint64_t pos, uint64_t end,
			  struct nwb_invalidated *r)
{
	struct nwb_folio *f;
	uint64_t index;

	nwb_mutex_lock(&inode->lock);
	index = pos >> NWB_PAGE_SHIFT;
	while ((f = next_locked(inode, &index, last_page(end)))) {
		if (f->flags & NWB_FOLIO_DIRTY) {
			launder(f);
			r->laundered++;
		}
		if (f->flags & NWB_FOLIO_UNSTABLE)
			unlock_folio(f);
		else
			forget(f, 0, r);
	}
	nwb_mutex_unlock(&inode->lock);
}

int nwb_inode_invalidate_pages2(struct nwb_inode *inode, uint64_t pos,
				uint64_t end, struct nwb_invalidated *ret)
{
	struct nwb_invalidated r = {0};
	uint64_t seq = nwb_error_seq(inode);
	uint32_t round = 0;
	bool again = is_any(inode, pos, end, 0);
	int rc;

	if (end < pos)
		return -EINVAL;
	while (again && round++ < inode->nf->opts.max_attempts) {
		again = false;
		r.kept = 0;
		launder_range(inode, pos, end, &r);
		if (!is_any(inode, pos, end, NWB_FOLIO_UNSTABLE))
			continue;
		/* another instance: some are dirty again */
		if (!nwb_flush_unstable(inode, &again) && again)
			continue;
		r.kept = 0;
		forget_range(inode, pos, end, 0, &r);
	}
	rc = nwb_error_since(inode, seq);
	if (!rc && (r.kept || again)) /* again: it had no end */
		rc = -EBUSY;
	if (ret)
		*ret = r;
	return rc;
}
