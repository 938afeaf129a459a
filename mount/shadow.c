/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A shadow's names, findings and counters; see shadow_i.h. */
#include "shadow_i.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define LIMIT_DEFAULT (4ull << 30)

static const char *const type_names[] = {"file", "directory", "symbolic link"};

void shadow_trouble(struct nwb_shadow *sh, const char *why)
{
	pthread_mutex_lock(&sh->lock);
	if (!sh->trouble[0])
		snprintf(sh->trouble, sizeof(sh->trouble), "%s", why);
	pthread_mutex_unlock(&sh->lock);
}

const char *nwb_shadow_trouble(const struct nwb_shadow *sh)
{
	return sh->trouble[0] ? sh->trouble : NULL;
}

unsigned int nwb_shadow_findings(const struct nwb_shadow *sh,
				 const struct nwb_shadow_finding **ret_f,
				 uint64_t *ret_found)
{
	*ret_f = sh->finding;
	*ret_found = sh->nr_found;
	return sh->nr_findings;
}

void nwb_shadow_get_stats(struct nwb_shadow *sh, struct nwb_shadow_stats *ret)
{
	pthread_mutex_lock(&sh->lock);
	*ret = sh->stats;
	pthread_mutex_unlock(&sh->lock);
}

/* --- nodes and their names -------------------------------------------------
 */

static uint32_t hash_of(const struct nwb_snode *dir, const char *name)
{
	uint64_t h = (uintptr_t)dir * 0x9e3779b97f4a7c15ull;

	for (; *name; name++)
		h = (h ^ (uint8_t)*name) * 0x100000001b3ull;
	return (uint32_t)(h >> 32 ^ h) % SHADOW_BUCKETS;
}

struct dentry *shadow_find(struct nwb_shadow *sh, const struct nwb_snode *dir,
			   const char *name)
{
	struct nwb_list *b = &sh->bucket[hash_of(dir, name)];
	struct dentry *d;

	nwb_list_for_each_entry (d, b, bucket)
		if (d->dir == dir && !strcmp(d->name, name))
			return d;
	return NULL;
}

static struct nwb_snode *snode_new(enum nwb_snode_type type, const char *target)
{
	struct nwb_snode *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->type = type;
	n->refs = 1;
	nwb_list_init(&n->entries);
	pthread_mutex_init(&n->lock, NULL);
	pthread_cond_init(&n->is_done, NULL);
	if (target) {
		n->target = strdup(target);
		n->is_given_up = !n->target;
	}
	return n;
}

static void snode_free(struct nwb_shadow *sh, struct nwb_snode *n)
{
	pages_cut(sh, n, 0);
	ranges_drop(&n->released);
	ranges_drop(&n->dirty);
	pthread_cond_destroy(&n->is_done);
	pthread_mutex_destroy(&n->lock);
	free(n->chunk);
	free(n->target);
	free(n);
}

void nwb_snode_put(struct nwb_shadow *sh, struct nwb_snode *n)
{
	bool is_last;

	pthread_mutex_lock(&sh->lock);
	is_last = !--n->refs;
	pthread_mutex_unlock(&sh->lock);
	if (is_last)
		snode_free(sh, n);
}

/* Under the lock. Return: the node that it named, its reference the caller's;
 * may be NULL. */
static struct nwb_snode *dentry_del(struct dentry *d)
{
	struct nwb_snode *n = d->node;

	nwb_list_del(&d->bucket);
	nwb_list_del(&d->sibling);
	free(d);
	return n;
}

/* Under the lock: @n takes one more reference. What had the name loses it. */
static struct nwb_snode *dentry_set(struct nwb_shadow *sh,
				    struct nwb_snode *dir, const char *name,
				    struct nwb_snode *n)
{
	struct dentry *d = shadow_find(sh, dir, name);
	struct nwb_snode *old = NULL;

	if (d) {
		old = d->node;
	} else {
		size_t len = strlen(name) + 1;

		d = calloc(1, sizeof(*d) + len);
		if (!d) {
			snprintf(sh->trouble, sizeof(sh->trouble),
				 "no memory for a name");
			return NULL;
		}
		memcpy(d->name, name, len);
		d->dir = dir;
		nwb_list_add_tail(&sh->bucket[hash_of(dir, name)], &d->bucket);
		nwb_list_add_tail(&dir->entries, &d->sibling);
	}
	d->node = n;
	d->is_doubtful = !n;
	if (n)
		n->refs++;
	return old;
}

