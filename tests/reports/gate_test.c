/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Comparisons: rows of the model and the text report. golden/gate.txt belongs
 * to golden/gate.jsonl, which has every verdict; it is made again by hand only
 * ("netwb report" on a copy) and read before it is committed; so is cover.txt.
 */
#include "rep_test.h"

#include "gate_i.h"
#include "nwb/mem.h"

static json_t *side(double cpu, double mib_s)
{
	return json_pack("{s:{s:f,s:f}}", "metrics", "cpu_ns_mib", cpu, "mib_s",
			 mib_s);
}

static json_t *pair_rec(const char *name, int pair, double a, double b)
{
	return json_pack("{s:i,s:s,s:s,s:i,s:o,s:o}", "v", 1, "type", "pair",
			 "case", name, "pair", pair, "a", side(a, 1e9 / a), "b",
			 side(b, 1e9 / b));
}

static json_t *decision_rec(const char *name, const char *metric,
			    const char *verdict, double hl, double half,
			    double delta)
{
	return json_pack("{s:i,s:s,s:s,s:s,s:s,s:i,s:f,s:f,s:f,s:f,s:s}", "v",
			 1, "type", "decision", "case", name, "metric", metric,
			 "verdict", verdict, "n", 10, "hl", hl, "lo", hl - half,
			 "hi", hl + half, "delta", delta, "better",
			 strcmp(metric, "mib_s") ? "lower" : "higher");
}

/* Takes over what is in @middle. */
static json_t *session(json_t *middle, int code)
{
	json_t *recs = json_array();

	json_array_append_new(recs, session_rec());
	json_array_extend(recs, middle);
	json_array_append_new(recs, end_rec(code));
	json_decref(middle);
	return recs;
}

/* Each is what a store would accept, so that no test lives in a dream. */
static void check_schema(const json_t *recs)
{
	char dir[256];
	struct nwb_err err = {0};
	struct nwb_store *store;
	size_t i;
	json_t *rec;

	tmp_dir(dir, sizeof(dir));
	nwb_check_eq(nwb_store_create(dir, &store, &err), 0);
	json_array_foreach(recs, i, rec)
	{
		int r = nwb_store_add(store, json_deep_copy(rec), &err);

		nwb_check_streq(err.text, "");
		nwb_check_eq(r, 0);
	}
	nwb_check_eq(nwb_store_close(store), 0);
	tmp_dir_remove(dir);
}

static struct rep_gate model(const json_t *recs)
{
	struct rep_gate g;

	check_schema(recs);
	nwb_check_eq(rep_gate_init(&g, recs), 0);
	return g;
}

NWB_TEST(report_gate, golden)
{
	char dir[256];

	golden_write(GOLDEN("gate.jsonl"), dir, sizeof(dir));
	golden_same(dir, "report.txt", GOLDEN("gate.txt"));
	golden_same(dir, "cover.txt", GOLDEN("cover.txt"));
	tmp_dir_remove(dir);
}

/* git am ends a message at such lines. */
static void check_mail(const char *text)
{
	static const char *const never[] = {"---", "diff -", "From ",
					    "Index: ", "-- "};

	check_columns(text);
	for (const char *l = text; *l; l += strcspn(l, "\n") + 1)
		for (size_t i = 0; i < NWB_ARRAY_SIZE(never); i++)
			nwb_check(strncmp(l, never[i], strlen(never[i])));
}

NWB_TEST(report_gate, the_golden_session_has_every_verdict)
{
	json_t *recs = load(GOLDEN("gate.jsonl"));
	struct rep_gate g = model(recs);

	for (int v = 0; v < REP_GATE_VERDICT_NR; v++)
		nwb_check(g.by_verdict[v] > 0 || v == REP_GATE_FREE);
	nwb_check_eq(g.nr, 16);
	nwb_check_eq(g.nr_cases, 8);
	nwb_check_eq(g.nr_controls, 2);
	rep_gate_fini(&g);
	json_decref(recs);
}

