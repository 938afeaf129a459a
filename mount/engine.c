/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The daemon's side of nwb/engine.h: requests through shared memory.
 *
 *	listener ─► connection ─┬─ this task: waits for its end
 *	                        └─ ENGINE_WORKERS tasks: take, do, answer
 *
 * A token is a file that was opened by the FUSE request for it and waits for
 * its connection; it is closed with the mount if none comes. Each open holds
 * its node, for the kernel may forget that before the program is through.
 */
#include "fuse_i.h"

#include "nwb/engine.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define ENGINE_WORKERS 4u
#define ENGINE_CONNS   32u
#define WAIT_MS	       100 /* how late the end of it all may be seen */
#define HELLO_MS       5000

struct conn {
	struct engine *e;
	int sock;
	struct nwb_engine_seg *seg;
	uint64_t size;
	pthread_mutex_t lock; /* of what follows, and who moves the indices */
	uint32_t sq_head, cq_tail;
	struct mfile *file[NWB_ENGINE_FILES];
	unsigned int users[NWB_ENGINE_FILES]; /* requests under way */
	_Atomic bool is_stopping;
	struct nwb_task *worker[ENGINE_WORKERS];
	struct nwb_task *task;
	_Atomic bool has_ended;
};

struct engine {
	struct nwb_fuse *f;
	int listen_fd, stop_fd;
	struct nwb_task *task;
	pthread_mutex_t lock; /* of the tokens */
	struct {
		uint64_t token;
		struct mfile *file;
	} token[NWB_ENGINE_FILES];
	uint64_t next_token;
	struct conn *conn[ENGINE_CONNS]; /* the listener's */
};

static void futex(_Atomic uint32_t *at, int op, uint32_t value)
{
	const struct timespec ts = {.tv_nsec = WAIT_MS * NWB_MSEC};

	syscall(SYS_futex, at, op, value, op == FUTEX_WAIT ? &ts : NULL, NULL,
		0);
}

/* --- tokens --------------------------------------------------------------- */

int engine_token(struct nwb_fuse *f, struct mnode *mn, uint64_t *ret)
{
	struct engine *e = f->engine;
	struct nwb_file *file;
	struct mfile *mf;
	int rc;

	if (!e)
		return -ENODATA;
	rc = nwb_ns_open(f->mnt, mn->node, false, &file, NULL);
	if (rc)
		return rc;
	mf = file_new(f, mn, file);
	if (!mf)
		return -ENOMEM;
	mnode_hold(f, mn);
	mf->is_held = true;
	rc = -EMFILE;
	pthread_mutex_lock(&e->lock);
	for (unsigned int i = 0; i < NWB_ENGINE_FILES && rc; i++) {
		if (e->token[i].file)
			continue;
		e->token[i].file = mf;
		e->token[i].token = *ret = ++e->next_token;
		rc = 0;
	}
	pthread_mutex_unlock(&e->lock);
	if (rc)
		(void)file_close(f, mf);
	return rc;
}

static struct mfile *take_token(struct engine *e, uint64_t token)
{
	struct mfile *mf = NULL;

	pthread_mutex_lock(&e->lock);
	for (unsigned int i = 0; i < NWB_ENGINE_FILES && !mf; i++)
		if (e->token[i].file && e->token[i].token == token) {
			mf = e->token[i].file;
			e->token[i].file = NULL;
		}
	pthread_mutex_unlock(&e->lock);
	return mf;
}

/* --- requests ------------------------------------------------------------- */

static int do_open(struct conn *c, uint64_t token)
{
	struct mfile *mf = take_token(c->e, token);
	int rc = -EMFILE;

	if (!mf)
		return -EBADF;
	pthread_mutex_lock(&c->lock);
	for (unsigned int i = 0; i < NWB_ENGINE_FILES && rc < 0; i++)
		if (!c->file[i]) {
			c->file[i] = mf;
			rc = (int)i;
		}
	pthread_mutex_unlock(&c->lock);
	if (rc < 0)
		(void)file_close(c->e->f, mf);
	return rc;
}

