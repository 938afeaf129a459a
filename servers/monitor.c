/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The monitor thread of a handle: reads the agent's events, tells the owner,
 * and starts the server again when that is wanted.
 *
 * Somebody may have restarted it by hand in the meantime: the number of the
 * start (epoch) in the event tells.
 */
#include "desc.h"
#include <errno.h>
#include <signal.h>
#include <time.h>

static void tell(struct nwb_server *srv, enum nwb_server_event ev, int status)
{
	if (srv->opts.on_event)
		srv->opts.on_event(srv->opts.event_arg, ev, status);
}

/* Sleep @ns, less when the handle is being freed. */
static void stay_away(struct nwb_server *srv, uint64_t ns)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	ns += (uint64_t)ts.tv_nsec;
	ts.tv_sec += (time_t)(ns / NWB_SEC);
	ts.tv_nsec = (long)(ns % NWB_SEC);
	pthread_mutex_lock(&srv->state_lock);
	while (!atomic_load(&srv->is_stopping))
		if (pthread_cond_timedwait(&srv->wake, &srv->state_lock, &ts))
			break;
	pthread_mutex_unlock(&srv->state_lock);
}

static void start_again(struct nwb_server *srv, uint64_t epoch, int status)
{
	int rc = 0;

	stay_away(srv, srv->opts.restart_delay_ns);
	pthread_mutex_lock(&srv->start_lock);
	if (srv->epoch == epoch && !atomic_load(&srv->is_stopping)) {
		rc = nwb_server_stop_all(srv, 0);
		if (!rc && srv->opts.volatile_storage)
			rc = nwb_state_restore(srv, NULL);
		if (!rc)
			rc = nwb_server_bring_up(srv, NULL);
	}
	pthread_mutex_unlock(&srv->start_lock);
	if (rc && !atomic_load(&srv->is_stopping))
		tell(srv, NWB_SERVER_FAILED, status);
}

static void *monitor(void *arg)
{
	struct nwb_server *srv = arg;
	static const struct nwb_agent_msg none;
	struct nwb_agent_msg ev = none;
	int fds[NWB_AGENT_FDS_MAX], status = 0;
	unsigned int nr;

	while (!nwb_agent_recv(srv->link.ev, &ev, fds, &nr)) {
		while (nr)
			nwb_close_fd(&fds[--nr]);
		if (ev.op == NWB_AGENT_EV_READY) {
			tell(srv, NWB_SERVER_READY, 0);
		} else if (ev.op == NWB_AGENT_EV_DIED) {
			status = (int)ev.arg[1];
			tell(srv, NWB_SERVER_DIED, status);
			if (srv->opts.auto_restart)
				start_again(srv, ev.arg[0], status);
		}
	}
	/* The agent is gone, and nobody asked it to go. */
	if (!atomic_load(&srv->is_stopping))
		tell(srv, NWB_SERVER_FAILED, status);
	return NULL;
}

int nwb_monitor_start(struct nwb_server *srv, struct nwb_err *err)
{
	sigset_t all, old;
	int rc;

	/* Signals are the program's business, on its own threads. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&srv->monitor, NULL, monitor, srv);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc)
		return nwb_err_set(err, -rc, "start the monitor thread: %s",
				   nwb_errno_name(rc));
	srv->has_monitor = true;
	return 0;
}

void nwb_monitor_join(struct nwb_server *srv)
{
	if (srv->has_monitor)
		pthread_join(srv->monitor, NULL);
	srv->has_monitor = false;
}
