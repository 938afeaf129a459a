/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Asking servers whether they answer, and binaries for their version.
 */
#include "probe.h"
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

int nwb_probe_exchange(int fd, const void *req, size_t len, void *buf,
		       size_t size)
{
	size_t done = 0;
	ssize_t n;

	/* A few bytes on a fresh connection: never sent in part. */
	n = send(fd, req, len, MSG_NOSIGNAL);
	if (n != (ssize_t)len)
		return n < 0 ? -errno : -EIO;
	while (done < size) {
		n = recv(fd, (char *)buf + done, size - done, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -ECONNRESET;
		done += (size_t)n;
	}
	return 0;
}

/* A whole Tversion: size, type, tag NOTAG, msize 8192, "9P2000.L". */
int nwb_probe_9p(int fd)
{
	static const char req[] = "\x15\0\0\0"
				  "\x64"
				  "\xff\xff"
				  "\0\x20\0\0"
				  "\x08\0"
				  "9P2000.L";
	uint8_t head[13];
	int rc;

	rc = nwb_probe_exchange(fd, req, sizeof(req) - 1, head, sizeof(head));
	if (rc)
		return rc;
	return head[4] == 101 /* Rversion */ ? 0 : -EPROTO;
}

/* Copy the printable rest of a line. */
static int take_line(const char *p, const char *end, char *buf, size_t size)
{
	size_t n = 0;

	while (p < end && n + 1 < size && isgraph((unsigned char)*p))
		buf[n++] = *p++;
	buf[n] = '\0';
	return n ? 0 : -ENOENT;
}

static int spawn_to(const char *path, const char *arg, int out)
{
	char *argv[] = {(char *)path, (char *)arg, NULL};
	char *envp[] = {(char[]){"PATH=/usr/sbin:/usr/bin:/sbin:/bin"},
			(char[]){"LC_ALL=C"}, NULL};
	posix_spawn_file_actions_t fa;
	pid_t pid;
	int rc;

	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_addopen(&fa, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&fa, 2, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_adddup2(&fa, out, 1);
	rc = posix_spawn(&pid, path, &fa, NULL, argv, envp);
	posix_spawn_file_actions_destroy(&fa);
	return rc ? -rc : pid;
}

int nwb_probe_output(const char *path, const char *arg, const char *prefix,
		     char *buf, size_t size)
{
	char text[512];
	size_t done = 0;
	int fds[2], pid;
	ssize_t n;
	char *p;

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	pid = spawn_to(path, arg, fds[1]);
	close(fds[1]);
	while (pid > 0 && done < sizeof(text) - 1) {
		n = read(fds[0], text + done, sizeof(text) - 1 - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	close(fds[0]);
	if (pid < 0)
		return pid;
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	text[done] = '\0';
	p = strstr(text, prefix);
	if (!p)
		return -ENOENT;
	return take_line(p + strlen(prefix), text + done, buf, size);
}

int nwb_probe_text(const char *path, const char *prefix, char *buf, size_t size)
{
	size_t len = strlen(prefix);
	const char *map, *p, *end;
	struct stat st;
	int rc = -ENOENT, fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) || st.st_size <= 0) {
		close(fd);
		return -EIO;
	}
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (map == MAP_FAILED)
		return -errno;
	end = map + st.st_size;
	for (p = map; (p = memmem(p, (size_t)(end - p), prefix, len)); p++) {
		if (p + len < end && isdigit((unsigned char)p[len])) {
			rc = take_line(p + len, end, buf, size);
			break;
		}
	}
	munmap((void *)(uintptr_t)map, (size_t)st.st_size);
	return rc;
}
