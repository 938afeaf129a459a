/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The table of nodes.
 *
 *	by_ino	── node ── names ──┬── (dir, "a")	two links of one file
 *	by_name ───────────────────┴── (dir, "b")
 *
 * A node is kept while a caller has a reference, a file of it is open, names
 * below it are known, or the client keeps its mode. Its names go with it.
 */
#include "ns.h"

#include "nwb/mem.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static struct nwb_list *ino_bucket(struct nwb_ns *ns, uint64_t ino)
{
	return &ns->by_ino[(ino * 0x9e3779b97f4a7c15ull) >> 51];
}

static struct nwb_list *
name_bucket(struct nwb_ns *ns, const struct nwb_node *dir, const char *name)
{
	uint64_t h = dir->ino + 1; /* the root's may be 0: no matter */

	while (*name)
		h = (h ^ (uint8_t)*name++) * 0x100000001b3ull;
	return &ns->by_name[(h * 0x9e3779b97f4a7c15ull) >> 51];
}

_Static_assert(NS_BUCKETS == 1u << (64 - 51), "the hashes give 13 bits");

static void node_init(struct nwb_node *node)
{
	nwb_list_init(&node->hash);
	nwb_list_init(&node->open);
	nwb_list_init(&node->names);
}

int nwb_ns_new(struct nwb_mount *mnt, const struct nwb_ns_ops *ops,
	       struct nwb_ns **ret_ns)
{
	struct nwb_ns *ns = nwb_zalloc(sizeof(*ns));

	if (!ns)
		return -ENOMEM;
	ns->mnt = mnt;
	ns->ops = ops;
	nwb_mutex_init(&ns->lock, mnt->ctx.ex, "names");
	nwb_waitq_init(&ns->q, mnt->ctx.ex, "names");
	for (unsigned int i = 0; i < NS_BUCKETS; i++) {
		nwb_list_init(&ns->by_ino[i]);
		nwb_list_init(&ns->by_name[i]);
	}
	nwb_list_init(&ns->open);
	node_init(&ns->root);
	ns->root.type = S_IFDIR;
	ns->root.is_root = true;
	ns->gone_base = nwb_random_u64(mnt->ctx.ex);
	*ret_ns = ns;
	return 0;
}

static void name_free(struct ns_name *n)
{
	nwb_list_del(&n->hash);
	nwb_list_del(&n->of_node);
	nwb_assert(n->dir->nr_children);
	n->dir->nr_children--;
	nwb_free(n);
}

void nwb_ns_free(struct nwb_ns *ns)
{
	struct nwb_node *node, *next;

	if (!ns)
		return;
	nwb_assert(nwb_list_empty(&ns->open));
	for (unsigned int i = 0; i < NS_BUCKETS; i++)
		while (!nwb_list_empty(&ns->by_name[i]))
			name_free(nwb_list_first(&ns->by_name[i],
						 struct ns_name, hash));
	for (unsigned int i = 0; i < NS_BUCKETS; i++)
		nwb_list_for_each_entry_safe (node, next, &ns->by_ino[i], hash)
			if (node != &ns->root)
				nwb_free(node);
	nwb_free(ns);
}

struct nwb_node *nwb_ns_root(struct nwb_mount *mnt)
{
	return &mnt->ns->root;
}

/* --- names -----------------------------------------------------------------
 */

static const struct ns_name *node_name(const struct nwb_node *node)
{
	return nwb_list_empty(&node->names)
		       ? NULL
		       : nwb_list_first(&node->names, const struct ns_name,
					of_node);
}

int nwb_ns_path(const struct nwb_node *node, const char *name, char *buf)
{
	char tmp[NWB_PATH_BYTES_MAX + 1];
	size_t at = sizeof(tmp) - 1;
	const struct ns_name *n;
	bool is_root;

	tmp[at] = 0;
	for (;;) {
		if (name) {
			size_t len = strlen(name);

			if (len + 1 > at)
				return -ENAMETOOLONG;
			at -= len;
			memcpy(tmp + at, name, len);
		}
		n = node_name(node);
		is_root = node->is_root;
		if (is_root)
			break;
		if (!n)
			return -ENOENT;
		if (name)
			tmp[--at] = '/';
		name = n->name;
		node = n->dir;
	}
	memcpy(buf, tmp + at, sizeof(tmp) - at);
	return 0;
}

