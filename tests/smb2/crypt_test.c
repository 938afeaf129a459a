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
	uint8_t hash[PREAUTH_HASH_LEN] = {0};
	struct session_keys keys;

	update(hash, rec_negotiate_req, sizeof(rec_negotiate_req));
	update(hash, rec_negotiate_rsp, sizeof(rec_negotiate_rsp));
	update(hash, rec_setup1_req, sizeof(rec_setup1_req));
	update(hash, rec_setup1_rsp, sizeof(rec_setup1_rsp));
	update(hash, rec_setup2_req, sizeof(rec_setup2_req));
	nwb_check(memcmp(hash, rec_preauth_hash, sizeof(hash)) == 0);
	nwb_session_keys(NWB_SMB2_DIALECT_0311, rec_session_key, hash, &keys);
	nwb_check(memcmp(keys.sign, rec_signing_key, 16) == 0);
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

/* --- vectors that Microsoft published with the protocol ------------------- */

static size_t unhex(uint8_t *to, const char *hex)
{
	size_t n = 0;

	for (unsigned int v; sscanf(hex + 2 * n, "%2x", &v) == 1; n++)
		to[n] = (uint8_t)v;
	return n;
}

static bool is_hex(const uint8_t *got, size_t len, const char *hex)
{
	uint8_t want[256];

	return unhex(want, hex) == len && memcmp(got, want, len) == 0;
}

/* "SMB 2 and SMB 3 security in Windows 10: the anatomy of signing and
 * cryptographic keys", appendix A and B. */
NWB_TEST(smb2_crypt, keys_of_3_0_and_3_1_1_as_published)
{
	uint8_t session_key[16], hash[PREAUTH_HASH_LEN];
	struct session_keys k;

	unhex(session_key, "7CD451825D0450D235424E44BA6E78CC");
	nwb_session_keys(NWB_SMB2_DIALECT_0302, session_key, NULL, &k);
	nwb_check(is_hex(k.sign, 16, "0B7E9C5CAC36C0F6EA9AB275298CEDCE"));
	nwb_check(is_hex(k.c2s, 16, "FAD27796665B313EBB578F388632B4F7"));
	nwb_check(is_hex(k.s2c, 16, "B0F0427F7CEB416D1D9DCC0CD4F99447"));
	unhex(session_key, "270E1BA896585EEB7AF3472D3B4C75A7");
	unhex(hash,
	      "0DD13628CC3ED218EF9DF9772D436D0887AB9814BFAE63A80AA845F3690"
	      "9DB7928622DDDAD522D9751640A459762C5A9D6BB084CBB3CE6BDADEF5D"
	      "5BCE3C6C01");
	nwb_session_keys(NWB_SMB2_DIALECT_0311, session_key, hash, &k);
	nwb_check(is_hex(k.sign, 16, "73FE7A9A77BEF0BDE49C650D8CCB5F76"));
	nwb_check(is_hex(k.c2s, 16, "629BCBC54422A0F572B97F45989B6073"));
	nwb_check(is_hex(k.s2c, 16, "E2AF0DCEFAC68DA71A0DFBD0D1350D74"));
	/* 2.x: the session key signs as it is, nothing can be encrypted */
	nwb_session_keys(NWB_SMB2_DIALECT_0210, session_key, NULL, &k);
	nwb_check(memcmp(k.sign, session_key, 16) == 0);
	nwb_check(is_hex(k.c2s, 16, "00000000000000000000000000000000"));
}

/**
 * struct sealed - one message, as it was and as it left.
 * @nonce: all 16 bytes of the header's field
 */
struct sealed {
	unsigned int cipher;
	const char *key;
	const char *nonce;
	uint64_t session_id;
	const char *plain;
	const char *frame;
};

/* "SMB 3.1.1 encryption in Windows 10", A.1, and "Encryption in SMB 3.0: a
 * protocol perspective": the WRITE requests. */
