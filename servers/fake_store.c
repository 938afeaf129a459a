/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files of the fakes: flat memory, twice. The second copy is what a crash
 * leaves; a sync copies what may differ.
 *
 *	data     [ written ........................ ]
 *	durable  [ same ][ dirty_lo .. dirty_hi ][ same ]
 */
#include "fake_i.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct fake_file *nwb_fake_file_find(struct nwb_fake *f, const char *name)
{
	struct fake_file *file;

	nwb_list_for_each_entry (file, &f->files, link)
		if (!strcmp(file->name, name))
			return file;
	return NULL;
}

/* At least @size bytes, the new ones zero. */
static int grow(uint8_t **buf, size_t *cap, size_t size)
{
	size_t want = nwb_max(*cap, (size_t)4096);
	uint8_t *p;

	if (size <= *cap)
		return 0;
	while (want < size)
		want *= 2;
	p = realloc(*buf, want);
	if (!p)
		return -ENOMEM;
	memset(p + *cap, 0, want - *cap);
	*buf = p;
	*cap = want;
	return 0;
}

/* Both copies. On failure at most the first is there. */
static int reserve(struct nwb_fake *f, struct fake_file *file)
{
	uint64_t bytes = nwb_min(f->opts.reserve_bytes, f->opts.max_file_bytes);
	int rc = grow(&file->data, &file->cap, bytes);

	return rc ? rc : grow(&file->durable, &file->durable_cap, bytes);
}

struct fake_file *nwb_fake_file_add(struct nwb_fake *f, const char *name)
{
	struct fake_file *file = calloc(1, sizeof(*file));

	nwb_assert(strlen(name) <= FAKE_NAME_MAX);
	if (!file)
		return NULL;
	if (!f->opts.discard && reserve(f, file)) {
		free(file->data);
		free(file);
		return NULL;
	}
	memcpy(file->name, name, strlen(name) + 1);
	file->id = ++f->next_id;
	file->is_void = f->opts.discard;
	file->base = f->opts.hole_bytes;
	nwb_list_add_tail(&f->files, &file->link);
	return file;
}

void nwb_fake_file_free(struct fake_file *file)
{
	nwb_list_del(&file->link);
	free(file->data);
	free(file->durable);
	free(file);
}

static void mark_dirty(struct fake_file *file, size_t lo, size_t hi)
{
	if (lo >= hi)
		return;
	if (file->dirty_lo >= file->dirty_hi) {
		file->dirty_lo = lo;
		file->dirty_hi = hi;
		return;
	}
	file->dirty_lo = nwb_min(file->dirty_lo, lo);
	file->dirty_hi = nwb_max(file->dirty_hi, hi);
}

static void apply(struct fake_file *file, size_t offset, const void *data,
		  size_t len)
{
	file->size = nwb_max(file->size, offset + len);
	if (file->is_void)
		return;
	memcpy(file->data + offset, data, len);
	mark_dirty(file, offset, offset + len);
}

int nwb_fake_file_write(struct nwb_fake *f, struct fake_file *file,
			uint64_t offset, const void *data, size_t len)
{
	struct nwb_fake_apply a = {.name = file->name,
				   .offset = offset,
				   .len = (uint32_t)len,
				   .data = data,
				   .instance = f->stats.instance};
	int rc;

	if (offset < file->base)
		return -EFBIG;
	offset -= file->base;
	if (offset > f->opts.max_file_bytes ||
	    len > f->opts.max_file_bytes - offset)
		return -EFBIG;
	rc = file->is_void ? 0 : grow(&file->data, &file->cap, offset + len);
	if (rc)
		return rc;
	/* As pwrite(2): nothing written extends nothing. */
	if (len)
		apply(file, offset, data, len);
	f->stats.nr_applied++;
	f->stats.bytes_applied += len;
	if (f->opts.on_apply)
		f->opts.on_apply(f->opts.apply_arg, &a);
	return 0;
}

uint64_t nwb_fake_file_size(const struct fake_file *file)
{
	return file->base + file->size;
}

