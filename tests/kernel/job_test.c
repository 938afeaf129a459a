/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The language of jobs. */
#include "guest/job.h"
#include "nwb/guest.h"
#include "nwb_test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY "key 000102030405060708090a0b0c0d0e0f\n"

static struct job job;
static char why[256];

static int parse(const char *text)
{
	return job_parse(text, strlen(text), &job, why, sizeof(why));
}

NWB_TEST(job, a_whole_one)
{
	nwb_check_eq(parse(KEY
			   "# a comment\n"
			   "file 3 /mnt/a\n"
			   "\n"
			   "mount cifs //10.99.0.1/s /mnt ip=10.99.0.1,a=b\n"
			   "open 0 3 creat,direct,sync # flags\n"
			   "write 0 4K 1M x 16 2M fsync 4 shuffle 7\n"
			   "thread t\n"
			   "  mark m\n"
			   "end\n"
			   "join t\n"
			   "done"),
		     0);
	nwb_check_eq(job.nr_verbs, 8);
	nwb_check_eq(job.key[15], 15);
	nwb_check_streq(job.path[3], "/mnt/a");
	nwb_check_eq(job.verb[0].kind, JOB_MOUNT);
	nwb_check_streq(job.verb[0].s[3], "ip=10.99.0.1,a=b");
	nwb_check_eq(job.verb[1].flags, O_RDWR | O_CREAT | O_DIRECT | O_SYNC);
	nwb_check_eq(job.verb[2].line, 7);
	nwb_check_eq(job.verb[2].r.off, 4096);
	nwb_check_eq(job.verb[2].r.len, 1 << 20);
	nwb_check_eq(job.verb[2].r.count, 16);
	nwb_check_eq(job.verb[2].r.step, 2 << 20);
	nwb_check_eq(job.verb[2].r.fsync_every, 4);
	nwb_check(job.verb[2].r.is_shuffled);
	nwb_check_eq(job.verb[3].kind, JOB_THREAD);
	nwb_check_eq(job.verb[3].to, 5);
	job_fini(&job);
}

NWB_TEST(job, what_is_refused_says_where)
{
	static const struct {
		const char *text, *why;
	} bad[] = {
		{"fly 1", "line 1: unknown verb \"fly\""},
		{"\nopen 0", "line 2: open with 1 words"},
		{"open 0 1", "line 1: there is no \"file 1\""},
		{"file 64 /a", "line 1: file 64 is not within 1..63"},
		{"file 1 a", "line 1: \"a\" is not an absolute path"},
		{"file 1 /a\nopen 32 1", "line 2: file descriptor 32"},
		{"file 1 /a\nopen 0 1 fast", "unknown flag \"fast\""},
		{"file 1 /a\nopen 0 1 rdonly,wronly", "only one of"},
		{"write 0 0 4K", "line 1: there is no key"},
		{KEY "write 0 0 0", "of no bytes"},
		{KEY "write 0 -1 4K", "\"-1\" is not a number"},
		{KEY "write 0 4Q 4K", "\"4Q\" is not a number"},
		{KEY "write 0 0 2G", "is more than"},
		{KEY "write 0 16E 1", "is not a number"},
		{KEY "write 0 9223372036854775807 1", "largest offset"},
		{KEY "write 0 0 1 x 16777216 1099511627776", "largest offset"},
		{KEY "write 0 0 4K x", "wants a number"},
		{KEY "write 0 0 4K x 0", "a row of no operations"},
		{KEY "append 0 4K shuffle 1", "one order"},
		{"key 12", "32 hexadecimal digits"},
		{"thread a\nthread b", "a thread in a thread"},
		{"thread a", "a thread without end"},
		{"end", "end of no thread"},
		{"thread a\njoin\nend", "join within a thread"},
		{"trace on 64", "trace on KB EVENT"},
		{"trace off now", "takes nothing"},
		{"on-error perhaps", "go or stop"},
		{"drop_caches 4", "not within 1..3"},
		{"umount /m now", "lazy and force"},
		{"sleep 1h", "not a number"},
	};

	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(bad); i++) {
		nwb_check_eq(parse(bad[i].text), -EINVAL);
		if (!strstr(why, bad[i].why))
			nwb_check_streq(why, bad[i].why);
	}
}

NWB_TEST(job, the_host_says_it_too)
{
	struct nwb_err err = {0};

	nwb_check_eq(nwb_guest_job_check("sleep 1\n", &err), 0);
	nwb_check_eq(nwb_guest_job_check("sleep\n", &err), -EINVAL);
	nwb_check(strstr(err.text, "job: line 1: sleep"));
}

NWB_TEST(job, more_than_there_is_room_for)
{
	static char text[JOB_VERBS * 6 + 64];
	size_t len = 0;

	for (unsigned int i = 0; i <= JOB_VERBS; i++)
		len += (size_t)snprintf(text + len, 6, "sync\n");
	nwb_check_eq(parse(text), -EINVAL);
	nwb_check(strstr(why, "more than 4095 verbs"));
	len = 0;
	for (unsigned int i = 0; i < JOB_THREADS; i++)
		len += (size_t)snprintf(text + len, 32, "thread t\nend\n");
	nwb_check_eq(parse(text), -EINVAL);
	nwb_check(strstr(why, "more than 15 threads"));
	nwb_check_eq(job_parse("a\0b", 3, &job, why, sizeof(why)), -EINVAL);
	nwb_check(strstr(why, "NUL"));
}

/* Every number once, whatever the seed and the count. */
NWB_TEST(job, a_shuffled_row_is_a_permutation)
{
	static bool seen[5000];

	for (uint64_t count = 1; count < 5000; count = count * 3 + 1) {
		for (uint64_t seed = 0; seed < 5; seed++) {
			struct job_range r = {
				.count = count,
				.seed = seed,
				.is_shuffled = true,
			};
			uint64_t moved = 0;

			memset(seen, 0, sizeof(seen));
			for (uint64_t i = 0; i < count; i++) {
				uint64_t at = job_at(&r, i);

				nwb_check(at < count && !seen[at]);
				seen[at] = true;
				moved += at != i;
			}
			nwb_check(count < 10 || moved > count / 2);
		}
	}
}
