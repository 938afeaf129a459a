/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packets to PDUs: follows each TCP stream of the server's port and notes in
 * which packet each PDU ends.
 *
 *	Ethernet | IP | TCP | payload ──► flow (client port, direction)
 *	                                    length field, PDU headers, skip
 *
 * Only headers are looked at: 64 bytes of SMB2 at each PDU of a compound, 7
 * bytes of 9P. A flow that lost bytes (the kernel dropped packets) waits for a
 * segment that begins like a frame. Retransmitted bytes are skipped.
 *
 * Every byte may be hostile: a capture holds what anybody's client sent.
 */
#include "capture_i.h"

#include "nwb/mem.h"
#include <string.h>

#define TCP_FIN 0x01u
#define TCP_SYN 0x02u
#define TCP_RST 0x04u

#define SMB_HDR	    64u
#define P9_HDR	    7u
#define P9_SIZE_MAX (1u << 26)
#define COMPOUND    16u /* PDUs of one frame that are noted */

/* One direction of one connection. */
struct flow {
	bool is_known; /* @seq says what comes next */
	bool is_lost;  /* bytes are missing: where frames begin is unknown */
	uint32_t seq;
	uint64_t last_packet, last_t;
	uint64_t pos; /* in the frame */
	uint64_t len; /* of the frame with its length field, once pos >= 4 */
	uint64_t hdr_at;
	uint32_t nr_hdr;
	uint8_t hdr[SMB_HDR];
	uint64_t mid[COMPOUND];
	unsigned int nr_mid;
};

struct segment {
	uint16_t port; /* the client's */
	bool is_reply;
	uint8_t flags;
	uint32_t seq;
	const uint8_t *data;
	uint32_t len;
	uint64_t t_ns, packet;
};

struct follow {
	uint16_t port;
	bool is_9p;
	/* by the two bytes of the client's port: pairs of [0] requests and
	 * [1] replies */
	struct flow **flow[256];
	struct cap_pdus *out;
	uint64_t max;
};

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)be16(p) << 16 | be16(p + 2);
}

static uint32_t le32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	       (uint32_t)p[3] << 24;
}

static uint64_t le64(const uint8_t *p)
{
	return le32(p) | (uint64_t)le32(p + 4) << 32;
}

const uint8_t *cap_next(const struct cap_packets *p, size_t *at,
			struct cap_pkt *ret_h)
{
	const uint8_t *data;

	if (p->len - *at < sizeof(*ret_h))
		return NULL;
	memcpy(ret_h, p->data + *at, sizeof(*ret_h));
	if (ret_h->len > p->len - *at - sizeof(*ret_h))
		return NULL;
	data = p->data + *at + sizeof(*ret_h);
	*at += sizeof(*ret_h) + ret_h->len;
	return data;
}

static void emit(struct follow *fo, const struct cap_pdu *pdu)
{
	struct cap_pdus *out = fo->out;

	if (out->is_short)
		return;
	if (out->nr == fo->max) {
		uint64_t max = fo->max ? fo->max * 2 : 1024;
		struct cap_pdu *v = nwb_alloc(max * sizeof(*v));

		if (!v) {
			out->is_short = true;
			return;
		}
		if (out->nr)
			memcpy(v, out->v, out->nr * sizeof(*v));
		nwb_free(out->v);
		out->v = v;
		fo->max = max;
	}
	out->v[out->nr++] = *pdu;
}

static void frame_reset(struct flow *fl)
{
	fl->pos = 0;
	fl->len = 0;
	fl->nr_hdr = 0;
	fl->nr_mid = 0;
}

/* frame_end() - tell the PDUs of the frame, which ends here or never. */
static void frame_end(struct follow *fo, struct flow *fl, uint16_t port,
		      bool is_reply, bool is_whole)
{
	for (unsigned int i = 0; i < fl->nr_mid; i++)
		emit(fo, &(struct cap_pdu){.t_ns = fl->last_t,
					   .packet = fl->last_packet,
					   .mid = fl->mid[i],
					   .port = port,
					   .what = is_reply ? CAP_REPLY
							    : CAP_REQUEST,
					   .is_whole = is_whole});
	frame_reset(fl);
}

static void note_mid(struct flow *fl, uint64_t mid)
{
	if (fl->nr_mid < COMPOUND)
		fl->mid[fl->nr_mid++] = mid;
}

