/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netwb check: judge, without timing. The standard faults over both servers
 * and modes, plans of your own, or mutants: a mutant counts as killed only by
 * the verdict of an oracle that its row names, and only if the same plan
 * without it passes in the same call.
 */
#include "check_kernel.h"
#include "matrix.h"
#include "session.h"

#include "nwb/shell.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char about[] =
	"Judge plans without timing: the standard faults (and none) over smbd "
	"and diod\nand both modes (--server, --client, --workload, --filter: "
	"of "
	"these only; other\noptions hold for all), or the plans given. "
	"--mutant "
	"NAME|all kills deliberate\ndefects (in builds with -Dmutants=true). "
	"--kernel judges a real kernel instead:\nnetwb check --kernel list "
	"--help.";

/* what a judge has to say; nothing was timed */
#define CHECK_PARTS (NWB_REPORT_SUMMARY | NWB_REPORT_FINDINGS)

static int broken(const struct nwb_err *err)
{
	fprintf(stderr, "netwb: %s\n", err->text);
	return NWB_EXIT_BROKEN;
}

/* --- mutants -------------------------------------------------------------- */

/*
 * Drive the mutant in a process of its own, by the very command that a person
 * would use: it may crash or stand still, and neither is a kill.
 */
static void run_mutated(const struct bench_run_opts *o, uint32_t oracles,
			char *ret_killer, size_t size, bool *ret_killed)
{
	char command[20000], repro[2560], line[512], exe[4096];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	size_t at;
	FILE *f;

	*ret_killed = false;
	snprintf(ret_killer, size, "it could not be run");
	if (n < 0)
		return;
	exe[n] = 0;
	bench_repro(o, repro, sizeof(repro));
	at = (size_t)snprintf(command, sizeof(command), "exec");
	at = nwb_shell_word(command, sizeof(command), at, exe);
	snprintf(command + at, sizeof(command) - at, " %s 2>&1",
		 repro + strlen("netwb "));
	f = popen(command, "re");
	while (f && fgets(line, sizeof(line), f)) {
		char kind[64];
		unsigned int nr;

		line[strcspn(line, "\n")] = 0;
		if (!strncmp(line, "verdict: ", 9) && !*ret_killed)
			snprintf(ret_killer, size, "%.100s", line + 9);
		if (sscanf(line, " O%u FAIL %63[^:]", &nr, kind) != 2 ||
		    nr > 31 || !(oracles & (1u << nr)) || *ret_killed)
			continue;
		snprintf(ret_killer, size, "O%u %s", nr, kind);
		*ret_killed = true;
	}
	if (f)
		pclose(f);
}

static int check_mutant(struct bench_session *s, const struct bench_mutant *m,
			uint64_t seed, struct nwb_err *err)
{
	static struct bench_run_result plain;
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
	char reason[256], killer[128];
	enum nwb_verdict v;
	bool killed;
	int rc = bench_plan_text(m->name, m->plan, &plan, err);

	if (rc)
		return rc;
	o.plan = plan;
	bench_client_from_plan(&o, plan);
	rc = bench_session_run(s, &o, 1, 0, &plain, err);
	v = bench_verdict(&plain, plan, reason, sizeof(reason));
	nwb_plan_free(plan);
	if (rc)
		return rc;
	o.mutants = m->netfs;
	o.mutant_credits = m->credits;
	o.mutant_channel = m->channel;
	run_mutated(&o, m->oracles, killer, sizeof(killer), &killed);
	printf("%-20s ", m->name);
	if (v != NWB_PASS)
		printf("INVALID: without the mutant its plan gives %s %s\n",
		       nwb_verdict_name(v), reason);
	else if (killed)
		printf("killed by %s\n", killer);
	else
		printf("SURVIVED: %s\n", killer);
	fflush(stdout);
	if (v == NWB_PASS && !killed)
		bench_session_add(s, NWB_FAIL);
	return 0;
}

static bool wants_mutant(struct bench_cli *c, unsigned int i)
{
	char key[128];

	if (strcmp(c->mutant, "all") &&
	    strcmp(c->mutant, bench_mutants[i].name))
		return false;
	snprintf(key, sizeof(key), "mutant.%s", bench_mutants[i].name);
	return bench_shard_takes(&c->shard, key);
}

