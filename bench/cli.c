/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See cli.h. */
#include "cli.h"

#include <stdio.h>

void bench_options_help(const struct bench_option *row, unsigned int nr,
			unsigned int groups)
{
	for (unsigned int i = 0; i < nr; i++) {
		char left[40];

		if (!(row[i].groups & groups))
			continue;
		snprintf(left, sizeof(left), "--%s%s%s", row[i].opt.name,
			 row[i].arg && row[i].opt.has_arg != 2 ? " " : "",
			 row[i].arg ? row[i].arg : "");
		printf("  %-18s %s\n", left, row[i].help);
	}
}

void bench_options_long(const struct bench_option *row, unsigned int nr,
			unsigned int groups, struct option *ret)
{
	for (unsigned int i = 0; i < nr; i++)
		if (row[i].groups & groups)
			*ret++ = row[i].opt;
}

int bench_bad_value(const char *opt, const char *value, const char *want)
{
	fprintf(stderr, "netwb: --%s %s: %s\n", opt, value, want);
	return -1;
}

int bench_bad_option(const char *command)
{
	fprintf(stderr, "netwb: `netwb %s --help` lists the options\n",
		command);
	return -1;
}
