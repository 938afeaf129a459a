/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The SMB2 codec against recorded bytes of other implementations, against
 * itself, and against hostile input. Decoders get copies of exactly the right
 * size, so that AddressSanitizer sees every byte read too many.
 */
#include "nwb/smb2_pdu.h"
#include "nwb_test.h"
#include "smb2_recorded.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PDU(rec) ((rec) + NWB_SMB2_NBT_LEN), (sizeof(rec) - NWB_SMB2_NBT_LEN)

static uint64_t rng = 0x9e3779b97f4a7c15u;

static uint64_t next_random(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng;
}

/* Bytes that a decoder says belong to the PDU must do so. */
static bool inside(const uint8_t *pdu, size_t len,
		   const struct nwb_smb2_blob *b)
{
	return b->len == 0 ||
	       (b->data >= pdu + NWB_SMB2_HDR_LEN && b->data <= pdu + len &&
		b->len <= (size_t)(pdu + len - b->data));
}

/* One try function a decoder: its result, -1 when a blob leaves the PDU. */
#define TRY(x)                                                                 \
	static int try_##x(const uint8_t *pdu, size_t len)                     \
	{                                                                      \
		struct nwb_smb2_##x m;                                         \
		return nwb_smb2_##x##_decode(pdu, len, &m);                    \
	}
#define TRY_BLOB(x, blob)                                                      \
	static int try_##x(const uint8_t *pdu, size_t len)                     \
	{                                                                      \
		struct nwb_smb2_##x m;                                         \
		int rc = nwb_smb2_##x##_decode(pdu, len, &m);                  \
		return rc == 0 && !inside(pdu, len, &m.blob) ? -1 : rc;        \
	}

TRY(negotiate_req)
TRY_BLOB(negotiate_rsp, token)
TRY_BLOB(session_setup_req, token)
TRY_BLOB(session_setup_rsp, token)
TRY_BLOB(tree_connect_req, path)
TRY(tree_connect_rsp)
TRY_BLOB(create_req, contexts)
TRY_BLOB(create_rsp, contexts)
TRY(close_req)
TRY(close_rsp)
TRY(flush_req)
TRY(read_req)
TRY(write_rsp)
TRY(query_info_req)
TRY_BLOB(query_info_rsp, info)
TRY_BLOB(set_info_req, info)
TRY_BLOB(error_rsp, data)
TRY_BLOB(ioctl_req, in)
TRY_BLOB(ioctl_rsp, out)

static int try_write_req(const uint8_t *pdu, size_t len)
{
	struct nwb_smb2_write_req m;
	int rc = nwb_smb2_write_req_decode(pdu, len, len + 300, &m);

	if (rc == 0 && (size_t)m.data_offset + m.len > len + 300)
		return -1;
	return rc;
}

static int try_read_rsp(const uint8_t *pdu, size_t len)
{
	struct nwb_smb2_read_rsp m;
	int rc = nwb_smb2_read_rsp_decode(pdu, len, len + 300, &m);

	if (rc == 0 && (size_t)m.data_offset + m.len > len + 300)
		return -1;
	return rc;
}

static int try_hdr(const uint8_t *pdu, size_t len)
{
	struct nwb_smb2_hdr h;

	return nwb_smb2_hdr_decode(pdu, len, &h);
}

/* @need: shorter than that cannot be whole */
static const struct {
	const char *name;
	const uint8_t *rec;
	size_t size;
	size_t need;
	int (*decode)(const uint8_t *pdu, size_t len);
} recorded[] = {
#define REC(x, need, fn)                                                       \
	{                                                                      \
#x, rec_##x, sizeof(rec_##x), need, fn                         \
	}
	REC(negotiate_req, 0xe2, try_negotiate_req),
	REC(negotiate_rsp, 0x11c, try_negotiate_rsp),
	REC(setup1_req, 0xa2, try_session_setup_req),
	REC(setup1_rsp, 0xf3, try_session_setup_rsp),
	REC(setup2_req, 0x1f4, try_session_setup_req),
	REC(setup2_rsp, 0x65, try_session_setup_rsp),
	REC(tree_connect_req, 0x62, try_tree_connect_req),
	REC(tree_connect_rsp, 80, try_tree_connect_rsp),
	REC(create_req, 0x80, try_create_req),
	REC(create_rsp, 152, try_create_rsp),
	REC(write_req, 112, try_write_req),
	REC(write_rsp, 80, try_write_rsp),
	REC(read_req, 112, try_read_req),
	REC(read_rsp, 80, try_read_rsp),
	REC(close_req, 88, try_close_req),
	REC(close_rsp, 124, try_close_rsp),
	REC(tree_disconnect_req, 68, nwb_smb2_empty_decode),
	REC(tree_disconnect_rsp, 68, nwb_smb2_empty_decode),
	REC(flush_rsp, 68, nwb_smb2_empty_decode),
	REC(echo_rsp, 68, nwb_smb2_empty_decode),
	REC(query_info_rsp, 96, try_query_info_rsp),
	REC(set_info_rsp, 66, nwb_smb2_set_info_rsp_decode),
	REC(error_rsp, 72, try_error_rsp),
};

