/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The agent: pid 1 of a server's namespaces.
 *
 *	poll ─┬─ request socket   do it, answer (RUN and STOP answer later)
 *	      ├─ SIGCHLD          wait for everybody; the main one: tell netwb
 *	      └─ pipe, pidfd      netwb is gone: exit, the kernel kills the rest
 *	                          (without namespaces: agent_none.c does)
 *
 * It is a program of its own (see nwb_server_maybe_agent()), has one thread,
 * and lives in a session of its own, so that ^C on netwb's terminal reaches
 * neither it nor a server that makes no session for itself. As pid 1 it
 * inherits every orphan.
 */
#include "agent.h"
#include "nwb/server.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STOP_WAIT_MS 1000 /* a thread in the kernel may take a while */

struct agent {
	struct nwb_agent_msg msg; /* request, then reply */
	int fds[NWB_AGENT_FDS_MAX];
	unsigned int nr_fds;
	int sigfd;
	enum nwb_isolation step;
	const char *dir; /* state directory, once there is one */

	pid_t main_pid; /* 0: not running */
	int main_status;
	bool is_watched;
	uint64_t watch_id;

	pid_t helper_pid; /* RUN waits for it */
	bool is_stopping; /* STOP waits for all */
	uint64_t kill_at_ms;

	uint64_t reaped_ns;
	uint64_t cpu_ns; /* last answer: never go back */
};

static struct agent agent;

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* The end. In a pid namespace the kernel does the rest. */
static void __attribute__((noreturn)) leave(struct agent *a, int code)
{
	if (a->step == NWB_ISOLATION_NONE)
		nwb_none_clean();
	_exit(code);
}

/* kill(-1) means all in the namespace, or, without one, half the machine. */
static int signal_all(struct agent *a, int sig)
{
	if (a->step == NWB_ISOLATION_NONE)
		return nwb_tree_signal(sig) ? 0 : -ESRCH;
	return kill(-1, sig) ? -errno : 0;
}

static void reply(struct agent *a, int result, const int *fd)
{
	a->msg.result = result;
	if (nwb_agent_send(NWB_AGENT_FD_REQ, &a->msg, fd, fd ? 1 : 0))
		leave(a, 0); /* nobody listens any more */
}

static void reply_text(struct agent *a, int result, const char *text)
{
	size_t len = strlen(text) + 1;

	nwb_assert(len <= sizeof(a->msg.text));
	memcpy(a->msg.text, text, len);
	a->msg.text_len = (uint32_t)len;
	reply(a, result, NULL);
}

static void event(uint32_t op, uint64_t id, int status)
{
	static struct nwb_agent_msg ev;

	ev.op = op;
	ev.arg[0] = id;
	ev.arg[1] = (uint32_t)status;
	if (nwb_agent_send(NWB_AGENT_FD_EV, &ev, NULL, 0))
		leave(&agent, 0);
}

static void tell_death(struct agent *a)
{
	if (!a->is_watched)
		return;
	a->is_watched = false;
	event(NWB_AGENT_EV_DIED, a->watch_id, a->main_status);
}

/* --- requests ------------------------------------------------------------ */

static void do_setup(struct agent *a)
{
	struct nwb_err err = {0};
	const char *path;
	uint16_t port = 0;
	int rc, fd;

	a->step = (enum nwb_isolation)a->msg.arg[1];
	switch (a->step) {
	case NWB_ISOLATION_NS:
	case NWB_ISOLATION_USERNS:
		rc = nwb_agent_setup(a->msg.arg[0], &fd, &path, &err);
		break;
	case NWB_ISOLATION_NONE:
		rc = nwb_none_setup(a->msg.arg[0], &fd, &path, &port, &err);
		break;
	default:
		/* Setting up without namespaces would mount over the host's. */
		reply_text(a, -EPROTO, "malformed SETUP request");
		return;
	}
	if (rc) {
		reply_text(a, rc, err.text);
		return;
	}
	a->dir = path;
	a->msg.arg[0] = port;
	a->msg.text_len = (uint32_t)strlen(path) + 1;
	memcpy(a->msg.text, path, a->msg.text_len);
	reply(a, 0, &fd);
	close(fd);
}

