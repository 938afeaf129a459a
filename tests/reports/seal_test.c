/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SHA256SUMS: written when a session ends, and what verifying finds. */
#include "nwb/store.h"
#include "rep_test.h"

#include <fcntl.h>

static void fill_session(const char *dir, bool with_end)
{
	struct nwb_store *s = NULL;
	char path[512];

	nwb_check_eq(nwb_store_create(dir, &s, NULL), 0);
	nwb_check_eq(nwb_store_add(s, session_rec(), NULL), 0);
	nwb_check_eq(nwb_store_add(s,
				   run_rec("in-place", "none", 0, "PASS", 1000),
				   NULL),
		     0);
	snprintf(path, sizeof(path), "%s/a.ledger", dir);
	spill(path, "bytes of a ledger", 17);
	snprintf(path, sizeof(path), "%s/report.txt", dir);
	spill(path, "made again", 10);
	if (with_end)
		nwb_check_eq(nwb_store_add(s, end_rec(0), NULL), 0);
	nwb_check_eq(nwb_store_close(s), 0);
}

/* A session with an end, and a ledger beside it. */
static void make_session(char *dir, size_t size, bool with_end)
{
	tmp_dir(dir, size);
	fill_session(dir, with_end);
}

static void change(const char *dir, const char *name, long at, char c)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "r+");
	nwb_check(f != NULL);
	nwb_check_eq(fseek(f, at, at < 0 ? SEEK_END : SEEK_SET), 0);
	nwb_check_eq(fputc(c, f), c);
	nwb_check_eq(fclose(f), 0);
}

static void check_verify(const char *dir, int want, const char *text)
{
	struct nwb_store_check c;
	struct nwb_err err = {0};

	nwb_check_eq(nwb_store_verify(dir, &c, &err), want);
	if (!strstr(err.text, text))
		nwb_check_streq(err.text, text);
}

NWB_TEST(report_seal, a_session_that_ended_is_sealed)
{
	struct nwb_store_check c;
	struct nwb_err err = {0};
	char dir[256], path[512], *text;

	make_session(dir, sizeof(dir), true);
	nwb_check_eq(nwb_store_verify(dir, &c, &err), 0);
	nwb_check_streq(err.text, "");
	nwb_check(c.is_sealed && c.has_end);
	nwb_check_eq(c.files, 2);
	nwb_check_eq(c.records, 3);
	nwb_check_streq(c.extra, "");
	snprintf(path, sizeof(path), "%s/" NWB_STORE_SUMS, dir);
	text = slurp(path, NULL);
	/* sha256sum(1) of "bytes of a ledger" */
	nwb_check(strstr(text,
			 "cea6c6ba8efa71eaff00c85908bd8c11c46c2fad984fd4598890"
			 "69bdfb1f2791  a.ledger\n") != NULL);
	nwb_check(strstr(text, "report.txt") == NULL);
	free(text);
	tmp_dir_remove(dir);
}

NWB_TEST(report_seal, a_session_that_was_killed_is_not)
{
	struct nwb_store_check c;
	struct nwb_err err = {0};
	char dir[256];

	make_session(dir, sizeof(dir), false);
	nwb_check_eq(nwb_store_verify(dir, &c, &err), -ENODATA);
	nwb_check(strstr(err.text, "not sealed") != NULL);
	nwb_check(!c.is_sealed && !c.has_end);
	nwb_check_eq(c.records, 2);
	tmp_dir_remove(dir);
}

NWB_TEST(report_seal, one_changed_byte_is_found_and_named)
{
	char dir[256];

	make_session(dir, sizeof(dir), true);
	change(dir, "report.txt", 0, 'X');
	check_verify(dir, 0, "");
	change(dir, "a.ledger", 0, 'B');
	check_verify(dir, -EBADMSG, "a.ledger is not what it was");
	change(dir, "a.ledger", 0, 'b');
	check_verify(dir, 0, "");
	change(dir, "run.jsonl", -2, ' ');
	check_verify(dir, -EBADMSG, "run.jsonl is not what it was");
	tmp_dir_remove(dir);
}

NWB_TEST(report_seal, what_is_missing_or_new_is_named)
{
	struct nwb_store_check c;
	char dir[256], path[512];

	make_session(dir, sizeof(dir), true);
	snprintf(path, sizeof(path), "%s/late.pcapng", dir);
	spill(path, "x", 1);
	nwb_check_eq(nwb_store_verify(dir, &c, NULL), 0);
	nwb_check_streq(c.extra, "late.pcapng");
	snprintf(path, sizeof(path), "%s/a.ledger", dir);
	nwb_check_eq(unlink(path), 0);
	check_verify(dir, -EBADMSG, "a.ledger is missing");
	tmp_dir_remove(dir);
	check_verify("/nonexistent", -ENOENT, "/nonexistent");
}

