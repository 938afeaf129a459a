/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the two halves of the time line. */
#ifndef NWB_TIMELINE_I_H
#define NWB_TIMELINE_I_H

#include "nwb/timeline.h"

/** nwb_tl_is_there() - the record is published and was not cut off. */
static inline bool nwb_tl_is_there(const struct nwb_lrec *r)
{
	return atomic_load_explicit(&r->state, memory_order_acquire) ==
	       NWB_LS_ENDED;
}

/** nwb_tl_faults() - fill tl->rule[], of which hits and first_ns are there. */
int nwb_tl_faults(const struct nwb_lrec *rec, uint64_t nr,
		  struct nwb_timeline *tl) nwb_must_check;

#endif
