/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The verdict of a run: the oracles' judgement, and then what else the plan
 * expects. An expectation can make a verdict worse, never better: a plan that
 * expects FAIL and gets it is KNOWN, one that gets PASS is UNEXPECTED-PASS.
 */
#include "bench_i.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static bool fsync_as_expected(const struct nwb_plan_expect *x,
			      const struct bench_run_result *r)
{
	int seen = r->work.first_error ? r->work.first_error : r->final_error;

	return seen == -x->err;
}

static bool amplification_holds(const struct nwb_plan_expect *x,
				const struct bench_run_result *r)
{
	if (!r->stats.bytes_dirtied)
		return true;
	return nwb_plan_cmp_holds(
		x->op, r->stats.bytes_sent * 1000000 / r->stats.bytes_dirtied,
		x->nr);
}

enum nwb_verdict bench_expect_verdict(const struct nwb_plan_expect *x,
				      enum nwb_verdict v, char *reason,
				      size_t size)
{
	bool wants_pass = !strcasecmp(x->name, "pass");

	if (!strcasecmp(x->name, nwb_verdict_name(v)) || wants_pass) {
		if (v != NWB_FAIL && v != NWB_VACUOUS)
			return v;
		if (wants_pass)
			return v;
		snprintf(reason, size, "the plan expects %s", x->name);
		return NWB_KNOWN;
	}
	if (v == NWB_PASS) {
		snprintf(reason, size, "the plan expects %s", x->name);
		return NWB_UNEXPECTED_PASS;
	}
	return v;
}

static enum nwb_verdict expectations(const struct bench_run_result *r,
				     const struct nwb_plan *plan,
				     enum nwb_verdict v, char *reason,
				     size_t size)
{
	for (unsigned int i = 0; plan && i < plan->nr_expects; i++) {
		const struct nwb_plan_expect *x = &plan->expect[i];
		bool holds = true;

		if (x->kind == NWB_EXPECT_FSYNC)
			holds = fsync_as_expected(x, r);
		else if (x->kind == NWB_EXPECT_AMPLIFICATION)
			holds = amplification_holds(x, r);
		else if (x->kind == NWB_EXPECT_VERDICT)
			v = bench_expect_verdict(x, v, reason, size);
		if (!holds && v == NWB_PASS) {
			snprintf(reason, size,
				 "expectation of line %u does "
				 "not hold",
				 x->pos.line);
			v = NWB_FAIL;
		}
	}
	return v;
}

enum nwb_verdict bench_verdict(const struct bench_run_result *r,
			       const struct nwb_plan *plan, char *reason,
			       size_t size)
{
	enum nwb_verdict v = r->is_judged ? r->judgement.verdict : NWB_PASS;

	reason[0] = 0;
	if (r->skip[0]) {
		snprintf(reason, size, "%.250s", r->skip);
		return NWB_SKIP;
	}
	if (r->trouble[0] && v != NWB_FAIL) {
		snprintf(reason, size, "%s", r->trouble);
		return NWB_INCONCLUSIVE;
	}
	if (!r->is_judged && (r->work.first_error || r->work.close_error)) {
		int e = r->work.first_error ? r->work.first_error
					    : r->work.close_error;

		snprintf(reason, size, "the client reported %s",
			 nwb_errno_name(e));
		return NWB_FAIL;
	}
	if (!r->is_judged)
		snprintf(reason, size, "content is not judged");
	else if (r->judgement.nr_findings)
		snprintf(reason, size, "O%u %s: %.180s",
			 r->judgement.finding[0].oracle,
			 r->judgement.finding[0].kind,
			 r->judgement.finding[0].text);
	return expectations(r, plan, v, reason, size);
}
