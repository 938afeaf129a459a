/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The reader: strict, exact about where, and never surprised. */
#include "rep_test.h"

#include "store_i.h"

#define SESSION "{\"type\":\"session\",\"v\":1}\n"
#define RUN                                                                    \
	"{\"cell\":\"s.a.w.f\",\"fault\":\"f\",\"server\":\"s\","              \
	"\"subject\":\"a\",\"type\":\"run\",\"v\":1,\"verdict\":\"PASS\","     \
	"\"workload\":\"w\"}\n"
#define END "{\"exit\":0,\"type\":\"end\",\"v\":1}\n"

static json_t *parse_ok(const char *text)
{
	struct nwb_err err = {0};
	json_t *recs = NULL;
	int r = nwb_store_parse(text, strlen(text), "f", &recs, &err);

	nwb_check_streq(err.text, "");
	nwb_check_eq(r, 0);
	return recs;
}

static void check_bad(const char *text, size_t len, int code,
		      const char *prefix, const char *want)
{
	json_t *recs = NULL;
	struct nwb_err err = {0};

	nwb_check_eq(nwb_store_parse(text, len, "f", &recs, &err), code);
	nwb_check(recs == NULL);
	if (strncmp(err.text, prefix, strlen(prefix)))
		nwb_check_streq(err.text, prefix);
	if (!strstr(err.text, want))
		nwb_check_streq(err.text, want);
}

#define check_bad_str(text, prefix, want)                                      \
	check_bad(text, strlen(text), -EINVAL, prefix, want)

NWB_TEST(report_load, says_the_line_of_a_malformed_one)
{
	check_bad_str("garbage\n" SESSION, "f:1: column ", "");
	check_bad_str(SESSION RUN "{\"v\":1\n" END, "f:3: column ", "");
	check_bad_str(SESSION RUN RUN "{\"v\":1,\"v\":1}\n", "f:4: column ",
		      "duplicate");
	check_bad_str(SESSION "\n" RUN, "f:2: column ", "");
	check_bad_str(SESSION "{\"a\":99999999999999999999}\n", "f:2: column",
		      "big");
	check_bad_str(SESSION "{\"a\":\"\xff\"}\n", "f:2: column",
		      "decode byte");
	check_bad_str(SESSION RUN RUN "[]\n", "f:4: ", "not an object");
	check_bad_str(SESSION "{}\n", "f:2: ", "no schema version");
	check_bad_str(SESSION "{\"v\":1}\n", "f:2: ", "no \"type\"");
	check_bad_str(RUN, "f:1: ", "first record");
	check_bad_str(SESSION END RUN, "f:3: ", "after the end");
	check_bad(SESSION "{\0}\n", sizeof(SESSION "{\0}\n") - 1, -EINVAL,
		  "f:2: column", "");
}

#define PART_RUN(part)                                                         \
	SESSION "{\"v\":1,\"type\":\"run\",\"cell\":\"s.a.w.f\","              \
		"\"server\":\"s\",\"subject\":\"a\",\"workload\":\"w\","       \
		"\"fault\":\"f\"," part "}\n"

/* Series, marks and faults are younger than the rest: a record has them or
 * not, but what it has is of the right form. */
NWB_TEST(report_load, holds_the_time_line_against_the_schema)
{
	static const char *const good[] = {
		"\"series\":null,\"marks\":null,\"faults\":null",
		("\"series\":{\"bin_ns\":5,\"span_ns\":9,\"acked\":[1,2],"
		 "\"acked_by\":\"client\",\"written\":[3],\"durable\":[]}"),
		"\"series\":{\"acked\":null}",
		"\"marks\":[{\"t_ns\":1,\"kind\":\"fault\",\"rule\":\"r\"}]",
		"\"marks\":[{\"t_ns\":1,\"kind\":\"of a later version\"}]",
		"\"faults\":{\"r\":{\"hits\":1,\"recovery_ns\":null}}",
		"\"write_lat\":{\"n\":1,\"bins\":[100,1]}",
	};
	static const struct {
		const char *part, *want;
	} bad[] = {
		{"\"series\":[]", "\"series\" must be an object"},
		{"\"series\":{\"acked\":[-1]}", "series: field \"acked\""},
		{"\"series\":{\"acked\":[\"1\"]}", "series: field \"acked\""},
		{"\"series\":{\"bin_ns\":\"x\"}", "series: field \"bin_ns\""},
		{"\"marks\":{}", "\"marks\" must be an array"},
		{"\"marks\":[1]", "\"marks\" must be an array of objects"},
		{"\"marks\":[{\"t_ns\":1}]", "marks[0]: field \"kind\""},
		{"\"faults\":[]", "\"faults\" must be an object"},
		{"\"faults\":{\"r\":1}", "faults: field \"r\""},
		{"\"faults\":{\"r\":{\"hits\":-1}}", "faults: r: field"},
		{"\"fsync_lat\":{\"bins\":3}", "fsync_lat: field \"bins\""},
	};
	char text[1000];

	for (size_t i = 0; i < NWB_ARRAY_SIZE(good); i++) {
		snprintf(text, sizeof(text), PART_RUN("%s"), good[i]);
		json_decref(parse_ok(text));
	}
	for (size_t i = 0; i < NWB_ARRAY_SIZE(bad); i++) {
		snprintf(text, sizeof(text), PART_RUN("%s"), bad[i].part);
		check_bad_str(text, "f:2: ", bad[i].want);
	}
}

