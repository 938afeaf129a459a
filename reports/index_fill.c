/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the records of one session to rows.
 *
 * Runs of one cell give one value a metric: Hodges-Lehmann of the logarithms,
 * with its exact signed-rank interval; what can be zero has no logarithm, its
 * value is the median without an interval. Only runs of level "bench" count:
 * "check" decodes the payload and is slower, and a series that mixes both has
 * steps that nobody made. A decision gives its estimate, a latency step and a
 * fio job their figures.
 */
#include "index_i.h"

#include "nwb/stats.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The values of one case and metric, while its runs are read. */
struct series {
	double x[NWB_PAIRS_MAX];
	unsigned int n;
};

struct fill {
	sqlite3 *db;
	sqlite3_int64 session;
	sqlite3_stmt *value, *outcome;
	json_t *several; /* case: metric: values, of records that repeat */
	int rc;
};

static const char *text_of(const json_t *rec, const char *key)
{
	const char *s = json_string_value(json_object_get(rec, key));

	return s ? s : "";
}

static double num_of(const json_t *rec, const char *key)
{
	const json_t *v = json_object_get(rec, key);

	return json_is_number(v) ? json_number_value(v) : NAN;
}

static void bind_double(sqlite3_stmt *st, int at, double v)
{
	if (isfinite(v))
		sqlite3_bind_double(st, at, v);
	else
		sqlite3_bind_null(st, at);
}

static void step(struct fill *f, sqlite3_stmt *st)
{
	if (sqlite3_step(st) != SQLITE_DONE)
		f->rc = sqlite3_errcode(f->db);
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
}

static void add_value(struct fill *f, const char *cs, const char *metric,
		      unsigned int n, double est, double lo, double hi,
		      const char *verdict)
{
	sqlite3_stmt *st = f->value;

	if (f->rc != SQLITE_OK || !isfinite(est))
		return;
	sqlite3_bind_int64(st, 1, f->session);
	sqlite3_bind_text(st, 2, cs, -1, SQLITE_TRANSIENT);
	sqlite3_bind_text(st, 3, metric, -1, SQLITE_TRANSIENT);
	sqlite3_bind_int64(st, 4, n);
	bind_double(st, 5, est);
	bind_double(st, 6, lo);
	bind_double(st, 7, hi);
	if (verdict && *verdict)
		sqlite3_bind_text(st, 8, verdict, -1, SQLITE_TRANSIENT);
	step(f, st);
}

/* --- runs ----------------------------------------------------------------- */

static double per(double a, double b)
{
	return b > 0 ? a / b : NAN;
}

static double mib_of(const json_t *run)
{
	return num_of(run, "bytes") / (double)NWB_MIB;
}

static double mib_s(const json_t *run)
{
	return per(mib_of(run), num_of(run, "durable_ns") / (double)NWB_SEC);
}

static double cpu_ns_mib(const json_t *run)
{
	return per(num_of(run, "client_cpu_ns") + num_of(run, "server_cpu_ns"),
		   mib_of(run));
}

static double client_cpu_ns_mib(const json_t *run)
{
	return per(num_of(run, "client_cpu_ns"), mib_of(run));
}

static double server_cpu_ns_mib(const json_t *run)
{
	return per(num_of(run, "server_cpu_ns"), mib_of(run));
}

static double rpcs_mib(const json_t *run)
{
	return per(num_of(run, "rpcs"), mib_of(run));
}

static double sent_ratio(const json_t *run)
{
	return per(num_of(run, "bytes_sent"), num_of(run, "bytes_dirtied"));
}

static double write_p99_ns(const json_t *run)
{
	return num_of(json_object_get(run, "write_lat"), "p99");
}

static double fsync_p99_ns(const json_t *run)
{
	return num_of(json_object_get(run, "fsync_lat"), "p99");
}

static double temp_bytes_max(const json_t *run)
{
	return num_of(run, "temp_bytes_max");
}

static double retries(const json_t *run)
{
	return num_of(run, "retries");
}

static const struct {
	const char *name;
	double (*get)(const json_t *run);
} metrics[] = {
	{"mib_s", mib_s},
	{"cpu_ns_mib", cpu_ns_mib},
	{"client_cpu_ns_mib", client_cpu_ns_mib},
	{"server_cpu_ns_mib", server_cpu_ns_mib},
	{"write_p99_ns", write_p99_ns},
	{"fsync_p99_ns", fsync_p99_ns},
	{"rpcs_mib", rpcs_mib},
	{"sent_ratio", sent_ratio},
	{"temp_bytes_max", temp_bytes_max},
	{"retries", retries},
};

