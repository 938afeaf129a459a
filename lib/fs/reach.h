/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Patience: one loop, for both adapters, that tries to reach the server until
 * it answers or has been away for longer than the mount's patience.
 */
#ifndef NWB_FS_REACH_H
#define NWB_FS_REACH_H

#include "nwb/fs.h"
#include "nwb/netfs_fs.h"

/** nwb_fs_try_fn - one attempt; @ret_epoch is written on success only. */
typedef int (*nwb_fs_try_fn)(void *arg, uint32_t *ret_epoch,
			     struct nwb_err *err);

/**
 * nwb_fs_is_away() - does @rc (of an attempt to connect or reopen) mean that
 * the server cannot be reached now, rather than that it said no?
 */
bool nwb_fs_is_away(int rc);

/**
 * nwb_fs_reach() - call @fn until it succeeds, is refused, or patience ends.
 * @ctx: mount; all its tasks share one measure of how long the server is away
 * @ret_instance: epoch reached
 * @ret_away_ns: how long the server had been away at the end; may be NULL
 * @err: of the last attempt
 *
 * The wait between attempts is 10 ms, doubling to 500 ms.
 *
 * Return: 0; -EHOSTDOWN: away for longer than patience; else the error of @fn.
 * Context: blocks.
 */
int nwb_fs_reach(struct nwb_fs_ctx *ctx, nwb_fs_try_fn fn, void *arg,
		 uint32_t *ret_instance, uint64_t *ret_away_ns,
		 struct nwb_err *err) nwb_must_check;

/**
 * nwb_fs_reach_by() - nwb_fs_reach(), or with NWB_O_ONCE in @flags one attempt;
 * two, if only the connection that it had was gone by then.
 * Return: likewise; an error that nwb_fs_is_away() knows: away.
 */
int nwb_fs_reach_by(struct nwb_fs_ctx *ctx, unsigned int flags,
		    nwb_fs_try_fn fn, void *arg, uint32_t *ret_instance,
		    struct nwb_err *err) nwb_must_check;

/** nwb_fs_away_ns() - for how long the server has been away, as far as anybody
 * has looked; 0: it is not. */
uint64_t nwb_fs_away_ns(struct nwb_fs_ctx *ctx);

/** nwb_fs_names() - to be asked before a file is looked for by its name. */
static inline uint32_t nwb_fs_names(struct nwb_fs_ctx *ctx)
{
	return __atomic_load_n(&ctx->name_seq, __ATOMIC_SEQ_CST);
}
/** nwb_fs_names_changed() - it was not found: is one changing, or has one since
 * @names? Then it must be looked for again. */
static inline bool nwb_fs_names_changed(struct nwb_fs_ctx *ctx, uint32_t names)
{
	return __atomic_load_n(&ctx->nr_renaming, __ATOMIC_SEQ_CST) ||
	       nwb_fs_names(ctx) != names;
}

#endif
