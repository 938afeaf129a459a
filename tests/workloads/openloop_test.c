/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The open loop in virtual time: every figure below is computed by hand, none
 * depends on how fast this machine is. The last tests run on threads and check
 * counts only.
 */
#include "nwb_test.h"

#include "nwb/mem.h"
#include "nwb/openloop.h"
#include "nwb/wait.h"
#include <errno.h>
#include <stdlib.h>

#define OPS_MAX 32768u

static const uint8_t the_key[16] = "sixteen bytes ok";

/* A subject that takes its time. */
struct slow {
	struct nwb_subject s;
	struct nwb_mutex lock;
	uint64_t write_ns;    /* each write takes so long */
	uint64_t stall_at_ns; /* from then on nothing returns ... */
	uint64_t stall_ns;    /* ... for so long */
	uint64_t fsync_ns;
	uint64_t fail_write; /* n-th, from 1 */
	uint64_t fail_fsync; /* n-th, from 1 */
	bool is_random;	     /* write_ns is the most, seeded */
	uint64_t t0;
	uint64_t nr_writes, nr_fsyncs;
	unsigned int busy, busy_max;
	uint64_t begun[OPS_MAX]; /* in the order of their begin */
};

static struct slow *to_slow(struct nwb_subject *s)
{
	return nwb_container_of(s, struct slow, s);
}

static int slow_open(struct nwb_subject *s, const char *name, uint16_t id,
		     unsigned int flags, struct nwb_err *err)
{
	(void)name, (void)id, (void)flags, (void)err;
	to_slow(s)->t0 = nwb_now_ns(s->ex);
	return 0;
}

static ssize_t slow_write(struct nwb_subject *s, const void *buf, size_t len,
			  uint64_t off)
{
	struct slow *w = to_slow(s);
	uint64_t nth, until, now = nwb_now_ns(s->ex);
	uint64_t stall = w->t0 + w->stall_at_ns;

	(void)buf, (void)off;
	nwb_mutex_lock(&w->lock);
	w->begun[w->nr_writes] = now - w->t0;
	nth = ++w->nr_writes;
	w->busy++;
	w->busy_max = nwb_max(w->busy_max, w->busy);
	nwb_mutex_unlock(&w->lock);
	until = now + (w->is_random ? nwb_random_u64(s->ex) % w->write_ns
				    : w->write_ns);
	if (w->stall_ns && now >= stall && now < stall + w->stall_ns)
		until = stall + w->stall_ns;
	if (until > now)
		nwb_sleep_until(s->ex, until);
	nwb_mutex_lock(&w->lock);
	w->busy--;
	nwb_mutex_unlock(&w->lock);
	return nth == w->fail_write ? -EIO : (ssize_t)len;
}

static int slow_fsync(struct nwb_subject *s)
{
	struct slow *w = to_slow(s);
	uint64_t nth;

	nwb_mutex_lock(&w->lock);
	nth = ++w->nr_fsyncs;
	nwb_mutex_unlock(&w->lock);
	if (w->fsync_ns)
		nwb_sleep_until(s->ex, nwb_now_ns(s->ex) + w->fsync_ns);
	return nth == w->fail_fsync ? -EIO : 0;
}

static int slow_close(struct nwb_subject *s)
{
	(void)s;
	return 0;
}

static const struct nwb_subject_ops slow_ops = {
	.open = slow_open,
	.write = slow_write,
	.fsync = slow_fsync,
	.close = slow_close,
};

struct fixture {
	struct nwb_exec *ex;
	struct slow *slow;
	struct nwb_workload *w;
	struct nwb_openloop *ol;
	struct nwb_workload_result work;
	struct nwb_openloop_result res;
	int rc;
};

static struct nwb_exec *exec_new(bool is_sim, uint64_t seed)
{
	struct nwb_exec *ex = NULL;
	struct nwb_err err = {0};

	if (is_sim)
		nwb_check_eq(nwb_exec_sim_new(seed, &ex, &err), 0);
	else
		nwb_check_eq(nwb_exec_real_new(NULL, &ex, &err), 0);
	return ex;
}

