/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The simulated executor: life, clock, random numbers.
 *
 *	seed --splitmix64--> sched_rng: who runs, how much a socket moves
 *	                 '-> value_rng: nwb_random_u64() and friends
 *
 * Two generators, so that code which draws one random number more does not by
 * that alone see another schedule.
 */
#include "sim_i.h"

#include "nwb/mem.h"

#include <string.h>

#if defined(__SANITIZE_THREAD__)
#define HAVE_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HAVE_TSAN 1
#endif
#endif
#ifndef HAVE_TSAN
#define HAVE_TSAN 0
#endif

/* The clock does not start at 0, which too many take for "not set". */
#define CLOCK_START NWB_SEC

static const char *sim_io_name(const struct nwb_exec *ex nwb_unused)
{
	return "simulated";
}

static uint64_t sim_steps(const struct nwb_exec *ex)
{
	return nwb_container_of(ex, const struct sim_exec, ex)->steps;
}

static uint64_t sim_digest(const struct nwb_exec *ex)
{
	return nwb_container_of(ex, const struct sim_exec, ex)->digest;
}

static uint64_t sim_now(struct nwb_exec *ex)
{
	return to_sim(ex)->now;
}

static void sim_sleep_until(struct nwb_exec *ex, uint64_t when_ns)
{
	static const struct sim_wait wait = {.kind = "time", .name = "sleep"};
	struct sim_exec *se = to_sim(ex);

	if (when_ns <= se->now)
		nwb_sim_point(se);
	else
		(void)nwb_sim_block(se, &wait, NULL, when_ns);
}

static void sim_random_bytes(struct nwb_exec *ex, void *buf, size_t len)
{
	struct sim_exec *se = to_sim(ex);
	char *at = buf;

	while (len) {
		uint64_t v = nwb_sim_next_u64(se->value_rng);
		size_t part = nwb_min(len, sizeof(v));

		memcpy(at, &v, part);
		at += part;
		len -= part;
	}
}

static int sim_run(struct nwb_exec *ex, nwb_task_fn fn, void *arg,
		   uint64_t max_ns, struct nwb_err *err)
{
	struct sim_exec *se = to_sim(ex);
	int rc;

	nwb_assert(se->current == &se->outside);
	rc = nwb_sim_spawn(se, "main", fn, arg, &se->first);
	if (rc)
		return nwb_err_set(err, rc, "no memory for the first task");
	se->limit = NWB_NEVER;
	if (max_ns && max_ns < NWB_NEVER - se->now)
		se->limit = se->now + max_ns;
	se->stop_code = 0;
	se->stop_err = err;
	nwb_sim_start(se);
	if (!se->stop_code)
		nwb_sim_task_put(se, se->first);
	se->first = NULL;
	se->stop_err = NULL;
	return se->stop_code;
}

static void sim_free(struct nwb_exec *ex)
{
	struct sim_exec *se = to_sim(ex);

	nwb_assert(se->current == &se->outside);
	nwb_sim_sock_free_all(se);
	nwb_sim_file_free_all(se);
	nwb_sim_task_free_all(se);
	nwb_free(se);
}

static int sim_task_spawn(struct nwb_exec *ex, const char *name, nwb_task_fn fn,
			  void *arg, struct nwb_task **ret_task)
{
	struct sim_exec *se = to_sim(ex);
	struct sim_task *task;
	int rc = nwb_sim_spawn(se, name, fn, arg, &task);

	if (rc)
		return rc;
	/* Before the point: the new task may look for itself there. */
	*ret_task = &task->task;
	nwb_sim_point(se);
	return 0;
}

static void sim_task_join(struct nwb_task *t)
{
	struct sim_exec *se = to_sim(t->ex);
	struct sim_task *task = to_sim_task(t);
	const struct sim_wait wait = {.kind = "task", .name = t->name};

	nwb_sim_point(se);
	nwb_assert(!task->joiner && task != se->current);
	while (task->state != SIM_DONE) {
		task->joiner = se->current;
		(void)nwb_sim_block(se, &wait, NULL, NWB_NEVER);
	}
	nwb_sim_task_put(se, task);
}

static void sim_yield(struct nwb_exec *ex, const char *point nwb_unused)
{
	nwb_sim_point(to_sim(ex));
}

static void sim_cond_resched(struct nwb_exec *ex nwb_unused)
{
}

static const struct nwb_exec_ops sim_ops = {
	.is_sim = true,
	.io_name = sim_io_name,
	.steps = sim_steps,
	.digest = sim_digest,
	.run = sim_run,
	.free = sim_free,
	.now = sim_now,
	.sleep_until = sim_sleep_until,
	.random_bytes = sim_random_bytes,
	.task_spawn = sim_task_spawn,
	.task_join = sim_task_join,
	.yield = sim_yield,
	.cond_resched = sim_cond_resched,
	.mutex_lock = nwb_sim_mutex_lock,
	.mutex_unlock = nwb_sim_mutex_unlock,
	.waitq_wait = nwb_sim_waitq_wait,
	.waitq_wake = nwb_sim_waitq_wake,
	.work_queue = nwb_sim_work_queue,
	.work_cancel_sync = nwb_sim_work_cancel_sync,
	.timer_arm = nwb_sim_timer_arm,
	.timer_cancel_sync = nwb_sim_timer_cancel_sync,
	.sock_from_fd = nwb_sim_sock_from_fd,
	.sock_pair = nwb_sim_sock_pair,
	.file_open = nwb_sim_file_open,
};

void nwb_exec_sim_watch(struct nwb_exec *ex,
			int (*fn)(void *arg, const struct nwb_mutex *m),
			void *arg)
{
	struct sim_exec *se = to_sim(ex);

	nwb_assert(ex->ops == &sim_ops);
	se->watch = fn;
	se->watch_arg = arg;
}

void nwb_exec_sim_stop(struct nwb_exec *ex, int code)
{
	nwb_assert(ex->ops == &sim_ops);
	nwb_sim_stop(to_sim(ex), code);
}

int nwb_exec_sim_new(uint64_t seed, struct nwb_exec **ret_ex,
		     struct nwb_err *err)
{
	uint64_t state = seed;
	struct sim_exec *se;
	int rc;

	if (HAVE_TSAN)
		return nwb_err_set(err, -ENOTSUP,
				   "ThreadSanitizer runs the real executor "
				   "only");
	se = nwb_zalloc(sizeof(*se));
	if (!se)
		return nwb_err_set(err, -ENOMEM, "no memory for the executor");
	se->ex.ops = &sim_ops;
	se->outside.task.ex = &se->ex;
	se->outside.task.name = "(outside)";
	se->current = &se->outside;
	se->now = CLOCK_START;
	se->limit = NWB_NEVER;
	for (int i = 0; i < 4; i++) {
		se->sched_rng[i] = nwb_splitmix64(&state);
		se->value_rng[i] = nwb_splitmix64(&state);
	}
	nwb_list_init(&se->tasks);
	nwb_list_init(&se->spare);
	nwb_list_init(&se->sleepers);
	nwb_list_init(&se->timers);
	nwb_list_init(&se->pending);
	nwb_list_init(&se->idle_workers);
	nwb_list_init(&se->cancellers);
	nwb_list_init(&se->links);
	nwb_list_init(&se->files);
	rc = nwb_sim_work_start(se);
	if (rc) {
		nwb_sim_task_free_all(se);
		nwb_free(se);
		return nwb_err_set(err, rc, "no memory for a worker");
	}
	*ret_ex = &se->ex;
	return 0;
}
