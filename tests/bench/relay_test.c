/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The relay of `netwb serve --publish`: which addresses it takes, and that
 * what happens on one side happens on the other.
 */
#include "../../bench/relay.h"
#include "nwb_test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

NWB_TEST(relay, only_loopback_addresses)
{
	static const struct {
		const char *text;
		int rc;
		int family;
		uint16_t port;
	} cases[] = {
		{"0", 0, AF_INET, 0},
		{"4450", 0, AF_INET, 4450},
		{"127.0.0.1:445", 0, AF_INET, 445},
		{"127.9.9.9:65535", 0, AF_INET, 65535},
		{"localhost:1", 0, AF_INET, 1},
		{"[::1]:564", 0, AF_INET6, 564},
		{"0.0.0.0:445", -EPERM, 0, 0},
		{"128.0.0.1:445", -EPERM, 0, 0},
		{"192.0.2.1:445", -EPERM, 0, 0},
		{"[::]:445", -EPERM, 0, 0},
		{"[2001:db8::1]:445", -EPERM, 0, 0},
		{"", -EINVAL, 0, 0},
		{":", -EINVAL, 0, 0},
		{":445", -EINVAL, 0, 0},
		{"-1", -EINVAL, 0, 0},
		{"65536", -EINVAL, 0, 0},
		{"445x", -EINVAL, 0, 0},
		{"127.0.0.1", -EINVAL, 0, 0},
		{"somewhere:445", -EINVAL, 0, 0},
		{"[::1:445", -EINVAL, 0, 0},
		{"::1:445", -EINVAL, 0, 0},
		{"[]:445", -EINVAL, 0, 0},
	};

	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(cases); i++) {
		struct sockaddr_storage sa;
		struct nwb_err err = {0};

		nwb_check_eq(bench_relay_address(cases[i].text, &sa, &err),
			     cases[i].rc);
		if (cases[i].rc) {
			nwb_check(err.text[0]);
			continue;
		}
		nwb_check_eq(sa.ss_family, cases[i].family);
		nwb_check_eq(ntohs(((struct sockaddr_in *)&sa)->sin_port),
			     cases[i].port);
	}
}

/* A relay to a listener of the test's own, and one connection through both. */
struct scene {
	struct bench_relay *relay;
	int listener;
	struct sockaddr_in at; /* of the listener */
	int client, server;
	bool is_down;
};

static int dial(void *arg)
{
	struct scene *s = arg;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (!s->is_down &&
	    !connect(fd, (struct sockaddr *)&s->at, sizeof(s->at)))
		return fd;
	close(fd);
	return -ECONNREFUSED;
}

static int connect_through(struct scene *s)
{
	struct sockaddr_in sa = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	const char *colon = strrchr(bench_relay_name(s->relay), ':');
	const struct timeval limit = {.tv_sec = 10};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	sa.sin_port = htons((uint16_t)atoi(colon + 1));
	nwb_check(!setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit,
			      sizeof(limit)));
	nwb_check(!connect(fd, (struct sockaddr *)&sa, sizeof(sa)));
	return fd;
}

static void scene_open(struct scene *s)
{
	const struct bench_relay_opts o = {dial, s};
	struct sockaddr_storage sa;
	socklen_t len = sizeof(s->at);
	struct nwb_err err = {0};

	s->at = (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	nwb_check(!bind(s->listener, (struct sockaddr *)&s->at, len));
	nwb_check(!listen(s->listener, 8));
	nwb_check(!getsockname(s->listener, (struct sockaddr *)&s->at, &len));
	nwb_check(!bench_relay_address("0", &sa, &err));
	nwb_check(!bench_relay_start(&sa, &o, &s->relay, &err));
	s->client = connect_through(s);
	s->server = accept(s->listener, NULL, NULL);
	nwb_check(s->server >= 0);
}

static void scene_close(struct scene *s)
{
	close(s->client);
	close(s->server);
	close(s->listener);
	bench_relay_stop(s->relay);
}

static void reset(int fd)
{
	const struct linger now = {.l_onoff = 1};

	nwb_check(!setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)));
	close(fd);
}

