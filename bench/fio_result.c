/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fio's json+ output, believed only when all of it is there.
 *
 *	text before {   only lines that begin with "note: "
 *	{ ... }		no duplicate keys, every member that we use, each of
 *			its type; bins that add up to N; the job's error 0
 *	text behind }	none
 *
 * fio prints what it complains about into the same stream (its issues 731,
 * 1685 and 2141), and a file system that fails may leave half a file.
 */
#include "fio_i.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *bench_fio_ddir_name(enum bench_fio_ddir d)
{
	static const char *const names[] = {"read", "write", "trim"};

	return names[d];
}

/* As an expression, so that the compiler sees that it is never 0. */
#define invalid(err, ...) (nwb_err_set(err, -EINVAL, __VA_ARGS__), -EINVAL)

/* --- members -------------------------------------------------------------- */

static int get(const json_t *o, const char *job, const char *key, int type,
	       json_t **ret, struct nwb_err *err)
{
	json_t *v = json_object_get(o, key);
	bool fits = v && (type == JSON_REAL ? json_is_number(v)
					    : (int)json_typeof(v) == type);

	if (!fits)
		return invalid(err, "fio's output: job %.40s: \"%s\" is %s",
			       job, key, v ? "of another type" : "missing");
	*ret = v;
	return 0;
}

static int get_count(const json_t *o, const char *job, const char *key,
		     uint64_t *ret, struct nwb_err *err)
{
	json_t *v;
	int rc = get(o, job, key, JSON_INTEGER, &v, err);

	if (rc)
		return rc;
	if (json_integer_value(v) < 0)
		return invalid(err, "fio's output: job %.40s: \"%s\" is %lld",
			       job, key, (long long)json_integer_value(v));
	*ret = (uint64_t)json_integer_value(v);
	return 0;
}

/* --- latencies ------------------------------------------------------------ */

static int add_bin(struct nwb_hist *h, const char *key, const json_t *v,
		   uint64_t *total)
{
	char *end;
	unsigned long long ns = strtoull(key, &end, 10);
	json_int_t nr = json_integer_value(v);
	uint32_t *bin;

	if (end == key || *end || !json_is_integer(v) || nr < 0 ||
	    nr > UINT32_MAX)
		return -EINVAL;
	bin = &h->bin[nwb_hist_bucket(ns)];
	if ((uint64_t)nr + *bin > UINT32_MAX)
		return -EINVAL;
	*bin += (uint32_t)nr;
	h->count += (uint64_t)nr;
	h->sum += (uint64_t)nr * ns;
	*total += (uint64_t)nr;
	return 0;
}

/*
 * {"min":, "max":, "N":, "bins":{ns: count}} is added to @h. Without bins (the
 * job switched percentiles off) nothing is known of the distribution.
 */
static int add_latency(const json_t *o, const char *job, struct nwb_hist *h,
		       struct nwb_err *err)
{
	json_t *bins = json_object_get(o, "bins"), *v;
	uint64_t n, min, max, total = 0;
	const char *key;
	int rc = get_count(o, job, "N", &n, err);

	if (!rc)
		rc = get_count(o, job, "min", &min, err);
	if (!rc)
		rc = get_count(o, job, "max", &max, err);
	if (rc || !bins)
		return rc;
	if (!json_is_object(bins))
		return invalid(err,
			       "fio's output: job %.40s: \"bins\" is of "
			       "another type",
			       job);
	if (n && (!h->count || min < h->min))
		h->min = min;
	h->max = nwb_max(h->max, max);
	json_object_foreach(bins, key, v)
	{
		if (add_bin(h, key, v, &total))
			return invalid(err,
				       "fio's output: job %.40s: bin \"%.20s\" "
				       "is no count of a time",
				       job, key);
	}
	if (total != n)
		return invalid(err,
			       "fio's output: job %.40s: %llu latencies in the "
			       "bins, but N is %llu",
			       job, (unsigned long long)total,
			       (unsigned long long)n);
	return 0;
}

/* --- jobs ----------------------------------------------------------------- */

static int add_dir(const json_t *job, const char *name, enum bench_fio_ddir d,
		   struct bench_fio_dir *ret, struct nwb_err *err)
{
	const char *key = bench_fio_ddir_name(d);
	uint64_t bytes, ios, ms;
	json_t *o, *lat;
	int rc = get(job, name, key, JSON_OBJECT, &o, err);

