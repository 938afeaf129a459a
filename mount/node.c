/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Nodes of the kernel's, and answers about them; see fuse_i.h. */
#include "fuse_i.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Only we change names: they are good until then. Times move when data is
 * written later than write(2). */
#define ENTRY_GOOD_S 3600.0
#define ATTR_GOOD_S  1.0

double attr_timeout(void)
{
	return ATTR_GOOD_S;
}

struct mnode *mnode_of(struct nwb_fuse *f, fuse_ino_t ino)
{
	return ino == FUSE_ROOT_ID ? &f->root : (struct mnode *)(uintptr_t)ino;
}

static struct nwb_list *bucket_of(struct nwb_fuse *f,
				  const struct nwb_node *node)
{
	uint64_t h = (uintptr_t)node * 0x9e3779b97f4a7c15ull;

	return &f->bucket[(h >> 40) % NODE_BUCKETS];
}

static struct mnode *find(struct nwb_fuse *f, const struct nwb_node *node)
{
	struct mnode *mn;

	nwb_list_for_each_entry (mn, bucket_of(f, node), bucket)
		if (mn->node == node)
			return mn;
	return NULL;
}

struct mnode *mnode_get(struct nwb_fuse *f, struct nwb_node *node,
			struct nwb_snode *sn)
{
	struct mnode *mn;

	if (node == f->root.node) {
		mn = &f->root; /* a name such as "." */
		goto out;
	}
	pthread_mutex_lock(&f->lock);
	mn = find(f, node);
	if (!mn) {
		mn = calloc(1, sizeof(*mn));
		if (mn) {
			mn->node = node;
			mn->shadow = sn;
			sn = NULL;
			nwb_list_add_tail(bucket_of(f, node), &mn->bucket);
		}
	}
	if (mn)
		mn->nr_lookups++;
	pthread_mutex_unlock(&f->lock);
	if (!mn)
		nwb_ns_forget(f->mnt, node, 1);
out:
	if (sn)
		nwb_snode_put(f->shadow, sn);
	return mn;
}

/* @nr: references that are left to give back. */
static void mnode_free(struct nwb_fuse *f, struct mnode *mn, uint64_t nr)
{
	if (mn->shadow)
		nwb_snode_put(f->shadow, mn->shadow);
	nwb_ns_forget(f->mnt, mn->node, nr);
	free(mn);
}

void mnode_put(struct nwb_fuse *f, struct mnode *mn, uint64_t nr)
{
	bool is_last, is_owed;

	if (mn == &f->root)
		return;
	pthread_mutex_lock(&f->lock);
	nwb_assert(mn->nr_lookups >= nr);
	mn->nr_lookups -= nr;
	is_owed = mn->nr_held != 0;
	if (is_owed)
		mn->nr_owed += nr;
	else
		nr += mn->nr_owed;
	is_last = !mn->nr_lookups && !is_owed;
	if (is_last)
		nwb_list_del(&mn->bucket);
	else if (!is_owed)
		mn->nr_owed = 0;
	pthread_mutex_unlock(&f->lock);
	if (is_last)
		mnode_free(f, mn, nr);
	else if (!is_owed)
		nwb_ns_forget(f->mnt, mn->node, nr);
}

void mnode_hold(struct nwb_fuse *f, struct mnode *mn)
{
	pthread_mutex_lock(&f->lock);
	mn->nr_held++;
	pthread_mutex_unlock(&f->lock);
}

void mnode_unhold(struct nwb_fuse *f, struct mnode *mn)
{
	bool is_last;

	pthread_mutex_lock(&f->lock);
	nwb_assert(mn->nr_held);
	mn->nr_held--;
	is_last = !mn->nr_held && !mn->nr_lookups && mn != &f->root;
	if (is_last)
		nwb_list_del(&mn->bucket);
	pthread_mutex_unlock(&f->lock);
	if (is_last)
		mnode_free(f, mn, mn->nr_owed);
}

void mnode_drop_all(struct nwb_fuse *f)
{
	for (unsigned int i = 0; i < NODE_BUCKETS; i++)
		while (!nwb_list_empty(&f->bucket[i])) {
			struct mnode *mn = nwb_list_first(&f->bucket[i],
							  struct mnode, bucket);

			nwb_list_del(&mn->bucket);
			mnode_free(f, mn, mn->nr_lookups + mn->nr_owed);
		}
	if (f->root.shadow)
		nwb_snode_put(f->shadow, f->root.shadow);
}

void to_stat(const struct nwb_fuse *f, const struct nwb_attr *a,
	     struct stat *ret)
{
	*ret = (struct stat){
		.st_ino = a->ino,
		.st_mode = a->mode,
		.st_nlink = a->nlink,
		.st_uid = f->has_owner && !a->uid ? f->uid : a->uid,
		.st_gid = f->has_owner && !a->gid ? f->gid : a->gid,
		.st_size = (off_t)a->size,
		.st_blocks = (blkcnt_t)a->blocks,
		.st_blksize = (blksize_t)a->blksize,
		.st_atim = {a->atime.sec, a->atime.nsec},
		.st_mtim = {a->mtime.sec, a->mtime.nsec},
		.st_ctim = {a->ctime.sec, a->ctime.nsec},
	};
}

void reply_entry(fuse_req_t req, struct mnode *mn, const struct nwb_attr *a,
		 const struct fuse_file_info *file)
{
	struct fuse_entry_param e = {
		.ino = (fuse_ino_t)(uintptr_t)mn,
		.attr_timeout = ATTR_GOOD_S,
		.entry_timeout = ENTRY_GOOD_S,
	};
	struct nwb_fuse *f = fuse_of(req);

	to_stat(f, a, &e.attr);
	if (mn == &f->root)
		e.ino = FUSE_ROOT_ID;
	/* who asked is gone: the kernel will not forget what it never got */
	if (file ? fuse_reply_create(req, &e, file)
		 : fuse_reply_entry(req, &e)) {
		if (file)
			file_close(f, (struct mfile *)(uintptr_t)file->fh);
		mnode_put(f, mn, 1);
	}
}

bool is_known(int rc)
{
	switch (-rc) {
	case ENOENT:
	case EEXIST:
	case ENOTEMPTY:
	case EISDIR:
	case ENOTDIR:
	case ENAMETOOLONG:
	case EINVAL:
	case EOPNOTSUPP:
	case EPERM:
	case EACCES:
	case EXDEV:
	case EMLINK:
	case EBUSY:
	case ELOOP:
	case EROFS:
	case ENODATA:
	case ERANGE:
		return true;
	default:
		return false;
	}
}

void reply(fuse_req_t req, int rc)
{
	if (rc && !is_known(rc))
		atomic_fetch_add_explicit(&fuse_of(req)->nr_errors, 1,
					  memory_order_relaxed);
	fuse_reply_err(req, -rc);
}
