/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes whose bytes are not in memory (nwb_file_write_from()): all of them
 * arrive, and a source that ends too soon (copy_folio_from_iter_atomic() that
 * comes back short) leaves behind what came, what was there before, or what the
 * server has, and nothing else.
 */
#include "nwb_test.h"
#include "scripted.h"

#include <errno.h>
#include <string.h>

#define SIZE (256u * 1024)

struct source {
	struct nwb_source src;
	const uint8_t *mem;
	size_t left;
	unsigned int nr_calls;
};

static uint8_t model[SIZE], data[SIZE], got[SIZE];

static size_t copy(struct nwb_source *src, void *to, size_t n)
{
	struct source *s = nwb_container_of(src, struct source, src);

	n = nwb_min(n, s->left);
	memcpy(to, s->mem, n);
	s->mem += n;
	s->left -= n;
	s->nr_calls++;
	return n;
}

/* Write @len bytes at @pos, of which the source has @has. */
static ssize_t put(struct sfs_rig *rig, uint64_t pos, size_t len, size_t has,
		   uint64_t seed)
{
	struct source s = {{copy}, data, has, 0};
	ssize_t n;

	sfs_fill(data, len, seed);
	n = nwb_file_write_from(rig->f, &s.src, len, pos);
	if (n == (ssize_t)len)
		nwb_check_eq(s.left, 0);
	return n;
}

static bool reads_model(struct sfs_rig *rig, size_t len)
{
	memset(got, 0xee, sizeof(got));
	return nwb_file_read(rig->f, got, sizeof(got), 0) == (ssize_t)len &&
	       !memcmp(got, model, len);
}

/* The server has it, too, after an fsync. */
static bool has_model(struct sfs_rig *rig, size_t len)
{
	return !nwb_file_fsync(rig->f) && rig->file->dur_size == len &&
	       !memcmp(rig->file->dur, model, len);
}

static void start(struct sfs_rig *rig, size_t size)
{
	sfs_auto(rig->sfs);
	memset(model, 0, sizeof(model));
	memcpy(model, rig->file->vol, size);
}

/* Each with both modes, folios of one page and of many, and as Linux does. */
static void each(uint64_t size, sfs_body_fn body)
{
	static const enum nwb_flavour flavours[] = {NWB_STRICT, NWB_LINUX_6_12,
						    NWB_LINUX_7_2};

	for (unsigned int i = 0; i < 12; i++) {
		struct nwb_netfs_opts opts = {
			.mode = i % 2 ? NWB_TEMP_PAGE : NWB_IN_PLACE,
			.folio_bytes_max = i / 2 % 2 ? 4096 : 65536,
			.flavour = flavours[i / 4],
			.dirty_age_ns = 10 * NWB_SEC,
		};

		sfs_run(i + 1, &opts, 16384, size, body);
	}
}

/* --- all of it --------------------------------------------------------------
 */

static void whole_body(struct sfs_rig *rig)
{
	start(rig, 0);
	nwb_check_eq(put(rig, 100, 150000, 150000, 1), 150000);
	memcpy(model + 100, data, 150000);
	nwb_check_eq(put(rig, 4096, 8192, 8192, 2), 8192);
	memcpy(model + 4096, data, 8192);
	nwb_check_eq(put(rig, 0, 0, 0, 3), 0);
	nwb_check(reads_model(rig, 150100));
	nwb_check(has_model(rig, 150100));
}

NWB_TEST(source, all_of_it_arrives)
{
	each(0, whole_body);
}

static void through_body(struct sfs_rig *rig)
{
	start(rig, 0);
	nwb_check_eq(put(rig, 0, 50000, 50000, 1), 50000);
	nwb_check(!memcmp(rig->file->vol, data, 50000));
	memcpy(model, data, 50000);
	/* what came is sent all the same */
	nwb_check_eq(put(rig, 50000, 50000, 10000, 2), -EFAULT);
	memcpy(model + 50000, data, 10000);
	nwb_check(!memcmp(rig->file->vol, model, 60000));
	nwb_check(has_model(rig, 60000));
}

NWB_TEST(source, through_to_the_server)
{
	struct nwb_netfs_opts opts = {.cache_mode = NWB_CACHE_NONE};

	sfs_run(1, &opts, 16384, 0, through_body);
}

static void dsync_body(struct sfs_rig *rig)
{
	start(rig, 0);
	nwb_file_set_flags(rig->f, NWB_F_DSYNC);
	nwb_check_eq(put(rig, 0, 50000, 50000, 1), 50000);
	nwb_check(!memcmp(rig->file->dur, data, 50000));
	memcpy(model, data, 50000);
	nwb_check_eq(put(rig, 50000, 50000, 20001, 2), -EFAULT);
	memcpy(model + 50000, data, 20001);
	nwb_check(reads_model(rig, 70001));
	nwb_check(has_model(rig, 70001));
	/* and it is not in the way of the next one */
	nwb_check_eq(put(rig, 60000, 40000, 40000, 3), 40000);
	memcpy(model + 60000, data, 40000);
	nwb_check(has_model(rig, 100000));
}

NWB_TEST(source, durable_when_it_returns)
{
	each(0, dsync_body);
}

