/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The executor: the only way in which the pure rooms of lib/ meet time,
 * concurrency, chance and the outside world.
 *
 *	real:      tasks are threads, waits are futexes, sockets are io_uring
 *	           (or plain blocking calls where io_uring is refused).
 *	simulated: tasks are coroutines on guarded stacks, all on one thread;
 *	           the clock is virtual; every lock, wait and wake is a
 *	           scheduling point that the seed decides; nothing runnable and
 *	           no timer is a DEADLOCK, reported with the wait graph.
 *
 * The same client code runs on both. Code above never asks which it is.
 */
#ifndef NWB_EXEC_H
#define NWB_EXEC_H

#include "nwb/err.h"
#include <sys/types.h>
#include <sys/uio.h>

struct nwb_exec;
struct nwb_task;
struct nwb_sock;

typedef void (*nwb_task_fn)(void *arg);

/**
 * struct nwb_exec_real_opts - how many workers serve nwb_work_queue().
 * @nr_workers: 0 means 4. Work items may block, so never fewer than 3.
 * @no_io_uring: use plain socket calls (also chosen when io_uring is refused)
 */
struct nwb_exec_real_opts {
	unsigned int nr_workers;
	bool no_io_uring;
};

/** nwb_exec_real_new() - start the real executor. Free with nwb_exec_free(). */
int nwb_exec_real_new(const struct nwb_exec_real_opts *opts,
		      struct nwb_exec **ret_ex,
		      struct nwb_err *err) nwb_must_check;

/** nwb_exec_sim_new() - a simulated executor whose every choice follows from
 * @seed. Use it from one thread only. -ENOTSUP under ThreadSanitizer.
 *
 * Outside nwb_exec_run() everything may be called that need not block. Wakes
 * are never spurious here, and any number of works may block. */
int nwb_exec_sim_new(uint64_t seed, struct nwb_exec **ret_ex,
		     struct nwb_err *err) nwb_must_check;

/**
 * nwb_exec_run() - run @fn as the first task and return when it has returned.
 *
 * Real: calls @fn on the calling thread. Simulated: schedules until @fn has
 * returned. Tasks still blocked then are left alone until nwb_exec_free().
 *
 * Return: 0; -EDEADLK when nothing can run any more (@err holds the wait
 * graph); -ETIME when @fn did not finish within @max_ns of virtual time
 * (0 = no limit) or made 20 million steps without time passing. Both only
 * simulated; not from inside a task.
 */
int nwb_exec_run(struct nwb_exec *ex, nwb_task_fn fn, void *arg,
		 uint64_t max_ns, struct nwb_err *err) nwb_must_check;

/** nwb_exec_free() - stop the workers and free. All tasks must have been
 * joined in the real executor; the simulated one drops what is left, tasks as
 * well as socket pairs that nobody closed. */
void nwb_exec_free(struct nwb_exec *ex);

/** nwb_exec_is_sim() - for reports and tests only. */
bool nwb_exec_is_sim(const struct nwb_exec *ex);
/** nwb_exec_io_name() - "io_uring", "syscalls", "simulated", or "io_uring, some
 * syscalls" when a socket could not get its ring; for reports. */
const char *nwb_exec_io_name(const struct nwb_exec *ex);
/** nwb_exec_steps() - simulated: scheduling decisions so far; real: 0. */
uint64_t nwb_exec_steps(const struct nwb_exec *ex);
/** nwb_exec_digest() - simulated: hash of all scheduling decisions, equal for
 * equal seeds; real: 0. */
uint64_t nwb_exec_digest(const struct nwb_exec *ex);

struct nwb_mutex;
/**
 * nwb_exec_sim_watch() - simulated: look at the world at the end of every
 * critical section, while its mutex is still held: what the mutex protects is
 * whole then, and nobody else can touch it.
 * @fn: called for every unlock and for every wait that gives a mutex back; must
 *	not block, lock, wake or yield. Another value than 0 ends the world: it
 *	becomes what nwb_exec_run() returns. NULL: stop watching
 */
void nwb_exec_sim_watch(struct nwb_exec *ex,
			int (*fn)(void *arg, const struct nwb_mutex *m),
			void *arg);
/** nwb_exec_sim_stop() - simulated: end the world; nwb_exec_run() returns @code,
 * which is not 0. All tasks stay where they are until nwb_exec_free(). From
 * inside a task; does not return. */
void nwb_exec_sim_stop(struct nwb_exec *ex, int code) __attribute__((noreturn));

/** nwb_exec_sim_short_files() - simulated: from now on @percent of the writes of
 * files (nwb/xfile.h) store only some whole sectors of 512 bytes. */
void nwb_exec_sim_short_files(struct nwb_exec *ex, unsigned int percent);

