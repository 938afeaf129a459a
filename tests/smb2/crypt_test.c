/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keys and signatures against a recorded session of smbclient and smbd, a
 * second implementation of GCM (nettle's), and published vectors.
 */
#include "crypt.h"
#include "nwb/smb2_pdu.h"
#include "nwb_test.h"
#include "smb2_recorded.h"

#include <errno.h>
#include <nettle/gcm.h>
#include <stdio.h>
#include <string.h>

static void update(uint8_t hash[PREAUTH_HASH_LEN], const uint8_t *rec,
		   size_t size)
{
	nwb_preauth_update(hash, rec + NWB_SMB2_NBT_LEN,
			   size - NWB_SMB2_NBT_LEN);
}

NWB_TEST(smb2_crypt, recorded_session_gives_its_keys)
{
	uint8_t hash[PREAUTH_HASH_LEN] = {0}, key[16];

	update(hash, rec_negotiate_req, sizeof(rec_negotiate_req));
	update(hash, rec_negotiate_rsp, sizeof(rec_negotiate_rsp));
	update(hash, rec_setup1_req, sizeof(rec_setup1_req));
	update(hash, rec_setup1_rsp, sizeof(rec_setup1_rsp));
	update(hash, rec_setup2_req, sizeof(rec_setup2_req));
	nwb_check(memcmp(hash, rec_preauth_hash, sizeof(hash)) == 0);
	nwb_signing_key(rec_session_key, hash, key);
	nwb_check(memcmp(key, rec_signing_key, sizeof(key)) == 0);
}

/* Verifies as it is; with any byte changed it does not. */
static void check_signed(const uint8_t *rec, size_t size)
{
	size_t len = size - NWB_SMB2_NBT_LEN;
	struct signer s = {0};
	uint8_t pdu[512];

	nwb_check(len <= sizeof(pdu));
	nwb_check_eq(
		nwb_signer_init(&s, NWB_SMB2_SIGN_AES_GMAC, rec_signing_key),
		0);
	memcpy(pdu, rec + NWB_SMB2_NBT_LEN, len);
	nwb_check_eq(nwb_signer_verify(&s, pdu, len), 0);
	for (size_t i = 0; i < len; i++) {
		memcpy(pdu, rec + NWB_SMB2_NBT_LEN, len);
		pdu[i] ^= 0x10;
		nwb_check_eq(nwb_signer_verify(&s, pdu, len), -EBADMSG);
	}
	nwb_signer_fini(&s);
}

NWB_TEST(smb2_crypt, signatures_of_smbd_verify)
{
	check_signed(rec_setup2_rsp, sizeof(rec_setup2_rsp));
	check_signed(rec_tree_connect_rsp, sizeof(rec_tree_connect_rsp));
}

NWB_TEST(smb2_crypt, signature_of_smbclient_verifies)
{
	check_signed(rec_tree_connect_req, sizeof(rec_tree_connect_req));
}

/* GMAC by nettle: all is associated data. */
static void nettle_gmac(const uint8_t key[16], const uint8_t *pdu, size_t len,
			uint8_t mac[16])
{
	struct gcm_aes128_ctx ctx;
	uint8_t nonce[12] = {0};

	memcpy(nonce, pdu + NWB_SMB2_OFF_MESSAGE_ID, 8);
	if (pdu[NWB_SMB2_OFF_FLAGS] & 1)
		nonce[8] |= 1;
	if (pdu[NWB_SMB2_OFF_COMMAND] == NWB_SMB2_CANCEL)
		nonce[8] |= 2;
	gcm_aes128_set_key(&ctx, key);
	gcm_aes128_set_iv(&ctx, sizeof(nonce), nonce);
	gcm_aes128_update(&ctx, len, pdu);
	gcm_aes128_digest(&ctx, 16, mac);
}

NWB_TEST(smb2_crypt, gmac_agrees_with_nettle_however_it_is_cut)
{
	static const size_t cuts[][3] = {
		{64, 65, 66},	  {112, 112, 112},    {112, 4208, 8304},
		{80, 1000, 5001}, {9999, 9999, 9999}, {64, 5000, 9998},
	};
	static const unsigned int commands[] = {NWB_SMB2_WRITE,
						NWB_SMB2_CANCEL};
	static uint8_t pdu[9999];
	struct signer s = {0};
	uint8_t key[16], want[16], got[16];

	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)(i * 31 + 5);
	for (size_t i = 0; i < sizeof(pdu); i++)
		pdu[i] = (uint8_t)(i * 131 + (i >> 8));
	memset(pdu + NWB_SMB2_OFF_SIGNATURE, 0, 16);
	nwb_check_eq(nwb_signer_init(&s, NWB_SMB2_SIGN_AES_GMAC, key), 0);
	for (size_t i = 0; i < 2 * 2 * NWB_ARRAY_SIZE(cuts); i++) {
		const size_t *c = cuts[i / 4];
		struct iovec iov[4] = {
			{pdu, c[0]},
			{pdu + c[0], c[1] - c[0]},
			{pdu + c[1], c[2] - c[1]},
			{pdu + c[2], sizeof(pdu) - c[2]},
		};

		pdu[NWB_SMB2_OFF_FLAGS] = i & 1;
		pdu[NWB_SMB2_OFF_COMMAND] = (uint8_t)commands[i / 2 % 2];
		pdu[NWB_SMB2_OFF_COMMAND + 1] = 0;
		nettle_gmac(key, pdu, sizeof(pdu), want);
		nwb_check_eq(nwb_signer_mac(&s, iov, 4, got), 0);
		nwb_check(memcmp(want, got, 16) == 0);
	}
	nwb_signer_fini(&s);
}

