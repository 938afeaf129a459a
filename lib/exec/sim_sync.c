/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Mutex and wait queue of the simulated executor.
 *
 * Neither is fair on purpose: unlock frees the mutex and wakes one waiter of
 * the seed's choice, who must compete with everybody who comes by meanwhile; a
 * wake takes any waiter. That is at least as wild as futexes are.
 */
#include "sim_i.h"

static void acquire(struct sim_exec *se, struct nwb_mutex *m)
{
	const struct sim_wait wait = {.kind = "mutex", .mutex = m};

	while (m->owner)
		(void)nwb_sim_block(se, &wait, &m->waiters, NWB_NEVER);
	m->owner = &se->current->task;
}

static void release(struct sim_exec *se, struct nwb_mutex *m)
{
	int code = 0;

	nwb_assert(m->owner == &se->current->task);
	if (se->watch && se->current != &se->outside)
		code = se->watch(se->watch_arg, m);
	if (code)
		nwb_sim_stop(se, code);
	m->owner = NULL;
	nwb_sim_ready_one(se, &m->waiters);
}

void nwb_sim_mutex_lock(struct nwb_mutex *m)
{
	struct sim_exec *se = to_sim(m->ex);

	nwb_sim_point(se);
	acquire(se, m);
}

void nwb_sim_mutex_unlock(struct nwb_mutex *m)
{
	struct sim_exec *se = to_sim(m->ex);

	release(se, m);
	/* Whoever runs now may free m. */
	nwb_sim_point(se);
}

int nwb_sim_waitq_wait(struct nwb_waitq *q, struct nwb_mutex *m,
		       uint64_t deadline_ns)
{
	const struct sim_wait wait = {.kind = "waitq", .name = q->name};
	struct sim_exec *se = to_sim(q->ex);
	bool timed_out;

	release(se, m);
	timed_out = nwb_sim_block(se, &wait, &q->waiters, deadline_ns);
	acquire(se, m);
	return timed_out ? -ETIMEDOUT : 0;
}

void nwb_sim_waitq_wake(struct nwb_waitq *q, bool all)
{
	struct sim_exec *se = to_sim(q->ex);

	if (all)
		nwb_sim_ready_all(se, &q->waiters);
	else
		nwb_sim_ready_one(se, &q->waiters);
	nwb_sim_point(se);
}