NWB_TEST(smb2_codec, recorded_pdus_decode)
{
	for (size_t i = 0; i < NWB_ARRAY_SIZE(recorded); i++) {
		const uint8_t *rec = recorded[i].rec;
		size_t len = recorded[i].size - NWB_SMB2_NBT_LEN;
		uint8_t again[NWB_SMB2_HDR_LEN];
		struct nwb_smb2_hdr h;
		uint32_t frame;

		nwb_check_eq(nwb_smb2_nbt_decode(rec, &frame), 0);
		nwb_check(frame == len || frame == len + 300);
		nwb_check_eq(
			nwb_smb2_hdr_decode(rec + NWB_SMB2_NBT_LEN, len, &h),
			0);
		nwb_check_eq(h.flags & NWB_SMB2_F_RESPONSE,
			     strstr(recorded[i].name, "_rsp") != NULL);
		nwb_smb2_hdr_encode(again, &h);
		nwb_check(memcmp(again, rec + NWB_SMB2_NBT_LEN,
				 sizeof(again)) == 0);
		nwb_check_eq(recorded[i].decode(rec + NWB_SMB2_NBT_LEN, len),
			     0);
	}
}

NWB_TEST(smb2_codec, truncated_pdus_are_refused)
{
	for (size_t i = 0; i < NWB_ARRAY_SIZE(recorded); i++) {
		size_t len = recorded[i].size - NWB_SMB2_NBT_LEN;

		for (size_t n = 0; n <= len; n++) {
			uint8_t *copy = malloc(n ? n : 1);
			int rc;

			memcpy(copy, recorded[i].rec + NWB_SMB2_NBT_LEN, n);
			rc = recorded[i].decode(copy, n);
			nwb_check(rc == (n < recorded[i].need ? -EBADMSG : 0));
			nwb_check_eq(try_hdr(copy, n),
				     n < NWB_SMB2_HDR_LEN ? -EBADMSG : 0);
			free(copy);
		}
	}
}

NWB_TEST(smb2_codec, spoiled_pdus_do_no_harm)
{
	size_t refused = 0;

	for (unsigned int round = 0; round < 20000; round++) {
		size_t i = next_random() % NWB_ARRAY_SIZE(recorded);
		size_t len = recorded[i].size - NWB_SMB2_NBT_LEN;
		uint8_t *copy = malloc(len);
		unsigned int changes = 1 + next_random() % 4;
		int rc;

		memcpy(copy, recorded[i].rec + NWB_SMB2_NBT_LEN, len);
		while (changes--)
			copy[NWB_SMB2_HDR_LEN +
			     next_random() % (len - NWB_SMB2_HDR_LEN)] =
				(uint8_t)next_random();
		rc = recorded[i].decode(copy, len);
		nwb_check(rc == 0 || rc == -EBADMSG);
		refused += rc != 0;
		/* the right length, but random from the first byte on */
		for (size_t k = 0; k < len; k++)
			copy[k] = (uint8_t)next_random();
		rc = recorded[i].decode(copy, len);
		nwb_check(rc == 0 || rc == -EBADMSG);
		nwb_check_eq(try_hdr(copy, len), -EBADMSG);
		free(copy);
	}
	nwb_check(refused > 1000);
}

