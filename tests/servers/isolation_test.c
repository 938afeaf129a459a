/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The steps of isolation: each one works, tells what happens, and leaves
 * nothing when netwb is killed. And without namespaces: nobody else is
 * reached, killed, or mistaken for our server.
 */
#include "server_util.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATH_BYTES 256

static struct nwb_server *start(const struct nwb_server_opts *opts)
{
	struct nwb_server *srv = NULL;
	struct nwb_err err = {0};

	if (nwb_server_start(opts, &srv, &err))
		nwb_check_streq(err.text, "");
	return srv;
}

/* --- each step ----------------------------------------------------------- */

static void live_and_die(const char *name, enum nwb_isolation step)
{
	struct event_log log;
	struct nwb_server_opts opts = {
		.name = name,
		.isolation = step,
		.on_event = event_log_add,
		.event_arg = &log,
	};
	struct nwb_server_info info;
	struct nwb_server *srv;
	uint64_t before, after;
	char buf[16];
	int fd;

	skip_unless_isolated(step);
	event_log_init(&log);
	srv = start(&opts);
	nwb_server_info(srv, &info);
	nwb_check_streq(info.isolation, nwb_isolation_name(step));
	nwb_check_eq(dial_hello(srv), 0);
	export_put(srv, "f", "stays");
	nwb_check_eq(nwb_server_cpu_ns(srv, &before), 0);
	nwb_check(before > 0);
	nwb_check_eq(nwb_server_kill(srv, SIGSTOP, true, NULL), 0);
	nwb_check_eq(nwb_server_kill(srv, SIGCONT, true, NULL), 0);
	nwb_check_eq(dial_hello(srv), 0);
	nwb_check_eq(nwb_server_kill(srv, SIGKILL, true, NULL), 0);
	nwb_check(event_log_wait(&log, 2));
	nwb_check_eq(log.ev[1], NWB_SERVER_DIED);
	nwb_check(WIFSIGNALED(log.status[1]));
	nwb_check_eq(nwb_server_dial(srv, &fd, NULL), -ECONNREFUSED);
	nwb_check_eq(nwb_server_restart(srv, NULL), 0);
	nwb_check_eq(dial_hello(srv), 0);
	export_get(srv, "f", buf, sizeof(buf));
	nwb_check_streq(buf, "stays");
	nwb_check_eq(nwb_server_cpu_ns(srv, &after), 0);
	nwb_check(after > before);
	nwb_server_free(srv);
}

NWB_TEST(isolation, smbd_lives_and_dies_in_userns)
{
	live_and_die("smbd", NWB_ISOLATION_USERNS);
}

NWB_TEST(isolation, diod_lives_and_dies_in_userns)
{
	live_and_die("diod", NWB_ISOLATION_USERNS);
}

NWB_TEST(isolation, smbd_lives_and_dies_in_none)
{
	live_and_die("smbd", NWB_ISOLATION_NONE);
}

NWB_TEST(isolation, diod_lives_and_dies_in_none)
{
	live_and_die("diod", NWB_ISOLATION_NONE);
}

NWB_TEST(isolation, two_in_none_are_apart)
{
	struct nwb_server_opts a = {
		.name = "smbd",
		.isolation = NWB_ISOLATION_NONE,
	};
	struct nwb_server_opts b = a;
	struct nwb_server *sa, *sb;
	int fd;

	skip_unless_isolated(NWB_ISOLATION_NONE);
	b.name = "diod";
	sa = start(&a);
	sb = start(&b);
	export_put(sa, "f", "of a");
	nwb_check_eq(nwb_server_open(sb, "f", O_RDONLY, &fd, NULL), -ENOENT);
	/* "All" is all of a, and nobody else's. */
	nwb_check_eq(nwb_server_kill(sa, SIGKILL, true, NULL), 0);
	nwb_check_eq(dial_hello(sb), 0);
	nwb_server_free(sa);
	nwb_check_eq(dial_hello(sb), 0);
	nwb_server_free(sb);
}

