/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netwb latency (model: latency.h). */
#include "latency.h"
#include "reserve.h"

#include "nwb/mem.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char about[] =
	"Latency under an open loop: writes begin when they are due, so a "
	"stall "
	"is paid\nfor by all that it keeps waiting. Finds the largest rate "
	"that "
	"is kept (the knee)\nand measures at 50, 70 and 90 % of it, or at the "
	"rates given. By default the workload is seq4k and the level bench.\n\n"
	"  netwb latency --server diod --against temp-page\n"
	"  netwb latency --rate 2000 --fsync-every 1 --fault slow-acks";

/* A rate is kept when so much of it is durable by the end of the last fsync,
 * and nothing was left over. */
#define KEPT	   0.95
#define KNEE_STEPS 16u

static uint64_t ops_max(const struct latency *t)
{
	return LATENCY_BYTES_MAX / t->shape.block;
}

/* Operations of a run of @ns at @rate, but at least @least, if there is room.
 */
static uint64_t ops_for(const struct latency *t, uint64_t rate, uint64_t ns,
			uint64_t least)
{
	uint64_t n = (uint64_t)((double)rate * (double)ns / (double)NWB_SEC);

	return nwb_min(nwb_max(n, least), ops_max(t));
}

static double quantile(const struct nwb_hist *h, double q, uint64_t least)
{
	return h->count < least ? (double)NAN : (double)nwb_hist_quantile(h, q);
}

static void figure_of(const struct bench_run_result *r,
		      struct latency_figure *f)
{
	const struct nwb_openloop_result *l = &r->load;

	f->is_measured = r->work.durable_ns > 0;
	if (!f->is_measured)
		return;
	f->n = l->nr_ops;
	f->refused = l->nr_refused;
	f->unfinished = l->nr_unfinished;
	f->not_durable = l->nr_not_durable;
	f->errors = l->nr_errors;
	f->lag_max = l->lag_max_ns;
	f->backlog_max = l->backlog_max;
	f->achieved = (double)l->nr_done * (double)NWB_SEC /
		      (double)r->work.durable_ns;
	f->response[0] = quantile(&l->response, 0.5, 200);
	f->response[1] = quantile(&l->response, 0.99, NWB_OPENLOOP_P99_MIN);
	f->response[2] = quantile(&l->response, 0.999, NWB_OPENLOOP_P99_MIN);
	f->response[3] = quantile(&l->response, 1, 1);
	f->service_p99 = quantile(&l->service, 0.99, NWB_OPENLOOP_P99_MIN);
	f->durable[0] = quantile(&l->durable, 0.5, 200);
	f->durable[1] = quantile(&l->durable, 0.99, NWB_OPENLOOP_P99_MIN);
}

/* One run at @rate of @n operations. Its figure goes to @f. */
static int one(struct latency *t, struct latency_figure *f, uint64_t n,
	       unsigned int pair, bool is_step, struct nwb_err *err)
{
	static struct bench_run_result res; /* large; one run at a time */
	struct bench_run_opts o = t->cli.run;
	struct bench_load load = {
		.ol = {.rate = f->rate,
		       .is_poisson = t->l.is_poisson,
		       .seed = o.seed + pair - 1,
		       .outstanding = t->l.outstanding,
		       .sync_every = t->l.fsync_every},
		.knee = is_step ? 0 : t->knee,
		.shape = t->base_shape,
		.is_step = is_step,
		.side = (char)('A' + f->side),
	};
	int rc;

	o.seed += pair - 1; /* a figure alone is pair 1 of its own seed */
	o.load = &load;
	o.workload = &t->shape;
	o.bytes = n * t->shape.block;
	o.subject = t->kind[f->side];
	o.judge = o.judge && o.subject != NWB_SUBJ_RAW_HOT;
	rc = bench_session_run(&t->s, &o, pair, t->order++, &res, err);
	if (rc)
		return rc;
	figure_of(&res, f);
	if (f->is_measured)
		snprintf(t->server_version, sizeof(t->server_version), "%s",
			 res.server_version);
	return 0;
}

/* Each step is a run that the total did not know of. */
static int step(struct latency *t, uint64_t rate, struct latency_figure *ret,
		struct nwb_err *err)
{
	/* the closed loop's rate is what we want to know */
	uint64_t n = rate ? ops_for(t, rate, NWB_SEC, 1000)
			  : ops_for(t, 1, NWB_SEC, 10000);
	int rc;

	*ret = (struct latency_figure){.rate = rate};
	t->s.progress.total++;
	t->nr_steps++;
	rc = one(t, ret, n, t->nr_steps, true, err);
	if (!rc && !ret->is_measured)
		rc = nwb_err_set(err, -EIO,
				 "the knee cannot be found: a step at %llu/s "
				 "could not be measured",
				 (unsigned long long)rate);
	return rc;
}

