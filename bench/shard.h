/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A campaign on many machines: `--shard k/n` runs the k-th of n parts.
 *
 *	case ──> key ──FNV-1a──> fmix64 ──> mod n == k - 1 ? here : elsewhere
 *
 * A case belongs to a shard by the hash of its key alone: which other cases
 * there are, in what order, how often each runs and on which machine changes
 * nothing, so that a case keeps its shard when others are added. What is
 * compared with each other has one key: the key of a cell is
 * server.workload.fault, without the subject. Seeds and orders are drawn for
 * all cases before any is left out, so that a case runs in its shard with the
 * seed that it has in the whole.
 *
 * One thread.
 */
#ifndef NWB_BENCH_SHARD_H
#define NWB_BENCH_SHARD_H

#include "nwb/err.h"

#include <jansson.h>

#define BENCH_SHARDS_MAX 1000

/* All zero: the whole. */
struct bench_shard {
	unsigned int k, n;
	json_t *ran;	  /* keys of cases that are here, each once */
	json_t *left_out; /* and that are not */
};

/**
 * bench_shard_parse() - from "k/n", 1 <= k <= n <= BENCH_SHARDS_MAX.
 * Return: 0; -EINVAL.
 */
int bench_shard_parse(const char *text, struct bench_shard *ret) nwb_must_check;

/** bench_shard_of() - the shard, 1 to @n, that the case @key belongs to. */
unsigned int bench_shard_of(const char *key, unsigned int n);

/**
 * bench_shard_takes() - is the case @key to be run here? Remembers it for
 * bench_shard_record(). @s NULL or zero: yes.
 */
bool bench_shard_takes(struct bench_shard *s, const char *key);

/** bench_shard_record() - a "shard" record; NULL when @s is the whole. */
json_t *bench_shard_record(const struct bench_shard *s);

/** bench_shard_say() - to stderr: how much is here, and how much is not. */
void bench_shard_say(const struct bench_shard *s);

void bench_shard_fini(struct bench_shard *s);

#endif
