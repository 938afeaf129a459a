/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report.ktap: the Kernel Test Anything Protocol, version 1
 * (Documentation/dev-tools/ktap.rst), as kunit and kselftest write it.
 *
 *	KTAP version 1
 *	1..2
 *	ok 1 session
 *	  KTAP version 1
 *	  # Subtest: smbd
 *	  1..2
 *	  ok 1 smbd.in-place.seq1m.none # 812.3 MiB/s, 512034 CPU ns/MiB
 *	  # O1 LOST: ...
 *	  not ok 2 smbd.temp-page.seq1m.none
 *	not ok 2 smbd
 *
 * One subtest a server. FAIL, VACUOUS and UNEXPECTED-PASS are "not ok", and so
 * are INCONCLUSIVE, with the directive ERROR, and a hang, with TIMEOUT. KNOWN
 * is XFAIL. A '#' begins a directive, so none stands in a name.
 */
#include "cases_i.h"
#include "report_i.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* One line of printable ASCII. */
static void put(struct rep_out *o, const char *s, bool is_name)
{
	for (; *s; s++) {
		unsigned char ch = (unsigned char)*s;

		if ((ch & 0xc0) == 0x80)
			continue; /* one '?' a character, not a byte */
		if (ch == '\t' || ch == '\n' || ch == '\r')
			fputc(is_name ? '_' : ' ', o->f);
		else if (ch < 0x20 || ch > 0x7e)
			fputc('?', o->f);
		else if (is_name && (ch == '#' || ch == '\\'))
			fputc('_', o->f);
		else
			fputc(ch, o->f);
	}
}

/* A diagnostic line; it belongs to the result that follows. */
static void diag(struct rep_out *o, const char *what, const char *text)
{
	fputs("  # ", o->f);
	put(o, what, false);
	put(o, text, false);
	fputc('\n', o->f);
}

static bool is_ok(enum rep_verdict v)
{
	return v == REP_PASS || v == REP_KNOWN || v == REP_NOT_JUDGED ||
	       v == REP_SKIP;
}

static const char *directive(const struct rep_cell *c, const json_t *finding)
{
	const char *kind = finding ? rep_str(finding, "kind") : NULL;

	switch (c->verdict) {
	case REP_FAIL:
		return kind && !strcmp(kind, "HANG") ? "TIMEOUT" : NULL;
	case REP_INCONCLUSIVE:
		return "ERROR";
	case REP_KNOWN:
		return "XFAIL";
	case REP_SKIP:
	case REP_NOT_JUDGED:
		return "SKIP";
	default:
		return NULL;
	}
}

static void diagnostics(struct rep_out *o, const struct rep_run *run)
{
	const char *reason = rep_str(run->rec, "reason");
	const char *repro = rep_str(run->rec, "repro");
	char what[160];
	size_t i;
	json_t *f;

	if (reason)
		diag(o, "reason: ", reason);
	json_array_foreach(json_object_get(run->rec, "findings"), i, f)
	{
		snprintf(what, sizeof(what),
			 "%.60s %.60s: ", rep_str(f, "oracle"),
			 rep_str(f, "kind"));
		diag(o, what, rep_str(f, "text"));
	}
	if (repro && !is_ok(run->verdict))
		diag(o, "reproduce: ", repro);
}

static void why(struct rep_out *o, const struct rep_cell *c,
		const struct rep_run *run, const json_t *finding)
{
	const char *text = finding ? rep_str(finding, "text") : NULL;

	if (!text)
		text = rep_str(run->rec, "reason");
	if (!text && c->verdict == REP_NOT_JUDGED)
		text = "not judged, a figure to compare with";
	fputc(' ', o->f);
	put(o, text ? text : "no reason recorded", false);
}

static void result(struct rep_out *o, const struct rep_cell *c, size_t nr)
{
	const struct rep_run *run = rep_worst_run(c);
	const json_t *finding = rep_finding(run);
	const char *dir = directive(c, finding);
	char a[REP_FIELD], b[REP_FIELD];

	if (c->verdict != REP_PASS)
		diagnostics(o, run);
	fprintf(o->f, "  %s %zu ", is_ok(c->verdict) ? "ok" : "not ok", nr);
	put(o, c->name, true);
	if (dir) {
		fprintf(o->f, " # %s", dir);
		why(o, c, run, finding);
	} else if (c->verdict == REP_PASS && isnan(c->m[REP_MIB_S])) {
		fprintf(o->f, " # %zu of %zu runs", c->nr_ran, c->nr_runs);
	} else if (c->verdict == REP_PASS) {
		fprintf(o->f, " # %s MiB/s, %s CPU ns/MiB",
			rep_fmt_num(a, c->m[REP_MIB_S]),
			rep_fmt_count(b, round(c->m[REP_CPU_NS_MIB])));
	} else {
		fprintf(o->f, " # %s", rep_verdict_name(c->verdict));
	}
	fputc('\n', o->f);
}

