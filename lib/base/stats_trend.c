/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The last eight nights together: a drift too small for any one of them.
 */
#include "nwb/trend.h"

#include <math.h>

#define CI_ALPHA 0.05

void nwb_trend(const double *x, size_t n, struct nwb_trend *ret)
{
	double up[NWB_TREND_NIGHTS] = {0}, down[NWB_TREND_NIGHTS] = {0};
	double t = log1p(NWB_TREND_EFFECT);
	struct nwb_trend trend = {.p_worse = 1.0, .p_better = 1.0};

	if (n > NWB_TREND_NIGHTS) {
		x += n - NWB_TREND_NIGHTS;
		n = NWB_TREND_NIGHTS;
	}
	trend.n = n;
	if (n)
		nwb_shift_ci(x, n, CI_ALPHA, &trend.est, &trend.lo, &trend.hi);
	for (size_t i = 0; i < n; i++) {
		up[i] = x[i] - t;
		down[i] = -x[i] - t;
	}
	trend.p_worse = nwb_signed_rank_p(up, n);
	trend.p_better = nwb_signed_rank_p(down, n);
	if (n == NWB_TREND_NIGHTS) {
		trend.is_worse = trend.p_worse <= NWB_TREND_ALPHA;
		trend.is_better = trend.p_better <= NWB_TREND_ALPHA;
	}
	*ret = trend;
}
