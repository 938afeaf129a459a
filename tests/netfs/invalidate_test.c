/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Behaviour 8: invalidation, ranged, flushing, against writers, readers and
 * stores; the way before it, and both halves of the objection that kept that
 * one in NFS.
 */
#include "nwb/mem.h"
#include "nwb_test.h"
#include "scripted.h"

#include <errno.h>
#include <string.h>

#define PAGE 4096u

static uint8_t buf[1 << 20], got[1 << 20];

/* Nothing is written but by whom a test lets write. */
static const struct nwb_netfs_opts late = {.dirty_age_ns = 1000 * NWB_SEC,
					   .dirty_kick_bytes = 8 * NWB_MIB,
					   .folio_bytes_max = PAGE};

static void nap(struct sfs_rig *rig)
{
	nwb_sleep_until(rig->ex, nwb_now_ns(rig->ex) + 100 * NWB_MSEC);
}

static void put(struct sfs_rig *rig, uint64_t pos, size_t len, uint64_t seed)
{
	sfs_fill(buf + pos, len, seed);
	nwb_check_eq(nwb_file_write(rig->f, buf + pos, len, pos), len);
}

static bool reads(struct sfs_rig *rig, uint64_t pos, size_t len)
{
	nwb_check_eq(nwb_file_read(rig->f, got, len, pos), len);
	return !memcmp(got, buf + pos, len);
}

static bool server_has(struct sfs_rig *rig, uint64_t pos, size_t len)
{
	return !memcmp(rig->file->vol + pos, buf + pos, len);
}

static struct nwb_invalidated forget(struct sfs_rig *rig, uint64_t pos,
				     uint64_t end, uint32_t flags)
{
	struct nwb_invalidated r;

	nwb_check_eq(
		nwb_inode_invalidate_range(rig->inode, pos, end, flags, &r), 0);
	return r;
}

/* Somebody who invalidates, in a task of his own. */
struct call {
	struct sfs_rig *rig;
	uint64_t pos, end;
	uint32_t flags;
	bool is_pages2;
	int rc;
	struct nwb_invalidated r;
	bool is_back;
	struct nwb_task *task;
};

static void call_main(void *arg)
{
	struct call *c = arg;

	c->rc = c->is_pages2
			? nwb_inode_invalidate_pages2(c->rig->inode, c->pos,
						      c->end, &c->r)
			: nwb_inode_invalidate_range(c->rig->inode, c->pos,
						     c->end, c->flags, &c->r);
	c->is_back = true;
}

static void begin(struct call *c)
{
	nwb_check_eq(nwb_task_spawn(c->rig->ex, "invalidator", call_main, c,
				    &c->task),
		     0);
	nap(c->rig);
}

/* Somebody who writes, reads or stores. */
struct user {
	struct sfs_rig *rig;
	char what; /* w, d (direct), r, a (readahead), s */
	uint64_t pos;
	size_t len;
	long rc;
	bool is_back;
	struct nwb_task *task;
	uint8_t back[2 * PAGE];
};

static void user_main(void *arg)
{
	struct user *u = arg;

	if (u->what == 'd')
		nwb_file_set_flags(u->rig->f, NWB_F_DIRECT);
	if (u->what == 'w' || u->what == 'd')
		u->rc = nwb_file_write(u->rig->f, buf + u->pos, u->len, u->pos);
	else if (u->what == 'a')
		nwb_file_readahead(u->rig->f, u->pos, u->len);
	else if (u->what == 'l')
		u->rc = nwb_map_load(u->rig->f, u->back, u->len, u->pos);
	else if (u->what == 'r')
		u->rc = nwb_file_read(u->rig->f, u->back, u->len, u->pos);
	else
		u->rc = nwb_map_store(u->rig->f, buf + u->pos, u->len, u->pos);
	u->is_back = true;
}

static void use(struct user *u)
{
	if (u->what != 'r' && u->what != 'a' && u->what != 'l')
		sfs_fill(buf + u->pos, u->len, 77);
	nwb_check_eq(nwb_task_spawn(u->rig->ex, "user", user_main, u, &u->task),
		     0);
	nap(u->rig);
}

