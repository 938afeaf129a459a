/* SPDX-License-Identifier: GPL-2.0-or-later */
/* report.html: text that stays text, numbers, axes. */
#include "html_i.h"

#include <math.h>
#include <string.h>

/* Three bytes of UTF-8 that would turn the direction of what follows
 * (U+202A..E, U+2066..9), or that XML has no way to say (U+FFFE, U+FFFF). */
static bool is_unwanted(const char *s)
{
	const unsigned char *u = (const unsigned char *)s;

	if (u[0] == 0xe2 && u[1] == 0x80)
		return u[2] >= 0xaa && u[2] <= 0xae;
	if (u[0] == 0xe2 && u[1] == 0x81)
		return u[2] >= 0xa6 && u[2] <= 0xa9;
	return u[0] == 0xef && u[1] == 0xbf && u[2] >= 0xbe;
}

void html_text(struct rep_out *o, const char *s)
{
	for (; *s; s++) {
		unsigned char ch = (unsigned char)*s;

		if (ch == '&')
			fputs("&amp;", o->f);
		else if (ch == '<')
			fputs("&lt;", o->f);
		else if (ch == '>')
			fputs("&gt;", o->f);
		else if (ch == '"')
			fputs("&quot;", o->f);
		else if (ch == '\'')
			fputs("&#39;", o->f);
		else if (ch == '\n' || ch == '\t')
			fputc(ch, o->f);
		else if (ch < 0x20 || ch == 0x7f)
			fputs("\xef\xbf\xbd", o->f);
		else if (is_unwanted(s)) {
			fputs("\xef\xbf\xbd", o->f);
			s += 2;
		} else {
			fputc(ch, o->f);
		}
	}
}

void html_section(struct rep_out *o, const char *id, const char *title)
{
	fprintf(o->f, "<section id=\"%s\">\n<h2>%s</h2>\n", id, title);
}

void html_lead(struct rep_out *o, const char *html)
{
	fprintf(o->f, "<p class=\"lead\">%s</p>\n", html);
}

void html_scroll(struct rep_out *o, const char *label)
{
	/* A box that scrolls must be reachable by keyboard. */
	fprintf(o->f,
		"<div class=\"scroll\" tabindex=\"0\" role=\"region\" "
		"aria-label=\"%s\">\n",
		label);
}

void html_scroll_end(struct rep_out *o)
{
	fputs("</div>\n", o->f);
}

void html_verdict(struct rep_out *o, enum rep_verdict v)
{
	static const char *const class[REP_VERDICT_NR] = {
		[REP_FAIL] = "bad",	 [REP_UNEXPECTED_PASS] = "bad",
		[REP_VACUOUS] = "bad",	 [REP_INCONCLUSIVE] = "warn",
		[REP_KNOWN] = "known",	 [REP_PASS] = "good",
		[REP_NOT_JUDGED] = "no", [REP_SKIP] = "no",
	};

	fprintf(o->f, "<span class=\"v %s\">%s</span>", class[v],
		rep_verdict_name(v));
}

void html_verdict_counts(struct rep_out *o, const size_t nr[REP_VERDICT_NR])
{
	for (int v = 0; v < REP_VERDICT_NR; v++) {
		if (!nr[v])
			continue;
		html_verdict(o, (enum rep_verdict)v);
		fprintf(o->f, " <b>%zu</b> ", nr[v]);
	}
}

void html_num(struct rep_out *o, const char *text)
{
	fprintf(o->f, "<td class=\"n\">%s</td>", text);
}

bool html_is_second(const char *subject)
{
	return !strcmp(subject, "temp-page") || !strcmp(subject, "raw-hot");
}

const char *html_class(const char *subject)
{
	if (!strcmp(subject, "in-place"))
		return "a";
	return !strcmp(subject, "temp-page") ? "b" : "c";
}

void html_row_head(struct rep_out *o, const struct rep_cell *c,
		   bool with_subject)
{
	fputs("<th scope=\"row\"><span class=\"w\">", o->f);
	html_text(o, c->workload);
	fputs("</span> ", o->f);
	if (strcmp(c->fault, "none")) {
		fputs("<span class=\"f\">", o->f);
		html_text(o, c->fault);
		fputs("</span> ", o->f);
	}
	if (with_subject) {
		fprintf(o->f, "<span class=\"s %s\">", html_class(c->subject));
		html_text(o, c->subject);
		fputs("</span>", o->f);
	}
	fputs("</th>", o->f);
}

void html_group_row(struct rep_out *o, const char *text, int columns)
{
	fputs("<tr class=\"g\"><th scope=\"rowgroup\"><span>", o->f);
	html_text(o, text);
	fprintf(o->f, "</span></th><td colspan=\"%d\"></td></tr>\n",
		columns - 1);
}

struct html_group html_group_at(const struct rep_model *m, size_t i)
{
	struct html_group g = {.cell = &m->cell[i], .nr = 1};

	while (i + g.nr < m->nr_cells &&
	       !strcmp(g.cell->server, g.cell[g.nr].server) &&
	       !strcmp(g.cell->workload, g.cell[g.nr].workload) &&
	       !strcmp(g.cell->fault, g.cell[g.nr].fault))
		g.nr++;
	return g;
}

/* ---- numbers ---- */

#define NONE "\xe2\x80\x93" /* an en dash: not measured */

/* Three digits that count, or as many as stand before the point. */
static void digits(char *buf, double v, const char *unit)
{
	int decimals = v < 9.95 ? 2 : v < 99.5 ? 1 : 0;

	if (v == floor(v) && v < 10)
		decimals = 0;
	if (v < 1e7)
		snprintf(buf, HTML_FIELD, "%.*f%s", decimals, v, unit);
	else
		snprintf(buf, HTML_FIELD, "%.1e%s", v, unit);
}

const char *html_ns(char *buf, double v)
{
	static const char *const unit[] = {" ns", " \xc2\xb5s", " ms", " s"};
	size_t i = 0;

	if (!isfinite(v))
		return NONE;
	for (; i + 1 < NWB_ARRAY_SIZE(unit) && v >= 999.5; i++)
		v /= 1000;
	digits(buf, v, unit[i]);
	return buf;
}

const char *html_bytes(char *buf, double v)
{
	static const char *const unit[] = {" B", " KiB", " MiB", " GiB"};
	size_t i = 0;

	if (!isfinite(v))
		return NONE;
	for (; i + 1 < NWB_ARRAY_SIZE(unit) && v >= 1024; i++)
		v /= 1024;
	digits(buf, v, unit[i]);
	return buf;
}

const char *html_fixed(char *buf, double v, int decimals)
{
	if (!isfinite(v))
		return NONE;
	if (v < 1e9)
		snprintf(buf, HTML_FIELD, "%.*f", decimals, v);
	else
		snprintf(buf, HTML_FIELD, "%.1e", v);
	return buf;
}

const char *html_count(char *buf, double v)
{
	return html_fixed(buf, v, v == floor(v) ? 0 : 1);
}

struct html_axis html_axis(double max, int ticks)
{
	static const double mult[] = {1, 2, 5, 10};
	struct html_axis a = {.max = 1, .step = 1};
	double unit;

	if (!isfinite(max) || max <= 0)
		return a;
	unit = pow(10, floor(log10(max / ticks)));
	for (size_t i = 0; i < NWB_ARRAY_SIZE(mult); i++) {
		a.step = unit * mult[i];
		if (max / a.step <= ticks)
			break;
	}
	a.max = ceil(max / a.step - 1e-9) * a.step;
	return a;
}
