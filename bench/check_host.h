/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netwb check --kernel host: the running kernel's FUSE as the subject.
 *
 *	netwb mount SERVER --kernel-cache ── the kernel's page cache and
 *	   │                                 writeback, over a client that
 *	   │                                 caches nothing
 *	   └─ netwb host-work ─► writes, stores, fsyncs; then reads it all back
 *	                         past the page cache, from the server
 *
 * A row is a server and a scenario; each run is two processes of their own, so
 * that a kernel that hangs takes nobody along.
 */
#ifndef NWB_BENCH_CHECK_HOST_H
#define NWB_BENCH_CHECK_HOST_H

struct kc_opts;

/**
 * bench_check_host() - the scenarios on the running kernel.
 * @o: as parsed; mounts are "fuse-smbd" and "fuse-diod"
 *
 * Return: exit code.
 */
int bench_check_host(const struct kc_opts *o, int argc, char **argv);

/**
 * bench_cmd_host_work() - `netwb host-work SEED`: the workload, in the
 * directory that it is started in. Not for people.
 *
 * Closes with one line on stdout, "host-work: PASS ..." or "host-work: FAIL
 * KIND OFFSET LENGTH TEXT". Return: exit code; 2: it could not work at all.
 */
int bench_cmd_host_work(int argc, char **argv);

#endif
