/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * O3, no resurrection.
 *
 * Once a version was acked to the client, or an ok fsync covered it, no effect
 * of an older version comes after it in every legal order: STALE-RETRY. On a
 * transport that cannot fence (9P), an effect of an old connection that lands
 * after a newer ack and was parked longer than P.fence's T is UNFENCED(server):
 * its own row, KNOWN, never PASS.
 *
 * Acked to the client is its own ACKED record; for somebody else's client, a
 * reply that left. What was acked nobody wrote down: it is what the effects of
 * that request carried, that is effects begun after the request was sent and
 * over before the ack; of several the oldest is taken. While two uploads of the
 * same bytes are out, the earlier one's begin counts; a retry takes the place
 * of what it repeats.
 *
 *	SENT v2     ACKED v2          STALE: an effect surely after the ack
 *	  |   effect v2  |   effect v1  |    that carries what was over before
 *	--+---[------]---+---[------]---+->  v2 was begun
 *
 * An ack is no promise: a crash may take v2 with it, and then v1 is what the
 * file has. A client that reads it there and writes it again, with bytes beside
 * it that are new, brings nothing back; that v2 is gone is O1's to judge. So it
 * is not held against an effect that what it carries was on the server before,
 * if a crash took all that was newer, and left that. A promise counts all the
 * same.
 *
 *	effect v1   effect v2  ACKED v2   crash   effect v1 + neighbours
 *	--[------]--[-------]--+----------X-------[-------------------]->
 *	                 '- dies ---------^        no finding
 *
 * At level bench the payload is unknown and nothing can be called stale, except
 * that a late effect of an old connection over promised bytes is UNFENCED if
 * the final content is older there (o1_promise.c finds that out).
 */
#include "judge_i.h"

/* What is known to be acked in one atom, as time goes on. */
struct acks {
	uint64_t next_sent, next_acked, next_owed;
	uint32_t nr_out;
	uint64_t window; /* begin of the oldest upload that is out */
	uint64_t bound;	 /* begin of the newest write known to be acked */
	uint64_t slot;	 /* of the ack or fsync that says so */
	uint64_t owed;	 /* the same as bound, of promises no crash may break */
};

struct resurrection {
	struct judge *J;
	struct jfile *f;
	uint32_t atom;
	struct streak stale, unfenced;
};

static const struct jpiece *piece_at(const struct jfile *f, uint64_t i)
{
	return &((const struct jpiece *)f->pieces.item)[i];
}

static void note_sent(struct acks *k, const struct jxfer *x)
{
	if (x->attempt || !k->nr_out) {
		k->nr_out = 0;
		k->window = x->s.begin;
	}
	k->nr_out++;
}

/*
 * Is it clear which write these bytes are of? A byte or two fit several by
 * chance, and zeros in a payload any hole and any truncation; the newest is
 * believed: never to be held against an older one.
 */
static bool is_clear(const struct resurrection *x, const struct jpiece *p)
{
	const struct jfile *f = x->f;

	if (p->o.what == JW_ZERO)
		return p->run == NO_INDEX;
	return f->atom[x->atom + 1] - f->atom[x->atom] >= 8;
}

/* The oldest version among the effects that this ack may speak of. */
static uint64_t acked_version(const struct resurrection *x,
			      const struct acks *k, const struct jxfer *ack)
{
	uint64_t lo = x->f->pieces.at[x->atom], hi, version = 0;
	bool is_known = false;

	hi = x->f->pieces.at[x->atom + 1];
	while (lo < hi) {
		uint64_t mid = lo + (hi - lo) / 2;

		if (x->f->effect[piece_at(x->f, mid)->effect].s.begin <=
		    k->window)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < x->f->pieces.at[x->atom + 1]; lo++) {
		const struct jpiece *p = piece_at(x->f, lo);
		const struct jeffect *e = &x->f->effect[p->effect];

		if (e->s.begin >= ack->s.end)
			break;
		if (e->s.end >= ack->s.end || e->is_maybe)
			continue;
		if (!is_clear(x, p))
			return 0;
		if (!is_known || p->o.begin < version)
			version = p->o.begin;
		is_known = true;
	}
	return version;
}

static void note_acked(struct resurrection *x, struct acks *k,
		       const struct jxfer *ack)
{
	uint64_t version = k->nr_out ? acked_version(x, k, ack) : 0;

	if (version > k->bound) {
		k->bound = version;
		k->slot = ack->s.slot;
	}
	if (k->nr_out)
		k->nr_out--;
}

/*
 * Take in all acks and ok fsyncs that were over before ticket @t. SENT and
 * ACKED go by their begin, so that they are seen in the client's own order.
 */
static void acks_until(struct resurrection *x, struct acks *k, uint64_t t)
{
	const struct jowed *owed = x->f->owed.item;
	const uint32_t *sents = x->f->sents.item, *ackeds = x->f->ackeds.item;

	for (; k->next_acked < x->f->ackeds.at[x->atom + 1]; k->next_acked++) {
		const struct jxfer *a = &x->f->acked[ackeds[k->next_acked]];

		if (a->s.end >= t)
			break;
		for (; k->next_sent < x->f->sents.at[x->atom + 1];
		     k->next_sent++) {
			const struct jxfer *s =
				&x->f->sent[sents[k->next_sent]];

			if (s->s.begin >= a->s.begin)
				break;
			note_sent(k, s);
		}
		note_acked(x, k, a);
	}
	for (; k->next_owed < x->f->owed.at[x->atom + 1]; k->next_owed++) {
		const struct jowed *w = &owed[k->next_owed];

		if (w->t >= t)
			break;
		if (!w->is_volatile)
			k->owed = nwb_max(k->owed, w->bound);
		if (w->bound > k->bound) {
			k->bound = w->bound;
			k->slot = x->f->sync[w->sync].s.slot;
		}
	}
}

