/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The part of a fuzzer that is the same in all: writing the first corpus. */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>

static const char *seed_dir;
static unsigned int nr_seeds;

void fuzz_seed(const void *p, size_t n)
{
	char path[4200];
	FILE *f;

	snprintf(path, sizeof(path), "%s/seed-%03u", seed_dir, nr_seeds++);
	f = fopen(path, "we");
	if (!f || fwrite(p, 1, n, f) != n || fclose(f)) {
		perror(path);
		exit(2);
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	if (*argc != 3 || strcmp((*argv)[1], "--seeds") != 0)
		return 0;
	seed_dir = (*argv)[2];
	fuzz_seeds();
	exit(0);
}