/* --- the number of WRITEs ------------------------------------------------- */

#define NR 64u

static void count_body(struct sfs_rig *rig)
{
	struct nwb_invalidated r;

	sfs_auto(rig->sfs);
	put(rig, 0, NR * PAGE, 1);
	r = forget(rig, 0, UINT64_MAX, NWB_INVAL_FLUSH);
	nwb_check_eq(r.dropped, NR);
	nwb_check_eq(r.kept, 0);
	nwb_check_eq(rig->sfs->nr_sent, NR * PAGE / 65536);
	nwb_check_eq(stats_of(rig).dirty_bytes, 0);
	nwb_check(reads(rig, 0, NR * PAGE));
	nwb_check(!memcmp(rig->file->dur, buf, NR * PAGE));

	put(rig, 0, NR * PAGE, 2);
	rig->sfs->nr_sent = 0;
	nwb_check_eq(nwb_inode_invalidate_pages2(rig->inode, 0, UINT64_MAX, &r),
		     0);
	nwb_check_eq(r.laundered, NR);
	nwb_check_eq(r.dropped, NR);
	nwb_check_eq(rig->sfs->nr_sent, NR);
	nwb_check(reads(rig, 0, NR * PAGE));
	nwb_check(!memcmp(rig->file->dur, buf, NR * PAGE));
	nwb_check_eq(stats_of(rig).invalidated, 2 * NR);
}

NWB_TEST(invalidate, item8_one_pass_and_not_a_write_for_each_folio)
{
	struct nwb_netfs_opts opts = late;

	sfs_run(1, &opts, 65536, 0, count_body);
	opts.mode = NWB_TEMP_PAGE;
	sfs_run(1, &opts, 65536, 0, count_body);
}

/* --- the range ------------------------------------------------------------ */

static void range_body(struct sfs_rig *rig)
{
	struct nwb_invalidated r;

	sfs_auto(rig->sfs);
	put(rig, 0, 10 * PAGE, 1);
	/* overlaps pages 2 to 4 */
	r = forget(rig, 2 * PAGE + 100, 4 * PAGE + 1, NWB_INVAL_FLUSH);
	nwb_check_eq(r.dropped, 3);
	nwb_check_eq(stats_of(rig).dirty_bytes, 7 * PAGE);
	nwb_check(server_has(rig, 2 * PAGE, 3 * PAGE));
	nwb_check_eq(rig->file->vol_size, 5 * PAGE);
	/* what is dirty stays when it is not to be written */
	r = forget(rig, 0, 2 * PAGE, 0);
	nwb_check_eq(r.dropped, 0);
	nwb_check_eq(r.kept, 2);
	nwb_check_eq(nwb_inode_invalidate_range(rig->inode, 2, 1, 0, NULL),
		     -EINVAL);
	nwb_check_eq(nwb_inode_invalidate_pages2(rig->inode, 2, 1, NULL),
		     -EINVAL);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check(!memcmp(rig->file->dur, buf, 10 * PAGE));
	nwb_check(reads(rig, 0, 10 * PAGE));
	/* of no byte at all: nothing, also in the middle of a page */
	r = forget(rig, 100, 100, NWB_INVAL_FLUSH);
	nwb_check_eq(r.dropped, 0);
	nwb_check_eq(nwb_inode_invalidate_pages2(rig->inode, 100, 100, &r), 0);
	nwb_check_eq(r.dropped, 0);
}

NWB_TEST(invalidate, item8_of_a_range_only)
{
	sfs_run(1, &late, 65536, 0, range_body);
}

/* Around what is dirty strict keeps nothing that somebody may have changed;
 * Linux keeps the folio as it is. */
