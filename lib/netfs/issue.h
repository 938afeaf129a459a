/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One pass of the issuer, as its parts see it: write_pass.c makes passes,
 * write_claim.c chooses what each takes, write_issue.c tiles that into
 * subrequests; writethrough.c and direct_write.c issue without the flusher. */
#ifndef NWB_NETFS_ISSUE_H
#define NWB_NETFS_ISSUE_H

#include "trace.h"

/**
 * struct issue - one pass.
 * @pos: where to look on; only ascends
 * @end: the pass ends there
 * @limit: kicked: claim up to here
 * @nr_left: pages that may still be written (nr_to_write)
 * @tag: SYNC_ALL: only what was dirty before the pass began
 * @spare: claims at hand; in use only within nwb_issue_all()
 * @is_ordered: one subrequest at a time, and none behind one that failed
 * @is_cut_short: it ended because of @nr_left
 */
struct issue {
	struct nwb_inode *inode;
	struct nwb_io_request *rreq;
	enum nwb_wb_reason reason;
	enum nwb_rreq_origin origin;
	uint64_t pos;
	uint64_t end;
	uint64_t limit;
	uint64_t claimed;
	int64_t nr_left;
	uint64_t tag;
	struct nwb_list *spare;
	bool is_ordered;
	bool is_cut_short;
};

/* write_claim.c: inode->lock held. 0; -ENOENT: nothing left; -EINPROGRESS: a
 * request is needed first; -EXDEV: another request; -EBUSY: in flight, to be
 * waited for; -EAGAIN; -ENOMEM: no claim at hand. */
int nwb_try_claim(struct issue *is, struct nwb_claim **ret_claim);

/* write_issue.c */
void nwb_claims_list(struct nwb_io_request *rreq, struct nwb_claim **c,
		     unsigned int nr);
void nwb_claim_tile(struct issue *is, struct nwb_claim *c);
void nwb_write_claim(struct issue *is, struct nwb_claim *c);
void nwb_issue_pending(struct nwb_io_request *rreq);
bool nwb_wait_collected(struct nwb_io_request *rreq, uint64_t to);

/* write_pass.c */
void nwb_issue_all(struct issue *is);
void nwb_end_issue_write(struct nwb_io_request *rreq);
void nwb_end_pass(struct issue *is);
void nwb_begin_upload(struct nwb_io_request *rreq, enum nwb_wb_reason reason);
void nwb_wb_lock(struct nwb_inode *inode);
bool nwb_wb_trylock(struct nwb_inode *inode);
void nwb_wb_unlock(struct nwb_inode *inode);

#endif
