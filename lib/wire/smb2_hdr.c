/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * SMB2 frame and header, and what has no body worth a struct.
 */
#include "smb2_le.h"

static const uint8_t protocol_id[4] = {0xfe, 'S', 'M', 'B'};

void nwb_smb2_nbt_encode(uint8_t *buf, uint32_t len)
{
	nwb_assert(len <= NWB_SMB2_FRAME_MAX);
	buf[0] = 0;
	buf[1] = (uint8_t)(len >> 16);
	buf[2] = (uint8_t)(len >> 8);
	buf[3] = (uint8_t)len;
}

int nwb_smb2_nbt_decode(const uint8_t *buf, uint32_t *ret_len)
{
	if (buf[0] != 0)
		return -EBADMSG;
	*ret_len = (uint32_t)buf[1] << 16 | (uint32_t)buf[2] << 8 | buf[3];
	return 0;
}

void nwb_smb2_hdr_encode(uint8_t *pdu, const struct nwb_smb2_hdr *hdr)
{
	memcpy(pdu, protocol_id, 4);
	put16(pdu + 4, NWB_SMB2_HDR_LEN);
	put16(pdu + NWB_SMB2_OFF_CHARGE, hdr->credit_charge);
	put32(pdu + NWB_SMB2_OFF_STATUS, hdr->status);
	put16(pdu + NWB_SMB2_OFF_COMMAND, hdr->command);
	put16(pdu + NWB_SMB2_OFF_CREDITS, hdr->credits);
	put32(pdu + NWB_SMB2_OFF_FLAGS, hdr->flags);
	put32(pdu + 20, hdr->next_command);
	put64(pdu + NWB_SMB2_OFF_MESSAGE_ID, hdr->message_id);
	if (hdr->flags & NWB_SMB2_F_ASYNC) {
		put64(pdu + 32, hdr->async_id);
	} else {
		put32(pdu + 32, 0);
		put32(pdu + NWB_SMB2_OFF_TREE_ID, hdr->tree_id);
	}
	put64(pdu + NWB_SMB2_OFF_SESSION_ID, hdr->session_id);
	memcpy(pdu + NWB_SMB2_OFF_SIGNATURE, hdr->signature, 16);
}

int nwb_smb2_hdr_decode(const uint8_t *pdu, size_t len,
			struct nwb_smb2_hdr *ret_hdr)
{
	struct nwb_smb2_hdr h = {0};

	if (len < NWB_SMB2_HDR_LEN || memcmp(pdu, protocol_id, 4) != 0 ||
	    get16(pdu + 4) != NWB_SMB2_HDR_LEN)
		return -EBADMSG;
	h.credit_charge = get16(pdu + NWB_SMB2_OFF_CHARGE);
	h.status = get32(pdu + NWB_SMB2_OFF_STATUS);
	h.command = get16(pdu + NWB_SMB2_OFF_COMMAND);
	h.credits = get16(pdu + NWB_SMB2_OFF_CREDITS);
	h.flags = get32(pdu + NWB_SMB2_OFF_FLAGS);
	h.next_command = get32(pdu + 20);
	h.message_id = get64(pdu + NWB_SMB2_OFF_MESSAGE_ID);
	if (h.flags & NWB_SMB2_F_ASYNC)
		h.async_id = get64(pdu + 32);
	else
		h.tree_id = get32(pdu + NWB_SMB2_OFF_TREE_ID);
	h.session_id = get64(pdu + NWB_SMB2_OFF_SESSION_ID);
	memcpy(h.signature, pdu + NWB_SMB2_OFF_SIGNATURE, 16);
	if (h.next_command != 0 &&
	    (h.next_command < NWB_SMB2_HDR_LEN || h.next_command % 8 != 0 ||
	     h.next_command > len))
		return -EBADMSG;
	*ret_hdr = h;
	return 0;
}

uint32_t nwb_smb2_charge(uint64_t len)
{
	return len == 0 ? 1 : (uint32_t)((len - 1) / 65536 + 1);
}

const char *nwb_smb2_command_name(unsigned int command)
{
	static const char *const names[] = {
		"NEGOTIATE",
		"SESSION_SETUP",
		"LOGOFF",
		"TREE_CONNECT",
		"TREE_DISCONNECT",
		"CREATE",
		"CLOSE",
		"FLUSH",
		"READ",
		"WRITE",
		"LOCK",
		"IOCTL",
		"CANCEL",
		"ECHO",
		"QUERY_DIRECTORY",
		"CHANGE_NOTIFY",
		"QUERY_INFO",
		"SET_INFO",
		"OPLOCK_BREAK",
	};

	return command < NWB_ARRAY_SIZE(names) ? names[command] : "?";
}

int nwb_smb2_empty_encode(uint8_t *pdu, size_t size)
{
	return begin_body(pdu, size, 4, 0, 4) ? (int)NWB_SMB2_HDR_LEN + 4
					      : -ENOSPC;
}

int nwb_smb2_empty_decode(const uint8_t *pdu, size_t len)
{
	return body_of(pdu, len, 4, 4) ? 0 : -EBADMSG;
}

/* [MS-SMB2] 2.2.2. One byte of ErrorData is sent even when it is empty. */
int nwb_smb2_error_rsp_encode(uint8_t *pdu, size_t size,
			      const struct nwb_smb2_error_rsp *m)
{
	size_t n = m->data.len ? m->data.len : 1;
	uint8_t *b = begin_body(pdu, size, 8, n, 9);

	if (!b)
		return -ENOSPC;
	b[2] = m->context_count;
	put32(b + 4, m->data.len);
	b[8] = 0;
	put_blob(b + 8, &m->data);
	return (int)(NWB_SMB2_HDR_LEN + 8 + n);
}

int nwb_smb2_error_rsp_decode(const uint8_t *pdu, size_t len,
			      struct nwb_smb2_error_rsp *ret_m)
{
	const uint8_t *b = body_of(pdu, len, 8, 9);
	struct nwb_smb2_error_rsp m;

	if (!b)
		return -EBADMSG;
	m.context_count = b[2];
	if (get_blob(pdu, len, 0, NWB_SMB2_HDR_LEN + 8, get32(b + 4), &m.data))
		return -EBADMSG;
	*ret_m = m;
	return 0;
}
