/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Behaviour 1 of the reference writeback: what a pass takes and how it is cut,
 * as fs/netfs/write_issue.c has it (netfs_writepages, netfs_write_folio,
 * netfs_advance_write). Where the kernel and strict
 * differ, both are looked at.
 */
#include "nwb/mem.h"
#include "words.h"

#include <errno.h>
#include <string.h>

#define LATE (1000 * NWB_SEC) /* no writeback that nobody asked for */

static uint64_t pages(struct sfs_rig *rig, enum nwb_sync_mode mode,
		      uint64_t from, uint64_t to, int64_t nr, bool is_cyclic)
{
	struct nwb_writeback_control wbc = {
		.sync_mode = mode,
		.range_start = from,
		.range_end = to,
		.nr_to_write = nr,
		.range_cyclic = is_cyclic,
	};

	return nwb_inode_writepages(rig->inode, &wbc);
}

static void no_ack_body(struct sfs_rig *rig)
{
	put(rig, 0, 10 * 65536);
	/* Nobody answers; the call returns all the same, everything is out. */
	nwb_check_eq(pages(rig, NWB_WB_SYNC_ALL, 0, UINT64_MAX, 0, false),
		     10 * 65536);
	nwb_check_eq(sfs_pending(rig->sfs), 10);
	nwb_check_eq(rig->sfs->nr_acked, 0);
}

NWB_TEST(issuer, item1_the_issuer_returns_before_any_ack)
{
	struct nwb_netfs_opts opts = {.dirty_kick_bytes = NWB_MIB,
				      .dirty_age_ns = LATE};

	sfs_run(1, &opts, 65536, 0, no_ack_body);
	opts.mode = NWB_TEMP_PAGE;
	sfs_run(1, &opts, 65536, 0, no_ack_body);
	opts.flavour = NWB_LINUX_6_12;
	sfs_run(1, &opts, 65536, 0, no_ack_body);
}

struct all_call {
	struct sfs_rig *rig;
	bool is_back;
};

static void all_main(void *arg)
{
	struct all_call *call = arg;

	(void)pages(call->rig, NWB_WB_SYNC_ALL, 0, UINT64_MAX, 0, false);
	call->is_back = true;
}

static void sync_mode_body(struct sfs_rig *rig)
{
	struct all_call call = {.rig = rig};
	struct nwb_task *task;

	put(rig, 0, 4096);
	(void)pages(rig, NWB_WB_SYNC_ALL, 0, UINT64_MAX, 0, false);
	put(rig, 0, 4096); /* dirty again while it is under writeback */
	nwb_check_eq(pages(rig, NWB_WB_SYNC_NONE, 0, UINT64_MAX, 99, false), 0);
	nwb_check_eq(sfs_pending(rig->sfs), 1);
	nwb_check_eq(
		nwb_task_spawn(rig->ex, "sync all", all_main, &call, &task), 0);
	nwb_sleep_until(rig->ex, nwb_now_ns(rig->ex) + NWB_SEC);
	nwb_check(!call.is_back);
	sfs_complete(rig->sfs, 0, SFS_ALL);
	sfs_wait_pending(rig->sfs, 1);
	nwb_task_join(task);
	nwb_check_eq(rig->sfs->nr_log, 2);
}

NWB_TEST(issuer, item1_sync_none_skips_and_sync_all_waits)
{
	struct nwb_netfs_opts opts = {.dirty_age_ns = LATE};

	sfs_run(1, &opts, 65536, 0, sync_mode_body);
}

/* What becomes dirty ahead of a pass that waits is the next one's (TOWRITE):
 * else who goes on writing would keep it from its end. */
static void towrite_body(struct sfs_rig *rig)
{
	struct all_call call = {.rig = rig};
	struct nwb_netfs_stats st;
	struct nwb_task *task;

	sfs_set_max_pending(rig->sfs, 1);
	put(rig, 0, 4096);
	put(rig, 10 * 4096, 4096);
	nwb_check_eq(nwb_task_spawn(rig->ex, "all", all_main, &call, &task), 0);
	nap(rig);
	nwb_check(!call.is_back);
	put(rig, 20 * 4096, 4096);
	sfs_complete(rig->sfs, 0, SFS_ALL);
	nwb_task_join(task);
	nwb_check_eq(rig->sfs->nr_log, 2);
	nwb_netfs_get_stats(rig->sfs->nf, &st);
	nwb_check_eq(st.dirty_bytes, 4096);
	fsync_ok(rig);
	nwb_check_eq(rig->sfs->nr_log, 3);
}

