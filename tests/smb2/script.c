/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "script.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RX_BYTES   (2u * 1024 * 1024 + 4096)
#define SESSION_ID 0x5e5510000ull
#define TREE_ID	   7u

static const uint8_t session_key[16] = "sixteen bytes!!";

static void violation(struct script *s, const char *what)
{
	s->violations++;
	s->violation = what;
}

/* --- sending -------------------------------------------------------------- */

void script_raw(struct sconn *c, const void *bytes, size_t len)
{
	struct iovec iov = {(void *)bytes, len};

	nwb_mutex_lock(&c->send_lock);
	/* a client that is gone notices nothing */
	(void)!nwb_sock_sendv(c->sock, &iov, 1);
	nwb_mutex_unlock(&c->send_lock);
}

/* Some bytes of a frame, its length included, become others. */
static void spoil(struct script *s, uint8_t *frame, size_t len)
{
	unsigned int n;

	nwb_mutex_lock(&s->lock);
	n = s->spoil_every && ++s->nr_sent % s->spoil_every == 0;
	s->nr_spoiled += n;
	nwb_mutex_unlock(&s->lock);
	if (!n)
		return;
	for (n = 1 + (unsigned int)(nwb_random_u64(s->ex) % 4); n; n--)
		frame[nwb_random_u64(s->ex) % len] =
			(uint8_t)nwb_random_u64(s->ex);
}

static void send_pdu(struct sconn *c, uint8_t *pdu, int len, bool sign)
{
	uint8_t *frame = malloc((size_t)len + NWB_SMB2_NBT_LEN);
	struct iovec iov = {pdu, (size_t)len};
	uint8_t mac[16];

	if (c->is_sealed && !c->s->in_the_clear) {
		script_send_sealed(c, pdu, (size_t)len);
		free(frame);
		return;
	}
	if (sign) {
		nwb_mutex_lock(&c->s->lock);
		nwb_assert(!nwb_signer_mac(&c->out, &iov, 1, mac));
		nwb_mutex_unlock(&c->s->lock);
		memcpy(pdu + NWB_SMB2_OFF_SIGNATURE, mac, sizeof(mac));
	}
	nwb_smb2_nbt_encode(frame, (uint32_t)len);
	memcpy(frame + NWB_SMB2_NBT_LEN, pdu, (size_t)len);
	spoil(c->s, frame, (size_t)len + NWB_SMB2_NBT_LEN);
	script_raw(c, frame, (size_t)len + NWB_SMB2_NBT_LEN);
	free(frame);
}

void script_reply(struct sconn *c, const struct smsg *m, uint32_t status,
		  uint16_t credits, uint32_t flags, uint8_t *pdu, int len)
{
	uint8_t buf[NWB_SMB2_HDR_LEN + 16] = {0};
	struct nwb_smb2_hdr h = m->h;

	if (!pdu) {
		struct nwb_smb2_error_rsp e = {0};

		pdu = buf;
		len = nwb_smb2_error_rsp_encode(buf, sizeof(buf), &e);
	}
	nwb_assert(len > 0);
	h.status = status;
	h.credits = credits;
	h.flags = NWB_SMB2_F_RESPONSE | flags;
	if ((c->is_signing || ((m->h.flags & NWB_SMB2_F_SIGNED) &&
			       c->out.is_ready && c->s->expect_sign)) &&
	    !(flags & NWB_SMB2_F_ASYNC))
		h.flags |= NWB_SMB2_F_SIGNED;
	if (flags & NWB_SMB2_F_ASYNC)
		h.async_id = m->h.message_id + 1000;
	memset(h.signature, 0, sizeof(h.signature));
	nwb_smb2_hdr_encode(pdu, &h);
	send_pdu(c, pdu, len, h.flags & NWB_SMB2_F_SIGNED);
}

void script_reply_write(struct sconn *c, const struct smsg *m, uint32_t count,
			uint16_t credits)
{
	struct nwb_smb2_write_rsp rsp = {.count = count};
	uint8_t pdu[NWB_SMB2_HDR_LEN + 16];
	int n = nwb_smb2_write_rsp_encode(pdu, sizeof(pdu), &rsp);

	script_reply(c, m, 0, credits, 0, pdu, n);
}

