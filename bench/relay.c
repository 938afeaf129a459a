/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See relay.h. A pair of sockets has two streams:
 *
 *	end[0] ──recv──► stream[0].buf ──send──► end[1]
 *	end[0] ◄──send── stream[1].buf ◄──recv── end[1]
 */
#include "relay.h"

#include "nwb/mem.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define PAIRS_MAX 64u
#define BUF_BYTES 262144u

struct stream {
	size_t at, len;
	bool is_eof; /* nothing more comes */
	bool is_shut;
	uint8_t buf[BUF_BYTES];
};

struct pair {
	int end[2]; /* the host's client, the server */
	struct stream stream[2];
};

struct bench_relay {
	struct bench_relay_opts opts;
	int listen_fd;
	int stop_fd;
	pthread_t thread;
	char name[64];
	struct pair *pair[PAIRS_MAX];
	unsigned int nr_pairs;
};

static int read_port(const char *text, uint16_t *ret)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || v > UINT16_MAX)
		return -EINVAL;
	*ret = (uint16_t)v;
	return 0;
}

static bool is_loopback(const struct sockaddr_storage *sa)
{
	const struct sockaddr_in *in = (const void *)sa;
	const struct sockaddr_in6 *in6 = (const void *)sa;

	if (sa->ss_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
	return ntohl(in->sin_addr.s_addr) >> 24 == 127;
}

int bench_relay_address(const char *text, struct sockaddr_storage *ret_sa,
			struct nwb_err *err)
{
	const char *colon = strrchr(text, ':');
	struct sockaddr_in in = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	char host[64] = "";
	uint16_t port;
	size_t len = colon ? (size_t)(colon - text) : 0;

	if (len >= sizeof(host) || read_port(colon ? colon + 1 : text, &port))
		return nwb_err_set(err, -EINVAL,
				   "%s: expected [ADDRESS:]PORT, for example "
				   "4450 or 127.0.0.2:445",
				   text);
	memcpy(host, text, len);
	memset(ret_sa, 0, sizeof(*ret_sa));
	in.sin_port = in6.sin6_port = htons(port);
	if (len > 2 && host[0] == '[' && host[len - 1] == ']') {
		host[len - 1] = 0;
		if (inet_pton(AF_INET6, host + 1, &in6.sin6_addr) != 1)
			return nwb_err_set(err, -EINVAL, "%s: no address",
					   host + 1);
		memcpy(ret_sa, &in6, sizeof(in6));
	} else if (colon && strcmp(host, "localhost") &&
		   inet_pton(AF_INET, host, &in.sin_addr) != 1) {
		return nwb_err_set(err, -EINVAL, "%s: no address", host);
	} else {
		memcpy(ret_sa, &in, sizeof(in));
	}
	if (is_loopback(ret_sa))
		return 0;
	return nwb_err_set(err, -EPERM,
			   "%s: only loopback addresses are published: the "
			   "server is broken on purpose and its password is "
			   "known",
			   text);
}

/* --- carrying ------------------------------------------------------------- */

static void pair_free(struct pair *p, bool is_reset)
{
	const struct linger now = {.l_onoff = 1};

	for (int i = 0; i < 2; i++) {
		if (is_reset && setsockopt(p->end[i], SOL_SOCKET, SO_LINGER,
					   &now, sizeof(now)))
			is_reset = false; /* then it ends in order */
		close(p->end[i]);
	}
	nwb_free(p);
}

/* Return: false when the pair is to be reset. */
static bool fill(struct stream *s, int fd)
{
	ssize_t n;

	if (s->is_eof || s->len)
		return true;
	n = recv(fd, s->buf, sizeof(s->buf), MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	s->at = 0;
	s->len = (size_t)n;
	s->is_eof = !n;
	return true;
}

static bool drain(struct stream *s, int fd)
{
	while (s->len) {
		ssize_t n = send(fd, s->buf + s->at, s->len,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		s->at += (size_t)n;
		s->len -= (size_t)n;
	}
	if (s->is_eof && !s->is_shut) {
		s->is_shut = true;
		return !shutdown(fd, SHUT_WR);
	}
	return true;
}

/* Return: 0 it goes on, 1 both sides are done, -1 reset. */
static int carry(struct pair *p)
{
	for (int i = 0; i < 2; i++)
		if (!fill(&p->stream[i], p->end[i]) ||
		    !drain(&p->stream[i], p->end[!i]))
			return -1;
	return p->stream[0].is_shut && p->stream[1].is_shut;
}

static short events_of(const struct pair *p, int i)
{
	short ev = 0;

	if (!p->stream[i].is_eof && !p->stream[i].len)
		ev |= POLLIN;
	if (p->stream[!i].len)
		ev |= POLLOUT;
	return ev;
}

static void take_client(struct bench_relay *r)
{
	const struct linger now = {.l_onoff = 1};
	int one = 1, out = -1;
	int fd = accept4(r->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	struct pair *p = NULL;

	if (fd < 0)
		return;
	if (r->nr_pairs < PAIRS_MAX)
		p = nwb_zalloc(sizeof(*p));
	if (p)
		out = r->opts.dial(r->opts.arg);
	if (out < 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one))) {
		/* nobody is there: the client sees it, as at once as we can */
		if (!setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)))
			one = 0;
		close(fd);
		if (out >= 0)
			close(out);
		nwb_free(p);
		return;
	}
	p->end[0] = fd;
	p->end[1] = out;
	r->pair[r->nr_pairs++] = p;
}

