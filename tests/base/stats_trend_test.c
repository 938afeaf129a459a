/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nwb/trend.h"

#include "nwb_test.h"

#include <math.h>
#include <string.h>

static uint64_t state;

static double uniform(void)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (double)(state >> 11) / (double)(1ull << 53);
}

/* About normal, standard deviation 1: the sum of twelve. */
static double noise(void)
{
	double sum = -6.0;

	for (int i = 0; i < 12; i++)
		sum += uniform();
	return sum;
}

NWB_TEST(trend, eight_nights_beyond_two_percent_are_a_trend)
{
	static const double x[] = {-9,	  -9,	 0.030, 0.025, 0.041,
				   0.022, 0.034, 0.029, 0.051, 0.036};
	struct nwb_trend t;

	nwb_trend(x, 10, &t);
	nwb_check(t.is_worse && !t.is_better);
	nwb_check_eq(t.n, 8);
	nwb_check(fabs(t.p_worse - 1.0 / 256) < 1e-15);
	nwb_check(t.est > 0.03 && t.est < 0.04);
	/* One older night is enough to break the series. */
	nwb_trend(x, 9, &t);
	nwb_check(!t.is_worse);
}

NWB_TEST(trend, fewer_nights_decide_nothing)
{
	static const double x[] = {0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5};
	struct nwb_trend t;

	nwb_trend(x, 7, &t);
	nwb_check(!t.is_worse && !t.is_better);
	nwb_check(t.est == 0.5);
	nwb_trend(x, 0, &t);
	nwb_check(!t.is_worse && t.n == 0 && t.p_worse == 1.0);
}

NWB_TEST(trend, improvement_is_the_mirror)
{
	double x[8];
	struct nwb_trend t;

	for (int i = 0; i < 8; i++)
		x[i] = -0.03 - 0.001 * i;
	nwb_trend(x, 8, &t);
	nwb_check(t.is_better && !t.is_worse);
	/* A drift below the effect is none, however steady. */
	for (int i = 0; i < 8; i++)
		x[i] = 0.015;
	nwb_trend(x, 8, &t);
	nwb_check(!t.is_worse && !t.is_better);
}

/* Two percent of the cost, not of its logarithm. */
NWB_TEST(trend, the_effect_is_a_ratio)
{
	double over[8], under[8];
	struct nwb_trend t;

	for (int i = 0; i < 8; i++) {
		over[i] = log(1.02) + 1e-6 * (i + 1);
		under[i] = log(1.02) - 1e-6 * (i + 1);
	}
	nwb_trend(over, 8, &t);
	nwb_check(t.is_worse);
	nwb_trend(under, 8, &t);
	nwb_check(!t.is_worse);
}

/* Q of one cut as Matteson and James have it, pair by pair. */
static double q_of(const double *x, int n, int cut)
{
	double across = 0, left = 0, right = 0, m = cut, k = n - cut;

	for (int i = 0; i < n; i++)
		for (int j = i + 1; j < n; j++) {
			double d = fabs(x[i] - x[j]);

			if (i < cut && j >= cut)
				across += d;
			else if (i < cut)
				left += d;
			else
				right += d;
		}
	return m * k / (m + k) *
	       (2 / (m * k) * across - 2 / (m * (m - 1)) * left -
		2 / (k * (k - 1)) * right);
}

/* Sides of unlike spread and size, where each term of Q has its say. */
NWB_TEST(change, the_cut_is_the_one_with_the_largest_q)
{
	struct nwb_change_rule rule;
	struct nwb_change c[NWB_CHANGES_MAX];
	int nr_found = 0;

	nwb_change_rule_init(&rule);
	rule.min_effect = 0;
	rule.p = 0.05;
	rule.permutations = 99;
	state = 7;
	for (int round = 0; round < 60; round++) {
		double x[24];
		int best = 5, at = 6 + round % 12;

		for (int i = 0; i < 24; i++)
			x[i] = i < at ? 0.01 * noise() : 0.1 + 0.1 * noise();
		for (int cut = 5; cut <= 19; cut++)
			if (q_of(x, 24, cut) > q_of(x, 24, best))
				best = cut;
		if (nwb_change_points(x, 24, &rule, c, NWB_CHANGES_MAX) != 1)
			continue;
		nwb_check_eq(c[0].at, best);
		nr_found++;
	}
	nwb_check(nr_found > 20);
}

