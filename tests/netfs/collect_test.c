/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Out-of-order completion, the end of writeback, rewriting in flight. */
#include "nwb/mem.h"
#include "nwb_test.h"
#include "scripted.h"

#include <errno.h>
#include <string.h>

static uint8_t buf[1 << 20];

static void put(struct sfs_rig *rig, uint64_t pos, size_t len, uint64_t seed)
{
	sfs_fill(buf + pos, len, seed);
	nwb_check_eq(nwb_file_write(rig->f, buf + pos, len, pos), len);
}

struct writer {
	struct sfs_rig *rig;
	uint64_t pos;
	bool is_done;
};

static void writer_main(void *arg)
{
	struct writer *w = arg;

	put(w->rig, w->pos, 4096, 7 + w->pos);
	w->is_done = true;
}

/* Which of the four 4 KiB folios still hold a writer up? */
static void probe(struct sfs_rig *rig, bool expect[4])
{
	struct writer w[4];
	struct nwb_task *task[4];

	for (unsigned int i = 0; i < 4; i++) {
		if (expect[i])
			continue;
		w[i] = (struct writer){rig, i * 4096, false};
		nwb_check_eq(nwb_task_spawn(rig->ex, "writer", writer_main,
					    &w[i], &task[i]),
			     0);
		sfs_rest(rig);
		nwb_check(w[i].is_done);
		nwb_task_join(task[i]);
	}
}

static void order_body(struct sfs_rig *rig)
{
	struct writer blocked = {rig, 0, false};
	struct nwb_task *task;

	for (unsigned int i = 0; i < 4; i++)
		put(rig, i * 4096, 4096, i);
	sfs_start(rig, 4);
	/* The last three are acked: nothing ends, the first is in front. */
	for (unsigned int i = 3; i > 0; i--)
		sfs_complete(rig->sfs, i, SFS_ALL);
	sfs_rest(rig);
	blocked.pos = 3 * 4096;
	nwb_check_eq(
		nwb_task_spawn(rig->ex, "writer", writer_main, &blocked, &task),
		0);
	sfs_rest(rig);
	nwb_check(!blocked.is_done);
	sfs_complete(rig->sfs, 0, SFS_ALL);
	nwb_task_join(task);
	nwb_check(blocked.is_done);
	probe(rig, (bool[4]){false, false, false, true});
	sfs_auto(rig->sfs);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check(!memcmp(rig->file->dur, buf, 4 * 4096));
}

NWB_TEST(collect, item3_writeback_ends_in_order)
{
	struct nwb_netfs_opts opts = {.stable_writes = true,
				      .dirty_age_ns = 1000 * NWB_SEC};

	for (uint64_t seed = 1; seed < 20; seed++)
		sfs_run(seed, &opts, 4096, 0, order_body);
}

static void front_first_body(struct sfs_rig *rig)
{
	struct nwb_netfs_stats st;

	for (unsigned int i = 0; i < 4; i++)
		put(rig, i * 4096, 4096, i);
	sfs_start(rig, 4);
	/* The front one ends: its folio does, the others stay in flight. */
	sfs_complete(rig->sfs, 0, SFS_ALL);
	sfs_rest(rig);
	probe(rig, (bool[4]){false, true, true, true});
	nwb_netfs_get_stats(rig->sfs->nf, &st);
	nwb_check_eq(st.live_subrequests, 3);
	nwb_check_eq(st.stable_waits, 0);
}

NWB_TEST(collect, item3_front_ends_alone)
{
	struct nwb_netfs_opts opts = {.stable_writes = true,
				      .dirty_age_ns = 1000 * NWB_SEC};

	sfs_run(3, &opts, 4096, 0, front_first_body);
}

static void redirty_body(struct sfs_rig *rig)
{
	put(rig, 0, 4096, 1);
	sfs_start(rig, 1);
	/* No stable pages: the writer does not wait, and what is on the wire
	 * is the folio itself. */
	put(rig, 0, 4096, 2);
	nwb_file_writeback(rig->f);
	sfs_rest(rig);
	nwb_check_eq(sfs_pending(rig->sfs), 1);
	sfs_complete(rig->sfs, 0, SFS_ALL);
	nwb_check(!memcmp(rig->file->vol, buf, 4096));
	put(rig, 0, 4096, 3);
	sfs_auto(rig->sfs);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check_eq(rig->sfs->nr_log, 2);
	nwb_check(!memcmp(rig->file->dur, buf, 4096));
}

NWB_TEST(collect, item6_dirty_again_in_flight)
{
	struct nwb_netfs_opts opts = {.dirty_age_ns = 1000 * NWB_SEC};

	sfs_run(1, &opts, 4096, 0, redirty_body);
}

