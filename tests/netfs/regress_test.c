/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What `netwb sim` found in lib/netfs, each in the fewest steps that show it.
 * (In lib/fs: tests/fs/found_test.c.)
 */
#include "internal.h"

#include "nwb_test.h"
#include "scripted.h"

#include <errno.h>
#include <string.h>

#define LEN 20000u

static uint8_t buf[LEN];

static void put(struct sfs_rig *rig)
{
	sfs_fill(buf, LEN, 7);
	nwb_check_eq(nwb_file_write(rig->f, buf, LEN, 0), LEN);
}

/* A server that restarts before every flush: what was acked is gone each time,
 * and dirty again, until the commit gives up. */
static void truncate_body(struct sfs_rig *rig)
{
	uint8_t back[2 * LEN];

	put(rig);
	sfs_auto(rig->sfs);
	/* so many that the server could be cut when the commit gives up */
	rig->sfs->flush_crashes = 5;
	nwb_check_eq(nwb_file_truncate(rig->f, 5000), -EIO);
	nwb_check_eq(rig->sfs->flush_crashes, 0);
	/* Nothing was cut, so nothing can come to light behind a new end. */
	nwb_check_eq(nwb_inode_size(rig->inode), LEN);
	nwb_check_eq(nwb_file_fsync(rig->f), -EIO);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check_eq(rig->file->dur_size, LEN);
	nwb_check(!memcmp(rig->file->dur, buf, LEN));
	/* When all can be written it is cut, and grows with zeros. */
	nwb_check_eq(nwb_file_truncate(rig->f, 5000), 0);
	nwb_check_eq(nwb_file_write(rig->f, "x", 1, LEN), 1);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check_eq(nwb_file_read(rig->f, back, sizeof(back), 0), LEN + 1);
	nwb_check(!memcmp(back, buf, 5000));
	for (unsigned int i = 5000; i < LEN; i++) {
		nwb_check_eq(back[i], 0);
		nwb_check_eq(rig->file->dur[i], 0);
	}
}

NWB_TEST(regress, seed_5969_truncate_fails_while_bytes_are_dirty)
{
	struct nwb_netfs_opts opts = {.max_attempts = 4};

	for (uint64_t seed = 1; seed < 10; seed++) {
		opts.mode = seed & 1 ? NWB_IN_PLACE : NWB_TEMP_PAGE;
		sfs_run(seed, &opts, 4096, 0, truncate_body);
	}
}

/* --- what is given up is recorded and told in one step -------------------- */

/* Somebody who asks as soon as it is recorded. */
static struct {
	struct sfs_rig *rig;
	struct nwb_file *f;
	struct nwb_task *task;
	int told;
	unsigned int nr;
	uint64_t err_seq; /* when it was recorded */
	int error;
} gave_up;

static void ask_main(void *arg)
{
	(void)arg;
	gave_up.told =
		nwb_file_sync_range(gave_up.f, 0, 0, NWB_SYNC_WAIT_BEFORE);
}

static void recorded(int error)
{
	gave_up.err_seq = gave_up.rig->inode->err_seq;
	gave_up.nr++;
	gave_up.error = error;
	nwb_check_eq(nwb_task_spawn(gave_up.rig->ex, "asks", ask_main, NULL,
				    &gave_up.task),
		     0);
}

static void on_gaveup(struct nwb_netfs_tap *tap, uint32_t id,
		      const struct nwb_io_subrequest *sreq, int error)
{
	(void)tap;
	(void)id;
	(void)sreq;
	recorded(error);
}

static void on_flush_gaveup(struct nwb_netfs_tap *tap, uint32_t id,
			    uint32_t attempts, uint64_t unreachable_ns,
			    bool is_refused, int error)
{
	(void)tap;
	(void)id;
	(void)unreachable_ns;
	(void)is_refused;
	nwb_check(attempts >= 4);
	recorded(error);
}

static void record_begin(struct sfs_rig *rig)
{
	memset(&gave_up, 0, sizeof(gave_up));
	gave_up.rig = rig;
	rig->sfs->tap.gaveup = on_gaveup;
	rig->sfs->tap.flush_gaveup = on_flush_gaveup;
	nwb_check_eq(nwb_file_open(rig->inode, &gave_up.f), 0);
	put(rig);
}