static void do_bind(struct agent *a)
{
	const char *from = a->msg.text, *to = NULL;
	size_t len = strnlen(from, a->msg.text_len);
	int rc = 0;

	if (len + 1 < a->msg.text_len &&
	    a->msg.text[a->msg.text_len - 1] == '\0')
		to = from + len + 1;
	if (!to)
		rc = -EPROTO;
	else if (mount(from, to, NULL, MS_BIND, NULL))
		rc = -errno;
	else
		nwb_agent_inside_hide(to);
	a->msg.text_len = 0;
	reply(a, rc, NULL);
}

/* A helper's input is a few bytes: a pipe holds them without a writer. */
static int input_pipe(const char *text, size_t len)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	if (write(fds[1], text, len) != (ssize_t)len) {
		close(fds[0]);
		fds[0] = -EIO;
	}
	close(fds[1]);
	return fds[0];
}

static struct nwb_agent_cmd blank_cmd(const struct agent *a, char **argv,
				      char **envp)
{
	return (struct nwb_agent_cmd){
		.argv = argv,
		.envp = envp,
		.dir = a->dir,
		.in = -1,
		.out = -1,
		.ctl = -1,
		.ledger = -1,
		.dies_too = a->step == NWB_ISOLATION_NONE,
	};
}

static void do_run(struct agent *a)
{
	char *argv[NWB_AGENT_ARGS_MAX], *envp[NWB_AGENT_ARGS_MAX];
	struct nwb_agent_cmd cmd = blank_cmd(a, argv, envp);
	const char *in = nwb_agent_strings(&a->msg, argv, envp);
	int pid;

	if (!in || !a->dir || a->nr_fds != 1) {
		reply_text(a, -EPROTO, "malformed RUN request");
		return;
	}
	cmd.out = a->fds[0];
	cmd.in = input_pipe(in, (size_t)(a->msg.text + a->msg.text_len - in));
	pid = cmd.in < 0 ? cmd.in : nwb_agent_fork_exec(&cmd);
	if (cmd.in >= 0)
		close(cmd.in);
	a->msg.text_len = 0;
	if (pid < 0)
		reply(a, pid, NULL);
	else
		a->helper_pid = pid;
}

static void do_spawn(struct agent *a)
{
	char *argv[NWB_AGENT_ARGS_MAX], *envp[NWB_AGENT_ARGS_MAX];
	struct nwb_agent_cmd cmd = blank_cmd(a, argv, envp);
	uint64_t has = a->msg.arg[2];
	unsigned int i = 1;
	int pid;

	if (!nwb_agent_strings(&a->msg, argv, envp) || !a->dir || a->main_pid ||
	    a->nr_fds != 1u + !!(has & NWB_AGENT_HAS_CTL) +
				 !!(has & NWB_AGENT_HAS_LEDGER)) {
		reply_text(a, -EPROTO, "malformed SPAWN request");
		return;
	}
	cmd.out = a->fds[0];
	if (has & NWB_AGENT_HAS_CTL)
		cmd.ctl = a->fds[i++];
	if (has & NWB_AGENT_HAS_LEDGER)
		cmd.ledger = a->fds[i];
	cmd.no_sigpipe = has & NWB_AGENT_NO_SIGPIPE;
	pid = nwb_agent_fork_exec(&cmd);
	a->msg.text_len = 0;
	if (pid > 0) {
		a->main_pid = pid;
		a->main_status = 0;
		a->msg.arg[0] = (uint64_t)pid;
	}
	reply(a, pid < 0 ? pid : 0, NULL);
}

static void do_watch(struct agent *a)
{
	a->is_watched = true;
	a->watch_id = a->msg.arg[0];
	reply(a, 0, NULL);
	event(NWB_AGENT_EV_READY, a->watch_id, 0);
	if (!a->main_pid)
		tell_death(a);
}

/*
 * A stop is complete when the last thread has left what it was doing; until
 * then the server may still answer. Its parent is told of it, and may look
 * without taking the news from whoever reaps.
 */
static void wait_stopped(pid_t pid)
{
	for (unsigned int i = 0; i < STOP_WAIT_MS; i++) {
		siginfo_t si = {0};

		if (waitid(P_PID, (id_t)pid, &si,
			   WSTOPPED | WEXITED | WNOWAIT | WNOHANG) ||
		    si.si_pid)
			return;
		usleep(1000);
	}
}

