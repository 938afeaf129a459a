/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a guest tells, as the ledger has it and as the oracles judge it. */
#include "nwb/intents.h"
#include "nwb/oracle.h"
#include "nwb_test.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SLOTS 256u

struct bed {
	struct nwb_ledger l;
	struct nwb_intents it;
	uint64_t seq;
	uint32_t seen;
};

static void setup(struct bed *b)
{
	static const uint8_t key[16] = "intents";
	int fd = memfd_create("ledger", 0);

	memset(b, 0, sizeof(*b));
	nwb_check(fd >= 0);
	nwb_check_eq(nwb_ledger_create(fd, SLOTS, key, 1, &b->l), 0);
	close(fd);
	nwb_check_eq(nwb_ledger_add_file(&b->l, "netwb.dat"), 1);
	nwb_intents_init(&b->it, &b->l);
}

static int say(struct bed *b, uint16_t type, const void *payload, size_t len)
{
	struct nwb_chan_rec rec = {.type = type,
				   .seq = ++b->seq,
				   .seen = b->seen,
				   .payload = payload,
				   .len = (uint32_t)len};

	return nwb_intents_record(&b->it, &rec);
}

static int say_op(struct bed *b, uint16_t type, const struct nwb_chan_op *op)
{
	static uint8_t buf[NWB_CHAN_PAYLOAD_MAX];

	return say(b, type, buf, nwb_chan_put_op(op, buf));
}

static void begin(struct bed *b, uint32_t id, uint16_t kind, uint64_t off,
		  uint64_t len, uint32_t version)
{
	struct nwb_chan_op op = {.op = kind,
				 .id = id,
				 .file = 1,
				 .fd = 3,
				 .off = off,
				 .len = len,
				 .version = version};

	nwb_check_eq(say_op(b, NWB_CHAN_OP_BEGIN, &op), 0);
}

static void end(struct bed *b, uint32_t id, uint16_t kind, uint64_t len,
		int64_t result)
{
	struct nwb_chan_op op = {.op = kind,
				 .id = id,
				 .file = 1,
				 .fd = 3,
				 .len = len,
				 .result = result};

	nwb_check_eq(say_op(b, NWB_CHAN_OP_END, &op), 0);
}

static const struct nwb_lrec *slot(const struct bed *b, uint64_t i)
{
	nwb_check(i < nwb_ledger_count(&b->l));
	return &b->l.hdr->slot[i];
}

static void judge_file(const struct bed *b, const void *data, uint64_t size,
		       struct nwb_judgement *j)
{
	struct nwb_content c = {.file = 1, .size = size, .data = data};
	struct nwb_judge_in in = {
		.rec = b->l.hdr->slot,
		.nr_rec = nwb_ledger_count(&b->l),
		.key = "intents",
		.level = 1,
		.policy = {.foreign = true, .flush_on_close = true},
		.content = &c,
		.nr_content = 1,
	};

	nwb_check_eq(nwb_judge(&in, j, NULL), 0);
}

static void judge(const struct bed *b, struct nwb_judgement *j)
{
	judge_file(b, NULL, 0, j);
}

