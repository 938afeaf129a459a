/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A mounted reference client: netfs over one protocol client.
 *
 * nwb_mount_smb() and nwb_mount_9p() put the pieces together; afterwards a
 * caller opens files and uses nwb_file_*() of nwb/netfs.h on them: by name with
 * nwb_mount_open(), which is all that a workload needs, or as a whole file
 * system with nwb/node.h. One file not by both at once.
 */
#ifndef NWB_FS_H
#define NWB_FS_H

#include "nwb/netfs.h"
#include "nwb/node.h"
#include "nwb/p9.h"
#include "nwb/smb2.h"

struct nwb_mount;

/** nwb_mount_smb() - connect and mount; options are copied, the dialer, auth
 * and @tap borrowed. Signing and encryption imply stable_writes. The cache
 * modes strict and loose ask for a lease or an oplock with each open. */
int nwb_mount_smb(struct nwb_exec *ex, const struct nwb_smb2_opts *smb,
		  const struct nwb_netfs_opts *opts, struct nwb_netfs_tap *tap,
		  struct nwb_mount **ret_mnt,
		  struct nwb_err *err) nwb_must_check;
/**
 * nwb_mount_add_identity() - a second user of the same share, for when the
 * first is refused (EACCES) as it writes: the retryer then goes on with the
 * other's session and handle (what AFS does with further keys). Once for each
 * file; nothing goes back. Before any file is opened.
 * @smb: copied; its dialer, auth and names borrowed
 * Return: 0; -EOPNOTSUPP: not SMB; -EBUSY: there is one.
 */
int nwb_mount_add_identity(struct nwb_mount *mnt,
			   const struct nwb_smb2_opts *smb,
			   struct nwb_err *err) nwb_must_check;
/** nwb_mount_9p() - likewise; a server that is away is waited for within
 * patience, one that refuses is not. */
int nwb_mount_9p(struct nwb_exec *ex, const struct nwb_p9_opts *p9,
		 const struct nwb_netfs_opts *opts, struct nwb_netfs_tap *tap,
		 struct nwb_mount **ret_mnt,
		 struct nwb_err *err) nwb_must_check;
/* of nwb_mount_open() only */
#define NWB_O_ONCE 0x100u
/** nwb_mount_free() - all files were closed. */
void nwb_mount_free(struct nwb_mount *mnt);
/**
 * nwb_mount_open() - open @name; files of one name share an inode.
 * @flags: NWB_O_*, and NWB_O_ONCE: do not wait for a server that is away
 * @id: the file's number in the ledger
 */
int nwb_mount_open(struct nwb_mount *mnt, const char *name, unsigned int flags,
		   uint32_t id, struct nwb_file **ret_file,
		   struct nwb_err *err) nwb_must_check;
/** nwb_mount_close() - nwb_file_close() by the protocol's custom (SMB flushes,
 * 9P does not), and drop the inode with its last file, after all was made
 * durable. Return: 0, or an error not yet told, also on 9P if it is the last:
 * nobody could be told later. */
int nwb_mount_close(struct nwb_mount *mnt, struct nwb_file *f);
struct nwb_cache;
/**
 * nwb_mount_use_cache() - files opened by nwb_mount_open() from now on have an
 * object in @cache: what is written goes there, too, and what is read from the
 * server; what the page cache has forgotten is read from there.
 * @cache: borrowed until the mount is free
 */
void nwb_mount_use_cache(struct nwb_mount *mnt, struct nwb_cache *cache);
/**
 * nwb_mount_use_mirror() - what is written to files opened from now on is
 * written to the file of the same name on @mirror as well. Its failure is none
 * of the file's; it is then left behind, for good. Direct writes and truncations
 * do not go there and leave it behind at once. A mirror that does not answer
 * within 3 s when a file is opened is done without: see lib/fs/mirror.c. Who
 * makes a file durable, or is the last to close it, waits for the mirror as long
 * as that is patient; nobody else does, but who opens the same name.
 * @mirror: borrowed until @mnt is free, for which nwb_mount_free() waits until
 *	an open that is under way there has ended
 * Return: 0, or negative errno: no task.
 */
