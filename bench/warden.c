/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See warden.h. */
#include "warden_i.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define STRINGS_MAX 256
#define KILL_TRIES  200 /* of 10 ms */

#define HEAD offsetof(struct warden_msg, text)

union space {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(3 * sizeof(int))];
};

int warden_send(int sock, const struct warden_msg *m, const int *fds,
		unsigned int nr)
{
	struct iovec iov = {(void *)(uintptr_t)m, HEAD + m->len};
	union space space = {0};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};

	if (nr) {
		struct cmsghdr *cm;

		mh.msg_control = space.bytes;
		mh.msg_controllen = CMSG_SPACE(sizeof(int) * nr);
		cm = CMSG_FIRSTHDR(&mh);
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		cm->cmsg_len = CMSG_LEN(sizeof(int) * nr);
		memcpy(CMSG_DATA(cm), fds, sizeof(int) * nr);
	}
	return sendmsg(sock, &mh, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int warden_recv(int sock, struct warden_msg *m, int fds[3])
{
	struct iovec iov = {m, sizeof(*m)};
	union space space = {0};
	struct msghdr mh = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = space.bytes,
		.msg_controllen = sizeof(space.bytes),
	};
	struct cmsghdr *cm;
	ssize_t n;

	do
		n = recvmsg(sock, &mh, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < (ssize_t)HEAD || (size_t)n != HEAD + m->len)
		return -EPIPE;
	cm = CMSG_FIRSTHDR(&mh);
	if (fds && cm && cm->cmsg_type == SCM_RIGHTS)
		memcpy(fds, CMSG_DATA(cm),
		       nwb_min(cm->cmsg_len - CMSG_LEN(0), 3 * sizeof(int)));
	return 0;
}

/* --- the warden's side ---------------------------------------------------- */

struct warden {
	struct warden_msg msg;
	int sock;
	int sigfd;
	pid_t child;
	pid_t umounter;
	char mounted[WARDEN_PATH]; /* on the host; empty: nothing */
};

static struct warden warden;

int bench_exec_in(const struct nwb_inside *place, char **argv, char **env,
		  const char *cwd, struct nwb_err *err)
{
	int rc = nwb_inside_enter(place, err);

	if (rc)
		return rc;
	if (cwd && chdir(cwd))
		return nwb_err_set(err, -errno, "%s: %s", cwd, strerror(errno));
	for (unsigned int i = 0; env[i]; i++)
		putenv(env[i]);
	execvp(argv[0], argv);
	return nwb_err_set(err, -errno, "%s: %s", argv[0], strerror(errno));
}

/* Strings, each with its NUL, to a vector. Return: what follows them. */
static char *split(char *p, const char *end, uint32_t nr, char **v)
{
	if (nr >= STRINGS_MAX)
		return NULL;
	for (uint32_t i = 0; i < nr; i++) {
		v[i] = p;
		p = memchr(p, 0, (size_t)(end - p));
		if (!p++)
			return NULL;
	}
	v[nr] = NULL;
	return p;
}

static void run_child(struct warden *w, const struct nwb_inside *place,
		      int status_fd)
{
	static char *argv[STRINGS_MAX], *env[STRINGS_MAX], *cwd[2];
	struct nwb_err err = {.code = -EPROTO};
	char *end = w->msg.text + w->msg.len, *p;
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	p = split(w->msg.text, end, w->msg.nr[0], argv);
	p = p ? split(p, end, w->msg.nr[1], env) : NULL;
	if (p && (!(w->msg.has & WARDEN_HAS_CWD) || split(p, end, 1, cwd)))
		bench_exec_in(place, argv, env, cwd[0], &err);
	if (write(status_fd, &err, sizeof(err)) < 0)
		_exit(126);
	_exit(127);
}

static struct nwb_inside take_place(const struct warden *w, const int *got)
{
	struct nwb_inside place = NWB_INSIDE_NONE;
	int *to[] = {&place.user, &place.net, &place.mnt};
	int n = 0;

	for (int i = 0; i < 3; i++)
		if (w->msg.has & 1u << i)
			*to[i] = got[n++];
	return place;
}

