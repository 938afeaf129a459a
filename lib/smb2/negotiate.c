/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * NEGOTIATE, and what follows from it ([MS-SMB2] 3.2.4.2.2, 3.2.5.2, 3.2.5.5):
 *
 *	dialect  credits            signs with        encrypts with
 *	2.0.2    one a request      HMAC-SHA256       -
 *	2.1      one per 64 KiB     HMAC-SHA256       -
 *	3.0.2    one per 64 KiB     AES-CMAC          AES-128-CCM
 *	3.1.1    one per 64 KiB     what both know    what both know
 *
 * 3.1.1 proves by its preauth hash that nobody changed the negotiation; 3.0.2
 * asks for it again under a signature (FSCTL_VALIDATE_NEGOTIATE_INFO).
 *
 * A refusal says what was asked, what the server answered, and the remedy.
 */
#include "client.h"

static const uint16_t known_dialects[] = {
	NWB_SMB2_DIALECT_0202,
	NWB_SMB2_DIALECT_0210,
	NWB_SMB2_DIALECT_0302,
	NWB_SMB2_DIALECT_0311,
};

const char *nwb_smb2_dialect_name(unsigned int dialect)
{
	switch (dialect) {
	case NWB_SMB2_DIALECT_0202:
		return "2.0.2";
	case NWB_SMB2_DIALECT_0210:
		return "2.1";
	case NWB_SMB2_DIALECT_0300:
		return "3.0";
	case NWB_SMB2_DIALECT_0302:
		return "3.0.2";
	case NWB_SMB2_DIALECT_0311:
		return "3.1.1";
	case NWB_SMB2_DIALECT_ANY:
		return "2.0.2 to 3.1.1";
	default:
		return "?";
	}
}

/* The algorithm that was asked for by name, or -1. */
static int wanted_alg(const struct nwb_smb2_opts *o)
{
	switch (o->signing) {
	case NWB_SIGNING_HMAC:
		return NWB_SMB2_SIGN_HMAC_SHA256;
	case NWB_SIGNING_CMAC:
		return NWB_SMB2_SIGN_AES_CMAC;
	case NWB_SIGNING_GMAC:
		return NWB_SMB2_SIGN_AES_GMAC;
	default:
		return -1;
	}
}

/* Can @dialect do what @o wants? 3.1.1 can do all of it. */
static int check_dialect(const struct nwb_smb2_opts *o, unsigned int dialect,
			 struct nwb_err *err)
{
	bool is_3 = dialect >= NWB_SMB2_DIALECT_0300;
	int only = is_3 ? (int)NWB_SMB2_SIGN_AES_CMAC
			: (int)NWB_SMB2_SIGN_HMAC_SHA256;

	if (dialect == NWB_SMB2_DIALECT_0311)
		return 0;
	if (wanted_alg(o) >= 0 && wanted_alg(o) != only)
		return nwb_err_set(
			err, -EOPNOTSUPP,
			"signing with %s was asked for, SMB %s signs "
			"with %s only; use that, or dialect 3.1.1",
			nwb_signing_alg_name(wanted_alg(o)),
			nwb_smb2_dialect_name(dialect),
			nwb_signing_alg_name(only));
	if (o->encryption == NWB_ENCRYPT_ON && !is_3)
		return nwb_err_set(err, -EOPNOTSUPP,
				   "encryption was asked for, SMB %s has none; "
				   "use dialect 3.0.2 or 3.1.1",
				   nwb_smb2_dialect_name(dialect));
	return 0;
}

/* What no server could grant is refused before one is asked. */
int nwb_smb2_check_opts(const struct nwb_smb2_opts *o, struct nwb_err *err)
{
	if (!o->dialect || o->dialect == NWB_SMB2_DIALECT_ANY)
		return 0;
	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(known_dialects); i++)
		if (o->dialect == known_dialects[i])
			return check_dialect(o, o->dialect, err);
	return nwb_err_set(err, -EINVAL, "no such dialect: 0x%04x", o->dialect);
}

