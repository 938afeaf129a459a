/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Error sequence, unstable bytes, instances. */
#include "nwb_test.h"
#include "scripted.h"

#include <errno.h>
#include <string.h>

static uint8_t buf[1 << 20];

static void put(struct nwb_file *f, uint64_t pos, size_t len, uint64_t seed)
{
	sfs_fill(buf + pos, len, seed);
	nwb_check_eq(nwb_file_write(f, buf + pos, len, pos), len);
}

static void rest(struct sfs_rig *rig)
{
	nwb_sleep_until(rig->ex, nwb_now_ns(rig->ex) + 10 * NWB_MSEC);
}

static void write_out(struct sfs_rig *rig)
{
	nwb_file_writeback(rig->f);
	sfs_wait_pending(rig->sfs, 1);
	rest(rig);
}

static void errseq_body(struct sfs_rig *rig)
{
	struct nwb_file *b, *c, *d;

	nwb_check_eq(nwb_file_open(rig->inode, &b), 0);
	put(rig->f, 0, 4096, 1);
	write_out(rig);
	sfs_complete(rig->sfs, 0, -ENOSPC);
	rest(rig);
	put(rig->f, 0, 4096, 2);
	write_out(rig);
	sfs_complete(rig->sfs, 0, -EIO);
	rest(rig);
	/* Opened afterwards, and nobody has been told: then it is told, or its
	 * ok would cover what was lost. */
	nwb_check_eq(nwb_file_open(rig->inode, &c), 0);
	sfs_auto(rig->sfs);
	nwb_check_eq(nwb_file_fsync(c), -EIO);
	nwb_check_eq(nwb_file_fsync(c), 0);
	/* Somebody has seen it. */
	nwb_check_eq(nwb_file_open(rig->inode, &d), 0);
	nwb_check_eq(nwb_file_fsync(d), 0);
	nwb_check_eq(nwb_file_close(d, true), 0);
	/* Once a file, the newest, for all earlier ones. */
	nwb_check_eq(nwb_file_fsync(rig->f), -EIO);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	/* Closing peeks. */
	nwb_check_eq(nwb_file_close(b, true), -EIO);
	put(rig->f, 0, 4096, 3);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check_eq(nwb_file_close(c, true), 0);
	nwb_check(!memcmp(rig->file->dur, buf, 4096));
}

NWB_TEST(fsync, item3_each_file_is_told_once)
{
	struct nwb_netfs_opts opts = {0};

	sfs_run(1, &opts, 65536, 0, errseq_body);
}

static void flush_error_body(struct sfs_rig *rig)
{
	struct nwb_file *b;

	nwb_check_eq(nwb_file_open(rig->inode, &b), 0);
	sfs_auto(rig->sfs);
	put(rig->f, 0, 4096, 1);
	rig->sfs->flush_error = -EIO;
	nwb_check_eq(nwb_file_fsync(rig->f), -EIO);
	rig->sfs->flush_error = 0;
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check_eq(nwb_file_fsync(b), -EIO);
	/* Released: not sent again. */
	nwb_check_eq(rig->sfs->nr_log, 1);
	nwb_check_eq(nwb_file_close(b, false), 0);
}

NWB_TEST(fsync, item3_a_failed_flush_is_told)
{
	struct nwb_netfs_opts opts = {0};

	sfs_run(1, &opts, 65536, 0, flush_error_body);
}

static void always_body(struct sfs_rig *rig)
{
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check_eq(rig->sfs->nr_flushes, 2);
}

NWB_TEST(fsync, flushes_even_when_nothing_is_dirty)
{
	struct nwb_netfs_opts opts = {0};

	sfs_run(1, &opts, 65536, 0, always_body);
}

static void crash_body(struct sfs_rig *rig)
{
	struct nwb_netfs_stats st;

	put(rig->f, 0, 20000, 1);
	write_out(rig);
	sfs_complete_all(rig->sfs);
	rest(rig);
	/* Acked; and then the server loses it. */
	nwb_check(!memcmp(rig->file->vol, buf, 20000));
	sfs_reset(rig->sfs, false, true);
	nwb_check_eq(rig->file->vol_size, 0);
	sfs_auto(rig->sfs);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check(!memcmp(rig->file->dur, buf, 20000));
	nwb_netfs_get_stats(rig->sfs->nf, &st);
	nwb_check_eq(st.unstable_resent, 20000);
	nwb_check_eq(rig->sfs->nr_flushes, 2);
	/* And only once. */
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_netfs_get_stats(rig->sfs->nf, &st);
	nwb_check_eq(st.unstable_resent, 20000);
}

NWB_TEST(fsync, acked_is_not_durable)
{
	struct nwb_netfs_opts opts = {0};

	for (uint64_t seed = 1; seed < 10; seed++)
		sfs_run(seed, &opts, 65536, 0, crash_body);
	opts.mode = NWB_TEMP_PAGE;
	sfs_run(1, &opts, 65536, 0, crash_body);
}

