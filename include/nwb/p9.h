/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A 9P2000.L client: one attach, one connection that may be lost and made
 * again, many tags outstanding.
 *
 * 9P has no notion of reconnecting, no session and no fence: a write of the
 * lost connection may still be running in the server (diod lets it). So after
 * a loss nwb_p9_file_ready() connects, attaches and walks again, but only after
 * @settle_ns have passed since the loss: the policy "fenced by settling".
 *
 * Completion, threads and the outcome of a lost connection are as in
 * nwb/smb2.h. Nothing is retried here.
 */
#ifndef NWB_P9_H
#define NWB_P9_H

#include "nwb/exec.h"
#include "nwb/list.h"
#include "nwb/p9_pdu.h"

struct nwb_p9;
struct nwb_p9_file;

/**
 * struct nwb_p9_opts - copied by nwb_p9_new(), the dialer borrowed.
 * @dialer: makes the connection
 * @aname: export path; @uname: user name; @uid: n_uname
 * @msize: asked for; 0 = 64 KiB (what diod gives at most)
 * @max_tags: most requests outstanding; 0 = 16
 * @timeout_ns: a request unanswered for that long is cancelled by Tflush; when
 *	Rflush does not come within the same time again, the connection is lost.
 *	0 = 30 s
 * @settle_ns: see above
 */
struct nwb_p9_opts {
	struct nwb_dialer *dialer;
	const char *aname;
	const char *uname;
	uint32_t uid;
	uint32_t msize;
	uint32_t max_tags;
	uint64_t timeout_ns;
	uint64_t settle_ns;
};

struct nwb_p9_stats {
	uint32_t msize;
	uint32_t max_write; /* payload of one Twrite that msize allows */
	uint64_t nr_requests;
	uint64_t nr_writes;
	uint64_t bytes_written;
	uint64_t nr_connects;
	uint64_t tag_waits;
	uint64_t nr_flushes; /* Tflush sent */
	uint32_t tags_max;   /* most outstanding at once */
	uint64_t nr_late;    /* replies that came when nobody waited any more */
};

/** nwb_p9_new() - a client, not connected yet. Starts a task that watches over
 * the time limits. Return: 0; -EINVAL: @opts; -ENOMEM; or no task. */
int nwb_p9_new(struct nwb_exec *ex, const struct nwb_p9_opts *opts,
	       struct nwb_p9 **ret_c, struct nwb_err *err) nwb_must_check;
/** nwb_p9_free() - drop the connection and free. All files were closed, nobody
 * connects, and no request is outstanding. NULL is fine. Blocks until its tasks
 * have ended. */
void nwb_p9_free(struct nwb_p9 *c);
/** nwb_p9_connect() - Tversion, Tattach, unless connected; waits out the
 * settling time first. Concurrent callers join. One attempt. */
int nwb_p9_connect(struct nwb_p9 *c, struct nwb_err *err) nwb_must_check;
/** nwb_p9_disconnect() - drop the connection as if it had been reset. */
void nwb_p9_disconnect(struct nwb_p9 *c);
/** nwb_p9_epoch() - number of the present connection, 0 when there is none. */
uint32_t nwb_p9_epoch(struct nwb_p9 *c);
/** nwb_p9_get_stats() - counts since nwb_p9_new(), over all connections, all of
 * one moment. */
void nwb_p9_get_stats(struct nwb_p9 *c, struct nwb_p9_stats *ret_stats);
/** nwb_p9_last_loss() - why the last connection ended: reset, time limit, or
 * what the server sent that made no sense. Code 0 when none ended yet. */
void nwb_p9_last_loss(struct nwb_p9 *c, struct nwb_err *ret_loss);

/* nwb_p9_open() - @flags: NWB_O_* of nwb/smb2.h (same values). With NWB_O_EXCL,
 * -EIO is what a Tlcreate of unknown outcome gives: the file may be there. */
int nwb_p9_open(struct nwb_p9 *c, const char *name, unsigned int flags,
		struct nwb_p9_file **ret_file,
		struct nwb_err *err) nwb_must_check;
