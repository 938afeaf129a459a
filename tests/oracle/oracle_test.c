/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The judge as a function: exit codes, no memory, nonsense, large ledgers. */
#include "ledger_text.h"
#include "nwb_test.h"

#include "nwb/mem.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int code(enum nwb_verdict a, enum nwb_verdict b)
{
	enum nwb_verdict v[2] = {a, b};

	return nwb_verdict_exit(v, 2);
}

NWB_TEST(oracle, exit_codes)
{
	nwb_check_eq(nwb_verdict_exit(NULL, 0), 0);
	nwb_check_eq(code(NWB_PASS, NWB_PASS), 0);
	nwb_check_eq(code(NWB_PASS, NWB_KNOWN), 0);
	nwb_check_eq(code(NWB_PASS, NWB_SKIP), 0);
	nwb_check_eq(code(NWB_SKIP, NWB_SKIP), 77);
	nwb_check_eq(code(NWB_SKIP, NWB_INCONCLUSIVE), 2);
	nwb_check_eq(code(NWB_INCONCLUSIVE, NWB_FAIL), 1);
	nwb_check_eq(code(NWB_INCONCLUSIVE, NWB_VACUOUS), 1);
	nwb_check_eq(code(NWB_INCONCLUSIVE, NWB_UNEXPECTED_PASS), 1);
	nwb_check_eq(code(NWB_FAIL, NWB_PASS), 1);
}

NWB_TEST(oracle, verdicts_have_names)
{
	nwb_check_streq(nwb_verdict_name(NWB_UNEXPECTED_PASS),
			"UNEXPECTED-PASS");
	nwb_check_streq(nwb_verdict_name(NWB_KNOWN), "KNOWN");
	nwb_check_streq(nwb_verdict_name((enum nwb_verdict)99), "?");
}

NWB_TEST(oracle, nothing_at_all_passes)
{
	struct nwb_judge_in in = {.level = 1};
	struct nwb_judgement j;

	nwb_check_eq(nwb_judge(&in, &j, NULL), 0);
	nwb_check_eq(j.verdict, NWB_PASS);
	nwb_check_eq(j.ran, 0);
}

static struct text_ledger ledger;

NWB_TEST(oracle, no_memory_is_an_error_and_leaks_nothing)
{
	uint64_t live = nwb_mem_live();
	struct nwb_judgement j;
	struct nwb_err err;
	int rc = -ENOMEM;

	nwb_check_eq(text_load(&ledger, LEDGER_DIR "/o3-unfenced.txt", 0), 0);
	for (uint64_t nth = 1; rc; nth++) {
		nwb_check(nth < 10000);
		nwb_mem_fail_at(nth, 1);
		rc = nwb_judge(&ledger.in, &j, &err);
		nwb_mem_fail_at(0, 0);
		nwb_check(!rc || rc == -ENOMEM);
		nwb_check_eq(nwb_mem_live(), live);
	}
	nwb_check_eq(j.verdict, NWB_KNOWN);
}

/* xorshift64*: the same nonsense on every run. */
static uint64_t draw(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 2685821657736338717ull;
}

static const char *const seeds[] = {
	"hygiene-error-then-ok-fsync",
	"hygiene-three-byte-overwrite",
	"o1-truncate",
	"o1-volatile",
	"o3-unfenced",
	"o11-foreign",
	"o11-foreign-first",
	"o7-credits",
	"o7-9p",
	"o8-hang",
	"o2-torn",
};

NWB_TEST(oracle, flipped_bits_never_crash_it)
{
	uint64_t s = 88172645463325252ull;
	struct nwb_judgement j;

	for (size_t i = 0; i < NWB_ARRAY_SIZE(seeds); i++) {
		char path[1024];

		snprintf(path, sizeof(path), "%s/%s.txt", LEDGER_DIR, seeds[i]);
		nwb_check_eq(text_load(&ledger, path, 0), 0);
		for (unsigned int round = 0; round < 400; round++) {
			uint64_t r = draw(&s) % ledger.nr_rec;
			struct nwb_lrec keep = ledger.rec[r];
			uint8_t *bytes = (uint8_t *)&ledger.rec[r];

			for (unsigned int k = 0; k < 1 + round % 4; k++)
				bytes[draw(&s) % sizeof(keep)] ^=
					(uint8_t)(1u << draw(&s) % 8);
			nwb_check_eq(nwb_judge(&ledger.in, &j, NULL), 0);
			nwb_check(j.nr_findings <= NWB_FINDINGS_MAX);
			ledger.rec[r] = keep;
		}
	}
}