NWB_TEST(change, a_step_is_found_where_it_is)
{
	struct nwb_change_rule rule;
	struct nwb_change c[NWB_CHANGES_MAX];
	double x[60];

	nwb_change_rule_init(&rule);
	state = 1;
	for (int i = 0; i < 60; i++)
		x[i] = 0.01 * noise() + (i >= 37 ? 0.08 : 0.0);
	nwb_check_eq(nwb_change_points(x, 60, &rule, c, NWB_CHANGES_MAX), 1);
	nwb_check_eq(c[0].at, 37);
	nwb_check(c[0].p <= 0.01);
	nwb_check(fabs(c[0].before) < 0.01);
	nwb_check(fabs(c[0].after - 0.08) < 0.01);
	/* No room is no overflow. */
	nwb_check_eq(nwb_change_points(x, 60, &rule, c, 0), 0);
}

NWB_TEST(change, there_and_back_and_up_again)
{
	struct nwb_change_rule rule;
	struct nwb_change c[NWB_CHANGES_MAX];
	double x[120];

	nwb_change_rule_init(&rule);
	state = 2;
	for (int i = 0; i < 120; i++) {
		x[i] = 0.01 * noise();
		if ((i >= 30 && i < 60) || i >= 100)
			x[i] += 0.10;
	}
	nwb_check_eq(nwb_change_points(x, 120, &rule, c, NWB_CHANGES_MAX), 3);
	nwb_check_eq(c[0].at, 30);
	nwb_check_eq(c[1].at, 60);
	nwb_check_eq(c[2].at, 100);
	nwb_check(c[1].after < c[1].before);
}

/* A hundred series without a change, p 0.01: a few false ones at most. */
NWB_TEST(change, noise_is_left_alone)
{
	struct nwb_change_rule rule;
	struct nwb_change c[NWB_CHANGES_MAX];
	unsigned int with = 0;
	double x[40];

	nwb_change_rule_init(&rule);
	rule.min_effect = 0.0;
	state = 3;
	for (int series = 0; series < 100; series++) {
		for (int i = 0; i < 40; i++)
			x[i] = 0.02 * noise();
		with += nwb_change_points(x, 40, &rule, c, NWB_CHANGES_MAX) > 0;
	}
	nwb_check(with <= 5);
}

NWB_TEST(change, steps_too_small_to_matter_are_merged_away)
{
	struct nwb_change_rule rule;
	struct nwb_change c[NWB_CHANGES_MAX];
	double x[60];

	nwb_change_rule_init(&rule);
	state = 4;
	for (int i = 0; i < 60; i++)
		x[i] = 0.001 * noise() + (i >= 30 ? 0.015 : 0.0);
	nwb_check_eq(nwb_change_points(x, 60, &rule, c, NWB_CHANGES_MAX), 0);
	rule.min_effect = 0.01;
	nwb_check_eq(nwb_change_points(x, 60, &rule, c, NWB_CHANGES_MAX), 1);
	nwb_check_eq(c[0].at, 30);
	/* of the cost, not of its logarithm */
	rule.min_effect = 0.02;
	for (int i = 0; i < 60; i++)
		x[i] = i >= 30 ? log(1.02) + 1e-6 : 0.0;
	nwb_check_eq(nwb_change_points(x, 60, &rule, c, NWB_CHANGES_MAX), 1);
	for (int i = 30; i < 60; i++)
		x[i] = log(1.02) - 1e-6;
	nwb_check_eq(nwb_change_points(x, 60, &rule, c, NWB_CHANGES_MAX), 0);
}

NWB_TEST(change, the_same_series_gives_the_same_answer)
{
	struct nwb_change_rule rule;
	struct nwb_change a[NWB_CHANGES_MAX], b[NWB_CHANGES_MAX];
	double x[80];
	size_t nr;

	nwb_change_rule_init(&rule);
	state = 5;
	for (int i = 0; i < 80; i++)
		x[i] = 0.03 * noise() + (i >= 50 ? 0.05 : 0.0);
	memset(a, 0, sizeof(a));
	memset(b, 0, sizeof(b));
	nr = nwb_change_points(x, 80, &rule, a, NWB_CHANGES_MAX);
	nwb_check_eq(nwb_change_points(x, 80, &rule, b, NWB_CHANGES_MAX), nr);
	nwb_check(!memcmp(a, b, sizeof(a)));
	nwb_check(nr >= 1);
}

NWB_TEST(change, short_and_constant_series_have_none)
{
	struct nwb_change_rule rule;
	struct nwb_change c[NWB_CHANGES_MAX];
	double x[50];

	nwb_change_rule_init(&rule);
	for (int i = 0; i < 50; i++)
		x[i] = 0.25;
	nwb_check_eq(nwb_change_points(x, 50, &rule, c, NWB_CHANGES_MAX), 0);
	for (int i = 0; i < 9; i++)
		x[i] = i;
	nwb_check_eq(nwb_change_points(x, 9, &rule, c, NWB_CHANGES_MAX), 0);
	nwb_check_eq(nwb_change_points(x, 0, &rule, c, NWB_CHANGES_MAX), 0);
}
