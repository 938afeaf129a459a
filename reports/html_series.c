/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report.html: throughput over time.
 *
 * One figure a group (server, workload, fault), one strip a subject, all with
 * the same two scales, so that strips can be compared by eye:
 *
 *	MiB/s |  ____      ____          in-place
 *	      |_/    v____^    \_        v fault, ^ connected again
 *	      +------------------
 *	      |  ____       ____         temp-page
 *	      |_/    v_____^    \_
 *	      +------------------ ms
 */
#include "html_i.h"

#include "nwb/mem.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define STRIPS_MAX 4
#define FIG_W	   340
#define STRIP_H	   74
#define TOP	   26 /* above a strip: its name */
#define LEFT	   40
#define RIGHT	   8
#define BOTTOM	   30
#define PLOT_W	   (FIG_W - LEFT - RIGHT)
#define SPARK_W	   120
#define SPARK_H	   24
#define SPARK_BINS 40
#define HITS_FEW   12 /* each with a line of its own */

struct strip {
	const struct rep_cell *cell;
	const struct rep_run *run;
	struct rep_series s;
};

static void put_area(struct rep_out *o, const struct rep_series *s, double x0,
		     double px_per_ns, double y0, double px_per_rate,
		     const char *class)
{
	/* A stair: the rate of a bin is that of all of it. */
	fprintf(o->f, "<path class=\"%s\" d=\"M%.1f %.1f", class, x0, y0);
	for (size_t i = 0; i < s->nr; i++)
		fprintf(o->f, "V%.1fH%.1f", y0 - s->rate[i] * px_per_rate,
			x0 + fmin((double)(i + 1) * s->bin_ns, s->span_ns) *
					px_per_ns);
	fprintf(o->f, "V%.1fZ\"/>\n", y0);
}

static double rate_max(const struct rep_series *s)
{
	double max = 0;

	for (size_t i = 0; i < s->nr; i++)
		max = fmax(max, s->rate[i]);
	return max;
}

/* ---- in the table ---- */

/* A line for each of a few hits; many are ticks along the top. */
static void spark_hits(struct rep_out *o, const struct rep_series *s, double px)
{
	size_t nr = 0;

	for (size_t i = 0; i < s->nr_marks; i++)
		nr += s->mark[i].kind == 'f';
	if (!nr)
		return;
	fputs("<path class=\"hit\" d=\"", o->f);
	for (size_t i = 0; i < s->nr_marks; i++)
		if (s->mark[i].kind == 'f')
			fprintf(o->f, "M%.1f 0V%d", s->mark[i].t_ns * px,
				nr > 3 ? 4 : SPARK_H);
	fputs("\"/>", o->f);
}

void html_spark(struct rep_out *o, const struct rep_cell *c)
{
	const struct rep_run *run = rep_series_run(c);
	struct rep_series s;
	double px, max;
	char b[HTML_FIELD];

	if (!run || !rep_series_load(run, SPARK_BINS, &s)) {
		fputs("<td class=\"k\">\xe2\x80\x93</td>", o->f);
		return;
	}
	max = fmax(rate_max(&s), 1e-9);
	px = SPARK_W / s.span_ns;
	fprintf(o->f,
		"<td class=\"k\"><svg viewBox=\"0 0 %d %d\" width=\"%d\" "
		"height=\"%d\" role=\"img\"><title>MiB/s over %s, highest "
		"bin %.0f</title>",
		SPARK_W, SPARK_H, SPARK_W, SPARK_H, html_ns(b, s.span_ns), max);
	put_area(o, &s, 0, px, SPARK_H - 1, (SPARK_H - 4) / max,
		 html_class(c->subject)[0] == 'b'   ? "area b"
		 : html_class(c->subject)[0] == 'a' ? "area a"
						    : "area c");
	spark_hits(o, &s, px);
	fputs("</svg></td>", o->f);
}

/* ---- figures ---- */