void script_pending(struct sconn *c, const struct smsg *m, uint16_t credits)
{
	script_reply(c, m, NWB_STATUS_PENDING, credits, NWB_SMB2_F_ASYNC, NULL,
		     0);
}

uint16_t script_grant(struct sconn *c, const struct nwb_smb2_hdr *h)
{
	int64_t charge = nwb_max(h->credit_charge, 1), grant;

	nwb_mutex_lock(&c->s->lock);
	grant = charge - 1 + nwb_max(h->credits, 1);
	grant = nwb_max(0, nwb_min(grant, c->s->max_credits - c->credits));
	c->credits += grant;
	nwb_mutex_unlock(&c->s->lock);
	return (uint16_t)grant;
}

/* --- handshake ------------------------------------------------------------ */

static void do_negotiate(struct sconn *c, const struct smsg *m)
{
	struct script *s = c->s;
	struct nwb_smb2_negotiate_rsp rsp = {
		.security_mode = s->sign_all ? 3 : 1,
		.dialect = s->dialect,
		.capabilities =
			NWB_SMB2_CAP_LARGE_MTU |
			(s->nr_ifaces ? NWB_SMB2_CAP_MULTI_CHANNEL : 0) |
			s->caps,
		.max_transact = 8 << 20,
		.max_read = 8 << 20,
		.max_write = s->max_write,
		.has_preauth = !s->no_preauth,
		.sign_alg = s->sign_alg,
		.cipher = s->cipher,
	};
	uint8_t pdu[512] = {0};
	int n = nwb_smb2_negotiate_rsp_encode(pdu, sizeof(pdu), &rsp);

	if (s->negotiate_status) {
		script_reply(c, m, s->negotiate_status, script_grant(c, &m->h),
			     0, NULL, 0);
		return;
	}
	script_note_negotiate(c, m, &rsp);
	nwb_preauth_update(c->hash, m->pdu, m->len);
	script_reply(c, m, 0, script_grant(c, &m->h), 0, pdu, n);
	nwb_preauth_update(c->hash, pdu, (size_t)n);
}

/* As which the session signs, [MS-SMB2] 3.1.4.1. */
static unsigned int alg_of(const struct script *s)
{
	if (s->dialect < NWB_SMB2_DIALECT_0300)
		return NWB_SMB2_SIGN_HMAC_SHA256;
	if (s->dialect < NWB_SMB2_DIALECT_0311 || s->sign_alg < 0)
		return NWB_SMB2_SIGN_AES_CMAC;
	return (unsigned int)s->sign_alg;
}

/* One more channel: of a session that is there, and signed with its key. */
static uint32_t check_binding(struct sconn *c, const struct smsg *m)
{
	uint64_t nr = m->h.session_id - SESSION_ID;

	if (nr == 0 || nr > c->s->nr_conns || nr == c->nr)
		violation(c->s, "binding to no session");
	if (!(m->h.flags & NWB_SMB2_F_SIGNED))
		violation(c->s, "binding is not signed");
	c->session = (unsigned int)nr;
	return c->s->bind_status;
}

/* Before the first signature of a connection is looked at: it binds. */
static void take_session_key(struct sconn *c, const struct smsg *m)
{
	uint64_t nr = m->h.session_id - SESSION_ID;

	if (m->h.command != NWB_SMB2_SESSION_SETUP || c->in.is_ready ||
	    nr == 0 || nr > c->s->nr_conns)
		return;
	nwb_assert(!nwb_signer_init(&c->in, alg_of(c->s),
				    c->s->conns[nr - 1]->key));
}

