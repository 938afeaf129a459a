/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The hazards that lie in lib/netfs: each does its damage when it is on, and
 * with the same events none when it is off. Those of the protocols: tests/fs
 * and tests/smb2.
 */
#include "internal.h"
#include "nwb_test.h"
#include "scripted.h"

static uint8_t buf[1 << 20];
static bool is_on;

static void put(struct sfs_rig *rig, uint64_t pos, size_t len)
{
	sfs_fill(buf + pos, len, pos + 1);
	nwb_check_eq(nwb_file_write(rig->f, buf + pos, len, pos), len);
}

static void rest_for(struct sfs_rig *rig, uint64_t ns)
{
	nwb_sleep_until(rig->ex, nwb_now_ns(rig->ex) + ns);
}

static void rest(struct sfs_rig *rig)
{
	rest_for(rig, 300 * NWB_MSEC);
}

static void start(struct sfs_rig *rig, size_t len, unsigned int nr)
{
	put(rig, 0, len);
	nwb_file_writeback(rig->f);
	sfs_wait_pending(rig->sfs, nr);
	rest(rig);
	nwb_check_eq(sfs_pending(rig->sfs), nr);
}

static bool is_durable(struct sfs_rig *rig, size_t len)
{
	return rig->file->dur_size == len && !memcmp(rig->file->dur, buf, len);
}

static void check_fired(struct sfs_rig *rig, enum nwb_hazard h)
{
	struct nwb_netfs_stats st;

	nwb_netfs_get_stats(rig->sfs->nf, &st);
	for (unsigned int i = 0; i < NWB_NR_HAZARDS; i++)
		nwb_check((st.hazards_fired[i] != 0) == (is_on && i == h));
}

/* With @h and nothing else that is wrong, and strict. */
static void both(enum nwb_hazard h, const struct nwb_netfs_opts *with,
		 sfs_body_fn body)
{
	struct nwb_netfs_opts opts = *with;

	if (!opts.dirty_age_ns)
		opts.dirty_age_ns = 10000 * NWB_SEC;
	for (uint64_t seed = 1; seed < 8; seed++) {
		is_on = true;
		opts.hazards = NWB_HAZARD_BIT(h);
		sfs_run(seed, &opts, 65536, 0, body);
		is_on = false;
		opts.hazards = 0;
		sfs_run(seed, &opts, 65536, 0, body);
	}
}

/* --- H1 ------------------------------------------------------------------- */

static void h1_body(struct sfs_rig *rig)
{
	start(rig, 30000, 1);
	rig->sfs->prepare_error = -EHOSTDOWN;
	sfs_complete_retry(rig->sfs, 0, -ECONNABORTED);
	rest(rig);
	nwb_check_eq(nwb_file_fsync(rig->f), is_on ? 0 : -EHOSTDOWN);
	nwb_check(!is_durable(rig, 30000));
	check_fired(rig, NWB_H1);
}

NWB_TEST(hazard, h1_a_failed_retry_is_not_told)
{
	both(NWB_H1, &(struct nwb_netfs_opts){0}, h1_body);
}

/* --- H4, H14 -------------------------------------------------------------- */

static void h4_body(struct sfs_rig *rig)
{
	rig->sfs->begin_error = -EBADF;
	put(rig, 0, 30000);
	nwb_check_eq(nwb_file_fsync(rig->f), is_on ? 0 : -EBADF);
	nwb_check_eq(rig->sfs->nr_sent, 0);
	nwb_check(!is_durable(rig, 30000));
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	check_fired(rig, NWB_H4);
}

NWB_TEST(hazard, h4_without_a_handle_data_is_dropped)
{
	both(NWB_H4, &(struct nwb_netfs_opts){0}, h4_body);
	both(NWB_H4, &(struct nwb_netfs_opts){.mode = NWB_TEMP_PAGE}, h4_body);
}

static void h4_cache_body(struct sfs_rig *rig)
{
	sfs_use_cache(rig->sfs, rig->inode);
	sfs_auto(rig->sfs);
	h4_body(rig);
}

NWB_TEST(hazard, h4_with_a_cache_only_the_cache_has_it)
{
	both(NWB_H4, &(struct nwb_netfs_opts){0}, h4_cache_body);
}

static void h14_body(struct sfs_rig *rig)
{
	rig->sfs->init_error = -EPERM;
	put(rig, 0, 30000);
	nwb_file_writeback(rig->f); /* the flusher learns of it, and no one */
	rest(rig);
	nwb_check_eq(atomic_load(&rig->inode->dirty_bytes), 0);
	rig->sfs->init_error = is_on ? 0 : -EPERM;
	nwb_check_eq(nwb_file_fsync(rig->f), is_on ? 0 : -EPERM);
	nwb_check_eq(rig->sfs->nr_sent, 0);
	nwb_check(!is_durable(rig, 30000));
	check_fired(rig, NWB_H14);
}

