/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Child processes of `netwb gate`: see gate_child.c. */
#ifndef NWB_BENCH_GATE_CHILD_H
#define NWB_BENCH_GATE_CHILD_H

#include "nwb/util.h"

#include <sys/types.h>

/**
 * struct gate_child - a process in a process group of its own; it ends with us.
 * @argv, @envp: borrowed
 * @dir: where it runs; NULL: here
 * @out, @err: descriptors of its stdout and stderr; -1: /dev/null
 * @turns: becomes its descriptor GATE_TURNS_FD; 0: none
 * @limit_ns: it is ended after so long
 * @is_timeout: it was
 */
struct gate_child {
	const char *const *argv;
	char *const *envp;
	const char *dir;
	int out, err, turns;
	uint64_t limit_ns;
	bool is_timeout;
	/* gate_child.c's own */
	pid_t pid;
	int pidfd;
	uint64_t end_ns;
};

#define GATE_TURNS_FD 3

/** gate_child_start() - Return: 0; negative errno. */
int gate_child_start(struct gate_child *c) nwb_must_check;
/**
 * gate_child_wait() - until it ends, its time is up, or we are to stop; the
 * last two end it.
 * @fd: or until there is something to read here; -1: nothing
 *
 * Return: -EAGAIN: @fd can be read (or its other end is closed); else its exit
 * code, 128 + signal, and it is gone.
 */
int gate_child_wait(struct gate_child *c, int fd);
/** gate_child_run() - start and wait. Return: exit code; negative errno. */
int gate_child_run(struct gate_child *c);
/** gate_child_text() - what is in the memory file @fd; to be freed. NULL:
 * nothing, or too much. */
char *gate_child_text(int fd);

#endif
