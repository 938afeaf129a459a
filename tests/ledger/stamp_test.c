/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Stamps: known AES answers, both implementations, alignment, runs. */
#include "nwb/stamp.h"
#include "nwb_test.h"

#include <stdlib.h>
#include <string.h>

static const uint8_t raw_key[16] = {0, 1, 2,  3,  4,  5,  6,  7,
				    8, 9, 10, 11, 12, 13, 14, 15};

static struct nwb_stamp_key key(void)
{
	struct nwb_stamp_key k;

	nwb_stamp_key_init(&k, raw_key);
	return k;
}

static void check_known(void)
{
	/* NIST AESAVS, VarTxt128: the zero key, plaintexts 0^128 and 80 0^120;
	 * and 0^128 under 00010203...0f. */
	static const uint8_t want[3][16] = {
		{0x66, 0xe9, 0x4b, 0xd4, 0xef, 0x8a, 0x2c, 0x3b, 0x88, 0x4c,
		 0xfa, 0x59, 0xca, 0x34, 0x2b, 0x2e},
		{0x3a, 0xd7, 0x8e, 0x72, 0x6c, 0x1e, 0xc0, 0x2b, 0x7e, 0xbf,
		 0xe9, 0x2b, 0x23, 0xd9, 0xec, 0x34},
		{0xc6, 0xa1, 0x3b, 0x37, 0x87, 0x8f, 0x5b, 0x82, 0x6f, 0x4f,
		 0x81, 0x62, 0xa1, 0xc8, 0xd8, 0x79}};
	static const uint8_t zero[16];
	struct nwb_stamp_key k;
	uint8_t out[16];

	nwb_stamp_key_init(&k, zero);
	nwb_stamp_fill(&k, 0, 0, 0, out, 16);
	nwb_check(!memcmp(out, want[0], 16));
	nwb_stamp_fill(&k, 0x80, 0, 0, out, 16);
	nwb_check(!memcmp(out, want[1], 16));
	k = key();
	nwb_stamp_fill(&k, 0, 0, 0, out, 16);
	nwb_check(!memcmp(out, want[2], 16));
}

NWB_TEST(stamp, known_answers)
{
	check_known();
}

NWB_TEST(stamp, known_answers_portable)
{
	nwb_check(nwb_stamp_portable(true));
	check_known();
	nwb_stamp_portable(false);
}

static void check_round_trip(void)
{
	static const uint64_t offsets[] = {0, 16, 4096, 1ull << 52,
					   UINT64_MAX - 15};
	static const uint32_t versions[] = {0, 1, 0x12345, UINT32_MAX};
	struct nwb_stamp_key k = key();
	struct nwb_lane lane;
	uint8_t b[16];

	for (size_t o = 0; o < NWB_ARRAY_SIZE(offsets); o++)
		for (size_t v = 0; v < NWB_ARRAY_SIZE(versions); v++) {
			nwb_stamp_fill(&k, 0xfedc, versions[v], offsets[o], b,
				       16);
			nwb_check(nwb_stamp_decode(&k, b, &lane));
			nwb_check_eq(lane.file, 0xfedc);
			nwb_check_eq(lane.offset, offsets[o]);
			nwb_check_eq(lane.version, versions[v]);
			b[o] ^= 1;
			nwb_check(!nwb_stamp_decode(&k, b, &lane));
		}
}

NWB_TEST(stamp, round_trip)
{
	check_round_trip();
	nwb_stamp_portable(true);
	check_round_trip();
	nwb_stamp_portable(false);
}

NWB_TEST(stamp, portable_gives_the_same_bytes)
{
	struct nwb_stamp_key k = key();
	static uint8_t a[1000], b[1000];

	nwb_stamp_portable(true);
	nwb_stamp_fill(&k, 3, 77, 123456789, a, sizeof(a));
	nwb_stamp_portable(false);
	nwb_stamp_fill(&k, 3, 77, 123456789, b, sizeof(b));
	nwb_check(!memcmp(a, b, sizeof(a)));
}

