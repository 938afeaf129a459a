/* SPDX-License-Identifier: GPL-2.0-or-later */
/* report.html: findings, environment, how to reproduce, raw rows. */
#include "html_i.h"

#include "nwb/mem.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Rows of raw data on the page; all of them are in run.jsonl. */
#define RAW_MAX 1500

/* ---- findings ---- */

static void put_finding(struct rep_out *o, const struct rep_run *run,
			const json_t *f)
{
	const char *v = rep_str(f, "verdict");

	fputs("<li><b>", o->f);
	html_text(o, rep_str(f, "oracle"));
	fputc(' ', o->f);
	html_text(o, rep_str(f, "kind"));
	fputs("</b>", o->f);
	if (v && strcmp(v, rep_verdict_name(run->verdict))) {
		fputs(" (", o->f);
		html_text(o, v);
		fputc(')', o->f);
	}
	fputs(": ", o->f);
	html_text(o, rep_str(f, "text"));
	fputs("</li>\n", o->f);
}

static void put_code(struct rep_out *o, const char *text)
{
	fputs("<pre><code>", o->f);
	html_text(o, text);
	fputs("</code></pre>\n", o->f);
}

static void put_item(struct rep_out *o, const struct rep_news_item *item)
{
	const json_t *rec = item->run->rec;
	const json_t *findings = json_object_get(rec, "findings");
	const char *reason = rep_reason(item->run);
	const char *repro = rep_str(rec, "repro");
	size_t i;
	json_t *f;

	fputs("<article>\n<h3>", o->f);
	html_verdict(o, item->run->verdict);
	fputc(' ', o->f);
	html_text(o, item->cell->name);
	if (item->nr > 1)
		fprintf(o->f, " <small>%zu runs</small>", item->nr);
	else if (item->run->pair >= 0)
		fprintf(o->f, " <small>pair %lld</small>",
			(long long)item->run->pair);
	fputs("</h3>\n", o->f);
	if (reason) {
		fputs("<p>", o->f);
		html_text(o, reason);
		fputs("</p>\n", o->f);
	}
	if (json_array_size(findings)) {
		fputs("<ul>\n", o->f);
		json_array_foreach(findings, i, f) put_finding(o, item->run, f);
		fputs("</ul>\n", o->f);
	} else if (!reason) {
		fputs("<p>The reason was not recorded.</p>\n", o->f);
	}
	if (repro && item->run->verdict < REP_PASS)
		put_code(o, repro);
	fputs("</article>\n", o->f);
}

void html_findings(struct rep_out *o, const struct rep_model *m)
{
	struct rep_news news;
	bool is_folded = false;

	if (rep_news_init(&news, m)) {
		o->err = -ENOMEM;
		return;
	}
	if (!news.nr)
		fprintf(o->f, "<p>%s</p>\n",
			m->nr_runs ? "None: nothing is owed, torn, stale or "
				     "untold."
				   : "No runs.");
	for (size_t i = 0; i < news.nr; i++) {
		/* What is no bad news stands behind a fold. */
		if (news.item[i].run->verdict >= REP_PASS && !is_folded) {
			fputs("<details><summary>Skipped and other "
			      "remarks</summary>\n",
			      o->f);
			is_folded = true;
		}
		put_item(o, &news.item[i]);
	}
	if (is_folded)
		fputs("</details>\n", o->f);
	rep_news_fini(&news);
}

/* ---- environment ---- */

static void put_value(struct rep_out *o, const json_t *v)
{
	char *text;

	if (json_is_string(v)) {
		html_text(o, json_string_value(v));
		return;
	}
	if (!v || json_is_null(v)) {
		fputs("not measured", o->f);
		return;
	}
	text = json_dumps(v, JSON_ENCODE_ANY | JSON_SORT_KEYS |
				     JSON_REAL_PRECISION(6));
	if (!text) {
		o->err = -ENOMEM;
		return;
	}
	html_text(o, text);
	free(text);
}

static void put_pair(struct rep_out *o, const char *prefix, const char *name,
		     const json_t *v)
{
	fputs("<div><dt>", o->f);
	html_text(o, prefix);
	html_text(o, name);
	fputs("</dt><dd>", o->f);
	put_value(o, v);
	fputs("</dd></div>\n", o->f);
}

static void put_object(struct rep_out *o, const char *prefix, json_t *obj)
{
	const char **key = rep_keys(obj);

	if (!key) {
		o->err = -ENOMEM;
		return;
	}
	for (size_t i = 0; key[i]; i++)
		put_pair(o, prefix, key[i], json_object_get(obj, key[i]));
	nwb_free(key);
}

