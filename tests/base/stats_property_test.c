/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What must hold of any pairs, and error rates by seeded simulation. The
 * shapes are hostile to means: heavy tails, drift, one-sided spikes.
 */
#include "nwb/gate.h"

#include "nwb_test.h"

#include <math.h>

static uint64_t state;

static double uniform(void)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return ((double)(state >> 11) + 0.5) / (double)(1ull << 53);
}

static double normal(void)
{
	return sqrt(-2.0 * log(uniform())) * cos(2.0 * M_PI * uniform());
}

/* Symmetric, as the log-ratio of two equal runs is, with tails of t(3). */
static double heavy(void)
{
	double a = normal(), b = normal(), c = normal();

	return normal() / sqrt((a * a + b * b + c * c) / 3.0);
}

static void draw(double *d, size_t n, double shift, double scale)
{
	for (size_t i = 0; i < n; i++)
		d[i] = shift + scale * heavy();
}

static bool near(double a, double b)
{
	return a == b || fabs(a - b) <= 1e-12;
}

struct ci {
	double est, lo, hi;
};

static struct ci interval(const double *d, size_t n)
{
	struct ci ci;

	nwb_shift_ci(d, n, 0.05, &ci.est, &ci.lo, &ci.hi);
	return ci;
}

NWB_TEST(property, swapping_a_and_b_negates)
{
	double d[30], minus[30];
	struct nwb_gate_rule rule;

	nwb_gate_rule_init(&rule, 0.05);
	state = 11;
	for (int round = 0; round < 300; round++) {
		size_t n = 10 + 10 * (size_t)(round % 3);
		struct nwb_gate_decision x, y;
		struct ci a, b;

		draw(d, n, 0.1 * normal(), 0.05);
		for (size_t i = 0; i < n; i++)
			minus[i] = -d[i];
		a = interval(d, n);
		b = interval(minus, n);
		nwb_check(near(a.est, -b.est));
		nwb_check(near(a.lo, -b.hi));
		nwb_check(near(a.hi, -b.lo));
		nwb_gate_decide(&rule, d, n, &x);
		nwb_gate_decide(&rule, minus, n, &y);
		nwb_check_eq(x.verdict == NWB_GATE_WORSE,
			     y.verdict == NWB_GATE_BETTER);
		nwb_check_eq(x.verdict == NWB_GATE_SAME,
			     y.verdict == NWB_GATE_SAME);
		nwb_check(near(x.p_same, y.p_same));
		nwb_check_eq(x.why, y.why);
	}
}

/* The unit of a cost is no matter, and ranks do not see a scale. */
NWB_TEST(property, scale_changes_no_rank)
{
	double d[30], scaled[30];

	state = 12;
	for (int round = 0; round < 300; round++) {
		size_t n = 1 + (size_t)(round % 30);
		double by = exp(4.0 * normal());
		struct ci a, b;

		draw(d, n, 0.1, 0.3);
		for (size_t i = 0; i < n; i++)
			scaled[i] = by * d[i];
		nwb_check(nwb_signed_rank_p(d, n) ==
			  nwb_signed_rank_p(scaled, n));
		a = interval(d, n);
		b = interval(scaled, n);
		nwb_check(near(b.est / by, a.est));
		nwb_check(near(b.lo / by, a.lo));
		nwb_check(near(b.hi / by, a.hi));
	}
}

NWB_TEST(property, nanoseconds_or_seconds_make_the_same_pair)
{
	double ns, s;

	nwb_check_eq(nwb_log_cost_ratio(7e8, 9e8, NWB_BETTER_LOWER, &ns), 0);
	nwb_check_eq(nwb_log_cost_ratio(0.7, 0.9, NWB_BETTER_LOWER, &s), 0);
	nwb_check(near(ns, s));
}

