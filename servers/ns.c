/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * clone(2) of the agent, and the wire to it.
 */
#include "ns.h"
#include "nwb/server.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define NS_FLAGS                                                               \
	(CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC |            \
	 CLONE_NEWUTS)
#define NS_NAMES     "network, mount, pid, ipc and uts namespaces"
#define USERNS_NAMES "a user namespace with " NS_NAMES
#define ENV_MAX	     32
#define CALL_S	     10
#define END_S	     12

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

/* What makes us uid and gid 0 inside: one id each, for no more is allowed to
 * a user without the help of newuidmap (user_namespaces(7)). */
struct id_maps {
	char uid[40];
	char gid[40];
	size_t uid_len;
	size_t gid_len;
};

static void fill_maps(struct id_maps *m)
{
	m->uid_len = (size_t)snprintf(m->uid, sizeof(m->uid), "0 %u 1",
				      (unsigned int)geteuid());
	m->gid_len = (size_t)snprintf(m->gid, sizeof(m->gid), "0 %u 1",
				      (unsigned int)getegid());
}

/* The child of clone, too. It must be before exec: a uid that is not mapped
 * loses the capabilities there. */
__attribute__((no_sanitize("address"), no_sanitize("thread"),
	       no_sanitize("undefined"))) static inline void
put_map(const char *path, const char *text, size_t len)
{
	long fd = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || syscall(SYS_write, fd, text, len) < 0)
		syscall(SYS_exit_group, errno);
	syscall(SYS_close, fd);
}

/*
 * The child of clone: system calls only, and no interceptor of a sanitizer
 * in between (syscall(2) has none), for another thread may have held any lock
 * of the process at the moment of the clone.
 */
__attribute__((noreturn, no_sanitize("address"), no_sanitize("thread"),
	       no_sanitize("undefined"))) static void
