/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Create contexts ([MS-SMB2] 2.2.13.2, 2.2.14.2) and OPLOCK_BREAK (2.2.23 -
 * 2.2.25).
 *
 *	| Next | NameOffset 16 | NameLength 4 | DataOffset 24 | DataLength |
 *	| tag, 4 bytes of padding | data | padding to 8, but for the last |
 */
#include "nwb/smb2_ctx.h"
#include "smb2_le.h"

#define CTX_HDR	 24u
#define TAG_LEN	 4u
#define CTXS_MAX 64u

int nwb_smb2_ctx_add(struct nwb_smb2_ctx_list *list, const char *tag,
		     const void *data, size_t len)
{
	size_t at = NWB_ROUND_UP(list->len, (size_t)8);
	uint8_t *p;

	if (at > list->size || list->size - at < CTX_HDR ||
	    list->size - at - CTX_HDR < len)
		return -ENOSPC;
	p = list->buf + at;
	memset(list->buf + list->len, 0, at - list->len);
	memset(p, 0, CTX_HDR);
	put16(p + 4, 16);
	put16(p + 6, TAG_LEN);
	if (len) {
		put16(p + 10, CTX_HDR);
		put32(p + 12, (uint32_t)len);
		memcpy(p + CTX_HDR, data, len);
	}
	memcpy(p + 16, tag, TAG_LEN);
	if (at)
		put32(list->buf + list->last, (uint32_t)(at - list->last));
	list->last = at;
	list->len = at + CTX_HDR + len;
	return 0;
}

/* The context at @at: is it @tag? Sets where the next one is, 0: none. */
static int ctx_look(const struct nwb_smb2_blob *list, size_t at,
		    const char *tag, bool *ret_found,
		    struct nwb_smb2_blob *ret_data, size_t *ret_next)
{
	size_t left = list->len - at;
	const uint8_t *p = list->data + at;
	struct nwb_smb2_blob name, data;
	uint32_t next;

	if (left < 16)
		return -EBADMSG;
	next = get32(p);
	if (next && (next % 8 || next < 16 || next >= left))
		return -EBADMSG;
	if (next)
		left = next;
	if (get_blob(p, left, 16, get16(p + 4), get16(p + 6), &name) ||
	    get_blob(p, left, 16, get16(p + 10), get32(p + 12), &data))
		return -EBADMSG;
	*ret_next = next;
	*ret_found =
		name.len == TAG_LEN && memcmp(name.data, tag, TAG_LEN) == 0;
	if (*ret_found)
		*ret_data = data;
	return 0;
}

int nwb_smb2_ctx_find(const struct nwb_smb2_blob *list, const char *tag,
		      struct nwb_smb2_blob *ret_data)
{
	struct nwb_smb2_blob data = {0};
	size_t at = 0, next = 0;

	if (!list->len)
		return -ENOENT;
	for (unsigned int i = 0; i < CTXS_MAX; i++) {
		bool is_it;
		int rc = ctx_look(list, at, tag, &is_it, &data, &next);

		if (rc)
			return rc;
		if (is_it) {
			*ret_data = data;
			return 0;
		}
		if (!next)
			return -ENOENT;
		at += next;
	}
	return -EBADMSG;
}

/* The data of @tag, which must have @len bytes. */
static int ctx_fixed(const struct nwb_smb2_blob *list, const char *tag,
		     size_t len, const uint8_t **ret_p)
{
	struct nwb_smb2_blob data;
	int rc = nwb_smb2_ctx_find(list, tag, &data);

	if (!rc && data.len != len)
		rc = -EBADMSG;
	if (!rc)
		*ret_p = data.data;
	return rc;
}

/* --- durable handles ------------------------------------------------------ */

int nwb_smb2_ctx_add_durable_v1(struct nwb_smb2_ctx_list *list)
{
	static const uint8_t reserved[16];

	return nwb_smb2_ctx_add(list, "DHnQ", reserved, sizeof(reserved));
}

