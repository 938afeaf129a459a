/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cache modes: which writes wait for the server, which reads ask it, and what a
 * break does. "Somebody else" writes into the scripted server's memory.
 */
#include "nwb_test.h"
#include "scripted.h"

#include <errno.h>
#include <string.h>

static uint8_t buf[1 << 20], got[1 << 20];

static void put(struct sfs_rig *rig, uint64_t pos, size_t len, uint64_t seed)
{
	sfs_fill(buf + pos, len, seed);
	nwb_check_eq(nwb_file_write(rig->f, buf + pos, len, pos), len);
}

static void somebody_writes(struct sfs_rig *rig, uint64_t pos, size_t len,
			    uint64_t seed)
{
	nwb_mutex_lock(&rig->sfs->lock);
	sfs_fill(rig->file->vol + pos, len, seed);
	nwb_mutex_unlock(&rig->sfs->lock);
}

static bool reads(struct sfs_rig *rig, uint64_t pos, size_t len, uint64_t seed)
{
	static uint8_t want[1 << 20];

	sfs_fill(want, len, seed);
	nwb_check_eq(nwb_file_read(rig->f, got, len, pos), len);
	return !memcmp(got, want, len);
}

static bool server_has(struct sfs_rig *rig, uint64_t pos, size_t len)
{
	return !memcmp(rig->file->vol + pos, buf + pos, len);
}

/* --- none ----------------------------------------------------------------- */

static void none_body(struct sfs_rig *rig)
{
	sfs_auto(rig->sfs);
	put(rig, 0, 10000, 1);
	nwb_check(server_has(rig, 0, 10000));
	nwb_check_eq(stats_of(rig).dirty_bytes, 0);
	nwb_check_eq(stats_of(rig).wthrough, 1);
	/* whatever the cache has, the server is asked */
	nwb_check(reads(rig, 0, 10000, 1));
	somebody_writes(rig, 0, 10000, 2);
	nwb_check(reads(rig, 0, 10000, 2));
	/* exactly the bytes written: what somebody wrote around them stays,
	 * also when the server forgets and unstable bytes are sent again */
	put(rig, 100, 50, 3);
	put(rig, 5000, 50, 3);
	sfs_fill(buf, 10000, 2);
	sfs_fill(buf + 100, 50, 3);
	sfs_fill(buf + 5000, 50, 3);
	nwb_check(server_has(rig, 0, 10000));
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check(!memcmp(rig->file->dur, buf, 10000));
}

NWB_TEST(caching, none_goes_to_the_server)
{
	struct nwb_netfs_opts opts = {.cache_mode = NWB_CACHE_NONE};

	sfs_run(1, &opts, 65536, 0, none_body);
}

static void none_error_body(struct sfs_rig *rig)
{
	sfs_auto(rig->sfs);
	rig->sfs->prepare_error = -ENOSPC;
	sfs_fill(buf, 4096, 1);
	nwb_check_eq(nwb_file_write(rig->f, buf, 4096, 0), -ENOSPC);
	nwb_check_eq(nwb_file_fsync(rig->f), -ENOSPC);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
}

NWB_TEST(caching, none_tells_the_writer)
{
	struct nwb_netfs_opts opts = {.cache_mode = NWB_CACHE_NONE};

	sfs_run(1, &opts, 65536, 0, none_error_body);
}

/* Acked, forgotten by a crash, read: the read has it sent again first. */
static void crash_body(struct sfs_rig *rig)
{
	sfs_auto(rig->sfs);
	put(rig, 0, 20000, 1);
	sfs_reset(rig->sfs, false, true);
	nwb_check(!server_has(rig, 0, 20000));
	nwb_check(reads(rig, 0, 20000, 1));
	nwb_check(server_has(rig, 0, 20000));
	nwb_check(stats_of(rig).unstable_resent > 0);
}

NWB_TEST(caching, none_reads_its_own_writes_after_a_crash)
{
	struct nwb_netfs_opts opts = {.cache_mode = NWB_CACHE_NONE};

	sfs_run(1, &opts, 65536, 0, crash_body);
}

