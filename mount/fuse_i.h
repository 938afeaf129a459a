/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The insides of a FUSE mount.
 *
 *	session.c  connection, workers, the end
 *	node.c     what the kernel calls a node: ours, the shadow's, a count
 *	names.c    lookup, attributes, everything that changes names
 *	file.c     open, read, write, flush, fsync, release
 *	misc.c     directories, statfs, extended attributes
 *	engine.c   files without the kernel: nwb/engine.h
 */
#ifndef NWB_FUSE_I_H
#define NWB_FUSE_I_H

#define FUSE_USE_VERSION 314

#include "nwb/mount.h"

#include "nwb/list.h"
#include <fuse_lowlevel.h>
#include <pthread.h>
#include <stdatomic.h>

#define FUSE_IO_MAX (1u << 20)

/* A node of the kernel's; its number is our address. */
struct mnode {
	struct nwb_list bucket;
	struct nwb_node *node;
	struct nwb_snode *shadow; /* NULL: not known to it */
	/* under the table's lock */
	uint64_t nr_lookups;
	uint64_t nr_held; /* opens of ours that the kernel knows nothing of */
	uint64_t nr_owed; /* lookups forgotten while it was held */
};

/* An open, its handle. */
struct mfile {
	struct nwb_list link;
	struct mnode *mn; /* the kernel keeps it until the release */
	struct nwb_file *file;
	bool is_held; /* its node, by us and not by the kernel */
};

struct mdir {
	struct nwb_list link;
	struct nwb_dir *dir;
};

struct worker {
	struct nwb_fuse *f;
	struct nwb_task *task;
	_Atomic bool has_ended;
	pthread_t thread;
	struct fuse_buf in;
	uint8_t *out; /* FUSE_IO_MAX */
};

#define NODE_BUCKETS 4096u

struct nwb_fuse {
	struct nwb_exec *ex;
	struct nwb_mount *mnt;
	struct nwb_shadow *shadow;
	bool kernel_cache;
	bool has_owner;
	uint32_t uid, gid; /* of has_owner */
	struct fuse_session *se;
	struct worker *worker;
	unsigned int nr_workers;
	_Atomic bool is_over;
	_Atomic bool is_stopping;
	_Atomic bool is_init_done;
	bool can_mmap;	       /* the kernel offers it */
	struct engine *engine; /* NULL: none */
	struct mnode root;
	pthread_mutex_t lock; /* of what follows */
	struct nwb_list bucket[NODE_BUCKETS];
	struct nwb_list files;
	struct nwb_list dirs;
	int first_error;
	_Atomic uint64_t nr_requests, nr_reads, bytes_read, nr_writes,
		bytes_written, nr_fsyncs, nr_errors;
};

/* Of the worker that calls; its buffer is for one answer. */
extern __thread struct worker *fuse_worker;

static inline struct nwb_fuse *fuse_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

/* node.c */
struct mnode *mnode_of(struct nwb_fuse *f, fuse_ino_t ino);
/** mnode_get() - ours for @node, one lookup more; takes over the reference that
 * nwb_ns_*() gave. @sn: its shadow, taken over; NULL: look up by name.
 * Return: NULL: no memory, the reference was given back. */
struct mnode *mnode_get(struct nwb_fuse *f, struct nwb_node *node,
			struct nwb_snode *sn);
/** mnode_put() - @nr lookups less. */
void mnode_put(struct nwb_fuse *f, struct mnode *mn, uint64_t nr);
/** mnode_hold(), mnode_unhold() - it stays, whatever the kernel forgets. */
void mnode_hold(struct nwb_fuse *f, struct mnode *mn);
void mnode_unhold(struct nwb_fuse *f, struct mnode *mn);
void mnode_drop_all(struct nwb_fuse *f);
/** reply_entry() - node, its attributes, and how long both are good. @file:
 * reply to a create; NULL: to anything else. */
void reply_entry(fuse_req_t req, struct mnode *mn, const struct nwb_attr *a,
		 const struct fuse_file_info *file);
void to_stat(const struct nwb_fuse *f, const struct nwb_attr *a,
	     struct stat *ret);
/** is_known() - did an operation that failed with @rc certainly do nothing? */
bool is_known(int rc);
/** reply() - 0 or a negative errno. */
void reply(fuse_req_t req, int rc);
double attr_timeout(void);

/* file.c */
/** file_close() - the end of an open. Return: the error to tell, or 0. */
int file_close(struct nwb_fuse *f, struct mfile *mf);
struct mfile *file_new(struct nwb_fuse *f, struct mnode *mn,
		       struct nwb_file *file);
void file_info(struct nwb_fuse *f, struct mfile *mf, struct fuse_file_info *fi);

/** file_read(), file_write(), file_fsync() - done, counted, told to the shadow.
 * Return: bytes, or 0; negative errno. */
ssize_t file_read(struct nwb_fuse *f, struct mfile *mf, uint8_t *buf,
		  size_t size, uint64_t off);
ssize_t file_write(struct nwb_fuse *f, struct mfile *mf, const void *buf,
		   size_t size, uint64_t off);
int file_fsync(struct nwb_fuse *f, struct mfile *mf);

/* engine.c */
struct engine;
/** engine_start() - @name: of the socket, "@..."; engine_stop() also after a
 * failure, before the files are closed. */
int engine_start(struct nwb_fuse *f, const char *name,
		 struct nwb_err *err) nwb_must_check;
void engine_stop(struct nwb_fuse *f);
/** engine_token() - open @mn for whoever connects and shows *@ret. Return: 0;
 * -ENODATA: there is no engine. */
int engine_token(struct nwb_fuse *f, struct mnode *mn,
		 uint64_t *ret) nwb_must_check;

/* the requests */
void fuse_names_ops(struct fuse_lowlevel_ops *ops);
void fuse_attr_ops(struct fuse_lowlevel_ops *ops);
void fuse_file_ops(struct fuse_lowlevel_ops *ops);
void fuse_misc_ops(struct fuse_lowlevel_ops *ops);

#endif
