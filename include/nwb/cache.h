/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The local cache object behind stream 1 of a write request (fs/cachefiles).
 *
 *	        0      4K     8K     12K    16K
 *	file    |######|......|######|######|       # present: one bit a block
 *	         '------ whole blocks, O_DIRECT ----'
 *
 * An object is a nameless file of blocks of 4 KiB and the knowledge of which of
 * them hold what the server has. A block is present from the end of its write
 * on, until it is forgotten or the object is invalidated; then the object gets
 * a new file, and what is still under way lands in the old one, which nobody
 * reads any more (cachefiles' tmpfile). Nothing outlives the mount.
 *
 * What is written is rounded as in cachefiles_prepare_write_subreq() and
 * cachefiles_issue_write(): a misaligned start is skipped and an odd tail cut,
 * both count as written though nothing was stored of them.
 */
#ifndef NWB_CACHE_H
#define NWB_CACHE_H

#include "nwb/xfile.h"

#define NWB_CACHE_BLOCK NWB_XFILE_BLOCK
/* Objects end there; behind it nothing is cached. */
#define NWB_CACHE_OBJECT_MAX (64 * 1024 * NWB_MIB)

/* Of one write; cachefiles has BIO_MAX_VECS, 256, here what has room in a
 * subrequest. */
#define NWB_CACHE_SEGMENTS 8u

struct nwb_cache;
struct nwb_cache_object;

/**
 * struct nwb_cache_opts
 * @dir: where the files lie; borrowed
 * @max_bytes: of all objects together; a write beyond it fails with -ENOBUFS
 *	(cachefiles_has_space() below "stop"); 0 = 1 GiB
 * @short_bytes: a fault: the first write that is longer stops after so many, as
 *	on a disk that is full, and keeps the whole blocks of them; 0 = none
 */
struct nwb_cache_opts {
	const char *dir;
	uint64_t max_bytes;
	size_t short_bytes;
};

struct nwb_cache_stats {
	uint64_t writes, write_bytes, write_errors;
	uint64_t mis; /* bytes that count as written, and were not stored */
	uint64_t nwr; /* writes refused for want of space */
	uint64_t reads, read_bytes;
	uint64_t present_bytes;
	uint64_t invalidations;
	uint64_t nr_short; /* 1: opts.short_bytes has ended a write */
	bool is_direct;	   /* the latest file goes past the host's page cache */
};

/** nwb_cache_new() - a cache; tries at once whether @opts->dir will do. Return:
 * 0, -ENOMEM, or why no file can be made there. */
int nwb_cache_new(struct nwb_exec *ex, const struct nwb_cache_opts *opts,
		  struct nwb_cache **ret_c, struct nwb_err *err) nwb_must_check;
/** nwb_cache_free() - every object was closed. NULL is fine. */
void nwb_cache_free(struct nwb_cache *c);
/** nwb_cache_get_stats() - what was done since nwb_cache_new(). Each is read by
 * itself: while others write they need not fit together. Context: any. */
void nwb_cache_get_stats(struct nwb_cache *c, struct nwb_cache_stats *ret);

/** nwb_cache_open() - an empty object. */
int nwb_cache_open(struct nwb_cache *c,
		   struct nwb_cache_object **ret_obj) nwb_must_check;
/** nwb_cache_close() - waits for what is under way. NULL is fine. */
void nwb_cache_close(struct nwb_cache_object *obj);

/**
 * struct nwb_cache_write - store @len bytes at @start.
 * @iov, @nr_iov: the bytes; they stay until @done
 * @unskipped_start: NWB_H8 is on: if the start is skipped, what follows is
 *	stored from the start that it had all the same (misplaced, or refused for
 *	its alignment)
 * @done: called once, from any task, possibly before nwb_cache_write() returned
 * @result: bytes that count as stored, or negative errno
 * @is_misplaced: @unskipped_start made a difference
 */
struct nwb_cache_write {
	struct nwb_cache_object *obj;
	uint64_t start;
	size_t len;
	const struct iovec *iov;
	unsigned int nr_iov;
	bool unskipped_start;
	void (*done)(struct nwb_cache_write *w);
	int64_t result;
	bool is_misplaced;
	/* private */
	struct nwb_xfile_io io;
	struct nwb_cache_file *file;
	size_t skipped;
	size_t cut;
	size_t told; /* short_bytes, of the write that it ends */
	uint64_t forget_seq;
	unsigned int nr_vec;
	struct iovec vec[NWB_CACHE_SEGMENTS];
};

/** nwb_cache_prepare() - a write at @start comes: how much may it carry?
 * Return: bytes, or -ENOBUFS. Context: blocks. */
ssize_t nwb_cache_prepare(struct nwb_cache_object *obj, uint64_t start);
/** nwb_cache_write() - begin @w. Context: may wait for transfers under way. */
void nwb_cache_write(struct nwb_cache_write *w);
/** nwb_cache_read() - what is present at @pos, up to the first block that is
 * not. Return: bytes, 0: nothing, or an error of the file. Context: blocks. */
ssize_t nwb_cache_read(struct nwb_cache_object *obj, uint64_t pos, void *buf,
		       size_t len);
/** nwb_cache_forget() - blocks that overlap [@pos, @pos + @len) are not what
 * the server has; @len may reach beyond all ends. Context: any. */
void nwb_cache_forget(struct nwb_cache_object *obj, uint64_t pos, uint64_t len);
/** nwb_cache_invalidate() - nor is any other. Context: any. */
void nwb_cache_invalidate(struct nwb_cache_object *obj);

#endif
