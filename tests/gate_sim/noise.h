/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Recorded noise: pairs of a build against itself as `netwb gate
 * --record-noise` writes them, drawn again in blocks, so that what lasts longer
 * than a pair (a busy neighbour, a warm cache) stays in the simulation.
 */
#ifndef NWB_SIM_NOISE_H
#define NWB_SIM_NOISE_H

#include "nwb/stats.h"

#define NOISE_CASES_MAX 32
#define NOISE_PAIRS_MAX 2048
#define NOISE_BLOCK	5

enum {
	METRIC_CPU,
	METRIC_WALL,
	NR_METRICS,
};

struct noise_case {
	char name[64];
	/* ln(cost B / cost A) of each pair, both metrics of the same pair */
	double d[NR_METRICS][NOISE_PAIRS_MAX];
	unsigned int nr[NR_METRICS];
};

struct noise {
	struct noise_case c[NOISE_CASES_MAX];
	unsigned int nr;
};

/* splitmix64: one state, one stream. */
uint64_t sim_random(uint64_t *state);
double sim_normal(uint64_t *state);

/*
 * Add the lines "CASE METRIC D D ..." of @path to @n; a case of several files
 * goes on. METRIC is cpu or wall, others are passed over; D is of the cost. 0,
 * or -1 after one message.
 */
int noise_load(struct noise *n, const char *path);
/*
 * Instead of recorded noise: two cases with tails of t(5) and the spread that
 * identical runs had on a quiet two-core virtual machine, ln ratio of a pair,
 * CPU time 0.05 and 0.04, wall time 0.24 and 0.19, times @factor.
 */
void noise_model(struct noise *n, double factor);
/* Has every case both metrics, and enough pairs? 0, or -1 after a message. */
int noise_check(const struct noise *n);

/* Fill @d[metric][0..nr) with pairs of @c in blocks; the coin that decides the
 * order inside a pair is tossed anew. @nr is at most NWB_PAIRS_MAX. */
void noise_draw(const struct noise_case *c, uint64_t *state, unsigned int nr,
		double (*d)[NWB_PAIRS_MAX]);

#endif
