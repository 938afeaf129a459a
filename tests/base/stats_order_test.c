/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nwb/stats.h"

#include "nwb_test.h"

#include <math.h>

static bool near(double a, double b)
{
	return fabs(a - b) <= 1e-12;
}

/* quantile(c(7, 1, 3, 10), c(0, .25, .5, .75, 1)) of R. */
NWB_TEST(order, quantiles_are_those_of_r)
{
	static const double x[] = {7, 1, 3, 10};

	nwb_check(near(nwb_quantile_of(x, 4, 0.0), 1.0));
	nwb_check(near(nwb_quantile_of(x, 4, 0.25), 2.5));
	nwb_check(near(nwb_quantile_of(x, 4, 0.5), 5.0));
	nwb_check(near(nwb_quantile_of(x, 4, 0.75), 7.75));
	nwb_check(near(nwb_quantile_of(x, 4, 1.0), 10.0));
	nwb_check(near(nwb_quantile_of(x, 1, 0.3), 7.0));
	nwb_check(x[0] == 7 && x[3] == 10);
}

NWB_TEST(order, cost_ratio_is_positive_when_b_is_worse)
{
	double d = 9;

	nwb_check_eq(nwb_log_cost_ratio(100, 115, NWB_BETTER_LOWER, &d), 0);
	nwb_check(near(d, log(1.15)));
	nwb_check_eq(nwb_log_cost_ratio(100, 75, NWB_BETTER_HIGHER, &d), 0);
	nwb_check(near(d, log(4.0 / 3)));
	nwb_check_eq(nwb_log_cost_ratio(1e-300, 1e300, NWB_BETTER_LOWER, &d),
		     0);
	nwb_check(near(d / log(10.0), 600.0));
}

NWB_TEST(order, what_has_no_ratio_is_refused_and_writes_nothing)
{
	static const double bad[] = {0.0, -1.0, NAN, INFINITY};
	double d = 9;

	for (size_t i = 0; i < NWB_ARRAY_SIZE(bad); i++) {
		nwb_check(nwb_log_cost_ratio(bad[i], 1, NWB_BETTER_LOWER, &d) <
			  0);
		nwb_check(nwb_log_cost_ratio(1, bad[i], NWB_BETTER_HIGHER, &d) <
			  0);
	}
	nwb_check(nwb_log_cost_ratio(1, 2, NWB_BETTER_EXACT, &d) < 0);
	nwb_check(d == 9);
}

NWB_TEST(order, p99_needs_ten_thousand_samples)
{
	nwb_check(nwb_quantile_is_gateable(0.99, 10000));
	nwb_check(!nwb_quantile_is_gateable(0.99, 9999));
	nwb_check(nwb_quantile_is_gateable(0.5, 200));
	nwb_check(!nwb_quantile_is_gateable(0.5, 199));
	nwb_check(!nwb_quantile_is_gateable(0.999, UINT64_MAX));
	nwb_check(!nwb_quantile_is_gateable(1.0, UINT64_MAX));
}

/* The fifteen p-values of Benjamini and Hochberg 1995, section 3.2: at 0.05
 * four hypotheses are rejected. */
NWB_TEST(order, false_discovery_rate_keeps_the_four_of_the_paper)
{
	static const double p[] = {0.4262, 0.0001, 0.0459, 0.0298, 0.0004,
				   0.7590, 0.0019, 0.6528, 0.0095, 0.0201,
				   0.0278, 0.0344, 0.3240, 0.5719, 1.0000};
	bool keep[15];

	nwb_check_eq(nwb_benjamini_hochberg(p, 15, 0.05, keep), 4);
	for (int i = 0; i < 15; i++)
		nwb_check_eq(keep[i], p[i] <= 0.0095);
	nwb_check_eq(nwb_benjamini_hochberg(p, 0, 0.05, keep), 0);
}

/* One small p carries others over the bar with it: a step-up rule. */
NWB_TEST(order, false_discovery_rate_steps_up)
{
	static const double p[] = {0.02, 0.03, 0.04};
	static const double alone[] = {0.02, 0.9, 0.9};
	bool keep[3];

	nwb_check_eq(nwb_benjamini_hochberg(p, 3, 0.05, keep), 3);
	nwb_check_eq(nwb_benjamini_hochberg(alone, 3, 0.05, keep), 0);
	nwb_check(!keep[0] && !keep[1] && !keep[2]);
}

NWB_TEST(order, two_heaps_are_two_modes)
{
	static const double two[] = {0.30, 0.01, 0.02, 0.31,
				     0.00, 0.33, 0.01, 0.02};
	struct nwb_modes m;

	nwb_find_modes(two, 8, &m);
	nwb_check(m.is_bimodal);
	nwb_check_eq(m.nr[0], 5);
	nwb_check_eq(m.nr[1], 3);
	nwb_check(near(m.at[0], 0.01));
	nwb_check(near(m.at[1], 0.31));
	/* Seven values are too few to say so. */
	nwb_find_modes(two, 7, &m);
	nwb_check(!m.is_bimodal);
}

/* A mode is a quarter of the values at least, on either side. */
NWB_TEST(order, a_quarter_is_a_mode)
{
	static const double low[] = {0, 0, 9, 9, 9, 9, 9, 9};
	static const double high[] = {0, 0, 0, 0, 0, 0, 9, 9};
	static const double few[] = {0, 0, 9, 9, 9, 9, 9, 9, 9};
	struct nwb_modes m;

	nwb_find_modes(low, 8, &m);
	nwb_check(m.is_bimodal && m.nr[0] == 2 && m.nr[1] == 6);
	nwb_find_modes(high, 8, &m);
	nwb_check(m.is_bimodal && m.nr[0] == 6 && m.nr[1] == 2);
	nwb_find_modes(few, 9, &m);
	nwb_check(!m.is_bimodal);
}

NWB_TEST(order, an_outlier_is_no_mode)
{
	static const double one[] = {0.00, 0.01, 0.02, 0.03,
				     0.02, 0.01, 0.01, 5.0};
	static const double equal[] = {1, 1, 1, 1, 1, 1, 1, 1};
	struct nwb_modes m;

	nwb_find_modes(one, 8, &m);
	nwb_check(!m.is_bimodal);
	nwb_check_eq(m.nr[0], 8);
	nwb_check(near(m.at[0], 0.015));
	nwb_find_modes(equal, 8, &m);
	nwb_check(!m.is_bimodal);
}
