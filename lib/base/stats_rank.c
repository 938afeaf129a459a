/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Exact rank statistics for at most NWB_PAIRS_MAX pairs.
 *
 * Null distribution of the signed-rank statistic: every difference is as
 * likely positive as negative, so the statistic is a sum of independent terms
 * that are 0 or the rank. Its probabilities are built one rank at a time:
 *
 *	P_new(s) = P_old(s) / 2 + P_old(s - rank) / 2
 *
 * Ranks are doubled throughout, because a tie of two makes a half rank, and
 * sums of doubled ranks are whole numbers that index an array.
 *
 * Sources: Wilcoxon 1945; Hodges and Lehmann 1963; ties as in the conditional
 * (permutation) distribution, zeros dropped as Wilcoxon did.
 */
#include "stats_i.h"

#include <math.h>
#include <string.h>

#define RANK2_SUM_MAX (NWB_PAIRS_MAX * (NWB_PAIRS_MAX + 1))
#define WALSH_MAX     (RANK2_SUM_MAX / 2)

/* prob[s] for s in 0..top2: one more term of 0 or @rank2. */
static void add_term(double *prob, size_t *top2, size_t rank2)
{
	size_t s = *top2 + rank2;

	*top2 = s;
	for (;; s--) {
		double without = prob[s];
		double with = s >= rank2 ? prob[s - rank2] : 0.0;

		prob[s] = 0.5 * (without + with);
		if (!s)
			return;
	}
}

/* Twice the mid-rank of the magnitude @mag among the @n sorted ones. */
static size_t rank2_of(const double *sorted, size_t n, double mag)
{
	size_t below = 0, equal = 0;

	for (size_t i = 0; i < n; i++) {
		below += sorted[i] < mag;
		equal += sorted[i] == mag;
	}
	nwb_assert(equal);
	/* Ranks below+1 .. below+equal; their mean, doubled. */
	return 2 * below + equal + 1;
}

double nwb_signed_rank_p(const double *x, size_t n)
{
	double mag[NWB_PAIRS_MAX], prob[RANK2_SUM_MAX + 1];
	size_t m = 0, top2 = 0, stat2 = 0;
	double p = 0.0;

	nwb_assert(n <= NWB_PAIRS_MAX);
	for (size_t i = 0; i < n; i++) {
		nwb_assert(!isnan(x[i]));
		if (x[i] != 0.0)
			mag[m++] = fabs(x[i]);
	}
	if (!m)
		return 1.0;
	nwb_sort(mag, m);

	memset(prob, 0, sizeof(prob));
	prob[0] = 1.0;
	for (size_t i = 0; i < n; i++) {
		size_t rank2;

		if (x[i] == 0.0)
			continue;
		rank2 = rank2_of(mag, m, fabs(x[i]));
		add_term(prob, &top2, rank2);
		if (x[i] > 0.0)
			stat2 += rank2;
	}
	/* Smallest terms first keeps the sum accurate. */
	for (size_t s = top2 + 1; s-- > stat2;)
		p += prob[s];
	return p < 1.0 ? p : 1.0;
}

/*
 * The largest k with P(statistic < k) <= @tail: the k-th smallest Walsh average
 * then is below the true shift with probability at least 1 - @tail.
 */
static size_t ci_order(size_t n, double tail)
{
	double prob[RANK2_SUM_MAX + 1], below = 0.0;
	size_t top2 = 0, k = 0;

	memset(prob, 0, sizeof(prob));
	prob[0] = 1.0;
	for (size_t r = 1; r <= n; r++)
		add_term(prob, &top2, 2 * r);
	while (2 * k <= top2 && below + prob[2 * k] <= tail) {
		below += prob[2 * k];
		k++;
	}
	return k;
}

void nwb_shift_ci(const double *d, size_t n, double alpha, double *ret_est,
		  double *ret_lo, double *ret_hi)
{
	double walsh[WALSH_MAX];
	size_t nr = 0, k;

	nwb_assert(n >= 1 && n <= NWB_PAIRS_MAX);
	nwb_assert(alpha > 0.0 && alpha < 1.0);
	for (size_t i = 0; i < n; i++) {
		nwb_assert(!isnan(d[i]));
		for (size_t j = i; j < n; j++)
			walsh[nr++] = 0.5 * (d[i] + d[j]);
	}
	nwb_sort(walsh, nr);
	k = ci_order(n, alpha / 2);

	*ret_est = nwb_middle_of_sorted(walsh, nr);
	*ret_lo = k ? walsh[k - 1] : -INFINITY;
	*ret_hi = k ? walsh[nr - k] : INFINITY;
}
