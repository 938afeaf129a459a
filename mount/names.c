/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Requests about names; the shadow follows what succeeded. */
#include "fuse_i.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1u
#endif

/* What the shadow has to be told of; NULL: it does not know the directory. */
static struct nwb_snode *shadow_dir(const struct nwb_fuse *f,
				    const struct mnode *dir)
{
	return f->shadow ? dir->shadow : NULL;
}

/* Something was made: take it over. */
static void made(fuse_req_t req, struct mnode *dir, const char *name,
		 enum nwb_snode_type type, const char *target,
		 struct nwb_node *node, const struct nwb_attr *a)
{
	struct nwb_fuse *f = fuse_of(req);
	struct nwb_snode *sd = shadow_dir(f, dir), *sn = NULL;
	struct mnode *mn;

	if (sd)
		sn = nwb_shadow_make(f->shadow, sd, name, type, target);
	mn = mnode_get(f, node, sn);
	if (mn)
		reply_entry(req, mn, a, NULL);
	else
		reply(req, -ENOMEM);
}

/* It failed: perhaps it has happened all the same. */
static void failed(fuse_req_t req, struct mnode *dir, const char *name, int rc)
{
	struct nwb_fuse *f = fuse_of(req);
	struct nwb_snode *sd = shadow_dir(f, dir);

	if (sd && !is_known(rc))
		nwb_shadow_doubt(f->shadow, sd, name);
	reply(req, rc);
}

static void do_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct nwb_fuse *f = fuse_of(req);
	struct mnode *dir = mnode_of(f, parent), *mn;
	struct nwb_snode *sd = shadow_dir(f, dir);
	struct nwb_node *node;
	struct nwb_attr a;
	int rc = nwb_ns_lookup(f->mnt, dir->node, name, &node, &a, NULL);

	if (rc) {
		if (rc == -ENOENT && sd)
			nwb_shadow_absent(f->shadow, sd, name);
		reply(req, rc);
		return;
	}
	mn = mnode_get(f, node,
		       sd ? nwb_shadow_lookup(f->shadow, sd, name) : NULL);
	if (mn)
		reply_entry(req, mn, &a, NULL);
	else
		reply(req, -ENOMEM);
}

static void do_forget(fuse_req_t req, fuse_ino_t ino, uint64_t nr)
{
	struct nwb_fuse *f = fuse_of(req);

	mnode_put(f, mnode_of(f, ino), nr);
	fuse_reply_none(req);
}

static void do_forget_multi(fuse_req_t req, size_t count,
			    struct fuse_forget_data *v)
{
	struct nwb_fuse *f = fuse_of(req);

	for (size_t i = 0; i < count; i++)
		mnode_put(f, mnode_of(f, v[i].ino), v[i].nlookup);
	fuse_reply_none(req);
}

/* Make and open; @ret_file is the caller's to close. */
static int create(struct nwb_fuse *f, struct mnode *dir, const char *name,
		  mode_t mode, struct mnode **ret_mn, struct nwb_attr *a,
		  struct mfile **ret_mf)
{
	struct nwb_snode *sd = shadow_dir(f, dir), *sn = NULL;
	struct nwb_node *node;
	struct nwb_file *file;
	struct mnode *mn;
	int rc = nwb_ns_create(f->mnt, dir->node, name, mode & 07777, &node, a,
			       &file, NULL);

	if (rc) {
		if (sd && !is_known(rc))
			nwb_shadow_doubt(f->shadow, sd, name);
		return rc;
	}
	if (sd)
		sn = nwb_shadow_make(f->shadow, sd, name, NWB_SNODE_FILE, NULL);
	mn = mnode_get(f, node, sn);
	if (!mn) {
		/* open, so it is there still; nothing was written to it */
		(void)!nwb_ns_close(f->mnt, node, file);
		return -ENOMEM;
	}
	*ret_mf = file_new(f, mn, file);
	if (!*ret_mf) {
		mnode_put(f, mn, 1);
		return -ENOMEM;
	}
	*ret_mn = mn;
	return 0;
}

static void do_create(fuse_req_t req, fuse_ino_t parent, const char *name,
		      mode_t mode, struct fuse_file_info *fi)
{
	struct nwb_fuse *f = fuse_of(req);
	struct nwb_attr a;
	struct mnode *mn;
	struct mfile *mf;
	int rc = create(f, mnode_of(f, parent), name, mode, &mn, &a, &mf);

	if (rc) {
		reply(req, rc);
		return;
	}
	file_info(f, mf, fi);
	reply_entry(req, mn, &a, fi);
}

