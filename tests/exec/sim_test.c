/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What only the simulated executor promises. */
#include "nwb/mem.h"
#include "nwb/wait.h"

#include "nwb_test_exec.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

struct world {
	struct nwb_exec *ex;
	struct nwb_mutex a, b;
	struct nwb_waitq q;
	struct nwb_work work;
	struct nwb_timer timer;
	unsigned int order[64];
	unsigned int nr;
	uint64_t random;
	bool flag;
};

static void world_init(struct world *w, struct nwb_exec *ex, nwb_work_fn fn)
{
	memset(w, 0, sizeof(*w));
	w->ex = ex;
	nwb_mutex_init(&w->a, ex, "mutex A");
	nwb_mutex_init(&w->b, ex, "mutex B");
	nwb_waitq_init(&w->q, ex, "credits");
	nwb_work_init(&w->work, ex, fn, "collector");
	nwb_timer_init(&w->timer, ex, fn, "echo");
}

struct numbered {
	struct world *w;
	unsigned int id;
};

static void note_order(void *arg)
{
	struct numbered *n = arg;

	for (int i = 0; i < 8; i++) {
		nwb_mutex_lock(&n->w->a);
		n->w->order[n->w->nr++] = n->id;
		nwb_mutex_unlock(&n->w->a);
	}
}

static void eight_tasks_body(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct world *w = te->arg;
	struct nwb_task *task[8];
	struct numbered n[8];

	world_init(w, te->ex, NULL);
	for (unsigned int i = 0; i < 8; i++) {
		n[i].w = w;
		n[i].id = i;
		nwb_check_eq(nwb_task_spawn(te->ex, "noter", note_order, &n[i],
					    &task[i]),
			     0);
	}
	for (unsigned int i = 0; i < 8; i++)
		nwb_task_join(task[i]);
	w->random = nwb_random_u64(te->ex);
}

NWB_TEST(sim, the_seed_decides_everything)
{
	static struct world first, again, other;
	unsigned int nr_different = 0;
	uint64_t d1, d2, d3;

	for (uint64_t seed = 0; seed < 40; seed++) {
		nwb_check_eq(nwb_test_on_seed(seed, eight_tasks_body, &first,
					      &d1, NULL),
			     0);
		nwb_check_eq(nwb_test_on_seed(seed, eight_tasks_body, &again,
					      &d2, NULL),
			     0);
		nwb_check_eq(nwb_test_on_seed(seed + 1, eight_tasks_body,
					      &other, &d3, NULL),
			     0);
		nwb_check_eq(d1, d2);
		nwb_check(
			!memcmp(first.order, again.order, sizeof(first.order)));
		nwb_check_eq(first.random, again.random);
		nwb_check(d1 != d3);
		nwb_check(first.random != other.random);
		nr_different +=
			!!memcmp(first.order, other.order, sizeof(first.order));
	}
	nwb_check_eq(nr_different, 40);
}

static void resched_body(void *arg)
{
	struct nwb_test_exec *te = arg;
	uint64_t steps = nwb_exec_steps(te->ex);
	uint64_t digest = nwb_exec_digest(te->ex);

	nwb_cond_resched(te->ex);
	nwb_check_eq(nwb_exec_steps(te->ex), steps);
	nwb_check_eq(nwb_exec_digest(te->ex), digest);
	nwb_yield(te->ex, "that one is");
	nwb_check(nwb_exec_steps(te->ex) > steps);
}

NWB_TEST(sim, cond_resched_is_no_scheduling_point)
{
	nwb_check_eq(nwb_test_on_seed(1, resched_body, NULL, NULL, NULL), 0);
}

/* --- does it find what it is made for? ----------------------------------- */

static void racy_add(void *arg)
{
	struct world *w = arg;
	unsigned int seen = w->nr;

	nwb_yield(w->ex, "unprotected");
	w->nr = seen + 1;
}

static void race_body(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct world *w = te->arg;
	struct nwb_task *task[2];

	world_init(w, te->ex, NULL);
	for (int i = 0; i < 2; i++)
		nwb_check_eq(
			nwb_task_spawn(te->ex, "racer", racy_add, w, &task[i]),
			0);
	for (int i = 0; i < 2; i++)
		nwb_task_join(task[i]);
}