static void h14_sync_body(struct sfs_rig *rig)
{
	rig->sfs->init_error = -EPERM;
	put(rig, 0, 30000);
	/* Who asks for the writeback is told in Linux, too. */
	nwb_check_eq(nwb_file_fsync(rig->f), -EPERM);
}

NWB_TEST(hazard, h14_without_a_request_data_is_dropped)
{
	both(NWB_H14, &(struct nwb_netfs_opts){0}, h14_body);
	both(NWB_H14, &(struct nwb_netfs_opts){0}, h14_sync_body);
}

/* --- H7 ------------------------------------------------------------------- */

static void h7_body(struct sfs_rig *rig)
{
	start(rig, 8192, 1);
	sfs_complete(rig->sfs, 0, 5000);
	sfs_auto(rig->sfs);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check_eq(is_durable(rig, 8192), !is_on);
	nwb_check_eq(rig->sfs->nr_log, is_on ? 1 : 2);
	check_fired(rig, NWB_H7);
}

NWB_TEST(hazard, h7_a_short_count_passes_for_all)
{
	both(NWB_H7, &(struct nwb_netfs_opts){.mode = NWB_TEMP_PAGE}, h7_body);
	both(NWB_H7, &(struct nwb_netfs_opts){0}, h7_body);
}

/* --- H9 ------------------------------------------------------------------- */

static void h9_body(struct sfs_rig *rig)
{
	uint64_t began;
	unsigned int nr = 0;

	start(rig, 4096, 1);
	began = nwb_now_ns(rig->ex);
	while (sfs_pending(rig->sfs) && nr < 50) {
		nr++;
		sfs_complete_retry(rig->sfs, 0, -EAGAIN);
		rest_for(rig, is_on ? 1 : 300 * NWB_MSEC);
	}
	if (is_on) {
		/* Fifty times in no time, and no end of it. */
		nwb_check_eq(nr, 50);
		nwb_check(nwb_now_ns(rig->ex) - began < NWB_MSEC / 2);
		nwb_check_eq(rig->sfs->nr_gaveup, 0);
	} else {
		nwb_check_eq(nr, 5);
		nwb_check_eq(rig->sfs->nr_gaveup, 1);
		nwb_check_eq(nwb_file_fsync(rig->f), -EAGAIN);
	}
	check_fired(rig, NWB_H9);
}

NWB_TEST(hazard, h9_retries_have_no_limit_and_no_delay)
{
	both(NWB_H9, &(struct nwb_netfs_opts){.max_attempts = 5}, h9_body);
}

/* --- H10, H12: with a second stream --------------------------------------- */

static void h10_body(struct sfs_rig *rig)
{
	sfs_use_cache(rig->sfs, rig->inode);
	start(rig, 10000, 1);
	nwb_check_eq(sfs_cache_pending(rig->sfs), 1);
	sfs_complete_retry(rig->sfs, 0, -ECONNABORTED);
	rest_for(rig, 1000 * NWB_SEC);
	/* A cache that is slow holds the upload's retry up. */
	nwb_check_eq(rig->sfs->nr_log, is_on ? 1 : 2);
	sfs_complete_cache(rig->sfs, 0, SFS_ALL);
	rest(rig);
	nwb_check_eq(rig->sfs->nr_log, 2);
	sfs_complete(rig->sfs, 0, SFS_ALL);
	rest(rig);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check(is_durable(rig, 10000));
	check_fired(rig, NWB_H10);
}

/* The cache ends when the retry is due already, and nobody waited for it. */
static void h10_due_body(struct sfs_rig *rig)
{
	sfs_use_cache(rig->sfs, rig->inode);
	rig->sfs->max_len = 16384;
	start(rig, 32768, 2);
	sfs_complete_retry(rig->sfs, 0, -ECONNABORTED);
	rest(rig);
	sfs_complete(rig->sfs, 0, SFS_ALL);
	sfs_complete_cache(rig->sfs, 0, SFS_ALL);
	rest(rig);
	sfs_complete(rig->sfs, 0, SFS_ALL);
	rest(rig);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check(is_durable(rig, 32768));
	check_fired(rig, NWB_H10);
}

NWB_TEST(hazard, h10_a_retry_waits_for_the_other_stream)
{
	both(NWB_H10, &(struct nwb_netfs_opts){0}, h10_body);
	both(NWB_H10, &(struct nwb_netfs_opts){0}, h10_due_body);
}

