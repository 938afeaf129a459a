/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The shim as diod uses it: one thread reads requests, several answer, one
 * sends what was held; a peer with a small socket buffer counts whole frames.
 * For ThreadSanitizer, and for PDUs that must never be mixed.
 */
#include "nwb_test.h"
#include "shim_util.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define REQUESTS 3000u
#define WORKERS	 3u
#define BODY	 2000u

static int sock[2];
static struct sh_conn *conn;
static _Atomic unsigned int next_req, read_so_far;
static _Atomic bool stop;
static pthread_mutex_t server_lock = PTHREAD_MUTEX_INITIALIZER;

static uint64_t t_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NWB_SEC + (uint64_t)ts.tv_nsec;
}

static ssize_t t_send(int fd, const void *p, size_t len)
{
	return send(fd, p, len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void t_nothing(int fd)
{
	(void)fd;
}

static void t_wake(_Atomic uint32_t *word)
{
	(void)word;
}

static void t_wait(_Atomic uint32_t *word, uint32_t seen, uint64_t ns)
{
	(void)word;
	(void)seen;
	(void)ns;
	usleep(50);
}

static void *sender(void *arg)
{
	while (!atomic_load(&stop)) {
		sh_queue_run(t_now());
		usleep(50);
	}
	return arg;
}

static pthread_t sender_thread;

static void t_start_sender(void)
{
	nwb_check_eq(pthread_create(&sender_thread, NULL, sender, NULL), 0);
}

static const struct sh_ops thread_ops = {
	.now = t_now,
	.send = t_send,
	.rst = t_nothing,
	.fin = t_nothing,
	.wake = t_wake,
	.wait = t_wait,
	.start_sender = t_start_sender,
};

static ssize_t server_send(void *arg, const struct iovec *iov, int nr)
{
	struct msghdr msg = {.msg_iov = (struct iovec *)(uintptr_t)iov,
			     .msg_iovlen = (size_t)nr};

	(void)arg;
	return sendmsg(sock[0], &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* answer() - a reply with a body, as often as it takes until it is sent. */
static void answer(uint16_t tag)
{
	uint8_t frame[11 + BODY];
	size_t at = 0;

	memset(frame, (uint8_t)tag, sizeof(frame));
	p9_reply(frame, P9_TWRITE + 1, tag, BODY);
	frame[0] = (uint8_t)sizeof(frame);
	frame[1] = (uint8_t)(sizeof(frame) >> 8);
	pthread_mutex_lock(&server_lock);
	while (at < sizeof(frame)) {
		struct iovec iov = {frame + at, sizeof(frame) - at};
		ssize_t n = sh_tx(conn, &iov, 1, server_send, NULL);
		struct pollfd pfd = {.fd = sock[0], .events = POLLOUT};

		if (n > 0)
			at += (size_t)n;
		else if (errno == EAGAIN)
			poll(&pfd, 1, 1);
		else
			break;
	}
	pthread_mutex_unlock(&server_lock);
}

static void *worker(void *arg)
{
	for (;;) {
		unsigned int i = atomic_fetch_add(&next_req, 1);

		if (i >= REQUESTS)
			return arg;
		while (atomic_load(&read_so_far) <= i)
			usleep(20);
		answer((uint16_t)i);
	}
}

static void *reader(void *arg)
{
	for (unsigned int i = 0; i < REQUESTS; i++) {
		uint8_t frame[64];
		size_t n = p9_twrite(frame, (uint16_t)i, 5, i * 8u, 8);

		if (world_rx(conn, frame, n) != (ssize_t)n)
			break;
		atomic_store(&read_so_far, i + 1);
	}
	return arg;
}

static bool recv_all(int fd, uint8_t *p, size_t n)
{
	while (n) {
		ssize_t k = recv(fd, p, n, 0);

		if (k <= 0)
			return false;
		p += k;
		n -= (size_t)k;
	}
	return true;
}

/* check_replies() - every tag comes once, in a frame of its own bytes. */
static void check_replies(void)
{
	static uint8_t seen[REQUESTS];
	uint8_t frame[11 + BODY];

	for (unsigned int i = 0; i < REQUESTS; i++) {
		unsigned int tag;

		nwb_check(recv_all(sock[1], frame, sizeof(frame)));
		tag = frame[5] | (unsigned int)frame[6] << 8;
		nwb_check(tag < REQUESTS && !seen[tag]);
		seen[tag] = 1;
		for (size_t k = 11; k < sizeof(frame); k++)
			nwb_check(frame[k] == (uint8_t)tag);
	}
}

NWB_TEST(threads, frames_stay_whole_and_none_is_lost)
{
	pthread_t t[WORKERS + 1];
	int small = 4096;

	world_begin("diod",
		    "slow: on server.write nth=1+3 do hold 300us\n"
		    "some: on server.reply p=0.1 do hold 1ms\n",
		    0);
	sh.ops = &thread_ops;
	nwb_check_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, sock), 0);
	setsockopt(sock[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	conn = sh_conn_new(sock[0], 4711, NWB_FC_9P);
	conn->is_attached = true;
	sh_handle_set(conn, 5, "a.dat");
	for (unsigned int i = 0; i < WORKERS; i++)
		nwb_check_eq(pthread_create(&t[i], NULL, worker, NULL), 0);
	nwb_check_eq(pthread_create(&t[WORKERS], NULL, reader, NULL), 0);
	check_replies();
	for (unsigned int i = 0; i <= WORKERS; i++)
		pthread_join(t[i], NULL);
	atomic_store(&stop, true);
	pthread_join(sender_thread, NULL);
	nwb_check_eq(hits("slow"), REQUESTS / 3);
	nwb_check(hits("some") > 0);
	nwb_check_eq(conn->nr_open, 0);
	nwb_check_eq(atomic_load(&sh.page->nomem), 0);
	sh_conn_close(conn);
	close(sock[0]);
	close(sock[1]);
	world_end();
}
