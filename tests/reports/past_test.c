/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The page with what earlier sessions say of its rows. */
#include "rep_test.h"

#include "past_i.h"

static json_t *decision_rec(const char *name, double hl)
{
	return json_pack("{s:i,s:s,s:s,s:s,s:s,s:i,s:f,s:f,s:f,s:f,s:s,s:s}",
			 "v", 1, "type", "decision", "case", name, "metric",
			 "cpu_ns_mib", "verdict", "SAME", "n", 10, "hl", hl,
			 "lo", hl - 0.01, "hi", hl + 0.01, "delta", 0.05,
			 "better", "lower", "role", "measure");
}

/* A session of day @day: "step" is dearer from the 11th on, "flat" is not;
 * "once" was compared on the 20th alone. */
static void make_session(const char *base, int day)
{
	char dir[400], text[64];
	struct nwb_store *s = NULL;
	json_t *rec = session_rec();

	snprintf(dir, sizeof(dir), "%s/s%02d", base, day);
	snprintf(text, sizeof(text), "2026-01-%02dT10:00:00Z", day);
	json_object_set_new(rec, "date", json_string(text));
	snprintf(text, sizeof(text), "build<%d>", day);
	json_object_set_new(rec, "build", json_string(text));
	nwb_check_eq(nwb_store_create(dir, &s, NULL), 0);
	nwb_check_eq(nwb_store_add(s, rec, NULL), 0);
	rec = decision_rec("step <b>", day > 10 ? 0.3 : 0.001 * day);
	nwb_check_eq(nwb_store_add(s, rec, NULL), 0);
	rec = decision_rec("flat", 0.001 * (day % 3));
	nwb_check_eq(nwb_store_add(s, rec, NULL), 0);
	if (day == 20)
		nwb_check_eq(nwb_store_add(s, decision_rec("once", 0), NULL),
			     0);
	nwb_check_eq(nwb_store_add(s, end_rec(0), NULL), 0);
	nwb_check_eq(nwb_store_close(s), 0);
}

static void remove_all(const char *base)
{
	char path[600];

	for (int day = 1; day <= 20; day++) {
		snprintf(path, sizeof(path), "%s/s%02d", base, day);
		tmp_dir_remove(path);
	}
	tmp_dir_remove(base);
}

static size_t count_of(const char *text, const char *part)
{
	size_t nr = 0;

	for (const char *at = text; (at = strstr(at, part)); at++)
		nr++;
	return nr;
}

NWB_TEST(report_past, a_page_shows_since_when)
{
	char base[256], dir[400], path[500], *text;
	struct nwb_err err = {0};

	tmp_dir(base, sizeof(base));
	for (int day = 1; day <= 20; day++)
		make_session(base, day);
	snprintf(dir, sizeof(dir), "%s/s20", base);
	nwb_check_eq(nwb_report_write_history(dir, base, &err), 0);
	snprintf(path, sizeof(path), "%s/report.html", dir);
	text = slurp(path, NULL);
	check_page(text);
	nwb_check(has(text, "id=\"history\""));
	nwb_check(has(text, "<title>20 sessions, 1 changes of level</title>"));
	nwb_check(has(text, "<title>20 sessions, 0 changes of level</title>"));
	nwb_check(has(text, " % since 2026-01-11T10:00:00Z, build "
			    "build&lt;11&gt;"));
	nwb_check(has(text, "no change of level"));
	/* two pictures; a row that was measured once has none */
	nwb_check_eq(count_of(text, "<figure>"), 2);
	nwb_check_eq(count_of(text, "<title>History of "), 2);
	/* the one with the step comes first */
	nwb_check(strstr(text, "History of step &lt;b&gt;") <
		  strstr(text, "History of flat"));
	free(text);
	/* and nothing of it without being asked */
	nwb_check_eq(nwb_report_write_all(dir, &err), 0);
	text = slurp(path, NULL);
	nwb_check(!has(text, "id=\"history\"") && !has(text, "sessions, "));
	free(text);
	remove_all(base);
}

NWB_TEST(report_past, no_sessions_are_an_error_and_change_nothing)
{
	char base[256], none[300], path[300];
	struct nwb_err err = {0};

	tmp_dir(base, sizeof(base));
	snprintf(none, sizeof(none), "%s/none", base);
	snprintf(path, sizeof(path), "%s/report.html", base);
	nwb_check_eq(nwb_report_write_history(base, none, &err), -ENOENT);
	nwb_check(err.text[0]);
	nwb_check(access(path, F_OK));
	tmp_dir_remove(base);
}
