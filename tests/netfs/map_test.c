/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Behaviour 8, its stores: what a mapped page is, and who is told when. */
#include "internal.h"
#include "nwb/netfs_check.h"
#include "nwb_test.h"
#include "scripted.h"

#define PAGE 4096u

static uint8_t buf[1 << 20], got[1 << 20];

static const struct nwb_netfs_opts late = {.dirty_age_ns = 1000 * NWB_SEC,
					   .dirty_kick_bytes = 8 * NWB_MIB};

static void nap(struct sfs_rig *rig)
{
	nwb_sleep_until(rig->ex, nwb_now_ns(rig->ex) + 100 * NWB_MSEC);
}

static void store(struct sfs_rig *rig, uint64_t pos, size_t len, uint64_t seed)
{
	sfs_fill(buf + pos, len, seed);
	nwb_check_eq(nwb_map_store(rig->f, buf + pos, len, pos), 0);
}

static bool loads(struct sfs_rig *rig, uint64_t pos, size_t len)
{
	nwb_check_eq(nwb_map_load(rig->f, got, len, pos), 0);
	return !memcmp(got, buf + pos, len);
}

/* --- loads and stores ----------------------------------------------------- */

static void life_body(struct sfs_rig *rig)
{
	sfs_auto(rig->sfs);
	sfs_fill(buf, 5 * PAGE, 4711); /* as the server has it */
	nwb_check(loads(rig, 100, 3 * PAGE));
	nwb_check_eq(stats_of(rig).faults, 4);
	nwb_check(loads(rig, 100, 3 * PAGE));
	nwb_check_eq(stats_of(rig).faults, 4);
	nwb_check_eq(stats_of(rig).mkwrites, 0);
	/* the first store to a page is noticed, the next is not */
	store(rig, PAGE + 8, 16, 1);
	store(rig, PAGE + 80, 16, 2);
	nwb_check_eq(stats_of(rig).mkwrites, 1);
	nwb_check_eq(stats_of(rig).dirty_bytes, PAGE);
	nwb_check(loads(rig, 0, 5 * PAGE));
	nwb_check_eq(nwb_file_read(rig->f, got, 5 * PAGE, 0), 5 * PAGE);
	nwb_check(!memcmp(got, buf, 5 * PAGE));
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check(!memcmp(rig->file->dur, buf, 5 * PAGE));
	/* clean, so not writable: noticed again */
	store(rig, PAGE + 8, 16, 3);
	nwb_check_eq(stats_of(rig).mkwrites, 2);
	nwb_check_eq(stats_of(rig).dirty_bytes, PAGE);
	/* what write(2) makes dirty is still not writable */
	sfs_fill(buf, 10, 5);
	nwb_check_eq(nwb_file_write(rig->f, buf, 10, 0), 10);
	store(rig, 20, 10, 6);
	nwb_check_eq(stats_of(rig).mkwrites, 3);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check(!memcmp(rig->file->dur, buf, 5 * PAGE));
	nwb_check_eq(rig->file->dur_size, 5 * PAGE);
}

NWB_TEST(map, item8_a_store_is_noticed_once_for_each_writeback)
{
	struct nwb_netfs_opts opts = late;

	opts.folio_bytes_max = PAGE;
	sfs_run(1, &opts, 65536, 5 * PAGE, life_body);
	opts.mode = NWB_TEMP_PAGE;
	sfs_run(1, &opts, 65536, 5 * PAGE, life_body);
}

/* A large folio: Linux makes all of it dirty, strict the page. */
static void large_body(struct sfs_rig *rig)
{
	bool is_linux = nwb_netfs_get_opts(rig->sfs->nf)->flavour;

	sfs_auto(rig->sfs);
	nwb_check_eq(nwb_file_read(rig->f, buf, 16 * PAGE, 0), 16 * PAGE);
	store(rig, 3 * PAGE, 10, 1);
	nwb_check_eq(stats_of(rig).dirty_bytes, is_linux ? 16 * PAGE : PAGE);
	store(rig, 5 * PAGE, 10, 1);
	nwb_check_eq(stats_of(rig).mkwrites, 2);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check(!memcmp(rig->file->dur, buf, 16 * PAGE));
}

NWB_TEST(map, item8_how_much_becomes_dirty)
{
	struct nwb_netfs_opts opts = late;

	sfs_run(1, &opts, 65536, 16 * PAGE, large_body);
	opts.flavour = NWB_LINUX_7_2;
	sfs_run(1, &opts, 65536, 16 * PAGE, large_body);
}

struct storer {
	struct sfs_rig *rig;
	uint64_t pos;
	int rc;
	bool is_back;
};

static void storer_main(void *arg)
{
	struct storer *s = arg;

	s->rc = nwb_map_store(s->rig->f, buf + s->pos, 10, s->pos);
	s->is_back = true;
}