NWB_TEST(isolation, what_was_asked_for_is_what_is_tried)
{
	enum nwb_isolation step;
	struct nwb_err err = {0};
	char why[96];

	nwb_check_eq(nwb_isolation_try(NWB_ISOLATION_NONE, &step, why,
				       sizeof(why), &err),
		     0);
	nwb_check_eq(step, NWB_ISOLATION_NONE);
	nwb_check_streq(why, "asked for");
	if (geteuid() == 0)
		return;
	nwb_check(nwb_isolation_try(NWB_ISOLATION_NS, &step, why, sizeof(why),
				    &err) < 0);
	nwb_check(strstr(err.text, "run as root"));
	nwb_check_eq(nwb_isolation_try(NWB_ISOLATION_AUTO, &step, why,
				       sizeof(why), &err),
		     0);
	nwb_check(step > NWB_ISOLATION_NS);
	nwb_check(why[0]);
}

/* --- nothing stays ------------------------------------------------------- */

/* Is the lock of a state directory free, so that its agent is gone? */
static bool is_abandoned(int base, const char *name)
{
	int fd = openat(base, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool is_free = fd >= 0 && !flock(fd, LOCK_SH | LOCK_NB);

	if (fd >= 0)
		close(fd);
	return is_free;
}

/* State directories of ours without an agent, wherever they may be. */
static unsigned int count_abandoned(void)
{
	static const char *const bases[] = {"/tmp", "/dev/shm"};
	unsigned int i, nr = 0;
	struct dirent *de;
	struct stat st;
	DIR *dir;

	for (i = 0; i < NWB_ARRAY_SIZE(bases); i++) {
		dir = opendir(bases[i]);
		while (dir && (de = readdir(dir)) != NULL)
			nr += !strncmp(de->d_name, "netwb-none.", 11) &&
			      !fstatat(dirfd(dir), de->d_name, &st, 0) &&
			      st.st_uid == geteuid() &&
			      is_abandoned(dirfd(dir), de->d_name);
		if (dir)
			closedir(dir);
	}
	return nr;
}

/* A program at @path that runs @text and then the real diod. */
static void make_wrapper(char *path, const char *text)
{
	FILE *f;
	int fd;

	strcpy(path, "/tmp/nwb-wrapper.XXXXXX");
	fd = mkstemp(path);
	nwb_check(fd >= 0);
	nwb_check_eq(fchmod(fd, 0755), 0);
	f = fdopen(fd, "w");
	nwb_check(f);
	fprintf(f, "#!/bin/sh\n%s\n", text);
	nwb_check_eq(fclose(f), 0);
}

/* As this process would name it: in the namespaces there is no such thing. */
static void path_of_export(struct nwb_server *srv, char *path)
{
	char link[64];
	ssize_t n;
	int fd;

	nwb_check_eq(
		nwb_server_open(srv, ".", O_RDONLY | O_DIRECTORY, &fd, NULL),
		0);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, PATH_BYTES - 1);
	nwb_check(n > 0);
	path[n] = '\0';
	close(fd);
}

/* The program to be killed: writes where its state is (nowhere, outside of its
 * namespaces) when its server is up. */
