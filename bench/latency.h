/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netwb latency: at which rate does it still keep up, and what is the latency
 * at a share of that rate.
 *
 *	closed loop of A ──► X
 *	open-loop steps of A, around X ──► knee: the largest rate that is kept
 *	50, 70, 90 % of it (or the rates given) x {A, B} x pairs, the order
 *	inside a pair random ──► figures
 *
 * A and B get the same absolute rates: a share of its own knee would hide that
 * one of them is slower.
 */
#ifndef NWB_BENCH_LATENCY_H
#define NWB_BENCH_LATENCY_H

#include "session.h"

#define LATENCY_RATES 8u
/* Payload is stamped in memory before each run. */
#define LATENCY_BYTES_MAX (512 * NWB_MIB)

/**
 * struct latency_opts - what `netwb latency` was asked for.
 * @argc, @argv: what is left for bench_cli_parse(); argv[0] is the command
 * @rate, @nr_rates: operations a second; 0 of them: find the knee
 * @block: bytes of an operation; 0: of the shape
 * @ops: operations of a figure; 0: of two seconds, 10,000 at least
 * @against: side B, or -1: there is none
 */
struct latency_opts {
	int argc;
	char *argv[256];
	uint64_t rate[LATENCY_RATES];
	unsigned int nr_rates;
	uint32_t block;
	uint64_t ops;
	unsigned int outstanding;
	unsigned int fsync_every;
	unsigned int pairs;
	bool is_poisson;
	int against;
};

/** latency_opts_parse() - take out what is latency's own. Return: 0; -EINVAL:
 * said what is wrong. */
int latency_opts_parse(struct latency_opts *l, int argc,
		       char **argv) nwb_must_check;
/** latency_opts_about() - @about and latency's own options, as help text. */
void latency_opts_about(const char *about, char *buf, size_t size);

/* One run at one rate, as far as the table needs it. */
struct latency_figure {
	uint64_t rate;
	unsigned int share; /* percent of the knee; 0: none */
	unsigned int side;  /* 0: A */
	bool is_measured;
	uint64_t n, refused, unfinished, not_durable, errors;
	uint64_t lag_max, backlog_max;
	double achieved;
	double response[4]; /* ns: p50, p99, p99.9, max; NAN: too few */
	double service_p99;
	double durable[2]; /* p50, p99 */
};

#define LATENCY_FIGURES (LATENCY_RATES * 2 * 64)

struct latency {
	struct latency_opts l;
	struct bench_cli cli;
	struct bench_session s;
	struct nwb_workload_desc shape;
	char shape_name[32];
	const char *base_shape; /* on the command line */
	enum nwb_subject_kind kind[2];
	unsigned int nr_sides;
	uint64_t rnd;
	unsigned int order;
	uint64_t closed; /* X, operations a second */
	uint64_t knee;
	unsigned int nr_steps;
	struct latency_figure fig[LATENCY_FIGURES];
	unsigned int nr_figs;
	char server_version[64];
};

/** latency_tell() - the table. */
void latency_tell(const struct latency *t);

#endif
