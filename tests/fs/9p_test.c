/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netfs over the 9P client over a fake diod: fsync says the truth about what a
 * crash would leave on the server, errors are told once, patience ends when it
 * should, and a reconnect is fenced by settling.
 */
#include "nwb/fake.h"
#include "nwb/fs.h"
#include "nwb/netfs_fs.h"
#include "nwb/wait.h"
#include "scene.h"

#include <stdlib.h>
#include <string.h>

#define FILE_BYTES (1u * 1024 * 1024 + 4099)

/**
 * struct scene - options of server, client and netfs, and what to do.
 * @second: a second server, reached by every dial but the first; it has the
 *	file too unless @is_second_empty
 * @want: the file as the test wrote it
 */
struct scene {
	struct nwb_fake_opts fake;
	struct nwb_fake_opts second_opts;
	bool has_second;
	bool is_second_empty;
	struct nwb_fake_faults faults;
	struct nwb_p9_opts p9;
	struct nwb_netfs_opts netfs;
	void (*body)(struct scene *sc);
	struct nwb_dialer dialer;
	unsigned int nr_dials;
	unsigned int nr_absent; /* dials that fail first */
	int absence;		/* with this */
	struct nwb_netfs_tap tap;
	unsigned int nr_gaveup, nr_refused;
	struct nwb_exec *ex;
	struct nwb_fake *srv, *second;
	struct nwb_mount *mnt;
	struct nwb_file *f;
	uint8_t *want;
	const char *wrong;
	int line;
	uint64_t seed;
	unsigned int runs;
	uint64_t hits; /* faults that fired, in all runs */
};

static int dial(struct nwb_dialer *d, struct nwb_exec *ex,
		struct nwb_sock **ret_sock, struct nwb_err *err)
{
	struct scene *sc = nwb_container_of(d, struct scene, dialer);
	struct nwb_dialer *to = nwb_fake_dialer(
		sc->nr_dials && sc->second ? sc->second : sc->srv);

	sc->nr_dials++;
	if (sc->nr_dials <= sc->nr_absent)
		return nwb_err_set(err, sc->absence, "not up yet");
	return to->dial(to, ex, ret_sock, err);
}

static void tap_gaveup(struct nwb_netfs_tap *tap, uint32_t inode_id,
		       const struct nwb_io_subrequest *sreq, int error)
{
	struct scene *sc = nwb_container_of(tap, struct scene, tap);

	(void)inode_id;
	(void)error;
	sc->nr_gaveup++;
	sc->nr_refused += sreq->is_refused;
}

static void start_servers(struct scene *sc)
{
	sc->fake.proto = NWB_FAKE_9P;
	EXPECT(sc, !nwb_fake_new(sc->ex, &sc->fake, &sc->srv));
	sc->second = NULL;
	if (sc->has_second) {
		sc->second_opts.proto = NWB_FAKE_9P;
		EXPECT(sc,
		       !nwb_fake_new(sc->ex, &sc->second_opts, &sc->second));
		if (!sc->is_second_empty)
			EXPECT(sc, !nwb_fake_put(sc->second, "f", "", 0));
	}
	nwb_fake_set_faults(sc->srv, &sc->faults);
}

static void end_server(struct scene *sc, struct nwb_fake *srv)
{
	struct nwb_fake_stats st;

	if (!srv)
		return;
	nwb_fake_get_stats(srv, &st);
	if (st.nr_violations && !sc->wrong) {
		sc->wrong = st.last_violation;
		sc->line = 0;
	}
	sc->hits += st.nr_faults;
	nwb_fake_free(srv);
}

