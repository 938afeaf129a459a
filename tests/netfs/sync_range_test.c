/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Behaviour 7: sync_file_range(2) and readahead, and for whom they wait. */
#include "nwb_test.h"
#include "scripted.h"

#include <errno.h>
#include <string.h>

#define LEN   65536u
#define PIECE 16384u
#define ALL   (NWB_SYNC_WAIT_BEFORE | NWB_SYNC_WRITE | NWB_SYNC_WAIT_AFTER)

static uint8_t buf[LEN];

static void rest(struct sfs_rig *rig)
{
	nwb_sleep_until(rig->ex, nwb_now_ns(rig->ex) + 10 * NWB_SEC);
}

static const struct nwb_netfs_opts *opts_of(struct sfs_rig *rig)
{
	return nwb_netfs_get_opts(rig->sfs->nf);
}

static bool is_temp(struct sfs_rig *rig)
{
	return opts_of(rig)->mode == NWB_TEMP_PAGE;
}

static void put(struct sfs_rig *rig, uint64_t pos, size_t len)
{
	sfs_fill(buf + pos, len, pos + len + 1);
	nwb_check_eq(nwb_file_write(rig->f, buf + pos, len, pos), len);
}

struct call {
	struct sfs_rig *rig;
	uint64_t pos, len;
	uint32_t flags; /* 0: readahead */
	int rc;
	bool is_done;
	struct nwb_task *task;
};

static void call_main(void *arg)
{
	struct call *c = arg;

	if (c->flags)
		c->rc = nwb_file_sync_range(c->rig->f, c->pos, c->len,
					    c->flags);
	else
		nwb_file_readahead(c->rig->f, c->pos, c->len);
	c->is_done = true;
}

/* Time passes, in which the server says nothing. */
static void call_begin(struct call *c)
{
	nwb_check_eq(
		nwb_task_spawn(c->rig->ex, "caller", call_main, c, &c->task),
		0);
	rest(c->rig);
}

static void finish(struct sfs_rig *rig)
{
	if (!rig->sfs->task)
		sfs_auto(rig->sfs);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check(!memcmp(rig->file->dur, buf, LEN));
}

/* Under every flag of the mapping: who asks for a range may wait for it. */
static void run_all(sfs_body_fn body, uint64_t size)
{
	struct nwb_netfs_opts opts = {.dirty_age_ns = 10000 * NWB_SEC,
				      .folio_bytes_max = PIECE};

	for (uint64_t i = 0; i < 16; i++) {
		opts.mode = i & 1 ? NWB_TEMP_PAGE : NWB_IN_PLACE;
		opts.writeback_may_deadlock = i & 2;
		opts.may_block_rules = i & 4;
		opts.no_data_integrity = i & 8;
		sfs_run(i + 1, &opts, PIECE, size, body);
	}
}

static void write_body(struct sfs_rig *rig)
{
	put(rig, 0, LEN);
	/* Begun and not waited for; the folios that the range touches. */
	nwb_check_eq(
		nwb_file_sync_range(rig->f, PIECE + 5, PIECE, NWB_SYNC_WRITE),
		0);
	nwb_check_eq(sfs_pending(rig->sfs), 2);
	nwb_check_eq(rig->sfs->log[0].start, PIECE);
	nwb_check_eq(rig->sfs->log[1].start, 2 * PIECE);
	nwb_check_eq(rig->sfs->nr_acked, 0);
	/* Length 0: to the end of the file. */
	nwb_check_eq(nwb_file_sync_range(rig->f, 3 * PIECE, 0, NWB_SYNC_WRITE),
		     0);
	nwb_check_eq(sfs_pending(rig->sfs), 3);
	nwb_check_eq(nwb_file_sync_range(rig->f, 0, 1, NWB_SYNC_WRITE), 0);
	nwb_check_eq(sfs_pending(rig->sfs), 4);
	nwb_check_eq(nwb_file_sync_range(rig->f, 0, 0, 0), 0);
	nwb_check_eq(nwb_file_sync_range(rig->f, 0, 0, 8), -EINVAL);
	nwb_check_eq(nwb_file_sync_range(rig->f, 1, UINT64_MAX, ALL), -EINVAL);
	nwb_check_eq(nwb_file_sync_range(rig->f, UINT64_MAX, 0, ALL), -EINVAL);
	nwb_check_eq(rig->sfs->nr_flushes, 0);
	finish(rig);
}

NWB_TEST(sync_range, item7_starts_writing_what_the_range_touches)
{
	run_all(write_body, 0);
}