NWB_TEST(issuer, item1_what_becomes_dirty_ahead_is_the_next_pass_s)
{
	struct nwb_netfs_opts opts = {.dirty_kick_bytes = NWB_MIB,
				      .dirty_age_ns = LATE};

	sfs_run(1, &opts, 65536, 30 * 4096, towrite_body);
	opts.mode = NWB_TEMP_PAGE;
	sfs_run(1, &opts, 65536, 30 * 4096, towrite_body);
	opts.flavour = NWB_LINUX_6_12;
	sfs_run(1, &opts, 65536, 30 * 4096, towrite_body);
}

static void range_body(struct sfs_rig *rig)
{
	for (uint64_t i = 0; i < 8; i++)
		put(rig, i * 4096, 4096);
	/* Folios that the range touches, whole; its end is inclusive. */
	(void)pages(rig, NWB_WB_SYNC_ALL, 2 * 4096 + 5, 4 * 4096, 0, false);
	nwb_check_eq(rig->sfs->nr_log, 1);
	check_log(rig, 0, 2 * 4096, 3 * 4096);
	(void)pages(rig, NWB_WB_SYNC_ALL, 0, 4095, 0, false);
	nwb_check_eq(rig->sfs->nr_log, 2);
	check_log(rig, 1, 0, 4096);
}

NWB_TEST(issuer, item1_range)
{
	struct nwb_netfs_opts opts = {.dirty_age_ns = LATE};

	sfs_run(1, &opts, 65536, 0, range_body);
	opts.flavour = NWB_LINUX_6_12;
	sfs_run(1, &opts, 65536, 0, range_body);
}

static void nr_to_write_body(struct sfs_rig *rig)
{
	struct nwb_writeback_control wbc = {
		.sync_mode = NWB_WB_SYNC_NONE,
		.range_end = UINT64_MAX,
		.nr_to_write = 3,
	};

	for (uint64_t i = 0; i < 8; i++)
		put(rig, i * 4096, 4096);
	nwb_check_eq(nwb_inode_writepages(rig->inode, &wbc), 3 * 4096);
	nwb_check_eq(wbc.nr_to_write, 0);
	check_log(rig, 0, 0, 3 * 4096);
	sfs_complete_all(rig->sfs);
	/* SYNC_ALL does not look at it. */
	wbc.sync_mode = NWB_WB_SYNC_ALL;
	wbc.nr_to_write = 1;
	nwb_check_eq(nwb_inode_writepages(rig->inode, &wbc), 5 * 4096);
}

NWB_TEST(issuer, item1_nr_to_write)
{
	struct nwb_netfs_opts opts = {.dirty_age_ns = LATE};

	sfs_run(1, &opts, 65536, 0, nr_to_write_body);
}

static void cyclic_body(struct sfs_rig *rig)
{
	for (uint64_t i = 0; i < 8; i++)
		put(rig, i * 4096, 4096);
	(void)pages(rig, NWB_WB_SYNC_NONE, 0, 0, 3, true);
	check_log(rig, 0, 0, 3 * 4096);
	sfs_complete_all(rig->sfs);
	put(rig, 0, 4096); /* behind it: not before the next round */
	(void)pages(rig, NWB_WB_SYNC_NONE, 0, 0, 4, true);
	check_log(rig, 1, 3 * 4096, 4 * 4096);
	sfs_complete_all(rig->sfs);
	/* It does not wrap within a call. */
	(void)pages(rig, NWB_WB_SYNC_NONE, 0, 0, 99, true);
	check_log(rig, 2, 7 * 4096, 4096);
	nwb_check_eq(rig->sfs->nr_log, 3);
	sfs_complete_all(rig->sfs);
	(void)pages(rig, NWB_WB_SYNC_NONE, 0, 0, 99, true);
	check_log(rig, 3, 0, 4096);
}

