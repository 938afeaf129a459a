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

int nwb_smb2_refused(struct nwb_err *err, const char *what, uint32_t status)
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
	struct iovec iov[] = {{h->ch->tx_buf, NWB_SMB2_NBT_LEN},
			      {nwb_smb2_hs_pdu(h), (size_t)len}};
	uint32_t room = c->opts.max_credits;
	int rc;

	nwb_assert(len > 0);
	if (h->credits < 1)
		return -EAGAIN; /* a server without credits: later, perhaps */
	h->credits--;
	room -= nwb_min(room, (uint32_t)h->credits);
	/* [MS-SMB2] 3.2.4.1.5: no charge before the dialect is known, and none
	 * in 2.0.2 */
	hdr.credit_charge = command == NWB_SMB2_NEGOTIATE ||
					    c->dialect == NWB_SMB2_DIALECT_0202
				    ? 0
				    : 1;
	hdr.credits = (uint16_t)nwb_min(room, ASK_MAX);
	hdr.message_id = h->mid++;
	hdr.session_id = h->session_id;
	hdr.tree_id = h->tree_id;
	if (sign)
		hdr.flags |= NWB_SMB2_F_SIGNED;
	nwb_smb2_nbt_encode(h->ch->tx_buf, (uint32_t)len);
	nwb_smb2_hdr_encode(nwb_smb2_hs_pdu(h), &hdr);
	rc = nwb_smb2_protect_send(h->ch, iov, NWB_ARRAY_SIZE(iov));
	/* as it was sent, the signature of a binding included */
	if (command == NWB_SMB2_NEGOTIATE || command == NWB_SMB2_SESSION_SETUP)
		nwb_preauth_update(h->hash, nwb_smb2_hs_pdu(h), (size_t)len);
	return rc;
}

/* The next response, decrypted. */
static int receive(struct handshake *h, bool *ret_sealed, const char **ret_why)
{
	int rc = nwb_smb2_rx_frame(&h->ch->rx, h->sock, &h->rsp, &h->rsp_len);

	if (!rc)
		rc = nwb_smb2_protect_open(h->ch, &h->rsp, &h->rsp_len,
					   ret_sealed, ret_why);
	if (!rc)
		rc = nwb_smb2_hdr_decode(h->rsp, h->rsp_len, &h->rsp_hdr);
	return rc;
}

/* A response must be signed as its request was, or encrypted; to a
 * SESSION_SETUP others apply. */
static int check_protection(struct handshake *h, bool sign, bool is_sealed,
			    const char **ret_why)
{
	if (sign && !is_sealed && !h->ch->rx_sealer.is_ready &&
	    !(h->rsp_hdr.flags & NWB_SMB2_F_SIGNED)) {
		*ret_why = "the answer is not signed";
		return -EPROTO;
	}
	if (nwb_smb2_protect_check(h->ch, &h->rsp_hdr, h->rsp, h->rsp_len,
				   is_sealed, ret_why))
		return -EPROTO;
	return 0;
}

/*
 * nwb_smb2_exchange() - send the request of @len bytes that stands in tx_buf,
 * and wait for the final response.
 * @sign: sign it, unless the channel is encrypted
 */
