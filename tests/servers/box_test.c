/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A box beside a server, and the cable: in its network, but not under its
 * control, and gone with netwb.
 */
#include "nwb/box.h"
#include "server_util.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROOM (16 * NWB_MIB)

static struct nwb_server *srv;
static struct nwb_box *box;
static char out[8192];

static void up(const char *name)
{
	struct nwb_server_opts o = {.name = name, .tap = true};
	struct nwb_err err = {0};
	int rc;

	skip_unless_servers();
	skip_unless_namespaces();
	if (access("/dev/net/tun", R_OK | W_OK))
		nwb_test_skip("no /dev/net/tun here");
	rc = nwb_server_start(&o, &srv, &err);
	if (rc == -EPERM || rc == -EOPNOTSUPP)
		nwb_test_skip(err.text);
	nwb_check_streq(err.text, "");
	nwb_check_eq(nwb_box_open(srv, ROOM, &box, &err), 0);
}

static void down(void)
{
	nwb_box_close(box);
	nwb_server_free(srv);
}

/* Start `sh -c @script` in the box. Return: the reading end of its output. */
static int run(const char *script)
{
	const char *argv[] = {"/bin/sh", "-c", script, NULL};
	struct nwb_err err = {0};
	int fds[2], null = open("/dev/null", O_RDWR | O_CLOEXEC);

	nwb_check(!pipe2(fds, O_CLOEXEC));
	nwb_check_eq(nwb_box_spawn(box, argv, fds[1], null, null, &err), 0);
	close(fds[1]);
	close(null);
	return fds[0];
}

static void read_all(int fd)
{
	size_t len = 0;
	ssize_t n;

	while ((n = read(fd, out + len, sizeof(out) - 1 - len)) > 0)
		len += (size_t)n;
	out[len] = '\0';
	close(fd);
}

static int wait_died(void)
{
	int status = -1, rc;

	do
		rc = nwb_box_died(box, &status);
	while (!rc);
	nwb_check_eq(rc, 1);
	return status;
}

NWB_TEST(box, sees_the_cable_and_nobody_else)
{
	up("diod");
	read_all(run("cat /proc/net/dev; echo pid $$; ls -d /proc/[0-9]*;"
		     "echo home $HOME; echo x >$TMPDIR/file; exit 7"));
	nwb_check(strstr(out, "nwb0:"));
	nwb_check(strstr(out, "pid 2\n"));
	nwb_check(strstr(out, "/proc/1\n"));
	nwb_check(!strstr(out, "/proc/9\n"));
	nwb_check_eq(wait_died(), 7 << 8);
	nwb_check_eq(faccessat(nwb_box_dirfd(box), "file", F_OK, 0), 0);
	down();
}

/* Stopping and restarting a server is done to all processes of its pid
 * namespace: a guest must not be among them. */
NWB_TEST(box, outlives_restarts_of_the_server)
{
	struct pollfd p;
	struct nwb_err err = {0};
	char byte;
	int fd;

	up("diod");
	fd = run("echo up; exec sleep 1000");
	nwb_check_eq(read(fd, &byte, 1), 1);
	nwb_check_eq(nwb_server_kill(srv, SIGSTOP, true, &err), 0);
	nwb_check_eq(nwb_server_restart(srv, &err), 0);
	nwb_check_eq(dial_hello(srv), 0);
	nwb_check_eq(nwb_box_signal(box, 0), 0);
	/* READY of the agent may be there, a death not */
	p = (struct pollfd){nwb_box_event(box), POLLIN, 0};
	while (poll(&p, 1, 0) > 0) {
		int status;

		nwb_check_eq(nwb_box_died(box, &status), 0);
	}
	nwb_check_eq(nwb_box_signal(box, SIGKILL), 0);
	nwb_check_eq(wait_died(), SIGKILL);
	close(fd);
	down();
}

static bool has_addr(void)
{
	/* local addresses, of whatever interface */
	read_all(run("cat /proc/net/fib_trie"));
	return strstr(out, "10.99.0.1\n");
}

NWB_TEST(box, the_cable_can_be_pulled)
{
	struct nwb_err err = {0};

	up("smbd");
	nwb_check_eq(nwb_server_plug(srv, false, &err), 0);
	nwb_check(!has_addr());
	nwb_box_close(box);
	nwb_check_eq(nwb_server_plug(srv, true, &err), 0);
	nwb_check_eq(nwb_box_open(srv, ROOM, &box, &err), 0);
	nwb_check(has_addr());
	nwb_check_eq(dial_hello(srv), 0);
	down();
}

NWB_TEST(box, servers_listen_on_the_cable)
{
	static const char *const names[] = {"smbd", "diod"};

	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(names); i++) {
		struct in_addr addr;
		struct nwb_err err = {0};
		int fd;

		up(names[i]);
		nwb_check(inet_pton(AF_INET, NWB_TAP_ADDR, &addr) == 1);
		nwb_check_eq(
			nwb_server_dial_to(srv, ntohl(addr.s_addr), &fd, &err),
			0);
		nwb_check_eq(say_hello(fd, i == 1), 0);
		close(fd);
		down();
	}
}

NWB_TEST(box, there_is_none_without_namespaces)
{
	struct nwb_server_opts o = {
		.name = "diod",
		.isolation = NWB_ISOLATION_NONE,
	};
	struct nwb_err err = {0};

	skip_unless_servers();
	skip_unless_isolated(NWB_ISOLATION_NONE);
	nwb_check_eq(nwb_server_start(&o, &srv, &err), 0);
	nwb_check_eq(nwb_box_open(srv, ROOM, &box, &err), -EOPNOTSUPP);
	nwb_check(strstr(err.text, "isolation is \"none\""));
	nwb_check_eq(nwb_server_plug(srv, false, &err), -EOPNOTSUPP);
	nwb_server_free(srv);
	o.tap = true;
	nwb_check_eq(nwb_server_start(&o, &srv, &err), -EOPNOTSUPP);
}

/* Makes the test the reaper of all: when nobody is left to be waited for,
 * nobody is left in any namespace. */
NWB_TEST(box, kill_9_leaves_nobody)
{
	int fds[2];
	pid_t pid;
	char byte;

	skip_unless_servers();
	skip_unless_namespaces();
	if (access("/dev/net/tun", R_OK | W_OK))
		nwb_test_skip("no /dev/net/tun here");
	nwb_check(!prctl(PR_SET_CHILD_SUBREAPER, 1));
	nwb_check(!pipe2(fds, O_CLOEXEC));
	pid = fork();
	nwb_check(pid >= 0);
	if (pid == 0) {
		up("diod");
		close(run("trap '' HUP TERM; sleep 1000 & sleep 1000"));
		if (write(fds[1], "u", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(fds[1]);
	nwb_check_eq(read(fds[0], &byte, 1), 1);
	nwb_check_eq(kill(pid, SIGKILL), 0);
	while (waitpid(-1, NULL, 0) > 0)
		;
	nwb_check_eq(errno, ECHILD);
	close(fds[0]);
}
