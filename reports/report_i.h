/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The report model: what all formats print.
 *
 *	records ──> runs ──sort──> cells (ranges of runs) ──> comparisons
 *
 * A number that was not measured is NAN everywhere in the model.
 */
#ifndef NWB_REPORTS_REPORT_I_H
#define NWB_REPORTS_REPORT_I_H

#include "nwb/err.h"
#include "nwb/report.h"
#include "nwb/stats.h"

/* Runs of one cell; more is an error and not a long wait. */
#define REP_RUNS_MAX 4096
/* Pairs below which the exact 95 % interval is infinite. */
#define REP_PAIRS_MIN 6

/* From bad to good; the order of rows. */
enum rep_verdict {
	REP_FAIL,
	REP_UNEXPECTED_PASS,
	REP_VACUOUS,
	REP_INCONCLUSIVE,
	REP_KNOWN,
	REP_PASS,
	REP_NOT_JUDGED, /* ran for its numbers alone: a limit */
	REP_SKIP,
	REP_VERDICT_NR,
};

/* Numbers derived from each run and shown as the median over a cell's runs;
 * those named _MAX as the maximum. */
enum rep_metric {
	REP_MIB_S,	/* application MiB per second to durable */
	REP_CPU_NS_MIB, /* client + server CPU ns per application MiB */
	REP_RPCS_MIB,	/* RPCs per application MiB */
	REP_WRITES_MIB, /* write RPCs per application MiB */
	REP_SENT_RATIO, /* bytes sent per byte dirtied */
	REP_TEMP_MAX,	/* temp-page bytes */
	REP_WRITE_P50,	/* ns */
	REP_WRITE_P99,
	REP_WRITE_MAX,
	REP_FSYNC_P50,
	REP_FSYNC_P99,
	REP_FSYNC_MAX,
	REP_RETRIES,
	REP_RECONNECTS,
	REP_ALLOCS,
	REP_WSIZE,
	REP_DEPTH,
	REP_DRAIN,	   /* ns from the heal until nothing is dirty */
	REP_CLIENT_NS_MIB, /* the two halves of REP_CPU_NS_MIB */
	REP_SERVER_NS_MIB,
	REP_METRIC_NR,
};

struct rep_run {
	const json_t *rec;
	size_t seq; /* place in the file */
	enum rep_verdict verdict;
	bool is_check;	 /* level "check": payload decoded */
	json_int_t pair; /* negative: belongs to no pair */
	double m[REP_METRIC_NR];
};

struct rep_cell {
	const char *name, *server, *subject, *workload, *fault;
	const struct rep_run *run; /* by level, pair, place in the file */
	size_t nr_runs;
	size_t nr_ran;	 /* runs that were not skipped */
	size_t nr_bench; /* runs of level "bench" among run[], first in it */
	enum rep_verdict verdict;
	bool is_check;		  /* m[] comes from level "check" */
	double m[REP_METRIC_NR];  /* NAN: not measured in any run */
	size_t nr[REP_METRIC_NR]; /* runs that m[] was made from */
};

struct rep_model {
	const json_t *recs;
	const json_t *session; /* NULL: none */
	const json_t *end;     /* NULL: interrupted */
	const json_t *truncated;
	bool is_interrupted;
	bool has_other; /* comparisons, latency steps, fio jobs */
	struct rep_run *run;
	size_t nr_runs;
	struct rep_cell *cell; /* in the order of rows, but not by verdict */
	size_t nr_cells;
	size_t cells_by_verdict[REP_VERDICT_NR];
};

/* One metric of two cells of the same server, workload and fault. */
struct rep_cmp {
	size_t pairs;  /* used */
	size_t unused; /* beyond what the statistic takes */
	double a, b;   /* medians over those pairs */
	double ratio;  /* Hodges-Lehmann of a/b; NAN without a pair */
	double lo, hi; /* 95 % interval; NAN below REP_PAIRS_MIN */
	double each[NWB_PAIRS_MAX]; /* a/b of each pair used */
};

/**
 * rep_model_init() - build the model; borrows @recs.
 * Return: 0, -ENOMEM, -E2BIG. rep_model_fini() is safe after failure.
 */
int rep_model_init(struct rep_model *m, const json_t *recs,
		   struct nwb_err *err) nwb_must_check;
void rep_model_fini(struct rep_model *m);

const char *rep_verdict_name(enum rep_verdict v);
/** rep_verdict_of() - of a run; what has none was not judged. */
enum rep_verdict rep_verdict_of(const json_t *rec);
/** rep_has_cells() - are cells what the report is about? So it is as well when
 * nothing at all was run. */
bool rep_has_cells(const struct rep_model *m);
/** rep_cell_find() - the cell of @subject beside @like, or NULL. */
const struct rep_cell *rep_cell_find(const struct rep_model *m,
				     const struct rep_cell *like,
				     const char *subject);
