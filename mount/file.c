/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Requests about the content of files. */
#include "fuse_i.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

static struct mfile *mfile_of(const struct fuse_file_info *fi)
{
	return (struct mfile *)(uintptr_t)fi->fh;
}

static void count(_Atomic uint64_t *c, uint64_t n)
{
	atomic_fetch_add_explicit(c, n, memory_order_relaxed);
}

struct mfile *file_new(struct nwb_fuse *f, struct mnode *mn,
		       struct nwb_file *file)
{
	struct mfile *mf = calloc(1, sizeof(*mf));

	if (!mf) {
		/* nothing was written through it */
		(void)!nwb_ns_close(f->mnt, mn->node, file);
		return NULL;
	}
	mf->mn = mn;
	mf->file = file;
	pthread_mutex_lock(&f->lock);
	nwb_list_add_tail(&f->files, &mf->link);
	pthread_mutex_unlock(&f->lock);
	return mf;
}

void file_info(struct nwb_fuse *f, struct mfile *mf, struct fuse_file_info *fi)
{
	fi->fh = (uint64_t)(uintptr_t)mf;
	fi->direct_io = !f->kernel_cache;
	/* nobody else writes: what the kernel has is right */
	fi->keep_cache = f->kernel_cache;
}

int file_close(struct nwb_fuse *f, struct mfile *mf)
{
	struct nwb_snode *sn = mf->mn->shadow;
	uint64_t token = 0;
	int rc;

	pthread_mutex_lock(&f->lock);
	nwb_list_del(&mf->link);
	pthread_mutex_unlock(&f->lock);
	if (sn)
		token = nwb_shadow_fsync_begin(f->shadow, sn);
	rc = nwb_ns_close(f->mnt, mf->mn->node, mf->file);
	if (sn)
		nwb_shadow_fsynced(f->shadow, sn, token, rc, false);
	if (mf->is_held)
		mnode_unhold(f, mf->mn);
	free(mf);
	return rc;
}

static void do_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct nwb_fuse *f = fuse_of(req);
	struct mnode *mn = mnode_of(f, ino);
	bool is_trunc = fi->flags & O_TRUNC;
	struct nwb_snode *sn = is_trunc ? mn->shadow : NULL;
	unsigned int token = 0;
	struct nwb_file *file;
	struct mfile *mf;
	int rc;

	if (sn)
		nwb_shadow_begin(f->shadow, sn, 0, UINT64_MAX, &token);
	rc = nwb_ns_open(f->mnt, mn->node, is_trunc, &file, NULL);
	if (sn && rc)
		nwb_shadow_release(f->shadow, sn, token, is_known(rc));
	else if (sn)
		nwb_shadow_truncate(f->shadow, sn, token);
	if (rc) {
		reply(req, rc);
		return;
	}
	mf = file_new(f, mn, file);
	if (!mf) {
		reply(req, -ENOMEM);
		return;
	}
	file_info(f, mf, fi);
	if (fuse_reply_open(req, fi))
		file_close(f, mf); /* who asked is gone */
}

static void do_release(fuse_req_t req, fuse_ino_t ino nwb_unused,
		       struct fuse_file_info *fi)
{
	/* close(2) has been told what there was to tell, by the flush */
	reply(req, file_close(fuse_of(req), mfile_of(fi)));
}

static void do_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct nwb_fuse *f = fuse_of(req);
	struct mnode *mn = mnode_of(f, ino);
	uint64_t token = 0;
	int rc;

	if (mn->shadow)
		token = nwb_shadow_fsync_begin(f->shadow, mn->shadow);
	rc = nwb_ns_flush(f->mnt, mn->node, mfile_of(fi)->file);
	if (mn->shadow)
		nwb_shadow_fsynced(f->shadow, mn->shadow, token, rc, false);
	reply(req, rc);
}

int file_fsync(struct nwb_fuse *f, struct mfile *mf)
{
	struct nwb_snode *sn = mf->mn->shadow;
	uint64_t token = 0;
	int rc;

	count(&f->nr_fsyncs, 1);
	if (sn)
		token = nwb_shadow_fsync_begin(f->shadow, sn);
	rc = nwb_file_fsync(mf->file);
	if (sn)
		nwb_shadow_fsynced(f->shadow, sn, token, rc, true);
	return rc;
}

static void do_fsync(fuse_req_t req, fuse_ino_t ino nwb_unused,
		     int datasync nwb_unused, struct fuse_file_info *fi)
{
	reply(req, file_fsync(fuse_of(req), mfile_of(fi)));
}

ssize_t file_read(struct nwb_fuse *f, struct mfile *mf, uint8_t *buf,
		  size_t size, uint64_t off)
{
	struct nwb_snode *sn = mf->mn->shadow;
	uint64_t token = 0;
	size_t got = 0;
	ssize_t n = 0;

	if (sn)
		token = nwb_shadow_read_begin(f->shadow, sn);
	/* a short answer is the end of the file to who asked */
	while (got < size) {
		n = nwb_file_read(mf->file, buf + got, size - got, off + got);
		if (n <= 0)
			break;
		got += (size_t)n;
	}
	if (n < 0)
		return n;
	if (sn)
		nwb_shadow_read(f->shadow, sn, token, buf, got, size, off);
	count(&f->nr_reads, 1);
	count(&f->bytes_read, got);
	return (ssize_t)got;
}

static void do_read(fuse_req_t req, fuse_ino_t ino nwb_unused, size_t size,
		    off_t off, struct fuse_file_info *fi)
{
	uint8_t *buf = fuse_worker->out;
	ssize_t n =
		file_read(fuse_of(req), mfile_of(fi), buf,
			  nwb_min(size, (size_t)FUSE_IO_MAX), (uint64_t)off);

	if (n < 0)
		reply(req, (int)n);
	else
		fuse_reply_buf(req, (char *)buf, (size_t)n);
}

ssize_t file_write(struct nwb_fuse *f, struct mfile *mf, const void *buf,
		   size_t size, uint64_t off)
{
	struct nwb_snode *sn = mf->mn->shadow;
	unsigned int token = 0;
	ssize_t n;

	if (size > NWB_SHADOW_FILE_MAX || off > NWB_SHADOW_FILE_MAX - size)
		return -EFBIG;
	if (sn)
		nwb_shadow_begin(f->shadow, sn, off, size, &token);
	n = nwb_file_write(mf->file, buf, size, off);
	if (sn && n < 0)
		nwb_shadow_release(f->shadow, sn, token, is_known((int)n));
	else if (sn)
		nwb_shadow_write(f->shadow, sn, token, buf, (uint64_t)n);
	if (n < 0)
		return n;
	count(&f->nr_writes, 1);
	count(&f->bytes_written, (uint64_t)n);
	return n;
}

static void do_write(fuse_req_t req, fuse_ino_t ino nwb_unused, const char *buf,
		     size_t size, off_t off, struct fuse_file_info *fi)
{
	ssize_t n = file_write(fuse_of(req), mfile_of(fi), buf, size,
			       (uint64_t)off);

	if (n < 0)
		reply(req, (int)n);
	else
		fuse_reply_write(req, (size_t)n);
}

void fuse_file_ops(struct fuse_lowlevel_ops *ops)
{
	ops->open = do_open;
	ops->release = do_release;
	ops->flush = do_flush;
	ops->fsync = do_fsync;
	ops->read = do_read;
	ops->write = do_write;
}
