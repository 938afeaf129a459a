/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who waits for writeback of a range because he asked for that range:
 * sync_file_range(2) and readahead.
 *
 *			in-place	4th posting	temp-page
 *	sync_file_range	waits		waits		returns: no folio is
 *							under writeback
 *	readahead	goes on		waits		waits for the copies
 *
 * The fourth posting of the FUSE series kept both waits on purpose, flag or not
 * (opts.writeback_may_deadlock): the caller has the file open and asks for
 * these bytes, so that a server that stands still holds nobody else up. What
 * was merged has no wait in readahead: a folio under writeback cannot go, so
 * nobody reads from the server what is not there yet. With temp pages the folio
 * could (fuse_wait_on_page_writeback()); here it stays as long as its copy is
 * on its way, and what waits is the same.
 */
#include "internal.h"

/* Until no folio of [@pos, @end) has a claim, each looked at once, ascending
 * (__filemap_fdatawait_range()). No lock held. */
static void wait_claims(struct nwb_inode *inode, uint64_t pos, uint64_t end)
{
	struct nwb_folio *f;

	nwb_mutex_lock(&inode->lock);
	while (pos < end &&
	       (f = nwb_folio_next(inode, pos >> NWB_PAGE_SHIFT)) &&
	       nwb_folio_pos(f) < end) {
		pos = nwb_max(pos, nwb_folio_pos(f));
		if (f->nr_claims)
			(void)nwb_waitq_wait(&inode->waitq, &inode->lock,
					     NWB_NEVER);
		else
			pos = nwb_folio_pos(f) + f->bytes;
	}
	nwb_mutex_unlock(&inode->lock);
}

/** nwb_wait_writeback() - until no folio of [@pos, @end) is under writeback:
 * in place until the answers, with temp pages at once. Context: blocks; no lock
 * held. */
void nwb_wait_writeback(struct nwb_inode *inode, uint64_t pos, uint64_t end)
{
	if (inode->nf->opts.mode == NWB_IN_PLACE)
		wait_claims(inode, pos, end);
}

/* --- sync_file_range ------------------------------------------------------ */

/* file_fdatawait_range() */
static int wait_and_tell(struct nwb_file *f, uint64_t pos, uint64_t end)
{
	nwb_wait_writeback(f->inode, pos, end);
	return nwb_errseq_check_and_advance(f);
}

int nwb_file_sync_range(struct nwb_file *f, uint64_t pos, uint64_t len,
			uint32_t flags)
{
	const uint32_t all =
		NWB_SYNC_WAIT_BEFORE | NWB_SYNC_WRITE | NWB_SYNC_WAIT_AFTER;
	struct nwb_writeback_control wbc = {
		.sync_mode = NWB_WB_SYNC_NONE,
		.range_start = pos,
		.nr_to_write = INT64_MAX,
	};
	uint64_t end = len ? pos + len : UINT64_MAX;
	int rc = 0;

	if (flags & ~all || pos > NWB_FILE_MAX || (len && end < pos))
		return nwb_mutant(f->inode->nf, NWB_MUT_RANGE_WRAPS) ? 0
								     : -EINVAL;
	if (flags & NWB_SYNC_WAIT_BEFORE)
		rc = wait_and_tell(f, pos, end);
	if (!rc && (flags & NWB_SYNC_WRITE)) {
		if (flags == all)
			wbc.sync_mode = NWB_WB_SYNC_ALL;
		wbc.range_end = len ? end - 1 : UINT64_MAX;
		(void)nwb_inode_writepages(f->inode, &wbc);
	}
	if (!rc && (flags & NWB_SYNC_WAIT_AFTER))
		rc = wait_and_tell(f, pos, end);
	return rc;
}

/* --- readahead ------------------------------------------------------------ */

/* inode->lock held, dropped and taken again. Return: 0, *ret_next is where the
 * next folio may begin; -EINTR: look again; else it is over. */
static int read_ahead_one(struct nwb_inode *inode, uint64_t pos, uint64_t end,
			  uint64_t *ret_next)
{
	uint64_t index = pos >> NWB_PAGE_SHIFT;
	struct nwb_folio *f = nwb_folio_find(inode, index);
	int rc;

	if (f && nwb_mutant(inode->nf, NWB_MUT_READAHEAD_OVER) &&
	    !(f->flags & (NWB_FOLIO_UPTODATE | NWB_FOLIO_FILLING))) {
		f->valid = (struct nwb_span){0, 0};
		return nwb_folio_fill(f);
	}
	if (f) { /* what is there is left as it is */
		*ret_next = nwb_folio_pos(f) + f->bytes;
		return 0;
	}
	/* page_cache_ra_unbounded() */
	if (nwb_invalidate_wait(inode))
		return -EINTR;
	rc = nwb_folio_create(inode, index, (size_t)(end - pos), &f);
	if (rc)
		return rc;
	if (nwb_folio_fill_zero(f)) {
		nwb_folio_maybe_clean(f);
		return -EINTR;
	}
	rc = nwb_folio_fill(f);
	return rc ? rc : -EINTR;
}

void nwb_file_readahead(struct nwb_file *file, uint64_t pos, uint64_t len)
{
	struct nwb_inode *inode = file->inode;
	const struct nwb_netfs_opts *opts = &inode->nf->opts;
	uint64_t end = len > UINT64_MAX - pos ? UINT64_MAX : pos + len;
	int rc = 0;

	if (nwb_is_read_through(inode))
		return;
	if (opts->mode == NWB_TEMP_PAGE || opts->may_block_rules)
		wait_claims(inode, pos, end);
	pos -= pos % NWB_PAGE_SIZE;
	while (!rc) {
		uint64_t stop;

		nwb_mutex_lock(&inode->lock);
		stop = nwb_min(end, inode->size);
		if (pos < stop)
			rc = read_ahead_one(inode, pos, stop, &pos);
		nwb_mutex_unlock(&inode->lock);
		if (pos >= stop)
			break;
		if (rc == -EINTR)
			rc = 0;
	}
	if (inode->side[1]) /* what was read is to be cached */
		nwb_flusher_dirtied(inode);
}
