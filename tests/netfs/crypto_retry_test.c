/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Behaviour 10: content crypto when something is sent again. */
#include "crypto_words.h"

#include <errno.h>

/* --- retry ---------------------------------------------------------------- */

static void wind_back_body(struct sfs_rig *rig)
{
	put(rig, 0, 8192);
	nwb_file_writeback(rig->f);
	sfs_wait_pending(rig->sfs, 1);
	sfs_complete(rig->sfs, 0, 5000);
	sfs_wait_pending(rig->sfs, 1);
	/* the unit in which it ended is sent again */
	nwb_check_eq(rig->sfs->log[1].start, 5000 / UNIT * UNIT);
	nwb_check_eq(rig->sfs->log[1].len, 8192 - 5000 / UNIT * UNIT);
	sfs_auto(rig->sfs);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check(server_has(rig->file->dur, 0, 8192));
}

NWB_TEST(crypto, item10_a_retry_begins_at_a_unit)
{
	struct nwb_netfs_opts opts = crypt_opts(NWB_IN_PLACE);

	for (int s = 0; s < NWB_NR_RETRY_STRATEGIES; s++) {
		if (s == NWB_RETRY_SMALLER_BITS)
			continue; /* its own length */
		opts.strategy = (enum nwb_retry_strategy)s;
		sfs_run(1, &opts, 65536, 0, wind_back_body);
	}
}

/* Somebody else changed the other half of the unit while ours was on its way:
 * both changes are there in the end. */
static void changed_body(struct sfs_rig *rig)
{
	uint64_t nr;

	sfs_use_cache(rig->sfs, rig->inode);
	begin_rmw(rig, 5200);
	nwb_check_eq(rig->sfs->log[0].len, UNIT);
	nr = rig->sfs->nr_cache_invalidated;
	sfs_reset(rig->sfs, false, false);
	/* before the retry is due */
	sfs_fill(buf + 5500, 50, 8);
	somebody_writes(rig, 5500, 50, 8);
	wait_nap(rig);
	nwb_check_eq(sfs_pending(rig->sfs), 1);
	nwb_check_eq(stats_of(rig).crypto_refreshed, 1);
	nwb_check_eq(stats_of(rig).crypto_changed, 1);
	/* what the local cache was given is not the server's any more */
	nwb_check_eq(rig->sfs->nr_cache_invalidated, nr + 1);
	sfs_auto(rig->sfs);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check(server_has(rig->file->dur, 0, 20000));
	/* here, too */
	nwb_check(reads(rig, 5120, UNIT));
}

NWB_TEST(crypto, item10_a_retry_keeps_what_somebody_else_wrote)
{
	struct nwb_netfs_opts opts = crypt_opts(NWB_IN_PLACE);

	opts.cache_mode = NWB_CACHE_STRICT;
	opts.retry_backoff_ns = 100 * NWB_MSEC;
	for (int s = 0; s < NWB_NR_RETRY_STRATEGIES; s++) {
		opts.strategy = (enum nwb_retry_strategy)s;
		run_seeds(&opts, changed_body);
	}
}

/* The same in the last unit of several. */
static void last_unit_body(struct sfs_rig *rig)
{
	begin_foreign(rig);
	nwb_inode_set_caching(rig->inode, NWB_MAY_READ | NWB_MAY_WRITE);
	put_seed(rig, 5200, 1000, 6);
	nwb_file_writeback(rig->f);
	sfs_wait_pending(rig->sfs, 1);
	nwb_check_eq(rig->sfs->log[0].len, 3 * UNIT);
	sfs_reset(rig->sfs, false, false);
	sfs_fill(buf + 6300, 50, 8);
	somebody_writes(rig, 6300, 50, 8);
	sfs_auto(rig->sfs);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check_eq(stats_of(rig).crypto_refreshed, 2);
	nwb_check_eq(stats_of(rig).crypto_changed, 1);
	nwb_check(server_has(rig->file->dur, 0, 20000));
	nwb_check(reads(rig, 5120, 3 * UNIT));
}

NWB_TEST(crypto, item10_a_retry_looks_at_both_ends)
{
	struct nwb_netfs_opts opts = crypt_opts(NWB_IN_PLACE);

	opts.cache_mode = NWB_CACHE_STRICT;
	opts.retry_backoff_ns = 100 * NWB_MSEC;
	for (uint64_t seed = 1; seed < 4; seed++)
		sfs_run(seed, &opts, 65536, 0, last_unit_body);
}

/* Somebody else may have the file, too. */
static void where_others_write(void (*body)(struct sfs_rig *rig))
{
	struct nwb_netfs_opts opts = crypt_opts(NWB_IN_PLACE);

	opts.cache_mode = NWB_CACHE_STRICT;
	run_seeds(&opts, body);
}

/* All goes well from here on: the unit is read again, and what is there is what
 * was. */
