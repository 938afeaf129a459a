/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Behaviour 1: direct and unbuffered writes (fs/netfs/direct_write.c:
 * netfs_unbuffered_write_iter). */
#include "words.h"

#include <errno.h>
#include <string.h>

static struct nwb_task *start(struct call *c)
{
	return call_start(c, NWB_F_DIRECT);
}

static void ordered_body(struct sfs_rig *rig)
{
	struct call c = {.rig = rig, .len = 5 * 16384};
	struct nwb_task *task = start(&c);

	for (unsigned int i = 0; i < 5; i++) {
		sfs_wait_pending(rig->sfs, 1);
		nap(rig);
		nwb_check_eq(sfs_pending(rig->sfs), 1);
		nwb_check_eq(rig->sfs->nr_log, i + 1);
		nwb_check_eq(rig->sfs->log[i].start, i * 16384);
		sfs_complete(rig->sfs, 0, SFS_ALL);
	}
	nwb_task_join(task);
	nwb_check_eq(c.n, c.len);
	nwb_check(!memcmp(rig->file->vol, buf, c.len));
	nwb_check_eq(nwb_inode_size(rig->inode), c.len);
}

NWB_TEST(direct, item1_ordered_one_at_a_time)
{
	struct nwb_netfs_opts opts = {0};

	sfs_run(1, &opts, 16384, 0, ordered_body);
	opts.mode = NWB_TEMP_PAGE;
	sfs_run(1, &opts, 16384, 0, ordered_body);
	opts.flavour = NWB_LINUX_7_2;
	sfs_run(1, &opts, 16384, 0, ordered_body);
}

static void dsync_body(struct sfs_rig *rig)
{
	struct call c = {.rig = rig, .len = 8192};

	sfs_auto(rig->sfs);
	nwb_task_join(call_start(&c, NWB_F_DIRECT | NWB_F_DSYNC));
	nwb_check_eq(c.n, c.len);
	nwb_check(!memcmp(rig->file->dur, buf, c.len));
}

/* Of a direct write Linux' flavours promise nothing; with O_DSYNC they do. */
NWB_TEST(direct, item9_o_direct_and_o_dsync_are_durable)
{
	struct nwb_netfs_opts opts = {0};

	sfs_run(1, &opts, 16384, 0, dsync_body);
	opts.flavour = NWB_LINUX_6_12;
	sfs_run(1, &opts, 16384, 0, dsync_body);
	opts.flavour = NWB_LINUX_7_2;
	sfs_run(1, &opts, 16384, 0, dsync_body);
}

static void credits_body(struct sfs_rig *rig)
{
	struct call c = {.rig = rig, .len = 16384};
	struct nwb_task *task;

	/* Fewer credits than wsize: pieces of it one at a time, too. */
	rig->sfs->max_len = 4096;
	task = start(&c);
	for (unsigned int i = 0; i < 4; i++) {
		sfs_wait_pending(rig->sfs, 1);
		nap(rig);
		nwb_check_eq(rig->sfs->nr_log, i + 1);
		sfs_complete(rig->sfs, 0, SFS_ALL);
	}
	nwb_task_join(task);
	nwb_check_eq(c.n, c.len);
}

NWB_TEST(direct, item1_ordered_when_credits_are_few)
{
	struct nwb_netfs_opts opts = {0};

	sfs_run(1, &opts, 16384, 0, credits_body);
}

static void parallel_body(struct sfs_rig *rig)
{
	struct call c = {.rig = rig, .len = 5 * 16384};
	struct nwb_task *task = start(&c);

	sfs_wait_pending(rig->sfs, 5);
	/* The last first. */
	for (unsigned int i = 5; i; i--)
		sfs_complete(rig->sfs, i - 1, SFS_ALL);
	nwb_task_join(task);
	nwb_check_eq(c.n, c.len);
	nwb_check(!memcmp(rig->file->vol, buf, c.len));
}

