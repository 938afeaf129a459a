/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Dirty throttling: a mount's own limit, temp pages, limits of a domain. */
#include "nwb/mem.h"
#include "nwb_test.h"
#include "scripted.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LEN   (512u * 1024)
#define LIMIT (128u * 1024)

static uint8_t buf[LEN];

static void rest(struct sfs_rig *rig)
{
	nwb_sleep_until(rig->ex, nwb_now_ns(rig->ex) + NWB_SEC);
}

struct writer {
	struct sfs_rig *rig;
	uint64_t at;
	bool is_done;
};

/* In pieces that are smaller than any limit. */
static void writer_main(void *arg)
{
	struct writer *w = arg;

	for (; w->at < LEN; w->at += 16384)
		nwb_check_eq(
			nwb_file_write(w->rig->f, buf + w->at, 16384, w->at),
			16384);
	w->is_done = true;
}

static void own_body(struct sfs_rig *rig)
{
	struct writer w = {.rig = rig};
	struct nwb_netfs_stats st;
	struct nwb_task *task;

	sfs_fill(buf, LEN, 3);
	nwb_check_eq(nwb_task_spawn(rig->ex, "writer", writer_main, &w, &task),
		     0);
	rest(rig);
	/* The server answers nothing: all that may be dirty is, and is under
	 * way. One piece more than the limit, and the pieces of the slow part
	 * got through. */
	nwb_check(!w.is_done);
	nwb_check(w.at >= LIMIT - 16384 && w.at <= LIMIT + 16384);
	st = stats_of(rig);
	nwb_check(st.throttled > 0);
	nwb_check(st.throttled_ns > NWB_SEC / 2);
	sfs_auto(rig->sfs);
	nwb_task_join(task);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check(!memcmp(rig->file->dur, buf, LEN));
	st = stats_of(rig);
	nwb_check(st.dirty_bytes_max <= LIMIT + 16384);
}

NWB_TEST(throttle, item6_a_mount_has_a_limit_of_its_own)
{
	struct nwb_netfs_opts opts = {.dirty_limit_bytes = LIMIT};

	for (uint64_t seed = 1; seed < 8; seed++) {
		opts.mode = NWB_IN_PLACE;
		sfs_run(seed, &opts, 16384, 0, own_body);
		opts.mode = NWB_TEMP_PAGE;
		sfs_run(seed, &opts, 16384, 0, own_body);
	}
}

/* Between the middle and the limit: one pause a write, and no more. */
static void slow_body(struct sfs_rig *rig)
{
	uint64_t began, at = 0;

	for (; at < LIMIT / 4 * 3; at += 16384)
		nwb_check_eq(nwb_file_write(rig->f, buf, 16384, at), 16384);
	nwb_check_eq(stats_of(rig).throttled, 0);
	began = nwb_now_ns(rig->ex);
	nwb_check_eq(nwb_file_write(rig->f, buf, 16384, at), 16384);
	nwb_check_eq(stats_of(rig).throttled, 1);
	nwb_check(nwb_now_ns(rig->ex) - began >= 10 * NWB_MSEC);
	nwb_check(nwb_now_ns(rig->ex) - began < 20 * NWB_MSEC);
	sfs_auto(rig->sfs);
}

NWB_TEST(throttle, item6_near_the_limit_a_write_pauses_once)
{
	struct nwb_netfs_opts opts = {.dirty_limit_bytes = LIMIT};

	sfs_run(1, &opts, 16384, 0, slow_body);
}

static void none_body(struct sfs_rig *rig)
{
	struct writer w = {.rig = rig};

	writer_main(&w);
	nwb_check(w.is_done);
	nwb_check_eq(stats_of(rig).throttled, 0);
}

NWB_TEST(throttle, item6_without_a_limit_nobody_waits)
{
	struct nwb_netfs_opts opts = {.dirty_age_ns = 1000 * NWB_SEC};

	sfs_run(1, &opts, 16384, 0, none_body);
}

