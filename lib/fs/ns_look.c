/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is there: lookup, and the attributes of a node. */
#include "ns.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define SET_TIMES                                                              \
	(NWB_SET_ATIME | NWB_SET_MTIME | NWB_SET_ATIME_NOW | NWB_SET_MTIME_NOW)
#define SET_OWNER (NWB_SET_MODE | NWB_SET_UID | NWB_SET_GID)

void nwb_ns_finish_attr(struct nwb_ns *ns, struct nwb_node *node,
			struct nwb_attr *attr)
{
	if (ns->ops->has_no_owner) {
		attr->uid = node->kept & NWB_SET_UID ? node->uid : 0;
		attr->gid = node->kept & NWB_SET_GID ? node->gid : 0;
		if (node->kept & NWB_SET_MODE)
			attr->mode = (attr->mode & S_IFMT) | node->mode;
	}
	if (node->inode) {
		attr->size = nwb_inode_size(node->inode);
		attr->blocks = nwb_max(attr->blocks,
				       NWB_DIV_ROUND_UP(attr->size, 512ull));
	}
	attr->nlink -= nwb_min(attr->nlink, node->nr_gone);
}

static bool is_gone_name(const struct nwb_node *dir, const char *name)
{
	return dir->is_root &&
	       !strncmp(name, NWB_NS_GONE, sizeof(NWB_NS_GONE) - 1);
}

int nwb_ns_name_ok(struct nwb_ns *ns, const struct nwb_node *dir,
		   const char *name, struct nwb_err *err)
{
	if (!strcmp(name, ".") || !strcmp(name, ".."))
		return nwb_err_set(err, -EEXIST, "\"%s\" is there", name);
	if (!*name || strchr(name, '/') || is_gone_name(dir, name))
		return nwb_err_set(err, -EINVAL, "no name for a file: \"%s\"",
				   name);
	if (strlen(name) > NWB_NAME_BYTES_MAX)
		return nwb_err_set(err, -ENAMETOOLONG, "%.32s...: too long",
				   name);
	if (dir->type != S_IFDIR)
		return nwb_err_set(err, -ENOTDIR, "not in a directory: \"%s\"",
				   name);
	return ns->ops->check_name ? ns->ops->check_name(name, err) : 0;
}

int nwb_ns_bind_ref(struct nwb_ns *ns, struct nwb_node *dir, const char *name,
		    const char *path, struct nwb_node **ret_node,
		    struct nwb_attr *ret_attr, struct nwb_err *err)
{
	struct nwb_attr attr;
	struct nwb_node *node;
	int rc;

	/* its size is netfs' until the last close is through */
	node = nwb_ns_find(ns, dir, name);
	if (node)
		nwb_ns_wait(ns, node);
	for (;;) {
		rc = nwb_ns_look(ns, path, &attr, err);
		if (rc == -ENOENT || rc == -ENOTDIR)
			nwb_ns_unbind(ns, dir, name);
		if (!rc)
			rc = nwb_ns_bind(ns, dir, name, &attr, &node, err);
		if (rc)
			return rc;
		if (!node->is_busy)
			break;
		/* a new name of a file that is being closed under another */
		nwb_ns_wait(ns, node);
		nwb_ns_drop(ns, node);
	}
	nwb_ns_finish_attr(ns, node, &attr);
	node->nr_lookups++;
	*ret_node = node;
	*ret_attr = attr;
	return 0;
}

/* "." and "..": nobody has to be asked where they are. */
static struct nwb_node *dots(struct nwb_node *dir, const char *name)
{
	if (!strcmp(name, "."))
		return dir;
	if (strcmp(name, ".."))
		return NULL;
	if (dir->is_root || nwb_list_empty(&dir->names))
		return dir;
	return nwb_list_first(&dir->names, struct ns_name, of_node)->dir;
}

static int getattr_locked(struct nwb_ns *ns, struct nwb_node *node,
			  struct nwb_attr *ret_attr, struct nwb_err *err)
{
	char path[NWB_PATH_BYTES_MAX + 1];
	struct nwb_attr attr;
	int rc;

	nwb_ns_wait(ns, node);
	rc = nwb_ns_path(node, NULL, path);
	if (rc)
		return nwb_err_set(err, rc, "getattr: it has no name");
	rc = nwb_ns_look(ns, path, &attr, err);
	if (rc)
		return rc;
	if (!node->is_root && attr.ino != node->ino)
		return nwb_err_set(err, -ESTALE, "\"%s\" is another file now",
				   path);
	nwb_ns_finish_attr(ns, node, &attr);
	*ret_attr = attr;
	return 0;
}

static int lookup_locked(struct nwb_ns *ns, struct nwb_node *dir,
			 const char *name, struct nwb_node **ret_node,
			 struct nwb_attr *ret_attr, struct nwb_err *err)
{
	char path[NWB_PATH_BYTES_MAX + 1];
	struct nwb_node *node = dots(dir, name);
	int rc;

