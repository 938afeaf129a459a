/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records of fio jobs to rows (model: fio_i.h). */
#include "fio_i.h"

#include "nwb/mem.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *rep_fio_dir_name(enum rep_fio_dir dir)
{
	static const char *const name[REP_FIO_DIRS] = {"read", "write", "trim"};

	nwb_assert(dir < REP_FIO_DIRS);
	return name[dir];
}

static double above_zero(double v)
{
	return v > 0 ? v : NAN;
}

static void run_init(struct rep_fio_run *run, const json_t *rec, size_t seq)
{
	const json_t *pair = json_object_get(rec, "pair");
	double mib = rep_num(rec, "run_bytes") / (double)NWB_MIB;
	double server = rep_num(rec, "server_cpu_ns");
	double cpu =
		rep_num(rec, "client_cpu_ns") + (isnan(server) ? 0 : server);

	*run = (struct rep_fio_run){
		.rec = rec,
		.pair = json_is_integer(pair) ? json_integer_value(pair) : -1,
		.invalid = rep_str(rec, "invalid"),
		.verdict = rep_verdict_of(rec),
		.seq = seq,
	};
	for (int d = 0; d < REP_FIO_DIRS; d++) {
		const json_t *dir = json_object_get(
			rec, rep_fio_dir_name((enum rep_fio_dir)d));
		const json_t *clat = json_object_get(dir, "clat");
		double *v = run->v[d];

		v[REP_FIO_MIB_S] = above_zero(rep_num(dir, "mib_s"));
		v[REP_FIO_IOPS] = above_zero(rep_num(dir, "iops"));
		v[REP_FIO_P50] = above_zero(rep_num(clat, "p50"));
		v[REP_FIO_P99] = above_zero(rep_num(clat, "p99"));
		v[REP_FIO_CPU] = dir && mib > 0 ? above_zero(cpu / mib) : NAN;
	}
}

/* The base first, then the reference in both modes, then the kernel's. */
static int rank_of(const json_t *rec)
{
	static const char *const known[] = {"posix", "in-place", "temp-page",
					    "kernel-fuse"};
	const char *s = rep_str(rec, "subject");
	size_t i = 0;

	while (i < NWB_ARRAY_SIZE(known) && strcmp(s, known[i]))
		i++;
	return (int)i;
}

static int cmp_text(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "");
}

/* As people list jobs: by what they do, small blocks first. */
static int cmp_key(const json_t *a, const json_t *b)
{
	double x = rep_num(a, "bs"), y = rep_num(b, "bs");
	int c = cmp_text(rep_str(a, "rw"), rep_str(b, "rw"));

	if (!c)
		c = (x > y) - (x < y);
	if (!c)
		c = strcmp(rep_str(a, "job"), rep_str(b, "job"));
	return c ? c : strcmp(rep_str(a, "fault"), rep_str(b, "fault"));
}

static int cmp_row(const json_t *a, const json_t *b)
{
	int c = cmp_key(a, b);

	if (!c && !rank_of(a) != !rank_of(b))
		c = rank_of(a) ? 1 : -1;
	if (!c)
		c = strcmp(rep_str(a, "server"), rep_str(b, "server"));
	if (!c)
		c = rank_of(a) - rank_of(b);
	return c ? c : strcmp(rep_str(a, "subject"), rep_str(b, "subject"));
}

static int cmp_run(const void *pa, const void *pb)
{
	const struct rep_fio_run *a = pa, *b = pb;
	int c = cmp_row(a->rec, b->rec);

	if (!c && a->pair != b->pair)
		c = a->pair < b->pair ? -1 : 1;
	return c ? c : a->seq < b->seq ? -1 : a->seq > b->seq;
}

static void row_metric(struct rep_fio_row *row, int d, int k)
{
	double x[REP_RUNS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < row->nr; i++)
		if (!row->run[i].invalid && !isnan(row->run[i].v[d][k]))
			x[n++] = row->run[i].v[d][k];
	row->n[d][k] = n;
	row->v[d][k] = n ? nwb_median(x, n) : NAN;
}