static void around_body(struct sfs_rig *rig)
{
	bool is_linux = nwb_netfs_get_opts(rig->sfs->nf)->flavour;

	sfs_auto(rig->sfs);
	nwb_check_eq(nwb_file_read(rig->f, buf, PAGE, 0), PAGE);
	put(rig, 100, 10, 1);
	sfs_fill(rig->file->vol, PAGE, 5);
	(void)forget(rig, 0, PAGE, 0);
	if (!is_linux) {
		sfs_fill(buf, PAGE, 5);
		sfs_fill(buf + 100, 10, 1);
	}
	nwb_check(reads(rig, 0, PAGE));
}

NWB_TEST(invalidate, item8_around_what_is_dirty)
{
	struct nwb_netfs_opts opts = late;

	sfs_run(1, &opts, 65536, PAGE, around_body);
	opts.flavour = NWB_LINUX_7_2;
	sfs_run(1, &opts, 65536, PAGE, around_body);
}

/* --- against others ------------------------------------------------------- */

/* Page 1 is dirty, and its reply is held; page 0 is mapped and clean. */
static void hold(struct sfs_rig *rig, struct call *c)
{
	nwb_check_eq(nwb_map_load(rig->f, got, 8, 0), 0);
	put(rig, PAGE, PAGE, 1);
	*c = (struct call){
		.rig = rig, .end = UINT64_MAX, .flags = NWB_INVAL_FLUSH};
	begin(c);
	nwb_check_eq(sfs_pending(rig->sfs), 1);
	nwb_check(!c->is_back);
}

static void let_go(struct sfs_rig *rig, struct call *c)
{
	sfs_auto(rig->sfs);
	nwb_task_join(c->task);
	nwb_check_eq(c->rc, 0);
}

static void store_body(struct sfs_rig *rig)
{
	bool is_linux = nwb_netfs_get_opts(rig->sfs->nf)->flavour;
	struct user u = {.rig = rig, .what = 's', .pos = 0, .len = 100};
	struct call c;

	sfs_fill(buf, PAGE, 4711);
	hold(rig, &c);
	use(&u);
	/* unmapped: the store faults, and the fault waits. In Linux only if
	 * the page has to be read; it survives, then. */
	nwb_check_eq(u.is_back, is_linux);
	nwb_check_eq(stats_of(rig).fault_waits, is_linux ? 0 : 1);
	nwb_check_eq(stats_of(rig).faults, 2);
	let_go(rig, &c);
	nwb_task_join(u.task);
	nwb_check_eq(u.rc, 0);
	nwb_check_eq(c.r.dropped, is_linux ? 1 : 2);
	nwb_check_eq(c.r.kept, is_linux);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check(!memcmp(rig->file->dur, buf, 2 * PAGE));
}

NWB_TEST(invalidate, item8_a_store_faults_and_the_fault_waits)
{
	struct nwb_netfs_opts opts = late;

	sfs_run(1, &opts, 65536, PAGE, store_body);
	opts.flavour = NWB_LINUX_6_12;
	sfs_run(1, &opts, 65536, PAGE, store_body);
}

/* A load of what was mapped faults as well. */
static void load_body(struct sfs_rig *rig)
{
	bool is_linux = nwb_netfs_get_opts(rig->sfs->nf)->flavour;
	struct user u = {.rig = rig, .what = 'l', .pos = 0, .len = 100};
	struct call c;

	sfs_fill(buf, PAGE, 4711);
	hold(rig, &c);
	nwb_check_eq(stats_of(rig).faults, 1);
	use(&u);
	nwb_check_eq(stats_of(rig).faults, 2);
	nwb_check_eq(u.is_back, is_linux);
	let_go(rig, &c);
	nwb_task_join(u.task);
	nwb_check_eq(u.rc, 0);
	nwb_check(!memcmp(u.back, buf, 100));
}

NWB_TEST(invalidate, item8_a_load_faults_too)
{
	struct nwb_netfs_opts opts = late;

	sfs_run(1, &opts, 65536, PAGE, load_body);
	opts.flavour = NWB_LINUX_6_12;
	sfs_run(1, &opts, 65536, PAGE, load_body);
}