static void check_recorded(struct sfs_rig *rig)
{
	nwb_check_eq(nwb_file_fsync(rig->f), -EIO);
	nwb_check_eq(gave_up.nr, 1);
	nwb_check_eq(gave_up.error, -EIO);
	nwb_check_eq(gave_up.err_seq, 0);
	nwb_check_eq(rig->inode->err_seq, 1);
	nwb_task_join(gave_up.task);
	nwb_check_eq(gave_up.told, -EIO);
	nwb_check_eq(nwb_file_close(gave_up.f, false), 0);
}

static void rounds_body(struct sfs_rig *rig)
{
	record_begin(rig);
	sfs_auto(rig->sfs);
	rig->sfs->flush_crashes = 1000;
	check_recorded(rig);
	rig->sfs->flush_crashes = 0;
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check(!memcmp(rig->file->dur, buf, LEN));
}

NWB_TEST(regress, seed_5179_rounds_given_up_are_recorded_before_told)
{
	struct nwb_netfs_opts opts = {.max_attempts = 4};

	for (uint64_t seed = 1; seed < 10; seed++)
		sfs_run(seed, &opts, 4096, 0, rounds_body);
}

static void upload_body(struct sfs_rig *rig)
{
	record_begin(rig);
	nwb_file_writeback(rig->f);
	sfs_wait_pending(rig->sfs, 1);
	nwb_check_eq(sfs_pending(rig->sfs), 1);
	sfs_complete(rig->sfs, 0, -EIO);
	sfs_auto(rig->sfs);
	check_recorded(rig);
}

NWB_TEST(regress, seed_15958_a_failure_is_told_from_its_record_on)
{
	/* nobody waits for what temp pages upload */
	struct nwb_netfs_opts opts = {.mode = NWB_TEMP_PAGE};

	for (uint64_t seed = 1; seed < 30; seed++)
		sfs_run(seed, &opts, 65536, 0, upload_body);
}

static void aborts_body(struct sfs_rig *rig)
{
	record_begin(rig);
	sfs_auto(rig->sfs);
	rig->sfs->flush_aborts = 1000;
	check_recorded(rig);
	rig->sfs->flush_aborts = 0;
}

NWB_TEST(regress, a_flush_nobody_answers_is_recorded_before_told)
{
	struct nwb_netfs_opts opts = {.max_attempts = 4};

	for (uint64_t seed = 1; seed < 10; seed++)
		sfs_run(seed, &opts, 4096, 0, aborts_body);
}

/* --- a commit while there is somebody to tell ----------------------------- */

static void commit_body(struct sfs_rig *rig)
{
	put(rig);
	sfs_auto(rig->sfs);
	rig->sfs->flush_error = -EIO;
	/* Acknowledged, and nothing else: the last one who can be told is. */
	nwb_check_eq(nwb_file_flush(rig->f), 0);
	nwb_check_eq(nwb_file_commit(rig->f), -EIO);
	rig->sfs->flush_error = 0;
	put(rig);
	nwb_check_eq(nwb_file_commit(rig->f), 0);
	nwb_check(!memcmp(rig->file->dur, buf, LEN));
	/* Nothing is sent when all is durable. */
	rig->sfs->nr_flushes = 0;
	nwb_check_eq(nwb_file_commit(rig->f), 0);
	nwb_check_eq(rig->sfs->nr_flushes, 0);
}

NWB_TEST(regress, the_last_close_commits_what_was_only_acknowledged)
{
	struct nwb_netfs_opts opts = {0};

	sfs_run(1, &opts, 4096, 0, commit_body);
	opts.mode = NWB_TEMP_PAGE;
	sfs_run(1, &opts, 4096, 0, commit_body);
}

static void seen_body(struct sfs_rig *rig)
{
	struct nwb_file *late;

	put(rig);
	nwb_file_writeback(rig->f);
	sfs_wait_pending(rig->sfs, 1);
	while (sfs_pending(rig->sfs))
		sfs_complete(rig->sfs, 0, -ENOSPC);
	nwb_sleep_until(rig->ex, nwb_now_ns(rig->ex) + NWB_SEC);
	/* Opened after the loss, of which nobody has been told: its ok would
	 * be taken for everybody's. */
	nwb_check_eq(nwb_file_open(rig->inode, &late), 0);
	sfs_auto(rig->sfs);
	nwb_check_eq(nwb_file_fsync(late), -ENOSPC);
	nwb_check_eq(nwb_file_close(late, false), 0);
}

NWB_TEST(regress, who_opens_late_is_told_what_nobody_was)
{
	struct nwb_netfs_opts opts = {.dirty_age_ns = 1000 * NWB_SEC};

	sfs_run(1, &opts, 65536, 0, seen_body);
}
