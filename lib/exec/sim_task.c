/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tasks of the simulated executor. A joined task's memory and stack are kept
 * for the next one, so that a steady state allocates nothing.
 */
#include "sim_i.h"

#include "nwb/mem.h"

#include <string.h>

static void task_entry(void *arg)
{
	struct sim_task *self = arg;

	nwb_sim_coro_arrived(&self->coro);
	self->fn(self->arg);
	nwb_sim_task_end(to_sim(self->task.ex));
}

/* Waking up must never allocate: room for all, made here. */
static int reserve_runnable(struct sim_exec *se)
{
	unsigned int max = se->max_runnable ? se->max_runnable * 2 : 32;
	struct sim_task **bigger;

	if (se->nr_tasks < se->max_runnable)
		return 0;
	bigger = nwb_alloc(max * sizeof(struct sim_task *));
	if (!bigger)
		return -ENOMEM;
	if (se->nr_runnable)
		memcpy(bigger, se->runnable,
		       se->nr_runnable * sizeof(struct sim_task *));
	nwb_free(se->runnable);
	se->runnable = bigger;
	se->max_runnable = max;
	return 0;
}

static struct sim_task *task_get(struct sim_exec *se)
{
	struct sim_coro coro;
	struct sim_task *task;

	if (nwb_list_empty(&se->spare))
		return nwb_zalloc(sizeof(*task));
	task = nwb_list_first(&se->spare, struct sim_task, all);
	nwb_list_del(&task->all);
	coro = task->coro;
	memset(task, 0, sizeof(*task));
	task->coro = coro;
	return task;
}

int nwb_sim_spawn(struct sim_exec *se, const char *name, nwb_task_fn fn,
		  void *arg, struct sim_task **ret_task)
{
	struct sim_task *task;
	int rc = reserve_runnable(se);

	if (rc)
		return rc;
	task = task_get(se);
	if (!task)
		return -ENOMEM;
	rc = nwb_sim_coro_init(&task->coro, task_entry, task);
	if (rc) {
		nwb_sim_coro_fini(&task->coro);
		nwb_free(task);
		return rc;
	}
	task->task.ex = &se->ex;
	task->task.name = name;
	task->fn = fn;
	task->arg = arg;
	task->id = se->next_id++;
	nwb_list_init(&task->wait_link);
	nwb_list_init(&task->sleep_link);
	nwb_list_add_tail(&se->tasks, &task->all);
	se->nr_tasks++;
	nwb_sim_add_runnable(se, task);
	*ret_task = task;
	return 0;
}

void nwb_sim_task_put(struct sim_exec *se, struct sim_task *task)
{
	nwb_assert(task->state == SIM_DONE);
	nwb_list_del(&task->all);
	se->nr_tasks--;
	nwb_list_add(&se->spare, &task->all);
}

static void free_list(struct nwb_list *list)
{
	struct sim_task *task, *next;

	nwb_list_for_each_entry_safe (task, next, list, all) {
		nwb_sim_coro_fini(&task->coro);
		nwb_free(task);
	}
	nwb_list_init(list);
}

void nwb_sim_task_free_all(struct sim_exec *se)
{
	free_list(&se->tasks);
	free_list(&se->spare);
	nwb_free(se->runnable);
	se->runnable = NULL;
	se->nr_runnable = 0;
	se->max_runnable = 0;
}
