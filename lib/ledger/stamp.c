/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Stamps: fill, decode, and cutting a payload into runs.
 *
 * The plaintext block of a lane, as one little-endian 128-bit number (byte 0
 * is bits 0-7), whatever the machine's own byte order:
 *
 *	bits    0..15  file
 *	bits   16..75  offset / 16
 *	bits   76..107 version
 *	bits  108..127 zero
 *
 *	    byte 0  1   2 .. 8  9            13            15
 *	       +------+----------+----+----+------------+--------+
 *	       | file | offset / 16   | version         | 0 .. 0 |
 *	       +------+---------------+-----------------+--------+
 *
 * The ciphertext of that block under the run's key is what stands in the file.
 * A random block passes for a stamp once in 2^20, and then still has to name a
 * file, an offset and a version that exist.
 *
 * AES comes twice, with the same round keys: the CPU's instructions, eight
 * blocks in flight so that their latency hides, and a plain byte-wise one.
 * Which of them is asked at the first use, not in a constructor: the shim is
 * called before its constructors ran. Both give the same bytes, so a race to
 * decide is harmless.
 */
#include "nwb/stamp.h"

#include <stdatomic.h>
#include <string.h>

#define NR_PIPE 8u
#define CHUNK	(NR_PIPE * NWB_LANE)

