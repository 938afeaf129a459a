/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The hooks of storage: what the servers do to the files of the export. */
#undef _FILE_OFFSET_BITS
#include "hooks_i.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

REAL(ssize_t, pwrite, int, const void *, size_t, off_t)
REAL(ssize_t, pwrite64, int, const void *, size_t, off_t)
REAL(ssize_t, pwritev, int, const struct iovec *, int, off_t)
REAL(ssize_t, pwritev64, int, const struct iovec *, int, off_t)
REAL(int, fsync, int)
REAL(int, fdatasync, int)
REAL(int, ftruncate, int, off_t)
REAL(int, ftruncate64, int, off_t)
REAL(int, truncate, const char *, off_t)
REAL(int, truncate64, const char *, off_t)

/* classify() - what is behind an fd that pwrite or fsync came with. */
static uintptr_t classify(int fd)
{
	char link[32], path[PATH_MAX];
	const struct sh_file *f = NULL;
	uintptr_t v = KIND_NONE;
	struct stat st;
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n > 0 && !fstat(fd, &st) && S_ISREG(st.st_mode)) {
		path[n] = '\0';
		f = sh_file_intern(path);
	}
	if (f)
		v = (uintptr_t)f | KIND_FILE;
	atomic_store_explicit(&sh_fds[fd], v, memory_order_release);
	return v;
}

static const struct sh_file *file_of(int fd)
{
	uintptr_t v;
	int keep = errno;

	if (!sh_on || fd < 0 || fd >= SH_FDS)
		return NULL;
	v = slot_of(fd);
	if (__builtin_expect(!v, 0)) {
		v = classify(fd);
		errno = keep;
	}
	return (v & KIND_MASK) == KIND_FILE
		       ? (const struct sh_file *)(v & ~(uintptr_t)KIND_MASK)
		       : NULL;
}

static ssize_t call_pwrite(int fd, const void *buf, size_t len, off_t off)
{
	return real_pwrite()(fd, buf, len, off);
}

EXPORT ssize_t pwrite(int fd, const void *buf, size_t len, off_t off)
{
	const struct sh_file *f = file_of(fd);

	return f ? sh_pwrite(f, fd, buf, len, off, call_pwrite)
		 : real_pwrite()(fd, buf, len, off);
}

EXPORT ssize_t pwrite64(int fd, const void *buf, size_t len, off_t off)
{
	const struct sh_file *f = file_of(fd);

	return f ? sh_pwrite(f, fd, buf, len, off, call_pwrite)
		 : real_pwrite64()(fd, buf, len, off);
}

static ssize_t call_pwritev(int fd, const void *buf, size_t len, off_t off)
{
	struct iovec iov = {(void *)(uintptr_t)buf, len};

	return real_pwritev64()(fd, &iov, 1, off);
}

/*
 * Servers give a request's payload in one segment. Of several each is an
 * effect of its own, and what comes after a short or failed one is not begun:
 * a short pwritev(2), as POSIX has it.
 */
static ssize_t pwritev_file(const struct sh_file *f, int fd,
			    const struct iovec *iov, int nr, off_t off)
{
	ssize_t done = 0, n;

	for (int i = 0; i < nr; i++) {
		n = sh_pwrite(f, fd, iov[i].iov_base, iov[i].iov_len,
			      off + done, call_pwritev);
		if (n < 0)
			return done ? done : n;
		done += n;
		if ((size_t)n < iov[i].iov_len)
			break;
	}
	return done;
}

EXPORT ssize_t pwritev(int fd, const struct iovec *iov, int nr, off_t off)
{
	const struct sh_file *f = file_of(fd);

	return f && nr > 0 ? pwritev_file(f, fd, iov, nr, off)
			   : real_pwritev()(fd, iov, nr, off);
}

EXPORT ssize_t pwritev64(int fd, const struct iovec *iov, int nr, off_t off)
{
	const struct sh_file *f = file_of(fd);

	return f && nr > 0 ? pwritev_file(f, fd, iov, nr, off)
			   : real_pwritev64()(fd, iov, nr, off);
}

static int call_fsync(int fd)
{
	return real_fsync()(fd);
}

static int call_fdatasync(int fd)
{
	return real_fdatasync()(fd);
}

EXPORT int fsync(int fd)
{
	const struct sh_file *f = file_of(fd);

	return f ? sh_fsync(f, fd, call_fsync) : real_fsync()(fd);
}

EXPORT int fdatasync(int fd)
{
	const struct sh_file *f = file_of(fd);

	return f ? sh_fsync(f, fd, call_fdatasync) : real_fdatasync()(fd);
}

static int end_trunc(struct nwb_lrec *rec, int rc)
{
	int err = errno;

	sh_trunc_end(rec, rc ? -err : 0);
	errno = err;
	return rc;
}

static int trunc_fd(int fd, off_t size, int (*real)(int, off_t))
{
	const struct sh_file *f = file_of(fd);
	struct nwb_lrec *rec;

	if (!f)
		return real(fd, size);
	sh_trunc_begin(f, size, &rec);
	return end_trunc(rec, real(fd, size));
}

static int trunc_path(const char *path, off_t size,
		      int (*real)(const char *, off_t))
{
	const struct sh_file *f = sh_on ? sh_file_intern(path) : NULL;
	struct nwb_lrec *rec;

	if (!f)
		return real(path, size);
	sh_trunc_begin(f, size, &rec);
	return end_trunc(rec, real(path, size));
}

EXPORT int ftruncate(int fd, off_t size)
{
	return trunc_fd(fd, size, real_ftruncate());
}

EXPORT int ftruncate64(int fd, off_t size)
{
	return trunc_fd(fd, size, real_ftruncate64());
}

EXPORT int truncate(const char *path, off_t size)
{
	return trunc_path(path, size, real_truncate());
}

EXPORT int truncate64(const char *path, off_t size)
{
	return trunc_path(path, size, real_truncate64());
}