/* netfs_page_mkwrite() waits for writeback, stable or not, copied or not. */
static void stable_body(struct sfs_rig *rig)
{
	struct storer s = {.rig = rig, .pos = 0};
	struct nwb_task *task;

	store(rig, 0, PAGE, 1);
	nwb_file_writeback(rig->f);
	sfs_wait_pending(rig->sfs, 1);
	sfs_fill(buf, 10, 2);
	nwb_check_eq(nwb_task_spawn(rig->ex, "storer", storer_main, &s, &task),
		     0);
	nap(rig);
	nwb_check(!s.is_back);
	sfs_auto(rig->sfs);
	nwb_task_join(task);
	nwb_check_eq(s.rc, 0);
	nwb_check_eq(stats_of(rig).dirty_bytes, PAGE);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check(!memcmp(rig->file->dur, buf, PAGE));
}

NWB_TEST(map, item8_a_store_waits_for_writeback)
{
	struct nwb_netfs_opts opts = late;

	sfs_run(1, &opts, 65536, PAGE, stable_body);
	opts.mode = NWB_TEMP_PAGE;
	sfs_run(1, &opts, 65536, PAGE, stable_body);
}

/* --- the end of the file -------------------------------------------------- */

static void end_body(struct sfs_rig *rig)
{
	bool is_stale =
		nwb_netfs_get_opts(rig->sfs->nf)->flavour == NWB_LINUX_6_12;
	uint64_t size = PAGE + 100;

	sfs_auto(rig->sfs);
	nwb_check_eq(nwb_map_store(rig->f, buf, 1, 2 * PAGE), -EFAULT);
	nwb_check_eq(nwb_map_load(rig->f, got, 1, 2 * PAGE), -EFAULT);
	nwb_check_eq(nwb_map_load(rig->f, got, 2, UINT64_MAX - 1), -EFAULT);
	memset(buf, 'x', PAGE);
	nwb_check_eq(nwb_map_store(rig->f, buf, 50, size), 0);
	nwb_check_eq(nwb_map_load(rig->f, got, 50, size), 0);
	nwb_check(!memcmp(got, buf, 50));
	/* none of the file's */
	nwb_check_eq(nwb_inode_size(rig->inode), size);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check_eq(rig->file->dur_size, size);
	/* nor when the file grows over it */
	nwb_check_eq(nwb_map_store(rig->f, buf, 50, size), 0);
	nwb_check_eq(nwb_file_write(rig->f, buf, 10, size + 100), 10);
	nwb_check_eq(nwb_file_read(rig->f, got, 110, size), 110);
	nwb_check_eq(got[0], is_stale ? 'x' : 0);
	nwb_check_eq(got[50], 0);
	nwb_check(!memcmp(got + 100, buf, 10));
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check_eq(rig->file->dur[size], is_stale ? 'x' : 0);
	/* nor is made to, by truncate */
	size += 110;
	nwb_check_eq(nwb_map_store(rig->f, buf, 50, size), 0);
	nwb_check_eq(nwb_file_truncate(rig->f, 3 * PAGE), 0);
	nwb_check_eq(nwb_file_read(rig->f, got, 50, size), 50);
	for (unsigned int i = 0; i < 50; i++)
		nwb_check_eq(got[i], 0);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check_eq(rig->file->dur_size, 3 * PAGE);
}

NWB_TEST(map, item8_bytes_behind_the_end)
{
	struct nwb_netfs_opts opts = late;

	sfs_run(1, &opts, 65536, PAGE + 100, end_body);
	opts.flavour = NWB_LINUX_7_2;
	sfs_run(1, &opts, 65536, PAGE + 100, end_body);
	opts.flavour = NWB_LINUX_6_12;
	sfs_run(1, &opts, 65536, PAGE + 100, end_body);
}

/* Somebody stores while the file is cut: nothing is uploaded behind the end. */
static void hammer_main(void *arg)
{
	struct storer *s = arg;

	for (unsigned int i = 0; i < 40; i++) {
		uint64_t pos = sfs_random(s->rig->sfs, 8) * PAGE;
		int rc = nwb_map_store(s->rig->f, buf, 10, pos);

		nwb_check(rc == 0 || rc == -EFAULT);
		if (i % 4 == 3)
			nwb_file_writeback(s->rig->f);
		nwb_sleep_until(s->rig->ex,
				nwb_now_ns(s->rig->ex) +
					sfs_random(s->rig->sfs, NWB_MSEC));
	}
	s->is_back = true;
}

static void cut_body(struct sfs_rig *rig)
{
	struct storer s = {.rig = rig};
	struct nwb_task *task;
	uint64_t size = 0;

	sfs_auto(rig->sfs);
	rig->sfs->dice = (struct sfs_dice){.is_on = true,
					   .p_reset = 50,
					   .p_crash = 20,
					   .latency_ns = 500 * NWB_USEC};
	nwb_check_eq(nwb_task_spawn(rig->ex, "hammer", hammer_main, &s, &task),
		     0);
	while (!s.is_back) {
		size = sfs_random(rig->sfs, 8 * PAGE);
		nwb_check_eq(nwb_file_truncate(rig->f, size), 0);
		nwb_sleep_until(rig->ex,
				nwb_now_ns(rig->ex) +
					sfs_random(rig->sfs, 2 * NWB_MSEC));
	}
	nwb_task_join(task);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check_eq(rig->file->dur_size, size);
}

