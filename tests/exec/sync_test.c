/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Mutex, wait queue, tasks, clock: the same bodies on every executor. */
#include "nwb/mem.h"
#include "nwb/wait.h"

#include "nwb_test_exec.h"

#define NR_TASKS 4

struct counter {
	struct nwb_exec *ex;
	struct nwb_mutex m;
	uint64_t value;
	unsigned int rounds;
	int inside;
	int overlaps;
};

/* Not atomic on purpose: only the mutex makes the sum right. */
static void add_many(void *arg)
{
	struct counter *c = arg;

	for (unsigned int i = 0; i < c->rounds; i++) {
		uint64_t seen;

		nwb_mutex_lock(&c->m);
		c->overlaps += c->inside++ != 0;
		seen = c->value;
		nwb_yield(c->ex, "between load and store");
		c->value = seen + 1;
		c->inside--;
		nwb_mutex_unlock(&c->m);
	}
}

static void exclusion_body(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct counter c = {.ex = te->ex};
	struct nwb_task *task[NR_TASKS];

	c.rounds = nwb_exec_is_sim(te->ex) ? 50 : 20000;
	nwb_mutex_init(&c.m, te->ex, "counter");
	for (int i = 0; i < NR_TASKS; i++)
		nwb_check_eq(
			nwb_task_spawn(te->ex, "adder", add_many, &c, &task[i]),
			0);
	for (int i = 0; i < NR_TASKS; i++)
		nwb_task_join(task[i]);
	nwb_check_eq(c.value, (uint64_t)NR_TASKS * c.rounds);
	nwb_check_eq(c.overlaps, 0);
}

NWB_TEST(mutex, excludes)
{
	nwb_test_on_all(exclusion_body, NULL);
}

/* --- bounded queue: each item must arrive once, nobody may be left asleep - */

struct queue {
	struct nwb_mutex m;
	struct nwb_waitq not_full;
	struct nwb_waitq not_empty;
	unsigned int depth;
	uint64_t taken_sum;
	unsigned int nr_taken;
	unsigned int nr_put;
	unsigned int nr_each;
	bool wake_unlocked;
	uint64_t slot[2];
};

static void wake_after(struct queue *q, struct nwb_waitq *wq)
{
	if (!q->wake_unlocked)
		nwb_waitq_wake_one(wq);
	nwb_mutex_unlock(&q->m);
	if (q->wake_unlocked)
		nwb_waitq_wake_one(wq);
}

static void producer(void *arg)
{
	struct queue *q = arg;

	for (unsigned int i = 0; i < q->nr_each; i++) {
		nwb_mutex_lock(&q->m);
		nwb_wait_event(&q->not_full, &q->m,
			       q->depth < NWB_ARRAY_SIZE(q->slot));
		q->slot[q->depth++] = ++q->nr_put;
		wake_after(q, &q->not_empty);
	}
}

static void consumer(void *arg)
{
	struct queue *q = arg;

	for (unsigned int i = 0; i < q->nr_each; i++) {
		nwb_mutex_lock(&q->m);
		nwb_wait_event(&q->not_empty, &q->m, q->depth > 0);
		q->taken_sum += q->slot[--q->depth];
		q->nr_taken++;
		wake_after(q, &q->not_full);
	}
}

static void no_lost_wake_body(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct nwb_task *task[2 * NR_TASKS];
	bool wake_unlocked = *(bool *)te->arg;
	struct queue q = {.wake_unlocked = wake_unlocked};
	uint64_t all;

	q.nr_each = nwb_exec_is_sim(te->ex) ? 20 : 3000;
	nwb_mutex_init(&q.m, te->ex, "queue");
	nwb_waitq_init(&q.not_full, te->ex, "not full");
	nwb_waitq_init(&q.not_empty, te->ex, "not empty");
	for (int i = 0; i < 2 * NR_TASKS; i++)
		nwb_check_eq(nwb_task_spawn(te->ex, i % 2 ? "putter" : "taker",
					    i % 2 ? producer : consumer, &q,
					    &task[i]),
			     0);
	for (int i = 0; i < 2 * NR_TASKS; i++)
		nwb_task_join(task[i]);
	all = (uint64_t)NR_TASKS * q.nr_each;
	nwb_check_eq(q.nr_taken, all);
	nwb_check_eq(q.taken_sum, all * (all + 1) / 2);
}

NWB_TEST(waitq, loses_no_wake_under_the_mutex)
{
	bool wake_unlocked = false;

	nwb_test_on_all(no_lost_wake_body, &wake_unlocked);
}

NWB_TEST(waitq, loses_no_wake_after_the_mutex)
{
	bool wake_unlocked = true;

	nwb_test_on_all(no_lost_wake_body, &wake_unlocked);
}

/* --- wake_all, deadlines ------------------------------------------------- */

struct gate {
	struct nwb_mutex m;
	struct nwb_waitq q;
	bool is_open;
	unsigned int nr_through;
};

static void pass_gate(void *arg)
{
	struct gate *g = arg;

	nwb_mutex_lock(&g->m);
	nwb_wait_event(&g->q, &g->m, g->is_open);
	g->nr_through++;
	nwb_mutex_unlock(&g->m);
}

static void wake_all_body(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct nwb_task *task[8];
	struct gate g = {0};

	nwb_mutex_init(&g.m, te->ex, "gate");
	nwb_waitq_init(&g.q, te->ex, "open");
	for (int i = 0; i < 8; i++)
		nwb_check_eq(nwb_task_spawn(te->ex, "passer", pass_gate, &g,
					    &task[i]),
			     0);
	nwb_mutex_lock(&g.m);
	nwb_check_eq(g.nr_through, 0);
	g.is_open = true;
	nwb_waitq_wake_all(&g.q);
	nwb_mutex_unlock(&g.m);
	for (int i = 0; i < 8; i++)
		nwb_task_join(task[i]);
	nwb_check_eq(g.nr_through, 8);
}

