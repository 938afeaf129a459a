/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reference traces as files, and the first difference of two. */
#include "nwb/ktrace.h"
#include "nwb_test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEAD                                                                   \
	"netwb-ktrace 1\nkernel 6.12.95\nworkload w\nlane uml\nfs cifs\n"      \
	"mount vers=3.1.1,a b\njob open 1 1\njob   write 1 0 4K\n"             \
	"stat netfs.Writes.BW 2\nlost 0\ntrace\n"
#define STEPS                                                                  \
	"write f1 0+2000\n"                                                    \
	"req 1 WB f1 0+0\n"                                                    \
	"store 1 0+1 store\n"                                                  \
	"submit 1.1 up 0+1000 0\n"                                             \
	"store 1 1+1 store+\n"                                                 \
	"submit 1.2 up 1000+1000 0\n"                                          \
	"term 1.1 up 0 EAGAIN\n"                                               \
	"pause 1\n"                                                            \
	"term 1.2 up 1000 ok\n"                                                \
	"retry 1.1 up\n"                                                       \
	"submit 1.1 up 0+800 0\n"                                              \
	"split 1.3 up\n"                                                       \
	"submit 1.3 up 800+800 0\n"                                            \
	"discard 1.4 cache\n"                                                  \
	"fail 1.3 up write -523\n"                                             \
	"unpause 1\n"                                                          \
	"clear 1 0+1 clear\n"                                                  \
	"clear 1 1+1 clear\n"                                                  \
	"done 1\n"

static struct nwb_ktrace read_text(const char *s)
{
	struct nwb_ktrace t = {0};
	struct nwb_err err = {0};
	int rc = nwb_ktrace_read((struct nwb_ktext){s, strlen(s)}, "t", &t,
				 &err);

	nwb_check_streq(err.text, "");
	nwb_check_eq(rc, 0);
	return t;
}

static void round_trip(const char *end)
{
	char path[64], *back = NULL;
	struct nwb_ktrace t = read_text(HEAD STEPS), u = {0};
	struct nwb_err err = {0};
	size_t n = 0;

	snprintf(path, sizeof(path), "/tmp/nwb-ktrace-%d%s", getpid(), end);
	nwb_check_eq(nwb_ktrace_save(&t, path, &err), 0);
	nwb_check_eq(nwb_ktext_load(path, &back, &n, &err), 0);
	nwb_check_eq(n, strlen(HEAD STEPS));
	nwb_check(!memcmp(back, HEAD STEPS, n));
	free(back);
	nwb_check_eq(nwb_ktrace_load(path, &u, &err), 0);
	nwb_check_eq(unlink(path), 0);
	nwb_check_eq(u.nr, t.nr);
	nwb_check_streq(u.head.mount, "vers=3.1.1,a b");
	nwb_check_streq(u.head.job, "open 1 1\n  write 1 0 4K\n");
	nwb_check_streq(u.head.stat, "netfs.Writes.BW 2\n");
	nwb_ktrace_fini(&t);
	nwb_ktrace_fini(&u);
}

NWB_TEST(trace_file, round_trip)
{
	round_trip(".txt");
	round_trip(".gz");
}

NWB_TEST(trace_file, a_line_that_is_wrong)
{
	static const char *const lines[] = {
		"wrote f1 0+1",
		"write f1 0",
		"write 1 0+1",
		"write f1 0+1 x",
		"write f65536 0+1",
		"req 1 WB f1",
		"req x WB f1 0+0",
		"store 1 0+1",
		"store 1 0-1 store",
		"submit 1 up 0+1 0",
		"submit 1.1 down 0+1 0",
		"submit 1.1 up 0+1",
		"term 1.1 up 0",
		"term 1.1 up 0 EWHAT",
		"term 1.1 up 0 -x",
		"retry 1.x up",
		"done",
		"done 4294967296",
		"store 1 0+10000000000000000 store",
		"store 1 0+1 a-word-that-is-too-long",
		"",
	};

	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(lines); i++) {
		struct nwb_ktrace t = {0};
		struct nwb_err err = {0};
		char s[512];

		snprintf(s, sizeof(s), HEAD "done 1\n%s\n", lines[i]);
		nwb_check_eq(nwb_ktrace_read((struct nwb_ktext){s, strlen(s)},
					     "t", &t, &err),
			     -EINVAL);
		nwb_check_streq(err.text,
				"t:13: this is not a line of a trace");
		nwb_check_eq(t.nr, 0);
	}
}

