/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs of `netwb serve` that are going on, and how to find them.
 *
 *	$XDG_RUNTIME_DIR/netwb/NAME/    or /tmp/netwb-UID/NAME/, all 0700
 *		ctl      socket: who connects gets the run's variables and the
 *			 files of its place, and is hung up on
 *		export   where the export is mounted, for the run's commands
 *		ntlm     user and password, as libsmb2 and curl want them
 *
 * The warden removes the directory when netwb is gone; what is left of a
 * machine that crashed is removed by the next one who looks.
 */
#ifndef NWB_BENCH_RUNS_H
#define NWB_BENCH_RUNS_H

#include "bench_i.h"
#include <pthread.h>

#define BENCH_RUN_VARS	   16
#define BENCH_RUN_TEXT_MAX 2048

/* "NAME=value" strings, each with its NUL. */
struct bench_vars {
	char text[BENCH_RUN_TEXT_MAX];
	size_t len;
};

struct bench_rundir {
	char name[40];
	char path[256];
	int listen_fd;
	int stop_fd;
	pthread_t thread;
	bool has_thread;
	const struct bench_vars *vars;
	const struct nwb_inside *place;
};

/** bench_vars_add() - append a formatted string; false when it is full. */
bool bench_vars_add(struct bench_vars *v, const char *fmt, ...)
	nwb_printf(2, 3);
/** bench_vars_split() - NULL-terminated vector of pointers into @v. */
void bench_vars_split(struct bench_vars *v, char *ret_v[BENCH_RUN_VARS + 1]);
/** bench_vars_get() - value of @name, or "". */
const char *bench_vars_get(const struct bench_vars *v, const char *name);

/**
 * bench_rundir_new() - a directory of its own for a run, and its socket.
 * @name: NULL: the smallest free number
 * Return: 0; -EEXIST: a run of that name is going on; other negative errno.
 */
int bench_rundir_new(struct bench_rundir *r, const char *name,
		     struct nwb_err *err) nwb_must_check;
/** bench_rundir_serve() - answer who asks, until bench_rundir_stop(); @vars
 * and @place are borrowed. */
int bench_rundir_serve(struct bench_rundir *r, const struct bench_vars *vars,
		       const struct nwb_inside *place,
		       struct nwb_err *err) nwb_must_check;
/** bench_rundir_stop() - the directory stays: it is the warden's. */
void bench_rundir_stop(struct bench_rundir *r);

/** bench_run_find() - ask the run @name. -ENOENT: there is none. */
int bench_run_find(const char *name, struct bench_vars *ret_v,
		   struct nwb_inside *ret_p,
		   struct nwb_err *err) nwb_must_check;
/** bench_runs_list() - call @fn for each run, by name. Stale directories are
 * removed. Return: how many, or negative errno. */
int bench_runs_list(void (*fn)(const char *name, const struct bench_vars *v),
		    struct nwb_err *err) nwb_must_check;

#endif
