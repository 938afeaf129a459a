/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The functions that the servers call instead of libc's.
 *
 * Here is what arrives and leaves, and the begin; hooks_file.c has storage,
 * hooks_samba.c what Samba signs and encrypts, hooks_i.h the table of fds. An
 * idle shim (no page, or neither rules nor ledger) knows no fds at all.
 *
 * nfs-ganesha loads what writes its files (FSAL VFS) with RTLD_DEEPBIND, which
 * lets a library see libc before any preloaded one; dlopen() is made to forget
 * that flag. Nothing in there is defined twice, so nothing else changes.
 */
#undef _FILE_OFFSET_BITS
#include "hooks_i.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define IOV_FAST 64

_Atomic uintptr_t sh_fds[SH_FDS];
bool sh_on;   /* set once, at the end of the constructor */
bool sh_pdus; /* connections are looked at */

REAL(ssize_t, read, int, void *, size_t)
REAL(ssize_t, readv, int, const struct iovec *, int)
REAL(ssize_t, recvmsg, int, struct msghdr *, int)
REAL(ssize_t, recv, int, void *, size_t, int)
REAL(ssize_t, recvfrom, int, void *, size_t, int, struct sockaddr *,
     socklen_t *)
REAL(ssize_t, write, int, const void *, size_t)
REAL(ssize_t, writev, int, const struct iovec *, int)
REAL(ssize_t, sendmsg, int, const struct msghdr *, int)
REAL(ssize_t, send, int, const void *, size_t, int)
REAL(ssize_t, sendto, int, const void *, size_t, int, const struct sockaddr *,
     socklen_t)
REAL(int, accept, int, struct sockaddr *, socklen_t *)
REAL(int, accept4, int, struct sockaddr *, socklen_t *, int)
REAL(int, close, int)
REAL(int, shutdown, int, int)
REAL(int, dup2, int, int)
REAL(int, dup3, int, int, int)
REAL(void *, dlopen, const char *, int)

/* forget() - the number @fd means something else from now on. */
static void forget(int fd)
{
	struct sh_conn *c = conn_of(fd);

	if (fd < 0 || fd >= SH_FDS || !slot_of(fd))
		return;
	atomic_store_explicit(&sh_fds[fd], 0, memory_order_release);
	if (c)
		sh_conn_close(c);
}

/* --- connections as such --- */

static uint32_t port_of(const struct sockaddr_storage *ss)
{
	if (ss->ss_family == AF_INET)
		return ntohs(((const struct sockaddr_in *)ss)->sin_port);
	if (ss->ss_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)ss)->sin6_port);
	return 0;
}

/* client_port() - of a connection to the server's port; 0: it is none. */
static uint32_t client_port(int fd)
{
	struct sockaddr_storage own = {0}, peer = {0};
	socklen_t own_len = sizeof(own), peer_len = sizeof(peer);

	if (fd < 0 || fd >= SH_FDS ||
	    getsockname(fd, (struct sockaddr *)&own, &own_len) ||
	    getpeername(fd, (struct sockaddr *)&peer, &peer_len) ||
	    !port_of(&own) || (sh.page->port && port_of(&own) != sh.page->port))
		return 0;
	return port_of(&peer);
}

static void set_conn(int fd, struct sh_conn *c)
{
	if (c)
		atomic_store_explicit(&sh_fds[fd], (uintptr_t)c | KIND_CONN,
				      memory_order_release);
}

static void accepted(int fd)
{
	int keep = errno;
	uint32_t port = client_port(fd);

	if (port)
		set_conn(fd, sh_conn_new(fd, port,
					 (enum nwb_fc_proto)sh.page->proto));
	errno = keep;
}

/* With multichannel, the process that accepts a connection hands it over to
 * the one that has the client already. */
static void received(int fd)
{
	uint32_t port = client_port(fd);

	if (port)
		set_conn(fd, sh_conn_adopt(fd, port));
}

static void given(int fd)
{
	uint32_t port = client_port(fd);

	if (port)
		sh_conn_given(port);
}

