/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report.html: percentile curves, which the latency of cells and that of the
 * open loop share. x is log(1/(1-p)), y log(time).
 */
#include "html_i.h"

#include <math.h>

#define FEW 64 /* calls that are drawn one by one */

static double x_of(const struct html_frame *f, double nines)
{
	return HTML_FIG_LEFT + nines / f->nines * HTML_FIG_PLOT_W;
}

static double y_of(const struct html_frame *f, double ns)
{
	double v = (log10(fmax(ns, 1)) - f->lo) / (f->hi - f->lo);

	return f->top + HTML_FIG_PLOT_H * (1 - v);
}

/* Dots are lines of no length with round ends; the second's are squares. */
static void put_points(struct rep_out *o, const struct html_frame *f,
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

void html_curve(struct rep_out *o, const struct html_frame *f,
		const struct rep_lat *l, const char *class, bool is_second)
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

void html_curve_axis(struct rep_out *o, const struct html_frame *f)
{
	static const char *const unit[] = {
		"1 ns",		"10 ns",	 "100 ns", "1 \xc2\xb5s",
		"10 \xc2\xb5s", "100 \xc2\xb5s", "1 ms",   "10 ms",
		"100 ms",	"1 s",		 "10 s",   "100 s",
		"1000 s"};
	double step = f->hi - f->lo > 4 ? 2 : 1;

	for (double d = f->lo; d <= f->hi; d += step) {
		double y = y_of(f, pow(10, d));

		if (d < 0 || d >= NWB_ARRAY_SIZE(unit))
			continue;
		fprintf(o->f,
			"<path class=\"%s\" d=\"M%d %.1fH%d\"/><text "
			"class=\"t\" x=\"%d\" y=\"%.1f\" text-anchor=\"end\">"
			"%s</text>\n",
			d > f->lo ? "grid" : "axis", HTML_FIG_LEFT, y,
			HTML_FIG_W - HTML_FIG_RIGHT, HTML_FIG_LEFT - 5, y + 4,
			unit[(int)d]);
	}
}

void html_curve_nines(struct rep_out *o, const struct html_frame *f, double y0)
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
			x, (double)HTML_FIG_TOP, y0, x, y0 + 15, tick[i].text);
	}
}
