/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Inside of the tree of names (nwb/node.h), and what a protocol provides for
 * it.
 *
 *	ns.c		the table: nodes by number, names by directory
 *	ns_look.c	lookup, getattr, setattr
 *	ns_open.c	create, open, close
 *	ns_names.c	mkdir, unlink, rename, link, symlink ...
 *	ns_dir.c	reading directories, statfs, xattrs
 *	ns_9p.c, ns_smb.c	the operations of one protocol
 *
 * Lock: ns->lock, held across the requests of an operation on names, which so
 * wait for each other; not held while data is written. A node that is being
 * opened or closed is busy, and whoever wants it waits on ns->q.
 */
#ifndef NWB_FS_NS_H
#define NWB_FS_NS_H

#include "nwb/fs.h"
#include "nwb/wait.h"
#include "reach.h"

#define NS_BUCKETS 8192u
/* Files whose mode or owner the client keeps; further ones are forgotten. */
#define NS_KEPT_MAX 1000000u

struct nwb_dir;

/* What type->open() gives: 9p.c, ns_9p.c. */
struct p9_inode {
	struct nwb_p9_file *file;
};

/** nwb_9p_issue_linux() - ->issue_write() of the flavours of Linux. */
void nwb_9p_issue_linux(struct nwb_io_subrequest *sreq);
/** nwb_9p_is_dead() - was the connection lost, in a flavour of Linux? */
bool nwb_9p_is_dead(const struct nwb_inode *inode);

/* And smb.c, ns_smb.c.
 * @instance: the open that what is cached was read through; atomic
 * @other, @is_other: the handle of the other identity, opened when the first is
 *	refused; @is_other, atomic: it is the one in use */
struct smb_inode {
	struct nwb_smb2_file *file;
	struct nwb_smb2_file *other;
	bool is_other;
	struct nwb_inode *inode;
	uint32_t instance;
	uint32_t settled; /* what was cached before that one is forgotten */
};

/* Paths are relative to the root, which is "". One attempt each: an error that
 * nwb_fs_is_away() knows means that nobody knows whether it was done. */
struct nwb_ns_ops {
	/* rename() does not put a directory over an empty one */
	bool cannot_replace_dir;
	/* rename() of a directory wants nothing open below */
	bool cannot_move_open;
	/* mode and owner are kept by the client */
	bool has_no_owner;
	/* may a file have this name? 0 or -errno with text */
	int (*check_name)(const char *name, struct nwb_err *err);
	int (*getattr)(struct nwb_fs_ctx *ctx, const char *path,
		       struct nwb_attr *ret_attr);
	/* never a size; @inode_priv: of the file if it is open, else NULL */
	int (*setattr)(struct nwb_fs_ctx *ctx, const char *path,
		       void *inode_priv, uint32_t valid,
		       const struct nwb_attr *attr);
	int (*create)(struct nwb_fs_ctx *ctx, const char *path, uint32_t mode);
	int (*mkdir)(struct nwb_fs_ctx *ctx, const char *path, uint32_t mode);
	int (*unlink)(struct nwb_fs_ctx *ctx, const char *path, bool is_dir);
	int (*rename)(struct nwb_fs_ctx *ctx, const char *from, const char *to,
		      bool replace);
	/* the following may be NULL: the protocol has none */
	int (*link)(struct nwb_fs_ctx *ctx, const char *existing,
		    const char *path);
	int (*symlink)(struct nwb_fs_ctx *ctx, const char *path,
		       const char *target);
	ssize_t (*readlink)(struct nwb_fs_ctx *ctx, const char *path, char *buf,
			    size_t size);
	ssize_t (*getxattr)(struct nwb_fs_ctx *ctx, const char *path,
			    const char *name, void *buf, size_t size);
	ssize_t (*listxattr)(struct nwb_fs_ctx *ctx, const char *path,
			     void *buf, size_t size);
	int (*setxattr)(struct nwb_fs_ctx *ctx, const char *path,
			const char *name, const void *value, size_t len,
			unsigned int flags);
	int (*removexattr)(struct nwb_fs_ctx *ctx, const char *path,
			   const char *name);
	/* calls nwb_dir_add() for each entry but "." and ".." */
	int (*readdir)(struct nwb_fs_ctx *ctx, const char *path,
		       struct nwb_dir *dir);
	int (*statfs)(struct nwb_fs_ctx *ctx, struct nwb_statfs *ret_st);
	/* an open file has another name now */
	int (*set_name)(void *inode_priv, const char *path);
	/* close the handle of an open file until set_name(), which must follow;
	 * may be NULL */
	void (*park)(void *inode_priv);
};
extern const struct nwb_ns_ops nwb_ns_9p;
extern const struct nwb_ns_ops nwb_ns_smb;

