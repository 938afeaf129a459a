/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netfs over the SMB2 client over a fake smbd: whatever happens in between,
 * fsync says the truth about what a crash would leave on the server.
 */
#include "nwb/fake.h"
#include "nwb/fs.h"
#include "nwb/smb2_pdu.h"
#include "scene.h"

#include <stdlib.h>
#include <string.h>

#define FILE_BYTES (1228800u + 777)

/**
 * struct scene - options of server, client and netfs, and what to do.
 * @seen: bytes of the file as the test wrote them
 */
struct scene {
	struct nwb_fake_opts fake;
	struct nwb_fake_faults faults;
	struct nwb_smb2_opts smb;
	struct nwb_netfs_opts netfs;
	void (*body)(struct scene *sc);
	struct nwb_exec *ex;
	struct nwb_fake *srv;
	struct nwb_mount *mnt;
	struct nwb_file *f;
	uint8_t *seen;
	const char *wrong;
	int line;
	uint64_t seed;
	unsigned int runs;
	uint64_t hits; /* faults that fired, in all runs */
};

static void scene_run(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct scene *sc = te->arg;
	struct nwb_fake_stats st;
	struct nwb_err err = {0};

	if (sc->wrong)
		return;
	sc->ex = te->ex;
	sc->seed = te->seed;
	/* all of it is faulted in at the start of every run */
	sc->netfs.cache_bytes = 3 * NWB_MIB;
	sc->netfs.temp_bytes = NWB_MIB;
	sc->netfs.wsize = 128 * 1024;
	sc->seen = calloc(1, FILE_BYTES);
	EXPECT(sc, !nwb_fake_new(sc->ex, &sc->fake, &sc->srv));
	nwb_fake_set_faults(sc->srv, &sc->faults);
	sc->smb.dialer = nwb_fake_dialer(sc->srv);
	sc->smb.server_name = "fake";
	sc->smb.share = "s";
	EXPECT(sc, !nwb_mount_smb(sc->ex, &sc->smb, &sc->netfs, NULL, &sc->mnt,
				  &err));
	EXPECT(sc,
	       !nwb_mount_open(sc->mnt, "f", NWB_O_CREATE, 1, &sc->f, &err));
	if (!sc->wrong) {
		sc->body(sc);
		EXPECT(sc, !nwb_mount_close(sc->mnt, sc->f));
		nwb_mount_free(sc->mnt);
	}
	nwb_fake_get_stats(sc->srv, &st);
	if (st.nr_violations && !sc->wrong) {
		sc->wrong = st.last_violation;
		sc->line = 0;
	}
	sc->hits += st.nr_faults + st.nr_pending + st.nr_famines;
	nwb_fake_free(sc->srv);
	free(sc->seen);
	sc->runs++;
}

static void verdict(const struct scene *sc)
{
	SCENE_VERDICT(sc);
}

/* In pieces of odd sizes, each byte another one each time it is written. */
static void fill(struct scene *sc, uint64_t from, uint64_t to, unsigned int v)
{
	while (from < to) {
		size_t n = nwb_min((size_t)(to - from), (size_t)70001);

		for (size_t i = 0; i < n; i++)
			sc->seen[from + i] =
				(uint8_t)((from + i) * 7 + (from >> 9) + v);
		EXPECT(sc, nwb_file_write(sc->f, sc->seen + from, n, from) ==
				   (ssize_t)n);
		from += n;
	}
}

static bool durable_is_seen(struct scene *sc, uint64_t size)
{
	uint8_t *buf = malloc(size);
	uint64_t have = 0;
	bool ok;

	ok = nwb_fake_get(sc->srv, "f", true, 0, buf, size, &have) ==
		     (ssize_t)size &&
	     have == size && memcmp(buf, sc->seen, size) == 0;
	free(buf);
	return ok;
}

/* Write, fsync, write some of it again, fsync. */
static void body_good(struct scene *sc)
{
	struct nwb_smb2_stats st;

	fill(sc, 0, FILE_BYTES, 1);
	EXPECT(sc, !nwb_file_fsync(sc->f));
	EXPECT(sc, durable_is_seen(sc, FILE_BYTES));
	fill(sc, 100000, 900000, 2);
	fill(sc, 1100000, 1100003, 3);
	EXPECT(sc, !nwb_file_fsync(sc->f));
	EXPECT(sc, durable_is_seen(sc, FILE_BYTES));
	nwb_smb2_get_stats(nwb_mount_smb2(sc->mnt), &st);
	EXPECT(sc, st.in_flight == 0);
	EXPECT(sc, st.credits_min >= 0);
}

