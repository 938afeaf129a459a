/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Memory with a conscience.
 *
 * Every allocation of lib/ goes through nwb_alloc(), which counts, can be told
 * to fail the k-th time (tests), and poisons what it hands out. Objects of the
 * measured window come from pools that were faulted in before it: two readings
 * of nwb_mem_count(), at its two ends, must be equal.
 *
 * Context: allocation from any thread; a pool is under its owner's lock.
 */
#ifndef NWB_MEM_H
#define NWB_MEM_H

#include "nwb/list.h"

/**
 * nwb_alloc() - allocate @size bytes, poisoned with 0xa5.
 * Return: memory to be freed by nwb_free(), or NULL.
 */
void *nwb_alloc(size_t size) nwb_must_check;
/** nwb_zalloc() - like nwb_alloc(), but zeroed. */
void *nwb_zalloc(size_t size) nwb_must_check;
/** nwb_alloc_pages() - @size bytes aligned to 4 KiB, zeroed and faulted in. */
void *nwb_alloc_pages(size_t size) nwb_must_check;
/** nwb_free() - free; NULL is fine. */
void nwb_free(void *p);

/** nwb_mem_count() - allocations since the program began (all threads). */
uint64_t nwb_mem_count(void);
/** nwb_mem_live() - allocations that are not freed yet. */
uint64_t nwb_mem_live(void);
/**
 * nwb_mem_fail_at() - let the @nth next allocation (1 = the next) and the
 * @repeat - 1 after it return NULL; 0 switches it off. For tests.
 */
void nwb_mem_fail_at(uint64_t nth, uint64_t repeat);

/**
 * nwb_mem_fail_pools() - let every @nth allocation that a pool needs, because it
 * is empty, return NULL; 0 switches it off. For tests and simulation. Nothing
 * else is refused memory.
 */
void nwb_mem_fail_pools(uint64_t nth);
/** nwb_mem_pool_refused() - is the one refused that a pool needs now? */
bool nwb_mem_pool_refused(void);

/**
 * struct nwb_pool - fixed-size objects, allocated and touched up front.
 *
 * Not thread-safe: the owner's lock protects it. @misses counts the gets that
 * had to allocate because the pool was empty; budgets say it must stay 0.
 */
struct nwb_pool {
	struct nwb_list free;
	size_t obj_size;
	size_t nr_total;
	size_t nr_free;
	uint64_t misses;
	void *slab;
};

/** nwb_pool_init() - @nr objects of @obj_size bytes (>= 16). 0 or -ENOMEM. */
int nwb_pool_init(struct nwb_pool *p, size_t obj_size,
		  size_t nr) nwb_must_check;
/** nwb_pool_get() - an object with unspecified content, or NULL: empty and
 * the heap refused too. */
void *nwb_pool_get(struct nwb_pool *p) nwb_must_check;
/** nwb_pool_put() - give it back. */
void nwb_pool_put(struct nwb_pool *p, void *obj);
/** nwb_pool_fini() - free all; every object must have come back. */
void nwb_pool_fini(struct nwb_pool *p);

#endif
