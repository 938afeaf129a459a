/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Works and timers of the simulated executor.
 *
 *	queue --> pending (FIFO) --> worker coroutine --> idle
 *	            ^                    |
 *	            '--- again ----------'
 *
 * Each queueing wakes an idle worker or makes one more, so an item never waits
 * because others block. As in the real executor, a worker does not look into
 * an item after its function was called unless it was queued again.
 */
#include "sim_i.h"

/* As many to begin with as the real executor has, so that a client whose
 * working set fits them makes the simulator allocate nothing. */
#define START_WORKERS 4
#define MAX_WORKERS   256

static struct sim_task *find_worker(struct sim_exec *se,
				    const struct nwb_work *w)
{
	struct sim_task *task;

	nwb_list_for_each_entry (task, &se->tasks, all)
		if (task->current == w)
			return task;
	return NULL;
}

static void run_one(struct sim_exec *se, struct sim_task *self)
{
	const char *own_name = self->task.name;
	struct nwb_work *w =
		nwb_list_first(&se->pending, struct nwb_work, link);

	nwb_list_del(&w->link);
	nwb_assert(w->state == NWB_WORK_PENDING);
	w->state = NWB_WORK_IDLE;
	self->current = w;
	self->task.name = w->name; /* static, outlives the item */

	w->fn(w);

	self->task.name = own_name;
	self->current = NULL;
	if (self->again) {
		self->again = false;
		nwb_list_add_tail(&se->pending, &w->link);
	}
	nwb_sim_ready_all(se, &se->cancellers);
	nwb_sim_point(se);
}

static void worker_main(void *arg)
{
	static const struct sim_wait idle = {.kind = "idle", .name = "work"};
	struct sim_exec *se = arg;
	struct sim_task *self = se->current;

	for (;;) {
		if (nwb_list_empty(&se->pending))
			(void)nwb_sim_block(se, &idle, &se->idle_workers,
					    NWB_NEVER);
		else
			run_one(se, self);
	}
}

static int add_worker(struct sim_exec *se)
{
	struct sim_task *task;
	int rc;

	if (se->nr_workers == MAX_WORKERS)
		return -EAGAIN;
	rc = nwb_sim_spawn(se, "worker", worker_main, se, &task);
	if (rc)
		return rc;
	task->is_worker = true;
	se->nr_workers++;
	return 0;
}

/* Without a scheduling point: timers call it from inside the scheduler. */
static bool queue(struct sim_exec *se, struct nwb_work *w)
{
	struct sim_task *worker;

	if (w->state == NWB_WORK_PENDING)
		return false;
	w->state = NWB_WORK_PENDING;
	worker = find_worker(se, w);
	if (worker) {
		worker->again = true;
		return true;
	}
	nwb_list_add_tail(&se->pending, &w->link);
	/* Without a new one the item waits for those that there are. */
	if (nwb_list_empty(&se->idle_workers))
		(void)add_worker(se);
	else
		nwb_sim_ready_one(se, &se->idle_workers);
	return true;
}

int nwb_sim_work_start(struct sim_exec *se)
{
	int rc = 0;

	for (int i = 0; i < START_WORKERS && !rc; i++)
		rc = add_worker(se);
	return rc;
}

bool nwb_sim_work_queue(struct nwb_work *w)
{
	struct sim_exec *se = to_sim(w->ex);
	bool queued = queue(se, w);

	nwb_sim_point(se);
	return queued;
}

void nwb_sim_work_cancel_sync(struct nwb_work *w)
{
	struct sim_exec *se = to_sim(w->ex);
	struct sim_wait wait = {.kind = "work", .name = w->name};

	nwb_sim_point(se);
	/* The run under way may queue the item again: until neither is true. */
	for (;;) {
		struct sim_task *worker = find_worker(se, w);

		nwb_assert(worker != se->current);
		if (w->state == NWB_WORK_PENDING) {
			w->state = NWB_WORK_IDLE;
			nwb_list_del(&w->link);
			if (worker)
				worker->again = false;
		}
		if (!worker)
			return;
		wait.owner = &worker->task;
		(void)nwb_sim_block(se, &wait, &se->cancellers, NWB_NEVER);
	}
}

static void disarm(struct nwb_timer *t)
{
	if (!t->is_armed)
		return;
	nwb_list_del(&t->link);
	t->is_armed = false;
}

void nwb_sim_fire_timers(struct sim_exec *se)
{
	while (!nwb_list_empty(&se->timers)) {
		struct nwb_timer *t =
			nwb_list_first(&se->timers, struct nwb_timer, link);

		if (t->when_ns > se->now)
			return;
		disarm(t);
		(void)queue(se, &t->work);
	}
}

void nwb_sim_timer_arm(struct nwb_timer *t, uint64_t when_ns)
{
	struct sim_exec *se = to_sim(t->work.ex);

	disarm(t);
	t->when_ns = when_ns;
	t->is_armed = true;
	nwb_timer_insert(&se->timers, t);
	nwb_sim_point(se);
}

void nwb_sim_timer_cancel_sync(struct nwb_timer *t)
{
	do {
		disarm(t);
		nwb_sim_work_cancel_sync(&t->work);
		/* The run that just ended may have armed it again. */
	} while (t->is_armed);
}
