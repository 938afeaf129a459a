/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Behaviour 2, beyond Linux: small uploads to different places go together. */
#include "words.h"

#include <errno.h>
#include <string.h>

static const struct nwb_netfs_opts together = {
	.dirty_age_ns = 1000 * NWB_SEC,
	.dirty_kick_bytes = 8 * NWB_MIB,
	.folio_bytes_max = 4096,
	.vectored = NWB_VECTORED_MAX,
};

static uint8_t want[1 << 20];

static void put_at(struct sfs_rig *rig, uint64_t pos, size_t len)
{
	put(rig, pos, len);
	memcpy(want + pos, buf, len);
}

/* @nr small ones, with gaps between them. */
static void put_some(struct sfs_rig *rig, unsigned int nr)
{
	memset(want, 0, sizeof(want));
	for (unsigned int i = 0; i < nr; i++)
		put_at(rig, i * 8192, 100 + i);
}

static void check_content(struct sfs_rig *rig)
{
	nwb_check(!memcmp(rig->file->dur, want, rig->file->dur_size));
}

static void groups_body(struct sfs_rig *rig)
{
	struct nwb_netfs_stats st;

	sfs_auto(rig->sfs);
	put_some(rig, 7);
	fsync_ok(rig);
	nwb_check_eq(rig->sfs->together[4], 1);
	nwb_check_eq(rig->sfs->together[3], 1);
	nwb_check_eq(rig->sfs->nr_log, 7);
	nwb_netfs_get_stats(rig->sfs->nf, &st);
	nwb_check_eq(st.vectored, 7);
	check_content(rig);
	/* one alone is one as ever */
	put_at(rig, 0, 50);
	fsync_ok(rig);
	nwb_netfs_get_stats(rig->sfs->nf, &st);
	nwb_check_eq(st.vectored, 7);
	check_content(rig);
}

NWB_TEST(vectored, item2_small_writes_go_together)
{
	struct nwb_netfs_opts opts = together;

	sfs_run(1, &opts, 65536, 0, groups_body);
	opts.mode = NWB_TEMP_PAGE;
	sfs_run(1, &opts, 65536, 0, groups_body);
}

/* What is kept back holds what the next one would wait for. */
static void held_body(struct sfs_rig *rig)
{
	sfs_set_max_pending(rig->sfs, 2);
	sfs_auto(rig->sfs);
	put_some(rig, 9);
	fsync_ok(rig);
	nwb_check(rig->sfs->nr_refused > 0);
	nwb_check(rig->sfs->together[2] > 0);
	nwb_check_eq(rig->sfs->together[3] + rig->sfs->together[4], 0);
	check_content(rig);
}

NWB_TEST(vectored, item2_nothing_waits_for_what_is_kept_back)
{
	for (uint64_t seed = 1; seed < 10; seed++)
		sfs_run(seed, &together, 65536, 0, held_body);
}

/* A large one gains nothing by company, and lets go what was kept. */
static void large_body(struct sfs_rig *rig)
{
	struct nwb_netfs_stats st;

	sfs_auto(rig->sfs);
	memset(want, 0, sizeof(want));
	put_at(rig, 0, 100000);
	put_at(rig, 200000, 100);
	put_at(rig, 300000, 100000);
	fsync_ok(rig);
	nwb_netfs_get_stats(rig->sfs->nf, &st);
	nwb_check_eq(st.vectored, 0);
	nwb_check_eq(rig->sfs->nr_log, 3);
	check_content(rig);
}

NWB_TEST(vectored, item2_a_large_write_goes_alone)
{
	sfs_run(1, &together, 1 << 20, 0, large_body);
}

/* Together on the wire, and nowhere else. */
static void apart_body(struct sfs_rig *rig)
{
	put_some(rig, 4);
	nwb_file_writeback(rig->f);
	sfs_wait_pending(rig->sfs, 4);
	nwb_check_eq(rig->sfs->together[4], 1);
	sfs_complete(rig->sfs, 3, SFS_ALL);
	sfs_complete(rig->sfs, 2, -ENOSPC);
	sfs_complete(rig->sfs, 1, 60);
	sfs_complete_retry(rig->sfs, 0, -EAGAIN);
	sfs_wait_pending(rig->sfs, 2);
	check_log(rig, 4, 0, 100);
	check_log(rig, 5, 8192 + 60, 41);
	sfs_auto(rig->sfs);
	nwb_check_eq(nwb_file_fsync(rig->f), -ENOSPC);
	memset(want + 2 * 8192, 0, 102);
	check_content(rig);
	nwb_check_eq(rig->sfs->nr_gaveup, 1);
}

NWB_TEST(vectored, item2_each_ends_by_itself)
{
	for (uint64_t seed = 1; seed < 5; seed++)
		sfs_run(seed, &together, 65536, 0, apart_body);
}
