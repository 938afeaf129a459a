/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who runs next.
 *
 *	            nwb_sim_point()
 *	           .---------------.
 *	           v               |      nwb_sim_block()
 *	runnable: a  b  c  --seed picks--> running ----------> blocked
 *	           ^                                              |
 *	           '---- nwb_sim_ready(), or the clock -----------'
 *
 * Every point, the seed picks one of the runnable tasks with equal chance; the
 * task that arrives at the point switches straight to it. When nobody is
 * runnable the clock jumps to the next sleeper or timer. When there is none
 * either, this is a deadlock; the caller of nwb_exec_run() gets the wait graph.
 *
 * No wake is ever spurious here although the contract allows it: a spurious
 * wake would repair a lost one and hide what the simulation is to find.
 */
#include "sim_i.h"

#include <stdio.h>
#include <string.h>

/* A world that takes so many steps without its clock moving goes nowhere. */
#define LIVELOCK_STEPS 20000000ull

static uint64_t rotl(uint64_t x, int k)
{
	return x << k | x >> (64 - k);
}

uint64_t nwb_sim_next_u64(uint64_t rng[4])
{
	uint64_t result = rotl(rng[1] * 5, 7) * 9, t = rng[1] << 17;

	rng[2] ^= rng[0];
	rng[3] ^= rng[1];
	rng[1] ^= rng[2];
	rng[0] ^= rng[3];
	rng[2] ^= t;
	rng[3] = rotl(rng[3], 45);
	return result;
}

static void digest_add(struct sim_exec *se, uint64_t v)
{
	/* Multiply-rotate mix; the constant is 2^64 / golden ratio. */
	se->digest = rotl(se->digest ^ v, 23) * 0x9e3779b97f4a7c15ull + v;
}

uint64_t nwb_sim_choose(struct sim_exec *se, uint64_t n)
{
	uint64_t pick = 0;

	nwb_assert(n);
	/* High bits times n: no bias that matters for n far below 2^32. */
	if (n > 1)
		pick = (uint64_t)(((unsigned __int128)nwb_sim_next_u64(
					   se->sched_rng) *
				   n) >>
				  64);
	digest_add(se, pick << 32 ^ n);
	return pick;
}

void nwb_sim_add_runnable(struct sim_exec *se, struct sim_task *task)
{
	nwb_assert(se->nr_runnable < se->max_runnable);
	task->state = SIM_RUNNABLE;
	task->run_index = se->nr_runnable;
	se->runnable[se->nr_runnable++] = task;
}

static void del_runnable(struct sim_exec *se, struct sim_task *task)
{
	struct sim_task *last = se->runnable[--se->nr_runnable];

	nwb_assert(task->state == SIM_RUNNABLE);
	se->runnable[task->run_index] = last;
	last->run_index = task->run_index;
}

void nwb_sim_ready(struct sim_exec *se, struct sim_task *task)
{
	if (task->state != SIM_BLOCKED)
		return;
	nwb_list_del(&task->wait_link);
	nwb_list_del(&task->sleep_link);
	nwb_sim_add_runnable(se, task);
}

void nwb_sim_ready_one(struct sim_exec *se, struct nwb_list *list)
{
	struct nwb_list *at = list->next;
	uint64_t nr = 0;

	if (nwb_list_empty(list))
		return;
	for (struct nwb_list *l = list->next; l != list; l = l->next)
		nr++;
	for (nr = nwb_sim_choose(se, nr); nr; nr--)
		at = at->next;
	nwb_sim_ready(se, nwb_list_entry(at, struct sim_task, wait_link));
}

void nwb_sim_ready_all(struct sim_exec *se, struct nwb_list *list)
{
	while (!nwb_list_empty(list))
		nwb_sim_ready(se,
			      nwb_list_first(list, struct sim_task, wait_link));
}

/* Everything whose time has come. */
static void fire_due(struct sim_exec *se)
{
	while (!nwb_list_empty(&se->sleepers)) {
		struct sim_task *task = nwb_list_first(
			&se->sleepers, struct sim_task, sleep_link);

		if (task->wake_at > se->now)
			break;
		task->timed_out = true;
		nwb_sim_ready(se, task);
	}
	nwb_sim_fire_timers(se);
}

static uint64_t next_time(struct sim_exec *se)
{
	uint64_t when = NWB_NEVER;

	if (!nwb_list_empty(&se->sleepers))
		when = nwb_list_first(&se->sleepers, struct sim_task,
				      sleep_link)
			       ->wake_at;
	if (!nwb_list_empty(&se->timers)) {
		struct nwb_timer *t =
			nwb_list_first(&se->timers, struct nwb_timer, link);

		when = nwb_min(when, t->when_ns);
	}
	return when;
}

static void stop(struct sim_exec *se, int code, const char *what)
{
	char graph[NWB_ERR_TEXT_MAX];

	nwb_sim_graph(se, graph, sizeof(graph));
	se->stop_code = code;
	(void)nwb_err_set(se->stop_err, code, "%s at %llu ns: %s", what,
			  (unsigned long long)se->now, graph);
}

