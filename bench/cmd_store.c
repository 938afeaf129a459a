/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netwb store: is what was measured still what it was; the index of it. */
#include "bench_i.h"

#include "nwb/store.h"
#include <dirent.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int usage(FILE *out)
{
	fprintf(out,
		"usage: netwb store verify [DIR...]\n"
		"       netwb store index [DIR]\n\n"
		"verify  hold sessions against the SHA256SUMS that were "
		"written when they\n        ended, and their run.jsonl against "
		"the "
		"schema. DIR: a session, or a\n        directory of sessions "
		"(default results).\n\n"
		"index   make DIR/index.sqlite again from the run.jsonl files "
		"below DIR; `netwb\n        history` does it by itself when it "
		"is missing, old or damaged.\n\n"
		"Exit: 0 all is as it was, 1 something differs, 2 a session "
		"was cut short and\n      never sealed, or cannot be read.\n");
	return out == stdout ? NWB_EXIT_OK : NWB_EXIT_USAGE;
}

/* --- verify --------------------------------------------------------------- */

static bool is_session(const char *dir)
{
	char path[4200];
	int n = snprintf(path, sizeof(path), "%s/%s", dir, NWB_STORE_NAME);

	return n > 0 && (size_t)n < sizeof(path) && !access(path, F_OK);
}

static int verify_one(const char *dir)
{
	struct nwb_store_check c;
	struct nwb_err err = {0};
	int rc = nwb_store_verify(dir, &c, &err);

	if (!rc)
		printf("%s: ok, %zu records, %u files\n", dir, c.records,
		       c.files);
	else
		printf("%s: %s\n", rc == -ENODATA ? "unsealed" : "BAD",
		       err.text);
	if (c.extra[0])
		printf("  not in %s: %s\n", NWB_STORE_SUMS, c.extra);
	if (rc == -EBADMSG || rc == -EINVAL)
		return NWB_EXIT_FAIL;
	return rc ? NWB_EXIT_BROKEN : NWB_EXIT_OK;
}

/* A difference weighs more than a session that was cut short. */
static int worse(int a, int b)
{
	if (a == NWB_EXIT_FAIL || b == NWB_EXIT_FAIL)
		return NWB_EXIT_FAIL;
	return a ? a : b;
}

static int no_dots(const struct dirent *de)
{
	return de->d_name[0] != '.';
}

static int verify_dir(const char *dir)
{
	struct dirent **list;
	int nr, code = NWB_EXIT_OK, found = 0;

	if (is_session(dir))
		return verify_one(dir);
	nr = scandir(dir, &list, no_dots, alphasort);
	for (int i = 0; i < nr; i++) {
		char path[4200];
		int n = snprintf(path, sizeof(path), "%s/%s", dir,
				 list[i]->d_name);

		if (n > 0 && (size_t)n < sizeof(path) && is_session(path)) {
			code = worse(code, verify_one(path));
			found++;
		}
		free(list[i]);
	}
	if (nr >= 0)
		free(list);
	if (found)
		return code;
	fprintf(stderr, "netwb: %s: no session in there\n", dir);
	return NWB_EXIT_BROKEN;
}

static int verify(int argc, char **argv)
{
	int code = NWB_EXIT_OK;

	if (!argc)
		return verify_dir("results");
	for (int i = 0; i < argc; i++)
		code = worse(code, verify_dir(argv[i]));
	return code;
}

/* --- index ---------------------------------------------------------------- */

static int make_index(const char *base)
{
	struct nwb_index_stats st;
	struct nwb_index *x = NULL;
	struct nwb_err err = {0};
	int rc = nwb_index_open(base, true, &x, &err);

	if (!rc && *nwb_index_note(x))
		fprintf(stderr, "netwb: %s\n", nwb_index_note(x));
	if (!rc)
		rc = nwb_index_stats(x, &st, &err);
	if (!rc)
		printf("%s/%s: %u sessions (%u cannot be read), %u cases, %llu "
		       "values\n",
		       base, NWB_INDEX_NAME, st.sessions, st.unreadable,
		       st.cases, st.values);
	nwb_index_close(x);
	if (rc)
		fprintf(stderr, "netwb: %s\n", err.text);
	return rc ? NWB_EXIT_BROKEN : NWB_EXIT_OK;
}

int bench_cmd_store(int argc, char **argv)
{
	if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")))
		return usage(stdout);
	for (int i = 2; i < argc; i++)
		if (argv[i][0] == '-')
			return usage(!strcmp(argv[i], "--help") ? stdout
								: stderr);
	if (argc > 1 && !strcmp(argv[1], "verify"))
		return verify(argc - 2, argv + 2);
	if (argc > 1 && argc < 4 && !strcmp(argv[1], "index"))
		return make_index(argc > 2 ? argv[2] : "results");
	return usage(stderr);
}
