/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the three ways to retry cost: the same faults on real servers, in rounds
 * of random order, in-place, 1 MiB writes to durable.
 *
 *	again	payload bytes sent more than once, per byte dirtied
 *	WRITEs	requests that carried payload
 *	rounds	times that the retryer went through a request
 *	recov	longest time from a hit of the fault until bytes that came later
 *		were acknowledged
 *	durable	from the first write until all of it is durable
 *
 * The counts are exact and hardly differ between the rounds; the two times are
 * medians on this machine.
 */
#include "reserve.h"
#include "session.h"

#include "nwb/netfs.h"
#include "nwb/stats.h"

#include <stdio.h>
#include <string.h>

#define COST_BYTES (32 * NWB_MIB)
#define ROUNDS_MAX NWB_PAIRS_MAX
#define NR_WAYS	   NWB_NR_RETRY_STRATEGIES

static const struct schedule {
	const char *name;
	const char *server; /* NULL: all */
	const char *text;
} schedules[] = {
	{"reset-before", NULL,
	 "cut: on server.write nth=7 before do rst max=1\nheal\n"
	 "expect hits cut = 1\n"},
	{"reset-after", NULL,
	 "cut: on server.write nth=7 after do drop, rst max=1\nheal\n"
	 "expect hits cut = 1\n"},
	{"five-resets", NULL,
	 "cut: on server.write nth=5+9 before do rst max=5\nheal\n"
	 "expect hits cut >= 1\n"},
	{"reset+famine", "smbd",
	 "cut: on server.write nth=7 before do rst max=1\n"
	 "starve: on server.grant nth=20..59 do grant 0\nheal\n"
	 "expect hits cut = 1\n"},
	{"busy", "diod",
	 "busy: on server.write nth=6..17 before do error EAGAIN\nheal\n"
	 "expect hits busy >= 6\n"},
	{"short", "diod", /* smbd writes on until it has all */
	 "short: on server.write nth=4+5 before do short 12288 max=6\nheal\n"
	 "expect hits short >= 1\n"},
};

static const char *const servers[] = {"smbd", "diod"};

/* Of one schedule on one server. */
struct figures {
	double again[NR_WAYS][ROUNDS_MAX];
	double writes[NR_WAYS][ROUNDS_MAX];
	double rounds[NR_WAYS][ROUNDS_MAX];
	double recovery[NR_WAYS][ROUNDS_MAX];
	double durable[NR_WAYS][ROUNDS_MAX];
	unsigned int n[NR_WAYS];
};

static void note(struct figures *f, unsigned int way,
		 const struct bench_run_result *r)
{
	const struct nwb_subject_stats *st = &r->stats;
	unsigned int n = f->n[way]++;
	uint64_t recovery = r->timeline.rule[0].recovery_ns;

	f->again[way][n] =
		(double)st->bytes_sent / (double)st->bytes_dirtied - 1;
	f->writes[way][n] = (double)st->write_rpcs;
	f->rounds[way][n] = (double)st->retry_rounds;
	f->recovery[way][n] = recovery == NWB_TL_NONE
				      ? 0
				      : (double)recovery / (double)NWB_MSEC;
	f->durable[way][n] = (double)r->work.durable_ns / (double)NWB_MSEC;
}

/* As a person would say them. */
static void put_lines(const char *text, char *buf, size_t size)
{
	size_t at = 0;

	buf[0] = 0;
	for (size_t n; *text && at < size; text += n + (text[n] == '\n')) {
		n = strcspn(text, "\n");
		at += (size_t)snprintf(buf + at, size - at, " -e '%.*s'",
				       (int)n, text);
	}
}

static int run_way(struct bench_session *s, const char *server,
		   const struct schedule *sched, unsigned int way,
		   unsigned int round, unsigned int order, struct figures *f,
		   struct nwb_err *err)
{
	static struct bench_run_result res;
	struct nwb_plan *plan = NULL;
	char fault[64];
	struct bench_run_opts o = {
		.server = server,
		.subject = NWB_SUBJ_IN_PLACE,
		.workload = nwb_workload_find("seq1m"),
		.fault = fault, /* a cell a way */
		.bytes = COST_BYTES,
		.fsyncs = 1,
		.seed = round,
		.level = 1,
		.judge = true,
		.strategy = way,
	};
	char args[600];
	int rc = bench_plan_text(sched->name, sched->text, &plan, err);

