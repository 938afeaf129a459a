/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Stream sockets of the real executor.
 *
 *	sendv --chunks of <= IOV_MAX segments--> sendmsg  (tx ring | plain)
 *	recv  --until min bytes are there-----> recv     (rx ring | plain)
 *
 * The plain calls never sleep inside send or recv: they try, and poll(2) when
 * the kernel says EAGAIN. A thread asleep inside recv would make the kernel
 * refuse or delay the disconnect by which nwb_sock_reset() works
 * (tcp_disconnect()).
 *
 * Ending:
 *	shutdown  shutdown(2) wakes both directions; the peer reads what was
 *	          sent, then end of stream
 *	reset     TCP: connect(AF_UNSPEC) sends RST and discards; a local pair
 *	          has no reset, so both ends share a flag that says it
 *
 * After either, calls on this end return -ESHUTDOWN.
 */
#include "nwb/iov.h"
#include "nwb/mem.h"
#include "real_i.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CHUNK_SEGS    IOV_MAX
#define RECV_CALL_MAX (1u << 30)

/*
 * Shared by the two ends of a nwb_sock_pair(). @order makes a send
 * happen-before the receive of its bytes in the memory model too: the kernel
 * sees to it in fact, but ThreadSanitizer cannot look into a ring.
 */
struct real_link {
	_Atomic unsigned int nr_ends;
	_Atomic bool is_reset;
	_Atomic unsigned int order;
};

struct real_sock {
	struct nwb_sock sock;
	int fd;
	bool is_tcp;
	bool saw_reset_tx; /* sender's */
	bool saw_reset_rx; /* receiver's */
	_Atomic bool is_down;
	struct real_link *link; /* NULL: not a pair */
	struct real_ring tx;
	struct real_ring rx;
	struct iovec segs[CHUNK_SEGS]; /* sender's */
};

static struct real_sock *to_sock(struct nwb_sock *s)
{
	return nwb_container_of(s, struct real_sock, sock);
}

/* What an ended socket answers instead of @rc (0, or negative errno). */
static ssize_t explain(struct real_sock *rs, ssize_t rc)
{
	if (atomic_load(&rs->is_down))
		return -ESHUTDOWN;
	if (!rs->link)
		return rc;
	(void)atomic_load_explicit(&rs->link->order, memory_order_acquire);
	return atomic_load(&rs->link->is_reset) ? -ECONNRESET : rc;
}

static void wait_for(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};

	/* Any outcome leads to another try, which knows the truth. */
	(void)poll(&p, 1, -1);
}

static ssize_t plain_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	ssize_t rc;

	for (;;) {
		rc = sendmsg(fd, msg, flags | MSG_DONTWAIT);
		if (rc >= 0)
			return rc;
		if (errno == EAGAIN)
			wait_for(fd, POLLOUT);
		else if (errno != EINTR)
			return -errno;
	}
}

static ssize_t plain_recv(int fd, void *buf, size_t len)
{
	ssize_t rc;

	for (;;) {
		rc = recv(fd, buf, len, MSG_DONTWAIT);
		if (rc >= 0)
			return rc;
		if (errno == EAGAIN)
			wait_for(fd, POLLIN);
		else if (errno != EINTR)
			return -errno;
	}
}

/* One call; may send less than asked for. */
static ssize_t send_some(struct real_sock *rs, const struct msghdr *msg,
			 bool is_last)
{
	int flags = MSG_NOSIGNAL | (is_last ? 0 : MSG_MORE);
	ssize_t rc;

	if (rs->tx.is_up) {
		rc = nwb_real_ring_sendmsg(&rs->tx, rs->fd, msg,
					   (unsigned int)flags | MSG_WAITALL);
		if (rs->tx.is_up)
			return rc;
		atomic_store(&to_real(rs->sock.ex)->some_plain, true);
	}
	return plain_sendmsg(rs->fd, msg, flags);
}

