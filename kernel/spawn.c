/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Child processes: package tools, make, tar.
 *
 * They share our process group, so that ^C reaches them as well, and are sent
 * SIGTERM when we end for another reason: make and apt then take their own
 * children with them.
 */
#include "kernel_i.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/wait.h>

void kernel_say(const struct nwb_kernel_progress *p, int percent,
		const char *fmt, ...)
{
	char text[256];
	va_list ap;

	if (!p || !p->say)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	p->say(p->arg, text, percent);
}

int kernel_tool(const char *name, const char *package, struct nwb_err *err)
{
	const char *path = getenv("PATH");
	char file[KERNEL_PATH];

	for (path = path ? path : "/usr/bin:/bin"; *path;) {
		size_t len = strcspn(path, ":");
		int n = snprintf(file, sizeof(file), "%.*s/%s", (int)len, path,
				 name);

		if (len && n > 0 && (size_t)n < sizeof(file) &&
		    !access(file, X_OK))
			return 0;
		path += len + (path[len] == ':');
	}
	return nwb_err_set(err, -ENOEXEC,
			   "%s is not installed: apt-get install %s", name,
			   package);
}

struct pipes {
	int out[2], status[2];
	int log;
	char line[512];
	size_t at;     /* of the line */
	size_t out_at; /* of the command's buffer */
};

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void close_pipes(struct pipes *p)
{
	close_fd(&p->out[0]);
	close_fd(&p->out[1]);
	close_fd(&p->status[0]);
	close_fd(&p->status[1]);
	close_fd(&p->log);
}

static void exec_child(const struct kernel_cmd *c, struct pipes *p,
		       pid_t parent)
{
	int null = open("/dev/null", O_RDWR);
	int err = p->log >= 0 ? p->log : null;
	int out = c->out_fd > 0 ? c->out_fd : p->out[1];
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(127);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 ||
	    dup2(c->out || c->out_fd > 0 ? err : out, 2) < 0)
		_exit(127);
	/* a dup2() of a descriptor to itself would leave close-on-exec on it */
	if (c->has_status) {
		int fd = p->status[1];

		if (fd == 3 ? fcntl(3, F_SETFD, 0) < 0 : dup2(fd, 3) < 0)
			_exit(127);
	}
	setenv("LC_ALL", "C", 1);
	/* of a make that we may be started by: its job server is not ours */
	unsetenv("MAKEFLAGS");
	unsetenv("MFLAGS");
	unsetenv("MAKELEVEL");
	if (c->dir && chdir(c->dir))
		_exit(127);
	execvp(c->argv[0], (char *const *)(uintptr_t)c->argv);
	_exit(127);
}

static void take_lines(const struct kernel_cmd *c, struct pipes *p,
		       const char *buf, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (buf[i] != '\n' && buf[i] != '\r') {
			if (p->at < sizeof(p->line) - 1)
				p->line[p->at++] = buf[i];
			continue;
		}
		p->line[p->at] = 0;
		p->at = 0;
		c->line(c->arg, p->line);
		if (c->tick)
			c->tick(c->arg);
	}
}

/* Return: whether there may be more. */
static bool take_output(const struct kernel_cmd *c, struct pipes *p, int fd,
			bool is_status)
{
	char buf[4096];
	ssize_t n = read(fd, buf, sizeof(buf));
	size_t k;

	if (n < 0)
		return errno == EINTR;
	if (!is_status && c->out) {
		k = nwb_min((size_t)n, c->out_size - 1 - p->out_at);
		memcpy(c->out + p->out_at, buf, k);
		p->out_at += k;
		c->out[p->out_at] = 0;
	} else if (!is_status && p->log >= 0) {
		/* a log that is cut off by a full disk costs its end only */
		nwb_unused ssize_t w = write(p->log, buf, (size_t)n);
	}
	if (c->line && is_status == c->has_status)
		take_lines(c, p, buf, (size_t)n);
	return n > 0;
}

static void follow(const struct kernel_cmd *c, struct pipes *p)
{
	struct pollfd pfd[2] = {{p->out[0], POLLIN, 0},
				{p->status[0], POLLIN, 0}};

	while (pfd[0].fd >= 0 || pfd[1].fd >= 0) {
		int n = poll(pfd, 2, 1000);

		if (n < 0 && errno != EINTR)
			return;
		if (n <= 0) {
			if (c->tick)
				c->tick(c->arg);
			continue;
		}
		for (int i = 0; i < 2; i++)
			if (pfd[i].revents &&
			    !take_output(c, p, pfd[i].fd, i == 1))
				pfd[i].fd = -1;
	}
}

int kernel_run(const struct kernel_cmd *c)
{
	struct pipes p = {{-1, -1}, {-1, -1}, -1};
	pid_t pid, parent = getpid();
	int status, rc = 0;

	nwb_assert(c->argv && c->argv[0]);
	nwb_assert(!c->out || c->out_size);
	if (c->out)
		c->out[0] = 0;
	if (c->log)
		p.log = open(c->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
			     0600);
	if (pipe2(p.out, O_CLOEXEC) ||
	    (c->has_status && pipe2(p.status, O_CLOEXEC)))
		rc = -errno;
	pid = rc ? -1 : fork();
	if (pid < 0) {
		rc = rc ? rc : -errno;
		close_pipes(&p);
		return rc;
	}
	if (!pid)
		exec_child(c, &p, parent);
	close_fd(&p.out[1]);
	close_fd(&p.status[1]);
	follow(c, &p);
	close_pipes(&p);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
