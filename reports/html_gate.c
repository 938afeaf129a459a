/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report.html: a comparison. One table a metric, the farthest beyond its own
 * threshold on top, then what has no verdict, then the controls; each row with
 * the picture of its pairs, on one axis.
 */
#include "html_i.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define COLS  7
#define CHUNK 64

void html_gate_verdict(struct rep_out *o, enum rep_gate_verdict v)
{
	static const char *const class[REP_GATE_VERDICT_NR] = {
		[REP_GATE_RED] = "bad",	     [REP_GATE_SUSPECT] = "warn",
		[REP_GATE_INVALID] = "warn", [REP_GATE_UNCLEAR] = "no",
		[REP_GATE_BETTER] = "good",  [REP_GATE_SAME] = "good",
		[REP_GATE_OBSERVE] = "no",   [REP_GATE_SKIP] = "no",
	};

	fprintf(o->f, "<span class=\"v %s\">%s</span>", class[v],
		rep_gate_verdict_name(v));
}

void html_gate_mood(const struct rep_gate *g, const char **ret_class,
		    char *ret_sentence, size_t size)
{
	const size_t *v = g->by_verdict;

	*ret_class = g->nr_broken ? "bad" : "warn";
	if (g->nr_broken)
		snprintf(ret_sentence, size, "%zu run%s broke a promise",
			 g->nr_broken, g->nr_broken > 1 ? "s" : "");
	else if (g->trouble)
		snprintf(ret_sentence, size, "The session is unusable");
	else if (v[REP_GATE_RED])
		snprintf(ret_sentence, size, "%zu of %zu comparisons got worse",
			 v[REP_GATE_RED], g->nr);
	else if (v[REP_GATE_SUSPECT])
		snprintf(ret_sentence, size,
			 "%zu of %zu comparisons are suspect",
			 v[REP_GATE_SUSPECT], g->nr);
	else if (!v[REP_GATE_SAME] && !v[REP_GATE_BETTER])
		snprintf(ret_sentence, size, "Nothing was decided");
	else
		snprintf(ret_sentence, size, "Nothing got worse");
	if (v[REP_GATE_RED] && !g->trouble)
		*ret_class = "bad";
	else if (!g->nr_broken && !g->trouble && !v[REP_GATE_SUSPECT] &&
		 (v[REP_GATE_SAME] || v[REP_GATE_BETTER]))
		*ret_class = "good";
}

void html_gate_chips(struct rep_out *o, const struct rep_gate *g)
{
	for (int v = 0; v < REP_GATE_VERDICT_NR; v++) {
		if (!g->by_verdict[v])
			continue;
		html_gate_verdict(o, (enum rep_gate_verdict)v);
		fprintf(o->f, " <b>%zu</b> ", g->by_verdict[v]);
	}
	fprintf(o->f, "<span class=\"of\">%zu comparisons of %zu cases; ",
		g->nr, g->nr_cases);
	if (isfinite(g->control_max))
		fprintf(o->f, "A/A max %.1f %%", 100 * g->control_max);
	else
		fputs("no A/A control", o->f);
	fputs("</span>", o->f);
}

/* ---- one table ---- */