static void do_setup(struct sconn *c, struct smsg *m)
{
	static const uint8_t token[4] = "more";
	struct script *s = c->s;
	struct nwb_smb2_session_setup_req req = {0};
	struct nwb_smb2_session_setup_rsp rsp = {.token = {token, 4}};
	struct session_keys keys;
	uint32_t status = s->setup_status;
	uint8_t pdu[256] = {0};
	int n;

	if (nwb_smb2_session_setup_req_decode(m->pdu, m->len, &req))
		violation(s, "bad SESSION_SETUP");
	s->previous_session = req.previous_session_id;
	nwb_preauth_update(c->hash, m->pdu, m->len);
	if (req.flags & NWB_SMB2_SESSION_BINDING)
		status = check_binding(c, m);
	else
		c->session = c->nr;
	m->h.session_id = SESSION_ID + c->session;
	if (status) {
		script_reply(c, m, status, script_grant(c, &m->h), 0, NULL, 0);
		return;
	}
	if (c->setups++ == 0) {
		n = nwb_smb2_session_setup_rsp_encode(pdu, sizeof(pdu), &rsp);
		script_reply(c, m, NWB_STATUS_MORE_PROCESSING_REQUIRED,
			     script_grant(c, &m->h), 0, pdu, n);
		nwb_preauth_update(c->hash, pdu, (size_t)n);
		return;
	}
	rsp.token.len = 0;
	rsp.flags = s->session_flags;
	if (s->user) {
		nwb_session_keys(s->dialect, session_key, c->hash, &keys);
		if (s->spoil_setup_signature)
			keys.sign[3] ^= 1;
		memcpy(c->key, keys.sign, sizeof(c->key));
		nwb_signer_fini(&c->in);
		nwb_assert(!nwb_signer_init(&c->in, alg_of(s), keys.sign));
		nwb_assert(!nwb_signer_init(&c->out, alg_of(s), keys.sign));
		script_seal_keys(c, &keys);
		c->is_signing = true;
	}
	n = nwb_smb2_session_setup_rsp_encode(pdu, sizeof(pdu), &rsp);
	script_reply(c, m, 0, script_grant(c, &m->h), 0, pdu, n);
	/* only 3.1.1 signs every tree connect */
	if (s->dialect != NWB_SMB2_DIALECT_0311)
		c->is_signing = s->expect_sign;
	c->is_sealed |= (s->session_flags & NWB_SMB2_SESSION_F_ENCRYPT) != 0;
	if (c->is_sealed)
		c->is_signing = false;
	if (c->session != c->nr) {
		c->is_signing = s->expect_sign;
		s->nr_binds++;
	}
}

static void do_tree(struct sconn *c, struct smsg *m)
{
	struct nwb_smb2_tree_connect_rsp rsp = {.type = 1,
						.access = 0x1f01ff,
						.share_flags =
							c->s->share_flags};
	uint8_t pdu[128] = {0};
	int n = nwb_smb2_tree_connect_rsp_encode(pdu, sizeof(pdu), &rsp);

	if (c->s->user && !c->is_sealed &&
	    c->s->dialect == NWB_SMB2_DIALECT_0311 &&
	    !(m->h.flags & NWB_SMB2_F_SIGNED))
		violation(c->s, "TREE_CONNECT is not signed");
	m->h.tree_id = TREE_ID;
	if (c->s->tree_status)
		script_reply(c, m, c->s->tree_status, script_grant(c, &m->h), 0,
			     NULL, 0);
	else
		script_reply(c, m, 0, script_grant(c, &m->h), 0, pdu, n);
	c->is_sealed |= (c->s->share_flags & NWB_SMB2_SHARE_F_ENCRYPT) != 0;
	c->is_signing = c->s->expect_sign && !c->is_sealed;
}

/* --- files: there is only one --------------------------------------------- */

static void check_fid(struct sconn *c, const struct nwb_smb2_fid *fid)
{
	if (fid->persistent != c->session || fid->volatil != 1)
		violation(c->s, "FileId of another session");
}

