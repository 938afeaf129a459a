/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The gate's error rates, by simulation with noise of a real machine: sim.h has
 * the model.
 *
 *	nothing		any RED is a false alarm
 *	CPU +15 %	of one case of ten, on top of its noise
 *	rate -25 %	likewise, as wall time
 *
 * Each is done with the thresholds of a new machine (5 % and 10 %), which are
 * held to their bounds, and with those that forty simulated A/A nights of each
 * case adapt, which are only told.
 */
#include "sim.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FALSE_MAX      0.002
#define CPU_FOUND_MIN  0.95
#define RATE_FOUND_MIN 0.90
#define RUNS_MAX       85.0

#define COST_MORE_CPU	1.15
#define COST_LOWER_RATE (1.0 / 0.75)

struct options {
	uint64_t comparisons;
	uint64_t seed;
	uint64_t bias;
	uint64_t factor;
	bool is_model;
	bool is_loud; /* bounds of the false alarms alone */
};

static double percent(unsigned int a, unsigned int b)
{
	return b ? 100.0 * (double)a / (double)b : 0.0;
}

static void print_tally(const char *what, const struct sim_tally *t,
			bool is_planted)
{
	char found[16] = "-";

	if (is_planted)
		snprintf(found, sizeof(found), "%.1f%%",
			 percent(t->found, t->sessions));
	printf("%-10s %8u %8.2f%% %7.3f%% %7.3f%% %7s %6.1f %8.1f%%\n", what,
	       t->comparisons, percent(t->suspects, t->comparisons),
	       percent(t->red, t->comparisons),
	       percent(t->better, t->comparisons), found, t->runs,
	       percent(t->unusable, t->sessions));
}

/* Standard deviation, of a normal one with the same median magnitude. */
static double spread(const struct noise_case *c, int m)
{
	static double mag[NOISE_PAIRS_MAX];

	for (unsigned int i = 0; i < c->nr[m]; i++)
		mag[i] = fabs(c->d[m][i]);
	return nwb_median(mag, c->nr[m]) / 0.6745;
}

static void print_noise(const struct sim *s)
{
	printf("noise: sd of ln(A/A) of a pair; delta that 40 A/A nights "
	       "make, ! = observed\n"
	       "%-26s %6s %7s %7s %9s %9s\n",
	       "case", "pairs", "cpu", "wall", "delta cpu", "wall");
	for (unsigned int i = 0; i < s->noise->nr; i++) {
		const struct noise_case *c = &s->noise->c[i];
		const struct sim_delta *a = s->adapted[i % SIM_CASES];

		printf("%-26s %6u %7.3f %7.3f %7.1f%%%s %7.1f%%%s\n", c->name,
		       c->nr[0], spread(c, METRIC_CPU), spread(c, METRIC_WALL),
		       100.0 * a[METRIC_CPU].delta,
		       a[METRIC_CPU].is_observed ? "!" : " ",
		       100.0 * a[METRIC_WALL].delta,
		       a[METRIC_WALL].is_observed ? "!" : " ");
	}
	printf("\n");
}

static unsigned int check(const char *what, bool is_ok)
{
	printf("%-6s %s\n", is_ok ? "ok" : "BROKEN", what);
	return !is_ok;
}

/* All three kinds of sessions; how many bounds were broken. */
static unsigned int simulate(struct sim *s, const struct options *o,
			     bool is_adapted)
{
	unsigned int sessions = (unsigned int)(o->comparisons / SIM_CASES);
	struct sim_tally aa = sim_run(s, sessions, 0, 1.0, is_adapted);
	struct sim_tally cpu =
		sim_run(s, sessions, METRIC_CPU, COST_MORE_CPU, is_adapted);
	struct sim_tally rate =
		sim_run(s, sessions, METRIC_WALL, COST_LOWER_RATE, is_adapted);
	unsigned int broken = 0;

	printf("thresholds %s\n%-10s %8s %9s %8s %8s %7s %6s %9s\n",
	       is_adapted ? "adapted to this noise" : "of a new machine",
	       "planted", "others", "suspect", "RED", "better", "found", "runs",
	       "unusable");
	print_tally("nothing", &aa, false);
	print_tally("CPU +15%", &cpu, true);
	print_tally("rate -25%", &rate, true);
	broken += check("nothing: RED <= 0.2 %",
			percent(aa.red, aa.comparisons) <= 100.0 * FALSE_MAX);
	if (is_adapted || o->is_loud)
		return broken;
	broken += check("CPU +15 %: found >= 95 %",
			percent(cpu.found, cpu.sessions) >=
				100.0 * CPU_FOUND_MIN);
	broken += check("CPU +15 %: <= 85 runs", cpu.runs <= RUNS_MAX);
	broken += check("rate -25 %: found >= 90 %",
			percent(rate.found, rate.sessions) >=
				100.0 * RATE_FOUND_MIN);
	return broken;
}

static bool number(const char *arg, const char *name, uint64_t *ret)
{
	size_t len = strlen(name);
	char *end;

	if (strncmp(arg, name, len) != 0)
		return false;
	*ret = strtoull(arg + len, &end, 10);
	return arg[len] >= '0' && arg[len] <= '9' && !*end;
}

static int usage(void)
{
	fprintf(stderr,
		"usage: gate_sim [OPTIONS] NOISE... | --model\n"
		"  NOISE             files of netwb gate --record-noise\n"
		"  --model           noise of a quiet machine, not recorded\n"
		"  --comparisons=N   of each kind (4000)\n"
		"  --seed=N          (1)\n"
		"  --loud            a machine too loud to find things on "
		"must\n"
		"                    be silent all the same: only that is "
		"asked\n"
		"  --bias=N          of a link, times as much (1)\n"
		"  --factor=N        noise of the model, times as much (1)\n");
	return 3;
}

static bool parse(int argc, char **argv, struct options *o, struct noise *noise)
{
	for (int i = 1; i < argc; i++) {
		const char *a = argv[i];

		if (!strcmp(a, "--loud"))
			o->is_loud = true;
		else if (!strcmp(a, "--model"))
			o->is_model = true;
		else if (a[0] != '-' && noise_load(noise, a))
			return false;
		else if (a[0] == '-' &&
			 !number(a, "--comparisons=", &o->comparisons) &&
			 !number(a, "--seed=", &o->seed) &&
			 !number(a, "--bias=", &o->bias) &&
			 !number(a, "--factor=", &o->factor))
			return false;
	}
	return o->is_model == !noise->nr && o->comparisons >= SIM_CASES &&
	       o->comparisons <= 1000000;
}

int main(int argc, char **argv)
{
	struct options o = {
		.comparisons = 4000, .seed = 1, .bias = 1, .factor = 1};
	static struct noise noise;
	static struct sim s = {.noise = &noise};
	unsigned int broken;

	if (!parse(argc, argv, &o, &noise))
		return usage();
	if (o.is_model)
		noise_model(&noise, (double)o.factor);
	if (noise_check(&noise))
		return 3;
	s.state = o.seed;
	s.bias = (double)o.bias;
	printf("%u comparisons of each kind, seed %llu\n\n",
	       (unsigned int)o.comparisons, (unsigned long long)o.seed);
	sim_adapt(&s);
	print_noise(&s);
	broken = simulate(&s, &o, false);
	printf("\n");
	broken += simulate(&s, &o, true);
	return broken ? 1 : 0;
}
