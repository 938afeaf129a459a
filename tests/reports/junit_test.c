/* SPDX-License-Identifier: GPL-2.0-or-later */
/* JUnit: what a CI system must be able to read and must not misread. */
#include "rep_test.h"

static char *of_verdict(const char *verdict)
{
	json_t *run = run_rec("in-place", "none", 0, verdict, 1000000000);
	json_t *recs = json_pack("[o, o, o]", session_rec(), run, end_rec(0));
	char *text;

	json_object_set_new(run, "reason", json_string("because"));
	text = render(recs, 0);
	json_decref(recs);
	return text;
}

NWB_TEST(report_junit, each_verdict_has_its_element)
{
	static const struct {
		const char *verdict, *element, *totals;
	} want[] = {
		{"FAIL", "<failure type=\"FAIL\" message=\"because\">",
		 "failures=\"1\" errors=\"0\" skipped=\"0\""},
		{"VACUOUS", "<failure type=\"VACUOUS\" message=\"because\">",
		 "failures=\"1\" errors=\"0\" skipped=\"0\""},
		{"UNEXPECTED-PASS", "<failure type=\"UNEXPECTED-PASS\"",
		 "failures=\"1\" errors=\"0\" skipped=\"0\""},
		{"INCONCLUSIVE", "<error type=\"INCONCLUSIVE\"",
		 "failures=\"0\" errors=\"1\" skipped=\"0\""},
		{"SKIP", "<skipped message=\"because\"/>",
		 "failures=\"0\" errors=\"0\" skipped=\"1\""},
		{"not judged", "<skipped message=\"because\"/>",
		 "failures=\"0\" errors=\"0\" skipped=\"1\""},
		{"KNOWN", "name=\"reason\" value=\"because\"",
		 "failures=\"0\" errors=\"0\" skipped=\"0\""},
		{"PASS", "name=\"verdict\" value=\"PASS\"",
		 "failures=\"0\" errors=\"0\" skipped=\"0\""},
	};

	for (size_t i = 0; i < NWB_ARRAY_SIZE(want); i++) {
		char *text = of_verdict(want[i].verdict);
		bool is_bad = i < 6;

		nwb_check(has(text, want[i].element));
		nwb_check(has(text, want[i].totals));
		nwb_check_eq(has(text, "<failure") || has(text, "<error") ||
				     has(text, "<skipped"),
			     is_bad);
		nwb_check(has(text, "tests=\"2\""));
		free(text);
	}
}

NWB_TEST(report_junit, a_failure_is_of_the_kind_that_was_found)
{
	json_t *run = run_rec("in-place", "none", 3, "FAIL", 1000000000);
	json_t *recs = json_pack("[o, o, o]", session_rec(), run, end_rec(1));
	char *text;

	json_object_set_new(run, "findings",
			    json_pack("[{s:s, s:s, s:s}, {s:s, s:s, s:s}]",
				      "oracle", "O1", "kind", "LOST", "text",
				      "first", "oracle", "O6", "kind",
				      "SWALLOWED", "text", "second"));
	json_object_set_new(run, "repro", json_string("netwb run -x"));
	text = render(recs, 0);
	nwb_check(has(text, "<failure type=\"LOST\" message=\"first\">pair 3\n"
			    "O1 LOST: first\nO6 SWALLOWED: second\n"
			    "reproduce: netwb run -x\n</failure>"));
	free(text);
	json_decref(recs);
}

/* The one that made it fail, not the known one before it. */
NWB_TEST(report_junit, a_known_finding_does_not_name_a_failure)
{
	json_t *run = run_rec("in-place", "none", 3, "FAIL", 1000000000);
	json_t *recs = json_pack("[o, o, o]", session_rec(), run, end_rec(1));
	char *text;

	json_object_set_new(
		run, "findings",
		json_pack("[{s:s, s:s, s:s, s:s}, {s:s, s:s, s:s, s:s}]",
			  "oracle", "O3", "kind", "UNFENCED", "text", "first",
			  "verdict", "KNOWN", "oracle", "O1", "kind", "LOST",
			  "text", "second", "verdict", "FAIL"));
	text = render(recs, 0);
	nwb_check(has(text, "<failure type=\"LOST\" message=\"second\">"));
	free(text);
	text = render(recs, NWB_REPORT_FINDINGS);
	nwb_check(has(text, "  O3 UNFENCED (KNOWN): first\n"));
	nwb_check(has(text, "  O1 LOST: second\n"));
	free(text);
	json_decref(recs);
}

NWB_TEST(report_junit, markup_and_controls_are_escaped)
{
	json_t *run = run_rec("in-place", "none", 0, "FAIL", 1);
	json_t *recs = json_pack("[o, o, o]", session_rec(), run, end_rec(1));
	char *text;

	json_object_set_new(run, "reason",
			    json_string("<a b=\"c\">&]]>\n\x01\x7f\xef\xbf\xbe"
					"\xc3\xa4"));
	text = render(recs, 0);
	nwb_check(has(text, "message=\"&lt;a b=&quot;c&quot;&gt;&amp;]]&gt;"
			    "&#10;???\xc3\xa4\""));
	free(text);
	json_decref(recs);
}

