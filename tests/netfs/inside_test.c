/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What chance would seldom meet: looked at from inside of lib/netfs. */
#include "internal.h"
#include "nwb_test.h"
#include "scripted.h"

static uint8_t buf[65536];

struct leaver {
	struct nwb_inode *inode;
	struct nwb_file *f;
	bool is_done;
};

static void leaver_main(void *arg)
{
	struct leaver *l = arg;

	nwb_check_eq(nwb_file_close(l->f, false), 0);
	nwb_inode_put(l->inode);
	l->is_done = true;
}

static bool is_listed(struct nwb_netfs *nf, const struct nwb_inode *inode)
{
	struct nwb_inode *at;

	nwb_list_for_each_entry (at, &nf->inodes, nf_link)
		if (at == inode)
			return true;
	return false;
}

/* The flusher goes on from a pinned inode to the next one in the list. */
static void pin_body(struct sfs_rig *rig)
{
	struct nwb_netfs *nf = rig->sfs->nf;
	struct sfs_file *file = sfs_file_new(rig->sfs);
	struct leaver l = {0};
	struct nwb_task *task;

	sfs_auto(rig->sfs);
	nwb_check_eq(nwb_inode_new(nf, 2, file, 0, &l.inode), 0);
	nwb_check_eq(nwb_file_open(l.inode, &l.f), 0);
	nwb_check_eq(nwb_file_write(l.f, buf, 40000, 0), 40000);
	nwb_mutex_lock(&nf->lock);
	nwb_inode_pin(l.inode);
	nwb_mutex_unlock(&nf->lock);
	nwb_check_eq(nwb_task_spawn(rig->ex, "leaver", leaver_main, &l, &task),
		     0);
	nwb_sleep_until(rig->ex, nwb_now_ns(rig->ex) + NWB_SEC);
	nwb_check(!l.is_done);
	nwb_check_eq(file->dur_size, 40000); /* nothing dirty outlives it */
	nwb_mutex_lock(&nf->lock);
	nwb_check(is_listed(nf, l.inode));
	nwb_inode_unpin(l.inode);
	nwb_mutex_unlock(&nf->lock);
	nwb_task_join(task);
	nwb_check(l.is_done);
	nwb_check(!is_listed(nf, l.inode));
	nwb_free(file);
}

NWB_TEST(inside, a_pinned_inode_stays_listed)
{
	struct nwb_netfs_opts opts = {0};

	sfs_run(1, &opts, 65536, 0, pin_body);
}

/*
 * Reclaim finds an inode by a clean folio, listed or not, and pins it. Held
 * here where it is unlisted and still has folios: by its lock.
 */
static void late_pin_body(struct sfs_rig *rig)
{
	struct nwb_netfs *nf = rig->sfs->nf;
	struct sfs_file *file = sfs_file_new(rig->sfs);
	struct leaver l = {0};
	struct nwb_task *task;

	sfs_auto(rig->sfs);
	nwb_check_eq(nwb_inode_new(nf, 2, file, 0, &l.inode), 0);
	nwb_check_eq(nwb_file_open(l.inode, &l.f), 0);
	nwb_check_eq(nwb_file_write(l.f, buf, 40000, 0), 40000);
	nwb_check_eq(nwb_file_fsync(l.f), 0);
	nwb_mutex_lock(&nf->lock);
	nwb_inode_pin(l.inode);
	nwb_mutex_unlock(&nf->lock);
	nwb_check_eq(nwb_task_spawn(rig->ex, "leaver", leaver_main, &l, &task),
		     0);
	nwb_sleep_until(rig->ex, nwb_now_ns(rig->ex) + NWB_SEC);
	nwb_mutex_lock(&l.inode->lock);
	nwb_mutex_lock(&nf->lock);
	nwb_inode_unpin(l.inode);
	nwb_mutex_unlock(&nf->lock);
	nwb_sleep_until(rig->ex, nwb_now_ns(rig->ex) + NWB_SEC);

	nwb_mutex_lock(&nf->lock);
	nwb_check(!is_listed(nf, l.inode));
	nwb_check(!nwb_list_empty(&nf->lru));
	nwb_check(nwb_list_first(&nf->lru, struct nwb_folio, lru)->inode ==
		  l.inode);
	nwb_inode_pin(l.inode);
	nwb_mutex_unlock(&nf->lock);
	nwb_mutex_unlock(&l.inode->lock);
	nwb_sleep_until(rig->ex, nwb_now_ns(rig->ex) + NWB_SEC);
	nwb_check(!l.is_done);
	if (!l.is_done) {
		nwb_mutex_lock(&nf->lock);
		nwb_check(nwb_list_empty(&nf->lru));
		nwb_inode_unpin(l.inode);
		nwb_mutex_unlock(&nf->lock);
	}
	nwb_task_join(task);
	nwb_check(l.is_done);
	nwb_free(file);
}

