/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A client that stands still is a verdict, never a hang of netwb.
 *
 *	nothing new in the ledger for longer than the client may wait
 *	  └► faults off (HEAL) ─► the drain bound passes ─► still nothing
 *	        └► judged as it stands, told, and the process ends
 *
 * Its threads cannot be taken back, so there is no next run in this process.
 */
#include "bench_i.h"

#include "nwb/mem.h"
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

struct bench_watchdog {
	const struct nwb_ledger *ledger;
	struct bench_supervisor *sup;
	uint64_t limit_ns;
	uint64_t bound_ns;
	void (*heal)(void *arg);
	void (*hang)(void *arg); /* does not return */
	void *arg;
	pthread_t thread;
	_Atomic bool stop;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NWB_SEC + (uint64_t)ts.tv_nsec;
}

/* What happened so far, our own heartbeat left out. */
static uint64_t progress(const struct bench_watchdog *w)
{
	return nwb_ledger_count(w->ledger) - bench_supervisor_beats(w->sup);
}

/* Return: true when nothing happened for @ns, false when told to stop. */
static bool stands_still(struct bench_watchdog *w, uint64_t ns)
{
	const struct timespec tick = {.tv_nsec = 20 * NWB_MSEC};
	uint64_t since = now_ns(), seen = progress(w);

	while (!atomic_load(&w->stop)) {
		uint64_t now = now_ns(), at = progress(w);

		/* one heartbeat may be reserved and not yet counted */
		if (at > seen + 1 || at + 1 < seen) {
			seen = at;
			since = now;
		}
		if (now - since >= ns)
			return true;
		nanosleep(&tick, NULL);
	}
	return false;
}

static void *watch(void *arg)
{
	struct bench_watchdog *w = arg;

	for (;;) {
		if (!stands_still(w, w->limit_ns))
			return NULL;
		w->heal(w->arg);
		/* a little more than the bound, so that it has passed */
		if (!stands_still(w, w->bound_ns + w->bound_ns / 4))
			return NULL;
		w->hang(w->arg);
	}
}

int bench_watchdog_start(const struct nwb_ledger *ledger,
			 struct bench_supervisor *sup, uint64_t limit_ns,
			 uint64_t bound_ns, void (*heal)(void *arg),
			 void (*hang)(void *arg), void *arg,
			 struct bench_watchdog **ret_w)
{
	struct bench_watchdog *w = nwb_zalloc(sizeof(*w));
	int rc;

	if (!w)
		return -ENOMEM;
	w->ledger = ledger;
	w->sup = sup;
	w->limit_ns = limit_ns;
	w->bound_ns = bound_ns;
	w->heal = heal;
	w->hang = hang;
	w->arg = arg;
	rc = pthread_create(&w->thread, NULL, watch, w);
	if (rc) {
		nwb_free(w);
		return -rc;
	}
	*ret_w = w;
	return 0;
}

void bench_watchdog_stop(struct bench_watchdog *w)
{
	if (!w)
		return;
	atomic_store(&w->stop, true);
	pthread_join(w->thread, NULL);
	nwb_free(w);
}