static const uint8_t sbox[256] = {
	0x63, 0x7c, 0x77, 0x7b, 0xf2, 0x6b, 0x6f, 0xc5, 0x30, 0x01, 0x67, 0x2b,
	0xfe, 0xd7, 0xab, 0x76, 0xca, 0x82, 0xc9, 0x7d, 0xfa, 0x59, 0x47, 0xf0,
	0xad, 0xd4, 0xa2, 0xaf, 0x9c, 0xa4, 0x72, 0xc0, 0xb7, 0xfd, 0x93, 0x26,
	0x36, 0x3f, 0xf7, 0xcc, 0x34, 0xa5, 0xe5, 0xf1, 0x71, 0xd8, 0x31, 0x15,
	0x04, 0xc7, 0x23, 0xc3, 0x18, 0x96, 0x05, 0x9a, 0x07, 0x12, 0x80, 0xe2,
	0xeb, 0x27, 0xb2, 0x75, 0x09, 0x83, 0x2c, 0x1a, 0x1b, 0x6e, 0x5a, 0xa0,
	0x52, 0x3b, 0xd6, 0xb3, 0x29, 0xe3, 0x2f, 0x84, 0x53, 0xd1, 0x00, 0xed,
	0x20, 0xfc, 0xb1, 0x5b, 0x6a, 0xcb, 0xbe, 0x39, 0x4a, 0x4c, 0x58, 0xcf,
	0xd0, 0xef, 0xaa, 0xfb, 0x43, 0x4d, 0x33, 0x85, 0x45, 0xf9, 0x02, 0x7f,
	0x50, 0x3c, 0x9f, 0xa8, 0x51, 0xa3, 0x40, 0x8f, 0x92, 0x9d, 0x38, 0xf5,
	0xbc, 0xb6, 0xda, 0x21, 0x10, 0xff, 0xf3, 0xd2, 0xcd, 0x0c, 0x13, 0xec,
	0x5f, 0x97, 0x44, 0x17, 0xc4, 0xa7, 0x7e, 0x3d, 0x64, 0x5d, 0x19, 0x73,
	0x60, 0x81, 0x4f, 0xdc, 0x22, 0x2a, 0x90, 0x88, 0x46, 0xee, 0xb8, 0x14,
	0xde, 0x5e, 0x0b, 0xdb, 0xe0, 0x32, 0x3a, 0x0a, 0x49, 0x06, 0x24, 0x5c,
	0xc2, 0xd3, 0xac, 0x62, 0x91, 0x95, 0xe4, 0x79, 0xe7, 0xc8, 0x37, 0x6d,
	0x8d, 0xd5, 0x4e, 0xa9, 0x6c, 0x56, 0xf4, 0xea, 0x65, 0x7a, 0xae, 0x08,
	0xba, 0x78, 0x25, 0x2e, 0x1c, 0xa6, 0xb4, 0xc6, 0xe8, 0xdd, 0x74, 0x1f,
	0x4b, 0xbd, 0x8b, 0x8a, 0x70, 0x3e, 0xb5, 0x66, 0x48, 0x03, 0xf6, 0x0e,
	0x61, 0x35, 0x57, 0xb9, 0x86, 0xc1, 0x1d, 0x9e, 0xe1, 0xf8, 0x98, 0x11,
	0x69, 0xd9, 0x8e, 0x94, 0x9b, 0x1e, 0x87, 0xe9, 0xce, 0x55, 0x28, 0xdf,
	0x8c, 0xa1, 0x89, 0x0d, 0xbf, 0xe6, 0x42, 0x68, 0x41, 0x99, 0x2d, 0x0f,
	0xb0, 0x54, 0xbb, 0x16,
};
static const uint8_t inv_sbox[256] = {
	0x52, 0x09, 0x6a, 0xd5, 0x30, 0x36, 0xa5, 0x38, 0xbf, 0x40, 0xa3, 0x9e,
	0x81, 0xf3, 0xd7, 0xfb, 0x7c, 0xe3, 0x39, 0x82, 0x9b, 0x2f, 0xff, 0x87,
	0x34, 0x8e, 0x43, 0x44, 0xc4, 0xde, 0xe9, 0xcb, 0x54, 0x7b, 0x94, 0x32,
	0xa6, 0xc2, 0x23, 0x3d, 0xee, 0x4c, 0x95, 0x0b, 0x42, 0xfa, 0xc3, 0x4e,
	0x08, 0x2e, 0xa1, 0x66, 0x28, 0xd9, 0x24, 0xb2, 0x76, 0x5b, 0xa2, 0x49,
	0x6d, 0x8b, 0xd1, 0x25, 0x72, 0xf8, 0xf6, 0x64, 0x86, 0x68, 0x98, 0x16,
	0xd4, 0xa4, 0x5c, 0xcc, 0x5d, 0x65, 0xb6, 0x92, 0x6c, 0x70, 0x48, 0x50,
	0xfd, 0xed, 0xb9, 0xda, 0x5e, 0x15, 0x46, 0x57, 0xa7, 0x8d, 0x9d, 0x84,
	0x90, 0xd8, 0xab, 0x00, 0x8c, 0xbc, 0xd3, 0x0a, 0xf7, 0xe4, 0x58, 0x05,
	0xb8, 0xb3, 0x45, 0x06, 0xd0, 0x2c, 0x1e, 0x8f, 0xca, 0x3f, 0x0f, 0x02,
	0xc1, 0xaf, 0xbd, 0x03, 0x01, 0x13, 0x8a, 0x6b, 0x3a, 0x91, 0x11, 0x41,
	0x4f, 0x67, 0xdc, 0xea, 0x97, 0xf2, 0xcf, 0xce, 0xf0, 0xb4, 0xe6, 0x73,
	0x96, 0xac, 0x74, 0x22, 0xe7, 0xad, 0x35, 0x85, 0xe2, 0xf9, 0x37, 0xe8,
	0x1c, 0x75, 0xdf, 0x6e, 0x47, 0xf1, 0x1a, 0x71, 0x1d, 0x29, 0xc5, 0x89,
	0x6f, 0xb7, 0x62, 0x0e, 0xaa, 0x18, 0xbe, 0x1b, 0xfc, 0x56, 0x3e, 0x4b,
	0xc6, 0xd2, 0x79, 0x20, 0x9a, 0xdb, 0xc0, 0xfe, 0x78, 0xcd, 0x5a, 0xf4,
	0x1f, 0xdd, 0xa8, 0x33, 0x88, 0x07, 0xc7, 0x31, 0xb1, 0x12, 0x10, 0x59,
	0x27, 0x80, 0xec, 0x5f, 0x60, 0x51, 0x7f, 0xa9, 0x19, 0xb5, 0x4a, 0x0d,
	0x2d, 0xe5, 0x7a, 0x9f, 0x93, 0xc9, 0x9c, 0xef, 0xa0, 0xe0, 0x3b, 0x4d,
	0xae, 0x2a, 0xf5, 0xb0, 0xc8, 0xeb, 0xbb, 0x3c, 0x83, 0x53, 0x99, 0x61,
	0x17, 0x2b, 0x04, 0x7e, 0xba, 0x77, 0xd6, 0x26, 0xe1, 0x69, 0x14, 0x63,
	0x55, 0x21, 0x0c, 0x7d,
};

enum {
	MODE_UNKNOWN,
	MODE_CPU,
	MODE_PORTABLE
};
static _Atomic int mode;

