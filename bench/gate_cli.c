/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See gate_cli.h. */
#include "gate_cli.h"
#include "cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define COMPARE 1u
#define GATE	2u

enum {
	OPT_CASES = 256,
	OPT_SERVERS,
	OPT_PAIRS,
	OPT_BUDGET,
	OPT_SEED,
	OPT_OUT,
	OPT_COVER,
	OPT_LIST,
	OPT_NO_CONTROL,
	OPT_PLANT,
	OPT_BASELINE,
	OPT_RECORD_BASELINE,
	OPT_RECORD_NOISE,
	OPT_WRITE,
	OPT_TURN,
	OPT_BOTH,
	OPT_SHARD,
};

static const struct bench_option options[] = {
	{{"baseline", 1, NULL, OPT_BASELINE},
	 GATE,
	 "WHAT",
	 "A: rev:REF or build:PATH (default: what was recorded,\n"
	 "                     else the last release tag)"},
	{{"record-baseline", 0, NULL, OPT_RECORD_BASELINE},
	 GATE,
	 NULL,
	 "keep this build as the baseline from now on; no run"},
	{{"cases", 1, NULL, OPT_CASES},
	 COMPARE | GATE,
	 "GLOB,...",
	 "only cases whose name fits, e.g. 'smbd.*'"},
	{{"servers", 1, NULL, OPT_SERVERS},
	 COMPARE,
	 "NAME,...",
	 "the published experiment (1 KiB, 4 KiB, 1 MiB writes) on\n"
	 "                     these: smbd, diod, ganesha, fake, fake-9p"},
	{{"write", 1, NULL, OPT_WRITE},
	 COMPARE | GATE,
	 "SIZE",
	 "bytes of each run (K, M, G), and part of the cases' names"},
	{{"pairs", 1, NULL, OPT_PAIRS},
	 COMPARE | GATE,
	 "N|sequential",
	 "pairs of each case, at most 64; below 8 nothing can be\n"
	 "                     decided (default: looks at 10 ... 40)"},
	{{"budget", 1, NULL, OPT_BUDGET},
	 COMPARE | GATE,
	 "TIME",
	 "plan the looks to fit (90s, 25m; gate: default 25m)"},
	{{"seed", 1, NULL, OPT_SEED},
	 COMPARE | GATE,
	 "N",
	 "of order, data and environment (default: a new one)"},
	{{"out", 1, NULL, OPT_OUT},
	 COMPARE | GATE,
	 "DIR",
	 "results go to a new directory in DIR (default results);\n"
	 "                     earlier ones there are the history"},
	{{"cover", 0, NULL, OPT_COVER},
	 COMPARE,
	 NULL,
	 "end with a block for a patch's cover letter"},
	{{"plant", 1, NULL, OPT_PLANT},
	 COMPARE | GATE,
	 "WHAT",
	 "make B worse on purpose: cpu=15% or throughput=-25%"},
	{{"turn", 1, NULL, OPT_TURN},
	 COMPARE | GATE,
	 "SIZE",
	 "bytes of a turn, which ends with fsync (default 16M)"},
	{{"both", 1, NULL, OPT_BOTH},
	 COMPARE,
	 "OPTIONS",
	 "of `netwb run` for both sides, e.g. '--sign=gmac --soft'"},
	{{"no-control", 0, NULL, OPT_NO_CONTROL},
	 COMPARE | GATE,
	 NULL,
	 "no A/A control: nothing says whether it is usable"},
	{{"shard", 1, NULL, OPT_SHARD},
	 COMPARE | GATE,
	 "K/N",
	 "only the K-th of N parts of the cases; see `netwb merge`"},
	{{"record-noise", 1, NULL, OPT_RECORD_NOISE},
	 GATE,
	 "FILE",
	 "this build against itself; the pairs' ln ratios to FILE"},
	{{"list", 0, NULL, OPT_LIST}, COMPARE | GATE, NULL, "print the cases"},
	{{"help", 0, NULL, 'h'}, COMPARE | GATE, NULL, "this text"},
};

static int parse_nr(const char *s, uint64_t max, uint64_t *ret,
		    const char **ret_end)
{
	char *end;

	if (*s < '0' || *s > '9')
		return -EINVAL;
	errno = 0;
	*ret = strtoull(s, &end, 10);
	*ret_end = end;
	return errno || *ret > max ? -EINVAL : 0;
}

static int set_pairs(struct gate_cli *c, const char *v)
{
	const char *end;
	uint64_t n;

	c->has_pairs = true;
	c->pairs = 0;
	if (!strcmp(v, "sequential"))
		return 0;
	if (parse_nr(v, NWB_PAIRS_MAX, &n, &end) || *end || !n)
		return bench_bad_value("pairs", v, "1 to 64, or sequential");
	c->pairs = (unsigned int)n;
	return 0;
}

static int set_budget(struct gate_cli *c, const char *v)
{
	const char *end;
	uint64_t n, unit = 1;

	if (parse_nr(v, 100000, &n, &end) || !n)
		return bench_bad_value("budget", v, "a time: 90s, 25m, 2h");
	if (!strcmp(end, "m"))
		unit = 60;
	else if (!strcmp(end, "h"))
		unit = 3600;
	else if (strcmp(end, "s") != 0 && *end)
		return bench_bad_value("budget", v, "a time: 90s, 25m, 2h");
	c->budget_ns = n * unit * NWB_SEC;
	return 0;
}