	if (!rc)
		rc = get_count(o, name, "io_bytes", &bytes, err);
	if (!rc)
		rc = get_count(o, name, "total_ios", &ios, err);
	if (!rc)
		rc = get_count(o, name, "runtime", &ms, err);
	if (!rc)
		rc = get(o, name, "clat_ns", JSON_OBJECT, &lat, err);
	if (!rc)
		rc = add_latency(lat, name, &ret->clat, err);
	if (rc)
		return rc;
	if (!ios != !bytes && d != BENCH_FIO_TRIM)
		return invalid(err,
			       "fio's output: job %.40s: %llu I/Os of %llu "
			       "bytes in all",
			       name, (unsigned long long)ios,
			       (unsigned long long)bytes);
	ret->bytes += bytes;
	ret->ios += ios;
	ret->runtime_ns = nwb_max(ret->runtime_ns, ms * NWB_MSEC);
	return 0;
}

static struct bench_fio_job *job_of(struct bench_fio_result *r,
				    const char *name)
{
	for (unsigned int i = 0; i < r->nr_jobs; i++)
		if (!strcmp(r->job[i].name, name))
			return &r->job[i];
	if (r->nr_jobs == BENCH_FIO_JOBS)
		return NULL;
	snprintf(r->job[r->nr_jobs].name, sizeof(r->job[0].name), "%s", name);
	return &r->job[r->nr_jobs++];
}

static int add_cpu(const json_t *o, struct bench_fio_job *j,
		   struct nwb_err *err)
{
	json_t *usr, *sys;
	uint64_t ms;
	int rc = get(o, j->name, "usr_cpu", JSON_REAL, &usr, err);

	if (!rc)
		rc = get(o, j->name, "sys_cpu", JSON_REAL, &sys, err);
	if (!rc)
		rc = get_count(o, j->name, "job_runtime", &ms, err);
	if (rc)
		return rc;
	j->usr += json_number_value(usr);
	j->sys += json_number_value(sys);
	/* ms is the sum over a group's processes: the window is what each
	 * direction says */
	return 0;
}

static int add_job(const json_t *o, struct bench_fio_result *r,
		   struct nwb_err *err)
{
	json_t *name, *error, *sync, *lat;
	struct bench_fio_job *j;
	int rc = get(o, "?", "jobname", JSON_STRING, &name, err);

	if (rc)
		return rc;
	if (!json_string_length(name) || json_string_length(name) > 63)
		return invalid(err, "fio's output: a job without a name");
	j = job_of(r, json_string_value(name));
	if (!j)
		return invalid(err, "fio's output: too many jobs");
	j->nr++;
	rc = get(o, j->name, "error", JSON_INTEGER, &error, err);
	if (rc)
		return rc;
	if (json_integer_value(error) && !r->error) {
		r->error = (int)json_integer_value(error);
		snprintf(r->error_job, sizeof(r->error_job), "%s", j->name);
	}
	rc = add_cpu(o, j, err);
	for (int d = 0; d < BENCH_FIO_DDIRS && !rc; d++) {
		rc = add_dir(o, j->name, (enum bench_fio_ddir)d, &j->dir[d],
			     err);
		j->runtime_ns = nwb_max(j->runtime_ns, j->dir[d].runtime_ns);
	}
	if (!rc)
		rc = get(o, j->name, "sync", JSON_OBJECT, &sync, err);
	if (!rc)
		rc = get(sync, j->name, "lat_ns", JSON_OBJECT, &lat, err);
	return rc ? rc : add_latency(lat, j->name, &j->sync, err);
}

/* --- what the job file promised ------------------------------------------- */

static const struct bench_fio_spec *spec_of(const struct bench_fio_file *f,
					    const char *name)
{
	for (unsigned int i = 0; i < f->nr_jobs; i++)
		if (!strcmp(f->job[i].name, name))
			return &f->job[i];
	return NULL;
}

/* With group_reporting one entry stands for its whole group. */
static int check_present(const struct bench_fio_file *f,
			 struct bench_fio_result *r, struct nwb_err *err)
{
	for (unsigned int i = 0; i < f->nr_jobs; i++) {
		const struct bench_fio_spec *s = &f->job[i];
		unsigned int want = 0, has = 0;

		for (unsigned int k = 0; k < f->nr_jobs; k++)
			if (!strcmp(f->job[k].name, s->name))
				want += f->job[k].group_reporting
						? 0
						: f->job[k].numjobs;
		for (unsigned int k = 0; k < r->nr_jobs; k++)
			if (!strcmp(r->job[k].name, s->name))
				has = r->job[k].nr;
		if (has < want)
			return invalid(err,
				       "fio's output: %u of %u processes of "
				       "job %s are in it",
				       has, want, s->name);
	}
	for (unsigned int k = 0; k < r->nr_jobs; k++)
		if (!spec_of(f, r->job[k].name))
			return invalid(err,
				       "fio's output: job %s is not in the "
				       "job file",
				       r->job[k].name);
	return 0;
}

static void too_little(struct bench_fio_job *j, const char *fmt, ...)
	nwb_printf(2, 3);

