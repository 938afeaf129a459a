/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * QUERY_DIRECTORY, and what stands in its entries and in the information
 * buffers about names and attributes.
 */
#include "nwb/smb2_info.h"

#include "smb2_le.h"

void nwb_smb2_time(uint64_t filetime, int64_t *ret_sec, uint32_t *ret_nsec)
{
	*ret_sec = (int64_t)(filetime / NWB_SMB2_TICKS_A_SECOND) -
		   NWB_SMB2_EPOCH_SECONDS;
	*ret_nsec = (uint32_t)(filetime % NWB_SMB2_TICKS_A_SECOND) * 100;
}

uint64_t nwb_smb2_filetime(int64_t sec, uint32_t nsec)
{
	const int64_t last = INT64_MAX / (int64_t)NWB_SMB2_TICKS_A_SECOND - 1;

	/* negative ones have a meaning of their own, [MS-FSCC] 2.4.7 */
	if (sec > last - NWB_SMB2_EPOCH_SECONDS)
		return (uint64_t)last * NWB_SMB2_TICKS_A_SECOND;
	if (sec < -NWB_SMB2_EPOCH_SECONDS)
		return 1;
	return nwb_max((uint64_t)(sec + NWB_SMB2_EPOCH_SECONDS) *
				       NWB_SMB2_TICKS_A_SECOND +
			       nsec / 100,
		       (uint64_t)1);
}

int nwb_smb2_query_dir_req_encode(uint8_t *pdu, size_t size,
				  const struct nwb_smb2_query_dir_req *m)
{
	uint8_t *b = begin_body(pdu, size, 32, m->pattern.len, 33);

	if (!b || m->pattern.len > UINT16_MAX)
		return -ENOSPC;
	b[2] = m->class;
	b[3] = m->flags;
	put32(b + 4, m->index);
	put_fid(b + 8, &m->fid);
	put16(b + 24, NWB_SMB2_HDR_LEN + 32);
	put16(b + 26, m->pattern.len);
	put32(b + 28, m->max_len);
	put_blob(b + 32, &m->pattern);
	return (int)(NWB_SMB2_HDR_LEN + 32 + m->pattern.len);
}

int nwb_smb2_query_dir_req_decode(const uint8_t *pdu, size_t len,
				  struct nwb_smb2_query_dir_req *ret_m)
{
	const uint8_t *b = body_of(pdu, len, 32, 33);
	struct nwb_smb2_query_dir_req m = {0};

	if (!b)
		return -EBADMSG;
	m.class = b[2];
	m.flags = b[3];
	m.index = get32(b + 4);
	get_fid(b + 8, &m.fid);
	m.max_len = get32(b + 28);
	if (get_blob(pdu, len, NWB_SMB2_HDR_LEN + 32, get16(b + 24),
		     get16(b + 26), &m.pattern))
		return -EBADMSG;
	*ret_m = m;
	return 0;
}

int nwb_smb2_query_dir_rsp_encode(uint8_t *pdu, size_t size,
				  const struct nwb_smb2_query_dir_rsp *m)
{
	uint8_t *b = begin_body(pdu, size, 8, m->entries.len, 9);

	if (!b)
		return -ENOSPC;
	put16(b + 2, NWB_SMB2_HDR_LEN + 8);
	put32(b + 4, m->entries.len);
	put_blob(b + 8, &m->entries);
	return (int)(NWB_SMB2_HDR_LEN + 8 + m->entries.len);
}

int nwb_smb2_query_dir_rsp_decode(const uint8_t *pdu, size_t len,
				  struct nwb_smb2_query_dir_rsp *ret_m)
{
	const uint8_t *b = body_of(pdu, len, 8, 9);
	struct nwb_smb2_query_dir_rsp m;

	if (!b || get_blob(pdu, len, NWB_SMB2_HDR_LEN + 8, get16(b + 2),
			   get32(b + 4), &m.entries))
		return -EBADMSG;
	*ret_m = m;
	return 0;
}

/* --- information buffers ---------------------------------------------------
 */

void nwb_smb2_basic_info_encode(uint8_t buf[NWB_SMB2_BASIC_INFO_LEN],
				const struct nwb_smb2_basic_info *m)
{
	put64(buf, m->creation_time);
	put64(buf + 8, m->access_time);
	put64(buf + 16, m->write_time);
	put64(buf + 24, m->change_time);
	put32(buf + 32, m->attributes);
	put32(buf + 36, 0);
}