static int check_mutants(struct bench_cli *c, int argc, char **argv)
{
	struct bench_session s = {0};
	struct nwb_err err = {0};
	unsigned int nr = 0;
	int rc, code;

	if (strcmp(c->mutant, "all") && !bench_mutant_find(c->mutant)) {
		fprintf(stderr,
			"netwb: --mutant %s: no such mutant; see "
			"`netwb list`\n",
			c->mutant);
		return NWB_EXIT_USAGE;
	}
	if (c->nr_plan_files || c->nr_lines || strcmp(c->run.fault, "none") ||
	    c->filter || c->has_server || c->has_client || c->has_workload) {
		fprintf(stderr,
			"netwb: --mutant brings its own server, client, "
			"workload and plan (`netwb list`); of these "
			"nothing else is obeyed\n");
		return NWB_EXIT_USAGE;
	}
	if (bench_mutants_missing())
		return NWB_EXIT_USAGE;
	for (unsigned int i = 0; i < bench_nr_mutants; i++)
		nr += wants_mutant(c, i);
	rc = bench_session_begin(&s, c->out, c->run.isolation, c->run.seed,
				 nr * c->repeat, argc, argv, &err);
	if (!rc)
		rc = bench_session_shard(&s, &c->shard, &err);
	for (unsigned int n = 0; n < c->repeat && !rc; n++)
		for (unsigned int i = 0; i < bench_nr_mutants && !rc; i++)
			if (wants_mutant(c, i))
				rc = check_mutant(&s, &bench_mutants[i],
						  c->run.seed + n, &err);
	code = rc ? broken(&err) : NWB_EXIT_OK;
	rc = bench_session_end(&s, CHECK_PARTS, &err);
	return code ? code : rc;
}

/* --- plans ---------------------------------------------------------------- */

/* A limit has nothing to be judged by. */
static bool wants_cell(const struct bench_cli *c,
		       const struct bench_run_opts *cell)
{
	return cell->judge &&
	       (!c->has_client || cell->subject == c->run.subject) &&
	       (!c->has_workload || cell->workload == c->run.workload);
}

/* The cell says what is done, the command line how. */
static struct bench_run_opts cell_opts(const struct bench_cli *c,
				       const struct bench_run_opts *cell)
{
	struct bench_run_opts o = c->run;

	o.server = cell->server;
	o.subject = cell->subject;
	o.workload = cell->workload;
	o.fault = cell->fault;
	o.plan = cell->plan;
	o.fsyncs = cell->fsyncs;
	o.seed = cell->seed;
	o.level = 1;
	if (o.subject == NWB_SUBJ_RAW_COLD) { /* there for comparison */
		o.flavour = NWB_STRICT;
		o.hazards = o.no_hazards = 0;
		o.strategy = 0;
		o.second_user = false;
		o.mirror[0] = 0;
		o.mirror_room = 0;
		o.dirty = o.dirty_bg = o.strictlimit = 0;
	} else {
		o.depth = 0;
	}
	o.no_copy &= o.subject == NWB_SUBJ_TEMP_PAGE;
	/* rounds over a quarter of the file would all be in the cache before
	 * the first of them is sent: too few writes for the faults to hit */
	if (!o.bytes && o.workload->rounds == 1)
		o.bytes = o.workload->bytes_default / 4;
	return o;
}

static int count_cells(const struct bench_cli *c, const struct bench_matrix *m,
		       unsigned int *ret_nr, struct nwb_err *err)
{
	if (c->run.server_binary && !c->has_server)
		return nwb_err_set(err, -EINVAL,
				   "--server-binary: of which server? --server "
				   "says it");
	*ret_nr = 0;
	for (unsigned int i = 0; i < m->nr; i++) {
		struct bench_run_opts o = cell_opts(c, &m->job[i].run);
		int rc;

		if (!wants_cell(c, &m->job[i].run))
			continue;
		rc = bench_opts_check(&o, err);
		if (rc)
			return rc;
		rc = bench_subject_check(&o, err);
		if (rc)
			return nwb_err_wrap(err, rc, "%s.%s", o.server,
					    nwb_subject_kind_name(o.subject));
		++*ret_nr;
	}
	/* a shard may have nothing to do */
	if (*ret_nr || c->shard.n)
		return 0;
	return nwb_err_set(err, -ENOENT,
			   "no cell of the matrix is of that client and "
			   "workload; a plan, or --fault, needs none");
}

