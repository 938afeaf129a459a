/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * junit.xml: what CI systems read. Written by hand, since the format is a
 * habit and not a standard: elements and attributes that Jenkins and GitLab
 * read, testcase properties as pytest writes them.
 *
 * FAIL, VACUOUS, UNEXPECTED-PASS: <failure>; INCONCLUSIVE: <error>; SKIP:
 * or not judged: <skipped>; KNOWN passes with properties. The suite "netwb" has
 * one testcase for the session, so that a session that was cut short is not
 * green. Comparisons and fio jobs: cases_i.h; their suites follow.
 */
#include "cases_i.h"
#include "report_i.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	enum rep_metric metric;
	const char *name;
} property[] = {
	{REP_MIB_S, "mib_s"},
	{REP_CPU_NS_MIB, "cpu_ns_mib"},
	{REP_RPCS_MIB, "rpcs_mib"},
	{REP_WRITES_MIB, "write_rpcs_mib"},
	{REP_SENT_RATIO, "sent_per_dirtied"},
	{REP_TEMP_MAX, "temp_bytes_max"},
	{REP_WRITE_P50, "write_p50_ns"},
	{REP_WRITE_P99, "write_p99_ns"},
	{REP_WRITE_MAX, "write_max_ns"},
	{REP_FSYNC_P50, "fsync_p50_ns"},
	{REP_FSYNC_P99, "fsync_p99_ns"},
	{REP_FSYNC_MAX, "fsync_max_ns"},
	{REP_RETRIES, "retries"},
	{REP_RECONNECTS, "reconnects"},
	{REP_ALLOCS, "allocs"},
	{REP_WSIZE, "wsize"},
	{REP_DEPTH, "depth"},
	{REP_DRAIN, "drain_ns"},
};

/*
 * Text of an element or a quoted attribute. jansson gives valid UTF-8; what
 * XML 1.0 has no way to say at all (controls, U+FFFE, U+FFFF) becomes '?'.
 * White space is kept by reference: an attribute would turn it into a space.
 */
static void put(struct rep_out *o, const char *s)
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
		else if (ch == '\n' || ch == '\t' || ch == '\r')
			fprintf(o->f, "&#%d;", ch);
		else if (ch < 0x20 || ch == 0x7f)
			fputc('?', o->f);
		else if (!strncmp(s, "\xef\xbf\xbe", 3) ||
			 !strncmp(s, "\xef\xbf\xbf", 3)) {
			fputc('?', o->f);
			s += 2;
		} else {
			fputc(ch, o->f);
		}
	}
}

static void attr(struct rep_out *o, const char *name, const char *value)
{
	fprintf(o->f, " %s=\"", name);
	put(o, value);
	fputc('"', o->f);
}

static void prop(struct rep_out *o, const char *name, const char *value)
{
	fputs("        <property", o->f);
	attr(o, "name", name);
	attr(o, "value", value);
	fputs("/>\n", o->f);
}

static void prop_num(struct rep_out *o, const char *name, double v)
{
	char text[64] = "not measured";

	if (isfinite(v))
		snprintf(text, sizeof(text), "%.10g", v);
	prop(o, name, text);
}

static void prop_ratio(struct rep_out *o, const struct rep_model *m,
		       const struct rep_cell *c, const char *base,
		       enum rep_metric metric)
{
	const struct rep_cell *b = rep_cell_find(m, c, base);
	char name[64], text[128];
	struct rep_cmp cmp;

	if (!b || b == c)
		return;
	rep_compare(c, b, metric, &cmp);
	snprintf(name, sizeof(name), "%s_vs_%s",
		 metric == REP_MIB_S ? "mib_s" : "cpu_ns_mib", base);
	if (isnan(cmp.lo))
		snprintf(text, sizeof(text), "n/a (%zu pairs; need %d)",
			 cmp.pairs, REP_PAIRS_MIN);
	else
		snprintf(text, sizeof(text), "%.4f [%.4f, %.4f] %zu pairs",
			 cmp.ratio, cmp.lo, cmp.hi, cmp.pairs);
	prop(o, name, text);
}

