/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The gate: from pairs to a verdict, from verdicts to a red night.
 *
 *	d[0..n)			n = 10		n = 20 ...	n = 40
 *	    |			  |		  |		  |
 *	    v			  v		  v		  v
 *	nwb_gate_decide() --> undecided ----> undecided ----> final
 *	    |			  \_______ decided or hopeless ___/
 *	    v						 |
 *	nwb_gate_family()	all cases and metrics of the session:
 *	    |			Benjamini-Hochberg; who is not kept
 *	    |			must go on to the next look
 *	    v						 |
 *	confirmation		the same rule, new processes, a build linked
 *	    |			anew
 *	    v
 *	nwb_gate_conclude()	red, suspect, better, ok, unclear, observed
 *
 * A difference is tested against the smallest effect that matters (delta), not
 * against zero; sameness is proved (two one-sided tests) and not concluded from
 * the absence of proof. Error rates: alpha bounds a false WORSE (or BETTER) at
 * a true shift of delta, per case and session and over all looks together,
 * because each look gets an equal share of it (Bonferroni).
 *
 * Pure functions, no allocation; any thread.
 */
#ifndef NWB_GATE_H
#define NWB_GATE_H

#include "nwb/stats.h"

/* Fewer pairs can't reject anything at these levels: 2^-7 > 0.005. */
#define NWB_GATE_PAIRS_MIN 8
#define NWB_GATE_LOOKS_MAX 4

/** enum nwb_gate_verdict - what is known of B against A. */
enum nwb_gate_verdict {
	/* Neither a difference nor sameness is proved. Not green. */
	NWB_GATE_UNCLEAR,
	/* Proved to be within -delta..+delta. */
	NWB_GATE_SAME,
	/* Costs more than delta more. */
	NWB_GATE_WORSE,
	/* Costs more than delta less. */
	NWB_GATE_BETTER,
};

/** enum nwb_gate_why - how nwb_gate_decide() came to it. */
enum nwb_gate_why {
	/* The verdict's test rejected. */
	NWB_GATE_DECIDED,
	/* |estimate| < ln(1 + delta) / 2: more pairs would not make it WORSE or
	 * BETTER. */
	NWB_GATE_FUTILE,
	/* Undecided at the last look. */
	NWB_GATE_LAST_LOOK,
	/* Two modes: the median of such pairs means nothing. */
	NWB_GATE_BIMODAL,
	/* Go on to next_n pairs. */
	NWB_GATE_GO_ON,
	/* Fewer than NWB_GATE_PAIRS_MIN. */
	NWB_GATE_NEED_PAIRS,
	/* No look was planned at this number of pairs. */
	NWB_GATE_NOT_A_LOOK,
};

/**
 * struct nwb_gate_rule - how one case and metric is judged.
 * @delta: the smallest relative effect that matters, 0.05 = 5 %; > 0
 * @alpha: for WORSE and for BETTER, over all looks
 * @alpha_same: for SAME, over all looks; an error there is one of the second
 *		kind of the gate, so it is larger
 * @looks: numbers of pairs, rising, NWB_GATE_PAIRS_MIN..NWB_PAIRS_MAX
 * @nr_looks: 1..NWB_GATE_LOOKS_MAX
 */
struct nwb_gate_rule {
	double delta;
	double alpha;
	double alpha_same;
	unsigned int looks[NWB_GATE_LOOKS_MAX];
	unsigned int nr_looks;
};

/** The floors of delta: CPU time is quieter than anything by the clock. */
#define NWB_GATE_DELTA_CPU  0.05
#define NWB_GATE_DELTA_WALL 0.10
/** An adaptive delta above this demotes a case to "observe". */
#define NWB_GATE_DELTA_CAP 0.25

/**
 * nwb_gate_rule_init() - looks at 10, 20, 30 and 40 pairs, alpha 0.005.
 * @rule: filled; who has no time for all looks may lower nr_looks before the
 *	  first of them
 * @delta: > 0
 *
 * The fourth look is for wall time: where its pairs spread by 0.24 (ln), three
 * looks find a rate that fell by a quarter in 74 sessions of a hundred, and
 * four in 92 (tests/gate_sim); a case without a change takes 40 runs instead
 * of 37.
 */
void nwb_gate_rule_init(struct nwb_gate_rule *rule, double delta);

/**
 * nwb_gate_rule_fixed() - one look at @pairs, alpha 0.005 for it alone.
 * Return: 0, or -EINVAL unless NWB_GATE_PAIRS_MIN <= @pairs <= NWB_PAIRS_MAX.
 */
int nwb_gate_rule_fixed(struct nwb_gate_rule *rule, double delta,
			size_t pairs) nwb_must_check;

/**
 * struct nwb_gate_decision - what one look says.
 * @verdict: of this look; UNCLEAR while it must go on
 * @why: how it came to it
 * @is_final: no further look for this case's own sake
 * @look: index of the look, 0..
 * @n: pairs seen
 * @next_n: pairs at the next look; 0 when there is none
 * @est: Hodges-Lehmann estimate of ln(cost ratio); exp(est) - 1 is the change
 * @lo: lower end of its exact 95 % interval (not widened for looks)
 * @hi: upper end; both may be infinite
 * @p_worse: p of "cost is not more than delta higher", times the looks
 * @p_better: p of "cost is not more than delta lower", times the looks
 * @p_same: p of "differs by delta or more", times the looks
 * @modes: where the pairs lie
 */
struct nwb_gate_decision {
	enum nwb_gate_verdict verdict;
	enum nwb_gate_why why;
	bool is_final;
	unsigned int look;
	size_t n;
	size_t next_n;
	double est, lo, hi;
	double p_worse, p_better, p_same;
	struct nwb_modes modes;
};

