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
 *	- a short count is retried (the flavour 7.2: permanent ENOSPC);
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
 *
 * The flavours of Linux differ in what is_permanent() says.
 *
 * Identities. With a second one (nwb_mount_add_identity()) EACCES, of a WRITE
 * or of opening the file again, needs a retry: smb_retry_request() opens the
 * file as the other user and all goes on with that handle. Its instances have
 * the topmost bit set, so what the first had acknowledged is sent again by the
 * other before a flush of the other's counts for it. A file that the first may
 * not even open for writing is opened for reading only, and what is written to
 * it finds out.
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
#define OTHER_INSTANCE	 0x80000000u

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

static bool is_other(const struct smb_inode *p)
{
	return __atomic_load_n(&p->is_other, __ATOMIC_ACQUIRE);
}

static struct nwb_smb2_file *inode_file(const struct nwb_inode *inode)
{
	const struct smb_inode *p = nwb_inode_fs_priv(inode);

	return is_other(p) ? p->other : p->file;
}

static uint32_t with_identity(const struct smb_inode *p,
			      const struct nwb_smb2_file *f, uint32_t instance)
{
	return is_other(p) && f == p->other ? instance | OTHER_INSTANCE
					    : instance;
}

/* Was the first identity refused, with another one left to try? */
static bool may_rotate(const struct nwb_inode *inode, int64_t rc)
{
	return rc == -EACCES && inode_ctx(inode)->other &&
	       !is_other(nwb_inode_fs_priv(inode));
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
	uint32_t settled = __atomic_load_n(&p->settled, __ATOMIC_RELAXED);

	if (was == instance)
		return;
	take_grant(p);
	if (opts->cache_mode != NWB_CACHE_ALWAYS)
		nwb_inode_invalidate(p->inode, nwb_smb2_file_eof(p->file));
	/* from here on what is granted counts */
	while (settled < instance &&
	       !__atomic_compare_exchange_n(&p->settled, &settled, instance,
					    true, __ATOMIC_RELEASE,
					    __ATOMIC_RELAXED))
		;
}

static int try_ready(void *arg, uint32_t *ret_instance, struct nwb_err *err)
{
	struct smb_inode *p = nwb_inode_fs_priv(arg);
	struct nwb_fs_ctx *ctx = inode_ctx(arg);
	uint32_t names = nwb_fs_names(ctx);
	struct nwb_smb2_file *f = inode_file(arg);
	int rc = nwb_smb2_file_ready(f, ret_instance, err);

	if (!rc && f == p->file)
		note_reopen(p, *ret_instance);
	if (!rc)
		*ret_instance = with_identity(p, f, *ret_instance);
	/* it is not gone while its name changes */
	return rc == -ENOENT && nwb_fs_names_changed(ctx, names) ? -EAGAIN : rc;
}

/* --- writing -------------------------------------------------------------- */

static int smb_ready(struct nwb_inode *inode, uint32_t *ret_instance)
{
	return nwb_fs_reach(inode_ctx(inode), try_ready, inode, ret_instance,
			    NULL, NULL);
}

/* Open the file as the other user; from then on it is the only one. */
static int rotate(struct nwb_inode *inode)
{
	struct smb_inode *p = nwb_inode_fs_priv(inode);
	struct nwb_smb2_file *f;
	int rc;

	if (is_other(p))
		return 0; /* another request did */
	rc = nwb_smb2_open_like(inode_ctx(inode)->other, p->file, &f, NULL);
	if (rc)
		return rc;
	p->other = f;
	__atomic_store_n(&p->is_other, true, __ATOMIC_RELEASE);
	return 0;
}

/*
 * As afs_retry_request() goes from key to key. Only the retryer calls it, so
 * nobody else opens the other handle; a server that is away just now is met
 * again by the write that follows, which is refused as before.
 */
static int smb_retry_request(struct nwb_io_request *rreq,
			     struct nwb_io_stream *stream)
{
	struct nwb_inode *inode = nwb_rreq_inode(rreq);
	int rc;

