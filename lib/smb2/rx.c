/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The receiving side: frames out of one buffered receive, responses to their
 * requests ([MS-SMB2] 3.2.5.1).
 */
#include "client.h"

#include <stdio.h>

void nwb_smb2_rx_reset(struct rx *rx)
{
	rx->start = 0;
	rx->end = 0;
	rx->frame = 0;
}

/* Have at least @want bytes from @start on in the buffer. */
static int rx_want(struct rx *rx, struct nwb_sock *sock, size_t want)
{
	size_t have = rx->end - rx->start;
	ssize_t n;

	if (have >= want)
		return 0;
	if (want > RX_BYTES)
		return -EMSGSIZE;
	if (rx->start + want > RX_BYTES) {
		memmove(rx->buf, rx->buf + rx->start, have);
		rx->start = 0;
		rx->end = have;
	}
	n = nwb_sock_recv(sock, rx->buf + rx->end, want - have,
			  RX_BYTES - rx->end);
	if (n <= 0)
		return n < 0 ? (int)n : -ECONNRESET;
	rx->end += (size_t)n;
	return 0;
}

/**
 * nwb_smb2_rx_frame() - the next PDU, in place; good until the next call.
 * Return: 0; -ECONNRESET at the end of the stream; -EMSGSIZE: larger than
 * anything that was asked for; -EBADMSG; what nwb_sock_recv() said.
 */
int nwb_smb2_rx_frame(struct rx *rx, struct nwb_sock *sock, uint8_t **ret_pdu,
		      uint32_t *ret_len)
{
	uint32_t len;
	int rc;

	rx->start += rx->frame;
	rx->frame = 0;
	if (rx->start == rx->end)
		nwb_smb2_rx_reset(rx);
	rc = rx_want(rx, sock, NWB_SMB2_NBT_LEN);
	if (!rc)
		rc = nwb_smb2_nbt_decode(rx->buf + rx->start, &len);
	if (!rc)
		rc = rx_want(rx, sock, NWB_SMB2_NBT_LEN + (size_t)len);
	if (rc)
		return rc;
	rx->frame = NWB_SMB2_NBT_LEN + (size_t)len;
	*ret_pdu = rx->buf + rx->start + NWB_SMB2_NBT_LEN;
	*ret_len = len;
	return 0;
}

/* The session, its tree or the server's memory of them is gone: what became
 * of the request is unknown, and only a new session helps (cifs tears the
 * connection down, fs/smb/client/connect.c:cifs_handle_standard). */
bool nwb_smb2_session_gone(uint32_t status)
{
	return status == NWB_STATUS_NETWORK_SESSION_EXPIRED ||
	       status == NWB_STATUS_USER_SESSION_DELETED ||
	       status == NWB_STATUS_NETWORK_NAME_DELETED;
}

bool nwb_smb2_is_interim(const struct nwb_smb2_hdr *h)
{
	return h->status == NWB_STATUS_PENDING &&
	       (h->flags & NWB_SMB2_F_ASYNC) != 0;
}

/* Write result and status of @r from its final response. An answer that makes
 * no sense is a broken stream. */
static int parse_response(struct req *r, const struct nwb_smb2_hdr *h,
			  const uint8_t *pdu, uint32_t len)
{
	struct sync_call *s = r->sync;
	struct nwb_smb2_write_rsp wr;
	struct nwb_smb2_read_rsp rd;

	r->status = h->status;
	if (h->status != NWB_STATUS_SUCCESS) {
		r->result = nwb_smb2_status_errno(h->status);
		return 0;
	}
	r->result = 0;
	if (r->w) {
		if (nwb_smb2_write_rsp_decode(pdu, len, &wr) ||
		    wr.count > r->w->len)
			return -EBADMSG;
		r->result = wr.count;
		return 0;
	}
	s->rsp_len = nwb_min((size_t)len, sizeof(s->rsp));
	memcpy(s->rsp, pdu, s->rsp_len);
	if (r->command != NWB_SMB2_READ) {
		if (s->data) {
			s->rsp_len = nwb_min((size_t)len, s->data_size);
			memcpy(s->data, pdu, s->rsp_len);
		}
		return 0;
	}
	if (nwb_smb2_read_rsp_decode(pdu, len, len, &rd) ||
	    rd.len > s->data_size)
		return -EBADMSG;
	if (rd.len)
		memcpy(s->data, pdu + rd.data_offset, rd.len);
	r->result = rd.len;
	return 0;
}

/*
 * Account for a response of @r, under the lock. Interim and final response both
 * carry credits; the charge is paid back with the first of them
 * (smb2_add_credits, smb2_is_status_pending).
 */
static void take_grant(struct req *r, const struct nwb_smb2_hdr *h,
		       bool is_final)
{
	struct credit_pool *pool = &r->ch->pool;
	struct nwb_smb2 *c = r->ch->c;

	nwb_credits_grant(pool, r->instance, r->is_interim ? 0 : r->charge,
			  h->credits, is_final);
	/* with nothing in flight the waiters must see whether they starve */
	if (c->nr_credit_waiters && (h->credits || pool->in_flight == 0))
		nwb_waitq_wake_all(&c->credit_q);
}

