/* SPDX-License-Identifier: GPL-2.0-or-later */
/* KTAP: held against a reader that refuses what is not KTAP. */
#include "rep_test.h"

#include "ktap_check.h"

static char *ktap_of(const json_t *recs)
{
	return render_as(recs, NWB_FORMAT_KTAP);
}

static struct ktap checked(const char *text)
{
	struct ktap k;

	ktap_check(&k, text);
	nwb_check_streq(k.why, "");
	return k;
}

/* The reader itself: what is refused, and for what. */
NWB_TEST(report_ktap, the_reader_refuses_broken_documents)
{
	static const struct {
		const char *text, *why;
	} bad[] = {
		{"", "no version"},
		{"TAP version 13\n1..1\nok 1 a\n", "no version"},
		{"KTAP version 1\nok 1 a\n1..1\n", "no plan"},
		{"KTAP version 1\n1..x\n", "no plan"},
		{"KTAP version 1\n1..1a\nok 1 a\n", "no number"},
		{"KTAP version 1\n1..2\nok 1 a\n", "fewer"},
		{"KTAP version 1\n1..1\nok 1 a\nok 2 b\n", "more"},
		{"KTAP version 1\n1..2\nok 1 a\nok 3 b\n", "next one"},
		{"KTAP version 1\n1..1\nok 01 a\n", "next one"},
		{"KTAP version 1\n1..1\nok a\n", "next one"},
		{"KTAP version 1\n1..1\nOK 1 a\n", "neither"},
		{"KTAP version 1\n1..1\nok 1a\n", "no blank"},
		{"KTAP version 1\n1..1\nok 1 a", "no newline"},
		{"KTAP version 1\n1..1\nok 1 a#b\n", "directive"},
		{"KTAP version 1\n1..1\nok 1 a\x01\n", "printable"},
		{"KTAP version 1\n1..1\nnot ok 1 a # SKIP b\n", "SKIP"},
		{"KTAP version 1\n1..1\nok 1 a # TIMEOUT\n", "TIMEOUT"},
		{"KTAP version 1\n1..1\nok 1 a # ERROR b\n", "ERROR"},
		{"KTAP version 1\n1..1\nnot ok 1 a # XFAIL b\n", "XFAIL"},
		{"KTAP version 1\n1..1\n  ok 1 a\nok 1 b\n", "neither"},
		{"KTAP version 1\n1..1\n  KTAP version 1\n  1..1\n"
		 "  not ok 1 a\nok 1 b\n",
		 "tests within"},
		{"KTAP version 1\n1..1\n  KTAP version 1\n  1..2\n"
		 "  ok 1 a\nok 1 b\n",
		 "fewer"},
		{"KTAP version 1\n1..1\n  KTAP version 1\n  1..1\n"
		 "  ok 1 a\n  ok 2 b\nok 1 b\n",
		 "more"},
		{"KTAP version 1\n1..1\n  KTAP version 1\n  1..0\n"
		 "  KTAP version 1\n  1..0\nok 1 b\n",
		 "more"},
		{"KTAP version 1\n1..1\n  KTAP version 1\n  1..0\n"
		 "ok 1 b # SKIP all\n",
		 "behind a block"},
	};
	struct ktap k;

	for (size_t i = 0; i < NWB_ARRAY_SIZE(bad); i++) {
		nwb_check(!ktap_check(&k, bad[i].text));
		if (!strstr(k.why, bad[i].why))
			nwb_check_streq(k.why, bad[i].why);
	}
	nwb_check(ktap_check(&k, "KTAP version 1\n1..0\n"));
	nwb_check(ktap_check(&k, "KTAP version 1\n1..2\n# x\nok 1\n"
				 "  KTAP version 1\n  # Subtest: y\n  1..1\n"
				 "  # z\n  not ok 1 a # TIMEOUT b\n"
				 "not ok 2 y\n"));
	nwb_check_eq(k.timeouts, 1);
}

