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

static void put_panel(struct rep_out *o, const struct html_frame *f,
		      const struct panel *p)
{
	fprintf(o->f, "<text class=\"name\" x=\"%d\" y=\"%.1f\">%s",
		HTML_FIG_LEFT, f->top - 8, p->title);
	for (size_t i = 0; i < p->nr; i++) {
		fprintf(o->f, " <tspan class=\"n\">n = %.0f</tspan>",
			p->lat[i].n);
		if (i + 1 < p->nr && p->lat[i].n == p->lat[i + 1].n)
			break; /* as a rule all of them have as many */
	}
	fputs("</text>\n", o->f);
	html_curve_axis(o, f);
	for (size_t i = 0; i < p->nr; i++)
		html_curve(o, f, &p->lat[i], html_class(p->cell[i]->subject),
			   html_is_second(p->cell[i]->subject));
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
	double n = 0, height = HTML_FIG_BOTTOM;
	struct html_frame f = {.top = HTML_FIG_TOP};

	for (size_t i = 0; i < nr; i++) {
		height += HTML_FIG_PLOT_H + HTML_FIG_TOP;
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
		HTML_FIG_W, height);
	html_text(o, c->server);
	fputc(' ', o->f);
	html_text(o, c->workload);
	fputc(' ', o->f);
	html_text(o, c->fault);
	fputs("</title>\n", o->f);
	html_curve_nines(o, &f, height - HTML_FIG_BOTTOM);
	for (size_t i = 0; i < nr;
	     i++, f.top += HTML_FIG_PLOT_H + HTML_FIG_TOP) {
		f.lo = p[i].lo;
		f.hi = p[i].hi;
		put_panel(o, &f, &p[i]);
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
