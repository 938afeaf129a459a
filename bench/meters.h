/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What says that somebody else was at work while a run was measured: taken
 * right before and right after the window, never inside it.
 *
 * They come from /proc. NWB_METERS names a file to be believed instead, for
 * tests and for a monitor outside that knows better (a host's, for a guest):
 * lines "psi SHARE", "steal SHARE" (of the wall time, 0.5 is half) and
 * "majflt NUMBER". What it does not say is not measured; majflt is then 0.
 */
#ifndef NWB_BENCH_METERS_H
#define NWB_BENCH_METERS_H

#include "nwb/util.h"

/**
 * struct bench_meters - of a stretch of time, or readings at one instant.
 * @wall_ns: length of the stretch
 * @psi_ns: time in which some task waited for a CPU; UINT64_MAX: no meter
 * @steal_ns: time that the hypervisor took, summed over CPUs, in steps of a
 *	tick (10 ms); UINT64_MAX: no meter
 * @majflt: major page faults of this process
 * @nivcsw: involuntary context switches of this process
 */
struct bench_meters {
	uint64_t wall_ns;
	uint64_t psi_ns;
	uint64_t steal_ns;
	uint64_t majflt;
	uint64_t nivcsw;
};

/** bench_meters_read() - readings now. */
void bench_meters_read(struct bench_meters *ret_m);
/** bench_meters_since() - @m becomes the stretch from @m, a reading, to now. */
void bench_meters_since(struct bench_meters *m);

#endif
