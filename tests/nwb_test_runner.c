/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The sequential runner behind nwb_test.h under ThreadSanitizer: runs every
 * registered test of the program in this process, in order of suite and name.
 */
#include "nwb_test.h"

#include <setjmp.h>
#include <stdlib.h>

static struct nwb_test_case *all;
static jmp_buf escape;

void nwb_test_register(struct nwb_test_case *tc)
{
	struct nwb_test_case **at = &all;

	while (*at && (strcmp((*at)->suite, tc->suite) < 0 ||
		       (!strcmp((*at)->suite, tc->suite) &&
			strcmp((*at)->name, tc->name) < 0)))
		at = &(*at)->next;
	tc->next = *at;
	*at = tc;
}

void nwb_test_fail(const char *file, int line, const char *text)
{
	fprintf(stderr, "%s:%d: %s\n", file, line, text);
	longjmp(escape, 1);
}

void nwb_test_skip(const char *reason)
{
	fprintf(stderr, "skipped: %s\n", reason);
	longjmp(escape, 2);
}

int main(void)
{
	/* static: they live across setjmp */
	static unsigned int passed, failed, skipped;
	static struct nwb_test_case *tc;

	for (tc = all; tc; tc = tc->next) {
		int how = setjmp(escape);

		if (how == 0) {
			tc->fn();
			passed++;
		} else if (how == 1) {
			fprintf(stderr, "FAIL %s::%s\n", tc->suite, tc->name);
			failed++;
		} else {
			skipped++;
		}
	}
	printf("%u passed, %u failed, %u skipped\n", passed, failed, skipped);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
