/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Cache objects: their files, and which blocks are present.
 *
 *	object ──► file (references: the object, each transfer)
 *	  └ bits       invalidate: the object lets go of it; the last transfer
 *	               closes it
 *
 * A write marks its blocks when it ends, if the object still has the file that
 * it went to and nobody has forgotten them meanwhile.
 */
#include "cache_i.h"

#include "nwb/mem.h"

#include <string.h>

/* --- files ---------------------------------------------------------------- */

static int file_new(struct nwb_cache *c, struct nwb_cache_file **ret_f,
		    struct nwb_err *err)
{
	struct nwb_cache_file *f = nwb_zalloc(sizeof(*f));
	int rc;

	if (!f)
		return nwb_err_set(err, -ENOMEM, "cache: no memory");
	rc = nwb_xfile_open(c->ex, c->opts.dir, &f->xf, err);
	if (rc) {
		nwb_free(f);
		return rc;
	}
	f->refs = 1;
	*ret_f = f;
	return 0;
}

static void file_free(struct nwb_cache_file *f)
{
	nwb_xfile_close(f->xf);
	nwb_free(f);
}

/** nwb_cache_file_get() - the object's file, made if it has none, with a
 * reference. NULL: there is none to be had. Context: blocks. */
struct nwb_cache_file *nwb_cache_file_get(struct nwb_cache_object *obj)
{
	struct nwb_cache_file *made = NULL, *f;

	nwb_mutex_lock(&obj->lock);
	if (!obj->file) {
		nwb_mutex_unlock(&obj->lock);
		if (file_new(obj->cache, &made, NULL))
			made = NULL;
		nwb_mutex_lock(&obj->lock);
	}
	if (!obj->file && made) {
		obj->file = made;
		made = NULL;
	}
	f = obj->file;
	if (f)
		f->refs++;
	nwb_mutex_unlock(&obj->lock);
	if (made)
		file_free(made);
	return f;
}

/** nwb_cache_file_put() - a reference less. No lock held. */
void nwb_cache_file_put(struct nwb_cache_object *obj, struct nwb_cache_file *f)
{
	bool is_last;

	nwb_mutex_lock(&obj->lock);
	nwb_assert(f->refs);
	is_last = --f->refs == 0;
	nwb_waitq_wake_all(&obj->idle);
	nwb_mutex_unlock(&obj->lock);
	if (is_last)
		file_free(f);
}

/* --- blocks --------------------------------------------------------------- */

static int grow_bits(struct nwb_cache_object *obj, uint64_t block)
{
	size_t want = nwb_max(obj->nr_words * 2, (size_t)64);
	uint64_t *bits;

	while (want <= block / 64)
		want *= 2;
	bits = nwb_zalloc(want * sizeof(*bits));
	if (!bits)
		return -ENOMEM;
	if (obj->nr_words)
		memcpy(bits, obj->bits, obj->nr_words * sizeof(*bits));
	nwb_free(obj->bits);
	obj->bits = bits;
	obj->nr_words = want;
	return 0;
}

/** nwb_cache_is_present() - obj->lock held. */
bool nwb_cache_is_present(const struct nwb_cache_object *obj, uint64_t block)
{
	return block / 64 < obj->nr_words &&
	       (obj->bits[block / 64] >> (block % 64)) & 1;
}

/** nwb_cache_set_present() - blocks [@first, @end). obj->lock held. */
void nwb_cache_set_present(struct nwb_cache_object *obj, uint64_t first,
			   uint64_t end, bool is_present)
{
	struct nwb_cache *c = obj->cache;

	for (uint64_t b = first; b < end; b++) {
		uint64_t bit = 1ull << (b % 64);

		if (nwb_cache_is_present(obj, b) == is_present)
			continue;
		if (is_present && b / 64 >= obj->nr_words && grow_bits(obj, b))
			return; /* not known: as if it were not there */
		if (is_present) {
			obj->bits[b / 64] |= bit;
			atomic_fetch_add(&c->n.present, NWB_CACHE_BLOCK);
		} else {
			obj->bits[b / 64] &= ~bit;
			atomic_fetch_sub(&c->n.present, NWB_CACHE_BLOCK);
		}
	}
}

