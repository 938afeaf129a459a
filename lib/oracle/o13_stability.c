/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * O13, stability.
 *
 * With signing, encryption or temp-page every payload comes from one instant.
 * UNSTABLE: a page of a payload shows a write, and misses another one to the
 * same page that was surely over before that write began.
 *
 *	page	| lane 0 | lane 1 | ...
 *	w1	    x			over
 *	w2		     x		begun after that
 *	payload	   old	    w2		no instant had this page
 *
 * Pages join a payload one by one, each with a lock or a copy of its own, so a
 * page of 4 KiB is what comes from one instant; across pages of one payload the
 * client owes nothing. A lane that mixes two writes is O2's TORN. Judged where
 * the policy says stable pages and the ledger has the payload, on whole lanes
 * of known writes: zeros and cut lanes fit too many. Who gives an upload up
 * (and does not mark it dirty again) may forget the page and read it again: what
 * was given up may be missed; and what a crash took, if that was told.
 */
#include "judge_i.h"

#define PAGE	  4096u
#define LOOK_BACK 64u

/* What one effect shows of the page that it is at. */
struct view {
	uint64_t page;
	uint64_t from;	 /* newest ub of a write that is shown */
	uint64_t until;	 /* earliest ue of a write that is missed */
	uint64_t missed; /* its slot */
	bool is_begun, is_told;
};

struct stability {
	struct judge *J;
	struct jfile *f;
	struct view *view; /* by effect */
	struct streak s;
};

/* Was it given up, here and before @e was over? */
static bool was_given_up(const struct stability *x, uint32_t atom,
			 const struct jwrite *w, const struct jeffect *e)
{
	const struct jfile *f = x->f;

	for (uint32_t i = 0; i < f->nr_giveup; i++) {
		const struct jspan *g = &f->giveup[i];
		const struct nwb_lrec *r = &x->J->in->rec[g->slot];

		if (g->begin >= e->s.end)
			break;
		if (g->end >= w->s.begin && r->off < f->atom[atom + 1] &&
		    f->atom[atom] < r->off + r->len)
			return true;
	}
	return false;
}

/* Did a crash before @e take all that was as new as @w? */
static bool was_taken(const struct stability *x, uint32_t atom,
		      const struct jwrite *w, const struct jeffect *e)
{
	const struct jpiece *p = x->f->pieces.item;
	bool is_taken = false;

	for (uint64_t i = x->f->pieces.at[atom]; i < x->f->pieces.at[atom + 1];
	     i++) {
		const struct jeffect *q = &x->f->effect[p[i].effect];

		if (q->s.begin >= e->s.begin)
			break;
		if (p[i].o.what > JW_ZERO || p[i].o.end < w->s.ub)
			continue;
		if (q->dies > e->s.begin)
			return false;
		is_taken = true;
	}
	return is_taken;
}

/* An error since @w, of a flush perhaps: nothing is owed of it any more. */
static bool was_told(const struct jfile *f, const struct jwrite *w)
{
	for (uint32_t i = 0; i < f->nr_sync; i++)
		if (f->sync[i].has_ended && f->sync[i].result < 0 &&
		    f->sync[i].s.ue >= w->s.ub)
			return true;
	return false;
}

/* Who marks what was given up dirty again has to send it. */
static bool may_be_missed(const struct stability *x, uint32_t atom,
			  const struct jwrite *w, const struct jeffect *e)
{
	if (x->J->in->policy.redirty)
		return false;
	return was_given_up(x, atom, w, e) ||
	       (was_taken(x, atom, w, e) && was_told(x->f, w));
}

/* The earliest end of a write that surely replaced what @p shows. */
static uint64_t replaced_at(const struct stability *x, uint32_t atom,
			    const struct jpiece *p, uint64_t *ret_slot)
{
	const uint32_t *list = x->f->writes.item;
	uint64_t lo = x->f->writes.at[atom], end = x->f->writes.at[atom + 1];
	uint64_t hi = end, best = OPEN;

	while (lo < hi) {
		uint64_t mid = lo + (hi - lo) / 2;

		if (x->f->write[list[mid]].s.ub > p->o.end)
			hi = mid;
		else
			lo = mid + 1;
	}
	/* Of many the first ones end first; a later end says less. */
	for (uint64_t i = lo; i < end && i < lo + LOOK_BACK; i++) {
		const struct jwrite *w = &x->f->write[list[i]];

		if (w->s.ue < best && w->owed_hi > x->f->atom[atom] &&
		    !may_be_missed(x, atom, w, &x->f->effect[p->effect])) {
			best = w->s.ue;
			*ret_slot = w->s.slot;
		}
	}
	return best;
}

static void judge_piece(struct stability *x, uint32_t atom,
			const struct jpiece *p)
{
	uint64_t lo = x->f->atom[atom], hi = x->f->atom[atom + 1];
	struct view *v = &x->view[p->effect];
	uint64_t slot = NO_SLOT, until = replaced_at(x, atom, p, &slot);
	struct nwb_finding f = {
		.oracle = 13,
		.verdict = NWB_FAIL,
		.kind = "UNSTABLE",
		.file = x->f->id,
		.len = PAGE,
		.rec_a = x->f->effect[p->effect].s.slot,
	};

	if (!v->is_begun || v->page != lo / PAGE)
		*v = (struct view){
			.page = lo / PAGE, .until = OPEN, .is_begun = true};
	v->from = nwb_max(v->from, p->o.begin);
	if (until < v->until) {
		v->until = until;
		v->missed = slot;
	}
	if (v->from > v->until && !v->is_told) {
		f.off = v->page * PAGE;
		f.rec_b = v->missed;
		nwb_j_streak_add(x->J, &x->s, &f,
				 "a page that was never so at any instant");
		v->is_told = true;
	}
	if ((hi - 1) / PAGE != v->page)
		*v = (struct view){.page = (hi - 1) / PAGE,
				   .from = p->o.begin,
				   .until = until,
				   .missed = slot,
				   .is_begun = true};
}

static bool is_plain(const struct jfile *f, uint32_t atom,
		     const struct jpiece *p)
{
	return p->run != NO_INDEX && p->o.what == JW_OK && p->o.begin &&
	       f->run[p->run].run.kind == NWB_STAMP_LANES &&
	       f->atom[atom + 1] - f->atom[atom] >= NWB_LANE;
}

int nwb_j_o13_stability(struct judge *J)
{
	if (!J->in->policy.stable_pages)
		return 0;
	for (unsigned int id = 1; id <= NWB_LEDGER_FILES; id++) {
		struct stability x = {.J = J, .f = &J->file[id]};
		const struct jpiece *p;

		if (!x.f->is_built || !x.f->nr_write || !x.f->nr_effect)
			continue;
		x.view = nwb_j_alloc(J, x.f->nr_effect, sizeof(*x.view));
		if (!x.view)
			return -ENOMEM;
		p = x.f->pieces.item;
		for (uint32_t a = 0; a < x.f->nr_atom; a++)
			for (uint64_t i = x.f->pieces.at[a];
			     i < x.f->pieces.at[a + 1]; i++) {
				if (!is_plain(x.f, a, &p[i]))
					continue;
				J->j->ran |= 1u << 13;
				judge_piece(&x, a, &p[i]);
			}
		nwb_j_streak_end(J, &x.s);
	}
	return 0;
}
