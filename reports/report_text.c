/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report.txt: the tables.
 *
 * Order (bad news first): verdict line, what was run, main table, counts,
 * faults, latency, mode comparison, distance from the limit, findings,
 * environment. Every cell stands in every table of cells; what was not
 * measured is "n.m.", never an empty field or a missing row.
 */
#include "report_i.h"

#include "fio_i.h"
#include "gate_i.h"
#include "load_i.h"

#include "nwb/mem.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NAME_COLS 35

/* ---- verdict line and what was run ---- */

static void verdict_line(struct rep_out *o, const struct rep_model *m)
{
	char text[REP_TALLY];

	rep_tally(m, text);
	if (rep_has_cells(m))
		rep_wrap(o, 0, 9, "Verdict: %s (%zu cells, %zu runs)", text,
			 m->nr_cells, m->nr_runs);
	if (!m->end)
		rep_wrap(o, 0, 0,
			 "INTERRUPTED: the session wrote no end record; this "
			 "is what it had measured until then.");
	else if (m->is_interrupted)
		rep_wrap(o, 0, 0,
			 "INTERRUPTED: the session was stopped before its "
			 "end; this is what it had measured until then.");
	if (m->truncated)
		rep_wrap(o, 0, 0,
			 "The last line of %s (line %.0f, %.0f bytes) was cut "
			 "off and is left out.",
			 NWB_STORE_NAME, rep_num(m->truncated, "line"),
			 rep_num(m->truncated, "bytes"));
}

static const char *or_nr(const char *s)
{
	return s ? s : "not recorded";
}

/* "65536", "65536..1048576" or "not measured" over a server's cells. */
static void range(char *buf, size_t size, const struct rep_cell *c, size_t nr,
		  enum rep_metric metric)
{
	double lo = INFINITY, hi = -INFINITY;

	for (size_t i = 0; i < nr; i++) {
		for (size_t k = 0; k < c[i].nr_runs; k++) {
			double v = c[i].run[k].m[metric];

			if (!isfinite(v))
				continue;
			lo = fmin(lo, v);
			hi = fmax(hi, v);
		}
	}
	if (lo > hi)
		snprintf(buf, size, "not measured");
	else if (lo == hi)
		snprintf(buf, size, "%.10g", lo);
	else
		snprintf(buf, size, "%.10g..%.10g", lo, hi);
}

static char *scalar_text(const json_t *v)
{
	if (!v || json_is_null(v))
		return strdup("not recorded");
	if (json_is_string(v))
		return strdup(json_string_value(v));
	if (json_is_boolean(v))
		return strdup(json_is_true(v) ? "yes" : "no");
	return json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
}

/* One value, or "varies" when the runs of these cells differ. */
static char *signing_text(const struct rep_cell *c, size_t nr)
{
	const json_t *first = NULL;

	for (size_t i = 0; i < nr; i++) {
		for (size_t k = 0; k < c[i].nr_runs; k++) {
			const json_t *v =
				json_object_get(c[i].run[k].rec, "signing");

			if (!v || json_is_null(v))
				continue;
			if (first && !json_equal(first, v))
				return strdup("varies");
			first = v;
		}
	}
	return scalar_text(first);
}

static void server_line(struct rep_out *o, const struct rep_model *m,
			const struct rep_cell *c, size_t nr)
{
	const json_t *servers = json_object_get(m->session, "servers");
	char *signing = signing_text(c, nr);
	char wsize[64], depth[64];

	if (!signing) {
		o->err = -ENOMEM;
		return;
	}
	range(wsize, sizeof(wsize), c, nr, REP_WSIZE);
	range(depth, sizeof(depth), c, nr, REP_DEPTH);
	rep_wrap(o, 2, 4, "%s %s: %zu cells; wsize %s, depth %s, signing: %s",
		 c->server, or_nr(rep_str(servers, c->server)), nr, wsize,
		 depth, signing);
	free(signing);
}

static bool has_cells(const struct rep_model *m, const char *server)
{
	for (size_t i = 0; i < m->nr_cells; i++)
		if (!strcmp(m->cell[i].server, server))
			return true;
	return false;
}

/* A server that the session names but that was never run, or never came up. */
static void idle_servers(struct rep_out *o, const struct rep_model *m)
{
	json_t *servers = json_object_get(m->session, "servers");
	const char **name = rep_keys(servers);

	if (!name) {
		o->err = -ENOMEM;
		return;
	}
	for (size_t i = 0; name[i]; i++)
		if (!has_cells(m, name[i]))
			rep_wrap(o, 2, 4, "%s %s: no cell was run", name[i],
				 or_nr(rep_str(servers, name[i])));
	nwb_free(name);
}

