/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Content crypto, both sides of it. What the scripted server has is decrypted by
 * lib/ledger's own AES, which shares no code with the client's cipher
 * (nettle's).
 */
#ifndef NWB_TEST_CRYPTO_WORDS_H
#define NWB_TEST_CRYPTO_WORDS_H

#include "nwb/mem.h"
#include "nwb/stamp.h"
#include "nwb_test.h"
#include "scripted.h"

#include <string.h>

#define UNIT 512u

static const uint8_t raw_key[NWB_CRYPT_KEY] = {
	1,  2,	3,  4,	5,  6,	7,  8,	9,  10, 11, 12, 13, 14, 15, 16,
	17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32};
static uint8_t buf[1 << 20], got[1 << 20];

static inline struct nwb_netfs_opts crypt_opts(enum nwb_wb_mode mode)
{
	return (struct nwb_netfs_opts){
		.mode = mode,
		.crypto_key = raw_key,
		.crypto_unit = UNIT,
	};
}

static inline struct nwb_stamp_key oracle_key(void)
{
	static const uint8_t zero[16];
	struct nwb_stamp_key k;

	nwb_stamp_key_init(&k, zero);
	nwb_stamp_key_crypt(&k, raw_key, UNIT);
	return k;
}

/* --- both sides ----------------------------------------------------------- */

static inline void put_seed(struct sfs_rig *rig, uint64_t pos, size_t len,
			    uint64_t seed)
{
	sfs_fill(buf + pos, len, seed);
	nwb_check_eq(nwb_file_write(rig->f, buf + pos, len, pos), len);
}

static inline void put(struct sfs_rig *rig, uint64_t pos, size_t len)
{
	put_seed(rig, pos, len, pos + 1);
}

static inline bool reads(struct sfs_rig *rig, uint64_t pos, size_t len)
{
	nwb_check_eq(nwb_file_read(rig->f, got, len, pos), len);
	return !memcmp(got, buf + pos, len);
}

/* Does the server keep @len bytes of @buf, as cipher text? */
static inline bool server_has(const uint8_t *mem, uint64_t pos, size_t len)
{
	uint64_t from = pos - pos % UNIT;
	size_t all = NWB_ROUND_UP(pos + len, UNIT) - from;
	struct nwb_stamp_key k = oracle_key();

	nwb_stamp_decrypt(&k, from, mem + from, got, all);
	return !memcmp(got + (pos - from), buf + pos, len);
}

static inline void wait_nap(struct sfs_rig *rig)
{
	nwb_sleep_until(rig->ex, nwb_now_ns(rig->ex) + 300 * NWB_MSEC);
}

/* Another client with the same key writes: the units, with @len bytes of
 * @seed at @pos. XTS is its own neighbour's inverse, so a second mount is the
 * simplest way to encrypt. */
static inline void somebody_writes(struct sfs_rig *rig, uint64_t pos,
				   size_t len, uint64_t seed)
{
	struct nwb_netfs_opts opts = crypt_opts(NWB_IN_PLACE);
	static uint8_t data[SFS_FILE_MAX];
	struct nwb_inode *inode;
	struct sfs_file *file;
	struct nwb_file *f;
	struct sfs *other;

	opts.cache_bytes = NWB_MIB;
	opts.temp_bytes = NWB_MIB;
	other = sfs_new(rig->ex, 7, &opts);
	file = sfs_file_new(other);

	nwb_mutex_lock(&rig->sfs->lock);
	memcpy(file->vol, rig->file->vol, SFS_FILE_MAX);
	file->vol_size = rig->file->vol_size;
	nwb_mutex_unlock(&rig->sfs->lock);
	other->wsize = 65536;
	sfs_auto(other);
	nwb_check_eq(nwb_inode_new(other->nf, 1, file, file->vol_size, &inode),
		     0);
	nwb_check_eq(nwb_file_open(inode, &f), 0);
	sfs_fill(data, len, seed);
	nwb_check_eq(nwb_file_write(f, data, len, pos), len);
	nwb_check_eq(nwb_file_fsync(f), 0);
	nwb_mutex_lock(&rig->sfs->lock);
	memcpy(rig->file->vol, file->vol, SFS_FILE_MAX);
	rig->file->vol_size = file->vol_size;
	nwb_mutex_unlock(&rig->sfs->lock);
	nwb_check_eq(nwb_file_close(f, true), 0);
	nwb_inode_put(inode);
	sfs_free(other);
	nwb_free(file);
}

/* The file is somebody else's, and buf has what is in it. */
static inline void begin_foreign(struct sfs_rig *rig)
{
	sfs_fill(buf, 20000, 5);
	somebody_writes(rig, 0, 20000, 5);
	nwb_inode_invalidate(rig->inode, rig->file->vol_size);
}

/* And 100 bytes of ours, which are not a whole unit, are on their way to @pos. */
static inline void begin_rmw(struct sfs_rig *rig, uint64_t pos)
{
	begin_foreign(rig);
	nwb_inode_set_caching(rig->inode, NWB_MAY_READ | NWB_MAY_WRITE);
	put_seed(rig, pos, 100, 6);
	nwb_file_writeback(rig->f);
	sfs_wait_pending(rig->sfs, 1);
}

static inline void run_seeds(const struct nwb_netfs_opts *opts,
			     void (*body)(struct sfs_rig *rig))
{
	for (uint64_t seed = 1; seed < 10; seed++)
		sfs_run(seed, opts, 65536, 0, body);
}

#endif
