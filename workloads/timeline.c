/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bins and marks (model: include/nwb/timeline.h). */
#include "timeline_i.h"

#include <stdlib.h>
#include <string.h>

const char *nwb_tl_kind_name(enum nwb_tl_kind kind)
{
	static const char *const name[NWB_TL_KINDS] = {
		[NWB_TL_FAULT] = "fault",
		[NWB_TL_CONN_DOWN] = "conn-down",
		[NWB_TL_CONN_UP] = "conn-up",
		[NWB_TL_SERVER_DOWN] = "server-down",
		[NWB_TL_SERVER_UP] = "server-up",
		[NWB_TL_HEAL] = "heal",
		[NWB_TL_FSYNC] = "fsync",
		[NWB_TL_FSYNC_ERROR] = "fsync-error",
	};

	return kind < NWB_TL_KINDS ? name[kind] : "?";
}

/* 1, 2, 5, 10, ... us: the smallest with which the span fits. */
static uint64_t bin_for(uint64_t span_ns)
{
	static const unsigned int step[] = {1, 2, 5};
	uint64_t unit = NWB_USEC;

	for (;; unit *= 10)
		for (size_t i = 0; i < NWB_ARRAY_SIZE(step); i++)
			if (span_ns / (unit * step[i]) < NWB_TL_BINS)
				return unit * step[i];
}

struct window {
	uint64_t start_ns;
	struct nwb_timeline *tl;
};

/* What comes after the window belongs to the drain and is left out. */
static void add(const struct window *w, uint64_t *bins, uint64_t t,
		uint64_t bytes)
{
	if (t < w->start_ns || t - w->start_ns > w->tl->span_ns)
		return;
	bins[(t - w->start_ns) / w->tl->bin_ns] += bytes;
}

static void mark(const struct window *w, enum nwb_tl_kind kind,
		 const struct nwb_lrec *r)
{
	struct nwb_timeline *tl = w->tl;

	if (r->t_begin < w->start_ns ||
	    r->t_end - w->start_ns > tl->span_ns + NWB_MSEC)
		return;
	if (tl->nr_marks == NWB_TL_MARKS) {
		tl->marks_left_out++;
		return;
	}
	tl->mark[tl->nr_marks++] = (struct nwb_tl_mark){
		.t_ns = nwb_min(r->t_end - w->start_ns, tl->span_ns),
		.kind = kind,
		.rule = r->rule,
	};
}

static int by_time(const void *pa, const void *pb)
{
	const struct nwb_tl_mark *a = pa, *b = pb;

	return (a->t_ns > b->t_ns) - (a->t_ns < b->t_ns);
}

static void fault(const struct window *w, const struct nwb_lrec *r)
{
	struct nwb_timeline *tl = w->tl;
	struct nwb_tl_rule *rule;

	if (r->rule >= tl->nr_rules)
		return;
	rule = &tl->rule[r->rule];
	rule->hits++;
	if (r->t_begin >= w->start_ns)
		rule->first_ns =
			nwb_min(rule->first_ns, r->t_begin - w->start_ns);
	mark(w, NWB_TL_FAULT, r);
}

static void one(const struct window *w, const struct nwb_lrec *r)
{
	struct nwb_timeline *tl = w->tl;
	uint64_t bytes = r->result > 0 ? (uint64_t)r->result : 0;

	switch (r->kind) {
	case NWB_L_WRITE:
		add(w, tl->written, r->t_end, bytes);
		break;
	case NWB_L_ACKED:
		if (!tl->is_by_server)
			add(w, tl->acked, r->t_end, bytes);
		break;
	case NWB_L_EFFECT_WRITE:
		if (tl->is_by_server)
			add(w, tl->acked, r->t_end, bytes);
		break;
	case NWB_L_FSYNC:
		mark(w, r->result ? NWB_TL_FSYNC_ERROR : NWB_TL_FSYNC, r);
		break;
	case NWB_L_FAULT:
		fault(w, r);
		break;
	case NWB_L_CONN_UP:
		mark(w, NWB_TL_CONN_UP, r);
		break;
	case NWB_L_CONN_DOWN:
		mark(w, NWB_TL_CONN_DOWN, r);
		break;
	case NWB_L_SERVER_UP:
		mark(w, NWB_TL_SERVER_UP, r);
		break;
	case NWB_L_SERVER_DOWN:
		mark(w, NWB_TL_SERVER_DOWN, r);
		break;
	case NWB_L_HEAL:
		mark(w, NWB_TL_HEAL, r);
		break;
	default:
		break;
	}
}

