/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Behaviour 10: content crypto, but for what a retry does
 * (crypto_retry_test.c). */
#include "crypto_words.h"
#include "internal.h"
#include "nwb/netfs_check.h"

#include <errno.h>

/* --- cipher text ---------------------------------------------------------- */

static void cipher_body(struct sfs_rig *rig)
{
	sfs_auto(rig->sfs);
	put(rig, 0, 100000);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	/* nothing of it in the clear, in no block */
	for (size_t at = 0; at + 16 <= 100000; at += 16)
		nwb_check(memcmp(rig->file->dur + at, buf + at, 16));
	nwb_check(server_has(rig->file->dur, 0, 100000));
	/* whole units, zeros behind the end */
	nwb_check_eq(rig->file->dur_size, NWB_ROUND_UP(100000, UNIT));
	memset(buf + 100000, 0, UNIT);
	nwb_check(server_has(rig->file->dur, 100000,
			     rig->file->dur_size - 100000));
	nwb_check_eq(nwb_inode_size(rig->inode), 100000);
	nwb_check_eq(stats_of(rig).crypto_bytes, rig->file->dur_size);
	nwb_check_eq(stats_of(rig).crypto_fills, 0);
	nwb_check(reads(rig, 0, 100000));
}

NWB_TEST(crypto, item10_the_server_gets_cipher_text)
{
	for (int mode = NWB_IN_PLACE; mode <= NWB_TEMP_PAGE; mode++) {
		struct nwb_netfs_opts opts = crypt_opts((enum nwb_wb_mode)mode);

		run_seeds(&opts, cipher_body);
	}
}

/* A wsize that is no multiple of the unit (9P): no unit lies in two. */
static void odd_wsize_body(struct sfs_rig *rig)
{
	sfs_auto(rig->sfs);
	put(rig, 0, 300000);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check(server_has(rig->file->dur, 0, 300000));
	for (unsigned int i = 0; i < rig->sfs->nr_log; i++) {
		nwb_check_eq(rig->sfs->log[i].start % UNIT, 0);
		nwb_check_eq(rig->sfs->log[i].len % UNIT, 0);
		nwb_check(rig->sfs->log[i].len <= 65512);
	}
}

NWB_TEST(crypto, item10_units_are_not_cut)
{
	struct nwb_netfs_opts opts = crypt_opts(NWB_IN_PLACE);

	sfs_run(1, &opts, 65512, 0, odd_wsize_body);
}

static void hole_body(struct sfs_rig *rig)
{
	sfs_auto(rig->sfs);
	put(rig, 200000, 1000);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	/* what nobody wrote is a hole on the server, and zeros here */
	for (size_t i = 0; i < 200000 / UNIT * UNIT; i++)
		nwb_check_eq(rig->file->dur[i], 0);
	nwb_inode_invalidate(rig->inode, rig->file->vol_size);
	nwb_check_eq(nwb_inode_size(rig->inode), 201000);
	memset(buf, 0, 200000);
	nwb_check(reads(rig, 0, 201000));
}

NWB_TEST(crypto, item10_holes_are_zeros)
{
	struct nwb_netfs_opts opts = crypt_opts(NWB_IN_PLACE);

	sfs_run(1, &opts, 65536, 0, hole_body);
}

/* --- preparation ---------------------------------------------------------- */

static uint64_t waits_seen;

/* Subrequests are made before their bytes are encrypted, and wait. */
static void waits_body(struct sfs_rig *rig)
{
	put(rig, 0, 400000);
	nwb_file_writeback(rig->f);
	sfs_wait_pending(rig->sfs, 6);
	waits_seen += stats_of(rig).crypto_waits;
	sfs_auto(rig->sfs);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check(server_has(rig->file->dur, 0, 400000));
}

NWB_TEST(crypto, item10_subrequests_wait_for_the_preparation)
{
	for (int mode = NWB_IN_PLACE; mode <= NWB_TEMP_PAGE; mode++) {
		struct nwb_netfs_opts opts = crypt_opts((enum nwb_wb_mode)mode);

		/* the seed decides who is first; one in five waits */
		waits_seen = 0;
		for (uint64_t seed = 1; seed < 200 && waits_seen < 3; seed++)
			sfs_run(seed, &opts, 65536, 0, waits_body);
		nwb_check(waits_seen > 0);
	}
}

/* What is on the wire does not change under it, and the second write goes out
 * after the first. */
