/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A cursor over scattered memory: what struct iov_iter is to the kernel, as
 * far as sending from folios by reference needs it.
 */
#ifndef NWB_IOV_H
#define NWB_IOV_H

#include "nwb/util.h"
#include <sys/uio.h>

/**
 * struct nwb_iov_iter - position in an array of segments; borrowed memory.
 * @iov: first segment that still has bytes
 * @nr: segments from there
 * @skip: bytes of @iov[0] already consumed
 * @count: bytes left in all
 */
struct nwb_iov_iter {
	const struct iovec *iov;
	unsigned int nr;
	size_t skip;
	size_t count;
};

/** nwb_iov_iter_init() - a cursor at the start of @nr segments. */
void nwb_iov_iter_init(struct nwb_iov_iter *it, const struct iovec *iov,
		       unsigned int nr);
/** nwb_iov_iter_advance() - consume @n <= count bytes. */
void nwb_iov_iter_advance(struct nwb_iov_iter *it, size_t n);
/**
 * nwb_iov_iter_extract() - describe the next @n bytes as segments.
 * @out: at most @max segments are written
 * Return: segments used, or -ENOSPC when @max is too small. @it is unchanged.
 */
int nwb_iov_iter_extract(const struct nwb_iov_iter *it, size_t n,
			 struct iovec *out, unsigned int max);
/** nwb_iov_copy_out() - copy up to @n bytes from the cursor to @dst. */
size_t nwb_iov_copy_out(const struct nwb_iov_iter *it, void *dst, size_t n);
/** nwb_iov_len() - sum of the segments' lengths. */
size_t nwb_iov_len(const struct iovec *iov, unsigned int nr);

#endif
