/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The life of a client and of its sessions; the state diagram stands in
 * client.h, connections in chan.c.
 */
#include "client.h"

#include <assert.h>
#include <stdio.h>

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

static void free_client(struct nwb_smb2 *c)
{
	for (unsigned int i = 0; i < c->nr_chans; i++)
		nwb_smb2_chan_fini(&c->chan[i]);
	gnutls_memset(&c->keys, 0, sizeof(c->keys));
	gnutls_memset(c->strings, 0, sizeof(c->strings));
	nwb_free(c);
}

static int init_channels(struct nwb_smb2 *c, struct nwb_err *err)
{
	int rc = 0;

	if (!c->opts.channels)
		c->opts.channels = 1;
	if (c->opts.channels > NWB_SMB2_CHANNELS_MAX)
		return nwb_err_set(err, -EINVAL,
				   "%u channels: at most %u are possible",
				   c->opts.channels, NWB_SMB2_CHANNELS_MAX);
	for (unsigned int i = 0; !rc && i < c->opts.channels; i++) {
		rc = nwb_smb2_chan_init(&c->chan[i], c, i);
		c->nr_chans++;
	}
	return rc ? nwb_err_set(err, rc, "out of memory") : 0;
}

int nwb_smb2_new(struct nwb_exec *ex, const struct nwb_smb2_opts *opts,
		 struct nwb_smb2 **ret_c, struct nwb_err *err)
{
	int rc = nwb_smb2_check_opts(opts, err);
	struct nwb_smb2 *c;

	if (rc)
		return rc;
	c = nwb_zalloc(sizeof(*c));
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
		rc = init_channels(c, err);
	if (rc) {
		free_client(c);
		return rc;
	}
	nwb_mutex_init(&c->lock, ex, "smb2");
	nwb_waitq_init(&c->state_q, ex, "smb2 connect");
	nwb_waitq_init(&c->credit_q, ex, "smb2 credits");
	nwb_waitq_init(&c->break_q, ex, "smb2 breaks");
	nwb_list_init(&c->files);
	nwb_list_init(&c->breaks);
	nwb_random_bytes(ex, c->guid, sizeof(c->guid));
	c->credits_min = INT32_MAX;
	c->sign_alg = -1;
	rc = nwb_smb2_breaker_start(c);
	if (rc) {
		free_client(c);
		return nwb_err_set(err, rc, "cannot start a task: %s",
				   nwb_errno_name(rc));
	}
	*ret_c = c;
	return 0;
}

/* A new session on the first channel, wherever the server can be reached, and
 * its other channels. State is CONNECTING, c->is_binding is ours. */
static int session_begin(struct nwb_smb2 *c, struct nwb_err *err)
{
	struct nwb_smb2_chan *ch = &c->chan[0];
	int rc;

	for (unsigned int i = 1; i < c->nr_chans; i++)
		nwb_smb2_chan_bury(&c->chan[i]);
	rc = nwb_smb2_chan_connect(ch, 0, 0, err);
	for (unsigned int i = 0; rc && i < c->nr_addrs; i++)
		if (c->opts.dialer->dial_to &&
		    c->addr[i] != c->opts.dialer->addr)
			rc = nwb_smb2_chan_connect(ch, c->addr[i], 0, err);
	if (!rc)
		return nwb_smb2_channels_bind(c, err);
	nwb_mutex_lock(&c->lock);
	c->state = CONN_DOWN;
	nwb_mutex_unlock(&c->lock);
	return rc;
}

/* Wait for the attempt under way, under the lock, which is released. */
static int join_attempt(struct nwb_smb2 *c, struct nwb_err *err)
{
	int rc;

	nwb_wait_event(&c->state_q, &c->lock, c->state != CONN_CONNECTING);
	rc = c->state == CONN_UP ? 0 : c->connect_rc;
	if (rc && err)
		*err = c->connect_err;
	nwb_mutex_unlock(&c->lock);
	return rc;
}

int nwb_smb2_connect(struct nwb_smb2 *c, struct nwb_err *err)
{
	struct nwb_err e = {0};
	int rc;

	nwb_mutex_lock(&c->lock);
	if (c->state == CONN_CONNECTING)
		return join_attempt(c, err);
	if (c->state == CONN_UP) {
		nwb_mutex_unlock(&c->lock);
		if (c->nr_chans > 1)
			nwb_smb2_channels_mend(c);
		return 0;
	}
	c->state = CONN_CONNECTING;
	nwb_wait_event(&c->state_q, &c->lock, !c->is_binding);
	c->is_binding = true;
	nwb_mutex_unlock(&c->lock);
	rc = session_begin(c, &e);
	/* refused after all: half a session is none */
	if (rc)
		nwb_smb2_disconnect(c);
	nwb_mutex_lock(&c->lock);
	c->is_binding = false;
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
	nwb_smb2_session_lost(c, epoch);
}

void nwb_smb2_drop_channel(struct nwb_smb2 *c, unsigned int nr)
{
	uint32_t instance;

	nwb_assert(nr < c->nr_chans);
	nwb_mutex_lock(&c->lock);
	instance = c->chan[nr].instance;
	nwb_mutex_unlock(&c->lock);
	nwb_smb2_chan_lost(&c->chan[nr], instance);
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
		nwb_smb2_session_lost(c, epoch);
	}
	nwb_smb2_channels_stop(c);
	nwb_smb2_breaker_stop(c);
	for (unsigned int i = 0; i < c->nr_chans; i++) {
		nwb_smb2_chan_bury(&c->chan[i]);
		nwb_timer_cancel_sync(&c->chan[i].timer);
		nwb_assert(nwb_list_empty(&c->chan[i].order));
	}
	free_client(c);
}

void nwb_smb2_get_stats(struct nwb_smb2 *c, struct nwb_smb2_stats *ret_stats)
{
	nwb_mutex_lock(&c->lock);
	*ret_stats = c->stats;
	ret_stats->dialect = c->dialect;
	ret_stats->is_signed = c->sign_all && !c->encrypt_all;
	ret_stats->is_guest = c->is_guest;
	ret_stats->max_write = c->max_write;
	ret_stats->max_read = c->max_read;
	ret_stats->nr_channels = 0;
	ret_stats->credits = 0;
	ret_stats->in_flight = 0;
	ret_stats->credits_min = c->credits_min;
	for (unsigned int i = 0; i < c->nr_chans; i++) {
		const struct nwb_smb2_chan *ch = &c->chan[i];

		if (ch->state != CONN_UP)
			continue;
		ret_stats->nr_channels++;
		ret_stats->credits += ch->pool.credits;
		ret_stats->in_flight += ch->pool.in_flight;
		ret_stats->credits_min =
			nwb_min(ret_stats->credits_min, ch->pool.min_seen);
	}
	if (!c->stats.nr_connects)
		ret_stats->credits_min = 0;
	(void)snprintf(ret_stats->signing_alg, sizeof(ret_stats->signing_alg),
		       "%s",
		       ret_stats->is_signed ? nwb_signing_alg_name(c->sign_alg)
					    : "none");
	(void)snprintf(ret_stats->cipher, sizeof(ret_stats->cipher), "%s",
		       c->encrypt_all ? nwb_cipher_name(c->cipher) : "none");
	nwb_mutex_unlock(&c->lock);
}