void nwb_cache_forget(struct nwb_cache_object *obj, uint64_t pos, uint64_t len)
{
	uint64_t end = NWB_CACHE_OBJECT_MAX;

	if (pos >= end || !len)
		return;
	end = pos + nwb_min(len, end - pos);
	nwb_mutex_lock(&obj->lock);
	obj->forget_seq++;
	end = nwb_min(NWB_DIV_ROUND_UP(end, (uint64_t)NWB_CACHE_BLOCK),
		      (uint64_t)obj->nr_words * 64);
	nwb_cache_set_present(obj, pos / NWB_CACHE_BLOCK, end, false);
	nwb_mutex_unlock(&obj->lock);
}

void nwb_cache_invalidate(struct nwb_cache_object *obj)
{
	struct nwb_cache_file *f;

	atomic_fetch_add(&obj->cache->n.invalidations, 1);
	nwb_mutex_lock(&obj->lock);
	nwb_cache_set_present(obj, 0, (uint64_t)obj->nr_words * 64, false);
	f = obj->file;
	obj->file = NULL;
	nwb_mutex_unlock(&obj->lock);
	if (f)
		nwb_cache_file_put(obj, f);
}

/* --- life ----------------------------------------------------------------- */

int nwb_cache_open(struct nwb_cache *c, struct nwb_cache_object **ret_obj)
{
	struct nwb_cache_object *obj = nwb_zalloc(sizeof(*obj));

	if (!obj)
		return -ENOMEM;
	obj->cache = c;
	nwb_mutex_init(&obj->lock, c->ex, "cache object");
	nwb_waitq_init(&obj->idle, c->ex, "cache object");
	*ret_obj = obj;
	return 0;
}

void nwb_cache_close(struct nwb_cache_object *obj)
{
	if (!obj)
		return;
	nwb_mutex_lock(&obj->lock);
	nwb_wait_event(&obj->idle, &obj->lock, !obj->nr_io);
	nwb_mutex_unlock(&obj->lock);
	nwb_cache_invalidate(obj);
	nwb_free(obj->bits);
	nwb_free(obj);
}

int nwb_cache_new(struct nwb_exec *ex, const struct nwb_cache_opts *opts,
		  struct nwb_cache **ret_c, struct nwb_err *err)
{
	struct nwb_cache *c = nwb_zalloc(sizeof(*c));
	struct nwb_cache_file *probe;
	int rc;

	if (!c)
		return nwb_err_set(err, -ENOMEM, "cache: no memory");
	c->ex = ex;
	c->opts = *opts;
	if (!c->opts.max_bytes)
		c->opts.max_bytes = 1024 * NWB_MIB;
	rc = file_new(c, &probe, err);
	if (rc) {
		nwb_free(c);
		return rc;
	}
	c->is_direct = nwb_xfile_is_direct(probe->xf);
	file_free(probe);
	*ret_c = c;
	return 0;
}

void nwb_cache_free(struct nwb_cache *c)
{
	if (!c)
		return;
	nwb_assert(!atomic_load(&c->n.present));
	nwb_free(c);
}

void nwb_cache_get_stats(struct nwb_cache *c, struct nwb_cache_stats *ret)
{
	ret->writes = atomic_load(&c->n.writes);
	ret->write_bytes = atomic_load(&c->n.write_bytes);
	ret->write_errors = atomic_load(&c->n.write_errors);
	ret->mis = atomic_load(&c->n.mis);
	ret->nwr = atomic_load(&c->n.nwr);
	ret->reads = atomic_load(&c->n.reads);
	ret->read_bytes = atomic_load(&c->n.read_bytes);
	ret->present_bytes = atomic_load(&c->n.present);
	ret->invalidations = atomic_load(&c->n.invalidations);
	ret->nr_short = atomic_load(&c->n.nr_short);
	ret->is_direct = c->is_direct;
}
