/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The 9P2000.L fake, with diod's manners: EIO for an unknown fid or version,
 * for a Twrite one byte too big; msize 65536 at most; a frame larger than msize
 * ends the connection; a write that runs outlives its connection.
 *
 * Tflush (diod, as measured):
 *
 *	the request waits for a worker   dropped; Rflush at once, no answer
 *	it runs                          its answer, then Rflush
 *	its answer waits to be sent      that answer, then Rflush
 *	anything else                    Rflush at once
 */
#include "fake_i.h"
#include "nwb/p9_pdu.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define REPLY_BYTES 512
#define ROOT_PATH   1u

/* @file: NULL = the root directory */
struct fake_fid {
	struct nwb_list link;
	uint32_t fid;
	struct fake_file *file;
	bool is_open;
	uint32_t flags; /* of the open */
};

/* @msize: 0 before Tversion */
struct fake_9p {
	uint32_t msize;
	struct nwb_list fids;
};

static struct fake_9p *state_of(struct fake_conn *c)
{
	return c->state;
}

/* --- answers ------------------------------------------------------------- */

static void send_reply(struct fake_conn *c, struct fake_reply *r, uint16_t tag,
		       uint64_t delay)
{
	r->id = tag;
	nwb_fake_reply_send(c, r, nwb_now_ns(c->fake->ex) + delay);
}

static void answer_after(struct fake_conn *c, struct nwb_p9_msg *m,
			 uint16_t tag, uint64_t delay)
{
	struct fake_reply *r = nwb_fake_reply_new(REPLY_BYTES);

	m->tag = tag;
	nwb_assert(nwb_p9_encode(m, r->bytes, REPLY_BYTES, &r->len) == 0);
	send_reply(c, r, tag, delay);
}

static void answer(struct fake_conn *c, const struct nwb_p9_msg *req,
		   struct nwb_p9_msg *m)
{
	m->type = (uint8_t)(req->type + 1);
	answer_after(c, m, req->tag, 0);
}

static void error(struct fake_conn *c, uint16_t tag, uint32_t code)
{
	struct nwb_p9_msg m = {.type = NWB_P9_RLERROR};

	m.rlerror.ecode = code;
	answer_after(c, &m, tag, 0);
}

static void rflush(struct fake_conn *c, uint16_t tag, uint64_t delay)
{
	struct nwb_p9_msg m = {.type = NWB_P9_RFLUSH};

	answer_after(c, &m, tag, delay);
}

/* --- fids ---------------------------------------------------------------- */

static struct fake_fid *find_fid(struct fake_conn *c, uint32_t fid)
{
	struct fake_fid *ff;

	nwb_list_for_each_entry (ff, &state_of(c)->fids, link)
		if (ff->fid == fid)
			return ff;
	return NULL;
}

static struct fake_fid *add_fid(struct fake_conn *c, uint32_t fid,
				struct fake_file *file)
{
	struct fake_fid *ff = calloc(1, sizeof(*ff));

	nwb_assert(ff);
	ff->fid = fid;
	ff->file = file;
	nwb_list_add_tail(&state_of(c)->fids, &ff->link);
	return ff;
}

static void drop_fids(struct fake_9p *s)
{
	struct fake_fid *ff, *n;

	nwb_list_for_each_entry_safe (ff, n, &s->fids, link) {
		nwb_list_del(&ff->link);
		free(ff);
	}
}

static struct nwb_p9_qid qid_of(const struct fake_file *file)
{
	struct nwb_p9_qid q = {NWB_P9_QTDIR, 0, ROOT_PATH};

	if (file) {
		q.type = NWB_P9_QTFILE;
		q.path = ROOT_PATH + file->id;
	}
	return q;
}

/* A name of the flat directory; false when it can be none. */
static bool take_name(const struct nwb_p9_str *s, char *name)
{
	if (!s->len || s->len > FAKE_NAME_MAX || memchr(s->s, '/', s->len))
		return false;
	memcpy(name, s->s, s->len);
	name[s->len] = '\0';
	return true;
}

/* --- session, walking, opening ------------------------------------------- */

