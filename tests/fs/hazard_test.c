/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the flavours of Linux do over SMB and 9P, on the fake servers: the
 * hazards that lie in the adapters, on and off, and the second identity. (H16:
 * tests/smb2/secure_test.c; the others: tests/netfs/hazard_test.c.)
 */
#include "nwb/fake.h"
#include "nwb/fs.h"
#include "nwb/smb2_pdu.h"
#include "scene.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LEN 400000u

struct scene {
	bool is_9p;
	struct nwb_fake_opts fake;
	struct nwb_fake_faults faults;
	struct nwb_netfs_opts netfs;
	bool has_other;	   /* the second identity reaches this server instead */
	enum nwb_hazard h; /* that may fire */
	bool is_on;
	void (*body)(struct scene *sc);
	struct nwb_netfs_tap tap;
	unsigned int nr_sent;
	unsigned int cut_at; /* reconnect as this WRITE is about to be issued */
	struct nwb_exec *ex;
	struct nwb_fake *srv, *other;
	struct nwb_mount *mnt;
	struct nwb_file *f;
	uint8_t *want;
	const char *wrong;
	int line;
	uint64_t seed;
	unsigned int runs;
};

/* Between the preparation of a write and its issue. */
static void tap_sent(struct nwb_netfs_tap *tap,
		     const struct nwb_io_subrequest *sreq)
{
	struct scene *sc = nwb_container_of(tap, struct scene, tap);
	struct nwb_smb2 *smb2;

	(void)sreq;
	if (++sc->nr_sent != sc->cut_at)
		return;
	smb2 = nwb_mount_smb2(sc->mnt);
	nwb_smb2_disconnect(smb2);
	EXPECT(sc, !nwb_smb2_connect(smb2, NULL));
}

static void mount_scene(struct scene *sc)
{
	struct nwb_smb2_opts smb = {.server_name = "fake", .share = "s"};
	struct nwb_p9_opts p9 = {.aname = "/export", .uname = "root"};
	struct nwb_err err = {0};

	if (sc->is_9p) {
		p9.dialer = nwb_fake_dialer(sc->srv);
		EXPECT(sc, !nwb_mount_9p(sc->ex, &p9, &sc->netfs, &sc->tap,
					 &sc->mnt, &err));
	} else {
		smb.dialer = nwb_fake_dialer(sc->srv);
		EXPECT(sc, !nwb_mount_smb(sc->ex, &smb, &sc->netfs, &sc->tap,
					  &sc->mnt, &err));
	}
	if (!sc->wrong && sc->has_other) {
		smb.dialer = nwb_fake_dialer(sc->other);
		EXPECT(sc, !nwb_mount_add_identity(sc->mnt, &smb, &err));
		EXPECT(sc,
		       nwb_mount_add_identity(sc->mnt, &smb, &err) == -EBUSY);
	}
	if (!sc->wrong)
		EXPECT(sc, !nwb_mount_open(sc->mnt, "f", NWB_O_CREATE, 1,
					   &sc->f, &err));
	if (sc->wrong && err.text[0])
		fprintf(stderr, "%s\n", err.text);
}

static void check_hazards(struct scene *sc)
{
	struct nwb_netfs_stats st;

	nwb_netfs_get_stats(nwb_mount_netfs(sc->mnt), &st);
	for (unsigned int i = 0; i < NWB_NR_HAZARDS; i++)
		EXPECT(sc, !st.hazards_fired[i] || (sc->is_on && i == sc->h));
	EXPECT(sc, !sc->is_on || !sc->h || st.hazards_fired[sc->h]);
}

static void scene_run(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct scene *sc = te->arg;

	if (sc->wrong)
		return;
	sc->ex = te->ex;
	sc->seed = te->seed;
	sc->nr_sent = 0;
	sc->tap.sent = tap_sent;
	sc->want = calloc(1, LEN);
	sc->netfs.cache_bytes = 4 * NWB_MIB;
	sc->netfs.temp_bytes = NWB_MIB;
	sc->netfs.wsize = 65536;
	sc->netfs.dirty_age_ns = 10000 * NWB_SEC;
	sc->netfs.dirty_kick_bytes = 100 * NWB_MIB;
	sc->fake.proto = sc->is_9p ? NWB_FAKE_9P : NWB_FAKE_SMB2;
	EXPECT(sc, !nwb_fake_new(sc->ex, &sc->fake, &sc->srv));
	EXPECT(sc, !nwb_fake_new(sc->ex, &sc->fake, &sc->other));
	EXPECT(sc, !nwb_fake_put(sc->other, "f", "", 0));
	nwb_fake_set_faults(sc->srv, &sc->faults);
	mount_scene(sc);
	if (!sc->wrong) {
		sc->body(sc);
		check_hazards(sc);
		(void)!nwb_mount_close(sc->mnt, sc->f);
		nwb_mount_free(sc->mnt);
	}
	nwb_fake_free(sc->other);
	nwb_fake_free(sc->srv);
	free(sc->want);
	sc->runs++;
}

