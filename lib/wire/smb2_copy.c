/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What goes into the IOCTLs that copy and zero ([MS-SMB2] 2.2.31.1, 2.2.32.1,
 * [MS-FSCC] 2.3.71).
 */
#include "nwb/smb2_ioctl.h"
#include "smb2_le.h"

int nwb_smb2_copychunk_encode(uint8_t *buf, size_t size,
			      const struct nwb_smb2_copychunk *m)
{
	size_t n = 32 + m->nr_chunks * 24ul;

	if (m->nr_chunks > NWB_SMB2_CHUNKS_MAX || size < n)
		return -ENOSPC;
	memcpy(buf, m->key, sizeof(m->key));
	put32(buf + 24, m->nr_chunks);
	put32(buf + 28, 0);
	for (uint32_t i = 0; i < m->nr_chunks; i++) {
		uint8_t *p = buf + 32 + i * 24ul;

		put64(p, m->chunk[i].from);
		put64(p + 8, m->chunk[i].to);
		put32(p + 16, m->chunk[i].len);
		put32(p + 20, 0);
	}
	return (int)n;
}

int nwb_smb2_copychunk_decode(const void *buf, size_t len,
			      struct nwb_smb2_copychunk *ret_m)
{
	const uint8_t *p = buf;
	uint32_t nr;

	if (len < 32)
		return -EBADMSG;
	nr = get32(p + 24);
	if (nr > NWB_SMB2_CHUNKS_MAX || (len - 32) / 24 < nr)
		return -EBADMSG;
	memcpy(ret_m->key, p, sizeof(ret_m->key));
	ret_m->nr_chunks = nr;
	for (uint32_t i = 0; i < nr; i++) {
		const uint8_t *c = p + 32 + i * 24ul;

		ret_m->chunk[i].from = get64(c);
		ret_m->chunk[i].to = get64(c + 8);
		ret_m->chunk[i].len = get32(c + 16);
	}
	return 0;
}

void nwb_smb2_copychunk_rsp_encode(uint8_t buf[NWB_SMB2_COPYCHUNK_RSP_LEN],
				   const struct nwb_smb2_copychunk_rsp *m)
{
	put32(buf, m->chunks);
	put32(buf + 4, m->chunk_bytes);
	put32(buf + 8, m->total);
}

int nwb_smb2_copychunk_rsp_decode(const void *buf, size_t len,
				  struct nwb_smb2_copychunk_rsp *ret_m)
{
	const uint8_t *p = buf;

	if (len < NWB_SMB2_COPYCHUNK_RSP_LEN)
		return -EBADMSG;
	ret_m->chunks = get32(p);
	ret_m->chunk_bytes = get32(p + 4);
	ret_m->total = get32(p + 8);
	return 0;
}

void nwb_smb2_zero_data_encode(uint8_t buf[NWB_SMB2_ZERO_DATA_LEN],
			       uint64_t from, uint64_t end)
{
	put64(buf, from);
	put64(buf + 8, end);
}

int nwb_smb2_zero_data_decode(const void *buf, size_t len, uint64_t *ret_from,
			      uint64_t *ret_end)
{
	const uint8_t *p = buf;
	uint64_t from, end;

	if (len < NWB_SMB2_ZERO_DATA_LEN)
		return -EBADMSG;
	from = get64(p);
	end = get64(p + 8);
	if (end < from)
		return -EBADMSG;
	*ret_from = from;
	*ret_end = end;
	return 0;
}
