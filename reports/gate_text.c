/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report.txt: a comparison. What is worst is on top, by how far it lies beyond
 * its own threshold; what has no verdict is listed with its reason; every
 * figure has its interval and n.
 */
#include "gate_i.h"

#include "heat_i.h"
#include "nwb/mem.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CASE_COLS 19

void rep_gate_line(struct rep_out *o, const struct rep_gate *g)
{
	char text[REP_TALLY], b[REP_FIELD];

	if (g->nr_broken)
		rep_wrap(o, 0, 2,
			 "FAIL: %zu runs broke a promise; how fast they were "
			 "does not matter",
			 g->nr_broken);
	rep_gate_tally(g, text);
	rep_wrap(o, 0, 0, "%s", text);
	if (g->trouble)
		rep_wrap(o, 0, 0, "UNUSABLE: %s", g->trouble);
	else if (isfinite(g->control_max))
		rep_wrap(o, 0, 0, "%sA/A max |%s|, %zu control%s",
			 g->nr && g->end ? "session usable: " : "",
			 rep_gate_change(b, 1 + g->control_max) + 1,
			 g->nr_controls, g->nr_controls == 1 ? "" : "s");
	else if (g->nr_controls)
		rep_wrap(o, 0, 0,
			 "no A/A control has an estimate: nothing says that "
			 "the session was usable");
	else
		rep_wrap(o, 0, 0,
			 "no A/A control was run: nothing says that the "
			 "session was usable");
	rep_wrap(o, 0, 2, "%zu comparisons of %zu cases", g->nr, g->nr_cases);
}

void rep_gate_put_side(struct rep_out *o, const struct rep_gate *g,
		       const char *key, const char *name)
{
	char *text = rep_gate_side(g, key);

	if (!text) {
		o->err = -ENOMEM;
		return;
	}
	rep_wrap(o, 0, 4, "%s = %s", name, text);
	free(text);
}

static void compared(struct rep_out *o, const struct rep_gate *g)
{
	const char *differs = rep_str(g->compare, "differs");
	const char *summary = rep_str(g->compare, "summary");

	rep_heading(o, "What was compared");
	if (summary)
		rep_wrap(o, 0, 0, "%s", summary);
	rep_gate_put_side(o, g, "a", "A");
	rep_gate_put_side(o, g, "b", "B");
	if (differs)
		rep_wrap(o, 0, 2, "What differs: %s", differs);
}

static void broken_side(struct rep_out *o, const json_t *rec, const char *side)
{
	const char *verdict = rep_gate_broken(rec, side);
	const json_t *s = json_object_get(rec, side);
	const char *why = rep_str(s, "reason"), *repro = rep_str(s, "repro");

	if (!verdict)
		return;
	rep_wrap(o, 0, 2, "%s %s, pair %lld, side %c: %s", verdict,
		 rep_str(rec, "case"),
		 (long long)json_integer_value(json_object_get(rec, "pair")),
		 *side == 'a' ? 'A' : 'B', why ? why : "no reason recorded");
	if (repro)
		rep_command(o, repro);
}

static void broken(struct rep_out *o, const struct rep_gate *g)
{
	size_t i;
	json_t *rec;

	if (!g->nr_broken)
		return;
	rep_heading(o, "Runs that broke a promise");
	json_array_foreach(g->recs, i, rec)
	{
		broken_side(o, rec, "a");
		broken_side(o, rec, "b");
	}
}

/* ---- tables: one a metric ---- */

static void table_row(struct rep_out *o, const struct rep_gate_row *row)
{
	char a[REP_FIELD], b[REP_FIELD], c[REP_FIELD], d[REP_FIELD];
	char ci[REP_INTERVAL];

	rep_name(o, CASE_COLS, row->name);
	fprintf(o->f, " %7s %7s %6s %14s %3s %2zu %s\n",
		rep_gate_value(a, row, row->a), rep_gate_value(b, row, row->b),
		rep_gate_change(c, row->ratio), rep_gate_interval(ci, row),
		rep_gate_delta(d, row), row->n, rep_gate_word(row));
}

static void again(struct rep_out *o, const struct rep_gate_row *row)
{
	char b[REP_FIELD];

	if (row->is_looked_again && row->again_n)
		rep_wrap(o, 2, 4, "measured again: %s, n %zu",
			 rep_gate_change(b, row->again_ratio), row->again_n);
	else if (row->verdict == REP_GATE_SUSPECT && !row->is_looked_again)
		rep_wrap(o, 2, 4, "not measured again yet");
	if (row->is_bimodal)
		rep_wrap(o, 2, 4, "BIMODAL: the pairs lie in two groups");
	if (row->why)
		rep_wrap(o, 2, 4, "%s", row->why);
}

