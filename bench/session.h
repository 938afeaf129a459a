/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A session: a results directory, its store, progress, verdicts so far. */
#ifndef NWB_BENCH_SESSION_H
#define NWB_BENCH_SESSION_H

#include "bench_i.h"

struct bench_session {
	struct nwb_store *store;
	char dir[4096];
	struct bench_progress progress;
	enum nwb_verdict *verdict;
	unsigned int nr_verdicts;
	unsigned int room;
	unsigned int pair, order; /* of the run under way */
	uint64_t t_start;
	enum nwb_isolation step; /* of all its servers */
	char why[96];		 /* no higher one */
};

/** bench_session_begin() - directory, store, session record.
 * @want: isolation of every server of the session */
int bench_session_begin(struct bench_session *s, const char *out,
			enum nwb_isolation want, uint64_t seed,
			unsigned int total, int argc, char **argv,
			struct nwb_err *err) nwb_must_check;
/**
 * bench_session_run() - run, record, remember the verdict.
 * @ret: the result; may be NULL
 * Return: 0; a run that could not be made is recorded as INCONCLUSIVE; negative
 * errno only when the store cannot be written.
 */
int bench_session_run(struct bench_session *s, const struct bench_run_opts *o,
		      unsigned int pair, unsigned int order,
		      struct bench_run_result *ret,
		      struct nwb_err *err) nwb_must_check;
/** bench_session_shard() - record and say which part of the whole this session
 * is; nothing when it is the whole. */
int bench_session_shard(struct bench_session *s,
			const struct bench_shard *shard,
			struct nwb_err *err) nwb_must_check;
/** bench_session_note() - to stderr and into the store: what no number shows.
 */
int bench_session_note(struct bench_session *s, struct nwb_err *err,
		       const char *fmt, ...) nwb_printf(3, 4) nwb_must_check;
/** bench_session_add() - count a verdict that has no record of its own. */
void bench_session_add(struct bench_session *s, enum nwb_verdict v);
/** bench_session_elapsed_ns() - since its beginning. */
uint64_t bench_session_elapsed_ns(const struct bench_session *s);
/**
 * bench_session_end() - end record, reports, table and paths on the terminal.
 * @parts: of the text for the terminal, enum nwb_report_part; 0 = paths only
 * @err: what went wrong, which was said on the terminal already
 * Return: exit code.
 */
int bench_session_end(struct bench_session *s, unsigned int parts,
		      struct nwb_err *err);

#endif
