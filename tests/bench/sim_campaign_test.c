/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Simulated worlds in processes: each seed is run once, also beside one that
 * takes its process along, and such an end is never taken for a good one.
 */
#include "nwb_test.h"

#include "sim_run.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SEEDS	  100u
#define EXITS	  13u /* in the middle of a chunk, and at its ends */
#define DIES	  40u
#define DIES_TOO  47u
#define FAILS	  60u
#define CANNOT_BE 61u

static _Atomic unsigned int *ran; /* by seed; shared with the processes */

int nwb_sim_run(const struct nwb_sim_opts *opts, struct nwb_sim_result *ret_r,
		struct nwb_err *err)
{
	memset(ret_r, 0, sizeof(*ret_r));
	ret_r->steps = 1;
	atomic_fetch_add(&ran[opts->seed], 1);
	if (opts->seed == EXITS)
		_exit(23); /* as a sanitizer does */
	if (opts->seed == DIES || opts->seed == DIES_TOO)
		raise(SIGKILL);
	if (opts->seed == FAILS)
		snprintf(ret_r->check, sizeof(ret_r->check), "O1");
	if (opts->seed == CANNOT_BE)
		return nwb_err_set(err, -ENOMEM, "no memory");
	return 0;
}

static void make_board(void)
{
	ran = mmap(NULL, SEEDS * sizeof(*ran), PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	nwb_check(ran != MAP_FAILED);
}

static void check_failure(const struct sim_failure *f, uint64_t seed,
			  const char *check)
{
	nwb_check_eq(f->seed, seed);
	nwb_check(!strcmp(f->r.check, check));
}

NWB_TEST(sim_campaign, each_seed_is_run_once_whoever_dies)
{
	for (unsigned int jobs = 1; jobs <= 3; jobs++) {
		struct sim_run_opts o = {.nr_seeds = SEEDS, .jobs = jobs};
		struct sim_failure f[SIM_FAILURES];
		struct sim_sums sums;
		unsigned int nr;

		make_board();
		nwb_check_eq(sim_campaign(&o, 0, SIM_FAILURES, &sums, f, &nr),
			     0);
		for (unsigned int i = 0; i < SEEDS; i++)
			nwb_check_eq(atomic_load(&ran[i]), 1);
		nwb_check_eq(sums.seeds, SEEDS);
		nwb_check_eq(sums.died, 3);
		nwb_check_eq(sums.failed, 5);
		nwb_check_eq(nr, 5);
		check_failure(&f[0], EXITS, "DIED");
		nwb_check(strstr(f[0].r.text, "exit code 23") != NULL);
		check_failure(&f[1], DIES, "DIED");
		nwb_check_eq(f[1].signal, SIGKILL);
		check_failure(&f[2], DIES_TOO, "DIED");
		check_failure(&f[3], FAILS, "O1");
		check_failure(&f[4], CANNOT_BE, "SETUP");
	}
}

NWB_TEST(sim_campaign, the_first_failure_may_end_it)
{
	struct sim_run_opts o = {.first = FAILS, .nr_seeds = 40, .jobs = 1};
	struct sim_failure f[SIM_FAILURES];
	struct sim_sums sums;
	unsigned int nr;

	make_board();
	nwb_check_eq(sim_campaign(&o, 0, 1, &sums, f, &nr), 0);
	nwb_check_eq(nr, 1);
	check_failure(&f[0], FAILS, "O1");
	nwb_check_eq(sums.seeds, 1);
	nwb_check_eq(atomic_load(&ran[FAILS + 1]), 0);
}

NWB_TEST(sim_campaign, one_world_that_ends_its_process_did_not_hold)
{
	struct nwb_sim_opts so = {.seed = 1};
	struct sim_failure f;

	make_board();
	nwb_check_eq(sim_one(&so, &f), 0);
	check_failure(&f, 1, "");
	so.seed = EXITS;
	nwb_check_eq(sim_one(&so, &f), 0);
	check_failure(&f, EXITS, "DIED");
	so.seed = DIES;
	nwb_check_eq(sim_one(&so, &f), 0);
	check_failure(&f, DIES, "DIED");
	nwb_check_eq(f.signal, SIGKILL);
	so.seed = FAILS;
	nwb_check_eq(sim_one(&so, &f), 0);
	check_failure(&f, FAILS, "O1");
}
