/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A mount: one protocol client, one netfs, and the inodes that are open.
 *
 *	nwb_mount ── nwb_fs_ctx (the adapters' view)
 *	    ├── nwb_netfs
 *	    └── dentry (name) ── nwb_inode ── files
 *
 * Files of one name share a dentry; the last close drops its inode, which
 * evicts what it caches and only then releases the handle. The lock is held
 * meanwhile, but of a mount with a mirror: for that one nobody waits who opens
 * or closes another file,
 *
 *	        last close
 *	  open ── closing: commits, evicts, closes there ──► gone
 *	            └ an open of the same name waits
 */
#include "ns.h"

#include "nwb/mem.h"
#include <errno.h>
#include <string.h>

#define NAME_MAX_BYTES 256
#define AGAIN_NS       (50 * NWB_MSEC)

struct dentry {
	struct nwb_list link;
	struct nwb_inode *inode;
	void *priv; /* of the adapter */
	unsigned int nr_files;
	bool is_closing;
	char name[NAME_MAX_BYTES];
};

/* Which dentry an open file belongs to; netfs knows inodes only. */
struct open_file {
	struct nwb_list link;
	struct nwb_file *file;
	struct dentry *dentry;
};

static struct nwb_mount *mount_alloc(struct nwb_exec *ex,
				     const struct nwb_fs_type *type,
				     const struct nwb_netfs_opts *opts)
{
	struct nwb_mount *mnt = nwb_zalloc(sizeof(*mnt));

	if (!mnt)
		return NULL;
	mnt->ctx.ex = ex;
	mnt->ctx.type = type;
	mnt->ctx.patience_ns =
		opts->patience_ns ? opts->patience_ns : 30 * NWB_SEC;
	nwb_mutex_init(&mnt->lock, ex, "mount");
	nwb_mutex_init(&mnt->ctx.wait_lock, ex, "mount wait");
	nwb_waitq_init(&mnt->ctx.wait_q, ex, "9p write");
	nwb_waitq_init(&mnt->closed, ex, "mount close");
	nwb_list_init(&mnt->dentries);
	nwb_list_init(&mnt->files);
	return mnt;
}

static int mount_finish(struct nwb_mount *mnt,
			const struct nwb_netfs_opts *opts,
			struct nwb_netfs_tap *tap, struct nwb_mount **ret_mnt,
			struct nwb_err *err)
{
	int rc = nwb_netfs_new(mnt->ctx.ex, opts, mnt->ctx.type->ops, &mnt->ctx,
			       tap, &mnt->nf, err);

	if (!rc && nwb_ns_new(mnt, mnt->ctx.type->names, &mnt->ns))
		rc = nwb_err_set(err, -ENOMEM, "out of memory");
	if (rc) {
		nwb_mount_free(mnt);
		return nwb_err_wrap(err, rc, "mount");
	}
	*ret_mnt = mnt;
	return 0;
}

/* smbd 4.17 that comes up under load answers the first tree connect with
 * NO_MEMORY, and the next one as it should. */
static int first_connect(struct nwb_mount *mnt, struct nwb_err *err)
{
	uint64_t begin = nwb_now_ns(mnt->ctx.ex), now = begin;
	int rc = nwb_smb2_connect(mnt->ctx.smb2, err);

	while (rc == -EAGAIN && now - begin < mnt->ctx.patience_ns) {
		nwb_sleep_until(mnt->ctx.ex, now + AGAIN_NS);
		rc = nwb_smb2_connect(mnt->ctx.smb2, err);
		now = nwb_now_ns(mnt->ctx.ex);
	}
	return rc;
}

/* The two that lie in the protocol client. */
static void take_hazards(const struct nwb_netfs_opts *opts,
			 struct nwb_smb2_opts *smb)
{
	uint32_t on = nwb_netfs_hazards(opts, "smb");

	smb->wait_for_ever |= (on & NWB_HAZARD_BIT(NWB_H11)) != 0;
	smb->believe_bad_signatures |= (on & NWB_HAZARD_BIT(NWB_H16)) != 0;
}

int nwb_mount_smb(struct nwb_exec *ex, const struct nwb_smb2_opts *smb,
		  const struct nwb_netfs_opts *opts, struct nwb_netfs_tap *tap,
		  struct nwb_mount **ret_mnt, struct nwb_err *err)
{
	struct nwb_mount *mnt = mount_alloc(ex, &nwb_fs_smb, opts);
	struct nwb_netfs_opts o = *opts;
	struct nwb_smb2_opts so = *smb;
	struct nwb_smb2_stats st;
	int rc;

	if (!mnt)
		return nwb_err_set(err, -ENOMEM, "mount: out of memory");
	if (o.cache_mode == NWB_CACHE_STRICT || o.cache_mode == NWB_CACHE_LOOSE)
		so.caching |= NWB_SMB2_CACHE_RWH;
	take_hazards(&o, &so);
	rc = nwb_smb2_new(ex, &so, &mnt->ctx.smb2, err);
	if (!rc)
		rc = first_connect(mnt, err);
	if (rc) {
		nwb_mount_free(mnt);
		return rc;
	}
	/* A signature covers the bytes of one instant: as Linux 7.2 does
	 * (fs/smb/client/inode.c, cifs_set_ops). So does encryption. */
	nwb_smb2_get_stats(mnt->ctx.smb2, &st);
	o.stable_writes |= st.is_signed || strcmp(st.cipher, "none") != 0;
	return mount_finish(mnt, &o, tap, ret_mnt, err);
}

int nwb_mount_add_identity(struct nwb_mount *mnt,
			   const struct nwb_smb2_opts *smb, struct nwb_err *err)
{
	struct nwb_smb2_opts so = *smb;

	if (!mnt->ctx.smb2)
		return nwb_err_set(err, -EOPNOTSUPP,
				   "a second identity is part of SMB, 9P has "
				   "none");
	if (mnt->ctx.other)
		return nwb_err_set(err, -EBUSY, "two identities are all");
	take_hazards(nwb_netfs_get_opts(mnt->nf), &so);
	return nwb_smb2_new(mnt->ctx.ex, &so, &mnt->ctx.other, err);
}

static int try_p9_connect(void *arg, uint32_t *ret_epoch, struct nwb_err *err)
{
	*ret_epoch = 0;
	return nwb_p9_connect(arg, err);
}

int nwb_mount_9p(struct nwb_exec *ex, const struct nwb_p9_opts *p9,
		 const struct nwb_netfs_opts *opts, struct nwb_netfs_tap *tap,
		 struct nwb_mount **ret_mnt, struct nwb_err *err)
{
	struct nwb_mount *mnt = mount_alloc(ex, &nwb_fs_9p, opts);
	uint32_t epoch;
	int rc;

	if (!mnt)
		return nwb_err_set(err, -ENOMEM, "mount: out of memory");
	rc = nwb_p9_new(ex, p9, &mnt->ctx.p9, err);
	if (!rc)
		rc = nwb_fs_reach(&mnt->ctx, try_p9_connect, mnt->ctx.p9,
				  &epoch, NULL, err);
	if (rc) {
		nwb_mount_free(mnt);
		return rc;
	}
	return mount_finish(mnt, opts, tap, ret_mnt, err);
}

void nwb_mount_free(struct nwb_mount *mnt)
{
	if (!mnt)
		return;
	nwb_assert(nwb_list_empty(&mnt->files));
	nwb_assert(nwb_list_empty(&mnt->dentries));
	nwb_ns_free(mnt->ns);
	if (mnt->nf)
		nwb_netfs_free(mnt->nf);
	nwb_fs_mirror_free(mnt->mirror);
	if (mnt->ctx.other)
		nwb_smb2_free(mnt->ctx.other);
	if (mnt->ctx.smb2)
		nwb_smb2_free(mnt->ctx.smb2);
	if (mnt->ctx.p9)
		nwb_p9_free(mnt->ctx.p9);
	nwb_free(mnt);
}

/* mnt->lock held, dropped while the last close of @name goes on. */
static struct dentry *dentry_find(struct nwb_mount *mnt, const char *name)
{
	struct dentry *d;

again:
	nwb_list_for_each_entry (d, &mnt->dentries, link) {
		if (strcmp(d->name, name))
			continue;
		if (!d->is_closing)
			return d;
		(void)nwb_waitq_wait(&mnt->closed, &mnt->lock, NWB_NEVER);
		goto again;
	}
	return NULL;
}

static int dentry_open(struct nwb_mount *mnt, const char *name,
		       unsigned int flags, uint32_t id, struct dentry **ret_d,
		       struct nwb_err *err)
{
	struct dentry *d = nwb_zalloc(sizeof(*d));
	uint64_t size;
	int rc;

	if (!d)
		return nwb_err_set(err, -ENOMEM, "out of memory");
	memcpy(d->name, name, strlen(name) + 1);
	rc = mnt->ctx.type->open(&mnt->ctx, name, flags, &d->priv, &size, err);
	if (rc) {
		nwb_free(d);
		return rc;
	}
	rc = nwb_inode_new(mnt->nf, id, d->priv, size, &d->inode);
	if (rc) {
		mnt->ctx.type->release(d->priv);
		nwb_free(d);
		return nwb_err_set(err, rc, "out of memory");
	}
	if (mnt->ctx.type->bind)
		mnt->ctx.type->bind(d->priv, d->inode);
	nwb_fs_streams_open(mnt, d->inode, name, id);
	nwb_list_add_tail(&mnt->dentries, &d->link);
	*ret_d = d;
	return 0;
}

/* The inode goes, with all that takes part in it. */
static void dentry_evict(struct dentry *d)
{
	struct nwb_fs_sides sides;

	nwb_fs_streams_take(d->inode, &sides);
	nwb_inode_put(d->inode);
	nwb_fs_streams_close(&sides);
}

static void dentry_put(struct nwb_mount *mnt, struct dentry *d)
{
	if (d->nr_files)
		return;
	nwb_list_del(&d->link);
	dentry_evict(d);
	mnt->ctx.type->release(d->priv);
	nwb_free(d);
}

/* The last close, of a mount with a mirror. mnt->lock held, dropped and taken
 * again. */
static int close_apart(struct nwb_mount *mnt, struct open_file *of)
{
	struct dentry *d = of->dentry;
	int rc, err;

	d->is_closing = true;
	nwb_mutex_unlock(&mnt->lock);
	rc = nwb_file_commit(of->file);
	err = nwb_file_close(of->file, mnt->ctx.type->flush_on_close);
	dentry_evict(d);
	nwb_mutex_lock(&mnt->lock);
	nwb_list_del(&d->link);
	mnt->ctx.type->release(d->priv);
	nwb_waitq_wake_all(&mnt->closed);
	nwb_free(d);
	return rc ? rc : err;
}

static int close_held(struct nwb_mount *mnt, struct open_file *of)
{
	int rc = 0, err;

	/* With it goes the inode, and with that whoever could be told. */
	if (of->dentry->nr_files == 1)
		rc = nwb_file_commit(of->file);
	err = nwb_file_close(of->file, mnt->ctx.type->flush_on_close);
	of->dentry->nr_files--;
	dentry_put(mnt, of->dentry);
	return rc ? rc : err;
}

int nwb_mount_open(struct nwb_mount *mnt, const char *name, unsigned int flags,
		   uint32_t id, struct nwb_file **ret_file, struct nwb_err *err)
{
	struct open_file *of;
	struct dentry *d;
	int rc = 0;

	if (strlen(name) >= NAME_MAX_BYTES)
		return nwb_err_set(err, -ENAMETOOLONG, "%.32s...: too long",
				   name);
	of = nwb_zalloc(sizeof(*of));
	if (!of)
		return nwb_err_set(err, -ENOMEM, "out of memory");
	nwb_mutex_lock(&mnt->lock);
	d = dentry_find(mnt, name);
	if (d && flags & (NWB_O_TRUNC | NWB_O_EXCL))
		rc = nwb_err_set(err, flags & NWB_O_EXCL ? -EEXIST : -EBUSY,
				 "it is open already");
	else if (!d)
		rc = dentry_open(mnt, name, flags, id, &d, err);
	if (!rc) {
		rc = nwb_file_open(d->inode, &of->file);
		if (rc)
			dentry_put(mnt, d);
	}
	if (!rc) {
		d->nr_files++;
		of->dentry = d;
		nwb_list_add_tail(&mnt->files, &of->link);
		*ret_file = of->file;
	}
	nwb_mutex_unlock(&mnt->lock);
	if (rc)
		nwb_free(of);
	return rc;
}

int nwb_mount_close(struct nwb_mount *mnt, struct nwb_file *f)
{
	struct open_file *of;
	int rc;

	nwb_mutex_lock(&mnt->lock);
	nwb_list_for_each_entry (of, &mnt->files, link)
		if (of->file == f)
			break;
	nwb_assert(&of->link != &mnt->files);
	nwb_list_del(&of->link);
	rc = mnt->mirror && of->dentry->nr_files == 1 ? close_apart(mnt, of)
						      : close_held(mnt, of);
	nwb_mutex_unlock(&mnt->lock);
	nwb_free(of);
	return rc;
}

struct nwb_netfs *nwb_mount_netfs(struct nwb_mount *mnt)
{
	return mnt->nf;
}

struct nwb_smb2 *nwb_mount_smb2(struct nwb_mount *mnt)
{
	return mnt->ctx.smb2;
}

struct nwb_p9 *nwb_mount_p9(struct nwb_mount *mnt)
{
	return mnt->ctx.p9;
}
