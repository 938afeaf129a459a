/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What stands behind the other streams of a mount.
 *
 *	1 cache	   a local object of each file (nwb/cache.h), as
 *		   fs/cachefiles is behind fscache_begin_write_operation()
 *	2 mirror   the file of the same name on another mount (mirror.c)
 */
#include "ns.h"

#include "nwb/cache.h"
#include "nwb/mem.h"

#include <assert.h>
#include <errno.h>

/* --- cache ---------------------------------------------------------------- */

static_assert(sizeof(struct nwb_cache_write) <= NWB_SREQ_PRIV_BYTES,
	      "a cache write does not fit in a subrequest");

static struct nwb_io_subrequest *cache_sreq(struct nwb_cache_write *w)
{
	char *priv = (char *)w;

	return (struct nwb_io_subrequest
			*)(void *)(priv -
				   offsetof(struct nwb_io_subrequest, fs_priv));
}

static bool cache_begin(struct nwb_io_request *rreq, unsigned int stream_nr)
{
	(void)rreq;
	(void)stream_nr;
	return true;
}

static int cache_prepare(struct nwb_io_subrequest *sreq)
{
	struct nwb_cache_object *obj =
		nwb_inode_side(nwb_rreq_inode(sreq->rreq), 1);
	struct nwb_io_stream *stream = nwb_rreq_stream(sreq->rreq, 1);
	ssize_t n = nwb_cache_prepare(obj, sreq->start);

	if (n < 0)
		return (int)n;
	stream->sreq_max_len = nwb_min(stream->sreq_max_len, (size_t)n);
	stream->sreq_max_segs = NWB_CACHE_SEGMENTS;
	return 0;
}

static void cache_done(struct nwb_cache_write *w)
{
	struct nwb_io_subrequest *sreq = cache_sreq(w);

	if (w->is_misplaced)
		nwb_netfs_hazard_fired(
			nwb_inode_netfs(nwb_rreq_inode(sreq->rreq)), NWB_H8);
	nwb_write_subrequest_terminated(sreq, w->result);
}

static void cache_issue(struct nwb_io_subrequest *sreq)
{
	struct nwb_cache_write *w =
		(struct nwb_cache_write *)(void *)sreq->fs_priv;
	struct nwb_netfs *nf = nwb_inode_netfs(nwb_rreq_inode(sreq->rreq));

	*w = (struct nwb_cache_write){
		.obj = nwb_inode_side(nwb_rreq_inode(sreq->rreq), 1),
		.start = sreq->start + sreq->transferred,
		.len = sreq->len - sreq->transferred,
		.iov = sreq->iov,
		.nr_iov = sreq->nr_iov,
		.unskipped_start = nwb_netfs_hazard(nf, NWB_H8),
		.done = cache_done,
	};
	nwb_cache_write(w);
}

static void cache_forget(struct nwb_inode *inode, uint64_t pos, uint64_t len)
{
	nwb_cache_forget(nwb_inode_side(inode, 1), pos, len);
}

static void cache_invalidate(struct nwb_inode *inode)
{
	nwb_cache_invalidate(nwb_inode_side(inode, 1));
}

static ssize_t cache_read(struct nwb_inode *inode, uint64_t pos, void *buf,
			  size_t len)
{
	return nwb_cache_read(nwb_inode_side(inode, 1), pos, buf, len);
}

static const struct nwb_stream_ops cache_ops = {
	.name = "cache",
	.begin = cache_begin,
	.prepare_write = cache_prepare,
	.issue_write = cache_issue,
	.forget = cache_forget,
	.invalidate = cache_invalidate,
	.read = cache_read,
};

void nwb_mount_use_cache(struct nwb_mount *mnt, struct nwb_cache *cache)
{
	mnt->cache = cache;
	nwb_netfs_attach(mnt->nf, 1, &cache_ops);
}

#define CHECK_BYTES 65536u

/* Of both files [@pos, @pos + CHECK_BYTES): the cache's, then the server's. */
static int compare(struct nwb_file *f, struct nwb_cache_object *obj,
		   uint64_t *pos, uint8_t *buf, uint64_t ret[3])
{
	uint8_t *other = buf + CHECK_BYTES;
	ssize_t n = nwb_cache_read(obj, *pos, buf, CHECK_BYTES), m;

	if (n <= 0) {
		*pos += NWB_CACHE_BLOCK;
		return (int)n;
	}
	nwb_inode_decrypt(nwb_file_inode(f), *pos, buf,
			  NWB_ROUND_DOWN((size_t)n, (size_t)NWB_CACHE_BLOCK));
	m = nwb_file_read(f, other, (size_t)n, *pos);
	if (m < 0)
		return (int)m;
	/* behind the end of the file a block has zeros, or whatever */
	for (ssize_t i = 0; i < m; i++) {
		if (buf[i] == other[i])
			continue;
		if (!ret[1]++)
			ret[2] = *pos + (uint64_t)i;
	}
	ret[0] += (uint64_t)m;
	*pos += (uint64_t)n;
	return 0;
}

int nwb_mount_check_cache(struct nwb_file *f, uint64_t *ret_bytes,
			  uint64_t *ret_wrong, uint64_t *ret_at)
{
	struct nwb_inode *inode = nwb_file_inode(f);
	struct nwb_cache_object *obj = nwb_inode_side(inode, 1);
	uint64_t ret[3] = {0}, pos = 0, size;
	uint8_t *buf = NULL;
	int rc = 0;

	/* An error stays to be told, by whoever asks for it. */
	(void)!nwb_file_flush(f);
	if (obj)
		buf = nwb_alloc_pages((size_t)2 * CHECK_BYTES);
	if (obj && !buf)
		return -ENOMEM;
	/* What is read from now on comes from the server. */
	nwb_inode_set_side(inode, 1, NULL);
	size = nwb_inode_size(inode);
	nwb_inode_invalidate(inode, size);
	while (obj && !rc && pos < size)
		rc = compare(f, obj, &pos, buf, ret);
	nwb_inode_set_side(inode, 1, obj);
	nwb_free(buf);
	*ret_bytes = ret[0];
	*ret_wrong = ret[1];
	*ret_at = ret[2];
	return rc;
}

/* --- files ---------------------------------------------------------------- */

/** nwb_fs_streams_open() - let @inode take part in what the mount has. What
 * cannot be had is left out. */
void nwb_fs_streams_open(struct nwb_mount *mnt, struct nwb_inode *inode,
			 const char *name, uint32_t id)
{
	struct nwb_cache_object *obj;

	if (mnt->cache && !nwb_cache_open(mnt->cache, &obj))
		nwb_inode_set_side(inode, 1, obj);
	if (mnt->mirror)
		nwb_inode_set_side(inode, 2,
				   nwb_fs_mirror_open(mnt->mirror, name, id));
}

/** nwb_fs_streams_take() - what @inode has; it is about to go. */
void nwb_fs_streams_take(struct nwb_inode *inode, struct nwb_fs_sides *ret)
{
	ret->cache = nwb_inode_side(inode, 1);
	ret->mirror = nwb_inode_side(inode, 2);
}

/** nwb_fs_streams_close() - the inode is gone. */
void nwb_fs_streams_close(const struct nwb_fs_sides *sides)
{
	nwb_cache_close(sides->cache);
	nwb_fs_mirror_close(sides->mirror);
}
