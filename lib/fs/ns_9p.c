/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The tree of names over 9P2000.L: what fs/9p/vfs_inode_dotl.c is to the
 * kernel. Everything goes by path from the root (lib/p9/path.c): a fid would
 * have to be made again after each lost connection.
 */
#include "ns.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* EAGAIN of the server, told as EREMOTEIO: as lib/fs/9p.c has it. */
static int answer(int rc)
{
	return rc == -EREMOTEIO || rc == -EINTR ? -EAGAIN : rc;
}

static struct nwb_time time_of(uint64_t sec, uint64_t nsec)
{
	return (struct nwb_time){(int64_t)sec, (uint32_t)nsec};
}

static int p9_getattr(struct nwb_fs_ctx *ctx, const char *path,
		      struct nwb_attr *ret_attr)
{
	struct nwb_p9_attr a;
	int rc = answer(nwb_p9_path_getattr(ctx->p9, path, &a));

	if (rc)
		return rc;
	if ((a.valid & NWB_P9_GETATTR_BASIC) != NWB_P9_GETATTR_BASIC)
		return -EPROTO;
	*ret_attr = (struct nwb_attr){
		.ino = a.qid.path,
		.mode = a.mode,
		.nlink = (uint32_t)a.nlink,
		.uid = a.uid,
		.gid = a.gid,
		.size = a.size,
		.blocks = a.blocks,
		.blksize = (uint32_t)a.blksize,
		.atime = time_of(a.atime_sec, a.atime_nsec),
		.mtime = time_of(a.mtime_sec, a.mtime_nsec),
		.ctime = time_of(a.ctime_sec, a.ctime_nsec),
	};
	return 0;
}

static int p9_setattr(struct nwb_fs_ctx *ctx, const char *path,
		      void *inode_priv, uint32_t valid,
		      const struct nwb_attr *attr)
{
	static const struct {
		uint32_t ours, wire;
	} map[] = {
		{NWB_SET_MODE, NWB_P9_SETATTR_MODE},
		{NWB_SET_UID, NWB_P9_SETATTR_UID},
		{NWB_SET_GID, NWB_P9_SETATTR_GID},
		{NWB_SET_ATIME,
		 NWB_P9_SETATTR_ATIME | NWB_P9_SETATTR_ATIME_SET},
		{NWB_SET_MTIME,
		 NWB_P9_SETATTR_MTIME | NWB_P9_SETATTR_MTIME_SET},
		{NWB_SET_ATIME_NOW, NWB_P9_SETATTR_ATIME},
		{NWB_SET_MTIME_NOW, NWB_P9_SETATTR_MTIME},
	};
	struct nwb_p9_iattr a = {
		.mode = attr->mode & 07777,
		.uid = attr->uid,
		.gid = attr->gid,
		.atime_sec = (uint64_t)attr->atime.sec,
		.atime_nsec = attr->atime.nsec,
		.mtime_sec = (uint64_t)attr->mtime.sec,
		.mtime_nsec = attr->mtime.nsec,
	};

	(void)inode_priv;
	if (valid & NWB_SET_ATIME_NOW)
		valid &= ~NWB_SET_ATIME;
	if (valid & NWB_SET_MTIME_NOW)
		valid &= ~NWB_SET_MTIME;
	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(map); i++)
		if (valid & map[i].ours)
			a.valid |= map[i].wire;
	return answer(nwb_p9_path_setattr(ctx->p9, path, &a));
}

static int p9_create(struct nwb_fs_ctx *ctx, const char *path, uint32_t mode)
{
	return answer(nwb_p9_path_create(ctx->p9, path, mode));
}

static int p9_mkdir(struct nwb_fs_ctx *ctx, const char *path, uint32_t mode)
{
	return answer(nwb_p9_path_mkdir(ctx->p9, path, mode));
}

static int p9_unlink(struct nwb_fs_ctx *ctx, const char *path, bool is_dir)
{
	return answer(nwb_p9_path_unlink(ctx->p9, path, is_dir));
}

