/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Faults on their packets, and the file around them. */
#include "packets.h"
#include "pcapng_check.h"

#include "nwb_test.h"
#include <stdlib.h>
#include <string.h>

static struct packets pk;
static uint8_t buf[70000];
static struct nwb_lrec rec[600];
static struct nwb_capture_stats st;
static struct pcapng_seen seen;

static const struct nwb_capture_rule rules[] = {
	{"cut", "drop, rst after", true},
	{"slow", "hold 5ms after", false},
};
static struct nwb_capture_notes notes = {rec, 0, rules, 2};

static struct {
	uint64_t packet;
	char text[256];
} said[8];
static unsigned int nr_said;

static void on_comment(void *arg, uint64_t packet, const char *text, size_t len)
{
	(void)arg;
	if (nr_said == NWB_ARRAY_SIZE(said))
		return;
	said[nr_said].packet = packet;
	snprintf(said[nr_said++].text, sizeof(said[0].text), "%.*s", (int)len,
		 text);
}

static void write_and_check(bool is_9p)
{
	char *file;
	size_t len;

	nr_said = 0;
	seen = (struct pcapng_seen){.on_comment = on_comment};
	len = pk_write(&pk, is_9p, &notes, &file, &st);
	if (!pcapng_check(file, len, &seen))
		nwb_check_streq(seen.why, "a well-formed file");
	nwb_check_eq(seen.packets, pk.nr);
	free(file);
}

static void begin(void)
{
	memset(&pk, 0, sizeof(pk));
	memset(rec, 0, sizeof(rec));
	notes.nr_rec = 0;
	pk_segment(&pk, 1, false, SYN, NULL, 0);
	pk_segment(&pk, 2, true, SYN, NULL, 0);
}

static struct nwb_lrec *record(uint16_t kind, uint64_t t, uint64_t mid)
{
	struct nwb_lrec *r = &rec[notes.nr_rec++];

	r->kind = kind;
	atomic_store(&r->state, NWB_LS_ENDED);
	r->t_begin = t;
	r->begin = notes.nr_rec;
	r->mid = mid;
	r->conn = 1000;
	r->cmd = 9;
	r->aux = 1;
	return r;
}

static uint64_t smb(uint64_t t, bool is_reply, uint64_t mid)
{
	return pk_segment(&pk, t, is_reply, 0, buf, pk_smb(buf, mid, 8));
}

NWB_TEST(match, cut_stands_on_the_request_and_on_the_reset)
{
	uint64_t req, rst;
	struct nwb_lrec *r;

	begin();
	smb(10, false, 16);
	req = smb(11, false, 17);
	smb(12, true, 16);
	rst = pk_segment(&pk, 30, true, RST, NULL, 0);
	r = record(NWB_L_FAULT, 20, 17);
	r->off = 4096;
	r->len = 512;
	write_and_check(false);
	nwb_check_eq(seen.comments, 2);
	nwb_check_eq(said[0].packet, req);
	nwb_check_streq(said[0].text,
			"netwb: rule cut, hit 1: drop, rst after, "
			"WRITE mid 17 off 4096 len 512");
	nwb_check_eq(said[1].packet, rst);
	nwb_check(strstr(said[1].text, "this ends the connection"));
	nwb_check_eq(st.faults, 1);
	nwb_check_eq(st.placed, 1);
	nwb_check_eq(st.by_time, 0);
}

NWB_TEST(match, hold_stands_on_the_reply)
{
	uint64_t reply;

	begin();
	smb(11, false, 17);
	reply = smb(40, true, 17);
	record(NWB_L_FAULT, 20, 17)->rule = 1;
	write_and_check(false);
	nwb_check_eq(seen.comments, 1);
	nwb_check_eq(said[0].packet, reply);
	nwb_check(strstr(said[0].text, "rule slow, hit 1: hold 5ms after"));
}

/* Tag 3 is used three times; the fault hit the second. */
NWB_TEST(match, tags_are_used_again)
{
	uint64_t second = 0;

	begin();
	for (uint64_t t = 10; t <= 30; t += 10) {
		uint64_t p = pk_segment(&pk, t, false, 0, buf,
					pk_9p(buf, 118, 3, 30));

		if (t == 20)
			second = p;
		else
			pk_segment(&pk, t + 5, true, 0, buf,
				   pk_9p(buf, 119, 3, 4));
	}
	record(NWB_L_FAULT, 22, 3)->cmd = 118;
	write_and_check(true);
	nwb_check_eq(seen.comments, 1);
	nwb_check_eq(said[0].packet, second);
	nwb_check(strstr(said[0].text, "Twrite tag 3"));
}

NWB_TEST(match, the_same_id_on_another_connection_is_another)
{
	uint64_t here;

	begin();
	here = smb(10, false, 17);
	pk.port = 2000;
	pk_segment(&pk, 12, false, SYN, NULL, 0);
	smb(13, false, 17);
	record(NWB_L_FAULT, 20, 17);
	write_and_check(false);
	nwb_check_eq(said[0].packet, here);
}

static uint64_t encrypted(uint64_t t, bool is_reply)
{
	size_t n = pk_smb(buf, 99, 20);

	buf[4] = 0xfd;
	return pk_segment(&pk, t, is_reply, 0, buf, n);
}

