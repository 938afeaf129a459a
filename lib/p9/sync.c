/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Synchronous requests. They live on the stack of their caller, who does not
 * return before the answer, so that there is nothing to run out of.
 */
#include "p9_internal.h"

int nwb_p9_ecode_errno(uint32_t ecode)
{
	return ecode && ecode < 4096 ? -(int)ecode : -EPROTO;
}

/* What does not outlive the frame goes where the caller wants it. */
static int take_data(struct p9_sync *s, const void *data, uint32_t len)
{
	if (len > s->dst_len)
		return -EPROTO;
	if (len)
		memcpy(s->dst, data, len);
	return 0;
}

static void sync_answer(struct p9_req *r, int code,
			const struct nwb_p9_msg *msg)
{
	struct p9_sync *s = nwb_container_of(r, struct p9_sync, req);

	s->code = code;
	if (!msg)
		return;
	s->reply = *msg;
	if (msg->type == NWB_P9_RREAD) {
		s->code = take_data(s, msg->rread.data, msg->rread.count);
	} else if (msg->type == NWB_P9_RREADDIR) {
		s->code = take_data(s, msg->rreaddir.data, msg->rreaddir.count);
	} else if (msg->type == NWB_P9_RREADLINK) {
		s->code = take_data(s, msg->rreadlink.target.s,
				    msg->rreadlink.target.len);
	} else if (msg->type == NWB_P9_RVERSION) {
		size_t n = nwb_min((size_t)msg->version.version.len,
				   sizeof(s->version) - 1);

		memcpy(s->version, msg->version.version.s, n);
		s->version[n] = 0;
	}
}

static void sync_complete(struct p9_req *r)
{
	struct p9_sync *s = nwb_container_of(r, struct p9_sync, req);
	struct nwb_p9 *c = r->c;

	nwb_mutex_lock(&c->lock);
	s->is_done = true; /* @s is gone once the lock is free */
	nwb_waitq_wake_all(&c->sync_wq);
	nwb_mutex_unlock(&c->lock);
}

static const struct p9_req_ops sync_ops = {
	.answer = sync_answer,
	.complete = sync_complete,
};

/* An error of the server must not look like one of ours, on which callers
 * would connect and try again. */
static int told_apart(const struct p9_sync *s)
{
	if (s->reply.type == NWB_P9_RLERROR &&
	    (s->code == -ECONNABORTED || s->code == -ETIMEDOUT ||
	     s->code == -ECANCELED || s->code == -EAGAIN))
		return -EREMOTEIO;
	return s->code;
}

int nwb_p9_rpc(struct nwb_p9 *c, uint32_t epoch, bool is_setup,
	       struct nwb_p9_msg *m, struct p9_sync *s)
{
	const struct iovec iov = {(void *)(uintptr_t)s->src, s->src_len};
	int rc;

	s->req.c = c;
	s->req.ops = &sync_ops;
	s->req.type = m->type;
	s->req.is_setup = is_setup;
	s->req.file = s->file;
	s->is_done = false;
	s->code = 0;
	s->reply.type = 0;
	nwb_mutex_lock(&c->lock);
	rc = nwb_p9_req_begin(&s->req, epoch);
	nwb_mutex_unlock(&c->lock);
	if (rc)
		return rc;
	rc = nwb_p9_req_send(&s->req, m, &iov, 1, s->src_len);
	if (rc)
		return rc;
	nwb_mutex_lock(&c->lock);
	nwb_wait_event(&c->sync_wq, &c->lock, s->is_done);
	nwb_mutex_unlock(&c->lock);
	return told_apart(s);
}
