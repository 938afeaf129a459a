/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's program on the kernel that runs the tests: its worker, its
 * channel and what it tells, against files of a directory.
 */
#include "guest/job.h"
#include "nwb/guest_chan.h"
#include "nwb/stamp.h"
#include "nwb_test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define KEY "key 000102030405060708090a0b0c0d0e0f\n"

static char dir[64];
static struct nwb_chan_parser parser;
static int chan = -1;
static pid_t pid;
static uint64_t last_seq;

/* What came, for the tests to look at. */
static struct {
	struct nwb_chan_op op[512];
	bool is_end[512];
	unsigned int nr_ops;
	struct nwb_chan_found found[256];
	unsigned int nr_found;
	struct nwb_chan_done done;
	bool is_done;
	char text[8192]; /* of SAY, MARK, WAIT, STAT, each with a newline */
	unsigned int beats;
} got;

static void start(const char *job)
{
	char path[128], fd[16];
	int sv[2], jobfd;

	snprintf(path, sizeof(path), "%s/job", dir);
	jobfd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	nwb_check(jobfd >= 0);
	nwb_check(write(jobfd, job, strlen(job)) == (ssize_t)strlen(job));
	close(jobfd);
	nwb_check(!socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
	snprintf(fd, sizeof(fd), "%d", sv[1]);
	pid = fork();
	nwb_check(pid >= 0);
	if (pid == 0) {
		const char *program = getenv("NWB_GUEST_PROGRAM");

		close(sv[0]);
		execl(program, program, path, fd, NULL);
		_exit(127);
	}
	close(sv[1]);
	chan = sv[0];
}

static void add_text(const struct nwb_chan_rec *rec)
{
	size_t len = strlen(got.text);

	snprintf(got.text + len, sizeof(got.text) - len, "%s %.*s\n",
		 nwb_chan_type_name(rec->type), (int)rec->len,
		 (const char *)rec->payload);
}

static void take(const struct nwb_chan_rec *rec)
{
	nwb_check_eq(rec->seq, last_seq + 1);
	last_seq = rec->seq;
	switch (rec->type) {
	case NWB_CHAN_OP_BEGIN:
	case NWB_CHAN_OP_END:
		nwb_check(got.nr_ops < NWB_ARRAY_SIZE(got.op));
		got.is_end[got.nr_ops] = rec->type == NWB_CHAN_OP_END;
		nwb_check(!nwb_chan_get_op(rec, &got.op[got.nr_ops++]));
		break;
	case NWB_CHAN_FOUND:
		nwb_check(got.nr_found < NWB_ARRAY_SIZE(got.found));
		nwb_check(!nwb_chan_get_found(rec, &got.found[got.nr_found++]));
		break;
	case NWB_CHAN_DONE:
		nwb_check(!nwb_chan_get_done(rec, &got.done));
		got.is_done = true;
		break;
	case NWB_CHAN_BEAT:
		got.beats++;
		break;
	case NWB_CHAN_HELLO:
		break;
	default:
		add_text(rec);
	}
}

/* Read until @text has come, or DONE. */
static void read_until(const char *text)
{
	struct nwb_chan_rec rec;
	uint8_t *at;
	int rc;

	while (!got.is_done && (!text || !strstr(got.text, text))) {
		size_t room = nwb_chan_room(&parser, &at);
		ssize_t n = read(chan, at, room);

		nwb_check(n > 0);
		nwb_chan_fed(&parser, (size_t)n);
		while ((rc = nwb_chan_next(&parser, &rec)) == 1)
			take(&rec);
		nwb_check_eq(rc, 0);
	}
}

static void tell(enum nwb_chan_type type, const void *payload, uint32_t len)
{
	static uint8_t buf[NWB_CHAN_FRAME_MAX];
	struct nwb_chan_rec rec = {
		.type = type,
		.payload = payload,
		.len = len,
	};
	size_t n = nwb_chan_put(&rec, buf);

	nwb_check(write(chan, buf, n) == (ssize_t)n);
}

static void end(int want)
{
	int status;

	read_until(NULL);
	nwb_check_eq(got.done.rc, want);
	close(chan);
	nwb_check(waitpid(pid, &status, 0) == pid);
	nwb_check(WIFEXITED(status) && WEXITSTATUS(status) == want);
}

static void make_dir(void)
{
	strcpy(dir, "/tmp/nwb-guest-XXXXXX");
	nwb_check(mkdtemp(dir));
	memset(&got, 0, sizeof(got));
	parser = (struct nwb_chan_parser){0};
	last_seq = 0;
}

static void remove_dir(void)
{
	char cmd[128];

	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	nwb_check_eq(system(cmd), 0);
}

static char text[4096];

static const char *job(const char *fmt_of_dir)
{
	snprintf(text, sizeof(text), KEY "file 1 %s/a\n%s", dir, fmt_of_dir);
	return text;
}

NWB_TEST(guest, every_operation_is_framed)
{
	unsigned int open_ops = 0;

	make_dir();
	start(job("open 0 1 creat,trunc\n"
		  "write 0 0 4K x 8 fsync 4 shuffle 3\n"
		  "append 0 100 x 2\n"
		  "store 0 1000 5000\n"
		  "msync 0 1000 5000\n"
		  "truncate 0 20000\n"
		  "fdatasync 0\n"
		  "close 0\n"
		  "sync\n"
		  "open 1 1 rdonly\n"
		  "verify 1\n"
		  "close 1\n"));
	end(0);
	nwb_check_eq(got.done.failed, 0);
	for (unsigned int i = 0; i < got.nr_ops; i++) {
		unsigned int pairs = 0;

		for (unsigned int k = 0; k < got.nr_ops; k++)
			pairs += got.op[k].id == got.op[i].id;
		nwb_check_eq(pairs, 2);
		open_ops += got.op[i].op == NWB_CHAN_OP_OPEN;
		nwb_check(got.op[i].result >= 0);
	}
	nwb_check_eq(open_ops, 4);
	/* O_TRUNC is told as a truncation that holds the open */
	nwb_check_eq(got.op[0].op, NWB_CHAN_OP_TRUNCATE);
	nwb_check_eq(got.op[1].op, NWB_CHAN_OP_OPEN);
	nwb_check_eq(got.op[3].op, NWB_CHAN_OP_TRUNCATE);
	nwb_check(got.nr_found > 0);
	remove_dir();
}

/* What it writes are the stamps that the oracle knows. */
NWB_TEST(guest, the_stamps_are_the_ledgers)
{
	static const uint8_t raw[16] = {0, 1, 2,  3,  4,  5,  6,  7,
					8, 9, 10, 11, 12, 13, 14, 15};
	struct nwb_stamp_key key;
	uint8_t want[300], have[300];
	char path[128];
	int fd;

	make_dir();
	start(job("open 0 1 creat\nwrite 0 5 200\nwrite 0 100 200\n"));
	end(0);
	nwb_stamp_key_init(&key, raw);
	memset(want, 0, sizeof(want));
	nwb_stamp_fill(&key, 1, 1, 5, want + 5, 200);
	nwb_stamp_fill(&key, 1, 2, 100, want + 100, 200);
	snprintf(path, sizeof(path), "%s/a", dir);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	nwb_check_eq(read(fd, have, sizeof(have)), 300);
	close(fd);
	nwb_check(!memcmp(want, have, 300));
	remove_dir();
}

NWB_TEST(guest, verify_sees_a_foreign_byte)
{
	char path[128];
	int fd;

	make_dir();
	start(job("open 0 1 creat\nwrite 0 0 64K\nwait now\nverify 0\n"));
	read_until("WAIT now");
	snprintf(path, sizeof(path), "%s/a", dir);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	nwb_check_eq(pwrite(fd, "!", 1, 33333), 1);
	close(fd);
	tell(NWB_CHAN_GO, "now", 3);
	end(1);
	nwb_check_streq(got.done.text,
			"verify: file 1 differs at offset 33333");
	remove_dir();
}

NWB_TEST(guest, verify_sees_a_lost_end)
{
	char path[128];

	make_dir();
	start(job("open 0 1 creat\nwrite 0 0 64K\nwait now\nverify 0\n"));
	read_until("WAIT now");
	snprintf(path, sizeof(path), "%s/a", dir);
	nwb_check_eq(truncate(path, 60000), 0);
	tell(NWB_CHAN_GO, "now", 3);
	end(1);
	nwb_check_streq(got.done.text,
			"verify: file 1 has 60000 bytes instead of 65536");
	remove_dir();
}

NWB_TEST(guest, an_operation_that_fails_is_told_and_the_job_goes_on)
{
	make_dir();
	start(job("open 0 1 rdonly,creat\n"
		  "write 0 0 4K\n"
		  "close 0\n"
		  "mark after\n"));
	end(0);
	nwb_check_eq(got.done.failed, 1);
	nwb_check(strstr(got.text, "MARK after"));
	for (unsigned int i = 0; i < got.nr_ops; i++)
		if (got.is_end[i] && got.op[i].op == NWB_CHAN_OP_WRITE)
			nwb_check_eq(got.op[i].result, -EBADF);
	remove_dir();
}

NWB_TEST(guest, on_error_stop)
{
	make_dir();
	start(job("on-error stop\n"
		  "open 0 1 rdonly,creat\n"
		  "write 0 0 4K\n"
		  "mark after\n"));
	end(1);
	nwb_check(!strstr(got.text, "MARK after"));
	nwb_check(strstr(got.done.text, "write: Bad file descriptor"));
	remove_dir();
}

NWB_TEST(guest, a_mount_that_fails_ends_the_job)
{
	make_dir();
	start(job("mount nonesuch a /tmp/nwb-none b=c\nmark after\n"));
	end(1);
	nwb_check(strstr(got.done.text, "mount -t nonesuch"));
	nwb_check(!strstr(got.text, "MARK after"));
	rmdir("/tmp/nwb-none");
	remove_dir();
}

NWB_TEST(guest, threads_wait_for_one_go_each)
{
	make_dir();
	start(job("thread one\nwait a\nmark one\nend\n"
		  "thread two\nwait b\nmark two\nend\n"
		  "join\n"));
	read_until("WAIT a");
	read_until("WAIT b");
	tell(NWB_CHAN_GO, "b", 1);
	read_until("MARK two");
	nwb_check(!strstr(got.text, "MARK one"));
	tell(NWB_CHAN_GO, "a", 1);
	end(0);
	nwb_check(strstr(got.text, "MARK one"));
	remove_dir();
}

NWB_TEST(guest, stop_ends_a_job_that_waits)
{
	make_dir();
	start(job("wait for-ever\nmark after\n"));
	read_until("WAIT for-ever");
	tell(NWB_CHAN_STOP, NULL, 0);
	end(0);
	nwb_check(!strstr(got.text, "MARK after"));
	remove_dir();
}

/* The join of the two clocks: what was echoed is seen. */
NWB_TEST(guest, an_echo_comes_back_in_what_follows)
{
	struct nwb_chan_rec rec = {0};
	const uint8_t nr[4] = {9, 1, 0, 0};
	uint8_t *at;
	int rc = 0;

	make_dir();
	start(job("wait a\n"));
	read_until("WAIT a");
	tell(NWB_CHAN_ECHO, nr, 4);
	while (rec.seen != 265) {
		size_t room = nwb_chan_room(&parser, &at);
		ssize_t n = read(chan, at, room);

		nwb_check(n > 0);
		nwb_chan_fed(&parser, (size_t)n);
		while ((rc = nwb_chan_next(&parser, &rec)) == 1)
			take(&rec);
		nwb_check_eq(rc, 0);
	}
	tell(NWB_CHAN_GO, "a", 1);
	end(0);
	remove_dir();
}

NWB_TEST(guest, files_of_proc_are_sent)
{
	make_dir();
	start(job("stat /proc/version\nstat /nonexistent\n"));
	end(0);
	nwb_check(strstr(got.text, "STAT /proc/version"));
	nwb_check(strstr(got.text, "SAY line 4: stat /nonexistent: No such"));
	remove_dir();
}

NWB_TEST(guest, a_malformed_job_is_done_at_once)
{
	make_dir();
	start("fly\n");
	end(2);
	nwb_check_streq(got.done.text, "line 1: unknown verb \"fly\"");
	remove_dir();
}