NWB_TEST(oracle, random_records_never_crash_it)
{
	static struct nwb_lrec rec[64];
	static uint8_t data[4096];
	struct nwb_content content = {
		.file = 1, .size = sizeof(data), .data = data};
	struct nwb_judge_in in = {.rec = rec,
				  .nr_rec = NWB_ARRAY_SIZE(rec),
				  .level = 1,
				  .content = &content,
				  .nr_content = 1,
				  .drain_bound_ns = NWB_SEC};
	uint64_t s = 1234567ull;
	struct nwb_judgement j;

	for (unsigned int round = 0; round < 500; round++) {
		for (size_t i = 0; i < sizeof(rec); i++)
			((uint8_t *)rec)[i] = (uint8_t)draw(&s);
		/* Odd rounds: plausible kinds, states and small numbers. */
		for (size_t i = 0; round % 2 && i < in.nr_rec; i++) {
			rec[i].state = (uint32_t)(1 + draw(&s) % 2);
			rec[i].kind = (uint16_t)(draw(&s) % NWB_L_KINDS);
			rec[i].begin = 1 + draw(&s) % 200;
			rec[i].end = rec[i].begin + draw(&s) % 20;
			rec[i].off = draw(&s) % 6000;
			rec[i].len = draw(&s) % 6000;
			rec[i].result = (int64_t)(draw(&s) % 6000) - 100;
			rec[i].file = (uint16_t)(draw(&s) % 3);
			rec[i].fd = (uint16_t)(draw(&s) % 3);
			rec[i].version = (uint32_t)(draw(&s) % 5);
			rec[i].parent = (uint32_t)(draw(&s) % 70);
			rec[i].conn = (uint32_t)(draw(&s) % 3);
			rec[i].cmd = (uint16_t)(draw(&s) % 14);
			rec[i].mid = draw(&s) % 20;
			/* and a guest's numbers, which are not read else */
			rec[i].aux = 1 + draw(&s) % 100;
			rec[i].len2 = rec[i].aux + 1 + draw(&s) % 20;
		}
		in.policy.foreign = round % 5 == 0;
		in.policy.stable_pages = round % 2;
		in.policy.close_volatile = round % 11 == 0;
		in.policy.flush_on_close = round % 3 == 0;
		in.policy.is_9p = round % 7 == 0;
		nwb_check_eq(nwb_judge(&in, &j, NULL), 0);
	}
}

/*
 * 64 MiB in writes of 4 KiB, in effects of 64 KiB with a run each, twice over,
 * fsync at the end of each pass.
 */
#define BIG	 (64ull * 1024 * 1024)
#define PIECE	 4096ull
#define UPLOAD	 65536ull
#define PASSES	 2u
#define BIG_RECS (PASSES * (BIG / PIECE + 4 * BIG / UPLOAD + 1))

struct big {
	struct nwb_lrec *rec;
	uint64_t nr, ticket;
	uint8_t *data;
};

static struct nwb_lrec *put(struct big *b, uint16_t kind, uint64_t off,
			    uint64_t len, uint32_t version)
{
	struct nwb_lrec *r = &b->rec[b->nr++];

	r->kind = kind;
	r->state = NWB_LS_ENDED;
	r->begin = ++b->ticket;
	r->end = ++b->ticket;
	r->t_begin = r->begin * 1000;
	r->t_end = r->end * 1000;
	r->file = 1;
	r->fd = 1;
	r->off = off;
	r->len = len;
	r->version = version;
	return r;
}

static void put_pass(struct big *b, uint32_t version)
{
	for (uint64_t off = 0; off < BIG; off += PIECE)
		put(b, NWB_L_WRITE, off, PIECE, version)->result =
			(int64_t)PIECE;
	for (uint64_t off = 0; off < BIG; off += UPLOAD) {
		uint32_t parent;
		struct nwb_lrec *r;

		put(b, NWB_L_SENT, off, UPLOAD, 0);
		parent = (uint32_t)b->nr + 1;
		put(b, NWB_L_EFFECT_WRITE, off, UPLOAD, 0)->result =
			(int64_t)UPLOAD;
		r = put(b, NWB_L_EFFECT_RUN, off, UPLOAD, version);
		r->parent = parent;
		r->file2 = 1;
		r->len2 = off;
		put(b, NWB_L_ACKED, off, UPLOAD, 0)->result = (int64_t)UPLOAD;
	}
	put(b, NWB_L_FSYNC, 0, 0, 0);
}

NWB_TEST(oracle, a_large_ledger)
{
	struct big b = {.rec = calloc(BIG_RECS, sizeof(*b.rec)),
			.data = malloc(BIG)};
	struct nwb_content content = {.file = 1, .size = BIG};
	struct nwb_judge_in in = {
		.level = 1, .content = &content, .nr_content = 1};
	struct nwb_stamp_key key;
	struct nwb_judgement j;

	nwb_check(b.rec != NULL && b.data != NULL);
	nwb_stamp_key_init(&key, in.key);
	for (uint32_t pass = 1; pass <= PASSES; pass++)
		put_pass(&b, pass);
	nwb_check_eq(b.nr, BIG_RECS);
	nwb_stamp_fill(&key, 1, PASSES, 0, b.data, BIG);
	in.rec = b.rec;
	in.nr_rec = b.nr;
	content.data = b.data;
	nwb_check_eq(nwb_judge(&in, &j, NULL), 0);
	nwb_check_eq(j.verdict, NWB_PASS);
	nwb_check_eq(j.nr_effects, PASSES * BIG / UPLOAD);
	nwb_check_eq(j.bytes_applied, PASSES * BIG);
	nwb_check_eq(j.bytes_dirtied, PASSES * BIG);
	nwb_check_eq(j.bytes_sent, PASSES * BIG);
	nwb_check_eq(j.bytes_resent, 0);
	/* One old byte in the middle of it all. */
	nwb_stamp_fill(&key, 1, 1, BIG / 2 + 5, b.data + BIG / 2 + 5, 1);
	nwb_check_eq(nwb_judge(&in, &j, NULL), 0);
	nwb_check_eq(j.verdict, NWB_FAIL);
	nwb_check_eq(j.finding[0].off, BIG / 2);
	free(b.rec);
	free(b.data);
}
