/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The real executor's inside.
 *
 *	real.c        life, clock, random, tasks = threads
 *	real_sync.c   mutex and wait queue on futexes
 *	real_work.c   worker threads and the timer thread
 *	real_file.c   files over one io_uring, or plain calls
 *	real_sock.c   sockets over real_ring.c (io_uring) or plain calls
 */
#ifndef NWB_REAL_I_H
#define NWB_REAL_I_H

#include "exec_i.h"

#include <liburing.h>
#include <pthread.h>

struct real_worker {
	pthread_t thread;
	struct real_exec *re;
	struct nwb_work *current; /* under work_lock; not to be followed */
	bool again;		  /* current was queued during its run */
};

/**
 * struct real_exec - one per process, usually.
 * @work_lock: protects the works' state, @pending and the workers
 * @work_ready: something is in @pending, or the end
 * @work_done: a run has ended and @nr_cancellers wait for that
 * @timer_lock: protects timers; taken before @work_lock
 * @files: the ring of files, made with the first one (@has_tried_files, under
 *	@files_lock); NULL: plain calls
 * @some_plain: a socket got no ring although the executor uses io_uring
 */
struct real_exec {
	struct nwb_exec ex;
	bool use_uring;
	_Atomic bool some_plain;
	struct real_files *files;
	struct nwb_mutex files_lock;
	bool has_tried_files;

	struct nwb_mutex work_lock;
	struct nwb_waitq work_ready;
	struct nwb_waitq work_done;
	struct nwb_list pending;
	unsigned int nr_cancellers;
	bool work_stop;
	struct real_worker *workers;
	unsigned int nr_workers;

	struct nwb_mutex timer_lock;
	struct nwb_waitq timer_changed;
	struct nwb_list timers;
	bool timer_stop;
	pthread_t timer_thread;
};

struct real_task {
	struct nwb_task task;
	nwb_task_fn fn;
	void *arg;
	pthread_t thread;
};

static inline struct real_exec *to_real(struct nwb_exec *ex)
{
	return nwb_container_of(ex, struct real_exec, ex);
}

void nwb_real_mutex_lock(struct nwb_mutex *m);
void nwb_real_mutex_unlock(struct nwb_mutex *m);
int nwb_real_waitq_wait(struct nwb_waitq *q, struct nwb_mutex *m,
			uint64_t deadline_ns);
void nwb_real_waitq_wake(struct nwb_waitq *q, bool all);

/** nwb_real_work_start() - @nr workers and the timer thread. */
int nwb_real_work_start(struct real_exec *re, unsigned int nr);
/** nwb_real_work_stop() - end and join them; what is queued is dropped. */
void nwb_real_work_stop(struct real_exec *re);
bool nwb_real_work_queue(struct nwb_work *w);
void nwb_real_work_cancel_sync(struct nwb_work *w);
void nwb_real_timer_arm(struct nwb_timer *t, uint64_t when_ns);
void nwb_real_timer_cancel_sync(struct nwb_timer *t);

int nwb_real_file_open(struct nwb_exec *ex, const char *dir,
		       struct nwb_xfile **ret_file, struct nwb_err *err);
/** nwb_real_files_free() - every file was closed. */
void nwb_real_files_free(struct real_exec *re);

int nwb_real_sock_from_fd(struct nwb_exec *ex, int fd,
			  struct nwb_sock **ret_sock);
int nwb_real_sock_pair(struct nwb_exec *ex, uint64_t latency_ns,
		       size_t buf_bytes, struct nwb_sock *ret_pair[2]);

/**
 * struct real_ring - one direction of one socket: at most one request.
 * @is_up: usable; when it stops being so plain calls take over for good
 */
struct real_ring {
	struct io_uring ring;
	bool is_up;
};

/** nwb_real_ring_init() - 0, or negative errno when io_uring is refused. */
int nwb_real_ring_init(struct real_ring *r);
void nwb_real_ring_fini(struct real_ring *r);
/**
 * nwb_real_ring_sendmsg() - one sendmsg(2), blocking.
 * Return: bytes or negative errno as sendmsg; -EOPNOTSUPP with !r->is_up when
 * the ring failed before the request was handed over.
 */
ssize_t nwb_real_ring_sendmsg(struct real_ring *r, int fd,
			      const struct msghdr *msg, unsigned int flags);
/** nwb_real_ring_recv() - one recv(2), blocking; otherwise as above. */
ssize_t nwb_real_ring_recv(struct real_ring *r, int fd, void *buf, size_t len,
			   int flags);

#endif
