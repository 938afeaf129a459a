/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Encryption ([MS-SMB2] 2.2.41, 3.1.4.3): a message is encrypted as a whole,
 * where it stands, behind a header whose second half is authenticated with it.
 *
 *	| transform header 52: tag, nonce, size, session | ciphertext |
 *	                            └── associated data ──┘
 *
 * Nonces are numbers that the client hands out, one a message, whichever
 * channel it leaves by: channels share the keys of their session. GnuTLS copies
 * nothing for GCM; its CCM, which 3.0.2 must use, works on a copy.
 */
#include "crypt.h"
#include "nwb/smb2_pdu.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <string.h>

static size_t nonce_len(const struct sealer *s)
{
	return s->cipher == NWB_SMB2_CIPHER_AES_128_CCM ? 11 : 12;
}

int nwb_sealer_init(struct sealer *s, unsigned int cipher,
		    const uint8_t key[16])
{
	gnutls_datum_t datum = {(unsigned char *)(uintptr_t)key, 16};
	gnutls_cipher_algorithm_t alg;

	if (cipher == NWB_SMB2_CIPHER_AES_128_GCM)
		alg = GNUTLS_CIPHER_AES_128_GCM;
	else if (cipher == NWB_SMB2_CIPHER_AES_128_CCM)
		alg = GNUTLS_CIPHER_AES_128_CCM;
	else
		return -EOPNOTSUPP;
	if (gnutls_aead_cipher_init(&s->aead, alg, &datum) < 0)
		return -ENOMEM;
	s->cipher = cipher;
	s->is_ready = true;
	return 0;
}

void nwb_sealer_fini(struct sealer *s)
{
	if (s->aead)
		gnutls_aead_cipher_deinit(s->aead);
	gnutls_memset(s, 0, sizeof(*s));
}

void nwb_seal_nonce(uint64_t nr, uint8_t ret_nonce[16])
{
	memset(ret_nonce, 0, 16);
	for (unsigned int i = 0; i < 8; i++)
		ret_nonce[i] = (uint8_t)(nr >> (8 * i));
}

static struct iovec auth_of(uint8_t *frame)
{
	return (struct iovec){frame + NWB_SMB2_TRANSFORM_AUTH,
			      NWB_SMB2_TRANSFORM_LEN - NWB_SMB2_TRANSFORM_AUTH};
}

int nwb_seal(struct sealer *s, const uint8_t nonce[16], uint64_t session_id,
	     uint8_t *frame, size_t len)
{
	struct nwb_smb2_transform t = {
		.size = (uint32_t)len,
		.flags = NWB_SMB2_TRANSFORM_ENCRYPTED,
		.session_id = session_id,
	};
	struct iovec data = {frame + NWB_SMB2_TRANSFORM_LEN, len};
	struct iovec auth = auth_of(frame);
	size_t tag_len = 16;

	nwb_assert(s->is_ready);
	memcpy(t.nonce, nonce, 16);
	nwb_smb2_transform_encode(frame, &t);
	if (gnutls_aead_cipher_encryptv2(s->aead, nonce, nonce_len(s), &auth, 1,
					 &data, 1, t.signature, &tag_len) < 0 ||
	    tag_len != sizeof(t.signature))
		return -EIO;
	nwb_smb2_transform_encode(frame, &t);
	return 0;
}

int nwb_unseal(struct sealer *s, uint64_t session_id, uint8_t *frame,
	       size_t len, uint8_t **ret_pdu, uint32_t *ret_len)
{
	struct nwb_smb2_transform t;
	struct iovec auth, data;

	nwb_assert(s->is_ready);
	if (nwb_smb2_transform_decode(frame, len, &t) || t.size == 0 ||
	    t.session_id != session_id)
		return -EBADMSG;
	auth = auth_of(frame);
	data.iov_base = frame + NWB_SMB2_TRANSFORM_LEN;
	data.iov_len = t.size;
	if (gnutls_aead_cipher_decryptv2(s->aead, t.nonce, nonce_len(s), &auth,
					 1, &data, 1, t.signature,
					 sizeof(t.signature)) < 0)
		return -EBADMSG;
	*ret_pdu = data.iov_base;
	*ret_len = t.size;
	return 0;
}

const char *nwb_cipher_name(int cipher)
{
	switch (cipher) {
	case NWB_SMB2_CIPHER_AES_128_CCM:
		return "AES-128-CCM";
	case NWB_SMB2_CIPHER_AES_128_GCM:
		return "AES-128-GCM";
	default:
		return "none";
	}
}
