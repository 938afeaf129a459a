/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the statistics share. */
#ifndef NWB_STATS_I_H
#define NWB_STATS_I_H

#include "nwb/stats.h"

/** nwb_sort() - ascending, in place; a NaN is a broken invariant. */
void nwb_sort(double *x, size_t n);
/** nwb_middle_of_sorted() - median of @n >= 1 sorted values. */
double nwb_middle_of_sorted(const double *x, size_t n);

#endif