NWB_TEST(issuer, item1_range_cyclic)
{
	struct nwb_netfs_opts opts = {.dirty_age_ns = LATE};

	sfs_run(1, &opts, 65536, 0, cyclic_body);
}

static void tag_body(struct sfs_rig *rig)
{
	struct all_call call = {.rig = rig};
	struct nwb_task *task;

	rig->sfs->max_pending = 1;
	put(rig, 0, 4096);
	put(rig, 2 * 4096, 4096);
	nwb_check_eq(
		nwb_task_spawn(rig->ex, "sync all", all_main, &call, &task), 0);
	sfs_wait_pending(rig->sfs, 1);
	/* It waits for a credit at the second. What becomes dirty now, ahead of
	 * it, is not its business: a writer cannot keep it for ever. */
	put(rig, 4 * 4096, 4096);
	sfs_complete(rig->sfs, 0, SFS_ALL);
	sfs_wait_pending(rig->sfs, 1);
	sfs_complete(rig->sfs, 0, SFS_ALL);
	nwb_task_join(task);
	nwb_check_eq(rig->sfs->nr_log, 2);
	sfs_set_max_pending(rig->sfs, 0);
}

NWB_TEST(issuer, item1_sync_all_takes_what_was_dirty_at_the_call)
{
	struct nwb_netfs_opts opts = {.dirty_age_ns = LATE};

	sfs_run(1, &opts, 65536, 0, tag_body);
	sfs_run(2, &opts, 65536, 0, tag_body);
}

static void whole_folio_body(struct sfs_rig *rig)
{
	uint8_t byte;
	bool is_linux = nwb_netfs_get_opts(rig->sfs->nf)->flavour != NWB_STRICT;

	/* Uptodate because it was read. */
	nwb_check_eq(nwb_file_read(rig->f, &byte, 1, 4096), 1);
	put(rig, 5000, 3);
	fsync_ok(rig);
	check_log(rig, 0, is_linux ? 4096 : 5000, is_linux ? 4096 : 3);
	/* The last page of a file of 10,000 bytes: up to its end. */
	nwb_check_eq(nwb_file_read(rig->f, &byte, 1, 9000), 1);
	put(rig, 9000, 3);
	fsync_ok(rig);
	check_log(rig, 1, is_linux ? 8192 : 9000, is_linux ? 10000 - 8192 : 3);
	nwb_check_eq(rig->file->dur_size, 10000);
}

NWB_TEST(issuer, item1_an_uptodate_folio_is_dirty_as_a_whole_in_linux)
{
	struct nwb_netfs_opts opts = {0};

	sfs_run(1, &opts, 65536, 10000, whole_folio_body);
	opts.flavour = NWB_LINUX_6_12;
	sfs_run(1, &opts, 65536, 10000, whole_folio_body);
	opts.flavour = NWB_LINUX_7_2;
	sfs_run(1, &opts, 65536, 10000, whole_folio_body);
}

static void streaming_body(struct sfs_rig *rig)
{
	struct nwb_netfs_stats st;

	put(rig, 4096 + 10, 20); /* streaming write */
	put(rig, 4096 + 30, 20); /* continued */
	put(rig, 4096 + 100, 5); /* cannot be */
	fsync_ok(rig);
	nwb_netfs_get_stats(rig->sfs->nf, &st);
	if (nwb_netfs_get_opts(rig->sfs->nf)->flavour == NWB_STRICT) {
		nwb_check_eq(rig->sfs->nr_log, 1);
		check_log(rig, 0, 4096 + 10, 95);
		nwb_check_eq(st.wsc, 0);
		return;
	}
	nwb_check_eq(rig->sfs->nr_log, 2);
	check_log(rig, 0, 4096 + 10, 40);
	check_log(rig, 1, 4096 + 100, 5);
	nwb_check_eq(st.wsc, 1);
}

static void streaming_auto_body(struct sfs_rig *rig)
{
	sfs_auto(rig->sfs);
	streaming_body(rig);
}

NWB_TEST(issuer, item1_streaming_writes)
{
	struct nwb_netfs_opts opts = {.dirty_age_ns = LATE};

	sfs_run(1, &opts, 65536, 100000, streaming_auto_body);
	opts.flavour = NWB_LINUX_6_12;
	sfs_run(1, &opts, 65536, 100000, streaming_auto_body);
}

