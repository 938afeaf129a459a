/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Behaviour 2: the local cache and a mirror beside the upload. */
#include "side.h"
#include "words.h"

#include <errno.h>
#include <string.h>

static const struct nwb_netfs_opts late = {.dirty_age_ns = 1000 * NWB_SEC,
					   .dirty_kick_bytes = 8 * NWB_MIB};

static void check_side(struct side *side, unsigned int i, uint64_t start,
		       size_t len)
{
	nwb_check(i < side->nr_log);
	nwb_check_eq(side->log[i].start, start);
	nwb_check_eq(side->log[i].len, len);
}

static void write_all(struct sfs_rig *rig)
{
	struct nwb_writeback_control wbc = {.sync_mode = NWB_WB_SYNC_ALL,
					    .range_end = UINT64_MAX};

	(void)nwb_inode_writepages(rig->inode, &wbc);
}

static bool is_under_writeback(struct sfs_rig *rig)
{
	struct nwb_netfs_stats st;

	nwb_netfs_get_stats(rig->sfs->nf, &st);
	return st.live_requests != 0;
}

static void cuts_body(struct sfs_rig *rig)
{
	struct side *cache = side_new(rig, 1), *mirror = side_new(rig, 2);

	side_take(rig, cache);
	side_take(rig, mirror);
	sfs_auto(rig->sfs);
	cache->max_len = 20480;
	mirror->max_len = 10000;
	put(rig, 0, 40960);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check_eq(rig->sfs->nr_log, 3);
	nwb_check_eq(rig->sfs->log[2].len, 40960 - 2 * 16384);
	nwb_check_eq(cache->nr_log, 2);
	check_side(cache, 0, 0, 20480);
	check_side(cache, 1, 20480, 20480);
	nwb_check_eq(mirror->nr_log, 5);
	check_side(mirror, 4, 40000, 960);
	nwb_check(!memcmp(rig->file->dur, buf, 40960));
	nwb_check(!memcmp(cache->mem, buf, 40960));
	nwb_check(!memcmp(mirror->mem, buf, 40960));
	nwb_check_eq(mirror->nr_flushes, 1);
	side_free(rig, cache);
	side_free(rig, mirror);
}

NWB_TEST(streams, item2_each_cuts_for_itself)
{
	struct nwb_netfs_opts opts = late;

	sfs_run(1, &opts, 16384, 0, cuts_body);
	opts.mode = NWB_TEMP_PAGE;
	sfs_run(1, &opts, 16384, 0, cuts_body);
	opts.flavour = NWB_LINUX_6_12;
	sfs_run(1, &opts, 16384, 0, cuts_body);
}

static void blocks_body(struct sfs_rig *rig)
{
	struct side *cache = side_new(rig, 1);
	uint8_t byte;

	side_take(rig, cache);
	sfs_auto(rig->sfs);
	/* Uptodate: read. The server gets 10 bytes, the cache the block. */
	nwb_check_eq(nwb_file_read(rig->f, &byte, 1, 4096), 1);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check_eq(rig->sfs->nr_log, 0); /* copied to the cache only */
	check_side(cache, 0, 4096, 4096);
	put(rig, 4096 + 100, 10);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check_eq(rig->sfs->log[0].start, 4096 + 100);
	nwb_check_eq(rig->sfs->log[0].len, 10);
	check_side(cache, 1, 4096, 4096);
	nwb_check(!memcmp(cache->mem + 4096, rig->file->dur + 4096, 4096));
	/* The end of the file: zeros behind it. */
	put(rig, 20000, 100);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	check_side(cache, 2, 16384, 4096);
	for (unsigned int i = 20100; i < 20480; i++)
		nwb_check_eq(cache->mem[i], 0);
	side_free(rig, cache);
}

NWB_TEST(streams, item2_the_cache_gets_whole_blocks)
{
	struct nwb_netfs_opts opts = late;

	sfs_run(1, &opts, 16384, 20000 - 3616, blocks_body);
	opts.mode = NWB_TEMP_PAGE;
	sfs_run(1, &opts, 16384, 20000 - 3616, blocks_body);
}

static void streaming_body(struct sfs_rig *rig)
{
	struct side *cache = side_new(rig, 1);

	side_take(rig, cache);
	sfs_auto(rig->sfs);
	cache->has[1] = true;
	put(rig, 4096 + 100, 10); /* not uptodate: no block to be cached */
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check_eq(cache->nr_log, 0);
	nwb_check_eq(cache->nr_forgotten, 1);
	nwb_check(!cache->has[1]);
	side_free(rig, cache);
}

