/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The gate's threshold from a case's own history, and the gate's words.
 */
#include "nwb/gate.h"

#include <math.h>

enum nwb_delta_from nwb_adaptive_delta(const double *est, size_t n,
				       double floor, double *ret_delta)
{
	double mag[NWB_VALUES_MAX], q1, q3, delta;

	nwb_assert(floor > 0.0 && n <= NWB_VALUES_MAX);
	*ret_delta = floor;
	if (n < NWB_DELTA_NIGHTS)
		return NWB_DELTA_FLOOR;
	for (size_t i = 0; i < n; i++)
		mag[i] = fabs(est[i]);
	q1 = nwb_quantile_of(mag, n, 0.25);
	q3 = nwb_quantile_of(mag, n, 0.75);
	delta = expm1(q3 + 3.0 * (q3 - q1));
	if (delta > NWB_GATE_DELTA_CAP) {
		*ret_delta = NWB_GATE_DELTA_CAP;
		return NWB_DELTA_OBSERVE;
	}
	if (delta > floor)
		*ret_delta = delta;
	return NWB_DELTA_HISTORY;
}

static const char *nth(const char *const *names, size_t nr, unsigned int i)
{
	nwb_assert(i < nr);
	return names[i];
}

const char *nwb_gate_verdict_name(enum nwb_gate_verdict v)
{
	static const char *const names[] = {
		[NWB_GATE_UNCLEAR] = "UNCLEAR",
		[NWB_GATE_SAME] = "SAME",
		[NWB_GATE_WORSE] = "WORSE",
		[NWB_GATE_BETTER] = "BETTER",
	};

	return nth(names, NWB_ARRAY_SIZE(names), v);
}

const char *nwb_gate_why_name(enum nwb_gate_why w)
{
	static const char *const names[] = {
		[NWB_GATE_DECIDED] = "decided",
		[NWB_GATE_FUTILE] = "too small to decide",
		[NWB_GATE_LAST_LOOK] = "undecided at the last look",
		[NWB_GATE_BIMODAL] = "two modes",
		[NWB_GATE_GO_ON] = "needs more pairs",
		[NWB_GATE_NEED_PAIRS] = "need >= 8 pairs",
		[NWB_GATE_NOT_A_LOOK] = "ended between two looks",
	};

	return nth(names, NWB_ARRAY_SIZE(names), w);
}

const char *nwb_gate_outcome_name(enum nwb_gate_outcome o)
{
	static const char *const names[] = {
		[NWB_OUTCOME_OK] = "ok",
		[NWB_OUTCOME_UNCLEAR] = "unclear",
		[NWB_OUTCOME_SUSPECT] = "suspect",
		[NWB_OUTCOME_RED] = "RED",
		[NWB_OUTCOME_BETTER] = "better",
		[NWB_OUTCOME_HOPEFUL] = "better, not confirmed",
		[NWB_OUTCOME_OBSERVED] = "observed",
	};

	return nth(names, NWB_ARRAY_SIZE(names), o);
}
