/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report.html: one subject against another, a row a comparison.
 *
 *	                              0.5      1      2
 *	seq1m   1.25 [1.24, 1.25]      .      [--<>--]
 *
 * Small dots: the ratio of each pair. Bar: 95 % interval; diamond: estimate.
 * The band is what counts as the same (bench: 10 % of throughput, 5 % of CPU).
 * All rows of a table have one logarithmic axis.
 */
#include "html_i.h"

#include <math.h>
#include <string.h>

#define COLS 5

static const struct side {
	enum rep_metric metric;
	const char *title;
	double delta;
	const char *above, *below; /* what a ratio above or below 1 means */
} sides[] = {
	{REP_MIB_S, "MiB/s", 0.10, "faster", "slower"},
	{REP_CPU_NS_MIB, "CPU per MiB", 0.05, "dearer", "cheaper"},
};

/* What to show: cells of one subject with those of another beside them. */
struct forest {
	const struct rep_model *m;
	const char *const (*pair)[2];
	size_t nr;
	struct html_scale scale[NWB_ARRAY_SIZE(sides)];
};

/* Takes in all estimates and intervals; never less than a factor 1.5 to either
 * side, so that noise does not fill the picture; at most 1/64..64. */
static void scale_init(struct forest *f, size_t side, const char *a,
		       const char *b)
{
	struct html_scale *s = &f->scale[side];

	for (size_t i = 0; i < f->m->nr_cells; i++) {
		const struct rep_cell *c = &f->m->cell[i], *d;
		struct rep_cmp cmp;

		if (strcmp(c->subject, a))
			continue;
		d = rep_cell_find(f->m, c, b);
		if (!d)
			continue;
		rep_compare(c, d, sides[side].metric, &cmp);
		html_ratio_reach(s, cmp.ratio);
		html_ratio_reach(s, cmp.lo);
		html_ratio_reach(s, cmp.hi);
	}
}

static void scales(struct forest *f)
{
	for (size_t k = 0; k < NWB_ARRAY_SIZE(sides); k++) {
		struct html_scale *s = &f->scale[k];

		*s = (struct html_scale){.lo = log(1 / 1.5), .hi = log(1.5)};
		for (size_t i = 0; i < f->nr; i++)
			scale_init(f, k, f->pair[i][0], f->pair[i][1]);
		s->lo = fmax(s->lo - 0.08, log(1.0 / 64));
		s->hi = fmin(s->hi + 0.08, log(64));
	}
}

static void put_plot(struct rep_out *o, const struct rep_cmp *cmp,
		     const struct html_scale *s, double delta)
{
	char title[64] = "no pair";

	if (cmp->pairs)
		snprintf(title, sizeof(title), "ratio %.3f of %zu pairs",
			 cmp->ratio, cmp->pairs);
	html_ratio_open(o, s, delta, title);
	html_ratio_dots(o, s, cmp->each, cmp->pairs, "pair");
	html_ratio_close(o, s, cmp->ratio, cmp->lo, cmp->hi);
}

/* An end near 1 is shown on the side on which it lies. */
static int decimals(double v)
{
	return fabs(v - 1) < 0.005 ? 4 : 2;
}

/* In a word, and only what the interval says. */
static void put_reading(struct rep_out *o, const struct rep_cmp *cmp,
			const struct side *side)
{
	bool is_same =
		cmp->lo > 1 / (1 + side->delta) && cmp->hi < 1 + side->delta;

	fputs("<td class=\"r\">", o->f);
	if (!cmp->pairs)
		fputs("no pair", o->f);
	else if (isnan(cmp->lo))
		fprintf(o->f,
			"<b>%.2f</b> <small>%zu pair%s, interval needs "
			"%d</small>",
			cmp->ratio, cmp->pairs, cmp->pairs > 1 ? "s" : "",
			REP_PAIRS_MIN);
	else
		fprintf(o->f, "<b>%.2f</b> <small>[%.*f, %.*f] %s</small>",
			cmp->ratio, decimals(cmp->lo), cmp->lo,
			decimals(cmp->hi), cmp->hi,
			is_same	      ? "same"
			: cmp->lo > 1 ? side->above
			: cmp->hi < 1 ? side->below
				      : "unclear");
	fputs("</td>", o->f);
}

