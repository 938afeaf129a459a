/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines of tracefs, as the two kernels print them, taken apart. */
#include "nwb/ktrace.h"
#include "nwb_test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define AT "     kworker/u4:2-45      [001] d..1.    12.345678: "

static struct nwb_ktext text(const char *s)
{
	return (struct nwb_ktext){s, strlen(s)};
}

static struct nwb_kev parse(const char *line)
{
	struct nwb_kev e;

	nwb_check_eq(nwb_kev_parse(text(line), &e), 0);
	return e;
}

static void is_text(struct nwb_ktext t, const char *want)
{
	char buf[64];

	snprintf(buf, sizeof(buf), "%.*s", (int)t.n, t.p);
	nwb_check_streq(buf, want);
}

NWB_TEST(trace_lines, head_of_a_line)
{
	struct nwb_kev e = parse(AT "some_event: a b=1");

	nwb_check_eq(e.kind, NWB_KEV_TEXT);
	nwb_check_eq(e.ns, 12345678000);
	nwb_check_eq(e.pid, 45);
	nwb_check_eq(e.cpu, 1);
	is_text(e.task, "kworker/u4:2");
	is_text(e.event, "some_event");
	is_text(e.body, "a b=1");
}

NWB_TEST(trace_lines, task_with_brackets_and_blanks)
{
	struct nwb_kev e =
		parse("  a [0] b-c-7   [000] .....     0.000001: ev: x");

	is_text(e.task, "a [0] b-c");
	nwb_check_eq(e.pid, 7);
	nwb_check_eq(e.ns, 1000);
}

NWB_TEST(trace_lines, clock_that_counts_and_no_flags)
{
	nwb_check_eq(parse("x-1 [000] 77: ev: y").ns, 77);
	nwb_check_eq(parse("x-1 [000] .... 77: ev: y").ns, 77);
}

NWB_TEST(trace_lines, no_event)
{
	static const char *const lines[] = {
		"",
		"# tracer: nop",
		"#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION",
		"00000: 0d 00 00 00 64 ff ff 13",
		"x-1 [000] .... : ev: y",
		"x-1 [000] .... 1.5 ev: y",
		"x [000] .... 1.5: ev: y",
		"x-1 [0q0] .... 1.5: ev: y",
		"x-1 [000] .... 1.5: ev",
		"x-1 [000] .... 99999999999999999999.5: ev: y",
		"x-1 [000",
		"[",
	};
	struct nwb_kev e;

	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(lines); i++)
		nwb_check_eq(nwb_kev_parse(text(lines[i]), &e), -EINVAL);
}

NWB_TEST(trace_lines, lost_events)
{
	struct nwb_kev e = parse("CPU:0 [LOST 12 EVENTS]");

	nwb_check_eq(e.kind, NWB_KEV_LOST);
	nwb_check_eq(e.len, 12);
	e = parse("CPU:1 [LOST EVENTS]");
	nwb_check_eq(e.kind, NWB_KEV_LOST);
	nwb_check_eq(e.len, 1);
}

NWB_TEST(trace_lines, sreq_of_both_kernels)
{
	struct nwb_kev e = parse(AT "netfs_sreq: R=0000002a[1f] UPLD SUBMT "
				    "f=100 s=7ffffffffff00000 4000/100000 e=0");

	nwb_check_eq(e.kind, NWB_KEV_SREQ);
	nwb_check_eq(e.rreq, 0x2a);
	nwb_check_eq(e.index, 0x1f);
	nwb_check_eq(e.stream, 0);
	nwb_check_streq(e.what, "SUBMT");
	nwb_check_eq(e.start, 0x7ffffffffff00000);
	nwb_check_eq(e.done, 0x4000);
	nwb_check_eq(e.len, 0x100000);
	nwb_check_eq(e.error, 0);
	e = parse(AT "netfs_sreq: R=00000001[2] WRIT TERM  f=800 s=1000 "
		     "0/3000 s=5 e=-28");
	nwb_check_eq(e.stream, 1);
	nwb_check_streq(e.what, "TERM");
	nwb_check_eq(e.start, 0x1000);
	nwb_check_eq(e.error, -28);
	e = parse(AT "netfs_sreq: R=00000001[2] DOWN SUBMT f=00 s=0 0/1000 "
		     "e=0");
	nwb_check_eq(e.stream, 255);
}