/* From good to bad, for the worst of a case's runs. */
static int badness(const char *verdict)
{
	static const char *const order[] = {"",
					    "SKIP",
					    "PASS",
					    "KNOWN",
					    "INCONCLUSIVE",
					    "VACUOUS",
					    "UNEXPECTED-PASS",
					    "FAIL"};

	for (size_t i = 0; i < NWB_ARRAY_SIZE(order); i++)
		if (!strcmp(order[i], verdict))
			return (int)i;
	return 0;
}

static bool counts(const json_t *run)
{
	int b = badness(text_of(run, "verdict"));

	return !strcmp(text_of(run, "level"), "bench") && b != 1 &&
	       (b <= badness("KNOWN") || b == badness("UNEXPECTED-PASS"));
}

static void add_series(struct fill *f, const char *cell, const char *metric,
		       const struct series *s, const char *verdict)
{
	double d[NWB_PAIRS_MAX], est, lo, hi;
	bool is_positive = true;

	if (!s->n)
		return;
	for (unsigned int i = 0; i < s->n; i++)
		is_positive &= s->x[i] > 0;
	if (!is_positive) {
		add_value(f, cell, metric, s->n, nwb_median(s->x, s->n), NAN,
			  NAN, verdict);
		return;
	}
	for (unsigned int i = 0; i < s->n; i++)
		d[i] = log(s->x[i]);
	nwb_shift_ci(d, s->n, 0.05, &est, &lo, &hi);
	add_value(f, cell, metric, s->n, exp(est), exp(lo), exp(hi), verdict);
}

static void add_cell(struct fill *f, const char *cell, const json_t *runs)
{
	static const struct series none;
	const char *worst = "";
	size_t i;
	json_t *run;

	json_array_foreach(runs, i, run)
	{
		const char *v = text_of(run, "verdict");

		if (badness(v) > badness(worst))
			worst = v;
	}
	for (size_t k = 0; k < NWB_ARRAY_SIZE(metrics); k++) {
		struct series s = none;

		json_array_foreach(runs, i, run)
		{
			double v = counts(run) ? metrics[k].get(run) : NAN;

			/* the statistic takes no more; the first are as good */
			if (isfinite(v) && s.n < NWB_PAIRS_MAX)
				s.x[s.n++] = v;
		}
		add_series(f, cell, metrics[k].name, &s, worst);
	}
	sqlite3_bind_int64(f->outcome, 1, f->session);
	sqlite3_bind_text(f->outcome, 2, cell, -1, SQLITE_TRANSIENT);
	sqlite3_bind_text(f->outcome, 3, worst, -1, SQLITE_TRANSIENT);
	sqlite3_bind_int64(f->outcome, 4, (sqlite3_int64)json_array_size(runs));
	step(f, f->outcome);
}

static void add_runs(struct fill *f, const json_t *recs)
{
	json_t *cells = json_object(), *rec, *runs;
	char name[NWB_SERIES_NAME_MAX];
	const char *cell;
	size_t i;

	json_array_foreach(recs, i, rec)
	{
		if (strcmp(text_of(rec, "type"), "run"))
			continue;
		nwb_series_name(rec, name, sizeof(name));
		runs = json_object_get(cells, name);
		if (!runs) {
			runs = json_array();
			json_object_set_new(cells, name, runs);
		}
		json_array_append(runs, rec);
	}
	json_object_foreach(cells, cell, runs) add_cell(f, cell, runs);
	json_decref(cells);
}

/* --- the other records ---------------------------------------------------- */

static void add_decision(struct fill *f, const json_t *rec)
{
	const char *role = text_of(rec, "role");
	const char *kind = !strcmp(role, "control")   ? "control"
			   : !strcmp(role, "confirm") ? "confirm"
						      : "ratio";
	char metric[96];

	snprintf(metric, sizeof(metric), "%s.%.80s", kind,
		 text_of(rec, "metric"));
	add_value(f, text_of(rec, "case"), metric,
		  (unsigned int)json_integer_value(json_object_get(rec, "n")),
		  exp(num_of(rec, "hl")), exp(num_of(rec, "lo")),
		  exp(num_of(rec, "hi")), text_of(rec, "verdict"));
}

