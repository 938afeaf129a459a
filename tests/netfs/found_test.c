/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What simulated worlds found, each as small as it gets. */
#include "internal.h"
#include "nwb_test.h"
#include "scripted.h"
#include "side.h"

#include "nwb/budget.h"

static uint8_t old[1 << 16], new[1 << 16];

static void nap(struct sfs_rig *rig)
{
	nwb_sleep_until(rig->ex, nwb_now_ns(rig->ex) + 100 * NWB_MSEC);
}

static void put(struct sfs_rig *rig, const uint8_t *from, size_t len,
		uint32_t flags)
{
	nwb_file_set_flags(rig->f, flags);
	nwb_check_eq(nwb_file_write(rig->f, from, len, 0), len);
}

/* What was acked, not flushed, and then overwritten directly is not sent again,
 * over the newer bytes, when the server forgets it. */
static void direct_body(struct sfs_rig *rig)
{
	sfs_fill(old, 8192, 1);
	sfs_fill(new, 4096, 2);
	sfs_auto(rig->sfs);
	put(rig, old, 8192, 0);
	put(rig, new, 4096, NWB_F_DIRECT);
	sfs_reset(rig->sfs, false, true);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check(!memcmp(rig->file->dur, new, 4096));
	nwb_check(!memcmp(rig->file->dur + 4096, old + 4096, 4096));
}

NWB_TEST(found, direct_over_unflushed_bytes)
{
	struct nwb_netfs_opts opts = {0};

	sfs_run(1, &opts, 65536, 0, direct_body);
	opts.mode = NWB_TEMP_PAGE;
	sfs_run(2, &opts, 65536, 0, direct_body);
}

/* The same with old bytes that are in flight when the direct write comes. */
static void in_flight_main(void *arg)
{
	put(arg, new, 4096, NWB_F_DIRECT);
}

static void in_flight_body(struct sfs_rig *rig)
{
	struct nwb_task *task;

	sfs_fill(old, 8192, 1);
	sfs_fill(new, 4096, 2);
	put(rig, old, 8192, 0);
	nwb_file_writeback(rig->f);
	sfs_wait_pending(rig->sfs, 1);
	nwb_check_eq(
		nwb_task_spawn(rig->ex, "direct", in_flight_main, rig, &task),
		0);
	nap(rig);
	nwb_check_eq(rig->sfs->nr_log, 1);
	sfs_complete(rig->sfs, 0, SFS_ALL);
	sfs_auto(rig->sfs);
	nwb_task_join(task);
	sfs_reset(rig->sfs, false, true);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check(!memcmp(rig->file->dur, new, 4096));
}

NWB_TEST(found, direct_over_bytes_in_flight)
{
	struct nwb_netfs_opts opts = {.dirty_age_ns = 1000 * NWB_SEC};

	sfs_run(1, &opts, 65536, 0, in_flight_body);
}

/* Fewer credits than wsize, and the first piece fails: the rest of that wsize is
 * never sent, and nobody waits for it. */
static void pieces_main(void *arg)
{
	struct sfs_rig *rig = arg;

	nwb_file_set_flags(rig->f, NWB_F_DIRECT);
	nwb_check_eq(nwb_file_write(rig->f, new, 65536, 0), -ENOSPC);
}

static void pieces_body(struct sfs_rig *rig)
{
	struct nwb_task *task;

	rig->sfs->max_len = 4096;
	nwb_check_eq(nwb_task_spawn(rig->ex, "direct", pieces_main, rig, &task),
		     0);
	sfs_wait_pending(rig->sfs, 1);
	nap(rig);
	sfs_complete(rig->sfs, 0, -ENOSPC);
	nwb_task_join(task);
	nwb_check_eq(rig->sfs->nr_log, 1);
}

NWB_TEST(found, direct_that_fails_before_all_of_it_is_sent)
{
	for (uint64_t seed = 1; seed <= 20; seed++)
		sfs_run(seed, &(struct nwb_netfs_opts){0}, 65536, 0,
			pieces_body);
}

