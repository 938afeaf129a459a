/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What stands behind the other streams of a mount.
 *
 *	1 cache	   a local object of each file (nwb/cache.h), as
 *		   fs/cachefiles is behind fscache_begin_write_operation()
 *	2 mirror   the file of the same name on another mount, which has its own
 *		   netfs: retries, reconnects and keeps what is not flushed there
 *
 * A mirror that has missed something (a failure, a truncation, a direct write)
 * is left alone from then on; it is never read.
 */
#include "ns.h"

#include "nwb/cache.h"
#include "nwb/mem.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>

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

/* --- mirror --------------------------------------------------------------- */

/*
 * struct nwb_fs_mirror - of a mount. Its task writes what is queued, one after
 * the other: it may wait for the mirror as long as it likes, and nobody else
 * does before the folios are to be clean.
 */
struct nwb_fs_mirror {
	struct nwb_mount *mnt; /* the other one */
	struct nwb_mutex lock;
	struct nwb_waitq changed;
	struct nwb_list queue;
	bool stopping;
	struct nwb_task *task;
};

/* Of one inode. */
struct mirror_file {
	struct nwb_fs_mirror *mir;
	struct nwb_file *file;
	_Atomic bool is_behind;
};

/* Of one subrequest. */
struct mirror_write {
	struct nwb_list link;
};

static_assert(sizeof(struct mirror_write) <= NWB_SREQ_PRIV_BYTES,
	      "a mirror write does not fit in a subrequest");

static struct nwb_io_subrequest *mirror_sreq(struct mirror_write *w)
{
	char *priv = (char *)w;

	return (struct nwb_io_subrequest
			*)(void *)(priv -
				   offsetof(struct nwb_io_subrequest, fs_priv));
}

static bool mirror_begin(struct nwb_io_request *rreq, unsigned int stream_nr)
{
	struct mirror_file *m = nwb_inode_side(nwb_rreq_inode(rreq), stream_nr);

	return !atomic_load(&m->is_behind);
}

/* Copied into the mirror's page cache, which may have to wait for room. */
static int64_t mirror_write(struct nwb_io_subrequest *sreq)
{
	struct mirror_file *m = nwb_inode_side(nwb_rreq_inode(sreq->rreq), 2);
	uint64_t pos = sreq->start + sreq->transferred;
	int64_t total = 0;

	for (unsigned int i = 0; i < sreq->nr_iov; i++) {
		ssize_t n = nwb_file_write(m->file, sreq->iov[i].iov_base,
					   sreq->iov[i].iov_len, pos);

		if (n < 0)
			return n;
		pos += (uint64_t)n;
		total += n;
	}
	return total;
}

static void mirror_main(void *arg)
{
	struct nwb_fs_mirror *mir = arg;

	nwb_mutex_lock(&mir->lock);
	while (!mir->stopping) {
		struct nwb_io_subrequest *sreq;
		struct mirror_write *w;

		if (nwb_list_empty(&mir->queue)) {
			(void)nwb_waitq_wait(&mir->changed, &mir->lock,
					     NWB_NEVER);
			continue;
		}
		w = nwb_list_first(&mir->queue, struct mirror_write, link);
		nwb_list_del(&w->link);
		nwb_mutex_unlock(&mir->lock);
		sreq = mirror_sreq(w);
		nwb_write_subrequest_terminated(sreq, mirror_write(sreq));
		nwb_mutex_lock(&mir->lock);
	}
	nwb_mutex_unlock(&mir->lock);
}

static void mirror_issue(struct nwb_io_subrequest *sreq)
{
	struct mirror_write *w = (struct mirror_write *)(void *)sreq->fs_priv;
	struct mirror_file *m = nwb_inode_side(nwb_rreq_inode(sreq->rreq), 2);
	struct nwb_fs_mirror *mir = m->mir;

	nwb_list_init(&w->link);
	nwb_mutex_lock(&mir->lock);
	nwb_list_add_tail(&mir->queue, &w->link);
	nwb_waitq_wake_all(&mir->changed);
	nwb_mutex_unlock(&mir->lock);
}

static void mirror_invalidate(struct nwb_inode *inode)
{
	struct mirror_file *m = nwb_inode_side(inode, 2);

	atomic_store(&m->is_behind, true);
}

static int mirror_flush(struct nwb_inode *inode)
{
	struct mirror_file *m = nwb_inode_side(inode, 2);

	return atomic_load(&m->is_behind) ? 0 : nwb_file_fsync(m->file);
}

static const struct nwb_stream_ops mirror_ops = {
	.name = "mirror",
	.begin = mirror_begin,
	.issue_write = mirror_issue,
	.invalidate = mirror_invalidate,
	.flush = mirror_flush,
};

int nwb_mount_use_mirror(struct nwb_mount *mnt, struct nwb_mount *mirror)
{
	struct nwb_fs_mirror *mir = nwb_zalloc(sizeof(*mir));
	int rc;

	if (!mir)
		return -ENOMEM;
	mir->mnt = mirror;
	nwb_mutex_init(&mir->lock, mnt->ctx.ex, "mirror");
	nwb_waitq_init(&mir->changed, mnt->ctx.ex, "mirror");
	nwb_list_init(&mir->queue);
	rc = nwb_task_spawn(mnt->ctx.ex, "mirror", mirror_main, mir,
			    &mir->task);
	if (rc) {
		nwb_free(mir);
		return rc;
	}
	mnt->mirror = mir;
	nwb_netfs_attach(mnt->nf, 2, &mirror_ops);
	return 0;
}

void nwb_fs_mirror_free(struct nwb_fs_mirror *mir)
{
	if (!mir)
		return;
	nwb_mutex_lock(&mir->lock);
	nwb_assert(nwb_list_empty(&mir->queue));
	mir->stopping = true;
	nwb_waitq_wake_all(&mir->changed);
	nwb_mutex_unlock(&mir->lock);
	nwb_task_join(mir->task);
	nwb_free(mir);
}

static struct mirror_file *mirror_open(struct nwb_fs_mirror *mir,
				       const char *name, uint32_t id)
{
	struct mirror_file *m = nwb_zalloc(sizeof(*m));

	if (!m)
		return NULL;
	m->mir = mir;
	if (nwb_mount_open(mir->mnt, name, NWB_O_CREATE, id, &m->file, NULL)) {
		nwb_free(m);
		return NULL;
	}
	return m;
}

bool nwb_mount_mirror_is_behind(const struct nwb_file *f)
{
	struct mirror_file *m = nwb_inode_side(nwb_file_inode(f), 2);

	return !m || atomic_load(&m->is_behind);
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
				   mirror_open(mnt->mirror, name, id));
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
	struct mirror_file *m = sides->mirror;

	nwb_cache_close(sides->cache);
	if (!m)
		return;
	(void)!nwb_mount_close(m->mir->mnt, m->file);
	nwb_free(m);
}
