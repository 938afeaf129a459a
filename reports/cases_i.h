/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Comparisons, fio jobs and open-loop latency as test cases, for the formats
 * that know nothing else (JUnit, KTAP). What fails here is what the exit code
 * of the session calls a failure: a confirmed change for the worse, a broken
 * promise. What nobody could decide is skipped, with the reason, and is never a
 * pass.
 */
#ifndef NWB_REPORTS_CASES_I_H
#define NWB_REPORTS_CASES_I_H

#include "fio_i.h"
#include "gate_i.h"
#include "load_i.h"

enum rep_outcome {
	REP_CASE_OK,
	REP_CASE_FAIL,
	REP_CASE_ERROR,
	REP_CASE_SKIP
};

struct rep_case {
	char *suite, *name;
	char *text; /* one line: figure, interval, n, reason */
	enum rep_outcome outcome;
	const char *type; /* of a failure or error: "regression" */
	/* One of them, for properties; or none. */
	const struct rep_gate_row *row;
	const struct rep_fio_row *fio;
	const struct rep_load_row *load;
	size_t at; /* order in its suite */
};

struct rep_cases {
	struct rep_gate g;
	struct rep_fio f;
	struct rep_load l;
	struct rep_case *c; /* cases of a suite stand together */
	size_t nr;
};

/** rep_cases_init() - Return: 0, -ENOMEM, -E2BIG; borrows @recs. A session
 * without comparisons and fio jobs has none. rep_cases_fini() is safe after
 * failure. */
int rep_cases_init(struct rep_cases *cs, const json_t *recs,
		   struct nwb_err *err) nwb_must_check;
void rep_cases_fini(struct rep_cases *cs);
/** rep_cases_suite() - how many from @i on are of one suite. */
size_t rep_cases_suite(const struct rep_cases *cs, size_t i);

#endif
