/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Migration, taking memory away and sync(2), with a server that is silent. */
#include "nwb_test.h"
#include "scripted.h"

#include <errno.h>
#include <string.h>

#define LEN 65536u

static uint8_t buf[LEN];

static void rest(struct sfs_rig *rig)
{
	nwb_sleep_until(rig->ex, nwb_now_ns(rig->ex) + 10 * NWB_SEC);
}

/* All of it written, and on its way to a server that does not answer. */
static void start(struct sfs_rig *rig)
{
	sfs_fill(buf, LEN, 3);
	nwb_check_eq(nwb_file_write(rig->f, buf, LEN, 0), LEN);
	nwb_file_writeback(rig->f);
	sfs_wait_pending(rig->sfs, 4);
	rest(rig);
}

static const struct nwb_netfs_opts *opts_of(struct sfs_rig *rig)
{
	return nwb_netfs_get_opts(rig->sfs->nf);
}

static void finish(struct sfs_rig *rig)
{
	uint8_t back[LEN];

	if (!rig->sfs->task)
		sfs_auto(rig->sfs);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check(!memcmp(rig->file->dur, buf, LEN));
	nwb_check_eq(nwb_file_read(rig->f, back, LEN, 0), LEN);
	nwb_check(!memcmp(back, buf, LEN));
}

struct task_arg {
	struct sfs_rig *rig;
	unsigned int tries;
	int rc;
	bool is_done;
};

static void migrator(void *arg)
{
	struct task_arg *t = arg;

	t->rc = nwb_inode_migrate(t->rig->inode, 20000, NWB_MIGRATE_SYNC);
	t->is_done = true;
}

static void migrate_body(struct sfs_rig *rig)
{
	bool is_temp = opts_of(rig)->mode == NWB_TEMP_PAGE;
	bool waits = !is_temp && !opts_of(rig)->may_block_rules;
	struct task_arg t = {.rig = rig};
	struct nwb_task *task;

	nwb_check_eq(nwb_inode_migrate(rig->inode, 0, NWB_MIGRATE_ASYNC),
		     -ENOENT);
	start(rig);
	nwb_check_eq(nwb_inode_migrate(rig->inode, 0, NWB_MIGRATE_ASYNC),
		     is_temp ? 0 : -EBUSY);
	nwb_check_eq(nwb_inode_migrate(rig->inode, 0, NWB_MIGRATE_SYNC_LIGHT),
		     is_temp ? 0 : -EBUSY);
	nwb_check_eq(nwb_task_spawn(rig->ex, "migrator", migrator, &t, &task),
		     0);
	rest(rig);
	nwb_check(t.is_done == !waits);
	sfs_auto(rig->sfs);
	nwb_task_join(task);
	nwb_check_eq(t.rc, waits || is_temp ? 0 : -EBUSY);
	rest(rig);
	nwb_check_eq(nwb_inode_migrate(rig->inode, 0, NWB_MIGRATE_ASYNC), 0);
	finish(rig);
}

static void offliner(void *arg)
{
	struct task_arg *t = arg;

	t->rc = nwb_inode_offline(t->rig->inode, 0, LEN, t->tries);
	t->is_done = true;
}

/* Merged: until the server answers. Fourth posting: after some rounds. */
static void offline_body(struct sfs_rig *rig)
{
	bool is_temp = opts_of(rig)->mode == NWB_TEMP_PAGE;
	bool is_v4 = opts_of(rig)->may_block_rules;
	struct task_arg t = {.rig = rig, .tries = is_v4 ? 5 : 0};
	struct nwb_task *task;

	start(rig);
	nwb_check_eq(nwb_task_spawn(rig->ex, "offliner", offliner, &t, &task),
		     0);
	rest(rig);
	nwb_check(t.is_done == (is_temp || is_v4));
	sfs_auto(rig->sfs);
	nwb_task_join(task);
	nwb_check_eq(t.rc, is_v4 && !is_temp ? -EBUSY : 0);
	finish(rig);
}

static void syncer(void *arg)
{
	struct task_arg *t = arg;

	nwb_netfs_sync(t->rig->sfs->nf);
	t->is_done = true;
}

static void sync_body(struct sfs_rig *rig)
{
	bool waits = opts_of(rig)->mode == NWB_IN_PLACE &&
		     !opts_of(rig)->no_data_integrity;
	struct task_arg t = {.rig = rig};
	struct nwb_task *task;

	sfs_fill(buf, LEN, 3);
	nwb_check_eq(nwb_file_write(rig->f, buf, LEN, 0), LEN);
	nwb_check_eq(nwb_task_spawn(rig->ex, "syncer", syncer, &t, &task), 0);
	rest(rig);
	/* Either way all of it is on its way now. */
	nwb_check_eq(sfs_pending(rig->sfs), 4);
	nwb_check(t.is_done == !waits);
	sfs_auto(rig->sfs);
	nwb_task_join(task);
	finish(rig);
}

static void run_all(sfs_body_fn body)
{
	struct nwb_netfs_opts opts = {.dirty_age_ns = 10000 * NWB_SEC,
				      .folio_bytes_max = 16384,
				      .writeback_may_deadlock = true};

	for (uint64_t i = 0; i < 16; i++) {
		opts.mode = i & 1 ? NWB_TEMP_PAGE : NWB_IN_PLACE;
		opts.may_block_rules = i & 2;
		opts.no_data_integrity = i & 4;
		sfs_run(i + 1, &opts, 16384, 0, body);
	}
}

NWB_TEST(migrate, item7_a_folio_under_writeback_is_busy_or_waited_for)
{
	run_all(migrate_body);
}

NWB_TEST(migrate, item7_hotplug_ends_after_finite_retries_in_v4)
{
	run_all(offline_body);
}

NWB_TEST(migrate, item7_sync_waits_for_what_is_under_writeback)
{
	run_all(sync_body);
}

/* Temp pages that are not copied to: what is sent is the folio. */
static void no_copy_body(struct sfs_rig *rig)
{
	start(rig);
	nwb_check_eq(nwb_inode_migrate(rig->inode, 0, NWB_MIGRATE_ASYNC),
		     -EBUSY);
	finish(rig);
	nwb_check_eq(nwb_inode_migrate(rig->inode, 0, NWB_MIGRATE_ASYNC), 0);
}

NWB_TEST(migrate, item7_what_is_sent_without_a_copy_stays)
{
	struct nwb_netfs_opts opts = {.mode = NWB_TEMP_PAGE, .no_copy = true};

	sfs_run(1, &opts, 16384, 0, no_copy_body);
}