static void stable_body(struct sfs_rig *rig)
{
	static uint8_t first[8192];

	put_seed(rig, 0, 8192, 1);
	memcpy(first, buf, sizeof(first));
	nwb_file_writeback(rig->f);
	sfs_wait_pending(rig->sfs, 1);
	put_seed(rig, 100, 50, 2);
	nwb_file_writeback(rig->f);
	wait_nap(rig);
	nwb_check_eq(sfs_pending(rig->sfs), 1);
	sfs_complete(rig->sfs, 0, SFS_ALL);
	sfs_wait_pending(rig->sfs, 1);
	nwb_check_eq(rig->sfs->log[1].start, 0);
	nwb_check_eq(rig->sfs->log[1].len, UNIT);
	memcpy(got + 100000, buf, 8192);
	memcpy(buf, first, 8192);
	nwb_check(server_has(rig->file->vol, 0, 8192));
	memcpy(buf, got + 100000, 8192);
	sfs_auto(rig->sfs);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check(server_has(rig->file->dur, 0, 8192));
}

NWB_TEST(crypto, item10_payload_is_of_one_instant)
{
	struct nwb_netfs_opts opts = crypt_opts(NWB_IN_PLACE);

	run_seeds(&opts, stable_body);
}

/* --- read-modify-write ---------------------------------------------------- */

/* A file that is there: three bytes of it are changed by who has nothing of it
 * cached. */
static void rmw_body(struct sfs_rig *rig)
{
	begin_foreign(rig);
	sfs_auto(rig->sfs);
	put_seed(rig, 5001, 3, 6);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check_eq(stats_of(rig).crypto_fills, 1);
	nwb_check_eq(rig->sfs->nr_log, 1);
	nwb_check_eq(rig->sfs->log[0].start, 5001 / UNIT * UNIT);
	nwb_check_eq(rig->sfs->log[0].len, UNIT);
	nwb_check(server_has(rig->file->dur, 0, 20000));
	nwb_check(reads(rig, 0, 20000));
}

NWB_TEST(crypto, item10_partial_units_are_read_first)
{
	for (int mode = NWB_IN_PLACE; mode <= NWB_TEMP_PAGE; mode++) {
		struct nwb_netfs_opts opts = crypt_opts((enum nwb_wb_mode)mode);

		run_seeds(&opts, rmw_body);
	}
}

/* The read is done by somebody else: what needs none is sent meanwhile. */
static void rmw_async_body(struct sfs_rig *rig)
{
	sfs_fill(buf, 50000, 5);
	somebody_writes(rig, 0, 50000, 5);
	nwb_inode_invalidate(rig->inode, rig->file->vol_size);
	rig->sfs->hold_read = true;
	put_seed(rig, 5001, 3, 6);
	put_seed(rig, 32768, 4096, 7);
	nwb_file_writeback(rig->f);
	sfs_wait_pending(rig->sfs, 1);
	nwb_check_eq(rig->sfs->log[0].start, 32768);
	sfs_hold_read(rig->sfs, false);
	sfs_wait_pending(rig->sfs, 2);
	nwb_check_eq(rig->sfs->log[1].start, 5001 / UNIT * UNIT);
	sfs_auto(rig->sfs);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check(server_has(rig->file->dur, 0, 50000));
}

NWB_TEST(crypto, item10_nothing_waits_for_somebody_elses_read)
{
	struct nwb_netfs_opts opts = crypt_opts(NWB_IN_PLACE);

	run_seeds(&opts, rmw_async_body);
}

static void rmw_fails_body(struct sfs_rig *rig)
{
	static uint8_t before[20480];

	begin_foreign(rig);
	sfs_auto(rig->sfs);
	memcpy(before, rig->file->vol, sizeof(before));
	rig->sfs->read_error = -EIO;
	put_seed(rig, 5001, 3, 6);
	/* told, and nothing half made was sent */
	nwb_check_eq(nwb_file_fsync(rig->f), -EIO);
	nwb_check_eq(rig->sfs->nr_log, 0);
	nwb_check_eq(rig->sfs->nr_gaveup, 1);
	nwb_check(rig->sfs->gaveup_refused);
	nwb_check(!memcmp(before, rig->file->vol, sizeof(before)));
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	/* the next one may do better */
	rig->sfs->read_error = 0;
	put_seed(rig, 5001, 3, 6);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check(server_has(rig->file->dur, 0, 20000));
}

