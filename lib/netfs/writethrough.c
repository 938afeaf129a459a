/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * O_SYNC and O_DSYNC writes: copied into the cache, and sent from there at once
 * (netfs_perform_write() with a writethrough request).
 *
 *	write out the range ─► lock ─► copy ─► folio complete? issue it
 *	                                  └──► the last, partial one: at the end
 *	─► wait for the replies ─► fsync
 *
 * One request holds all that the write touches, in as few subrequests as the
 * cuts allow; EOF does not cut (netfs_write_folio(), step 4). The writeback lock
 * is held meanwhile, so whoever waits within the copy loop must let go of it
 * first: 7.2 does not (H15).
 */
#include "writethrough.h"

static void open_request(struct nwb_writethrough *wt, uint64_t pos)
{
	struct nwb_inode *inode = wt->is.inode;
	struct nwb_folio *f;

	nwb_wb_lock(inode);
	nwb_mutex_lock(&inode->lock);
	f = nwb_folio_find(inode, pos >> NWB_PAGE_SHIFT);
	wt->is.pos = f ? nwb_folio_pos(f) : pos / NWB_PAGE_SIZE * NWB_PAGE_SIZE;
	nwb_mutex_unlock(&inode->lock);
	wt->is.rreq = NULL;
	wt->is.end = pos;
	wt->copied_to = pos;
}

void nwb_writethrough_begin(struct nwb_writethrough *wt,
			    struct nwb_inode *inode, uint64_t pos, size_t len)
{
	*wt = (struct nwb_writethrough){
		.is =
			{
				.inode = inode,
				.reason = NWB_WB_SYNC,
				.origin = NWB_WRITETHROUGH,
				.nr_left = INT64_MAX,
				.tag = UINT64_MAX,
			},
	};
	nwb_count(inode->nf, wthrough, 1);
	if (nwb_writepages_range(inode, pos, pos + len))
		nwb_request_wait_all(inode);
	open_request(wt, pos);
}

void nwb_writethrough_advance(struct nwb_writethrough *wt, uint64_t to)
{
	struct nwb_inode *inode = wt->is.inode;
	struct nwb_folio *f;
	bool is_folio_end;

	wt->copied_to = to;
	nwb_mutex_lock(&inode->lock);
	f = nwb_folio_find(inode, (to - 1) >> NWB_PAGE_SHIFT);
	is_folio_end = f && nwb_folio_pos(f) + f->bytes == to;
	nwb_mutex_unlock(&inode->lock);
	if (!is_folio_end)
		return;
	wt->is.end = to;
	nwb_issue_all(&wt->is);
}

/* The rest, too. */
static void close_request(struct nwb_writethrough *wt)
{
	wt->is.end = wt->copied_to;
	nwb_issue_all(&wt->is);
}

void nwb_writethrough_pause(struct nwb_writethrough *wt)
{
	close_request(wt);
	if (wt->is.rreq)
		nwb_end_issue_write(wt->is.rreq);
	nwb_wb_unlock(wt->is.inode);
}

void nwb_writethrough_resume(struct nwb_writethrough *wt, uint64_t pos)
{
	open_request(wt, pos);
}

void nwb_writethrough_flush(struct nwb_writethrough *wt, uint64_t pos)
{
	struct nwb_netfs *nf = wt->is.inode->nf;
	bool holds = nwb_hazard(nf, NWB_H15);

	if (holds)
		nwb_netfs_hazard_fired(nf, NWB_H15);
	else
		nwb_writethrough_pause(wt);
	nwb_flush_folio(wt->is.inode, pos);
	if (!holds)
		nwb_writethrough_resume(wt, pos);
}

void nwb_writethrough_end(struct nwb_writethrough *wt)
{
	struct nwb_inode *inode = wt->is.inode;

	close_request(wt);
	nwb_end_pass(&wt->is);
	nwb_request_wait_all(inode);
}
