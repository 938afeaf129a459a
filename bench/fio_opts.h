/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line of `netwb bench JOB.fio`. */
#ifndef NWB_BENCH_FIO_OPTS_H
#define NWB_BENCH_FIO_OPTS_H

#include "fio_i.h"

#define BENCH_FIO_SUBJECTS 8
#define BENCH_FIO_SERVERS  3

struct bench_fio_opts {
	struct bench_cli cli; /* plan, seed, out, isolation */
	const char *job;
	const char *fault; /* --fault; NULL: none */
	const struct bench_fio_subject *subject[BENCH_FIO_SUBJECTS];
	unsigned int nr_subjects;
	const char *server[BENCH_FIO_SERVERS];
	unsigned int nr_servers;
	unsigned int pairs;
	unsigned int time_s;
	uint64_t limit_ns;
	const char *directory; /* instead of the job's; NULL: as it says */
};

/**
 * bench_fio_opts() - read them.
 * Return: 0; 1: help was printed; -EINVAL: said what is wrong.
 */
int bench_fio_opts(struct bench_fio_opts *o, int argc, char **argv);
/** bench_fio_opts_check() - read plan and job file, and whether the directories
 * that it names are there. */
int bench_fio_opts_check(struct bench_fio_opts *o, struct bench_fio_file *file,
			 struct nwb_err *err) nwb_must_check;
/**
 * bench_fio_keep_copy() - with --directory: the copy that is run instead,
 * in the directory @dir; @file's path is its from now on.
 */
int bench_fio_keep_copy(const struct bench_fio_opts *o,
			struct bench_fio_file *file, const char *dir,
			struct nwb_err *err) nwb_must_check;

#endif
