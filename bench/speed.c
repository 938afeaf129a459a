/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the reference client costs, as ratios of runs that take turns (turns.h):
 *
 *	P1	in-place / raw-cold, 1 MiB and 4 KiB writes, timed to durable;
 *		both against raw-cold of 1 MiB, on smbd, smbd with GMAC, and diod
 *	P2	their CPU time (client + server) / (1.5 raw-cold + one copy), and
 *		allocations in the window
 *	P3	the published experiment (1 KiB, 4 KiB, 1 MiB): in-place / temp-page
 *		and, temp pages without the copying, no-copy / temp-page
 *
 * A cell is three runs that are up at the same time and get 1/4 of their bytes
 * a turn, so that a noisy second hits all three. Cells take turns, too: a round
 * has two triples of each cell of P1, which has limits to hold, and one of each
 * of P3; who is first by chance. smbd as it happens to lie in memory differs from
 * run to run by more than the modes do: where more rounds are wanted than the
 * exact statistics take, a sample is the mean of some triples that follow each
 * other.
 *
 * P3 is a model: no kernel had temp pages on netfs, and the published figures
 * are those of FUSE.
 */
#include "gate_i.h"
#include "reserve.h"
#include "session.h"

#include "nwb/mem.h"
#include "nwb/stats.h"

#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define P1_BYTES (256 * NWB_MIB)
#define P3_BYTES (128 * NWB_MIB)
#define NR_TURNS 4u
#define P1_TIMES 2u /* a round */
#define NR_ARMS	 GATE_TURNS_MAX
#define NR_MAX	 NWB_PAIRS_MAX
#define CELLS	 NWB_ARRAY_SIZE(cells)
#define P3_HEAD                                                                \
	"P3  MiB/s until durable, model: published of FUSE, in-place / "       \
	"temp-page, no-copy / temp-page, n"

struct arm {
	const char *client, *workload, *options, *tag;
};

struct cell {
	const char *what, *server, *both, *tag;
	unsigned int times; /* a round */
	uint64_t bytes;
	double published; /* P3: in-place / temp-page of FUSE */
	struct arm arm[NR_ARMS];
};

#define LIMIT                                                                  \
	{                                                                      \
		{"raw-cold", "seq1m", NULL, ""},                               \
			{"in-place", "seq1m", NULL, ""},                       \
			{"in-place", "seq4k", NULL, ""},                       \
	}
#define MODES(shape)                                                           \
	{                                                                      \
		{"temp-page", shape, NULL, ""}, {"in-place", shape, NULL, ""}, \
			{"temp-page", shape, "--no-copy", "-no-copy"},         \
	}
#define P1(w, s, b, t)                                                         \
	{                                                                      \
		.what = w, .server = s, .both = b, .tag = t,                   \
		.times = P1_TIMES, .bytes = P1_BYTES, .arm = LIMIT,            \
	}
#define P3(w, s, shape, p)                                                     \
	{                                                                      \
		.what = w, .server = s, .tag = "speed-p3", .times = 1,         \
		.bytes = P3_BYTES, .published = p, .arm = MODES(shape),        \
	}

static const struct cell cells[] = {
	P1("smbd unsigned", "smbd", NULL, "speed-p1"),
	P1("smbd GMAC", "smbd", "--sign=gmac", "speed-p1-gmac"),
	P1("diod", "diod", NULL, "speed-p1"),
	P3("fake   1 KiB", "fake", "seq1k", 0.97),
	P3("fake   4 KiB", "fake", "seq4k", 1.23),
	P3("fake   1 MiB", "fake", "seq1m", 1.45),
	P3("smbd   1 KiB", "smbd", "seq1k", 0.97),
	P3("smbd   4 KiB", "smbd", "seq4k", 1.23),
	P3("smbd   1 MiB", "smbd", "seq1m", 1.45),
	P3("diod   1 KiB", "diod", "seq1k", 0.97),
	P3("diod   4 KiB", "diod", "seq4k", 1.23),
	P3("diod   1 MiB", "diod", "seq1m", 1.45),
};

