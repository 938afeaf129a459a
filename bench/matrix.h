/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The quick matrix as a list of jobs in the order in which they run.
 *
 *	round 1: every clean pair once        (order inside a pair: a coin)
 *	round 2: ...
 *	round n
 *	then as many rounds of every faulted pair
 *
 * Round-robin over cases, so that a noisy minute hits many cases a little and
 * none wholly.
 */
#ifndef NWB_BENCH_MATRIX_H
#define NWB_BENCH_MATRIX_H

#include "bench_i.h"

struct bench_job {
	struct bench_run_opts run;
	unsigned int pair;
	unsigned int order;
};

struct bench_matrix {
	struct bench_job *job;
	unsigned int nr;
	unsigned int room;
	const char *server[2];
	unsigned int nr_servers;
	struct nwb_plan *plan[16]; /* one a standard fault; owned */
	uint64_t rnd;
	const char *filter;
	struct bench_shard *shard;
	unsigned int nr_all; /* with those of other shards */
};

/**
 * bench_matrix_build() - all jobs.
 * @pairs: interleaved pairs of the clean cells; 0 = leave these out
 * @fault_pairs: the same of the faulted cells
 * @server: this one alone; NULL = smbd and diod
 * @filter: glob on the cell's name, or NULL
 * @shard: only the jobs of this part, which may be none; it remembers what
 *	was left out
 */
int bench_matrix_build(struct bench_matrix *m, unsigned int pairs,
		       unsigned int fault_pairs, uint64_t seed,
		       const char *server, const char *filter,
		       struct bench_shard *shard,
		       struct nwb_err *err) nwb_must_check;
void bench_matrix_fini(struct bench_matrix *m);

#endif
