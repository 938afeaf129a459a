/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An external fio engine for files of a `netwb mount --engine`: fio's buffers
 * lie in memory that it shares with the mount's daemon (nwb/engine.h), so that
 * a job measures the client and not the way through the kernel.
 *
 *	ioengine=external:PATH/libnwb-fio.so
 *
 * Built against the headers of the very fio that loads it (scripts/fio-engine):
 * fio checks the version of its engine interface, and we check that its
 * structures lie where our headers say. Nothing of libnetwb is in here.
 *
 * One connection a thread of fio's (process of a job). Requests of fio's are
 * asynchronous; opening and closing a file waits for its own answer and keeps
 * those of others for later.
 */
#include "fio.h"
#include "optgroup.h"

#include "nwb/engine.h"
#include <linux/futex.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/xattr.h>

#define NO_IO_U ((struct io_u *)1)
#define WAIT_NS 100000000l

struct engine {
	int sock;
	struct nwb_engine_seg *seg;
	uint64_t size;
	uint32_t sq_tail, cq_head;
	struct io_u *slot[NWB_ENGINE_SLOTS]; /* by tag; NO_IO_U: ours */
	uint32_t free[NWB_ENGINE_SLOTS];
	unsigned int nr_free;
	struct io_u *done[NWB_ENGINE_SLOTS]; /* answered, not told fio */
	unsigned int nr_done;
	struct io_u *event[NWB_ENGINE_SLOTS]; /* told by getevents */
	int32_t result;			      /* of the one that is ours */
	bool has_result;
};

struct ioengine_ops ioengine;

static bool fits(const struct thread_data *td)
{
	if (td->io_ops == &ioengine)
		return true;
	log_err("netwb: this fio was built otherwise than its headers say\n");
	return false;
}

static void futex(_Atomic uint32_t *at, int op, uint32_t value)
{
	const struct timespec ts = {.tv_nsec = WAIT_NS};

	syscall(SYS_futex, at, op, value, op == FUTEX_WAIT ? &ts : NULL, NULL,
		0);
}

/* --- rings ---------------------------------------------------------------- */

static void submit(struct engine *e, struct io_u *io_u,
		   struct nwb_engine_sqe sqe)
{
	sqe.tag = e->free[--e->nr_free];
	e->slot[sqe.tag] = io_u;
	e->seg->sqe[e->sq_tail++ % NWB_ENGINE_SLOTS] = sqe;
	atomic_store_explicit(&e->seg->sq_tail, e->sq_tail,
			      memory_order_release);
	futex(&e->seg->sq_tail, FUTEX_WAKE, 1);
}

static void take_answer(struct engine *e, struct nwb_engine_cqe c)
{
	struct io_u *u;

	if (c.tag >= NWB_ENGINE_SLOTS || !e->slot[c.tag])
		return; /* not one of ours: the daemon is broken */
	u = e->slot[c.tag];
	e->slot[c.tag] = NULL;
	e->free[e->nr_free++] = c.tag;
	if (u == NO_IO_U) {
		e->result = c.res;
		e->has_result = true;
		return;
	}
	u->error = c.res < 0 ? (unsigned int)-c.res : 0;
	u->resid = 0;
	if (c.res >= 0 && ddir_rw(u->ddir))
		u->resid = u->xfer_buflen - (unsigned long long)c.res;
	e->done[e->nr_done++] = u;
}

/* Take what there is. Return: the daemon's index, to wait on. */
static uint32_t reap(struct engine *e)
{
	uint32_t tail =
		atomic_load_explicit(&e->seg->cq_tail, memory_order_acquire);

	while (e->cq_head != tail)
		take_answer(e, e->seg->cqe[e->cq_head++ % NWB_ENGINE_SLOTS]);
	return tail;
}

static bool is_gone(const struct engine *e)
{
	struct pollfd pfd = {e->sock, POLLIN, 0};

	return poll(&pfd, 1, 0) > 0; /* it never says anything: its end */
}