/* By multiples of each row's own threshold: 8 % of 5 % is farther than 12 %
 * of 10 %; what is red comes before all that is not. */
NWB_TEST(report_gate, the_farthest_beyond_its_threshold_is_on_top)
{
	static const char *const want[] = {"red", "far", "near", "plain"};
	json_t *recs = session(
		json_pack("[o,o,o,o]",
			  decision_rec("plain", "m", "SAME", 0.001, 0.01, 0.05),
			  decision_rec("near", "m", "WORSE", 0.12, 0.01, 0.10),
			  decision_rec("far", "m", "WORSE", 0.08, 0.01, 0.05),
			  decision_rec("red", "m", "WORSE", 0.06, 0.01, 0.05)),
		1);
	struct rep_gate g;

	json_object_set_new(json_array_get(recs, 4), "is_confirmed",
			    json_true());
	g = model(recs);
	nwb_check_eq(g.nr, 4);
	for (size_t i = 0; i < g.nr; i++)
		nwb_check_streq(g.row[i].name, want[i]);
	nwb_check_eq((int)g.row[0].verdict, (int)REP_GATE_RED);
	nwb_check_eq((int)g.row[1].verdict, (int)REP_GATE_SUSPECT);
	rep_gate_fini(&g);
	json_decref(recs);
}

/* A cost of +25 % is 20 % fewer MiB/s: signs and ends turn together. */
NWB_TEST(report_gate, what_is_better_higher_is_shown_as_itself)
{
	json_t *recs = session(
		json_pack("[o]", decision_rec("x", "mib_s", "WORSE", log(1.25),
					      log(1.25) / 2, 0.10)),
		1);
	struct rep_gate g = model(recs);
	char b[REP_FIELD], ci[REP_INTERVAL];

	nwb_check(fabs(g.row[0].ratio - 0.8) < 1e-9);
	nwb_check(g.row[0].lo < g.row[0].ratio && g.row[0].ratio < g.row[0].hi);
	nwb_check(g.row[0].beyond > 2.3 && g.row[0].beyond < 2.4);
	nwb_check_streq(rep_gate_change(b, g.row[0].ratio), "-20.0%");
	nwb_check_streq(rep_gate_interval(ci, &g.row[0]), "[-28, -11]");
	rep_gate_fini(&g);
	json_decref(recs);
}

/* The last look of a role counts; a second session that does not agree leaves
 * a suspect. */
NWB_TEST(report_gate, later_looks_replace_and_confirmations_do_not)
{
	json_t *recs = session(
		json_pack("[o,o,o]",
			  decision_rec("x", "m", "UNCLEAR", 0.5, 0.1, 0.05),
			  decision_rec("x", "m", "WORSE", 0.2, 0.1, 0.05),
			  decision_rec("x", "m", "SAME", 0.0, 0.01, 0.05)),
		0);
	struct rep_gate g;
	char *text;

	json_object_set_new(json_array_get(recs, 3), "role",
			    json_string("confirm"));
	g = model(recs);
	nwb_check_eq(g.nr, 1);
	nwb_check_eq((int)g.row[0].verdict, (int)REP_GATE_SUSPECT);
	nwb_check(fabs(g.row[0].ratio - exp(0.2)) < 1e-9);
	nwb_check(g.row[0].is_looked_again && g.row[0].again_n == 10);
	rep_gate_fini(&g);
	text = render(recs, NWB_REPORT_ALL);
	nwb_check(has(text, "RED 0 suspect 1 ok 0"));
	nwb_check(has(text, "measured again: +0.0%, n 10"));
	free(text);
	json_object_set_new(json_array_get(recs, 3), "verdict",
			    json_string("WORSE"));
	g = model(recs);
	nwb_check_eq((int)g.row[0].verdict, (int)REP_GATE_RED);
	rep_gate_fini(&g);
	json_decref(recs);
}