static void scene_run(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct scene *sc = te->arg;
	struct nwb_err err = {0};

	if (sc->wrong)
		return;
	sc->ex = te->ex;
	sc->seed = te->seed;
	sc->nr_dials = 0;
	sc->f = NULL;
	sc->want = calloc(1, FILE_BYTES);
	start_servers(sc);
	sc->dialer.dial = dial;
	sc->p9.dialer = &sc->dialer;
	sc->p9.aname = "/export";
	sc->p9.uname = "root";
	/* the defaults are faulted in, in each of many runs */
	sc->netfs.cache_bytes = 8 * NWB_MIB;
	sc->netfs.temp_bytes = 2 * NWB_MIB;
	sc->tap.gaveup = tap_gaveup;
	EXPECT(sc, !nwb_mount_9p(sc->ex, &sc->p9, &sc->netfs, &sc->tap,
				 &sc->mnt, &err));
	EXPECT(sc,
	       !nwb_mount_open(sc->mnt, "f", NWB_O_CREATE, 1, &sc->f, &err));
	if (sc->wrong && err.text[0])
		fprintf(stderr, "%s\n", err.text);
	if (!sc->wrong) {
		sc->body(sc);
		if (sc->f)
			EXPECT(sc, !nwb_mount_close(sc->mnt, sc->f));
		nwb_mount_free(sc->mnt);
	}
	end_server(sc, sc->srv);
	end_server(sc, sc->second);
	free(sc->want);
	sc->runs++;
}

static void verdict(const struct scene *sc)
{
	SCENE_VERDICT(sc);
}

/* In pieces of odd sizes; @v: which of the versions of each byte. */
static void fill(struct scene *sc, uint64_t from, uint64_t to, unsigned int v)
{
	while (from < to) {
		size_t n = nwb_min((size_t)(to - from), (size_t)50021);

		for (size_t i = 0; i < n; i++)
			sc->want[from + i] = (uint8_t)((from + i) * 5 +
						       (from >> 10) + 31 * v);
		EXPECT(sc, nwb_file_write(sc->f, sc->want + from, n, from) ==
				   (ssize_t)n);
		from += n;
	}
}

static bool content_is(struct scene *sc, struct nwb_fake *srv, bool is_durable,
		       uint64_t size)
{
	uint8_t *buf = malloc(size + 1);
	uint64_t have = 0;
	bool ok;

	ok = nwb_fake_get(srv, "f", is_durable, 0, buf, size, &have) ==
		     (ssize_t)size &&
	     have == size && !memcmp(buf, sc->want, size);
	free(buf);
	return ok;
}