static void zero_point_body(struct sfs_rig *rig)
{
	/* Behind what the server has: zeros, not a read and not a range. */
	put(rig, 8192 + 100, 50);
	put(rig, 8192 + 1000, 50);
	fsync_ok(rig);
	nwb_check_eq(rig->sfs->nr_log, 1);
	for (unsigned int i = 0; i < 100; i++)
		nwb_check_eq(rig->file->dur[8192 + i], 0);
	nwb_check_eq(rig->file->dur_size, 8192 + 1050);
}

NWB_TEST(issuer, item1_zero_point)
{
	struct nwb_netfs_opts opts = {.dirty_age_ns = LATE};

	sfs_run(1, &opts, 65536, 4000, zero_point_body);
	opts.flavour = NWB_LINUX_7_2;
	sfs_run(1, &opts, 65536, 4000, zero_point_body);
}

static void segments_body(struct sfs_rig *rig)
{
	for (uint64_t i = 0; i < 8; i++)
		put(rig, i * 4096, 4096);
	rig->sfs->max_segs = 3;
	fsync_ok(rig);
	/* Linux counts pieces of folios, also where memory is contiguous. */
	if (nwb_netfs_get_opts(rig->sfs->nf)->flavour == NWB_STRICT) {
		nwb_check_eq(rig->sfs->nr_log, 1);
	} else {
		nwb_check_eq(rig->sfs->nr_log, 3);
		check_log(rig, 2, 6 * 4096, 2 * 4096);
	}
}

NWB_TEST(issuer, item1_segment_cut)
{
	struct nwb_netfs_opts opts = {.dirty_age_ns = LATE};

	sfs_run(1, &opts, 65536, 0, segments_body);
	opts.flavour = NWB_LINUX_6_12;
	sfs_run(1, &opts, 65536, 0, segments_body);
}

static void group_body(struct sfs_rig *rig)
{
	struct nwb_netfs_stats st;

	nwb_file_set_group(rig->f, 1);
	put(rig, 0, 8192);
	nwb_file_set_group(rig->f, 2);
	put(rig, 8192, 8192);
	sfs_auto(rig->sfs);
	fsync_ok(rig);
	/* Contiguous, but of two requests. */
	nwb_netfs_get_stats(rig->sfs->nf, &st);
	nwb_check_eq(st.wb_requests, 2);
	nwb_check_eq(rig->sfs->nr_log, 2);
	check_log(rig, 0, 0, 8192);
	check_log(rig, 1, 8192, 8192);
	/* A folio that is dirty of another group is written first. */
	put(rig, 0, 4096);
	nwb_file_set_group(rig->f, 3);
	put(rig, 100, 4096);
	fsync_ok(rig);
	check_log(rig, 2, 0, 4096);
	check_log(rig, 3, 100, 4096);
}

NWB_TEST(issuer, item1_groups)
{
	struct nwb_netfs_opts opts = {.dirty_age_ns = LATE};

	sfs_run(1, &opts, 65536, 0, group_body);
}

static void wb_lock_body(struct sfs_rig *rig)
{
	bool is_7_2 =
		nwb_netfs_get_opts(rig->sfs->nf)->flavour == NWB_LINUX_7_2;
	struct nwb_writeback_control wbc = {
		.sync_mode = NWB_WB_SYNC_NONE,
		.range_end = UINT64_MAX,
		.nr_to_write = 99,
	};
	struct nwb_netfs_stats st;

	put(rig, 0, 4096);
	(void)pages(rig, NWB_WB_SYNC_NONE, 0, UINT64_MAX, 99, false);
	put(rig, 8192, 4096);
	/* T12: who was skipped has touched nothing, and it is counted. */
	nwb_check_eq(nwb_inode_writepages(rig->inode, &wbc), is_7_2 ? 0 : 4096);
	nwb_check_eq(wbc.was_skipped, is_7_2);
	nwb_check_eq(wbc.nr_to_write, is_7_2 ? 99 : 98);
	nwb_netfs_get_stats(rig->sfs->nf, &st);
	nwb_check_eq(sfs_pending(rig->sfs), is_7_2 ? 1 : 2);
	nwb_check_eq(st.wblock_skip, is_7_2 ? 1 : 0);
	/* Released when all of the first is collected. */
	sfs_complete_all(rig->sfs);
	nwb_sleep_until(rig->ex, nwb_now_ns(rig->ex) + NWB_SEC);
	(void)pages(rig, NWB_WB_SYNC_NONE, 0, UINT64_MAX, 99, false);
	nwb_netfs_get_stats(rig->sfs->nf, &st);
	nwb_check_eq(rig->sfs->nr_log, 2);
	nwb_check_eq(st.wblock_skip, is_7_2 ? 1 : 0);
}

