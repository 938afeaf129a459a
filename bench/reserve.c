/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See reserve.h. */
#include "reserve.h"

#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096ul
/* Of a run, whatever it writes: a small cache, buffers, the ledger. */
#define BASE (256 * NWB_MIB)

static uint64_t nr_bytes;

void bench_reserve(unsigned int runs, uint64_t bytes)
{
	long nr_free = sysconf(_SC_AVPHYS_PAGES);
	uint64_t room = (uint64_t)nwb_max(nr_free, 0l) * PAGE / 2;
	uint64_t size = nwb_min(2 * runs * (3 * bytes + BASE), room);
	uint8_t *mem;

	size -= size % (2 * PAGE);
	if (nr_bytes || !size)
		return;
	mem = mmap(NULL, size, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mem == MAP_FAILED)
		return;
	nr_bytes = size;
	/* page by page, and ours alone: a child must not hold what we free */
	(void)madvise(mem, size, MADV_NOHUGEPAGE);
	(void)madvise(mem, size, MADV_DONTFORK);
	for (size_t at = 0; at < size; at += PAGE)
		*(volatile uint8_t *)(mem + at) = 1;
	for (size_t at = 0; at < size; at += 2 * PAGE)
		(void)madvise(mem + at, PAGE, MADV_DONTNEED);
}

uint64_t bench_reserve_bytes(void)
{
	return nr_bytes;
}
