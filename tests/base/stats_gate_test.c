/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nwb/gate.h"

#include "nwb_test.h"

#include <math.h>

static struct nwb_gate_rule five_percent(void)
{
	struct nwb_gate_rule rule;

	nwb_gate_rule_init(&rule, NWB_GATE_DELTA_CPU);
	return rule;
}

/* @n pairs around @middle, spread evenly over +-@spread. */
static void fill(double *d, size_t n, double middle, double spread)
{
	for (size_t i = 0; i < n; i++)
		d[i] = middle +
		       spread * (2.0 * (double)i / (double)(n - 1) - 1.0);
}

static struct nwb_gate_decision look(double middle, double spread, size_t n)
{
	struct nwb_gate_rule rule = five_percent();
	struct nwb_gate_decision dec;
	double d[NWB_PAIRS_MAX];

	fill(d, n, middle, spread);
	nwb_gate_decide(&rule, d, n, &dec);
	return dec;
}

NWB_TEST(gate, worse_is_proved_by_ten_pairs_beyond_delta)
{
	struct nwb_gate_decision dec = look(0.14, 0.05, 10);

	nwb_check_eq(dec.verdict, NWB_GATE_WORSE);
	nwb_check_eq(dec.why, NWB_GATE_DECIDED);
	nwb_check(dec.is_final);
	nwb_check_eq(dec.look, 0);
	nwb_check_eq(dec.next_n, 20);
	nwb_check(fabs(dec.est - 0.14) < 1e-12);
	nwb_check(dec.lo < 0.14 && dec.lo > 0.09);
	/* 2^-10 of one look, and four looks. */
	nwb_check(fabs(dec.p_worse - 4.0 / 1024) < 1e-12);
}

NWB_TEST(gate, better_is_the_mirror)
{
	struct nwb_gate_decision worse = look(0.14, 0.05, 10);
	struct nwb_gate_decision better = look(-0.14, 0.05, 10);

	nwb_check_eq(better.verdict, NWB_GATE_BETTER);
	nwb_check(better.p_better == worse.p_worse);
	nwb_check(better.est == -worse.est);
}

NWB_TEST(gate, same_is_proved_within_delta)
{
	struct nwb_gate_decision dec = look(0.001, 0.03, 10);

	nwb_check_eq(dec.verdict, NWB_GATE_SAME);
	nwb_check_eq(dec.why, NWB_GATE_DECIDED);
	nwb_check(dec.p_same <= 0.05);
}

/* No difference is seen, and yet sameness is not proved. */
NWB_TEST(gate, noise_is_unclear_and_not_the_same)
{
	struct nwb_gate_decision dec = look(0.0, 0.3, 10);

	nwb_check_eq(dec.verdict, NWB_GATE_UNCLEAR);
	nwb_check_eq(dec.why, NWB_GATE_FUTILE);
	nwb_check(dec.is_final);
}

/* Beyond half of delta it goes on, and ends at the last look. */
NWB_TEST(gate, undecided_goes_on_to_the_last_look)
{
	struct nwb_gate_decision dec = look(0.05, 0.2, 10);

	nwb_check_eq(dec.why, NWB_GATE_GO_ON);
	nwb_check_eq(dec.verdict, NWB_GATE_UNCLEAR);
	nwb_check(!dec.is_final);
	nwb_check_eq(dec.next_n, 20);
	dec = look(0.05, 0.2, 40);
	nwb_check_eq(dec.why, NWB_GATE_LAST_LOOK);
	nwb_check(dec.is_final);
	nwb_check_eq(dec.next_n, 0);
	/* Much cheaper, but not proved: it goes on likewise. */
	nwb_check_eq(look(-0.05, 0.2, 10).why, NWB_GATE_GO_ON);
}

NWB_TEST(gate, few_pairs_are_told_so)
{
	struct nwb_gate_decision dec = look(0.5, 0.01, 7);

	nwb_check_eq(dec.verdict, NWB_GATE_UNCLEAR);
	nwb_check_eq(dec.why, NWB_GATE_NEED_PAIRS);
	nwb_check(!dec.is_final);
	nwb_check_eq(dec.next_n, 10);
	/* Peeking between looks gives no verdict, only an estimate. */
	dec = look(0.5, 0.01, 12);
	nwb_check_eq(dec.verdict, NWB_GATE_UNCLEAR);
	nwb_check_eq(dec.why, NWB_GATE_NOT_A_LOOK);
	nwb_check(fabs(dec.est - 0.5) < 1e-12);
}