int nwb_smb2_exchange(struct handshake *h, unsigned int command, int len,
		      bool sign, const char *what, struct nwb_err *err)
{
	int rc = send_request(h, command, len, sign);
	const char *why = NULL;
	bool is_sealed;

	while (!rc) {
		rc = receive(h, &is_sealed, &why);
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
		if (h->rsp_hdr.status == NWB_STATUS_PENDING)
			continue;
		if (command != NWB_SMB2_SESSION_SETUP)
			rc = check_protection(h, sign, is_sealed, &why);
		if (!rc)
			return 0;
	}
	return nwb_err_set(err, rc, "%s: %s", what,
			   why ? why : nwb_errno_name(rc));
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

static const char *no_cipher_remedy(const struct nwb_smb2 *c)
{
	if (c->opts.encryption == NWB_ENCRYPT_OFF)
		return "do not switch it off in the client";
	return c->dialect < NWB_SMB2_DIALECT_0300
		       ? "use dialect 3.0.2 or 3.1.1"
		       : "let the server allow AES-128-GCM or AES-128-CCM";
}

/* Servers that want encryption refuse what cannot give it so, and nothing in
 * their answer says it: a hint. */
static int denied(struct handshake *h, const char *what, struct nwb_err *err)
{
	const struct nwb_smb2 *c = h->c;
	const char *remedy = NULL;

	if (c->cipher == NWB_SMB2_CIPHER_NONE)
		remedy = no_cipher_remedy(c);
	else if (!*c->opts.user)
		remedy = "give user and password, guests have no key";
	if (h->rsp_hdr.status != NWB_STATUS_ACCESS_DENIED || !remedy)
		return nwb_smb2_refused(err, what, h->rsp_hdr.status);
	return nwb_err_set(err, -EACCES,
			   "%s: STATUS_ACCESS_DENIED; if the server wants "
			   "encryption, this session over SMB %s cannot give "
			   "it: %s",
			   what, nwb_smb2_dialect_name(c->dialect), remedy);
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

	if (h->is_binding)
		req.flags = NWB_SMB2_SESSION_BINDING;
	if (h->c->opts.sign)
		req.security_mode |= NWB_SMB2_SECMODE_REQUIRED;
	rc = nwb_smb2_session_setup_req_encode(
		nwb_smb2_hs_pdu(h), TX_BYTES - NWB_SMB2_NBT_LEN, &req);
	if (rc < 0)
		return nwb_err_set(err, rc, "session setup: token too long");
	/* binding is signed with the session's key, others have none yet */
	rc = nwb_smb2_exchange(h, NWB_SMB2_SESSION_SETUP, rc, h->is_binding,
			       "session setup", err);
	if (rc)
		return rc;
	if (h->rsp_hdr.status &&
	    h->rsp_hdr.status != NWB_STATUS_MORE_PROCESSING_REQUIRED)
		return denied(h, "session setup", err);
	if (nwb_smb2_session_setup_rsp_decode(h->rsp, h->rsp_len, ret_rsp))
		return nwb_err_set(err, -EPROTO, "session setup: bad response");
	if (h->is_binding && h->rsp_hdr.session_id != h->session_id)
		return nwb_err_set(err, -EPROTO,
				   "session setup: bound to another session");
	h->session_id = h->rsp_hdr.session_id;
	if (!h->rsp_hdr.status)
		return 0;
	nwb_preauth_update(h->hash, h->rsp, h->rsp_len);
	return 1;
}

/*
 * The last response of a user's session must carry a signature made with its
 * key, which on 3.1.1 proves the preauth hash too ([MS-SMB2] 3.2.5.3.1). Before
 * 3.0 the server need not sign it unless it signs everything.
 */
static int check_last(struct handshake *h, struct nwb_err *err)
{
	struct nwb_smb2 *c = h->c;

	if (h->rsp_hdr.flags & NWB_SMB2_F_SIGNED) {
		if (nwb_signer_verify(&h->ch->rx_signer, h->rsp, h->rsp_len))
			return nwb_err_set(err, -EPROTO,
					   "session setup: bad signature");
	} else if (c->dialect >= NWB_SMB2_DIALECT_0300 ||
		   (h->security_mode & NWB_SMB2_SECMODE_REQUIRED)) {
		return nwb_err_set(err, -EPROTO,
				   "session setup: the server did not sign");
	}
	return 0;
}

/* A user's session, or one more channel of it: keys, signers. A channel has
 * only its own key for signing. */
static int secure_session(struct handshake *h, struct nwb_auth *auth,
			  struct nwb_err *err)
{
	unsigned int alg = (unsigned int)h->c->sign_alg;
	struct nwb_smb2_chan *ch = h->ch;
	struct nwb_smb2 *c = h->c;
	struct session_keys keys;
	uint8_t session_key[16];
	int rc = c->opts.auth->session_key(auth, session_key, err);

	if (rc)
		return nwb_err_wrap(err, rc, "session setup");
	nwb_session_keys(c->dialect, session_key, h->hash, &keys);
	gnutls_memset(session_key, 0, sizeof(session_key));
	if (!h->is_binding)
		c->keys = keys;
	nwb_signer_fini(&ch->tx_signer); /* with which binding was signed */
	rc = nwb_signer_init(&ch->tx_signer, alg, keys.sign);
	if (!rc)
		rc = nwb_signer_init(&ch->rx_signer, alg, keys.sign);
	gnutls_memset(&keys, 0, sizeof(keys));
	if (rc)
		return nwb_err_set(err, rc, "session setup: signing with %s",
				   nwb_signing_alg_name(c->sign_alg));
	return check_last(h, err);
}

/* Everything is encrypted from here on. */
static int start_encryption(struct handshake *h, const char *what,
			    struct nwb_err *err)
{
	struct nwb_smb2 *c = h->c;
	int rc;

	if (c->cipher == NWB_SMB2_CIPHER_NONE)
		return nwb_err_set(err, -EOPNOTSUPP,
				   "%s: the server wants encryption, this "
				   "session over SMB %s has none; %s",
				   what, nwb_smb2_dialect_name(c->dialect),
				   no_cipher_remedy(c));
	if (c->is_guest)
		return nwb_err_set(err, -EACCES,
				   "%s: encryption needs a key, a guest's "
				   "session has none; give user and password",
				   what);
	rc = nwb_smb2_seal_start(h->ch, h->session_id);
	if (rc)
		return nwb_err_set(err, rc, "%s: encryption with %s: %s", what,
				   nwb_cipher_name(c->cipher),
				   nwb_errno_name(rc));
	nwb_mutex_lock(&c->lock);
	c->encrypt_all = true;
	nwb_mutex_unlock(&c->lock);
	return 0;
}

/* Whose session it is, and whether that is what was asked for. */
static int check_user(struct handshake *h, bool is_guest, struct nwb_err *err)
{
	const struct nwb_smb2_opts *o = &h->c->opts;

	if (is_guest && *o->user)
		return nwb_err_set(err, -EACCES,
				   "session setup: the server made a guest of "
				   "user %s",
				   o->user);
	if (is_guest && o->sign)
		return nwb_err_set(err, -EACCES,
				   "session setup: signing was asked for, but "
				   "guests cannot sign: they have no key; give "
				   "user and password");
	if (is_guest && o->encryption == NWB_ENCRYPT_ON)
		return nwb_err_set(err, -EACCES,
				   "session setup: encryption was asked for, "
				   "but guests have no key; give user and "
				   "password");
	if (is_guest && h->c->nr_chans > 1)
		return nwb_err_set(err, -EACCES,
				   "session setup: %u channels were asked for, "
				   "but guests have no key to bind them with; "
				   "give user and password",
				   h->c->nr_chans);
	return 0;
}

/* One more channel of a session: nothing of that changes. */
static int binding_done(struct handshake *h, struct nwb_auth *auth,
			struct nwb_err *err)
{
	int rc = secure_session(h, auth, err);

	if (rc || !h->c->encrypt_all)
		return rc;
	rc = nwb_smb2_seal_start(h->ch, h->session_id);
	return rc ? nwb_err_set(err, rc, "session setup: encryption") : 0;
}

static int session_done(struct handshake *h, struct nwb_auth *auth,
			const struct nwb_smb2_session_setup_rsp *rsp,
			struct nwb_err *err)
{
	struct nwb_smb2 *c = h->c;
	bool is_guest = !auth || !*c->opts.user ||
			(rsp->flags &
			 (NWB_SMB2_SESSION_F_GUEST | NWB_SMB2_SESSION_F_NULL));
	int rc = check_user(h, is_guest, err);

	if (rc)
		return rc;
	if (h->is_binding)
		return binding_done(h, auth, err);
	nwb_mutex_lock(&c->lock);
	c->is_guest = is_guest;
	c->encrypt_all = false;
	c->sign_all =
		!is_guest && (c->opts.sign ||
			      (h->security_mode & NWB_SMB2_SECMODE_REQUIRED));
	nwb_mutex_unlock(&c->lock);
	if (!is_guest)
		rc = secure_session(h, auth, err);
	if (!rc && ((rsp->flags & NWB_SMB2_SESSION_F_ENCRYPT) ||
		    c->opts.encryption == NWB_ENCRYPT_ON))
		rc = start_encryption(h, "session setup", err);
	return rc;
}

static int session_setup_with(struct handshake *h, struct nwb_auth *auth,
			      struct nwb_err *err)
{
	struct nwb_smb2_session_setup_rsp rsp = {0};
	struct nwb_smb2_blob token = {0};
	int rc = 1;

	for (unsigned int round = 0; rc == 1; round++) {
		if (round == TOKEN_ROUNDS_MAX)
			return nwb_err_set(err, -EPROTO,
					   "session setup: no end");
		rc = next_token(h, auth, round, &rsp.token, &token, err);
		if (rc >= 0)
			rc = session_round(h, &token, &rsp, err);
	}
	return rc < 0 ? rc : session_done(h, auth, &rsp, err);
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

/* On a user's session of 3.1.1 always signed ([MS-SMB2] 3.2.4.1.1). */
static bool signs_tree(const struct handshake *h)
{
	return h->ch->tx_signer.is_ready &&
	       (h->c->sign_all || h->c->dialect == NWB_SMB2_DIALECT_0311);
}

static int tree_connect(struct handshake *h, struct nwb_err *err)
{
	struct nwb_smb2 *c = h->c;
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
		nwb_smb2_hs_pdu(h), TX_BYTES - NWB_SMB2_NBT_LEN, &req);
	rc = nwb_smb2_exchange(h, NWB_SMB2_TREE_CONNECT, rc, signs_tree(h),
			       "tree connect", err);
	if (rc)
		return rc;
	if (h->rsp_hdr.status)
		return denied(h, "tree connect", err);
	if (nwb_smb2_tree_connect_rsp_decode(h->rsp, h->rsp_len, &rsp))
		return nwb_err_set(err, -EPROTO, "tree connect: bad response");
	h->tree_id = h->rsp_hdr.tree_id;
	if ((rsp.share_flags & NWB_SMB2_SHARE_F_ENCRYPT) && !c->encrypt_all)
		return start_encryption(h, "tree connect", err);
	return 0;
}

/* Whose negotiation must be proven: a user's, where nothing else proves it and
 * where there was something better to be talked out of. */
static bool needs_validation(const struct handshake *h)
{
	uint16_t best = h->asked.dialects[h->asked.nr_dialects - 1];

	return h->ch->tx_signer.is_ready &&
	       h->c->dialect < NWB_SMB2_DIALECT_0311 &&
	       best >= NWB_SMB2_DIALECT_0300;
}

/* Where else the server can be reached. One that does not tell has one address.
 */
static int query_interfaces(struct handshake *h, struct nwb_err *err)
{
	struct nwb_smb2_ioctl_req req = {
		.code = NWB_SMB2_FSCTL_QUERY_INTERFACES,
		.fid = {NWB_SMB2_FID_NONE, NWB_SMB2_FID_NONE},
		.max_out = 64 * 1024,
		.flags = NWB_SMB2_IOCTL_IS_FSCTL,
	};
	struct nwb_smb2_ioctl_rsp rsp;
	int rc;

	rc = nwb_smb2_ioctl_req_encode(nwb_smb2_hs_pdu(h),
				       TX_BYTES - NWB_SMB2_NBT_LEN, &req);
	rc = nwb_smb2_exchange(h, NWB_SMB2_IOCTL, rc, h->c->sign_all,
			       "query interfaces", err);
	if (rc || h->rsp_hdr.status)
		return rc;
	if (nwb_smb2_ioctl_rsp_decode(h->rsp, h->rsp_len, &rsp))
		return nwb_err_set(err, -EPROTO,
				   "query interfaces: bad response");
	nwb_smb2_channels_learn(h->c, rsp.out.data, rsp.out.len);
	return 0;
}

/* Until the channel has its own key, it signs with the session's. */
static int begin_binding(struct handshake *h, struct nwb_err *err)
{
	struct nwb_smb2 *c = h->c;
	int rc = nwb_signer_init(&h->ch->tx_signer, (unsigned int)c->sign_alg,
				 c->keys.sign);

	return rc ? nwb_err_set(err, rc, "binding: signing with %s",
				nwb_signing_alg_name(c->sign_alg))
		  : 0;
}

int nwb_smb2_handshake(struct handshake *h, struct nwb_err *err)
{
	int rc;

	h->credits = 1; /* for NEGOTIATE */
	rc = nwb_smb2_negotiate(h, err);
	if (!rc && h->is_binding)
		rc = begin_binding(h, err);
	if (!rc)
		rc = session_setup(h, err);
	if (!rc && !h->is_binding)
		rc = tree_connect(h, err);
	if (!rc && needs_validation(h))
		rc = nwb_smb2_validate_negotiate(h, err);
	if (!rc && !h->is_binding && h->c->nr_chans > 1)
		rc = query_interfaces(h, err);
	return rc;
}
