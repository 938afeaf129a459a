/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Storage that forgets: what an fsync made durable, kept apart.
 *
 * After a successful fsync the whole file is copied to the directory of
 * durable content before the server hears of the success. When the server is
 * killed the harness puts these copies back, and what was never synced is
 * gone, as after a power cut. A copy may be newer than the fsync (a write came
 * between); that is what a disk may do too.
 *
 *	.lock ── OFD lock ── copy to .NAME.tmp ── rename to NAME ── unlock
 *
 * The lock orders copies of all processes of the server; a killed one lets go
 * of it. Only raw system calls: the library's own hooks are not for it.
 */
#include "shim_i.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CHUNK (256u * 1024)

static void raw_close(int fd)
{
	if (fd >= 0)
		syscall(SYS_close, fd);
}

static int lock(void)
{
	struct flock fl = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int fd = openat(sh.durable_fd, ".lock", O_RDWR | O_CREAT | O_CLOEXEC,
			0666);

	if (fd < 0)
		return -1;
	while (fcntl(fd, F_OFD_SETLKW, &fl)) {
		if (errno != EINTR) {
			raw_close(fd);
			return -1;
		}
	}
	return fd;
}

static int write_all(int fd, const char *buf, size_t len, off_t off)
{
	while (len) {
		ssize_t n = syscall(SYS_pwrite64, fd, buf, len, off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		buf += n;
		len -= (size_t)n;
		off += n;
	}
	return 0;
}

/* copy_slow() - the rest from @off on, by hand. */
static int copy_slow(int from, int to, off_t off)
{
	char *buf = malloc(CHUNK);
	int rc = buf ? 0 : -1;

	while (!rc) {
		ssize_t n = syscall(SYS_pread64, from, buf, CHUNK, off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0)
			break;
		rc = n < 0 ? -1 : write_all(to, buf, (size_t)n, off);
		off += n;
	}
	free(buf);
	return rc;
}

static int copy(int from, int to)
{
	off_t in = 0, out = 0;

	for (;;) {
		ssize_t n = copy_file_range(from, &in, to, &out, 1u << 30, 0);

		if (n == 0)
			return 0;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return copy_slow(from, to, out);
	}
}

/*
 * readable() - @fd may be open for writing only; the same file, for reading.
 */
static int readable(int fd)
{
	char path[40];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static int replace(int from, const char *name)
{
	char tmp[SH_NAME + 8];
	int to, rc;

	snprintf(tmp, sizeof(tmp), ".%s.tmp", name);
	/* A killed writer's rest may belong to another user: begin anew. */
	unlinkat(sh.durable_fd, tmp, 0);
	to = openat(sh.durable_fd, tmp,
		    O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
		    0666);
	if (to < 0)
		return -1;
	rc = copy(from, to);
	raw_close(to);
	if (!rc)
		rc = renameat(sh.durable_fd, tmp, sh.durable_fd, name);
	return rc;
}

/* sh_durable_copy() - 0, or -1 with EIO: then the fsync failed too. */
int sh_durable_copy(int fd, const char *name)
{
	int locked = lock(), from = readable(fd), rc = -1;

	if (locked >= 0 && from >= 0)
		rc = replace(from, name);
	raw_close(from);
	raw_close(locked);
	sh_count(rc ? &sh.page->durable_errors : &sh.page->durable_copies);
	if (rc)
		errno = EIO;
	return rc;
}