/* RFC 4493, example 4: 64 bytes. */
NWB_TEST(smb2_crypt, cmac_of_rfc_4493)
{
	static const uint8_t key[16] = {
		0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6,
		0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf, 0x4f, 0x3c,
	};
	static uint8_t msg[64] = {
		0x6b, 0xc1, 0xbe, 0xe2, 0x2e, 0x40, 0x9f, 0x96, 0xe9, 0x3d,
		0x7e, 0x11, 0x73, 0x93, 0x17, 0x2a, 0xae, 0x2d, 0x8a, 0x57,
		0x1e, 0x03, 0xac, 0x9c, 0x9e, 0xb7, 0x6f, 0xac, 0x45, 0xaf,
		0x8e, 0x51, 0x30, 0xc8, 0x1c, 0x46, 0xa3, 0x5c, 0xe4, 0x11,
		0xe5, 0xfb, 0xc1, 0x19, 0x1a, 0x0a, 0x52, 0xef, 0xf6, 0x9f,
		0x24, 0x45, 0xdf, 0x4f, 0x9b, 0x17, 0xad, 0x2b, 0x41, 0x7b,
		0xe6, 0x6c, 0x37, 0x10,
	};
	static const uint8_t want[16] = {
		0x51, 0xf0, 0xbe, 0xbf, 0x7e, 0x3b, 0x9d, 0x92,
		0xfc, 0x49, 0x74, 0x17, 0x79, 0x36, 0x3c, 0xfe,
	};
	struct iovec iov = {msg, sizeof(msg)};
	struct signer s = {0};
	uint8_t got[16];

	nwb_check_eq(nwb_signer_init(&s, NWB_SMB2_SIGN_AES_CMAC, key), 0);
	nwb_check_eq(nwb_signer_mac(&s, &iov, 1, got), 0);
	nwb_check(memcmp(want, got, 16) == 0);
	nwb_signer_fini(&s);
}

/* The value comes from another implementation of HMAC. */
NWB_TEST(smb2_crypt, hmac_is_cut_to_16_bytes)
{
	static const uint8_t want[16] = {0x03, 0x19, 0x19, 0x77, 0xac, 0x93,
					 0x1e, 0xe3, 0xda, 0x5f, 0x1a, 0x16,
					 0xce, 0x15, 0xe1, 0xc4};
	uint8_t key[16], msg[200], got[16];
	struct iovec iov[2] = {{msg, 100}, {msg + 100, 100}};
	struct signer s = {0};

	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)i;
	for (size_t i = 0; i < sizeof(msg); i++)
		msg[i] = (uint8_t)(i * 7);
	nwb_check_eq(nwb_signer_init(&s, NWB_SMB2_SIGN_HMAC_SHA256, key), 0);
	nwb_check_eq(nwb_signer_mac(&s, iov, 2, got), 0);
	nwb_check(memcmp(want, got, 16) == 0);
	nwb_signer_fini(&s);
}

NWB_TEST(smb2_crypt, unknown_algorithm_is_refused)
{
	struct signer s = {0};

	nwb_check_eq(nwb_signer_init(&s, 3, rec_signing_key), -EOPNOTSUPP);
	nwb_signer_fini(&s);
}