static void do_version(struct fake_conn *c, const struct nwb_p9_msg *q)
{
	struct fake_9p *s = state_of(c);
	struct nwb_p9_msg m = {0};

	if (q->version.msize < NWB_P9_MSIZE_MIN ||
	    !nwb_p9_str_eq(&q->version.version, NWB_P9_VERSION_L)) {
		error(c, q->tag, EIO);
		return;
	}
	nwb_fake_drop_ops(c);
	drop_fids(s);
	m.version.msize = nwb_min(q->version.msize, c->fake->opts.msize);
	m.version.version = nwb_p9_str(NWB_P9_VERSION_L);
	s->msize = m.version.msize;
	answer(c, q, &m);
}

/* diod lets a fid that is in use become another file's. */
static void set_fid(struct fake_conn *c, uint32_t fid, struct fake_file *file)
{
	struct fake_fid *ff = find_fid(c, fid);

	if (!ff)
		ff = add_fid(c, fid, file);
	ff->file = file;
	ff->is_open = false;
}

static void do_attach(struct fake_conn *c, const struct nwb_p9_msg *q)
{
	struct nwb_p9_msg m = {0};

	set_fid(c, q->tattach.fid, NULL);
	m.rattach = qid_of(NULL);
	answer(c, q, &m);
}

static void do_walk(struct fake_conn *c, const struct nwb_p9_msg *q)
{
	struct fake_fid *from = find_fid(c, q->twalk.fid);
	struct nwb_p9_msg m = {0};
	char name[FAKE_NAME_MAX + 1];
	struct fake_file *file;

	if (!from) {
		error(c, q->tag, EIO);
		return;
	}
	file = from->file;
	if (q->twalk.nwname > 1 || (q->twalk.nwname && file)) {
		error(c, q->tag, ENOTDIR);
		return;
	}
	if (q->twalk.nwname) {
		file = take_name(&q->twalk.wname[0], name)
			       ? nwb_fake_file_find(c->fake, name)
			       : NULL;
		if (!file) {
			error(c, q->tag, ENOENT);
			return;
		}
		m.rwalk.nwqid = 1;
		m.rwalk.wqid[0] = qid_of(file);
	}
	set_fid(c, q->twalk.newfid, file);
	answer(c, q, &m);
}

static void do_lopen(struct fake_conn *c, const struct nwb_p9_msg *q)
{
	struct fake_fid *ff = find_fid(c, q->tlopen.fid);
	struct nwb_p9_msg m = {0};

	if (!ff || ff->is_open) {
		error(c, q->tag, ff ? EINVAL : EIO);
		return;
	}
	if (ff->file && (q->tlopen.flags & NWB_P9_DOTL_TRUNC) &&
	    nwb_fake_file_resize(c->fake, ff->file, 0)) {
		error(c, q->tag, ENOMEM);
		return;
	}
	ff->is_open = true;
	ff->flags = q->tlopen.flags;
	m.rlopen.qid = qid_of(ff->file);
	answer(c, q, &m);
}

static void do_lcreate(struct fake_conn *c, const struct nwb_p9_msg *q)
{
	struct fake_fid *ff = find_fid(c, q->tlcreate.fid);
	struct nwb_p9_msg m = {0};
	char name[FAKE_NAME_MAX + 1];
	struct fake_file *file;
	uint32_t code = 0;

	if (!ff || ff->is_open || ff->file) {
		error(c, q->tag, !ff ? EIO : ff->is_open ? EINVAL : ENOTDIR);
		return;
	}
	if (!take_name(&q->tlcreate.name, name)) {
		error(c, q->tag, EINVAL);
		return;
	}
	file = nwb_fake_file_find(c->fake, name);
	if (file && (q->tlcreate.flags & NWB_P9_DOTL_EXCL))
		code = EEXIST;
	else if (!file)
		file = nwb_fake_file_add(c->fake, name);
	else if (q->tlcreate.flags & NWB_P9_DOTL_TRUNC)
		code = nwb_fake_file_resize(c->fake, file, 0) ? ENOMEM : 0;
	if (!file || code) {
		error(c, q->tag, code ? code : ENOMEM);
		return;
	}
	/* The directory's fid becomes the file's, open. */
	ff->file = file;
	ff->is_open = true;
	ff->flags = q->tlcreate.flags;
	m.rlopen.qid = qid_of(file);
	answer(c, q, &m);
}

static void do_clunk(struct fake_conn *c, const struct nwb_p9_msg *q)
{
	struct fake_fid *ff = find_fid(c, q->tclunk.fid);
	struct nwb_p9_msg m = {0};

	if (!ff) {
		error(c, q->tag, EIO);
		return;
	}
	nwb_list_del(&ff->link);
	free(ff);
	answer(c, q, &m);
}