static void do_create(struct sconn *c, const struct smsg *m)
{
	struct nwb_smb2_create_rsp rsp = {.fid = {c->session, 1},
					  .eof = c->s->size};
	struct nwb_smb2_create_req req = {0};
	uint8_t pdu[256] = {0};
	int n = nwb_smb2_create_rsp_encode(pdu, sizeof(pdu), &rsp);

	if (nwb_smb2_create_req_decode(m->pdu, m->len, &req))
		violation(c->s, "bad CREATE");
	c->s->last_disposition = req.disposition;
	c->s->last_access = req.access;
	c->s->nr_creates++;
	script_reply(c, m, 0, script_grant(c, &m->h), 0, pdu, n);
}

uint32_t script_apply(struct sconn *c, const struct smsg *m)
{
	struct script *s = c->s;
	struct nwb_smb2_write_req w;

	if (nwb_smb2_write_req_decode(m->pdu, m->len, m->len, &w)) {
		violation(s, "bad WRITE");
		return 0;
	}
	check_fid(c, &w.fid);
	if (w.data_offset + w.len != m->len)
		violation(s, "WRITE is not as long as its frame");
	if (m->h.credit_charge !=
	    (s->dialect == NWB_SMB2_DIALECT_0202 ? 0 : nwb_smb2_charge(w.len)))
		violation(s, "wrong CreditCharge");
	if (s->dialect == NWB_SMB2_DIALECT_0202 && w.len > 65536)
		violation(s, "more than 64 KiB in 2.0.2");
	if (w.offset + w.len > SCRIPT_FILE_BYTES) {
		violation(s, "WRITE is out of the test's range");
		return 0;
	}
	nwb_mutex_lock(&s->lock);
	memcpy(s->data + w.offset, m->pdu + w.data_offset, w.len);
	s->size = nwb_max(s->size, w.offset + w.len);
	nwb_mutex_unlock(&s->lock);
	return w.len;
}

static void do_read(struct sconn *c, const struct smsg *m)
{
	uint8_t *pdu = calloc(1, NWB_SMB2_READ_HDR_LEN + 65536);
	struct nwb_smb2_read_rsp rsp = {0};
	struct nwb_smb2_read_req r;
	uint64_t n = 0;

	if (nwb_smb2_read_req_decode(m->pdu, m->len, &r) || r.len > 65536) {
		violation(c->s, "bad READ");
		r.len = 0;
	}
	check_fid(c, &r.fid);
	if (r.offset < c->s->size)
		n = nwb_min((uint64_t)r.len, c->s->size - r.offset);
	if (n == 0) {
		script_reply(c, m, NWB_STATUS_END_OF_FILE,
			     script_grant(c, &m->h), 0, NULL, 0);
	} else {
		int len;

		rsp.len = (uint32_t)n;
		len = nwb_smb2_read_rsp_encode(pdu, NWB_SMB2_READ_HDR_LEN,
					       &rsp);
		memcpy(pdu + len, c->s->data + r.offset, n);
		script_reply(c, m, 0, script_grant(c, &m->h), 0, pdu,
			     len + (int)n);
	}
	free(pdu);
}

static void do_query(struct sconn *c, const struct smsg *m)
{
	struct nwb_smb2_standard_info si = {.eof = c->s->size};
	uint8_t info[NWB_SMB2_STANDARD_INFO_LEN], pdu[128] = {0};
	struct nwb_smb2_query_info_rsp rsp = {{info, sizeof(info)}};
	int n;

	nwb_smb2_standard_info_encode(info, &si);
	n = nwb_smb2_query_info_rsp_encode(pdu, sizeof(pdu), &rsp);
	script_reply(c, m, 0, script_grant(c, &m->h), 0, pdu, n);
}

static void do_set(struct sconn *c, const struct smsg *m)
{
	struct nwb_smb2_set_info_req req;
	uint8_t pdu[128] = {0};
	uint64_t eof = 0;
	int n = nwb_smb2_set_info_rsp_encode(pdu, sizeof(pdu));

	if (nwb_smb2_set_info_req_decode(m->pdu, m->len, &req) ||
	    req.class != NWB_SMB2_FILE_EOF_INFO ||
	    nwb_smb2_eof_info_decode(req.info.data, req.info.len, &eof))
		violation(c->s, "bad SET_INFO");
	check_fid(c, &req.fid);
	c->s->size = eof;
	script_reply(c, m, 0, script_grant(c, &m->h), 0, pdu, n);
}

