/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netwb kernel record, netwb kernel trace: reference traces of real kernels.
 *
 *	kernel/workloads/NAME.job ── kr_parse() ──► struct kr_job
 *	                                              │ + mount + trace verbs
 *	       server (shim, plan) ── guest ◄─────────┘
 *	                                │ TRACE, STAT
 *	 DIR/linux-6.12/cifs-seq-4k.gz ◄┘ nwb_ktrace_save()
 *
 * kernel_record.c	   the command
 * kernel_record_run.c	   one recording
 * kernel_record_jobs.c	   the workloads
 * kernel_trace.c	   looking at traces
 */
#ifndef NWB_BENCH_KERNEL_RECORD_H
#define NWB_BENCH_KERNEL_RECORD_H

#include "bench_i.h"

#include "nwb/kernel.h"
#include "nwb/ktrace.h"

/* --- kernel_record_jobs.c ------------------------------------------------- */

/**
 * struct kr_job - a workload, read.
 * @title: its first comment, to the first full stop or colon
 * @on_cifs, @on_9p: where it can run ("#: fs cifs 9p")
 * @options: of mount, added to the usual ones ("#: options wsize=65536")
 * @plan: rules for the server ("#: plan on server.write ..."), "" = none
 * @text: all of it, for the guest; borrowed
 */
struct kr_job {
	char name[32];
	char title[72];
	bool on_cifs, on_9p;
	char options[128];
	char plan[256];
	const char *text;
};

/** kr_parse() - Return: 0; -EINVAL, @err says which line. */
int kr_parse(const char *name, const char *text, struct kr_job *ret_j,
	     struct nwb_err *err) nwb_must_check;
/** kr_builtin() - text and name of the @i'th workload, NULL: no more. */
const char *kr_builtin(unsigned int i, const char **ret_name);

/* --- kernel_record_run.c -------------------------------------------------- */

/**
 * struct kr_run_opts - one recording.
 * @fs: "cifs" or "9p"
 * @raw: keep the text of tracefs and the counters too, as PREFIX.trace.gz and
 *	PREFIX.stat; NULL: do not
 * @console: file for the guest's console, NULL: none
 */
struct kr_run_opts {
	const struct nwb_kernel *kernel;
	const struct kr_job *job;
	const char *fs;
	const char *raw;
	const char *console;
};

/**
 * kr_record() - server up, guest up, job, trace.
 * @ret_t: filled; all zero before
 *
 * Return: 0; -errno with the reason in @err: the guest did not end well, the
 * plan never fired, events were lost.
 */
int kr_record(const struct kr_run_opts *o, struct nwb_ktrace *ret_t,
	      struct nwb_err *err) nwb_must_check;

/* --- kernel_record.c ------------------------------------------------------ */

/** bench_kernel_record() - `netwb kernel record ...`; argv[0] is "record". */
int bench_kernel_record(int argc, char **argv);
/* --- kernel_trace.c ------------------------------------------------------- */

/** bench_kernel_trace() - `netwb kernel trace ...`; argv[0] is "trace". */
int bench_kernel_trace(int argc, char **argv);

#endif
