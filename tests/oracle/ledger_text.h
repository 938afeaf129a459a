/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hand-made ledgers as text, for tests. One line a record, in order of time:
 *
 *	policy flush_on_close redirty p9 settle=100ms retryable=0xc000009a
 *	level check
 *	@w  WRITE off=0 len=4096 v=1
 *	@e  EFFECT_WRITE off=0 len=4096 v=1
 *	    FSYNC
 *	content
 *	    fill off=0 len=4096 v=1
 *	want PASS
 *	flip @e v=2 want FAIL O2 UNISSUED
 *
 * A record is its kind and key=value pairs named as in struct nwb_lrec (res is
 * result, v is version), numbers with 0x, k, m, ms or s; flags are words. Left
 * out: file=1, fd=1, a result of success, and tickets: line n begins at 10n and
 * ends at 10n+4. b= and e= set them; `open` is a record that never ended, `gap`
 * a slot that was never written. Time is a millisecond a ticket (t=, te=).
 *
 * EFFECT_WRITE gets its EFFECT_RUNs: v=1 for all of it, or mix=1:0+100,2:100+5
 * (version:offset+length, the rest zeros), from=file and shift=bytes for what
 * belongs elsewhere, garbage=off+len for what nobody wrote; no v: no runs. A CONN is conn=port. `fill`, `zero` and
 * `byte off= val=` make up the content of the last `content [file=] [size=]`.
 *
 * g=3-4 makes an operation a guest's, with its numbers of begin and end, and a
 * JOIN is g=5 (to_guest: the host spoke first, b= before it, e= after it).
 *
 * `crypt 512`: the contents are encrypted in data units of 512 bytes before they
 * are judged (payloads are listed as they decrypt, as in every ledger).
 *
 * flip: the same ledger with some pairs of one labelled line changed.
 */
#ifndef NWB_TEST_LEDGER_TEXT_H
#define NWB_TEST_LEDGER_TEXT_H

#include "nwb/oracle.h"

#define TEXT_RECS     512u
#define TEXT_CONTENTS 4u
#define TEXT_RULES    4u
#define TEXT_SIZE     (64u * 1024)

struct text_want {
	int verdict;	     /* enum nwb_verdict; -1: anything but PASS */
	unsigned int oracle; /* 0: any */
	char kind[32];
};

struct text_ledger {
	struct nwb_judge_in in;
	struct nwb_lrec rec[TEXT_RECS];
	uint64_t nr_rec;
	struct nwb_content content[TEXT_CONTENTS];
	uint8_t data[TEXT_CONTENTS][TEXT_SIZE];
	struct nwb_expect_hits expect[TEXT_RULES];
	char rule_name[TEXT_RULES][32];
	struct nwb_stamp_key key;
	struct text_want want;
	unsigned int nr_flips;
	char flip_line[200];
	char error[300];
};

/**
 * text_load() - read the ledger of @path, with its @flip-th flip (0: none).
 * Return: 0, or -1 and @t->error.
 */
int text_load(struct text_ledger *t, const char *path, unsigned int flip);

/** text_judge() - judge; 0, or -1 and a text when it is not as wanted. */
int text_judge(const struct text_ledger *t, struct nwb_judgement *ret_j,
	       char *ret_text, size_t size);

#endif