NWB_TEST(trace_lines, write_with_and_without_inode)
{
	struct nwb_kev e =
		parse(AT "netfs_write: R=00000003 WRITEBACK c=00000000 "
			 "i=9f by=0-ffffffffffffffff");

	nwb_check_eq(e.kind, NWB_KEV_WRITE);
	nwb_check_eq(e.rreq, 3);
	nwb_check_eq(e.ino, 0x9f);
	nwb_check_eq(e.start, 0);
	nwb_check_eq(e.len, 0);
	e = parse(AT "netfs_write: R=00000004 DIO-WRITE c=00000000 "
		     "by=1000-1fff");
	nwb_check_eq(e.ino, 0);
	nwb_check_eq(e.start, 0x1000);
	nwb_check_eq(e.len, 0x1000);
	nwb_check_streq(e.what, "DIO-WRITE");
}

NWB_TEST(trace_lines, write_iter)
{
	struct nwb_kev e = parse(AT "netfs_write_iter: WRITE-ITER s=3e8 "
				    "l=1388 f=20000");

	nwb_check_eq(e.kind, NWB_KEV_WRITE_ITER);
	nwb_check_eq(e.start, 1000);
	nwb_check_eq(e.len, 5000);
	e = parse(AT "netfs_write_iter: WRITE-ITER i=9 s=0 l=1 f=0");
	nwb_check_eq(e.ino, 9);
}

NWB_TEST(trace_lines, rreq_folio_failure_collect)
{
	struct nwb_kev e = parse(AT "netfs_rreq: R=00000003 WB WR-DONE f=803");

	nwb_check_eq(e.kind, NWB_KEV_RREQ);
	nwb_check_streq(e.origin, "WB");
	nwb_check_streq(e.what, "WR-DONE");
	e = parse(AT "netfs_folio: i=0009f ix=00010-0001f store+");
	nwb_check_eq(e.kind, NWB_KEV_FOLIO);
	nwb_check_eq(e.ino, 0x9f);
	nwb_check_eq(e.page, 0x10);
	nwb_check_eq(e.nr_pages, 0x10);
	nwb_check_streq(e.what, "store+");
	e = parse(AT "netfs_folio: p=1a2b3 i=0009f ix=00000-00000 clear-s");
	nwb_check_streq(e.what, "clear-s");
	nwb_check_eq(e.nr_pages, 1);
	e = parse(AT "netfs_failure: R=00000003[1] UPLD f=800 s=0 0/1000 "
		     "write e=-5");
	nwb_check_eq(e.kind, NWB_KEV_FAILURE);
	nwb_check_eq(e.index, 1);
	nwb_check_eq(e.error, -5);
	nwb_check_streq(e.what, "write");
	e = parse(AT "netfs_failure: R=00000003[ffffffff] INVL f=00 s=0 "
		     "0/1000 write e=-5");
	nwb_check_eq(e.index, NWB_KEV_NO_INDEX);
	e = parse(AT "netfs_collect_sreq: R=00000003[1:0a] s=0 t=0/1000");
	nwb_check_eq(e.kind, NWB_KEV_COLLECT);
	nwb_check_eq(e.stream, 1);
	nwb_check_eq(e.index, 10);
	e = parse(AT "netfs_collect_stream: R=00000003[0:] cto=0 ito=1000");
	nwb_check_eq(e.kind, NWB_KEV_COLLECT);
	nwb_check_eq(e.index, NWB_KEV_NO_INDEX);
}