struct user {
	struct sfs_rig *rig;
	char what; /* r, w, s: fsync, or b: a break */
	uint64_t pos;
	struct nwb_task *task;
};

static void user_main(void *arg)
{
	struct user *u = arg;
	struct nwb_file *f = u->rig->f;

	if (u->what == 'r')
		nwb_check_eq(nwb_file_read(f, got, 4096, u->pos), 4096);
	else if (u->what == 'w')
		nwb_check_eq(nwb_file_write(f, buf + u->pos, 4096, u->pos),
			     4096);
	else if (u->what == 'b')
		nwb_check_eq(nwb_inode_break(u->rig->inode, 0), 0);
	else
		nwb_check_eq(nwb_file_fsync(f), 0);
}

static void use(struct user *u)
{
	nwb_check_eq(nwb_task_spawn(u->rig->ex, "user", user_main, u, &u->task),
		     0);
	nwb_sleep_until(u->rig->ex, nwb_now_ns(u->rig->ex) + NWB_MSEC);
}

/* The same, but the flush of an fsync that runs beside the read finds out that
 * the server has forgotten: while the read waits for something else the bytes
 * become dirty again, and are none of those that the server has any more. */
static void beside_body(struct sfs_rig *rig)
{
	struct user first = {rig, 'w', 0, NULL}, sync = {rig, 's', 0, NULL};
	struct user other = {rig, 'w', 8192, NULL}, read = {rig, 'r', 0, NULL};

	sfs_fill(buf, 16384, 1);
	use(&first);
	sfs_complete(rig->sfs, 0, SFS_ALL);
	nwb_task_join(first.task);
	sfs_reset(rig->sfs, false, true);
	sfs_hold_flush(rig->sfs, true);
	use(&sync);
	use(&other);
	use(&read); /* waits for the other write */
	nwb_check_eq(sfs_pending(rig->sfs), 1);
	sfs_hold_flush(rig->sfs, false);
	sfs_wait_pending(rig->sfs, 2);
	sfs_complete(rig->sfs, 0, SFS_ALL);
	nwb_sleep_until(rig->ex, nwb_now_ns(rig->ex) + NWB_MSEC);
	sfs_auto(rig->sfs);
	nwb_task_join(read.task);
	nwb_task_join(other.task);
	nwb_task_join(sync.task);
	nwb_check(!memcmp(got, buf, 4096));
}

NWB_TEST(caching, item9_none_reads_what_a_flush_beside_it_found_forgotten)
{
	struct nwb_netfs_opts opts = {.cache_mode = NWB_CACHE_NONE};

	sfs_run(1, &opts, 65536, 0, beside_body);
}

/* Two writes to a page, and what lies between is not ours: what the server has
 * forgotten is sent again without it. */
static void apart_body(struct sfs_rig *rig)
{
	sfs_auto(rig->sfs);
	put(rig, 100, 50, 1);
	put(rig, 3000, 50, 1);
	sfs_reset(rig->sfs, false, true);
	somebody_writes(rig, 200, 2000, 2);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	sfs_fill(buf + 200, 2000, 2);
	nwb_check(server_has(rig, 100, 50));
	nwb_check(server_has(rig, 200, 2000));
	nwb_check(server_has(rig, 3000, 50));
}

NWB_TEST(caching, item9_none_sends_nothing_between_two_writes_again)
{
	struct nwb_netfs_opts opts = {.cache_mode = NWB_CACHE_NONE};

	sfs_run(1, &opts, 65536, 4096, apart_body);
}

/* A server that gives less than it was asked for has more. */
static void pieces_body(struct sfs_rig *rig)
{
	sfs_auto(rig->sfs);
	put(rig, 0, 10000, 1);
	rig->sfs->read_max = 999;
	nwb_check(reads(rig, 0, 10000, 1));
}

NWB_TEST(caching, item9_none_reads_on_behind_a_short_answer)
{
	struct nwb_netfs_opts opts = {.cache_mode = NWB_CACHE_NONE};

	sfs_run(1, &opts, 65536, 0, pieces_body);
}

/* --- strict --------------------------------------------------------------- */

