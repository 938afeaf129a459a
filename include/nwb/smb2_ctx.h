/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Create contexts and breaks: what an open holds beyond its FileId.
 *
 *	DHnQ  DHnC	durable handle v1, its reclaim	(with a batch oplock)
 *	DH2Q  DH2C	durable handle v2, its reclaim	(batch oplock or lease)
 *	RqLs		lease; 32 bytes v1, 52 bytes v2
 *
 * A list of contexts stands behind the name of a CREATE request and behind the
 * fixed part of its response ([MS-SMB2] 2.2.13.2, 2.2.14.2). A break is the
 * server's OPLOCK_BREAK with MessageId NWB_SMB2_MID_NONE (2.2.23); how long it
 * is says whether it is about an oplock or a lease.
 *
 * Pure, as everything in nwb/smb2_pdu.h.
 */
#ifndef NWB_SMB2_CTX_H
#define NWB_SMB2_CTX_H

#include "nwb/smb2_pdu.h"

/* RequestedOplockLevel, OplockLevel */
#define NWB_SMB2_OPLOCK_NONE	  0x00u
#define NWB_SMB2_OPLOCK_II	  0x01u
#define NWB_SMB2_OPLOCK_EXCLUSIVE 0x08u
#define NWB_SMB2_OPLOCK_BATCH	  0x09u
#define NWB_SMB2_OPLOCK_LEASE	  0xffu

/* LeaseState */
#define NWB_SMB2_LEASE_READ   1u
#define NWB_SMB2_LEASE_HANDLE 2u
#define NWB_SMB2_LEASE_WRITE  4u
#define NWB_SMB2_LEASE_RWH    7u

/* Flags of a break: the server waits for an acknowledgement. */
#define NWB_SMB2_BREAK_ACK_REQUIRED 1u

#define NWB_SMB2_GUID_LEN 16u

/* A list under construction in the caller's buffer. */
struct nwb_smb2_ctx_list {
	uint8_t *buf;
	size_t size;
	size_t len;
	size_t last; /* where the last one begins */
};

/* DH2Q and, with @fid, DH2C. */
struct nwb_smb2_durable_v2 {
	uint32_t timeout_ms; /* DH2Q: 0 = as the server likes */
	uint32_t flags;	     /* 2: persistent */
	struct nwb_smb2_fid fid;
	uint8_t create_guid[NWB_SMB2_GUID_LEN];
};

/**
 * struct nwb_smb2_lease - RqLs, both ways.
 * @version: 1 or 2
 * @epoch: v2; counts changes of state
 */
struct nwb_smb2_lease {
	unsigned int version;
	uint8_t key[NWB_SMB2_GUID_LEN];
	uint32_t state;
	uint32_t flags;
	uint8_t parent_key[NWB_SMB2_GUID_LEN];
	uint16_t epoch;
};

/* OPLOCK_BREAK about an oplock: notification, acknowledgement, response. */
struct nwb_smb2_oplock_break {
	uint8_t level;
	struct nwb_smb2_fid fid;
};

/* The notification of a lease break. */
struct nwb_smb2_lease_break {
	uint16_t epoch;
	uint32_t flags;
	uint8_t key[NWB_SMB2_GUID_LEN];
	uint32_t current_state;
	uint32_t new_state;
};

/* Acknowledgement and response. */
struct nwb_smb2_lease_ack {
	uint8_t key[NWB_SMB2_GUID_LEN];
	uint32_t state;
};

/** nwb_smb2_ctx_add() - append a context; @tag has four letters.
 * Return: 0 or -ENOSPC. */
int nwb_smb2_ctx_add(struct nwb_smb2_ctx_list *list, const char *tag,
		     const void *data, size_t len) nwb_must_check;
/**
 * nwb_smb2_ctx_find() - look for the context @tag.
 * Return: 0; -ENOENT; -EBADMSG: the list is broken.
 */
int nwb_smb2_ctx_find(const struct nwb_smb2_blob *list, const char *tag,
		      struct nwb_smb2_blob *ret_data) nwb_must_check;

/*
 * Typed ones. add_X() and grant_X() append to @list and return 0, or -ENOSPC:
 * the list is as it was. find_X() look in the contexts of a CREATE and return
 * 0; -ENOENT: there is none; -EBADMSG: the list is broken, or the context has
 * another length than its section says. They write what they return only with
 * 0, and copy it.
 */

/** nwb_smb2_ctx_add_durable_v1() - DHnQ: ask for a durable handle, [MS-SMB2]
 * 2.2.13.2.3. */
