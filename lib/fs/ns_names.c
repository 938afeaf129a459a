/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What changes names. An attempt whose outcome is not known is resolved by
 * what is there afterwards (nwb/node.h); what was there before was looked at
 * before the first one.
 *
 * While a name of an open file changes, a handle that is lost may be looked for
 * under either name: nr_renaming and name_seq (reach.h) have the adapters wait
 * and look again instead of taking ENOENT for an answer.
 */
#include "ns.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define GONE_BYTES 32u

/* What there is to know of one name before it is changed. */
struct spot {
	char path[NWB_PATH_BYTES_MAX + 1];
	struct nwb_attr attr;
	bool is_there;
};

static int spot_look(struct nwb_ns *ns, struct nwb_node *dir, const char *name,
		     struct spot *ret, struct nwb_err *err)
{
	struct nwb_node *node;
	int rc = nwb_ns_name_ok(ns, dir, name, err);

	if (!rc) {
		rc = nwb_ns_path(dir, name, ret->path);
		if (rc)
			(void)nwb_err_set(err, rc, "\"%s\": %s", name,
					  nwb_errno_name(rc));
	}
	if (rc)
		return rc;
	node = nwb_ns_find(ns, dir, name);
	if (node)
		nwb_ns_wait(ns, node);
	rc = nwb_ns_look(ns, ret->path, &ret->attr, err);
	ret->is_there = !rc;
	return rc == -ENOENT ? 0 : rc;
}

static int absent(const struct spot *s, struct nwb_err *err)
{
	return nwb_err_set(err, -ENOENT, "\"%s\": it is not there", s->path);
}

/* --- to make something ------------------------------------------------------
 */

/* Is what is there now what @k would have made? 1: there is nothing. */
static int made(struct ns_call *k, uint32_t type)
{
	struct nwb_attr attr;
	int rc = k->ns->ops->getattr(&k->ns->mnt->ctx, k->path, &attr);

	if (rc == -ENOENT)
		return 1;
	if (!rc &&
	    ((attr.mode & S_IFMT) != type || (k->ino && attr.ino != k->ino)))
		rc = -EIO;
	return rc;
}

static int call_mkdir(struct ns_call *k)
{
	int rc = k->nr_unknown ? made(k, S_IFDIR) : 1;

	return rc != 1 ? rc
		       : k->ns->ops->mkdir(&k->ns->mnt->ctx, k->path, k->mode);
}

static int call_symlink(struct ns_call *k)
{
	struct nwb_fs_ctx *ctx = &k->ns->mnt->ctx;
	char target[NWB_PATH_BYTES_MAX + 1];
	ssize_t len;
	int rc = k->nr_unknown ? made(k, S_IFLNK) : 1;

	if (rc == 1)
		return k->ns->ops->symlink(ctx, k->path, k->to);
	if (rc)
		return rc;
	len = k->ns->ops->readlink(ctx, k->path, target, sizeof(target));
	if (len < 0)
		return (int)len;
	return strcmp(target, k->to) ? -EIO : 0;
}

static int call_link(struct ns_call *k)
{
	int rc = k->mode == S_IFDIR ? -EPERM : 0;

	if (rc) /* but only now, when nothing is there */
		return rc;
	rc = k->nr_unknown ? made(k, k->mode) : 1;

	return rc != 1 ? rc
		       : k->ns->ops->link(&k->ns->mnt->ctx, k->to, k->path);
}

static int make(struct nwb_ns *ns, struct nwb_node *dir, const char *name,
		const struct ns_call *how, const char *what,
		struct nwb_node **ret_node, struct nwb_attr *ret_attr,
		struct nwb_err *err)
{
	struct ns_call k = *how;
	struct spot s;
	int rc = spot_look(ns, dir, name, &s, err);

	if (!rc && s.is_there)
		rc = nwb_err_set(err, -EEXIST, "%s \"%s\": it is there", what,
				 s.path);
	k.ns = ns;
	k.path = s.path;
	if (!rc)
		rc = nwb_ns_run(&k, what, err);
	if (!rc)
		rc = nwb_ns_bind_ref(ns, dir, name, s.path, ret_node, ret_attr,
				     err);
	return rc;
}

