/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The text report. golden/report.txt and golden/junit.xml belong to
 * golden/run.jsonl; they are made again by hand only, with
 * "netwb report tests/reports/golden", and read before they are committed.
 */
#include "rep_test.h"

#include "report_i.h"

NWB_TEST(report_text, golden)
{
	char dir[256];

	golden_write(GOLDEN("run.jsonl"), dir, sizeof(dir));
	golden_same(dir, "report.txt", GOLDEN("report.txt"));
	golden_same(dir, "junit.xml", GOLDEN("junit.xml"));
	tmp_dir_remove(dir);
}

NWB_TEST(report_text, the_golden_session_has_every_verdict)
{
	json_t *recs = load(GOLDEN("run.jsonl"));
	struct rep_model m;

	nwb_check_eq(rep_model_init(&m, recs, NULL), 0);
	for (int v = 0; v < REP_VERDICT_NR; v++)
		nwb_check(m.cells_by_verdict[v] > 0);
	rep_model_fini(&m);
	json_decref(recs);
}

/* Runs come in random order; rows do not. */
NWB_TEST(report_text, the_order_of_execution_does_not_show)
{
	json_t *recs = load(GOLDEN("run.jsonl")), *turned = json_array();
	size_t nr = json_array_size(recs);
	char *a, *b;

	json_array_append(turned, json_array_get(recs, 0));
	for (size_t i = nr - 2; i > 0; i--)
		json_array_append(turned, json_array_get(recs, i));
	json_array_append(turned, json_array_get(recs, nr - 1));
	a = render(recs, NWB_REPORT_ALL);
	b = render(turned, NWB_REPORT_ALL);
	nwb_check(!strcmp(a, b));
	free(a);
	free(b);
	json_decref(turned);
	json_decref(recs);
}

NWB_TEST(report_text, says_that_a_session_was_interrupted)
{
	json_t *recs = json_pack("[o, o]", session_rec(), end_rec(1));
	json_t *end = json_array_get(recs, 1);
	char *text = render(recs, NWB_REPORT_SUMMARY);

	nwb_check(!has(text, "INTERRUPTED"));
	free(text);
	json_object_set_new(end, "interrupted", json_true());
	text = render(recs, NWB_REPORT_SUMMARY);
	nwb_check(has(text, "INTERRUPTED: the session was stopped"));
	free(text);
	json_array_remove(recs, 1);
	text = render(recs, NWB_REPORT_SUMMARY);
	nwb_check(has(text, "INTERRUPTED: the session wrote no end record"));
	nwb_check(has(text, "smbd 4.17: no cell was run"));
	free(text);
	json_decref(recs);
}

NWB_TEST(report_text, prints_only_the_parts_asked_for)
{
	json_t *recs = load(GOLDEN("run.jsonl"));
	char *text = render(recs, NWB_REPORT_TERMINAL);

	nwb_check(has(text, "Verdict: ") && has(text, "\nFindings\n"));
	nwb_check(!has(text, "\nLatency\n") && !has(text, "\nEnvironment\n"));
	free(text);
	text = render(recs, NWB_REPORT_LATENCY);
	nwb_check(!has(text, "Verdict: ") && has(text, "\nLatency\n"));
	free(text);
	json_decref(recs);
}

NWB_TEST(report_text, an_undone_comparison_is_said)
{
	json_t *recs = json_pack("[o, o, o]", session_rec(),
				 run_rec("raw-hot", "none", 0, "PASS", 1000),
				 end_rec(0));
	char *text = render(recs, NWB_REPORT_ALL);

	nwb_check(has(text, "Not measured: no cell was run in both modes."));
	nwb_check(has(text, "in-place against raw-cold: not measured"));
	nwb_check(has(text, "raw-hot against raw-cold: not measured"));
	nwb_check(has(text, "write p99: 1 run\n"));
	nwb_check(has(text, "shim_idle: not measured"));
	nwb_check(has(text, "not computed"));
	free(text);
	json_decref(recs);
}

