/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Simulated sessions of the gate.
 *
 * A session is SIM_CASES cases with two metrics each, CPU time and wall time,
 * drawn from recorded pairs of identical runs; both arms carry, per session and
 * case, a bias as another link order makes it (1 % of CPU time and 1.5 % of
 * wall time, standard deviations, as measured once for this project). Then all
 * that `netwb gate` does with pairs: controls, looks at 10, 20, 30 and 40, the
 * family of all tests, more pairs for who is not kept, and a confirming session
 * of its own, with a bias of its own, for each suspect.
 */
#ifndef NWB_SIM_H
#define NWB_SIM_H

#include "nwb/gate.h"

#include "noise.h"

#define SIM_CASES 10
#define SIM_TESTS (SIM_CASES * NR_METRICS)

/* One metric of a case: how it is judged, and how it stands. */
struct sim_metric {
	struct nwb_gate_rule rule;
	bool is_observed;
	double d[NWB_PAIRS_MAX];
	struct nwb_gate_decision dec;
};

struct sim_case {
	const struct noise_case *noise;
	double planted[NR_METRICS];
	struct sim_metric m[NR_METRICS];
	unsigned int pairs; /* that had to be measured */
};

/* Thresholds that history adapted. */
struct sim_delta {
	double delta;
	bool is_observed;
};

struct sim {
	const struct noise *noise;
	uint64_t state;
	double bias; /* times the bias of a link; 1 */
	struct sim_case c[SIM_CASES];
	struct sim_delta adapted[SIM_CASES][NR_METRICS];
};

/**
 * struct sim_tally - what became of many sessions.
 * @sessions, @unusable: by their controls; they count like the others
 * @comparisons: cases without a change
 * @suspects, @red, @better: of those, WORSE once, confirmed, BETTER once
 * @found: sessions in which the planted case was red
 * @runs: of the planted case, or without one of all cases by their number
 */
struct sim_tally {
	unsigned int sessions, unusable;
	unsigned int comparisons, suspects, red, better;
	unsigned int found;
	double runs;
};

/* Forty A/A nights of each case, and the thresholds they make. */
void sim_adapt(struct sim *s);
/* @sessions with a cost of @factor planted on @metric of one case of each;
 * factor 1: nothing. */
struct sim_tally sim_run(struct sim *s, unsigned int sessions, int metric,
			 double factor, bool is_adapted);

#endif