NWB_TEST(issuer, item1_writeback_lock)
{
	struct nwb_netfs_opts opts = {.dirty_age_ns = LATE};

	sfs_run(1, &opts, 65536, 0, wb_lock_body);
	opts.flavour = NWB_LINUX_6_12;
	sfs_run(1, &opts, 65536, 0, wb_lock_body);
	opts.flavour = NWB_LINUX_7_2;
	sfs_run(1, &opts, 65536, 0, wb_lock_body);
}

static void blocks_body(struct sfs_rig *rig)
{
	/* When it is committed to the cache, not when it is sent. */
	nwb_check_eq(nwb_inode_blocks(rig->inode), 2);
	put(rig, 1000, 10); /* within the sectors that are counted */
	nwb_check_eq(nwb_inode_blocks(rig->inode), 2);
	put(rig, 1010, 15);
	nwb_check_eq(nwb_inode_blocks(rig->inode), 3);
	put(rig, 1025, 4096);
	nwb_check_eq(nwb_inode_blocks(rig->inode), 11);
	/* What a hole holds is not counted: only what was copied. */
	put(rig, 500000, 512);
	nwb_check_eq(nwb_inode_blocks(rig->inode), 12);
	nwb_check_eq(rig->sfs->nr_log, 0);
	/* Nor is what a truncation adds; what it cuts off goes. */
	sfs_auto(rig->sfs);
	nwb_check_eq(nwb_file_truncate(rig->f, 600000), 0);
	nwb_check_eq(nwb_inode_blocks(rig->inode), 12);
	nwb_check_eq(nwb_file_truncate(rig->f, 1025), 0);
	nwb_check_eq(nwb_inode_blocks(rig->inode), 3);
}

NWB_TEST(issuer, item1_i_blocks)
{
	struct nwb_netfs_opts opts = {.dirty_age_ns = LATE};

	sfs_run(1, &opts, 65536, 1000, blocks_body);
}

static void mixed_body(struct sfs_rig *rig)
{
	/* 4 KiB to 2 MiB in one file; the tiling does not care. */
	put(rig, 0, 4096);
	put(rig, 4096, 4096);
	put(rig, 8192, 8192);
	put(rig, 16384, 16384);
	put(rig, 32768, 65536 - 32768);
	put(rig, 65536, 65536);
	put(rig, 131072, 1966080); /* 128 KiB, 256 KiB, 512 KiB, 1 MiB */
	fsync_ok(rig);
	nwb_check_eq(rig->sfs->nr_log, 2);
	check_log(rig, 0, 0, 1 << 20);
	check_log(rig, 1, 1 << 20, 1 << 20);
	nwb_check(!memcmp(rig->file->dur + 131072, buf, 1966080));
	put(rig, 0, 2 << 20);
	fsync_ok(rig);
	nwb_check(!memcmp(rig->file->dur, buf, 2 << 20));
}

NWB_TEST(issuer, item1_folios_from_4k_to_2m_in_one_file)
{
	struct nwb_netfs_opts opts = {.folio_bytes_max = 2 * NWB_MIB,
				      .cache_bytes = 16 * NWB_MIB,
				      .temp_bytes = 8 * NWB_MIB,
				      .dirty_kick_bytes = 64 * NWB_MIB,
				      .dirty_age_ns = LATE};

	sfs_run(1, &opts, 1 << 20, 0, mixed_body);
	opts.mode = NWB_TEMP_PAGE;
	sfs_run(1, &opts, 1 << 20, 0, mixed_body);
	opts.flavour = NWB_LINUX_7_2;
	sfs_run(1, &opts, 1 << 20, 0, mixed_body);
}