/* Temp pages escape the domain, as they did the kernel's dirty limits: with a
 * server that answers nothing all of it is written to the cache. */
static void escape_body(struct sfs_rig *rig)
{
	struct writer w = {.rig = rig};
	struct nwb_task *task;
	bool escapes = nwb_netfs_get_opts(rig->sfs->nf)->mode == NWB_TEMP_PAGE;

	nwb_check_eq(nwb_task_spawn(rig->ex, "writer", writer_main, &w, &task),
		     0);
	nwb_sleep_until(rig->ex, nwb_now_ns(rig->ex) + 10 * NWB_SEC);
	nwb_check(w.is_done == escapes);
	if (escapes)
		nwb_check(stats_of(rig).temp_bytes > LIMIT);
	sfs_auto(rig->sfs);
	nwb_task_join(task);
}

/* A mount in a domain. */
static void rig_up(struct nwb_exec *ex, struct sfs_rig *rig, uint64_t seed,
		   struct nwb_netfs_opts *opts)
{
	opts->cache_bytes = 2 * NWB_MIB;
	opts->temp_bytes = NWB_MIB;
	*rig = (struct sfs_rig){.ex = ex};
	rig->sfs = sfs_new(ex, seed, opts);
	rig->sfs->wsize = 16384;
	rig->file = sfs_file_new(rig->sfs);
	nwb_check_eq(nwb_inode_new(rig->sfs->nf, 1, rig->file, 0, &rig->inode),
		     0);
	nwb_check_eq(nwb_file_open(rig->inode, &rig->f), 0);
}

static void rig_down(struct sfs_rig *rig)
{
	if (!rig->sfs->task)
		sfs_auto(rig->sfs);
	nwb_check_eq(nwb_file_close(rig->f, false), 0);
	nwb_inode_put(rig->inode);
	sfs_free(rig->sfs);
	nwb_free(rig->file);
}

struct domain_run {
	struct nwb_exec *ex;
	uint64_t seed;
	enum nwb_wb_mode mode;
	uint64_t own_limit;
	void (*body)(struct domain_run *run, struct nwb_dirty_domain *d,
		     struct nwb_netfs_opts *opts);
};

static void domain_main(void *arg)
{
	struct domain_run *run = arg;
	struct nwb_dirty_domain *d = NULL;
	struct nwb_netfs_opts opts = {.mode = run->mode,
				      .dirty_limit_bytes = run->own_limit,
				      .dirty_age_ns = 1000 * NWB_SEC};

	nwb_check_eq(nwb_dirty_domain_new(run->ex, 0, LIMIT, &d), -EINVAL);
	nwb_check_eq(nwb_dirty_domain_new(run->ex, LIMIT, LIMIT, &d), -EINVAL);
	nwb_check_eq(nwb_dirty_domain_new(run->ex, LIMIT / 2, LIMIT, &d), 0);
	opts.dirty_domain = d;
	run->body(run, d, &opts);
	nwb_check_eq(nwb_dirty_domain_bytes(d), 0);
	nwb_dirty_domain_free(d);
}

static void domain_run(struct domain_run *run)
{
	struct nwb_err err = {0};
	int rc = nwb_exec_sim_new(run->seed, &run->ex, &err);

	if (rc == -ENOTSUP)
		nwb_test_skip("no simulation under ThreadSanitizer");
	nwb_check_eq(rc, 0);
	rc = nwb_exec_run(run->ex, domain_main, run, 0, &err);
	if (rc)
		fprintf(stderr, "%s\n", err.text);
	nwb_check_eq(rc, 0);
	nwb_exec_free(run->ex);
}

static void escape_domain(struct domain_run *run, struct nwb_dirty_domain *d,
			  struct nwb_netfs_opts *opts)
{
	struct sfs_rig rig;

	(void)d;
	rig_up(run->ex, &rig, run->seed, opts);
	escape_body(&rig);
	rig_down(&rig);
}

