/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What happened when: a run's ledger as a time line for people to look at.
 *
 *	  first write                                  last fsync
 *	  |<------------------ span ------------------>|
 *	  | bin | bin | bin | ...                      |
 *	    written, acked, durable bytes of each bin
 *	       ^ marks: faults, connections, servers, fsyncs
 *
 * It is made after the measured window from records that are written anyway,
 * so looking at a run costs the run nothing. Nothing here judges: that is
 * lib/oracle.
 *
 * What a fault did. "Sent again" are bytes that the client sends, as a retry of
 * its own or after a connection was lost, although it has sent them before and
 * nobody has written to their page in between; they count for the fault that
 * hit last before. Two writes to different bytes of one page hide what of it
 * was sent again: the figure is exact for workloads that write whole pages and
 * a lower bound for others. "Recovery" is the time from a hit
 * to the first ack of bytes that were sent after the hit: an ack that was on
 * its way already proves no recovery.
 *
 * "Drain" is the time from the heal (all faults off; the last one, if there are
 * several) until what was written before it is durable or reported: until the
 * first return of an fsync, ok or not, that began after each write that was over
 * at the heal had ended. 0 when that fsync had returned before the heal: nothing
 * was dirty any more.
 *
 * Pure but for memory; any thread.
 */
#ifndef NWB_TIMELINE_H
#define NWB_TIMELINE_H

#include "nwb/ledger.h"
#include "nwb/util.h"

#define NWB_TL_BINS  200u /* at most */
#define NWB_TL_MARKS 160u /* at most; the rest is counted */
#define NWB_TL_RULES 32u  /* as many as a plan has */
#define NWB_TL_NONE  UINT64_MAX

enum nwb_tl_kind {
	NWB_TL_FAULT,	  /* rule */
	NWB_TL_CONN_DOWN, /* a connection ended */
	NWB_TL_CONN_UP,	  /* the client came back */
	NWB_TL_SERVER_DOWN,
	NWB_TL_SERVER_UP,
	NWB_TL_HEAL,
	NWB_TL_FSYNC,	    /* returned 0 */
	NWB_TL_FSYNC_ERROR, /* returned an error */
	NWB_TL_KINDS
};

struct nwb_tl_mark {
	uint64_t t_ns; /* since the first write began */
	enum nwb_tl_kind kind;
	unsigned int rule;
};

/* NWB_TL_NONE: not measured. */
struct nwb_tl_rule {
	uint64_t hits;
	uint64_t first_ns;    /* first hit since the first write began */
	uint64_t recovered;   /* hits that an ack of later bytes followed */
	uint64_t recovery_ns; /* longest of them */
	uint64_t retries;     /* requests that sent bytes again */
	uint64_t bytes_again;
};

struct nwb_timeline {
	uint64_t span_ns;
	uint64_t drain_ns; /* NWB_TL_NONE: no heal, or never drained */
	uint64_t bin_ns; /* 1, 2 or 5 times a power of ten */
	unsigned int nr_bins;
	bool has_acks;	   /* else acked[] is empty */
	bool is_by_server; /* acked[] is what the server has applied: the
			    * client keeps no record of its acks */
	uint64_t written[NWB_TL_BINS]; /* bytes that write() returned */
	uint64_t acked[NWB_TL_BINS];
	uint64_t durable[NWB_TL_BINS]; /* at the return of an ok fsync */
	struct nwb_tl_mark mark[NWB_TL_MARKS]; /* by time */
	unsigned int nr_marks;
	uint64_t marks_left_out; /* there was no room for them */
	struct nwb_tl_rule rule[NWB_TL_RULES];
	unsigned int nr_rules;
};

/**
 * nwb_timeline_make() - read it from a ledger that nobody writes any more.
 * @rec: records, as they lie in the ledger
 * @nr: how many
 * @nr_rules: of the plan, 0..NWB_TL_RULES; faults of others are ignored
 * @span_ns: length of the window, from the begin of the first write; 0: it
 *	never ended (the client stands still), take all records
 * @ret: filled on success; nr_bins is 0 when there was no write at all
 *
 * Return: 0; -ENOMEM.
 */
int nwb_timeline_make(const struct nwb_lrec *rec, uint64_t nr,
		      unsigned int nr_rules, uint64_t span_ns,
		      struct nwb_timeline *ret) nwb_must_check;

/** nwb_tl_kind_name() - "fault", "conn-down", ... as in results files. */
const char *nwb_tl_kind_name(enum nwb_tl_kind kind);

#endif
