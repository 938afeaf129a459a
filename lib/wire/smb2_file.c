/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * SMB2 requests on files: CREATE, CLOSE, FLUSH, READ, WRITE ([MS-SMB2]
 * 2.2.13 - 2.2.22).
 */
#include "smb2_le.h"

/* An empty name still takes one byte of buffer, [MS-SMB2] 2.2.13; the create
 * contexts begin at a multiple of 8 behind it. */
int nwb_smb2_create_req_encode(uint8_t *pdu, size_t size,
			       const struct nwb_smb2_create_req *m)
{
	size_t n = m->name.len ? m->name.len : 1;
	size_t at = NWB_ROUND_UP(n, (size_t)8);
	size_t all = m->contexts.len ? at + m->contexts.len : n;
	uint8_t *b = begin_body(pdu, size, 56, all, 57);

	if (!b || m->name.len > UINT16_MAX)
		return -ENOSPC;
	b[3] = m->oplock;
	put32(b + 4, m->impersonation);
	put32(b + 24, m->access);
	put32(b + 28, m->attributes);
	put32(b + 32, m->share_access);
	put32(b + 36, m->disposition);
	put32(b + 40, m->options);
	put16(b + 44, NWB_SMB2_HDR_LEN + 56);
	put16(b + 46, m->name.len);
	memset(b + 56, 0, nwb_min(at, all));
	put_blob(b + 56, &m->name);
	if (m->contexts.len) {
		put32(b + 48, (uint32_t)(NWB_SMB2_HDR_LEN + 56 + at));
		put32(b + 52, m->contexts.len);
		put_blob(b + 56 + at, &m->contexts);
	}
	return (int)(NWB_SMB2_HDR_LEN + 56 + all);
}

int nwb_smb2_create_req_decode(const uint8_t *pdu, size_t len,
			       struct nwb_smb2_create_req *ret_m)
{
	const uint8_t *b = body_of(pdu, len, 56, 57);
	struct nwb_smb2_create_req m = {0};

	if (!b)
		return -EBADMSG;
	m.oplock = b[3];
	m.impersonation = get32(b + 4);
	m.access = get32(b + 24);
	m.attributes = get32(b + 28);
	m.share_access = get32(b + 32);
	m.disposition = get32(b + 36);
	m.options = get32(b + 40);
	if (get_blob(pdu, len, NWB_SMB2_HDR_LEN + 56, get16(b + 44),
		     get16(b + 46), &m.name) ||
	    get_blob(pdu, len, NWB_SMB2_HDR_LEN + 56, get32(b + 48),
		     get32(b + 52), &m.contexts))
		return -EBADMSG;
	*ret_m = m;
	return 0;
}

int nwb_smb2_create_rsp_encode(uint8_t *pdu, size_t size,
			       const struct nwb_smb2_create_rsp *m)
{
	uint8_t *b = begin_body(pdu, size, 88, m->contexts.len, 89);

	if (!b)
		return -ENOSPC;
	b[2] = m->oplock;
	put32(b + 4, m->action);
	put64(b + 8, m->creation_time);
	put64(b + 16, m->access_time);
	put64(b + 24, m->write_time);
	put64(b + 32, m->change_time);
	put64(b + 40, m->allocation);
	put64(b + 48, m->eof);
	put32(b + 56, m->attributes);
	put_fid(b + 64, &m->fid);
	if (m->contexts.len) {
		put32(b + 80, NWB_SMB2_HDR_LEN + 88);
		put32(b + 84, m->contexts.len);
		put_blob(b + 88, &m->contexts);
	}
	return (int)(NWB_SMB2_HDR_LEN + 88 + m->contexts.len);
}

int nwb_smb2_create_rsp_decode(const uint8_t *pdu, size_t len,
			       struct nwb_smb2_create_rsp *ret_m)
{
	const uint8_t *b = body_of(pdu, len, 88, 89);
	struct nwb_smb2_blob contexts;

