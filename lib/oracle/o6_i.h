/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shared by o6_errors.c and o6_wire.c: what each open was told, and when. */
#ifndef NWB_ORACLE_O6_I_H
#define NWB_ORACLE_O6_I_H

#include "judge_i.h"

/* The syncs of one open, in order of begin; errors and oks apart. */
struct teller {
	const struct jsync **error, **ok;
	uint64_t *error_end; /* by error: largest end so far */
	uint32_t nr_error, nr_ok;
};

struct errors {
	struct judge *J;
	struct jfile *f;
	struct teller *teller; /* by open */
	struct jspan *failure; /* given up or bad FLUSH, by end */
	bool *is_used;	       /* by failure: this fd knows it */
	uint32_t nr_failure;
	uint32_t nr_judged;
};

/** nwb_o6_tellers() - fill x->teller. 0 or -ENOMEM. */
int nwb_o6_tellers(struct errors *x);
/** nwb_o6_judge_told() - the failure @g (its slot's record has the range), and
 * the open @o: SWALLOWED? */
void nwb_o6_judge_told(struct errors *x, const struct jspan *g, uint32_t o);
/** nwb_o6_wire() - judge one file of somebody else's client: O6 and O15. */
int nwb_o6_wire(struct judge *J, struct jfile *f);

#endif