static void strict_body(struct sfs_rig *rig)
{
	sfs_auto(rig->sfs);
	nwb_inode_set_caching(rig->inode, NWB_MAY_READ | NWB_MAY_WRITE);
	put(rig, 0, 8192, 1);
	nwb_check_eq(stats_of(rig).dirty_bytes, 8192);
	nwb_check(!server_has(rig, 0, 8192));
	nwb_check(reads(rig, 0, 8192, 1));
	/* the server wants W back: what is dirty is there before the ack */
	nwb_check_eq(nwb_inode_break(rig->inode, NWB_MAY_READ), 0);
	nwb_check(server_has(rig, 0, 8192));
	nwb_check_eq(stats_of(rig).dirty_bytes, 0);
	/* reads may still be cached */
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	somebody_writes(rig, 0, 8192, 2);
	nwb_check(reads(rig, 0, 8192, 1));
	/* until R goes, too */
	nwb_check_eq(nwb_inode_break(rig->inode, 0), 0);
	nwb_check(stats_of(rig).invalidated > 0);
	nwb_check(reads(rig, 0, 8192, 2));
	put(rig, 0, 4096, 3);
	nwb_check(server_has(rig, 0, 4096));
	nwb_check_eq(stats_of(rig).breaks, 2);
	nwb_check_eq(stats_of(rig).wthrough, 1);
}

NWB_TEST(caching, strict_follows_what_is_granted)
{
	struct nwb_netfs_opts opts = {.cache_mode = NWB_CACHE_STRICT};

	sfs_run(1, &opts, 65536, 0, strict_body);
}

/* Both are taken back while what was written is on its way: a read past the
 * cache waits until the server has it. */
static void on_its_way_body(struct sfs_rig *rig)
{
	struct user brk = {rig, 'b', 0, NULL}, read = {rig, 'r', 0, NULL};

	nwb_inode_set_caching(rig->inode, NWB_MAY_READ | NWB_MAY_WRITE);
	put(rig, 0, 4096, 1);
	sfs_start(rig, 1);
	use(&brk);
	use(&read);
	sfs_auto(rig->sfs);
	nwb_task_join(read.task);
	nwb_task_join(brk.task);
	nwb_check(!memcmp(got, buf, 4096));
}

NWB_TEST(caching, item9_a_read_past_the_cache_waits_for_its_own_bytes)
{
	struct nwb_netfs_opts opts = {.cache_mode = NWB_CACHE_STRICT};

	sfs_run(1, &opts, 65536, 4096, on_its_way_body);
	opts.mode = NWB_TEMP_PAGE;
	sfs_run(1, &opts, 65536, 4096, on_its_way_body);
}

/* With R alone a write makes what was read old: R is given up. */
static void zap_body(struct sfs_rig *rig)
{
	sfs_auto(rig->sfs);
	somebody_writes(rig, 0, 8192, 1);
	nwb_inode_set_caching(rig->inode, NWB_MAY_READ);
	nwb_check(reads(rig, 0, 8192, 1));
	somebody_writes(rig, 0, 8192, 2);
	nwb_check(reads(rig, 0, 8192, 1));
	put(rig, 0, 4096, 3);
	nwb_check(reads(rig, 0, 4096, 3));
	nwb_check(!memcmp(rig->file->vol, buf, 4096));
	sfs_fill(buf, 8192, 2);
	nwb_check_eq(nwb_file_read(rig->f, got, 4096, 4096), 4096);
	nwb_check(!memcmp(got, buf + 4096, 4096));
}

NWB_TEST(caching, strict_write_without_w_gives_up_r)
{
	struct nwb_netfs_opts opts = {.cache_mode = NWB_CACHE_STRICT};

	sfs_run(1, &opts, 65536, 8192, zap_body);
}

/* Opened anew: what was cached is forgotten, also around dirty bytes; and the
 * size is the server's, unless ours reaches beyond. */
