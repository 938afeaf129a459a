/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The 9P2000.L codec. Each message is described once; the same description
 * writes (encode) and reads (decode), so that the two cannot disagree:
 *
 *	encode: x_u32(c, &field) writes the field to the bytes
 *	decode: x_u32(c, &field) sets the field from the bytes
 *
 * A codec that once failed stays failed and moves no more: callers describe a
 * whole message and look at the error at the end. Reads past the end give
 * zeroes, so a description that loops over a count it has just read must test
 * the error (twalk, rwalk).
 */
#include "nwb/p9_pdu.h"

#include <errno.h>
#include <string.h>

struct codec {
	const uint8_t *in; /* decode */
	uint8_t *out;	   /* encode */
	size_t pos;
	size_t max;
	int error;
	bool is_decode;
};

/* Move the cursor over @n bytes that are there, or fail for good. */
static bool take(struct codec *c, size_t n, size_t *ret_pos)
{
	if (c->error)
		return false;
	if (n > c->max - c->pos) {
		c->error = c->is_decode ? -EPROTO : -ENOSPC;
		return false;
	}
	*ret_pos = c->pos;
	c->pos += n;
	return true;
}

/* A little-endian integer of @n bytes; returns what stands in the message. */
static uint64_t x_int(struct codec *c, uint64_t v, unsigned int n)
{
	size_t at;
	unsigned int i;

	if (!take(c, n, &at))
		return 0;
	if (c->is_decode) {
		for (v = 0, i = 0; i < n; i++)
			v |= (uint64_t)c->in[at + i] << (8 * i);
		return v;
	}
	for (i = 0; i < n; i++)
		c->out[at + i] = (uint8_t)(v >> (8 * i));
	return v;
}

static void x_u8(struct codec *c, uint8_t *v)
{
	uint64_t x = x_int(c, c->is_decode ? 0 : *v, 1);

	if (c->is_decode)
		*v = (uint8_t)x;
}

static void x_u16(struct codec *c, uint16_t *v)
{
	uint64_t x = x_int(c, c->is_decode ? 0 : *v, 2);

	if (c->is_decode)
		*v = (uint16_t)x;
}

static void x_u32(struct codec *c, uint32_t *v)
{
	uint64_t x = x_int(c, c->is_decode ? 0 : *v, 4);

	if (c->is_decode)
		*v = (uint32_t)x;
}

static void x_u64(struct codec *c, uint64_t *v)
{
	uint64_t x = x_int(c, c->is_decode ? 0 : *v, 8);

	if (c->is_decode)
		*v = x;
}

/* s[s]: len[2] and as many bytes, among which a NUL is not legal (intro(5)). */
static void x_str(struct codec *c, struct nwb_p9_str *s)
{
	size_t at;

	x_u16(c, &s->len);
	if (!take(c, s->len, &at)) {
		if (c->is_decode)
			*s = (struct nwb_p9_str){"", 0};
		return;
	}
	if (c->is_decode)
		s->s = (const char *)c->in + at;
	if (!s->len)
		return;
	if (memchr(s->s, 0, s->len)) {
		c->error = c->is_decode ? -EPROTO : -EINVAL;
		return;
	}
	if (!c->is_decode)
		memcpy(c->out + at, s->s, s->len);
}

static void x_qid(struct codec *c, struct nwb_p9_qid *q)
{
	x_u8(c, &q->type);
	x_u32(c, &q->version);
	x_u64(c, &q->path);
}

/* count[4] data[count]: what follows must be exactly the payload. */
static void x_data(struct codec *c, uint32_t *count, const void **data)
{
	size_t at;

	x_u32(c, count);
	if (!c->is_decode || c->error)
		return;
	if (*count != c->max - c->pos) {
		c->error = -EPROTO;
		return;
	}
	if (take(c, *count, &at))
		*data = c->in + at;
}

/* An element count; a hostile one never gets as far as the array. */
static bool x_nwelem(struct codec *c, uint16_t *n)
{
	x_u16(c, n);
	if (c->error)
		return false;
	if (*n > NWB_P9_MAXWELEM)
		c->error = c->is_decode ? -EPROTO : -EINVAL;
	return !c->error;
}

static void x_twalk(struct codec *c, struct nwb_p9_msg *m)
{
	unsigned int i;

	x_u32(c, &m->twalk.fid);
	x_u32(c, &m->twalk.newfid);
	if (!x_nwelem(c, &m->twalk.nwname))
		return;
	for (i = 0; i < m->twalk.nwname && !c->error; i++)
		x_str(c, &m->twalk.wname[i]);
}