/* In both modes; @all: on all executors, else the seeds. */
static void good(const struct scene *like, bool all, bool must_hit)
{
	static const enum nwb_wb_mode modes[] = {NWB_IN_PLACE, NWB_TEMP_PAGE};

	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(modes); i++) {
		struct scene sc = *like;

		sc.body = body_good;
		sc.netfs.mode = modes[i];
		if (all)
			nwb_test_on_all(scene_run, &sc);
		else
			nwb_test_on_sim(scene_run, &sc);
		verdict(&sc);
		nwb_check(!must_hit || sc.hits >= sc.runs);
	}
}

NWB_TEST(fs_smb, clean)
{
	good(&(struct scene){{0}}, true, false);
}

NWB_TEST(fs_smb, reset_before_a_write_is_applied)
{
	for (uint64_t at = 1; at <= 9; at += 8)
		good(&(struct scene){.faults = {.reset_at = at}}, at == 1,
		     true);
}

NWB_TEST(fs_smb, reset_after_a_write_was_applied)
{
	for (uint64_t at = 1; at <= 9; at += 8)
		good(&(struct scene){.faults = {.reset_at = at,
						.reset_after = true}},
		     at == 1, true);
}

NWB_TEST(fs_smb, slow_acks_out_of_order)
{
	good(&(struct scene){.faults = {.ack_delay_ns = 3 * NWB_MSEC,
					.ack_delay_every = 3}},
	     false, true);
}

NWB_TEST(fs_smb, slow_disk_with_interim_responses)
{
	good(&(struct scene){.fake = {.max_credits = 8},
			     .faults = {.park_ns = 2 * NWB_MSEC,
					.scatter_ns = 5 * NWB_MSEC,
					.pending_after_ns = NWB_MSEC}},
	     false, true);
}

NWB_TEST(fs_smb, few_credits)
{
	static const uint32_t max[] = {1, 3, 9};

	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(max); i++)
		good(&(struct scene){.fake = {.max_credits = max[i]}}, i == 0,
		     false);
}

NWB_TEST(fs_smb, famine)
{
	good(&(struct scene){.fake = {.max_credits = 16},
			     .faults = {.withhold = NWB_FAKE_FAMINE,
					.famine_below = 16,
					.famine_hold_ns = 2 * NWB_MSEC}},
	     false, true);
}

NWB_TEST(fs_smb, short_count_is_completed)
{
	good(&(struct scene){.faults = {.short_at = 3, .short_count = 5000}},
	     false, true);
}

NWB_TEST(fs_smb, retryable_status_is_retried)
{
	static const uint32_t codes[] = {
		NWB_STATUS_INSUFFICIENT_RESOURCES,
		NWB_STATUS_IO_TIMEOUT,
		NWB_STATUS_RETRY,
		NWB_STATUS_SERVER_UNAVAILABLE,
		NWB_STATUS_FILE_NOT_AVAILABLE,
		NWB_STATUS_CONNECTION_ABORTED,
		NWB_STATUS_NETWORK_SESSION_EXPIRED,
		NWB_STATUS_USER_SESSION_DELETED,
		NWB_STATUS_NETWORK_NAME_DELETED,
	};

	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(codes); i++)
		good(&(struct scene){.faults = {.fail_at = 2,
						.fail_times = 3,
						.fail_code = codes[i]}},
		     false, true);
}

NWB_TEST(fs_smb, acked_but_unflushed_bytes_survive_a_crash)
{
	good(&(struct scene){.faults = {.crash_at = 7,
					.down_ns = 700 * NWB_MSEC}},
	     false, true);
	good(&(struct scene){.faults = {.crash_at_flush = 1,
					.down_ns = 700 * NWB_MSEC}},
	     false, true);
}

/* --- errors that are told ------------------------------------------------- */

