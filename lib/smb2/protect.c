/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What protects messages on a channel: a signature, or encryption of the
 * whole, never both ([MS-SMB2] 3.2.4.1.1, 3.2.4.1.8, 3.2.5.1.1).
 *
 *	sending    plain    NBT, headers, payload by reference
 *	           signed   the same; the MAC is taken over it by iovec
 *	           sealed   all of it is copied once and encrypted there, because
 *	                    what is sent from belongs to the page cache
 *	receiving           in place
 *
 * An answer that is not protected as it must be, or that was changed, ends the
 * connection: the outcome of what is outstanding is unknown.
 */
#include "client.h"

static size_t seal_bytes(const struct nwb_smb2 *c)
{
	return NWB_SMB2_NBT_LEN + NWB_SMB2_TRANSFORM_LEN + TX_BYTES +
	       c->max_write;
}

/* From here on everything on @ch is encrypted; the keys are there. */
int nwb_smb2_seal_start(struct nwb_smb2_chan *ch, uint64_t session_id)
{
	struct nwb_smb2 *c = ch->c;
	size_t size = seal_bytes(c);
	int rc;

	if (ch->seal_size < size) {
		nwb_free(ch->seal_buf);
		ch->seal_buf = nwb_alloc_pages(size);
		ch->seal_size = ch->seal_buf ? size : 0;
		if (!ch->seal_buf)
			return -ENOMEM;
	}
	ch->seal_session = session_id;
	rc = nwb_sealer_init(&ch->tx_sealer, (unsigned int)c->cipher,
			     c->keys.c2s);
	if (!rc)
		rc = nwb_sealer_init(&ch->rx_sealer, (unsigned int)c->cipher,
				     c->keys.s2c);
	return rc;
}

static int send_sealed(struct nwb_smb2_chan *ch, const struct iovec *iov,
		       unsigned int nr)
{
	uint8_t *frame = ch->seal_buf + NWB_SMB2_NBT_LEN;
	uint8_t *to = frame + NWB_SMB2_TRANSFORM_LEN;
	struct nwb_smb2 *c = ch->c;
	struct iovec one;
	uint8_t nonce[16];
	size_t len = 0;
	uint64_t n;

	for (unsigned int i = 1; i < nr; i++) {
		nwb_assert(to + len + iov[i].iov_len <=
			   ch->seal_buf + ch->seal_size);
		memcpy(to + len, iov[i].iov_base, iov[i].iov_len);
		len += iov[i].iov_len;
	}
	nwb_mutex_lock(&c->lock);
	n = c->next_nonce++;
	nwb_mutex_unlock(&c->lock);
	nwb_seal_nonce(n, nonce);
	if (nwb_seal(&ch->tx_sealer, nonce, ch->seal_session, frame, len))
		return -EIO;
	nwb_smb2_nbt_encode(ch->seal_buf,
			    (uint32_t)(len + NWB_SMB2_TRANSFORM_LEN));
	one.iov_base = ch->seal_buf;
	one.iov_len = NWB_SMB2_NBT_LEN + NWB_SMB2_TRANSFORM_LEN + len;
	return nwb_sock_sendv(ch->sock, &one, 1);
}

/**
 * nwb_smb2_protect_part() - sign one message, or one element of a compound.
 * @iov: [0] begins with the header; its SIGNED flag says whether it is to be
 *	signed, encryption of the channel overrides it; with its padding
 * Context: send_lock, or the handshake.
 */
int nwb_smb2_protect_part(struct nwb_smb2_chan *ch, const struct iovec *iov,
			  unsigned int nr)
{
	uint8_t *pdu = iov[0].iov_base;
	uint8_t mac[16];

	if (ch->tx_sealer.is_ready)
		pdu[NWB_SMB2_OFF_FLAGS] &= (uint8_t)~NWB_SMB2_F_SIGNED;
	if (!(pdu[NWB_SMB2_OFF_FLAGS] & NWB_SMB2_F_SIGNED))
		return 0;
	if (nwb_signer_mac(&ch->tx_signer, iov, nr, mac))
		return -EIO;
	memcpy(pdu + NWB_SMB2_OFF_SIGNATURE, mac, sizeof(mac));
	return 0;
}

/** nwb_smb2_protect_push() - encrypt if the channel does, and send.
 * @iov: [0] the 4 bytes of NBT, then what nwb_smb2_protect_part() was given */
