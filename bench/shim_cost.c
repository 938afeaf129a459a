/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the preloaded library costs a server that nothing is done to: its CPU
 * time per MiB with and without it, in interleaved pairs.
 *
 *	no-shim     nothing is preloaded
 *	idle-shim   preloaded, no rule, no ledger
 *
 * Driven by raw-cold, so that the server is as busy as it can be and the
 * client is the same in both.
 */
#include "reserve.h"
#include "session.h"

#include "nwb/stats.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define COST_BYTES (192 * NWB_MIB)

static double cpu_per_mib(const struct bench_run_result *r)
{
	if (r->server_cpu_ns == UINT64_MAX || !r->work.bytes)
		return NAN;
	return (double)r->server_cpu_ns /
	       ((double)r->work.bytes / (double)NWB_MIB);
}

static int cost_pair(struct bench_session *s, const char *server,
		     unsigned int pair, unsigned int first, double ret_cost[2],
		     struct nwb_err *err)
{
	static struct bench_run_result res;

	for (unsigned int i = 0; i < 2; i++) {
		unsigned int with = first ^ i;
		struct bench_run_opts o = {
			.server = server,
			.subject = NWB_SUBJ_RAW_COLD,
			.workload = nwb_workload_find("seq1m"),
			.fault = with ? "idle-shim" : "no-shim",
			.plan_args = "",
			.bytes = COST_BYTES,
			.fsyncs = 1,
			.seed = pair,
			.no_shim = !with,
			.no_ledger = true,
		};
		int rc = bench_session_run(s, &o, pair, i, &res, err);

		if (rc)
			return rc;
		ret_cost[with] = cpu_per_mib(&res);
	}
	return 0;
}

static int cost_server(struct bench_session *s, const char *server,
		       unsigned int pairs, uint64_t *rnd, struct nwb_err *err)
{
	double d[NWB_PAIRS_MAX], with[NWB_PAIRS_MAX], without[NWB_PAIRS_MAX];
	double est, lo, hi;
	unsigned int n = 0;

	for (unsigned int p = 0; p < pairs; p++) {
		double cost[2];
		int rc;

		*rnd = *rnd * 6364136223846793005ull + 1442695040888963407ull;
		rc = cost_pair(s, server, p + 1, (unsigned int)(*rnd >> 63),
			       cost, err);
		if (rc)
			return rc;
		if (!(cost[0] > 0) || !(cost[1] > 0))
			continue;
		without[n] = cost[0];
		with[n] = cost[1];
		d[n++] = log(cost[1] / cost[0]);
	}
	if (!n) {
		printf("%s: not measured\n", server);
		bench_session_add(s, NWB_INCONCLUSIVE);
		return 0;
	}
	nwb_shift_ci(d, n, 0.05, &est, &lo, &hi);
	printf("%s, server CPU ns/MiB: %.0f without, %.0f with the idle shim; "
	       "ratio %.3f, 95 %% [%.3f, %.3f], %u pairs\n",
	       server, nwb_median(without, n), nwb_median(with, n), exp(est),
	       exp(lo), exp(hi), n);
	return 0;
}

int bench_shim_cost(struct bench_cli *c, int argc, char **argv)
{
	static const char *const servers[] = {"smbd", "diod"};
	struct bench_session s = {0};
	struct nwb_err err = {0};
	uint64_t rnd = c->run.seed;
	int code, rc;

	bench_reserve(1, COST_BYTES);
	rc = bench_session_begin(&s, c->out, c->run.isolation, c->run.seed,
				 c->pairs * 4, argc, argv, &err);

	for (unsigned int i = 0; i < 2 && !rc; i++)
		if ((!c->has_server || !strcmp(c->run.server, servers[i])) &&
		    bench_shard_takes(&c->shard, servers[i]))
			rc = cost_server(&s, servers[i], c->pairs, &rnd, &err);
	if (!rc)
		rc = bench_session_shard(&s, &c->shard, &err);
	if (rc)
		fprintf(stderr, "netwb: %s\n", err.text);
	code = bench_session_end(&s, 0, &err);
	return rc ? NWB_EXIT_BROKEN : code;
}
