/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `netwb one-run OPTIONS`: one run in a process of its own, for `compare` and
 * `gate`. Options are those of `netwb run`, --plant, and
 * --turns (turns.h). It prints one line, a JSON object:
 *
 *	one_run	1, the version of this format; another one is not understood
 *	build	of the binary
 *	run	the record that `netwb run` would have stored (docs/reports.md)
 *	meters	wall_ns, psi_ns, steal_ns (null: no meter), majflt, nivcsw: of
 *		the window, see meters.h
 *	cpu_ns	of client and server in the window; null: not measured
 *	final	errno name of the fsync after the window, or null
 *
 * Exit 0 with that line, whatever the verdict in it; else no line, one message
 * on stderr, and the exit code of `netwb run`.
 *
 * The content is judged as in `netwb run`, at the level that is asked for; a
 * run on a fake is not judged.
 */
#ifndef NWB_BENCH_ONE_RUN_H
#define NWB_BENCH_ONE_RUN_H

#define NWB_ONE_RUN_VERSION 1

#endif
