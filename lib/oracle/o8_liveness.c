/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * O8, liveness.
 *
 * After heal every dirty extent becomes clean or reported within the bound the
 * plan declares; HANG only if the harness's own heartbeat had no gap over a
 * tenth of the bound, else INCONCLUSIVE. A grant that makes sending possible
 * leads to a send.
 *
 * In terms of the ledger: each user operation is over by the bound, counted
 * from the heal or from its own begin if that is later; and each write that was
 * over at the heal is, by heal + bound, covered by an fsync or close that has
 * returned (ok: clean; an error: reported), or was written by the server. An
 * operation that never ended in a run that came to its end before the bound
 * belonged to a client that was killed: nobody hangs there.
 *
 * A guest's operations have the times at which the host heard of them, and the
 * guest has a pulse of its own: where that stopped the whole guest did, which
 * its end tells (hung, panic), not this oracle: NO-PULSE, INCONCLUSIVE.
 *
 * LOST-WAKEUP: a reply brings credits where there were none, nothing is in
 * flight, a user operation waits, the connection lives, and for a whole bound
 * no request comes. On no connection: a session may have several, and what the
 * operation waits for may be on its way on another one.
 */
#include "judge_i.h"

#include <stdlib.h>

struct watch {
	struct judge *J;
	uint64_t heal, bound, heal_ticket;
	uint64_t *beat; /* times of the heartbeats, sorted */
	uint64_t nr_beat;
	uint64_t *pulse; /* the same of a guest's */
	uint64_t nr_pulse;
	uint64_t run_end; /* time, FOREVER when there is none */
};

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static uint64_t add_sat(uint64_t a, uint64_t b)
{
	return a + b < a ? FOREVER : a + b;
}

/* Was there no gap in @beat all through [from, to]? */
static bool has_lived(const struct watch *w, const uint64_t *beat, uint64_t nr,
		      uint64_t from, uint64_t to)
{
	uint64_t last = from;

	for (uint64_t i = 0; i < nr; i++) {
		if (beat[i] <= last)
			continue;
		if (beat[i] - last > w->bound / 10)
			return false;
		last = beat[i];
		if (last >= to)
			return true;
	}
	return last >= to;
}

static void hang(struct watch *w, const char *kind, uint64_t slot,
		 const char *text, uint64_t from, uint64_t to)
{
	const struct nwb_lrec *r = &w->J->in->rec[slot];
	struct nwb_finding f = {
		.oracle = 8,
		.verdict = NWB_FAIL,
		.kind = kind,
		.file = r->file,
		.off = r->off,
		.len = r->len,
		.rec_a = slot,
		.rec_b = NO_SLOT,
	};

	if (!has_lived(w, w->beat, w->nr_beat, from, to)) {
		f.verdict = NWB_INCONCLUSIVE;
		f.kind = "UNWATCHED";
		text = "it took too long, but the harness was asleep itself";
	} else if (r->flags & NWB_LF_GUEST &&
		   !has_lived(w, w->pulse, w->nr_pulse, from, to)) {
		f.verdict = NWB_INCONCLUSIVE;
		f.kind = "NO-PULSE";
		text = "it took too long, but the guest had no pulse";
	}
	nwb_j_found(w->J, &f, "%s: %s (bound %llu ms)",
		    nwb_ledger_kind_name(r->kind), text,
		    (unsigned long long)(w->bound / NWB_MSEC));
}

static void judge_op(struct watch *w, uint64_t slot)
{
	const struct nwb_lrec *r = &w->J->in->rec[slot];
	uint64_t from = nwb_max(r->t_begin, w->heal);
	uint64_t limit = add_sat(from, w->bound);

	if (nwb_j_has_ended(w->J, r) ? r->t_end <= limit : w->run_end < limit)
		return;
	hang(w, "HANG", slot, "not over within the bound", from, limit);
}

/* By when was what was written before @t (a ue) surely cleaned or reported? */
static uint64_t covered_at(const struct jfile *f, const uint64_t *soonest,
			   uint64_t t)
{
	uint32_t lo = 0, hi = f->nr_sync;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (f->sync[mid].s.ub > t)
			hi = mid;
		else
			lo = mid + 1;
	}
	return soonest[lo];
}