/* Exact, and of the latest run; @allocs_max of all. */
struct counts {
	double writes_mib, sent, copied;
	uint64_t stable_waits;
	uint64_t allocs_max; /* UINT64_MAX: not counted */
};

/* Of one cell. */
struct figures {
	double rate[NR_ARMS][NR_MAX];
	double cpu[NR_ARMS][NR_MAX];
	double copy[NR_MAX]; /* ns a MiB */
	struct counts c[NR_ARMS];
	unsigned int n;
	/* Of the sample in the making: sums of logarithms, of @nr triples. */
	double sum_rate[NR_ARMS], sum_cpu[NR_ARMS], sum_copy;
	unsigned int nr, fold; /* @fold triples a sample, 1 at least */
};

/* --- measuring ------------------------------------------------------------ */

/* From memory to memory, both larger than any cache: ns a MiB. */
static double copy_cost(uint8_t *from, uint8_t *to, size_t len)
{
	uint64_t t0 = gate_now_ns();

	for (size_t at = 0; at < len; at += 64 * NWB_KIB)
		memcpy(to + at, from + at, 64 * NWB_KIB);
	__asm__ volatile("" ::: "memory");
	return (double)(gate_now_ns() - t0) / ((double)len / NWB_MIB);
}

static double field(const json_t *rec, const char *key)
{
	json_t *v = json_object_get(rec, key);

	return json_is_integer(v) ? (double)json_integer_value(v) : NAN;
}

static void take_counts(const json_t *rec, struct counts *c)
{
	double bytes = field(rec, "bytes"), n;

	c->writes_mib = field(rec, "write_rpcs") / (bytes / NWB_MIB);
	c->sent = field(rec, "bytes_sent") / bytes;
	c->copied = field(rec, "bytes_copied") / bytes;
	n = field(rec, "stable_waits");
	c->stable_waits = isfinite(n) ? (uint64_t)n : 0;
	n = field(rec, "allocs");
	c->allocs_max =
		isfinite(n) ? nwb_max(c->allocs_max, (uint64_t)n) : UINT64_MAX;
}

/* As `netwb bench` stores it, under a name of its own. */
static int keep(struct bench_session *s, const struct cell *c,
		const struct arm *a, const struct gate_run *r,
		unsigned int round, unsigned int order, struct nwb_err *err)
{
	json_t *rec = json_deep_copy(r->record);
	char cell[128], fault[64];

	snprintf(fault, sizeof(fault), "%s%s", c->tag, a->tag);
	snprintf(cell, sizeof(cell), "%s.%s.%s.%s", c->server, a->client,
		 a->workload, fault);
	json_object_set_new(rec, "cell", json_string(cell));
	json_object_set_new(rec, "fault", json_string(fault));
	json_object_set_new(rec, "pair", json_integer((json_int_t)round));
	json_object_set_new(rec, "order", json_integer((json_int_t)order));
	return bench_store_add(s->store, rec, err);
}

/* One triple more; the @fold-th makes a sample of them. */
static void sample(struct figures *f, const struct gate_run *r, double copy)
{
	unsigned int n = f->n;

	for (unsigned int k = 0; k < NR_ARMS; k++) {
		f->sum_rate[k] += log(r[k].metric[GATE_THROUGHPUT]);
		f->sum_cpu[k] += log(r[k].metric[GATE_CPU]);
		take_counts(r[k].record, &f->c[k]);
	}
	f->sum_copy += log(copy);
	if (++f->nr < f->fold)
		return;
	for (unsigned int k = 0; k < NR_ARMS; k++) {
		f->rate[k][n] = exp(f->sum_rate[k] / f->nr);
		f->cpu[k][n] = exp(f->sum_cpu[k] / f->nr);
		f->sum_rate[k] = f->sum_cpu[k] = 0;
	}
	f->copy[n] = exp(f->sum_copy / f->nr);
	f->sum_copy = 0;
	f->nr = 0;
	f->n++;
}

static int note(struct bench_session *s, const struct cell *c,
		const struct gate_run *r, unsigned int round,
		unsigned int first, double copy, struct figures *f,
		struct nwb_err *err)
{
	bool is_whole = true;
	int rc = 0;