NWB_TEST(inside, an_inode_is_not_freed_under_a_late_pin)
{
	struct nwb_netfs_opts opts = {0};

	sfs_run(1, &opts, 65536, 0, late_pin_body);
}

NWB_TEST(inside, arena)
{
	struct nwb_arena a;
	uint8_t *p[128], *large;

	nwb_check_eq(nwb_arena_init(&a, 512 * 1024), 0);
	nwb_check_eq(a.nr_pages, 128);
	for (unsigned int i = 0; i < 128; i++) {
		p[i] = nwb_arena_get(&a, 1);
		/* Neighbours, so that segments merge. */
		nwb_check(p[i] == a.mem + (size_t)i * NWB_PAGE_SIZE);
	}
	nwb_check(!nwb_arena_get(&a, 1));
	for (unsigned int i = 0; i < 128; i += 2)
		nwb_arena_put(&a, p[i], 1);
	nwb_check_eq(a.nr_free, 64);
	nwb_check(!nwb_arena_get(&a, 2));
	nwb_arena_put(&a, p[65], 1);
	nwb_check(nwb_arena_get(&a, 2) == p[64]);
	nwb_arena_put(&a, p[64], 2);
	for (unsigned int i = 1; i < 128; i += 2)
		if (i != 65)
			nwb_arena_put(&a, p[i], 1);
	large = nwb_arena_get(&a, 128);
	nwb_check(large == a.mem);
	nwb_check(!nwb_arena_get(&a, 1));
	nwb_arena_put(&a, large, 128);
	nwb_check_eq(a.nr_free, 128);
	nwb_arena_fini(&a);
}

static void window(struct sfs_rig *rig, size_t bs, uint64_t total)
{
	for (uint64_t pos = 0; pos < total; pos += bs)
		nwb_check_eq(nwb_file_write(rig->f, buf, bs, pos), bs);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
}

static void window_body(struct sfs_rig *rig)
{
	struct nwb_netfs *nf = rig->sfs->nf;
	uint64_t before;

	sfs_auto(rig->sfs);
	before = nwb_mem_count();
	window(rig, 4096, NWB_MIB);
	window(rig, 4096, NWB_MIB); /* rewrite */
	window(rig, 65536, NWB_MIB);
	rig->sfs->dice.is_on = true;
	rig->sfs->dice.p_reset = 100;
	rig->sfs->dice.p_short = 300;
	window(rig, 4096, NWB_MIB);
	nwb_check_eq(nwb_mem_count() - before, 0);
	nwb_check_eq(nf->folio_pool.misses + nf->claim_pool.misses +
			     nf->sreq_pool.misses + nf->leaf_pool.misses,
		     0);
}

NWB_TEST(inside, nothing_is_allocated_in_the_window)
{
	struct nwb_netfs_opts opts = {.wsize = 65536};

	sfs_run(1, &opts, 65536, 0, window_body);
	opts.mode = NWB_TEMP_PAGE;
	sfs_run(1, &opts, 65536, 0, window_body);
}
