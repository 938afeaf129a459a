/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One look, one family, one conclusion: nwb/gate.h has the model.
 *
 * Four one-sided signed-rank tests of the same pairs, t = ln(1 + delta):
 *
 *	  BETTER  <---|--- SAME ---|--->  WORSE
 *	             -t      0     +t
 *
 *	WORSE	rejects "shift <= +t":	 d - t
 *	BETTER	rejects "shift >= -t":	-d - t
 *	SAME	rejects "shift >= +t":	 t - d	and "shift <= -t":  t + d
 *
 * Each look may spend 1 / nr_looks of the level. Reported p-values are
 * multiplied by nr_looks, so that they compare with the whole level: the
 * chance that any look reports p <= u is at most u.
 */
#include "nwb/gate.h"

#include <errno.h>
#include <math.h>

#define ALPHA	    0.005
#define ALPHA_SAME  0.05
#define CI_ALPHA    0.05
#define WINDOW_DAYS 7

void nwb_gate_rule_init(struct nwb_gate_rule *rule, double delta)
{
	nwb_assert(delta > 0.0);
	*rule = (struct nwb_gate_rule){
		.delta = delta,
		.alpha = ALPHA,
		.alpha_same = ALPHA_SAME,
		.looks = {10, 20, 30, 40},
		.nr_looks = 4,
	};
}

int nwb_gate_rule_fixed(struct nwb_gate_rule *rule, double delta, size_t pairs)
{
	if (pairs < NWB_GATE_PAIRS_MIN || pairs > NWB_PAIRS_MAX)
		return -EINVAL;
	nwb_gate_rule_init(rule, delta);
	rule->looks[0] = (unsigned int)pairs;
	rule->nr_looks = 1;
	return 0;
}

/* p that the shift of sign * d beyond @by is chance, for all looks. */
static double p_beyond(const double *d, size_t n, double sign, double by,
		       unsigned int nr_looks)
{
	double x[NWB_PAIRS_MAX], p;

	for (size_t i = 0; i < n; i++)
		x[i] = sign * d[i] - by;
	p = nwb_signed_rank_p(x, n) * nr_looks;
	return p < 1.0 ? p : 1.0;
}

static void check_rule(const struct nwb_gate_rule *rule)
{
	nwb_assert(rule->delta > 0.0);
	nwb_assert(rule->alpha > 0.0 && rule->alpha < 1.0);
	nwb_assert(rule->alpha_same > 0.0 && rule->alpha_same < 1.0);
	nwb_assert(rule->nr_looks >= 1);
	nwb_assert(rule->nr_looks <= NWB_GATE_LOOKS_MAX);
	for (unsigned int i = 0; i < rule->nr_looks; i++) {
		nwb_assert(rule->looks[i] >= NWB_GATE_PAIRS_MIN);
		nwb_assert(rule->looks[i] <= NWB_PAIRS_MAX);
		nwb_assert(!i || rule->looks[i] > rule->looks[i - 1]);
	}
}

static enum nwb_gate_verdict verdict_of(const struct nwb_gate_rule *rule,
					const struct nwb_gate_decision *dec)
{
	if (dec->p_worse <= rule->alpha)
		return NWB_GATE_WORSE;
	if (dec->p_better <= rule->alpha)
		return NWB_GATE_BETTER;
	if (dec->p_same <= rule->alpha_same)
		return NWB_GATE_SAME;
	return NWB_GATE_UNCLEAR;
}

/* Which look this is; nr_looks when none, and next_n in any case. */
static unsigned int look_at(const struct nwb_gate_rule *rule, size_t n,
			    size_t *next_n)
{
	unsigned int look = rule->nr_looks;

	*next_n = 0;
	for (unsigned int i = 0; i < rule->nr_looks; i++) {
		if (rule->looks[i] == n)
			look = i;
		if (rule->looks[i] > n && !*next_n)
			*next_n = rule->looks[i];
	}
	return look;
}

static enum nwb_gate_why why_of(const struct nwb_gate_rule *rule,
				const struct nwb_gate_decision *dec)
{
	if (dec->modes.is_bimodal)
		return dec->next_n ? NWB_GATE_GO_ON : NWB_GATE_BIMODAL;
	if (dec->verdict != NWB_GATE_UNCLEAR)
		return NWB_GATE_DECIDED;
	if (fabs(dec->est) < 0.5 * log1p(rule->delta))
		return NWB_GATE_FUTILE;
	return dec->next_n ? NWB_GATE_GO_ON : NWB_GATE_LAST_LOOK;
}