/* The next to run, or NULL when the world has stopped (stop_code is set). */
static struct sim_task *pick(struct sim_exec *se)
{
	struct sim_task *task;

	fire_due(se);
	while (!se->nr_runnable) {
		uint64_t when = next_time(se);

		if (when == NWB_NEVER) {
			stop(se, -EDEADLK, "deadlock");
			return NULL;
		}
		if (when > se->limit) {
			stop(se, -ETIME, "time is up");
			return NULL;
		}
		if (when > se->now) {
			se->now = when;
			se->idle_steps = 0;
			digest_add(se, when);
		}
		fire_due(se);
	}
	if (++se->idle_steps > LIVELOCK_STEPS) {
		stop(se, -ETIME, "livelock");
		return NULL;
	}
	se->steps++;
	task = se->runnable[nwb_sim_choose(se, se->nr_runnable)];
	digest_add(se, task->id);
	return task;
}

/* From the current task, or from the caller, to @to (NULL: the caller). */
static void go(struct sim_exec *se, struct sim_task *to, bool is_last)
{
	struct sim_task *from = se->current;
	struct sim_coro *from_coro =
		from == &se->outside ? &se->caller : &from->coro;

	if (to == from)
		return;
	se->current = to ? to : &se->outside;
	if (se->current == from)
		return;
	nwb_sim_coro_switch(from_coro, to ? &to->coro : &se->caller, is_last);
}

void nwb_sim_point(struct sim_exec *se)
{
	if (se->current != &se->outside)
		go(se, pick(se), false);
}

static void insert_sleeper(struct sim_exec *se, struct sim_task *task)
{
	struct nwb_list *at = se->sleepers.prev;

	while (at != &se->sleepers &&
	       nwb_list_entry(at, struct sim_task, sleep_link)->wake_at >
		       task->wake_at)
		at = at->prev;
	nwb_list_add(at, &task->sleep_link);
}

bool nwb_sim_block(struct sim_exec *se, const struct sim_wait *wait,
		   struct nwb_list *list, uint64_t deadline)
{
	struct sim_task *self = se->current;

	/* Blocking calls belong into tasks, not around nwb_exec_run(). */
	nwb_assert(self != &se->outside);
	del_runnable(se, self);
	self->state = SIM_BLOCKED;
	self->wait = *wait;
	self->timed_out = false;
	if (list)
		nwb_list_add_tail(list, &self->wait_link);
	if (deadline != NWB_NEVER) {
		self->wake_at = deadline;
		insert_sleeper(se, self);
	}
	go(se, pick(se), false);
	return self->timed_out;
}

void nwb_sim_stop(struct sim_exec *se, int code)
{
	nwb_assert(code && se->current != &se->outside);
	se->stop_code = code;
	go(se, NULL, false);
	nwb_assert(!"a stopped world went on");
	__builtin_unreachable();
}

void nwb_sim_task_end(struct sim_exec *se)
{
	struct sim_task *self = se->current;

	del_runnable(se, self);
	self->state = SIM_DONE;
	if (self->joiner)
		nwb_sim_ready(se, self->joiner);
	go(se, self == se->first ? NULL : pick(se), true);
	nwb_assert(!"an ended task ran again");
	__builtin_unreachable();
}

void nwb_sim_start(struct sim_exec *se)
{
	se->idle_steps = 0;
	go(se, pick(se), false);
}

static size_t print_wait(const struct sim_task *task, char *buf, size_t size)
{
	const struct sim_wait *w = &task->wait;
	const struct nwb_task *owner = w->mutex ? w->mutex->owner : w->owner;
	const char *name = w->mutex ? w->mutex->name : w->name;
	int len;

	if (owner)
		len = snprintf(buf, size, "%s waits for %s '%s' held by %s; ",
			       task->task.name, w->kind, name, owner->name);
	else
		len = snprintf(buf, size, "%s waits for %s '%s'; ",
			       task->task.name, w->kind, name);
	return nwb_min((size_t)len, size - 1);
}

void nwb_sim_graph(struct sim_exec *se, char *buf, size_t size)
{
	struct sim_task *task;
	size_t len = 0;

	buf[0] = '\0';
	/* Those with an owner first: a cycle can only be among them, and the
	 * text may have to be cut. */
	for (int pass = 0; pass < 2; pass++) {
		nwb_list_for_each_entry (task, &se->tasks, all) {
			bool has_owner = task->wait.mutex || task->wait.owner;

			if (task->state != SIM_BLOCKED ||
			    (task->is_worker && !task->current) ||
			    has_owner != (pass == 0))
				continue;
			len += print_wait(task, buf + len, size - len);
		}
	}
	if (len >= 2)
		buf[len - 2] = '\0';
	else
		(void)snprintf(buf, size, "nobody waits");
}
