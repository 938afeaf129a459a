/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Made by netwb, needs no netwb: the writes of a run that failed, and what is
 * owed of them.
 *
 *	cc -O2 -Wall -o reproducer reproducer.c
 *	./reproducer run FILE OWED	FILE: on the mount; OWED: on a local disk
 *	./reproducer check COPY OWED	COPY: the file as the server has it
 *
 * Every 16 bytes say where they belong (offset / 16), by which write they came
 * (a number, counted from 1) and the same inverted. A fsync that returns 0
 * promises all that was written before it and after the last fsync that failed;
 * OWED has, for every 16 bytes, the number of the write that is promised. Where
 * a mark of the job stands, "./reproducer.sh fault NAME" is called.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define LANE  16u
#define LANES (64u << 16) /* 64 MiB */
#define FDS   32u

struct lane {
	uint64_t place;
	uint32_t nr;
	uint32_t inverted;
};

static const char *path, *owed_path;
static int fds[FDS];
static uint64_t end_of_file;
static uint32_t nr_writes, released, nr_errors;
static uint32_t newest[LANES], owed[LANES];
static unsigned char is_mixed[LANES];

static void job(void);

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static void told(const char *what, int failed)
{
	if (!failed)
		return;
	nr_errors++;
	printf("%s: %s\n", what, strerror(errno));
	fflush(stdout);
}

static void keep_owed(void)
{
	int fd = open(owed_path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	if (fd < 0 || write(fd, owed, sizeof(owed)) != (ssize_t)sizeof(owed) ||
	    fsync(fd) || close(fd))
		die(owed_path);
}

void op_open(int fd, int flags)
{
	fds[fd] = open(path, flags, 0644);
	told("open", fds[fd] < 0);
}

static void stamp(unsigned char *buf, uint64_t off, uint64_t len)
{
	for (uint64_t i = 0; i < len; i++) {
		uint64_t at = off + i;
		struct lane l = {at / LANE, nr_writes, ~nr_writes};

		buf[i] = ((unsigned char *)&l)[at % LANE];
	}
}

/* Whole lanes are known; those that a write covers in part are a mix. */
static void remember(uint64_t off, uint64_t len)
{
	for (uint64_t l = off / LANE; l * LANE < off + len; l++) {
		if (l >= LANES) {
			fprintf(stderr, "more than 64 MiB\n");
			exit(2);
		}
		is_mixed[l] = l * LANE < off || (l + 1) * LANE > off + len;
		newest[l] = nr_writes;
		if (is_mixed[l])
			owed[l] = 0;
	}
}

int op_fsync(int fd, int data_only)
{
	int rc = data_only ? fdatasync(fds[fd]) : fsync(fds[fd]);

	told("fsync", rc);
	if (rc) {
		released = nr_writes;
		return rc;
	}
	for (uint32_t l = 0; l < LANES; l++)
		if (newest[l] > released && !is_mixed[l])
			owed[l] = newest[l];
	keep_owed();
	return 0;
}

void op_write(int fd, uint64_t off, uint64_t len, uint64_t count,
		     uint64_t step, uint64_t every)
{
	unsigned char *buf = malloc(len);

	if (!buf)
		die("malloc");
	for (uint64_t i = 0; i < count; i++, off += step) {
		nr_writes++;
		stamp(buf, off, len);
		remember(off, len);
		told("write",
		     pwrite(fds[fd], buf, len, (off_t)off) != (ssize_t)len);
		if (off + len > end_of_file)
			end_of_file = off + len;
		if (every && (i + 1) % every == 0)
			op_fsync(fd, 0);
	}
	free(buf);
}

void op_append(int fd, uint64_t len, uint64_t count, uint64_t every)
{
	for (uint64_t i = 0; i < count; i++) {
		op_write(fd, end_of_file, len, 1, len, 0);
		if (every && (i + 1) % every == 0)
			op_fsync(fd, 0);
	}
}

void op_truncate(int fd, uint64_t size)
{
	told("truncate", ftruncate(fds[fd], (off_t)size));
	end_of_file = size;
	for (uint64_t l = size / LANE; l < LANES; l++)
		newest[l] = owed[l] = 0;
}

void op_close(int fd)
{
	told("close", close(fds[fd]));
	fds[fd] = -1;
}

void op_mark(const char *name)
{
	char command[256];

	printf("mark %s\n", name);
	fflush(stdout);
	snprintf(command, sizeof(command), "./reproducer.sh fault '%s'", name);
	if (system(command) == -1)
		die(command);
}

void op_drop(void)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);

	told("drop_caches", fd < 0 || write(fd, "3", 1) != 1);
	if (fd >= 0)
		close(fd);
}

static int check(const char *copy)
{
	FILE *f = fopen(owed_path, "r"), *g = fopen(copy, "r");
	struct lane l;
	int bad = 0;

	if (!f || fread(owed, sizeof(*owed), LANES, f) != LANES)
		die(owed_path);
	if (!g)
		die(copy);
	for (uint32_t i = 0; i < LANES && bad < 10; i++) {
		if (!owed[i])
			continue;
		memset(&l, 0, sizeof(l));
		if (fseeko(g, (off_t)i * LANE, SEEK_SET) ||
		    fread(&l, sizeof(l), 1, g) != 1)
			printf("%llu: nothing there, write %u is owed\n",
			       (unsigned long long)i * LANE, owed[i]);
		else if (l.inverted != ~l.nr || l.place != i)
			printf("%llu: does not belong there, write %u is "
			       "owed\n",
			       (unsigned long long)i * LANE, owed[i]);
		else if (l.nr < owed[i])
			printf("%llu: write %u, but write %u is owed\n",
			       (unsigned long long)i * LANE, l.nr, owed[i]);
		else
			continue;
		bad++;
	}
	printf(bad ? "NOT what was promised\n" : "all that was promised\n");
	return bad ? 1 : 0;
}

int main(int argc, char **argv)
{
	if (argc != 4 || (strcmp(argv[1], "run") && strcmp(argv[1], "check"))) {
		fprintf(stderr, "usage: %s run FILE OWED | check COPY OWED\n",
			argv[0]);
		return 2;
	}
	path = argv[2];
	owed_path = argv[3];
	if (!strcmp(argv[1], "check"))
		return check(argv[2]);
	keep_owed();
	job();
	printf("%u writes, %u errors told\n", nr_writes, nr_errors);
	return 0;
}