static void row_init(struct rep_fio_row *row, const struct rep_fio_run *run,
		     size_t nr)
{
	*row = (struct rep_fio_row){
		.job = rep_str(run->rec, "job"),
		.fault = rep_str(run->rec, "fault"),
		.server = rep_str(run->rec, "server"),
		.subject = rep_str(run->rec, "subject"),
		.run = run,
		.nr = nr,
		.verdict = REP_SKIP,
	};
	for (size_t i = 0; i < nr; i++) {
		row->nr_invalid += run[i].invalid != NULL;
		row->verdict = nwb_min(row->verdict, run[i].verdict);
	}
	for (int d = 0; d < REP_FIO_DIRS; d++)
		for (int k = 0; k < REP_FIO_METRICS; k++)
			row_metric(row, d, k);
}

static int collect(struct rep_fio *f, const json_t *recs)
{
	size_t i;
	json_t *rec;

	f->run = nwb_zalloc((json_array_size(recs) + 1) * sizeof(*f->run));
	if (!f->run)
		return -ENOMEM;
	json_array_foreach(recs, i, rec)
	{
		const char *type = rep_str(rec, "type");

		if (!strcmp(type, "session"))
			f->session = rec;
		else if (!strcmp(type, "end"))
			f->end = rec;
		else if (!strcmp(type, "fio"))
			run_init(&f->run[f->nr_runs++], rec, i);
	}
	qsort(f->run, f->nr_runs, sizeof(*f->run), cmp_run);
	for (i = 0; i < f->nr_runs; i++) {
		f->nr_invalid += f->run[i].invalid != NULL;
		f->by_verdict[f->run[i].verdict]++;
	}
	return 0;
}

int rep_fio_init(struct rep_fio *f, const json_t *recs, struct nwb_err *err)
{
	size_t from = 0;

	*f = (struct rep_fio){0};
	if (collect(f, recs))
		return nwb_err_set(err, -ENOMEM, "report: out of memory");
	f->row = nwb_zalloc((f->nr_runs + 1) * sizeof(*f->row));
	if (!f->row)
		return nwb_err_set(err, -ENOMEM, "report: out of memory");
	for (size_t i = 1; i <= f->nr_runs; i++) {
		if (i < f->nr_runs && !cmp_row(f->run[from].rec, f->run[i].rec))
			continue;
		if (i - from > REP_RUNS_MAX)
			return nwb_err_set(
				err, -E2BIG, "fio job %s has more than %d runs",
				rep_str(f->run[from].rec, "job"), REP_RUNS_MAX);
		row_init(&f->row[f->nr++], &f->run[from], i - from);
		from = i;
	}
	return 0;
}

void rep_fio_fini(struct rep_fio *f)
{
	nwb_free(f->run);
	nwb_free(f->row);
	*f = (struct rep_fio){0};
}

size_t rep_fio_group(const struct rep_fio *f, size_t i)
{
	size_t nr = 1;

	while (i + nr < f->nr &&
	       !cmp_key(f->row[i].run->rec, f->row[i + nr].run->rec))
		nr++;
	return nr;
}

bool rep_fio_has(const struct rep_fio_row *row, size_t nr, enum rep_fio_dir dir)
{
	for (size_t i = 0; i < nr; i++)
		if (row[i].n[dir][REP_FIO_MIB_S])
			return true;
	return false;
}

/* A directory has no wire that a fault could hit: one posix is the base of
 * all, whatever was broken. */
const struct rep_fio_row *rep_fio_base(const struct rep_fio *f,
				       const struct rep_fio_row *row,
				       const char *subject)
{
	bool is_posix = !strcmp(subject, "posix");

	for (size_t i = 0; i < f->nr; i++) {
		const struct rep_fio_row *b = &f->row[i];

		if (b == row || strcmp(b->job, row->job) ||
		    strcmp(b->subject, subject))
			continue;
		if (is_posix || (!strcmp(b->server, row->server) &&
				 !strcmp(b->fault, row->fault)))
			return b;
	}
	return NULL;
}

static bool is_sound(const struct rep_fio_run *run)
{
	return !run->invalid && run->pair >= 0 &&
	       (run->verdict == REP_PASS || run->verdict == REP_KNOWN ||
		run->verdict == REP_NOT_JUDGED);
}

