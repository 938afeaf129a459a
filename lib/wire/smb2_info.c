/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * SMB2 QUERY_INFO and SET_INFO ([MS-SMB2] 2.2.37 - 2.2.40) and the two
 * information buffers in use ([MS-FSCC] 2.4).
 */
#include "smb2_le.h"

int nwb_smb2_query_info_req_encode(uint8_t *pdu, size_t size,
				   const struct nwb_smb2_query_info_req *m)
{
	uint8_t *b = begin_body(pdu, size, 41, 0, 41);

	if (!b)
		return -ENOSPC;
	b[2] = m->type;
	b[3] = m->class;
	put32(b + 4, m->max_len);
	put32(b + 16, m->additional);
	put32(b + 20, m->flags);
	put_fid(b + 24, &m->fid);
	return (int)NWB_SMB2_HDR_LEN + 41;
}

int nwb_smb2_query_info_req_decode(const uint8_t *pdu, size_t len,
				   struct nwb_smb2_query_info_req *ret_m)
{
	const uint8_t *b = body_of(pdu, len, 40, 41);

	if (!b)
		return -EBADMSG;
	ret_m->type = b[2];
	ret_m->class = b[3];
	ret_m->max_len = get32(b + 4);
	ret_m->additional = get32(b + 16);
	ret_m->flags = get32(b + 20);
	get_fid(b + 24, &ret_m->fid);
	return 0;
}

int nwb_smb2_query_info_rsp_encode(uint8_t *pdu, size_t size,
				   const struct nwb_smb2_query_info_rsp *m)
{
	uint8_t *b = begin_body(pdu, size, 8, m->info.len, 9);

	if (!b)
		return -ENOSPC;
	put16(b + 2, NWB_SMB2_HDR_LEN + 8);
	put32(b + 4, m->info.len);
	put_blob(b + 8, &m->info);
	return (int)(NWB_SMB2_HDR_LEN + 8 + m->info.len);
}

int nwb_smb2_query_info_rsp_decode(const uint8_t *pdu, size_t len,
				   struct nwb_smb2_query_info_rsp *ret_m)
{
	const uint8_t *b = body_of(pdu, len, 8, 9);
	struct nwb_smb2_query_info_rsp m;

	if (!b || get_blob(pdu, len, NWB_SMB2_HDR_LEN + 8, get16(b + 2),
			   get32(b + 4), &m.info))
		return -EBADMSG;
	*ret_m = m;
	return 0;
}

int nwb_smb2_set_info_req_encode(uint8_t *pdu, size_t size,
				 const struct nwb_smb2_set_info_req *m)
{
	uint8_t *b = begin_body(pdu, size, 32, m->info.len, 33);

	if (!b)
		return -ENOSPC;
	b[2] = m->type;
	b[3] = m->class;
	put32(b + 4, m->info.len);
	put16(b + 8, NWB_SMB2_HDR_LEN + 32);
	put32(b + 12, m->additional);
	put_fid(b + 16, &m->fid);
	put_blob(b + 32, &m->info);
	return (int)(NWB_SMB2_HDR_LEN + 32 + m->info.len);
}

int nwb_smb2_set_info_req_decode(const uint8_t *pdu, size_t len,
				 struct nwb_smb2_set_info_req *ret_m)
{
	const uint8_t *b = body_of(pdu, len, 32, 33);
	struct nwb_smb2_set_info_req m = {0};

	if (!b)
		return -EBADMSG;
	m.type = b[2];
	m.class = b[3];
	m.additional = get32(b + 12);
	get_fid(b + 16, &m.fid);
	if (get_blob(pdu, len, NWB_SMB2_HDR_LEN + 32, get16(b + 8),
		     get32(b + 4), &m.info))
		return -EBADMSG;
	*ret_m = m;
	return 0;
}

int nwb_smb2_set_info_rsp_encode(uint8_t *pdu, size_t size)
{
	return begin_body(pdu, size, 2, 0, 2) ? (int)NWB_SMB2_HDR_LEN + 2
					      : -ENOSPC;
}

int nwb_smb2_set_info_rsp_decode(const uint8_t *pdu, size_t len)
{
	return body_of(pdu, len, 2, 2) ? 0 : -EBADMSG;
}

void nwb_smb2_standard_info_encode(uint8_t buf[NWB_SMB2_STANDARD_INFO_LEN],
				   const struct nwb_smb2_standard_info *m)
{
	put64(buf, m->allocation);
	put64(buf + 8, m->eof);
	put32(buf + 16, m->links);
	buf[20] = m->delete_pending;
	buf[21] = m->directory;
	put16(buf + 22, 0);
}

/* Samba sends 24 bytes, others 22: what follows Directory is reserved. */
int nwb_smb2_standard_info_decode(const void *buf, size_t len,
				  struct nwb_smb2_standard_info *ret_m)
{
	const uint8_t *b = buf;

	if (len < 22)
		return -EBADMSG;
	ret_m->allocation = get64(b);
	ret_m->eof = get64(b + 8);
	ret_m->links = get32(b + 16);
	ret_m->delete_pending = b[20] != 0;
	ret_m->directory = b[21] != 0;
	return 0;
}

void nwb_smb2_eof_info_encode(uint8_t buf[8], uint64_t eof)
{
	put64(buf, eof);
}

int nwb_smb2_eof_info_decode(const void *buf, size_t len, uint64_t *ret_eof)
{
	if (len < 8)
		return -EBADMSG;
	*ret_eof = get64(buf);
	return 0;
}