static void do_signal(struct agent *a)
{
	int sig = (int)a->msg.arg[0], rc = 0;

	if (a->msg.arg[1]) {
		rc = signal_all(a, sig);
	} else if (!a->main_pid || kill(a->main_pid, sig)) {
		rc = -ESRCH;
	}
	if (!rc && sig == SIGSTOP && a->main_pid)
		wait_stopped(a->main_pid);
	reply(a, rc, NULL);
}

static void do_socket(struct agent *a)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0) {
		reply(a, -errno, NULL);
		return;
	}
	reply(a, 0, &fd);
	close(fd);
}

/* Protocol 0: it takes nothing before it is bound. */
static void do_packet(struct agent *a)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0) {
		reply(a, -errno, NULL);
		return;
	}
	reply(a, 0, &fd);
	close(fd);
}

static void do_stop(struct agent *a)
{
	a->is_watched = false;
	a->is_stopping = true;
	a->kill_at_ms = now_ms() + a->msg.arg[0];
	if (a->main_pid && a->msg.arg[0]) {
		kill(a->main_pid, SIGTERM);
		kill(a->main_pid, SIGCONT); /* it may have been stopped */
	} else {
		a->kill_at_ms = 0;
		signal_all(a, SIGKILL);
	}
}

static void do_cpu(struct agent *a)
{
	uint64_t ns =
		a->reaped_ns + nwb_agent_cpu_live(a->step != NWB_ISOLATION_NONE,
						  a->helper_pid);

	/* What a child used goes from nanoseconds to ticks when its parent
	 * waits for it: clamp, so that the sum never goes back. */
	a->cpu_ns = nwb_max(a->cpu_ns, ns);
	a->msg.arg[0] = a->cpu_ns;
	reply(a, 0, NULL);
}

static void do_inside(struct agent *a)
{
	struct nwb_err err = {0};
	int fds[3], i, rc;

	if (!a->dir || !a->msg.text_len ||
	    a->msg.text[a->msg.text_len - 1] != '\0') {
		reply_text(a, -EPROTO, "malformed INSIDE request");
		return;
	}
	rc = nwb_agent_inside(a->dir, a->msg.text, fds, &err);
	if (rc) {
		reply_text(a, rc, err.text);
		return;
	}
	a->msg.text_len = 0;
	a->msg.result = 0;
	if (nwb_agent_send(NWB_AGENT_FD_REQ, &a->msg, fds, 3))
		leave(a, 0);
	for (i = 0; i < 3; i++)
		close(fds[i]);
}

static void do_tap(struct agent *a)
{
	struct nwb_err err = {0};
	int rc;

	if (a->msg.op == NWB_AGENT_TAP)
		rc = nwb_agent_tap_make(&err);
	else
		rc = nwb_agent_tap_plug(a->msg.arg[0], &err);
	reply_text(a, rc, err.text);
}

static void do_listens(struct agent *a)
{
	struct nwb_err err = {0};
	int rc = 0;

	if (a->step == NWB_ISOLATION_NONE)
		rc = nwb_none_check_port((unsigned int)a->msg.arg[0], &err);
	reply_text(a, rc, err.text);
}

/* What would reach the host where there are no namespaces of our own. */
static bool needs_ns(uint32_t op)
{
	return op == NWB_AGENT_BIND || op == NWB_AGENT_PACKET ||
	       op == NWB_AGENT_INSIDE || op == NWB_AGENT_TAP ||
	       op == NWB_AGENT_PLUG;
}

