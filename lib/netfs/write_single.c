/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Objects that are written as a whole (fs/netfs/write_issue.c:
 * netfs_writeback_single(), since 6.14): AFS directories and symlinks.
 *
 *	writeback lock ─► one request from 0 ─► piece by piece into the streams
 *	                  ─► all queued ─► (7.2: the collector gives the lock back)
 *
 * The content is the caller's (struct nwb_blob), there are no folios and no
 * flags to be changed: each piece under way has a reference, dropped when every
 * stream is done with it (PUT mark). The local cache gets whole blocks, zeros
 * behind the end.
 *
 * Acknowledged is not durable, and no folio keeps the bytes: strict therefore
 * flushes before NWB_WB_SYNC_ALL returns, and writes again if another instance
 * answered, as a direct write does. In Linux that is the caller's business.
 *
 * No folio keeps two of them apart, either: what is under way of an older one
 * must not arrive behind a newer one. 7.2 has the lock for that, strict looks
 * for requests that are not complete; in 6.12 it is the caller's business again.
 */
#include "issue.h"

void nwb_blob_init(struct nwb_blob *blob, const struct iovec *vec,
		   unsigned int nr_vec, uint64_t len,
		   void (*release)(struct nwb_blob *blob))
{
	blob->vec = vec;
	blob->nr_vec = nr_vec;
	blob->len = len;
	blob->release = release;
	atomic_store(&blob->refs, 1);
}

void nwb_blob_put(struct nwb_blob *blob)
{
	uint32_t was = atomic_fetch_sub(&blob->refs, 1);

	nwb_assert(was);
	if (was == 1 && blob->release)
		blob->release(blob);
}

static bool is_sound(const struct nwb_blob *blob)
{
	uint64_t room = 0;

	for (unsigned int i = 0; i < blob->nr_vec; i++) {
		const struct iovec *v = &blob->vec[i];

		if (!v->iov_len || v->iov_len % NWB_PAGE_SIZE ||
		    v->iov_len > INT32_MAX ||
		    (uintptr_t)v->iov_base % NWB_PAGE_SIZE || room >= blob->len)
			return false;
		room += v->iov_len;
	}
	return blob->len && blob->len <= room;
}

/* The piece at @pos of which @len bytes are the object's. */
static struct nwb_claim *claim_piece(struct nwb_io_request *rreq,
				     struct nwb_blob *blob,
				     const struct iovec *v, uint64_t pos,
				     size_t len)
{
	struct nwb_claim *c = nwb_claim_new(rreq->nf);

	c->start = pos;
	c->len = (uint32_t)len;
	c->mem = v->iov_base;
	c->blob = blob;
	c->is_cached = rreq->streams[1].avail;
	if (c->is_cached)
		c->post = (uint32_t)(NWB_ROUND_UP(len, (size_t)NWB_PAGE_SIZE) -
				     len);
	atomic_fetch_add(&blob->refs, 1); /* GET mark */
	return c;
}

/* The writeback lock is held; it is not afterwards, or the collector has it. */
static void issue_blob(struct nwb_inode *inode, uint32_t flags,
		       struct nwb_blob *blob)
{
	struct issue is = {.inode = inode, .origin = NWB_WRITEBACK_SINGLE};
	struct nwb_io_request *rreq =
		nwb_request_new(inode, 0, NWB_WRITEBACK_SINGLE);
	uint64_t pos = 0;

	nwb_trace_write(rreq, blob->len);
	if (flags & NWB_SINGLE_NO_UPLOAD)
		rreq->streams[0].avail = false;
	else
		nwb_begin_upload(rreq, NWB_WB_SYNC);
	is.rreq = rreq;
	for (unsigned int i = 0; i < blob->nr_vec; i++) {
		const struct iovec *v = &blob->vec[i];
		size_t len =
			(size_t)nwb_min((uint64_t)v->iov_len, blob->len - pos);
		struct nwb_claim *c = claim_piece(rreq, blob, v, pos, len);

		c->to_eof = pos + len == blob->len;
		c->ends_run = c->to_eof;
		nwb_write_claim(&is, c);
		pos += len;
	}
	nwb_mutex_lock(&inode->lock);
	nwb_inode_update_size(inode, blob->len, blob->len);
	nwb_mutex_unlock(&inode->lock);
	nwb_end_pass(&is);
}

static bool is_under_way(struct nwb_inode *inode)
{
	bool is;

	nwb_mutex_lock(&inode->lock);
	is = !nwb_list_empty(&inode->requests) &&
	     !nwb_mutant(inode->nf, NWB_MUT_OBJECT_OVERTAKES);
	nwb_mutex_unlock(&inode->lock);
	return is;
}

/* Until one instance has taken and flushed it; the lock is held at first. */
static int write_durable(struct nwb_inode *inode, uint32_t flags,
			 struct nwb_blob *blob)
{
	struct nwb_netfs *nf = inode->nf;
	bool is_upload = !(flags & NWB_SINGLE_NO_UPLOAD);
	uint64_t seq = nwb_error_seq(inode);

	for (uint32_t attempts = 0; attempts < nf->opts.max_attempts;
	     attempts++) {
		uint32_t instance = 0;
		bool again = false;
		int rc = 0;

		if (attempts) {
			nwb_backoff(nf, attempts);
			nwb_wb_lock(inode);
		}
		if (!nwb_mutant(nf, NWB_MUT_OBJECT_OVERTAKES))
			nwb_request_wait_all(inode);
		if (is_upload && nf->ops->ready)
			rc = nf->ops->ready(inode, &instance);
		if (rc) {
			nwb_wb_unlock(inode);
			return rc;
		}
		issue_blob(inode, flags, blob);
		nwb_request_wait_all(inode);
		rc = nwb_error_since(inode, seq);
		if (!rc && is_upload)
			rc = nwb_make_durable(inode, instance, &again);
		if (rc || !again)
			return rc;
	}
	return -EIO;
}

int nwb_writeback_single(struct nwb_inode *inode, enum nwb_sync_mode mode,
			 uint32_t flags, struct nwb_blob *blob)
{
	if (!is_sound(blob))
		return -EINVAL;
	if (mode == NWB_WB_SYNC_ALL)
		nwb_wb_lock(inode);
	else if (!nwb_wb_trylock(inode))
		return 1;
	if (mode == NWB_WB_SYNC_ALL && !nwb_is_linux(inode->nf))
		return write_durable(inode, flags, blob);
	if (!nwb_is_linux(inode->nf) && is_under_way(inode)) {
		nwb_wb_unlock(inode);
		nwb_count(inode->nf, wblock_skip, 1);
		return 1;
	}
	issue_blob(inode, flags, blob);
	return 0;
}