static void reader_body(struct sfs_rig *rig)
{
	struct user hit = {.rig = rig, .what = 'r', .pos = PAGE, .len = PAGE};
	struct user miss = {
		.rig = rig, .what = 'r', .pos = 2 * PAGE, .len = PAGE};
	struct user ahead = {
		.rig = rig, .what = 'a', .pos = 3 * PAGE, .len = PAGE};
	struct call c;

	hold(rig, &c);
	use(&hit);
	use(&miss);
	use(&ahead);
	/* readers are not kept out, but they add nothing (T18) */
	nwb_check(hit.is_back && hit.rc == PAGE);
	nwb_check(!memcmp(hit.back, buf + PAGE, PAGE));
	nwb_check(!miss.is_back);
	nwb_check(!ahead.is_back);
	let_go(rig, &c);
	nwb_task_join(ahead.task);
	nwb_task_join(hit.task);
	nwb_task_join(miss.task);
	nwb_check_eq(miss.rc, PAGE);
	nwb_check(!memcmp(miss.back, rig->file->vol + 2 * PAGE, PAGE));
}

NWB_TEST(invalidate, item8_a_reader_adds_no_folio_meanwhile)
{
	sfs_run(1, &late, 65536, 4 * PAGE, reader_body);
}

/* The io lock keeps write(2) out; nothing is dirty when it is done. */
static void writer_body(struct sfs_rig *rig)
{
	struct user u = {.rig = rig, .what = 'w', .pos = PAGE, .len = PAGE};
	struct call c;

	hold(rig, &c);
	use(&u);
	nwb_check(!u.is_back);
	let_go(rig, &c);
	nwb_task_join(u.task);
	nwb_check_eq(c.r.kept, 0);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check(!memcmp(rig->file->dur + PAGE, buf + PAGE, PAGE));
}

NWB_TEST(invalidate, item8_a_writer_waits)
{
	sfs_run(1, &late, 65536, PAGE, writer_body);
}

/* A page that is cached while it is written directly would be older, and a store
 * to it would have that sent afterwards. */
static void direct_body(struct sfs_rig *rig)
{
	struct user d = {.rig = rig, .what = 'd', .pos = 0, .len = 100};
	struct user s = {.rig = rig, .what = 's', .pos = 200, .len = 50};
	uint8_t want[PAGE];

	nwb_check_eq(nwb_map_load(rig->f, want, PAGE, 0), 0);
	use(&d);
	nwb_check_eq(sfs_pending(rig->sfs), 1);
	memcpy(want, buf, 100);
	use(&s);
	memcpy(want + 200, buf + 200, 50);
	nwb_check(!d.is_back && !s.is_back);
	sfs_auto(rig->sfs);
	nwb_task_join(d.task);
	nwb_task_join(s.task);
	nwb_check_eq(d.rc, 100);
	nwb_check_eq(s.rc, 0);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check(!memcmp(rig->file->dur, want, PAGE));
}

NWB_TEST(invalidate, item8_a_store_is_not_sent_over_a_direct_write)
{
	sfs_run(1, &late, 65536, PAGE, direct_body);
}

/* --- the objection -------------------------------------------------------- */

/* Second half: without the lock against write(2), what is written between the
 * flush and the forgetting. @arg: is it lost? */
static void race(struct sfs_rig *rig, uint32_t flags, bool is_lost)
{
	struct user u = {.rig = rig, .what = 'w', .pos = PAGE, .len = PAGE};
	struct call c;

	nwb_check_eq(nwb_map_load(rig->f, got, 8, 0), 0);
	put(rig, PAGE, PAGE, 1);
	c = (struct call){.rig = rig,
			  .end = UINT64_MAX,
			  .flags =
				  flags | NWB_INVAL_FLUSH | NWB_INVAL_UNLOCKED};
	begin(&c);
	use(&u);
	nwb_check(u.is_back && u.rc == PAGE);
	let_go(rig, &c);
	nwb_task_join(u.task);
	nwb_check_eq(c.r.discarded_bytes, is_lost ? PAGE : 0);
	nwb_check_eq(c.r.kept, !is_lost);
	nwb_check_eq(stats_of(rig).discarded_bytes, is_lost ? PAGE : 0);
	/* and nobody is told */
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check_eq(memcmp(rig->file->dur + PAGE, buf + PAGE, PAGE) != 0,
		     is_lost);
}