/* Why connection @instance is being lost; of several reasons the first. */
static void note_loss(struct nwb_smb2_chan *ch, uint32_t instance,
		      const char *why)
{
	struct nwb_smb2 *c = ch->c;

	nwb_mutex_lock(&c->lock);
	if (nwb_smb2_chan_is(ch, instance))
		(void)snprintf(c->stats.lost_why, sizeof(c->stats.lost_why),
			       "%s", why);
	nwb_mutex_unlock(&c->lock);
}

/* One message, or one element of a compound. Returns 0 to go on, or why the
 * connection is of no use any more. */
static int handle_response(struct nwb_smb2_chan *ch, uint32_t instance,
			   const struct nwb_smb2_hdr *hdr, uint8_t *pdu,
			   uint32_t len, bool is_sealed, const char **ret_why)
{
	struct nwb_smb2 *c = ch->c;
	struct nwb_smb2_hdr h = *hdr;
	struct req *r;
	uint32_t epoch;
	bool deferred;
	int rc;

	rc = nwb_smb2_protect_check(ch, &h, pdu, len, is_sealed, ret_why);
	if (rc)
		return rc;
	if (h.message_id == NWB_SMB2_MID_NONE) /* never signed, no credits */
		return h.command == NWB_SMB2_OPLOCK_BREAK
			       ? nwb_smb2_break_received(c, pdu, len)
			       : 0;
	nwb_mutex_lock(&c->lock);
	r = nwb_smb2_chan_is(ch, instance)
		    ? nwb_smb2_table_find(ch, h.message_id)
		    : NULL;
	if (!r || r->command != h.command) {
		/* a duplicate or nonsense: its credits are not counted */
		nwb_mutex_unlock(&c->lock);
		return r ? -EBADMSG : 0;
	}
	if (nwb_smb2_is_interim(&h)) {
		take_grant(r, &h, false);
		r->is_interim = true;
		r->async_id = h.async_id;
		nwb_smb2_table_touch(r);
		c->stats.nr_pending++;
		nwb_mutex_unlock(&c->lock);
		return 0;
	}
	rc = parse_response(r, &h, pdu, len);
	if (rc) {
		nwb_mutex_unlock(&c->lock);
		return rc; /* the loss completes it: outcome unknown */
	}
	take_grant(r, &h, true);
	nwb_smb2_table_remove(r);
	if (nwb_smb2_session_gone(h.status)) {
		*ret_why = "the server has forgotten session or tree";
		r->result = -ECONNABORTED;
		rc = -ESTALE;
	}
	epoch = c->epoch;
	deferred = r->sending;
	r->is_known = true;
	nwb_mutex_unlock(&c->lock);
	/* the loss first: a retry must not meet the dead session */
	if (rc)
		note_loss(ch, instance, *ret_why);
	if (rc)
		nwb_smb2_session_lost(c, epoch);
	if (!deferred)
		nwb_smb2_req_finish(r);
	return rc;
}

/* A frame: one message, or several answers that the server put together; each
 * but the last is padded to where the next begins, under its signature. */
static int handle_frame(struct nwb_smb2_chan *ch, uint32_t instance,
			uint8_t *pdu, uint32_t len, const char **ret_why)
{
	struct nwb_smb2_hdr h;
	bool is_sealed;
	int rc;

	rc = nwb_smb2_protect_open(ch, &pdu, &len, &is_sealed, ret_why);
	while (!rc) {
		uint32_t part;

		*ret_why = "an answer makes no sense";
		if (nwb_smb2_hdr_decode(pdu, len, &h) ||
		    !(h.flags & NWB_SMB2_F_RESPONSE) ||
		    (h.next_command && h.next_command >= len))
			return -EBADMSG;
		part = h.next_command ? h.next_command : len;
		rc = handle_response(ch, instance, &h, pdu, part, is_sealed,
				     ret_why);
		if (!h.next_command)
			break;
		pdu += part;
		len -= part;
	}
	return rc;
}

/* One a connection; ends with it. Instance and socket stay until it is joined.
 */
void nwb_smb2_receiver(void *arg)
{
	struct nwb_smb2_chan *ch = arg;
	struct nwb_smb2 *c = ch->c;
	const char *why = NULL;
	uint32_t instance, len;
	struct nwb_sock *sock;
	uint8_t *pdu;
	int rc = 0;

	nwb_mutex_lock(&c->lock);
	instance = ch->instance;
	sock = ch->sock;
	nwb_mutex_unlock(&c->lock);
	while (!rc) {
		rc = nwb_smb2_rx_frame(&ch->rx, sock, &pdu, &len);
		if (rc)
			why = nwb_errno_name(rc);
		else
			rc = handle_frame(ch, instance, pdu, len, &why);
	}
	note_loss(ch, instance, why);
	/* first this, then nwb_smb2_chan_lost(): one of it and chan_up() sees
	 * the other
	 */
	nwb_mutex_lock(&c->lock);
	ch->rx_ended = true;
	nwb_mutex_unlock(&c->lock);
	nwb_smb2_chan_lost(ch, instance);
}
