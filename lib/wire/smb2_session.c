/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * SMB2 NEGOTIATE, SESSION_SETUP and TREE_CONNECT ([MS-SMB2] 2.2.3 - 2.2.10).
 *
 * Negotiate contexts (3.1.1 only) follow the fixed part on 8-byte boundaries:
 *
 *	| type 2 | length 2 | reserved 4 | data ... | pad to 8 | next ...
 */
#include "smb2_le.h"

#define CTX_PREAUTH    1u
#define CTX_ENCRYPTION 2u
#define CTX_SIGNING    8u
#define HASH_SHA512    1u
#define PREAUTH_LEN    (6u + NWB_SMB2_SALT_LEN)
#define CTX_ROOM       128u /* of all contexts at their largest, and pads */
#define CONTEXTS_LIMIT 64u

/* What the contexts of a request or response say. */
struct contexts {
	bool has_preauth;
	uint8_t salt[NWB_SMB2_SALT_LEN];
	uint16_t algs[NWB_SMB2_SIGN_ALGS_MAX];
	unsigned int nr_algs;
	uint16_t ciphers[NWB_SMB2_CIPHERS_MAX];
	unsigned int nr_ciphers;
};

static bool has_any(const struct contexts *c)
{
	return c->has_preauth || c->nr_algs || c->nr_ciphers;
}

static size_t put_ctx_header(uint8_t *pdu, size_t at, unsigned int type,
			     size_t len)
{
	put16(pdu + at, type);
	put16(pdu + at + 2, (unsigned int)len);
	put32(pdu + at + 4, 0);
	return at + 8;
}

static size_t pad8(uint8_t *pdu, size_t at)
{
	while (at % 8)
		pdu[at++] = 0;
	return at;
}

/* A context that is a count and so many 16-bit numbers; none of them: none. */
static size_t put_list(uint8_t *pdu, size_t at, unsigned int type,
		       const uint16_t *list, unsigned int nr,
		       unsigned int *nr_contexts)
{
	if (!nr)
		return at;
	at = pad8(pdu, at);
	at = put_ctx_header(pdu, at, type, 2 + 2 * nr);
	put16(pdu + at, nr);
	for (unsigned int i = 0; i < nr; i++)
		put16(pdu + at + 2 + 2 * i, list[i]);
	++*nr_contexts;
	return at + 2 + 2 * nr;
}

/* Returns the end; the caller made sure that there is room. */
static size_t put_contexts(uint8_t *pdu, size_t at, const struct contexts *c,
			   unsigned int *ret_nr)
{
	*ret_nr = 0;
	if (c->has_preauth) {
		at = put_ctx_header(pdu, at, CTX_PREAUTH, PREAUTH_LEN);
		put16(pdu + at, 1);
		put16(pdu + at + 2, NWB_SMB2_SALT_LEN);
		put16(pdu + at + 4, HASH_SHA512);
		memcpy(pdu + at + 6, c->salt, NWB_SMB2_SALT_LEN);
		at += PREAUTH_LEN;
		++*ret_nr;
	}
	at = put_list(pdu, at, CTX_ENCRYPTION, c->ciphers, c->nr_ciphers,
		      ret_nr);
	return put_list(pdu, at, CTX_SIGNING, c->algs, c->nr_algs, ret_nr);
}

static int get_preauth(const uint8_t *d, size_t len, struct contexts *c)
{
	size_t nr, salt_len;

	if (len < 4)
		return -EBADMSG;
	nr = get16(d);
	salt_len = get16(d + 2);
	if (nr == 0 || len < 4 + 2 * nr + salt_len)
		return -EBADMSG;
	for (size_t i = 0; i < nr; i++)
		if (get16(d + 4 + 2 * i) == HASH_SHA512)
			c->has_preauth = true;
	memcpy(c->salt, d + 4 + 2 * nr,
	       nwb_min(salt_len, (size_t)NWB_SMB2_SALT_LEN));
	return 0;
}

/* The first @max of a list of 16-bit numbers. */
static int get_list(const uint8_t *d, size_t len, uint16_t *list,
		    unsigned int max, unsigned int *ret_nr)
{
	size_t nr;

	if (len < 2)
		return -EBADMSG;
	nr = get16(d);
	if (nr == 0 || len < 2 + 2 * nr)
		return -EBADMSG;
	*ret_nr = (unsigned int)nwb_min(nr, (size_t)max);
	for (unsigned int i = 0; i < *ret_nr; i++)
		list[i] = get16(d + 2 + 2 * i);
	return 0;
}

