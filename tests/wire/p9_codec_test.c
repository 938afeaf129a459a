/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The 9P2000.L codec against bytes written by hand from the protocol
 * description, cut short at every byte, and against noise.
 */
#include "nwb/p9_pdu.h"

#include "nwb_test.h"
#include "p9_codec_fuzz.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct golden {
	const char *hex; /* blanks are left out */
	struct nwb_p9_msg msg;
	unsigned int payload; /* bytes at the end that are not encoded */
};

#define STR(s_) ((struct nwb_p9_str){s_, sizeof(s_) - 1})
#define QID_HEX "80 04030201 1817161514131211"
#define QID                                                                    \
	{                                                                      \
		.type = 0x80, .version = 0x01020304,                           \
		.path = 0x1112131415161718                                     \
	}
#define U64_HEX(n_) n_ "00000000000000"

static const struct golden goldens[] = {
	{"15000000 64 ffff 00000100 0800 3950323030302e4c",
	 {.type = NWB_P9_TVERSION,
	  .tag = NWB_P9_NOTAG,
	  .version = {65536, STR("9P2000.L")}}},
	{"14000000 65 ffff 00200000 0700 756e6b6e6f776e",
	 {.type = NWB_P9_RVERSION,
	  .tag = NWB_P9_NOTAG,
	  .version = {8192, STR("unknown")}}},
	{"20000000 68 0100 02000000 ffffffff 0400 726f6f74 0500 2f65787074 "
	 "e8030000",
	 {.type = NWB_P9_TATTACH,
	  .tag = 1,
	  .tattach = {2, NWB_P9_NOFID, STR("root"), STR("/expt"), 1000}}},
	{"14000000 69 0100 " QID_HEX,
	 {.type = NWB_P9_RATTACH, .tag = 1, .rattach = QID}},
	{"0b000000 07 0201 1c000000",
	 {.type = NWB_P9_RLERROR, .tag = 0x102, .rlerror = {28}}},
	{"09000000 6c 8000 3412",
	 {.type = NWB_P9_TFLUSH, .tag = 128, .tflush = {0x1234}}},
	{"07000000 6d 8000", {.type = NWB_P9_RFLUSH, .tag = 128}},
	{"19000000 6e 0500 01000000 02000000 0200 0100 61 0300 622e63",
	 {.type = NWB_P9_TWALK,
	  .tag = 5,
	  .twalk = {1, 2, 2, {STR("a"), STR("b.c")}}}},
	{"11000000 6e 0500 01000000 02000000 0000",
	 {.type = NWB_P9_TWALK, .tag = 5, .twalk = {1, 2, 0}}},
	{"23000000 6f 0500 0200 " QID_HEX QID_HEX,
	 {.type = NWB_P9_RWALK, .tag = 5, .rwalk = {2, {QID, QID}}}},
	{"0f000000 0c 0600 07000000 02000000",
	 {.type = NWB_P9_TLOPEN, .tag = 6, .tlopen = {7, NWB_P9_DOTL_RDWR}}},
	{"18000000 0d 0600 " QID_HEX "00100000",
	 {.type = NWB_P9_RLOPEN, .tag = 6, .rlopen = {QID, 4096}}},
	{"1b000000 0e 0600 07000000 0200 6662 42000000 a4010000 64000000",
	 {.type = NWB_P9_TLCREATE,
	  .tag = 6,
	  .tlcreate = {7, STR("fb"), NWB_P9_DOTL_RDWR | NWB_P9_DOTL_CREATE,
		       0644, 100}}},
	{"18000000 0f 0600 " QID_HEX "00000000",
	 {.type = NWB_P9_RLCREATE, .tag = 6, .rlopen = {QID, 0}}},
	{"17000000 74 0700 03000000 0807060504030201 00020000",
	 {.type = NWB_P9_TREAD,
	  .tag = 7,
	  .tread = {3, 0x0102030405060708, 512}}},
	{"0e000000 75 0700 03000000 616263",
	 {.type = NWB_P9_RREAD, .tag = 7, .rread = {3}},
	 3},
	{"1b000000 76 0800 03000000 0010000000000000 04000000 77787980",
	 {.type = NWB_P9_TWRITE, .tag = 8, .twrite = {3, 4096, 4}},
	 4},
	{"0b000000 77 0800 e8ff0000",
	 {.type = NWB_P9_RWRITE, .tag = 8, .rwrite = {65512}}},
	{"0b000000 78 0900 05000000",
	 {.type = NWB_P9_TCLUNK, .tag = 9, .tclunk = {5}}},
	{"07000000 79 0900", {.type = NWB_P9_RCLUNK, .tag = 9}},
	{"13000000 18 0a00 05000000 ff07000000000000",
	 {.type = NWB_P9_TGETATTR,
	  .tag = 10,
	  .tgetattr = {5, NWB_P9_GETATTR_BASIC}}},
	{"a0000000 19 0a00 ff07000000000000 " QID_HEX "a4810000 e8030000 "
	 "64000000 " U64_HEX("01") U64_HEX("02") U64_HEX("03") U64_HEX("04")
		 U64_HEX("05") U64_HEX("06") U64_HEX("07") U64_HEX("08")
			 U64_HEX("09") U64_HEX("0a") U64_HEX("0b") U64_HEX("0c")
				 U64_HEX("0d") U64_HEX("0e") U64_HEX("0f"),
	 {.type = NWB_P9_RGETATTR,
	  .tag = 10,
	  .rgetattr = {0x7ff, QID, 0100644, 1000, 100, 1,  2,  3,  4,  5,
		       6,     7,   8,	    9,	  10,  11, 12, 13, 14, 15}}},
	{"43000000 1a 0b00 05000000 08000000 01000000 02000000 03000000 "
	 "0000000001000000 " U64_HEX("06") U64_HEX("07") U64_HEX("08")
		 U64_HEX("09"),
	 {.type = NWB_P9_TSETATTR,
	  .tag = 11,
	  .tsetattr = {5,
		       {NWB_P9_SETATTR_SIZE, 1, 2, 3, 1ull << 32, 6, 7, 8,
			9}}}},
	{"07000000 1b 0b00", {.type = NWB_P9_RSETATTR, .tag = 11}},
	{"0f000000 32 0c00 05000000 01000000",
	 {.type = NWB_P9_TFSYNC, .tag = 12, .tfsync = {5, 1}}},
	{"0b000000 32 0c00 05000000",
	 {.type = NWB_P9_TFSYNC,
	  .tag = 12,
	  .tfsync = {5, 0, .is_short = true}}},
	{"07000000 33 0c00", {.type = NWB_P9_RFSYNC, .tag = 12}},
	{"0b000000 08 0d00 05000000",
	 {.type = NWB_P9_TSTATFS, .tag = 13, .tstatfs = {5}}},
	{"43000000 09 0d00 94191002 00100000 " U64_HEX("01") U64_HEX("02")
		 U64_HEX("03") U64_HEX("04") U64_HEX("05")
			 U64_HEX("06") "ff000000",
	 {.type = NWB_P9_RSTATFS,
	  .tag = 13,
	  .rstatfs = {0x02101994, 4096, 1, 2, 3, 4, 5, 6, 255}}},
	{"17000000 10 0e00 05000000 0200 6c6e 0200 2e2e 64000000",
	 {.type = NWB_P9_TSYMLINK,
	  .tag = 14,
	  .tsymlink = {5, STR("ln"), STR(".."), 100}}},
	{"14000000 11 0e00 " QID_HEX,
	 {.type = NWB_P9_RSYMLINK, .tag = 14, .rsymlink = {QID}}},
	{"0b000000 16 0f00 05000000",
	 {.type = NWB_P9_TREADLINK, .tag = 15, .treadlink = {5}}},
	{"0b000000 17 0f00 0200 2e2e",
	 {.type = NWB_P9_RREADLINK, .tag = 15, .rreadlink = {STR("..")}}},
	{"17000000 1e 1000 05000000 06000000 0600 757365722e61",
	 {.type = NWB_P9_TXATTRWALK,
	  .tag = 16,
	  .txattrwalk = {5, 6, STR("user.a")}}},
	{"0f000000 1f 1000 0300000000000000",
	 {.type = NWB_P9_RXATTRWALK, .tag = 16, .rxattrwalk = {3}}},
	{"1f000000 20 1100 05000000 0600 757365722e61 " U64_HEX(
		 "03") "02000000",
	 {.type = NWB_P9_TXATTRCREATE,
	  .tag = 17,
	  .txattrcreate = {5, STR("user.a"), 3, 2}}},
	{"07000000 21 1100", {.type = NWB_P9_RXATTRCREATE, .tag = 17}},
	{"17000000 28 1200 05000000 " U64_HEX("02") "00100000",
	 {.type = NWB_P9_TREADDIR, .tag = 18, .treaddir = {5, 2, 4096}}},
	{"24000000 29 1200 19000000 " QID_HEX U64_HEX("02") "08 0100 61",
	 {.type = NWB_P9_RREADDIR, .tag = 18, .rreaddir = {25}},
	 25},
	{"13000000 46 1300 05000000 06000000 0200 6c6e",
	 {.type = NWB_P9_TLINK, .tag = 19, .tlink = {5, 6, STR("ln")}}},
	{"07000000 47 1300", {.type = NWB_P9_RLINK, .tag = 19}},
	{"16000000 48 1400 05000000 0100 64 ed010000 64000000",
	 {.type = NWB_P9_TMKDIR,
	  .tag = 20,
	  .tmkdir = {5, STR("d"), 0755, 100}}},
	{"14000000 49 1400 " QID_HEX,
	 {.type = NWB_P9_RMKDIR, .tag = 20, .rsymlink = {QID}}},
	{"16000000 4a 1500 05000000 0100 61 06000000 0200 6262",
	 {.type = NWB_P9_TRENAMEAT,
	  .tag = 21,
	  .trenameat = {5, STR("a"), 6, STR("bb")}}},
	{"07000000 4b 1500", {.type = NWB_P9_RRENAMEAT, .tag = 21}},
	{"12000000 4c 1600 05000000 0100 64 00020000",
	 {.type = NWB_P9_TUNLINKAT,
	  .tag = 22,
	  .tunlinkat = {5, STR("d"), NWB_P9_DOTL_REMOVEDIR}}},
	{"12000000 14 1700 05000000 06000000 0100 62",
	 {.type = NWB_P9_TRENAME, .tag = 23, .trename = {5, 6, STR("b")}}},
	{"07000000 15 1700", {.type = NWB_P9_RRENAME, .tag = 23}},
	{"0b000000 7a 1800 05000000",
	 {.type = NWB_P9_TREMOVE, .tag = 24, .tremove = {5}}},
	{"07000000 7b 1800", {.type = NWB_P9_RREMOVE, .tag = 24}},
	{"07000000 4d 1600", {.type = NWB_P9_RUNLINKAT, .tag = 22}},
};

