/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What `netwb sim` found in lib/fs, each in the fewest steps that show it. (In
 * lib/netfs: tests/netfs/found_test.c, regress_test.c.)
 */
#include "nwb/fake.h"
#include "nwb/fs.h"
#include "nwb_test_exec.h"
#include "reach.h"

#include <string.h>

/* --- the last close tells ------------------------------------------------- */

#define LEN 100000u

struct closing {
	enum nwb_fake_proto proto;
	struct nwb_fake_faults faults;
	int want; /* of the close */
};

static void closing_run(void *arg)
{
	struct nwb_test_exec *te = arg;
	const struct closing *cl = te->arg;
	static uint8_t bytes[LEN];
	struct nwb_fake_opts fo = {.proto = cl->proto};
	struct nwb_netfs_opts no = {.cache_bytes = 2 * NWB_MIB,
				    .temp_bytes = NWB_MIB,
				    .dirty_age_ns = 1000 * NWB_SEC};
	struct nwb_smb2_opts so = {.server_name = "fake", .share = "s"};
	struct nwb_p9_opts po = {.aname = "/export", .uname = "root"};
	struct nwb_mount *mnt = NULL;
	struct nwb_file *f[2];
	struct nwb_fake *srv;
	struct nwb_err err = {0};

	nwb_check_eq(nwb_fake_new(te->ex, &fo, &srv), 0);
	so.dialer = po.dialer = nwb_fake_dialer(srv);
	nwb_check_eq(
		cl->proto == NWB_FAKE_9P
			? nwb_mount_9p(te->ex, &po, &no, NULL, &mnt, &err)
			: nwb_mount_smb(te->ex, &so, &no, NULL, &mnt, &err),
		0);
	for (unsigned int i = 0; i < 2; i++)
		nwb_check_eq(
			nwb_mount_open(mnt, "f", NWB_O_CREATE, 1, &f[i], &err),
			0);
	nwb_fake_set_faults(srv, &cl->faults);
	memset(bytes, 0x5a, LEN);
	nwb_check_eq(nwb_file_write(f[0], bytes, LEN, 0), LEN);
	/* Another one has it open: nothing is promised yet on 9P. */
	if (cl->proto == NWB_FAKE_9P)
		nwb_check_eq(nwb_mount_close(mnt, f[0]), 0);
	else
		(void)!nwb_mount_close(mnt, f[0]);
	nwb_check_eq(nwb_mount_close(mnt, f[1]), cl->want);
	nwb_mount_free(mnt);
	nwb_fake_free(srv);
}

static void closing(const struct closing *cl)
{
	nwb_test_on_sim(closing_run, (void *)(uintptr_t)cl);
}

NWB_TEST(fs_found, the_last_close_tells_of_an_upload_that_failed_9p)
{
	closing(&(struct closing){.proto = NWB_FAKE_9P});
	closing(&(struct closing){.proto = NWB_FAKE_9P,
				  .faults = {.fail_at = 1,
					     .fail_times = 1000,
					     .fail_code = ENOSPC},
				  .want = -ENOSPC});
}

NWB_TEST(fs_found, the_last_close_tells_of_a_flush_that_failed)
{
	closing(&(struct closing){
		.proto = NWB_FAKE_9P,
		.faults = {.flush_fail_at = 1, .flush_fail_code = EIO},
		.want = -EIO});
	closing(&(struct closing){.proto = NWB_FAKE_SMB2});
	closing(&(struct closing){
		.proto = NWB_FAKE_SMB2,
		.faults = {.flush_fail_at = 1, .flush_fail_code = 0xc0000185},
		.want = -EIO});
}

/* --- patience is longer than ---------------------------------------------- */

#define PATIENCE (5 * NWB_SEC)

struct away {
	struct nwb_exec *ex;
	uint64_t first_ns; /* the first attempt takes that long, and fails */
	unsigned int nr;
};

static int try_away(void *arg, uint32_t *ret_epoch, struct nwb_err *err)
{
	struct away *a = arg;

	(void)err;
	if (a->nr++) {
		*ret_epoch = 7;
		return 0;
	}
	nwb_sleep_until(a->ex, nwb_now_ns(a->ex) + a->first_ns);
	return -ECONNREFUSED;
}

static void patience_run(void *arg)
{
	struct nwb_test_exec *te = arg;
	uint64_t extra[] = {0, 1, NWB_MSEC};

	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(extra); i++) {
		struct nwb_fs_ctx ctx = {.ex = te->ex, .patience_ns = PATIENCE};
		struct away a = {.ex = te->ex, .first_ns = PATIENCE + extra[i]};
		uint32_t epoch = 0;
		uint64_t away = 0;
		int rc = nwb_fs_reach(&ctx, try_away, &a, &epoch, &away, NULL);

		/* Exactly as long as patience is not longer than it. */
		nwb_check_eq(away, PATIENCE + extra[i]);
		nwb_check_eq(rc, extra[i] ? -EHOSTDOWN : 0);
		nwb_check_eq(epoch, extra[i] ? 0 : 7);
	}
}

NWB_TEST(fs_found, patience_ends_when_it_was_longer)
{
	nwb_test_on_sim(patience_run, NULL);
}
