/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guest's channel becomes records of the ledger (model: nwb/intents.h). */
#include "nwb/intents.h"

#include <errno.h>
#include <string.h>

void nwb_intents_init(struct nwb_intents *it, struct nwb_ledger *ledger)
{
	*it = (struct nwb_intents){.ledger = ledger};
}

void nwb_intents_echo(struct nwb_intents *it, uint32_t nr)
{
	struct nwb_lrec *rec = nwb_ledger_begin(
		it->ledger, &(struct nwb_lrec){.kind = NWB_L_JOIN,
					       .flags = NWB_LF_TO_GUEST});

	for (unsigned int i = 0; i < NWB_INTENTS_ECHOS; i++) {
		if (it->echo[i].nr)
			continue;
		it->echo[i].nr = nr;
		it->echo[i].rec = rec;
		return;
	}
	/* A JOIN that stays begun ties nothing: less is known, no more. */
	it->nr_forgotten++;
}

static void end_echos(struct nwb_intents *it, uint32_t seen)
{
	for (unsigned int i = 0; i < NWB_INTENTS_ECHOS; i++) {
		if (!it->echo[i].nr || it->echo[i].nr > seen)
			continue;
		if (it->echo[i].rec)
			it->echo[i].rec->aux = it->last;
		nwb_ledger_end(it->ledger, it->echo[i].rec);
		it->echo[i].nr = 0;
	}
}

static void join(struct nwb_intents *it)
{
	nwb_ledger_point(it->ledger, &(struct nwb_lrec){.kind = NWB_L_JOIN,
							.aux = it->last});
}

/* The ledger's word for an operation; NWB_L_NONE: it has none. */
static uint16_t kind_of(const struct nwb_chan_op *op)
{
	switch (op->op) {
	case NWB_CHAN_OP_OPEN:
		return NWB_L_OPEN;
	case NWB_CHAN_OP_WRITE:
	case NWB_CHAN_OP_STORE:
		return NWB_L_WRITE;
	case NWB_CHAN_OP_READ:
		return NWB_L_READ;
	case NWB_CHAN_OP_FSYNC:
	case NWB_CHAN_OP_FDATASYNC:
	case NWB_CHAN_OP_MSYNC:
		return NWB_L_FSYNC;
	case NWB_CHAN_OP_TRUNCATE:
		return NWB_L_TRUNCATE;
	case NWB_CHAN_OP_CLOSE:
		return NWB_L_CLOSE;
	default:
		return NWB_L_NONE;
	}
}

static struct nwb_lrec proto_of(const struct nwb_intents *it,
				const struct nwb_chan_op *op, uint16_t kind)
{
	struct nwb_lrec r = {
		.kind = kind,
		.flags = NWB_LF_GUEST,
		.file = op->file,
		.fd = op->fd,
		.aux = it->last,
	};

	if (kind == NWB_L_WRITE || kind == NWB_L_READ ||
	    op->op == NWB_CHAN_OP_MSYNC) {
		r.off = op->off;
		r.len = op->len;
	}
	if (kind == NWB_L_WRITE || kind == NWB_L_TRUNCATE)
		r.version = op->version;
	if (op->op == NWB_CHAN_OP_TRUNCATE)
		r.off = op->off;
	if (kind == NWB_L_WRITE && op->flags & NWB_CHAN_F_SYNC)
		r.flags |= NWB_LF_SYNC;
	if (op->op == NWB_CHAN_OP_STORE)
		r.flags |= NWB_LF_MAPPED;
	return r;
}

static struct nwb_intent *find(struct nwb_intents *it, uint32_t id)
{
	for (unsigned int i = 0; i < NWB_INTENTS_OPS; i++)
		if (it->op[i].id == id)
			return &it->op[i];
	return NULL;
}