static int get_contexts(const uint8_t *pdu, size_t len, size_t at,
			unsigned int nr, struct contexts *c)
{
	if (nr > CONTEXTS_LIMIT)
		return -EBADMSG;
	for (unsigned int i = 0; i < nr; i++) {
		unsigned int type;
		size_t n;
		int err = 0;

		if (at % 8 || at < NWB_SMB2_HDR_LEN || at > len || len - at < 8)
			return -EBADMSG;
		type = get16(pdu + at);
		n = get16(pdu + at + 2);
		at += 8;
		if (len - at < n)
			return -EBADMSG;
		if (type == CTX_PREAUTH)
			err = get_preauth(pdu + at, n, c);
		else if (type == CTX_SIGNING)
			err = get_list(pdu + at, n, c->algs,
				       NWB_SMB2_SIGN_ALGS_MAX, &c->nr_algs);
		else if (type == CTX_ENCRYPTION)
			err = get_list(pdu + at, n, c->ciphers,
				       NWB_SMB2_CIPHERS_MAX, &c->nr_ciphers);
		if (err)
			return err;
		at = NWB_ROUND_UP(at + n, (size_t)8);
	}
	return 0;
}

int nwb_smb2_negotiate_req_encode(uint8_t *pdu, size_t size,
				  const struct nwb_smb2_negotiate_req *m)
{
	struct contexts c = {.has_preauth = m->has_preauth,
			     .nr_algs = m->nr_sign_algs,
			     .nr_ciphers = m->nr_ciphers};
	uint8_t *b = begin_body(pdu, size, 36,
				2 * NWB_SMB2_DIALECTS_MAX + CTX_ROOM, 36);
	unsigned int nr;
	size_t at;

	nwb_assert(m->nr_dialects <= NWB_SMB2_DIALECTS_MAX);
	nwb_assert(m->nr_sign_algs <= NWB_SMB2_SIGN_ALGS_MAX);
	nwb_assert(m->nr_ciphers <= NWB_SMB2_CIPHERS_MAX);
	if (!b)
		return -ENOSPC;
	put16(b + 2, m->nr_dialects);
	put16(b + 4, m->security_mode);
	put32(b + 8, m->capabilities);
	memcpy(b + 12, m->guid, 16);
	for (unsigned int i = 0; i < m->nr_dialects; i++)
		put16(b + 36 + 2 * i, m->dialects[i]);
	at = NWB_SMB2_HDR_LEN + 36 + 2 * m->nr_dialects;
	if (!has_any(&c))
		return (int)at;
	memcpy(c.salt, m->salt, sizeof(c.salt));
	memcpy(c.algs, m->sign_algs, sizeof(c.algs));
	memcpy(c.ciphers, m->ciphers, sizeof(c.ciphers));
	at = pad8(pdu, at);
	put32(b + 28, (uint32_t)at);
	at = put_contexts(pdu, at, &c, &nr);
	put16(b + 32, nr);
	return (int)at;
}

int nwb_smb2_negotiate_req_decode(const uint8_t *pdu, size_t len,
				  struct nwb_smb2_negotiate_req *ret_m)
{
	const uint8_t *b = body_of(pdu, len, 36, 36);
	struct nwb_smb2_negotiate_req m = {0};
	struct contexts c = {0};
	bool is_311 = false;
	size_t nr;

	if (!b)
		return -EBADMSG;
	nr = get16(b + 2);
	if (nr == 0 || len - NWB_SMB2_HDR_LEN - 36 < 2 * nr)
		return -EBADMSG;
	for (size_t i = 0; i < nr; i++) {
		unsigned int dialect = get16(b + 36 + 2 * i);

		/* What is not kept is not offered: contexts neither. */
		if (i == NWB_SMB2_DIALECTS_MAX)
			break;
		is_311 |= dialect == NWB_SMB2_DIALECT_0311;
		m.dialects[m.nr_dialects++] = (uint16_t)dialect;
	}
	m.security_mode = get16(b + 4);
	m.capabilities = get32(b + 8);
	memcpy(m.guid, b + 12, 16);
	/* before 3.1.1 these bytes are a time */
	if (is_311 && get_contexts(pdu, len, get32(b + 28), get16(b + 32), &c))
		return -EBADMSG;
	m.has_preauth = c.has_preauth;
	memcpy(m.salt, c.salt, sizeof(m.salt));
	memcpy(m.sign_algs, c.algs, sizeof(m.sign_algs));
	m.nr_sign_algs = c.nr_algs;
	memcpy(m.ciphers, c.ciphers, sizeof(m.ciphers));
	m.nr_ciphers = c.nr_ciphers;
	*ret_m = m;
	return 0;
}

