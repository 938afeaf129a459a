/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Comparisons and fio jobs in JUnit, KTAP and Markdown. */
#include "rep_test.h"

#include "cases_i.h"
#include "ktap_check.h"
#include "nwb/mem.h"

/* Exit status of xmllint with junit.xsd over @text, or 127. */
static int by_schema(const char *text)
{
	FILE *p = popen("xmllint --noout --schema '" GOLDEN_DIR
			"/../junit.xsd' - >/dev/null 2>&1",
			"w");
	int r;

	nwb_check(p != NULL);
	fwrite(text, 1, strlen(text), p);
	r = pclose(p);
	nwb_check(r >= 0 && WIFEXITED(r));
	return WEXITSTATUS(r);
}

/* KTAP of @recs by the strict reader, JUnit by its schema. */
static struct ktap checked(const json_t *recs)
{
	char *text = render_as(recs, NWB_FORMAT_KTAP);
	struct ktap k;
	int r;

	if (!ktap_check(&k, text))
		nwb_check_streq(k.why, "KTAP");
	free(text);
	text = render_as(recs, NWB_FORMAT_JUNIT);
	r = by_schema(text);
	nwb_check(!r || r == 127);
	free(text);
	return k;
}

/* 18 rows and the promises: 5 decided well, 1 RED; suspects, controls that are
 * the same and what has no verdict are no failures. */
NWB_TEST(report_cases, the_golden_comparison)
{
	json_t *recs = load(GOLDEN("gate.jsonl"));
	struct ktap k = checked(recs);
	char *text;

	nwb_check_eq(k.failed, 1);
	nwb_check_eq(k.errors, 0);
	nwb_check_eq(k.skipped, 2 + 8);
	nwb_check_eq(k.passed, 1 + 1 + 5 + 2);
	text = render_as(recs, NWB_FORMAT_KTAP);
	nwb_check(has(text, "not ok 1 smbd.seq4k.cpu_ns_mib # RED: +18.7% "
			    "[+17, +20] % n=10 threshold 5%"));
	nwb_check(has(text, "# SKIP unclear: "));
	nwb_check(has(text, "\nnot ok 4 compare.smbd\n"));
	free(text);
	text = render_as(recs, NWB_FORMAT_JUNIT);
	nwb_check(has(text, "<failure type=\"regression\" message=\"RED: "));
	nwb_check(has(text, "<property name=\"verdict\" value=\"unclear\"/>"));
	nwb_check(has(text, "<skipped message=\"suspect: -24.5% [-28, -24] %"));
	nwb_check(has(text, "failures=\"1\" errors=\"0\" skipped=\"10\""));
	free(text);
	text = render_as(recs, NWB_FORMAT_MARKDOWN);
	nwb_check(has(text, "### netwb: RED 1  suspect 2  ok 5"));
	nwb_check(has(text, "| **+18.7%** [+17, +20] | 5% | 10 | RED |"));
	nwb_check(has(text, "skipped: diod is not installed |"));
	free(text);
	json_decref(recs);
}

NWB_TEST(report_cases, the_golden_fio_session)
{
	json_t *recs = load(GOLDEN("fio.jsonl"));
	struct ktap k = checked(recs);
	char *text = render_as(recs, NWB_FORMAT_JUNIT);

	nwb_check_eq(k.failed, 1);
	nwb_check_eq(k.errors, 1); /* INVALID alone */
	nwb_check(has(text, "<failure type=\"FAIL\" message=\"589.5 MiB/s n=7; "
			    "O1 LOST: byte 4096 of f was acked and is gone\""));
	nwb_check(has(text, "<error type=\"INVALID\" message=\"n.m. MiB/s n=0; "
			    "a ramp of 30 s"));
	free(text);
	text = render_as(recs, NWB_FORMAT_MARKDOWN);
	nwb_check(has(text, "| FAIL, 1 INVALID |"));
	nwb_check(has(text, "INVALID 2\n"));
	free(text);
	json_decref(recs);
}

