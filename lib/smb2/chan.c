/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The life of one connection of a session; the state diagram stands in
 * client.h.
 */
#include "client.h"

static void timer_fired(struct nwb_work *work)
{
	struct nwb_timer *t = nwb_container_of(work, struct nwb_timer, work);
	struct nwb_smb2_chan *ch =
		nwb_container_of(t, struct nwb_smb2_chan, timer);
	struct nwb_smb2 *c = ch->c;
	uint64_t now = nwb_now_ns(c->ex), next = NWB_NEVER;
	uint32_t lost = 0;

	nwb_mutex_lock(&c->lock);
	ch->timer_set = false;
	if (ch->state == CONN_CONNECTING && ch->handshake_deadline_ns) {
		next = ch->handshake_deadline_ns;
		if (now >= next && ch->sock)
			nwb_sock_shutdown(ch->sock);
	} else if (!nwb_list_empty(&ch->order)) {
		next = nwb_list_first(&ch->order, struct req, order)
			       ->deadline_ns;
		if (now >= next)
			lost = ch->instance;
	}
	if (next != NWB_NEVER && now < next) {
		ch->timer_set = true;
		nwb_timer_arm(&ch->timer, next);
	}
	nwb_mutex_unlock(&c->lock);
	if (lost)
		nwb_smb2_chan_lost(ch, lost);
}

/* Return: 0 or -ENOMEM; nwb_smb2_chan_fini() in both cases. */
int nwb_smb2_chan_init(struct nwb_smb2_chan *ch, struct nwb_smb2 *c,
		       unsigned int index)
{
	ch->c = c;
	ch->index = index;
	/* every channel asks for credits, not the first one only (B5) */
	ch->pool.max = c->opts.max_credits;
	ch->pool.chan = index;
	ch->pool.is_loose = c->opts.repick_channel;
	nwb_mutex_init(&ch->send_lock, c->ex, "smb2 send");
	nwb_timer_init(&ch->timer, c->ex, timer_fired, "smb2 timeout");
	nwb_smb2_table_init(ch);
	ch->rx.buf = nwb_alloc_pages(RX_BYTES);
	ch->tx_buf = nwb_alloc_pages(TX_BYTES);
	ch->send_iov = nwb_alloc_pages(SEND_IOV_MAX * sizeof(*ch->send_iov));
	return ch->rx.buf && ch->tx_buf && ch->send_iov ? 0 : -ENOMEM;
}

void nwb_smb2_chan_fini(struct nwb_smb2_chan *ch)
{
	nwb_free(ch->rx.buf);
	nwb_free(ch->tx_buf);
	nwb_free(ch->send_iov);
	nwb_free(ch->seal_buf);
}

/* Is it up, and still connection @instance? Under the lock. */
bool nwb_smb2_chan_is(const struct nwb_smb2_chan *ch, uint32_t instance)
{
	return ch->state == CONN_UP && ch->instance == instance;
}

/* Under the lock; what is to be finished goes to @gone. */
static void take_down(struct nwb_smb2_chan *ch, struct nwb_list *gone)
{
	struct nwb_smb2 *c = ch->c;
	struct req *r, *next;

	ch->state = CONN_DOWN;
	c->channel_sequence++;
	ch->stale_credits = ch->pool.credits + ch->pool.outstanding;
	c->credits_min = nwb_min(c->credits_min, ch->pool.min_seen);
	nwb_credits_reset(&ch->pool, 0, 0);
	nwb_list_for_each_entry_safe (r, next, &ch->order, order) {
		nwb_smb2_table_remove(r);
		r->result = -ECONNABORTED;
		r->status = 0;
		r->is_known = true;
		if (!r->sending)
			nwb_list_add_tail(gone, &r->order);
	}
	nwb_sock_shutdown(ch->sock);
}

static bool any_up(const struct nwb_smb2 *c)
{
	for (unsigned int i = 0; i < c->nr_chans; i++)
		if (c->chan[i].state == CONN_UP)
			return true;
	return false;
}

/* No channel is left: the session is lost, and what is being bound to it is in
 * vain. */
static void session_down(struct nwb_smb2 *c)
{
	c->state = CONN_DOWN;
	for (unsigned int i = 0; i < c->nr_chans; i++)
		if (c->chan[i].state == CONN_CONNECTING && c->chan[i].sock)
			nwb_sock_shutdown(c->chan[i].sock);
}