/* --- attributes ---------------------------------------------------------- */

static void do_getattr(struct fake_conn *c, const struct nwb_p9_msg *q)
{
	struct fake_fid *ff = find_fid(c, q->tgetattr.fid);
	struct nwb_p9_msg m = {0};

	if (!ff) {
		error(c, q->tag, EIO);
		return;
	}
	m.rgetattr.valid = NWB_P9_GETATTR_BASIC;
	m.rgetattr.qid = qid_of(ff->file);
	m.rgetattr.mode = ff->file ? S_IFREG | 0666 : S_IFDIR | 0777;
	m.rgetattr.nlink = 1;
	m.rgetattr.blksize = 4096;
	if (ff->file) {
		m.rgetattr.size = nwb_fake_file_size(ff->file);
		m.rgetattr.blocks = (nwb_fake_file_size(ff->file) + 511) / 512;
	}
	answer(c, q, &m);
}

static void do_setattr(struct fake_conn *c, const struct nwb_p9_msg *q)
{
	struct fake_fid *ff = find_fid(c, q->tsetattr.fid);
	struct nwb_p9_msg m = {0};
	int rc = 0;

	if (!ff) {
		error(c, q->tag, EIO);
		return;
	}
	if (q->tsetattr.attr.valid & NWB_P9_SETATTR_SIZE)
		rc = ff->file ? nwb_fake_file_resize(c->fake, ff->file,
						     q->tsetattr.attr.size)
			      : -EISDIR;
	if (rc)
		error(c, q->tag, (uint32_t)-rc);
	else
		answer(c, q, &m);
}

static void do_fsync(struct fake_conn *c, const struct nwb_p9_msg *q)
{
	struct fake_fid *ff = find_fid(c, q->tfsync.fid);
	struct nwb_p9_msg m = {.type = NWB_P9_RFSYNC};
	struct fake_op op = {.conn = c};
	int64_t rc;

	if (!ff || !ff->is_open || !ff->file) {
		error(c, q->tag, ff ? EBADF : EIO);
		return;
	}
	op.file = ff->file;
	rc = nwb_fake_flush(&op);
	if (rc > 0)
		error(c, q->tag, (uint32_t)rc);
	else if (rc == 0)
		answer_after(c, &m, q->tag, op.ack_delay);
}

/* --- data ---------------------------------------------------------------- */

/* @unfit: the way of opening that will not do. */
static struct fake_fid *data_fid(struct fake_conn *c,
				 const struct nwb_p9_msg *q, uint32_t fid,
				 uint32_t count, uint32_t unfit)
{
	struct fake_fid *ff = find_fid(c, fid);

	if (!ff || !ff->is_open || !ff->file ||
	    (ff->flags & NWB_P9_DOTL_ACCMODE) == unfit) {
		error(c, q->tag, ff ? EBADF : EIO);
		return NULL;
	}
	if (count > state_of(c)->msize - NWB_P9_IOHDR) {
		error(c, q->tag, EIO);
		return NULL;
	}
	return ff;
}

static void do_read(struct fake_conn *c, const struct nwb_p9_msg *q)
{
	struct fake_fid *ff = data_fid(c, q, q->tread.fid, q->tread.count,
				       NWB_P9_DOTL_WRONLY);
	struct nwb_p9_msg m = {.type = NWB_P9_RREAD, .tag = q->tag};
	struct fake_reply *r;

	if (!ff)
		return;
	r = nwb_fake_reply_new(NWB_P9_RREAD_HDR + (size_t)q->tread.count);
	m.rread.count = (uint32_t)nwb_fake_file_read(
		ff->file, q->tread.offset, r->bytes + NWB_P9_RREAD_HDR,
		q->tread.count);
	nwb_assert(nwb_p9_encode(&m, r->bytes, NWB_P9_RREAD_HDR, &r->len) == 0);
	r->len += m.rread.count;
	send_reply(c, r, q->tag, 0);
}

static void do_write(struct fake_conn *c, const struct nwb_p9_msg *q)
{
	struct fake_fid *ff = data_fid(c, q, q->twrite.fid, q->twrite.count,
				       NWB_P9_DOTL_RDONLY);
	struct fake_op op = {.conn = c, .tag = q->tag};

	if (!ff)
		return;
	op.file = ff->file;
	op.offset = q->twrite.offset;
	op.count = q->twrite.count;
	nwb_fake_write(&op, q->twrite.data);
}

