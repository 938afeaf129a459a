/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A buffered write that is sent while it is copied; see writethrough.c. */
#ifndef NWB_NETFS_WRITETHROUGH_H
#define NWB_NETFS_WRITETHROUGH_H

#include "issue.h"

struct nwb_writethrough {
	struct issue is;
	uint64_t copied_to;
};

/** nwb_writethrough_begin() - netfs_begin_writethrough(), after what is dirty of
 * the range has been written. Context: io_lock held; blocks. */
void nwb_writethrough_begin(struct nwb_writethrough *wt,
			    struct nwb_inode *inode, uint64_t pos, size_t len);
/** nwb_writethrough_advance() - all up to @to is copied: send the folios that
 * are complete (netfs_advance_writethrough). */
void nwb_writethrough_advance(struct nwb_writethrough *wt, uint64_t to);
/** nwb_writethrough_pause() - send what is copied and let go of the lock,
 * because something is to be waited for. */
void nwb_writethrough_pause(struct nwb_writethrough *wt);
/** nwb_writethrough_resume() - go on at @pos. */
void nwb_writethrough_resume(struct nwb_writethrough *wt, uint64_t pos);
/** nwb_writethrough_flush() - the folio of @pos must be written first. */
void nwb_writethrough_flush(struct nwb_writethrough *wt, uint64_t pos);
/** nwb_writethrough_end() - send the rest and wait for the replies
 * (netfs_end_writethrough). Errors are in the inode's error sequence. */
void nwb_writethrough_end(struct nwb_writethrough *wt);

#endif
