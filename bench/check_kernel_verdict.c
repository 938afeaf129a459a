/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a run with a guest was worth. The ledgers come first: what they convict
 * the kernel of stands, however the guest ended. Then the end itself:
 *
 *	panic, oops, KASAN	FAIL PANIC, with the console's words
 *	no sign of life		FAIL HANG, if we ourselves were awake all the
 *				time; else INCONCLUSIVE
 *	stopped by us		INCONCLUSIVE: O8 would have said HANG if an
 *				operation had been over its bound
 *	ended by itself		INCONCLUSIVE
 *	power lost		as it should be, when the plan says so
 *	done			its own word: a mount that failed proves nothing
 */
#include "check_kernel.h"

#include <stdio.h>
#include <string.h>

/* Before the others: nothing weighs more. */
static void add_finding(struct nwb_judgement *j, const char *kind,
			const char *text)
{
	unsigned int keep = nwb_min(j->nr_findings, NWB_FINDINGS_MAX - 1u);

	memmove(j->finding + 1, j->finding, keep * sizeof(*j->finding));
	j->finding[0] = (struct nwb_finding){
		.oracle = 8,
		.verdict = NWB_FAIL,
		.kind = kind,
		.rec_a = UINT64_MAX,
		.rec_b = UINT64_MAX,
	};
	snprintf(j->finding[0].text, sizeof(j->finding[0].text), "%.190s",
		 text);
	j->nr_findings = keep + 1;
	j->nr_found++;
	j->ran |= 1u << 8;
	j->failed |= 1u << 8;
	j->verdict = NWB_FAIL;
}

/* The line of the console that says most. */
static void first_line(const char *excerpt, char *buf, size_t size)
{
	size_t len = strcspn(excerpt, "\n");

	snprintf(buf, size, "%.*s", (int)nwb_min(len, size - 1), excerpt);
}

/* A guest that says nothing is dead only if we were awake to hear it. */
static bool was_awake(const struct nwb_machine_report *g)
{
	return g->harness_gap_ns < nwb_max(g->gap_ns / 10, NWB_MSEC);
}

static void find_in_end(struct kc_run_result *r)
{
	char line[128], text[192];

	if (r->guest.end == NWB_MACHINE_PANIC) {
		first_line(r->guest.excerpt, line, sizeof(line));
		snprintf(text, sizeof(text), "the guest's kernel: %.150s",
			 line[0] ? line : r->guest.why);
		add_finding(&r->judgement, "PANIC", text);
	} else if (r->guest.end == NWB_MACHINE_HUNG && was_awake(&r->guest)) {
		snprintf(text, sizeof(text),
			 "the guest gave no sign of life for %.1f s",
			 (double)r->guest.gap_ns / (double)NWB_SEC);
		add_finding(&r->judgement, "HANG", text);
	}
}

/* Why nothing can be concluded; false: it can. */
static bool is_void(const struct kc_run_result *r, char *reason, size_t size)
{
	const struct nwb_machine_report *g = &r->guest;

	if (r->trouble[0]) {
		snprintf(reason, size, "%s", r->trouble);
		return true;
	}
	switch (g->end) {
	case NWB_MACHINE_DONE:
		if (!g->done.rc)
			return false;
		snprintf(reason, size, "the guest's job failed: %.200s",
			 g->done.text);
		return true;
	case NWB_MACHINE_POWEROFF:
		if (g->is_cut_clean)
			return false;
		snprintf(reason, size,
			 "not all that the guest had announced was read "
			 "before it lost its power");
		return true;
	case NWB_MACHINE_HUNG:
		snprintf(reason, size,
			 "the guest gave no sign of life for %.1f s, but the "
			 "harness itself slept for %.1f s",
			 (double)g->gap_ns / (double)NWB_SEC,
			 (double)g->harness_gap_ns / (double)NWB_SEC);
		return true;
	default:
		snprintf(reason, size, "guest %s%s%.200s%s",
			 nwb_machine_end_name(g->end), g->why[0] ? ": " : "",
			 g->why, r->is_late ? " (its job took too long)" : "");
		return true;
	}
}

enum nwb_verdict kc_verdict(struct kc_run_result *r,
			    const struct nwb_plan *plan, char *reason,
			    size_t size)
{
	enum nwb_verdict v;

	reason[0] = '\0';
	if (r->skip[0]) {
		snprintf(reason, size, "%s", r->skip);
		return NWB_SKIP;
	}
	find_in_end(r);
	v = r->judgement.verdict;
	if (v == NWB_FAIL || !is_void(r, reason, size)) {
		if (r->judgement.nr_findings)
			snprintf(reason, size, "O%u %s: %.180s",
				 r->judgement.finding[0].oracle,
				 r->judgement.finding[0].kind,
				 r->judgement.finding[0].text);
	} else {
		v = NWB_INCONCLUSIVE;
	}
	for (unsigned int i = 0; plan && i < plan->nr_expects; i++)
		if (plan->expect[i].kind == NWB_EXPECT_VERDICT)
			v = bench_expect_verdict(&plan->expect[i], v, reason,
						 size);
	return v;
}

enum nwb_verdict kc_spare(enum nwb_verdict v, const struct nwb_judgement *j,
			  uint32_t oracles, char *reason, size_t size)
{
	char text[256];

	if (v != NWB_FAIL || !oracles || (j->failed & oracles))
		return v;
	snprintf(text, sizeof(text), "%s", reason);
	snprintf(reason, size, "not asked for: %.230s", text);
	return NWB_KNOWN;
}

int kc_exit(const enum nwb_verdict *v, unsigned int nr, bool bisect)
{
	bool is_bad = false, is_open = !nr;

	if (!bisect)
		return nwb_verdict_exit(v, nr);
	for (unsigned int i = 0; i < nr; i++) {
		is_bad |= v[i] == NWB_FAIL || v[i] == NWB_VACUOUS ||
			  v[i] == NWB_UNEXPECTED_PASS;
		is_open |= v[i] == NWB_INCONCLUSIVE || v[i] == NWB_SKIP;
	}
	return is_bad ? 1 : is_open ? 125 : 0;
}
