/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Transfers of a cache object (fs/cachefiles/io.c).
 *
 *	asked     |   ssss|############|tt    |
 *	           skipped  whole blocks  cut
 *
 * Only the whole blocks are stored, from memory that is as aligned as they are.
 * What is skipped and cut counts as written ("mis"), so that the caller need
 * not know of blocks; a short write of the file is told as it is.
 */
#include "cache_i.h"

#include "nwb/mem.h"

#include <string.h>

#define WRITE_MAX (4 * NWB_MIB)

ssize_t nwb_cache_prepare(struct nwb_cache_object *obj, uint64_t start)
{
	struct nwb_cache *c = obj->cache;
	struct nwb_cache_file *f;

	if (start >= NWB_CACHE_OBJECT_MAX ||
	    atomic_load(&c->n.present) >= c->opts.max_bytes) {
		atomic_fetch_add(&c->n.nwr, 1);
		return -ENOBUFS;
	}
	f = nwb_cache_file_get(obj);
	if (!f)
		return -ENOBUFS;
	nwb_cache_file_put(obj, f);
	/* one block at least; a claim may reach behind the end by less */
	return (ssize_t)nwb_min(NWB_CACHE_OBJECT_MAX - start, WRITE_MAX);
}

/* The transfer has ended; whoever closes the object waits for that. */
static void end_io(struct nwb_cache_object *obj, struct nwb_cache_file *f)
{
	nwb_cache_file_put(obj, f);
	nwb_mutex_lock(&obj->lock);
	nwb_assert(obj->nr_io);
	obj->nr_io--;
	nwb_waitq_wake_all(&obj->idle);
	nwb_mutex_unlock(&obj->lock);
}

static void begin_io(struct nwb_cache_object *obj)
{
	nwb_mutex_lock(&obj->lock);
	obj->nr_io++;
	nwb_mutex_unlock(&obj->lock);
}

/* --- writing -------------------------------------------------------------- */

static void finish(struct nwb_cache_write *w, int64_t result)
{
	w->result = result;
	w->done(w);
}

static void write_done(struct nwb_xfile_io *io)
{
	struct nwb_cache_write *w =
		nwb_container_of(io, struct nwb_cache_write, io);
	struct nwb_cache_object *obj = w->obj;
	struct nwb_cache *c = obj->cache;
	struct nwb_cache_file *f = w->file;
	int64_t want = (int64_t)(w->len - w->skipped - w->cut);
	int64_t n = io->result;

	if (n > 0) {
		atomic_fetch_add(&c->n.write_bytes, (uint64_t)n);
		nwb_mutex_lock(&obj->lock);
		if (obj->file == f && obj->forget_seq == w->forget_seq)
			nwb_cache_set_present(obj, io->pos / NWB_CACHE_BLOCK,
					      (io->pos + (uint64_t)n) /
						      NWB_CACHE_BLOCK,
					      true);
		nwb_mutex_unlock(&obj->lock);
	} else if (n < 0) {
		atomic_fetch_add(&c->n.write_errors, 1);
	}
	if (n == want && w->told)
		n = (int64_t)(w->skipped + w->told);
	else if (n == want)
		n += (int64_t)(w->skipped + w->cut);
	else if (n >= 0)
		n += (int64_t)w->skipped;
	finish(w, n);
	end_io(obj, f);
}

/* Take @skip bytes from the front of @w's memory and @cut from its end. */
static void trim(struct nwb_cache_write *w, size_t skip, size_t cut)
{
	struct iovec *v = w->vec;
	size_t left = w->len - skip - cut;

	w->nr_vec = 0;
	for (unsigned int i = 0; i < w->nr_iov && left; i++) {
		size_t n = w->iov[i].iov_len, off = nwb_min(skip, n);

		skip -= off;
		n = nwb_min(n - off, left);
		if (!n)
			continue;
		nwb_assert(w->nr_vec < NWB_ARRAY_SIZE(w->vec));
		v[w->nr_vec].iov_base = (uint8_t *)w->iov[i].iov_base + off;
		v[w->nr_vec].iov_len = n;
		w->nr_vec++;
		left -= n;
	}
}

/* opts.short_bytes, once: the blocks behind are not stored, and of the block
 * that it ends in more is told than is kept. */
static void cut_short(struct nwb_cache *c, struct nwb_cache_write *w)
{
	size_t whole = w->len - w->skipped - w->cut, told = c->opts.short_bytes;

	if (!told || whole <= told || atomic_exchange(&c->n.nr_short, 1)) {
		w->told = 0;
		return;
	}
	w->told = told;
	w->cut += whole - told / NWB_CACHE_BLOCK * NWB_CACHE_BLOCK;
}

