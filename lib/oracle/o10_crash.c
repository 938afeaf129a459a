/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * O10, crash set.
 *
 * Content after a server crash is durable content plus any subset of later
 * effects: membership, not enumeration. LOST-DURABLE: the file holds bytes that
 * an effect made durable before the crash (an ok fsync of the server began
 * after its end) had surely overwritten. That is the server's or its storage's
 * fault, whether or not a client promised anything; O1 says what it cost.
 *
 *	effect v1   effect v2   fsync ok     crash
 *	[-------]   [-------]   [------]       x      content v1: LOST-DURABLE
 *
 * Bytes that no effect of the ledger can have left are O2's (UNSEEN).
 */
#include "judge_i.h"

struct crash_set {
	struct judge *J;
	struct jfile *f;
	struct streak s;
};

static bool is_same(const struct jpiece *p, const struct jcontent *c)
{
	return p->o.what == JW_UNKNOWN ||
	       (p->o.begin == c->o.begin && p->o.end == c->o.end);
}

/* The same of one that @c's bytes must have been: where nobody knows what an
 * effect brought, it was of no write that began later. */
static bool may_be(const struct jpiece *p, const struct jcontent *c)
{
	if (p->o.what == JW_UNKNOWN)
		return c->o.begin <= p->o.end;
	return is_same(p, c);
}

/* The newest effect that outlived the last crash, or none. */
static const struct jeffect *durable(const struct crash_set *x, uint32_t atom)
{
	const struct jpiece *p = x->f->pieces.item;
	const struct jeffect *best = NULL;

	for (uint64_t i = x->f->pieces.at[atom]; i < x->f->pieces.at[atom + 1];
	     i++) {
		const struct jeffect *e = &x->f->effect[p[i].effect];

		if (e->is_maybe || e->dies != OPEN ||
		    e->s.begin >= x->J->crash[x->J->nr_crash - 1].end)
			continue;
		if (!best || e->s.begin > best->s.begin)
			best = e;
	}
	return best;
}

static int check(void *arg, const struct jcontent *c)
{
	struct crash_set *x = arg;
	const struct jpiece *p = x->f->pieces.item;
	const struct jeffect *e = durable(x, c->atom);
	struct nwb_finding f = {
		.oracle = 10,
		.verdict = NWB_FAIL,
		.kind = "LOST-DURABLE",
		.file = x->f->id,
		.off = c->lo,
		.len = c->hi - c->lo,
		.rec_b = x->J->crash[x->J->nr_crash - 1].slot,
	};

	if (!e)
		return 0;
	x->J->j->ran |= 1u << 10;
	/* Lanes that are whole, or nothing at all: the rest may fit by chance.
	 */
	if (c->run && (c->run->kind == NWB_STAMP_PARTIAL ||
		       c->hi - c->lo < NWB_LANE || c->o.what > JW_ZERO))
		return 0;
	for (uint64_t i = x->f->pieces.at[c->atom];
	     i < x->f->pieces.at[c->atom + 1]; i++)
		if (x->f->effect[p[i].effect].s.end >= e->s.begin &&
		    is_same(&p[i], c))
			return 0;
	/* Not one of those: is it one that it surely replaced? */
	if (c->o.end) {
		bool is_older = false;

		for (uint64_t i = x->f->pieces.at[c->atom];
		     i < x->f->pieces.at[c->atom + 1]; i++)
			is_older |=
				before(&x->f->effect[p[i].effect].s, &e->s) &&
				may_be(&p[i], c);
		if (!is_older)
			return 0;
	}
	f.rec_a = e->s.slot;
	nwb_j_streak_add(x->J, &x->s, &f,
			 "durable before the crash, and older after it");
	return 0;
}

int nwb_j_o10_crash(struct judge *J)
{
	int err = 0;

	if (!J->nr_crash)
		return 0;
	for (unsigned int id = 1; !err && id <= NWB_LEDGER_FILES; id++) {
		struct crash_set x = {.J = J, .f = &J->file[id]};

		if (!x.f->is_built || !x.f->content || !x.f->nr_effect)
			continue;
		err = nwb_j_content_visit(J, x.f, check, &x);
		nwb_j_streak_end(J, &x.s);
	}
	return err;
}
