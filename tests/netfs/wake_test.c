/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who calls the collector, counted: NWB_TR_COLLECT is one call. */
#include "nwb/trace.h"
#include "words.h"

#include <errno.h>

static struct nwb_trace *ring;

static unsigned int nr_calls(void)
{
	struct nwb_trace_event e;
	unsigned int n = 0;
	uint64_t pos = 0;

	while (nwb_trace_next(ring, &pos, &e))
		n += e.type == NWB_TR_COLLECT;
	return n;
}

/* Completes number @index of those pending. Return: calls by that. */
static unsigned int end(struct sfs_rig *rig, unsigned int index, int64_t result)
{
	unsigned int before = nr_calls();

	sfs_complete(rig->sfs, index, result);
	sfs_rest(rig);
	return nr_calls() - before;
}

static bool is_strict(const struct sfs_rig *rig)
{
	return nwb_netfs_get_opts(rig->sfs->nf)->flavour == NWB_STRICT;
}

static void finish(struct sfs_rig *rig)
{
	sfs_auto(rig->sfs);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check_eq(stats_of(rig).live_subrequests, 0);
}

/* Two folios of 64 KiB, four pieces each. */
static void pieces_body(struct sfs_rig *rig)
{
	put(rig, 0, 65536);
	put(rig, 65536, 65536);
	sfs_start(rig, 8);
	/* in order: the last of a folio, in Linux each */
	for (unsigned int i = 0; i < 3; i++)
		nwb_check_eq(end(rig, 0, SFS_ALL), !is_strict(rig));
	nwb_check_eq(stats_of(rig).live_subrequests, is_strict(rig) ? 8 : 5);
	nwb_check_eq(end(rig, 0, SFS_ALL), 1);
	nwb_check_eq(stats_of(rig).live_subrequests, 4);
	/* out of order: the one that all behind it wait for */
	for (unsigned int i = 3; i; i--)
		nwb_check_eq(end(rig, i, SFS_ALL), 0);
	nwb_check_eq(end(rig, 0, SFS_ALL), 1);
	nwb_check_eq(stats_of(rig).live_subrequests, 0);
	finish(rig);
}

/* A failure and a short write are nobody's to wait for. */
static void trouble_body(struct sfs_rig *rig)
{
	put(rig, 0, 65536);
	sfs_start(rig, 4);
	nwb_check_eq(end(rig, 0, SFS_ALL), !is_strict(rig));
	nwb_check_eq(end(rig, 0, 4096), 1);
	nwb_check_eq(stats_of(rig).live_subrequests, 3);
	finish(rig);
}

/* 64 pieces of one folio: 32 wait at most. */
static void many_body(struct sfs_rig *rig)
{
	put(rig, 0, NWB_MIB);
	sfs_start(rig, 64);
	for (unsigned int i = 1; i <= 64; i++) {
		nwb_check_eq(end(rig, 0, SFS_ALL), i % 32 == 0);
		nwb_check_eq(stats_of(rig).live_subrequests, 64 - i / 32 * 32);
	}
	finish(rig);
}

/* Behind what is there the issuer waits for a subrequest to come back. */
static void short_of_them_body(struct sfs_rig *rig)
{
	put(rig, 0, NWB_MIB);
	sfs_start(rig, 4);
	for (unsigned int i = 0; i < 64; i++) {
		sfs_wait_pending(rig->sfs, 1);
		sfs_complete(rig->sfs, 0, SFS_ALL);
		sfs_rest(rig);
	}
	finish(rig);
}

static void with_ring(struct nwb_netfs_opts *opts, sfs_body_fn body)
{
	ring = nwb_trace_new(4096);
	nwb_check(ring != NULL);
	opts->trace = ring;
	opts->dirty_age_ns = 1000 * NWB_SEC;
	opts->dirty_kick_bytes = 4 * NWB_MIB;
	sfs_run(1, opts, 16384, 0, body);
	nwb_trace_free(ring);
}

NWB_TEST(wake, item3_strict_calls_at_the_end_of_a_claim)
{
	struct nwb_netfs_opts opts = {.flavour = NWB_STRICT};

	with_ring(&opts, pieces_body);
	opts.mode = NWB_TEMP_PAGE;
	with_ring(&opts, pieces_body);
}

NWB_TEST(wake, item3_linux_calls_at_each_front)
{
	struct nwb_netfs_opts opts = {.flavour = NWB_LINUX_7_2};

	with_ring(&opts, pieces_body);
	opts.flavour = NWB_LINUX_6_12;
	with_ring(&opts, pieces_body);
}

NWB_TEST(wake, item3_trouble_calls_at_once)
{
	struct nwb_netfs_opts opts = {.flavour = NWB_STRICT};

	with_ring(&opts, trouble_body);
}

NWB_TEST(wake, item3_a_claim_keeps_no_more_than_some)
{
	struct nwb_netfs_opts opts = {.folio_bytes_max = NWB_MIB,
				      .cache_bytes = 8 * NWB_MIB,
				      .temp_bytes = 4 * NWB_MIB};

	with_ring(&opts, many_body);
}

NWB_TEST(wake, item3_none_is_kept_from_who_waits_for_it)
{
	struct nwb_netfs_opts opts = {.folio_bytes_max = NWB_MIB,
				      .cache_bytes = 8 * NWB_MIB,
				      .temp_bytes = 4 * NWB_MIB,
				      .max_subrequests = 4};

	with_ring(&opts, short_of_them_body);
}
