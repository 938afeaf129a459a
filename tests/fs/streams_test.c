/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Behaviour 2 on a mount: a local cache in files, a second server as a mirror.
 * Fake servers; what is on each is read there. */
#include "nwb/cache.h"
#include "nwb/fake.h"
#include "nwb/fs.h"
#include "nwb/mem.h"
#include "nwb_test_exec.h"

#include <stdlib.h>
#include <string.h>

#define FILE_BYTES (500000u)

struct scene {
	void (*body)(struct scene *sc);
	enum nwb_wb_mode mode;
	enum nwb_flavour flavour;
	uint32_t hazards, no_hazards;
	size_t short_bytes;
	bool is_damaged; /* expected */
	struct nwb_exec *ex;
	struct nwb_fake *srv[2];
	struct nwb_mount *mnt[2];
	struct nwb_cache *cache;
	struct nwb_file *f;
	uint8_t *bytes;
	uint8_t *back;
	unsigned int runs;
};

static struct nwb_mount *mount_on(struct scene *sc, struct nwb_fake *srv)
{
	struct nwb_smb2_opts so = {.dialer = nwb_fake_dialer(srv),
				   .server_name = "fake",
				   .share = "s"};
	struct nwb_netfs_opts no = {.mode = sc->mode,
				    .cache_bytes = 3 * NWB_MIB,
				    .temp_bytes = NWB_MIB,
				    .flavour = sc->flavour,
				    .hazards = sc->hazards,
				    .no_hazards = sc->no_hazards,
				    .wsize = 100000};
	struct nwb_mount *mnt = NULL;
	struct nwb_err err = {0};

	no.patience_ns = 500 * NWB_MSEC;
	nwb_check_eq(nwb_mount_smb(sc->ex, &so, &no, NULL, &mnt, &err), 0);
	return mnt;
}

static void scene_run(void *arg)
{
	struct nwb_test_exec *te = arg;
	struct scene *sc = te->arg;
	struct nwb_cache_opts co = {.dir = "/tmp",
				    .short_bytes = sc->short_bytes};
	struct nwb_fake_opts fo = {0};
	struct nwb_err err = {0};

	sc->ex = te->ex;
	sc->runs++;
	sc->bytes = malloc(FILE_BYTES);
	sc->back = malloc(FILE_BYTES);
	nwb_check(sc->bytes && sc->back);
	for (unsigned int i = 0; i < FILE_BYTES; i++)
		sc->bytes[i] = (uint8_t)(i * 7 + (i >> 9));
	for (unsigned int i = 0; i < 2; i++) {
		nwb_check_eq(nwb_fake_new(sc->ex, &fo, &sc->srv[i]), 0);
		sc->mnt[i] = mount_on(sc, sc->srv[i]);
	}
	nwb_check_eq(nwb_cache_new(sc->ex, &co, &sc->cache, &err), 0);
	sc->body(sc);
	nwb_check_eq(nwb_mount_close(sc->mnt[0], sc->f), 0);
	for (unsigned int i = 0; i < 2; i++)
		nwb_mount_free(sc->mnt[i]);
	nwb_cache_free(sc->cache);
	for (unsigned int i = 0; i < 2; i++)
		nwb_fake_free(sc->srv[i]);
	free(sc->bytes);
	free(sc->back);
}

static void open_file(struct scene *sc)
{
	struct nwb_err err = {0};

	nwb_check_eq(
		nwb_mount_open(sc->mnt[0], "f", NWB_O_CREATE, 1, &sc->f, &err),
		0);
}

static void write_all(struct scene *sc)
{
	for (unsigned int i = 0; i < FILE_BYTES; i += 12345) {
		size_t n = nwb_min(12345u, FILE_BYTES - i);

		nwb_check_eq(nwb_file_write(sc->f, sc->bytes + i, n, i), n);
	}
}

