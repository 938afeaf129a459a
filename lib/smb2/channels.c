/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Multichannel ([MS-SMB2] 3.2.4.20.8, 3.2.5.14.11): further connections of a
 * session, each to the address of the server that has the fewest.
 *
 *	connect: channel 0 makes the session, then the others are bound, all on
 *		the connecting task
 *	later: a channel that was lost is bound again by a background task,
 *		which the next nwb_smb2_connect() starts; with the session gone
 *		it gives up
 *
 * c->is_binding belongs to the one task that makes a session or channels.
 */
#include "client.h"

/* The server's answer to FSCTL_QUERY_NETWORK_INTERFACE_INFO. What makes no
 * sense ends the list. */
void nwb_smb2_channels_learn(struct nwb_smb2 *c, const void *info, size_t len)
{
	const uint8_t *at = info;

	nwb_mutex_lock(&c->lock);
	c->nr_addrs = 0;
	while (c->nr_addrs < ADDRS_MAX) {
		struct nwb_smb2_iface iface;
		bool is_known = false;
		size_t next;

		if (nwb_smb2_iface_decode(at, len, &iface, &next))
			break;
		for (unsigned int i = 0; i < c->nr_addrs; i++)
			is_known |= c->addr[i] == iface.ipv4;
		if (iface.ipv4 && !is_known)
			c->addr[c->nr_addrs++] = iface.ipv4;
		if (!next)
			break;
		at += next;
		len -= next;
	}
	nwb_mutex_unlock(&c->lock);
}

static unsigned int nr_channels_to(const struct nwb_smb2 *c, uint32_t addr)
{
	uint32_t own = c->opts.dialer->addr;
	unsigned int n = 0;

	for (unsigned int i = 0; i < c->nr_chans; i++) {
		const struct nwb_smb2_chan *ch = &c->chan[i];

		if (ch->state == CONN_UP)
			n += (ch->addr ? ch->addr : own) == addr;
	}
	return n;
}

/* Where @ch shall go: to the address with the fewest channels, and with every
 * other failure to the next one of the list, whatever goes there. 0: where the
 * dialer goes by itself. */
static uint32_t choose_addr(struct nwb_smb2_chan *ch)
{
	struct nwb_smb2 *c = ch->c;
	uint32_t best = 0;

	nwb_mutex_lock(&c->lock);
	if (c->opts.dialer->dial_to && c->nr_addrs) {
		for (unsigned int i = 0; i < c->nr_addrs; i++) {
			uint32_t addr =
				c->addr[(i + ch->nr_failed) % c->nr_addrs];

			if (!best ||
			    nr_channels_to(c, addr) < nr_channels_to(c, best))
				best = addr;
		}
		if (ch->nr_failed % 2)
			best = c->addr[ch->nr_failed / 2 % c->nr_addrs];
	}
	nwb_mutex_unlock(&c->lock);
	return best;
}

/* The server said no, and will say no again. */
static bool is_refusal(int rc)
{
	return rc == -EACCES || rc == -EPROTO || rc == -EOPNOTSUPP ||
	       rc == -EPROTONOSUPPORT || rc == -EINVAL || rc == -EPERM;
}

/**
 * nwb_smb2_channels_bind() - bind every channel that is down to the session;
 * c->is_binding is ours.
 *
 * Return: 0, also when one cannot be reached just now; why the server refuses.
 */
int nwb_smb2_channels_bind(struct nwb_smb2 *c, struct nwb_err *err)
{
	int rc = 0;

	for (unsigned int i = 0; !rc && i < c->nr_chans; i++) {
		struct nwb_smb2_chan *ch = &c->chan[i];
		uint32_t epoch;
		bool is_down;

		nwb_mutex_lock(&c->lock);
		epoch = c->epoch;
		is_down = c->state == CONN_UP && ch->state == CONN_DOWN;
		nwb_mutex_unlock(&c->lock);
		if (!is_down)
			continue;
		rc = nwb_smb2_chan_connect(ch, choose_addr(ch), epoch, err);
		if (!rc)
			continue;
		nwb_mutex_lock(&c->lock);
		ch->nr_failed++;
		c->bind_after_ns = nwb_now_ns(c->ex) + BIND_AGAIN_NS;
		nwb_mutex_unlock(&c->lock);
		if (is_refusal(rc))
			rc = nwb_err_wrap(err, rc, "channel %u", i + 1);
		else
			rc = 0;
	}
	return rc;
}

static void bind_task(void *arg)
{
	struct nwb_smb2 *c = arg;

	/* it is noted before anybody can start the next one */
	nwb_mutex_lock(&c->lock);
	nwb_wait_event(&c->state_q, &c->lock, c->binder);
	nwb_mutex_unlock(&c->lock);
	/* refused or not, it is tried again: there is nobody to tell */
	(void)!nwb_smb2_channels_bind(c, NULL);
	nwb_mutex_lock(&c->lock);
	c->is_binding = false;
	nwb_waitq_wake_all(&c->state_q);
	nwb_mutex_unlock(&c->lock);
}

static bool is_mending_due(const struct nwb_smb2 *c)
{
	unsigned int nr_down = 0;

	if (c->state != CONN_UP || c->is_binding || c->nr_chans == 1)
		return false;
	for (unsigned int i = 0; i < c->nr_chans; i++)
		nr_down += c->chan[i].state == CONN_DOWN;
	return nr_down && nwb_now_ns(c->ex) >= c->bind_after_ns;
}

/* Begin to bind again what was lost, if it is time to. Does not wait for it. */
void nwb_smb2_channels_mend(struct nwb_smb2 *c)
{
	struct nwb_task *old, *task;
	int rc;

	nwb_mutex_lock(&c->lock);
	if (!is_mending_due(c)) {
		nwb_mutex_unlock(&c->lock);
		return;
	}
	c->is_binding = true;
	old = c->binder;
	c->binder = NULL;
	nwb_mutex_unlock(&c->lock);
	if (old)
		nwb_task_join(old);
	rc = nwb_task_spawn(c->ex, "smb2 bind", bind_task, c, &task);
	nwb_mutex_lock(&c->lock);
	if (rc) {
		c->is_binding = false;
		c->bind_after_ns = nwb_now_ns(c->ex) + BIND_AGAIN_NS;
	} else {
		c->binder = task;
	}
	nwb_waitq_wake_all(&c->state_q);
	nwb_mutex_unlock(&c->lock);
}

/* The session is gone, and nobody else uses @c any more. */
void nwb_smb2_channels_stop(struct nwb_smb2 *c)
{
	if (c->binder)
		nwb_task_join(c->binder);
	c->binder = NULL;
}
