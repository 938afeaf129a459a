/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The index is made from the files, whatever happens to it; the history. */
#include "nwb/store.h"
#include "rep_test.h"
#include "store_i.h"

#include <sqlite3.h>

#define CELL "smbd.in-place.seq1m.none"

/* A session on day @day with five runs of 100 * @speed MiB/s and a decision. */
static void make_session(const char *base, int day, double speed,
			 const char *verdict)
{
	char dir[400], text[64];
	struct nwb_store *s = NULL;
	json_t *rec = session_rec();

	snprintf(dir, sizeof(dir), "%s/s%02d", base, day);
	snprintf(text, sizeof(text), "2026-01-%02dT10:00:00Z", day);
	json_object_set_new(rec, "date", json_string(text));
	snprintf(text, sizeof(text), "build%d", day);
	json_object_set_new(rec, "build", json_string(text));
	nwb_check_eq(nwb_store_create(dir, &s, NULL), 0);
	nwb_check_eq(nwb_store_add(s, rec, NULL), 0);
	for (int p = 0; p < 5; p++) {
		rec = run_rec("in-place", "none", p, "PASS",
			      (long long)(1e9 / (100 * speed + p)));
		json_object_set_new(rec, "level", json_string("bench"));
		nwb_check_eq(nwb_store_add(s, rec, NULL), 0);
	}
	/* neither decoded payloads nor failures are figures */
	rec = run_rec("in-place", "none", 5, "PASS", 1);
	json_object_set_new(rec, "level", json_string("check"));
	nwb_check_eq(nwb_store_add(s, rec, NULL), 0);
	rec = run_rec("in-place", "none", 6, "FAIL", 1);
	json_object_set_new(rec, "level", json_string("bench"));
	nwb_check_eq(nwb_store_add(s, rec, NULL), 0);
	nwb_check_eq(
		nwb_store_add(s,
			      json_pack("{s:s,s:s,s:s,s:i,s:f,s:s,s:s}", "type",
					"decision", "case", "g", "metric",
					"cpu_ns_mib", "n", 10, "hl", day * 0.01,
					"verdict", verdict, "role", "measure"),
			      NULL),
		0);
	nwb_check_eq(nwb_store_add(s, end_rec(0), NULL), 0);
	nwb_check_eq(nwb_store_close(s), 0);
}

static void remove_all(const char *base)
{
	char path[600];
	DIR *d = opendir(base);
	struct dirent *e;

	nwb_check(d != NULL);
	while ((e = readdir(d)))
		if (e->d_name[0] == 's') {
			snprintf(path, sizeof(path), "%s/%s", base, e->d_name);
			tmp_dir_remove(path);
		}
	closedir(d);
	tmp_dir_remove(base);
}

/* Sessions of which the index knows; @note must be part of what it says. */
static unsigned int sessions(const char *base, const char *note)
{
	struct nwb_index_stats st = {0};
	struct nwb_index *x = NULL;
	struct nwb_err err = {0};

	nwb_check_eq(nwb_index_open(base, false, &x, &err), 0);
	nwb_check_streq(err.text, "");
	if (!*note || !strstr(nwb_index_note(x), note))
		nwb_check_streq(nwb_index_note(x), note);
	nwb_check_eq(nwb_index_stats(x, &st, NULL), 0);
	nwb_index_close(x);
	return st.sessions;
}

NWB_TEST(report_history, the_index_follows_the_files)
{
	struct nwb_index_stats st;
	struct nwb_index *x = NULL;
	char base[256], path[512];

	tmp_dir(base, sizeof(base));
	make_session(base, 1, 1, "SAME");
	nwb_check_eq(sessions(base, "made from 1 sessions"), 1);
	make_session(base, 2, 1, "SAME");
	nwb_check_eq(sessions(base, ""), 2);
	/* a file that cannot be read is a row with the reason */
	snprintf(path, sizeof(path), "%s/s02/run.jsonl", base);
	spill(path, "not JSON\n", 9);
	nwb_check_eq(nwb_index_open(base, false, &x, NULL), 0);
	nwb_check_eq(nwb_index_stats(x, &st, NULL), 0);
	nwb_check_eq(st.sessions, 2);
	nwb_check_eq(st.unreadable, 1);
	nwb_check_eq(st.read_now, 1);
	nwb_index_close(x);
	snprintf(path, sizeof(path), "%s/s02", base);
	tmp_dir_remove(path);
	nwb_check_eq(sessions(base, ""), 1);
	remove_all(base);
	nwb_check_eq(nwb_index_open(base, false, &x, NULL), -ENOENT);
}