static void body_told_once(struct scene *sc)
{
	fill(sc, 0, FILE_BYTES, 1);
	EXPECT(sc, nwb_file_fsync(sc->f) == -ENOSPC);
	EXPECT(sc, !nwb_file_fsync(sc->f));
	fill(sc, 0, FILE_BYTES, 2);
	EXPECT(sc, !nwb_file_fsync(sc->f));
	EXPECT(sc, durable_is_seen(sc, FILE_BYTES));
}

NWB_TEST(fs_smb, permanent_status_is_told_once)
{
	struct scene sc = {
		.body = body_told_once,
		.faults = {.fail_at = 2, .fail_code = NWB_STATUS_DISK_FULL}};

	nwb_test_on_all(scene_run, &sc);
	verdict(&sc);
}

static void body_away(struct scene *sc)
{
	uint64_t begin;

	fill(sc, 0, FILE_BYTES, 1);
	EXPECT(sc, !nwb_file_fsync(sc->f));
	begin = nwb_now_ns(sc->ex);
	nwb_fake_set_faults(sc->srv,
			    &(struct nwb_fake_faults){.crash_at = 1,
						      .down_ns = 20 * NWB_SEC});
	nwb_fake_crash(sc->srv);
	fill(sc, 0, 5000, 2);
	EXPECT(sc, nwb_file_fsync(sc->f) == -EHOSTDOWN);
	begin = nwb_now_ns(sc->ex) - begin;
	EXPECT(sc, begin >= 3 * NWB_SEC && begin < 8 * NWB_SEC);
	/* back again: what is written now arrives */
	nwb_sleep_until(sc->ex, nwb_now_ns(sc->ex) + 20 * NWB_SEC);
	fill(sc, 0, FILE_BYTES, 3);
	EXPECT(sc, !nwb_file_fsync(sc->f));
	EXPECT(sc, durable_is_seen(sc, FILE_BYTES));
}

NWB_TEST(fs_smb, patience_ends)
{
	struct scene sc = {.body = body_away,
			   .netfs = {.patience_ns = 3 * NWB_SEC}};

	nwb_test_on_sim(scene_run, &sc);
	verdict(&sc);
}

/* It answers and never grants a credit: as good as away. The only credit of a
 * connection goes to the reopening of the file. */
static void body_starved(struct scene *sc)
{
	uint64_t begin = nwb_now_ns(sc->ex);

	nwb_fake_set_faults(sc->srv, &(struct nwb_fake_faults){
					     .withhold = NWB_FAKE_STARVE});
	nwb_fake_reset_all(sc->srv);
	fill(sc, 0, FILE_BYTES, 1);
	EXPECT(sc, nwb_file_fsync(sc->f) == -EHOSTDOWN);
	begin = nwb_now_ns(sc->ex) - begin;
	EXPECT(sc, begin >= 5 * NWB_SEC && begin < 30 * NWB_SEC);
	nwb_fake_set_faults(sc->srv, &(struct nwb_fake_faults){0});
	fill(sc, 0, FILE_BYTES, 2);
	EXPECT(sc, !nwb_file_fsync(sc->f));
	EXPECT(sc, durable_is_seen(sc, FILE_BYTES));
}

NWB_TEST(fs_smb, starvation_ends)
{
	struct scene sc = {.body = body_starved,
			   .fake = {.max_credits = 1},
			   .netfs = {.patience_ns = 5 * NWB_SEC}};

	nwb_test_on_sim(scene_run, &sc);
	verdict(&sc);
}

/* --- the rest of the operations ------------------------------------------- */

static void body_rest(struct scene *sc)
{
	uint8_t *buf = malloc(FILE_BYTES);
	uint64_t size = 0;

	fill(sc, 0, FILE_BYTES, 1);
	EXPECT(sc, !nwb_file_truncate(sc->f, 1000000));
	EXPECT(sc, !nwb_file_fsync(sc->f));
	EXPECT(sc, durable_is_seen(sc, 1000000));
	nwb_fake_reset_all(sc->srv);
	EXPECT(sc, nwb_file_read(sc->f, buf, FILE_BYTES, 10) == 999990);
	EXPECT(sc, !memcmp(buf, sc->seen + 10, 999990));
	nwb_fake_reset_all(sc->srv);
	EXPECT(sc, !nwb_file_truncate(sc->f, 5));
	EXPECT(sc, nwb_fake_get(sc->srv, "f", false, 0, buf, 10, &size) == 5);
	EXPECT(sc, size == 5);
	fill(sc, 5, 100, 4);
	free(buf);
}

