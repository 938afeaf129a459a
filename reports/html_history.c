/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report.html: since when? A value a session with its interval, oldest on the
 * left, a step where the level changed, with the build with which it did.
 *
 *	1.1 |            |  .+--
 *	1.0 |--.-+--.-+--| '
 *	    2026-01-02   build   2026-02-01
 */
#include "html_i.h"
#include "past_i.h"

#include <math.h>
#include <string.h>

#define PLOT_H	110
#define LEFT	52
#define SPARK_W 90
#define SPARK_H 24

struct scale {
	double lo, hi;
	size_t nr;
	double x0, y0, width, height;
};

static bool is_ratio(const struct nwb_history *h)
{
	return !strncmp(h->metric, "ratio.", 6);
}

static void reach(struct scale *s, double v)
{
	if (!isfinite(v))
		return;
	s->lo = fmin(s->lo, v);
	s->hi = fmax(s->hi, v);
}

/* No change is always on the picture of a ratio, and a change of 5 %. */
static void scale_init(struct scale *s, const struct nwb_history *h,
		       bool with_ends)
{
	s->lo = INFINITY;
	s->hi = -INFINITY;
	s->nr = h->nr;
	if (is_ratio(h)) {
		reach(s, 0.95);
		reach(s, 1.05);
	}
	for (size_t i = 0; i < h->nr; i++) {
		reach(s, h->point[i].est);
		if (!with_ends)
			continue;
		reach(s, h->point[i].lo);
		reach(s, h->point[i].hi);
	}
	if (s->lo > s->hi)
		s->lo = s->hi = 0;
	if (s->hi - s->lo < 1e-9 * fmax(fabs(s->hi), 1)) {
		s->lo -= 0.5;
		s->hi += 0.5;
	}
}

static double x_of(const struct scale *s, double i)
{
	return s->x0 + s->width * (i + 0.5) / (double)s->nr;
}

static double y_of(const struct scale *s, double v)
{
	return s->y0 + s->height * (1 - (v - s->lo) / (s->hi - s->lo));
}

static void put_line(struct rep_out *o, const struct nwb_history *h,
		     const struct scale *s)
{
	char op = 'M';

	fputs("<path class=\"curve c\" d=\"M0 0", o->f);
	for (size_t i = 0; i < h->nr; i++) {
		if (!isfinite(h->point[i].est)) {
			op = 'M';
			continue;
		}
		fprintf(o->f, "%c%.1f %.1f", op, x_of(s, (double)i),
			y_of(s, h->point[i].est));
		op = 'L';
	}
	fputs("\"/>", o->f);
}

void html_history_spark(struct rep_out *o, const struct nwb_history *h)
{
	struct scale s = {
		.x0 = 0, .y0 = 2, .width = SPARK_W, .height = SPARK_H - 4};

	if (!h) {
		fputs("<td class=\"k\">\xe2\x80\x93</td>", o->f);
		return;
	}
	scale_init(&s, h, false);
	fprintf(o->f,
		"<td class=\"k\"><svg viewBox=\"0 0 %d %d\" width=\"%d\" "
		"height=\"%d\" role=\"img\"><title>%zu sessions, %zu changes "
		"of level</title>",
		SPARK_W, SPARK_H, SPARK_W, SPARK_H, h->nr, h->nr_changes);
	put_line(o, h, &s);
	for (size_t i = 0; i < h->nr; i++)
		if (h->point[i].is_change)
			fprintf(o->f, "<path class=\"hit\" d=\"M%.1f 0V%d\"/>",
				x_of(&s, (double)i - 0.5), SPARK_H);
	fputs("</svg></td>", o->f);
}

/* ---- figures ---- */

static void put_axis(struct rep_out *o, const struct nwb_history *h,
		     const struct scale *s)
{
	for (int i = 0; i <= 2; i++) {
		double v = s->lo + (s->hi - s->lo) * i / 2;

		fprintf(o->f,
			"<path class=\"grid\" d=\"M%d %.1fH%d\"/><text "
			"class=\"t\" x=\"%d\" y=\"%.1f\" text-anchor=\"end\">"
			"%.3g</text>\n",
			LEFT, y_of(s, v), HTML_FIG_W - HTML_FIG_RIGHT, LEFT - 5,
			y_of(s, v) + 4, v);
	}
	if (is_ratio(h))
		fprintf(o->f, "<path class=\"one\" d=\"M%d %.1fH%d\"/>\n", LEFT,
			y_of(s, 1), HTML_FIG_W - HTML_FIG_RIGHT);
}

static void put_dates(struct rep_out *o, const struct nwb_history *h,
		      const struct scale *s)
{
	double y = s->y0 + s->height + 15;
	char day[11];

	for (int i = 0; i < 2; i++) {
		snprintf(day, sizeof(day), "%.10s",
			 h->point[i ? h->nr - 1 : 0].date);
		fprintf(o->f,
			"<text class=\"t\" x=\"%d\" y=\"%.1f\" "
			"text-anchor=\"%s\">",
			i ? HTML_FIG_W - HTML_FIG_RIGHT : LEFT, y,
			i ? "end" : "start");
		html_text(o, day);
		fputs("</text>\n", o->f);
	}
}