/* Whatever stands in SHA256SUMS: an error, never another directory's file. */
NWB_TEST(report_seal, a_malformed_list_is_an_error)
{
	static const char hex[] = "29e4fdc3ecaf4d8fbc9ba4a7ab5a74b8ae4a0e0e7b1f"
				  "a3c8ab9fb1e5b8d8b4a7";
	static const struct {
		const char *after_hex, *want;
	} bad[] = {
		{"", ":1: not a digest"},
		{"\n", ":1: not a digest"},
		{" run.jsonl\n", ":1: not a digest"},
		{"  ../run.jsonl\n", ":1: not a digest"},
		{"  /etc/passwd\n", ":1: not a digest"},
		{"  guest/../../x\n", ":1: not a digest"},
		{"  guest//x\n", ":1: not a digest"},
		{"  guest/\n", ":1: not a digest"},
		{"  guest/.x\n", ":1: not a digest"},
		{"  a/b/c/d/e\n", ":1: not a digest"},
		{"  .hidden\n", ":1: not a digest"},
		{"  \n", ":1: not a digest"},
		{"  run.jsonl", ":1: not a digest"},
		{"0  run.jsonl\n", ":1: not a digest"},
		{"  \xff\xfe\n", ":1: not a digest"},
		{"  run.jsonl\n", "run.jsonl is not what it was"},
	};
	char dir[256], path[512], text[256];

	make_session(dir, sizeof(dir), true);
	snprintf(path, sizeof(path), "%s/" NWB_STORE_SUMS, dir);
	for (size_t i = 0; i < NWB_ARRAY_SIZE(bad); i++) {
		snprintf(text, sizeof(text), "%s%s", hex, bad[i].after_hex);
		spill(path, text, strlen(text));
		check_verify(dir, -EBADMSG, bad[i].want);
	}
	spill(path, "", 0);
	check_verify(dir, -EBADMSG, "does not name run.jsonl");
	tmp_dir_remove(dir);
}

static void put(const char *dir, const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	spill(path, "measured", 8);
}

static void at_dir(const char *dir, const char *name, bool is_made)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (is_made)
		nwb_check_eq(mkdir(path, 0700), 0);
	else
		tmp_dir_remove(path);
}

/* What is measured of a guest lies in directories; names of reports, too. */
NWB_TEST(report_seal, what_lies_below_is_sealed)
{
	struct nwb_store_check c;
	char dir[256], path[512], to[512];

	tmp_dir(dir, sizeof(dir));
	at_dir(dir, "guest", true);
	at_dir(dir, "guest/one-1", true);
	put(dir, "guest/one-1/wire.pcapng");
	put(dir, "guest/one-1/report.txt");
	put(dir, "guest/list");
	fill_session(dir, true);
	nwb_check_eq(nwb_store_verify(dir, &c, NULL), 0);
	nwb_check_eq(c.files, 5);
	nwb_check_streq(c.extra, "");
	put(dir, "guest/one-1/new");
	nwb_check_eq(nwb_store_verify(dir, &c, NULL), 0);
	nwb_check_streq(c.extra, "guest/one-1/new");
	change(dir, "guest/one-1/wire.pcapng", 3, 'X');
	check_verify(dir, -EBADMSG, "guest/one-1/wire.pcapng is not what");
	change(dir, "guest/one-1/wire.pcapng", 3, 's');
	check_verify(dir, 0, "");

	/* the same content behind a link is not what was sealed */
	snprintf(path, sizeof(path), "%s/guest/one-1", dir);
	snprintf(to, sizeof(to), "%s/guest/other", dir);
	nwb_check_eq(rename(path, to), 0);
	nwb_check_eq(symlink("other", path), 0);
	check_verify(dir, -ENOTDIR, "guest/one-1/");
	nwb_check_eq(unlink(path), 0);
	check_verify(dir, -EBADMSG, "is missing");
	at_dir(dir, "guest/other", false);
	at_dir(dir, "guest", false);
	tmp_dir_remove(dir);
}

NWB_TEST(report_seal, a_link_is_not_followed)
{
	char dir[256], path[512];

	make_session(dir, sizeof(dir), true);
	snprintf(path, sizeof(path), "%s/a.ledger", dir);
	nwb_check_eq(unlink(path), 0);
	nwb_check_eq(symlink("run.jsonl", path), 0);
	check_verify(dir, -ELOOP, "a.ledger");
	tmp_dir_remove(dir);
}
