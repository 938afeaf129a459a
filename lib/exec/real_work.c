/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Worker threads and the timer thread.
 *
 *	queue()  IDLE -> PENDING, to the end of the list
 *	         running now: worker.again instead of the list
 *	worker   takes the front, PENDING -> IDLE, remembers it as current,
 *	         runs it without a lock; again: to the end of the list
 *
 * A worker never looks into an item after its function has been called, unless
 * the item was queued again meanwhile: an item may free itself, as a kernel
 * work_struct may (process_one_work(), find_worker_executing_work()).
 *
 * The timer thread sleeps until the first timer's time and queues its item
 * while it holds timer_lock, so that cancelling, which takes that lock first,
 * finds the item either armed or queued, never in between.
 */
#include "nwb/mem.h"
#include "real_i.h"

#include <errno.h>
#include <stdio.h>

static struct real_worker *find_worker(struct real_exec *re,
				       const struct nwb_work *w)
{
	for (unsigned int i = 0; i < re->nr_workers; i++)
		if (re->workers[i].current == w)
			return &re->workers[i];
	return NULL;
}

/* Under work_lock, which it releases while the item runs. */
static void run_one(struct real_exec *re, struct real_worker *self)
{
	struct nwb_work *w =
		nwb_list_first(&re->pending, struct nwb_work, link);
	nwb_work_fn fn = w->fn;

	nwb_list_del(&w->link);
	nwb_assert(w->state == NWB_WORK_PENDING);
	w->state = NWB_WORK_IDLE;
	self->current = w;

	nwb_real_mutex_unlock(&re->work_lock);
	fn(w);
	nwb_real_mutex_lock(&re->work_lock);

	self->current = NULL;
	if (self->again) {
		self->again = false;
		nwb_list_add_tail(&re->pending, &w->link);
		nwb_real_waitq_wake(&re->work_ready, false);
	}
	if (re->nr_cancellers)
		nwb_real_waitq_wake(&re->work_done, true);
}

static void *worker_main(void *arg)
{
	struct real_worker *self = arg;
	struct real_exec *re = self->re;

	nwb_real_mutex_lock(&re->work_lock);
	while (!re->work_stop) {
		if (nwb_list_empty(&re->pending))
			(void)nwb_real_waitq_wait(&re->work_ready,
						  &re->work_lock, NWB_NEVER);
		else
			run_one(re, self);
	}
	nwb_real_mutex_unlock(&re->work_lock);
	return NULL;
}

bool nwb_real_work_queue(struct nwb_work *w)
{
	struct real_exec *re = to_real(w->ex);
	struct real_worker *worker;

	nwb_real_mutex_lock(&re->work_lock);
	if (w->state == NWB_WORK_PENDING) {
		nwb_real_mutex_unlock(&re->work_lock);
		return false;
	}
	w->state = NWB_WORK_PENDING;
	worker = find_worker(re, w);
	if (worker)
		worker->again = true;
	else
		nwb_list_add_tail(&re->pending, &w->link);
	nwb_real_mutex_unlock(&re->work_lock);
	if (!worker)
		nwb_real_waitq_wake(&re->work_ready, false);
	return true;
}

void nwb_real_work_cancel_sync(struct nwb_work *w)
{
	struct real_exec *re = to_real(w->ex);
	struct real_worker *worker;

	nwb_real_mutex_lock(&re->work_lock);
	/* The run under way may queue the item again: until neither is true. */
	for (;;) {
		worker = find_worker(re, w);
		nwb_assert(!worker ||
			   !pthread_equal(worker->thread, pthread_self()));
		if (w->state == NWB_WORK_PENDING) {
			w->state = NWB_WORK_IDLE;
			nwb_list_del(&w->link);
			if (worker)
				worker->again = false;
		}
		if (!worker)
			break;
		re->nr_cancellers++;
		(void)nwb_real_waitq_wait(&re->work_done, &re->work_lock,
					  NWB_NEVER);
		re->nr_cancellers--;
	}
	nwb_real_mutex_unlock(&re->work_lock);
}

static void *timer_main(void *arg)
{
	struct real_exec *re = arg;

	nwb_real_mutex_lock(&re->timer_lock);
	while (!re->timer_stop) {
		struct nwb_timer *t =
			nwb_list_first(&re->timers, struct nwb_timer, link);
		uint64_t when = NWB_NEVER;

		if (!nwb_list_empty(&re->timers))
			when = t->when_ns;
		if (when > nwb_now_ns(&re->ex)) {
			(void)nwb_real_waitq_wait(&re->timer_changed,
						  &re->timer_lock, when);
			continue;
		}
		nwb_list_del(&t->link);
		t->is_armed = false;
		(void)nwb_real_work_queue(&t->work);
	}
	nwb_real_mutex_unlock(&re->timer_lock);
	return NULL;
}

