/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The simulated executor's inside.
 *
 *	sim.c         life, clock, random, table of operations
 *	sim_sched.c   who runs next; blocking; deadlock and its wait graph
 *	sim_task.c    tasks: spawn, join, end
 *	sim_stack.c   guarded stacks and the switch between them
 *	sim_sync.c    mutex and wait queue
 *	sim_work.c    works and timers
 *	sim_sock.c    byte streams with latency
 *	sim_file.c    files, likewise
 *
 * Rules: one thread; no pointer value decides anything; nothing in here is
 * random but through nwb_sim_choose(), so a seed describes a run completely.
 */
#ifndef NWB_SIM_I_H
#define NWB_SIM_I_H

#include "exec_i.h"

#include <errno.h>

/* --- stacks (sim_stack.c) ------------------------------------------------ */

/**
 * struct sim_coro - where a stopped flow of control continues.
 * @map: mapping with the guard page first; NULL for the caller's own stack
 * @lo: lowest usable byte, learned at the first switch for the caller's
 * @shadow: AddressSanitizer's fake stack while stopped
 */
struct sim_coro {
	void *context;
	void *map;
	size_t map_size;
	const void *lo;
	size_t size;
	void *shadow;
};

typedef void (*sim_entry_fn)(void *arg);

/** nwb_sim_coro_init() - fresh stack, or the one @c still has; @entry must
 * never return. 0 or -ENOMEM. */
int nwb_sim_coro_init(struct sim_coro *c, sim_entry_fn entry, void *arg);
/** nwb_sim_coro_fini() - unmap the stack; nobody may be on it. */
void nwb_sim_coro_fini(struct sim_coro *c);
/** nwb_sim_coro_switch() - stop @from, go on in @to. @is_last: @from never
 * continues. */
void nwb_sim_coro_switch(struct sim_coro *from, struct sim_coro *to,
			 bool is_last);
/** nwb_sim_coro_arrived() - first thing an entry function does. */
void nwb_sim_coro_arrived(struct sim_coro *self);

/* --- tasks and the scheduler --------------------------------------------- */

enum sim_state {
	SIM_RUNNABLE,
	SIM_BLOCKED,
	SIM_DONE
};

/**
 * struct sim_wait - what a blocked task waits for, as the wait graph says it.
 * @kind: "mutex", "waitq", "task", "work", "socket", "time", "idle"
 * @name: the thing's name
 * @mutex: to find the owner at the time of printing, or NULL
 * @owner: the task that must act, or NULL
 */
struct sim_wait {
	const char *kind;
	const char *name;
	const struct nwb_mutex *mutex;
	const struct nwb_task *owner;
};

/**
 * struct sim_task - a coroutine.
 * @all: in sim_exec.tasks, or in sim_exec.spare once joined
 * @wait_link: in the waiters of what it is blocked on
 * @sleep_link: in sim_exec.sleepers when blocked with a time limit
 * @run_index: place in sim_exec.runnable
 * @current: work item that runs on it (workers); not to be followed
 * @again: @current was queued during its run
 */
struct sim_task {
	struct nwb_task task;
	struct nwb_list all;
	struct nwb_list wait_link;
	struct nwb_list sleep_link;
	uint64_t wake_at;
	bool timed_out;
	bool is_worker;
	bool again;
	enum sim_state state;
	unsigned int id;
	unsigned int run_index;
	struct sim_wait wait;
	struct sim_task *joiner;
	const struct nwb_work *current;
	nwb_task_fn fn;
	void *arg;
	struct sim_coro coro;
};

/**
 * struct sim_exec - one simulated world.
 * @outside: stands for code that runs while nothing is simulated (set-up before
 *	nwb_exec_run(), checks after it); it may not block
 * @current: who runs; &outside when nobody
 * @runnable: in no order that matters; has room for every task
 * @first: the task of the nwb_exec_run() under way
 * @idle_steps: steps since the clock moved, against livelock
 */
struct sim_exec {
	struct nwb_exec ex;
	struct sim_coro caller;
	struct sim_task outside;
	struct sim_task *current;
	struct sim_task *first;

	struct nwb_list tasks;
	struct nwb_list spare;
	struct sim_task **runnable;
	unsigned int nr_runnable;
	unsigned int max_runnable;
	unsigned int nr_tasks;
	unsigned int next_id;

	uint64_t now;
	uint64_t limit;
	struct nwb_list sleepers;
	struct nwb_list timers;

	uint64_t sched_rng[4];
	uint64_t value_rng[4];
	uint64_t steps;
	uint64_t idle_steps;
	uint64_t digest;

	int stop_code;
	struct nwb_err *stop_err;