static void x_rwalk(struct codec *c, struct nwb_p9_msg *m)
{
	unsigned int i;

	if (!x_nwelem(c, &m->rwalk.nwqid))
		return;
	for (i = 0; i < m->rwalk.nwqid && !c->error; i++)
		x_qid(c, &m->rwalk.wqid[i]);
}

static void x_rgetattr(struct codec *c, struct nwb_p9_attr *a)
{
	x_u64(c, &a->valid);
	x_qid(c, &a->qid);
	x_u32(c, &a->mode);
	x_u32(c, &a->uid);
	x_u32(c, &a->gid);
	x_u64(c, &a->nlink);
	x_u64(c, &a->rdev);
	x_u64(c, &a->size);
	x_u64(c, &a->blksize);
	x_u64(c, &a->blocks);
	x_u64(c, &a->atime_sec);
	x_u64(c, &a->atime_nsec);
	x_u64(c, &a->mtime_sec);
	x_u64(c, &a->mtime_nsec);
	x_u64(c, &a->ctime_sec);
	x_u64(c, &a->ctime_nsec);
	x_u64(c, &a->btime_sec);
	x_u64(c, &a->btime_nsec);
	x_u64(c, &a->gen);
	x_u64(c, &a->data_version);
}

static void x_tsetattr(struct codec *c, struct nwb_p9_msg *m)
{
	struct nwb_p9_iattr *a = &m->tsetattr.attr;

	x_u32(c, &m->tsetattr.fid);
	x_u32(c, &a->valid);
	x_u32(c, &a->mode);
	x_u32(c, &a->uid);
	x_u32(c, &a->gid);
	x_u64(c, &a->size);
	x_u64(c, &a->atime_sec);
	x_u64(c, &a->atime_nsec);
	x_u64(c, &a->mtime_sec);
	x_u64(c, &a->mtime_nsec);
}

/* fid[4] datasync[4]; the second field is missing in old senders. */
static void x_tfsync(struct codec *c, struct nwb_p9_msg *m)
{
	x_u32(c, &m->tfsync.fid);
	if (c->is_decode) {
		m->tfsync.is_short = !c->error && c->pos == c->max;
		m->tfsync.datasync = 0;
	}
	if (!m->tfsync.is_short)
		x_u32(c, &m->tfsync.datasync);
}

static void x_tattach(struct codec *c, struct nwb_p9_msg *m)
{
	x_u32(c, &m->tattach.fid);
	x_u32(c, &m->tattach.afid);
	x_str(c, &m->tattach.uname);
	x_str(c, &m->tattach.aname);
	x_u32(c, &m->tattach.n_uname);
}

static void x_tlcreate(struct codec *c, struct nwb_p9_msg *m)
{
	x_u32(c, &m->tlcreate.fid);
	x_str(c, &m->tlcreate.name);
	x_u32(c, &m->tlcreate.flags);
	x_u32(c, &m->tlcreate.mode);
	x_u32(c, &m->tlcreate.gid);
}

static void x_rstatfs(struct codec *c, struct nwb_p9_statfs *s)
{
	x_u32(c, &s->type);
	x_u32(c, &s->bsize);
	x_u64(c, &s->blocks);
	x_u64(c, &s->bfree);
	x_u64(c, &s->bavail);
	x_u64(c, &s->files);
	x_u64(c, &s->ffree);
	x_u64(c, &s->fsid);
	x_u32(c, &s->namelen);
}

