/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Simulated byte streams.
 *
 *	end 0 --sendv--> pipe 0 [ring][marks: n bytes at time t] --> end 1
 *	end 1 --sendv--> pipe 1 ...                              --> end 0
 *
 * Bytes become readable one latency after they were sent. A sender blocks while
 * the ring is full. How much moves at a time is the seed's choice, as it is the
 * network's.
 *
 * Ending, from the view of the other end ("peer"):
 *
 *	          what was sent    peer receives    peer sends
 *	shutdown  is delivered     then 0           -EPIPE at once
 *	reset     is lost          -ECONNRESET      -ECONNRESET
 *	close     unread bytes here: as reset (so TCP and AF_UNIX do),
 *	          otherwise as shutdown
 *
 * and calls on the end that did it give -ESHUTDOWN.
 */
#include "sim_i.h"

#include "nwb/iov.h"
#include "nwb/mem.h"

#include <string.h>
#include <unistd.h>

#define MAX_MARKS 64

struct sim_mark {
	size_t bytes;
	uint64_t at;
};

/* One direction; bytes in flight and arrived ones alike. */
struct sim_pipe {
	uint8_t *buf;
	size_t cap;
	size_t head;
	size_t len;
	struct sim_mark mark[MAX_MARKS];
	unsigned int first_mark;
	unsigned int nr_marks;
	bool is_ended;
	uint64_t end_at;
	struct nwb_list reader; /* blocked, at most one each */
	struct nwb_list writer;
};

struct sim_sock {
	struct nwb_sock sock;
	struct sim_link *link;
	unsigned int side;
	bool is_down;	/* we shut it down or reset it */
	bool was_reset; /* the peer did */
	bool is_closed;
};

struct sim_link {
	struct nwb_list link; /* in sim_exec.links */
	struct sim_exec *se;
	uint64_t latency;
	struct sim_sock end[2];
	struct sim_pipe pipe[2];
};

static struct sim_sock *to_sock(struct nwb_sock *s)
{
	return nwb_container_of(s, struct sim_sock, sock);
}

static struct sim_pipe *tx_of(struct sim_sock *ss)
{
	return &ss->link->pipe[ss->side];
}

static struct sim_pipe *rx_of(struct sim_sock *ss)
{
	return &ss->link->pipe[!ss->side];
}

static struct sim_sock *peer_of(struct sim_sock *ss)
{
	return &ss->link->end[!ss->side];
}

/* All of @n most of the time, otherwise any part of it but nothing. */
static size_t some_of(struct sim_exec *se, size_t n)
{
	if (n <= 1 || nwb_sim_choose(se, 4))
		return n;
	return 1 + nwb_sim_choose(se, n - 1);
}

static void copy_in(struct sim_pipe *p, const struct nwb_iov_iter *it, size_t n)
{
	size_t tail = (p->head + p->len) % p->cap;
	size_t part = nwb_min(n, p->cap - tail);
	struct nwb_iov_iter rest = *it;

	nwb_assert(nwb_iov_copy_out(&rest, p->buf + tail, part) == part);
	nwb_iov_iter_advance(&rest, part);
	nwb_assert(nwb_iov_copy_out(&rest, p->buf, n - part) == n - part);
	p->len += n;
}

static void add_mark(struct sim_pipe *p, size_t n, uint64_t at)
{
	struct sim_mark *last;

	if (p->nr_marks) {
		last = &p->mark[(p->first_mark + p->nr_marks - 1) % MAX_MARKS];
		/* Full: the newest bytes wait for each other. */
		if (last->at == at || p->nr_marks == MAX_MARKS) {
			last->bytes += n;
			last->at = at;
			return;
		}
	}
	last = &p->mark[(p->first_mark + p->nr_marks++) % MAX_MARKS];
	last->bytes = n;
	last->at = at;
}

static size_t arrived(const struct sim_pipe *p, uint64_t now)
{
	size_t sum = 0;

	for (unsigned int i = 0; i < p->nr_marks; i++) {
		const struct sim_mark *m =
			&p->mark[(p->first_mark + i) % MAX_MARKS];

		if (m->at > now)
			break;
		sum += m->bytes;
	}
	return sum;
}

static void take_out(struct sim_pipe *p, void *dst, size_t n)
{
	size_t part = nwb_min(n, p->cap - p->head);

	memcpy(dst, p->buf + p->head, part);
	memcpy((char *)dst + part, p->buf, n - part);
	p->head = (p->head + n) % p->cap;
	p->len -= n;
	while (n) {
		struct sim_mark *m = &p->mark[p->first_mark];
		size_t bytes = nwb_min(n, m->bytes);

		m->bytes -= bytes;
		n -= bytes;
		if (m->bytes)
			break;
		p->first_mark = (p->first_mark + 1) % MAX_MARKS;
		p->nr_marks--;
	}
}

static int send_status(struct sim_sock *ss)
{
	if (ss->is_down)
		return -ESHUTDOWN;
	if (ss->was_reset)
		return -ECONNRESET;
	if (peer_of(ss)->is_down || peer_of(ss)->is_closed)
		return -EPIPE;
	return 0;
}