	if (!b || get_blob(pdu, len, NWB_SMB2_HDR_LEN + 88, get32(b + 80),
			   get32(b + 84), &contexts))
		return -EBADMSG;
	ret_m->contexts = contexts;
	ret_m->oplock = b[2];
	ret_m->action = get32(b + 4);
	ret_m->creation_time = get64(b + 8);
	ret_m->access_time = get64(b + 16);
	ret_m->write_time = get64(b + 24);
	ret_m->change_time = get64(b + 32);
	ret_m->allocation = get64(b + 40);
	ret_m->eof = get64(b + 48);
	ret_m->attributes = get32(b + 56);
	get_fid(b + 64, &ret_m->fid);
	return 0;
}

int nwb_smb2_close_req_encode(uint8_t *pdu, size_t size,
			      const struct nwb_smb2_close_req *m)
{
	uint8_t *b = begin_body(pdu, size, 24, 0, 24);

	if (!b)
		return -ENOSPC;
	put16(b + 2, m->flags);
	put_fid(b + 8, &m->fid);
	return (int)NWB_SMB2_HDR_LEN + 24;
}

int nwb_smb2_close_req_decode(const uint8_t *pdu, size_t len,
			      struct nwb_smb2_close_req *ret_m)
{
	const uint8_t *b = body_of(pdu, len, 24, 24);

	if (!b)
		return -EBADMSG;
	ret_m->flags = get16(b + 2);
	get_fid(b + 8, &ret_m->fid);
	return 0;
}

int nwb_smb2_close_rsp_encode(uint8_t *pdu, size_t size,
			      const struct nwb_smb2_close_rsp *m)
{
	uint8_t *b = begin_body(pdu, size, 60, 0, 60);

	if (!b)
		return -ENOSPC;
	put16(b + 2, m->flags);
	put64(b + 40, m->allocation);
	put64(b + 48, m->eof);
	put32(b + 56, m->attributes);
	return (int)NWB_SMB2_HDR_LEN + 60;
}

int nwb_smb2_close_rsp_decode(const uint8_t *pdu, size_t len,
			      struct nwb_smb2_close_rsp *ret_m)
{
	const uint8_t *b = body_of(pdu, len, 60, 60);

	if (!b)
		return -EBADMSG;
	ret_m->flags = get16(b + 2);
	ret_m->allocation = get64(b + 40);
	ret_m->eof = get64(b + 48);
	ret_m->attributes = get32(b + 56);
	return 0;
}

int nwb_smb2_flush_req_encode(uint8_t *pdu, size_t size,
			      const struct nwb_smb2_flush_req *m)
{
	uint8_t *b = begin_body(pdu, size, 24, 0, 24);

	if (!b)
		return -ENOSPC;
	put_fid(b + 8, &m->fid);
	return (int)NWB_SMB2_HDR_LEN + 24;
}

int nwb_smb2_flush_req_decode(const uint8_t *pdu, size_t len,
			      struct nwb_smb2_flush_req *ret_m)
{
	const uint8_t *b = body_of(pdu, len, 24, 24);

	if (!b)
		return -EBADMSG;
	get_fid(b + 8, &ret_m->fid);
	return 0;
}

/* DataOffset of the response is asked for right behind its fixed part; one
 * byte of buffer is always sent, [MS-SMB2] 2.2.19. */
int nwb_smb2_read_req_encode(uint8_t *pdu, size_t size,
			     const struct nwb_smb2_read_req *m)
{
	uint8_t *b = begin_body(pdu, size, 49, 0, 49);

	if (!b)
		return -ENOSPC;
	b[2] = NWB_SMB2_READ_HDR_LEN;
	put32(b + 4, m->len);
	put64(b + 8, m->offset);
	put_fid(b + 16, &m->fid);
	put32(b + 32, m->min_count);
	return (int)NWB_SMB2_HDR_LEN + 49;
}

