/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Events become steps: numbers for ids, requests for folios. */
#include "nwb/ktrace.h"
#include "nwb_test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The issuer and the collector. */
#define I "    wb-10  [000] .....     1.000001: "
#define C "  kwork-20 [000] .....     1.000002: "
#define J "    wb-30  [000] .....     1.000003: "

static void steps(const char *in, const char *want)
{
	struct nwb_ktrace t = {0};
	char got[4096] = "", line[192];

	nwb_check_eq(
		nwb_ktrace_add_text(&t, (struct nwb_ktext){in, strlen(in)}), 0);
	for (size_t i = 0; i < t.nr; i++) {
		nwb_kstep_text(&t.step[i], line, sizeof(line));
		nwb_check(strlen(got) + strlen(line) + 2 < sizeof(got));
		strcat(got, line);
		strcat(got, "\n");
	}
	nwb_ktrace_fini(&t);
	nwb_check_streq(got, want);
}

NWB_TEST(trace_steps, one_request)
{
	steps(I "netfs_write_iter: WRITE-ITER i=9f s=0 l=2000 f=0\n" I
		"netfs_rreq_ref: R=000000aa NEW         r=2\n" I
		"netfs_write: R=000000aa WRITEBACK c=0 i=9f "
		"by=0-ffffffffffffffff\n" I
		"netfs_folio: i=0009f ix=00000-00000 store\n" I
		"netfs_sreq: R=000000aa[1] UPLD PREP  f=000 s=0 0/0 s=0 e=0\n" I
		"netfs_folio: i=0009f ix=00001-00001 store+\n" I
		"netfs_sreq: R=000000aa[1] UPLD SUBMT f=100 s=0 0/2000 s=0 "
		"e=0\n" C
		"netfs_sreq: R=000000aa[1] UPLD TERM  f=000 s=0 2000/2000 s=0 "
		"e=0\n" C "netfs_collect: R=000000aa s=0-0\n" C
		"netfs_folio: i=0009f ix=00000-00000 clear\n" C
		"netfs_folio: i=0009f ix=00001-00001 clear\n" C
		"netfs_rreq: R=000000aa WB WR-DONE f=803\n",
	      "write f1 0+2000\n"
	      "req 1 WB f1 0+0\n"
	      "store 1 0+1 store\n"
	      "store 1 1+1 store+\n"
	      "submit 1.1 up 0+2000 0\n"
	      "term 1.1 up 2000 ok\n"
	      "clear 1 0+1 clear\n"
	      "clear 1 1+1 clear\n"
	      "done 1\n");
}

NWB_TEST(trace_steps, two_issuers_at_once)
{
	steps(I "netfs_write: R=00000005 WRITEBACK c=0 i=1 "
		"by=0-ffffffffffffffff\n" J
		"netfs_write: R=00000006 WRITEBACK c=0 i=2 "
		"by=0-ffffffffffffffff\n" I
		"netfs_folio: i=00001 ix=00000-00000 store\n" J
		"netfs_folio: i=00002 ix=00000-00000 store\n" J
		"netfs_sreq: R=00000005[1] UPLD TERM  f=0 s=0 0/1000 e=-5\n" J
		"netfs_folio: i=00002 ix=00001-00001 store\n",
	      "req 1 WB f1 0+0\n"
	      "req 2 WB f2 0+0\n"
	      "store 1 0+1 store\n"
	      "store 2 0+1 store\n"
	      "term 1.1 up 0 EIO\n"
	      "store 2 1+1 store\n");
}

NWB_TEST(trace_steps, reads_are_left_out)
{
	steps(I "netfs_read: R=00000007 READAHEAD c=0 ni=1 s=0 l=1000 "
		"sz=1000\n" I "netfs_rreq: R=00000007 RA DONE f=0\n" I
		"netfs_sreq: R=00000007[1] DOWN SUBMT f=0 s=0 0/1000 e=0\n" I
		"netfs_sreq: R=00000007[2] WRIT SUBMT f=0 s=0 0/1000 e=0\n" I
		"netfs_write: R=00000008 DIO-WRITE c=0 i=1 by=0-fff\n" I
		"netfs_failure: R=00000007[1] DOWN f=0 s=0 0/0 read e=-5\n",
	      "req 1 DW f1 0+1000\n");
}