	if (rc)
		return rc;
	snprintf(fault, sizeof(fault), "%s-%s", sched->name,
		 nwb_retry_strategy_name((enum nwb_retry_strategy)way));
	put_lines(sched->text, args, sizeof(args));
	o.plan = plan;
	o.plan_args = args;
	rc = bench_session_run(s, &o, round, order, &res, err);
	if (!rc && !res.skip[0] && res.work.bytes && f->n[way] < ROUNDS_MAX)
		note(f, way, &res);
	nwb_plan_free(plan);
	return rc;
}

/* The three in random order, @rounds times. */
static int measure(struct bench_session *s, const char *server,
		   const struct schedule *sched, unsigned int rounds,
		   uint64_t *rnd, struct figures *f, struct nwb_err *err)
{
	for (unsigned int r = 1; r <= rounds; r++) {
		unsigned int order[NR_WAYS] = {0, 1, 2};

		for (unsigned int i = NR_WAYS; i > 1; i--) {
			unsigned int j =
				(unsigned int)(nwb_splitmix64(rnd) % i);
			unsigned int keep = order[i - 1];

			order[i - 1] = order[j];
			order[j] = keep;
		}
		for (unsigned int i = 0; i < NR_WAYS; i++) {
			int rc = run_way(s, server, sched, order[i], r, i, f,
					 err);

			if (rc)
				return rc;
		}
	}
	return 0;
}

static void tell(const char *server, const struct schedule *sched,
		 struct figures *f)
{
	for (unsigned int w = 0; w < NR_WAYS; w++) {
		unsigned int n = f->n[w];

		if (!n) {
			printf("%-5s %-12s %-13s not measured\n", server,
			       sched->name,
			       nwb_retry_strategy_name(
				       (enum nwb_retry_strategy)w));
			continue;
		}
		printf("%-5s %-12s %-13s %7.3f %7.0f %7.0f %8.1f %8.1f  n=%u\n",
		       server, sched->name,
		       nwb_retry_strategy_name((enum nwb_retry_strategy)w),
		       nwb_median(f->again[w], n), nwb_median(f->writes[w], n),
		       nwb_median(f->rounds[w], n),
		       nwb_median(f->recovery[w], n),
		       nwb_median(f->durable[w], n), n);
	}
}

static bool is_wanted(const struct bench_cli *c, const struct schedule *sched,
		      const char *server)
{
	return (!c->has_server || !strcmp(c->run.server, server)) &&
	       (!sched->server || !strcmp(sched->server, server));
}

static unsigned int nr_cells(const struct bench_cli *c)
{
	unsigned int n = 0;

	for (size_t v = 0; v < NWB_ARRAY_SIZE(servers); v++)
		for (size_t i = 0; i < NWB_ARRAY_SIZE(schedules); i++)
			n += is_wanted(c, &schedules[i], servers[v]);
	return n;
}

static int measure_all(struct bench_session *s, struct bench_cli *c,
		       struct nwb_err *err)
{
	uint64_t rnd = c->run.seed;

	printf("%-5s %-12s %-13s %7s %7s %7s %8s %8s\n", "", "faults", "retry",
	       "again", "WRITEs", "rounds", "recov ms", "durable");
	for (size_t v = 0; v < NWB_ARRAY_SIZE(servers); v++) {
		for (size_t i = 0; i < NWB_ARRAY_SIZE(schedules); i++) {
			const struct schedule *sched = &schedules[i];
			static struct figures f;
			int rc;

			if (!is_wanted(c, sched, servers[v]))
				continue;
			memset(&f, 0, sizeof(f));
			rc = measure(s, servers[v], sched, c->pairs, &rnd, &f,
				     err);
			if (rc)
				return rc;
			tell(servers[v], sched, &f);
			fflush(stdout);
		}
	}
	return 0;
}

int bench_retry_cost(struct bench_cli *c, int argc, char **argv)
{
	struct bench_session s = {0};
	struct nwb_err err = {0};
	int code, rc;

	bench_reserve(1, COST_BYTES);
	rc = bench_session_begin(&s, c->out, c->run.isolation, c->run.seed,
				 c->pairs * NR_WAYS * nr_cells(c), argc, argv,
				 &err);
	if (!rc)
		rc = bench_session_shard(&s, &c->shard, &err);
	if (!rc && bench_shard_takes(&c->shard, "retry-cost"))
		rc = measure_all(&s, c, &err);
	if (rc)
		fprintf(stderr, "netwb: %s\n", err.text);
	code = bench_session_end(&s, 0, &err);
	return rc ? NWB_EXIT_BROKEN : code;
}
