/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * clone3(2) of the agent, and the wire to it.
 */
#include "ns.h"
#include "nwb/server.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define NS_FLAGS                                                               \
	(CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC |            \
	 CLONE_NEWUTS)
#define NS_NAMES "network, mount, pid, ipc and uts namespaces"
#define ENV_MAX	 32
#define CALL_S	 10

/* Set when main() has said hello; without it a clone would run main() again
 * and not the agent. */
static atomic_bool may_start;

void nwb_server_maybe_agent(int argc, char **argv)
{
	if (argc < 1 || strcmp(argv[0], NWB_AGENT_NAME)) {
		atomic_store(&may_start, true);
		return;
	}
	nwb_agent_main();
}

void nwb_close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* What the agent may inherit: what its run-time needs, and nothing that a
 * test framework left to steer its own children. */
static void agent_env(char **envp)
{
	static const char *const keep[] = {
		"PATH=",	  "LD_LIBRARY_PATH=", "ASAN_OPTIONS=",
		"UBSAN_OPTIONS=", "TSAN_OPTIONS=",    "LSAN_OPTIONS=",
	};
	unsigned int i, k, nr = 0;

	for (i = 0; environ && environ[i] && nr < ENV_MAX - 1; i++)
		for (k = 0; k < NWB_ARRAY_SIZE(keep); k++)
			if (!strncmp(environ[i], keep[k], strlen(keep[k])))
				envp[nr++] = environ[i];
	envp[nr] = NULL;
}

/*
 * The child of clone3: system calls only, and no interceptor of a sanitizer
 * in between (syscall(2) has none), for another thread may have held any lock
 * of the process at the moment of the clone.
 */
__attribute__((noreturn, no_sanitize("address"), no_sanitize("thread"),
	       no_sanitize("undefined"))) static void
exec_agent(const int *fds, char *const *envp)
{
	char *argv[] = {(char[]){NWB_AGENT_NAME}, NULL};
	int up[NWB_AGENT_FD_END], i;

	for (i = NWB_AGENT_FD_REQ; i < NWB_AGENT_FD_END; i++)
		up[i] = (int)syscall(SYS_fcntl, fds[i], F_DUPFD, 100);
	for (i = NWB_AGENT_FD_REQ; i < NWB_AGENT_FD_END; i++)
		if (up[i] < 0 || syscall(SYS_dup3, up[i], i, 0) < 0)
			syscall(SYS_exit_group, EMFILE);
	syscall(SYS_close_range, NWB_AGENT_FD_END, ~0u, 0);
	syscall(SYS_execve, "/proc/self/exe", argv, envp);
	for (;;)
		syscall(SYS_exit_group, errno);
}