void nwb_cache_write(struct nwb_cache_write *w)
{
	struct nwb_cache_object *obj = w->obj;
	struct nwb_cache *c = obj->cache;
	uint64_t end = w->start + w->len;
	size_t skip = (size_t)(-w->start % NWB_CACHE_BLOCK);

	atomic_fetch_add(&c->n.writes, 1);
	w->skipped = nwb_min(skip, w->len);
	w->cut = nwb_min((size_t)(end % NWB_CACHE_BLOCK), w->len - w->skipped);
	atomic_fetch_add(&c->n.mis, w->skipped + w->cut);
	/* of a block that is stored in part nothing is known any more */
	if (w->skipped || w->cut)
		nwb_cache_forget(obj, w->start, w->len);
	w->is_misplaced = false;
	if (w->skipped + w->cut == w->len) {
		finish(w, (int64_t)w->len);
		return;
	}
	w->file = nwb_cache_file_get(obj);
	if (!w->file) {
		finish(w, -ENOBUFS);
		return;
	}
	begin_io(obj);
	nwb_mutex_lock(&obj->lock);
	w->forget_seq = obj->forget_seq;
	nwb_mutex_unlock(&obj->lock);
	cut_short(c, w);
	trim(w, w->skipped, w->cut);
	w->io = (struct nwb_xfile_io){
		.file = w->file->xf,
		.is_write = true,
		.pos = w->start + w->skipped,
		.iov = w->vec,
		.nr_iov = w->nr_vec,
		.done = write_done,
	};
	w->is_misplaced = w->skipped && w->unskipped_start;
	if (w->is_misplaced)
		w->io.pos = w->start;
	nwb_xfile_submit(&w->io);
}

/* --- reading -------------------------------------------------------------- */

struct read_wait {
	struct nwb_xfile_io io;
	struct nwb_mutex lock;
	struct nwb_waitq done;
	bool is_done;
};

static void read_done(struct nwb_xfile_io *io)
{
	struct read_wait *rw = nwb_container_of(io, struct read_wait, io);

	nwb_mutex_lock(&rw->lock);
	rw->is_done = true;
	nwb_waitq_wake_all(&rw->done);
	nwb_mutex_unlock(&rw->lock);
}

/* @len whole blocks at @pos into @buf, which is aligned. */
static ssize_t read_blocks(struct nwb_cache_object *obj,
			   struct nwb_cache_file *f, uint64_t pos, uint8_t *buf,
			   size_t len)
{
	struct iovec iov = {.iov_base = buf, .iov_len = len};
	struct read_wait rw = {
		.io = {.file = f->xf,
		       .pos = pos,
		       .iov = &iov,
		       .nr_iov = 1,
		       .done = read_done},
	};

	nwb_mutex_init(&rw.lock, obj->cache->ex, "cache read");
	nwb_waitq_init(&rw.done, obj->cache->ex, "cache read");
	nwb_xfile_submit(&rw.io);
	nwb_mutex_lock(&rw.lock);
	nwb_wait_event(&rw.done, &rw.lock, rw.is_done);
	nwb_mutex_unlock(&rw.lock);
	return rw.io.result;
}

/* How many bytes from @pos on are present, in the file that is now the
 * object's; *ret_file with a reference. */
static size_t find_present(struct nwb_cache_object *obj, uint64_t pos,
			   size_t len, struct nwb_cache_file **ret_file)
{
	size_t n = 0;

	*ret_file = NULL;
	nwb_mutex_lock(&obj->lock);
	while (n < len &&
	       nwb_cache_is_present(obj, (pos + n) / NWB_CACHE_BLOCK))
		n += nwb_min(len - n,
			     NWB_CACHE_BLOCK -
				     (size_t)((pos + n) % NWB_CACHE_BLOCK));
	if (n) {
		nwb_assert(obj->file);
		*ret_file = obj->file;
		obj->file->refs++;
		obj->nr_io++;
	}
	nwb_mutex_unlock(&obj->lock);
	return n;
}

ssize_t nwb_cache_read(struct nwb_cache_object *obj, uint64_t pos, void *buf,
		       size_t len)
{
	struct nwb_cache *c = obj->cache;
	size_t off = (size_t)(pos % NWB_CACHE_BLOCK), whole, n;
	struct nwb_cache_file *f;
	uint8_t *mem;
	ssize_t rc = -ENOMEM;

	n = find_present(obj, pos, len, &f);
	if (!n)
		return 0;
	whole = NWB_DIV_ROUND_UP(off + n, (size_t)NWB_CACHE_BLOCK) *
		NWB_CACHE_BLOCK;
	mem = nwb_alloc_pages(whole);
	if (mem)
		rc = read_blocks(obj, f, pos - off, mem, whole);
	if (rc >= 0)
		rc = rc > (ssize_t)off ? (ssize_t)nwb_min((size_t)rc - off, n)
				       : 0;
	if (rc > 0) {
		memcpy(buf, mem + off, (size_t)rc);
		atomic_fetch_add(&c->n.reads, 1);
		atomic_fetch_add(&c->n.read_bytes, (uint64_t)rc);
	}
	nwb_free(mem);
	end_io(obj, f);
	return rc;
}