/* A file stays while somebody uses it. */
static struct mfile *use(struct conn *c, uint64_t handle)
{
	struct mfile *mf = NULL;

	if (handle >= NWB_ENGINE_FILES)
		return NULL;
	pthread_mutex_lock(&c->lock);
	mf = c->file[handle];
	if (mf)
		c->users[handle]++;
	pthread_mutex_unlock(&c->lock);
	return mf;
}

static void unuse(struct conn *c, uint64_t handle)
{
	pthread_mutex_lock(&c->lock);
	c->users[handle]--;
	pthread_mutex_unlock(&c->lock);
}

static int do_close(struct conn *c, uint64_t handle)
{
	struct mfile *mf = NULL;
	bool is_busy = false;

	if (handle >= NWB_ENGINE_FILES)
		return -EBADF;
	pthread_mutex_lock(&c->lock);
	is_busy = c->users[handle] != 0;
	if (!is_busy) {
		mf = c->file[handle];
		c->file[handle] = NULL;
	}
	pthread_mutex_unlock(&c->lock);
	if (is_busy)
		return -EBUSY;
	return mf ? file_close(c->e->f, mf) : -EBADF;
}

static int do_io(struct conn *c, const struct nwb_engine_sqe *s)
{
	struct nwb_fuse *f = c->e->f;
	uint8_t *data = (uint8_t *)c->seg + s->data;
	struct mfile *mf;
	ssize_t n;

	if (s->op != NWB_ENGINE_FSYNC &&
	    (s->data < NWB_ENGINE_DATA || s->data > c->size ||
	     s->len > c->size - s->data || s->len > INT32_MAX ||
	     s->off > (uint64_t)INT64_MAX - s->len))
		return -EINVAL;
	mf = use(c, s->file);
	if (!mf)
		return -EBADF;
	if (s->op == NWB_ENGINE_FSYNC)
		n = file_fsync(f, mf);
	else if (s->op == NWB_ENGINE_WRITE)
		n = file_write(f, mf, data, s->len, s->off);
	else
		n = file_read(f, mf, data, s->len, s->off);
	unuse(c, s->file);
	return (int)n;
}

static int do_one(struct conn *c, const struct nwb_engine_sqe *s)
{
	switch (s->op) {
	case NWB_ENGINE_OPEN:
		return do_open(c, s->file);
	case NWB_ENGINE_CLOSE:
		return do_close(c, s->file);
	case NWB_ENGINE_READ:
	case NWB_ENGINE_WRITE:
	case NWB_ENGINE_FSYNC:
		return do_io(c, s);
	default:
		return -EINVAL;
	}
}

/* Return: 1: *@ret_s; 0: nothing there, waited; -EPROTO. */
static int take(struct conn *c, struct nwb_engine_sqe *ret_s)
{
	uint32_t tail;
	int rc = 0;

	pthread_mutex_lock(&c->lock);
	tail = atomic_load_explicit(&c->seg->sq_tail, memory_order_acquire);
	if (tail - c->sq_head > NWB_ENGINE_SLOTS) {
		rc = -EPROTO;
	} else if (tail != c->sq_head) {
		*ret_s = c->seg->sqe[c->sq_head++ % NWB_ENGINE_SLOTS];
		rc = 1;
	}
	pthread_mutex_unlock(&c->lock);
	if (!rc)
		futex(&c->seg->sq_tail, FUTEX_WAIT, tail);
	return rc;
}

static void answer(struct conn *c, uint32_t tag, int res)
{
	pthread_mutex_lock(&c->lock);
	c->seg->cqe[c->cq_tail++ % NWB_ENGINE_SLOTS] =
		(struct nwb_engine_cqe){tag, res};
	atomic_store_explicit(&c->seg->cq_tail, c->cq_tail,
			      memory_order_release);
	pthread_mutex_unlock(&c->lock);
	futex(&c->seg->cq_tail, FUTEX_WAKE, 1);
}

