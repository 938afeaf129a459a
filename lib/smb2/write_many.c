/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * WRITEs to several places in one frame: a compound of unrelated requests
 * ([MS-SMB2] 3.2.4.1.4). Each has its own FileId, MessageId, charge and
 * signature, begins at a multiple of 8, and is answered by itself.
 *
 *	| NBT | WRITE, NextCommand | data | pad | WRITE, NextCommand 0 | data |
 *	        └──────────── signed ──────────┘ └────────── signed ─────────┘
 *
 * Not related ones: a server ends those with the first that fails, and a
 * client that is short of one credit could send none of them.
 *
 * Headers and padding stand on the stack, payload is sent by reference; when
 * the channel is encrypted all of it is one message.
 */
#include "client.h"

#define ELEMENT (NWB_SMB2_WRITE_HDR_LEN + 8u) /* header, room for padding */

struct chain {
	struct nwb_smb2_write *const *w;
	unsigned int nr;
	struct nwb_smb2_chan *ch;
	uint8_t nbt[NWB_SMB2_NBT_LEN];
	_Alignas(8) uint8_t hdr[NWB_SMB2_CHAIN_MAX][ELEMENT];
};

static struct req *req_of(struct nwb_smb2_write *w)
{
	return (struct req *)w->priv;
}

static uint32_t pad_of(const struct chain *k, unsigned int i)
{
	uint32_t len = NWB_SMB2_WRITE_HDR_LEN + k->w[i]->len;

	return i + 1 < k->nr ? NWB_ROUND_UP(len, 8u) - len : 0;
}

static uint32_t size_of(const struct chain *k, unsigned int i)
{
	return NWB_SMB2_WRITE_HDR_LEN + k->w[i]->len + pad_of(k, i);
}

/* One channel, and not more than a frame can be; c->lock held. */
static bool can_chain(const struct nwb_smb2 *c, struct nwb_smb2_write *const *w,
		      unsigned int nr)
{
	unsigned int nr_iov = 1;
	uint64_t len = 0;

	for (unsigned int i = 0; i < nr; i++) {
		if (w[i]->file->c != c || !w[i]->credits.value ||
		    w[i]->credits.chan != w[0]->credits.chan ||
		    w[i]->credits.instance != w[0]->credits.instance)
			return false;
		nr_iov += w[i]->nr_iov + 2;
		len += w[i]->len + ELEMENT;
	}
	return nr_iov <= SEND_IOV_MAX && len <= c->max_write;
}

static int check_all(struct nwb_smb2 *c, struct nwb_smb2_write *const *w,
		     unsigned int nr, struct nwb_smb2_fid *ret_fid)
{
	struct nwb_smb2_chan *ch = &c->chan[w[0]->credits.chan];
	int rc = 0;

	nwb_mutex_lock(&c->lock);
	if (!can_chain(c, w, nr)) {
		nwb_mutex_unlock(&c->lock);
		return -EOPNOTSUPP;
	}
	for (unsigned int i = 0; i < nr && !rc; i++)
		rc = nwb_smb2_write_check(c, w[i], &ret_fid[i]);
	for (unsigned int i = 0; i < nr && rc; i++)
		nwb_credits_put(&ch->pool, &w[i]->credits);
	if (rc && c->nr_credit_waiters)
		nwb_waitq_wake_all(&c->credit_q);
	if (!rc)
		c->stats.nr_chained += nr;
	nwb_mutex_unlock(&c->lock);
	return rc == -EOPNOTSUPP ? -EAGAIN : rc;
}

/* Ids, table, headers; send_lock held. Return: how many were entered. */
static unsigned int enter_all(struct chain *k)
{
	for (unsigned int i = 0; i < k->nr; i++) {
		uint32_t next = i + 1 < k->nr ? size_of(k, i) : 0;

		req_of(k->w[i])->ch = k->ch;
		if (nwb_smb2_req_enter(req_of(k->w[i]), &k->w[i]->credits,
				       k->hdr[i], 0, next))
			return i;
	}
	return k->nr;
}

static int transmit(struct chain *k)
{
	struct iovec *iov = k->ch->send_iov;
	unsigned int at = 1;
	uint32_t len = 0;

	iov[0] = (struct iovec){k->nbt, sizeof(k->nbt)};
	for (unsigned int i = 0; i < k->nr; i++) {
		unsigned int first = at;

		iov[at++] = (struct iovec){k->hdr[i], NWB_SMB2_WRITE_HDR_LEN};
		at += nwb_smb2_gather(iov + at, k->w[i]);
		if (pad_of(k, i))
			iov[at++] = (struct iovec){
				k->hdr[i] + NWB_SMB2_WRITE_HDR_LEN,
				pad_of(k, i)};
		if (nwb_smb2_protect_part(k->ch, iov + first, at - first))
			return -EIO;
		len += size_of(k, i);
	}
	nwb_smb2_nbt_encode(k->nbt, len);
	return nwb_smb2_protect_push(k->ch, iov, at);
}

static void make_headers(struct chain *k, const struct nwb_smb2_fid *fid)
{
	for (unsigned int i = 0; i < k->nr; i++) {
		struct nwb_smb2_write *w = k->w[i];
		struct nwb_smb2_write_req m = {
			.len = w->len, .offset = w->offset, .fid = fid[i]};
		struct req *r = req_of(w);
		int n;

		memset(r, 0, sizeof(*r));
		r->command = NWB_SMB2_WRITE;
		r->w = w;
		w->result = 0;
		w->status = 0;
		memset(k->hdr[i], 0, ELEMENT);
		n = nwb_smb2_write_req_encode(k->hdr[i], NWB_SMB2_WRITE_HDR_LEN,
					      &m);
		nwb_assert(n == (int)NWB_SMB2_WRITE_HDR_LEN);
	}
}

int nwb_smb2_write_chain(struct nwb_smb2_write *const *w, unsigned int nr)
{
	struct nwb_smb2_fid fid[NWB_SMB2_CHAIN_MAX];
	struct nwb_smb2 *c = w[0]->file->c;
	struct chain k = {.w = w, .nr = nr};
	unsigned int entered;
	uint32_t instance;
	int rc;

	nwb_assert(nr && nr <= NWB_SMB2_CHAIN_MAX);
	instance = w[0]->credits.instance;
	rc = check_all(c, w, nr, fid);
	if (rc)
		return rc;
	k.ch = &c->chan[w[0]->credits.chan];
	make_headers(&k, fid);
	nwb_mutex_lock(&k.ch->send_lock);
	entered = enter_all(&k);
	if (entered == nr)
		rc = transmit(&k);
	nwb_mutex_unlock(&k.ch->send_lock);
	if (!entered) {
		for (unsigned int i = 1; i < nr; i++)
			nwb_smb2_put_credits(c, &w[i]->credits);
		return -EAGAIN;
	}
	/* what is in the table ends with the channel */
	if (rc || entered < nr)
		nwb_smb2_chan_lost(k.ch, instance);
	for (unsigned int i = entered + 1; i < nr; i++)
		nwb_smb2_put_credits(c, &w[i]->credits);
	for (unsigned int i = entered; i < nr; i++) {
		w[i]->result = -ECONNABORTED;
		w[i]->done(w[i]);
	}
	for (unsigned int i = 0; i < entered; i++)
		nwb_smb2_sent(req_of(w[i]));
	return 0;
}
