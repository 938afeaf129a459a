/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report.html: ratios on a logarithmic axis, one row a comparison: the band of
 * what counts as no change, a dot a pair, the interval, a diamond for the
 * estimate. What lies beyond the scale stands at its end.
 */
#include "html_i.h"

#include <math.h>

#define PLOT_W 220
#define ROW_H  26

static double x_of(const struct html_scale *s, double ratio)
{
	double v = (log(ratio) - s->lo) / (s->hi - s->lo);

	return PLOT_W * fmin(fmax(v, 0), 1);
}

void html_ratio_reach(struct html_scale *s, double ratio)
{
	if (!(ratio > 0) || !isfinite(ratio))
		return;
	s->lo = fmin(s->lo, log(ratio));
	s->hi = fmax(s->hi, log(ratio));
}

static const double ticks[] = {1.0 / 32, 1.0 / 16, 0.125, 0.25, 0.5, 0.75, 1,
			       1.5,	 2,	   4,	  8,	16,  32};
static const double percents[] = {0.05, 0.25, 0.5, 0.75, 0.9, 1,
				  1.1,	1.25, 1.5, 2,	 4,   20};

static const double *ticks_of(bool is_percent, size_t *ret_nr)
{
	*ret_nr = is_percent ? NWB_ARRAY_SIZE(percents) : NWB_ARRAY_SIZE(ticks);
	return is_percent ? percents : ticks;
}

static void put_grid(struct rep_out *o, const struct html_scale *s,
		     double delta)
{
	double from = x_of(s, 1 / (1 + delta)), to = x_of(s, 1 + delta);
	size_t nr;
	const double *tick = ticks_of(s->is_percent, &nr);

	if (isfinite(delta))
		fprintf(o->f,
			"<rect class=\"band\" x=\"%.1f\" y=\"0\" "
			"width=\"%.1f\" height=\"%d\"/>",
			from, to - from, ROW_H);
	for (size_t i = 0; i < nr; i++)
		if (log(tick[i]) > s->lo && log(tick[i]) < s->hi)
			fprintf(o->f, "<path class=\"%s\" d=\"M%.1f 0V%d\"/>",
				tick[i] == 1 ? "one" : "grid", x_of(s, tick[i]),
				ROW_H);
}

static void put_tick(struct rep_out *o, const struct html_scale *s,
		     double ratio, double x)
{
	fprintf(o->f,
		"<text class=\"t\" x=\"%.1f\" y=\"12\" "
		"text-anchor=\"middle\">",
		x);
	if (!s->is_percent)
		fprintf(o->f, "%.3g", ratio);
	else if (ratio == 1)
		fputc('0', o->f);
	else
		fprintf(o->f, "%+.0f%%", 100 * (ratio - 1));
	fputs("</text>", o->f);
}

/* No change is always marked; the others where there is room beside it. */
void html_ratio_axis(struct rep_out *o, const struct html_scale *s)
{
	double last = -100, apart = s->is_percent ? 36 : 26;
	double margin = s->is_percent ? 16 : 8, one = x_of(s, 1);
	size_t nr;
	const double *tick = ticks_of(s->is_percent, &nr);

	fprintf(o->f,
		"<svg viewBox=\"0 0 %d 16\" width=\"%d\" height=\"16\" "
		"aria-hidden=\"true\">",
		PLOT_W, PLOT_W);
	for (size_t i = 0; i < nr; i++) {
		double x = x_of(s, tick[i]);
		bool is_near = fabs(x - one) < apart && tick[i] != 1;

		if (log(tick[i]) <= s->lo || log(tick[i]) >= s->hi ||
		    x - last < apart || x < margin || x > PLOT_W - margin ||
		    (s->is_percent && is_near))
			continue;
		put_tick(o, s, tick[i], x);
		last = x;
	}
	fputs("</svg>", o->f);
}

void html_ratio_open(struct rep_out *o, const struct html_scale *s,
		     double delta, const char *title)
{
	fprintf(o->f,
		"<td class=\"plot\"><svg viewBox=\"0 0 %d %d\" width=\"%d\" "
		"height=\"%d\" role=\"img\"><title>",
		PLOT_W, ROW_H, PLOT_W, ROW_H);
	html_text(o, title);
	fputs("</title>", o->f);
	put_grid(o, s, delta);
}

void html_ratio_dots(struct rep_out *o, const struct html_scale *s,
		     const double *ratio, size_t nr, const char *class)
{
	double y = ROW_H / 2.0;

	if (!nr)
		return;
	fprintf(o->f, "<path class=\"%s\" d=\"", class);
	/* Lines of no length with round ends. */
	for (size_t i = 0; i < nr; i++)
		fprintf(o->f, "M%.1f %.0fh0",
			fmin(fmax(x_of(s, ratio[i]), 2), PLOT_W - 2),
			y + (i % 2 ? 7 : -7));
	fputs("\"/>", o->f);
}

void html_ratio_crosses(struct rep_out *o, const struct html_scale *s,
			const double *ratio, size_t nr)
{
	if (!nr)
		return;
	fputs("<path class=\"void\" d=\"", o->f);
	for (size_t i = 0; i < nr; i++)
		fprintf(o->f, "M%.1f %.0fl4 4m0 -4l-4 4",
			fmin(fmax(x_of(s, ratio[i]), 2), PLOT_W - 2) - 2,
			i % 2 ? 18.0 : 4.0);
	fputs("\"/>", o->f);
}

/* An end that lies beyond the scale has no mark: the line goes on. */
static void put_end(struct rep_out *o, const struct html_scale *s, double end)
{
	if (log(end) >= s->lo && log(end) <= s->hi)
		fprintf(o->f, "M%.1f %.1fv8", x_of(s, end), ROW_H / 2.0 - 4);
}

void html_ratio_close(struct rep_out *o, const struct html_scale *s, double est,
		      double lo, double hi)
{
	double y = ROW_H / 2.0;

	if (!isnan(lo)) {
		fprintf(o->f, "<path class=\"ci\" d=\"M%.1f %.1fH%.1f",
			x_of(s, lo), y, x_of(s, hi));
		put_end(o, s, lo);
		put_end(o, s, hi);
		fputs("\"/>", o->f);
	}
	if (!isnan(est))
		fprintf(o->f,
			"<path class=\"est\" d=\"M%.1f %.1fl4.5 4.5l-4.5 4.5l"
			"-4.5 -4.5z\"/>",
			x_of(s, est), y - 4.5);
	fputs("</svg></td>", o->f);
}
