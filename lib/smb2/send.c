/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The sending side: credits, MessageIds, signatures, WRITE.
 *
 * A WRITE leaves with one nwb_sock_sendv(): NBT and headers from the stack,
 * payload from the caller's folios by reference, also when it is signed.
 * Encrypted it is copied once (protect.c).
 */
#include "client.h"

#include <assert.h>

static_assert(sizeof(struct req) <= sizeof(((struct nwb_smb2_write *)0)->priv),
	      "struct req does not fit into nwb_smb2_write.priv");
static_assert(_Alignof(struct req) <= _Alignof(uint64_t), "alignment");

/* Why a request made for session @epoch cannot be sent now, under the lock. */
static int stale_reason(const struct nwb_smb2 *c, uint32_t epoch)
{
	if (c->state != CONN_UP)
		return -ECONNABORTED;
	return c->epoch == epoch ? 0 : -EAGAIN;
}

/* No credit, and nothing on its way that could bring one. */
static bool is_starved(const struct nwb_smb2_chan *ch)
{
	return ch->state == CONN_UP && ch->pool.in_flight == 0 &&
	       ch->pool.credits <= 0;
}

static struct nwb_smb2_chan *starved_chan(struct nwb_smb2 *c)
{
	for (unsigned int i = 0; i < c->nr_chans; i++)
		if (is_starved(&c->chan[i]))
			return &c->chan[i];
	return NULL;
}

/*
 * Sleep until credits may have come, under the lock. Linux waits for ever
 * (H11). With nothing in flight nothing can bring a credit: after a grace the
 * connection counts as dead.
 */
static int credit_wait(struct nwb_smb2 *c, uint32_t epoch, uint64_t deadline_ns)
{
	uint64_t start = nwb_now_ns(c->ex), dead_ns = NWB_NEVER;
	struct nwb_smb2_chan *ch = starved_chan(c);
	uint32_t instance = ch ? ch->instance : 0;
	int rc;

	if (ch && c->opts.wait_for_ever)
		c->stats.starved_waits++;
	else if (ch)
		dead_ns = start + nwb_min(STARVED_GRACE_NS, c->opts.timeout_ns);
	c->stats.credit_waits++;
	c->nr_credit_waiters++;
	rc = nwb_waitq_wait(&c->credit_q, &c->lock,
			    nwb_min(deadline_ns, dead_ns));
	c->nr_credit_waiters--;
	c->stats.credit_wait_ns += nwb_now_ns(c->ex) - start;
	if (stale_reason(c, epoch))
		return stale_reason(c, epoch);
	if (rc != -ETIMEDOUT)
		return 0;
	if (nwb_now_ns(c->ex) >= dead_ns && nwb_smb2_chan_is(ch, instance) &&
	    is_starved(ch)) {
		nwb_mutex_unlock(&c->lock);
		nwb_smb2_chan_lost(ch, instance);
		nwb_mutex_lock(&c->lock);
		return stale_reason(c, epoch);
	}
	return nwb_now_ns(c->ex) >= deadline_ns ? -ETIMEDOUT : 0;
}

/* Is @a the better choice for a request of @need credits than @b? Enough
 * credits first, then fewer requests in flight (cifs_pick_channel()). */
static bool is_better(const struct nwb_smb2_chan *a,
		      const struct nwb_smb2_chan *b, int32_t need)
{
	bool a_has = a->pool.credits >= need, b_has = b->pool.credits >= need;

	if (a_has != b_has)
		return a_has;
	if (!a_has)
		return a->pool.credits > b->pool.credits;
	return a->pool.in_flight < b->pool.in_flight;
}

/*
 * The channel for a request of @need credits, under the lock; NULL: none is up.
 * Picked once a request: what is reserved on it is spent on it (B1). Looks at
 * each channel's own state (C6), and begins behind the last pick, so that ties
 * go round.
 */
static struct nwb_smb2_chan *pick_chan(struct nwb_smb2 *c, uint32_t need)
{
	struct nwb_smb2_chan *best = NULL;