/* A name of a node; it counts as a child of @dir. */
struct ns_name {
	struct nwb_list hash;	 /* ns->by_name */
	struct nwb_list of_node; /* node->names */
	struct nwb_node *node;
	struct nwb_node *dir;
	char name[];
};

/**
 * struct nwb_node - under ns->lock.
 * @type: S_IFMT bits, 0: not known yet (the root)
 * @nr_lookups: references of callers
 * @nr_children: names below it
 * @nr_uses: operations under way that need it, lock dropped
 * @nr_gone: of its names, those that the user has removed (NWB_NS_GONE)
 * @inode, @priv, @nr_files: while open
 * @is_busy: being opened or closed; @is_root: needs no name,
 *	and its number is 0 here; @is_stale: its number is another file's now
 * @kept: NWB_SET_MODE, NWB_SET_UID, NWB_SET_GID: what the client keeps
 */
struct nwb_node {
	struct nwb_list hash; /* ns->by_ino */
	struct nwb_list open; /* ns->open */
	struct nwb_list names;
	uint64_t ino;
	uint32_t type;
	uint64_t nr_lookups;
	uint32_t nr_children;
	uint32_t nr_uses;
	uint32_t nr_gone;
	struct nwb_inode *inode;
	void *priv;
	uint32_t nr_files;
	bool is_busy;
	bool is_root;
	bool is_stale;
	uint32_t kept;
	uint32_t mode, uid, gid;
};

struct nwb_ns {
	struct nwb_mount *mnt;
	const struct nwb_ns_ops *ops;
	struct nwb_mutex lock;
	struct nwb_waitq q; /* a node is not busy any more */
	struct nwb_node root;
	struct nwb_list by_ino[NS_BUCKETS];
	struct nwb_list by_name[NS_BUCKETS];
	struct nwb_list open; /* nodes with an inode */
	uint32_t next_id;     /* of inodes, for the ledger */
	uint64_t gone_base, nr_gone;
	uint32_t nr_kept;
};

struct nwb_mount {
	struct nwb_fs_ctx ctx;
	struct nwb_netfs *nf;
	struct nwb_mutex lock;	 /* of both lists; held across open and close */
	struct nwb_waitq closed; /* a close that did not hold it is over */
	struct nwb_list dentries;
	struct nwb_list files;
	struct nwb_ns *ns;
	struct nwb_cache *cache;      /* stream 1, or NULL */
	struct nwb_fs_mirror *mirror; /* stream 2, or NULL */
};

/* --- streams.c -------------------------------------------------------------
 */

/* What the other streams have of an inode. */
struct nwb_fs_sides {
	void *cache;
	void *mirror;
};

void nwb_fs_streams_open(struct nwb_mount *mnt, struct nwb_inode *inode,
			 const char *name, uint32_t id);
void nwb_fs_streams_take(struct nwb_inode *inode, struct nwb_fs_sides *ret);
void nwb_fs_streams_close(const struct nwb_fs_sides *sides);

/* --- mirror.c --------------------------------------------------------------
 */

void *nwb_fs_mirror_open(struct nwb_fs_mirror *mir, const char *name,
			 uint32_t id);
void nwb_fs_mirror_close(void *side);
/** nwb_fs_mirror_free() - no file is open. NULL is fine. */
void nwb_fs_mirror_free(struct nwb_fs_mirror *mir);

/* --- ns.c ------------------------------------------------------------------
 */

int nwb_ns_new(struct nwb_mount *mnt, const struct nwb_ns_ops *ops,
	       struct nwb_ns **ret_ns) nwb_must_check;
/** nwb_ns_free() - all files were closed; nodes still referenced go too. */
void nwb_ns_free(struct nwb_ns *ns);

/* The rest of this header: ns->lock held unless said otherwise. */

/** nwb_ns_path() - where @node is, or would be: with @name in it. @buf holds
 * NWB_PATH_BYTES_MAX + 1. Return: 0, -ENAMETOOLONG, -ENOENT: it has no name. */
int nwb_ns_path(const struct nwb_node *node, const char *name,
		char *buf) nwb_must_check;
/** nwb_ns_find() - the node that is known by this name, or NULL. */
struct nwb_node *nwb_ns_find(struct nwb_ns *ns, const struct nwb_node *dir,
			     const char *name);
