/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The retryer: regrouping, limits, short writes; giving up. */
#include "nwb_test.h"
#include "scripted.h"

#include <errno.h>
#include <string.h>

static uint8_t buf[1 << 20];

static void put(struct sfs_rig *rig, uint64_t pos, size_t len)
{
	sfs_fill(buf + pos, len, pos + 1);
	nwb_check_eq(nwb_file_write(rig->f, buf + pos, len, pos), len);
}

static void rest(struct sfs_rig *rig)
{
	nwb_sleep_until(rig->ex, nwb_now_ns(rig->ex) + 300 * NWB_MSEC);
}

/* Write @len bytes and have them pending in @nr subrequests. */
static void start(struct sfs_rig *rig, size_t len, unsigned int nr)
{
	put(rig, 0, len);
	nwb_file_writeback(rig->f);
	sfs_wait_pending(rig->sfs, nr);
	rest(rig);
	nwb_check_eq(sfs_pending(rig->sfs), nr);
}

static void check_log(struct sfs_rig *rig, unsigned int i, uint64_t pos,
		      size_t len)
{
	nwb_check(i < rig->sfs->nr_log);
	nwb_check_eq(rig->sfs->log[i].start, pos);
	nwb_check_eq(rig->sfs->log[i].len, len);
}

static void finish(struct sfs_rig *rig, size_t len)
{
	if (!rig->sfs->task)
		sfs_auto(rig->sfs);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check(!memcmp(rig->file->dur, buf, len));
}

static void short_body(struct sfs_rig *rig)
{
	start(rig, 8192, 1);
	sfs_complete(rig->sfs, 0, 5000);
	sfs_wait_pending(rig->sfs, 1);
	check_log(rig, 1, 5000, 3192);
	nwb_check(rig->sfs->log[1].is_retry);
	sfs_complete(rig->sfs, 0, 1);
	sfs_wait_pending(rig->sfs, 1);
	check_log(rig, 2, 5001, 3191);
	finish(rig, 8192);
	nwb_check_eq(rig->sfs->nr_log, 3);
	nwb_check_eq(rig->sfs->bytes_acked, 8192);
}

NWB_TEST(retry, item4_only_the_rest_of_a_short_write)
{
	struct nwb_netfs_opts opts = {0};

	for (uint64_t seed = 1; seed < 10; seed++)
		sfs_run(seed, &opts, 65536, 0, short_body);
}

static void split_body(struct sfs_rig *rig)
{
	start(rig, 40000, 1);
	rig->sfs->max_len = 15000; /* fewer credits now */
	sfs_complete_retry(rig->sfs, 0, -ECONNABORTED);
	sfs_wait_pending(rig->sfs, 3);
	check_log(rig, 1, 0, 15000);
	check_log(rig, 2, 15000, 15000);
	check_log(rig, 3, 30000, 10000);
	finish(rig, 40000);
}

NWB_TEST(retry, item4_split_when_less_is_allowed)
{
	struct nwb_netfs_opts opts = {0};

	sfs_run(1, &opts, 65536, 0, split_body);
	opts.mode = NWB_TEMP_PAGE;
	sfs_run(1, &opts, 65536, 0, split_body);
}

/* One was lost, the other refused; cut anew, the one that was refused carries
 * bytes of the lost one, and must not claim to know what became of them. */
static void unknown_body(struct sfs_rig *rig)
{
	rig->sfs->max_len = 20000;
	start(rig, 40000, 2);
	rig->sfs->max_len = 10000;
	sfs_complete_retry(rig->sfs, 1, -EAGAIN);
	sfs_complete_retry(rig->sfs, 0, -ECONNABORTED);
	sfs_wait_pending(rig->sfs, 4);
	for (unsigned int i = 2; i < 6; i++) {
		check_log(rig, i, (i - 2) * 10000, 10000);
		nwb_check_eq(rig->sfs->log[i].status, 0);
	}
	finish(rig, 40000);
}

