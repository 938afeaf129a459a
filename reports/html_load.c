/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report.html: the open loop. Where is the knee: latency against the load that
 * was offered. Where in the tail: percentiles of each rate, a panel a client,
 * response solid, service dashed; where they part, writes waited for their
 * turn.
 */
#include "html_i.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define PANEL_H	     HTML_FIG_PLOT_H
#define SUBJECTS_MAX 4

/* ---- latency against load ---- */

struct plane {
	double x_max;	    /* operations a second */
	double lo, hi;	    /* log10 of ns */
	double x_step, top; /* y of the upper end of a panel */
};

static double x_of(const struct plane *p, double rate)
{
	return HTML_FIG_LEFT + fmin(rate / p->x_max, 1) * HTML_FIG_PLOT_W;
}

static double y_of(const struct plane *p, double ns)
{
	double v = (log10(fmax(ns, 1)) - p->lo) / (p->hi - p->lo);

	return p->top + PANEL_H * (1 - fmin(fmax(v, 0), 1));
}

static const enum rep_load_metric shown[] = {REP_LOAD_P99, REP_LOAD_P50};
static const char *const shown_name[] = {"response p99", "response p50"};

static void plane_init(struct plane *p, const struct rep_load_group *g)
{
	double x = isnan(g->knee) ? 0 : g->knee, lo = INFINITY, hi = 0;
	struct html_axis axis;

	for (size_t i = 0; i < g->nr; i++) {
		x = fmax(x, g->row[i].rate);
		for (size_t k = 0; k < NWB_ARRAY_SIZE(shown); k++) {
			double v = g->row[i].v[shown[k]];

			if (!(v > 0))
				continue;
			lo = fmin(lo, v);
			hi = fmax(hi, v);
		}
	}
	axis = html_axis(x * 1.05, 4);
	*p = (struct plane){.x_max = axis.max, .x_step = axis.step};
	p->lo = isfinite(lo) ? floor(log10(fmax(lo, 1)) + 1e-9) : 3;
	p->hi = fmax(ceil(log10(fmax(hi, 1)) - 1e-9), p->lo + 1);
}

static void put_curve(struct rep_out *o, const struct plane *p,
		      const struct rep_load_group *g, const char *subject,
		      enum rep_load_metric metric)
{
	bool is_second = html_is_second(subject);
	const char *class = html_class(subject);
	size_t nr = 0;

	fprintf(o->f, "<path class=\"curve %s%s\" d=\"", class,
		is_second ? " dash" : "");
	for (size_t i = 0; i < g->nr; i++) {
		const struct rep_load_row *row = &g->row[i];

		if (strcmp(row->subject, subject) || !(row->v[metric] > 0))
			continue;
		fprintf(o->f, "%c%.1f %.1f", nr++ ? 'L' : 'M',
			x_of(p, row->rate), y_of(p, row->v[metric]));
	}
	fprintf(o->f, "%s\"/><path class=\"%s %s\" d=\"", nr ? "" : "M0 0",
		is_second ? "sq" : "pt", class);
	for (size_t i = 0; i < g->nr; i++) {
		const struct rep_load_row *row = &g->row[i];
		double x = x_of(p, row->rate), y = y_of(p, row->v[metric]);

		if (strcmp(row->subject, subject) || !(row->v[metric] > 0))
			continue;
		if (is_second)
			fprintf(o->f, "M%.1f %.1fh4v4h-4z", x - 2, y - 2);
		else
			fprintf(o->f, "M%.1f %.1fh0", x, y);
	}
	fputs("\"/>\n", o->f);
}

/* Those of the group, each once. Return: how many. */
static size_t subjects(const struct rep_load_group *g,
		       const char *ret[SUBJECTS_MAX])
{
	size_t nr = 0;

	for (size_t i = 0; i < g->nr; i++) {
		size_t k = 0;

		while (k < nr && strcmp(ret[k], g->row[i].subject))
			k++;
		if (k == nr && nr < SUBJECTS_MAX)
			ret[nr++] = g->row[i].subject;
	}
	return nr;
}

