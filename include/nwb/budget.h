/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A page budget: memory that page caches and somebody else share, as all do on
 * one machine or in one memcg. The somebody else of interest is the server that
 * a mount writes to, when it is a program on the same machine (FUSE).
 *
 *	charge ──there is some──► 0
 *	  └─► reclaim, mount by mount
 *	        meets a folio under writeback
 *	           for the first time, or AS_WRITEBACK_MAY_DEADLOCK_ON_RECLAIM,
 *	           or not legacy        marked, passed over
 *	           marked before        WAITS for its writeback to end
 *	        clean folios            dropped, oldest first
 *
 * (mm/vmscan.c, shrink_folio_list(): three cases of a folio under writeback;
 * only cgroup v1 without the flag waits.) If the one who waits is the server
 * without whom no writeback ends, nothing ever ends: the deadlock for which
 * FUSE copied every page for ten years. nwb_budget_stuck() tells it.
 *
 * Temp pages are not charged: a mount has them from its beginning.
 */
#ifndef NWB_BUDGET_H
#define NWB_BUDGET_H

#include "nwb/exec.h"

struct nwb_budget;

/**
 * nwb_budget_new() - @bytes of memory.
 * @is_legacy: reclaim waits for writeback as that of cgroup v1 does
 * Return: 0, -EINVAL, -ENOMEM.
 */
int nwb_budget_new(struct nwb_exec *ex, uint64_t bytes, bool is_legacy,
		   struct nwb_budget **ret_b) nwb_must_check;
/** nwb_budget_free() - all was given back and its mounts are gone. NULL is
 * fine. */
void nwb_budget_free(struct nwb_budget *b);
/**
 * nwb_budget_charge() - take @bytes, reclaiming if need be.
 * Return: 0, or -ENOMEM: nothing could be reclaimed any more.
 * Context: blocks as described; no lock held.
 */
int nwb_budget_charge(struct nwb_budget *b, uint64_t bytes) nwb_must_check;
/** nwb_budget_uncharge() - give @bytes back. Context: any but under netfs'
 * locks; does not block on I/O. */
void nwb_budget_uncharge(struct nwb_budget *b, uint64_t bytes);
/** nwb_budget_grow() - there is more memory now. Context: as uncharge. */
void nwb_budget_grow(struct nwb_budget *b, uint64_t bytes);
/** nwb_budget_used() - charged now. */
uint64_t nwb_budget_used(const struct nwb_budget *b);
/**
 * nwb_budget_stuck() - is somebody in nwb_budget_charge() waiting for writeback
 * for @ns or longer?
 * @buf: then a sentence on it
 */
bool nwb_budget_stuck(struct nwb_budget *b, uint64_t ns, char *buf,
		      size_t size);

#endif
