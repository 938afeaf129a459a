/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records and directories for the tests of the reports. */
#ifndef NWB_REP_TEST_H
#define NWB_REP_TEST_H

#include "nwb/report.h"
#include "nwb_test.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define GOLDEN(name) GOLDEN_DIR "/" name

static inline bool has(const char *text, const char *part)
{
	return strstr(text, part) != NULL;
}

static inline json_t *session_rec(void)
{
	json_t *r = json_pack("{s:i, s:s, s:s, s:{s:s}}", "v", 1, "type",
			      "session", "id", "t1", "servers", "smbd", "4.17");

	nwb_check(r != NULL);
	return r;
}

static inline json_t *end_rec(int code)
{
	json_t *r =
		json_pack("{s:i, s:s, s:i, s:b, s:i}", "v", 1, "type", "end",
			  "exit", code, "interrupted", 0, "duration_ns", 5);

	nwb_check(r != NULL);
	return r;
}

/* 1 MiB in @ns; everything else is not measured. "not judged" is a verdict of
 * null. */
static inline json_t *run_rec(const char *subject, const char *fault, int pair,
			      const char *verdict, long long ns)
{
	char cell[256];
	json_t *r;

	snprintf(cell, sizeof(cell), "smbd.%s.seq1m.%s", subject, fault);
	r = json_pack(
		"{s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:s?, s:i, s:I}", "v",
		1, "type", "run", "cell", cell, "server", "smbd", "subject",
		subject, "workload", "seq1m", "fault", fault, "pair", pair,
		"verdict", strcmp(verdict, "not judged") ? verdict : NULL,
		"bytes", 1048576, "durable_ns", (json_int_t)ns);
	nwb_check(r != NULL);
	return r;
}

static inline void tmp_dir(char *buf, size_t size)
{
	const char *base = getenv("TMPDIR");

	snprintf(buf, size, "%s/nwb-rep-XXXXXX", base ? base : "/tmp");
	nwb_check(mkdtemp(buf) != NULL);
}

/* Removes the plain files of @dir, then @dir. */
static inline void tmp_dir_remove(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	nwb_check(d != NULL);
	while ((e = readdir(d)))
		if (e->d_name[0] != '.' || strlen(e->d_name) > 2)
			unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);
	nwb_check_eq(rmdir(dir), 0);
}

/* The whole file with a NUL behind it; to be freed. */
static inline char *slurp(const char *path, size_t *ret_len)
{
	FILE *f = fopen(path, "r");
	char *buf = NULL;
	size_t size = 0;
	ssize_t n;

	nwb_check(f != NULL);
	n = getdelim(&buf, &size, -1, f);
	if (n < 0) {
		n = 0;
		free(buf);
		buf = calloc(1, 1);
	}
	fclose(f);
	nwb_check(buf != NULL);
	if (ret_len)
		*ret_len = (size_t)n;
	return buf;
}

static inline void spill(const char *path, const char *buf, size_t len)
{
	FILE *f = fopen(path, "w");

	nwb_check(f != NULL);
	nwb_check_eq(fwrite(buf, 1, len, f), len);
	nwb_check_eq(fclose(f), 0);
}

/* What every text report must be. */
static inline void check_columns(const char *text)
{
	for (const char *line = text; *line; line += strcspn(line, "\n") + 1) {
		size_t len = strcspn(line, "\n");

		if (len > NWB_REPORT_COLUMNS) {
			char copy[200];

			snprintf(copy, sizeof(copy), "%.*s", (int)len, line);
			nwb_check_streq(copy, "at most 72 columns");
		}
		nwb_check(!len || line[len - 1] != ' ');
		for (size_t i = 0; i < len; i++)
			nwb_check(line[i] >= 0x20 && line[i] <= 0x7e);
	}
	nwb_check(!*text || text[strlen(text) - 1] == '\n');
}

/* All reports of the records in @golden, in a directory of their own: through
 * write_all, so that the digest is in them. tmp_dir_remove() ends it. */
static inline void golden_write(const char *golden, char *dir, size_t size)
{
	char path[300], *recs;
	size_t len;

	tmp_dir(dir, size);
	recs = slurp(golden, &len);
	snprintf(path, sizeof(path), "%s/run.jsonl", dir);
	spill(path, recs, len);
	free(recs);
	nwb_check_eq(nwb_report_write_all(dir, NULL), 0);
}

/* Is the report @name of @dir what @golden has, to the letter? */
static inline void golden_same(const char *dir, const char *name,
			       const char *golden)
{
	char path[300], *got, *want;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	got = slurp(path, NULL);
	want = slurp(golden, NULL);
	if (has(name, ".txt"))
		check_columns(got);
	nwb_check(!strcmp(got, want));
	free(want);
	free(got);
}

/* What every page must be: complete, and sufficient to itself. An attribute
 * "on..." would have a quote and a blank before it. */
static inline void check_page(const char *text)
{
	static const char *const never[] = {
		"<script", "http:",	 "https:", "src=",  "url(",  "@import",
		"<img",	   "<iframe",	 "<base",  "<form", "\" on", "' on",
		"nan",	   "javascript", "=\"inf", "-inf",
	};

	nwb_check(!strncmp(text, "<!DOCTYPE html>\n", 16));
	nwb_check(strstr(text, "</html>\n") != NULL);
	for (size_t i = 0; i < NWB_ARRAY_SIZE(never); i++)
		if (strstr(text, never[i]))
			nwb_check_streq(never[i], "never on a page");
}

/* A report as a string; to be freed. @parts 0: JUnit. */
static inline char *render(const json_t *recs, unsigned int parts)
{
	struct nwb_err err = {0};
	char *buf = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&buf, &len);
	int r;

	nwb_check(f != NULL);
	if (parts)
		r = nwb_report_text(recs, f, parts, NULL, &err);
	else
		r = nwb_report_junit(recs, f, &err);
	nwb_check_eq(fclose(f), 0);
	nwb_check_streq(err.text, "");
	nwb_check_eq(r, 0);
	return buf;
}

/* As nwb_report_write_all() has it printed, without a digest; to be freed. */
static inline char *render_as(const json_t *recs, enum nwb_report_format format)
{
	struct nwb_err err = {0};
	char *buf = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&buf, &len);

	nwb_check(f != NULL);
	nwb_check_eq(nwb_report_print(recs, format, f, NULL, &err), 0);
	nwb_check_eq(fclose(f), 0);
	nwb_check_streq(err.text, "");
	return buf;
}

static inline json_t *load(const char *path)
{
	struct nwb_err err = {0};
	json_t *recs = NULL;
	int r = nwb_store_load(path, &recs, &err);

	nwb_check_streq(err.text, "");
	nwb_check_eq(r, 0);
	return recs;
}

#endif