static bool is_kept(const struct latency_figure *f)
{
	return f->achieved >= KEPT * (double)f->rate && !f->unfinished &&
	       !f->errors && !f->not_durable;
}

struct knee_search {
	struct latency *t;
	struct nwb_err *err;
};

static int try_rate(void *arg, uint64_t rate, bool *ret_kept)
{
	struct knee_search *k = arg;
	struct latency_figure f;
	int rc = step(k->t, rate, &f, k->err);

	*ret_kept = !rc && is_kept(&f);
	return rc;
}

static int find_knee(struct latency *t, struct nwb_err *err)
{
	struct knee_search k = {.t = t, .err = err};
	struct latency_figure f;
	int rc = step(t, 0, &f, err);

	if (rc)
		return rc;
	t->closed = (uint64_t)f.achieved;
	rc = nwb_knee_find(f.achieved, KNEE_STEPS, try_rate, &k, &t->knee);
	if (rc == -ENOENT)
		nwb_err_set(err, rc,
			    "no knee: the closed loop does %.0f/s, but no open "
			    "one that was tried is kept",
			    f.achieved);
	return rc;
}

static void shares(struct latency *t)
{
	static const unsigned int share[] = {50, 70, 90};

	for (size_t i = 0; i < NWB_ARRAY_SIZE(share); i++)
		t->l.rate[t->l.nr_rates++] =
			nwb_max(t->knee * share[i] / 100, (uint64_t)1);
}

/* A round belongs to a shard as a whole: A and B were measured on one machine.
 */
static bool is_here(struct latency *t, unsigned int pair)
{
	char key[32];

	snprintf(key, sizeof(key), "round-%u", pair);
	return bench_shard_takes(&t->cli.shard, key);
}

/* How many rounds are here; a shard says so. */
static int count_rounds(struct latency *t, struct nwb_err *err)
{
	unsigned int nr = 0;

	for (unsigned int p = 1; p <= t->l.pairs; p++)
		nr += is_here(t, p);
	t->s.progress.total += t->l.nr_rates * t->nr_sides * nr;
	return bench_session_shard(&t->s, &t->cli.shard, err);
}

/* One pair at each rate, in the order of the dice. In another shard's round
 * the dice are thrown as well, so that orders are those of the whole. */
static int round_of(struct latency *t, unsigned int pair, struct nwb_err *err)
{
	unsigned int nr = t->l.nr_rates * t->nr_sides, at[LATENCY_RATES * 2];
	int rc = 0;

	for (unsigned int i = 0; i < nr; i++)
		at[i] = i;
	/* sides change places inside their rate, rates with each other */
	for (unsigned int i = t->l.nr_rates; i > 1; i--) {
		unsigned int k = (unsigned int)(nwb_splitmix64(&t->rnd) % i);

		for (unsigned int s = 0; s < t->nr_sides; s++) {
			unsigned int *x = &at[(i - 1) * t->nr_sides + s];
			unsigned int *y = &at[k * t->nr_sides + s], keep = *x;

			*x = *y;
			*y = keep;
		}
	}
	for (unsigned int i = 0; i < t->l.nr_rates && t->nr_sides == 2; i++)
		if (nwb_splitmix64(&t->rnd) & 1) {
			unsigned int keep = at[2 * i];

			at[2 * i] = at[2 * i + 1];
			at[2 * i + 1] = keep;
		}
	if (!is_here(t, pair))
		return 0;
	for (unsigned int i = 0; i < nr && !rc; i++) {
		struct latency_figure *f = &t->fig[t->nr_figs++];
		uint64_t rate = t->l.rate[at[i] / t->nr_sides], n = t->l.ops;

		if (!n)
			n = ops_for(t, rate, 2 * NWB_SEC, NWB_OPENLOOP_P99_MIN);
		*f = (struct latency_figure){
			.rate = rate,
			.side = at[i] % t->nr_sides,
			.share = t->knee ? (unsigned int)((100 * rate +
							   t->knee / 2) /
							  t->knee)
					 : 0,
		};
		rc = one(t, f, n, pair, false, err);
	}
	return rc;
}

static int measure(struct latency *t, struct nwb_err *err)
{
	int rc = 0;

	if (!t->l.nr_rates) {
		rc = find_knee(t, err);
		if (!rc)
			shares(t);
	}
	if (!rc)
		rc = count_rounds(t, err);
	for (unsigned int p = 1; p <= t->l.pairs && !rc; p++)
		rc = round_of(t, p, err);
	return rc;
}

/* The shape with another size of its writes: "rand4k" of 16 KiB is
 * "rand16k". */