NWB_TEST(sim, seeds_show_a_lost_update_and_its_absence)
{
	unsigned int nr_lost = 0, nr_kept = 0;

	for (uint64_t seed = 0; seed < 50; seed++) {
		struct world w;

		nwb_check_eq(nwb_test_on_seed(seed, race_body, &w, NULL, NULL),
			     0);
		nr_lost += w.nr == 1;
		nr_kept += w.nr == 2;
	}
	nwb_check(nr_lost > 0);
	nwb_check(nr_kept > 0);
	nwb_check_eq(nr_lost + nr_kept, 50);
}

static void lock_a_then_b(void *arg)
{
	struct world *w = arg;

	nwb_mutex_lock(&w->a);
	nwb_mutex_lock(&w->b);
	nwb_mutex_unlock(&w->b);
	nwb_mutex_unlock(&w->a);
}

static void lock_b_then_a(void *arg)
{
	struct world *w = arg;

	nwb_mutex_lock(&w->b);
	nwb_mutex_lock(&w->a);
	nwb_mutex_unlock(&w->a);
	nwb_mutex_unlock(&w->b);
}

static void abba_body(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct world *w = te->arg;
	struct nwb_task *t1, *t2;

	world_init(w, te->ex, NULL);
	nwb_check_eq(nwb_task_spawn(te->ex, "issuer", lock_a_then_b, w, &t1),
		     0);
	nwb_check_eq(nwb_task_spawn(te->ex, "retryer", lock_b_then_a, w, &t2),
		     0);
	nwb_task_join(t1);
	nwb_task_join(t2);
}

NWB_TEST(sim, abba_is_found_and_told_with_all_names)
{
	unsigned int nr_dead = 0, nr_fine = 0;

	for (uint64_t seed = 0; seed < 50; seed++) {
		struct nwb_err err = {0};
		struct world w;
		int rc = nwb_test_on_seed(seed, abba_body, &w, NULL, &err);

		if (rc == 0) {
			nr_fine++;
			continue;
		}
		nr_dead++;
		nwb_check_eq(rc, -EDEADLK);
		nwb_check_eq(err.code, -EDEADLK);
		nwb_check(strstr(err.text, "issuer waits for mutex 'mutex B' "
					   "held by retryer"));
		nwb_check(strstr(err.text, "retryer waits for mutex 'mutex A' "
					   "held by issuer"));
		nwb_check(strstr(err.text, "main waits for task 'issuer'"));
	}
	nwb_check(nr_dead > 0);
	nwb_check(nr_fine > 0);
}

/* The classic: the condition is looked at without the mutex. */
static void careless_waiter(void *arg)
{
	struct world *w = arg;

	if (w->flag)
		return;
	nwb_mutex_lock(&w->a);
	(void)nwb_waitq_wait(&w->q, &w->a, NWB_NEVER);
	nwb_mutex_unlock(&w->a);
}

static void lost_wake_body(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct world *w = te->arg;
	struct nwb_task *task;

	world_init(w, te->ex, NULL);
	nwb_check_eq(
		nwb_task_spawn(te->ex, "waiter", careless_waiter, w, &task), 0);
	nwb_mutex_lock(&w->a);
	w->flag = true;
	nwb_waitq_wake_all(&w->q);
	nwb_mutex_unlock(&w->a);
	nwb_task_join(task);
}

NWB_TEST(sim, a_lost_wake_is_a_deadlock_not_a_hang)
{
	unsigned int nr_dead = 0, nr_fine = 0;

	for (uint64_t seed = 0; seed < 50; seed++) {
		struct nwb_err err = {0};
		struct world w;
		int rc = nwb_test_on_seed(seed, lost_wake_body, &w, NULL, &err);

		nr_fine += rc == 0;
		if (rc == 0)
			continue;
		nr_dead++;
		nwb_check_eq(rc, -EDEADLK);
		nwb_check(strstr(err.text, "waiter waits for waitq 'credits'"));
	}
	nwb_check(nr_dead > 0);
	nwb_check(nr_fine > 0);
}

