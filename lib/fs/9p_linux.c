/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * 9P as the flavours of Linux write it (fs/9p/vfs_addr.c, v9fs_issue_write();
 * net/9p/client.c, p9_client_write()): synchronous, one Twrite at a time.
 *
 *	issuer ─► Twrite ─► Rwrite ─► Twrite of the rest ─► ... ─► terminated
 *	            short: the loop goes on behind it
 *	            error: what was written so far is the result, the error only
 *	                   when that is nothing; then it is permanent
 *	            count 0: the loop goes on where it is (H5)
 *
 * So a short result comes from a short Rwrite followed by an error, and netfs
 * has the rest sent again: to the start of the subrequest (H3), since the
 * position is taken from there and only the data from the iterator.
 *
 * A connection that was lost is not made again: everything is EIO from then on
 * (p9_client_prepare_req()).
 */
#include "ns.h"

#include <errno.h>
#include <string.h>

#define SEGS	    64u
#define FIRST_EPOCH 1u

/* One Twrite that is waited for, with the mount's lock and queue: those of a
 * stack frame would be gone while who wakes is still busy with them. */
struct linux_write {
	struct nwb_p9_write w;
	struct nwb_fs_ctx *ctx;
	bool is_done;
	struct iovec iov[SEGS];
};

static struct nwb_fs_ctx *inode_ctx(const struct nwb_inode *inode)
{
	return nwb_netfs_fs_priv(nwb_inode_netfs(inode));
}

bool nwb_9p_is_dead(const struct nwb_inode *inode)
{
	struct nwb_netfs *nf = nwb_inode_netfs(inode);

	return nwb_netfs_get_opts(nf)->flavour != NWB_STRICT &&
	       nwb_p9_epoch(inode_ctx(inode)->p9) != FIRST_EPOCH;
}

static void write_done(struct nwb_p9_write *w)
{
	struct linux_write *lw = nwb_container_of(w, struct linux_write, w);
	struct nwb_fs_ctx *ctx = lw->ctx;

	nwb_mutex_lock(&ctx->wait_lock);
	lw->is_done = true;
	nwb_waitq_wake_all(&ctx->wait_q);
	nwb_mutex_unlock(&ctx->wait_lock);
}

/* The next bytes of @it, as many as one Twrite takes. */
static void fill(struct linux_write *lw, const struct nwb_iov_iter *it)
{
	size_t n = nwb_min(it->count, (size_t)nwb_p9_max_write(lw->w.file));
	int nr = nwb_iov_iter_extract(it, n, lw->iov, SEGS);

	while (nr < 0) {
		n /= 2;
		nr = nwb_iov_iter_extract(it, n, lw->iov, SEGS);
	}
	lw->w.iov = lw->iov;
	lw->w.nr_iov = (unsigned int)nr;
	lw->w.len = (uint32_t)n;
}

/* Where a subrequest that is sent again goes on. */
static uint64_t position(const struct nwb_io_subrequest *sreq)
{
	struct nwb_netfs *nf = nwb_inode_netfs(nwb_rreq_inode(sreq->rreq));

	if (!sreq->transferred || !nwb_netfs_hazard(nf, NWB_H3))
		return sreq->start + sreq->transferred;
	nwb_netfs_hazard_fired(nf, NWB_H3);
	return sreq->start;
}

static int64_t send_and_wait(struct nwb_fs_ctx *ctx, struct linux_write *lw)
{
	int rc;

	lw->ctx = ctx;
	lw->w.done = write_done;
	rc = nwb_p9_write_async(&lw->w);
	if (rc)
		return rc;
	nwb_mutex_lock(&ctx->wait_lock);
	nwb_wait_event(&ctx->wait_q, &ctx->wait_lock, lw->is_done);
	nwb_mutex_unlock(&ctx->wait_lock);
	return lw->w.result;
}

/* Did the server answer that it took nothing? */
static bool is_zero(const struct linux_write *lw, int64_t result)
{
	return result == -EIO && !lw->w.ecode && lw->w.epoch;
}

void nwb_9p_issue_linux(struct nwb_io_subrequest *sreq)
{
	struct nwb_inode *inode = nwb_rreq_inode(sreq->rreq);
	const struct p9_inode *p = nwb_inode_fs_priv(inode);
	struct nwb_netfs *nf = nwb_inode_netfs(inode);
	uint64_t pos = position(sreq);
	struct nwb_iov_iter it;
	int64_t done = 0, rc = 0;

	nwb_iov_iter_init(&it, sreq->iov, sreq->nr_iov);
	while (it.count) {
		struct linux_write lw;

		memset(&lw, 0, sizeof(lw));
		lw.w.file = p->file;
		lw.w.offset = pos + (uint64_t)done;
		fill(&lw, &it);
		rc = send_and_wait(inode_ctx(inode), &lw);
		sreq->wire_status = lw.w.ecode;
		sreq->instance = lw.w.epoch;
		if (is_zero(&lw, rc) && nwb_netfs_hazard(nf, NWB_H5)) {
			nwb_netfs_hazard_fired(nf, NWB_H5);
			continue;
		}
		if (rc < 0)
			break;
		done += rc;
		nwb_iov_iter_advance(&it, (size_t)rc);
	}
	if (rc < 0 && nwb_9p_is_dead(inode))
		rc = -EIO;
	sreq->is_refused = rc < 0 && !sreq->wire_status;
	nwb_write_subrequest_terminated(sreq, done ? done : rc);
}
