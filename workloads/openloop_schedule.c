/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When each operation is due. All of it is computed before the window: no
 * arithmetic of the window can make the schedule slip.
 */
#include "openloop_i.h"

#include "nwb/mem.h"
#include <math.h>

/* i / rate s, split so that nothing overflows and no error adds up. */
uint64_t nwb_openloop_due(uint64_t i, uint64_t rate)
{
	nwb_assert(rate && rate <= NWB_OPENLOOP_RATE_MAX);
	return i / rate * NWB_SEC + i % rate * NWB_SEC / rate;
}

/* The upper 53 bits: [0, 1) */
static double next_unit(uint64_t *state)
{
	return (double)(nwb_splitmix64(state) >> 11) * 0x1p-53;
}

void nwb_openloop_schedule(struct nwb_openloop *ol)
{
	const struct nwb_openloop_opts *o = &ol->o;
	uint64_t rnd = o->seed;
	double at = 0;

	for (uint64_t i = 0; i < ol->w->nr_ops; i++) {
		if (!o->rate) {
			ol->due[i] = 0;
		} else if (!o->is_poisson) {
			ol->due[i] = nwb_openloop_due(i, o->rate);
		} else {
			ol->due[i] = (uint64_t)at;
			/* the inverse of 1 - exp(-rate * t); never log(0) */
			at -= log(1.0 - next_unit(&rnd)) * (double)NWB_SEC /
			      (double)o->rate;
		}
	}
}

static int check(const struct nwb_openloop_opts *o, struct nwb_err *err)
{
	if (o->rate > NWB_OPENLOOP_RATE_MAX)
		return nwb_err_set(err, -EINVAL,
				   "a rate of %llu operations a second is over "
				   "the limit of %u",
				   (unsigned long long)o->rate,
				   NWB_OPENLOOP_RATE_MAX);
	if (o->outstanding > NWB_OPENLOOP_OUT_MAX)
		return nwb_err_set(err, -EINVAL,
				   "%u operations at a time are over the limit "
				   "of %u",
				   o->outstanding, NWB_OPENLOOP_OUT_MAX);
	return 0;
}

int nwb_openloop_new(struct nwb_exec *ex, struct nwb_workload *w,
		     const struct nwb_openloop_opts *opts,
		     struct nwb_openloop **ret_ol, struct nwb_err *err)
{
	struct nwb_openloop *ol;
	int rc = check(opts, err);

	if (rc)
		return rc;
	ol = nwb_zalloc(sizeof(*ol));
	if (!ol)
		goto no_memory;
	ol->w = w;
	ol->o = *opts;
	if (!ol->o.outstanding)
		ol->o.outstanding = 32;
	if (!ol->o.drain_ns)
		ol->o.drain_ns = 10 * NWB_SEC;
	ol->due = nwb_alloc_pages(w->nr_ops * sizeof(*ol->due));
	ol->done = nwb_alloc_pages(w->nr_ops * sizeof(*ol->done));
	ol->worker = nwb_zalloc(ol->o.outstanding * sizeof(*ol->worker));
	if (!ol->due || !ol->done || !ol->worker)
		goto no_memory;
	nwb_mutex_init(&ol->lock, ex, "open loop");
	nwb_waitq_init(&ol->work_q, ex, "operations due");
	nwb_waitq_init(&ol->idle_q, ex, "operations done");
	nwb_openloop_schedule(ol);
	*ret_ol = ol;
	return 0;

no_memory:
	nwb_openloop_free(ol);
	return nwb_err_set(err, -ENOMEM, "no memory for the schedule");
}

void nwb_openloop_free(struct nwb_openloop *ol)
{
	if (!ol)
		return;
	nwb_free(ol->worker);
	nwb_free(ol->done);
	nwb_free(ol->due);
	nwb_free(ol);
}
