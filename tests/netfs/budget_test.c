/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A server with one thread that takes its memory from where the page cache of
 * its own client has it, as a FUSE server does. Without the mapping's flag and
 * with a reclaim that waits it stands still; with the flag, with temp pages, and
 * with a reclaim that never waits, it goes on.
 */
#include "nwb/budget.h"
#include "nwb/mem.h"
#include "nwb_test.h"
#include "scripted.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PIECE  16384u
#define PIECES 16u
#define KEPT   4u
#define SPARE  (8u * PIECE) /* clean pages of another file */

static uint8_t buf[PIECES * PIECE];

struct world {
	struct nwb_exec *ex;
	uint64_t seed;
	enum nwb_wb_mode mode;
	bool has_flag;
	bool is_legacy;
	bool stands_still; /* expected */
	struct nwb_budget *b;
	struct sfs *sfs;
	struct sfs_file *file, *other;
	bool is_over;
	unsigned int nr_served;
};

/* The server: one request after the other, with memory of its own for each,
 * of which it keeps some (its own cache). */
static void server_main(void *arg)
{
	struct world *w = arg;
	unsigned int held = 0;

	while (!w->is_over) {
		if (!sfs_pending(w->sfs)) {
			nwb_sleep_until(w->ex, nwb_now_ns(w->ex) + NWB_MSEC);
			continue;
		}
		if (held < KEPT) {
			nwb_check_eq(nwb_budget_charge(w->b, PIECE), 0);
			held++;
		}
		if (sfs_pending(w->sfs)) {
			sfs_complete(w->sfs, 0, SFS_ALL);
			w->nr_served++;
		}
	}
	nwb_budget_uncharge(w->b, held * PIECE);
}

static void open_files(struct world *w, struct nwb_inode *inode[2],
		       struct nwb_file *f[2])
{
	static uint8_t clean[SPARE];

	w->file = sfs_file_new(w->sfs);
	w->other = sfs_file_new(w->sfs);
	w->other->vol_size = SPARE;
	nwb_check_eq(nwb_inode_new(w->sfs->nf, 1, w->file, 0, &inode[0]), 0);
	nwb_check_eq(nwb_inode_new(w->sfs->nf, 2, w->other, SPARE, &inode[1]),
		     0);
	nwb_check_eq(nwb_file_open(inode[0], &f[0]), 0);
	nwb_check_eq(nwb_file_open(inode[1], &f[1]), 0);
	for (uint64_t at = 0; at < SPARE; at += PIECE)
		nwb_check_eq(nwb_file_read(f[1], clean, PIECE, at), PIECE);
}

static void run_main(void *arg)
{
	struct world *w = arg;
	struct nwb_netfs_opts opts = {.mode = w->mode,
				      .writeback_may_deadlock = w->has_flag,
				      .cache_bytes = 2 * NWB_MIB,
				      .temp_bytes = NWB_MIB,
				      .folio_bytes_max = PIECE,
				      .dirty_age_ns = 1000 * NWB_SEC,
				      .dirty_kick_bytes = NWB_MIB};
	struct nwb_netfs_stats st;
	struct nwb_inode *inode[2];
	struct nwb_file *f[2];
	struct nwb_task *server;
	char text[200] = "";
	bool is_stuck;

	/* all that is dirty and all that is clean fit in, and nothing else */
	nwb_check_eq(nwb_budget_new(w->ex, PIECES * PIECE + SPARE, w->is_legacy,
				    &w->b),
		     0);
	opts.budget = w->b;
	w->sfs = sfs_new(w->ex, w->seed, &opts);
	w->sfs->wsize = PIECE;
	open_files(w, inode, f);
	sfs_fill(buf, sizeof(buf), 5);
	nwb_check_eq(nwb_file_write(f[0], buf, sizeof(buf), 0), sizeof(buf));
	nwb_check_eq(nwb_budget_used(w->b), PIECES * PIECE + SPARE);
	nwb_file_writeback(f[0]);
	sfs_wait_pending(w->sfs, PIECES);
	nwb_check_eq(nwb_task_spawn(w->ex, "server", server_main, w, &server),
		     0);
	nwb_sleep_until(w->ex, nwb_now_ns(w->ex) + 100 * NWB_SEC);
	is_stuck = nwb_budget_stuck(w->b, 60 * NWB_SEC, text, sizeof(text));
	nwb_check(is_stuck == w->stands_still);
	nwb_check((w->nr_served == PIECES) == !w->stands_still);
	nwb_netfs_get_stats(w->sfs->nf, &st);
	nwb_check((st.reclaim_waits != 0) == w->stands_still);
	if (is_stuck) {
		nwb_check(strstr(text, "in-place") != NULL);
		nwb_check(strstr(text, "99.") || strstr(text, "100."));
		/* Somebody else has to answer: then all of it comes loose. */
		nwb_check(sfs_pending(w->sfs) > 0);
		sfs_complete_all(w->sfs);
	}
	nwb_sleep_until(w->ex, nwb_now_ns(w->ex) + NWB_SEC);
	w->is_over = true;
	nwb_task_join(server);
	sfs_auto(w->sfs);
	nwb_check_eq(nwb_file_fsync(f[0]), 0);
	nwb_check(!memcmp(w->file->dur, buf, sizeof(buf)));
	for (unsigned int i = 0; i < 2; i++) {
		nwb_check_eq(nwb_file_close(f[i], false), 0);
		nwb_inode_put(inode[i]);
	}
	sfs_free(w->sfs);
	nwb_free(w->file);
	nwb_free(w->other);
	nwb_check_eq(nwb_budget_used(w->b), 0);
	nwb_budget_free(w->b);
}