static ssize_t recv_some(struct real_sock *rs, void *buf, size_t min,
			 size_t max)
{
	ssize_t rc;

	max = nwb_min(max, (size_t)RECV_CALL_MAX);
	if (rs->rx.is_up) {
		rc = nwb_real_ring_recv(&rs->rx, rs->fd, buf, max,
					min >= max ? MSG_WAITALL : 0);
		if (rs->rx.is_up)
			return rc;
		atomic_store(&to_real(rs->sock.ex)->some_plain, true);
	}
	return plain_recv(rs->fd, buf, max);
}

/* The next segments of @it as a message; from @it's own array if possible. */
static void fill_msg(struct real_sock *rs, const struct nwb_iov_iter *it,
		     struct msghdr *msg)
{
	unsigned int nr = nwb_min(it->nr, (unsigned int)CHUNK_SEGS);

	memset(msg, 0, sizeof(*msg));
	msg->msg_iovlen = nr;
	if (!it->skip) {
		/* sendmsg(2) does not write to it. */
		msg->msg_iov = (struct iovec *)it->iov;
		return;
	}
	memcpy(rs->segs, it->iov, nr * sizeof(rs->segs[0]));
	rs->segs[0].iov_base = (char *)it->iov[0].iov_base + it->skip;
	rs->segs[0].iov_len -= it->skip;
	msg->msg_iov = rs->segs;
}

static int real_sendv(struct nwb_sock *s, const struct iovec *iov,
		      unsigned int nr)
{
	struct real_sock *rs = to_sock(s);
	struct nwb_iov_iter it;
	struct msghdr msg;
	ssize_t rc;

	rc = explain(rs, rs->saw_reset_tx ? -ECONNRESET : 0);
	if (rc)
		return (int)rc;
	if (rs->link)
		atomic_fetch_add_explicit(&rs->link->order, 1,
					  memory_order_release);
	nwb_iov_iter_init(&it, iov, nr);
	while (it.count) {
		fill_msg(rs, &it, &msg);
		rc = send_some(rs, &msg, msg.msg_iovlen == it.nr);
		if (rc < 0) {
			rs->saw_reset_tx = rc == -ECONNRESET;
			return (int)explain(rs, rc);
		}
		/* A stream socket that takes nothing would spin us. */
		nwb_assert(rc > 0);
		nwb_iov_iter_advance(&it, (size_t)rc);
	}
	return 0;
}

static ssize_t real_recv(struct nwb_sock *s, void *buf, size_t min, size_t max)
{
	struct real_sock *rs = to_sock(s);
	size_t done = 0;
	ssize_t rc;

	rc = explain(rs, rs->saw_reset_rx ? -ECONNRESET : 0);
	if (rc)
		return rc;
	while (done < min) {
		rc = recv_some(rs, (char *)buf + done, min - done, max - done);
		if (rc <= 0) {
			rs->saw_reset_rx = rc == -ECONNRESET;
			return explain(rs, rc);
		}
		done += (size_t)rc;
	}
	if (rs->link)
		(void)atomic_load_explicit(&rs->link->order,
					   memory_order_acquire);
	return (ssize_t)done;
}

static void real_shutdown(struct nwb_sock *s)
{
	struct real_sock *rs = to_sock(s);

	atomic_store(&rs->is_down, true);
	if (rs->link)
		atomic_fetch_add_explicit(&rs->link->order, 1,
					  memory_order_release);
	/* ENOTCONN: the peer was faster. */
	(void)shutdown(rs->fd, SHUT_RDWR);
}

/*
 * Disconnects. Not connect() of libc: ThreadSanitizer takes that for the birth
 * of a descriptor that nobody else can be using yet.
 */
static bool tcp_disconnect(int fd)
{
	struct sockaddr nowhere = {.sa_family = AF_UNSPEC};

	return !syscall(SYS_connect, fd, &nowhere, sizeof(nowhere));
}