/* ^C before the first decision: what was measured is there, and said. */
NWB_TEST(report_gate, pairs_without_a_decision_are_rows)
{
	json_t *recs = session(json_pack("[o,o]", pair_rec("x", 0, 100, 110),
					 pair_rec("x", 1, 100, 120)),
			       1);
	struct rep_gate g = model(recs);
	char *text;

	nwb_check_eq(g.nr, 2);
	nwb_check(!g.row[0].is_decided && isnan(g.row[0].ratio));
	nwb_check_eq(g.row[0].nr_pairs, 2);
	nwb_check(fabs(g.row[0].pair[1].ratio - 1.2) < 1e-9);
	rep_gate_fini(&g);
	text = render(recs, NWB_REPORT_ALL);
	check_columns(text);
	nwb_check(has(text, "unclear x, CPU ns/MiB: no estimate, 2 pairs;"));
	nwb_check(has(text, "ended before it was"));
	nwb_check(has(text, "no A/A control was run"));
	free(text);
	json_decref(recs);
}

NWB_TEST(report_gate, an_unusable_session_says_so_first)
{
	json_t *recs = session(
		json_pack("[o]", decision_rec("x", "m", "SAME", 0, 0.01, 0.05)),
		2);
	char *text;

	json_object_set_new(json_array_get(recs, 2), "unusable",
			    json_string("A/A of x differs by 9 %"));
	text = render(recs, NWB_REPORT_TERMINAL);
	nwb_check(!strncmp(text,
			   "RED 0 suspect 0 ok 1\nUNUSABLE: A/A of x "
			   "differs by 9 %\n",
			   53));
	nwb_check(has(text, "The session is UNUSABLE: no row counts."));
	nwb_check(!has(text, "Verdict: "));
	free(text);
	json_decref(recs);
}

/* How fast a wrong result was does not matter: it is told before all else. */
NWB_TEST(report_gate, a_broken_promise_is_on_top)
{
	json_t *pair = pair_rec("x", 3, 100, 110);
	json_t *recs = session(
		json_pack("[o,o]", pair,
			  decision_rec("x", "m", "SAME", 0, 0.01, 0.05)),
		1);
	char *text;

	json_object_update_new(json_object_get(pair, "b"),
			       json_pack("{s:s,s:s,s:s}", "verdict", "FAIL",
					 "reason", "O1 LOST: <b>", "repro",
					 "netwb run"));
	check_schema(recs);
	text = render(recs, NWB_REPORT_ALL);
	check_columns(text);
	nwb_check(!strncmp(text, "FAIL: 1 runs broke a promise", 28));
	nwb_check(has(text, "FAIL x, pair 3, side B: O1 LOST: <b>\n"));
	free(text);
	text = render_as(recs, NWB_FORMAT_HTML);
	check_page(text);
	nwb_check(has(text, "<h1>1 run broke a promise</h1>"));
	nwb_check(has(text, "<header class=\"bad\">"));
	nwb_check(has(text, "pair 3, side B: O1 LOST: &lt;b&gt;"));
	free(text);
	text = render_as(recs, NWB_FORMAT_COVER);
	nwb_check(has(text, "FAIL, do not quote"));
	free(text);
	json_decref(recs);
}

/* One pair, no interval; a ratio beyond any scale; all equal. */
NWB_TEST(report_gate, extremes_stay_within_their_columns)
{
	json_t *one = decision_rec("one", "cpu_ns_mib", "UNCLEAR", 0.1, 0, 5);
	json_t *far = decision_rec("far", "cpu_ns_mib", "WORSE", 9, 3, 0.05);
	json_t *eq = decision_rec("equal", "cpu_ns_mib", "SAME", 0, 0, 0.05);
	json_t *recs, *all = json_array();
	char *text;

	json_object_set_new(one, "lo", json_null());
	json_object_set_new(one, "hi", json_null());
	json_object_set_new(one, "n", json_integer(1));
	json_array_append_new(all, one);
	json_array_append_new(all, far);
	json_array_append_new(all, eq);
	json_array_append_new(all, pair_rec("one", 0, 100, 110));
	json_array_append_new(all, pair_rec("far", 0, 1, 1e9));
	json_array_append_new(all, pair_rec("far", 1, 1e9, 0));
	for (int i = 0; i < 30; i++)
		json_array_append_new(all, pair_rec("equal", i, 7, 7));
	recs = session(all, 1);
	check_schema(recs);
	text = render(recs, NWB_REPORT_ALL);
	check_columns(text);
	nwb_check(has(text, "[-inf, +inf], n 1"));
	nwb_check(has(text, "  >1e4%   [>1e4, >1e4]  5% 10 suspect"));
	nwb_check(has(text, "equal: +0.0% [+0.0, +0.0], n 10, same\n"));
	free(text);
	json_decref(recs);
}

