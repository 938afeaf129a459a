/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What many nights say that one night can't: a slow drift, and since when.
 *
 * The series are ln(B / anchor), one value a session, oldest first; the anchor
 * is a pinned build measured anew in each session, so that the series says
 * nothing about the machine. Both rules advise, they never gate.
 *
 * Pure functions, no allocation; any thread; the same input gives the same
 * answer on every machine with the same floating-point arithmetic.
 */
#ifndef NWB_TREND_H
#define NWB_TREND_H

#include "nwb/stats.h"

#define NWB_TREND_NIGHTS 8
#define NWB_TREND_EFFECT 0.02
#define NWB_TREND_ALPHA	 0.005

/** struct nwb_trend - what the last nights say together. */
struct nwb_trend {
	bool is_worse;
	bool is_better;
	size_t n;
	double est, lo, hi;
	double p_worse, p_better;
};

/**
 * nwb_trend() - are the last eight nights together beyond 2 %?
 * @x: estimates (ln of the cost ratio), oldest first
 * @n: how many; fewer than NWB_TREND_NIGHTS decide nothing
 * @ret: the last NWB_TREND_NIGHTS of them by the signed-rank test at
 *	 NWB_TREND_ALPHA, against NWB_TREND_EFFECT; with n = 0 all zero
 */
void nwb_trend(const double *x, size_t n, struct nwb_trend *ret);

#define NWB_SERIES_MAX	1024
#define NWB_CHANGES_MAX 32

/**
 * struct nwb_change_rule - when a step in a series counts.
 * @p: of the permutation test, for example 0.01; reachable are (1 + k) /
 *     (1 + permutations)
 * @min_effect: smallest relative step between the medians, for example 0.02
 * @min_side: values on each side, >= 3
 * @permutations: 99..9999
 * @seed: of the permutations
 */
struct nwb_change_rule {
	double p;
	double min_effect;
	size_t min_side;
	unsigned int permutations;
	uint64_t seed;
};

/** nwb_change_rule_init() - p 0.01, 2 %, 5 values a side, 199, seed 1. */
void nwb_change_rule_init(struct nwb_change_rule *rule);

/** struct nwb_change - a step: the new level begins at @at. */
struct nwb_change {
	size_t at;
	double p;
	/* Medians of the levels on both sides, up to the next step. */
	double before, after;
};

/**
 * nwb_change_points() - where the level of a series changed.
 * @x: values, oldest first
 * @n: 0..NWB_SERIES_MAX
 * @rule: when a step counts
 * @ret: steps in the order of time
 * @max: room in @ret; NWB_CHANGES_MAX is the most that are found
 *
 * E-divisive means (Matteson and James 2014): the split with the largest
 * energy distance between its sides, tested by permutations, then the same on
 * both sides. Steps smaller than min_effect are merged away in the end,
 * smallest first.
 *
 * Return: how many.
 */
size_t nwb_change_points(const double *x, size_t n,
			 const struct nwb_change_rule *rule,
			 struct nwb_change *ret, size_t max);

#endif