/* The length field is here. Return: false: this begins no frame. */
static bool frame_begin(const struct follow *fo, struct flow *fl)
{
	if (fo->is_9p) {
		fl->len = le32(fl->hdr);
		fl->hdr_at = 4;
		return fl->len >= P9_HDR && fl->len <= P9_SIZE_MAX;
	}
	fl->len = 4 + (be32(fl->hdr) & 0xffffff);
	fl->hdr_at = 4;
	/* 0: session message; 0x85: keep-alive (RFC 1002 4.3) */
	return fl->hdr[0] == 0 || (fl->hdr[0] == 0x85 && fl->len == 4);
}

/* A header is whole: note it; where is the next one? */
static void header(const struct follow *fo, struct flow *fl)
{
	const uint8_t *h = fl->hdr;
	uint64_t next = 0;

	fl->nr_hdr = 0;
	if (fo->is_9p) {
		note_mid(fl, (uint64_t)h[1] | (uint64_t)h[2] << 8);
	} else if (!memcmp(h, "\xfeSMB", 4)) {
		note_mid(fl, le64(h + 24));
		next = le32(h + 20);
	} else if (!memcmp(h, "\xfdSMB", 4)) {
		note_mid(fl, CAP_NO_MID);
		fo->out->encrypted++;
	}
	fl->hdr_at = next >= SMB_HDR ? fl->hdr_at + next : UINT64_MAX;
}

/* feed() - the next bytes of the stream. */
static void feed(struct follow *fo, struct flow *fl, const struct segment *s,
		 const uint8_t *p, uint32_t n)
{
	uint32_t hdr_len = fo->is_9p ? P9_HDR - 4 : SMB_HDR;

	while (n) {
		uint64_t step;

		if (fl->pos < 4) {
			fl->hdr[fl->pos++] = *p++;
			n--;
			if (fl->pos == 4 && !frame_begin(fo, fl)) {
				fl->is_lost = true;
				frame_reset(fl);
				return;
			}
		} else if (fl->pos >= fl->hdr_at &&
			   fl->pos < fl->hdr_at + hdr_len) {
			fl->hdr[fl->nr_hdr++] = *p++;
			n--;
			fl->pos++;
			if (fl->nr_hdr == hdr_len)
				header(fo, fl);
		} else {
			step = fl->len - fl->pos;
			if (fl->hdr_at > fl->pos)
				step = nwb_min(step, fl->hdr_at - fl->pos);
			step = nwb_min(step, (uint64_t)n);
			fl->pos += step;
			p += step;
			n -= (uint32_t)step;
		}
		if (fl->pos >= 4 && fl->pos >= fl->len)
			frame_end(fo, fl, s->port, s->is_reply, true);
	}
}

/* Does the segment begin like a frame? */
static bool looks_like_frame(const struct follow *fo, const struct segment *s)
{
	if (s->len < (fo->is_9p ? P9_HDR : 8))
		return false;
	if (fo->is_9p)
		return le32(s->data) >= P9_HDR &&
		       le32(s->data) <= P9_SIZE_MAX &&
		       (s->data[4] & 1) == s->is_reply;
	return s->data[0] == 0 && (s->data[4] & 0xfc) == 0xfc &&
	       !memcmp(s->data + 5, "SMB", 3);
}

static void data(struct follow *fo, struct flow *fl, const struct segment *s)
{
	uint32_t skip = 0;

	if (fl->is_known && s->seq != fl->seq) {
		uint32_t behind = fl->seq - s->seq;

		if (behind < 0x80000000u) {
			skip = behind; /* sent again */
			fo->out->resent++;
		} else {
			frame_end(fo, fl, s->port, s->is_reply, false);
			fl->is_lost = true;
		}
	} else if (!fl->is_known) {
		fl->is_lost = true;
	}
	if (skip >= s->len)
		return;
	if (fl->is_lost) {
		if (skip || !looks_like_frame(fo, s)) {
			fl->seq = s->seq + s->len;
			fl->is_known = true;
			return;
		}
		fl->is_lost = false;
		frame_reset(fl);
	}
	fl->is_known = true;
	fl->seq = s->seq + s->len;
	fl->last_packet = s->packet;
	fl->last_t = s->t_ns;
	feed(fo, fl, s, s->data + skip, s->len - skip);
}

/* flows() - both directions of the client's port; NULL: no memory. */
static struct flow *flows(struct follow *fo, uint16_t port)
{
	struct flow ***some = &fo->flow[port >> 8], **fl;