static void for_each_passed(const struct msghdr *msg, void (*fn)(int fd))
{
	struct msghdr m = *msg; /* the macros take no const */
	int keep = errno;

	for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h)) {
		size_t len = h->cmsg_len - CMSG_LEN(0);
		int fd;

		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = 0; at + sizeof(fd) <= len; at += sizeof(fd)) {
			memcpy(&fd, CMSG_DATA(h) + at, sizeof(fd));
			fn(fd);
		}
	}
	errno = keep;
}

/* --- arriving --- */

EXPORT ssize_t read(int fd, void *buf, size_t len)
{
	struct sh_conn *c = conn_of(fd);
	ssize_t n = real_read()(fd, buf, len);

	if (__builtin_expect(!c, 1))
		return n;
	return sh_rx(c, &(struct iovec){buf, len}, 1, n);
}

EXPORT ssize_t readv(int fd, const struct iovec *iov, int nr)
{
	struct sh_conn *c = conn_of(fd);
	ssize_t n = real_readv()(fd, iov, nr);

	return c ? sh_rx(c, iov, nr, n) : n;
}

EXPORT ssize_t recvmsg(int fd, struct msghdr *msg, int flags)
{
	struct sh_conn *c = conn_of(fd);
	ssize_t n = real_recvmsg()(fd, msg, flags);

	if (!c) {
		if (sh_pdus && n >= 0 && msg->msg_controllen)
			for_each_passed(msg, received);
		return n;
	}
	if (flags & MSG_PEEK)
		return n;
	return sh_rx(c, msg->msg_iov, (int)msg->msg_iovlen, n);
}

EXPORT ssize_t recv(int fd, void *buf, size_t len, int flags)
{
	struct sh_conn *c = conn_of(fd);
	ssize_t n = real_recv()(fd, buf, len, flags);

	if (!c || (flags & MSG_PEEK))
		return n;
	return sh_rx(c, &(struct iovec){buf, len}, 1, n);
}

EXPORT ssize_t recvfrom(int fd, void *buf, size_t len, int flags,
			struct sockaddr *addr, socklen_t *addr_len)
{
	struct sh_conn *c = conn_of(fd);
	ssize_t n = real_recvfrom()(fd, buf, len, flags, addr, addr_len);

	if (!c || (flags & MSG_PEEK))
		return n;
	return sh_rx(c, &(struct iovec){buf, len}, 1, n);
}

/* --- leaving --- */

static ssize_t do_write(void *arg, const struct iovec *iov, int nr)
{
	const int *fd = arg;

	if (nr == 1)
		return real_write()(*fd, iov->iov_base, iov->iov_len);
	return real_writev()(*fd, iov, nr);
}

struct sendmsg_arg {
	int fd;
	int flags;
	const struct msghdr *msg;
};

static ssize_t do_sendmsg(void *arg, const struct iovec *iov, int nr)
{
	const struct sendmsg_arg *a = arg;
	struct msghdr msg = *a->msg;

	msg.msg_iov = (struct iovec *)iov;
	msg.msg_iovlen = (size_t)nr;
	return real_sendmsg()(a->fd, &msg, a->flags);
}

/* as_tx() - with a copy of @iov that may be cut; more segments than servers
 * use go out in two calls. */
static ssize_t as_tx(struct sh_conn *c, const struct iovec *iov, size_t nr,
		     sh_send_fn send, void *arg)
{
	struct iovec copy[IOV_FAST];

	nr = nwb_min(nr, (size_t)IOV_FAST);
	memcpy(copy, iov, nr * sizeof(*iov));
	return sh_tx(c, copy, (int)nr, send, arg);
}

EXPORT ssize_t write(int fd, const void *buf, size_t len)
{
	struct sh_conn *c = conn_of(fd);
	struct iovec iov = {(void *)(uintptr_t)buf, len};

	if (__builtin_expect(!c, 1))
		return real_write()(fd, buf, len);
	return as_tx(c, &iov, 1, do_write, &fd);
}

EXPORT ssize_t writev(int fd, const struct iovec *iov, int nr)
{
	struct sh_conn *c = conn_of(fd);

	if (!c || nr <= 0)
		return real_writev()(fd, iov, nr);
	return as_tx(c, iov, (size_t)nr, do_write, &fd);
}

