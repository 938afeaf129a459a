/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Large writes without a stop in a buffer.
 *
 *	read:	program's pages ─copy► buffer ─copy► folios
 *	splice:	program's pages ─ref─► pipe   ─copy► folios
 *
 * fuse_dev_splice_read() (fs/fuse/dev.c) puts references to the pages of a write
 * into a pipe, and read(2) of that pipe into a folio is the only copy. It takes
 * more system calls and some kernel memory a request, so it is for large ones
 * only. How large the next one is nobody knows before it has been taken: it is
 * taken as the last write was. A small one that comes by the pipe is read from
 * it at once and is a request like any other.
 *
 * Not with a shadow. What lies in a pipe is still the program's memory, which it
 * may change (by another thread, by a mapping) between two looks at it: the
 * shadow would blame the client for that. With a buffer both see the same bytes.
 *
 * Not without a pipe that holds any request: a request for which it is too small
 * would fail. The kernel lets root have one (pipe(7), F_SETPIPE_SZ above
 * pipe-max-size), as libfuse needs it as well.
 */
#include "fuse_i.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define SPLICE_MIN (128u << 10)

/* libfuse's own buffer: largest data, and a page for what precedes it */
#define REQUEST_MAX (FUSE_IO_MAX + 4096u)

/* A pipe's buffer is a page or a part of one: data that begins in the middle of
 * a page has one more, and so has what precedes it. */
#define PIPE_BYTES (FUSE_IO_MAX + 2 * 4096u)

static void close_pipe(struct worker *w)
{
	if (w->has_pipe) {
		close(w->pipe[0]);
		close(w->pipe[1]);
	}
	w->has_pipe = false;
	w->in_pipe = 0;
}

static bool open_pipe(struct worker *w)
{
	if (w->has_pipe)
		return true;
	if (pipe2(w->pipe, O_CLOEXEC))
		return false;
	w->has_pipe = true;
	/* what should be there and is not is an error, and not waited for */
	if (fcntl(w->pipe[1], F_SETPIPE_SZ, PIPE_BYTES) >= (int)PIPE_BYTES &&
	    !fcntl(w->pipe[0], F_SETFL, O_NONBLOCK))
		return true;
	close_pipe(w);
	return false;
}

/* Return: bytes. */
static size_t read_pipe(struct worker *w, void *to, size_t n)
{
	size_t done = 0;

	while (done < n) {
		ssize_t got = read(w->pipe[0], (uint8_t *)to + done, n - done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		done += (size_t)got;
	}
	w->in_pipe -= nwb_min(done, w->in_pipe);
	return done;
}

bool splice_is_due(struct worker *w)
{
	struct nwb_fuse *f = w->f;

	if (f->shadow || !w->in.mem ||
	    atomic_load_explicit(&f->last_write, memory_order_relaxed) <
		    SPLICE_MIN ||
	    atomic_load_explicit(&f->has_no_pipe, memory_order_relaxed))
		return false;
	if (open_pipe(w))
		return true;
	atomic_store_explicit(&f->has_no_pipe, true, memory_order_relaxed);
	return false;
}

int splice_receive(struct worker *w, struct fuse_buf *ret_in)
{
	struct fuse_session *se = w->f->se;
	ssize_t n = splice(fuse_session_fd(se), NULL, w->pipe[1], NULL,
			   REQUEST_MAX, 0);

	if (n < 0 && errno == ENODEV) {
		fuse_session_exit(se); /* unmounted */
		return 0;
	}
	if (n < 0) /* ENOENT: it was taken back */
		return errno == ENOENT || errno == EAGAIN ? -EINTR : -errno;
	w->in_pipe = (size_t)n;
	if (w->in_pipe >= SPLICE_MIN) {
		*ret_in = (struct fuse_buf){
			.size = (size_t)n,
			.flags = FUSE_BUF_IS_FD,
			.fd = w->pipe[0],
		};
		return (int)n;
	}
	*ret_in = (struct fuse_buf){.size = (size_t)n, .mem = w->in.mem};
	return read_pipe(w, w->in.mem, (size_t)n) == (size_t)n ? (int)n : -EIO;
}

void splice_processed(struct worker *w)
{
	/* not a write, or one that was refused: nobody wants the rest */
	if (w->in_pipe)
		close_pipe(w);
}

void splice_end(struct worker *w)
{
	close_pipe(w);
}

struct pipe_source {
	struct nwb_source src;
	struct worker *w;
};

static size_t copy_pipe(struct nwb_source *src, void *to, size_t n)
{
	return read_pipe(nwb_container_of(src, struct pipe_source, src)->w, to,
			 n);
}

ssize_t splice_write(struct worker *w, struct nwb_file *file, size_t size,
		     uint64_t off)
{
	struct pipe_source from = {{copy_pipe}, w};

	/* libfuse has read what precedes the data */
	w->in_pipe = size;
	atomic_fetch_add_explicit(&w->f->nr_spliced, 1, memory_order_relaxed);
	return nwb_file_write_from(file, &from.src, size, off);
}
