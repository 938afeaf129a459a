/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Behaviour 9: reading what a folio lacks, truncation and breaks beside it. */
#include "nwb_test.h"
#include "scripted.h"

#include <errno.h>
#include <string.h>

#define SIZE 8192u

static uint8_t want[SIZE], got[SIZE];

/* What the server has at first. */
static void server_fill(struct sfs_rig *rig)
{
	sfs_auto(rig->sfs);
	sfs_fill(want, SIZE, 9);
	memcpy(rig->file->vol, want, SIZE);
	memcpy(rig->file->dur, want, SIZE);
}

static void put(struct sfs_rig *rig, uint64_t pos, size_t len, uint64_t seed)
{
	sfs_fill(want + pos, len, seed);
	nwb_check_eq(nwb_file_write(rig->f, want + pos, len, pos), len);
}

/* No answer comes to a read, so whoever needs one stands still. */
static void extend_body(struct sfs_rig *rig)
{
	server_fill(rig);
	sfs_hold_read(rig->sfs, true);
	put(rig, 1000, 100, 1);
	put(rig, 1100, 100, 2); /* just behind */
	put(rig, 900, 100, 3);	/* just before */
	put(rig, 950, 200, 4);
	put(rig, 4096, 4096, 5);
	nwb_check_eq(nwb_file_read(rig->f, got, 300, 900), 300);
	nwb_check(!memcmp(got, want + 900, 300));
	sfs_hold_read(rig->sfs, false);
	nwb_check_eq(nwb_file_read(rig->f, got, SIZE, 0), SIZE);
	nwb_check(!memcmp(got, want, SIZE));
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check(!memcmp(rig->file->dur, want, SIZE));
}

NWB_TEST(reads, item9_what_touches_valid_bytes_needs_no_read)
{
	struct nwb_netfs_opts opts = {0};

	sfs_run(1, &opts, 65536, SIZE, extend_body);
}

struct user {
	struct sfs_rig *rig;
	int64_t truncate_to; /* -1: reads */
	struct nwb_task *task;
};

static void user_main(void *arg)
{
	struct user *u = arg;
	struct nwb_file *f = u->rig->f;

	if (u->truncate_to < 0)
		nwb_check(nwb_file_read(f, got, SIZE, 0) >= 0);
	else
		nwb_check_eq(nwb_file_truncate(f, (uint64_t)u->truncate_to), 0);
}

static void use(struct user *u)
{
	nwb_check_eq(nwb_task_spawn(u->rig->ex, "user", user_main, u, &u->task),
		     0);
	sfs_rest(u->rig);
}

/* A read has the bytes in its hands that a truncation cuts off: they are not
 * there when the file grows again. */
static void cut_body(struct sfs_rig *rig)
{
	struct user reader = {rig, -1, NULL}, cutter = {rig, 100, NULL};

	server_fill(rig);
	sfs_hold_read(rig->sfs, true);
	use(&reader);
	use(&cutter);
	sfs_hold_read(rig->sfs, false);
	nwb_task_join(reader.task);
	nwb_task_join(cutter.task);
	memset(want + 100, 0, SIZE - 100);
	put(rig, SIZE - 1, 1, 1);
	nwb_check_eq(nwb_file_read(rig->f, got, SIZE, 0), SIZE);
	nwb_check(!memcmp(got, want, SIZE));
}

NWB_TEST(reads, item9_a_truncation_waits_for_what_is_being_read)
{
	struct nwb_netfs_opts opts = {.folio_bytes_max = 4096};

	sfs_run(1, &opts, 65536, SIZE, cut_body);
}

/* What was dirty is given up, and told by fsync: nothing is left that would be
 * written behind the new end, so the file is cut. */
static void lost_body(struct sfs_rig *rig)
{
	server_fill(rig);
	put(rig, 0, SIZE, 1);
	rig->sfs->flush_aborts = 8; /* all that are tried */
	nwb_check_eq(nwb_file_truncate(rig->f, 100), 0);
	nwb_check_eq(rig->sfs->flush_aborts, 0);
	nwb_check_eq(nwb_inode_size(rig->inode), 100);
	nwb_check_eq(rig->file->dur_size, 100);
	nwb_check_eq(nwb_file_fsync(rig->f), -EIO);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
}

NWB_TEST(reads, item9_a_file_is_cut_although_its_bytes_were_lost)
{
	struct nwb_netfs_opts opts = {.max_attempts = 8};

	sfs_run(1, &opts, 65536, SIZE, lost_body);
}