NWB_TEST(crypto, item10_a_failed_preparation_is_told)
{
	struct nwb_netfs_opts opts = crypt_opts(NWB_IN_PLACE);

	run_seeds(&opts, rmw_fails_body);
}

static void fsync_main(void *arg)
{
	struct sfs_rig *rig = arg;

	nwb_check_eq(nwb_file_fsync(rig->f), -EIO);
}

/* Two folios that cannot be prepared, and one between them that can. */
static void between_body(struct sfs_rig *rig)
{
	struct nwb_task *task;

	begin_foreign(rig);
	sfs_auto(rig->sfs);
	sfs_hold_read(rig->sfs, true);
	put_seed(rig, 1, 3, 6);
	put_seed(rig, 8193, 3, 7);
	nwb_file_writeback(rig->f); /* both are being read */
	wait_nap(rig);
	put_seed(rig, 4096, 4096, 8);
	nwb_check_eq(nwb_task_spawn(rig->ex, "fsync", fsync_main, rig, &task),
		     0);
	wait_nap(rig);
	rig->sfs->read_error = -EIO;
	sfs_hold_read(rig->sfs, false);
	nwb_task_join(task);
	nwb_check_eq(rig->sfs->nr_gaveup, 2);
	nwb_check_eq(rig->sfs->nr_log, 1);
	nwb_check(server_has(rig->file->dur, 4096, 4096));
}

NWB_TEST(crypto, item10_nothing_fails_with_its_neighbours)
{
	struct nwb_netfs_opts opts = crypt_opts(NWB_IN_PLACE);

	for (uint64_t seed = 1; seed < 8; seed++)
		sfs_run(seed, &opts, 65536, 0, between_body);
}

/* --- what else there is --------------------------------------------------- */

static void truncate_body(struct sfs_rig *rig)
{
	sfs_auto(rig->sfs);
	put(rig, 0, 20000);
	nwb_check_eq(nwb_file_truncate(rig->f, 10001), 0);
	nwb_check_eq(rig->file->dur_size, NWB_ROUND_UP(10001, UNIT));
	/* nothing of it is left in the last unit */
	memset(buf + 10001, 0, 10000);
	nwb_check(server_has(rig->file->dur, 0, rig->file->dur_size));
	nwb_check_eq(nwb_inode_size(rig->inode), 10001);
	/* nor comes back when the file grows */
	put(rig, 15000, 10);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check(server_has(rig->file->dur, 0, 15010));
	nwb_check(reads(rig, 0, 15010));
}

NWB_TEST(crypto, item10_truncate_leaves_nothing_behind)
{
	struct nwb_netfs_opts opts = crypt_opts(NWB_IN_PLACE);

	run_seeds(&opts, truncate_body);
	opts.cache_mode = NWB_CACHE_NONE;
	sfs_run(1, &opts, 65536, 0, truncate_body);
}

/* Nothing of the last unit is cached when the file is cut in it. */
static void truncate_cold_body(struct sfs_rig *rig)
{
	begin_foreign(rig);
	sfs_auto(rig->sfs);
	nwb_check_eq(nwb_file_truncate(rig->f, 10001), 0);
	memset(buf + 10001, 0, 10000);
	nwb_check_eq(rig->file->dur_size, NWB_ROUND_UP(10001, UNIT));
	nwb_check(server_has(rig->file->dur, 0, rig->file->dur_size));
	nwb_check(reads(rig, 0, 10001));
}

NWB_TEST(crypto, item10_truncate_of_what_is_not_cached)
{
	struct nwb_netfs_opts opts = crypt_opts(NWB_IN_PLACE);

	sfs_run(1, &opts, 65536, 0, truncate_cold_body);
}

static void through_body(struct sfs_rig *rig)
{
	sfs_auto(rig->sfs);
	put(rig, 0, 10000);
	nwb_check(server_has(rig->file->vol, 0, 10000));
	nwb_check(reads(rig, 0, 10000));
	nwb_check(reads(rig, 700, 5));
	sfs_fill(buf + 3000, 100, 9);
	somebody_writes(rig, 3000, 100, 9);
	nwb_check(reads(rig, 0, 10000));
	put(rig, 3101, 2);
	nwb_check(server_has(rig->file->vol, 0, 10000));
	/* O_DIRECT is a synchronous buffered write */
	nwb_file_set_flags(rig->f, NWB_F_DIRECT);
	put(rig, 4001, 77);
	nwb_check(server_has(rig->file->dur, 0, 10000));
	nwb_check_eq(stats_of(rig).direct_writes, 0);
}

