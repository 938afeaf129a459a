/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The part of the report model that shows fio jobs on several subjects.
 *
 *	fio records ──sort──> runs ──> rows (job, fault, server, subject)
 *	rows of one job and fault ──> a group, each row against its bases
 *
 * Rows are compared, by pairs alone, with posix, a directory without any of
 * us, and with in-place on the same server. INVALID runs have no numbers; they
 * are counted and listed.
 */
#ifndef NWB_REPORTS_FIO_I_H
#define NWB_REPORTS_FIO_I_H

#include "gate_i.h"

enum rep_fio_dir {
	REP_FIO_READ,
	REP_FIO_WRITE,
	REP_FIO_TRIM,
	REP_FIO_DIRS
};

enum rep_fio_metric {
	REP_FIO_MIB_S,
	REP_FIO_IOPS,
	REP_FIO_P50, /* of clat, ns */
	REP_FIO_P99,
	REP_FIO_CPU, /* ns per MiB of the whole run, client and server */
	REP_FIO_METRICS
};

struct rep_fio_run {
	const json_t *rec;
	json_int_t pair;
	const char *invalid; /* NULL: it has numbers */
	enum rep_verdict verdict;
	double v[REP_FIO_DIRS][REP_FIO_METRICS]; /* NAN: not measured */
	size_t seq;
};

/* One subject of one job. */
struct rep_fio_row {
	const char *job, *fault, *server, *subject;
	const struct rep_fio_run *run; /* by pair */
	size_t nr, nr_invalid;
	enum rep_verdict verdict;		 /* the worst of its runs */
	double v[REP_FIO_DIRS][REP_FIO_METRICS]; /* medians */
	size_t n[REP_FIO_DIRS][REP_FIO_METRICS]; /* runs behind them */
};

struct rep_fio {
	struct rep_fio_run *run;
	size_t nr_runs, nr_invalid;
	struct rep_fio_row *row; /* a job's rows stand together */
	size_t nr;
	size_t by_verdict[REP_VERDICT_NR]; /* of runs */
	const json_t *session, *end;	   /* NULL: none */
};

/** rep_fio_init() - Return: 0, -ENOMEM, -E2BIG: more than REP_RUNS_MAX runs
 * of a row. Borrows @recs; rep_fio_fini() is safe after failure. */
int rep_fio_init(struct rep_fio *f, const json_t *recs,
		 struct nwb_err *err) nwb_must_check;
void rep_fio_fini(struct rep_fio *f);

/** rep_fio_group() - how many rows from @i on are of the same job and fault. */
size_t rep_fio_group(const struct rep_fio *f, size_t i);
/** rep_fio_has() - was @dir measured in any of @nr rows? */
bool rep_fio_has(const struct rep_fio_row *row, size_t nr,
		 enum rep_fio_dir dir);
/** rep_fio_base() - what @row is compared with: "posix" of the same job, or
 * "in-place" of the same job, server and fault. NULL: there is none, or @row
 * is one itself. */
const struct rep_fio_row *rep_fio_base(const struct rep_fio *f,
				       const struct rep_fio_row *row,
				       const char *subject);
/** rep_fio_compare() - @row over @base from pairs; a row without a name. */
void rep_fio_compare(const struct rep_fio_row *base,
		     const struct rep_fio_row *row, enum rep_fio_dir dir,
		     enum rep_fio_metric metric, struct rep_gate_row *ret);
const char *rep_fio_dir_name(enum rep_fio_dir dir);
/** rep_fio_shape() - "randwrite, 4.0K, iodepth 1, 2 jobs"; @buf: REP_TALLY
 * bytes. */
const char *rep_fio_shape(char *buf, const struct rep_fio_row *row);
/** rep_fio_is_bad() - has @run something to say that is not a number? */
bool rep_fio_is_bad(const struct rep_fio_run *run);
/** rep_fio_is_news() - has no run before @run the warning @w? */
bool rep_fio_is_news(const struct rep_fio *f, size_t run, const char *w);
/** rep_fio_tally() - "12 runs: PASS 4, not judged 7, INVALID 1". */
void rep_fio_tally(const struct rep_fio *f, char ret_text[REP_TALLY]);

void rep_section_fio(struct rep_out *o, const struct rep_fio *f);

#endif
