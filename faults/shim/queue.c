/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Replies that are held: copies, ordered by due time, sent by one thread a
 * process.
 *
 * The thread is made when the first PDU is held (a thread from before a fork
 * would not be there), has all signals blocked and holds no lock while it
 * waits. It only tries a connection's tx_lock: a server thread that blocks in
 * a send delays the held replies of that connection, not of others. When
 * faults are healed everything is due.
 */
#include "shim_i.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_NS (NWB_MSEC / 2)

static pthread_mutex_t q_lock = PTHREAD_MUTEX_INITIALIZER;
static struct sh_held *queue; /* by due time, then by arrival */
static bool has_sender;

/* drop() - take all of @c out, under q_lock. */
static void drop(struct sh_conn *c)
{
	struct sh_held **at = &queue;

	while (*at) {
		struct sh_held *h = *at;

		if (h->conn != c) {
			at = &h->next;
			continue;
		}
		*at = h->next;
		free(h);
	}
}

/* sh_queue_purge() - nothing of @c will be sent any more. */
void sh_queue_purge(struct sh_conn *c)
{
	pthread_mutex_lock(&q_lock);
	drop(c);
	pthread_mutex_unlock(&q_lock);
}

void sh_queue_reset_after_fork(void)
{
	pthread_mutex_init(&q_lock, NULL);
	queue = NULL; /* the parent's; its memory stays */
	has_sender = false;
}

static void insert(struct sh_held *h)
{
	struct sh_held **at = &queue;

	while (*at && (*at)->due <= h->due)
		at = &(*at)->next;
	h->next = *at;
	*at = h;
}

int sh_queue_add(struct sh_conn *c, const struct iovec *iov, int nr_iov,
		 size_t len, uint64_t due, const struct sh_out *out)
{
	struct sh_held *h = malloc(sizeof(*h) + len);
	size_t at = 0;
	bool start;

	if (!h)
		return -ENOMEM;
	memset(h, 0, sizeof(*h));
	h->conn = c;
	h->due = due;
	h->len = len;
	h->out = *out;
	for (int i = 0; i < nr_iov && at < len; i++) {
		size_t n = nwb_min(iov[i].iov_len, len - at);

		memcpy(h->data + at, iov[i].iov_base, n);
		at += n;
	}
	pthread_mutex_lock(&q_lock);
	insert(h);
	start = !has_sender;
	has_sender = true;
	pthread_mutex_unlock(&q_lock);
	if (start)
		sh.ops->start_sender();
	atomic_fetch_add(&sh.page->kick, 1);
	sh.ops->wake(&sh.page->kick);
	return 0;
}

/* send_some() - under tx_lock; true: nothing of @h is left to be sent. */
static bool send_some(struct sh_held *h)
{
	struct sh_conn *c = h->conn;
	ssize_t n;

	sh_out_begin(&h->out);
	n = sh.ops->send(c->fd, h->data + h->sent, h->len - h->sent);
	if (n < 0) {
		if (errno == EAGAIN || errno == EINTR)
			return false;
		return true; /* the server will see it too */
	}
	h->sent += (size_t)n;
	if (h->sent < h->len)
		return false;
	sh_out_end(&h->out);
	return true;
}

/*
 * try_send() - send as much of @h, which is out of the queue, as goes.
 * Return: true: done with it; false: it goes back into the queue.
 */
static bool try_send(struct sh_held *h)
{
	struct sh_conn *c = h->conn;
	bool done = false;

	if (atomic_load(&c->is_dead) || atomic_load(&c->cut))
		return true;
	if (pthread_mutex_trylock(&c->tx_lock))
		return false;
	atomic_store(&c->sending, true); /* close waits for this */
	if (atomic_load(&c->is_dead) || atomic_load(&c->cut))
		done = true;
	/* A PDU that the server itself has begun comes first, then the one
	 * that the queue has begun. */
	else if (!c->tx_need && (!c->partial || c->partial == h))
		done = send_some(h);
	if (h->sent) {
		c->partial = done ? NULL : h;
		h->due = 0; /* what has begun is in front of all others */
	}
	atomic_store(&c->sending, false);
	pthread_mutex_unlock(&c->tx_lock);
	return done;
}

static struct sh_held *pop_due(uint64_t now, bool all, uint64_t *ret_next)
{
	struct sh_held *h;

	pthread_mutex_lock(&q_lock);
	h = queue;
	if (h && (all || h->due <= now)) {
		queue = h->next;
	} else {
		*ret_next = h ? h->due : NWB_NEVER;
		h = NULL;
	}
	pthread_mutex_unlock(&q_lock);
	return h;
}

static bool has_conn(const struct sh_held *h, const struct sh_conn *c)
{
	while (h && h->conn != c)
		h = h->next;
	return h;
}

uint64_t sh_queue_run(uint64_t now)
{
	bool all = atomic_load(&sh.page->healed);
	struct sh_held *again = NULL, **tail = &again, *h;
	uint64_t next = NWB_NEVER;

	while ((h = pop_due(now, all, &next))) {
		/* What comes after one that could not go stays behind it. */
		if (!has_conn(again, h->conn) && try_send(h)) {
			free(h);
			continue;
		}
		h->next = NULL;
		*tail = h;
		tail = &h->next;
	}
	if (!again)
		return next;
	pthread_mutex_lock(&q_lock);
	while (again) {
		h = again;
		again = h->next;
		insert(h);
	}
	pthread_mutex_unlock(&q_lock);
	return nwb_min(next, now + RETRY_NS);
}

/* sh_sleep() - see shim_i.h; holds nothing. */
uint64_t sh_sleep(uint64_t ns)
{
	uint64_t begin = sh.ops->now(), now = begin;

	while (now - begin < ns && !atomic_load(&sh.page->healed)) {
		uint32_t seen = atomic_load(&sh.page->kick);

		if (atomic_load(&sh.page->healed))
			break;
		sh.ops->wait(&sh.page->kick, seen, ns - (now - begin));
		now = sh.ops->now();
	}
	return sh.ops->now() - begin;
}