NWB_TEST(report_junit, a_session_cut_short_is_not_green)
{
	static const struct {
		int code;
		const char *verdict;
		bool is_error;
	} want[] = {
		{0, "PASS", false},  {1, "FAIL", false},
		{77, "SKIP", false}, {2, "INCONCLUSIVE", false},
		{2, "PASS", true},   {3, "PASS", true},
	};

	for (size_t i = 0; i < NWB_ARRAY_SIZE(want); i++) {
		json_t *run =
			run_rec("in-place", "none", 0, want[i].verdict, 1);
		json_t *recs = json_pack("[o, o, o]", session_rec(), run,
					 end_rec(want[i].code));
		char *text = render(recs, 0);

		nwb_check_eq(
			has(text, "<error type=\"session\" message=\"exit"),
			want[i].is_error);
		free(text);
		json_object_set_new(json_array_get(recs, 2), "interrupted",
				    json_true());
		text = render(recs, 0);
		nwb_check(
			has(text, "type=\"session\" message=\"interrupted\""));
		free(text);
		json_array_remove(recs, 2);
		text = render(recs, 0);
		nwb_check(has(text, "message=\"interrupted: no end record\""));
		free(text);
		json_decref(recs);
	}
}

/* Exit status of xmllint, or 127: it is not installed. */
static int xmllint(const char *path)
{
	char cmd[400];
	int r;

	snprintf(cmd, sizeof(cmd), "xmllint --noout '%s' >/dev/null 2>&1",
		 path);
	r = system(cmd);
	nwb_check(r >= 0 && WIFEXITED(r));
	return WEXITSTATUS(r);
}

NWB_TEST(report_junit, xmllint_accepts_it)
{
	char dir[256], path[300], *text;
	json_t *run = run_rec("in-place", "none", 0, "FAIL", 1);
	json_t *recs = json_pack("[o, o, o]", session_rec(), run, end_rec(1));
	char all[128];

	/* Every ASCII character but NUL, and what XML refuses beyond. */
	for (int i = 1; i < 128; i++)
		all[i - 1] = (char)i;
	all[127] = '\0';
	json_object_set_new(run, "reason", json_string(all));
	json_object_set_new(run, "repro",
			    json_string("\xef\xbf\xbf \xef\xbf\xbe \xf0\x9f\x90"
					"\x9b \xed\x9f\xbf"));
	tmp_dir(dir, sizeof(dir));
	snprintf(path, sizeof(path), "%s/bad.xml", dir);
	spill(path, "<a>&</a>", 8);
	if (xmllint(path) == 127) {
		tmp_dir_remove(dir);
		nwb_test_skip("xmllint (libxml2-utils) is not installed");
	}
	/* It does refuse. */
	nwb_check(xmllint(path) != 0);
	snprintf(path, sizeof(path), "%s/junit.xml", dir);
	text = render(recs, 0);
	spill(path, text, strlen(text));
	free(text);
	nwb_check_eq(xmllint(path), 0);
	nwb_check_eq(xmllint(GOLDEN("junit.xml")), 0);
	json_decref(recs);
	tmp_dir_remove(dir);
}

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

/* @from in @text, once, replaced; to be freed. */
static char *changed(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);
	char *out;

	nwb_check(at != NULL);
	nwb_check(asprintf(&out, "%.*s%s%s", (int)(at - text), text, to,
			   at + strlen(from)) > 0);
	return out;
}

NWB_TEST(report_junit, the_schema_accepts_it_and_nothing_else)
{
	static const char *const bad[][2] = {
		{" failures=\"", " failed=\""},
		{"<testcase classname=", "<testcase class="},
		{"time=\"", "time=\"-"},
		{"<failure type=\"", "<failed type=\""},
		{"</properties>\n", "</properties><skipped message=\"x\"/>"
				    "<skipped message=\"y\"/>\n"},
		{"tests=\"", "tests=\"x"},
		{" message=\"", " text=\""},
		{"<testsuite name", "<suite name"},
	};
	json_t *recs = load(GOLDEN("run.jsonl")), *none = json_array();
	char *text = render(recs, 0), *empty = render(none, 0);

	json_decref(recs);
	json_decref(none);
	if (by_schema(text) == 127) {
		free(empty);
		free(text);
		nwb_test_skip("xmllint (libxml2-utils) is not installed");
	}
	nwb_check_eq(by_schema(text), 0);
	nwb_check_eq(by_schema(empty), 0);
	for (size_t i = 0; i < NWB_ARRAY_SIZE(bad); i++) {
		char *broken = changed(text, bad[i][0], bad[i][1]);

		nwb_check(by_schema(broken) != 0);
		free(broken);
	}
	free(empty);
	free(text);
}
