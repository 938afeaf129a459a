/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report.html: the page, in the order of the text report: the verdict first,
 * then what was compared, the tables and pictures, findings, environment, how
 * to reproduce, raw data (model: html_i.h). It is well-formed XML as well, so
 * that any XML parser can check that nothing escaped from its quotes.
 */
#include "html_i.h"

#include "nwb/mem.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* What the page is made of. */
struct page {
	const struct rep_model *m;
	const struct rep_rows *rows;
	const struct rep_gate *g;
	const struct rep_fio *f;
	const struct rep_load *l;
	const struct rep_past *past; /* NULL: not asked for */
	bool has_gate;
	const char *sha256;
};

static size_t bad_cells(const struct rep_model *m)
{
	return m->cells_by_verdict[REP_FAIL] +
	       m->cells_by_verdict[REP_UNEXPECTED_PASS] +
	       m->cells_by_verdict[REP_VACUOUS];
}

static const char *mood(const struct rep_model *m)
{
	if (bad_cells(m))
		return "bad";
	if (m->is_interrupted || m->cells_by_verdict[REP_INCONCLUSIVE] ||
	    m->nr_cells == m->cells_by_verdict[REP_SKIP])
		return "warn";
	return "good";
}

/* The verdict as a sentence; numbers follow in badges. */
static void sentence(char *buf, size_t size, const struct rep_model *m)
{
	const size_t *v = m->cells_by_verdict;
	size_t judged = m->nr_cells - v[REP_NOT_JUDGED] - v[REP_SKIP];

	if (!m->nr_cells)
		snprintf(buf, size, "Nothing was run");
	else if (v[REP_FAIL])
		snprintf(buf, size, "%zu of %zu cells failed", v[REP_FAIL],
			 judged);
	else if (v[REP_VACUOUS] || v[REP_UNEXPECTED_PASS])
		snprintf(buf, size, "%zu of %zu cells prove nothing",
			 v[REP_VACUOUS] + v[REP_UNEXPECTED_PASS], judged);
	else if (v[REP_INCONCLUSIVE])
		snprintf(buf, size, "%zu of %zu cells are inconclusive",
			 v[REP_INCONCLUSIVE], judged);
	else if (!judged)
		snprintf(buf, size, "Nothing was judged");
	else if (v[REP_KNOWN])
		snprintf(buf, size, "%zu cells passed, %zu known", v[REP_PASS],
			 v[REP_KNOWN]);
	else
		snprintf(buf, size, "All %zu judged cells passed", judged);
}

static void document_head(struct rep_out *o, const char *text)
{
	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
	      "<meta charset=\"utf-8\"/>\n<meta "
	      "http-equiv=\"Content-Security-Policy\" content=\"default-src "
	      "'none'; style-src 'unsafe-inline'; img-src data:\"/>\n"
	      "<meta name=\"viewport\" content=\"width=device-width, "
	      "initial-scale=1\"/>\n<meta name=\"color-scheme\" "
	      "content=\"light dark\"/>\n<link rel=\"icon\" "
	      "href=\"data:,\"/>\n<title>netwb: ",
	      o->f);
	html_text(o, text);
	fputs("</title>\n<style>\n", o->f);
	fputs(html_css, o->f);
	fputs("</style>\n</head>\n<body>\n", o->f);
}

static void cell_chips(struct rep_out *o, const struct rep_model *m)
{
	html_verdict_counts(o, m->cells_by_verdict);
	fprintf(o->f, "<span class=\"of\">%zu cells, %zu runs</span>",
		m->nr_cells, m->nr_runs);
}

static void verdict(struct rep_out *o, const struct page *p, const char *class,
		    const char *text)
{
	const struct rep_model *m = p->m;
	const char *id = rep_str(m->session, "id");

	fprintf(o->f,
		"<header class=\"%s\">\n<div>\n<p class=\"brand\">netwb <span>",
		class);
	html_text(o, id ? id : "no session record");
	fprintf(o->f, "</span></p>\n<h1>%s</h1>\n<p class=\"chips\">", text);
	if (p->has_gate)
		html_gate_chips(o, p->g);
	if (p->f->nr)
		html_fio_chips(o, p->f);
	if (p->l->nr)
		html_load_chips(o, p->l);
	if ((p->has_gate || p->f->nr || p->l->nr) && m->nr_cells)
		fputs("</p>\n<p class=\"chips\">", o->f);
	if (rep_has_cells(m))
		cell_chips(o, m);
	fputs("</p>\n", o->f);
	if (m->is_interrupted)
		fputs("<p class=\"alert\"><b>Interrupted.</b> The session was "
		      "stopped before its end; this is what it had measured "
		      "until then.</p>\n",
		      o->f);
	if (m->truncated)
		fprintf(o->f,
			"<p class=\"alert\">The last line of %s (line %.0f) "
			"was cut off and is left out.</p>\n",
			NWB_STORE_NAME, rep_num(m->truncated, "line"));
	fputs("</div>\n</header>\n<main>\n", o->f);
}

