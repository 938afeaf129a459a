/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SMB2 decoders, all of them: the first byte of the input chooses. The
 * property: what a decoder accepts can be encoded, and what was encoded is
 * read and encoded again to the same bytes.
 */
#include "fuzz.h"
#include "nwb/smb2_pdu.h"

#define PDU_MAX 70000u

static uint8_t once[PDU_MAX], twice[PDU_MAX];

/* Encoding may drop what is not kept (unknown contexts, padding) but then
 * nothing more. */
#define BODY(x)                                                                \
	static void do_##x(const uint8_t *pdu, size_t len)                     \
	{                                                                      \
		struct nwb_smb2_##x m;                                         \
		int n, again;                                                  \
                                                                               \
		if (nwb_smb2_##x##_decode(pdu, len, &m))                       \
			return;                                                \
		n = nwb_smb2_##x##_encode(once, sizeof(once), &m);             \
		if (n < 0)                                                     \
			return;                                                \
		nwb_assert((size_t)n <= sizeof(once));                         \
		nwb_assert(!nwb_smb2_##x##_decode(once, (size_t)n, &m));       \
		again = nwb_smb2_##x##_encode(twice, sizeof(twice), &m);       \
		nwb_assert(again == n);                                        \
		nwb_assert(!memcmp(once + NWB_SMB2_HDR_LEN,                    \
				   twice + NWB_SMB2_HDR_LEN,                   \
				   (size_t)n - NWB_SMB2_HDR_LEN));             \
	}

#define BODIES(X)                                                              \
	X(negotiate_req)                                                       \
	X(negotiate_rsp)                                                       \
	X(session_setup_req)                                                   \
	X(session_setup_rsp)                                                   \
	X(tree_connect_req)                                                    \
	X(tree_connect_rsp)                                                    \
	X(create_req)                                                          \
	X(create_rsp)                                                          \
	X(close_req)                                                           \
	X(close_rsp)                                                           \
	X(flush_req)                                                           \
	X(read_req)                                                            \
	X(write_rsp)                                                           \
	X(query_info_req)                                                      \
	X(query_info_rsp)                                                      \
	X(set_info_req)                                                        \
	X(error_rsp)

BODIES(BODY)

/* With a payload of its own: the frame may be longer than what is here. */
#define PAYLOAD(x)                                                             \
	static void do_##x(const uint8_t *pdu, size_t len)                     \
	{                                                                      \
		struct nwb_smb2_##x m;                                         \
		size_t total = len;                                            \
                                                                               \
		if (len >= 2)                                                  \
			total += (size_t)pdu[0] << 8 | pdu[1];                 \
		if (nwb_smb2_##x##_decode(pdu, len, total, &m))                \
			return;                                                \
		nwb_assert(m.data_offset <= total || !m.len);                  \
		nwb_assert(!m.len || m.len <= total - m.data_offset);          \
		(void)!nwb_smb2_##x##_encode(once, sizeof(once), &m);          \
	}

PAYLOAD(write_req)
PAYLOAD(read_rsp)

static void do_header(const uint8_t *pdu, size_t len)
{
	struct nwb_smb2_hdr h;
	uint32_t n;

	if (len >= 4 && !nwb_smb2_nbt_decode(pdu, &n))
		nwb_assert(n <= NWB_SMB2_FRAME_MAX);
	if (nwb_smb2_hdr_decode(pdu, len, &h))
		return;
	nwb_assert(h.next_command <= len);
	memset(once, 0, NWB_SMB2_HDR_LEN);
	nwb_smb2_hdr_encode(once, &h);
	h.next_command = 0;
	nwb_assert(nwb_smb2_command_name(h.command));
}

static void do_small(const uint8_t *pdu, size_t len)
{
	struct nwb_smb2_standard_info si;
	uint64_t eof;
	char text[64];
	int n;

	(void)!nwb_smb2_empty_decode(pdu, len);
	(void)!nwb_smb2_set_info_rsp_decode(pdu, len);
	(void)!nwb_smb2_standard_info_decode(pdu, len, &si);
	(void)!nwb_smb2_eof_info_decode(pdu, len, &eof);
	n = nwb_smb2_utf16_decode(text, sizeof(text), pdu, len);
	if (n < 0)
		return;
	nwb_assert((size_t)n == strlen(text));
	/* what was read is what is written */
	n = nwb_smb2_utf16_encode(once, sizeof(once), text);
	nwb_assert(n >= 0 && (size_t)n == len && !memcmp(once, pdu, len));
}

#define ENTRY(x) do_##x,
static void (*const decoders[])(const uint8_t *, size_t) = {
	do_header, do_small, do_write_req, do_read_rsp, BODIES(ENTRY)};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* a copy of exactly that size: ASan sees the first byte behind it */
	uint8_t *pdu;

	if (!size || size > PDU_MAX)
		return 0;
	pdu = __builtin_malloc(size);
	if (!pdu)
		return 0;
	memcpy(pdu, data + 1, size - 1);
	decoders[data[0] % NWB_ARRAY_SIZE(decoders)](pdu, size - 1);
	__builtin_free(pdu);
	return 0;
}

/* --- the first corpus: one PDU of each kind ---------------------------------
 */

static unsigned int kind;

static void seed(int n)
{
	static const struct nwb_smb2_hdr h = {.command = NWB_SMB2_WRITE};
	uint8_t in[PDU_MAX];

	in[0] = (uint8_t)kind;
	if (n < 0)
		return;
	nwb_smb2_hdr_encode(once, &h);
	memcpy(in + 1, once, (size_t)n);
	fuzz_seed(in, (size_t)n + 1);
}

static const struct nwb_smb2_blob blob = {(const uint8_t *)"n\0e\0t\0w\0", 8};

static struct nwb_smb2_negotiate_req seed_negotiate_req = {
	.dialects = {NWB_SMB2_DIALECT_0202, NWB_SMB2_DIALECT_0311},
	.nr_dialects = 2,
	.has_preauth = true,
	.sign_algs = {NWB_SMB2_SIGN_AES_GMAC, NWB_SMB2_SIGN_AES_CMAC},
	.nr_sign_algs = 2,
};
static struct nwb_smb2_negotiate_rsp seed_negotiate_rsp = {
	.dialect = NWB_SMB2_DIALECT_0311,
	.has_preauth = true,
	.sign_alg = NWB_SMB2_SIGN_AES_GMAC,
};
static struct nwb_smb2_session_setup_req seed_session_setup_req;
static struct nwb_smb2_session_setup_rsp seed_session_setup_rsp;
static struct nwb_smb2_tree_connect_req seed_tree_connect_req;
static struct nwb_smb2_tree_connect_rsp seed_tree_connect_rsp = {.type = 1};
static struct nwb_smb2_create_req seed_create_req;
static struct nwb_smb2_create_rsp seed_create_rsp = {.eof = 4096};
static struct nwb_smb2_close_req seed_close_req;
static struct nwb_smb2_close_rsp seed_close_rsp;
static struct nwb_smb2_flush_req seed_flush_req;
static struct nwb_smb2_read_req seed_read_req = {.len = 65536};
static struct nwb_smb2_write_rsp seed_write_rsp = {.count = 65536};
static struct nwb_smb2_query_info_req seed_query_info_req = {.type = 1};
static struct nwb_smb2_query_info_rsp seed_query_info_rsp;
static struct nwb_smb2_set_info_req seed_set_info_req = {.type = 1};
static struct nwb_smb2_error_rsp seed_error_rsp;

void fuzz_seeds(void)
{
	const struct nwb_smb2_write_req w = {.len = 8};
	const struct nwb_smb2_read_rsp r = {.len = 8};

	seed_negotiate_rsp.token = blob;
	seed_session_setup_req.token = blob;
	seed_session_setup_rsp.token = blob;
	seed_tree_connect_req.path = blob;
	seed_create_req.name = blob;
	seed_query_info_rsp.info = blob;
	seed_set_info_req.info = blob;
	seed_error_rsp.data = blob;
	seed(64);
	kind++;
	memcpy(once + 64, "n\0e\0t\0w\0b\0", 10);
	fuzz_seed("\x01n\0e\0t\0w\0b\0", 11);
	kind++;
	seed(nwb_smb2_write_req_encode(once, sizeof(once), &w) + 8);
	kind++;
	seed(nwb_smb2_read_rsp_encode(once, sizeof(once), &r) + 8);
#define SEED(x)                                                                \
	kind++;                                                                \
	seed(nwb_smb2_##x##_encode(once, sizeof(once), &seed_##x));
	BODIES(SEED)
}