static void h12_body(struct sfs_rig *rig)
{
	sfs_use_cache(rig->sfs, rig->inode);
	start(rig, 10000, 1);
	sfs_complete_cache(rig->sfs, 0, SFS_ALL);
	sfs_complete(rig->sfs, 0, -ENOSPC);
	rest(rig);
	nwb_check_eq(nwb_file_fsync(rig->f), -ENOSPC);
	/* It holds what the server does not have. */
	nwb_check_eq(rig->sfs->nr_cache_invalidated, !is_on);
	check_fired(rig, NWB_H12);
}

/* A cache that fails is invalidated in any case, and nobody else suffers. */
static void cache_fails_body(struct sfs_rig *rig)
{
	sfs_use_cache(rig->sfs, rig->inode);
	start(rig, 10000, 1);
	sfs_complete_cache(rig->sfs, 0, -ENOBUFS);
	sfs_complete(rig->sfs, 0, SFS_ALL);
	rest(rig);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check(is_durable(rig, 10000));
	nwb_check_eq(rig->sfs->nr_cache_invalidated, 1);
}

NWB_TEST(hazard, h12_a_failed_upload_stays_in_the_cache)
{
	both(NWB_H12, &(struct nwb_netfs_opts){0}, h12_body);
	both(NWB_H12, &(struct nwb_netfs_opts){0}, cache_fails_body);
}

/* --- H13 ------------------------------------------------------------------ */

static void h13_body(struct sfs_rig *rig)
{
	struct nwb_netfs *nf = rig->sfs->nf;

	rig->sfs->max_len = 16384;
	start(rig, 65536, 4);
	rig->sfs->max_len = 4096; /* fewer credits: four become sixteen */
	sfs_reset(rig->sfs, false, false);
	rest(rig);
	nwb_check_eq(sfs_pending(rig->sfs), 4);
	sfs_complete_all(rig->sfs);
	rest_for(rig, 1000 * NWB_SEC);
	/* The four came back, and are held by who waits for a fifth. */
	nwb_check_eq(sfs_pending(rig->sfs) == 0, is_on);
	check_fired(rig, NWB_H13);
	if (is_on) {
		nwb_mutex_lock(&nf->lock);
		nf->opts.max_subrequests = 64;
		nwb_waitq_wake_all(&nf->sreq_room);
		nwb_mutex_unlock(&nf->lock);
	}
	sfs_auto(rig->sfs);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check(is_durable(rig, 65536));
}

NWB_TEST(hazard, h13_the_retryer_waits_for_what_it_holds)
{
	both(NWB_H13, &(struct nwb_netfs_opts){.max_subrequests = 4}, h13_body);
}

/* --- H17 ------------------------------------------------------------------ */

static void h17_body(struct sfs_rig *rig)
{
	start(rig, 4096, 1);
	sfs_complete(rig->sfs, 0, SFS_ALL);
	rest(rig);
	sfs_reset(rig->sfs, false, true); /* the server restarts */
	sfs_auto(rig->sfs);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check_eq(is_durable(rig, 4096), !is_on);
	check_fired(rig, NWB_H17);
}

/* The memory was the caller's: nobody could send it again. */
static void h17_direct_body(struct sfs_rig *rig)
{
	sfs_auto(rig->sfs);
	nwb_file_set_flags(rig->f, NWB_F_DIRECT);
	put(rig, 0, 4096);
	sfs_reset(rig->sfs, false, true);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check_eq(is_durable(rig, 4096), !is_on);
	check_fired(rig, NWB_H17);
}

NWB_TEST(hazard, h17_acked_and_not_flushed_is_forgotten)
{
	both(NWB_H17, &(struct nwb_netfs_opts){0}, h17_body);
	both(NWB_H17, &(struct nwb_netfs_opts){0}, h17_direct_body);
}

/* A flavour of which only that hazard is off does as strict does. */
NWB_TEST(hazard, h17_off_makes_direct_writes_of_flavours_durable)
{
	struct nwb_netfs_opts opts = {
		.no_hazards = NWB_HAZARD_BIT(NWB_H17),
	};

	is_on = false;
	for (opts.flavour = NWB_LINUX_6_12; opts.flavour <= NWB_LINUX_7_2;
	     opts.flavour++)
		sfs_run(1, &opts, 65536, 0, h17_direct_body);
}

/* --- flavours ------------------------------------------------------------- */

