/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Open files. The first open makes the node's nwb_inode and the handle on the
 * server, the last close commits what was written and lets go of both:
 *
 *	            first open            last close
 *	  closed ── busy ──► open ── busy, committing ──► closed
 *	                      └ nwb_file, nwb_file, ...     └ gone names removed
 *
 * Committing takes as long as the server does, so that the lock is dropped;
 * whoever wants the node then waits until it is not busy.
 */
#include "ns.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

void nwb_ns_wait(struct nwb_ns *ns, struct nwb_node *node)
{
	node->nr_uses++;
	nwb_wait_event(&ns->q, &ns->lock, !node->is_busy);
	node->nr_uses--;
}

static int open_inode(struct nwb_ns *ns, struct nwb_node *node,
		      struct nwb_err *err)
{
	struct nwb_mount *mnt = ns->mnt;
	char path[NWB_PATH_BYTES_MAX + 1];
	uint64_t size;
	int rc = nwb_ns_path(node, NULL, path);

	if (rc)
		return nwb_err_set(err, rc, "open: %s", nwb_errno_name(rc));
	rc = mnt->ctx.type->open(&mnt->ctx, path, 0, &node->priv, &size, err);
	if (rc)
		return rc;
	rc = nwb_inode_new(mnt->nf, ++ns->next_id, node->priv, size,
			   &node->inode);
	if (rc) {
		mnt->ctx.type->release(node->priv);
		return nwb_err_set(err, rc, "out of memory");
	}
	if (mnt->ctx.type->bind)
		mnt->ctx.type->bind(node->priv, node->inode);
	nwb_list_add_tail(&ns->open, &node->open);
	return 0;
}

/* No file is left. */
static void close_inode(struct nwb_ns *ns, struct nwb_node *node)
{
	struct nwb_inode *inode = node->inode;

	node->is_busy = true;
	nwb_mutex_unlock(&ns->lock);
	nwb_inode_put(inode); /* commits */
	nwb_mutex_lock(&ns->lock);
	nwb_list_del(&node->open);
	node->inode = NULL;
	ns->mnt->ctx.type->release(node->priv);
	node->priv = NULL;
	node->is_busy = false;
	nwb_waitq_wake_all(&ns->q);
}

int nwb_ns_get_file(struct nwb_ns *ns, struct nwb_node *node,
		    struct nwb_file **ret_file, struct nwb_err *err)
{
	bool is_first;
	int rc = 0;

	nwb_ns_wait(ns, node);
	if (node->type != S_IFREG)
		return nwb_err_set(err,
				   node->type == S_IFDIR ? -EISDIR : -EINVAL,
				   "open: not a file");
	is_first = !node->inode;
	if (is_first)
		rc = open_inode(ns, node, err);
	if (rc)
		return rc;
	rc = nwb_file_open(node->inode, ret_file);
	if (!rc) {
		node->nr_files++;
		return 0;
	}
	if (is_first)
		close_inode(ns, node);
	return nwb_err_set(err, rc, "out of memory");
}

int nwb_ns_put_file(struct nwb_ns *ns, struct nwb_node *node,
		    struct nwb_file *file)
{
	bool flush = ns->mnt->ctx.type->flush_on_close;
	int rc;

	nwb_assert(node->nr_files);
	node->nr_uses++;
	nwb_mutex_unlock(&ns->lock);
	rc = nwb_file_close(file, flush);
	nwb_mutex_lock(&ns->lock);
	if (!--node->nr_files) {
		close_inode(ns, node);
		nwb_ns_remove_gone(ns, node);
	}
	node->nr_uses--;
	nwb_ns_drop(ns, node);
	return rc;
}

int nwb_ns_open(struct nwb_mount *mnt, struct nwb_node *node, bool is_trunc,
		struct nwb_file **ret_file, struct nwb_err *err)
{
	struct nwb_ns *ns = mnt->ns;
	struct nwb_file *file;
	int rc;