NWB_TEST(streams, item2_a_streaming_write_is_forgotten_by_the_cache)
{
	sfs_run(1, &late, 16384, 100000, streaming_body);
}

static void slowest_body(struct sfs_rig *rig)
{
	struct side *cache = side_new(rig, 1), *mirror = side_new(rig, 2);

	side_take(rig, cache);
	side_take(rig, mirror);
	cache->hold = true;
	mirror->hold = true;
	put(rig, 0, 8192);
	write_all(rig);
	/* Whatever the order: it ends with the last. */
	sfs_complete_all(rig->sfs);
	nap(rig);
	nwb_check(is_under_writeback(rig));
	side_complete(mirror, 0);
	nap(rig);
	nwb_check(is_under_writeback(rig));
	side_complete(cache, 0);
	nap(rig);
	nwb_check(!is_under_writeback(rig));
	put(rig, 0, 8192);
	write_all(rig);
	side_complete(cache, 0);
	side_complete(mirror, 0);
	nap(rig);
	nwb_check(is_under_writeback(rig));
	sfs_complete_all(rig->sfs);
	nap(rig);
	nwb_check(!is_under_writeback(rig));
	side_free(rig, cache);
	side_free(rig, mirror);
}

NWB_TEST(streams, item2_a_folio_ends_with_the_slowest)
{
	sfs_run(1, &late, 16384, 0, slowest_body);
	sfs_run(2, &late, 16384, 0, slowest_body);
}

static void gaps_body(struct sfs_rig *rig)
{
	struct side *cache = side_new(rig, 1);
	uint8_t byte;

	/* Streaming and whole folios in turns: the cache has gaps where the
	 * upload has none, and holds nothing back there. */
	side_take(rig, cache);
	cache->hold = true;
	put(rig, 0, 4096);
	put(rig, 4096 + 7, 100);
	put(rig, 8192, 4096);
	write_all(rig);
	nwb_check_eq(sfs_pending(rig->sfs), 3);
	side_wait_held(cache, 2);
	check_side(cache, 0, 0, 4096);
	check_side(cache, 1, 8192, 4096);
	sfs_complete_all(rig->sfs);
	side_complete(cache, 0);
	nap(rig);
	nwb_check(is_under_writeback(rig));
	side_release(cache);
	nap(rig);
	nwb_check(!is_under_writeback(rig));
	nwb_check_eq(nwb_file_read(rig->f, &byte, 1, 4096 + 7), 1);
	side_free(rig, cache);
}

NWB_TEST(streams, item2_gaps_hold_nothing_back)
{
	for (uint64_t seed = 1; seed <= 5; seed++)
		sfs_run(seed, &late, 16384, 100000, gaps_body);
}

static void cache_fails_body(struct sfs_rig *rig)
{
	struct side *cache = side_new(rig, 1);
	struct nwb_netfs_stats st;

	side_take(rig, cache);
	sfs_auto(rig->sfs);
	cache->error = -ENOBUFS;
	put(rig, 0, 65536);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check(!memcmp(rig->file->dur, buf, 65536));
	nap(rig);
	nwb_check_eq(cache->nr_invalidated, 1);
	nwb_netfs_get_stats(rig->sfs->nf, &st);
	nwb_check_eq(st.upload_failed, 0);
	nwb_check(st.cache_failed > 0);
	nwb_check_eq(st.gave_up, 0);
	side_free(rig, cache);
}

NWB_TEST(streams, item2_a_cache_that_fails_is_no_error)
{
	struct nwb_netfs_opts opts = late;

	sfs_run(1, &opts, 16384, 0, cache_fails_body);
	opts.flavour = NWB_LINUX_7_2;
	sfs_run(1, &opts, 16384, 0, cache_fails_body);
}

static void upload_fails_body(struct sfs_rig *rig)
{
	struct side *cache = side_new(rig, 1), *mirror = side_new(rig, 2);
	bool has_h12 = nwb_netfs_hazard(rig->sfs->nf, NWB_H12);

	side_take(rig, cache);
	side_take(rig, mirror);
	put(rig, 0, 32768);
	write_all(rig);
	sfs_complete(rig->sfs, 0, -ENOSPC);
	sfs_complete_all(rig->sfs);
	nap(rig);
	nwb_check(!is_under_writeback(rig));
	nwb_check(!memcmp(cache->mem, buf, 32768));
	nwb_check(!memcmp(mirror->mem, buf, 32768));
	/* What the server does not have, nobody may read from the cache. */
	nwb_check_eq(cache->nr_invalidated, has_h12 ? 0 : 1);
	/* The mirror is not read: it has it, and goes on. */
	nwb_check_eq(mirror->nr_invalidated, 0);
	sfs_auto(rig->sfs);
	nwb_check_eq(nwb_file_fsync(rig->f), -ENOSPC);
	put(rig, 32768, 32768);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check(!memcmp(mirror->mem + 32768, buf, 32768));
	nwb_check_eq(mirror->nr_invalidated, 0);
	side_free(rig, cache);
	side_free(rig, mirror);
}