static void run(struct world like)
{
	for (uint64_t seed = 1; seed < 8; seed++) {
		struct world w = like;

		w.seed = seed;
		sfs_sim(seed, run_main, &w, &w.ex);
	}
}

NWB_TEST(budget, item7_in_place_without_the_flag_stands_still)
{
	run((struct world){.is_legacy = true, .stands_still = true});
}

NWB_TEST(budget, item7_the_flag_makes_reclaim_pass_over)
{
	run((struct world){.is_legacy = true, .has_flag = true});
}

NWB_TEST(budget, item7_temp_pages_are_not_waited_for)
{
	run((struct world){.is_legacy = true, .mode = NWB_TEMP_PAGE});
}

NWB_TEST(budget, item7_only_legacy_reclaim_waits)
{
	run((struct world){.is_legacy = false});
}

/* --- the account ---------------------------------------------------------- */

static void account_main(void *arg)
{
	struct nwb_exec *ex = *(struct nwb_exec **)arg;
	struct nwb_budget *b = NULL;
	char text[100];

	nwb_check_eq(nwb_budget_new(ex, 100, false, &b), -EINVAL);
	nwb_check_eq(nwb_budget_new(ex, 3 * NWB_PAGE_SIZE, true, &b), 0);
	nwb_check_eq(nwb_budget_charge(b, 2 * NWB_PAGE_SIZE), 0);
	nwb_check_eq(nwb_budget_charge(b, NWB_PAGE_SIZE), 0);
	/* nobody to reclaim from */
	nwb_check_eq(nwb_budget_charge(b, NWB_PAGE_SIZE), -ENOMEM);
	nwb_check(!nwb_budget_stuck(b, 0, text, sizeof(text)));
	nwb_budget_grow(b, NWB_PAGE_SIZE);
	nwb_check_eq(nwb_budget_charge(b, NWB_PAGE_SIZE), 0);
	nwb_check_eq(nwb_budget_used(b), 4 * NWB_PAGE_SIZE);
	nwb_budget_uncharge(b, 4 * NWB_PAGE_SIZE);
	nwb_budget_free(b);
}

NWB_TEST(budget, without_anything_to_reclaim_there_is_an_end)
{
	struct nwb_exec *ex;

	sfs_sim(1, account_main, &ex, &ex);
}

/* A page cache that is larger than the budget: writers reclaim what is clean
 * and wait for the rest. */
static void writer_main(void *arg)
{
	struct nwb_exec *ex = *(struct nwb_exec **)arg;
	struct nwb_netfs_opts opts = {.cache_bytes = 2 * NWB_MIB,
				      .folio_bytes_max = PIECE,
				      .dirty_age_ns = 10 * NWB_MSEC};
	struct nwb_inode *inode;
	struct nwb_budget *b;
	struct nwb_file *f;
	struct sfs_file *file;
	struct sfs *sfs;

	nwb_check_eq(nwb_budget_new(ex, 4 * PIECE, true, &b), 0);
	opts.budget = b;
	sfs = sfs_new(ex, 1, &opts);
	sfs->wsize = PIECE;
	sfs_auto(sfs);
	file = sfs_file_new(sfs);
	nwb_check_eq(nwb_inode_new(sfs->nf, 1, file, 0, &inode), 0);
	nwb_check_eq(nwb_file_open(inode, &f), 0);
	sfs_fill(buf, sizeof(buf), 6);
	nwb_check_eq(nwb_file_write(f, buf, sizeof(buf), 0), sizeof(buf));
	nwb_check(nwb_budget_used(b) <= 4 * PIECE);
	nwb_check_eq(nwb_file_fsync(f), 0);
	nwb_check(!memcmp(file->dur, buf, sizeof(buf)));
	nwb_check_eq(nwb_file_close(f, false), 0);
	nwb_inode_put(inode);
	sfs_free(sfs);
	nwb_free(file);
	nwb_check_eq(nwb_budget_used(b), 0);
	nwb_budget_free(b);
}

NWB_TEST(budget, item7_a_cache_lives_within_it)
{
	struct nwb_exec *ex;

	for (uint64_t seed = 1; seed < 8; seed++)
		sfs_sim(seed, writer_main, &ex, &ex);
}