static void discard_body(struct sfs_rig *rig)
{
	race(rig, NWB_INVAL_DISCARD, true);
}

static void keep_body(struct sfs_rig *rig)
{
	race(rig, 0, false);
}

/* What is sent is a copy, so that it is not what is written meanwhile. */
static void run_race(sfs_body_fn body)
{
	struct nwb_netfs_opts opts = late;

	opts.mode = NWB_TEMP_PAGE;
	sfs_run(1, &opts, 65536, PAGE, body);
}

NWB_TEST(invalidate, item8_without_locks_the_first_posting_loses_a_write)
{
	run_race(discard_body);
}

NWB_TEST(invalidate, item8_without_locks_the_merged_form_keeps_the_folio)
{
	run_race(keep_body);
}

/* The old way in the same race: folio by folio, and a writer waits for one. */
static void launder_race_body(struct sfs_rig *rig)
{
	struct user u = {.rig = rig, .what = 'w', .pos = PAGE, .len = PAGE};
	struct call c = {.rig = rig, .end = UINT64_MAX, .is_pages2 = true};

	put(rig, PAGE, PAGE, 1);
	begin(&c);
	nwb_check_eq(sfs_pending(rig->sfs), 1);
	use(&u); /* the folio that is being laundered */
	nwb_check(!u.is_back);
	sfs_auto(rig->sfs);
	nwb_task_join(c.task);
	nwb_task_join(u.task);
	/* it is not lost, whichever of the two came first */
	nwb_check(c.rc == 0 || c.rc == -EBUSY);
	nwb_check_eq(c.r.discarded_bytes, 0);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check(!memcmp(rig->file->dur + PAGE, buf + PAGE, PAGE));
}

NWB_TEST(invalidate, item8_laundering_loses_nothing_to_a_writer)
{
	struct nwb_netfs_opts opts = late;

	for (uint64_t seed = 1; seed <= 20; seed++) {
		opts.flavour = seed % 3;
		opts.mode = seed % 2 ? NWB_TEMP_PAGE : NWB_IN_PLACE;
		sfs_run(seed, &opts, 65536, PAGE, launder_race_body);
	}
}

/* First half: a caller who has the lock of a folio. A writer who has the io
 * lock waits for that folio. */
enum how {
	OLD,	 /* launders */
	NEW,	 /* says what it holds, and is refused */
	CARELESS /* does not */
};

struct context {
	struct nwb_exec *ex;
	enum how how;
	int rc;
	bool is_back;
	struct sfs_rig rig;
};

static void in_context(struct context *x)
{
	struct sfs_rig *rig = &x->rig;
	struct user u = {.rig = rig, .what = 'w', .pos = 0, .len = 10};

	put(rig, 0, 4 * PAGE, 1);
	nwb_check_eq(nwb_inode_lock_folio(rig->inode, 0), 0);
	use(&u);
	nwb_check(!u.is_back);
	if (x->how == OLD)
		x->rc = nwb_inode_invalidate_pages2(rig->inode, PAGE,
						    UINT64_MAX, NULL);
	else
		x->rc = nwb_inode_invalidate_range(
			rig->inode, PAGE, UINT64_MAX,
			NWB_INVAL_FLUSH |
				(x->how == NEW ? NWB_INVAL_FOLIO_LOCKED : 0),
			NULL);
	x->is_back = true;
	nwb_inode_unlock_folio(rig->inode, 0);
	nwb_task_join(u.task);
	nwb_check_eq(u.rc, 10);
}