static void put_rates(struct rep_out *o, const struct plane *p, double bottom,
		      double knee)
{
	char b[HTML_FIELD];

	for (double x = 0; x <= p->x_max * 1.001; x += p->x_step)
		fprintf(o->f,
			"<path class=\"grid\" d=\"M%.1f %dV%.1f\"/><text "
			"class=\"t\" x=\"%.1f\" y=\"%.1f\" "
			"text-anchor=\"%s\">%s</text>\n",
			x_of(p, x), HTML_FIG_TOP, bottom, x_of(p, x),
			bottom + 15,
			x > p->x_max - p->x_step / 2 ? "end" : "middle",
			html_count(b, x));
	if (!(knee > 0))
		return;
	fprintf(o->f,
		"<path class=\"hit\" d=\"M%.1f %dV%.1f\"><title>knee at "
		"%s/s</title></path><text class=\"t\" x=\"%.1f\" y=\"%d\" "
		"text-anchor=\"end\">knee</text>\n",
		x_of(p, knee), HTML_FIG_TOP, bottom, html_count(b, knee),
		x_of(p, knee) - 3, HTML_FIG_TOP + 10);
}

static void put_key(struct rep_out *o, const char *class, bool is_dashed,
		    const char *text)
{
	fprintf(o->f,
		"<svg class=\"key\" viewBox=\"0 0 22 8\" width=\"22\" "
		"height=\"8\" aria-hidden=\"true\"><path class=\"curve %s%s\" "
		"d=\"M0 4H22\"/></svg> ",
		class, is_dashed ? " dash" : "");
	html_text(o, text);
	fputc(' ', o->f);
}

static void put_plane(struct rep_out *o, const struct rep_load_group *g)
{
	double step = PANEL_H + HTML_FIG_TOP;
	double bottom = 2 * step;
	const char *name[SUBJECTS_MAX];
	size_t nr = subjects(g, name);
	struct plane p;

	plane_init(&p, g);
	fputs("<figure>\n<figcaption>Where is the knee? <small>writes offered "
	      "a second; ",
	      o->f);
	for (size_t i = 0; i < nr; i++)
		put_key(o, html_class(name[i]), html_is_second(name[i]),
			name[i]);
	fprintf(o->f,
		"</small></figcaption>\n<svg viewBox=\"0 0 %d %.0f\" "
		"role=\"img\"><title>Latency against offered load</title>\n",
		HTML_FIG_W, bottom + HTML_FIG_BOTTOM);
	put_rates(o, &p, bottom, g->knee);
	for (size_t k = 0; k < NWB_ARRAY_SIZE(shown); k++) {
		struct html_frame f = {.lo = p.lo, .hi = p.hi};

		p.top = f.top = HTML_FIG_TOP + (double)k * step;
		fprintf(o->f,
			"<text class=\"name\" x=\"%d\" y=\"%.1f\">%s</text>\n",
			HTML_FIG_LEFT, p.top - 8, shown_name[k]);
		html_curve_axis(o, &f);
		for (size_t i = 0; i < nr; i++)
			put_curve(o, &p, g, name[i], shown[k]);
	}
	fputs("</svg>\n</figure>\n", o->f);
}

/* ---- percentiles of one rate ---- */

struct panel {
	const struct rep_load_row *row;
	struct rep_lat lat[2]; /* response, service */
};

static double lat_end(const struct rep_lat *l, bool is_high)
{
	return l->nr ? l->bin[is_high ? l->nr - 1 : 0].low_ns : NAN;
}

static void put_panels(struct rep_out *o, struct panel *p, size_t nr)
{
	double lo = NAN, hi = NAN, n = 0;
	double height = HTML_FIG_BOTTOM + (double)nr * (PANEL_H + HTML_FIG_TOP);
	struct html_frame f = {.top = HTML_FIG_TOP};
	char b[HTML_FIELD];

	for (size_t i = 0; i < 2 * nr; i++) {
		const struct rep_lat *l = &p[i / 2].lat[i % 2];

		lo = fmin(lo, lat_end(l, false));
		hi = fmax(hi, lat_end(l, true));
		n = fmax(n, l->n);
	}
	f.lo = floor(log10(fmax(lo, 1)) + 1e-9);
	f.hi = fmax(ceil(log10(fmax(hi, 1)) - 1e-9), f.lo + 1);
	f.nines = fmin(fmax(log10(n), 1.05), 6);
	fprintf(o->f, "<figure>\n<figcaption>%s writes/s <small>",
		html_count(b, p->row->rate));
	put_key(o, "c", false, "response");
	put_key(o, "c", true, "service");
	fprintf(o->f,
		"</small></figcaption>\n<svg viewBox=\"0 0 %d %.0f\" "
		"role=\"img\"><title>Percentiles at %s writes/s</title>\n",
		HTML_FIG_W, height, html_count(b, p->row->rate));
	html_curve_nines(o, &f, height - HTML_FIG_BOTTOM);
	for (size_t i = 0; i < nr; i++, f.top += PANEL_H + HTML_FIG_TOP) {
		const char *class = html_class(p[i].row->subject);

		fprintf(o->f, "<text class=\"name %s\" x=\"%d\" y=\"%.1f\">",
			class, HTML_FIG_LEFT, f.top - 8);
		html_text(o, p[i].row->subject);
		fprintf(o->f, " <tspan class=\"n\">n = %.0f</tspan></text>\n",
			p[i].lat[0].n);
		html_curve_axis(o, &f);
		for (int k = 0; k < 2; k++)
			if (p[i].lat[k].nr)
				html_curve(o, &f, &p[i].lat[k], class, k);
	}
	fputs("</svg>\n</figure>\n", o->f);
}

