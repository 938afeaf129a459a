/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report.md: for a comment on a merge request. The verdict, the comparison and
 * the bad news are open, all else is folded, and it stays below the 64 KiB
 * that such comments may have as long as the matrix is a usual one.
 */
#include "fio_i.h"
#include "gate_i.h"
#include "load_i.h"
#include "report_i.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NEWS_MAX      25 /* the rest is in report.txt */
#define GATE_ROWS_MAX 200

/*
 * Text that stays text, also within a table. CommonMark takes a backslash
 * before any ASCII punctuation; '@' would notify a person and '<' open markup
 * in spite of it, so both are written as entities.
 */
static void put(struct rep_out *o, const char *s)
{
	for (; *s; s++) {
		unsigned char ch = (unsigned char)*s;

		if (ch == '<')
			fputs("&lt;", o->f);
		else if (ch == '>')
			fputs("&gt;", o->f);
		else if (ch == '&')
			fputs("&amp;", o->f);
		else if (ch == '@')
			fputs("&#64;", o->f);
		else if (ch == ':' && s[1] == '/')
			fputs("&#58;", o->f);
		else if (ch < 0x20 || ch == 0x7f)
			fputc(' ', o->f);
		else if (strchr("\\`*_{}[]#+!|~$", ch))
			fprintf(o->f, "\\%c", ch);
		else
			fputc(ch, o->f);
	}
}

/* Verbatim: the fence is longer than any row of backticks within. */
static void code(struct rep_out *o, const char *s)
{
	size_t longest = 2, run = 0;

	for (const char *p = s; *p; p++) {
		run = *p == '`' ? run + 1 : 0;
		longest = nwb_max(longest, run);
	}
	for (size_t i = 0; i <= longest; i++)
		fputc('`', o->f);
	fputs("sh\n", o->f);
	for (; *s; s++)
		fputc((unsigned char)*s < 0x20 ? ' ' : *s, o->f);
	fputc('\n', o->f);
	for (size_t i = 0; i <= longest; i++)
		fputc('`', o->f);
	fputs("\n\n", o->f);
}

static void head(struct rep_out *o, const struct rep_model *m,
		 const struct rep_gate *g, const struct rep_fio *f,
		 const struct rep_load *l)
{
	char tally[REP_TALLY], buf[32];
	const char *trouble = rep_session_trouble(m, buf, sizeof(buf));
	const char *build = rep_str(m->session, "build");
	const char *kernel = rep_str(m->session, "kernel");

	if (g->nr)
		rep_gate_tally(g, tally);
	else if (f->nr)
		rep_fio_tally(f, tally);
	else if (l->nr && !m->nr_cells)
		rep_load_tally(l, tally);
	else
		rep_tally(m, tally);
	fprintf(o->f, "### netwb: %s\n\n", tally);
	if (trouble) {
		fputs("**The session is in error: ", o->f);
		put(o, trouble);
		fputs(".**\n\n", o->f);
	}
	if (g->nr_broken)
		fprintf(o->f, "**FAIL: %zu runs broke a promise.**\n\n",
			g->nr_broken);
	if (rep_has_cells(m))
		fprintf(o->f, "%zu cells, %zu runs; ", m->nr_cells, m->nr_runs);
	fputs("build ", o->f);
	put(o, build ? build : "not recorded");
	fputs(", kernel ", o->f);
	put(o, kernel ? kernel : "not recorded");
	fputs(".\n\n", o->f);
}

static void ratio(struct rep_out *o, const struct rep_cmp *cmp)
{
	char r[REP_FIELD], lo[REP_FIELD], hi[REP_FIELD];

	if (isnan(cmp->lo))
		fprintf(o->f, " | %s (%zu pairs, need %d)",
			rep_fmt_ratio(r, cmp->ratio), cmp->pairs,
			REP_PAIRS_MIN);
	else
		fprintf(o->f, " | **%s** (%s to %s)",
			rep_fmt_ratio(r, cmp->ratio),
			rep_fmt_ratio(lo, cmp->lo), rep_fmt_ratio(hi, cmp->hi));
}

