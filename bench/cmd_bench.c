/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netwb bench: the quick matrix, measured and judged, and its report. */
#include "fio_i.h"
#include "matrix.h"
#include "reserve.h"
#include "session.h"

#include "nwb/stats.h"

#include <stdio.h>
#include <string.h>

static const char about[] =
	"The quick matrix: {smbd, diod} x {in-place, temp-page} x four "
	"workloads, clean\n(interleaved pairs, with the limits raw-cold and "
	"raw-hot) and under each standard\nfault. --server takes that server "
	"instead of both. Writes run.jsonl\nand the reports that `netwb report "
	"--help` lists. A fio job instead: see\n`netwb bench JOB.fio --help`.";

static int broken(const struct nwb_err *err)
{
	fprintf(stderr, "netwb: %s\n", err->text);
	return NWB_EXIT_BROKEN;
}

/* A further round of faulted pairs: what may be left out, and is said. */
static bool begins_round(const struct bench_matrix *m, unsigned int i)
{
	const struct bench_job *j = &m->job[i];

	return j->run.plan && j->pair > 1 && m->job[i - 1].pair != j->pair;
}

static bool is_late(struct bench_session *s, const struct bench_matrix *m,
		    unsigned int i, unsigned int time_s, int *ret_rc,
		    struct nwb_err *err)
{
	uint64_t t = bench_session_elapsed_ns(s);
	unsigned int round = 0;

	while (i + round < m->nr && m->job[i + round].pair == m->job[i].pair)
		round++;
	if (t + t / i * round <= time_s * NWB_SEC)
		return false;
	*ret_rc = bench_session_note(
		s, err,
		"%u of %u runs left out: --time %u has passed; the faulted "
		"cells have %u pairs",
		m->nr - i, m->nr, time_s, m->job[i].pair - 1);
	return true;
}

/* --- instead of the matrix ------------------------------------------------ */

static bool is_server(const struct bench_cli *c, const char *a, const char *b)
{
	return !c->has_server || !strcmp(c->run.server, a) ||
	       !strcmp(c->run.server, b);
}

static int refuse(const char *why)
{
	fprintf(stderr, "netwb: %s\n", why);
	return -EINVAL;
}

/* Options that one of them would not obey. */
static int check_instead(const struct bench_cli *c)
{
	int nr = c->retry_cost + c->inval_cost + c->speed + c->shim_cost +
		 c->signing_cost;

	if (c->pairs > NWB_PAIRS_MAX && !c->speed)
		return refuse("--pairs: at most 64, with --speed 512");
	if (!nr)
		return 0;
	if (nr > 1)
		return refuse(
			"--speed, --retry-cost, --inval-cost, --shim-cost "
			"and --signing-cost are measured one at a time");
	if (c->filter && !c->speed)
		return refuse("--filter chooses among the cells of the matrix "
			      "and of --speed; what is measured instead has "
			      "rows of its own");
	if (c->signing_cost && !is_server(c, "smbd", "smbd"))
		return refuse("--signing-cost: only smbd signs");
	if (!is_server(c, "smbd", "diod"))
		return refuse("--server: what is measured instead of the "
			      "matrix runs on smbd or diod");
	if (c->speed && c->run.isolation != NWB_ISOLATION_AUTO)
		return refuse(
			"--speed: each of its runs takes the first "
			"isolation that works; --isolation is not obeyed");
	if (c->inval_cost && c->shard.n)
		return refuse("--inval-cost has no parts to share out");
	if (c->inval_cost && c->out)
		return refuse("--inval-cost prints its tables and keeps "
			      "nothing: --out is not obeyed");
	if (c->has_fault_pairs)
		return refuse("--fault-pairs is of the matrix; --pairs says "
			      "how many rounds");
	if (c->has_time && !c->speed)
		return refuse("--time is of the matrix and of --speed; --pairs "
			      "says how many rounds");
	return 0;
}

/* Return: its exit code; -1: it is the matrix that is wanted. */
static int run_instead(struct bench_cli *c, int argc, char **argv)
{
	if (c->retry_cost)
		return bench_retry_cost(c, argc, argv);
	if (c->inval_cost)
		return bench_inval_cost(c);
	if (c->speed)
		return bench_speed(c, argc, argv);
	if (c->shim_cost)
		return bench_shim_cost(c, argc, argv);
	if (c->signing_cost)
		return bench_signing_cost(c, argc, argv);
	return -1;
}

int bench_cmd_bench(int argc, char **argv)
{
	struct bench_matrix m = {0};
	struct bench_session s = {0};
	struct nwb_err err = {0};
	struct bench_cli c;
	int code, rc;

	if (bench_fio_is_wanted(argc, argv))
		return bench_cmd_fio(argc, argv);
	rc = bench_cli_parse(&c, argc, argv, BENCH_CLI_BENCH, about);
	if (rc >= 0 && rc < argc) {
		fprintf(stderr,
			"netwb: %s: a fio job file ends in .fio, .job or "
			".ini\n",
			argv[rc]);
		bench_cli_fini(&c);
		return NWB_EXIT_USAGE;
	}
	if (rc < 0)
		return rc == -2 ? NWB_EXIT_OK : NWB_EXIT_USAGE;
	if (check_instead(&c)) {
		bench_cli_fini(&c);
		return NWB_EXIT_USAGE;
	}
	if (bench_interrupt_setup())
		return NWB_EXIT_BROKEN;
	code = run_instead(&c, argc, argv);
	if (code >= 0) {
		bench_cli_fini(&c);
		return code;
	}
	rc = bench_matrix_build(&m, c.pairs, c.fault_pairs, c.run.seed,
				c.has_server ? c.run.server : NULL, c.filter,
				&c.shard, &err);
	if (rc) {
		fprintf(stderr, "netwb: %s\n", err.text);
		return NWB_EXIT_USAGE;
	}
	bench_reserve(1, 64 * NWB_MIB); /* no shape writes more */
	rc = bench_session_begin(&s, c.out, c.run.isolation, c.run.seed, m.nr,
				 argc, argv, &err);
	if (!rc)
		rc = bench_session_shard(&s, &c.shard, &err);
	for (unsigned int i = 0; i < m.nr && !rc; i++) {
		if (begins_round(&m, i) &&
		    is_late(&s, &m, i, c.time_s, &rc, &err))
			break;
		rc = bench_session_run(&s, &m.job[i].run, m.job[i].pair,
				       m.job[i].order, NULL, &err);
	}
	code = rc ? broken(&err) : NWB_EXIT_OK;
	rc = bench_session_end(&s, NWB_REPORT_TERMINAL, &err);
	bench_matrix_fini(&m);
	bench_cli_fini(&c);
	return code ? code : rc;
}
