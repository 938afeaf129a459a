/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What becomes of results after they were measured: sealed, verified, merged,
 * indexed, followed over time. Writing and reading them is nwb/report.h.
 *
 *	run.jsonl ──end──> SHA256SUMS		 (store_seal.c)
 *	run.jsonl of each shard ──merge──> run.jsonl	(store_merge.c)
 *	results/ * /run.jsonl ──> results/index.sqlite	(store_index.c)
 *					└──> history of a case	 (history.c)
 *
 * A directory is sealed when its session has ended: SHA256SUMS has the digest
 * of run.jsonl and of each other file that was measured (ledgers, captures,
 * fio's JSON, what is kept of a guest in directories below), in the format of sha256sum(1), so that anybody can check it
 * without netwb. One digest a file, and not a chain through the records: a
 * chain could not show that the end was cut off either, would make equal
 * records unequal bytes, and would have to be made again for every merge.
 * A session that was killed has no end and no seal, and verifying says so.
 * Reports are made again at any time and are not sealed.
 *
 * No function here keeps state; any thread. All allocate and do blocking I/O.
 */
#ifndef NWB_STORE_H
#define NWB_STORE_H

#include "nwb/err.h"
#include "nwb/report.h"

#define NWB_STORE_SUMS "SHA256SUMS"
/* A cell and the client behind it, with its 0. */
#define NWB_SERIES_NAME_MAX 256

/* --- seal ----------------------------------------------------------------- */

/**
 * nwb_store_seal() - write SHA256SUMS.
 * @store: open, with its end record in it
 * @err: text of the failure, or NULL
 *
 * nwb_store_close() does it by itself; only who ends the process without
 * closing calls this.
 *
 * Return: 0; -EINVAL: no end record yet; negative errno.
 */
int nwb_store_seal(struct nwb_store *store, struct nwb_err *err) nwb_must_check;

struct nwb_store_check {
	bool is_sealed;
	bool has_end;
	unsigned int files; /* that SHA256SUMS names */
	size_t records;
	char extra[256]; /* files that it does not name; may be cut, or "" */
};

/**
 * nwb_store_verify() - is a session what it was when it ended?
 * @dir: directory of the session
 * @ret: filled as far as it could be looked at, also on failure
 * @err: what is wrong, naming the file
 *
 * Return: 0; -ENODATA: never sealed; -EBADMSG: a digest differs, a file is
 * missing, or SHA256SUMS itself is malformed; -EINVAL: run.jsonl is against the
 * schema; another negative errno.
 */
int nwb_store_verify(const char *dir, struct nwb_store_check *ret,
		     struct nwb_err *err) nwb_must_check;

/* --- merge ---------------------------------------------------------------- */

/**
 * nwb_store_merge() - one session from the shards of a campaign.
 * @out: directory to make; it appears whole or not at all
 * @in: directories of the shards (`--shard k/n`)
 * @nr: how many
 * @is_forced: merge also what does not fit together or is not all there; the
 *	merge record says what
 * @ret_code: exit code of the whole: 1, 2, 77, 0, as if it had run in one
 * @err: text of the failure, or NULL
 *
 * Fit together means: the same n, the same set of cases, the same seed, and the
 * same netwb, build, kernel, processor, isolation and servers. Each shard must
 * be sealed. The merged session has the records of all of them, in the order of
 * the shards, their ledgers and other files, and a merge record that names each
 * with its digest; a file name that two of them use gets "shardK-" before it.
 * Its duration is that of the longest.
 *
 * Return: 0; -EEXIST: @out is there, or a shard is given twice (also when
 * forced: its runs would count double); -EINVAL: what does not fit together;
 * another negative errno.
 */
int nwb_store_merge(const char *out, const char *const *in, unsigned int nr,
		    bool is_forced, int *ret_code,
		    struct nwb_err *err) nwb_must_check;

/* --- index ---------------------------------------------------------------- */

#define NWB_INDEX_NAME "index.sqlite"

struct nwb_index;

/**
 * nwb_index_open() - the index of a directory of sessions, brought up to date.
 * @base: the directory, for example "results"; its sessions are the directories
 *	in it that have a run.jsonl
 * @is_fresh: make it again from the files, whatever is there
 * @ret_index: to be closed by nwb_index_close()
 * @err: text of the failure, or NULL
 *
 * @base/index.sqlite is made from the files and never the truth: sessions that
 * are new, have changed or are gone are read, read again or forgotten; an index
 * that is missing, damaged or of another version is made again; where it cannot
 * be written it lives in memory for this call. nwb_index_note() says which.
 * A session that cannot be read has a row with the reason and no values.
 *
 * Return: 0; -ENOENT: no directory @base; another negative errno.
 */
int nwb_index_open(const char *base, bool is_fresh,
		   struct nwb_index **ret_index,
		   struct nwb_err *err) nwb_must_check;
/** nwb_index_close() - and forget one that was in memory only. NULL is fine. */
void nwb_index_close(struct nwb_index *index);

/** nwb_index_note() - what a person should be told, or "". */
const char *nwb_index_note(const struct nwb_index *index);

struct nwb_index_stats {
	unsigned int sessions, unreadable, read_now;
	unsigned int cases;
	unsigned long long values;
};
/** nwb_index_stats() - how much it knows. @ret->read_now: sessions that this
 * nwb_index_open() had to read. Return: 0, or negative errno: the database. */
int nwb_index_stats(struct nwb_index *index, struct nwb_index_stats *ret,
		    struct nwb_err *err) nwb_must_check;

/**
 * nwb_index_estimates() - what earlier sessions said about a case: ln(cost B /
 * cost A) of their decisions, oldest first.
 * @role: "measure", "control" or "confirm"
 * @ret: room for @max; the newest when there are more
 * @ret_nr: how many
 */
int nwb_index_estimates(struct nwb_index *index, const char *case_name,
			const char *metric, const char *role, double *ret,
			size_t max, size_t *ret_nr,
			struct nwb_err *err) nwb_must_check;

/**
 * nwb_index_suspects() - on which days was a case WORSE?
 * @ret_days: days since 1970-01-01 (UTC) of the sessions, oldest first, as
 *	nwb_gate_is_recurring() takes them
 */
int nwb_index_suspects(struct nwb_index *index, const char *case_name,
		       const char *metric, int64_t *ret_days, size_t max,
		       size_t *ret_nr, struct nwb_err *err) nwb_must_check;

/* --- history -------------------------------------------------------------- */

struct nwb_history_point {
	char session[64];
	char date[32]; /* ISO 8601, UTC */
	char build[64];
	char verdict[20]; /* worst of its runs, or the decision's; "": none */
	char other[64]; /* what of the machine differs from the point before */
	unsigned int n; /* runs or pairs */
	double est;
	double lo, hi;	/* 95 % interval; NAN: too few for one */
	bool is_change; /* a new level begins here */
	double step;	/* after / before of it */
};

struct nwb_history {
	char case_name[NWB_SERIES_NAME_MAX];
	char metric[64];
	char others[256];		 /* further metrics of the case */
	struct nwb_history_point *point; /* oldest first */
	size_t nr;
	size_t nr_changes;
};

/**
 * nwb_history_load() - a case over sessions.
 * @metric: NULL: throughput, or what comes next to it
 * @last: at most so many, the newest; 0: NWB_SERIES_MAX
 * @ret: to be released by nwb_history_fini()
 *
 * One point a session: of runs the Hodges-Lehmann location of the logarithms
 * over the runs of level "bench" that count, of a decision ("ratio.METRIC") the
 * cost ratio B / A. Change points are those of nwb_change_points().
 *
 * Return: 0; -ENOENT: no such case or metric, and @err has the nearest names;
 * another negative errno.
 */
int nwb_history_load(struct nwb_index *index, const char *case_name,
		     const char *metric, size_t last, struct nwb_history *ret,
		     struct nwb_err *err) nwb_must_check;
/** nwb_history_fini() - free its points; @h is empty then. */
void nwb_history_fini(struct nwb_history *h);

/**
 * nwb_series_name() - which series of the index a run belongs to: its cell, and
 * behind an @ what its client did otherwise than the reference does by default:
 * "smbd.in-place.seq1m.none@linux-7.2,h3,-h17,combine".
 * @run: a record of type "run"; without a cell: ""
 * @size: of @buf; NWB_SERIES_NAME_MAX holds any
 */
void nwb_series_name(const json_t *run, char *buf, size_t size);

/** nwb_history_text() - sparkline and table, ASCII, at most 80 columns. */
int nwb_history_text(const struct nwb_history *h, FILE *out);

/** nwb_history_words() - @words, separated by blanks or commas, in lines of at
 * most 80 columns that begin with @indent. */
void nwb_history_words(FILE *out, const char *indent, const char *words);

/** nwb_index_cases() - call @fn for each case, by name. */
int nwb_index_cases(struct nwb_index *index,
		    void (*fn)(void *arg, const char *case_name,
			       const char *metrics, unsigned int sessions),
		    void *arg, struct nwb_err *err) nwb_must_check;

#endif