static struct fixture *set_up(struct nwb_exec *ex, uint64_t nr_ops,
			      const struct nwb_openloop_opts *o)
{
	static const struct nwb_workload_desc shape = {
		.name = "small", .title = "small", .block = 64, .rounds = 1};
	struct nwb_workload_opts wo = {
		.desc = &shape,
		.bytes = nr_ops * 64,
		.file = "x",
		.file_id = 1,
		.key = the_key,
	};
	struct fixture *f = calloc(1, sizeof(*f));

	nwb_check(f != NULL);
	nwb_check(nr_ops <= OPS_MAX);
	f->ex = ex;
	f->slow = calloc(1, sizeof(*f->slow));
	nwb_check(f->slow != NULL);
	f->slow->s.ops = &slow_ops;
	f->slow->s.ex = ex;
	nwb_mutex_init(&f->slow->lock, ex, "slow subject");
	nwb_check_eq(nwb_workload_prepare(&wo, &f->w, NULL), 0);
	nwb_check_eq(nwb_openloop_new(ex, f->w, o, &f->ol, NULL), 0);
	return f;
}

static void run_task(void *arg)
{
	struct fixture *f = arg;

	f->rc = nwb_openloop_run(f->ol, &f->slow->s, NULL, &f->work, &f->res,
				 NULL);
	nwb_workload_close(f->w, &f->slow->s, &f->work);
}

/* Whatever happens: nothing is left out, nothing is counted twice. */
static void check_sums(const struct fixture *f)
{
	const struct nwb_openloop_result *r = &f->res;

	nwb_check_eq(r->nr_done + r->nr_unfinished, r->nr_ops);
	nwb_check_eq(r->response.count, r->nr_ops);
	nwb_check_eq(r->service.count, r->nr_done);
	nwb_check_eq(r->durable.count + r->nr_not_durable + r->nr_errors,
		     r->nr_done);
	nwb_check_eq(f->slow->nr_writes, r->nr_done);
	if (!r->nr_unfinished)
		nwb_check_eq(r->lag_sum_ns + r->service.sum, r->response.sum);
	nwb_check_eq(f->work.nr_allocs, 0);
}

static void run(struct fixture *f)
{
	struct nwb_err err = {0};

	nwb_check_eq(nwb_exec_run(f->ex, run_task, f, 0, &err), 0);
	nwb_check_eq(f->rc, 0);
	check_sums(f);
}

static void tear_down(struct fixture *f)
{
	nwb_openloop_free(f->ol);
	nwb_workload_free(f->w);
	free(f->slow);
	free(f);
}

NWB_TEST(openloop, due_is_exact_and_adds_up_no_error)
{
	static const uint64_t rate[] = {1, 3, 7, 1000, 999983, 10000000};

	for (size_t r = 0; r < NWB_ARRAY_SIZE(rate); r++)
		for (uint64_t i = 0; i < 3000000; i += 99991) {
			uint64_t due = nwb_openloop_due(i, rate[r]);

			/* floor: due <= i / rate < due + 1, in ns */
			nwb_check(due * rate[r] <= i * NWB_SEC);
			nwb_check((due + 1) * rate[r] > i * NWB_SEC);
		}
	nwb_check_eq(nwb_openloop_due(86400ull * 999983, 999983),
		     86400 * NWB_SEC);
}

NWB_TEST(openloop, senseless_values_are_refused_with_the_limit)
{
	struct nwb_exec *ex = exec_new(false, 1);
	struct nwb_openloop_opts o = {.rate = 10, .outstanding = 4};
	struct fixture *f = set_up(ex, 64, &o);
	struct nwb_openloop *ol = NULL;
	struct nwb_err err = {0};

	o.rate = NWB_OPENLOOP_RATE_MAX + 1;
	nwb_check_eq(nwb_openloop_new(ex, f->w, &o, &ol, &err), -EINVAL);
	nwb_check(strstr(err.text, "10000000") != NULL);
	o.rate = 1;
	o.outstanding = NWB_OPENLOOP_OUT_MAX + 1;
	nwb_check_eq(nwb_openloop_new(ex, f->w, &o, &ol, &err), -EINVAL);
	nwb_check(strstr(err.text, "256") != NULL);
	nwb_check(!ol);
	tear_down(f);
	nwb_exec_free(ex);
}

