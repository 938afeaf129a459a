/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See one_run.h. */
#include "bench_i.h"
#include "build_id.h"
#include "one_run.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char about[] = "One run as a JSON object, for `netwb compare` and "
			    "`netwb gate`; people "
			    "want\n`netwb run`.";

static json_t *number(uint64_t v)
{
	return v == UINT64_MAX ? json_null() : json_integer((json_int_t)v);
}

/* In the process of a fake there is nobody else's CPU time to be added. */
static uint64_t cpu_of(const struct bench_run_opts *o,
		       const struct bench_run_result *r)
{
	if (bench_is_fake(o->server))
		return r->work.client_cpu_ns;
	return r->server_cpu_ns == UINT64_MAX
		       ? UINT64_MAX
		       : r->work.client_cpu_ns + r->server_cpu_ns;
}

static int print_run(const struct bench_run_opts *o,
		     const struct bench_run_result *r)
{
	const struct bench_meters *m = &r->meters;
	json_t *all = json_pack(
		"{s:i,s:s,s:o,s:o,s:o,s:{s:o,s:o,s:o,s:o,s:o}}", "one_run",
		NWB_ONE_RUN_VERSION, "build", NWB_BUILD_ID, "run",
		bench_record_run(o, r, 0, 0), "cpu_ns", number(cpu_of(o, r)),
		"final",
		r->final_error ? json_string(nwb_errno_name(r->final_error))
			       : json_null(),
		"meters", "wall_ns", number(m->wall_ns), "psi_ns",
		number(m->psi_ns), "steal_ns", number(m->steal_ns), "majflt",
		number(m->majflt), "nivcsw", number(m->nivcsw));
	int rc = all ? json_dumpf(all, stdout, JSON_COMPACT) : -1;

	json_decref(all);
	if (rc || putchar('\n') == EOF || fflush(stdout)) {
		fprintf(stderr, "netwb: the result cannot be written\n");
		return NWB_EXIT_BROKEN;
	}
	return NWB_EXIT_OK;
}

static void print_hang(void *arg, const struct bench_run_opts *o,
		       const struct bench_run_result *r)
{
	(void)arg;
	_exit(print_run(o, r));
}

int bench_cmd_one_run(int argc, char **argv)
{
	static struct bench_run_result res;
	struct nwb_err err = {0};
	struct bench_cli c;
	int rc = bench_cli_parse(&c, argc, argv,
				 BENCH_CLI_RUN | BENCH_CLI_PLAN |
					 BENCH_CLI_FAKE | BENCH_CLI_ONE |
					 BENCH_CLI_TURNS,
				 about);

	if (rc < 0)
		return rc == -2 ? NWB_EXIT_OK : NWB_EXIT_USAGE;
	if (bench_cli_stray(&c, rc, argc, argv))
		return NWB_EXIT_USAGE;
	if (bench_interrupt_setup())
		return NWB_EXIT_BROKEN;
	rc = bench_cli_plan(&c, &err);
	if (rc) {
		fprintf(stderr, "%s\n", err.text);
		bench_cli_fini(&c);
		return NWB_EXIT_USAGE;
	}
	if (c.run.subject == NWB_SUBJ_RAW_HOT || c.run.no_ledger ||
	    bench_is_fake(c.run.server))
		c.run.judge = false;
	c.run.on_hang = print_hang;
	rc = bench_run_one(&c.run, &res, &err);
	if (rc) {
		fprintf(stderr, "netwb: %s\n", err.text);
		rc = rc == -EOPNOTSUPP ? NWB_EXIT_USAGE : NWB_EXIT_BROKEN;
	} else {
		rc = print_run(&c.run, &res);
	}
	bench_cli_fini(&c);
	return rc;
}
