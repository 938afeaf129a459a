/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hand_smb2.h"
#include "nwb_test.h"
#include <stdlib.h>
#include <string.h>

#define PDU(h)	  ((h)->tx + NWB_SMB2_NBT_LEN)
#define PDU_BYTES (HAND_BYTES - NWB_SMB2_NBT_LEN)

void hand_init(struct hand *h, struct nwb_exec *ex)
{
	memset(h, 0, sizeof(*h));
	h->ex = ex;
	h->ask = 1;
	h->tx = calloc(1, HAND_BYTES);
	h->rx = calloc(1, HAND_BYTES);
	nwb_check(h->tx && h->rx);
}

void hand_fini(struct hand *h)
{
	nwb_sock_close(h->sock);
	free(h->tx);
	free(h->rx);
}

int hand_dial(struct hand *h, struct nwb_dialer *d)
{
	nwb_sock_close(h->sock);
	h->sock = NULL;
	h->mid = h->sid = 0;
	h->tid = 0;
	h->credits = 1;
	return d->dial(d, h->ex, &h->sock, NULL);
}

void hand_send(struct hand *h, unsigned int command, int len, uint16_t charge)
{
	struct nwb_smb2_hdr hdr = {
		.credit_charge = charge,
		.command = (uint16_t)command,
		.credits = h->ask,
		.message_id = h->mid,
		.tree_id = h->tid,
		.session_id = h->sid,
	};
	struct iovec iov = {h->tx, NWB_SMB2_NBT_LEN + (size_t)len};
	int rc;

	nwb_check(len > 0);
	h->mid += charge ? charge : 1;
	h->credits -= charge ? charge : 1;
	nwb_smb2_nbt_encode(h->tx, (uint32_t)len);
	nwb_smb2_hdr_encode(PDU(h), &hdr);
	/* A server that has closed is noticed by hand_recv(). */
	rc = nwb_sock_sendv(h->sock, &iov, 1);
	(void)rc;
}

int hand_recv(struct hand *h)
{
	uint32_t len;

	if (nwb_sock_recv(h->sock, h->rx, 4, 4) <= 0)
		return -1;
	nwb_check_eq(nwb_smb2_nbt_decode(h->rx, &len), 0);
	nwb_check(len <= HAND_BYTES);
	if (nwb_sock_recv(h->sock, h->rx, len, len) <= 0)
		return -1;
	h->rsp_len = len;
	nwb_check_eq(nwb_smb2_hdr_decode(h->rx, len, &h->rsp), 0);
	nwb_check(h->rsp.flags & NWB_SMB2_F_RESPONSE);
	h->credits += h->rsp.credits;
	return 0;
}

static void call(struct hand *h, unsigned int command, int len)
{
	hand_send(h, command, len, 1);
	nwb_check_eq(hand_recv(h), 0);
	nwb_check_eq(h->rsp.command, command);
	nwb_check_eq(h->rsp.message_id, h->mid - 1);
}

/* AUTHENTICATE_MESSAGE, [MS-NLMP] 2.2.1.3: anonymous, or of a user "x" whom
 * nobody knows, with a response that nobody will check. */
static size_t make_type3(uint8_t *m, bool has_user)
{
	static const uint8_t start[12] = "NTLMSSP\0\3\0\0";
	unsigned int i;

	memset(m, 0, 128);
	memcpy(m, start, sizeof(start));
	for (i = 16; i < 60; i += 8) /* six empty fields at offset 64 */
		m[i] = 64;
	m[60] = 5; /* flags: UNICODE, REQUEST_TARGET, NTLM */
	m[61] = 2;
	if (!has_user) {
		m[12] = m[14] = 1; /* LM response: one zero byte */
		m[61] |= 8;	   /* ANONYMOUS */
		return 65;
	}
	m[20] = m[22] = 24; /* NT response */
	m[36] = m[38] = 2;  /* user name */
	m[40] = 88;
	m[88] = 'x';
	return 90;
}