static pid_t make_victim(const struct nwb_server_opts *opts, int *ret_fd)
{
	struct nwb_server *srv;
	char path[PATH_BYTES];
	int fds[2];
	pid_t pid;

	nwb_check_eq(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	nwb_check(pid >= 0);
	if (pid == 0) {
		if (nwb_server_start(opts, &srv, NULL) || dial_hello(srv))
			_exit(1);
		path_of_export(srv, path);
		dprintf(fds[1], "%s", path);
		for (;;)
			pause();
	}
	close(fds[1]);
	*ret_fd = fds[0];
	return pid;
}

/* All descendants are ours to wait for: this hangs when one stays. */
static void reap_all(void)
{
	while (waitpid(-1, NULL, 0) > 0)
		;
	nwb_check_eq(errno, ECHILD);
}

static void kill9_leaves_nothing(const char *name, enum nwb_isolation step,
				 const char *binary)
{
	struct nwb_server_opts opts = {
		.name = name,
		.isolation = step,
		.binary_path = binary,
		.auto_restart = true,
	};
	unsigned int before;
	char share[PATH_BYTES];
	ssize_t n;
	pid_t pid;
	int fd;

	nwb_check_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	before = count_abandoned();
	pid = make_victim(&opts, &fd);
	n = read(fd, share, sizeof(share) - 1);
	nwb_check(n > 0);
	share[n] = '\0';
	nwb_check_eq(access(share, F_OK), step == NWB_ISOLATION_NONE ? 0 : -1);
	nwb_check_eq(kill(pid, SIGKILL), 0);
	reap_all();
	nwb_check_eq(access(share, F_OK), -1);
	nwb_check_eq(count_abandoned(), before);
	close(fd);
}

NWB_TEST(isolation, kill9_leaves_nothing_in_userns)
{
	skip_unless_isolated(NWB_ISOLATION_USERNS);
	kill9_leaves_nothing("smbd", NWB_ISOLATION_USERNS, NULL);
	kill9_leaves_nothing("diod", NWB_ISOLATION_USERNS, NULL);
}

NWB_TEST(isolation, kill9_leaves_nothing_in_none)
{
	skip_unless_isolated(NWB_ISOLATION_NONE);
	kill9_leaves_nothing("smbd", NWB_ISOLATION_NONE, NULL);
	kill9_leaves_nothing("diod", NWB_ISOLATION_NONE, NULL);
}

/* Sessions of their own, and parents that are gone: all the same. */
NWB_TEST(isolation, no_daemon_escapes_from_none)
{
	char path[32];

	skip_unless_isolated(NWB_ISOLATION_NONE);
	make_wrapper(path, "setsid sh -c 'sleep 3600 & setsid sleep 3600 &' &\n"
			   "exec /usr/sbin/diod \"$@\"");
	kill9_leaves_nothing("diod", NWB_ISOLATION_NONE, path);
	unlink(path);
}

NWB_TEST(isolation, kill9_at_any_moment_of_the_start_in_none)
{
	static const long after_us[] = {0,     300,   1000,  3000,  8000,
					20000, 40000, 70000, 110000};
	struct nwb_server_opts opts = {
		.name = "smbd",
		.isolation = NWB_ISOLATION_NONE,
	};
	struct timespec ts = {0};
	unsigned int i, before;
	pid_t pid;
	int fd;

	skip_unless_isolated(NWB_ISOLATION_NONE);
	nwb_check_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	before = count_abandoned();
	for (i = 0; i < NWB_ARRAY_SIZE(after_us); i++) {
		pid = make_victim(&opts, &fd);
		ts.tv_nsec = after_us[i] * 1000;
		nanosleep(&ts, NULL);
		nwb_check_eq(kill(pid, SIGKILL), 0);
		reap_all();
		close(fd);
	}
	nwb_check_eq(count_abandoned(), before);
}

/* What a later start takes for abandoned: old, and locked by nobody. */
static void make_old(const char *path)
{
	const struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};

	nwb_check_eq(utimensat(AT_FDCWD, path, old, 0), 0);
}

static int ppid_of(int pid)
{
	char path[64], line[256];
	int ppid = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "PPid: %d", &ppid) == 1)
			break;
	if (f)
		fclose(f);
	return ppid;
}

/* The janitor itself is killed: the server goes with it, the directory stays
 * until the next start. */
NWB_TEST(isolation, what_a_killed_janitor_left_goes_later)
{
	struct nwb_server_opts opts = {
		.name = "diod",
		.isolation = NWB_ISOLATION_NONE,
	};
	struct timespec pause_ts = {.tv_nsec = 1000000};
	struct nwb_server_info info;
	struct nwb_server *srv, *second;
	char left[PATH_BYTES], dir[PATH_BYTES];
	unsigned int i = 0;

	skip_unless_isolated(NWB_ISOLATION_NONE);
	nwb_check_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	srv = start(&opts);
	path_of_export(srv, left);
	*strrchr(left, '/') = '\0';
	nwb_server_info(srv, &info);
	nwb_check_eq(kill(ppid_of(info.main_pid_in_ns), SIGKILL), 0);
	/* Once orphaned it is ours, and dead it can be waited for. */
	while (waitpid(info.main_pid_in_ns, NULL, WNOHANG) !=
		       info.main_pid_in_ns &&
	       i++ < 5000)
		nanosleep(&pause_ts, NULL);
	nwb_check(i < 5000);
	nwb_server_free(srv);
	srv = start(&opts);
	nwb_check_eq(access(left, F_OK), 0); /* too young */
	make_old(left);
	path_of_export(srv, dir);
	*strrchr(dir, '/') = '\0';
	make_old(dir); /* old, but in use */
	second = start(&opts);
	nwb_check_eq(access(left, F_OK), -1);
	nwb_check_eq(access(dir, F_OK), 0);
	nwb_server_free(srv);
	nwb_check_eq(access(dir, F_OK), -1);
	nwb_server_free(second);
}

