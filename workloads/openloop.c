/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The window of the open loop (model: include/nwb/openloop.h).
 *
 *	generator            lock                worker
 *	sleep until due ──► released++ ──wake──► taken++, running++
 *	                                         write, fsync: no lock held
 *	                    results  ◄────────── running--
 *
 * One lock for counters and histograms: it is held for some tens of
 * nanoseconds and never across a call of the subject. Nothing in the window
 * allocates or logs.
 */
#include "openloop_i.h"

#include "nwb/mem.h"

/* All that finished before done[@upto] is durable at @now. lock held. */
static void settle(struct nwb_openloop *ol, uint64_t upto, uint64_t now)
{
	while (ol->nr_durable < upto)
		nwb_hist_record(&ol->res->durable,
				now - ol->done[ol->nr_durable++]);
}

/* An fsync has failed: no later one says anything of what this one should have
 * covered (errseq: the error is told once, the bytes may be gone). lock held.
 */
static void give_up(struct nwb_openloop *ol, uint64_t upto)
{
	if (ol->nr_durable >= upto)
		return;
	ol->res->nr_not_durable += upto - ol->nr_durable;
	ol->nr_durable = upto;
}

static void note_error(struct nwb_openloop *ol, int err)
{
	if (err && !ol->work->first_error)
		ol->work->first_error = err;
}

/* No lock held. */
static void sync_now(struct nwb_openloop *ol)
{
	struct nwb_exec *ex = ol->s->ex;
	uint64_t upto, before, after;
	int err;

	nwb_mutex_lock(&ol->lock);
	upto = ol->nr_written;
	nwb_mutex_unlock(&ol->lock);
	before = nwb_now_ns(ex);
	err = nwb_workload_fsync(ol->w, ol->s);
	after = nwb_now_ns(ex);
	nwb_mutex_lock(&ol->lock);
	nwb_hist_record(&ol->work->fsync_lat, after - before);
	note_error(ol, err);
	if (!err)
		settle(ol, upto, after);
	else
		give_up(ol, upto);
	nwb_mutex_unlock(&ol->lock);
}

/* Operation @i returned @n. lock held. */
static void finished(struct nwb_openloop *ol, uint64_t i, ssize_t n,
		     uint64_t begun, uint64_t end)
{
	/* the closed loop intends what it does */
	uint64_t due = ol->o.rate ? ol->start_ns + ol->due[i] : begun;
	struct nwb_openloop_result *res = ol->res;

	nwb_assert(begun >= due);
	nwb_hist_record(&res->response, end - due);
	nwb_hist_record(&res->service, end - begun);
	nwb_hist_record(&ol->work->write_lat, end - begun);
	res->lag_sum_ns += begun - due;
	res->lag_max_ns = nwb_max(res->lag_max_ns, begun - due);
	res->nr_done++;
	if (n > 0)
		ol->work->bytes += (uint64_t)n;
	if (n == (ssize_t)ol->w->ops[i].len) {
		ol->done[ol->nr_written++] = due;
	} else {
		res->nr_errors++;
		note_error(ol, n < 0 ? (int)n : -EIO);
	}
}

static void one(struct nwb_openloop *ol, uint64_t i)
{
	struct nwb_exec *ex = ol->s->ex;
	uint64_t begun = nwb_now_ns(ex), end;
	ssize_t n = nwb_workload_write(ol->w, ol->s, &ol->w->ops[i]);

	end = nwb_now_ns(ex);
	nwb_mutex_lock(&ol->lock);
	finished(ol, i, n, begun, end);
	nwb_mutex_unlock(&ol->lock);
	if (ol->o.sync_every && (i + 1) % ol->o.sync_every == 0)
		sync_now(ol);
}

static void worker_main(void *arg)
{
	struct nwb_openloop *ol = arg;
	uint64_t i;

	nwb_mutex_lock(&ol->lock);
	ol->nr_ready++;
	nwb_waitq_wake_all(&ol->idle_q);
	for (;;) {
		nwb_wait_event(&ol->work_q, &ol->lock,
			       ol->taken < ol->released || ol->is_over);
		if (ol->taken == ol->released)
			break;
		ol->running++;
		i = ol->taken++;
		nwb_mutex_unlock(&ol->lock);
		one(ol, i);
		nwb_mutex_lock(&ol->lock);
		ol->running--;
		if (!ol->running && ol->taken == ol->released)
			nwb_waitq_wake_all(&ol->idle_q);
	}
	nwb_mutex_unlock(&ol->lock);
}

/* Hand over all that is due. lock held. Return: how many. */
static unsigned int release_due(struct nwb_openloop *ol, uint64_t now)
{
	struct nwb_openloop_result *res = ol->res;
	uint64_t before = ol->released;

	while (ol->released < ol->w->nr_ops &&
	       ol->start_ns + ol->due[ol->released] <= now) {
		uint64_t waiting = ol->released - ol->taken;

		if (ol->o.rate && ol->running + waiting >= ol->o.outstanding)
			res->nr_refused++;
		ol->released++;
		if (ol->o.rate)
			res->backlog_max =
				nwb_max(res->backlog_max, waiting + 1);
	}
	return (unsigned int)nwb_min(ol->released - before, (uint64_t)2);
}