/* --- the graph names works and sockets too ------------------------------- */

static void stuck_work(struct nwb_work *work)
{
	struct world *w = nwb_container_of(work, struct world, work);

	nwb_mutex_lock(&w->a);
	(void)nwb_waitq_wait(&w->q, &w->a, NWB_NEVER);
	nwb_mutex_unlock(&w->a);
}

static void stuck_work_body(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct world *w = te->arg;

	world_init(w, te->ex, stuck_work);
	nwb_check(nwb_work_queue(&w->work));
	nwb_yield(te->ex, "let it start, perhaps");
	while (w->work.state)
		nwb_yield(te->ex, "until it has started");
	nwb_work_cancel_sync(&w->work);
}

static void stuck_recv_body(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct nwb_sock **p = te->arg;
	char c;

	nwb_check_eq(nwb_sock_pair(te->ex, 0, 10, p), 0);
	(void)!nwb_sock_recv(p[0], &c, 1, 1);
}

NWB_TEST(sim, the_graph_names_works_and_sockets)
{
	uint64_t live = nwb_mem_live();
	struct nwb_err err = {0};
	struct nwb_sock *p[2];
	struct world w;

	nwb_check_eq(nwb_test_on_seed(1, stuck_work_body, &w, NULL, &err),
		     -EDEADLK);
	nwb_check(strstr(err.text, "main waits for work 'collector' held by "
				   "collector"));
	nwb_check(strstr(err.text, "collector waits for waitq 'credits'"));
	nwb_check_eq(nwb_test_on_seed(1, stuck_recv_body, p, NULL, &err),
		     -EDEADLK);
	nwb_check(strstr(err.text, "main waits for socket 'bytes to receive'"));
	nwb_check(!strstr(err.text, "worker"));
	/* The pair that was left open went with its world. */
	nwb_check_eq(nwb_mem_live(), live);
}

/* --- time ---------------------------------------------------------------- */

static void day_body(void *arg)
{
	struct nwb_test_exec *te = arg;
	uint64_t *ret = te->arg, start = nwb_now_ns(te->ex);

	nwb_sleep_until(te->ex, start + 24 * 3600 * NWB_SEC);
	*ret = nwb_now_ns(te->ex) - start;
}

NWB_TEST(sim, a_day_passes_at_once_and_limits_hold)
{
	struct nwb_test_exec te = {0};
	struct nwb_err err = {0};
	uint64_t took = 0;

	te.arg = &took;
	if (nwb_exec_sim_new(1, &te.ex, &err) == -ENOTSUP)
		nwb_test_skip("no simulation under ThreadSanitizer");
	nwb_check_eq(nwb_exec_run(te.ex, day_body, &te, 0, &err), 0);
	nwb_check_eq(took, 24 * 3600 * NWB_SEC);
	took = 0;
	nwb_check_eq(nwb_exec_run(te.ex, day_body, &te, NWB_SEC, &err), -ETIME);
	nwb_check_eq(took, 0);
	nwb_check(strstr(err.text, "main waits for time"));
	nwb_exec_free(te.ex);
}

static void bump(struct nwb_work *work)
{
	struct nwb_timer *t = nwb_container_of(work, struct nwb_timer, work);
	struct world *w = nwb_container_of(t, struct world, timer);

	w->nr++;
	nwb_timer_arm(t, nwb_now_ns(w->ex) + NWB_SEC);
}

static void echo_forever_body(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct world *w = te->arg;

	world_init(w, te->ex, bump);
	nwb_timer_arm(&w->timer, nwb_now_ns(te->ex) + NWB_SEC);
	nwb_mutex_lock(&w->a);
	(void)nwb_waitq_wait(&w->q, &w->a, NWB_NEVER);
	nwb_mutex_unlock(&w->a);
}

NWB_TEST(sim, a_hang_beside_a_timer_ends_with_the_time_limit)
{
	struct nwb_err err = {0};
	struct world w;

	nwb_check_eq(nwb_test_on_seed(1, echo_forever_body, &w, NULL, &err),
		     -ETIME);
	nwb_check(strstr(err.text, "main waits for waitq 'credits'"));
	nwb_check(w.nr > 3000);
}

