/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From a fresh stream to a tree: NEGOTIATE, SESSION_SETUP (one round a token),
 * TREE_CONNECT ([MS-SMB2] 3.2.4.2, 3.2.5.2, 3.2.5.3, 3.2.5.5).
 *
 * Lock-step on the connecting task, before the receiver exists. Credits and
 * MessageIds are counted here and handed over when all is done.
 */
#include "client.h"

#include <stdio.h>

#define TOKEN_ROUNDS_MAX 8
/* As Linux asks in SESSION_SETUP: enough for one write of the largest size. */
#define ASK_MAX 130u

static uint8_t *pdu_of(struct handshake *h)
{
	return h->ch->tx_buf + NWB_SMB2_NBT_LEN;
}

static int refused(struct nwb_err *err, const char *what, uint32_t status)
{
	char buf[16];
	int rc = nwb_smb2_status_errno(status);

	/* taken away while it was being made: the next one may live */
	if (nwb_smb2_session_gone(status))
		rc = -ECONNABORTED;
	/* smbd 4.17 answers a tree connect so while it is coming up: no reason
	 * to give up what is dirty */
	if (status == NWB_STATUS_NO_MEMORY)
		rc = -EAGAIN;
	return nwb_err_set(err, rc ? rc : -EPROTO, "%s: %s", what,
			   nwb_smb2_status_name(status, buf));
}

/* Send the request of @len bytes that stands in tx_buf. */
static int send_request(struct handshake *h, unsigned int command, int len,
			bool sign)
{
	struct nwb_smb2 *c = h->c;
	struct nwb_smb2_hdr hdr = {.command = (uint16_t)command};
	struct iovec iov = {h->ch->tx_buf, NWB_SMB2_NBT_LEN + (size_t)len};
	uint32_t room = c->opts.max_credits;

	nwb_assert(len > 0);
	if (h->credits < 1)
		return -EAGAIN; /* a server without credits: later, perhaps */
	h->credits--;
	room -= nwb_min(room, (uint32_t)h->credits);
	/* [MS-SMB2] 3.2.4.1.5: no charge before the dialect is known */
	hdr.credit_charge = command == NWB_SMB2_NEGOTIATE ? 0 : 1;
	hdr.credits = (uint16_t)nwb_min(room, ASK_MAX);
	hdr.message_id = h->mid++;
	hdr.session_id = h->session_id;
	if (sign)
		hdr.flags |= NWB_SMB2_F_SIGNED;
	nwb_smb2_nbt_encode(h->ch->tx_buf, (uint32_t)len);
	nwb_smb2_hdr_encode(pdu_of(h), &hdr);
	if (sign) {
		struct iovec pdu = {pdu_of(h), (size_t)len};
		uint8_t mac[16];

		if (nwb_signer_mac(&h->ch->tx_signer, &pdu, 1, mac))
			return -EIO;
		memcpy(pdu_of(h) + NWB_SMB2_OFF_SIGNATURE, mac, sizeof(mac));
	}
	if (command != NWB_SMB2_TREE_CONNECT)
		nwb_preauth_update(h->hash, pdu_of(h), (size_t)len);
	return nwb_sock_sendv(h->sock, &iov, 1);
}

/* Send, and wait for the final response. */
static int exchange(struct handshake *h, unsigned int command, int len,
		    bool sign, const char *what, struct nwb_err *err)
{
	int rc = send_request(h, command, len, sign);

	while (!rc) {
		rc = nwb_smb2_rx_frame(&h->ch->rx, h->sock, &h->rsp,
				       &h->rsp_len);
		if (!rc)
			rc = nwb_smb2_hdr_decode(h->rsp, h->rsp_len,
						 &h->rsp_hdr);
		if (rc)
			break;
		if (!(h->rsp_hdr.flags & NWB_SMB2_F_RESPONSE) ||
		    h->rsp_hdr.next_command || h->rsp_hdr.command != command ||
		    h->rsp_hdr.message_id != h->mid - 1) {
			rc = -EPROTO;
			break;
		}
		h->credits =
			nwb_min(h->credits + h->rsp_hdr.credits, CREDITS_CAP);
		if (h->rsp_hdr.status != NWB_STATUS_PENDING)
			return 0;
	}
	return nwb_err_set(err, rc, "%s: %s", what, nwb_errno_name(rc));
}