static void nobody_else_wrote(struct sfs_rig *rig)
{
	sfs_auto(rig->sfs);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check_eq(stats_of(rig).crypto_refreshed, 1);
	nwb_check_eq(stats_of(rig).crypto_changed, 0);
}

/* Our own first attempt arrived, its answer did not: nothing has changed. */
static void own_body(struct sfs_rig *rig)
{
	begin_rmw(rig, 5200);
	sfs_reset(rig->sfs, true, false);
	nobody_else_wrote(rig);
	nwb_check(server_has(rig->file->dur, 0, 20000));
}

NWB_TEST(crypto, item10_our_own_first_attempt_is_no_change)
{
	where_others_write(own_body);
}

/* A short write that ended within a block of the part that is not ours. */
static void torn_body(struct sfs_rig *rig)
{
	begin_rmw(rig, 5203);
	/* ends in the block that holds 5200..5215, theirs and ours */
	sfs_complete(rig->sfs, 0, 5207 - 5120);
	nobody_else_wrote(rig);
	nwb_check(server_has(rig->file->dur, 0, 20000));
}

NWB_TEST(crypto, item10_a_block_that_we_tore_is_not_believed)
{
	where_others_write(torn_body);
}

/* In what only fills the unit, behind the end of the file: there the server has
 * neither the zeros nor the hole. */
static void torn_tail_body(struct sfs_rig *rig)
{
	nwb_inode_set_caching(rig->inode, NWB_MAY_READ | NWB_MAY_WRITE);
	memset(buf, 0, 8192);
	put_seed(rig, 5203, 100, 6);
	nwb_file_writeback(rig->f);
	sfs_wait_pending(rig->sfs, 1);
	nwb_check_eq(rig->sfs->log[0].start, 5120);
	sfs_complete(rig->sfs, 0, 403);
	nobody_else_wrote(rig);
	nwb_check(server_has(rig->file->dur, 5120, UNIT));
}

NWB_TEST(crypto, item10_nor_one_of_what_fills_the_unit)
{
	struct nwb_netfs_opts opts = crypt_opts(NWB_IN_PLACE);

	opts.cache_mode = NWB_CACHE_STRICT;
	for (uint64_t seed = 1; seed < 10; seed++)
		sfs_run(seed, &opts, 65536, 0, torn_tail_body);
}

/* What was torn and given up is told from the beginning of its unit on: one
 * block of what was acknowledged can be read by nobody. */
static void torn_gaveup_body(struct sfs_rig *rig)
{
	put(rig, 0, 8192);
	nwb_file_writeback(rig->f);
	sfs_wait_pending(rig->sfs, 1);
	sfs_complete(rig->sfs, 0, 1000);
	nwb_check_eq(nwb_file_fsync(rig->f), -EIO);
	nwb_check_eq(rig->sfs->gaveup_start, 512);
	sfs_auto(rig->sfs);
}

NWB_TEST(crypto, item10_what_was_torn_and_given_up_is_told)
{
	struct nwb_netfs_opts opts = crypt_opts(NWB_IN_PLACE);

	opts.max_attempts = 1;
	sfs_run(1, &opts, 65536, 0, torn_gaveup_body);
}

/* An object is no file: it is sent as it is, by any strategy. */
static void object_body(struct sfs_rig *rig)
{
	static uint8_t mem[8192] __attribute__((aligned(4096)));
	struct iovec vec = {mem, sizeof(mem)};
	struct nwb_blob blob;

	sfs_fill(mem, 5000, 3);
	nwb_blob_init(&blob, &vec, 1, 5000, NULL);
	nwb_check_eq(
		nwb_writeback_single(rig->inode, NWB_WB_SYNC_NONE, 0, &blob),
		0);
	sfs_wait_pending(rig->sfs, 1);
	sfs_reset(rig->sfs, false, false);
	sfs_auto(rig->sfs);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_blob_put(&blob);
	nwb_check(!memcmp(rig->file->dur, mem, 5000));
	nwb_check_eq(rig->file->dur_size, 5000);
}

NWB_TEST(crypto, item10_an_object_is_sent_as_it_is)
{
	struct nwb_netfs_opts opts = crypt_opts(NWB_IN_PLACE);

	for (int s = 0; s < NWB_NR_RETRY_STRATEGIES; s++) {
		opts.strategy = (enum nwb_retry_strategy)s;
		for (uint64_t seed = 1; seed < 10; seed++)
			sfs_run(seed, &opts, 65536, 0, object_body);
	}
}

static void refresh_fails_body(struct sfs_rig *rig)
{
	begin_rmw(rig, 5200);
	rig->sfs->read_error = -EACCES;
	sfs_reset(rig->sfs, false, false);
	nwb_check_eq(nwb_file_fsync(rig->f), -EACCES);
	nwb_check_eq(rig->sfs->nr_log, 1);
	nwb_check_eq(rig->sfs->nr_gaveup, 1);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
}

NWB_TEST(crypto, item10_a_retry_that_cannot_be_prepared_fails)
{
	where_others_write(refresh_fails_body);
}
