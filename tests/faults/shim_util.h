/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The shim's logic in a test: a page compiled from a plan, a ledger, a system
 * of make-believe with a clock that only the test moves.
 */
#ifndef NWB_TEST_SHIM_UTIL_H
#define NWB_TEST_SHIM_UTIL_H

#include "nwb_test.h"
#include "shim_i.h"

struct world {
	uint64_t now;
	unsigned int nr_rst, nr_fin, nr_die, nr_senders;
	int died_with; /* main process, too */
	uint64_t slept;
	/* what left, by the server or by the queue, one PDU a slot */
	unsigned int nr_out;
	uint8_t out[64][512];
	size_t out_len[64];
	size_t room;	   /* bytes that the socket takes now */
	uint8_t half[512]; /* a PDU that has left in part */
	size_t half_len, half_of;
	uint64_t file_size;
};

extern struct world world;

/** world_begin() - page from @text for @server, fresh ledger of @level. */
void world_begin(const char *server, const char *text, uint32_t level);
void world_end(void);
/** world_conn() - an attached connection with port 4711. */
struct sh_conn *world_conn(void);

/** smb_request(), smb_reply() - a frame in @buf; returns its length. */
size_t smb_request(uint8_t *buf, uint16_t cmd, uint64_t mid, uint16_t charge,
		   uint64_t off, uint32_t len);
size_t smb_reply(uint8_t *buf, uint16_t cmd, uint64_t mid, uint32_t status,
		 uint32_t flags, uint16_t credits);
size_t p9_twrite(uint8_t *buf, uint16_t tag, uint32_t fid, uint64_t off,
		 uint32_t count);
size_t p9_reply(uint8_t *buf, uint8_t type, uint16_t tag, uint32_t value);

ssize_t world_rx(struct sh_conn *c, uint8_t *frame, size_t len);
ssize_t world_tx(struct sh_conn *c, uint8_t *frame, size_t len);

/** count_records() - how many of @kind the ledger has. */
unsigned int count_records(unsigned int kind);
const struct nwb_lrec *find_record(unsigned int kind, unsigned int nth);
uint64_t hits(const char *rule);
uint64_t matches(const char *rule);

#endif