NWB_TEST(streams, item2_an_upload_that_fails_stops_no_other_stream)
{
	struct nwb_netfs_opts opts = late;

	sfs_run(1, &opts, 16384, 0, upload_fails_body);
	opts.flavour = NWB_LINUX_6_12;
	sfs_run(1, &opts, 16384, 0, upload_fails_body);
	opts.no_hazards = NWB_HAZARD_BIT(NWB_H12);
	sfs_run(1, &opts, 16384, 0, upload_fails_body);
}

static void mirror_fails_body(struct sfs_rig *rig)
{
	struct side *mirror = side_new(rig, 2);

	side_take(rig, mirror);
	sfs_auto(rig->sfs);
	mirror->error = -EIO;
	put(rig, 0, 32768);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nap(rig);
	nwb_check(mirror->nr_invalidated >= 1);
	nwb_check(!memcmp(rig->file->dur, buf, 32768));
	side_free(rig, mirror);
}

NWB_TEST(streams, item2_a_mirror_that_fails_is_no_error)
{
	sfs_run(1, &late, 16384, 0, mirror_fails_body);
}

static void short_body(struct sfs_rig *rig)
{
	struct side *cache = side_new(rig, 1);

	side_take(rig, cache);
	sfs_auto(rig->sfs);
	cache->nr_short = 1;
	put(rig, 0, 65536);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check(!memcmp(cache->mem, buf, 65536));
	nwb_check_eq(cache->nr_log, 2);
	check_side(cache, 1, 4096, 61440);
	nwb_check(cache->log[1].is_retry);
	/* The upload was not sent again for that. */
	nwb_check_eq(rig->sfs->nr_log, 4);
	side_free(rig, cache);
}

NWB_TEST(streams, item2_a_short_cache_write_is_retried_alone)
{
	struct nwb_netfs_opts opts = late;

	sfs_run(1, &opts, 16384, 0, short_body);
	opts.mode = NWB_TEMP_PAGE;
	sfs_run(1, &opts, 16384, 0, short_body);
}

static void copy_body(struct sfs_rig *rig)
{
	struct side *cache = side_new(rig, 1);
	static uint8_t seen[65536];
	struct nwb_netfs_stats st;

	side_take(rig, cache);
	sfs_auto(rig->sfs);
	nwb_check_eq(nwb_file_read(rig->f, seen, 65536, 0), 65536);
	nwb_netfs_get_stats(rig->sfs->nf, &st);
	nwb_check_eq(st.copy_to_cache, 1);
	/* Written to before it is copied: ordinary, and uploaded as such. */
	put(rig, 65536 - 10, 10);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check_eq(rig->sfs->nr_log, 1);
	nwb_check_eq(rig->sfs->log[0].len, 10);
	/* Another one: to the cache only, with no upload begun. */
	nwb_check_eq(nwb_file_read(rig->f, seen, 4096, 65536), 4096);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check_eq(rig->sfs->nr_log, 1);
	nwb_check(cache->has[16]);
	nwb_check(!memcmp(cache->mem + 65536, rig->file->dur + 65536, 4096));
	/* Forgotten by the page cache, it comes from there. */
	nwb_inode_set_caching(rig->inode, NWB_MAY_READ);
	nwb_check_eq(nwb_inode_break(rig->inode, 0), 0);
	memset(rig->file->vol + 65536, 0xee, 4096);
	nwb_check_eq(nwb_file_read(rig->f, seen, 4096, 65536), 4096);
	nwb_check(!memcmp(seen, cache->mem + 65536, 4096));
	side_free(rig, cache);
}

NWB_TEST(streams, item2_what_was_read_is_copied_to_the_cache)
{
	struct nwb_netfs_opts opts = late;

	sfs_run(1, &opts, 16384, 100000, copy_body);
	opts.mode = NWB_TEMP_PAGE;
	sfs_run(1, &opts, 16384, 100000, copy_body);
}

