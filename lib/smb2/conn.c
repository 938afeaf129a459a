/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The life of a client and of its connections; the state diagram stands in
 * client.h.
 */
#include "client.h"

#include <assert.h>
#include <stdio.h>

static void timer_fired(struct nwb_work *work)
{
	struct nwb_timer *t = nwb_container_of(work, struct nwb_timer, work);
	struct nwb_smb2 *c = nwb_container_of(t, struct nwb_smb2, timer);
	uint64_t now = nwb_now_ns(c->ex), next = NWB_NEVER;
	uint32_t lost = 0;

	nwb_mutex_lock(&c->lock);
	c->timer_set = false;
	if (c->state == CONN_CONNECTING && c->handshake_deadline_ns) {
		next = c->handshake_deadline_ns;
		if (now >= next && c->sock)
			nwb_sock_shutdown(c->sock);
	} else if (!nwb_list_empty(&c->order)) {
		next = nwb_list_first(&c->order, struct req, order)
			       ->deadline_ns;
		if (now >= next)
			lost = c->epoch;
	}
	if (next != NWB_NEVER && now < next) {
		c->timer_set = true;
		nwb_timer_arm(&c->timer, next);
	}
	nwb_mutex_unlock(&c->lock);
	if (lost)
		nwb_smb2_conn_lost(c, lost);
}

static int copy_strings(struct nwb_smb2 *c, struct nwb_err *err)
{
	const char **s[] = {&c->opts.server_name, &c->opts.share, &c->opts.user,
			    &c->opts.password, &c->opts.domain};

	static_assert(NWB_ARRAY_SIZE(s) ==
			      sizeof(c->strings) / sizeof(c->strings[0]),
		      "one place a string");
	for (size_t i = 0; i < NWB_ARRAY_SIZE(s); i++) {
		const char *from = *s[i] ? *s[i] : "";

		if (strlen(from) >= STR_MAX)
			return nwb_err_set(err, -ENAMETOOLONG,
					   "server, share, user, password or "
					   "domain is too long");
		memcpy(c->strings[i], from, strlen(from) + 1);
		*s[i] = c->strings[i];
	}
	return 0;
}

static int alloc_buffers(struct nwb_smb2 *c, struct nwb_err *err)
{
	c->rx.buf = nwb_alloc_pages(RX_BYTES);
	c->tx_buf = nwb_alloc_pages(TX_BYTES);
	c->send_iov = nwb_alloc_pages(SEND_IOV_MAX * sizeof(*c->send_iov));
	if (!c->rx.buf || !c->tx_buf || !c->send_iov)
		return nwb_err_set(err, -ENOMEM, "out of memory");
	return 0;
}

static void free_client(struct nwb_smb2 *c)
{
	nwb_free(c->rx.buf);
	nwb_free(c->tx_buf);
	nwb_free(c->send_iov);
	nwb_free(c);
}

int nwb_smb2_new(struct nwb_exec *ex, const struct nwb_smb2_opts *opts,
		 struct nwb_smb2 **ret_c, struct nwb_err *err)
{
	struct nwb_smb2 *c = nwb_zalloc(sizeof(*c));
	int rc;

	if (!c)
		return nwb_err_set(err, -ENOMEM, "out of memory");
	c->ex = ex;
	c->opts = *opts;
	if (!c->opts.max_credits)
		c->opts.max_credits = DEFAULT_MAX_CREDITS;
	if (!c->opts.timeout_ns)
		c->opts.timeout_ns = DEFAULT_TIMEOUT_NS;
	rc = copy_strings(c, err);
	if (!rc)
		rc = alloc_buffers(c, err);
	if (rc) {
		free_client(c);
		return rc;
	}
	nwb_mutex_init(&c->lock, ex, "smb2");
	nwb_mutex_init(&c->send_lock, ex, "smb2 send");
	nwb_waitq_init(&c->state_q, ex, "smb2 connect");
	nwb_waitq_init(&c->credit_q, ex, "smb2 credits");
	nwb_timer_init(&c->timer, ex, timer_fired, "smb2 timeout");
	nwb_smb2_table_init(c);
	nwb_random_bytes(ex, c->guid, sizeof(c->guid));
	c->pool.max = c->opts.max_credits;
	c->credits_min = INT32_MAX;
	c->sign_alg = -1;
	*ret_c = c;
	return 0;
}

/**
 * nwb_smb2_conn_lost() - connection @epoch is of no use any more: nothing if it
 * is not the present one. Every outstanding request completes with
 * -ECONNABORTED; those that are being sent right now are left to their senders.
 *
 * Context: no locks held; runs completion callbacks.
 */
