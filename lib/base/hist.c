/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Log-linear histogram.
 *
 *	value < 64         bucket = value, exact
 *	value in octave e  the 6 bits behind the leading one choose one of 64
 *	                   buckets of equal width 2^(e-6)
 *
 * A quantile answers with the middle of its bucket: the width is at most 1/64
 * of the value, so the answer is off by at most 1/128 < 0.8 %. It is clamped
 * to the exact minimum and maximum, so q = 0 and q = 1 are exact.
 */
#include "nwb/hist.h"

#include <string.h>

#define SUB_NR (1u << NWB_HIST_SUB_BITS)

void nwb_hist_init(struct nwb_hist *h)
{
	memset(h, 0, sizeof(*h));
	h->min = UINT64_MAX;
}

unsigned int nwb_hist_bucket(uint64_t value)
{
	unsigned int octave, sub;

	if (value < SUB_NR)
		return (unsigned int)value;
	octave = 63 - (unsigned int)__builtin_clzll(value);
	sub = (unsigned int)(value >> (octave - NWB_HIST_SUB_BITS)) - SUB_NR;
	return ((octave - NWB_HIST_SUB_BITS + 1) << NWB_HIST_SUB_BITS) + sub;
}

uint64_t nwb_hist_bucket_low(unsigned int i)
{
	unsigned int row = i >> NWB_HIST_SUB_BITS, sub = i & (SUB_NR - 1);

	nwb_assert(i < NWB_HIST_NR);
	if (!row)
		return i;
	return (uint64_t)(SUB_NR + sub) << (row - 1);
}

/* Number of values that share bucket @i. */
static uint64_t bucket_width(unsigned int i)
{
	unsigned int row = i >> NWB_HIST_SUB_BITS;

	return row ? 1ull << (row - 1) : 1;
}

void nwb_hist_record(struct nwb_hist *h, uint64_t value)
{
	h->bin[nwb_hist_bucket(value)]++;
	h->count++;
	h->sum += value;
	if (value < h->min)
		h->min = value;
	if (value > h->max)
		h->max = value;
}

void nwb_hist_merge(struct nwb_hist *to, const struct nwb_hist *from)
{
	for (unsigned int i = 0; i < NWB_HIST_NR; i++)
		to->bin[i] += from->bin[i];
	to->count += from->count;
	to->sum += from->sum;
	to->min = nwb_min(to->min, from->min);
	to->max = nwb_max(to->max, from->max);
}

uint64_t nwb_hist_quantile(const struct nwb_hist *h, double q)
{
	uint64_t seen = 0, want, mid;
	double exact;

	nwb_assert(q >= 0.0 && q <= 1.0);
	if (!h->count)
		return 0;
	/* Rank of the value: the smallest integer >= q * count, at least 1. */
	exact = q * (double)h->count;
	want = (uint64_t)exact;
	if ((double)want < exact)
		want++;
	want = nwb_min(nwb_max(want, (uint64_t)1), h->count);
	if (want == 1)
		return h->min;
	if (want == h->count)
		return h->max;
	for (unsigned int i = 0; i < NWB_HIST_NR; i++) {
		seen += h->bin[i];
		if (seen < want)
			continue;
		mid = nwb_hist_bucket_low(i) + (bucket_width(i) - 1) / 2;
		return nwb_min(nwb_max(mid, h->min), h->max);
	}
	nwb_assert(!"bins and count disagree");
	return 0;
}