static int begin_op(struct nwb_intents *it, const struct nwb_chan_op *op)
{
	uint16_t kind = kind_of(op);
	struct nwb_intent *o;
	struct nwb_lrec r, cut;

	if (!kind || !op->file) {
		join(it);
		return 0;
	}
	if (!op->id || find(it, op->id))
		return -EPROTO;
	it->nr_ops++;
	r = proto_of(it, op, kind);
	o = find(it, 0);
	if (!o) { /* announced all the same: it stays begun */
		it->nr_unpaired++;
		nwb_ledger_begin(it->ledger, &r);
		return 0;
	}
	*o = (struct nwb_intent){.id = op->id,
				 .file = op->file,
				 .fd = op->fd,
				 .number = it->last,
				 .rec = nwb_ledger_begin(it->ledger, &r)};
	it->nr_open++;
	if (op->op != NWB_CHAN_OP_OPEN || !(op->flags & NWB_CHAN_F_TRUNC))
		return 0;
	cut = proto_of(it, op, NWB_L_TRUNCATE);
	o->also = nwb_ledger_begin(it->ledger, &cut);
	return 0;
}

static void end_rec(struct nwb_intents *it, struct nwb_lrec *rec,
		    int64_t result)
{
	if (!rec)
		return;
	rec->result = result;
	rec->len2 = it->last;
	nwb_ledger_end(it->ledger, rec);
}

static int end_op(struct nwb_intents *it, const struct nwb_chan_op *op)
{
	uint16_t kind = kind_of(op);
	struct nwb_intent *o;
	int64_t result = op->result;

	if (!kind || !op->file) {
		join(it);
		return 0;
	}
	o = op->id ? find(it, op->id) : NULL;
	if (!o) {
		it->nr_unpaired++;
		return 0;
	}
	/* What a READ saw is in its FOUNDs; OPEN and the like return 0. */
	if (kind != NWB_L_WRITE && result > 0)
		result = 0;
	if (kind == NWB_L_WRITE && result > 0 && (uint64_t)result > op->len)
		return -EPROTO;
	end_rec(it, o->rec, result);
	end_rec(it, o->also, result);
	it->nr_open--;
	*o = (struct nwb_intent){0};
	return 0;
}

/* --- the guest's FUSE server ---------------------------------------------- */

static struct nwb_intent_effect *find_effect(struct nwb_intents *it,
					     uint32_t id)
{
	for (unsigned int i = 0; i < NWB_INTENTS_EFFECTS; i++)
		if (it->effect[i].id == id)
			return &it->effect[i];
	return NULL;
}

static uint16_t effect_kind_of(const struct nwb_chan_op *op)
{
	switch (op->op) {
	case NWB_CHAN_OP_WRITE:
		return NWB_L_EFFECT_WRITE;
	case NWB_CHAN_OP_TRUNCATE:
		return NWB_L_EFFECT_TRUNCATE;
	case NWB_CHAN_OP_FSYNC:
		return NWB_L_EFFECT_FSYNC;
	default:
		return NWB_L_NONE;
	}
}

static int begin_effect(struct nwb_intents *it, const struct nwb_chan_op *op)
{
	struct nwb_lrec r = {
		.kind = effect_kind_of(op),
		.file = op->file,
		.off = op->off,
		.len = op->len,
	};
	struct nwb_intent_effect *e;

	if (!r.kind || !op->file)
		return 0;
	if (!(op->id & NWB_CHAN_EFFECT_ID) || find_effect(it, op->id))
		return -EPROTO;
	e = find_effect(it, 0);
	/* Without its bytes nothing could be judged. */
	if (!e)
		return -ENOBUFS;
	*e = (struct nwb_intent_effect){
		.id = op->id,
		.file = op->file,
		.rec = nwb_ledger_begin(it->ledger, &r),
	};
	return 0;
}

static int end_effect(struct nwb_intents *it, const struct nwb_chan_op *op)
{
	struct nwb_intent_effect *e;

	if (!effect_kind_of(op) || !op->file)
		return 0;
	e = find_effect(it, op->id);
	if (!e || (op->result > 0 && (uint64_t)op->result > op->len))
		return -EPROTO;
	if (e->rec) {
		e->rec->result = op->result;
		nwb_ledger_end(it->ledger, e->rec);
	}
	*e = (struct nwb_intent_effect){0};
	return 0;
}

