/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between opts.c, which has the table, and opts_set.c, which has the setters.
 */
#ifndef NWB_BENCH_OPTS_I_H
#define NWB_BENCH_OPTS_I_H

#include "bench_i.h"

enum {
	OPT_SERVER = 256,
	OPT_CLIENT,
	OPT_WORKLOAD,
	OPT_WRITE,
	OPT_FSYNCS,
	OPT_SEED,
	OPT_SIGN,
	OPT_DIALECT,
	OPT_ENCRYPT,
	OPT_SIGNING_COST,
	OPT_LEVEL,
	OPT_WSIZE,
	OPT_DEPTH,
	OPT_CACHE,
	OPT_DURABLE,
	OPT_HARD,
	OPT_SOFT,
	OPT_RETRANS,
	OPT_CHANNELS,
	OPT_NO_SHIM,
	OPT_PLAN,
	OPT_FAULT,
	OPT_OUT,
	OPT_PAIRS,
	OPT_FILTER,
	OPT_REPEAT,
	OPT_MUTANT,
	OPT_WITH_MUTANT,
	OPT_LEDGER,
	OPT_CAPTURE,
	OPT_TRACE,
	OPT_FSCACHE,
	OPT_CRYPTO,
	OPT_COMPOUND,
	OPT_BINARY,
	OPT_NO_LEDGER,
	OPT_FAULT_PAIRS,
	OPT_TIME,
	OPT_SHIM_COST,
	OPT_RETRY_COST,
	OPT_INVAL_COST,
	OPT_SPEED,
	OPT_NO_COPY,
	OPT_FLAVOUR,
	OPT_HAZARD,
	OPT_RETRY,
	OPT_PUBLISH,
	OPT_FOR,
	OPT_NAME,
	OPT_DIR,
	OPT_ISOLATION,
	OPT_MOUNT_CLIENT,
	OPT_MOUNT_DIR,
	OPT_KERNEL_CACHE,
	OPT_NO_SHADOW,
	OPT_ENGINE,
	OPT_PLANT,
	OPT_PIN,
	OPT_TURNS,
	OPT_SHARD,
	OPT_SECOND_USER,
	OPT_MIRROR,
	OPT_DIRTY,
	OPT_DIRTY_BG,
	OPT_STRICTLIMIT,
	OPT_FSCACHE_SHORT,
};

/**
 * bench_opt_set() - take one option, OPT_* or 'e', which is called @name.
 * Return: 0; -1: said what is wrong with @value.
 */
int bench_opt_set(struct bench_cli *c, int opt, const char *name,
		  const char *value);
/**
 * bench_outputs_check() - will each file that @c has us write be there in the
 * end? Nothing is opened or made.
 * Return: 0; -1: said which options are in whose way.
 */
int bench_outputs_check(const struct bench_cli *c);

#endif