static unsigned int asked_dialect(const struct nwb_smb2_opts *o)
{
	return o->dialect ? o->dialect : NWB_SMB2_DIALECT_0311;
}

static void fill_contexts(struct nwb_smb2 *c,
			  struct nwb_smb2_negotiate_req *req)
{
	static const uint16_t best[] = {NWB_SMB2_SIGN_AES_GMAC,
					NWB_SMB2_SIGN_AES_CMAC,
					NWB_SMB2_SIGN_HMAC_SHA256};
	int alg = wanted_alg(&c->opts);

	req->has_preauth = true;
	nwb_random_bytes(c->ex, req->salt, sizeof(req->salt));
	if (alg < 0) {
		memcpy(req->sign_algs, best, sizeof(best));
		req->nr_sign_algs = NWB_ARRAY_SIZE(best);
	} else {
		req->sign_algs[0] = (uint16_t)alg;
		req->nr_sign_algs = 1;
	}
	if (c->opts.encryption == NWB_ENCRYPT_OFF)
		return;
	req->ciphers[0] = NWB_SMB2_CIPHER_AES_128_GCM;
	req->ciphers[1] = NWB_SMB2_CIPHER_AES_128_CCM;
	req->nr_ciphers = 2;
}

static void fill_request(struct handshake *h,
			 struct nwb_smb2_negotiate_req *req)
{
	unsigned int asked = asked_dialect(&h->c->opts);
	struct nwb_smb2 *c = h->c;

	*req = (struct nwb_smb2_negotiate_req){
		.security_mode = NWB_SMB2_SECMODE_ENABLED,
	};
	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(known_dialects); i++)
		if (asked == known_dialects[i] || asked == NWB_SMB2_DIALECT_ANY)
			req->dialects[req->nr_dialects++] = known_dialects[i];
	if (c->opts.sign)
		req->security_mode |= NWB_SMB2_SECMODE_REQUIRED;
	/* before 3.x clients have neither capabilities nor, in 2.0.2, a GUID */
	if (asked >= NWB_SMB2_DIALECT_0300) {
		req->capabilities =
			NWB_SMB2_CAP_LARGE_MTU | NWB_SMB2_CAP_LEASING;
		if (c->opts.encryption != NWB_ENCRYPT_OFF)
			req->capabilities |= NWB_SMB2_CAP_ENCRYPTION;
		if (c->nr_chans > 1)
			req->capabilities |= NWB_SMB2_CAP_MULTI_CHANNEL;
	}
	if (asked != NWB_SMB2_DIALECT_0202)
		memcpy(req->guid, c->guid, sizeof(req->guid));
	if (asked >= NWB_SMB2_DIALECT_0311)
		fill_contexts(c, req);
	h->asked = (struct nwb_smb2_validate_info){
		.capabilities = req->capabilities,
		.security_mode = req->security_mode,
		.nr_dialects = req->nr_dialects,
	};
	memcpy(h->asked.guid, req->guid, sizeof(req->guid));
	memcpy(h->asked.dialects, req->dialects, sizeof(req->dialects));
}

static bool was_offered(const struct handshake *h, unsigned int dialect)
{
	for (unsigned int i = 0; i < h->asked.nr_dialects; i++)
		if (h->asked.dialects[i] == dialect)
			return true;
	return false;
}

/* The cipher of this connection, or NONE; -EPROTO: not what was offered. */
static int choose_cipher(const struct nwb_smb2_opts *o,
			 const struct nwb_smb2_negotiate_rsp *rsp)
{
	if (o->encryption == NWB_ENCRYPT_OFF)
		return rsp->cipher > 0 ? -EPROTO : (int)NWB_SMB2_CIPHER_NONE;
	if (rsp->dialect == NWB_SMB2_DIALECT_0311) {
		if (rsp->cipher > (int)NWB_SMB2_CIPHER_AES_128_GCM)
			return -EPROTO;
		return nwb_max(rsp->cipher, (int)NWB_SMB2_CIPHER_NONE);
	}
	if (rsp->dialect >= NWB_SMB2_DIALECT_0300 &&
	    (rsp->capabilities & NWB_SMB2_CAP_ENCRYPTION))
		return NWB_SMB2_CIPHER_AES_128_CCM;
	return NWB_SMB2_CIPHER_NONE;
}

