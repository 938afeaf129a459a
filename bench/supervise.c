/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The harness' own entries in the ledger: the server's comings and goings, and
 * a heartbeat that proves that we were awake (a HANG of somebody else is only
 * believed while our own clock ticked).
 */
#include "bench_i.h"

#include "nwb/mem.h"
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <time.h>

struct bench_supervisor {
	struct nwb_ledger *ledger;
	pthread_t thread;
	uint64_t period_ns;
	_Atomic bool stop;
	_Atomic uint64_t beats;
	_Atomic uint32_t instance;
	bool is_volatile;
};

static void *heartbeat(void *arg)
{
	struct bench_supervisor *s = arg;
	struct timespec ts = {
		.tv_sec = (time_t)(s->period_ns / NWB_SEC),
		.tv_nsec = (long)(s->period_ns % NWB_SEC),
	};

	while (!atomic_load(&s->stop)) {
		nwb_ledger_point(s->ledger,
				 &(struct nwb_lrec){.kind = NWB_L_HEARTBEAT});
		atomic_fetch_add(&s->beats, 1);
		nanosleep(&ts, NULL);
	}
	return NULL;
}

int bench_supervisor_start(struct nwb_ledger *l, bool is_volatile,
			   uint64_t heartbeat_ns,
			   struct bench_supervisor **ret_s)
{
	struct bench_supervisor *s = nwb_zalloc(sizeof(*s));
	int rc;

	if (!s)
		return -ENOMEM;
	s->ledger = l;
	s->is_volatile = is_volatile;
	s->period_ns = heartbeat_ns;
	rc = pthread_create(&s->thread, NULL, heartbeat, s);
	if (rc) {
		nwb_free(s);
		return -rc;
	}
	*ret_s = s;
	return 0;
}

uint64_t bench_supervisor_beats(const struct bench_supervisor *s)
{
	return atomic_load(&s->beats);
}

void bench_supervisor_quiet(struct bench_supervisor *s)
{
	if (atomic_exchange(&s->stop, true))
		return;
	pthread_join(s->thread, NULL);
}

void bench_supervisor_stop(struct bench_supervisor *s)
{
	if (!s)
		return;
	bench_supervisor_quiet(s);
	nwb_free(s);
}

void bench_supervisor_event(void *arg, enum nwb_server_event ev,
			    int wait_status)
{
	struct bench_supervisor *s = arg;
	struct nwb_lrec rec = {0};

	if (ev == NWB_SERVER_READY) {
		rec.kind = NWB_L_SERVER_UP;
		rec.instance = atomic_fetch_add(&s->instance, 1) + 1;
	} else {
		rec.kind = NWB_L_SERVER_DOWN;
		rec.instance = atomic_load(&s->instance);
		rec.status = (uint32_t)wait_status;
		if (WIFSIGNALED(wait_status))
			rec.flags |= NWB_LF_CRASH;
		if (s->is_volatile)
			rec.flags |= NWB_LF_VOLATILE;
	}
	nwb_ledger_point(s->ledger, &rec);
}
