/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What protection costs: the throughput of smbd without signatures, with
 * AES-GMAC and with AES-128-GCM encryption, in interleaved triples of random
 * order: 64 KiB, 8 in flight, raw-cold, timed to durable.
 *
 * Client and server share the cores, and both of them compute: the ratio is
 * that of the pair, not of the client.
 */
#include "reserve.h"
#include "session.h"

#include "nwb/stats.h"
#include <math.h>
#include <stdio.h>

#define COST_BYTES (384 * NWB_MIB)
#define COST_WSIZE (64 * NWB_KIB)
#define COST_DEPTH 8

enum lane {
	PLAIN,
	SIGNED,
	SEALED,
	LANES
};

static const struct {
	const char *name;
	bool sign;
	enum nwb_smb2_signing signing;
	enum nwb_smb2_encryption encryption;
} lanes[LANES] = {
	[PLAIN] = {"unsigned", false, NWB_SIGNING_BEST, NWB_ENCRYPT_AUTO},
	[SIGNED] = {"signed-gmac", true, NWB_SIGNING_GMAC, NWB_ENCRYPT_AUTO},
	[SEALED] = {"encrypted-gcm", false, NWB_SIGNING_BEST, NWB_ENCRYPT_ON},
};

/* Of each lane and triple: rate, and CPU time of both sides. */
struct figures {
	double mibs[LANES][NWB_PAIRS_MAX];
	double client[LANES][NWB_PAIRS_MAX];
	double server[LANES][NWB_PAIRS_MAX];
	unsigned int n;
};

static int run_lane(struct bench_session *s, enum lane l, unsigned int triple,
		    unsigned int order, struct figures *f, struct nwb_err *err)
{
	static struct bench_run_result res;
	struct bench_run_opts o = {
		.server = "smbd",
		.subject = NWB_SUBJ_RAW_COLD,
		.workload = nwb_workload_find("seq1m"),
		.fault = lanes[l].name,
		.plan_args = "",
		.bytes = COST_BYTES,
		.fsyncs = 1,
		.seed = triple,
		.sign = lanes[l].sign,
		.signing = lanes[l].signing,
		.encryption = lanes[l].encryption,
		.wsize = COST_WSIZE,
		.depth = COST_DEPTH,
		.no_shim = true,
		.no_ledger = true,
	};
	int rc = bench_session_run(s, &o, triple, order, &res, err);
	double mib = (double)res.work.bytes / (double)NWB_MIB;

	if (rc)
		return rc;
	f->mibs[l][f->n] =
		mib / ((double)res.work.durable_ns / (double)NWB_SEC);
	f->client[l][f->n] = (double)res.work.client_cpu_ns / mib;
	f->server[l][f->n] = res.server_cpu_ns == UINT64_MAX
				     ? NAN
				     : (double)res.server_cpu_ns / mib;
	return 0;
}

static int run_triple(struct bench_session *s, unsigned int triple,
		      uint64_t *rnd, struct figures *f, struct nwb_err *err)
{
	enum lane order[LANES] = {PLAIN, SIGNED, SEALED};
	bool is_whole = true;

	for (unsigned int i = LANES; i > 1; i--) {
		enum lane keep = order[i - 1];
		unsigned int j;

		*rnd = *rnd * 6364136223846793005ull + 1442695040888963407ull;
		j = (unsigned int)((*rnd >> 33) % i);
		order[i - 1] = order[j];
		order[j] = keep;
	}
	for (unsigned int i = 0; i < LANES; i++) {
		int rc = run_lane(s, order[i], triple, i, f, err);

		if (rc)
			return rc;
	}
	for (unsigned int i = 0; i < LANES; i++)
		is_whole &= isfinite(f->mibs[i][f->n]) && f->mibs[i][f->n] > 0;
	f->n += is_whole;
	return 0;
}

/* Work a CPU second: what the rate is when both sides keep all cores busy, and
 * much less shaken by whatever else the machine does. */
static double per_cpu(const struct figures *f, enum lane l, unsigned int i)
{
	return 1 / (f->client[l][i] + f->server[l][i]);
}

static void tell_one(const char *what, double *d, unsigned int n, double target)
{
	double est, lo, hi;

	if (!n)
		return;
	nwb_shift_ci(d, n, 0.05, &est, &lo, &hi);
	printf("    %-16s %.3f, 95 %% [%.3f, %.3f], %u pairs: %s\n", what,
	       exp(est), exp(lo), exp(hi), n,
	       exp(lo) >= target  ? "holds"
	       : exp(hi) < target ? "does not hold"
				  : "unclear");
}

/* The ratios of two lanes, with their intervals. */
static void tell_ratio(const struct figures *f, enum lane a, enum lane b,
		       double target)
{
	double rate[NWB_PAIRS_MAX], cpu[NWB_PAIRS_MAX];
	unsigned int n = 0;

	for (unsigned int i = 0; i < f->n; i++) {
		double c = per_cpu(f, a, i) / per_cpu(f, b, i);

		rate[i] = log(f->mibs[a][i] / f->mibs[b][i]);
		if (isfinite(c) && c > 0)
			cpu[n++] = log(c);
	}
	printf("  %s / %s, at least %.2f is wanted:\n", lanes[a].name,
	       lanes[b].name, target);
	tell_one("MiB/s", rate, f->n, target);
	tell_one("MiB a CPU second", cpu, n, target);
}

static void tell(struct figures *f)
{
	static const char head[] = "smbd, raw-cold, 64 KiB x 8, medians:";

	printf("%s\n", head);
	for (unsigned int l = 0; l < LANES; l++)
		printf("  %-14s %5.0f MiB/s, CPU ns/MiB client %.0f, server "
		       "%.0f\n",
		       lanes[l].name, nwb_median(f->mibs[l], f->n),
		       nwb_median(f->client[l], f->n),
		       nwb_median(f->server[l], f->n));
	tell_ratio(f, SIGNED, PLAIN, 0.65);
	tell_ratio(f, SIGNED, SEALED, 1.0);
}

int bench_signing_cost(struct bench_cli *c, int argc, char **argv)
{
	static struct figures f;
	struct bench_session s = {0};
	struct nwb_err err = {0};
	uint64_t rnd = c->run.seed;
	bool is_here = bench_shard_takes(&c->shard, "signing-cost");
	int code, rc;

	bench_reserve(1, COST_BYTES);
	rc = bench_session_begin(&s, c->out, c->run.isolation, c->run.seed,
				 c->pairs * LANES, argc, argv, &err);
	if (!rc)
		rc = bench_session_shard(&s, &c->shard, &err);
	for (unsigned int p = 0; p < c->pairs && !rc && is_here; p++)
		rc = run_triple(&s, p + 1, &rnd, &f, &err);
	if (rc)
		fprintf(stderr, "netwb: %s\n", err.text);
	else if (f.n)
		tell(&f);
	else if (is_here)
		printf("not measured\n");
	if (!rc && !f.n && is_here)
		bench_session_add(&s, NWB_INCONCLUSIVE);
	code = bench_session_end(&s, 0, &err);
	return rc ? NWB_EXIT_BROKEN : code;
}