static void off_body(struct sfs_rig *rig)
{
	struct side *cache = side_new(rig, 1);

	side_take(rig, cache);
	sfs_auto(rig->sfs);
	cache->is_off = true;
	put(rig, 0, 65536);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check_eq(cache->nr_log, 0);
	side_free(rig, cache);
}

NWB_TEST(streams, item2_a_stream_may_stay_away)
{
	sfs_run(1, &late, 16384, 0, off_body);
}

/* After a direct write nothing is cached locally any more
 * (FSCACHE_INVAL_DIO_WRITE), also if it is written or read later. */
static void direct_body(struct sfs_rig *rig)
{
	struct side *cache = side_new(rig, 1);
	uint8_t byte;

	side_take(rig, cache);
	sfs_auto(rig->sfs);
	put(rig, 0, 8192);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check_eq(cache->nr_log, 1);
	nwb_check(nwb_inode_is_cached(rig->inode));
	nwb_file_set_flags(rig->f, NWB_F_DIRECT);
	put(rig, 4096, 4096);
	nwb_file_set_flags(rig->f, 0);
	nwb_check_eq(cache->nr_invalidated, 1);
	nwb_check(!nwb_inode_is_cached(rig->inode));
	put(rig, 0, 4096);
	nwb_check_eq(nwb_file_read(rig->f, &byte, 1, 8191), 1);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check_eq(cache->nr_log, 1);
	nwb_check_eq(cache->nr_reads, 0);
	side_free(rig, cache);
}

NWB_TEST(streams, item2_a_direct_write_ends_the_local_cache)
{
	struct nwb_netfs_opts opts = late;

	sfs_run(1, &opts, 65536, 0, direct_body);
	opts.flavour = NWB_LINUX_7_2;
	sfs_run(1, &opts, 65536, 0, direct_body);
}

/* What only waits for the local cache keeps nobody from forgetting it. */
static void waiting_body(struct sfs_rig *rig)
{
	struct side *cache = side_new(rig, 1);
	struct nwb_invalidated r;
	uint8_t byte;

	side_take(rig, cache);
	sfs_auto(rig->sfs);
	nwb_check_eq(nwb_file_read(rig->f, &byte, 1, 4096), 1);
	nwb_check_eq(
		nwb_inode_invalidate_range(rig->inode, 0, UINT64_MAX, 0, &r),
		0);
	nwb_check_eq(r.dropped, 1);
	nwb_check_eq(r.kept, 0);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check_eq(cache->nr_log, 0);
	side_free(rig, cache);
}

NWB_TEST(streams, item2_what_waits_for_the_cache_is_forgotten)
{
	struct nwb_netfs_opts opts = late;

	sfs_run(1, &opts, 16384, 16384, waiting_body);
	opts.flavour = NWB_LINUX_7_2;
	sfs_run(1, &opts, 16384, 16384, waiting_body);
}

/* What was read, and is on its way to the local cache, is not ours: it is
 * forgotten with the rest. */
static void copy_in_flight_body(struct sfs_rig *rig)
{
	struct side *cache = side_new(rig, 1);
	uint8_t byte = 0, theirs;

	side_take(rig, cache);
	sfs_auto(rig->sfs);
	cache->hold = true;
	nwb_check_eq(nwb_file_read(rig->f, &byte, 1, 4096), 1);
	nwb_file_writeback(rig->f);
	side_wait_held(cache, 1);
	theirs = (uint8_t)~byte; /* somebody else writes */
	nwb_mutex_lock(&rig->sfs->lock);
	rig->file->vol[4096] = theirs;
	nwb_mutex_unlock(&rig->sfs->lock);
	nwb_inode_invalidate(rig->inode, rig->file->vol_size);
	cache->hold = false;
	side_release(cache);
	nap(rig);
	nwb_check_eq(nwb_file_read(rig->f, &byte, 1, 4096), 1);
	nwb_check_eq(byte, theirs);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	side_free(rig, cache);
}

NWB_TEST(streams, item2_what_goes_to_the_cache_only_is_forgotten_with_the_rest)
{
	struct nwb_netfs_opts opts = late;

	for (int mode = NWB_IN_PLACE; mode <= NWB_TEMP_PAGE; mode++) {
		opts.mode = (enum nwb_wb_mode)mode;
		for (uint64_t seed = 1; seed < 5; seed++)
			sfs_run(seed, &opts, 16384, 16384, copy_in_flight_body);
	}
}
