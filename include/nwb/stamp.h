/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The stamp: every 16-byte lane of every payload says where it came from.
 *
 * A lane is one AES-128 block of (file 16 bit, offset/16 60 bit, version 32
 * bit, zero 20 bit) under the run's key. A lane found on the server decrypts
 * to its origin, or (the 20 zero bits) is not ours. Lanes that a write covers
 * only in part hold a mix; they are compared byte by byte with the lanes of
 * the candidate versions. Uses the CPU's AES instructions where there are any.
 * Links libc only: the shim inside the server decodes too. No state, any
 * thread.
 */
#ifndef NWB_STAMP_H
#define NWB_STAMP_H

#include "nwb/util.h"

#define NWB_LANE 16u

struct nwb_aes_key {
	uint8_t enc[11][16]; /* round keys */
	uint8_t dec[11][16];
};

/* @unit: 0, or what is scanned is cipher text, see nwb_stamp_key_crypt() */
struct nwb_stamp_key {
	struct nwb_aes_key aes;
	uint32_t unit;
	struct nwb_aes_key data, tweak;
};

struct nwb_lane {
	uint16_t file;
	uint64_t offset; /* bytes, multiple of 16 */
	uint32_t version;
};

/** nwb_stamp_key_init() - expand a 16-byte key. */
void nwb_stamp_key_init(struct nwb_stamp_key *key, const uint8_t raw[16]);

#define NWB_CRYPT_KEY 32u

/**
 * nwb_stamp_key_crypt() - nwb_stamp_scan() finds content-encrypted files from
 * now on: AES-128-XTS (IEEE 1619) of data units, the tweak is the number of the
 * unit in the file. Made from the standard, and by no code of the client's, so
 * that a mistake of the client's is seen.
 * @raw: key of the data, then of the tweaks
 * @unit: bytes of a data unit, a multiple of 16; 0: not encrypted
 */
void nwb_stamp_key_crypt(struct nwb_stamp_key *key,
			 const uint8_t raw[NWB_CRYPT_KEY], uint32_t unit);
/**
 * nwb_stamp_decrypt() - what stands in whole lanes of cipher text at file offset
 * @offset. A lane of zeros is a hole, and stays.
 * @offset, @len: multiples of 16; @to may be @from
 */
void nwb_stamp_decrypt(const struct nwb_stamp_key *key, uint64_t offset,
		       const uint8_t *from, uint8_t *to, size_t len);

/**
 * nwb_stamp_fill() - write the stamp of [@offset, @offset + @len) into @buf.
 *
 * Any byte alignment of @offset and @len: partial lanes at the ends get the
 * bytes that the whole lane would have there.
 */
void nwb_stamp_fill(const struct nwb_stamp_key *key, uint16_t file,
		    uint32_t version, uint64_t offset, void *buf, size_t len);

/** nwb_stamp_decode() - Return: true and the origin, or false: not a stamp. */
bool nwb_stamp_decode(const struct nwb_stamp_key *key, const uint8_t lane[16],
		      struct nwb_lane *ret_lane);

/**
 * nwb_stamp_portable() - use the plain AES instead of the CPU's (@on), or what
 * suits the CPU again. The bytes are the same; for tests and for measuring.
 * Return: whether the plain one is in use now.
 */
bool nwb_stamp_portable(bool on);

/**
 * struct nwb_stamp_run - equal-version stretch of a payload.
 * @offset, @len: where it stands (file offset of the first byte, bytes)
 * @lane: origin of the first lane; file and version hold for all of the run,
 *	@lane.offset - @offset is the displacement of all of it (0 is right)
 * @kind: what the bytes are
 */
enum nwb_stamp_kind {
	NWB_STAMP_LANES,   /* whole, valid lanes */
	NWB_STAMP_ZERO,	   /* zero bytes */
	NWB_STAMP_PARTIAL, /* at most one lane: mixed or cut, raw bytes only */
};
struct nwb_stamp_run {
	enum nwb_stamp_kind kind;
	uint64_t offset;
	uint64_t len;
	struct nwb_lane lane;
	uint8_t raw[16]; /* PARTIAL: the bytes, at their place in the lane */
};
typedef int (*nwb_stamp_run_fn)(void *arg, const struct nwb_stamp_run *run);

/**
 * nwb_stamp_scan() - cut @len bytes that stand at file @offset into runs. Of
 * cipher text a cut lane cannot be read: its raw bytes are as they were found.
 * Return: 0, or the first non-zero value of @fn.
 */
int nwb_stamp_scan(const struct nwb_stamp_key *key, uint64_t offset,
		   const void *buf, size_t len, nwb_stamp_run_fn fn, void *arg);

#endif
