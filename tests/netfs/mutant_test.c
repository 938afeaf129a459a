/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Each deliberate defect shows in the server's content or in fsync's answer,
 * and the same steps without it do not show it.
 */
#include "nwb_test.h"
#include "scripted.h"

#include <errno.h>
#include <string.h>

#ifdef NWB_MUTANTS

static uint8_t buf[65536];
static bool is_lost;
static int answer;

static void put(struct sfs_rig *rig, uint64_t seed)
{
	sfs_fill(buf, sizeof(buf), seed);
	nwb_check_eq(nwb_file_write(rig->f, buf, sizeof(buf), 0), sizeof(buf));
}

static void rest(struct sfs_rig *rig)
{
	nwb_sleep_until(rig->ex, nwb_now_ns(rig->ex) + 10 * NWB_MSEC);
}

static void finish(struct sfs_rig *rig)
{
	if (!rig->sfs->task)
		sfs_auto(rig->sfs);
	answer = nwb_file_fsync(rig->f);
	is_lost = memcmp(rig->file->dur, buf, sizeof(buf)) != 0;
}

/* Reset before anything was applied. */
static void reset_body(struct sfs_rig *rig)
{
	put(rig, 1);
	nwb_file_writeback(rig->f);
	sfs_wait_pending(rig->sfs, 4);
	sfs_reset(rig->sfs, false, false);
	finish(rig);
}

/* Reset with data that is rewritten in flight. */
static void rewrite_body(struct sfs_rig *rig)
{
	put(rig, 1);
	nwb_file_writeback(rig->f);
	sfs_wait_pending(rig->sfs, 4);
	put(rig, 2);
	sfs_reset(rig->sfs, true, false);
	finish(rig);
}

static void error_body(struct sfs_rig *rig)
{
	put(rig, 1);
	nwb_file_writeback(rig->f);
	sfs_wait_pending(rig->sfs, 4);
	sfs_complete(rig->sfs, 2, -ENOSPC);
	finish(rig);
}

static void crash_body(struct sfs_rig *rig)
{
	put(rig, 1);
	nwb_file_writeback(rig->f);
	sfs_wait_pending(rig->sfs, 4);
	sfs_complete_all(rig->sfs);
	rest(rig);
	sfs_reset(rig->sfs, false, true);
	finish(rig);
}

static void try(uint32_t mutant, sfs_body_fn body, bool expect_lost)
{
	struct nwb_netfs_opts opts = {.dirty_age_ns = 100 * NWB_SEC};

	for (unsigned int mode = NWB_IN_PLACE; mode <= NWB_TEMP_PAGE; mode++) {
		for (uint64_t seed = 1; seed < 20; seed++) {
			opts.mode = mode;
			opts.mutants = 0;
			sfs_run(seed, &opts, 16384, 0, body);
			nwb_check_eq(is_lost, body == error_body);
			nwb_check_eq(answer, body == error_body ? -ENOSPC : 0);
			opts.mutants = mutant;
			sfs_run(seed, &opts, 16384, 0, body);
			nwb_check_eq(is_lost, expect_lost);
			nwb_check_eq(answer, 0);
		}
	}
}

NWB_TEST(mutant, retry_dropped)
{
	try(NWB_MUT_RETRY_DROPPED, reset_body, true);
}

NWB_TEST(mutant, retry_offset)
{
	try(NWB_MUT_RETRY_OFFSET, reset_body, true);
}

NWB_TEST(mutant, older_after_newer)
{
	try(NWB_MUT_OLDER_AFTER_NEWER, rewrite_body, true);
}

NWB_TEST(mutant, fsync_swallows)
{
	try(NWB_MUT_FSYNC_SWALLOWS, error_body, true);
}

NWB_TEST(mutant, unstable_forgotten)
{
	try(NWB_MUT_UNSTABLE_FORGOTTEN, crash_body, true);
}

#else

static void put_body(struct sfs_rig *rig)
{
	nwb_check_eq(nwb_file_write(rig->f, "abcd", 4, 0), 4);
	nwb_file_writeback(rig->f);
	sfs_wait_pending(rig->sfs, 1);
	sfs_complete(rig->sfs, 0, -ENOSPC);
	sfs_auto(rig->sfs);
	nwb_check_eq(nwb_file_fsync(rig->f), -ENOSPC);
}

NWB_TEST(mutant, obeyed_only_in_their_build)
{
	struct nwb_netfs_opts opts = {.mutants = UINT32_MAX};

	sfs_run(1, &opts, 4096, 0, put_body);
}

#endif