/* Encrypted: the server reads in order, and not all that was sent. */
NWB_TEST(match, encrypted_requests_are_counted)
{
	uint64_t frame[4];

	begin();
	for (uint64_t i = 0; i < 4; i++)
		frame[i] = encrypted(10 + i, false);
	for (uint64_t i = 0; i < 3; i++)
		record(NWB_L_PDU_REQ, 20 + i, 50 + i);
	record(NWB_L_FAULT, 30, 51);
	write_and_check(false);
	nwb_check_eq(said[0].packet, frame[1]);
	nwb_check_eq(st.by_time, 0);
	nwb_check_eq(st.encrypted, 4);
	/* cut before the server saw it: the one behind those it saw */
	rec[3].mid = 53;
	write_and_check(false);
	nwb_check_eq(said[0].packet, frame[3]);
	/* more requests than frames: counting proves nothing any more */
	record(NWB_L_PDU_REQ, 31, 53);
	record(NWB_L_PDU_REQ, 32, 54);
	write_and_check(false);
	nwb_check_eq(st.by_time, 1);
	nwb_check(strstr(said[0].text, "(by time)"));
}

NWB_TEST(match, encrypted_replies_are_counted)
{
	uint64_t reply[3];

	begin();
	for (uint64_t i = 0; i < 3; i++)
		encrypted(10 + i, false);
	for (uint64_t i = 0; i < 3; i++)
		reply[i] = encrypted(40 + i, true);
	for (uint64_t i = 0; i < 3; i++)
		record(NWB_L_PDU_REQ, 20 + i, 50 + i);
	record(NWB_L_FAULT, 30, 51)->rule = 1;
	/* 51 was held: it is the last to leave; one never did */
	record(NWB_L_PDU_REPLY, 40, 50);
	atomic_store(&record(NWB_L_PDU_REPLY, 40, 51)->state, NWB_LS_BEGUN);
	record(NWB_L_PDU_REPLY, 41, 52);
	record(NWB_L_PDU_REPLY, 42, 51);
	write_and_check(false);
	nwb_check_eq(said[0].packet, reply[2]);
	nwb_check_eq(st.by_time, 0);
}

NWB_TEST(match, without_a_packet_it_is_told_in_the_section)
{
	begin();
	record(NWB_L_FAULT, 20, 17);
	write_and_check(false);
	nwb_check_eq(seen.comments, 0);
	nwb_check_eq(seen.section_comments, 1);
	nwb_check_eq(said[0].packet, UINT64_MAX);
	nwb_check(strstr(said[0].text, "mid 17"));
	nwb_check(strstr(said[0].text, "its packet is not here"));
	nwb_check_eq(st.placed, 0);
}

/* More than anybody reads: counted, not lost. */
NWB_TEST(match, hundreds_of_faults)
{
	begin();
	smb(10, false, 17);
	for (int i = 0; i < 300; i++)
		record(NWB_L_FAULT, 20, 17)->rule = 1;
	write_and_check(false);
	nwb_check_eq(st.placed, 300);
	nwb_check_eq(seen.comments, 257);
	for (int i = 0; i < 300; i++)
		rec[i].conn = 7; /* a connection that is not there */
	write_and_check(false);
	nwb_check_eq(seen.comments, 0);
	nwb_check_eq(seen.section_comments, 65);
}

NWB_TEST(match, a_rule_that_nobody_knows)
{
	begin();
	smb(10, false, 17);
	record(NWB_L_FAULT, 20, 17)->rule = 9;
	write_and_check(false);
	nwb_check(strstr(said[0].text, "rule #9"));
}

NWB_TEST(pcapng, packets_stay_whole)
{
	begin();
	memset(buf, 'x', sizeof(buf));
	/* as loopback sends it: 64 KiB at a time */
	pk_segment(&pk, UINT64_MAX / 3, false, 0, buf, 65483);
	write_and_check(false);
	nwb_check_eq(seen.bytes, 54 + 54 + 54 + 65483);
	nwb_check_eq(seen.last_t, UINT64_MAX / 3);
	nwb_check_eq(st.bytes, seen.bytes);
}

/* The checker must say no, or its yes is worth nothing. */
NWB_TEST(pcapng, the_checker_fires)
{
	char *file;
	size_t len;
	struct pcapng_seen s = {0};

	begin();
	smb(10, false, 17);
	record(NWB_L_FAULT, 20, 17);
	len = pk_write(&pk, false, &notes, &file, &st);
	nwb_check(pcapng_check(file, len, &s));
	for (size_t cut = 1; cut < len; cut += 7) {
		s = (struct pcapng_seen){0};
		nwb_check(!pcapng_check(file, len - cut, &s));
		nwb_check(s.why);
	}
	for (size_t at = 0; at < 8; at++) {
		s = (struct pcapng_seen){0};
		file[at] ^= 4;
		nwb_check(!pcapng_check(file, len, &s));
		file[at] ^= 4;
	}
	free(file);
}

/* What is missing is told where people look first. */
NWB_TEST(pcapng, drops_are_told)
{
	struct cap_job job = {
		.port = SERVER_PORT, .about = "netwb run", .drops = 7};
	char *file = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&file, &len);

	begin();
	job.packets = (struct cap_packets){pk.raw, pk.len};
	nwb_check(f);
	cap_write(&job, f, &st);
	nwb_check(!fclose(f));
	nr_said = 0;
	seen = (struct pcapng_seen){.on_comment = on_comment};
	nwb_check(pcapng_check(file, len, &seen));
	nwb_check_eq(st.drops, 7);
	nwb_check_eq(seen.dropped, 7);
	nwb_check_eq(seen.received, 2 + 7);
	nwb_check_eq(nr_said, 2);
	nwb_check_streq(said[0].text, "netwb run");
	nwb_check(strstr(said[1].text, "7 packets are missing"));
	free(file);
}