	if (!nwb_stream_has_error(rreq, stream, -EACCES) ||
	    !may_rotate(inode, -EACCES))
		return 0;
	rc = rotate(inode);
	if (rc && !nwb_fs_is_away(rc)) {
		stream->error = -EACCES;
		stream->failed = true;
	}
	return !rc;
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
	if (may_rotate(inode, rc)) /* each prepare will say so, too */
		rc = 0;
	if (rc) {
		nwb_rreq_set_unreachable(rreq, away);
		return rc;
	}
	nwb_smb2_get_stats(is_other(nwb_inode_fs_priv(inode))
				   ? inode_ctx(inode)->other
				   : inode_ctx(inode)->smb2,
			   &st);
	*ret_wsize = opts->wsize ? st.max_write
				 : nwb_min(st.max_write, WSIZE_DEFAULT);
	return 0;
}

/* Which handle @w goes through, and whose credits it needs: both at once, for
 * another request may be about to take the other identity. */
static struct nwb_smb2 *take_handle(struct nwb_inode *inode,
				    struct nwb_smb2_write *w)
{
	const struct smb_inode *p = nwb_inode_fs_priv(inode);
	const struct nwb_fs_ctx *ctx = inode_ctx(inode);

	if (!is_other(p)) {
		w->file = p->file;
		return ctx->smb2;
	}
	w->file = p->other;
	return ctx->other;
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
	struct nwb_smb2 *smb2;
	uint32_t instance;
	size_t size;
	int rc;

	memset(w, 0, sizeof(*w));
	do {
		away = 0;
		rc = nwb_fs_reach(ctx, try_ready, inode, &instance, &away,
				  NULL);
		sreq->unreachable_ns = away;
		if (may_rotate(inode, rc))
			nwb_sreq_need_retry(sreq);
		if (rc)
			return rc;
		smb2 = take_handle(inode, w);
		rc = nwb_smb2_wait_mtu_credits(
			smb2, stream->sreq_max_len,
			sreq->flags & NWB_SREQ_NOWAIT ? begin : NWB_NEVER,
			&size, &w->credits);
		if (rc == -ETIMEDOUT)
			return -EAGAIN;
		if (!rc) {
			stream->sreq_max_len = size;
			return 0;
		}
		away = nwb_now_ns(ctx->ex) - begin;
		/* Linux counts only the time in which it cannot connect */
	} while (ctx->patience_ns == NWB_NEVER || away <= ctx->patience_ns ||
		 nwb_netfs_hazard(nwb_inode_netfs(inode), NWB_H11));
	sreq->unreachable_ns = away;
	return -EHOSTDOWN;
}

/* FILE_CLOSED says that nothing was done; it is our own doing where the handle
 * was closed for a directory to be renamed, while this was on its way. */
static bool is_again(const struct nwb_smb2_file *f, ssize_t rc)
{
	return rc == -ECONNABORTED || rc == -EAGAIN ||
	       (rc == -EBADF && nwb_smb2_file_was_parked(f));
}

/* A hard mount is what has patience without an end. */
static bool is_hard(const struct nwb_fs_ctx *ctx)
{
	return ctx->patience_ns == NWB_NEVER;
}

/*
 * What the flavour says of a WRITE that the server answered, beyond what strict
 * would (smb2_writev_callback()): 6.12 retries nothing but EAGAIN, 7.2 takes a
 * short count for a full disk.
 */
static int64_t linux_outcome(const struct nwb_netfs_opts *opts,
			     const struct nwb_smb2_write *w, bool *ret_again)
{
	int64_t result = w->result;

	if (opts->flavour == NWB_LINUX_6_12) {
		if (w->status && result == -ECONNABORTED)
			*ret_again = false;
		if (result == 0)
			*ret_again = true;
	} else if (result >= 0 && (uint64_t)result < w->len) {
		return -ENOSPC;
	}
	return result;
}

