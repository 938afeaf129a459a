/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Files of the executor: nameless scratch files for a local cache, read and
 * written in whole blocks and asynchronously.
 *
 *	real:      O_TMPFILE and O_DIRECT below a directory, through one io_uring
 *	           of the executor (worker threads where it is refused; the page
 *	           cache where the directory's filesystem has no O_DIRECT)
 *	simulated: memory, each transfer after a time of its own, with the rules
 *	           of O_DIRECT
 *
 * A file is gone when it is closed.
 */
#ifndef NWB_XFILE_H
#define NWB_XFILE_H

#include "nwb/exec.h"
#include "nwb/wait.h"

#define NWB_XFILE_BLOCK	 4096u /* of length and memory */
#define NWB_XFILE_SECTOR 512u  /* of position, as most disks have it */

struct nwb_xfile;

/**
 * struct nwb_xfile_io - one transfer.
 * @file, @is_write, @pos, @iov, @nr_iov: what; in whole blocks, from the begin
 *	of a sector on; @iov and its memory stay until @done
 * @done: called once, from any task, possibly before nwb_xfile_submit()
 *	returned; @io may be freed there. Must not block on I/O, nor submit: who
 *	would wait for room is who makes it
 * @result: bytes, which may be fewer than asked for, or negative errno
 */
struct nwb_xfile_io {
	struct nwb_xfile *file;
	bool is_write;
	uint64_t pos;
	const struct iovec *iov;
	unsigned int nr_iov;
	void (*done)(struct nwb_xfile_io *io);
	ssize_t result;
	/* private */
	struct nwb_work work;
	struct nwb_timer timer;
};

/**
 * nwb_xfile_open() - a new, empty file.
 * @dir: directory that it lies in; not used when simulated
 * Return: 0, or negative errno with @err. Context: blocks.
 */
int nwb_xfile_open(struct nwb_exec *ex, const char *dir,
		   struct nwb_xfile **ret_file,
		   struct nwb_err *err) nwb_must_check;
/** nwb_xfile_submit() - start @io. A transfer that breaks the rules of whole
 * blocks and sectors ends with -EINVAL. Context: may wait for transfers under way. */
void nwb_xfile_submit(struct nwb_xfile_io *io);
/** nwb_xfile_is_direct() - does it go past the host's page cache? For reports. */
bool nwb_xfile_is_direct(const struct nwb_xfile *file);
/** nwb_xfile_close() - no transfer is under way. NULL is fine. */
void nwb_xfile_close(struct nwb_xfile *file);

#endif