static void work(void *arg)
{
	struct conn *c = arg;
	struct nwb_engine_sqe s;
	int rc;

	while (!atomic_load(&c->is_stopping)) {
		rc = take(c, &s);
		if (rc < 0)
			break;
		if (!rc)
			continue;
		atomic_fetch_add_explicit(&c->e->f->nr_requests, 1,
					  memory_order_relaxed);
		answer(c, s.tag, do_one(c, &s));
	}
	if (!atomic_load(&c->is_stopping))
		shutdown(c->sock, SHUT_RDWR);
}

/* --- a connection --------------------------------------------------------- */

static bool is_our_user(int sock)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return !getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &peer, &len) &&
	       (peer.uid == geteuid() || peer.uid == 0);
}

static int take_hello(struct conn *c, int *ret_fd)
{
	struct nwb_engine_hello hello;
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} space = {0};
	struct iovec iov = {&hello, sizeof(hello)};
	struct msghdr mh = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = space.bytes,
		.msg_controllen = sizeof(space.bytes),
	};
	struct pollfd pfd = {c->sock, POLLIN, 0};
	struct cmsghdr *cm;

	if (poll(&pfd, 1, HELLO_MS) <= 0)
		return -ETIMEDOUT;
	if (recvmsg(c->sock, &mh, MSG_CMSG_CLOEXEC) != sizeof(hello))
		return -EPROTO;
	cm = CMSG_FIRSTHDR(&mh);
	if (!cm || cm->cmsg_type != SCM_RIGHTS ||
	    cm->cmsg_len != CMSG_LEN(sizeof(int)))
		return -EPROTO;
	memcpy(ret_fd, CMSG_DATA(cm), sizeof(int));
	c->size = hello.size;
	return hello.magic == NWB_ENGINE_MAGIC ? 0 : -EPROTONOSUPPORT;
}

static int map_segment(struct conn *c)
{
	int fd = -1, rc = take_hello(c, &fd), seals;
	struct stat st;
	void *at;

	seals = fd < 0 ? 0 : fcntl(fd, F_GET_SEALS);
	/* a segment that shrinks would be a SIGBUS of ours */
	if (!rc && (seals < 0 || !(seals & F_SEAL_SHRINK) || fstat(fd, &st) ||
		    (uint64_t)st.st_size != c->size ||
		    c->size < NWB_ENGINE_DATA || c->size > NWB_ENGINE_SIZE_MAX))
		rc = -EINVAL;
	if (!rc) {
		at = mmap(NULL, c->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			  0);
		if (at == MAP_FAILED)
			rc = -errno;
		else
			c->seg = at;
	}
	if (fd >= 0)
		close(fd);
	return rc;
}

static int start_workers(struct conn *c)
{
	int rc = 0;

	for (unsigned int i = 0; i < ENGINE_WORKERS && !rc; i++)
		rc = nwb_task_spawn(c->e->f->ex, "engine", work, c,
				    &c->worker[i]);
	return rc;
}

/* Until it ends, or we do. */
static void wait_end(struct conn *c)
{
	struct pollfd pfds[] = {
		{c->sock, POLLIN, 0},
		{c->e->stop_fd, POLLIN, 0},
	};

	while (poll(pfds, 2, -1) < 0 && errno == EINTR)
		;
}

