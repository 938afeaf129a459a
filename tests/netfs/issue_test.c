/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the issuer cuts subrequests, and when the flusher starts. */
#include "words.h"

#include <string.h>

static void size_cut_body(struct sfs_rig *rig)
{
	put(rig, 0, 150000);
	fsync_ok(rig);
	nwb_check_eq(rig->sfs->nr_log, 3);
	check_log(rig, 0, 0, 65536);
	check_log(rig, 1, 65536, 65536);
	check_log(rig, 2, 131072, 150000 - 131072);
	nwb_check(!memcmp(rig->file->dur, buf, 150000));
	nwb_check_eq(rig->file->dur_size, 150000);
}

NWB_TEST(issue, cut_by_size)
{
	struct nwb_netfs_opts opts = {.dirty_kick_bytes = NWB_MIB};

	sfs_run(1, &opts, 65536, 0, size_cut_body);
	/* Whatever the folios: the tiling does not follow them. */
	opts.folio_bytes_max = 4096;
	sfs_run(1, &opts, 65536, 0, size_cut_body);
	opts.mode = NWB_TEMP_PAGE;
	sfs_run(1, &opts, 65536, 0, size_cut_body);
}

static void odd_wsize_body(struct sfs_rig *rig)
{
	put(rig, 0, 65512 * 3);
	fsync_ok(rig);
	nwb_check_eq(rig->sfs->nr_log, 3);
	check_log(rig, 0, 0, 65512);
	check_log(rig, 1, 65512, 65512);
	check_log(rig, 2, 2 * 65512, 65512);
}

NWB_TEST(issue, subrequests_span_folios_and_folios_subrequests)
{
	struct nwb_netfs_opts opts = {.dirty_kick_bytes = NWB_MIB};

	sfs_run(1, &opts, 65512, 0, odd_wsize_body);
}

static void gap_body(struct sfs_rig *rig)
{
	put(rig, 0, 4096);
	put(rig, 4096, 4096);
	put(rig, 12288, 4096);
	put(rig, 16384, 100);
	put(rig, 20480, 4096);
	fsync_ok(rig);
	nwb_check_eq(rig->sfs->nr_log, 3);
	check_log(rig, 0, 0, 8192);
	check_log(rig, 1, 12288, 4196);
	check_log(rig, 2, 20480, 4096);
	nwb_check_eq(rig->sfs->log[0].nr_iov, 1);
}

NWB_TEST(issue, cut_by_discontiguity)
{
	struct nwb_netfs_opts opts = {0};

	sfs_run(1, &opts, 65536, 0, gap_body);
}

static void segment_body(struct sfs_rig *rig)
{
	/* Backwards, so that neighbours in the file are none in memory. */
	for (int i = 7; i >= 0; i--)
		put(rig, (uint64_t)i * 4096, 4096);
	rig->sfs->max_segs = 3;
	fsync_ok(rig);
	nwb_check_eq(rig->sfs->nr_log, 3);
	check_log(rig, 0, 0, 12288);
	check_log(rig, 1, 12288, 12288);
	check_log(rig, 2, 24576, 8192);
	nwb_check_eq(rig->sfs->log[0].nr_iov, 3);
}

NWB_TEST(issue, cut_by_segments)
{
	struct nwb_netfs_opts opts = {.dirty_kick_bytes = NWB_MIB};

	sfs_run(1, &opts, 65536, 0, segment_body);
}

static void merge_body(struct sfs_rig *rig)
{
	for (uint64_t i = 0; i < 64; i++)
		put(rig, i * 4096, 4096);
	fsync_ok(rig);
	nwb_check_eq(rig->sfs->nr_log, 1);
	check_log(rig, 0, 0, 64 * 4096);
	nwb_check_eq(rig->sfs->log[0].nr_iov, 1);
}

NWB_TEST(issue, neighbouring_folios_merge_into_one_segment)
{
	struct nwb_netfs_opts opts = {.dirty_kick_bytes = NWB_MIB};

	sfs_run(1, &opts, 1 << 20, 0, merge_body);
	opts.mode = NWB_TEMP_PAGE;
	sfs_run(1, &opts, 1 << 20, 0, merge_body);
}