static uint8_t xtime(uint8_t a)
{
	return (uint8_t)((a << 1) ^ ((a & 0x80) ? 0x1b : 0));
}

static void xor_block(uint8_t *s, const uint8_t *k)
{
	for (unsigned int i = 0; i < 16; i++)
		s[i] ^= k[i];
}

/* FIPS-197 5.1.3 on one column. */
static void mix_column(uint8_t *c)
{
	uint8_t all = c[0] ^ c[1] ^ c[2] ^ c[3], first = c[0];

	c[0] ^= all ^ xtime(c[0] ^ c[1]);
	c[1] ^= all ^ xtime(c[1] ^ c[2]);
	c[2] ^= all ^ xtime(c[2] ^ c[3]);
	c[3] ^= all ^ xtime(c[3] ^ first);
}

/* FIPS-197 5.3.3: the inverse is mix_column() after a small correction. */
static void inv_mix_column(uint8_t *c)
{
	uint8_t even = xtime(xtime(c[0] ^ c[2]));
	uint8_t odd = xtime(xtime(c[1] ^ c[3]));

	c[0] ^= even;
	c[2] ^= even;
	c[1] ^= odd;
	c[3] ^= odd;
	mix_column(c);
}

static void encrypt_portable(const struct nwb_aes_key *key, uint8_t *s)
{
	uint8_t t[16];

	xor_block(s, key->enc[0]);
	for (unsigned int round = 1; round <= 10; round++) {
		for (unsigned int i = 0; i < 16; i++)
			t[i] = sbox[s[(i + 4 * (i % 4)) % 16]];
		for (unsigned int c = 0; round < 10 && c < 16; c += 4)
			mix_column(t + c);
		memcpy(s, t, 16);
		xor_block(s, key->enc[round]);
	}
}

/* The "equivalent inverse cipher" of FIPS-197 5.3.5, as aesdec does it. */
static void decrypt_portable(const struct nwb_aes_key *key, uint8_t *s)
{
	uint8_t t[16];

	xor_block(s, key->dec[0]);
	for (unsigned int round = 1; round <= 10; round++) {
		for (unsigned int i = 0; i < 16; i++)
			t[i] = inv_sbox[s[(i + 16 - 4 * (i % 4)) % 16]];
		for (unsigned int c = 0; round < 10 && c < 16; c += 4)
			inv_mix_column(t + c);
		memcpy(s, t, 16);
		xor_block(s, key->dec[round]);
	}
}

#if defined(__x86_64__) || defined(__i386__)
#include <immintrin.h>

#define TARGET __attribute__((target("aes,sse4.1")))
#define EACH   for (unsigned int i = 0; i < NR_PIPE; i++)

TARGET static __m128i load(const void *p)
{
	return _mm_loadu_si128((const __m128i_u *)p);
}

TARGET static void store(void *p, __m128i v)
{
	_mm_storeu_si128((__m128i_u *)p, v);
}

TARGET static void encrypt8_cpu(const struct nwb_aes_key *key, uint8_t *p)
{
	__m128i b[NR_PIPE], k = load(key->enc[0]);

	EACH b[i] = _mm_xor_si128(load(p + 16 * i), k);
	for (unsigned int round = 1; round < 10; round++) {
		k = load(key->enc[round]);
		EACH b[i] = _mm_aesenc_si128(b[i], k);
	}
	k = load(key->enc[10]);
	EACH store(p + 16 * i, _mm_aesenclast_si128(b[i], k));
}

TARGET static void decrypt8_cpu(const struct nwb_aes_key *key, uint8_t *p)
{
	__m128i b[NR_PIPE], k = load(key->dec[0]);

	EACH b[i] = _mm_xor_si128(load(p + 16 * i), k);
	for (unsigned int round = 1; round < 10; round++) {
		k = load(key->dec[round]);
		EACH b[i] = _mm_aesdec_si128(b[i], k);
	}
	k = load(key->dec[10]);
	EACH store(p + 16 * i, _mm_aesdeclast_si128(b[i], k));
}

static int probe_cpu(void)
{
	__builtin_cpu_init();
	return __builtin_cpu_supports("aes") && __builtin_cpu_supports("sse4.1")
		       ? MODE_CPU
		       : MODE_PORTABLE;
}
#else
static void encrypt8_cpu(const struct nwb_aes_key *key, uint8_t *p)
{
	(void)key, (void)p;
}

static void decrypt8_cpu(const struct nwb_aes_key *key, uint8_t *p)
{
	(void)key, (void)p;
}