static void do_close(struct sconn *c, const struct smsg *m)
{
	struct nwb_smb2_close_rsp rsp = {0};
	uint8_t pdu[128] = {0};
	int n = nwb_smb2_close_rsp_encode(pdu, sizeof(pdu), &rsp);

	c->s->nr_closes++;
	script_reply(c, m, 0, script_grant(c, &m->h), 0, pdu, n);
}

static void do_ioctl(struct sconn *c, const struct smsg *m)
{
	uint8_t info[4 * NWB_SMB2_IFACE_LEN], pdu[1024] = {0};
	struct nwb_smb2_ioctl_rsp rsp = {
		.code = NWB_SMB2_FSCTL_QUERY_INTERFACES,
		.out = {info, c->s->nr_ifaces * NWB_SMB2_IFACE_LEN},
	};
	struct nwb_smb2_ioctl_req req;
	int n;

	if (!nwb_smb2_ioctl_req_decode(m->pdu, m->len, &req) &&
	    req.code == NWB_SMB2_FSCTL_VALIDATE_NEGOTIATE) {
		script_validate(c, m);
		return;
	}
	if (nwb_smb2_ioctl_req_decode(m->pdu, m->len, &req) ||
	    req.code != NWB_SMB2_FSCTL_QUERY_INTERFACES ||
	    m->h.tree_id != TREE_ID)
		violation(c->s, "bad IOCTL");
	for (unsigned int i = 0; i < c->s->nr_ifaces; i++) {
		struct nwb_smb2_iface iface = {.index = i + 1,
					       .speed = 1000000000,
					       .ipv4 = c->s->ifaces[i]};

		nwb_assert(nwb_smb2_iface_encode(info + i * NWB_SMB2_IFACE_LEN,
						 NWB_SMB2_IFACE_LEN, &iface,
						 i + 1 == c->s->nr_ifaces) > 0);
	}
	n = nwb_smb2_ioctl_rsp_encode(pdu, sizeof(pdu), &rsp);
	script_reply(c, m, 0, script_grant(c, &m->h), 0, pdu, n);
}

static void do_empty(struct sconn *c, const struct smsg *m)
{
	uint8_t pdu[NWB_SMB2_HDR_LEN + 4] = {0};
	int n = nwb_smb2_empty_encode(pdu, sizeof(pdu));

	c->s->nr_flushes += m->h.command == NWB_SMB2_FLUSH;
	c->s->nr_logoffs += m->h.command == NWB_SMB2_LOGOFF;
	script_reply(c, m, 0, script_grant(c, &m->h), 0, pdu, n);
}

static int dispatch(struct sconn *c, struct smsg *m)
{
	int rc = 0;

	if (m->h.command > NWB_SMB2_TREE_CONNECT && c->s->hook)
		rc = c->s->hook(c, m);
	if (rc)
		return rc;
	switch (m->h.command) {
	case NWB_SMB2_NEGOTIATE:
		if (!c->s->mute)
			do_negotiate(c, m);
		break;
	case NWB_SMB2_SESSION_SETUP:
		do_setup(c, m);
		break;
	case NWB_SMB2_TREE_CONNECT:
		do_tree(c, m);
		break;
	case NWB_SMB2_CREATE:
		do_create(c, m);
		break;
	case NWB_SMB2_WRITE:
		script_reply_write(c, m, script_apply(c, m),
				   script_grant(c, &m->h));
		break;
	case NWB_SMB2_READ:
		do_read(c, m);
		break;
	case NWB_SMB2_QUERY_INFO:
		do_query(c, m);
		break;
	case NWB_SMB2_SET_INFO:
		do_set(c, m);
		break;
	case NWB_SMB2_CLOSE:
		do_close(c, m);
		break;
	case NWB_SMB2_IOCTL:
		do_ioctl(c, m);
		break;
	default:
		do_empty(c, m);
	}
	return 0;
}

/* --- receiving ------------------------------------------------------------ */