static void put_mark(struct rep_out *o, const struct rep_mark *m, double x,
		     double top, double y0)
{
	switch (m->kind) {
	case 'f':
		fprintf(o->f, "<path class=\"hit\" d=\"M%.1f %.1fV%.1f\"/>", x,
			top, y0);
		fprintf(o->f,
			"<path class=\"hitm\" d=\"M%.1f %.1fh7l-3.5 "
			"6z\"><title>",
			x - 3.5, top - 4);
		html_text(o, m->rule ? m->rule : "fault");
		fprintf(o->f, " at %.2f ms</title></path>\n", m->t_ns / 1e6);
		break;
	case 'u':
	case 'y':
		fprintf(o->f,
			"<path class=\"up\" d=\"M%.1f %.1fV%.1f\"/>"
			"<path class=\"upm\" d=\"M%.1f %.1fl4 -6l4 6z\">"
			"<title>%s at %.2f ms</title></path>\n",
			x, top, y0, x - 4, y0 + 1,
			m->kind == 'u' ? "connected again" : "server up",
			m->t_ns / 1e6);
		break;
	case 'x':
		fprintf(o->f,
			"<path class=\"hit\" d=\"M%.1f %.1fV%.1f\"><title>"
			"server down at %.2f ms</title></path>\n",
			x, top, y0, m->t_ns / 1e6);
		break;
	case 's':
	case 'e':
		fprintf(o->f,
			"<path class=\"%s\" d=\"M%.1f %.1fv6\"><title>fsync "
			"%s at %.2f ms</title></path>\n",
			m->kind == 's' ? "sync" : "hit", x, y0,
			m->kind == 's' ? "returned" : "failed", m->t_ns / 1e6);
		break;
	default:
		break; /* connections that end are where a fault is */
	}
}

/* Many hits are one row of arrows, without a line and a name for each. */
static void put_hits(struct rep_out *o, const struct rep_series *s, double px,
		     double top, size_t hits)
{
	fputs("<path class=\"hitm\" d=\"", o->f);
	for (size_t i = 0; i < s->nr_marks; i++)
		if (s->mark[i].kind == 'f')
			fprintf(o->f, "M%.1f %.1fh7l-3.5 6z",
				LEFT + s->mark[i].t_ns * px - 3.5, top - 4);
	fprintf(o->f, "\"><title>%zu hits</title></path>\n", hits);
}

static void put_marks(struct rep_out *o, const struct rep_series *s, double px,
		      double top, double y0)
{
	size_t hits = 0;

	for (size_t i = 0; i < s->nr_marks; i++)
		hits += s->mark[i].kind == 'f';
	for (size_t i = 0; i < s->nr_marks; i++)
		if (s->mark[i].kind != 'f' || hits <= HITS_FEW)
			put_mark(o, &s->mark[i], LEFT + s->mark[i].t_ns * px,
				 top, y0);
	if (hits > HITS_FEW)
		put_hits(o, s, px, top, hits);
}

static void put_strip(struct rep_out *o, const struct strip *t, double top,
		      const struct html_axis *x, const struct html_axis *y)
{
	double y0 = top + STRIP_H, px = PLOT_W / (x->max * 1e6);
	const char *class = html_class(t->cell->subject);
	char area[16];

	snprintf(area, sizeof(area), "area %s", class);
	for (double v = 0; v <= y->max * 1.001; v += y->step)
		fprintf(o->f,
			"<path class=\"%s\" d=\"M%d %.1fH%d\"/><text "
			"class=\"t\" x=\"%d\" y=\"%.1f\" text-anchor=\"end\">"
			"%.10g</text>\n",
			v > 0 ? "grid" : "axis", LEFT,
			y0 - v / y->max * STRIP_H, FIG_W - RIGHT, LEFT - 5,
			y0 - v / y->max * STRIP_H + 4, v);
	put_area(o, &t->s, LEFT, px, y0, STRIP_H / y->max, area);
	put_marks(o, &t->s, px, top, y0);
	fprintf(o->f, "<text class=\"name %s\" x=\"%d\" y=\"%.1f\">", class,
		LEFT, top - 9);
	html_text(o, t->cell->subject);
	if (t->s.is_by_server)
		fputs(" (as the server applied it)", o->f);
	fputs("</text>\n", o->f);
}

static void put_time_axis(struct rep_out *o, double y0,
			  const struct html_axis *x)
{
	for (double v = 0; v <= x->max; v += x->step)
		if (v / x->max < 0.86)
			fprintf(o->f,
				"<text class=\"t\" x=\"%.1f\" y=\"%.1f\" "
				"text-anchor=\"middle\">%.10g</text>\n",
				LEFT + v / x->max * PLOT_W, y0 + 18, v);
	fprintf(o->f,
		"<text class=\"t\" x=\"%d\" y=\"%.1f\" "
		"text-anchor=\"end\">ms</text>\n<text class=\"t\" x=\"%d\" "
		"y=\"%d\" text-anchor=\"end\">MiB/s</text>\n",
		FIG_W - RIGHT, y0 + 18, LEFT - 5, TOP - 13);
}

/* The strips of one figure: the modes, or the limits, which have no page cache
 * and no record of their acks. */
static size_t load_strips(const struct html_group *g, bool is_limit,
			  struct strip *strip)
{
	size_t nr = 0;

