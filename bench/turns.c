/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See turns.h. */
#include "turns.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

int bench_turns_parse(const char *word, int *ret_fd)
{
	struct stat st;
	char *end;
	long fd = strtol(word, &end, 10);

	if (*word < '0' || *word > '9' || *end || fd < 3 || fd > 65535 ||
	    fstat((int)fd, &st) || !S_ISSOCK(st.st_mode) ||
	    fcntl((int)fd, F_SETFD, FD_CLOEXEC))
		return -EINVAL;
	*ret_fd = (int)fd;
	return 0;
}

void bench_turns_wait(int fd, char what)
{
	ssize_t n;
	char go;

	if (fd < 0 || send(fd, &what, 1, MSG_NOSIGNAL) != 1)
		return;
	do {
		n = recv(fd, &go, 1, 0);
	} while (n < 0 && errno == EINTR);
}

void bench_turns_next(void *fd)
{
	bench_turns_wait(*(const int *)fd, BENCH_TURN_NEXT);
}