static void too_little(struct bench_fio_job *j, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(j->why, sizeof(j->why), fmt, ap);
	va_end(ap);
}

static void check_window(const struct bench_fio_spec *s,
			 struct bench_fio_job *j)
{
	uint64_t ns = 0, ios = 0;

	for (int d = 0; d < BENCH_FIO_DDIRS; d++) {
		ios += j->dir[d].ios;
		ns = nwb_max(ns, j->dir[d].runtime_ns);
	}
	if (!ios)
		too_little(j, "it did no I/O that was measured%s",
			   s->ramp_ns ? " (ramp_time?)" : "");
	else if (s->ramp_ns > ns)
		too_little(j,
			   "ramp_time %.1f s is longer than the window that "
			   "was measured, %.1f s",
			   (double)s->ramp_ns / NWB_SEC, (double)ns / NWB_SEC);
	else if (ns < BENCH_FIO_SHORTEST_NS)
		too_little(j,
			   "measured for %llu ms only; below %llu ms fio's "
			   "clock says too little: raise size=, or set "
			   "runtime= and time_based",
			   (unsigned long long)(ns / NWB_MSEC),
			   BENCH_FIO_SHORTEST_NS / NWB_MSEC);
	else if (s->time_based && ns < s->runtime_ns - s->runtime_ns / 10)
		too_little(j, "runtime is %.1f s, but %.1f s were measured",
			   (double)s->runtime_ns / NWB_SEC,
			   (double)ns / NWB_SEC);
}

/* --- the file ------------------------------------------------------------- */

/* Return: where the object begins; NULL: something else comes first. */
static const char *skip_notes(const char *text, const char *end,
			      struct bench_fio_result *r, struct nwb_err *err)
{
	const char *p = text;

	while (p < end && *p != '{') {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		size_t len = (size_t)((nl ? nl : end) - p);

		if (len >= 6 && !memcmp(p, "note: ", 6)) {
			snprintf(r->note, sizeof(r->note), "%.*s",
				 (int)nwb_min(len, (size_t)240), p);
		} else if (len) {
			nwb_err_set(err, -EINVAL,
				    "fio said before its result: %.*s",
				    (int)nwb_min(len, (size_t)240), p);
			return NULL;
		}
		if (!nl)
			break;
		p = nl + 1;
	}
	if (p < end && *p == '{')
		return p;
	nwb_err_set(err, -EINVAL, "fio's output: there is no result in it");
	return NULL;
}

static int load(const char *text, size_t len, struct bench_fio_result *r,
		json_t **ret, struct nwb_err *err)
{
	const char *end = text + len, *at = skip_notes(text, end, r, err);
	json_error_t je;

	if (!at)
		return -EINVAL;
	*ret = json_loadb(at, (size_t)(end - at),
			  JSON_REJECT_DUPLICATES | JSON_DISABLE_EOF_CHECK, &je);
	if (!*ret)
		return invalid(err, "fio's output: line %d: %.200s", je.line,
			       je.text);
	for (at += je.position; at < end; at++)
		if (!memchr(" \t\r\n", *at, 4)) {
			const char *nl = memchr(at, '\n', (size_t)(end - at));
			size_t n = (size_t)((nl ? nl : end) - at);

			return invalid(err, "fio said after its result: %.*s",
				       (int)nwb_min(n, (size_t)240), at);
		}
	return 0;
}

static int parse(const json_t *root, const struct bench_fio_file *file,
		 struct bench_fio_result *ret, struct nwb_err *err)
{
	json_t *v, *jobs;
	size_t i;
	int rc = get(root, "-", "fio version", JSON_STRING, &v, err);

	if (!rc)
		rc = get(root, "-", "jobs", JSON_ARRAY, &jobs, err);
	if (rc)
		return rc;
	snprintf(ret->version, sizeof(ret->version), "%.31s",
		 json_string_value(v));
	json_array_foreach(jobs, i, v)
	{
		rc = add_job(v, ret, err);
		if (rc)
			return rc;
	}
	if (ret->error)
		return invalid(err, "job %s failed: %s", ret->error_job,
			       strerror(ret->error));
	rc = check_present(file, ret, err);
	for (i = 0; i < ret->nr_jobs && !rc; i++)
		check_window(spec_of(file, ret->job[i].name), &ret->job[i]);
	return rc;
}

int bench_fio_parse(const char *text, size_t len,
		    const struct bench_fio_file *file,
		    struct bench_fio_result *ret, struct nwb_err *err)
{
	json_t *root = NULL;
	int rc;

	if (!len)
		return invalid(err, "fio wrote no result");
	rc = load(text, len, ret, &root, err);
	if (!rc)
		rc = parse(root, file, ret, err);
	json_decref(root);
	return rc;
}
