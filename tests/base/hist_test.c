/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nwb/hist.h"

#include "nwb_test.h"

#include <math.h>

static struct nwb_hist h, h2;

NWB_TEST(hist, empty_answers_zero)
{
	nwb_hist_init(&h);
	nwb_check_eq(nwb_hist_quantile(&h, 0.5), 0);
	nwb_check_eq(h.count, 0);
}

NWB_TEST(hist, small_values_are_exact)
{
	nwb_hist_init(&h);
	for (uint64_t v = 0; v < 128; v++) {
		nwb_check_eq(nwb_hist_bucket_low(nwb_hist_bucket(v)), v);
		nwb_hist_record(&h, v);
	}
	nwb_check_eq(nwb_hist_quantile(&h, 0.5), 63);
	nwb_check_eq(nwb_hist_quantile(&h, 0.0), 0);
	nwb_check_eq(nwb_hist_quantile(&h, 1.0), 127);
	nwb_check_eq(h.sum, 127 * 64);
}

NWB_TEST(hist, buckets_tile_all_values)
{
	nwb_check_eq(nwb_hist_bucket(UINT64_MAX), NWB_HIST_NR - 1);
	nwb_check_eq(nwb_hist_bucket_low(0), 0);
	for (unsigned int i = 1; i < NWB_HIST_NR; i++) {
		uint64_t low = nwb_hist_bucket_low(i);

		nwb_check_eq(nwb_hist_bucket(low), i);
		nwb_check_eq(nwb_hist_bucket(low - 1), i - 1);
	}
}

NWB_TEST(hist, error_stays_below_0_8_percent)
{
	double worst = 0.0;

	/* The middle value of three is the one asked for. */
	for (uint64_t v = 3; v < UINT64_MAX / 3; v += v / 97 + 1) {
		uint64_t got;
		double off;

		nwb_hist_init(&h);
		nwb_hist_record(&h, 0);
		nwb_hist_record(&h, v);
		nwb_hist_record(&h, UINT64_MAX);
		got = nwb_hist_quantile(&h, 0.5);
		off = fabs((double)got - (double)v) / (double)v;
		worst = off > worst ? off : worst;
	}
	nwb_check(worst < 0.008);
	/* And the bound is not met by accident of exact storage. */
	nwb_check(worst > 0.004);
}

NWB_TEST(hist, quantiles_of_a_known_set)
{
	nwb_hist_init(&h);
	for (uint64_t v = 1; v <= 10000; v++)
		nwb_hist_record(&h, v * 1000);
	for (unsigned int pct = 1; pct <= 99; pct++) {
		double want = pct * 100.0 * 1000.0;
		double got = (double)nwb_hist_quantile(&h, pct / 100.0);

		nwb_check(fabs(got - want) <= want * 0.008 + 1000.0);
	}
	nwb_check_eq(nwb_hist_quantile(&h, 0.0), 1000);
	nwb_check_eq(nwb_hist_quantile(&h, 1.0), 10000000);
	nwb_check_eq(h.min, 1000);
	nwb_check_eq(h.max, 10000000);
}

NWB_TEST(hist, merge_equals_recording_everything_in_one)
{
	static struct nwb_hist both;

	nwb_hist_init(&h);
	nwb_hist_init(&h2);
	nwb_hist_init(&both);
	for (uint64_t v = 1; v < 1000000; v += v / 7 + 1) {
		nwb_hist_record(v & 1 ? &h : &h2, v);
		nwb_hist_record(&both, v);
	}
	nwb_hist_merge(&h, &h2);
	nwb_check(!memcmp(&h, &both, sizeof(h)));
	/* Merging an empty one must not disturb the minimum. */
	nwb_hist_init(&h2);
	nwb_hist_merge(&h, &h2);
	nwb_check(!memcmp(&h, &both, sizeof(h)));
}
