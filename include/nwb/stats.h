/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Statistics for few, paired, noisy measurements.
 *
 * d[i] = ln(cost_b / cost_a) of an interleaved pair, cost oriented so that more
 * is worse. The estimate is Hodges-Lehmann (median of the Walsh averages), the
 * interval comes from the exact signed-rank distribution; nothing here assumes
 * normality. What is decided from them is in nwb/gate.h, what becomes of them
 * over many nights in nwb/trend.h.
 *
 * All functions are pure: no allocation, clock or hidden state; any thread. A
 * NaN among the values is a broken invariant of the caller.
 */
#ifndef NWB_STATS_H
#define NWB_STATS_H

#include "nwb/util.h"

#define NWB_PAIRS_MAX  64
#define NWB_VALUES_MAX 4096

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

/**
 * nwb_quantile_of() - sample quantile, linear between order statistics.
 * @x: values, left alone
 * @n: 1..NWB_VALUES_MAX
 * @q: 0..1
 *
 * Return: type 7 of Hyndman and Fan 1996, as R's quantile() has by default.
 */
double nwb_quantile_of(const double *x, size_t n, double q);

/** enum nwb_better - which way a metric improves. */
enum nwb_better {
	NWB_BETTER_LOWER,
	NWB_BETTER_HIGHER,
	/* A count: equal or not, no statistics. */
	NWB_BETTER_EXACT,
};

/**
 * nwb_log_cost_ratio() - ln(cost of B / cost of A) of one pair.
 * @a: measured value of A, > 0 and finite
 * @b: measured value of B, likewise
 * @better: NWB_BETTER_LOWER: the value is the cost; NWB_BETTER_HIGHER: its
 *	    inverse is; NWB_BETTER_EXACT is refused
 * @ret: positive when B is worse
 *
 * Return: 0, or -EINVAL: a value that has no ratio is no measurement.
 */
int nwb_log_cost_ratio(double a, double b, enum nwb_better better,
		       double *ret) nwb_must_check;

/**
 * nwb_quantile_is_gateable() - may per-run values of this quantile be compared?
 * @q: 0.5, 0.99 ...; below 1
 * @samples: how many samples the run with the fewest has
 *
 * Return: true from 100 / (1 - q) samples on (10,000 for p99) and for no
 * quantile above 0.99: p99.9 and the maximum are shown, never gated.
 */
bool nwb_quantile_is_gateable(double q, uint64_t samples);

/**
 * nwb_benjamini_hochberg() - which of a family of tests to believe.
 * @p: p-values, 0..1
 * @n: how many; 0 is fine
 * @q: the share of false ones among those kept that is put up with, 0..1
 * @ret_keep: @n answers
 *
 * The step-up rule of Benjamini and Hochberg 1995: all p not above the largest
 * p(k) with p(k) <= q k / n.
 *
 * Return: how many were kept.
 */
size_t nwb_benjamini_hochberg(const double *p, size_t n, double q,
			      bool *ret_keep);

/** struct nwb_modes - two heaps of values with nothing between them. */
struct nwb_modes {
	bool is_bimodal;
	/* Medians and sizes; of all values in [0] when there is one mode. */
	double at[2];
	size_t nr[2];
};

/**
 * nwb_find_modes() - is the largest gap between neighbours the story?
 * @x: values, left alone
 * @n: 1..NWB_PAIRS_MAX
 * @ret: bimodal if that gap is more than half of the range, with at least a
 *	 quarter of the values on each side, and @n is 8 or more
 */
void nwb_find_modes(const double *x, size_t n, struct nwb_modes *ret);

#endif
