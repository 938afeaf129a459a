/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "noise.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAIRS_MIN 20 /* of a case, to be worth drawing from */
#define LINE_SIZE (16 * NOISE_PAIRS_MAX)

uint64_t sim_random(uint64_t *state)
{
	return nwb_splitmix64(state);
}

static double uniform(uint64_t *state)
{
	return ((double)(sim_random(state) >> 11) + 0.5) / 9007199254740992.0;
}

double sim_normal(uint64_t *state)
{
	double r = sqrt(-2.0 * log(uniform(state)));

	return r * cos(2.0 * M_PI * uniform(state));
}

static struct noise_case *case_of(struct noise *n, const char *name)
{
	for (unsigned int i = 0; i < n->nr; i++)
		if (!strcmp(n->c[i].name, name))
			return &n->c[i];
	if (n->nr == NOISE_CASES_MAX || strlen(name) >= sizeof(n->c[0].name))
		return NULL;
	snprintf(n->c[n->nr].name, sizeof(n->c[0].name), "%s", name);
	return &n->c[n->nr++];
}

/* NULL, or what is wrong. */
static const char *parse(struct noise *n, char *line)
{
	char *save = NULL, *name = strtok_r(line, " \n", &save), *word, *end;
	char *metric = strtok_r(NULL, " \n", &save);
	struct noise_case *c;
	int m;

	if (!name || name[0] == '#')
		return NULL;
	if (!metric)
		return "not CASE METRIC D D ...";
	if (!strcmp(metric, "cpu"))
		m = METRIC_CPU;
	else if (!strcmp(metric, "wall"))
		m = METRIC_WALL;
	else
		return NULL;
	c = case_of(n, name);
	if (!c)
		return "too many cases, or too long a name";
	while ((word = strtok_r(NULL, " \n", &save))) {
		double d = strtod(word, &end);

		if (*end || end == word || !isfinite(d))
			return "not a number";
		if (c->nr[m] == NOISE_PAIRS_MAX)
			return "too many pairs";
		c->d[m][c->nr[m]++] = d;
	}
	return NULL;
}

int noise_load(struct noise *n, const char *path)
{
	static char line[LINE_SIZE];
	FILE *f = fopen(path, "re");
	const char *why = NULL;
	unsigned int nr = 0;

	if (!f) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return -1;
	}
	while (!why && fgets(line, sizeof(line), f)) {
		nr++;
		if (!strchr(line, '\n'))
			why = "line too long, or its end is missing";
		else
			why = parse(n, line);
	}
	fclose(f);
	if (why)
		fprintf(stderr, "%s:%u: %s\n", path, nr, why);
	return why ? -1 : 0;
}

int noise_check(const struct noise *n)
{
	for (unsigned int i = 0; i < n->nr; i++) {
		const struct noise_case *c = &n->c[i];

		if (c->nr[METRIC_CPU] >= PAIRS_MIN &&
		    c->nr[METRIC_CPU] == c->nr[METRIC_WALL])
			continue;
		fprintf(stderr,
			"%s: %u pairs of cpu, %u of wall; need as many of "
			"both, and %u\n",
			c->name, c->nr[METRIC_CPU], c->nr[METRIC_WALL],
			PAIRS_MIN);
		return -1;
	}
	if (!n->nr)
		fprintf(stderr, "no noise in these files\n");
	return n->nr ? 0 : -1;
}

/* t(5), scaled to standard deviation 1. */
static double heavy(uint64_t *state)
{
	double sum = 0.0;

	for (int i = 0; i < 5; i++) {
		double x = sim_normal(state);

		sum += x * x;
	}
	return sim_normal(state) / sqrt(sum / 5.0) / sqrt(5.0 / 3.0);
}

void noise_model(struct noise *n, double factor)
{
	static const double sd[2][NR_METRICS] = {{0.05, 0.24}, {0.04, 0.19}};
	uint64_t state = 1;

	memset(n, 0, sizeof(*n));
	for (int i = 0; i < 2; i++) {
		struct noise_case *c = &n->c[n->nr++];

		snprintf(c->name, sizeof(c->name), "model-%d", i + 1);
		for (int m = 0; m < NR_METRICS; m++)
			while (c->nr[m] < 500)
				c->d[m][c->nr[m]++] =
					factor * sd[i][m] * heavy(&state);
	}
}

void noise_draw(const struct noise_case *c, uint64_t *state, unsigned int nr,
		double (*d)[NWB_PAIRS_MAX])
{
	unsigned int at = 0;

	nwb_assert(nr <= NWB_PAIRS_MAX);
	for (unsigned int i = 0; i < nr; i++) {
		double sign = sim_random(state) & 1 ? 1.0 : -1.0;

		if (i % NOISE_BLOCK)
			at = (at + 1) % c->nr[0];
		else
			at = (unsigned int)(sim_random(state) % c->nr[0]);
		for (int m = 0; m < NR_METRICS; m++)
			d[m][i] = sign * c->d[m][at];
	}
}