/* The rows from @row on that have its rate. Return: 0, -ENOMEM. */
static int put_rate(struct rep_out *o, const struct rep_load_row *row,
		    size_t nr)
{
	struct panel p[SUBJECTS_MAX] = {0};
	size_t used = 0;
	int r = 0;

	for (size_t i = 0; i < nr && used < SUBJECTS_MAX && !r; i++) {
		p[used].row = &row[i];
		r = rep_load_hist(&row[i], "response", &p[used].lat[0]);
		if (!r)
			r = rep_load_hist(&row[i], "service", &p[used].lat[1]);
		used++;
		if (!r && !p[used - 1].lat[0].nr && !p[used - 1].lat[1].nr)
			used--;
	}
	if (!r && used)
		put_panels(o, p, used);
	for (size_t i = 0; i < SUBJECTS_MAX; i++) {
		rep_lat_fini(&p[i].lat[0]);
		rep_lat_fini(&p[i].lat[1]);
	}
	return r;
}

/* ---- table ---- */

static void put_row(struct rep_out *o, const struct rep_load_row *row)
{
	static const enum rep_load_metric times[] = {
		REP_LOAD_P50,	  REP_LOAD_P99,		REP_LOAD_P999,
		REP_LOAD_MAX,	  REP_LOAD_SERVICE_P99, REP_LOAD_DURABLE_P99,
		REP_LOAD_LAG_MAX,
	};
	const double *v = row->v;
	char b[HTML_FIELD];

	fprintf(o->f, "<tr><th scope=\"row\"><span class=\"s %s\">",
		html_class(row->subject));
	html_text(o, row->subject);
	fputs("</span>", o->f);
	if (row->verdict < REP_PASS) {
		fputc(' ', o->f);
		html_verdict(o, row->verdict);
	}
	fputs("</th>", o->f);
	html_num(o, html_fixed(b, 100 * row->share, 0));
	html_num(o, html_count(b, row->rate));
	html_num(o, html_fixed(b, v[REP_LOAD_ACHIEVED], 0));
	for (size_t i = 0; i < NWB_ARRAY_SIZE(times); i++)
		html_num(o, html_ns(b, v[times[i]]));
	html_num(o, html_count(b, v[REP_LOAD_BACKLOG]));
	html_num(o, html_fixed(b, 100 * v[REP_LOAD_REFUSED], 1));
	html_num(o, html_count(b, v[REP_LOAD_LEFT]));
	html_num(o, html_count(b, v[REP_LOAD_N]));
	fprintf(o->f, "<td class=\"n\">%zu</td></tr>\n", row->nr);
}

static void put_table(struct rep_out *o, const struct rep_load_group *g)
{
	static const char *const head[] = {
		"Load <small>% of knee</small>",
		"Offered <small>a second</small>",
		"Kept <small>a second</small>",
		"p50 <small>response</small>",
		"p99 <small>response</small>",
		"p99.9 <small>response</small>",
		"max <small>response</small>",
		"p99 <small>service</small>",
		"p99 <small>durable</small>",
		"Lag <small>max</small>",
		"Back\xc2\xadlog <small>max</small>",
		"Refused <small>%</small>",
		"Left <small>over</small>",
		"n <small>a run</small>",
		"Runs",
	};

	html_scroll(o, "Open-loop latency");
	fputs("<table>\n<thead><tr><th scope=\"col\">Client</th>", o->f);
	for (size_t i = 0; i < NWB_ARRAY_SIZE(head); i++)
		fprintf(o->f, "<th scope=\"col\" class=\"n\">%s</th>", head[i]);
	fputs("</tr></thead>\n<tbody>\n", o->f);
	for (size_t i = 0; i < g->nr; i++)
		put_row(o, &g->row[i]);
	fputs("</tbody></table>\n", o->f);
	html_scroll_end(o);
}