NWB_TEST(crypto, item10_past_the_cache)
{
	struct nwb_netfs_opts opts = crypt_opts(NWB_IN_PLACE);

	opts.cache_mode = NWB_CACHE_NONE;
	run_seeds(&opts, through_body);
}

/* The server forgot what it had acked: sent again, encrypted again. */
static void crash_body(struct sfs_rig *rig)
{
	sfs_auto(rig->sfs);
	put(rig, 0, 30001);
	nwb_check_eq(nwb_file_flush(rig->f), 0);
	sfs_reset(rig->sfs, false, true);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check(server_has(rig->file->dur, 0, 30001));
	nwb_check(stats_of(rig).unstable_resent > 0);
}

NWB_TEST(crypto, item10_sent_again_after_a_crash)
{
	struct nwb_netfs_opts opts = crypt_opts(NWB_IN_PLACE);

	run_seeds(&opts, crash_body);
}

/* A unit goes in two pieces, and the crash is between their acks: the first one,
 * which has our byte, is lost, and the ack of the other is none for it. */
static void halves_body(struct sfs_rig *rig)
{
	put(rig, 0, 1);
	nwb_file_writeback(rig->f);
	sfs_wait_pending(rig->sfs, 2);
	sfs_complete(rig->sfs, 0, SFS_ALL);
	sfs_reset(rig->sfs, false, true);
	sfs_auto(rig->sfs);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check_eq(rig->file->dur_size, UNIT);
	nwb_check(server_has(rig->file->dur, 0, 1));
	nwb_check_eq(stats_of(rig).unstable_resent, 1);
}

NWB_TEST(crypto, item10_the_ack_of_a_filling_is_its_own)
{
	struct nwb_netfs_opts opts = crypt_opts(NWB_IN_PLACE);

	for (uint64_t seed = 1; seed < 5; seed++)
		sfs_run(seed, &opts, 300, 0, halves_body);
}

/* What was acked and forgotten is sent again; what only filled its unit is as
 * somebody else has left it since. */
static void forgotten_body(struct sfs_rig *rig)
{
	begin_foreign(rig);
	nwb_inode_set_caching(rig->inode, NWB_MAY_READ | NWB_MAY_WRITE);
	sfs_auto(rig->sfs);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	put_seed(rig, 5200, 100, 6);
	nwb_check_eq(nwb_file_flush(rig->f), 0);
	sfs_reset(rig->sfs, false, true);
	sfs_fill(buf + 5500, 50, 8);
	somebody_writes(rig, 5500, 50, 8);
	nwb_inode_invalidate(rig->inode, rig->file->vol_size);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check_eq(stats_of(rig).unstable_resent, 100);
	nwb_check(server_has(rig->file->dur, 0, 20000));
	nwb_check(reads(rig, 0, 20000));
}

NWB_TEST(crypto, item10_only_what_is_ours_is_sent_again)
{
	struct nwb_netfs_opts opts = crypt_opts(NWB_IN_PLACE);

	opts.cache_mode = NWB_CACHE_STRICT;
	for (uint64_t seed = 1; seed < 5; seed++)
		sfs_run(seed, &opts, 65536, 0, forgotten_body);
}

/* A unit that another server acked goes again, since a part of it was written:
 * only that part is owed for the new ack, the older bytes are still owed. */
static void older_body(struct sfs_rig *rig)
{
	nwb_inode_set_caching(rig->inode, NWB_MAY_READ | NWB_MAY_WRITE);
	put_seed(rig, 0, UNIT, 5);
	nwb_file_writeback(rig->f);
	sfs_wait_pending(rig->sfs, 1);
	sfs_complete(rig->sfs, 0, SFS_ALL);
	nwb_check_eq(nwb_file_flush(rig->f), 0);
	put_seed(rig, 200, UNIT - 200, 6);
	nwb_file_writeback(rig->f);
	sfs_wait_pending(rig->sfs, 1);
	sfs_reset(rig->sfs, false, true);
	sfs_wait_pending(rig->sfs, 1);
	sfs_complete(rig->sfs, 0, SFS_ALL);
	/* dirty now, and then the cache forgets what is not ours */
	wait_nap(rig);
	sfs_reset(rig->sfs, false, true);
	nwb_inode_invalidate(rig->inode, rig->file->vol_size);
	sfs_auto(rig->sfs);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check(server_has(rig->file->dur, 0, UNIT));
	nwb_check(reads(rig, 0, UNIT));
}