/* An O_SYNC write that goes through tells an error, and fsync not once more. */
static void through_body(struct sfs_rig *rig)
{
	sfs_auto(rig->sfs);
	rig->sfs->prepare_error = -ENOSPC;
	nwb_file_set_flags(rig->f, NWB_F_SYNC);
	nwb_check_eq(nwb_file_write(rig->f, old, 4096, 0), -ENOSPC);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
}

NWB_TEST(found, sync_write_through_tells_once)
{
	struct nwb_netfs_opts opts = {.cache_mode = NWB_CACHE_NONE};

	sfs_run(1, &opts, 65536, 0, through_body);
}

/* A flush that failed for good: who knows what the server has? The local cache
 * is not asked any more. */
static void flush_body(struct sfs_rig *rig)
{
	struct side *cache = side_new(rig, 1);
	unsigned int nr_log;

	side_take(rig, cache);
	sfs_auto(rig->sfs);
	sfs_fill(old, 8192, 1);
	put(rig, old, 8192, 0);
	nwb_check(nwb_inode_is_cached(rig->inode));
	rig->sfs->flush_error = -EIO;
	nwb_check_eq(nwb_file_fsync(rig->f), -EIO);
	rig->sfs->flush_error = 0;
	nwb_check(!nwb_inode_is_cached(rig->inode));
	nwb_check_eq(cache->nr_invalidated, 1);
	nr_log = cache->nr_log;
	put(rig, old, 8192, 0);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check_eq(cache->nr_log, nr_log);
	side_free(rig, cache);
}

NWB_TEST(found, cache_after_a_failed_flush)
{
	sfs_run(1, &(struct nwb_netfs_opts){0}, 65536, 0, flush_body);
}

/* The server cut the file and could not flush that: what is read there then is
 * not for the local cache, a crash takes it back. (Seed 7720.) */
static void cut_body(struct sfs_rig *rig)
{
	struct side *cache = side_new(rig, 1);

	side_take(rig, cache);
	sfs_auto(rig->sfs);
	sfs_fill(old, 65536, 1);
	memcpy(rig->file->vol, old, 65536);
	memcpy(rig->file->dur, old, 65536);
	rig->sfs->size_flush_error = -EIO;
	nwb_check_eq(nwb_file_truncate(rig->f, 4096), -EIO);
	rig->sfs->size_flush_error = rig->sfs->flush_error = 0;
	nwb_check_eq(nwb_file_read(rig->f, new, 8192, 32768), 8192);
	nwb_check_eq(new[0], 0);
	nap(rig);
	sfs_reset(rig->sfs, false, true);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check_eq(rig->file->vol_size, 65536);
	for (unsigned int i = 0; i < 16; i++)
		nwb_check(!cache->has[i] ||
			  !memcmp(cache->mem + 4096ul * i,
				  rig->file->vol + 4096ul * i, 4096));
	nwb_check(!nwb_inode_is_cached(rig->inode));
	side_free(rig, cache);
}

NWB_TEST(found, cache_after_a_truncation_that_is_not_flushed)
{
	struct nwb_netfs_opts opts = {.dirty_age_ns = NWB_MSEC};

	sfs_run(1, &opts, 65536, 65536, cut_body);
}

/* What was read goes to the cache only, what follows is uploaded, too: while the
 * collector looks at the cache the upload begins. */
static void late_upload_body(struct sfs_rig *rig)
{
	struct side *cache = side_new(rig, 1);

	side_take(rig, cache);
	cache->max_len = 4096;
	nwb_check_eq(nwb_file_read(rig->f, old, 16384, 0), 16384);
	nwb_file_set_flags(rig->f, 0);
	nwb_check_eq(nwb_file_write(rig->f, new, 4096, 16384), 4096);
	nwb_file_writeback(rig->f);
	sfs_wait_pending(rig->sfs, 1);
	nap(rig);
	/* the cache has it, the server not yet */
	nwb_check_eq(atomic_load(&rig->sfs->nf->n.writeback_bytes), 4096);
	sfs_auto(rig->sfs);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	side_free(rig, cache);
}