static void start_child(struct warden *w, const int *got)
{
	static struct warden_msg answer;
	struct nwb_inside place = take_place(w, got);
	struct nwb_err err = {0};
	int fds[2];

	answer = (struct warden_msg){.op = OP_STARTED};
	if (pipe2(fds, O_CLOEXEC)) {
		answer.result = -errno;
	} else {
		w->child = fork();
		if (w->child == 0)
			run_child(w, &place, fds[1]);
		close(fds[1]);
		if (w->child < 0)
			answer.result = -errno;
		else if (read(fds[0], &err, sizeof(err)) == sizeof(err))
			answer.result = err.code;
		close(fds[0]);
	}
	nwb_inside_close(&place);
	if (answer.result) {
		answer.len =
			(uint32_t)snprintf(answer.text, 1024, "%s", err.text) +
			1;
		w->child = 0; /* reaped with whatever else ends */
	}
	if (warden_send(w->sock, &answer, NULL, 0))
		w->child = 0;
}

/* A child of its own goes to the place and answers from there: the connection
 * must not stay with us, who outlive netwb. */
static void start_mounter(struct warden *w, const int *got)
{
	struct nwb_inside place = take_place(w, got);
	bool is_host = w->msg.nr[0];
	pid_t pid = fork();
	int status = -1;

	if (pid == 0) {
		sigset_t none;

		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		_exit(warden_fuse_child(w->sock, &w->msg,
					is_host ? NULL : &place));
	}
	nwb_inside_close(&place);
	if (pid < 0) {
		static struct warden_msg answer;

		answer =
			(struct warden_msg){.op = OP_MOUNTED, .result = -errno};
		if (warden_send(w->sock, &answer, NULL, 0))
			return; /* the loop sees the end of the socket */
	} else if (w->msg.op == OP_UMOUNT) {
		w->umounter = pid;
	} else if (waitpid(pid, &status, 0) == pid && !status && is_host) {
		snprintf(w->mounted, sizeof(w->mounted), "%.4095s",
			 w->msg.text);
	}
}

/* Orphans come to us, so whoever is killed hands over its own children. */
static void kill_children(void)
{
	struct dirent *de;
	DIR *dir = opendir("/proc");
	char path[64], line[512], *p;
	int ppid;

	while (dir && (de = readdir(dir)) != NULL) {
		FILE *f;

		if (de->d_name[0] < '1' || de->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), "/proc/%.20s/stat", de->d_name);
		f = fopen(path, "re");
		if (!f)
			continue;
		p = fgets(line, sizeof(line), f) ? strrchr(line, ')') : NULL;
		if (p && sscanf(p + 1, " %*c %d", &ppid) == 1 &&
		    ppid == getpid())
			kill((pid_t)atoi(de->d_name), SIGKILL);
		fclose(f);
	}
	if (dir)
		closedir(dir);
}

/* Until nobody is left, or somebody does not die. */
static void kill_all(void)
{
	for (int i = 0; i < KILL_TRIES; i++) {
		pid_t pid;

		while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
			;
		if (pid < 0)
			break;
		kill_children();
		usleep(10000);
	}
}

static void reap(struct warden *w)
{
	static struct warden_msg m;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == w->umounter && !status)
			w->mounted[0] = 0;
		if (pid != w->child)
			continue;
		w->child = 0;
		/* what it left in the background must not go on writing */
		kill_all();
		m = (struct warden_msg){.op = OP_ENDED,
					.nr = {(uint32_t)status}};
		if (warden_send(w->sock, &m, NULL, 0))
			return; /* the loop sees the end of the socket */
	}
}

static void clean_up(const struct warden *w, const char *dir)
{
	char base[256], *slash;
	struct dirent *de;
	DIR *d;

	kill_all();
	if (w->mounted[0])
		warden_fuse_drop(w->mounted);
	d = opendir(dir);
	while (d && (de = readdir(d)) != NULL)
		if (strcmp(de->d_name, ".") && strcmp(de->d_name, "..") &&
		    unlinkat(dirfd(d), de->d_name, 0))
			unlinkat(dirfd(d), de->d_name, AT_REMOVEDIR);
	if (d)
		closedir(d);
	rmdir(dir);
	/* ... and the runs' directory with the last of them */
	snprintf(base, sizeof(base), "%s", dir);
	slash = strrchr(base, '/');
	if (slash) {
		*slash = 0;
		rmdir(base);
	}
}

static void obey(struct warden *w)
{
	int fds[3] = {-1, -1, -1};

	if (warden_recv(w->sock, &w->msg, fds))
		return;
	if (w->msg.op == OP_RUN && !w->child)
		start_child(w, fds);
	else if (w->msg.op == OP_MOUNT || w->msg.op == OP_UMOUNT)
		start_mounter(w, fds);
	else if (w->msg.op == OP_SIGNAL && w->child > 0)
		kill(w->child, (int)w->msg.nr[0]);
}