NWB_TEST(map, item8_stores_against_truncation)
{
	struct nwb_netfs_opts opts = {.dirty_age_ns = NWB_MSEC,
				      .max_attempts = 1000,
				      .retry_backoff_ns = 10 * NWB_USEC};

	for (uint64_t seed = 1; seed <= 40; seed++) {
		opts.mode = seed % 2 ? NWB_TEMP_PAGE : NWB_IN_PLACE;
		opts.folio_bytes_max = PAGE << seed % 4;
		sfs_run(seed, &opts, 16384, 8 * PAGE, cut_body);
	}
}

/* --- memory, groups, modes ------------------------------------------------ */

static void reclaim_body(struct sfs_rig *rig)
{
	sfs_auto(rig->sfs);
	sfs_fill(buf, 1 << 20, 4711);
	/* four times the cache: mapped folios are taken all the same */
	nwb_check(loads(rig, 0, 1 << 20));
	for (uint64_t pos = 0; pos < 1 << 20; pos += 3 * PAGE)
		store(rig, pos, 10, pos);
	nwb_check(loads(rig, 0, 1 << 20));
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check(!memcmp(rig->file->dur, buf, 1 << 20));
}

NWB_TEST(map, item8_reclaim_unmaps)
{
	struct nwb_netfs_opts opts = {.cache_bytes = 262144};

	sfs_run(1, &opts, 65536, 1 << 20, reclaim_body);
}

static void group_body(struct sfs_rig *rig)
{
	sfs_auto(rig->sfs);
	nwb_file_set_group(rig->f, 1);
	store(rig, 0, 10, 1);
	nwb_check_eq(rig->sfs->nr_sent, 0);
	nwb_file_set_group(rig->f, 2);
	nwb_check_eq(nwb_map_fault(rig->f, 0, true), 0);
	nwb_check_eq(rig->sfs->nr_sent, 1);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
}

NWB_TEST(map, item8_another_group_is_written_first)
{
	sfs_run(1, &late, 65536, PAGE, group_body);
}

static void none_body(struct sfs_rig *rig)
{
	nwb_check_eq(nwb_map_fault(rig->f, 0, false), -ENODEV);
}

NWB_TEST(map, item8_nothing_is_mapped_without_a_cache)
{
	struct nwb_netfs_opts opts = {.cache_mode = NWB_CACHE_NONE};

	sfs_run(1, &opts, 65536, PAGE, none_body);
}

/* --- the rule fires ------------------------------------------------------- */

/* A page that can be stored to, and is clean: nobody would send it. */
static void rule_body(struct sfs_rig *rig)
{
	struct nwb_netfs_check *c;
	struct nwb_netfs_broken b = {0};
	struct nwb_folio *f;

	sfs_auto(rig->sfs);
	nwb_check_eq(nwb_netfs_check_new(rig->sfs->nf, &c), 0);
	store(rig, 0, 10, 1);
	nwb_mutex_lock(&rig->inode->lock);
	f = nwb_folio_find(rig->inode, 0);
	nwb_check(f && f->writable.to == PAGE);
	nwb_check(nwb_netfs_check_section(c, &rig->inode->lock, &b));
	nwb_mutex_unlock(&rig->inode->lock);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_mutex_lock(&rig->inode->lock);
	nwb_check(nwb_span_empty(f->writable));
	f->writable.to = PAGE;
	nwb_check(!nwb_netfs_check_section(c, &rig->inode->lock, &b));
	nwb_check_eq(b.rule, NWB_RULE_T18);
	f->writable.to = 0;
	nwb_mutex_unlock(&rig->inode->lock);
	nwb_netfs_check_free(c);
}

NWB_TEST(map, item8_a_clean_page_that_is_writable_is_found)
{
	sfs_run(1, &late, 65536, PAGE, rule_body);
}

/* The last page is dirty as a whole; on the server the file has grown. */
static void grown_body(struct sfs_rig *rig)
{
	uint8_t theirs[PAGE];

	sfs_auto(rig->sfs);
	store(rig, 0, 3000, 1); /* of which 2000 lie behind the end */
	sfs_fill(theirs, PAGE, 2);
	nwb_mutex_lock(&rig->sfs->lock);
	memcpy(rig->file->vol + 1000, theirs + 1000, PAGE - 1000);
	rig->file->vol_size = PAGE;
	nwb_mutex_unlock(&rig->sfs->lock);
	nwb_inode_invalidate(rig->inode, PAGE);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check_eq(rig->file->dur_size, PAGE);
	nwb_check(!memcmp(rig->file->dur, buf, 1000));
	nwb_check(!memcmp(rig->file->dur + 1000, theirs + 1000, PAGE - 1000));
	memcpy(buf + 1000, theirs + 1000, PAGE - 1000);
	nwb_check(loads(rig, 0, PAGE));
}

NWB_TEST(map, item8_what_is_behind_the_end_is_not_sent_when_the_file_has_grown)
{
	struct nwb_netfs_opts opts = late;

	sfs_run(1, &opts, 65536, 1000, grown_body);
	opts.mode = NWB_TEMP_PAGE;
	sfs_run(1, &opts, 65536, 1000, grown_body);
}