static const struct {
	const char *metric, *unit;
	bool is_more_better;
	double delta;
} kinds[REP_FIO_METRICS] = {
	[REP_FIO_MIB_S] = {"mib_s", "MiB/s", true, 0.10},
	[REP_FIO_IOPS] = {"iops", "1/s", true, 0.10},
	[REP_FIO_P50] = {"clat_p50_ns", "ns", false, 0.10},
	[REP_FIO_P99] = {"clat_p99_ns", "ns", false, 0.10},
	[REP_FIO_CPU] = {"cpu_ns_mib", "ns/MiB", false, 0.05},
};

void rep_fio_compare(const struct rep_fio_row *base,
		     const struct rep_fio_row *row, enum rep_fio_dir dir,
		     enum rep_fio_metric metric, struct rep_gate_row *ret)
{
	double a[NWB_PAIRS_MAX], b[NWB_PAIRS_MAX];
	size_t n = 0, i = 0;

	*ret = (struct rep_gate_row){
		.name = row->job,
		.metric = kinds[metric].metric,
		.unit = kinds[metric].unit,
		.server = row->server,
		.workload = row->job,
		.is_more_better = kinds[metric].is_more_better,
		.delta = kinds[metric].delta,
		.verdict = REP_GATE_FREE,
		.again_ratio = NAN,
	};
	for (size_t k = 0; k < row->nr && n < NWB_PAIRS_MAX; k++) {
		double y = row->run[k].v[dir][metric];

		if (!is_sound(&row->run[k]) || isnan(y))
			continue;
		while (i < base->nr && base->run[i].pair < row->run[k].pair)
			i++;
		if (i == base->nr || base->run[i].pair != row->run[k].pair ||
		    !is_sound(&base->run[i]) ||
		    isnan(base->run[i].v[dir][metric]))
			continue;
		a[n] = base->run[i].v[dir][metric];
		b[n++] = y;
	}
	rep_gate_row_estimate(ret, a, b, n);
}

const char *rep_fio_shape(char *buf, const struct rep_fio_row *row)
{
	const json_t *rec = row->run->rec;
	const char *rw = rep_str(rec, "rw");
	double jobs = rep_num(rec, "numjobs");
	char b[REP_FIELD], d[REP_FIELD], j[REP_FIELD];

	snprintf(buf, REP_TALLY, "%.40s, blocks of %s, iodepth %s, %s job%s",
		 rw ? rw : "rw not recorded",
		 rep_fmt_bytes(b, rep_num(rec, "bs")),
		 rep_fmt_count(d, rep_num(rec, "iodepth")),
		 rep_fmt_count(j, jobs), jobs == 1 ? "" : "s");
	return buf;
}

void rep_fio_tally(const struct rep_fio *f, char ret_text[REP_TALLY])
{
	size_t at = (size_t)snprintf(ret_text, REP_TALLY,
				     "%zu fio job runs:", f->nr_runs);
	size_t nr = 0;

	for (int v = 0; v < REP_VERDICT_NR; v++) {
		size_t n = f->by_verdict[v];

		if (!n)
			continue;
		at += (size_t)snprintf(ret_text + at, REP_TALLY - at,
				       "%s %s %zu", nr++ ? "," : "",
				       rep_verdict_name((enum rep_verdict)v),
				       n);
		nwb_assert(at < REP_TALLY);
	}
	snprintf(ret_text + at, REP_TALLY - at, "; INVALID %zu", f->nr_invalid);
}

bool rep_fio_is_bad(const struct rep_fio_run *run)
{
	return run->invalid || run->verdict < REP_PASS ||
	       run->verdict == REP_SKIP;
}

bool rep_fio_is_news(const struct rep_fio *f, size_t run, const char *w)
{
	for (size_t i = 0; i < run; i++) {
		size_t k;
		json_t *v;

		json_array_foreach(json_object_get(f->run[i].rec, "warnings"),
				   k, v)
		{
			if (!strcmp(json_string_value(v), w))
				return false;
		}
	}
	return true;
}