/* What a WRITE to the server brings. */
static int effect_run(struct nwb_intents *it, const struct nwb_chan_found *f)
{
	const struct nwb_intent_effect *e = find_effect(it, f->id);
	struct nwb_stamp_run run = {
		.kind = f->kind == NWB_CHAN_FOUND_STAMP	 ? NWB_STAMP_LANES
			: f->kind == NWB_CHAN_FOUND_ZERO ? NWB_STAMP_ZERO
							 : NWB_STAMP_PARTIAL,
		.offset = f->off,
		.len = f->len,
		.lane = {f->file, f->origin, f->version},
	};
	struct nwb_lrec r;

	/* of a file that is not the job's, or the ledger is full and knows it
	 */
	if (!e || !e->rec)
		return 0;
	if (f->off < e->rec->off ||
	    f->off + f->len > e->rec->off + e->rec->len ||
	    (run.kind == NWB_STAMP_PARTIAL && f->len > NWB_LANE))
		return -EPROTO;
	memcpy(run.raw, f->raw, sizeof(run.raw));
	r = nwb_lrec_run(e->file,
			 (uint32_t)(e->rec - it->ledger->hdr->slot) + 1, &run);
	nwb_ledger_point(it->ledger, &r);
	return 0;
}

/* --- what reads saw ------------------------------------------------------- */

static int found(struct nwb_intents *it, const struct nwb_chan_found *f)
{
	const struct nwb_intent *o = f->id ? find(it, f->id) : NULL;
	struct nwb_lrec r = {
		.kind = NWB_L_READ,
		.flags = NWB_LF_GUEST,
		.off = f->off,
		.len = f->len,
		.result = (int64_t)f->len,
		.len2 = it->last,
	};

	if (f->id & NWB_CHAN_EFFECT_ID)
		return effect_run(it, f);
	if (!o) {
		it->nr_unpaired++;
		return 0;
	}
	r.file = o->file;
	r.fd = o->fd;
	r.aux = o->number;
	switch (f->kind) {
	case NWB_CHAN_FOUND_ZERO:
		r.flags |= NWB_LF_ZERO;
		break;
	case NWB_CHAN_FOUND_STAMP:
		r.version = f->version;
		r.file2 = f->file;
		r.mid = f->origin;
		break;
	default:
		it->nr_strange += f->len;
		return 0;
	}
	nwb_ledger_point(it->ledger, &r);
	return 0;
}

/* The next number; a guest that says HELLO again has been booted again. */
static int take_number(struct nwb_intents *it, const struct nwb_chan_rec *rec)
{
	uint64_t number;

	if (rec->type == NWB_CHAN_HELLO && it->last) {
		/* What it had not finished it never will. */
		memset(it->op, 0, sizeof(it->op));
		memset(it->effect, 0, sizeof(it->effect));
		memset(it->echo, 0, sizeof(it->echo));
		it->nr_open = 0;
		it->base = it->last;
	}
	number = it->base + rec->seq;
	if (!rec->seq || number < it->base || number <= it->last)
		return -EPROTO;
	it->last = number;
	return 0;
}

static int take_op(struct nwb_intents *it, const struct nwb_chan_rec *rec)
{
	struct nwb_chan_op op;
	int rc = nwb_chan_get_op(rec, &op);

	if (rc)
		return rc;
	switch (rec->type) {
	case NWB_CHAN_OP_BEGIN:
		return begin_op(it, &op);
	case NWB_CHAN_OP_END:
		return end_op(it, &op);
	case NWB_CHAN_EFFECT_BEGIN:
		return begin_effect(it, &op);
	default:
		return end_effect(it, &op);
	}
}

int nwb_intents_record(struct nwb_intents *it, const struct nwb_chan_rec *rec)
{
	struct nwb_chan_found f;
	int rc = take_number(it, rec);

	if (rc)
		return rc;
	end_echos(it, rec->seen);
	switch (rec->type) {
	case NWB_CHAN_OP_BEGIN:
	case NWB_CHAN_OP_END:
	case NWB_CHAN_EFFECT_BEGIN:
	case NWB_CHAN_EFFECT_END:
		return take_op(it, rec);
	case NWB_CHAN_FOUND:
		rc = nwb_chan_get_found(rec, &f);
		return rc ? rc : found(it, &f);
	case NWB_CHAN_BEAT:
		nwb_ledger_point(it->ledger,
				 &(struct nwb_lrec){.kind = NWB_L_HEARTBEAT,
						    .flags = NWB_LF_GUEST,
						    .aux = it->last});
		return 0;
	case NWB_CHAN_HELLO:
	case NWB_CHAN_MARK:
	case NWB_CHAN_WAIT:
	case NWB_CHAN_DONE:
		join(it);
		return 0;
	default:
		return 0;
	}
}