static void real_reset(struct nwb_sock *s)
{
	static const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
	struct real_sock *rs = to_sock(s);

	atomic_store(&rs->is_down, true);
	if (rs->link)
		atomic_store(&rs->link->is_reset, true);
	if (rs->is_tcp && tcp_disconnect(rs->fd))
		return;
	/* Then at least close(2) will send the RST. */
	(void)setsockopt(rs->fd, SOL_SOCKET, SO_LINGER, &at_once,
			 sizeof(at_once));
	(void)shutdown(rs->fd, SHUT_RDWR);
}

static void put_link(struct real_link *link)
{
	if (link && atomic_fetch_sub(&link->nr_ends, 1) == 1)
		nwb_free(link);
}

static void real_close(struct nwb_sock *s)
{
	struct real_sock *rs = to_sock(s);

	nwb_real_ring_fini(&rs->tx);
	nwb_real_ring_fini(&rs->rx);
	(void)close(rs->fd);
	put_link(rs->link);
	nwb_free(rs);
}

static const struct nwb_sock_ops real_sock_ops = {
	.sendv = real_sendv,
	.recv = real_recv,
	.shutdown = real_shutdown,
	.reset = real_reset,
	.close = real_close,
};

static void learn_address(struct real_sock *rs)
{
	struct sockaddr_storage ss = {0};
	socklen_t len = sizeof(ss);
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	int on = 1;

	if (getsockname(rs->fd, (struct sockaddr *)&ss, &len))
		return;
	if (ss.ss_family == AF_INET) {
		memcpy(&v4, &ss, sizeof(v4));
		rs->sock.local_port = ntohs(v4.sin_port);
	} else if (ss.ss_family == AF_INET6) {
		memcpy(&v6, &ss, sizeof(v6));
		rs->sock.local_port = ntohs(v6.sin6_port);
	} else {
		return;
	}
	/* A request is one send: waiting for more only costs a delayed ack. */
	rs->is_tcp =
		!setsockopt(rs->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

int nwb_real_sock_from_fd(struct nwb_exec *ex, int fd,
			  struct nwb_sock **ret_sock)
{
	struct real_exec *re = to_real(ex);
	struct real_sock *rs = nwb_zalloc(sizeof(*rs));

	if (!rs) {
		(void)close(fd);
		return -ENOMEM;
	}
	rs->sock.ex = ex;
	rs->sock.ops = &real_sock_ops;
	rs->fd = fd;
	learn_address(rs);
	if (re->use_uring &&
	    (nwb_real_ring_init(&rs->tx) || nwb_real_ring_init(&rs->rx)))
		atomic_store(&re->some_plain, true);
	*ret_sock = &rs->sock;
	return 0;
}

int nwb_real_sock_pair(struct nwb_exec *ex, uint64_t latency_ns nwb_unused,
		       size_t buf_bytes, struct nwb_sock *ret_pair[2])
{
	struct real_link *link = nwb_zalloc(sizeof(*link));
	int fd[2], size = (int)nwb_min(buf_bytes, (size_t)INT_MAX / 2), rc;
	struct nwb_sock *s[2];

	if (!link)
		return -ENOMEM;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd)) {
		rc = -errno;
		nwb_free(link);
		return rc;
	}
	for (int i = 0; i < 2; i++)
		(void)setsockopt(fd[i], SOL_SOCKET, SO_SNDBUF, &size,
				 sizeof(size));
	rc = nwb_real_sock_from_fd(ex, fd[0], &s[0]);
	if (rc) {
		(void)close(fd[1]);
		nwb_free(link);
		return rc;
	}
	rc = nwb_real_sock_from_fd(ex, fd[1], &s[1]);
	if (rc) {
		nwb_sock_close(s[0]);
		nwb_free(link);
		return rc;
	}
	atomic_store(&link->nr_ends, 2);
	to_sock(s[0])->link = link;
	to_sock(s[1])->link = link;
	ret_pair[0] = s[0];
	ret_pair[1] = s[1];
	return 0;
}
