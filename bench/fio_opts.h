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
	const char *engine;    /* path of libnwb-fio.so; NULL: none */
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
 * bench_fio_keep_copies() - of the job file, in the directory @dir, to have it
 * with the results; with --directory it is what is run instead, and its path is
 * @file's from now on; with --engine one more, for the external engine.
 * @ret_engine: its path; empty: there is none
 */
int bench_fio_keep_copies(const struct bench_fio_opts *o,
			  struct bench_fio_file *file, const char *dir,
			  char ret_engine[4096],
			  struct nwb_err *err) nwb_must_check;

#endif