/* Write, fsync, write some of it again, fsync. */
static void body_good(struct scene *sc)
{
	struct nwb_fake *srv;

	fill(sc, 0, FILE_BYTES, 1);
	EXPECT(sc, !nwb_file_fsync(sc->f));
	srv = sc->second ? sc->second : sc->srv;
	EXPECT(sc, content_is(sc, srv, true, FILE_BYTES));
	fill(sc, 100000, 500000, 2);
	fill(sc, 800001, 800004, 3);
	EXPECT(sc, !nwb_file_fsync(sc->f));
	EXPECT(sc, content_is(sc, srv, true, FILE_BYTES));
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

NWB_TEST(fs_9p, clean)
{
	good(&(struct scene){{0}}, true, false);
}

NWB_TEST(fs_9p, reset_before_a_write_is_applied)
{
	for (uint64_t at = 1; at <= 11; at += 5)
		good(&(struct scene){.faults = {.reset_at = at}}, at == 1,
		     true);
}

NWB_TEST(fs_9p, reset_after_a_write_was_applied)
{
	for (uint64_t at = 1; at <= 11; at += 5)
		good(&(struct scene){.faults = {.reset_at = at,
						.reset_after = true}},
		     at == 1, true);
}

NWB_TEST(fs_9p, slow_acks_out_of_order)
{
	good(&(struct scene){.faults = {.ack_delay_ns = 3 * NWB_MSEC,
					.ack_delay_every = 3}},
	     false, true);
}

NWB_TEST(fs_9p, one_tag_is_enough)
{
	good(&(struct scene){.p9 = {.max_tags = 1}}, false, false);
}

/* The rest of a short write goes behind what was taken, not over it (the
 * kernel sends it to the start of the subrequest again). */
NWB_TEST(fs_9p, short_count_is_completed)
{
	good(&(struct scene){.faults = {.short_at = 3, .short_count = 5000}},
	     false, true);
}

NWB_TEST(fs_9p, errors_that_say_try_again_are_retried)
{
	good(&(struct scene){.faults = {.fail_at = 2,
					.fail_times = 3,
					.fail_code = EAGAIN}},
	     false, true);
	good(&(struct scene){.faults = {.fail_at = 2,
					.fail_times = 3,
					.fail_code = EINTR}},
	     false, true);
}

NWB_TEST(fs_9p, acked_but_unflushed_bytes_survive_a_crash)
{
	good(&(struct scene){.faults = {.crash_at = 7,
					.down_ns = 700 * NWB_MSEC}},
	     false, true);
	good(&(struct scene){.faults = {.crash_at_flush = 1,
					.down_ns = 700 * NWB_MSEC}},
	     false, true);
}

/* A write that is answered too late is cancelled and sent again. */
NWB_TEST(fs_9p, a_late_write_is_cancelled_and_retried)
{
	good(&(struct scene){.p9 = {.timeout_ns = NWB_SEC},
			     .faults = {.park_at = 3,
					.park_ns = 1500 * NWB_MSEC}},
	     false, true);
}

/* Reconnected to a server that takes an eighth of what the first one took:
 * everything that was not flushed is sent again, in smaller writes. */
NWB_TEST(fs_9p, a_reconnect_may_lower_msize)
{
	good(&(struct scene){.has_second = true,
			     .second_opts = {.msize = 8192},
			     .faults = {.reset_at = 9}},
	     false, true);
}

/* --- errors that are told --------------------------------------------------
 */

static void body_told_once(struct scene *sc)
{
	int want = -(int)sc->faults.fail_code;

	fill(sc, 0, FILE_BYTES, 1);
	EXPECT(sc, nwb_file_fsync(sc->f) == want);
	EXPECT(sc, !nwb_file_fsync(sc->f));
	fill(sc, 0, FILE_BYTES, 2);
	EXPECT(sc, !nwb_file_fsync(sc->f));
	EXPECT(sc, content_is(sc, sc->srv, true, FILE_BYTES));
	EXPECT(sc, sc->nr_dials == 1);
}

NWB_TEST(fs_9p, permanent_errors_are_told_once)
{
	static const uint32_t codes[] = {ENOSPC, EIO, EDQUOT, ECONNABORTED,
					 ETIMEDOUT};

	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(codes); i++) {
		struct scene sc = {
			.body = body_told_once,
			.faults = {.fail_at = 2, .fail_code = codes[i]}};

		nwb_test_on_sim(scene_run, &sc);
		verdict(&sc);
	}
}

static void body_flush_fails(struct scene *sc)
{
	fill(sc, 0, FILE_BYTES, 1);
	EXPECT(sc, nwb_file_fsync(sc->f) == -EIO);
	fill(sc, 0, FILE_BYTES, 2);
	EXPECT(sc, !nwb_file_fsync(sc->f));
	EXPECT(sc, content_is(sc, sc->srv, true, FILE_BYTES));
}

NWB_TEST(fs_9p, an_error_of_tfsync_is_told)
{
	struct scene sc = {
		.body = body_flush_fails,
		.faults = {.flush_fail_at = 1, .flush_fail_code = EIO}};

	nwb_test_on_sim(scene_run, &sc);
	verdict(&sc);
}

/* --- patience ---------------------------------------------------------------
 */

#define PATIENCE (3 * NWB_SEC)

