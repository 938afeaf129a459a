/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The tree of names over SMB: what fs/smb/client/inode.c and dir.c are to the
 * kernel, for a server without POSIX extensions: mode and owner are the
 * client's (has_no_owner), a directory that is renamed wants nothing open
 * below, and none is put over another one.
 */
#include "ns.h"

#include "nwb/smb2_info.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define DIR_MODE  0755u
#define FILE_MODE 0644u
#define BLOCK	  512u

static struct nwb_time time_of(uint64_t filetime)
{
	struct nwb_time t;

	nwb_smb2_time(filetime, &t.sec, &t.nsec);
	return t;
}

static uint32_t mode_of(uint32_t attributes)
{
	uint32_t mode = attributes & NWB_SMB2_ATTR_DIRECTORY
				? S_IFDIR | DIR_MODE
				: S_IFREG | FILE_MODE;

	/* of directories it means something else */
	if (S_ISREG(mode) && (attributes & NWB_SMB2_ATTR_READONLY))
		mode &= ~0222u;
	return mode;
}

static int smb_getattr(struct nwb_fs_ctx *ctx, const char *path,
		       struct nwb_attr *ret_attr)
{
	struct nwb_smb2_attr a;
	int rc = nwb_smb2_path_getattr(ctx->smb2, path, &a);

	if (rc)
		return rc;
	*ret_attr = (struct nwb_attr){
		.ino = a.number,
		.mode = mode_of(a.attributes),
		.nlink = a.links,
		.size = a.eof,
		.blocks = a.allocation / BLOCK,
		.blksize = NWB_PAGE_SIZE,
		.atime = time_of(a.access_time),
		.mtime = time_of(a.write_time),
		.ctime = time_of(a.change_time),
	};
	return 0;
}

/*
 * Times only; of "now" the caller's time is what there is. Of an open file they
 * are set through its own handle: smbd 4.17 sets the time of the last write
 * when a handle that has written is closed, unless it was set through that.
 */
static int smb_setattr(struct nwb_fs_ctx *ctx, const char *path,
		       void *inode_priv, uint32_t valid,
		       const struct nwb_attr *attr)
{
	struct smb_inode *p = inode_priv;
	uint64_t atime = 0, mtime = 0;
	uint32_t instance;
	int rc;

	if (valid & (NWB_SET_ATIME | NWB_SET_ATIME_NOW))
		atime = nwb_smb2_filetime(attr->atime.sec, attr->atime.nsec);
	if (valid & (NWB_SET_MTIME | NWB_SET_MTIME_NOW))
		mtime = nwb_smb2_filetime(attr->mtime.sec, attr->mtime.nsec);
	if (!atime && !mtime)
		return 0;
	if (!p)
		return nwb_smb2_path_set_times(ctx->smb2, path, atime, mtime);
	rc = nwb_smb2_file_ready(p->file, &instance, NULL);
	return rc ? rc : nwb_smb2_file_set_times(p->file, atime, mtime);
}

static int smb_create(struct nwb_fs_ctx *ctx, const char *path, uint32_t mode)
{
	(void)mode;
	return nwb_smb2_path_create(ctx->smb2, path, false);
}

static int smb_mkdir(struct nwb_fs_ctx *ctx, const char *path, uint32_t mode)
{
	(void)mode;
	return nwb_smb2_path_create(ctx->smb2, path, true);
}

static int smb_unlink(struct nwb_fs_ctx *ctx, const char *path, bool is_dir)
{
	return nwb_smb2_path_unlink(ctx->smb2, path, is_dir);
}

static int smb_rename(struct nwb_fs_ctx *ctx, const char *from, const char *to,
		      bool replace)
{
	return nwb_smb2_path_rename(ctx->smb2, from, to, replace);
}

static int smb_link(struct nwb_fs_ctx *ctx, const char *existing,
		    const char *path)
{
	return nwb_smb2_path_link(ctx->smb2, existing, path);
}

/* [MS-FSCC] 2.1.5.2, and what a server would map to something else. */
static int smb_check_name(const char *name, struct nwb_err *err)
{
	uint8_t utf16[2 * NWB_NAME_BYTES_MAX];
	size_t len = strlen(name);

	for (size_t i = 0; i < len; i++)
		if ((uint8_t)name[i] < 0x20 || strchr("\\:*?\"<>|", name[i]))
			return nwb_err_set(err, -EINVAL,
					   "SMB carries no name with 0x%02x in "
					   "it: \"%s\"",
					   (unsigned int)(uint8_t)name[i],
					   name);
	if (name[len - 1] == '.' || name[len - 1] == ' ')
		return nwb_err_set(err, -EINVAL,
				   "SMB carries no name that ends so: \"%s\"",
				   name);
	if (nwb_smb2_utf16_encode(utf16, sizeof(utf16), name) < 0)
		return nwb_err_set(err, -EINVAL,
				   "SMB carries no name that is not UTF-8");
	return 0;
}

static int add_entry(void *arg, const struct nwb_smb2_dir_entry *e)
{
	/* three bytes of UTF-8 for two of UTF-16 at most */
	char name[3 * NWB_NAME_BYTES_MAX + 1];
	int len = nwb_smb2_utf16_decode(name, sizeof(name), e->name.data,
					e->name.len);

	if (len <= 0 || memchr(name, '/', (size_t)len))
		return -EPROTO;
	if (!strcmp(name, ".") || !strcmp(name, ".."))
		return 0;
	return nwb_dir_add(arg, e->number, mode_of(e->attributes) >> 12, name,
			   (size_t)len);
}

static int smb_readdir(struct nwb_fs_ctx *ctx, const char *path,
		       struct nwb_dir *dir)
{
	return nwb_smb2_path_readdir(ctx->smb2, path, add_entry, dir);
}

static int smb_statfs(struct nwb_fs_ctx *ctx, struct nwb_statfs *ret_st)
{
	struct nwb_smb2_fs_size st;
	int rc = nwb_smb2_statfs(ctx->smb2, &st);

	if (rc)
		return rc;
	*ret_st = (struct nwb_statfs){
		.bsize = st.unit_bytes,
		.blocks = st.total,
		.bfree = st.free,
		.bavail = st.avail,
		.namelen = NWB_NAME_BYTES_MAX,
	};
	return 0;
}

static int smb_set_name(void *inode_priv, const char *path)
{
	struct smb_inode *p = inode_priv;

	if (__atomic_load_n(&p->is_other, __ATOMIC_ACQUIRE)) {
		int rc = nwb_smb2_file_rename(p->other, path);

		if (rc)
			return rc;
	}
	return nwb_smb2_file_rename(p->file, path);
}

static void smb_park(void *inode_priv)
{
	struct smb_inode *p = inode_priv;

	if (__atomic_load_n(&p->is_other, __ATOMIC_ACQUIRE))
		nwb_smb2_file_park(p->other);
	nwb_smb2_file_park(p->file);
}

const struct nwb_ns_ops nwb_ns_smb = {
	.cannot_replace_dir = true,
	.cannot_move_open = true,
	.has_no_owner = true,
	.check_name = smb_check_name,
	.getattr = smb_getattr,
	.setattr = smb_setattr,
	.create = smb_create,
	.mkdir = smb_mkdir,
	.unlink = smb_unlink,
	.rename = smb_rename,
	.link = smb_link,
	.readdir = smb_readdir,
	.statfs = smb_statfs,
	.set_name = smb_set_name,
	.park = smb_park,
};
