/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A page cache that lies, preloaded into `netwb host-work`: the write that
 * NWB_LOSE names (1 = the first) is said to be done, and is not.
 */
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/* With 64-bit offsets, which meson asks for, the symbol is pwrite64. */
ssize_t pwrite(int fd, const void *buf, size_t len, off_t off)
{
	static unsigned int nr;
	const char *lose = getenv("NWB_LOSE");

	if (lose && ++nr == (unsigned int)atoi(lose))
		return (ssize_t)len;
	return syscall(SYS_pwrite64, fd, buf, len, off);
}
