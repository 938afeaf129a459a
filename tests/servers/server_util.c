/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server_util.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

void skip_unless_servers(void)
{
	skip_unless_isolated(NWB_ISOLATION_AUTO);
}

void skip_unless_isolated(enum nwb_isolation step)
{
	char version[64], why[96];
	struct nwb_err err;

	if (nwb_isolation_try(step, &step, why, sizeof(why), &err))
		nwb_test_skip("cannot isolate servers like that here");
	if (nwb_server_probe("smbd", version, sizeof(version), &err))
		nwb_test_skip("smbd is not installed");
	if (nwb_server_probe("diod", version, sizeof(version), &err))
		nwb_test_skip("diod is not installed");
}

void skip_unless_ganesha(void)
{
	char version[64];

	if (nwb_server_probe("ganesha", version, sizeof(version), NULL))
		nwb_test_skip("nfs-ganesha is not installed");
}

void skip_unless_namespaces(void)
{
	enum nwb_isolation step = NWB_ISOLATION_AUTO;
	char why[96];

	skip_unless_servers();
	if (nwb_isolation_try(step, &step, why, sizeof(why), NULL) ||
	    step == NWB_ISOLATION_NONE)
		nwb_test_skip("needs namespaces, and there are none here");
}

static int exchange(int fd, const void *req, size_t len, uint8_t *buf,
		    size_t want)
{
	struct pollfd p = {fd, POLLIN, 0};
	size_t done = 0;
	ssize_t n;

	if (send(fd, req, len, MSG_NOSIGNAL) != (ssize_t)len)
		return -errno;
	while (done < want) {
		if (poll(&p, 1, 5000) != 1)
			return -ETIMEDOUT;
		n = recv(fd, buf + done, want - done, 0);
		if (n <= 0)
			return n ? -errno : -ECONNRESET;
		done += (size_t)n;
	}
	return 0;
}

int say_hello(int fd, bool is_9p)
{
	static const char tversion[] = "\x15\0\0\0\x64\xff\xff\0\0\x01\0"
				       "\x08\0"
				       "9P2000.L";
	uint8_t req[4 + 64 + 36 + 2] = {0}, ans[128];
	int rc;

	if (is_9p) {
		rc = exchange(fd, tversion, sizeof(tversion) - 1, ans, 21);
		if (rc)
			return rc;
		return ans[4] == 101 && !memcmp(ans + 13, "9P2000.L", 8)
			       ? 0
			       : -EPROTO;
	}
	req[3] = 64 + 36 + 2;
	memcpy(req + 4, "\xfeSMB\x40", 5);
	req[4 + 14] = 1; /* CreditRequest */
	memcpy(req + 68, "\x24\0\x01\0\x01", 5);
	memcpy(req + 104, "\x10\x02", 2); /* 2.1 */
	rc = exchange(fd, req, sizeof(req), ans, 4 + 64 + 8);
	if (rc)
		return rc;
	if (memcmp(ans + 4, "\xfeSMB", 4) || memcmp(ans + 12, "\0\0\0\0", 4))
		return -EPROTO;
	return memcmp(ans + 4 + 64 + 4, "\x10\x02", 2) ? -EPROTO : 0;
}

int dial_hello(struct nwb_server *srv)
{
	struct nwb_server_info info;
	int fd, rc;

	nwb_server_info(srv, &info);
	rc = nwb_server_dial(srv, &fd, NULL);
	if (rc)
		return rc;
	rc = say_hello(fd, info.is_9p);
	close(fd);
	return rc;
}

void event_log_init(struct event_log *log)
{
	pthread_mutex_init(&log->lock, NULL);
	pthread_cond_init(&log->more, NULL);
	log->nr = 0;
}

void event_log_add(void *arg, enum nwb_server_event ev, int wait_status)
{
	struct event_log *log = arg;

	pthread_mutex_lock(&log->lock);
	if (log->nr < NWB_ARRAY_SIZE(log->ev)) {
		log->ev[log->nr] = ev;
		log->status[log->nr++] = wait_status;
	}
	pthread_cond_broadcast(&log->more);
	pthread_mutex_unlock(&log->lock);
}

bool event_log_wait(struct event_log *log, unsigned int nr)
{
	struct timespec until;
	bool is_there;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 10;
	pthread_mutex_lock(&log->lock);
	while (log->nr < nr)
		if (pthread_cond_timedwait(&log->more, &log->lock, &until))
			break;
	is_there = log->nr >= nr;
	pthread_mutex_unlock(&log->lock);
	return is_there;
}

void export_put(struct nwb_server *srv, const char *name, const char *text)
{
	int fd;

	nwb_check_eq(nwb_server_open(srv, name, O_CREAT | O_TRUNC | O_WRONLY,
				     &fd, NULL),
		     0);
	nwb_check_eq(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

void export_get(struct nwb_server *srv, const char *name, char *buf,
		size_t size)
{
	ssize_t n;
	int fd;

	nwb_check_eq(nwb_server_open(srv, name, O_RDONLY, &fd, NULL), 0);
	n = read(fd, buf, size - 1);
	nwb_check(n >= 0);
	buf[n] = '\0';
	close(fd);
}