	for (unsigned int i = 1; i <= c->nr_chans; i++) {
		struct nwb_smb2_chan *ch =
			&c->chan[(c->last_pick + i) % c->nr_chans];

		if (ch->state == CONN_UP &&
		    (!best || is_better(ch, best, (int32_t)need)))
			best = ch;
	}
	if (best)
		c->last_pick = best->index;
	return best;
}

int nwb_smb2_wait_mtu_credits(struct nwb_smb2 *c, size_t size,
			      uint64_t deadline_ns, size_t *ret_size,
			      struct nwb_smb2_credits *ret_credits)
{
	uint32_t epoch;
	int rc;

	nwb_assert(size > 0);
	nwb_mutex_lock(&c->lock);
	epoch = c->epoch;
	rc = stale_reason(c, epoch);
	while (!rc) {
		struct nwb_smb2_chan *ch = pick_chan(c, 2);

		if (ch &&
		    !nwb_credits_reserve(&ch->pool,
					 nwb_min(size, (size_t)c->max_write),
					 ret_size, ret_credits))
			break;
		rc = credit_wait(c, epoch, deadline_ns);
	}
	nwb_mutex_unlock(&c->lock);
	/* another session is as good as none: what was waited for is gone */
	return rc == -EAGAIN ? -ECONNABORTED : rc;
}

/* The channel on which @cr was reserved. */
static struct nwb_smb2_chan *chan_of(struct nwb_smb2 *c,
				     const struct nwb_smb2_credits *cr)
{
	nwb_assert(cr->chan < c->nr_chans);
	return &c->chan[cr->chan];
}

void nwb_smb2_put_credits(struct nwb_smb2 *c, struct nwb_smb2_credits *cr)
{
	if (cr->value == 0)
		return;
	nwb_mutex_lock(&c->lock);
	nwb_credits_put(&chan_of(c, cr)->pool, cr);
	if (c->nr_credit_waiters)
		nwb_waitq_wake_all(&c->credit_q);
	nwb_mutex_unlock(&c->lock);
}

/* One credit on a channel of session @epoch. Return: 0, -ECONNABORTED or
 * -EAGAIN. */
int nwb_smb2_take_one(struct nwb_smb2 *c, uint32_t epoch, bool is_write,
		      struct nwb_smb2_credits *ret_cr)
{
	int rc;

	nwb_mutex_lock(&c->lock);
	rc = stale_reason(c, epoch);
	while (!rc) {
		struct nwb_smb2_chan *ch = pick_chan(c, 2);

		if (ch && !nwb_credits_take_one(&ch->pool, is_write, ret_cr))
			break;
		rc = credit_wait(c, epoch, NWB_NEVER);
	}
	nwb_mutex_unlock(&c->lock);
	return rc;
}

/**
 * nwb_smb2_take_many() - @nr single credits at once, all on one channel.
 * Return: 0; -EOPNOTSUPP: the channel holds fewer, with all that is out;
 * -ECONNABORTED, -EAGAIN as nwb_smb2_take_one().
 */
int nwb_smb2_take_many(struct nwb_smb2 *c, uint32_t epoch, unsigned int nr,
		       struct nwb_smb2_credits *ret_cr)
{
	int rc;

	nwb_mutex_lock(&c->lock);
	rc = stale_reason(c, epoch);
	while (!rc) {
		struct nwb_smb2_chan *ch = pick_chan(c, nr);

		if (ch && ch->pool.credits >= (int32_t)nr) {
			for (unsigned int i = 0; i < nr; i++)
				(void)!nwb_credits_take_one(&ch->pool, false,
							    &ret_cr[i]);
			break;
		}
		if (ch && ch->pool.credits + ch->pool.outstanding < (int32_t)nr)
			rc = -EOPNOTSUPP;
		else
			rc = credit_wait(c, epoch, NWB_NEVER);
	}
	nwb_mutex_unlock(&c->lock);
	return rc;
}

/* The file that @r is a replay on; NULL: it is none. */
static const struct nwb_smb2_file *replay_of(const struct req *r)
{
	if (r->ch->c->dialect < NWB_SMB2_DIALECT_0300)
		return NULL;
	if (r->w)
		return r->w->is_replay ? r->w->file : NULL;
	return r->sync->replay_of;
}