NWB_TEST(trace_file, a_head_that_is_wrong)
{
	static const char *const heads[] = {
		"",
		"netwb-ktrace 2\ntrace\n",
		"netwb-ktrace 1\n",
		"netwb-ktrace 1\nlost x\ntrace\n",
		"netwb-ktrace 1\nwhat 1\ntrace\n",
		"netwb-ktrace 1\nmount a\nmount b\ntrace\n",
		"netwb-ktrace 1\nlane a-lane-with-a-long-name\ntrace\n",
	};

	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(heads); i++) {
		struct nwb_ktext s = {heads[i], strlen(heads[i])};
		struct nwb_ktrace t = {0};
		struct nwb_err err = {0};

		nwb_check_eq(nwb_ktrace_read(s, "t", &t, &err), -EINVAL);
		nwb_check(err.text[0]);
	}
}

NWB_TEST(trace_file, cut_short)
{
	struct nwb_ktrace t = read_text(HEAD STEPS);
	struct nwb_err err = {0};
	char path[64];

	snprintf(path, sizeof(path), "/tmp/nwb-ktrace-cut-%d.gz", getpid());
	nwb_check_eq(nwb_ktrace_save(&t, path, &err), 0);
	nwb_ktrace_fini(&t);
	nwb_check_eq(truncate(path, 60), 0);
	nwb_check(nwb_ktrace_load(path, &t, &err) < 0);
	nwb_check(strstr(err.text, "cut short"));
	nwb_check_eq(unlink(path), 0);
	err = (struct nwb_err){0};
	nwb_check_eq(nwb_ktrace_load(path, &t, &err), -ENOENT);
	nwb_check_eq(nwb_ktrace_save(&t, "/nowhere/x.gz", &err), -ENOENT);
}

static void differ(const char *a, const char *b, const struct nwb_kdiff_opts *o,
		   const char *want)
{
	static const char head[] = "netwb-ktrace 1\nlost 0\ntrace\n";
	char sa[2048], sb[2048];
	struct nwb_ktrace ta, tb;
	struct nwb_kdiff d = {.text = "the same"};
	int rc;

	snprintf(sa, sizeof(sa), "%s%s", head, a);
	snprintf(sb, sizeof(sb), "%s%s", head, b);
	ta = read_text(sa);
	tb = read_text(sb);
	rc = nwb_ktrace_diff(&ta, "A", &tb, "B", o, &d);
	nwb_check_streq(d.text, want);
	nwb_check_eq(rc, strcmp(want, "the same") != 0);
	/* the other way round it is the same difference */
	d = (struct nwb_kdiff){.text = "the same"};
	nwb_check_eq(nwb_ktrace_diff(&tb, "B", &ta, "A", o, &d), rc);
	nwb_ktrace_fini(&ta);
	nwb_ktrace_fini(&tb);
}

static const struct nwb_kdiff_opts exact = {.exact = true};
static const struct nwb_kdiff_opts words = {.words = true};

#define REQ "req 1 WB f1 0+0\n"

NWB_TEST(trace_diff, the_same)
{
	differ(STEPS, STEPS, NULL, "the same");
	differ(STEPS, STEPS, &exact, "the same");
	differ("", "", NULL, "the same");
}

NWB_TEST(trace_diff, who_was_faster_is_no_difference)
{
	static const char a[] = REQ "submit 1.1 up 0+1 0\nterm 1.1 up 1 ok\n"
				    "submit 1.2 up 1+1 0\nterm 1.2 up 1 ok\n";
	static const char b[] = REQ "submit 1.1 up 0+1 0\nsubmit 1.2 up 1+1 0\n"
				    "pause 1\nterm 1.2 up 1 ok\n"
				    "term 1.1 up 1 ok\nunpause 1\n";

	differ(a, b, NULL, "the same");
	differ(a, b, &exact,
	       "step 3: A has \"term 1.1 up 1 ok\", B has \"submit 1.2 up 1+1 "
	       "0\"");
}