NWB_TEST(found, an_upload_that_begins_behind_the_collector)
{
	struct nwb_netfs_opts opts = {.folio_bytes_max = 4096,
				      .dirty_age_ns = 1000 * NWB_SEC};

	for (uint64_t seed = 1; seed <= 100; seed++)
		sfs_run(seed, &opts, 65536, 16384, late_upload_body);
}

/* A folio larger than what may be dirty: who stores to it waits until it is
 * written, and comes to store all the same. */
static void larger_body(struct sfs_rig *rig)
{
	sfs_auto(rig->sfs);
	sfs_fill(old, 65536, 1);
	sfs_fill(new, 8192, 2);
	put(rig, old, 65536, 0);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check_eq(nwb_map_store(rig->f, new, 8192, 4096), 0);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check(!memcmp(rig->file->dur + 4096, new, 8192));
}

NWB_TEST(found, store_to_a_folio_above_the_dirty_limit)
{
	struct nwb_netfs_opts opts = {.folio_bytes_max = 65536,
				      .dirty_limit_bytes = 32768,
				      .flavour = NWB_LINUX_7_2};

	sfs_run(1, &opts, 65536, 0, larger_body);
}

/* Reclaim that waits for writeback meets temp pages between copy and issue. */
struct hog {
	struct nwb_budget *b;
	bool is_back;
};

static void hog_main(void *arg)
{
	struct hog *h = arg;

	if (!nwb_budget_charge(h->b, NWB_PAGE_SIZE))
		nwb_budget_uncharge(h->b, NWB_PAGE_SIZE);
	h->is_back = true;
}

static void reclaim_body(struct sfs_rig *rig)
{
	struct hog h = {.b = nwb_netfs_get_opts(rig->sfs->nf)->budget};
	struct nwb_netfs_stats st;
	struct nwb_task *task;

	sfs_set_max_pending(rig->sfs, 1);
	put(rig, old, 16384, 0);
	nwb_check_eq(nwb_budget_used(h.b), 16384);
	nwb_file_writeback(rig->f);
	sfs_wait_pending(rig->sfs, 1);
	nwb_check_eq(nwb_task_spawn(rig->ex, "hog", hog_main, &h, &task), 0);
	nap(rig);
	nwb_netfs_get_stats(rig->sfs->nf, &st);
	nwb_check(st.reclaim_waits > 0);
	nwb_check(!h.is_back);
	sfs_auto(rig->sfs);
	nwb_task_join(task);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
}

static void reclaim_main(void *arg)
{
	struct nwb_netfs_opts opts = {.mode = NWB_TEMP_PAGE,
				      .folio_bytes_max = 4096,
				      .dirty_age_ns = 1000 * NWB_SEC};
	struct nwb_exec *ex = *(struct nwb_exec **)arg;
	struct sfs_rig rig = {.ex = ex};

	nwb_check_eq(nwb_budget_new(ex, 16384, true, &opts.budget), 0);
	rig.sfs = sfs_new(ex, 1, &opts);
	rig.sfs->wsize = 4096;
	rig.file = sfs_file_new(rig.sfs);
	nwb_check_eq(nwb_inode_new(rig.sfs->nf, 1, rig.file, 0, &rig.inode), 0);
	nwb_check_eq(nwb_file_open(rig.inode, &rig.f), 0);
	reclaim_body(&rig);
	nwb_check_eq(nwb_file_close(rig.f, false), 0);
	nwb_inode_put(rig.inode);
	sfs_free(rig.sfs);
	nwb_free(rig.file);
	nwb_budget_free(opts.budget);
}

NWB_TEST(found, reclaim_that_waits_for_temp_pages)
{
	struct nwb_exec *ex;

	sfs_sim(1, reclaim_main, &ex, &ex);
}