	nwb_mutex_lock(&ns->lock);
	rc = nwb_ns_get_file(ns, node, &file, err);
	nwb_mutex_unlock(&ns->lock);
	if (rc)
		return rc;
	if (is_trunc && nwb_ns_size(mnt, node))
		rc = nwb_file_truncate(file, 0);
	if (rc) {
		(void)nwb_err_set(err, rc, "truncate: %s", nwb_errno_name(rc));
		(void)nwb_ns_close(mnt, node, file);
		return rc;
	}
	*ret_file = file;
	return 0;
}

int nwb_ns_flush(struct nwb_mount *mnt, struct nwb_node *node,
		 struct nwb_file *file)
{
	(void)node;
	return mnt->ctx.type->flush_on_close ? nwb_file_flush(file) : 0;
}

int nwb_ns_close(struct nwb_mount *mnt, struct nwb_node *node,
		 struct nwb_file *file)
{
	int rc;

	nwb_mutex_lock(&mnt->ns->lock);
	rc = nwb_ns_put_file(mnt->ns, node, file);
	nwb_mutex_unlock(&mnt->ns->lock);
	return rc;
}

uint64_t nwb_ns_size(struct nwb_mount *mnt, struct nwb_node *node)
{
	uint64_t size = 0;

	nwb_mutex_lock(&mnt->ns->lock);
	if (node->inode)
		size = nwb_inode_size(node->inode);
	nwb_mutex_unlock(&mnt->ns->lock);
	return size;
}

/* --- create ----------------------------------------------------------------
 */

static int call_create(struct ns_call *k)
{
	struct nwb_fs_ctx *ctx = &k->ns->mnt->ctx;
	struct nwb_attr attr;
	int rc;

	if (k->nr_unknown) {
		rc = k->ns->ops->getattr(ctx, k->path, &attr);
		if (rc != -ENOENT)
			return rc || S_ISREG(attr.mode) ? rc : -EIO;
	}
	return k->ns->ops->create(ctx, k->path, k->mode);
}

static int create_locked(struct nwb_ns *ns, struct nwb_node *dir,
			 const char *name, uint32_t mode,
			 struct nwb_node **ret_node, struct nwb_attr *ret_attr,
			 struct nwb_file **ret_file, struct nwb_err *err)
{
	char path[NWB_PATH_BYTES_MAX + 1];
	struct ns_call k = {.ns = ns,
			    .attempt = call_create,
			    .path = path,
			    .mode = mode & 07777};
	struct nwb_attr attr = {.mode = mode};
	int rc = nwb_ns_name_ok(ns, dir, name, err);

	if (!rc)
		rc = nwb_ns_path(dir, name, path);
	if (rc)
		return rc;
	rc = nwb_ns_look(ns, path, ret_attr, NULL);
	if (!rc)
		return nwb_err_set(err, -EEXIST, "create \"%s\": it is there",
				   path);
	if (rc == -ENOENT)
		rc = nwb_ns_run(&k, "create", err);
	if (!rc)
		rc = nwb_ns_bind_ref(ns, dir, name, path, ret_node, ret_attr,
				     err);
	if (rc)
		return rc;
	if (ns->ops->has_no_owner &&
	    (ret_attr->mode & 07777) != (mode & 07777)) {
		nwb_ns_keep(ns, *ret_node, NWB_SET_MODE, &attr);
		nwb_ns_finish_attr(ns, *ret_node, ret_attr);
	}
	rc = nwb_ns_get_file(ns, *ret_node, ret_file, err);
	if (rc) {
		(*ret_node)->nr_lookups--;
		nwb_ns_drop(ns, *ret_node);
	}
	return rc;
}

int nwb_ns_create(struct nwb_mount *mnt, struct nwb_node *dir, const char *name,
		  uint32_t mode, struct nwb_node **ret_node,
		  struct nwb_attr *ret_attr, struct nwb_file **ret_file,
		  struct nwb_err *err)
{
	int rc;

	nwb_mutex_lock(&mnt->ns->lock);
	rc = create_locked(mnt->ns, dir, name, mode, ret_node, ret_attr,
			   ret_file, err);
	nwb_mutex_unlock(&mnt->ns->lock);
	return rc;
}