/**
 * nwb_smb2_req_enter() - give @r an id, put it in the table of its channel, and
 * write its header.
 * @flags, @next: of a compound: more flags, NextCommand
 * Return: 0; -EAGAIN, -ECONNABORTED: it was not entered, @cr is given back.
 * Context: send_lock held.
 */
int nwb_smb2_req_enter(struct req *r, struct nwb_smb2_credits *cr, uint8_t *pdu,
		       uint32_t flags, uint32_t next)
{
	struct nwb_smb2_hdr h = {
		.command = r->command,
		.flags = flags,
		.next_command = next,
	};
	struct nwb_smb2_chan *ch = r->ch;
	struct nwb_smb2 *c = ch->c;

	nwb_mutex_lock(&c->lock);
	nwb_assert(cr->value >= 1);
	/* the session lives as long as the channel does */
	if (!nwb_smb2_chan_is(ch, cr->instance)) {
		int rc = ch->state == CONN_UP ? -EAGAIN : -ECONNABORTED;

		nwb_credits_put(&ch->pool, cr);
		nwb_mutex_unlock(&c->lock);
		return rc;
	}
	/* another channel was lost since it was announced */
	if (replay_of(r) && replay_of(r)->sequence != c->channel_sequence) {
		nwb_credits_put(&ch->pool, cr);
		if (c->nr_credit_waiters)
			nwb_waitq_wake_all(&c->credit_q);
		nwb_mutex_unlock(&c->lock);
		return -EAGAIN;
	}
	r->instance = cr->instance;
	r->charge = (uint16_t)cr->value;
	r->mid = ch->next_mid;
	ch->next_mid += r->charge;
	r->sending = true;
	r->is_known = false;
	r->is_interim = false;
	nwb_smb2_table_insert(ch, r);
	/* reserved in 2.0.2 */
	if (c->dialect != NWB_SMB2_DIALECT_0202)
		h.credit_charge = r->charge;
	h.credits = nwb_credits_ask(&ch->pool, r->charge);
	h.message_id = r->mid;
	h.session_id = c->session_id;
	h.tree_id = c->tree_id;
	if (c->dialect >= NWB_SMB2_DIALECT_0300)
		h.status = c->channel_sequence;
	if (replay_of(r)) {
		h.flags |= NWB_SMB2_F_REPLAY;
		c->stats.nr_replays++;
	}
	if (c->sign_all)
		h.flags |= NWB_SMB2_F_SIGNED;
	c->stats.nr_requests++;
	if (r->w) {
		c->stats.nr_writes++;
		c->stats.chan_writes[ch->index]++;
		c->stats.bytes_written += r->w->len;
	}
	nwb_mutex_unlock(&c->lock);
	*cr = (struct nwb_smb2_credits){0};
	nwb_smb2_hdr_encode(pdu, &h);
	return 0;
}

/** nwb_smb2_sent() - @r's sender is done with it: finish it if its result is
 * known. Else @r may be somebody else's when this returns. */
void nwb_smb2_sent(struct req *r)
{
	struct nwb_smb2 *c = r->ch->c;
	bool is_known;

	nwb_mutex_lock(&c->lock);
	r->sending = false;
	is_known = r->is_known;
	nwb_mutex_unlock(&c->lock);
	if (is_known)
		nwb_smb2_req_finish(r);
}

/** nwb_smb2_gather() - the payload of @w to @iov. Return: segments used. */
unsigned int nwb_smb2_gather(struct iovec *iov, const struct nwb_smb2_write *w)
{
	size_t left = w->len;
	unsigned int n = 0;

	while (left) {
		nwb_assert(n < w->nr_iov);
		iov[n] = w->iov[n];
		iov[n].iov_len = nwb_min(iov[n].iov_len, left);
		left -= iov[n++].iov_len;
	}
	return n;
}

