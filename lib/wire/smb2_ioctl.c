/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * SMB2 IOCTL ([MS-SMB2] 2.2.31, 2.2.32) and the buffers of
 * FSCTL_VALIDATE_NEGOTIATE_INFO (2.2.31.4, 2.2.32.6) and
 * FSCTL_QUERY_NETWORK_INTERFACE_INFO (2.2.32.5).
 */
#include "smb2_le.h"

int nwb_smb2_ioctl_req_encode(uint8_t *pdu, size_t size,
			      const struct nwb_smb2_ioctl_req *m)
{
	uint8_t *b = begin_body(pdu, size, 56, m->in.len, 57);

	if (!b)
		return -ENOSPC;
	put32(b + 4, m->code);
	put_fid(b + 8, &m->fid);
	put32(b + 24, NWB_SMB2_HDR_LEN + 56);
	put32(b + 28, m->in.len);
	put32(b + 44, m->max_out);
	put32(b + 48, m->flags);
	put_blob(b + 56, &m->in);
	return (int)(NWB_SMB2_HDR_LEN + 56 + m->in.len);
}

int nwb_smb2_ioctl_req_decode(const uint8_t *pdu, size_t len,
			      struct nwb_smb2_ioctl_req *ret_m)
{
	const uint8_t *b = body_of(pdu, len, 56, 57);
	struct nwb_smb2_ioctl_req m = {0};

	if (!b)
		return -EBADMSG;
	m.code = get32(b + 4);
	get_fid(b + 8, &m.fid);
	m.max_out = get32(b + 44);
	m.flags = get32(b + 48);
	if (get_blob(pdu, len, NWB_SMB2_HDR_LEN + 56, get32(b + 24),
		     get32(b + 28), &m.in))
		return -EBADMSG;
	*ret_m = m;
	return 0;
}

int nwb_smb2_ioctl_rsp_encode(uint8_t *pdu, size_t size,
			      const struct nwb_smb2_ioctl_rsp *m)
{
	uint8_t *b = begin_body(pdu, size, 48, m->out.len, 49);

	if (!b)
		return -ENOSPC;
	put32(b + 4, m->code);
	put_fid(b + 8, &m->fid);
	put32(b + 24, NWB_SMB2_HDR_LEN + 48);
	put32(b + 32, NWB_SMB2_HDR_LEN + 48);
	put32(b + 36, m->out.len);
	put_blob(b + 48, &m->out);
	return (int)(NWB_SMB2_HDR_LEN + 48 + m->out.len);
}

int nwb_smb2_ioctl_rsp_decode(const uint8_t *pdu, size_t len,
			      struct nwb_smb2_ioctl_rsp *ret_m)
{
	const uint8_t *b = body_of(pdu, len, 48, 49);
	struct nwb_smb2_ioctl_rsp m = {0};

	if (!b)
		return -EBADMSG;
	m.code = get32(b + 4);
	get_fid(b + 8, &m.fid);
	if (get_blob(pdu, len, NWB_SMB2_HDR_LEN + 48, get32(b + 32),
		     get32(b + 36), &m.out))
		return -EBADMSG;
	*ret_m = m;
	return 0;
}

int nwb_smb2_validate_req_encode(uint8_t *buf, size_t size,
				 const struct nwb_smb2_validate_info *m)
{
	size_t len = 24 + 2 * m->nr_dialects;

	nwb_assert(m->nr_dialects <= NWB_SMB2_DIALECTS_MAX);
	if (size < len)
		return -ENOSPC;
	put32(buf, m->capabilities);
	memcpy(buf + 4, m->guid, 16);
	put16(buf + 20, m->security_mode);
	put16(buf + 22, m->nr_dialects);
	for (unsigned int i = 0; i < m->nr_dialects; i++)
		put16(buf + 24 + 2 * i, m->dialects[i]);
	return (int)len;
}

int nwb_smb2_validate_req_decode(const void *buf, size_t len,
				 struct nwb_smb2_validate_info *ret_m)
{
	struct nwb_smb2_validate_info m = {0};
	const uint8_t *b = buf;
	size_t nr;

	if (len < 24)
		return -EBADMSG;
	nr = get16(b + 22);
	if (nr == 0 || nr > NWB_SMB2_DIALECTS_MAX || len - 24 < 2 * nr)
		return -EBADMSG;
	m.capabilities = get32(b);
	memcpy(m.guid, b + 4, 16);
	m.security_mode = get16(b + 20);
	m.nr_dialects = (unsigned int)nr;
	for (size_t i = 0; i < nr; i++)
		m.dialects[i] = get16(b + 24 + 2 * i);
	*ret_m = m;
	return 0;
}

/* As the request, with one dialect in the place of the count. */
int nwb_smb2_validate_rsp_encode(uint8_t *buf, size_t size,
				 const struct nwb_smb2_validate_info *m)
{
	nwb_assert(m->nr_dialects == 1);
	if (size < NWB_SMB2_VALIDATE_RSP_LEN)
		return -ENOSPC;
	put32(buf, m->capabilities);
	memcpy(buf + 4, m->guid, 16);
	put16(buf + 20, m->security_mode);
	put16(buf + 22, m->dialects[0]);
	return (int)NWB_SMB2_VALIDATE_RSP_LEN;
}

int nwb_smb2_validate_rsp_decode(const void *buf, size_t len,
				 struct nwb_smb2_validate_info *ret_m)
{
	struct nwb_smb2_validate_info m = {.nr_dialects = 1};
	const uint8_t *b = buf;

	if (len != NWB_SMB2_VALIDATE_RSP_LEN)
		return -EBADMSG;
	m.capabilities = get32(b);
	memcpy(m.guid, b + 4, 16);
	m.security_mode = get16(b + 20);
	m.dialects[0] = get16(b + 22);
	*ret_m = m;
	return 0;
}

#define FAMILY_IPV4 2u

int nwb_smb2_iface_encode(uint8_t *buf, size_t size,
			  const struct nwb_smb2_iface *m, bool is_last)
{
	if (size < NWB_SMB2_IFACE_LEN)
		return -ENOSPC;
	memset(buf, 0, NWB_SMB2_IFACE_LEN);
	put32(buf, is_last ? 0 : NWB_SMB2_IFACE_LEN);
	put32(buf + 4, m->index);
	put32(buf + 8, m->capability);
	put64(buf + 16, m->speed);
	put16(buf + 24, FAMILY_IPV4);
	/* the address is in network order, as in a sockaddr_in */
	for (unsigned int i = 0; i < 4; i++)
		buf[28 + i] = (uint8_t)(m->ipv4 >> (24 - 8 * i));
	return (int)NWB_SMB2_IFACE_LEN;
}

int nwb_smb2_iface_decode(const void *buf, size_t len,
			  struct nwb_smb2_iface *ret_m, size_t *ret_next)
{
	struct nwb_smb2_iface m = {0};
	const uint8_t *b = buf;
	uint32_t next;

	if (len < NWB_SMB2_IFACE_LEN)
		return -EBADMSG;
	next = get32(b);
	if (next && (next < NWB_SMB2_IFACE_LEN || next > len))
		return -EBADMSG;
	m.index = get32(b + 4);
	m.capability = get32(b + 8);
	m.speed = get64(b + 16);
	if (get16(b + 24) == FAMILY_IPV4)
		for (unsigned int i = 0; i < 4; i++)
			m.ipv4 = m.ipv4 << 8 | b[28 + i];
	*ret_m = m;
	*ret_next = next;
	return 0;
}
