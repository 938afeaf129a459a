/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sim.h"

#include <math.h>
#include <string.h>

#define FAMILY_Q    0.05
#define NIGHTS	    40
#define PAIRS	    40
#define NR_SENTINEL 3

static const double bias_sd[NR_METRICS] = {0.01, 0.015};
static const double delta_floor[NR_METRICS] = {NWB_GATE_DELTA_CPU,
					       NWB_GATE_DELTA_WALL};

static struct sim_metric *test_nr(struct sim *s, int i)
{
	return &s->c[i / NR_METRICS].m[i % NR_METRICS];
}

/* All pairs that a session might ask for; how many it did is counted. */
static void measure(struct sim *s, struct sim_case *c, bool is_control)
{
	double d[NR_METRICS][NWB_PAIRS_MAX];

	noise_draw(c->noise, &s->state, PAIRS, d);
	for (int m = 0; m < NR_METRICS; m++) {
		double sd = s->bias * bias_sd[m], shift = 0.0;

		if (!is_control)
			shift = c->planted[m] + sd * sim_normal(&s->state);
		for (int i = 0; i < PAIRS; i++)
			c->m[m].d[i] = d[m][i] + shift;
	}
	c->pairs = 0;
}

static void look(struct sim_case *c, int m, size_t n)
{
	nwb_gate_decide(&c->m[m].rule, c->m[m].d, n, &c->m[m].dec);
	if (n > c->pairs)
		c->pairs = (unsigned int)n;
}

static void look_to_the_end(struct sim_case *c, int m, size_t from)
{
	for (look(c, m, from); !c->m[m].dec.is_final;)
		look(c, m, c->m[m].dec.next_n);
}

/* Decide all; who differs but is not kept by the family looks again. */
static void decide_session(struct sim *s, bool *kept)
{
	struct nwb_gate_decision family[SIM_TESTS];
	bool again;

	for (int i = 0; i < SIM_TESTS; i++)
		look_to_the_end(&s->c[i / NR_METRICS], i % NR_METRICS,
				test_nr(s, i)->rule.looks[0]);
	do {
		again = false;
		for (int i = 0; i < SIM_TESTS; i++)
			family[i] = test_nr(s, i)->dec;
		nwb_gate_family(family, SIM_TESTS, FAMILY_Q, kept);
		for (int i = 0; i < SIM_TESTS; i++) {
			bool differs = family[i].verdict == NWB_GATE_WORSE ||
				       family[i].verdict == NWB_GATE_BETTER;

			if (kept[i] || !differs || !family[i].next_n)
				continue;
			look_to_the_end(&s->c[i / NR_METRICS], i % NR_METRICS,
					family[i].next_n);
			again = true;
		}
	} while (again);
}

/* Sentinels: A against A, so without a bias. A difference in any metric, or an
 * estimate of CPU time that stays off, makes the session unusable. */
static bool is_usable(struct sim *s)
{
	for (int i = 0; i < NR_SENTINEL; i++) {
		struct sim_case *c = &s->c[i];

		measure(s, c, true);
		for (int m = 0; m < NR_METRICS; m++) {
			enum nwb_gate_control ctl;
			size_t n = c->m[m].rule.looks[0];

			do {
				look(c, m, n);
				ctl = nwb_gate_control(&c->m[m].rule,
						       &c->m[m].dec);
				n = c->m[m].dec.next_n;
			} while (ctl == NWB_CONTROL_GO_ON);
			if (ctl == NWB_CONTROL_UNUSABLE &&
			    (m == METRIC_CPU ||
			     c->m[m].dec.verdict != NWB_GATE_UNCLEAR))
				return false;
		}
	}
	return true;
}