static void spin_body(void *arg)
{
	struct nwb_test_exec *te = arg;

	for (;;)
		nwb_yield(te->ex, "no progress");
}

NWB_TEST(sim, a_world_that_spins_is_stopped)
{
	struct nwb_err err = {0};

	nwb_check_eq(nwb_test_on_seed(1, spin_body, NULL, NULL, &err), -ETIME);
	nwb_check(strstr(err.text, "livelock"));
}

/* Workers take items in the order of queueing; nothing in note_id() lets
 * another task run in between. */
struct echo {
	struct nwb_timer timer;
	struct world *w;
	unsigned int id;
};

static void note_id(struct nwb_work *work)
{
	struct nwb_timer *t = nwb_container_of(work, struct nwb_timer, work);
	struct echo *e = nwb_container_of(t, struct echo, timer);

	e->w->order[e->w->nr++] = e->id;
}

static void equal_times_body(void *arg)
{
	struct nwb_test_exec *te = arg;
	uint64_t when = nwb_now_ns(te->ex) + NWB_SEC;
	struct echo e[8];
	struct world w;

	world_init(&w, te->ex, NULL);
	for (unsigned int i = 0; i < 8; i++) {
		e[i].w = &w;
		e[i].id = i;
		nwb_timer_init(&e[i].timer, te->ex, note_id, "echo");
		nwb_timer_arm(&e[i].timer, when);
	}
	nwb_sleep_until(te->ex, when + 1);
	nwb_check_eq(w.nr, 8);
	for (unsigned int i = 0; i < 8; i++)
		nwb_check_eq(w.order[i], i);
}

NWB_TEST(sim, timers_of_one_time_fire_in_order_of_arming)
{
	if (!NWB_TEST_HAS_SIM)
		nwb_test_skip("no simulation under ThreadSanitizer");
	nwb_test_on_sim(equal_times_body, NULL);
}

/* --- latency ------------------------------------------------------------- */

static void latency_body(void *arg)
{
	struct nwb_test_exec *te = arg;
	uint64_t start = nwb_now_ns(te->ex);
	struct iovec iov = {(char[]){1, 2, 3}, 3};
	struct nwb_sock *p[2];
	char got[3];

	nwb_check_eq(nwb_sock_pair(te->ex, 7 * NWB_MSEC, 3, p), 0);
	nwb_check_eq(nwb_sock_sendv(p[0], &iov, 1), 0);
	nwb_check_eq(nwb_now_ns(te->ex), start);
	nwb_check_eq(nwb_sock_recv(p[1], got, 3, 3), 3);
	nwb_check_eq(nwb_now_ns(te->ex), start + 7 * NWB_MSEC);
	nwb_sock_shutdown(p[0]);
	nwb_check_eq(nwb_sock_recv(p[1], got, 1, 3), 0);
	nwb_check_eq(nwb_now_ns(te->ex), start + 14 * NWB_MSEC);
	nwb_sock_close(p[0]);
	nwb_sock_close(p[1]);
}

NWB_TEST(sim, bytes_and_eof_take_one_latency)
{
	if (!NWB_TEST_HAS_SIM)
		nwb_test_skip("no simulation under ThreadSanitizer");
	nwb_test_on_sim(latency_body, NULL);
}

NWB_TEST(sim, wrapping_a_descriptor_is_refused)
{
	struct nwb_sock *s;
	struct nwb_exec *ex;
	int fd[2];

	if (nwb_exec_sim_new(1, &ex, NULL) == -ENOTSUP)
		nwb_test_skip("no simulation under ThreadSanitizer");
	nwb_check(!pipe(fd));
	nwb_check_eq(nwb_sock_from_fd(ex, fd[0], &s), -ENOTSUP);
	/* Taken over all the same. */
	nwb_check(close(fd[0]) < 0);
	(void)close(fd[1]);
	nwb_exec_free(ex);
}

/* --- memory -------------------------------------------------------------- */