	struct nwb_list pending;
	struct nwb_list idle_workers;
	struct nwb_list cancellers;
	unsigned int nr_workers;

	struct nwb_list links; /* socket pairs, for nwb_exec_free() */
	struct nwb_list files; /* likewise */
	unsigned int short_percent; /* of their writes */

	/* nwb_exec_sim_watch() */
	int (*watch)(void *arg, const struct nwb_mutex *m);
	void *watch_arg;
};

static inline struct sim_exec *to_sim(struct nwb_exec *ex)
{
	return nwb_container_of(ex, struct sim_exec, ex);
}

static inline struct sim_task *to_sim_task(struct nwb_task *t)
{
	return nwb_container_of(t, struct sim_task, task);
}

/** nwb_sim_next_u64() - xoshiro256** (Blackman and Vigna). */
uint64_t nwb_sim_next_u64(uint64_t rng[4]);
/** nwb_sim_choose() - 0..@n - 1 by the seed; part of the digest. @n >= 1. */
uint64_t nwb_sim_choose(struct sim_exec *se, uint64_t n);

/** nwb_sim_point() - let the seed decide who goes on. */
void nwb_sim_point(struct sim_exec *se);
/**
 * nwb_sim_block() - stop the current task until nwb_sim_ready().
 * @list: its wait_link goes to the end of it; NULL = none
 * Return: true when @deadline came first.
 */
bool nwb_sim_block(struct sim_exec *se, const struct sim_wait *wait,
		   struct nwb_list *list, uint64_t deadline);
/** nwb_sim_ready() - make a blocked task runnable; others are left alone. */
void nwb_sim_ready(struct sim_exec *se, struct sim_task *task);
/** nwb_sim_ready_one() - one waiter of @list, chosen by the seed. */
void nwb_sim_ready_one(struct sim_exec *se, struct nwb_list *list);
/** nwb_sim_ready_all() - every waiter of @list. */
void nwb_sim_ready_all(struct sim_exec *se, struct nwb_list *list);
/** nwb_sim_start() - from nwb_exec_run(): schedule until the end. */
void nwb_sim_start(struct sim_exec *se);
/** nwb_sim_stop() - end the world from inside a task. */
void nwb_sim_stop(struct sim_exec *se, int code) __attribute__((noreturn));
/** nwb_sim_task_end() - the current task has returned. */
void nwb_sim_task_end(struct sim_exec *se) __attribute__((noreturn));
/** nwb_sim_add_runnable() - a new task; there is room. */
void nwb_sim_add_runnable(struct sim_exec *se, struct sim_task *task);
/** nwb_sim_graph() - who waits for what, into @buf. */
void nwb_sim_graph(struct sim_exec *se, char *buf, size_t size);

int nwb_sim_spawn(struct sim_exec *se, const char *name, nwb_task_fn fn,
		  void *arg, struct sim_task **ret_task);
/** nwb_sim_task_put() - keep the ended task's memory for the next one. */
void nwb_sim_task_put(struct sim_exec *se, struct sim_task *task);
/** nwb_sim_task_free_all() - of every state. */
void nwb_sim_task_free_all(struct sim_exec *se);

void nwb_sim_mutex_lock(struct nwb_mutex *m);
void nwb_sim_mutex_unlock(struct nwb_mutex *m);
int nwb_sim_waitq_wait(struct nwb_waitq *q, struct nwb_mutex *m,
		       uint64_t deadline_ns);
void nwb_sim_waitq_wake(struct nwb_waitq *q, bool all);

int nwb_sim_work_start(struct sim_exec *se);
bool nwb_sim_work_queue(struct nwb_work *w);
void nwb_sim_work_cancel_sync(struct nwb_work *w);
void nwb_sim_timer_arm(struct nwb_timer *t, uint64_t when_ns);
void nwb_sim_timer_cancel_sync(struct nwb_timer *t);
/** nwb_sim_fire_timers() - queue the works of all timers that are due. */
void nwb_sim_fire_timers(struct sim_exec *se);

int nwb_sim_sock_from_fd(struct nwb_exec *ex, int fd,
			 struct nwb_sock **ret_sock);
int nwb_sim_sock_pair(struct nwb_exec *ex, uint64_t latency_ns,
		      size_t buf_bytes, struct nwb_sock *ret_pair[2]);
int nwb_sim_file_open(struct nwb_exec *ex, const char *dir,
		      struct nwb_xfile **ret_file, struct nwb_err *err);
/** nwb_sim_file_free_all() - files that a dropped task left open. */
void nwb_sim_file_free_all(struct sim_exec *se);
/** nwb_sim_sock_free_all() - pairs that a dropped task left open. */
void nwb_sim_sock_free_all(struct sim_exec *se);

#endif