static void modes(struct rep_out *o, const struct rep_model *m)
{
	size_t nr = 0;

	for (size_t i = 0; i < m->nr_cells; i++) {
		const struct rep_cell *a = &m->cell[i], *b;
		struct rep_cmp speed, cpu;

		if (strcmp(a->subject, "in-place"))
			continue;
		b = rep_cell_find(m, a, "temp-page");
		if (!b)
			continue;
		if (!nr++)
			fputs("#### In-place against temp-page\n\n"
			      "Ratio in-place / temp-page of interleaved "
			      "pairs, with its 95 % interval. MiB/s above 1: "
			      "in-place is faster; CPU below 1: in-place is "
			      "cheaper.\n\n"
			      "| server | workload | fault | MiB/s | CPU "
			      "ns/MiB | pairs |\n"
			      "|---|---|---|---|---|--:|\n",
			      o->f);
		rep_compare(a, b, REP_MIB_S, &speed);
		rep_compare(a, b, REP_CPU_NS_MIB, &cpu);
		fputs("| ", o->f);
		put(o, a->server);
		fputs(" | ", o->f);
		put(o, a->workload);
		fputs(" | ", o->f);
		put(o, a->fault);
		ratio(o, &speed);
		ratio(o, &cpu);
		fprintf(o->f, " | %zu |\n", speed.pairs);
	}
	if (nr)
		fputc('\n', o->f);
}

/* ---- comparisons ---- */

static void gate_side(struct rep_out *o, const struct rep_gate *g,
		      const char *key, const char *name)
{
	char *text = rep_gate_side(g, key);

	if (!text) {
		o->err = -ENOMEM;
		return;
	}
	fprintf(o->f, "%s = ", name);
	put(o, text);
	fputs("  \n", o->f);
	free(text);
}

static void gate_row(struct rep_out *o, const struct rep_gate_row *row)
{
	bool is_bad = row->verdict <= REP_GATE_SUSPECT;
	char a[REP_FIELD], b[REP_FIELD], c[REP_FIELD], d[REP_FIELD];
	char ci[REP_INTERVAL];

	fputs("| ", o->f);
	put(o, row->name);
	fputs(" | ", o->f);
	put(o, rep_gate_title(row));
	fprintf(o->f, " | %s | %s | %s%s%s %s | %s | %zu | %s",
		rep_gate_value(a, row, row->a), rep_gate_value(b, row, row->b),
		is_bad ? "**" : "", rep_gate_change(c, row->ratio),
		is_bad ? "**" : "", rep_gate_interval(ci, row),
		rep_gate_delta(d, row), row->n,
		rep_gate_verdict_name(row->verdict));
	if (row->why) {
		fputs(": ", o->f);
		put(o, row->why);
	}
	fputs(" |\n", o->f);
}

static void gate(struct rep_out *o, const struct rep_gate *g)
{
	size_t all = g->nr + g->nr_controls;

	if (!all)
		return;
	gate_side(o, g, "a", "A");
	gate_side(o, g, "b", "B");
	fputs("\n| case | metric | A | B | change [95 % interval] | threshold "
	      "| pairs | verdict |\n|---|---|--:|--:|---|--:|--:|---|\n",
	      o->f);
	for (size_t i = 0; i < all && i < GATE_ROWS_MAX; i++) {
		if (i == g->nr)
			fputs("| *controls: A against A* | | | | | | | |\n",
			      o->f);
		gate_row(o, &g->row[i]);
	}
	if (all > GATE_ROWS_MAX)
		fprintf(o->f, "\n%zu more in %s.\n", all - GATE_ROWS_MAX,
			NWB_REPORT_TEXT);
	fputc('\n', o->f);
}

/* ---- fio ---- */