static int negotiate(struct handshake *h, struct nwb_err *err)
{
	struct nwb_smb2 *c = h->c;
	struct nwb_smb2_negotiate_req req = {
		.dialects = {NWB_SMB2_DIALECT_0311},
		.nr_dialects = 1,
		.security_mode = NWB_SMB2_SECMODE_ENABLED,
		.capabilities = NWB_SMB2_CAP_LARGE_MTU | NWB_SMB2_CAP_LEASING,
		.has_preauth = true,
		.sign_algs = {NWB_SMB2_SIGN_AES_GMAC, NWB_SMB2_SIGN_AES_CMAC,
			      NWB_SMB2_SIGN_HMAC_SHA256},
		.nr_sign_algs = 3,
	};
	struct nwb_smb2_negotiate_rsp rsp;
	int rc;

	if (c->opts.sign)
		req.security_mode |= NWB_SMB2_SECMODE_REQUIRED;
	memcpy(req.guid, c->guid, sizeof(req.guid));
	nwb_random_bytes(c->ex, req.salt, sizeof(req.salt));
	rc = nwb_smb2_negotiate_req_encode(pdu_of(h),
					   TX_BYTES - NWB_SMB2_NBT_LEN, &req);
	rc = exchange(h, NWB_SMB2_NEGOTIATE, rc, false, "negotiate", err);
	if (rc)
		return rc;
	if (h->rsp_hdr.status)
		return refused(err, "negotiate", h->rsp_hdr.status);
	if (nwb_smb2_negotiate_rsp_decode(h->rsp, h->rsp_len, &rsp))
		return nwb_err_set(err, -EPROTO, "negotiate: bad response");
	if (rsp.dialect != NWB_SMB2_DIALECT_0311 || !rsp.has_preauth)
		return nwb_err_set(err, -EPROTONOSUPPORT,
				   "negotiate: no SMB 3.1.1 with SHA-512");
	/* a limit of zero would make every write endless (C7) */
	if (rsp.max_write < BYTES_PER_CREDIT || rsp.max_read < READ_PIECE)
		return nwb_err_set(err, -EPROTO,
				   "negotiate: limits of %u and %u bytes",
				   rsp.max_write, rsp.max_read);
	nwb_preauth_update(h->hash, h->rsp, h->rsp_len);
	h->security_mode = rsp.security_mode;
	nwb_mutex_lock(&c->lock);
	c->dialect = rsp.dialect;
	c->max_write = nwb_min(rsp.max_write, WRITE_MAX);
	if (!(rsp.capabilities & NWB_SMB2_CAP_LARGE_MTU))
		c->max_write = BYTES_PER_CREDIT;
	c->max_read = rsp.max_read;
	c->server_caps = rsp.capabilities;
	/* without the context AES-CMAC is meant, [MS-SMB2] 3.2.5.2 */
	c->sign_alg =
		rsp.sign_alg < 0 ? (int)NWB_SMB2_SIGN_AES_CMAC : rsp.sign_alg;
	nwb_mutex_unlock(&c->lock);
	return 0;
}

/* Our next token: of the mechanism, or of the anonymous login. Return: 1 to go
 * on, 0 when this is the last one, negative errno. */
static int next_token(struct handshake *h, struct nwb_auth *auth,
		      unsigned int round, const struct nwb_smb2_blob *in,
		      struct nwb_smb2_blob *out, struct nwb_err *err)
{
	const struct nwb_auth_ops *ops = h->c->opts.auth;
	const void *token = NULL;
	size_t len = 0;
	int rc;