	for (unsigned int k = 0; k < NR_ARMS && !rc; k++) {
		if (r[k].reason[0]) {
			is_whole = false;
			bench_session_add(s, strncmp(r[k].reason, "FAIL", 4)
						     ? NWB_INCONCLUSIVE
						     : NWB_FAIL);
			rc = bench_session_note(s, err, "%s, %s: %s\n  %s",
						c->what, c->arm[k].client,
						r[k].reason, r[k].repro);
			continue;
		}
		rc = keep(s, c, &c->arm[k], &r[k], round,
			  (k + NR_ARMS - first) % NR_ARMS, err);
		is_whole &= r[k].metric[GATE_CPU] > 0 &&
			    r[k].metric[GATE_THROUGHPUT] > 0;
	}
	if (is_whole && !rc)
		sample(f, r, copy);
	return rc;
}

static int run_cell(struct bench_session *s, const struct cell *c,
		    unsigned int round, double copy, uint64_t *rnd,
		    struct figures *f, struct nwb_err *err)
{
	static struct gate_run r[NR_ARMS]; /* large */
	static struct gate_side side[NR_ARMS];
	struct gate_case cs[NR_ARMS];
	const struct gate_side *sides[NR_ARMS];
	const struct gate_case *css[NR_ARMS];
	uint64_t pad[NR_ARMS], seed = (uint32_t)nwb_splitmix64(rnd);
	unsigned int first = nwb_splitmix64(rnd) % NR_ARMS;
	int rc = 0;

	for (unsigned int k = 0; k < NR_ARMS && !rc; k++) {
		rc = gate_side_self(&side[k], err);
		side[k].client = c->arm[k].client;
		side[k].options = c->arm[k].options;
		cs[k] = (struct gate_case){
			.server = c->server,
			.client = c->arm[k].client,
			.workload = nwb_workload_find(c->arm[k].workload),
			.bytes = c->bytes,
			.both = c->both,
			.fsyncs = NR_TURNS,
		};
		sides[k] = &side[k];
		css[k] = &cs[k];
		pad[k] = nwb_splitmix64(rnd);
	}
	if (rc)
		return rc;
	bench_progress_step(&s->progress, c->what);
	gate_spawn_turns(sides, css, NR_ARMS, seed, pad, first, r);
	rc = note(s, c, r, round, first, copy, f, err);
	for (unsigned int k = 0; k < NR_ARMS; k++)
		gate_run_fini(&r[k]);
	return rc;
}

/* "smbd.speed-p1-gmac", "diod.seq1k.speed-p3": as runs are stored, without
 * what differs between the three of a cell. */
static bool is_wanted(const struct bench_cli *c, const struct cell *cell)
{
	char name[64];

	if (c->has_server && strcmp(c->run.server, cell->server) != 0)
		return false;
	if (cell->published > 0)
		snprintf(name, sizeof(name), "%s.%s.%s", cell->server,
			 cell->arm[0].workload, cell->tag);
	else
		snprintf(name, sizeof(name), "%s.%s", cell->server, cell->tag);
	return !c->filter || !fnmatch(c->filter, name, 0);
}

/* One round of each cell. */
static int run_round(struct bench_session *s, const struct bench_cli *c,
		     unsigned int round, uint64_t *rnd, struct figures *f,
		     struct nwb_err *err)
{
	size_t len = 64 * NWB_MIB;
	uint8_t *mem = nwb_alloc_pages(2 * len);
	double copy;

	if (!mem)
		return nwb_err_set(err, -ENOMEM, "no memory to be copied");
	(void)copy_cost(mem, mem + len, len);
	copy = copy_cost(mem, mem + len, len);
	nwb_free(mem);
	for (unsigned int t = 0; t < P1_TIMES; t++)
		for (unsigned int i = 0; i < CELLS; i++) {
			int rc;

			if (!is_wanted(c, &cells[i]) || t >= cells[i].times)
				continue;
			rc = run_cell(s, &cells[i],
				      (round - 1) * cells[i].times + t + 1,
				      copy, rnd, &f[i], err);
			if (rc)
				return rc;
		}
	return 0;
}

/* --- telling -------------------------------------------------------------- */