/* Whatever is in its place, the answer comes from the files. */
NWB_TEST(report_history, a_damaged_index_is_made_again)
{
	char base[256], path[512], *whole;
	size_t len;
	sqlite3 *db;

	tmp_dir(base, sizeof(base));
	for (int day = 1; day <= 9; day++)
		make_session(base, day, 1, "SAME");
	snprintf(path, sizeof(path), "%s/" NWB_INDEX_NAME, base);
	spill(path, "this is no database, but long enough to be read", 47);
	nwb_check_eq(sessions(base, "made again"), 9);
	nwb_check_eq(sessions(base, ""), 9);
	/* cut off, and with a hole in the middle */
	nwb_check_eq(truncate(path, 5000), 0);
	nwb_check_eq(sessions(base, "made again"), 9);
	/* slurp() of these tests ends at a byte 0xff */
	nwb_check_eq(nwb_store_slurp(path, &whole, &len, NULL), 0);
	nwb_check(len > 3 * 4096);
	memset(whole + 4096, 0x5a, 4096);
	spill(path, whole, len);
	free(whole);
	nwb_check_eq(sessions(base, "made again"), 9);
	/* of another version */
	nwb_check_eq(sqlite3_open(path, &db), SQLITE_OK);
	nwb_check_eq(
		sqlite3_exec(db, "PRAGMA user_version = 99", NULL, NULL, NULL),
		SQLITE_OK);
	sqlite3_close(db);
	nwb_check_eq(sessions(base, "of another version"), 9);
	/* where there cannot be a file */
	nwb_check_eq(unlink(path), 0);
	nwb_check_eq(mkdir(path, 0700), 0);
	nwb_check_eq(sessions(base, "in memory only"), 9);
	nwb_check_eq(rmdir(path), 0);
	remove_all(base);
}

/* What Linux does is no point of the series of the default client. */
NWB_TEST(report_history, another_client_is_another_case)
{
	struct nwb_index *x = NULL;
	struct nwb_store *s = NULL;
	struct nwb_history h;
	char base[256], dir[400], name[NWB_SERIES_NAME_MAX];
	json_t *rec;

	tmp_dir(base, sizeof(base));
	make_session(base, 1, 1, "SAME");
	snprintf(dir, sizeof(dir), "%s/s02", base);
	nwb_check_eq(nwb_store_create(dir, &s, NULL), 0);
	nwb_check_eq(nwb_store_add(s, session_rec(), NULL), 0);
	rec = run_rec("in-place", "none", 0, "PASS", (long long)(1e9 / 77));
	json_object_set_new(rec, "level", json_string("bench"));
	nwb_series_name(rec, name, sizeof(name));
	nwb_check_streq(name, CELL);
	json_object_set_new(rec, "flavour", json_string("linux-7.2"));
	json_object_set_new(rec, "hazards", json_string("h3,-h17"));
	json_object_set_new(rec, "retry", json_string("combine"));
	nwb_check_eq(nwb_store_add(s, json_deep_copy(rec), NULL), 0);
	/* nor what it does with a mirror, or under a limit */
	json_object_set_new(rec, "options",
			    json_string("mirror=diod,dirty=4194304"));
	nwb_check_eq(nwb_store_add(s, rec, NULL), 0);
	nwb_check_eq(nwb_store_add(s, end_rec(0), NULL), 0);
	nwb_check_eq(nwb_store_close(s), 0);

	nwb_check_eq(nwb_index_open(base, false, &x, NULL), 0);
	nwb_check_eq(nwb_history_load(x, CELL, NULL, 0, &h, NULL), 0);
	nwb_check_eq(h.nr, 1);
	nwb_history_fini(&h);
	nwb_check_eq(nwb_history_load(x, CELL "@linux-7.2,h3,-h17,combine",
				      NULL, 0, &h, NULL),
		     0);
	nwb_check_eq(h.nr, 1);
	nwb_check(fabs(h.point[0].est - 77) < 0.5);
	nwb_check_eq(h.point[0].n, 1);
	nwb_history_fini(&h);
	nwb_check_eq(nwb_history_load(x,
				      CELL "@linux-7.2,h3,-h17,combine,mirror="
					   "diod,dirty=4194304",
				      NULL, 0, &h, NULL),
		     0);
	nwb_check_eq(h.point[0].n, 1);
	nwb_history_fini(&h);
	nwb_index_close(x);
	remove_all(base);
}

static struct nwb_index *series(char *base, size_t size)
{
	struct nwb_index *x = NULL;

