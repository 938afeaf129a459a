/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report.html: shared by its files only.
 *
 *	report_html.c   the page: what stands where
 *	html_css.c      how it looks
 *	html_out.c      text that stays text, numbers, axes
 *	html_tables.c   tables of cells
 *	html_forest.c   two subjects against each other, row by row
 *	html_series.c   throughput over time, with what happened when
 *	html_latency.c  percentile curves
 *	html_detail.c   findings, environment, reproduce, raw rows
 *	report_series.c time lines and histograms out of the records
 *
 * The page is one file: no script, no request, no font of its own. Names come
 * from plans that anybody may have written, so nothing from a record reaches
 * the page but through html_text() (and a content security policy stands
 * behind it). Colour is never the only code: the first of two subjects is
 * solid and filled, the second dashed and hollow, verdicts are words.
 */
#ifndef NWB_REPORTS_HTML_I_H
#define NWB_REPORTS_HTML_I_H

#include "report_i.h"

/* ---- html_out.c ---- */

/** html_text() - content of an element or of a quoted attribute. */
void html_text(struct rep_out *o, const char *s);
/** html_section() - heading with an anchor; @id is ours. */
void html_section(struct rep_out *o, const char *id, const char *title);
/** html_lead() - the paragraph below a heading; may hold markup of ours. */
void html_lead(struct rep_out *o, const char *html);
/** html_scroll() - open a box that scrolls sideways instead of the page. */
void html_scroll(struct rep_out *o, const char *label);
void html_scroll_end(struct rep_out *o);
/** html_verdict() - a badge. */
void html_verdict(struct rep_out *o, enum rep_verdict v);
/** html_num() - a right-aligned table cell, "–" when not measured. */
void html_num(struct rep_out *o, const char *text);
/** html_row_head() - the row's header cell: workload, fault, subject. */
void html_row_head(struct rep_out *o, const struct rep_cell *c,
		   bool with_subject);
/** html_group_row() - a row that only names the server of what follows. */
void html_group_row(struct rep_out *o, const char *text, int columns);
/** html_is_second() - drawn dashed and hollow. */
bool html_is_second(const char *subject);
/** html_mark_class() - "a" or "b" or "c": which of the colours. */
const char *html_class(const char *subject);

/* "12.3 ms"; NAN: "–". Each fills buf (HTML_FIELD bytes). */
#define HTML_FIELD 32
const char *html_ns(char *buf, double v);
const char *html_bytes(char *buf, double v);
const char *html_fixed(char *buf, double v, int decimals);
const char *html_count(char *buf, double v);

/* Ticks of a linear axis from 0: a step of 1, 2 or 5 times a power of ten. */
struct html_axis {
	double max;  /* end of the axis, at or above what was asked for */
	double step; /* between ticks */
};
/** html_axis() - at most @ticks steps. */
struct html_axis html_axis(double max, int ticks);

/* ---- report_series.c ---- */

#define REP_SERIES_MAX 64 /* bins that a figure has room for */
#define REP_MARKS_MAX  200

struct rep_mark {
	double t_ns;
	char kind; /* f fault, d connection down, u up, s fsync, e its error,
		    * x server down, y server up, h heal, ? another */
	const char *rule; /* of a fault; may be NULL */
};

/* MiB/s over time of one run. */
struct rep_series {
	size_t nr;
	double bin_ns, span_ns;
	double rate[REP_SERIES_MAX];
	bool is_by_server;
	struct rep_mark mark[REP_MARKS_MAX];
	size_t nr_marks;
	bool has_more_marks;
};

/** rep_series_load() - @max: bins at most, 1..REP_SERIES_MAX; bins of the
 * record are joined until they fit. Return: whether @run has a series. */
bool rep_series_load(const struct rep_run *run, size_t max,
		     struct rep_series *ret);
/** rep_series_run() - the run that stands for @c: of those with the cell's
 * verdict and a series, the one nearest to the cell's throughput. Or NULL. */
const struct rep_run *rep_series_run(const struct rep_cell *c);

struct rep_bin {
	double low_ns, count;
};
/* All calls of a cell, by time. */
struct rep_lat {
	struct rep_bin *bin;
	size_t nr;
	double n;
};
/** rep_lat_load() - @key: "write_lat", "fsync_lat". Merges the runs of the
 * level that the cell's figures are of. Return: 0, -ENOMEM; nothing recorded
 * gives nr = 0. */
int rep_lat_load(const struct rep_cell *c, const char *key,
		 struct rep_lat *ret) nwb_must_check;
void rep_lat_fini(struct rep_lat *l);

/* What one rule did in the runs of a cell; NAN: not measured. */
struct rep_fault {
	double hits_lo, hits_hi;
	double retries, bytes_again; /* medians over runs */
	double recovery_ns;	     /* median of each run's longest */
	double recovered;	     /* of all hits of all runs, 0..1 */
};
void rep_fault_load(const struct rep_cell *c, const char *rule,
		    struct rep_fault *ret);
/** rep_fault_rules() - names of all rules that any run of @c counts; as
 * rep_keys(). The names live as long as *@ret_owner. */
const char **rep_fault_rules(const struct rep_cell *c, json_t **ret_owner);

/* ---- sections ---- */

/* Cells that differ in the subject alone. */
struct html_group {
	const struct rep_cell *cell;
	size_t nr;
};
/** html_group_at() - the group that begins at cell @i. */
struct html_group html_group_at(const struct rep_model *m, size_t i);

void html_table_cells(struct rep_out *o, const struct rep_model *m,
		      const struct rep_rows *rows);
void html_table_why(struct rep_out *o, const struct rep_model *m);
void html_table_faults(struct rep_out *o, const struct rep_model *m);
/** html_forest() - one table of all cells of subject @pair[i][0] that have one
 * of @pair[i][1] beside them; grouped by server, or by pair when @nr > 1. */
void html_forest(struct rep_out *o, const struct rep_model *m,
		 const char *const pair[][2], size_t nr);
void html_spark(struct rep_out *o, const struct rep_cell *c);
void html_series(struct rep_out *o, const struct rep_model *m);
void html_latency(struct rep_out *o, const struct rep_model *m);
void html_findings(struct rep_out *o, const struct rep_model *m);
void html_environment(struct rep_out *o, const struct rep_model *m);
void html_reproduce(struct rep_out *o, const struct rep_model *m,
		    const struct rep_rows *rows);
void html_raw(struct rep_out *o, const struct rep_model *m, const char *sha256);

extern const char html_css[];

#endif