/**
 * nwb_ns_bind() - on the server, @name in @dir is the file of @attr: find or
 * make its node and its name. No reference.
 */
int nwb_ns_bind(struct nwb_ns *ns, struct nwb_node *dir, const char *name,
		const struct nwb_attr *attr, struct nwb_node **ret_node,
		struct nwb_err *err) nwb_must_check;
/** nwb_ns_unbind() - there is no such name any more; the node of it may be
 * freed, unless it is used. */
void nwb_ns_unbind(struct nwb_ns *ns, const struct nwb_node *dir,
		   const char *name);
/** nwb_ns_move() - what had one name has the other; that one was unbound. */
int nwb_ns_move(struct nwb_ns *ns, const struct nwb_node *dir, const char *name,
		struct nwb_node *to_dir, const char *to_name) nwb_must_check;
bool nwb_ns_is_below(const struct nwb_node *node, const struct nwb_node *dir);
/** nwb_ns_drop() - free @node if nobody needs it. */
void nwb_ns_drop(struct nwb_ns *ns, struct nwb_node *node);
/** nwb_ns_keep() - remember mode and owner for the protocol. */
void nwb_ns_keep(struct nwb_ns *ns, struct nwb_node *node, uint32_t valid,
		 const struct nwb_attr *attr);

/* One operation, and what its attempts share. */
struct ns_call {
	struct nwb_ns *ns;
	int (*attempt)(struct ns_call *k);
	unsigned int nr_unknown; /* attempts of which nobody knows */
	const char *path;
	const char *to;
	const char *name; /* of an xattr */
	uint64_t ino;	  /* what was there */
	uint32_t mode;
	uint32_t flags;
	struct nwb_attr attr;
	void *buf;
	const void *value;
	size_t size;
	ssize_t len;
	struct nwb_dir *dir;
	void *inode_priv;
	struct nwb_statfs st;
};

/** nwb_ns_run() - @k->attempt until it is answered or patience ends.
 * @what: for @err. Context: any, ns->lock or not. */
int nwb_ns_run(struct ns_call *k, const char *what,
	       struct nwb_err *err) nwb_must_check;
/** nwb_ns_look() - attributes of a path. Context: as nwb_ns_run(). */
int nwb_ns_look(struct nwb_ns *ns, const char *path, struct nwb_attr *ret_attr,
		struct nwb_err *err) nwb_must_check;

/* --- ns_look.c -------------------------------------------------------------
 */

/** nwb_ns_finish_attr() - what the server does not know of @node. */
void nwb_ns_finish_attr(struct nwb_ns *ns, struct nwb_node *node,
			struct nwb_attr *attr);
/** nwb_ns_name_ok() - may a new file have that name? */
int nwb_ns_name_ok(struct nwb_ns *ns, const struct nwb_node *dir,
		   const char *name, struct nwb_err *err) nwb_must_check;
/** nwb_ns_bind_ref() - look at @path, bind it, one reference. */
int nwb_ns_bind_ref(struct nwb_ns *ns, struct nwb_node *dir, const char *name,
		    const char *path, struct nwb_node **ret_node,
		    struct nwb_attr *ret_attr,
		    struct nwb_err *err) nwb_must_check;

/* --- ns_open.c -------------------------------------------------------------
 */

/** nwb_ns_wait() - until @node is not busy; drops the lock meanwhile. */
void nwb_ns_wait(struct nwb_ns *ns, struct nwb_node *node);
/** nwb_ns_get_file(), nwb_ns_put_file() - an open for own use; the lock is
 * dropped. */
int nwb_ns_get_file(struct nwb_ns *ns, struct nwb_node *node,
		    struct nwb_file **ret_file,
		    struct nwb_err *err) nwb_must_check;
int nwb_ns_put_file(struct nwb_ns *ns, struct nwb_node *node,
		    struct nwb_file *file);

/* --- ns_names.c ------------------------------------------------------------
 */

/** nwb_ns_remove_gone() - the names that were left while it was open. */
void nwb_ns_remove_gone(struct nwb_ns *ns, struct nwb_node *node);

/* --- ns_dir.c --------------------------------------------------------------
 */

/** nwb_dir_add() - for readdir(); @name is copied. Return: 0 or -ENOMEM. */
int nwb_dir_add(struct nwb_dir *dir, uint64_t ino, uint32_t type,
		const char *name, size_t len) nwb_must_check;

#endif