NWB_TEST(openloop, threads_leave_nothing_out)
{
	struct nwb_exec *ex = exec_new(false, 1);
	struct nwb_openloop_opts o = {.rate = 50000,
				      .outstanding = 8,
				      .sync_every = 100,
				      .drain_ns = 600 * NWB_SEC};
	struct fixture *f = set_up(ex, 4000, &o);

	f->slow->fail_write = 77;
	run(f);
	nwb_check_eq(f->res.nr_done, 4000);
	nwb_check_eq(f->res.nr_errors, 1);
	nwb_check_eq(f->work.first_error, -EIO);
	nwb_check_eq(f->work.fsync_lat.count, 41);
	nwb_check(f->slow->busy_max <= 8);
	tear_down(f);
	nwb_exec_free(ex);
}

NWB_TEST(openloop, threads_in_a_closed_loop)
{
	struct nwb_exec *ex = exec_new(false, 1);
	struct nwb_openloop_opts o = {.rate = 0, .outstanding = 3};
	struct fixture *f = set_up(ex, 4000, &o);

	run(f);
	nwb_check_eq(f->res.nr_refused, 0);
	nwb_check_eq(f->res.lag_max_ns, 0);
	nwb_check_eq(f->res.backlog_max, 0);
	nwb_check(f->slow->busy_max <= 3);
	tear_down(f);
	nwb_exec_free(ex);
}

/* A subject that keeps what is not above its capacity, seen through noise. */
struct capacity {
	double ops_s;
	uint64_t random;
	unsigned int lies_of_100; /* a kept rate is called not kept */
	unsigned int nr;
};

static int try_capacity(void *arg, uint64_t rate, bool *ret_kept)
{
	struct capacity *c = arg;

	c->nr++;
	c->random = c->random * 6364136223846793005u + 1442695040888963407u;
	*ret_kept = (double)rate <= c->ops_s &&
		    (c->random >> 33) % 100 >= c->lies_of_100;
	return 0;
}

NWB_TEST(knee, found_from_any_guess_within_its_ratio)
{
	for (double ops_s = 50; ops_s < 3e6; ops_s *= 1.7)
		for (double guess = ops_s / 8; guess < ops_s * 8;
		     guess *= 1.3) {
			struct capacity c = {.ops_s = ops_s};
			uint64_t knee = 0;

			nwb_check_eq(nwb_knee_find(guess, 64, try_capacity, &c,
						   &knee),
				     0);
			nwb_check((double)knee <= ops_s);
			/* rates are whole numbers: one is lost to rounding */
			nwb_check((double)(knee + 1) * NWB_KNEE_RATIO >= ops_s);
			nwb_check(c.nr < 40);
		}
}

NWB_TEST(knee, one_bad_moment_is_not_a_knee)
{
	unsigned int near = 0;

	for (unsigned int i = 0; i < 200; i++) {
		struct capacity c = {
			.ops_s = 10000, .random = i, .lies_of_100 = 10};
		uint64_t knee = 0;

		nwb_check_eq(nwb_knee_find(12000, 64, try_capacity, &c, &knee),
			     0);
		nwb_check(knee <= 10000);
		near += (double)knee * 1.25 >= 10000;
	}
	/* a kept rate is called too much in one of 100 cases */
	nwb_check(near >= 180);
}

static int try_nothing(void *arg, uint64_t rate, bool *ret_kept)
{
	(void)rate;
	*ret_kept = false;
	return *(int *)arg;
}

NWB_TEST(knee, none_is_said_and_errors_end_it)
{
	uint64_t knee = 77;
	int rc = 0;

	nwb_check_eq(nwb_knee_find(1000, 16, try_nothing, &rc, &knee), -ENOENT);
	rc = -EIO;
	nwb_check_eq(nwb_knee_find(1000, 16, try_nothing, &rc, &knee), -EIO);
	nwb_check_eq(knee, 77);
}

NWB_TEST(knee, no_rate_is_above_the_limit)
{
	struct capacity c = {.ops_s = 1e12};
	uint64_t knee = 0;

	nwb_check_eq(nwb_knee_find(5e6, 64, try_capacity, &c, &knee), 0);
	nwb_check_eq(knee, NWB_OPENLOOP_RATE_MAX);
}

#ifndef NWB_TEST_SEQUENTIAL /* ThreadSanitizer has no simulated executor */

/* A bucket of the histogram is 1/64 of an octave wide. */
static bool is_about(uint64_t is, uint64_t want)
{
	uint64_t off = is > want ? is - want : want - is;

	return off <= want / 128;
}

