/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * O11, non-vacuity.
 *
 * At each hit, exposed bytes (written, not yet covered by an ok fsync; for
 * somebody else's client, un-flushed bytes seen on the wire) are above zero;
 * hits match the expectation; where the plan says retry or reconnect, one
 * happened. Else VACUOUS: the run proves nothing. The shim counts its hits a
 * second time, in a page of its own: if the two do not agree, INCONCLUSIVE.
 *
 * A write counts as exposed from its begin on, and as covered only if the fsync
 * began after its end and was over before the hit began: what may have been at
 * stake was at stake. Of somebody else's client a WRITE that is hit itself is
 * at stake: its bytes were seen on the wire.
 */
#include "judge_i.h"

#include <stdlib.h>

/* For one file: what has been written by a ticket, what was covered by it. */
struct exposure {
	uint64_t *newest;    /* by write: largest ue of it and earlier ones */
	struct jspan *cover; /* ok fsyncs by end; begin: the largest so far */
	uint32_t nr_cover;
};

static int by_span_end(const void *a, const void *b)
{
	const struct jspan *x = a, *y = b;

	if (x->end != y->end)
		return x->end < y->end ? -1 : 1;
	return (x->begin > y->begin) - (x->begin < y->begin);
}

static void seal(struct exposure *x)
{
	uint64_t begin = 0;

	if (x->nr_cover)
		qsort(x->cover, x->nr_cover, sizeof(*x->cover), by_span_end);
	for (uint32_t i = 0; i < x->nr_cover; i++) {
		begin = nwb_max(begin, x->cover[i].begin);
		x->cover[i].begin = begin;
	}
}

static int exposure_of_intents(struct judge *J, const struct jfile *f,
			       struct exposure *x)
{
	uint64_t end = 0;

	*x = (struct exposure){
		.newest = nwb_j_alloc(J, f->nr_write, sizeof(*x->newest)),
		.cover = nwb_j_alloc(J, f->nr_sync, sizeof(*x->cover)),
	};
	if (!x->newest || !x->cover)
		return -ENOMEM;
	for (uint32_t i = 0; i < f->nr_write; i++) {
		const struct jwrite *w = &f->write[i];

		if (w->s.ue == OPEN || w->owed_hi > w->lo)
			end = nwb_max(end, w->s.ue);
		x->newest[i] = end;
	}
	for (uint32_t i = 0; i < f->nr_sync; i++)
		if (nwb_j_promises(J, &f->sync[i]) && !f->sync[i].is_write &&
		    !is_ranged(&f->sync[i]))
			x->cover[x->nr_cover++] = (struct jspan){
				.begin = f->sync[i].s.ub,
				.end = f->sync[i].s.end,
			};
	seal(x);
	return 0;
}

/* The largest begin of an ok fsync that was over before @ticket. */
static uint64_t covered_by(const struct exposure *x, uint64_t ticket)
{
	uint32_t lo = 0, hi = x->nr_cover;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (x->cover[mid].end < ticket)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo ? x->cover[lo - 1].begin : 0;
}

static bool is_exposed(const struct exposure *x, const struct jspan *span,
		       size_t stride, uint32_t nr, const struct jspan *hit)
{
	uint32_t lo = 0, hi = nr;

	while (lo < hi) { /* writes begun before the hit was over */
		uint32_t mid = lo + (hi - lo) / 2;
		const struct jspan *s =
			(const struct jspan *)(const void *)((const char *)
								     span +
							     mid * stride);

		if (s->begin < hit->end)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo && x->newest[lo - 1] &&
	       x->newest[lo - 1] >= covered_by(x, hit->begin);
}

/* Un-flushed WRITE bytes on the wire of a foreign client, per file. */
static int exposure_on_wire(struct judge *J, const struct jfile *f,
			    struct exposure *x)
{
	uint64_t end = 0;

	*x = (struct exposure){
		.newest = nwb_j_alloc(J, f->nr_sent, sizeof(*x->newest)),
		.cover = nwb_j_alloc(J, J->nr_pdu, sizeof(*x->cover)),
	};
	if (!x->newest || !x->cover)
		return -ENOMEM;
	for (uint32_t i = 0; i < f->nr_sent; i++) {
		if (f->sent[i].hi > f->sent[i].lo)
			end = nwb_max(end, f->sent[i].s.end);
		x->newest[i] = end;
	}
	for (uint32_t i = 0; i < J->nr_pdu; i++) {
		const struct jpdu *p = &J->pdu[i];

		if (p->is_reply || !nwb_j_is_flush(p->r) ||
		    !nwb_j_was_told_ok(J, p) || p->r->file != f->id)
			continue;
		x->cover[x->nr_cover++] = (struct jspan){
			.begin = p->s.begin,
			.end = J->pdu[p->peer].s.end,
		};
	}
	seal(x);
	return 0;
}

struct stakes {
	struct exposure intent[NWB_LEDGER_FILES + 1];
	struct exposure wire[NWB_LEDGER_FILES + 1];
};

static bool is_at_stake(const struct judge *J, const struct stakes *st,
			const struct nwb_lrec *fault)
{
	struct jspan hit = nwb_j_span_of(J, fault);
	uint16_t write = J->in->policy.is_9p ? P9_TWRITE : SMB_WRITE;

	/* A WRITE that is cut before it is executed leaves no other record. */
	if (J->in->policy.foreign && fault->cmd == write && fault->len)
		return true;
	for (unsigned int id = 1; id <= NWB_LEDGER_FILES; id++) {
		const struct jfile *f = &J->file[id];

		if (fault->file && fault->file != id)
			continue;
		if (f->nr_write &&
		    is_exposed(&st->intent[id], &f->write->s, sizeof(*f->write),
			       f->nr_write, &hit))
			return true;
		if (J->in->policy.foreign && f->nr_sent &&
		    is_exposed(&st->wire[id], &f->sent->s, sizeof(*f->sent),
			       f->nr_sent, &hit))
			return true;
	}
	return false;
}

static void vacuous(struct judge *J, enum nwb_verdict v, const char *kind,
		    uint64_t slot, const char *rule, const char *text,
		    uint64_t have, uint64_t want)
{
	struct nwb_finding f = {.oracle = 11,
				.verdict = v,
				.kind = kind,
				.rec_a = slot,
				.rec_b = NO_SLOT};

	nwb_j_found(J, &f, "%s%s%s (%llu, expected %llu)", rule ? rule : "",
		    rule ? ": " : "", text, (unsigned long long)have,
		    (unsigned long long)want);
}

static bool is_met(const struct nwb_expect_hits *e, uint64_t hits)
{
	switch (e->op) {
	case '=':
		return hits == e->nr;
	case '<':
		return hits < e->nr;
	case '>':
		return hits > e->nr;
	case 'l':
		return hits <= e->nr;
	case 'g':
		return hits >= e->nr;
	default: /* nothing was said: at least once */
		return hits >= 1;
	}
}

static void judge_rule(struct judge *J, const struct stakes *st, uint32_t rule)
{
	const struct nwb_expect_hits *e = &J->in->expect[rule];
	uint64_t hits = 0, idle = NO_SLOT, nr_idle = 0;

	for (uint64_t i = 0; i < J->in->nr_rec; i++) {
		const struct nwb_lrec *r = &J->in->rec[i];

		if (nwb_j_kind(J, i) != NWB_L_FAULT || r->rule != rule)
			continue;
		hits++;
		if (e->needs_exposed && !is_at_stake(J, st, r)) {
			idle = i;
			nr_idle++;
		}
	}
	if (hits != e->counted)
		vacuous(J, NWB_INCONCLUSIVE, "MISCOUNTED", NO_SLOT, e->name,
			"the shim's counter and the ledger do not agree", hits,
			e->counted);
	if (!is_met(e, hits))
		vacuous(J, NWB_VACUOUS, "HITS", NO_SLOT, e->name,
			"did not fire as often as expected", hits, e->nr);
	if (nr_idle)
		vacuous(J, NWB_VACUOUS, "NOT-EXPOSED", idle, e->name,
			"fired when nothing was at stake", nr_idle, 0);
}

static int weigh_stakes(struct judge *J, struct stakes *st)
{
	int err = 0;

	for (unsigned int id = 1; !err && id <= NWB_LEDGER_FILES; id++) {
		if (J->file[id].nr_write)
			err = exposure_of_intents(J, &J->file[id],
						  &st->intent[id]);
		if (!err && J->in->policy.foreign && J->file[id].nr_sent)
			err = exposure_on_wire(J, &J->file[id], &st->wire[id]);
	}
	return err;
}

int nwb_j_o11_vacuity(struct judge *J)
{
	struct stakes *st;
	int err;

	if (!J->in->nr_expect && !J->in->expect_reconnect &&
	    !J->in->expect_retry)
		return 0;
	st = nwb_j_alloc(J, 1, sizeof(*st));
	if (!st)
		return -ENOMEM;
	J->j->ran |= 1u << 11;
	err = weigh_stakes(J, st);
	if (err)
		return err;
	for (uint32_t i = 0; i < J->in->nr_expect; i++)
		judge_rule(J, st, i);
	if (J->in->expect_reconnect && !J->j->nr_reconnects)
		vacuous(J, NWB_VACUOUS, "NO-RECONNECT", NO_SLOT, NULL,
			"the plan says that the client reconnects", 0, 1);
	if (J->in->expect_retry && !J->j->bytes_resent)
		vacuous(J, NWB_VACUOUS, "NO-RETRY", NO_SLOT, NULL,
			"the plan says that something is sent again", 0, 1);
	return 0;
}