static int recv_all(struct sconn *c, uint8_t *to, size_t n)
{
	return n == 0 || nwb_sock_recv(c->sock, to, n, n) == (ssize_t)n ? 0
									: -1;
}

/* What every request must obey. */
static void check_request(struct sconn *c, const struct nwb_smb2_hdr *h)
{
	int64_t charge = nwb_max(h->credit_charge, 1);

	/* has the id of what it cancels, and costs nothing */
	if (h->command == NWB_SMB2_CANCEL)
		return;
	nwb_mutex_lock(&c->s->lock);
	if (h->message_id != c->next_mid)
		violation(c->s, "MessageId out of order");
	c->next_mid = h->message_id + (uint64_t)charge;
	c->credits -= charge;
	if (c->credits < 0)
		violation(c->s, "more credits used than granted");
	nwb_mutex_unlock(&c->s->lock);
	if (c->is_signing && !c->is_sealed && !(h->flags & NWB_SMB2_F_SIGNED))
		violation(c->s, "request is not signed");
}

/* The rest of a frame of which the first 64 bytes are there, and that begins
 * like an encrypted one. Return: 1: it was decrypted, 0: it is none, -1. */
static int recv_sealed(struct sconn *c, struct smsg *m)
{
	m->pdu = c->rx;
	if (!nwb_smb2_is_transform(c->rx, m->len)) {
		if (c->is_sealed)
			violation(c->s, "request is not encrypted");
		return 0;
	}
	if (recv_all(c, c->rx + NWB_SMB2_HDR_LEN, m->len - NWB_SMB2_HDR_LEN) ||
	    script_unseal(c, m))
		return -1;
	return 1;
}

static void conn_task(void *arg)
{
	struct sconn *c = arg;
	struct smsg m = {.pdu = c->rx};

	for (;;) {
		uint8_t nbt[NWB_SMB2_NBT_LEN];
		int is_sealed;

		if (recv_all(c, nbt, sizeof(nbt)) ||
		    nwb_smb2_nbt_decode(nbt, &m.len) || m.len > RX_BYTES ||
		    m.len < NWB_SMB2_HDR_LEN ||
		    recv_all(c, c->rx, NWB_SMB2_HDR_LEN))
			break;
		is_sealed = recv_sealed(c, &m);
		if (is_sealed < 0) {
			violation(c->s, "cannot be decrypted");
			break;
		}
		if (nwb_smb2_hdr_decode(m.pdu, NWB_SMB2_HDR_LEN, &m.h)) {
			violation(c->s, "bad header");
			break;
		}
		check_request(c, &m.h);
		if (c->s->early)
			c->s->early(c, &m.h);
		if (!is_sealed && recv_all(c, c->rx + NWB_SMB2_HDR_LEN,
					   m.len - NWB_SMB2_HDR_LEN))
			break;
		if (is_sealed && (m.h.flags & NWB_SMB2_F_SIGNED))
			violation(c->s, "signed although it is encrypted");
		if (m.h.flags & NWB_SMB2_F_SIGNED)
			take_session_key(c, &m);
		if ((m.h.flags & NWB_SMB2_F_SIGNED) &&
		    nwb_signer_verify(&c->in, c->rx, m.len))
			violation(c->s, "bad signature");
		/* as it came: the preauth hash covers it */
		if (!is_sealed)
			memcpy(c->rx + NWB_SMB2_OFF_SIGNATURE, m.h.signature,
			       16);
		c->s->nr_writes += m.h.command == NWB_SMB2_WRITE;
		if (dispatch(c, &m) < 0)
			break;
	}
	nwb_sock_reset(c->sock);
}

static int dial_to(struct nwb_dialer *d, struct nwb_exec *ex, uint32_t addr,
		   struct nwb_sock **ret_sock, struct nwb_err *err)
{
	struct script *s = nwb_container_of(d, struct script, dialer);
	struct sconn *c = calloc(1, sizeof(*c));
	struct nwb_sock *pair[2];