static int probe_cpu(void)
{
	return MODE_PORTABLE;
}
#endif

static bool has_cpu_aes(void)
{
	int m = atomic_load_explicit(&mode, memory_order_relaxed);

	if (m == MODE_UNKNOWN) {
		m = probe_cpu();
		atomic_store_explicit(&mode, m, memory_order_relaxed);
	}
	return m == MODE_CPU;
}

bool nwb_stamp_portable(bool on)
{
	int m = on ? MODE_PORTABLE : probe_cpu();

	atomic_store_explicit(&mode, m, memory_order_relaxed);
	return m == MODE_PORTABLE;
}

/* Eight blocks in place. */
static void encrypt8(const struct nwb_aes_key *key, uint8_t *p, bool cpu)
{
	if (cpu) {
		encrypt8_cpu(key, p);
		return;
	}
	for (unsigned int i = 0; i < NR_PIPE; i++)
		encrypt_portable(key, p + 16 * i);
}

static void decrypt8(const struct nwb_aes_key *key, uint8_t *p, bool cpu)
{
	if (cpu) {
		decrypt8_cpu(key, p);
		return;
	}
	for (unsigned int i = 0; i < NR_PIPE; i++)
		decrypt_portable(key, p + 16 * i);
}

static void expand(struct nwb_aes_key *key, const uint8_t raw[16])
{
	uint8_t rcon = 1, *w = key->enc[0];

	/* FIPS-197 5.2; w[] is the schedule as one array of bytes. */
	memcpy(w, raw, 16);
	for (unsigned int i = 16; i < sizeof(key->enc); i += 4) {
		uint8_t t[4] = {w[i - 4], w[i - 3], w[i - 2], w[i - 1]};

		if (i % 16 == 0) {
			uint8_t first = t[0];

			t[0] = sbox[t[1]] ^ rcon;
			t[1] = sbox[t[2]];
			t[2] = sbox[t[3]];
			t[3] = sbox[first];
			rcon = xtime(rcon);
		}
		for (unsigned int b = 0; b < 4; b++)
			w[i + b] = w[i + b - 16] ^ t[b];
	}
	for (unsigned int round = 0; round <= 10; round++) {
		memcpy(key->dec[round], key->enc[10 - round], 16);
		for (unsigned int c = 0; round % 10 && c < 16; c += 4)
			inv_mix_column(key->dec[round] + c);
	}
}

void nwb_stamp_key_init(struct nwb_stamp_key *key, const uint8_t raw[16])
{
	expand(&key->aes, raw);
	key->unit = 0;
}

void nwb_stamp_key_crypt(struct nwb_stamp_key *key,
			 const uint8_t raw[NWB_CRYPT_KEY], uint32_t unit)
{
	expand(&key->data, raw);
	expand(&key->tweak, raw + 16);
	key->unit = unit;
}

static void put_le64(uint8_t *p, uint64_t v)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	memcpy(p, &v, 8);
#else
	v = __builtin_bswap64(v);
	memcpy(p, &v, 8);
#endif
}

static uint64_t get_le64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, 8);
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
	v = __builtin_bswap64(v);
#endif
	return v;
}

static void put_plain(uint8_t *p, uint16_t file, uint32_t version,
		      uint64_t lane)
{
	put_le64(p, file | lane << 16);
	put_le64(p + 8, lane >> 48 | (uint64_t)version << 12);
}

/* Was @plain, freshly decrypted, a stamp? */
static bool get_plain(const uint8_t *plain, struct nwb_lane *ret_lane)
{
	uint64_t lo = get_le64(plain), hi = get_le64(plain + 8);

	if (hi >> 44)
		return false;
	ret_lane->file = (uint16_t)lo;
	ret_lane->offset = (lo >> 16 | (hi & 0xfff) << 48) * NWB_LANE;
	ret_lane->version = (uint32_t)(hi >> 12);
	return true;
}

/* Up to eight lanes from @lane on; @p need not have room for more than @nr. */
static void fill_lanes(const struct nwb_stamp_key *key, uint16_t file,
		       uint32_t version, uint64_t lane, uint8_t *p,
		       unsigned int nr, bool cpu)
{
	uint8_t tmp[CHUNK], *at = nr == NR_PIPE ? p : tmp;

	for (unsigned int i = 0; i < NR_PIPE; i++)
		put_plain(at + 16 * i, file, version, lane + i);
	encrypt8(&key->aes, at, cpu);
	if (at == tmp)
		memcpy(p, tmp, nr * NWB_LANE);
}

