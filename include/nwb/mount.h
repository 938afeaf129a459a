/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The reference client as a FUSE file system (libfuse3, low-level API).
 *
 *	program ─► kernel ─► /dev/fuse ─► worker ─► nwb_ns_*(), nwb_file_*()
 *	                                    │             └─► netfs ─► server
 *	                                    └─► shadow (nwb/shadow.h)
 *
 * Direct (the default): the kernel keeps no page of a file, so that netfs' page
 * cache is the only one. A mapping still has pages of the kernel's; they are
 * written back through the same requests (FUSE_DIRECT_IO_ALLOW_MMAP,
 * include/uapi/linux/fuse.h 7.39; on older kernels MAP_SHARED is refused, as
 * FOPEN_DIRECT_IO does, and MAP_PRIVATE works).
 *
 * Kernel's cache (FUSE_WRITEBACK_CACHE): the kernel dirties pages and writes
 * them back when it likes; below it should be a client that caches nothing.
 *
 * One client has the export, so names and attributes are what the kernel
 * remembers of them; only times may move when data is written later, hence
 * attributes are asked for again after a second.
 *
 * Workers are tasks of the mount's executor, a request each at a time.
 */
#ifndef NWB_MOUNT_H
#define NWB_MOUNT_H

#include "nwb/exec.h"
#include "nwb/fs.h"
#include "nwb/shadow.h"

#define NWB_FUSE_WORKERS 10u

struct nwb_fuse;

/**
 * struct nwb_fuse_opts - what to serve, and where.
 * @fd: connection of a mounted FUSE file system (/dev/fuse); taken over, also
 *	on failure
 * @mnt: borrowed
 * @shadow: borrowed; NULL: keep none
 * @kernel_cache: the kernel's page cache and writeback
 * @engine: name of the socket for nwb/engine.h, "@..."; NULL: none
 * @has_owner: the server's root (uid and gid 0) is told to be @uid and @gid, and
 *	the other way round: a server in a user namespace calls its only user
 *	so, while the mount is outside of it
 * @nr_workers: 0 = NWB_FUSE_WORKERS
 */
struct nwb_fuse_opts {
	int fd;
	struct nwb_mount *mnt;
	struct nwb_shadow *shadow;
	bool kernel_cache;
	const char *engine;
	bool has_owner;
	uint32_t uid, gid;
	unsigned int nr_workers;
};

/* Exact counts. */
struct nwb_fuse_stats {
	uint64_t nr_requests;
	uint64_t nr_reads, bytes_read;
	uint64_t nr_writes, bytes_written;
	uint64_t nr_fsyncs;
	uint64_t nr_errors; /* replies that were errors of the server's side */
	bool has_mmap;	    /* MAP_SHARED works */
};

/** nwb_fuse_start() - begin to answer. The first answer makes the mount usable;
 * who looks at it before waits. */
int nwb_fuse_start(struct nwb_exec *ex, const struct nwb_fuse_opts *opts,
		   struct nwb_fuse **ret_f, struct nwb_err *err) nwb_must_check;
/** nwb_fuse_is_over() - the connection has ended: unmounted from outside. */
bool nwb_fuse_is_over(const struct nwb_fuse *f);
/**
 * nwb_fuse_stop() - it was unmounted, or shall be cut off: end the workers,
 * close what is still open, which writes it, and free. NULL is fine.
 * @ret_stats: may be NULL
 * Return: 0, or the first error of a last close; the shadow knows what it means
 * for whom.
 */
int nwb_fuse_stop(struct nwb_fuse *f, struct nwb_fuse_stats *ret_stats);

#endif