/* --- and nobody else is concerned ---------------------------------------- */

NWB_TEST(isolation, a_server_open_to_others_is_refused_in_none)
{
	struct nwb_server_opts opts = {
		.name = "diod",
		.isolation = NWB_ISOLATION_NONE,
	};
	struct nwb_server *srv = NULL;
	struct nwb_err err = {0};
	char path[32];

	skip_unless_isolated(NWB_ISOLATION_NONE);
	make_wrapper(path, "for a; do shift\n"
			   "case $a in 127.0.0.1:*) a=0.0.0.0:${a#*:} ;; esac\n"
			   "set -- \"$@\" \"$a\"; done\n"
			   "exec /usr/sbin/diod \"$@\"");
	opts.binary_path = path;
	nwb_check_eq(nwb_server_start(&opts, &srv, &err), -EADDRNOTAVAIL);
	nwb_check(strstr(err.text, "not loopback"));
	nwb_check(!srv);
	unlink(path);
}

/* Somebody else answers on the port that ours was told to use. */
static pid_t make_impostor(const char *port_file)
{
	static const char rversion[] = "\x15\0\0\0\x65\xff\xff\0\x20\0\0"
				       "\x08\0"
				       "9P2000.L";
	struct sockaddr_in sin = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	const struct timespec pause_ts = {.tv_nsec = 2000000};
	unsigned int port = 0;
	int fd, conn, one = 1;
	char buf[64];
	pid_t pid = fork();
	FILE *f;

	nwb_check(pid >= 0);
	if (pid)
		return pid;
	while (!port) {
		nanosleep(&pause_ts, NULL);
		f = fopen(port_file, "re");
		if (f && fscanf(f, "%u\n", &port) != 1)
			port = 0;
		if (f)
			fclose(f);
	}
	sin.sin_port = htons((uint16_t)port);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&sin, sizeof(sin)) || listen(fd, 5))
		_exit(1);
	for (;;) {
		conn = accept(fd, NULL, NULL);
		if (recv(conn, buf, sizeof(buf), 0) > 0)
			send(conn, rversion, sizeof(rversion) - 1,
			     MSG_NOSIGNAL);
		close(conn);
	}
}

NWB_TEST(isolation, an_impostor_is_not_taken_for_the_server)
{
	struct nwb_server_opts opts = {
		.name = "diod",
		.isolation = NWB_ISOLATION_NONE,
	};
	struct nwb_server *srv = NULL;
	struct nwb_err err = {0};
	char path[32], port_file[40], text[256];
	pid_t pid;
	int fd;

	skip_unless_isolated(NWB_ISOLATION_NONE);
	strcpy(port_file, "/tmp/nwb-port.XXXXXX");
	fd = mkstemp(port_file);
	nwb_check(fd >= 0);
	close(fd);
	snprintf(text, sizeof(text),
		 "for a; do case $a in 127.0.0.1:*) echo ${a#*:} >%s ;; esac; "
		 "done\nexec sleep 3600",
		 port_file);
	make_wrapper(path, text);
	opts.binary_path = path;
	pid = make_impostor(port_file);
	nwb_check_eq(nwb_server_start(&opts, &srv, &err), -EADDRINUSE);
	nwb_check(strstr(err.text, "is not ours"));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	unlink(path);
	unlink(port_file);
}