static void wait_body(struct sfs_rig *rig)
{
	struct call after = {.rig = rig, .len = LEN, .flags = ALL};
	struct call elsewhere = {.rig = rig,
				 .pos = 2 * PIECE,
				 .len = PIECE,
				 .flags = NWB_SYNC_WAIT_BEFORE};

	put(rig, 0, LEN);
	call_begin(&after);
	nwb_check_eq(sfs_pending(rig->sfs), LEN / PIECE);
	nwb_check(after.is_done == is_temp(rig));
	/* All but the first are answered: the range is what counts. */
	while (sfs_pending(rig->sfs) > 1)
		sfs_complete(rig->sfs, 1, SFS_ALL);
	rest(rig);
	nwb_check(after.is_done == is_temp(rig));
	/* Folios end in order, so the third is still under writeback. */
	call_begin(&elsewhere);
	nwb_check(elsewhere.is_done == is_temp(rig));
	sfs_complete(rig->sfs, 0, SFS_ALL);
	nwb_task_join(after.task);
	nwb_task_join(elsewhere.task);
	nwb_check_eq(after.rc, 0);
	nwb_check_eq(elsewhere.rc, 0);
	/* Acknowledged, and not one byte durable. */
	nwb_check_eq(rig->sfs->nr_flushes, 0);
	nwb_check_eq(rig->file->dur_size, 0);
	finish(rig);
}

NWB_TEST(sync_range, item7_waits_for_answers_in_place_whatever_the_flag)
{
	run_all(wait_body, 0);
}

static void range_body(struct sfs_rig *rig)
{
	struct call c = {.rig = rig, .len = PIECE, .flags = ALL};

	put(rig, 0, LEN);
	nwb_check_eq(nwb_file_sync_range(rig->f, 3 * PIECE, 0, NWB_SYNC_WRITE),
		     0);
	call_begin(&c);
	nwb_check_eq(sfs_pending(rig->sfs), 2);
	sfs_complete(rig->sfs, 1, SFS_ALL); /* of the range */
	nwb_task_join(c.task);
	nwb_check_eq(c.rc, 0);
	nwb_check_eq(sfs_pending(rig->sfs), 1);
	finish(rig);
}

NWB_TEST(sync_range, item7_does_not_wait_for_other_ranges)
{
	run_all(range_body, 0);
}

/* Dirty again while it is under writeback: WB_SYNC_NONE leaves it, all three
 * flags write what is dirty now. */
static void again_body(struct sfs_rig *rig)
{
	struct call c = {.rig = rig, .len = PIECE, .flags = ALL};

	put(rig, 0, LEN);
	nwb_check_eq(nwb_file_sync_range(rig->f, 0, PIECE, NWB_SYNC_WRITE), 0);
	put(rig, 0, 4096);
	nwb_check_eq(nwb_file_sync_range(rig->f, 0, PIECE, NWB_SYNC_WRITE), 0);
	nwb_check_eq(rig->sfs->nr_log, 1);
	call_begin(&c);
	nwb_check(!c.is_done);
	nwb_check_eq(rig->sfs->nr_log, 1);
	sfs_complete(rig->sfs, 0, SFS_ALL);
	sfs_wait_pending(rig->sfs, 1);
	nwb_check_eq(rig->sfs->nr_log, 2);
	rest(rig);
	nwb_check(c.is_done == is_temp(rig));
	sfs_complete(rig->sfs, 0, SFS_ALL);
	nwb_task_join(c.task);
	nwb_check_eq(c.rc, 0);
	nwb_check(!memcmp(rig->file->vol, buf, PIECE));
	finish(rig);
}

NWB_TEST(sync_range, item7_all_three_flags_write_what_is_dirty_now)
{
	run_all(again_body, 0);
}

static void error_body(struct sfs_rig *rig)
{
	struct nwb_file *other;

	nwb_check_eq(nwb_file_open(rig->inode, &other), 0);
	put(rig, 0, PIECE);
	nwb_check_eq(nwb_file_sync_range(rig->f, 0, 0, NWB_SYNC_WRITE), 0);
	sfs_complete(rig->sfs, 0, -ENOSPC);
	rest(rig);
	/* Without a wait nobody is told; a wait tells, once each file. */
	nwb_check_eq(nwb_file_sync_range(rig->f, 0, 0, NWB_SYNC_WRITE), 0);
	nwb_check_eq(nwb_file_sync_range(rig->f, 0, 0, NWB_SYNC_WAIT_BEFORE),
		     -ENOSPC);
	nwb_check_eq(nwb_file_sync_range(rig->f, 0, 0, ALL), 0);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check_eq(nwb_file_sync_range(other, 0, 0, ALL), -ENOSPC);
	nwb_check_eq(nwb_file_close(other, false), 0);
}