static int sim_sendv(struct nwb_sock *s, const struct iovec *iov,
		     unsigned int nr)
{
	static const struct sim_wait full = {.kind = "socket",
					     .name = "room to send"};
	struct sim_sock *ss = to_sock(s);
	struct sim_exec *se = ss->link->se;
	struct sim_pipe *p = tx_of(ss);
	struct nwb_iov_iter it;

	nwb_iov_iter_init(&it, iov, nr);
	for (;;) {
		size_t n;
		int rc;

		nwb_sim_point(se);
		rc = send_status(ss);
		if (rc || !it.count)
			return rc;
		n = nwb_min(it.count, p->cap - p->len);
		if (!n) {
			(void)nwb_sim_block(se, &full, &p->writer, NWB_NEVER);
			continue;
		}
		n = some_of(se, n);
		copy_in(p, &it, n);
		add_mark(p, n, se->now + ss->link->latency);
		nwb_iov_iter_advance(&it, n);
		nwb_sim_ready_all(se, &p->reader);
	}
}

/* When something new can be seen in an otherwise quiet pipe. */
static uint64_t next_arrival(const struct sim_pipe *p)
{
	if (p->nr_marks)
		return p->mark[p->first_mark].at;
	return p->is_ended ? p->end_at : NWB_NEVER;
}

static ssize_t sim_recv(struct nwb_sock *s, void *buf, size_t min, size_t max)
{
	static const struct sim_wait empty = {.kind = "socket",
					      .name = "bytes to receive"};
	struct sim_sock *ss = to_sock(s);
	struct sim_exec *se = ss->link->se;
	struct sim_pipe *p = rx_of(ss);
	size_t done = 0;

	for (;;) {
		size_t n;

		nwb_sim_point(se);
		if (ss->is_down)
			return -ESHUTDOWN;
		if (ss->was_reset)
			return -ECONNRESET;
		n = nwb_min(arrived(p, se->now), max - done);
		if (!n) {
			/* The end never comes before the last byte. */
			if (p->is_ended && p->end_at <= se->now)
				return 0;
			(void)nwb_sim_block(se, &empty, &p->reader,
					    next_arrival(p));
			continue;
		}
		n = some_of(se, n);
		take_out(p, (char *)buf + done, n);
		done += n;
		nwb_sim_ready_all(se, &p->writer);
		if (done >= min)
			return (ssize_t)done;
	}
}

static void wake_everybody(struct sim_link *link)
{
	for (int i = 0; i < 2; i++) {
		nwb_sim_ready_all(link->se, &link->pipe[i].reader);
		nwb_sim_ready_all(link->se, &link->pipe[i].writer);
	}
}

static void shut(struct sim_sock *ss)
{
	struct sim_pipe *p = tx_of(ss);

	if (ss->is_down)
		return;
	ss->is_down = true;
	p->is_ended = true;
	p->end_at = ss->link->se->now + ss->link->latency;
	wake_everybody(ss->link);
}

static void cut(struct sim_sock *ss)
{
	ss->is_down = true;
	/* From now on it looks at this before it looks for bytes. */
	peer_of(ss)->was_reset = true;
	wake_everybody(ss->link);
}

static void sim_shutdown(struct nwb_sock *s)
{
	struct sim_sock *ss = to_sock(s);

	shut(ss);
	nwb_sim_point(ss->link->se);
}

static void sim_reset(struct nwb_sock *s)
{
	struct sim_sock *ss = to_sock(s);

	cut(ss);
	nwb_sim_point(ss->link->se);
}

static void link_free(struct sim_link *link)
{
	nwb_list_del(&link->link);
	nwb_free(link->pipe[0].buf);
	nwb_free(link->pipe[1].buf);
	nwb_free(link);
}

void nwb_sim_sock_free_all(struct sim_exec *se)
{
	while (!nwb_list_empty(&se->links))
		link_free(nwb_list_first(&se->links, struct sim_link, link));
}

static void sim_close(struct nwb_sock *s)
{
	struct sim_sock *ss = to_sock(s);
	struct sim_exec *se = ss->link->se;

	nwb_assert(!ss->is_closed);
	if (rx_of(ss)->len)
		cut(ss);
	else
		shut(ss);
	ss->is_closed = true;
	if (peer_of(ss)->is_closed)
		link_free(ss->link);
	nwb_sim_point(se);
}

static const struct nwb_sock_ops sim_sock_ops = {
	.sendv = sim_sendv,
	.recv = sim_recv,
	.shutdown = sim_shutdown,
	.reset = sim_reset,
	.close = sim_close,
};

int nwb_sim_sock_from_fd(struct nwb_exec *ex nwb_unused, int fd,
			 struct nwb_sock **ret_sock nwb_unused)
{
	(void)close(fd);
	return -ENOTSUP;
}

int nwb_sim_sock_pair(struct nwb_exec *ex, uint64_t latency_ns,
		      size_t buf_bytes, struct nwb_sock *ret_pair[2])
{
	struct sim_link *link = nwb_zalloc(sizeof(*link));

	if (!link)
		return -ENOMEM;
	link->se = to_sim(ex);
	nwb_list_add_tail(&link->se->links, &link->link);
	link->latency = latency_ns;
	for (unsigned int i = 0; i < 2; i++) {
		struct sim_pipe *p = &link->pipe[i];

		p->cap = buf_bytes;
		p->buf = nwb_alloc(buf_bytes);
		if (!p->buf) {
			link_free(link);
			return -ENOMEM;
		}
		nwb_list_init(&p->reader);
		nwb_list_init(&p->writer);
		link->end[i].sock.ex = ex;
		link->end[i].sock.ops = &sim_sock_ops;
		link->end[i].link = link;
		link->end[i].side = i;
	}
	ret_pair[0] = &link->end[0].sock;
	ret_pair[1] = &link->end[1].sock;
	return 0;
}