/* Did the server write all of @j by time @limit, after it was begun? */
static bool is_on_server(const struct judge *J, const struct jfile *f,
			 const struct jwrite *j, uint64_t limit)
{
	const struct jpiece *piece = f->pieces.item;

	for (uint32_t a = nwb_j_atom_of(f, j->lo); f->atom[a] < j->owed_hi;
	     a++) {
		bool is_there = false;

		for (uint64_t i = f->pieces.at[a + 1];
		     !is_there && i-- > f->pieces.at[a];) {
			const struct jeffect *e = &f->effect[piece[i].effect];

			if (e->s.begin < j->s.begin)
				break;
			is_there = !e->is_maybe &&
				   J->in->rec[e->s.slot].t_end <= limit;
		}
		if (!is_there)
			return false;
	}
	return true;
}

static int judge_dirty(struct watch *w, const struct jfile *f)
{
	uint64_t limit = add_sat(w->heal, w->bound);
	uint64_t *soonest =
		nwb_j_alloc(w->J, (uint64_t)f->nr_sync + 1, sizeof(*soonest));
	const struct nwb_lrec *rec = w->J->in->rec;

	if (!soonest)
		return -ENOMEM;
	soonest[f->nr_sync] = FOREVER;
	for (uint32_t i = f->nr_sync; i-- > 0;) {
		soonest[i] = soonest[i + 1];
		if (f->sync[i].has_ended && !f->sync[i].is_write &&
		    !is_ranged(&f->sync[i]))
			soonest[i] = nwb_min(soonest[i],
					     rec[f->sync[i].s.slot].t_end);
	}
	for (uint32_t i = 0; i < f->nr_write; i++) {
		const struct jwrite *j = &f->write[i];

		if (j->is_trunc || j->is_sync || j->owed_hi == j->lo ||
		    j->s.end >= w->heal_ticket || w->run_end < limit)
			continue;
		if (covered_at(f, soonest, j->s.ue) <= limit ||
		    is_on_server(w->J, f, j, limit))
			continue;
		hang(w, "DIRTY", j->s.slot,
		     "neither clean nor reported within the bound", w->heal,
		     limit);
		break; /* those behind it wait for the same */
	}
	return 0;
}

/* Did an operation of a user wait all through [from, to]? */
static bool is_waited_for(const struct watch *w, uint64_t from, uint64_t to)
{
	for (uint64_t i = 0; i < w->J->in->nr_rec; i++) {
		const struct nwb_lrec *r = &w->J->in->rec[i];

		if (nwb_j_kind(w->J, i) < NWB_L_WRITE ||
		    nwb_j_kind(w->J, i) > NWB_L_CLOSE || r->t_begin > from)
			continue;
		if (nwb_j_has_ended(w->J, r) ? r->t_end >= to
					     : w->run_end >= to)
			return true;
	}
	return false;
}

/* The next sign of life behind PDU @i: a request, or the end of it all. */
static uint64_t next_sign(const struct watch *w, const struct jconn *c,
			  uint32_t i)
{
	const struct judge *J = w->J;
	uint64_t at = J->pdu[i].r->t_begin, next = w->run_end;

	for (uint32_t k = i + 1; k < c->pdu0 + c->nr_pdu; k++)
		if (!J->pdu[k].is_reply && J->pdu[k].r->cmd != SMB_ECHO) {
			next = nwb_min(next, J->pdu[k].r->t_begin);
			break;
		}
	if (c->down.slot != NO_SLOT)
		next = nwb_min(next, J->in->rec[c->down.slot].t_begin);
	for (uint32_t k = 0; k < J->nr_conn; k++)
		if (J->conn[k].t_up > at)
			next = nwb_min(next, J->conn[k].t_up);
	return next;
}

/* Is something in flight on @d at @from, or sent there before @to? */
static bool is_at_work(const struct judge *J, const struct jconn *d,
		       uint64_t from, uint64_t to)
{
	int64_t out = 0;

	if (d->t_up > from || (d->down.slot != NO_SLOT &&
			       J->in->rec[d->down.slot].t_begin < from))
		return false;
	for (uint32_t i = d->pdu0; i < d->pdu0 + d->nr_pdu; i++) {
		const struct jpdu *p = &J->pdu[i];
		const struct nwb_lrec *r = p->r;

		if (r->t_begin > to)
			break;
		if (!p->is_reply && r->cmd != SMB_CANCEL) {
			if (r->t_begin > from && r->cmd != SMB_ECHO)
				return true;
			out += r->t_begin <= from;
		} else if (p->is_reply && r->t_begin <= from) {
			out -= !(r->flags & (NWB_LF_INTERIM | NWB_LF_DUP));
		}
	}
	return out > 0;
}

