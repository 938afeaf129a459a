/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reports beside run.jsonl: all whole, or as they were. */
#include "rep_test.h"

static unsigned int nr_files(const char *dir)
{
	unsigned int nr = 0;
	struct dirent *e;
	DIR *d = opendir(dir);

	nwb_check(d != NULL);
	while ((e = readdir(d)))
		nr += strcmp(e->d_name, ".") && strcmp(e->d_name, "..");
	closedir(d);
	return nr;
}

static void in(char *buf, size_t size, const char *dir, const char *name)
{
	snprintf(buf, size, "%s/%s", dir, name);
}

static void make_session(const char *dir)
{
	struct nwb_store *s = NULL;

	nwb_check_eq(nwb_store_create(dir, &s, NULL), 0);
	nwb_check_eq(nwb_store_add(s, session_rec(), NULL), 0);
	nwb_check_eq(nwb_store_add(
			     s,
			     run_rec("in-place", "none", 0, "PASS", 1000000000),
			     NULL),
		     0);
	nwb_check_eq(nwb_store_add(s, end_rec(0), NULL), 0);
	nwb_check_eq(nwb_store_close(s), 0);
}

NWB_TEST(report_write, from_the_store_to_all_reports)
{
	char dir[256], path[300], *text;
	struct stat st;

	tmp_dir(dir, sizeof(dir));
	make_session(dir);
	nwb_check_eq(nwb_report_write_all(dir, NULL), 0);
	nwb_check_eq(nr_files(dir), 2 + NWB_REPORT_FORMATS);
	for (int f = 0; f < NWB_REPORT_FORMATS; f++) {
		in(path, sizeof(path), dir,
		   nwb_report_format_file((enum nwb_report_format)f));
		nwb_check_eq(stat(path, &st), 0);
		nwb_check(st.st_size > 0);
	}
	in(path, sizeof(path), dir, NWB_REPORT_TEXT);
	nwb_check_eq(stat(path, &st), 0);
	nwb_check_eq(st.st_mode & 07777, 0644);
	text = slurp(path, NULL);
	nwb_check(!strncmp(text, "Verdict: PASS 1 (1 cells, 1 runs)\n", 34));
	free(text);
	/* Again: the same bytes. */
	text = slurp(path, NULL);
	nwb_check_eq(nwb_report_write_all(dir, NULL), 0);
	{
		char *again = slurp(path, NULL);

		nwb_check_streq(again, text);
		free(again);
	}
	free(text);
	tmp_dir_remove(dir);
}

NWB_TEST(report_write, the_digest_is_of_the_file)
{
	char dir[256], path[300], cmd[400], hex[80] = "", *text;
	FILE *p;

	tmp_dir(dir, sizeof(dir));
	make_session(dir);
	nwb_check_eq(nwb_report_write_all(dir, NULL), 0);
	snprintf(cmd, sizeof(cmd), "sha256sum '%s/run.jsonl'", dir);
	p = popen(cmd, "r");
	nwb_check(p != NULL);
	nwb_check_eq(fread(hex, 1, 64, p), 64);
	pclose(p);
	in(path, sizeof(path), dir, NWB_REPORT_TEXT);
	text = slurp(path, NULL);
	nwb_check(strstr(text, hex) != NULL);
	free(text);
	tmp_dir_remove(dir);
}

NWB_TEST(report_write, a_bad_file_leaves_the_old_reports)
{
	char dir[256], path[300], *text;
	struct nwb_err err = {0};

	tmp_dir(dir, sizeof(dir));
	in(path, sizeof(path), dir, NWB_STORE_NAME);
	spill(path, "{}\n", 3);
	in(path, sizeof(path), dir, NWB_REPORT_TEXT);
	spill(path, "old", 3);
	nwb_check_eq(nwb_report_write_all(dir, &err), -EINVAL);
	nwb_check(strstr(err.text, "run.jsonl:1: ") != NULL);
	text = slurp(path, NULL);
	nwb_check_streq(text, "old");
	free(text);
	nwb_check_eq(nr_files(dir), 2);
	tmp_dir_remove(dir);
	nwb_check_eq(nwb_report_write_all(dir, &err), -ENOENT);
}

/* The place is taken by a directory: an error, and no temporary file stays. */
NWB_TEST(report_write, a_failed_rename_cleans_up)
{
	char dir[256], path[300];
	struct nwb_err err = {0};

	tmp_dir(dir, sizeof(dir));
	make_session(dir);
	in(path, sizeof(path), dir, NWB_REPORT_TEXT);
	nwb_check_eq(mkdir(path, 0700), 0);
	nwb_check_eq(nwb_report_write_all(dir, &err), -EISDIR);
	nwb_check(strstr(err.text, "report.txt") != NULL);
	nwb_check_eq(nr_files(dir), 3);
	nwb_check_eq(rmdir(path), 0);
	tmp_dir_remove(dir);
}
