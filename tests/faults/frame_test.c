/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Frames out of streams, whichever way the bytes come; hostile bytes. */
#include "shim_util.h"

#include <stdlib.h>
#include <string.h>

struct seen {
	unsigned int nr;
	uint64_t mid[16], off[16];
	uint32_t len[16];
};

/* feed() - @n bytes in pieces of @piece. */
static enum sh_frame_state feed(struct sh_frame *f, enum nwb_fc_proto proto,
				const uint8_t *p, size_t n, size_t piece,
				struct seen *seen)
{
	while (n) {
		size_t k = nwb_min(n, piece), used;
		enum sh_frame_state st;
		struct sh_pdu pdu;

		st = sh_frame_feed(f, proto, p, k, &used);
		nwb_check(used <= k);
		if (st == SH_FRAME_BROKEN)
			return st;
		p += used;
		n -= used;
		if (st == SH_FRAME_MORE)
			continue;
		if (proto == NWB_FC_SMB)
			nwb_check(
				sh_smb_decode(f->head + 4, f->have - 4, &pdu));
		else
			nwb_check(sh_p9_decode(f->head, f->have, &pdu));
		seen->mid[seen->nr] = pdu.mid;
		seen->off[seen->nr] = pdu.off;
		seen->len[seen->nr++] = (uint32_t)pdu.len;
		sh_frame_reset(f);
	}
	return SH_FRAME_MORE;
}

NWB_TEST(frame, smb_in_pieces_of_every_size)
{
	uint8_t buf[1024];
	size_t n = 0;

	for (uint64_t i = 0; i < 4; i++)
		n += smb_request(buf + n, SMB_WRITE, i, 1, i * 4096, 16);
	for (size_t piece = 1; piece <= n; piece++) {
		struct sh_frame f = {0};
		struct seen seen = {0};

		feed(&f, NWB_FC_SMB, buf, n, piece, &seen);
		nwb_check_eq(seen.nr, 4);
		for (unsigned int i = 0; i < 4; i++) {
			nwb_check_eq(seen.mid[i], i);
			nwb_check_eq(seen.off[i], i * 4096);
			nwb_check_eq(seen.len[i], 16);
		}
	}
}

NWB_TEST(frame, p9_in_pieces_of_every_size)
{
	uint8_t buf[1024];
	size_t n = 0;

	for (uint16_t i = 0; i < 3; i++)
		n += p9_twrite(buf + n, i, 9, i * 100u, 200);
	for (size_t piece = 1; piece <= n; piece++) {
		struct sh_frame f = {0};
		struct seen seen = {0};

		feed(&f, NWB_FC_9P, buf, n, piece, &seen);
		nwb_check_eq(seen.nr, 3);
		nwb_check_eq(seen.mid[2], 2);
		nwb_check_eq(seen.off[2], 200);
		nwb_check_eq(seen.len[2], 200);
	}
}

NWB_TEST(frame, payload_address)
{
	struct sh_frame f = {0};
	uint8_t buf[256];
	size_t n = smb_request(buf, SMB_WRITE, 1, 1, 0, 16), used;

	sh_frame_feed(&f, NWB_FC_SMB, buf, 4, &used);
	nwb_check_eq(f.payload, 0);
	sh_frame_feed(&f, NWB_FC_SMB, buf + 4, n - 4, &used);
	nwb_check(f.payload == (uintptr_t)buf + 4 + 112);
}

NWB_TEST(frame, names_are_found_in_pieces)
{
	/* Twalk fid 1 newfid 2 "ab" "c.dat" */
	static const uint8_t walk[] = {
		28, 0, 0, 0, 110, 7,   0,   1, 0, 0,   0,   2,	 0,   0,
		0,  2, 0, 2, 0,	  'a', 'b', 5, 0, 'c', '.', 'd', 'a', 't'};
	struct sh_frame f = {0};
	struct sh_pdu p;
	size_t used;

	for (size_t i = 0; i < sizeof(walk); i++)
		nwb_check_eq(sh_frame_feed(&f, NWB_FC_9P, walk + i, 1, &used),
			     i + 1 == sizeof(walk) ? SH_FRAME_DONE
						   : SH_FRAME_MORE);
	nwb_check(sh_p9_decode(f.head, f.have, &p));
	nwb_check_eq(p.fid, 1);
	nwb_check_eq(p.newfid, 2);
	nwb_check_streq(p.name, "c.dat");
}

NWB_TEST(frame, smb_create_name)
{
	uint8_t buf[256];
	struct sh_pdu p;
	size_t n = smb_request(buf, SMB_CREATE, 1, 1, 0, 0);
	const char *name = "d\\x.y";

	memset(buf + 68, 0, n - 68);
	buf[68 + 44] = 64 + 48;
	buf[68 + 46] = 10;
	for (size_t i = 0; i < 5; i++) {
		buf[4 + 112 + 2 * i] = (uint8_t)name[i];
		buf[4 + 113 + 2 * i] = 0;
	}
	nwb_check(sh_smb_decode(buf + 4, 122, &p));
	nwb_check_streq(p.name, "x.y");
	/* the name lies beyond what is at hand */
	nwb_check(sh_smb_decode(buf + 4, 121, &p));
	nwb_check_streq(p.name, "");
}