static size_t from_hex(const char *hex, uint8_t *out)
{
	static const char digits[] = "0123456789abcdef";
	size_t n = 0;

	while (*hex) {
		if (*hex == ' ') {
			hex++;
			continue;
		}
		out[n++] = (uint8_t)((strchr(digits, hex[0]) - digits) * 16 +
				     (strchr(digits, hex[1]) - digits));
		hex += 2;
	}
	return n;
}

/* Exactly as long as the frame, so that a read past it is an ASan report. */
static uint8_t *exact(const uint8_t *frame, size_t len)
{
	uint8_t *p = malloc(len ? len : 1);

	memcpy(p, frame, len);
	return p;
}

NWB_TEST(p9_codec, encodes_to_the_bytes_of_the_protocol)
{
	uint8_t want[512], got[512];
	size_t i, len, want_len;

	for (i = 0; i < NWB_ARRAY_SIZE(goldens); i++) {
		want_len = from_hex(goldens[i].hex, want) - goldens[i].payload;
		nwb_check_eq(
			nwb_p9_encode(&goldens[i].msg, got, sizeof(got), &len),
			0);
		nwb_check_eq(len, want_len);
		nwb_check(!memcmp(got, want, len));
	}
}

/* What was decoded encodes to the same bytes again, and the members are where
 * they belong because the goldens above say so. */
