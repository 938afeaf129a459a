/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Time lines, histograms and what faults did, out of the records. All of it is
 * optional there: files of older versions have none of it.
 */
#include "report_i.h"

#include "nwb/mem.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What no machine measures would break the drawing of all the rest. */
static double sane(double v)
{
	return isfinite(v) ? fmin(v, 1e15) : 1e15;
}

/* ---- time lines ---- */

static char mark_kind(const char *kind)
{
	static const struct {
		const char *name;
		char kind;
	} known[] = {
		{"fault", 'f'},	      {"conn-down", 'd'},   {"conn-up", 'u'},
		{"fsync", 's'},	      {"fsync-error", 'e'}, {"heal", 'h'},
		{"server-down", 'x'}, {"server-up", 'y'},
	};

	for (size_t i = 0; kind && i < NWB_ARRAY_SIZE(known); i++)
		if (!strcmp(known[i].name, kind))
			return known[i].kind;
	return '?';
}

static void load_marks(const json_t *rec, struct rep_series *s)
{
	const json_t *all = json_object_get(rec, "marks");
	double left_out = rep_num(rec, "marks_left_out");
	size_t i;
	json_t *j;

	s->has_more_marks = left_out > 0;
	json_array_foreach(all, i, j)
	{
		struct rep_mark m = {
			.t_ns = rep_num(j, "t_ns"),
			.kind = mark_kind(rep_str(j, "kind")),
			.rule = rep_str(j, "rule"),
		};

		if (!(m.t_ns >= 0 && m.t_ns <= s->span_ns))
			continue;
		if (s->nr_marks == REP_MARKS_MAX) {
			s->has_more_marks = true;
			break;
		}
		s->mark[s->nr_marks++] = m;
	}
}

bool rep_series_load(const struct rep_run *run, size_t max,
		     struct rep_series *ret)
{
	const json_t *s = json_object_get(run->rec, "series");
	const json_t *acked = json_object_get(s, "acked");
	const char *by = rep_str(s, "acked_by");
	size_t nr = json_array_size(acked), merge, i;
	json_t *v;

	*ret = (struct rep_series){
		.bin_ns = rep_num(s, "bin_ns"),
		.span_ns = rep_num(s, "span_ns"),
		.is_by_server = by && !strcmp(by, "server"),
	};
	if (!nr || !(ret->bin_ns > 0) || !(ret->span_ns > 0) ||
	    ret->bin_ns * (double)nr < ret->span_ns * 0.5)
		return false;
	nwb_assert(max > 0 && max <= REP_SERIES_MAX);
	merge = NWB_DIV_ROUND_UP(nr, max);
	json_array_foreach(acked, i, v) ret->rate[i / merge] +=
		json_number_value(v);
	ret->nr = NWB_DIV_ROUND_UP(nr, merge);
	ret->bin_ns *= (double)merge;
	for (i = 0; i < ret->nr; i++) {
		double left = ret->span_ns - (double)i * ret->bin_ns;
		double width = fmin(ret->bin_ns, left);

		/* A sliver at the end makes no rate of its own. */
		if (i && width < 0.5 * ret->bin_ns) {
			ret->nr = i;
			break;
		}
		ret->rate[i] = sane(ret->rate[i] * (double)NWB_SEC / width /
				    (double)NWB_MIB);
	}
	load_marks(run->rec, ret);
	return true;
}

const struct rep_run *rep_series_run(const struct rep_cell *c)
{
	const struct rep_run *best = NULL;
	double nearest = INFINITY;

	for (size_t i = 0; i < c->nr_runs; i++) {
		const struct rep_run *r = &c->run[i];
		const json_t *s = json_object_get(r->rec, "series");
		double far = fabs(r->m[REP_MIB_S] - c->m[REP_MIB_S]);

		if (r->verdict != c->verdict ||
		    !json_array_size(json_object_get(s, "acked")))
			continue;
		if (!best || far < nearest) {
			best = r;
			nearest = isfinite(far) ? far : INFINITY;
		}
	}
	return best;
}

/* ---- latencies ---- */

static int by_low(const void *pa, const void *pb)
{
	const struct rep_bin *a = pa, *b = pb;

	return (a->low_ns > b->low_ns) - (a->low_ns < b->low_ns);
}

static bool is_counted(const struct rep_cell *c, const struct rep_run *r)
{
	return r->is_check == c->is_check && r->verdict != REP_SKIP;
}