/**
 * nwb_gate_decide() - look at the pairs of one case and metric.
 * @rule: how
 * @d: ln(cost_b / cost_a) of each pair that is not contaminated
 * @n: 1..NWB_PAIRS_MAX; at a number that is no look the estimate is filled in
 *     and the verdict is UNCLEAR
 * @ret: the decision
 */
void nwb_gate_decide(const struct nwb_gate_rule *rule, const double *d,
		     size_t n, struct nwb_gate_decision *ret);

/**
 * nwb_gate_family() - control the false discoveries of a whole session.
 * @d: decisions of all cases and metrics that gate, in any order
 * @n: how many, at most NWB_VALUES_MAX
 * @q: 0.05
 * @ret_keep: @n answers: WORSE or BETTER and kept by Benjamini-Hochberg over
 *	      all of them
 *
 * A final WORSE or BETTER that is not kept and has a next_n goes on to that
 * look: at ten pairs the smallest possible p is too large for a big family.
 *
 * Return: how many were kept.
 */
size_t nwb_gate_family(const struct nwb_gate_decision *d, size_t n, double q,
		       bool *ret_keep);

/** enum nwb_gate_control - is the session usable, by an A/A sentinel? */
enum nwb_gate_control {
	NWB_CONTROL_OK,
	/* Estimate beyond delta / 2: look again at decision.next_n pairs. */
	NWB_CONTROL_GO_ON,
	/* A was found different from A: everything else is suspect too. */
	NWB_CONTROL_UNUSABLE,
};

/**
 * nwb_gate_control() - judge an A/A comparison of this session.
 * @rule: the rule of the sentinel
 * @d: its decision
 *
 * UNUSABLE if A/A is WORSE or BETTER, or |estimate| > delta / 2 with no look
 * left; in between it goes on.
 */
enum nwb_gate_control nwb_gate_control(const struct nwb_gate_rule *rule,
				       const struct nwb_gate_decision *d);

/** enum nwb_gate_outcome - of one case and metric in the end. */
enum nwb_gate_outcome {
	NWB_OUTCOME_OK,	      /* SAME */
	NWB_OUTCOME_UNCLEAR,  /* nothing proved; listed, never green */
	NWB_OUTCOME_SUSPECT,  /* WORSE once: told, exit 0 */
	NWB_OUTCOME_RED,      /* WORSE and confirmed, or suspect again */
	NWB_OUTCOME_BETTER,   /* BETTER and confirmed: the baseline may move */
	NWB_OUTCOME_HOPEFUL,  /* BETTER once: told, no baseline moves */
	NWB_OUTCOME_OBSERVED, /* too noisy here to gate */
};

/**
 * nwb_gate_conclude() - session, confirmation and history together.
 * @first: decision of the session
 * @is_kept: answer of nwb_gate_family() for it
 * @second: decision of the confirming session, NULL when there was none
 * @is_recurring: nwb_gate_is_recurring(), tonight included
 * @is_observed: the case's delta is above NWB_GATE_DELTA_CAP
 */
enum nwb_gate_outcome nwb_gate_conclude(const struct nwb_gate_decision *first,
					bool is_kept,
					const struct nwb_gate_decision *second,
					bool is_recurring, bool is_observed);

/**
 * nwb_gate_is_recurring() - two suspects of one case in seven nights?
 * @days: days on which it was suspect, in any order, in days since any epoch
 * @n: how many; several of one day count once
 * @today: the day of this session
 *
 * Return: true if two different days lie in today - 6 .. today.
 */
bool nwb_gate_is_recurring(const int64_t *days, size_t n, int64_t today);

/** enum nwb_delta_from - where a case's delta comes from. */
enum nwb_delta_from {
	/* Fewer nights than NWB_DELTA_NIGHTS: the floor. */
	NWB_DELTA_FLOOR,
	/* From the case's own nights. */
	NWB_DELTA_HISTORY,
	/* Above NWB_GATE_DELTA_CAP: the case must not gate. */
	NWB_DELTA_OBSERVE,
};

#define NWB_DELTA_NIGHTS 30

/**
 * nwb_adaptive_delta() - the noise of a case's own nights.
 * @est: estimates (ln) of nights without a change, the newest included
 * @n: how many, at most NWB_VALUES_MAX
 * @floor: of the metric, for example NWB_GATE_DELTA_CPU
 * @ret_delta: max(@floor, Q3 + 3 IQR of |est| as a relative change); @floor
 *	       below NWB_DELTA_NIGHTS nights; NWB_GATE_DELTA_CAP when above it
 *
 * The rule of rustc-perf (site/src/comparison.rs) over thirty nights.
 */
enum nwb_delta_from nwb_adaptive_delta(const double *est, size_t n,
				       double floor, double *ret_delta);

/**
 * nwb_gate_exact() - verdict of a metric that is a count.
 * @a: count of A
 * @b: count of B
 *
 * Return: SAME when equal, WORSE when B is more, BETTER when less.
 */
enum nwb_gate_verdict nwb_gate_exact(uint64_t a, uint64_t b);

/** nwb_gate_verdict_name() - for people and records: "WORSE", "BETTER" ... A
 * static string, "?" beyond the enumeration; so are the next two. */
const char *nwb_gate_verdict_name(enum nwb_gate_verdict v);
/** nwb_gate_why_name() - why the looks ended: "decided", "two modes" ... */
const char *nwb_gate_why_name(enum nwb_gate_why w);
/** nwb_gate_outcome_name() - what a gate makes of it: "suspect", "RED" ... */
const char *nwb_gate_outcome_name(enum nwb_gate_outcome o);

#endif