static void direct_body(struct sfs_rig *rig)
{
	start(rig, 0);
	nwb_file_set_flags(rig->f, NWB_F_DIRECT);
	nwb_check_eq(put(rig, 0, 4096, 4096, 1), -EINVAL);
	nwb_check_eq(nwb_inode_size(rig->inode), 0);
}

NWB_TEST(source, a_direct_write_needs_memory)
{
	struct nwb_netfs_opts opts = {0};

	sfs_run(1, &opts, 16384, 0, direct_body);
}

/* --- it ends too soon -------------------------------------------------------
 */

/* A new file: what came is there, and the file ends behind it. */
static void short_body(struct sfs_rig *rig)
{
	start(rig, 0);
	nwb_check_eq(put(rig, 0, 100000, 70001, 1), -EFAULT);
	memcpy(model, data, 70001);
	nwb_check_eq(nwb_inode_size(rig->inode), 70001);
	nwb_check(reads_model(rig, 70001));
	nwb_check(has_model(rig, 70001));
}

NWB_TEST(source, what_came_is_written)
{
	each(0, short_body);
}

/* Over what is there: what did not come is as it was. */
static void over_body(struct sfs_rig *rig)
{
	start(rig, 200000);
	nwb_check_eq(put(rig, 0, 65536, 65536, 1), 65536);
	memcpy(model, data, 65536);
	nwb_check_eq(put(rig, 0, 65536, 1000, 2), -EFAULT);
	memcpy(model, data, 1000);
	nwb_check(reads_model(rig, 200000));
	/* clean now */
	nwb_check(has_model(rig, 200000));
	nwb_check_eq(put(rig, 4096, 65536, 5000, 3), -EFAULT);
	memcpy(model + 4096, data, 5000);
	nwb_check(reads_model(rig, 200000));
	nwb_check(has_model(rig, 200000));
}

NWB_TEST(source, what_did_not_come_is_as_it_was)
{
	each(200000, over_body);
}

/* A folio with bytes in its middle, and a write of all of it that stops before
 * them: one range cannot say so. What came is as if it had not; those in the
 * middle stay, and the rest is the server's. */
static void gap_body(struct sfs_rig *rig)
{
	start(rig, 200000);
	sfs_fill(data, 500, 1);
	nwb_check_eq(nwb_file_write(rig->f, data, 500, 8192 + 2000), 500);
	memcpy(model + 8192 + 2000, data, 500);
	nwb_check_eq(put(rig, 8192, 4096, 1000, 2), -EFAULT);
	nwb_check(reads_model(rig, 200000));
	nwb_check(has_model(rig, 200000));
}

/* The same where they touch. */
static void touch_body(struct sfs_rig *rig)
{
	start(rig, 200000);
	sfs_fill(data, 500, 1);
	nwb_check_eq(nwb_file_write(rig->f, data, 500, 8192 + 1000), 500);
	memcpy(model + 8192 + 1000, data, 500);
	nwb_check_eq(put(rig, 8192, 4096, 1000, 2), -EFAULT);
	memcpy(model + 8192, data, 1000);
	nwb_check(reads_model(rig, 200000));
	nwb_check(has_model(rig, 200000));
}

NWB_TEST(source, a_gap_that_one_range_cannot_tell)
{
	each(200000, gap_body);
	each(200000, touch_body);
}

/* Nothing comes: nothing changes, and no folio is held for it for ever. */
static void nothing_body(struct sfs_rig *rig)
{
	start(rig, 0);
	for (unsigned int i = 0; i < 60; i++)
		nwb_check_eq(put(rig, i * 4096, 4096, 0, i), -EFAULT);
	nwb_check_eq(nwb_inode_size(rig->inode), 0);
	nwb_check_eq(put(rig, 0, SIZE, SIZE, 1), SIZE);
	memcpy(model, data, SIZE);
	nwb_check(has_model(rig, SIZE));
	nwb_check_eq(put(rig, 4096, 4096, 0, 2), -EFAULT);
	nwb_check(reads_model(rig, SIZE));
}

NWB_TEST(source, nothing_comes)
{
	struct nwb_netfs_opts opts = {.cache_bytes = 64 * 4096};

	sfs_run(1, &opts, 16384, 0, nothing_body);
	opts.flavour = NWB_LINUX_7_2;
	sfs_run(1, &opts, 16384, 0, nothing_body);
}

/* Into a folio that is on its way: what came is sent again. */
static void busy_body(struct sfs_rig *rig)
{
	memset(model, 0, sizeof(model));
	nwb_check_eq(put(rig, 0, 16384, 16384, 1), 16384);
	memcpy(model, data, 16384);
	nwb_file_writeback(rig->f);
	sfs_wait_pending(rig->sfs, 1);
	nwb_check_eq(put(rig, 4096, 8192, 6000, 2), -EFAULT);
	memcpy(model + 4096, data, 6000);
	sfs_auto(rig->sfs);
	nwb_check(reads_model(rig, 16384));
	nwb_check(has_model(rig, 16384));
}

NWB_TEST(source, ends_in_a_folio_that_is_on_its_way)
{
	struct nwb_netfs_opts opts = {.dirty_age_ns = 10 * NWB_SEC};

	sfs_run(1, &opts, 16384, 0, busy_body);
	opts.mode = NWB_TEMP_PAGE;
	sfs_run(1, &opts, 16384, 0, busy_body);
	opts.flavour = NWB_LINUX_6_12;
	sfs_run(1, &opts, 16384, 0, busy_body);
}
