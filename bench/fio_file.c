/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A job file, by way of fio: `fio --showcmd JOB` and what it says to that. */
#include "fio_i.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define TEXT_MAX (256 * 1024)

/* fio itself, with its stdout and stderr in two files. */
static int ask_fio(const char *path, int out, int err_fd)
{
	int status, in;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid) {
		sigset_t none;

		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		in = open("/dev/null", O_RDONLY);
		if (in < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 ||
		    dup2(err_fd, 2) < 0)
			_exit(126);
		execlp("fio", "fio", "--showcmd", path, (char *)NULL);
		_exit(errno == ENOENT ? 127 : 126);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return status;
}

static int read_all(int fd, char *buf, size_t size)
{
	size_t len = 0;
	ssize_t n;

	if (lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	while (len + 1 < size && (n = read(fd, buf + len, size - len - 1)))
		if (n > 0)
			len += (size_t)n;
		else if (errno != EINTR)
			return -errno;
	buf[len] = 0;
	return len + 1 < size ? 0 : -EFBIG;
}

/* One line of what fio complains about, for one line of ours. */
static void join_lines(char *text)
{
	size_t len = strlen(text);

	while (len && text[len - 1] == '\n')
		text[--len] = 0;
	for (char *p = text; *p; p++)
		if (*p == '\n')
			*p = ';';
}

static bool has_include(const char *text)
{
	const char *p = text;

	while (p) {
		p += strspn(p, " \t");
		if (!strncmp(p, "include ", 8) || !strncmp(p, "include\t", 8))
			return true;
		p = strchr(p, '\n');
		if (p)
			p++;
	}
	return false;
}

static int understand(const char *path, int out, int err_fd, char *text,
		      struct bench_fio_file *ret, struct nwb_err *err)
{
	int status = ask_fio(path, out, err_fd), rc;

	if (status < 0)
		return nwb_err_set(err, status, "fio: %s", strerror(-status));
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return nwb_err_set(err, -ENOENT,
				   "there is no fio here: apt-get install fio");
	if (status) {
		rc = read_all(err_fd, text, 2048);
		join_lines(text);
		return nwb_err_set(err, -EINVAL, "%s: fio says: %.300s", path,
				   rc || !*text ? "nothing, and fails" : text);
	}
	rc = read_all(out, text, TEXT_MAX);
	if (rc)
		return nwb_err_set(err, rc, "%s: fio --showcmd: %s", path,
				   strerror(-rc));
	rc = bench_fio_understand(text, ret, err);
	return rc ? nwb_err_wrap(err, rc, "%s", path) : 0;
}

int bench_fio_file_read(const char *path, struct bench_fio_file *ret,
			struct nwb_err *err)
{
	char *text;
	size_t len;
	int out, err_fd, rc;

	*ret = (struct bench_fio_file){0};
	rc = bench_read_file(path, &text, &len, err);
	if (rc)
		return rc;
	text[len] = 0; /* there is room: it would be too large else */
	ret->includes = has_include(text);
	free(text);
	text = malloc(TEXT_MAX);
	out = memfd_create("fio-out", MFD_CLOEXEC);
	err_fd = memfd_create("fio-err", MFD_CLOEXEC);
	if (!text || out < 0 || err_fd < 0)
		rc = nwb_err_set(err, -ENOMEM, "no memory for a job file");
	else
		rc = understand(path, out, err_fd, text, ret, err);
	free(text);
	if (out >= 0)
		close(out);
	if (err_fd >= 0)
		close(err_fd);
	return rc;
}