NWB_TEST(report_ktap, the_golden_session_validates)
{
	json_t *recs = load(GOLDEN("run.jsonl"));
	char *text = ktap_of(recs);
	struct ktap k = checked(text);

	/* 14 cells and the session */
	nwb_check_eq(k.passed, 1 + 6);
	nwb_check_eq(k.failed, 3); /* FAIL, VACUOUS, UNEXPECTED-PASS */
	nwb_check_eq(k.errors, 1);
	nwb_check_eq(k.xfailed, 1);
	nwb_check_eq(k.skipped, 3); /* SKIP twice, not judged */
	nwb_check(has(text, "\nnot ok 2 diod\n"));
	free(text);
	json_decref(recs);
}

NWB_TEST(report_ktap, each_verdict_has_its_result)
{
	static const struct {
		const char *verdict, *want;
	} want[] = {
		{"PASS", "\n  ok 1 smbd.in-place.seq1m.none # 1.0 MiB/s"},
		{"KNOWN", "\n  ok 1 smbd.in-place.seq1m.none # XFAIL because"},
		{"SKIP", "\n  ok 1 smbd.in-place.seq1m.none # SKIP because"},
		{"not judged",
		 "  ok 1 smbd.in-place.seq1m.none # SKIP because"},
		{"FAIL", "\n  not ok 1 smbd.in-place.seq1m.none # FAIL\n"},
		{"VACUOUS", "  not ok 1 smbd.in-place.seq1m.none # VACUOUS\n"},
		{"UNEXPECTED-PASS", "none # UNEXPECTED-PASS\n"},
		{"INCONCLUSIVE", "  not ok 1 smbd.in-place.seq1m.none # ERROR"},
	};

	for (size_t i = 0; i < NWB_ARRAY_SIZE(want); i++) {
		json_t *run = run_rec("in-place", "none", 0, want[i].verdict,
				      1000000000);
		json_t *recs =
			json_pack("[o, o, o]", session_rec(), run, end_rec(1));
		char *text;

		json_object_set_new(run, "reason", json_string("because"));
		text = ktap_of(recs);
		checked(text);
		nwb_check(has(text, want[i].want));
		nwb_check_eq(has(text, "\nnot ok 2 smbd\n"), i >= 4);
		free(text);
		json_decref(recs);
	}
}

NWB_TEST(report_ktap, a_hang_is_a_timeout)
{
	json_t *run = run_rec("in-place", "none", 0, "FAIL", 1);
	json_t *recs = json_pack("[o, o, o]", session_rec(), run, end_rec(1));
	char *text;

	json_object_set_new(run, "findings",
			    json_pack("[{s:s, s:s, s:s}]", "oracle", "O8",
				      "kind", "HANG", "text", "no end"));
	text = ktap_of(recs);
	nwb_check_eq(checked(text).timeouts, 1);
	nwb_check(has(text, "\n  # O8 HANG: no end\n  not ok 1 "
			    "smbd.in-place.seq1m.none # TIMEOUT no end\n"));
	free(text);
	json_decref(recs);
}

NWB_TEST(report_ktap, a_session_cut_short_is_not_ok)
{
	json_t *recs = json_pack("[o, o]", session_rec(),
				 run_rec("in-place", "none", 0, "PASS", 1));
	char *text = ktap_of(recs);

	checked(text);
	nwb_check(has(text, "1..2\nnot ok 1 session # ERROR interrupted: no "
			    "end record\n"));
	free(text);
	json_array_clear(recs);
	text = ktap_of(recs);
	checked(text);
	nwb_check(has(text, "1..1\nnot ok 1 session # ERROR"));
	free(text);
	json_decref(recs);
}

NWB_TEST(report_ktap, hostile_names_stay_names)
{
	static const char name[] = "a#b\n  ok 99 c # SKIP\\\x01\x7f\xc3\xa4";
	char cell[200];
	json_t *recs = json_pack("[o]", session_rec());

	snprintf(cell, sizeof(cell), "%s.in-place.%s.%s", name, name, name);
	for (int i = 0; i < 2; i++)
		json_array_append_new(
			recs,
			json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s}",
				  "type", "run", "cell", cell, "server", name,
				  "subject", "in-place", "workload", name,
				  "fault", name, "verdict", i ? "FAIL" : "SKIP",
				  "reason", name, "repro", name));
	nwb_check_eq(json_array_size(recs), 3);
	{
		char *text = ktap_of(recs);
		struct ktap k = checked(text);

		nwb_check_eq(k.failed, 1);
		nwb_check_eq(k.skipped, 0);
		free(text);
	}
	json_decref(recs);
}
