/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * netfs on 9P: what fs/9p/vfs_addr.c is to the kernel.
 *
 * Differences from it, all of the strict flavour:
 *
 *	v9fs_issue_write()	sends one Twrite and waits;
 *				here many are under way
 *	the same, retried	starts at start again;
 *				here at start + transferred
 *	v9fs_begin_writeback()	warns when there is no fid;
 *				here the upload fails
 *	a lost connection	stays lost; here it is made again
 *
 * The flavours of Linux do as Linux does: 9p_linux.c.
 *
 * Outcome of a Twrite to termination of its subrequest:
 *
 *	Rwrite.count		      transferred (a short one is retried)
 *	connection lost, Tflush'd     NEED_RETRY: outcome unknown
 *	nothing sent (no connection,
 *	stale fid, smaller msize)     NEED_RETRY
 *	Rlerror EAGAIN, EINTR	      NEED_RETRY: the server says so
 *	any other Rlerror	      permanent, with that errno
 *	count 0, or above the asked   permanent: -EIO, -EPROTO
 *
 * The fid stays open after the last close until the inode goes, as the kernel
 * keeps a writeback fid: 9P does not flush on close, and what is still dirty
 * needs it.
 */
#include "ns.h"

#include "nwb/mem.h"

#include <errno.h>
#include <string.h>

#define SYNC_ATTEMPTS 64u

_Static_assert(sizeof(struct nwb_p9_write) <= NWB_SREQ_PRIV_BYTES,
	       "a write does not fit in a subrequest");

static struct nwb_p9_write *sreq_write(struct nwb_io_subrequest *sreq)
{
	return (struct nwb_p9_write *)(void *)sreq->fs_priv;
}

static struct nwb_io_subrequest *write_sreq(struct nwb_p9_write *w)
{
	return (struct nwb_io_subrequest
			*)(void *)((char *)w -
				   offsetof(struct nwb_io_subrequest, fs_priv));
}

static struct nwb_fs_ctx *inode_ctx(const struct nwb_inode *inode)
{
	return nwb_netfs_fs_priv(nwb_inode_netfs(inode));
}

static struct nwb_p9_file *inode_file(const struct nwb_inode *inode)
{
	struct p9_inode *p = nwb_inode_fs_priv(inode);

	return p->file;
}

/* EINTR and EAGAIN (which comes as EREMOTEIO) are no more final when a file is
 * opened again than when it is written; nor is its absence while its name
 * changes. */
static int try_ready(void *arg, uint32_t *ret_epoch, struct nwb_err *err)
{
	const struct nwb_inode *inode = arg;
	struct nwb_fs_ctx *ctx = inode_ctx(inode);
	uint32_t names = nwb_fs_names(ctx);
	int rc;

	if (nwb_9p_is_dead(inode))
		return -EIO;
	rc = nwb_p9_file_ready(inode_file(inode), ret_epoch, err);
	if (rc == -ENOENT && nwb_fs_names_changed(ctx, names))
		rc = -EAGAIN;
	return rc == -EINTR || rc == -EREMOTEIO ? -EAGAIN : rc;
}

/* --- writing ---------------------------------------------------------------
 */

static int p9_ready(struct nwb_inode *inode, uint32_t *ret_instance)
{
	return nwb_fs_reach(inode_ctx(inode), try_ready, inode, ret_instance,
			    NULL, NULL);
}

static int p9_begin_writeback(struct nwb_io_request *rreq, uint32_t *ret_wsize)
{
	struct nwb_inode *inode = nwb_rreq_inode(rreq);
	uint32_t instance;
	uint64_t away;
	int rc;

	rc = nwb_fs_reach(inode_ctx(inode), try_ready, inode, &instance, &away,
			  NULL);
	if (rc) {
		nwb_rreq_set_unreachable(rreq, away);
		return rc;
	}
	*ret_wsize = nwb_p9_max_write(inode_file(inode));
	return 0;
}

static int p9_prepare_write(struct nwb_io_subrequest *sreq)
{
	struct nwb_inode *inode = nwb_rreq_inode(sreq->rreq);
	struct nwb_fs_ctx *ctx = inode_ctx(inode);
	struct nwb_io_stream *stream =
		nwb_rreq_stream(sreq->rreq, sreq->stream_nr);
	uint32_t instance;
	uint64_t away = 0;
	int rc;

	rc = nwb_fs_reach(ctx, try_ready, inode, &instance, &away, NULL);
	sreq->unreachable_ns = away;
	if (rc)
		return rc;
	stream->sreq_max_len =
		nwb_min(stream->sreq_max_len,
			(size_t)nwb_p9_max_write(inode_file(inode)));
	return 0;
}

/* Ours, not the server's: connect, reopen and do it again. */
static bool is_lost(ssize_t rc)
{
	return rc == -ECONNABORTED || rc == -EAGAIN || rc == -ETIMEDOUT ||
	       rc == -ECANCELED;
}

static bool is_retryable(const struct nwb_p9_write *w)
{
	if (!w->ecode)
		return is_lost(w->result);
	return w->ecode == EAGAIN || w->ecode == EINTR;
}

static void write_done(struct nwb_p9_write *w)
{
	struct nwb_io_subrequest *sreq = write_sreq(w);

	sreq->wire_status = w->ecode;
	sreq->instance = w->epoch;
	sreq->is_refused = false;
	if (w->result < 0 && is_retryable(w))
		nwb_sreq_need_retry(sreq);
	else if (w->result < 0)
		sreq->is_refused = !w->ecode;
	nwb_write_subrequest_terminated(sreq, w->result);
}