static void generate(struct nwb_openloop *ol)
{
	struct nwb_exec *ex = ol->s->ex;

	while (ol->released < ol->w->nr_ops) { /* only we change it */
		unsigned int nr;

		nwb_sleep_until(ex, ol->start_ns + ol->due[ol->released]);
		nwb_mutex_lock(&ol->lock);
		nr = release_due(ol, nwb_now_ns(ex));
		nwb_mutex_unlock(&ol->lock);
		if (nr > 1)
			nwb_waitq_wake_all(&ol->work_q);
		else if (nr)
			nwb_waitq_wake_one(&ol->work_q);
	}
}

/* Until all have begun and ended, or the time for it is over. */
static void drain(struct nwb_openloop *ol)
{
	struct nwb_exec *ex = ol->s->ex;
	uint64_t last = ol->start_ns + ol->due[ol->w->nr_ops - 1];
	uint64_t limit = ol->o.rate ? last + ol->o.drain_ns : NWB_NEVER;

	nwb_mutex_lock(&ol->lock);
	while (ol->taken < ol->released && nwb_now_ns(ex) < limit)
		(void)nwb_waitq_wait(&ol->idle_q, &ol->lock, limit);
	for (uint64_t i = ol->taken, now = nwb_now_ns(ex); i < ol->released;
	     i++) {
		nwb_hist_record(&ol->res->response,
				now - ol->start_ns - ol->due[i]);
		ol->res->nr_unfinished++;
	}
	ol->released = ol->taken;
	ol->is_over = true;
	nwb_waitq_wake_all(&ol->work_q);
	nwb_wait_event(&ol->idle_q, &ol->lock, !ol->running);
	nwb_mutex_unlock(&ol->lock);
}

/* Join the workers, who must have something that lets them go. */
static void join(struct nwb_openloop *ol)
{
	nwb_mutex_lock(&ol->lock);
	ol->is_over = true;
	nwb_waitq_wake_all(&ol->work_q);
	nwb_mutex_unlock(&ol->lock);
	for (unsigned int i = 0; i < ol->nr_workers; i++)
		nwb_task_join(ol->worker[i]);
	ol->nr_workers = 0;
}

static int hire(struct nwb_openloop *ol, struct nwb_err *err)
{
	struct nwb_exec *ex = ol->s->ex;
	int rc = 0;

	for (unsigned int i = 0; i < ol->o.outstanding && !rc; i++) {
		rc = nwb_task_spawn(ex, "worker", worker_main, ol,
				    &ol->worker[i]);
		if (!rc)
			ol->nr_workers++;
	}
	if (rc) {
		join(ol);
		return nwb_err_set(err, rc, "worker: %s", nwb_errno_name(rc));
	}
	nwb_mutex_lock(&ol->lock);
	nwb_wait_event(&ol->idle_q, &ol->lock, ol->nr_ready == ol->nr_workers);
	nwb_mutex_unlock(&ol->lock);
	return 0;
}

static void begin_results(struct nwb_openloop *ol)
{
	struct nwb_openloop_result *res = ol->res;

	*res = (struct nwb_openloop_result){
		.nr_ops = ol->w->nr_ops,
		.schedule_ns = ol->due[ol->w->nr_ops - 1],
	};
	nwb_hist_init(&res->response);
	nwb_hist_init(&res->service);
	nwb_hist_init(&res->durable);
}

int nwb_openloop_run(struct nwb_openloop *ol, struct nwb_subject *s,
		     uint64_t (*cpu_ns)(void),
		     struct nwb_workload_result *ret_work,
		     struct nwb_openloop_result *ret, struct nwb_err *err)
{
	uint64_t allocs, cpu;
	int rc = nwb_workload_open(ol->w, s, ret_work, err);

	if (rc)
		return rc;
	ol->s = s;
	ol->res = ret;
	ol->work = ret_work;
	begin_results(ol);
	rc = hire(ol, err);
	if (rc) {
		nwb_workload_close(ol->w, s, ret_work);
		return rc;
	}
	allocs = nwb_mem_count();
	cpu = cpu_ns ? cpu_ns() : 0;
	ol->start_ns = nwb_now_ns(s->ex);
	generate(ol);
	drain(ol);
	sync_now(ol);
	ret_work->durable_ns = nwb_now_ns(s->ex) - ol->start_ns;
	ret_work->client_cpu_ns = cpu_ns ? cpu_ns() - cpu : 0;
	ret_work->nr_allocs = nwb_mem_count() - allocs;
	join(ol);
	nwb_assert(ol->nr_written == ol->nr_durable);
	return 0;
}
