/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The blocks of a pcapng file (draft-ietf-opsawg-pcapng, sections 3 and 4).
 *
 *	| type 4 | total length 4 | body, padded to 4 | total length 4 |
 *
 * Options at the end of a body: code 2, length 2, value padded to 4; code 0
 * ends them. Numbers are in host order, the section header's magic says which.
 */
#include "capture_i.h"

#include <string.h>

#define BLOCK_IDB 1u
#define BLOCK_ISB 5u
#define BLOCK_EPB 6u
#define BLOCK_SHB 0x0a0d0d0au
#define MAGIC	  0x1a2b3c4du

#define OPT_END	      0u
#define OPT_COMMENT   1u
#define SHB_USERAPPL  4u
#define IF_NAME	      2u
#define IF_TSRESOL    9u
#define ISB_STARTTIME 2u
#define ISB_ENDTIME   3u
#define ISB_IFRECV    4u
#define ISB_IFDROP    5u

static const uint8_t zeros[4];

static void put(FILE *f, const void *p, size_t n)
{
	/* what went wrong stays in @f */
	if (fwrite(p, 1, n, f) != n)
		return;
}

static void put32(FILE *f, uint32_t v)
{
	put(f, &v, sizeof(v));
}

static void put16(FILE *f, uint16_t v)
{
	put(f, &v, sizeof(v));
}

static uint32_t pad4(size_t n)
{
	return (uint32_t)NWB_ROUND_UP(n, 4);
}

static void put_padded(FILE *f, const void *p, size_t n)
{
	put(f, p, n);
	put(f, zeros, pad4(n) - n);
}

/* A value of an option has a 16-bit length. */
static uint16_t text_len(const char *s)
{
	return (uint16_t)nwb_min(strlen(s), (size_t)UINT16_MAX);
}

static uint32_t opt_size(size_t len)
{
	return 4 + pad4(len);
}

static void put_opt(FILE *f, uint16_t code, const void *p, uint16_t len)
{
	put16(f, code);
	put16(f, len);
	put_padded(f, p, len);
}

static uint32_t comments_size(const char *const *comment, unsigned int nr)
{
	uint32_t sum = 0;

	for (unsigned int i = 0; i < nr; i++)
		sum += opt_size(text_len(comment[i]));
	return sum;
}

static void put_comments(FILE *f, const char *const *comment, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		put_opt(f, OPT_COMMENT, comment[i], text_len(comment[i]));
}

/* Times are two halves of a 64-bit count, the high one first. */
static void put_time_opt(FILE *f, uint16_t code, uint64_t t_ns)
{
	uint32_t half[2] = {(uint32_t)(t_ns >> 32), (uint32_t)t_ns};

	put_opt(f, code, half, sizeof(half));
}

void cap_put_shb(FILE *f, const char *app, const char *const *comment,
		 unsigned int nr)
{
	uint32_t total =
		28 + comments_size(comment, nr) + opt_size(text_len(app)) + 4;
	uint64_t unknown = UINT64_MAX; /* length of the section */

	put32(f, BLOCK_SHB);
	put32(f, total);
	put32(f, MAGIC);
	put16(f, 1);
	put16(f, 0);
	put(f, &unknown, sizeof(unknown));
	put_comments(f, comment, nr);
	put_opt(f, SHB_USERAPPL, app, text_len(app));
	put32(f, OPT_END);
	put32(f, total);
}

void cap_put_idb(FILE *f, const char *name)
{
	uint32_t total = 20 + opt_size(text_len(name)) + opt_size(1) + 4;
	uint8_t nanoseconds = 9;

	put32(f, BLOCK_IDB);
	put32(f, total);
	put16(f, CAP_LINKTYPE);
	put16(f, 0);
	put32(f, CAP_SNAPLEN);
	put_opt(f, IF_NAME, name, text_len(name));
	put_opt(f, IF_TSRESOL, &nanoseconds, 1);
	put32(f, OPT_END);
	put32(f, total);
}

void cap_put_epb(FILE *f, uint64_t t_ns, const void *data, uint32_t len,
		 uint32_t orig_len, const char *const *comment, unsigned int nr)
{
	uint32_t total = 32 + pad4(len);

	if (nr)
		total += comments_size(comment, nr) + 4;
	put32(f, BLOCK_EPB);
	put32(f, total);
	put32(f, 0); /* interface */
	put32(f, (uint32_t)(t_ns >> 32));
	put32(f, (uint32_t)t_ns);
	put32(f, len);
	put32(f, orig_len);
	put_padded(f, data, len);
	if (nr) {
		put_comments(f, comment, nr);
		put32(f, OPT_END);
	}
	put32(f, total);
}

void cap_put_isb(FILE *f, uint64_t t_first, uint64_t t_last, uint64_t packets,
		 uint64_t drops)
{
	uint32_t total = 24 + 4 * opt_size(8) + 4;

	put32(f, BLOCK_ISB);
	put32(f, total);
	put32(f, 0);
	put32(f, (uint32_t)(t_last >> 32));
	put32(f, (uint32_t)t_last);
	put_time_opt(f, ISB_STARTTIME, t_first);
	put_time_opt(f, ISB_ENDTIME, t_last);
	put_opt(f, ISB_IFRECV, &packets, sizeof(packets));
	put_opt(f, ISB_IFDROP, &drops, sizeof(drops));
	put32(f, OPT_END);
	put32(f, total);
}
