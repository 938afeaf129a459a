/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a filesystem and other destinations see of the reference writeback:
 * requests, subrequests, streams, and the operations that send them.
 *
 *	           issuer, retryer, fsync
 *	                    │ prepare, issue, flush
 *	      ┌─────────────┼──────────────┐
 *	  stream 0      stream 1       stream 2
 *	nwb_netfs_ops  nwb_stream_ops  nwb_stream_ops
 *	 (lib/fs)      (lib/cache)       (mirror)
 *	      └─────────────┼──────────────┘
 *	                    │ nwb_write_subrequest_terminated()
 *	                    ▼ collector
 */
#ifndef NWB_NETFS_FS_H
#define NWB_NETFS_FS_H

#include "nwb/netfs.h"

#define NWB_VECTORED_MAX 4u

/* Subrequest flags (NETFS_SREQ_*). */
#define NWB_SREQ_IN_PROGRESS   0x01u
#define NWB_SREQ_NEED_RETRY    0x02u
#define NWB_SREQ_FAILED	       0x04u
#define NWB_SREQ_MADE_PROGRESS 0x08u
#define NWB_SREQ_BOUNDARY      0x10u
#define NWB_SREQ_RETRYING      0x20u /* this issue is not the first */
#define NWB_SREQ_NOWAIT	       0x40u /* prepare_write: do not block for credits */

/* Room for the filesystem's own state in each subrequest (a struct
 * nwb_smb2_write or nwb_p9_write plus a little). */
#define NWB_SREQ_PRIV_BYTES 448

/**
 * struct nwb_io_stream - one destination of a request (netfs_io_stream).
 * The filesystem may touch @sreq_max_len, @sreq_max_segs in prepare_write and
 * @avail in begin_writeback; the rest is netfs'.
 */
struct nwb_io_stream {
	/* submission side: issuer only */
	struct nwb_io_subrequest *construct;
	size_t sreq_max_len;
	unsigned int sreq_max_segs;
	size_t submit_off;
	size_t submit_len;
	/* collection side */
	struct nwb_list subrequests;
	uint64_t collected_to;
	int error;
	uint8_t stream_nr;
	bool avail;
	bool active;
	bool need_retry;
	bool failed;
};

/**
 * struct nwb_io_subrequest - one RPC (netfs_io_subrequest).
 * Bytes still to do are [start + transferred, start + len); @iov[0..nr_iov)
 * describes exactly those, by reference, unchanged until termination.
 */
struct nwb_io_subrequest {
	struct nwb_io_request *rreq;
	struct nwb_list rreq_link;
	uint64_t start;
	size_t len;
	size_t transferred;
	const struct iovec *iov;
	unsigned int nr_iov;
	int error;
	uint32_t flags; /* NWB_SREQ_*; owned by netfs' lock once issued */
	uint32_t debug_index;
	uint32_t retry_count;
	uint8_t stream_nr;
	/* of the last termination, for tap, give-up and reports */
	uint32_t wire_status;	 /* NTSTATUS or 9P errno */
	uint32_t instance;	 /* server instance that answered */
	uint64_t unreachable_ns; /* how long the server was away, if it was */
	bool is_refused; /* no status, and to try again is no use: the file
			   * cannot be opened again, or the answer is senseless
			   */
	_Alignas(16) uint8_t fs_priv[NWB_SREQ_PRIV_BYTES];
};

