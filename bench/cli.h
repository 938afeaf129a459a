/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What commands with tables of options share: rows, help, complaints. */
#ifndef NWB_BENCH_CLI_H
#define NWB_BENCH_CLI_H

#include <getopt.h>

/**
 * struct bench_option - one row.
 * @groups: the commands that have it, one bit each
 * @arg: what the help calls its value; NULL: it has none
 */
struct bench_option {
	struct option opt;
	unsigned int groups;
	const char *arg;
	const char *help;
};

/** bench_options_help() - print the rows of @groups. */
void bench_options_help(const struct bench_option *row, unsigned int nr,
			unsigned int groups);
/** bench_options_long() - those rows for getopt_long(). @ret: @nr + 1 of them,
 * all zero before. */
void bench_options_long(const struct bench_option *row, unsigned int nr,
			unsigned int groups, struct option *ret);
/** bench_bad_value() - say so on stderr. Return: -1. */
int bench_bad_value(const char *opt, const char *value, const char *want);
/** bench_bad_option() - say where @command's options are listed. Return: -1. */
int bench_bad_option(const char *command);

#endif
