/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Behaviour 1: O_SYNC and O_DSYNC writes (netfs_begin_writethrough,
 * netfs_advance_writethrough). Looks inside for one case that no sequence of
 * calls reaches (H15).
 */
#include "words.h"
#include "writethrough.h"

#include <errno.h>
#include <string.h>

static void waits_body(struct sfs_rig *rig)
{
	struct call c = {.rig = rig, .pos = 100, .len = 3 * 16384};
	struct nwb_task *task = call_start(&c, NWB_F_DSYNC);
	struct nwb_netfs_stats st;

	/* All of it in one request, as few subrequests as may be. */
	sfs_wait_pending(rig->sfs, 3);
	nwb_check_eq(rig->sfs->log[0].start, 100);
	nwb_check_eq(rig->sfs->log[0].len, 16384);
	sfs_complete(rig->sfs, 0, SFS_ALL);
	sfs_complete(rig->sfs, 0, SFS_ALL);
	nwb_sleep_until(rig->ex, nwb_now_ns(rig->ex) + NWB_SEC);
	nwb_check(!c.is_back);
	sfs_complete(rig->sfs, 0, SFS_ALL);
	nwb_task_join(task);
	nwb_check_eq(c.n, c.len);
	nwb_check_eq(rig->sfs->nr_flushes, 1);
	nwb_check(!memcmp(rig->file->dur + 100, buf, c.len));
	nwb_netfs_get_stats(rig->sfs->nf, &st);
	nwb_check_eq(st.wthrough, 1);
	nwb_check_eq(st.wb_requests, 0); /* WP counts writepages only */
}

NWB_TEST(writethrough, item9_o_dsync_is_durable_when_it_returns)
{
	struct nwb_netfs_opts opts = {.dirty_age_ns = 1000 * NWB_SEC,
				      .dirty_kick_bytes = NWB_MIB};

	for (uint64_t seed = 1; seed <= 10; seed++)
		sfs_run(seed, &opts, 16384, 0, waits_body);
	opts.folio_bytes_max = 4096;
	sfs_run(1, &opts, 16384, 0, waits_body);
	opts.mode = NWB_TEMP_PAGE;
	sfs_run(1, &opts, 16384, 0, waits_body);
}

static void linux_body(struct sfs_rig *rig)
{
	struct call c = {.rig = rig, .pos = 100, .len = 16384};
	struct nwb_task *task;

	/* The folio is uptodate, for the server has nothing there: all of it
	 * goes, from its beginning. */
	sfs_auto(rig->sfs);
	task = call_start(&c, NWB_F_DSYNC);
	nwb_task_join(task);
	nwb_check_eq(c.n, c.len);
	nwb_check_eq(rig->sfs->log[0].start, 0);
	nwb_check_eq(rig->sfs->nr_flushes, 1);
	nwb_check(!memcmp(rig->file->dur + 100, buf, c.len));
}

NWB_TEST(writethrough, item1_a_whole_folio_in_linux)
{
	struct nwb_netfs_opts opts = {.flavour = NWB_LINUX_7_2};

	sfs_run(1, &opts, 16384, 0, linux_body);
	opts.flavour = NWB_LINUX_6_12;
	sfs_run(1, &opts, 16384, 0, linux_body);
}

static void early_body(struct sfs_rig *rig)
{
	struct call c = {.rig = rig, .len = 8 * 4096};
	struct nwb_task *task;

	/* Sent while it is copied: the second folio cannot be written to yet,
	 * and the first is out. */
	rig->sfs->max_pending = 1;
	rig->sfs->max_len = 4096;
	task = call_start(&c, NWB_F_SYNC);
	sfs_wait_pending(rig->sfs, 1);
	nwb_sleep_until(rig->ex, nwb_now_ns(rig->ex) + NWB_SEC);
	nwb_check(nwb_inode_size(rig->inode) < c.len);
	sfs_set_max_pending(rig->sfs, 0);
	sfs_auto(rig->sfs);
	nwb_task_join(task);
	nwb_check_eq(c.n, c.len);
	nwb_check(!memcmp(rig->file->dur, buf, c.len));
}

