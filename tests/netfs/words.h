/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Short words for tests by hand (scripted.h): one file, one buffer. */
#ifndef NWB_TEST_WORDS_H
#define NWB_TEST_WORDS_H

#include "nwb_test.h"
#include "scripted.h"

static uint8_t buf[2 << 20];

/* Write @len new bytes, which are then in buf, too. */
static inline void put(struct sfs_rig *rig, uint64_t pos, size_t len)
{
	sfs_fill(buf, len, pos + len);
	nwb_check_eq(nwb_file_write(rig->f, buf, len, pos), len);
}

/* The @i-th WRITE that was issued. */
static inline void check_log(struct sfs_rig *rig, unsigned int i,
			     uint64_t start, size_t len)
{
	nwb_check(i < rig->sfs->nr_log);
	nwb_check_eq(rig->sfs->log[i].start, start);
	nwb_check_eq(rig->sfs->log[i].len, len);
}

static inline void fsync_ok(struct sfs_rig *rig)
{
	if (!rig->sfs->task)
		sfs_auto(rig->sfs);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
}

static inline void nap(struct sfs_rig *rig)
{
	nwb_sleep_until(rig->ex, nwb_now_ns(rig->ex) + 100 * NWB_MSEC);
}

/* A write of the first @len bytes of buf, by a task of its own. */
struct call {
	struct sfs_rig *rig;
	uint64_t pos;
	size_t len;
	ssize_t n;
	bool is_back;
};

static inline void call_main(void *arg)
{
	struct call *c = arg;

	c->n = nwb_file_write(c->rig->f, buf, c->len, c->pos);
	c->is_back = true;
}

/* @flags: NWB_F_* of the file from now on */
static inline struct nwb_task *call_start(struct call *c, uint32_t flags)
{
	struct nwb_task *task = NULL;

	nwb_file_set_flags(c->rig->f, flags);
	sfs_fill(buf, c->len, 1);
	nwb_check_eq(nwb_task_spawn(c->rig->ex, "call", call_main, c, &task),
		     0);
	return task;
}

#endif