int nwb_smb2_ctx_add_reclaim_v1(struct nwb_smb2_ctx_list *list,
				const struct nwb_smb2_fid *fid)
{
	uint8_t data[16];

	put_fid(data, fid);
	return nwb_smb2_ctx_add(list, "DHnC", data, sizeof(data));
}

int nwb_smb2_ctx_add_durable_v2(struct nwb_smb2_ctx_list *list,
				const struct nwb_smb2_durable_v2 *d)
{
	uint8_t data[32] = {0};

	put32(data, d->timeout_ms);
	put32(data + 4, d->flags);
	memcpy(data + 16, d->create_guid, NWB_SMB2_GUID_LEN);
	return nwb_smb2_ctx_add(list, "DH2Q", data, sizeof(data));
}

int nwb_smb2_ctx_add_reclaim_v2(struct nwb_smb2_ctx_list *list,
				const struct nwb_smb2_durable_v2 *d)
{
	uint8_t data[36];

	put_fid(data, &d->fid);
	memcpy(data + 16, d->create_guid, NWB_SMB2_GUID_LEN);
	put32(data + 32, d->flags);
	return nwb_smb2_ctx_add(list, "DH2C", data, sizeof(data));
}

int nwb_smb2_ctx_find_durable_v2(const struct nwb_smb2_blob *list,
				 struct nwb_smb2_durable_v2 *ret_d)
{
	const uint8_t *p;
	int rc = ctx_fixed(list, "DH2Q", 32, &p);

	if (rc)
		return rc;
	*ret_d = (struct nwb_smb2_durable_v2){.timeout_ms = get32(p),
					      .flags = get32(p + 4)};
	memcpy(ret_d->create_guid, p + 16, NWB_SMB2_GUID_LEN);
	return 0;
}

int nwb_smb2_ctx_find_reclaim_v1(const struct nwb_smb2_blob *list,
				 struct nwb_smb2_fid *ret_fid)
{
	const uint8_t *p;
	int rc = ctx_fixed(list, "DHnC", 16, &p);

	if (!rc)
		get_fid(p, ret_fid);
	return rc;
}

int nwb_smb2_ctx_find_reclaim_v2(const struct nwb_smb2_blob *list,
				 struct nwb_smb2_durable_v2 *ret_d)
{
	const uint8_t *p;
	int rc = ctx_fixed(list, "DH2C", 36, &p);

	if (rc)
		return rc;
	*ret_d = (struct nwb_smb2_durable_v2){.flags = get32(p + 32)};
	get_fid(p, &ret_d->fid);
	memcpy(ret_d->create_guid, p + 16, NWB_SMB2_GUID_LEN);
	return 0;
}

int nwb_smb2_ctx_grant_v1(struct nwb_smb2_ctx_list *list)
{
	static const uint8_t reserved[8];

	return nwb_smb2_ctx_add(list, "DHnQ", reserved, sizeof(reserved));
}

int nwb_smb2_ctx_grant_v2(struct nwb_smb2_ctx_list *list, uint32_t timeout_ms,
			  uint32_t flags)
{
	uint8_t data[8];

	put32(data, timeout_ms);
	put32(data + 4, flags);
	return nwb_smb2_ctx_add(list, "DH2Q", data, sizeof(data));
}

int nwb_smb2_ctx_granted_v2(const struct nwb_smb2_blob *list,
			    uint32_t *ret_timeout_ms, uint32_t *ret_flags)
{
	const uint8_t *p;
	int rc = ctx_fixed(list, "DH2Q", 8, &p);

	if (rc)
		return rc;
	if (ret_timeout_ms)
		*ret_timeout_ms = get32(p);
	*ret_flags = get32(p + 4);
	return 0;
}

/* --- leases --------------------------------------------------------------- */

int nwb_smb2_ctx_add_lease(struct nwb_smb2_ctx_list *list,
			   const struct nwb_smb2_lease *l)
{
	uint8_t data[52] = {0};

	memcpy(data, l->key, NWB_SMB2_GUID_LEN);
	put32(data + 16, l->state);
	put32(data + 20, l->flags);
	if (l->version < 2)
		return nwb_smb2_ctx_add(list, "RqLs", data, 32);
	memcpy(data + 32, l->parent_key, NWB_SMB2_GUID_LEN);
	put16(data + 48, l->epoch);
	return nwb_smb2_ctx_add(list, "RqLs", data, sizeof(data));
}