/* Those that are about names. */
static void x_name_request(struct codec *c, struct nwb_p9_msg *m)
{
	switch (m->type) {
	case NWB_P9_TSYMLINK:
		x_u32(c, &m->tsymlink.fid);
		x_str(c, &m->tsymlink.name);
		x_str(c, &m->tsymlink.target);
		x_u32(c, &m->tsymlink.gid);
		break;
	case NWB_P9_TREADLINK:
		x_u32(c, &m->treadlink.fid);
		break;
	case NWB_P9_TRENAME:
		x_u32(c, &m->trename.fid);
		x_u32(c, &m->trename.dfid);
		x_str(c, &m->trename.name);
		break;
	case NWB_P9_TREMOVE:
		x_u32(c, &m->tremove.fid);
		break;
	case NWB_P9_TXATTRWALK:
		x_u32(c, &m->txattrwalk.fid);
		x_u32(c, &m->txattrwalk.newfid);
		x_str(c, &m->txattrwalk.name);
		break;
	case NWB_P9_TXATTRCREATE:
		x_u32(c, &m->txattrcreate.fid);
		x_str(c, &m->txattrcreate.name);
		x_u64(c, &m->txattrcreate.attr_size);
		x_u32(c, &m->txattrcreate.flags);
		break;
	case NWB_P9_TREADDIR:
		x_u32(c, &m->treaddir.fid);
		x_u64(c, &m->treaddir.offset);
		x_u32(c, &m->treaddir.count);
		break;
	case NWB_P9_TLINK:
		x_u32(c, &m->tlink.dfid);
		x_u32(c, &m->tlink.fid);
		x_str(c, &m->tlink.name);
		break;
	case NWB_P9_TMKDIR:
		x_u32(c, &m->tmkdir.dfid);
		x_str(c, &m->tmkdir.name);
		x_u32(c, &m->tmkdir.mode);
		x_u32(c, &m->tmkdir.gid);
		break;
	case NWB_P9_TRENAMEAT:
		x_u32(c, &m->trenameat.olddirfid);
		x_str(c, &m->trenameat.oldname);
		x_u32(c, &m->trenameat.newdirfid);
		x_str(c, &m->trenameat.newname);
		break;
	case NWB_P9_TUNLINKAT:
		x_u32(c, &m->tunlinkat.dirfid);
		x_str(c, &m->tunlinkat.name);
		x_u32(c, &m->tunlinkat.flags);
		break;
	default:
		c->error = c->is_decode ? -EOPNOTSUPP : -EINVAL;
	}
}

static void x_request(struct codec *c, struct nwb_p9_msg *m)
{
	switch (m->type) {
	case NWB_P9_TVERSION:
		x_u32(c, &m->version.msize);
		x_str(c, &m->version.version);
		break;
	case NWB_P9_TATTACH:
		x_tattach(c, m);
		break;
	case NWB_P9_TFLUSH:
		x_u16(c, &m->tflush.oldtag);
		break;
	case NWB_P9_TWALK:
		x_twalk(c, m);
		break;
	case NWB_P9_TLOPEN:
		x_u32(c, &m->tlopen.fid);
		x_u32(c, &m->tlopen.flags);
		break;
	case NWB_P9_TLCREATE:
		x_tlcreate(c, m);
		break;
	case NWB_P9_TREAD:
		x_u32(c, &m->tread.fid);
		x_u64(c, &m->tread.offset);
		x_u32(c, &m->tread.count);
		break;
	case NWB_P9_TWRITE:
		x_u32(c, &m->twrite.fid);
		x_u64(c, &m->twrite.offset);
		x_data(c, &m->twrite.count, &m->twrite.data);
		break;
	case NWB_P9_TCLUNK:
		x_u32(c, &m->tclunk.fid);
		break;
	case NWB_P9_TGETATTR:
		x_u32(c, &m->tgetattr.fid);
		x_u64(c, &m->tgetattr.request_mask);
		break;
	case NWB_P9_TSETATTR:
		x_tsetattr(c, m);
		break;
	case NWB_P9_TFSYNC:
		x_tfsync(c, m);
		break;
	case NWB_P9_TSTATFS:
		x_u32(c, &m->tstatfs.fid);
		break;
	default:
		x_name_request(c, m);
	}
}

static void x_reply(struct codec *c, struct nwb_p9_msg *m)
{
	switch (m->type) {
	case NWB_P9_RLERROR:
		x_u32(c, &m->rlerror.ecode);
		break;
	case NWB_P9_RVERSION:
		x_u32(c, &m->version.msize);
		x_str(c, &m->version.version);
		break;
	case NWB_P9_RATTACH:
		x_qid(c, &m->rattach);
		break;
	case NWB_P9_RWALK:
		x_rwalk(c, m);
		break;
	case NWB_P9_RLOPEN:
	case NWB_P9_RLCREATE:
		x_qid(c, &m->rlopen.qid);
		x_u32(c, &m->rlopen.iounit);
		break;
	case NWB_P9_RREAD:
		x_data(c, &m->rread.count, &m->rread.data);
		break;
	case NWB_P9_RWRITE:
		x_u32(c, &m->rwrite.count);
		break;
	case NWB_P9_RGETATTR:
		x_rgetattr(c, &m->rgetattr);
		break;
	case NWB_P9_RSTATFS:
		x_rstatfs(c, &m->rstatfs);
		break;
	case NWB_P9_RSYMLINK:
	case NWB_P9_RMKDIR:
		x_qid(c, &m->rsymlink.qid);
		break;
	case NWB_P9_RREADLINK:
		x_str(c, &m->rreadlink.target);
		break;
	case NWB_P9_RXATTRWALK:
		x_u64(c, &m->rxattrwalk.size);
		break;
	case NWB_P9_RREADDIR:
		x_data(c, &m->rreaddir.count, &m->rreaddir.data);
		break;
	case NWB_P9_RFLUSH:
	case NWB_P9_RCLUNK:
	case NWB_P9_RSETATTR:
	case NWB_P9_RFSYNC:
	case NWB_P9_RXATTRCREATE:
	case NWB_P9_RLINK:
	case NWB_P9_RRENAMEAT:
	case NWB_P9_RUNLINKAT:
	case NWB_P9_RRENAME:
	case NWB_P9_RREMOVE:
		break;
	default:
		c->error = c->is_decode ? -EOPNOTSUPP : -EINVAL;
	}
}