struct send_arg {
	int fd;
	int flags;
};

static ssize_t do_send(void *arg, const struct iovec *iov, int nr)
{
	const struct send_arg *a = arg;
	struct msghdr msg = {
		.msg_iov = (struct iovec *)(uintptr_t)iov,
		.msg_iovlen = (size_t)nr,
	};

	if (nr == 1)
		return real_send()(a->fd, iov->iov_base, iov->iov_len,
				   a->flags);
	return real_sendmsg()(a->fd, &msg, a->flags);
}

EXPORT ssize_t send(int fd, const void *buf, size_t len, int flags)
{
	struct sh_conn *c = conn_of(fd);
	struct iovec iov = {(void *)(uintptr_t)buf, len};
	struct send_arg arg = {fd, flags};

	if (!c)
		return real_send()(fd, buf, len, flags);
	return as_tx(c, &iov, 1, do_send, &arg);
}

/* A connection has its one peer: an address given with it changes nothing. */
EXPORT ssize_t sendto(int fd, const void *buf, size_t len, int flags,
		      const struct sockaddr *addr, socklen_t addr_len)
{
	struct sh_conn *c = conn_of(fd);
	struct iovec iov = {(void *)(uintptr_t)buf, len};
	struct send_arg arg = {fd, flags};

	if (!c)
		return real_sendto()(fd, buf, len, flags, addr, addr_len);
	return as_tx(c, &iov, 1, do_send, &arg);
}

EXPORT ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
	struct sh_conn *c = conn_of(fd);
	struct sendmsg_arg arg = {fd, flags, msg};

	if (!c) {
		if (sh_pdus && msg->msg_controllen)
			for_each_passed(msg, given);
		return real_sendmsg()(fd, msg, flags);
	}
	return as_tx(c, msg->msg_iov, msg->msg_iovlen, do_sendmsg, &arg);
}

/* --- connections --- */

EXPORT int accept(int fd, struct sockaddr *addr, socklen_t *len)
{
	int got = real_accept()(fd, addr, len);

	if (sh_pdus)
		accepted(got);
	return got;
}

EXPORT int accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
	int got = real_accept4()(fd, addr, len, flags);

	if (sh_pdus)
		accepted(got);
	return got;
}

EXPORT int close(int fd)
{
	if (__builtin_expect(slot_of(fd) != 0, 0))
		forget(fd);
	return real_close()(fd);
}

EXPORT int shutdown(int fd, int how)
{
	struct sh_conn *c = conn_of(fd);

	if (c && how != SHUT_RD)
		sh_queue_purge(c);
	return real_shutdown()(fd, how);
}

EXPORT int dup2(int from, int to)
{
	if (from != to)
		forget(to);
	return real_dup2()(from, to);
}

EXPORT int dup3(int from, int to, int flags)
{
	if (from != to)
		forget(to);
	return real_dup3()(from, to, flags);
}

/* --- nfs-ganesha --- */

EXPORT void *dlopen(const char *path, int flags)
{
	return real_dlopen()(path, sh_on ? flags & ~RTLD_DEEPBIND : flags);
}

/* --- the system, for the logic --- */

static uint64_t op_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NWB_SEC + (uint64_t)ts.tv_nsec;
}