	if (dir->type != S_IFDIR)
		return nwb_err_set(err, -ENOTDIR, "not in a directory: \"%s\"",
				   name);
	if (node) {
		rc = getattr_locked(ns, node, ret_attr, err);
		if (!rc) {
			node->nr_lookups++;
			*ret_node = node;
		}
		return rc;
	}
	rc = nwb_ns_name_ok(ns, dir, name, err);
	if (rc) /* what cannot be there is not there */
		return rc == -EINVAL ? -ENOENT : rc;
	rc = nwb_ns_path(dir, name, path);
	if (rc)
		return nwb_err_set(err, rc, "lookup \"%s\": %s", name,
				   nwb_errno_name(rc));
	return nwb_ns_bind_ref(ns, dir, name, path, ret_node, ret_attr, err);
}

int nwb_ns_lookup(struct nwb_mount *mnt, struct nwb_node *dir, const char *name,
		  struct nwb_node **ret_node, struct nwb_attr *ret_attr,
		  struct nwb_err *err)
{
	int rc;

	nwb_mutex_lock(&mnt->ns->lock);
	rc = lookup_locked(mnt->ns, dir, name, ret_node, ret_attr, err);
	nwb_mutex_unlock(&mnt->ns->lock);
	return rc;
}

int nwb_ns_getattr(struct nwb_mount *mnt, struct nwb_node *node,
		   struct nwb_attr *ret_attr, struct nwb_err *err)
{
	int rc;

	nwb_mutex_lock(&mnt->ns->lock);
	rc = getattr_locked(mnt->ns, node, ret_attr, err);
	nwb_mutex_unlock(&mnt->ns->lock);
	return rc;
}

/* --- setattr ---------------------------------------------------------------
 */

static int set_size(struct nwb_ns *ns, struct nwb_node *node, uint64_t size,
		    struct nwb_err *err)
{
	struct nwb_file *file;
	int rc, close_rc;

	if (node->type == S_IFDIR)
		return nwb_err_set(err, -EISDIR, "the size of a directory");
	rc = nwb_ns_get_file(ns, node, &file, err);
	if (rc)
		return rc;
	nwb_mutex_unlock(&ns->lock);
	rc = nwb_file_truncate(file, size);
	nwb_mutex_lock(&ns->lock);
	close_rc = nwb_ns_put_file(ns, node, file);
	(void)close_rc; /* for those who wrote: it is in the error sequence */
	return rc ? nwb_err_set(err, rc, "truncate: %s", nwb_errno_name(rc))
		  : 0;
}

/* What is dirty would set the times again when it is written. */
static void write_before(struct nwb_ns *ns, struct nwb_node *node)
{
	struct nwb_file *file;
	int rc;

	if (!node->inode || nwb_ns_get_file(ns, node, &file, NULL))
		return;
	nwb_mutex_unlock(&ns->lock);
	rc = nwb_file_flush(file);
	nwb_mutex_lock(&ns->lock);
	rc = nwb_ns_put_file(ns, node, file);
	(void)rc; /* as above */
}

static int call_setattr(struct ns_call *k)
{
	return k->ns->ops->setattr(&k->ns->mnt->ctx, k->path, k->inode_priv,
				   k->flags, &k->attr);
}

static int setattr_locked(struct nwb_ns *ns, struct nwb_node *node,
			  uint32_t valid, const struct nwb_attr *attr,
			  struct nwb_err *err)
{
	char path[NWB_PATH_BYTES_MAX + 1];
	struct ns_call k = {
		.ns = ns, .attempt = call_setattr, .path = path, .attr = *attr};
	int rc = 0;

	nwb_ns_wait(ns, node);
	if (valid & NWB_SET_SIZE)
		rc = set_size(ns, node, attr->size, err);
	if (rc)
		return rc;
	if (ns->ops->has_no_owner) {
		nwb_ns_keep(ns, node, valid, attr);
		valid &= ~SET_OWNER;
	}
	k.flags = valid & (SET_TIMES | SET_OWNER);
	if (!k.flags)
		return 0;
	if (valid & SET_TIMES)
		write_before(ns, node);
	nwb_ns_wait(ns, node);
	k.inode_priv = node->priv;
	rc = nwb_ns_path(node, NULL, path);
	return rc ? nwb_err_set(err, rc, "setattr: %s", nwb_errno_name(rc))
		  : nwb_ns_run(&k, "setattr", err);
}

int nwb_ns_setattr(struct nwb_mount *mnt, struct nwb_node *node, uint32_t valid,
		   const struct nwb_attr *attr, struct nwb_attr *ret_attr,
		   struct nwb_err *err)
{
	struct nwb_ns *ns = mnt->ns;
	int rc;

	nwb_mutex_lock(&ns->lock);
	node->nr_uses++;
	rc = setattr_locked(ns, node, valid, attr, err);
	if (!rc)
		rc = getattr_locked(ns, node, ret_attr, err);
	node->nr_uses--;
	nwb_ns_drop(ns, node);
	nwb_mutex_unlock(&ns->lock);
	return rc;
}
