/* SPDX-License-Identifier: GPL-2.0-or-later */
/* In which packet does a PDU end? Whatever the segments look like. */
#include "packets.h"

#include "nwb_test.h"
#include <string.h>

static struct packets pk;
static struct cap_pdus pdus;
static uint8_t buf[70000];

static void find(bool is_9p)
{
	struct cap_packets p = {pk.raw, pk.len};

	cap_pdus_find(&p, SERVER_PORT, is_9p, &pdus);
	nwb_check(!pdus.is_short);
}

static void expect(uint64_t i, uint64_t packet, uint64_t mid,
		   enum cap_what what)
{
	nwb_check(i < pdus.nr);
	nwb_check_eq(pdus.v[i].packet, packet);
	nwb_check_eq(pdus.v[i].mid, mid);
	nwb_check_eq(pdus.v[i].what, what);
}

static void begin(void)
{
	memset(&pk, 0, sizeof(pk));
	pk_segment(&pk, 1, false, SYN, NULL, 0);
	pk_segment(&pk, 2, true, SYN, NULL, 0);
}

NWB_TEST(stream, a_pdu_in_pieces_of_every_size)
{
	size_t n = pk_smb(buf, 7, 30);

	for (size_t piece = 1; piece <= n; piece++) {
		uint64_t last = 0;

		begin();
		for (size_t at = 0; at < n; at += piece)
			last = pk_segment(&pk, 3 + at, false, 0, buf + at,
					  nwb_min(piece, n - at));
		find(false);
		nwb_check_eq(pdus.nr, 1);
		expect(0, last, 7, CAP_REQUEST);
		nwb_check(pdus.v[0].is_whole);
		cap_pdus_free(&pdus);
	}
}

NWB_TEST(stream, several_pdus_of_both_sides)
{
	size_t n;

	begin();
	n = pk_smb(buf, 1, 10);
	n += pk_smb(buf + n, 2, 0);
	pk_segment(&pk, 3, false, 0, buf, n);
	n = pk_smb(buf, 1, 4);
	pk_segment(&pk, 4, true, 0, buf, n);
	pk_segment(&pk, 5, true, 0, "\x85\0\0\0", 4); /* keep-alive */
	n = pk_smb(buf, 2, 4);
	pk_segment(&pk, 6, true, 0, buf, n);
	find(false);
	nwb_check_eq(pdus.nr, 4);
	expect(0, 2, 1, CAP_REQUEST);
	expect(1, 2, 2, CAP_REQUEST);
	expect(2, 3, 1, CAP_REPLY);
	expect(3, 5, 2, CAP_REPLY);
	cap_pdus_free(&pdus);
}

NWB_TEST(stream, compound_and_encrypted)
{
	size_t n;

	begin();
	n = pk_smb(buf, 5, 56 + 64 + 8);
	buf[4 + 20] = 120; /* the next PDU of the compound */
	pk_smb(buf + 120, 6, 8);
	buf[120] = buf[121] = buf[122] = buf[123] = 0;
	pk_segment(&pk, 3, false, 0, buf, n);
	n = pk_smb(buf, 9, 20);
	buf[4] = 0xfd;
	pk_segment(&pk, 4, false, 0, buf, n);
	find(false);
	nwb_check_eq(pdus.nr, 3);
	expect(0, 2, 5, CAP_REQUEST);
	expect(1, 2, 6, CAP_REQUEST);
	expect(2, 3, CAP_NO_MID, CAP_REQUEST);
	nwb_check_eq(pdus.encrypted, 1);
	cap_pdus_free(&pdus);
}

NWB_TEST(stream, sent_again_counts_once)
{
	size_t n = pk_smb(buf, 3, 100);

	begin();
	pk_segment(&pk, 3, false, 0, buf, 80);
	pk.seq[0] -= 40;
	pk_segment(&pk, 4, false, 0, buf + 40, n - 40);
	pk.seq[0] -= (uint32_t)n;
	pk_segment(&pk, 5, false, 0, buf, n);
	find(false);
	nwb_check_eq(pdus.nr, 1);
	expect(0, 3, 3, CAP_REQUEST);
	nwb_check_eq(pdus.resent, 2);
	cap_pdus_free(&pdus);
}

NWB_TEST(stream, goes_on_behind_a_gap)
{
	size_t n = pk_smb(buf, 3, 100);

	begin();
	pk_segment(&pk, 3, false, 0, buf, 80);
	pk.seq[0] += 500; /* dropped by the kernel */
	pk_segment(&pk, 4, false, 0, "in the middle of something", 26);
	n = pk_smb(buf, 4, 10);
	pk_segment(&pk, 5, false, 0, buf, n);
	find(false);
	nwb_check_eq(pdus.nr, 2);
	expect(0, 2, 3, CAP_REQUEST);
	nwb_check(!pdus.v[0].is_whole);
	expect(1, 4, 4, CAP_REQUEST);
	nwb_check(pdus.v[1].is_whole);
	cap_pdus_free(&pdus);
}

NWB_TEST(stream, reset_ends_what_was_begun)
{
	size_t n = pk_smb(buf, 3, 100);

	begin();
	pk_segment(&pk, 3, false, 0, buf, n - 1);
	pk_segment(&pk, 4, true, RST, NULL, 0);
	/* the same port again */
	pk_segment(&pk, 5, false, SYN, NULL, 0);
	n = pk_smb(buf, 1, 0);
	pk_segment(&pk, 6, false, 0, buf, n);
	find(false);
	nwb_check_eq(pdus.nr, 3);
	expect(0, 2, 3, CAP_REQUEST);
	nwb_check(!pdus.v[0].is_whole);
	expect(1, 3, 0, CAP_CUT);
	expect(2, 5, 1, CAP_REQUEST);
	cap_pdus_free(&pdus);
}

NWB_TEST(stream, ninep_and_ipv6)
{
	size_t n;

	for (int v6 = 0; v6 < 2; v6++) {
		begin();
		pk.is_v6 = v6;
		n = pk_9p(buf, 118, 3, 60000);
		n += pk_9p(buf + n, 118, 0x104, 16);
		pk_segment(&pk, 3, false, 0, buf, n);
		n = pk_9p(buf, 119, 3, 4);
		pk_segment(&pk, 4, true, 0, buf, n);
		find(true);
		nwb_check_eq(pdus.nr, 3);
		expect(0, 2, 3, CAP_REQUEST);
		expect(1, 2, 0x104, CAP_REQUEST);
		expect(2, 3, 3, CAP_REPLY);
		cap_pdus_free(&pdus);
	}
}

NWB_TEST(stream, other_traffic_is_left_alone)
{
	static const uint8_t arp[60] = {[12] = 8, [13] = 6};

	begin();
	pk_raw(&pk, 3, arp, sizeof(arp));
	pk_raw(&pk, 4, arp, 3);
	pk_raw(&pk, 5, "", 0);
	find(false);
	nwb_check_eq(pdus.nr, 0);
	cap_pdus_free(&pdus);
}