	for (size_t i = 0; i < g->nr && nr < STRIPS_MAX; i++) {
		const struct rep_run *run = rep_series_run(&g->cell[i]);

		if (is_limit != !strncmp(g->cell[i].subject, "raw-", 4))
			continue;
		if (!run || !rep_series_load(run, REP_SERIES_MAX, &strip[nr].s))
			continue;
		strip[nr].cell = &g->cell[i];
		strip[nr++].run = run;
	}
	return nr;
}

static void put_caption(struct rep_out *o, const struct strip *strip, size_t nr)
{
	fputs("<figcaption>", o->f);
	html_text(o, strip->cell->workload);
	if (strcmp(strip->cell->fault, "none")) {
		fputs(" <span class=\"f\">", o->f);
		html_text(o, strip->cell->fault);
		fputs("</span>", o->f);
	}
	fputs("<small>", o->f);
	for (size_t i = 0; i < nr; i++) {
		const struct strip *t = &strip[i];

		fputs(i ? "; " : "", o->f);
		html_text(o, t->cell->subject);
		if (t->run->pair >= 0)
			fprintf(o->f, " run %lld of %zu",
				(long long)t->run->pair, t->cell->nr_ran);
		if (t->s.has_more_marks)
			fputs(", first marks only", o->f);
	}
	fputs("</small></figcaption>\n", o->f);
}

static void put_figure(struct rep_out *o, const struct strip *strip, size_t nr)
{
	double span = 0, rate = 0, top = TOP;
	struct html_axis x, y;

	for (size_t i = 0; i < nr; i++) {
		span = fmax(span, strip[i].s.span_ns);
		rate = fmax(rate, rate_max(&strip[i].s));
	}
	x = html_axis(span / 1e6, 5);
	x.max = span / 1e6; /* no empty end */
	y = html_axis(rate, 3);
	fputs("<figure>\n", o->f);
	put_caption(o, strip, nr);
	fprintf(o->f,
		"<svg viewBox=\"0 0 %d %zu\" role=\"img\"><title>Throughput "
		"over time, ",
		FIG_W, nr * (STRIP_H + TOP) + BOTTOM);
	html_text(o, strip->cell->server);
	fputc(' ', o->f);
	html_text(o, strip->cell->workload);
	fputc(' ', o->f);
	html_text(o, strip->cell->fault);
	fputs("</title>\n", o->f);
	for (size_t i = 0; i < nr; i++, top += STRIP_H + TOP)
		put_strip(o, &strip[i], top, &x, &y);
	put_time_axis(o, top - TOP, &x);
	fputs("</svg>\n</figure>\n", o->f);
}

static void put_legend(struct rep_out *o)
{
	fputs("<p class=\"legend\">"
	      "<span><svg viewBox=\"0 0 14 12\" width=\"14\" height=\"12\" "
	      "aria-hidden=\"true\"><path class=\"hit\" d=\"M7 2V12\"/><path "
	      "class=\"hitm\" d=\"M3.5 1h7l-3.5 6z\"/></svg> fault fires"
	      "</span> <span><svg viewBox=\"0 0 14 12\" width=\"14\" "
	      "height=\"12\" aria-hidden=\"true\"><path class=\"upm\" d=\"M3 "
	      "11l4 -6l4 6z\"/></svg> connected again</span> <span><svg "
	      "viewBox=\"0 0 14 12\" width=\"14\" height=\"12\" "
	      "aria-hidden=\"true\"><path class=\"sync\" d=\"M7 3v6\"/></svg> "
	      "fsync returned</span></p>\n",
	      o->f);
}

static void put_group(struct rep_out *o, const struct html_group *g,
		      struct strip *strip, const char **server)
{
	for (int is_limit = 0; is_limit < 2; is_limit++) {
		size_t nr = load_strips(g, is_limit, strip);

		if (!nr)
			continue;
		if (!*server)
			put_legend(o);
		if (!*server || strcmp(*server, g->cell->server)) {
			fprintf(o->f, "%s<h3>", *server ? "</div>\n" : "");
			html_text(o, g->cell->server);
			fputs("</h3>\n<div class=\"figs\">\n", o->f);
			*server = g->cell->server;
		}
		put_figure(o, strip, nr);
	}
}

void html_series(struct rep_out *o, const struct rep_model *m)
{
	struct strip *strip = nwb_zalloc(STRIPS_MAX * sizeof(*strip));
	const char *server = NULL;

	if (!strip) {
		o->err = -ENOMEM;
		return;
	}
	for (size_t i = 0; i < m->nr_cells; i += html_group_at(m, i).nr) {
		struct html_group g = html_group_at(m, i);

		put_group(o, &g, strip, &server);
	}
	fputs(server ? "</div>\n"
		     : "<p>Not measured: no run has a time line.</p>\n",
	      o->f);
	nwb_free(strip);
}
