/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How `netwb sim` runs its worlds; see bench/cmd_sim.c. */
#ifndef NWB_BENCH_SIM_RUN_H
#define NWB_BENCH_SIM_RUN_H

#include "nwb/sim.h"

#define SIM_JOBS_MAX 64u

struct sim_run_opts {
	uint64_t first, nr_seeds, minutes;
	unsigned int jobs;
	bool has_seed, json, shrink, trace, digests, all_mutants;
	const struct nwb_sim_mutant *mutant;
	enum nwb_flavour flavour;
	bool has_hazards;    /* it was said which */
	uint32_t no_hazards; /* NWB_HAZARD_BIT()s that are off */
	struct nwb_sim_cut cut;
};

/* All return an exit code. */
int sim_run_trace(const struct sim_run_opts *o);
int sim_run_seeds(const struct sim_run_opts *o);
int sim_run_mutant(const struct sim_run_opts *o);
int sim_run_mutants(const struct sim_run_opts *o);
/** sim_run_flavour() - S3: which hazards of the flavour do damage, by name, and
 * does anything else? (bench/sim_flavour.c) */
int sim_run_flavour(const struct sim_run_opts *o);

/* A seed that did not pass. @check "DIED": the process did. */
struct sim_failure {
	uint64_t seed;
	struct nwb_sim_result r;
	int signal;
};

struct sim_sums {
	uint64_t seeds, steps, events, rpcs, firings, ops, idle, virtual_ns;
	uint64_t ns;	       /* all told */
	uint64_t cpu_ns;       /* of all processes */
	uint64_t family[32];   /* plans that have it */
	uint64_t died, failed; /* @died: count among @seeds, too */
};

#define SIM_FAILURES 8u

/**
 * sim_campaign() - run seeds until they are done, the time is over, or
 * something failed (@stop_at failures).
 * @ret_failure: the failures, lowest seed first; *ret_nr of them
 * Return: 0, or negative errno: no memory, no process.
 */
int sim_campaign(const struct sim_run_opts *o, uint64_t mutants,
		 unsigned int stop_at, struct sim_sums *ret_sums,
		 struct sim_failure *ret_failure, unsigned int *ret_nr);
/** sim_exit() - the end of a child: nothing of the parent's is run. */
void sim_exit(void) __attribute__((noreturn));
/** sim_shared() - zeroed memory that children share; NULL: none. */
void *sim_shared(size_t size);
/** sim_one() - one world in a child; @ret_f->r.check "" when all held. Return:
 * 0, or negative errno: no memory, no process. */
int sim_one(const struct nwb_sim_opts *so, struct sim_failure *ret_f);
/** sim_world_opts() - one world of @o. */
struct nwb_sim_opts sim_world_opts(const struct sim_run_opts *o, uint64_t seed);
/** sim_flavour_option() - " --flavour linux-7.2 --hazards h3" for a command
 * line; "" for strict. Return: @buf. */
const char *sim_flavour_option(enum nwb_flavour flavour, uint32_t no_hazards,
			       char *buf, size_t size);
/** sim_shrink_print() - reduce @f and print the command that repeats it. */
void sim_shrink_print(const struct sim_run_opts *o, struct sim_failure *f);

#endif