NWB_TEST(intents, operations_are_records_with_the_guests_numbers)
{
	const struct nwb_lrec *r;
	struct bed b;

	setup(&b);
	begin(&b, 1, NWB_CHAN_OP_OPEN, 0, 0, 0);
	end(&b, 1, NWB_CHAN_OP_OPEN, 0, 5); /* a guest's fd: not an error */
	begin(&b, 2, NWB_CHAN_OP_WRITE, 4096, 100, 7);
	begin(&b, 3, NWB_CHAN_OP_FSYNC, 0, 0, 0);
	end(&b, 2, NWB_CHAN_OP_WRITE, 100, 60);
	r = slot(&b, 0);
	nwb_check_eq(r->kind, NWB_L_OPEN);
	nwb_check_eq(r->result, 0);
	nwb_check_eq(r->aux, 1);
	nwb_check_eq(r->len2, 2);
	nwb_check_eq(r->state, NWB_LS_ENDED);
	r = slot(&b, 1);
	nwb_check_eq(r->kind, NWB_L_WRITE);
	nwb_check_eq(r->flags, NWB_LF_GUEST);
	nwb_check_eq(r->off, 4096);
	nwb_check_eq(r->len, 100);
	nwb_check_eq(r->version, 7);
	nwb_check_eq(r->result, 60);
	nwb_check_eq(r->fd, 3);
	nwb_check_eq(r->aux, 3);
	nwb_check_eq(r->len2, 5);
	r = slot(&b, 2);
	nwb_check_eq(r->kind, NWB_L_FSYNC);
	nwb_check_eq(r->state, NWB_LS_BEGUN); /* it never came back */
	nwb_check_eq(b.it.nr_open, 1);
	nwb_check_eq(b.it.nr_ops, 3);
	nwb_ledger_unmap(&b.l);
}

NWB_TEST(intents, stores_syncs_and_truncates)
{
	struct nwb_chan_op op = {.op = NWB_CHAN_OP_OPEN,
				 .id = 9,
				 .flags = NWB_CHAN_F_TRUNC,
				 .file = 1,
				 .version = 4};
	struct bed b;

	setup(&b);
	nwb_check_eq(say_op(&b, NWB_CHAN_OP_BEGIN, &op), 0);
	nwb_check_eq(say_op(&b, NWB_CHAN_OP_END, &op), 0);
	nwb_check_eq(slot(&b, 1)->kind, NWB_L_TRUNCATE);
	nwb_check_eq(slot(&b, 1)->off, 0);
	nwb_check_eq(slot(&b, 1)->version, 4);
	nwb_check_eq(slot(&b, 1)->state, NWB_LS_ENDED);
	begin(&b, 10, NWB_CHAN_OP_STORE, 0, 16, 5);
	nwb_check_eq(slot(&b, 2)->flags, NWB_LF_GUEST | NWB_LF_MAPPED);
	begin(&b, 11, NWB_CHAN_OP_MSYNC, 4096, 8192, 0);
	nwb_check_eq(slot(&b, 3)->kind, NWB_L_FSYNC);
	nwb_check_eq(slot(&b, 3)->off, 4096);
	nwb_check_eq(slot(&b, 3)->len, 8192);
	op = (struct nwb_chan_op){.op = NWB_CHAN_OP_WRITE,
				  .id = 12,
				  .flags = NWB_CHAN_F_SYNC,
				  .file = 1,
				  .len = 16};
	nwb_check_eq(say_op(&b, NWB_CHAN_OP_BEGIN, &op), 0);
	nwb_check_eq(slot(&b, 4)->flags, NWB_LF_GUEST | NWB_LF_SYNC);
	begin(&b, 13, NWB_CHAN_OP_TRUNCATE, 777, 0, 6);
	nwb_check_eq(slot(&b, 5)->kind, NWB_L_TRUNCATE);
	nwb_check_eq(slot(&b, 5)->off, 777);
	begin(&b, 14, NWB_CHAN_OP_DROP, 0, 0, 0); /* nothing of a file's */
	nwb_check_eq(slot(&b, 6)->kind, NWB_L_JOIN);
	nwb_ledger_unmap(&b.l);
}