static void cancel_body(struct sfs_rig *rig)
{
	struct nwb_netfs_stats st;

	rig->sfs->max_len = 10000;
	start(rig, 50000, 5);
	sfs_complete_retry(rig->sfs, 3, -ECONNABORTED);
	sfs_complete(rig->sfs, 3, -ENOSPC);
	sfs_complete(rig->sfs, 1, -EDQUOT);
	sfs_complete(rig->sfs, 1, SFS_ALL);
	sfs_complete(rig->sfs, 0, SFS_ALL);
	rest(rig);
	/* Behind the first failure nothing is sent again and no other error is
	 * told; what had arrived is on the server. */
	nwb_check_eq(rig->sfs->nr_log, 5);
	nwb_netfs_get_stats(rig->sfs->nf, &st);
	nwb_check_eq(st.cancelled, 2);
	nwb_check_eq(nwb_file_fsync(rig->f), -EDQUOT);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check(!memcmp(rig->file->dur + 20000, buf + 20000, 10000));
}

NWB_TEST(hazard, linux_cancels_what_is_behind_a_failure)
{
	struct nwb_netfs_opts opts = {.dirty_age_ns = 10000 * NWB_SEC};

	for (unsigned int i = NWB_LINUX_6_12; i < NWB_NR_FLAVOURS; i++) {
		opts.flavour = (enum nwb_flavour)i;
		opts.no_hazards = 0;
		sfs_run(i, &opts, 65536, 0, cancel_body);
		opts.no_hazards = NWB_HAZARDS_ALL;
		sfs_run(i, &opts, 65536, 0, cancel_body);
	}
}

static uint32_t bits_of(const char *text)
{
	struct nwb_err err = {0};
	uint32_t on, off;

	nwb_check_eq(nwb_hazards_parse(text, &on, &off, &err), 0);
	nwb_check_eq(off, 0);
	return on;
}

NWB_TEST(hazard, item5_each_flavour_has_its_own)
{
	nwb_check_eq(nwb_flavour_hazards(NWB_STRICT, "smb", false), 0);
	nwb_check_eq(nwb_flavour_hazards(NWB_STRICT, "9p", true), 0);
	nwb_check_eq(nwb_flavour_hazards(NWB_LINUX_6_12, "smb", false),
		     bits_of("h4,h6,h8,h9,h10,h11,h12,h14,h16,h17"));
	nwb_check_eq(nwb_flavour_hazards(NWB_LINUX_7_2, "smb", false),
		     bits_of("h1,h2,h4,h8,h9,h10,h11,h12,h13,h14,h15,h16,h17"));
	nwb_check_eq(nwb_flavour_hazards(NWB_LINUX_6_12, "9p", false),
		     bits_of("h3,h4,h5,h6,h8,h9,h10,h12,h14,h17"));
	nwb_check_eq(nwb_flavour_hazards(NWB_LINUX_7_2, "9p", false),
		     bits_of("h3,h4,h5,h8,h9,h10,h12,h13,h14,h15,h17"));
	nwb_check_eq(nwb_flavour_hazards(NWB_LINUX_6_12, "9p", true) &
			     NWB_HAZARD_BIT(NWB_H7),
		     NWB_HAZARD_BIT(NWB_H7));
	for (int i = 0; i < NWB_NR_FLAVOURS; i++)
		nwb_check_eq(
			nwb_flavour_find(nwb_flavour_name((enum nwb_flavour)i)),
			i);
	nwb_check_eq(nwb_flavour_find("linux-6.13"), -1);
}

NWB_TEST(hazard, switches_are_parsed)
{
	struct nwb_err err = {0};
	struct nwb_netfs_opts opts = {.flavour = NWB_LINUX_7_2};
	uint32_t on = 1, off = 1;
	static const char *const bad[] = {"",	   "h0",  "h18",    "h",
					  "x1",	   "h1,", "h1,,h2", "-",
					  "h1 h2", "h001"};

	nwb_check_eq(bits_of("all"), NWB_HAZARDS_ALL);
	nwb_check_eq(nwb_hazards_parse("H3,-h9,-h17", &on, &off, &err), 0);
	nwb_check_eq(on, NWB_HAZARD_BIT(NWB_H3));
	nwb_check_eq(off, NWB_HAZARD_BIT(NWB_H9) | NWB_HAZARD_BIT(NWB_H17));
	opts.hazards = on;
	opts.no_hazards = off;
	nwb_check_eq(nwb_netfs_hazards(&opts, "smb"),
		     bits_of("h1,h2,h3,h4,h8,h10,h11,h12,h13,h14,h15,h16"));
	for (size_t i = 0; i < NWB_ARRAY_SIZE(bad); i++) {
		on = off = 1;
		nwb_check_eq(nwb_hazards_parse(bad[i], &on, &off, &err),
			     -EINVAL);
		nwb_check(on == 1 && off == 1);
	}
	nwb_check(strlen(nwb_hazard_text(NWB_H15)) > 10);
	nwb_check(!strcmp(nwb_hazard_text(NWB_NR_HAZARDS), "?"));
}
