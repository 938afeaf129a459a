/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From records to cells and comparisons.
 *
 * A cell's number is the median over its runs of level "bench"; only when it
 * has none, over those of level "check", which decode the payload and are
 * slower, and then the report marks it. Two subjects are compared by pairs
 * alone, never by their medians: d[i] = ln(a_i / b_i) of the runs with the
 * same pair index, Hodges-Lehmann estimate, exact signed-rank interval
 * (nwb/stats.h).
 */
#include "report_i.h"

#include "nwb/mem.h"
#include "nwb/stats.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* As in the file, but for null: not judged. */
static const char *const verdict_names[REP_VERDICT_NR] = {
	[REP_FAIL] = "FAIL",
	[REP_UNEXPECTED_PASS] = "UNEXPECTED-PASS",
	[REP_VACUOUS] = "VACUOUS",
	[REP_INCONCLUSIVE] = "INCONCLUSIVE",
	[REP_KNOWN] = "KNOWN",
	[REP_PASS] = "PASS",
	[REP_NOT_JUDGED] = "not judged",
	[REP_SKIP] = "SKIP",
};

const char *rep_verdict_name(enum rep_verdict v)
{
	nwb_assert(v < REP_VERDICT_NR);
	return verdict_names[v];
}

enum rep_verdict rep_verdict_of(const json_t *rec)
{
	const char *name = rep_str(rec, "verdict");

	for (int v = 0; name && v < REP_VERDICT_NR; v++)
		if (!strcmp(name, verdict_names[v]))
			return (enum rep_verdict)v;
	nwb_assert(!name);
	return REP_NOT_JUDGED;
}

const char *rep_str(const json_t *rec, const char *key)
{
	const char *s = json_string_value(json_object_get(rec, key));

	return s && *s ? s : NULL;
}

double rep_num(const json_t *rec, const char *key)
{
	const json_t *v = json_object_get(rec, key);

	return json_is_number(v) ? json_number_value(v) : NAN;
}