/** nwb_now_ns() - the executor's monotonic clock. */
uint64_t nwb_now_ns(struct nwb_exec *ex);
/** nwb_sleep_until() - block the calling task until @when_ns. */
void nwb_sleep_until(struct nwb_exec *ex, uint64_t when_ns);
/** nwb_random_u64() - real: from the kernel; simulated: from the seed. */
uint64_t nwb_random_u64(struct nwb_exec *ex);
/** nwb_random_bytes() - fill @buf. */
void nwb_random_bytes(struct nwb_exec *ex, void *buf, size_t len);

/**
 * nwb_task_spawn() - run @fn(@arg) as a task of its own.
 * @name: static string, shown in wait graphs
 * @ret_task: must be joined with nwb_task_join()
 */
int nwb_task_spawn(struct nwb_exec *ex, const char *name, nwb_task_fn fn,
		   void *arg, struct nwb_task **ret_task) nwb_must_check;
/** nwb_task_join() - wait for the task to return, and free it. */
void nwb_task_join(struct nwb_task *task);
/** nwb_yield() - a named scheduling point; nothing in the real executor. */
void nwb_yield(struct nwb_exec *ex, const char *point);
/** nwb_cond_resched() - let threads run that became runnable meanwhile, as
 * cond_resched() does in a kernel: of those that wait for this CPU the one whose
 * turn it is. Simulated: nothing, every lock is a scheduling point there. */
void nwb_cond_resched(struct nwb_exec *ex);

/* --- byte-stream sockets ------------------------------------------------- */

/**
 * struct nwb_dialer - makes connections to one server; embeds in its owner.
 * @dial: blocks until connected or failed (negative errno). Called from any
 *	task, one call at a time a dialer. The result is owned by the caller.
 * @dial_to: the same, to another IPv4 address of that server (host order), on
 *	the port that @dial uses; NULL: there is only one address
 * @addr: IPv4 address that @dial uses, 0: not known
 */
struct nwb_dialer {
	int (*dial)(struct nwb_dialer *d, struct nwb_exec *ex,
		    struct nwb_sock **ret_sock, struct nwb_err *err);
	int (*dial_to)(struct nwb_dialer *d, struct nwb_exec *ex, uint32_t addr,
		       struct nwb_sock **ret_sock, struct nwb_err *err);
	uint32_t addr;
};

/** nwb_sock_from_fd() - wrap a connected stream socket; takes @fd over, also
 * on failure. Real executor only (-ENOTSUP otherwise). */
int nwb_sock_from_fd(struct nwb_exec *ex, int fd,
		     struct nwb_sock **ret_sock) nwb_must_check;
/** nwb_sock_pair() - two connected in-memory sockets (both executors).
 * @latency_ns: one-way delay in virtual time (simulated; ignored in real)
 * @buf_bytes: bytes in flight each way before a sender blocks */
int nwb_sock_pair(struct nwb_exec *ex, uint64_t latency_ns, size_t buf_bytes,
		  struct nwb_sock *ret_pair[2]) nwb_must_check;
/**
 * nwb_sock_sendv() - send all of @iov, blocking.
 *
 * Return: 0, or negative errno (-EPIPE, -ECONNRESET, ...), after which an
 * unknown part has been sent and the stream is useless.
 * Context: one sender at a time a socket; holds no lock of the caller's.
 */
int nwb_sock_sendv(struct nwb_sock *s, const struct iovec *iov,
		   unsigned int nr) nwb_must_check;
/**
 * nwb_sock_recv() - receive at least @min (1..@max) bytes into @buf.
 *
 * Return: bytes received (>= @min), 0 at end of stream (whatever partial data
 * came before is lost), or negative errno.
 * Context: one receiver at a time a socket.
 */
ssize_t nwb_sock_recv(struct nwb_sock *s, void *buf, size_t min,
		      size_t max) nwb_must_check;
/** nwb_sock_shutdown() - make all present and future calls on @s return
 * -ESHUTDOWN; the peer receives what was sent, then 0. Any task, any number of
 * times. */
void nwb_sock_shutdown(struct nwb_sock *s);
/** nwb_sock_reset() - like shutdown, but the peer sees -ECONNRESET at once and
 * loses what it had not received (over TCP: what had not arrived). */
void nwb_sock_reset(struct nwb_sock *s);
/** nwb_sock_close() - free; no call may be under way. NULL is fine. With bytes
 * unread the peer sees a reset (as TCP and AF_UNIX do), else a shutdown. */
void nwb_sock_close(struct nwb_sock *s);
/** nwb_sock_local_port() - TCP port of our end, 0 when there is none. */
uint16_t nwb_sock_local_port(const struct nwb_sock *s);

#endif
