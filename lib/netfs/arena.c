/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pages in one block of memory that was touched when it was made.
 *
 *	used    1111 1111 1111 0000 0000 0011     one bit a page
 *	                       ^ cursor           next fit, wraps around
 *
 * Runs are powers of two and aligned to themselves within the arena. Next fit
 * gives a sequential writer ascending neighbours even when his folios are
 * single pages, so that a subrequest of many folios has few segments; and as
 * folios are reclaimed in the order in which they became clean, the arena
 * turns over like a ring.
 */
#include "internal.h"

int nwb_arena_init(struct nwb_arena *a, uint64_t bytes)
{
	memset(a, 0, sizeof(*a));
	a->nr_words = (size_t)NWB_DIV_ROUND_UP(bytes, 64ull * NWB_PAGE_SIZE);
	a->nr_pages = a->nr_words * 64;
	a->nr_free = a->nr_pages;
	a->mem = nwb_alloc_pages(a->nr_pages * NWB_PAGE_SIZE);
	a->used = nwb_zalloc(a->nr_words * sizeof(*a->used));
	if (a->mem && a->used)
		return 0;
	nwb_arena_fini(a);
	return -ENOMEM;
}

void nwb_arena_fini(struct nwb_arena *a)
{
	nwb_free(a->mem);
	nwb_free(a->used);
	memset(a, 0, sizeof(*a));
}

/* The first free aligned run of @n <= 64 pages in one word, or -1. */
static int find_in_word(uint64_t used, unsigned int n)
{
	uint64_t mask;

	if (used == UINT64_MAX)
		return -1;
	if (n == 1)
		return __builtin_ctzll(~used);
	mask = n == 64 ? UINT64_MAX : (1ull << n) - 1;
	for (unsigned int bit = 0; bit < 64; bit += n)
		if (!(used & (mask << bit)))
			return (int)bit;
	return -1;
}

static bool are_words_free(const struct nwb_arena *a, size_t word, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (a->used[word + i])
			return false;
	return true;
}

static uint8_t *get_words(struct nwb_arena *a, size_t n)
{
	size_t groups = a->nr_words / n;
	size_t at = a->cursor / n;

	for (size_t i = 0; i < groups; i++, at++) {
		size_t word = at % groups * n;

		if (!are_words_free(a, word, n))
			continue;
		memset(&a->used[word], 0xff, n * sizeof(*a->used));
		a->nr_free -= n * 64;
		a->cursor = (word + n) % a->nr_words;
		return a->mem + word * 64 * NWB_PAGE_SIZE;
	}
	return NULL;
}

/**
 * nwb_arena_get() - a run of pages.
 * @nr_pages: power of two
 *
 * Return: memory, or NULL when no such run is free.
 */
uint8_t *nwb_arena_get(struct nwb_arena *a, size_t nr_pages)
{
	size_t word = a->cursor;
	uint64_t mask;

	nwb_assert(nr_pages && !(nr_pages & (nr_pages - 1)));
	if (nr_pages == 1 && a->used[word] != UINT64_MAX) {
		int bit = find_in_word(a->used[word], 1);

		a->used[word] |= 1ull << bit;
		a->nr_free--;
		return a->mem + (word * 64 + (size_t)bit) * NWB_PAGE_SIZE;
	}
	if (a->nr_free < nr_pages)
		return NULL;
	if (nr_pages > 64)
		return get_words(a, nr_pages / 64);
	mask = nr_pages == 64 ? UINT64_MAX : (1ull << nr_pages) - 1;
	for (size_t i = 0; i < a->nr_words; i++) {
		int bit = find_in_word(a->used[word], (unsigned int)nr_pages);

		if (bit >= 0) {
			a->used[word] |= mask << bit;
			a->nr_free -= nr_pages;
			a->cursor = word;
			return a->mem +
			       (word * 64 + (size_t)bit) * NWB_PAGE_SIZE;
		}
		word = word + 1 == a->nr_words ? 0 : word + 1;
	}
	return NULL;
}

/** nwb_arena_put() - give back what nwb_arena_get() gave. */
void nwb_arena_put(struct nwb_arena *a, uint8_t *mem, size_t nr_pages)
{
	size_t page = (size_t)(mem - a->mem) / NWB_PAGE_SIZE;
	size_t word = page / 64;
	uint64_t mask = nr_pages >= 64
				? UINT64_MAX
				: ((1ull << nr_pages) - 1) << (page % 64);

	nwb_assert(page + nr_pages <= a->nr_pages);
	a->nr_free += nr_pages;
	do {
		nwb_assert((a->used[word] & mask) == mask);
		a->used[word++] &= ~mask;
		nr_pages -= nwb_min(nr_pages, (size_t)64);
	} while (nr_pages);
}
