/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A stream of bytes, cut into frames.
 *
 *	SMB over TCP   | 0 | length 24 bit, big-endian | SMB2 PDU ... |
 *	9P             | size 32 bit, little-endian, itself included | ... |
 *
 * Of each frame the first bytes are kept: of most messages a header, of those
 * with names in them as much as there is room for. The address at which the
 * payload of a write arrived is remembered too: it tells later which pwrite
 * belongs to which request.
 *
 * Of a compound of WRITEs the headers lie apart. They are kept one behind the
 * other, with a NextCommand that says so:
 *
 *	frame	| WRITE, next | data ... | WRITE, next | data ... | WRITE | data
 *	head	| WRITE, 96 | WRITE, 96 | WRITE, 0 |
 */
#include "shim_i.h"

#include <string.h>

#define SMB_PREFIX   4u
#define SMB_MIN_HEAD (SMB_PREFIX + 64u)
#define SMB_BODY     96u /* of a PDU, for messages without names */
#define SMB_NEXT     20u /* NextCommand, in a header */
#define SMB_PAYLOAD  (SMB_PREFIX + 112u) /* where WRITE data begins */
#define P9_MIN	     7u
#define P9_BODY	     64u
#define P9_PAYLOAD   23u

void sh_frame_reset(struct sh_frame *f)
{
	f->len = 0;
	f->got = 0;
	f->have = 0;
	f->want = 0;
	f->payload = 0;
	f->elem = 0;
}

/* sh_frame_len() - length of the frame whose first 4 bytes are @head; 0: this
 * cannot be a frame. */
uint64_t sh_frame_len(const uint8_t *head, enum nwb_fc_proto proto)
{
	uint64_t len;

	if (proto == NWB_FC_9P) {
		len = head[0] | head[1] << 8 | head[2] << 16 |
		      (uint64_t)head[3] << 24;
		return len < P9_MIN ? 0 : len;
	}
	/* 0 session message, 0x85 keep-alive (RFC 1002, 4.3) */
	if (head[0] != 0 && head[0] != 0x85)
		return 0;
	return SMB_PREFIX + (head[1] << 16 | head[2] << 8 | head[3]);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)(p[0] | p[1] << 8 | p[2] << 16) | (uint32_t)p[3] << 24;
}

/* more_elem() - the header of a WRITE at @at in head has a NextCommand: make it
 * lead to where the next one will stand in head. */
static void more_elem(struct sh_frame *f, uint32_t at, uint64_t begin)
{
	uint32_t next = get32(f->head + at + SMB_NEXT);

	f->elem = 0;
	if (!next || next < SMB_BODY || begin + next + SMB_BODY > f->len ||
	    at + 2 * SMB_BODY > SH_HEAD)
		return;
	f->head[at + SMB_NEXT] = SMB_BODY;
	memset(f->head + at + SMB_NEXT + 1, 0, 3);
	f->elem = begin + next;
	f->want = at + 2 * SMB_BODY;
}

/* more_head() - called when head has what was wanted: is more wanted? */
static void more_head(struct sh_frame *f, enum nwb_fc_proto proto)
{
	uint64_t most = nwb_min(f->len, (uint64_t)SH_HEAD);
	uint64_t want;

	if (proto == NWB_FC_9P) {
		uint8_t type = f->head[4];

		want = type == P9_TWALK || type == P9_TLCREATE ? most : P9_BODY;
	} else {
		uint32_t cmd = f->head[16] | f->head[17] << 8;
		bool compound = get32(f->head + SMB_PREFIX + SMB_NEXT) != 0;

		want = SMB_PREFIX + SMB_BODY;
		if (cmd == SMB_CREATE || (compound && cmd != SMB_WRITE))
			want = most;
	}
	f->want = (uint32_t)nwb_min(want, most);
}

static uint32_t first_want(const struct sh_frame *f, enum nwb_fc_proto proto)
{
	uint64_t min = proto == NWB_FC_9P ? P9_MIN : SMB_MIN_HEAD;

	return (uint32_t)nwb_min(f->len, min);
}

/* fill_head() - take up to @n bytes into head. */
static void fill_head(struct sh_frame *f, const uint8_t *p, size_t n)
{
	size_t room = f->want - f->have;

	n = nwb_min(n, room);
	memcpy(f->head + f->have, p, n);
	f->have += (uint32_t)n;
}

static void note_payload(struct sh_frame *f, enum nwb_fc_proto proto,
			 const uint8_t *p, size_t n)
{
	uint64_t at = proto == NWB_FC_9P ? P9_PAYLOAD : SMB_PAYLOAD;

	if (f->got <= at && at < f->got + n)
		f->payload = (uintptr_t)p + (uintptr_t)(at - f->got);
}

/* is_write_chain() - is head just full with the first WRITE of several? */
static bool is_write_chain(const struct sh_frame *f)
{
	return !f->elem && f->have == f->want &&
	       f->want == SMB_PREFIX + SMB_BODY &&
	       (f->head[SMB_PREFIX + 12] | f->head[SMB_PREFIX + 13] << 8) ==
		       SMB_WRITE &&
	       get32(f->head + SMB_PREFIX + SMB_NEXT) > SMB_BODY;
}

/* feed_elems() - @n bytes that stand at @got in the frame. Head is full as far
 * as contiguous bytes go. */
static void feed_elems(struct sh_frame *f, const uint8_t *p, uint64_t got,
		       size_t n)
{
	/* where the missing bytes of this header stand in the frame */
	while (f->elem) {
		uint32_t at = f->want - SMB_BODY;
		uint64_t from = f->elem + (f->have - at);
		size_t skip, part;

		if (from < got || from >= got + n)
			return;
		skip = (size_t)(from - got);
		part = nwb_min(n - skip, (size_t)(f->want - f->have));
		memcpy(f->head + f->have, p + skip, part);
		f->have += (uint32_t)part;
		if (f->have < f->want)
			return;
		more_elem(f, at, f->elem);
	}
}

/**
 * sh_frame_feed() - take bytes up to the end of the current frame.
 * @ret_used: how many of @n were taken
 *
 * After SH_FRAME_DONE the caller looks at head and resets.
 */
enum sh_frame_state sh_frame_feed(struct sh_frame *f, enum nwb_fc_proto proto,
				  const uint8_t *p, size_t n, size_t *ret_used)
{
	size_t used = 0;

	while (!f->len && used < n) {
		f->head[f->have++] = p[used++];
		f->got++;
		if (f->have < 4)
			continue;
		f->len = sh_frame_len(f->head, proto);
		if (!f->len) {
			*ret_used = used;
			return SH_FRAME_BROKEN;
		}
		f->want = first_want(f, proto);
		if (f->want < 4)
			f->want = 4;
	}
	*ret_used = used;
	if (!f->len)
		return SH_FRAME_MORE;
	p += used;
	n = (size_t)nwb_min((uint64_t)(n - used), f->len - f->got);
	*ret_used += n;
	note_payload(f, proto, p, n);
	if (!f->elem && f->have < f->want) {
		uint32_t before = f->have;

		fill_head(f, p, n);
		if (f->have == f->want && f->want == first_want(f, proto) &&
		    f->want < f->len) {
			size_t taken = f->have - before;

			more_head(f, proto);
			if (f->have < f->want)
				fill_head(f, p + taken, n - taken);
		}
	}
	if (proto == NWB_FC_SMB && is_write_chain(f))
		more_elem(f, SMB_PREFIX, SMB_PREFIX);
	if (f->elem)
		feed_elems(f, p, f->got, n);
	f->got += n;
	return f->got == f->len ? SH_FRAME_DONE : SH_FRAME_MORE;
}