void nwb_stamp_fill(const struct nwb_stamp_key *key, uint16_t file,
		    uint32_t version, uint64_t offset, void *buf, size_t len)
{
	uint64_t lane = offset / NWB_LANE;
	size_t skip = offset % NWB_LANE, n;
	bool cpu = has_cpu_aes();
	uint8_t *p = buf, one[NWB_LANE];

	if (skip && len) {
		n = nwb_min(len, (size_t)NWB_LANE - skip);
		fill_lanes(key, file, version, lane++, one, 1, cpu);
		memcpy(p, one + skip, n);
		p += n;
		len -= n;
	}
	while (len >= NWB_LANE) {
		n = nwb_min(len / NWB_LANE, (size_t)NR_PIPE);
		fill_lanes(key, file, version, lane, p, (unsigned int)n, cpu);
		lane += n;
		p += n * NWB_LANE;
		len -= n * NWB_LANE;
	}
	if (len) {
		fill_lanes(key, file, version, lane, one, 1, cpu);
		memcpy(p, one, len);
	}
}

/* Decrypt @nr <= 8 lanes of @p into @ret_plain. */
static void decode_lanes(const struct nwb_stamp_key *key, const uint8_t *p,
			 unsigned int nr, uint8_t ret_plain[CHUNK], bool cpu)
{
	memcpy(ret_plain, p, nr * NWB_LANE);
	if (nr < NR_PIPE)
		memset(ret_plain + nr * NWB_LANE, 0, CHUNK - nr * NWB_LANE);
	decrypt8(&key->aes, ret_plain, cpu);
}

bool nwb_stamp_decode(const struct nwb_stamp_key *key, const uint8_t lane[16],
		      struct nwb_lane *ret_lane)
{
	uint8_t plain[CHUNK];

	if (!has_cpu_aes()) {
		memcpy(plain, lane, NWB_LANE);
		decrypt_portable(&key->aes, plain);
	} else {
		decode_lanes(key, lane, 1, plain, true);
	}
	return get_plain(plain, ret_lane);
}

/* --- content crypto ------------------------------------------------------- */

/* The tweak of one lane, and where that is. */
struct tweak {
	uint64_t unit;
	uint32_t lane; /* in it */
	uint8_t t[16];
	bool is_set;
};

/* Times alpha, IEEE 1619 5.2. */
static void tweak_double(uint8_t t[16])
{
	uint8_t carry = 0;

	for (unsigned int i = 0; i < 16; i++) {
		uint8_t out = t[i] >> 7;

		t[i] = (uint8_t)(t[i] << 1 | carry);
		carry = out;
	}
	if (carry)
		t[0] ^= 0x87;
}

static void tweak_move(const struct nwb_stamp_key *key, struct tweak *w,
		       uint64_t offset, bool cpu)
{
	uint32_t lane = (uint32_t)(offset % key->unit / NWB_LANE);
	uint64_t unit = offset / key->unit;
	uint8_t first[CHUNK] = {0};

	if (!w->is_set || w->unit != unit || w->lane > lane) {
		put_le64(first, unit);
		encrypt8(&key->tweak, first, cpu);
		memcpy(w->t, first, 16);
		w->lane = 0;
	}
	for (; w->lane < lane; w->lane++)
		tweak_double(w->t);
	w->unit = unit;
	w->is_set = true;
}

/* @nr <= 8 lanes. */
static void decrypt_lanes(const struct nwb_stamp_key *key, struct tweak *w,
			  uint64_t offset, const uint8_t *from, unsigned int nr,
			  uint8_t *to, bool cpu)
{
	uint8_t tweaks[CHUNK], plain[CHUNK] = {0};

	for (unsigned int i = 0; i < nr; i++) {
		tweak_move(key, w, offset + i * NWB_LANE, cpu);
		memcpy(tweaks + i * NWB_LANE, w->t, NWB_LANE);
		memcpy(plain + i * NWB_LANE, from + i * NWB_LANE, NWB_LANE);
		xor_block(plain + i * NWB_LANE, w->t);
	}
	decrypt8(&key->data, plain, cpu);
	for (unsigned int i = 0; i < nr; i++) {
		const uint8_t *c = from + i * NWB_LANE;
		uint8_t *p = plain + i * NWB_LANE;

		xor_block(p, tweaks + i * NWB_LANE);
		if (!get_le64(c) && !get_le64(c + 8))
			memset(p, 0, NWB_LANE);
	}
	memcpy(to, plain, nr * NWB_LANE);
}

