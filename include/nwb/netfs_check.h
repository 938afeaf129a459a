/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What must hold inside lib/netfs at every moment: the invariants T1..T18 of
 * writeback (those of Linux fs/netfs that a model without its tracepoints can
 * be held to), and a few of our own tables.
 *
 * Meant for the simulated executor: nwb_exec_sim_watch() calls at the end of
 * each critical section, while its mutex is held, and only what that mutex
 * protects is looked at. Takes no lock, does not allocate after it was made.
 */
#ifndef NWB_NETFS_CHECK_H
#define NWB_NETFS_CHECK_H

#include "nwb/netfs.h"

enum nwb_netfs_rule {
	NWB_RULE_T1,  /* subrequests of a stream ascend, none overlaps */
	NWB_RULE_T2,  /* collected_to and issued_to never go back */
	NWB_RULE_T3,  /* a request is collected no further than its streams */
	NWB_RULE_T4,  /* claims end in order and not before collected_to */
	NWB_RULE_T5,  /* what is not done lies within claims that live */
	NWB_RULE_T6,  /* each issue ends once; nothing is left at rest */
	NWB_RULE_T7,  /* neighbours are cut only where a rule cuts */
	NWB_RULE_T8,  /* no retry while something is in flight */
	NWB_RULE_T9,  /* what was claimed and issued stays covered */
	NWB_RULE_T10, /* what has failed is not sent again */
	NWB_RULE_T11, /* one issuer an inode */
	NWB_RULE_T13, /* without memory writeback goes on */
	NWB_RULE_T14, /* done means all queued and nothing listed */
	NWB_RULE_T15, /* a pause has a reason */
	NWB_RULE_T16, /* the server's size covers what was acked */
	NWB_RULE_T17, /* temp pages are accounted for */
	NWB_RULE_T18, /* clean folios are clean, others are kept */
	NWB_RULE_D8,  /* no byte is in two claims */
	NWB_RULE_SUM, /* dirty and unstable bytes are what folios have */
	NWB_RULES
};

/* One broken rule. */
struct nwb_netfs_broken {
	enum nwb_netfs_rule rule;
	char text[160];
};

struct nwb_netfs_check;

/** nwb_netfs_check_new() - begin to look at @nf (borrowed). 0 or -ENOMEM. */
int nwb_netfs_check_new(struct nwb_netfs *nf,
			struct nwb_netfs_check **ret_c) nwb_must_check;
/** nwb_netfs_check_free() - NULL is fine; @nf may be gone. */
void nwb_netfs_check_free(struct nwb_netfs_check *c);
/**
 * nwb_netfs_check_section() - a critical section of @m ends.
 * Return: false when a rule is broken; *ret_b says which.
 */
bool nwb_netfs_check_section(struct nwb_netfs_check *c,
			     const struct nwb_mutex *m,
			     struct nwb_netfs_broken *ret_b);
/**
 * nwb_netfs_check_rest() - everything was written and waited for, nobody does
 * anything: nothing may be in flight, dirty or held (T6, T17).
 * Context: no lock held, any task. Return: as above.
 */
bool nwb_netfs_check_rest(struct nwb_netfs_check *c,
			  struct nwb_netfs_broken *ret_b);
/** nwb_netfs_rule_name() - "T1", ... */
const char *nwb_netfs_rule_name(enum nwb_netfs_rule rule);

#endif