	if (ops) {
		rc = ops->step(auth, round ? in->data : NULL, in->len, &token,
			       &len, err);
	} else {
		token = nwb_smb2_anon_token(round, &len);
		rc = round == 0;
	}
	if (len > UINT16_MAX)
		return nwb_err_set(err, -EPROTO, "token of %zu bytes", len);
	out->data = token;
	out->len = (uint32_t)len;
	return rc;
}

/* One SESSION_SETUP. Return: 1: the server wants another token, 0: done. */
static int session_round(struct handshake *h, const struct nwb_smb2_blob *token,
			 struct nwb_smb2_session_setup_rsp *ret_rsp,
			 struct nwb_err *err)
{
	struct nwb_smb2_session_setup_req req = {
		.security_mode = NWB_SMB2_SECMODE_ENABLED,
		.capabilities = 0,
		.previous_session_id = h->previous_session_id,
		.token = *token,
	};
	int rc;

	if (h->c->opts.sign)
		req.security_mode |= NWB_SMB2_SECMODE_REQUIRED;
	rc = nwb_smb2_session_setup_req_encode(
		pdu_of(h), TX_BYTES - NWB_SMB2_NBT_LEN, &req);
	if (rc < 0)
		return nwb_err_set(err, rc, "session setup: token too long");
	rc = exchange(h, NWB_SMB2_SESSION_SETUP, rc, false, "session setup",
		      err);
	if (rc)
		return rc;
	if (h->rsp_hdr.status &&
	    h->rsp_hdr.status != NWB_STATUS_MORE_PROCESSING_REQUIRED)
		return refused(err, "session setup", h->rsp_hdr.status);
	if (nwb_smb2_session_setup_rsp_decode(h->rsp, h->rsp_len, ret_rsp))
		return nwb_err_set(err, -EPROTO, "session setup: bad response");
	h->session_id = h->rsp_hdr.session_id;
	if (!h->rsp_hdr.status)
		return 0;
	nwb_preauth_update(h->hash, h->rsp, h->rsp_len);
	return 1;
}

/* A user's session: derive the key; the last response must carry a signature
 * made with it, which proves the preauth hash too ([MS-SMB2] 3.2.5.3.1). */
static int secure_session(struct handshake *h, struct nwb_auth *auth,
			  struct nwb_err *err)
{
	struct nwb_smb2 *c = h->c;
	uint8_t session_key[16], key[16];
	int rc = c->opts.auth->session_key(auth, session_key, err);

	if (rc)
		return nwb_err_wrap(err, rc, "session setup");
	nwb_signing_key(session_key, h->hash, key);
	gnutls_memset(session_key, 0, sizeof(session_key));
	rc = nwb_signer_init(&h->ch->tx_signer, (unsigned int)c->sign_alg, key);
	if (!rc)
		rc = nwb_signer_init(&h->ch->rx_signer,
				     (unsigned int)c->sign_alg, key);
	gnutls_memset(key, 0, sizeof(key));
	if (rc)
		return nwb_err_set(err, rc, "session setup: signing with %s",
				   nwb_signing_alg_name(c->sign_alg));
	if (!(h->rsp_hdr.flags & NWB_SMB2_F_SIGNED) ||
	    nwb_signer_verify(&h->ch->rx_signer, h->rsp, h->rsp_len))
		return nwb_err_set(err, -EPROTO,
				   "session setup: bad signature");
	return 0;
}

static int session_setup_with(struct handshake *h, struct nwb_auth *auth,
			      struct nwb_err *err)
{
	struct nwb_smb2 *c = h->c;
	struct nwb_smb2_session_setup_rsp rsp = {0};
	struct nwb_smb2_blob token = {0};
	bool is_guest;
	int rc = 1;

