/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The credit ledger of one channel, without locks or waits: who holds which
 * credit now. Its owner's lock protects it. Modelled on fs/smb/client/smb2ops.c
 * (smb2_wait_mtu_credits, smb2_adjust_credits, smb2_add_credits).
 *
 *	         reserve,                  first answer
 *	         take_one                  (interim or final)
 *	credits ──────────► outstanding ────────────────────► the server
 *	   ▲  put, adjust        │                                │
 *	   ├─────────────────────┘                                │
 *	   └───────────────────── grant ◄─────────────────────────┘
 *
 * credits + outstanding is what the client could spend when all had been
 * answered. A request answered by an interim response has given its charge
 * back already, so more requests can be in flight than credits exist.
 *
 * Linux also makes a request of one credit wait while more than 20 are in
 * flight and 10 credits or fewer are left, to save those for compounds
 * (wait_for_free_credits); nothing is compounded here.
 */
#ifndef NWB_SMB2_CREDITS_H
#define NWB_SMB2_CREDITS_H

#include "nwb/smb2.h"

/* Linux leaves that many for a reopen (smb2_wait_mtu_credits). */
#define CREDITS_FOR_REOPEN 8
/* Linux' cap of the pool (smb2_add_credits). */
#define CREDITS_CAP	 65000
#define BYTES_PER_CREDIT 65536u

/**
 * struct credit_pool - see above.
 * @credits: may be spent
 * @outstanding: reserved, or spent by requests that nothing was heard of
 * @in_flight: requests reserved for or sent and not completed
 * @min_seen: lowest @credits of this instance
 * @instance: of the channel; 0 = none, nothing can be had
 * @chan: index of the channel, noted in all that is taken
 * @max: most to ask for
 * @is_loose: a mutant's books, which need not balance
 */
struct credit_pool {
	int32_t credits;
	int32_t outstanding;
	int32_t in_flight;
	int32_t min_seen;
	uint32_t instance;
	uint32_t chan;
	uint32_t max;
	bool is_loose;
};

/** nwb_credits_reset() - a new connection holds @credits; nothing of the old
 * one counts (set_credits() in Linux). @instance 0: the connection is lost. */
void nwb_credits_reset(struct credit_pool *p, uint32_t instance,
		       int32_t credits);

/**
 * nwb_credits_reserve() - set credits aside for a write of up to @size bytes.
 * @ret_size: 1..@size; 64 KiB at most while 8 credits or fewer are there, and
 *	then nothing is reserved
 * Return: 0, or -EAGAIN: wait for an answer.
 */
int nwb_credits_reserve(struct credit_pool *p, size_t size, size_t *ret_size,
			struct nwb_smb2_credits *ret_cr);

/** nwb_credits_take_one() - one credit for a request of charge 1. A write
 * leaves the last one of three or more alone, so that FLUSH, CLOSE and ECHO can
 * pass. Return: 0 or -EAGAIN. */
int nwb_credits_take_one(struct credit_pool *p, bool is_write,
			 struct nwb_smb2_credits *ret_cr);

/**
 * nwb_credits_adjust() - the size is known now: keep @need, put the rest back.
 * Return: 0; -EAGAIN: reserved on another connection, forgotten;
 * -EOPNOTSUPP: fewer were reserved than are needed.
 */
int nwb_credits_adjust(struct credit_pool *p, struct nwb_smb2_credits *cr,
		       uint32_t need);

/** nwb_credits_put() - what was reserved was not sent; clears @cr. */
void nwb_credits_put(struct credit_pool *p, struct nwb_smb2_credits *cr);

/** nwb_credits_grant() - a response: @charge of the request if this is the
 * first one of it, else 0; @granted: its CreditResponse; @is_final: not
 * interim. */
void nwb_credits_grant(struct credit_pool *p, uint32_t instance,
		       uint32_t charge, uint32_t granted, bool is_final);

/** nwb_credits_ask() - CreditRequest of a request whose @charge is already
 * taken: min(max - credits, charge + 8), 0 at the maximum (smb2_async_writev).
 */
uint16_t nwb_credits_ask(const struct credit_pool *p, uint32_t charge);

#endif
