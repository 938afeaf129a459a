/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SMB2 decoders, all of them: the first byte of the input chooses. The
 * property: what a decoder accepts can be encoded, and what was encoded is
 * read and encoded again to the same bytes.
 */
#include "fuzz.h"
#include "nwb/smb2_ctx.h"
#include "nwb/smb2_info.h"
#include "nwb/smb2_ioctl.h"
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
	X(error_rsp)                                                           \
	X(ioctl_req)                                                           \
	X(ioctl_rsp)                                                           \
	X(oplock_break)                                                        \
	X(lease_break)                                                         \
	X(lease_ack)                                                           \
	X(query_dir_req)                                                       \
	X(query_dir_rsp)

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

/* The list of a server's interfaces comes to an end, and stays inside. */
static void walk_ifaces(const uint8_t *pdu, size_t len)
{
	struct nwb_smb2_iface m;
	size_t next;

	while (!nwb_smb2_iface_decode(pdu, len, &m, &next) && next) {
		nwb_assert(next <= len);
		pdu += next;
		len -= next;
	}
}

/* Entries of a directory come to an end, and stay inside. */
static void walk_entries(const uint8_t *p, size_t len)
{
	struct nwb_smb2_dir_entry e;
	size_t next;

	while (!nwb_smb2_dir_entry_decode(p, len, &e, &next)) {
		nwb_assert(e.name.data >= p && e.name.len <= len);
		nwb_assert(e.name.data + e.name.len <= p + len);
		nwb_assert(next <= len);
		nwb_assert(nwb_smb2_dir_entry_encode(once, sizeof(once), &e,
						     true) > 0);
		if (!next)
			break;
		p += next;
		len -= next;
	}
}

static void do_info(const uint8_t *p, size_t len)
{
	struct nwb_smb2_basic_info bi;
	struct nwb_smb2_fs_size fs;
	struct nwb_smb2_blob name;
	uint64_t number;
	bool replace;

	walk_entries(p, len);
	(void)!nwb_smb2_basic_info_decode(p, len, &bi);
	(void)!nwb_smb2_internal_info_decode(p, len, &number);
	(void)!nwb_smb2_fs_size_decode(p, len, &fs);
	if (nwb_smb2_rename_info_decode(p, len, &replace, &name))
		return;
	nwb_assert(name.data + name.len <= p + len);
	nwb_assert(nwb_smb2_rename_info_encode(once, sizeof(once), replace,
					       &name) > 0);
}

