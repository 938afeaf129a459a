/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Merging shards: what store_merge.c has checked and merge_write.c writes. */
#ifndef NWB_REPORTS_MERGE_I_H
#define NWB_REPORTS_MERGE_I_H

#include "store_i.h"

#include <limits.h>

struct nwb_merge_in {
	const char *dir;
	json_t *recs;
	const json_t *session, *shard; /* of recs */
	const json_t *compare, *end;   /* NULL: none */
	json_int_t k, n;
	char hex[NWB_HEX_SIZE]; /* digest of its run.jsonl */
};

struct nwb_merge {
	const char *out;
	char tmp[PATH_MAX];	 /* what becomes @out; "": not made */
	struct nwb_merge_in *in; /* by k */
	unsigned int nr;
	bool is_forced;
	char forced[2048]; /* what would have been refused */
};

/** nwb_merge_write() - records and files of all into @m->tmp. */
int nwb_merge_write(struct nwb_merge *m, int *ret_code,
		    struct nwb_err *err) nwb_must_check;

/** nwb_merge_drop() - remove @m->tmp and what is in it. */
void nwb_merge_drop(struct nwb_merge *m);

#endif