/*
 * At an ok fsync everything is durable that was over before it began. Several
 * tasks may write: what had not returned by then waits for the next one. Slots
 * are in the order of their begin, so only the newest few can be such; @from
 * follows the oldest one that waits.
 */
static void durable(const struct window *w, const struct nwb_lrec *rec,
		    uint64_t nr)
{
	uint64_t settled = 0, from = 0;

	for (uint64_t i = 0; i < nr; i++) {
		uint64_t waiting = 0, next = i;

		if (!nwb_tl_is_there(&rec[i]) || rec[i].kind != NWB_L_FSYNC ||
		    rec[i].result)
			continue;
		for (uint64_t k = from; k < i; k++) {
			const struct nwb_lrec *r = &rec[k];

			if (!nwb_tl_is_there(r) || r->kind != NWB_L_WRITE ||
			    r->result <= 0 || r->end <= settled)
				continue;
			if (r->end < rec[i].begin)
				waiting += (uint64_t)r->result;
			else
				next = nwb_min(next, k);
		}
		add(w, w->tl->durable, rec[i].t_end, waiting);
		from = next;
		settled = nwb_max(settled, rec[i].begin);
	}
}

/* From the last heal until what was dirty then is durable or reported. */
static uint64_t drain_of(const struct nwb_lrec *rec, uint64_t nr)
{
	const struct nwb_lrec *heal = NULL;
	uint64_t written = 0, soonest = NWB_TL_NONE;

	for (uint64_t i = 0; i < nr; i++)
		if (nwb_tl_is_there(&rec[i]) && rec[i].kind == NWB_L_HEAL)
			heal = &rec[i];
	if (!heal)
		return NWB_TL_NONE;
	for (uint64_t i = 0; i < nr; i++)
		if (nwb_tl_is_there(&rec[i]) && rec[i].kind == NWB_L_WRITE &&
		    rec[i].end < heal->begin)
			written = nwb_max(written, rec[i].end);
	for (uint64_t i = 0; i < nr; i++)
		if (nwb_tl_is_there(&rec[i]) && rec[i].kind == NWB_L_FSYNC &&
		    rec[i].begin > written)
			soonest = nwb_min(soonest, rec[i].t_end);
	if (soonest == NWB_TL_NONE)
		return written ? NWB_TL_NONE : 0;
	return soonest > heal->t_begin ? soonest - heal->t_begin : 0;
}

static bool has_kind(const struct nwb_lrec *rec, uint64_t nr, uint16_t kind)
{
	for (uint64_t i = 0; i < nr; i++)
		if (nwb_tl_is_there(&rec[i]) && rec[i].kind == kind)
			return true;
	return false;
}

/* When the newest record ended. */
static uint64_t last_end(const struct nwb_lrec *rec, uint64_t nr)
{
	uint64_t last = 0;

	for (uint64_t i = 0; i < nr; i++)
		if (nwb_tl_is_there(&rec[i]))
			last = nwb_max(last, rec[i].t_end);
	return last;
}

int nwb_timeline_make(const struct nwb_lrec *rec, uint64_t nr,
		      unsigned int nr_rules, uint64_t span_ns,
		      struct nwb_timeline *ret)
{
	struct window w = {.tl = ret};

	memset(ret, 0, sizeof(*ret));
	ret->drain_ns = NWB_TL_NONE;
	ret->nr_rules = nwb_min(nr_rules, NWB_TL_RULES);
	for (unsigned int i = 0; i < ret->nr_rules; i++)
		ret->rule[i].first_ns = NWB_TL_NONE;
	for (uint64_t i = 0; i < nr && !w.start_ns; i++)
		if (nwb_tl_is_there(&rec[i]) && rec[i].kind == NWB_L_WRITE)
			w.start_ns = rec[i].t_begin;
	if (!w.start_ns)
		return 0;
	if (!span_ns)
		span_ns = last_end(rec, nr) - w.start_ns;
	ret->span_ns = span_ns;
	ret->bin_ns = bin_for(span_ns);
	ret->nr_bins = (unsigned int)(span_ns / ret->bin_ns) + 1;
	ret->is_by_server = !has_kind(rec, nr, NWB_L_ACKED);
	ret->has_acks =
		!ret->is_by_server || has_kind(rec, nr, NWB_L_EFFECT_WRITE);
	for (uint64_t i = 0; i < nr; i++)
		if (nwb_tl_is_there(&rec[i]))
			one(&w, &rec[i]);
	durable(&w, rec, nr);
	ret->drain_ns = drain_of(rec, nr);
	qsort(ret->mark, ret->nr_marks, sizeof(ret->mark[0]), by_time);
	return nwb_tl_faults(rec, nr, ret);
}