/* Protect and send; send_lock held. */
static int req_transmit(const struct req *r, uint8_t *frame, size_t pdu_len)
{
	struct nwb_smb2_chan *ch = r->ch;
	struct iovec *iov = ch->send_iov;
	uint8_t *pdu = frame + NWB_SMB2_NBT_LEN;
	size_t len = pdu_len + (r->w ? r->w->len : 0);
	unsigned int nr;

	iov[0].iov_base = frame;
	iov[0].iov_len = NWB_SMB2_NBT_LEN;
	iov[1].iov_base = pdu;
	iov[1].iov_len = pdu_len;
	nr = r->w ? nwb_smb2_gather(iov + 2, r->w) : 0;
	nwb_smb2_nbt_encode(frame, (uint32_t)len);
	return nwb_smb2_protect_send(ch, iov, nr + 2);
}

/**
 * nwb_smb2_req_submit() - send a request whose body stands in @frame.
 * @r: command, w or sync are set; in the caller's memory until it is
 *	finished; a write's payload follows the PDU
 * @cr: at least the charge, on the channel on which it goes; always used up
 * @frame: 4 bytes for the NBT header, then the PDU of @pdu_len bytes
 *
 * Return: 0: it is or will be finished, exactly once, also when sending
 * failed; -EAGAIN, -ECONNABORTED: nothing was sent, it will not be finished.
 */
int nwb_smb2_req_submit(struct nwb_smb2 *c, struct req *r,
			struct nwb_smb2_credits *cr, uint8_t *frame,
			size_t pdu_len)
{
	struct nwb_smb2_chan *ch = chan_of(c, cr);
	uint32_t instance = cr->instance;
	bool is_known;
	int rc;

	r->ch = ch;
	nwb_mutex_lock(&ch->send_lock);
	rc = nwb_smb2_req_enter(r, cr, frame + NWB_SMB2_NBT_LEN, 0, 0);
	*cr = (struct nwb_smb2_credits){0};
	if (rc) {
		nwb_mutex_unlock(&ch->send_lock);
		return rc;
	}
	rc = req_transmit(r, frame, pdu_len);
	nwb_mutex_unlock(&ch->send_lock);
	nwb_mutex_lock(&c->lock);
	r->sending = false;
	is_known = r->is_known;
	nwb_mutex_unlock(&c->lock);
	/* unless it is known here, @r may be somebody else's by now */
	if (rc)
		nwb_smb2_chan_lost(ch, instance);
	if (is_known)
		nwb_smb2_req_finish(r);
	return 0;
}

#ifdef NWB_MUTANTS
/* B1: the credits were reserved on @cr's channel, and it goes on the first one
 * that is up. */
static void repick(struct nwb_smb2 *c, struct nwb_smb2_credits *cr)
{
	for (unsigned int i = 0; i < c->nr_chans; i++) {
		if (c->chan[i].state != CONN_UP)
			continue;
		cr->chan = i;
		cr->instance = c->chan[i].instance;
		return;
	}
}
#endif

/** nwb_smb2_write_check() - everything that must hold before a WRITE may be
 * sent, under the lock; adjusts its credits. */
int nwb_smb2_write_check(struct nwb_smb2 *c, struct nwb_smb2_write *w,
			 struct nwb_smb2_fid *ret_fid)
{
	int rc;

	if (c->state != CONN_UP)
		return -ECONNABORTED;
	if (w->file->fid_epoch != c->epoch)
		return -EAGAIN;
	/* smaller than it was when the credits were reserved (C7) */
	if (w->len > c->max_write)
		return -EAGAIN;
	*ret_fid = w->file->fid;
	w->epoch = c->epoch;
	w->instance = w->file->instance;
	if (w->credits.value == 0)
		return 0;
	rc = nwb_credits_adjust(&chan_of(c, &w->credits)->pool, &w->credits,
				nwb_smb2_charge(w->len));
	if (!rc && c->nr_credit_waiters)
		nwb_waitq_wake_all(&c->credit_q);
#ifdef NWB_MUTANTS
	if (!rc && c->opts.repick_channel)
		repick(c, &w->credits);
#endif
	return rc;
}

int nwb_smb2_write_hold(struct nwb_smb2_write *w)
{
	struct nwb_smb2 *c = w->file->c;
	uint32_t epoch;
	int rc = 0;

	if (w->credits.value)
		return 0;
	nwb_mutex_lock(&c->lock);
	epoch = w->file->fid_epoch;
	rc = stale_reason(c, epoch);
	nwb_mutex_unlock(&c->lock);
	return rc ? rc : nwb_smb2_take_one(c, epoch, true, &w->credits);
}