void nwb_smb2_conn_lost(struct nwb_smb2 *c, uint32_t epoch)
{
	struct nwb_list gone;
	struct req *r, *next;

	nwb_list_init(&gone);
	nwb_mutex_lock(&c->lock);
	if (c->state != CONN_UP || c->epoch != epoch) {
		nwb_mutex_unlock(&c->lock);
		return;
	}
	c->state = CONN_DOWN;
	c->stale_credits = c->pool.credits + c->pool.outstanding;
	c->credits_min = nwb_min(c->credits_min, c->pool.min_seen);
	nwb_credits_reset(&c->pool, 0, 0);
	nwb_list_for_each_entry_safe (r, next, &c->order, order) {
		nwb_smb2_table_remove(r);
		r->result = -ECONNABORTED;
		r->status = 0;
		r->is_known = true;
		if (!r->sending)
			nwb_list_add_tail(&gone, &r->order);
	}
	nwb_sock_shutdown(c->sock);
	nwb_waitq_wake_all(&c->credit_q);
	nwb_waitq_wake_all(&c->state_q);
	nwb_mutex_unlock(&c->lock);
	while (!nwb_list_empty(&gone)) {
		r = nwb_list_first(&gone, struct req, order);
		nwb_list_del(&r->order);
		nwb_smb2_req_finish(c, r);
	}
}

/* Put away what is left of the last connection; state is CONNECTING or
 * nobody else uses @c any more. */
static void bury(struct nwb_smb2 *c)
{
	struct nwb_sock *sock;

	if (c->receiver)
		nwb_task_join(c->receiver);
	c->receiver = NULL;
	/* nobody is inside nwb_sock_sendv() once we have the lock */
	nwb_mutex_lock(&c->send_lock);
	nwb_mutex_lock(&c->lock);
	sock = c->sock;
	c->sock = NULL;
	nwb_mutex_unlock(&c->lock);
	nwb_signer_fini(&c->tx_signer);
	nwb_signer_fini(&c->rx_signer);
	nwb_mutex_unlock(&c->send_lock);
	nwb_sock_close(sock);
	nwb_smb2_rx_reset(&c->rx);
}

/* The handshake is done: everything for connection epoch + 1. The state stays
 * CONNECTING until the receiver runs, so that nobody can lose the connection,
 * and make the next one, in between. */
static void conn_prepare(struct nwb_smb2 *c, const struct handshake *h)
{
	int32_t credits = h->credits;

	nwb_mutex_lock(&c->lock);
#ifdef NWB_MUTANTS
	if (c->opts.count_stale_credits)
		credits += c->stale_credits;
#endif
	c->handshake_deadline_ns = 0;
	c->session_id = h->session_id;
	c->tree_id = h->tree_id;
	c->next_mid = h->mid;
	c->epoch++;
	c->stats.nr_connects++;
	c->rx_ended = false;
	nwb_credits_reset(&c->pool, c->epoch, credits);
	nwb_mutex_unlock(&c->lock);
}

/* Open for business, unless the stream has ended already. */
static int conn_up(struct nwb_smb2 *c)
{
	int rc = 0;

	nwb_mutex_lock(&c->lock);
	if (c->rx_ended)
		rc = -ECONNRESET;
	else
		c->state = CONN_UP;
	nwb_mutex_unlock(&c->lock);
	return rc;
}

/* Dial and shake hands; state is CONNECTING. */
static int connect_once(struct nwb_smb2 *c, struct nwb_err *err)
{
	struct handshake h = {.c = c, .previous_session_id = c->session_id};
	struct nwb_sock *sock;
	int rc;

	bury(c);
	rc = c->opts.dialer->dial(c->opts.dialer, c->ex, &sock, err);
	if (rc)
		return rc;
	nwb_mutex_lock(&c->send_lock);
	nwb_mutex_lock(&c->lock);
	c->sock = sock;
	c->handshake_deadline_ns = nwb_now_ns(c->ex) + c->opts.timeout_ns;
	c->timer_set = true;
	nwb_timer_arm(&c->timer, c->handshake_deadline_ns);
	nwb_mutex_unlock(&c->lock);
	nwb_mutex_unlock(&c->send_lock);
	h.sock = sock;
	rc = nwb_smb2_handshake(&h, err);
	if (!rc) {
		conn_prepare(c, &h);
		rc = nwb_task_spawn(c->ex, "smb2 receiver", nwb_smb2_receiver,
				    c, &c->receiver);
		if (rc)
			c->receiver = NULL;
		else
			rc = conn_up(c);
		if (rc)
			(void)nwb_err_set(err, rc, "start of the receiver: %s",
					  nwb_errno_name(rc));
	}
	if (rc) {
		nwb_mutex_lock(&c->lock);
		c->handshake_deadline_ns = 0;
		nwb_sock_shutdown(sock);
		nwb_mutex_unlock(&c->lock);
		bury(c);
	}
	return rc;
}