NWB_TEST(relay, an_end_in_order_leaves_the_other_way_open)
{
	struct scene s = {0};
	char buf[8];

	scene_open(&s);
	nwb_check_eq(send(s.client, "ask", 3, 0), 3);
	nwb_check(!shutdown(s.client, SHUT_WR));
	nwb_check_eq(recv(s.server, buf, sizeof(buf), MSG_WAITALL), 3);
	nwb_check_eq(send(s.server, "answer", 6, 0), 6);
	nwb_check(!shutdown(s.server, SHUT_WR));
	nwb_check_eq(recv(s.client, buf, sizeof(buf), MSG_WAITALL), 6);
	nwb_check(!memcmp(buf, "answer", 6));
	scene_close(&s);
}

NWB_TEST(relay, a_reset_is_a_reset_on_the_other_side)
{
	struct scene s = {0};
	char c;

	scene_open(&s);
	reset(s.server);
	nwb_check_eq(recv(s.client, &c, 1, 0), -1);
	nwb_check_eq(errno, ECONNRESET);
	/* and the other way round, on a second connection */
	close(s.client);
	s.client = connect_through(&s);
	s.server = accept(s.listener, NULL, NULL);
	reset(s.client);
	nwb_check_eq(recv(s.server, &c, 1, 0), -1);
	nwb_check_eq(errno, ECONNRESET);
	s.client = -1;
	scene_close(&s);
}

NWB_TEST(relay, nobody_there_is_a_reset)
{
	struct scene s = {0};
	char c;
	int fd;

	scene_open(&s);
	s.is_down = true;
	fd = connect_through(&s);
	nwb_check_eq(recv(fd, &c, 1, 0), -1);
	nwb_check_eq(errno, ECONNRESET);
	close(fd);
	scene_close(&s);
}

#define BULK (8u * 1024 * 1024)

static uint8_t byte_at(size_t i, int way)
{
	return (uint8_t)(i * 2654435761u >> 13 ^ (unsigned int)way);
}

struct bulk {
	int fd, way;
};

static void *send_bulk(void *arg)
{
	const struct bulk *b = arg;
	uint8_t buf[4096];

	for (size_t at = 0; at < BULK; at += sizeof(buf)) {
		for (size_t i = 0; i < sizeof(buf); i++)
			buf[i] = byte_at(at + i, b->way);
		if (send(b->fd, buf, sizeof(buf), 0) != sizeof(buf))
			return arg;
	}
	return shutdown(b->fd, SHUT_WR) ? arg : NULL;
}

static void *take_bulk(void *arg)
{
	const struct bulk *b = arg;
	uint8_t buf[8192];
	size_t at = 0;
	ssize_t n;

	while ((n = recv(b->fd, buf, sizeof(buf), 0)) > 0)
		for (ssize_t i = 0; i < n; i++)
			if (buf[i] != byte_at(at++, b->way))
				return arg;
	return n || at != BULK ? arg : NULL;
}

NWB_TEST(relay, both_ways_at_once_and_not_a_byte_is_lost)
{
	struct scene s = {0};
	struct bulk b[4];
	pthread_t t[4];
	void *bad;

	scene_open(&s);
	b[0] = b[1] = (struct bulk){s.client, 1};
	b[2] = b[3] = (struct bulk){s.server, 2};
	b[1].fd = s.server;
	b[3].fd = s.client;
	for (int i = 0; i < 4; i++)
		nwb_check(!pthread_create(
			&t[i], NULL, i % 2 ? take_bulk : send_bulk, &b[i]));
	for (int i = 0; i < 4; i++) {
		nwb_check(!pthread_join(t[i], &bad));
		nwb_check(!bad);
	}
	scene_close(&s);
}
