/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Child processes of the gate: what they find, how they end. */
#include "nwb_test.h"

#include "gate_child.h"
#include "gate_i.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

uint64_t gate_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NWB_SEC + (uint64_t)ts.tv_nsec;
}

static struct gate_child shell(const char *const argv[4], int out)
{
	return (struct gate_child){.argv = argv,
				   .envp = environ,
				   .out = out,
				   .err = -1,
				   .limit_ns = 60 * NWB_SEC};
}

/* In a process of its own, for it takes a number that others may have. */
static int finds_its_socket(bool is_there_already)
{
	static const char *const argv[] = {"sh", "-c", "test -S /dev/fd/3",
					   NULL};
	struct gate_child c = shell(argv, -1);
	int pair[2], at = is_there_already ? GATE_TURNS_FD : 50, status;
	pid_t pid = fork();

	if (!pid) {
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
			_exit(99);
		if (pair[0] != at && dup3(pair[0], at, O_CLOEXEC) < 0)
			_exit(99);
		c.turns = at;
		_exit(gate_child_run(&c));
	}
	nwb_check_eq(waitpid(pid, &status, 0), pid);
	return WEXITSTATUS(status);
}

NWB_TEST(gate_child, the_socket_of_turns_arrives_whatever_its_number)
{
	nwb_check_eq(finds_its_socket(false), 0);
	nwb_check_eq(finds_its_socket(true), 0);
}

NWB_TEST(gate_child, exit_code_and_text)
{
	static const char *const argv[] = {"sh", "-c", "echo here; exit 5",
					   NULL};
	struct gate_child c = shell(argv, memfd_create("out", MFD_CLOEXEC));
	char *text;

	nwb_check(c.out >= 0);
	nwb_check_eq(gate_child_run(&c), 5);
	text = gate_child_text(c.out);
	nwb_check(text && !strcmp(text, "here\n"));
	free(text);
	close(c.out);
}

NWB_TEST(gate_child, who_takes_too_long_is_ended)
{
	static const char *const argv[] = {"sleep", "1000", NULL, NULL};
	struct gate_child c = shell(argv, -1);
	int rc;

	c.limit_ns = 1;
	rc = gate_child_run(&c);
	nwb_check(rc == 128 + SIGTERM || rc == 128 + SIGKILL);
	nwb_check(c.is_timeout);
}