static void append_body(struct sfs_rig *rig)
{
	nwb_file_set_flags(rig->f, NWB_F_APPEND);
	sfs_fill(buf, 300, 1);
	for (unsigned int i = 0; i < 3; i++)
		nwb_check_eq(nwb_file_write(rig->f, buf + 100 * i, 100, 7),
			     100);
	nwb_check_eq(nwb_inode_size(rig->inode), 1300);
	fsync_ok(rig);
	nwb_check(!memcmp(rig->file->dur + 1000, buf, 300));
}

NWB_TEST(issuer, item9_append)
{
	struct nwb_netfs_opts opts = {0};

	sfs_run(1, &opts, 65536, 1000, append_body);
}

/* A server that takes everything, wherever it is, and remembers where. */
struct far {
	uint64_t start[16];
	unsigned int nr;
};

static void far_issue(struct nwb_io_subrequest *sreq)
{
	struct nwb_inode *inode = nwb_rreq_inode(sreq->rreq);
	struct far *far = nwb_netfs_fs_priv(nwb_inode_netfs(inode));

	nwb_check(far->nr < NWB_ARRAY_SIZE(far->start));
	far->start[far->nr++] = sreq->start;
	sreq->instance = 1;
	nwb_write_subrequest_terminated(sreq, (int64_t)sreq->len);
}

static int far_flush(struct nwb_inode *inode, uint32_t *ret_instance)
{
	(void)inode;
	*ret_instance = 1;
	return 0;
}

static ssize_t far_read(struct nwb_inode *inode, uint64_t pos, void *to,
			size_t len)
{
	(void)inode;
	(void)pos;
	(void)to;
	(void)len;
	return 0;
}

static const struct nwb_netfs_ops far_ops = {
	.name = "far",
	.issue_write = far_issue,
	.flush = far_flush,
	.read = far_read,
};

/* One page in each height of the table, the last bytes of all, and back. */
static void far_main(void *arg)
{
	static const uint64_t at[] = {
		0x7fffffffffffeffe, 0,		1ull << 62, 1ull << 21,
		1ull << 27,	    1ull << 33, 1ull << 39, 1ull << 45,
		1ull << 51,	    1ull << 57, 4096,
	};
	struct nwb_netfs_opts opts = {.cache_bytes = NWB_MIB,
				      .dirty_age_ns = LATE,
				      .dirty_kick_bytes = NWB_MIB};
	struct nwb_err err = {0};
	struct nwb_inode *inode;
	struct nwb_netfs *nf;
	struct far far = {0};
	struct nwb_file *f;
	uint8_t page[4096];

	nwb_check_eq(nwb_netfs_new(*(struct nwb_exec **)arg, &opts, &far_ops,
				   &far, NULL, &nf, &err),
		     0);
	nwb_check_eq(nwb_inode_new(nf, 1, NULL, 0, &inode), 0);
	nwb_check_eq(nwb_file_open(inode, &f), 0);
	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(at); i++) {
		memset(page, (int)i + 1, sizeof(page));
		nwb_check_eq(nwb_file_write(f, page, 4096, at[i]), 4096);
	}
	nwb_check_eq(nwb_inode_size(inode), 0x7fffffffffffeffe + 4096);
	nwb_check_eq(nwb_file_write(f, page, 4096, 0x7ffffffffffff001), -EFBIG);
	nwb_check_eq(nwb_file_fsync(f), 0);
	nwb_check(far.nr >= NWB_ARRAY_SIZE(at) - 1); /* 0 and 4096 touch */
	for (unsigned int i = 1; i < far.nr; i++)
		nwb_check(far.start[i - 1] < far.start[i]);
	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(at); i++) {
		nwb_check_eq(nwb_file_read(f, page, 4096, at[i]), 4096);
		for (unsigned int k = 0; k < 4096; k++)
			nwb_check_eq(page[k], i + 1);
	}
	nwb_check_eq(nwb_file_close(f, false), 0);
	nwb_inode_put(inode);
	nwb_netfs_free(nf);
}

NWB_TEST(issuer, item1_offsets_up_to_2_to_the_63)
{
	struct nwb_exec *ex;

	sfs_sim(1, far_main, &ex, &ex);
}
