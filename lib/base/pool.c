/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pools: objects of one size in one slab that was touched when it was made.
 *
 *	slab   [obj 0][obj 1] ... [obj n-1]      free list runs through the
 *	heap   objects got after the slab was    objects themselves
 *	       used up; freed when put back
 */
#include "nwb/mem.h"

#include <errno.h>
#include <string.h>

#define OBJ_ALIGN 16

_Static_assert(sizeof(struct nwb_list) <= OBJ_ALIGN,
	       "the link of a free object must fit into the smallest object");

static bool is_in_slab(const struct nwb_pool *p, const void *obj)
{
	uintptr_t at = (uintptr_t)obj, base = (uintptr_t)p->slab;

	return p->slab && at >= base && at < base + p->nr_total * p->obj_size;
}

int nwb_pool_init(struct nwb_pool *p, size_t obj_size, size_t nr)
{
	nwb_assert(obj_size >= OBJ_ALIGN);
	memset(p, 0, sizeof(*p));
	nwb_list_init(&p->free);
	p->obj_size = NWB_ROUND_UP(obj_size, (size_t)OBJ_ALIGN);
	if (!nr)
		return 0;
	if (nr > SIZE_MAX / p->obj_size)
		return -ENOMEM;
	p->slab = nwb_alloc_pages(nr * p->obj_size);
	if (!p->slab)
		return -ENOMEM;
	p->nr_total = nr;
	p->nr_free = nr;
	/* In address order, so that first use walks memory forwards. */
	for (size_t i = 0; i < nr; i++) {
		void *obj = (char *)p->slab + i * p->obj_size;

		nwb_list_add_tail(&p->free, obj);
	}
	return 0;
}

void *nwb_pool_get(struct nwb_pool *p)
{
	struct nwb_list *l;

	if (nwb_list_empty(&p->free)) {
		p->misses++;
		if (nwb_mem_pool_refused())
			return NULL;
		return nwb_alloc(p->obj_size);
	}
	l = p->free.next;
	nwb_list_del(l);
	p->nr_free--;
	return l;
}

void nwb_pool_put(struct nwb_pool *p, void *obj)
{
	if (!is_in_slab(p, obj)) {
		nwb_free(obj);
		return;
	}
	nwb_assert(((uintptr_t)obj - (uintptr_t)p->slab) % p->obj_size == 0);
	nwb_assert(p->nr_free < p->nr_total);
	/* Front of the list: the object that is warm in the caches. */
	nwb_list_add(&p->free, obj);
	p->nr_free++;
}

void nwb_pool_fini(struct nwb_pool *p)
{
	nwb_assert(p->nr_free == p->nr_total);
	nwb_free(p->slab);
	memset(p, 0, sizeof(*p));
	nwb_list_init(&p->free);
}
