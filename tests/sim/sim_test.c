/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netwb sim in itself: same seed, same world; a check that fails ends it; cuts
 * and shrinking.
 */
#include "nwb/exec.h"
#include "nwb/sim.h"
#include "nwb/wait.h"
#include "nwb_test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct nwb_sim_result run(uint64_t seed, const struct nwb_sim_cut *cut)
{
	struct nwb_sim_opts so = {.seed = seed};
	struct nwb_sim_result r;
	struct nwb_err err = {0};
	int rc;

	if (cut)
		so.cut = *cut;
	rc = nwb_sim_run(&so, &r, &err);
	if (rc || r.check[0])
		fprintf(stderr, "seed %llu: %s %s %s\n",
			(unsigned long long)seed, err.text, r.check, r.text);
	nwb_check_eq(rc, 0);
	nwb_check_streq(r.check, "");
	return r;
}

/* S2: on this compiler; `make sim-digests` compares two. */
NWB_TEST(sim, same_seed_same_digest)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct nwb_sim_result a = run(seed, NULL);
		struct nwb_sim_result b = run(seed, NULL);

		nwb_check(!memcmp(a.digest, b.digest, sizeof(a.digest)));
		nwb_check_eq(a.steps, b.steps);
		nwb_check_eq(a.rpcs, b.rpcs);
	}
}

NWB_TEST(sim, other_seed_other_digest)
{
	struct nwb_sim_result a = run(1, NULL), b = run(2, NULL);

	nwb_check(memcmp(a.digest, b.digest, sizeof(a.digest)) != 0);
}

/* Defects that no other test has seen; each failed before it was mended. */
NWB_TEST(sim, worlds_that_failed_once)
{
	static const uint64_t seeds[] = {
		58364, /* O4: two files with the same offsets taken for one */
		64149, /* O9: a crash took what filled the last unit */
		83284, /* O1: and another one what was before that */
		14702, /* O8: all credits with writes that wait for the one */
		70144, /* who encrypts, and he for a credit */
		122,   /* the same, with credits in a batch kept back */
		12952, /* O10: zeros of a truncation that came later */
		34867, /* O3: zeros of a truncation that never arrived */
		39384,
		34955, /* O2: a given-up upload left half a block */
		51459,
		67056, /* O2: changed while it was sent, the next given up */
		95165,
		15958, /* O6: told between a failure's record and its error */
	};

	for (unsigned int i = 0; i < sizeof(seeds) / sizeof(*seeds); i++)
		(void)run(seeds[i], NULL);
}

/* O6: cancelled behind a failure that had been told already. */
NWB_TEST(sim, a_world_of_linux_that_failed_once)
{
	struct nwb_sim_opts so = {.seed = 980,
				  .flavour = NWB_LINUX_6_12,
				  .no_hazards = NWB_HAZARDS_ALL};
	struct nwb_sim_result r;
	struct nwb_err err = {0};

	nwb_check_eq(nwb_sim_run(&so, &r, &err), 0);
	nwb_check_streq(r.check, "");
}

NWB_TEST(sim, what_is_left_out_does_not_happen)
{
	struct nwb_sim_cut cut = {.ops = {UINT64_MAX, UINT64_MAX},
				  .faults = UINT32_MAX};
	struct nwb_sim_result all = run(3, NULL), none = run(3, &cut);

	nwb_check(all.ops > 0);
	nwb_check_eq(none.ops, 0);
	nwb_check(none.rpcs < all.rpcs);
}

/* --- the watch, and the end that it may bring ----------------------------- */

struct watched {
	struct nwb_exec *ex;
	struct nwb_mutex m;
	unsigned int nr;
	int value;
	bool went_on;
};

static int watch(void *arg, const struct nwb_mutex *m)
{
	struct watched *x = arg;

	if (m != &x->m)
		return 0;
	x->nr++;
	return x->value == 3 ? -EIO : 0;
}

static void watched_main(void *arg)
{
	struct watched *x = arg;

	nwb_mutex_init(&x->m, x->ex, "watched");
	nwb_exec_sim_watch(x->ex, watch, x);
	for (int i = 0; i < 10; i++) {
		nwb_mutex_lock(&x->m);
		x->value = i;
		nwb_mutex_unlock(&x->m);
	}
	x->went_on = true;
}

NWB_TEST(sim, watch_sees_every_section_and_may_end_the_world)
{
	struct watched x = {0};

	nwb_check_eq(nwb_exec_sim_new(1, &x.ex, NULL), 0);
	nwb_check_eq(nwb_exec_run(x.ex, watched_main, &x, 0, NULL), -EIO);
	nwb_exec_free(x.ex);
	nwb_check_eq(x.nr, 4);
	nwb_check(!x.went_on);
}

static void stopping_main(void *arg)
{
	nwb_exec_sim_stop(arg, -ECANCELED);
}

NWB_TEST(sim, a_task_may_end_the_world)
{
	struct nwb_exec *ex;

	nwb_check_eq(nwb_exec_sim_new(1, &ex, NULL), 0);
	nwb_check_eq(nwb_exec_run(ex, stopping_main, ex, 0, NULL), -ECANCELED);
	nwb_exec_free(ex);
}

/* --- cuts ------------------------------------------------------------------ */

NWB_TEST(sim, lists_of_cuts)
{
	struct nwb_sim_cut cut = {0};
	uint64_t faults = 0;
	char text[200];

	nwb_check_eq(nwb_sim_cut_parse("0,3-5,127", NWB_SIM_OPS, cut.ops), 0);
	nwb_check_eq(nwb_sim_cut_parse("2", NWB_SIM_FAULTS, &faults), 0);
	cut.faults = (uint32_t)faults;
	cut.halve = 2;
	nwb_sim_cut_print(&cut, text, sizeof(text));
	nwb_check_streq(text,
			" --drop-ops 0,3-5,127 --drop-faults 2 --halve 2");
	nwb_check_eq(nwb_sim_cut_parse("128", NWB_SIM_OPS, cut.ops), -EINVAL);
	nwb_check_eq(nwb_sim_cut_parse("5-3", NWB_SIM_OPS, cut.ops), -EINVAL);
	nwb_check_eq(nwb_sim_cut_parse("", NWB_SIM_OPS, cut.ops), -EINVAL);
	nwb_check_eq(nwb_sim_cut_parse("x", NWB_SIM_OPS, cut.ops), -EINVAL);
	nwb_check_eq(nwb_sim_cut_parse("1,-2", NWB_SIM_OPS, cut.ops), -EINVAL);
}

/* "Fails" as long as operations 7 and 23 and fault 1 are there. */
static bool needs_three(void *arg, const struct nwb_sim_cut *cut)
{
	(void)arg;
	return !(cut->ops[0] >> 7 & 1) && !(cut->ops[0] >> 23 & 1) &&
	       !(cut->faults >> 1 & 1) && cut->halve < 3;
}

NWB_TEST(sim, shrinking_leaves_what_is_needed)
{
	uint64_t seed = 1;
	struct nwb_sim_cut cut = {0};
	unsigned int nr, left = 0;

	while (nwb_sim_nr_faults(seed) < 3)
		seed++;
	nr = nwb_sim_nr_ops(seed);
	nwb_check(nwb_sim_shrink(seed, &cut, needs_three, NULL) < 500);
	for (unsigned int i = 0; i < nr; i++)
		left += !(cut.ops[i / 64] >> (i % 64) & 1);
	nwb_check_eq(left, 2);
	nwb_check(!(cut.faults >> 1 & 1) && (cut.faults & 1));
	nwb_check_eq(cut.halve, 2);
}