static void write_done(struct nwb_smb2_write *w)
{
	struct nwb_io_subrequest *sreq = write_sreq(w);
	struct nwb_inode *inode = nwb_rreq_inode(sreq->rreq);
	const struct nwb_netfs_opts *opts =
		nwb_netfs_get_opts(nwb_inode_netfs(inode));
	int64_t result = w->result;
	bool again = is_again(w->file, result) || may_rotate(inode, result);

	sreq->wire_status = w->status;
	sreq->instance =
		with_identity(nwb_inode_fs_priv(inode), w->file, w->instance);
	if (opts->flavour != NWB_STRICT)
		result = linux_outcome(opts, w, &again);
	/* with two identities EACCES is final only of the second one */
	sreq->is_refused = result == 0 || (result == -EACCES && !again &&
					   inode_ctx(inode)->other);
	if (result == 0 && !again)
		result = -EIO; /* no progress, and none to be expected */
	else if (result < 0 && again)
		nwb_sreq_need_retry(sreq);
	nwb_write_subrequest_terminated(sreq, result);
}

/*
 * These bytes were sent before, and what became of them is not known; also
 * after the server refused to take them because of that. 6.12 says so of every
 * retry; 7.2 only where smb2_should_replay() lets it, on hard mounts.
 */
static bool is_replay(const struct nwb_io_subrequest *sreq)
{
	const struct nwb_inode *inode = nwb_rreq_inode(sreq->rreq);

	if (!(sreq->flags & NWB_SREQ_RETRYING))
		return false;
	switch (nwb_netfs_get_opts(nwb_inode_netfs(inode))->flavour) {
	case NWB_LINUX_6_12:
		return true;
	case NWB_LINUX_7_2:
		return is_hard(inode_ctx(inode));
	default:
		return !sreq->wire_status ||
		       sreq->wire_status == NWB_STATUS_FILE_NOT_AVAILABLE;
	}
}

/* Nothing was sent. Strict and, but for what it did not send for want of a
 * connection, 6.12: again. 7.2 forgets to say so. */
static bool is_permanent(const struct nwb_inode *inode, int rc)
{
	struct nwb_netfs *nf = nwb_inode_netfs(inode);
	enum nwb_flavour flavour = nwb_netfs_get_opts(nf)->flavour;

	if (rc == -EAGAIN && nwb_netfs_hazard(nf, NWB_H2)) {
		nwb_netfs_hazard_fired(nf, NWB_H2);
		return true;
	}
	if (rc != -ECONNABORTED)
		return false;
	return flavour == NWB_LINUX_6_12 ||
	       (flavour == NWB_LINUX_7_2 && !is_hard(inode_ctx(inode)));
}

static struct nwb_smb2_write *fill_write(struct nwb_io_subrequest *sreq)
{
	struct nwb_smb2_write *w = sreq_write(sreq);
	size_t left = sreq->len - sreq->transferred, room;

	/* nothing reserved: one credit is taken when it is sent */
	room = (size_t)nwb_max(w->credits.value, 1u) * BYTES_PER_CREDIT;
	w->offset = sreq->start + sreq->transferred;
	w->iov = sreq->iov;
	w->nr_iov = sreq->nr_iov;
	w->len = (uint32_t)nwb_min(left, room);
	w->done = write_done;
	w->is_replay = is_replay(sreq);
	return w;
}

static void not_sent(struct nwb_io_subrequest *sreq, int rc)
{
	sreq->wire_status = 0;
	sreq->instance = 0;
	if (!is_permanent(nwb_rreq_inode(sreq->rreq), rc))
		nwb_sreq_need_retry(sreq);
	nwb_write_subrequest_terminated(sreq, rc);
}

/* With few credits none was reserved: those that are may all lie with writes
 * that wait for their encryption, as this one will. */
static int smb_hold_write(struct nwb_io_subrequest *sreq)
{
	int rc = nwb_smb2_write_hold(sreq_write(sreq));

	if (rc)
		nwb_sreq_need_retry(sreq);
	return rc;
}

static void smb_issue_write(struct nwb_io_subrequest *sreq)
{
	int rc = nwb_smb2_write_async(fill_write(sreq));

	if (rc) /* else @sreq may be gone by now */
		not_sent(sreq, rc);
}

static_assert(NWB_VECTORED_MAX <= NWB_SMB2_CHAIN_MAX, "a chain is too long");

