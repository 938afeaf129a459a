/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Frames of the guest's channel: what goes in comes out, nonsense does not. */
#include "nwb/guest_chan.h"
#include "nwb_test.h"

#include <errno.h>
#include <string.h>

static struct nwb_chan_parser parser;

static struct nwb_chan_rec make(uint64_t seq, const char *text)
{
	return (struct nwb_chan_rec){
		.type = NWB_CHAN_SAY,
		.seq = seq,
		.ns = seq * 1000,
		.seen = 7,
		.payload = (const uint8_t *)text,
		.len = (uint32_t)strlen(text),
	};
}

static void feed(const uint8_t *p, size_t len)
{
	uint8_t *at;

	nwb_check(nwb_chan_room(&parser, &at) >= len);
	memcpy(at, p, len);
	nwb_chan_fed(&parser, len);
}

NWB_TEST(chan, what_goes_in_comes_out)
{
	struct nwb_chan_rec rec = make(3, "hello"), got;
	uint8_t buf[NWB_CHAN_FRAME_MAX];
	size_t n = nwb_chan_put(&rec, buf);

	parser = (struct nwb_chan_parser){0};
	nwb_check_eq(n, NWB_CHAN_HEAD + 5);
	feed(buf, n);
	nwb_check_eq(nwb_chan_next(&parser, &got), 1);
	nwb_check_eq(got.type, NWB_CHAN_SAY);
	nwb_check_eq(got.seq, 3);
	nwb_check_eq(got.ns, 3000);
	nwb_check_eq(got.seen, 7);
	nwb_check_eq(got.len, 5);
	nwb_check(!memcmp(got.payload, "hello", 5));
	nwb_check_eq(nwb_chan_next(&parser, &got), 0);
}

/* However the stream is cut, the records are the same. */
NWB_TEST(chan, any_cut_of_the_stream)
{
	static uint8_t all[4 * NWB_CHAN_FRAME_MAX];
	static char big[NWB_CHAN_PAYLOAD_MAX + 1];
	size_t len = 0;

	memset(big, 'x', NWB_CHAN_PAYLOAD_MAX);
	for (uint64_t i = 1; i <= 3; i++) {
		struct nwb_chan_rec rec = make(i, i == 2 ? big : "ab");

		len += nwb_chan_put(&rec, all + len);
	}
	for (size_t step = 1; step < 5000; step = step * 3 + 1) {
		struct nwb_chan_rec got;
		uint64_t seq = 0;
		int rc = 0;

		parser = (struct nwb_chan_parser){0};
		for (size_t at = 0; at < len; at += step) {
			feed(all + at, nwb_min(step, len - at));
			while ((rc = nwb_chan_next(&parser, &got)) == 1)
				nwb_check_eq(got.seq, ++seq);
			nwb_check_eq(rc, 0);
		}
		nwb_check_eq(seq, 3);
	}
}