static void put_point(struct rep_out *o, const struct nwb_history_point *p,
		      const struct scale *s, double i)
{
	double x = x_of(s, i);

	if (!isfinite(p->est))
		return;
	fprintf(o->f, "<path class=\"pt c\" d=\"M%.1f %.1fh0\"><title>", x,
		y_of(s, p->est));
	html_text(o, p->date);
	fputc(' ', o->f);
	html_text(o, p->build);
	fprintf(o->f, ": %.4g", p->est);
	if (isfinite(p->lo) && isfinite(p->hi))
		fprintf(o->f, " [%.4g, %.4g]", p->lo, p->hi);
	fprintf(o->f, ", n %u ", p->n);
	html_text(o, p->verdict);
	fputs("</title></path>", o->f);
	if (isfinite(p->lo) && isfinite(p->hi))
		fprintf(o->f, "<path class=\"ci\" d=\"M%.1f %.1fV%.1f\"/>", x,
			y_of(s, p->lo), y_of(s, p->hi));
	fputc('\n', o->f);
}

static void put_changes(struct rep_out *o, const struct nwb_history *h,
			const struct scale *s)
{
	for (size_t i = 0; i < h->nr; i++) {
		const struct nwb_history_point *p = &h->point[i];
		double x = x_of(s, (double)i - 0.5);

		if (p->is_change)
			fprintf(o->f,
				"<path class=\"hit\" d=\"M%.1f %.1fV%.1f\"/>\n",
				x, s->y0, s->y0 + s->height);
		else if (p->other[0])
			fprintf(o->f,
				"<path class=\"up\" d=\"M%.1f %.1fV%.1f\"/>\n",
				x, s->y0, s->y0 + s->height);
	}
}

/* In words, below the picture. */
static void put_list(struct rep_out *o, const struct nwb_history *h)
{
	fputs("<figcaption><small>", o->f);
	for (size_t i = 0; i < h->nr; i++) {
		const struct nwb_history_point *p = &h->point[i];

		if (p->is_change) {
			fprintf(o->f, "new level %+.1f %% since ",
				100 * (p->step - 1));
			html_text(o, p->date);
			fputs(", build ", o->f);
			html_text(o, p->build);
			fputs("<br/>", o->f);
		}
		if (p->other[0]) {
			fputs("another machine since ", o->f);
			html_text(o, p->date);
			fputs(": ", o->f);
			html_text(o, p->other);
			fputs("<br/>", o->f);
		}
	}
	if (!h->nr_changes)
		fputs("no change of level", o->f);
	fputs("</small></figcaption>\n", o->f);
}

static void put_figure(struct rep_out *o, const struct nwb_history *h)
{
	struct scale s = {.x0 = LEFT,
			  .y0 = 8,
			  .width = HTML_FIG_W - HTML_FIG_RIGHT - LEFT,
			  .height = PLOT_H};

	scale_init(&s, h, true);
	fputs("<figure>\n<figcaption>", o->f);
	html_text(o, h->case_name);
	fputs(" <small>", o->f);
	if (is_ratio(h)) {
		fputs("cost B / cost A of ", o->f);
		html_text(o, h->metric + 6);
		fputs(", above 1: worse", o->f);
	} else {
		html_text(o, h->metric);
	}
	fprintf(o->f,
		"; %zu sessions</small></figcaption>\n<svg viewBox=\"0 0 %d "
		"%d\" role=\"img\"><title>History of ",
		h->nr, HTML_FIG_W, PLOT_H + 30);
	html_text(o, h->case_name);
	fputs("</title>\n", o->f);
	put_axis(o, h, &s);
	put_dates(o, h, &s);
	put_line(o, h, &s);
	for (size_t i = 0; i < h->nr; i++)
		put_point(o, &h->point[i], &s, (double)i);
	put_changes(o, h, &s);
	fputs("</svg>\n", o->f);
	put_list(o, h);
	fputs("</figure>\n", o->f);
}

/* Those with a change of level first: that is what one looks for. */
void html_history(struct rep_out *o, const struct rep_past *p)
{
	html_section(o, "history", "Since when");
	html_lead(o, "A value a session, oldest on the left, with its 95 % "
		     "interval. A red line: the level changed there. A dotted "
		     "line: the session before was on another machine, so "
		     "that its values are no measure of these.");
	if (!p->nr)
		fputs("<p>No row of this session was measured before.</p>\n",
		      o->f);
	fputs("<div class=\"figs\">\n", o->f);
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < p->nr; i++)
			if ((p->h[i].nr_changes == 0) == (pass == 1))
				put_figure(o, &p->h[i]);
	fputs("</div>\n</section>\n", o->f);
}
