/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Behaviour 7, T13: writeback does not fail, and does not stand still, for want
 * of memory. From the moment at which everything is dirty every allocation
 * fails: requests, subrequests, segments and claims come from their pools, and
 * who finds a pool empty waits for what others give back.
 */
#include "nwb/mem.h"
#include "nwb_test.h"
#include "scripted.h"

#include <errno.h>
#include <string.h>

#define LEN (1u << 20)

static uint8_t buf[LEN];

static void no_memory(bool is_on)
{
	nwb_mem_fail_at(is_on ? 1 : 0, is_on ? 1u << 30 : 0);
}

static void put(struct sfs_rig *rig, uint64_t seed)
{
	sfs_fill(buf, LEN, seed);
	/* a folio in two is dirty: no two subrequests can be one */
	for (uint64_t at = 0; at < LEN; at += 8192)
		nwb_check_eq(nwb_file_write(rig->f, buf + at, 4096, at), 4096);
}

static void check(struct sfs_rig *rig)
{
	for (uint64_t at = 0; at < LEN; at += 8192)
		nwb_check(!memcmp(rig->file->dur + at, buf + at, 4096));
}

static void plain_body(struct sfs_rig *rig)
{
	struct nwb_netfs_stats st;

	sfs_auto(rig->sfs);
	for (uint64_t round = 1; round < 4; round++) {
		put(rig, round);
		no_memory(true);
		nwb_check_eq(nwb_file_fsync(rig->f), 0);
		no_memory(false);
		check(rig);
	}
	nwb_netfs_get_stats(rig->sfs->nf, &st);
	nwb_check(st.upload_issued >= 3 * LEN / 8192);
}

static void run_all(sfs_body_fn body)
{
	struct nwb_netfs_opts opts = {.cache_bytes = 2 * NWB_MIB,
				      .temp_bytes = 64 * 1024,
				      .folio_bytes_max = 16384,
				      .dirty_kick_bytes = 8 * NWB_MIB,
				      .dirty_age_ns = 10000 * NWB_SEC};

	for (uint64_t i = 0; i < 12; i++) {
		opts.mode = i & 1 ? NWB_TEMP_PAGE : NWB_IN_PLACE;
		opts.max_subrequests = i & 2 ? 2 : 0;
		opts.flavour = (enum nwb_flavour)(i / 4);
		/* h13 waits for subrequests that it holds, h7 loses data */
		opts.no_hazards = NWB_HAZARDS_ALL;
		sfs_run(i + 1, &opts, 16384, 0, body);
	}
}

NWB_TEST(mempool, item7_writeback_ends_while_every_allocation_fails)
{
	run_all(plain_body);
}

/* Short writes, resets and small limits: the retryer cuts what is listed into
 * more pieces than there are. */
static void retry_body(struct sfs_rig *rig)
{
	struct nwb_netfs_stats st;

	rig->sfs->dice = (struct sfs_dice){.is_on = true,
					   .p_short = 200,
					   .p_reset = 20,
					   .p_small_max = 200,
					   .latency_ns = NWB_MSEC};
	sfs_auto(rig->sfs);
	put(rig, 9);
	no_memory(true);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	no_memory(false);
	rig->sfs->dice.is_on = false;
	check(rig);
	nwb_netfs_get_stats(rig->sfs->nf, &st);
	nwb_check(st.retries > 0);
}

NWB_TEST(mempool, item7_retries_end_while_every_allocation_fails)
{
	run_all(retry_body);
}
