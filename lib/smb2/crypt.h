/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * SMB 3.1.1 signing: key derivation, preauth integrity hash, signatures
 * ([MS-SMB2] 3.1.4.1, 3.1.4.2, 3.3.5.4).
 */
#ifndef NWB_SMB2_CRYPT_H
#define NWB_SMB2_CRYPT_H

#include "nwb/util.h"

#include <gnutls/crypto.h>
#include <sys/uio.h>

#define PREAUTH_HASH_LEN 64

/**
 * struct signer - signs in one direction; its user's lock protects it.
 * @alg: NWB_SMB2_SIGN_*
 * @gcm: AES-GMAC: made once a session
 */
struct signer {
	bool is_ready;
	unsigned int alg;
	uint8_t key[16];
	gnutls_aead_cipher_hd_t gcm;
};

/** nwb_preauth_update() - @hash = SHA-512(@hash || @pdu); all zero at first. */
void nwb_preauth_update(uint8_t hash[PREAUTH_HASH_LEN], const void *pdu,
			size_t len);

/**
 * nwb_kdf_derive() - SP800-108 in counter mode with HMAC-SHA256, 128 bits out.
 * @label: with its terminating zero counted in @label_len, as SMB wants it
 */
void nwb_kdf_derive(const uint8_t key[16], const void *label, size_t label_len,
		    const void *context, size_t context_len,
		    uint8_t ret_key[16]);

/** nwb_signing_key() - SMBSigningKey of a 3.1.1 session. */
void nwb_signing_key(const uint8_t session_key[16],
		     const uint8_t hash[PREAUTH_HASH_LEN], uint8_t ret_key[16]);

/** nwb_signer_init() - Return: 0, -EOPNOTSUPP (unknown @alg), -ENOMEM. */
int nwb_signer_init(struct signer *s, unsigned int alg,
		    const uint8_t key[16]) nwb_must_check;
void nwb_signer_fini(struct signer *s);

/**
 * nwb_signer_mac() - the signature of the PDU in @iov.
 * @iov: starts with the header, whose 16 signature bytes are zero
 * Return: 0 or -EIO.
 */
int nwb_signer_mac(struct signer *s, const struct iovec *iov, unsigned int nr,
		   uint8_t ret_mac[16]) nwb_must_check;

/** nwb_signer_verify() - does @pdu of @len >= 64 bytes carry its signature?
 * Clears the signature's bytes in it. Return: 0 or -EBADMSG. */
int nwb_signer_verify(struct signer *s, uint8_t *pdu,
		      size_t len) nwb_must_check;

const char *nwb_signing_alg_name(int alg);

#endif