static void properties(struct rep_out *o, const struct rep_model *m,
		       const struct rep_cell *c)
{
	const char *reason = NULL;

	for (size_t i = 0; i < c->nr_runs && !reason; i++)
		if (c->run[i].verdict == c->verdict)
			reason = rep_str(c->run[i].rec, "reason");
	fputs("      <properties>\n", o->f);
	prop(o, "verdict", rep_verdict_name(c->verdict));
	if (reason)
		prop(o, "reason", reason);
	prop_num(o, "runs", (double)c->nr_runs);
	prop(o, "level", c->is_check ? "check" : "bench");
	for (size_t i = 0; i < NWB_ARRAY_SIZE(property); i++)
		prop_num(o, property[i].name, c->m[property[i].metric]);
	if (!strcmp(c->subject, "in-place")) {
		prop_ratio(o, m, c, "temp-page", REP_MIB_S);
		prop_ratio(o, m, c, "temp-page", REP_CPU_NS_MIB);
	}
	prop_ratio(o, m, c, "raw-cold", REP_MIB_S);
	prop_ratio(o, m, c, "raw-cold", REP_CPU_NS_MIB);
	fputs("      </properties>\n", o->f);
}

/* Everything that a run of the cell's verdict says, for the element's text. */
static void outcome_text(struct rep_out *o, const struct rep_cell *c)
{
	for (size_t i = 0; i < c->nr_runs; i++) {
		const struct rep_run *run = &c->run[i];
		const char *reason = rep_str(run->rec, "reason");
		const char *repro = rep_str(run->rec, "repro");
		size_t k;
		json_t *f;

		if (run->verdict != c->verdict)
			continue;
		if (run->pair >= 0)
			fprintf(o->f, "pair %lld\n", (long long)run->pair);
		if (reason) {
			fputs("reason: ", o->f);
			put(o, reason);
			fputc('\n', o->f);
		}
		json_array_foreach(json_object_get(run->rec, "findings"), k, f)
		{
			put(o, rep_str(f, "oracle"));
			fputc(' ', o->f);
			put(o, rep_str(f, "kind"));
			fputs(": ", o->f);
			put(o, rep_str(f, "text"));
			fputc('\n', o->f);
		}
		if (repro) {
			fputs("reproduce: ", o->f);
			put(o, repro);
			fputc('\n', o->f);
		}
	}
}

static void outcome(struct rep_out *o, const struct rep_cell *c)
{
	static const char *const element[REP_VERDICT_NR] = {
		[REP_FAIL] = "failure",	      [REP_UNEXPECTED_PASS] = "failure",
		[REP_VACUOUS] = "failure",    [REP_INCONCLUSIVE] = "error",
		[REP_NOT_JUDGED] = "skipped", [REP_SKIP] = "skipped",
	};
	const struct rep_run *run = rep_worst_run(c);
	const char *name = element[c->verdict];
	const json_t *f = rep_finding(run);
	const char *kind = f ? rep_str(f, "kind") : NULL;
	const char *message = f ? rep_str(f, "text") : NULL;
	bool is_skipped = name && !strcmp(name, "skipped");

	if (!name)
		return;
	if (!message)
		message = rep_str(run->rec, "reason");
	fprintf(o->f, "      <%s", name);
	if (!is_skipped)
		attr(o, "type", kind ? kind : rep_verdict_name(run->verdict));
	if (!message && c->verdict == REP_NOT_JUDGED)
		message = "not judged: a figure to compare with";
	attr(o, "message", message ? message : "no reason recorded");
	if (is_skipped) {
		fputs("/>\n", o->f);
		return;
	}
	fputc('>', o->f);
	outcome_text(o, c);
	fprintf(o->f, "</%s>\n", name);
}

/* Seconds that the runs of a cell took, as far as they were measured. */
static double cell_seconds(const struct rep_cell *c)
{
	double ns = 0;

	for (size_t i = 0; i < c->nr_runs; i++) {
		double v = rep_num(c->run[i].rec, "durable_ns");

		ns += isfinite(v) ? v : 0;
	}
	return ns / (double)NWB_SEC;
}