static void fio_row(struct rep_out *o, const struct rep_fio *f,
		    const struct rep_fio_row *row, enum rep_fio_dir dir)
{
	const char *subject = "posix";
	const struct rep_fio_row *base = rep_fio_base(f, row, subject);
	struct rep_gate_row r = {.ratio = NAN};
	char a[REP_FIELD], b[REP_FIELD], c[REP_FIELD], ci[REP_INTERVAL];

	if (!base && strcmp(row->subject, subject)) {
		subject = "in-place";
		base = rep_fio_base(f, row, subject);
	}
	if (base)
		rep_fio_compare(base, row, dir, REP_FIO_MIB_S, &r);
	fputs("| ", o->f);
	put(o, row->job);
	fputs(" | ", o->f);
	put(o, row->fault);
	fprintf(o->f, " | %s | ", rep_fio_dir_name(dir));
	put(o, row->server);
	fputc(' ', o->f);
	put(o, row->subject);
	fprintf(o->f, " | %s | %s | %zu | ",
		rep_fmt_num(a, row->v[dir][REP_FIO_MIB_S]),
		rep_fmt_ns(b, row->v[dir][REP_FIO_P99]),
		row->n[dir][REP_FIO_MIB_S]);
	if (base)
		fprintf(o->f, "%s %s of %s, n %zu", rep_gate_change(c, r.ratio),
			rep_gate_interval(ci, &r), subject, r.n);
	fprintf(o->f, " | %s", rep_verdict_name(row->verdict));
	if (row->nr_invalid)
		fprintf(o->f, ", %zu INVALID", row->nr_invalid);
	fputs(" |\n", o->f);
}

static void fio(struct rep_out *o, const struct rep_fio *f)
{
	if (!f->nr)
		return;
	fputs("| job | fault | | subject | MiB/s | clat p99 | runs | change of "
	      "MiB/s | verdict |\n|---|---|---|---|--:|--:|--:|---|---|\n",
	      o->f);
	for (size_t i = 0; i < f->nr; i++) {
		bool is_any = false;

		for (int d = 0; d < REP_FIO_DIRS; d++) {
			if (!rep_fio_has(&f->row[i], 1, (enum rep_fio_dir)d))
				continue;
			fio_row(o, f, &f->row[i], (enum rep_fio_dir)d);
			is_any = true;
		}
		if (!is_any)
			fio_row(o, f, &f->row[i], REP_FIO_WRITE);
	}
	fputc('\n', o->f);
}

/* ---- open loop ---- */

static void load_row(struct rep_out *o, const struct rep_load_row *row)
{
	char a[REP_FIELD], b[REP_FIELD], c[REP_FIELD], d[REP_FIELD];
	const double *v = row->v;

	fputs("| ", o->f);
	put(o, rep_str(row->run->rec, "case"));
	fprintf(o->f, " | %s | %s | %s | %s | %zu | %s |\n",
		rep_fmt_count(a, row->rate), rep_fmt_ns(b, v[REP_LOAD_P50]),
		rep_fmt_ns(c, v[REP_LOAD_P99]),
		rep_fmt_ns(d, v[REP_LOAD_SERVICE_P99]), row->nr,
		rep_verdict_name(row->verdict));
}

static void load(struct rep_out *o, const struct rep_load *l)
{
	if (!l->nr_rows)
		return;
	fputs("| case | writes/s | response p50 | p99 | service p99 | runs | "
	      "verdict |\n|---|--:|--:|--:|--:|--:|---|\n",
	      o->f);
	for (size_t i = 0; i < l->nr_rows; i++)
		load_row(o, &l->row[i]);
	fputc('\n', o->f);
}

static void news_item(struct rep_out *o, const struct rep_news_item *item)
{
	const char *reason = rep_reason(item->run);
	const char *repro = rep_str(item->run->rec, "repro");
	size_t i;
	json_t *f;

	fprintf(o->f, "**%s** ", rep_verdict_name(item->run->verdict));
	put(o, item->cell->name);
	if (item->nr > 1)
		fprintf(o->f, " (%zu runs)", item->nr);
	if (reason) {
		fputs(": ", o->f);
		put(o, reason);
	}
	fputs("\n\n", o->f);
	json_array_foreach(json_object_get(item->run->rec, "findings"), i, f)
	{
		fputs("- ", o->f);
		put(o, rep_str(f, "oracle"));
		fputc(' ', o->f);
		put(o, rep_str(f, "kind"));
		fputs(": ", o->f);
		put(o, rep_str(f, "text"));
		fputs("\n", o->f);
	}
	if (i)
		fputc('\n', o->f);
	if (repro && item->run->verdict < REP_PASS)
		code(o, repro);
}