static void collect(struct fill *f, const char *cs, const char *metric,
		    double v)
{
	json_t *of = json_object_get(f->several, cs), *values;

	if (!isfinite(v))
		return;
	if (!of) {
		of = json_object();
		json_object_set_new(f->several, cs, of);
	}
	values = json_object_get(of, metric);
	if (!values) {
		values = json_array();
		json_object_set_new(of, metric, values);
	}
	json_array_append_new(values, json_real(v));
}

static void add_collected(struct fill *f)
{
	const char *cs, *metric;
	json_t *of, *values, *v;
	size_t i;

	json_object_foreach(f->several, cs, of)
	{
		json_object_foreach(of, metric, values)
		{
			struct series s = {.n = 0};

			json_array_foreach(values, i, v)
			{
				if (s.n < NWB_PAIRS_MAX)
					s.x[s.n++] = json_real_value(v);
			}
			add_series(f, cs, metric, &s, NULL);
		}
	}
}

static void add_latency(struct fill *f, const json_t *rec)
{
	static const char *const kinds[] = {"response", "service", "durable"};
	double share = num_of(rec, "share") * 100;
	char metric[96], at[32], name[NWB_SERIES_NAME_MAX];

	if (strcmp(text_of(rec, "step"), "load"))
		return;
	/* of the knee of its day, or a rate that was given */
	if (share > 0)
		snprintf(at, sizeof(at), "%.0f%%", share);
	else
		snprintf(at, sizeof(at), "%.0f/s", num_of(rec, "rate_ops_s"));
	nwb_series_name(rec, name, sizeof(name));
	for (size_t i = 0; i < NWB_ARRAY_SIZE(kinds); i++) {
		const json_t *lat = json_object_get(rec, kinds[i]);

		snprintf(metric, sizeof(metric), "%s_p99_ns@%s%s%s", kinds[i],
			 at, *text_of(rec, "side") ? "/" : "",
			 text_of(rec, "side"));
		collect(f, name, metric, num_of(lat, "p99"));
	}
}

static void add_fio(struct fill *f, const json_t *rec)
{
	static const char *const dirs[] = {"write", "read"};
	static const char *const keys[] = {"mib_s", "iops"};
	char cs[256], metric[64];

	if (*text_of(rec, "invalid"))
		return;
	snprintf(cs, sizeof(cs), "%s.%s.%s.%s", text_of(rec, "server"),
		 text_of(rec, "subject"), text_of(rec, "job"),
		 text_of(rec, "fault"));
	for (size_t d = 0; d < NWB_ARRAY_SIZE(dirs); d++) {
		const json_t *o = json_object_get(rec, dirs[d]);

		/* a job that does not read has no figures of reading */
		if (!(num_of(o, "bytes") > 0) && !(num_of(o, "mib_s") > 0))
			continue;
		for (size_t k = 0; k < NWB_ARRAY_SIZE(keys); k++) {
			snprintf(metric, sizeof(metric), "%s_%s", dirs[d],
				 keys[k]);
			collect(f, cs, metric, num_of(o, keys[k]));
		}
		snprintf(metric, sizeof(metric), "%s_clat_p99_ns", dirs[d]);
		collect(f, cs, metric,
			num_of(json_object_get(o, "clat"), "p99"));
	}
}

int nwb_index_fill(sqlite3 *db, sqlite3_int64 session, const json_t *recs)
{
	struct fill f = {.db = db, .session = session};
	size_t i;
	json_t *rec;

	f.rc = sqlite3_prepare_v2(db,
				  "INSERT INTO value(session, cs, metric, n,"
				  " est, lo, hi, verdict)"
				  " VALUES(?,?,?,?,?,?,?,?)",
				  -1, &f.value, NULL);
	if (f.rc == SQLITE_OK)
		f.rc = sqlite3_prepare_v2(
			db,
			"INSERT INTO outcome(session, cs, verdict, runs)"
			" VALUES(?,?,?,?)",
			-1, &f.outcome, NULL);
	f.several = json_object();
	if (f.rc == SQLITE_OK)
		add_runs(&f, recs);
	json_array_foreach(recs, i, rec)
	{
		const char *type = text_of(rec, "type");

		if (f.rc != SQLITE_OK)
			break;
		if (!strcmp(type, "decision"))
			add_decision(&f, rec);
		else if (!strcmp(type, "latency"))
			add_latency(&f, rec);
		else if (!strcmp(type, "fio"))
			add_fio(&f, rec);
	}
	if (f.rc == SQLITE_OK)
		add_collected(&f);
	json_decref(f.several);
	sqlite3_finalize(f.value);
	sqlite3_finalize(f.outcome);
	return f.rc;
}
