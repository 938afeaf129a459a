/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Little-endian access at any alignment, and the bounds check that all SMB2
 * decoders share. Private to lib/wire/smb2_*.c.
 */
#ifndef NWB_WIRE_SMB2_LE_H
#define NWB_WIRE_SMB2_LE_H

#include "nwb/smb2_pdu.h"

#include <errno.h>
#include <string.h>

static inline uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t get32(const uint8_t *p)
{
	return get16(p) | (uint32_t)get16(p + 2) << 16;
}

static inline uint64_t get64(const uint8_t *p)
{
	return get32(p) | (uint64_t)get32(p + 4) << 32;
}

static inline void put16(uint8_t *p, unsigned int v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static inline void put32(uint8_t *p, uint32_t v)
{
	put16(p, v & 0xffff);
	put16(p + 2, v >> 16);
}

static inline void put64(uint8_t *p, uint64_t v)
{
	put32(p, (uint32_t)v);
	put32(p + 4, (uint32_t)(v >> 32));
}

static inline void get_fid(const uint8_t *p, struct nwb_smb2_fid *ret)
{
	ret->persistent = get64(p);
	ret->volatil = get64(p + 8);
}

static inline void put_fid(uint8_t *p, const struct nwb_smb2_fid *fid)
{
	put64(p, fid->persistent);
	put64(p + 8, fid->volatil);
}

/*
 * A body of @fixed bytes behind the header: clears it and sets its
 * StructureSize. Returns where it starts, or NULL when @size is too small for
 * it and @extra bytes behind it.
 */
static inline uint8_t *begin_body(uint8_t *pdu, size_t size, size_t fixed,
				  size_t extra, unsigned int struct_size)
{
	if (size < NWB_SMB2_HDR_LEN + fixed ||
	    size - NWB_SMB2_HDR_LEN - fixed < extra)
		return NULL;
	memset(pdu + NWB_SMB2_HDR_LEN, 0, fixed);
	put16(pdu + NWB_SMB2_HDR_LEN, struct_size);
	return pdu + NWB_SMB2_HDR_LEN;
}

/* The body of a PDU that has at least @fixed bytes of it, or NULL. */
static inline const uint8_t *body_of(const uint8_t *pdu, size_t len,
				     size_t fixed, unsigned int struct_size)
{
	if (len < NWB_SMB2_HDR_LEN + fixed ||
	    get16(pdu + NWB_SMB2_HDR_LEN) != struct_size)
		return NULL;
	return pdu + NWB_SMB2_HDR_LEN;
}

/* [offset, offset + n) of a PDU of @len bytes, behind @min; empty is fine. */
static inline int get_blob(const uint8_t *pdu, size_t len, size_t min,
			   size_t offset, size_t n, struct nwb_smb2_blob *ret)
{
	ret->data = NULL;
	ret->len = 0;
	if (n == 0)
		return 0;
	if (offset < min || offset > len || n > len - offset)
		return -EBADMSG;
	ret->data = pdu + offset;
	ret->len = (uint32_t)n;
	return 0;
}

static inline void put_blob(uint8_t *to, const struct nwb_smb2_blob *b)
{
	if (b->len)
		memcpy(to, b->data, b->len);
}

#endif
