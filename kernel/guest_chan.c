/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames of the guest's channel, for both of its ends.
 *
 *	 0       2      4       8      16     24     28     32
 *	 +-------+------+-------+------+------+------+------+-------------
 *	 | magic | type | bytes | seq  | ns   | seen | crc  | payload ...
 *	 +-------+------+-------+------+------+------+------+-------------
 *
 * Little-endian whatever the machine's byte order. The checksum (CRC-32 of IEEE
 * 802.3) covers everything but itself: what a console's line discipline or a
 * dying kernel has put between must not be taken for a record.
 */
#include "nwb/guest_chan.h"

#include <errno.h>
#include <string.h>

static void put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, (uint16_t)v);
	put16(p + 2, (uint16_t)(v >> 16));
}

static void put64(uint8_t *p, uint64_t v)
{
	put32(p, (uint32_t)v);
	put32(p + 4, (uint32_t)(v >> 32));
}

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t get32(const uint8_t *p)
{
	return get16(p) | (uint32_t)get16(p + 2) << 16;
}

static uint64_t get64(const uint8_t *p)
{
	return get32(p) | (uint64_t)get32(p + 4) << 32;
}

/* Four bits at a time: the table is small enough to be read at a glance. */
static uint32_t crc32(uint32_t crc, const uint8_t *p, size_t len)
{
	static const uint32_t table[16] = {
		0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac,
		0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
		0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
		0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
	};

	crc = ~crc;
	while (len--) {
		crc ^= *p++;
		crc = crc >> 4 ^ table[crc & 15];
		crc = crc >> 4 ^ table[crc & 15];
	}
	return ~crc;
}

static uint32_t frame_crc(const uint8_t *frame, uint32_t len)
{
	uint32_t crc = crc32(0, frame, NWB_CHAN_HEAD - 4);

	return crc32(crc, frame + NWB_CHAN_HEAD, len);
}

size_t nwb_chan_put(const struct nwb_chan_rec *rec, uint8_t *buf)
{
	nwb_assert(rec->len <= NWB_CHAN_PAYLOAD_MAX);
	put16(buf, NWB_CHAN_MAGIC);
	put16(buf + 2, rec->type);
	put32(buf + 4, rec->len);
	put64(buf + 8, rec->seq);
	put64(buf + 16, rec->ns);
	put32(buf + 24, rec->seen);
	if (rec->len)
		memmove(buf + NWB_CHAN_HEAD, rec->payload, rec->len);
	put32(buf + 28, frame_crc(buf, rec->len));
	return NWB_CHAN_HEAD + rec->len;
}

size_t nwb_chan_room(struct nwb_chan_parser *p, uint8_t **ret_at)
{
	if (p->used) {
		memmove(p->buf, p->buf + p->used, p->has - p->used);
		p->has -= p->used;
		p->used = 0;
	}
	*ret_at = p->buf + p->has;
	return sizeof(p->buf) - p->has;
}

void nwb_chan_fed(struct nwb_chan_parser *p, size_t len)
{
	nwb_assert(len <= sizeof(p->buf) - p->has);
	p->has += (uint32_t)len;
}

int nwb_chan_next(struct nwb_chan_parser *p, struct nwb_chan_rec *ret_rec)
{
	const uint8_t *f = p->buf + p->used;
	uint32_t has = p->has - p->used, len;

	if (p->is_broken)
		return -EPROTO;
	/* Nonsense is told at once, and not when enough of it has come. */
	if ((has >= 1 && f[0] != (NWB_CHAN_MAGIC & 0xff)) ||
	    (has >= 2 && f[1] != NWB_CHAN_MAGIC >> 8))
		goto broken;
	if (has < NWB_CHAN_HEAD)
		return 0;
	len = get32(f + 4);
	if (len > NWB_CHAN_PAYLOAD_MAX)
		goto broken;
	if (has < NWB_CHAN_HEAD + len)
		return 0;
	if (get32(f + 28) != frame_crc(f, len))
		goto broken;
	*ret_rec = (struct nwb_chan_rec){
		.type = get16(f + 2),
		.seq = get64(f + 8),
		.ns = get64(f + 16),
		.seen = get32(f + 24),
		.payload = f + NWB_CHAN_HEAD,
		.len = len,
	};
	p->used += NWB_CHAN_HEAD + len;
	return 1;
broken:
	p->is_broken = true;
	return -EPROTO;
}

/* --- payloads ------------------------------------------------------------- */

#define OP_BYTES    48u
#define FOUND_BYTES 52u
#define DONE_BYTES  8u

/* An end of a range that wraps would fool everybody behind us. */
static int check_range(uint64_t off, uint64_t len)
{
	return off > INT64_MAX || len > INT64_MAX - off ? -EPROTO : 0;
}

size_t nwb_chan_put_op(const struct nwb_chan_op *op, uint8_t *buf)
{
	put16(buf, op->op);
	put16(buf + 2, op->flags);
	put32(buf + 4, op->id);
	put16(buf + 8, op->file);
	put16(buf + 10, op->fd);
	put32(buf + 12, op->thread);
	put64(buf + 16, op->off);
	put64(buf + 24, op->len);
	put32(buf + 32, op->version);
	put32(buf + 36, 0);
	put64(buf + 40, (uint64_t)op->result);
	return OP_BYTES;
}

