/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table at the end of `netwb latency`: medians over the pairs. */
#include "latency.h"

#include "nwb/stats.h"
#include <math.h>
#include <stdio.h>

/* Two digits or three and a unit, or a dash: not measured. */
static const char *show_ns(double ns, char *buf, size_t size)
{
	static const char *const unit[] = {"ns", "us", "ms", "s"};
	unsigned int u = 0;

	if (isnan(ns)) {
		snprintf(buf, size, "-");
		return buf;
	}
	while (u < 3 && ns >= 999.5) {
		ns /= 1000;
		u++;
	}
	snprintf(buf, size, "%.*f%s", u && ns < 9.95, ns, unit[u]);
	return buf;
}

struct row {
	double v[8]; /* response 4, service p99, durable 2, lag max */
	uint64_t n, refused, bad;
	double achieved;
	unsigned int nr;
};

static double figure(const struct latency_figure *f, unsigned int col)
{
	if (col < 4)
		return f->response[col];
	if (col == 4)
		return f->service_p99;
	return col < 7 ? f->durable[col - 5] : (double)f->lag_max;
}

/* The median; NAN as soon as one of the runs has no such figure. */
static double median_of(const struct latency *t, uint64_t rate,
			unsigned int side, unsigned int col)
{
	double x[64];
	unsigned int nr = 0;

	for (unsigned int i = 0; i < t->nr_figs; i++) {
		const struct latency_figure *f = &t->fig[i];

		if (!f->is_measured || f->rate != rate || f->side != side)
			continue;
		if (isnan(figure(f, col)))
			return NAN;
		x[nr++] = figure(f, col);
	}
	return nr ? nwb_median(x, nr) : NAN;
}

static void sum_up(const struct latency *t, uint64_t rate, unsigned int side,
		   struct row *ret)
{
	*ret = (struct row){0};
	for (unsigned int c = 0; c < 8; c++)
		ret->v[c] = median_of(t, rate, side, c);
	for (unsigned int i = 0; i < t->nr_figs; i++) {
		const struct latency_figure *f = &t->fig[i];

		if (f->rate != rate || f->side != side || !f->is_measured)
			continue;
		ret->nr++;
		ret->n += f->n;
		ret->refused += f->refused;
		ret->bad += f->unfinished + f->not_durable + f->errors;
		ret->achieved += f->achieved;
	}
	if (ret->nr)
		ret->achieved /= ret->nr;
}

static void tell_row(const struct latency *t, const struct latency_figure *f)
{
	char b[8][16], load[24];
	struct row r;

	sum_up(t, f->rate, f->side, &r);
	for (unsigned int c = 0; c < 8; c++)
		show_ns(r.v[c], b[c], sizeof(b[c]));
	if (f->share)
		snprintf(load, sizeof(load), "%u%%", f->share);
	else
		snprintf(load, sizeof(load), "-");
	printf("%-9.9s %4s %8llu %5s %5s %5s %5s %5s %5s %5s %5s\n",
	       nwb_subject_kind_name(t->kind[f->side]), load,
	       (unsigned long long)f->rate, b[0], b[1], b[2], b[3], b[4], b[5],
	       b[6], b[7]);
	if (!r.nr)
		printf("  not measured\n");
	else if (r.refused || r.bad)
		printf("  of %llu writes in %u runs: refused %llu, not done or "
		       "not durable %llu\n",
		       (unsigned long long)r.n, r.nr,
		       (unsigned long long)r.refused,
		       (unsigned long long)r.bad);
}

/* Is it the first of its rate and side? */
static bool is_first(const struct latency *t, unsigned int i)
{
	for (unsigned int k = 0; k < i; k++)
		if (t->fig[k].rate == t->fig[i].rate &&
		    t->fig[k].side == t->fig[i].side)
			return false;
	return true;
}

static void tell_rows(const struct latency *t)
{
	uint64_t last = 0;

	/* by rate, A before B */
	for (;;) {
		uint64_t next = UINT64_MAX;

		for (unsigned int i = 0; i < t->nr_figs; i++)
			if (t->fig[i].rate > last)
				next = nwb_min(next, t->fig[i].rate);
		if (next == UINT64_MAX)
			return;
		for (unsigned int side = 0; side < 2; side++)
			for (unsigned int i = 0; i < t->nr_figs; i++)
				if (t->fig[i].rate == next &&
				    t->fig[i].side == side && is_first(t, i))
					tell_row(t, &t->fig[i]);
		last = next;
	}
}

void latency_tell(const struct latency *t)
{
	const struct latency_opts *l = &t->l;
	uint64_t n = t->nr_figs ? t->fig[0].n : 0;

	printf("\n%s %s, %s, writes of %u bytes, fault %s.\n",
	       t->cli.run.server, t->server_version, t->shape.title,
	       t->shape.block, t->cli.run.fault);
	if (l->fsync_every)
		printf("Fsync after every %u and at the end. ", l->fsync_every);
	else
		printf("Fsync at the end only. ");
	printf("Open loop, %s arrivals,\nat most %u writes at a time, %u runs "
	       "a figure.\n",
	       l->is_poisson ? "Poisson" : "fixed", l->outstanding, l->pairs);
	if (t->closed)
		printf("Closed loop %llu/s, knee %llu/s (%s, %u steps).\n",
		       (unsigned long long)t->closed,
		       (unsigned long long)t->knee,
		       nwb_subject_kind_name(t->kind[0]), t->nr_steps);
	if (!t->nr_figs)
		return;
	printf("\n                        response                serv. "
	       "durable  "
	       "   lag\n"
	       "client    load writes/s   p50   p99 p99.9   max   p99   p50   "
	       "p99   max\n");
	tell_rows(t);
	printf("\nResponse: from the intended start; service: from the actual "
	       "one;\ndurable: from the intended start to the end of the fsync "
	       "that covers\nit. Medians of runs.\n");
	if (n && n < NWB_OPENLOOP_P99_MIN)
		printf("No p99: %llu writes a run are too few, it needs %u.\n",
		       (unsigned long long)n, NWB_OPENLOOP_P99_MIN);
}
