/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside of lib/cache; nobody else includes this. */
#ifndef NWB_CACHE_I_H
#define NWB_CACHE_I_H

#include "nwb/cache.h"
#include "nwb/util.h"

#include <errno.h>
#include <stdatomic.h>

struct nwb_cache {
	struct nwb_exec *ex;
	struct nwb_cache_opts opts;
	bool is_direct;
	struct {
		_Atomic uint64_t writes, write_bytes, write_errors, mis, nwr,
			reads, read_bytes, present, invalidations, nr_short;
	} n;
};

struct nwb_cache_file {
	struct nwb_xfile *xf;
	uint32_t refs; /* obj->lock */
};

/* All but @cache under @lock.
 * @nr_io: writes and reads under way, to whichever file
 * @forget_seq: counts nwb_cache_forget(): a write that was under way then marks
 *	nothing */
struct nwb_cache_object {
	struct nwb_cache *cache;
	struct nwb_mutex lock;
	struct nwb_waitq idle;
	struct nwb_cache_file *file;
	uint64_t *bits;
	size_t nr_words;
	uint32_t nr_io;
	uint64_t forget_seq;
};

struct nwb_cache_file *nwb_cache_file_get(struct nwb_cache_object *obj);
void nwb_cache_file_put(struct nwb_cache_object *obj, struct nwb_cache_file *f);
bool nwb_cache_is_present(const struct nwb_cache_object *obj, uint64_t block);
void nwb_cache_set_present(struct nwb_cache_object *obj, uint64_t first,
			   uint64_t end, bool is_present);

#endif
