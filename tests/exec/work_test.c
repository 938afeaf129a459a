/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Works and timers: the same bodies on every executor. */
#include "nwb/mem.h"
#include "nwb/wait.h"

#include "nwb_test_exec.h"

struct job {
	struct nwb_work work;
	struct nwb_timer timer;
	struct nwb_mutex m;
	struct nwb_waitq changed;
	struct nwb_exec *ex;
	unsigned int nr_runs;
	unsigned int nr_freed;
	unsigned int nr_inside;
	unsigned int max_inside;
	unsigned int requeue_for;
	bool is_held; /* the run waits until this is false */
	bool is_started;
	bool free_yourself;
	struct job *group; /* whose lock, counter and order are used */
	unsigned int order[8];
	unsigned int id;
};

static void job_run(struct job *j)
{
	struct job *g = j->group;

	nwb_mutex_lock(&g->m);
	if (g->nr_runs < NWB_ARRAY_SIZE(g->order))
		g->order[g->nr_runs] = j->id;
	g->is_started = true;
	j->nr_inside++;
	g->max_inside = nwb_max(g->max_inside, j->nr_inside);
	nwb_waitq_wake_all(&g->changed);
	nwb_wait_event(&g->changed, &g->m, !j->is_held);
	j->nr_inside--;
	g->nr_runs++;
	nwb_waitq_wake_all(&g->changed);
	nwb_mutex_unlock(&g->m);
}

static void work_fn(struct nwb_work *w)
{
	struct job *j = nwb_container_of(w, struct job, work), *group;

	if (j->requeue_for) {
		j->requeue_for--;
		nwb_check(nwb_work_queue(w));
		nwb_check(!nwb_work_queue(w));
	}
	job_run(j);
	if (!j->free_yourself)
		return;
	group = j->group;
	nwb_free(j);
	nwb_mutex_lock(&group->m);
	group->nr_freed++;
	nwb_waitq_wake_all(&group->changed);
	nwb_mutex_unlock(&group->m);
}

static void timer_fn(struct nwb_work *w)
{
	struct nwb_timer *t = nwb_container_of(w, struct nwb_timer, work);
	struct job *j = nwb_container_of(t, struct job, timer);

	job_run(j);
	if (j->requeue_for) {
		j->requeue_for--;
		nwb_timer_arm(t, nwb_now_ns(j->ex) + NWB_USEC);
	}
}

static void job_init(struct job *j, struct nwb_exec *ex, struct job *group)
{
	memset(j, 0, sizeof(*j));
	j->ex = ex;
	j->group = group;
	nwb_mutex_init(&j->m, ex, "job");
	nwb_waitq_init(&j->changed, ex, "job changed");
	nwb_work_init(&j->work, ex, work_fn, "job");
	nwb_timer_init(&j->timer, ex, timer_fn, "job timer");
}

static void wait_runs(struct job *j, unsigned int nr)
{
	nwb_mutex_lock(&j->m);
	nwb_wait_event(&j->changed, &j->m, j->nr_runs >= nr);
	nwb_mutex_unlock(&j->m);
}

static void hold(struct job *j, bool is_held)
{
	nwb_mutex_lock(&j->group->m);
	j->is_held = is_held;
	nwb_waitq_wake_all(&j->group->changed);
	nwb_mutex_unlock(&j->group->m);
}

static void wait_started(struct job *j)
{
	nwb_mutex_lock(&j->m);
	nwb_wait_event(&j->changed, &j->m, j->is_started);
	nwb_mutex_unlock(&j->m);
}

/* Queued twice before it can run: one run. Queued during the run: one more,
 * and never two at a time. */
static void requeue_body(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct job j;

	job_init(&j, te->ex, &j);
	hold(&j, true);
	nwb_check(nwb_work_queue(&j.work));
	wait_started(&j);
	nwb_check(nwb_work_queue(&j.work));
	nwb_check(!nwb_work_queue(&j.work));
	nwb_check(!nwb_work_queue(&j.work));
	hold(&j, false);
	wait_runs(&j, 2);
	nwb_work_cancel_sync(&j.work);
	nwb_check_eq(j.nr_runs, 2);
	nwb_check_eq(j.max_inside, 1);
	/* From its own run, five times in a row. */
	j.requeue_for = 5;
	nwb_check(nwb_work_queue(&j.work));
	wait_runs(&j, 2 + 6);
	nwb_work_cancel_sync(&j.work);
	nwb_check_eq(j.nr_runs, 2 + 6);
	nwb_check_eq(j.max_inside, 1);
}

NWB_TEST(work, queued_while_running_runs_once_more)
{
	nwb_test_on_all(requeue_body, NULL);
}

static void release_later(void *arg)
{
	struct job *j = arg;

	nwb_sleep_until(j->ex, nwb_now_ns(j->ex) + NWB_MSEC);
	hold(j, false);
}

/* Cancelling drops the queued run and waits for the one under way. */
static void cancel_body(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct nwb_task *task;
	unsigned int nr_runs;
	struct job j;

	job_init(&j, te->ex, &j);
	nwb_work_cancel_sync(&j.work); /* idle: nothing */
	hold(&j, true);
	nwb_check(nwb_work_queue(&j.work));
	wait_started(&j);
	nwb_check(nwb_work_queue(&j.work)); /* once more: to be dropped */
	nwb_check_eq(
		nwb_task_spawn(te->ex, "releaser", release_later, &j, &task),
		0);
	nwb_work_cancel_sync(&j.work);
	nwb_check_eq(j.nr_inside, 0);
	nr_runs = j.nr_runs;
	/* Real time may have released it before it was cancelled. */
	nwb_check(nr_runs == 1 || (nr_runs == 2 && !nwb_exec_is_sim(te->ex)));
	nwb_task_join(task);
	/* It still works afterwards. */
	nwb_check(nwb_work_queue(&j.work));
	wait_runs(&j, nr_runs + 1);
	nwb_work_cancel_sync(&j.work);
	nwb_check_eq(j.nr_runs, nr_runs + 1);
}

