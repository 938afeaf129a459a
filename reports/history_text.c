/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A history for a terminal: one line that shows its shape, then a row a
 * session. ASCII; the scale of the line is that of its own lowest and highest
 * point, which stand beside it, so that its height alone means nothing.
 */
#include "report_i.h"

#include "nwb/store.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define SPARK 64 /* points in the line; the newest */

static const char levels[] = "_.-~=+*#";

static void fmt(char *buf, size_t size, double v)
{
	if (!isfinite(v))
		snprintf(buf, size, "%s", "-");
	else if (fabs(v) >= 1e6)
		snprintf(buf, size, "%.4g", v);
	else
		snprintf(buf, size, "%.*f",
			 fabs(v) >= 1000 ? 0
			 : fabs(v) >= 10 ? 1
					 : 3,
			 v);
}

static void spark(const struct nwb_history *h, FILE *out)
{
	size_t from = h->nr > SPARK ? h->nr - SPARK : 0;
	double lo = INFINITY, hi = -INFINITY;
	char a[32], b[32];

	for (size_t i = from; i < h->nr; i++) {
		lo = fmin(lo, h->point[i].est);
		hi = fmax(hi, h->point[i].est);
	}
	fputs("  ", out);
	for (size_t i = from; i < h->nr; i++) {
		size_t top = sizeof(levels) - 2, at = top / 2;

		if (hi > lo)
			at = (size_t)lround((h->point[i].est - lo) / (hi - lo) *
					    (double)top);
		/* a bar stands before a new level */
		if (h->point[i].is_change)
			fputc('|', out);
		fputc(levels[at], out);
	}
	fmt(a, sizeof(a), lo);
	fmt(b, sizeof(b), hi);
	fprintf(out, "\n  %s lowest %s, %s highest %s%s\n", "_", a, "#", b,
		from ? "; the newest 64" : "");
}

static void row(const struct nwb_history_point *p, FILE *out)
{
	char est[32], lo[32], hi[32], ci[72];

	fmt(est, sizeof(est), p->est);
	fmt(lo, sizeof(lo), p->lo);
	fmt(hi, sizeof(hi), p->hi);
	if (isfinite(p->lo) && isfinite(p->hi))
		snprintf(ci, sizeof(ci), "[%s, %s]", lo, hi);
	else
		snprintf(ci, sizeof(ci), "n.m.");
	fprintf(out, "%c %-16.16s %-16.16s %3u %9s %-20s %s\n",
		p->is_change ? '>' : ' ', p->date, p->build, p->n, est, ci,
		p->verdict);
	if (p->is_change)
		fprintf(out, "    new level: %+.1f %%\n", (p->step - 1) * 100);
	if (p->other[0])
		fprintf(out, "    not the machine of the line before: %s\n",
			p->other);
}

void nwb_history_words(FILE *out, const char *indent, const char *words)
{
	size_t at = 0, len;

	while (*(words += strspn(words, " ,"))) {
		len = strcspn(words, " ,");
		if (at && at + 1 + len > 80) {
			fputc('\n', out);
			at = 0;
		}
		fputs(at ? " " : indent, out);
		at += at ? 1 : strlen(indent);
		fprintf(out, "%.*s", (int)len, words);
		at += len;
		words += len;
	}
	if (at)
		fputc('\n', out);
}

int nwb_history_text(const struct nwb_history *h, FILE *out)
{
	fprintf(out, "%s, %s: %zu session%s, %zu change%s of level\n",
		h->case_name, h->metric, h->nr, h->nr == 1 ? "" : "s",
		h->nr_changes, h->nr_changes == 1 ? "" : "s");
	if (h->nr)
		spark(h, out);
	fprintf(out, "\n  %-16s %-16s %3s %9s %-20s %s\n", "date (UTC)",
		"build", "n", "value", "95 % interval", "verdict");
	for (size_t i = 0; i < h->nr; i++)
		row(&h->point[i], out);
	fprintf(out, "\nmetrics:\n");
	nwb_history_words(out, "  ", h->others);
	return ferror(out) ? -EIO : 0;
}
