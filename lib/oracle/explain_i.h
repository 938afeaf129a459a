/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shared by explain.c (what concerns the byte) and explain_text.c (words). */
#ifndef NWB_EXPLAIN_I_H
#define NWB_EXPLAIN_I_H

#include "nwb/explain.h"

/* What the end of the story is made of. */
struct ex_sum {
	const struct nwb_lrec *written; /* newest write(2) of the byte */
	const struct nwb_lrec *applied; /* last effect that reached it */
	uint32_t applied_version;
	bool is_known;			/* applied_version is */
	const struct nwb_lrec *promise; /* newest ok fsync */
	uint32_t promised_version;	/* newest write before it, 0: none */
	unsigned int nr_sent, nr_acked, nr_gaveup, nr_faults;
	bool has_sent;
};

struct explain {
	const struct nwb_lrec *rec;
	uint64_t nr_rec;
	uint16_t file;
	uint64_t off;
	uint64_t t0;
	uint32_t covered; /* by the fsync that is told just now; 0: none */
	const struct nwb_lrec **req; /* all requests: by conn, mid, begin */
	uint64_t nr_req;
	const struct nwb_lrec **hit; /* what concerns the byte, by begin */
	uint64_t nr_hit;
	struct ex_sum sum;
	void (*put)(void *arg, const char *line);
	void *arg;
};

/** ex_is_there() - has the record been published? */
bool ex_is_there(const struct nwb_lrec *r);
bool ex_has_ended(const struct nwb_lrec *r);
/** ex_version() - the version that the effect @r put at the byte. False: the
 * ledger does not say (level bench, a lane that was cut). */
bool ex_version(const struct explain *x, const struct nwb_lrec *r,
		uint32_t *ret_version);

/** ex_line() - one record in words. */
void ex_line(struct explain *x, const struct nwb_lrec *r);
/** ex_summary() - the last line. */
void ex_summary(struct explain *x);

#endif