/* After take_down(): under the lock, which is released. */
static void finish_all(struct nwb_smb2 *c, struct nwb_list *gone)
{
	if (c->state == CONN_UP && !any_up(c))
		session_down(c);
	else
		c->stats.nr_chan_lost++;
	nwb_waitq_wake_all(&c->credit_q);
	nwb_waitq_wake_all(&c->state_q);
	nwb_mutex_unlock(&c->lock);
	while (!nwb_list_empty(gone)) {
		struct req *r = nwb_list_first(gone, struct req, order);

		nwb_list_del(&r->order);
		nwb_smb2_req_finish(r);
	}
}

/**
 * nwb_smb2_chan_lost() - connection @instance of @ch is of no use any more:
 * nothing if it is not the present one. Every outstanding request completes
 * with -ECONNABORTED; those that are being sent right now are left to their
 * senders. With its last channel the session is lost.
 *
 * Context: no locks held; runs completion callbacks.
 */
void nwb_smb2_chan_lost(struct nwb_smb2_chan *ch, uint32_t instance)
{
	struct nwb_smb2 *c = ch->c;
	struct nwb_list gone;

	nwb_list_init(&gone);
	nwb_mutex_lock(&c->lock);
	if (nwb_smb2_chan_is(ch, instance)) {
		take_down(ch, &gone);
		finish_all(c, &gone);
		return;
	}
	nwb_mutex_unlock(&c->lock);
}

/**
 * nwb_smb2_session_lost() - session @epoch is of no use any more: all its
 * channels are lost at once, so that no request meets a dead session on
 * another of them.
 *
 * Context: as nwb_smb2_chan_lost().
 */
void nwb_smb2_session_lost(struct nwb_smb2 *c, uint32_t epoch)
{
	struct nwb_list gone;

	nwb_list_init(&gone);
	nwb_mutex_lock(&c->lock);
	if (c->state != CONN_UP || c->epoch != epoch) {
		nwb_mutex_unlock(&c->lock);
		return;
	}
	for (unsigned int i = 0; i < c->nr_chans; i++)
		if (c->chan[i].state == CONN_UP)
			take_down(&c->chan[i], &gone);
	finish_all(c, &gone);
}

/* Put away what is left of the last connection; the channel is CONNECTING or
 * nobody else uses it any more. */
void nwb_smb2_chan_bury(struct nwb_smb2_chan *ch)
{
	struct nwb_smb2 *c = ch->c;
	struct nwb_sock *sock;

	if (ch->receiver)
		nwb_task_join(ch->receiver);
	ch->receiver = NULL;
	/* nobody is inside nwb_sock_sendv() once we have the lock */
	nwb_mutex_lock(&ch->send_lock);
	nwb_mutex_lock(&c->lock);
	sock = ch->sock;
	ch->sock = NULL;
	nwb_mutex_unlock(&c->lock);
	nwb_signer_fini(&ch->tx_signer);
	nwb_signer_fini(&ch->rx_signer);
	nwb_sealer_fini(&ch->tx_sealer);
	nwb_sealer_fini(&ch->rx_sealer);
	nwb_mutex_unlock(&ch->send_lock);
	nwb_sock_close(sock);
	nwb_smb2_rx_reset(&ch->rx);
}

/* May it still become a channel of session @bind_to? Under the lock. */
static bool may_bind(const struct nwb_smb2 *c, uint32_t bind_to)
{
	return c->state == CONN_UP && c->epoch == bind_to;
}

/* The handshake is done: everything for the next instance. The state stays
 * CONNECTING until the receiver runs, so that nobody can lose the connection,
 * and make the next one, in between. */
static void chan_prepare(struct nwb_smb2_chan *ch, const struct handshake *h)
{
	struct nwb_smb2 *c = ch->c;
	int32_t credits = h->credits;

	nwb_mutex_lock(&c->lock);
#ifdef NWB_MUTANTS
	if (c->opts.count_stale_credits)
		credits += ch->stale_credits;
#endif
	ch->handshake_deadline_ns = 0;
	ch->next_mid = h->mid;
	ch->instance = ++c->last_instance;
	ch->rx_ended = false;
	nwb_credits_reset(&ch->pool, ch->instance, credits);
	if (h->is_binding) {
		c->stats.nr_binds++;
	} else {
		c->session_id = h->session_id;
		c->tree_id = h->tree_id;
		c->epoch++;
		c->stats.nr_connects++;
	}
	nwb_mutex_unlock(&c->lock);
}