const char *html_interval(char *buf, const struct rep_gate_row *row)
{
	char plain[REP_INTERVAL], *to = buf;
	const char *s = rep_gate_interval(plain, row);

	for (; *s; s++) {
		if (!strncmp(s, "inf", 3)) {
			to = stpcpy(to, "\xe2\x88\x9e");
			s += 2;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
	return buf;
}

static size_t nr_all(const struct rep_gate *g)
{
	return g->nr + g->nr_controls;
}

static void scale_of(struct html_scale *s, const struct rep_gate *g,
		     const char *metric)
{
	*s = (struct html_scale){
		.lo = log(1 / 1.25), .hi = log(1.25), .is_percent = true};
	for (size_t i = 0; i < nr_all(g); i++) {
		const struct rep_gate_row *row = &g->row[i];

		if (strcmp(row->metric, metric))
			continue;
		html_ratio_reach(s, row->ratio);
		html_ratio_reach(s, row->lo);
		html_ratio_reach(s, row->hi);
		for (size_t k = 0; k < row->nr_pairs; k++)
			if (!row->pair[k].why)
				html_ratio_reach(s, row->pair[k].ratio);
	}
	s->lo = fmax(s->lo - 0.03, log(1.0 / 64));
	s->hi = fmin(s->hi + 0.03, log(64));
}

/* Pairs of the first session, those that count or those that do not. */
static void put_pairs(struct rep_out *o, const struct rep_gate_row *row,
		      const struct html_scale *s, bool is_void)
{
	double ratio[CHUNK];
	size_t nr = 0;

	for (size_t i = 0; i <= row->nr_pairs; i++) {
		const struct rep_gate_pair *p = &row->pair[i];

		if (nr == CHUNK || i == row->nr_pairs) {
			if (is_void)
				html_ratio_crosses(o, s, ratio, nr);
			else
				html_ratio_dots(o, s, ratio, nr, "pair");
			nr = 0;
		}
		if (i < row->nr_pairs && !isnan(p->ratio) && !p->is_confirm &&
		    (p->why != NULL) == is_void)
			ratio[nr++] = p->ratio;
	}
}

static void put_plot(struct rep_out *o, const struct rep_gate_row *row,
		     const struct html_scale *s)
{
	char c[REP_FIELD], ci[HTML_INTERVAL], title[160];

	snprintf(title, sizeof(title),
		 "%s %s, %zu pairs counted, %zu did not count",
		 rep_gate_change(c, row->ratio), html_interval(ci, row), row->n,
		 row->nr_bad);
	html_ratio_open(o, s, row->delta, title);
	put_pairs(o, row, s, true);
	put_pairs(o, row, s, false);
	html_ratio_close(o, s, row->ratio, row->lo, row->hi);
}

static void put_change(struct rep_out *o, const struct rep_gate_row *row)
{
	char c[REP_FIELD], ci[HTML_INTERVAL];

	fputs("<td class=\"r\">", o->f);
	if (isnan(row->ratio))
		fputs("no estimate", o->f);
	else
		fprintf(o->f, "<b>%s</b> <small>%s %%</small>",
			rep_gate_change(c, row->ratio), html_interval(ci, row));
	fputs("</td>", o->f);
}

/* What a verdict is not to be read without. */
static void put_why(struct rep_out *o, const struct rep_gate_row *row)
{
	char c[REP_FIELD];

	fputs("<td class=\"why\">", o->f);
	html_gate_verdict(o, row->verdict);
	if (row->is_looked_again && row->again_n)
		fprintf(o->f, " <small>again %s, n %zu</small>",
			rep_gate_change(c, row->again_ratio), row->again_n);
	else if (row->verdict == REP_GATE_SUSPECT && !row->is_looked_again)
		fputs(" <small>not measured again yet</small>", o->f);
	if (row->is_bimodal)
		fputs(" <small>BIMODAL</small>", o->f);
	if (row->why) {
		fputs(" <small>", o->f);
		html_text(o, row->why);
		fputs("</small>", o->f);
	}
	fputs("</td>", o->f);
}

static void put_row(struct rep_out *o, const struct rep_gate_row *row,
		    const struct html_scale *s, const struct rep_past *past)
{
	char a[REP_FIELD], b[REP_FIELD], d[REP_FIELD];

	fputs("<tr><th scope=\"row\"><span class=\"w\">", o->f);
	html_text(o, row->name);
	fputs("</span></th>", o->f);
	html_num(o, rep_gate_value(a, row, row->a));
	html_num(o, rep_gate_value(b, row, row->b));
	put_change(o, row);
	put_plot(o, row, s);
	fprintf(o->f, "<td class=\"n\">%zu <small>\xc2\xb1%s</small></td>",
		row->n, rep_gate_delta(d, row));
	put_why(o, row);
	if (past)
		html_history_spark(
			o, row->is_control ? NULL : rep_past_find(past, row));
	fputs("</tr>\n", o->f);
}

static void put_head(struct rep_out *o, const struct rep_gate_row *row,
		     const struct html_scale *s, const struct rep_past *past)
{
	fputs("<h3>", o->f);
	html_text(o, rep_gate_title(row));
	fprintf(o->f, " <small class=\"of\">%s</small></h3>\n",
		rep_gate_direction(row));
	html_scroll(o, "Changes");
	fputs("<table class=\"forest\">\n<thead><tr><th "
	      "scope=\"col\">Case</th><th scope=\"col\" class=\"n\">A</th>"
	      "<th scope=\"col\" class=\"n\">B</th><th scope=\"col\" "
	      "colspan=\"2\">Change <small>B against A, 95 % interval, log "
	      "axis</small></th><th scope=\"col\" class=\"n\">Pairs <small>"
	      "threshold</small></th><th scope=\"col\">Verdict</th>",
	      o->f);
	if (past)
		fputs("<th scope=\"col\" class=\"k\">History</th>", o->f);
	fputs("</tr>\n<tr><td></td><td></td><td></td><td></td>"
	      "<td class=\"plot\">",
	      o->f);
	html_ratio_axis(o, s);
	fprintf(o->f, "</td><td></td><td></td>%s</tr></thead>\n<tbody>\n",
		past ? "<td></td>" : "");
}

static const char *group_of(const struct rep_gate_row *row)
{
	if (row->is_control)
		return "Control: A against A";
	return rep_gate_is_number(row) ? "Changes" : "Without a verdict";
}

/* Bad first; "same" and "better" stand before what has no verdict. */
static void put_group(struct rep_out *o, const struct rep_gate *g,
		      const char *metric, const char *group,
		      const struct html_scale *s, const struct rep_past *past)
{
	size_t nr = 0;

	for (size_t i = 0; i < nr_all(g); i++) {
		const struct rep_gate_row *row = &g->row[i];

		if (strcmp(row->metric, metric) || strcmp(group_of(row), group))
			continue;
		if (!nr++)
			html_group_row(o, group, past ? COLS + 1 : COLS);
		put_row(o, row, s, past);
	}
}

static bool is_first(const struct rep_gate *g, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (!strcmp(g->row[k].metric, g->row[i].metric))
			return false;
	return true;
}

static void put_tables(struct rep_out *o, const struct rep_gate *g,
		       const struct rep_past *past)
{
	for (size_t i = 0; i < nr_all(g); i++) {
		const char *metric = g->row[i].metric;
		struct html_scale s;

		if (!is_first(g, i))
			continue;
		scale_of(&s, g, metric);
		put_head(o, &g->row[i], &s, past);
		put_group(o, g, metric, "Changes", &s, past);
		put_group(o, g, metric, "Without a verdict", &s, past);
		put_group(o, g, metric, "Control: A against A", &s, past);
		fputs("</tbody></table>\n", o->f);
		html_scroll_end(o);
	}
}

/* ---- what was compared ---- */

static void put_side(struct rep_out *o, const struct rep_gate *g,
		     const char *key, const char *name)
{
	char *text = rep_gate_side(g, key);

	if (!text) {
		o->err = -ENOMEM;
		return;
	}
	fprintf(o->f, "<div class=\"wide\"><dt>%s</dt><dd>", name);
	html_text(o, text);
	fputs("</dd></div>\n", o->f);
	free(text);
}

static void put_compared(struct rep_out *o, const struct rep_gate *g)
{
	const char *differs = rep_str(g->compare, "differs");
	const char *summary = rep_str(g->compare, "summary");

	if (summary) {
		fputs("<p>", o->f);
		html_text(o, summary);
		fputs("</p>\n", o->f);
	}
	fputs("<dl>\n", o->f);
	put_side(o, g, "a", "A");
	put_side(o, g, "b", "B");
	if (differs) {
		fputs("<div class=\"wide\"><dt>differs</dt><dd>", o->f);
		html_text(o, differs);
		fputs("</dd></div>\n", o->f);
	}
	fputs("</dl>\n", o->f);
}

static void put_broken(struct rep_out *o, const json_t *rec, const char *side)
{
	const char *verdict = rep_gate_broken(rec, side);
	const json_t *s = json_object_get(rec, side);

	if (!verdict)
		return;
	fprintf(o->f, "<li><span class=\"v bad\">%s</span> ", verdict);
	html_text(o, rep_str(rec, "case"));
	fprintf(o->f, ", pair %lld, side %c: ",
		(long long)json_integer_value(json_object_get(rec, "pair")),
		*side == 'a' ? 'A' : 'B');
	html_text(o, rep_str(s, "reason") ? rep_str(s, "reason")
					  : "no reason recorded");
	if (rep_str(s, "repro")) {
		fputs(" <code>", o->f);
		html_text(o, rep_str(s, "repro"));
		fputs("</code>", o->f);
	}
	fputs("</li>\n", o->f);
}

static void put_all_broken(struct rep_out *o, const struct rep_gate *g)
{
	size_t i;
	json_t *rec;

	if (!g->nr_broken)
		return;
	fputs("<ul>\n", o->f);
	json_array_foreach(g->recs, i, rec)
	{
		put_broken(o, rec, "a");
		put_broken(o, rec, "b");
	}
	fputs("</ul>\n", o->f);
}

void html_gate(struct rep_out *o, const struct rep_gate *g,
	       const struct rep_past *past)
{
	html_section(o, "changes", "Changes");
	put_compared(o, g);
	html_lead(o, "Is it real? Ratio B / A of interleaved pairs in random "
		     "order. Diamond: Hodges\xe2\x80\x93Lehmann estimate; bar: "
		     "exact 95 % interval of the row by itself; dots: pairs; "
		     "crosses: pairs that do not count, because the machine "
		     "was disturbed or a run failed; shaded: the threshold. "
		     "<b>same</b> means proved to lie within it. Rows by how "
		     "far they are beyond it.");
	if (g->trouble) {
		fputs("<p class=\"alert\"><b>The session is unusable: no row "
		      "counts.</b> ",
		      o->f);
		html_text(o, g->trouble);
		fputs("</p>\n", o->f);
	}
	put_all_broken(o, g);
	put_tables(o, g, past);
	if (!g->nr_controls)
		fputs("<p class=\"alert\">No A/A control was run: nothing "
		      "says that the session was usable.</p>\n",
		      o->f);
	fputs("</section>\n", o->f);
}
