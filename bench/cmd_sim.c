/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netwb sim: many simulated worlds, a seed each.
 *
 *	parent ── fork ──► worker ─► worlds, one after the other
 *	   ▲                  │ shared page: next seed, sums, what failed
 *	   └── waits ◄────────┘
 *
 * A worker that dies of an assertion is a finding, too: its seed is told, and
 * another one takes its place.
 */
#include "bench_i.h"
#include "cli.h"
#include "sim_run.h"

#include "nwb/sim.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	OPT_SEEDS = 256,
	OPT_SEED,
	OPT_MINUTES,
	OPT_JOBS,
	OPT_JSON,
	OPT_MUTANT,
	OPT_LIST,
	OPT_SHRINK,
	OPT_TRACE,
	OPT_DIGESTS,
	OPT_DROP_OPS,
	OPT_DROP_FAULTS,
	OPT_HALVE,
	OPT_FLAVOUR,
	OPT_HAZARDS,
	OPT_HELP,
};

static const struct option options[] = {
	{"seeds", 1, NULL, OPT_SEEDS},
	{"seed", 1, NULL, OPT_SEED},
	{"minutes", 1, NULL, OPT_MINUTES},
	{"jobs", 1, NULL, OPT_JOBS},
	{"json", 0, NULL, OPT_JSON},
	{"mutant", 1, NULL, OPT_MUTANT},
	{"list-mutants", 0, NULL, OPT_LIST},
	{"shrink", 0, NULL, OPT_SHRINK},
	{"trace", 0, NULL, OPT_TRACE},
	{"digests", 0, NULL, OPT_DIGESTS},
	{"drop-ops", 1, NULL, OPT_DROP_OPS},
	{"drop-faults", 1, NULL, OPT_DROP_FAULTS},
	{"halve", 1, NULL, OPT_HALVE},
	{"flavour", 1, NULL, OPT_FLAVOUR},
	{"hazards", 1, NULL, OPT_HAZARDS},
	{"help", 0, NULL, OPT_HELP},
	{NULL, 0, NULL, 0},
};

static void usage(FILE *out)
{
	fprintf(out,
		"usage: netwb sim [OPTIONS]\n\n"
		"Simulate the reference client and a faulty server in virtual "
		"time, a world a\nseed, and judge each: invariants at every "
		"step, oracles at the end, then all\nmust converge.\n\n"
		"  --seeds N           so many worlds (default 1000; 1 with "
		"--seed;\n"
		"                      20000 for a mutant)\n"
		"  --seed S            the first seed (default 1)\n"
		"  --minutes M         go on for so long instead\n"
		"  --jobs J            processes (default: one a core)\n"
		"  --json              one JSON object at the end\n"
		"  --digests           print each seed's digest of all events\n"
		"  --mutant NAME|all   with a deliberate defect, until a check "
		"finds it;\n"
		"                      needs a build with -Dmutants=true\n"
		"  --list-mutants      names and titles\n"
		"  --shrink            reduce the seed that fails\n"
		"  --trace             print the plan and every event of "
		"--seed "
		"S\n"
		"  --drop-ops LIST     leave out operations (1,4-9) of the "
		"plan\n"
		"  --drop-faults LIST  leave out faults\n"
		"  --halve N           halve the lengths N times\n"
		"  --flavour NAME      the client as linux-6.12 or linux-7.2 "
		"has it: which of\n"
		"                      its hazards do damage, each by itself, "
		"and does\n"
		"                      anything else?\n"
		"  --hazards LIST      of the flavour only these (h3,h17, "
		"none, all; -h9: all\n"
		"                      but that one), and worlds judged as "
		"without --flavour\n\n"
		"A failing seed prints the command that repeats it. Exit: 0 "
		"all held, 1 a check\nfailed (or a mutant was not found), 3 "
		"bad usage.\n");
}

static int list_mutants(void)
{
	for (unsigned int i = 0; i < nwb_sim_nr_mutants; i++)
		printf("%-18s %-8s %s\n", nwb_sim_mutants[i].name,
		       nwb_sim_mutants[i].section, nwb_sim_mutants[i].title);
	return NWB_EXIT_OK;
}

/* Options that do not go together. */
static int refuse(const char *why)
{
	fprintf(stderr, "netwb: sim: %s\n", why);
	return -1;
}

static int number(const char *name, const char *text, uint64_t min,
		  uint64_t max, uint64_t *ret)
{
	char *end, want[80];

	*ret = strtoull(text, &end, 10);
	if (text[0] >= '0' && text[0] <= '9' && !*end && *ret >= min &&
	    *ret <= max)
		return 0;
	snprintf(want, sizeof(want), "a number from %" PRIu64 " to %" PRIu64,
		 min, max);
	return bench_bad_value(name, text, want);
}

static int take_mutant(struct sim_run_opts *o, const char *name)
{
	if (!strcmp(name, "all")) {
		o->all_mutants = true;
		return 0;
	}
	for (unsigned int i = 0; i < nwb_sim_nr_mutants; i++)
		if (!strcmp(name, nwb_sim_mutants[i].name))
			o->mutant = &nwb_sim_mutants[i];
	return o->mutant ? 0
			 : bench_bad_value("mutant", name,
					   "no such mutant; --list-mutants");
}

