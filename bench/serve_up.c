/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Make the server, wait, unmake it; see serve_i.h. */
#include "serve_i.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Four records a request: 512 MiB of them at most; a longer run is told that
 * its ledger was full. Unused slots cost nothing. */
#define LEDGER_SLOTS (4ull << 20)
#define LOOK_MS	     500 /* for an end of the mount that nobody tells us of */
#define GRACE_NS     (5 * NWB_SEC) /* of a command that was told to end */

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NWB_SEC + (uint64_t)ts.tv_nsec;
}

/* --- making --------------------------------------------------------------- */

/* Level bench: a payload without our stamps says nothing. */
static int make_ledgers(struct serve *s, struct nwb_err *err)
{
	int rc = bench_ledgers_new(&s->l, NULL, LEDGER_SLOTS, 0,
				   s->cli.run.seed, err);

	if (rc)
		return rc;
	s->l.ledger.hdr->learns = 1;
	return s->cli.plan ? nwb_plan_compile(s->cli.plan, s->l.page, s->server,
					      err)
			   : 0;
}

static void on_event(void *arg, enum nwb_server_event ev, int wait_status)
{
	struct serve *s = arg;

	bench_supervisor_event(s->sup, ev, wait_status);
	if (ev == NWB_SERVER_FAILED && eventfd_write(s->event_fd, 1))
		return; /* then it is seen at the end */
}

static int make_server(struct serve *s, struct nwb_err *err)
{
	char shim[4096];
	struct nwb_server_opts so = {
		.name = s->server,
		.binary_path = s->cli.run.server_binary,
		.isolation = s->cli.run.isolation,
		.ctl_fd = s->l.page_fd,
		.ledger_fd = s->l.ledger_fd,
		.on_event = on_event,
		.event_arg = s,
		.shim_path = shim,
	};
	int rc = bench_shim_path(shim, sizeof(shim), err);

	if (rc)
		return rc;
	bench_server_opts(s->cli.plan, &so);
	so.multichannel |= s->mount && bench_channels(&s->cli.run) > 1;
	rc = bench_supervisor_start(&s->l.ledger, so.volatile_storage,
				    100 * NWB_MSEC, &s->sup);
	if (rc)
		return nwb_err_set(err, rc, "heartbeat: %s", strerror(-rc));
	rc = nwb_server_start(&so, &s->srv, err);
	if (rc)
		return rc;
	nwb_server_info(s->srv, &s->info);
	s->is_9p = s->info.is_9p;
	snprintf(s->server_version, sizeof(s->server_version), "%s",
		 s->info.version);
	snprintf(s->isolation, sizeof(s->isolation), "%s", s->info.isolation);
	return 0;
}

static int dial(void *arg)
{
	struct serve *s = arg;
	int fd, rc = nwb_server_dial(s->srv, &fd, NULL);

	return rc ? rc : fd;
}

static int make_entrances(struct serve *s, struct nwb_err *err)
{
	const struct bench_relay_opts ro = {dial, s};
	struct sockaddr_storage sa;
	char at[320];
	int rc = 0;

	snprintf(at, sizeof(at), "%s/export", s->dir.path);
	if (strcmp(s->info.isolation, "none"))
		rc = nwb_server_inside(s->srv, at, &s->inside, err);
	if (!rc && s->cli.publish) {
		rc = bench_relay_address(s->cli.publish, &sa, err);
		if (!rc)
			rc = bench_relay_start(&sa, &ro, &s->relay, err);
	}
	if (!rc)
		rc = serve_write_ntlm(s, err);
	if (!rc && !serve_vars(s))
		rc = nwb_err_set(err, -ENAMETOOLONG, "variables too long");
	if (!rc)
		rc = bench_rundir_serve(&s->dir, &s->vars, &s->inside, err);
	return rc;
}

static int make_all(struct serve *s, struct nwb_err *err)
{
	char *env[BENCH_RUN_VARS + 1];
	int rc = make_ledgers(s, err);

	if (!rc)
		rc = make_server(s, err);
	if (!rc)
		rc = make_entrances(s, err);
	if (!rc && s->cli.run.capture_path)
		rc = bench_capture_start(s->srv, s->cli.run.capture_path, NULL,
					 "netwb serve", &s->capture, err);
	if (!rc && s->mount)
		rc = mount_up(s, err);
	if (!rc)
		rc = bench_phases_start(s->cli.plan, s->l.page, &s->l.ledger,
					NULL, 0, &s->phases);
	if (rc)
		return rc;
	serve_tell(s);
	if (!s->command)
		return 0;
	bench_vars_split(&s->vars, env);
	if (s->mount)
		return mount_run(s, env, err);
	return bench_warden_run(&s->warden, s->command, env, NULL, &s->inside,
				err);
}

/* --- waiting -------------------------------------------------------------- */

/*
 * ^C on the terminal reaches the command by itself, and what it makes of it is
 * its own business; what somebody sends to us is for the command.
 * Return: true when it is over.
 */
