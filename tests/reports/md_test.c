/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Markdown: a name is never markup. */
#include "rep_test.h"

NWB_TEST(report_md, has_verdict_comparison_findings_and_cells)
{
	json_t *recs = load(GOLDEN("run.jsonl"));
	char *text = render_as(recs, NWB_FORMAT_MARKDOWN);

	nwb_check(!strncmp(text, "### netwb: FAIL 1, UNEXPECTED-PASS 1", 36));
	nwb_check(has(text, "| smbd | seq1m | none | **1.25** (1.24 to 1.25)"));
	nwb_check(has(text, "(2 pairs, need 6)"));
	nwb_check(has(text, "- O1 LOST: "));
	nwb_check(has(text, "<summary>All 14 cells</summary>"));
	nwb_check(has(text, "not computed"));
	nwb_check(strlen(text) < 65536);
	free(text);
	json_decref(recs);
}

NWB_TEST(report_md, markup_in_names_is_text)
{
	json_t *run = run_rec("in-place", "<b>|`@you`\n*x*", 0, "FAIL", 1);
	json_t *recs = json_pack("[o, o, o]", session_rec(), run, end_rec(1));
	char *text;

	json_object_set_new(run, "reason",
			    json_string("<script>alert(1)</script> see "
					"http://example.org/ [a](b)"));
	json_object_set_new(run, "repro", json_string("a ``` b\n```\n# c"));
	text = render_as(recs, NWB_FORMAT_MARKDOWN);
	nwb_check(!has(text, "<script") && !has(text, "<b>"));
	nwb_check(!has(text, "@you") && !has(text, "http://"));
	nwb_check(has(text, "&lt;b&gt;\\|\\`&#64;you\\` \\*x\\* | FAIL |"));
	nwb_check(has(text, "\\[a\\](b)"));
	nwb_check(has(text, "````sh\na ``` b ``` # c\n````\n"));
	free(text);
	json_decref(recs);
}

NWB_TEST(report_md, says_that_a_session_was_interrupted)
{
	json_t *recs = json_pack("[o]", session_rec());
	char *text = render_as(recs, NWB_FORMAT_MARKDOWN);

	nwb_check(has(text, "**The session is in error: interrupted"));
	nwb_check(has(text, "the command was not recorded"));
	free(text);
	json_array_append_new(recs, end_rec(0));
	text = render_as(recs, NWB_FORMAT_MARKDOWN);
	nwb_check(!has(text, "in error"));
	free(text);
	json_decref(recs);
}

NWB_TEST(report_md, many_findings_do_not_fill_the_page)
{
	json_t *recs = json_pack("[o]", session_rec());
	char *text;

	for (int i = 0; i < 40; i++) {
		json_t *run = run_rec("in-place", "none", i, "FAIL", 1);
		char why[32];

		snprintf(why, sizeof(why), "reason-%d", i);
		json_object_set_new(run, "reason", json_string(why));
		json_array_append_new(recs, run);
	}
	json_array_append_new(recs, end_rec(1));
	text = render_as(recs, NWB_FORMAT_MARKDOWN);
	nwb_check(has(text, "reason-24\n") && !has(text, "reason-25\n"));
	nwb_check(has(text, "\n15 more in report.txt.\n"));
	free(text);
	json_decref(recs);
}