NWB_TEST(gate, fixed_number_of_pairs_is_one_look)
{
	struct nwb_gate_rule rule;
	struct nwb_gate_decision dec;
	double d[12];

	nwb_check(nwb_gate_rule_fixed(&rule, 0.05, 7) < 0);
	nwb_check(nwb_gate_rule_fixed(&rule, 0.05, NWB_PAIRS_MAX + 1) < 0);
	nwb_check_eq(nwb_gate_rule_fixed(&rule, 0.05, 12), 0);
	fill(d, 12, 0.2, 0.05);
	nwb_gate_decide(&rule, d, 12, &dec);
	nwb_check_eq(dec.verdict, NWB_GATE_WORSE);
	nwb_check(fabs(dec.p_worse - 1.0 / 4096) < 1e-15);
	nwb_check_eq(dec.next_n, 0);
}

NWB_TEST(gate, two_modes_never_gate)
{
	struct nwb_gate_rule rule = five_percent();
	struct nwb_gate_decision dec;
	double d[40];

	for (size_t i = 0; i < 40; i++)
		d[i] = i % 2 ? 0.8 : 0.1 + 0.001 * (double)i;
	nwb_gate_decide(&rule, d, 10, &dec);
	nwb_check(dec.modes.is_bimodal);
	nwb_check_eq(dec.verdict, NWB_GATE_UNCLEAR);
	nwb_check_eq(dec.why, NWB_GATE_GO_ON);
	/* The tests alone would have called it worse. */
	nwb_check(dec.p_worse <= rule.alpha);
	nwb_gate_decide(&rule, d, 40, &dec);
	nwb_check_eq(dec.why, NWB_GATE_BIMODAL);
	nwb_check_eq(dec.verdict, NWB_GATE_UNCLEAR);
	nwb_check(dec.is_final);
}

/* Ten pairs can't carry a verdict in a family of sixty; twenty can. */
NWB_TEST(gate, a_big_family_asks_for_more_pairs)
{
	struct nwb_gate_decision family[60];
	bool keep[60];

	for (int i = 0; i < 60; i++)
		family[i] = look(0.0, 0.3, 10);
	nwb_check_eq(nwb_gate_family(family, 60, 0.05, keep), 0);
	family[7] = look(0.14, 0.05, 10);
	nwb_check_eq(nwb_gate_family(family, 60, 0.05, keep), 0);
	nwb_check_eq(nwb_gate_family(family + 7, 1, 0.05, keep), 1);
	family[7] = look(0.14, 0.05, 20);
	nwb_check_eq(nwb_gate_family(family, 60, 0.05, keep), 1);
	nwb_check(keep[7] && !keep[6]);
	nwb_check_eq(nwb_gate_family(family, 0, 0.05, keep), 0);
}

NWB_TEST(gate, control_that_differs_makes_a_session_unusable)
{
	struct nwb_gate_rule rule = five_percent();
	struct nwb_gate_decision dec = look(0.14, 0.05, 10);

	nwb_check_eq(nwb_gate_control(&rule, &dec), NWB_CONTROL_UNUSABLE);
	dec = look(0.0, 0.3, 10);
	nwb_check_eq(nwb_gate_control(&rule, &dec), NWB_CONTROL_OK);
	dec = look(0.03, 0.3, 10);
	nwb_check_eq(nwb_gate_control(&rule, &dec), NWB_CONTROL_GO_ON);
	dec = look(0.03, 0.3, 40);
	nwb_check_eq(nwb_gate_control(&rule, &dec), NWB_CONTROL_UNUSABLE);
	dec = look(-0.03, 0.3, 40);
	nwb_check_eq(nwb_gate_control(&rule, &dec), NWB_CONTROL_UNUSABLE);
}