NWB_TEST(smb2_codec, recorded_fields_are_understood)
{
	struct nwb_smb2_negotiate_rsp neg;
	struct nwb_smb2_create_req cr;
	struct nwb_smb2_write_req wr;
	struct nwb_smb2_error_rsp er;
	struct nwb_smb2_query_info_rsp qi;
	struct nwb_smb2_standard_info si;
	struct nwb_smb2_negotiate_req nr;
	struct nwb_smb2_hdr h;
	char name[64];

	nwb_check_eq(nwb_smb2_negotiate_req_decode(PDU(rec_negotiate_req), &nr),
		     0);
	nwb_check_eq(nr.nr_dialects, 5);
	nwb_check_eq(nr.dialects[4], NWB_SMB2_DIALECT_0311);
	nwb_check(nr.has_preauth);
	nwb_check_eq(nr.nr_sign_algs, 3);
	nwb_check_eq(nr.sign_algs[0], NWB_SMB2_SIGN_AES_GMAC);
	nwb_check_eq(
		nwb_smb2_negotiate_rsp_decode(PDU(rec_negotiate_rsp), &neg), 0);
	nwb_check_eq(neg.dialect, NWB_SMB2_DIALECT_0311);
	nwb_check_eq(neg.max_write, 8 << 20);
	nwb_check_eq(neg.sign_alg, NWB_SMB2_SIGN_AES_GMAC);
	nwb_check(neg.has_preauth);
	nwb_check_eq(neg.token.len, 0x4a);
	nwb_check_eq(nwb_smb2_create_req_decode(PDU(rec_create_req), &cr), 0);
	nwb_check_eq(cr.access, NWB_SMB2_ACCESS_RW);
	nwb_check_eq(cr.disposition, NWB_SMB2_FILE_OVERWRITE_IF);
	nwb_check_eq(nwb_smb2_utf16_decode(name, sizeof(name), cr.name.data,
					   cr.name.len),
		     4);
	nwb_check_streq(name, "f300");
	nwb_check_eq(nwb_smb2_write_req_decode(PDU(rec_write_req),
					       sizeof(rec_write_req) + 300 - 4,
					       &wr),
		     0);
	nwb_check_eq(wr.data_offset, NWB_SMB2_WRITE_HDR_LEN);
	nwb_check_eq(wr.len, 300);
	nwb_check_eq(
		nwb_smb2_query_info_rsp_decode(PDU(rec_query_info_rsp), &qi),
		0);
	nwb_check_eq(
		nwb_smb2_standard_info_decode(qi.info.data, qi.info.len, &si),
		0);
	nwb_check_eq(si.eof, 0x9000);
	nwb_check_eq(si.links, 1);
	nwb_check_eq(nwb_smb2_hdr_decode(PDU(rec_error_rsp), &h), 0);
	nwb_check(h.status == 0xc0000010u);
	nwb_check_eq(nwb_smb2_error_rsp_decode(PDU(rec_error_rsp), &er), 0);
	nwb_check_eq(er.data.len, 0);
}