NWB_TEST(intents, what_a_read_saw)
{
	static uint8_t buf[NWB_CHAN_PAYLOAD_MAX];
	struct nwb_chan_found f = {.id = 2,
				   .kind = NWB_CHAN_FOUND_STAMP,
				   .off = 0,
				   .len = 4096,
				   .file = 1,
				   .version = 8};
	struct nwb_judgement j;
	struct bed b;

	setup(&b);
	begin(&b, 1, NWB_CHAN_OP_WRITE, 0, 4096, 9);
	end(&b, 1, NWB_CHAN_OP_WRITE, 4096, 4096);
	begin(&b, 2, NWB_CHAN_OP_READ, 0, 8192, 0);
	nwb_check_eq(say(&b, NWB_CHAN_FOUND, buf, nwb_chan_put_found(&f, buf)),
		     0);
	f.kind = NWB_CHAN_FOUND_ZERO;
	f.off = 4096;
	nwb_check_eq(say(&b, NWB_CHAN_FOUND, buf, nwb_chan_put_found(&f, buf)),
		     0);
	f.kind = NWB_CHAN_FOUND_PARTIAL;
	f.len = 7;
	nwb_check_eq(say(&b, NWB_CHAN_FOUND, buf, nwb_chan_put_found(&f, buf)),
		     0);
	end(&b, 2, NWB_CHAN_OP_READ, 8192, 8192);
	nwb_check_eq(b.it.nr_strange, 7);
	nwb_check_eq(slot(&b, 1)->result, 0); /* it says nothing of bytes */
	nwb_check_eq(slot(&b, 2)->kind, NWB_L_READ);
	nwb_check_eq(slot(&b, 2)->version, 8);
	nwb_check_eq(slot(&b, 2)->aux, 3);
	nwb_check_eq(slot(&b, 3)->flags, NWB_LF_GUEST | NWB_LF_ZERO);
	/* Version 9 was written before, nobody ever wrote 8. */
	judge(&b, &j);
	nwb_check(j.failed & 1u << 12);
	nwb_ledger_unmap(&b.l);
}

NWB_TEST(intents, an_echo_ties_both_ways)
{
	const struct nwb_lrec *r;
	struct bed b;

	setup(&b);
	nwb_intents_echo(&b.it, 1);
	nwb_intents_echo(&b.it, 2);
	begin(&b, 1, NWB_CHAN_OP_FSYNC, 0, 0, 0); /* has not read them yet */
	nwb_check_eq(slot(&b, 0)->state, NWB_LS_BEGUN);
	b.seen = 1;
	nwb_check_eq(say(&b, NWB_CHAN_BEAT, NULL, 0), 0);
	r = slot(&b, 0);
	nwb_check_eq(r->kind, NWB_L_JOIN);
	nwb_check_eq(r->flags, NWB_LF_TO_GUEST);
	nwb_check_eq(r->state, NWB_LS_ENDED);
	nwb_check_eq(r->aux, 2);
	nwb_check(r->begin < slot(&b, 2)->begin && r->end > r->begin);
	nwb_check_eq(slot(&b, 1)->state, NWB_LS_BEGUN);
	nwb_check_eq(slot(&b, 3)->kind, NWB_L_HEARTBEAT);
	nwb_check_eq(slot(&b, 3)->aux, 2);
	/* More echos than there is room for tie less, and nothing wrong. */
	for (uint32_t i = 3; i < 3 + NWB_INTENTS_ECHOS; i++)
		nwb_intents_echo(&b.it, i);
	nwb_check_eq(b.it.nr_forgotten, 1);
	nwb_ledger_unmap(&b.l);
}

NWB_TEST(intents, nonsense_is_refused)
{
	struct nwb_chan_op op = {
		.op = NWB_CHAN_OP_WRITE, .id = 1, .file = 1, .len = 16};
	struct nwb_chan_rec rec = {.type = NWB_CHAN_BEAT};
	struct bed b;

	setup(&b);
	nwb_check_eq(nwb_intents_record(&b.it, &rec), -EPROTO); /* number 0 */
	rec.seq = 5;
	nwb_check_eq(nwb_intents_record(&b.it, &rec), 0);
	nwb_check_eq(nwb_intents_record(&b.it, &rec), -EPROTO); /* again */
	b.seq = 5;
	nwb_check_eq(say(&b, NWB_CHAN_OP_BEGIN, "x", 1), -EPROTO);
	nwb_check_eq(say_op(&b, NWB_CHAN_OP_BEGIN, &op), 0);
	nwb_check_eq(say_op(&b, NWB_CHAN_OP_BEGIN, &op), -EPROTO); /* twice */
	op.id = 77;
	nwb_check_eq(say_op(&b, NWB_CHAN_OP_END, &op), 0);
	nwb_check_eq(b.it.nr_unpaired, 1);
	op.id = 1;
	op.result = 17;
	nwb_check_eq(say_op(&b, NWB_CHAN_OP_END, &op), -EPROTO);
	nwb_ledger_unmap(&b.l);
}

