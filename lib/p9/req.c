/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tags, the turn to send, and the one answer that each request gets. */
#include "p9_internal.h"

/* Tags are dealt in ranges, one a connection: the requests' and Tflush's. */
static uint32_t range_size(const struct nwb_p9 *c)
{
	return c->max_tags + 1;
}

static uint32_t nr_ranges(const struct nwb_p9 *c)
{
	return nwb_max(P9_MAX_TAGS / range_size(c), 1u);
}

/* The range of the present connection, or of the first. */
static uint32_t own_range(const struct nwb_p9 *c)
{
	return c->conn_epoch ? (c->conn_epoch - 1) % nr_ranges(c) : 0;
}

void nwb_p9_tags_reset(struct nwb_p9 *c)
{
	uint32_t i;

	c->tag_base = (uint16_t)(own_range(c) * range_size(c));
	c->nr_cancelled = 0;
	for (i = 0; i < c->max_tags; i++) {
		c->is_late[i] = false;
		c->tags[i] = NULL;
		c->free_ring[i] = (uint16_t)i;
	}
	c->free_head = 0;
	c->nr_free = c->max_tags;
	c->version_req = NULL;
	memset(&c->flush, 0, sizeof(c->flush));
}

static uint16_t tag_take(struct nwb_p9 *c)
{
	uint16_t tag = c->free_ring[c->free_head];

	nwb_assert(c->nr_free > 0);
	c->free_head = (c->free_head + 1) % c->max_tags;
	c->nr_free--;
	c->stats.tags_max =
		nwb_max(c->stats.tags_max, c->max_tags - c->nr_free);
	return tag;
}

void nwb_p9_tag_free(struct nwb_p9 *c, uint16_t tag)
{
	nwb_assert(c->nr_free < c->max_tags && !c->tags[tag]);
	c->free_ring[(c->free_head + c->nr_free) % c->max_tags] = tag;
	c->nr_free++;
	nwb_waitq_wake_one(&c->tag_wq);
}

/* May @r be sent on connection @epoch? */
static bool conn_is_open(const struct nwb_p9 *c, uint32_t epoch, bool is_setup)
{
	return c->conn_epoch == epoch &&
	       c->state == (is_setup ? P9_SETUP : P9_UP);
}

int nwb_p9_take_turn(struct nwb_p9 *c, uint32_t epoch)
{
	nwb_wait_event(&c->turn_wq, &c->lock,
		       !c->send_busy || c->state == P9_DOWN ||
			       c->conn_epoch != epoch);
	if (c->state == P9_DOWN || c->conn_epoch != epoch)
		return -ECONNABORTED;
	c->send_busy = true;
	return 0;
}

/*
 * While a connection lives every waiter for the turn can use it, so one is
 * woken. Of a lost one nobody can but nwb_p9_conn_clear(), which must not miss
 * it.
 */
void nwb_p9_release_turn(struct nwb_p9 *c)
{
	nwb_assert(c->send_busy);
	c->send_busy = false;
	if (c->state == P9_DOWN)
		nwb_waitq_wake_all(&c->turn_wq);
	else
		nwb_waitq_wake_one(&c->turn_wq);
}

/*
 * The tag comes first and is kept while waiting for the turn: a waiter for the
 * turn that had to go back for a tag would swallow the wake of the next one.
 */
static int take_tag(struct p9_req *r, uint32_t epoch)
{
	struct nwb_p9 *c = r->c;

	if (r->type == NWB_P9_TVERSION) {
		r->tag = NWB_P9_NOTAG;
		return conn_is_open(c, epoch, true) ? 0 : -ECONNABORTED;
	}
	if (conn_is_open(c, epoch, r->is_setup) && !c->nr_free)
		c->stats.tag_waits++;
	nwb_wait_event(&c->tag_wq, &c->lock,
		       c->nr_free || !conn_is_open(c, epoch, r->is_setup));
	if (!conn_is_open(c, epoch, r->is_setup))
		return -ECONNABORTED;
	r->tag = tag_take(c);
	return 0;
}

int nwb_p9_req_begin(struct p9_req *r, uint32_t epoch)
{
	struct nwb_p9 *c = r->c;
	int rc;

	rc = take_tag(r, epoch);
	if (!rc)
		rc = nwb_p9_take_turn(c, epoch);
	if (rc)
		return rc; /* a lost connection's tags are reset as a whole */
	r->epoch = epoch;
	r->is_sending = true;
	r->is_answered = false;
	r->is_cancelled = false;
	r->deadline_ns = nwb_now_ns(c->ex) + c->timeout_ns;
	if (r->tag == NWB_P9_NOTAG)
		c->version_req = r;
	else
		c->tags[r->tag] = r;
	if (r->tag != NWB_P9_NOTAG)
		c->is_late[r->tag] = false;
	nwb_list_add_tail(&c->outstanding, &r->link);
	c->stats.nr_requests++;
	if (c->is_watch_idle) {
		c->is_watch_idle = false;
		nwb_waitq_wake_one(&c->watch_wq);
	}
	return 0;
}

/* Out of the table; the tag only if no Tflush names it. */
static void unregister(struct p9_req *r)
{
	struct nwb_p9 *c = r->c;

	nwb_list_del(&r->link);
	c->nr_cancelled -= r->is_cancelled;
	if (r->tag == NWB_P9_NOTAG) {
		c->version_req = NULL;
		return;
	}
	c->tags[r->tag] = NULL;
	if (!c->flush.is_active || c->flush.oldtag != r->tag)
		nwb_p9_tag_free(c, r->tag);
}