struct totals {
	size_t tests, failures, errors, skipped;
	double seconds;
};

static void totals_add(struct totals *t, const struct rep_cell *c)
{
	t->tests++;
	t->failures += c->verdict == REP_FAIL || c->verdict == REP_VACUOUS ||
		       c->verdict == REP_UNEXPECTED_PASS;
	t->errors += c->verdict == REP_INCONCLUSIVE;
	t->skipped += c->verdict == REP_SKIP || c->verdict == REP_NOT_JUDGED;
	t->seconds += cell_seconds(c);
}

static void suite_open(struct rep_out *o, const char *element, const char *name,
		       const struct totals *t)
{
	fprintf(o->f, "%s", element);
	attr(o, "name", name);
	fprintf(o->f,
		" tests=\"%zu\" failures=\"%zu\" errors=\"%zu\""
		" skipped=\"%zu\" time=\"%.3f\">\n",
		t->tests, t->failures, t->errors, t->skipped, t->seconds);
}

static void server_suite(struct rep_out *o, const struct rep_model *m,
			 const struct rep_cell *c, size_t nr)
{
	struct totals t = {0};

	for (size_t i = 0; i < nr; i++)
		totals_add(&t, &c[i]);
	suite_open(o, "  <testsuite", c->server, &t);
	for (size_t i = 0; i < nr; i++) {
		fputs("    <testcase", o->f);
		attr(o, "classname", c[i].server);
		attr(o, "name", c[i].name);
		fprintf(o->f, " time=\"%.3f\">\n", cell_seconds(&c[i]));
		properties(o, m, &c[i]);
		outcome(o, &c[i]);
		fputs("    </testcase>\n", o->f);
	}
	fputs("  </testsuite>\n", o->f);
}

static void session_suite(struct rep_out *o, const struct rep_model *m,
			  const char *trouble)
{
	static const char *const field[] = {"id",    "date",	  "netwb",
					    "build", "command",	  "kernel",
					    "cpu",   "isolation", "io"};
	struct totals t = {.tests = 1, .errors = trouble != NULL};
	const json_t *seed = json_object_get(m->session, "seed");
	char text[32];

	suite_open(o, "  <testsuite", "netwb", &t);
	fputs("    <testcase classname=\"netwb\" name=\"session\">\n"
	      "      <properties>\n",
	      o->f);
	for (size_t i = 0; i < NWB_ARRAY_SIZE(field); i++) {
		const char *v = rep_str(m->session, field[i]);

		prop(o, field[i], v ? v : "not recorded");
	}
	if (json_is_integer(seed)) {
		snprintf(text, sizeof(text), "%llu",
			 (unsigned long long)json_integer_value(seed));
		prop(o, "seed", text);
	}
	fputs("      </properties>\n", o->f);
	if (trouble) {
		fputs("      <error type=\"session\"", o->f);
		attr(o, "message", trouble);
		fputs("/>\n", o->f);
	}
	fputs("    </testcase>\n  </testsuite>\n", o->f);
}

/* ---- comparisons, fio jobs ---- */

