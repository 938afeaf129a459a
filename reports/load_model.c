/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records of open-loop runs to rows and groups (model: load_i.h). */
#include "load_i.h"

#include "nwb/mem.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A sum in which what is missing counts for nothing, unless all is missing. */
static double sum_of(double a, double b, double c)
{
	if (isnan(a) && isnan(b) && isnan(c))
		return NAN;
	return (isnan(a) ? 0 : a) + (isnan(b) ? 0 : b) + (isnan(c) ? 0 : c);
}

static void run_init(struct rep_load_run *run, const json_t *rec, size_t seq)
{
	const json_t *r = json_object_get(rec, "response");
	const json_t *s = json_object_get(rec, "service");
	const json_t *d = json_object_get(rec, "durable");
	const char *step = rep_str(rec, "step");
	double *v = run->v;

	*run = (struct rep_load_run){
		.rec = rec,
		.seq = seq,
		.verdict = rep_verdict_of(rec),
		.is_step = step && !strcmp(step, "knee"),
		.rate = rep_num(rec, "rate_ops_s"),
	};
	v[REP_LOAD_ACHIEVED] = rep_num(rec, "achieved_ops_s");
	v[REP_LOAD_P50] = rep_num(r, "p50");
	v[REP_LOAD_P99] = rep_num(r, "p99");
	v[REP_LOAD_P999] = rep_num(r, "p999");
	v[REP_LOAD_MAX] = rep_num(r, "max");
	v[REP_LOAD_SERVICE_P50] = rep_num(s, "p50");
	v[REP_LOAD_SERVICE_P99] = rep_num(s, "p99");
	v[REP_LOAD_DURABLE_P50] = rep_num(d, "p50");
	v[REP_LOAD_DURABLE_P99] = rep_num(d, "p99");
	v[REP_LOAD_LAG_AVG] = rep_num(rec, "lag_avg_ns");
	v[REP_LOAD_LAG_MAX] = rep_num(rec, "lag_max_ns");
	v[REP_LOAD_N] = rep_num(rec, "n");
	v[REP_LOAD_REFUSED] = v[REP_LOAD_N] > 0
				      ? rep_num(rec, "refused") / v[REP_LOAD_N]
				      : NAN;
	v[REP_LOAD_BACKLOG] = rep_num(rec, "backlog_max");
	v[REP_LOAD_LEFT] =
		sum_of(rep_num(rec, "unfinished"), rep_num(rec, "errors"),
		       rep_num(rec, "not_durable"));
}

/* What is not there sorts before what is. */
static int cmp_num(double a, double b)
{
	if (isnan(a) || isnan(b))
		return isnan(b) - isnan(a);
	return (a > b) - (a < b);
}

static int cmp_text(const json_t *a, const json_t *b, const char *key)
{
	const char *x = rep_str(a, key), *y = rep_str(b, key);

	return strcmp(x ? x : "", y ? y : "");
}

static int cmp_group(const json_t *a, const json_t *b)
{
	static const char *const text[] = {"server", "workload", "fault",
					   "arrival"};
	static const char *const num[] = {"op_bytes", "fsync_every", "depth"};
	int c = 0;

	for (size_t i = 0; i < NWB_ARRAY_SIZE(text) && !c; i++)
		c = cmp_text(a, b, text[i]);
	for (size_t i = 0; i < NWB_ARRAY_SIZE(num) && !c; i++)
		c = cmp_num(rep_num(a, num[i]), rep_num(b, num[i]));
	return c;
}

static int cmp_row(const struct rep_load_run *a, const struct rep_load_run *b)
{
	int c = cmp_group(a->rec, b->rec);

	if (!c && a->is_step != b->is_step)
		c = a->is_step ? -1 : 1;
	if (!c)
		c = cmp_num(a->rate, b->rate);
	if (!c)
		c = cmp_text(a->rec, b->rec, "side");
	return c ? c : cmp_text(a->rec, b->rec, "subject");
}