NWB_TEST(report_text, what_a_fault_did_is_told_when_it_is_known)
{
	json_t *run = run_rec("in-place", "cut", 1, "PASS", 1000);
	json_t *recs = json_pack("[o, o, o]", session_rec(), run, end_rec(0));
	char *text;

	json_object_set_new(run, "hits", json_pack("{s:i}", "cut", 1));
	text = render(recs, NWB_REPORT_COUNTS);
	nwb_check(has(text, "\n  hits of cut: 1 in each of 1 runs\n"));
	nwb_check(!has(text, "    recovery"));
	free(text);
	json_object_set_new(run, "faults",
			    json_pack("{s:{s:i,s:i,s:n}}", "cut", "retries", 3,
				      "bytes_again", 65536, "recovery_ns"));
	text = render(recs, NWB_REPORT_COUNTS);
	nwb_check(has(text, "\n    recovery n.m., sent again 64.0K, retries "
			    "3\n"));
	free(text);
	json_decref(recs);
}

/* Long, odd and extreme content everywhere it can stand. */
NWB_TEST(report_text, hostile_content_keeps_its_columns)
{
	char big[301], cell[1300];
	json_t *recs = json_array();
	char *text;

	memset(big, 'x', 300);
	big[300] = '\0';
	memcpy(big + 40, "\xc3\xa4\x01\x1b[31m\t\n'\"\\", 13);
	snprintf(cell, sizeof(cell), "%s.in-place.%s.%s", big, big, big);
	json_array_append_new(
		recs,
		json_pack("{s:i,s:s,s:s,s:s,s:s,s:{s:s},s:{s:s,s:[i]}}", "v", 1,
			  "type", "session", "id", big, "command", big, "cpu",
			  big, "servers", big, big, "env", big, big, "a", 1));
	for (int i = 0; i < 2; i++) {
		snprintf(cell, sizeof(cell), "%s.%s.%s.%s", big,
			 i ? "in-place" : "temp-page", big, big);
		json_array_append_new(
			recs,
			json_pack("{s:i,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,"
				  "s:[{s:s,s:s,s:s}],s:{s:I},s:I,s:i,s:I,s:I,"
				  "s:i,s:{s:I,s:f},s:I,s:I,s:I,s:I}",
				  "v", 1, "type", "run", "cell", cell, "server",
				  big, "subject", i ? "in-place" : "temp-page",
				  "workload", big, "fault", big, "verdict",
				  i ? "UNEXPECTED-PASS" : "PASS", "repro", big,
				  "reason", big, "findings", "oracle", big,
				  "kind", big, "text", big, "hits", big,
				  INT64_MAX, "bytes", INT64_MAX, "durable_ns",
				  1, "client_cpu_ns", INT64_MAX,
				  "server_cpu_ns", INT64_MAX, "pair", 0,
				  "write_lat", "p50", INT64_MAX, "p99", 1e300,
				  "rpcs", INT64_MAX, "bytes_sent", INT64_MAX,
				  "retries", INT64_MAX, "wsize", INT64_MAX));
	}
	nwb_check_eq(json_array_size(recs), 3);
	text = render(recs, NWB_REPORT_ALL);
	check_columns(text);
	nwb_check(!strchr(text, '\033'));
	free(text);
	json_decref(recs);
}

static char *wrapped(const char *cmd)
{
	char *buf = NULL;
	size_t len = 0;
	struct rep_out o = {.f = open_memstream(&buf, &len)};

	nwb_check(o.f != NULL);
	rep_command(&o, cmd);
	nwb_check_eq(o.err, 0);
	fclose(o.f);
	return buf;
}

/* The words that a shell makes of "set -- TEXT", one a line. */
static char *shell_words(const char *text)
{
	static const char tail[] = "\nprintf '<%s>\\n' \"$@\"\n";
	char path[] = "/tmp/nwb-cmd-XXXXXX", cmd[64], *out = NULL;
	size_t size = 0;
	int fd = mkstemp(path);
	FILE *p;

	nwb_check(fd >= 0);
	nwb_check_eq(write(fd, "set -- ", 7), 7);
	nwb_check_eq(write(fd, text, strlen(text)), strlen(text));
	nwb_check_eq(write(fd, tail, strlen(tail)), strlen(tail));
	close(fd);
	snprintf(cmd, sizeof(cmd), "sh %s", path);
	p = popen(cmd, "r");
	nwb_check(p != NULL);
	if (getdelim(&out, &size, -1, p) < 0)
		nwb_check(!"output of the shell");
	nwb_check_eq(pclose(p), 0);
	unlink(path);
	return out;
}