static void put_head(struct rep_out *o, const struct html_scale *scale)
{
	fputs("<table class=\"forest\">\n<thead><tr><th scope=\"col\">Cell"
	      "</th>",
	      o->f);
	for (size_t i = 0; i < NWB_ARRAY_SIZE(sides); i++)
		fprintf(o->f,
			"<th scope=\"col\" colspan=\"2\">%s <small>ratio, log "
			"axis; same within \xc2\xb1%.0f %%</small></th>",
			sides[i].title, 100 * sides[i].delta);
	fputs("</tr>\n<tr><td></td>", o->f);
	for (size_t i = 0; i < NWB_ARRAY_SIZE(sides); i++) {
		fputs("<td></td><td class=\"plot\">", o->f);
		html_ratio_axis(o, &scale[i]);
		fputs("</td>", o->f);
	}
	fputs("</tr></thead>\n<tbody>\n", o->f);
}

static void put_name(struct rep_out *o, const struct rep_cell *c,
		     bool with_server)
{
	if (!with_server) {
		html_row_head(o, c, false);
		return;
	}
	fputs("<th scope=\"row\">", o->f);
	html_text(o, c->server);
	fputs(" <span class=\"w\">", o->f);
	html_text(o, c->workload);
	fputs("</span> <span class=\"f\">", o->f);
	html_text(o, strcmp(c->fault, "none") ? c->fault : "");
	fputs("</span></th>", o->f);
}

static void put_row(struct rep_out *o, const struct forest *f,
		    const struct rep_cell *a, const struct rep_cell *b)
{
	fputs("<tr>", o->f);
	put_name(o, a, f->nr > 1);
	for (size_t k = 0; k < NWB_ARRAY_SIZE(sides); k++) {
		struct rep_cmp cmp;

		rep_compare(a, b, sides[k].metric, &cmp);
		put_reading(o, &cmp, &sides[k]);
		put_plot(o, &cmp, &f->scale[k], sides[k].delta);
	}
	fputs("</tr>\n", o->f);
}

/* @nr_rows: so far in the table. */
static void put_rows(struct rep_out *o, const struct forest *f, size_t pair,
		     size_t *nr_rows)
{
	const char *a = f->pair[pair][0], *b = f->pair[pair][1];
	const char *group = NULL;
	char title[64];

	snprintf(title, sizeof(title), "%s / %s", a, b);
	for (size_t i = 0; i < f->m->nr_cells; i++) {
		const struct rep_cell *c = &f->m->cell[i], *d;
		const char *in = f->nr > 1 ? title : c->server;

		if (strcmp(c->subject, a))
			continue;
		d = rep_cell_find(f->m, c, b);
		if (!d)
			continue;
		if (!(*nr_rows)++) {
			html_scroll(o, "Comparison of subjects");
			put_head(o, f->scale);
		}
		if (!group || strcmp(group, in))
			html_group_row(o, in, COLS);
		group = in;
		put_row(o, f, c, d);
	}
}

void html_forest(struct rep_out *o, const struct rep_model *m,
		 const char *const pair[][2], size_t nr)
{
	struct forest f = {.m = m, .pair = pair, .nr = nr};
	size_t nr_rows = 0, before;
	bool is_missing[8] = {0};

	nwb_assert(nr <= NWB_ARRAY_SIZE(is_missing));
	scales(&f);
	for (size_t i = 0; i < nr; i++) {
		before = nr_rows;
		put_rows(o, &f, i, &nr_rows);
		is_missing[i] = nr_rows == before;
	}
	if (nr_rows) {
		fputs("</tbody></table>\n", o->f);
		html_scroll_end(o);
	}
	for (size_t i = 0; i < nr; i++)
		if (is_missing[i])
			fprintf(o->f,
				"<p>%s against %s: not measured, no cell was "
				"run with both.</p>\n",
				pair[i][0], pair[i][1]);
}
