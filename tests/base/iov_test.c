/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nwb/iov.h"

#include "nwb_test.h"

#include <errno.h>

#define FLAT_BYTES 4096
#define MAX_SEGS   40

static uint64_t lcg_state;

static unsigned int pseudo(unsigned int n)
{
	lcg_state = lcg_state * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned int)((lcg_state >> 33) % n);
}

static uint8_t flat[FLAT_BYTES];

/* Cuts the front of flat[] into segments, some of them empty. */
static unsigned int cut_up(struct iovec *iov, size_t *ret_len)
{
	unsigned int nr = 1 + pseudo(MAX_SEGS);
	size_t at = 0;

	for (unsigned int i = 0; i < nr; i++) {
		size_t len = pseudo(4) ? pseudo(FLAT_BYTES / MAX_SEGS) : 0;

		iov[i].iov_base = flat + at;
		iov[i].iov_len = len;
		at += len;
	}
	*ret_len = at;
	return nr;
}

NWB_TEST(iov, extract_equals_the_flat_bytes)
{
	struct iovec iov[MAX_SEGS], out[MAX_SEGS];
	uint8_t copy[FLAT_BYTES];

	for (unsigned int i = 0; i < FLAT_BYTES; i++)
		flat[i] = (uint8_t)(i * 131 + (i >> 8));
	lcg_state = 1;
	for (int round = 0; round < 5000; round++) {
		struct nwb_iov_iter it;
		size_t len, at = 0;
		unsigned int nr = cut_up(iov, &len);

		nwb_iov_iter_init(&it, iov, nr);
		nwb_check_eq(it.count, len);
		while (at < len) {
			size_t n = 1 + pseudo((unsigned int)(len - at));
			size_t sum = 0, got;
			int used = nwb_iov_iter_extract(&it, n, out, MAX_SEGS);

			nwb_check(used > 0);
			for (int i = 0; i < used; i++) {
				nwb_check(out[i].iov_len > 0);
				nwb_check(out[i].iov_base == flat + at + sum);
				sum += out[i].iov_len;
			}
			nwb_check_eq(sum, n);
			/* One place fewer must be refused, untouched. */
			nwb_check_eq(
				nwb_iov_iter_extract(&it, n, out,
						     (unsigned int)used - 1),
				-ENOSPC);
			got = nwb_iov_copy_out(&it, copy, n);
			nwb_check_eq(got, n);
			nwb_check(!memcmp(copy, flat + at, n));
			nwb_check_eq(it.count, len - at);
			nwb_iov_iter_advance(&it, n);
			at += n;
		}
		nwb_check_eq(it.count, 0);
		nwb_check_eq(it.nr, 0);
	}
}

NWB_TEST(iov, copy_out_stops_at_the_end)
{
	char text[] = "writeback", copy[32] = "";
	struct iovec iov[2] = {{text, 5}, {text + 5, 4}};
	struct nwb_iov_iter it;

	nwb_iov_iter_init(&it, iov, 2);
	nwb_iov_iter_advance(&it, 3);
	nwb_check_eq(nwb_iov_copy_out(&it, copy, sizeof(copy)), 6);
	nwb_check_streq(copy, "teback");
}

NWB_TEST(iov, nothing_is_fine)
{
	struct iovec iov[3] = {0}, out[1];
	struct nwb_iov_iter it;

	nwb_check_eq(nwb_iov_len(iov, 3), 0);
	nwb_iov_iter_init(&it, iov, 3);
	nwb_check_eq(it.count, 0);
	nwb_check_eq(nwb_iov_iter_extract(&it, 0, out, 0), 0);
	nwb_iov_iter_advance(&it, 0);
	nwb_iov_iter_init(&it, NULL, 0);
	nwb_check_eq(nwb_iov_copy_out(&it, out, 1), 0);
}