static void link_to(struct rep_out *o, const char *id, const char *name)
{
	fprintf(o->f, "<a href=\"#%s\">%s</a> ", id, name);
}

static void contents(struct rep_out *o, const struct page *p)
{
	static const char *const cell[][2] = {
		{"cells", "Cells"},	{"modes", "Modes"},
		{"limit", "Limit"},	{"time", "Over time"},
		{"latency", "Latency"}, {"faults", "Faults"},
		{"why", "Counts"},	{"findings", "Findings"},
	};

	fputs("<nav aria-label=\"Contents\">", o->f);
	if (p->has_gate)
		link_to(o, "changes", "Changes");
	if (p->l->nr)
		link_to(o, "load", "Open loop");
	if (p->f->nr)
		link_to(o, "fio", "fio");
	for (size_t i = 0; rep_has_cells(p->m) && i < NWB_ARRAY_SIZE(cell); i++)
		link_to(o, cell[i][0], cell[i][1]);
	if (p->past)
		link_to(o, "history", "History");
	link_to(o, "env", "Environment");
	link_to(o, "repro", "Reproduce");
	link_to(o, "raw", "Raw data");
	fputs("</nav>\n", o->f);
}

/* ---- what was compared ---- */

static void pair(struct rep_out *o, const char *name, const char *value)
{
	fprintf(o->f, "<div><dt>%s</dt><dd>", name);
	html_text(o, value ? value : "not recorded");
	fputs("</dd></div>\n", o->f);
}

static void put_range(struct rep_out *o, const char *name,
		      const struct rep_cell *c, size_t nr,
		      enum rep_metric metric)
{
	double lo = NAN, hi = NAN;
	char a[HTML_FIELD], b[HTML_FIELD];
	bool is_bytes = metric == REP_WSIZE;

	for (size_t i = 0; i < nr; i++) {
		for (size_t k = 0; k < c[i].nr_runs; k++) {
			lo = fmin(lo, c[i].run[k].m[metric]);
			hi = fmax(hi, c[i].run[k].m[metric]);
		}
	}
	if (isnan(lo))
		return;
	fprintf(o->f, ", %s %s", name,
		is_bytes ? html_bytes(a, lo) : html_count(a, lo));
	if (lo != hi)
		fprintf(o->f, "\xe2\x80\x93%s",
			is_bytes ? html_bytes(b, hi) : html_count(b, hi));
}

/* A string field that all runs of these cells have in common; nothing when no
 * run has it. */
static void put_common(struct rep_out *o, const char *name, const char *key,
		       const struct rep_cell *c, size_t nr)
{
	const char *first = NULL;

	for (size_t i = 0; i < nr; i++) {
		for (size_t k = 0; k < c[i].nr_runs; k++) {
			const char *v = rep_str(c[i].run[k].rec, key);

			if (v && first && strcmp(v, first)) {
				fprintf(o->f, ", %s varies", name);
				return;
			}
			first = v ? v : first;
		}
	}
	if (!first)
		return;
	fprintf(o->f, ", %s ", name);
	html_text(o, first);
}

static void servers(struct rep_out *o, const struct rep_model *m)
{
	const json_t *version = json_object_get(m->session, "servers");
	size_t nr;

	for (size_t i = 0; i < m->nr_cells; i += nr) {
		const struct rep_cell *c = &m->cell[i];
		const char *v = rep_str(version, c->server);

		for (nr = 1; i + nr < m->nr_cells; nr++)
			if (strcmp(c[nr].server, c->server))
				break;
		fputs("<div><dt>", o->f);
		html_text(o, c->server);
		fputs("</dt><dd>", o->f);
		html_text(o, v ? v : "version not recorded");
		fprintf(o->f, "; %zu cells", nr);
		put_range(o, "wsize", c, nr, REP_WSIZE);
		put_range(o, "depth", c, nr, REP_DEPTH);
		put_common(o, "signing", "signing", c, nr);
		put_common(o, "encryption", "cipher", c, nr);
		fputs("</dd></div>\n", o->f);
	}
}