static void dispatch(struct agent *a)
{
	if (needs_ns(a->msg.op) && a->step != NWB_ISOLATION_NS &&
	    a->step != NWB_ISOLATION_USERNS) {
		reply_text(a, -EOPNOTSUPP,
			   "isolation is \"none\": there are no namespaces");
		return;
	}
	switch (a->msg.op) {
	case NWB_AGENT_SETUP:
		do_setup(a);
		break;
	case NWB_AGENT_BIND:
		do_bind(a);
		break;
	case NWB_AGENT_RUN:
		do_run(a);
		break;
	case NWB_AGENT_SPAWN:
		do_spawn(a);
		break;
	case NWB_AGENT_WATCH:
		do_watch(a);
		break;
	case NWB_AGENT_STATUS:
		a->msg.arg[0] = a->main_pid != 0;
		a->msg.arg[1] = (uint32_t)a->main_status;
		reply(a, 0, NULL);
		break;
	case NWB_AGENT_SIGNAL:
		do_signal(a);
		break;
	case NWB_AGENT_SOCKET:
		do_socket(a);
		break;
	case NWB_AGENT_STOP:
		do_stop(a);
		break;
	case NWB_AGENT_CPU:
		do_cpu(a);
		break;
	case NWB_AGENT_LISTENS:
		do_listens(a);
		break;
	case NWB_AGENT_PACKET:
		do_packet(a);
		break;
	case NWB_AGENT_INSIDE:
		do_inside(a);
		break;
	case NWB_AGENT_TAP:
	case NWB_AGENT_PLUG:
		do_tap(a);
		break;
	default:
		reply_text(a, -EPROTO, "unknown request");
	}
}

/* --- the loop ------------------------------------------------------------ */

static void reap(struct agent *a)
{
	struct rusage ru;
	int status;
	pid_t pid;

	while ((pid = wait4(-1, &status, WNOHANG, &ru)) > 0) {
		if (pid == a->helper_pid) {
			a->helper_pid = 0;
			a->msg.arg[0] = (uint32_t)status;
			reply(a, 0, NULL);
			continue;
		}
		a->reaped_ns +=
			(uint64_t)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) *
				NWB_SEC +
			(uint64_t)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) *
				NWB_USEC;
		if (pid == a->main_pid) {
			a->main_pid = 0;
			a->main_status = status;
			tell_death(a);
		}
	}
	if (!a->is_stopping)
		return;
	if (pid < 0 && errno == ECHILD) {
		a->is_stopping = false;
		reply(a, 0, NULL);
	} else if (!a->main_pid || now_ms() >= a->kill_at_ms) {
		/* The main process has had its time; so have the others. */
		a->kill_at_ms = 0;
		signal_all(a, SIGKILL);
	}
}

static void serve_one(struct agent *a)
{
	int rc;

	rc = nwb_agent_recv(NWB_AGENT_FD_REQ, &a->msg, a->fds, &a->nr_fds);
	if (rc == -EPROTO) {
		a->nr_fds = 0;
		reply_text(a, rc, "malformed request");
		return;
	}
	if (rc)
		leave(a, 0);
	dispatch(a);
	while (a->nr_fds)
		close(a->fds[--a->nr_fds]);
}

static void agent_init(struct agent *a)
{
	sigset_t all;
	int fd;

	setsid();
	umask(022); /* not netwb's: what a server sees must not vary */
	prctl(PR_SET_NAME, NWB_AGENT_NAME);
	for (fd = NWB_AGENT_FD_REQ; fd < NWB_AGENT_FD_END; fd++)
		if (fcntl(fd, F_SETFD, FD_CLOEXEC))
			_exit(EBADF);
	signal(SIGCHLD, SIG_DFL); /* an inherited "ignore" would lose them */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	sigemptyset(&all);
	sigaddset(&all, SIGCHLD);
	sigaddset(&all, SIGTERM);
	a->sigfd = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	if (a->sigfd < 0 || chdir("/"))
		_exit(errno);
}

void nwb_agent_main(void)
{
	struct agent *a = &agent;
	struct signalfd_siginfo si;
	struct pollfd pfds[4];
	int ms;

	agent_init(a);
	pfds[0] = (struct pollfd){NWB_AGENT_FD_REQ, POLLIN, 0};
	pfds[1] = (struct pollfd){NWB_AGENT_FD_PIPE, POLLIN, 0};
	pfds[2] = (struct pollfd){NWB_AGENT_FD_PID, POLLIN, 0};
	pfds[3] = (struct pollfd){a->sigfd, POLLIN, 0};
	for (;;) {
		ms = a->is_stopping ? 10 : -1;
		if (poll(pfds, NWB_ARRAY_SIZE(pfds), ms) < 0 && errno != EINTR)
			leave(a, errno);
		if (pfds[1].revents || pfds[2].revents)
			leave(a, 0);
		while (read(a->sigfd, &si, sizeof(si)) > 0)
			if (si.ssi_signo == SIGTERM)
				leave(a, 0);
		reap(a);
		if (pfds[0].revents)
			serve_one(a);
	}
}
