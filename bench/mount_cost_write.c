/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mount-cost-write FILE BLOCK SPAN NR: NR pwrite(2) of BLOCK bytes, round and
 * round in the first SPAN bytes of FILE. Prints nanoseconds a write: wall time
 * from the first to the last, nothing else in it. The file is removed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static int fail(const char *what)
{
	fprintf(stderr, "mount-cost-write: %s: %s\n", what, strerror(errno));
	return 1;
}

int main(int argc, char **argv)
{
	size_t block, span, nr;
	uint64_t begun;
	char *buf;
	int fd;

	if (argc != 5) {
		fprintf(stderr, "usage: mount-cost-write FILE BLOCK SPAN NR\n");
		return 3;
	}
	block = strtoul(argv[2], NULL, 10);
	span = strtoul(argv[3], NULL, 10);
	nr = strtoul(argv[4], NULL, 10);
	if (!block || span < block || !nr)
		return 3;
	buf = malloc(block);
	fd = open(argv[1], O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (!buf || fd < 0)
		return fail(argv[1]);
	memset(buf, 'x', block);
	/* what is there for the first time costs more: not what is asked */
	for (size_t off = 0; off + block <= span; off += block)
		if (pwrite(fd, buf, block, (off_t)off) != (ssize_t)block)
			return fail("write");
	begun = now_ns();
	for (size_t i = 0; i < nr; i++)
		if (pwrite(fd, buf, block,
			   (off_t)(i * block % (span / block * block))) !=
		    (ssize_t)block)
			return fail("write");
	printf("%.0f\n", (double)(now_ns() - begun) / (double)nr);
	close(fd);
	unlink(argv[1]);
	free(buf);
	return 0;
}