static void what_was_run(struct rep_out *o, const struct rep_model *m)
{
	const json_t *s = m->session;
	const json_t *seed = json_object_get(s, "seed");
	double ns = rep_num(m->end, "duration_ns");
	size_t from = 0;
	char b[REP_FIELD];

	rep_heading(o, "What was run");
	if (!s)
		rep_wrap(o, 0, 0, "There is no session record.");
	rep_wrap(o, 0, 2, "session: %s, %s", or_nr(rep_str(s, "id")),
		 or_nr(rep_str(s, "date")));
	rep_wrap(o, 0, 2, "netwb: %s, build %s", or_nr(rep_str(s, "netwb")),
		 or_nr(rep_str(s, "build")));
	rep_wrap(o, 0, 2, "command: %s", or_nr(rep_str(s, "command")));
	if (json_is_integer(seed))
		rep_wrap(o, 0, 2, "seed: %llu",
			 (unsigned long long)json_integer_value(seed));
	else
		rep_wrap(o, 0, 2, "seed: not recorded");
	rep_wrap(o, 0, 2, "duration: %s",
		 isfinite(ns) ? rep_fmt_ns(b, ns) : "not measured");
	if (m->end)
		rep_wrap(o, 0, 2, "exit: %lld",
			 (long long)json_integer_value(
				 json_object_get(m->end, "exit")));
	if (!rep_has_cells(m))
		return;
	rep_wrap(o, 0, 2, "servers:%s", m->nr_cells ? "" : " none was run");
	for (size_t i = 1; i <= m->nr_cells; i++) {
		if (i < m->nr_cells &&
		    !strcmp(m->cell[i].server, m->cell[from].server))
			continue;
		server_line(o, m, &m->cell[from], i - from);
		from = i;
	}
	idle_servers(o, m);
}

/* ---- tables of cells ---- */

static void legend(struct rep_out *o)
{
	rep_wrap(o, 0, 0, "Medians over the runs of a cell. %s: not measured.",
		 REP_NM);
}

static void check_level_note(struct rep_out *o, const struct rep_rows *rows)
{
	size_t nr = 0;

	for (size_t i = 0; i < rows->nr; i++)
		nr += rows->cell[i]->is_check;
	if (!nr)
		return;
	rep_wrap(o, 0, 2,
		 "c: %zu of %zu cells ran at level \"check\" only, which "
		 "decodes every payload: slower than the subject is.",
		 nr, rows->nr);
}

static void main_table(struct rep_out *o, const struct rep_rows *rows)
{
	char a[REP_FIELD], b[REP_FIELD], n[REP_FIELD];

	rep_heading(o, "Cells");
	rep_wrap(o, 0, 0,
		 "MiB/s: application bytes, from the first write to the "
		 "return of fsync. CPU ns/MiB: client and server together.");
	legend(o);
	fprintf(o->f, "\n%-*s %-15s %6s %8s %3s\n", NAME_COLS, "cell",
		"verdict", "MiB/s", "CPU/MiB", "n");
	for (size_t i = 0; i < rows->nr; i++) {
		const struct rep_cell *c = rows->cell[i];

		snprintf(n, sizeof(n), "%zu", c->nr_runs);
		rep_name(o, NAME_COLS, c->name);
		fprintf(o->f, " %-15s %6s %8s %3s%s\n",
			rep_verdict_name(c->verdict),
			rep_fmt_rate(a, c->m[REP_MIB_S]),
			rep_fmt_count(b, round(c->m[REP_CPU_NS_MIB])), n,
			c->is_check ? "c" : "");
	}
	check_level_note(o, rows);
}