/*
 * One place, 1 ms of service, one operation every 2 ms, 20 s: 10,000 of them.
 * At 5 s the subject stands still for 1.4 s. One operation is inside; 699 more
 * become due meanwhile. Then one is done every millisecond while one comes
 * every second one: the queue shrinks by one every 2 ms, for another 1.4 s.
 * Response times fall from 1.4 s by 1 ms an operation, down to 1 ms: 1,400
 * operations see the stall, the 100 slowest of 10,000 end at 1.4 s - 100 ms.
 * The closed view (service) knows one slow operation.
 */
NWB_TEST(openloop, a_stall_is_paid_for_by_all_who_wait)
{
	struct nwb_exec *ex = exec_new(true, 1);
	struct nwb_openloop_opts o = {.rate = 500, .outstanding = 1};
	struct fixture *f = set_up(ex, 10000, &o);
	const struct nwb_openloop_result *r = &f->res;
	uint64_t slow = 0;

	f->slow->write_ns = NWB_MSEC;
	f->slow->stall_at_ns = 5 * NWB_SEC;
	f->slow->stall_ns = 1400 * NWB_MSEC;
	run(f);
	nwb_check_eq(nwb_hist_quantile(&r->response, 1), 1400 * NWB_MSEC);
	nwb_check(is_about(nwb_hist_quantile(&r->response, 0.99),
			   1300 * NWB_MSEC));
	nwb_check(is_about(nwb_hist_quantile(&r->service, 0.99), NWB_MSEC));
	nwb_check_eq(nwb_hist_quantile(&r->service, 1), 1400 * NWB_MSEC);
	nwb_check_eq(nwb_hist_quantile(&r->response, 0), NWB_MSEC);
	/* 1400 + 1399 + ... + 1, and the rest at 1 ms: with one of them at
	 * 1 ms, 1,399 are slower than that */
	nwb_check_eq(r->response.sum,
		     (1400ull * 1401 / 2 + (10000 - 1400)) * NWB_MSEC);
	for (unsigned int i = 0; i < NWB_HIST_NR; i++)
		if (nwb_hist_bucket_low(i) > NWB_MSEC)
			slow += r->response.bin[i];
	nwb_check_eq(slow, 1399);
	/* the one due 2 ms after the stall began waits until its end */
	nwb_check_eq(r->lag_max_ns, 1398 * NWB_MSEC);
	/* at 6.398 s 699 are due and wait; one more comes with the end */
	nwb_check(r->backlog_max == 699 || r->backlog_max == 700);
	nwb_check_eq(f->slow->begun[2499], 4998 * NWB_MSEC);
	nwb_check_eq(f->slow->begun[9999], 19998 * NWB_MSEC);
	tear_down(f);
	nwb_exec_free(ex);
}

/* 5 ms of service, 1 ms between: i is begun at 5 i, has lag 4 i. */
NWB_TEST(openloop, the_schedule_never_slips)
{
	struct nwb_exec *ex = exec_new(true, 2);
	struct nwb_openloop_opts o = {.rate = 1000, .outstanding = 1};
	struct fixture *f = set_up(ex, 100, &o);

	f->slow->write_ns = 5 * NWB_MSEC;
	run(f);
	nwb_check_eq(f->res.schedule_ns, 99 * NWB_MSEC);
	nwb_check_eq(f->res.response.max, (4 * 99 + 5) * NWB_MSEC);
	nwb_check_eq(f->res.service.max, 5 * NWB_MSEC);
	nwb_check_eq(f->res.service.min, 5 * NWB_MSEC);
	nwb_check_eq(f->res.lag_max_ns, 4 * 99 * NWB_MSEC);
	nwb_check_eq(f->res.lag_sum_ns, 4ull * 99 * 100 / 2 * NWB_MSEC);
	/* all but the first found the only place taken */
	nwb_check_eq(f->res.nr_refused, 99);
	/* at 99 ms 20 have begun */
	nwb_check_eq(f->res.backlog_max, 80);
	nwb_check_eq(f->work.durable_ns, 500 * NWB_MSEC);
	tear_down(f);
	nwb_exec_free(ex);
}