static void check_server(struct scene *sc, unsigned int nr)
{
	uint64_t size = 0;

	nwb_check_eq(nwb_fake_get(sc->srv[nr], "f", true, 0, sc->back,
				  FILE_BYTES, &size),
		     FILE_BYTES);
	nwb_check_eq(size, FILE_BYTES);
	nwb_check(!memcmp(sc->back, sc->bytes, FILE_BYTES));
}

static void cache_body(struct scene *sc)
{
	struct nwb_cache_stats st;
	struct nwb_inode *inode;

	nwb_mount_use_cache(sc->mnt[0], sc->cache);
	open_file(sc);
	write_all(sc);
	nwb_check_eq(nwb_file_fsync(sc->f), 0);
	check_server(sc, 0);
	nwb_cache_get_stats(sc->cache, &st);
	nwb_check_eq(st.present_bytes, (FILE_BYTES + 4095) / 4096 * 4096);
	nwb_check_eq(st.mis, 0);
	nwb_check_eq(st.reads, 0);
	/* The page cache forgets: it is read from the local cache. */
	inode = nwb_file_inode(sc->f);
	nwb_inode_set_caching(inode, NWB_MAY_READ);
	nwb_check_eq(nwb_inode_break(inode, 0), 0);
	nwb_check_eq(nwb_file_read(sc->f, sc->back, FILE_BYTES, 0), FILE_BYTES);
	nwb_check(!memcmp(sc->back, sc->bytes, FILE_BYTES));
	nwb_cache_get_stats(sc->cache, &st);
	nwb_check(st.read_bytes >= FILE_BYTES);
	/* Direct, past it: what it has is not used any more. */
	nwb_file_set_flags(sc->f, NWB_F_DIRECT);
	memset(sc->bytes + 8192, 0x5a, 4096);
	nwb_check_eq(nwb_file_write(sc->f, sc->bytes + 8192, 4096, 8192), 4096);
	nwb_check_eq(nwb_file_read(sc->f, sc->back, FILE_BYTES, 0), FILE_BYTES);
	nwb_check(!memcmp(sc->back, sc->bytes, FILE_BYTES));
	nwb_check_eq(nwb_file_fsync(sc->f), 0);
	check_server(sc, 0);
}

NWB_TEST(fs_streams, item2_a_cache_in_files)
{
	struct scene sc = {.body = cache_body};

	nwb_test_on_all(scene_run, &sc);
	sc.mode = NWB_TEMP_PAGE;
	nwb_test_on_all(scene_run, &sc);
	nwb_check(sc.runs > 2);
}

/* Everything goes to the server as it should; one write to the cache's file
 * stops within a block, and what is left of it begins there. */
static void h8_body(struct scene *sc)
{
	struct nwb_netfs_stats st;
	struct nwb_cache_stats cs;
	struct nwb_inode *inode;

	nwb_mount_use_cache(sc->mnt[0], sc->cache);
	open_file(sc);
	write_all(sc);
	nwb_check_eq(nwb_file_fsync(sc->f), 0);
	check_server(sc, 0);
	nwb_cache_get_stats(sc->cache, &cs);
	nwb_check_eq(cs.nr_short, 1);
	nwb_netfs_get_stats(nwb_mount_netfs(sc->mnt[0]), &st);
	nwb_check((st.hazards_fired[NWB_H8] != 0) == sc->is_damaged);
	inode = nwb_file_inode(sc->f);
	nwb_inode_set_caching(inode, NWB_MAY_READ);
	nwb_check_eq(nwb_inode_break(inode, 0), 0);
	nwb_check_eq(nwb_file_read(sc->f, sc->back, FILE_BYTES, 0), FILE_BYTES);
	nwb_check(!memcmp(sc->back, sc->bytes, FILE_BYTES) == !sc->is_damaged);
	nwb_cache_get_stats(sc->cache, &cs);
	nwb_check(cs.read_bytes > FILE_BYTES / 2);
}