int nwb_ns_mkdir(struct nwb_mount *mnt, struct nwb_node *dir, const char *name,
		 uint32_t mode, struct nwb_node **ret_node,
		 struct nwb_attr *ret_attr, struct nwb_err *err)
{
	struct ns_call k = {.attempt = call_mkdir, .mode = mode & 07777};
	const struct nwb_attr attr = {.mode = mode};
	struct nwb_ns *ns = mnt->ns;
	int rc;

	nwb_mutex_lock(&ns->lock);
	rc = make(ns, dir, name, &k, "mkdir", ret_node, ret_attr, err);
	if (!rc && ns->ops->has_no_owner &&
	    (ret_attr->mode & 07777) != k.mode) {
		nwb_ns_keep(ns, *ret_node, NWB_SET_MODE, &attr);
		nwb_ns_finish_attr(ns, *ret_node, ret_attr);
	}
	nwb_mutex_unlock(&ns->lock);
	return rc;
}

int nwb_ns_symlink(struct nwb_mount *mnt, struct nwb_node *dir,
		   const char *name, const char *target,
		   struct nwb_node **ret_node, struct nwb_attr *ret_attr,
		   struct nwb_err *err)
{
	struct ns_call k = {.attempt = call_symlink, .to = target};
	struct nwb_ns *ns = mnt->ns;
	int rc;

	if (!ns->ops->symlink)
		return nwb_err_set(err, -EOPNOTSUPP,
				   "symlink: %s carries none here",
				   mnt->ctx.type->name);
	if (!*target)
		return nwb_err_set(err, -ENOENT, "symlink: to nothing");
	if (strlen(target) > NWB_PATH_BYTES_MAX)
		return nwb_err_set(err, -ENAMETOOLONG, "symlink: too long");
	nwb_mutex_lock(&ns->lock);
	rc = make(ns, dir, name, &k, "symlink", ret_node, ret_attr, err);
	nwb_mutex_unlock(&ns->lock);
	return rc;
}

static int call_readlink(struct ns_call *k)
{
	k->len = k->ns->ops->readlink(&k->ns->mnt->ctx, k->path, k->buf,
				      k->size);
	return k->len < 0 ? (int)k->len : 0;
}

ssize_t nwb_ns_readlink(struct nwb_mount *mnt, struct nwb_node *node, char *buf,
			size_t size, struct nwb_err *err)
{
	char path[NWB_PATH_BYTES_MAX + 1];
	struct ns_call k = {.ns = mnt->ns,
			    .attempt = call_readlink,
			    .path = path,
			    .buf = buf,
			    .size = size};
	int rc;

	if (node->type != S_IFLNK || !mnt->ns->ops->readlink)
		return nwb_err_set(err, -EINVAL, "readlink: not a symlink");
	nwb_mutex_lock(&mnt->ns->lock);
	rc = nwb_ns_path(node, NULL, path);
	if (rc)
		(void)nwb_err_set(err, rc, "readlink: it has no name");
	else
		rc = nwb_ns_run(&k, "readlink", err);
	nwb_mutex_unlock(&mnt->ns->lock);
	return rc ? rc : k.len;
}

/* Has the user removed every name that is known of it? */
static bool is_gone(const struct nwb_node *node)
{
	const struct ns_name *n;
	uint32_t nr = 0;

	nwb_list_for_each_entry (n, &node->names, of_node)
		nr++;
	return nr == node->nr_gone;
}

int nwb_ns_link(struct nwb_mount *mnt, struct nwb_node *node,
		struct nwb_node *dir, const char *name,
		struct nwb_attr *ret_attr, struct nwb_err *err)
{
	char existing[NWB_PATH_BYTES_MAX + 1];
	struct ns_call k = {.attempt = call_link,
			    .to = existing,
			    .mode = node->type,
			    .ino = node->ino};
	struct nwb_ns *ns = mnt->ns;
	struct nwb_node *again;
	int rc;

