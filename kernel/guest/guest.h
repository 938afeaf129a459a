/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The program in the guest: what its files share.
 *
 *	init.c   pid 1: mounts, modules, network; then the worker as a child
 *	work.c   the worker: runs the verbs of a job
 *	ops.c    file operations, each framed by OP_BEGIN and OP_END
 *	owed.c   what the job has written, for verify
 *	fuse.c   a FUSE server in the guest
 *	trace.c  tracefs
 *	out.c    the channel
 *
 * It is one static program, for it must run where nothing else is. It may also
 * be run on any Linux: `netwb-guest JOB FD` does the job in JOB and speaks on
 * the file FD; tests do that.
 */
#ifndef NWB_KERNEL_GUEST_GUEST_H
#define NWB_KERNEL_GUEST_GUEST_H

#include "job.h"
#include "nwb/guest_chan.h"
#include "nwb/stamp.h"
#include <pthread.h>
#include <stdatomic.h>

/* --- out.c: the channel --------------------------------------------------- */

/** out_init() - speak on @fd. Before any fork: the state is shared. Return: 0
 * or negative errno. */
int out_init(int fd) nwb_must_check;
/** out_start() - the threads that listen and that tell that we live; of the
 * process that calls. */
int out_start(void) nwb_must_check;
/** out_rec() - send a record. Any thread. */
void out_rec(enum nwb_chan_type type, const void *payload, size_t len);
/** out_op() - send an operation. */
void out_op(enum nwb_chan_type type, const struct nwb_chan_op *op);
/** out_say() - send a line for people. */
void out_say(const char *fmt, ...) nwb_printf(1, 2);
/** out_done() - the last record; waits until it has left the guest. */
void out_done(int rc, uint32_t failed, const char *text);
/** out_file() - send the content of @path as STAT. Return: 0 or -errno. */
int out_file(const char *path);
/** out_wait_go() - until the host says GO @name. Return: false: STOP. */
bool out_wait_go(const char *name);
/** out_is_stopped() - has the host said STOP? */
bool out_is_stopped(void);

/* --- work.c --------------------------------------------------------------- */

struct worker;

/**
 * struct task - one thread of the job.
 * @buf, @size: its buffer, aligned for O_DIRECT
 */
struct task {
	struct worker *w;
	unsigned int nr;
	unsigned int from, to; /* verbs */
	pthread_t thread;
	bool is_running;
	uint8_t *buf;
	size_t size;
};

struct open_file {
	int fd; /* -1: not open */
	unsigned int file;
	int flags;
};

struct owed {
	uint64_t off;
	uint64_t len;
	uint32_t version; /* 0: zeroes (a hole, a truncation) */
	bool is_unknown;  /* the write failed */
};

struct file {
	_Atomic uint32_t version;
	_Atomic uint64_t end; /* for append */
	struct owed *owed;
	size_t nr_owed, room_owed;
};

struct worker {
	struct job job;
	struct nwb_stamp_key key;
	struct open_file open[JOB_FDS];
	struct file file[JOB_FILES];
	pthread_mutex_t lock; /* of owed */
	struct task task[JOB_THREADS];
	_Atomic uint32_t next_id;
	_Atomic uint32_t failed;
	_Atomic bool stops_on_error;
	_Atomic bool is_over;
	_Atomic int rc;
	char why[NWB_CHAN_NAME_MAX + 1]; /* of the first rc */
};

/** work_run() - do the job in @text, tell DONE. Return: rc of DONE. */
int work_run(const char *text, size_t len);
/** work_fail() - the job has failed, with a reason, and ends. */
void work_fail(struct worker *w, int rc, const char *fmt, ...) nwb_printf(3, 4);
/** write_file() - @text into @path, as echo does. Return: 0 or -errno. */
int write_file(const char *path, const char *text);

/* --- ops.c ---------------------------------------------------------------- */

/** op_begin(), op_end() - frame a call; @op gets its id. */
void op_begin(struct task *t, struct nwb_chan_op *op);
void op_end(struct task *t, struct nwb_chan_op *op, int64_t result);

/** ops_run() - do a verb that is an operation. Return: false: it is none. */
bool ops_run(struct task *t, const struct job_verb *v);
/** ops_found() - tell what operation @id has seen. */
void ops_found(uint32_t id, const struct nwb_stamp_run *run);

/* --- fuse.c --------------------------------------------------------------- */

/** fuse_start() - mount our own server on @dir. Return: 0 or -errno. */
int fuse_start(struct worker *w, const char *dir,
	       const char *options) nwb_must_check;
/** fuse_release() - WRITEs that hang may go on. */
void fuse_release(void);
/** fuse_order() - what the host wants of the server (nwb_machine_fuse()). */
void fuse_order(const char *order);

/* --- owed.c --------------------------------------------------------------- */

/** owed_add() - the job has written, or tried to; @version 0: all from @off on
 * is gone (a truncation). */
void owed_add(struct worker *w, unsigned int file, uint64_t off, uint64_t len,
	      uint32_t version, bool is_unknown);
/**
 * owed_differs() - is @buf, read at @off, what the job has written there?
 * @ret_at: offset of the first byte that differs
 */
bool owed_differs(struct worker *w, unsigned int file, uint64_t off,
		  const uint8_t *buf, size_t len, uint64_t *ret_at);
/** owed_end() - size that the file must have; *@ret_known: that is sure. */
uint64_t owed_end(struct worker *w, unsigned int file, bool *ret_known);

/* --- trace.c -------------------------------------------------------------- */

/** trace_on(), trace_off() - verbs; -errno when there is no tracefs. */
int trace_on(const struct job_verb *v);
void trace_off(void);
/** trace_mark() - a line of our own into the trace, when there is one. */
void trace_mark(char what, const struct nwb_chan_op *op);

/* --- init.c --------------------------------------------------------------- */

/** init_main() - be pid 1. Never returns. */
void init_main(void) __attribute__((noreturn));

#endif