NWB_TEST(work, cancel_waits_for_the_run_and_drops_the_rest)
{
	nwb_test_on_all(cancel_body, NULL);
}

static void self_freeing_body(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct job group;

	job_init(&group, te->ex, &group);
	for (unsigned int i = 0; i < 20; i++) {
		struct job *j = nwb_alloc(sizeof(*j));

		nwb_check(j);
		job_init(j, te->ex, &group);
		j->free_yourself = true;
		nwb_check(nwb_work_queue(&j->work));
	}
	nwb_mutex_lock(&group.m);
	nwb_wait_event(&group.changed, &group.m, group.nr_freed == 20);
	nwb_mutex_unlock(&group.m);
	nwb_check_eq(group.nr_runs, 20);
}

NWB_TEST(work, an_item_may_free_itself)
{
	uint64_t live = nwb_mem_live();

	nwb_test_on_all(self_freeing_body, NULL);
	nwb_check_eq(nwb_mem_live(), live);
}

/* Three items block until a fourth, queued last, has run. */
static void blocking_body(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct nwb_exec *ex = te->ex;
	struct job group, j[3];

	job_init(&group, ex, &group);
	for (unsigned int i = 0; i < 3; i++) {
		job_init(&j[i], ex, &group);
		j[i].is_held = true;
		nwb_check(nwb_work_queue(&j[i].work));
	}
	nwb_check(nwb_work_queue(&group.work));
	wait_runs(&group, 1);
	for (unsigned int i = 0; i < 3; i++)
		hold(&j[i], false);
	wait_runs(&group, 4);
	for (unsigned int i = 0; i < 3; i++)
		nwb_work_cancel_sync(&j[i].work);
	nwb_work_cancel_sync(&group.work);
}

NWB_TEST(work, items_may_block)
{
	nwb_test_on_all(blocking_body, NULL);
}

/* --- timers -------------------------------------------------------------- */

/* Each timer runs alone: its neighbour is 2 ms away in virtual time; in real
 * time only the order of expiry is asked for, by waiting in between. */
static void timer_order_body(void *arg)
{
	static const unsigned int rank[] = {3, 0, 2, 1};
	struct nwb_test_exec *te = arg;
	struct nwb_exec *ex = te->ex;
	struct job group, j[4];
	uint64_t now;

	job_init(&group, ex, &group);
	for (unsigned int i = 0; i < 4; i++) {
		job_init(&j[i], ex, &group);
		j[i].id = rank[i];
	}
	now = nwb_now_ns(ex);
	for (unsigned int i = 0; i < 4; i++)
		nwb_timer_arm(&j[i].timer, now + (1 + rank[i]) * 2 * NWB_MSEC);
	wait_runs(&group, 4);
	nwb_check(nwb_now_ns(ex) >= now + 8 * NWB_MSEC);
	if (nwb_exec_is_sim(ex)) {
		nwb_check_eq(nwb_now_ns(ex), now + 8 * NWB_MSEC);
		for (unsigned int i = 0; i < 4; i++)
			nwb_check_eq(group.order[i], i);
	}
	for (unsigned int i = 0; i < 4; i++)
		nwb_timer_cancel_sync(&j[i].timer);
}

NWB_TEST(timer, fires_in_order_of_time)
{
	nwb_test_on_all(timer_order_body, NULL);
}

static void timer_cancel_body(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct nwb_exec *ex = te->ex;
	uint64_t now = nwb_now_ns(ex);
	struct job never, once;
	struct nwb_task *task;
	/* In real time nothing is so soon that we could not be later. */
	uint64_t soon = nwb_exec_is_sim(ex) ? 50 * NWB_MSEC : 1000 * NWB_SEC;

	job_init(&never, ex, &never);
	job_init(&once, ex, &once);
	/* Cancelled, and moved to the far future: neither may run. */
	nwb_timer_arm(&never.timer, now + soon);
	nwb_timer_cancel_sync(&never.timer);
	nwb_timer_cancel_sync(&never.timer);
	nwb_check(!never.timer.is_armed);
	nwb_timer_arm(&never.timer, now + 2 * soon);
	nwb_timer_arm(&never.timer, now + 100000 * NWB_SEC);
	/* Moved forwards: runs at the new time, once. */
	nwb_timer_arm(&once.timer, now + 100000 * NWB_SEC);
	nwb_timer_arm(&once.timer, now + NWB_MSEC);
	wait_runs(&once, 1);
	if (nwb_exec_is_sim(ex))
		nwb_sleep_until(ex, now + 3 * soon);
	nwb_timer_cancel_sync(&never.timer);
	nwb_timer_cancel_sync(&once.timer);
	nwb_check_eq(never.nr_runs, 0);
	nwb_check_eq(once.nr_runs, 1);
	/* One that arms itself again at the end of the run that the cancelling
	 * waits for stays dead. */
	once.requeue_for = 1000;
	once.is_started = false;
	hold(&once, true);
	nwb_timer_arm(&once.timer, 0);
	wait_started(&once);
	nwb_check_eq(
		nwb_task_spawn(ex, "releaser", release_later, &once, &task), 0);
	nwb_timer_cancel_sync(&once.timer);
	nwb_check_eq(once.nr_inside, 0);
	nwb_task_join(task);
	nwb_check(!once.timer.is_armed);
	nwb_check(once.requeue_for < 1000);
}

NWB_TEST(timer, cancel_and_rearm)
{
	nwb_test_on_all(timer_cancel_body, NULL);
}