static void write_begin(struct fake_conn *c, struct fake_op *op)
{
	(void)c; /* 9P has no interim answers */
	(void)op;
}

static void write_done(struct fake_conn *c, struct fake_op *op)
{
	struct nwb_p9_msg m = {.type = NWB_P9_RWRITE};
	unsigned int i;

	m.rwrite.count = op->count;
	if (op->code) {
		m.type = NWB_P9_RLERROR;
		m.rlerror.ecode = op->code;
	}
	answer_after(c, &m, op->tag, op->ack_delay);
	for (i = 0; i < op->nr_flush; i++)
		rflush(c, op->flush_tag[i], op->ack_delay);
}

static struct fake_op *find_op(struct fake_conn *c, uint16_t tag)
{
	struct fake_op *op;

	nwb_list_for_each_entry (op, &c->fake->parked, link)
		if (op->conn == c && op->tag == tag)
			return op;
	return NULL;
}

static void do_flush(struct fake_conn *c, const struct nwb_p9_msg *q)
{
	struct fake_op *op = find_op(c, q->tflush.oldtag);
	uint64_t now = nwb_now_ns(c->fake->ex), delay = 0;
	struct fake_reply *r;

	if (op && op->is_running && op->nr_flush < FAKE_FLUSH_MAX) {
		op->flush_tag[op->nr_flush++] = q->tag;
		return;
	}
	if (op && !op->is_running) {
		nwb_list_del(&op->link);
		free(op);
	}
	nwb_list_for_each_entry (r, &c->out, link)
		if (r->id == q->tflush.oldtag && r->due > now)
			delay = r->due - now;
	rflush(c, q->tag, delay);
}

/* --- dispatch ------------------------------------------------------------ */

typedef void (*handler_fn)(struct fake_conn *c, const struct nwb_p9_msg *q);

static const handler_fn handlers[256] = {
	[NWB_P9_TVERSION] = do_version, [NWB_P9_TATTACH] = do_attach,
	[NWB_P9_TWALK] = do_walk,	[NWB_P9_TLOPEN] = do_lopen,
	[NWB_P9_TLCREATE] = do_lcreate, [NWB_P9_TCLUNK] = do_clunk,
	[NWB_P9_TGETATTR] = do_getattr, [NWB_P9_TSETATTR] = do_setattr,
	[NWB_P9_TFSYNC] = do_fsync,	[NWB_P9_TREAD] = do_read,
	[NWB_P9_TWRITE] = do_write,	[NWB_P9_TFLUSH] = do_flush,
};

static void handle(struct fake_conn *c, uint8_t *frame, size_t len)
{
	struct nwb_p9_msg q;
	int rc = nwb_p9_decode(frame, len, &q);

	if (rc) {
		nwb_fake_violation(c, rc == -EOPNOTSUPP ? "unknown message"
							: "malformed message");
		return;
	}
	if (!state_of(c)->msize && q.type != NWB_P9_TVERSION) {
		nwb_fake_violation(c, "no Tversion first");
		return;
	}
	if (!handlers[q.type])
		error(c, q.tag, ENOSYS);
	else
		handlers[q.type](c, &q);
}

static const char *frame(struct fake_conn *c, const uint8_t *head,
			 size_t *ret_rest)
{
	uint32_t msize = state_of(c)->msize;
	uint32_t size;

	/* Only the reader task writes msize, and it is the caller. */
	if (nwb_p9_frame_size(head, msize ? msize : c->fake->opts.msize, &size))
		return "frame size";
	*ret_rest = size - 4;
	return NULL;
}

static int init(struct fake_conn *c)
{
	struct fake_9p *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	nwb_list_init(&s->fids);
	c->state = s;
	return 0;
}

static void fini(struct fake_conn *c)
{
	drop_fids(state_of(c));
	free(c->state);
}

const struct fake_proto nwb_fake_proto_9p = {
	.head = 4,
	.init = init,
	.fini = fini,
	.frame = frame,
	.handle = handle,
	.write_begin = write_begin,
	.write_done = write_done,
	.survives = true,
	.no_space = ENOSPC,
};
