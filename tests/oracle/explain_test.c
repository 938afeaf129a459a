/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The life of a byte, from ledgers made by hand. */
#include "nwb/explain.h"

#include "nwb_test.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define LINES_MAX 40u

static struct nwb_ledger l;
static char said[LINES_MAX][NWB_EXPLAIN_COLUMNS + 1];
static unsigned int nr_said;

static void begin(void)
{
	int fd = memfd_create("explain", MFD_CLOEXEC);

	nwb_check(fd >= 0);
	nwb_check(!nwb_ledger_create(fd, 64, (const uint8_t *)"explain explain",
				     1, &l));
	close(fd);
	nwb_check_eq(nwb_ledger_add_file(&l, "a.dat"), 1);
	nwb_check_eq(nwb_ledger_add_file(&l, "b.dat"), 2);
}

/* At @ms; a record of file 1 unless @proto says otherwise. */
static struct nwb_lrec *at(uint64_t ms, struct nwb_lrec proto)
{
	struct nwb_lrec *r;

	if (!proto.file)
		proto.file = 1;
	r = nwb_ledger_point(&l, &proto);
	nwb_check(r);
	r->t_begin = r->t_end = ms * NWB_MSEC;
	return r;
}

static void put(void *arg, const char *line)
{
	(void)arg;
	nwb_check(strlen(line) <= NWB_EXPLAIN_COLUMNS);
	if (nr_said < LINES_MAX)
		snprintf(said[nr_said++], sizeof(said[0]), "%s", line);
}

static int explain(uint64_t off)
{
	nr_said = 0;
	return nwb_explain(&l, 1, off, put, NULL, NULL);
}

/* The next line; @*i counts. */
static void says(unsigned int *i, const char *line)
{
	nwb_check(*i < nr_said);
	nwb_check_streq(said[*i], line);
	++*i;
}

#define PLACE .off = 4096, .len = 4096
#define PDU   .conn = 1000, .mid = 17, .cmd = 9

NWB_TEST(explain, a_write_whose_ack_was_lost)
{
	struct nwb_lrec *w, *f;
	unsigned int i = 0;

	begin();
	at(0, (struct nwb_lrec){.kind = NWB_L_CONN_UP, .conn = 1000});
	at(0, (struct nwb_lrec){.kind = NWB_L_CONN_UP, .conn = 555});
	at(1, (struct nwb_lrec){.kind = NWB_L_OPEN, .fd = 1});
	at(2, (struct nwb_lrec){.kind = NWB_L_WRITE,
				.fd = 1,
				PLACE,
				.version = 3,
				.result = 4096});
	/* not this byte */
	at(2, (struct nwb_lrec){.kind = NWB_L_WRITE,
				.fd = 1,
				.off = 8192,
				.len = 4096,
				.version = 4,
				.result = 4096});
	at(2, (struct nwb_lrec){.kind = NWB_L_WRITE,
				.fd = 1,
				PLACE,
				.file = 2,
				.version = 5,
				.result = 4096});
	at(3, (struct nwb_lrec){.kind = NWB_L_SENT, PLACE});
	at(4, (struct nwb_lrec){.kind = NWB_L_PDU_REQ, PLACE, PDU});
	w = at(5, (struct nwb_lrec){.kind = NWB_L_EFFECT_WRITE,
				    PLACE,
				    PDU,
				    .aux = 2 * NWB_MSEC,
				    .result = 4096});
	w->end += 10;
	at(5, (struct nwb_lrec){.kind = NWB_L_EFFECT_RUN,
				PLACE,
				.version = 3,
				.parent = (uint32_t)(w - l.hdr->slot) + 1});
	at(6, (struct nwb_lrec){.kind = NWB_L_FAULT, PLACE, PDU, .aux = 1});
	at(7,
	   (struct nwb_lrec){.kind = NWB_L_CONN_DOWN, .conn = 1000, .aux = 1});
	at(8, (struct nwb_lrec){.kind = NWB_L_CONNECT, .instance = 2});
	at(9, (struct nwb_lrec){.kind = NWB_L_SENT, PLACE, .aux = 1});
	at(10,
	   (struct nwb_lrec){
		   .kind = NWB_L_ACKED, PLACE, .instance = 2, .result = 4096});
	f = at(11, (struct nwb_lrec){.kind = NWB_L_FSYNC, .fd = 1});
	f->t_end += 3 * NWB_MSEC;
	at(15, (struct nwb_lrec){.kind = NWB_L_CLOSE, .fd = 1});

	nwb_check(!explain(5000));
	says(&i, "    0.000  conn up   1000");
	says(&i, "    1.000  open      fd 1");
	says(&i, "    2.000  write     fd 1 v3, 4096+4096");
	says(&i, "    3.000  sent      attempt 1, 4096+4096");
	says(&i, "    4.000  request   WRITE mid 17 conn 1000, 4096+4096");
	says(&i, "    5.000  applied   v3, 4096+4096, mid 17 :1000, parked 2.0 "
		 "ms");
	says(&i, "    6.000  FAULT     rule 1, hit 1: WRITE mid 17 conn 1000");
	says(&i, "    7.000  conn down 1000, by a fault");
	says(&i, "    8.000  connected instance 2");
	says(&i, "    9.000  sent      attempt 2, 4096+4096");
	says(&i, "   10.000  acked     4096+4096, instance 2");
	says(&i, "   11.000  fsync     fd 1, covers v3: ok after 3.0 ms");
	says(&i, "   15.000  close     fd 1: ok");
	says(&i, "in the end: v3 written; v3 applied last; fsync ok for v3; "
		 "sent 2x");
	nwb_check_eq(i, nr_said);
	nwb_ledger_unmap(&l);
}

