/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory that costs what memory costs. A virtual machine gives its free pages
 * back to the host (free page reporting, balloons), and the first touch after
 * that is the host's work, on the guest's bill: on the machine at hand a server
 * that stored 128 MiB took 80 to 100 ms of CPU time in pages the host had
 * backed already, and up to 490 ms in others. Who gets which is luck, and it
 * lasts for a whole run.
 *
 *	held  free  held  free  held  free  held  free ...      a comb
 *
 * Pages are reported in blocks of many. A session touches memory and gives
 * every other page back: a free page between two held ones cannot become part
 * of a block, so it stays backed, and as the kernel hands out the smallest free
 * blocks first, the runs of the session get these pages, again and again.
 */
#ifndef NWB_BENCH_RESERVE_H
#define NWB_BENCH_RESERVE_H

#include "nwb/util.h"

/**
 * bench_reserve() - once a session, before its first run; takes seconds where
 * the host has to find the memory first. It is held until the process ends.
 * @runs: at a time
 * @bytes: that the largest of them writes: its payload, the server that stores
 *	it, the client's page cache and temp pages are counted
 *
 * At most half of what is free now is touched; where there is none, there is no
 * reserve, and the record says so.
 */
void bench_reserve(unsigned int runs, uint64_t bytes);
/** bench_reserve_bytes() - touched: half of it is held. 0: no reserve. */
uint64_t bench_reserve_bytes(void);

#endif