/* The connection goes away under a truncation, which is then sent again. */
static void abort_body(struct sfs_rig *rig)
{
	server_fill(rig);
	rig->sfs->size_aborts = 2;
	nwb_check_eq(nwb_file_truncate(rig->f, 100), 0);
	nwb_check_eq(rig->sfs->size_aborts, 0);
	nwb_check_eq(rig->file->dur_size, 100);
	/* for ever: an end is found, and nothing was cut */
	rig->sfs->size_aborts = 1000;
	nwb_check_eq(nwb_file_truncate(rig->f, 10), -EIO);
	nwb_check_eq(1000 - rig->sfs->size_aborts, 4);
	nwb_check_eq(nwb_inode_size(rig->inode), 100);
	rig->sfs->size_aborts = 0;
}

NWB_TEST(reads, item9_a_truncation_without_an_answer_is_sent_again)
{
	struct nwb_netfs_opts opts = {.max_attempts = 4};

	sfs_run(1, &opts, 65536, SIZE, abort_body);
}

/* Ours begins within a page of which the server then has nothing any more, and
 * the memory of the page has seen other bytes. */
static void head_body(struct sfs_rig *rig)
{
	server_fill(rig);
	nwb_check_eq(nwb_file_read(rig->f, got, SIZE, 0), SIZE);
	nwb_inode_invalidate(rig->inode, SIZE); /* its memory is free again */
	put(rig, 5000, 100, 1);
	nwb_mutex_lock(&rig->sfs->lock);
	memset(rig->file->vol, 0, SIZE);
	rig->file->vol_size = 0;
	nwb_mutex_unlock(&rig->sfs->lock);
	nwb_inode_invalidate(rig->inode, 0);
	memset(want, 0, 5000);
	nwb_check_eq(nwb_file_read(rig->f, got, SIZE, 0), 5100);
	nwb_check(!memcmp(got, want, 5100));
}

NWB_TEST(reads, item9_what_the_server_has_not_is_zeros)
{
	struct nwb_netfs_opts opts = {.folio_bytes_max = 4096};

	sfs_run(1, &opts, 65536, SIZE, head_body);
}

/* --- where writes go ------------------------------------------------------ */

static void writer_main(void *arg)
{
	struct user *u = arg;

	put(u->rig, 3000, 100, 2);
}

static void breaker_main(void *arg)
{
	struct user *u = arg;

	nwb_check_eq(nwb_inode_break(u->rig->inode, 0), 0);
	nwb_check(!memcmp(u->rig->file->vol, want, SIZE));
}

/* A write that may be cached, and waits for a read, when the server takes that
 * back: its bytes are there before the break is acknowledged. */
static void break_body(struct sfs_rig *rig)
{
	struct user writer = {rig, -1, NULL}, breaker = {rig, -1, NULL};

	server_fill(rig);
	nwb_inode_set_caching(rig->inode, NWB_MAY_READ | NWB_MAY_WRITE);
	put(rig, 100, 100, 1);
	sfs_hold_read(rig->sfs, true);
	nwb_check_eq(nwb_task_spawn(rig->ex, "writer", writer_main, &writer,
				    &writer.task),
		     0);
	sfs_rest(rig);
	nwb_check_eq(nwb_task_spawn(rig->ex, "breaker", breaker_main, &breaker,
				    &breaker.task),
		     0);
	sfs_rest(rig);
	sfs_hold_read(rig->sfs, false);
	nwb_task_join(breaker.task);
	nwb_task_join(writer.task);
}

NWB_TEST(reads, item9_a_break_waits_for_who_may_still_cache)
{
	struct nwb_netfs_opts opts = {.cache_mode = NWB_CACHE_STRICT};

	sfs_run(1, &opts, 65536, SIZE, break_body);
}

/* Where an appending write goes is not for the caller to say. */
static void append_body(struct sfs_rig *rig)
{
	server_fill(rig);
	nwb_file_set_flags(rig->f, NWB_F_APPEND);
	nwb_check_eq(nwb_file_write(rig->f, "x", 1, UINT64_MAX), 1);
	nwb_check_eq(nwb_inode_size(rig->inode), SIZE + 1);
	nwb_check_eq(nwb_file_write(rig->f, "y", 1, 0), 1);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check(!memcmp(rig->file->dur, want, SIZE));
	nwb_check(!memcmp(rig->file->dur + SIZE, "xy", 2));
}

NWB_TEST(reads, item9_append_ignores_the_position)
{
	struct nwb_netfs_opts opts = {0};

	sfs_run(1, &opts, 65536, SIZE, append_body);
}
