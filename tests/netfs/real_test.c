/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The same code on threads: several writers of one file, each with a region of
 * its own that shares folios with its neighbours', while the server is slow,
 * short, reset and crashed; they write and store to it mapped, and invalidate it
 * in both ways. With content crypto, too. What ThreadSanitizer has to see.
 */
#include "nwb/mem.h"
#include "nwb/stamp.h"
#include "nwb_test.h"
#include "scripted.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NR_TASKS 3u
#define REGION	 100003u /* shares folios with the next */
#define ROUNDS	 12u
#define UNIT	 512u

static const uint8_t crypt_key[NWB_CRYPT_KEY] = {3, 1, 4, 1, 5, 9, 2, 6};

struct shared {
	struct nwb_exec *ex;
	struct sfs *sfs;
	struct sfs_file *file;
	struct nwb_inode *inode;
	bool is_crypt;
};

struct worker {
	struct shared *sh;
	unsigned int nr;
	uint64_t random;
	uint8_t shadow[REGION];
	uint8_t back[REGION];
	unsigned int bad;
};

static bool is_durable(struct worker *w)
{
	struct sfs *sfs = w->sh->sfs;
	bool same;

	nwb_mutex_lock(&sfs->lock);
	same = !memcmp(w->sh->file->dur + (size_t)w->nr * REGION, w->shadow,
		       REGION);
	nwb_mutex_unlock(&sfs->lock);
	return same;
}

/* The same of cipher text, when nothing is under way: a neighbour's WRITE has
 * units of ours in it and may be cut within a block. */
static bool is_encrypted(const struct worker *w)
{
	static const uint8_t zero[16];
	uint64_t base = (uint64_t)w->nr * REGION;
	uint64_t from = NWB_ROUND_DOWN(base, (uint64_t)UNIT);
	size_t len = NWB_ROUND_UP(base + REGION, (uint64_t)UNIT) - from;
	uint8_t *clear = malloc(len);
	struct nwb_stamp_key k;
	bool same;

	nwb_check(clear != NULL);
	nwb_stamp_key_init(&k, zero);
	nwb_stamp_key_crypt(&k, crypt_key, UNIT);
	nwb_stamp_decrypt(&k, from, w->sh->file->dur + from, clear, len);
	same = !memcmp(clear + (base - from), w->shadow, REGION);
	free(clear);
	return same;
}

/* Mapped where there is a file already. */
static void put(struct worker *w, struct nwb_file *f, uint64_t a, uint64_t n,
		bool is_mapped)
{
	uint64_t pos = (uint64_t)w->nr * REGION + a;

	if (is_mapped && nwb_inode_size(w->sh->inode) >= pos + n)
		w->bad += nwb_map_store(f, w->shadow + a, n, pos) != 0;
	else
		w->bad +=
			nwb_file_write(f, w->shadow + a, n, pos) != (ssize_t)n;
}

static void forget(struct worker *w, unsigned int round)
{
	uint64_t pos = sfs_random(w->sh->sfs, NR_TASKS * REGION);
	int rc;

	if (round % 2)
		rc = nwb_inode_invalidate_range(w->sh->inode, pos, UINT64_MAX,
						NWB_INVAL_FLUSH, NULL);
	else
		rc = nwb_inode_invalidate_pages2(w->sh->inode, pos,
						 pos + REGION, NULL);
	w->bad += rc && rc != -EBUSY;
}

static void worker_main(void *arg)
{
	struct worker *w = arg;
	uint64_t base = (uint64_t)w->nr * REGION;
	struct nwb_file *f = NULL;

	w->bad += nwb_file_open(w->sh->inode, &f) != 0;
	for (unsigned int round = 0; round < ROUNDS && !w->bad; round++) {
		for (unsigned int i = 0; i < 20; i++) {
			uint64_t a = sfs_random(w->sh->sfs, REGION);
			uint64_t n = 1 + sfs_random(w->sh->sfs, REGION - a);

			sfs_fill(w->shadow + a, n, round * 1000 + i);
			put(w, f, a, n, i % 4 == 3);
		}
		if (round % NR_TASKS == w->nr)
			forget(w, round);
		if (round % 3 == 2) {
			memset(w->back, 0, REGION);
			(void)!nwb_file_read(f, w->back, REGION, base);
			for (size_t i = 0; i < REGION; i++)
				w->bad += w->back[i] != w->shadow[i];
		}
		w->bad += nwb_file_fsync(f) != 0;
		w->bad += !w->sh->is_crypt && !is_durable(w);
	}
	w->bad += nwb_file_close(f, true) != 0;
}