NWB_TEST(retry, item4_what_was_lost_stays_unknown)
{
	struct nwb_netfs_opts opts = {0};

	sfs_run(1, &opts, 65536, 0, unknown_body);
}

static void merge_body(struct sfs_rig *rig)
{
	struct nwb_netfs_stats st;

	rig->sfs->max_len = 10000;
	start(rig, 50000, 5);
	rig->sfs->max_len = 0;
	sfs_reset(rig->sfs, false, false);
	sfs_wait_pending(rig->sfs, 1);
	rest(rig);
	/* Five became one; four were dropped. */
	nwb_check_eq(sfs_pending(rig->sfs), 1);
	check_log(rig, 5, 0, 50000);
	nwb_netfs_get_stats(rig->sfs->nf, &st);
	nwb_check_eq(st.live_subrequests, 1);
	nwb_check_eq(st.retry_requests, 1);
	nwb_check_eq(st.bytes_reissued, 50000);
	finish(rig, 50000);
}

NWB_TEST(retry, item4_merge_when_more_is_allowed)
{
	struct nwb_netfs_opts opts = {0};

	sfs_run(1, &opts, 65536, 0, merge_body);
}

static void runs_body(struct sfs_rig *rig)
{
	rig->sfs->max_len = 10000;
	start(rig, 60000, 6);
	rig->sfs->max_len = 0;
	/* ok, retry, retry, ok, short, retry: two runs and a rest. */
	sfs_complete(rig->sfs, 3, SFS_ALL);
	sfs_complete(rig->sfs, 3, 4000); /* 40000: short */
	sfs_complete_retry(rig->sfs, 3, -ECONNABORTED);
	sfs_complete_retry(rig->sfs, 2, -ECONNABORTED);
	sfs_complete_retry(rig->sfs, 1, -ECONNABORTED);
	rest(rig);
	/* The first is still in flight: nothing is retried yet. */
	nwb_check_eq(rig->sfs->nr_log, 6);
	sfs_complete(rig->sfs, 0, SFS_ALL);
	sfs_wait_pending(rig->sfs, 2);
	rest(rig);
	nwb_check_eq(rig->sfs->nr_log, 8);
	check_log(rig, 6, 10000, 20000);
	check_log(rig, 7, 44000, 16000);
	finish(rig, 60000);
	nwb_check_eq(rig->sfs->bytes_acked, 60000);
}

NWB_TEST(retry, item4_contiguous_runs)
{
	struct nwb_netfs_opts opts = {0};

	for (uint64_t seed = 1; seed < 10; seed++)
		sfs_run(seed, &opts, 65536, 0, runs_body);
}

static void attempts_body(struct sfs_rig *rig)
{
	start(rig, 4096, 1);
	for (unsigned int i = 0; i < 5; i++) {
		sfs_wait_pending(rig->sfs, 1);
		if (i % 2)
			sfs_complete(rig->sfs, 0, 0);
		else
			sfs_complete_retry(rig->sfs, 0, -EAGAIN);
	}
	rest(rig);
	nwb_check_eq(sfs_pending(rig->sfs), 0);
	nwb_check_eq(rig->sfs->nr_gaveup, 1);
	nwb_check_eq(rig->sfs->gaveup_retries, 4);
	nwb_check_eq(nwb_file_fsync(rig->f), -EAGAIN);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check_eq(rig->sfs->nr_log, 5);
}

NWB_TEST(retry, item4_no_more_than_max_attempts)
{
	struct nwb_netfs_opts opts = {.max_attempts = 5};

	sfs_run(1, &opts, 65536, 0, attempts_body);
}

static void backoff_body(struct sfs_rig *rig)
{
	uint64_t began;

	start(rig, 4096, 1);
	for (unsigned int i = 0; i < 10; i++) {
		uint64_t factor = nwb_min(1ull << i, 100ull);

		began = nwb_now_ns(rig->ex);
		sfs_complete_retry(rig->sfs, 0, -ECONNABORTED);
		sfs_wait_pending(rig->sfs, 1);
		nwb_check(nwb_now_ns(rig->ex) - began >= factor * NWB_MSEC);
		nwb_check(nwb_now_ns(rig->ex) - began <
			  factor * NWB_MSEC + NWB_MSEC / 2);
	}
	finish(rig, 4096);
}

