/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report.txt: subjects against each other and against the limit.
 *
 * One table is one metric of two subjects; a row is a server, workload and
 * fault. The ratio and its interval come from pairs alone (report_model.c).
 */
#include "report_i.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* How many ratios lie on either side of 1, as far as their interval says. */
struct tally {
	size_t above, below, unclear, few, beyond;
};

static void cmp_interval(char *buf, size_t size, const struct rep_cmp *cmp)
{
	char lo[REP_FIELD], hi[REP_FIELD];

	if (isnan(cmp->lo))
		snprintf(buf, size, "n/a (%zu pair%s; need %d)", cmp->pairs,
			 cmp->pairs == 1 ? "" : "s", REP_PAIRS_MIN);
	else
		snprintf(buf, size, "[%s, %s] %zu pairs",
			 rep_fmt_ratio(lo, cmp->lo), rep_fmt_ratio(hi, cmp->hi),
			 cmp->pairs);
}

static void cmp_row(struct rep_out *o, const struct rep_cell *a,
		    const struct rep_cmp *cmp, bool is_cpu)
{
	char x[REP_FIELD], y[REP_FIELD], r[REP_FIELD], ci[64];
	char *name;

	if (asprintf(&name, "%s %s %s", a->server, a->workload, a->fault) < 0) {
		o->err = -ENOMEM;
		return;
	}
	cmp_interval(ci, sizeof(ci), cmp);
	rep_name(o, 25, name);
	free(name);
	fprintf(o->f, " %8s %9s %5s %s\n",
		is_cpu ? rep_fmt_count(x, round(cmp->a))
		       : rep_fmt_num(x, cmp->a),
		is_cpu ? rep_fmt_count(y, round(cmp->b))
		       : rep_fmt_num(y, cmp->b),
		rep_fmt_ratio(r, cmp->ratio), ci);
}

static void cmp_count(struct tally *t, const struct rep_cmp *cmp)
{
	t->beyond += cmp->unused;
	if (isnan(cmp->lo))
		t->few++;
	else if (cmp->lo > 1)
		t->above++;
	else if (cmp->hi < 1)
		t->below++;
	else
		t->unclear++;
}

static void cmp_summary(struct rep_out *o, const struct tally *t)
{
	rep_wrap(o, 0, 2,
		 "Above 1: %zu. Below 1: %zu. Not told apart: %zu. Too few "
		 "pairs: %zu.",
		 t->above, t->below, t->unclear, t->few);
	if (t->beyond)
		rep_wrap(o, 0, 2,
			 "%zu pairs beyond the first of each row are not used "
			 "(the exact statistic takes 64).",
			 t->beyond);
}

/* One table: @subject over @base, one metric. Returns its rows. */
static size_t cmp_table(struct rep_out *o, const struct rep_model *m,
			const char *subject, const char *base,
			enum rep_metric metric)
{
	bool is_cpu = metric == REP_CPU_NS_MIB;
	struct tally t = {0};
	size_t nr = 0, alone = 0;

	for (size_t i = 0; i < m->nr_cells; i++) {
		const struct rep_cell *a = &m->cell[i], *b;
		struct rep_cmp cmp;

		if (strcmp(a->subject, subject))
			continue;
		b = rep_cell_find(m, a, base);
		if (!b) {
			alone++;
			continue;
		}
		if (!nr++)
			fprintf(o->f, "\n%s / %s, %s\n%-25s%9s %9s %5s %s\n",
				subject, base,
				is_cpu ? "CPU ns/MiB (below 1: cheaper)"
				       : "MiB/s (above 1: faster)",
				"", subject, base, "ratio", "95 % interval");
		rep_compare(a, b, metric, &cmp);
		cmp_count(&t, &cmp);
		cmp_row(o, a, &cmp, is_cpu);
	}
	if (nr)
		cmp_summary(o, &t);
	if (nr && alone)
		rep_wrap(o, 0, 2, "No %s beside it: %zu cells of %s.", base,
			 alone, subject);
	return nr;
}

static void cmp_method(struct rep_out *o)
{
	rep_wrap(o, 0, 0,
		 "From interleaved pairs: Hodges-Lehmann estimate of the "
		 "ratio, exact signed-rank interval, 95 %% for each row by "
		 "itself. The two columns are medians over the same pairs. "
		 "Runs that failed, were vacuous or inconclusive are in no "
		 "pair.");
}

void rep_section_modes(struct rep_out *o, const struct rep_model *m)
{
	size_t nr;

	rep_heading(o, "In-place against temp-page");
	cmp_method(o);
	nr = cmp_table(o, m, "in-place", "temp-page", REP_MIB_S);
	nr += cmp_table(o, m, "in-place", "temp-page", REP_CPU_NS_MIB);
	if (!nr)
		rep_wrap(o, 0, 0,
			 "Not measured: no cell was run in both modes.");
}

void rep_section_limit(struct rep_out *o, const struct rep_model *m)
{
	static const char *const subject[] = {"in-place", "temp-page",
					      "raw-hot"};

	rep_heading(o, "Distance from the limit");
	rep_wrap(o, 0, 0,
		 "raw-cold: pipelined writes of a pre-faulted payload, without "
		 "a page cache, ended by a flush. raw-hot: the same from one "
		 "buffer that stays in the CPU's caches. Pairs as above.");
	for (size_t i = 0; i < NWB_ARRAY_SIZE(subject); i++) {
		size_t nr = cmp_table(o, m, subject[i], "raw-cold", REP_MIB_S);

		nr += cmp_table(o, m, subject[i], "raw-cold", REP_CPU_NS_MIB);
		if (!nr)
			rep_wrap(o, 0, 2,
				 "%s against raw-cold: not measured (no cell "
				 "with both).",
				 subject[i]);
	}
}