/* As much at a time as is allowed, and no refusal before that. */
NWB_TEST(openloop, so_many_places_so_many_at_a_time)
{
	struct nwb_exec *ex = exec_new(true, 3);
	struct nwb_openloop_opts o = {.rate = 1000, .outstanding = 8};
	struct fixture *f = set_up(ex, 1000, &o);

	f->slow->write_ns = 7500 * NWB_USEC; /* 8 of them always fit */
	run(f);
	nwb_check_eq(f->slow->busy_max, 8);
	nwb_check_eq(f->res.nr_refused, 0);
	nwb_check_eq(f->res.lag_max_ns, 0);
	nwb_check_eq(f->res.response.max, 7500 * NWB_USEC);
	tear_down(f);
	nwb_exec_free(ex);
}

/*
 * Two places, writes that take 100 s, ten operations in 0.9 s, 1 s to drain:
 * at 1.9 s eight have not begun. They stand in the response histogram with
 * what they had waited, 1.9 s - i * 0.1 s.
 */
NWB_TEST(openloop, what_never_began_is_recorded_as_it_stands)
{
	struct nwb_exec *ex = exec_new(true, 4);
	struct nwb_openloop_opts o = {
		.rate = 10, .outstanding = 2, .drain_ns = NWB_SEC};
	struct fixture *f = set_up(ex, 10, &o);

	f->slow->write_ns = 100 * NWB_SEC;
	run(f);
	nwb_check_eq(f->res.nr_unfinished, 8);
	nwb_check_eq(f->res.nr_done, 2);
	nwb_check_eq(f->res.nr_refused, 8);
	nwb_check_eq(f->res.response.min, NWB_SEC);
	nwb_check_eq(f->res.response.sum,
		     200 * NWB_SEC + (8 * 1900 - 100 * (44)) * NWB_MSEC);
	tear_down(f);
	nwb_exec_free(ex);
}

/*
 * Every 10 ms one write of 1 ms, an fsync of 3 ms after every tenth: begun at
 * 91 ms, back at 94 ms. The ten before it are durable 94, 84, ... 4 ms after
 * they were due.
 */
NWB_TEST(openloop, durable_is_counted_to_the_fsync_that_covers_it)
{
	struct nwb_exec *ex = exec_new(true, 5);
	struct nwb_openloop_opts o = {
		.rate = 100, .outstanding = 4, .sync_every = 10};
	struct fixture *f = set_up(ex, 100, &o);

	f->slow->write_ns = NWB_MSEC;
	f->slow->fsync_ns = 3 * NWB_MSEC;
	run(f);
	nwb_check_eq(f->res.durable.count, 100);
	nwb_check_eq(f->res.durable.min, 4 * NWB_MSEC);
	nwb_check_eq(f->res.durable.max, 94 * NWB_MSEC);
	nwb_check_eq(f->res.durable.sum, 10 * (940 - 450) * NWB_MSEC);
	nwb_check_eq(f->res.response.max, NWB_MSEC);
	nwb_check_eq(f->work.fsync_lat.count, 11);
	tear_down(f);
	nwb_exec_free(ex);
}

/* The second fsync fails: its ten are nobody's, the others are not touched. */
NWB_TEST(openloop, a_failed_fsync_makes_nothing_durable_later)
{
	struct nwb_exec *ex = exec_new(true, 6);
	struct nwb_openloop_opts o = {
		.rate = 100, .outstanding = 4, .sync_every = 10};
	struct fixture *f = set_up(ex, 100, &o);

	f->slow->write_ns = NWB_MSEC;
	f->slow->fsync_ns = 3 * NWB_MSEC;
	f->slow->fail_fsync = 2;
	f->slow->fail_write = 55;
	run(f);
	nwb_check_eq(f->res.nr_not_durable, 10);
	nwb_check_eq(f->res.nr_errors, 1);
	nwb_check_eq(f->res.durable.count, 89);
	nwb_check_eq(f->work.first_error, -EIO);
	tear_down(f);
	nwb_exec_free(ex);
}

/* A write that takes longer than the fsync of another is not covered by it:
 * the first one returns at 25 ms, the fsync after the second at 12 ms. */
