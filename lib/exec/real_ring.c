/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One io_uring for one direction of one socket.
 *
 *	caller --sqe--> submit and wait --cqe--> caller
 *
 * A single request is under way at a time, made and awaited by the same task in
 * one call, so the ring needs no lock: whoever may send on the socket may use
 * the sending ring. Different tasks may follow each other, hence no
 * IORING_SETUP_SINGLE_ISSUER.
 *
 * A socket shut down from elsewhere completes the request (the kernel polls the
 * socket for us), so nothing here needs cancelling.
 */
#include "real_i.h"

#include <errno.h>

#define RING_ENTRIES 2

int nwb_real_ring_init(struct real_ring *r)
{
	int rc;

	r->is_up = false;
	/* We wait right after submitting: no interrupt of the task needed. */
	rc = io_uring_queue_init(RING_ENTRIES, &r->ring,
				 IORING_SETUP_COOP_TASKRUN);
	if (rc == -EINVAL)
		rc = io_uring_queue_init(RING_ENTRIES, &r->ring, 0);
	if (rc)
		return rc;
	r->is_up = true;
	return 0;
}

void nwb_real_ring_fini(struct real_ring *r)
{
	if (!r->is_up)
		return;
	io_uring_queue_exit(&r->ring);
	r->is_up = false;
}

/* Hands the prepared request over and returns its result. */
static ssize_t submit_and_reap(struct real_ring *r)
{
	struct io_uring_cqe *cqe = NULL;
	int rc;

	do
		rc = io_uring_submit_and_wait(&r->ring, 1);
	while (rc == -EINTR || rc == -EAGAIN || rc == -EBUSY);
	if (rc < 0) {
		/* Not taken by the kernel; drop the ring with it. */
		nwb_real_ring_fini(r);
		return -EOPNOTSUPP;
	}
	do
		rc = io_uring_wait_cqe(&r->ring, &cqe);
	while (rc == -EINTR || rc == -EAGAIN);
	nwb_assert(rc == 0);
	rc = cqe->res;
	io_uring_cqe_seen(&r->ring, cqe);
	return rc;
}

ssize_t nwb_real_ring_sendmsg(struct real_ring *r, int fd,
			      const struct msghdr *msg, unsigned int flags)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&r->ring);

	nwb_assert(sqe);
	io_uring_prep_sendmsg(sqe, fd, msg, flags);
	return submit_and_reap(r);
}

ssize_t nwb_real_ring_recv(struct real_ring *r, int fd, void *buf, size_t len,
			   int flags)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&r->ring);

	nwb_assert(sqe);
	io_uring_prep_recv(sqe, fd, buf, len, flags);
	return submit_and_reap(r);
}