static void generations_body(struct sfs_rig *rig)
{
	struct nwb_netfs_stats st;
	static uint8_t first[4096];

	put(rig, 0, 4096, 1);
	memcpy(first, buf, 4096);
	sfs_start(rig, 1);
	/* The copy keeps the first generation; intermediate ones vanish. */
	for (unsigned int i = 2; i < 6; i++) {
		put(rig, 0, 4096, i);
		nwb_file_writeback(rig->f);
		sfs_rest(rig);
		nwb_check_eq(sfs_pending(rig->sfs), 1);
	}
	nwb_netfs_get_stats(rig->sfs->nf, &st);
	nwb_check_eq(st.temp_bytes, 4096);
	sfs_complete(rig->sfs, 0, SFS_ALL);
	nwb_check(!memcmp(rig->file->vol, first, 4096));
	sfs_auto(rig->sfs);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check_eq(rig->sfs->nr_log, 2);
	nwb_check(!memcmp(rig->file->dur, buf, 4096));
	nwb_netfs_get_stats(rig->sfs->nf, &st);
	nwb_check_eq(st.temp_bytes, 0);
	nwb_check_eq(st.temp_bytes_max, 4096);
	nwb_check_eq(st.copies, 8192);
	nwb_check_eq(st.stable_waits, 0);
}

NWB_TEST(temp_page, item6_two_generations)
{
	struct nwb_netfs_opts opts = {.mode = NWB_TEMP_PAGE,
				      .stable_writes = true,
				      .dirty_age_ns = 1000 * NWB_SEC};

	sfs_run(1, &opts, 4096, 0, generations_body);
}

static void temp_short_body(struct sfs_rig *rig)
{
	struct nwb_netfs_stats st;

	put(rig, 0, 600000, 1);
	sfs_auto(rig->sfs);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check(!memcmp(rig->file->dur, buf, 600000));
	nwb_netfs_get_stats(rig->sfs->nf, &st);
	nwb_check_eq(st.temp_bytes, 0);
	/* Full, and never more. */
	nwb_check_eq(st.temp_bytes_max, 262144);
	nwb_check_eq(st.copies, 600000);
}

NWB_TEST(temp_page, item6_issuer_waits_when_the_pool_is_empty)
{
	struct nwb_netfs_opts opts = {.mode = NWB_TEMP_PAGE,
				      .temp_bytes = 262144,
				      .dirty_kick_bytes = NWB_MIB};

	/* A subrequest that would need all of the pool, and more. */
	sfs_run(1, &opts, 1 << 20, 0, temp_short_body);
	sfs_run(2, &opts, 65536, 0, temp_short_body);
}

static void no_copy_body(struct sfs_rig *rig)
{
	const struct nwb_netfs_opts *o = nwb_netfs_get_opts(rig->sfs->nf);
	struct nwb_netfs_stats st;

	put(rig, 0, 65536, 1);
	nwb_file_writeback(rig->f);
	sfs_wait_pending(rig->sfs, 1);
	/* the folio is what is sent: what is written now goes out */
	if (!o->stable_writes)
		put(rig, 0, 4096, 2);
	nwb_netfs_get_stats(rig->sfs->nf, &st);
	nwb_check_eq(st.temp_bytes, 65536);
	nwb_check_eq(st.copies, o->no_copy ? 0 : 65536);
	sfs_complete(rig->sfs, 0, SFS_ALL);
	nwb_check(!memcmp(rig->file->vol, buf, 4096) ==
		  (o->no_copy || o->stable_writes));
	sfs_auto(rig->sfs);
	if (o->stable_writes)
		put(rig, 0, 4096, 2);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check(!memcmp(rig->file->dur, buf, 65536));
	nwb_netfs_get_stats(rig->sfs->nf, &st);
	nwb_check_eq(st.temp_bytes, 0);
	nwb_check_eq(st.copies, o->no_copy ? 0 : 65536 + 4096);
}

NWB_TEST(temp_page, without_the_copy_all_else_is_the_same)
{
	struct nwb_netfs_opts opts = {.mode = NWB_TEMP_PAGE,
				      .dirty_age_ns = 1000 * NWB_SEC};

	sfs_run(1, &opts, 65536, 0, no_copy_body);
	opts.no_copy = true;
	sfs_run(1, &opts, 65536, 0, no_copy_body);
	opts.stable_writes = true;
	sfs_run(1, &opts, 65536, 0, no_copy_body);
}

static void room_body(struct sfs_rig *rig)
{
	struct nwb_netfs_stats st;

	sfs_auto(rig->sfs);
	/* Four times the cache, without an fsync: unstable data is flushed. */
	for (unsigned int i = 0; i < 32; i++)
		put(rig, i * 32768, 32768, i);
	nwb_netfs_get_stats(rig->sfs->nf, &st);
	nwb_check(st.cache_waits > 0);
	nwb_check(rig->sfs->nr_flushes > 0);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check(!memcmp(rig->file->dur, buf, 1 << 20));
	/* Much of it is not cached any more: read it from the server. */
	static uint8_t back[1 << 20];
	nwb_check_eq(nwb_file_read(rig->f, back, sizeof(back), 0), 1 << 20);
	nwb_check(!memcmp(back, buf, 1 << 20));
}

NWB_TEST(cache, item9_a_file_larger_than_the_cache)
{
	struct nwb_netfs_opts opts = {.cache_bytes = 262144,
				      .temp_bytes = 262144};

	sfs_run(1, &opts, 65536, 0, room_body);
	opts.mode = NWB_TEMP_PAGE;
	sfs_run(1, &opts, 65536, 0, room_body);
}