NWB_TEST(openloop, an_fsync_covers_only_what_had_returned)
{
	struct nwb_exec *ex = exec_new(true, 7);
	struct nwb_openloop_opts o = {
		.rate = 100, .outstanding = 4, .sync_every = 2};
	struct fixture *f = set_up(ex, 4, &o);

	f->slow->stall_at_ns = 0;
	f->slow->stall_ns = 1; /* only the one that begins at 0 */
	f->slow->write_ns = 0;
	f->slow->fsync_ns = 2 * NWB_MSEC;
	f->slow->stall_ns = 5 * NWB_MSEC;
	run(f);
	/* 0: back at 5 ms, fsync of op 1 [10, 12]: 12 ms; 1: 2 ms;
	 * 2: back at 20 ms, fsync of op 3 [30, 32]: 12 ms; 3: 2 ms */
	nwb_check_eq(f->res.durable.sum, 28 * NWB_MSEC);
	tear_down(f);

	f = set_up(ex, 4, &o);
	f->slow->stall_ns = 11 * NWB_MSEC; /* 0 and 1 are back at 11 ms */
	f->slow->fsync_ns = 30 * NWB_MSEC;
	run(f);
	/* fsync of op 1 [11, 41] covers 0 and 1: 41 + 31; that of op 3
	 * [30, 60] covers 2 and 3: 40 + 30 */
	nwb_check_eq(f->res.durable.sum, 142 * NWB_MSEC);
	tear_down(f);
	nwb_exec_free(ex);
}

static void poisson(uint64_t seed, uint64_t nr, struct fixture **ret_f)
{
	struct nwb_exec *ex = exec_new(true, 8);
	struct nwb_openloop_opts o = {.rate = 1000,
				      .is_poisson = true,
				      .seed = seed,
				      .outstanding = 4};

	*ret_f = set_up(ex, nr, &o);
	run(*ret_f);
	nwb_exec_free(ex);
}

NWB_TEST(openloop, poisson_gaps_follow_from_the_seed)
{
	const uint64_t nr = 20000;
	uint64_t above = 0, last = 0;
	struct fixture *a, *b, *c;
	size_t bytes;

	poisson(5, nr, &a);
	poisson(5, nr, &b);
	poisson(6, nr, &c);
	bytes = nr * sizeof(a->slow->begun[0]);
	nwb_check_eq(memcmp(a->slow->begun, b->slow->begun, bytes), 0);
	nwb_check(memcmp(a->slow->begun, c->slow->begun, bytes) != 0);
	/* exponential: mean 1 ms, 1/e of the gaps are longer than the mean */
	nwb_check(a->res.schedule_ns > 97 * nr / 100 * NWB_MSEC);
	nwb_check(a->res.schedule_ns < 103 * nr / 100 * NWB_MSEC);
	for (uint64_t i = 1; i < nr; i++) {
		uint64_t gap = a->slow->begun[i] - a->slow->begun[i - 1];

		nwb_check(a->slow->begun[i] >= last);
		last = a->slow->begun[i];
		above += gap > NWB_MSEC;
	}
	nwb_check(above > nr * 35 / 100 && above < nr * 39 / 100);
	tear_down(a);
	tear_down(b);
	tear_down(c);
}

NWB_TEST(openloop, closed_loop_runs_at_the_subjects_speed)
{
	struct nwb_exec *ex = exec_new(true, 9);
	struct nwb_openloop_opts o = {.rate = 0, .outstanding = 4};
	struct fixture *f = set_up(ex, 400, &o);

	f->slow->write_ns = NWB_MSEC;
	run(f);
	nwb_check_eq(f->work.durable_ns, 100 * NWB_MSEC);
	nwb_check_eq(f->res.response.sum, 400 * NWB_MSEC);
	nwb_check_eq(f->res.nr_refused, 0);
	nwb_check_eq(f->res.lag_max_ns, 0);
	tear_down(f);
	nwb_exec_free(ex);
}

NWB_TEST(openloop, any_order_of_the_tasks_leaves_nothing_out)
{
	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct nwb_exec *ex = exec_new(true, seed);
		struct nwb_openloop_opts o = {
			.rate = 500 * (1 + seed % 4),
			.is_poisson = seed % 2,
			.seed = seed,
			.outstanding = 1 + (unsigned int)seed % 7,
			.sync_every = (unsigned int)seed % 5,
			.drain_ns = (1 + seed % 3) * 50 * NWB_MSEC,
		};
		struct fixture *f = set_up(ex, 300, &o);

		f->slow->write_ns = 6 * NWB_MSEC;
		f->slow->is_random = true;
		f->slow->fsync_ns = seed % 4 * NWB_MSEC;
		f->slow->fail_write = seed % 6 * 40;
		f->slow->fail_fsync = seed % 5;
		run(f);
		nwb_check(f->slow->busy_max <= o.outstanding);
		tear_down(f);
		nwb_exec_free(ex);
	}
}
#endif