NWB_TEST(p9_codec, decodes_what_the_protocol_says)
{
	uint8_t frame[512], again[512];
	struct nwb_p9_msg m;
	size_t i, len, again_len;
	uint32_t size;

	for (i = 0; i < NWB_ARRAY_SIZE(goldens); i++) {
		len = from_hex(goldens[i].hex, frame);
		nwb_check_eq(nwb_p9_frame_size(frame, 4096, &size), 0);
		nwb_check_eq(size, len);
		nwb_check_eq(nwb_p9_decode(frame, len, &m), 0);
		nwb_check_eq(m.type, goldens[i].msg.type);
		nwb_check_eq(m.tag, goldens[i].msg.tag);
		nwb_check_eq(
			nwb_p9_encode(&m, again, sizeof(again), &again_len), 0);
		nwb_check_eq(again_len, len - goldens[i].payload);
		nwb_check(!memcmp(frame, again, again_len));
	}
}

NWB_TEST(p9_codec, payloads_and_strings_point_into_the_frame)
{
	uint8_t frame[512];
	struct nwb_p9_msg m;
	size_t len;

	len = from_hex(goldens[16].hex, frame);
	nwb_check_eq(nwb_p9_decode(frame, len, &m), 0);
	nwb_check_eq(m.type, NWB_P9_TWRITE);
	nwb_check_eq(m.twrite.fid, 3);
	nwb_check_eq(m.twrite.offset, 4096);
	nwb_check_eq(m.twrite.count, 4);
	nwb_check(m.twrite.data == frame + NWB_P9_TWRITE_HDR);

	len = from_hex(goldens[15].hex, frame);
	nwb_check_eq(nwb_p9_decode(frame, len, &m), 0);
	nwb_check(m.rread.data == frame + NWB_P9_RREAD_HDR);

	len = from_hex(goldens[7].hex, frame);
	nwb_check_eq(nwb_p9_decode(frame, len, &m), 0);
	nwb_check_eq(m.twalk.nwname, 2);
	nwb_check(nwb_p9_str_eq(&m.twalk.wname[1], "b.c"));
	nwb_check(!nwb_p9_str_eq(&m.twalk.wname[1], "b."));
	nwb_check(m.twalk.wname[0].s == (char *)frame + 19);

	len = from_hex(goldens[22].hex, frame);
	nwb_check_eq(nwb_p9_decode(frame, len, &m), 0);
	nwb_check_eq(m.tsetattr.attr.size, 1ll << 32);
	nwb_check_eq(m.tsetattr.attr.mtime_nsec, 9);
}