static void body_away(struct scene *sc)
{
	uint64_t begin;
	unsigned int dials;

	fill(sc, 0, FILE_BYTES, 1);
	EXPECT(sc, !nwb_file_fsync(sc->f));
	nwb_fake_set_faults(sc->srv,
			    &(struct nwb_fake_faults){.down_ns = 20 * NWB_SEC});
	begin = nwb_now_ns(sc->ex);
	dials = sc->nr_dials;
	nwb_fake_crash(sc->srv);
	fill(sc, 0, 200000, 2); /* several subrequests, one measure */
	EXPECT(sc, nwb_file_fsync(sc->f) == -EHOSTDOWN);
	begin = nwb_now_ns(sc->ex) - begin;
	EXPECT(sc, begin >= PATIENCE && begin < PATIENCE + 2 * NWB_SEC);
	/* 10 ms doubling to 500 ms */
	EXPECT(sc, sc->nr_dials - dials > 6 && sc->nr_dials - dials < 30);
	nwb_sleep_until(sc->ex, nwb_now_ns(sc->ex) + 20 * NWB_SEC);
	fill(sc, 0, FILE_BYTES, 3);
	EXPECT(sc, !nwb_file_fsync(sc->f));
	EXPECT(sc, content_is(sc, sc->srv, true, FILE_BYTES));
}

NWB_TEST(fs_9p, patience_ends)
{
	struct scene sc = {.body = body_away,
			   .netfs = {.patience_ns = PATIENCE}};

	nwb_test_on_sim(scene_run, &sc);
	verdict(&sc);
}

/* Away for almost as long, twice, with nobody asking in between: it was never
 * known to be away for longer than patience. */
static void body_away_twice(struct scene *sc)
{
	int i;

	fill(sc, 0, 100000, 1);
	EXPECT(sc, !nwb_file_fsync(sc->f));
	for (i = 2; i < 5; i++) {
		nwb_fake_set_faults(sc->srv,
				    &(struct nwb_fake_faults){
					    .down_ns = PATIENCE - NWB_SEC});
		nwb_fake_crash(sc->srv);
		fill(sc, 0, 100000, (unsigned int)i);
		EXPECT(sc, !nwb_file_fsync(sc->f));
		EXPECT(sc, content_is(sc, sc->srv, true, 100000));
	}
}

NWB_TEST(fs_9p, patience_begins_anew)
{
	struct scene sc = {.body = body_away_twice,
			   .netfs = {.patience_ns = PATIENCE}};

	nwb_test_on_sim(scene_run, &sc);
	verdict(&sc);
}

static void body_hard(struct scene *sc)
{
	uint64_t begin = nwb_now_ns(sc->ex);

	nwb_fake_set_faults(
		sc->srv, &(struct nwb_fake_faults){.down_ns = 600 * NWB_SEC});
	nwb_fake_crash(sc->srv);
	/* what was created and never flushed is gone with the crash */
	EXPECT(sc, !nwb_fake_put(sc->srv, "f", "", 0));
	fill(sc, 0, FILE_BYTES, 1);
	EXPECT(sc, !nwb_file_fsync(sc->f));
	EXPECT(sc, content_is(sc, sc->srv, true, FILE_BYTES));
	EXPECT(sc, nwb_now_ns(sc->ex) >= begin + 600 * NWB_SEC);
}

NWB_TEST(fs_9p, a_hard_mount_waits)
{
	struct scene sc = {.body = body_hard,
			   .netfs = {.patience_ns = NWB_NEVER}};

	nwb_test_on_sim(scene_run, &sc);
	verdict(&sc);
}

static void body_gone(struct scene *sc)
{
	fill(sc, 0, 100000, 1);
	nwb_fake_reset_all(sc->srv);
	EXPECT(sc, nwb_file_fsync(sc->f) == -ENOENT);
	EXPECT(sc, sc->nr_dials == 2);
	/* no WRITE was answered, but a refusal it is: O15 */
	EXPECT(sc, sc->nr_gaveup && sc->nr_refused == sc->nr_gaveup);
}

/* The server that is reached by then does not have it. */
NWB_TEST(fs_9p, a_file_that_is_gone_is_told_at_once)
{
	struct scene sc = {.body = body_gone,
			   .has_second = true,
			   .is_second_empty = true,
			   .netfs = {.patience_ns = NWB_NEVER,
				     .dirty_kick_bytes = 1u << 30,
				     .dirty_age_ns = 3600 * NWB_SEC}};

	nwb_test_on_sim(scene_run, &sc);
	verdict(&sc);
}

