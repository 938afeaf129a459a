/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report.txt: is it real? The pairs of each row on a line, as ministat does.
 *
 *	smbd.seq4k, CPU ns/MiB: +17.4% [+15, +20], n 20, RED
 *	          (    |    )              . .:*:. .           x
 *	                                    [-O--]
 *
 * First line: ( | ) threshold and no change; . : * one, two, more pairs in a
 * column, x a pair that does not count. Second: interval and estimate; < and >
 * go on beyond the scale. All rows of a metric have one logarithmic scale.
 */
#include "gate_i.h"

#include <math.h>
#include <string.h>

#define COLS 68
#define LEFT 2

struct scale {
	double lo, hi; /* natural logarithms of ratios */
};

static void reach(struct scale *s, double ratio)
{
	if (!(ratio > 0) || !isfinite(ratio))
		return;
	s->lo = fmin(s->lo, log(ratio));
	s->hi = fmax(s->hi, log(ratio));
}

static void scale_of(struct scale *s, const struct rep_gate *g,
		     const char *metric)
{
	*s = (struct scale){.lo = log(1 / 1.25), .hi = log(1.25)};
	for (size_t i = 0; i < g->nr; i++) {
		const struct rep_gate_row *row = &g->row[i];

		if (strcmp(row->metric, metric))
			continue;
		reach(s, row->lo);
		reach(s, row->hi);
		reach(s, row->ratio);
		for (size_t k = 0; k < row->nr_pairs; k++)
			if (!row->pair[k].why)
				reach(s, row->pair[k].ratio);
	}
	s->lo = fmax(s->lo - 0.02, log(1.0 / 64));
	s->hi = fmin(s->hi + 0.02, log(64));
}

/* Column of a ratio; what is beyond the scale stands at its end. */
static int col(const struct scale *s, double ratio)
{
	double v = (log(ratio) - s->lo) / (s->hi - s->lo);

	return (int)lround(fmin(fmax(v, 0), 1) * (COLS - 1));
}

static void put_line(struct rep_out *o, const char *line)
{
	int len = COLS;

	while (len && line[len - 1] == ' ')
		len--;
	fprintf(o->f, "%*s%.*s\n", LEFT, "", len, line);
}

static void pairs_line(struct rep_out *o, const struct rep_gate_row *row,
		       const struct scale *s)
{
	unsigned int hits[COLS] = {0};
	char line[COLS];

	memset(line, ' ', sizeof(line));
	line[col(s, 1)] = '|';
	if (isfinite(row->delta)) {
		line[col(s, 1 / (1 + row->delta))] = '(';
		line[col(s, 1 + row->delta)] = ')';
	}
	for (size_t i = 0; i < row->nr_pairs; i++) {
		const struct rep_gate_pair *p = &row->pair[i];
		int at;

		if (isnan(p->ratio) || p->is_confirm)
			continue;
		at = col(s, p->ratio);
		if (p->why) {
			line[at] = hits[at] ? line[at] : 'x';
			continue;
		}
		hits[at]++;
		line[at] = hits[at] == 1 ? '.' : hits[at] == 2 ? ':' : '*';
	}
	put_line(o, line);
}

static void interval_line(struct rep_out *o, const struct rep_gate_row *row,
			  const struct scale *s)
{
	char line[COLS];
	int lo, hi;

	if (isnan(row->ratio))
		return;
	memset(line, ' ', sizeof(line));
	lo = row->lo > 0 ? col(s, row->lo) : 0;
	hi = isfinite(row->hi) ? col(s, row->hi) : COLS - 1;
	for (int i = lo; i <= hi; i++)
		line[i] = '-';
	line[lo] = log(row->lo) < s->lo ? '<' : '[';
	line[hi] = log(row->hi) > s->hi ? '>' : ']';
	line[col(s, row->ratio)] = 'O';
	put_line(o, line);
}

static void put_row(struct rep_out *o, const struct rep_gate_row *row,
		    const struct scale *s)
{
	char c[REP_FIELD], ci[REP_INTERVAL];

	rep_wrap(o, 0, 2, "%s: %s %s, n %zu, %s", row->name,
		 rep_gate_change(c, row->ratio), rep_gate_interval(ci, row),
		 row->n, rep_gate_verdict_name(row->verdict));
	pairs_line(o, row, s);
	interval_line(o, row, s);
}

/* "-20%   0   +25%" over the columns. */
static void ticks(struct rep_out *o, const struct scale *s)
{
	static const double tick[] = {1.0 / 16, 0.25, 0.5, 0.8, 0.9, 1,
				      1.1,	1.25, 2,   4,	16};
	char line[COLS];
	int end = -2;

	memset(line, ' ', sizeof(line));
	for (size_t i = 0; i < NWB_ARRAY_SIZE(tick); i++) {
		char text[16];
		int len, at;

		if (log(tick[i]) < s->lo || log(tick[i]) > s->hi)
			continue;
		if (tick[i] == 1)
			len = snprintf(text, sizeof(text), "0");
		else
			len = snprintf(text, sizeof(text), "%+.0f%%",
				       100 * (tick[i] - 1));
		at = col(s, tick[i]) - len / 2;
		if (at < end + 2 || at + len > COLS)
			continue;
		memcpy(line + at, text, (size_t)len);
		end = at + len;
	}
	put_line(o, line);
}

static bool is_drawn(const struct rep_gate_row *row)
{
	return row->nr_pairs || isfinite(row->ratio);
}

static bool is_first(const struct rep_gate *g, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (is_drawn(&g->row[k]) &&
		    !strcmp(g->row[k].metric, g->row[i].metric))
			return false;
	return true;
}

void rep_gate_dots(struct rep_out *o, const struct rep_gate *g)
{
	size_t nr = 0;

	rep_heading(o, "Pairs");
	for (size_t i = 0; i < g->nr; i++) {
		struct scale s;

		if (!is_drawn(&g->row[i]) || !is_first(g, i))
			continue;
		if (!nr++)
			rep_wrap(o, 0, 0,
				 "B over A of each pair: . : * one, two, more "
				 "in a column, x counts for nothing; ( | ) "
				 "threshold and no change; [-O-] interval and "
				 "estimate. Logarithmic.");
		scale_of(&s, g, g->row[i].metric);
		fputc('\n', o->f);
		rep_wrap(o, 0, 2, "%s (%s)", rep_gate_title(&g->row[i]),
			 rep_gate_direction(&g->row[i]));
		ticks(o, &s);
		for (size_t k = i; k < g->nr; k++)
			if (is_drawn(&g->row[k]) &&
			    !strcmp(g->row[k].metric, g->row[i].metric))
				put_row(o, &g->row[k], &s);
	}
	if (!nr)
		rep_wrap(o, 0, 0, "No pair was measured.");
}