/* Take what there is, and wait when that was nothing. */
static int wait_answer(struct engine *e)
{
	unsigned int had = e->nr_done;
	uint32_t tail = reap(e);

	if (e->nr_done != had || e->has_result)
		return 0;
	futex(&e->seg->cq_tail, FUTEX_WAIT, tail);
	if (tail == atomic_load(&e->seg->cq_tail) && is_gone(e))
		return -EPIPE;
	return 0;
}

static int call(struct engine *e, struct nwb_engine_sqe sqe)
{
	e->has_result = false;
	while (!e->nr_free)
		if (wait_answer(e))
			return -EPIPE;
	submit(e, NO_IO_U, sqe);
	while (!e->has_result)
		if (wait_answer(e))
			return -EPIPE;
	e->has_result = false;
	return e->result;
}

/* --- connection ----------------------------------------------------------- */

static int dial(const char *name)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	size_t len = strlen(name);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (name[0] != '@' || len > sizeof(sa.sun_path)) {
		errno = EINVAL;
	} else if (fd >= 0) {
		memcpy(sa.sun_path + 1, name + 1, len - 1);
		if (!connect(
			    fd, (struct sockaddr *)&sa,
			    (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
					len)))
			return fd;
	}
	if (fd >= 0)
		close(fd);
	return -1;
}

static int say_hello(struct engine *e, int fd)
{
	struct nwb_engine_hello hello = {NWB_ENGINE_MAGIC, 0, e->size};
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
	struct cmsghdr *cm = CMSG_FIRSTHDR(&mh);
	int32_t answer;

	cm->cmsg_level = SOL_SOCKET;
	cm->cmsg_type = SCM_RIGHTS;
	cm->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cm), &fd, sizeof(fd));
	if (sendmsg(e->sock, &mh, MSG_NOSIGNAL) < 0)
		return -errno;
	if (recv(e->sock, &answer, sizeof(answer), 0) != sizeof(answer))
		return -EPIPE;
	return answer;
}

static int make_segment(struct engine *e)
{
	int fd = memfd_create("netwb-engine", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int rc = fd < 0 ? -errno : 0;
	void *at;

	if (!rc && (ftruncate(fd, (off_t)e->size) ||
		    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK)))
		rc = -errno;
	if (!rc) {
		at = mmap(NULL, e->size, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_POPULATE, fd, 0);
		if (at == MAP_FAILED)
			rc = -errno;
		else
			e->seg = at;
	}
	if (!rc)
		rc = say_hello(e, fd);
	if (fd >= 0)
		close(fd);
	return rc;
}

static void drop(struct engine *e)
{
	if (!e)
		return;
	if (e->seg)
		munmap(e->seg, e->size);
	if (e->sock >= 0)
		close(e->sock);
	free(e);
}

static int fio_netwb_iomem_alloc(struct thread_data *td, size_t total)
{
	const char *name = getenv(NWB_ENGINE_ENV);
	struct engine *e;
	int rc;

	if (!fits(td))
		return 1;
	if (!name) {
		log_err("netwb: " NWB_ENGINE_ENV " is not set: run fio below "
			"`netwb mount --engine`\n");
		return 1;
	}
	e = calloc(1, sizeof(*e));
	if (!e)
		return 1;
	for (uint32_t i = 0; i < NWB_ENGINE_SLOTS; i++)
		e->free[e->nr_free++] = i;
	e->size = (NWB_ENGINE_DATA + total + 4095) & ~4095ull;
	e->sock = dial(name);
	rc = e->sock < 0 ? -errno : make_segment(e);
	if (rc) {
		log_err("netwb: %s: %s\n", name, strerror(-rc));
		drop(e);
		return 1;
	}
	td->io_ops_data = e;
	td->orig_buffer = (char *)e->seg + NWB_ENGINE_DATA;
	return 0;
}

static void fio_netwb_iomem_free(struct thread_data *td)
{
	drop(td->io_ops_data);
	td->io_ops_data = NULL;
	td->orig_buffer = NULL;
}

/* --- files ---------------------------------------------------------------- */

