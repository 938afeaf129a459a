/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between schedule and window of the open loop. */
#ifndef NWB_OPENLOOP_I_H
#define NWB_OPENLOOP_I_H

#include "workloads_i.h"

#include "nwb/openloop.h"
#include "nwb/wait.h"

struct nwb_openloop {
	struct nwb_workload *w;
	struct nwb_openloop_opts o;
	uint64_t *due;	/* of each operation, ns after the first */
	uint64_t *done; /* intended starts (absolute) in the order in which the
			 * writes returned, for what an fsync covers */
	struct nwb_task **worker;
	unsigned int nr_workers; /* started */

	struct nwb_subject *s;
	struct nwb_openloop_result *res;
	struct nwb_workload_result *work;

	struct nwb_mutex lock; /* all below, and the results */
	struct nwb_waitq work_q;
	struct nwb_waitq idle_q;
	uint64_t start_ns;     /* when the first one is due */
	uint64_t released;     /* operations [0, released) are due */
	uint64_t taken;	       /* [0, taken) have begun */
	unsigned int running;  /* begun and not over */
	unsigned int nr_ready; /* workers that wait for the first one */
	bool is_over;	       /* nothing more will be released */
	uint64_t nr_written;   /* entries of done[] */
	uint64_t nr_durable;   /* of those, covered by an ok fsync */
};

/** nwb_openloop_schedule() - fill due[]. */
void nwb_openloop_schedule(struct nwb_openloop *ol);

#endif