static void run(struct scene *sc)
{
	nwb_test_on_sim(scene_run, sc);
	SCENE_VERDICT(sc);
}

/* With exactly @h of what @flavour has, and with nothing of it. */
static void both(const struct scene *like, enum nwb_flavour flavour,
		 enum nwb_hazard h)
{
	for (int on = 1; on >= 0; on--) {
		struct scene sc = *like;

		sc.h = h;
		sc.is_on = on;
		sc.netfs.flavour = flavour;
		sc.netfs.no_hazards = NWB_HAZARDS_ALL;
		if (on)
			sc.netfs.no_hazards &= ~NWB_HAZARD_BIT(h);
		run(&sc);
	}
}

static void fill(struct scene *sc, unsigned int v)
{
	for (size_t i = 0; i < LEN; i++)
		sc->want[i] = (uint8_t)(i * 5 + (i >> 10) + 31 * v);
	EXPECT(sc, nwb_file_write(sc->f, sc->want, LEN, 0) == LEN);
}

static bool arrived(struct scene *sc, struct nwb_fake *srv)
{
	uint8_t *buf = malloc(LEN);
	uint64_t size = 0;
	bool ok;

	ok = nwb_fake_get(srv, "f", true, 0, buf, LEN, &size) == LEN &&
	     size == LEN && !memcmp(buf, sc->want, LEN);
	free(buf);
	return ok;
}

static uint64_t nr_writes(struct scene *sc)
{
	struct nwb_fake_stats st;

	nwb_fake_get_stats(sc->srv, &st);
	return st.nr_writes;
}

/* --- H2 ------------------------------------------------------------------- */

static void h2_body(struct scene *sc)
{
	fill(sc, 1);
	EXPECT(sc, nwb_file_fsync(sc->f) == (sc->is_on ? -EAGAIN : 0));
	EXPECT(sc, arrived(sc, sc->srv) == !sc->is_on);
}

NWB_TEST(fs_hazard, h2_an_ill_timed_reconnect_is_permanent)
{
	both(&(struct scene){.body = h2_body,
			     .cut_at = 3,
			     .netfs = {.patience_ns = NWB_NEVER}},
	     NWB_LINUX_7_2, NWB_H2);
}

/* --- H3, H5 --------------------------------------------------------------- */

static void h3_body(struct scene *sc)
{
	fill(sc, 1);
	EXPECT(sc, !nwb_file_fsync(sc->f));
	EXPECT(sc, arrived(sc, sc->srv) == !sc->is_on);
}

/* A short Rwrite, an error for the rest of it, and room again. */
NWB_TEST(fs_hazard, h3_the_rest_goes_to_the_start)
{
	static const struct scene sc = {.is_9p = true,
					.body = h3_body,
					.faults = {.short_at = 2,
						   .short_count = 5000,
						   .fail_at = 3,
						   .fail_code = ENOSPC}};

	both(&sc, NWB_LINUX_6_12, NWB_H3);
	both(&sc, NWB_LINUX_7_2, NWB_H3);
}

static void h5_body(struct scene *sc)
{
	uint64_t nr;

	fill(sc, 1);
	EXPECT(sc, nwb_file_fsync(sc->f) == (sc->is_on ? 0 : -EIO));
	nr = nr_writes(sc);
	/* seven that are needed, and one for each time it got nowhere */
	EXPECT(sc, sc->is_on ? nr == 7 + 500 : nr <= 7);
	EXPECT(sc, arrived(sc, sc->srv) == sc->is_on);
}

NWB_TEST(fs_hazard, h5_a_count_of_0_is_asked_again)
{
	both(&(struct scene){.is_9p = true,
			     .body = h5_body,
			     .faults = {.short_at = 2, .short_times = 500}},
	     NWB_LINUX_7_2, NWB_H5);
}

/* --- H11 ------------------------------------------------------------------ */

struct syncer {
	struct scene *sc;
	int rc;
	bool is_done;
};

static void syncer_main(void *arg)
{
	struct syncer *s = arg;

	s->rc = nwb_file_fsync(s->sc->f);
	s->is_done = true;
}

