/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files of the executors: the same rules and results on all of them. */
#include "nwb/mem.h"
#include "nwb/xfile.h"
#include "nwb_test_exec.h"

#include <string.h>

#define BLOCKS 64u

struct file_test {
	struct nwb_exec *ex;
	struct nwb_mutex lock;
	struct nwb_waitq done;
	unsigned int nr_done;
	unsigned int runs;
};

struct one {
	struct nwb_xfile_io io;
	struct file_test *ft;
	struct iovec iov[2];
};

static void one_done(struct nwb_xfile_io *io)
{
	struct one *o = nwb_container_of(io, struct one, io);

	nwb_mutex_lock(&o->ft->lock);
	o->ft->nr_done++;
	nwb_waitq_wake_all(&o->ft->done);
	nwb_mutex_unlock(&o->ft->lock);
}

static void wait_done(struct file_test *ft, unsigned int nr)
{
	nwb_mutex_lock(&ft->lock);
	nwb_wait_event(&ft->done, &ft->lock, ft->nr_done >= nr);
	nwb_mutex_unlock(&ft->lock);
}

static ssize_t transfer(struct file_test *ft, struct nwb_xfile *file,
			bool is_write, uint64_t pos, void *buf, size_t len)
{
	unsigned int before = ft->nr_done;
	struct one o = {
		.io = {.file = file,
		       .is_write = is_write,
		       .pos = pos,
		       .nr_iov = 1,
		       .done = one_done},
		.ft = ft,
		.iov = {{.iov_base = buf, .iov_len = len}},
	};

	o.io.iov = o.iov;
	nwb_xfile_submit(&o.io);
	wait_done(ft, before + 1);
	return o.io.result;
}

static void begin(struct file_test *ft, struct nwb_exec *ex)
{
	ft->ex = ex;
	ft->nr_done = 0;
	ft->runs++;
	nwb_mutex_init(&ft->lock, ex, "file test");
	nwb_waitq_init(&ft->done, ex, "file test");
}

static void body_parallel(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct file_test *ft = te->arg;
	struct nwb_xfile *file = NULL;
	uint8_t *mem = nwb_alloc_pages(2 * BLOCKS * 4096);
	struct one *o = nwb_zalloc(BLOCKS * sizeof(*o));
	struct nwb_err err = {0};

	begin(ft, te->ex);
	nwb_check(mem && o);
	nwb_check_eq(nwb_xfile_open(ft->ex, "/tmp", &file, &err), 0);
	for (size_t i = 0; i < BLOCKS * 4096; i++)
		mem[i] = (uint8_t)(i * 7 + i / 4096);
	/* Each block from two pieces of memory would break the rules: one. */
	for (unsigned int i = 0; i < BLOCKS; i++) {
		o[i].ft = ft;
		o[i].iov[0].iov_base = mem + i * 4096;
		o[i].iov[0].iov_len = 4096;
		o[i].io = (struct nwb_xfile_io){.file = file,
						.is_write = true,
						.pos = i * 4096,
						.iov = o[i].iov,
						.nr_iov = 1,
						.done = one_done};
		nwb_xfile_submit(&o[i].io);
	}
	wait_done(ft, BLOCKS);
	for (unsigned int i = 0; i < BLOCKS; i++)
		nwb_check_eq(o[i].io.result, 4096);
	nwb_check_eq(transfer(ft, file, false, 0, mem + BLOCKS * 4096,
			      BLOCKS * 4096),
		     BLOCKS * 4096);
	nwb_check(!memcmp(mem, mem + BLOCKS * 4096, BLOCKS * 4096));
	nwb_xfile_close(file);
	nwb_free(o);
	nwb_free(mem);
}

NWB_TEST(exec_file, transfers_in_parallel)
{
	struct file_test ft = {0};

	nwb_test_on_all(body_parallel, &ft);
	nwb_check(ft.runs > 1);
}

static void body_rules(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct file_test *ft = te->arg;
	struct nwb_xfile *file = NULL;
	uint8_t *mem = nwb_alloc_pages(3 * 4096);
	struct nwb_err err = {0};

	begin(ft, te->ex);
	nwb_check(mem != NULL);
	nwb_check_eq(nwb_xfile_open(ft->ex, "/tmp", &file, &err), 0);
	nwb_check_eq(transfer(ft, file, true, 100, mem, 4096), -EINVAL);
	nwb_check_eq(transfer(ft, file, true, 0, mem + 16, 4096), -EINVAL);
	nwb_check_eq(transfer(ft, file, true, 0, mem, 4000), -EINVAL);
	nwb_check_eq(transfer(ft, file, true, 0, mem, 0), -EINVAL);
	/* A hole is zeros, and behind the end is nothing. */
	memset(mem, 1, 3 * 4096);
	nwb_check_eq(transfer(ft, file, true, 8192, mem, 4096), 4096);
	nwb_check_eq(transfer(ft, file, false, 0, mem, 3 * 4096), 3 * 4096);
	for (unsigned int i = 0; i < 3 * 4096; i++)
		nwb_check_eq(mem[i], i >= 8192);
	nwb_xfile_close(file);
	nwb_free(mem);
}

NWB_TEST(exec_file, only_whole_blocks)
{
	struct file_test ft = {0};

	nwb_test_on_all(body_rules, &ft);
}

static void body_nowhere(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct nwb_xfile *file = NULL;
	struct nwb_err err = {0};

	nwb_check_eq(nwb_xfile_open(te->ex, "/nowhere", &file, &err), -ENOENT);
	nwb_check(strstr(err.text, "/nowhere") != NULL);
}

NWB_TEST(exec_file, a_directory_that_there_is_not)
{
	nwb_test_on_real(true, body_nowhere, NULL);
}

struct short_test {
	struct nwb_exec *ex;
	unsigned int nr_short;
};

static void body_short(void *arg)
{
	struct short_test *st = arg;
	struct file_test ft = {0};
	struct nwb_xfile *file = NULL;
	uint8_t *mem = nwb_alloc_pages(2 * 8192);
	struct nwb_err err = {0};

	begin(&ft, st->ex);
	nwb_check_eq(nwb_xfile_open(st->ex, "/", &file, &err), 0);
	nwb_exec_sim_short_files(st->ex, 50);
	for (unsigned int i = 1; i <= 40; i++) {
		ssize_t n;

		memset(mem, (int)i, 8192);
		n = transfer(&ft, file, true, 0, mem, 8192);
		nwb_check(n > 0 && n <= 8192 && n % 512 == 0);
		st->nr_short += n < 8192;
		/* as much is stored as was told, and not a byte more */
		nwb_check_eq(transfer(&ft, file, false, 0, mem + 8192, 8192),
			     8192);
		nwb_check(!memcmp(mem, mem + 8192, (size_t)n));
		if (i > 1 && n < 8192)
			nwb_check(mem[8192 + n] != i);
	}
	nwb_xfile_close(file);
	nwb_free(mem);
}

NWB_TEST(exec_file, simulated_writes_may_be_short)
{
	struct short_test st = {0};
	struct nwb_err err = {0};
	int rc = nwb_exec_sim_new(1, &st.ex, &err);

	if (rc == -ENOTSUP)
		nwb_test_skip("no simulation under ThreadSanitizer");
	nwb_check_eq(rc, 0);
	nwb_check_eq(nwb_exec_run(st.ex, body_short, &st, 0, &err), 0);
	nwb_exec_free(st.ex);
	nwb_check(st.nr_short > 5 && st.nr_short < 35);
}