NWB_TEST(writethrough, item1_folios_are_issued_while_copying)
{
	struct nwb_netfs_opts opts = {.folio_bytes_max = 4096};

	sfs_run(1, &opts, 65536, 0, early_body);
}

static void error_body(struct sfs_rig *rig)
{
	struct call c = {.rig = rig, .len = 4096};
	struct nwb_task *task = call_start(&c, NWB_F_DSYNC);

	sfs_wait_pending(rig->sfs, 1);
	nwb_check_eq(rig->sfs->log[0].len, 4096);
	sfs_complete(rig->sfs, 0, -ENOSPC);
	nwb_task_join(task);
	/* The error comes by fsync, and it comes once. */
	nwb_check_eq(c.n, -ENOSPC);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
}

NWB_TEST(writethrough, item1_an_error_is_told_by_the_write)
{
	struct nwb_netfs_opts opts = {0};

	sfs_run(1, &opts, 65536, 0, error_body);
}

static void small_cache_body(struct sfs_rig *rig)
{
	static uint8_t all[1 << 20];

	/* More than the cache holds: it must let go in the middle. */
	sfs_auto(rig->sfs);
	nwb_file_set_flags(rig->f, NWB_F_DSYNC);
	sfs_fill(all, sizeof(all), 8);
	nwb_check_eq(nwb_file_write(rig->f, all, sizeof(all), 0), sizeof(all));
	nwb_check(!memcmp(rig->file->dur, all, sizeof(all)));
}

NWB_TEST(writethrough, item1_larger_than_the_cache)
{
	struct nwb_netfs_opts opts = {.folio_bytes_max = 4096,
				      .cache_bytes = 128 * 1024};

	for (uint64_t seed = 1; seed <= 5; seed++)
		sfs_run(seed, &opts, 16384, 0, small_cache_body);
	opts.flavour = NWB_LINUX_6_12;
	sfs_run(1, &opts, 16384, 0, small_cache_body);
}

/* A folio of the range is dirty within the copy loop; the loop has it written
 * first. */
struct h15 {
	struct nwb_exec *ex;
	uint32_t hazards;
};

static void h15_main(void *arg)
{
	struct h15 *h = arg;
	struct nwb_netfs_opts opts = {.cache_bytes = NWB_MIB,
				      .flavour = NWB_LINUX_7_2,
				      .no_hazards = ~h->hazards,
				      .hazards = h->hazards,
				      .dirty_age_ns = 1000 * NWB_SEC};
	struct sfs *sfs = sfs_new(h->ex, 1, &opts);
	struct sfs_file *file = sfs_file_new(sfs);
	struct nwb_writethrough wt;
	struct nwb_inode *inode;
	struct nwb_file *f;

	sfs_auto(sfs);
	nwb_check_eq(nwb_inode_new(sfs->nf, 1, file, 0, &inode), 0);
	nwb_check_eq(nwb_file_open(inode, &f), 0);
	nwb_writethrough_begin(&wt, inode, 0, 8192);
	/* as a store to a mapped page might, in between */
	nwb_check_eq(nwb_file_write(f, buf, 4096, 4096), 4096);
	nwb_writethrough_flush(&wt, 4096);
	nwb_writethrough_end(&wt);
	nwb_check_eq(nwb_file_close(f, false), 0);
	nwb_inode_put(inode);
	sfs_free(sfs);
}

static int h15_run(uint32_t hazards)
{
	struct h15 h = {.hazards = hazards};
	struct nwb_err err = {0};
	int rc = nwb_exec_sim_new(1, &h.ex, &err);

	if (rc == -ENOTSUP)
		nwb_test_skip("no simulation under ThreadSanitizer");
	nwb_check_eq(rc, 0);
	rc = nwb_exec_run(h.ex, h15_main, &h, 60 * NWB_SEC, &err);
	nwb_exec_free(h.ex);
	return rc;
}

NWB_TEST(writethrough, h15_flush_from_the_copy_loop_waits_for_itself)
{
	int rc;

	nwb_check_eq(h15_run(0), 0);
	rc = h15_run(NWB_HAZARD_BIT(NWB_H15));
	nwb_check(rc == -EDEADLK || rc == -ETIME);
}
