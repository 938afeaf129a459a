/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where is the knee? Up or down from a first guess by a quarter until the
 * answer changes, then the ratio of the two ends is halved (in the logarithm)
 * until it is small.
 *
 *	kept         kept   not          not
 *	 |            lo     hi           |          rate, logarithmic
 *	              |<-at->|
 */
#include "workloads_i.h"

#include "nwb/openloop.h"
#include <math.h>

/* Twice before it is called too much: one noisy moment is not a knee. */
static int try_twice(double rate, nwb_knee_try_fn try, void *arg,
		     unsigned int *nr, bool *ret_kept)
{
	int rc = 0;

	*ret_kept = false;
	for (int i = 0; i < 2 && !rc && !*ret_kept; i++) {
		(*nr)++;
		rc = try(arg, (uint64_t)rate, ret_kept);
	}
	return rc;
}

int nwb_knee_find(double guess, unsigned int nr_max, nwb_knee_try_fn try,
		  void *arg, uint64_t *ret_knee)
{
	double lo = 0, hi = 0, at = nwb_max(guess, 1.0);
	unsigned int nr = 0;

	while (at >= 1 && nr < nr_max &&
	       (lo == 0 || hi == 0 || hi / lo > NWB_KNEE_RATIO)) {
		bool is_kept;
		int rc = try_twice(at, try, arg, &nr, &is_kept);

		if (rc)
			return rc;
		if (is_kept)
			lo = at;
		else
			hi = at;
		if (lo != 0 && hi != 0)
			at = sqrt(lo * hi);
		else if (is_kept && at >= NWB_OPENLOOP_RATE_MAX)
			break;
		else if (is_kept)
			at = nwb_min(at * 1.25, (double)NWB_OPENLOOP_RATE_MAX);
		else
			at /= 1.25;
	}
	if (lo == 0)
		return -ENOENT;
	*ret_knee = (uint64_t)lo;
	return 0;
}