NWB_TEST(retry, item4_waits_longer_each_time)
{
	struct nwb_netfs_opts opts = {0};

	sfs_run(1, &opts, 65536, 0, backoff_body);
}

static void permanent_body(struct sfs_rig *rig)
{
	rig->sfs->max_len = 10000;
	start(rig, 50000, 5);
	/* The second fails for good, the fourth may be sent again: unlike
	 * Linux, it is. */
	sfs_complete_retry(rig->sfs, 3, -ECONNABORTED);
	sfs_complete(rig->sfs, 1, -EDQUOT);
	sfs_complete(rig->sfs, 2, SFS_ALL);
	sfs_complete(rig->sfs, 1, SFS_ALL);
	sfs_complete(rig->sfs, 0, SFS_ALL);
	sfs_wait_pending(rig->sfs, 1);
	check_log(rig, 5, 30000, 10000);
	nwb_check_eq(rig->sfs->nr_gaveup, 1);
	nwb_check_eq(rig->sfs->gaveup_error, -EDQUOT);
	sfs_auto(rig->sfs);
	nwb_check_eq(nwb_file_fsync(rig->f), -EDQUOT);
	/* It is not dirty any more: nothing more is sent. */
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check_eq(rig->sfs->nr_log, 6);
	nwb_check(!memcmp(rig->file->dur, buf, 10000));
	nwb_check(!memcmp(rig->file->dur + 20000, buf + 20000, 30000));
	nwb_check(memcmp(rig->file->dur + 10000, buf + 10000, 10000));
}

NWB_TEST(retry, item4_a_failed_one_takes_no_other_with_it)
{
	struct nwb_netfs_opts opts = {0};

	for (uint64_t seed = 1; seed < 10; seed++)
		sfs_run(seed, &opts, 65536, 0, permanent_body);
}

static void prepare_fails_body(struct sfs_rig *rig)
{
	rig->sfs->prepare_error = -EHOSTDOWN;
	put(rig, 0, 30000);
	nwb_check_eq(nwb_file_fsync(rig->f), -EHOSTDOWN);
	nwb_check_eq(rig->sfs->nr_log, 0);
	nwb_check_eq(rig->sfs->nr_sent, 0);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
}

static void begin_fails_body(struct sfs_rig *rig)
{
	rig->sfs->begin_error = -EBADF;
	put(rig, 0, 30000);
	nwb_check_eq(nwb_file_fsync(rig->f), -EBADF);
	nwb_check_eq(rig->sfs->nr_prepares, 0);
	nwb_check(rig->sfs->nr_gaveup > 0);
	nwb_check(rig->sfs->gaveup_refused);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
}

static void retry_prepare_fails_body(struct sfs_rig *rig)
{
	start(rig, 30000, 1);
	rig->sfs->prepare_error = -EHOSTDOWN;
	sfs_complete_retry(rig->sfs, 0, -ECONNABORTED);
	rest(rig);
	/* Not the zero that Linux would record (H1). */
	nwb_check_eq(rig->sfs->gaveup_error, -EHOSTDOWN);
	nwb_check(!rig->sfs->gaveup_refused);
	nwb_check_eq(nwb_file_fsync(rig->f), -EHOSTDOWN);
}

NWB_TEST(retry, item4_failures_to_prepare_are_told)
{
	struct nwb_netfs_opts opts = {0};

	sfs_run(1, &opts, 65536, 0, prepare_fails_body);
	sfs_run(1, &opts, 65536, 0, begin_fails_body);
	sfs_run(1, &opts, 65536, 0, retry_prepare_fails_body);
}

