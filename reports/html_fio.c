/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report.html: fio jobs, a table for each job, fault and direction; the
 * pictures of all of them have one axis.
 */
#include "html_i.h"

#include <math.h>
#include <string.h>

static const struct rep_fio_row *base_of(const struct rep_fio *f,
					 const struct rep_fio_row *row)
{
	const struct rep_fio_row *b = rep_fio_base(f, row, "posix");

	if (!strcmp(row->subject, "posix"))
		return NULL;
	return b ? b : rep_fio_base(f, row, "in-place");
}

static void scale_of(struct html_scale *s, const struct rep_fio *f)
{
	*s = (struct html_scale){
		.lo = log(1 / 1.5), .hi = log(1.5), .is_percent = true};
	for (size_t i = 0; i < f->nr; i++) {
		const struct rep_fio_row *base = base_of(f, &f->row[i]);
		struct rep_gate_row r;

		for (int d = 0; base && d < REP_FIO_DIRS; d++) {
			rep_fio_compare(base, &f->row[i], (enum rep_fio_dir)d,
					REP_FIO_MIB_S, &r);
			html_ratio_reach(s, r.ratio);
			html_ratio_reach(s, r.lo);
			html_ratio_reach(s, r.hi);
		}
	}
	s->lo = fmax(s->lo - 0.08, log(1.0 / 64));
	s->hi = fmin(s->hi + 0.08, log(64));
}

static void put_ratio(struct rep_out *o, const struct rep_fio *f,
		      const struct rep_fio_row *row, enum rep_fio_dir dir,
		      const char *subject)
{
	const struct rep_fio_row *base = rep_fio_base(f, row, subject);
	struct rep_gate_row r;
	char c[REP_FIELD], ci[HTML_INTERVAL];

	if (!base || !strcmp(row->subject, "posix")) {
		html_num(o, "\xe2\x80\x93");
		return;
	}
	rep_fio_compare(base, row, dir, REP_FIO_MIB_S, &r);
	fprintf(o->f,
		"<td class=\"r\"><b>%s</b> <small>%s %%<br/>n %zu</small></td>",
		rep_gate_change(c, r.ratio), html_interval(ci, &r), r.n);
}

static void put_plot(struct rep_out *o, const struct rep_fio *f,
		     const struct rep_fio_row *row, enum rep_fio_dir dir,
		     const struct html_scale *s)
{
	const struct rep_fio_row *base = base_of(f, row);
	struct rep_gate_row r;
	char c[REP_FIELD], title[128];

	if (!base) {
		fputs("<td class=\"plot\"></td>", o->f);
		return;
	}
	rep_fio_compare(base, row, dir, REP_FIO_MIB_S, &r);
	snprintf(title, sizeof(title), "MiB/s against %.20s %s, %zu pairs",
		 base->subject, rep_gate_change(c, r.ratio), r.n);
	html_ratio_open(o, s, r.delta, title);
	html_ratio_close(o, s, r.ratio, r.lo, r.hi);
}

static void put_row(struct rep_out *o, const struct rep_fio *f,
		    const struct rep_fio_row *row, enum rep_fio_dir dir,
		    const struct html_scale *s)
{
	const double *v = row->v[dir];
	char b[HTML_FIELD], c[HTML_FIELD];

	fputs("<tr><th scope=\"row\"><span class=\"w\">", o->f);
	html_text(o, row->server);
	fprintf(o->f, "</span> <span class=\"s %s\">",
		html_class(row->subject));
	html_text(o, row->subject);
	fputs("</span>", o->f);
	if (row->verdict < REP_PASS) {
		fputc(' ', o->f);
		html_verdict(o, row->verdict);
	}
	if (row->nr_invalid)
		fprintf(o->f, " <small>%zu of %zu INVALID</small>",
			row->nr_invalid, row->nr);
	fputs("</th>", o->f);
	html_num(o, html_fixed(b, v[REP_FIO_MIB_S], 1));
	html_num(o, html_fixed(b, v[REP_FIO_IOPS], 0));
	fprintf(o->f, "<td class=\"n\">%s<br/><small>%s</small></td>",
		html_ns(b, v[REP_FIO_P50]), html_ns(c, v[REP_FIO_P99]));
	html_num(o, html_fixed(b, v[REP_FIO_CPU] / 1000, 0));
	fprintf(o->f, "<td class=\"n\">%zu</td>", row->n[dir][REP_FIO_MIB_S]);
	put_ratio(o, f, row, dir, "in-place");
	put_ratio(o, f, row, dir, "posix");
	put_plot(o, f, row, dir, s);
	fputs("</tr>\n", o->f);
}

static void put_head(struct rep_out *o, enum rep_fio_dir dir,
		     const struct html_scale *s)
{
	html_scroll(o, "fio job");
	fprintf(o->f,
		"<table class=\"forest\">\n<thead><tr><th scope=\"col\">%s"
		"</th><th scope=\"col\" class=\"n\">MiB/s</th><th "
		"scope=\"col\" class=\"n\">IOPS</th><th scope=\"col\" "
		"class=\"n\">clat p50 <small>p99</small></th><th scope=\"col\" "
		"class=\"n\">CPU <small>\xc2\xb5s/MiB</small></th><th "
		"scope=\"col\" class=\"n\">n</th><th scope=\"col\">MiB/s "
		"against in-place <small>same server</small></th><th "
		"scope=\"col\" colspan=\"2\">MiB/s against posix <small>95 "
		"%% interval, log axis</small></th></tr>\n<tr>",
		rep_fio_dir_name(dir));
	for (int i = 0; i < 8; i++)
		fputs("<td></td>", o->f);
	fputs("<td class=\"plot\">", o->f);
	html_ratio_axis(o, s);
	fputs("</td></tr></thead>\n<tbody>\n", o->f);
}