static void serve(void *arg)
{
	struct conn *c = arg;
	int32_t rc = is_our_user(c->sock) ? map_segment(c) : -EPERM;

	if (!rc)
		rc = start_workers(c);
	if (send(c->sock, &rc, sizeof(rc), MSG_NOSIGNAL) == sizeof(rc) && !rc)
		wait_end(c);
	atomic_store(&c->is_stopping, true);
	for (unsigned int i = 0; i < ENGINE_WORKERS; i++)
		if (c->worker[i])
			nwb_task_join(c->worker[i]);
	for (unsigned int i = 0; i < NWB_ENGINE_FILES; i++)
		if (c->file[i])
			(void)file_close(c->e->f, c->file[i]);
	if (c->seg)
		munmap(c->seg, c->size);
	close(c->sock);
	atomic_store(&c->has_ended, true);
}

/* --- the listener --------------------------------------------------------- */

static void reap(struct conn **at)
{
	nwb_task_join((*at)->task);
	pthread_mutex_destroy(&(*at)->lock);
	free(*at);
	*at = NULL;
}

static void take_conn(struct engine *e, int sock)
{
	for (unsigned int i = 0; i < ENGINE_CONNS; i++) {
		struct conn **at = &e->conn[i];

		if (*at && atomic_load(&(*at)->has_ended))
			reap(at);
		if (*at)
			continue;
		*at = calloc(1, sizeof(**at));
		if (!*at)
			break;
		(*at)->e = e;
		(*at)->sock = sock;
		pthread_mutex_init(&(*at)->lock, NULL);
		if (!nwb_task_spawn(e->f->ex, "engine", serve, *at,
				    &(*at)->task))
			return;
		free(*at);
		*at = NULL;
		break;
	}
	close(sock); /* no room: who asked sees the end */
}

static void listen_task(void *arg)
{
	struct engine *e = arg;
	struct pollfd pfds[] = {
		{e->listen_fd, POLLIN, 0},
		{e->stop_fd, POLLIN, 0},
	};
	int sock;

	while (poll(pfds, 2, -1) >= 0 || errno == EINTR) {
		if (pfds[1].revents)
			break;
		sock = accept4(e->listen_fd, NULL, NULL, SOCK_CLOEXEC);
		if (sock >= 0)
			take_conn(e, sock);
	}
	for (unsigned int i = 0; i < ENGINE_CONNS; i++)
		if (e->conn[i])
			reap(&e->conn[i]);
}

static int listen_on(struct engine *e, const char *name)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	size_t len = strlen(name);

	if (len < 2 || len > sizeof(sa.sun_path) || name[0] != '@')
		return -EINVAL;
	memcpy(sa.sun_path + 1, name + 1, len - 1);
	e->listen_fd = socket(AF_UNIX,
			      SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	e->stop_fd = eventfd(0, EFD_CLOEXEC);
	if (e->listen_fd < 0 || e->stop_fd < 0 ||
	    bind(e->listen_fd, (struct sockaddr *)&sa,
		 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) ||
	    listen(e->listen_fd, 16))
		return -errno;
	return 0;
}

int engine_start(struct nwb_fuse *f, const char *name, struct nwb_err *err)
{
	struct engine *e = calloc(1, sizeof(*e));
	int rc;

	if (!e)
		return nwb_err_set(err, -ENOMEM, "no memory for an engine");
	e->f = f;
	e->listen_fd = e->stop_fd = -1;
	pthread_mutex_init(&e->lock, NULL);
	f->engine = e;
	rc = listen_on(e, name);
	if (!rc)
		rc = nwb_task_spawn(f->ex, "engine", listen_task, e, &e->task);
	return rc ? nwb_err_set(err, rc, "engine socket %s: %s", name,
				strerror(-rc))
		  : 0;
}

void engine_stop(struct nwb_fuse *f)
{
	struct engine *e = f->engine;

	if (!e)
		return;
	if (e->task && !eventfd_write(e->stop_fd, 1))
		nwb_task_join(e->task);
	/* files that nobody came for are closed with the mount's */
	if (e->listen_fd >= 0)
		close(e->listen_fd);
	if (e->stop_fd >= 0)
		close(e->stop_fd);
	pthread_mutex_destroy(&e->lock);
	f->engine = NULL;
	free(e);
}
