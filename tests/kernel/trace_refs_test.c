/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The reference traces of the tree (tests/data/traces, written by `netwb kernel
 * record`): each can be read, lost nothing, and keeps the rules that every
 * writeback of netfs keeps (a folio's writeback ends once each time it has
 * begun; what was submitted terminates).
 */
#include "nwb/ktrace.h"
#include "nwb_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What has begun and not ended, of one request's pages. */
static long open_pages(const struct nwb_ktrace *t)
{
	long open = 0;

	for (size_t i = 0; i < t->nr; i++) {
		if (t->step[i].kind == NWB_KS_STORE)
			open += (long)t->step[i].len;
		if (t->step[i].kind == NWB_KS_CLEAR)
			open -= (long)t->step[i].len;
	}
	return open;
}

static long open_subs(const struct nwb_ktrace *t)
{
	long open = 0;

	for (size_t i = 0; i < t->nr; i++) {
		open += t->step[i].kind == NWB_KS_SUBMIT;
		open -= t->step[i].kind == NWB_KS_TERM;
	}
	return open;
}

static unsigned int count(const struct nwb_ktrace *t, enum nwb_kstep_kind kind)
{
	unsigned int nr = 0;

	for (size_t i = 0; i < t->nr; i++)
		nr += t->step[i].kind == kind;
	return nr;
}

/* "cifs-seq-4k" of a directory. */
static void check_one(const char *dir, const char *fs, const char *workload)
{
	struct nwb_ktrace t = {0};
	struct nwb_err err = {0};
	struct nwb_kdiff d;
	char path[512];

	snprintf(path, sizeof(path), "%s/%s/%s-%s.gz", TRACES_DIR, dir, fs,
		 workload);
	nwb_check_eq(nwb_ktrace_load(path, &t, &err), 0);
	nwb_check_eq(t.lost, 0);
	nwb_check(t.head.kernel[0] && t.head.lane[0] && t.head.job &&
		  t.head.stat);
	nwb_check_streq(t.head.workload, workload);
	nwb_check_streq(t.head.fs, fs);
	nwb_check_eq(count(&t, NWB_KS_WRITE) > 0,
		     strcmp(workload, "mapped") != 0);
	nwb_check(count(&t, NWB_KS_REQ) > 0);
	nwb_check_eq(count(&t, NWB_KS_REQ), count(&t, NWB_KS_DONE));
	nwb_check(count(&t, NWB_KS_SUBMIT) > 0);
	nwb_check_eq(open_subs(&t), 0);
	nwb_check_eq(open_pages(&t), 0);
	for (size_t i = 0; i < t.nr; i++)
		nwb_check(t.step[i].kind == NWB_KS_WRITE || t.step[i].req);
	nwb_check_eq(nwb_ktrace_diff(&t, "a", &t, "a", NULL, &d), 0);
	/* 9p sends the rest of a short write itself (p9_client_write) */
	nwb_check_eq(count(&t, NWB_KS_RETRY) > 0,
		     !strcmp(workload, "cut-retry"));
	nwb_ktrace_fini(&t);
}

static const char *const on_both[] = {
	"append", "fsync",  "mapped",	 "osync",    "rand-1m",	  "rand-4k",
	"seq-1m", "seq-4k", "streaming", "truncate", "unaligned",
};

static void check_kernel(const char *dir)
{
	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(on_both); i++) {
		check_one(dir, "cifs", on_both[i]);
		check_one(dir, "9p", on_both[i]);
	}
	check_one(dir, "cifs", "direct");
	check_one(dir, "cifs", "small-wsize");
	check_one(dir, "cifs", "cut-retry");
	check_one(dir, "9p", "short-write");
}

NWB_TEST(trace_refs, linux_6_12)
{
	check_kernel("linux-6.12");
}

NWB_TEST(trace_refs, linux_7_2)
{
	check_kernel("linux-7.2");
}