/* --- the fence ---------------------------------------------------------------
 */

/*
 * diod's hazard: write A runs on the server when the connection is lost; after
 * the reconnect B, newer, is written to the same place and acked; then A lands.
 * With settling longer than A is parked, B is sent after A has landed.
 */
static void fence(struct scene *sc, bool is_fenced)
{
	uint64_t park = 1500 * NWB_MSEC;

	fill(sc, 0, 4096, 1);
	EXPECT(sc, !nwb_file_fsync(sc->f));
	nwb_fake_set_faults(sc->srv, &(struct nwb_fake_faults){
					     .park_at = 2, .park_ns = park});
	fill(sc, 0, 4096, 2); /* A */
	nwb_file_writeback(sc->f);
	nwb_sleep_until(sc->ex, nwb_now_ns(sc->ex) + 100 * NWB_MSEC);
	nwb_fake_reset_all(sc->srv);
	fill(sc, 0, 4096, 3); /* B */
	EXPECT(sc, !nwb_file_fsync(sc->f));
	EXPECT(sc, content_is(sc, sc->srv, true, 4096));
	nwb_sleep_until(sc->ex, nwb_now_ns(sc->ex) + 2 * park);
	EXPECT(sc, content_is(sc, sc->srv, false, 4096) == is_fenced);
}

static void body_fenced(struct scene *sc)
{
	fence(sc, true);
}

static void body_unfenced(struct scene *sc)
{
	fence(sc, false);
}

NWB_TEST(fs_9p, settling_fences_what_the_server_still_runs)
{
	struct scene sc = {.body = body_fenced,
			   .p9 = {.settle_ns = 2 * NWB_SEC}};

	nwb_test_on_sim(scene_run, &sc);
	verdict(&sc);
	nwb_check(sc.hits >= sc.runs);
}

NWB_TEST(fs_9p, without_settling_the_hazard_is_there)
{
	struct scene sc = {.body = body_unfenced};

	nwb_test_on_sim(scene_run, &sc);
	verdict(&sc);
	nwb_check(sc.hits >= sc.runs);
}

/* --- the rest of the operations ----------------------------------------------
 */

static void body_rest(struct scene *sc)
{
	uint8_t *buf = malloc(FILE_BYTES);
	uint64_t size = 0;

	fill(sc, 0, FILE_BYTES, 1);
	EXPECT(sc, !nwb_file_truncate(sc->f, 700000));
	EXPECT(sc, !nwb_file_fsync(sc->f));
	EXPECT(sc, content_is(sc, sc->srv, true, 700000));
	nwb_fake_reset_all(sc->srv);
	EXPECT(sc, nwb_file_read(sc->f, buf, FILE_BYTES, 10) == 699990);
	EXPECT(sc, !memcmp(buf, sc->want + 10, 699990));
	nwb_fake_reset_all(sc->srv);
	EXPECT(sc, !nwb_file_truncate(sc->f, 5));
	EXPECT(sc, nwb_fake_get(sc->srv, "f", false, 0, buf, 10, &size) == 5);
	EXPECT(sc, size == 5);
	free(buf);
}

NWB_TEST(fs_9p, truncate_and_read_across_resets)
{
	struct scene sc = {.body = body_rest};

	nwb_test_on_all(scene_run, &sc);
	verdict(&sc);
}

/* 9P does not flush on close, but what is dirty is written before the fid
 * goes, and the next open sees it on the server. */
static void body_close(struct scene *sc)
{
	uint8_t *buf = calloc(1, FILE_BYTES);

	fill(sc, 0, FILE_BYTES, 1);
	nwb_fake_reset_all(sc->srv);
	EXPECT(sc, !nwb_mount_close(sc->mnt, sc->f));
	sc->f = NULL;
	EXPECT(sc, content_is(sc, sc->srv, false, FILE_BYTES));
	EXPECT(sc, !nwb_mount_open(sc->mnt, "f", 0, 1, &sc->f, NULL));
	EXPECT(sc, nwb_file_read(sc->f, buf, FILE_BYTES, 0) == FILE_BYTES);
	EXPECT(sc, !memcmp(buf, sc->want, FILE_BYTES));
	free(buf);
}