	if (!ns->ops->link)
		return nwb_err_set(err, -EOPNOTSUPP,
				   "link: %s carries none here",
				   mnt->ctx.type->name);
	nwb_mutex_lock(&ns->lock);
	rc = is_gone(node) ? -ENOENT : nwb_ns_path(node, NULL, existing);
	if (rc)
		(void)nwb_err_set(err, rc, "link: it has no name");
	else
		rc = make(ns, dir, name, &k, "link", &again, ret_attr, err);
	if (!rc && again != node) {
		again->nr_lookups--;
		nwb_ns_drop(ns, again);
		rc = nwb_err_set(err, -ESTALE, "link: to another file");
	}
	nwb_mutex_unlock(&ns->lock);
	return rc;
}

/* --- rename ----------------------------------------------------------------
 */

static int call_rename(struct ns_call *k)
{
	struct nwb_fs_ctx *ctx = &k->ns->mnt->ctx;
	struct nwb_attr from, to;
	int rc = 0;

	if (k->nr_unknown) {
		rc = k->ns->ops->getattr(ctx, k->path, &from);
		if (rc == -ENOENT || (!rc && from.ino != k->ino)) {
			rc = k->ns->ops->getattr(ctx, k->to, &to);
			if (rc == -ENOENT || (!rc && to.ino != k->ino))
				rc = -EIO;
			return rc;
		}
		if (rc)
			return rc;
	}
	return k->ns->ops->rename(ctx, k->path, k->to, k->flags);
}

/* Open files that are @node or below it; a directory that moves takes them
 * with it. */
static void park_all(struct nwb_ns *ns, const struct nwb_node *node)
{
	struct nwb_node *n;

	nwb_list_for_each_entry (n, &ns->open, open)
		if (nwb_ns_is_below(n, node))
			ns->ops->park(n->priv);
}

static int name_all(struct nwb_ns *ns, const struct nwb_node *node)
{
	char path[NWB_PATH_BYTES_MAX + 1];
	struct nwb_node *n;
	int rc = 0, ret = 0;

	nwb_list_for_each_entry (n, &ns->open, open) {
		if (!nwb_ns_is_below(n, node))
			continue;
		rc = nwb_ns_path(n, NULL, path);
		if (!rc)
			rc = ns->ops->set_name(n->priv, path);
		ret = ret ? ret : rc;
	}
	return ret;
}

/* The server's part and ours. */
static int move(struct nwb_ns *ns, struct nwb_node *dir, const char *name,
		struct nwb_node *to_dir, const char *to_name,
		const struct spot *from, const char *to, bool replace,
		struct nwb_err *err)
{
	struct nwb_node *node = nwb_ns_find(ns, dir, name);
	struct nwb_fs_ctx *ctx = &ns->mnt->ctx;
	struct ns_call k = {.ns = ns,
			    .attempt = call_rename,
			    .path = from->path,
			    .to = to,
			    .ino = from->attr.ino,
			    .flags = replace};
	bool parks = node && node->type == S_IFDIR && ns->ops->cannot_move_open;
	int rc, name_rc = 0;

	__atomic_add_fetch(&ctx->nr_renaming, 1, __ATOMIC_SEQ_CST);
	if (parks)
		park_all(ns, node);
	rc = nwb_ns_run(&k, "rename", err);
	if (!rc) { /* what was replaced has lost this name */
		nwb_ns_unbind(ns, to_dir, to_name);
		rc = nwb_ns_move(ns, dir, name, to_dir, to_name);
	}
	if (node && (!rc || parks))
		name_rc = name_all(ns, node);
	__atomic_add_fetch(&ctx->name_seq, 1, __ATOMIC_SEQ_CST);
	__atomic_sub_fetch(&ctx->nr_renaming, 1, __ATOMIC_SEQ_CST);
	if (!rc && name_rc)
		rc = nwb_err_set(err, name_rc, "rename: out of memory");
	return rc;
}

/* The file at @s is open and shall have no name: see nwb/node.h. */
static int make_gone(struct nwb_ns *ns, struct nwb_node *dir, const char *name,
		     const struct spot *s, struct nwb_err *err)
{
	struct nwb_node *node = nwb_ns_find(ns, dir, name);
	char gone[sizeof(NWB_NS_GONE) + GONE_BYTES];
	int rc;

	(void)snprintf(gone, sizeof(gone), NWB_NS_GONE "%016llx-%llx",
		       (unsigned long long)ns->gone_base,
		       (unsigned long long)++ns->nr_gone);
	rc = move(ns, dir, name, &ns->root, gone, s, gone, false, err);
	if (!rc)
		node->nr_gone++;
	return rc;
}