/* Less is sent than asked when a reconnect has lowered msize: a short write
 * like any other. */
static void p9_issue_write(struct nwb_io_subrequest *sreq)
{
	struct nwb_inode *inode = nwb_rreq_inode(sreq->rreq);
	struct nwb_p9_write *w = sreq_write(sreq);
	size_t left = sreq->len - sreq->transferred;
	int rc;

	if (nwb_netfs_get_opts(nwb_inode_netfs(inode))->flavour != NWB_STRICT) {
		nwb_9p_issue_linux(sreq);
		return;
	}
	memset(w, 0, sizeof(*w));
	w->file = inode_file(inode);
	w->offset = sreq->start + sreq->transferred;
	w->iov = sreq->iov;
	w->nr_iov = sreq->nr_iov;
	w->len = (uint32_t)nwb_min(left,
				   (size_t)nwb_p9_max_write(inode_file(inode)));
	w->done = write_done;
	rc = nwb_p9_write_async(w);
	if (!rc)
		return; /* @sreq may be gone by now */
	sreq->wire_status = 0;
	sreq->instance = 0;
	nwb_sreq_need_retry(sreq);
	nwb_write_subrequest_terminated(sreq, rc);
}

/* --- the rest --------------------------------------------------------------
 */

static int p9_flush(struct nwb_inode *inode, uint32_t *ret_instance)
{
	int rc = nwb_p9_fsync(inode_file(inode), ret_instance);

	if (!is_lost(rc))
		return rc;
	return nwb_9p_is_dead(inode) ? -EIO : -ECONNABORTED;
}

static uint64_t p9_away_ns(struct nwb_inode *inode)
{
	return nwb_fs_away_ns(inode_ctx(inode));
}

static int p9_set_size(struct nwb_inode *inode, uint64_t size)
{
	uint32_t instance;
	unsigned int i;
	int rc = -EIO;

	for (i = 0; i < SYNC_ATTEMPTS; i++) {
		rc = p9_ready(inode, &instance);
		if (rc)
			return rc;
		rc = nwb_p9_set_size(inode_file(inode), size);
		if (!is_lost(rc))
			return rc;
	}
	return -EIO;
}

static int p9_get_size(struct nwb_inode *inode, uint64_t *ret_size)
{
	uint32_t instance;
	unsigned int i;
	int rc;

	for (i = 0; i < SYNC_ATTEMPTS; i++) {
		rc = p9_ready(inode, &instance);
		if (rc)
			return rc;
		rc = nwb_p9_get_size(inode_file(inode), ret_size);
		if (!is_lost(rc))
			return rc;
	}
	return -EIO;
}

static ssize_t p9_read(struct nwb_inode *inode, uint64_t pos, void *buf,
		       size_t len)
{
	uint32_t instance;
	unsigned int i;
	ssize_t n;

	for (i = 0; i < SYNC_ATTEMPTS; i++) {
		n = p9_ready(inode, &instance);
		if (n)
			return n;
		n = nwb_p9_read(inode_file(inode), pos, buf, len);
		if (!is_lost(n))
			return n;
	}
	return -EIO;
}

static const struct nwb_netfs_ops p9_ops = {
	.name = "9p",
	.has_no_prepare = true,
	.begin_writeback = p9_begin_writeback,
	.prepare_write = p9_prepare_write,
	.issue_write = p9_issue_write,
	.flush = p9_flush,
	.away_ns = p9_away_ns,
	.ready = p9_ready,
	.set_size = p9_set_size,
	.get_size = p9_get_size,
	.read = p9_read,
};

/* --- open and release ------------------------------------------------------
 */

struct open_args {
	struct nwb_p9 *c;
	const char *name;
	unsigned int flags;
	struct nwb_p9_file *file;
	uint64_t size;
};

static int try_open(void *arg, uint32_t *ret_epoch, struct nwb_err *err)
{
	struct open_args *a = arg;
	int rc;

	if (!a->file) {
		rc = nwb_p9_open(a->c, a->name, a->flags, &a->file, err);
		if (rc)
			return rc;
	}
	rc = nwb_p9_file_ready(a->file, ret_epoch, err);
	if (!rc)
		rc = nwb_p9_get_size(a->file, &a->size);
	return rc;
}

static int p9_open(void *fs_priv, const char *name, unsigned int flags,
		   void **ret_priv, uint64_t *ret_size, struct nwb_err *err)
{
	struct nwb_fs_ctx *ctx = fs_priv;
	struct open_args a = {
		.c = ctx->p9, .name = name, .flags = flags & ~NWB_O_ONCE};
	struct p9_inode *p = nwb_zalloc(sizeof(*p));
	uint32_t instance;
	int rc;

	if (!p)
		return nwb_err_set(err, -ENOMEM, "9p: out of memory");
	rc = nwb_fs_reach_by(ctx, flags, try_open, &a, &instance, err);
	if (rc) {
		if (a.file && nwb_p9_close(a.file))
			(void)nwb_err_wrap(err, rc, "9p: and Tclunk failed");
		nwb_free(p);
		return rc;
	}
	p->file = a.file;
	*ret_priv = p;
	*ret_size = a.size;
	return 0;
}

static void p9_release(void *inode_priv)
{
	struct p9_inode *p = inode_priv;
	int rc = nwb_p9_close(p->file);

	(void)rc; /* Tclunk promises nothing that could be broken: clunk(5) */
	nwb_free(p);
}

const struct nwb_fs_type nwb_fs_9p = {
	.name = "9p",
	.flush_on_close = false,
	.ops = &p9_ops,
	.names = &nwb_ns_9p,
	.open = p9_open,
	.release = p9_release,
};
