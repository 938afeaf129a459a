/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tfsync, Tsetattr, Tgetattr, Tread: the synchronous operations of a file. */
#include "p9_internal.h"

/* The fid and connection of @f now. -EAGAIN: not open on this connection. */
static int file_fid(struct nwb_p9_file *f, uint32_t *ret_fid,
		    uint32_t *ret_epoch, uint32_t *ret_max)
{
	struct nwb_p9 *c = f->c;
	int rc = 0;

	nwb_mutex_lock(&c->lock);
	*ret_fid = f->fid;
	*ret_epoch = f->epoch;
	*ret_max = nwb_p9_file_limit(f);
	if (c->state != P9_UP)
		rc = -ECONNABORTED;
	else if (f->epoch != c->conn_epoch)
		rc = -EAGAIN;
	nwb_mutex_unlock(&c->lock);
	return rc;
}

int nwb_p9_fsync(struct nwb_p9_file *f, uint32_t *ret_epoch)
{
	struct nwb_p9_msg m = {.type = NWB_P9_TFSYNC};
	struct p9_sync s = {.file = f};
	uint32_t epoch, max;
	int rc;

	rc = file_fid(f, &m.tfsync.fid, &epoch, &max);
	if (!rc)
		rc = nwb_p9_rpc(f->c, epoch, false, &m, &s);
	if (!rc)
		*ret_epoch = epoch;
	return rc;
}

int nwb_p9_set_size(struct nwb_p9_file *f, uint64_t size)
{
	struct nwb_p9_msg m = {.type = NWB_P9_TSETATTR};
	struct p9_sync s = {.file = f};
	uint32_t epoch, max;
	int rc;

	m.tsetattr.attr.valid = NWB_P9_SETATTR_SIZE;
	m.tsetattr.attr.size = size;
	rc = file_fid(f, &m.tsetattr.fid, &epoch, &max);
	if (!rc)
		rc = nwb_p9_rpc(f->c, epoch, false, &m, &s);
	return rc;
}

int nwb_p9_get_size(struct nwb_p9_file *f, uint64_t *ret_size)
{
	struct nwb_p9_msg m = {.type = NWB_P9_TGETATTR};
	struct p9_sync s = {.file = f};
	uint32_t epoch, max;
	int rc;

	m.tgetattr.request_mask = NWB_P9_GETATTR_BASIC;
	rc = file_fid(f, &m.tgetattr.fid, &epoch, &max);
	if (!rc)
		rc = nwb_p9_rpc(f->c, epoch, false, &m, &s);
	if (rc)
		return rc;
	if (!(s.reply.rgetattr.valid & NWB_P9_GETATTR_SIZE))
		return -EPROTO;
	*ret_size = s.reply.rgetattr.size;
	return 0;
}

/* Until @len, the end of the file or an error; each round makes progress. */
ssize_t nwb_p9_read(struct nwb_p9_file *f, uint64_t offset, void *buf,
		    size_t len)
{
	size_t done = 0;

	while (done < len) {
		struct nwb_p9_msg m = {.type = NWB_P9_TREAD};
		struct p9_sync s = {.file = f};
		uint32_t epoch, max;
		int rc;

		rc = file_fid(f, &m.tread.fid, &epoch, &max);
		if (rc)
			return rc;
		s.dst = (char *)buf + done;
		s.dst_len = (uint32_t)nwb_min(len - done, (size_t)max);
		m.tread.offset = offset + done;
		m.tread.count = s.dst_len;
		rc = nwb_p9_rpc(f->c, epoch, false, &m, &s);
		if (rc)
			return rc;
		if (!s.reply.rread.count)
			break;
		done += s.reply.rread.count;
	}
	return (ssize_t)done;
}