static void put_group(struct rep_out *o, const struct rep_fio *f, size_t from,
		      size_t nr, const struct html_scale *s)
{
	const struct rep_fio_row *row = &f->row[from];
	char shape[REP_TALLY];

	fputs("<h3>", o->f);
	html_text(o, row->job);
	if (strcmp(row->fault, "none")) {
		fputs(" <span class=\"f\">", o->f);
		html_text(o, row->fault);
		fputs("</span>", o->f);
	}
	fputs(" <small class=\"of\">", o->f);
	html_text(o, rep_fio_shape(shape, row));
	fputs("</small></h3>\n", o->f);
	for (int d = 0; d < REP_FIO_DIRS; d++) {
		if (!rep_fio_has(row, nr, (enum rep_fio_dir)d))
			continue;
		put_head(o, (enum rep_fio_dir)d, s);
		for (size_t i = 0; i < nr; i++)
			put_row(o, f, &row[i], (enum rep_fio_dir)d, s);
		fputs("</tbody></table>\n", o->f);
		html_scroll_end(o);
	}
	for (int d = 0; d < REP_FIO_DIRS; d++)
		if (rep_fio_has(row, nr, (enum rep_fio_dir)d))
			return;
	fputs("<p>No run of it has numbers.</p>\n", o->f);
}

static void put_trouble(struct rep_out *o, const struct rep_fio_run *run)
{
	const char *why =
		run->invalid ? run->invalid : rep_str(run->rec, "reason");
	const char *repro = rep_str(run->rec, "repro");

	fputs("<li>", o->f);
	if (run->invalid)
		fputs("<span class=\"v warn\">INVALID</span> ", o->f);
	else
		html_verdict(o, run->verdict);
	fputc(' ', o->f);
	html_text(o, rep_str(run->rec, "server"));
	fputc(' ', o->f);
	html_text(o, rep_str(run->rec, "subject"));
	fputs(", job ", o->f);
	html_text(o, rep_str(run->rec, "job"));
	fprintf(o->f, ", pair %lld: ", (long long)run->pair);
	html_text(o, why ? why : "no reason recorded");
	if (repro) {
		fputs(" <code>", o->f);
		html_text(o, repro);
		fputs("</code>", o->f);
	}
	fputs("</li>\n", o->f);
}

static void put_troubles(struct rep_out *o, const struct rep_fio *f)
{
	size_t nr = 0;

	for (size_t i = 0; i < f->nr_runs; i++) {
		const struct rep_fio_run *run = &f->run[i];

		if (!rep_fio_is_bad(run))
			continue;
		if (!nr++)
			fputs("<ul>\n", o->f);
		put_trouble(o, run);
	}
	if (nr)
		fputs("</ul>\n", o->f);
	for (size_t i = 0; i < f->nr_runs; i++) {
		size_t k;
		json_t *w;

		json_array_foreach(json_object_get(f->run[i].rec, "warnings"),
				   k, w)
		{
			if (!rep_fio_is_news(f, i, json_string_value(w)))
				continue;
			fputs("<p class=\"alert\">", o->f);
			html_text(o, json_string_value(w));
			fputs("</p>\n", o->f);
		}
	}
}

void html_fio(struct rep_out *o, const struct rep_fio *f)
{
	const json_t *rec = f->run[0].rec;
	const char *file = rep_str(rec, "jobfile"), *fio = rep_str(rec, "fio");
	struct html_scale s;
	char text[REP_TALLY];

	html_section(o, "fio", "fio");
	html_lead(o, "The job file, unchanged, on each subject, in interleaved "
		     "random order. Medians over runs; n: runs with numbers. "
		     "<b>posix</b> is a directory of this machine. CPU: fio, "
		     "client and server. The picture is the change of MiB/s "
		     "against posix, or in-place where posix was not run.");
	rep_fio_tally(f, text);
	fputs("<p>", o->f);
	html_text(o, file ? file : "job file not recorded");
	fputs(", ", o->f);
	html_text(o, fio ? fio : "version of fio not recorded");
	fprintf(o->f, "; %s</p>\n", text);
	put_troubles(o, f);
	scale_of(&s, f);
	for (size_t i = 0; i < f->nr; i += rep_fio_group(f, i))
		put_group(o, f, i, rep_fio_group(f, i), &s);
	fputs("</section>\n", o->f);
}

void html_fio_mood(const struct rep_fio *f, const char **ret_class,
		   char *ret_sentence, size_t size)
{
	size_t bad = 0;

	for (int v = 0; v <= REP_VACUOUS; v++)
		bad += f->by_verdict[v];
	*ret_class = bad ? "bad"
		     : f->nr_invalid || f->by_verdict[REP_INCONCLUSIVE]
			     ? "warn"
			     : "good";
	if (bad)
		snprintf(ret_sentence, size, "%zu of %zu fio runs failed", bad,
			 f->nr_runs);
	else if (f->nr_invalid)
		snprintf(ret_sentence, size, "%zu of %zu fio runs are invalid",
			 f->nr_invalid, f->nr_runs);
	else
		snprintf(ret_sentence, size, "%zu fio runs, none failed",
			 f->nr_runs);
}

void html_fio_chips(struct rep_out *o, const struct rep_fio *f)
{
	html_verdict_counts(o, f->by_verdict);
	if (f->nr_invalid)
		fprintf(o->f,
			"<span class=\"v warn\">INVALID</span> <b>%zu</b> ",
			f->nr_invalid);
	fprintf(o->f, "<span class=\"of\">%zu fio job runs</span>", f->nr_runs);
}
