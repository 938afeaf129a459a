/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tfsync, Tsetattr, Tgetattr, Tread: the synchronous operations of a file. */
#include "p9_internal.h"

/*
 * A request about the fid of now, which no nwb_p9_file_rename() gives up before
 * the answer. -EAGAIN: not open on this connection.
 */
static int file_rpc(struct nwb_p9_file *f, struct nwb_p9_msg *m, uint32_t *fid,
		    struct p9_sync *s, uint32_t *ret_epoch)
{
	struct nwb_p9 *c = f->c;
	uint32_t epoch;
	int rc = 0;

	nwb_mutex_lock(&c->lock);
	if (c->state != P9_UP)
		rc = -ECONNABORTED;
	else if (f->epoch != c->conn_epoch)
		rc = -EAGAIN;
	else
		f->nr_users++;
	*fid = f->fid;
	epoch = f->epoch;
	s->dst_len = nwb_min(s->dst_len, nwb_p9_file_limit(f));
	nwb_mutex_unlock(&c->lock);
	if (rc)
		return rc;
	if (m->type == NWB_P9_TREAD)
		m->tread.count = s->dst_len;
	s->file = f;
	rc = nwb_p9_rpc(c, epoch, false, m, s);
	nwb_mutex_lock(&c->lock);
	nwb_p9_file_put(f);
	nwb_mutex_unlock(&c->lock);
	if (ret_epoch && !rc)
		*ret_epoch = epoch;
	return rc;
}

int nwb_p9_fsync(struct nwb_p9_file *f, uint32_t *ret_epoch)
{
	struct nwb_p9_msg m = {.type = NWB_P9_TFSYNC};
	struct p9_sync s = {0};

	return file_rpc(f, &m, &m.tfsync.fid, &s, ret_epoch);
}

int nwb_p9_set_size(struct nwb_p9_file *f, uint64_t size)
{
	struct nwb_p9_msg m = {.type = NWB_P9_TSETATTR};
	struct p9_sync s = {0};

	m.tsetattr.attr.valid = NWB_P9_SETATTR_SIZE;
	m.tsetattr.attr.size = size;
	return file_rpc(f, &m, &m.tsetattr.fid, &s, NULL);
}

int nwb_p9_get_size(struct nwb_p9_file *f, uint64_t *ret_size)
{
	struct nwb_p9_msg m = {.type = NWB_P9_TGETATTR};
	struct p9_sync s = {0};
	int rc;

	m.tgetattr.request_mask = NWB_P9_GETATTR_BASIC;
	rc = file_rpc(f, &m, &m.tgetattr.fid, &s, NULL);
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
		struct p9_sync s = {0};
		int rc;

		s.dst = (char *)buf + done;
		s.dst_len = (uint32_t)nwb_min(len - done, (size_t)UINT32_MAX);
		m.tread.offset = offset + done;
		rc = file_rpc(f, &m, &m.tread.fid, &s, NULL);
		if (rc)
			return rc;
		if (!s.reply.rread.count)
			break;
		done += s.reply.rread.count;
	}
	return (ssize_t)done;
}