NWB_TEST(crypto, item10_a_newer_ack_of_a_part)
{
	struct nwb_netfs_opts opts = crypt_opts(NWB_IN_PLACE);

	opts.cache_mode = NWB_CACHE_STRICT;
	for (uint64_t seed = 1; seed < 5; seed++)
		sfs_run(seed, &opts, 65536, 0, older_body);
}

static bool is_broken;

static int watch(void *arg, const struct nwb_mutex *m)
{
	struct nwb_netfs_broken b;

	is_broken |= !nwb_netfs_check_section(arg, m, &b);
	return 0;
}

/* Of our last unit only a part has arrived when the file is opened again: the
 * content ends where we say. */
static void part_body(struct sfs_rig *rig)
{
	sfs_auto(rig->sfs);
	put(rig, 0, UNIT + 188);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	for (uint64_t size = UNIT + 16; size <= 2 * UNIT; size += 16) {
		nwb_inode_invalidate(rig->inode, size);
		nwb_check_eq(nwb_inode_size(rig->inode), UNIT + 188);
	}
	nwb_inode_invalidate(rig->inode, 3 * UNIT);
	nwb_check_eq(nwb_inode_size(rig->inode), 3 * UNIT);
	nwb_inode_invalidate(rig->inode, UNIT);
	nwb_check_eq(nwb_inode_size(rig->inode), UNIT);
}

NWB_TEST(crypto, item10_a_part_of_a_unit_is_no_size)
{
	struct nwb_netfs_opts opts = crypt_opts(NWB_IN_PLACE);

	opts.cache_mode = NWB_CACHE_STRICT;
	run_seeds(&opts, part_body);
}

/* What fills a unit that is on its way is not ours: forgotten with the rest. */
static void forget_body(struct sfs_rig *rig)
{
	begin_rmw(rig, 5200);
	sfs_fill(buf + 5500, 50, 8);
	somebody_writes(rig, 5500, 50, 8);
	nwb_inode_invalidate(rig->inode, rig->file->vol_size);
	nwb_check(reads(rig, 5200, 400));
	sfs_auto(rig->sfs);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
}

NWB_TEST(crypto, item10_what_fills_a_unit_is_forgotten)
{
	struct nwb_netfs_opts opts = crypt_opts(NWB_IN_PLACE);

	opts.cache_mode = NWB_CACHE_STRICT;
	run_seeds(&opts, forget_body);
}

/* What was read for a local cache that is no more goes nowhere, and is
 * encrypted all the same: nothing of it ends before. */
static void nowhere_body(struct sfs_rig *rig)
{
	struct nwb_netfs_check *c;

	nwb_check_eq(nwb_netfs_check_new(rig->sfs->nf, &c), 0);
	nwb_exec_sim_watch(rig->ex, watch, c);
	sfs_use_cache(rig->sfs, rig->inode);
	sfs_fill(buf, 80000, 5);
	somebody_writes(rig, 0, 80000, 5);
	nwb_inode_invalidate(rig->inode, rig->file->vol_size);
	sfs_auto(rig->sfs);
	for (unsigned int i = 0; i < 3; i++) {
		nwb_check(reads(rig, 0, 80000)); /* to be copied there */
		atomic_store(&rig->inode->is_side_lost, true);
		nwb_file_writeback(rig->f);
		wait_nap(rig);
		put_seed(rig, 0, 30000, i + 6);
		nwb_check_eq(nwb_file_fsync(rig->f), 0);
		nwb_check(server_has(rig->file->dur, 0, 80000));
		atomic_store(&rig->inode->is_side_lost, false);
		nwb_inode_invalidate(rig->inode, rig->file->vol_size);
	}
	nwb_check(stats_of(rig).copy_to_cache >= 3);
	nwb_exec_sim_watch(rig->ex, NULL, NULL);
	nwb_netfs_check_free(c);
	nwb_check(!is_broken);
}

NWB_TEST(crypto, item10_a_copy_that_nobody_wants)
{
	struct nwb_netfs_opts opts = crypt_opts(NWB_IN_PLACE);

	for (uint64_t seed = 1; seed < 20; seed++)
		sfs_run(seed, &opts, 65536, 0, nowhere_body);
}