NWB_TEST(gate, red_needs_two_sessions)
{
	struct nwb_gate_decision worse = look(0.14, 0.05, 10);
	struct nwb_gate_decision better = look(-0.14, 0.05, 10);
	struct nwb_gate_decision same = look(0.0, 0.03, 10);
	struct nwb_gate_decision noise = look(0.0, 0.3, 10);

#define OUTCOME(...) nwb_gate_conclude(__VA_ARGS__)
	nwb_check_eq(OUTCOME(&worse, true, &worse, false, false),
		     NWB_OUTCOME_RED);
	nwb_check_eq(OUTCOME(&worse, true, &same, false, false),
		     NWB_OUTCOME_SUSPECT);
	nwb_check_eq(OUTCOME(&worse, true, NULL, false, false),
		     NWB_OUTCOME_SUSPECT);
	nwb_check_eq(OUTCOME(&worse, true, &noise, true, false),
		     NWB_OUTCOME_RED);
	nwb_check_eq(OUTCOME(&worse, false, NULL, true, false),
		     NWB_OUTCOME_UNCLEAR);
	nwb_check_eq(OUTCOME(&worse, true, &worse, true, true),
		     NWB_OUTCOME_OBSERVED);
	nwb_check_eq(OUTCOME(&better, true, &better, false, false),
		     NWB_OUTCOME_BETTER);
	nwb_check_eq(OUTCOME(&better, true, &worse, true, false),
		     NWB_OUTCOME_HOPEFUL);
	nwb_check_eq(OUTCOME(&same, false, NULL, true, false), NWB_OUTCOME_OK);
	nwb_check_eq(OUTCOME(&noise, false, NULL, true, false),
		     NWB_OUTCOME_UNCLEAR);
}

NWB_TEST(gate, two_suspects_in_seven_nights_recur)
{
	static const int64_t days[] = {100, 106, 106};

	nwb_check(nwb_gate_is_recurring(days, 3, 106));
	/* The first has left the window; one night is one suspect. */
	nwb_check(!nwb_gate_is_recurring(days, 3, 107));
	nwb_check(!nwb_gate_is_recurring(days + 1, 2, 106));
	nwb_check(!nwb_gate_is_recurring(days, 0, 106));
	/* What is dated later than today does not count. */
	nwb_check(!nwb_gate_is_recurring(days, 2, 105));
}

NWB_TEST(gate, delta_follows_the_nights_of_the_case)
{
	double est[40], delta;

	for (int i = 0; i < 40; i++)
		est[i] = (i % 2 ? -0.001 : 0.001) * (double)i;
	nwb_check_eq(nwb_adaptive_delta(est, 29, 0.05, &delta),
		     NWB_DELTA_FLOOR);
	nwb_check(delta == 0.05);
	/* |est| = 0 .. 0.030: Q1 0.0075, Q3 0.0225, so 0.0675. */
	nwb_check_eq(nwb_adaptive_delta(est, 31, 0.05, &delta),
		     NWB_DELTA_HISTORY);
	nwb_check(fabs(delta - expm1(0.0675)) < 1e-12);
	nwb_check_eq(nwb_adaptive_delta(est, 31, 0.10, &delta),
		     NWB_DELTA_HISTORY);
	nwb_check(delta == 0.10);
}

NWB_TEST(gate, a_case_too_noisy_to_gate_is_observed)
{
	double est[30], delta;

	for (int i = 0; i < 30; i++)
		est[i] = 0.01 * (double)i;
	nwb_check_eq(nwb_adaptive_delta(est, 30, 0.05, &delta),
		     NWB_DELTA_OBSERVE);
	nwb_check(delta == NWB_GATE_DELTA_CAP);
}

NWB_TEST(gate, counts_are_compared_by_equality)
{
	nwb_check_eq(nwb_gate_exact(64, 64), NWB_GATE_SAME);
	nwb_check_eq(nwb_gate_exact(64, 65), NWB_GATE_WORSE);
	nwb_check_eq(nwb_gate_exact(64, 63), NWB_GATE_BETTER);
}

NWB_TEST(gate, everything_has_a_name)
{
	nwb_check_streq(nwb_gate_verdict_name(NWB_GATE_WORSE), "WORSE");
	for (int i = 0; i <= NWB_GATE_BETTER; i++)
		nwb_check(nwb_gate_verdict_name((enum nwb_gate_verdict)i));
	for (int i = 0; i <= NWB_GATE_NOT_A_LOOK; i++)
		nwb_check(nwb_gate_why_name((enum nwb_gate_why)i));
	for (int i = 0; i <= NWB_OUTCOME_OBSERVED; i++)
		nwb_check(nwb_gate_outcome_name((enum nwb_gate_outcome)i));
}