static void mixed_body(struct sfs_rig *rig)
{
	/* One folio: half acked by the old instance, half by the new. */
	put(rig->f, 0, 8192, 1);
	rig->sfs->max_len = 4096;
	nwb_file_writeback(rig->f);
	sfs_wait_pending(rig->sfs, 2);
	sfs_complete(rig->sfs, 0, SFS_ALL);
	rest(rig);
	sfs_reset(rig->sfs, false, true);
	sfs_wait_pending(rig->sfs, 1);
	sfs_complete(rig->sfs, 0, SFS_ALL);
	rest(rig);
	nwb_check(memcmp(rig->file->vol, buf, 4096));
	sfs_auto(rig->sfs);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check(!memcmp(rig->file->dur, buf, 8192));
}

NWB_TEST(fsync, a_folio_acked_by_two_instances)
{
	struct nwb_netfs_opts opts = {.folio_bytes_max = 8192};

	for (uint64_t seed = 1; seed < 10; seed++)
		sfs_run(seed, &opts, 65536, 0, mixed_body);
}

static void abort_body(struct sfs_rig *rig)
{
	put(rig->f, 0, 4096, 1);
	sfs_auto(rig->sfs);
	rig->sfs->flush_aborts = 3;
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check(!memcmp(rig->file->dur, buf, 4096));
	/* Each abort is another instance: the data went again. */
	nwb_check(rig->sfs->nr_log >= 2);
	nwb_check_eq(rig->sfs->nr_flushes, 5);
	/* For ever: an end is found. */
	put(rig->f, 0, 4096, 2);
	rig->sfs->flush_aborts = 1000;
	nwb_check_eq(nwb_file_fsync(rig->f), -EIO);
	nwb_check_eq(1000 - rig->sfs->flush_aborts, 8);
	rig->sfs->flush_aborts = 0;
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
}

NWB_TEST(fsync, an_aborted_flush_is_tried_again)
{
	struct nwb_netfs_opts opts = {.max_attempts = 8};

	sfs_run(1, &opts, 65536, 0, abort_body);
}

struct second {
	struct sfs_rig *rig;
	bool is_done;
};

static void second_main(void *arg)
{
	struct second *s = arg;

	nwb_check_eq(nwb_file_fsync(s->rig->f), 0);
	s->is_done = true;
}

static void waits_body(struct sfs_rig *rig)
{
	struct second s = {rig, false};
	struct nwb_task *task;

	put(rig->f, 0, 4096, 1);
	write_out(rig);
	put(rig->f, 0, 4096, 2);
	nwb_check_eq(nwb_task_spawn(rig->ex, "fsync", second_main, &s, &task),
		     0);
	rest(rig);
	/* The folio is in flight and dirty again: it is waited for... */
	nwb_check_eq(rig->sfs->nr_log, 1);
	nwb_check_eq(rig->sfs->nr_flushes, 0);
	sfs_complete(rig->sfs, 0, SFS_ALL);
	sfs_wait_pending(rig->sfs, 1);
	rest(rig);
	/* ...sent again, and waited for again. */
	nwb_check(!s.is_done);
	sfs_complete(rig->sfs, 0, SFS_ALL);
	nwb_task_join(task);
	nwb_check_eq(rig->sfs->nr_flushes, 1);
	nwb_check(!memcmp(rig->file->dur, buf, 4096));
}

NWB_TEST(fsync, waits_for_folios_in_flight)
{
	struct nwb_netfs_opts opts = {0};

	for (uint64_t seed = 1; seed < 10; seed++)
		sfs_run(seed, &opts, 65536, 0, waits_body);
	opts.mode = NWB_TEMP_PAGE;
	sfs_run(1, &opts, 65536, 0, waits_body);
}

static void late_ack_body(struct sfs_rig *rig)
{
	struct second s = {rig, false};
	struct nwb_task *task;

	sfs_hold_flush(rig->sfs, true);
	nwb_check_eq(nwb_task_spawn(rig->ex, "fsync", second_main, &s, &task),
		     0);
	rest(rig);
	nwb_check_eq(rig->sfs->nr_flushes, 1);
	/* Acked after the server flushed, before it says so. */
	put(rig->f, 0, 4096, 1);
	write_out(rig);
	sfs_complete(rig->sfs, 0, SFS_ALL);
	rest(rig);
	sfs_hold_flush(rig->sfs, false);
	nwb_task_join(task);
	nwb_check(s.is_done);
	/* That flush did not cover it. */
	sfs_reset(rig->sfs, false, true);
	sfs_auto(rig->sfs);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check(!memcmp(rig->file->dur, buf, 4096));
	nwb_check_eq(rig->sfs->nr_log, 2);
}

NWB_TEST(fsync, a_flush_covers_only_what_was_acked_before)
{
	struct nwb_netfs_opts opts = {0};

	for (uint64_t seed = 1; seed < 10; seed++)
		sfs_run(seed, &opts, 65536, 0, late_ack_body);
}