static void case_properties(struct rep_out *o, const struct rep_case *c)
{
	const struct rep_gate_row *row = c->row;

	fputs("      <properties>\n", o->f);
	if (row) {
		prop(o, "verdict", rep_gate_verdict_name(row->verdict));
		prop_num(o, "a", row->a);
		prop_num(o, "b", row->b);
		prop_num(o, "ratio", row->ratio);
		prop_num(o, "ratio_lo", row->lo);
		prop_num(o, "ratio_hi", row->hi);
		prop_num(o, "pairs", (double)row->n);
		prop_num(o, "pairs_contaminated", (double)row->nr_bad);
		prop_num(o, "threshold", row->delta);
		if (row->is_bimodal)
			prop(o, "bimodal", "yes");
	}
	for (int d = 0; c->fio && d < REP_FIO_DIRS; d++) {
		const double *v = c->fio->v[d];

		if (!c->fio->n[d][REP_FIO_MIB_S])
			continue;
		prop(o, "direction", rep_fio_dir_name((enum rep_fio_dir)d));
		prop_num(o, "mib_s", v[REP_FIO_MIB_S]);
		prop_num(o, "iops", v[REP_FIO_IOPS]);
		prop_num(o, "clat_p99_ns", v[REP_FIO_P99]);
		prop_num(o, "cpu_ns_mib", v[REP_FIO_CPU]);
		prop_num(o, "runs", (double)c->fio->n[d][REP_FIO_MIB_S]);
	}
	if (c->load) {
		const double *v = c->load->v;

		prop_num(o, "rate_ops_s", c->load->rate);
		prop_num(o, "achieved_ops_s", v[REP_LOAD_ACHIEVED]);
		prop_num(o, "response_p50_ns", v[REP_LOAD_P50]);
		prop_num(o, "response_p99_ns", v[REP_LOAD_P99]);
		prop_num(o, "service_p99_ns", v[REP_LOAD_SERVICE_P99]);
		prop_num(o, "durable_p99_ns", v[REP_LOAD_DURABLE_P99]);
		prop_num(o, "runs", (double)c->load->nr);
	}
	prop(o, "text", c->text);
	fputs("      </properties>\n", o->f);
}

static void one_case(struct rep_out *o, const struct rep_case *c)
{
	static const char *const element[] = {
		[REP_CASE_FAIL] = "failure",
		[REP_CASE_ERROR] = "error",
		[REP_CASE_SKIP] = "skipped",
		[REP_CASE_OK] = NULL,
	};

	fputs("    <testcase", o->f);
	attr(o, "classname", c->suite);
	attr(o, "name", c->name);
	fputs(" time=\"0.000\">\n", o->f);
	case_properties(o, c);
	if (element[c->outcome]) {
		fprintf(o->f, "      <%s", element[c->outcome]);
		if (c->outcome != REP_CASE_SKIP)
			attr(o, "type", c->type);
		attr(o, "message", c->text);
		fputs("/>\n", o->f);
	}
	fputs("    </testcase>\n", o->f);
}

static void cases_add(struct totals *t, const struct rep_case *c, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		t->tests++;
		t->failures += c[i].outcome == REP_CASE_FAIL;
		t->errors += c[i].outcome == REP_CASE_ERROR;
		t->skipped += c[i].outcome == REP_CASE_SKIP;
	}
}

static void case_suites(struct rep_out *o, const struct rep_cases *cs)
{
	size_t nr;

	for (size_t i = 0; i < cs->nr; i += nr) {
		struct totals t = {0};

		nr = rep_cases_suite(cs, i);
		cases_add(&t, &cs->c[i], nr);
		suite_open(o, "  <testsuite", cs->c[i].suite, &t);
		for (size_t k = i; k < i + nr; k++)
			one_case(o, &cs->c[k]);
		fputs("  </testsuite>\n", o->f);
	}
}

static void document(struct rep_out *o, const struct rep_model *m,
		     const struct rep_cases *cs)
{
	char buf[32];
	const char *trouble = rep_session_trouble(m, buf, sizeof(buf));
	struct totals t = {.tests = 1, .errors = trouble != NULL};
	size_t from = 0;

	for (size_t i = 0; i < m->nr_cells; i++)
		totals_add(&t, &m->cell[i]);
	cases_add(&t, cs->c, cs->nr);
	fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n", o->f);
	suite_open(o, "<testsuites", "netwb", &t);
	session_suite(o, m, trouble);
	for (size_t i = 1; i <= m->nr_cells; i++) {
		if (i < m->nr_cells &&
		    !strcmp(m->cell[i].server, m->cell[from].server))
			continue;
		server_suite(o, m, &m->cell[from], i - from);
		from = i;
	}
	case_suites(o, cs);
	fputs("</testsuites>\n", o->f);
}

int nwb_report_junit(const json_t *recs, FILE *out, struct nwb_err *err)
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
			r = nwb_err_set(err, -EIO, "junit: write error");
	}
	rep_cases_fini(&cs);
	rep_model_fini(&m);
	return r;
}
