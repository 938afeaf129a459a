/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Change points of a series by E-divisive means.
 *
 *	x[0] ............ x[cut - 1] | x[cut] ............ x[n - 1]
 *	   left, m values	     |	 right, k values
 *
 *	E(cut) =   2/(mk)	 sum |left - right|
 *		 - 2/(m(m - 1))	 sum over pairs inside left
 *		 - 2/(k(k - 1))	 sum over pairs inside right
 *	Q(cut) = mk/(m + k) E(cut)
 *
 * The cut with the largest Q is a change if few permutations of the values
 * reach as large a Q anywhere; then both sides are searched likewise. When one
 * value goes over from right to left, its distances to both sides are all that
 * changes in the three sums, so a search takes n^2 steps and no memory.
 *
 * Source: Matteson and James 2014, sections 2 and 3, alpha = 1. A permutation
 * test stops as soon as it can't reject any more.
 */
#include "nwb/trend.h"
#include "stats_i.h"

#include <math.h>
#include <string.h>

/* Sums in another order differ in the last bits; those are not a change. */
#define ROUNDING 1e-9

struct segment {
	size_t from, to;
};

struct split {
	size_t at;
	double q;
};

struct search {
	const double *x;
	const struct nwb_change_rule *rule;
	struct segment todo[NWB_CHANGES_MAX + 1];
	size_t nr_todo;
	struct nwb_change found[NWB_CHANGES_MAX];
	size_t nr;
};

static void shuffle(double *x, size_t n, uint64_t *state)
{
	for (size_t i = n - 1; i > 0; i--) {
		size_t j = nwb_splitmix64(state) % (i + 1);
		double tmp = x[i];

		x[i] = x[j];
		x[j] = tmp;
	}
}

/* Sum of the distances of @v to @n values. */
static double distance_to(double v, const double *x, size_t n)
{
	double sum = 0.0;

	for (size_t i = 0; i < n; i++)
		sum += fabs(v - x[i]);
	return sum;
}

static double mean_pair(double sum, double n)
{
	return n > 1.0 ? 2.0 * sum / (n * (n - 1.0)) : 0.0;
}

static struct split best_split(const double *x, size_t n, size_t min_side)
{
	double across = 0.0, left = 0.0, right = 0.0;
	struct split best = {0, -1.0};

	for (size_t i = 0; i < n; i++)
		right += distance_to(x[i], x + i + 1, n - i - 1);
	for (size_t cut = 1; cut + min_side <= n; cut++) {
		double to_left = distance_to(x[cut - 1], x, cut - 1);
		double to_right = distance_to(x[cut - 1], x + cut, n - cut);
		double m = (double)cut, k = (double)(n - cut), q;

		left += to_left;
		right -= to_right;
		across += to_right - to_left;
		if (cut < min_side)
			continue;
		q = 2.0 * across / (m * k) - mean_pair(left, m) -
		    mean_pair(right, k);
		q *= m * k / (m + k);
		if (q > best.q)
			best = (struct split){cut, q};
	}
	return best;
}

/* Share of the arrangements that split as well; 1 as soon as it is too many. */
static double permutation_p(const struct nwb_change_rule *rule, const double *x,
			    size_t n, double q, uint64_t seed)
{
	double copy[NWB_SERIES_MAX];
	unsigned int total = rule->permutations + 1, reached = 1;

	memcpy(copy, x, n * sizeof(copy[0]));
	for (unsigned int i = 0; i < rule->permutations; i++) {
		shuffle(copy, n, &seed);
		if (best_split(copy, n, rule->min_side).q < q - ROUNDING * q)
			continue;
		reached++;
		if (reached > rule->p * total)
			return 1.0;
	}
	return (double)reached / total;
}

static void split_segment(struct search *s, struct segment seg)
{
	size_t n = seg.to - seg.from;
	const double *x = s->x + seg.from;
	/* A segment's answer must not depend on which one came before it. */
	uint64_t seed = s->rule->seed ^ (uint64_t)seg.from << 32 ^ seg.to;
	struct split best;
	double p;

	if (n < 2 * s->rule->min_side || s->nr == NWB_CHANGES_MAX)
		return;
	best = best_split(x, n, s->rule->min_side);
	if (best.q <= 0.0)
		return;
	p = permutation_p(s->rule, x, n, best.q, seed);
	if (p > s->rule->p)
		return;
	s->found[s->nr++] =
		(struct nwb_change){.at = seg.from + best.at, .p = p};
	s->todo[s->nr_todo++] = (struct segment){seg.from, seg.from + best.at};
	s->todo[s->nr_todo++] = (struct segment){seg.from + best.at, seg.to};
}

static void sort_by_time(struct nwb_change *c, size_t nr)
{
	for (size_t i = 1; i < nr; i++) {
		struct nwb_change one = c[i];
		size_t j = i;

		for (; j > 0 && c[j - 1].at > one.at; j--)
			c[j] = c[j - 1];
		c[j] = one;
	}
}

/* The levels between the steps. */
static void set_levels(struct search *s, size_t n)
{
	for (size_t i = 0; i < s->nr; i++) {
		size_t from = i ? s->found[i - 1].at : 0;
		size_t at = s->found[i].at;
		size_t to = i + 1 < s->nr ? s->found[i + 1].at : n;

		s->found[i].before = nwb_median(s->x + from, at - from);
		s->found[i].after = nwb_median(s->x + at, to - at);
	}
}

static double height(const struct nwb_change *c)
{
	return fabs(c->after - c->before);
}

/* Take away the lowest step until all that are left are high enough. */
static void merge_low_steps(struct search *s, size_t n)
{
	double least = log1p(s->rule->min_effect);

	for (set_levels(s, n); s->nr; set_levels(s, n)) {
		size_t low = 0;

		for (size_t i = 1; i < s->nr; i++)
			if (height(&s->found[i]) < height(&s->found[low]))
				low = i;
		if (height(&s->found[low]) >= least)
			return;
		s->nr--;
		memmove(&s->found[low], &s->found[low + 1],
			(s->nr - low) * sizeof(s->found[0]));
	}
}

void nwb_change_rule_init(struct nwb_change_rule *rule)
{
	*rule = (struct nwb_change_rule){
		.p = 0.01,
		.min_effect = 0.02,
		.min_side = 5,
		.permutations = 199,
		.seed = 1,
	};
}

size_t nwb_change_points(const double *x, size_t n,
			 const struct nwb_change_rule *rule,
			 struct nwb_change *ret, size_t max)
{
	struct search s = {
		.x = x, .rule = rule, .todo = {{0, n}}, .nr_todo = 1};

	nwb_assert(n <= NWB_SERIES_MAX);
	nwb_assert(rule->min_side >= 3 && rule->min_effect >= 0.0);
	nwb_assert(rule->permutations >= 99 && rule->permutations <= 9999);
	for (size_t i = 0; i < n; i++)
		nwb_assert(isfinite(x[i]));
	while (s.nr_todo)
		split_segment(&s, s.todo[--s.nr_todo]);
	sort_by_time(s.found, s.nr);
	merge_low_steps(&s, n);
	if (s.nr > max)
		s.nr = max;
	memcpy(ret, s.found, s.nr * sizeof(ret[0]));
	return s.nr;
}