/* The tag is used again by a request for another place. */
NWB_TEST(explain, a_reply_belongs_to_the_request_before_it)
{
	unsigned int i = 0;

	begin();
	at(1, (struct nwb_lrec){.kind = NWB_L_PDU_REQ,
				PLACE,
				.conn = 1000,
				.mid = 3,
				.cmd = 118,
				.flags = NWB_LF_9P});
	at(2, (struct nwb_lrec){.kind = NWB_L_PDU_REPLY,
				.conn = 1000,
				.mid = 3,
				.cmd = 118,
				.flags = NWB_LF_9P});
	at(3, (struct nwb_lrec){.kind = NWB_L_PDU_REQ,
				.off = 65536,
				.len = 9,
				.conn = 1000,
				.mid = 3,
				.cmd = 118,
				.flags = NWB_LF_9P});
	at(4, (struct nwb_lrec){.kind = NWB_L_PDU_REPLY,
				.conn = 1000,
				.mid = 3,
				.cmd = 118,
				.status = 5,
				.flags = NWB_LF_9P});
	nwb_check(!explain(4096));
	says(&i, "    0.000  request   Twrite tag 3 conn 1000, 4096+4096");
	says(&i, "    1.000  reply     Twrite tag 3 conn 1000: 0x0");
	says(&i, "in the end: no write(2) is known; nothing applied; no fsync");
	nwb_check_eq(i, nr_said);
	nwb_ledger_unmap(&l);
}

/* An effect that ended later counts; an fsync before the write promises
 * nothing; one that failed neither. */
NWB_TEST(explain, the_sum_is_what_the_ledger_proves)
{
	struct nwb_lrec *w;

	begin();
	at(1, (struct nwb_lrec){.kind = NWB_L_FSYNC, .fd = 1});
	at(2, (struct nwb_lrec){.kind = NWB_L_WRITE,
				.fd = 1,
				PLACE,
				.version = 7,
				.result = 4096});
	w = at(3, (struct nwb_lrec){
			  .kind = NWB_L_EFFECT_WRITE, PLACE, .result = 100});
	at(4, (struct nwb_lrec){.kind = NWB_L_FSYNC, .fd = 1, .result = -5});
	at(5, (struct nwb_lrec){.kind = NWB_L_GIVEUP,
				PLACE,
				.result = -5,
				.aux = 3,
				.status = 0xc000009a});
	nwb_check(!explain(4096));
	nwb_check_streq(said[3], "    3.000  fsync     fd 1, covers v7: EIO");
	nwb_check_streq(said[4], "    4.000  gave up   3 attempts, 4096+4096: "
				 "EIO, status 0xc000009a");
	nwb_check_streq(said[nr_said - 1],
			"in the end: v7 written; applied, version unknown; "
			"fsync ok before it; g~");
	/* the pwrite was cut short: behind its end nothing was applied */
	nwb_check(!explain(4096 + 100));
	nwb_check(strstr(said[nr_said - 1], "nothing applied"));
	w->result = -28;
	nwb_check(!explain(4096));
	nwb_check(strstr(said[nr_said - 1], "nothing applied"));
	nwb_ledger_unmap(&l);
}

NWB_TEST(explain, clear_errors)
{
	struct nwb_err err = {0};

	begin();
	at(2, (struct nwb_lrec){.kind = NWB_L_WRITE,
				.fd = 1,
				PLACE,
				.version = 7,
				.result = 4096});
	nwb_check_eq(nwb_explain_file(&l, "b.dat", &err), 2);
	nwb_check_eq(nwb_explain_file(&l, "c.dat", &err), -ENOENT);
	nwb_check_streq(err.text, "no file \"c.dat\" in the ledger; it has "
				  "a.dat, b.dat");
	nwb_check_eq(nwb_explain(&l, 1, 8192, put, NULL, &err), -ERANGE);
	nwb_check_streq(err.text, "offset 8192: nothing was written there, the "
				  "file ends at 8192");
	nwb_check_eq(nwb_explain(&l, 2, 0, put, NULL, &err), -ERANGE);
	nwb_ledger_unmap(&l);
}

NWB_TEST(explain, lines_stay_within_their_columns)
{
	begin();
	for (unsigned int k = 1; k < NWB_L_KINDS + 3; k++)
		at(k, (struct nwb_lrec){.kind = (uint16_t)k,
					.off = 1,
					.len = UINT64_MAX - 1,
					.result = INT64_MIN,
					.mid = UINT64_MAX,
					.aux = UINT64_MAX,
					.version = UINT32_MAX,
					.conn = UINT32_MAX,
					.instance = UINT32_MAX,
					.status = UINT32_MAX,
					.fd = UINT16_MAX,
					.cmd = 9,
					.rule = UINT16_MAX})
			->t_begin = k * (UINT64_MAX / 64);
	nwb_check(!explain(UINT64_MAX - 2));
	nwb_check(nr_said > 15);
	nwb_ledger_unmap(&l);
}