static void context_main(void *arg)
{
	struct context *x = arg;
	struct nwb_netfs_opts opts = late;
	struct sfs_rig *rig = &x->rig;

	opts.cache_bytes = NWB_MIB;
	rig->ex = x->ex;
	rig->sfs = sfs_new(x->ex, 1, &opts);
	rig->file = sfs_file_new(rig->sfs);
	sfs_auto(rig->sfs);
	nwb_check_eq(nwb_inode_new(rig->sfs->nf, 1, rig->file, 0, &rig->inode),
		     0);
	nwb_check_eq(nwb_inode_lock_folio(rig->inode, 0), -ENOENT);
	nwb_check_eq(nwb_file_open(rig->inode, &rig->f), 0);
	in_context(x);
	nwb_check_eq(nwb_file_close(rig->f, false), 0);
	nwb_inode_put(rig->inode);
	sfs_free(rig->sfs);
}

static int run_context(struct context *x, struct nwb_err *err)
{
	int rc = nwb_exec_sim_new(1, &x->ex, err);

	if (rc == -ENOTSUP)
		nwb_test_skip("no simulation under ThreadSanitizer");
	nwb_check_eq(rc, 0);
	rc = nwb_exec_run(x->ex, context_main, x, 60 * NWB_SEC, err);
	nwb_exec_free(x->ex);
	return rc;
}

NWB_TEST(invalidate, item8_under_a_folio_lock_only_the_old_way_is_possible)
{
	struct context x = {.how = OLD};
	struct nwb_err err = {0};

	nwb_check_eq(run_context(&x, &err), 0);
	nwb_check_eq(x.rc, 0);
	x.how = NEW;
	nwb_check_eq(run_context(&x, &err), 0);
	nwb_check_eq(x.rc, -EDEADLK);
	x.how = CARELESS;
	x.is_back = false;
	/* for ever: only the flusher's clock goes on */
	nwb_check_eq(run_context(&x, &err), -ETIME);
	nwb_check(!x.is_back);
}

/* --- errors, restarts ----------------------------------------------------- */

static void error_body(struct sfs_rig *rig)
{
	struct nwb_invalidated r;
	int rc;

	sfs_auto(rig->sfs);
	for (unsigned int i = 0; i < 2; i++) {
		put(rig, 0, PAGE, 1);
		rig->sfs->prepare_error = -ENOSPC;
		rc = i ? nwb_inode_invalidate_pages2(rig->inode, 0, PAGE, &r)
		       : nwb_inode_invalidate_range(rig->inode, 0, PAGE,
						    NWB_INVAL_FLUSH, &r);
		nwb_check_eq(rc, -ENOSPC);
		nwb_check_eq(r.dropped, 1);
		/* fsync tells it, too, once */
		nwb_check_eq(nwb_file_fsync(rig->f), -ENOSPC);
		nwb_check_eq(nwb_file_fsync(rig->f), 0);
	}
}

NWB_TEST(invalidate, item8_an_upload_that_fails_is_told)
{
	sfs_run(1, &late, 65536, 0, error_body);
}

/* strict forgets only what is durable. */
static void crash(struct sfs_rig *rig, bool is_pages2)
{
	struct call c = {.rig = rig,
			 .end = UINT64_MAX,
			 .flags = NWB_INVAL_FLUSH,
			 .is_pages2 = is_pages2};

	put(rig, 0, PAGE, 3 + is_pages2);
	sfs_hold_flush(rig->sfs, true);
	rig->sfs->flush_aborts = 1;
	begin(&c);
	sfs_reset(rig->sfs, false, true); /* acked, and forgotten */
	sfs_hold_flush(rig->sfs, false);
	nwb_task_join(c.task);
	nwb_check_eq(c.rc, 0);
	nwb_check_eq(c.r.kept, 0);
	nwb_check(!memcmp(rig->file->dur, buf, PAGE));
	nwb_check(reads(rig, 0, PAGE));
}

static void syncer_main(void *arg)
{
	struct sfs_rig *rig = arg;

	nwb_check_eq(nwb_file_fsync(rig->f), 0);
}

/* The flush of an fsync finds out that the server has forgotten what it had
 * acknowledged, while the invalidation waits for another page: what is dirty
 * again is written once more, and then forgotten. */
