/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Content crypto. What the scripted server has is decrypted by lib/ledger's own
 * AES, which shares no code with the client's cipher (nettle's).
 */
#include "nwb/mem.h"
#include "nwb/stamp.h"
#include "nwb_test.h"
#include "scripted.h"

#include <errno.h>
#include <string.h>

#define UNIT 512u

static const uint8_t raw_key[NWB_CRYPT_KEY] = {
	1,  2,	3,  4,	5,  6,	7,  8,	9,  10, 11, 12, 13, 14, 15, 16,
	17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32};
static uint8_t buf[1 << 20], got[1 << 20];

static struct nwb_netfs_opts crypt_opts(enum nwb_wb_mode mode)
{
	return (struct nwb_netfs_opts){
		.mode = mode,
		.crypto_key = raw_key,
		.crypto_unit = UNIT,
	};
}

static struct nwb_stamp_key oracle_key(void)
{
	static const uint8_t zero[16];
	struct nwb_stamp_key k;

	nwb_stamp_key_init(&k, zero);
	nwb_stamp_key_crypt(&k, raw_key, UNIT);
	return k;
}

/* --- both sides ----------------------------------------------------------- */

static void put_seed(struct sfs_rig *rig, uint64_t pos, size_t len,
		     uint64_t seed)
{
	sfs_fill(buf + pos, len, seed);
	nwb_check_eq(nwb_file_write(rig->f, buf + pos, len, pos), len);
}

static void put(struct sfs_rig *rig, uint64_t pos, size_t len)
{
	put_seed(rig, pos, len, pos + 1);
}

static bool reads(struct sfs_rig *rig, uint64_t pos, size_t len)
{
	nwb_check_eq(nwb_file_read(rig->f, got, len, pos), len);
	return !memcmp(got, buf + pos, len);
}

/* Does the server keep @len bytes of @buf, as cipher text? */
static bool server_has(const uint8_t *mem, uint64_t pos, size_t len)
{
	uint64_t from = pos - pos % UNIT;
	size_t all = NWB_ROUND_UP(pos + len, UNIT) - from;
	struct nwb_stamp_key k = oracle_key();

	nwb_stamp_decrypt(&k, from, mem + from, got, all);
	return !memcmp(got + (pos - from), buf + pos, len);
}

static void wait_nap(struct sfs_rig *rig)
{
	nwb_sleep_until(rig->ex, nwb_now_ns(rig->ex) + 300 * NWB_MSEC);
}

/* Another client with the same key writes: the units, with @len bytes of
 * @seed at @pos. XTS is its own neighbour's inverse, so a second mount is the
 * simplest way to encrypt. */
static void somebody_writes(struct sfs_rig *rig, uint64_t pos, size_t len,
			    uint64_t seed)
{
	struct nwb_netfs_opts opts = crypt_opts(NWB_IN_PLACE);
	static uint8_t data[SFS_FILE_MAX];
	struct nwb_inode *inode;
	struct sfs_file *file;
	struct nwb_file *f;
	struct sfs *other;

	opts.cache_bytes = NWB_MIB;
	opts.temp_bytes = NWB_MIB;
	other = sfs_new(rig->ex, 7, &opts);
	file = sfs_file_new(other);

	nwb_mutex_lock(&rig->sfs->lock);
	memcpy(file->vol, rig->file->vol, SFS_FILE_MAX);
	file->vol_size = rig->file->vol_size;
	nwb_mutex_unlock(&rig->sfs->lock);
	other->wsize = 65536;
	sfs_auto(other);
	nwb_check_eq(nwb_inode_new(other->nf, 1, file, file->vol_size, &inode),
		     0);
	nwb_check_eq(nwb_file_open(inode, &f), 0);
	sfs_fill(data, len, seed);
	nwb_check_eq(nwb_file_write(f, data, len, pos), len);
	nwb_check_eq(nwb_file_fsync(f), 0);
	nwb_mutex_lock(&rig->sfs->lock);
	memcpy(rig->file->vol, file->vol, SFS_FILE_MAX);
	rig->file->vol_size = file->vol_size;
	nwb_mutex_unlock(&rig->sfs->lock);
	nwb_check_eq(nwb_file_close(f, true), 0);
	nwb_inode_put(inode);
	sfs_free(other);
	nwb_free(file);
}