NWB_TEST(report_cases, the_golden_latency_session)
{
	json_t *recs = load(GOLDEN("latency.jsonl"));
	struct ktap k = checked(recs);
	char *text = render_as(recs, NWB_FORMAT_HTML);

	/* six rows and the session */
	nwb_check_eq(k.failed, 1);
	nwb_check_eq(k.errors, 1);
	nwb_check_eq(k.passed, 1 + 4);
	check_page(text);
	nwb_check(has(text, "<h1>1 of 17 latency runs failed</h1>"));
	nwb_check(has(text, "<title>knee at 44328/s</title>"));
	nwb_check(has(text, "<title>Percentiles at 39895 writes/s</title>"));
	nwb_check(has(text, "O1 LOST: an example"));
	free(text);
	text = render_as(recs, NWB_FORMAT_MARKDOWN);
	nwb_check(has(text, "| 22164 | 120.3us | 19.3ms | 292.9us | 1 | PASS"));
	free(text);
	json_decref(recs);
}

NWB_TEST(report_cases, a_broken_promise_and_an_unusable_session_are_red)
{
	json_t *recs = json_pack("[o,{s:i,s:s,s:s,s:i,s:{s:s,s:s},s:{}},o]",
				 session_rec(), "v", 1, "type", "pair", "case",
				 "x", "pair", 0, "a", "verdict", "FAIL",
				 "reason", "O1 <LOST>", "b", end_rec(2));
	char *text;
	struct ktap k;

	json_array_append_new(recs, json_incref(json_array_get(recs, 2)));
	json_array_remove(recs, 2);
	json_object_set_new(json_array_get(recs, 2), "unusable",
			    json_string("A/A # off\n"));
	json_array_insert_new(recs, 2,
			      json_pack("{s:i,s:s,s:s,s:s,s:s,s:i}", "v", 1,
					"type", "decision", "case", "x",
					"metric", "m", "verdict", "UNCLEAR",
					"n", 0));
	k = checked(recs);
	nwb_check_eq(k.failed, 1);
	nwb_check_eq(k.errors, 1);
	text = render_as(recs, NWB_FORMAT_JUNIT);
	nwb_check(has(text, "message=\"1 runs broke a promise; x, side a: O1 "
			    "&lt;LOST&gt;\""));
	nwb_check(
		has(text, "<error type=\"session\" message=\"A/A # off&#10;"));
	free(text);
	json_decref(recs);
}

NWB_TEST(report_cases, hostile_names_stay_names)
{
	static const char bad[] = "a#b\\ \n# SKIP <x a='\"'>&|`@all`\x1b[m";
	json_t *recs = json_pack(
		"[o,{s:i,s:s,s:s,s:s,s:s,s:s,s:i,s:s},{s:i,s:s,s:s,s:s,s:s,s:s,"
		"s:s},o]",
		session_rec(), "v", 1, "type", "decision", "case", bad,
		"metric", bad, "verdict", "WORSE", "server", bad, "n", 1,
		"reason", bad, "v", 1, "type", "fio", "server", bad, "subject",
		bad, "job", bad, "fault", bad, "invalid", bad, end_rec(0));
	struct ktap k = checked(recs);
	char *text = render_as(recs, NWB_FORMAT_MARKDOWN);

	nwb_check_eq(k.failed, 0);
	nwb_check_eq(k.errors, 1);
	nwb_check_eq(k.skipped, 1);
	nwb_check(!has(text, "<x") && !has(text, "@all"));
	free(text);
	text = render_as(recs, NWB_FORMAT_HTML);
	check_page(text);
	free(text);
	text = render(recs, NWB_REPORT_ALL);
	check_columns(text);
	free(text);
	json_decref(recs);
}

NWB_TEST(report_cases, without_memory_it_says_so)
{
	json_t *recs = load(GOLDEN("gate.jsonl"));
	struct rep_cases cs;
	struct nwb_err err;

	for (uint64_t nth = 1; nth <= 6; nth++) {
		nwb_mem_fail_at(nth, 1);
		nwb_check_eq(rep_cases_init(&cs, recs, &err), -ENOMEM);
		nwb_mem_fail_at(0, 0);
		rep_cases_fini(&cs);
	}
	json_decref(recs);
}
