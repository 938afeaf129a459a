/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The options of `netwb compare` and `netwb gate`. */
#ifndef NWB_BENCH_GATE_CLI_H
#define NWB_BENCH_GATE_CLI_H

#include "gate_i.h"

struct gate_cli {
	const char *cases;    /* globs */
	const char *servers;  /* comma separated */
	const char *baseline; /* gate */
	const char *plant;
	const char *record_noise;
	const char *out;
	const char *both;
	uint64_t budget_ns;
	uint64_t seed;
	uint64_t bytes;	     /* of each run; 0: the case's */
	uint64_t turn_bytes; /* 0: GATE_TURN_BYTES */
	unsigned int pairs;  /* 0: sequential */
	struct bench_shard shard;
	bool has_pairs;
	bool has_cover, is_list, no_control, record_baseline;
};

/**
 * gate_cli_parse() - read options. @is_gate: of which of the two commands.
 * Return: index of the first operand; -1: said what is wrong (exit 3); -2:
 * help was printed (exit 0).
 */
int gate_cli_parse(struct gate_cli *c, int argc, char **argv, bool is_gate,
		   const char *about);
/** gate_cli_apply() - options that both commands have, into @o. */
int gate_cli_apply(const struct gate_cli *c, struct gate_opts *o,
		   struct nwb_err *err) nwb_must_check;
/** gate_cli_list() - print the cases. */
void gate_cli_list(const struct gate_cases *c);

#endif