/* What one case came to, its confirmation included. */
static void conclude(struct sim *s, struct sim_case *c, const bool *kept,
		     bool is_planted, struct sim_tally *t)
{
	struct nwb_gate_decision first[NR_METRICS];
	bool is_suspect[NR_METRICS], is_red = false, is_better = false;
	unsigned int pairs = c->pairs;

	for (int m = 0; m < NR_METRICS; m++) {
		first[m] = c->m[m].dec;
		is_suspect[m] = kept[m] && !c->m[m].is_observed &&
				first[m].verdict == NWB_GATE_WORSE;
	}
	if (is_suspect[METRIC_CPU] || is_suspect[METRIC_WALL])
		measure(s, c, false);
	else
		c->pairs = 0;
	for (int m = 0; m < NR_METRICS; m++) {
		enum nwb_gate_outcome o;

		if (is_suspect[m])
			look_to_the_end(c, m, c->m[m].rule.looks[0]);
		o = nwb_gate_conclude(&first[m], kept[m],
				      is_suspect[m] ? &c->m[m].dec : NULL,
				      false, c->m[m].is_observed);
		is_red = is_red || o == NWB_OUTCOME_RED;
		is_better = is_better || o == NWB_OUTCOME_HOPEFUL;
		if (is_planted && c->planted[m] > 0.0) {
			t->found += o == NWB_OUTCOME_RED;
			t->runs += 2.0 * (pairs + c->pairs);
		}
	}
	if (is_planted)
		return;
	t->comparisons++;
	t->suspects += is_suspect[METRIC_CPU] || is_suspect[METRIC_WALL];
	t->red += is_red;
	t->better += is_better;
}

static void set_up(struct sim *s, bool is_adapted)
{
	for (int i = 0; i < SIM_CASES; i++) {
		struct sim_case *c = &s->c[i];

		memset(c, 0, sizeof(*c));
		c->noise = &s->noise->c[(unsigned int)i % s->noise->nr];
		for (int m = 0; m < NR_METRICS; m++) {
			const struct sim_delta *a = &s->adapted[i][m];

			nwb_gate_rule_init(&c->m[m].rule,
					   is_adapted ? a->delta
						      : delta_floor[m]);
			c->m[m].is_observed = is_adapted && a->is_observed;
		}
	}
}

struct sim_tally sim_run(struct sim *s, unsigned int sessions, int metric,
			 double factor, bool is_adapted)
{
	struct sim_tally t = {.sessions = sessions};

	for (unsigned int n = 0; n < sessions; n++) {
		int planted = factor > 1.0 ? (int)(n % SIM_CASES) : -1;
		bool kept[SIM_TESTS];

		set_up(s, is_adapted);
		t.unusable += !is_usable(s);
		if (planted >= 0)
			s->c[planted].planted[metric] = log(factor);
		for (int i = 0; i < SIM_CASES; i++)
			measure(s, &s->c[i], false);
		decide_session(s, kept);
		for (int i = 0; i < SIM_CASES; i++) {
			if (planted < 0)
				t.runs += 2.0 * s->c[i].pairs / SIM_CASES;
			conclude(s, &s->c[i], kept + i * NR_METRICS,
				 i == planted, &t);
			if (planted < 0)
				t.runs += 2.0 * s->c[i].pairs / SIM_CASES;
		}
	}
	t.runs /= sessions;
	return t;
}

void sim_adapt(struct sim *s)
{
	double est[NR_METRICS][NIGHTS];

	set_up(s, false);
	for (int i = 0; i < SIM_CASES; i++) {
		for (int n = 0; n < NIGHTS; n++) {
			measure(s, &s->c[i], false);
			for (int m = 0; m < NR_METRICS; m++) {
				look_to_the_end(&s->c[i], m,
						s->c[i].m[m].rule.looks[0]);
				est[m][n] = s->c[i].m[m].dec.est;
			}
		}
		for (int m = 0; m < NR_METRICS; m++) {
			struct sim_delta *a = &s->adapted[i][m];

			a->is_observed =
				nwb_adaptive_delta(est[m], NIGHTS,
						   delta_floor[m], &a->delta) ==
				NWB_DELTA_OBSERVE;
		}
	}
}
