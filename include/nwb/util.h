/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Small things that every room uses: bounds, cleanup attributes, assertions.
 *
 * nwb_assert() stays on in benchmarks: its cost is in both arms of every
 * comparison, and a suite that judges others must not run on with a broken
 * invariant of its own.
 */
#ifndef NWB_UTIL_H
#define NWB_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NWB_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define nwb_container_of(ptr, type, member)                                    \
	((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* Names made unique, so that a minimum of a maximum shadows nothing. */
#define NWB_PASTE_(a, b) a##b
#define NWB_PASTE(a, b)	 NWB_PASTE_(a, b)
#define NWB_CHOOSE_(a, b, op, va, vb)                                          \
	({                                                                     \
		__typeof__(a) va = (a);                                        \
		__typeof__(b) vb = (b);                                        \
		va op vb ? va : vb;                                            \
	})
#define nwb_min(a, b)                                                          \
	NWB_CHOOSE_(a, b, <, NWB_PASTE(nwb_a_, __COUNTER__),                   \
		    NWB_PASTE(nwb_b_, __COUNTER__))
#define nwb_max(a, b)                                                          \
	NWB_CHOOSE_(a, b, >, NWB_PASTE(nwb_a_, __COUNTER__),                   \
		    NWB_PASTE(nwb_b_, __COUNTER__))

#define NWB_DIV_ROUND_UP(n, d)	 (((n) + (d)-1) / (d))
#define NWB_ROUND_DOWN(n, align) ((n) / (align) * (align))
#define NWB_ROUND_UP(n, align)	 (NWB_DIV_ROUND_UP(n, align) * (align))

#define nwb_must_check	 __attribute__((warn_unused_result))
#define nwb_printf(f, a) __attribute__((format(printf, f, a)))
#define nwb_cleanup(fn)	 __attribute__((cleanup(fn)))
#define nwb_unused	 __attribute__((unused))

/* Times are nanoseconds of the executor's clock; this one never comes. */
#define NWB_NEVER UINT64_MAX
#define NWB_USEC  1000ull
#define NWB_MSEC  1000000ull
#define NWB_SEC	  1000000000ull

#define NWB_KIB 1024ull
#define NWB_MIB (1024ull * 1024)

/**
 * nwb_splitmix64() - the next number of a sequence that its seed decides
 * (splitmix64: Steele, Lea, Flood 2014). Spreads a poor seed over all bits.
 * @state: the seed, then what the last call left
 *
 * Context: any; the caller keeps threads apart.
 */
static inline uint64_t nwb_splitmix64(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

/**
 * nwb_assert_fail() - report a broken invariant and abort.
 * @expr: the expression as text
 * @file: source file
 * @line: source line
 *
 * Context: any thread. Does not return.
 */
void nwb_assert_fail(const char *expr, const char *file, int line)
	__attribute__((noreturn));

#define nwb_assert(expr)                                                       \
	do {                                                                   \
		if (__builtin_expect(!(expr), 0))                              \
			nwb_assert_fail(#expr, __FILE__, __LINE__);            \
	} while (0)

#endif
