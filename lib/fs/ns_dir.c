/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Directories as a whole, statfs, and extended attributes.
 *
 * A directory is read at once and kept until it is read from its beginning
 * again: entries lie one behind the other in blocks, an array knows where.
 */
#include "ns.h"

#include "nwb/mem.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define BLOCK_BYTES 65536u
/* A server that never comes to an end. */
#define ENTRIES_MAX 4000000u
#define DOTS	    2u

struct entry {
	uint64_t ino;
	uint32_t type;
	char name[];
};

struct block {
	struct nwb_list link;
	size_t used;
	_Alignas(8) char mem[BLOCK_BYTES];
};

struct nwb_dir {
	struct nwb_ns *ns;
	struct nwb_node *node;
	uint64_t ino, above_ino;
	bool is_read;
	struct nwb_list blocks;
	struct entry **entry;
	size_t nr, room;
};

static void dir_clear(struct nwb_dir *dir)
{
	while (!nwb_list_empty(&dir->blocks)) {
		struct block *b =
			nwb_list_first(&dir->blocks, struct block, link);

		nwb_list_del(&b->link);
		nwb_free(b);
	}
	dir->nr = 0;
	dir->is_read = false;
}

static int make_room(struct nwb_dir *dir)
{
	size_t room = dir->room ? 2 * dir->room : 64;
	struct entry **more;

	if (dir->nr < dir->room)
		return 0;
	more = nwb_alloc(room * sizeof(struct entry *));
	if (!more)
		return -ENOMEM;
	if (dir->nr)
		memcpy(more, dir->entry, dir->nr * sizeof(struct entry *));
	nwb_free(dir->entry);
	dir->entry = more;
	dir->room = room;
	return 0;
}

int nwb_dir_add(struct nwb_dir *dir, uint64_t ino, uint32_t type,
		const char *name, size_t len)
{
	size_t bytes = NWB_ROUND_UP(sizeof(struct entry) + len + 1, (size_t)8);
	struct block *b = NULL;
	struct entry *e;

	if (len > BLOCK_BYTES / 2 || dir->nr >= ENTRIES_MAX || make_room(dir))
		return -ENOMEM;
	/* such names are of files that are gone */
	if (dir->node->is_root && len >= sizeof(NWB_NS_GONE) - 1 &&
	    !memcmp(name, NWB_NS_GONE, sizeof(NWB_NS_GONE) - 1))
		return 0;
	if (!nwb_list_empty(&dir->blocks))
		b = nwb_list_last(&dir->blocks, struct block, link);
	if (!b || BLOCK_BYTES - b->used < bytes) {
		b = nwb_alloc(sizeof(*b));
		if (!b)
			return -ENOMEM;
		b->used = 0;
		nwb_list_add_tail(&dir->blocks, &b->link);
	}
	e = (struct entry *)(void *)(b->mem + b->used);
	b->used += bytes;
	e->ino = ino;
	e->type = type;
	memcpy(e->name, name, len);
	e->name[len] = 0;
	dir->entry[dir->nr++] = e;
	return 0;
}

int nwb_ns_opendir(struct nwb_mount *mnt, struct nwb_node *node,
		   struct nwb_dir **ret_dir, struct nwb_err *err)
{
	struct nwb_dir *dir;

	if (node->type != S_IFDIR)
		return nwb_err_set(err, -ENOTDIR, "opendir: not a directory");
	dir = nwb_zalloc(sizeof(*dir));
	if (!dir)
		return nwb_err_set(err, -ENOMEM, "out of memory");
	dir->ns = mnt->ns;
	dir->node = node;
	nwb_list_init(&dir->blocks);
	nwb_mutex_lock(&mnt->ns->lock);
	node->nr_uses++;
	nwb_mutex_unlock(&mnt->ns->lock);
	*ret_dir = dir;
	return 0;
}

