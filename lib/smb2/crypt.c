/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Keys and signatures.
 *
 *	2.0.2, 2.1   HMAC-SHA256 with the session key itself
 *	3.0.2        AES-CMAC, KDF(session key, "SMB2AESCMAC", "SmbSign")
 *	3.1.1        what was negotiated:
 *
 *	session key ──┐
 *	              ├─ KDF("SMBSigningKey", preauth hash) ─► signing key
 *	NEGOTIATE,    │      "SMBC2SCipherKey", "SMBS2CCipherKey" likewise
 *	SESSION_SETUP ┴─ SHA-512 chain over requests and responses, the last
 *	                 response excepted
 *
 * AES-GMAC is GCM that encrypts nothing: the whole PDU, header included, is
 * associated data. GnuTLS takes it by iovec, so payload is never copied.
 */
#include "crypt.h"
#include "nwb/smb2_pdu.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <nettle/cmac.h>
#include <nettle/hmac.h>
#include <nettle/memops.h>
#include <nettle/sha2.h>
#include <string.h>

void nwb_preauth_update(uint8_t hash[PREAUTH_HASH_LEN], const void *pdu,
			size_t len)
{
	struct sha512_ctx ctx;

	sha512_init(&ctx);
	sha512_update(&ctx, PREAUTH_HASH_LEN, hash);
	sha512_update(&ctx, len, pdu);
	sha512_digest(&ctx, PREAUTH_HASH_LEN, hash);
}

void nwb_kdf_derive(const uint8_t key[16], const void *label, size_t label_len,
		    const void *context, size_t context_len,
		    uint8_t ret_key[16])
{
	static const uint8_t counter[4] = {0, 0, 0, 1};
	static const uint8_t separator[1] = {0};
	static const uint8_t bits[4] = {0, 0, 0, 128};
	struct hmac_sha256_ctx ctx;

	hmac_sha256_set_key(&ctx, 16, key);
	hmac_sha256_update(&ctx, sizeof(counter), counter);
	hmac_sha256_update(&ctx, label_len, label);
	hmac_sha256_update(&ctx, sizeof(separator), separator);
	hmac_sha256_update(&ctx, context_len, context);
	hmac_sha256_update(&ctx, sizeof(bits), bits);
	hmac_sha256_digest(&ctx, 16, ret_key);
}

/* [MS-SMB2] 3.2.5.3.1: labels and contexts with their terminating zero. */
#define LABEL(s) (s), sizeof(s)

void nwb_session_keys(unsigned int dialect, const uint8_t session_key[16],
		      const uint8_t hash[PREAUTH_HASH_LEN],
		      struct session_keys *ret_keys)
{
	struct session_keys *k = ret_keys;

	memset(k, 0, sizeof(*k));
	if (dialect == NWB_SMB2_DIALECT_0311) {
		nwb_kdf_derive(session_key, LABEL("SMBSigningKey"), hash,
			       PREAUTH_HASH_LEN, k->sign);
		nwb_kdf_derive(session_key, LABEL("SMBC2SCipherKey"), hash,
			       PREAUTH_HASH_LEN, k->c2s);
		nwb_kdf_derive(session_key, LABEL("SMBS2CCipherKey"), hash,
			       PREAUTH_HASH_LEN, k->s2c);
	} else if (dialect >= NWB_SMB2_DIALECT_0300) {
		nwb_kdf_derive(session_key, LABEL("SMB2AESCMAC"),
			       LABEL("SmbSign"), k->sign);
		nwb_kdf_derive(session_key, LABEL("SMB2AESCCM"),
			       LABEL("ServerIn "), k->c2s);
		nwb_kdf_derive(session_key, LABEL("SMB2AESCCM"),
			       LABEL("ServerOut"), k->s2c);
	} else {
		memcpy(k->sign, session_key, 16);
	}
}