/* Decode a recorded body, encode it, and expect the same bytes. */
#define SAME_AGAIN(x, rec)                                                     \
	do {                                                                   \
		struct nwb_smb2_##x m;                                         \
		uint8_t out[1024] = {0};                                       \
		size_t len_ = sizeof(rec) - NWB_SMB2_NBT_LEN;                  \
		nwb_check_eq(nwb_smb2_##x##_decode(PDU(rec), &m), 0);          \
		nwb_check_eq(nwb_smb2_##x##_encode(out, sizeof(out), &m),      \
			     len_);                                            \
		nwb_check(memcmp(out + NWB_SMB2_HDR_LEN,                       \
				 (rec) + NWB_SMB2_NBT_LEN + NWB_SMB2_HDR_LEN,  \
				 len_ - NWB_SMB2_HDR_LEN) == 0);               \
		for (size_t n_ = 0; n_ < len_; n_++) {                         \
			uint8_t *tight = malloc(n_ ? n_ : 1);                  \
			nwb_check_eq(nwb_smb2_##x##_encode(tight, n_, &m),     \
				     -ENOSPC);                                 \
			free(tight);                                           \
		}                                                              \
	} while (0)

NWB_TEST(smb2_codec, encoding_gives_the_recorded_bytes)
{
	SAME_AGAIN(session_setup_req, rec_setup1_req);
	SAME_AGAIN(session_setup_req, rec_setup2_req);
	SAME_AGAIN(session_setup_rsp, rec_setup1_rsp);
	SAME_AGAIN(session_setup_rsp, rec_setup2_rsp);
	SAME_AGAIN(tree_connect_req, rec_tree_connect_req);
	SAME_AGAIN(tree_connect_rsp, rec_tree_connect_rsp);
	SAME_AGAIN(create_req, rec_create_req);
	SAME_AGAIN(create_rsp, rec_create_rsp);
	SAME_AGAIN(close_req, rec_close_req);
	SAME_AGAIN(close_rsp, rec_close_rsp);
	SAME_AGAIN(write_rsp, rec_write_rsp);
	SAME_AGAIN(query_info_rsp, rec_query_info_rsp);
	SAME_AGAIN(error_rsp, rec_error_rsp);
}

NWB_TEST(smb2_codec, write_header_gives_the_recorded_bytes)
{
	uint8_t out[NWB_SMB2_WRITE_HDR_LEN];
	struct nwb_smb2_write_req m;

	nwb_check_eq(nwb_smb2_write_req_decode(PDU(rec_write_req),
					       NWB_SMB2_WRITE_HDR_LEN + 300,
					       &m),
		     0);
	nwb_check_eq(nwb_smb2_write_req_encode(out, sizeof(out), &m),
		     sizeof(out));
	nwb_check(memcmp(out + NWB_SMB2_HDR_LEN,
			 rec_write_req + NWB_SMB2_NBT_LEN + NWB_SMB2_HDR_LEN,
			 48) == 0);
	nwb_check_eq(nwb_smb2_write_req_encode(out, sizeof(out) - 1, &m),
		     -ENOSPC);
	/* one byte less in the frame than the payload needs */
	nwb_check_eq(nwb_smb2_write_req_decode(PDU(rec_write_req),
					       NWB_SMB2_WRITE_HDR_LEN + 299,
					       &m),
		     -EBADMSG);
}

/* Found by tests/fuzz/fuzz_smb2.c: contexts without the dialect they are of. */
NWB_TEST(smb2_codec, a_dialect_that_is_not_kept_brings_no_contexts)
{
	struct nwb_smb2_negotiate_req q = {.nr_dialects = 8}, q2;
	uint8_t out[512] = {0};
	int len;

	for (unsigned int i = 0; i < 8; i++)
		q.dialects[i] = (uint16_t)(0x0202 + i);
	len = nwb_smb2_negotiate_req_encode(out, sizeof(out), &q);
	nwb_check_eq(len, 64 + 36 + 16);
	/* a ninth, 3.1.1; and where contexts would be, none */
	out[64 + 2] = 9;
	out[len] = 0x11;
	out[len + 1] = 0x03;
	out[64 + 28] = 0xff;
	out[64 + 32] = 1;
	nwb_check_eq(nwb_smb2_negotiate_req_decode(out, (size_t)len + 2, &q2),
		     0);
	nwb_check_eq(q2.nr_dialects, 8);
	nwb_check(!q2.has_preauth);
}

NWB_TEST(smb2_codec, negotiate_survives_the_round_trip)
{
	struct nwb_smb2_negotiate_req q = {
		.dialects = {NWB_SMB2_DIALECT_0302, NWB_SMB2_DIALECT_0311},
		.nr_dialects = 2,
		.security_mode = 3,
		.capabilities = NWB_SMB2_CAP_LARGE_MTU,
		.has_preauth = true,
		.sign_algs = {2, 1, 0},
		.nr_sign_algs = 3,
		.ciphers = {NWB_SMB2_CIPHER_AES_128_GCM,
			    NWB_SMB2_CIPHER_AES_128_CCM},
		.nr_ciphers = 2,
	};
	struct nwb_smb2_negotiate_rsp r = {
		.security_mode = 1,
		.dialect = NWB_SMB2_DIALECT_0311,
		.capabilities = 4,
		.max_transact = 1,
		.max_read = 2,
		.max_write = 3,
		.system_time = 1ull << 60,
		.has_preauth = true,
		.sign_alg = 2,
		.cipher = NWB_SMB2_CIPHER_NONE,
		.token = {(const uint8_t *)"abc", 3},
	};
	struct nwb_smb2_negotiate_req q2;
	struct nwb_smb2_negotiate_rsp r2;
	uint8_t out[512] = {0};
	int len;

	memset(q.guid, 0x11, sizeof(q.guid));
	memset(q.salt, 0x22, sizeof(q.salt));
	memset(r.salt, 0x33, sizeof(r.salt));
	len = nwb_smb2_negotiate_req_encode(out, sizeof(out), &q);
	nwb_check(len > 0);
	nwb_check_eq(nwb_smb2_negotiate_req_decode(out, (size_t)len, &q2), 0);
	nwb_check_eq(q2.nr_dialects, 2);
	nwb_check_eq(q2.dialects[0], NWB_SMB2_DIALECT_0302);
	nwb_check(memcmp(q2.salt, q.salt, sizeof(q.salt)) == 0);
	nwb_check(memcmp(q2.guid, q.guid, sizeof(q.guid)) == 0);
	nwb_check_eq(q2.nr_sign_algs, 3);
	nwb_check_eq(q2.sign_algs[1], 1);
	nwb_check_eq(q2.nr_ciphers, 2);
	nwb_check_eq(q2.ciphers[0], NWB_SMB2_CIPHER_AES_128_GCM);
	nwb_check_eq(q2.ciphers[1], NWB_SMB2_CIPHER_AES_128_CCM);
	len = nwb_smb2_negotiate_rsp_encode(out, sizeof(out), &r);
	nwb_check(len > 0);
	nwb_check_eq(nwb_smb2_negotiate_rsp_decode(out, (size_t)len, &r2), 0);
	nwb_check_eq(r2.sign_alg, 2);
	nwb_check_eq(r2.cipher, NWB_SMB2_CIPHER_NONE);
	nwb_check_eq(r2.max_write, 3);
	nwb_check(r2.system_time == r.system_time);
	nwb_check(r2.token.len == 3 && !memcmp(r2.token.data, "abc", 3));
	nwb_check(memcmp(r2.salt, r.salt, sizeof(r.salt)) == 0);
	r.sign_alg = -1;
	r.cipher = -1;
	r.has_preauth = false;
	len = nwb_smb2_negotiate_rsp_encode(out, sizeof(out), &r);
	nwb_check_eq(len, 64 + 64 + 3);
	nwb_check_eq(nwb_smb2_negotiate_rsp_decode(out, (size_t)len, &r2), 0);
	nwb_check_eq(r2.sign_alg, -1);
	nwb_check_eq(r2.cipher, -1);
	nwb_check(!r2.has_preauth);
}

NWB_TEST(smb2_codec, file_requests_survive_the_round_trip)
{
	struct nwb_smb2_fid fid = {0x1122334455667788, 0x99aabbccddeeff00};
	struct nwb_smb2_read_req rd = {4096, 1ull << 40, fid, 7}, rd2;
	struct nwb_smb2_flush_req fl = {fid}, fl2;
	struct nwb_smb2_query_info_req qi = {1, 5, 24, 6, 7, fid}, qi2;
	uint8_t eof[8], out[256] = {0};
	struct nwb_smb2_set_info_req si = {
		1, 20, 0, fid, {eof, sizeof(eof)},
	};
	struct nwb_smb2_set_info_req si2;
	uint64_t size;
	int n;

	n = nwb_smb2_read_req_encode(out, sizeof(out), &rd);
	nwb_check_eq(n, 64 + 49);
	nwb_check_eq(nwb_smb2_read_req_decode(out, (size_t)n, &rd2), 0);
	nwb_check(rd2.offset == rd.offset && rd2.len == rd.len &&
		  rd2.min_count == 7 && rd2.fid.volatil == fid.volatil &&
		  rd2.fid.persistent == fid.persistent);
	n = nwb_smb2_flush_req_encode(out, sizeof(out), &fl);
	nwb_check_eq(nwb_smb2_flush_req_decode(out, (size_t)n, &fl2), 0);
	nwb_check(fl2.fid.persistent == fid.persistent);
	n = nwb_smb2_query_info_req_encode(out, sizeof(out), &qi);
	nwb_check_eq(nwb_smb2_query_info_req_decode(out, (size_t)n, &qi2), 0);
	nwb_check(qi2.class == 5 && qi2.max_len == 24 && qi2.flags == 7 &&
		  qi2.additional == 6 && qi2.fid.volatil == fid.volatil);
	nwb_smb2_eof_info_encode(eof, 1ull << 50);
	n = nwb_smb2_set_info_req_encode(out, sizeof(out), &si);
	nwb_check_eq(nwb_smb2_set_info_req_decode(out, (size_t)n, &si2), 0);
	nwb_check_eq(si2.class, 20);
	nwb_check_eq(
		nwb_smb2_eof_info_decode(si2.info.data, si2.info.len, &size),
		0);
	nwb_check(size == 1ull << 50);
	nwb_check_eq(nwb_smb2_eof_info_decode(eof, 7, &size), -EBADMSG);
}

/* Requests that nobody was recorded to send, cut at every byte. */
NWB_TEST(smb2_codec, truncated_requests_are_refused)
{
	static const uint8_t info[8];
	struct nwb_smb2_set_info_req si = {.info = {info, sizeof(info)}};
	struct nwb_smb2_query_info_req qi = {0};
	struct nwb_smb2_flush_req fl = {0};
	struct nwb_smb2_ioctl_req iq = {.in = {info, sizeof(info)}};
	struct nwb_smb2_ioctl_rsp ir = {.out = {info, sizeof(info)}};
	uint8_t pdu[5][160] = {{0}};
	struct {
		int len;
		int (*decode)(const uint8_t *pdu, size_t len);
	} made[5] = {
		{nwb_smb2_flush_req_encode(pdu[0], 128, &fl), try_flush_req},
		{nwb_smb2_query_info_req_encode(pdu[1], 128, &qi) - 1,
		 try_query_info_req},
		{nwb_smb2_set_info_req_encode(pdu[2], 128, &si),
		 try_set_info_req},
		{nwb_smb2_ioctl_req_encode(pdu[3], 160, &iq), try_ioctl_req},
		{nwb_smb2_ioctl_rsp_encode(pdu[4], 160, &ir), try_ioctl_rsp},
	};

	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(made); i++) {
		for (int n = 1; n <= made[i].len; n++) {
			uint8_t *copy = malloc((size_t)n);

			memcpy(copy, pdu[i], (size_t)n);
			nwb_check_eq(made[i].decode(copy, (size_t)n),
				     n < made[i].len ? -EBADMSG : 0);
			free(copy);
		}
	}
}

