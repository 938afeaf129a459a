/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A program on a `netwb mount --engine`: writes, reads and syncs a file through
 * shared memory, and then everything that a bad one might do. Each bad request
 * must get its error and leave the daemon at work. Exit 0: all as it should be.
 */
#include "nwb/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#define SIZE (NWB_ENGINE_DATA + (1u << 20))

struct client {
	int sock;
	struct nwb_engine_seg *seg;
	uint32_t tail, head;
};

#define CHECK(cond)                                                            \
	do {                                                                   \
		if (!(cond)) {                                                 \
			fprintf(stderr, "line %d: %s\n", __LINE__, #cond);     \
			exit(1);                                               \
		}                                                              \
	} while (0)

static int dial(void)
{
	const char *name = getenv(NWB_ENGINE_ENV);
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	CHECK(name && name[0] == '@' && strlen(name) < sizeof(sa.sun_path));
	memcpy(sa.sun_path + 1, name + 1, strlen(name) - 1);
	CHECK(!connect(fd, (struct sockaddr *)&sa,
		       (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
				   strlen(name))));
	return fd;
}

/* Say hello as told. Return: the answer, -EPIPE for none. */
static int hello(int sock, int fd, uint32_t magic, uint64_t size)
{
	struct nwb_engine_hello h = {magic, 0, size};
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} space = {0};
	struct iovec iov = {&h, sizeof(h)};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *cm;
	int32_t answer;

	if (fd >= 0) {
		mh.msg_control = space.bytes;
		mh.msg_controllen = sizeof(space.bytes);
		cm = CMSG_FIRSTHDR(&mh);
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		cm->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cm), &fd, sizeof(fd));
	}
	CHECK(sendmsg(sock, &mh, 0) == sizeof(h));
	return recv(sock, &answer, sizeof(answer), 0) == sizeof(answer)
		       ? answer
		       : -EPIPE;
}