static void *run(void *arg)
{
	struct bench_relay *r = arg;
	struct pollfd pfds[2 + 2 * PAIRS_MAX];

	for (;;) {
		unsigned int nr = r->nr_pairs;

		pfds[0] = (struct pollfd){r->stop_fd, POLLIN, 0};
		pfds[1] = (struct pollfd){r->listen_fd, POLLIN, 0};
		for (unsigned int i = 0; i < 2 * nr; i++)
			pfds[2 + i] = (struct pollfd){
				r->pair[i / 2]->end[i % 2],
				events_of(r->pair[i / 2], (int)(i % 2)), 0};
		if (poll(pfds, 2 + 2 * nr, -1) < 0 && errno != EINTR)
			break;
		if (pfds[0].revents)
			break;
		for (unsigned int i = nr; i-- > 0;) {
			int rc;

			if (!pfds[2 + 2 * i].revents &&
			    !pfds[3 + 2 * i].revents)
				continue;
			rc = carry(r->pair[i]);
			if ((pfds[2 + 2 * i].revents |
			     pfds[3 + 2 * i].revents) &
			    POLLERR)
				rc = -1;
			if (!rc)
				continue;
			pair_free(r->pair[i], rc < 0);
			r->pair[i] = r->pair[--r->nr_pairs];
		}
		if (pfds[1].revents)
			take_client(r);
	}
	return NULL;
}

/* --- outside -------------------------------------------------------------- */

static int listen_on(struct bench_relay *r, const struct sockaddr_storage *sa,
		     struct nwb_err *err)
{
	struct sockaddr_storage is = {0};
	socklen_t len = sizeof(is);
	char host[INET6_ADDRSTRLEN] = "";
	const void *addr = &((const struct sockaddr_in *)&is)->sin_addr;
	int one = 1, rc = 0;

	r->listen_fd = socket(sa->ss_family,
			      SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (r->listen_fd < 0 ||
	    setsockopt(r->listen_fd, SOL_SOCKET, SO_REUSEADDR, &one,
		       sizeof(one)) ||
	    bind(r->listen_fd, (const void *)sa,
		 sa->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6)
					   : sizeof(struct sockaddr_in)) ||
	    listen(r->listen_fd, 64) ||
	    getsockname(r->listen_fd, (struct sockaddr *)&is, &len))
		rc = -errno;
	if (rc == -EACCES)
		return nwb_err_set(err, rc,
				   "publish: ports below 1024 are root's");
	if (rc)
		return nwb_err_set(err, rc, "publish: %s", strerror(-rc));
	if (is.ss_family == AF_INET6)
		addr = &((const struct sockaddr_in6 *)&is)->sin6_addr;
	inet_ntop(is.ss_family, addr, host, sizeof(host));
	snprintf(r->name, sizeof(r->name),
		 is.ss_family == AF_INET6 ? "[%s]:%u" : "%s:%u", host,
		 ntohs(((const struct sockaddr_in *)&is)->sin_port));
	return 0;
}

int bench_relay_start(const struct sockaddr_storage *sa,
		      const struct bench_relay_opts *o,
		      struct bench_relay **ret_r, struct nwb_err *err)
{
	struct bench_relay *r = nwb_zalloc(sizeof(*r));
	int rc;

	if (!r)
		return nwb_err_set(err, -ENOMEM, "publish: no memory");
	r->opts = *o;
	r->stop_fd = eventfd(0, EFD_CLOEXEC);
	rc = listen_on(r, sa, err);
	if (!rc) {
		rc = -pthread_create(&r->thread, NULL, run, r);
		if (rc)
			nwb_err_set(err, rc, "publish: %s", strerror(-rc));
	}
	if (!rc) {
		*ret_r = r;
		return 0;
	}
	if (r->listen_fd >= 0)
		close(r->listen_fd);
	close(r->stop_fd);
	nwb_free(r);
	return rc;
}

const char *bench_relay_name(const struct bench_relay *r)
{
	return r->name;
}

void bench_relay_stop(struct bench_relay *r)
{
	if (!r)
		return;
	if (!eventfd_write(r->stop_fd, 1))
		pthread_join(r->thread, NULL);
	for (unsigned int i = 0; i < r->nr_pairs; i++)
		pair_free(r->pair[i], true);
	close(r->listen_fd);
	close(r->stop_fd);
	nwb_free(r);
}