NWB_TEST(report_text, a_wrapped_command_is_the_same_command)
{
	static const char *const cmds[] = {
		"netwb run",
		"netwb 'a backslash\\' is itself within single quotes, so that "
		"these words are words of their own",
		"netwb run --a 1 --b 2 --c 3 --d 4 --e 5 --f 6 --g 7 --h 8 --i "
		"9",
		"a 'single  quoted   with spaces that goes on and on and on "
		"and "
		"on, past the end of any line of the report' b",
		"a \"double  quoted \\\" with spaces that goes on and on and "
		"on "
		"and on, past the end of any line \\\\\" b",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		"a\\ b\\ \\ c\\ d\\ e\\ f\\ g\\ h\\ i\\ j\\ k\\ l\\ m\\ n\\ "
		"o\\ "
		"p\\ q\\ r\\ s\\ t\\ u\\ v\\ w\\ x\\ y\\ z\\'\\\" 'x'\"y\"",
	};

	for (size_t i = 0; i < NWB_ARRAY_SIZE(cmds); i++) {
		char *text = wrapped(cmds[i]);
		char *want = shell_words(cmds[i]), *got = shell_words(text);

		check_columns(text);
		nwb_check_streq(got, want);
		free(got);
		free(want);
		free(text);
	}
}

/* A quote at each place around the end of a line. */
NWB_TEST(report_text, a_command_may_be_cut_anywhere)
{
	for (int at = 55; at < 75; at++) {
		char cmd[200], *text, *want, *got;

		snprintf(cmd, sizeof(cmd), "%0*d'q q'\\'\"d'd\"'%0*d' z", at, 0,
			 90, 1);
		text = wrapped(cmd);
		check_columns(text);
		want = shell_words(cmd);
		got = shell_words(text);
		nwb_check_streq(got, want);
		free(got);
		free(want);
		free(text);
	}
}

NWB_TEST(report_text, numbers_keep_their_width)
{
	static const double big[] = {
		0,   0.04,   9.99,    99.949, 99.95, 999.96, 9999,  12345,
		1e5, 999999, 9999999, 1e8,    1e12,  1e19,   1e100, 1e300};
	char b[REP_FIELD];

	for (size_t i = 0; i < NWB_ARRAY_SIZE(big); i++) {
		nwb_check(strlen(rep_fmt_num(b, big[i])) <= 8);
		nwb_check(strlen(rep_fmt_rate(b, big[i])) <= 6);
		nwb_check(strlen(rep_fmt_count(b, big[i])) <= 8);
		nwb_check(strlen(rep_fmt_ratio(b, big[i])) <= 5);
		nwb_check(strlen(rep_fmt_ns(b, big[i])) <= 8);
		nwb_check(strlen(rep_fmt_bytes(b, big[i])) <= 8);
	}
	nwb_check_streq(rep_fmt_num(b, NAN), "n.m.");
	nwb_check_streq(rep_fmt_num(b, 12.34), "12.3");
	nwb_check_streq(rep_fmt_rate(b, 12345.6), "12346");
	nwb_check_streq(rep_fmt_count(b, 7), "7");
	nwb_check_streq(rep_fmt_count(b, 7.5), "7.5");
	nwb_check_streq(rep_fmt_ratio(b, 0.605), "0.60");
	nwb_check_streq(rep_fmt_ratio(b, 12.34), "12.3");
	nwb_check_streq(rep_fmt_ratio(b, 1e9), ">9999");
	nwb_check_streq(rep_fmt_ns(b, 999), "999ns");
	nwb_check_streq(rep_fmt_ns(b, 1500), "1.5us");
	nwb_check_streq(rep_fmt_ns(b, 2e9), "2.0s");
	nwb_check_streq(rep_fmt_bytes(b, 8 << 20), "8.0M");
	nwb_check_streq(rep_fmt_bytes(b, NAN), "n.m.");
}
