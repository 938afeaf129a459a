/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a 4 KiB page costs from write(2) to durable, over files of many sizes
 * and over many files, on a fake server that throws content away.
 *
 *	pages ir FILES BYTES WINDOW	for callgrind with --instr-atstart=no: the
 *					last WINDOW bytes are counted
 *	pages ns FILES BYTES WINDOW	on the real executor: prints ns a page of
 *					the last WINDOW bytes
 *	pages copy BYTES		prints ns a page of copying, BYTES in all
 *
 * FILES are all open from the beginning; each is written from its begin to its
 * end, 4 KiB a write, and then fsynced, one file after the other. BYTES are of
 * all together.
 */
#include "nwb/exec.h"
#include "nwb/fake.h"
#include "nwb/fs.h"
#include "nwb/mem.h"
#include "nwb/smb2.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <valgrind/callgrind.h>

#define BLOCK	   4096u
#define SOURCE	   ((size_t)NWB_MIB)
#define CACHE	   (160 * NWB_MIB)
#define FILES_MAX  100000u
#define COPY_BYTES (512 * NWB_MIB)

struct job {
	struct nwb_exec *ex;
	uint64_t nr_files, bytes, window;
	struct nwb_mount *mnt;
	struct nwb_file **file;
	uint8_t *source;
	uint64_t left; /* until the window begins */
	bool is_begun;
	uint64_t t0, ns;
	int rc;
	struct nwb_err err;
};

/* From a state in which nothing is left of what was written before. */
static int window_begin(struct job *j, struct nwb_file *f)
{
	int rc = nwb_file_fsync(f);

	j->is_begun = true;
	CALLGRIND_START_INSTRUMENTATION;
	j->t0 = nwb_now_ns(j->ex);
	return rc;
}

static void window_end(struct job *j)
{
	j->ns = nwb_now_ns(j->ex) - j->t0;
	CALLGRIND_STOP_INSTRUMENTATION;
}

static int write_file(struct job *j, struct nwb_file *f)
{
	uint64_t bytes = j->bytes / j->nr_files;

	for (uint64_t at = 0; at < bytes; at += BLOCK) {
		ssize_t n;

		if (!j->left && !j->is_begun) {
			int rc = window_begin(j, f);

			if (rc)
				return rc;
		}
		j->left -= nwb_min(j->left, (uint64_t)BLOCK);
		n = nwb_file_write(f, j->source + at % SOURCE, BLOCK, at);
		if (n != BLOCK)
			return n < 0 ? (int)n : -EIO;
	}
	return nwb_file_fsync(f);
}

/* A simulated clock stands still while there is work, and a world that works for
 * long without it is taken for one that goes nowhere. */
static void let_time_pass(struct nwb_exec *ex)
{
	if (nwb_exec_is_sim(ex))
		nwb_sleep_until(ex, nwb_now_ns(ex) + NWB_USEC);
}

static void open_and_write(struct job *j)
{
	for (uint64_t i = 0; i < j->nr_files && !j->rc; i++) {
		char name[32];

		snprintf(name, sizeof(name), "f%" PRIu64, i);
		j->rc = nwb_mount_open(j->mnt, name, NWB_O_CREATE, 1,
				       &j->file[i], &j->err);
	}
	for (uint64_t i = 0; i < j->nr_files && !j->rc; i++) {
		let_time_pass(j->ex);
		j->rc = write_file(j, j->file[i]);
	}
	window_end(j);
	for (uint64_t i = 0; i < j->nr_files && j->file[i]; i++)
		(void)nwb_mount_close(j->mnt, j->file[i]);
}

static void run(void *arg)
{
	struct job *j = arg;
	const struct nwb_fake_opts fo = {
		.discard = true,
		.max_file_bytes = INT64_MAX,
	};
	const struct nwb_netfs_opts no = {.cache_bytes = CACHE};
	struct nwb_smb2_opts so = {.server_name = "fake", .share = "s"};
	struct nwb_fake *fake;

	j->rc = nwb_fake_new(j->ex, &fo, &fake);
	if (j->rc)
		return;
	so.dialer = nwb_fake_dialer(fake);
	j->rc = nwb_mount_smb(j->ex, &so, &no, NULL, &j->mnt, &j->err);
	if (!j->rc) {
		open_and_write(j);
		nwb_mount_free(j->mnt);
	}
	nwb_fake_free(fake);
}

