/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Connections of the fakes: a task that reads and handles frames, a task that
 * sends replies when they are due.
 *
 *	reader   recv head, recv rest, lock, handle, unlock
 *	sender   lock, wait for the first reply to be due, unlock, send
 *
 * Either may find the connection dead; the one who ends it (the reader at end
 * of stream, a fault, nwb_fake_free()) shuts the socket down, which wakes both.
 * Whoever dials next joins them.
 */
#include "fake_i.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct fake_reply *nwb_fake_reply_new(size_t size)
{
	struct fake_reply *r = malloc(sizeof(*r) + size);

	nwb_assert(r);
	r->id = 0;
	r->len = 0;
	return r;
}

void nwb_fake_reply_send(struct fake_conn *c, struct fake_reply *r,
			 uint64_t due)
{
	struct nwb_list *at;

	if (c->is_dead) {
		free(r);
		return;
	}
	r->due = due;
	/* Behind all that are due as early: equal times keep their order. */
	for (at = c->out.prev; at != &c->out; at = at->prev)
		if (nwb_list_entry(at, struct fake_reply, link)->due <= due)
			break;
	nwb_list_add(at, &r->link);
	nwb_waitq_wake_all(&c->wake);
}

void nwb_fake_kill_conn(struct fake_conn *c, bool is_reset)
{
	if (c->is_dead)
		return;
	c->is_dead = true;
	nwb_fake_event(c->fake, NWB_FAKE_CONN_DOWN, NULL, 0);
	nwb_fake_drop_ops(c);
	if (is_reset)
		nwb_sock_reset(c->sock);
	else
		nwb_sock_shutdown(c->sock);
	nwb_waitq_wake_all(&c->wake);
}

void nwb_fake_violation(struct fake_conn *c, const char *what)
{
	c->fake->stats.nr_violations++;
	c->fake->stats.last_violation = what;
	nwb_fake_kill_conn(c, false);
}

/* Return: 1 with a frame in c->rx, 0 when there will be no more. */
static int receive(struct fake_conn *c, size_t *ret_len)
{
	const struct fake_proto *p = c->fake->proto;
	const char *why;
	size_t rest;

	if (nwb_sock_recv(c->sock, c->rx, p->head, p->head) <= 0)
		return 0;
	why = p->frame(c, c->rx, &rest);
	if (!why && rest > c->rx_size - p->head)
		why = "frame too large";
	if (why) {
		nwb_mutex_lock(&c->fake->lock);
		if (!c->is_dead)
			nwb_fake_violation(c, why);
		nwb_mutex_unlock(&c->fake->lock);
		return 0;
	}
	if (rest && nwb_sock_recv(c->sock, c->rx + p->head, rest, rest) <= 0)
		return 0;
	*ret_len = p->head + rest;
	return 1;
}

static void reader(void *arg)
{
	struct fake_conn *c = arg;
	struct nwb_fake *f = c->fake;
	bool is_dead = false;
	size_t len;

	while (!is_dead && receive(c, &len)) {
		nwb_mutex_lock(&f->lock);
		if (!c->is_dead) {
			f->stats.nr_requests++;
			f->stats.bytes_received += len;
			f->proto->handle(c, c->rx, len);
		}
		is_dead = c->is_dead;
		nwb_mutex_unlock(&f->lock);
	}
	nwb_mutex_lock(&f->lock);
	nwb_fake_kill_conn(c, false);
	c->tasks_left--;
	nwb_mutex_unlock(&f->lock);
}

/* Return: the next reply, taken out of the queue when it is due; NULL at the
 * end. Context: lock held, dropped while waiting. */
static struct fake_reply *next_due(struct fake_conn *c)
{
	struct nwb_fake *f = c->fake;
	struct fake_reply *r;
	uint64_t until;

	for (;;) {
		if (c->is_dead)
			return NULL;
		until = NWB_NEVER;
		if (!nwb_list_empty(&c->out) && !f->faults.is_frozen) {
			r = nwb_list_first(&c->out, struct fake_reply, link);
			if (r->due <= nwb_now_ns(f->ex)) {
				nwb_list_del(&r->link);
				return r;
			}
			until = r->due;
		}
		(void)nwb_waitq_wait(&c->wake, &f->lock, until);
	}
}