static void counts_table(struct rep_out *o, const struct rep_rows *rows)
{
	char a[REP_FIELD], b[REP_FIELD], s[REP_FIELD], t[REP_FIELD];

	rep_heading(o, "Counts");
	rep_wrap(o, 0, 0,
		 "RPCs and write RPCs per application MiB; bytes sent per "
		 "byte dirtied; peak temp-page memory (largest run).");
	legend(o);
	fprintf(o->f, "\n%-*s %8s %9s %8s %8s\n", NAME_COLS, "cell", "RPC/MiB",
		"WRITE/MiB", "sent/B", "temp");
	for (size_t i = 0; i < rows->nr; i++) {
		const struct rep_cell *c = rows->cell[i];
		double sent = c->m[REP_SENT_RATIO];

		if (isfinite(sent) && sent < 1000)
			snprintf(s, sizeof(s), "%.4f", sent);
		rep_name(o, NAME_COLS, c->name);
		fprintf(o->f, " %8s %9s %8s %8s\n",
			rep_fmt_num(a, c->m[REP_RPCS_MIB]),
			rep_fmt_num(b, c->m[REP_WRITES_MIB]),
			isfinite(sent) && sent < 1000 ? s
						      : rep_fmt_num(s, sent),
			rep_fmt_bytes(t, c->m[REP_TEMP_MAX]));
	}
}

static void rule_line(struct rep_out *o, const struct rep_cell *c,
		      const char *rule)
{
	struct rep_fault f;

	rep_fault_load(c, rule, &f);
	if (!f.nr)
		rep_wrap(o, 2, 6, "hits of %s: not measured", rule);
	else if (f.hits_lo == f.hits_hi)
		rep_wrap(o, 2, 6, "hits of %s: %.10g in each of %zu runs", rule,
			 f.hits_lo, f.nr);
	else
		rep_wrap(o, 2, 6, "hits of %s: %.10g to %.10g in %zu runs",
			 rule, f.hits_lo, f.hits_hi, f.nr);
}

/* What it did, as far as the records of these runs know. */
static void rule_effect(struct rep_out *o, const struct rep_cell *c,
			const char *rule)
{
	char a[REP_FIELD], b[REP_FIELD], s[REP_FIELD];
	struct rep_fault f;

	rep_fault_load(c, rule, &f);
	if (!isfinite(f.bytes_again) && !isfinite(f.recovery_ns))
		return;
	rep_wrap(o, 4, 6, "recovery %s, sent again %s, retries %s",
		 rep_fmt_ns(a, f.recovery_ns), rep_fmt_bytes(b, f.bytes_again),
		 rep_fmt_count(s, f.retries));
}

static void hits_lines(struct rep_out *o, const struct rep_cell *c)
{
	json_t *owner = NULL;
	const char **rule = rep_fault_rules(c, &owner);

	if (!rule) {
		o->err = -ENOMEM;
		return;
	}
	for (size_t i = 0; rule[i]; i++) {
		rule_line(o, c, rule[i]);
		rule_effect(o, c, rule[i]);
	}
	if (!rule[0] && strcmp(c->fault, "none"))
		rep_wrap(o, 2, 6, "hits: not measured");
	if (isfinite(c->m[REP_DRAIN])) {
		char a[REP_FIELD];

		rep_wrap(o, 2, 6, "drain after the heal: %s",
			 rep_fmt_ns(a, c->m[REP_DRAIN]));
	}
	nwb_free(rule);
	json_decref(owner);
}

static void faults_table(struct rep_out *o, const struct rep_rows *rows)
{
	char a[REP_FIELD], b[REP_FIELD], s[REP_FIELD];

	rep_heading(o, "Faults");
	rep_wrap(o, 0, 0,
		 "Retries and reconnects of a run; allocations within the "
		 "measured window; hits of each rule, least to most of a run. "
		 "Recovery: "
		 "from a hit to the first ack of bytes that were sent after "
		 "it, longest of a run. Sent again: as a retry or after the "
		 "connection was lost. Drain: until what was dirty when the "
		 "faults were switched off is durable or reported.");
	legend(o);
	fprintf(o->f, "\n%-*s %9s %10s %8s\n", NAME_COLS, "cell", "retries",
		"reconnects", "allocs");
	for (size_t i = 0; i < rows->nr; i++) {
		const struct rep_cell *c = rows->cell[i];

		rep_name(o, NAME_COLS, c->name);
		fprintf(o->f, " %9s %10s %8s\n",
			rep_fmt_count(a, c->m[REP_RETRIES]),
			rep_fmt_count(b, c->m[REP_RECONNECTS]),
			rep_fmt_count(s, c->m[REP_ALLOCS]));
		hits_lines(o, c);
	}
}

