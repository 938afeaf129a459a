/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The shadow: an independent copy of what a program was told that it did.
 *
 *	request ─► file system ─► reply
 *	               │ ok         │ error
 *	               ▼            ▼
 *	            the same     these bytes, this name: unknown from now on
 *	               └── shadow ──┘ ◄── compared ──► reads, as they come
 *	                              ◄── compared ──► the export, at the end
 *
 * Nobody wrote down what an arbitrary program means to write. But whatever it
 * was told came through one place, the mount, and is kept here in plain memory:
 * a tree of names, and the bytes of each file. What differs from it is broken
 * promise: O1 (LOST, ZEROED, SHORT, of content and of names), O2 (UNISSUED:
 * what nobody wrote), O9 (LONG), O12 (STALE-READ).
 *
 * Errors release, as in O1: a write that failed may have happened or
 * not; a failed fsync releases all that was written since the last good one.
 * Released bytes are not judged until they are written again.
 *
 * Threads: any. The caller keeps what overlaps apart, for the shadow cannot
 * know in which order two writes to one byte took effect: operations on names
 * come in the kernel's order (a directory is locked until the reply),
 * operations on overlapping bytes in that of nwb_shadow_begin().
 */
#ifndef NWB_SHADOW_H
#define NWB_SHADOW_H

#include "nwb/err.h"
#include <sys/types.h>

/* The largest file that it keeps: a mount refuses more, EFBIG. */
#define NWB_SHADOW_FILE_MAX (16ull << 40)

#define NWB_SHADOW_FINDINGS 32u

struct nwb_shadow;
struct nwb_snode; /* a file, directory or symbolic link; counted */

enum nwb_snode_type {
	NWB_SNODE_FILE,
	NWB_SNODE_DIR,
	NWB_SNODE_LINK, /* symbolic */
};

struct nwb_shadow_finding {
	uint8_t oracle;	  /* 1 for O1, ... */
	const char *kind; /* static */
	uint64_t off, len;
	char path[256];	  /* in the mount */
	char text[200];	  /* one line */
	char detail[400]; /* both sides as hexadecimal, in lines; may be "" */
};

struct nwb_shadow_stats {
	uint64_t nr_files, nr_dirs, nr_links; /* compared */
	uint64_t bytes;			      /* compared with the export */
	uint64_t bytes_released;	      /* not compared: unknown */
	uint64_t nr_doubtful;		      /* names not compared */
	uint64_t nr_reads, bytes_read;	      /* compared when they came */
	uint64_t nr_reads_raced; /* not compared: something was written there */
};

/**
 * nwb_shadow_new() - with an empty root.
 * @limit: bytes of content to keep at most; 0 = 4 GiB. Memory is taken as it is
 *	needed; when it is used up the shadow is incomplete
 */
int nwb_shadow_new(uint64_t limit, struct nwb_shadow **ret_sh) nwb_must_check;
/** nwb_shadow_free() - NULL is fine. All nodes were put. */
void nwb_shadow_free(struct nwb_shadow *sh);
/** nwb_shadow_trouble() - why it does not know everything, NULL: it does. */
const char *nwb_shadow_trouble(const struct nwb_shadow *sh);
/** nwb_shadow_findings() - kept ones; @ret_found: all that there were. */
unsigned int nwb_shadow_findings(const struct nwb_shadow *sh,
				 const struct nwb_shadow_finding **ret_f,
				 uint64_t *ret_found);
/** nwb_shadow_get_stats() - counts until now. Context: any thread. */
void nwb_shadow_get_stats(struct nwb_shadow *sh, struct nwb_shadow_stats *ret);

/* --- names: called when the operation has succeeded ------------------------
 */

/** nwb_shadow_root() - a reference. */
struct nwb_snode *nwb_shadow_root(struct nwb_shadow *sh);
/** nwb_shadow_lookup() - a reference; NULL: there is no such name. */
struct nwb_snode *nwb_shadow_lookup(struct nwb_shadow *sh,
				    struct nwb_snode *dir, const char *name);
/** nwb_snode_put() - drop a reference; the content goes with the last one,
 * names being references, too. */
void nwb_snode_put(struct nwb_shadow *sh, struct nwb_snode *n);
/** nwb_shadow_make() - a new thing. @target: of a symbolic link. Return: a
 * reference; NULL: no memory, the shadow is incomplete. */