int nwb_smb2_ctx_add_durable_v1(struct nwb_smb2_ctx_list *list) nwb_must_check;
/** nwb_smb2_ctx_add_reclaim_v1() - DHnC: ask for the open back that had @fid on
 * the lost connection, 2.2.13.2.4. */
int nwb_smb2_ctx_add_reclaim_v1(struct nwb_smb2_ctx_list *list,
				const struct nwb_smb2_fid *fid) nwb_must_check;
/** nwb_smb2_ctx_add_durable_v2() - DH2Q: ask for a durable handle that is known
 * by @d->create_guid, 2.2.13.2.11. @d->fid is not looked at. */
int nwb_smb2_ctx_add_durable_v2(struct nwb_smb2_ctx_list *list,
				const struct nwb_smb2_durable_v2 *d)
	nwb_must_check;
/** nwb_smb2_ctx_add_reclaim_v2() - DH2C: ask for the open back that had @d->fid
 * and was made with @d->create_guid, 2.2.13.2.12. Sends no @d->timeout_ms. */
int nwb_smb2_ctx_add_reclaim_v2(struct nwb_smb2_ctx_list *list,
				const struct nwb_smb2_durable_v2 *d)
	nwb_must_check;
/** nwb_smb2_ctx_add_lease() - RqLs, of a request (2.2.13.2.8, .10) or a
 * response (2.2.14.2.10, .11). @l->version below 2: the short form, without
 * parent and epoch. */
int nwb_smb2_ctx_add_lease(struct nwb_smb2_ctx_list *list,
			   const struct nwb_smb2_lease *l) nwb_must_check;
/** nwb_smb2_ctx_find_lease() - RqLs of either form, of a request or a response;
 * @ret_l->version says which, and of v1 parent and epoch are 0. */
int nwb_smb2_ctx_find_lease(const struct nwb_smb2_blob *list,
			    struct nwb_smb2_lease *ret_l) nwb_must_check;

/* What a server reads of a request. */

/** nwb_smb2_ctx_find_durable_v2() - DH2Q, 2.2.13.2.11; @ret_d->fid is 0. */
int nwb_smb2_ctx_find_durable_v2(const struct nwb_smb2_blob *list,
				 struct nwb_smb2_durable_v2 *ret_d)
	nwb_must_check;
/** nwb_smb2_ctx_find_reclaim_v1() - DHnC, 2.2.13.2.4: which open is asked
 * for. */
int nwb_smb2_ctx_find_reclaim_v1(const struct nwb_smb2_blob *list,
				 struct nwb_smb2_fid *ret_fid) nwb_must_check;
/** nwb_smb2_ctx_find_reclaim_v2() - DH2C, 2.2.13.2.12; @ret_d->timeout_ms is
 * 0. */
int nwb_smb2_ctx_find_reclaim_v2(const struct nwb_smb2_blob *list,
				 struct nwb_smb2_durable_v2 *ret_d)
	nwb_must_check;

/* What it answers. */

/** nwb_smb2_ctx_grant_v1() - DHnQ of a response, 2.2.14.2.3: the handle is
 * durable, for a time that the server does not say. */
int nwb_smb2_ctx_grant_v1(struct nwb_smb2_ctx_list *list) nwb_must_check;
/** nwb_smb2_ctx_grant_v2() - DH2Q of a response, 2.2.14.2.12. @timeout_ms: how
 * long the server keeps the handle without a connection; @flags: 2:
 * persistent. */
int nwb_smb2_ctx_grant_v2(struct nwb_smb2_ctx_list *list, uint32_t timeout_ms,
			  uint32_t flags) nwb_must_check;
/** nwb_smb2_ctx_granted_v2() - the answer to DH2Q, as grant_v2() says it;
 * @ret_timeout_ms may be NULL. */
int nwb_smb2_ctx_granted_v2(const struct nwb_smb2_blob *list,
			    uint32_t *ret_timeout_ms,
			    uint32_t *ret_flags) nwb_must_check;

/* Bodies, as in nwb/smb2_pdu.h; which one it is, its StructureSize says. */

/** oplock_break - 24 bytes, [MS-SMB2] 2.2.23.1, 2.2.24.1, 2.2.25.1. */
NWB_SMB2_CODEC(oplock_break);
/** lease_break - 44 bytes, 2.2.23.2; the hints behind the states are 0. */
NWB_SMB2_CODEC(lease_break);
/** lease_ack - 36 bytes, 2.2.24.2 and 2.2.25.2; the duration is 0. */
NWB_SMB2_CODEC(lease_ack);
/** nwb_smb2_break_is_lease() - which of them is this OPLOCK_BREAK? */
bool nwb_smb2_break_is_lease(const uint8_t *pdu, size_t len);

#endif
