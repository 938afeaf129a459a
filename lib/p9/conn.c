/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The connection: made, set up, lost, cleared away. And the client object. */
#include "p9_internal.h"

#include <stdarg.h>
#include <stdio.h>

/* --- loss ------------------------------------------------------------------
 */

static void complete_all(struct nwb_list *dead)
{
	while (!nwb_list_empty(dead)) {
		struct p9_req *r = nwb_list_first(dead, struct p9_req, link);

		nwb_list_del(&r->link);
		r->ops->complete(r);
	}
}

void nwb_p9_lose(struct nwb_p9 *c, uint32_t epoch, bool reset, int code,
		 const char *fmt, ...)
{
	struct nwb_list dead;
	va_list ap;

	nwb_list_init(&dead);
	nwb_mutex_lock(&c->lock);
	if (c->state == P9_DOWN || c->conn_epoch != epoch) {
		nwb_mutex_unlock(&c->lock);
		return;
	}
	c->loss.code = code;
	va_start(ap, fmt);
	(void)vsnprintf(c->loss.text, sizeof(c->loss.text), fmt, ap);
	va_end(ap);
	/* Only a connection that was up can have left writes behind. */
	if (c->state == P9_UP)
		c->lost_at_ns = nwb_now_ns(c->ex);
	c->state = P9_DOWN;
	c->flush.is_active = false;
	if (reset)
		nwb_sock_reset(c->sock);
	else
		nwb_sock_shutdown(c->sock);
	while (!nwb_list_empty(&c->outstanding)) {
		struct p9_req *r =
			nwb_list_first(&c->outstanding, struct p9_req, link);

		if (nwb_p9_answer(r, -ECONNABORTED, NULL))
			nwb_list_add_tail(&dead, &r->link);
	}
	nwb_waitq_wake_all(&c->tag_wq);
	nwb_waitq_wake_all(&c->turn_wq);
	nwb_waitq_wake_all(&c->watch_wq);
	nwb_mutex_unlock(&c->lock);
	complete_all(&dead);
}

void nwb_p9_conn_clear(struct nwb_p9 *c)
{
	struct nwb_task *receiver;

	nwb_mutex_lock(&c->lock);
	nwb_assert(c->state == P9_DOWN);
	nwb_wait_event(&c->turn_wq, &c->lock, !c->send_busy);
	receiver = c->receiver;
	c->receiver = NULL;
	nwb_mutex_unlock(&c->lock);
	/* It may not even have begun, and still have to look for its socket. */
	if (receiver)
		nwb_task_join(receiver);
	nwb_sock_close(c->sock);
	c->sock = NULL;
}

void nwb_p9_disconnect(struct nwb_p9 *c)
{
	uint32_t epoch;

	nwb_mutex_lock(&c->lock);
	epoch = c->conn_epoch;
	nwb_mutex_unlock(&c->lock);
	nwb_p9_lose(c, epoch, true, -ECONNABORTED,
		    "disconnected by the caller");
}

/* --- set-up ----------------------------------------------------------------
 */

/* Tversion: net/9p/client.c, p9_client_version(). */
static int negotiate(struct nwb_p9 *c, uint32_t epoch, struct nwb_err *err)
{
	struct nwb_p9_msg m = {.type = NWB_P9_TVERSION};
	struct p9_sync s = {0};
	uint32_t msize;
	int rc;

	m.version.msize = c->want_msize;
	m.version.version = nwb_p9_str(NWB_P9_VERSION_L);
	rc = nwb_p9_rpc(c, epoch, true, &m, &s);
	if (rc)
		return nwb_err_set(err, rc, "Tversion: %s", nwb_errno_name(rc));
	msize = s.reply.version.msize;
	if (strcmp(s.version, NWB_P9_VERSION_L))
		return nwb_err_set(err, -EPROTO,
				   "Tversion: the server speaks \"%s\" and not "
				   "9P2000.L",
				   s.version);
	if (msize > c->want_msize || msize < NWB_P9_MSIZE_MIN)
		return nwb_err_set(err, -EPROTO,
				   "Tversion: asked for msize %u, got %u",
				   c->want_msize, msize);
	nwb_mutex_lock(&c->lock);
	c->stats.msize = msize;
	c->stats.max_write = msize - NWB_P9_IOHDR;
	nwb_mutex_unlock(&c->lock);
	return 0;
}

static int attach(struct nwb_p9 *c, uint32_t epoch, struct nwb_err *err)
{
	struct nwb_p9_msg m = {.type = NWB_P9_TATTACH};
	struct p9_sync s = {0};
	int rc;

	m.tattach.fid = P9_ROOT_FID;
	m.tattach.afid = NWB_P9_NOFID;
	m.tattach.uname = nwb_p9_str(c->uname);
	m.tattach.aname = nwb_p9_str(c->aname);
	m.tattach.n_uname = c->uid;
	rc = nwb_p9_rpc(c, epoch, true, &m, &s);
	if (rc)
		return nwb_err_set(err, rc, "Tattach \"%s\" as uid %u: %s",
				   c->aname, c->uid, nwb_errno_name(rc));
	return 0;
}