int nwb_chan_get_op(const struct nwb_chan_rec *rec, struct nwb_chan_op *ret)
{
	const uint8_t *p = rec->payload;

	if (rec->len != OP_BYTES || !get16(p) || get16(p) >= NWB_CHAN_OPCODES ||
	    !get32(p + 4))
		return -EPROTO;
	*ret = (struct nwb_chan_op){
		.op = get16(p),
		.flags = get16(p + 2),
		.id = get32(p + 4),
		.file = get16(p + 8),
		.fd = get16(p + 10),
		.thread = get32(p + 12),
		.off = get64(p + 16),
		.len = get64(p + 24),
		.version = get32(p + 32),
		.result = (int64_t)get64(p + 40),
	};
	return check_range(ret->off, ret->len);
}

size_t nwb_chan_put_found(const struct nwb_chan_found *f, uint8_t *buf)
{
	put32(buf, f->id);
	put16(buf + 4, f->kind);
	put16(buf + 6, f->file);
	put64(buf + 8, f->off);
	put64(buf + 16, f->len);
	put32(buf + 24, f->version);
	put64(buf + 28, f->origin);
	memcpy(buf + 36, f->raw, sizeof(f->raw));
	return FOUND_BYTES;
}

int nwb_chan_get_found(const struct nwb_chan_rec *rec,
		       struct nwb_chan_found *ret)
{
	const uint8_t *p = rec->payload;

	if (rec->len != FOUND_BYTES || get16(p + 4) > NWB_CHAN_FOUND_PARTIAL)
		return -EPROTO;
	*ret = (struct nwb_chan_found){
		.id = get32(p),
		.kind = get16(p + 4),
		.file = get16(p + 6),
		.off = get64(p + 8),
		.len = get64(p + 16),
		.version = get32(p + 24),
		.origin = get64(p + 28),
	};
	memcpy(ret->raw, p + 36, sizeof(ret->raw));
	return check_range(ret->off, ret->len);
}

size_t nwb_chan_put_done(const struct nwb_chan_done *d, uint8_t *buf)
{
	size_t n = strnlen(d->text, NWB_CHAN_NAME_MAX);

	put32(buf, (uint32_t)d->rc);
	put32(buf + 4, d->failed);
	memcpy(buf + DONE_BYTES, d->text, n);
	return DONE_BYTES + n;
}

/* Text for people and reports: what would steer a terminal is blotted out. */
static void copy_text(char *to, const uint8_t *from, size_t len)
{
	for (size_t i = 0; i < len; i++)
		to[i] = from[i] >= ' ' && from[i] != 0x7f ? (char)from[i] : '?';
	to[len] = '\0';
}

int nwb_chan_get_done(const struct nwb_chan_rec *rec, struct nwb_chan_done *ret)
{
	if (rec->len < DONE_BYTES || rec->len > DONE_BYTES + NWB_CHAN_NAME_MAX)
		return -EPROTO;
	ret->rc = (int32_t)get32(rec->payload);
	ret->failed = get32(rec->payload + 4);
	copy_text(ret->text, rec->payload + DONE_BYTES, rec->len - DONE_BYTES);
	return 0;
}

int nwb_chan_get_name(const struct nwb_chan_rec *rec,
		      char ret[NWB_CHAN_NAME_MAX + 1])
{
	if (!rec->len || rec->len > NWB_CHAN_NAME_MAX)
		return -EPROTO;
	for (uint32_t i = 0; i < rec->len; i++)
		if (rec->payload[i] < ' ' || rec->payload[i] == 0x7f)
			return -EPROTO;
	memcpy(ret, rec->payload, rec->len);
	ret[rec->len] = '\0';
	return 0;
}

int nwb_chan_get_stat(const struct nwb_chan_rec *rec,
		      char ret_path[NWB_CHAN_NAME_MAX + 1],
		      const char **ret_text, uint32_t *ret_len)
{
	const uint8_t *nul =
		rec->len ? memchr(rec->payload, 0, rec->len) : NULL;
	struct nwb_chan_rec name = *rec;
	int rc;

	if (!nul)
		return -EPROTO;
	name.len = (uint32_t)(nul - rec->payload);
	rc = nwb_chan_get_name(&name, ret_path);
	if (rc)
		return rc;
	*ret_text = (const char *)nul + 1;
	*ret_len = rec->len - name.len - 1;
	return 0;
}

const char *nwb_chan_type_name(unsigned int type)
{
	static const char *const up[] = {
		NULL,	"HELLO", "OP_BEGIN",	 "OP_END",     "FOUND",
		"MARK", "WAIT",	 "BEAT",	 "TRACE",      "STAT",
		"SAY",	"DONE",	 "EFFECT_BEGIN", "EFFECT_END",
	};
	static const char *const down[] = {"ECHO", "GO", "STOP", "FUSE"};

	if (type && type < NWB_ARRAY_SIZE(up))
		return up[type];
	if (type >= NWB_CHAN_ECHO &&
	    type - NWB_CHAN_ECHO < NWB_ARRAY_SIZE(down))
		return down[type - NWB_CHAN_ECHO];
	return "?";
}

const char *nwb_chan_op_name(unsigned int op)
{
	static const char *const names[] = {
		NULL,	       "open",	    "write", "store",  "read",
		"fsync",       "fdatasync", "msync", "syncfs", "sync",
		"truncate",    "close",	    "mount", "umount", "unlink",
		"drop_caches", "pressure",
	};

	_Static_assert(NWB_ARRAY_SIZE(names) == NWB_CHAN_OPCODES,
		       "a name for each");
	return op && op < NWB_CHAN_OPCODES ? names[op] : "?";
}