static void latency_table(struct rep_out *o, const struct rep_rows *rows)
{
	char a[REP_FIELD], b[REP_FIELD], s[REP_FIELD], t[REP_FIELD];

	rep_heading(o, "Latency");
	rep_wrap(o, 0, 0,
		 "Percentiles of each run's calls, median over runs. With "
		 "fewer than 100 calls in a run its p99 is its slowest call.");
	legend(o);
	fprintf(o->f, "\n%-*s %17s %17s\n", NAME_COLS, "", "write", "fsync");
	fprintf(o->f, "%-*s %8s %8s %8s %8s\n", NAME_COLS, "cell", "p50", "p99",
		"p50", "p99");
	for (size_t i = 0; i < rows->nr; i++) {
		const struct rep_cell *c = rows->cell[i];

		rep_name(o, NAME_COLS, c->name);
		fprintf(o->f, " %8s %8s %8s %8s\n",
			rep_fmt_ns(a, c->m[REP_WRITE_P50]),
			rep_fmt_ns(b, c->m[REP_WRITE_P99]),
			rep_fmt_ns(s, c->m[REP_FSYNC_P50]),
			rep_fmt_ns(t, c->m[REP_FSYNC_P99]));
	}
}

static void put_note(void *arg, const char *text)
{
	rep_wrap(arg, 0, 2, "%s", text);
}

static void cell_sections(struct rep_out *o, const struct rep_model *m,
			  const struct rep_rows *rows, unsigned int parts)
{
	if (parts & NWB_REPORT_TABLE)
		main_table(o, rows);
	if (parts & NWB_REPORT_COUNTS) {
		counts_table(o, rows);
		faults_table(o, rows);
	}
	if (parts & NWB_REPORT_LATENCY)
		latency_table(o, rows);
	if (parts & NWB_REPORT_MODES)
		rep_section_modes(o, m);
	if (parts & NWB_REPORT_LIMIT)
		rep_section_limit(o, m);
	if (parts & NWB_REPORT_FINDINGS)
		rep_section_findings(o, m);
}

/* All parts of the model. */
struct parts {
	struct rep_model m;
	struct rep_rows rows;
	struct rep_gate g;
	struct rep_fio f;
	struct rep_load l;
};

static void document(struct rep_out *o, const struct parts *p,
		     unsigned int parts, const char *sha256)
{
	const struct rep_model *m = &p->m;
	const struct rep_gate *g = &p->g;
	bool has_gate = g->nr || g->nr_controls;
	char text[REP_TALLY];

	if (parts & NWB_REPORT_SUMMARY && has_gate)
		rep_gate_line(o, g);
	if (parts & NWB_REPORT_SUMMARY && p->f.nr) {
		rep_fio_tally(&p->f, text);
		rep_wrap(o, 0, 2, "%s", text);
	}
	if (parts & NWB_REPORT_SUMMARY && p->l.nr) {
		rep_load_tally(&p->l, text);
		rep_wrap(o, 0, 2, "%s", text);
	}
	if (parts & NWB_REPORT_SUMMARY) {
		verdict_line(o, m);
		what_was_run(o, m);
		if (rep_notes(m->recs, put_note, o))
			o->err = -ENOMEM;
	}
	if (parts & NWB_REPORT_GATE && has_gate)
		rep_section_gate(o, g);
	if (parts & NWB_REPORT_LOAD && p->l.nr)
		rep_section_load(o, &p->l);
	if (parts & NWB_REPORT_FIO && p->f.nr)
		rep_section_fio(o, &p->f);
	if (rep_has_cells(m))
		cell_sections(o, m, &p->rows, parts);
	if (parts & NWB_REPORT_ENV)
		rep_section_env(o, m, sha256);
}

static int load(struct parts *p, const json_t *recs, struct nwb_err *err)
{
	int r = rep_model_init(&p->m, recs, err);

	if (!r)
		r = rep_fio_init(&p->f, recs, err);
	if (!r)
		r = rep_load_init(&p->l, recs, err);
	if (!r)
		r = rep_rows_init(&p->rows, &p->m);
	return r ? r : rep_gate_init(&p->g, recs);
}

int nwb_report_text(const json_t *recs, FILE *out, unsigned int parts,
		    const char *sha256, struct nwb_err *err)
{
	struct rep_out o = {.f = out};
	struct parts p = {0};
	int r = load(&p, recs, err);

	if (!r) {
		document(&o, &p, parts, sha256);
		r = o.err;
	}
	if (!r && ferror(out))
		r = nwb_err_set(err, -EIO, "report: write error");
	if (r == -ENOMEM)
		r = nwb_err_set(err, r, "report: out of memory");
	rep_load_fini(&p.l);
	rep_fio_fini(&p.f);
	rep_gate_fini(&p.g);
	rep_rows_fini(&p.rows);
	rep_model_fini(&p.m);
	return r;
}
