/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A library for the tests to preload: its constructor counts in the shared
 * page how often and into what it was loaded, and leaves a durable copy as
 * the real shim does after an fsync.
 */
#include "probe_shim.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void leave_copy(const char *dir)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/synced", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0 || write(fd, "durable", 7) != 7)
		abort();
	close(fd);
}

__attribute__((constructor)) static void loaded(void)
{
	const char *ctl = getenv("NWB_SHIM_CTL_FD");
	const char *ledger = getenv("NWB_SHIM_LEDGER_FD");
	const char *durable = getenv("NWB_SHIM_DURABLE");
	struct probe_page *page;

	if (!ctl)
		return;
	page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED,
		    atoi(ctl), 0);
	if (page == MAP_FAILED)
		abort();
	close(atoi(ctl));
	page->loads++;
	snprintf(page->name, sizeof(page->name), "%s",
		 program_invocation_short_name);
	if (ledger && write(atoi(ledger), "L", 1) == 1)
		page->ledger_writes++;
	if (durable)
		leave_copy(durable);
	munmap(page, sizeof(*page));
}
