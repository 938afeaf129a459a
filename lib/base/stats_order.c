/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Order statistics, and the small rules that stand on them.
 */
#include "stats_i.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Above this quantile too few samples stand behind the number. */
#define GATEABLE_QUANTILE_MAX 0.99
#define MODES_MIN	      8

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	if (x < y)
		return -1;
	return x > y;
}

void nwb_sort(double *x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		nwb_assert(!isnan(x[i]));
	if (n > 1)
		qsort(x, n, sizeof(x[0]), by_value);
}

double nwb_middle_of_sorted(const double *x, size_t n)
{
	size_t half = n / 2;

	if (n % 2)
		return x[half];
	return 0.5 * (x[half - 1] + x[half]);
}

double nwb_median(const double *x, size_t n)
{
	double copy[NWB_VALUES_MAX];

	nwb_assert(n >= 1 && n <= NWB_VALUES_MAX);
	memcpy(copy, x, n * sizeof(copy[0]));
	nwb_sort(copy, n);
	return nwb_middle_of_sorted(copy, n);
}

double nwb_quantile_of(const double *x, size_t n, double q)
{
	double copy[NWB_VALUES_MAX], where, below;
	size_t i;

	nwb_assert(n >= 1 && n <= NWB_VALUES_MAX);
	nwb_assert(q >= 0.0 && q <= 1.0);
	memcpy(copy, x, n * sizeof(copy[0]));
	nwb_sort(copy, n);
	where = q * (double)(n - 1);
	i = (size_t)where;
	below = (double)i;
	if (i + 1 >= n)
		return copy[n - 1];
	return copy[i] + (where - below) * (copy[i + 1] - copy[i]);
}

int nwb_log_cost_ratio(double a, double b, enum nwb_better better, double *ret)
{
	bool is_measured = isfinite(a) && isfinite(b) && a > 0.0 && b > 0.0;

	if (!is_measured || better == NWB_BETTER_EXACT)
		return -EINVAL;
	/* The difference of logarithms can't overflow as the ratio can. */
	*ret = better == NWB_BETTER_LOWER ? log(b) - log(a) : log(a) - log(b);
	return 0;
}

bool nwb_quantile_is_gateable(double q, uint64_t samples)
{
	nwb_assert(q >= 0.0 && q <= 1.0);
	if (q > GATEABLE_QUANTILE_MAX)
		return false;
	/* 1 - 0.99 is a little above 0.01; ask for what was meant. */
	return (double)samples * (1.0 - q) >= 100.0 * (1.0 - 1e-9);
}

size_t nwb_benjamini_hochberg(const double *p, size_t n, double q,
			      bool *ret_keep)
{
	double limit = -1.0;
	size_t kept = 0;

	nwb_assert(q >= 0.0 && q <= 1.0);
	/* Quadratic, and n is a night's cases: no scratch memory is needed. */
	for (size_t i = 0; i < n; i++) {
		size_t rank = 0;

		nwb_assert(p[i] >= 0.0 && p[i] <= 1.0);
		for (size_t j = 0; j < n; j++)
			rank += p[j] <= p[i];
		if (p[i] <= q * (double)rank / (double)n && p[i] > limit)
			limit = p[i];
	}
	for (size_t i = 0; i < n; i++) {
		ret_keep[i] = p[i] <= limit;
		kept += ret_keep[i];
	}
	return kept;
}

void nwb_find_modes(const double *x, size_t n, struct nwb_modes *ret)
{
	double copy[NWB_PAIRS_MAX], gap = 0.0, range;
	size_t cut = 0;

	nwb_assert(n >= 1 && n <= NWB_PAIRS_MAX);
	memcpy(copy, x, n * sizeof(copy[0]));
	nwb_sort(copy, n);
	memset(ret, 0, sizeof(*ret));
	ret->at[0] = nwb_middle_of_sorted(copy, n);
	ret->nr[0] = n;
	for (size_t i = 1; i < n; i++)
		if (copy[i] - copy[i - 1] > gap) {
			gap = copy[i] - copy[i - 1];
			cut = i;
		}
	range = copy[n - 1] - copy[0];
	if (n < MODES_MIN || gap <= 0.5 * range || 4 * cut < n ||
	    4 * (n - cut) < n)
		return;
	ret->is_bimodal = true;
	ret->nr[0] = cut;
	ret->nr[1] = n - cut;
	ret->at[0] = nwb_middle_of_sorted(copy, cut);
	ret->at[1] = nwb_middle_of_sorted(copy + cut, n - cut);
}
