/* SPDX-License-Identifier: GPL-2.0-or-later */
/* judge-text FILE [FLIP]: judge a hand-made ledger and print what was found. */
#include "ledger_text.h"

#include <stdio.h>
#include <stdlib.h>

static struct text_ledger ledger;

int main(int argc, char **argv)
{
	static char text[8192];
	struct nwb_judgement j;
	int rc;

	if (argc < 2) {
		fprintf(stderr, "usage: judge-text FILE [FLIP]\n");
		return 2;
	}
	if (text_load(&ledger, argv[1],
		      argc > 2 ? (unsigned int)atoi(argv[2]) : 0)) {
		fprintf(stderr, "%s: %s\n", argv[1], ledger.error);
		return 2;
	}
	rc = text_judge(&ledger, &j, text, sizeof(text));
	if (*ledger.flip_line)
		printf("%s\n", ledger.flip_line);
	printf("%s\n%s\n", text, rc ? "NOT AS WANTED" : "as wanted");
	return rc ? 1 : 0;
}