static const json_t *bins_of(const struct rep_run *r, const char *key)
{
	return json_object_get(json_object_get(r->rec, key), "bins");
}

int rep_lat_load(const struct rep_cell *c, const char *key, struct rep_lat *ret)
{
	size_t room = 0, nr = 0;

	*ret = (struct rep_lat){0};
	for (size_t i = 0; i < c->nr_runs; i++)
		if (is_counted(c, &c->run[i]))
			room += json_array_size(bins_of(&c->run[i], key)) / 2;
	if (!room)
		return 0;
	ret->bin = nwb_zalloc(room * sizeof(*ret->bin));
	if (!ret->bin)
		return -ENOMEM;
	for (size_t i = 0; i < c->nr_runs; i++) {
		const json_t *bins = bins_of(&c->run[i], key);

		if (!is_counted(c, &c->run[i]))
			continue;
		for (size_t k = 0; k + 1 < json_array_size(bins); k += 2) {
			struct rep_bin *b = &ret->bin[nr++];

			b->low_ns = sane(
				json_number_value(json_array_get(bins, k)));
			b->count = sane(
				json_number_value(json_array_get(bins, k + 1)));
			ret->n += b->count;
		}
	}
	if (ret->n < 1) {
		rep_lat_fini(ret);
		return 0;
	}
	qsort(ret->bin, nr, sizeof(*ret->bin), by_low);
	for (size_t i = 0; i < nr; i++) {
		if (ret->nr &&
		    ret->bin[ret->nr - 1].low_ns == ret->bin[i].low_ns)
			ret->bin[ret->nr - 1].count += ret->bin[i].count;
		else
			ret->bin[ret->nr++] = ret->bin[i];
	}
	return 0;
}

void rep_lat_fini(struct rep_lat *l)
{
	nwb_free(l->bin);
	*l = (struct rep_lat){0};
}

/* ---- faults ---- */

/* A figure of one rule in one run. "hits" is older than the rest and counted
 * by the shim; a run that counts hits and does not name a rule had none of it.
 */
static double fault_num(const struct rep_run *r, const char *rule,
			const char *key)
{
	const json_t *hits = json_object_get(r->rec, "hits");
	const json_t *all = json_object_get(r->rec, "faults");

	if (strcmp(key, "hits"))
		return rep_num(json_object_get(all, rule), key);
	if (json_is_object(hits) && !json_object_get(hits, rule))
		return 0;
	return rep_num(hits, rule);
}

static double median_over(const struct rep_cell *c, const char *rule,
			  const char *key)
{
	double x[REP_RUNS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < c->nr_runs; i++) {
		double v = fault_num(&c->run[i], rule, key);

		if (isfinite(v))
			x[n++] = v;
	}
	return n ? nwb_median(x, n) : NAN;
}

void rep_fault_load(const struct rep_cell *c, const char *rule,
		    struct rep_fault *ret)
{
	double hits = 0, recovered = 0;

	*ret = (struct rep_fault){
		.hits_lo = NAN,
		.hits_hi = NAN,
		.retries = median_over(c, rule, "retries"),
		.bytes_again = median_over(c, rule, "bytes_again"),
		.recovery_ns = median_over(c, rule, "recovery_ns"),
		.recovered = NAN,
	};
	for (size_t i = 0; i < c->nr_runs; i++) {
		double h = fault_num(&c->run[i], rule, "hits");
		double r = fault_num(&c->run[i], rule, "recovered");

		ret->nr += isfinite(h);
		/* fmin() and fmax() pass over a NAN */
		ret->hits_lo = fmin(ret->hits_lo, h);
		ret->hits_hi = fmax(ret->hits_hi, h);
		if (!isfinite(h) || !isfinite(r))
			continue;
		hits += h;
		recovered += fmin(r, h);
	}
	if (hits > 0)
		ret->recovered = recovered / hits;
}

const char **rep_fault_rules(const struct rep_cell *c, json_t **ret_owner)
{
	json_t *all = json_object();
	const char **keys;

	for (size_t i = 0; all && i < c->nr_runs; i++) {
		json_t *hits = json_object_get(c->run[i].rec, "hits");

		if (!json_is_object(hits) || !json_object_update(all, hits))
			continue;
		json_decref(all);
		all = NULL;
	}
	keys = all ? rep_keys(all) : NULL;
	if (!keys) {
		json_decref(all);
		return NULL;
	}
	*ret_owner = all;
	return keys;
}
