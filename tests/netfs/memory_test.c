/* SPDX-License-Identifier: GPL-2.0-or-later */
/* T13: pools that run dry, a heap that refuses, and requests that cannot be
 * made. Writeback goes on, or says why not. */
#include "internal.h"
#include "nwb_test.h"
#include "scripted.h"

static uint8_t buf[1 << 20];

static int put(struct sfs_rig *rig, uint64_t pos, size_t len)
{
	ssize_t n;

	sfs_fill(buf + pos, len, pos + 1);
	n = nwb_file_write(rig->f, buf + pos, len, pos);
	return n == (ssize_t)len ? 0 : (int)n;
}

static void dry_body(struct sfs_rig *rig)
{
	unsigned int refused = 0;

	sfs_auto(rig->sfs);
	nwb_mem_fail_pools(5);
	for (uint64_t pos = 0; pos < 64 * 8192; pos += 8192) {
		int rc;

		/* who writes is told; he may try once more */
		while ((rc = put(rig, pos, 4096))) {
			nwb_check_eq(rc, -ENOMEM);
			refused++;
		}
	}
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_mem_fail_pools(0);
	nwb_check(refused > 0);
	nwb_check(rig->sfs->nf->claim_pool.misses > 0);
	nwb_check(rig->sfs->nf->sreq_pool.misses > 0);
	for (uint64_t pos = 0; pos < 64 * 8192; pos += 8192)
		nwb_check(!memcmp(rig->file->dur + pos, buf + pos, 4096));
}

NWB_TEST(memory, t13_writeback_goes_on_without_memory)
{
	struct nwb_netfs_opts opts = {.reserve_percent = 1,
				      .folio_bytes_max = 4096,
				      .cache_bytes = 256 << 10,
				      .max_subrequests = 20};

	sfs_run(1, &opts, 65536, 0, dry_body);
	opts.mode = NWB_TEMP_PAGE;
	sfs_run(2, &opts, 65536, 0, dry_body);
}

static int tap_begin(struct nwb_netfs_tap *tap, struct nwb_io_request *rreq)
{
	struct sfs *sfs = nwb_container_of(tap, struct sfs, tap);

	nwb_check(!nwb_rreq_is_direct(rreq));
	return sfs->nr_sent ? 0 : -EPERM;
}

static void refused_body(struct sfs_rig *rig)
{
	sfs_auto(rig->sfs);
	rig->sfs->tap.begin = tap_begin;
	nwb_check_eq(put(rig, 0, 30000), 0);
	nwb_check_eq(nwb_file_fsync(rig->f), -EPERM);
	nwb_check_eq(rig->sfs->nr_sent, 0);
	nwb_check_eq(rig->sfs->gaveup_error, -EPERM);
	nwb_check(rig->sfs->gaveup_refused);
	rig->sfs->tap.begin = NULL;
	nwb_check_eq(put(rig, 0, 30000), 0);
	nwb_check_eq(nwb_file_fsync(rig->f), 0);
	nwb_check(!memcmp(rig->file->dur, buf, 30000));
	rig->sfs->init_error = -EPERM; /* what failed was never issued */
}

NWB_TEST(memory, a_request_that_is_refused_is_told)
{
	sfs_run(1, &(struct nwb_netfs_opts){0}, 65536, 0, refused_body);
}