NWB_TEST(trace_steps, retry_split_discard_fail_pause)
{
	steps(I "netfs_write: R=00000001 WRITEBACK c=0 i=1 "
		"by=0-ffffffffffffffff\n" C
		"netfs_rreq: R=00000001 WB PAUSE f=1\n" C
		"netfs_sreq: R=00000001[1] UPLD RETRY f=0 s=0 0/1000 e=-11\n" C
		"netfs_sreq: R=00000001[2] UPLD SPLIT f=0 s=0 0/1000 e=0\n" C
		"netfs_sreq: R=00000001[3] UPLD DSCRD f=0 s=0 0/1000 e=0\n" C
		"netfs_failure: R=00000001[1] UPLD f=0 s=0 0/1000 write "
		"e=-523\n" C "netfs_rreq: R=00000001 WB UNPAUSE f=1\n",
	      "req 1 WB f1 0+0\n"
	      "pause 1\n"
	      "retry 1.1 up\n"
	      "split 1.2 up\n"
	      "discard 1.3 up\n"
	      "fail 1.1 up write -523\n"
	      "unpause 1\n");
}

NWB_TEST(trace_steps, text_in_pieces_and_lost_events)
{
	static const char a[] = I "netfs_write: R=00000001 WRITEBACK c=0 i=1 "
				  "by=0-ffffffffffffffff\n";
	static const char b[] =
		"CPU:0 [LOST 3 EVENTS]\n" I "netfs_folio: i=1 ix=0-0 store\n";
	struct nwb_ktrace t = {0};

	nwb_check_eq(
		nwb_ktrace_add_text(&t, (struct nwb_ktext){a, sizeof(a) - 1}),
		0);
	nwb_check_eq(
		nwb_ktrace_add_text(&t, (struct nwb_ktext){b, sizeof(b) - 1}),
		0);
	nwb_check_eq(t.nr, 2);
	nwb_check_eq(t.step[1].req, 1);
	nwb_check_eq(t.lost, 3);
	nwb_ktrace_fini(&t);
}

NWB_TEST(trace_steps, many_requests)
{
	struct nwb_ktrace t = {0};
	char line[256];

	for (unsigned int i = 1; i <= 3000; i++) {
		int n = snprintf(line, sizeof(line),
				 I "netfs_write: R=%08x UNB-WRITE c=0 i=1 "
				   "by=0-fff\n" I
				   "netfs_sreq: R=%08x[1] UPLD SUBMT f=0 s=0 "
				   "0/1000 e=0\n",
				 i * 7919, i * 7919);

		nwb_check_eq(nwb_ktrace_add_text(
				     &t, (struct nwb_ktext){line, (size_t)n}),
			     0);
	}
	nwb_check_eq(t.nr, 6000);
	nwb_check_eq(t.step[5999].req, 3000);
	nwb_check_streq(t.step[5998].word, "UW");
	nwb_ktrace_fini(&t);
}

static char told[2048];

static void put(void *arg, const char *line)
{
	(void)arg;
	strcat(told, line);
	strcat(told, "\n");
}