static int take_cut(struct sim_run_opts *o, int opt, const char *text)
{
	uint64_t faults = 0, halve = 0;
	int rc;

	if (opt == OPT_HALVE) {
		rc = number("halve", text, 0, 16, &halve);
		o->cut.halve = (unsigned int)halve;
		return rc;
	}
	if (opt == OPT_DROP_OPS)
		rc = nwb_sim_cut_parse(text, NWB_SIM_OPS, o->cut.ops);
	else
		rc = nwb_sim_cut_parse(text, NWB_SIM_FAULTS, &faults);
	o->cut.faults |= (uint32_t)faults;
	if (!rc)
		return 0;
	return bench_bad_value(opt == OPT_DROP_OPS ? "drop-ops" : "drop-faults",
			       text, "not a list like 1,4-9");
}

static int take_flavour(struct sim_run_opts *o, const char *name)
{
	int flavour = nwb_flavour_find(name);

	if (flavour < 0)
		return bench_bad_value("flavour", name,
				       "strict, linux-6.12 or linux-7.2");
	o->flavour = (enum nwb_flavour)flavour;
	return 0;
}

static int take_hazards(struct sim_run_opts *o, const char *list)
{
	struct nwb_err err = {0};
	uint32_t on = 0, off = 0;

	o->has_hazards = true;
	if (strcmp(list, "none") && nwb_hazards_parse(list, &on, &off, &err))
		return bench_bad_value("hazards", list, err.text);
	if (off && !on) /* "-h9": all but that one */
		on = NWB_HAZARDS_ALL;
	o->no_hazards = NWB_HAZARDS_ALL & ~(on & ~off);
	return 0;
}

/* Return: 0; -1: bad usage; 1: help was printed. */
static int take_option(struct sim_run_opts *o, int opt)
{
	uint64_t n = 0;
	int rc = 0;

	switch (opt) {
	case OPT_SEEDS:
		return number("seeds", optarg, 1, UINT32_MAX, &o->nr_seeds);
	case OPT_SEED:
		o->has_seed = true;
		return number("seed", optarg, 0, UINT64_MAX / 4, &o->first);
	case OPT_MINUTES:
		return number("minutes", optarg, 1, 10000, &o->minutes);
	case OPT_JOBS:
		rc = number("jobs", optarg, 1, SIM_JOBS_MAX, &n);
		o->jobs = (unsigned int)n;
		return rc;
	case OPT_JSON:
		o->json = true;
		return 0;
	case OPT_SHRINK:
		o->shrink = true;
		return 0;
	case OPT_TRACE:
		o->trace = true;
		return 0;
	case OPT_DIGESTS:
		o->digests = true;
		return 0;
	case OPT_MUTANT:
		return take_mutant(o, optarg);
	case OPT_DROP_OPS:
	case OPT_DROP_FAULTS:
	case OPT_HALVE:
		return take_cut(o, opt, optarg);
	case OPT_FLAVOUR:
		return take_flavour(o, optarg);
	case OPT_HAZARDS:
		return take_hazards(o, optarg);
	case OPT_HELP:
		usage(stdout);
		return 1;
	default:
		return bench_bad_option("sim");
	}
}

static int finish_options(struct sim_run_opts *o)
{
	bool has_mutant = o->mutant || o->all_mutants;
	bool is_table = has_mutant || (o->flavour != NWB_STRICT &&
				       !o->has_hazards && !o->shrink);

	if (has_mutant && !nwb_sim_has_mutants()) {
		bench_mutants_missing();
		return -1;
	}
	if (!o->nr_seeds)
		o->nr_seeds = o->has_seed ? 1 : has_mutant ? 20000 : 1000;
	if (o->minutes)
		o->nr_seeds = UINT64_MAX / 4;
	if (!o->jobs)
		o->jobs = (unsigned int)nwb_max(sysconf(_SC_NPROCESSORS_ONLN),
						1l);
	o->jobs = nwb_min(o->jobs, SIM_JOBS_MAX);
	if (o->trace && !o->has_seed)
		return refuse("--trace needs --seed");
	if (o->has_hazards && o->flavour == NWB_STRICT)
		return refuse("--hazards needs --flavour");
	if ((o->json || o->digests) && (is_table || o->trace))
		return refuse("--json and --digests are for plain seeds");
	if (has_mutant && o->flavour != NWB_STRICT)
		return refuse("--mutant is for the strict flavour");
	return 0;
}

int bench_cmd_sim(int argc, char **argv)
{
	struct sim_run_opts o = {.first = 1};
	int opt, rc = 0;

	optind = 1;
	while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (opt == OPT_LIST)
			return list_mutants();
		rc = take_option(&o, opt == 'h' ? OPT_HELP : opt);
		if (rc)
			return rc > 0 ? NWB_EXIT_OK : NWB_EXIT_USAGE;
	}
	if (optind < argc) {
		fprintf(stderr, "netwb: %s: what is that?\n", argv[optind]);
		(void)bench_bad_option("sim");
		return NWB_EXIT_USAGE;
	}
	if (finish_options(&o))
		return NWB_EXIT_USAGE;
	if (o.trace)
		return sim_run_trace(&o);
	if (o.all_mutants)
		return sim_run_mutants(&o);
	if (o.flavour != NWB_STRICT && !o.has_hazards && !o.shrink)
		return sim_run_flavour(&o);
	return o.mutant ? sim_run_mutant(&o) : sim_run_seeds(&o);
}