static int set_plant(struct gate_cli *c, const char *v)
{
	struct bench_plant p;

	if (bench_plant_parse(v, &p) || strlen(v) >= 60)
		return bench_bad_value("plant", v,
				       "cpu=15% or throughput=-25%");
	c->plant = v;
	return 0;
}

static int set_option(struct gate_cli *c, int opt, const char *v)
{
	const char *end;

	switch (opt) {
	case OPT_CASES:
		c->cases = v;
		return 0;
	case OPT_SERVERS:
		c->servers = v;
		return 0;
	case OPT_PAIRS:
		return set_pairs(c, v);
	case OPT_BUDGET:
		return set_budget(c, v);
	case OPT_SEED:
		return parse_nr(v, UINT64_MAX, &c->seed, &end) || *end
			       ? bench_bad_value("seed", v, "not a number")
			       : 0;
	case OPT_SHARD:
		return bench_shard_parse(v, &c->shard)
			       ? bench_bad_value("shard", v,
						 "K/N, 1 <= K <= N <= 1000")
			       : 0;
	case OPT_WRITE:
		return gate_parse_bytes(v, &c->bytes)
			       ? bench_bad_value("write", v,
						 "a size: 4M, 64M, 1G")
			       : 0;
	case OPT_TURN:
		/* an fsync each, and there is nothing but fsyncs */
		return gate_parse_bytes(v, &c->turn_bytes) ||
				       c->turn_bytes < 256 * NWB_KIB
			       ? bench_bad_value(
					 "turn", v,
					 "a size from 256K on: 16M, 64M")
			       : 0;
	case OPT_BOTH:
		if (strlen(v) >= GATE_BOTH_MAX)
			return bench_bad_value("both", v, "too long");
		c->both = v;
		return 0;
	case OPT_OUT:
		c->out = v;
		return 0;
	case OPT_COVER:
		c->has_cover = true;
		return 0;
	case OPT_LIST:
		c->is_list = true;
		return 0;
	case OPT_NO_CONTROL:
		c->no_control = true;
		return 0;
	case OPT_PLANT:
		return set_plant(c, v);
	case OPT_BASELINE:
		c->baseline = v;
		return 0;
	case OPT_RECORD_BASELINE:
		c->record_baseline = true;
		return 0;
	default:
		c->record_noise = v;
		return 0;
	}
}

int gate_cli_parse(struct gate_cli *c, int argc, char **argv, bool is_gate,
		   const char *about)
{
	struct option opts[NWB_ARRAY_SIZE(options) + 1] = {0};
	unsigned int of = is_gate ? GATE : COMPARE;
	int opt;

	bench_options_long(options, NWB_ARRAY_SIZE(options), of, opts);
	*c = (struct gate_cli){.budget_ns = is_gate ? 25 * 60 * NWB_SEC : 0};
	if (getrandom(&c->seed, sizeof(c->seed), 0) != sizeof(c->seed))
		c->seed = gate_now_ns();
	c->seed = (uint32_t)c->seed; /* short enough to be typed again */
	optind = 1;
	while ((opt = getopt_long(argc, argv, "h", opts, NULL)) != -1) {
		if (opt == 'h') {
			printf("usage: netwb %s%s [OPTIONS]\n\n%s\n\n", argv[0],
			       is_gate ? "" : " A B", about);
			bench_options_help(options, NWB_ARRAY_SIZE(options),
					   of);
			return -2;
		}
		if (opt == '?')
			return bench_bad_option(argv[0]);
		if (set_option(c, opt, optarg))
			return -1;
	}
	return optind;
}

int gate_cli_apply(const struct gate_cli *c, struct gate_opts *o,
		   struct nwb_err *err)
{
	o->pairs = c->pairs;
	o->budget_ns = c->budget_ns;
	o->seed = c->seed;
	o->out = c->out;
	o->has_cover = c->has_cover;
	o->no_control = c->no_control;
	if (c->plant)
		snprintf(o->b.plant_word, sizeof(o->b.plant_word), "%s",
			 c->plant);
	if (c->bytes)
		gate_cases_resize(&o->cases, c->bytes);
	gate_cases_turns(&o->cases, c->turn_bytes);
	for (unsigned int i = 0; i < o->cases.nr; i++)
		o->cases.c[i].both = c->both;
	if (!c->cases)
		gate_cases_real(&o->cases);
	if (c->cases) {
		int rc = gate_cases_filter(&o->cases, c->cases, err);

		if (rc)
			return rc;
	}
	for (unsigned int i = 0; i < o->cases.nr; i++) {
		int rc = nwb_workload_check(o->cases.c[i].workload,
					    o->cases.c[i].bytes, err);

		if (rc)
			return nwb_err_wrap(err, rc, "%s", o->cases.c[i].name);
	}
	o->shard = c->shard;
	gate_cases_shard(&o->cases, &o->shard);
	return 0;
}

void gate_cli_list(const struct gate_cases *c)
{
	for (unsigned int i = 0; i < c->nr; i++) {
		const struct gate_case *one = &c->c[i];
		uint64_t bytes =
			one->bytes ? one->bytes : one->workload->bytes_default;

		printf("%-28s %s, %llu MiB, %u turn%s%s\n", one->name,
		       one->workload->title,
		       (unsigned long long)(bytes / NWB_MIB), one->fsyncs,
		       one->fsyncs > 1 ? "s" : "",
		       one->is_sentinel ? ", sentinel" : "");
	}
}