static void set_dice(struct sfs *sfs)
{
	sfs->dice = (struct sfs_dice){.is_on = true,
				      .p_short = 30,
				      .p_zero = 10,
				      .p_reset = 10,
				      .p_crash = 5,
				      .p_flush_abort = 50,
				      .p_small_max = 100,
				      .latency_ns = 300 * NWB_USEC};
	sfs->max_pending = 8;
	sfs->wsize = 16384;
}

static void real_main(void *arg)
{
	struct shared *sh = arg;
	struct worker *w = calloc(NR_TASKS, sizeof(*w));
	struct nwb_task *task[NR_TASKS];
	struct nwb_netfs_stats st;
	unsigned int bad = 0;

	nwb_check(w != NULL);
	sh->file = sfs_file_new(sh->sfs);
	set_dice(sh->sfs);
	sfs_auto(sh->sfs);
	nwb_check_eq(nwb_inode_new(sh->sfs->nf, 1, sh->file, 0, &sh->inode), 0);
	for (unsigned int i = 0; i < NR_TASKS; i++) {
		w[i].sh = sh;
		w[i].nr = i;
		nwb_check_eq(nwb_task_spawn(sh->ex, "worker", worker_main,
					    &w[i], &task[i]),
			     0);
	}
	for (unsigned int i = 0; i < NR_TASKS; i++) {
		nwb_task_join(task[i]);
		bad += w[i].bad;
	}
	nwb_check_eq(bad, 0);
	for (unsigned int i = 0; i < NR_TASKS && sh->is_crypt; i++)
		nwb_check(is_encrypted(&w[i]));
	free(w);
	nwb_inode_put(sh->inode);
	nwb_netfs_get_stats(sh->sfs->nf, &st);
	nwb_check_eq(st.crypto_bytes > 0, sh->is_crypt);
	nwb_check_eq(st.dirty_bytes, 0);
	nwb_check_eq(st.temp_bytes, 0);
	nwb_check_eq(st.live_subrequests, 0);
	nwb_check(st.retries > 0);
	sfs_free(sh->sfs);
	nwb_free(sh->file);
}

static void run(struct nwb_netfs_opts opts, bool is_sim, uint64_t seed)
{
	struct shared sh = {.is_crypt = opts.crypto_unit};
	struct nwb_err err = {0};
	uint64_t live = nwb_mem_live();
	struct nwb_exec_real_opts ro = {.nr_workers = 3, .no_io_uring = true};

	opts.wsize = 16384;
	opts.cache_bytes = 262144;
	opts.temp_bytes = 262144;
	opts.folio_bytes_max = 16384;
	opts.max_attempts = 10000;
	opts.retry_backoff_ns = 10 * NWB_USEC;
	opts.dirty_age_ns = 5 * NWB_MSEC;
	if (is_sim)
		nwb_check_eq(nwb_exec_sim_new(seed, &sh.ex, &err), 0);
	else
		nwb_check_eq(nwb_exec_real_new(&ro, &sh.ex, &err), 0);
	sh.sfs = NULL;
	sh.sfs = sfs_new(sh.ex, seed, &opts);
	nwb_check_eq(nwb_exec_run(sh.ex, real_main, &sh, 0, &err), 0);
	nwb_exec_free(sh.ex);
	nwb_check_eq(nwb_mem_live(), live);
}

NWB_TEST(real, threads_in_place)
{
	struct nwb_netfs_opts opts = {0};

	run(opts, false, 1);
	opts.stable_writes = true;
	run(opts, false, 2);
}

NWB_TEST(real, threads_temp_page)
{
	struct nwb_netfs_opts opts = {.mode = NWB_TEMP_PAGE};

	run(opts, false, 3);
}

/* Preparing and encrypting are works of their own beside issuer and retryer. */
NWB_TEST(real, item10_threads_content_crypto)
{
	struct nwb_netfs_opts opts = {.crypto_key = crypt_key,
				      .crypto_unit = UNIT};

	run(opts, false, 4);
	opts.mode = NWB_TEMP_PAGE;
	run(opts, false, 5);
}

#ifndef NWB_TEST_SEQUENTIAL
NWB_TEST(real, the_same_simulated)
{
	for (uint64_t seed = 1; seed < 25; seed++) {
		struct nwb_netfs_opts opts = {0};

		opts.mode = seed % 2 ? NWB_TEMP_PAGE : NWB_IN_PLACE;
		opts.stable_writes = seed % 4 == 0;
		if (seed % 3 == 0) {
			opts.crypto_key = crypt_key;
			opts.crypto_unit = UNIT;
		}
		run(opts, true, seed);
	}
}
#endif