NWB_TEST(report_gate, hostile_names_and_hundreds_of_cases)
{
	json_t *all = json_array(), *recs;
	char *text;

	for (int i = 0; i < 300; i++) {
		char name[200];

		snprintf(name, sizeof(name),
			 "case \x1b[31m%d\n<script>&\"'|`%%n%%s\xe2\x80\xae"
			 "0123456789012345678901234567890123456789012345678901",
			 i);
		json_array_append_new(all,
				      decision_rec(name, "%s%n<b>", "WORSE",
						   0.01 * i, 0.02, 0.05));
		json_array_append_new(all, pair_rec(name, 0, 1, 1 + i));
	}
	recs = session(all, 1);
	check_schema(recs);
	text = render(recs, NWB_REPORT_ALL);
	check_columns(text);
	nwb_check(has(text, "RED 0 suspect 300 ok 0"));
	free(text);
	json_decref(recs);
}

/* 100 -> 125 with a threshold of 5 %: the scale ends at +25 % and a little. */
NWB_TEST(report_gate, a_page_has_the_picture_of_each_row)
{
	json_t *recs = load(GOLDEN("gate.jsonl"));
	char *text = render_as(recs, NWB_FORMAT_HTML);
	size_t rows = 0;

	check_page(text);
	for (const char *at = text; (at = strstr(at, "class=\"band\"")); at++)
		rows++;
	nwb_check_eq(rows, 18);
	nwb_check(has(text, "<h1>1 of 16 comparisons got worse</h1>"));
	nwb_check(has(text, "<header class=\"bad\">"));
	nwb_check(has(text, "RED</span> <b>1</b>"));
	nwb_check(has(text, "10 pairs counted, 2 did not count"));
	nwb_check(has(text, "<path class=\"void\" d=\"M"));
	nwb_check(has(text, "BIMODAL"));
	nwb_check(!has(text, "id=\"cells\""));
	free(text);
	json_decref(recs);
}

NWB_TEST(report_gate, a_page_of_hundreds_of_cases_is_below_a_megabyte)
{
	json_t *all = json_array(), *recs;
	char name[100], *text;

	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "smbd.<b>&%d\"'", i);
		json_array_append_new(all,
				      decision_rec(name, "cpu_ns_mib", "SAME",
						   0.0001 * i, 0.02, 0.05));
		for (int k = 0; k < 10; k++)
			json_array_append_new(
				all, pair_rec(name, k, 100, 90 + k * 2));
	}
	recs = session(all, 0);
	text = render_as(recs, NWB_FORMAT_HTML);
	check_page(text);
	nwb_check(strlen(text) < 1000000);
	nwb_check(has(text, "<h1>Nothing got worse</h1>"));
	nwb_check(has(text, "smbd.&lt;b&gt;&amp;299&quot;&#39;"));
	nwb_check(!has(text, "<b>&"));
	free(text);
	json_decref(recs);
}

NWB_TEST(report_gate, a_cover_letter_stays_a_letter)
{
	json_t *recs = session(
		json_pack(
			"[o,o,o]",
			decision_rec("---", "diff -", "WORSE", 0.2, 0.1, 0.05),
			decision_rec("From x", "---\nFrom me\n---\n", "SAME", 0,
				     0.1, 0.05),
			json_pack("{s:i,s:s,s:s,s:s,s:s,s:{s:s},s:{s:s}}", "v",
				  1, "type", "compare", "what", "rev",
				  "summary", "---\ndiff --git", "differs",
				  "\n---\n", "a", "id", "---", "b", "id",
				  "From me")),
		1);
	char *text;

	check_schema(recs);
	text = render_as(recs, NWB_FORMAT_COVER);
	check_mail(text);
	nwb_check(has(text, "Worse: ---"));
	nwb_check(has(text, "A = ---\nB = From me\n"));
	free(text);
	json_decref(recs);
}

