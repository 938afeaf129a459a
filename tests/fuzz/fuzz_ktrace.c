/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Texts of kernels: tracefs, reference traces, counters.
 *
 *	first byte % 3 = 0  lines of tracefs
 *		         1  a reference trace
 *		         2  counters, before and after
 *
 * The properties: what was read as a reference prints as lines that read back
 * the same; a trace does not differ from itself; a line told is short and
 * plain.
 */
#include "fuzz.h"
#include "nwb/ktrace.h"

#include <stdlib.h>

static void told(void *arg, const char *line)
{
	(void)arg;
	nwb_assert(strlen(line) <= 96);
	for (; *line; line++)
		nwb_assert(*line >= ' ' && *line <= '~');
}

static void same(const struct nwb_ktrace *t)
{
	static const struct nwb_kdiff_opts how[] = {
		{.words = true}, {.exact = true, .words = true}};
	struct nwb_kdiff d;

	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(how); i++)
		nwb_assert(!nwb_ktrace_diff(t, "a", t, "a", &how[i], &d));
}

static void reread(const struct nwb_ktrace *t)
{
	static const char head[] = "netwb-ktrace 1\ntrace\n";
	struct nwb_ktrace u = {0};
	char buf[256];

	for (size_t i = 0; i < t->nr; i++) {
		size_t n = sizeof(head) - 1;

		memcpy(buf, head, n);
		nwb_kstep_text(&t->step[i], buf + n, sizeof(buf) - n);
		nwb_assert(!nwb_ktrace_read(
			(struct nwb_ktext){buf, strlen(buf)}, "u", &u, NULL));
		nwb_assert(u.nr == 1);
		nwb_assert(!memcmp(u.step, &t->step[i], sizeof(*u.step)));
		nwb_ktrace_fini(&u);
	}
}

static void tracefs(struct nwb_ktext text)
{
	struct nwb_ktrace t = {0}, u = {0};
	struct nwb_kdiff d;

	if (!nwb_ktrace_add_text(&t, text))
		same(&t);
	if (!nwb_ktrace_add_text(&u, (struct nwb_ktext){text.p, text.n / 2}))
		(void)!nwb_ktrace_diff(&t, "a", &u, "b", NULL, &d);
	nwb_assert(nwb_ktrace_tell(text, 0, 4096, told, NULL) >= 0);
	nwb_ktrace_fini(&t);
	nwb_ktrace_fini(&u);
}

static void reference(struct nwb_ktext text)
{
	struct nwb_ktrace t = {0};
	struct nwb_err err = {0};

	if (nwb_ktrace_read(text, "t", &t, &err)) {
		nwb_assert(err.text[0]);
		return;
	}
	same(&t);
	reread(&t);
	nwb_ktrace_fini(&t);
}

static void counters(struct nwb_ktext text)
{
	static struct nwb_kstat a, b;
	char *delta;

	a.nr = b.nr = 0;
	nwb_kstat_parse((struct nwb_ktext){text.p, text.n / 2}, "k", &a);
	nwb_kstat_parse(text, "k", &b);
	delta = nwb_kstat_delta(&a, &b);
	nwb_assert(delta);
	free(delta);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nwb_ktext text;

	if (!size)
		return 0;
	text = (struct nwb_ktext){(const char *)data + 1, size - 1};
	if (data[0] % 3 == 0)
		tracefs(text);
	else if (data[0] % 3 == 1)
		reference(text);
	else
		counters(text);
	return 0;
}

#define AT "  wb-1 [000] .....  1.000001: "

void fuzz_seeds(void)
{
	static const char *const seeds[] = {
		"0" AT "netfs_write: R=1 WRITEBACK c=0 i=1 "
		"by=0-ffffffffffffffff\n" AT
		"netfs_folio: i=1 ix=0-1 store\n" AT
		"netfs_sreq: R=1[1] UPLD SUBMT f=100 s=0 0/2000 s=0 e=0\n" AT
		"netfs_sreq: R=1[1] UPLD TERM  f=100 s=0 2000/2000 e=-5\n" AT
		"netfs_collect: R=1 s=0-0\n" AT
		"netfs_folio: p=1 i=1 ix=0-1 clear\n" AT
		"netfs_rreq: R=1 WB WR-DONE f=1\n",
		"0" AT "netfs_failure: R=1[ffffffff] UPLD f=0 s=0 0/0 write "
		"e=-5\n" AT "netfs_write_iter: WRITE-ITER s=0 l=1 f=0\n"
		"CPU:0 [LOST 5 EVENTS]\n" AT
		"smb3_rw_credits: R=1[2] wr-prepare cred=1\n" AT
		"9p_client_req: client 1 request P9_TWRITE tag 1\n" AT
		"fuse_request_send: connection 1 req 1 opcode 1 (X) len 1\n" AT
		"tracing_mark_write: nwb: B id=1 op=write file=1 off=0 "
		"len=4096 r=0\n" AT
		"netfs_collect_sreq: R=1[0:1] s=0 t=0/1000\n",
		"1netwb-ktrace 1\nkernel 7\njob a\nstat a 1\nmount m\nlost 0\n"
		"trace\nwrite f1 0+1\nreq 1 WB f1 0+0\nstore 1 0+1 store\n"
		"submit 1.1 up 0+1 0\nterm 1.1 up 0 EAGAIN\nretry 1.1 up\n"
		"split 1.2 cache\ndiscard 1.2 cache\nfail 1.1 up write -523\n"
		"pause 1\nunpause 1\nclear 1 0+1 clear\ndone 1\n",
		("2Writes : BW=1 WT=0\nBytes read: 1  Bytes written: 2\n"
		 "0 session 1 share reconnects\nTotal Large 1 Small 2 A\n"),
	};

	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(seeds); i++)
		fuzz_seed(seeds[i], strlen(seeds[i]));
}
