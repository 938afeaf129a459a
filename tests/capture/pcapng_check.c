/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See pcapng_check.h; the format: draft-ietf-opsawg-pcapng, 3 and 4. */
#include "pcapng_check.h"

#include <string.h>

struct reader {
	const uint8_t *p;
	size_t n;
	struct pcapng_seen *s;
	unsigned int nr_shb, nr_idb, nr_isb;
};

static uint32_t u32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	       (uint32_t)p[3] << 24;
}

static uint16_t u16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static bool wrong(struct reader *r, const char *why)
{
	r->s->why = why;
	return false;
}

static bool zeros(const uint8_t *p, size_t n)
{
	while (n)
		if (p[--n])
			return false;
	return true;
}

/* An option's value; @block: which kind of block it stands in. */
static bool value(struct reader *r, uint32_t block, uint16_t code,
		  const uint8_t *p, uint16_t len)
{
	struct pcapng_seen *s = r->s;
	bool is_packet = block == 6;

	if (code == 1) {
		if (memchr(p, 0, len))
			return wrong(r, "NUL in a comment");
		if (s->on_comment)
			s->on_comment(s->arg,
				      is_packet ? s->packets : UINT64_MAX,
				      (const char *)p, len);
		if (is_packet)
			s->comments++;
		else
			s->section_comments++;
	} else if (block == 1 && code == 9 && (len != 1 || p[0] != 9)) {
		return wrong(r, "times are not nanoseconds");
	} else if (block == 5) {
		if (len != 8)
			return wrong(r, "statistics are not 8 bytes");
		if (code == 4)
			s->received = u32(p) | (uint64_t)u32(p + 4) << 32;
		if (code == 5)
			s->dropped = u32(p) | (uint64_t)u32(p + 4) << 32;
	}
	return true;
}

static bool options(struct reader *r, uint32_t block, const uint8_t *p,
		    size_t n)
{
	while (n) {
		uint16_t code, len;
		size_t padded;

		if (n < 4)
			return wrong(r, "an option is cut short");
		code = u16(p);
		len = u16(p + 2);
		if (!code)
			return n == 4 && !len ? true
					      : wrong(r, "end of options");
		padded = ((size_t)len + 3) / 4 * 4;
		if (padded > n - 4)
			return wrong(r, "an option is longer than its block");
		if (!zeros(p + 4 + len, padded - len))
			return wrong(r, "padding of an option");
		if (!value(r, block, code, p + 4, len))
			return false;
		p += 4 + padded;
		n -= 4 + padded;
	}
	return true;
}

static bool packet(struct reader *r, const uint8_t *p, size_t n)
{
	uint32_t len, orig;
	size_t padded;

	if (r->nr_idb != 1)
		return wrong(r, "a packet without its interface");
	if (n < 20 || u32(p) != 0)
		return wrong(r, "head of a packet");
	len = u32(p + 12);
	orig = u32(p + 16);
	padded = ((size_t)len + 3) / 4 * 4;
	if (len > orig || len > 262144 || padded > n - 20)
		return wrong(r, "length of a packet");
	if (!zeros(p + 20 + len, padded - len))
		return wrong(r, "padding of a packet");
	r->s->last_t = (uint64_t)u32(p + 4) << 32 | u32(p + 8);
	if (!options(r, 6, p + 20 + padded, n - 20 - padded))
		return false;
	r->s->packets++;
	r->s->bytes += len;
	return true;
}

static bool block(struct reader *r, uint32_t type, const uint8_t *p, size_t n)
{
	switch (type) {
	case 0x0a0d0d0a:
		if (r->nr_shb++ || n < 16 || u32(p) != 0x1a2b3c4d ||
		    u16(p + 4) != 1 || u16(p + 6) != 0)
			return wrong(r, "section header");
		return options(r, type, p + 16, n - 16);
	case 1:
		if (r->nr_idb++ || n < 8 || u16(p) != 1 || u16(p + 2))
			return wrong(r, "interface");
		return options(r, type, p + 8, n - 8);
	case 5:
		if (r->nr_isb++ || n < 12 || u32(p) != 0)
			return wrong(r, "statistics");
		return options(r, type, p + 12, n - 12);
	case 6:
		return packet(r, p, n);
	default:
		return wrong(r, "unknown block");
	}
}

bool pcapng_check(const void *file, size_t size, struct pcapng_seen *s)
{
	struct reader r = {file, size, s, 0, 0, 0};

	while (r.n) {
		uint32_t total;

		if (r.n < 12)
			return wrong(&r, "a block is cut short");
		total = u32(r.p + 4);
		if (total < 12 || total % 4 || total > r.n)
			return wrong(&r, "length of a block");
		if (u32(r.p + total - 4) != total)
			return wrong(&r, "second length of a block");
		if (!r.nr_shb && u32(r.p) != 0x0a0d0d0a)
			return wrong(&r, "does not begin with a section");
		if (!block(&r, u32(r.p), r.p + 8, total - 12))
			return false;
		r.p += total;
		r.n -= total;
	}
	if (r.nr_shb != 1 || r.nr_idb != 1 || r.nr_isb != 1)
		return wrong(&r, "blocks are missing");
	return true;
}
