/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The end of the road: a broken invariant. The only place of the pure rooms
 * that prints, because there is nobody left to return an error to.
 */
#include "nwb/util.h"

#include <stdio.h>
#include <stdlib.h>

void nwb_assert_fail(const char *expr, const char *file, int line)
{
	fprintf(stderr, "netwb: %s:%d: broken invariant: %s\n", file, line,
		expr);
	abort();
}