int nwb_fake_file_resize(struct nwb_fake *f, struct fake_file *file,
			 uint64_t size)
{
	int rc;

	size = size > file->base ? size - file->base : 0;
	if (size > f->opts.max_file_bytes)
		return -EFBIG;
	rc = file->is_void ? 0 : grow(&file->data, &file->cap, size);
	if (rc)
		return rc;
	if (size < file->size && !file->is_void) {
		memset(file->data + size, 0, file->size - size);
		mark_dirty(file, size, file->size);
	}
	file->size = size;
	nwb_fake_event(f, NWB_FAKE_RESIZED, file->name,
		       nwb_fake_file_size(file));
	return 0;
}

size_t nwb_fake_file_read(const struct fake_file *file, uint64_t offset,
			  void *buf, size_t len)
{
	if (offset < file->base) { /* as far as the hole goes */
		len = (size_t)nwb_min((uint64_t)len, file->base - offset);
		memset(buf, 0, len);
		return len;
	}
	offset -= file->base;
	if (offset >= file->size)
		return 0;
	len = nwb_min(len, file->size - (size_t)offset);
	if (file->is_void)
		memset(buf, 0, len);
	else
		memcpy(buf, file->data + offset, len);
	return len;
}

/* Copy the dirty range from one to the other and cut that to size. */
static void copy_dirty(const struct fake_file *file, uint8_t *to,
		       const uint8_t *from, size_t from_cap)
{
	size_t hi = nwb_min(file->dirty_hi, from_cap);
	size_t lo = file->dirty_lo;

	if (lo < hi)
		memcpy(to + lo, from + lo, hi - lo);
	lo = nwb_max(lo, hi);
	if (lo < file->dirty_hi)
		memset(to + lo, 0, file->dirty_hi - lo);
}

int nwb_fake_file_sync(struct fake_file *file)
{
	size_t need = nwb_max(file->size, file->dirty_hi);
	int rc = 0;

	if (!file->is_void)
		rc = grow(&file->durable, &file->durable_cap, need);
	if (rc)
		return rc;
	copy_dirty(file, file->durable, file->data, file->cap);
	file->durable_size = file->size;
	file->dirty_lo = file->dirty_hi = 0;
	return 0;
}

void nwb_fake_file_revert(struct fake_file *file)
{
	copy_dirty(file, file->data, file->durable, file->durable_cap);
	file->size = file->durable_size;
	file->dirty_lo = file->dirty_hi = 0;
}

int nwb_fake_put(struct nwb_fake *f, const char *name, const void *data,
		 size_t len)
{
	struct fake_file *file;
	int rc = -ENOMEM;

	nwb_mutex_lock(&f->lock);
	file = nwb_fake_file_find(f, name);
	if (!file)
		file = nwb_fake_file_add(f, name);
	if (file)
		rc = nwb_fake_file_resize(f, file, file->base + len);
	if (!rc && len)
		apply(file, 0, data, len);
	if (!rc)
		rc = nwb_fake_file_sync(file);
	nwb_mutex_unlock(&f->lock);
	return rc;
}

ssize_t nwb_fake_get(struct nwb_fake *f, const char *name, bool is_durable,
		     uint64_t offset, void *buf, size_t len, uint64_t *ret_size)
{
	const struct fake_file *file;
	const uint8_t *from;
	size_t size;
	ssize_t n = -ENOENT;

	nwb_mutex_lock(&f->lock);
	file = nwb_fake_file_find(f, name);
	if (file) {
		from = is_durable ? file->durable : file->data;
		size = is_durable ? file->durable_size : file->size;
		offset -= nwb_min(offset, file->base);
		n = 0;
		if (offset < size && len) {
			n = (ssize_t)nwb_min(len, size - (size_t)offset);
			if (file->is_void)
				memset(buf, 0, (size_t)n);
			else
				memcpy(buf, from + offset, (size_t)n);
		}
		if (ret_size)
			*ret_size = file->base + size;
	}
	nwb_mutex_unlock(&f->lock);
	return n;
}