static int choose_alg(const struct nwb_smb2_negotiate_rsp *rsp)
{
	if (rsp->dialect < NWB_SMB2_DIALECT_0300)
		return NWB_SMB2_SIGN_HMAC_SHA256;
	/* without the context AES-CMAC is meant, [MS-SMB2] 3.2.5.2 */
	if (rsp->dialect < NWB_SMB2_DIALECT_0311 || rsp->sign_alg < 0)
		return NWB_SMB2_SIGN_AES_CMAC;
	return rsp->sign_alg;
}

/* Is what the server chose what was asked for? */
static int check_choice(struct handshake *h, int alg, int cipher,
			const struct nwb_smb2_negotiate_rsp *rsp,
			struct nwb_err *err)
{
	const struct nwb_smb2_opts *o = &h->c->opts;
	int wanted = wanted_alg(o);

	if (alg > (int)NWB_SMB2_SIGN_AES_GMAC || cipher < 0)
		return nwb_err_set(err, -EPROTO,
				   "negotiate: the server chose an algorithm "
				   "that was not offered");
	if (wanted >= 0 && alg != wanted)
		return nwb_err_set(err, -EOPNOTSUPP,
				   "negotiate: signing with %s was asked for, "
				   "the server chose %s; allow it in the "
				   "server's signing algorithms, or sign with "
				   "that",
				   nwb_signing_alg_name(wanted),
				   nwb_signing_alg_name(alg));
	if (o->encryption == NWB_ENCRYPT_ON && cipher == NWB_SMB2_CIPHER_NONE)
		return nwb_err_set(err, -EOPNOTSUPP,
				   "negotiate: encryption was asked for (%s), "
				   "the server has no common cipher; switch "
				   "its encryption on, or do without",
				   rsp->dialect == NWB_SMB2_DIALECT_0311
					   ? "AES-128-GCM, AES-128-CCM"
					   : "AES-128-CCM");
	return 0;
}

static int check_response(struct handshake *h,
			  const struct nwb_smb2_negotiate_rsp *rsp,
			  struct nwb_err *err)
{
	if (!was_offered(h, rsp->dialect))
		return nwb_err_set(
			err, -EPROTONOSUPPORT,
			"negotiate: SMB %s was offered, the server chose "
			"0x%04x",
			nwb_smb2_dialect_name(asked_dialect(&h->c->opts)),
			rsp->dialect);
	if (rsp->dialect == NWB_SMB2_DIALECT_0311 && !rsp->has_preauth)
		return nwb_err_set(err, -EPROTONOSUPPORT,
				   "negotiate: no SMB 3.1.1 with SHA-512");
	/* a limit of zero would make every write endless (C7) */
	if (rsp->max_write < BYTES_PER_CREDIT || rsp->max_read < READ_PIECE)
		return nwb_err_set(err, -EPROTO,
				   "negotiate: limits of %u and %u bytes",
				   rsp->max_write, rsp->max_read);
	return check_dialect(&h->c->opts, rsp->dialect, err);
}

static void take_response(struct handshake *h, int alg, int cipher,
			  const struct nwb_smb2_negotiate_rsp *rsp)
{
	struct nwb_smb2 *c = h->c;

	h->security_mode = rsp->security_mode;
	h->told = (struct nwb_smb2_validate_info){
		.capabilities = rsp->capabilities,
		.security_mode = rsp->security_mode,
		.dialects = {rsp->dialect},
		.nr_dialects = 1,
	};
	memcpy(h->told.guid, rsp->guid, sizeof(rsp->guid));
	if (h->is_binding)
		return; /* check_same() */
	nwb_mutex_lock(&c->lock);
	c->dialect = rsp->dialect;
	c->max_write = nwb_min(rsp->max_write, WRITE_MAX);
	/* several credits a request: from 2.1 on, and if the server says so */
	if (rsp->dialect < NWB_SMB2_DIALECT_0210 ||
	    !(rsp->capabilities & NWB_SMB2_CAP_LARGE_MTU))
		c->max_write = BYTES_PER_CREDIT;
	c->max_read = rsp->max_read;
	c->server_caps = rsp->capabilities;
	c->sign_alg = alg;
	c->cipher = cipher;
	nwb_mutex_unlock(&c->lock);
}