NWB_TEST(smb2_codec, ioctl_survives_the_round_trip)
{
	struct nwb_smb2_ioctl_req q = {
		.code = NWB_SMB2_FSCTL_VALIDATE_NEGOTIATE,
		.fid = {NWB_SMB2_FID_NONE, NWB_SMB2_FID_NONE},
		.max_out = 24,
		.flags = NWB_SMB2_IOCTL_IS_FSCTL,
		.in = {(const uint8_t *)"input", 5},
	};
	struct nwb_smb2_ioctl_rsp r = {
		.code = NWB_SMB2_FSCTL_SET_SPARSE,
		.fid = {1, 2},
		.out = {(const uint8_t *)"out", 3},
	};
	struct nwb_smb2_ioctl_req q2;
	struct nwb_smb2_ioctl_rsp r2;
	uint8_t out[160] = {0};
	int n = nwb_smb2_ioctl_req_encode(out, sizeof(out), &q);

	nwb_check_eq(n, 64 + 56 + 5);
	nwb_check_eq(nwb_smb2_ioctl_req_decode(out, (size_t)n, &q2), 0);
	nwb_check(q2.code == q.code && q2.max_out == 24 && q2.flags == 1 &&
		  q2.fid.persistent == NWB_SMB2_FID_NONE &&
		  q2.fid.volatil == NWB_SMB2_FID_NONE && q2.in.len == 5 &&
		  !memcmp(q2.in.data, "input", 5));
	n = nwb_smb2_ioctl_rsp_encode(out, sizeof(out), &r);
	nwb_check_eq(n, 64 + 48 + 3);
	nwb_check_eq(nwb_smb2_ioctl_rsp_decode(out, (size_t)n, &r2), 0);
	nwb_check(r2.code == r.code && r2.fid.persistent == 1 &&
		  r2.fid.volatil == 2 && r2.out.len == 3 &&
		  !memcmp(r2.out.data, "out", 3));
	nwb_check_eq(nwb_smb2_ioctl_rsp_encode(out, 64 + 48 + 2, &r), -ENOSPC);
}