void hand_login(struct hand *h, uint64_t previous)
{
	/* NEGOTIATE_MESSAGE, [MS-NLMP] 2.2.1.1 */
	static const uint8_t type1[32] = "NTLMSSP\0\1\0\0\0\5\2";
	uint8_t type3[128];
	struct nwb_smb2_negotiate_req n = {
		.dialects = {NWB_SMB2_DIALECT_0311},
		.nr_dialects = 1,
		.has_preauth = true,
	};
	struct nwb_smb2_session_setup_req s = {.token = {type1, sizeof(type1)}};
	struct nwb_smb2_tree_connect_req t = {0};
	uint8_t path[64];

	call(h, NWB_SMB2_NEGOTIATE,
	     nwb_smb2_negotiate_req_encode(PDU(h), PDU_BYTES, &n));
	nwb_check_eq(h->rsp.status, 0);
	if (h->login != HAND_TEST) {
		call(h, NWB_SMB2_SESSION_SETUP,
		     nwb_smb2_session_setup_req_encode(PDU(h), PDU_BYTES, &s));
		nwb_check_eq(h->rsp.status,
			     NWB_STATUS_MORE_PROCESSING_REQUIRED);
		h->sid = h->rsp.session_id;
	}
	s.token.data = type3;
	s.token.len = (uint32_t)make_type3(type3, h->login == HAND_GUEST);
	if (h->login == HAND_TEST)
		s.token = (struct nwb_smb2_blob){(const uint8_t *)"test", 4};
	s.previous_session_id = previous;
	call(h, NWB_SMB2_SESSION_SETUP,
	     nwb_smb2_session_setup_req_encode(PDU(h), PDU_BYTES, &s));
	nwb_check_eq(h->rsp.status, 0);
	h->sid = h->rsp.session_id;
	t.path.data = path;
	t.path.len = (uint32_t)nwb_smb2_utf16_encode(path, sizeof(path),
						     "\\\\srv\\s");
	call(h, NWB_SMB2_TREE_CONNECT,
	     nwb_smb2_tree_connect_req_encode(PDU(h), PDU_BYTES, &t));
	nwb_check_eq(h->rsp.status, 0);
	h->tid = h->rsp.tree_id;
}

uint32_t hand_create(struct hand *h, const char *name)
{
	struct nwb_smb2_create_req q = {
		.impersonation = NWB_SMB2_IMPERSONATION,
		.access = NWB_SMB2_ACCESS_RW,
		.share_access = NWB_SMB2_SHARE_ALL,
		.disposition = NWB_SMB2_FILE_OPEN_IF,
	};
	struct nwb_smb2_create_rsp m;
	uint8_t utf16[512];

	q.name.data = utf16;
	q.name.len =
		(uint32_t)nwb_smb2_utf16_encode(utf16, sizeof(utf16), name);
	call(h, NWB_SMB2_CREATE,
	     nwb_smb2_create_req_encode(PDU(h), PDU_BYTES, &q));
	if (h->rsp.status)
		return h->rsp.status;
	nwb_check_eq(nwb_smb2_create_rsp_decode(h->rx, h->rsp_len, &m), 0);
	h->fid = m.fid;
	return 0;
}

void hand_open(struct hand *h, struct nwb_dialer *d, const char *name)
{
	nwb_check_eq(hand_dial(h, d), 0);
	hand_login(h, 0);
	nwb_check_eq(hand_create(h, name), 0);
}

void hand_write(struct hand *h, uint64_t offset, uint32_t len, char fill)
{
	struct nwb_smb2_write_req q = {
		.len = len, .offset = offset, .fid = h->fid};
	int n = nwb_smb2_write_req_encode(PDU(h), PDU_BYTES, &q);

	memset(PDU(h) + n, fill, len);
	hand_send(h, NWB_SMB2_WRITE, n + (int)len,
		  (uint16_t)nwb_smb2_charge(len));
}

void hand_flush(struct hand *h)
{
	struct nwb_smb2_flush_req q = {h->fid};

	hand_send(h, NWB_SMB2_FLUSH,
		  nwb_smb2_flush_req_encode(PDU(h), PDU_BYTES, &q), 1);
}

void hand_echo(struct hand *h)
{
	hand_send(h, NWB_SMB2_ECHO, nwb_smb2_empty_encode(PDU(h), PDU_BYTES),
		  1);
}

void hand_read(struct hand *h, uint64_t offset, uint32_t len)
{
	struct nwb_smb2_read_req q = {
		.len = len, .offset = offset, .fid = h->fid};

	hand_send(h, NWB_SMB2_READ,
		  nwb_smb2_read_req_encode(PDU(h), PDU_BYTES, &q),
		  (uint16_t)nwb_smb2_charge(len));
}
