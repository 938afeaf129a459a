/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Exact counts of six simulated cells against bench/budgets/simulated.txt:
 * one seed, virtual time, in-process fake servers, so every number is the
 * same on every machine. A change of a budget is a reviewed diff.
 *
 * Usage: budgets_test BUDGETS     compare
 *	  budgets_test --print     print what BUDGETS should say
 */
#include "nwb/fake.h"
#include "nwb/mem.h"
#include "nwb/workload.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct cell {
	const char *name;
	bool is_9p;
	enum nwb_subject_kind kind;
	const char *workload;
	uint64_t bytes;
	struct nwb_fake_faults faults;
};

static const struct cell cells[] = {
	{.name = "smb.in-place.seq1m.none", .kind = NWB_SUBJ_IN_PLACE,
	 .workload = "seq1m", .bytes = 16 * NWB_MIB},
	{.name = "smb.temp-page.seq4k.none", .kind = NWB_SUBJ_TEMP_PAGE,
	 .workload = "seq4k", .bytes = 8 * NWB_MIB},
	{.name = "smb.in-place.rand4k.none", .kind = NWB_SUBJ_IN_PLACE,
	 .workload = "rand4k", .bytes = 4 * NWB_MIB},
	{.name = "smb.in-place.seq1m.reset-after", .kind = NWB_SUBJ_IN_PLACE,
	 .workload = "seq1m", .bytes = 16 * NWB_MIB,
	 .faults = {.reset_at = 5, .reset_after = true}},
	{.name = "9p.in-place.seq1m.none", .is_9p = true,
	 .kind = NWB_SUBJ_IN_PLACE, .workload = "seq1m",
	 .bytes = 16 * NWB_MIB},
	{.name = "9p.temp-page.rewrite.none", .is_9p = true,
	 .kind = NWB_SUBJ_TEMP_PAGE, .workload = "rewrite",
	 .bytes = 8 * NWB_MIB},
};

struct counts {
	uint64_t rpcs, bytes_sent, bytes_dirtied, allocs;
};

struct job {
	const struct cell *cell;
	struct nwb_exec *ex;
	struct counts counts;
	int rc;
	struct nwb_err err;
};

static void run_cell(void *arg)
{
	struct job *j = arg;
	const struct cell *c = j->cell;
	struct nwb_fake_opts fo = {
		.proto = c->is_9p ? NWB_FAKE_9P : NWB_FAKE_SMB2,
		.latency_ns = 50 * NWB_USEC,
	};
	struct nwb_workload_opts wo = {
		.desc = nwb_workload_find(c->workload),
		.bytes = c->bytes,
		.fsyncs = 1,
		.seed = 1,
		.file = "budget.dat",
		.file_id = 1,
		.key = (const uint8_t *)"budget key 16 by",
	};
	static struct nwb_workload_result res;
	struct nwb_subject_opts so = {.kind = c->kind, .is_9p = c->is_9p,
				      .anonymous = true, .share = "s",
				      .user = "", .password = ""};
	struct nwb_subject_stats before, after;
	struct nwb_workload *w = NULL;
	struct nwb_subject *s = NULL;
	struct nwb_fake *fake;

	j->rc = nwb_fake_new(j->ex, &fo, &fake);
	if (j->rc)
		return;
	nwb_fake_set_faults(fake, &c->faults);
	so.dialer = nwb_fake_dialer(fake);
	j->rc = nwb_workload_prepare(&wo, &w, &j->err);
	if (!j->rc)
		j->rc = nwb_subject_new(j->ex, &so, &s, &j->err);
	if (!j->rc) {
		s->ops->stats(s, &before);
		j->rc = nwb_workload_run(w, s, NULL, &res, &j->err);
		if (!j->rc)
			j->rc = res.first_error;
		s->ops->stats(s, &after);
		nwb_workload_close(w, s, &res);
		j->counts = (struct counts){
			.rpcs = after.rpcs - before.rpcs,
			.bytes_sent = after.bytes_sent,
			.bytes_dirtied = after.bytes_dirtied,
			.allocs = res.nr_allocs,
		};
	}
	nwb_subject_free(s);
	nwb_workload_free(w);
	nwb_fake_free(fake);
}

static int count_cell(const struct cell *c, struct counts *ret)
{
	struct job j = {.cell = c};
	int rc = nwb_exec_sim_new(1, &j.ex, &j.err);

	if (!rc)
		rc = nwb_exec_run(j.ex, run_cell, &j, 600 * NWB_SEC, &j.err);
	if (!rc)
		rc = j.rc;
	if (rc)
		fprintf(stderr, "%s: %s %s\n", c->name, nwb_errno_name(rc),
			j.err.text);
	if (j.ex)
		nwb_exec_free(j.ex);
	*ret = j.counts;
	return rc;
}

static void format(const struct cell *c, const struct counts *n, char *buf,
		   size_t size)
{
	snprintf(buf, size,
		 "%-32s %6" PRIu64 " %10" PRIu64 " %10" PRIu64 " %6" PRIu64,
		 c->name, n->rpcs, n->bytes_sent, n->bytes_dirtied, n->allocs);
}

static bool line_of(FILE *f, const char *name, char *line, size_t size)
{
	rewind(f);
	while (fgets(line, (int)size, f)) {
		line[strcspn(line, "\n")] = 0;
		if (!strncmp(line, name, strlen(name)) &&
		    line[strlen(name)] == ' ')
			return true;
	}
	return false;
}

int main(int argc, char **argv)
{
	bool print = argc == 2 && !strcmp(argv[1], "--print");
	unsigned int passed = 0, failed = 0;
	FILE *f = argc == 2 && !print ? fopen(argv[1], "re") : NULL;

	if (!print && !f) {
		fprintf(stderr, "usage: budgets_test BUDGETS | --print\n");
		return 3;
	}
	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(cells); i++) {
		char now[128], want[128] = "(no line)";
		struct counts n;

		if (count_cell(&cells[i], &n)) {
			failed++;
			continue;
		}
		format(&cells[i], &n, now, sizeof(now));
		if (print) {
			puts(now);
			continue;
		}
		line_of(f, cells[i].name, want, sizeof(want));
		if (!strcmp(now, want)) {
			passed++;
			continue;
		}
		failed++;
		fprintf(stderr, "budget: %s\n   now: %s\n", want, now);
	}
	if (f)
		fclose(f);
	if (!print)
		printf("%u passed, %u failed, 0 skipped\n", passed, failed);
	return failed ? 1 : 0;
}