	for (unsigned int round = 0; rc == 1; round++) {
		if (round == TOKEN_ROUNDS_MAX)
			return nwb_err_set(err, -EPROTO,
					   "session setup: no end");
		rc = next_token(h, auth, round, &rsp.token, &token, err);
		if (rc >= 0)
			rc = session_round(h, &token, &rsp, err);
	}
	if (rc < 0)
		return rc;
	is_guest = !auth || !*c->opts.user ||
		   (rsp.flags &
		    (NWB_SMB2_SESSION_F_GUEST | NWB_SMB2_SESSION_F_NULL));
	if (is_guest && *c->opts.user)
		return nwb_err_set(err, -EACCES,
				   "session setup: the server made a guest of "
				   "user %s",
				   c->opts.user);
	if (is_guest && c->opts.sign)
		return nwb_err_set(err, -EACCES,
				   "session setup: guests cannot sign");
	if (!is_guest)
		rc = secure_session(h, auth, err);
	nwb_mutex_lock(&c->lock);
	c->is_guest = is_guest;
	c->sign_all =
		!is_guest && (c->opts.sign ||
			      (h->security_mode & NWB_SMB2_SECMODE_REQUIRED));
	nwb_mutex_unlock(&c->lock);
	return rc;
}

static int session_setup(struct handshake *h, struct nwb_err *err)
{
	const struct nwb_smb2_opts *o = &h->c->opts;
	struct nwb_auth *auth = NULL;
	int rc = 0;

	if (o->auth)
		rc = o->auth->start(o->user, o->password, o->domain,
				    o->server_name, &auth, err);
	if (!rc)
		rc = session_setup_with(h, auth, err);
	if (auth)
		o->auth->finish(auth);
	return rc;
}

/* Always signed on a user's session ([MS-SMB2] 3.2.4.1.1). */
static int tree_connect(struct handshake *h, struct nwb_err *err)
{
	struct nwb_smb2 *c = h->c;
	bool sign = h->ch->tx_signer.is_ready;
	struct nwb_smb2_tree_connect_req req = {0};
	struct nwb_smb2_tree_connect_rsp rsp;
	char text[2 * STR_MAX + 4];
	uint8_t path[4 * STR_MAX + 8];
	int rc;

	(void)snprintf(text, sizeof(text), "\\\\%s\\%s", c->opts.server_name,
		       c->opts.share);
	rc = nwb_smb2_utf16_encode(path, sizeof(path), text);
	if (rc < 0)
		return nwb_err_set(err, rc, "share name is not UTF-8");
	req.path.data = path;
	req.path.len = (uint32_t)rc;
	rc = nwb_smb2_tree_connect_req_encode(
		pdu_of(h), TX_BYTES - NWB_SMB2_NBT_LEN, &req);
	rc = exchange(h, NWB_SMB2_TREE_CONNECT, rc, sign, "tree connect", err);
	if (rc)
		return rc;
	if (sign && (!(h->rsp_hdr.flags & NWB_SMB2_F_SIGNED) ||
		     nwb_signer_verify(&h->ch->rx_signer, h->rsp, h->rsp_len)))
		return nwb_err_set(err, -EPROTO, "tree connect: bad signature");
	if (h->rsp_hdr.status)
		return refused(err, "tree connect", h->rsp_hdr.status);
	if (nwb_smb2_tree_connect_rsp_decode(h->rsp, h->rsp_len, &rsp))
		return nwb_err_set(err, -EPROTO, "tree connect: bad response");
	h->tree_id = h->rsp_hdr.tree_id;
	return 0;
}

int nwb_smb2_handshake(struct handshake *h, struct nwb_err *err)
{
	int rc;

	h->credits = 1; /* for NEGOTIATE */
	rc = negotiate(h, err);
	if (!rc)
		rc = session_setup(h, err);
	if (!rc)
		rc = tree_connect(h, err);
	return rc;
}