/* Replies have odd types, all of them. */
static void x_body(struct codec *c, struct nwb_p9_msg *m)
{
	if (m->type & 1)
		x_reply(c, m);
	else
		x_request(c, m);
}

int nwb_p9_encode(const struct nwb_p9_msg *m, void *buf, size_t max,
		  size_t *ret_len)
{
	struct codec c = {.out = buf, .max = max};
	uint64_t size;
	/* A description writes to a message only when it decodes. */
	struct nwb_p9_msg *msg = (struct nwb_p9_msg *)(uintptr_t)m;
	size_t end;

	(void)x_int(&c, 0, 4);
	(void)x_int(&c, m->type, 1);
	(void)x_int(&c, m->tag, 2);
	x_body(&c, msg);
	if (c.error)
		return c.error;
	size = c.pos;
	if (m->type == NWB_P9_TWRITE)
		size += m->twrite.count;
	else if (m->type == NWB_P9_RREAD)
		size += m->rread.count;
	else if (m->type == NWB_P9_RREADDIR)
		size += m->rreaddir.count;
	if (size > UINT32_MAX)
		return -ENOSPC;
	end = c.pos;
	c.pos = 0;
	(void)x_int(&c, size, 4);
	*ret_len = end;
	return 0;
}

int nwb_p9_frame_size(const void *hdr, uint32_t msize, uint32_t *ret_size)
{
	struct codec c = {.in = hdr, .max = 4, .is_decode = true};
	uint32_t size = (uint32_t)x_int(&c, 0, 4);

	if (size < NWB_P9_HDR_SIZE)
		return -EPROTO;
	if (size > msize)
		return -EMSGSIZE;
	*ret_size = size;
	return 0;
}

int nwb_p9_decode(const void *frame, size_t len, struct nwb_p9_msg *ret_m)
{
	struct codec c = {.in = frame, .max = len, .is_decode = true};
	uint32_t size = 0;

	ret_m->type = 0;
	ret_m->tag = 0;
	x_u32(&c, &size);
	x_u8(&c, &ret_m->type);
	x_u16(&c, &ret_m->tag);
	if (c.error)
		return c.error;
	if (size != len)
		return -EPROTO;
	/* net/9p/client.c, p9_check_errors(): the number decides, and a number
	 * is what 9P2000.L has. nfs-ganesha says Rerror and means Rlerror. */
	if (ret_m->type == NWB_P9_RERROR)
		ret_m->type = NWB_P9_RLERROR;
	x_body(&c, ret_m);
	if (c.error)
		return c.error;
	return c.pos == len ? 0 : -EPROTO;
}

static void x_dirent(struct codec *c, struct nwb_p9_dirent *d)
{
	x_qid(c, &d->qid);
	x_u64(c, &d->offset);
	x_u8(c, &d->type);
	x_str(c, &d->name);
}

int nwb_p9_dirent(const void *data, size_t len, struct nwb_p9_dirent *ret_d,
		  size_t *ret_len)
{
	struct codec c = {.in = data, .max = len, .is_decode = true};

	x_dirent(&c, ret_d);
	if (c.error)
		return c.error;
	*ret_len = c.pos;
	return 0;
}

int nwb_p9_dirent_encode(void *buf, size_t max, const struct nwb_p9_dirent *d)
{
	struct codec c = {.out = buf, .max = max};

	/* as in nwb_p9_encode() */
	x_dirent(&c, (struct nwb_p9_dirent *)(uintptr_t)d);
	return c.error ? c.error : (int)c.pos;
}
