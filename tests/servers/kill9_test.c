/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kill -9 of the program that started servers leaves nothing behind.
 *
 * The test makes itself the reaper of all its descendants: when waiting finds
 * no child any more, no process of the servers exists in any namespace. A
 * process that stays makes the test hang into its time limit.
 */
#include "server_util.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct outside {
	char mounts[16384];
	unsigned int nr_tmp;
};

static unsigned int count_entries(const char *path)
{
	unsigned int nr = 0;
	DIR *dir = opendir(path);

	nwb_check(dir);
	while (readdir(dir))
		nr++;
	closedir(dir);
	return nr;
}

static void look_outside(struct outside *o)
{
	int fd = open("/proc/self/mounts", O_RDONLY | O_CLOEXEC);
	size_t done = 0;
	ssize_t n;

	nwb_check(fd >= 0);
	memset(o, 0, sizeof(*o));
	while ((n = read(fd, o->mounts + done, sizeof(o->mounts) - 1 - done)))
		done += (size_t)n;
	close(fd);
	o->nr_tmp = count_entries("/mnt") + count_entries("/etc");
}

static int put_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));

	close(fd);
	return n == (ssize_t)strlen(text) ? 0 : -1;
}

/* Where mounts propagate, as on most machines: the servers' must not. Who is
 * not root is himself in a user namespace for it. */
static int share_mounts(void)
{
	unsigned int uid = geteuid(), gid = getegid();
	char text[64];

	if (unshare(CLONE_NEWNS | (uid ? CLONE_NEWUSER : 0)))
		return -1;
	if (uid) {
		snprintf(text, sizeof(text), "%u %u 1", uid, uid);
		if (put_text("/proc/self/setgroups", "deny") ||
		    put_text("/proc/self/uid_map", text))
			return -1;
		snprintf(text, sizeof(text), "%u %u 1", gid, gid);
		if (put_text("/proc/self/gid_map", text))
			return -1;
	}
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return -1;
	return mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL);
}

/* The program to be killed: writes a byte when both servers are up. */
static void victim(int out)
{
	struct nwb_server_opts a = {.name = "smbd", .auto_restart = true};
	struct nwb_server_opts b = {.name = "diod"};
	struct nwb_server *sa, *sb;

	if (nwb_server_start(&a, &sa, NULL) ||
	    nwb_server_start(&b, &sb, NULL) || dial_hello(sa) ||
	    dial_hello(sb) || write(out, "u", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

static pid_t make_victim(int *ret_fd)
{
	int fds[2];
	pid_t pid;

	nwb_check_eq(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	nwb_check(pid >= 0);
	if (pid == 0) {
		close(fds[0]);
		victim(fds[1]);
	}
	close(fds[1]);
	*ret_fd = fds[0];
	return pid;
}

static unsigned int reap_all(void)
{
	unsigned int nr = 0;

	while (waitpid(-1, NULL, 0) > 0)
		nr++;
	nwb_check_eq(errno, ECHILD);
	return nr;
}

NWB_TEST(kill9, leaves_nothing)
{
	static struct outside before, after;
	pid_t pid;
	char c;
	int fd;

	skip_unless_servers();
	nwb_check_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	look_outside(&before);
	pid = make_victim(&fd);
	nwb_check_eq(read(fd, &c, 1), 1);
	nwb_check_eq(kill(pid, SIGKILL), 0);
	nwb_check_eq(reap_all(), 3); /* the victim and two agents */
	look_outside(&after);
	nwb_check(!strcmp(before.mounts, after.mounts));
	nwb_check_eq(before.nr_tmp, after.nr_tmp);
	close(fd);
}

/* In a process of its own, for a user namespace wants one without threads.
 * Return: 0; else which step failed. */
static int compare_mounts(void)
{
	static struct outside before, after;
	struct nwb_server_opts opts = {.name = "smbd"};
	struct nwb_server *srv;

	if (share_mounts())
		return 1;
	look_outside(&before);
	if (nwb_server_start(&opts, &srv, NULL))
		return 2;
	look_outside(&after);
	if (strcmp(before.mounts, after.mounts))
		return 3;
	nwb_server_free(srv);
	look_outside(&after);
	if (strcmp(before.mounts, after.mounts))
		return 4;
	return before.nr_tmp == after.nr_tmp ? 0 : 5;
}

NWB_TEST(kill9, mounts_are_not_seen_outside)
{
	int status;
	pid_t pid;

	skip_unless_namespaces();
	pid = fork();
	nwb_check(pid >= 0);
	if (pid == 0)
		_exit(compare_mounts());
	nwb_check_eq(waitpid(pid, &status, 0), pid);
	nwb_check(WIFEXITED(status));
	nwb_check_eq(WEXITSTATUS(status), 0);
}

NWB_TEST(kill9, at_any_moment_of_the_start)
{
	static const long after_us[] = {0,     500,   2000,  5000,  10000,
					20000, 40000, 60000, 90000, 130000};
	static struct outside before, after;
	struct timespec ts = {0};
	unsigned int i;
	pid_t pid;
	int fd;

	skip_unless_servers();
	nwb_check_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	look_outside(&before);
	for (i = 0; i < NWB_ARRAY_SIZE(after_us); i++) {
		pid = make_victim(&fd);
		ts.tv_nsec = after_us[i] * 1000;
		nanosleep(&ts, NULL);
		nwb_check_eq(kill(pid, SIGKILL), 0);
		nwb_check(reap_all() >= 1);
		close(fd);
	}
	look_outside(&after);
	nwb_check(!strcmp(before.mounts, after.mounts));
	nwb_check_eq(before.nr_tmp, after.nr_tmp);
}

/* A child that netwb forked and that lives on holds every file of netwb's,
 * the write end of the agent's pipe too: the agent must go all the same. */
NWB_TEST(kill9, a_surviving_fork_does_not_keep_the_servers)
{
	struct nwb_server_opts opts = {.name = "diod"};
	struct nwb_server *srv;
	int fds[2], hold[2];
	pid_t pid, orphan, got;
	char c;

	skip_unless_servers();
	nwb_check_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	nwb_check_eq(pipe2(fds, O_CLOEXEC), 0);
	nwb_check_eq(pipe2(hold, O_CLOEXEC), 0);
	pid = fork();
	nwb_check(pid >= 0);
	if (pid == 0) {
		if (nwb_server_start(&opts, &srv, NULL))
			_exit(1);
		orphan = fork();
		if (orphan == 0) {
			close(hold[1]);
			_exit(read(hold[0], &c, 1) == 0 ? 0 : 1);
		}
		if (write(fds[1], &orphan, sizeof(orphan)) < 0)
			_exit(1);
		for (;;)
			pause();
	}
	nwb_check_eq(read(fds[0], &orphan, sizeof(orphan)), sizeof(orphan));
	nwb_check_eq(kill(pid, SIGKILL), 0);
	/* The victim and the agent end while the orphan still waits. */
	got = waitpid(-1, NULL, 0);
	nwb_check(got > 0 && got != orphan);
	got = waitpid(-1, NULL, 0);
	nwb_check(got > 0 && got != orphan);
	close(hold[1]);
	nwb_check_eq(waitpid(orphan, NULL, 0), orphan);
	nwb_check_eq(reap_all(), 0);
}