NWB_TEST(fs_smb, truncate_and_read_across_resets)
{
	struct scene sc = {.body = body_rest};

	nwb_test_on_all(scene_run, &sc);
	verdict(&sc);
}

/* --- several WRITEs in one frame ------------------------------------------ */

/* Pages here and there. */
static void scatter(struct scene *sc, unsigned int v)
{
	for (uint64_t at = 4096 * (v % 3); at + 9000 < FILE_BYTES; at += 12288)
		fill(sc, at, at + 700 + at % 4000, v);
}

static void body_chained(struct scene *sc)
{
	struct nwb_smb2_stats st;
	struct nwb_netfs_stats ns;

	fill(sc, 0, FILE_BYTES, 1);
	EXPECT(sc, !nwb_file_fsync(sc->f));
	for (unsigned int v = 2; v < 6; v++) {
		scatter(sc, v);
		EXPECT(sc, !nwb_file_fsync(sc->f));
		EXPECT(sc, durable_is_seen(sc, FILE_BYTES));
	}
	nwb_smb2_get_stats(nwb_mount_smb2(sc->mnt), &st);
	nwb_netfs_get_stats(nwb_mount_netfs(sc->mnt), &ns);
	EXPECT(sc, st.nr_chained > 100);
	EXPECT(sc, ns.vectored >= st.nr_chained);
	EXPECT(sc, st.in_flight == 0);
	EXPECT(sc, st.credits_min >= 0);
}

NWB_TEST(fs_smb, several_writes_in_a_frame)
{
	struct scene sc = {.body = body_chained,
			   .netfs = {.vectored = 4, .folio_bytes_max = 8192}};

	nwb_test_on_all(scene_run, &sc);
	verdict(&sc);
}

static void body_chained_resets(struct scene *sc)
{
	fill(sc, 0, FILE_BYTES, 1);
	EXPECT(sc, !nwb_file_fsync(sc->f));
	for (unsigned int v = 2; v < 5; v++) {
		scatter(sc, v);
		EXPECT(sc, !nwb_file_fsync(sc->f));
		EXPECT(sc, durable_is_seen(sc, FILE_BYTES));
	}
}

NWB_TEST(fs_smb, a_frame_of_several_is_cut)
{
	for (unsigned int after = 0; after < 2; after++) {
		struct scene sc = {
			.body = body_chained_resets,
			.netfs = {.vectored = 4, .folio_bytes_max = 8192},
			.faults = {.reset_at = 50, .reset_after = after}};

		nwb_test_on_all(scene_run, &sc);
		verdict(&sc);
		nwb_check(sc.hits > 0);
	}
}

/* Each fits, and all of them do not: the server would hang up. */
static void body_chained_large(struct scene *sc)
{
	struct nwb_smb2_stats st;

	fill(sc, 0, FILE_BYTES, 1);
	EXPECT(sc, !nwb_file_fsync(sc->f));
	for (uint64_t at = 0; at + 20000 < FILE_BYTES; at += 32768)
		fill(sc, at, at + 20000, 2);
	EXPECT(sc, !nwb_file_fsync(sc->f));
	EXPECT(sc, durable_is_seen(sc, FILE_BYTES));
	nwb_smb2_get_stats(nwb_mount_smb2(sc->mnt), &st);
	EXPECT(sc, st.nr_connects == 1);
}

NWB_TEST(fs_smb, a_frame_is_no_larger_than_the_server_takes)
{
	struct scene sc = {.body = body_chained_large,
			   .netfs = {.vectored = 4},
			   .fake = {.max_write = 65536}};

	nwb_test_on_all(scene_run, &sc);
	verdict(&sc);
}

NWB_TEST(fs_smb, several_writes_with_few_credits)
{
	struct scene sc = {.body = body_chained_resets,
			   .netfs = {.vectored = 4, .folio_bytes_max = 8192},
			   .fake = {.max_credits = 40}};

	nwb_test_on_all(scene_run, &sc);
	verdict(&sc);
}
