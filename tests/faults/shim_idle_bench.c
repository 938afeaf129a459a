/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a hooked call costs when the shim has nothing to do.
 *
 *	shim_idle_bench SHIM
 *
 * Runs itself without the shim, with the shim and no page, and with a page
 * that has neither rules nor ledger. In each it calls, in turns of a few
 * thousand, the function that the program finds and the one in libc itself,
 * which no preload replaces, and takes of each the fastest turn: their
 * difference is the hook, whatever else the machine does. The calls fail or do
 * nothing at once. Ends with 1 when a hook costs more than 150 ns.
 */
#include "nwb/faultctl.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CALLS 2000u
#define TURNS 400u
#define KINDS 6u
#define WAYS  3u
#define LIMIT 150.0

struct calls {
	ssize_t (*read)(int fd, void *buf, size_t len);
	ssize_t (*recvmsg)(int fd, struct msghdr *msg, int flags);
	ssize_t (*write)(int fd, const void *buf, size_t len);
	ssize_t (*sendmsg)(int fd, const struct msghdr *msg, int flags);
	ssize_t (*pwrite)(int fd, const void *buf, size_t len, off_t off);
	int (*fsync)(int fd);
};

static const char *const names[KINDS] = {"read",    "recvmsg", "write",
					 "sendmsg", "pwrite",  "fsync"};

static double now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return 1e9 * (double)ts.tv_sec + (double)ts.tv_nsec;
}

/* get() - all functions out of @lib. */
static void get(void *lib, struct calls *c)
{
	*(void **)&c->read = dlsym(lib, "read");
	*(void **)&c->recvmsg = dlsym(lib, "recvmsg");
	*(void **)&c->write = dlsym(lib, "write");
	*(void **)&c->sendmsg = dlsym(lib, "sendmsg");
	*(void **)&c->pwrite = dlsym(lib, "pwrite");
	*(void **)&c->fsync = dlsym(lib, "fsync");
}

static double turn(const struct calls *c, unsigned int kind, int fd)
{
	char byte = 0;
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	double t = now_ns();
	ssize_t n = 0;

	for (unsigned int i = 0; i < CALLS; i++) {
		if (kind == 0)
			n += c->read(fd, &byte, 1);
		else if (kind == 1)
			n += c->recvmsg(fd, &msg, 0);
		else if (kind == 2)
			n += c->write(fd, &byte, 1);
		else if (kind == 3)
			n += c->sendmsg(fd, &msg, 0);
		else if (kind == 4)
			n += c->pwrite(fd, &byte, 1, 0);
		else
			n += c->fsync(fd);
	}
	t = (now_ns() - t) / CALLS;
	return n == 12345 ? 0 : t; /* the calls are not for nothing */
}

/* measure() - in the child: for each call, libc's ns and the program's. */
static void measure(void)
{
	void *libc = dlopen("libc.so.6", RTLD_NOW);
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct calls real, used;

	if (!libc || fd < 0)
		exit(2);
	get(libc, &real);
	get(RTLD_DEFAULT, &used);
	for (unsigned int kind = 0; kind < KINDS; kind++) {
		double a = 1e18, b = 1e18, t;

		for (unsigned int i = 0; i < TURNS; i++) {
			t = turn(&real, kind, fd);
			a = t < a ? t : a;
			t = turn(&used, kind, fd);
			b = t < b ? t : b;
		}
		printf("%f %f\n", a, b);
	}
	fflush(stdout);
}

/* run_child() - this program as the measured one; costs into @out. */
static void run_child(const char *shim, unsigned int how, int ctl,
		      double out[KINDS], double plain[KINDS])
{
	int pipe_fd[2], status;
	char text[16];
	FILE *in;
	pid_t pid;

	if (pipe(pipe_fd))
		exit(2);
	pid = fork();
	if (pid == 0) {
		dup2(pipe_fd[1], 1);
		if (how >= 1)
			setenv("LD_PRELOAD", shim, 1);
		if (how >= 2) {
			snprintf(text, sizeof(text), "%d", ctl);
			setenv(NWB_SHIM_ENV_CTL, text, 1);
			fcntl(ctl, F_SETFD, 0);
		}
		execl("/proc/self/exe", "shim_idle_bench", (char *)NULL);
		_exit(127);
	}
	close(pipe_fd[1]);
	in = fdopen(pipe_fd[0], "r");
	for (unsigned int k = 0; in && k < KINDS; k++) {
		double a, b;

		if (fscanf(in, "%lf %lf", &a, &b) != 2)
			exit(2);
		out[k] = b - a;
		plain[k] = a;
	}
	if (in)
		fclose(in);
	waitpid(pid, &status, 0);
	if (status)
		exit(2);
}

int main(int argc, char **argv)
{
	double cost[WAYS][KINDS], plain[WAYS][KINDS];
	struct nwb_fc_page *page;
	int ctl, bad = 0;

	if (argc < 2) {
		measure();
		return 0;
	}
	if (nwb_fc_create(&ctl, &page))
		return 2;
	for (unsigned int h = 0; h < WAYS; h++)
		run_child(argv[1], h, ctl, cost[h], plain[h]);
	if (!atomic_load(&page->attached)) {
		fprintf(stderr, "the shim was not loaded: %s\n", argv[1]);
		return 2;
	}
	printf("%-8s %9s | added ns: %9s %9s %9s\n", "call", "libc ns",
	       "no shim", "no page", "idle");
	for (unsigned int k = 0; k < KINDS; k++) {
		printf("%-8s %9.1f | %20.1f %9.1f %9.1f\n", names[k],
		       plain[0][k], cost[0][k], cost[1][k], cost[2][k]);
		bad |= cost[1][k] > LIMIT || cost[2][k] > LIMIT;
	}
	printf("%s %.0f ns a call\n", bad ? "above" : "at most", LIMIT);
	nwb_fc_unmap(page);
	return bad;
}