/* A new socket becomes the connection under set-up. */
static int conn_install(struct nwb_p9 *c, struct nwb_sock *sock,
			uint32_t *ret_epoch, struct nwb_err *err)
{
	int rc;

	nwb_mutex_lock(&c->lock);
	nwb_assert(c->state == P9_DOWN && !c->sock && !c->send_busy);
	nwb_assert(nwb_list_empty(&c->outstanding));
	c->sock = sock;
	*ret_epoch = ++c->conn_epoch;
	nwb_p9_tags_reset(c);
	c->next_fid = P9_ROOT_FID + 1;
	c->stats.msize = c->want_msize;
	c->state = P9_SETUP;
	nwb_mutex_unlock(&c->lock);
	rc = nwb_task_spawn(c->ex, "p9-receiver", nwb_p9_receiver, c,
			    &c->receiver);
	if (rc) {
		nwb_p9_lose(c, *ret_epoch, false, rc, "no receiver task");
		return nwb_err_set(err, rc, "cannot start the receiver task");
	}
	return 0;
}

static void settle(struct nwb_p9 *c)
{
	uint64_t lost_at;

	nwb_mutex_lock(&c->lock);
	lost_at = c->was_up ? c->lost_at_ns : 0;
	nwb_mutex_unlock(&c->lock);
	if (lost_at && c->settle_ns)
		nwb_sleep_until(c->ex, lost_at + c->settle_ns);
}

/* It came up, unless it was lost in this very moment. */
static int conn_up(struct nwb_p9 *c, uint32_t epoch)
{
	int rc = -ECONNABORTED;

	nwb_mutex_lock(&c->lock);
	if (c->state == P9_SETUP && c->conn_epoch == epoch) {
		c->state = P9_UP;
		c->was_up = true;
		c->stats.nr_connects++;
		rc = 0;
	}
	nwb_mutex_unlock(&c->lock);
	return rc;
}

static int attempt(struct nwb_p9 *c, struct nwb_err *err)
{
	struct nwb_sock *sock = NULL;
	uint32_t epoch;
	int rc;

	nwb_p9_conn_clear(c);
	settle(c);
	rc = c->dialer->dial(c->dialer, c->ex, &sock, err);
	if (rc)
		return rc;
	rc = conn_install(c, sock, &epoch, err);
	if (rc)
		return rc;
	rc = negotiate(c, epoch, err);
	if (!rc)
		rc = attach(c, epoch, err);
	if (!rc)
		rc = conn_up(c, epoch);
	if (!rc)
		return 0;
	if (rc == -ECONNABORTED) {
		/* The reason of the loss says more than that it was lost. */
		nwb_mutex_lock(&c->lock);
		rc = c->loss.code;
		(void)nwb_err_set(err, rc, "set-up: %s", c->loss.text);
		nwb_mutex_unlock(&c->lock);
	}
	nwb_p9_lose(c, epoch, false, rc, "set-up failed: %s",
		    nwb_errno_name(rc));
	return rc;
}

int nwb_p9_connect(struct nwb_p9 *c, struct nwb_err *err)
{
	struct nwb_err local = {0};
	bool joined = false;
	int rc;

	nwb_mutex_lock(&c->lock);
	while (c->is_connecting) {
		joined = true;
		(void)nwb_waitq_wait(&c->state_wq, &c->lock, NWB_NEVER);
	}
	if (c->state == P9_UP || joined) {
		rc = c->state == P9_UP ? 0 : c->attempt_result;
		if (!rc && c->state != P9_UP)
			rc = -ECONNABORTED; /* up, and lost again */
		if (rc)
			(void)nwb_err_set(err, rc, "%s", c->attempt_err.text);
		nwb_mutex_unlock(&c->lock);
		return rc;
	}
	c->is_connecting = true;
	nwb_mutex_unlock(&c->lock);

	rc = attempt(c, &local);

	nwb_mutex_lock(&c->lock);
	c->is_connecting = false;
	c->attempt_result = rc;
	c->attempt_err = local;
	nwb_waitq_wake_all(&c->state_wq);
	nwb_mutex_unlock(&c->lock);
	if (rc)
		(void)nwb_err_set(err, rc, "9p: %s",
				  local.text[0] ? local.text
						: nwb_errno_name(rc));
	return rc;
}

uint32_t nwb_p9_epoch(struct nwb_p9 *c)
{
	uint32_t epoch;

	nwb_mutex_lock(&c->lock);
	epoch = c->state == P9_UP ? c->conn_epoch : 0;
	nwb_mutex_unlock(&c->lock);
	return epoch;
}

void nwb_p9_get_stats(struct nwb_p9 *c, struct nwb_p9_stats *ret_stats)
{
	nwb_mutex_lock(&c->lock);
	*ret_stats = c->stats;
	nwb_mutex_unlock(&c->lock);
}

void nwb_p9_last_loss(struct nwb_p9 *c, struct nwb_err *ret_loss)
{
	nwb_mutex_lock(&c->lock);
	*ret_loss = c->loss;
	nwb_mutex_unlock(&c->lock);
}