static int cmp_run(const void *pa, const void *pb)
{
	const struct rep_load_run *a = pa, *b = pb;
	int c = cmp_row(a, b);

	return c ? c : (a->seq > b->seq) - (a->seq < b->seq);
}

static void row_metric(struct rep_load_row *row, int k)
{
	double x[REP_RUNS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < row->nr; i++) {
		const struct rep_load_run *run = &row->run[i];

		/* a run without any operation was not made at all */
		if (isnan(run->v[REP_LOAD_N]))
			continue;
		if (isnan(run->v[k])) {
			row->v[k] = NAN;
			return;
		}
		x[n++] = run->v[k];
	}
	row->v[k] = n ? nwb_median(x, n) : NAN;
}

static void row_init(struct rep_load_row *row, const struct rep_load_run *run,
		     size_t nr)
{
	*row = (struct rep_load_row){
		.subject = rep_str(run->rec, "subject"),
		.rate = run->rate,
		.share = rep_num(run->rec, "share"),
		.run = run,
		.nr = nr,
		.verdict = REP_SKIP,
	};
	for (size_t i = 0; i < nr; i++)
		row->verdict = nwb_min(row->verdict, run[i].verdict);
	for (int k = 0; k < REP_LOAD_METRICS; k++)
		row_metric(row, k);
}

static void group_init(struct rep_load_group *g, struct rep_load *l,
		       const struct rep_load_run *run, size_t nr)
{
	*g = (struct rep_load_group){
		.run = run,
		.nr_runs = nr,
		.row = &l->row[l->nr_rows],
		.closed = NAN,
		.knee = NAN,
	};
	while (g->nr_steps < nr && run[g->nr_steps].is_step)
		g->nr_steps++;
	for (size_t i = 0; i < nr; i++) {
		if (run[i].is_step && isnan(run[i].rate))
			g->closed = run[i].v[REP_LOAD_ACHIEVED];
		if (isnan(g->knee))
			g->knee = rep_num(run[i].rec, "knee_ops_s");
	}
}

static int make_rows(struct rep_load *l, struct rep_load_group *g,
		     struct nwb_err *err)
{
	size_t from = g->nr_steps;

	for (size_t i = from + 1; i <= g->nr_runs; i++) {
		if (i < g->nr_runs && !cmp_row(&g->run[from], &g->run[i]))
			continue;
		if (i - from > REP_RUNS_MAX)
			return nwb_err_set(err, -E2BIG,
					   "a latency row has more than %d "
					   "runs",
					   REP_RUNS_MAX);
		row_init(&l->row[l->nr_rows++], &g->run[from], i - from);
		g->nr++;
		from = i;
	}
	return 0;
}

static void collect(struct rep_load *l, const json_t *recs)
{
	size_t i;
	json_t *rec;

	json_array_foreach(recs, i, rec)
	{
		const char *type = rep_str(rec, "type");

		if (!strcmp(type, "latency"))
			run_init(&l->run[l->nr_runs++], rec, i);
	}
	qsort(l->run, l->nr_runs, sizeof(*l->run), cmp_run);
	for (i = 0; i < l->nr_runs; i++)
		l->by_verdict[l->run[i].verdict]++;
}

int rep_load_init(struct rep_load *l, const json_t *recs, struct nwb_err *err)
{
	size_t room = json_array_size(recs) + 1, from = 0;
	int r = 0;

	*l = (struct rep_load){0};
	l->run = nwb_zalloc(room * sizeof(*l->run));
	l->row = nwb_zalloc(room * sizeof(*l->row));
	l->group = nwb_zalloc(room * sizeof(*l->group));
	if (!l->run || !l->row || !l->group)
		return nwb_err_set(err, -ENOMEM, "report: out of memory");
	collect(l, recs);
	for (size_t i = 1; i <= l->nr_runs && !r; i++) {
		struct rep_load_group *g = &l->group[l->nr];

		if (i < l->nr_runs &&
		    !cmp_group(l->run[from].rec, l->run[i].rec))
			continue;
		group_init(g, l, &l->run[from], i - from);
		r = make_rows(l, g, err);
		l->nr++;
		from = i;
	}
	return r;
}

