/* SPDX-License-Identifier: GPL-2.0-or-later */
/* WRITEBACK_SINGLE: objects that are written as a whole. */
#include "nwb_test.h"
#include "side.h"

#include "nwb/trace.h"

#include <errno.h>
#include <string.h>

#define PAGE	 4096u
#define NR	 12u
#define BLOB_LEN (10 * PAGE + 100) /* in pieces of one, three and eight pages */

static uint8_t mem[NR * PAGE] __attribute__((aligned(4096)));
static const struct iovec vec[] = {
	{mem, PAGE}, {mem + PAGE, 3 * PAGE}, {mem + 4 * PAGE, 8 * PAGE}};

static unsigned int nr_released;

static void release(struct nwb_blob *blob)
{
	(void)blob;
	nr_released++;
}

static void make(struct nwb_blob *blob, uint64_t seed)
{
	memset(mem, 0, sizeof(mem));
	sfs_fill(mem, BLOB_LEN, seed);
	nr_released = 0;
	nwb_blob_init(blob, vec, 3, BLOB_LEN, release);
}

static void whole_body(struct sfs_rig *rig)
{
	struct nwb_blob blob;

	sfs_auto(rig->sfs);
	make(&blob, 1);
	nwb_check_eq(
		nwb_writeback_single(rig->inode, NWB_WB_SYNC_ALL, 0, &blob), 0);
	nwb_check(!memcmp(rig->file->dur, mem, BLOB_LEN));
	nwb_check_eq(rig->file->dur_size, BLOB_LEN);
	nwb_check_eq(nwb_inode_size(rig->inode), BLOB_LEN);
	/* cut by size only; pieces are none of the server's business */
	nwb_check_eq(rig->sfs->nr_log, 3);
	nwb_check_eq(rig->sfs->log[0].len, 16384);
	nwb_check_eq(rig->sfs->log[1].start, 16384);
	nwb_check_eq(rig->sfs->log[2].len, BLOB_LEN - 2 * 16384);
	nwb_check_eq(nr_released, 0);
	nwb_blob_put(&blob);
	nwb_check_eq(nr_released, 1);
	/* no folio, nothing dirty, nothing cached */
	nwb_check_eq(stats_of(rig).bytes_dirtied, 0);
	nwb_check_eq(stats_of(rig).writeback_bytes_max, 0);
}

NWB_TEST(single, one_request_and_no_folios)
{
	struct nwb_netfs_opts opts = {0};

	sfs_run(1, &opts, 16384, 0, whole_body);
	opts.mode = NWB_TEMP_PAGE;
	sfs_run(1, &opts, 16384, 0, whole_body);
}

/* The memory is the caller's again only when nobody sends from it. */
static void refs_body(struct sfs_rig *rig)
{
	struct nwb_blob blob;

	make(&blob, 2);
	nwb_check_eq(
		nwb_writeback_single(rig->inode, NWB_WB_SYNC_NONE, 0, &blob),
		0);
	nwb_blob_put(&blob);
	nwb_check_eq(sfs_pending(rig->sfs), 3);
	sfs_complete(rig->sfs, 0, SFS_ALL);
	sfs_complete(rig->sfs, 1, SFS_ALL);
	nwb_sleep_until(rig->ex, nwb_now_ns(rig->ex) + NWB_MSEC);
	nwb_check_eq(nr_released, 0);
	sfs_complete(rig->sfs, 0, SFS_ALL);
	nwb_sleep_until(rig->ex, nwb_now_ns(rig->ex) + NWB_MSEC);
	nwb_check_eq(nr_released, 1);
	nwb_check(!memcmp(rig->file->vol, mem, BLOB_LEN));
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
}

NWB_TEST(single, each_piece_under_way_has_a_reference)
{
	struct nwb_netfs_opts opts = {0};

	sfs_run(1, &opts, 16384, 0, refs_body);
}

/* SYNC_NONE skips while somebody writes: in strict and 7.2 until all is
 * collected, or the older one might arrive last. */