void html_environment(struct rep_out *o, const struct rep_model *m)
{
	static const char *const field[] = {"kernel",	 "cpu",	      "ncpu",
					    "mem_bytes", "isolation", "io",
					    "compiler",	 "build_id"};

	fputs("<dl>\n", o->f);
	for (size_t i = 0; i < NWB_ARRAY_SIZE(field); i++)
		put_pair(o, "", field[i],
			 json_object_get(m->session, field[i]));
	put_object(o, "", json_object_get(m->session, "env"));
	put_object(o, "idle shim: ", json_object_get(m->session, "shim_idle"));
	fputs("</dl>\n", o->f);
}

/* ---- reproduce ---- */

void html_reproduce(struct rep_out *o, const struct rep_model *m,
		    const struct rep_rows *rows)
{
	const char *command = rep_str(m->session, "command");

	fputs("<p>The whole session:</p>\n", o->f);
	put_code(o, command ? command : "# the command was not recorded");
	fputs("<details><summary>One command for each row</summary>\n", o->f);
	html_scroll(o, "Commands");
	fputs("<table>\n<thead><tr><th scope=\"col\">Cell</th><th "
	      "scope=\"col\">Command</th></tr></thead>\n<tbody>\n",
	      o->f);
	for (size_t i = 0; i < rows->nr; i++) {
		const struct rep_cell *c = rows->cell[i];
		const char *repro = rep_str(rep_worst_run(c)->rec, "repro");

		fputs("<tr><th scope=\"row\">", o->f);
		html_text(o, c->name);
		fputs("</th><td><code>", o->f);
		html_text(o, repro ? repro : "not recorded");
		fputs("</code></td></tr>\n", o->f);
	}
	fputs("</tbody></table>\n", o->f);
	html_scroll_end(o);
	fputs("</details>\n", o->f);
}

/* ---- raw rows ---- */

static void raw_row(struct rep_out *o, const struct rep_run *r)
{
	char b[HTML_FIELD];

	fputs("<tr><th scope=\"row\">", o->f);
	html_text(o, rep_str(r->rec, "cell"));
	fprintf(o->f, "</th><td class=\"n\">%lld</td><td>%s</td><td>%s</td>",
		(long long)r->pair, r->is_check ? "check" : "bench",
		rep_verdict_name(r->verdict));
	html_num(o, html_fixed(b, r->m[REP_MIB_S], 1));
	html_num(o, html_fixed(b, r->m[REP_CPU_NS_MIB] / 1000, 0));
	html_num(o, html_fixed(b, r->m[REP_RPCS_MIB], 1));
	html_num(o, html_fixed(b, r->m[REP_SENT_RATIO], 3));
	html_num(o, html_ns(b, r->m[REP_WRITE_P99]));
	html_num(o, html_ns(b, r->m[REP_FSYNC_P99]));
	html_num(o, html_count(b, r->m[REP_RETRIES]));
	fputs("</tr>\n", o->f);
}

void html_raw(struct rep_out *o, const struct rep_model *m, const char *sha256)
{
	size_t nr = nwb_min(m->nr_runs, (size_t)RAW_MAX);

	fprintf(o->f,
		"<p>The truth is <a href=\"%s\">%s</a> beside this page: JSON "
		"Lines, one object a run, with histograms and time lines. "
		"SHA-256 <code class=\"sha\">%s</code></p>\n<details><summary>"
		"%zu of %zu runs</summary>\n",
		NWB_STORE_NAME, NWB_STORE_NAME,
		sha256 ? sha256 : "not computed", nr, m->nr_runs);
	html_scroll(o, "Runs");
	fputs("<table>\n<thead><tr><th scope=\"col\">Cell</th>"
	      "<th scope=\"col\" class=\"n\">Pair</th>"
	      "<th scope=\"col\">Level</th><th scope=\"col\">Verdict</th>"
	      "<th scope=\"col\" class=\"n\">MiB/s</th>"
	      "<th scope=\"col\" class=\"n\">CPU "
	      "<small>\xc2\xb5s/MiB</small></th>"
	      "<th scope=\"col\" class=\"n\">RPCs <small>per MiB</small></th>"
	      "<th scope=\"col\" class=\"n\">Sent "
	      "<small>per byte</small></th>"
	      "<th scope=\"col\" class=\"n\">write <small>p99</small></th>"
	      "<th scope=\"col\" class=\"n\">fsync <small>p99</small></th>"
	      "<th scope=\"col\" class=\"n\">Retries</th></tr></thead>\n"
	      "<tbody>\n",
	      o->f);
	for (size_t i = 0; i < nr; i++)
		raw_row(o, &m->run[i]);
	fputs("</tbody></table>\n", o->f);
	html_scroll_end(o);
	fputs("</details>\n", o->f);
}