int nwb_mount_use_mirror(struct nwb_mount *mnt,
			 struct nwb_mount *mirror) nwb_must_check;
/** nwb_mount_mirror_is_behind() - has the mirror missed something of @f? Not
 * while something of @f is on its way. */
bool nwb_mount_mirror_is_behind(const struct nwb_file *f);
/* Opens of a mount with a mirror. */
struct nwb_mirror_stats {
	uint64_t opened;      /* its file takes part */
	uint64_t not_reached; /* tried once, in vain or for too long */
	uint64_t skipped;     /* not tried: it was away a moment before, or may
			       * be: an earlier open has not ended */
	uint64_t behind;      /* not tried: that file was left behind */
};
/** nwb_mount_mirror_stats() - all zero: there is none. */
void nwb_mount_mirror_stats(const struct nwb_mount *mnt,
			    struct nwb_mirror_stats *ret);
/**
 * nwb_mount_check_cache() - read all that the local cache has of @f, and hold it
 * to what the server has. @f is written first; its page cache is forgotten.
 * @ret_bytes: compared; @ret_wrong: of these, different; @ret_at: the first of
 *	them
 * Return: 0, or negative errno: it could not be read. Context: blocks; nobody
 * else uses @f.
 */
int nwb_mount_check_cache(struct nwb_file *f, uint64_t *ret_bytes,
			  uint64_t *ret_wrong, uint64_t *ret_at) nwb_must_check;
/** nwb_mount_netfs() - the writeback of the mount, borrowed; never NULL. */
struct nwb_netfs *nwb_mount_netfs(struct nwb_mount *mnt);
/** nwb_mount_smb2() - the client below, borrowed; NULL: the mount is 9P. */
struct nwb_smb2 *nwb_mount_smb2(struct nwb_mount *mnt);
/** nwb_mount_p9() - the client below, borrowed; NULL: the mount is SMB. */
struct nwb_p9 *nwb_mount_p9(struct nwb_mount *mnt);

/* For the two adapters and the mount code: the rest of a mount's operations. */
struct nwb_fs_type {
	const char *name;
	bool flush_on_close;
	const struct nwb_netfs_ops *ops;
	const struct nwb_ns_ops *names; /* lib/fs/ns.h */
	/* @ret_priv becomes the inode's fs_priv */
	int (*open)(void *fs_priv, const char *name, unsigned int flags,
		    void **ret_priv, uint64_t *ret_size, struct nwb_err *err);
	/* the inode of what was opened exists; may be NULL */
	void (*bind)(void *inode_priv, struct nwb_inode *inode);
	void (*release)(void *inode_priv);
};
extern const struct nwb_fs_type nwb_fs_smb; /* lib/fs/smb.c */
extern const struct nwb_fs_type nwb_fs_9p;  /* lib/fs/9p.c */

/* fs_priv of a mount (nwb_netfs_fs_priv()). */
struct nwb_fs_ctx {
	struct nwb_exec *ex;
	const struct nwb_fs_type *type;
	struct nwb_smb2 *smb2;
	struct nwb_smb2 *other; /* second identity, or NULL */
	struct nwb_p9 *p9;
	uint64_t patience_ns;
	/* private: writes that are waited for (lib/fs/9p_linux.c) */
	struct nwb_mutex wait_lock;
	struct nwb_waitq wait_q;
	/* private, atomic: since when the server has been away, 0 = it is not,
	 * and when that was last seen (lib/fs/reach.c) */
	uint64_t away_since_ns;
	uint64_t away_seen_ns;
	/* private, atomic: names of open files that change just now, and how
	 * many have (lib/fs/ns_names.c) */
	uint32_t nr_renaming;
	uint32_t name_seq;
};

#endif