static void do_mknod(fuse_req_t req, fuse_ino_t parent, const char *name,
		     mode_t mode, dev_t dev nwb_unused)
{
	struct nwb_fuse *f = fuse_of(req);
	struct nwb_attr a;
	struct mnode *mn;
	struct mfile *mf;
	int rc;

	if (!S_ISREG(mode)) {
		reply(req, -EOPNOTSUPP);
		return;
	}
	rc = create(f, mnode_of(f, parent), name, mode, &mn, &a, &mf);
	if (!rc)
		rc = file_close(f, mf);
	if (rc)
		reply(req, rc);
	else
		reply_entry(req, mn, &a, NULL);
}

static void do_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name,
		     mode_t mode)
{
	struct nwb_fuse *f = fuse_of(req);
	struct mnode *dir = mnode_of(f, parent);
	struct nwb_node *node;
	struct nwb_attr a;
	int rc = nwb_ns_mkdir(f->mnt, dir->node, name, mode & 07777, &node, &a,
			      NULL);

	if (rc)
		failed(req, dir, name, rc);
	else
		made(req, dir, name, NWB_SNODE_DIR, NULL, node, &a);
}

static void do_symlink(fuse_req_t req, const char *target, fuse_ino_t parent,
		       const char *name)
{
	struct nwb_fuse *f = fuse_of(req);
	struct mnode *dir = mnode_of(f, parent);
	struct nwb_node *node;
	struct nwb_attr a;
	int rc = nwb_ns_symlink(f->mnt, dir->node, name, target, &node, &a,
				NULL);

	if (rc)
		failed(req, dir, name, rc);
	else
		made(req, dir, name, NWB_SNODE_LINK, target, node, &a);
}

static void do_readlink(fuse_req_t req, fuse_ino_t ino)
{
	struct nwb_fuse *f = fuse_of(req);
	char *buf = (char *)fuse_worker->out;
	ssize_t n = nwb_ns_readlink(f->mnt, mnode_of(f, ino)->node, buf,
				    FUSE_IO_MAX, NULL);

	if (n < 0)
		reply(req, (int)n);
	else
		fuse_reply_readlink(req, buf);
}

static void do_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent,
		    const char *name)
{
	struct nwb_fuse *f = fuse_of(req);
	struct mnode *dir = mnode_of(f, parent), *mn = mnode_of(f, ino);
	struct nwb_snode *sd = shadow_dir(f, dir);
	struct nwb_attr a;
	int rc = nwb_ns_link(f->mnt, mn->node, dir->node, name, &a, NULL);

	if (rc) {
		failed(req, dir, name, rc);
		return;
	}
	if (sd && mn->shadow)
		nwb_shadow_link(f->shadow, sd, name, mn->shadow);
	reply_entry(req, mnode_get(f, mn->node, NULL), &a, NULL);
}

static void gone(fuse_req_t req, fuse_ino_t parent, const char *name, int rc)
{
	struct nwb_fuse *f = fuse_of(req);
	struct mnode *dir = mnode_of(f, parent);
	struct nwb_snode *sd = shadow_dir(f, dir);

	if (rc) {
		failed(req, dir, name, rc);
		return;
	}
	if (sd)
		nwb_shadow_unlink(f->shadow, sd, name);
	reply(req, 0);
}

static void do_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct nwb_fuse *f = fuse_of(req);

	gone(req, parent, name,
	     nwb_ns_unlink(f->mnt, mnode_of(f, parent)->node, name, NULL));
}

static void do_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct nwb_fuse *f = fuse_of(req);

	gone(req, parent, name,
	     nwb_ns_rmdir(f->mnt, mnode_of(f, parent)->node, name, NULL));
}

static void do_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
		      fuse_ino_t to_parent, const char *to_name,
		      unsigned int flags)
{
	struct nwb_fuse *f = fuse_of(req);
	struct mnode *dir = mnode_of(f, parent), *to = mnode_of(f, to_parent);
	struct nwb_snode *sd = shadow_dir(f, dir), *sto = shadow_dir(f, to);
	int rc = flags & ~RENAME_NOREPLACE ? -EINVAL : 0;

	if (!rc)
		rc = nwb_ns_rename(f->mnt, dir->node, name, to->node, to_name,
				   flags ? NWB_RENAME_NOREPLACE : 0, NULL);
	if (sd && sto && rc && !is_known(rc)) {
		nwb_shadow_doubt(f->shadow, sd, name);
		nwb_shadow_doubt(f->shadow, sto, to_name);
	} else if (sd && sto && !rc) {
		nwb_shadow_rename(f->shadow, sd, name, sto, to_name, false);
	}
	reply(req, rc);
}

void fuse_names_ops(struct fuse_lowlevel_ops *ops)
{
	ops->lookup = do_lookup;
	ops->forget = do_forget;
	ops->forget_multi = do_forget_multi;
	ops->create = do_create;
	ops->mknod = do_mknod;
	ops->mkdir = do_mkdir;
	ops->symlink = do_symlink;
	ops->readlink = do_readlink;
	ops->link = do_link;
	ops->unlink = do_unlink;
	ops->rmdir = do_rmdir;
	ops->rename = do_rename;
}