static void set_shape(struct latency *t)
{
	size_t stem;

	t->base_shape = t->cli.run.workload->name;
	t->shape = *t->cli.run.workload;
	if (!t->l.block || t->l.block == t->shape.block)
		return;
	stem = strcspn(t->base_shape, "0123456789");
	t->shape.block = t->l.block;
	snprintf(t->shape_name, sizeof(t->shape_name),
		 t->l.block % 1024 ? "%.*s%u" : "%.*s%uk", (int)stem,
		 t->base_shape,
		 t->l.block % 1024 ? t->l.block : t->l.block / 1024);
	t->shape.name = t->shape_name;
	t->shape.title = t->shape.is_random ? "random" : "sequential";
}

static int check(struct latency *t)
{
	uint64_t least = 8ull * t->shape.rounds;

	if (t->shape.is_unaligned) {
		fprintf(stderr,
			"netwb: --workload %s: its writes differ in "
			"size; take another\n",
			t->base_shape);
		return -EINVAL;
	}
	if (t->cli.shard.n && !t->l.nr_rates) {
		fprintf(stderr, "netwb: --shard: each machine has a knee of "
				"its own; give the rates with --rate\n");
		return -EINVAL;
	}
	if (t->cli.run.bytes || t->cli.run.fsyncs != 1) {
		fprintf(stderr, "netwb: --write and --fsyncs are of a closed "
				"loop; --ops and --fsync-every say it here\n");
		return -EINVAL;
	}
	if (t->l.ops > ops_max(t) || (t->l.ops && t->l.ops < least)) {
		fprintf(stderr,
			"netwb: --ops %llu: from %llu to %llu of %u bytes\n",
			(unsigned long long)t->l.ops, (unsigned long long)least,
			(unsigned long long)ops_max(t), t->shape.block);
		return -EINVAL;
	}
	return 0;
}

static int get_ready(struct latency *t, int argc, char **argv)
{
	struct nwb_err err = {0};
	char text[2048];
	int rc = latency_opts_parse(&t->l, argc, argv);

	if (rc)
		return NWB_EXIT_USAGE;
	latency_opts_about(about, text, sizeof(text));
	rc = bench_cli_parse(&t->cli, t->l.argc, t->l.argv,
			     BENCH_CLI_RUN | BENCH_CLI_PLAN | BENCH_CLI_FAKE |
				     BENCH_CLI_SHARD,
			     text);
	if (rc < 0)
		return rc == -2 ? -1 : NWB_EXIT_USAGE;
	if (bench_cli_stray(&t->cli, rc, t->l.argc, t->l.argv))
		return NWB_EXIT_USAGE;
	if (bench_interrupt_setup())
		return NWB_EXIT_BROKEN;
	rc = bench_cli_plan(&t->cli, &err);
	if (rc) {
		fprintf(stderr, "%s\n", err.text);
		return NWB_EXIT_USAGE;
	}
	if (bench_client_check(&t->cli.run, &err) ||
	    bench_subject_check(&t->cli.run, &err)) {
		fprintf(stderr, "netwb: %s\n", err.text);
		return NWB_EXIT_USAGE;
	}
	set_shape(t);
	if (check(t))
		return NWB_EXIT_USAGE;
	if (t->cli.run.no_ledger || bench_is_fake(t->cli.run.server))
		t->cli.run.judge = false;
	t->kind[0] = t->cli.run.subject;
	t->kind[1] = t->l.against >= 0 ? (enum nwb_subject_kind)t->l.against
				       : t->kind[0];
	t->nr_sides = t->l.against >= 0 ? 2 : 1;
	t->rnd = t->cli.run.seed;
	return 0;
}

static int run_session(struct latency *t, int argc, char **argv)
{
	struct nwb_err err = {0};
	int code = NWB_EXIT_OK, rc;

	bench_reserve(1, 64 * NWB_MIB);
	rc = bench_session_begin(&t->s, t->cli.out, t->cli.run.isolation,
				 t->cli.run.seed, 0, argc, argv, &err);
	if (!rc)
		rc = measure(t, &err);
	if (rc) {
		fprintf(stderr, "netwb: %s\n", err.text);
		code = NWB_EXIT_BROKEN;
	}
	if (t->s.store)
		latency_tell(t);
	err = (struct nwb_err){0};
	rc = bench_session_end(&t->s, 0, &err);
	return code ? code : rc;
}

int bench_cmd_latency(int argc, char **argv)
{
	struct latency *t = nwb_zalloc(sizeof(*t));
	int code;

	if (!t) {
		fprintf(stderr, "netwb: no memory\n");
		return NWB_EXIT_BROKEN;
	}
	code = get_ready(t, argc, argv);
	if (!code)
		code = run_session(t, argc, argv);
	bench_cli_fini(&t->cli);
	nwb_free(t);
	return code < 0 ? NWB_EXIT_OK : code;
}