/* One more channel is only what the first one is: the same server, which says
 * the same ([MS-SMB2] 3.2.5.2). */
static int check_same(struct handshake *h, int alg, int cipher,
		      const struct nwb_smb2_negotiate_rsp *rsp,
		      struct nwb_err *err)
{
	struct nwb_smb2 *c = h->c;
	int rc = 0;

	nwb_mutex_lock(&c->lock);
	if (rsp->dialect != c->dialect || rsp->capabilities != c->server_caps ||
	    nwb_min(rsp->max_write, WRITE_MAX) < c->max_write ||
	    rsp->max_read < c->max_read || alg != c->sign_alg ||
	    cipher != c->cipher)
		rc = nwb_err_set(err, -EPROTO,
				 "negotiate: the server answered something "
				 "else than on the first channel");
	nwb_mutex_unlock(&c->lock);
	return rc;
}

static int check_multichannel(struct handshake *h,
			      const struct nwb_smb2_negotiate_rsp *rsp,
			      struct nwb_err *err)
{
	unsigned int nr = h->c->nr_chans;

	if (nr == 1 || (rsp->capabilities & NWB_SMB2_CAP_MULTI_CHANNEL))
		return 0;
	if (rsp->dialect < NWB_SMB2_DIALECT_0300)
		return nwb_err_set(err, -EOPNOTSUPP,
				   "negotiate: %u channels were asked for, SMB "
				   "%s has no multichannel; use dialect 3.0.2 "
				   "or 3.1.1",
				   nr, nwb_smb2_dialect_name(rsp->dialect));
	return nwb_err_set(err, -EOPNOTSUPP,
			   "negotiate: %u channels were asked for, the server "
			   "has no multichannel; switch it on there, or do "
			   "with one",
			   nr);
}

/* The server would not speak any dialect that was offered. */
static int no_dialect(struct handshake *h, int rc, struct nwb_err *err)
{
	char buf[16];

	return nwb_err_set(
		err, rc,
		"negotiate: SMB %s was offered, the server %s%s; choose "
		"another dialect, or another range of dialects in the server",
		nwb_smb2_dialect_name(asked_dialect(&h->c->opts)),
		rc == -EPROTONOSUPPORT ? "answered " : "hung up",
		rc == -EPROTONOSUPPORT
			? nwb_smb2_status_name(h->rsp_hdr.status, buf)
			: "");
}

/* smbd's answer to an offer of algorithms of which it has none. */
static int no_alg(struct handshake *h, struct nwb_err *err)
{
	return nwb_err_set(
		err, -EOPNOTSUPP,
		"negotiate: signing with %s only was offered, the server "
		"answered STATUS_INVALID_PARAMETER; allow it in the server's "
		"signing algorithms, or sign with another",
		nwb_signing_alg_name(wanted_alg(&h->c->opts)));
}