int nwb_smb2_basic_info_decode(const void *buf, size_t len,
			       struct nwb_smb2_basic_info *ret_m)
{
	const uint8_t *b = buf;

	if (len < 36)
		return -EBADMSG;
	ret_m->creation_time = get64(b);
	ret_m->access_time = get64(b + 8);
	ret_m->write_time = get64(b + 16);
	ret_m->change_time = get64(b + 24);
	ret_m->attributes = get32(b + 32);
	return 0;
}

int nwb_smb2_internal_info_decode(const void *buf, size_t len,
				  uint64_t *ret_number)
{
	if (len < 8)
		return -EBADMSG;
	*ret_number = get64(buf);
	return 0;
}

int nwb_smb2_rename_info_encode(uint8_t *buf, size_t size, bool replace,
				const struct nwb_smb2_blob *name)
{
	if (size < NWB_SMB2_RENAME_INFO_LEN ||
	    size - NWB_SMB2_RENAME_INFO_LEN < name->len)
		return -ENOSPC;
	memset(buf, 0, NWB_SMB2_RENAME_INFO_LEN);
	buf[0] = replace;
	put32(buf + 16, name->len);
	put_blob(buf + 20, name);
	return (int)(NWB_SMB2_RENAME_INFO_LEN + name->len);
}

int nwb_smb2_rename_info_decode(const void *buf, size_t len, bool *ret_replace,
				struct nwb_smb2_blob *ret_name)
{
	const uint8_t *b = buf;

	if (len < NWB_SMB2_RENAME_INFO_LEN ||
	    get32(b + 16) > len - NWB_SMB2_RENAME_INFO_LEN)
		return -EBADMSG;
	*ret_replace = b[0] != 0;
	*ret_name = (struct nwb_smb2_blob){b + 20, get32(b + 16)};
	return 0;
}

int nwb_smb2_dir_entry_encode(uint8_t *buf, size_t size,
			      const struct nwb_smb2_dir_entry *m, bool is_last)
{
	size_t n = NWB_SMB2_DIR_ENTRY_LEN + m->name.len;
	size_t all = is_last ? n : NWB_ROUND_UP(n, (size_t)8);

	if (size < all)
		return -ENOSPC;
	memset(buf, 0, all);
	put32(buf, is_last ? 0 : (uint32_t)all);
	put64(buf + 8, m->creation_time);
	put64(buf + 16, m->access_time);
	put64(buf + 24, m->write_time);
	put64(buf + 32, m->change_time);
	put64(buf + 40, m->eof);
	put64(buf + 48, m->allocation);
	put32(buf + 56, m->attributes);
	put32(buf + 60, m->name.len);
	put32(buf + 64, m->ea_size);
	put64(buf + 72, m->number);
	put_blob(buf + 80, &m->name);
	return (int)all;
}

int nwb_smb2_dir_entry_decode(const void *buf, size_t len,
			      struct nwb_smb2_dir_entry *ret_m,
			      size_t *ret_next)
{
	const uint8_t *b = buf;
	uint32_t next, name_len;

	if (len < NWB_SMB2_DIR_ENTRY_LEN)
		return -EBADMSG;
	next = get32(b);
	name_len = get32(b + 60);
	if (name_len > len - NWB_SMB2_DIR_ENTRY_LEN ||
	    (next && (next < NWB_SMB2_DIR_ENTRY_LEN + name_len || next > len)))
		return -EBADMSG;
	ret_m->creation_time = get64(b + 8);
	ret_m->access_time = get64(b + 16);
	ret_m->write_time = get64(b + 24);
	ret_m->change_time = get64(b + 32);
	ret_m->eof = get64(b + 40);
	ret_m->allocation = get64(b + 48);
	ret_m->attributes = get32(b + 56);
	ret_m->ea_size = get32(b + 64);
	ret_m->number = get64(b + 72);
	ret_m->name = (struct nwb_smb2_blob){b + 80, name_len};
	*ret_next = next;
	return 0;
}

int nwb_smb2_fs_size_decode(const void *buf, size_t len,
			    struct nwb_smb2_fs_size *ret_m)
{
	const uint8_t *b = buf;
	uint64_t unit;

	if (len < NWB_SMB2_FS_SIZE_LEN)
		return -EBADMSG;
	unit = (uint64_t)get32(b + 24) * get32(b + 28);
	if (!unit || unit > UINT32_MAX)
		return -EBADMSG;
	ret_m->total = get64(b);
	ret_m->avail = get64(b + 8);
	ret_m->free = get64(b + 16);
	ret_m->unit_bytes = (uint32_t)unit;
	return 0;
}