static void lock_body(struct sfs_rig *rig)
{
	enum nwb_flavour flavour = nwb_netfs_get_opts(rig->sfs->nf)->flavour;
	bool is_7_2 = flavour == NWB_LINUX_7_2;
	bool skips = flavour != NWB_LINUX_6_12;
	struct nwb_blob blob;

	make(&blob, 3);
	nwb_check_eq(
		nwb_writeback_single(rig->inode, NWB_WB_SYNC_NONE, 0, &blob),
		0);
	nwb_check_eq(
		nwb_writeback_single(rig->inode, NWB_WB_SYNC_NONE, 0, &blob),
		skips);
	nwb_check_eq(stats_of(rig).wblock_skip, skips);
	sfs_auto(rig->sfs);
	nwb_check_eq(
		nwb_writeback_single(rig->inode, NWB_WB_SYNC_ALL, 0, &blob), 0);
	nwb_check_eq(stats_of(rig).wblock_wait, is_7_2);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_blob_put(&blob);
	nwb_check(!memcmp(rig->file->dur, mem, BLOB_LEN));
}

NWB_TEST(single, takes_the_writeback_lock)
{
	struct nwb_netfs_opts opts = {0};

	sfs_run(1, &opts, 16384, 0, lock_body);
	opts.flavour = NWB_LINUX_6_12;
	sfs_run(1, &opts, 16384, 0, lock_body);
	opts.flavour = NWB_LINUX_7_2;
	sfs_run(1, &opts, 16384, 0, lock_body);
}

static struct nwb_blob newer;

static void all_main(void *arg)
{
	struct sfs_rig *rig = arg;

	nwb_check_eq(
		nwb_writeback_single(rig->inode, NWB_WB_SYNC_ALL, 0, &newer),
		0);
}

/* Strict: of two objects the newer one is not sent before the older one is
 * answered, however late that is. */
static void order_body(struct sfs_rig *rig)
{
	struct nwb_task *task;
	struct nwb_blob older;
	unsigned int nr;

	make(&older, 8);
	make(&newer, 8);
	nwb_check_eq(
		nwb_writeback_single(rig->inode, NWB_WB_SYNC_NONE, 0, &older),
		0);
	nwb_blob_put(&older);
	nr = sfs_pending(rig->sfs);
	nwb_check(nr > 0);
	nwb_check_eq(nwb_task_spawn(rig->ex, "newer", all_main, rig, &task), 0);
	nwb_sleep_until(rig->ex, nwb_now_ns(rig->ex) + NWB_SEC);
	nwb_check_eq(sfs_pending(rig->sfs), nr);
	sfs_auto(rig->sfs);
	nwb_task_join(task);
	nwb_blob_put(&newer);
	nwb_check(!memcmp(rig->file->dur, mem, BLOB_LEN));
}

NWB_TEST(single, the_newer_one_waits_for_the_older_one)
{
	struct nwb_netfs_opts opts = {0};

	sfs_run(1, &opts, 16384, 0, order_body);
}

/* Whole blocks into the local cache, or only there. */
static void cache_body(struct sfs_rig *rig)
{
	struct side *cache = side_new(rig, 1);
	struct nwb_blob blob;

	side_take(rig, cache);
	sfs_auto(rig->sfs);
	make(&blob, 4);
	nwb_check_eq(
		nwb_writeback_single(rig->inode, NWB_WB_SYNC_ALL, 0, &blob), 0);
	nwb_check(!memcmp(cache->mem, mem, 11 * PAGE));
	nwb_check(cache->has[0] && cache->has[10] && !cache->has[11]);
	nwb_check(!memcmp(rig->file->dur, mem, BLOB_LEN));
	nwb_blob_put(&blob);
	make(&blob, 5);
	rig->sfs->nr_sent = 0;
	nwb_check_eq(nwb_writeback_single(rig->inode, NWB_WB_SYNC_ALL,
					  NWB_SINGLE_NO_UPLOAD, &blob),
		     0);
	nwb_check_eq(rig->sfs->nr_sent, 0);
	nwb_check(!memcmp(cache->mem, mem, 11 * PAGE));
	nwb_check(memcmp(rig->file->dur, mem, BLOB_LEN));
	nwb_blob_put(&blob);
	nwb_check_eq(nr_released, 1);
	side_free(rig, cache);
}

NWB_TEST(single, the_local_cache_takes_part)
{
	struct nwb_netfs_opts opts = {0};

	sfs_run(1, &opts, 16384, 0, cache_body);
}