static int check_matrix(struct bench_cli *c, int argc, char **argv)
{
	struct bench_session s = {0};
	struct bench_matrix m = {0};
	struct nwb_err err = {0};
	unsigned int nr = 0;
	int code, rc;

	rc = bench_matrix_build(&m, 1, 1, c->run.seed,
				c->has_server ? c->run.server : NULL, c->filter,
				&c->shard, &err);
	if (!rc)
		rc = count_cells(c, &m, &nr, &err);
	if (rc) {
		fprintf(stderr, "netwb: %s\n", err.text);
		bench_matrix_fini(&m);
		return NWB_EXIT_USAGE;
	}
	rc = bench_session_begin(&s, c->out, c->run.isolation, c->run.seed,
				 nr * c->repeat, argc, argv, &err);
	if (!rc)
		rc = bench_session_shard(&s, &c->shard, &err);
	for (unsigned int n = 0; n < c->repeat && !rc; n++) {
		for (unsigned int i = 0; i < m.nr && !rc; i++) {
			struct bench_run_opts o = cell_opts(c, &m.job[i].run);

			if (!wants_cell(c, &m.job[i].run))
				continue;
			o.seed += n;
			rc = bench_session_run(&s, &o, n + 1, m.job[i].order,
					       NULL, &err);
		}
	}
	code = rc ? broken(&err) : NWB_EXIT_OK;
	rc = bench_session_end(&s, CHECK_PARTS, &err);
	bench_matrix_fini(&m);
	return code ? code : rc;
}

/* One plan many times: its rounds are shared out. */
static bool wants_round(struct bench_cli *c, unsigned int n)
{
	char key[128];
	size_t len;

	bench_case_key(&c->run, key, sizeof(key) - 16);
	len = strlen(key);
	snprintf(key + len, sizeof(key) - len, "#%u", n + 1);
	return bench_shard_takes(&c->shard, key);
}

static int check_plan(struct bench_cli *c, int argc, char **argv)
{
	struct bench_session s = {0};
	struct nwb_err err = {0};
	unsigned int nr = 0;
	int code, rc = bench_cli_plan(c, &err);

	if (rc) {
		fprintf(stderr, "%s\n", err.text);
		return NWB_EXIT_USAGE;
	}
	if (bench_opts_check(&c->run, &err) ||
	    bench_subject_check(&c->run, &err)) {
		fprintf(stderr, "netwb: %s\n", err.text);
		return NWB_EXIT_USAGE;
	}
	for (unsigned int n = 0; n < c->repeat; n++)
		nr += wants_round(c, n);
	rc = bench_session_begin(&s, c->out, c->run.isolation, c->run.seed, nr,
				 argc, argv, &err);
	if (!rc)
		rc = bench_session_shard(&s, &c->shard, &err);
	for (unsigned int n = 0; n < c->repeat && !rc; n++, c->run.seed++) {
		if (!wants_round(c, n))
			continue;
		rc = bench_session_run(&s, &c->run, n + 1, n, NULL, &err);
	}
	code = rc ? broken(&err) : NWB_EXIT_OK;
	rc = bench_session_end(&s, CHECK_PARTS, &err);
	return code ? code : rc;
}

int bench_cmd_check(int argc, char **argv)
{
	struct bench_cli c;
	int rc;

	if (kc_wants(argc, argv))
		return bench_check_kernel(argc, argv);
	rc = bench_cli_parse(&c, argc, argv,
			     BENCH_CLI_CHECK | BENCH_CLI_RUN | BENCH_CLI_PLAN,
			     about);
	if (rc < 0)
		return rc == -2 ? NWB_EXIT_OK : NWB_EXIT_USAGE;
	if (bench_cli_stray(&c, rc, argc, argv))
		return NWB_EXIT_USAGE;
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
