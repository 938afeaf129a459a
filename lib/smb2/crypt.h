/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Keys, signatures and encryption of SMB2 sessions: key derivation, preauth
 * integrity hash, signing, sealing ([MS-SMB2] 3.1.4.1 - 3.1.4.3, 3.2.5.3.1,
 * 3.3.5.4).
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

/**
 * struct session_keys - what a session signs and encrypts with.
 * @c2s, @s2c: what the client and what the server encrypts with; zero before
 *	3.0
 */
struct session_keys {
	uint8_t sign[16];
	uint8_t c2s[16];
	uint8_t s2c[16];
};

/**
 * nwb_session_keys() - all keys of a session, or of a channel that is bound to
 * one (then only @sign counts).
 * @hash: of 3.1.1; not looked at before
 */
void nwb_session_keys(unsigned int dialect, const uint8_t session_key[16],
		      const uint8_t hash[PREAUTH_HASH_LEN],
		      struct session_keys *ret_keys);

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

/**
 * struct sealer - encrypts or decrypts in one direction; its user's lock
 * protects it.
 * @cipher: NWB_SMB2_CIPHER_*
 */
struct sealer {
	bool is_ready;
	unsigned int cipher;
	gnutls_aead_cipher_hd_t aead;
};

/** nwb_sealer_init() - Return: 0, -EOPNOTSUPP (unknown @cipher), -ENOMEM. */
int nwb_sealer_init(struct sealer *s, unsigned int cipher,
		    const uint8_t key[16]) nwb_must_check;
void nwb_sealer_fini(struct sealer *s);

/** nwb_seal_nonce() - the nonce that is number @nr of its session: never the
 * same twice for one key. */
void nwb_seal_nonce(uint64_t nr, uint8_t ret_nonce[16]);

/**
 * nwb_seal() - encrypt a message where it stands.
 * @nonce: never used before with this key; GCM takes 12, CCM 11 bytes of it
 * @frame: NWB_SMB2_TRANSFORM_LEN bytes of room, then the message; the header is
 *	written, the message becomes ciphertext
 * @len: of the message
 * Return: 0 or -EIO.
 */
int nwb_seal(struct sealer *s, const uint8_t nonce[16], uint64_t session_id,
	     uint8_t *frame, size_t len) nwb_must_check;

/**
 * nwb_unseal() - decrypt a message where it stands.
 * @frame, @len: begins with the transform header
 * @ret_pdu, @ret_len: the message, in @frame
 * Return: 0; -EBADMSG: it is none, is of another session, or was changed.
 */
int nwb_unseal(struct sealer *s, uint64_t session_id, uint8_t *frame,
	       size_t len, uint8_t **ret_pdu, uint32_t *ret_len) nwb_must_check;

const char *nwb_cipher_name(int cipher);

#endif