/* Had the client lost this effect's connection before the effect began? */
static bool is_of_old_conn(const struct judge *J, const struct jeffect *e)
{
	uint32_t own =
		e->conn ? nwb_j_conn_at(J, e->conn, e->s.begin) : NO_INDEX;

	if (own != NO_INDEX && J->conn[own].down.slot != NO_SLOT &&
	    before(&J->conn[own].down, &e->s))
		return true;
	for (uint32_t i = 0; i < J->nr_conn; i++) {
		const struct jconn *c = &J->conn[i];

		if (c->up.slot == NO_SLOT || !before(&c->up, &e->s) || i == own)
			continue;
		if (own != NO_INDEX ? J->conn[own].up.begin < c->up.begin
				    : c->t_up + e->parked_ns > e->t_begin)
			return true; /* a newer one came up meanwhile */
	}
	return false;
}

/** nwb_j_is_beyond_fence() - did @e come so late that nobody could fence it? */
bool nwb_j_is_beyond_fence(const struct judge *J, const struct jeffect *e)
{
	const struct nwb_policy *p = &J->in->policy;

	return p->is_9p && p->fence == NWB_FENCE_SETTLE &&
	       e->parked_ns > p->settle_ns && is_of_old_conn(J, e);
}

static void blame(struct resurrection *x, const struct acks *k,
		  const struct jpiece *p)
{
	struct jeffect *e = &x->f->effect[p->effect];
	struct nwb_finding f = {
		.oracle = 3,
		.verdict = NWB_FAIL,
		.kind = "STALE-RETRY",
		.file = x->f->id,
		.off = x->f->atom[x->atom],
		.len = x->f->atom[x->atom + 1] - x->f->atom[x->atom],
		.rec_a = e->s.slot,
		.rec_b = k->slot,
	};

	if (nwb_j_is_beyond_fence(x->J, e)) {
		e->is_unfenced = true;
		f.verdict = NWB_KNOWN;
		f.kind = "UNFENCED";
		nwb_j_streak_add(
			x->J, &x->unfenced, &f,
			"a parked write of an old connection landed late");
		return;
	}
	nwb_j_streak_add(
		x->J, &x->stale, &f,
		"an older version was written over an acked newer one");
}

/* Was there nothing at all before the run? */
static bool is_hole(const struct resurrection *x)
{
	return x->f->content && x->f->atom[x->atom] >= x->f->content->initial;
}

/*
 * Is what @p carries what a crash may have left there? Zeros are held to be the
 * newest truncation's, which may never have come to the server: they may be
 * the hole as well, if a crash took all that was in it. Only what was over
 * before its effect began is looked at: of what overlaps it nobody knows. What
 * the crash took as well was read by nobody.
 */
static bool is_left_by_crash(const struct resurrection *x,
			     const struct jpiece *p)
{
	const struct jspan *s = &x->f->effect[p->effect].s;
	bool was_there = !p->o.end; /* from the beginning on */
	bool is_empty = p->o.what == JW_ZERO && is_hole(x);

	for (uint64_t i = x->f->pieces.at[x->atom];
	     i < x->f->pieces.at[x->atom + 1]; i++) {
		const struct jpiece *q = piece_at(x->f, i);
		const struct jeffect *e = &x->f->effect[q->effect];

		if (e->s.begin >= s->begin)
			break;
		if (e->s.end >= s->begin)
			continue;
		was_there |= e->dies > s->begin && q->o.what == p->o.what &&
			     q->o.begin == p->o.begin && q->o.end == p->o.end;
		is_empty &= e->is_maybe || e->dies <= s->begin;
		if (q->o.what > JW_ZERO || q->o.begin <= p->o.end)
			continue;
		if (!e->is_maybe && e->dies > s->begin)
			return false; /* newer, and still there */
	}
	return was_there || is_empty;
}

static void judge_atom(struct resurrection *x)
{
	struct acks k = {
		.next_sent = x->f->sents.at[x->atom],
		.next_acked = x->f->ackeds.at[x->atom],
		.next_owed = x->f->owed.at[x->atom],
	};

	for (uint64_t i = x->f->pieces.at[x->atom];
	     i < x->f->pieces.at[x->atom + 1]; i++) {
		const struct jpiece *p = piece_at(x->f, i);
		const struct jeffect *e = &x->f->effect[p->effect];

		acks_until(x, &k, e->s.begin);
		if (e->is_maybe || !k.bound)
			continue; /* it may never have happened */
		if (p->o.what == JW_UNKNOWN) {
			/* Old or new? O1 knows, if the file ends up old. */
			if (nwb_j_is_beyond_fence(x->J, e))
				x->f->effect[p->effect].is_unfenced = true;
			continue;
		}
		x->J->j->ran |= 1u << 3;
		if (p->o.what > JW_ZERO || p->o.end >= k.bound)
			continue;
		if (p->o.end < k.owed || !is_left_by_crash(x, p))
			blame(x, &k, p);
	}
}

int nwb_j_o3_resurrection(struct judge *J)
{
	for (unsigned int id = 1; id <= NWB_LEDGER_FILES; id++) {
		struct resurrection x = {.J = J, .f = &J->file[id]};

		if (!x.f->is_built)
			continue;
		for (x.atom = 0; x.atom < x.f->nr_atom; x.atom++)
			judge_atom(&x);
		nwb_j_streak_end(J, &x.stale);
		nwb_j_streak_end(J, &x.unfenced);
	}
	return 0;
}