NWB_TEST(intents, more_operations_than_there_is_room_for_stay_begun)
{
	struct bed b;

	setup(&b);
	for (uint32_t i = 1; i <= NWB_INTENTS_OPS + 1; i++)
		begin(&b, i, NWB_CHAN_OP_WRITE, 0, 16, i);
	nwb_check_eq(b.it.nr_unpaired, 1);
	nwb_check_eq(nwb_ledger_count(&b.l), NWB_INTENTS_OPS + 1);
	end(&b, NWB_INTENTS_OPS + 1, NWB_CHAN_OP_WRITE, 16, 16);
	nwb_check_eq(b.it.nr_unpaired, 2);
	nwb_check_eq(slot(&b, NWB_INTENTS_OPS)->state, NWB_LS_BEGUN);
	nwb_ledger_unmap(&b.l);
}

/* Power lost, booted again: its numbers start over, the ledger's do not. */
NWB_TEST(intents, a_second_boot_comes_after_the_first)
{
	struct nwb_judgement j;
	struct bed b;

	setup(&b);
	nwb_check_eq(say(&b, NWB_CHAN_HELLO, "1 6.12 x", 8), 0);
	begin(&b, 1, NWB_CHAN_OP_WRITE, 0, 16, 1);
	nwb_check_eq(b.it.nr_open, 1);
	b.seq = 0;
	nwb_check_eq(say(&b, NWB_CHAN_HELLO, "1 6.12 x", 8), 0);
	begin(&b, 1, NWB_CHAN_OP_WRITE, 0, 16, 2); /* the same id again */
	end(&b, 1, NWB_CHAN_OP_WRITE, 16, 16);
	begin(&b, 2, NWB_CHAN_OP_FSYNC, 0, 0, 0);
	end(&b, 2, NWB_CHAN_OP_FSYNC, 0, 0);
	nwb_check_eq(slot(&b, 1)->state, NWB_LS_BEGUN);
	nwb_check_eq(slot(&b, 3)->aux, 4);
	/* The second write is promised, the file is empty. */
	judge(&b, &j);
	nwb_check_eq(j.verdict, NWB_FAIL);
	nwb_check(j.failed & 1u << 1);
	nwb_ledger_unmap(&b.l);
}

/* --- the guest's own FUSE server ------------------------------------------- */

static int effect(struct bed *b, uint16_t type, uint32_t id, uint16_t kind,
		  uint64_t len, int64_t result)
{
	struct nwb_chan_op op = {.op = kind,
				 .id = NWB_CHAN_EFFECT_ID | id,
				 .file = 1,
				 .len = len,
				 .result = result};

	return say_op(b, type, &op);
}

static int effect_found(struct bed *b, uint32_t id, uint32_t version)
{
	static uint8_t buf[NWB_CHAN_PAYLOAD_MAX];
	struct nwb_chan_found f = {.id = NWB_CHAN_EFFECT_ID | id,
				   .kind = NWB_CHAN_FOUND_STAMP,
				   .len = 4096,
				   .file = 1,
				   .version = version};

	return say(b, NWB_CHAN_FOUND, buf, nwb_chan_put_found(&f, buf));
}

/* write v1, v2; what the server gets meanwhile; fsync = 0 */
static void fuse_run(struct bed *b, uint32_t applied, int64_t result,
		     struct nwb_judgement *j)
{
	static uint8_t data[4096];
	struct nwb_stamp_key key;