bool nwb_p9_answer(struct p9_req *r, int code, const struct nwb_p9_msg *msg)
{
	nwb_assert(!r->is_answered);
	unregister(r);
	r->is_answered = true;
	r->ops->answer(r, code, msg);
	return !r->is_sending;
}

int nwb_p9_send(struct nwb_p9 *c, size_t hdr_len, const struct iovec *iov,
		unsigned int nr_iov, size_t len)
{
	unsigned int i = 0, nr = 1;
	int rc;

	c->send_iov[0] = (struct iovec){c->send_buf, hdr_len};
	for (;;) {
		/* As many segments as fit: usually all, and one call. */
		for (; len && nr < P9_SEND_IOV; i++) {
			size_t n;

			nwb_assert(i < nr_iov);
			n = nwb_min(iov[i].iov_len, len);
			if (!n)
				continue;
			c->send_iov[nr++] = (struct iovec){iov[i].iov_base, n};
			len -= n;
		}
		rc = nwb_sock_sendv(c->sock, c->send_iov, nr);
		if (rc || !len)
			return rc;
		nr = 0;
	}
}

/* It could not be encoded: as if it had never been. */
static void req_abort(struct p9_req *r)
{
	struct nwb_p9 *c = r->c;

	nwb_mutex_lock(&c->lock);
	if (!r->is_answered)
		unregister(r);
	r->is_sending = false;
	nwb_p9_release_turn(c);
	nwb_mutex_unlock(&c->lock);
}

int nwb_p9_req_send(struct p9_req *r, struct nwb_p9_msg *m,
		    const struct iovec *iov, unsigned int nr_iov, size_t len)
{
	struct nwb_p9 *c = r->c;
	size_t hdr_len = 0;
	bool is_mine;
	int rc;

	m->tag = nwb_p9_wire_tag(c, r->tag);
	rc = nwb_p9_encode(m, c->send_buf, P9_SEND_BUF, &hdr_len);
	if (rc) {
		req_abort(r);
		return rc;
	}
	rc = nwb_p9_send(c, hdr_len, iov, nr_iov, len);
	if (rc)
		nwb_p9_lose(c, r->epoch, false, rc, "sending %s: %s",
			    nwb_p9_type_name(m->type), nwb_errno_name(rc));
	nwb_mutex_lock(&c->lock);
	nwb_p9_release_turn(c);
	r->is_sending = false;
	if (r->is_cancelled) /* it could not be flushed till now */
		nwb_waitq_wake_one(&c->watch_wq);
	is_mine = r->is_answered;
	nwb_mutex_unlock(&c->lock);
	/* Not answered: it belongs to the receiver now, hands off. */
	if (is_mine)
		r->ops->complete(r);
	return 0;
}

/* Reply and request must match, and a Tversion is all that has no tag. */
static struct p9_req *find_req(struct nwb_p9 *c, const struct nwb_p9_msg *m)
{
	if (m->tag == NWB_P9_NOTAG)
		return c->version_req;
	if (m->tag < c->tag_base || m->tag - c->tag_base >= (int)c->max_tags)
		return NULL;
	return c->tags[m->tag - c->tag_base];
}

/*
 * Nobody waits for it: is it at least the answer to something that was asked
 * for? To a request that was cancelled, and Rflush came first; or to one of a
 * connection that was lost. Both are of no use, and no reason to lose this
 * connection.
 */
static bool is_late(struct nwb_p9 *c, uint16_t tag)
{
	uint32_t nr = nr_ranges(c), range = tag / range_size(c);
	uint32_t ago = (own_range(c) + nr - range) % nr; /* connections */

	if (tag == NWB_P9_NOTAG || range >= nr)
		return false;
	if (ago)
		return ago < c->conn_epoch;
	tag = (uint16_t)(tag - c->tag_base);
	return tag < c->max_tags && c->is_late[tag];
}

static int match_reply(struct nwb_p9 *c, const struct nwb_p9_msg *m,
		       struct p9_req **ret_done, struct nwb_err *err)
{
	struct p9_req *r;
	int code = 0;

	if (m->tag == nwb_p9_flush_tag(c))
		return nwb_p9_flush_reply(c, m, ret_done, err);
	r = find_req(c, m);
	if (!r && is_late(c, m->tag)) {
		c->stats.nr_late++;
		return 0;
	}
	if (!r)
		return nwb_err_set(err, -EPROTO,
				   "%s with tag %u, which is not outstanding",
				   nwb_p9_type_name(m->type), m->tag);
	if (m->type == NWB_P9_RLERROR)
		code = nwb_p9_ecode_errno(m->rlerror.ecode);
	else if (m->type != r->type + 1)
		return nwb_err_set(err, -EPROTO, "%s with tag %u answers a %s",
				   nwb_p9_type_name(m->type), m->tag,
				   nwb_p9_type_name(r->type));
	if (nwb_p9_answer(r, code, m))
		*ret_done = r;
	return 0;
}

int nwb_p9_req_reply(struct nwb_p9 *c, uint32_t epoch,
		     const struct nwb_p9_msg *m, struct nwb_err *err)
{
	struct p9_req *done = NULL;
	int rc = 0;

	nwb_mutex_lock(&c->lock);
	/* What arrives after the loss has been declared came too late. */
	if (c->state != P9_DOWN && c->conn_epoch == epoch)
		rc = match_reply(c, m, &done, err);
	nwb_mutex_unlock(&c->lock);
	if (done)
		done->ops->complete(done);
	return rc;
}