NWB_TEST(direct, item1_parallel_in_6_12)
{
	struct nwb_netfs_opts opts = {.flavour = NWB_LINUX_6_12};

	sfs_run(1, &opts, 16384, 0, parallel_body);
	opts.mode = NWB_TEMP_PAGE;
	sfs_run(1, &opts, 16384, 0, parallel_body);
}

static void prefix_body(struct sfs_rig *rig)
{
	struct call c = {.rig = rig, .len = 4 * 16384};
	struct nwb_task *task = start(&c);

	for (unsigned int i = 0; i < 3; i++) {
		sfs_wait_pending(rig->sfs, 1);
		sfs_complete(rig->sfs, 0, i == 2 ? -ENOSPC : SFS_ALL);
	}
	nwb_task_join(task);
	/* The third failed: the fourth was never sent, two were written. */
	nwb_check_eq(c.n, 2 * 16384);
	nwb_check_eq(rig->sfs->nr_log, 3);
	nwb_check_eq(nwb_inode_size(rig->inode), 2 * 16384);
	/* It was told already: fsync has nothing to tell. */
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
}

NWB_TEST(direct, item1_a_failure_leaves_no_hole)
{
	struct nwb_netfs_opts opts = {0};

	sfs_run(1, &opts, 16384, 0, prefix_body);
	opts.flavour = NWB_LINUX_7_2;
	sfs_run(1, &opts, 16384, 0, prefix_body);
}

static void error_body(struct sfs_rig *rig)
{
	struct call c = {.rig = rig, .len = 4096};
	bool has_h6 = nwb_netfs_hazard(rig->sfs->nf, NWB_H6);
	struct nwb_netfs_stats st;
	struct nwb_task *task = start(&c);

	sfs_wait_pending(rig->sfs, 1);
	sfs_complete(rig->sfs, 0, -ENOSPC);
	nwb_task_join(task);
	nwb_check_eq(c.n, has_h6 ? 0 : -ENOSPC);
	nwb_netfs_get_stats(rig->sfs->nf, &st);
	nwb_check_eq(st.hazards_fired[NWB_H6], has_h6 ? 1 : 0);
}

NWB_TEST(direct, h6_a_failed_direct_write_returns_0)
{
	struct nwb_netfs_opts opts = {0};

	sfs_run(1, &opts, 16384, 0, error_body);
	opts.flavour = NWB_LINUX_6_12;
	sfs_run(1, &opts, 16384, 0, error_body);
	opts.no_hazards = NWB_HAZARD_BIT(NWB_H6);
	sfs_run(1, &opts, 16384, 0, error_body);
	opts.flavour = NWB_LINUX_7_2;
	sfs_run(1, &opts, 16384, 0, error_body);
}

static void short_body(struct sfs_rig *rig)
{
	struct call c = {.rig = rig, .len = 16384};
	struct nwb_task *task = start(&c);

	sfs_wait_pending(rig->sfs, 1);
	sfs_complete(rig->sfs, 0, 5000);
	sfs_wait_pending(rig->sfs, 1);
	nwb_check_eq(rig->sfs->log[1].start, 5000);
	sfs_complete_retry(rig->sfs, 0, -ECONNABORTED);
	sfs_wait_pending(rig->sfs, 1);
	nwb_check_eq(rig->sfs->log[2].start, 5000);
	sfs_complete(rig->sfs, 0, SFS_ALL);
	nwb_task_join(task);
	nwb_check_eq(c.n, c.len);
	nwb_check(!memcmp(rig->file->vol, buf, c.len));
}

NWB_TEST(direct, item1_short_and_lost_are_sent_again)
{
	struct nwb_netfs_opts opts = {0};

	sfs_run(1, &opts, 16384, 0, short_body);
	opts.flavour = NWB_LINUX_6_12;
	sfs_run(1, &opts, 16384, 0, short_body);
}

