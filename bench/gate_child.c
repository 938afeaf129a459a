/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Processes: measured runs, and the tools that build.
 *
 * A run is a child in a process group of its own: ^C reaches us, and we end
 * it. If we are killed, it is too (PR_SET_PDEATHSIG), and with it its server.
 * What it writes goes to files in memory, so that it never waits for us.
 */
#include "gate_child.h"
#include "gate_i.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define TOOL_LIMIT_NS (3600 * NWB_SEC)
#define OUT_MAX	      (8u << 20)

extern char **environ;

static volatile sig_atomic_t stopped;

static void on_stop(int sig)
{
	stopped = sig;
}

int gate_stop_setup(void)
{
	static const int sigs[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction sa = {.sa_handler = on_stop};

	signal(SIGPIPE, SIG_IGN);
	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(sigs); i++)
		if (sigaction(sigs[i], &sa, NULL))
			return -errno;
	return 0;
}

int gate_stopped(void)
{
	return stopped;
}

/* --- child processes ------------------------------------------------------ */

/* @fd becomes @to of the program that is about to begin: dup2(2) onto itself
 * would leave it to be closed there. */
static int hand_down(int fd, int to)
{
	return fd == to ? fcntl(fd, F_SETFD, 0) : -(dup2(fd, to) < 0);
}

static void exec_child(const struct gate_child *c, pid_t parent)
{
	sigset_t none;
	int null = open("/dev/null", O_RDWR);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	setpgid(0, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (null < 0 || dup2(null, 0) < 0 ||
	    dup2(c->out < 0 ? null : c->out, 1) < 0 ||
	    dup2(c->err < 0 ? null : c->err, 2) < 0 ||
	    (c->turns && hand_down(c->turns, GATE_TURNS_FD)) ||
	    (c->dir && chdir(c->dir)))
		_exit(127);
	execvpe(c->argv[0], (char *const *)(uintptr_t)c->argv, c->envp);
	_exit(127);
}

static int code_of(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* TERM first, so that it can take its server down in order. */
static int end_child(pid_t pid, int fd)
{
	struct pollfd pfd = {fd, POLLIN, 0};
	int status = 0;

	kill(-pid, SIGTERM);
	if (poll(&pfd, 1, 3000) != 1)
		kill(-pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return code_of(status);
}

int gate_child_start(struct gate_child *c)
{
	pid_t parent = getpid();

	c->end_ns = gate_now_ns() + c->limit_ns;
	c->pid = fork();
	if (c->pid < 0)
		return -errno;
	if (!c->pid)
		exec_child(c, parent);
	setpgid(c->pid, c->pid);
	c->pidfd = (int)syscall(SYS_pidfd_open, c->pid, 0);
	if (c->pidfd < 0) {
		int rc = -errno, status;

		kill(-c->pid, SIGKILL);
		waitpid(c->pid, &status, 0);
		return rc;
	}
	return 0;
}

int gate_child_wait(struct gate_child *c, int fd)
{
	struct pollfd p[2] = {{c->pidfd, POLLIN, 0}, {fd, POLLIN, 0}};
	int status = 0;

	while (!gate_stopped() && !c->is_timeout) {
		if (poll(p, 2, 100) > 0) {
			if (p[1].revents)
				return -EAGAIN;
			waitpid(c->pid, &status, 0);
			close(c->pidfd);
			return code_of(status);
		}
		c->is_timeout = gate_now_ns() > c->end_ns;
	}
	status = end_child(c->pid, c->pidfd);
	close(c->pidfd);
	return status;
}

int gate_child_run(struct gate_child *c)
{
	int rc = gate_child_start(c);

	return rc ? rc : gate_child_wait(c, -1);
}

/* What a file in memory holds; to be freed. NULL: nothing, or too much. */
char *gate_child_text(int fd)
{
	struct stat st;
	char *text;

	if (fd < 0 || fstat(fd, &st) || st.st_size > OUT_MAX)
		return NULL;
	text = calloc(1, (size_t)st.st_size + 1);
	if (text && pread(fd, text, (size_t)st.st_size, 0) != st.st_size) {
		free(text);
		text = NULL;
	}
	return text;
}

int gate_command(const char *const *argv, const char *dir, const char *log)
{
	struct gate_child c = {.argv = argv,
			       .envp = environ,
			       .dir = dir,
			       .out = -1,
			       .err = -1,
			       .limit_ns = TOOL_LIMIT_NS};
	int rc;

	if (log)
		c.out = c.err = open(
			log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	rc = gate_child_run(&c);
	if (c.out >= 0)
		close(c.out);
	return gate_stopped() ? -EINTR : rc;
}

int gate_command_text(const char *const *argv, const char *dir, char *ret,
		      size_t size)
{
	struct gate_child c = {.argv = argv,
			       .envp = environ,
			       .dir = dir,
			       .out = memfd_create("out", MFD_CLOEXEC),
			       .err = -1,
			       .limit_ns = TOOL_LIMIT_NS};
	char *text;
	int rc;

	ret[0] = 0;
	if (c.out < 0)
		return -errno;
	rc = gate_child_run(&c);
	text = gate_child_text(c.out);
	if (text && strlen(text) < size)
		strcpy(ret, text);
	free(text);
	close(c.out);
	return rc;
}