static int make_fd(uint64_t size, bool seals)
{
	int fd = memfd_create("client", MFD_ALLOW_SEALING);

	CHECK(fd >= 0 && !ftruncate(fd, (off_t)size));
	CHECK(!seals || !fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
	return fd;
}

static void bad_hello(int fd, uint32_t magic, uint64_t size)
{
	int sock = dial();

	CHECK(hello(sock, fd, magic, size) < 0);
	close(sock);
	if (fd >= 0)
		close(fd);
}

static void connect_to(struct client *c)
{
	int fd = make_fd(SIZE, true);

	*c = (struct client){.sock = dial()};
	c->seg = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(c->seg != MAP_FAILED);
	CHECK(!hello(c->sock, fd, NWB_ENGINE_MAGIC, SIZE));
	close(fd);
}

static int call(struct client *c, struct nwb_engine_sqe s)
{
	struct nwb_engine_cqe a;

	s.tag = c->tail ^ 0xabcd;
	c->seg->sqe[c->tail++ % NWB_ENGINE_SLOTS] = s;
	atomic_store(&c->seg->sq_tail, c->tail);
	syscall(SYS_futex, &c->seg->sq_tail, FUTEX_WAKE, 1, NULL, NULL, 0);
	while (atomic_load(&c->seg->cq_tail) == c->head)
		syscall(SYS_futex, &c->seg->cq_tail, FUTEX_WAIT, c->head, NULL,
			NULL, 0);
	a = c->seg->cqe[c->head++ % NWB_ENGINE_SLOTS];
	CHECK(a.tag == s.tag);
	return a.res;
}

static int io(struct client *c, uint32_t op, uint64_t file, uint64_t off,
	      uint64_t data, uint32_t len)
{
	return call(c, (struct nwb_engine_sqe){.op = op,
					       .file = file,
					       .off = off,
					       .data = data,
					       .len = len});
}

static uint64_t token_of(int fd)
{
	uint64_t token;

	CHECK(fgetxattr(fd, NWB_ENGINE_XATTR, &token, sizeof(token)) ==
	      sizeof(token));
	return token;
}

/* What it is for. Return: the handle. */
static uint64_t good(struct client *c, int fd)
{
	uint8_t *data = (uint8_t *)c->seg + NWB_ENGINE_DATA, byte;
	uint64_t file;
	int rc = call(c, (struct nwb_engine_sqe){.op = NWB_ENGINE_OPEN,
						 .file = token_of(fd)});

	CHECK(rc >= 0);
	file = (uint64_t)rc;
	for (int i = 0; i < 10000; i++)
		data[i] = (uint8_t)(i * 7 + 3);
	CHECK(io(c, NWB_ENGINE_WRITE, file, 5, NWB_ENGINE_DATA, 10000) ==
	      10000);
	CHECK(io(c, NWB_ENGINE_FSYNC, file, 0, 0, 0) == 0);
	/* seen through the kernel as well, and the other way */
	CHECK(pread(fd, &byte, 1, 5 + 9999) == 1 &&
	      byte == (uint8_t)(9999 * 7 + 3));
	CHECK(pwrite(fd, "x", 1, 0) == 1);
	CHECK(io(c, NWB_ENGINE_READ, file, 0, NWB_ENGINE_DATA + 20000, 20000) ==
	      10005);
	CHECK(data[20000] == 'x' && !memcmp(data + 20005, data, 10000));
	return file;
}

static void bad(struct client *c, uint64_t file, uint64_t token)
{
	const uint64_t end = SIZE;

	CHECK(io(c, 0, file, 0, 0, 0) == -EINVAL);
	CHECK(io(c, 99, file, 0, 0, 0) == -EINVAL);
	CHECK(io(c, NWB_ENGINE_OPEN, token, 0, 0, 0) == -EBADF);
	CHECK(io(c, NWB_ENGINE_OPEN, 1u << 30, 0, 0, 0) == -EBADF);
	for (uint32_t op = NWB_ENGINE_READ; op <= NWB_ENGINE_WRITE; op++) {
		CHECK(io(c, op, file + 1, 0, NWB_ENGINE_DATA, 1) == -EBADF);
		CHECK(io(c, op, UINT64_MAX, 0, NWB_ENGINE_DATA, 1) == -EBADF);
		CHECK(io(c, op, file, 0, 0, 1) == -EINVAL);
		CHECK(io(c, op, file, 0, end, 1) == -EINVAL);
		CHECK(io(c, op, file, 0, end - 1, 2) == -EINVAL);
		CHECK(io(c, op, file, 0, UINT64_MAX, 2) == -EINVAL);
		CHECK(io(c, op, file, 0, NWB_ENGINE_DATA, UINT32_MAX) ==
		      -EINVAL);
		CHECK(io(c, op, file, UINT64_MAX, NWB_ENGINE_DATA, 1) ==
		      -EINVAL);
	}
	CHECK(io(c, NWB_ENGINE_CLOSE, file, 0, 0, 0) == 0);
	CHECK(io(c, NWB_ENGINE_CLOSE, file, 0, 0, 0) == -EBADF);
}

int main(void)
{
	int fd = open("engine.dat", O_RDWR | O_CREAT, 0600), i;
	struct client c, broken;
	uint64_t token;
	char eof;

	CHECK(fd >= 0);
	bad_hello(-1, NWB_ENGINE_MAGIC, SIZE);
	bad_hello(make_fd(SIZE, false), NWB_ENGINE_MAGIC, SIZE);
	bad_hello(make_fd(SIZE, true), NWB_ENGINE_MAGIC, SIZE * 2);
	bad_hello(make_fd(4096, true), NWB_ENGINE_MAGIC, 4096);
	bad_hello(make_fd(SIZE, true), NWB_ENGINE_MAGIC + 1, SIZE);
	connect_to(&c);
	token = token_of(fd);
	CHECK(io(&c, NWB_ENGINE_OPEN, token, 0, 0, 0) >= 0);
	bad(&c, good(&c, fd), token);
	/* more requests than there are slots: that connection ends, no other */
	connect_to(&broken);
	atomic_store(&broken.seg->sq_tail, NWB_ENGINE_SLOTS + 1);
	syscall(SYS_futex, &broken.seg->sq_tail, FUTEX_WAKE, 1, NULL, NULL, 0);
	CHECK(recv(broken.sock, &eof, 1, 0) <= 0);
	good(&c, fd);
	/* files that are left open, tokens that nobody comes for: theirs to
	 * tidy up; too many of them are refused */
	for (i = 0; i < 1000; i++)
		if (fgetxattr(fd, NWB_ENGINE_XATTR, &token, sizeof(token)) < 0)
			break;
	CHECK(i < 1000 && errno == EMFILE);
	return 0;
}