/** nwb_p9_close() - Tclunk if open on this epoch, free @f. */
int nwb_p9_close(struct nwb_p9_file *f);
/** nwb_p9_file_ready() - connect and walk + lopen again as needed. */
int nwb_p9_file_ready(struct nwb_p9_file *f, uint32_t *ret_epoch,
		      struct nwb_err *err) nwb_must_check;

/** nwb_p9_max_write() - largest payload of one Twrite to @f: what msize and the
 * iounit of its last open allow. Another connection may bring another one. */
uint32_t nwb_p9_max_write(struct nwb_p9_file *f);

/*
 * One Twrite; members as in struct nwb_smb2_write. @ecode is Rlerror's, 0 when
 * the server gave no error.
 *
 * @result: bytes taken, 1..@len. Or, with @ecode 0: -ECONNABORTED, the
 * connection was lost, -ETIMEDOUT and -ECANCELED, flushed: outcome unknown, but
 * what was flushed has no effect later. -EIO: the server took no
 * byte, -EPROTO: more than it was given.
 *
 * @done runs on the receiver task, on one that loses the connection, or on the
 * sender itself when the answer came before nwb_p9_write_async() was through.
 */
struct nwb_p9_write {
	struct nwb_p9_file *file;
	uint64_t offset;
	const struct iovec *iov;
	unsigned int nr_iov;
	uint32_t len; /* <= nwb_p9_max_write() */
	void (*done)(struct nwb_p9_write *w);
	int64_t result;
	uint32_t ecode;
	uint32_t epoch;
	/* private to lib/p9 */
	struct nwb_list link;
	uint64_t priv[16];
};

/** nwb_p9_write_async() - Return: 0; -EAGAIN: the fid is of an older epoch;
 * -ECONNABORTED: no connection; -EMSGSIZE: @len is above
 * nwb_p9_max_write(), which a reconnect may have lowered. Nothing was sent in
 * any of these cases. Context: blocks for a free tag and while the socket is
 * full. */
int nwb_p9_write_async(struct nwb_p9_write *w) nwb_must_check;

/**
 * nwb_p9_cancel() - have all that is outstanding on @f flushed, as a signal to
 * the one who waits would: writes, and synchronous requests of other tasks.
 * Each is still completed once: with its reply if that is faster than Rflush
 * (diod: when the request runs already; nfs-ganesha: always), else with
 * -ECANCELED. Callers who still wait for a tag are not outstanding.
 * Return: how many. Context: does not wait for them.
 */
unsigned int nwb_p9_cancel(struct nwb_p9_file *f);

/*
 * Synchronous requests. -ECONNABORTED: lost, or no connection; -EAGAIN: the fid
 * is of an older epoch; -ETIMEDOUT: flushed after the time limit, -ECANCELED:
 * by nwb_p9_cancel(); other errors are the server's (-EREMOTEIO when it said
 * one of these four). Not to be called from @done.
 */
/** nwb_p9_fsync() - Tfsync. @ret_epoch: connection that answered. */
int nwb_p9_fsync(struct nwb_p9_file *f, uint32_t *ret_epoch) nwb_must_check;
/** nwb_p9_set_size() - Tsetattr with the size alone, in bytes. */
int nwb_p9_set_size(struct nwb_p9_file *f, uint64_t size) nwb_must_check;
/** nwb_p9_get_size() - Tgetattr. -EPROTO, too: the answer has no size. */
int nwb_p9_get_size(struct nwb_p9_file *f, uint64_t *ret_size) nwb_must_check;
/** nwb_p9_read() - Treads until @len bytes are there or the file ends. Return:
 * how many, 0: at or behind the end; -errno also when some had been read. */
ssize_t nwb_p9_read(struct nwb_p9_file *f, uint64_t offset, void *buf,
		    size_t len) nwb_must_check;

/* --- names -----------------------------------------------------------------
 * Paths are relative to the root, which is "". Each is one attempt: connect if
 * needed, walk, one request. -ECONNABORTED and what nwb_p9_connect() fails
 * with: not known whether it was done. Other errors are the server's;
 * -EREMOTEIO: as above. */
/** nwb_p9_path_getattr() - Tgetattr of what @path is; a symbolic link is not
 * followed. */