/**
 * struct nwb_netfs_ops - what a filesystem provides (netfs_request_ops).
 *
 * @init_request: a request is about to be made; NULL: always possible. Failure:
 *	-errno, and its upload fails with it (in Linux nobody learns: H14).
 * @begin_writeback: a handle for @inode is needed: make it ready (blocks,
 *	reconnects within patience); set *ret_wsize. Failure: -errno, and the
 *	request's upload fails with it (never silently: H4).
 * @prepare_write: may lower stream->sreq_max_len (>= 1) and sreq_max_segs, and
 *	may block (credits, reconnect). On failure: -errno; the subrequest
 *	collects its data and then fails with it. With NWB_SREQ_NOWAIT, -EAGAIN
 *	instead of waiting for credits: then it is asked again without. What
 *	was prepared is issued.
 * @issue_write: send asynchronously; ends in exactly one
 *	nwb_write_subrequest_terminated(), possibly before it returns. Must
 *	honour start + transferred.
 * @hold_write: a prepared and filled subrequest waits for its encryption: take
 *	now what issue_write would wait for. Whoever encrypts issues it, and must
 *	not wait for what others hold that wait for him. Blocks. On failure as
 *	prepare_write. NULL: there is nothing that can be held.
 * @has_no_prepare: the kernel's counterpart has no prepare_write: its flavours
 *	send each subrequest again as it is, see lib/netfs/write_retry.c
 * @retry_request: a stream is about to be retried; the filesystem may take
 *	another identity (nwb_stream_has_error() says whether it was refused) or
 *	set stream->failed: then what needed a retry fails. Blocks. May be NULL.
 * @issue_writes: the same of several to different places, in one message if
 *	that can be (opts.vectored); NULL: it cannot
 * @flush: make acknowledged writes durable (FLUSH, Tfsync). @ret_instance: the
 *	server instance that said so. -ECONNABORTED: try again later.
 * @away_ns: for how long the server has been away; 0: it is not. May be NULL.
 * @ready: connect and reopen as needed within patience; @ret_instance: the
 *	instance now reached. Blocks.
 * @set_size, @get_size, @read: synchronous; read returns bytes, 0 at EOF.
 * @close: the last file of the inode was closed, and nothing is cached of it any
 *	more. May be NULL.
 * @is_granted: is what nwb_inode_set_caching() said still ours? Not while the
 *	connection is lost through which it was granted: nobody would tell of a
 *	break. NULL: always. Does not block on I/O.
 */
struct nwb_netfs_ops {
	const char *name; /* "smb", "9p" */
	bool has_no_prepare;
	int (*init_request)(struct nwb_io_request *rreq);
	int (*retry_request)(struct nwb_io_request *rreq,
			     struct nwb_io_stream *stream);
	int (*begin_writeback)(struct nwb_io_request *rreq,
			       uint32_t *ret_wsize);
	int (*prepare_write)(struct nwb_io_subrequest *sreq);
	void (*issue_write)(struct nwb_io_subrequest *sreq);
	void (*issue_writes)(struct nwb_io_subrequest *const *sreqs,
			     unsigned int nr);
	int (*hold_write)(struct nwb_io_subrequest *sreq);
	int (*flush)(struct nwb_inode *inode, uint32_t *ret_instance);
	uint64_t (*away_ns)(struct nwb_inode *inode);
	int (*ready)(struct nwb_inode *inode, uint32_t *ret_instance);
	int (*set_size)(struct nwb_inode *inode, uint64_t size);
	int (*get_size)(struct nwb_inode *inode, uint64_t *ret_size);
	ssize_t (*read)(struct nwb_inode *inode, uint64_t pos, void *buf,
			size_t len);
	void (*close)(struct nwb_inode *inode);
	bool (*is_granted)(struct nwb_inode *inode);
};

/**
 * nwb_write_subrequest_terminated() - one issue has ended
 * (netfs_write_subrequest_terminated).
 * @sreq: do not touch it afterwards, it may be reissued at once
 * @transferred_or_error: bytes of *this* issue (a short count is retried), or
 *	negative errno: permanent unless NWB_SREQ_NEED_RETRY was set in
 *	@sreq->flags before, by nwb_sreq_need_retry()
 * Context: any task; takes netfs locks; does not block on I/O.
 */
void nwb_write_subrequest_terminated(struct nwb_io_subrequest *sreq,
				     int64_t transferred_or_error);
/** nwb_sreq_need_retry() - the coming error is retryable (not yet terminated).
 */
static inline void nwb_sreq_need_retry(struct nwb_io_subrequest *sreq)
{
	sreq->flags |= NWB_SREQ_NEED_RETRY;
}
/** nwb_rreq_inode() - the file that is written; lives as long as @rreq. */
struct nwb_inode *nwb_rreq_inode(const struct nwb_io_request *rreq);
/** nwb_rreq_stream() - @nr: 0: the upload, 1: the local cache, 2: the mirror,
 * also if it takes no part; what of it may be touched, struct nwb_io_stream
 * says. */
struct nwb_io_stream *nwb_rreq_stream(struct nwb_io_request *rreq,
				      unsigned int nr);
/** nwb_rreq_is_direct() - of a direct write, whose writer is told of a failure,
 * and nobody else? */
bool nwb_rreq_is_direct(const struct nwb_io_request *rreq);
/** nwb_stream_has_error() - is there a subrequest that needs a retry because of
 * @error? For ->retry_request(). */
bool nwb_stream_has_error(struct nwb_io_request *rreq,
			  struct nwb_io_stream *stream, int error);