/* The offsets are those of [MS-SMB2] 2.2.31.4 and 2.2.32.6. */
NWB_TEST(smb2_codec, validate_negotiate_info)
{
	struct nwb_smb2_validate_info q = {
		.capabilities = 0x44,
		.security_mode = 3,
		.dialects = {NWB_SMB2_DIALECT_0210, NWB_SMB2_DIALECT_0302},
		.nr_dialects = 2,
	};
	struct nwb_smb2_validate_info m;
	uint8_t buf[NWB_SMB2_VALIDATE_REQ_MAX];

	memset(q.guid, 0x5a, sizeof(q.guid));
	nwb_check_eq(nwb_smb2_validate_req_encode(buf, sizeof(buf), &q), 28);
	nwb_check(buf[0] == 0x44 && buf[4] == 0x5a && buf[19] == 0x5a);
	nwb_check(buf[20] == 3 && buf[22] == 2 && buf[26] == 2 && buf[27] == 3);
	for (size_t n = 0; n < 28; n++)
		nwb_check_eq(nwb_smb2_validate_req_decode(buf, n, &m),
			     -EBADMSG);
	nwb_check_eq(nwb_smb2_validate_req_decode(buf, 28, &m), 0);
	nwb_check(m.nr_dialects == 2 &&
		  m.dialects[1] == NWB_SMB2_DIALECT_0302 &&
		  m.security_mode == 3 && m.capabilities == 0x44);
	nwb_check_eq(nwb_smb2_validate_req_encode(buf, 27, &q), -ENOSPC);
	q.nr_dialects = 1;
	nwb_check_eq(nwb_smb2_validate_rsp_encode(buf, sizeof(buf), &q), 24);
	nwb_check_eq(nwb_smb2_validate_rsp_decode(buf, 24, &m), 0);
	nwb_check(m.dialects[0] == NWB_SMB2_DIALECT_0210 &&
		  !memcmp(m.guid, q.guid, 16));
	nwb_check_eq(nwb_smb2_validate_rsp_decode(buf, 23, &m), -EBADMSG);
	nwb_check_eq(nwb_smb2_validate_rsp_decode(buf, 25, &m), -EBADMSG);
	nwb_check_eq(nwb_smb2_validate_rsp_encode(buf, 23, &q), -ENOSPC);
}

