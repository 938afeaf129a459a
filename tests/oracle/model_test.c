/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The oracles judge the model's runs (model.h). */
#include "model.h"
#include "nwb_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIZE MODEL_SIZE
#define RECS MODEL_RECS

static void judge(struct model *m, uint32_t level, struct nwb_judgement *j)
{
	static uint8_t data[SIZE];
	struct nwb_content content = {
		.file = 1, .size = SIZE, .initial = SIZE, .data = data};
	struct nwb_judge_in in = {
		.rec = m->rec,
		.nr_rec = m->nr,
		.key = "model",
		.level = level,
		.policy = {.flush_on_close = true, .max_attempts = 10},
		.content = &content,
		.nr_content = 1,
	};

	model_content(m, data);
	for (uint64_t i = 0; !level && i < m->nr; i++)
		if (m->rec[i].kind == NWB_L_EFFECT_RUN)
			m->rec[i].kind = NWB_L_HEARTBEAT;
	nwb_check_eq(nwb_judge(&in, j, NULL), 0);
}

static void complain(uint64_t seed, const struct nwb_judgement *j)
{
	fprintf(stderr, "seed %llu: %s\n", (unsigned long long)seed,
		nwb_verdict_name(j->verdict));
	for (unsigned int i = 0; i < j->nr_findings; i++)
		fprintf(stderr, "  O%u %s %llu %llu: %s\n",
			j->finding[i].oracle, j->finding[i].kind,
			(unsigned long long)j->finding[i].rec_a,
			(unsigned long long)j->finding[i].rec_b,
			j->finding[i].text);
}

#ifndef MODEL_SEEDS
#define MODEL_SEEDS 300u
#endif

NWB_TEST(model, correct_runs_pass)
{
	static struct model m;
	struct nwb_judgement j;
	unsigned int bad = 0;

	m.rec = calloc(RECS, sizeof(*m.rec));
	nwb_check(m.rec != NULL);
	for (uint64_t seed = 1; seed <= MODEL_SEEDS; seed++)
		for (uint32_t level = 0; level < 2; level++) {
			model_run(&m, seed, NONE, 20 + seed % 200);
			judge(&m, level, &j);
			if (j.verdict == NWB_PASS)
				continue;
			complain(seed, &j);
			bad++;
		}
	free(m.rec);
	nwb_check_eq(bad, 0);
}

/* How often a defect did harm, and how often @oracle, or any, said so. */
static void hunt(enum defect defect, unsigned int oracle)
{
	static struct model m;
	unsigned int harmed = 0, killed = 0, named = 0, false_alarms = 0;
	struct nwb_judgement j;

	m.rec = calloc(RECS, sizeof(*m.rec));
	nwb_check(m.rec != NULL);
	for (uint64_t seed = 1; seed <= MODEL_SEEDS; seed++) {
		bool is_named = false;

		model_run(&m, seed, defect, 20 + seed % 200);
		judge(&m, 1, &j);
		for (unsigned int i = 0; i < j.nr_findings; i++)
			is_named |= j.finding[i].oracle == oracle &&
				    j.finding[i].verdict == NWB_FAIL;
		nwb_check_eq(is_named, j.failed >> oracle & 1);
		harmed += m.is_harmed;
		killed += m.is_harmed && j.verdict == NWB_FAIL;
		named += m.is_harmed && is_named;
		false_alarms += !m.is_harmed && j.verdict != NWB_PASS;
		if ((!m.is_harmed && j.verdict != NWB_PASS) ||
		    (m.is_harmed && j.verdict != NWB_FAIL))
			complain(seed, &j);
	}
	free(m.rec);
	nwb_check(harmed > 10);
	nwb_check_eq(killed, harmed);
	nwb_check_eq(named, harmed);
	nwb_check_eq(false_alarms, 0);
}

NWB_TEST(model, a_dropped_upload_is_lost)
{
	hunt(DROPPED_UPLOAD, 1);
}

NWB_TEST(model, a_wrong_offset_is_displaced)
{
	hunt(WRONG_OFFSET, 2);
}

NWB_TEST(model, a_stale_resend_is_a_resurrection)
{
	hunt(STALE_RESEND, 3);
}

NWB_TEST(model, a_swallowed_error_is_noticed)
{
	hunt(SWALLOWED_ERROR, 6);
}

NWB_TEST(model, acked_is_not_durable)
{
	hunt(FORGOT_UNSTABLE, 1);
}