NWB_TEST(frame, broken_streams)
{
	static const uint8_t small[] = {6, 0, 0, 0}, odd[] = {1, 2, 3, 4};
	struct sh_frame f = {0};
	size_t used;

	nwb_check_eq(sh_frame_feed(&f, NWB_FC_9P, small, 4, &used),
		     SH_FRAME_BROKEN);
	sh_frame_reset(&f);
	nwb_check_eq(sh_frame_feed(&f, NWB_FC_SMB, odd, 4, &used),
		     SH_FRAME_BROKEN);
}

/* Whatever comes, nothing is read or written out of bounds and all is used. */
NWB_TEST(frame, random_bytes)
{
	unsigned int seed = 3;

	for (unsigned int i = 0; i < 20000; i++) {
		size_t n = 1 + (size_t)rand_r(&seed) % 300, at = 0;
		enum nwb_fc_proto proto = i & 1 ? NWB_FC_SMB : NWB_FC_9P;
		uint8_t *buf = malloc(n);
		struct sh_frame f = {0};
		struct sh_pdu p;

		nwb_check(buf);
		for (size_t k = 0; k < n; k++)
			buf[k] = (uint8_t)rand_r(&seed);
		if (n >= 12) {
			memcpy(buf,
			       proto == NWB_FC_SMB ? "\0\0\0\x60\xfeSMB"
						   : "\x20\0\0\0",
			       proto == NWB_FC_SMB ? 8 : 4);
			if (proto == NWB_FC_SMB)
				memcpy(buf + 8, "\x40\0", 2);
		}
		while (at < n) {
			size_t used;
			enum sh_frame_state st = sh_frame_feed(
				&f, proto, buf + at, n - at, &used);

			at += used;
			nwb_check(f.have <= SH_HEAD && at <= n);
			if (st == SH_FRAME_BROKEN)
				break;
			if (st != SH_FRAME_DONE)
				continue;
			if (proto == NWB_FC_9P)
				sh_p9_decode(f.head, f.have, &p);
			else if (f.have > 4)
				sh_smb_decode(f.head + 4, f.have - 4, &p);
			sh_frame_reset(&f);
		}
		if (n > 4)
			sh_smb_decode(buf + 4, n - 4, &p);
		sh_p9_decode(buf, n, &p);
		free(buf);
	}
}

/* WRITEs in one frame, of which the headers lie apart. Return: bytes. */
static size_t write_chain(uint8_t *buf, unsigned int nr, uint32_t len)
{
	size_t at = 4;

	for (unsigned int i = 0; i < nr; i++) {
		size_t n = smb_request(buf + at - 4, SMB_WRITE, 10 + i, 1,
				       i * 8192, len) -
			   4;
		size_t next = i + 1 < nr ? NWB_ROUND_UP(n, 8u) : 0;

		memset(buf + at + n, 0, 8);
		buf[at + 20] = (uint8_t)next;
		buf[at + 21] = (uint8_t)(next >> 8);
		at += next ? next : n;
	}
	buf[0] = 0;
	buf[1] = 0;
	buf[2] = (uint8_t)((at - 4) >> 8);
	buf[3] = (uint8_t)(at - 4);
	return at;
}

NWB_TEST(frame, a_chain_of_writes)
{
	static uint8_t buf[8192];
	size_t n = write_chain(buf, 4, 333);

	/* followed by another frame */
	size_t all = n + smb_request(buf + n, SMB_WRITE, 99, 1, 77, 16);

	for (size_t piece = 1; piece <= all; piece++) {
		struct sh_frame f = {0};
		unsigned int nr = 0;
		size_t at = 0, used;

		while (at < n) {
			enum sh_frame_state st =
				sh_frame_feed(&f, NWB_FC_SMB, buf + at,
					      nwb_min(piece, all - at), &used);
			const uint8_t *pdu = f.head + 4;
			struct sh_pdu p = {.next = 1};

			at += used;
			if (st != SH_FRAME_DONE)
				continue;
			for (size_t len = f.have - 4; p.next; nr++) {
				nwb_check(sh_smb_decode(pdu, len, &p));
				nwb_check_eq(p.mid, 10 + nr);
				nwb_check_eq(p.off, nr * 8192u);
				nwb_check_eq(p.len, 333);
				nwb_check(p.next < len);
				pdu += p.next;
				len -= p.next;
			}
			nwb_check_eq(at, n);
			nwb_check_eq(f.got, n);
		}
		nwb_check_eq(nr, 4);
	}
}

/* A NextCommand that leads nowhere: what is found stays within the frame. */
NWB_TEST(frame, a_bad_chain_of_writes)
{
	static uint8_t buf[8192];
	size_t n = write_chain(buf, 3, 100);
	uint32_t state = 1;

	for (unsigned int i = 0; i < 20000; i++) {
		struct sh_frame f = {0};
		size_t used;

		state = state * 1664525 + 1013904223;
		buf[4 + 20] = (uint8_t)(state >> 24);
		buf[4 + 21] = (uint8_t)(state >> 16 & 3);
		nwb_check_eq(sh_frame_feed(&f, NWB_FC_SMB, buf, n, &used),
			     SH_FRAME_DONE);
		nwb_check_eq(used, n);
		nwb_check(f.have <= SH_HEAD);
	}
}