/* Unrelated WRITEs in one frame, if they can go so. */
static void smb_issue_writes(struct nwb_io_subrequest *const *sreqs,
			     unsigned int nr)
{
	struct nwb_smb2_write *w[NWB_VECTORED_MAX] = {NULL};
	int rc;

	for (unsigned int i = 0; i < nr; i++)
		w[i] = fill_write(sreqs[i]);
	rc = nwb_smb2_write_chain(w, nr);
	for (unsigned int i = 0; i < nr && rc; i++)
		if (rc == -EOPNOTSUPP)
			smb_issue_write(sreqs[i]);
		else
			not_sent(sreqs[i], rc);
}

/* --- the rest ------------------------------------------------------------- */

static int smb_flush(struct nwb_inode *inode, uint32_t *ret_instance)
{
	struct nwb_smb2_file *f = inode_file(inode);
	int rc;

	/* Nothing was written through it, and FLUSH wants write access. */
	if (nwb_smb2_file_is_rdonly(f))
		return smb_ready(inode, ret_instance);
	rc = nwb_smb2_flush(f, ret_instance, NULL);
	if (!rc)
		*ret_instance = with_identity(nwb_inode_fs_priv(inode), f,
					      *ret_instance);
	return is_again(f, rc) ? -ECONNABORTED : rc;
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
static void smb_close(struct nwb_inode *inode)
{
	const struct smb_inode *p = nwb_inode_fs_priv(inode);

	nwb_smb2_file_on_break(p->file, NULL, NULL);
}

/* What is granted was granted to the first identity, whoever writes now; and
 * not yet when somebody has just opened the file again, but what was cached
 * before is still there. */
static bool smb_is_granted(struct nwb_inode *inode)
{
	const struct smb_inode *p = nwb_inode_fs_priv(inode);

	return nwb_smb2_file_is_open(
		p->file, __atomic_load_n(&p->settled, __ATOMIC_ACQUIRE));
}

static const struct nwb_netfs_ops smb_ops = {
	.name = "smb",
	.begin_writeback = smb_begin_writeback,
	.retry_request = smb_retry_request,
	.prepare_write = smb_prepare_write,
	.issue_write = smb_issue_write,
	.issue_writes = smb_issue_writes,
	.hold_write = smb_hold_write,
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

/* The other one makes the file, as @a says, and the first one reads it. */
static int open_rdonly(struct nwb_fs_ctx *ctx, struct open_args *a,
		       uint32_t *ret_instance, struct nwb_err *err)
{
	struct open_args other = *a;
	int rc;

	if (a->file)
		return -EACCES;
	other.c = ctx->other;
	rc = nwb_fs_reach(ctx, try_open, &other, ret_instance, NULL, err);
	if (other.file)
		(void)!nwb_smb2_close(other.file);
	if (rc)
		return rc;
	a->flags = NWB_O_RDONLY;
	return nwb_fs_reach(ctx, try_open, a, ret_instance, NULL, err);
}

static int smb_open(void *fs_priv, const char *name, unsigned int flags,
		    void **ret_priv, uint64_t *ret_size, struct nwb_err *err)
{
	struct nwb_fs_ctx *ctx = fs_priv;
	struct open_args a = {
		.c = ctx->smb2, .name = name, .flags = flags & ~NWB_O_ONCE};
	struct smb_inode *p = nwb_zalloc(sizeof(*p));
	uint32_t instance;
	int rc;

	if (!p)
		return nwb_err_set(err, -ENOMEM, "smb: out of memory");
	rc = nwb_fs_reach_by(ctx, flags, try_open, &a, &instance, err);
	if (rc == -EACCES && ctx->other)
		rc = open_rdonly(ctx, &a, &instance, err);
	if (rc) {
		if (a.file && nwb_smb2_close(a.file))
			(void)nwb_err_wrap(err, rc, "smb: and CLOSE failed");
		nwb_free(p);
		return rc;
	}
	p->file = a.file;
	p->instance = instance;
	p->settled = instance;
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
	if (p->other)
		(void)!nwb_smb2_close(p->other);
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