static void put_note(void *arg, const char *text)
{
	struct rep_out *o = arg;

	fputs("<p class=\"alert\">", o->f);
	html_text(o, text);
	fputs("</p>\n", o->f);
}

static void compared(struct rep_out *o, const struct rep_model *m)
{
	const json_t *s = m->session;
	const json_t *seed = json_object_get(s, "seed");
	char b[HTML_FIELD], text[32];

	html_section(o, "what",
		     rep_has_cells(m) ? "What was compared" : "What was run");
	if (rep_has_cells(m))
		html_lead(
			o,
			"<b>in-place</b> writeback keeps a page under "
			"writeback "
			"until the server has it; <b>temp-page</b> writeback "
			"copies it and is done at once. Both are "
			"netwb\xe2\x80\x99s "
			"reference model of Linux netfs, on unmodified "
			"servers. "
			"Everything is timed to durable: fsync has returned.");
	fputs("<dl>\n", o->f);
	pair(o, "date", rep_str(s, "date"));
	pair(o, "netwb", rep_str(s, "netwb"));
	pair(o, "build", rep_str(s, "build"));
	servers(o, m);
	if (json_is_integer(seed))
		snprintf(text, sizeof(text), "%llu",
			 (unsigned long long)json_integer_value(seed));
	pair(o, "seed", json_is_integer(seed) ? text : NULL);
	pair(o, "duration", html_ns(b, rep_num(m->end, "duration_ns")));
	fputs("<div class=\"wide\"><dt>command</dt><dd><code>", o->f);
	html_text(o, rep_str(s, "command") ? rep_str(s, "command")
					   : "not recorded");
	fputs("</code></dd></div>\n", o->f);
	fputs("</dl>\n", o->f);
	if (rep_notes(m->recs, put_note, o))
		o->err = -ENOMEM;
	fputs("</section>\n", o->f);
}

/* ---- sections ---- */

static void comparisons(struct rep_out *o, const struct rep_model *m)
{
	static const char *const modes[][2] = {{"in-place", "temp-page"}};
	static const char *const limit[][2] = {{"in-place", "raw-cold"},
					       {"temp-page", "raw-cold"},
					       {"raw-hot", "raw-cold"}};

	html_section(o, "modes", "In-place against temp-page");
	html_lead(o, "Ratio of interleaved pairs. Diamond: Hodges\xe2\x80\x93"
		     "Lehmann estimate; bar: exact 95 % interval of the row "
		     "by itself; dots: single pairs; thick line: no "
		     "difference; shaded: what counts as the same. Runs that "
		     "failed or prove nothing are in no pair.");
	html_forest(o, m, modes, NWB_ARRAY_SIZE(modes));
	fputs("</section>\n", o->f);
	html_section(o, "limit", "Distance from the limit");
	html_lead(o, "<b>raw-cold</b> sends pipelined writes of a pre-faulted "
		     "payload without a page cache, ended by a flush; "
		     "<b>raw-hot</b> the same from one buffer that stays in "
		     "the CPU\xe2\x80\x99s caches.");
	html_forest(o, m, limit, NWB_ARRAY_SIZE(limit));
	fputs("</section>\n", o->f);
}

static void pictures(struct rep_out *o, const struct rep_model *m)
{
	html_section(o, "time", "Throughput over time");
	html_lead(o, "Bytes acknowledged by the server, of one run that "
		     "stands for its cell (the one nearest to the median). "
		     "Strips of a figure share both axes.");
	html_series(o, m);
	fputs("</section>\n", o->f);
	html_section(o, "latency", "Latency");
	html_lead(o, "Percentiles of single calls over all runs of a cell, "
		     "closed loop: a call is timed from its begin. Both axes "
		     "are logarithmic; each step to the right is one more "
		     "nine. 64 calls or fewer are drawn one by one.");
	html_latency(o, m);
	fputs("</section>\n", o->f);
}

static void tables(struct rep_out *o, const struct rep_model *m)
{
	html_section(o, "faults", "What each fault did");
	html_lead(o, "Medians over runs. <b>Recovery</b>: from a hit to the "
		     "first ack of bytes that were sent after it, the longest "
		     "of a run; <b>recovered</b>: hits that such an ack "
		     "followed (after the last request none can). <b>Sent "
		     "again</b>: bytes sent once more without being written "
		     "in between, as a retry or after the connection was "
		     "lost; <b>retries</b>: requests that carried them.");
	html_table_faults(o, m);
	fputs("</section>\n", o->f);
	html_section(o, "why", "Counts");
	html_lead(o, "They explain the figures above. Medians over runs; "
		     "\xe2\x80\x93 is not measured.");
	html_table_why(o, m);
	fputs("</section>\n", o->f);
}