int nwb_smb2_negotiate(struct handshake *h, struct nwb_err *err)
{
	struct nwb_smb2_negotiate_req req;
	struct nwb_smb2_negotiate_rsp rsp;
	int rc, alg, cipher;

	fill_request(h, &req);
	rc = nwb_smb2_negotiate_req_encode(nwb_smb2_hs_pdu(h),
					   TX_BYTES - NWB_SMB2_NBT_LEN, &req);
	rc = nwb_smb2_exchange(h, NWB_SMB2_NEGOTIATE, rc, false, "negotiate",
			       err);
	if (rc == -ECONNRESET)
		return no_dialect(h, rc, err);
	if (rc)
		return rc;
	if (h->rsp_hdr.status == NWB_STATUS_NOT_SUPPORTED)
		return no_dialect(h, -EPROTONOSUPPORT, err);
	if (h->rsp_hdr.status == NWB_STATUS_INVALID_PARAMETER &&
	    wanted_alg(&h->c->opts) >= 0 && req.nr_sign_algs)
		return no_alg(h, err);
	if (h->rsp_hdr.status)
		return nwb_smb2_refused(err, "negotiate", h->rsp_hdr.status);
	if (nwb_smb2_negotiate_rsp_decode(h->rsp, h->rsp_len, &rsp))
		return nwb_err_set(err, -EPROTO, "negotiate: bad response");
	rc = check_response(h, &rsp, err);
	if (rc)
		return rc;
	alg = choose_alg(&rsp);
	cipher = choose_cipher(&h->c->opts, &rsp);
	rc = check_choice(h, alg, cipher, &rsp, err);
	if (!rc)
		rc = check_multichannel(h, &rsp, err);
	if (!rc && h->is_binding)
		rc = check_same(h, alg, cipher, &rsp, err);
	if (rc)
		return rc;
	nwb_preauth_update(h->hash, h->rsp, h->rsp_len);
	take_response(h, alg, cipher, &rsp);
	return 0;
}

/* Old servers do not know the request; their refusal is signed as well, so
 * nobody else can have made it. */
static bool is_unknown_fsctl(uint32_t status)
{
	return status == NWB_STATUS_NOT_SUPPORTED ||
	       status == NWB_STATUS_FILE_CLOSED ||
	       status == NWB_STATUS_INVALID_DEVICE_REQUEST;
}

static int compare_told(const struct handshake *h,
			const struct nwb_smb2_ioctl_rsp *rsp,
			struct nwb_err *err)
{
	struct nwb_smb2_validate_info m;

	if (nwb_smb2_validate_rsp_decode(rsp->out.data, rsp->out.len, &m))
		return nwb_err_set(err, -EPROTO,
				   "validate negotiate: bad response");
	if (m.dialects[0] != h->told.dialects[0] ||
	    m.capabilities != h->told.capabilities ||
	    m.security_mode != h->told.security_mode ||
	    memcmp(m.guid, h->told.guid, sizeof(m.guid)) != 0)
		return nwb_err_set(err, -EPROTO,
				   "validate negotiate: the server says that "
				   "it negotiated something else; somebody "
				   "changed it on the way");
	return 0;
}

/* Ask again, under a signature or encrypted, what was negotiated. */
int nwb_smb2_validate_negotiate(struct handshake *h, struct nwb_err *err)
{
	struct nwb_smb2_ioctl_req req = {
		.code = NWB_SMB2_FSCTL_VALIDATE_NEGOTIATE,
		.fid = {NWB_SMB2_FID_NONE, NWB_SMB2_FID_NONE},
		.max_out = NWB_SMB2_VALIDATE_RSP_LEN,
		.flags = NWB_SMB2_IOCTL_IS_FSCTL,
	};
	uint8_t info[NWB_SMB2_VALIDATE_REQ_MAX];
	struct nwb_smb2_ioctl_rsp rsp;
	int rc;

	rc = nwb_smb2_validate_req_encode(info, sizeof(info), &h->asked);
	nwb_assert(rc > 0);
	req.in = (struct nwb_smb2_blob){info, (uint32_t)rc};
	rc = nwb_smb2_ioctl_req_encode(nwb_smb2_hs_pdu(h),
				       TX_BYTES - NWB_SMB2_NBT_LEN, &req);
	rc = nwb_smb2_exchange(h, NWB_SMB2_IOCTL, rc, true,
			       "validate negotiate", err);
	/* a server that finds something changed just hangs up */
	if (rc || is_unknown_fsctl(h->rsp_hdr.status))
		return rc;
	if (h->rsp_hdr.status)
		return nwb_smb2_refused(err, "validate negotiate",
					h->rsp_hdr.status);
	if (nwb_smb2_ioctl_rsp_decode(h->rsp, h->rsp_len, &rsp))
		return nwb_err_set(err, -EPROTO,
				   "validate negotiate: bad response");
	return compare_told(h, &rsp, err);
}
