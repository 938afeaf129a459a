/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Extended attributes (net/9p/client.c, fs/9p/xattr.c):
 *
 *	get, list	walk, Txattrwalk to one more fid, Tread of that
 *	set, remove	walk, Txattrcreate turns the fid into the attribute,
 *			Twrite of it, and the Tclunk does it
 *
 * Removing is setting nothing, with REPLACE; so an empty value cannot be set.
 */
#include "p9_internal.h"

#define DOTL_XATTR_REPLACE 2u

static int lost(int rc)
{
	return rc == -ETIMEDOUT || rc == -ECANCELED || rc == -EAGAIN
		       ? -ECONNABORTED
		       : rc;
}

static int walk_to(struct nwb_p9 *c, const char *path, uint32_t *ret_epoch,
		   uint32_t *ret_fid)
{
	int rc = nwb_p9_connect(c, NULL);

	if (rc)
		return rc;
	*ret_epoch = nwb_p9_epoch(c);
	if (!*ret_epoch)
		return -ECONNABORTED;
	return nwb_p9_walk(c, *ret_epoch, path, strlen(path), ret_fid);
}

static uint32_t payload_max(struct nwb_p9 *c)
{
	uint32_t max;

	nwb_mutex_lock(&c->lock);
	max = c->stats.max_write;
	nwb_mutex_unlock(&c->lock);
	return max;
}

static int read_value(struct nwb_p9 *c, uint32_t epoch, uint32_t fid,
		      uint8_t *buf, size_t len)
{
	size_t done = 0;

	while (done < len) {
		struct nwb_p9_msg m = {.type = NWB_P9_TREAD};
		struct p9_sync s = {.dst = buf + done};
		int rc;

		s.dst_len =
			(uint32_t)nwb_min(len - done, (size_t)payload_max(c));
		m.tread.fid = fid;
		m.tread.offset = done;
		m.tread.count = s.dst_len;
		rc = nwb_p9_rpc(c, epoch, false, &m, &s);
		if (rc)
			return rc;
		if (!s.reply.rread.count)
			return -EPROTO; /* less than it said */
		done += s.reply.rread.count;
	}
	return 0;
}

ssize_t nwb_p9_path_getxattr(struct nwb_p9 *c, const char *path,
			     const char *name, void *buf, size_t size)
{
	struct nwb_p9_msg m = {.type = NWB_P9_TXATTRWALK};
	struct p9_sync s = {0};
	uint32_t epoch, fid = 0;
	uint64_t len = 0;
	int rc = walk_to(c, path, &epoch, &fid);

	if (rc)
		return lost(rc);
	m.txattrwalk.fid = fid;
	m.txattrwalk.newfid = nwb_p9_new_fid(c);
	m.txattrwalk.name = nwb_p9_str(name);
	rc = nwb_p9_rpc(c, epoch, false, &m, &s);
	if (!rc) {
		len = s.reply.rxattrwalk.size;
		if (size && len > size)
			rc = -ERANGE;
		else if (len > UINT32_MAX)
			rc = -EPROTO;
		else if (size)
			rc = read_value(c, epoch, m.txattrwalk.newfid, buf,
					len);
		nwb_p9_clunk(c, epoch, m.txattrwalk.newfid);
	}
	nwb_p9_clunk(c, epoch, fid);
	return rc ? lost(rc) : (ssize_t)len;
}

static int write_value(struct nwb_p9 *c, uint32_t epoch, uint32_t fid,
		       const uint8_t *value, size_t len)
{
	size_t done = 0;

	while (done < len) {
		struct nwb_p9_msg m = {.type = NWB_P9_TWRITE};
		struct p9_sync s = {.src = value + done};
		int rc;

		s.src_len =
			(uint32_t)nwb_min(len - done, (size_t)payload_max(c));
		m.twrite.fid = fid;
		m.twrite.offset = done;
		m.twrite.count = s.src_len;
		rc = nwb_p9_rpc(c, epoch, false, &m, &s);
		if (rc)
			return rc;
		if (!s.reply.rwrite.count || s.reply.rwrite.count > s.src_len)
			return -EPROTO;
		done += s.reply.rwrite.count;
	}
	return 0;
}

static int set_value(struct nwb_p9 *c, const char *path, const char *name,
		     const void *value, size_t len, uint32_t flags)
{
	struct nwb_p9_msg m = {.type = NWB_P9_TXATTRCREATE};
	struct p9_sync s = {0};
	uint32_t epoch, fid = 0;
	int rc = walk_to(c, path, &epoch, &fid);

	if (rc)
		return lost(rc);
	m.txattrcreate.fid = fid;
	m.txattrcreate.name = nwb_p9_str(name);
	m.txattrcreate.attr_size = len;
	m.txattrcreate.flags = flags;
	rc = nwb_p9_rpc(c, epoch, false, &m, &s);
	if (!rc)
		rc = write_value(c, epoch, fid, value, len);
	if (rc) {
		nwb_p9_clunk(c, epoch, fid);
		return lost(rc);
	}
	/* what it comes to is said here */
	m = (struct nwb_p9_msg){.type = NWB_P9_TCLUNK, .tclunk.fid = fid};
	s = (struct p9_sync){0};
	return lost(nwb_p9_rpc(c, epoch, false, &m, &s));
}

int nwb_p9_path_setxattr(struct nwb_p9 *c, const char *path, const char *name,
			 const void *value, size_t len, uint32_t flags)
{
	if (!len)
		return -EOPNOTSUPP;
	return set_value(c, path, name, value, len, flags);
}

int nwb_p9_path_removexattr(struct nwb_p9 *c, const char *path,
			    const char *name)
{
	return set_value(c, path, name, NULL, 0, DOTL_XATTR_REPLACE);
}
