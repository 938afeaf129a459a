/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nwb/stats.h"

#include "nwb_test.h"

#include <math.h>
#include <stdlib.h>

static uint64_t lcg_state;

static unsigned int pseudo(unsigned int n)
{
	lcg_state = lcg_state * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned int)((lcg_state >> 33) % n);
}

static bool near(double a, double b, double tolerance)
{
	return fabs(a - b) <= tolerance;
}

/* Hamilton depression scale, Hollander and Wolfe 1973, p. 29; the example of
 * R's ?wilcox.test: V = 40, one-sided p = 0.01953. */
NWB_TEST(stats, reproduces_the_depression_example_of_r)
{
	static const double x[] = {1.83, 0.50, 1.62, 2.48, 1.68,
				   1.88, 1.55, 3.06, 1.30};
	static const double y[] = {0.878, 0.647, 0.598, 2.05, 1.06,
				   1.29,  1.06,	 3.14,	1.29};
	double d[9], minus[9];

	for (int i = 0; i < 9; i++) {
		d[i] = x[i] - y[i];
		minus[i] = -d[i];
	}
	nwb_check(near(nwb_signed_rank_p(d, 9), 10.0 / 512, 1e-12));
	/* P(V >= 5) = 1 - P(V <= 4) = 1 - 7/512 */
	nwb_check(near(nwb_signed_rank_p(minus, 9), 505.0 / 512, 1e-12));
}

NWB_TEST(stats, all_positive_gives_two_to_the_minus_n)
{
	double d[NWB_PAIRS_MAX];

	for (size_t i = 0; i < NWB_PAIRS_MAX; i++)
		d[i] = 0.01 + (double)i;
	nwb_check(near(nwb_signed_rank_p(d, 8), 1.0 / 256, 1e-15));
	for (size_t n = 1; n <= NWB_PAIRS_MAX; n++)
		nwb_check(near(nwb_signed_rank_p(d, n) / ldexp(1.0, -(int)n),
			       1.0, 1e-9));
	/* Also when all are tied. */
	for (size_t i = 0; i < 8; i++)
		d[i] = 0.5;
	nwb_check(near(nwb_signed_rank_p(d, 8), 1.0 / 256, 1e-15));
}

NWB_TEST(stats, zeros_are_dropped)
{
	static const double with[] = {0.0, 1.0, -3.0, 0.0, 2.0, 4.0, -0.0};
	static const double without[] = {1.0, -3.0, 2.0, 4.0};
	static const double nothing[] = {0.0, 0.0};

	nwb_check(near(nwb_signed_rank_p(with, 7),
		       nwb_signed_rank_p(without, 4), 1e-15));
	/* Negative rank sum 3 or less: none, 1, 2, 3, 1 + 2. */
	nwb_check(near(nwb_signed_rank_p(without, 4), 5.0 / 16, 1e-15));
	nwb_check(nwb_signed_rank_p(nothing, 2) == 1.0);
	nwb_check(nwb_signed_rank_p(nothing, 0) == 1.0);
}

/* Twice the statistic of @x with the signs of @mask, ranks by counting. */
static unsigned int rank_sum2(const double *x, size_t n, unsigned int mask)
{
	unsigned int sum = 0;

	for (size_t i = 0; i < n; i++) {
		unsigned int rank2 = 1;

		if (!(mask >> i & 1))
			continue;
		for (size_t j = 0; j < n; j++) {
			rank2 += 2 * (fabs(x[j]) < fabs(x[i]));
			rank2 += fabs(x[j]) == fabs(x[i]);
		}
		sum += rank2;
	}
	return sum;
}

/* By its definition: the share of all sign patterns that do as well. */
static double enumerate_p(const double *x, size_t n)
{
	unsigned int own = 0, nr = 0, seen;

	for (size_t i = 0; i < n; i++)
		own |= (unsigned int)(x[i] > 0.0) << i;
	seen = rank_sum2(x, n, own);
	for (unsigned int mask = 0; mask < 1u << n; mask++)
		nr += rank_sum2(x, n, mask) >= seen;
	return (double)nr / (double)(1u << n);
}

