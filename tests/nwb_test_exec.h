/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Run one test body on the executors.
 *
 *	static void body(void *arg)		   a task; may block
 *	{
 *		struct nwb_test_exec *te = arg;
 *		nwb_now_ns(te->ex) ... te->arg
 *	}
 *
 *	NWB_TEST(room, what_is_true)
 *	{
 *		struct state st = {0};
 *
 *		nwb_test_on_all(body, &st);	   io_uring, plain calls, seeds
 *	}
 *
 * nwb_test_on_sim() alone skips the test under ThreadSanitizer, which cannot
 * follow coroutines; nwb_test_on_all() then leaves the seeds out.
 *
 * Bodies run on stacks and threads that are not the test's own: make them
 * write down what they saw and check it after the run, or check in @fn itself,
 * which in the real executor is on the test's thread.
 */
#ifndef NWB_TEST_EXEC_H
#define NWB_TEST_EXEC_H

#include "nwb/exec.h"

#include "nwb_test.h"

#include <errno.h>
#include <stdio.h>

#define NWB_TEST_SEEDS 32
/* No body takes so long in virtual time, unless it is stuck. */
#define NWB_TEST_MAX_NS (3600 * NWB_SEC)

#if defined(__SANITIZE_THREAD__)
#define NWB_TEST_HAS_SIM 0
#else
#define NWB_TEST_HAS_SIM 1
#endif

struct nwb_test_exec {
	struct nwb_exec *ex;
	void *arg;
	uint64_t seed; /* simulated only */
};

/** nwb_test_on_real() - once; @io_uring may be refused, then plain calls. */
static inline void nwb_test_on_real(bool io_uring, nwb_task_fn fn, void *arg)
{
	struct nwb_exec_real_opts opts = {.no_io_uring = !io_uring};
	struct nwb_test_exec te = {.arg = arg};
	struct nwb_err err = {0};

	nwb_check_eq(nwb_exec_real_new(&opts, &te.ex, &err), 0);
	nwb_check_eq(nwb_exec_run(te.ex, fn, &te, 0, &err), 0);
	nwb_exec_free(te.ex);
}

/** nwb_test_on_seed() - once, simulated.
 * Return: what nwb_exec_run() returned; the digest if @ret_digest. */
static inline int nwb_test_on_seed(uint64_t seed, nwb_task_fn fn, void *arg,
				   uint64_t *ret_digest, struct nwb_err *err)
{
	struct nwb_test_exec te = {.arg = arg, .seed = seed};
	int rc = nwb_exec_sim_new(seed, &te.ex, err);

	if (rc == -ENOTSUP)
		nwb_test_skip("no simulation under ThreadSanitizer");
	nwb_check_eq(rc, 0);
	rc = nwb_exec_run(te.ex, fn, &te, NWB_TEST_MAX_NS, err);
	if (ret_digest)
		*ret_digest = nwb_exec_digest(te.ex);
	nwb_exec_free(te.ex);
	return rc;
}

/** nwb_test_on_sim() - NWB_TEST_SEEDS times; the first failure is told with
 * its seed and text. */
static inline void nwb_test_on_sim(nwb_task_fn fn, void *arg)
{
	for (uint64_t seed = 0; seed < NWB_TEST_SEEDS; seed++) {
		struct nwb_err err = {0};
		int rc = nwb_test_on_seed(seed, fn, arg, NULL, &err);

		if (rc)
			fprintf(stderr, "seed %llu: %s\n",
				(unsigned long long)seed, err.text);
		nwb_check_eq(rc, 0);
	}
}

/** nwb_test_on_all() - io_uring, plain calls, and the seeds. */
static inline void nwb_test_on_all(nwb_task_fn fn, void *arg)
{
	nwb_test_on_real(true, fn, arg);
	nwb_test_on_real(false, fn, arg);
	if (NWB_TEST_HAS_SIM)
		nwb_test_on_sim(fn, arg);
}

/* A check inside such a world, on coroutines and threads, does not end the test
 * at once, for all of it has to be taken down first: @w_ keeps the first that
 * fails (members wrong and line), and its owner tells at the end. */
#define EXPECT(w_, cond_)                                                      \
	do {                                                                   \
		if (!(cond_) && !(w_)->wrong) {                                \
			(w_)->wrong = #cond_;                                  \
			(w_)->line = __LINE__;                                 \
		}                                                              \
	} while (0)

#endif