static struct ns_name *find_name(struct nwb_ns *ns, const struct nwb_node *dir,
				 const char *name)
{
	struct nwb_list *bucket = name_bucket(ns, dir, name);
	struct ns_name *n;

	nwb_list_for_each_entry (n, bucket, hash)
		if (n->dir == dir && !strcmp(n->name, name))
			return n;
	return NULL;
}

struct nwb_node *nwb_ns_find(struct nwb_ns *ns, const struct nwb_node *dir,
			     const char *name)
{
	struct ns_name *n = find_name(ns, dir, name);

	return n ? n->node : NULL;
}

static int add_name(struct nwb_ns *ns, struct nwb_node *dir, const char *name,
		    struct nwb_node *node)
{
	size_t len = strlen(name) + 1;
	struct ns_name *n = nwb_alloc(sizeof(*n) + len);

	if (!n)
		return -ENOMEM;
	memcpy(n->name, name, len);
	n->node = node;
	n->dir = dir;
	dir->nr_children++;
	nwb_list_add_tail(name_bucket(ns, dir, name), &n->hash);
	nwb_list_add_tail(&node->names, &n->of_node);
	return 0;
}

void nwb_ns_unbind(struct nwb_ns *ns, const struct nwb_node *dir,
		   const char *name)
{
	struct ns_name *n = find_name(ns, dir, name);
	struct nwb_node *node, *above;

	if (!n)
		return;
	node = n->node;
	above = n->dir;
	above->nr_uses++;
	name_free(n);
	nwb_ns_drop(ns, node);
	above->nr_uses--;
	nwb_ns_drop(ns, above);
}

int nwb_ns_move(struct nwb_ns *ns, const struct nwb_node *dir, const char *name,
		struct nwb_node *to_dir, const char *to_name)
{
	struct ns_name *n = find_name(ns, dir, name), *now;
	struct nwb_node *node;
	int rc;

	nwb_assert(!find_name(ns, to_dir, to_name));
	if (!n)
		return 0;
	node = n->node;
	rc = add_name(ns, to_dir, to_name, node);
	if (rc)
		return rc;
	/* in its place: an open file is known to the server by the first */
	now = nwb_list_last(&node->names, struct ns_name, of_node);
	nwb_list_del(&now->of_node);
	nwb_list_add_tail(&n->of_node, &now->of_node);
	nwb_ns_unbind(ns, dir, name); /* it has the other one */
	return 0;
}

bool nwb_ns_is_below(const struct nwb_node *node, const struct nwb_node *dir)
{
	const struct ns_name *n;

	while (node != dir) {
		n = node_name(node);
		if (!n)
			return false;
		node = n->dir;
	}
	return true;
}

/* --- nodes -----------------------------------------------------------------
 */

static struct nwb_node *find_ino(struct nwb_ns *ns, uint64_t ino)
{
	struct nwb_node *node;

	nwb_list_for_each_entry (node, ino_bucket(ns, ino), hash)
		if (node->ino == ino && !node->is_stale)
			return node;
	return NULL;
}

static bool is_needed(const struct nwb_node *node)
{
	return node->is_root || node->nr_lookups || node->nr_files ||
	       node->nr_children || node->nr_uses || node->is_busy ||
	       (node->kept && !nwb_list_empty(&node->names));
}

/* Names go, and with them perhaps the directory that was only kept for them:
 * one step at a time, so that a deep path needs no deep stack. */
void nwb_ns_drop(struct nwb_ns *ns, struct nwb_node *node)
{
	while (!is_needed(node)) {
		struct nwb_node *above = NULL;

		nwb_assert(!node->inode);
		while (!nwb_list_empty(&node->names)) {
			struct ns_name *n = nwb_list_first(
				&node->names, struct ns_name, of_node);

			/* of several, all but one are dropped by recursion of
			 * depth one: links of one file */
			if (above && above != n->dir)
				nwb_ns_drop(ns, above);
			above = n->dir;
			name_free(n);
		}
		if (node->kept)
			ns->nr_kept--;
		nwb_list_del(&node->hash);
		nwb_free(node);
		if (!above)
			break;
		node = above;
	}
}