static void disarm(struct nwb_timer *t)
{
	if (!t->is_armed)
		return;
	nwb_list_del(&t->link);
	t->is_armed = false;
}

void nwb_real_timer_arm(struct nwb_timer *t, uint64_t when_ns)
{
	struct real_exec *re = to_real(t->work.ex);
	bool is_first;

	nwb_real_mutex_lock(&re->timer_lock);
	disarm(t);
	t->when_ns = when_ns;
	t->is_armed = true;
	nwb_timer_insert(&re->timers, t);
	is_first = re->timers.next == &t->link;
	nwb_real_mutex_unlock(&re->timer_lock);
	if (is_first)
		nwb_real_waitq_wake(&re->timer_changed, false);
}

static bool is_busy(struct real_exec *re, const struct nwb_work *w)
{
	bool busy;

	nwb_real_mutex_lock(&re->work_lock);
	busy = w->state == NWB_WORK_PENDING || find_worker(re, w);
	nwb_real_mutex_unlock(&re->work_lock);
	return busy;
}

void nwb_real_timer_cancel_sync(struct nwb_timer *t)
{
	struct real_exec *re = to_real(t->work.ex);
	bool busy;

	/*
	 * The run under way may arm the timer again. Arming and firing both
	 * need timer_lock, so what is neither armed nor busy at one moment
	 * under it stays so.
	 */
	for (;;) {
		nwb_real_mutex_lock(&re->timer_lock);
		disarm(t);
		busy = is_busy(re, &t->work);
		nwb_real_mutex_unlock(&re->timer_lock);
		if (!busy)
			return;
		nwb_real_work_cancel_sync(&t->work);
	}
}

static void join_all(struct real_exec *re, bool has_timer)
{
	nwb_real_mutex_lock(&re->timer_lock);
	re->timer_stop = true;
	nwb_real_mutex_unlock(&re->timer_lock);
	nwb_real_waitq_wake(&re->timer_changed, true);
	if (has_timer)
		pthread_join(re->timer_thread, NULL);

	nwb_real_mutex_lock(&re->work_lock);
	re->work_stop = true;
	nwb_real_mutex_unlock(&re->work_lock);
	nwb_real_waitq_wake(&re->work_ready, true);
	for (unsigned int i = 0; i < re->nr_workers; i++)
		pthread_join(re->workers[i].thread, NULL);
	nwb_free(re->workers);
	re->workers = NULL;
}

int nwb_real_work_start(struct real_exec *re, unsigned int nr)
{
	int rc = 0;

	nwb_mutex_init(&re->work_lock, &re->ex, "work queue");
	nwb_waitq_init(&re->work_ready, &re->ex, "work queued");
	nwb_waitq_init(&re->work_done, &re->ex, "work done");
	nwb_list_init(&re->pending);
	nwb_mutex_init(&re->timer_lock, &re->ex, "timers");
	nwb_waitq_init(&re->timer_changed, &re->ex, "timers changed");
	nwb_list_init(&re->timers);

	re->workers = nwb_zalloc(nr * sizeof(*re->workers));
	if (!re->workers)
		return -ENOMEM;
	/* Workers look at nr_workers and each other's slots under the lock. */
	nwb_real_mutex_lock(&re->work_lock);
	for (unsigned int i = 0; i < nr && !rc; i++) {
		struct real_worker *self = &re->workers[i];
		char name[16];

		self->re = re;
		rc = -pthread_create(&self->thread, NULL, worker_main, self);
		if (rc)
			break;
		re->nr_workers++;
		(void)snprintf(name, sizeof(name), "nwb-work/%u", i % 100);
		(void)pthread_setname_np(self->thread, name);
	}
	nwb_real_mutex_unlock(&re->work_lock);
	if (rc) {
		join_all(re, false);
		return rc;
	}
	rc = -pthread_create(&re->timer_thread, NULL, timer_main, re);
	if (rc) {
		join_all(re, false);
		return rc;
	}
	(void)pthread_setname_np(re->timer_thread, "nwb-timer");
	return 0;
}

void nwb_real_work_stop(struct real_exec *re)
{
	join_all(re, true);
}