NWB_TEST(stamp, any_alignment_is_a_cut_of_the_whole)
{
	struct nwb_stamp_key k = key();
	static uint8_t whole[512], cut[512];

	nwb_stamp_fill(&k, 1, 9, 4096, whole, sizeof(whole));
	for (size_t from = 0; from < 40; from++)
		for (size_t len = 0; len < 300; len += 7) {
			memset(cut, 0xee, sizeof(cut));
			nwb_stamp_fill(&k, 1, 9, 4096 + from, cut, len);
			nwb_check(!memcmp(cut, whole + from, len));
			nwb_check_eq(cut[len], 0xee);
		}
}

struct runs {
	struct nwb_stamp_run run[64];
	unsigned int nr;
	int stop_at;
};

static int collect(void *arg, const struct nwb_stamp_run *run)
{
	struct runs *r = arg;

	nwb_check(r->nr < NWB_ARRAY_SIZE(r->run));
	r->run[r->nr++] = *run;
	return (int)r->nr == r->stop_at ? -7 : 0;
}

static void check_run(const struct nwb_stamp_run *r, enum nwb_stamp_kind kind,
		      uint64_t offset, uint64_t len)
{
	nwb_check_eq(r->kind, kind);
	nwb_check_eq(r->offset, offset);
	nwb_check_eq(r->len, len);
}

static void check_scan(void)
{
	struct nwb_stamp_key k = key();
	static uint8_t b[4096];
	struct runs r = {.nr = 0};

	nwb_stamp_fill(&k, 1, 5, 0, b, sizeof(b));
	memset(b + 1024, 0, 512);		       /* hole */
	nwb_stamp_fill(&k, 1, 6, 2048, b + 2048, 256); /* newer */
	nwb_stamp_fill(&k, 1, 6, 4096, b + 2304, 256); /* displaced */
	nwb_stamp_fill(&k, 2, 6, 2560, b + 2560, 16);  /* other file */
	nwb_stamp_fill(&k, 1, 7, 3003, b + 3003, 3);   /* mixed lane */
	nwb_check_eq(nwb_stamp_scan(&k, 5, b + 5, 4096 - 5 - 3, collect, &r),
		     0);
	nwb_check_eq(r.nr, 11);
	check_run(&r.run[0], NWB_STAMP_PARTIAL, 5, 11);
	nwb_check(!memcmp(r.run[0].raw + 5, b + 5, 11));
	check_run(&r.run[1], NWB_STAMP_LANES, 16, 1008);
	nwb_check_eq(r.run[1].lane.version, 5);
	nwb_check_eq(r.run[1].lane.offset, 16);
	check_run(&r.run[2], NWB_STAMP_ZERO, 1024, 512);
	check_run(&r.run[3], NWB_STAMP_LANES, 1536, 512);
	check_run(&r.run[4], NWB_STAMP_LANES, 2048, 256);
	nwb_check_eq(r.run[4].lane.version, 6);
	check_run(&r.run[5], NWB_STAMP_LANES, 2304, 256);
	nwb_check_eq(r.run[5].lane.offset, 4096);
	check_run(&r.run[6], NWB_STAMP_LANES, 2560, 16);
	nwb_check_eq(r.run[6].lane.file, 2);
	check_run(&r.run[7], NWB_STAMP_LANES, 2576, 416);
	check_run(&r.run[8], NWB_STAMP_PARTIAL, 2992, 16);
	nwb_check(!memcmp(r.run[8].raw, b + 2992, 16));
	check_run(&r.run[9], NWB_STAMP_LANES, 3008, 4080 - 3008);
	check_run(&r.run[10], NWB_STAMP_PARTIAL, 4080, 13);
}

NWB_TEST(stamp, scan_cuts_into_runs)
{
	check_scan();
	nwb_stamp_portable(true);
	check_scan();
	nwb_stamp_portable(false);
}

NWB_TEST(stamp, scan_of_less_than_a_lane)
{
	struct nwb_stamp_key k = key();
	struct runs r = {.nr = 0};
	uint8_t b[3];

	nwb_stamp_fill(&k, 1, 5, 18, b, 3);
	nwb_check_eq(nwb_stamp_scan(&k, 18, b, 3, collect, &r), 0);
	nwb_check_eq(r.nr, 1);
	check_run(&r.run[0], NWB_STAMP_PARTIAL, 18, 3);
	nwb_check(!memcmp(r.run[0].raw + 2, b, 3));
	nwb_check_eq(nwb_stamp_scan(&k, 18, b, 0, collect, &r), 0);
	nwb_check_eq(r.nr, 1);
}