NWB_TEST(fs_9p, close_leaves_nothing_behind)
{
	struct scene sc = {.body = body_close};

	nwb_test_on_all(scene_run, &sc);
	verdict(&sc);
}

/* Opening, too, waits for a server that is away; and O_EXCL is asked once. */
static void body_open_away(struct scene *sc)
{
	struct nwb_file *f = NULL;
	uint64_t begin = nwb_now_ns(sc->ex);

	nwb_fake_set_faults(sc->srv,
			    &(struct nwb_fake_faults){.down_ns = NWB_SEC});
	EXPECT(sc, !nwb_fake_put(sc->srv, "f", "", 0));
	nwb_fake_crash(sc->srv);
	EXPECT(sc, !nwb_mount_open(sc->mnt, "g", NWB_O_CREATE | NWB_O_EXCL, 2,
				   &f, NULL));
	EXPECT(sc, nwb_now_ns(sc->ex) >= begin + NWB_SEC);
	if (f)
		EXPECT(sc, !nwb_mount_close(sc->mnt, f));
	EXPECT(sc, nwb_mount_open(sc->mnt, "g", NWB_O_CREATE | NWB_O_EXCL, 2,
				  &f, NULL) == -EEXIST);
	EXPECT(sc, nwb_mount_open(sc->mnt, "h", 0, 3, &f, NULL) == -ENOENT);
}

NWB_TEST(fs_9p, open_waits_and_is_refused)
{
	struct scene sc = {.body = body_open_away};

	nwb_test_on_sim(scene_run, &sc);
	verdict(&sc);
}

/* A mount waits for a server that is only just coming up. */
static void body_none(struct scene *sc)
{
	EXPECT(sc, sc->nr_dials == sc->nr_absent + 1);
}

NWB_TEST(fs_9p, a_mount_waits_for_its_server)
{
	struct scene sc = {
		.body = body_none, .nr_absent = 5, .absence = -ECONNREFUSED};

	nwb_test_on_sim(scene_run, &sc);
	verdict(&sc);
}

/* And not for ever, and not for one that refuses. */
static void mount_run(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct scene *sc = te->arg;
	uint64_t begin = nwb_now_ns(te->ex);
	struct nwb_mount *mnt;
	struct nwb_err err = {0};

	sc->ex = te->ex;
	sc->nr_dials = 0;
	sc->nr_absent = UINT32_MAX;
	sc->absence = -ECONNREFUSED;
	sc->dialer.dial = dial;
	sc->srv = sc->second = NULL;
	start_servers(sc);
	sc->p9 = (struct nwb_p9_opts){
		.dialer = &sc->dialer, .aname = "/export", .uname = "root"};
	sc->netfs = (struct nwb_netfs_opts){.cache_bytes = 8 * NWB_MIB,
					    .patience_ns = PATIENCE};
	EXPECT(sc, nwb_mount_9p(sc->ex, &sc->p9, &sc->netfs, NULL, &mnt,
				&err) == -EHOSTDOWN);
	EXPECT(sc, strstr(err.text, "not up yet"));
	EXPECT(sc, nwb_now_ns(sc->ex) >= begin + PATIENCE);
	sc->nr_dials = 0;
	sc->absence = -EACCES;
	EXPECT(sc, nwb_mount_9p(sc->ex, &sc->p9, &sc->netfs, NULL, &mnt,
				&err) == -EACCES);
	EXPECT(sc, sc->nr_dials == 1);
	end_server(sc, sc->srv);
	sc->runs++;
}

NWB_TEST(fs_9p, a_mount_gives_up)
{
	struct scene sc = {.runs = 0};

	nwb_test_on_sim(mount_run, &sc);
	verdict(&sc);
}
