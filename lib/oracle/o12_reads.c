/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * O12, read side.
 *
 * Read-your-writes always, across reconnect and in temp-page mode; a second
 * client sees only what cache mode and leases permit (not judged here: one
 * client a ledger).
 *
 *	STALE-READ	a read shows bytes that a write had surely replaced
 *			before the read began
 *	DISPLACED	a read shows bytes of another offset of this file
 *	FOREIGN		or of another file
 *
 * Reader and writer are users of one client, so their order is their own clock
 * (order.c). Not judged: reads after an upload was refused or given up, or an
 * error was told (the client may have dropped what it could not write), and
 * reads after the server lost its memory.
 */
#include "judge_i.h"

struct reads {
	struct judge *J;
	struct jfile *f;
	const struct nwb_lrec *r;
	struct jspan s;
	uint64_t refused; /* ticket of the first refusal, OPEN: none */
	struct streak streak;
};

/* The newest write of the atom that was surely over before the read. */
static const struct jwrite *newest_before(const struct reads *x, uint32_t atom)
{
	const uint32_t *list = x->f->writes.item;
	uint64_t from = x->f->writes.at[atom], lo = from;
	uint64_t hi = x->f->writes.at[atom + 1];
	const struct jwrite *best = NULL;

	while (lo < hi) {
		uint64_t mid = lo + (hi - lo) / 2;

		if (x->f->write[list[mid]].s.ub < x->s.ub)
			lo = mid + 1;
		else
			hi = mid;
	}
	while (!best && lo-- > from) {
		const struct jwrite *w = &x->f->write[list[lo]];

		if (user_before(&w->s, &x->s) && w->owed_hi > x->f->atom[atom])
			best = w;
	}
	for (uint32_t i = 0; i < x->f->nr_trunc; i++) {
		const struct jwrite *t = &x->f->write[x->f->trunc[i]];

		if (user_before(&t->s, &x->s) && t->owed_hi > t->lo &&
		    t->lo <= x->f->atom[atom] &&
		    (!best || t->s.ub > best->s.ub))
			best = t;
	}
	return best;
}

static struct jorigin origin_of(const struct reads *x, uint32_t atom,
				uint64_t lo, uint64_t hi)
{
	struct nwb_stamp_run run = {
		.kind = x->r->flags & NWB_LF_ZERO ? NWB_STAMP_ZERO
						  : NWB_STAMP_LANES,
		.offset = x->r->off,
		.lane.file = x->f->id,
		.lane.offset = x->r->off,
		.lane.version = x->r->version,
	};

	return nwb_j_origin_of(x->J, x->f, atom, &run, lo, hi, OPEN);
}

static void stale(struct reads *x, uint64_t lo, uint64_t hi,
		  const struct jwrite *w)
{
	struct nwb_finding f = {
		.oracle = 12,
		.verdict = NWB_FAIL,
		.kind = "STALE-READ",
		.file = x->f->id,
		.off = lo,
		.len = hi - lo,
		.rec_a = x->s.slot,
		.rec_b = w->s.slot,
	};

	nwb_j_streak_add(x->J, &x->streak, &f,
			 "a read shows older bytes than were written before");
}

static bool is_elsewhere(struct reads *x)
{
	const struct nwb_lrec *r = x->r;
	struct nwb_finding f = {
		.oracle = 12,
		.verdict = NWB_FAIL,
		.kind = "DISPLACED",
		.file = x->f->id,
		.off = r->off,
		.len = (uint64_t)r->result,
		.rec_a = x->s.slot,
		.rec_b = NO_SLOT,
	};

	/* mid and file2: what the stamp says itself; 0: as it should be */
	if (!r->file2 || (r->file2 == r->file && r->mid == r->off))
		return false;
	if (r->file2 != r->file)
		f.kind = "FOREIGN";
	nwb_j_found(x->J, &f, "a read at %llu shows bytes of file %u at %llu",
		    (unsigned long long)r->off, r->file2,
		    (unsigned long long)r->mid);
	return true;
}

static void judge_read(struct reads *x)
{
	uint64_t lo = x->r->off, end = lo + (uint64_t)x->r->result;
	uint32_t a;

	x->J->j->ran |= 1u << 12;
	if (is_elsewhere(x) || lo == end)
		return;
	a = nwb_j_atom_of(x->f, lo);
	if (x->f->atom[a] > lo)
		a--;
	for (; lo < end; lo = x->f->atom[++a]) {
		uint64_t hi = nwb_min(x->f->atom[a + 1], end);
		const struct jwrite *w = newest_before(x, a);

		if (w && origin_of(x, a, lo, hi).end < w->s.ub)
			stale(x, lo, hi, w);
	}
	nwb_j_streak_end(x->J, &x->streak);
}

/* May the client have dropped something before ticket @t? */
static bool may_have_dropped(const struct reads *x)
{
	const struct judge *J = x->J;
	const struct jfile *f = x->f;

	if (J->nr_crash && J->crash[0].begin < x->s.end)
		return true;
	for (uint32_t i = 0; i < f->nr_sync; i++)
		if (f->sync[i].has_ended && f->sync[i].result < 0 &&
		    f->sync[i].s.ub < x->s.ue)
			return true;
	for (uint32_t i = 0; i < f->nr_giveup; i++)
		if (f->giveup[i].begin < x->s.end)
			return true;
	return x->refused < x->s.end;
}

int nwb_j_o12_reads(struct judge *J)
{
	uint64_t refused[NWB_LEDGER_FILES + 1];

	for (unsigned int id = 1; id <= NWB_LEDGER_FILES; id++)
		refused[id] = nwb_j_first_refusal(J, &J->file[id]);
	for (uint64_t i = 0; i < J->in->nr_rec; i++) {
		struct reads x = {.J = J, .r = &J->in->rec[i]};

		if (nwb_j_kind(J, i) != NWB_L_READ || x.r->result <= 0 ||
		    !nwb_j_has_ended(J, x.r))
			continue;
		x.f = &J->file[x.r->file];
		x.refused = refused[x.r->file];
		x.s = nwb_j_span_of(J, x.r);
		if (x.f->is_built && !may_have_dropped(&x))
			judge_read(&x);
	}
	return 0;
}
