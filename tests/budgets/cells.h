/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Simulated cells: one seed, virtual time, in-process fake servers, so every
 * count is the same on every machine.
 */
#ifndef NWB_BUDGET_CELLS_H
#define NWB_BUDGET_CELLS_H

#include "nwb/fake.h"
#include "nwb/workload.h"

struct cell {
	const char *name; /* PROTOCOL.SUBJECT.WORKLOAD.FAULT */
	bool is_9p;
	enum nwb_subject_kind kind;
	const char *workload;
	uint64_t bytes;
	unsigned int fsyncs; /* 0 = 1 */
	struct nwb_fake_faults faults;
};

extern const struct cell cells[];
extern const unsigned int nr_cells;

/* A deliberate regression, to see the budgets go red. */
enum plant {
	PLANT_NONE,
	PLANT_RPC,   /* one WRITE is cut short, so one more is sent */
	PLANT_ALLOC, /* one allocation in the measured window */
};

enum {
	COUNT_RPCS,	     /* requests in the window */
	COUNT_WRITE_RPCS,    /* WRITEs or Twrites among them */
	COUNT_WIRE_BYTES,    /* frames with headers; connecting included */
	COUNT_PAYLOAD_BYTES, /* of all WRITEs */
	COUNT_DIRTIED_BYTES, /* by the application, page-wise */
	COUNT_RESENT_BYTES,  /* acked before the connection was lost */
	COUNT_RETRIES,
	COUNT_ALLOCS, /* nwb_alloc() in the window */
	NR_COUNTS,
};

extern const char *const count_names[NR_COUNTS];

/* Run @c, fill @ret[NR_COUNTS]. 0, or negative errno after a message. */
int count_cell(const struct cell *c, enum plant plant, uint64_t *ret);

#endif
