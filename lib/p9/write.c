/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Twrite, asynchronous. The request lives in nwb_p9_write.priv: nothing is
 * allocated, and the payload goes from where it lies to the socket.
 */
#include "p9_internal.h"

_Static_assert(sizeof(struct p9_req) <=
		       sizeof(((struct nwb_p9_write *)0)->priv),
	       "struct nwb_p9_write.priv is too small");
_Static_assert(_Alignof(struct p9_req) <= _Alignof(uint64_t),
	       "struct nwb_p9_write.priv is not aligned enough");

static struct p9_req *write_req(struct nwb_p9_write *w)
{
	return (struct p9_req *)(void *)w->priv;
}

static struct nwb_p9_write *req_write(struct p9_req *r)
{
	return (struct nwb_p9_write *)(void *)((char *)r -
					       offsetof(struct nwb_p9_write,
							priv));
}

/*
 * A count of 0 is no progress, and one above what was asked is nonsense that
 * must not move anybody's cursor (CVE-2025-37879): both are errors and never
 * lead to another round.
 */
static void write_answer(struct p9_req *r, int code,
			 const struct nwb_p9_msg *msg)
{
	struct nwb_p9_write *w = req_write(r);

	w->result = code;
	nwb_p9_file_put(w->file);
	if (!msg)
		return;
	if (msg->type == NWB_P9_RLERROR)
		w->ecode = msg->rlerror.ecode;
	else if (msg->rwrite.count > w->len)
		w->result = -EPROTO;
	else
		w->result =
			msg->rwrite.count ? (int64_t)msg->rwrite.count : -EIO;
}

static void write_complete(struct p9_req *r)
{
	struct nwb_p9_write *w = req_write(r);

	w->done(w);
}

static const struct p9_req_ops write_ops = {
	.answer = write_answer,
	.complete = write_complete,
};

int nwb_p9_write_async(struct nwb_p9_write *w)
{
	struct nwb_p9_file *f = w->file;
	struct nwb_p9 *c = f->c;
	struct p9_req *r = write_req(w);
	struct nwb_p9_msg m = {.type = NWB_P9_TWRITE};
	int rc = 0;

	nwb_assert(w->len > 0);
	r->c = c;
	r->ops = &write_ops;
	r->type = NWB_P9_TWRITE;
	r->is_setup = false;
	r->file = f;
	w->ecode = 0;
	m.twrite.offset = w->offset;
	m.twrite.count = w->len;

	nwb_mutex_lock(&c->lock);
	if (c->state != P9_UP)
		rc = -ECONNABORTED;
	else if (f->epoch != c->conn_epoch)
		rc = -EAGAIN;
	else if (w->len > nwb_p9_file_limit(f))
		rc = -EMSGSIZE;
	if (!rc) {
		w->epoch = f->epoch;
		m.twrite.fid = f->fid;
		f->nr_users++; /* which may wait for a tag, or its turn */
		rc = nwb_p9_req_begin(r, f->epoch);
		if (rc)
			nwb_p9_file_put(f);
	}
	if (!rc) {
		c->stats.nr_writes++;
		c->stats.bytes_written += w->len;
	}
	nwb_mutex_unlock(&c->lock);
	if (rc)
		return rc;
	rc = nwb_p9_req_send(r, &m, w->iov, w->nr_iov, w->len);
	nwb_assert(!rc); /* a Twrite can always be encoded */
	return 0;
}
