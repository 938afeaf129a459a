/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A cursor over segments.
 *
 *	iov[0]          iov[1]     iov[2]
 *	|####....|      |......|   |....|      # consumed (skip)
 *	     ^ cursor, count = all the dots
 *
 * Empty segments are stepped over at once, so iov[0] always has bytes while
 * count is not 0.
 */
#include "nwb/iov.h"

#include <errno.h>
#include <string.h>

static void step_over_empty(struct nwb_iov_iter *it)
{
	while (it->nr && it->skip == it->iov[0].iov_len) {
		it->iov++;
		it->nr--;
		it->skip = 0;
	}
}

void nwb_iov_iter_init(struct nwb_iov_iter *it, const struct iovec *iov,
		       unsigned int nr)
{
	it->iov = iov;
	it->nr = nr;
	it->skip = 0;
	it->count = nwb_iov_len(iov, nr);
	step_over_empty(it);
}

void nwb_iov_iter_advance(struct nwb_iov_iter *it, size_t n)
{
	nwb_assert(n <= it->count);
	it->count -= n;
	while (n) {
		size_t part = nwb_min(n, it->iov[0].iov_len - it->skip);

		it->skip += part;
		n -= part;
		step_over_empty(it);
	}
}

int nwb_iov_iter_extract(const struct nwb_iov_iter *it, size_t n,
			 struct iovec *out, unsigned int max)
{
	struct nwb_iov_iter at = *it;
	unsigned int used = 0;

	nwb_assert(n <= it->count);
	while (n) {
		size_t part = nwb_min(n, at.iov[0].iov_len - at.skip);

		if (used == max)
			return -ENOSPC;
		out[used].iov_base = (char *)at.iov[0].iov_base + at.skip;
		out[used].iov_len = part;
		used++;
		n -= part;
		nwb_iov_iter_advance(&at, part);
	}
	return (int)used;
}

size_t nwb_iov_copy_out(const struct nwb_iov_iter *it, void *dst, size_t n)
{
	struct nwb_iov_iter at = *it;
	size_t done = 0;

	n = nwb_min(n, it->count);
	while (done < n) {
		size_t part = nwb_min(n - done, at.iov[0].iov_len - at.skip);

		memcpy((char *)dst + done,
		       (const char *)at.iov[0].iov_base + at.skip, part);
		done += part;
		nwb_iov_iter_advance(&at, part);
	}
	return done;
}

size_t nwb_iov_len(const struct iovec *iov, unsigned int nr)
{
	size_t sum = 0;

	for (unsigned int i = 0; i < nr; i++) {
		nwb_assert(iov[i].iov_len <= SIZE_MAX - sum);
		sum += iov[i].iov_len;
	}
	return sum;
}