/* With size[] made to fit, so that the bodies are what is cut; the short form
 * of Tfsync is the one message that is legal when cut. */
NWB_TEST(p9_codec, cut_at_every_byte_is_an_error)
{
	uint8_t frame[512];
	struct nwb_p9_msg m;
	size_t i, len, cut;

	for (i = 0; i < NWB_ARRAY_SIZE(goldens); i++) {
		len = from_hex(goldens[i].hex, frame);
		for (cut = 0; cut < len; cut++) {
			uint8_t *p = exact(frame, cut);
			bool legal = goldens[i].msg.type == NWB_P9_TFSYNC &&
				     cut == 11;

			nwb_check_eq(nwb_p9_decode(p, cut, &m), -EPROTO);
			if (cut >= 4)
				p[0] = (uint8_t)cut;
			nwb_check_eq(nwb_p9_decode(p, cut, &m),
				     legal ? 0 : -EPROTO);
			free(p);
		}
	}
}

NWB_TEST(p9_codec, bytes_left_over_are_an_error)
{
	uint8_t frame[512];
	struct nwb_p9_msg m;
	size_t i, len;

	for (i = 0; i < NWB_ARRAY_SIZE(goldens); i++) {
		if (goldens[i].msg.type == NWB_P9_TFSYNC &&
		    goldens[i].msg.tfsync.is_short)
			continue;
		len = from_hex(goldens[i].hex, frame);
		frame[len] = 0;
		frame[0]++;
		nwb_check_eq(nwb_p9_decode(frame, len + 1, &m), -EPROTO);
	}
}