void rep_load_fini(struct rep_load *l)
{
	nwb_free(l->run);
	nwb_free(l->row);
	nwb_free(l->group);
	*l = (struct rep_load){0};
}

bool rep_load_is_bad(const struct rep_load_run *run)
{
	return run->verdict != REP_PASS && run->verdict != REP_NOT_JUDGED;
}

void rep_load_tally(const struct rep_load *l, char ret_text[REP_TALLY])
{
	size_t nr = 0, at = (size_t)snprintf(ret_text, REP_TALLY,
					     "%zu latency runs:", l->nr_runs);

	for (int v = 0; v < REP_VERDICT_NR; v++)
		if (l->by_verdict[v])
			at += (size_t)snprintf(
				ret_text + at, REP_TALLY - at, "%s %s %zu",
				nr++ ? "," : "",
				rep_verdict_name((enum rep_verdict)v),
				l->by_verdict[v]);
}

const char *rep_load_about(char *buf, const struct rep_load_group *g)
{
	const json_t *rec = g->run->rec;
	const char *arrival = rep_str(rec, "arrival");
	double every = rep_num(rec, "fsync_every");
	char b[REP_FIELD], k[REP_FIELD], d[REP_FIELD], sync[64];

	if (every > 0)
		snprintf(sync, sizeof(sync), "fsync after every %s",
			 rep_fmt_count(k, every));
	else
		snprintf(sync, sizeof(sync), "one fsync at the end");
	snprintf(buf, REP_TALLY,
		 "writes of %s, %s, %.20s arrivals, at most %s at a time",
		 rep_fmt_bytes(b, rep_num(rec, "op_bytes")), sync,
		 arrival ? arrival : "unknown",
		 rep_fmt_count(d, rep_num(rec, "depth")));
	return buf;
}

static int by_low(const void *pa, const void *pb)
{
	const struct rep_bin *a = pa, *b = pb;

	return (a->low_ns > b->low_ns) - (a->low_ns < b->low_ns);
}

int rep_load_hist(const struct rep_load_row *row, const char *key,
		  struct rep_lat *ret)
{
	size_t room = 0, nr = 0, kept = 0;

	*ret = (struct rep_lat){0};
	for (size_t i = 0; i < row->nr; i++)
		room += json_array_size(json_object_get(
				json_object_get(row->run[i].rec, key),
				"bins")) /
			2;
	if (!room)
		return 0;
	ret->bin = nwb_zalloc(room * sizeof(*ret->bin));
	if (!ret->bin)
		return -ENOMEM;
	for (size_t i = 0; i < row->nr; i++) {
		const json_t *bins = json_object_get(
			json_object_get(row->run[i].rec, key), "bins");

		for (size_t k = 0; k + 1 < json_array_size(bins); k += 2) {
			struct rep_bin *b = &ret->bin[nr];

			b->low_ns = json_number_value(json_array_get(bins, k));
			b->count =
				json_number_value(json_array_get(bins, k + 1));
			/* 1e15 ns are eleven days: no such figure is one */
			if (!(b->low_ns >= 0 && b->low_ns < 1e15) ||
			    !(b->count > 0 && b->count < 1e15))
				continue;
			ret->n += b->count;
			nr++;
		}
	}
	qsort(ret->bin, nr, sizeof(*ret->bin), by_low);
	for (size_t i = 0; i < nr; i++) {
		if (kept && ret->bin[kept - 1].low_ns == ret->bin[i].low_ns)
			ret->bin[kept - 1].count += ret->bin[i].count;
		else
			ret->bin[kept++] = ret->bin[i];
	}
	ret->nr = kept;
	return 0;
}