static bool take_signal(struct serve *s, uint64_t *deadline)
{
	struct signalfd_siginfo si;

	if (read(s->sigfd, &si, sizeof(si)) != sizeof(si))
		return false;
	if (!s->command)
		return true;
	if (si.ssi_code > 0 && si.ssi_signo != SIGHUP)
		return false;
	if (*deadline != NWB_NEVER)
		return true; /* the second one */
	bench_warden_signal(&s->warden, (int)si.ssi_signo);
	*deadline = now_ns() + GRACE_NS;
	return false;
}

static int time_left(uint64_t deadline)
{
	uint64_t now = now_ns();

	if (deadline == NWB_NEVER)
		return -1;
	return deadline <= now ? 0
			       : (int)nwb_min((deadline - now) / NWB_MSEC + 1,
					      (uint64_t)INT32_MAX);
}

static void wait_for_end(struct serve *s)
{
	uint64_t deadline =
		s->cli.for_ns ? now_ns() + s->cli.for_ns : NWB_NEVER;
	struct pollfd pfds[] = {
		{s->sigfd, POLLIN, 0},
		{s->event_fd, POLLIN, 0},
		{s->warden.sock, POLLIN, 0},
	};

	for (;;) {
		int left = time_left(deadline);
		int nr = poll(pfds, 3,
			      s->mount && !s->command
				      ? nwb_min(left & 0x7fffffff, LOOK_MS)
				      : left);

		if (nr < 0 && errno == EINTR)
			continue;
		if (!nr && left && s->mount && !mount_is_over(s->mount))
			continue;
		if (nr <= 0)
			return;
		if (pfds[2].revents) {
			s->has_command_ended = !bench_warden_status(
				&s->warden, &s->wait_status);
			return;
		}
		if (pfds[1].revents) {
			s->is_server_lost = true;
			return;
		}
		if (pfds[0].revents && take_signal(s, &deadline))
			return;
	}
}

/* --- unmaking ------------------------------------------------------------- */

static void wait_quiet(struct serve *s)
{
	const struct timespec tick = {.tv_nsec = 5 * NWB_MSEC};

	for (int i = 0; i < 200 && bench_is_busy(&s->l.ledger); i++)
		nanosleep(&tick, NULL);
}

/* From outside in: nobody comes any more, then the server, then its ledger. */
static void unmake(struct serve *s)
{
	bench_rundir_stop(&s->dir);
	bench_relay_stop(s->relay);
	s->relay = NULL;
	if (s->mount)
		mount_down(s);
	if (s->l.ledger.hdr && s->srv) {
		if (!bench_phases_stop(s->phases) && s->cli.plan)
			bench_heal(s->l.page, &s->l.ledger, 0);
		s->phases = NULL;
		wait_quiet(s);
	}
	if (s->srv)
		serve_look_at_export(s);
	if (s->srv && s->mount)
		mount_compare(s);
	bench_warden_stop(&s->warden);
	nwb_inside_close(&s->inside);
	nwb_server_free(s->srv);
	s->srv = NULL;
	bench_supervisor_stop(s->sup);
	s->sup = NULL;
}

void serve_drop(struct serve *s)
{
	bench_capture_drop(s->capture);
	bench_ledgers_fini(&s->l);
	if (s->sigfd >= 0)
		close(s->sigfd);
	if (s->event_fd >= 0)
		close(s->event_fd);
	bench_cli_fini(&s->cli);
}

static int settle(struct serve *s, struct nwb_err *err)
{
	int rc;

	nwb_ledger_point(&s->l.ledger,
			 &(struct nwb_lrec){.kind = NWB_L_RUN_END});
	rc = bench_capture_end(s->capture, &s->l.ledger, s->cli.plan,
			       s->capture_text, sizeof(s->capture_text), err);
	s->capture = NULL;
	if (!rc)
		rc = serve_judge(s, err);
	if (!rc && s->cli.out)
		rc = bench_results_dir(s->cli.out, s->results,
				       sizeof(s->results), err);
	if (!rc)
		rc = serve_keep(s, err);
	if (!rc && s->cli.run.ledger_path)
		rc = bench_keep_ledger(&s->l.ledger, s->cli.run.ledger_path,
				       err);
	return rc;
}

/* --- all of it -------------------------------------------------------------
 */

static int block_signals(struct serve *s, struct nwb_err *err)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGQUIT);
	/* before any thread: they all inherit the mask */
	sigprocmask(SIG_BLOCK, &set, NULL);
	s->sigfd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	s->event_fd = eventfd(0, EFD_CLOEXEC);
	if (s->sigfd < 0 || s->event_fd < 0)
		return nwb_err_set(err, -errno, "signalfd: %s",
				   strerror(errno));
	return 0;
}

/* The waiting is over: a second ^C ends us at once, the warden tidies up. */
static void unblock_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

int serve_all(struct serve *s, struct nwb_err *err)
{
	int rc = bench_rundir_new(&s->dir, s->cli.run_name, err);

	if (!rc)
		rc = bench_warden_start(&s->warden, s->dir.path, err);
	if (!rc)
		rc = block_signals(s, err);
	if (!rc)
		rc = make_all(s, err);
	if (!rc)
		wait_for_end(s);
	if (!rc && !s->command)
		fprintf(s->out, "\n");
	unmake(s);
	unblock_signals();
	if (rc)
		return rc;
	if (s->is_server_lost)
		fprintf(stderr, "netwb: the server could not be started "
				"again\n");
	return settle(s, err);
}