NWB_TEST(p9_codec, hostile_fields_are_errors)
{
	uint8_t frame[512];
	struct nwb_p9_msg m;
	size_t len;

	/* 17 names, none of which is there */
	len = from_hex("11000000 6e 0500 01000000 02000000 1100", frame);
	nwb_check_eq(nwb_p9_decode(frame, len, &m), -EPROTO);
	len = from_hex("09000000 6f 0500 ffff", frame);
	nwb_check_eq(nwb_p9_decode(frame, len, &m), -EPROTO);
	/* a NUL in a name */
	len = from_hex("14000000 6e 0500 01000000 02000000 0100 0100 00",
		       frame);
	nwb_check_eq(nwb_p9_decode(frame, len, &m), -EPROTO);
	/* counts that the frame does not hold, or that wrap */
	len = from_hex("1b000000 76 0800 03000000 0010000000000000 05000000 "
		       "77787980",
		       frame);
	nwb_check_eq(nwb_p9_decode(frame, len, &m), -EPROTO);
	memset(frame + 19, 0xff, 4);
	nwb_check_eq(nwb_p9_decode(frame, len, &m), -EPROTO);
	memset(frame + 19, 0, 4);
	nwb_check_eq(nwb_p9_decode(frame, len, &m), -EPROTO);
	/* Tlerror does not exist, nor do types above */
	len = from_hex("0b000000 06 0201 1c000000", frame);
	nwb_check_eq(nwb_p9_decode(frame, len, &m), -EOPNOTSUPP);
	nwb_check_eq(m.type, 6);
	nwb_check_eq(m.tag, 0x102);
	frame[4] = 255;
	nwb_check_eq(nwb_p9_decode(frame, len, &m), -EOPNOTSUPP);
}

NWB_TEST(p9_codec, frame_size_keeps_its_limits)
{
	uint8_t hdr[4] = {6};
	uint32_t size = 1;

	nwb_check_eq(nwb_p9_frame_size(hdr, 4096, &size), -EPROTO);
	hdr[0] = 7;
	nwb_check_eq(nwb_p9_frame_size(hdr, 4096, &size), 0);
	nwb_check_eq(size, 7);
	hdr[0] = 0;
	hdr[1] = 0x10;
	nwb_check_eq(nwb_p9_frame_size(hdr, 4096, &size), 0);
	hdr[0] = 1;
	nwb_check_eq(nwb_p9_frame_size(hdr, 4096, &size), -EMSGSIZE);
	memset(hdr, 0xff, 4);
	nwb_check_eq(nwb_p9_frame_size(hdr, 4096, &size), -EMSGSIZE);
	nwb_check_eq(size, 4096);
}