static void sender(void *arg)
{
	struct fake_conn *c = arg;
	struct nwb_fake *f = c->fake;
	struct fake_reply *r;
	struct iovec iov;
	int rc;

	nwb_mutex_lock(&f->lock);
	while ((r = next_due(c)) != NULL) {
		nwb_mutex_unlock(&f->lock);
		iov.iov_base = r->bytes;
		iov.iov_len = r->len;
		rc = nwb_sock_sendv(c->sock, &iov, 1);
		free(r);
		nwb_mutex_lock(&f->lock);
		if (rc)
			nwb_fake_kill_conn(c, false);
	}
	c->tasks_left--;
	nwb_mutex_unlock(&f->lock);
}

static void conn_free(struct fake_conn *c)
{
	struct fake_reply *r, *n;

	nwb_list_for_each_entry_safe (r, n, &c->out, link) {
		nwb_list_del(&r->link);
		free(r);
	}
	if (c->state)
		c->fake->proto->fini(c);
	nwb_sock_close(c->sock);
	free(c->rx);
	free(c);
}

void nwb_fake_join_dead(struct nwb_fake *f, bool all)
{
	struct fake_conn *c, *n, *found;

	do {
		found = NULL;
		nwb_list_for_each_entry_safe (c, n, &f->conns, link) {
			if (!all && c->tasks_left)
				continue;
			found = c;
			nwb_list_del(&c->link);
			break;
		}
		if (!found)
			return;
		nwb_mutex_unlock(&f->lock);
		nwb_task_join(found->reader);
		nwb_task_join(found->sender);
		conn_free(found);
		nwb_mutex_lock(&f->lock);
	} while (found);
}

static size_t rx_size(const struct nwb_fake *f)
{
	if (f->opts.proto == NWB_FAKE_9P)
		return f->opts.msize;
	return f->opts.max_write + 4096;
}

static struct fake_conn *conn_new(struct nwb_fake *f, struct nwb_sock *sock)
{
	struct fake_conn *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->fake = f;
	c->sock = sock;
	nwb_list_init(&c->out);
	nwb_waitq_init(&c->wake, f->ex, "fake: replies");
	c->rx_size = rx_size(f);
	c->rx = malloc(c->rx_size);
	if (!c->rx || f->proto->init(c)) {
		c->sock = NULL;
		conn_free(c);
		return NULL;
	}
	return c;
}

/* Both tasks, or none: without the second the first ends at once. */
static int conn_start(struct nwb_fake *f, struct fake_conn *c)
{
	int rc;

	rc = nwb_task_spawn(f->ex, "fake sender", sender, c, &c->sender);
	if (rc)
		return rc;
	rc = nwb_task_spawn(f->ex, "fake reader", reader, c, &c->reader);
	if (!rc)
		return 0;
	nwb_mutex_lock(&f->lock);
	nwb_fake_kill_conn(c, false);
	nwb_mutex_unlock(&f->lock);
	nwb_task_join(c->sender);
	return rc;
}

int nwb_fake_serve(struct nwb_fake *f, struct nwb_sock *sock)
{
	struct fake_conn *c;
	int rc;

	nwb_mutex_lock(&f->lock);
	nwb_fake_join_dead(f, false);
	nwb_mutex_unlock(&f->lock);
	c = conn_new(f, sock);
	if (!c) {
		nwb_sock_close(sock);
		return -ENOMEM;
	}
	c->tasks_left = 2;
	/* Before its tasks: what ends all connections must find it. */
	nwb_mutex_lock(&f->lock);
	nwb_list_add_tail(&f->conns, &c->link);
	f->stats.nr_connects++;
	nwb_fake_event(f, NWB_FAKE_CONN_UP, NULL, f->stats.nr_connects);
	nwb_mutex_unlock(&f->lock);
	rc = conn_start(f, c);
	if (!rc)
		return 0;
	nwb_mutex_lock(&f->lock);
	nwb_list_del(&c->link);
	nwb_mutex_unlock(&f->lock);
	conn_free(c);
	return rc;
}