NWB_TEST(trace_steps, tell_a_byte)
{
	static const char in[] =
		I "netfs_write_iter: WRITE-ITER s=0 l=1000 f=0\n" I
		  "netfs_write_iter: WRITE-ITER s=1000 l=1000 f=0\n" J
		  "netfs_folio: i=1 ix=00000-00000 store\n" J
		  "netfs_folio: i=1 ix=00001-00001 store\n" J
		  "netfs_sreq: R=1[1] UPLD SUBMT f=0 s=0 0/1000 e=0\n" J
		  "netfs_sreq: R=1[2] UPLD SUBMT f=0 s=1000 0/1000 e=0\n" J
		  "smb3_rw_credits: R=1[1] wr-issu-adj cred=1\n" J
		  "smb3_rw_credits: R=1[2] wr-issu-adj cred=1\n" J
		  "netfs_rreq: R=1 WB COLLECT f=0\n" J
		  "netfs_rreq: R=1 WB WR-DONE f=0\n" J
		  "netfs_rreq: R=2 WB WR-DONE f=0\n";

	nwb_check_eq(nwb_ktrace_tell((struct nwb_ktext){in, sizeof(in) - 1}, 0,
				     0x1fff, put, NULL),
		     5);
	nwb_check_streq(
		told,
		"    0.000  netfs_write_iter WRITE-ITER s=1000 l=1000 f=0\n"
		"    0.002  netfs_folio  i=1 ix=00001-00001 store\n"
		"    0.002  netfs_sreq   R=1[2] UPLD SUBMT f=0 s=1000 0/1000 "
		"e=0\n"
		"    0.002  smb3_rw_credits R=1[2] wr-issu-adj cred=1\n"
		"    0.002  netfs_rreq   R=1 WB WR-DONE f=0\n");
}

static char *delta(const char *before, const char *after, const char *prefix)
{
	static struct nwb_kstat a, b;

	a.nr = 0;
	b.nr = 0;
	nwb_kstat_parse((struct nwb_ktext){before, strlen(before)}, prefix, &a);
	nwb_kstat_parse((struct nwb_ktext){after, strlen(after)}, prefix, &b);
	return nwb_kstat_delta(&a, &b);
}

NWB_TEST(trace_stats, netfs)
{
	char *d = delta("Writes : BW=0 WT=0 DW=7 WP=0 2C=0\n"
			"UpldOps: UL=0 us=0 uf=0\nObjs   : rr=0 sr=5\n",
			"Writes : BW=256 WT=0 DW=7 WP=1 2C=0\n"
			"UpldOps: UL=4 us=3 uf=0\nObjs   : rr=0 sr=2\n",
			"netfs");

	nwb_check_streq(d, "netfs.Writes.BW 256\nnetfs.Writes.WP 1\n"
			   "netfs.UpldOps.UL 4\nnetfs.UpldOps.us 3\n"
			   "netfs.Objs.sr -3\n");
	free(d);
}

NWB_TEST(trace_stats, cifs)
{
	char *d = delta("",
			"Resources in use\n"
			"CIFS Session: 1\n"
			"Share (unique mount targets): 2\n"
			"SMB Request/Response Buffer: 1 Pool size: 5\n"
			"Total Large 10 Small 324 Allocations\n"
			"\n"
			"1 session 2 share reconnects\n"
			"Total vfs operations: 16 maximum at one time: 2\n"
			"\n"
			"1) \\\\10.99.0.1\\share\n"
			"SMBs: 3 since 2026-11-21 18:33:39 UTC\n"
			"Bytes read: 3  Bytes written: 100\n"
			"Open files: 4 total (local), 5 open on server\n"
			"Writes: 2 total 1 failed\n"
			"Writes: 3 total 0 failed\n",
			"cifs");

	nwb_check_streq(d, "cifs.CIFS-Session 1\n"
			   "cifs.Share-unique-mount-targets 2\n"
			   "cifs.SMB-Request/Response-Buffer 1\n"
			   "cifs.Pool-size 5\n"
			   "cifs.Large 10\n"
			   "cifs.Small 324\n"
			   "cifs.session 1\n"
			   "cifs.share-reconnects 2\n"
			   "cifs.Total-vfs-operations 16\n"
			   "cifs.maximum-at-one-time 2\n"
			   "cifs.SMBs 3\n"
			   "cifs.Bytes-read 3\n"
			   "cifs.Bytes-written 100\n"
			   "cifs.Open-files.total-local 4\n"
			   "cifs.Open-files.open-on-server 5\n"
			   "cifs.Writes.total 5\n"
			   "cifs.Writes.failed 1\n");
	free(d);
}
