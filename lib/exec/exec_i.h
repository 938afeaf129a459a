/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What an executor must provide. exec.c checks arguments and dispatches; the
 * real executor (real_*.c) and the simulated one (sim_*.c) each fill the tables
 * once. Semantics are those of the public headers nwb/exec.h and nwb/wait.h.
 */
#ifndef NWB_EXEC_I_H
#define NWB_EXEC_I_H

#include "nwb/wait.h"
#include "nwb/xfile.h"

struct nwb_exec_ops {
	bool is_sim;
	const char *(*io_name)(const struct nwb_exec *ex);
	uint64_t (*steps)(const struct nwb_exec *ex);
	uint64_t (*digest)(const struct nwb_exec *ex);
	int (*run)(struct nwb_exec *ex, nwb_task_fn fn, void *arg,
		   uint64_t max_ns, struct nwb_err *err);
	void (*free)(struct nwb_exec *ex);

	uint64_t (*now)(struct nwb_exec *ex);
	void (*sleep_until)(struct nwb_exec *ex, uint64_t when_ns);
	void (*random_bytes)(struct nwb_exec *ex, void *buf, size_t len);

	int (*task_spawn)(struct nwb_exec *ex, const char *name, nwb_task_fn fn,
			  void *arg, struct nwb_task **ret_task);
	void (*task_join)(struct nwb_task *task);
	void (*yield)(struct nwb_exec *ex, const char *point);
	void (*cond_resched)(struct nwb_exec *ex);

	void (*mutex_lock)(struct nwb_mutex *m);
	void (*mutex_unlock)(struct nwb_mutex *m);
	int (*waitq_wait)(struct nwb_waitq *q, struct nwb_mutex *m,
			  uint64_t deadline_ns);
	void (*waitq_wake)(struct nwb_waitq *q, bool all);

	bool (*work_queue)(struct nwb_work *w);
	void (*work_cancel_sync)(struct nwb_work *w);
	void (*timer_arm)(struct nwb_timer *t, uint64_t when_ns);
	void (*timer_cancel_sync)(struct nwb_timer *t);

	int (*sock_from_fd)(struct nwb_exec *ex, int fd,
			    struct nwb_sock **ret_sock);
	int (*sock_pair)(struct nwb_exec *ex, uint64_t latency_ns,
			 size_t buf_bytes, struct nwb_sock *ret_pair[2]);

	int (*file_open)(struct nwb_exec *ex, const char *dir,
			 struct nwb_xfile **ret_file, struct nwb_err *err);
};

struct nwb_xfile_ops {
	void (*submit)(struct nwb_xfile_io *io);
	void (*close)(struct nwb_xfile *file);
};

/* First member of struct real_file and struct sim_file. */
struct nwb_xfile {
	struct nwb_exec *ex;
	const struct nwb_xfile_ops *ops;
	bool is_direct;
};

struct nwb_sock_ops {
	int (*sendv)(struct nwb_sock *s, const struct iovec *iov,
		     unsigned int nr);
	ssize_t (*recv)(struct nwb_sock *s, void *buf, size_t min, size_t max);
	void (*shutdown)(struct nwb_sock *s);
	void (*reset)(struct nwb_sock *s);
	void (*close)(struct nwb_sock *s);
};

/* First member of struct real_exec and struct sim_exec. */
struct nwb_exec {
	const struct nwb_exec_ops *ops;
};

/* First member of struct real_task and struct sim_task. */
struct nwb_task {
	struct nwb_exec *ex;
	const char *name;
};

/* First member of struct real_sock and struct sim_sock. */
struct nwb_sock {
	struct nwb_exec *ex;
	const struct nwb_sock_ops *ops;
	uint16_t local_port;
	/* A second sender or receiver at a time is the caller's bug. */
	_Atomic bool is_sending;
	_Atomic bool is_receiving;
};

/* struct nwb_work.state, under the executor's queue lock. A running item is not
 * marked: the worker remembers it, so that an item may free itself. */
enum {
	NWB_WORK_IDLE,
	NWB_WORK_PENDING
};

/** nwb_timer_insert() - put @t into the list of timers sorted by time; equal
 * times stay in the order of arming. Caller holds the timer lock. */
void nwb_timer_insert(struct nwb_list *timers, struct nwb_timer *t);

#endif