NWB_TEST(fs_streams, h8_the_cache_has_bytes_of_another_offset)
{
	struct scene sc = {.body = h8_body, .short_bytes = 4096 + 512};
	const uint32_t h8 = NWB_HAZARD_BIT(NWB_H8);

	nwb_test_on_sim(scene_run, &sc);
	sc.flavour = NWB_LINUX_6_12;
	sc.no_hazards = h8;
	nwb_test_on_sim(scene_run, &sc);
	sc.is_damaged = true;
	sc.no_hazards = 0;
	nwb_test_on_sim(scene_run, &sc);
	sc.flavour = NWB_LINUX_7_2;
	nwb_test_on_sim(scene_run, &sc);
	sc.flavour = NWB_STRICT;
	sc.hazards = h8;
	nwb_test_on_sim(scene_run, &sc);
}

static void mirror_body(struct scene *sc)
{
	nwb_check_eq(nwb_mount_use_mirror(sc->mnt[0], sc->mnt[1]), 0);
	open_file(sc);
	write_all(sc);
	nwb_check_eq(nwb_file_fsync(sc->f), 0);
	check_server(sc, 0);
	check_server(sc, 1);
}

NWB_TEST(fs_streams, item2_a_second_server_as_a_mirror)
{
	struct scene sc = {.body = mirror_body};

	nwb_test_on_all(scene_run, &sc);
	sc.mode = NWB_TEMP_PAGE;
	nwb_test_on_all(scene_run, &sc);
}

static void mirror_lost_body(struct scene *sc)
{
	struct nwb_netfs_stats st;

	nwb_check_eq(nwb_mount_use_mirror(sc->mnt[0], sc->mnt[1]), 0);
	open_file(sc);
	nwb_fake_set_faults(sc->srv[1], &(struct nwb_fake_faults){
						.fail_at = 1,
						.fail_times = 1000000,
						.fail_code = 0xc000007f,
					});
	write_all(sc);
	nwb_check_eq(nwb_file_fsync(sc->f), 0);
	check_server(sc, 0);
	nwb_netfs_get_stats(nwb_mount_netfs(sc->mnt[0]), &st);
	nwb_check_eq(st.gave_up, 0);
	nwb_check(nwb_mount_mirror_is_behind(sc->f));
	nwb_fake_set_faults(sc->srv[1], &(struct nwb_fake_faults){0});
}

NWB_TEST(fs_streams, item2_a_mirror_that_fails_is_left_behind)
{
	struct scene sc = {.body = mirror_lost_body};

	nwb_test_on_all(scene_run, &sc);
}

/* Nobody tells the mirror of a truncation: it keeps what it has from then on. */
static void mirror_cut_body(struct scene *sc)
{
	nwb_check_eq(nwb_mount_use_mirror(sc->mnt[0], sc->mnt[1]), 0);
	open_file(sc);
	write_all(sc);
	nwb_check_eq(nwb_file_fsync(sc->f), 0);
	nwb_check(!nwb_mount_mirror_is_behind(sc->f));
	nwb_check_eq(nwb_file_truncate(sc->f, 100), 0);
	nwb_check(nwb_mount_mirror_is_behind(sc->f));
	nwb_check_eq(nwb_file_write(sc->f, "x", 1, 50), 1);
	nwb_check_eq(nwb_file_fsync(sc->f), 0);
	check_server(sc, 1);
}

NWB_TEST(fs_streams, item2_a_truncation_leaves_the_mirror_behind)
{
	struct scene sc = {.body = mirror_cut_body};

	nwb_test_on_sim(scene_run, &sc);
}

/* What the mirror has of @name, 0: nothing. */
static ssize_t on_mirror(struct scene *sc, const char *name)
{
	ssize_t n = nwb_fake_get(sc->srv[1], name, true, 0, sc->back,
				 FILE_BYTES, NULL);

	return n < 0 ? 0 : n;
}