NWB_TEST(throttle, item6_temp_pages_escape_all_but_the_own_limit)
{
	for (uint64_t seed = 1; seed < 5; seed++) {
		domain_run(&(struct domain_run){.seed = seed,
						.mode = NWB_IN_PLACE,
						.body = escape_domain});
		domain_run(&(struct domain_run){.seed = seed,
						.mode = NWB_TEMP_PAGE,
						.body = escape_domain});
	}
}

static void held_body(struct domain_run *run, struct nwb_dirty_domain *d,
		      struct nwb_netfs_opts *opts)
{
	struct sfs_rig rig;

	(void)d;
	rig_up(run->ex, &rig, run->seed, opts);
	own_body(&rig);
	rig_down(&rig);
}

NWB_TEST(throttle, item6_the_own_limit_holds_temp_pages)
{
	domain_run(&(struct domain_run){.seed = 1,
					.mode = NWB_TEMP_PAGE,
					.own_limit = LIMIT,
					.body = held_body});
}

/* One mount's dirty data makes the other's writers wait, until it is written:
 * then they go on, though nobody asked the first one for it. */
static void two_body(struct domain_run *run, struct nwb_dirty_domain *d,
		     struct nwb_netfs_opts *opts)
{
	struct sfs_rig a, b;
	struct writer w = {.rig = &b};
	struct nwb_task *task;

	rig_up(run->ex, &a, run->seed, opts);
	rig_up(run->ex, &b, run->seed, opts);
	sfs_auto(b.sfs);
	/* below the middle: nobody is held up yet */
	nwb_check_eq(nwb_file_write(a.f, buf, LIMIT * 5 / 8, 0), LIMIT * 5 / 8);
	nwb_check_eq(nwb_dirty_domain_bytes(d), LIMIT * 5 / 8);
	nwb_check_eq(stats_of(&a).throttled, 0);
	nwb_check_eq(nwb_task_spawn(run->ex, "writer", writer_main, &w, &task),
		     0);
	nwb_sleep_until(run->ex, nwb_now_ns(run->ex) + 10 * NWB_SEC);
	nwb_check(stats_of(&b).throttled > 0);
	/* the other mount was made to write, too */
	nwb_check(sfs_pending(a.sfs) > 0);
	sfs_auto(a.sfs);
	nwb_task_join(task);
	nwb_check(w.is_done);
	rig_down(&b);
	rig_down(&a);
}

NWB_TEST(throttle, item6_mounts_of_a_domain_share_its_limits)
{
	for (uint64_t seed = 1; seed < 5; seed++)
		domain_run(
			&(struct domain_run){.seed = seed, .body = two_body});
}

/* Neither of two mounts has much, but both together: each writes it back, and
 * nobody waits for that. */
static void together_body(struct domain_run *run, struct nwb_dirty_domain *d,
			  struct nwb_netfs_opts *opts)
{
	struct sfs_rig a, b;

	opts->dirty_kick_bytes = LIMIT;
	rig_up(run->ex, &a, run->seed, opts);
	rig_up(run->ex, &b, run->seed, opts);
	nwb_check_eq(nwb_file_write(a.f, buf, LIMIT / 4, 0), LIMIT / 4);
	nwb_check_eq(nwb_file_write(b.f, buf, LIMIT / 4, 0), LIMIT / 4);
	rest(&a);
	nwb_check_eq(nwb_dirty_domain_bytes(d), LIMIT / 2);
	nwb_check(!sfs_pending(a.sfs) && !sfs_pending(b.sfs));
	nwb_check_eq(nwb_file_write(b.f, buf, LIMIT / 8, LIMIT / 4), LIMIT / 8);
	rest(&a);
	nwb_check(sfs_pending(a.sfs) > 0 && sfs_pending(b.sfs) > 0);
	nwb_check(!stats_of(&a).throttled && !stats_of(&b).throttled);
	rig_down(&b);
	rig_down(&a);
}

NWB_TEST(throttle, item6_background_writeback_looks_at_the_whole_domain)
{
	for (uint64_t seed = 1; seed < 5; seed++)
		domain_run(&(struct domain_run){.seed = seed,
						.body = together_body});
}