NWB_TEST(trace_diff, the_issuer_cuts_elsewhere)
{
	differ(REQ "store 1 0+2 store\nsubmit 1.1 up 0+2000 0\n",
	       REQ "store 1 0+2 store\nsubmit 1.1 up 0+1000 0\n"
		   "submit 1.2 up 1000+1000 0\n",
	       NULL,
	       "request 1: what the issuer does, step 2: A has \"submit 1.1 up "
	       "0+2000 0\", B has \"submit 1.1 up 0+1000 0\"");
}

NWB_TEST(trace_diff, the_issuer_stops_sooner)
{
	differ(REQ "store 1 0+1 store\nstore 1 1+1 store\ndone 1\n",
	       REQ "store 1 0+1 store\ndone 1\n", NULL,
	       "request 1: what the issuer does, step 2: A has \"store 1 1+1 "
	       "store\", B has nothing more");
}

NWB_TEST(trace_diff, a_retry_is_missing)
{
	differ(REQ "submit 1.1 up 0+1 0\nterm 1.1 up 0 EAGAIN\nretry 1.1 up\n"
		   "submit 1.1 up 0+1 0\nterm 1.1 up 1 ok\ndone 1\n",
	       REQ "submit 1.1 up 0+1 0\nterm 1.1 up 0 EAGAIN\ndone 1\n", NULL,
	       "the life of subrequest 1.1, step 3: A has \"retry 1.1 up\", B "
	       "has nothing more");
}

NWB_TEST(trace_diff, another_error)
{
	differ(REQ "submit 1.1 up 0+1 0\nterm 1.1 up 0 EIO\n",
	       REQ "submit 1.1 up 0+1 0\nterm 1.1 up 0 ENOSPC\n", NULL,
	       "the life of subrequest 1.1, step 2: A has \"term 1.1 up 0 "
	       "EIO\", B has \"term 1.1 up 0 ENOSPC\"");
}

NWB_TEST(trace_diff, one_request_more)
{
	differ(REQ "submit 1.1 up 0+1 0\n",
	       REQ "submit 1.1 up 0+1 0\nreq 2 WB f1 0+0\n", NULL,
	       "the requests, step 2: A has nothing more, B has \"req 2 WB f1 "
	       "0+0\"");
}

NWB_TEST(trace_diff, pages_become_clean_in_another_order)
{
	differ(REQ "clear 1 0+1 clear\nclear 1 1+1 clear\n",
	       REQ "clear 1 1+1 clear\nclear 1 0+1 clear\n", NULL,
	       "request 1: the order in which pages become clean, step 1: A "
	       "has \"clear 1 0+1 clear\", B has \"clear 1 1+1 clear\"");
}

NWB_TEST(trace_diff, words_count_when_asked)
{
	differ(REQ "store 1 0+1 store\n", REQ "store 1 0+1 store+\n", NULL,
	       "the same");
	differ(REQ "store 1 0+1 store\n", REQ "store 1 0+1 store+\n", &words,
	       "request 1: what the issuer does, step 1: A has \"store 1 0+1 "
	       "store\", B has \"store 1 0+1 store+\"");
	/* an origin is no matter of words */
	differ("req 1 WB f1 0+0\n", "req 1 WT f1 0+0\n", NULL,
	       "the requests, step 1: A has \"req 1 WB f1 0+0\", B has \"req 1 "
	       "WT f1 0+0\"");
}

NWB_TEST(trace_diff, calls_count_when_both_have_them)
{
	differ("write f1 0+1\n" REQ, REQ, NULL, "the same");
	differ("write f1 0+1\n" REQ, "write f1 0+2\n" REQ, NULL,
	       "the write calls, step 1: A has \"write f1 0+1\", B has "
	       "\"write f1 0+2\"");
	/* a kernel that does not say which file */
	differ("write f1 0+1\n" REQ, "write f0 0+1\n" REQ, NULL, "the same");
}