int nwb_smb2_protect_push(struct nwb_smb2_chan *ch, struct iovec *iov,
			  unsigned int nr)
{
	return ch->tx_sealer.is_ready ? send_sealed(ch, iov, nr)
				      : nwb_sock_sendv(ch->sock, iov, nr);
}

/**
 * nwb_smb2_protect_send() - sign or encrypt a message, and send it.
 * @iov: [0] the 4 bytes of NBT, [1] begins with the header; its SIGNED flag
 *	says whether it is to be signed, encryption of the channel overrides it
 * @nr: at least 2
 * Return: 0, or why sending failed; then the connection is of no use.
 * Context: send_lock, or the handshake.
 */
int nwb_smb2_protect_send(struct nwb_smb2_chan *ch, struct iovec *iov,
			  unsigned int nr)
{
	int rc = nwb_smb2_protect_part(ch, iov + 1, nr - 1);

	return rc ? rc : nwb_smb2_protect_push(ch, iov, nr);
}

/**
 * nwb_smb2_protect_send_all() - the same of a compound.
 * @iov: [0] the 4 bytes of NBT, then one segment an element, with its padding
 */
int nwb_smb2_protect_send_all(struct nwb_smb2_chan *ch, struct iovec *iov,
			      unsigned int nr)
{
	for (unsigned int i = 1; i < nr; i++) {
		int rc = nwb_smb2_protect_part(ch, &iov[i], 1);

		if (rc)
			return rc;
	}
	return nwb_smb2_protect_push(ch, iov, nr);
}

/**
 * nwb_smb2_protect_open() - decrypt a frame in place if it is encrypted.
 * @pdu, @len: the frame; then the message in it
 * @ret_sealed: it was encrypted
 * @ret_why: what is wrong with it; static
 */
int nwb_smb2_protect_open(struct nwb_smb2_chan *ch, uint8_t **pdu,
			  uint32_t *len, bool *ret_sealed, const char **ret_why)
{
	*ret_sealed = nwb_smb2_is_transform(*pdu, *len);
	if (!*ret_sealed)
		return 0;
	if (!ch->rx_sealer.is_ready) {
		*ret_why =
			"an encrypted answer in a session without encryption";
		return -EBADMSG;
	}
	if (nwb_unseal(&ch->rx_sealer, ch->seal_session, *pdu, *len, pdu,
		       len)) {
		*ret_why = "an encrypted answer cannot be decrypted";
		return -EBADMSG;
	}
	return 0;
}

/*
 * nwb_smb2_protect_check() - is @pdu protected as the session wants it?
 *
 * Signed responses must verify; on a signed session all but the interim ones
 * must be signed. Linux only logs a mismatch (H16). On an encrypted session
 * all must be encrypted, except break notifications: a lease belongs to no
 * session, so there is no key for its break, and smbd sends it in the clear
 * also where it requires encryption (source3/smbd/smb2_server.c,
 * smbd_smb2_send_lease_break).
 */
int nwb_smb2_protect_check(struct nwb_smb2_chan *ch,
			   const struct nwb_smb2_hdr *h, uint8_t *pdu,
			   uint32_t len, bool is_sealed, const char **ret_why)
{
	struct nwb_smb2 *c = ch->c;
	int rc;

	if (is_sealed)
		return 0;
	if (ch->rx_sealer.is_ready) {
		if (h->message_id == NWB_SMB2_MID_NONE)
			return 0;
		*ret_why = "an answer in the clear in an encrypted session";
		return -EBADMSG;
	}
	/* a notification is never signed, [MS-SMB2] 3.3.4.1.1 */
	if (!ch->rx_signer.is_ready || h->message_id == NWB_SMB2_MID_NONE)
		return 0;
	if (h->flags & NWB_SMB2_F_SIGNED) {
		*ret_why = "an answer carries a wrong signature";
		rc = nwb_signer_verify(&ch->rx_signer, pdu, len);
		if (!rc || !c->opts.believe_bad_signatures)
			return rc;
		nwb_mutex_lock(&c->lock);
		c->stats.nr_bad_believed++;
		nwb_mutex_unlock(&c->lock);
		return 0;
	}
	if (!c->sign_all || nwb_smb2_is_interim(h))
		return 0;
	*ret_why = "an answer without a signature in a signed session";
	return -EBADMSG;
}