static int fio_netwb_open(struct thread_data *td, struct fio_file *f)
{
	struct engine *e = td->io_ops_data;
	uint64_t token;
	int rc = generic_open_file(td, f);

	if (rc || !e)
		return rc;
	if (fgetxattr(f->fd, NWB_ENGINE_XATTR, &token, sizeof(token)) !=
	    sizeof(token)) {
		log_err("netwb: %s is not on a netwb mount --engine: %s\n",
			f->file_name, strerror(errno));
		rc = -errno;
	} else {
		rc = call(e, (struct nwb_engine_sqe){.op = NWB_ENGINE_OPEN,
						     .file = token});
	}
	if (rc < 0) {
		td_verror(td, -rc, "engine open");
		(void)!generic_close_file(td, f);
		return 1;
	}
	FILE_SET_ENG_DATA(f, (void *)(uintptr_t)(rc + 1));
	return 0;
}

static int fio_netwb_close(struct thread_data *td, struct fio_file *f)
{
	struct engine *e = td->io_ops_data;
	uintptr_t handle = (uintptr_t)FILE_ENG_DATA(f);
	int rc = 0, rc2;

	if (e && handle)
		rc = call(e, (struct nwb_engine_sqe){.op = NWB_ENGINE_CLOSE,
						     .file = handle - 1});
	FILE_SET_ENG_DATA(f, NULL);
	rc2 = generic_close_file(td, f);
	return rc < 0 ? -rc : rc2;
}

/* --- requests ------------------------------------------------------------- */

static enum fio_q_status fio_netwb_queue(struct thread_data *td,
					 struct io_u *io_u)
{
	struct engine *e = td->io_ops_data;
	uintptr_t handle = (uintptr_t)FILE_ENG_DATA(io_u->file);
	const char *base = (const char *)e->seg, *buf = io_u->xfer_buf;
	struct nwb_engine_sqe sqe = {.file = handle - 1};

	fio_ro_check(td, io_u);
	reap(e);
	if (!e->nr_free)
		return FIO_Q_BUSY;
	if (ddir_sync(io_u->ddir)) {
		sqe.op = NWB_ENGINE_FSYNC;
	} else if (ddir_rw(io_u->ddir)) {
		sqe.op = io_u->ddir == DDIR_WRITE ? NWB_ENGINE_WRITE
						  : NWB_ENGINE_READ;
		sqe.off = io_u->offset;
		sqe.len = (uint32_t)io_u->xfer_buflen;
		sqe.data = (uint64_t)(buf - base);
	}
	if (!handle || !sqe.op ||
	    (sqe.len &&
	     (buf < base + NWB_ENGINE_DATA || sqe.data + sqe.len > e->size))) {
		io_u->error = sqe.op ? EFAULT : EINVAL;
		return FIO_Q_COMPLETED;
	}
	submit(e, io_u, sqe);
	return FIO_Q_QUEUED;
}

static int fio_netwb_getevents(struct thread_data *td, unsigned int min,
			       unsigned int max,
			       const struct timespec *t fio_unused)
{
	struct engine *e = td->io_ops_data;
	unsigned int nr;

	reap(e);
	while (e->nr_done < min)
		if (wait_answer(e))
			return -EPIPE;
	nr = e->nr_done < max ? e->nr_done : max;
	memcpy(e->event, e->done, nr * sizeof(e->event[0]));
	memmove(e->done, e->done + nr, (e->nr_done - nr) * sizeof(e->done[0]));
	e->nr_done -= nr;
	return (int)nr;
}

static struct io_u *fio_netwb_event(struct thread_data *td, int event)
{
	struct engine *e = td->io_ops_data;

	return e->event[event];
}

struct ioengine_ops ioengine = {
	.name = "netwb",
	.version = FIO_IOOPS_VERSION,
	.queue = fio_netwb_queue,
	.getevents = fio_netwb_getevents,
	.event = fio_netwb_event,
	.open_file = fio_netwb_open,
	.close_file = fio_netwb_close,
	.get_file_size = generic_get_file_size,
	.iomem_alloc = fio_netwb_iomem_alloc,
	.iomem_free = fio_netwb_iomem_free,
};