/* Open @name, write to it if @len, make it durable, close it. */
static void use_file(struct scene *sc, const char *name, size_t len)
{
	struct nwb_err err = {0};
	struct nwb_file *f;

	nwb_check_eq(
		nwb_mount_open(sc->mnt[0], name, NWB_O_CREATE, 2, &f, &err), 0);
	if (len)
		nwb_check_eq(nwb_file_write(f, sc->bytes, len, 0), len);
	nwb_check_eq(nwb_file_fsync(f), 0);
	nwb_check_eq(nwb_mount_close(sc->mnt[0], f), 0);
}

static void check_opens(struct scene *sc, struct nwb_mirror_stats want)
{
	struct nwb_mirror_stats st;

	nwb_mount_mirror_stats(sc->mnt[0], &st);
	nwb_check_eq(st.opened, want.opened);
	nwb_check_eq(st.not_reached, want.not_reached);
	nwb_check_eq(st.skipped, want.skipped);
	nwb_check_eq(st.behind, want.behind);
}

/* Its server is down for 1.5 s. */
static void mirror_away_body(struct scene *sc)
{
	uint64_t begun;

	nwb_check_eq(nwb_mount_use_mirror(sc->mnt[0], sc->mnt[1]), 0);
	nwb_fake_set_faults(sc->srv[1], &(struct nwb_fake_faults){
						.down_ns = 1500 * NWB_MSEC,
					});
	nwb_fake_crash(sc->srv[1]);
	begun = nwb_now_ns(sc->ex);
	open_file(sc);
	/* not for as long as its patience */
	nwb_check(nwb_now_ns(sc->ex) - begun < 100 * NWB_MSEC);
	check_opens(sc, (struct nwb_mirror_stats){.not_reached = 1});
	write_all(sc);
	nwb_check_eq(nwb_file_fsync(sc->f), 0);
	check_server(sc, 0);
	nwb_check(nwb_mount_mirror_is_behind(sc->f));
	use_file(sc, "g", 0);
	check_opens(sc,
		    (struct nwb_mirror_stats){.not_reached = 1, .skipped = 1});
	/* Tried again after a second, and it is still not there: two more. */
	nwb_sleep_until(sc->ex, begun + 1100 * NWB_MSEC);
	use_file(sc, "h", 1000);
	use_file(sc, "h", 1000);
	check_opens(sc, (struct nwb_mirror_stats){
				.not_reached = 2, .skipped = 1, .behind = 1});
	nwb_sleep_until(sc->ex, begun + 2600 * NWB_MSEC);
	use_file(sc, "g", 1000);
	check_opens(sc, (struct nwb_mirror_stats){
				.not_reached = 2, .skipped = 2, .behind = 1});
	nwb_sleep_until(sc->ex, begun + 3500 * NWB_MSEC);
	use_file(sc, "i", 1000);
	use_file(sc, "j", 1000);
	check_opens(sc, (struct nwb_mirror_stats){.opened = 2,
						  .not_reached = 2,
						  .skipped = 2,
						  .behind = 1});
	nwb_check_eq(on_mirror(sc, "i"), 1000);
	nwb_check_eq(on_mirror(sc, "j"), 1000);
	nwb_check(!memcmp(sc->back, sc->bytes, 1000));
	/* What it has missed something of, it stays without. */
	nwb_check_eq(on_mirror(sc, "f"), 0);
	use_file(sc, "h", 2000);
	use_file(sc, "g", 2000);
	nwb_check_eq(on_mirror(sc, "h"), 0);
	nwb_check_eq(on_mirror(sc, "g"), 0);
	check_opens(sc, (struct nwb_mirror_stats){.opened = 2,
						  .not_reached = 2,
						  .skipped = 2,
						  .behind = 3});
}

NWB_TEST(fs_streams, item2_a_mirror_that_is_away_is_done_without)
{
	struct scene sc = {.body = mirror_away_body};

	nwb_test_on_sim(scene_run, &sc);
	sc.mode = NWB_TEMP_PAGE;
	nwb_test_on_sim(scene_run, &sc);
}