NWB_TEST(stats, p_equals_the_enumeration_of_all_signs)
{
	double x[10];

	lcg_state = 7;
	for (int round = 0; round < 60; round++) {
		size_t n = 1 + pseudo(10);
		/* Few different magnitudes: many ties. */
		unsigned int range = round % 2 ? 4 : 1000;

		for (size_t i = 0; i < n; i++)
			x[i] = (1.0 + pseudo(range)) * (pseudo(3) ? 1 : -1);
		nwb_check(near(nwb_signed_rank_p(x, n), enumerate_p(x, n),
			       1e-12));
	}
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

NWB_TEST(stats, interval_ends_are_the_known_order_statistics)
{
	/* Critical values of the signed-rank table, two-sided 5 %. */
	static const struct {
		size_t n, k;
	} known[] = {{6, 1},   {8, 4},	 {10, 9},  {12, 14},
		     {16, 30}, {20, 53}, {24, 82}, {30, 138}};
	double d[30], walsh[30 * 31 / 2];

	lcg_state = 3;
	for (size_t c = 0; c < NWB_ARRAY_SIZE(known); c++) {
		size_t n = known[c].n, m = 0;
		double est, lo, hi, middle;

		for (size_t i = 0; i < n; i++)
			d[i] = (double)pseudo(1000000) / 1e6 - 0.3;
		for (size_t i = 0; i < n; i++)
			for (size_t j = i; j < n; j++)
				walsh[m++] = (d[i] + d[j]) / 2;
		qsort(walsh, m, sizeof(walsh[0]), by_value);
		middle = (walsh[(m - 1) / 2] + walsh[m / 2]) / 2;
		nwb_shift_ci(d, n, 0.05, &est, &lo, &hi);
		nwb_check(near(est, middle, 1e-12));
		nwb_check(lo == walsh[known[c].k - 1]);
		nwb_check(hi == walsh[m - known[c].k]);
	}
}

NWB_TEST(stats, too_few_pairs_have_no_interval)
{
	static const double d[] = {0.1, 0.2, 0.3, 0.4};
	double est, lo, hi;

	nwb_shift_ci(d, 4, 0.05, &est, &lo, &hi);
	nwb_check(near(est, 0.25, 1e-12));
	nwb_check(isinf(lo) && lo < 0);
	nwb_check(isinf(hi) && hi > 0);
	nwb_shift_ci(d, 1, 0.05, &est, &lo, &hi);
	nwb_check(near(est, 0.1, 1e-12));
	nwb_check(isinf(lo) && isinf(hi));
	/* At 20 % four pairs do: P(statistic = 0) = 1/16 <= 0.1. */
	nwb_shift_ci(d, 4, 0.2, &est, &lo, &hi);
	nwb_check(near(lo, 0.1, 1e-12));
	nwb_check(near(hi, 0.4, 1e-12));
}

NWB_TEST(stats, an_outlier_moves_the_estimate_little)
{
	double d[] = {0.10, 0.11, 0.09, 0.12, 0.08, 0.10, 0.11, 50.0};
	double est, lo, hi;

	nwb_shift_ci(d, 8, 0.05, &est, &lo, &hi);
	nwb_check(est > 0.08 && est < 0.13);
	nwb_check(lo <= est && est <= hi);
}

NWB_TEST(stats, median_of_odd_and_even)
{
	double x[] = {5.0, 1.0, 4.0, 2.0};

	nwb_check(nwb_median(x, 4) == 3.0);
	nwb_check(nwb_median(x, 3) == 4.0);
	nwb_check(nwb_median(x, 1) == 5.0);
	nwb_check(x[0] == 5.0 && x[1] == 1.0 && x[2] == 4.0 && x[3] == 2.0);
}