static void h11_body(struct scene *sc)
{
	struct syncer s = {.sc = sc};
	struct nwb_smb2_stats st;
	struct nwb_task *task;

	nwb_fake_set_faults(sc->srv, &(struct nwb_fake_faults){
					     .withhold = NWB_FAKE_STARVE});
	fill(sc, 1);
	EXPECT(sc, !nwb_task_spawn(sc->ex, "syncer", syncer_main, &s, &task));
	nwb_sleep_until(sc->ex, nwb_now_ns(sc->ex) + 1000 * NWB_SEC);
	/* Half an hour would be the same. */
	EXPECT(sc, s.is_done == !sc->is_on);
	nwb_fake_set_faults(sc->srv, &(struct nwb_fake_faults){0});
	nwb_fake_reset_all(sc->srv);
	nwb_task_join(task);
	EXPECT(sc, s.rc == (sc->is_on ? 0 : -EHOSTDOWN));
	nwb_smb2_get_stats(nwb_mount_smb2(sc->mnt), &st);
	EXPECT(sc, (st.starved_waits != 0) == sc->is_on);
}

NWB_TEST(fs_hazard, h11_without_a_credit_it_waits_for_ever)
{
	for (int on = 1; on >= 0; on--) {
		struct scene sc = {
			.body = h11_body,
			.is_on = on,
			.fake = {.max_credits = 1},
			.netfs = {.patience_ns = 5 * NWB_SEC,
				  .hazards = on ? NWB_HAZARD_BIT(NWB_H11) : 0}};

		run(&sc);
	}
}

/* --- what else the flavours do -------------------------------------------- */

static void clean_body(struct scene *sc)
{
	for (unsigned int v = 1; v < 4; v++) {
		fill(sc, v);
		EXPECT(sc, !nwb_file_fsync(sc->f));
		EXPECT(sc, arrived(sc, sc->srv));
	}
	if (sc->is_9p && sc->netfs.flavour != NWB_STRICT) {
		struct nwb_p9_stats st;

		/* v9fs_issue_write() waits for each */
		nwb_p9_get_stats(nwb_mount_p9(sc->mnt), &st);
		EXPECT(sc, st.tags_max == 1);
	}
}

NWB_TEST(fs_hazard, without_a_fault_all_flavours_are_right)
{
	for (unsigned int i = 0; i < NWB_NR_FLAVOURS * 4; i++) {
		struct scene sc = {
			.body = clean_body,
			.is_9p = i & 1,
			.netfs = {.flavour = (enum nwb_flavour)(i / 4),
				  .mode = i & 2 ? NWB_TEMP_PAGE
						: NWB_IN_PLACE}};

		run(&sc);
	}
}

static void short_body(struct scene *sc)
{
	bool is_lost = sc->netfs.flavour == NWB_LINUX_7_2;

	fill(sc, 1);
	EXPECT(sc, nwb_file_fsync(sc->f) == (is_lost ? -ENOSPC : 0));
	EXPECT(sc, arrived(sc, sc->srv) == !is_lost);
}

NWB_TEST(fs_hazard, smb_short_write_is_a_full_disk_for_7_2)
{
	for (unsigned int i = 0; i < NWB_NR_FLAVOURS; i++) {
		struct scene sc = {
			.body = short_body,
			.faults = {.short_at = 2, .short_count = 5000},
			.netfs = {.flavour = (enum nwb_flavour)i,
				  .no_hazards = NWB_HAZARDS_ALL}};

		run(&sc);
	}
}

static void lost_body(struct scene *sc)
{
	bool is_linux = sc->netfs.flavour != NWB_STRICT;

	fill(sc, 1);
	EXPECT(sc, nwb_file_fsync(sc->f) == (is_linux ? -EIO : 0));
	EXPECT(sc, arrived(sc, sc->srv) == !is_linux);
	fill(sc, 2);
	EXPECT(sc, nwb_file_fsync(sc->f) == (is_linux ? -EIO : 0));
}

NWB_TEST(fs_hazard, p9_connection_stays_lost_in_linux)
{
	for (unsigned int i = 0; i < NWB_NR_FLAVOURS; i++) {
		struct scene sc = {.is_9p = true,
				   .body = lost_body,
				   .faults = {.reset_at = 3},
				   .netfs = {.flavour = (enum nwb_flavour)i,
					     .no_hazards = NWB_HAZARDS_ALL}};

		run(&sc);
	}
}

/* --- the second identity -------------------------------------------------- */