int nwb_signer_init(struct signer *s, unsigned int alg, const uint8_t key[16])
{
	gnutls_datum_t datum = {s->key, 16};

	if (alg > NWB_SMB2_SIGN_AES_GMAC)
		return -EOPNOTSUPP;
	s->alg = alg;
	memcpy(s->key, key, 16);
	s->gcm = NULL;
	if (alg == NWB_SMB2_SIGN_AES_GMAC &&
	    gnutls_aead_cipher_init(&s->gcm, GNUTLS_CIPHER_AES_128_GCM,
				    &datum) < 0)
		return -ENOMEM;
	s->is_ready = true;
	return 0;
}

void nwb_signer_fini(struct signer *s)
{
	if (s->gcm)
		gnutls_aead_cipher_deinit(s->gcm);
	gnutls_memset(s, 0, sizeof(*s));
}

/*
 * [MS-SMB2] 3.1.4.1: the nonce is the MessageId and then one bit for "sent by
 * the server" and one for CANCEL.
 */
static int mac_gmac(struct signer *s, const struct iovec *iov, unsigned int nr,
		    uint8_t ret_mac[16])
{
	const uint8_t *hdr = iov[0].iov_base;
	uint8_t nonce[12] = {0};
	size_t mac_len = 16;

	memcpy(nonce, hdr + NWB_SMB2_OFF_MESSAGE_ID, 8);
	nonce[8] = hdr[NWB_SMB2_OFF_FLAGS] & NWB_SMB2_F_RESPONSE;
	if (hdr[NWB_SMB2_OFF_COMMAND] == NWB_SMB2_CANCEL &&
	    hdr[NWB_SMB2_OFF_COMMAND + 1] == 0)
		nonce[8] |= 2;
	if (gnutls_aead_cipher_encryptv2(s->gcm, nonce, sizeof(nonce), iov,
					 (int)nr, NULL, 0, ret_mac,
					 &mac_len) < 0 ||
	    mac_len != 16)
		return -EIO;
	return 0;
}

int nwb_signer_mac(struct signer *s, const struct iovec *iov, unsigned int nr,
		   uint8_t ret_mac[16])
{
	nwb_assert(s->is_ready && iov[0].iov_len >= NWB_SMB2_HDR_LEN);
	if (s->alg == NWB_SMB2_SIGN_AES_GMAC)
		return mac_gmac(s, iov, nr, ret_mac);
	if (s->alg == NWB_SMB2_SIGN_AES_CMAC) {
		struct cmac_aes128_ctx ctx;

		cmac_aes128_set_key(&ctx, s->key);
		for (unsigned int i = 0; i < nr; i++)
			cmac_aes128_update(&ctx, iov[i].iov_len,
					   iov[i].iov_base);
		cmac_aes128_digest(&ctx, 16, ret_mac);
	} else {
		struct hmac_sha256_ctx ctx;

		hmac_sha256_set_key(&ctx, 16, s->key);
		for (unsigned int i = 0; i < nr; i++)
			hmac_sha256_update(&ctx, iov[i].iov_len,
					   iov[i].iov_base);
		hmac_sha256_digest(&ctx, 16, ret_mac);
	}
	return 0;
}

int nwb_signer_verify(struct signer *s, uint8_t *pdu, size_t len)
{
	struct iovec iov = {pdu, len};
	uint8_t theirs[16], ours[16];

	memcpy(theirs, pdu + NWB_SMB2_OFF_SIGNATURE, 16);
	memset(pdu + NWB_SMB2_OFF_SIGNATURE, 0, 16);
	if (nwb_signer_mac(s, &iov, 1, ours) || !memeql_sec(theirs, ours, 16))
		return -EBADMSG;
	return 0;
}

const char *nwb_signing_alg_name(int alg)
{
	switch (alg) {
	case NWB_SMB2_SIGN_HMAC_SHA256:
		return "HMAC-SHA256";
	case NWB_SMB2_SIGN_AES_CMAC:
		return "AES-CMAC";
	case NWB_SMB2_SIGN_AES_GMAC:
		return "AES-GMAC";
	default:
		return "none";
	}
}