/* Acked and forgotten before the flush: strict has it sent once more. */
static void crash_body(struct sfs_rig *rig)
{
	bool is_linux = nwb_netfs_get_opts(rig->sfs->nf)->flavour;
	struct nwb_blob blob;

	sfs_auto(rig->sfs);
	rig->sfs->flush_aborts = 1;
	rig->sfs->dice = (struct sfs_dice){.is_on = true,
					   .latency_ns = NWB_MSEC,
					   .p_reset = 100,
					   .p_crash = 100};
	make(&blob, 6);
	nwb_check_eq(
		nwb_writeback_single(rig->inode, NWB_WB_SYNC_ALL, 0, &blob), 0);
	nwb_blob_put(&blob);
	if (!is_linux)
		nwb_check(!memcmp(rig->file->dur, mem, BLOB_LEN));
	nwb_check_eq(nr_released, !is_linux);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check_eq(nr_released, 1);
}

NWB_TEST(single, strict_returns_when_it_is_durable)
{
	struct nwb_netfs_opts opts = {.max_attempts = 1000,
				      .retry_backoff_ns = 10 * NWB_USEC};

	for (uint64_t seed = 1; seed <= 20; seed++)
		sfs_run(seed, &opts, 16384, 0, crash_body);
	opts.flavour = NWB_LINUX_6_12;
	sfs_run(1, &opts, 16384, 0, crash_body);
}

static void error_body(struct sfs_rig *rig)
{
	struct nwb_blob blob;

	sfs_auto(rig->sfs);
	rig->sfs->prepare_error = -EDQUOT;
	make(&blob, 7);
	nwb_check_eq(
		nwb_writeback_single(rig->inode, NWB_WB_SYNC_ALL, 0, &blob),
		-EDQUOT);
	nwb_blob_put(&blob);
	nwb_check_eq(nr_released, 1);
	nwb_check_eq(nwb_file_fsync(rig->f), -EDQUOT);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
}

NWB_TEST(single, an_error_is_told)
{
	struct nwb_netfs_opts opts = {0};

	sfs_run(1, &opts, 16384, 0, error_body);
}

static void unsound_body(struct sfs_rig *rig)
{
	const struct iovec odd = {mem, 100}, off = {mem + 8, PAGE};
	struct nwb_blob blob;

	nwb_blob_init(&blob, &odd, 1, 50, NULL);
	nwb_check_eq(
		nwb_writeback_single(rig->inode, NWB_WB_SYNC_ALL, 0, &blob),
		-EINVAL);
	nwb_blob_init(&blob, &off, 1, 50, NULL);
	nwb_check_eq(
		nwb_writeback_single(rig->inode, NWB_WB_SYNC_ALL, 0, &blob),
		-EINVAL);
	nwb_blob_init(&blob, vec, 3, PAGE, NULL); /* pieces beyond the end */
	nwb_check_eq(
		nwb_writeback_single(rig->inode, NWB_WB_SYNC_ALL, 0, &blob),
		-EINVAL);
	nwb_blob_init(&blob, vec, 3, NR * PAGE + 1, NULL);
	nwb_check_eq(
		nwb_writeback_single(rig->inode, NWB_WB_SYNC_ALL, 0, &blob),
		-EINVAL);
	nwb_blob_init(&blob, vec, 3, 0, NULL);
	nwb_check_eq(
		nwb_writeback_single(rig->inode, NWB_WB_SYNC_ALL, 0, &blob),
		-EINVAL);
}

NWB_TEST(single, what_is_no_blob_is_refused)
{
	struct nwb_netfs_opts opts = {0};

	sfs_run(1, &opts, 16384, 0, unsound_body);
}

/* The kernel's names for it. */
static void trace_body(struct sfs_rig *rig)
{
	struct nwb_trace *t = nwb_netfs_get_opts(rig->sfs->nf)->trace;
	struct nwb_trace_event e;
	struct nwb_blob blob;
	uint64_t pos = 0;
	char line[256];

	sfs_auto(rig->sfs);
	make(&blob, 8);
	nwb_check_eq(
		nwb_writeback_single(rig->inode, NWB_WB_SYNC_ALL, 0, &blob), 0);
	nwb_blob_put(&blob);
	nwb_check(nwb_trace_next(t, &pos, &e));
	(void)nwb_trace_text(&e, line, sizeof(line));
	nwb_check(strstr(line, "netfs_write:") && strstr(line, "WB-SINGLE"));
	nwb_check_streq(nwb_trace_origin_name(e.what), "W1");
}

NWB_TEST(single, is_traced_by_its_name)
{
	struct nwb_trace *t = nwb_trace_new(64);
	struct nwb_netfs_opts opts = {.trace = t};

	sfs_run(1, &opts, 16384, 0, trace_body);
	nwb_trace_free(t);
}
