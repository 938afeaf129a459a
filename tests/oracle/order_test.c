/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the oracles know of a guest is less than what happened, and never
 * something else: take the ledgers of the model (model.h), in which all is in
 * order, make its users a guest's, and forget the order between the two clocks
 * but for some ties.
 *
 *	true order	w1.begin  effect.begin  w1.end  effect.end ...
 *	numbers		1                       2	 of the guest alone
 *	heard		later, in the guest's order, by a random delay
 *	ties		now and then: the host spoke before number n
 *
 * PASS must stay PASS, and a FAIL must have been one before. With every event
 * tied on both sides nothing may be lost either.
 */
#include "model.h"
#include "nwb_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCALE	   1000u /* host tickets; what lies between is for ties */
#define EVENTS_MAX (2u * MODEL_RECS)
#define RECS_MAX   (2u * MODEL_RECS + EVENTS_MAX)

#ifndef ORDER_SEEDS
#define ORDER_SEEDS 200u
#endif

enum ties {
	NO_TIES,  /* only that the host heard of it, much later */
	FEW_TIES, /* some delay, one answer in eight */
	ALL_TIES, /* no delay, each event answered */
	NR_TIES,
};

struct event {
	uint64_t ticket; /* the true one */
	uint32_t rec;
	bool is_end;
};

struct forgetful {
	uint64_t seed;
	struct nwb_lrec *rec;
	uint64_t nr;
	struct event *event;
	uint32_t nr_events;
};

static uint32_t draw(struct forgetful *g, uint32_t below)
{
	return (uint32_t)(nwb_splitmix64(&g->seed) >> 33) % below;
}

static int by_ticket(const void *a, const void *b)
{
	const struct event *x = a, *y = b;

	return (x->ticket > y->ticket) - (x->ticket < y->ticket);
}

static bool is_user_op(const struct nwb_lrec *r)
{
	return r->kind >= NWB_L_OPEN && r->kind <= NWB_L_CLOSE;
}

/* Copy, spread the tickets out, and list the events of users in true order. */
static void take(struct forgetful *g, const struct model *m)
{
	g->nr = m->nr;
	g->nr_events = 0;
	memcpy(g->rec, m->rec, m->nr * sizeof(*m->rec));
	for (uint32_t i = 0; i < g->nr; i++) {
		struct nwb_lrec *r = &g->rec[i];

		r->begin *= SCALE;
		if (r->state == NWB_LS_ENDED)
			r->end *= SCALE;
		if (!is_user_op(r))
			continue;
		r->flags |= NWB_LF_GUEST;
		g->event[g->nr_events++] =
			(struct event){.ticket = r->begin, .rec = i};
		if (r->state == NWB_LS_ENDED)
			g->event[g->nr_events++] = (struct event){
				.ticket = r->end, .rec = i, .is_end = true};
	}
	qsort(g->event, g->nr_events, sizeof(*g->event), by_ticket);
}

static void tie(struct forgetful *g, const struct event *e, uint64_t number,
		uint64_t heard)
{
	struct nwb_lrec *r = &g->rec[g->nr++];

	nwb_check(g->nr < RECS_MAX);
	memset(r, 0, sizeof(*r));
	r->kind = NWB_L_JOIN;
	r->flags = NWB_LF_TO_GUEST;
	r->state = NWB_LS_ENDED;
	/* Some time before the event, between two tickets of the host. */
	r->begin = e->ticket - 1 - draw(g, SCALE / 4);
	r->end = heard;
	r->aux = number;
}

/* Give numbers and the tickets at which the host heard of it all. */
static void forget(struct forgetful *g, enum ties ties)
{
	uint64_t heard = 0;

	for (uint32_t i = 0; i < g->nr_events; i++) {
		const struct event *e = &g->event[i];
		struct nwb_lrec *r = &g->rec[e->rec];
		uint64_t late = ties == NO_TIES	   ? 4096u * SCALE
				: ties == FEW_TIES ? draw(g, 20 * SCALE)
						   : 0;

		/* Never a ticket that somebody has. */
		heard = nwb_max(heard + 1, e->ticket + late + 1);
		if (heard % SCALE == 0)
			heard++;
		if (e->is_end) {
			r->end = heard;
			r->len2 = i + 1;
		} else {
			r->begin = heard;
			r->aux = i + 1;
		}
		if (ties == ALL_TIES || (ties == FEW_TIES && !draw(g, 8)))
			tie(g, e, i + 1, heard);
	}
}

