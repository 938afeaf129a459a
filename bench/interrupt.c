/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ^C, TERM, HUP: the results store gets its end record, and we leave. The
 * servers' namespaces hang on a pipe of ours and go with the process, so there
 * is nothing else to tidy up and nothing to wait for.
 */
#include "bench_i.h"

#include "nwb/store.h"
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static pthread_mutex_t store_lock = PTHREAD_MUTEX_INITIALIZER;
static struct nwb_store *the_store;

void bench_interrupt_store(struct nwb_store *store)
{
	pthread_mutex_lock(&store_lock);
	the_store = store;
	pthread_mutex_unlock(&store_lock);
}

int bench_store_add(struct nwb_store *store, json_t *rec, struct nwb_err *err)
{
	int rc;

	pthread_mutex_lock(&store_lock);
	rc = nwb_store_add(store, rec, err);
	pthread_mutex_unlock(&store_lock);
	return rc;
}

static void *wait_for_signal(void *arg)
{
	int sig = 0;

	sigwait(arg, &sig);
	/* a record that is being written gets finished; then none follows */
	pthread_mutex_lock(&store_lock);
	if (the_store) {
		int rc = nwb_store_add(the_store,
				       json_pack("{s:i,s:s,s:i,s:b}", "v", 1,
						 "type", "end", "exit",
						 128 + sig, "interrupted", 1),
				       NULL);

		if (!rc)
			rc = nwb_store_seal(the_store, NULL);
		if (rc)
			fprintf(stderr, "\nnetwb: the end record could not be "
					"written\n");
	}
	fprintf(stderr, "\nnetwb: interrupted\n");
	_exit(128 + sig);
}

int bench_interrupt_setup(void)
{
	static sigset_t set;
	pthread_t thread;
	int rc;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	/* before any other thread: they all inherit the mask */
	rc = pthread_sigmask(SIG_BLOCK, &set, NULL);
	if (!rc)
		rc = pthread_create(&thread, NULL, wait_for_signal, &set);
	if (!rc)
		pthread_detach(thread);
	return -rc;
}
