/* SPDX-License-Identifier: GPL-2.0-or-later */
/* report.txt: open-loop latency, a table for each way to write. */
#include "load_i.h"

#include <math.h>
#include <string.h>

#define NAME_COLS 13

static void put_row(struct rep_out *o, const struct rep_load_row *row)
{
	const double *v = row->v;
	char f[8][REP_FIELD], share[REP_FIELD] = "";

	if (isfinite(row->share) && row->share >= 0 && row->share < 100)
		snprintf(share, sizeof(share), "%.0f%%", 100 * row->share);
	rep_name(o, NAME_COLS, row->subject);
	fprintf(o->f, " %4s %7s %7s %7s %7s %7s %7s %4zu\n", share,
		rep_fmt_count(f[0], row->rate),
		rep_fmt_ns(f[1], v[REP_LOAD_P50]),
		rep_fmt_ns(f[2], v[REP_LOAD_P99]),
		rep_fmt_ns(f[3], v[REP_LOAD_MAX]),
		rep_fmt_ns(f[4], v[REP_LOAD_SERVICE_P99]),
		rep_fmt_ns(f[5], v[REP_LOAD_DURABLE_P99]), row->nr);
	if (row->verdict < REP_PASS)
		rep_wrap(o, 2, 4, "%s", rep_verdict_name(row->verdict));
	rep_wrap(o, 2, 4,
		 "achieved %s/s, p99.9 %s; lag %s, at most %s; backlog %s; "
		 "refused %.3g %%; %s writes a run",
		 rep_fmt_count(f[0], round(v[REP_LOAD_ACHIEVED])),
		 rep_fmt_ns(f[1], v[REP_LOAD_P999]),
		 rep_fmt_ns(f[2], v[REP_LOAD_LAG_AVG]),
		 rep_fmt_ns(f[3], v[REP_LOAD_LAG_MAX]),
		 rep_fmt_count(f[4], v[REP_LOAD_BACKLOG]),
		 100 * (isnan(v[REP_LOAD_REFUSED]) ? 0 : v[REP_LOAD_REFUSED]),
		 rep_fmt_count(f[5], v[REP_LOAD_N]));
	if (v[REP_LOAD_LEFT] > 0)
		rep_wrap(o, 2, 4,
			 "%s writes a run were not begun, failed, or are "
			 "covered by no fsync",
			 rep_fmt_count(f[6], v[REP_LOAD_LEFT]));
}

static void put_group(struct rep_out *o, const struct rep_load_group *g)
{
	const json_t *rec = g->run->rec;
	char text[REP_TALLY], a[REP_FIELD], b[REP_FIELD];

	fputc('\n', o->f);
	rep_wrap(o, 0, 2, "%s %s, fault %s: %s", rep_str(rec, "server"),
		 rep_str(rec, "workload"), rep_str(rec, "fault"),
		 rep_load_about(text, g));
	if (g->nr_steps)
		rep_wrap(o, 0, 2,
			 "Closed loop %s/s, knee %s/s, after %zu runs of %s",
			 rep_fmt_count(a, round(g->closed)),
			 rep_fmt_count(b, g->knee), g->nr_steps,
			 rep_str(rec, "subject"));
	if (!g->nr)
		return;
	fprintf(o->f, "%-*s %4s %7s %7s %7s %7s %7s %7s\n", NAME_COLS, "", "",
		"", "resp.", "resp.", "resp.", "service", "durable");
	fprintf(o->f, "%-*s %4s %7s %7s %7s %7s %7s %7s %4s\n", NAME_COLS,
		"client", "load", "rate/s", "p50", "p99", "max", "p99", "p99",
		"runs");
	for (size_t i = 0; i < g->nr; i++)
		put_row(o, &g->row[i]);
}

/* Runs that have something to say, each with its reason. */
static void troubles(struct rep_out *o, const struct rep_load *l)
{
	char rate[REP_FIELD];

	for (size_t i = 0; i < l->nr_runs; i++) {
		const struct rep_load_run *run = &l->run[i];
		const char *why = rep_str(run->rec, "reason");
		const char *repro = rep_str(run->rec, "repro");

		if (!rep_load_is_bad(run))
			continue;
		fputc('\n', o->f);
		rep_wrap(o, 0, 2, "%s %s, %s: %s",
			 rep_verdict_name(run->verdict),
			 rep_str(run->rec, "case"),
			 isnan(run->rate) ? "closed loop"
					  : rep_fmt_count(rate, run->rate),
			 why ? why : "no reason recorded");
		if (repro)
			rep_command(o, repro);
	}
}

void rep_section_load(struct rep_out *o, const struct rep_load *l)
{
	rep_heading(o, "Open-loop latency");
	rep_wrap(o, 0, 0,
		 "Writes begin when they are due. Response: from the intended "
		 "start to the return; service: from the actual start; "
		 "durable: from the intended start to the end of the fsync "
		 "that covers it; lag: how late they were begun. Medians over "
		 "runs; p99 and p99.9 need 10,000 writes a run, else they are "
		 "n.m.");
	for (size_t i = 0; i < l->nr; i++)
		put_group(o, &l->group[i]);
	troubles(o, l);
}