static void table_head(struct rep_out *o, const struct rep_gate_row *row)
{
	fputc('\n', o->f);
	rep_wrap(o, 0, 2, "%s (%s)", rep_gate_title(row),
		 rep_gate_direction(row));
	fprintf(o->f, "%-*s %7s %7s %6s %14s %3s %2s\n", CASE_COLS, "case", "A",
		"B", "change", "95% interval", "+-d", "n");
}

/* Is @row the first of its metric among the first @nr that are shown? */
static bool is_first(const struct rep_gate_row *all,
		     const struct rep_gate_row *row)
{
	for (; all < row; all++)
		if (rep_gate_is_number(all) &&
		    !strcmp(all->metric, row->metric))
			return false;
	return true;
}

static void tables(struct rep_out *o, const struct rep_gate *g)
{
	for (size_t i = 0; i < g->nr; i++) {
		const struct rep_gate_row *row = &g->row[i];

		if (!rep_gate_is_number(row) || !is_first(g->row, row))
			continue;
		table_head(o, row);
		for (size_t k = i; k < g->nr; k++) {
			if (!rep_gate_is_number(&g->row[k]) ||
			    strcmp(g->row[k].metric, row->metric))
				continue;
			table_row(o, &g->row[k]);
			again(o, &g->row[k]);
		}
	}
}

/* ---- what has no verdict ---- */

static void other(struct rep_out *o, const struct rep_gate_row *row,
		  const char *word)
{
	char c[REP_FIELD], d[REP_FIELD], ci[REP_INTERVAL], figure[128] = "";
	char bad[48] = "";

	if (isfinite(row->ratio))
		snprintf(figure, sizeof(figure), ": %s %s, n %zu, +-%s",
			 rep_gate_change(c, row->ratio),
			 rep_gate_interval(ci, row), row->n,
			 rep_gate_delta(d, row));
	else if (row->nr_pairs)
		snprintf(figure, sizeof(figure), ": no estimate, %zu pair%s",
			 row->nr_pairs, row->nr_pairs == 1 ? "" : "s");
	if (row->nr_bad)
		snprintf(bad, sizeof(bad), ", %zu pairs contaminated",
			 row->nr_bad);
	rep_wrap(o, 0, 8, "%s %s, %s%s%s%s%s%s", word, row->name,
		 rep_gate_title(row), figure, bad,
		 row->is_bimodal ? ", BIMODAL" : "", row->why ? "; " : "",
		 row->why ? row->why : "");
}

static void others(struct rep_out *o, const struct rep_gate *g)
{
	size_t nr = 0;

	for (size_t i = 0; i < g->nr; i++) {
		const struct rep_gate_row *row = &g->row[i];

		if (rep_gate_is_number(row))
			continue;
		if (!nr++)
			rep_heading(o, "Without a verdict");
		other(o, row, rep_gate_verdict_name(row->verdict));
	}
}

static void controls(struct rep_out *o, const struct rep_gate *g)
{
	rep_heading(o, "Controls: A against A");
	if (!g->nr_controls)
		rep_wrap(o, 0, 0, "None was run.");
	for (size_t i = 0; i < g->nr_controls; i++)
		other(o, &g->control[i],
		      rep_gate_verdict_name(g->control[i].verdict));
}

static void contaminated(struct rep_out *o, const struct rep_gate *g)
{
	size_t bad = 0, all = 0;

	for (size_t i = 0; i < g->nr; i++) {
		bad += g->row[i].nr_bad;
		all += g->row[i].nr_pairs;
	}
	if (bad)
		rep_wrap(o, 0, 2,
			 "%zu of %zu pairs (by case and metric) count for "
			 "nothing: the machine was disturbed, or they failed. "
			 "They are marked x below and stand in %s.",
			 bad, all, NWB_STORE_NAME);
}

static void grids(struct rep_out *o, const struct rep_gate *g)
{
	struct rep_heat *h = nwb_zalloc(sizeof(*h));
	size_t nr = 0;

	if (!h) {
		o->err = -ENOMEM;
		return;
	}
	for (size_t i = 0; rep_heat_gate(g, i, h); i++) {
		if (h->nr_rows && !nr++)
			rep_heading(o, "Which region changed");
		rep_heat_print(o, h);
	}
	nwb_free(h);
}

void rep_section_gate(struct rep_out *o, const struct rep_gate *g)
{
	compared(o, g);
	broken(o, g);
	rep_heading(o, "Changes");
	rep_wrap(o, 0, 0,
		 "Change of B against A from interleaved pairs: "
		 "Hodges-Lehmann, exact 95%% interval of each row by itself. "
		 "n: pairs. d: threshold; ~: proved to lie within it. Rows "
		 "by how far they are beyond it.");
	if (g->trouble)
		rep_wrap(o, 0, 0, "The session is UNUSABLE: no row counts.");
	tables(o, g);
	others(o, g);
	controls(o, g);
	contaminated(o, g);
	grids(o, g);
	rep_gate_dots(o, g);
}