void nwb_gate_decide(const struct nwb_gate_rule *rule, const double *d,
		     size_t n, struct nwb_gate_decision *ret)
{
	struct nwb_gate_decision dec = {.n = n};
	double t = log1p(rule->delta), above, below;

	check_rule(rule);
	nwb_assert(n >= 1 && n <= NWB_PAIRS_MAX);
	nwb_shift_ci(d, n, CI_ALPHA, &dec.est, &dec.lo, &dec.hi);
	nwb_find_modes(d, n, &dec.modes);
	dec.look = look_at(rule, n, &dec.next_n);
	dec.p_worse = p_beyond(d, n, 1.0, t, rule->nr_looks);
	dec.p_better = p_beyond(d, n, -1.0, t, rule->nr_looks);
	above = p_beyond(d, n, -1.0, -t, rule->nr_looks);
	below = p_beyond(d, n, 1.0, -t, rule->nr_looks);
	dec.p_same = above > below ? above : below;

	if (dec.look == rule->nr_looks) {
		dec.why = n < NWB_GATE_PAIRS_MIN ? NWB_GATE_NEED_PAIRS
						 : NWB_GATE_NOT_A_LOOK;
	} else {
		/* The median of two heaps is nobody's cost. */
		if (!dec.modes.is_bimodal)
			dec.verdict = verdict_of(rule, &dec);
		dec.why = why_of(rule, &dec);
		dec.is_final = dec.why != NWB_GATE_GO_ON;
	}
	*ret = dec;
}

static bool differs(enum nwb_gate_verdict v)
{
	return v == NWB_GATE_WORSE || v == NWB_GATE_BETTER;
}

/* As a test of "no difference of delta": either side, so twice the smaller. */
static double p_of(const struct nwb_gate_decision *d)
{
	double p = 2.0 * (d->p_worse < d->p_better ? d->p_worse : d->p_better);

	return p < 1.0 ? p : 1.0;
}

size_t nwb_gate_family(const struct nwb_gate_decision *d, size_t n, double q,
		       bool *ret_keep)
{
	double p[NWB_VALUES_MAX];
	size_t kept = 0;

	nwb_assert(n <= NWB_VALUES_MAX);
	if (!n)
		return 0;
	for (size_t i = 0; i < n; i++)
		p[i] = p_of(&d[i]);
	nwb_benjamini_hochberg(p, n, q, ret_keep);
	for (size_t i = 0; i < n; i++) {
		ret_keep[i] = ret_keep[i] && differs(d[i].verdict);
		kept += ret_keep[i];
	}
	return kept;
}

enum nwb_gate_control nwb_gate_control(const struct nwb_gate_rule *rule,
				       const struct nwb_gate_decision *d)
{
	if (differs(d->verdict))
		return NWB_CONTROL_UNUSABLE;
	if (fabs(d->est) <= 0.5 * log1p(rule->delta))
		return NWB_CONTROL_OK;
	return d->next_n ? NWB_CONTROL_GO_ON : NWB_CONTROL_UNUSABLE;
}

enum nwb_gate_outcome nwb_gate_conclude(const struct nwb_gate_decision *first,
					bool is_kept,
					const struct nwb_gate_decision *second,
					bool is_recurring, bool is_observed)
{
	bool is_confirmed = second && second->verdict == first->verdict;

	if (is_observed)
		return NWB_OUTCOME_OBSERVED;
	switch (first->verdict) {
	case NWB_GATE_SAME:
		return NWB_OUTCOME_OK;
	case NWB_GATE_WORSE:
		if (!is_kept)
			return NWB_OUTCOME_UNCLEAR;
		return is_confirmed || is_recurring ? NWB_OUTCOME_RED
						    : NWB_OUTCOME_SUSPECT;
	case NWB_GATE_BETTER:
		if (!is_kept)
			return NWB_OUTCOME_UNCLEAR;
		return is_confirmed ? NWB_OUTCOME_BETTER : NWB_OUTCOME_HOPEFUL;
	case NWB_GATE_UNCLEAR:
		break;
	}
	return NWB_OUTCOME_UNCLEAR;
}

bool nwb_gate_is_recurring(const int64_t *days, size_t n, int64_t today)
{
	int64_t seen = 0;
	bool is_one = false;

	for (size_t i = 0; i < n; i++) {
		if (days[i] > today || days[i] <= today - WINDOW_DAYS)
			continue;
		if (is_one && days[i] != seen)
			return true;
		seen = days[i];
		is_one = true;
	}
	return false;
}

enum nwb_gate_verdict nwb_gate_exact(uint64_t a, uint64_t b)
{
	if (a == b)
		return NWB_GATE_SAME;
	return b > a ? NWB_GATE_WORSE : NWB_GATE_BETTER;
}
