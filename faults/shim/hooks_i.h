/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the files of hooks share: how the real function is found, and the table
 * of fds. A hook looks up the fd in it without a lock; what is neither a
 * connection nor one of the run's files goes straight through.
 *
 *	fd table   0 not known, 1 of no interest, else pointer | kind
 *	           set by accept (connections) and by the first pwrite, fsync
 *	           or ftruncate (files, by their name in /proc/self/fd)
 */
#ifndef NWB_SHIM_HOOKS_I_H
#define NWB_SHIM_HOOKS_I_H

#include "shim_i.h"

#include <dlfcn.h>

#define EXPORT __attribute__((visibility("default")))
#define SH_FDS 65536

#define KIND_NONE 1u
#define KIND_CONN 2u
#define KIND_FILE 3u
#define KIND_MASK 3u

_Static_assert(sizeof(off_t) == 8, "64-bit offsets only");

extern _Atomic uintptr_t sh_fds[SH_FDS];
extern bool sh_on;
extern bool sh_pdus;

/* hooks_samba.c */
void sh_check_samba(struct nwb_fc_page *page);

/* Found when first called: constructors of other libraries call read and close
 * before this library's own constructor has run. */
#define REAL(ret, name, ...)                                                   \
	static _Atomic(ret(*)(__VA_ARGS__)) p_##name;                          \
	static ret (*real_##name(void))(__VA_ARGS__)                           \
	{                                                                      \
		ret (*fn)(__VA_ARGS__) =                                       \
			atomic_load_explicit(&p_##name, memory_order_relaxed); \
                                                                               \
		if (__builtin_expect(!fn, 0)) {                                \
			*(void **)&fn = dlsym(RTLD_NEXT, #name);               \
			atomic_store_explicit(&p_##name, fn,                   \
					      memory_order_relaxed);           \
		}                                                              \
		return fn;                                                     \
	}

static inline uintptr_t slot_of(int fd)
{
	if (fd < 0 || fd >= SH_FDS)
		return 0;
	return atomic_load_explicit(&sh_fds[fd], memory_order_acquire);
}

static inline struct sh_conn *conn_of(int fd)
{
	uintptr_t v = slot_of(fd);

	return (v & KIND_MASK) == KIND_CONN
		       ? (struct sh_conn *)(v & ~(uintptr_t)KIND_MASK)
		       : NULL;
}

#endif