static void cell_sections(struct rep_out *o, const struct rep_model *m,
			  const struct rep_rows *rows)
{
	html_section(o, "cells", "Cells");
	html_lead(o, "Medians over the runs of a cell. MiB/s: application "
		     "bytes, from the first write to the return of fsync. "
		     "CPU: client and server together. <b>c</b> behind the "
		     "number of runs: level check, which decodes every "
		     "payload and is slower than the subject is.");
	html_table_cells(o, m, rows);
	fputs("</section>\n", o->f);
	comparisons(o, m);
	pictures(o, m);
	tables(o, m);
	html_section(o, "findings", "Findings");
	html_findings(o, m);
	fputs("</section>\n", o->f);
}

static void document(struct rep_out *o, const struct page *p)
{
	const struct rep_model *m = p->m;
	const char *class = mood(m);
	char text[128];

	if (p->has_gate)
		html_gate_mood(p->g, &class, text, sizeof(text));
	else if (p->f->nr && !m->nr_cells)
		html_fio_mood(p->f, &class, text, sizeof(text));
	else if (p->l->nr && !m->nr_cells)
		html_load_mood(p->l, &class, text, sizeof(text));
	else
		sentence(text, sizeof(text), m);
	if (p->has_gate && bad_cells(m))
		class = "bad";
	document_head(o, text);
	verdict(o, p, class, text);
	contents(o, p);
	compared(o, m);
	if (p->has_gate)
		html_gate(o, p->g, p->past);
	if (p->l->nr)
		html_load(o, p->l);
	if (p->f->nr)
		html_fio(o, p->f);
	if (p->g->nr || p->f->nr)
		html_heat(o, p->g, p->f);
	if (p->past)
		html_history(o, p->past);
	if (rep_has_cells(m))
		cell_sections(o, m, p->rows);
	html_section(o, "env", "Environment");
	html_environment(o, m);
	fputs("</section>\n", o->f);
	html_section(o, "repro", "Reproduce");
	html_reproduce(o, m, p->rows);
	fputs("</section>\n", o->f);
	html_section(o, "raw", "Raw data");
	html_raw(o, m, p->sha256);
	fputs("</section>\n</main>\n</body>\n</html>\n", o->f);
}

/* All parts of the model. */
struct parts {
	struct rep_model m;
	struct rep_rows rows;
	struct rep_gate g;
	struct rep_fio f;
	struct rep_load l;
	struct rep_past past;
};

static int load(struct parts *x, const json_t *recs, struct nwb_index *index,
		struct nwb_err *err)
{
	int r = rep_model_init(&x->m, recs, err);

	if (!r)
		r = rep_fio_init(&x->f, recs, err);
	if (!r)
		r = rep_load_init(&x->l, recs, err);
	if (!r)
		r = rep_rows_init(&x->rows, &x->m);
	if (!r)
		r = rep_gate_init(&x->g, recs);
	if (!r && index)
		r = rep_past_init(&x->past, index, &x->g, &x->m, err);
	return r;
}

int rep_html(const json_t *recs, FILE *out, const char *sha256,
	     struct nwb_index *index, struct nwb_err *err)
{
	struct rep_out o = {.f = out};
	struct parts x = {0};
	struct page p = {.m = &x.m,
			 .rows = &x.rows,
			 .g = &x.g,
			 .f = &x.f,
			 .l = &x.l,
			 .past = index ? &x.past : NULL,
			 .sha256 = sha256};
	int r = load(&x, recs, index, err);

	if (!r) {
		p.has_gate = x.g.nr || x.g.nr_controls;
		document(&o, &p);
		r = o.err;
	}
	if (r == -ENOMEM)
		nwb_err_set(err, r, "html: out of memory");
	else if (!r && ferror(out))
		r = nwb_err_set(err, -EIO, "html: write error");
	rep_past_fini(&x.past);
	rep_load_fini(&x.l);
	rep_fio_fini(&x.f);
	rep_gate_fini(&x.g);
	rep_rows_fini(&x.rows);
	rep_model_fini(&x.m);
	return r;
}

int nwb_report_html(const json_t *recs, FILE *out, const char *sha256,
		    struct nwb_err *err)
{
	return rep_html(recs, out, sha256, NULL, err);
}
