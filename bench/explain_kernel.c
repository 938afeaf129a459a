/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netwb explain, for a run whose client was a kernel: beside X.ledger lie
 * X.trace.gz, what its tracepoints said, and X.stat, what its counters grew by.
 */
#include "bench_i.h"

#include "nwb/ktrace.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LEDGER_END ".ledger"
#define TOLD_MAX   400 /* lines; the trace itself has the rest */

static void put(void *arg, const char *line)
{
	unsigned int *told = arg;

	if ((*told)++ < TOLD_MAX)
		puts(line);
}

/* Return: whether the file is there. */
static bool beside(const char *ledger, const char *end, char *path, size_t size)
{
	size_t n = strlen(ledger), cut = strlen(LEDGER_END);

	if (n > cut && !strcmp(ledger + n - cut, LEDGER_END))
		n -= cut;
	snprintf(path, size, "%.*s%s", (int)n, ledger, end);
	return !access(path, R_OK);
}

static int tell_trace(const char *path, uint64_t off)
{
	struct nwb_err err = {0};
	unsigned int told = 0;
	char *p = NULL;
	size_t n = 0;
	long nr;
	int rc = nwb_ktext_load(path, &p, &n, &err);

	if (rc) {
		fprintf(stderr, "netwb: %s\n", err.text);
		return NWB_EXIT_USAGE;
	}
	printf("\nthe kernel, ms by its own clock since its first event\n");
	nr = nwb_ktrace_tell((struct nwb_ktext){p, n}, 0, off, put, &told);
	free(p);
	if (nr < 0) {
		fprintf(stderr, "netwb: %s: %s\n", path, strerror((int)-nr));
		return NWB_EXIT_BROKEN;
	}
	if (!nr)
		puts("  its trace does not mention this byte");
	else if (told > TOLD_MAX)
		printf("  ... and %u more in %s\n", told - TOLD_MAX, path);
	return NWB_EXIT_OK;
}

static int tell_counters(const char *path)
{
	struct nwb_err err = {0};
	char *p = NULL;
	size_t n = 0;

	if (nwb_ktext_load(path, &p, &n, &err)) {
		fprintf(stderr, "netwb: %s\n", err.text);
		return NWB_EXIT_USAGE;
	}
	printf("\nthe kernel's counters, by how much they have changed\n");
	for (size_t i = 0, start = 0; i < n; i++) {
		if (p[i] != '\n')
			continue;
		printf("  %.*s\n", (int)(i - start), p + start);
		start = i + 1;
	}
	free(p);
	return NWB_EXIT_OK;
}

int bench_explain_kernel(const char *ledger, uint64_t off)
{
	char path[4300];
	int rc = NWB_EXIT_OK;

	if (beside(ledger, ".trace.gz", path, sizeof(path)))
		rc = tell_trace(path, off);
	if (!rc && beside(ledger, ".stat", path, sizeof(path)))
		rc = tell_counters(path);
	return rc;
}
