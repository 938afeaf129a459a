/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The order of two clocks.
 *
 * A guest kernel cannot draw tickets from the counter in shared memory. It
 * numbers its own events, one counter a guest, a number drawn before an
 * operation is begun and one after it returned; so what happened in the guest
 * is in order by itself, and what happened on the host is in order by tickets.
 * Between the two only a word that passed from one to the other tells anything:
 *
 *	guest  1---2------3-----4------5----------6---->  numbers
 *	            \          ^        \        ^
 *	        up   \        /  down    \      /
 *	              v      /            v    /
 *	host   -------12----17-----------23--25-------->  tickets
 *
 *	up	guest event 2 is before ticket 12: the host heard of it, or saw
 *		bytes that did not exist before it (a stamp in an effect)
 *	down	ticket 17 is before guest event 4: the host spoke (NWB_L_JOIN)
 *		and the guest numbered its answer
 *
 * a < b across the clocks only if a chain through such ties proves it. Both
 * orders being total, the best chain has one tie, and so a guest event e is
 * placed on the host's line by two tickets:
 *
 *	lo(e)	the last ticket that is surely before it: the largest h of a
 *		down tie (h, q) with q <= e
 *	hi(e)	the first that is surely after it: the smallest h of an up tie
 *		(q, h) with q >= e
 *
 * An operation from event b to event e takes the tickets [lo(b), hi(e)] and the
 * numbers [b, e]. Compared with something of the host (an effect, a PDU, a
 * crash) are its tickets; with another operation of a user, its numbers, or
 * order inside the guest would be lost where tickets overlap. Each oracle says
 * which it means: jspan.begin and end, or jspan.ub and ue. In a ledger without
 * a guest the two are the same. An operation that the host made itself beside a
 * guest is placed on the guest's line in the same way.
 *
 * Times are for people: a guest's clock may drift, jump or tick every 10 ms and
 * nothing here looks at it. Where nothing is tied nothing is known, and what is
 * not known never makes a FAIL. Ties that contradict each other are a broken
 * channel, not a broken kernel: CLOCKS, INCONCLUSIVE.
 */
#include "judge_i.h"

#include <stdlib.h>

/* For key @at, @val is known; made monotone when all are there. */
struct jtie {
	uint64_t at;
	uint64_t val;
};

struct jties {
	struct jtie *t;
	uint64_t nr;
};

struct jorder {
	struct jties lo;	/* by number: largest ticket before */
	struct jties hi;	/* by number: smallest ticket after */
	struct jties number_lo; /* by ticket: largest number before */
	struct jties number_hi; /* by ticket: smallest number after */
};

static int by_at(const void *a, const void *b)
{
	const struct jtie *x = a, *y = b;

	return (x->at > y->at) - (x->at < y->at);
}

/* Largest value of all ties at or before a key. */
static void close_below(struct jties *t)
{
	if (t->nr)
		qsort(t->t, t->nr, sizeof(*t->t), by_at);
	for (uint64_t i = 1; i < t->nr; i++)
		t->t[i].val = nwb_max(t->t[i].val, t->t[i - 1].val);
}

/* Smallest value of all ties at or behind a key. */
static void close_above(struct jties *t)
{
	if (t->nr)
		qsort(t->t, t->nr, sizeof(*t->t), by_at);
	for (uint64_t i = t->nr; i-- > 1;)
		t->t[i - 1].val = nwb_min(t->t[i - 1].val, t->t[i].val);
}

