/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The scripted server's encryption, and its answer to
 * FSCTL_VALIDATE_NEGOTIATE_INFO. */
#include "script.h"

#include <stdlib.h>
#include <string.h>

static void violation(struct script *s, const char *what)
{
	s->violations++;
	s->violation = what;
}

/* What both sides said, for the question that may come. */
void script_note_negotiate(struct sconn *c, const struct smsg *m,
			   const struct nwb_smb2_negotiate_rsp *rsp)
{
	struct nwb_smb2_negotiate_req q;

	if (nwb_smb2_negotiate_req_decode(m->pdu, m->len, &q)) {
		violation(c->s, "bad NEGOTIATE");
		return;
	}
	c->asked.capabilities = q.capabilities;
	c->asked.security_mode = q.security_mode;
	memcpy(c->asked.guid, q.guid, sizeof(q.guid));
	memcpy(c->asked.dialects, q.dialects, sizeof(q.dialects));
	c->asked.nr_dialects = q.nr_dialects;
	c->told.capabilities = rsp->capabilities;
	c->told.security_mode = rsp->security_mode;
	memcpy(c->told.guid, rsp->guid, sizeof(rsp->guid));
	c->told.dialects[0] = rsp->dialect;
	c->told.nr_dialects = 1;
}

void script_seal_keys(struct sconn *c, const struct session_keys *keys)
{
	unsigned int cipher =
		c->s->dialect == NWB_SMB2_DIALECT_0311 && c->s->cipher > 0
			? (unsigned int)c->s->cipher
			: NWB_SMB2_CIPHER_AES_128_CCM;

	nwb_sealer_fini(&c->seal_in);
	nwb_sealer_fini(&c->seal_out);
	nwb_assert(!nwb_sealer_init(&c->seal_in, cipher, keys->c2s));
	nwb_assert(!nwb_sealer_init(&c->seal_out, cipher, keys->s2c));
}

/* With one key no nonce comes twice; ours are numbers that go up. */
static void check_nonce(struct sconn *c, const uint8_t nonce[16])
{
	uint64_t nr = 0;

	for (unsigned int i = 0; i < 8; i++)
		nr |= (uint64_t)nonce[i] << (8 * i);
	if (nr < c->last_nonce)
		violation(c->s, "a nonce comes twice");
	c->last_nonce = nr + 1;
}

int script_unseal(struct sconn *c, struct smsg *m)
{
	struct nwb_smb2_transform t;
	uint8_t *pdu;

	if (!c->seal_in.is_ready ||
	    nwb_smb2_transform_decode(c->rx, m->len, &t) ||
	    nwb_unseal(&c->seal_in, t.session_id, c->rx, m->len, &pdu, &m->len))
		return -1;
	check_nonce(c, t.nonce);
	c->s->nr_unsealed++;
	c->is_sealed = true;
	c->is_signing = false;
	m->pdu = pdu;
	return 0;
}

void script_send_sealed(struct sconn *c, const uint8_t *pdu, size_t len)
{
	size_t size = NWB_SMB2_NBT_LEN + NWB_SMB2_TRANSFORM_LEN + len;
	uint8_t *frame = malloc(size), nonce[16];
	struct nwb_smb2_hdr h;

	nwb_assert(!nwb_smb2_hdr_decode(pdu, len, &h));
	nwb_smb2_nbt_encode(frame, (uint32_t)(size - NWB_SMB2_NBT_LEN));
	memcpy(frame + NWB_SMB2_NBT_LEN + NWB_SMB2_TRANSFORM_LEN, pdu, len);
	nwb_mutex_lock(&c->s->lock);
	nwb_seal_nonce(c->nr_sealed++, nonce);
	nwb_assert(!nwb_seal(&c->seal_out, nonce, h.session_id,
			     frame + NWB_SMB2_NBT_LEN, len));
	nwb_mutex_unlock(&c->s->lock);
	if (c->s->spoil_seal)
		frame[size - 1] ^= 1;
	script_raw(c, frame, size);
	free(frame);
}

static bool same(const struct nwb_smb2_validate_info *a,
		 const struct nwb_smb2_validate_info *b)
{
	return a->capabilities == b->capabilities &&
	       a->security_mode == b->security_mode &&
	       a->nr_dialects == b->nr_dialects &&
	       !memcmp(a->guid, b->guid, sizeof(a->guid)) &&
	       !memcmp(a->dialects, b->dialects,
		       a->nr_dialects * sizeof(a->dialects[0]));
}

void script_validate(struct sconn *c, const struct smsg *m)
{
	struct nwb_smb2_validate_info q, told = c->told;
	uint8_t info[NWB_SMB2_VALIDATE_RSP_LEN], pdu[256] = {0};
	struct nwb_smb2_ioctl_rsp rsp = {
		.code = NWB_SMB2_FSCTL_VALIDATE_NEGOTIATE,
		.fid = {NWB_SMB2_FID_NONE, NWB_SMB2_FID_NONE},
		.out = {info, sizeof(info)},
	};
	struct script *s = c->s;
	struct nwb_smb2_ioctl_req req;
	bool was_signing = c->is_signing;
	int n;

	s->nr_validates++;
	if (nwb_smb2_ioctl_req_decode(m->pdu, m->len, &req) ||
	    nwb_smb2_validate_req_decode(req.in.data, req.in.len, &q) ||
	    !same(&q, &c->asked))
		violation(s, "validates something else than was asked");
	if (!c->is_sealed && !(m->h.flags & NWB_SMB2_F_SIGNED))
		violation(s, "the validation is not signed");
	if (s->lies)
		told.capabilities ^= NWB_SMB2_CAP_LARGE_MTU;
	n = nwb_smb2_validate_rsp_encode(info, sizeof(info), &told);
	nwb_assert(n == (int)sizeof(info));
	n = nwb_smb2_ioctl_rsp_encode(pdu, sizeof(pdu), &rsp);
	/* its answer is signed, whatever else is */
	c->is_signing = !c->is_sealed;
	script_reply(c, m, s->validate_status, script_grant(c, &m->h), 0,
		     s->validate_status ? NULL : pdu, n);
	c->is_signing = was_signing;
}
