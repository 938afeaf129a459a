/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every golden vector of tests/data/stats/vectors.txt, which R made:
 * make-vectors.R beside it says what a line is.
 */
#include "nwb/stats.h"

#include "nwb_test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELDS_MAX 160
#define LINE_MAX   4096

struct line {
	char text[LINE_MAX];
	double v[FIELDS_MAX];
	size_t nr;
};

static FILE *vectors(void)
{
	FILE *f = fopen(NWB_VECTORS, "re");

	nwb_check(f != NULL);
	return f;
}

/* The next line that begins with @what, its numbers in order. */
static bool next_line(FILE *f, const char *what, struct line *l)
{
	while (fgets(l->text, sizeof(l->text), f)) {
		char *save = NULL, *word, *end;

		nwb_check(strchr(l->text, '\n') != NULL);
		if (strncmp(l->text, what, strlen(what)) != 0 ||
		    l->text[strlen(what)] != ' ')
			continue;
		l->nr = 0;
		strtok_r(l->text, " \n", &save);
		while ((word = strtok_r(NULL, " \n", &save))) {
			double v = strtod(word, &end);

			if (*end)
				continue; /* a word or a bar */
			nwb_check(l->nr < FIELDS_MAX);
			l->v[l->nr++] = v;
		}
		return true;
	}
	return false;
}

static bool agree(double a, double r)
{
	if (isinf(r) || isinf(a))
		return a == r;
	return fabs(a - r) <= 1e-12;
}

static void check_interval(const double *d, size_t n, double alpha, double est,
			   const double *lohi)
{
	double e, lo, hi;

	nwb_shift_ci(d, n, alpha, &e, &lo, &hi);
	nwb_check(agree(e, est));
	nwb_check(agree(lo, lohi[0]));
	nwb_check(agree(hi, lohi[1]));
}

NWB_TEST(golden, rank_vectors_agree_with_r)
{
	size_t nr = 0, of_n[31] = {0};
	static struct line l;
	FILE *f = vectors();

	while (next_line(f, "rank", &l)) {
		size_t n = (size_t)l.v[0];
		const double *d = l.v + 1, *want = d + n;
		double minus[30];

		nwb_check(n >= 5 && n <= 30);
		nwb_check_eq(l.nr, n + 10);
		for (size_t i = 0; i < n; i++)
			minus[i] = -d[i];
		nwb_check(agree(nwb_signed_rank_p(d, n), want[0]));
		nwb_check(agree(nwb_signed_rank_p(minus, n), want[1]));
		check_interval(d, n, 0.05, want[2], want + 3);
		check_interval(d, n, 0.10, want[2], want + 5);
		check_interval(d, n, 0.01, want[2], want + 7);
		of_n[n]++;
		nr++;
	}
	fclose(f);
	for (size_t n = 5; n <= 30; n++)
		nwb_check_eq(of_n[n], 4);
	nwb_check_eq(nr, 26 * 4);
}

NWB_TEST(golden, quantiles_agree_with_r)
{
	static const double q[] = {0, 0.1, 0.25, 0.5, 0.75, 0.9, 1};
	static struct line l;
	FILE *f = vectors();
	size_t nr = 0;

	for (; next_line(f, "quantile", &l); nr++) {
		size_t n = (size_t)l.v[0];

		nwb_check_eq(l.nr, 1 + n + 7);
		for (size_t i = 0; i < 7; i++)
			nwb_check(agree(nwb_quantile_of(l.v + 1, n, q[i]),
					l.v[1 + n + i]));
	}
	fclose(f);
	nwb_check_eq(nr, 6);
}

/* R gives adjusted p-values: kept at q are those not above q. */
NWB_TEST(golden, false_discovery_rate_agrees_with_r)
{
	static const double q[] = {0.01, 0.05, 0.10, 0.5};
	static struct line l;
	FILE *f = vectors();
	size_t nr = 0;

	for (; next_line(f, "bh", &l); nr++) {
		size_t n = (size_t)l.v[0];
		bool keep[60];

		nwb_check_eq(l.nr, 1 + 2 * n);
		for (size_t j = 0; j < NWB_ARRAY_SIZE(q); j++) {
			nwb_benjamini_hochberg(l.v + 1, n, q[j], keep);
			for (size_t i = 0; i < n; i++)
				nwb_check_eq(keep[i], l.v[1 + n + i] <= q[j]);
		}
	}
	fclose(f);
	nwb_check_eq(nr, 4);
}