NWB_TEST(p9_codec, encoder_keeps_to_its_buffer)
{
	uint8_t buf[512];
	struct nwb_p9_msg m;
	size_t i, max, len, want;

	for (i = 0; i < NWB_ARRAY_SIZE(goldens); i++) {
		nwb_check_eq(
			nwb_p9_encode(&goldens[i].msg, buf, sizeof(buf), &want),
			0);
		for (max = 0; max < want; max++) {
			memset(buf, 0x5a, sizeof(buf));
			len = 12345;
			nwb_check_eq(
				nwb_p9_encode(&goldens[i].msg, buf, max, &len),
				-ENOSPC);
			nwb_check_eq(len, 12345);
			nwb_check_eq(buf[max], 0x5a);
		}
	}
	m = (struct nwb_p9_msg){.type = NWB_P9_TWALK, .twalk.nwname = 17};
	nwb_check_eq(nwb_p9_encode(&m, buf, sizeof(buf), &len), -EINVAL);
	m = (struct nwb_p9_msg){.type = 99};
	nwb_check_eq(nwb_p9_encode(&m, buf, sizeof(buf), &len), -EINVAL);
	m = (struct nwb_p9_msg){.type = NWB_P9_TLCREATE,
				.tlcreate.name = {"a\0b", 3}};
	nwb_check_eq(nwb_p9_encode(&m, buf, sizeof(buf), &len), -EINVAL);
	/* size[] has 32 bits */
	m = (struct nwb_p9_msg){.type = NWB_P9_TWRITE,
				.twrite.count = UINT32_MAX};
	nwb_check_eq(nwb_p9_encode(&m, buf, sizeof(buf), &len), -ENOSPC);
	m.twrite.count = UINT32_MAX - NWB_P9_TWRITE_HDR;
	nwb_check_eq(nwb_p9_encode(&m, buf, sizeof(buf), &len), 0);
	nwb_check_eq(buf[0] & buf[1] & buf[2] & buf[3], 0xff);
}

/* xorshift64*: noise that is the same every time. */
static uint64_t noise(uint64_t *x)
{
	*x ^= *x >> 12;
	*x ^= *x << 25;
	*x ^= *x >> 27;
	return *x * 0x2545f4914f6cdd1dull;
}

static void noise_round(const uint8_t *frame, size_t len, unsigned int *ok)
{
	uint8_t *p = exact(frame, len);

	(void)LLVMFuzzerTestOneInput(p, len);
	*ok += p9_codec_accepts;
	free(p);
}

NWB_TEST(p9_codec, noise_never_crashes_and_what_passes_is_sound)
{
	uint8_t frame[512];
	uint64_t x = 0x9e3779b97f4a7c15;
	unsigned int ok = 0, i, k;
	size_t len;

	for (i = 0; i < 60000; i++) {
		if (i & 1) { /* bytes of a good frame changed */
			len = from_hex(
				goldens[noise(&x) % NWB_ARRAY_SIZE(goldens)]
					.hex,
				frame);
			for (k = noise(&x) % 3 + 1; k; k--)
				frame[7 + noise(&x) % (len - 6) - 1] =
					(uint8_t)noise(&x);
		} else { /* noise with a good size and type */
			len = 7 + noise(&x) % 64;
			for (k = 0; k < len; k++)
				frame[k] = (uint8_t)noise(&x);
			frame[0] = (uint8_t)len;
			frame[1] = frame[2] = frame[3] = 0;
			frame[4] = goldens[noise(&x) % NWB_ARRAY_SIZE(goldens)]
					   .msg.type;
		}
		noise_round(frame, len, &ok);
	}
	nwb_check(ok > 1000); /* the noise gets past the front door */
	nwb_check(ok < 59000);
}

/* nfs-ganesha answers with Rerror and a number. */
NWB_TEST(p9_codec, rerror_with_a_number_is_an_rlerror)
{
	static const uint8_t rerror[] = {11, 0, 0, 0, 107, 2, 1, 28, 0, 0, 0};
	/* That of 9P2000: a string. */
	static const uint8_t text[] = {12, 0, 0, 0,   107, 2,
				       1,  3, 0, 'b', 'a', 'd'};
	struct nwb_p9_msg m;

	nwb_check_eq(nwb_p9_decode(rerror, sizeof(rerror), &m), 0);
	nwb_check_eq(m.type, NWB_P9_RLERROR);
	nwb_check_eq(m.tag, 0x102);
	nwb_check_eq(m.rlerror.ecode, 28);
	nwb_check_eq(nwb_p9_decode(text, sizeof(text), &m), -EPROTO);
}

NWB_TEST(p9_codec, types_have_names)
{
	nwb_check_streq(nwb_p9_type_name(NWB_P9_TWRITE), "Twrite");
	nwb_check_streq(nwb_p9_type_name(NWB_P9_RLERROR), "Rlerror");
	nwb_check_streq(nwb_p9_type_name(6), "type?");
}
