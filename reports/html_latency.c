/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report.html: latency as percentile curves.
 *
 * x is log(1/(1-p)): each decade is one more nine, so the tail has as much
 * room as the middle. A curve ends where its last call is: n calls know
 * nothing beyond 1-1/n. Few calls are drawn as points.
 */
#include "html_i.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define CURVES_MAX 4
#define FIG_W	   340
#define PLOT_H	   84
#define TOP	   26 /* above a panel: its name */
#define LEFT	   46
#define RIGHT	   10
#define BOTTOM	   24
#define PLOT_W	   (FIG_W - LEFT - RIGHT)
#define FEW	   64 /* calls that are drawn one by one */

struct panel {
	const char *title;
	const struct rep_cell *cell[CURVES_MAX];
	struct rep_lat lat[CURVES_MAX];
	size_t nr;
	double lo, hi; /* log10 of ns: the axis */
};

static void panel_fini(struct panel *p)
{
	for (size_t i = 0; i < p->nr; i++)
		rep_lat_fini(&p->lat[i]);
	p->nr = 0;
}

static int panel_load(struct panel *p, const struct html_group *g,
		      const char *key, const char *title)
{
	double lo = INFINITY, hi = -INFINITY;

	*p = (struct panel){.title = title};
	for (size_t i = 0; i < g->nr && p->nr < CURVES_MAX; i++) {
		struct rep_lat *l = &p->lat[p->nr];
		int r = rep_lat_load(&g->cell[i], key, l);

		if (r)
			return r;
		if (!l->nr)
			continue;
		lo = fmin(lo, l->bin[0].low_ns);
		hi = fmax(hi, l->bin[l->nr - 1].low_ns);
		p->cell[p->nr++] = &g->cell[i];
	}
	p->lo = floor(log10(fmax(lo, 1)) + 1e-9);
	p->hi = fmax(ceil(log10(fmax(hi, 1)) - 1e-9), p->lo + 1);
	return 0;
}

struct frame {
	double top, nines; /* of the x axis */
	const struct panel *p;
};

static double x_of(const struct frame *f, double nines)
{
	return LEFT + nines / f->nines * PLOT_W;
}

static double y_of(const struct frame *f, double ns)
{
	double v = (log10(fmax(ns, 1)) - f->p->lo) / (f->p->hi - f->p->lo);

	return f->top + PLOT_H * (1 - v);
}

/* Dots are lines of no length with round ends; the second's are squares. */
static void put_points(struct rep_out *o, const struct frame *f,
		       const struct rep_lat *l, const char *class,
		       bool is_second)
{
	double below = 0;

	fprintf(o->f, "<path class=\"%s %s\" d=\"", is_second ? "sq" : "pt",
		class);
	for (size_t i = 0; i < l->nr; i++) {
		double x, y = y_of(f, l->bin[i].low_ns);

		below += l->bin[i].count;
		x = x_of(f, log10(l->n / fmax(l->n - below, 1)));
		if (is_second)
			fprintf(o->f, "M%.1f %.1fh4v4h-4z", x - 2, y - 2);
		else
			fprintf(o->f, "M%.1f %.1fh0", x, y);
	}
	fputs("\"/>\n", o->f);
}

static void put_curve(struct rep_out *o, const struct frame *f,
		      const struct rep_lat *l, const char *class,
		      bool is_second)
{
	double below = 0, px = -1, py = -1;

	if (l->n <= FEW) {
		put_points(o, f, l, class, is_second);
		return;
	}
	fprintf(o->f, "<path class=\"curve %s%s\" d=\"", class,
		is_second ? " dash" : "");
	for (size_t i = 0; i < l->nr; i++) {
		double x, y = y_of(f, l->bin[i].low_ns);

		below += l->bin[i].count;
		x = x_of(f, log10(l->n / fmax(l->n - below, 1)));
		if (i && i + 1 < l->nr && fabs(x - px) < 1.5 &&
		    fabs(y - py) < 1.5)
			continue;
		fprintf(o->f, "%c%.1f %.1f", i ? 'L' : 'M', x, y);
		px = x;
		py = y;
	}
	fputs("\"/>\n", o->f);
}

static void put_axes(struct rep_out *o, const struct frame *f)
{
	static const char *const unit[] = {
		"1 ns",		"10 ns",	 "100 ns", "1 \xc2\xb5s",
		"10 \xc2\xb5s", "100 \xc2\xb5s", "1 ms",   "10 ms",
		"100 ms",	"1 s",		 "10 s",   "100 s",
		"1000 s"};
	double step = f->p->hi - f->p->lo > 4 ? 2 : 1;

	for (double d = f->p->lo; d <= f->p->hi; d += step) {
		double y = y_of(f, pow(10, d));

		if (d < 0 || d >= NWB_ARRAY_SIZE(unit))
			continue;
		fprintf(o->f,
			"<path class=\"%s\" d=\"M%d %.1fH%d\"/><text "
			"class=\"t\" x=\"%d\" y=\"%.1f\" text-anchor=\"end\">"
			"%s</text>\n",
			d > f->p->lo ? "grid" : "axis", LEFT, y, FIG_W - RIGHT,
			LEFT - 5, y + 4, unit[(int)d]);
	}
}