static void put_maybe(struct nwb_shadow *sh, struct nwb_snode *n)
{
	if (n)
		nwb_snode_put(sh, n);
}

struct nwb_snode *nwb_shadow_root(struct nwb_shadow *sh)
{
	pthread_mutex_lock(&sh->lock);
	sh->root->refs++;
	pthread_mutex_unlock(&sh->lock);
	return sh->root;
}

struct nwb_snode *nwb_shadow_lookup(struct nwb_shadow *sh,
				    struct nwb_snode *dir, const char *name)
{
	struct nwb_snode *n = NULL;
	struct dentry *d;

	pthread_mutex_lock(&sh->lock);
	d = shadow_find(sh, dir, name);
	if (d && d->node) {
		n = d->node;
		n->refs++;
	}
	pthread_mutex_unlock(&sh->lock);
	return n;
}

void nwb_shadow_absent(struct nwb_shadow *sh, struct nwb_snode *dir,
		       const char *name)
{
	struct nwb_shadow_finding f = {.oracle = 12, .kind = "LOST"};
	struct nwb_snode *n = NULL;
	struct dentry *d;

	pthread_mutex_lock(&sh->lock);
	d = shadow_find(sh, dir, name);
	if (d && d->node && !d->is_doubtful) {
		n = d->node;
		n->refs++;
	}
	pthread_mutex_unlock(&sh->lock);
	if (!n)
		return;
	snprintf(f.text, sizeof(f.text), "this %s is said not to be there",
		 type_names[n->type]);
	shadow_found(sh, &f, n);
	nwb_snode_put(sh, n);
}

struct nwb_snode *nwb_shadow_make(struct nwb_shadow *sh, struct nwb_snode *dir,
				  const char *name, enum nwb_snode_type type,
				  const char *target)
{
	struct nwb_snode *n = snode_new(type, target), *old;

	if (!n) {
		shadow_trouble(sh, "no memory for a file");
		nwb_shadow_doubt(sh, dir, name);
		return NULL;
	}
	pthread_mutex_lock(&sh->lock);
	old = dentry_set(sh, dir, name, n);
	pthread_mutex_unlock(&sh->lock);
	put_maybe(sh, old);
	return n;
}

void nwb_shadow_link(struct nwb_shadow *sh, struct nwb_snode *dir,
		     const char *name, struct nwb_snode *n)
{
	struct nwb_snode *old;

	pthread_mutex_lock(&sh->lock);
	old = dentry_set(sh, dir, name, n);
	pthread_mutex_unlock(&sh->lock);
	put_maybe(sh, old);
}

void nwb_shadow_doubt(struct nwb_shadow *sh, struct nwb_snode *dir,
		      const char *name)
{
	struct dentry *d;

	pthread_mutex_lock(&sh->lock);
	d = shadow_find(sh, dir, name);
	if (d)
		d->is_doubtful = true;
	else
		dentry_set(sh, dir, name, NULL);
	pthread_mutex_unlock(&sh->lock);
}

void nwb_shadow_unlink(struct nwb_shadow *sh, struct nwb_snode *dir,
		       const char *name)
{
	struct nwb_snode *n = NULL;
	struct dentry *d;

	pthread_mutex_lock(&sh->lock);
	d = shadow_find(sh, dir, name);
	if (d)
		n = dentry_del(d);
	pthread_mutex_unlock(&sh->lock);
	put_maybe(sh, n);
}