/* Return: whether all of it is ok. */
static bool server(struct rep_out *o, const struct rep_cell *c, size_t nr)
{
	bool all_ok = true;

	fputs("  KTAP version 1\n  # Subtest: ", o->f);
	put(o, c->server, true);
	fprintf(o->f, "\n  1..%zu\n", nr);
	for (size_t i = 0; i < nr; i++) {
		result(o, &c[i], i + 1);
		all_ok &= is_ok(c[i].verdict);
	}
	return all_ok;
}

static size_t cells_of(const struct rep_model *m, size_t from)
{
	size_t nr = 1;

	while (from + nr < m->nr_cells &&
	       !strcmp(m->cell[from + nr].server, m->cell[from].server))
		nr++;
	return nr;
}

/* ---- comparisons, fio jobs ---- */

static void one_case(struct rep_out *o, const struct rep_case *c, size_t nr)
{
	bool is_bad =
		c->outcome == REP_CASE_FAIL || c->outcome == REP_CASE_ERROR;

	fprintf(o->f, "  %s %zu ", is_bad ? "not ok" : "ok", nr);
	put(o, c->name, true);
	fputs(c->outcome == REP_CASE_SKIP    ? " # SKIP "
	      : c->outcome == REP_CASE_ERROR ? " # ERROR "
					     : " # ",
	      o->f);
	put(o, c->text, true); /* a second '#' could be a directive */
	fputc('\n', o->f);
}

/* Return: whether all of it is ok. */
static bool suite(struct rep_out *o, const struct rep_case *c, size_t nr)
{
	bool all_ok = true;

	fputs("  KTAP version 1\n  # Subtest: ", o->f);
	put(o, c->suite, true);
	fprintf(o->f, "\n  1..%zu\n", nr);
	for (size_t i = 0; i < nr; i++) {
		one_case(o, &c[i], i + 1);
		all_ok &= c[i].outcome == REP_CASE_OK ||
			  c[i].outcome == REP_CASE_SKIP;
	}
	return all_ok;
}

static void end_subtest(struct rep_out *o, bool all_ok, size_t at,
			const char *name)
{
	fprintf(o->f, "%s %zu ", all_ok ? "ok" : "not ok", at);
	put(o, name, true);
	fputc('\n', o->f);
}

static void document(struct rep_out *o, const struct rep_model *m,
		     const struct rep_cases *cs)
{
	char buf[32];
	const char *trouble = rep_session_trouble(m, buf, sizeof(buf));
	size_t nr = 1, at = 1;

	for (size_t i = 0; i < m->nr_cells; i += cells_of(m, i))
		nr++;
	for (size_t i = 0; i < cs->nr; i += rep_cases_suite(cs, i))
		nr++;
	fprintf(o->f, "KTAP version 1\n1..%zu\n", nr);
	if (trouble) {
		fputs("not ok 1 session # ERROR ", o->f);
		put(o, trouble, false);
		fputc('\n', o->f);
	} else {
		fputs("ok 1 session\n", o->f);
	}
	for (size_t i = 0; i < m->nr_cells; i += cells_of(m, i)) {
		bool all_ok = server(o, &m->cell[i], cells_of(m, i));

		end_subtest(o, all_ok, ++at, m->cell[i].server);
	}
	for (size_t i = 0; i < cs->nr; i += rep_cases_suite(cs, i)) {
		bool all_ok = suite(o, &cs->c[i], rep_cases_suite(cs, i));

		end_subtest(o, all_ok, ++at, cs->c[i].suite);
	}
}

int nwb_report_ktap(const json_t *recs, FILE *out, struct nwb_err *err)
{
	struct rep_out o = {.f = out};
	struct rep_cases cs = {0};
	struct rep_model m;
	int r = rep_model_init(&m, recs, err);

	if (!r)
		r = rep_cases_init(&cs, recs, err);
	if (!r) {
		document(&o, &m, &cs);
		if (ferror(out))
			r = nwb_err_set(err, -EIO, "ktap: write error");
	}
	rep_cases_fini(&cs);
	rep_model_fini(&m);
	return r;
}