int nwb_smb2_read_req_decode(const uint8_t *pdu, size_t len,
			     struct nwb_smb2_read_req *ret_m)
{
	const uint8_t *b = body_of(pdu, len, 48, 49);

	if (!b)
		return -EBADMSG;
	ret_m->len = get32(b + 4);
	ret_m->offset = get64(b + 8);
	get_fid(b + 16, &ret_m->fid);
	ret_m->min_count = get32(b + 32);
	return 0;
}

int nwb_smb2_read_rsp_encode(uint8_t *pdu, size_t size,
			     const struct nwb_smb2_read_rsp *m)
{
	uint8_t *b = begin_body(pdu, size, 16, 0, 17);

	if (!b)
		return -ENOSPC;
	b[2] = NWB_SMB2_READ_HDR_LEN;
	put32(b + 4, m->len);
	put32(b + 8, m->remaining);
	return (int)NWB_SMB2_READ_HDR_LEN;
}

int nwb_smb2_read_rsp_decode(const uint8_t *pdu, size_t len, size_t total,
			     struct nwb_smb2_read_rsp *ret_m)
{
	const uint8_t *b = body_of(pdu, len, 16, 17);
	struct nwb_smb2_read_rsp m;
	struct nwb_smb2_blob data;

	if (!b || total < len)
		return -EBADMSG;
	m.data_offset = b[2];
	m.len = get32(b + 4);
	m.remaining = get32(b + 8);
	if (get_blob(pdu, total, NWB_SMB2_READ_HDR_LEN, m.data_offset, m.len,
		     &data))
		return -EBADMSG;
	*ret_m = m;
	return 0;
}

int nwb_smb2_write_req_encode(uint8_t *pdu, size_t size,
			      const struct nwb_smb2_write_req *m)
{
	uint8_t *b = begin_body(pdu, size, 48, 0, 49);

	if (!b)
		return -ENOSPC;
	put16(b + 2, NWB_SMB2_WRITE_HDR_LEN);
	put32(b + 4, m->len);
	put64(b + 8, m->offset);
	put_fid(b + 16, &m->fid);
	put32(b + 36, m->remaining);
	put32(b + 44, m->flags);
	return (int)NWB_SMB2_WRITE_HDR_LEN;
}

int nwb_smb2_write_req_decode(const uint8_t *pdu, size_t len, size_t total,
			      struct nwb_smb2_write_req *ret_m)
{
	const uint8_t *b = body_of(pdu, len, 48, 49);
	struct nwb_smb2_write_req m;
	struct nwb_smb2_blob data;

	if (!b || total < len)
		return -EBADMSG;
	m.data_offset = get16(b + 2);
	m.len = get32(b + 4);
	m.offset = get64(b + 8);
	get_fid(b + 16, &m.fid);
	m.remaining = get32(b + 36);
	m.flags = get32(b + 44);
	if (get_blob(pdu, total, NWB_SMB2_WRITE_HDR_LEN, m.data_offset, m.len,
		     &data))
		return -EBADMSG;
	*ret_m = m;
	return 0;
}

int nwb_smb2_write_rsp_encode(uint8_t *pdu, size_t size,
			      const struct nwb_smb2_write_rsp *m)
{
	uint8_t *b = begin_body(pdu, size, 16, 0, 17);

	if (!b)
		return -ENOSPC;
	put32(b + 4, m->count);
	put32(b + 8, m->remaining);
	return (int)NWB_SMB2_HDR_LEN + 16;
}

int nwb_smb2_write_rsp_decode(const uint8_t *pdu, size_t len,
			      struct nwb_smb2_write_rsp *ret_m)
{
	const uint8_t *b = body_of(pdu, len, 16, 17);

	if (!b)
		return -EBADMSG;
	ret_m->count = get32(b + 4);
	ret_m->remaining = get32(b + 8);
	return 0;
}
