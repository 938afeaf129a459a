/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Requests about directories, the file system, extended attributes. */
#include "fuse_i.h"

#include "nwb/engine.h"
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>

/* What libfuse itself says of a file whose number is not known. */
#define NO_INO 0xffffffffu

static struct mdir *mdir_of(const struct fuse_file_info *fi)
{
	return (struct mdir *)(uintptr_t)fi->fh;
}

static void dir_close(struct nwb_fuse *f, struct mdir *md)
{
	pthread_mutex_lock(&f->lock);
	nwb_list_del(&md->link);
	pthread_mutex_unlock(&f->lock);
	nwb_ns_closedir(md->dir);
	free(md);
}

static void do_opendir(fuse_req_t req, fuse_ino_t ino,
		       struct fuse_file_info *fi)
{
	struct nwb_fuse *f = fuse_of(req);
	struct mdir *md = calloc(1, sizeof(*md));
	int rc = md ? nwb_ns_opendir(f->mnt, mnode_of(f, ino)->node, &md->dir,
				     NULL)
		    : -ENOMEM;

	if (rc) {
		free(md);
		reply(req, rc);
		return;
	}
	pthread_mutex_lock(&f->lock);
	nwb_list_add_tail(&f->dirs, &md->link);
	pthread_mutex_unlock(&f->lock);
	fi->fh = (uint64_t)(uintptr_t)md;
	if (fuse_reply_open(req, fi))
		dir_close(f, md);
}

static void do_readdir(fuse_req_t req, fuse_ino_t ino nwb_unused, size_t size,
		       off_t off, struct fuse_file_info *fi)
{
	char *buf = (char *)fuse_worker->out;
	uint64_t at = (uint64_t)off;
	struct nwb_dirent e;
	size_t used = 0;
	int rc;

	size = nwb_min(size, (size_t)FUSE_IO_MAX);
	while ((rc = nwb_ns_readdir(mdir_of(fi)->dir, at, &e, NULL)) == 1) {
		struct stat st = {
			/* readdir(3) takes 0 for an entry that is gone */
			.st_ino = e.ino ? e.ino : NO_INO,
			.st_mode = DTTOIF(e.type),
		};
		size_t need = fuse_add_direntry(req, buf + used, size - used,
						e.name, &st, (off_t)e.next);

		if (need > size - used)
			break;
		used += need;
		at = e.next;
	}
	if (rc < 0 && !used)
		reply(req, rc);
	else
		fuse_reply_buf(req, buf, used);
}

static void do_releasedir(fuse_req_t req, fuse_ino_t ino nwb_unused,
			  struct fuse_file_info *fi)
{
	dir_close(fuse_of(req), mdir_of(fi));
	reply(req, 0);
}

/* Names change on the server before the reply. */
static void do_fsyncdir(fuse_req_t req, fuse_ino_t ino nwb_unused,
			int datasync nwb_unused,
			struct fuse_file_info *fi nwb_unused)
{
	reply(req, 0);
}

static void do_statfs(fuse_req_t req, fuse_ino_t ino nwb_unused)
{
	struct nwb_statfs s;
	struct statvfs st;
	int rc = nwb_ns_statfs(fuse_of(req)->mnt, &s, NULL);

	if (rc) {
		reply(req, rc);
		return;
	}
	st = (struct statvfs){
		.f_bsize = s.bsize,
		.f_frsize = s.bsize,
		.f_blocks = s.blocks,
		.f_bfree = s.bfree,
		.f_bavail = s.bavail,
		.f_files = s.files,
		.f_ffree = s.ffree,
		.f_favail = s.ffree,
		.f_namemax = s.namelen,
	};
	fuse_reply_statfs(req, &st);
}

static void reply_xattr(fuse_req_t req, ssize_t n, size_t size)
{
	if (n < 0)
		reply(req, (int)n);
	else if (size)
		fuse_reply_buf(req, (char *)fuse_worker->out, (size_t)n);
	else
		fuse_reply_xattr(req, (size_t)n);
}

static void do_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name,
			size_t size)
{
	struct nwb_fuse *f = fuse_of(req);
	uint64_t token;
	int rc;

	if (f->engine && !strcmp(name, NWB_ENGINE_XATTR) &&
	    size == sizeof(token)) {
		rc = engine_token(f, mnode_of(f, ino), &token);
		if (rc)
			reply(req, rc);
		else
			fuse_reply_buf(req, (char *)&token, sizeof(token));
		return;
	}
	size = nwb_min(size, (size_t)FUSE_IO_MAX);
	reply_xattr(req,
		    nwb_ns_getxattr(f->mnt, mnode_of(f, ino)->node, name,
				    fuse_worker->out, size, NULL),
		    size);
}

static void do_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	struct nwb_fuse *f = fuse_of(req);

	size = nwb_min(size, (size_t)FUSE_IO_MAX);
	reply_xattr(req,
		    nwb_ns_listxattr(f->mnt, mnode_of(f, ino)->node,
				     fuse_worker->out, size, NULL),
		    size);
}

static void do_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name,
			const char *value, size_t size, int flags)
{
	struct nwb_fuse *f = fuse_of(req);
	unsigned int to = flags & XATTR_CREATE	  ? NWB_XATTR_CREATE
			  : flags & XATTR_REPLACE ? NWB_XATTR_REPLACE
						  : 0;

	reply(req, nwb_ns_setxattr(f->mnt, mnode_of(f, ino)->node, name, value,
				   size, to, NULL));
}

static void do_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	struct nwb_fuse *f = fuse_of(req);

	reply(req,
	      nwb_ns_removexattr(f->mnt, mnode_of(f, ino)->node, name, NULL));
}

void fuse_misc_ops(struct fuse_lowlevel_ops *ops)
{
	ops->opendir = do_opendir;
	ops->readdir = do_readdir;
	ops->releasedir = do_releasedir;
	ops->fsyncdir = do_fsyncdir;
	ops->statfs = do_statfs;
	ops->getxattr = do_getxattr;
	ops->listxattr = do_listxattr;
	ops->setxattr = do_setxattr;
	ops->removexattr = do_removexattr;
}
