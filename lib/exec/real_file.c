/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Files over one io_uring of the executor, made with the first file.
 *
 *	submit ──lock──► sqe ──► kernel ──► cqe ──► reaper thread ──► done()
 *	  └ waits while QUEUE transfers are under way
 *
 * Where io_uring is refused a worker makes each transfer with preadv or
 * pwritev.
 */
#include "real_i.h"

#include "nwb/mem.h"
#include "nwb/xfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define QUEUE 64u

struct real_files {
	struct io_uring ring;
	struct nwb_mutex lock; /* of the submission queue */
	struct nwb_waitq room;
	unsigned int nr_inflight;
	pthread_t reaper;
};

struct real_file {
	struct nwb_xfile file;
	int fd;
};

static struct real_file *to_file(struct nwb_xfile *file)
{
	return nwb_container_of(file, struct real_file, file);
}

/* --- the ring ------------------------------------------------------------- */

static void *reaper_main(void *arg)
{
	struct real_files *rf = arg;

	for (;;) {
		struct nwb_xfile_io *io;
		struct io_uring_cqe *cqe = NULL;
		int rc = io_uring_wait_cqe(&rf->ring, &cqe);

		if (rc == -EINTR || rc == -EAGAIN)
			continue;
		nwb_assert(rc == 0);
		io = io_uring_cqe_get_data(cqe);
		rc = cqe->res;
		io_uring_cqe_seen(&rf->ring, cqe);
		if (!io)
			return NULL;
		/* who submitted it held the lock: what was done to @io before
		 * is seen from here on, by ThreadSanitizer as well */
		nwb_mutex_lock(&rf->lock);
		io->result = rc;
		rf->nr_inflight--;
		nwb_waitq_wake_one(&rf->room);
		nwb_mutex_unlock(&rf->lock);
		io->done(io);
	}
}

static struct real_files *files_new(struct real_exec *re)
{
	struct real_files *rf = nwb_zalloc(sizeof(*rf));

	if (!rf)
		return NULL;
	nwb_mutex_init(&rf->lock, &re->ex, "exec files");
	nwb_waitq_init(&rf->room, &re->ex, "exec files");
	if (io_uring_queue_init(QUEUE, &rf->ring, 0)) {
		nwb_free(rf);
		return NULL;
	}
	if (pthread_create(&rf->reaper, NULL, reaper_main, rf)) {
		io_uring_queue_exit(&rf->ring);
		nwb_free(rf);
		return NULL;
	}
	return rf;
}

/* Lock held: hand what was prepared to the kernel, which takes it sooner or
 * later: there is room for all that is under way. */
static void submit_one(struct real_files *rf)
{
	int rc;

	do
		rc = io_uring_submit(&rf->ring);
	while (rc == -EINTR || rc == -EAGAIN || rc == -EBUSY);
	nwb_assert(rc == 1);
}

void nwb_real_files_free(struct real_exec *re)
{
	struct real_files *rf = re->files;
	struct io_uring_sqe *sqe;

	if (!rf)
		return;
	nwb_mutex_lock(&rf->lock);
	nwb_assert(!rf->nr_inflight);
	sqe = io_uring_get_sqe(&rf->ring);
	nwb_assert(sqe);
	io_uring_prep_nop(sqe);
	io_uring_sqe_set_data(sqe, NULL);
	submit_one(rf);
	nwb_mutex_unlock(&rf->lock);
	pthread_join(rf->reaper, NULL);
	io_uring_queue_exit(&rf->ring);
	nwb_free(rf);
	re->files = NULL;
}

static void submit_ring(struct real_files *rf, struct nwb_xfile_io *io)
{
	struct io_uring_sqe *sqe;
	int fd = to_file(io->file)->fd;

	nwb_mutex_lock(&rf->lock);
	nwb_wait_event(&rf->room, &rf->lock, rf->nr_inflight < QUEUE);
	rf->nr_inflight++;
	sqe = io_uring_get_sqe(&rf->ring);
	nwb_assert(sqe);
	if (io->is_write)
		io_uring_prep_writev(sqe, fd, io->iov, io->nr_iov, io->pos);
	else
		io_uring_prep_readv(sqe, fd, io->iov, io->nr_iov, io->pos);
	io_uring_sqe_set_data(sqe, io);
	submit_one(rf);
	nwb_mutex_unlock(&rf->lock);
}

/* --- a worker instead ----------------------------------------------------- */

static void plain_main(struct nwb_work *work)
{
	struct nwb_xfile_io *io =
		nwb_container_of(work, struct nwb_xfile_io, work);
	int fd = to_file(io->file)->fd;
	ssize_t n;

	do
		n = io->is_write ? pwritev(fd, io->iov, (int)io->nr_iov,
					   (off_t)io->pos)
				 : preadv(fd, io->iov, (int)io->nr_iov,
					  (off_t)io->pos);
	while (n < 0 && errno == EINTR);
	io->result = n < 0 ? -errno : n;
	io->done(io);
}

static void real_submit(struct nwb_xfile_io *io)
{
	struct real_exec *re = to_real(io->file->ex);

	if (re->files) {
		submit_ring(re->files, io);
		return;
	}
	nwb_work_init(&io->work, io->file->ex, plain_main, "exec file");
	(void)nwb_work_queue(&io->work);
}

static void real_close(struct nwb_xfile *file)
{
	close(to_file(file)->fd);
	nwb_free(to_file(file));
}

static const struct nwb_xfile_ops file_ops = {
	.submit = real_submit,
	.close = real_close,
};

/* A name that is gone at once, where there is no O_TMPFILE (overlayfs). */
static int open_unlinked(const char *dir, int flags)
{
	char path[4096];
	int fd, n = snprintf(path, sizeof(path), "%s/netwb-XXXXXX", dir);

	if (n < 0 || (size_t)n >= sizeof(path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return -1;
	(void)unlink(path);
	if (!flags || !fcntl(fd, F_SETFL, flags))
		return fd;
	close(fd);
	errno = EINVAL;
	return -1;
}

static int open_scratch(const char *dir, bool *ret_is_direct)
{
	int fd = -1;

	for (int flags = O_DIRECT; fd < 0; flags = 0) {
		*ret_is_direct = flags != 0;
		fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC | flags, 0600);
		if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR))
			fd = open_unlinked(dir, flags);
		if (fd < 0 && (errno != EINVAL || !flags))
			break;
	}
	return fd;
}

int nwb_real_file_open(struct nwb_exec *ex, const char *dir,
		       struct nwb_xfile **ret_file, struct nwb_err *err)
{
	struct real_exec *re = to_real(ex);
	struct real_file *f = nwb_zalloc(sizeof(*f));

	if (!f)
		return nwb_err_set(err, -ENOMEM, "%s: no memory", dir);
	f->fd = open_scratch(dir, &f->file.is_direct);
	if (f->fd < 0) {
		int rc = -errno;

		nwb_free(f);
		return nwb_err_set(err, rc,
				   "%s: a file cannot be made there: "
				   "%s",
				   dir, strerror(-rc));
	}
	f->file.ex = ex;
	f->file.ops = &file_ops;
	nwb_mutex_lock(&re->files_lock);
	/* once: submitters look without the lock */
	if (!re->has_tried_files && re->use_uring)
		re->files = files_new(re);
	re->has_tried_files = true;
	nwb_mutex_unlock(&re->files_lock);
	*ret_file = &f->file;
	return 0;
}