/* Its server does not answer, and its connection stands. */
static void mirror_frozen_body(struct scene *sc)
{
	struct nwb_fake_faults frozen = {.is_frozen = true};
	uint64_t begun;

	nwb_check_eq(nwb_mount_use_mirror(sc->mnt[0], sc->mnt[1]), 0);
	nwb_fake_set_faults(sc->srv[1], &frozen);
	begun = nwb_now_ns(sc->ex);
	open_file(sc);
	/* a request's timeout is 30 s */
	nwb_check(nwb_now_ns(sc->ex) - begun < 5 * NWB_SEC);
	check_opens(sc, (struct nwb_mirror_stats){.not_reached = 1});
	/* As long as that try goes on, nobody asks again. */
	begun = nwb_now_ns(sc->ex);
	use_file(sc, "g", 0);
	nwb_sleep_until(sc->ex, begun + 5 * NWB_SEC);
	begun = nwb_now_ns(sc->ex);
	use_file(sc, "h", 1000);
	write_all(sc);
	nwb_check_eq(nwb_file_fsync(sc->f), 0);
	nwb_check(nwb_now_ns(sc->ex) - begun < NWB_SEC);
	check_opens(sc,
		    (struct nwb_mirror_stats){.not_reached = 1, .skipped = 2});
	check_server(sc, 0);
	nwb_check(nwb_mount_mirror_is_behind(sc->f));
	/* It answers late: that file is closed there, the next one takes part. */
	nwb_fake_set_faults(sc->srv[1], &(struct nwb_fake_faults){0});
	nwb_sleep_until(sc->ex, nwb_now_ns(sc->ex) + NWB_SEC);
	use_file(sc, "i", 1000);
	check_opens(sc, (struct nwb_mirror_stats){
				.opened = 1, .not_reached = 1, .skipped = 2});
	nwb_check_eq(on_mirror(sc, "i"), 1000);
	nwb_check_eq(on_mirror(sc, "f"), 0);
	nwb_check_eq(on_mirror(sc, "h"), 0);
	/* Nobody waits for it, but who unmounts. */
	nwb_fake_set_faults(sc->srv[1], &frozen);
	begun = nwb_now_ns(sc->ex);
	use_file(sc, "j", 1000);
	nwb_check(nwb_now_ns(sc->ex) - begun < 5 * NWB_SEC);
	check_opens(sc, (struct nwb_mirror_stats){
				.opened = 1, .not_reached = 2, .skipped = 2});
}

NWB_TEST(fs_streams, item2_an_open_does_not_wait_for_a_frozen_mirror)
{
	struct scene sc = {.body = mirror_frozen_body};

	nwb_test_on_sim(scene_run, &sc);
	sc.mode = NWB_TEMP_PAGE;
	nwb_test_on_sim(scene_run, &sc);
}

struct opener {
	struct scene *sc;
	const char *name;
	uint64_t waited_ns;
};

static void opener_main(void *arg)
{
	struct opener *o = arg;
	uint64_t begun = nwb_now_ns(o->sc->ex) + NWB_SEC;
	struct nwb_err err = {0};
	struct nwb_file *f;

	nwb_sleep_until(o->sc->ex, begun); /* the close has begun */
	nwb_check_eq(nwb_mount_open(o->sc->mnt[0], o->name, NWB_O_CREATE, 2, &f,
				    &err),
		     0);
	o->waited_ns = nwb_now_ns(o->sc->ex) - begun;
	/* its own server has it, whatever became of the mirror */
	nwb_check_eq(nwb_file_read(f, o->sc->back, 1000, 0),
		     *o->name == 'g' ? 1000 : 0);
	nwb_check_eq(nwb_mount_close(o->sc->mnt[0], f), 0);
}

/* Who closes a file waits for the mirror that has to keep it; who opens another
 * one meanwhile does not, and who opens the same one does. */