NWB_TEST(property, the_order_of_pairs_is_no_matter)
{
	double d[30], other[30];

	state = 13;
	for (int round = 0; round < 300; round++) {
		size_t n = 1 + (size_t)(round % 30);
		struct ci a, b;

		draw(d, n, 0.05, 0.3);
		for (size_t i = 0; i < n; i++)
			other[i] = d[(i * 7 + 3) % n];
		/* 7 shares a factor with n: not a permutation, reverse. */
		if (n % 7 == 0)
			for (size_t i = 0; i < n; i++)
				other[i] = d[n - 1 - i];
		nwb_check(near(nwb_signed_rank_p(d, n),
			       nwb_signed_rank_p(other, n)));
		a = interval(d, n);
		b = interval(other, n);
		nwb_check(a.est == b.est && a.lo == b.lo && a.hi == b.hi);
	}
}

NWB_TEST(property, the_interval_moves_with_the_shift)
{
	double d[24], moved[24];
	struct ci a, b;

	state = 14;
	draw(d, 24, 0.0, 0.3);
	for (size_t i = 0; i < 24; i++)
		moved[i] = d[i] + 0.625;
	a = interval(d, 24);
	b = interval(moved, 24);
	nwb_check(near(a.est + 0.625, b.est));
	nwb_check(near(a.lo + 0.625, b.lo) && near(a.hi + 0.625, b.hi));
}

/* Exact levels of the 95 % interval are 0.9512 (n = 10), 0.9515 (20) and
 * 0.9503 (30); a standard error of 4000 draws is 0.0034. */
NWB_TEST(property, the_interval_covers_as_often_as_it_says)
{
	static const size_t sizes[] = {10, 20, 30};
	double d[30];

	state = 15;
	for (size_t s = 0; s < NWB_ARRAY_SIZE(sizes); s++) {
		unsigned int covered = 0;

		for (int round = 0; round < 4000; round++) {
			struct ci ci;

			draw(d, sizes[s], 0.07, 0.05);
			ci = interval(d, sizes[s]);
			covered += ci.lo <= 0.07 && 0.07 <= ci.hi;
		}
		nwb_check(covered >= 4000 * 0.94 && covered <= 4000 * 0.965);
	}
}

/* One session of a case whose true shift is @shift, looks and all. */
static enum nwb_gate_verdict session(const struct nwb_gate_rule *rule,
				     double shift)
{
	struct nwb_gate_decision dec = {.next_n = 10};
	double d[40];

	draw(d, 40, shift, 0.05);
	do {
		nwb_gate_decide(rule, d, dec.next_n, &dec);
	} while (!dec.is_final);
	return dec.verdict;
}

/* At a shift of exactly delta each wrong answer has its bound; looking three
 * times must not break it. */
NWB_TEST(property, false_verdicts_stay_below_their_levels)
{
	unsigned int worse = 0, better = 0, same = 0, rounds = 4000;
	struct nwb_gate_rule rule;

	nwb_gate_rule_init(&rule, 0.05);
	state = 16;
	for (unsigned int i = 0; i < rounds; i++) {
		worse += session(&rule, log1p(0.05)) == NWB_GATE_WORSE;
		better += session(&rule, -log1p(0.05)) == NWB_GATE_BETTER;
		same += session(&rule, log1p(0.05)) == NWB_GATE_SAME;
	}
	/* Level and three standard errors. */
	nwb_check(worse <= rounds * 0.005 + 3 * sqrt(rounds * 0.005));
	nwb_check(better <= rounds * 0.005 + 3 * sqrt(rounds * 0.005));
	nwb_check(same <= rounds * 0.05 + 3 * sqrt(rounds * 0.05));
	/* The test is not silent: at the boundary some do err. */
	nwb_check(worse > 0 && better > 0 && same > 0);
}

NWB_TEST(property, no_change_is_never_called_one)
{
	struct nwb_gate_rule rule;
	unsigned int found = 0;

	nwb_gate_rule_init(&rule, 0.05);
	state = 17;
	for (unsigned int i = 0; i < 4000; i++) {
		enum nwb_gate_verdict v = session(&rule, 0.0);

		nwb_check(v != NWB_GATE_WORSE && v != NWB_GATE_BETTER);
		found += session(&rule, log(1.15)) == NWB_GATE_WORSE;
	}
	nwb_check(found >= 4000 * 0.9);
}