NWB_TEST(report_load, refuses_another_major_version_clearly)
{
	const char *text = SESSION "{\"v\":2,\"type\":\"run\"}\n";

	check_bad(text, strlen(text), -EPROTONOSUPPORT, "f:2: ",
		  "schema version 2 is not known; this netwb reads version 1");
}

NWB_TEST(report_load, tolerates_and_tells_a_cut_last_line)
{
	json_t *recs = parse_ok(SESSION RUN "{\"cell\":\"s.a");
	json_t *last = json_array_get(recs, 2);
	char *text;

	nwb_check_eq(json_array_size(recs), 3);
	nwb_check_streq(json_string_value(json_object_get(last, "type")),
			"truncated");
	nwb_check_eq(json_integer_value(json_object_get(last, "line")), 3);
	nwb_check_eq(json_integer_value(json_object_get(last, "bytes")), 12);
	text = render(recs, NWB_REPORT_SUMMARY);
	nwb_check(strstr(text, "(line 3, 12 bytes) was cut off") != NULL);
	free(text);
	json_decref(recs);
}

/* Whole but for its newline: nothing is missing. */
NWB_TEST(report_load, takes_a_last_line_without_newline)
{
	json_t *recs =
		parse_ok(SESSION "{\"exit\":0,\"type\":\"end\",\"v\":1}");

	nwb_check_eq(json_array_size(recs), 2);
	json_decref(recs);
	check_bad_str(SESSION "{\"type\":\"end\",\"v\":1}", "f:2: ", "exit");
}

NWB_TEST(report_load, an_empty_file_is_a_session_that_never_was)
{
	json_t *recs = parse_ok("");
	char *text = render(recs, NWB_REPORT_ALL);

	nwb_check(strstr(text, "nothing was run") != NULL);
	nwb_check(strstr(text, "INTERRUPTED") != NULL);
	nwb_check(strstr(text, "no session record") != NULL);
	free(text);
	text = render(recs, 0);
	nwb_check(strstr(text, "no end record") != NULL);
	free(text);
	json_decref(recs);
}

NWB_TEST(report_load, names_the_file_and_the_reason)
{
	struct nwb_err err = {0};
	json_t *recs = NULL;
	char dir[256], path[300];

	nwb_check_eq(nwb_store_load("/nonexistent/run.jsonl", &recs, &err),
		     -ENOENT);
	nwb_check(!strncmp(err.text, "/nonexistent/run.jsonl: ", 24));
	tmp_dir(dir, sizeof(dir));
	nwb_check_eq(nwb_store_load(dir, &recs, &err), -EISDIR);
	snprintf(path, sizeof(path), "%s/run.jsonl", dir);
	spill(path, SESSION "x\n", strlen(SESSION "x\n"));
	nwb_check_eq(nwb_store_load(path, &recs, &err), -EINVAL);
	nwb_check(!strncmp(err.text, path, strlen(path)));
	nwb_check(!strncmp(err.text + strlen(path), ":2: ", 4));
	tmp_dir_remove(dir);
}

static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

/* What loads must print, in 72 columns of ASCII. */
static bool survives(const char *buf, size_t len)
{
	json_t *recs = NULL;
	char *text;

	if (nwb_store_parse(buf, len, "f", &recs, NULL))
		return false;
	text = render(recs, NWB_REPORT_ALL);
	for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
		nwb_check(strcspn(line, "\n") <= NWB_REPORT_COLUMNS);
	free(text);
	for (int f = 0; f < NWB_REPORT_FORMATS; f++)
		free(render_as(recs, (enum nwb_report_format)f));
	json_decref(recs);
	return true;
}

NWB_TEST(report_load, any_truncation_still_makes_a_report)
{
	size_t len;
	char *buf = slurp(GOLDEN("run.jsonl"), &len);
	uint32_t state = 1;

	nwb_check(survives(buf, len));
	for (int i = 0; i < 150; i++) {
		size_t cut = next_random(&state) % len;
		/* Exactly as long as it claims, for the sanitizer. */
		char *copy = malloc(cut ? cut : 1);

		nwb_check(copy != NULL);
		memcpy(copy, buf, cut);
		nwb_check(survives(copy, cut));
		free(copy);
	}
	free(buf);
}

NWB_TEST(report_load, damaged_bytes_never_crash)
{
	size_t len, refused = 0;
	char *buf = slurp(GOLDEN("run.jsonl"), &len);
	char *copy = malloc(len);
	uint32_t state = 2;

	nwb_check(copy != NULL);
	for (int i = 0; i < 150; i++) {
		memcpy(copy, buf, len);
		for (int k = 0; k <= i % 3; k++)
			copy[next_random(&state) % len] =
				(char)next_random(&state);
		refused += !survives(copy, len);
	}
	/* Most damage is noticed; the test would be worthless otherwise. */
	nwb_check(refused > 75);
	free(copy);
	free(buf);
}