	if (!*some)
		*some = nwb_zalloc(256 * sizeof(**some));
	if (!*some) {
		fo->out->is_short = true;
		return NULL;
	}
	fl = &(*some)[port & 0xff];
	if (!*fl)
		*fl = nwb_zalloc(2 * sizeof(**fl));
	if (!*fl)
		fo->out->is_short = true;
	return *fl;
}

/* flows_end() - what is unfinished is told; all is freed. */
static void flows_end(struct follow *fo)
{
	for (uint32_t i = 0; i < 65536; i++) {
		struct flow **some = fo->flow[i >> 8];

		if (!some) {
			i |= 0xff;
			continue;
		}
		for (int r = 0; some[i & 0xff] && r < 2; r++)
			frame_end(fo, &some[i & 0xff][r], (uint16_t)i, r,
				  false);
		nwb_free(some[i & 0xff]);
		if ((i & 0xff) == 0xff)
			nwb_free(some);
	}
}

static void segment(struct follow *fo, const struct segment *s)
{
	struct flow *fl = flows(fo, s->port), *mine;

	if (!fl)
		return;
	mine = &fl[s->is_reply];
	if (s->flags & TCP_SYN) {
		frame_end(fo, mine, s->port, s->is_reply, false);
		*mine = (struct flow){.is_known = true, .seq = s->seq + 1};
		return;
	}
	if (s->len)
		data(fo, mine, s);
	if (!(s->flags & (TCP_FIN | TCP_RST)))
		return;
	frame_end(fo, mine, s->port, s->is_reply, false);
	if (s->flags & TCP_RST)
		frame_end(fo, &fl[!s->is_reply], s->port, !s->is_reply, false);
	if (s->is_reply)
		emit(fo, &(struct cap_pdu){.t_ns = s->t_ns,
					   .packet = s->packet,
					   .port = s->port,
					   .what = CAP_CUT});
}

/* ip() - where TCP begins, 0: it is none. @ret_end: where the packet ends
 * (behind it there may be padding). */
static uint32_t ip(const uint8_t *p, uint32_t len, uint32_t *ret_end)
{
	uint32_t at = 14, ihl, total;

	if (len < at + 20)
		return 0;
	if (be16(p + 12) == 0x86dd) {
		if (len < at + 40 || p[at + 6] != 6)
			return 0;
		total = be16(p + at + 4);
		/* a jumbogram's length is 0 */
		*ret_end = total ? nwb_min(len, at + 40 + total) : len;
		return at + 40;
	}
	if (be16(p + 12) != 0x0800 || p[at] >> 4 != 4 || p[at + 9] != 6)
		return 0;
	if (be16(p + at + 6) & 0x1fff) /* not the first fragment */
		return 0;
	ihl = (p[at] & 15u) * 4;
	total = be16(p + at + 2);
	*ret_end = total ? nwb_min(len, at + total) : len;
	return ihl >= 20 ? at + ihl : 0;
}

static void packet(struct follow *fo, const uint8_t *p, uint32_t len,
		   uint64_t t_ns, uint64_t number)
{
	struct segment s = {.t_ns = t_ns, .packet = number};
	uint32_t end, at = ip(p, len, &end), off;
	uint16_t from, to;

	if (!at || end < at + 20)
		return;
	from = be16(p + at);
	to = be16(p + at + 2);
	off = (p[at + 12] >> 4) * 4u;
	if (off < 20 || end < at + off || (from != fo->port && to != fo->port))
		return;
	s.is_reply = from == fo->port;
	s.port = s.is_reply ? to : from;
	s.flags = p[at + 13];
	s.seq = be32(p + at + 4);
	s.data = p + at + off;
	s.len = end - at - off;
	segment(fo, &s);
}

void cap_pdus_find(const struct cap_packets *p, uint16_t port, bool is_9p,
		   struct cap_pdus *ret)
{
	struct follow fo = {.port = port, .is_9p = is_9p, .out = ret};
	struct cap_pkt h;
	const uint8_t *d;
	size_t at = 0;

	*ret = (struct cap_pdus){0};
	for (uint64_t nr = 0; (d = cap_next(p, &at, &h)) != NULL; nr++)
		packet(&fo, d, h.len, h.t_ns, nr);
	flows_end(&fo);
}

void cap_pdus_free(struct cap_pdus *p)
{
	nwb_free(p->v);
	*p = (struct cap_pdus){0};
}