NWB_TEST(trace_lines, file_systems)
{
	struct nwb_kev e =
		parse(AT "smb3_write_err: R=00000003[1] xid=12 sid=0x1 "
			 "tid=0x2 fid=0x3 offset=0x1000 len=0x2000 rc=-11");

	nwb_check_eq(e.kind, NWB_KEV_SMB_WRITE);
	nwb_check_eq(e.start, 0x1000);
	nwb_check_eq(e.len, 0x2000);
	nwb_check_eq(e.error, -11);
	e = parse(AT "9p_client_req: client 18446744073709551 request "
		     "P9_TWRITE tag  3");
	nwb_check_eq(e.kind, NWB_KEV_9P);
	nwb_check_streq(e.what, "P9_TWRITE");
	e = parse(AT "fuse_request_send: connection 3 req 4 opcode 16 "
		     "(FUSE_WRITE) len 4176");
	nwb_check_eq(e.kind, NWB_KEV_FUSE);
	nwb_check_streq(e.what, "FUSE_WRITE");
	e = parse(AT "tracing_mark_write: nwb: E id=7 op=write file=1 "
		     "off=4096 len=8192 r=-5");
	nwb_check_eq(e.kind, NWB_KEV_OP);
	nwb_check_eq(e.index, 7);
	nwb_check_eq(e.done, 1);
	nwb_check_eq(e.error, -5);
	nwb_check_streq(e.what, "write");
	nwb_check_eq(e.start, 4096);
	nwb_check_eq(e.len, 8192);
}

NWB_TEST(trace_lines, a_body_of_another_form_is_text)
{
	static const char *const bodies[] = {
		"netfs_sreq: R=00000001 UPLD SUBMT f=100 s=0 0/1000 e=0",
		"netfs_sreq: R=00000001[1] UPLD SUBMT f=100 0/1000 e=0",
		"netfs_sreq: R=00000001[1] UPLD SUBMT f=100 s=0 e=0",
		"netfs_sreq: R=00000001[1] UPLD SUBMT f=100 s=0 0/1000",
		"netfs_sreq: R=0[1] UPLD SUBMT f=100 s=0 0/1000 e=0",
		"netfs_sreq: R=1ffffffff[1] UPLD SUBMT s=0 0/1000 e=0",
		"netfs_folio: i=1 ix=5 store",
		"netfs_folio: i=1 ix=5-6",
		"netfs_write: R=1 WRITEBACK c=0",
		"netfs_rreq: R=1 WB",
		"netfs_collect: s=0-1000",
		"tracing_mark_write: nwb: B id=x op=write file=1 off=0 len=1",
		"tracing_mark_write: nwb: C id=1 op=write file=1 off=0 len=1",
		"tracing_mark_write: hello",
	};

	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(bodies); i++) {
		char line[256];
		struct nwb_kev e;

		snprintf(line, sizeof(line), AT "%s", bodies[i]);
		nwb_check_eq(nwb_kev_parse(text(line), &e), 0);
		nwb_check_eq(e.kind, NWB_KEV_TEXT);
		nwb_check_eq(e.rreq, 0);
		nwb_check_eq(e.what[0], 0);
	}
}

NWB_TEST(trace_lines, dump_over_several_lines)
{
	struct nwb_ktext t =
		text("# tracer: nop\n" AT
		     "9p_protocol_dump: clnt 1 P9_TWRITE(tag = 1)\n"
		     "00000: 17 00 00 00 76 01 00 00\n"
		     "00010: 00 00 00 00 00 00 00 00\n" AT
		     "9p_client_res: client 1 response P9_TWRITE tag  1 err 0");
	struct nwb_kev e;

	nwb_check(nwb_kev_next(&t, &e));
	is_text(e.event, "9p_protocol_dump");
	nwb_check(nwb_kev_next(&t, &e));
	nwb_check_eq(e.kind, NWB_KEV_9P);
	nwb_check(!nwb_kev_next(&t, &e));
}
