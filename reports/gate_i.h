/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The part of the report model that compares two builds, modes or servers:
 * what `netwb gate` and `netwb compare` measured and decided.
 *
 *	pair records ─┐
 *	              ├─ by case and metric ──> rows ──sort──> all formats
 *	decision ─────┘
 *
 * Reports decide nothing: a row's verdict, estimate and interval are those of
 * its decision record. Pairs are there to be seen. A case and metric that has
 * pairs and no decision is a row too (the session ended before it was decided).
 *
 * Fields that are read here, as schema_fields.c and docs/reports.md have them:
 *
 *	pair	  case, pair, order ("AB" or "BA"), a.metrics, b.metrics
 *		  (measured values by metric, not costs), contaminated (why;
 *		  null: it is not), role (measure, control: A against A, or
 *		  confirm)
 *	decision  case, metric, better ("lower" or "higher"), unit, verdict
 *		  (WORSE, BETTER, SAME, UNCLEAR, SKIP, INVALID, OBSERVE),
 *		  reason, hl, lo, hi (ln of cost b over cost a; null: infinite),
 *		  n, delta (0.05: 5 %), a, b (medians of measured values), role,
 *		  is_confirmed (true: in a second session as well; null: was not
 *		  looked at), is_bimodal
 *
 * Signs: `hl` is oriented so that more is worse, whatever `better` says.
 */
#ifndef NWB_REPORTS_GATE_I_H
#define NWB_REPORTS_GATE_I_H

#include "report_i.h"

/* From bad to good; the order of rows. */
enum rep_gate_verdict {
	REP_GATE_RED,	  /* WORSE, and again in the confirmation */
	REP_GATE_SUSPECT, /* WORSE, not confirmed */
	REP_GATE_INVALID, /* measured, but not to be believed */
	REP_GATE_UNCLEAR,
	REP_GATE_BETTER,
	REP_GATE_SAME,
	REP_GATE_OBSERVE, /* too noisy here to be judged */
	REP_GATE_SKIP,
	REP_GATE_VERDICT_NR,
};

#endif