static void many_body(struct sfs_rig *rig)
{
	/* 256 small ones in flight, all aborted, with three credits. */
	rig->sfs->max_len = 1000;
	start(rig, 256000, 256);
	rig->sfs->max_pending = 3;
	sfs_reset(rig->sfs, true, false);
	finish(rig, 256000);
}

NWB_TEST(retry, item4_few_credits_afterwards)
{
	struct nwb_netfs_opts opts = {.dirty_kick_bytes = NWB_MIB};

	sfs_run(1, &opts, 65536, 0, many_body);
}

/* Let the collector ask for the retry before the credit is there with which
 * the issuer, who waits in prepare, goes on. */
static void fail_first(struct sfs_rig *rig)
{
	sfs_set_max_pending(rig->sfs, 1);
	sfs_complete_retry(rig->sfs, 0, -ECONNABORTED);
	rest(rig);
	nwb_check_eq(rig->sfs->nr_log, 2);
	sfs_set_max_pending(rig->sfs, 2);
	rest(rig);
}

static void pause_body(struct sfs_rig *rig)
{
	/* Two credits: the third is being prepared when the first fails. */
	rig->sfs->max_pending = 2;
	rig->sfs->max_len = 10000;
	start(rig, 60000, 2);
	fail_first(rig);
	while (sfs_pending(rig->sfs) && rig->sfs->nr_log < 4) {
		sfs_complete(rig->sfs, 0, SFS_ALL);
		rest(rig);
	}
	/* No new data before that: the issuer paused. */
	check_log(rig, 2, 20000, 10000);
	check_log(rig, 3, 0, 10000);
	nwb_check(rig->sfs->log[3].is_retry);
	sfs_set_max_pending(rig->sfs, 0);
	finish(rig, 60000);
}

NWB_TEST(retry, item4_issuer_pauses)
{
	struct nwb_netfs_opts opts = {.dirty_age_ns = 1000 * NWB_SEC};

	for (uint64_t seed = 1; seed < 10; seed++)
		sfs_run(seed, &opts, 65536, 0, pause_body);
}

static void attempts_differ_body(struct sfs_rig *rig)
{
	rig->sfs->max_pending = 2;
	rig->sfs->max_len = 10000;
	start(rig, 40000, 2);
	fail_first(rig);
	sfs_set_max_pending(rig->sfs, 0);
	rest(rig);
	sfs_complete_retry(rig->sfs, 1, -ECONNABORTED);
	sfs_complete_retry(rig->sfs, 0, -ECONNABORTED);
	sfs_wait_pending(rig->sfs, 4);
	rest(rig);
	/* Three were sent twice, the fourth once. */
	nwb_check_eq(rig->sfs->nr_log, 7);
	rig->sfs->max_len = 0;
	sfs_reset(rig->sfs, false, false);
	sfs_wait_pending(rig->sfs, 2);
	rest(rig);
	nwb_check_eq(rig->sfs->nr_log, 9);
	check_log(rig, 7, 0, 30000);
	check_log(rig, 8, 30000, 10000);
	finish(rig, 40000);
}

NWB_TEST(retry, item4_runs_join_extents_sent_equally_often)
{
	struct nwb_netfs_opts opts = {.dirty_age_ns = 1000 * NWB_SEC};

	for (uint64_t seed = 1; seed < 10; seed++)
		sfs_run(seed, &opts, 65536, 0, attempts_differ_body);
}

/* --- strategies ----------------------------------------------------------- */

static void each_body(struct sfs_rig *rig)
{
	rig->sfs->max_len = 10000;
	start(rig, 50000, 5);
	rig->sfs->max_len = 0;
	sfs_reset(rig->sfs, false, false);
	sfs_wait_pending(rig->sfs, 5);
	/* No neighbours are joined, though more would be allowed. */
	for (unsigned int i = 0; i < 5; i++)
		check_log(rig, 5 + i, i * 10000, 10000);
	rig->sfs->max_len = 6000;
	sfs_reset(rig->sfs, false, false);
	sfs_wait_pending(rig->sfs, 10);
	for (unsigned int i = 0; i < 5; i++) {
		check_log(rig, 10 + 2 * i, i * 10000, 6000);
		check_log(rig, 11 + 2 * i, i * 10000 + 6000, 4000);
	}
	finish(rig, 50000);
	nwb_check_eq(rig->sfs->bytes_acked, 50000);
}