/* Trenameat replaces what is there, always. */
static int p9_rename(struct nwb_fs_ctx *ctx, const char *from, const char *to,
		     bool replace)
{
	(void)replace;
	return answer(nwb_p9_path_rename(ctx->p9, from, to));
}

static int p9_link(struct nwb_fs_ctx *ctx, const char *existing,
		   const char *path)
{
	return answer(nwb_p9_path_link(ctx->p9, existing, path));
}

static int p9_symlink(struct nwb_fs_ctx *ctx, const char *path,
		      const char *target)
{
	return answer(nwb_p9_path_symlink(ctx->p9, path, target));
}

static ssize_t p9_readlink(struct nwb_fs_ctx *ctx, const char *path, char *buf,
			   size_t size)
{
	ssize_t n = nwb_p9_path_readlink(ctx->p9, path, buf, size);

	return n < 0 ? answer((int)n) : n;
}

static ssize_t p9_getxattr(struct nwb_fs_ctx *ctx, const char *path,
			   const char *name, void *buf, size_t size)
{
	ssize_t n = nwb_p9_path_getxattr(ctx->p9, path, name, buf, size);

	return n < 0 ? answer((int)n) : n;
}

static ssize_t p9_listxattr(struct nwb_fs_ctx *ctx, const char *path, void *buf,
			    size_t size)
{
	return p9_getxattr(ctx, path, "", buf, size);
}

static int p9_setxattr(struct nwb_fs_ctx *ctx, const char *path,
		       const char *name, const void *value, size_t len,
		       unsigned int flags)
{
	return answer(
		nwb_p9_path_setxattr(ctx->p9, path, name, value, len, flags));
}

static int p9_removexattr(struct nwb_fs_ctx *ctx, const char *path,
			  const char *name)
{
	return answer(nwb_p9_path_removexattr(ctx->p9, path, name));
}

static int add_entry(void *arg, const struct nwb_p9_dirent *d)
{
	if (nwb_p9_str_eq(&d->name, ".") || nwb_p9_str_eq(&d->name, ".."))
		return 0;
	if (!d->name.len || memchr(d->name.s, '/', d->name.len))
		return -EPROTO;
	return nwb_dir_add(arg, d->qid.path, d->type, d->name.s, d->name.len);
}

static int p9_readdir(struct nwb_fs_ctx *ctx, const char *path,
		      struct nwb_dir *dir)
{
	return answer(nwb_p9_path_readdir(ctx->p9, path, add_entry, dir));
}

static int p9_statfs(struct nwb_fs_ctx *ctx, struct nwb_statfs *ret_st)
{
	struct nwb_p9_statfs st;
	int rc = answer(nwb_p9_statfs(ctx->p9, &st));

	if (rc)
		return rc;
	*ret_st = (struct nwb_statfs){
		.bsize = st.bsize,
		.blocks = st.blocks,
		.bfree = st.bfree,
		.bavail = st.bavail,
		.files = st.files,
		.ffree = st.ffree,
		.namelen = st.namelen,
	};
	return 0;
}

static int p9_set_name(void *inode_priv, const char *path)
{
	struct p9_inode *p = inode_priv;

	return nwb_p9_file_rename(p->file, path);
}

const struct nwb_ns_ops nwb_ns_9p = {
	.getattr = p9_getattr,
	.setattr = p9_setattr,
	.create = p9_create,
	.mkdir = p9_mkdir,
	.unlink = p9_unlink,
	.rename = p9_rename,
	.link = p9_link,
	.symlink = p9_symlink,
	.readlink = p9_readlink,
	.getxattr = p9_getxattr,
	.listxattr = p9_listxattr,
	.setxattr = p9_setxattr,
	.removexattr = p9_removexattr,
	.readdir = p9_readdir,
	.statfs = p9_statfs,
	.set_name = p9_set_name,
};