static void cached_body(struct sfs_rig *rig)
{
	static uint8_t old[16384], seen[16384];

	sfs_auto(rig->sfs);
	/* Dirty, clean and unstable bytes in the way. */
	sfs_fill(old, sizeof(old), 2);
	nwb_check_eq(nwb_file_write(rig->f, old, 8192, 0), 8192);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check_eq(nwb_file_write(rig->f, old, 100, 6000), 100);
	nwb_file_set_flags(rig->f, NWB_F_DIRECT);
	sfs_fill(buf, 4096, 3);
	nwb_check_eq(nwb_file_write(rig->f, buf, 4096, 2048), 4096);
	/* Read from the server: nothing older is in the cache. */
	nwb_check_eq(nwb_file_read(rig->f, seen, 8192, 0), 8192);
	memcpy(old + 6000, old, 100);
	nwb_check(!memcmp(seen, old, 2048));
	nwb_check(!memcmp(seen + 2048, buf, 4096));
	nwb_check(!memcmp(seen + 6144, rig->file->vol + 6144, 8192 - 6144));
	nwb_check(!memcmp(rig->file->vol + 2048, buf, 4096));
	/* And nothing older is written over it later. */
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check(!memcmp(rig->file->dur + 2048, buf, 4096));
}

NWB_TEST(direct, item1_what_was_cached_is_flushed_and_forgotten)
{
	struct nwb_netfs_opts opts = {.dirty_age_ns = 1000 * NWB_SEC};

	sfs_run(1, &opts, 16384, 16384, cached_body);
	opts.mode = NWB_TEMP_PAGE;
	sfs_run(2, &opts, 16384, 16384, cached_body);
	opts.flavour = NWB_LINUX_6_12;
	sfs_run(3, &opts, 16384, 16384, cached_body);
}

static void durable_body(struct sfs_rig *rig)
{
	struct call c = {.rig = rig, .len = 4096};
	struct nwb_task *task;

	/* The server crashes between the reply and the flush that follows. */
	sfs_hold_flush(rig->sfs, true);
	task = start(&c);
	sfs_wait_pending(rig->sfs, 1);
	rig->sfs->flush_aborts = 1;
	sfs_complete(rig->sfs, 0, SFS_ALL);
	nap(rig);
	memset(rig->file->vol, 0, 4096);
	sfs_hold_flush(rig->sfs, false);
	sfs_wait_pending(rig->sfs, 1);
	sfs_complete(rig->sfs, 0, SFS_ALL);
	nwb_task_join(task);
	nwb_check_eq(c.n, c.len);
	nwb_check_eq(rig->sfs->nr_log, 2);
	nwb_check(!memcmp(rig->file->dur, buf, c.len));
}

NWB_TEST(direct, item1_strict_is_durable_when_it_returns)
{
	struct nwb_netfs_opts opts = {0};

	sfs_run(1, &opts, 16384, 0, durable_body);
}

struct async {
	struct nwb_kiocb iocb;
	bool is_done;
};

static void async_done(struct nwb_kiocb *iocb)
{
	struct async *a = nwb_container_of(iocb, struct async, iocb);

	a->is_done = true;
}

static void async_body(struct sfs_rig *rig)
{
	struct async a[3] = {0};

	nwb_check_eq(nwb_file_write_async(rig->f, buf, 4096, 0, &a[0].iocb),
		     -EINVAL);
	nwb_file_set_flags(rig->f, NWB_F_DIRECT);
	sfs_fill(buf, sizeof(buf), 5);
	for (unsigned int i = 0; i < 3; i++) {
		a[i].iocb.done = async_done;
		nwb_check_eq(nwb_file_write_async(rig->f, buf + i * 4096, 4096,
						  i * 4096, &a[i].iocb),
			     -EIOCBQUEUED);
	}
	nap(rig);
	nwb_check(!a[0].is_done && !a[1].is_done && !a[2].is_done);
	sfs_auto(rig->sfs);
	nap(rig);
	for (unsigned int i = 0; i < 3; i++) {
		nwb_check(a[i].is_done);
		nwb_check_eq(a[i].iocb.result, 4096);
	}
	nwb_check(!memcmp(rig->file->vol, buf, 3 * 4096));
}