void nwb_ns_forget(struct nwb_mount *mnt, struct nwb_node *node, uint64_t nr)
{
	struct nwb_ns *ns = mnt->ns;

	nwb_mutex_lock(&ns->lock);
	if (!node->is_root) {
		nwb_assert(node->nr_lookups >= nr);
		node->nr_lookups -= nr;
		nwb_ns_drop(ns, node);
	}
	nwb_mutex_unlock(&ns->lock);
}

/* Names of a node that is another file than the one with that number now. */
static void forget_names(struct nwb_ns *ns, struct nwb_node *node)
{
	node->nr_uses++;
	while (!nwb_list_empty(&node->names)) {
		struct ns_name *n =
			nwb_list_first(&node->names, struct ns_name, of_node);
		struct nwb_node *above = n->dir;

		name_free(n);
		nwb_ns_drop(ns, above);
	}
	node->is_stale = true;
	node->nr_uses--;
	nwb_ns_drop(ns, node);
}

int nwb_ns_bind(struct nwb_ns *ns, struct nwb_node *dir, const char *name,
		const struct nwb_attr *attr, struct nwb_node **ret_node,
		struct nwb_err *err)
{
	uint32_t type = attr->mode & S_IFMT;
	struct nwb_node *node = find_ino(ns, attr->ino);
	struct ns_name *n = find_name(ns, dir, name);

	/* the number was used again, by something else */
	if (node && node->type != type) {
		forget_names(ns, node);
		node = NULL;
		n = find_name(ns, dir, name);
	}
	/* somebody else put another file there */
	if (n && n->node != node) {
		dir->nr_uses++;
		nwb_ns_unbind(ns, dir, name);
		dir->nr_uses--;
		n = NULL;
		node = find_ino(ns, attr->ino);
	}
	if (!node) {
		node = nwb_zalloc(sizeof(*node));
		if (!node)
			return nwb_err_set(err, -ENOMEM, "out of memory");
		node_init(node);
		node->ino = attr->ino;
		node->type = type;
		nwb_list_add(ino_bucket(ns, attr->ino), &node->hash);
	}
	if (!n && add_name(ns, dir, name, node)) {
		nwb_ns_drop(ns, node);
		return nwb_err_set(err, -ENOMEM, "out of memory");
	}
	*ret_node = node;
	return 0;
}

void nwb_ns_keep(struct nwb_ns *ns, struct nwb_node *node, uint32_t valid,
		 const struct nwb_attr *attr)
{
	valid &= NWB_SET_MODE | NWB_SET_UID | NWB_SET_GID;
	if (!valid || (!node->kept && ns->nr_kept >= NS_KEPT_MAX))
		return;
	ns->nr_kept += !node->kept;
	node->kept |= valid;
	if (valid & NWB_SET_MODE)
		node->mode = attr->mode & 07777;
	if (valid & NWB_SET_UID)
		node->uid = attr->uid;
	if (valid & NWB_SET_GID)
		node->gid = attr->gid;
}

/* --- operations ------------------------------------------------------------
 */

static int try_call(void *arg, uint32_t *ret_epoch, struct nwb_err *err)
{
	struct ns_call *k = arg;
	int rc = k->attempt(k);

	(void)err;
	*ret_epoch = 0;
	k->nr_unknown += nwb_fs_is_away(rc);
	return rc;
}

int nwb_ns_run(struct ns_call *k, const char *what, struct nwb_err *err)
{
	uint32_t epoch;
	int rc =
		nwb_fs_reach(&k->ns->mnt->ctx, try_call, k, &epoch, NULL, NULL);

	if (rc)
		(void)nwb_err_set(err, rc, "%s \"%s\": %s", what,
				  k->path ? k->path : "", nwb_errno_name(rc));
	return rc;
}

static int look(struct ns_call *k)
{
	return k->ns->ops->getattr(&k->ns->mnt->ctx, k->path, &k->attr);
}

int nwb_ns_look(struct nwb_ns *ns, const char *path, struct nwb_attr *ret_attr,
		struct nwb_err *err)
{
	struct ns_call k = {.ns = ns, .attempt = look, .path = path};
	int rc = nwb_ns_run(&k, "getattr", err);

	if (!rc)
		*ret_attr = k.attr;
	return rc;
}