static void identity_body(struct scene *sc)
{
	struct nwb_netfs_stats st;

	fill(sc, 1);
	EXPECT(sc, nwb_file_fsync(sc->f) == (sc->has_other ? 0 : -EACCES));
	EXPECT(sc, arrived(sc, sc->other) == sc->has_other);
	nwb_netfs_get_stats(nwb_mount_netfs(sc->mnt), &st);
	EXPECT(sc, st.rotations == sc->has_other);
	/* it stays with the one that may write */
	fill(sc, 2);
	EXPECT(sc, nwb_file_fsync(sc->f) == (sc->has_other ? 0 : -EACCES));
	EXPECT(sc, arrived(sc, sc->other) == sc->has_other);
}

/* What the first one wrote before it was refused is sent again by the other:
 * only that one's flush counts. (The two servers are one in real life.) */
NWB_TEST(fs_hazard, item4_another_identity_writes_where_the_first_may_not)
{
	for (unsigned int i = 0; i < 4; i++) {
		struct scene sc = {
			.body = identity_body,
			.has_other = i & 1,
			.faults = {.fail_at = i & 2 ? 3 : 1,
				   .fail_times = 1000,
				   .fail_code = NWB_STATUS_ACCESS_DENIED}};

		run(&sc);
	}
}

static void refused_body(struct scene *sc)
{
	nwb_fake_set_faults(sc->other,
			    &(struct nwb_fake_faults){
				    .fail_at = 1,
				    .fail_times = 1000,
				    .fail_code = NWB_STATUS_ACCESS_DENIED});
	fill(sc, 1);
	EXPECT(sc, nwb_file_fsync(sc->f) == -EACCES);
	EXPECT(sc, !nwb_file_fsync(sc->f));
}

NWB_TEST(fs_hazard, item4_when_both_identities_are_refused_it_is_told)
{
	struct scene sc = {.body = refused_body,
			   .has_other = true,
			   .faults = {.fail_at = 1,
				      .fail_times = 1000,
				      .fail_code = NWB_STATUS_ACCESS_DENIED}};

	run(&sc);
}

/* The server of the second user is away when the first is refused. */
static void away_body(struct scene *sc)
{
	const struct nwb_fake_faults down = {.down_ns = 4 * NWB_SEC};
	struct nwb_netfs_stats st;
	uint64_t begin = nwb_now_ns(sc->ex);

	nwb_fake_set_faults(sc->other, &down);
	nwb_fake_crash(sc->other);
	fill(sc, 1);
	EXPECT(sc, !nwb_file_fsync(sc->f));
	EXPECT(sc, nwb_now_ns(sc->ex) - begin >= down.down_ns);
	EXPECT(sc, arrived(sc, sc->other));
	nwb_netfs_get_stats(nwb_mount_netfs(sc->mnt), &st);
	EXPECT(sc, st.rotations == 1);
	/* And when it has taken over, with bytes that were acked and are lost. */
	begin = nwb_now_ns(sc->ex);
	fill(sc, 2);
	EXPECT(sc, !nwb_file_flush(sc->f));
	nwb_fake_crash(sc->other);
	EXPECT(sc, !nwb_file_fsync(sc->f));
	EXPECT(sc, nwb_now_ns(sc->ex) - begin >= down.down_ns);
	EXPECT(sc, arrived(sc, sc->other));
	nwb_netfs_get_stats(nwb_mount_netfs(sc->mnt), &st);
	EXPECT(sc, st.rotations == 1);
}

NWB_TEST(fs_hazard, item4_the_other_identity_is_waited_for)
{
	struct scene sc = {.body = away_body,
			   .has_other = true,
			   .faults = {.fail_at = 2,
				      .fail_times = 1000,
				      .fail_code = NWB_STATUS_ACCESS_DENIED}};

	run(&sc);
}

/* For ever: the application is told, and that the first was refused. */
static void gone_body(struct scene *sc)
{
	struct nwb_netfs_stats st;

	nwb_fake_set_faults(sc->other, &(struct nwb_fake_faults){
					       .down_ns = 10000 * NWB_SEC});
	nwb_fake_crash(sc->other);
	fill(sc, 1);
	EXPECT(sc, nwb_file_fsync(sc->f) == -EACCES);
	nwb_netfs_get_stats(nwb_mount_netfs(sc->mnt), &st);
	EXPECT(sc, !st.rotations);
	EXPECT(sc, !nwb_file_fsync(sc->f));
}

NWB_TEST(fs_hazard, item4_another_identity_that_stays_away_is_told)
{
	struct scene sc = {.body = gone_body,
			   .has_other = true,
			   .faults = {.fail_at = 1,
				      .fail_times = 10000,
				      .fail_code = NWB_STATUS_ACCESS_DENIED}};

	run(&sc);
}