int nwb_smb2_negotiate_rsp_encode(uint8_t *pdu, size_t size,
				  const struct nwb_smb2_negotiate_rsp *m)
{
	struct contexts c = {.has_preauth = m->has_preauth};
	uint8_t *b = begin_body(pdu, size, 64, m->token.len + CTX_ROOM, 65);
	size_t at = NWB_SMB2_HDR_LEN + 64;
	unsigned int nr;

	if (!b)
		return -ENOSPC;
	put16(b + 2, m->security_mode);
	put16(b + 4, m->dialect);
	memcpy(b + 8, m->guid, 16);
	put32(b + 24, m->capabilities);
	put32(b + 28, m->max_transact);
	put32(b + 32, m->max_read);
	put32(b + 36, m->max_write);
	put64(b + 40, m->system_time);
	put64(b + 48, m->start_time);
	put16(b + 56, (unsigned int)at);
	put16(b + 58, m->token.len);
	put_blob(pdu + at, &m->token);
	at += m->token.len;
	if (m->sign_alg >= 0) {
		c.algs[0] = (uint16_t)m->sign_alg;
		c.nr_algs = 1;
	}
	if (m->cipher >= 0) {
		c.ciphers[0] = (uint16_t)m->cipher;
		c.nr_ciphers = 1;
	}
	if (!has_any(&c))
		return (int)at;
	memcpy(c.salt, m->salt, sizeof(c.salt));
	at = pad8(pdu, at);
	put32(b + 60, (uint32_t)at);
	at = put_contexts(pdu, at, &c, &nr);
	put16(b + 6, nr);
	return (int)at;
}

int nwb_smb2_negotiate_rsp_decode(const uint8_t *pdu, size_t len,
				  struct nwb_smb2_negotiate_rsp *ret_m)
{
	const uint8_t *b = body_of(pdu, len, 64, 65);
	struct nwb_smb2_negotiate_rsp m = {.sign_alg = -1, .cipher = -1};
	struct contexts c = {0};

	if (!b)
		return -EBADMSG;
	m.security_mode = get16(b + 2);
	m.dialect = get16(b + 4);
	memcpy(m.guid, b + 8, 16);
	m.capabilities = get32(b + 24);
	m.max_transact = get32(b + 28);
	m.max_read = get32(b + 32);
	m.max_write = get32(b + 36);
	m.system_time = get64(b + 40);
	m.start_time = get64(b + 48);
	if (get_blob(pdu, len, NWB_SMB2_HDR_LEN + 64, get16(b + 56),
		     get16(b + 58), &m.token))
		return -EBADMSG;
	if (m.dialect == NWB_SMB2_DIALECT_0311 &&
	    get_contexts(pdu, len, get32(b + 60), get16(b + 6), &c))
		return -EBADMSG;
	m.has_preauth = c.has_preauth;
	memcpy(m.salt, c.salt, sizeof(m.salt));
	if (c.nr_algs)
		m.sign_alg = c.algs[0];
	if (c.nr_ciphers)
		m.cipher = c.ciphers[0];
	*ret_m = m;
	return 0;
}

int nwb_smb2_session_setup_req_encode(
	uint8_t *pdu, size_t size, const struct nwb_smb2_session_setup_req *m)
{
	uint8_t *b = begin_body(pdu, size, 24, m->token.len, 25);

	if (!b || m->token.len > UINT16_MAX)
		return -ENOSPC;
	b[2] = m->flags;
	b[3] = m->security_mode;
	put32(b + 4, m->capabilities);
	put16(b + 12, NWB_SMB2_HDR_LEN + 24);
	put16(b + 14, m->token.len);
	put64(b + 16, m->previous_session_id);
	put_blob(b + 24, &m->token);
	return (int)(NWB_SMB2_HDR_LEN + 24 + m->token.len);
}