static void put_group(struct rep_out *o, const struct rep_load_group *g)
{
	const json_t *rec = g->run->rec;
	char text[REP_TALLY];
	size_t nr;

	fputs("<h3>", o->f);
	html_text(o, rep_str(rec, "server"));
	fputc(' ', o->f);
	html_text(o, rep_str(rec, "workload"));
	if (strcmp(rep_str(rec, "fault"), "none")) {
		fputs(" <span class=\"f\">", o->f);
		html_text(o, rep_str(rec, "fault"));
		fputs("</span>", o->f);
	}
	fputs(" <small class=\"of\">", o->f);
	html_text(o, rep_load_about(text, g));
	fputs("</small></h3>\n", o->f);
	if (!g->nr) {
		fprintf(o->f,
			"<p>%zu runs on the way to the knee, none at a "
			"load.</p>\n",
			g->nr_steps);
		return;
	}
	put_table(o, g);
	fputs("<div class=\"figs\">\n", o->f);
	put_plane(o, g);
	for (size_t i = 0; i < g->nr; i += nr) {
		for (nr = 1; i + nr < g->nr; nr++)
			if (g->row[i + nr].rate != g->row[i].rate)
				break;
		if (put_rate(o, &g->row[i], nr))
			o->err = -ENOMEM;
	}
	fputs("</div>\n", o->f);
}

static void put_troubles(struct rep_out *o, const struct rep_load *l)
{
	size_t nr = 0;

	for (size_t i = 0; i < l->nr_runs; i++) {
		const struct rep_load_run *run = &l->run[i];
		const char *why = rep_str(run->rec, "reason");

		if (!rep_load_is_bad(run))
			continue;
		fputs(nr++ ? "<li>" : "<ul>\n<li>", o->f);
		html_verdict(o, run->verdict);
		fputc(' ', o->f);
		html_text(o, rep_str(run->rec, "case"));
		fputs(": ", o->f);
		html_text(o, why ? why : "no reason recorded");
		if (rep_str(run->rec, "repro")) {
			fputs(" <code>", o->f);
			html_text(o, rep_str(run->rec, "repro"));
			fputs("</code>", o->f);
		}
		fputs("</li>\n", o->f);
	}
	if (nr)
		fputs("</ul>\n", o->f);
}

void html_load(struct rep_out *o, const struct rep_load *l)
{
	html_section(o, "load", "Open-loop latency");
	html_lead(o,
		  "Writes begin when they are due, whether or not the last "
		  "one is back. <b>Response</b>: from the intended start to "
		  "the return; <b>service</b>: from the actual start; "
		  "<b>durable</b>: from the intended start to the end of "
		  "the fsync that covers it; <b>lag</b>: how late they were "
		  "begun. Medians over runs; a percentile that a run is too "
		  "short for is \xe2\x80\x93. Times are on logarithmic axes.");
	put_troubles(o, l);
	for (size_t i = 0; i < l->nr; i++)
		put_group(o, &l->group[i]);
	fputs("</section>\n", o->f);
}

void html_load_mood(const struct rep_load *l, const char **ret_class,
		    char *ret_sentence, size_t size)
{
	size_t bad = 0;

	for (int v = 0; v <= REP_VACUOUS; v++)
		bad += l->by_verdict[v];
	*ret_class = bad			       ? "bad"
		     : l->by_verdict[REP_INCONCLUSIVE] ? "warn"
						       : "good";
	if (bad)
		snprintf(ret_sentence, size, "%zu of %zu latency runs failed",
			 bad, l->nr_runs);
	else
		snprintf(ret_sentence, size, "%zu latency runs, none failed",
			 l->nr_runs);
}

void html_load_chips(struct rep_out *o, const struct rep_load *l)
{
	html_verdict_counts(o, l->by_verdict);
	fprintf(o->f, "<span class=\"of\">%zu latency runs</span>", l->nr_runs);
}
