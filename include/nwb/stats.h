/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Statistics for few, paired, noisy measurements.
 *
 * d[i] = ln(b_i / a_i) of an interleaved pair. The estimate is Hodges-Lehmann
 * (median of the Walsh averages), the interval comes from the exact signed-rank
 * distribution; nothing here assumes normality.
 */
#ifndef NWB_STATS_H
#define NWB_STATS_H

#include "nwb/util.h"

#define NWB_PAIRS_MAX 64

/**
 * nwb_signed_rank_p() - upper-tail p of the exact Wilcoxon signed-rank test.
 * @x: differences already shifted by the null value; zeros are dropped,
 *     ties get mid-ranks
 * @n: 0..NWB_PAIRS_MAX
 *
 * Return: P(statistic >= observed) under the null; 1 when nothing is left.
 */
double nwb_signed_rank_p(const double *x, size_t n);

/**
 * nwb_shift_ci() - Hodges-Lehmann estimate and its exact two-sided interval.
 * @d: differences
 * @n: 1..NWB_PAIRS_MAX
 * @alpha: for example 0.05
 * @ret_est: estimate
 * @ret_lo: lower end; -INFINITY when @n is too small for @alpha
 * @ret_hi: upper end; +INFINITY likewise
 */
void nwb_shift_ci(const double *d, size_t n, double alpha, double *ret_est,
		  double *ret_lo, double *ret_hi);

/** nwb_median() - median of @n >= 1 values; @x is left alone. n <= 4096. */
double nwb_median(const double *x, size_t n);

#endif