int nwb_smb2_ctx_find_lease(const struct nwb_smb2_blob *list,
			    struct nwb_smb2_lease *ret_l)
{
	struct nwb_smb2_blob b;
	struct nwb_smb2_lease l = {.version = 1};
	int rc = nwb_smb2_ctx_find(list, "RqLs", &b);

	if (rc)
		return rc;
	if (b.len != 32 && b.len != 52)
		return -EBADMSG;
	memcpy(l.key, b.data, NWB_SMB2_GUID_LEN);
	l.state = get32(b.data + 16);
	l.flags = get32(b.data + 20);
	if (b.len == 52) {
		l.version = 2;
		memcpy(l.parent_key, b.data + 32, NWB_SMB2_GUID_LEN);
		l.epoch = get16(b.data + 48);
	}
	*ret_l = l;
	return 0;
}

/* --- breaks --------------------------------------------------------------- */

bool nwb_smb2_break_is_lease(const uint8_t *pdu, size_t len)
{
	return body_of(pdu, len, 44, 44) || body_of(pdu, len, 36, 36);
}

int nwb_smb2_oplock_break_encode(uint8_t *pdu, size_t size,
				 const struct nwb_smb2_oplock_break *m)
{
	uint8_t *b = begin_body(pdu, size, 24, 0, 24);

	if (!b)
		return -ENOSPC;
	b[2] = m->level;
	put_fid(b + 8, &m->fid);
	return (int)NWB_SMB2_HDR_LEN + 24;
}

int nwb_smb2_oplock_break_decode(const uint8_t *pdu, size_t len,
				 struct nwb_smb2_oplock_break *ret_m)
{
	const uint8_t *b = body_of(pdu, len, 24, 24);

	if (!b)
		return -EBADMSG;
	ret_m->level = b[2];
	get_fid(b + 8, &ret_m->fid);
	return 0;
}

int nwb_smb2_lease_break_encode(uint8_t *pdu, size_t size,
				const struct nwb_smb2_lease_break *m)
{
	uint8_t *b = begin_body(pdu, size, 44, 0, 44);

	if (!b)
		return -ENOSPC;
	put16(b + 2, m->epoch);
	put32(b + 4, m->flags);
	memcpy(b + 8, m->key, NWB_SMB2_GUID_LEN);
	put32(b + 24, m->current_state);
	put32(b + 28, m->new_state);
	return (int)NWB_SMB2_HDR_LEN + 44;
}

int nwb_smb2_lease_break_decode(const uint8_t *pdu, size_t len,
				struct nwb_smb2_lease_break *ret_m)
{
	const uint8_t *b = body_of(pdu, len, 44, 44);

	if (!b)
		return -EBADMSG;
	ret_m->epoch = get16(b + 2);
	ret_m->flags = get32(b + 4);
	memcpy(ret_m->key, b + 8, NWB_SMB2_GUID_LEN);
	ret_m->current_state = get32(b + 24);
	ret_m->new_state = get32(b + 28);
	return 0;
}

int nwb_smb2_lease_ack_encode(uint8_t *pdu, size_t size,
			      const struct nwb_smb2_lease_ack *m)
{
	uint8_t *b = begin_body(pdu, size, 36, 0, 36);

	if (!b)
		return -ENOSPC;
	memcpy(b + 8, m->key, NWB_SMB2_GUID_LEN);
	put32(b + 24, m->state);
	return (int)NWB_SMB2_HDR_LEN + 36;
}

int nwb_smb2_lease_ack_decode(const uint8_t *pdu, size_t len,
			      struct nwb_smb2_lease_ack *ret_m)
{
	const uint8_t *b = body_of(pdu, len, 36, 36);

	if (!b)
		return -EBADMSG;
	memcpy(ret_m->key, b + 8, NWB_SMB2_GUID_LEN);
	ret_m->state = get32(b + 24);
	return 0;
}