/* Each bit that flips is noticed: by the magic, the length, or the sum. */
NWB_TEST(chan, each_flipped_bit_is_noticed)
{
	struct nwb_chan_rec rec = make(1, "payload"), got;
	uint8_t buf[NWB_CHAN_FRAME_MAX];
	size_t n = nwb_chan_put(&rec, buf);

	for (size_t bit = 0; bit < 8 * n; bit++) {
		parser = (struct nwb_chan_parser){0};
		buf[bit / 8] ^= (uint8_t)(1u << bit % 8);
		feed(buf, n);
		/* a longer length waits for more: then more comes */
		if (nwb_chan_next(&parser, &got) == 0) {
			static uint8_t more[NWB_CHAN_FRAME_MAX];

			feed(more, NWB_CHAN_PAYLOAD_MAX);
			nwb_check_eq(nwb_chan_next(&parser, &got), -EPROTO);
		}
		nwb_check_eq(nwb_chan_next(&parser, &got), -EPROTO);
		buf[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

NWB_TEST(chan, console_text_is_no_record)
{
	static const char text[] = "[    1.0] WARNING: ...\n";
	struct nwb_chan_rec got;

	parser = (struct nwb_chan_parser){0};
	feed((const uint8_t *)text, 1);
	nwb_check_eq(nwb_chan_next(&parser, &got), -EPROTO);
	/* and it stays broken */
	nwb_check_eq(nwb_chan_next(&parser, &got), -EPROTO);
}

NWB_TEST(chan, operations)
{
	struct nwb_chan_op op = {
		.op = NWB_CHAN_OP_WRITE,
		.flags = NWB_CHAN_F_SYNC | NWB_CHAN_F_APPEND,
		.id = 42,
		.file = 3,
		.fd = 1,
		.thread = 2,
		.off = 1ull << 40,
		.len = 4096,
		.version = 9,
		.result = -EIO,
	};
	struct nwb_chan_op got;
	uint8_t buf[128];
	struct nwb_chan_rec rec = {.payload = buf};

	rec.len = (uint32_t)nwb_chan_put_op(&op, buf);
	nwb_check_eq(nwb_chan_get_op(&rec, &got), 0);
	nwb_check(got.op == op.op && got.flags == op.flags && got.id == op.id &&
		  got.file == op.file && got.fd == op.fd &&
		  got.thread == op.thread && got.off == op.off &&
		  got.len == op.len && got.version == op.version &&
		  got.result == op.result);
	rec.len--;
	nwb_check_eq(nwb_chan_get_op(&rec, &got), -EPROTO);
	op.off = INT64_MAX;
	rec.len = (uint32_t)nwb_chan_put_op(&op, buf);
	nwb_check_eq(nwb_chan_get_op(&rec, &got), -EPROTO);
	op.off = 0;
	op.op = NWB_CHAN_OPCODES;
	rec.len = (uint32_t)nwb_chan_put_op(&op, buf);
	nwb_check_eq(nwb_chan_get_op(&rec, &got), -EPROTO);
}

NWB_TEST(chan, what_a_read_has_found)
{
	struct nwb_chan_found f = {
		.id = 1,
		.kind = NWB_CHAN_FOUND_PARTIAL,
		.file = 2,
		.off = 4096,
		.len = 16,
		.version = 3,
		.origin = 8192,
		.raw = "0123456789abcde",
	};
	struct nwb_chan_found got;
	uint8_t buf[128];
	struct nwb_chan_rec rec = {.payload = buf};

	rec.len = (uint32_t)nwb_chan_put_found(&f, buf);
	nwb_check_eq(nwb_chan_get_found(&rec, &got), 0);
	nwb_check(got.id == 1 && got.kind == f.kind && got.file == 2 &&
		  got.off == 4096 && got.len == 16 && got.version == 3 &&
		  got.origin == 8192 && !memcmp(got.raw, f.raw, 16));
	rec.len++;
	nwb_check_eq(nwb_chan_get_found(&rec, &got), -EPROTO);
}

NWB_TEST(chan, the_end_of_a_job)
{
	struct nwb_chan_done d = {.rc = 1, .failed = 3, .text = "a\x1b[1mb"};
	struct nwb_chan_done got;
	uint8_t buf[512];
	struct nwb_chan_rec rec = {.payload = buf};

	rec.len = (uint32_t)nwb_chan_put_done(&d, buf);
	nwb_check_eq(nwb_chan_get_done(&rec, &got), 0);
	nwb_check_eq(got.rc, 1);
	nwb_check_eq(got.failed, 3);
	nwb_check_streq(got.text, "a?[1mb"); /* no escapes for a terminal */
	rec.len = 7;
	nwb_check_eq(nwb_chan_get_done(&rec, &got), -EPROTO);
}

NWB_TEST(chan, names_and_files)
{
	char name[NWB_CHAN_NAME_MAX + 1];
	struct nwb_chan_rec rec = make(1, "");
	const char *text;
	uint32_t len;

	nwb_check_eq(nwb_chan_get_name(&rec, name), -EPROTO);
	rec = make(1, "cut\n");
	nwb_check_eq(nwb_chan_get_name(&rec, name), -EPROTO);
	rec = make(1, "cut");
	nwb_check_eq(nwb_chan_get_name(&rec, name), 0);
	nwb_check_streq(name, "cut");
	nwb_check_eq(nwb_chan_get_stat(&rec, name, &text, &len), -EPROTO);
	rec.payload = (const uint8_t *)"/proc/x\0abc";
	rec.len = 11;
	nwb_check_eq(nwb_chan_get_stat(&rec, name, &text, &len), 0);
	nwb_check_streq(name, "/proc/x");
	nwb_check_eq(len, 3);
	nwb_check(!memcmp(text, "abc", 3));
}

NWB_TEST(chan, every_type_and_operation_has_a_name)
{
	for (unsigned int i = NWB_CHAN_HELLO; i <= NWB_CHAN_EFFECT_END; i++)
		nwb_check(strcmp(nwb_chan_type_name(i), "?"));
	for (unsigned int i = NWB_CHAN_ECHO; i <= NWB_CHAN_STOP; i++)
		nwb_check(strcmp(nwb_chan_type_name(i), "?"));
	for (unsigned int i = 1; i < NWB_CHAN_OPCODES; i++)
		nwb_check(strcmp(nwb_chan_op_name(i), "?"));
	nwb_check_streq(nwb_chan_type_name(0), "?");
	nwb_check_streq(nwb_chan_type_name(99), "?");
	nwb_check_streq(nwb_chan_op_name(NWB_CHAN_OPCODES), "?");
}
