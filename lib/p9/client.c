/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The client object. All memory that it will ever need is taken here. */
#include "p9_internal.h"

static char *dup_str(const char *s)
{
	size_t len = strlen(s ? s : "") + 1;
	char *p = nwb_alloc(len);

	if (p)
		memcpy(p, s ? s : "", len);
	return p;
}

static void client_release(struct nwb_p9 *c)
{
	nwb_free(c->aname);
	nwb_free(c->uname);
	nwb_free(c->tags);
	nwb_free(c->is_late);
	nwb_free(c->free_ring);
	nwb_free(c->send_buf);
	nwb_free(c->send_iov);
	nwb_free(c->recv_buf);
	nwb_free(c);
}

static int client_alloc(struct nwb_p9 *c, const struct nwb_p9_opts *opts)
{
	c->aname = dup_str(opts->aname);
	c->uname = dup_str(opts->uname);
	c->tags = nwb_zalloc(c->max_tags * sizeof(*c->tags));
	c->is_late = nwb_zalloc(c->max_tags * sizeof(*c->is_late));
	c->free_ring = nwb_zalloc(c->max_tags * sizeof(*c->free_ring));
	c->send_buf = nwb_zalloc(P9_SEND_BUF);
	c->send_iov = nwb_zalloc(P9_SEND_IOV * sizeof(*c->send_iov));
	c->recv_size = c->want_msize;
	c->recv_buf = nwb_zalloc(c->recv_size);
	return c->aname && c->uname && c->tags && c->is_late && c->free_ring &&
			       c->send_buf && c->send_iov && c->recv_buf
		       ? 0
		       : -ENOMEM;
}

static void client_init(struct nwb_p9 *c)
{
	struct nwb_exec *ex = c->ex;

	nwb_mutex_init(&c->lock, ex, "p9");
	nwb_waitq_init(&c->tag_wq, ex, "p9-tag");
	nwb_waitq_init(&c->turn_wq, ex, "p9-turn");
	nwb_waitq_init(&c->sync_wq, ex, "p9-reply");
	nwb_waitq_init(&c->state_wq, ex, "p9-state");
	nwb_waitq_init(&c->watch_wq, ex, "p9-watchdog");
	nwb_work_init(&c->flush_work, ex, nwb_p9_flush_work, "p9-flush");
	nwb_list_init(&c->outstanding);
	c->state = P9_DOWN;
	nwb_p9_tags_reset(c);
}

static int check_opts(const struct nwb_p9_opts *opts, struct nwb_err *err)
{
	if (!opts->dialer)
		return nwb_err_set(err, -EINVAL, "9p: no dialer");
	if (opts->msize &&
	    (opts->msize < NWB_P9_MSIZE_MIN || opts->msize > P9_MAX_MSIZE))
		return nwb_err_set(err, -EINVAL,
				   "9p: msize %u is not within %u..%u",
				   opts->msize, NWB_P9_MSIZE_MIN, P9_MAX_MSIZE);
	if (opts->max_tags > P9_MAX_TAGS)
		return nwb_err_set(err, -EINVAL, "9p: more than %u tags",
				   P9_MAX_TAGS);
	return 0;
}

int nwb_p9_new(struct nwb_exec *ex, const struct nwb_p9_opts *opts,
	       struct nwb_p9 **ret_c, struct nwb_err *err)
{
	struct nwb_p9 *c;
	int rc;

	rc = check_opts(opts, err);
	if (rc)
		return rc;
	c = nwb_zalloc(sizeof(*c));
	if (!c)
		return nwb_err_set(err, -ENOMEM, "9p: out of memory");
	c->ex = ex;
	c->dialer = opts->dialer;
	c->uid = opts->uid;
	c->want_msize = opts->msize ? opts->msize : P9_DEFAULT_MSIZE;
	c->max_tags = opts->max_tags ? opts->max_tags : P9_DEFAULT_TAGS;
	c->timeout_ns = opts->timeout_ns ? opts->timeout_ns : 30 * NWB_SEC;
	c->settle_ns = opts->settle_ns;
	if (client_alloc(c, opts)) {
		client_release(c);
		return nwb_err_set(err, -ENOMEM, "9p: out of memory");
	}
	client_init(c);
	rc = nwb_task_spawn(ex, "p9-watchdog", nwb_p9_watchdog, c,
			    &c->watchdog);
	if (rc) {
		client_release(c);
		return nwb_err_set(err, rc, "9p: cannot start the watchdog");
	}
	*ret_c = c;
	return 0;
}

void nwb_p9_free(struct nwb_p9 *c)
{
	uint32_t epoch;

	if (!c)
		return;
	nwb_mutex_lock(&c->lock);
	nwb_assert(!c->is_connecting);
	epoch = c->conn_epoch;
	c->is_stopping = true;
	nwb_waitq_wake_all(&c->watch_wq);
	nwb_mutex_unlock(&c->lock);
	nwb_p9_lose(c, epoch, false, -ECONNABORTED, "the client was freed");
	nwb_task_join(c->watchdog);
	nwb_work_cancel_sync(&c->flush_work);
	nwb_p9_conn_clear(c);
	client_release(c);
}