NWB_TEST(waitq, wakes_all)
{
	nwb_test_on_all(wake_all_body, NULL);
}

static void deadline_body(void *arg)
{
	struct nwb_test_exec *te = arg;
	uint64_t start = nwb_now_ns(te->ex), when = start + 3 * NWB_MSEC;
	struct gate g = {0};
	int rc = 0;

	nwb_mutex_init(&g.m, te->ex, "gate");
	nwb_waitq_init(&g.q, te->ex, "never");
	nwb_mutex_lock(&g.m);
	while (rc == 0)
		rc = nwb_waitq_wait(&g.q, &g.m, when);
	nwb_check_eq(rc, -ETIMEDOUT);
	nwb_check(nwb_now_ns(te->ex) >= when);
	/* In the past: at once, and with the mutex. */
	rc = 0;
	while (rc == 0)
		rc = nwb_waitq_wait(&g.q, &g.m, start);
	nwb_check_eq(rc, -ETIMEDOUT);
	nwb_mutex_unlock(&g.m);
	nwb_sleep_until(te->ex, when + NWB_MSEC);
	nwb_check(nwb_now_ns(te->ex) >= when + NWB_MSEC);
	nwb_sleep_until(te->ex, start);
	if (nwb_exec_is_sim(te->ex))
		nwb_check_eq(nwb_now_ns(te->ex), when + NWB_MSEC);
}

NWB_TEST(waitq, times_out_not_before_the_deadline)
{
	nwb_test_on_all(deadline_body, NULL);
}

/* A wait that was woken must not inherit the last one's time-out. */
static void open_gate(void *arg)
{
	struct gate *g = arg;

	nwb_mutex_lock(&g->m);
	g->is_open = true;
	nwb_waitq_wake_all(&g->q);
	nwb_mutex_unlock(&g->m);
}

static void woken_after_timeout_body(void *arg)
{
	struct nwb_test_exec *te = arg;
	uint64_t soon = nwb_now_ns(te->ex) + NWB_MSEC;
	struct nwb_task *task;
	struct gate g = {0};

	nwb_mutex_init(&g.m, te->ex, "gate");
	nwb_waitq_init(&g.q, te->ex, "open");
	nwb_mutex_lock(&g.m);
	while (nwb_waitq_wait(&g.q, &g.m, soon) == 0)
		;
	nwb_check_eq(nwb_task_spawn(te->ex, "opener", open_gate, &g, &task), 0);
	while (!g.is_open)
		nwb_check_eq(nwb_waitq_wait(&g.q, &g.m, NWB_NEVER), 0);
	nwb_mutex_unlock(&g.m);
	nwb_task_join(task);
}

NWB_TEST(waitq, a_wake_after_a_timeout_is_a_wake)
{
	nwb_test_on_all(woken_after_timeout_body, NULL);
}

/* The window between letting go of the mutex and falling asleep is too short
 * to be hit on demand; what closes it is that every wake moves the counter on
 * which the sleeper sleeps, sleepers or not. */
NWB_TEST(waitq, every_wake_moves_the_counter)
{
	struct nwb_exec *ex;
	struct nwb_waitq q;

	nwb_check_eq(nwb_exec_real_new(NULL, &ex, NULL), 0);
	nwb_waitq_init(&q, ex, "empty");
	nwb_waitq_wake_one(&q);
	nwb_check_eq(q.seq, 1);
	nwb_waitq_wake_all(&q);
	nwb_check_eq(q.seq, 2);
	nwb_exec_free(ex);
}

/* --- random -------------------------------------------------------------- */

static void random_body(void *arg)
{
	struct nwb_test_exec *te = arg;
	uint64_t a = nwb_random_u64(te->ex), b = nwb_random_u64(te->ex);
	uint8_t bytes[67] = {0};
	uint64_t ored = 0;

	nwb_check(a != b);
	/* Every byte must be reached: all zero in 32 draws is 2^-256. */
	for (int round = 0; round < 32; round++) {
		nwb_random_bytes(te->ex, bytes, 65);
		ored |= bytes[64];
	}
	nwb_check(ored);
	nwb_check_eq(bytes[65], 0);
	nwb_check_eq(bytes[66], 0);
}

NWB_TEST(exec, random_fills_exactly_what_is_asked)
{
	nwb_test_on_all(random_body, NULL);
}

NWB_TEST(exec, reports_what_it_is)
{
	struct nwb_exec_real_opts opts = {.no_io_uring = true};
	struct nwb_exec *ex;

	nwb_check_eq(nwb_exec_real_new(&opts, &ex, NULL), 0);
	nwb_check(!nwb_exec_is_sim(ex));
	nwb_check_streq(nwb_exec_io_name(ex), "syscalls");
	nwb_check_eq(nwb_exec_steps(ex), 0);
	nwb_check_eq(nwb_exec_digest(ex), 0);
	nwb_exec_free(ex);
	nwb_exec_free(NULL);
}

NWB_TEST(exec, start_survives_refused_memory)
{
	uint64_t live = nwb_mem_live();

	for (uint64_t nth = 1; nth <= 2; nth++) {
		struct nwb_err err = {0};
		struct nwb_exec *ex = NULL;

		nwb_mem_fail_at(nth, 1);
		nwb_check_eq(nwb_exec_real_new(NULL, &ex, &err), -ENOMEM);
		nwb_mem_fail_at(0, 0);
		nwb_check(err.text[0]);
	}
	nwb_check_eq(nwb_mem_live(), live);
}