NWB_TEST(retry, item4_resplit_each_by_itself)
{
	struct nwb_netfs_opts opts = {.strategy = NWB_RETRY_RESPLIT_EACH};

	for (uint64_t seed = 1; seed < 10; seed++)
		sfs_run(seed, &opts, 65536, 0, each_body);
}

static void bits_body(struct sfs_rig *rig)
{
	struct nwb_netfs_stats st;

	start(rig, 65536, 1);
	sfs_complete_retry(rig->sfs, 0, -ECONNABORTED);
	/* An eighth of wsize at a time. */
	for (unsigned int i = 0; i < 3; i++) {
		sfs_wait_pending(rig->sfs, 1);
		rest(rig);
		nwb_check_eq(sfs_pending(rig->sfs), 1);
		check_log(rig, 1 + i, i * 8192, 8192);
		sfs_complete(rig->sfs, 0, SFS_ALL);
	}
	/* One that fails is halved; what comes next is not. */
	sfs_wait_pending(rig->sfs, 1);
	check_log(rig, 4, 24576, 8192);
	sfs_complete_retry(rig->sfs, 0, -EAGAIN);
	sfs_wait_pending(rig->sfs, 1);
	check_log(rig, 5, 24576, 4096);
	sfs_complete(rig->sfs, 0, SFS_ALL);
	sfs_wait_pending(rig->sfs, 1);
	check_log(rig, 6, 28672, 8192);
	finish(rig, 65536);
	nwb_check_eq(rig->sfs->bytes_acked, 65536);
	/* Eight bits and a half, of at most three attempts each. */
	nwb_check_eq(rig->sfs->nr_log, 11);
	nwb_check_eq(rig->sfs->nr_gaveup, 0);
	nwb_netfs_get_stats(rig->sfs->nf, &st);
	nwb_check_eq(st.retry_requests, 10);
}

NWB_TEST(retry, item4_smaller_bits_one_after_the_other)
{
	struct nwb_netfs_opts opts = {.strategy = NWB_RETRY_SMALLER_BITS,
				      .max_attempts = 3};

	for (uint64_t seed = 1; seed < 10; seed++)
		sfs_run(seed, &opts, 65536, 0, bits_body);
}

static void bits_fail_body(struct sfs_rig *rig)
{
	start(rig, 65536, 1);
	sfs_complete_retry(rig->sfs, 0, -ECONNABORTED);
	sfs_wait_pending(rig->sfs, 1);
	sfs_complete(rig->sfs, 0, SFS_ALL);
	for (unsigned int i = 0; i < 2; i++) {
		sfs_wait_pending(rig->sfs, 1);
		sfs_complete_retry(rig->sfs, 0, -EAGAIN);
	}
	rest(rig);
	/* Sent three times, the whole included: that was all. */
	nwb_check_eq(sfs_pending(rig->sfs), 0);
	nwb_check_eq(rig->sfs->nr_gaveup, 1);
	nwb_check_eq(nwb_file_fsync(rig->f), -EAGAIN);
	nwb_check_eq(rig->sfs->bytes_acked, 8192);
	nwb_check_eq(rig->sfs->nr_log, 4);
}

NWB_TEST(retry, item4_a_bit_has_no_more_attempts_than_the_whole)
{
	struct nwb_netfs_opts opts = {.strategy = NWB_RETRY_SMALLER_BITS,
				      .max_attempts = 3};

	sfs_run(1, &opts, 65536, 0, bits_fail_body);
}

