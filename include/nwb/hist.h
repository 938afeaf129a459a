/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Log-linear histogram: 64 buckets an octave, error below 0.8 %, exact
 * minimum, maximum, sum and count. Records in O(1) without allocation; merges
 * exactly. Values are unsigned (nanoseconds, bytes).
 */
#ifndef NWB_HIST_H
#define NWB_HIST_H

#include "nwb/util.h"

#define NWB_HIST_SUB_BITS 6
#define NWB_HIST_NR	  ((64 - NWB_HIST_SUB_BITS + 1) << NWB_HIST_SUB_BITS)

struct nwb_hist {
	uint64_t count;
	uint64_t sum;
	uint64_t min;
	uint64_t max;
	uint32_t bin[NWB_HIST_NR];
};

/** nwb_hist_init() - empty. */
void nwb_hist_init(struct nwb_hist *h);
/** nwb_hist_record() - count one value. Context: one thread a histogram. */
void nwb_hist_record(struct nwb_hist *h, uint64_t value);
/** nwb_hist_merge() - add all of @from to @to. */
void nwb_hist_merge(struct nwb_hist *to, const struct nwb_hist *from);
/**
 * nwb_hist_quantile() - the value with at least @q of all at or below it.
 * @h: histogram
 * @q: 0..1; both ends are exact
 *
 * Return: the middle of that value's bucket, at most 0.8 % off; 0 when empty.
 */
uint64_t nwb_hist_quantile(const struct nwb_hist *h, double q);
/** nwb_hist_bucket() - index of the bucket of @value. */
unsigned int nwb_hist_bucket(uint64_t value);
/** nwb_hist_bucket_low() - smallest value of bucket @i. */
uint64_t nwb_hist_bucket_low(unsigned int i);

#endif