static void truncate_body(struct sfs_rig *rig)
{
	static uint8_t back[50000];

	sfs_auto(rig->sfs);
	put(rig, 0, 50000, 1);
	nwb_check_eq(nwb_file_truncate(rig->f, 10001), 0);
	nwb_check_eq(rig->file->dur_size, 10001);
	nwb_check_eq(nwb_file_read(rig->f, back, 50000, 0), 10001);
	nwb_check(!memcmp(back, buf, 10001));
	/* What was cut off is zeros when the file grows again. */
	nwb_check_eq(nwb_file_write(rig->f, "x", 1, 20000), 1);
	nwb_check_eq(nwb_file_read(rig->f, back, 50000, 0), 20001);
	nwb_check(!memcmp(back, buf, 10001) && back[20000] == 'x');
	for (unsigned int i = 10001; i < 20000; i++)
		nwb_check_eq(back[i], 0);
	nwb_check_eq(nwb_file_truncate(rig->f, 30000), 0);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check_eq(rig->file->dur_size, 30000);
	nwb_check(rig->file->dur[20000] == 'x' && !rig->file->dur[20001]);
	nwb_check_eq(nwb_file_truncate(rig->f, 1ull << 63), -EFBIG);
}

NWB_TEST(cache, item9_truncate)
{
	struct nwb_netfs_opts opts = {0};

	sfs_run(1, &opts, 65536, 0, truncate_body);
}

static void evict_body(struct sfs_rig *rig)
{
	struct sfs_file *file = sfs_file_new(rig->sfs);
	struct nwb_inode *inode;
	struct nwb_file *f;

	sfs_auto(rig->sfs);
	for (unsigned int i = 0; i < 8; i++) {
		nwb_check_eq(nwb_inode_new(rig->sfs->nf, 2, file, 0, &inode),
			     0);
		nwb_check_eq(nwb_file_open(inode, &f), 0);
		sfs_fill(buf, 40000, i);
		nwb_check_eq(nwb_file_write(f, buf, 40000, 0), 40000);
		put(rig, 0, 4096, i);
		nwb_check_eq(nwb_file_close(f, false), 0);
		nwb_inode_put(inode);
		/* Nothing dirty outlives its inode. */
		nwb_check(!memcmp(file->dur + 4096, buf + 4096, 35904));
	}
	nwb_free(file);
}

NWB_TEST(cache, eviction_meets_the_flusher)
{
	struct nwb_netfs_opts opts = {.dirty_kick_bytes = 1};

	for (uint64_t seed = 1; seed < 30; seed++)
		sfs_run(seed, &opts, 4096, 0, evict_body);
}

static void two_claims_body(struct sfs_rig *rig)
{
	/* Kicked, 6144 at a time: the first folio is claimed in two parts. */
	put(rig, 0, 8192, 1);
	sfs_wait_pending(rig->sfs, 1);
	sfs_rest(rig);
	put(rig, 8192, 8192, 2);
	sfs_wait_pending(rig->sfs, 2);
	sfs_rest(rig);
	nwb_check_eq(rig->sfs->log[0].len, 6144);
	nwb_check_eq(rig->sfs->log[1].start, 6144);
	nwb_check_eq(rig->sfs->log[1].len, 6144);
	nwb_check_eq(sfs_pending(rig->sfs), 2);
	/* Both are still in flight: neither part may be sent again. */
	put(rig, 0, 100, 3);
	nwb_file_writeback(rig->f);
	sfs_rest(rig);
	for (unsigned int i = 2; i < rig->sfs->nr_log; i++)
		nwb_check(rig->sfs->log[i].start >= 12288);
	sfs_auto(rig->sfs);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check(!memcmp(rig->file->dur, buf, 16384));
}

NWB_TEST(collect, item3_a_folio_claimed_in_two_parts)
{
	struct nwb_netfs_opts opts = {.folio_bytes_max = 8192,
				      .wsize = 6144,
				      .dirty_kick_bytes = 1,
				      .dirty_age_ns = 1000 * NWB_SEC};

	sfs_run(1, &opts, 6144, 0, two_claims_body);
	opts.mode = NWB_TEMP_PAGE;
	sfs_run(1, &opts, 6144, 0, two_claims_body);
}

static void truncate_crash_body(struct sfs_rig *rig)
{
	sfs_auto(rig->sfs);
	put(rig, 0, 50000, 1);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	/* The server that flushed is not the one that had cut the file. */
	rig->sfs->size_crashes = 2;
	nwb_check_eq(nwb_file_truncate(rig->f, 20000), 0);
	nwb_check_eq(rig->sfs->size_crashes, 0);
	nwb_check_eq(rig->file->dur_size, 20000);
}

NWB_TEST(cache, item9_truncate_over_a_crash)
{
	struct nwb_netfs_opts opts = {0};

	sfs_run(1, &opts, 65536, 0, truncate_crash_body);
}