struct nwb_snode *nwb_shadow_make(struct nwb_shadow *sh, struct nwb_snode *dir,
				  const char *name, enum nwb_snode_type type,
				  const char *target);
/** nwb_shadow_link() - one more name of @n. */
void nwb_shadow_link(struct nwb_shadow *sh, struct nwb_snode *dir,
		     const char *name, struct nwb_snode *n);
/** nwb_shadow_unlink() - also of a directory. */
void nwb_shadow_unlink(struct nwb_shadow *sh, struct nwb_snode *dir,
		       const char *name);
/** nwb_shadow_rename() - @exchange: RENAME_EXCHANGE. */
void nwb_shadow_rename(struct nwb_shadow *sh, struct nwb_snode *dir,
		       const char *name, struct nwb_snode *new_dir,
		       const char *new_name, bool exchange);
/** nwb_shadow_absent() - @name was said not to be there: O12 LOST when it is.
 */
void nwb_shadow_absent(struct nwb_shadow *sh, struct nwb_snode *dir,
		       const char *name);
/** nwb_shadow_doubt() - an operation on @name failed in a way that leaves open
 * whether it happened: the name is not judged any more. */
void nwb_shadow_doubt(struct nwb_shadow *sh, struct nwb_snode *dir,
		      const char *name);

/* --- content ----------------------------------------------------------------
 */

/**
 * nwb_shadow_begin() - [@off, @off + @len) is about to change: waits until no
 * other change overlaps it, so that the shadow sees changes of a byte in the
 * order in which they take effect. @len UINT64_MAX: to the end, for truncates.
 * @ret_token: for nwb_shadow_write(), _truncate() or _release(), one of which
 *	must follow.
 */
void nwb_shadow_begin(struct nwb_shadow *sh, struct nwb_snode *n, uint64_t off,
		      uint64_t len, unsigned int *ret_token);
/** nwb_shadow_write() - it is written; @len may be less than announced. */
void nwb_shadow_write(struct nwb_shadow *sh, struct nwb_snode *n,
		      unsigned int token, const void *buf, uint64_t len);
/** nwb_shadow_truncate() - the size is @off of nwb_shadow_begin() now. */
void nwb_shadow_truncate(struct nwb_shadow *sh, struct nwb_snode *n,
			 unsigned int token);
/** nwb_shadow_release() - it failed. @is_known: nothing has changed (the
 * request was refused); else the bytes and the size are unknown. */
void nwb_shadow_release(struct nwb_shadow *sh, struct nwb_snode *n,
			unsigned int token, bool is_known);
/** nwb_shadow_fsync_begin() - before an fsync or flush of @n. Return: a token
 * for nwb_shadow_fsynced(). */
uint64_t nwb_shadow_fsync_begin(struct nwb_shadow *sh, struct nwb_snode *n);
/** nwb_shadow_fsynced() - it has ended. @rc: its result; an error releases all
 * that was written since the last good one. @is_durable: fsync; false: close,
 * which tells of errors only. What was written since @token is not durable by
 * it. */
void nwb_shadow_fsynced(struct nwb_shadow *sh, struct nwb_snode *n,
			uint64_t token, int rc, bool is_durable);
/** nwb_shadow_read_begin() - before a read of @n. Return: a token for
 * nwb_shadow_read(). */
uint64_t nwb_shadow_read_begin(struct nwb_shadow *sh, struct nwb_snode *n);
/** nwb_shadow_read() - @buf holds @got bytes of the @want that were asked for
 * at @off: are they what the shadow has, and as many (O12)? Not asked if
 * something was written since @token. */
void nwb_shadow_read(struct nwb_shadow *sh, struct nwb_snode *n, uint64_t token,
		     const void *buf, uint64_t got, uint64_t want,
		     uint64_t off);

/**
 * nwb_shadow_compare() - compare with the export below @dirfd, which nobody
 * changes any more. What differs becomes findings.
 * @ignore: names that are not the program's (the client's own); may be NULL
 * Return: 0; negative errno with @err: the export cannot be read.
 */
int nwb_shadow_compare(struct nwb_shadow *sh, int dirfd,
		       bool (*ignore)(const char *name),
		       struct nwb_err *err) nwb_must_check;

#endif
