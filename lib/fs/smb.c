/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * netfs on SMB: what fs/smb/client/file.c is to the kernel.
 *
 *	cifs_begin_writeback()	handle ready, wsize
 *	cifs_prepare_write()	credits for the largest write that is allowed
 *	cifs_issue_write()	surplus back, WRITE sent by reference
 *
 * Differences from it, all of the strict flavour:
 *	- reconnecting goes on until patience ends (like a hard mount, but with
 *	  an end), in prepare_write and never in issue_write;
 *	- whatever was not sent is retryable (the kernel's H2 is permanent);
 *	- a short count is retried (7.2: permanent ENOSPC);
 *	- credits that are too few for the rest of a retry make it a short write
 *	  (the kernel: EOPNOTSUPP).
 *
 * Outcome of a WRITE to termination of its subrequest:
 *
 *	success, Count		     transferred; 0 is permanent: -EIO
 *	connection or session lost   NEED_RETRY: outcome unknown
 *	nothing sent (stale credits
 *	or FileId, no connection)    NEED_RETRY
 *	INSUFFICIENT_RESOURCES, IO_TIMEOUT, RETRY, SERVER_UNAVAILABLE,
 *	FILE_NOT_AVAILABLE (-EAGAIN) NEED_RETRY: the server says so
 *	CONNECTION_DISCONNECTED,
 *	CONNECTION_ABORTED	     NEED_RETRY
 *	any other status	     permanent, with the errno Linux gives it
 */
#include "ns.h"

#include "nwb/mem.h"
#include "nwb/smb2_pdu.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define SYNC_ATTEMPTS 64u
#define AGAIN_NS      (100 * NWB_MSEC)
/* Linux' default for SMB3 (smb3_negotiate_wsize). */
#define WSIZE_DEFAULT	 (4u * 1024 * 1024)
#define BYTES_PER_CREDIT 65536u

static_assert(NWB_MAY_READ == NWB_SMB2_CACHE_READ &&
		      NWB_MAY_WRITE == NWB_SMB2_CACHE_WRITE,
	      "grants are the bits of a LeaseState");

static_assert(sizeof(struct nwb_smb2_write) <= NWB_SREQ_PRIV_BYTES,
	      "a write does not fit in a subrequest");

static struct nwb_smb2_write *sreq_write(struct nwb_io_subrequest *sreq)
{
	return (struct nwb_smb2_write *)(void *)sreq->fs_priv;
}

static struct nwb_io_subrequest *write_sreq(struct nwb_smb2_write *w)
{
	char *priv = (char *)w;

	return (struct nwb_io_subrequest
			*)(void *)(priv -
				   offsetof(struct nwb_io_subrequest, fs_priv));
}

static struct nwb_fs_ctx *inode_ctx(const struct nwb_inode *inode)
{
	return nwb_netfs_fs_priv(nwb_inode_netfs(inode));
}

static struct nwb_smb2_file *inode_file(const struct nwb_inode *inode)
{
	struct smb_inode *p = nwb_inode_fs_priv(inode);

	return p->file;
}

/* A break may come between the two; the second look sees what it left. */
static void take_grant(struct smb_inode *p)
{
	nwb_inode_set_caching(p->inode, nwb_smb2_file_caching(p->file));
	nwb_inode_set_caching(p->inode, nwb_smb2_file_caching(p->file));
}

/*
 * Another open than before: between the two the file was anybody's. What is
 * cached and clean may be old, and what is granted is granted anew.
 */
static void note_reopen(struct smb_inode *p, uint32_t instance)
{
	const struct nwb_netfs_opts *opts =
		nwb_netfs_get_opts(nwb_inode_netfs(p->inode));
	uint32_t was =
		__atomic_exchange_n(&p->instance, instance, __ATOMIC_RELAXED);

	if (was == instance)
		return;
	take_grant(p);
	if (opts->cache_mode != NWB_CACHE_ALWAYS)
		nwb_inode_invalidate(p->inode, nwb_smb2_file_eof(p->file));
}

static int try_ready(void *arg, uint32_t *ret_instance, struct nwb_err *err)
{
	struct smb_inode *p = nwb_inode_fs_priv(arg);
	struct nwb_fs_ctx *ctx = inode_ctx(arg);
	uint32_t names = nwb_fs_names(ctx);
	int rc = nwb_smb2_file_ready(p->file, ret_instance, err);

	if (!rc)
		note_reopen(p, *ret_instance);
	/* it is not gone while its name changes */
	return rc == -ENOENT && nwb_fs_names_changed(ctx, names) ? -EAGAIN : rc;
}

/* --- writing -------------------------------------------------------------- */

static int smb_ready(struct nwb_inode *inode, uint32_t *ret_instance)
{
	return nwb_fs_reach(inode_ctx(inode), try_ready, inode, ret_instance,
			    NULL, NULL);
}

static int smb_begin_writeback(struct nwb_io_request *rreq, uint32_t *ret_wsize)
{
	struct nwb_inode *inode = nwb_rreq_inode(rreq);
	const struct nwb_netfs_opts *opts =
		nwb_netfs_get_opts(nwb_inode_netfs(inode));
	struct nwb_smb2_stats st;
	uint32_t instance;
	uint64_t away;
	int rc;

	rc = nwb_fs_reach(inode_ctx(inode), try_ready, inode, &instance, &away,
			  NULL);
	if (rc) {
		nwb_rreq_set_unreachable(rreq, away);
		return rc;
	}
	nwb_smb2_get_stats(inode_ctx(inode)->smb2, &st);
	*ret_wsize = opts->wsize ? st.max_write
				 : nwb_min(st.max_write, WSIZE_DEFAULT);
	return 0;
}

/*
 * Wait until the server can be reached and has credits to spare. A server that
 * can be reached but never grants one is as good as away.
 */
static int smb_prepare_write(struct nwb_io_subrequest *sreq)
{
	struct nwb_inode *inode = nwb_rreq_inode(sreq->rreq);
	struct nwb_fs_ctx *ctx = inode_ctx(inode);
	struct nwb_io_stream *stream =
		nwb_rreq_stream(sreq->rreq, sreq->stream_nr);
	struct nwb_smb2_write *w = sreq_write(sreq);
	uint64_t begin = nwb_now_ns(ctx->ex), away;
	uint32_t instance;
	size_t size;
	int rc;

	memset(w, 0, sizeof(*w));
	do {
		away = 0;
		rc = nwb_fs_reach(ctx, try_ready, inode, &instance, &away,
				  NULL);
		sreq->unreachable_ns = away;
		if (rc)
			return rc;
		rc = nwb_smb2_wait_mtu_credits(ctx->smb2, stream->sreq_max_len,
					       NWB_NEVER, &size, &w->credits);
		if (!rc) {
			stream->sreq_max_len = size;
			return 0;
		}
		away = nwb_now_ns(ctx->ex) - begin;
	} while (ctx->patience_ns == NWB_NEVER || away < ctx->patience_ns);
	sreq->unreachable_ns = away;
	return -EHOSTDOWN;
}

static void smb_cancel_prepared(struct nwb_io_subrequest *sreq)
{
	struct nwb_inode *inode = nwb_rreq_inode(sreq->rreq);

	nwb_smb2_put_credits(inode_ctx(inode)->smb2,
			     &sreq_write(sreq)->credits);
}

/* FILE_CLOSED says that nothing was done; it is our own doing where the handle
 * was closed for a directory to be renamed, while this was on its way. */
static bool is_again(const struct nwb_smb2_file *f, ssize_t rc)
{
	return rc == -ECONNABORTED || rc == -EAGAIN ||
	       (rc == -EBADF && nwb_smb2_file_was_parked(f));
}

static bool is_retryable(const struct nwb_smb2_write *w)
{
	return is_again(w->file, w->result);
}

static void write_done(struct nwb_smb2_write *w)
{
	struct nwb_io_subrequest *sreq = write_sreq(w);
	int64_t result = w->result;

	sreq->wire_status = w->status;
	sreq->instance = w->instance;
	sreq->is_refused = result == 0;
	if (result == 0)
		result = -EIO; /* no progress, and none to be expected */
	else if (result < 0 && is_retryable(w))
		nwb_sreq_need_retry(sreq);
	nwb_write_subrequest_terminated(sreq, result);
}

/* These bytes were sent before, and what became of them is not known; also
 * after the server refused to take them because of that. */
static bool is_replay(const struct nwb_io_subrequest *sreq)
{
	return (sreq->flags & NWB_SREQ_RETRYING) &&
	       (!sreq->wire_status ||
		sreq->wire_status == NWB_STATUS_FILE_NOT_AVAILABLE);
}

static void smb_issue_write(struct nwb_io_subrequest *sreq)
{
	struct nwb_inode *inode = nwb_rreq_inode(sreq->rreq);
	struct nwb_smb2_write *w = sreq_write(sreq);
	size_t left = sreq->len - sreq->transferred, room;
	int rc;

	/* nothing reserved: one credit is taken when it is sent */
	room = (size_t)nwb_max(w->credits.value, 1u) * BYTES_PER_CREDIT;
	w->file = inode_file(inode);
	w->offset = sreq->start + sreq->transferred;
	w->iov = sreq->iov;
	w->nr_iov = sreq->nr_iov;
	w->len = (uint32_t)nwb_min(left, room);
	w->done = write_done;
	w->is_replay = is_replay(sreq);
	rc = nwb_smb2_write_async(w);
	if (!rc)
		return; /* @sreq may be gone by now */
	sreq->wire_status = 0;
	sreq->instance = 0;
	nwb_sreq_need_retry(sreq);
	nwb_write_subrequest_terminated(sreq, rc);
}

/* --- the rest ------------------------------------------------------------- */

static int smb_flush(struct nwb_inode *inode, uint32_t *ret_instance)
{
	int rc = nwb_smb2_flush(inode_file(inode), ret_instance, NULL);

	return is_again(inode_file(inode), rc) ? -ECONNABORTED : rc;
}

static uint64_t smb_away_ns(struct nwb_inode *inode)
{
	return nwb_fs_away_ns(inode_ctx(inode));
}

static int smb_set_size(struct nwb_inode *inode, uint64_t size)
{
	struct nwb_exec *ex = inode_ctx(inode)->ex;
	uint32_t instance;
	int rc;

	for (unsigned int i = 0; i < SYNC_ATTEMPTS; i++) {
		rc = smb_ready(inode, &instance);
		if (rc)
			return rc;
		rc = nwb_smb2_set_eof(inode_file(inode), size, NULL);
		if (!is_again(inode_file(inode), rc))
			return rc;
		/* it answers: what it waits for needs time */
		if (rc == -EAGAIN)
			nwb_sleep_until(ex, nwb_now_ns(ex) + AGAIN_NS);
	}
	return -EIO;
}

static int smb_get_size(struct nwb_inode *inode, uint64_t *ret_size)
{
	uint32_t instance;
	int rc;

	for (unsigned int i = 0; i < SYNC_ATTEMPTS; i++) {
		rc = smb_ready(inode, &instance);
		if (rc)
			return rc;
		rc = nwb_smb2_query_eof(inode_file(inode), ret_size, NULL);
		if (!is_again(inode_file(inode), rc))
			return rc;
	}
	return -EIO;
}

static ssize_t smb_read(struct nwb_inode *inode, uint64_t pos, void *buf,
			size_t len)
{
	uint32_t instance;
	ssize_t n;

	for (unsigned int i = 0; i < SYNC_ATTEMPTS; i++) {
		n = smb_ready(inode, &instance);
		if (n)
			return n;
		n = nwb_smb2_read(inode_file(inode), pos, buf, len, NULL);
		if (!is_again(inode_file(inode), n))
			return n;
	}
	return -EIO;
}

/* The handle is closed by smb_release(); from here on a break has nobody to
 * ask. */
static int smb_close(struct nwb_inode *inode)
{
	nwb_smb2_file_on_break(inode_file(inode), NULL, NULL);
	return 0;
}

static bool smb_is_granted(struct nwb_inode *inode)
{
	return nwb_smb2_file_is_open(inode_file(inode));
}

static const struct nwb_netfs_ops smb_ops = {
	.name = "smb",
	.begin_writeback = smb_begin_writeback,
	.prepare_write = smb_prepare_write,
	.issue_write = smb_issue_write,
	.cancel_prepared = smb_cancel_prepared,
	.flush = smb_flush,
	.away_ns = smb_away_ns,
	.ready = smb_ready,
	.set_size = smb_set_size,
	.get_size = smb_get_size,
	.read = smb_read,
	.close = smb_close,
	.is_granted = smb_is_granted,
};

/* --- open and release ----------------------------------------------------- */

struct open_args {
	struct nwb_smb2 *c;
	const char *name;
	unsigned int flags;
	struct nwb_smb2_file *file;
	uint64_t size;
};

static int try_open(void *arg, uint32_t *ret_epoch, struct nwb_err *err)
{
	struct open_args *a = arg;
	int rc;

	if (!a->file) {
		rc = nwb_smb2_open(a->c, a->name, a->flags, &a->file, err);
		/* whoever may have created it himself cannot ask again */
		if ((a->flags & NWB_O_EXCL) && rc == -ECONNABORTED)
			return nwb_err_set(err, -EIO,
					   "create: the connection was lost, "
					   "outcome unknown");
		if (rc)
			return rc;
	}
	rc = nwb_smb2_file_ready(a->file, ret_epoch, err);
	if (!rc)
		rc = nwb_smb2_query_eof(a->file, &a->size, NULL);
	return rc;
}

static int smb_open(void *fs_priv, const char *name, unsigned int flags,
		    void **ret_priv, uint64_t *ret_size, struct nwb_err *err)
{
	struct nwb_fs_ctx *ctx = fs_priv;
	struct open_args a = {.c = ctx->smb2, .name = name, .flags = flags};
	struct smb_inode *p = nwb_zalloc(sizeof(*p));
	uint32_t instance;
	int rc;

	if (!p)
		return nwb_err_set(err, -ENOMEM, "smb: out of memory");
	rc = nwb_fs_reach(ctx, try_open, &a, &instance, NULL, err);
	if (rc) {
		if (a.file && nwb_smb2_close(a.file))
			(void)nwb_err_wrap(err, rc, "smb: and CLOSE failed");
		nwb_free(p);
		return rc;
	}
	p->file = a.file;
	p->instance = instance;
	*ret_priv = p;
	*ret_size = a.size;
	return 0;
}

/* What an error says is in the inode's sequence, for fsync. */
static void smb_break(void *arg, uint32_t caching)
{
	(void)!nwb_inode_break(arg, caching);
}

/* A break that came before this has left its mark on file_caching(). */
static void smb_bind(void *inode_priv, struct nwb_inode *inode)
{
	struct smb_inode *p = inode_priv;

	p->inode = inode;
	nwb_smb2_file_on_break(p->file, smb_break, inode);
	take_grant(p);
}

static void smb_release(void *inode_priv)
{
	struct smb_inode *p = inode_priv;
	int rc = nwb_smb2_close(p->file);

	(void)rc; /* data was flushed before; the handle is gone either way */
	nwb_free(p);
}

const struct nwb_fs_type nwb_fs_smb = {
	.name = "smb",
	.flush_on_close = true,
	.ops = &smb_ops,
	.names = &nwb_ns_smb,
	.open = smb_open,
	.bind = smb_bind,
	.release = smb_release,
};
