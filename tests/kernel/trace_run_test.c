/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a guest tells of its kernel, kept: records in, files out. */
#include "nwb/guest_chan.h"
#include "nwb/ktrace.h"
#include "nwb_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NETFS "/proc/fs/netfs/stats"

static void tell(struct nwb_krun *r, uint16_t type, const void *p, size_t n)
{
	struct nwb_chan_rec rec = {
		.type = type, .payload = p, .len = (uint32_t)n};

	nwb_krun_record(r, &rec);
}

/* path, NUL, text; in pieces of @piece bytes, and the piece that ends it */
static void tell_stat(struct nwb_krun *r, const char *path, const char *text,
		      size_t piece)
{
	size_t head = strlen(path) + 1, left = strlen(text), n;
	char buf[512];

	memcpy(buf, path, head);
	for (; left; left -= n, text += n) {
		n = nwb_min(left, piece);
		memcpy(buf + head, text, n);
		tell(r, NWB_CHAN_STAT, buf, head + n);
	}
	tell(r, NWB_CHAN_STAT, buf, head);
}

NWB_TEST(trace_run, counters_of_first_and_last)
{
	static struct nwb_krun r;
	char *d;

	tell_stat(&r, NETFS, "Writes : BW=1 WT=0\n", 5);
	tell_stat(&r, "/proc/fs/cifs/Stats", "Bytes read: 1\n", 500);
	tell_stat(&r, NETFS, "Writes : BW=2 WT=0\n", 500);
	tell_stat(&r, NETFS, "Writes : BW=8 WT=3\n", 7);
	d = nwb_krun_delta(&r);
	/* cifs has told its counters once: there is nothing to be said */
	nwb_check_streq(d, "netfs.Writes.BW 7\nnetfs.Writes.WT 3\n");
	free(d);
	nwb_krun_fini(&r);
}

NWB_TEST(trace_run, other_records_and_nonsense)
{
	static const char no_nul[4] = "abcd";
	static char long_path[100];
	static struct nwb_krun r;

	tell(&r, NWB_CHAN_BEAT, NULL, 0);
	tell(&r, NWB_CHAN_MARK, "x", 1);
	tell(&r, NWB_CHAN_STAT, no_nul, sizeof(no_nul));
	tell(&r, NWB_CHAN_STAT, "", 1);
	memset(long_path, 'p', sizeof(long_path) - 1);
	tell(&r, NWB_CHAN_STAT, long_path, sizeof(long_path));
	nwb_check_eq(r.nr_stats, 0);
	for (int i = 0; i < 2 * (int)NWB_KRUN_STATS_MAX; i++) {
		char path[32];

		snprintf(path, sizeof(path), "/p/%d", i);
		tell_stat(&r, path, "a=1", 3);
	}
	nwb_check_eq(r.nr_stats, NWB_KRUN_STATS_MAX);
	nwb_krun_fini(&r);
	nwb_check_eq(r.nr_stats, 0);
}

NWB_TEST(trace_run, too_long_a_trace_is_cut_and_counted)
{
	static struct nwb_krun r;
	size_t n = NWB_KRUN_TRACE_MAX / 3 + 1;
	char *p = calloc(1, n);

	nwb_check(p);
	for (int i = 0; i < 4; i++)
		tell(&r, NWB_CHAN_TRACE, p, n);
	nwb_check_eq(r.trace.n, 2 * n);
	nwb_check_eq(r.cut, 2 * n);
	free(p);
	nwb_krun_fini(&r);
}

static void is_file(const char *prefix, const char *end, const char *want)
{
	struct nwb_err err = {0};
	char path[128], *p = NULL;
	size_t n = 0;

	snprintf(path, sizeof(path), "%s%s", prefix, end);
	if (!want) {
		nwb_check(access(path, F_OK) < 0);
		return;
	}
	nwb_check_eq(nwb_ktext_load(path, &p, &n, &err), 0);
	nwb_check_eq(n, strlen(want));
	nwb_check(!memcmp(p, want, n));
	free(p);
	nwb_check_eq(unlink(path), 0);
}

NWB_TEST(trace_run, save)
{
	static struct nwb_krun r;
	struct nwb_err err = {0};
	char prefix[64];

	snprintf(prefix, sizeof(prefix), "/tmp/nwb-krun-%d", getpid());
	nwb_check_eq(nwb_krun_save(&r, prefix, &err), 0);
	is_file(prefix, ".trace.gz", NULL);
	is_file(prefix, ".stat", NULL);
	tell(&r, NWB_CHAN_TRACE, "one ", 4);
	tell(&r, NWB_CHAN_TRACE, "line\n", 5);
	tell_stat(&r, NETFS, "Objs : rr=0\n", 64);
	tell_stat(&r, NETFS, "Objs : rr=2\n", 64);
	nwb_check_eq(nwb_krun_save(&r, prefix, &err), 0);
	is_file(prefix, ".trace.gz", "one line\n");
	is_file(prefix, ".stat", "netfs.Objs.rr 2\n");
	nwb_check(nwb_krun_save(&r, "/nowhere/x", &err) < 0);
	nwb_check(err.text[0]);
	nwb_krun_fini(&r);
}

NWB_TEST(trace_run, verbs)
{
	char on[1024], off[512], small[10];
	int n = nwb_ktrace_verbs_on("cifs", true, on, sizeof(on));

	nwb_check_eq(n, (int)strlen(on));
	nwb_check(strstr(on, "stat /proc/fs/netfs/stats\n"));
	nwb_check(strstr(on, "stat /proc/fs/cifs/Stats\n"));
	nwb_check(strstr(on, "\ntrace live 8192 netfs cifs:"));
	nwb_ktrace_verbs_off("cifs", off, sizeof(off));
	nwb_check(!strncmp(off, "trace off\nstat ", 15));
	nwb_ktrace_verbs_on("9p", false, on, sizeof(on));
	nwb_check(strstr(on, "\ntrace on 8192 netfs 9p:"));
	n = nwb_ktrace_verbs_on("fuse", false, small, sizeof(small));
	nwb_check(n > (int)sizeof(small));
	nwb_check_eq(strlen(small), sizeof(small) - 1);
}