/**
 * rep_compare() - @a over @b from their interleaved pairs.
 *
 * Pairs are runs of the same level and pair index whose verdict says that the
 * run was what its cell says (PASS, KNOWN, UNEXPECTED-PASS, not judged), with
 * the metric measured and above zero in both. Of a repeated run the last
 * counts.
 */
void rep_compare(const struct rep_cell *a, const struct rep_cell *b,
		 enum rep_metric metric, struct rep_cmp *ret_cmp);

/** rep_str() - string field, or NULL when absent, null, empty, no string. */
const char *rep_str(const json_t *rec, const char *key);
/** rep_num() - number field, or NAN. */
double rep_num(const json_t *rec, const char *key);
/**
 * rep_keys() - names of the members of @obj in order, NULL at the end.
 * Return: array to be released by nwb_free(), strings borrowed from @obj; NULL
 * without memory. No object at all has no members.
 */
const char **rep_keys(json_t *obj);
/** rep_finding() - the finding that gave @run its verdict: the first of that
 * verdict, else the first, else NULL. */
const json_t *rep_finding(const struct rep_run *run);

/* ---- what all formats show, in their order (report_rows.c) ---- */

/* Cells from bad to good, each verdict in the model's order. */
struct rep_rows {
	const struct rep_cell **cell;
	size_t nr;
};
/** rep_rows_init() - Return: 0, -ENOMEM. Borrows from @m. */
int rep_rows_init(struct rep_rows *rows,
		  const struct rep_model *m) nwb_must_check;
void rep_rows_fini(struct rep_rows *rows);

#define REP_TALLY 256
/** rep_tally() - "FAIL 1, PASS 17", or "nothing was run". */
void rep_tally(const struct rep_model *m, char ret_text[REP_TALLY]);
/** rep_session_trouble() - why the session as such is in error, or NULL. */
const char *rep_session_trouble(const struct rep_model *m, char *buf,
				size_t size);
/** rep_worst_run() - the first run with the cell's verdict. */
const struct rep_run *rep_worst_run(const struct rep_cell *c);

/** rep_reason() - why @run has its verdict, or NULL: nothing was recorded, or
 * nothing that its findings do not say ("O1 LOST: ...", cut short). */
const char *rep_reason(const struct rep_run *run);

/* Runs that have something to say: @nr in a row that say the same. */
struct rep_news_item {
	const struct rep_cell *cell;
	const struct rep_run *run;
	size_t nr;
};
/* From bad to good. */
struct rep_news {
	struct rep_news_item *item;
	size_t nr;
	size_t nr_runs; /* in all items */
};
/** rep_news_init() - Return: 0, -ENOMEM. Borrows from @m. */
int rep_news_init(struct rep_news *news,
		  const struct rep_model *m) nwb_must_check;
void rep_news_fini(struct rep_news *news);

/* ---- time lines, histograms, faults (report_series.c) ---- */

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
	size_t nr; /* runs that counted hits */
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

/** rep_notes() - call @fn with each sentence that no number shows: what a
 * shard left to others, what was merged, what a person was told
 * (report_notes.c). Return: 0, -ENOMEM. */
int rep_notes(const json_t *recs, void (*fn)(void *arg, const char *text),
	      void *arg) nwb_must_check;

/* ---- text output (report_fmt.c) ---- */

/* A stream that remembers that something went wrong. */
struct rep_out {
	FILE *f;
	int err; /* 0 or -ENOMEM; stream errors are the stream's */
};

/**
 * rep_wrap() - print words, broken at NWB_REPORT_COLUMNS.
 * @indent: spaces before the first line
 * @hang: spaces before the others
 *
 * What is not printable ASCII becomes '?', white space a space; a word that
 * fits on no line is cut.
 */
void rep_wrap(struct rep_out *o, int indent, int hang, const char *fmt, ...)
	nwb_printf(4, 5);
/** rep_heading() - an empty line and an underlined heading. */
void rep_heading(struct rep_out *o, const char *text);
/** rep_command() - a shell command, broken so that pasting it still works. */
void rep_command(struct rep_out *o, const char *cmd);
/** rep_name() - a row's name, @width wide; a longer one takes its own line. */
void rep_name(struct rep_out *o, int width, const char *name);

#define REP_FIELD 16
#define REP_NM	  "n.m."

/* Each fills buf (REP_FIELD bytes) with at most 8 characters; NAN is REP_NM. */
const char *rep_fmt_num(char *buf, double v);	/* one decimal */
const char *rep_fmt_rate(char *buf, double v);	/* at most 6 characters */
const char *rep_fmt_count(char *buf, double v); /* none when whole */
const char *rep_fmt_ratio(char *buf, double v); /* at most 5 characters */
const char *rep_fmt_ns(char *buf, double v);
const char *rep_fmt_bytes(char *buf, double v);

/* ---- sections ---- */

void rep_section_modes(struct rep_out *o, const struct rep_model *m);
void rep_section_limit(struct rep_out *o, const struct rep_model *m);
void rep_section_findings(struct rep_out *o, const struct rep_model *m);
void rep_section_env(struct rep_out *o, const struct rep_model *m,
		     const char *sha256);

#endif