static void beside_body(struct sfs_rig *rig)
{
	struct call c = {.rig = rig, .end = PAGE, .flags = NWB_INVAL_FLUSH};
	struct nwb_task *syncer;

	put(rig, 0, PAGE, 5);
	nwb_file_writeback(rig->f);
	sfs_wait_pending(rig->sfs, 1);
	sfs_complete(rig->sfs, 0, SFS_ALL);
	nap(rig);
	sfs_reset(rig->sfs, false, true);
	sfs_hold_flush(rig->sfs, true);
	nwb_check_eq(
		nwb_task_spawn(rig->ex, "syncer", syncer_main, rig, &syncer),
		0);
	nap(rig);
	put(rig, 2 * PAGE, PAGE, 6);
	nwb_file_writeback(rig->f);
	sfs_wait_pending(rig->sfs, 1);
	begin(&c);
	nwb_check(!c.is_back);
	sfs_hold_flush(rig->sfs, false);
	sfs_wait_pending(rig->sfs, 2);
	sfs_complete(rig->sfs, 0, SFS_ALL);
	nap(rig);
	sfs_auto(rig->sfs);
	nwb_task_join(c.task);
	nwb_task_join(syncer);
	nwb_check_eq(c.rc, 0);
	nwb_check_eq(c.r.kept, 0);
	nwb_check_eq(c.r.dropped, 1);
	nwb_check(!memcmp(rig->file->dur, buf, PAGE));
}

NWB_TEST(invalidate, item8_what_a_flush_beside_it_made_dirty_again)
{
	sfs_run(1, &late, 65536, 0, beside_body);
}

static void crash_body(struct sfs_rig *rig)
{
	sfs_auto(rig->sfs);
	crash(rig, false);
	crash(rig, true);
	nwb_check(stats_of(rig).unstable_resent > 0);
}

/* A server that forgets what it took, again and again: it is not said that
 * nothing is cached any more. */
static void endless_body(struct sfs_rig *rig)
{
	struct nwb_invalidated r;

	sfs_auto(rig->sfs);
	put(rig, 0, 3 * PAGE, 1);
	rig->sfs->flush_crashes = 2;
	nwb_check_eq(nwb_inode_invalidate_pages2(rig->inode, 0, UINT64_MAX, &r),
		     -EBUSY);
	nwb_check_eq(r.laundered, 6);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check(server_has(rig, 0, 3 * PAGE));
	nwb_check_eq(nwb_inode_invalidate_pages2(rig->inode, 0, UINT64_MAX, &r),
		     0);
	nwb_check_eq(r.dropped, 3);
	/* nothing is cached now */
	nwb_check_eq(nwb_inode_invalidate_pages2(rig->inode, 0, UINT64_MAX, &r),
		     0);
	nwb_check_eq(r.dropped, 0);
}

NWB_TEST(invalidate, item8_what_has_no_end_is_busy)
{
	struct nwb_netfs_opts opts = late;

	opts.max_attempts = 2;
	sfs_run(1, &opts, 65536, 0, endless_body);
}

NWB_TEST(invalidate, item8_strict_forgets_only_what_is_durable)
{
	sfs_run(1, &late, 65536, 0, crash_body);
}

/* --- what is being read while all is forgotten ----------------------------- */

static void fill_body(struct sfs_rig *rig)
{
	struct user u = {.rig = rig, .what = 'r', .pos = 0, .len = PAGE};

	sfs_hold_read(rig->sfs, true);
	use(&u);
	nwb_check(!u.is_back); /* it has the old content in its hands */
	sfs_fill(rig->file->vol, PAGE, 9);
	nwb_inode_invalidate(rig->inode, PAGE);
	sfs_hold_read(rig->sfs, false);
	nwb_task_join(u.task);
	nwb_check_eq(u.rc, PAGE);
	sfs_fill(buf, PAGE, 9);
	nwb_check(reads(rig, 0, PAGE));
}

NWB_TEST(invalidate, item9_what_was_read_before_is_not_cached_after)
{
	sfs_run(1, &late, 65536, PAGE, fill_body);
}
