/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netwb check: judge, without timing. The standard faults over both servers
 * and modes, plans of your own, or mutants: a mutant counts as killed only by
 * the verdict of an oracle that its row names, and only if the same plan
 * without it passes in the same call.
 */
#include "matrix.h"
#include "session.h"

#include <stdio.h>
#include <string.h>

static const char about[] =
	"Judge plans without timing: the standard faults (and none) over both "
	"servers\nand modes, or the plans given. --mutant NAME|all kills "
	"deliberate defects\n(in builds with -Dmutants=true).";

/* what a judge has to say; nothing was timed */
#define CHECK_PARTS (NWB_REPORT_SUMMARY | NWB_REPORT_FINDINGS)

static int broken(const struct nwb_err *err)
{
	fprintf(stderr, "netwb: %s\n", err->text);
	return NWB_EXIT_BROKEN;
}

/* --- mutants -------------------------------------------------------------- */

static bool killed_by(const struct bench_run_result *r, uint32_t oracles,
		      const struct nwb_finding **ret_f)
{
	for (unsigned int i = 0; i < r->judgement.nr_findings; i++) {
		const struct nwb_finding *f = &r->judgement.finding[i];

		if (f->verdict == NWB_FAIL && oracles & (1u << f->oracle)) {
			*ret_f = f;
			return true;
		}
	}
	return false;
}

static int check_mutant(struct bench_session *s, const struct bench_mutant *m,
			uint64_t seed, struct nwb_err *err)
{
	static struct bench_run_result plain, mutated;
	const struct nwb_finding *f = NULL;
	struct nwb_plan *plan;
	struct bench_run_opts o = {
		.server = m->server,
		.subject = m->subject,
		.workload = nwb_workload_find(m->workload),
		.fault = m->name,
		.bytes = m->bytes,
		.fsyncs = m->fsyncs ? m->fsyncs : 1,
		.seed = seed,
		.level = 1,
		.judge = true,
	};
	enum nwb_verdict v;
	char reason[256];
	int rc = bench_plan_text(m->name, m->plan, &plan, err);

	if (rc)
		return rc;
	o.plan = plan;
	rc = bench_session_run(s, &o, 1, 0, &plain, err);
	if (!rc) {
		struct nwb_err why = {0};

		o.mutants = m->netfs;
		o.mutant_credits = m->credits;
		rc = bench_run_one(&o, &mutated, &why);
		if (rc)
			memset(&mutated, 0, sizeof(mutated));
		v = bench_verdict(&plain, plan, reason, sizeof(reason));
		if (v != NWB_PASS)
			printf("%-20s INVALID: without the mutant the plan "
			       "gives %s\n",
			       m->name, nwb_verdict_name(v));
		else if (killed_by(&mutated, m->oracles, &f))
			printf("%-20s killed by O%u %s\n", m->name, f->oracle,
			       f->kind);
		else
			printf("%-20s SURVIVED: %s\n", m->name,
			       rc ? why.text
				  : nwb_verdict_name(
					    mutated.judgement.verdict));
		if (v == NWB_PASS && !f)
			bench_session_add(s, NWB_FAIL);
		rc = 0;
	}
	nwb_plan_free(plan);
	return rc;
}

static int check_mutants(struct bench_cli *c, int argc, char **argv)
{
	struct bench_session s = {0};
	struct nwb_err err = {0};
	bool all = !strcmp(c->mutant, "all");
	int rc, code;

	if (!all && !bench_mutant_find(c->mutant)) {
		fprintf(stderr,
			"netwb: --mutant %s: no such mutant; see "
			"`netwb list`\n",
			c->mutant);
		return NWB_EXIT_USAGE;
	}
	if (bench_mutants_missing())
		return NWB_EXIT_USAGE;
	rc = bench_session_begin(&s, c->out, c->run.seed,
				 (all ? bench_nr_mutants : 1) * c->repeat, argc,
				 argv, &err);
	for (unsigned int n = 0; n < c->repeat && !rc; n++)
		for (unsigned int i = 0; i < bench_nr_mutants && !rc; i++)
			if (all || !strcmp(bench_mutants[i].name, c->mutant))
				rc = check_mutant(&s, &bench_mutants[i],
						  c->run.seed + n, &err);
	code = rc ? broken(&err) : NWB_EXIT_OK;
	rc = bench_session_end(&s, CHECK_PARTS, &err);
	return code ? code : rc;
}

/* --- plans ---------------------------------------------------------------- */

static int check_matrix(struct bench_cli *c, int argc, char **argv)
{
	struct bench_session s = {0};
	struct bench_matrix m = {0};
	struct nwb_err err = {0};
	int code,
		rc = bench_matrix_build(&m, 1, 1, c->run.seed, c->filter, &err);

	if (rc) {
		fprintf(stderr, "netwb: %s\n", err.text);
		return NWB_EXIT_USAGE;
	}
	rc = bench_session_begin(&s, c->out, c->run.seed, m.nr * c->repeat,
				 argc, argv, &err);
	for (unsigned int n = 0; n < c->repeat && !rc; n++) {
		for (unsigned int i = 0; i < m.nr && !rc; i++) {
			struct bench_run_opts o = m.job[i].run;

			/* a limit has nothing to be judged by */
			if (!o.judge)
				continue;
			o.level = 1;
			o.seed += n;
			o.bytes = o.workload->bytes_default / 4;
			rc = bench_session_run(&s, &o, n + 1, i, NULL, &err);
		}
	}
	code = rc ? broken(&err) : NWB_EXIT_OK;
	rc = bench_session_end(&s, CHECK_PARTS, &err);
	bench_matrix_fini(&m);
	return code ? code : rc;
}

static int check_plan(struct bench_cli *c, int argc, char **argv)
{
	struct bench_session s = {0};
	struct nwb_err err = {0};
	int code, rc = bench_cli_plan(c, &err);

	if (rc) {
		fprintf(stderr, "%s\n", err.text);
		return NWB_EXIT_USAGE;
	}
	rc = bench_session_begin(&s, c->out, c->run.seed, c->repeat, argc, argv,
				 &err);
	for (unsigned int n = 0; n < c->repeat && !rc; n++) {
		rc = bench_session_run(&s, &c->run, n + 1, n, NULL, &err);
		c->run.seed++;
	}
	code = rc ? broken(&err) : NWB_EXIT_OK;
	rc = bench_session_end(&s, CHECK_PARTS, &err);
	return code ? code : rc;
}

int bench_cmd_check(int argc, char **argv)
{
	struct bench_cli c;
	int rc = bench_cli_parse(
		&c, argc, argv,
		BENCH_CLI_CHECK | BENCH_CLI_RUN | BENCH_CLI_PLAN, about);

	if (rc < 0)
		return rc == -2 ? NWB_EXIT_OK : NWB_EXIT_USAGE;
	if (bench_interrupt_setup())
		return NWB_EXIT_BROKEN;
	if (c.mutant)
		rc = check_mutants(&c, argc, argv);
	else if (c.nr_plan_files || c.nr_lines || strcmp(c.run.fault, "none"))
		rc = check_plan(&c, argc, argv);
	else
		rc = check_matrix(&c, argc, argv);
	bench_cli_fini(&c);
	return rc;
}
