/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The public face of the executor: initialisers, argument checks, dispatch.
 *
 *	wire netfs smb2 p9 fs
 *	         |  nwb/exec.h  nwb/wait.h
 *	       exec.c
 *	     ops |  \ sock ops
 *	  real_*.c  sim_*.c
 */
#include "exec_i.h"

#include <limits.h>
#include <string.h>

int nwb_exec_run(struct nwb_exec *ex, nwb_task_fn fn, void *arg,
		 uint64_t max_ns, struct nwb_err *err)
{
	return ex->ops->run(ex, fn, arg, max_ns, err);
}

void nwb_exec_free(struct nwb_exec *ex)
{
	if (ex)
		ex->ops->free(ex);
}

bool nwb_exec_is_sim(const struct nwb_exec *ex)
{
	return ex->ops->is_sim;
}

const char *nwb_exec_io_name(const struct nwb_exec *ex)
{
	return ex->ops->io_name(ex);
}

uint64_t nwb_exec_steps(const struct nwb_exec *ex)
{
	return ex->ops->steps(ex);
}

uint64_t nwb_exec_digest(const struct nwb_exec *ex)
{
	return ex->ops->digest(ex);
}

uint64_t nwb_now_ns(struct nwb_exec *ex)
{
	return ex->ops->now(ex);
}

void nwb_sleep_until(struct nwb_exec *ex, uint64_t when_ns)
{
	ex->ops->sleep_until(ex, when_ns);
}

uint64_t nwb_random_u64(struct nwb_exec *ex)
{
	uint64_t v;

	ex->ops->random_bytes(ex, &v, sizeof(v));
	return v;
}

void nwb_random_bytes(struct nwb_exec *ex, void *buf, size_t len)
{
	ex->ops->random_bytes(ex, buf, len);
}

int nwb_task_spawn(struct nwb_exec *ex, const char *name, nwb_task_fn fn,
		   void *arg, struct nwb_task **ret_task)
{
	return ex->ops->task_spawn(ex, name, fn, arg, ret_task);
}

void nwb_task_join(struct nwb_task *task)
{
	task->ex->ops->task_join(task);
}

void nwb_yield(struct nwb_exec *ex, const char *point)
{
	ex->ops->yield(ex, point);
}

void nwb_cond_resched(struct nwb_exec *ex)
{
	ex->ops->cond_resched(ex);
}

/* --- mutex and wait queue ------------------------------------------------ */

void nwb_mutex_init(struct nwb_mutex *m, struct nwb_exec *ex, const char *name)
{
	memset(m, 0, sizeof(*m));
	m->ex = ex;
	m->name = name;
	nwb_list_init(&m->waiters);
}

void nwb_mutex_lock(struct nwb_mutex *m)
{
	m->ex->ops->mutex_lock(m);
}

void nwb_mutex_unlock(struct nwb_mutex *m)
{
	m->ex->ops->mutex_unlock(m);
}

void nwb_waitq_init(struct nwb_waitq *q, struct nwb_exec *ex, const char *name)
{
	memset(q, 0, sizeof(*q));
	q->ex = ex;
	q->name = name;
	nwb_list_init(&q->waiters);
}

int nwb_waitq_wait(struct nwb_waitq *q, struct nwb_mutex *m,
		   uint64_t deadline_ns)
{
	return q->ex->ops->waitq_wait(q, m, deadline_ns);
}

void nwb_waitq_wake_one(struct nwb_waitq *q)
{
	q->ex->ops->waitq_wake(q, false);
}

void nwb_waitq_wake_all(struct nwb_waitq *q)
{
	q->ex->ops->waitq_wake(q, true);
}

/* --- work and timers ----------------------------------------------------- */

void nwb_work_init(struct nwb_work *w, struct nwb_exec *ex, nwb_work_fn fn,
		   const char *name)
{
	nwb_list_init(&w->link);
	w->fn = fn;
	w->ex = ex;
	w->name = name;
	w->state = NWB_WORK_IDLE;
}

bool nwb_work_queue(struct nwb_work *w)
{
	return w->ex->ops->work_queue(w);
}

void nwb_work_cancel_sync(struct nwb_work *w)
{
	w->ex->ops->work_cancel_sync(w);
}

void nwb_timer_init(struct nwb_timer *t, struct nwb_exec *ex, nwb_work_fn fn,
		    const char *name)
{
	nwb_list_init(&t->link);
	nwb_work_init(&t->work, ex, fn, name);
	t->when_ns = NWB_NEVER;
	t->is_armed = false;
}

void nwb_timer_arm(struct nwb_timer *t, uint64_t when_ns)
{
	t->work.ex->ops->timer_arm(t, when_ns);
}

void nwb_timer_cancel_sync(struct nwb_timer *t)
{
	t->work.ex->ops->timer_cancel_sync(t);
}

void nwb_timer_insert(struct nwb_list *timers, struct nwb_timer *t)
{
	struct nwb_list *at = timers->prev;

	/* From the back: most timers are armed later than those before. */
	while (at != timers) {
		struct nwb_timer *other =
			nwb_list_entry(at, struct nwb_timer, link);

		if (other->when_ns <= t->when_ns)
			break;
		at = at->prev;
	}
	nwb_list_add(at, &t->link);
}

/* --- sockets ------------------------------------------------------------- */

int nwb_sock_from_fd(struct nwb_exec *ex, int fd, struct nwb_sock **ret_sock)
{
	return ex->ops->sock_from_fd(ex, fd, ret_sock);
}

int nwb_sock_pair(struct nwb_exec *ex, uint64_t latency_ns, size_t buf_bytes,
		  struct nwb_sock *ret_pair[2])
{
	nwb_assert(buf_bytes);
	return ex->ops->sock_pair(ex, latency_ns, buf_bytes, ret_pair);
}

int nwb_sock_sendv(struct nwb_sock *s, const struct iovec *iov, unsigned int nr)
{
	int rc;

	nwb_assert(!atomic_exchange(&s->is_sending, true));
	rc = s->ops->sendv(s, iov, nr);
	atomic_store(&s->is_sending, false);
	return rc;
}

ssize_t nwb_sock_recv(struct nwb_sock *s, void *buf, size_t min, size_t max)
{
	ssize_t rc;

	nwb_assert(min >= 1 && min <= max && max <= SSIZE_MAX);
	nwb_assert(!atomic_exchange(&s->is_receiving, true));
	rc = s->ops->recv(s, buf, min, max);
	atomic_store(&s->is_receiving, false);
	return rc;
}

void nwb_sock_shutdown(struct nwb_sock *s)
{
	s->ops->shutdown(s);
}

void nwb_sock_reset(struct nwb_sock *s)
{
	s->ops->reset(s);
}

void nwb_sock_close(struct nwb_sock *s)
{
	if (!s)
		return;
	nwb_assert(!atomic_load(&s->is_sending));
	nwb_assert(!atomic_load(&s->is_receiving));
	s->ops->close(s);
}

uint16_t nwb_sock_local_port(const struct nwb_sock *s)
{
	return s->local_port;
}
