/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netwb bench JOB.fio: every subject once a round, in an order that the seed
 * draws anew for each round, so that what is compared is measured side by
 * side and none always comes first.
 */
#include "fio_opts.h"
#include "reserve.h"
#include "session.h"

#include "nwb/faultctl.h"
#include "nwb/mem.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct cell {
	const struct bench_fio_subject *subject;
	const char *server;
};

#define CELLS_MAX 32

struct campaign {
	struct bench_fio_opts o;
	struct bench_fio_file file;
	struct bench_fio_setup setup;
	struct bench_session session;
	struct cell cell[CELLS_MAX];
	unsigned int nr_cells;
	unsigned int nr_rounds; /* of this shard */
	struct bench_fio_run run;
	char engine_job[4096];
	uint64_t rnd;
};

static uint64_t draw(struct campaign *c)
{
	return nwb_splitmix64(&c->rnd);
}

static void shuffle(struct campaign *c)
{
	for (unsigned int i = c->nr_cells; i > 1; i--) {
		unsigned int k = (unsigned int)(draw(c) % i);
		struct cell t = c->cell[i - 1];

		c->cell[i - 1] = c->cell[k];
		c->cell[k] = t;
	}
}

/* Without a server there is one of it, with servers one for each. */
static void make_cells(struct campaign *c)
{
	const struct bench_fio_opts *o = &c->o;

	for (unsigned int i = 0; i < o->nr_subjects; i++) {
		unsigned int nr = o->subject[i]->client ? o->nr_servers : 1;

		for (unsigned int k = 0; k < nr; k++)
			c->cell[c->nr_cells++] = (struct cell){
				o->subject[i],
				o->subject[i]->client ? o->server[k] : "local",
			};
	}
}

static void tell_run(const struct campaign *c, const char *cell)
{
	const struct bench_fio_run *r = &c->run;
	enum nwb_verdict v = bench_fio_verdict(r);
	const char *clear = c->session.progress.is_tty ? "\r\033[K" : "";

	if (!r->has_numbers)
		fprintf(stderr, "%s%s: INVALID  %s\n", clear, cell, r->invalid);
	for (unsigned int i = 0; i < r->res.nr_jobs && r->has_numbers; i++)
		if (r->res.job[i].why[0] && !r->is_judged)
			fprintf(stderr, "%s%s: INVALID  job %s: %s\n", clear,
				cell, r->res.job[i].name, r->res.job[i].why);
	if (v != NWB_PASS && r->is_judged)
		fprintf(stderr, "%s%s: %s  %s\n", clear, cell,
			nwb_verdict_name(v), r->reason);
}

static int run_cell(struct campaign *c, const struct cell *cell,
		    unsigned int pair, unsigned int order, struct nwb_err *err)
{
	struct bench_fio_run *r = &c->run;
	unsigned int nr = r->nr + 1;
	char name[128];

	memset(r, 0, sizeof(*r));
	*r = (struct bench_fio_run){
		.subject = cell->subject,
		.server = cell->server,
		.nr = nr,
		.pair = pair,
		.order = order,
		.seed = draw(c) >> 1,
	};
	snprintf(name, sizeof(name), "%s.%s.fio", cell->server,
		 cell->subject->name);
	bench_progress_step(&c->session.progress, name);
	bench_fio_run(&c->setup, r);
	tell_run(c, name);
	if (r->is_judged || bench_fio_verdict(r) != NWB_PASS)
		bench_session_add(&c->session, bench_fio_verdict(r));
	return bench_fio_records(&c->setup, r, c->session.store, err);
}

/* After @done rounds the next one would end after --time: say so, and leave it
 * out. */
static bool is_late(struct campaign *c, unsigned int done, int *ret_rc,
		    struct nwb_err *err)
{
	uint64_t t = bench_session_elapsed_ns(&c->session);

	if (!done || t + t / done <= c->o.time_s * NWB_SEC)
		return false;
	*ret_rc = bench_session_note(
		&c->session, err,
		"%u of %u rounds left out: --time %u would pass",
		c->nr_rounds - done, c->nr_rounds, c->o.time_s);
	return true;
}

/* A round belongs to a shard as a whole: what is compared was measured on one
 * machine. Its name is the same whatever else is asked for. */
static bool is_here(struct campaign *c, unsigned int pair)
{
	char key[32];

	snprintf(key, sizeof(key), "round-%u", pair);
	return bench_shard_takes(&c->o.cli.shard, key);
}

static int run_rounds(struct campaign *c, struct nwb_err *err)
{
	unsigned int done = 0;
	int rc = 0;

	for (unsigned int pair = 1; pair <= c->o.pairs && !rc; pair++) {
		shuffle(c);
		if (!is_here(c, pair)) {
			/* seeds and orders are those of the whole */
			for (unsigned int i = 0; i < c->nr_cells; i++)
				draw(c);
			continue;
		}
		if (is_late(c, done, &rc, err))
			break;
		for (unsigned int i = 0; i < c->nr_cells && !rc; i++)
			rc = run_cell(c, &c->cell[i], pair, i, err);
		done++;
	}
	return rc;
}