NWB_TEST(sync_range, item7_a_wait_tells_an_error_once)
{
	run_all(error_body, 0);
}

/* What was read ahead is in the cache: the server's is not asked for again. */
static void ahead_body(struct sfs_rig *rig)
{
	uint8_t back[LEN], old[LEN];

	memcpy(old, rig->file->vol, LEN);
	put(rig, PIECE, 100);
	memcpy(old + PIECE, buf + PIECE, 100);
	nwb_file_readahead(rig->f, 5000, 3 * PIECE);
	memset(rig->file->vol, 0xee, LEN);
	nwb_check_eq(nwb_file_read(rig->f, back, PIECE + 100 - 4096, 4096),
		     PIECE + 100 - 4096);
	nwb_check(!memcmp(back, old + 4096, PIECE + 100 - 4096));
	/* The folio that was there was left alone, so it is read now. */
	nwb_check_eq(nwb_file_read(rig->f, back, 100, PIECE + 100), 100);
	nwb_check_eq(back[0], 0xee);
	/* Before the range nothing was read. */
	nwb_check_eq(nwb_file_read(rig->f, back, 1, 0), 1);
	nwb_check_eq(back[0], 0xee);
	nwb_check_eq(nwb_file_read(rig->f, back, PIECE, 2 * PIECE), PIECE);
	nwb_check(!memcmp(back, old + 2 * PIECE, PIECE));
	/* Behind the end there is nothing to be read, and no folio. */
	nwb_file_readahead(rig->f, LEN - 1, UINT64_MAX);
	nwb_file_readahead(rig->f, 100 * LEN, LEN);
	nwb_check_eq(nwb_file_read(rig->f, back, 1, LEN), 0);
	nwb_check_eq(nwb_inode_size(rig->inode), LEN);
}

NWB_TEST(sync_range, item7_readahead_fills_the_cache)
{
	run_all(ahead_body, LEN);
}

static void ahead_wait_body(struct sfs_rig *rig)
{
	bool waits = is_temp(rig) || opts_of(rig)->may_block_rules;
	struct call c = {.rig = rig, .len = LEN};

	put(rig, 0, PIECE);
	nwb_check_eq(nwb_file_sync_range(rig->f, 0, 0, NWB_SYNC_WRITE), 0);
	put(rig, 3 * PIECE, PIECE); /* dirty, and not on its way */
	call_begin(&c);
	nwb_check(c.is_done == !waits);
	sfs_complete(rig->sfs, 0, SFS_ALL);
	nwb_task_join(c.task);
	sfs_fill(buf + PIECE, 2 * PIECE, 1);
	memcpy(buf + PIECE, rig->file->vol + PIECE, 2 * PIECE);
	finish(rig);
}

NWB_TEST(sync_range, item7_readahead_waits_with_temp_pages_and_in_v4)
{
	run_all(ahead_wait_body, LEN);
}

static void no_room_body(struct sfs_rig *rig)
{
	/* More than the cache: it ends where there is no room, without a
	 * wait. */
	nwb_file_readahead(rig->f, 0, SFS_FILE_MAX);
	put(rig, 0, LEN);
	sfs_auto(rig->sfs);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check(!memcmp(rig->file->dur, buf, LEN));
}

NWB_TEST(sync_range, item7_readahead_ends_where_there_is_no_room)
{
	struct nwb_netfs_opts opts = {.cache_bytes = 256 * 1024,
				      .folio_bytes_max = PIECE};

	sfs_run(1, &opts, PIECE, SFS_FILE_MAX, no_room_body);
}

static void through_body(struct sfs_rig *rig)
{
	uint8_t byte;

	nwb_file_readahead(rig->f, 0, LEN);
	memset(rig->file->vol, 0xee, LEN);
	nwb_check_eq(nwb_file_read(rig->f, &byte, 1, 0), 1);
	nwb_check_eq(byte, 0xee);
}

NWB_TEST(sync_range, item7_readahead_past_the_cache_is_nothing)
{
	struct nwb_netfs_opts opts = {.cache_mode = NWB_CACHE_NONE};

	sfs_run(1, &opts, PIECE, LEN, through_body);
}