static int clone_agent(const int *fds, int *ret_pidfd, struct nwb_err *err)
{
	struct clone_args ca = {
		.flags = NS_FLAGS | CLONE_PIDFD,
		.exit_signal = SIGCHLD,
		.pidfd = (uint64_t)(uintptr_t)ret_pidfd,
	};
	char *envp[ENV_MAX];
	sigset_t all, old;
	long pid;
	int rc;

	agent_env(envp);
	/* A handler of the program's must not run in the child. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pid = syscall(SYS_clone3, &ca, sizeof(ca));
	if (pid == 0)
		exec_agent(fds, envp);
	rc = pid < 0 ? -errno : 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (!rc)
		return 0;
	if (rc == -EPERM)
		return nwb_err_set(
			err, rc,
			"not permitted to make " NS_NAMES
			": run as root (sudo), or give the container "
			"CAP_SYS_ADMIN");
	if (rc == -ENOSYS)
		return nwb_err_set(
			err, rc,
			"clone3 is refused: it needs Linux 5.9, and in "
			"a container a seccomp profile that allows it");
	if (rc == -ENOSPC || rc == -EUSERS)
		return nwb_err_set(err, rc,
				   "too many namespaces: raise "
				   "/proc/sys/user/max_{net,mnt,pid,ipc,uts}"
				   "_namespaces");
	if (rc == -EINVAL)
		return nwb_err_set(err, rc,
				   "this kernel lacks some of " NS_NAMES
				   " (CONFIG_NAMESPACES)");
	return nwb_err_set(err, rc, "clone3 into new " NS_NAMES ": %s",
			   nwb_errno_name(rc));
}

static int open_channels(struct nwb_link *l, int *fds, struct nwb_err *err)
{
	const struct timeval limit = {.tv_sec = CALL_S};
	int req[2], ev[2], life[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, req))
		goto fail;
	l->req = req[0];
	fds[NWB_AGENT_FD_REQ] = req[1];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ev))
		goto fail;
	l->ev = ev[0];
	fds[NWB_AGENT_FD_EV] = ev[1];
	if (pipe2(life, O_CLOEXEC))
		goto fail;
	l->life = life[1];
	fds[NWB_AGENT_FD_PIPE] = life[0];
	fds[NWB_AGENT_FD_PID] = (int)syscall(SYS_pidfd_open, getpid(), 0);
	if (fds[NWB_AGENT_FD_PID] < 0)
		goto fail;
	if (setsockopt(l->req, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)))
		goto fail;
	return 0;
fail:
	return nwb_err_set(err, -errno, "make the channels to the agent: %s",
			   nwb_errno_name(errno));
}

int nwb_link_open(struct nwb_link *l, struct nwb_err *err)
{
	int fds[NWB_AGENT_FD_END], i, rc;

	memset(l, 0, sizeof(*l));
	l->req = l->ev = l->life = l->pidfd = -1;
	for (i = 0; i < NWB_AGENT_FD_END; i++)
		fds[i] = -1;
	pthread_mutex_init(&l->lock, NULL);
	if (!atomic_load(&may_start))
		return nwb_err_set(err, -EINVAL,
				   "main() must call nwb_server_maybe_agent() "
				   "before it does anything else");
	rc = open_channels(l, fds, err);
	if (!rc)
		rc = clone_agent(fds, &l->pidfd, err);
	for (i = NWB_AGENT_FD_REQ; i < NWB_AGENT_FD_END; i++)
		nwb_close_fd(&fds[i]);
	if (rc)
		nwb_link_close(l);
	return rc;
}

void nwb_link_kill(struct nwb_link *l)
{
	siginfo_t si;

	nwb_close_fd(&l->life);
	nwb_close_fd(&l->req);
	if (l->pidfd >= 0) {
		/* pid 1 of a namespace can be killed from outside, and is
		 * gone only when every process of the namespace is. */
		syscall(SYS_pidfd_send_signal, l->pidfd, SIGKILL, NULL, 0);
		while (waitid(P_PIDFD, (id_t)l->pidfd, &si, WEXITED) &&
		       errno == EINTR)
			;
	}
	nwb_close_fd(&l->pidfd);
}

void nwb_link_close(struct nwb_link *l)
{
	nwb_link_kill(l);
	nwb_close_fd(&l->ev);
	pthread_mutex_destroy(&l->lock);
}

static int call_locked(struct nwb_link *l, struct nwb_call *c)
{
	int fds[NWB_AGENT_FDS_MAX];
	unsigned int nr = 0;
	int rc;

	if (l->is_broken)
		return -EPIPE;
	nwb_assert(c->text_len <= sizeof(l->msg.text));
	l->msg.op = c->op;
	l->msg.result = 0;
	memcpy(l->msg.arg, c->arg, sizeof(c->arg));
	l->msg.text_len = (uint32_t)c->text_len;
	if (c->text_len)
		memcpy(l->msg.text, c->text, c->text_len);
	rc = nwb_agent_send(l->req, &l->msg, c->fds, c->nr_fds);
	if (!rc)
		rc = nwb_agent_recv(l->req, &l->msg, fds, &nr);
	if (rc) {
		l->is_broken = true;
		return rc == -EAGAIN ? -ETIMEDOUT : -EPIPE;
	}
	if (nr)
		c->ret_fd = fds[0];
	while (nr > 1)
		close(fds[--nr]);
	memcpy(c->arg, l->msg.arg, sizeof(c->arg));
	if (l->msg.text_len && l->msg.text_len <= sizeof(c->ret_text)) {
		memcpy(c->ret_text, l->msg.text, l->msg.text_len);
		c->ret_text[l->msg.text_len - 1] = '\0';
	}
	return l->msg.result;
}

int nwb_link_call(struct nwb_link *l, struct nwb_call *c)
{
	int rc;

	c->ret_fd = -1;
	c->ret_text[0] = '\0';
	pthread_mutex_lock(&l->lock);
	rc = call_locked(l, c);
	pthread_mutex_unlock(&l->lock);
	return rc;
}
