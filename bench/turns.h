/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The two runs of a pair take turns. Noise of a shared machine lasts longer
 * than a turn, so both sides get their share of it, and it cancels out of their
 * ratio: on a machine whose runs of 0.4 s, one after the other, differed by 8 %
 * (standard deviation), turns of 8 ms left 0.6 %, of 40 ms 1 %, of 80 ms 2 %.
 *
 *	gate          go        go        go        go        go, go
 *	run A  set up  |  16 MiB |.........|  16 MiB |.........| take down
 *	run B  set up  |.........|  16 MiB |.........|  16 MiB | take down
 *	                         ▲ fsync returned: says so, waits
 *
 * Each run is a fresh process with a fresh server; while it waits its clients'
 * threads and its server have nothing to do. What is measured is the sum of a
 * run's own turns.
 *
 * One byte each way through a socket. To the gate: 'w', waits for its next turn
 * (the first too: set-up is nobody's turn); 'd', the window is over, waits to
 * take down. From the gate: any byte, go on. A gate that is gone is not waited
 * for.
 */
#ifndef NWB_BENCH_TURNS_H
#define NWB_BENCH_TURNS_H

#include "nwb/util.h"

#define BENCH_TURN_NEXT 'w'
#define BENCH_TURN_DONE 'd'

/**
 * bench_turns_parse() - the number of an inherited socket.
 * Return: 0; -EINVAL: it is none.
 */
int bench_turns_parse(const char *word, int *ret_fd) nwb_must_check;

/** bench_turns_wait() - say @what, BENCH_TURN_*, and wait to be told to go on.
 * @fd -1: nothing. Blocks. */
void bench_turns_wait(int fd, char what);

/** bench_turns_next() - the same with BENCH_TURN_NEXT, as nwb_workload_opts
 * wants it. @fd: points to the number. */
void bench_turns_next(void *fd);

#endif