int nwb_smb2_session_setup_req_decode(const uint8_t *pdu, size_t len,
				      struct nwb_smb2_session_setup_req *ret_m)
{
	const uint8_t *b = body_of(pdu, len, 24, 25);
	struct nwb_smb2_session_setup_req m = {0};

	if (!b)
		return -EBADMSG;
	m.flags = b[2];
	m.security_mode = b[3];
	m.capabilities = get32(b + 4);
	m.previous_session_id = get64(b + 16);
	if (get_blob(pdu, len, NWB_SMB2_HDR_LEN + 24, get16(b + 12),
		     get16(b + 14), &m.token))
		return -EBADMSG;
	*ret_m = m;
	return 0;
}

int nwb_smb2_session_setup_rsp_encode(
	uint8_t *pdu, size_t size, const struct nwb_smb2_session_setup_rsp *m)
{
	uint8_t *b = begin_body(pdu, size, 8, m->token.len, 9);

	if (!b || m->token.len > UINT16_MAX)
		return -ENOSPC;
	put16(b + 2, m->flags);
	put16(b + 4, NWB_SMB2_HDR_LEN + 8);
	put16(b + 6, m->token.len);
	put_blob(b + 8, &m->token);
	return (int)(NWB_SMB2_HDR_LEN + 8 + m->token.len);
}

int nwb_smb2_session_setup_rsp_decode(const uint8_t *pdu, size_t len,
				      struct nwb_smb2_session_setup_rsp *ret_m)
{
	const uint8_t *b = body_of(pdu, len, 8, 9);
	struct nwb_smb2_session_setup_rsp m = {0};

	if (!b)
		return -EBADMSG;
	m.flags = get16(b + 2);
	if (get_blob(pdu, len, NWB_SMB2_HDR_LEN + 8, get16(b + 4), get16(b + 6),
		     &m.token))
		return -EBADMSG;
	*ret_m = m;
	return 0;
}

int nwb_smb2_tree_connect_req_encode(uint8_t *pdu, size_t size,
				     const struct nwb_smb2_tree_connect_req *m)
{
	uint8_t *b = begin_body(pdu, size, 8, m->path.len, 9);

	if (!b || m->path.len > UINT16_MAX)
		return -ENOSPC;
	put16(b + 2, m->flags);
	put16(b + 4, NWB_SMB2_HDR_LEN + 8);
	put16(b + 6, m->path.len);
	put_blob(b + 8, &m->path);
	return (int)(NWB_SMB2_HDR_LEN + 8 + m->path.len);
}

int nwb_smb2_tree_connect_req_decode(const uint8_t *pdu, size_t len,
				     struct nwb_smb2_tree_connect_req *ret_m)
{
	const uint8_t *b = body_of(pdu, len, 8, 9);
	struct nwb_smb2_tree_connect_req m = {0};

	if (!b)
		return -EBADMSG;
	m.flags = get16(b + 2);
	if (get_blob(pdu, len, NWB_SMB2_HDR_LEN + 8, get16(b + 4), get16(b + 6),
		     &m.path))
		return -EBADMSG;
	*ret_m = m;
	return 0;
}

int nwb_smb2_tree_connect_rsp_encode(uint8_t *pdu, size_t size,
				     const struct nwb_smb2_tree_connect_rsp *m)
{
	uint8_t *b = begin_body(pdu, size, 16, 0, 16);

	if (!b)
		return -ENOSPC;
	b[2] = m->type;
	put32(b + 4, m->share_flags);
	put32(b + 8, m->capabilities);
	put32(b + 12, m->access);
	return (int)NWB_SMB2_HDR_LEN + 16;
}

int nwb_smb2_tree_connect_rsp_decode(const uint8_t *pdu, size_t len,
				     struct nwb_smb2_tree_connect_rsp *ret_m)
{
	const uint8_t *b = body_of(pdu, len, 16, 16);

	if (!b)
		return -EBADMSG;
	ret_m->type = b[2];
	ret_m->share_flags = get32(b + 4);
	ret_m->capabilities = get32(b + 8);
	ret_m->access = get32(b + 12);
	return 0;
}