static int measure(struct job *j, bool is_real)
{
	int rc;

	j->left = j->bytes - j->window;
	j->file = nwb_zalloc(j->nr_files * sizeof(*j->file));
	j->source = nwb_alloc_pages(SOURCE);
	if (!j->file || !j->source)
		return -ENOMEM;
	rc = is_real ? nwb_exec_real_new(NULL, &j->ex, &j->err)
		     : nwb_exec_sim_new(1, &j->ex, &j->err);
	if (!rc)
		rc = nwb_exec_run(j->ex, run, j, NWB_NEVER, &j->err);
	if (!rc)
		rc = j->rc;
	if (j->ex)
		nwb_exec_free(j->ex);
	nwb_free(j->source);
	nwb_free(j->file);
	return rc;
}

static void clock_main(void *arg)
{
	struct job *j = arg;
	uint8_t *from = nwb_alloc_pages(j->bytes);
	uint8_t *to = nwb_alloc_pages(j->bytes);
	uint64_t rounds = nwb_max(COPY_BYTES / j->bytes, 1ull);

	j->rc = from && to ? 0 : -ENOMEM;
	if (!j->rc) {
		memcpy(to, from, j->bytes);
		j->t0 = nwb_now_ns(j->ex);
		for (uint64_t r = 0; r < rounds; r++)
			for (uint64_t at = 0; at < j->bytes; at += BLOCK) {
				memcpy(to + at, from + at, BLOCK);
				__asm__ volatile("" ::: "memory");
			}
		j->ns = (nwb_now_ns(j->ex) - j->t0) / rounds;
	}
	nwb_free(from);
	nwb_free(to);
}

/* The machine's own curve: @bytes to other @bytes, page by page, again and
 * again, so that a small one lies in a cache. */
static int measure_copy(struct job *j)
{
	int rc = nwb_exec_real_new(NULL, &j->ex, &j->err);

	if (rc)
		return rc;
	j->window = j->bytes;
	rc = nwb_exec_run(j->ex, clock_main, j, NWB_NEVER, &j->err);
	nwb_exec_free(j->ex);
	return rc ? rc : j->rc;
}

static bool parse(const char *s, uint64_t *ret)
{
	char *end;

	*ret = strtoull(s, &end, 10);
	return *s >= '0' && *s <= '9' && !*end && *ret;
}

static int usage(void)
{
	fprintf(stderr,
		"usage: pages ir|ns FILES BYTES WINDOW | copy BYTES; all are "
		"multiples of 4096 a file, WINDOW is not above BYTES\n");
	return 3;
}

int main(int argc, char **argv)
{
	struct job j = {.nr_files = 1};
	bool is_copy = argc == 3 && !strcmp(argv[1], "copy");
	bool is_ir = argc == 5 && !strcmp(argv[1], "ir");
	bool is_ns = argc == 5 && !strcmp(argv[1], "ns");
	int rc;

	if (is_copy) {
		if (!parse(argv[2], &j.bytes) || j.bytes % BLOCK)
			return usage();
		rc = measure_copy(&j);
	} else {
		if ((!is_ir && !is_ns) || !parse(argv[2], &j.nr_files) ||
		    !parse(argv[3], &j.bytes) || !parse(argv[4], &j.window) ||
		    j.nr_files > FILES_MAX || j.bytes % (j.nr_files * BLOCK) ||
		    j.window % BLOCK || j.window > j.bytes)
			return usage();
		rc = measure(&j, is_ns);
	}
	if (rc) {
		fprintf(stderr, "pages: %s %s\n", nwb_errno_name(rc),
			j.err.text);
		return 2;
	}
	if (is_ir)
		printf("%" PRIu64 "\n", j.window / BLOCK);
	else
		printf("%.1f\n", (double)j.ns / (double)(j.window / BLOCK));
	return 0;
}