static ssize_t op_send(int fd, const void *buf, size_t len)
{
	return real_send()(fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* op_rst() - dissolving a TCP association resets it; the number stays. */
static void op_rst(int fd)
{
	struct sockaddr sa = {.sa_family = AF_UNSPEC};

	connect(fd, &sa, sizeof(sa));
}

static void op_fin(int fd)
{
	real_shutdown()(fd, SHUT_RDWR);
}

static void op_wake(_Atomic uint32_t *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static void op_wait(_Atomic uint32_t *word, uint32_t seen, uint64_t ns)
{
	struct timespec ts = {
		.tv_sec = (time_t)(ns / NWB_SEC),
		.tv_nsec = (long)(ns % NWB_SEC),
	};

	syscall(SYS_futex, word, FUTEX_WAIT, seen, ns == NWB_NEVER ? NULL : &ts,
		NULL, 0);
}

static void *sender(void *arg)
{
	for (;;) {
		uint32_t seen = atomic_load(&sh.page->kick);
		uint64_t now = op_now(), next = sh_queue_run(now);

		if (next == NWB_NEVER)
			op_wait(&sh.page->kick, seen, NWB_NEVER);
		else if (next > now)
			op_wait(&sh.page->kick, seen, next - now);
	}
	return arg;
}

static void op_start_sender(void)
{
	sigset_t all, old;
	pthread_attr_t attr;
	pthread_t t;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, 128 * 1024);
	if (pthread_create(&t, &attr, sender, NULL))
		sh_count(&sh.page->nomem);
	pthread_attr_destroy(&attr);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

/* smbd works with the real and effective uid of its user and root as the saved
 * one, so the main process cannot be killed before root is taken back; for
 * this thread only, and it has no future. */
static void op_die(int main_pid)
{
	if (main_pid > 0 && kill(main_pid, SIGKILL) && errno == EPERM) {
		(void)!syscall(SYS_setresuid, -1, 0, -1);
		kill(main_pid, SIGKILL);
	}
	kill(getpid(), SIGKILL);
}

static uint64_t op_file_size(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? 0 : (uint64_t)st.st_size;
}

static const struct sh_ops system_ops = {
	.now = op_now,
	.send = op_send,
	.rst = op_rst,
	.fin = op_fin,
	.wake = op_wake,
	.wait = op_wait,
	.start_sender = op_start_sender,
	.die = op_die,
	.file_size = op_file_size,
};

void nwb_assert_fail(const char *expr, const char *file, int line)
{
	fprintf(stderr, "%s:%d: shim: assertion failed: %s\n", file, line,
		expr);
	abort();
}

/* --- begin --- */

static void after_fork(void)
{
	sh_conns_reset_after_fork();
	sh_queue_reset_after_fork();
	sh_sealed_reset_after_fork();
}

/* env_fd() - the number in @name, which children need not see; -1: none. */
static int env_fd(const char *name)
{
	const char *s = getenv(name);
	char *end;
	long v;

	if (!s)
		return -1;
	v = strtol(s, &end, 10);
	return *s && !*end && v >= 0 && v < SH_FDS ? (int)v : -1;
}

static void open_durable(void)
{
	const char *dir = getenv(NWB_SHIM_ENV_DURABLE);
	int fd;

	if (!dir)
		return;
	sh.durable_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (sh.durable_fd < 0) {
		sh_count(&sh.page->durable_errors);
		return;
	}
	/* Whoever the server acts for must be able to take the lock. */
	fd = openat(sh.durable_fd, ".lock", O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (fd >= 0) {
		fchmod(fd, 0666);
		real_close()(fd);
	}
}

static void open_ledger(void)
{
	static struct nwb_ledger ledger;
	int fd = env_fd(NWB_SHIM_ENV_LEDGER);

	if (fd < 0)
		return;
	if (!nwb_ledger_map(fd, true, &ledger)) {
		sh.ledger = &ledger;
		nwb_stamp_key_init(&sh.key, ledger.hdr->key);
		nwb_stamp_key_crypt(&sh.key, ledger.hdr->crypt_key,
				    ledger.hdr->crypt_unit);
		real_close()(fd);
	}
}

__attribute__((constructor)) static void begin(void)
{
	int fd = env_fd(NWB_SHIM_ENV_CTL);
	struct nwb_fc_page *page;

	if (fd < 0 || nwb_fc_map(fd, &page))
		return;
	real_close()(fd);
	sh.page = page;
	sh.ops = &system_ops;
	open_ledger();
	open_durable();
	/* Programs that the server starts are none of ours. */
	unsetenv(NWB_SHIM_ENV_CTL);
	unsetenv(NWB_SHIM_ENV_LEDGER);
	unsetenv(NWB_SHIM_ENV_DURABLE);
	atomic_store(&page->main_pid, getpid());
	atomic_fetch_add(&page->attached, 1);
	sh_check_samba(page);
	pthread_atfork(NULL, NULL, after_fork);
	sh_pdus = sh.ledger || page->nr_rules || page->nr_phases;
	sh_on = sh_pdus || sh.durable_fd >= 0;
}
