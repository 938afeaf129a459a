/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nwb/mem.h"

#include "nwb_test.h"

#include <errno.h>

NWB_TEST(mem, fresh_memory_is_poisoned_or_zero)
{
	uint8_t *p = nwb_alloc(100), *z = nwb_zalloc(100);
	uint8_t *pages = nwb_alloc_pages(5000);

	nwb_check(p && z && pages);
	for (int i = 0; i < 100; i++) {
		nwb_check_eq(p[i], 0xa5);
		nwb_check_eq(z[i], 0);
	}
	nwb_check_eq((uintptr_t)pages % 4096, 0);
	for (int i = 0; i < 5000; i++)
		nwb_check_eq(pages[i], 0);
	nwb_free(p);
	nwb_free(z);
	nwb_free(pages);
	nwb_free(NULL);
}

NWB_TEST(mem, every_allocation_counts)
{
	uint64_t count = nwb_mem_count(), live = nwb_mem_live();
	void *a = nwb_alloc(0), *b = nwb_zalloc(1), *c = nwb_alloc_pages(1);

	nwb_check(a && b && c);
	nwb_check_eq(nwb_mem_count(), count + 3);
	nwb_check_eq(nwb_mem_live(), live + 3);
	nwb_free(a);
	nwb_free(b);
	nwb_free(c);
	nwb_check_eq(nwb_mem_count(), count + 3);
	nwb_check_eq(nwb_mem_live(), live);
}

NWB_TEST(mem, fails_exactly_where_told)
{
	uint64_t live = nwb_mem_live();

	for (uint64_t nth = 1; nth <= 5; nth++) {
		void *got[8];

		nwb_mem_fail_at(nth, 2);
		for (unsigned int i = 0; i < 8; i++) {
			bool refused = i + 1 == nth || i + 1 == nth + 1;

			got[i] = i % 3 == 0   ? nwb_alloc(8)
				 : i % 3 == 1 ? nwb_zalloc(8)
					      : nwb_alloc_pages(8);
			nwb_check_eq(got[i] == NULL, refused);
		}
		for (unsigned int i = 0; i < 8; i++)
			nwb_free(got[i]);
	}
	nwb_mem_fail_at(1, UINT64_MAX / 2);
	nwb_check(!nwb_alloc(8));
	nwb_check(!nwb_alloc(8));
	nwb_mem_fail_at(0, 0);
	nwb_check_eq(nwb_mem_live(), live);
}

NWB_TEST(pool, serves_its_objects_without_allocating)
{
	struct nwb_pool p;
	char *obj[10];
	uint64_t count;

	nwb_check_eq(nwb_pool_init(&p, 33, 10), 0);
	nwb_check_eq(p.nr_free, 10);
	count = nwb_mem_count();
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 10; i++) {
			obj[i] = nwb_pool_get(&p);
			nwb_check(obj[i]);
			nwb_check_eq((uintptr_t)obj[i] % 16, 0);
			memset(obj[i], i, 33);
		}
		nwb_check_eq(p.nr_free, 0);
		for (int i = 0; i < 10; i++) {
			for (int b = 0; b < 33; b++)
				nwb_check_eq(obj[i][b], i);
			nwb_pool_put(&p, obj[i]);
		}
	}
	nwb_check_eq(nwb_mem_count(), count);
	nwb_check_eq(p.misses, 0);
	nwb_pool_fini(&p);
}

NWB_TEST(pool, counts_misses_and_survives_refusals)
{
	uint64_t live = nwb_mem_live();
	struct nwb_pool p;
	void *a, *b;

	nwb_mem_fail_at(1, 1);
	nwb_check_eq(nwb_pool_init(&p, 64, 1), -ENOMEM);
	nwb_mem_fail_at(0, 0);
	nwb_check_eq(nwb_pool_init(&p, 64, SIZE_MAX / 32), -ENOMEM);
	nwb_check_eq(nwb_pool_init(&p, 64, 1), 0);
	a = nwb_pool_get(&p);
	nwb_mem_fail_at(1, 1);
	nwb_check(!nwb_pool_get(&p));
	b = nwb_pool_get(&p);
	nwb_mem_fail_at(0, 0);
	nwb_check(a && b);
	nwb_check_eq(p.misses, 2);
	nwb_pool_put(&p, b);
	nwb_pool_put(&p, a);
	nwb_check_eq(p.nr_free, 1);
	nwb_pool_fini(&p);
	nwb_check_eq(nwb_mem_live(), live);
	/* A pool of nothing goes to the heap each time. */
	nwb_check_eq(nwb_pool_init(&p, 16, 0), 0);
	a = nwb_pool_get(&p);
	nwb_check(a);
	nwb_pool_put(&p, a);
	nwb_pool_fini(&p);
	nwb_check_eq(nwb_mem_live(), live);
}

NWB_TEST(pool, heap_that_refuses_every_third)
{
	uint64_t live = nwb_mem_live();
	struct nwb_pool p;
	void *got[7];

	nwb_check_eq(nwb_pool_init(&p, 64, 1), 0);
	nwb_mem_fail_pools(3);
	for (unsigned int i = 0; i < 7; i++) {
		/* the first is the pool's own; nobody else is refused */
		void *other = nwb_alloc(8);

		got[i] = nwb_pool_get(&p);
		nwb_check_eq(got[i] == NULL, i == 3 || i == 6);
		nwb_check(other);
		nwb_free(other);
	}
	nwb_mem_fail_pools(0);
	for (unsigned int i = 0; i < 7; i++)
		if (got[i])
			nwb_pool_put(&p, got[i]);
	nwb_pool_fini(&p);
	nwb_check_eq(nwb_mem_live(), live);
}