static const char *judge(double lo, double hi, double target, bool is_least)
{
	if (is_least ? lo >= target : hi <= target)
		return "holds";
	if (is_least ? hi < target : lo > target)
		return "does not hold";
	return "unclear";
}

/* "NAME  >= 0.90   0.931 [0.912, 0.950]  8  holds" */
static void tell(const char *name, const char *block, const double *d,
		 unsigned int n, double target, bool is_least)
{
	double est, lo, hi;

	nwb_shift_ci(d, n, 0.05, &est, &lo, &hi);
	est = exp(est);
	lo = exp(lo);
	hi = exp(hi);
	printf("  %-14s %-6s %s %.2f  %6.3f [%.3f, %.3f] %3u  %s", name, block,
	       is_least ? ">=" : "<=", target, est, lo, hi, n,
	       judge(lo, hi, target, is_least));
}

static const char *const blocks[NR_ARMS] = {"", "1 MiB", "4 KiB"};

static void tell_p1(const struct cell *c, const struct figures *f)
{
	static const double target[NR_ARMS] = {0, 0.90, 0.80};
	double d[NR_MAX];

	for (unsigned int k = 1; k < NR_ARMS; k++) {
		for (unsigned int i = 0; i < f->n; i++)
			d[i] = log(f->rate[k][i] / f->rate[0][i]);
		tell(c->what, blocks[k], d, f->n, target[k], true);
		printf(" (%.0f of %.0f MiB/s)", nwb_median(f->rate[k], f->n),
		       nwb_median(f->rate[0], f->n));
		if (f->fold > 1)
			printf(", each the mean of %u", f->fold);
		putchar('\n');
	}
}

static void tell_p2(const struct cell *c, const struct figures *f)
{
	double d[NR_MAX];

	for (unsigned int k = 1; k < NR_ARMS; k++) {
		for (unsigned int i = 0; i < f->n; i++)
			d[i] = log(f->cpu[k][i] /
				   (1.5 * f->cpu[0][i] + f->copy[i]));
		tell(c->what, blocks[k], d, f->n, 1.0, false);
		printf(" (us/MiB: %.0f; raw %.0f, a copy %.0f); ",
		       nwb_median(f->cpu[k], f->n) / 1e3,
		       nwb_median(f->cpu[0], f->n) / 1e3,
		       nwb_median(f->copy, f->n) / 1e3);
		if (f->c[k].allocs_max == UINT64_MAX)
			printf("allocations not counted\n");
		else
			printf("%llu allocations, 0 wanted\n",
			       (unsigned long long)f->c[k].allocs_max);
	}
}

static void tell_change(const double *a, const double *b, unsigned int n)
{
	double d[NR_MAX], est, lo, hi;

	for (unsigned int i = 0; i < n; i++)
		d[i] = log(b[i] / a[i]);
	nwb_shift_ci(d, n, 0.05, &est, &lo, &hi);
	printf(" %+6.1f %% [%+.1f, %+.1f]", 100 * expm1(est), 100 * expm1(lo),
	       100 * expm1(hi));
}

/* What each arm did, by counters: nothing else differs between them. */
static void tell_counts(const struct figures *f)
{
	static const char *const names[NR_ARMS] = {"temp-page", "in-place",
						   "no-copy"};

	for (unsigned int k = 0; k < NR_ARMS; k++)
		printf("      %-10s %6.0f MiB/s, CPU %5.0f us/MiB, %.2f WRITEs "
		       "a MiB, sent %.3f and copied %.3f of what was dirtied, "
		       "%llu waits\n",
		       names[k], nwb_median(f->rate[k], f->n),
		       nwb_median(f->cpu[k], f->n) / 1e3, f->c[k].writes_mib,
		       f->c[k].sent, f->c[k].copied,
		       (unsigned long long)f->c[k].stable_waits);
}

/* CPU time a MiB of temp-page above arm @k. */
static void tell_above(const struct figures *f, unsigned int k)
{
	double d[NR_MAX], est, lo, hi;

	for (unsigned int i = 0; i < f->n; i++)
		d[i] = (f->cpu[0][i] - f->cpu[k][i]) / (double)NWB_USEC;
	nwb_shift_ci(d, f->n, 0.05, &est, &lo, &hi);
	printf(" %+.0f [%+.0f, %+.0f]", est, lo, hi);
}