static void partial_body(struct sfs_rig *rig)
{
	/* Three bytes of a file that the server has: only they are sent. */
	put(rig, 5000, 3);
	fsync_ok(rig);
	nwb_check_eq(rig->sfs->nr_log, 1);
	check_log(rig, 0, 5000, 3);
	/* A second range in the same page: the page is read, the hull sent. */
	put(rig, 6000, 4);
	put(rig, 6100, 4);
	fsync_ok(rig);
	check_log(rig, 1, 6000, 104);
	nwb_check_eq(rig->file->dur_size, 100000);
	sfs_fill(buf, 100000, 4711);
	nwb_check(!memcmp(rig->file->dur, buf, 5000));
	nwb_check(!memcmp(rig->file->dur + 5003, buf + 5003, 997));
	nwb_check(!memcmp(rig->file->dur + 6004, buf + 6004, 96));
	nwb_check(!memcmp(rig->file->dur + 6104, buf + 6104, 100000 - 6104));
}

NWB_TEST(issue, only_what_was_written_is_sent)
{
	struct nwb_netfs_opts opts = {0};

	sfs_run(1, &opts, 65536, 100000, partial_body);
}

static void credits_body(struct sfs_rig *rig)
{
	rig->sfs->max_len = 10000;
	put(rig, 0, 25000);
	fsync_ok(rig);
	nwb_check_eq(rig->sfs->nr_log, 3);
	check_log(rig, 0, 0, 10000);
	check_log(rig, 1, 10000, 10000);
	check_log(rig, 2, 20000, 5000);
}

NWB_TEST(issue, prepare_lowers_the_size)
{
	struct nwb_netfs_opts opts = {0};

	sfs_run(1, &opts, 65536, 0, credits_body);
}

static void kick_body(struct sfs_rig *rig)
{
	struct sfs *sfs = rig->sfs;

	/* 64 KiB is not above the mark. */
	for (uint64_t i = 0; i < 16; i++)
		put(rig, i * 4096, 4096);
	nwb_sleep_until(rig->ex, nwb_now_ns(rig->ex) + 500 * NWB_MSEC);
	nwb_check_eq(sfs_pending(sfs), 0);
	/* Above: whole subrequests go out, the piece being written stays. */
	put(rig, 16 * 4096, 4096);
	sfs_wait_pending(sfs, 4);
	nwb_sleep_until(rig->ex, nwb_now_ns(rig->ex) + 200 * NWB_MSEC);
	nwb_check_eq(sfs->nr_log, 4);
	check_log(rig, 3, 3 * 16384, 16384);
	/* The issuer waits for no reply: 64 KiB more go out. */
	for (uint64_t i = 17; i < 33; i++)
		put(rig, i * 4096, 4096);
	sfs_wait_pending(sfs, 8);
	nwb_check_eq(sfs->nr_log, 8);
	check_log(rig, 4, 4 * 16384, 16384);
	/* The last 4 KiB go when they are old. */
	nwb_sleep_until(rig->ex, nwb_now_ns(rig->ex) + 1100 * NWB_MSEC);
	nwb_check_eq(sfs->nr_log, 9);
	check_log(rig, 8, 8 * 16384, 4096);
}

NWB_TEST(issue, flusher_sends_whole_subrequests_of_a_stream)
{
	struct nwb_netfs_opts opts = {0};

	opts.wsize = 16384;
	sfs_run(1, &opts, 16384, 0, kick_body);
	opts.mode = NWB_TEMP_PAGE;
	sfs_run(1, &opts, 16384, 0, kick_body);
}

static void asked_body(struct sfs_rig *rig)
{
	put(rig, 0, 4096);
	nwb_file_writeback(rig->f);
	sfs_wait_pending(rig->sfs, 1);
	check_log(rig, 0, 0, 4096);
}

NWB_TEST(issue, writeback_when_asked_for)
{
	struct nwb_netfs_opts opts = {.dirty_age_ns = 1000 * NWB_SEC};

	sfs_run(1, &opts, 16384, 0, asked_body);
}

static void append_body(struct sfs_rig *rig)
{
	static uint8_t all[30000];
	uint64_t pos = 0;

	for (unsigned int i = 1; pos + i * 37 < sizeof(all); i++) {
		sfs_fill(all + pos, i * 37, i);
		nwb_check_eq(nwb_file_write(rig->f, all + pos, i * 37, pos),
			     i * 37);
		pos += i * 37;
		if (i % 9 == 0)
			fsync_ok(rig);
	}
	fsync_ok(rig);
	nwb_check_eq(rig->file->dur_size, pos);
	nwb_check(!memcmp(rig->file->dur, all, pos));
}

NWB_TEST(issue, odd_appends)
{
	struct nwb_netfs_opts opts = {0};

	sfs_run(1, &opts, 65536, 0, append_body);
}