static void steady_body(void *arg)
{
	struct nwb_test_exec *te = arg;
	uint64_t *ret_count = te->arg, before = 0;
	struct world w;

	world_init(&w, te->ex, NULL);
	for (int round = 0; round < 20; round++) {
		struct nwb_task *task[8];
		struct numbered n = {.w = &w};

		if (round == 1)
			before = nwb_mem_count();
		w.nr = 0;
		for (int i = 0; i < 8; i++)
			nwb_check_eq(nwb_task_spawn(te->ex, "noter", note_order,
						    &n, &task[i]),
				     0);
		for (int i = 0; i < 8; i++)
			nwb_task_join(task[i]);
	}
	*ret_count = nwb_mem_count() - before;
}

NWB_TEST(sim, a_steady_state_allocates_nothing_and_all_is_freed)
{
	uint64_t count = 1, live = nwb_mem_live();

	nwb_check_eq(nwb_test_on_seed(1, steady_body, &count, NULL, NULL), 0);
	nwb_check_eq(count, 0);
	nwb_check_eq(nwb_mem_live(), live);
}

NWB_TEST(sim, start_and_spawn_survive_refused_memory)
{
	uint64_t live = nwb_mem_live();
	struct nwb_exec *ex = NULL;
	struct nwb_err err = {0};

	if (nwb_exec_sim_new(1, &ex, &err) == -ENOTSUP)
		nwb_test_skip("no simulation under ThreadSanitizer");
	nwb_mem_fail_at(1, 1);
	nwb_check_eq(nwb_exec_run(ex, steady_body, NULL, 0, &err), -ENOMEM);
	nwb_mem_fail_at(0, 0);
	nwb_exec_free(ex);
	for (uint64_t nth = 1; nth <= 3; nth++) {
		nwb_mem_fail_at(nth, 1);
		nwb_check_eq(nwb_exec_sim_new(1, &ex, &err), -ENOMEM);
		nwb_mem_fail_at(0, 0);
	}
	nwb_check_eq(nwb_mem_live(), live);
}

#if defined(__SANITIZE_ADDRESS__)
#define BEYOND_THE_STACK (1100 * NWB_KIB)
#else
#define BEYOND_THE_STACK (300 * NWB_KIB)
#endif

static int burn(volatile char *top)
{
	volatile char frame[1024];

	frame[0] = *top;
	if ((uintptr_t)top - (uintptr_t)frame > BEYOND_THE_STACK)
		return frame[0];
	return burn(top) + frame[0];
}

static void nothing(void *arg nwb_unused)
{
}

struct crowd {
	struct nwb_exec *ex;
	bool is_complete;
};

static void overflow_task(void *arg)
{
	struct crowd *crowd = arg;
	volatile char c = 0;

	while (!crowd->is_complete)
		nwb_yield(crowd->ex, "until all stacks are there");
	(void)burn(&c);
	_exit(0);
}

/* One of many stacks, so that another one is right below: without the guard
 * page the overflow would damage that one and go unnoticed. */
static void overflow_body(void *arg)
{
	struct crowd *crowd = arg;
	struct nwb_task *task[16];

	for (int i = 0; i < 16; i++)
		nwb_check_eq(nwb_task_spawn(crowd->ex, "crowd",
					    i == 7 ? overflow_task : nothing,
					    crowd, &task[i]),
			     0);
	crowd->is_complete = true;
	nwb_task_join(task[7]);
}

NWB_TEST(sim, a_stack_overflow_hits_the_guard)
{
	struct crowd crowd = {0};
	int status = 0;
	pid_t pid;

	if (nwb_exec_sim_new(1, &crowd.ex, NULL) == -ENOTSUP)
		nwb_test_skip("no simulation under ThreadSanitizer");
	pid = fork();
	nwb_check(pid >= 0);
	if (!pid) {
		(void)signal(SIGSEGV, SIG_DFL);
		(void)close(2);
		(void)!nwb_exec_run(crowd.ex, overflow_body, &crowd, 0, NULL);
		_exit(0);
	}
	nwb_check_eq(waitpid(pid, &status, 0), pid);
	nwb_check(!WIFEXITED(status) || WEXITSTATUS(status) != 0);
	nwb_exec_free(crowd.ex);
}
