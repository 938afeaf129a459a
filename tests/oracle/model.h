/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A small model of a correct client on a server that is cut and crashed, which
 * keeps a ledger as the real ones do. Whatever it does, the oracles must pass;
 * and where a defect is built in that did harm, they must not.
 *
 *	app --write--> cache (version of each byte, dirty)
 *	    --upload-> server (version of each byte)  --fsync--> durable
 *
 * Uploads may be out at the same time, on bytes of their own. The connection
 * may be cut before or after an effect; the server may die with or without its
 * unsynced bytes; what was acked and not flushed is dirty again then. Uploads
 * may fail for good, and each fd is told once.
 */
#ifndef NWB_TEST_MODEL_H
#define NWB_TEST_MODEL_H

#include "nwb/oracle.h"

#define MODEL_SIZE    2048u
#define MODEL_RECS    8192u
#define MODEL_OUT_MAX 3u
#define MODEL_FDS     2u

enum defect {
	NONE,
	DROPPED_UPLOAD,	 /* acked to itself, never sent */
	WRONG_OFFSET,	 /* a retry goes 16 bytes further on */
	STALE_RESEND,	 /* the first copy of a resent upload comes last */
	SWALLOWED_ERROR, /* fsync says ok after an upload failed */
	FORGOT_UNSTABLE, /* a crash, and nothing is sent again */
};

struct upload {
	uint32_t lo, hi;
	uint32_t version[MODEL_SIZE];
	struct nwb_lrec *effect; /* begun */
	bool is_done;
};

struct model {
	enum defect defect;
	bool is_harmed;
	uint64_t seed, ticket, nr;
	struct nwb_lrec *rec;
	uint32_t version; /* the last one given out */
	uint32_t cache[MODEL_SIZE], server[MODEL_SIZE], durable[MODEL_SIZE];
	bool dirty[MODEL_SIZE], busy[MODEL_SIZE], unstable[MODEL_SIZE];
	struct upload out[MODEL_OUT_MAX];
	unsigned int nr_out;
	bool untold[MODEL_FDS];
	uint32_t conn;
	struct nwb_stamp_key key;
	struct nwb_lrec *open_write; /* another thread's, not over yet */
};

/** model_run() - one run of @steps steps; @m->rec has room for MODEL_RECS. */
void model_run(struct model *m, uint64_t seed, enum defect defect,
	       unsigned int steps);
/** model_content() - what the server has in the end, MODEL_SIZE bytes. */
void model_content(const struct model *m, uint8_t *data);

#endif