/* A matrix of cells: temp-page is A, in-place B; nothing was tested. */
NWB_TEST(report_gate, the_cover_of_a_matrix_compares_its_modes)
{
	json_t *all = json_array(), *recs;
	char *text;

	for (int i = 0; i < 8; i++) {
		json_array_append_new(
			all, run_rec("in-place", "none", i, "PASS", 1000000));
		json_array_append_new(
			all, run_rec("temp-page", "none", i, "PASS", 2000000));
	}
	json_array_append_new(all, run_rec("temp-page", "cut", 0, "FAIL", 9));
	json_array_append_new(all, run_rec("in-place", "cut", 0, "PASS", 9));
	recs = session(all, 1);
	check_schema(recs);
	text = render_as(recs, NWB_FORMAT_COVER);
	check_mail(text);
	nwb_check(has(text, "  smbd.seq1m             500.0    1000  +100%   "
			    "[+100, +100]  8 better\n"));
	nwb_check(has(text, "No verdict, unclear (no pair that counts):"));
	nwb_check(has(text, "Verdicts of all cells: FAIL 1, PASS 3."));
	nwb_check(has(text, "A/A control: none was run."));
	free(text);
	json_decref(recs);
}

/* A session that left something out says so in every format for people. */
NWB_TEST(report_gate, what_was_left_out_is_said)
{
	static const enum nwb_report_format all[] = {
		NWB_FORMAT_TEXT, NWB_FORMAT_HTML, NWB_FORMAT_MARKDOWN,
		NWB_FORMAT_COVER};
	json_t *recs = session(
		json_pack("[o,o,o,o]",
			  json_pack("{s:i,s:s,s:i,s:i,s:[s],s:[s,s]}", "v", 1,
				    "type", "shard", "k", 1, "n", 3, "ran", "x",
				    "left_out", "y", "zed"),
			  json_pack("{s:i,s:s,s:[{s:s}],s:s}", "v", 1, "type",
				    "merge", "from", "id", "older", "forced",
				    "other kernel"),
			  json_pack("{s:i,s:s,s:s}", "v", 1, "type", "note",
				    "text", "budget over"),
			  decision_rec("x", "m", "SAME", 0, 0.01, 0.05)),
		0);

	check_schema(recs);
	for (size_t i = 0; i < NWB_ARRAY_SIZE(all); i++) {
		char *text = render_as(recs, all[i]);

		nwb_check(has(text, "Shard 1 of 3: "));
		nwb_check(has(text, "zed"));
		nwb_check(has(text, "Merged from 1 sessions: older"));
		nwb_check(has(text, "FORCED, though: other"));
		nwb_check(has(text, "Note: budget over"));
		free(text);
	}
	json_decref(recs);
}

NWB_TEST(report_gate, the_cover_of_nothing_says_so)
{
	json_t *recs = json_pack("[o,o]", session_rec(), end_rec(0));
	char *text = render_as(recs, NWB_FORMAT_COVER);

	check_mail(text);
	nwb_check(!strncmp(text, "Nothing was compared in this session", 36));
	free(text);
	json_decref(recs);
}

NWB_TEST(report_gate, without_memory_it_says_so)
{
	json_t *recs = load(GOLDEN("gate.jsonl"));
	struct rep_gate g;

	for (uint64_t nth = 1; nth <= 3; nth++) {
		nwb_mem_fail_at(nth, 1);
		nwb_check_eq(rep_gate_init(&g, recs), -ENOMEM);
		nwb_mem_fail_at(0, 0);
		rep_gate_fini(&g);
	}
	json_decref(recs);
}
