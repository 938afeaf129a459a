/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report.html: shared by its files only.
 *
 *	report_html.c   the page: what stands where
 *	html_css.c      how it looks
 *	html_out.c      text that stays text, numbers, axes
 *	html_tables.c   tables of cells
 *	html_forest.c   two subjects against each other, row by row
 *	html_gate.c     two builds, modes or servers against each other
 *	html_fio.c      fio jobs by subject
 *	html_heat.c     grids of changes
 *	html_history.c  rows over sessions, with changes of level
 *	html_load.c     the open loop: latency against load, its percentiles
 *	html_curve.c    percentile curves, which both latencies share
 *	html_ratio.c    the picture of a ratio that both of them draw
 *	html_series.c   throughput over time, with what happened when
 *	html_latency.c  percentile curves
 *	html_detail.c   findings, environment, reproduce, raw rows
 *
 * The page is one file: no script, no request, no font of its own. Names come
 * from plans that anybody may have written, so nothing from a record reaches
 * the page but through html_text() (and a content security policy stands
 * behind it). Colour is never the only code: the first of two subjects is
 * solid and filled, the second dashed and hollow, verdicts are words.
 */
#ifndef NWB_REPORTS_HTML_I_H
#define NWB_REPORTS_HTML_I_H

#include "fio_i.h"
#include "gate_i.h"
#include "load_i.h"
#include "past_i.h"
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
/** html_verdict_counts() - a badge and a number for each verdict there is. */
void html_verdict_counts(struct rep_out *o, const size_t nr[REP_VERDICT_NR]);
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

/* ---- html_curve.c ---- */

#define HTML_FIG_W	340
#define HTML_FIG_PLOT_H 84
#define HTML_FIG_TOP	26 /* above a panel: its name */
#define HTML_FIG_LEFT	46
#define HTML_FIG_RIGHT	10
#define HTML_FIG_BOTTOM 24
#define HTML_FIG_PLOT_W (HTML_FIG_W - HTML_FIG_LEFT - HTML_FIG_RIGHT)

/* One panel of a figure of percentiles. */
struct html_frame {
	double top;    /* y of its upper end */
	double nines;  /* the x axis goes from 0 to so many nines */
	double lo, hi; /* log10 of ns: the y axis */
};
/** html_curve() - percentiles of @l; up to 64 calls are drawn as points. */
void html_curve(struct rep_out *o, const struct html_frame *f,
		const struct rep_lat *l, const char *class, bool is_second);
/** html_curve_axis() - the y axis of one panel. */
void html_curve_axis(struct rep_out *o, const struct html_frame *f);
/** html_curve_nines() - the x axis of all panels, down to @y0. */
void html_curve_nines(struct rep_out *o, const struct html_frame *f, double y0);

/* ---- html_ratio.c ---- */

/* Of a column of ratios: one for all rows of a table. */
struct html_scale {
	double lo, hi;	 /* natural logarithms of the ends */
	bool is_percent; /* marked with changes, not ratios */
};
/** html_ratio_reach() - take @ratio in; what is no positive number is not. */
void html_ratio_reach(struct html_scale *s, double ratio);
/** html_ratio_axis() - the numbers above a column. */
void html_ratio_axis(struct rep_out *o, const struct html_scale *s);
/** html_ratio_open() - begin a table cell with a picture: @delta wide band
 * (NAN: none), @title for those who can't see it. */
void html_ratio_open(struct rep_out *o, const struct html_scale *s,
		     double delta, const char *title);
/** html_ratio_dots() - a dot a pair. */
void html_ratio_dots(struct rep_out *o, const struct html_scale *s,
		     const double *ratio, size_t nr, const char *class);
/** html_ratio_crosses() - a cross a pair that does not count. */
void html_ratio_crosses(struct rep_out *o, const struct html_scale *s,
			const double *ratio, size_t nr);
/** html_ratio_close() - estimate (NAN: none) and interval (@lo NAN: none; 0
 * and INFINITY: unbounded), and the end of the table cell. */
void html_ratio_close(struct rep_out *o, const struct html_scale *s, double est,
		      double lo, double hi);

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

/** html_gate_verdict() - a badge. */
void html_gate_verdict(struct rep_out *o, enum rep_gate_verdict v);
/** html_gate_mood() - the top of the page of a comparison. */
void html_gate_mood(const struct rep_gate *g, const char **ret_class,
		    char *ret_sentence, size_t size);
/** html_gate_chips() - how many of each verdict. */
void html_gate_chips(struct rep_out *o, const struct rep_gate *g);
/** html_interval() - "[+17, +20]", with a sign for infinity; @buf:
 * HTML_INTERVAL bytes. */
#define HTML_INTERVAL (2 * REP_INTERVAL)
const char *html_interval(char *buf, const struct rep_gate_row *row);
/** html_load_mood() - the top of a page of open-loop latency. */
void html_load_mood(const struct rep_load *l, const char **ret_class,
		    char *ret_sentence, size_t size);
/** html_load_chips() - how many of each verdict. */
void html_load_chips(struct rep_out *o, const struct rep_load *l);
void html_load(struct rep_out *o, const struct rep_load *l);
/** html_fio_mood() - the top of a page of fio jobs. */
void html_fio_mood(const struct rep_fio *f, const char **ret_class,
		   char *ret_sentence, size_t size);
/** html_fio_chips() - how many of each verdict. */
void html_fio_chips(struct rep_out *o, const struct rep_fio *f);
void html_fio(struct rep_out *o, const struct rep_fio *f);
void html_heat(struct rep_out *o, const struct rep_gate *g,
	       const struct rep_fio *f);
/** html_gate() - @past: NULL: no history was asked for. */
void html_gate(struct rep_out *o, const struct rep_gate *g,
	       const struct rep_past *past);
/** html_history_spark() - a table cell; @h: NULL: there is none. */
void html_history_spark(struct rep_out *o, const struct nwb_history *h);
void html_history(struct rep_out *o, const struct rep_past *p);

extern const char html_css[];

#endif