	if (addr && addr == s->dead_addr) {
		free(c);
		return nwb_err_set(err, -ECONNREFUSED, "nobody is there");
	}
	nwb_assert(s->nr_conns < SCRIPT_CONNS_MAX);
	if (nwb_sock_pair(ex, 10 * NWB_USEC, s->buf_bytes, pair)) {
		free(c);
		return nwb_err_set(err, -ENOMEM, "no socket pair");
	}
	c->s = s;
	c->sock = pair[0];
	c->addr = addr;
	c->credits = 1;
	c->rx = malloc(RX_BYTES);
	nwb_mutex_init(&c->send_lock, ex, "script send");
	s->conns[s->nr_conns++] = c;
	c->nr = s->nr_conns;
	nwb_assert(!nwb_task_spawn(ex, "script", conn_task, c, &c->task));
	*ret_sock = pair[1];
	return 0;
}

static int dial(struct nwb_dialer *d, struct nwb_exec *ex,
		struct nwb_sock **ret_sock, struct nwb_err *err)
{
	return dial_to(d, ex, 0, ret_sock, err);
}

struct script *script_new(struct nwb_exec *ex)
{
	struct script *s = calloc(1, sizeof(*s));

	s->ex = ex;
	s->dialer.dial = dial;
	s->dialer.dial_to = dial_to;
	s->dialer.addr = SCRIPT_ADDR;
	s->dialect = NWB_SMB2_DIALECT_0311;
	s->sign_alg = NWB_SMB2_SIGN_AES_GMAC;
	s->cipher = -1;
	s->max_write = 8 << 20;
	s->max_credits = 64;
	s->buf_bytes = 1 << 20;
	s->data = calloc(1, SCRIPT_FILE_BYTES);
	nwb_mutex_init(&s->lock, ex, "script");
	return s;
}

void script_halt(struct script *s)
{
	for (unsigned int i = 0; i < s->nr_conns; i++) {
		struct sconn *c = s->conns[i];

		if (!c->task)
			continue;
		nwb_sock_shutdown(c->sock);
		nwb_task_join(c->task);
		c->task = NULL;
	}
}

void script_free(struct script *s)
{
	script_halt(s);
	for (unsigned int i = 0; i < s->nr_conns; i++) {
		nwb_sock_close(s->conns[i]->sock);
		nwb_signer_fini(&s->conns[i]->in);
		nwb_signer_fini(&s->conns[i]->out);
		nwb_sealer_fini(&s->conns[i]->seal_in);
		nwb_sealer_fini(&s->conns[i]->seal_out);
		free(s->conns[i]->rx);
		free(s->conns[i]);
	}
	free(s->data);
	free(s);
}

/* --- authentication ------------------------------------------------------- */

struct nwb_auth {
	unsigned int steps;
};

static int auth_start(const char *user, const char *password,
		      const char *domain, const char *target,
		      struct nwb_auth **ret_auth, struct nwb_err *err)
{
	(void)user;
	(void)password;
	(void)domain;
	(void)target;
	(void)err;
	*ret_auth = calloc(1, sizeof(**ret_auth));
	return 0;
}

static int auth_step(struct nwb_auth *a, const void *in, size_t in_len,
		     const void **ret_out, size_t *ret_out_len,
		     struct nwb_err *err)
{
	if (a->steps && (in_len != 4 || memcmp(in, "more", 4) != 0))
		return nwb_err_set(err, -EPROTO, "not the script's token");
	*ret_out = a->steps ? "two" : "one";
	*ret_out_len = 3;
	return a->steps++ == 0;
}

static int auth_session_key(struct nwb_auth *a, uint8_t ret_key[16],
			    struct nwb_err *err)
{
	(void)a;
	(void)err;
	memcpy(ret_key, session_key, sizeof(session_key));
	return 0;
}

static void auth_finish(struct nwb_auth *a)
{
	free(a);
}

const struct nwb_auth_ops *script_auth(void)
{
	static const struct nwb_auth_ops ops = {
		.name = "script",
		.start = auth_start,
		.step = auth_step,
		.session_key = auth_session_key,
		.finish = auth_finish,
	};

	return &ops;
}