void nwb_ns_closedir(struct nwb_dir *dir)
{
	struct nwb_ns *ns = dir->ns;

	nwb_mutex_lock(&ns->lock);
	dir->node->nr_uses--;
	nwb_ns_drop(ns, dir->node);
	nwb_mutex_unlock(&ns->lock);
	dir_clear(dir);
	nwb_free(dir->entry);
	nwb_free(dir);
}

static int call_readdir(struct ns_call *k)
{
	dir_clear(k->dir); /* of an attempt that was cut */
	return k->ns->ops->readdir(&k->ns->mnt->ctx, k->path, k->dir);
}

static int dir_read(struct nwb_dir *dir, struct nwb_err *err)
{
	char path[NWB_PATH_BYTES_MAX + 1];
	struct nwb_ns *ns = dir->ns;
	struct ns_call k = {
		.ns = ns, .attempt = call_readdir, .path = path, .dir = dir};
	const struct nwb_node *above = dir->node;
	int rc;

	nwb_mutex_lock(&ns->lock);
	rc = nwb_ns_path(dir->node, NULL, path);
	if (!rc && !dir->node->is_root)
		above = nwb_list_first(&dir->node->names, struct ns_name,
				       of_node)
				->dir;
	dir->ino = dir->node->ino;
	dir->above_ino = above->ino;
	if (rc)
		(void)nwb_err_set(err, rc, "readdir: it is gone");
	else
		rc = nwb_ns_run(&k, "readdir", err);
	nwb_mutex_unlock(&ns->lock);
	dir->is_read = !rc;
	return rc;
}

int nwb_ns_readdir(struct nwb_dir *dir, uint64_t offset,
		   struct nwb_dirent *ret_entry, struct nwb_err *err)
{
	int rc = 0;

	if (!offset || !dir->is_read)
		rc = dir_read(dir, err);
	if (rc)
		return rc;
	if (offset >= dir->nr + DOTS)
		return 0;
	ret_entry->next = offset + 1;
	if (offset < DOTS) {
		ret_entry->ino = offset ? dir->above_ino : dir->ino;
		ret_entry->type = S_IFDIR >> 12;
		ret_entry->name = offset ? ".." : ".";
	} else {
		const struct entry *e = dir->entry[offset - DOTS];

		ret_entry->ino = e->ino;
		ret_entry->type = e->type;
		ret_entry->name = e->name;
	}
	return 1;
}

/* --- statfs ----------------------------------------------------------------
 */

static int call_statfs(struct ns_call *k)
{
	return k->ns->ops->statfs(&k->ns->mnt->ctx, &k->st);
}

int nwb_ns_statfs(struct nwb_mount *mnt, struct nwb_statfs *ret_st,
		  struct nwb_err *err)
{
	struct ns_call k = {.ns = mnt->ns, .attempt = call_statfs, .path = ""};
	int rc = nwb_ns_run(&k, "statfs", err);

	if (!rc)
		*ret_st = k.st;
	return rc;
}

/* --- extended attributes ----------------------------------------------------
 */

static int no_xattrs(struct nwb_ns *ns, struct nwb_err *err)
{
	return nwb_err_set(err, -EOPNOTSUPP, "xattr: %s carries none here",
			   ns->mnt->ctx.type->name);
}

/* @k on @node, whose name stays what it is meanwhile. */
static int run_on(struct nwb_ns *ns, struct nwb_node *node, struct ns_call *k,
		  struct nwb_err *err)
{
	char path[NWB_PATH_BYTES_MAX + 1];
	int rc;

	k->ns = ns;
	k->path = path;
	nwb_mutex_lock(&ns->lock);
	rc = nwb_ns_path(node, NULL, path);
	if (rc)
		(void)nwb_err_set(err, rc, "xattr: it has no name");
	else
		rc = nwb_ns_run(k, "xattr", err);
	nwb_mutex_unlock(&ns->lock);
	return rc;
}

