/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Open-loop load: operations begin when they are due, not when the ones before
 * them are done, so that a stall is paid for by everything that it keeps
 * waiting (no "coordinated omission").
 *
 *	schedule   t_i = t0 + i / rate, or Poisson; made before the window, it
 *	           never slips
 *
 *	generator ──due──► backlog ──► worker 1..Q ──► write [fsync] ──► done
 *	   │                             (Q = most that are under way)
 *	   └ sleeps until t_i, hands over all that is due, late or not
 *
 *	intended t_i      actual start          complete       durable
 *	   |──── lag ────────|────── service ──────|               |
 *	   |────────────────── response ───────────|               |
 *	   |────────────────────── durable ────────────────────────|
 *
 * An operation is one write of the prepared workload; every k-th is followed by
 * an fsync of the same worker, whose place is taken until that has returned.
 * It is durable at the first return of an fsync that began after its write had
 * returned and was ok.
 *
 * What finds all Q places taken is refused a start at its time: counted, kept,
 * and begun later; its response time counts from its intended start. What was
 * never begun when the drain is over is unfinished: counted, and recorded with
 * the response time that it had reached. Nothing is left out.
 *
 * Rate 0 is the closed loop: Q workers, each begins as soon as it is free.
 * Then response and service are the same by definition.
 */
#ifndef NWB_OPENLOOP_H
#define NWB_OPENLOOP_H

#include "nwb/hist.h"
#include "nwb/workload.h"

#define NWB_OPENLOOP_RATE_MAX 10000000u /* operations a second */
#define NWB_OPENLOOP_OUT_MAX  256u

/* A percentile q is worth showing from 100 / (1 - q) samples on. */
#define NWB_OPENLOOP_P99_MIN 10000u

/**
 * struct nwb_openloop_opts - how fast, and how much at a time.
 * @rate: operations a second, 1..NWB_OPENLOOP_RATE_MAX; 0: closed loop
 * @is_poisson: exponential gaps with mean 1 / @rate instead of equal ones
 * @seed: of the gaps
 * @outstanding: most operations under way (Q), 1..NWB_OPENLOOP_OUT_MAX; 0 = 32
 * @sync_every: fsync after every k-th operation; 0: one at the very end only
 * @drain_ns: how long after the last intended start may operations still
 *	begin; 0 = 10 s
 */
struct nwb_openloop_opts {
	uint64_t rate;
	bool is_poisson;
	uint64_t seed;
	unsigned int outstanding;
	unsigned int sync_every;
	uint64_t drain_ns;
};

/**
 * struct nwb_openloop_result - what came out. All times in ns.
 * @nr_ops: scheduled = @nr_done + @nr_unfinished
 * @nr_done: returned, also with an error
 * @nr_unfinished: never begun
 * @nr_refused: found all places taken when they were due
 * @nr_errors: of @nr_done: did not write all of their bytes
 * @nr_not_durable: written, but no fsync that covers them was ok
 * @backlog_max: most operations that were due and had not begun
 * @lag_sum_ns, @lag_max_ns: actual minus intended start, of @nr_done
 * @schedule_ns: from the first intended start to the last
 * @response: complete - intended, of all @nr_ops
 * @service: complete - actual start, of @nr_done
 * @durable: durable - intended, of those that became durable
 */
struct nwb_openloop_result {
	uint64_t nr_ops;
	uint64_t nr_done;
	uint64_t nr_unfinished;
	uint64_t nr_refused;
	uint64_t nr_errors;
	uint64_t nr_not_durable;
	uint64_t backlog_max;
	uint64_t lag_sum_ns;
	uint64_t lag_max_ns;
	uint64_t schedule_ns;
	struct nwb_hist response;
	struct nwb_hist service;
	struct nwb_hist durable;
};

struct nwb_openloop;

/**
 * nwb_openloop_due() - when the @i-th of equally spaced operations is due.
 * Return: floor(@i / @rate) in ns after the first; exact, no error adds up.
 * @rate: 1..NWB_OPENLOOP_RATE_MAX
 */
uint64_t nwb_openloop_due(uint64_t i, uint64_t rate);

/**
 * nwb_openloop_new() - schedule the operations of @w; all memory of the window
 * is taken and faulted in here.
 * @ex: where it will run
 * @w: prepared, borrowed
 * @opts: copied
 * Return: 0; -EINVAL with text: a value is out of its range; -ENOMEM.
 */
int nwb_openloop_new(struct nwb_exec *ex, struct nwb_workload *w,
		     const struct nwb_openloop_opts *opts,
		     struct nwb_openloop **ret_ol,
		     struct nwb_err *err) nwb_must_check;

/**
 * nwb_openloop_run() - open the file, run all operations on @s, fsync; the
 * file stays open for nwb_workload_close(). Once only.
 * @s: its write and fsync are called by several tasks at a time
 * @cpu_ns: clock of the process' CPU time, or NULL
 * @ret_work: as nwb_workload_run() fills it; durable_ns is from the first
 *	intended start to the return of the last fsync, write_lat is the service
 *	time of writes
 * @ret: the rest
 *
 * Return: 0 also when operations failed; negative errno when the file could
 * not be opened or a task not be made.
 */
int nwb_openloop_run(struct nwb_openloop *ol, struct nwb_subject *s,
		     uint64_t (*cpu_ns)(void),
		     struct nwb_workload_result *ret_work,
		     struct nwb_openloop_result *ret,
		     struct nwb_err *err) nwb_must_check;

/* The knee is known to within this ratio. */
#define NWB_KNEE_RATIO 1.10

/* Is @rate kept? *@ret_kept says it. Not 0: the search ends with that. */
typedef int (*nwb_knee_try_fn)(void *arg, uint64_t rate, bool *ret_kept);

/**
 * nwb_knee_find() - the largest rate that is kept.
 * @guess: where to begin, operations a second
 * @nr_max: begin no further rate after so many tries
 * @try: measures; a rate is too much when two tries of it are
 * @ret_knee: the largest rate that was kept; when the tries sufficed, one that
 *	is NWB_KNEE_RATIO larger was not
 *
 * Return: 0; -ENOENT: no rate that was tried is kept; what @try returned.
 */
int nwb_knee_find(double guess, unsigned int nr_max, nwb_knee_try_fn try,
		  void *arg, uint64_t *ret_knee) nwb_must_check;

/** nwb_openloop_free() - NULL is fine; not while it runs. */
void nwb_openloop_free(struct nwb_openloop *ol);

#endif
