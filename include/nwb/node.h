/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A mount as a tree of files: everything that a file system does, for FUSE and
 * whoever else needs names.
 *
 *	nwb_mount ── nodes, one a file, found by its inode number
 *	               │  names: (parent node, name), ...
 *	               └─ while open: one nwb_inode, many nwb_file
 *
 * Node-based, as FUSE's low-level interface is: nwb_ns_lookup() and whatever
 * else gives a node counts one reference, nwb_ns_forget() takes them back. A
 * node is one file, whatever its names: two links of a file are one node, so
 * that there is one page cache of it. Where a node is in the tree is known to
 * it and follows renames, also of the directories above it; a handle that must
 * be opened again after a lost connection is looked for there.
 *
 * All opens of a file share one nwb_inode and its dirty folios. The last
 * nwb_ns_close() writes, flushes and lets go of it, so nothing dirty outlives
 * it, and closed files cost no handle on the server and no page.
 *
 * Removed while open. Neither protocol keeps a file without a name over a lost
 * connection (SMB: delete-on-close ends with the handle, and until then nobody
 * else may have the name; 9P: a fid ends with its connection). So it is done
 * as NFS does (fs/nfs/unlink.c, nfs_sillyrename): the file is renamed to
 * NWB_NS_GONE and a number in the root of the export, which lookup and readdir
 * do not show, and is removed with its last close. The same is done with an
 * open file that a rename replaces, so that for a moment the new name is
 * absent on the server (never to callers of this header). What a killed client
 * leaves of these names stays on the server.
 *
 * Lost connections. Every operation is done again after one, within the
 * mount's patience. What cannot be done twice is not guessed: what it would
 * find there was looked at before it was sent first, the mount has the export
 * to itself, and only one such operation is under way at a time; so
 *
 *	create, mkdir,	  was absent before; is there now: it was ours, done.
 *	symlink, link	  (Of the right kind, that target; else -EIO.)
 *	unlink, rmdir	  was there before; is not now: done
 *	rename		  source gone, destination is what the source was:
 *			  done; source still there: again; else -EIO
 *	xattr create	  the name is there with that value now: done
 *	xattr remove	  the name is not there now: done
 *	all others	  may be done twice
 *
 * On 9P an operation of a lost connection may still be executed later; it is
 * fenced as writes are, by settling (nwb/p9.h).
 *
 * What a protocol cannot carry is refused with -EOPNOTSUPP and a text, or kept
 * by the client for as long as the mount lives:
 *
 *			9P	SMB
 *	mode, owner	yes	kept here (as cifs' "dynperm" does)
 *	times		yes	yes, of 100 ns
 *	symlinks	yes	no
 *	links		yes	yes
 *	xattrs		yes	no
 *	device nodes	no	no
 *	any file name	yes	none with \ : * ? " < > |, nor ending in "."
 *				or " ": -EINVAL
 *
 * Errors are those of the system calls: -ENOENT, -EEXIST, -ENOTEMPTY, -EISDIR,
 * -ENOTDIR, -ENAMETOOLONG, ... and -EHOSTDOWN when patience has ended.
 *
 * Threads: everything may be called from any task of the mount's executor. It
 * all blocks. Operations that change names wait for each other. @err may be
 * NULL everywhere.
 */
#ifndef NWB_NODE_H
#define NWB_NODE_H

#include "nwb/exec.h"

struct nwb_mount;
struct nwb_file;
struct nwb_node;
struct nwb_dir;

#define NWB_NAME_BYTES_MAX 255u	 /* one name */
#define NWB_PATH_BYTES_MAX 4095u /* of a node, from the root */
/* First part of the names of what is gone and still open. */
#define NWB_NS_GONE ".nwb-gone-"

struct nwb_time {
	int64_t sec;
	uint32_t nsec;
};

/**
 * struct nwb_attr - what stat(2) tells.
 * @ino: number of the file on the server; the root's is whatever it is there
 * @mode: type (S_IFMT) and permissions
 * @size: netfs' own while the file is open
 * @blocks: of 512 bytes
 */
struct nwb_attr {
	uint64_t ino;
	uint32_t mode;
	uint32_t nlink;
	uint32_t uid, gid;
	uint64_t size;
	uint64_t blocks;
	uint32_t blksize;
	struct nwb_time atime, mtime, ctime;
};

/* What nwb_ns_setattr() shall set. */
#define NWB_SET_MODE  0x01u
#define NWB_SET_UID   0x02u
#define NWB_SET_GID   0x04u
#define NWB_SET_SIZE  0x08u
#define NWB_SET_ATIME 0x10u
#define NWB_SET_MTIME 0x20u
/* By the server's clock. SMB has no such request and takes the time that is
 * given, so that the caller gives the present one. */
#define NWB_SET_ATIME_NOW 0x40u
#define NWB_SET_MTIME_NOW 0x80u

/* What statvfs(2) tells; @bfree and others in units of @bsize. */
struct nwb_statfs {
	uint32_t bsize;
	uint64_t blocks, bfree, bavail;
	uint64_t files, ffree;
	uint32_t namelen;
};

/**
 * struct nwb_dirent - one entry; @name is the directory's, until it is read on
 * or closed.
 * @type: DT_* of dirent.h
 * @next: offset of what follows
 */
struct nwb_dirent {
	uint64_t ino;
	uint64_t next;
	uint32_t type;
	const char *name;
};

#define NWB_RENAME_NOREPLACE 1u /* as RENAME_NOREPLACE of renameat2(2) */

#define NWB_XATTR_CREATE  1u /* as setxattr(2) */
#define NWB_XATTR_REPLACE 2u
#define NWB_XATTR_MAX	  65536u /* bytes of one value, and of a list */

/** nwb_ns_root() - the root's node; needs no reference, lives as the mount. */
struct nwb_node *nwb_ns_root(struct nwb_mount *mnt);
/**
 * nwb_ns_lookup() - a name in a directory.
 * @name: one component; "." and ".." are understood
 * @ret_node: with one more reference
 * Return: 0; -ENOENT, -ENOTDIR, ...
 */
int nwb_ns_lookup(struct nwb_mount *mnt, struct nwb_node *dir, const char *name,
		  struct nwb_node **ret_node, struct nwb_attr *ret_attr,
		  struct nwb_err *err) nwb_must_check;
/** nwb_ns_forget() - take back @nr references. A node without any, closed,
 * may be gone when this returns. */
void nwb_ns_forget(struct nwb_mount *mnt, struct nwb_node *node, uint64_t nr);
/** nwb_ns_getattr() - as the server has it, but for size, blocks and times that
 * what is written and not sent yet has changed. Return: 0; -ESTALE: its name is
 * another file's now; other -errno. Blocks. */
int nwb_ns_getattr(struct nwb_mount *mnt, struct nwb_node *node,
		   struct nwb_attr *ret_attr,
		   struct nwb_err *err) nwb_must_check;
/**
 * nwb_ns_setattr() - change what @valid says.
 * @valid: NWB_SET_*; a size is set through netfs (what is dirty and below it is
 *	kept, what lies beyond is not), times after what is dirty was written
 */
int nwb_ns_setattr(struct nwb_mount *mnt, struct nwb_node *node, uint32_t valid,
		   const struct nwb_attr *attr, struct nwb_attr *ret_attr,
		   struct nwb_err *err) nwb_must_check;

/**
 * nwb_ns_create() - make a file that is not there (O_CREAT | O_EXCL), and open
 * it. A caller without O_EXCL looks up and opens instead after -EEXIST.
 * @mode: permissions, the umask taken off
 */
int nwb_ns_create(struct nwb_mount *mnt, struct nwb_node *dir, const char *name,
		  uint32_t mode, struct nwb_node **ret_node,
		  struct nwb_attr *ret_attr, struct nwb_file **ret_file,
		  struct nwb_err *err) nwb_must_check;
/**
 * nwb_ns_open() - open a file; then nwb_file_*() of nwb/netfs.h.
 * @is_trunc: O_TRUNC: to size 0, through netfs
 * Opened for reading and writing where the server allows it, else only for
 * reading: then writing back fails, and fsync tells.
 */
int nwb_ns_open(struct nwb_mount *mnt, struct nwb_node *node, bool is_trunc,
		struct nwb_file **ret_file, struct nwb_err *err) nwb_must_check;
/**
 * nwb_ns_flush() - what close(2) does: write and wait where that is the
 * protocol's custom (SMB), nothing on 9P.
 * Return: 0, or an error not yet told to @file, which stays to be told.
 */
int nwb_ns_flush(struct nwb_mount *mnt, struct nwb_node *node,
		 struct nwb_file *file) nwb_must_check;
/** nwb_ns_close() - the end of an open; the node's last one makes durable what
 * it wrote. Return: as nwb_ns_flush(). */
int nwb_ns_close(struct nwb_mount *mnt, struct nwb_node *node,
		 struct nwb_file *file);
/** nwb_ns_size() - size of an open file now, without asking anybody: where
 * O_APPEND writes. */
uint64_t nwb_ns_size(struct nwb_mount *mnt, struct nwb_node *node);

/** nwb_ns_mkdir() - @mode: permissions, the umask taken off; where the server
 * keeps other ones they are kept here. @ret_node: with one reference.
 * Return: 0; -EEXIST, ... Blocks. */
int nwb_ns_mkdir(struct nwb_mount *mnt, struct nwb_node *dir, const char *name,
		 uint32_t mode, struct nwb_node **ret_node,
		 struct nwb_attr *ret_attr, struct nwb_err *err) nwb_must_check;
/** nwb_ns_rmdir() - remove an empty directory. Its node lives until it is
 * forgotten. Return: 0; -ENOTDIR, -ENOTEMPTY (also of ".."), -EINVAL (of "."),
 * ... Blocks. */
int nwb_ns_rmdir(struct nwb_mount *mnt, struct nwb_node *dir, const char *name,
		 struct nwb_err *err) nwb_must_check;
/** nwb_ns_unlink() - remove a name of what is no directory (-EISDIR). What is
 * open can be read and written until it is closed. Return: 0; -ENOENT, ...
 * Blocks. */
int nwb_ns_unlink(struct nwb_mount *mnt, struct nwb_node *dir, const char *name,
		  struct nwb_err *err) nwb_must_check;
/** nwb_ns_rename() - @flags: 0 or NWB_RENAME_NOREPLACE; others -EINVAL. */
int nwb_ns_rename(struct nwb_mount *mnt, struct nwb_node *dir, const char *name,
		  struct nwb_node *to_dir, const char *to_name,
		  unsigned int flags, struct nwb_err *err) nwb_must_check;
/** nwb_ns_symlink() - @target: 1 to NWB_PATH_BYTES_MAX bytes, not looked at
 * otherwise. @ret_node: with one reference. Return: 0; -EOPNOTSUPP: there are
 * none on this protocol; -EEXIST, ... Blocks. */
int nwb_ns_symlink(struct nwb_mount *mnt, struct nwb_node *dir,
		   const char *name, const char *target,
		   struct nwb_node **ret_node, struct nwb_attr *ret_attr,
		   struct nwb_err *err) nwb_must_check;
/** nwb_ns_readlink() - @buf becomes a terminated string; @size >= 2.
 * Return: its length, or -errno. */
ssize_t nwb_ns_readlink(struct nwb_mount *mnt, struct nwb_node *node, char *buf,
			size_t size, struct nwb_err *err) nwb_must_check;
/** nwb_ns_link() - one more name for @node, which gets one more reference. */
int nwb_ns_link(struct nwb_mount *mnt, struct nwb_node *node,
		struct nwb_node *dir, const char *name,
		struct nwb_attr *ret_attr, struct nwb_err *err) nwb_must_check;

/**
 * nwb_ns_opendir() - begin to read a directory. It is read from the server as
 * a whole when offset 0 is read, so that offsets are stable: an entry that
 * was there then, and only such, is given once, whatever is made and removed
 * meanwhile. "." and ".." are among the entries.
 */
int nwb_ns_opendir(struct nwb_mount *mnt, struct nwb_node *node,
		   struct nwb_dir **ret_dir,
		   struct nwb_err *err) nwb_must_check;
/** nwb_ns_readdir() - the entry at @offset: 0, or @next of another one.
 * Return: 1; 0: there are no more; -errno. Not concurrently on one @dir. */
int nwb_ns_readdir(struct nwb_dir *dir, uint64_t offset,
		   struct nwb_dirent *ret_entry,
		   struct nwb_err *err) nwb_must_check;
/** nwb_ns_closedir() - end of an nwb_ns_opendir(); frees @dir and the names of
 * its entries. */
void nwb_ns_closedir(struct nwb_dir *dir);

/** nwb_ns_statfs() - of the filesystem that the root is on, asked of the
 * server. Return: 0, or -errno. Blocks. */
int nwb_ns_statfs(struct nwb_mount *mnt, struct nwb_statfs *ret_st,
		  struct nwb_err *err) nwb_must_check;

/** nwb_ns_getxattr() - @size 0: only how long it is.
 * Return: length of the value; -ENODATA: no such; -ERANGE: @size too small. */
ssize_t nwb_ns_getxattr(struct nwb_mount *mnt, struct nwb_node *node,
			const char *name, void *buf, size_t size,
			struct nwb_err *err) nwb_must_check;
/** nwb_ns_listxattr() - names, each with its NUL; as nwb_ns_getxattr(). */
ssize_t nwb_ns_listxattr(struct nwb_mount *mnt, struct nwb_node *node,
			 void *buf, size_t size,
			 struct nwb_err *err) nwb_must_check;
/** nwb_ns_setxattr() - @flags: 0, NWB_XATTR_CREATE or NWB_XATTR_REPLACE. */
int nwb_ns_setxattr(struct nwb_mount *mnt, struct nwb_node *node,
		    const char *name, const void *value, size_t len,
		    unsigned int flags, struct nwb_err *err) nwb_must_check;
/** nwb_ns_removexattr() - Return: 0; -ENODATA: no such; -EINVAL: an empty name;
 * -EOPNOTSUPP: there are none on this protocol, or server; other -errno.
 * Blocks. */
int nwb_ns_removexattr(struct nwb_mount *mnt, struct nwb_node *node,
		       const char *name, struct nwb_err *err) nwb_must_check;

#endif