static void put_panel(struct rep_out *o, const struct frame *f)
{
	const struct panel *p = f->p;

	fprintf(o->f, "<text class=\"name\" x=\"%d\" y=\"%.1f\">%s", LEFT,
		f->top - 8, p->title);
	for (size_t i = 0; i < p->nr; i++) {
		fprintf(o->f, " <tspan class=\"n\">n = %.0f</tspan>",
			p->lat[i].n);
		if (i + 1 < p->nr && p->lat[i].n == p->lat[i + 1].n)
			break; /* as a rule all of them have as many */
	}
	fputs("</text>\n", o->f);
	put_axes(o, f);
	for (size_t i = 0; i < p->nr; i++)
		put_curve(o, f, &p->lat[i], html_class(p->cell[i]->subject),
			  html_is_second(p->cell[i]->subject));
}

static void put_nines(struct rep_out *o, const struct frame *f, double y0)
{
	static const struct {
		double nines;
		const char *text;
	} tick[] = {
		{0, "0"},     {0.30103, "p50"}, {1, "p90"},	{2, "p99"},
		{3, "p99.9"}, {4, "p99.99"},	{5, "p99.999"},
	};

	for (size_t i = 0; i < NWB_ARRAY_SIZE(tick); i++) {
		double x = x_of(f, tick[i].nines);

		if (tick[i].nines > f->nines + 1e-6 || (!i && f->nines > 2))
			continue;
		fprintf(o->f,
			"<path class=\"grid\" d=\"M%.1f %.1fV%.1f\"/><text "
			"class=\"t\" x=\"%.1f\" y=\"%.1f\" "
			"text-anchor=\"middle\">%s</text>\n",
			x, (double)TOP, y0, x, y0 + 15, tick[i].text);
	}
}

static void put_keys(struct rep_out *o, const struct panel *p)
{
	fputs("<small>", o->f);
	for (size_t i = 0; i < p->nr; i++) {
		const char *subject = p->cell[i]->subject;

		fprintf(o->f,
			"%s<svg class=\"key\" viewBox=\"0 0 22 8\" "
			"width=\"22\" height=\"8\" aria-hidden=\"true\"><path "
			"class=\"curve %s%s\" d=\"M0 4H22\"/></svg> ",
			i ? " " : "", html_class(subject),
			html_is_second(subject) ? " dash" : "");
		html_text(o, subject);
	}
	fputs("</small>", o->f);
}

static void put_figure(struct rep_out *o, const struct rep_cell *c,
		       const struct panel *p, size_t nr)
{
	double n = 0, height = BOTTOM;
	struct frame f = {.top = TOP};

	for (size_t i = 0; i < nr; i++) {
		height += PLOT_H + TOP;
		for (size_t k = 0; k < p[i].nr; k++)
			n = fmax(n, p[i].lat[k].n);
	}
	f.nines = fmin(fmax(log10(n), 1.05), 6);
	fputs("<figure>\n<figcaption>", o->f);
	html_text(o, c->workload);
	if (strcmp(c->fault, "none")) {
		fputs(" <span class=\"f\">", o->f);
		html_text(o, c->fault);
		fputs("</span>", o->f);
	}
	put_keys(o, &p[0]);
	fprintf(o->f,
		"</figcaption>\n<svg viewBox=\"0 0 %d %.0f\" role=\"img\">"
		"<title>Latency percentiles, ",
		FIG_W, height);
	html_text(o, c->server);
	fputc(' ', o->f);
	html_text(o, c->workload);
	fputc(' ', o->f);
	html_text(o, c->fault);
	fputs("</title>\n", o->f);
	put_nines(o, &f, height - BOTTOM);
	for (size_t i = 0; i < nr; i++, f.top += PLOT_H + TOP) {
		f.p = &p[i];
		put_panel(o, &f);
	}
	fputs("</svg>\n</figure>\n", o->f);
}

/* Return: 1 drawn, 0 nothing to draw, -ENOMEM. */
static int group(struct rep_out *o, const struct html_group *g,
		 const char **server)
{
	struct panel p[2] = {0};
	size_t nr = 0;
	int r = panel_load(&p[0], g, "write_lat", "write()");

	nr += p[0].nr > 0;
	if (!r)
		r = panel_load(&p[nr], g, "fsync_lat", "fsync()");
	nr += nr < 2 && p[nr].nr > 0;
	if (!r && nr) {
		if (!*server || strcmp(*server, g->cell->server)) {
			fprintf(o->f, "%s<h3>", *server ? "</div>\n" : "");
			html_text(o, g->cell->server);
			fputs("</h3>\n<div class=\"figs\">\n", o->f);
			*server = g->cell->server;
		}
		put_figure(o, g->cell, p, nr);
	}
	panel_fini(&p[0]);
	panel_fini(&p[1]);
	return r ? r : nr > 0;
}

void html_latency(struct rep_out *o, const struct rep_model *m)
{
	const char *server = NULL;

	for (size_t i = 0; i < m->nr_cells; i += html_group_at(m, i).nr) {
		struct html_group g = html_group_at(m, i);

		if (group(o, &g, &server) < 0) {
			o->err = -ENOMEM;
			break;
		}
	}
	fputs(server ? "</div>\n"
		     : "<p>Not measured: no run has a latency histogram.</p>\n",
	      o->f);
}