int nwb_smb2_write_async(struct nwb_smb2_write *w)
{
	uint8_t frame[NWB_SMB2_NBT_LEN + NWB_SMB2_WRITE_HDR_LEN];
	struct nwb_smb2_write_req m = {.len = w->len, .offset = w->offset};
	struct nwb_smb2 *c = w->file->c;
	struct req *r = (struct req *)w->priv;
	int rc;

	nwb_assert(w->done && w->len > 0);
	nwb_assert(w->nr_iov + 2 <= SEND_IOV_MAX);
	if (w->credits.value == 0 && w->len > BYTES_PER_CREDIT)
		return -EOPNOTSUPP;
	nwb_mutex_lock(&c->lock);
	rc = nwb_smb2_write_check(c, w, &m.fid);
	if (rc)
		nwb_credits_put(&chan_of(c, &w->credits)->pool, &w->credits);
	nwb_mutex_unlock(&c->lock);
	if (!rc && w->credits.value == 0)
		rc = nwb_smb2_take_one(c, w->epoch, true, &w->credits);
	if (rc)
		return rc;
	memset(r, 0, sizeof(*r));
	r->command = NWB_SMB2_WRITE;
	r->w = w;
	w->result = 0;
	w->status = 0;
	rc = nwb_smb2_write_req_encode(frame + NWB_SMB2_NBT_LEN,
				       NWB_SMB2_WRITE_HDR_LEN, &m);
	nwb_assert(rc == (int)NWB_SMB2_WRITE_HDR_LEN);
	return nwb_smb2_req_submit(c, r, &w->credits, frame,
				   NWB_SMB2_WRITE_HDR_LEN);
}

/**
 * nwb_smb2_sync_wait() - wait for the answer of what was sent.
 * @deadline_ns: after that the connection is dropped
 * Return: 0; -ECONNABORTED: it was lost.
 */
int nwb_smb2_sync_wait(struct nwb_smb2 *c, struct sync_call *s,
		       uint64_t deadline_ns)
{
	nwb_mutex_lock(&c->lock);
	while (!s->is_done) {
		if (nwb_waitq_wait(&s->q, &c->lock, deadline_ns) == 0 ||
		    s->is_done)
			continue;
		nwb_mutex_unlock(&c->lock);
		nwb_smb2_chan_lost(s->r.ch, s->r.instance);
		deadline_ns = NWB_NEVER;
		nwb_mutex_lock(&c->lock);
	}
	nwb_mutex_unlock(&c->lock);
	return s->r.result == -ECONNABORTED ? -ECONNABORTED : 0;
}

/**
 * nwb_smb2_sync_run() - send a request of charge 1 and wait for its answer.
 * @s: @data, @data_size are set; all else is done here
 * @epoch: session it must go to
 * @deadline_ns: after that the connection is dropped; NWB_NEVER: the request
 *	timeout is enough
 *
 * Return: 0 (then s->r.result and s->r.status tell); -ECONNABORTED: the
 * channel was or is lost; -EAGAIN: the session is not @epoch any more.
 */
int nwb_smb2_sync_run(struct nwb_smb2 *c, struct sync_call *s,
		      unsigned int command, uint32_t epoch, uint8_t *frame,
		      int pdu_len, uint64_t deadline_ns)
{
	struct nwb_smb2_credits cr = {0};
	int rc;

	nwb_assert(pdu_len > 0);
	s->is_done = false;
	s->rsp_len = 0;
	memset(&s->r, 0, sizeof(s->r));
	s->r.command = (uint16_t)command;
	s->r.sync = s;
	nwb_waitq_init(&s->q, c->ex, "smb2 response");
	rc = nwb_smb2_take_one(c, epoch, false, &cr);
	if (!rc)
		rc = nwb_smb2_req_submit(c, &s->r, &cr, frame, (size_t)pdu_len);
	if (rc)
		return rc;
	return nwb_smb2_sync_wait(c, s, deadline_ns);
}
