/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Wait queue, mutex, work and timer: all the concurrency there is.
 *
 *	mutex   plain, not recursive, not fair
 *	waitq   a condition variable: the condition is protected by a mutex, wait
 *	        releases the mutex and sleeps atomically, wakes may be spurious
 *	work    runs once per queueing on some worker, never two at a time of the
 *	        same item; queued while running it runs once more afterwards
 *	timer   queues a work item when its time has come
 *
 * Structures live in their owner's memory. Initialise before use; fini is not
 * needed for mutex and waitq, works and timers must be cancelled. A waker that
 * holds the mutex may be followed at once by the waiter freeing both; a work
 * function may free its own item.
 */
#ifndef NWB_WAIT_H
#define NWB_WAIT_H

#include "nwb/exec.h"
#include "nwb/list.h"
#include <stdatomic.h>

struct nwb_mutex {
	struct nwb_exec *ex;
	_Atomic uint32_t word;	 /* real: 0 free, 1 held, 2 held with waiters */
	struct nwb_list waiters; /* simulated */
	struct nwb_task *owner;	 /* simulated */
	const char *name;
};

struct nwb_waitq {
	struct nwb_exec *ex;
	_Atomic uint32_t seq;	 /* real */
	_Atomic uint32_t sleepers; /* real */
	struct nwb_list waiters; /* simulated */
	const char *name;
};

struct nwb_work;
typedef void (*nwb_work_fn)(struct nwb_work *work);

struct nwb_work {
	struct nwb_list link;
	nwb_work_fn fn;
	struct nwb_exec *ex;
	const char *name;
	uint32_t state; /* owned by the executor's queue lock */
};

struct nwb_timer {
	struct nwb_list link;
	struct nwb_work work;
	uint64_t when_ns;
	bool is_armed; /* owned by the executor's timer lock */
};

/** nwb_mutex_init() - @name: static string, shown in wait graphs. */
void nwb_mutex_init(struct nwb_mutex *m, struct nwb_exec *ex,
		    const char *name);
/** nwb_mutex_lock() - not recursive. Context: a task of the mutex' executor;
 * blocks; a simulation may let others run first. */
void nwb_mutex_lock(struct nwb_mutex *m);
/** nwb_mutex_unlock() - by the task that locked it. */
void nwb_mutex_unlock(struct nwb_mutex *m);

/** nwb_waitq_init() - @name: static string, shown in wait graphs. */
void nwb_waitq_init(struct nwb_waitq *q, struct nwb_exec *ex,
		    const char *name);
/**
 * nwb_waitq_wait() - release @m, sleep until woken or @deadline_ns, take @m.
 * Return: 0 (woken, perhaps spuriously) or -ETIMEDOUT. Loop on the condition.
 */
int nwb_waitq_wait(struct nwb_waitq *q, struct nwb_mutex *m,
		   uint64_t deadline_ns);
/** nwb_waitq_wake_one() - with or without the mutex held. */
void nwb_waitq_wake_one(struct nwb_waitq *q);
/** nwb_waitq_wake_all() - with or without the mutex held. */
void nwb_waitq_wake_all(struct nwb_waitq *q);

/* Wait without a time limit for @cond, which @m protects and which is held. */
#define nwb_wait_event(q, m, cond)                                             \
	do {                                                                   \
		while (!(cond))                                                \
			(void)nwb_waitq_wait(q, m, NWB_NEVER);                 \
	} while (0)

/** nwb_work_init() - @fn runs in task context and may block. */
void nwb_work_init(struct nwb_work *w, struct nwb_exec *ex, nwb_work_fn fn,
		   const char *name);
/** nwb_work_queue() - Return: false when it was waiting to run already. */
bool nwb_work_queue(struct nwb_work *w);
/** nwb_work_cancel_sync() - unqueue, and wait for a run under way to end.
 * Not from the item itself. */
void nwb_work_cancel_sync(struct nwb_work *w);

/** nwb_timer_init() - @fn gets &timer->work. */
void nwb_timer_init(struct nwb_timer *t, struct nwb_exec *ex, nwb_work_fn fn,
		    const char *name);
/** nwb_timer_arm() - (re)arm for @when_ns; an earlier arming is forgotten. */
void nwb_timer_arm(struct nwb_timer *t, uint64_t when_ns);
/** nwb_timer_cancel_sync() - disarm, and wait for a run under way to end. */
void nwb_timer_cancel_sync(struct nwb_timer *t);

#endif