/* How many rounds are here; a shard says so. */
static int count_rounds(struct campaign *c, struct nwb_err *err)
{
	unsigned int nr = 0;

	for (unsigned int pair = 1; pair <= c->o.pairs; pair++)
		nr += is_here(c, pair);
	c->nr_rounds = nr;
	c->session.progress.total = c->nr_cells * nr;
	return bench_session_shard(&c->session, &c->o.cli.shard, err);
}

/* Can the plan be armed on @server at all? Return: 0; @why says it cannot. */
static int try_plan(const struct nwb_plan *plan, const char *server,
		    struct nwb_err *why)
{
	struct nwb_fc_page *page;
	int fd, rc = nwb_fc_create(&fd, &page);

	if (rc)
		return 0; /* whoever starts it will say it again */
	rc = nwb_plan_compile(plan, page, server, why);
	nwb_fc_unmap(page);
	close(fd);
	return rc;
}

/* What the plan cannot be had on is left out, and that is said. */
static int leave_out(struct campaign *c, struct nwb_err *err)
{
	const struct bench_fio_opts *o = &c->o;
	unsigned int nr = 0;
	int rc = 0;

	for (unsigned int k = 0; k < o->nr_servers && o->cli.plan && !rc; k++) {
		struct nwb_err why = {0};

		if (!try_plan(o->cli.plan, o->server[k], &why))
			continue;
		nr = 0;
		for (unsigned int i = 0; i < c->nr_cells; i++)
			if (c->cell[i].server != o->server[k])
				c->cell[nr++] = c->cell[i];
			else
				bench_session_add(&c->session, NWB_SKIP);
		c->nr_cells = nr;
		rc = bench_session_note(&c->session, err, "%s left out: %s",
					o->server[k], why.text);
	}
	return rc;
}

/* What fio says stands beside run.jsonl, so that it is sealed and merged. */
static int make_place_for_output(struct campaign *c, char dir[4096],
				 struct nwb_err *err)
{
	if (!realpath(c->session.dir, dir))
		return nwb_err_set(err, -errno, "%s: %s", c->session.dir,
				   strerror(errno));
	return bench_fio_keep_copies(&c->o, &c->file, dir, c->engine_job, err);
}

static void tell_file(const struct campaign *c)
{
	for (unsigned int i = 0; i < c->file.nr_remarks; i++)
		fprintf(stderr, "netwb: %s: %s\n", c->o.job, c->file.remark[i]);
}

static int campaign(struct campaign *c, int argc, char **argv)
{
	static char dir[4096];
	struct nwb_err err = {0};
	int code, rc;

	make_cells(c);
	tell_file(c);
	c->rnd = c->o.cli.run.seed;
	bench_reserve(1, 64 * NWB_MIB);
	rc = bench_session_begin(&c->session, c->o.cli.out,
				 c->o.cli.run.isolation, c->o.cli.run.seed,
				 c->nr_cells * c->o.pairs, argc, argv, &err);
	if (!rc)
		rc = make_place_for_output(c, dir, &err);
	c->setup = (struct bench_fio_setup){
		.file = &c->file,
		.engine_job = c->engine_job,
		.dir = dir,
		.cli = &c->o.cli,
		.fault = c->o.fault,
		.limit_ns = c->o.limit_ns,
	};
	if (!rc)
		rc = leave_out(c, &err);
	if (!rc)
		rc = count_rounds(c, &err);
	if (!rc)
		rc = run_rounds(c, &err);
	if (rc)
		fprintf(stderr, "netwb: %s\n", err.text);
	/* INCONCLUSIVE and "could not" have one exit code: what is in there
	 * from before is no failure */
	err = (struct nwb_err){0};
	code = bench_session_end(&c->session,
				 NWB_REPORT_FIO | NWB_REPORT_FINDINGS, &err);
	return rc ? NWB_EXIT_BROKEN : code;
}

int bench_cmd_fio(int argc, char **argv)
{
	struct campaign *c = nwb_zalloc(sizeof(*c));
	struct nwb_err err = {0};
	int code, rc;

	if (!c)
		return NWB_EXIT_BROKEN;
	rc = bench_fio_opts(&c->o, argc, argv);
	if (rc) {
		code = rc > 0 ? NWB_EXIT_OK : NWB_EXIT_USAGE;
	} else if (bench_interrupt_setup()) {
		code = NWB_EXIT_BROKEN;
	} else if (bench_fio_opts_check(&c->o, &c->file, &err)) {
		fprintf(stderr, "netwb: %s\n", err.text);
		code = NWB_EXIT_USAGE;
	} else {
		code = campaign(c, argc, argv);
	}
	bench_cli_fini(&c->o.cli);
	nwb_free(c);
	return code;
}