static void judge(const struct model *m, const struct nwb_lrec *rec,
		  uint64_t nr, struct nwb_judgement *j)
{
	static uint8_t data[MODEL_SIZE];
	struct nwb_content content = {.file = 1,
				      .size = MODEL_SIZE,
				      .initial = MODEL_SIZE,
				      .data = data};
	struct nwb_judge_in in = {
		.rec = rec,
		.nr_rec = nr,
		.key = "model",
		.level = 1,
		.policy = {.flush_on_close = true, .max_attempts = 10},
		.content = &content,
		.nr_content = 1,
	};

	model_content(m, data);
	nwb_check_eq(nwb_judge(&in, j, NULL), 0);
}

static void complain(uint64_t seed, enum ties ties,
		     const struct nwb_judgement *j)
{
	fprintf(stderr, "seed %llu, ties %u: %s\n", (unsigned long long)seed,
		ties, nwb_verdict_name(j->verdict));
	for (unsigned int i = 0; i < j->nr_findings; i++)
		fprintf(stderr, "  O%u %s %s: %s\n", j->finding[i].oracle,
			nwb_verdict_name(j->finding[i].verdict),
			j->finding[i].kind, j->finding[i].text);
}

struct tally {
	unsigned int failed, kept[NR_TIES], invented;
};

static void one_seed(struct model *m, struct forgetful *g, uint64_t seed,
		     enum defect defect, struct tally *t)
{
	struct nwb_judgement all, less;

	model_run(m, seed, defect, 20 + seed % 200);
	judge(m, m->rec, m->nr, &all);
	t->failed += all.verdict == NWB_FAIL;
	for (unsigned int ties = 0; ties < NR_TIES; ties++) {
		g->seed = seed << 8 | ties;
		take(g, m);
		forget(g, (enum ties)ties);
		judge(m, g->rec, g->nr, &less);
		t->kept[ties] += less.verdict == NWB_FAIL;
		if (less.verdict == all.verdict)
			continue;
		/* Less may be known: then nothing is said, nothing else. */
		if (all.verdict == NWB_FAIL && less.verdict == NWB_PASS &&
		    ties != ALL_TIES)
			continue;
		complain(seed, (enum ties)ties, &less);
		t->invented++;
	}
}

static void forget_all(enum defect defect, struct tally *t)
{
	struct model m;
	struct forgetful g = {0};

	*t = (struct tally){0};
	m.rec = calloc(MODEL_RECS, sizeof(*m.rec));
	g.rec = calloc(RECS_MAX, sizeof(*g.rec));
	g.event = calloc(EVENTS_MAX, sizeof(*g.event));
	nwb_check(m.rec && g.rec && g.event);
	for (uint64_t seed = 1; seed <= ORDER_SEEDS; seed++)
		one_seed(&m, &g, seed, defect, t);
	free(m.rec);
	free(g.rec);
	free(g.event);
}

NWB_TEST(order, what_passes_still_passes)
{
	struct tally t;

	forget_all(NONE, &t);
	nwb_check_eq(t.invented, 0);
	nwb_check_eq(t.failed, 0);
}

/* Every defect is still found with all ties, and often with few. */
static void still_found(enum defect defect)
{
	struct tally t;

	forget_all(defect, &t);
	nwb_check_eq(t.invented, 0);
	nwb_check(t.failed > 5);
	nwb_check_eq(t.kept[ALL_TIES], t.failed);
	nwb_check(t.kept[FEW_TIES] > 0);
}

NWB_TEST(order, a_dropped_upload_is_still_lost)
{
	still_found(DROPPED_UPLOAD);
}

NWB_TEST(order, a_wrong_offset_is_still_displaced)
{
	still_found(WRONG_OFFSET);
}

NWB_TEST(order, a_stale_resend_is_still_found)
{
	still_found(STALE_RESEND);
}

NWB_TEST(order, a_swallowed_error_is_still_found)
{
	still_found(SWALLOWED_ERROR);
}

NWB_TEST(order, acked_is_still_not_durable)
{
	still_found(FORGOT_UNSTABLE);
}