static bool is_open(struct nwb_ns *ns, const struct nwb_node *dir,
		    const char *name)
{
	struct nwb_node *node = nwb_ns_find(ns, dir, name);

	return node && node->inode;
}

/* --- to remove something ----------------------------------------------------
 */

static int call_unlink(struct ns_call *k)
{
	struct nwb_fs_ctx *ctx = &k->ns->mnt->ctx;
	struct nwb_attr attr;
	int rc;

	if (k->nr_unknown) {
		rc = k->ns->ops->getattr(ctx, k->path, &attr);
		if (rc == -ENOENT || (!rc && attr.ino != k->ino))
			return 0;
		if (rc)
			return rc;
	}
	return k->ns->ops->unlink(ctx, k->path, k->flags);
}

static int remove_there(struct nwb_ns *ns, struct nwb_node *dir,
			const char *name, const struct spot *s, bool is_dir,
			struct nwb_err *err)
{
	struct ns_call k = {.ns = ns,
			    .attempt = call_unlink,
			    .path = s->path,
			    .ino = s->attr.ino,
			    .flags = is_dir};
	int rc;

	if (!is_dir && is_open(ns, dir, name))
		return make_gone(ns, dir, name, s, err);
	rc = nwb_ns_run(&k, is_dir ? "rmdir" : "unlink", err);
	if (!rc)
		nwb_ns_unbind(ns, dir, name);
	return rc;
}

static int remove_locked(struct nwb_ns *ns, struct nwb_node *dir,
			 const char *name, bool is_dir, struct nwb_err *err)
{
	struct spot s;
	int rc;

	if (is_dir && !strcmp(name, "."))
		return nwb_err_set(err, -EINVAL, "rmdir: \".\"");
	if (is_dir && !strcmp(name, ".."))
		return nwb_err_set(err, -ENOTEMPTY, "rmdir: \"..\"");
	rc = spot_look(ns, dir, name, &s, err);
	if (rc)
		return rc;
	if (!s.is_there)
		return absent(&s, err);
	if (is_dir && !S_ISDIR(s.attr.mode))
		return nwb_err_set(err, -ENOTDIR, "rmdir \"%s\"", s.path);
	if (!is_dir && S_ISDIR(s.attr.mode))
		return nwb_err_set(err, -EISDIR, "unlink \"%s\"", s.path);
	return remove_there(ns, dir, name, &s, is_dir, err);
}

int nwb_ns_unlink(struct nwb_mount *mnt, struct nwb_node *dir, const char *name,
		  struct nwb_err *err)
{
	int rc;

	nwb_mutex_lock(&mnt->ns->lock);
	rc = remove_locked(mnt->ns, dir, name, false, err);
	nwb_mutex_unlock(&mnt->ns->lock);
	return rc;
}

int nwb_ns_rmdir(struct nwb_mount *mnt, struct nwb_node *dir, const char *name,
		 struct nwb_err *err)
{
	int rc;

	nwb_mutex_lock(&mnt->ns->lock);
	rc = remove_locked(mnt->ns, dir, name, true, err);
	nwb_mutex_unlock(&mnt->ns->lock);
	return rc;
}

void nwb_ns_remove_gone(struct nwb_ns *ns, struct nwb_node *node)
{
	struct ns_name *n, *next;

	if (!node->nr_gone)
		return;
	node->nr_uses++;
	nwb_list_for_each_entry_safe (n, next, &node->names, of_node) {
		struct ns_call k = {.ns = ns,
				    .attempt = call_unlink,
				    .path = n->name,
				    .ino = node->ino};

		if (!n->dir->is_root ||
		    strncmp(n->name, NWB_NS_GONE, sizeof(NWB_NS_GONE) - 1))
			continue;
		/* nobody is left to be told; it stays, as after a crash */
		(void)!nwb_ns_run(&k, "unlink", NULL);
		node->nr_gone--;
		nwb_ns_unbind(ns, &ns->root, n->name);
	}
	node->nr_uses--;
}