static int findings(struct rep_out *o, const struct rep_model *m)
{
	struct rep_news news;
	size_t shown = 0;
	int r = rep_news_init(&news, m);

	if (r)
		return r;
	for (size_t i = 0; i < news.nr; i++) {
		if (news.item[i].run->verdict > REP_KNOWN)
			continue;
		if (!shown++)
			fputs("#### Findings\n\n", o->f);
		if (shown <= NEWS_MAX)
			news_item(o, &news.item[i]);
	}
	if (shown > NEWS_MAX)
		fprintf(o->f, "%zu more in %s.\n\n", shown - NEWS_MAX,
			NWB_REPORT_TEXT);
	rep_news_fini(&news);
	return 0;
}

static int cells(struct rep_out *o, const struct rep_model *m)
{
	struct rep_rows rows;
	char a[REP_FIELD], b[REP_FIELD], s[REP_FIELD], t[REP_FIELD];
	int r = rep_rows_init(&rows, m);

	if (r)
		return r;
	fprintf(o->f,
		"<details><summary>All %zu cells</summary>\n\n"
		"| cell | verdict | MiB/s | CPU ns/MiB | RPC/MiB | fsync p99 | "
		"runs |\n|---|---|--:|--:|--:|--:|--:|\n",
		rows.nr);
	for (size_t i = 0; i < rows.nr; i++) {
		const struct rep_cell *c = rows.cell[i];

		fputs("| ", o->f);
		put(o, c->name);
		fprintf(o->f, " | %s | %s | %s | %s | %s | %zu |\n",
			rep_verdict_name(c->verdict),
			rep_fmt_num(a, c->m[REP_MIB_S]),
			rep_fmt_count(b, round(c->m[REP_CPU_NS_MIB])),
			rep_fmt_num(s, c->m[REP_RPCS_MIB]),
			rep_fmt_ns(t, c->m[REP_FSYNC_P99]), c->nr_runs);
	}
	fprintf(o->f, "\nMedians over runs; %s: not measured.\n\n</details>\n",
		REP_NM);
	rep_rows_fini(&rows);
	return 0;
}

static void put_note(void *arg, const char *text)
{
	struct rep_out *o = arg;

	put(o, text);
	fputs("\n\n", o->f);
}

static int document(struct rep_out *o, const struct rep_model *m,
		    const struct rep_gate *g, const struct rep_fio *f,
		    const struct rep_load *l, const char *sha256)
{
	const char *command = rep_str(m->session, "command");
	int r = 0;

	head(o, m, g, f, l);
	r = rep_notes(m->recs, put_note, o);
	if (r)
		return r;
	gate(o, g);
	load(o, l);
	fio(o, f);
	if (rep_has_cells(m)) {
		modes(o, m);
		r = findings(o, m);
		if (!r)
			r = cells(o, m);
	}
	fputs("\nReproduce:\n\n", o->f);
	code(o, command ? command : "# the command was not recorded");
	fprintf(o->f, "Data: `%s`, SHA-256 `%s`\n", NWB_STORE_NAME,
		sha256 ? sha256 : "not computed");
	return r ? r : o->err;
}

int nwb_report_markdown(const json_t *recs, FILE *out, const char *sha256,
			struct nwb_err *err)
{
	struct rep_out o = {.f = out};
	struct rep_gate g = {0};
	struct rep_fio f = {0};
	struct rep_load l = {0};
	struct rep_model m;
	int r = rep_model_init(&m, recs, err);

	if (!r)
		r = rep_fio_init(&f, recs, err);
	if (!r)
		r = rep_load_init(&l, recs, err);
	if (r)
		goto out;
	r = rep_gate_init(&g, recs);
	if (!r)
		r = document(&o, &m, &g, &f, &l, sha256);
	if (r)
		nwb_err_set(err, r, "markdown: out of memory");
	else if (ferror(out))
		r = nwb_err_set(err, -EIO, "markdown: write error");
out:
	rep_load_fini(&l);
	rep_fio_fini(&f);
	rep_gate_fini(&g);
	rep_model_fini(&m);
	return r;
}