void nwb_shadow_rename(struct nwb_shadow *sh, struct nwb_snode *dir,
		       const char *name, struct nwb_snode *new_dir,
		       const char *new_name, bool exchange)
{
	struct nwb_snode *from = NULL, *to = NULL, *old[2] = {NULL, NULL};
	bool is_doubtful = false;
	struct dentry *d;

	pthread_mutex_lock(&sh->lock);
	d = shadow_find(sh, new_dir, new_name);
	if (d && d->node && exchange) {
		to = d->node;
		to->refs++;
	}
	d = shadow_find(sh, dir, name);
	if (d) {
		is_doubtful = d->is_doubtful;
		from = dentry_del(d);
	}
	if (to)
		old[0] = dentry_set(sh, dir, name, to);
	old[1] = dentry_set(sh, new_dir, new_name, from);
	d = shadow_find(sh, new_dir, new_name);
	if (d && is_doubtful)
		d->is_doubtful = true;
	pthread_mutex_unlock(&sh->lock);
	/* dentry_set() has counted @from once more, and @to */
	put_maybe(sh, from);
	put_maybe(sh, to);
	put_maybe(sh, old[0]);
	put_maybe(sh, old[1]);
}

/* --- findings ---------------------------------------------------------------
 */

/* Under the lock; from its end. Return: false: it has no name (any more). */
static bool path_of(const struct nwb_shadow *sh, const struct nwb_snode *n,
		    char *buf, size_t size)
{
	size_t at = size - 1;

	buf[at] = 0;
	while (n != sh->root) {
		const struct dentry *d = NULL, *e;
		size_t len;

		for (unsigned int b = 0; !d && b < SHADOW_BUCKETS; b++)
			nwb_list_for_each_entry (e, &sh->bucket[b], bucket)
				if (e->node == n) {
					d = e;
					break;
				}
		len = d ? strlen(d->name) : 0;
		if (!d || len + 1 > at)
			return false;
		at -= len;
		memcpy(buf + at, d->name, len);
		n = d->dir;
		if (n != sh->root)
			buf[--at] = '/';
	}
	memmove(buf, buf + at, size - at);
	return true;
}

void shadow_found(struct nwb_shadow *sh, const struct nwb_shadow_finding *f,
		  const struct nwb_snode *n)
{
	struct nwb_shadow_finding *to;

	pthread_mutex_lock(&sh->lock);
	sh->nr_found++;
	if (sh->nr_findings < NWB_SHADOW_FINDINGS) {
		to = &sh->finding[sh->nr_findings++];
		*to = *f;
		if (n && !path_of(sh, n, to->path, sizeof(to->path)))
			snprintf(to->path, sizeof(to->path),
				 "(a file without a name)");
		/* names are anybody's, and this goes to a terminal */
		for (char *p = to->path; *p; p++)
			if (*p < ' ' || *p > '~')
				*p = '?';
	}
	pthread_mutex_unlock(&sh->lock);
}

/* --- life --------------------------------------------------------------------
 */

int nwb_shadow_new(uint64_t limit, struct nwb_shadow **ret_sh)
{
	struct nwb_shadow *sh = calloc(1, sizeof(*sh));

	if (!sh)
		return -ENOMEM;
	limit = limit ? limit : LIMIT_DEFAULT;
	sh->pool_pages = nwb_min(limit / SHADOW_PAGE, (uint64_t)UINT32_MAX);
	sh->next_page = 1;
	sh->pool =
		mmap(NULL, sh->pool_pages * SHADOW_PAGE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (sh->pool == MAP_FAILED) {
		free(sh);
		return -ENOMEM;
	}
	pthread_mutex_init(&sh->lock, NULL);
	for (unsigned int i = 0; i < SHADOW_BUCKETS; i++)
		nwb_list_init(&sh->bucket[i]);
	sh->root = snode_new(NWB_SNODE_DIR, NULL);
	if (!sh->root) {
		nwb_shadow_free(sh);
		return -ENOMEM;
	}
	*ret_sh = sh;
	return 0;
}

void nwb_shadow_free(struct nwb_shadow *sh)
{
	if (!sh)
		return;
	for (unsigned int i = 0; i < SHADOW_BUCKETS; i++)
		while (!nwb_list_empty(&sh->bucket[i]))
			put_maybe(sh, dentry_del(nwb_list_first(&sh->bucket[i],
								struct dentry,
								bucket)));
	if (sh->root)
		nwb_snode_put(sh, sh->root);
	munmap(sh->pool, sh->pool_pages * SHADOW_PAGE);
	pthread_mutex_destroy(&sh->lock);
	free(sh);
}