int nwb_p9_path_getattr(struct nwb_p9 *c, const char *path,
			struct nwb_p9_attr *ret_attr) nwb_must_check;
/** nwb_p9_path_setattr() - Tsetattr: what @attr->valid (NWB_P9_SETATTR_*)
 * says. */
int nwb_p9_path_setattr(struct nwb_p9 *c, const char *path,
			const struct nwb_p9_iattr *attr) nwb_must_check;
/** nwb_p9_path_create() - a file that is not there; it does not stay open. */
int nwb_p9_path_create(struct nwb_p9 *c, const char *path,
		       uint32_t mode) nwb_must_check;
/** nwb_p9_path_mkdir() - Tmkdir. @mode: permissions; the gid is the client's
 * @uid. */
int nwb_p9_path_mkdir(struct nwb_p9 *c, const char *path,
		      uint32_t mode) nwb_must_check;
/** nwb_p9_path_symlink() - Tsymlink: @path becomes a link to @target, which is
 * not looked at. */
int nwb_p9_path_symlink(struct nwb_p9 *c, const char *path,
			const char *target) nwb_must_check;
/** nwb_p9_path_link() - @path becomes one more name of @existing. */
int nwb_p9_path_link(struct nwb_p9 *c, const char *existing,
		     const char *path) nwb_must_check;
/** nwb_p9_path_unlink() - Tunlinkat; Tremove where the server does not know it,
 * from then on at once. Tremove does not ask what it is: @is_dir is held to
 * nothing there. */
int nwb_p9_path_unlink(struct nwb_p9 *c, const char *path,
		       bool is_dir) nwb_must_check;
/** nwb_p9_path_rename() - replaces what @to is. */
int nwb_p9_path_rename(struct nwb_p9 *c, const char *from,
		       const char *to) nwb_must_check;
/** nwb_p9_path_readlink() - to a terminated string. Return: its length;
 * -EPROTO also when it does not fit in @size. */
ssize_t nwb_p9_path_readlink(struct nwb_p9 *c, const char *path, char *buf,
			     size_t size) nwb_must_check;
/** nwb_p9_entry_fn - one entry, "." and ".." included; not 0 ends it. */
typedef int (*nwb_p9_entry_fn)(void *arg, const struct nwb_p9_dirent *d);
/** nwb_p9_path_readdir() - all of a directory. When it fails, some entries may
 * have been given already. */
int nwb_p9_path_readdir(struct nwb_p9 *c, const char *path, nwb_p9_entry_fn fn,
			void *arg) nwb_must_check;
/** nwb_p9_statfs() - Tstatfs of the root. */
int nwb_p9_statfs(struct nwb_p9 *c,
		  struct nwb_p9_statfs *ret_st) nwb_must_check;
/** nwb_p9_path_getxattr() - @name "": the list of names, each with its NUL.
 * @size 0: only its length. Return: length; -ERANGE: longer than @size. */
ssize_t nwb_p9_path_getxattr(struct nwb_p9 *c, const char *path,
			     const char *name, void *buf,
			     size_t size) nwb_must_check;
/** nwb_p9_path_setxattr() - @flags as setxattr(2). -EOPNOTSUPP: @len is 0. */
int nwb_p9_path_setxattr(struct nwb_p9 *c, const char *path, const char *name,
			 const void *value, size_t len,
			 uint32_t flags) nwb_must_check;
/** nwb_p9_path_removexattr() - Txattrcreate of size 0 with XATTR_REPLACE, and
 * Tclunk, which is what removes it in 9P2000.L. */
int nwb_p9_path_removexattr(struct nwb_p9 *c, const char *path,
			    const char *name) nwb_must_check;

/**
 * nwb_p9_file_rename() - the file has another name now: @name, where it is
 * opened again after a loss, and with the next nwb_p9_file_ready(). The fid is
 * given up when no request names it any more, nor is about to (diod 1.0.24 finds
 * the file of a fid by the name that was walked to; of a fid that was clunked
 * meanwhile it says EIO, or EBADF).
 * Return: 0 or -ENOMEM. Context: waits for requests under way.
 */
int nwb_p9_file_rename(struct nwb_p9_file *f, const char *name) nwb_must_check;

#endif