/* The file is somebody else's, and buf has what is in it. */
static void begin_foreign(struct sfs_rig *rig)
{
	sfs_fill(buf, 20000, 5);
	somebody_writes(rig, 0, 20000, 5);
	nwb_inode_invalidate(rig->inode, rig->file->vol_size);
}

/* And 100 bytes of ours, which are not a whole unit, are on their way to @pos. */
static void begin_rmw(struct sfs_rig *rig, uint64_t pos)
{
	begin_foreign(rig);
	nwb_inode_set_caching(rig->inode, NWB_MAY_READ | NWB_MAY_WRITE);
	put_seed(rig, pos, 100, 6);
	nwb_file_writeback(rig->f);
	sfs_wait_pending(rig->sfs, 1);
}

static void run_seeds(const struct nwb_netfs_opts *opts,
		      void (*body)(struct sfs_rig *rig))
{
	for (uint64_t seed = 1; seed < 10; seed++)
		sfs_run(seed, opts, 65536, 0, body);
}

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

	sfs_fill(buf, 20000, 5);
	somebody_writes(rig, 0, 20000, 5);
	nwb_inode_invalidate(rig->inode, rig->file->vol_size);
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
	begin_rmw(rig, 5200);
	nwb_check_eq(rig->sfs->log[0].len, UNIT);
	sfs_reset(rig->sfs, false, false);
	/* before the retry is due */
	sfs_fill(buf + 5500, 50, 8);
	somebody_writes(rig, 5500, 50, 8);
	wait_nap(rig);
	nwb_check_eq(sfs_pending(rig->sfs), 1);
	nwb_check_eq(stats_of(rig).crypto_refreshed, 1);
	nwb_check_eq(stats_of(rig).crypto_changed, 1);
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

/* Our own first attempt arrived, its answer did not: nothing has changed. */
static void own_body(struct sfs_rig *rig)
{
	begin_rmw(rig, 5200);
	sfs_reset(rig->sfs, true, false);
	sfs_auto(rig->sfs);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check_eq(stats_of(rig).crypto_refreshed, 1);
	nwb_check_eq(stats_of(rig).crypto_changed, 0);
	nwb_check(server_has(rig->file->dur, 0, 20000));
}

NWB_TEST(crypto, item10_our_own_first_attempt_is_no_change)
{
	struct nwb_netfs_opts opts = crypt_opts(NWB_IN_PLACE);

	opts.cache_mode = NWB_CACHE_STRICT;
	run_seeds(&opts, own_body);
}

/* A short write that ended within a block of the part that is not ours. */
static void torn_body(struct sfs_rig *rig)
{
	begin_rmw(rig, 5203);
	/* ends in the block that holds 5200..5215, theirs and ours */
	sfs_complete(rig->sfs, 0, 5207 - 5120);
	sfs_auto(rig->sfs);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check_eq(stats_of(rig).crypto_refreshed, 1);
	nwb_check_eq(stats_of(rig).crypto_changed, 0);
	nwb_check(server_has(rig->file->dur, 0, 20000));
}

NWB_TEST(crypto, item10_a_block_that_we_tore_is_not_believed)
{
	struct nwb_netfs_opts opts = crypt_opts(NWB_IN_PLACE);

	opts.cache_mode = NWB_CACHE_STRICT;
	run_seeds(&opts, torn_body);
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
	struct nwb_netfs_opts opts = crypt_opts(NWB_IN_PLACE);

	opts.cache_mode = NWB_CACHE_STRICT;
	run_seeds(&opts, refresh_fails_body);
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
	sfs_fill(buf, 20000, 5);
	somebody_writes(rig, 0, 20000, 5);
	nwb_inode_invalidate(rig->inode, rig->file->vol_size);
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
	opts.flavour = NWB_LINUX_7_2;
	nwb_check_eq(nwb_netfs_new(ex, &opts, &sfs_ops, NULL, NULL, &nf, &err),
		     -EOPNOTSUPP);
	nwb_check(strstr(err.text, "flavour strict") != NULL);
	nwb_exec_free(ex);
}
