/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The capture writer: packets of anybody's client and a ledger of anything.
 * The properties: the file is well-formed to a reader of our own, holds every
 * packet, and every fault is in it.
 */
#include "capture_i.h"
#include "fuzz.h"
#include "pcapng_check.h"

#include <stdlib.h>

#define RAW_MAX	    (1u << 18)
#define RECORDS_MAX 256u
#define PORT	    445u

static uint8_t raw[RAW_MAX];
static size_t raw_len;
static struct nwb_lrec rec[RECORDS_MAX];
static unsigned int nr_rec, nr_faults;
static uint64_t nr_packets, now;
static uint32_t seq[4][2];

static void put_packet(const uint8_t *p, size_t n, uint32_t orig)
{
	struct cap_pkt h = {now, (uint32_t)n, nwb_max(orig, (uint32_t)n)};

	if (raw_len + sizeof(h) + n > sizeof(raw))
		return;
	memcpy(raw + raw_len, &h, sizeof(h));
	memcpy(raw + raw_len + sizeof(h), p, n);
	raw_len += sizeof(h) + n;
	nr_packets++;
}

static void put16(uint8_t *p, unsigned int v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* A TCP segment with what the input has for it. */
static void segment(struct fuzz_in *in, uint8_t op)
{
	uint8_t p[54 + 600] = {0};
	unsigned int conn = op & 3, dir = op >> 2 & 1;
	uint8_t bits = fuzz_u8(in);
	size_t len = bits & 1 ? fuzz_u16(in) % 600 : fuzz_u8(in);
	uint32_t s = seq[conn][dir];

	if (bits & 2)
		s += (uint32_t)(int8_t)fuzz_u8(in);
	put16(p + 12, 0x0800);
	p[14] = 0x45;
	put16(p + 16, (unsigned int)(40 + len));
	p[23] = 6;
	put16(p + 34, dir ? PORT : 1000 + conn);
	put16(p + 36, dir ? 1000 + conn : PORT);
	put16(p + 38, s >> 16);
	put16(p + 40, s & 0xffff);
	p[46] = 0x50;
	p[47] = bits & 0x80 ? bits >> 4 & 7 : 0x10;
	fuzz_get(in, p + 54, len);
	if (bits & 4 && len > 80) {
		/* the head of a frame, with a MessageId that faults name */
		memcpy(p + 54, "\0\0\0\x4c\xfeSMB", 8);
		p[54 + 28] = bits >> 4;
		memset(p + 54 + 29, 0, 7);
	}
	seq[conn][dir] = s + (uint32_t)len;
	put_packet(p, 54 + len, 0);
}

static void any_packet(struct fuzz_in *in)
{
	uint8_t p[256];
	size_t len = fuzz_u8(in);

	fuzz_get(in, p, len);
	put_packet(p, len, fuzz_u16(in));
}

static void any_record(struct fuzz_in *in, uint8_t op)
{
	struct nwb_lrec *r = &rec[nr_rec];

	if (nr_rec == RECORDS_MAX)
		return;
	memset(r, 0, sizeof(*r));
	atomic_store(&r->state, op & 1 ? NWB_LS_ENDED : fuzz_u8(in) & 3);
	r->kind = op & 2 ? NWB_L_FAULT : (op & 4 ? NWB_L_PDU_REQ : fuzz_u8(in));
	r->t_begin = now + (uint64_t)(int64_t)(int8_t)fuzz_u8(in);
	r->begin = nr_rec;
	r->conn = op & 8 ? 1000 + (fuzz_u8(in) & 3) : (uint32_t)fuzz_u64(in);
	r->mid = op & 16 ? fuzz_u8(in) >> 4 : fuzz_u64(in);
	r->rule = fuzz_u8(in) & 3;
	r->cmd = fuzz_u8(in);
	r->aux = fuzz_u64(in);
	r->off = fuzz_u64(in);
	r->len = fuzz_u8(in);
	nr_rec++;
	if (r->kind == NWB_L_FAULT && atomic_load(&r->state))
		nr_faults++;
}

static void make(struct fuzz_in *in)
{
	raw_len = 0;
	nr_rec = nr_faults = 0;
	nr_packets = 0;
	now = 1000;
	memset(seq, 0, sizeof(seq));
	while (in->n) {
		uint8_t op = fuzz_u8(in);

		now += op & 7;
		if (op < 160)
			segment(in, op);
		else if (op < 176)
			any_packet(in);
		else
			any_record(in, op);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct nwb_capture_rule rules[] = {
		{"cut", "drop, rst after", true},
		{"slow", "hold 5ms after", false},
	};
	struct nwb_capture_notes notes = {rec, 0, rules, 2};
	struct cap_job job = {.notes = &notes, .port = PORT};
	struct nwb_capture_stats st;
	struct pcapng_seen seen = {0};
	struct fuzz_in in = {data, size};
	uint8_t bits = fuzz_u8(&in);
	char *file = NULL;
	size_t len = 0;
	FILE *f;

	job.is_9p = bits & 1;
	job.about = bits & 2 ? "netwb run" : NULL;
	job.drops = bits & 4 ? 3 : 0;
	make(&in);
	notes.nr_rec = nr_rec;
	job.packets = (struct cap_packets){raw, raw_len};
	f = open_memstream(&file, &len);
	nwb_assert(f);
	cap_write(&job, f, &st);
	nwb_assert(!fclose(f));
	nwb_assert(pcapng_check(file, len, &seen));
	nwb_assert(seen.packets == nr_packets && st.packets == nr_packets);
	nwb_assert(seen.dropped == job.drops);
	nwb_assert(st.faults == nr_faults && st.placed <= nr_faults);
	/* beyond these limits faults are counted, not told one by one */
	if (nr_faults < 64)
		nwb_assert(seen.comments + seen.section_comments >= nr_faults);
	free(file);
	return 0;
}

void fuzz_seeds(void)
{
	uint8_t in[2000];

	for (unsigned int k = 0; k < 12; k++) {
		size_t n = 0;

		in[n++] = (uint8_t)k;
		for (unsigned int i = 0; i < 12; i++) {
			in[n++] = (uint8_t)(i & 4 ? 4 : 0); /* connection 0 */
			in[n++] = (uint8_t)(4 | (i & 7) << 4);
			in[n++] = 84;
			memset(in + n, (int)(i + k), 84);
			n += 84;
			in[n++] = 0xff - (k & 4); /* a fault */
			in[n++] = 3;
			in[n++] = 0;
			in[n++] = (uint8_t)(i << 4 & 0x70);
			in[n++] = (uint8_t)i;
			in[n++] = 9;
			memset(in + n, 0, 17);
			n += 17;
		}
		fuzz_seed(in, n);
	}
}