	tmp_dir(base, size);
	for (int day = 1; day <= 12; day++)
		make_session(base, day, day < 7 ? 4 : 3,
			     day == 3 || day == 9 ? "WORSE" : "SAME");
	nwb_check_eq(nwb_index_open(base, false, &x, NULL), 0);
	return x;
}

NWB_TEST(report_history, shows_the_points_and_where_the_level_changed)
{
	struct nwb_history h;
	char base[256], *text = NULL;
	size_t len;
	struct nwb_index *x = series(base, sizeof(base));
	FILE *f = open_memstream(&text, &len);

	nwb_check_eq(nwb_history_load(x, CELL, NULL, 0, &h, NULL), 0);
	nwb_check_streq(h.metric, "mib_s");
	nwb_check_eq(h.nr, 12);
	nwb_check_eq(h.nr_changes, 1);
	nwb_check(h.point[6].is_change && !h.point[5].is_change);
	/* five runs of 402 in the middle, then of 302; neither 1 ns run */
	nwb_check_eq(h.point[0].n, 5);
	nwb_check(fabs(h.point[0].est - 402) < 0.5);
	nwb_check(fabs(h.point[6].step - 302.0 / 402) < 0.005);
	nwb_check_streq(h.point[0].build, "build1");
	nwb_check_streq(h.point[0].verdict, "FAIL");
	nwb_check_eq(nwb_history_text(&h, f), 0);
	nwb_check_eq(fclose(f), 0);
	nwb_check(strstr(text, "\n  ######|______\n") != NULL);
	nwb_check(strstr(text, "\n> 2026-01-07T10:00 build7 ") != NULL);
	nwb_check(strstr(text, "new level: -24.9 %") != NULL);
	for (int i = 0; i < 8; i++)
		snprintf(h.others + strlen(h.others),
			 sizeof(h.others) - strlen(h.others), " metric_%d_of_8",
			 i);
	free(text);
	f = open_memstream(&text, &len);
	nwb_check_eq(nwb_history_text(&h, f), 0);
	nwb_check_eq(fclose(f), 0);
	nwb_check(strstr(text, " metric_7_of_8\n") != NULL);
	for (char *line = text; *line; line = strchr(line, '\n') + 1)
		nwb_check(strchr(line, '\n') - line <= 80);
	free(text);
	nwb_history_fini(&h);
	nwb_check_eq(nwb_history_load(x, CELL, NULL, 4, &h, NULL), 0);
	nwb_check_eq(h.nr, 4);
	nwb_check_streq(h.point[0].build, "build9");
	nwb_history_fini(&h);
	nwb_index_close(x);
	remove_all(base);
}

NWB_TEST(report_history, a_wrong_name_is_answered_with_the_nearest)
{
	struct nwb_history h;
	struct nwb_err err = {0};
	char base[256];
	struct nwb_index *x = series(base, sizeof(base));

	nwb_check_eq(nwb_history_load(x, "smbd.inplace.seq1m.none", NULL, 0, &h,
				      &err),
		     -ENOENT);
	nwb_check(strstr(err.text, "did you mean " CELL "?") != NULL);
	nwb_check_eq(nwb_history_load(x, CELL, "mibs", 0, &h, &err), -ENOENT);
	nwb_check(strstr(err.text, "did you mean mib_s") != NULL);
	nwb_check_eq(nwb_history_load(x, "'; DROP TABLE value; --------------",
				      NULL, 0, &h, &err),
		     -ENOENT);
	nwb_check(strstr(err.text, "`netwb history` lists") != NULL);
	nwb_index_close(x);
	remove_all(base);
}

NWB_TEST(report_history, tells_the_gate_what_earlier_nights_said)
{
	int64_t days[8];
	double est[8];
	char base[256];
	size_t nr;
	struct nwb_index *x = series(base, sizeof(base));

	nwb_check_eq(nwb_index_estimates(x, "g", "cpu_ns_mib", "measure", est,
					 8, &nr, NULL),
		     0);
	nwb_check_eq(nr, 8);
	for (int i = 0; i < 8; i++)
		nwb_check(fabs(est[i] - (i + 5) * 0.01) < 1e-9);
	nwb_check_eq(nwb_index_estimates(x, "g", "cpu_ns_mib", "control", est,
					 8, &nr, NULL),
		     0);
	nwb_check_eq(nr, 0);
	nwb_check_eq(
		nwb_index_suspects(x, "g", "cpu_ns_mib", days, 8, &nr, NULL),
		0);
	nwb_check_eq(nr, 2);
	/* 2026-01-03 and 2026-01-09, in days since 1970 */
	nwb_check_eq(days[0], 20456);
	nwb_check_eq(days[1], 20462);
	nwb_index_close(x);
	remove_all(base);
}
