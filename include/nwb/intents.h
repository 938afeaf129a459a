/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a guest's channel to the ledger: what its users did, as records that the
 * oracles read, and what ties its clock to the tickets (lib/oracle/order.c).
 *
 *	channel			ledger
 *	OP_BEGIN write #7	WRITE begun, aux = the guest's number of it
 *	OP_END   write #7	that record ended, len2 = the number
 *	FOUND			READ of one stretch of equal bytes
 *	BEAT			HEARTBEAT of the guest
 *	MARK, WAIT, DONE	JOIN, guest before host
 *	ECHO n sent		JOIN begun, NWB_LF_TO_GUEST
 *	any record, seen >= n	that JOIN ended, aux = the record's number
 *
 * Records are written down when the host has read them, each at once: whatever
 * dies afterwards, what the guest announced is in the ledger. An operation that
 * was announced and never came back stays begun: it may have happened. A guest
 * that is booted again in the same run numbers from 1 again; its numbers are
 * put behind the first one's, since the first one was dead by then.
 *
 * What the guest's own FUSE server does comes by the same channel:
 *
 *	EFFECT_BEGIN, FOUND..., EFFECT_END	EFFECT_WRITE with its EFFECT_RUNs,
 *						EFFECT_TRUNCATE, EFFECT_FSYNC
 *
 * Its tickets are those at which the host heard of it. All that the guest tells
 * is heard in the order in which it was told, so between its effects and its
 * operations nothing is lost by that; and nothing of the host's depends on them.
 *
 * sync and syncfs promise nothing that a file's oracle could hold them to (they
 * return no file's errors), mounts and memory pressure do nothing to a file:
 * they become JOINs. An msync promises its range. Bytes that a read saw and
 * that are no stamp at all (a lane that was cut) become no record.
 */
#ifndef NWB_INTENTS_H
#define NWB_INTENTS_H

#include "nwb/guest_chan.h"
#include "nwb/ledger.h"

#define NWB_INTENTS_OPS	    128u /* operations under way at once */
#define NWB_INTENTS_EFFECTS 128u /* the same of the FUSE server */
#define NWB_INTENTS_ECHOS   64u /* echos not yet seen; the oldest are forgotten */

struct nwb_intent {
	uint32_t id; /* of the operation, 0: free */
	uint16_t file;
	uint16_t fd;
	uint64_t number;       /* of its begin */
	struct nwb_lrec *rec;  /* NULL: it has none */
	struct nwb_lrec *also; /* OPEN with O_TRUNC: the truncate */
};

struct nwb_intent_effect {
	uint32_t id; /* 0: free */
	uint16_t file;
	struct nwb_lrec *rec; /* NULL: the ledger is full */
};

/**
 * struct nwb_intents - the state of one guest's channel; caller's memory.
 * @nr_ops: operations written down
 * @nr_open: of these begun and not ended
 * @nr_unpaired: ends without a begin, and begins for which there was no room
 * @nr_forgotten: echos for which there was no room
 * @nr_strange: bytes that reads saw and that are no whole stamp
 */
struct nwb_intents {
	struct nwb_ledger *ledger;
	uint64_t base;
	uint64_t last; /* number of the newest record, base and all */
	struct nwb_intent op[NWB_INTENTS_OPS];
	struct nwb_intent_effect effect[NWB_INTENTS_EFFECTS];
	struct {
		uint32_t nr; /* 0: free */
		struct nwb_lrec *rec;
	} echo[NWB_INTENTS_ECHOS];
	uint64_t nr_ops, nr_open, nr_unpaired, nr_forgotten, nr_strange;
};

/** nwb_intents_init() - for the run of @ledger, which outlives it. */
void nwb_intents_init(struct nwb_intents *it, struct nwb_ledger *ledger);

/**
 * nwb_intents_echo() - ECHO number @nr is about to be sent. Before it is:
 * the ticket that is drawn here is the tie.
 */
void nwb_intents_echo(struct nwb_intents *it, uint32_t nr);

/**
 * nwb_intents_record() - a record was read from the channel.
 *
 * Return: 0, also for types that say nothing of files; -EPROTO: its number is
 * not behind the one before, or its payload cannot be read; -ENOBUFS: too many
 * effects at once. The ledger is not to be trusted from here on.
 * Context: the thread that reads the channel, in the stream's order; does not
 * allocate.
 */
int nwb_intents_record(struct nwb_intents *it,
		       const struct nwb_chan_rec *rec) nwb_must_check;

#endif