NWB_TEST(direct, item1_asynchronous)
{
	struct nwb_netfs_opts opts = {0};

	for (uint64_t seed = 1; seed <= 10; seed++)
		sfs_run(seed, &opts, 16384, 0, async_body);
	opts.flavour = NWB_LINUX_6_12;
	sfs_run(1, &opts, 16384, 0, async_body);
}

/* What is cached and cannot be got rid of would be written over it, later:
 * nothing is written directly, and the caller is told. */
static void in_the_way_body(struct sfs_rig *rig)
{
	static uint8_t old[4096];

	sfs_auto(rig->sfs);
	put(rig, 0, sizeof(old));
	memcpy(old, buf, sizeof(old));
	rig->sfs->flush_crashes = 5; /* all flushes before the write itself */
	nwb_file_set_flags(rig->f, NWB_F_DIRECT);
	sfs_fill(buf, sizeof(old), 7);
	nwb_check_eq(nwb_file_write(rig->f, buf, sizeof(old), 0), -EIO);
	nwb_check_eq(rig->sfs->flush_crashes, 0);
	nwb_check_eq(nwb_file_fsync(rig->f), -EIO);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check(!memcmp(rig->file->dur, old, sizeof(old)));
}

NWB_TEST(direct, item1_nothing_is_written_over_what_stays)
{
	struct nwb_netfs_opts opts = {.max_attempts = 2};

	sfs_run(1, &opts, 16384, 0, in_the_way_body);
	opts.mode = NWB_TEMP_PAGE;
	sfs_run(1, &opts, 16384, 0, in_the_way_body);
	/* those of Linux keep what is not flushed only without h17 */
	opts.no_hazards = NWB_HAZARDS_ALL;
	opts.flavour = NWB_LINUX_6_12;
	sfs_run(1, &opts, 16384, 0, in_the_way_body);
	opts.mode = NWB_IN_PLACE;
	opts.flavour = NWB_LINUX_7_2;
	sfs_run(1, &opts, 16384, 0, in_the_way_body);
}

/* filemap_write_and_wait_range() failed: netfs_unbuffered_write_iter() goes no
 * further, and of all errors it knows two. */
static void flush_fails(struct sfs_rig *rig, int error, int seen)
{
	struct call c = {.rig = rig, .len = 4096};
	struct nwb_task *task;

	put(rig, 0, 4096);
	task = start(&c);
	sfs_wait_pending(rig->sfs, 1);
	sfs_complete(rig->sfs, 0, error);
	nap(rig);
	nwb_check_eq(sfs_pending(rig->sfs), 0);
	nwb_task_join(task);
	nwb_check_eq(c.n, seen);
	/* that it is told here does not keep it from fsync, nor is it lost */
	nwb_check_eq(nwb_file_fsync(rig->f), error);
	nwb_file_set_flags(rig->f, 0);
}

static void flush_fails_body(struct sfs_rig *rig)
{
	flush_fails(rig, -ENOSPC, -ENOSPC);
	nwb_check_eq(rig->sfs->nr_log, 1);
	flush_fails(rig, -EDQUOT, -EIO);
	nwb_check_eq(rig->sfs->nr_log, 2);
}

NWB_TEST(direct, item1_linux_writes_nothing_if_the_flush_failed)
{
	struct nwb_netfs_opts opts = {
		.flavour = NWB_LINUX_6_12,
		.dirty_age_ns = 1000 * NWB_SEC,
	};

	sfs_run(1, &opts, 16384, 0, flush_fails_body);
	opts.flavour = NWB_LINUX_7_2;
	sfs_run(1, &opts, 16384, 0, flush_fails_body);
}
