/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Will the files that a command writes all be there when it has ended? Of two
 * options that name one file, be it by links or in another spelling, only what
 * is written last would be left; a plan that is read would be lost. Asked before
 * anything starts: behind a run, what it has measured is gone.
 */
#include "opts_i.h"

#include "nwb/capture.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINKS_MAX 40 /* MAXSYMLINKS of Linux */

/*
 * struct output - a file that is written.
 * @suffix: what is put behind @path
 * @must_be_new: refused when it is there
 * @is_read: it is not written, but must stay as it is
 * @is_there: @st is that of its inode; else of the directory in which it will be
 *	made as @name. st_ino 0: it cannot be made, who tries will say why
 */
struct output {
	const char *opt, *path, *suffix;
	bool must_be_new, is_read;
	bool is_there;
	struct stat st;
	char name[PATH_MAX];
};

/* To @path, of PATH_MAX: what it leads to, if it is a link. */
static bool follow(char *path)
{
	char to[PATH_MAX], *slash = strrchr(path, '/');
	ssize_t n = readlink(path, to, sizeof(to) - 1);
	size_t at = slash ? (size_t)(slash + 1 - path) : 0;

	if (n <= 0)
		return false;
	to[n] = '\0';
	if (to[0] == '/')
		at = 0;
	if (at + (size_t)n >= PATH_MAX)
		return false;
	memcpy(path + at, to, (size_t)n + 1);
	return true;
}

static void find(struct output *o)
{
	char path[PATH_MAX], *slash;
	int n = snprintf(path, sizeof(path), "%s%s", o->path, o->suffix);

	if (n < 0 || (size_t)n >= sizeof(path))
		return;
	for (int i = 0; i < LINKS_MAX; i++) {
		o->is_there = !stat(path, &o->st);
		if (o->is_there || !follow(path))
			break;
	}
	if (o->is_there)
		return;
	slash = strrchr(path, '/');
	snprintf(o->name, sizeof(o->name), "%s", slash ? slash + 1 : path);
	if (slash)
		slash[1] = '\0';
	if (stat(slash ? path : ".", &o->st))
		o->st = (struct stat){0};
}

static bool is_same(const struct output *a, const struct output *b)
{
	return a->st.st_ino && a->st.st_ino == b->st.st_ino &&
	       a->st.st_dev == b->st.st_dev && a->is_there == b->is_there &&
	       !strcmp(a->name, b->name);
}

/* @b: the other one, NULL: there is none. */
static int refuse(const struct output *a, const struct output *b,
		  const char *why)
{
	fprintf(stderr, "netwb: --%s %s%s", a->opt, a->path, a->suffix);
	if (b)
		fprintf(stderr, " and --%s %s%s", b->opt, b->path, b->suffix);
	fprintf(stderr, ": %s\n", why);
	return -1;
}

/* The last of @nr, beside those before it. */
static int check(const struct output *o, unsigned int nr)
{
	const struct output *last = &o[nr - 1];

	for (unsigned int i = 0; i + 1 < nr; i++)
		if (!(o[i].is_read && last->is_read) && is_same(&o[i], last))
			return refuse(&o[i], last, "they are one file");
	if (last->must_be_new && last->is_there)
		return refuse(last, NULL, "it is there already");
	return 0;
}

int bench_outputs_check(const struct bench_cli *c)
{
	const struct bench_run_opts *r = &c->run;
	const struct output all[] = {
		{"ledger", r->ledger_path, "", .must_be_new = true},
		{"ledger", r->ledger_path, BENCH_MIRROR_LEDGER,
		 .must_be_new = r->mirror[0]},
		{"capture", r->capture_path, ""},
		{"capture", r->capture_path, NWB_CAPTURE_KEYS},
		{"trace", r->trace_path, ""},
	};
	struct output o[NWB_ARRAY_SIZE(all) + NWB_ARRAY_SIZE(c->plan_files)];
	unsigned int nr = 0;
	int rc = 0;

	for (unsigned int i = 0; i < c->nr_plan_files; i++)
		o[nr++] = (struct output){"plan", c->plan_files[i], "",
					  .is_read = true};
	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(all); i++)
		if (all[i].path)
			o[nr++] = all[i];
	for (unsigned int i = 0; i < nr && !rc; i++) {
		find(&o[i]);
		rc = check(o, i + 1);
	}
	return rc;
}