exec_agent(const int *fds, char *const *envp, const struct id_maps *maps)
{
	char *argv[] = {(char[]){NWB_AGENT_NAME}, NULL};
	int up[NWB_AGENT_FD_END], i;

	if (maps) {
		put_map("/proc/self/setgroups", "deny", 4);
		put_map("/proc/self/uid_map", maps->uid, maps->uid_len);
		put_map("/proc/self/gid_map", maps->gid, maps->gid_len);
	}
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

static int explain_clone(enum nwb_isolation step, int rc, struct nwb_err *err)
{
	const char *names =
		step == NWB_ISOLATION_USERNS ? USERNS_NAMES : NS_NAMES;

	if (rc == -EPERM)
		return nwb_err_set(err, rc, "not permitted to make %s: %s",
				   names,
				   step == NWB_ISOLATION_USERNS
					   ? "user namespaces are switched off "
					     "here, or the container refuses "
					     "them"
					   : "run as root (sudo), or give the "
					     "container CAP_SYS_ADMIN");
	if (rc == -ENOSPC || rc == -EUSERS)
		return nwb_err_set(err, rc,
				   "too many namespaces: raise "
				   "/proc/sys/user/max_{user,net,mnt,pid,ipc,"
				   "uts}_namespaces");
	if (rc == -EINVAL)
		return nwb_err_set(err, rc,
				   "this kernel lacks some of %s "
				   "(CONFIG_NAMESPACES, CONFIG_USER_NS)",
				   names);
	return nwb_err_set(err, rc, "clone into %s: %s", names,
			   nwb_errno_name(rc));
}

static unsigned long flags_of(enum nwb_isolation step)
{
	switch (step) {
	case NWB_ISOLATION_NS:
		return NS_FLAGS;
	case NWB_ISOLATION_USERNS:
		return NS_FLAGS | CLONE_NEWUSER;
	default:
		return 0;
	}
}

static int clone_agent(enum nwb_isolation step, const int *fds, int *ret_pidfd,
		       struct nwb_err *err)
{
	unsigned long flags = flags_of(step) | CLONE_PIDFD | SIGCHLD;
	bool is_mapped = step == NWB_ISOLATION_USERNS;
	char *envp[ENV_MAX];
	struct id_maps maps;
	sigset_t all, old;
	long pid;
	int rc;

	agent_env(envp);
	fill_maps(&maps);
	/* A handler of the program's must not run in the child. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	/* Not clone3(2): containers refuse it, for their filter cannot see the
	 * flags. No stack of its own: as fork(2) does. */
#if defined(__s390x__)
	pid = syscall(SYS_clone, NULL, flags, ret_pidfd, NULL, NULL);
#else
	pid = syscall(SYS_clone, flags, NULL, ret_pidfd, NULL, NULL);
#endif
	if (pid == 0)
		exec_agent(fds, envp, is_mapped ? &maps : NULL);
	rc = pid < 0 ? -errno : 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return rc ? explain_clone(step, rc, err) : 0;
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

static int link_init(struct nwb_link *l, enum nwb_isolation step, int *fds,
		     struct nwb_err *err)
{
	memset(l, 0, sizeof(*l));
	l->step = step;
	l->req = l->ev = l->life = l->pidfd = -1;
	for (int i = 0; i < NWB_AGENT_FD_END; i++)
		fds[i] = -1;
	pthread_mutex_init(&l->lock, NULL);
	if (!atomic_load(&may_start))
		return nwb_err_set(err, -EINVAL,
				   "main() must call nwb_server_maybe_agent() "
				   "before it does anything else");
	return open_channels(l, fds, err);
}

/*
 * Who joins a pid namespace is not in it, only its children are. So a child
 * goes to the places, and makes there the agent as a child of netwb's
 * (CLONE_PARENT), tells its number, and leaves:
 *
 *	netwb ── errand: setns(net, user), unshare(pid, mnt, ipc, uts)
 *	  │         └─ clone ─┐
 *	  └────────────────── agent: pid 1 there
 *
 * System calls only, as in exec_agent().
 */
__attribute__((noreturn, no_sanitize("address"), no_sanitize("thread"),
	       no_sanitize("undefined"))) static void
run_errand(const int *fds, char *const *envp, int pidfd, int flags, int tell)
{
	long pid;

	if (syscall(SYS_setns, pidfd, flags) ||
	    syscall(SYS_unshare, NS_FLAGS & ~CLONE_NEWNET))
		syscall(SYS_exit_group, errno);
#if defined(__s390x__)
	pid = syscall(SYS_clone, NULL, CLONE_PARENT | SIGCHLD, NULL, NULL,
		      NULL);
#else
	pid = syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL,
		      NULL);
#endif
	if (pid == 0)
		exec_agent(fds, envp, NULL);
	if (pid < 0 || syscall(SYS_write, tell, &pid, sizeof(pid)) < 0)
		syscall(SYS_exit_group, errno);
	for (;;)
		syscall(SYS_exit_group, 0);
}

/* Return: the agent's pidfd, or negative errno of the errand. */
static int send_errand(const int *fds, int pidfd, int flags)
{
	char *envp[ENV_MAX];
	sigset_t all, old;
	int tell[2], status = 0, rc = 0;
	long child, agent = 0;

	if (pipe2(tell, O_CLOEXEC))
		return -errno;
	agent_env(envp);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
#if defined(__s390x__)
	child = syscall(SYS_clone, NULL, SIGCHLD, NULL, NULL, NULL);
#else
	child = syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
#endif
	if (child == 0)
		run_errand(fds, envp, pidfd, flags, tell[1]);
	if (child < 0)
		rc = -errno;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	while (!rc && waitpid((pid_t)child, &status, 0) < 0 && errno == EINTR)
		;
	if (!rc && status)
		rc = WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
	if (!rc && read(tell[0], &agent, sizeof(agent)) != sizeof(agent))
		rc = -EIO;
	/* It is our child and not waited for: the number is still its. */
	if (!rc)
		rc = (int)syscall(SYS_pidfd_open, agent, 0);
	close(tell[0]);
	close(tell[1]);
	return rc;
}

int nwb_link_join(struct nwb_link *l, enum nwb_isolation step, int pidfd,
		  struct nwb_err *err)
{
	int flags = CLONE_NEWNET, fds[NWB_AGENT_FD_END], rc;

	nwb_assert(step == NWB_ISOLATION_NS || step == NWB_ISOLATION_USERNS);
	if (step == NWB_ISOLATION_USERNS)
		flags |= CLONE_NEWUSER;
	rc = link_init(l, step, fds, err);
	if (!rc) {
		rc = send_errand(fds, pidfd, flags);
		l->pidfd = rc < 0 ? -1 : rc;
		if (rc < 0)
			nwb_err_set(err, rc,
				    "an agent in the server's network: %s",
				    nwb_errno_name(rc));
	}
	for (int i = NWB_AGENT_FD_REQ; i < NWB_AGENT_FD_END; i++)
		nwb_close_fd(&fds[i]);
	if (rc >= 0)
		return 0;
	nwb_link_close(l);
	return rc;
}

int nwb_link_open(struct nwb_link *l, enum nwb_isolation step,
		  struct nwb_err *err)
{
	int fds[NWB_AGENT_FD_END], i, rc;

	nwb_assert(step != NWB_ISOLATION_AUTO);
	rc = link_init(l, step, fds, err);
	if (!rc)
		rc = clone_agent(step, fds, &l->pidfd, err);
	for (i = NWB_AGENT_FD_REQ; i < NWB_AGENT_FD_END; i++)
		nwb_close_fd(&fds[i]);
	if (rc)
		nwb_link_close(l);
	return rc;
}

/* A janitor sees the end of its sockets and goes when it has tidied up. */
static void wait_end(int pidfd)
{
	struct pollfd p = {pidfd, POLLIN, 0};

	while (poll(&p, 1, 1000 * END_S) < 0 && errno == EINTR)
		;
}

int nwb_link_kill(struct nwb_link *l)
{
	siginfo_t si = {0};

	nwb_close_fd(&l->life);
	nwb_close_fd(&l->req);
	if (l->pidfd >= 0 && l->step == NWB_ISOLATION_NONE)
		wait_end(l->pidfd);
	if (l->pidfd >= 0) {
		/* pid 1 of a namespace can be killed from outside, and is
		 * gone only when every process of the namespace is. */
		syscall(SYS_pidfd_send_signal, l->pidfd, SIGKILL, NULL, 0);
		while (waitid(P_PIDFD, (id_t)l->pidfd, &si, WEXITED) &&
		       errno == EINTR)
			;
	}
	nwb_close_fd(&l->pidfd);
	return si.si_code == CLD_EXITED ? si.si_status : 0;
}

void nwb_link_close(struct nwb_link *l)
{
	(void)nwb_link_kill(l);
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
	for (; nr > 1; nr--)
		c->ret_more[nr - 2] = fds[nr - 1];
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
	memset(c->ret_more, -1, sizeof(c->ret_more));
	c->ret_text[0] = '\0';
	pthread_mutex_lock(&l->lock);
	rc = call_locked(l, c);
	pthread_mutex_unlock(&l->lock);
	return rc;
}