NWB_TEST(smb2_codec, transform_header_must_fit_its_message)
{
	struct nwb_smb2_transform t = {
		.size = 100,
		.flags = NWB_SMB2_TRANSFORM_ENCRYPTED,
		.session_id = 0x1122334455667788,
	};
	struct nwb_smb2_transform m;
	uint8_t frame[NWB_SMB2_TRANSFORM_LEN + 101] = {0};
	size_t len = NWB_SMB2_TRANSFORM_LEN + 100;

	memset(t.signature, 0x11, 16);
	memset(t.nonce, 0x22, 12);
	nwb_smb2_transform_encode(frame, &t);
	nwb_check(nwb_smb2_is_transform(frame, 4));
	nwb_check(!nwb_smb2_is_transform(frame, 3));
	nwb_check(frame[NWB_SMB2_TRANSFORM_AUTH] == 0x22);
	nwb_check_eq(nwb_smb2_transform_decode(frame, len, &m), 0);
	nwb_check(m.size == 100 && m.session_id == t.session_id &&
		  !memcmp(m.nonce, t.nonce, 16) &&
		  !memcmp(m.signature, t.signature, 16));
	for (size_t n = 0; n <= len + 1; n++)
		if (n != len)
			nwb_check_eq(nwb_smb2_transform_decode(frame, n, &m),
				     -EBADMSG);
	frame[42] = 0; /* not encrypted */
	nwb_check_eq(nwb_smb2_transform_decode(frame, len, &m), -EBADMSG);
	frame[42] = 1;
	frame[0] = 0xfe;
	nwb_check_eq(nwb_smb2_transform_decode(frame, len, &m), -EBADMSG);
	nwb_check(!nwb_smb2_is_transform(frame, len));
}