/* How much CPU time temp pages take, and how much of it the copying. */
static void tell_why(const struct figures *f)
{
	printf("      CPU of temp-page, us/MiB: above in-place");
	tell_above(f, 1);
	printf(", above no-copy");
	tell_above(f, 2);
	printf("; a copy from memory to memory is %.0f here\n",
	       nwb_median(f->copy, f->n) / (double)NWB_USEC);
}

static void tell_p3(const struct cell *c, const struct figures *f)
{
	printf("  %-14s %+5.0f %%   ", c->what, 100 * (c->published - 1));
	tell_change(f->rate[0], f->rate[1], f->n);
	printf("   ");
	tell_change(f->rate[0], f->rate[2], f->n);
	printf("  %u\n", f->n);
	tell_counts(f);
	tell_why(f);
}

static void tell_part(const char *head, const struct bench_cli *cli, bool is_p3,
		      const struct figures *f,
		      void (*tell_cell)(const struct cell *c,
					const struct figures *f))
{
	bool is_told = false;

	for (unsigned int i = 0; i < CELLS; i++) {
		if ((cells[i].published > 0) != is_p3 ||
		    !is_wanted(cli, &cells[i]))
			continue;
		if (!is_told)
			printf("%s\n", head);
		is_told = true;
		if (f[i].n)
			tell_cell(&cells[i], &f[i]);
		else
			printf("  %-14s not measured\n", cells[i].what);
	}
}

static void tell_all(const struct bench_cli *c, const struct figures *f)
{
	putchar('\n');
	tell_part("P1  MiB/s until durable, in-place / raw-cold of 1 MiB: "
		  "wanted, measured, 95 %, n",
		  c, false, f, tell_p1);
	tell_part("P2  CPU, client + server: in-place / (1.5 x raw-cold + a "
		  "copy)",
		  c, false, f, tell_p2);
	tell_part(c->has_server ? P3_HEAD
				: P3_HEAD
			  "\n    (the fake is in the client's process "
			  "and has no CPU of its own)",
		  c, true, f, tell_p3);
}

static unsigned int nr_cells(const struct bench_cli *c)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < CELLS; i++)
		n += is_wanted(c, &cells[i]) ? cells[i].times : 0;
	return n;
}

int bench_speed(struct bench_cli *c, int argc, char **argv)
{
	static struct figures f[CELLS];
	struct bench_session s = {0};
	struct nwb_err err = {0};
	uint64_t rnd = c->run.seed;
	bool is_here = bench_shard_takes(&c->shard, "speed");
	int code, rc;

	if (!nr_cells(c)) {
		fprintf(stderr,
			"netwb: --filter %s fits no cell; those of --speed are "
			"called SERVER.speed-p1, smbd.speed-p1-gmac and "
			"SERVER.WORKLOAD.speed-p3\n",
			c->filter);
		return NWB_EXIT_USAGE;
	}
	for (unsigned int i = 0; i < CELLS; i++)
		f[i].fold = (c->pairs * cells[i].times + NR_MAX - 1) / NR_MAX;
	bench_reserve(NR_ARMS, P1_BYTES);
	rc = bench_session_begin(&s, c->out, c->run.isolation, c->run.seed,
				 c->pairs * nr_cells(c), argc, argv, &err);
	if (!rc)
		rc = bench_session_shard(&s, &c->shard, &err);
	for (unsigned int round = 1; round <= c->pairs && !rc && is_here;
	     round++) {
		uint64_t t = bench_session_elapsed_ns(&s);

		if (t + t / round > c->time_s * NWB_SEC) {
			rc = bench_session_note(
				&s, &err, "%u of %u rounds: --time %u is over",
				round - 1, c->pairs, c->time_s);
			break;
		}
		rc = run_round(&s, c, round, &rnd, f, &err);
	}
	if (rc && err.text[0])
		fprintf(stderr, "netwb: %s\n", err.text);
	if (is_here)
		tell_all(c, f);
	code = bench_session_end(&s, 0, &err);
	return rc ? NWB_EXIT_BROKEN : code;
}