__attribute__((noreturn)) static void be_warden(int sock, const char *dir)
{
	struct warden *w = &warden;
	struct signalfd_siginfo si;
	struct pollfd pfds[2];
	sigset_t all;

	prctl(PR_SET_NAME, "netwb-warden");
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	sigemptyset(&all);
	sigaddset(&all, SIGCHLD);
	w->sock = sock;
	w->sigfd = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	pfds[0] = (struct pollfd){sock, POLLIN, 0};
	pfds[1] = (struct pollfd){w->sigfd, POLLIN, 0};
	while (w->sigfd >= 0 && poll(pfds, 2, -1) >= 0) {
		while (read(w->sigfd, &si, sizeof(si)) > 0)
			;
		reap(w);
		if (pfds[0].revents & POLLIN)
			obey(w);
		if (pfds[0].revents & (POLLHUP | POLLERR))
			break;
	}
	clean_up(w, dir);
	_exit(0);
}

/* --- netwb's side --------------------------------------------------------- */

int bench_warden_start(struct bench_warden *w, const char *dir,
		       struct nwb_err *err)
{
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv))
		return nwb_err_set(err, -errno, "socketpair: %s",
				   strerror(errno));
	fflush(NULL);
	w->pid = fork();
	if (w->pid == 0) {
		close(sv[0]);
		be_warden(sv[1], dir);
	}
	close(sv[1]);
	w->sock = sv[0];
	if (w->pid > 0)
		return 0;
	close(sv[0]);
	w->sock = -1;
	return nwb_err_set(err, -errno, "fork: %s", strerror(errno));
}

static int add_strings(struct warden_msg *m, char **v, uint32_t *ret_nr)
{
	for (*ret_nr = 0; v[*ret_nr]; ++*ret_nr) {
		size_t len = strlen(v[*ret_nr]) + 1;

		if (*ret_nr + 1 >= STRINGS_MAX || m->len + len > WARDEN_TEXT)
			return -E2BIG;
		memcpy(m->text + m->len, v[*ret_nr], len);
		m->len += (uint32_t)len;
	}
	return 0;
}

unsigned int warden_put_place(struct warden_msg *m,
			      const struct nwb_inside *place, int fds[3])
{
	const int all[3] = {place->user, place->net, place->mnt};
	unsigned int nr = 0;

	for (unsigned int i = 0; i < 3; i++)
		if (all[i] >= 0) {
			fds[nr++] = all[i];
			m->has |= 1u << i;
		}
	return nr;
}

int bench_warden_run(struct bench_warden *w, char **argv, char **env,
		     const char *cwd, const struct nwb_inside *place,
		     struct nwb_err *err)
{
	char *dir[] = {(char *)(uintptr_t)cwd, NULL};
	static struct warden_msg m;
	uint32_t nr_dir;
	unsigned int nr;
	int fds[3], rc;

	m = (struct warden_msg){.op = OP_RUN};
	nr = warden_put_place(&m, place, fds);
	rc = add_strings(&m, argv, &m.nr[0]);
	if (!rc)
		rc = add_strings(&m, env, &m.nr[1]);
	if (!rc && cwd) {
		m.has |= WARDEN_HAS_CWD;
		rc = add_strings(&m, dir, &nr_dir);
	}
	if (rc)
		return nwb_err_set(err, rc, "the command is too long");
	rc = warden_send(w->sock, &m, fds, nr);
	if (!rc)
		rc = warden_recv(w->sock, &m, NULL);
	if (rc)
		return nwb_err_set(err, rc, "the warden is gone");
	if (m.result)
		return nwb_err_set(err, m.result, "%.*s", (int)m.len, m.text);
	return 0;
}

void bench_warden_signal(struct bench_warden *w, int sig)
{
	static struct warden_msg m;

	m = (struct warden_msg){.op = OP_SIGNAL, .nr = {(uint32_t)sig}};
	if (warden_send(w->sock, &m, NULL, 0))
		return; /* it is gone, and the command with it */
}

int bench_warden_status(struct bench_warden *w, int *ret_status)
{
	static struct warden_msg m;
	int rc = warden_recv(w->sock, &m, NULL);

	if (rc || m.op != OP_ENDED)
		return -EPIPE;
	*ret_status = (int)m.nr[0];
	return 0;
}

void bench_warden_stop(struct bench_warden *w)
{
	if (w->sock >= 0)
		close(w->sock);
	w->sock = -1;
	while (w->pid > 0 && waitpid(w->pid, NULL, 0) < 0 && errno == EINTR)
		;
	w->pid = 0;
}