/* The local cache keeps cipher text, too, and what it has is readable. */
static void cache_body(struct sfs_rig *rig)
{
	sfs_use_cache(rig->sfs, rig->inode);
	sfs_auto(rig->sfs);
	put(rig, 0, 50000);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check(server_has(rig->file->dur, 0, 50000));
	nwb_check(stats_of(rig).cache_bytes >= 50000);
}

NWB_TEST(crypto, item10_with_a_local_cache)
{
	for (int mode = NWB_IN_PLACE; mode <= NWB_TEMP_PAGE; mode++) {
		struct nwb_netfs_opts opts = crypt_opts((enum nwb_wb_mode)mode);

		run_seeds(&opts, cache_body);
	}
}

/* By dice: short writes, resets, crashes; odd writes all over the file. */
static void dice_body(struct sfs_rig *rig)
{
	struct sfs *sfs = rig->sfs;
	struct nwb_netfs *nf = sfs->nf;
	size_t size = 60000;

	memset(buf, 0, sizeof(buf));
	sfs->dice = (struct sfs_dice){
		.is_on = true,
		.p_short = 60,
		.p_zero = 10,
		.p_reset = 30,
		.p_crash = 15,
		.p_flush_abort = 50,
		/* less than a block would be torn for good */
		.p_small_max = nwb_netfs_get_opts(nf)->cache_mode ? 0 : 100,
		.latency_ns = 2 * NWB_MSEC,
	};
	sfs_auto(sfs);
	put(rig, 0, size);
	for (unsigned int i = 0; i < 150; i++) {
		uint64_t r = sfs_random(sfs, 100);
		uint64_t pos = sfs_random(sfs, size);
		size_t len = 1 + sfs_random(sfs, 3000);

		if (r < 70) {
			put_seed(rig, pos, len, i);
			size = nwb_max(size, pos + len);
		} else if (r < 80) {
			nwb_check(reads(rig, pos, 1));
		} else if (r < 90) {
			nwb_check_eq(nwb_file_fsync(rig->f), 0);
		} else {
			nwb_file_writeback(rig->f);
		}
	}
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	size = nwb_inode_size(rig->inode);
	nwb_check(server_has(rig->file->dur, 0, size));
	nwb_check(reads(rig, 0, size));
}

NWB_TEST(crypto, item10_by_dice)
{
	static const enum nwb_cache_mode caches[] = {NWB_CACHE_ALWAYS,
						     NWB_CACHE_NONE};
	uint64_t seed = 1;

	for (int mode = NWB_IN_PLACE; mode <= NWB_TEMP_PAGE; mode++) {
		for (unsigned int c = 0; c < NWB_ARRAY_SIZE(caches); c++) {
			struct nwb_netfs_opts opts =
				crypt_opts((enum nwb_wb_mode)mode);

			opts.cache_mode = caches[c];
			opts.max_attempts = 1000;
			for (int n = 0; n < 25; n++)
				sfs_run(seed++, &opts, 16384, 0, dice_body);
		}
	}
}

NWB_TEST(crypto, item10_bad_options)
{
	static const uint32_t units[] = {1, 256, 700, 8192};
	struct nwb_netfs_opts opts = crypt_opts(NWB_IN_PLACE);
	struct nwb_err err = {0};
	struct nwb_netfs *nf;
	struct nwb_exec *ex;

	nwb_check_eq(nwb_exec_real_new(NULL, &ex, &err), 0);
	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(units); i++) {
		opts.crypto_unit = units[i];
		nwb_check_eq(nwb_netfs_new(ex, &opts, &sfs_ops, NULL, NULL, &nf,
					   &err),
			     -EINVAL);
		nwb_check(strstr(err.text, "data unit") != NULL);
	}
	opts.crypto_unit = 0;
	opts.mode = NWB_TEMP_PAGE;
	opts.no_copy = true; /* it would encrypt the page cache itself */
	nwb_check_eq(nwb_netfs_new(ex, &opts, &sfs_ops, NULL, NULL, &nf, &err),
		     -EINVAL);
	nwb_check(strstr(err.text, "a copy") != NULL);
	opts.no_copy = false;
	opts.flavour = NWB_LINUX_7_2;
	nwb_check_eq(nwb_netfs_new(ex, &opts, &sfs_ops, NULL, NULL, &nf, &err),
		     -EOPNOTSUPP);
	nwb_check(strstr(err.text, "flavour strict") != NULL);
	nwb_exec_free(ex);
}