/* Open for business, unless the stream has ended already, or the session. */
static int chan_up(struct nwb_smb2_chan *ch, uint32_t bind_to)
{
	struct nwb_smb2 *c = ch->c;
	int rc = 0;

	nwb_mutex_lock(&c->lock);
	if (ch->rx_ended) {
		rc = -ECONNRESET;
	} else if (bind_to && !may_bind(c, bind_to)) {
		rc = -ECONNABORTED;
	} else {
		ch->state = CONN_UP;
		ch->nr_failed = 0;
		c->state = CONN_UP;
		if (c->nr_credit_waiters)
			nwb_waitq_wake_all(&c->credit_q);
	}
	nwb_mutex_unlock(&c->lock);
	return rc;
}

/* Shake hands on @sock and begin to receive. */
static int chan_start(struct nwb_smb2_chan *ch, struct nwb_sock *sock,
		      uint32_t bind_to, struct nwb_err *err)
{
	struct nwb_smb2 *c = ch->c;
	struct handshake h = {
		.c = c,
		.ch = ch,
		.sock = sock,
		.is_binding = bind_to != 0,
		.session_id = bind_to ? c->session_id : 0,
		.tree_id = bind_to ? c->tree_id : 0,
		.previous_session_id = bind_to ? 0 : c->session_id,
	};
	int rc = nwb_smb2_handshake(&h, err);

	if (rc)
		return rc;
	chan_prepare(ch, &h);
	rc = nwb_task_spawn(c->ex, "smb2 receiver", nwb_smb2_receiver, ch,
			    &ch->receiver);
	if (rc)
		ch->receiver = NULL;
	else
		rc = chan_up(ch, bind_to);
	if (rc)
		return nwb_err_set(err, rc, "start of the receiver: %s",
				   nwb_errno_name(rc));
	return 0;
}

static int dial(struct nwb_smb2 *c, uint32_t addr, struct nwb_sock **ret_sock,
		struct nwb_err *err)
{
	struct nwb_dialer *d = c->opts.dialer;

	return addr ? d->dial_to(d, c->ex, addr, ret_sock, err)
		    : d->dial(d, c->ex, ret_sock, err);
}

/* Has the session that the socket is for ended while it was dialled? */
static int chan_begin(struct nwb_smb2_chan *ch, struct nwb_sock *sock,
		      uint32_t bind_to)
{
	struct nwb_smb2 *c = ch->c;
	int rc = 0;

	nwb_mutex_lock(&ch->send_lock);
	nwb_mutex_lock(&c->lock);
	ch->state = CONN_CONNECTING;
	ch->sock = sock;
	if (bind_to && !may_bind(c, bind_to)) {
		rc = -ECONNABORTED;
	} else {
		ch->handshake_deadline_ns =
			nwb_now_ns(c->ex) + c->opts.timeout_ns;
		ch->timer_set = true;
		nwb_timer_arm(&ch->timer, ch->handshake_deadline_ns);
	}
	nwb_mutex_unlock(&c->lock);
	nwb_mutex_unlock(&ch->send_lock);
	return rc;
}

/**
 * nwb_smb2_chan_connect() - dial and shake hands; the channel is DOWN, and
 * c->is_binding is ours, so only one task does it.
 * @addr: IPv4 address, 0: where the dialer goes by itself
 * @bind_to: epoch of the session that it shall belong to; 0: make one
 */
int nwb_smb2_chan_connect(struct nwb_smb2_chan *ch, uint32_t addr,
			  uint32_t bind_to, struct nwb_err *err)
{
	struct nwb_smb2 *c = ch->c;
	struct nwb_sock *sock;
	int rc;

	nwb_smb2_chan_bury(ch);
	rc = dial(c, addr, &sock, err);
	if (rc)
		return rc;
	ch->addr = addr;
	rc = chan_begin(ch, sock, bind_to);
	if (!rc)
		rc = chan_start(ch, sock, bind_to, err);
	if (rc) {
		nwb_mutex_lock(&c->lock);
		ch->state = CONN_DOWN;
		ch->handshake_deadline_ns = 0;
		nwb_sock_shutdown(sock);
		nwb_mutex_unlock(&c->lock);
		nwb_smb2_chan_bury(ch);
	}
	return rc;
}