NWB_TEST(stamp, scan_stops_when_told)
{
	struct nwb_stamp_key k = key();
	struct runs r = {.stop_at = 2};
	uint8_t b[64];

	for (unsigned int i = 0; i < 4; i++)
		nwb_stamp_fill(&k, 1, i, 16 * i, b + 16 * i, 16);
	nwb_check_eq(nwb_stamp_scan(&k, 0, b, 64, collect, &r), -7);
	nwb_check_eq(r.nr, 2);
}

/* --- content crypto ------------------------------------------------------- */

static void from_hex(const char *hex, uint8_t *to, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		char two[3] = {hex[2 * i], hex[2 * i + 1], 0};

		to[i] = (uint8_t)strtoul(two, NULL, 16);
	}
}

/* IEEE 1619-2007, annex B, vectors 1 and 2: units of 32 bytes. */
static void check_xts(void)
{
	static const struct {
		uint8_t key1, key2;
		uint64_t unit;
		uint8_t plain;
		const char *cipher;
	} v[] = {
		{0, 0, 0, 0,
		 "917cf69ebd68b2ec9b9fe9a3eadda692"
		 "cd43d2f59598ed858c02c2652fbf922e"},
		{0x11, 0x22, 0x3333333333, 0x44,
		 "c454185e6a16936e39334038acef838b"
		 "fb186fff7480adc4289382ecd6d394f0"},
	};
	uint8_t raw[NWB_CRYPT_KEY], cipher[32], plain[32], want[32];
	struct nwb_stamp_key k = key();

	for (size_t i = 0; i < NWB_ARRAY_SIZE(v); i++) {
		memset(raw, v[i].key1, 16);
		memset(raw + 16, v[i].key2, 16);
		memset(want, v[i].plain, 32);
		from_hex(v[i].cipher, cipher, 32);
		nwb_stamp_key_crypt(&k, raw, 32);
		nwb_stamp_decrypt(&k, v[i].unit * 32, cipher, plain, 32);
		nwb_check(!memcmp(plain, want, 32));
		/* the second half by itself, and in place */
		nwb_stamp_decrypt(&k, v[i].unit * 32 + 16, cipher + 16,
				  cipher + 16, 16);
		nwb_check(!memcmp(cipher + 16, want, 16));
	}
}

NWB_TEST(stamp, xts_known_answers)
{
	check_xts();
	nwb_check(nwb_stamp_portable(true));
	check_xts();
	nwb_stamp_portable(false);
}

static int count_lanes(void *arg, const struct nwb_stamp_run *run)
{
	uint64_t *lanes = arg;

	if (run->kind == NWB_STAMP_LANES)
		*lanes += run->len;
	return 0;
}

/* A client that forgot to encrypt is seen; a hole is one. */
NWB_TEST(stamp, clear_text_is_no_cipher_text)
{
	static uint8_t buf[65536];
	struct nwb_stamp_key k = key();
	uint8_t raw[NWB_CRYPT_KEY], out[64];
	uint64_t lanes = 0;

	memset(raw, 7, sizeof(raw));
	nwb_stamp_fill(&k, 1, 2, 0, buf, sizeof(buf));
	nwb_stamp_key_crypt(&k, raw, 512);
	nwb_check_eq(
		nwb_stamp_scan(&k, 0, buf, sizeof(buf), count_lanes, &lanes),
		0);
	nwb_check_eq(lanes, 0);
	memset(buf, 0, 64);
	nwb_stamp_decrypt(&k, 4096, buf, out, 64);
	nwb_check(!memcmp(out, buf, 64));
	nwb_stamp_key_crypt(&k, raw, 0);
	nwb_check_eq(nwb_stamp_scan(&k, 64, buf + 64, sizeof(buf) - 64,
				    count_lanes, &lanes),
		     0);
	nwb_check_eq(lanes, sizeof(buf) - 64);
}
