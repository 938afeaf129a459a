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
 * In the records `hl`, `lo` and `hi` are ln(cost_B / cost_A), a cost being
 * what grows as things get worse. Here `ratio` is B over A of the figure that
 * people read, MiB/s for one, and only `beyond` is oriented like a cost.
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
	REP_GATE_FREE,	  /* compared, but no threshold was tested */
	REP_GATE_SKIP,
	REP_GATE_VERDICT_NR,
};

/* One pair as it was measured, also one that was repeated. */
struct rep_gate_pair {
	double ratio;	 /* b over a; NAN when one of them is missing */
	const char *why; /* contaminated: why; NULL: it counts */
	json_int_t index;
	bool is_confirm; /* of the confirming session */
};

/* One case and metric. */
struct rep_gate_row {
	const char *name, *metric, *unit;
	const char *server, *workload; /* of the case; may be NULL */
	const char *why;	       /* reason of the verdict; may be NULL */
	enum rep_gate_verdict verdict;
	bool is_more_better;
	bool is_control; /* A against A */
	bool is_bimodal;
	bool is_decided;      /* false: there are pairs only */
	bool is_looked_again; /* there was a confirmation */
	bool is_red;	      /* which said WORSE as well */
	double a, b;	      /* medians */
	double ratio, lo, hi; /* b over a; ends 0 and INFINITY: unbounded;
			       * all NAN: no estimate */
	double delta;	      /* 0.05; NAN: none was recorded */
	double beyond;	      /* ln cost / ln(1+delta): 1 is the threshold */
	size_t n;	      /* pairs that the decision was made from */
	size_t again_n;	      /* the confirmation's pairs and estimate */
	double again_ratio;
	struct rep_gate_pair *pair; /* by phase, index */
	size_t nr_pairs, nr_bad;
	size_t seq; /* of its first record */
};

struct rep_gate {
	struct rep_gate_row *row; /* comparisons as they are shown: bad ones
				   * first, farthest beyond first */
	size_t nr;
	struct rep_gate_row *control; /* behind them in the same array */
	size_t nr_controls;
	struct rep_gate_pair *pairs;
	char *names; /* of cells, without the subject */
	const json_t *recs;
	char cells[REP_TALLY]; /* verdicts of cells; "": there are none */
	size_t by_verdict[REP_GATE_VERDICT_NR];
	size_t nr_cases;     /* names among row[] */
	double control_max;  /* greatest |ratio - 1| of the controls; or NAN */
	size_t nr_broken;    /* runs of pairs that broke a promise */
	const char *trouble; /* why it counts for nothing, or NULL */
	const json_t *session, *compare, *end; /* NULL: none */
	bool is_modes;			       /* A is temp-page, B in-place */
};

/**
 * rep_gate_init() - build it from the records; borrows @recs.
 * Return: 0, -ENOMEM. rep_gate_fini() is safe after failure and when there is
 * nothing to compare, which gives no rows.
 */
int rep_gate_init(struct rep_gate *g, const json_t *recs) nwb_must_check;
void rep_gate_fini(struct rep_gate *g);
/** rep_gate_init_cells() - temp-page (A) against in-place (B) of the cells
 * that have both. The rows borrow from the records, not from @m. */
int rep_gate_init_cells(struct rep_gate *g,
			const struct rep_model *m) nwb_must_check;
/** rep_gate_init_any() - whatever the session compares: the gate's rows, or
 * those of its cells. Return: as rep_model_init(). */
int rep_gate_init_any(struct rep_gate *g, const json_t *recs,
		      struct nwb_err *err) nwb_must_check;

/**
 * rep_gate_row_estimate() - fill in estimate, interval, medians and n.
 * @row: metric and sign are set
 * @a: figures of A of @n pairs, all above zero; @n up to NWB_PAIRS_MAX
 * @b: of B
 *
 * For comparisons that nobody decided: fio jobs, cells. The interval is open
 * on both sides below REP_PAIRS_MIN pairs.
 */
void rep_gate_row_estimate(struct rep_gate_row *row, const double *a,
			   const double *b, size_t n);

/** rep_gate_broken() - the verdict of the run of @side ("a" or "b") of the
 * record @rec if it is a pair whose run broke a promise or proves nothing that
 * it should (FAIL, VACUOUS, UNEXPECTED-PASS); else NULL. */
const char *rep_gate_broken(const json_t *rec, const char *side);

/** rep_gate_verdict_name() - "RED", "suspect", ... */
const char *rep_gate_verdict_name(enum rep_gate_verdict v);
/** rep_gate_is_number() - does the row stand in the main table? */
bool rep_gate_is_number(const struct rep_gate_row *row);
/** rep_gate_tally() - "RED 1  suspect 2  ok 17 ...", 72 columns at most. */
void rep_gate_tally(const struct rep_gate *g, char ret_text[REP_TALLY]);
/** rep_gate_title() - "CPU ns/MiB" for "cpu_ns_mib"; a metric that is not
 * known has its own name. */
const char *rep_gate_title(const struct rep_gate_row *row);
/** rep_gate_word() - what a change beyond the threshold means: "dearer". */
const char *rep_gate_word(const struct rep_gate_row *row);
/** rep_gate_change() - "+23.1%"; "n.m." without an estimate. */
const char *rep_gate_change(char *buf, double ratio);
/** rep_gate_interval() - "[+20.0, +27.0]", ends "-inf", "+inf" when unbounded.
 * @buf: REP_INTERVAL bytes. */
#define REP_INTERVAL 40
const char *rep_gate_interval(char *buf, const struct rep_gate_row *row);
/** rep_gate_value() - a figure in the unit of the row's metric. */
const char *rep_gate_value(char *buf, const struct rep_gate_row *row, double v);
/** rep_gate_delta() - "5%". */
const char *rep_gate_delta(char *buf, const struct rep_gate_row *row);
/** rep_gate_direction() - "above 0: B is dearer". */
const char *rep_gate_direction(const struct rep_gate_row *row);
/** rep_gate_side() - "id (revision, summary)" of side "a" or "b"; to be
 * released by free(3), NULL without memory. */
char *rep_gate_side(const struct rep_gate *g, const char *side);
/** rep_gate_put_side() - the same as a wrapped line "@name = ...". */
void rep_gate_put_side(struct rep_out *o, const struct rep_gate *g,
		       const char *side, const char *name);

/* ---- sections ---- */

/** rep_gate_line() - the verdict line of report.txt. */
void rep_gate_line(struct rep_out *o, const struct rep_gate *g);
void rep_section_gate(struct rep_out *o, const struct rep_gate *g);
/** rep_gate_dots() - one row's pairs on a line, band and interval below
 * (gate_dots.c). */
void rep_gate_dots(struct rep_out *o, const struct rep_gate *g);

#endif