int nwb_smb2_connect(struct nwb_smb2 *c, struct nwb_err *err)
{
	struct nwb_err e = {0};
	int rc;

	nwb_mutex_lock(&c->lock);
	if (c->state == CONN_CONNECTING) {
		nwb_wait_event(&c->state_q, &c->lock,
			       c->state != CONN_CONNECTING);
		rc = c->connect_rc;
		if (rc && err)
			*err = c->connect_err;
		nwb_mutex_unlock(&c->lock);
		return rc;
	}
	if (c->state == CONN_UP) {
		nwb_mutex_unlock(&c->lock);
		return 0;
	}
	c->state = CONN_CONNECTING;
	nwb_mutex_unlock(&c->lock);
	rc = connect_once(c, &e);
	nwb_mutex_lock(&c->lock);
	if (rc && c->state == CONN_CONNECTING)
		c->state = CONN_DOWN;
	c->connect_rc = rc;
	c->connect_err = e;
	nwb_waitq_wake_all(&c->state_q);
	nwb_mutex_unlock(&c->lock);
	if (rc && err)
		*err = e;
	return rc;
}

void nwb_smb2_disconnect(struct nwb_smb2 *c)
{
	uint32_t epoch;

	nwb_mutex_lock(&c->lock);
	epoch = c->epoch;
	nwb_mutex_unlock(&c->lock);
	nwb_smb2_conn_lost(c, epoch);
}

uint32_t nwb_smb2_epoch(struct nwb_smb2 *c)
{
	uint32_t epoch;

	nwb_mutex_lock(&c->lock);
	epoch = c->state == CONN_UP ? c->epoch : 0;
	nwb_mutex_unlock(&c->lock);
	return epoch;
}

/* Best effort, and not for long: the server forgets us anyway. */
static void log_off(struct nwb_smb2 *c, uint32_t epoch)
{
	uint8_t frame[NWB_SMB2_NBT_LEN + NWB_SMB2_HDR_LEN + 4];
	struct sync_call s = {0};
	int n = nwb_smb2_empty_encode(frame + NWB_SMB2_NBT_LEN,
				      sizeof(frame) - NWB_SMB2_NBT_LEN);

	(void)!nwb_smb2_sync_run(c, &s, NWB_SMB2_LOGOFF, epoch, frame, n,
				 nwb_now_ns(c->ex) +
					 nwb_min(c->opts.timeout_ns, NWB_SEC));
}

void nwb_smb2_free(struct nwb_smb2 *c)
{
	uint32_t epoch;

	if (!c)
		return;
	epoch = nwb_smb2_epoch(c);
	if (epoch) {
		log_off(c, epoch);
		nwb_smb2_conn_lost(c, epoch);
	}
	bury(c);
	nwb_timer_cancel_sync(&c->timer);
	nwb_assert(nwb_list_empty(&c->order));
	free_client(c);
}

void nwb_smb2_get_stats(struct nwb_smb2 *c, struct nwb_smb2_stats *ret_stats)
{
	nwb_mutex_lock(&c->lock);
	*ret_stats = c->stats;
	ret_stats->dialect = c->dialect;
	ret_stats->is_signed = c->sign_all;
	ret_stats->is_guest = c->is_guest;
	ret_stats->max_write = c->max_write;
	ret_stats->max_read = c->max_read;
	ret_stats->credits = c->pool.credits;
	ret_stats->in_flight = c->pool.in_flight;
	ret_stats->credits_min = c->credits_min;
	if (c->state == CONN_UP)
		ret_stats->credits_min =
			nwb_min(c->credits_min, c->pool.min_seen);
	if (!c->stats.nr_connects)
		ret_stats->credits_min = 0;
	(void)snprintf(
		ret_stats->signing_alg, sizeof(ret_stats->signing_alg), "%s",
		c->sign_all ? nwb_signing_alg_name(c->sign_alg) : "none");
	nwb_mutex_unlock(&c->lock);
}