/* --- rename, the whole ------------------------------------------------------
 */

/* What rename(2) says before anything is done. 1: nothing has to be done. */
static int may_rename(struct nwb_ns *ns, struct nwb_node *dir, const char *name,
		      struct nwb_node *to_dir, const char *to_name,
		      unsigned int flags, const struct spot *from,
		      const struct spot *to, struct nwb_err *err)
{
	struct nwb_node *node = nwb_ns_find(ns, dir, name);

	if (!from->is_there)
		return absent(from, err);
	if (to->is_there && (flags & NWB_RENAME_NOREPLACE))
		return nwb_err_set(err, -EEXIST,
				   "rename to \"%s\": it is there", to->path);
	if (node && node->type == S_IFDIR && nwb_ns_is_below(to_dir, node))
		return nwb_err_set(err, -EINVAL,
				   "rename \"%s\" to what is below it",
				   from->path);
	if (!to->is_there)
		return 0;
	node = nwb_ns_find(ns, to_dir, to_name);
	if (node && node->type == S_IFDIR && nwb_ns_is_below(dir, node))
		return nwb_err_set(err, -ENOTEMPTY,
				   "rename \"%s\" over what it is in",
				   from->path);
	if (to->attr.ino == from->attr.ino)
		return 1; /* links of one file */
	if (S_ISDIR(from->attr.mode) && !S_ISDIR(to->attr.mode))
		return nwb_err_set(err, -ENOTDIR, "rename over \"%s\"",
				   to->path);
	if (!S_ISDIR(from->attr.mode) && S_ISDIR(to->attr.mode))
		return nwb_err_set(err, -EISDIR, "rename over \"%s\"",
				   to->path);
	return 0;
}

/* Until neither name is of a file that is being opened or closed: from here on
 * the lock is held, and what was looked at stays as it is. */
static void wait_for_both(struct nwb_ns *ns, struct nwb_node *dir,
			  const char *name, struct nwb_node *to_dir,
			  const char *to_name)
{
	struct nwb_node *a, *b;

	for (;;) {
		a = nwb_ns_find(ns, dir, name);
		b = nwb_ns_find(ns, to_dir, to_name);
		if (a && a->is_busy)
			nwb_ns_wait(ns, a);
		else if (b && b->is_busy)
			nwb_ns_wait(ns, b);
		else
			return;
	}
}

static int rename_locked(struct nwb_ns *ns, struct nwb_node *dir,
			 const char *name, struct nwb_node *to_dir,
			 const char *to_name, unsigned int flags,
			 struct nwb_err *err)
{
	struct spot from, to;
	bool is_dir;
	int rc;

	wait_for_both(ns, dir, name, to_dir, to_name);
	rc = spot_look(ns, dir, name, &from, err);
	if (!rc)
		rc = spot_look(ns, to_dir, to_name, &to, err);
	if (!rc)
		rc = may_rename(ns, dir, name, to_dir, to_name, flags, &from,
				&to, err);
	if (rc)
		return rc == 1 ? 0 : rc;
	is_dir = S_ISDIR(from.attr.mode);
	/* in the way of the protocol, or open */
	if (to.is_there && (is_dir ? ns->ops->cannot_replace_dir
				   : is_open(ns, to_dir, to_name))) {
		rc = remove_there(ns, to_dir, to_name, &to, is_dir, err);
		to.is_there = false;
	}
	if (rc)
		return rc;
	return move(ns, dir, name, to_dir, to_name, &from, to.path, to.is_there,
		    err);
}

int nwb_ns_rename(struct nwb_mount *mnt, struct nwb_node *dir, const char *name,
		  struct nwb_node *to_dir, const char *to_name,
		  unsigned int flags, struct nwb_err *err)
{
	int rc;

	if (flags & ~NWB_RENAME_NOREPLACE)
		return nwb_err_set(err, -EINVAL, "rename: flags %#x", flags);
	nwb_mutex_lock(&mnt->ns->lock);
	rc = rename_locked(mnt->ns, dir, name, to_dir, to_name, flags, err);
	nwb_mutex_unlock(&mnt->ns->lock);
	return rc;
}
