/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A run that takes turns, seen from the gate; whose CPUs are whose; and the
 * memory a session holds. */
#include "nwb_test.h"

#include "pin.h"
#include "reserve.h"
#include "turns.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

NWB_TEST(bench_turns, only_an_inherited_socket_will_do)
{
	int fd = -1, pair[2], pipes[2];
	char word[16];

	nwb_check_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	nwb_check_eq(pipe(pipes), 0);
	nwb_check_eq(bench_turns_parse("", &fd), -EINVAL);
	nwb_check_eq(bench_turns_parse("-1", &fd), -EINVAL);
	nwb_check_eq(bench_turns_parse("1", &fd), -EINVAL);
	nwb_check_eq(bench_turns_parse("60000", &fd), -EINVAL);
	snprintf(word, sizeof(word), "%dx", pair[0]);
	nwb_check_eq(bench_turns_parse(word, &fd), -EINVAL);
	snprintf(word, sizeof(word), "%d", pipes[0]);
	nwb_check_eq(bench_turns_parse(word, &fd), -EINVAL);
	nwb_check_eq(fd, -1);
	snprintf(word, sizeof(word), "%d", pair[0]);
	nwb_check_eq(bench_turns_parse(word, &fd), 0);
	nwb_check_eq(fd, pair[0]);
	for (int i = 0; i < 2; i++) {
		close(pair[i]);
		close(pipes[i]);
	}
}

/* It says each time that it waits, and goes on only when it is told. */
NWB_TEST(bench_turns, nobody_goes_on_untold)
{
	int pair[2], status;
	char c = 0;
	pid_t pid;

	nwb_check_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	pid = fork();
	nwb_check(pid >= 0);
	if (!pid) {
		close(pair[0]);
		bench_turns_wait(pair[1], BENCH_TURN_NEXT);
		bench_turns_wait(pair[1], BENCH_TURN_DONE);
		_exit(7);
	}
	close(pair[1]);
	nwb_check_eq(recv(pair[0], &c, 1, 0), 1);
	nwb_check_eq(c, BENCH_TURN_NEXT);
	nwb_check_eq(recv(pair[0], &c, 1, MSG_DONTWAIT), -1);
	nwb_check_eq(send(pair[0], "g", 1, 0), 1);
	nwb_check_eq(recv(pair[0], &c, 1, 0), 1);
	nwb_check_eq(c, BENCH_TURN_DONE);
	nwb_check_eq(waitpid(pid, &status, WNOHANG), 0);
	nwb_check_eq(send(pair[0], "g", 1, 0), 1);
	nwb_check_eq(waitpid(pid, &status, 0), pid);
	nwb_check_eq(WEXITSTATUS(status), 7);
	close(pair[0]);
}

NWB_TEST(bench_turns, a_gate_that_is_gone_is_not_waited_for)
{
	int pair[2];

	nwb_check_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	close(pair[0]);
	bench_turns_wait(pair[1], BENCH_TURN_NEXT);
	bench_turns_wait(-1, BENCH_TURN_NEXT);
	close(pair[1]);
}

static uint64_t resident(void)
{
	unsigned long size, pages = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	nwb_check(f != NULL);
	nwb_check_eq(fscanf(f, "%lu %lu", &size, &pages), 2);
	fclose(f);
	return pages * 4096ul;
}

NWB_TEST(bench_pin, halves_are_disjoint_and_given_back)
{
	struct nwb_err err = {0};
	struct bench_pin p = {0};
	cpu_set_t before, server, client, both, after;

	nwb_check_eq(sched_getaffinity(0, sizeof(before), &before), 0);
	if (CPU_COUNT(&before) < 2) {
		nwb_check_eq(bench_pin_server(&p, &err), -EOPNOTSUPP);
		nwb_check(!p.is_on);
		return;
	}
	nwb_check_eq(bench_pin_client(&p, &err), 0);
	nwb_check_eq(sched_getaffinity(0, sizeof(after), &after), 0);
	nwb_check(CPU_EQUAL(&before, &after));
	nwb_check_eq(bench_pin_server(&p, &err), 0);
	nwb_check_eq(sched_getaffinity(0, sizeof(server), &server), 0);
	nwb_check_eq(bench_pin_client(&p, &err), 0);
	nwb_check_eq(sched_getaffinity(0, sizeof(client), &client), 0);
	CPU_AND(&both, &server, &client);
	nwb_check_eq(CPU_COUNT(&both), 0);
	CPU_OR(&both, &server, &client);
	nwb_check(CPU_EQUAL(&both, &before));
	nwb_check_eq(CPU_COUNT(&server), CPU_COUNT(&before) / 2);
	bench_pin_none(&p);
	nwb_check_eq(sched_getaffinity(0, sizeof(after), &after), 0);
	nwb_check(CPU_EQUAL(&before, &after));
}

/* With one CPU there is nothing to share out, and that is said. */
NWB_TEST(bench_pin, one_cpu_is_refused)
{
	struct nwb_err err = {0};
	struct bench_pin p = {0};
	cpu_set_t before, one;
	int cpu = 0;

	nwb_check_eq(sched_getaffinity(0, sizeof(before), &before), 0);
	while (!CPU_ISSET(cpu, &before))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	nwb_check_eq(sched_setaffinity(0, sizeof(one), &one), 0);
	nwb_check_eq(bench_pin_server(&p, &err), -EOPNOTSUPP);
	nwb_check(strstr(err.text, "only one is allowed here") != NULL);
	nwb_check_eq(sched_setaffinity(0, sizeof(before), &before), 0);
}

/* Of what is touched every other page is held, and it is done once. */
NWB_TEST(bench_reserve, every_other_page_is_held)
{
	uint64_t before, bytes, held;

#ifdef __SANITIZE_THREAD__
	nwb_test_skip("ThreadSanitizer's own memory is counted, too");
#endif
	nwb_check_eq(bench_reserve_bytes(), 0);
	before = resident();
	bench_reserve(1, 4096);
	held = resident() - before;
	bytes = bench_reserve_bytes();
	nwb_check(bytes > 0);
	nwb_check(held > bytes / 2 - bytes / 64);
	nwb_check(held < bytes / 2 + bytes / 64);
	bench_reserve(1, 4096);
	nwb_check_eq(bench_reserve_bytes(), bytes);
}
