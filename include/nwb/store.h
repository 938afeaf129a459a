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
 * fio's JSON), in the format of sha256sum(1), so that anybody can check it
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

#endif