static bool another_is_at_work(const struct judge *J, const struct jconn *c,
			       uint64_t from, uint64_t to)
{
	for (uint32_t k = 0; k < J->nr_conn; k++)
		if (&J->conn[k] != c && is_at_work(J, &J->conn[k], from, to))
			return true;
	return false;
}

static void judge_grants(struct watch *w, const struct jconn *c)
{
	int64_t credits = 1, out = 0;

	for (uint32_t i = c->pdu0; i < c->pdu0 + c->nr_pdu; i++) {
		const struct jpdu *p = &w->J->pdu[i];
		const struct nwb_lrec *r = p->r;
		bool had_none = credits <= 0;
		uint64_t limit = add_sat(r->t_begin, w->bound);

		if (r->flags & (NWB_LF_9P | NWB_LF_DUP) ||
		    (!p->is_reply && r->cmd == SMB_CANCEL))
			continue;
		if (!p->is_reply) {
			credits -= r->charge ? r->charge : 1;
			out++;
			continue;
		}
		credits += r->grant;
		out -= !(r->flags & NWB_LF_INTERIM);
		if (!had_none || credits <= 0 || out > 0)
			continue;
		if (next_sign(w, c, i) <= limit ||
		    !is_waited_for(w, r->t_begin, limit) ||
		    another_is_at_work(w->J, c, r->t_begin, limit))
			continue;
		hang(w, "LOST-WAKEUP", p->s.slot,
		     "credits came, an operation waits, nothing was sent",
		     r->t_begin, limit);
		return;
	}
}

static int find_watch(struct watch *w)
{
	const struct nwb_judge_in *in = w->J->in;

	w->run_end = FOREVER;
	w->bound = in->drain_bound_ns;
	w->beat = nwb_j_alloc(w->J, in->nr_rec, sizeof(*w->beat));
	w->pulse = nwb_j_alloc(w->J, in->nr_rec, sizeof(*w->pulse));
	if (!w->beat || !w->pulse)
		return -ENOMEM;
	for (uint64_t i = 0; i < in->nr_rec; i++) {
		const struct nwb_lrec *r = &in->rec[i];

		unsigned int kind = nwb_j_kind(w->J, i);

		if (kind == NWB_L_HEARTBEAT && r->flags & NWB_LF_GUEST) {
			w->pulse[w->nr_pulse++] = r->t_begin;
		} else if (kind == NWB_L_HEARTBEAT) {
			w->beat[w->nr_beat++] = r->t_begin;
		} else if (kind == NWB_L_RUN_END) {
			w->run_end = r->t_begin;
		} else if (kind == NWB_L_HEAL && r->begin > w->heal_ticket) {
			w->heal_ticket = r->begin;
			w->heal = r->t_begin;
			if (r->aux)
				w->bound = r->aux;
		}
	}
	qsort(w->beat, w->nr_beat, sizeof(*w->beat), by_value);
	qsort(w->pulse, w->nr_pulse, sizeof(*w->pulse), by_value);
	return 0;
}

int nwb_j_o8_liveness(struct judge *J)
{
	struct watch w = {.J = J};
	int err = find_watch(&w);

	if (err || !w.bound)
		return err;
	for (uint32_t i = 0; i < J->nr_conn; i++)
		judge_grants(&w, &J->conn[i]);
	if (!w.heal_ticket)
		return 0;
	J->j->ran |= 1u << 8;
	for (uint64_t i = 0; i < J->in->nr_rec; i++) {
		unsigned int kind = nwb_j_kind(J, i);

		if (kind >= NWB_L_OPEN && kind <= NWB_L_CLOSE)
			judge_op(&w, i);
	}
	for (unsigned int id = 1; !err && id <= NWB_LEDGER_FILES; id++)
		if (J->file[id].is_built)
			err = judge_dirty(&w, &J->file[id]);
	return err;
}