const json_t *rep_finding(const struct rep_run *run)
{
	const json_t *all = json_object_get(run->rec, "findings");
	size_t i;
	json_t *f;

	json_array_foreach(all, i, f)
	{
		const char *v = rep_str(f, "verdict");

		if (v && !strcmp(v, rep_verdict_name(run->verdict)))
			return f;
	}
	return json_array_get(all, 0);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char **rep_keys(json_t *obj)
{
	size_t n = 0, nr = json_object_size(obj);
	const char **keys = nwb_zalloc((nr + 1) * sizeof(*keys)), *key;
	json_t *v;

	if (!keys)
		return NULL;
	json_object_foreach(obj, key, v) keys[n++] = key;
	nwb_assert(n == nr);
	qsort(keys, n, sizeof(*keys), by_text);
	return keys;
}

/* Quotient; NAN when one side is missing or there is nothing to divide by. */
static double per(double a, double b)
{
	return b > 0 ? a / b : NAN;
}

static void run_metrics(struct rep_run *run)
{
	const json_t *rec = run->rec;
	const json_t *w = json_object_get(rec, "write_lat");
	const json_t *f = json_object_get(rec, "fsync_lat");
	double mib = rep_num(rec, "bytes") / (double)NWB_MIB;
	double cpu =
		rep_num(rec, "client_cpu_ns") + rep_num(rec, "server_cpu_ns");
	double *m = run->m;

	m[REP_MIB_S] = per(mib, rep_num(rec, "durable_ns") / (double)NWB_SEC);
	m[REP_CPU_NS_MIB] = per(cpu, mib);
	m[REP_RPCS_MIB] = per(rep_num(rec, "rpcs"), mib);
	m[REP_WRITES_MIB] = per(rep_num(rec, "write_rpcs"), mib);
	m[REP_SENT_RATIO] =
		per(rep_num(rec, "bytes_sent"), rep_num(rec, "bytes_dirtied"));
	m[REP_TEMP_MAX] = rep_num(rec, "temp_bytes_max");
	m[REP_WRITE_P50] = rep_num(w, "p50");
	m[REP_WRITE_P99] = rep_num(w, "p99");
	m[REP_WRITE_MAX] = rep_num(w, "max");
	m[REP_FSYNC_P50] = rep_num(f, "p50");
	m[REP_FSYNC_P99] = rep_num(f, "p99");
	m[REP_FSYNC_MAX] = rep_num(f, "max");
	m[REP_RETRIES] = rep_num(rec, "retries");
	m[REP_RECONNECTS] = rep_num(rec, "reconnects");
	m[REP_ALLOCS] = rep_num(rec, "allocs");
	m[REP_WSIZE] = rep_num(rec, "wsize");
	m[REP_DEPTH] = rep_num(rec, "depth");
	m[REP_DRAIN] = rep_num(rec, "drain_ns");
	m[REP_CLIENT_NS_MIB] = per(rep_num(rec, "client_cpu_ns"), mib);
	m[REP_SERVER_NS_MIB] = per(rep_num(rec, "server_cpu_ns"), mib);
}

static void run_init(struct rep_run *run, const json_t *rec, size_t seq)
{
	const json_t *pair = json_object_get(rec, "pair");
	const char *level = rep_str(rec, "level");

	run->rec = rec;
	run->seq = seq;
	run->verdict = rep_verdict_of(rec);
	run->is_check = level && !strcmp(level, "check");
	run->pair = json_is_integer(pair) ? json_integer_value(pair) : -1;
	run_metrics(run);
}

/* The order in which people expect the rows; what is not listed comes after,
 * by name. */
static int rank_of(const char *name)
{
	static const char *const known[] = {
		"seq1m",   "seq4k",	   "rand4k",	  "rewrite",
		"none",	   "reset-before", "reset-after", "slow-acks",
		"famine",  "in-place",	   "temp-page",	  "raw-cold",
		"raw-hot",
	};

	for (size_t i = 0; i < NWB_ARRAY_SIZE(known); i++)
		if (!strcmp(name, known[i]))
			return (int)i;
	return NWB_ARRAY_SIZE(known);
}

static int cmp_name(const json_t *a, const json_t *b, const char *key)
{
	const char *x = rep_str(a, key), *y = rep_str(b, key);
	int rx = rank_of(x), ry = rank_of(y);

	return rx != ry ? rx - ry : strcmp(x, y);
}

static int cmp_cell(const json_t *a, const json_t *b)
{
	int c = strcmp(rep_str(a, "server"), rep_str(b, "server"));

	if (!c)
		c = cmp_name(a, b, "workload");
	if (!c)
		c = cmp_name(a, b, "fault");
	if (!c)
		c = cmp_name(a, b, "subject");
	return c;
}

static int cmp_run(const void *pa, const void *pb)
{
	const struct rep_run *a = pa, *b = pb;
	int c = cmp_cell(a->rec, b->rec);

	if (c)
		return c;
	if (a->is_check != b->is_check)
		return a->is_check ? 1 : -1;
	if (a->pair != b->pair)
		return a->pair < b->pair ? -1 : 1;
	return a->seq < b->seq ? -1 : a->seq > b->seq;
}

static void cell_metric(struct rep_cell *c, enum rep_metric metric,
			size_t nr_runs)
{
	double x[REP_RUNS_MAX], max = 0;
	size_t n = 0;

	for (size_t i = 0; i < nr_runs; i++) {
		double v = c->run[i].m[metric];

		if (!isfinite(v))
			continue;
		max = fmax(max, v);
		x[n++] = v;
	}
	c->nr[metric] = n;
	c->m[metric] = NAN;
	if (!n)
		return;
	if (metric == REP_TEMP_MAX || metric == REP_WRITE_MAX ||
	    metric == REP_FSYNC_MAX)
		c->m[metric] = max;
	else
		c->m[metric] = nwb_median(x, n);
}

/* The worst of its runs; SKIP only when none ran. */
static enum rep_verdict cell_verdict(const struct rep_cell *c)
{
	enum rep_verdict worst = REP_SKIP;

	for (size_t i = 0; i < c->nr_runs; i++)
		worst = nwb_min(worst, c->run[i].verdict);
	return worst;
}

static void cell_init(struct rep_cell *c, const struct rep_run *run, size_t nr)
{
	size_t bench_ran = 0;

	nwb_assert(nr > 0 && nr <= REP_RUNS_MAX);
	c->run = run;
	c->nr_runs = nr;
	c->name = rep_str(run->rec, "cell");
	c->server = rep_str(run->rec, "server");
	c->subject = rep_str(run->rec, "subject");
	c->workload = rep_str(run->rec, "workload");
	c->fault = rep_str(run->rec, "fault");
	for (size_t i = 0; i < nr; i++) {
		c->nr_ran += run[i].verdict != REP_SKIP;
		c->nr_bench += !run[i].is_check;
		bench_ran += !run[i].is_check && run[i].verdict != REP_SKIP;
	}
	c->verdict = cell_verdict(c);
	c->is_check = !bench_ran && c->nr_bench < nr;
	for (int k = 0; k < REP_METRIC_NR; k++)
		cell_metric(c, (enum rep_metric)k,
			    bench_ran ? c->nr_bench : nr);
}

bool rep_has_cells(const struct rep_model *m)
{
	return m->nr_cells || !m->has_other;
}

/* What has sections of its own. */
static bool is_other(const char *type)
{
	return !strcmp(type, "compare") || !strcmp(type, "pair") ||
	       !strcmp(type, "decision") || !strcmp(type, "latency") ||
	       !strcmp(type, "fio");
}

static int collect_records(struct rep_model *m, const json_t *recs,
			   struct nwb_err *err)
{
	size_t i, nr = json_array_size(recs);
	json_t *rec;

	m->recs = recs;
	/* calloc of nothing may be NULL without being a failure. */
	m->run = nwb_zalloc((nr + 1) * sizeof(*m->run));
	if (!m->run)
		return nwb_err_set(err, -ENOMEM, "report: out of memory");
	json_array_foreach(recs, i, rec)
	{
		const char *type = rep_str(rec, "type");

		nwb_assert(type);
		if (!strcmp(type, "session"))
			m->session = rec;
		else if (!strcmp(type, "end"))
			m->end = rec;
		else if (!strcmp(type, "truncated"))
			m->truncated = rec;
		else if (!strcmp(type, "run"))
			run_init(&m->run[m->nr_runs++], rec, i);
		else if (is_other(type))
			m->has_other = true;
	}
	m->is_interrupted =
		!m->end || json_is_true(json_object_get(m->end, "interrupted"));
	return 0;
}

int rep_model_init(struct rep_model *m, const json_t *recs, struct nwb_err *err)
{
	size_t from = 0;
	int r;

	memset(m, 0, sizeof(*m));
	r = collect_records(m, recs, err);
	if (r)
		return r;
	qsort(m->run, m->nr_runs, sizeof(*m->run), cmp_run);
	m->cell = nwb_zalloc((m->nr_runs + 1) * sizeof(*m->cell));
	if (!m->cell)
		return nwb_err_set(err, -ENOMEM, "report: out of memory");
	for (size_t i = 1; i <= m->nr_runs; i++) {
		struct rep_cell *c = &m->cell[m->nr_cells];

		if (i < m->nr_runs &&
		    !cmp_cell(m->run[from].rec, m->run[i].rec))
			continue;
		if (i - from > REP_RUNS_MAX)
			return nwb_err_set(err, -E2BIG,
					   "cell %s has more than %d runs",
					   rep_str(m->run[from].rec, "cell"),
					   REP_RUNS_MAX);
		cell_init(c, &m->run[from], i - from);
		m->cells_by_verdict[c->verdict]++;
		m->nr_cells++;
		from = i;
	}
	return 0;
}

void rep_model_fini(struct rep_model *m)
{
	nwb_free(m->cell);
	nwb_free(m->run);
	memset(m, 0, sizeof(*m));
}

static bool is_beside(const struct rep_cell *a, const struct rep_cell *b)
{
	return !strcmp(a->server, b->server) &&
	       !strcmp(a->workload, b->workload) && !strcmp(a->fault, b->fault);
}

/* Cells that differ in the subject alone are neighbours. */
const struct rep_cell *rep_cell_find(const struct rep_model *m,
				     const struct rep_cell *like,
				     const char *subject)
{
	const struct rep_cell *end = m->cell + m->nr_cells;

	nwb_assert(like >= m->cell && like < end);
	while (like > m->cell && is_beside(like - 1, like))
		like--;
	for (const struct rep_cell *c = like; c < end && is_beside(c, like);
	     c++)
		if (!strcmp(c->subject, subject))
			return c;
	return NULL;
}

static bool is_usable(const struct rep_run *run, enum rep_metric metric)
{
	bool is_sound = run->verdict == REP_PASS || run->verdict == REP_KNOWN ||
			run->verdict == REP_UNEXPECTED_PASS ||
			run->verdict == REP_NOT_JUDGED;

	return is_sound && run->pair >= 0 && isfinite(run->m[metric]) &&
	       run->m[metric] > 0;
}

/*
 * Walks two sorted lists of runs of one level together. *@i and *@j are moved
 * past the pair; -1 at the end of either.
 */
static int next_pair(const struct rep_run *a, size_t na, size_t *i,
		     const struct rep_run *b, size_t nb, size_t *j,
		     enum rep_metric metric, double *ret_a, double *ret_b)
{
	while (*i < na && *j < nb) {
		json_int_t pair = nwb_min(a[*i].pair, b[*j].pair);
		double x = NAN, y = NAN;

		/* The last usable one of each stays in x and y. */
		for (; *i < na && a[*i].pair == pair; (*i)++)
			if (is_usable(&a[*i], metric))
				x = a[*i].m[metric];
		for (; *j < nb && b[*j].pair == pair; (*j)++)
			if (is_usable(&b[*j], metric))
				y = b[*j].m[metric];
		if (isnan(x) || isnan(y))
			continue;
		*ret_a = x;
		*ret_b = y;
		return 0;
	}
	return -1;
}

static void compare_level(const struct rep_run *a, size_t na,
			  const struct rep_run *b, size_t nb,
			  enum rep_metric metric, struct rep_cmp *cmp)
{
	double xa[NWB_PAIRS_MAX], xb[NWB_PAIRS_MAX], d[NWB_PAIRS_MAX], x, y;
	size_t i = 0, j = 0, n = 0;

	*cmp = (struct rep_cmp){
		.a = NAN, .b = NAN, .ratio = NAN, .lo = NAN, .hi = NAN};
	while (!next_pair(a, na, &i, b, nb, &j, metric, &x, &y)) {
		if (n == NWB_PAIRS_MAX) {
			cmp->unused++;
			continue;
		}
		xa[n] = x;
		xb[n] = y;
		cmp->each[n] = x / y;
		d[n++] = log(x / y);
	}
	cmp->pairs = n;
	if (!n)
		return;
	cmp->a = nwb_median(xa, n);
	cmp->b = nwb_median(xb, n);
	nwb_shift_ci(d, n, 0.05, &cmp->ratio, &cmp->lo, &cmp->hi);
	cmp->ratio = exp(cmp->ratio);
	cmp->lo = n < REP_PAIRS_MIN ? NAN : exp(cmp->lo);
	cmp->hi = n < REP_PAIRS_MIN ? NAN : exp(cmp->hi);
}

void rep_compare(const struct rep_cell *a, const struct rep_cell *b,
		 enum rep_metric metric, struct rep_cmp *ret_cmp)
{
	compare_level(a->run, a->nr_bench, b->run, b->nr_bench, metric,
		      ret_cmp);
	if (ret_cmp->pairs)
		return;
	compare_level(a->run + a->nr_bench, a->nr_runs - a->nr_bench,
		      b->run + b->nr_bench, b->nr_runs - b->nr_bench, metric,
		      ret_cmp);
}