NWB_TEST(smb2_codec, sync_and_async_headers_differ)
{
	struct nwb_smb2_hdr h = {
		.command = NWB_SMB2_WRITE,
		.status = NWB_STATUS_PENDING,
		.flags = NWB_SMB2_F_RESPONSE | NWB_SMB2_F_ASYNC,
		.async_id = 0x0123456789abcdef,
		.message_id = 77,
	};
	struct nwb_smb2_hdr h2;
	uint8_t pdu[NWB_SMB2_HDR_LEN];

	nwb_smb2_hdr_encode(pdu, &h);
	nwb_check_eq(nwb_smb2_hdr_decode(pdu, sizeof(pdu), &h2), 0);
	nwb_check(h2.async_id == h.async_id && h2.tree_id == 0);
	h.flags = NWB_SMB2_F_RESPONSE;
	h.tree_id = 5;
	nwb_smb2_hdr_encode(pdu, &h);
	nwb_check_eq(nwb_smb2_hdr_decode(pdu, sizeof(pdu), &h2), 0);
	nwb_check(h2.async_id == 0 && h2.tree_id == 5);
	h.next_command = 72; /* behind the end */
	nwb_smb2_hdr_encode(pdu, &h);
	nwb_check_eq(nwb_smb2_hdr_decode(pdu, sizeof(pdu), &h2), -EBADMSG);
}

NWB_TEST(smb2_codec, charge_is_one_credit_per_64k)
{
	nwb_check_eq(nwb_smb2_charge(0), 1);
	nwb_check_eq(nwb_smb2_charge(1), 1);
	nwb_check_eq(nwb_smb2_charge(65536), 1);
	nwb_check_eq(nwb_smb2_charge(65537), 2);
	nwb_check_eq(nwb_smb2_charge(8 << 20), 128);
}

NWB_TEST(smb2_codec, nbt_holds_24_bits)
{
	uint8_t b[4];
	uint32_t len;

	nwb_smb2_nbt_encode(b, 0xabcdef);
	nwb_check_eq(nwb_smb2_nbt_decode(b, &len), 0);
	nwb_check_eq(len, 0xabcdef);
	b[0] = 0x85; /* keep-alive: not a message */
	nwb_check_eq(nwb_smb2_nbt_decode(b, &len), -EBADMSG);
}

static void check_utf16(const char *s, int bytes)
{
	uint8_t u[64];
	char back[64];
	size_t n = strlen(s);

	nwb_check_eq(nwb_smb2_utf16_encode(u, sizeof(u), s), bytes);
	nwb_check_eq(nwb_smb2_utf16_encode(u, (size_t)bytes, s), bytes);
	nwb_check_eq(nwb_smb2_utf16_decode(back, n + 1, u, (size_t)bytes), n);
	nwb_check_streq(back, s);
	if (bytes) {
		nwb_check_eq(nwb_smb2_utf16_encode(u, (size_t)bytes - 1, s),
			     -ENOSPC);
		nwb_check_eq(nwb_smb2_utf16_decode(back, n, u, (size_t)bytes),
			     -ENOSPC);
	}
}

NWB_TEST(smb2_codec, utf16_round_trip)
{
	check_utf16("", 0);
	check_utf16("dir/f300", 16);
	check_utf16("\xc3\xa4\xe2\x82\xac", 4); /* a umlaut, euro */
	check_utf16("x\xf0\x9f\x98\x80", 6);	/* a surrogate pair */
}

NWB_TEST(smb2_codec, utf16_refuses_nonsense)
{
	static const char *const bad[] = {
		"\x80",		    /* continuation without a start */
		"\xc0\xaf",	    /* overlong */
		"\xe0\x80\x80",	    /* overlong */
		"\xed\xa0\x80",	    /* surrogate */
		"\xf4\x90\x80\x80", /* above U+10FFFF */
		"\xc3",		    /* cut off */
		"\xff",
	};
	static const uint8_t lone[2] = {0x00, 0xd8};
	static const uint8_t low[2] = {0x00, 0xdc};
	static const uint8_t wrong[4] = {0x00, 0xd8, 'a', 0};
	static const uint8_t nul[2] = {0, 0};
	uint8_t u[64];
	char s[64];

	for (size_t i = 0; i < NWB_ARRAY_SIZE(bad); i++)
		nwb_check_eq(nwb_smb2_utf16_encode(u, sizeof(u), bad[i]),
			     -EILSEQ);
	nwb_check_eq(nwb_smb2_utf16_decode(s, 64, lone, 2), -EILSEQ);
	nwb_check_eq(nwb_smb2_utf16_decode(s, 64, low, 2), -EILSEQ);
	nwb_check_eq(nwb_smb2_utf16_decode(s, 64, wrong, 4), -EILSEQ);
	nwb_check_eq(nwb_smb2_utf16_decode(s, 64, nul, 2), -EILSEQ);
	nwb_check_eq(nwb_smb2_utf16_decode(s, 64, lone, 1), -EILSEQ);
}
