/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writing a cpio archive of the "newc" form, as the kernel unpacks it into its
 * first root (Documentation/driver-api/early-userspace/buffer-format.rst).
 * Uncompressed: unpacking costs an emulated processor more than reading.
 */
#ifndef NWB_KERNEL_CPIO_H
#define NWB_KERNEL_CPIO_H

#include "nwb/err.h"

/* @rc: the first error of a write; it sticks. */
struct nwb_cpio {
	int fd;
	uint64_t off;
	uint32_t ino;
	int rc;
};

/** nwb_cpio_init() - an archive into @fd, from where it stands. */
void nwb_cpio_init(struct nwb_cpio *c, int fd);
/** nwb_cpio_dir() - a directory; @name without a slash in front. */
void nwb_cpio_dir(struct nwb_cpio *c, const char *name);
/** nwb_cpio_file() - a file of @len bytes, at most 4 GiB - 1. */
void nwb_cpio_file(struct nwb_cpio *c, const char *name, unsigned int mode,
		   const void *data, size_t len);
/** nwb_cpio_copy() - the file at @path as @name. Return: 0, or negative errno
 * of reading it with @err. */
int nwb_cpio_copy(struct nwb_cpio *c, const char *name, unsigned int mode,
		  const char *path, struct nwb_err *err) nwb_must_check;
/** nwb_cpio_end() - the trailer. Return: 0, or the first error of a write. */
int nwb_cpio_end(struct nwb_cpio *c) nwb_must_check;

#endif
