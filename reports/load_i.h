/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The part of the report model that shows open-loop latency.
 *
 *	latency records ──sort──> runs ──> rows (group, rate, subject)
 *	rows of one server, workload, fault and way to write ──> a group
 *
 * Runs on the way to the knee are no rows: they are counted, drawn as what was
 * offered and kept, and listed when they have something to say. Figures are
 * medians over the runs of a row; a percentile that one of them was too short
 * for is not measured.
 */
#ifndef NWB_REPORTS_LOAD_I_H
#define NWB_REPORTS_LOAD_I_H

#include "report_i.h"

enum rep_load_metric {
	REP_LOAD_ACHIEVED, /* operations a second */
	REP_LOAD_P50,	   /* response, ns */
	REP_LOAD_P99,
	REP_LOAD_P999,
	REP_LOAD_MAX,
	REP_LOAD_SERVICE_P50,
	REP_LOAD_SERVICE_P99,
	REP_LOAD_DURABLE_P50,
	REP_LOAD_DURABLE_P99,
	REP_LOAD_LAG_AVG,
	REP_LOAD_LAG_MAX,
	REP_LOAD_REFUSED, /* fraction of the operations */
	REP_LOAD_BACKLOG,
	REP_LOAD_LEFT, /* operations not begun, failed, or never durable */
	REP_LOAD_N,    /* operations of a run */
	REP_LOAD_METRICS
};

struct rep_load_run {
	const json_t *rec;
	size_t seq;
	enum rep_verdict verdict;
	bool is_step; /* on the way to the knee */
	double rate;  /* offered a second; NAN: closed loop */
	double v[REP_LOAD_METRICS];
};

/* One subject at one rate. */
struct rep_load_row {
	const char *subject;
	double rate, share; /* of the knee; NAN: not known */
	const struct rep_load_run *run;
	size_t nr;
	enum rep_verdict verdict; /* the worst of its runs */
	double v[REP_LOAD_METRICS];
};

/* Runs of one group stand together: first the steps, then row by row. */
struct rep_load_group {
	const struct rep_load_run *run;
	size_t nr_runs, nr_steps;
	const struct rep_load_row *row; /* by rate, then side */
	size_t nr;
	double closed, knee; /* a second; NAN: not measured */
};

struct rep_load {
	struct rep_load_run *run;
	size_t nr_runs;
	struct rep_load_row *row;
	size_t nr_rows;
	struct rep_load_group *group;
	size_t nr;
	size_t by_verdict[REP_VERDICT_NR];
};

/** rep_load_init() - Return: 0, -ENOMEM, -E2BIG: more than REP_RUNS_MAX runs
 * of a row. Borrows @recs; rep_load_fini() is safe after failure. */
int rep_load_init(struct rep_load *l, const json_t *recs,
		  struct nwb_err *err) nwb_must_check;
void rep_load_fini(struct rep_load *l);
/** rep_load_tally() - "12 latency runs: PASS 11, FAIL 1". */
void rep_load_tally(const struct rep_load *l, char ret_text[REP_TALLY]);
/** rep_load_about() - "4.0K writes, fsync every 100, ..."; @buf: REP_TALLY. */
const char *rep_load_about(char *buf, const struct rep_load_group *g);
/** rep_load_is_bad() - has @run something to say that is not a number? */
bool rep_load_is_bad(const struct rep_load_run *run);
/** rep_load_hist() - all operations of @row; @key: "response", "service" or
 * "durable". Return: 0, -ENOMEM; nothing recorded gives nr = 0. To be released
 * by rep_lat_fini(). */
int rep_load_hist(const struct rep_load_row *row, const char *key,
		  struct rep_lat *ret) nwb_must_check;

void rep_section_load(struct rep_out *o, const struct rep_load *l);

#endif