	setup(b);
	begin(b, 9, NWB_CHAN_OP_OPEN, 0, 0, 0);
	end(b, 9, NWB_CHAN_OP_OPEN, 0, 3);
	for (uint32_t v = 1; v <= 2; v++) {
		begin(b, v, NWB_CHAN_OP_WRITE, 0, 4096, v);
		end(b, v, NWB_CHAN_OP_WRITE, 4096, 4096);
	}
	begin(b, 3, NWB_CHAN_OP_FSYNC, 0, 0, 0);
	nwb_check_eq(
		effect(b, NWB_CHAN_EFFECT_BEGIN, 1, NWB_CHAN_OP_WRITE, 4096, 0),
		0);
	nwb_check_eq(effect_found(b, 1, applied), 0);
	nwb_check_eq(effect(b, NWB_CHAN_EFFECT_END, 1, NWB_CHAN_OP_WRITE, 4096,
			    result),
		     0);
	end(b, 3, NWB_CHAN_OP_FSYNC, 0, 0);
	nwb_stamp_key_init(&key, b->l.hdr->key);
	nwb_stamp_fill(&key, 1, applied, 0, data, sizeof(data));
	judge_file(b, data, result > 0 ? sizeof(data) : 0, j);
}

NWB_TEST(intents, effects_of_a_fuse_server_are_judged)
{
	struct nwb_judgement j;
	struct bed b;

	fuse_run(&b, 2, 4096, &j);
	nwb_check_eq(slot(&b, 4)->kind, NWB_L_EFFECT_WRITE);
	nwb_check_eq(slot(&b, 4)->result, 4096);
	nwb_check_eq(slot(&b, 5)->kind, NWB_L_EFFECT_RUN);
	nwb_check_eq(slot(&b, 5)->parent, 4 + 1);
	nwb_check_eq(slot(&b, 5)->version, 2);
	nwb_check_eq(j.failed, 0);
	nwb_ledger_unmap(&b.l);
	/* fsync promised version 2, and the server has an older one */
	fuse_run(&b, 1, 4096, &j);
	nwb_check(j.failed & 1u << 1);
	nwb_ledger_unmap(&b.l);
	/* or none, for it said no */
	fuse_run(&b, 2, -ENOSPC, &j);
	nwb_check(j.failed & 1u << 1);
	nwb_ledger_unmap(&b.l);
}

NWB_TEST(intents, effects_that_cannot_be_are_refused)
{
	struct bed b;

	setup(&b);
	nwb_check_eq(
		effect(&b, NWB_CHAN_EFFECT_END, 1, NWB_CHAN_OP_WRITE, 16, 16),
		-EPROTO);
	nwb_check_eq(effect(&b, NWB_CHAN_EFFECT_BEGIN, 1, NWB_CHAN_OP_WRITE,
			    1024, 0),
		     0);
	/* more than the WRITE has, more than it did, twice the same */
	nwb_check_eq(effect_found(&b, 1, 1), -EPROTO);
	nwb_check_eq(effect(&b, NWB_CHAN_EFFECT_END, 1, NWB_CHAN_OP_WRITE, 1024,
			    1025),
		     -EPROTO);
	nwb_check_eq(effect(&b, NWB_CHAN_EFFECT_BEGIN, 1, NWB_CHAN_OP_WRITE,
			    1024, 0),
		     -EPROTO);
	for (uint32_t i = 2; i <= NWB_INTENTS_EFFECTS; i++)
		nwb_check_eq(effect(&b, NWB_CHAN_EFFECT_BEGIN, i,
				    NWB_CHAN_OP_WRITE, 1024, 0),
			     0);
	nwb_check_eq(effect(&b, NWB_CHAN_EFFECT_BEGIN, 1000, NWB_CHAN_OP_WRITE,
			    1024, 0),
		     -ENOBUFS);
	nwb_ledger_unmap(&b.l);
}