/* Only one subrequest may be alive: what it cannot carry it owes. */
static void owed_body(struct sfs_rig *rig)
{
	start(rig, 40000, 1);
	rig->sfs->max_len = 15000;
	sfs_complete_retry(rig->sfs, 0, -ECONNABORTED);
	for (unsigned int i = 0; i < 3; i++) {
		sfs_wait_pending(rig->sfs, 1);
		rest(rig);
		nwb_check_eq(sfs_pending(rig->sfs), 1);
		check_log(rig, 1 + i, i * 15000, i < 2 ? 15000 : 10000);
		sfs_complete(rig->sfs, 0, SFS_ALL);
	}
	finish(rig, 40000);
	nwb_check_eq(rig->sfs->nr_log, 4);
}

NWB_TEST(retry, item4_never_waits_for_a_subrequest)
{
	struct nwb_netfs_opts opts = {.max_subrequests = 1};

	for (uint64_t seed = 1; seed < 10; seed++)
		sfs_run(seed, &opts, 65536, 0, owed_body);
}

/* --- identities ----------------------------------------------------------- */

static void rotate_body(struct sfs_rig *rig)
{
	struct nwb_netfs_stats st;

	rig->sfs->can_rotate = true;
	start(rig, 10000, 1);
	sfs_complete_retry(rig->sfs, 0, -EACCES);
	sfs_wait_pending(rig->sfs, 1);
	check_log(rig, 1, 0, 10000);
	finish(rig, 10000);
	nwb_check_eq(rig->sfs->nr_rotated, 1);
	nwb_netfs_get_stats(rig->sfs->nf, &st);
	nwb_check_eq(st.rotations, 1);
}

static void no_identity_body(struct sfs_rig *rig)
{
	rig->sfs->gives_up = true;
	rig->sfs->max_len = 10000;
	start(rig, 30000, 3);
	sfs_complete_retry(rig->sfs, 1, -EACCES);
	sfs_complete(rig->sfs, 1, SFS_ALL);
	sfs_complete(rig->sfs, 0, SFS_ALL);
	rest(rig);
	nwb_check_eq(rig->sfs->nr_log, 3);
	nwb_check_eq(rig->sfs->nr_gaveup, 1);
	nwb_check_eq(rig->sfs->gaveup_error, -EACCES);
	sfs_auto(rig->sfs);
	nwb_check_eq(nwb_file_fsync(rig->f), -EACCES);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
}

NWB_TEST(retry, item4_another_identity_if_there_is_one)
{
	struct nwb_netfs_opts opts = {0};

	sfs_run(1, &opts, 65536, 0, rotate_body);
	sfs_run(1, &opts, 65536, 0, no_identity_body);
}

/* What must not be joined across (NWB_SREQ_BOUNDARY: the end of an object) is
 * not, however often it is cut anew. */
static void boundary_body(struct sfs_rig *rig)
{
	static uint8_t mem[65536];

	rig->sfs->boundary = 32768;
	rig->sfs->max_len = 16384;
	sfs_fill(mem, sizeof(mem), 1);
	nwb_check_eq(nwb_file_write(rig->f, mem, sizeof(mem), 0), sizeof(mem));
	nwb_file_writeback(rig->f);
	sfs_wait_pending(rig->sfs, 4);
	rig->sfs->max_len = 0;
	for (unsigned int i = 0; i < 3; i++) {
		sfs_reset(rig->sfs, false, false);
		sfs_wait_pending(rig->sfs, 2);
		for (unsigned int k = 0; k < 2; k++) {
			const struct sfs_issue *is =
				&rig->sfs->log[4 + 2 * i + k];

			nwb_check_eq(is->start, k * 32768);
			nwb_check_eq(is->len, 32768);
		}
	}
	sfs_auto(rig->sfs);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check(!memcmp(rig->file->dur, mem, sizeof(mem)));
}

NWB_TEST(retry, item4_nothing_is_joined_across_a_boundary)
{
	struct nwb_netfs_opts opts = {0};

	sfs_run(1, &opts, 65536, 0, boundary_body);
	opts.mode = NWB_TEMP_PAGE;
	sfs_run(1, &opts, 65536, 0, boundary_body);
}