/** nwb_rreq_set_unreachable() - begin_writeback fails because the server has
 * been away for @ns: what gaveup will be told of each subrequest. Unset, the
 * time spent in begin_writeback is told. */
void nwb_rreq_set_unreachable(struct nwb_io_request *rreq, uint64_t ns);
/** nwb_inode_fs_priv() - the filesystem's handle, given to nwb_inode_new(). */
void *nwb_inode_fs_priv(const struct nwb_inode *inode);
/** nwb_inode_netfs() - the mount's writeback; outlives @inode. Context: any. */
struct nwb_netfs *nwb_inode_netfs(const struct nwb_inode *inode);
/** nwb_netfs_get_opts() - as they are in force, defaults filled in; they do not
 * change. Context: any. */
const struct nwb_netfs_opts *nwb_netfs_get_opts(const struct nwb_netfs *nf);
/** nwb_netfs_hazard() - is @h on? */
bool nwb_netfs_hazard(const struct nwb_netfs *nf, enum nwb_hazard h);
/** nwb_netfs_hazard_fired() - @h, which is on, has just done what it does. */
void nwb_netfs_hazard_fired(struct nwb_netfs *nf, enum nwb_hazard h);
/** nwb_netfs_fs_priv() - the filesystem's own, given to nwb_netfs_new(). */
void *nwb_netfs_fs_priv(const struct nwb_netfs *nf);

/* --- destinations besides the server ---------------------------------------
 */

/**
 * struct nwb_stream_ops - a destination besides the server: the local cache
 * (stream 1) or a mirror (stream 2). What goes wrong here never stops, delays
 * beyond its end, or fails the upload.
 *
 * @begin: a request begins: does the stream take part? Does not block on I/O.
 * @prepare_write, @issue_write: as in struct nwb_netfs_ops.
 *	A failure without NWB_SREQ_NEED_RETRY is final.
 * @forget: [pos, pos + len) was written, and not to this stream. May be NULL.
 * @invalidate: a request failed in this stream, or (the cache) in the upload, or
 *	the file was changed past it: nothing that it has of @inode may be used
 *	again. Does not block on I/O. May be NULL.
 * @flush: with fsync, after the server's; its outcome is only counted. May be
 *	NULL.
 * @read: what the stream has at @pos, at most @len bytes: how many, or 0: it
 *	has not. NULL: never.
 */
struct nwb_stream_ops {
	const char *name;
	bool (*begin)(struct nwb_io_request *rreq, unsigned int stream_nr);
	int (*prepare_write)(struct nwb_io_subrequest *sreq);
	void (*issue_write)(struct nwb_io_subrequest *sreq);
	void (*forget)(struct nwb_inode *inode, uint64_t pos, uint64_t len);
	void (*invalidate)(struct nwb_inode *inode);
	int (*flush)(struct nwb_inode *inode);
	ssize_t (*read)(struct nwb_inode *inode, uint64_t pos, void *buf,
			size_t len);
};

/**
 * nwb_netfs_attach() - let a stream take part in all writeback of the mount.
 * @stream_nr: 1 or 2
 * @ops: borrowed
 * Context: before an inode takes part (nwb_inode_set_side()).
 */
void nwb_netfs_attach(struct nwb_netfs *nf, unsigned int stream_nr,
		      const struct nwb_stream_ops *ops);
/** nwb_inode_set_side() - the stream's own of @inode; right after
 * nwb_inode_new(). NULL, as at first: the stream leaves the file alone. */
void nwb_inode_set_side(struct nwb_inode *inode, unsigned int stream_nr,
			void *side);
/** nwb_inode_side() - what nwb_inode_set_side() set last for @stream_nr (1 or
 * 2); NULL: nothing. */
void *nwb_inode_side(const struct nwb_inode *inode, unsigned int stream_nr);
/**
 * nwb_inode_decrypt() - what a stream keeps of @inode, as the application knows
 * it: content crypto undone in place. Without content crypto nothing is done.
 * @pos, @len: whole data units (opts.crypto_unit, a divisor of 4096)
 */
void nwb_inode_decrypt(const struct nwb_inode *inode, uint64_t pos, void *buf,
		       size_t len);
/** nwb_inode_is_cached() - does the local cache take part in @inode? Not any
 * more once something was lost, until the inode goes. Context: any. */
bool nwb_inode_is_cached(const struct nwb_inode *inode);

#endif
