/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Mutex and wait queue on futexes.
 *
 * Mutex, three states (U. Drepper, "Futexes are tricky", third version):
 *
 *	0 free --lock--> 1 held --a second locker--> 2 held, may have sleepers
 *	^                |                           |
 *	+----unlock------+-------unlock + wake one---+
 *
 * Wait queue: a counter that every wake increments.
 *
 *	waiter (holds m)                 waker
 *	  sleepers++                       change the condition under m
 *	  s = seq                          seq++
 *	  unlock m                         if sleepers: futex wake
 *	  sleep while seq == s
 *
 * No wake is lost: the waiter found the condition false under m and read seq
 * before it let go of m. Whoever makes the condition true does so under m
 * afterwards, so his seq++ comes after that read (the sleep returns at once or
 * is woken) and his look at sleepers after that increment.
 *
 * A waker that holds m may be followed at once by the waiter freeing m and the
 * queue: unlock touches nothing after the word is 0, except that the kernel is
 * told the address, which it does not dereference for us.
 *
 * All futexes are private; orders are C11 acquire/release, which
 * ThreadSanitizer follows.
 */
#include "real_i.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SPIN_TRIES 60

static inline void cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

/* Returns 0 or -ETIMEDOUT; a changed word and a signal are both a wake. */
static int futex_wait(_Atomic uint32_t *word, uint32_t expected,
		      uint64_t deadline_ns)
{
	struct timespec ts = {
		.tv_sec = (time_t)(deadline_ns / NWB_SEC),
		.tv_nsec = (long)(deadline_ns % NWB_SEC),
	};
	long rc;

	/* The bitset variant takes an absolute CLOCK_MONOTONIC time. */
	rc = syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, expected,
		     deadline_ns == NWB_NEVER ? NULL : &ts, NULL,
		     FUTEX_BITSET_MATCH_ANY);
	if (rc < 0 && errno == ETIMEDOUT)
		return -ETIMEDOUT;
	nwb_assert(rc == 0 || errno == EAGAIN || errno == EINTR);
	return 0;
}

static void futex_wake(_Atomic uint32_t *word, int nr)
{
	/* The owner may have unmapped the word already: any result is fine. */
	(void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, nr, NULL, NULL, 0);
}

static bool try_lock(struct nwb_mutex *m)
{
	uint32_t free = 0;

	return atomic_compare_exchange_strong_explicit(
		&m->word, &free, 1, memory_order_acquire, memory_order_relaxed);
}

void nwb_real_mutex_lock(struct nwb_mutex *m)
{
	if (try_lock(m))
		return;
	for (int i = 0; i < SPIN_TRIES; i++) {
		cpu_relax();
		if (atomic_load_explicit(&m->word, memory_order_relaxed) == 0 &&
		    try_lock(m))
			return;
	}
	while (atomic_exchange_explicit(&m->word, 2, memory_order_acquire))
		(void)futex_wait(&m->word, 2, NWB_NEVER);
}

void nwb_real_mutex_unlock(struct nwb_mutex *m)
{
	uint32_t was =
		atomic_exchange_explicit(&m->word, 0, memory_order_release);

	nwb_assert(was != 0);
	if (was == 2)
		futex_wake(&m->word, 1);
}

int nwb_real_waitq_wait(struct nwb_waitq *q, struct nwb_mutex *m,
			uint64_t deadline_ns)
{
	uint32_t seq;
	int rc;

	atomic_fetch_add(&q->sleepers, 1);
	seq = atomic_load(&q->seq);
	nwb_real_mutex_unlock(m);
	rc = futex_wait(&q->seq, seq, deadline_ns);
	/* Back under m first: who holds m may look after the queue's life. */
	nwb_real_mutex_lock(m);
	atomic_fetch_sub(&q->sleepers, 1);
	return rc;
}

void nwb_real_waitq_wake(struct nwb_waitq *q, bool all)
{
	atomic_fetch_add(&q->seq, 1);
	if (atomic_load(&q->sleepers))
		futex_wake(&q->seq, all ? INT_MAX : 1);
}