static void reopen_body(struct sfs_rig *rig)
{
	sfs_auto(rig->sfs);
	nwb_inode_set_caching(rig->inode, NWB_MAY_READ | NWB_MAY_WRITE);
	put(rig, 0, 16384, 1);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	put(rig, 100, 50, 2);
	somebody_writes(rig, 0, 20000, 3);
	nwb_mutex_lock(&rig->sfs->lock);
	rig->file->vol_size = 20000;
	nwb_mutex_unlock(&rig->sfs->lock);
	nwb_inode_invalidate(rig->inode, 20000);
	sfs_fill(buf, 20000, 3);
	sfs_fill(buf + 100, 50, 2);
	nwb_check_eq(nwb_file_read(rig->f, got, sizeof(got), 0), 20000);
	nwb_check(!memcmp(got, buf, 20000));
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check(server_has(rig, 0, 20000));
}

NWB_TEST(caching, a_reopen_forgets_what_is_not_ours)
{
	struct nwb_netfs_opts opts = {.cache_mode = NWB_CACHE_STRICT};

	sfs_run(1, &opts, 65536, 0, reopen_body);
}

/* The server takes R back from a read that has its answer already: that is not
 * in the cache when R is granted once more. */
static void late_read_body(struct sfs_rig *rig)
{
	struct user u = {rig, 'r', 0, NULL};

	sfs_auto(rig->sfs);
	nwb_inode_set_caching(rig->inode, NWB_MAY_READ);
	sfs_hold_read(rig->sfs, true);
	use(&u);
	somebody_writes(rig, 0, 4096, 2);
	nwb_check_eq(nwb_inode_break(rig->inode, 0), 0);
	sfs_hold_read(rig->sfs, false);
	nwb_task_join(u.task);
	nwb_inode_set_caching(rig->inode, NWB_MAY_READ);
	nwb_check(reads(rig, 0, 4096, 2));
}

NWB_TEST(caching, item9_a_read_that_a_break_overtook_is_not_cached)
{
	struct nwb_netfs_opts opts = {.cache_mode = NWB_CACHE_STRICT};

	sfs_run(1, &opts, 65536, 4096, late_read_body);
}

/* Opened anew while a page is being read around bytes that were ours once: those
 * are the server's again as well. */
static void late_fill_body(struct sfs_rig *rig)
{
	struct user u = {rig, 'r', 0, NULL};

	sfs_auto(rig->sfs);
	nwb_inode_set_caching(rig->inode, NWB_MAY_READ | NWB_MAY_WRITE);
	put(rig, 100, 50, 1);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	sfs_hold_read(rig->sfs, true);
	use(&u);
	somebody_writes(rig, 0, 4096, 2);
	nwb_inode_invalidate(rig->inode, 4096);
	sfs_hold_read(rig->sfs, false);
	nwb_task_join(u.task);
	nwb_check(!memcmp(got, rig->file->vol, 4096));
}

NWB_TEST(caching, item9_a_reopen_forgets_what_a_read_goes_around)
{
	struct nwb_netfs_opts opts = {.cache_mode = NWB_CACHE_STRICT};

	sfs_run(1, &opts, 65536, 4096, late_fill_body);
}

/* The same, where a write of ours gave R up meanwhile. */
static void late_zap_body(struct sfs_rig *rig)
{
	struct user read = {rig, 'r', 0, NULL}, write = {rig, 'w', 8192, NULL};

	sfs_auto(rig->sfs);
	nwb_inode_set_caching(rig->inode, NWB_MAY_READ);
	sfs_hold_read(rig->sfs, true);
	use(&read);
	use(&write);
	somebody_writes(rig, 0, 4096, 2);
	sfs_hold_read(rig->sfs, false);
	nwb_task_join(read.task);
	nwb_task_join(write.task);
	nwb_inode_set_caching(rig->inode, NWB_MAY_READ);
	nwb_check(reads(rig, 0, 4096, 2));
}

NWB_TEST(caching, item9_a_read_that_a_write_overtook_is_not_cached)
{
	struct nwb_netfs_opts opts = {.cache_mode = NWB_CACHE_STRICT};

	sfs_run(1, &opts, 65536, 16384, late_zap_body);
}