static const struct sealed sealed[] = {
	{NWB_SMB2_CIPHER_AES_128_GCM, "A2F5E80E5D59103034F32E52F698E5EC",
	 "C7D6822D269CAF48904C664C00000000", 0x100000000025,
	 "FE534D4240000100000000000900010008000000000000000500000000000000FFFE"
	 "000001000000250000000010000000000000000000000000000000000000"
	 "31007000170000000000000000000000"
	 "0600000004000000010000000400000000000000000000007000000000000000"
	 "536D623320656E6372797074696F6E2074657374696E67",
	 "FD534D42BD73D97D2BC9001BCAFAC0FDFF5FEEBCC7D6822D269CAF48904C664C0000"
	 "0000870000000000010025000000001000006ECDD2A7AFC7B47763057A041B8FD4DA"
	 "FFE990B70C9E09D36C084E02D14EF247F8BDE38ACF6256F8B1D3B56F77FBDEB312FE"
	 "A5E92CBCC1ED8FB2EBBFAA75E49A4A394BB44576545567C24D4C014D47C9FBDFDAFD"
	 "2C4F9B72F8D256452620A299F48E29E53D6B61D1C13A19E91AF013F00D17E3ABC2FC"
	 "3D36C8C1B6B93973253852DBD442E46EE8"},
	{NWB_SMB2_CIPHER_AES_128_CCM, "261B72350558F2E9DCF613070383EDBF",
	 "66E69A111892584FB5ED524A744DA3EE", 0x8e40014000011,
	 "FE534D4240000100000000000900400008000000000000000400000000000000FFFE"
	 "0000010000001100001400E4080000000000000000000000000000000000"
	 "31007000170000000000000000000000"
	 "1501000039000002010000003902000000000000000000007000000000000000"
	 "536D623320656E6372797074696F6E2074657374696E67",
	 "FD534D4281A286535415445DAE393921E44FA42E66E69A111892584FB5ED524A744D"
	 "A3EE87000000000001001100001400E4080025C8FEE16605A437832D1CD52DA9F464"
	 "5333482A175FE5384563F45FCDAFAEF38BC62BA4D5C62897996625A44C29BE5658DE"
	 "2E6117585779E7B59FFD971278D08580D7FA899E410E910EABF5AA1DB43050B33B49"
	 "182637759AC15D84BFCDF5B6B238993C0F4CF4D6012023F6C627297075D84B780391"
	 "2D0A9639634453595EF3E33FFE4E7AC2AB"},
};

NWB_TEST(smb2_crypt, encrypted_messages_as_published)
{
	uint8_t frame[256], nonce[16], key[16];

	for (size_t i = 0; i < NWB_ARRAY_SIZE(sealed); i++) {
		const struct sealed *v = &sealed[i];
		struct sealer s = {0};
		uint8_t *pdu;
		uint32_t len;
		size_t n;

		unhex(key, v->key);
		unhex(nonce, v->nonce);
		nwb_check_eq(nwb_sealer_init(&s, v->cipher, key), 0);
		n = unhex(frame + NWB_SMB2_TRANSFORM_LEN, v->plain);
		nwb_check_eq(n, 0x87);
		nwb_check_eq(nwb_seal(&s, nonce, v->session_id, frame, n), 0);
		n += NWB_SMB2_TRANSFORM_LEN;
		nwb_check(is_hex(frame, n, v->frame));
		nwb_check_eq(
			nwb_unseal(&s, v->session_id, frame, n, &pdu, &len), 0);
		nwb_check(pdu == frame + NWB_SMB2_TRANSFORM_LEN);
		nwb_check(is_hex(pdu, len, v->plain));
		nwb_sealer_fini(&s);
	}
}

/* Whatever byte is changed, also of the header, nothing comes out. */
NWB_TEST(smb2_crypt, changed_messages_are_not_decrypted)
{
	uint8_t frame[256], key[16];

	for (size_t i = 0; i < NWB_ARRAY_SIZE(sealed); i++) {
		const struct sealed *v = &sealed[i];
		struct sealer s = {0};
		uint8_t *pdu;
		uint32_t len;
		size_t n = strlen(v->frame) / 2;

		unhex(key, v->key);
		nwb_check_eq(nwb_sealer_init(&s, v->cipher, key), 0);
		for (size_t at = 0; at < n; at++) {
			unhex(frame, v->frame);
			frame[at] ^= 0x40;
			nwb_check_eq(nwb_unseal(&s, v->session_id, frame, n,
						&pdu, &len),
				     -EBADMSG);
		}
		unhex(frame, v->frame);
		nwb_check_eq(
			nwb_unseal(&s, v->session_id + 1, frame, n, &pdu, &len),
			-EBADMSG);
		nwb_check_eq(
			nwb_unseal(&s, v->session_id, frame, n - 1, &pdu, &len),
			-EBADMSG);
		nwb_sealer_fini(&s);
	}
}

NWB_TEST(smb2_crypt, nonces_differ_and_unknown_ciphers_are_refused)
{
	uint8_t a[16], b[16], key[16] = {0};
	struct sealer s = {0};

	nwb_seal_nonce(0x0102030405060708, a);
	nwb_check(is_hex(a, 16, "08070605040302010000000000000000"));
	for (uint64_t n = 1; n; n <<= 1) {
		nwb_seal_nonce(n - 1, a);
		nwb_seal_nonce(n, b);
		nwb_check(memcmp(a, b, 11) != 0);
	}
	nwb_check_eq(nwb_sealer_init(&s, NWB_SMB2_CIPHER_NONE, key),
		     -EOPNOTSUPP);
	nwb_check_eq(nwb_sealer_init(&s, 3, key), -EOPNOTSUPP);
	nwb_sealer_fini(&s);
}