/* Index of the first tie with at > @key (@is_behind), or at >= @key. */
static uint64_t tie_at(const struct jties *t, uint64_t key, bool is_behind)
{
	uint64_t lo = 0, hi = t->nr;

	while (lo < hi) {
		uint64_t mid = lo + (hi - lo) / 2;

		if (t->t[mid].at < key || (is_behind && t->t[mid].at == key))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static uint64_t below(const struct jties *t, uint64_t key)
{
	uint64_t i = tie_at(t, key, true);

	return i ? t->t[i - 1].val : 0;
}

static uint64_t above(const struct jties *t, uint64_t key)
{
	uint64_t i = tie_at(t, key, false);

	return i < t->nr ? t->t[i].val : OPEN;
}

/* Guest event @number was before @ticket. */
static void tie_up(struct jorder *o, uint64_t number, uint64_t ticket)
{
	o->hi.t[o->hi.nr++] = (struct jtie){number, ticket};
	o->number_lo.t[o->number_lo.nr++] = (struct jtie){ticket, number};
}

/* @ticket was before guest event @number. */
static void tie_down(struct jorder *o, uint64_t ticket, uint64_t number)
{
	o->lo.t[o->lo.nr++] = (struct jtie){number, ticket};
	o->number_hi.t[o->number_hi.nr++] = (struct jtie){ticket, number};
}

static bool is_user_kind(unsigned int kind)
{
	return kind >= NWB_L_OPEN && kind <= NWB_L_CLOSE;
}

static void tie_record(const struct judge *J, struct jorder *o, uint64_t slot)
{
	const struct nwb_lrec *r = &J->in->rec[slot];
	unsigned int kind = nwb_j_kind(J, slot);
	bool has_ended = kind && nwb_j_has_ended(J, r);

	if (kind == NWB_L_JOIN && has_ended) {
		tie_up(o, r->aux, r->end);
		if (r->flags & NWB_LF_TO_GUEST)
			tie_down(o, r->begin, r->aux);
	} else if (r->flags & NWB_LF_GUEST && is_user_kind(kind)) {
		tie_up(o, r->aux, r->begin);
		if (has_ended)
			tie_up(o, r->len2, r->end);
	} else if (r->flags & NWB_LF_GUEST && kind == NWB_L_HEARTBEAT) {
		tie_up(o, r->aux, r->begin);
	}
}

/* A guest's write, for "when can these bytes have come into being?". */
struct born {
	uint16_t file;
	uint32_t version;
	uint64_t number;
};

static int by_born(const void *a, const void *b)
{
	const struct born *x = a, *y = b;

	if (x->file != y->file)
		return x->file < y->file ? -1 : 1;
	if (x->version != y->version)
		return x->version < y->version ? -1 : 1;
	return (x->number > y->number) - (x->number < y->number);
}

/* The first write of this version: no stamp of it is older. */
static const struct born *find_born(const struct born *b, uint64_t nr,
				    const struct nwb_lrec *run)
{
	const struct born key = {.file = run->file2, .version = run->version};
	uint64_t lo = 0, hi = nr;

	while (lo < hi) {
		uint64_t mid = lo + (hi - lo) / 2;

		if (by_born(&b[mid], &key) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < nr && b[lo].file == key.file && b[lo].version == key.version
		       ? &b[lo]
		       : NULL;
}

static bool is_stamped(const struct judge *J, uint64_t slot)
{
	const struct nwb_lrec *r = &J->in->rec[slot];

	return nwb_j_kind(J, slot) == NWB_L_EFFECT_RUN && r->version &&
	       !(r->flags & (NWB_LF_ZERO | NWB_LF_PARTIAL));
}

/* Stamped bytes in an effect: their write was begun before it was over. */
static int tie_stamps(struct judge *J, struct jorder *o)
{
	struct born *b = nwb_j_alloc(J, J->in->nr_rec, sizeof(*b));
	uint64_t nr = 0;

	if (!b)
		return -ENOMEM;
	for (uint64_t i = 0; i < J->in->nr_rec; i++) {
		const struct nwb_lrec *r = &J->in->rec[i];

		if (nwb_j_kind(J, i) == NWB_L_WRITE && r->flags & NWB_LF_GUEST)
			b[nr++] = (struct born){r->file, r->version, r->aux};
	}
	if (nr)
		qsort(b, nr, sizeof(*b), by_born);
	for (uint64_t i = 0; i < J->in->nr_rec; i++) {
		const struct nwb_lrec *r = &J->in->rec[i], *e;
		const struct born *w;

		if (!is_stamped(J, i))
			continue;
		w = find_born(b, nr, r);
		e = &J->in->rec[r->parent - 1];
		if (w && nwb_j_has_ended(J, e))
			tie_up(o, w->number, e->end);
	}
	return 0;
}

static int alloc_ties(struct judge *J, struct jorder *o)
{
	uint64_t nr = 0;

	for (uint64_t i = 0; i < J->in->nr_rec; i++) {
		unsigned int kind = nwb_j_kind(J, i);

		/* A guest's operation ties both its ends. */
		nr += kind == NWB_L_JOIN || kind == NWB_L_HEARTBEAT ||
				      is_stamped(J, i)
			      ? 1
		      : is_user_kind(kind) ? 2
					   : 0;
	}

	o->lo.t = nwb_j_alloc(J, nr, sizeof(struct jtie));
	o->hi.t = nwb_j_alloc(J, nr, sizeof(struct jtie));
	o->number_lo.t = nwb_j_alloc(J, nr, sizeof(struct jtie));
	o->number_hi.t = nwb_j_alloc(J, nr, sizeof(struct jtie));
	return o->lo.t && o->hi.t && o->number_lo.t && o->number_hi.t ? 0
								      : -ENOMEM;
}

static bool is_possible(const struct jorder *o, uint64_t number)
{
	return below(&o->lo, number) < above(&o->hi, number);
}

/* Before and after at once: some tie is a lie, and so may be all of them. */
static void find_contradiction(struct judge *J, const struct jorder *o)
{
	struct nwb_finding f = {.verdict = NWB_INCONCLUSIVE,
				.kind = "CLOCKS",
				.rec_b = NO_SLOT};

	for (uint64_t i = 0; i < J->in->nr_rec; i++) {
		const struct nwb_lrec *r = &J->in->rec[i];

		if (!is_user_kind(nwb_j_kind(J, i)) ||
		    !(r->flags & NWB_LF_GUEST))
			continue;
		if (is_possible(o, r->aux) &&
		    (!nwb_j_has_ended(J, r) || is_possible(o, r->len2)))
			continue;
		f.rec_a = i;
		J->is_blind = true;
		nwb_j_found(J, &f,
			    "slot %llu: the guest says that it happened before "
			    "and after the same moment of the host",
			    (unsigned long long)i);
		return;
	}
}

int nwb_j_order_build(struct judge *J)
{
	struct jorder *o;
	int err;

	for (uint64_t i = 0; !J->has_guest && i < J->in->nr_rec; i++)
		J->has_guest = is_user_kind(nwb_j_kind(J, i)) &&
			       J->in->rec[i].flags & NWB_LF_GUEST;
	if (!J->has_guest)
		return 0;
	o = nwb_j_alloc(J, 1, sizeof(*o));
	if (!o)
		return -ENOMEM;
	err = alloc_ties(J, o);
	for (uint64_t i = 0; !err && i < J->in->nr_rec; i++)
		tie_record(J, o, i);
	if (!err)
		err = tie_stamps(J, o);
	if (err)
		return err;
	close_below(&o->lo);
	close_above(&o->hi);
	close_below(&o->number_lo);
	close_above(&o->number_hi);
	J->order = o;
	find_contradiction(J, o);
	return 0;
}

/* What was never over has no number and no ticket for its end. */
static void place_guest(const struct jorder *o, const struct nwb_lrec *r,
			struct jspan *s)
{
	bool has_ended = s->end != OPEN;

	s->begin = below(&o->lo, r->aux);
	s->begin_hi = above(&o->hi, r->aux);
	s->end = has_ended ? above(&o->hi, r->len2) : OPEN;
	s->end_lo = below(&o->lo, has_ended ? r->len2 : r->aux);
	s->ub = r->aux;
	s->ue = has_ended ? r->len2 : OPEN;
}

/**
 * nwb_j_order_place() - where an operation of a user is on the two lines.
 * @s: begin, end and slot are there already, as the record has them
 */
void nwb_j_order_place(const struct judge *J, const struct nwb_lrec *r,
		       struct jspan *s)
{
	s->begin_hi = s->begin;
	s->end_lo = s->end;
	s->ub = s->begin;
	s->ue = s->end;
	if (!J->order || !is_user_kind(r->kind))
		return;
	if (r->flags & NWB_LF_GUEST) {
		place_guest(J->order, r, s);
		return;
	}
	s->ub = below(&J->order->number_lo, s->begin);
	s->ue = s->end == OPEN ? OPEN : above(&J->order->number_hi, s->end);
}