/* A break whose writeback fails is acknowledged all the same; fsync tells. */
static void bad_break_body(struct sfs_rig *rig)
{
	sfs_auto(rig->sfs);
	nwb_inode_set_caching(rig->inode, NWB_MAY_READ | NWB_MAY_WRITE);
	put(rig, 0, 4096, 1);
	rig->sfs->prepare_error = -EIO;
	nwb_check_eq(nwb_inode_break(rig->inode, 0), -EIO);
	nwb_check_eq(nwb_file_fsync(rig->f), -EIO);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
}

NWB_TEST(caching, a_break_that_fails_is_told)
{
	struct nwb_netfs_opts opts = {.cache_mode = NWB_CACHE_STRICT};

	sfs_run(1, &opts, 65536, 0, bad_break_body);
}

/* --- a read that is lost -------------------------------------------------- */

/* A filesystem that does not read again by itself. */
static void lost_body(struct sfs_rig *rig)
{
	sfs_auto(rig->sfs);
	somebody_writes(rig, 0, 8192, 1);
	rig->sfs->read_aborts = 2;
	nwb_check(reads(rig, 0, 4096, 1));
	nwb_check_eq(rig->sfs->read_aborts, 0);
	rig->sfs->read_aborts = 100;
	nwb_check_eq(nwb_file_read(rig->f, got, 4096, 4096), -EIO);
	nwb_check_eq(rig->sfs->read_aborts, 97);
	rig->sfs->read_aborts = 0;
	nwb_check_eq(nwb_file_read(rig->f, got, 8192, 0), 8192);
	nwb_check(!memcmp(got, rig->file->vol, 8192));
}

NWB_TEST(caching, a_lost_read_is_made_again)
{
	struct nwb_netfs_opts opts = {.max_attempts = 3};

	sfs_run(1, &opts, 65536, 8192, lost_body);
	opts.cache_mode = NWB_CACHE_NONE;
	sfs_run(1, &opts, 65536, 8192, lost_body);
}

/* Past the cache: what one instance had and another one answers for. */
static void overtaken_body(struct sfs_rig *rig)
{
	sfs_auto(rig->sfs);
	put(rig, 0, 4096, 1);
	rig->sfs->read_crashes = 2;
	nwb_check(reads(rig, 0, 4096, 1));
	nwb_check_eq(rig->sfs->read_crashes, 0);
	rig->sfs->read_crashes = 100;
	nwb_check_eq(nwb_file_read(rig->f, got, 4096, 0), -EIO);
	nwb_check_eq(rig->sfs->read_crashes, 97);
	rig->sfs->read_crashes = 0;
	nwb_check(reads(rig, 0, 4096, 1));
}

NWB_TEST(caching, a_read_is_of_one_instance)
{
	struct nwb_netfs_opts opts = {.max_attempts = 3,
				      .cache_mode = NWB_CACHE_NONE};

	sfs_run(1, &opts, 65536, 0, overtaken_body);
}

/* --- loose ---------------------------------------------------------------- */

static void loose_body(struct sfs_rig *rig)
{
	sfs_auto(rig->sfs);
	put(rig, 0, 4096, 1);
	nwb_check_eq(stats_of(rig).wthrough, 0);
	nwb_sleep_until(rig->ex, nwb_now_ns(rig->ex) + 10 * NWB_MSEC);
	nwb_check(server_has(rig, 0, 4096));
	somebody_writes(rig, 0, 4096, 2);
	nwb_check(reads(rig, 0, 4096, 1));
	nwb_inode_set_caching(rig->inode, NWB_MAY_WRITE);
	put(rig, 0, 4096, 3);
	nwb_sleep_until(rig->ex, nwb_now_ns(rig->ex) + 10 * NWB_MSEC);
	nwb_check_eq(stats_of(rig).dirty_bytes, 4096);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check(server_has(rig, 0, 4096));
}

NWB_TEST(caching, loose_begins_at_once_without_w)
{
	struct nwb_netfs_opts opts = {.cache_mode = NWB_CACHE_LOOSE,
				      .dirty_age_ns = 10 * NWB_SEC};

	sfs_run(1, &opts, 65536, 0, loose_body);
}