static void mirror_close_body(struct scene *sc)
{
	struct nwb_fake_faults frozen = {.is_frozen = true};
	struct opener o[2] = {{sc, "h", 0}, {sc, "g", 0}};
	uint64_t begun, closed_ns;
	struct nwb_err err = {0};
	struct nwb_task *task[2];
	struct nwb_file *g;

	nwb_check_eq(nwb_mount_use_mirror(sc->mnt[0], sc->mnt[1]), 0);
	open_file(sc);
	nwb_check_eq(nwb_mount_open(sc->mnt[0], "g", NWB_O_CREATE, 2, &g, &err),
		     0);
	nwb_check_eq(nwb_file_write(g, sc->bytes, 1000, 0), 1000);
	nwb_fake_set_faults(sc->srv[1], &frozen);
	begun = nwb_now_ns(sc->ex);
	for (unsigned int i = 0; i < 2; i++)
		nwb_check_eq(nwb_task_spawn(sc->ex, "opener", opener_main,
					    &o[i], &task[i]),
			     0);
	nwb_check_eq(nwb_mount_close(sc->mnt[0], g), 0);
	closed_ns = nwb_now_ns(sc->ex) - begun;
	for (unsigned int i = 0; i < 2; i++)
		nwb_task_join(task[i]);
	/* a request's timeout is 30 s; an open waits 3 s for the mirror */
	nwb_check(closed_ns > 20 * NWB_SEC);
	nwb_check(o[0].waited_ns < 5 * NWB_SEC);
	nwb_check(o[1].waited_ns > closed_ns / 2);
	nwb_fake_set_faults(sc->srv[1], &(struct nwb_fake_faults){0});
}

NWB_TEST(fs_streams, item2_an_open_does_not_wait_for_a_close_at_the_mirror)
{
	struct scene sc = {.body = mirror_close_body};

	nwb_test_on_sim(scene_run, &sc);
	sc.mode = NWB_TEMP_PAGE;
	nwb_test_on_sim(scene_run, &sc);
}

/* What is only read misses nothing: it is copied to the local cache, and the
 * mirror comes along when the file is opened again. */
static void mirror_unread_body(struct scene *sc)
{
	struct nwb_cache_stats st;
	struct nwb_err err = {0};
	struct nwb_file *f = NULL;

	nwb_mount_use_cache(sc->mnt[0], sc->cache);
	nwb_check_eq(nwb_mount_use_mirror(sc->mnt[0], sc->mnt[1]), 0);
	nwb_check_eq(nwb_fake_put(sc->srv[0], "r", sc->bytes, FILE_BYTES), 0);
	nwb_fake_set_faults(sc->srv[1], &(struct nwb_fake_faults){
						.down_ns = 500 * NWB_MSEC,
					});
	nwb_fake_crash(sc->srv[1]);
	nwb_check_eq(nwb_mount_open(sc->mnt[0], "r", 0, 2, &f, &err), 0);
	nwb_check_eq(nwb_file_read(f, sc->back, FILE_BYTES, 0), FILE_BYTES);
	nwb_check_eq(nwb_file_fsync(f), 0);
	nwb_cache_get_stats(sc->cache, &st);
	nwb_check(st.present_bytes > FILE_BYTES / 2);
	nwb_check_eq(nwb_mount_close(sc->mnt[0], f), 0);
	nwb_sleep_until(sc->ex, nwb_now_ns(sc->ex) + 2 * NWB_SEC);
	use_file(sc, "r", 1000);
	check_opens(sc,
		    (struct nwb_mirror_stats){.opened = 1, .not_reached = 1});
	nwb_check_eq(on_mirror(sc, "r"), 1000);
	open_file(sc);
}

NWB_TEST(fs_streams, item2_a_file_that_is_read_leaves_no_mirror_behind)
{
	struct scene sc = {.body = mirror_unread_body};

	nwb_test_on_sim(scene_run, &sc);
}
