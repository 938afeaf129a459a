/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Handles that outlive their connection ([MS-SMB2] 3.2.4.3.5, 3.2.4.4).
 *
 *	            first open                     after a lost connection
 *	v1	batch oplock, DHnQ		DHnC(FileId)
 *	v2	lease or batch oplock,		DH2C(FileId, CreateGuid), the
 *		DH2Q(CreateGuid)		same lease
 *
 * What a reclaim proves. The server keeps the table of its open files only as
 * long as it lives (smbd: CLEAR_IF_FIRST), and it gives a handle back only if
 * nobody changed the file meanwhile. So the handle that comes back is the same
 * open of the same server over the same kernel: every WRITE that was answered
 * is in that kernel's cache, and a FLUSH through the reclaimed handle covers it
 * as if nothing had happened. Such bytes are not sent again. It is not proven
 * that they are durable: they stay unstable until that FLUSH.
 *
 * What it does not prove: WRITEs that were sent and not answered may have been
 * done or not. They are sent again, marked with FLAGS_REPLAY_OPERATION and the
 * next ChannelSequence, so that the server refuses them as long as one of the
 * first kind is still under way (3.3.5.2.10).
 *
 * A reclaim that is refused (OBJECT_NAME_NOT_FOUND: that open is gone, or smbd
 * finds the file's times changed, as they are when a pwrite that was under way
 * at the loss ended after its handle had been put aside) is followed by a plain
 * open: another open, another instance; unstable bytes are sent again.
 */
#include "client.h"

#define DIALECT_HAS_LEASES(d) ((d) >= NWB_SMB2_DIALECT_0210)
#define DIALECT_IS_3(d)	      ((d) >= NWB_SMB2_DIALECT_0300)

/** nwb_smb2_durable_check() - does the dialect have what was asked for? */
int nwb_smb2_durable_check(const struct nwb_smb2 *c, struct nwb_err *err)
{
	if (c->opts.durable != NWB_SMB2_DURABLE_V2 || DIALECT_IS_3(c->dialect))
		return 0;
	return nwb_err_set(err, -EOPNOTSUPP,
			   "durable handles v2 were asked for, but SMB %u.%u "
			   "has none: ask for v1, or for SMB 3",
			   c->dialect >> 8, c->dialect >> 4 & 15);
}

static bool wants_lease(const struct nwb_smb2 *c)
{
	return c->opts.durable != NWB_SMB2_DURABLE_V1 &&
	       DIALECT_HAS_LEASES(c->dialect) &&
	       (c->server_caps & NWB_SMB2_CAP_LEASING);
}

static uint8_t oplock_for(const struct nwb_smb2 *c)
{
	if (c->opts.durable || (c->opts.caching & NWB_SMB2_CACHE_HANDLE))
		return NWB_SMB2_OPLOCK_BATCH;
	return c->opts.caching & NWB_SMB2_CACHE_WRITE
		       ? NWB_SMB2_OPLOCK_EXCLUSIVE
		       : NWB_SMB2_OPLOCK_II;
}

static int add_lease(struct nwb_smb2_file *f, struct nwb_smb2_ctx_list *list)
{
	struct nwb_smb2 *c = f->c;
	struct nwb_smb2_lease l = {
		.version = DIALECT_IS_3(c->dialect) ? 2 : 1,
		.state = c->opts.caching | NWB_SMB2_CACHE_READ,
	};

	if (c->opts.durable)
		l.state |= NWB_SMB2_CACHE_RWH;
	memcpy(l.key, f->lease_key, sizeof(l.key));
	return nwb_smb2_ctx_add_lease(list, &l);
}

static int add_durable(struct nwb_smb2_file *f, bool is_reclaim,
		       struct nwb_smb2_ctx_list *list)
{
	struct nwb_smb2_durable_v2 d = {.fid = f->fid};

	if (f->c->opts.durable == NWB_SMB2_DURABLE_V1)
		return is_reclaim ? nwb_smb2_ctx_add_reclaim_v1(list, &f->fid)
				  : nwb_smb2_ctx_add_durable_v1(list);
	if (!is_reclaim)
		nwb_random_bytes(f->c->ex, f->create_guid,
				 sizeof(f->create_guid));
	memcpy(d.create_guid, f->create_guid, sizeof(d.create_guid));
	return is_reclaim ? nwb_smb2_ctx_add_reclaim_v2(list, &d)
			  : nwb_smb2_ctx_add_durable_v2(list, &d);
}

/**
 * nwb_smb2_open_contexts() - what a CREATE asks for beyond the file.
 * @is_reclaim: the handle as it was, instead of a new one
 * Return: 0 or -ENOSPC. Context: f->lock held, or @f is not shared yet.
 */
int nwb_smb2_open_contexts(struct nwb_smb2_file *f, bool is_reclaim,
			   struct nwb_smb2_ctx_list *list, uint8_t *ret_oplock)
{
	struct nwb_smb2 *c = f->c;
	int rc = 0;

	*ret_oplock = NWB_SMB2_OPLOCK_NONE;
	if (!c->opts.durable && !c->opts.caching)
		return 0;
	*ret_oplock = wants_lease(c) ? NWB_SMB2_OPLOCK_LEASE : oplock_for(c);
	if (c->opts.durable)
		rc = add_durable(f, is_reclaim, list);
	if (!rc && *ret_oplock == NWB_SMB2_OPLOCK_LEASE)
		rc = add_lease(f, list);
	return rc;
}

/** nwb_smb2_oplock_caching() - what an oplock of that level lets cache. */
uint32_t nwb_smb2_oplock_caching(uint8_t level)
{
	switch (level) {
	case NWB_SMB2_OPLOCK_BATCH:
		return NWB_SMB2_CACHE_RWH;
	case NWB_SMB2_OPLOCK_EXCLUSIVE:
		return NWB_SMB2_CACHE_READ | NWB_SMB2_CACHE_WRITE;
	case NWB_SMB2_OPLOCK_II:
		return NWB_SMB2_CACHE_READ;
	default:
		return 0;
	}
}

static bool is_granted(const struct nwb_smb2_file *f,
		       const struct nwb_smb2_blob *contexts)
{
	struct nwb_smb2_blob data;
	uint32_t flags;

	switch (f->c->opts.durable) {
	case NWB_SMB2_DURABLE_V1:
		return !nwb_smb2_ctx_find(contexts, "DHnQ", &data);
	case NWB_SMB2_DURABLE_V2:
		return !nwb_smb2_ctx_granted_v2(contexts, NULL, &flags);
	default:
		return false;
	}
}

/**
 * nwb_smb2_open_granted() - take note of what the server gave. A reclaimed
 * handle stays durable, the server says nothing of it.
 * Return: 0 or -EBADMSG. Context: c->lock held.
 */
int nwb_smb2_open_granted(struct nwb_smb2_file *f, bool is_reclaim,
			  const struct nwb_smb2_create_rsp *rsp)
{
	struct nwb_smb2_lease l;
	uint32_t caching = nwb_smb2_oplock_caching(rsp->oplock);
	bool has_lease = rsp->oplock == NWB_SMB2_OPLOCK_LEASE;

	if (has_lease) {
		if (nwb_smb2_ctx_find_lease(&rsp->contexts, &l) ||
		    memcmp(l.key, f->lease_key, sizeof(l.key)) != 0)
			return -EBADMSG;
		caching = l.state & NWB_SMB2_CACHE_RWH;
	}
	f->has_lease = has_lease;
	f->oplock = rsp->oplock;
	f->caching = caching;
	if (!is_reclaim)
		f->is_durable = is_granted(f, &rsp->contexts);
	return 0;
}