static void do_small(const uint8_t *pdu, size_t len)
{
	struct nwb_smb2_standard_info si;
	uint64_t eof;
	char text[64];
	int n;

	walk_ifaces(pdu, len);
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

static void do_contexts(const uint8_t *p, size_t len)
{
	const struct nwb_smb2_blob list = {p, (uint32_t)len};
	struct nwb_smb2_ctx_list out = {once, sizeof(once), 0, 0};
	struct nwb_smb2_blob found, again;
	struct nwb_smb2_durable_v2 d;
	struct nwb_smb2_lease l;
	struct nwb_smb2_fid fid;
	uint32_t flags;

	(void)!nwb_smb2_ctx_find_lease(&list, &l);
	(void)!nwb_smb2_ctx_find_durable_v2(&list, &d);
	(void)!nwb_smb2_ctx_find_reclaim_v1(&list, &fid);
	(void)!nwb_smb2_ctx_find_reclaim_v2(&list, &d);
	(void)!nwb_smb2_ctx_granted_v2(&list, NULL, &flags);
	if (nwb_smb2_ctx_find(&list, "RqLs", &found))
		return;
	nwb_assert(!found.len || (found.data >= p && found.len <= len &&
				  found.data + found.len <= p + len));
	/* put into a list of its own it is found again */
	nwb_assert(!nwb_smb2_ctx_add(&out, "RqLs", found.data, found.len));
	nwb_assert(!nwb_smb2_ctx_find(
		&(struct nwb_smb2_blob){once, (uint32_t)out.len}, "RqLs",
		&again));
	nwb_assert(again.len == found.len &&
		   (!found.len || !memcmp(again.data, found.data, found.len)));
}

static void do_transform(const uint8_t *p, size_t len)
{
	struct nwb_smb2_transform t;

	(void)nwb_smb2_is_transform(p, len);
	(void)nwb_smb2_break_is_lease(p, len);
	if (nwb_smb2_transform_decode(p, len, &t))
		return;
	nwb_assert(t.size + NWB_SMB2_TRANSFORM_LEN == len);
	nwb_assert(nwb_smb2_is_transform(p, len));
	nwb_smb2_transform_encode(once, &t);
}

/* What stands in IOCTLs. */
static void do_ioctl_data(const uint8_t *p, size_t len)
{
	static struct nwb_smb2_copychunk c;
	struct nwb_smb2_copychunk_rsp cr;
	struct nwb_smb2_validate_info v;
	struct nwb_smb2_iface i;
	uint64_t from, end;
	size_t next, at = 0;

	(void)!nwb_smb2_validate_req_decode(p, len, &v);
	(void)!nwb_smb2_validate_rsp_decode(p, len, &v);
	(void)!nwb_smb2_copychunk_rsp_decode(p, len, &cr);
	(void)!nwb_smb2_zero_data_decode(p, len, &from, &end);
	while (!nwb_smb2_iface_decode(p + at, len - at, &i, &next) && next) {
		nwb_assert(next <= len - at);
		at += next;
	}
	if (nwb_smb2_copychunk_decode(p, len, &c))
		return;
	nwb_assert(c.nr_chunks <= NWB_SMB2_CHUNKS_MAX);
	nwb_assert(nwb_smb2_copychunk_encode(once, sizeof(once), &c) > 0);
}

#define ENTRY(x) do_##x,
static void (*const decoders[])(const uint8_t *, size_t) = {
	do_header,    do_small,	     do_write_req, do_read_rsp,	 do_contexts,
	do_transform, do_ioctl_data, do_info,	   BODIES(ENTRY)};

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
static struct nwb_smb2_ioctl_req seed_ioctl_req = {
	.code = NWB_SMB2_FSCTL_COPYCHUNK_WRITE};
static struct nwb_smb2_ioctl_rsp seed_ioctl_rsp;
static struct nwb_smb2_oplock_break seed_oplock_break;
static struct nwb_smb2_lease_break seed_lease_break;
static struct nwb_smb2_lease_ack seed_lease_ack;
static struct nwb_smb2_query_dir_req seed_query_dir_req = {.class = 38};
static struct nwb_smb2_query_dir_rsp seed_query_dir_rsp;

/* Bytes that are no PDU. */
static void seed_raw(const uint8_t *p, size_t n)
{
	static uint8_t in[PDU_MAX];

	in[0] = (uint8_t)kind;
	memcpy(in + 1, p, n);
	fuzz_seed(in, n + 1);
}

/* A directory of two, and a name to rename to. */
static void seed_info(void)
{
	static uint8_t buf[512];
	const struct nwb_smb2_dir_entry e = {.number = 7, .name = blob};
	int n = nwb_smb2_dir_entry_encode(buf, sizeof(buf), &e, false), k;

	k = n < 0 ? n
		  : nwb_smb2_dir_entry_encode(buf + n, sizeof(buf) / 2, &e,
					      true);
	if (k > 0)
		seed_raw(buf, (size_t)(n + k));
	n = nwb_smb2_rename_info_encode(buf, sizeof(buf), true, &blob);
	if (n > 0)
		seed_raw(buf, (size_t)n);
}

static void seed_contexts(void)
{
	static uint8_t buf[1024];
	struct nwb_smb2_ctx_list list = {buf, sizeof(buf), 0, 0};
	const struct nwb_smb2_durable_v2 d = {.timeout_ms = 1000};
	const struct nwb_smb2_lease l = {.version = 2, .state = 7};
	const struct nwb_smb2_fid fid = {1, 2};
	int rc = nwb_smb2_ctx_add_lease(&list, &l);

	rc |= nwb_smb2_ctx_add_durable_v1(&list);
	rc |= nwb_smb2_ctx_add_reclaim_v1(&list, &fid);
	seed_raw(buf, list.len);
	rc |= nwb_smb2_ctx_add_durable_v2(&list, &d);
	rc |= nwb_smb2_ctx_add_reclaim_v2(&list, &d);
	nwb_assert(!rc);
	seed_raw(buf, list.len);
}

static void seed_ioctl_data(void)
{
	static const struct nwb_smb2_copychunk c = {.nr_chunks = 2};
	const struct nwb_smb2_validate_info v = {.nr_dialects = 2};
	const struct nwb_smb2_iface i = {.index = 1, .ipv4 = 0x7f000001};
	int n = nwb_smb2_copychunk_encode(once, sizeof(once), &c);

	seed_raw(once, (size_t)nwb_max(n, 0));
	n = nwb_smb2_validate_req_encode(once, sizeof(once), &v);
	seed_raw(once, (size_t)nwb_max(n, 0));
	n = nwb_smb2_iface_encode(once, sizeof(once), &i, false);
	seed_raw(once, (size_t)nwb_max(n, 0));
}

void fuzz_seeds(void)
{
	const struct nwb_smb2_write_req w = {.len = 8};
	const struct nwb_smb2_read_rsp r = {.len = 8};
	const struct nwb_smb2_transform t = {
		.size = 64, .flags = NWB_SMB2_TRANSFORM_ENCRYPTED};

	seed_negotiate_rsp.token = blob;
	seed_session_setup_req.token = blob;
	seed_session_setup_rsp.token = blob;
	seed_tree_connect_req.path = blob;
	seed_create_req.name = blob;
	seed_query_info_rsp.info = blob;
	seed_set_info_req.info = blob;
	seed_error_rsp.data = blob;
	seed_ioctl_req.in = blob;
	seed_ioctl_rsp.out = blob;
	seed_query_dir_req.pattern = blob;
	seed_query_dir_rsp.entries = blob;
	seed(64);
	kind++;
	memcpy(once + 64, "n\0e\0t\0w\0b\0", 10);
	fuzz_seed("\x01n\0e\0t\0w\0b\0", 11);
	kind++;
	seed(nwb_smb2_write_req_encode(once, sizeof(once), &w) + 8);
	kind++;
	seed(nwb_smb2_read_rsp_encode(once, sizeof(once), &r) + 8);
	kind++;
	seed_contexts();
	kind++;
	nwb_smb2_transform_encode(once, &t);
	seed_raw(once, NWB_SMB2_TRANSFORM_LEN + t.size);
	kind++;
	seed_ioctl_data();
	kind++;
	seed_info();
#define SEED(x)                                                                \
	kind++;                                                                \
	seed(nwb_smb2_##x##_encode(once, sizeof(once), &seed_##x));
	BODIES(SEED)
}