static int call_getxattr(struct ns_call *k)
{
	struct nwb_fs_ctx *ctx = &k->ns->mnt->ctx;

	k->len = k->name ? k->ns->ops->getxattr(ctx, k->path, k->name, k->buf,
						k->size)
			 : k->ns->ops->listxattr(ctx, k->path, k->buf, k->size);
	return k->len < 0 ? (int)k->len : 0;
}

ssize_t nwb_ns_getxattr(struct nwb_mount *mnt, struct nwb_node *node,
			const char *name, void *buf, size_t size,
			struct nwb_err *err)
{
	struct ns_call k = {.attempt = call_getxattr,
			    .name = name,
			    .buf = buf,
			    .size = size};
	int rc;

	if (!mnt->ns->ops->getxattr)
		return no_xattrs(mnt->ns, err);
	if (!*name)
		return nwb_err_set(err, -EINVAL, "xattr: no name");
	rc = run_on(mnt->ns, node, &k, err);
	return rc ? rc : k.len;
}

ssize_t nwb_ns_listxattr(struct nwb_mount *mnt, struct nwb_node *node,
			 void *buf, size_t size, struct nwb_err *err)
{
	struct ns_call k = {.attempt = call_getxattr, .buf = buf, .size = size};
	int rc;

	if (!mnt->ns->ops->listxattr)
		return no_xattrs(mnt->ns, err);
	rc = run_on(mnt->ns, node, &k, err);
	return rc ? rc : k.len;
}

/* Is the value what it shall be? 0, -ENODATA: there is none, or another one. */
static int has_value(struct ns_call *k)
{
	char *buf = nwb_alloc(k->size + 1);
	ssize_t n;
	int rc;

	if (!buf)
		return -ENOMEM;
	n = k->ns->ops->getxattr(&k->ns->mnt->ctx, k->path, k->name, buf,
				 k->size + 1);
	rc = n < 0 ? (int)n : 0;
	if (!rc && ((size_t)n != k->size || memcmp(buf, k->value, k->size)))
		rc = -ENODATA;
	nwb_free(buf);
	return rc == -ERANGE ? -ENODATA : rc;
}

static int call_setxattr(struct ns_call *k)
{
	int rc = -ENODATA;

	if (k->nr_unknown && (k->flags & NWB_XATTR_CREATE))
		rc = has_value(k);
	if (rc != -ENODATA)
		return rc;
	return k->ns->ops->setxattr(&k->ns->mnt->ctx, k->path, k->name,
				    k->value, k->size, k->flags);
}

int nwb_ns_setxattr(struct nwb_mount *mnt, struct nwb_node *node,
		    const char *name, const void *value, size_t len,
		    unsigned int flags, struct nwb_err *err)
{
	struct ns_call k = {.attempt = call_setxattr,
			    .name = name,
			    .value = value,
			    .size = len,
			    .flags = flags};

	if (!mnt->ns->ops->setxattr)
		return no_xattrs(mnt->ns, err);
	if (len > NWB_XATTR_MAX)
		return nwb_err_set(err, -E2BIG, "xattr \"%s\": %zu bytes", name,
				   len);
	if (!*name || (flags & ~(NWB_XATTR_CREATE | NWB_XATTR_REPLACE)))
		return nwb_err_set(err, -EINVAL, "xattr \"%s\": flags %#x",
				   name, flags);
	return run_on(mnt->ns, node, &k, err);
}

static int call_removexattr(struct ns_call *k)
{
	int rc = k->ns->ops->removexattr(&k->ns->mnt->ctx, k->path, k->name);

	return k->nr_unknown && rc == -ENODATA ? 0 : rc;
}

int nwb_ns_removexattr(struct nwb_mount *mnt, struct nwb_node *node,
		       const char *name, struct nwb_err *err)
{
	struct ns_call k = {.attempt = call_removexattr, .name = name};

	if (!mnt->ns->ops->removexattr)
		return no_xattrs(mnt->ns, err);
	if (!*name)
		return nwb_err_set(err, -EINVAL, "xattr: no name");
	return run_on(mnt->ns, node, &k, err);
}
