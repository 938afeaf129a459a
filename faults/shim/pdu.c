/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Just enough of SMB2 and 9P2000.L to know what a message is about.
 *
 * Sources: [MS-SMB2] 2.2.1 (header), 2.2.13/14 (CREATE), 2.2.15 (CLOSE),
 * 2.2.17 (FLUSH), 2.2.19 (READ), 2.2.21/22 (WRITE), 2.2.39 (SET_INFO); the
 * 9P2000.L protocol description of diod. Deliberately not the clients' codec:
 * a mistake there must not be repeated by the one who keeps the record.
 *
 * Only the first bytes of a message are at hand; what lies beyond is left out,
 * never read.
 */
#include "shim_i.h"

#include <string.h>

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

/* utf16_base() - the part behind the last backslash, "?" for what is no
 * ASCII. */
static void utf16_base(const uint8_t *p, size_t len, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i + 1 < len; i += 2) {
		uint16_t u = get16(p + i);

		if (u == '\\' || u == '/')
			n = 0;
		else if (n + 1 < SH_NAME)
			out[n++] = u >= ' ' && u < 127 ? (char)u : '?';
	}
	out[n] = '\0';
}

static void set_fid(struct sh_pdu *p, uint64_t fid)
{
	p->fid = fid;
	p->has_fid = true;
}

static void smb_create(const uint8_t *pdu, size_t len, struct sh_pdu *p)
{
	const uint8_t *b = pdu + 64;
	uint32_t at, n;

	if (p->is_reply) {
		if (!p->status && len >= 64 + 80)
			set_fid(p, get64(b + 64));
		return;
	}
	if (len < 64 + 48)
		return;
	at = get16(b + 44);
	n = get16(b + 46);
	if (at >= 64 && at + n <= len)
		utf16_base(pdu + at, n, p->name);
}

static void smb_write(const uint8_t *pdu, size_t len, struct sh_pdu *p)
{
	const uint8_t *b = pdu + 64;

	if (p->is_reply) {
		if (!p->status && p->cmd == SMB_WRITE && len >= 64 + 8)
			p->count = get32(b + 4);
		return;
	}
	if (len < 64 + 32)
		return;
	p->len = get32(b + 4);
	p->off = get64(b + 8);
	p->has_extent = true;
	set_fid(p, get64(b + 16));
}

static void smb_body(const uint8_t *pdu, size_t len, struct sh_pdu *p)
{
	const uint8_t *b = pdu + 64;

	switch (p->cmd) {
	case SMB_SESSION_SETUP:
		p->is_binding = !p->is_reply && len > 64 + 2 && (b[2] & 1);
		break;
	case SMB_CREATE:
		smb_create(pdu, len, p);
		break;
	case SMB_READ:
	case SMB_WRITE:
		smb_write(pdu, len, p);
		break;
	case SMB_CLOSE:
	case SMB_FLUSH:
		if (!p->is_reply && len >= 64 + 24)
			set_fid(p, get64(b + 8));
		break;
	case SMB_SET_INFO:
		if (!p->is_reply && len >= 64 + 32)
			set_fid(p, get64(b + 16));
		break;
	default:
		break;
	}
}

/* sh_smb_decode() - @pdu begins with the header; false: it is none. */
bool sh_smb_decode(const uint8_t *pdu, size_t len, struct sh_pdu *ret)
{
	uint32_t flags;

	memset(ret, 0, sizeof(*ret));
	if (len < 64 || memcmp(pdu, "\xfeSMB", 4) || get16(pdu + 4) != 64)
		return false;
	flags = get32(pdu + 16);
	ret->cmd = get16(pdu + 12);
	ret->type = ret->cmd;
	ret->charge = get16(pdu + 6);
	ret->credits = get16(pdu + 14);
	ret->mid = get64(pdu + 24);
	ret->next = get32(pdu + 20);
	ret->is_reply = flags & SMB_FLAG_RESPONSE;
	ret->is_signed = flags & SMB_FLAG_SIGNED;
	if (ret->is_reply) {
		ret->status = get32(pdu + 8);
		ret->is_interim =
			ret->status == SMB_PENDING && (flags & SMB_FLAG_ASYNC);
	}
	smb_body(pdu, len, ret);
	return true;
}

/* p9_str() - the string at @at, as a base name. */
static size_t p9_str(const uint8_t *f, size_t len, size_t at, char *out)
{
	size_t n, cut;

	if (at + 2 > len)
		return len;
	n = get16(f + at);
	at += 2;
	if (n > len - at)
		return len;
	cut = nwb_min(n, (size_t)(SH_NAME - 1));
	memcpy(out, f + at, cut);
	out[cut] = '\0';
	return at + n;
}

static void p9_walk(const uint8_t *f, size_t len, struct sh_pdu *p)
{
	size_t at = 17;
	unsigned int nr;

	if (len < 17)
		return;
	set_fid(p, get32(f + 7));
	p->newfid = get32(f + 11);
	nr = get16(f + 15);
	while (nr-- && at < len)
		at = p9_str(f, len, at, p->name);
}

static void p9_request(const uint8_t *f, size_t len, struct sh_pdu *p)
{
	if (p->cmd == P9_TFLUSH && len >= 9)
		p->newfid = get16(f + 7);
	if (p->cmd == P9_TFLUSH || len < 11)
		return;
	switch (p->cmd) {
	case P9_TWALK:
		p9_walk(f, len, p);
		break;
	case P9_TLCREATE:
		set_fid(p, get32(f + 7));
		p9_str(f, len, 11, p->name);
		break;
	case P9_TREAD:
	case P9_TWRITE:
		if (len < 23)
			break;
		set_fid(p, get32(f + 7));
		p->off = get64(f + 11);
		p->len = get32(f + 19);
		p->has_extent = true;
		break;
	case P9_TLOPEN:
	case P9_TFSYNC:
	case P9_TCLUNK:
	case P9_TREMOVE:
	case P9_TSETATTR:
		set_fid(p, get32(f + 7));
		break;
	default:
		break;
	}
}

/* sh_p9_decode() - a frame with its size field; a reply's type is given as
 * that of its request, Rlerror as 6 (the caller knows the tag). nfs-ganesha
 * calls its Rlerror Rerror. */
bool sh_p9_decode(const uint8_t *frame, size_t len, struct sh_pdu *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (len < 7)
		return false;
	ret->is_reply = frame[4] & 1;
	ret->cmd = frame[4] & 0xfe;
	ret->type = frame[4];
	ret->mid = get16(frame + 5);
	if (ret->type == P9_RERROR) {
		ret->type = P9_RLERROR;
		ret->cmd = P9_RLERROR & 0xfe;
	}
	if (!ret->is_reply)
		p9_request(frame, len, ret);
	else if (ret->type == P9_RLERROR && len >= 11)
		ret->status = get32(frame + 7);
	else if (ret->cmd == P9_TWRITE && len >= 11)
		ret->count = get32(frame + 7);
	else if (ret->cmd == P9_TVERSION && len >= 11)
		ret->msize = get32(frame + 7);
	return true;
}
