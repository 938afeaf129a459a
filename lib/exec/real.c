/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The real executor: life, clock, random numbers, tasks.
 *
 *	task -> pthread            clock  -> CLOCK_MONOTONIC
 *	work -> pool of threads    random -> getrandom(2)
 *	timer -> one thread        socket -> a ring a direction
 */
#include "nwb/mem.h"
#include "real_i.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <sys/random.h>
#include <time.h>

#define DEFAULT_WORKERS 4
#define MIN_WORKERS	3

static const char *real_io_name(const struct nwb_exec *ex)
{
	const struct real_exec *re =
		nwb_container_of(ex, const struct real_exec, ex);

	if (!re->use_uring)
		return "syscalls";
	return atomic_load(&re->some_plain) ? "io_uring, some syscalls"
					    : "io_uring";
}

static uint64_t real_zero(const struct nwb_exec *ex nwb_unused)
{
	return 0;
}

static int real_run(struct nwb_exec *ex nwb_unused, nwb_task_fn fn, void *arg,
		    uint64_t max_ns nwb_unused, struct nwb_err *err nwb_unused)
{
	fn(arg);
	return 0;
}

static uint64_t real_now(struct nwb_exec *ex nwb_unused)
{
	struct timespec ts;

	nwb_assert(!clock_gettime(CLOCK_MONOTONIC, &ts));
	return (uint64_t)ts.tv_sec * NWB_SEC + (uint64_t)ts.tv_nsec;
}

static void real_sleep_until(struct nwb_exec *ex nwb_unused, uint64_t when_ns)
{
	struct timespec ts = {
		.tv_sec = (time_t)(when_ns / NWB_SEC),
		.tv_nsec = (long)(when_ns % NWB_SEC),
	};
	int rc;

	do
		rc = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
	while (rc == EINTR);
	nwb_assert(rc == 0);
}

static void real_random_bytes(struct nwb_exec *ex nwb_unused, void *buf,
			      size_t len)
{
	char *at = buf;

	while (len) {
		ssize_t rc = getrandom(at, len, 0);

		nwb_assert(rc >= 0 || errno == EINTR);
		if (rc < 0)
			continue;
		at += rc;
		len -= (size_t)rc;
	}
}

static void *task_main(void *arg)
{
	struct real_task *task = arg;

	task->fn(task->arg);
	return NULL;
}

static int real_task_spawn(struct nwb_exec *ex, const char *name,
			   nwb_task_fn fn, void *arg,
			   struct nwb_task **ret_task)
{
	struct real_task *task = nwb_zalloc(sizeof(*task));
	char short_name[16];
	int rc;

	if (!task)
		return -ENOMEM;
	task->task.ex = ex;
	task->task.name = name;
	task->fn = fn;
	task->arg = arg;
	rc = -pthread_create(&task->thread, NULL, task_main, task);
	if (rc) {
		nwb_free(task);
		return rc;
	}
	(void)snprintf(short_name, sizeof(short_name), "%s", name);
	(void)pthread_setname_np(task->thread, short_name);
	*ret_task = &task->task;
	return 0;
}

static void real_task_join(struct nwb_task *t)
{
	struct real_task *task = nwb_container_of(t, struct real_task, task);

	nwb_assert(!pthread_join(task->thread, NULL));
	nwb_free(task);
}

static void real_yield(struct nwb_exec *ex nwb_unused,
		       const char *point nwb_unused)
{
}

static void real_cond_resched(struct nwb_exec *ex nwb_unused)
{
	(void)sched_yield();
}

static void real_free(struct nwb_exec *ex)
{
	struct real_exec *re = to_real(ex);

	nwb_real_files_free(re);
	nwb_real_work_stop(re);
	nwb_free(re);
}

static const struct nwb_exec_ops real_ops = {
	.is_sim = false,
	.io_name = real_io_name,
	.steps = real_zero,
	.digest = real_zero,
	.run = real_run,
	.free = real_free,
	.now = real_now,
	.sleep_until = real_sleep_until,
	.random_bytes = real_random_bytes,
	.task_spawn = real_task_spawn,
	.task_join = real_task_join,
	.yield = real_yield,
	.cond_resched = real_cond_resched,
	.mutex_lock = nwb_real_mutex_lock,
	.mutex_unlock = nwb_real_mutex_unlock,
	.waitq_wait = nwb_real_waitq_wait,
	.waitq_wake = nwb_real_waitq_wake,
	.work_queue = nwb_real_work_queue,
	.work_cancel_sync = nwb_real_work_cancel_sync,
	.timer_arm = nwb_real_timer_arm,
	.timer_cancel_sync = nwb_real_timer_cancel_sync,
	.sock_from_fd = nwb_real_sock_from_fd,
	.sock_pair = nwb_real_sock_pair,
	.file_open = nwb_real_file_open,
};

static bool is_uring_allowed(void)
{
	struct real_ring probe;

	if (nwb_real_ring_init(&probe))
		return false;
	nwb_real_ring_fini(&probe);
	return true;
}

int nwb_exec_real_new(const struct nwb_exec_real_opts *opts,
		      struct nwb_exec **ret_ex, struct nwb_err *err)
{
	unsigned int nr =
		opts && opts->nr_workers ? opts->nr_workers : DEFAULT_WORKERS;
	struct real_exec *re = nwb_zalloc(sizeof(*re));
	int rc;

	if (!re)
		return nwb_err_set(err, -ENOMEM, "no memory for the executor");
	re->ex.ops = &real_ops;
	re->use_uring = !(opts && opts->no_io_uring) && is_uring_allowed();
	nwb_mutex_init(&re->files_lock, &re->ex, "exec files");
	nr = nwb_max(nr, (unsigned int)MIN_WORKERS);
	rc = nwb_real_work_start(re, nr);
	if (rc) {
		nwb_free(re);
		return nwb_err_set(err, rc, "start of %u worker threads: %s",
				   nr, nwb_errno_name(rc));
	}
	*ret_ex = &re->ex;
	return 0;
}
