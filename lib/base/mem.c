/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Counting allocator and pools.
 *
 *	before the window            inside the window
 *	nwb_pool_init()  ----------> get/put: pointer moves only
 *	  slab, touched              misses++ when it had to go to the heap
 *
 * Fresh memory is filled with a constant: a read of something that nobody
 * wrote gives the same wrong answer in every run, so a simulation that found
 * it once finds it again.
 */
#include "nwb/mem.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define POISON_FRESH 0xa5
#define PAGE_BYTES   4096

static _Atomic uint64_t nr_allocs;
static _Atomic uint64_t nr_frees;
/* Allocation numbers in [fail_from, fail_to) are refused; 0 = none. */
static _Atomic uint64_t fail_from;
static _Atomic uint64_t fail_to;

/* Of allocations that a pool needs, every so many is refused; 0 = none. */
static _Atomic uint64_t pool_every;
static _Atomic uint64_t pool_asked;

static bool refuse_now(uint64_t number)
{
	uint64_t from = atomic_load_explicit(&fail_from, memory_order_relaxed);

	if (!from)
		return false;
	return number >= from &&
	       number < atomic_load_explicit(&fail_to, memory_order_relaxed);
}

/* Counts the attempt; a refused one is not live. */
static bool account(void)
{
	uint64_t number =
		atomic_fetch_add_explicit(&nr_allocs, 1, memory_order_relaxed) +
		1;

	if (!refuse_now(number))
		return true;
	atomic_fetch_add_explicit(&nr_frees, 1, memory_order_relaxed);
	return false;
}

static void *checked(void *p)
{
	if (!p)
		atomic_fetch_add_explicit(&nr_frees, 1, memory_order_relaxed);
	return p;
}

void *nwb_alloc(size_t size)
{
	void *p;

	if (!account())
		return NULL;
	p = checked(malloc(size ? size : 1));
	if (p)
		memset(p, POISON_FRESH, size);
	return p;
}

void *nwb_zalloc(size_t size)
{
	void *p;

	if (!account())
		return NULL;
	p = checked(malloc(size ? size : 1));
	if (p)
		memset(p, 0, size);
	return p;
}

void *nwb_alloc_pages(size_t size)
{
	void *p;

	if (size > SIZE_MAX - PAGE_BYTES || !account())
		return NULL;
	size = NWB_ROUND_UP(size ? size : 1, (size_t)PAGE_BYTES);
	p = checked(aligned_alloc(PAGE_BYTES, size));
	if (p)
		memset(p, 0, size);
	return p;
}

void nwb_free(void *p)
{
	if (!p)
		return;
	atomic_fetch_add_explicit(&nr_frees, 1, memory_order_relaxed);
	free(p);
}

uint64_t nwb_mem_count(void)
{
	return atomic_load_explicit(&nr_allocs, memory_order_relaxed);
}

uint64_t nwb_mem_live(void)
{
	/* Frees first: the other order could see more frees than allocs. */
	uint64_t freed = atomic_load(&nr_frees);

	return atomic_load(&nr_allocs) - freed;
}

void nwb_mem_fail_pools(uint64_t nth)
{
	atomic_store(&pool_asked, 0);
	atomic_store(&pool_every, nth);
}

bool nwb_mem_pool_refused(void)
{
	uint64_t every = atomic_load(&pool_every);

	return every && (atomic_fetch_add(&pool_asked, 1) + 1) % every == 0;
}

void nwb_mem_fail_at(uint64_t nth, uint64_t repeat)
{
	uint64_t now = nwb_mem_count();

	atomic_store(&fail_from, 0);
	if (!nth)
		return;
	atomic_store(&fail_to, now + nth + repeat);
	atomic_store(&fail_from, now + nth);
}