void nwb_stamp_decrypt(const struct nwb_stamp_key *key, uint64_t offset,
		       const uint8_t *from, uint8_t *to, size_t len)
{
	struct tweak w = {0};
	bool cpu = has_cpu_aes();

	while (len) {
		size_t n = nwb_min(len / NWB_LANE, (size_t)NR_PIPE);

		decrypt_lanes(key, &w, offset, from, (unsigned int)n, to, cpu);
		offset += n * NWB_LANE;
		from += n * NWB_LANE;
		to += n * NWB_LANE;
		len -= n * NWB_LANE;
	}
}

/* The run that is being grown; len 0 when there is none. */
struct scan {
	struct nwb_stamp_run run;
	nwb_stamp_run_fn fn;
	void *arg;
};

static int scan_flush(struct scan *s)
{
	int err = s->run.len ? s->fn(s->arg, &s->run) : 0;

	s->run.len = 0;
	return err;
}

/* Would @next simply lengthen the run that is open? Partial lanes never. */
static bool scan_continues(const struct nwb_stamp_run *run,
			   const struct nwb_stamp_run *next)
{
	if (!run->len || run->kind != next->kind)
		return false;
	if (next->kind == NWB_STAMP_ZERO)
		return true;
	return next->kind == NWB_STAMP_LANES &&
	       run->lane.file == next->lane.file &&
	       run->lane.version == next->lane.version &&
	       run->lane.offset + run->len == next->lane.offset;
}

static int scan_add(struct scan *s, const struct nwb_stamp_run *next)
{
	int err;

	if (scan_continues(&s->run, next)) {
		s->run.len += next->len;
		return 0;
	}
	err = scan_flush(s);
	s->run = *next;
	return err;
}

/* Bytes that do not fill a lane. */
static int scan_cut(struct scan *s, uint64_t offset, const uint8_t *p,
		    size_t len)
{
	struct nwb_stamp_run run = {
		.kind = NWB_STAMP_PARTIAL,
		.offset = offset,
		.len = len,
	};

	memcpy(run.raw + offset % NWB_LANE, p, len);
	return scan_add(s, &run);
}

static int scan_lane(struct scan *s, uint64_t offset, const uint8_t *p,
		     const uint8_t *plain)
{
	struct nwb_stamp_run run = {.offset = offset, .len = NWB_LANE};

	if (!get_le64(p) && !get_le64(p + 8)) {
		run.kind = NWB_STAMP_ZERO;
	} else if (get_plain(plain, &run.lane)) {
		run.kind = NWB_STAMP_LANES;
	} else {
		run.kind = NWB_STAMP_PARTIAL;
		memcpy(run.raw, p, NWB_LANE);
	}
	return scan_add(s, &run);
}

int nwb_stamp_scan(const struct nwb_stamp_key *key, uint64_t offset,
		   const void *buf, size_t len, nwb_stamp_run_fn fn, void *arg)
{
	struct scan s = {.fn = fn, .arg = arg};
	size_t skip = offset % NWB_LANE, n;
	const uint8_t *p = buf;
	bool cpu = has_cpu_aes();
	uint8_t plain[CHUNK], clear[CHUNK];
	const uint8_t *lanes;
	struct tweak w = {0};
	int err = 0;

	if (skip && len) {
		n = nwb_min(len, (size_t)NWB_LANE - skip);
		err = scan_cut(&s, offset, p, n);
		p += n;
		offset += n;
		len -= n;
	}
	while (!err && len >= NWB_LANE) {
		n = nwb_min(len / NWB_LANE, (size_t)NR_PIPE);
		if (key->unit) {
			decrypt_lanes(key, &w, offset, p, (unsigned int)n,
				      clear, cpu);
			lanes = clear;
		} else {
			lanes = p;
		}
		decode_lanes(key, lanes, (unsigned int)n, plain, cpu);
		for (size_t i = 0; !err && i < n; i++)
			err = scan_lane(&s, offset + i * NWB_LANE,
					lanes + i * NWB_LANE,
					plain + i * NWB_LANE);
		p += n * NWB_LANE;
		offset += n * NWB_LANE;
		len -= n * NWB_LANE;
	}
	if (!err && len)
		err = scan_cut(&s, offset, p, len);
	return err ? err : scan_flush(&s);
}
