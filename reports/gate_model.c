/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Records of comparisons to rows (model: gate_i.h).
 *
 * All records of one case and metric stand together after one sort; a decision
 * that comes later in the file replaces an earlier one of the same phase, so
 * that of the looks at 10, 20, 30 and 40 pairs the last counts.
 */
#include "gate_i.h"

#include "nwb/mem.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A record on its way into a row. */
struct item {
	const json_t *rec;
	const char *name, *metric;
	bool is_pair, is_control, is_confirm;
	json_int_t index;
	size_t seq;
};

static bool is_type(const json_t *rec, const char *type)
{
	const char *t = rep_str(rec, "type");

	return t && !strcmp(t, type);
}

static bool is_true(const json_t *rec, const char *key)
{
	return json_is_true(json_object_get(rec, key));
}

static void item_init(struct item *it, const json_t *rec, const char *metric,
		      size_t seq)
{
	const json_t *index = json_object_get(rec, "pair");
	const char *role = rep_str(rec, "role");

	*it = (struct item){
		.rec = rec,
		.name = rep_str(rec, "case"),
		.metric = metric,
		.is_pair = is_type(rec, "pair"),
		.is_control = role && !strcmp(role, "control"),
		.is_confirm = role && !strcmp(role, "confirm"),
		.index = json_is_integer(index) ? json_integer_value(index) : 0,
		.seq = seq,
	};
}

/* Equal for records of one row. */
static int cmp_key(const struct item *a, const struct item *b)
{
	int c = a->is_control - b->is_control;

	if (!c)
		c = strcmp(a->name, b->name);
	return c ? c : strcmp(a->metric, b->metric);
}

/* Decisions, then pairs; of both those of the first session first. */
static int cmp_item(const void *pa, const void *pb)
{
	const struct item *a = pa, *b = pb;
	int c = cmp_key(a, b);

	if (!c)
		c = a->is_pair - b->is_pair;
	if (!c)
		c = a->is_confirm - b->is_confirm;
	if (!c && a->is_pair && a->index != b->index)
		c = a->index < b->index ? -1 : 1;
	return c ? c : a->seq < b->seq ? -1 : a->seq > b->seq;
}

/* ---- one row ---- */

static enum rep_gate_verdict verdict_of(const json_t *rec)
{
	static const struct {
		const char *name;
		enum rep_gate_verdict verdict;
	} known[] = {
		{"WORSE", REP_GATE_SUSPECT},   {"BETTER", REP_GATE_BETTER},
		{"SAME", REP_GATE_SAME},       {"UNCLEAR", REP_GATE_UNCLEAR},
		{"SKIP", REP_GATE_SKIP},       {"OBSERVE", REP_GATE_OBSERVE},
		{"INVALID", REP_GATE_INVALID},
	};
	const char *name = rep_str(rec, "verdict");

	for (size_t i = 0; name && i < NWB_ARRAY_SIZE(known); i++)
		if (!strcmp(name, known[i].name))
			return known[i].verdict;
	return REP_GATE_UNCLEAR;
}

/* An end that is null beside an estimate is infinite. */
static double end_of(const json_t *rec, const char *key, double unbounded)
{
	double v = rep_num(rec, key);

	return isnan(v) ? unbounded : v;
}

static void row_estimate(struct rep_gate_row *row, const json_t *rec)
{
	double hl = rep_num(rec, "hl");
	double lo = end_of(rec, "lo", -INFINITY);
	double hi = end_of(rec, "hi", INFINITY);

	row->beyond = hl / log1p(row->delta);
	if (isnan(hl))
		return;
	row->ratio = exp(row->is_more_better ? -hl : hl);
	row->lo = exp(row->is_more_better ? -hi : lo);
	row->hi = exp(row->is_more_better ? -lo : hi);
}

void rep_gate_row_estimate(struct rep_gate_row *row, const double *a,
			   const double *b, size_t n)
{
	double d[NWB_PAIRS_MAX];

	nwb_assert(n <= NWB_PAIRS_MAX);
	row->n = n;
	row->ratio = row->lo = row->hi = row->a = row->b = NAN;
	row->beyond = NAN;
	if (!n)
		return;
	for (size_t i = 0; i < n; i++)
		d[i] = log(b[i] / a[i]);
	nwb_shift_ci(d, n, 0.05, &row->ratio, &row->lo, &row->hi);
	row->beyond = row->ratio / log1p(row->delta);
	if (row->is_more_better)
		row->beyond = -row->beyond;
	row->ratio = exp(row->ratio);
	row->lo = exp(row->lo);
	row->hi = exp(row->hi);
	row->a = nwb_median(a, n);
	row->b = nwb_median(b, n);
}

static void row_decide(struct rep_gate_row *row, const json_t *rec)
{
	double n = rep_num(rec, "n");

	row->is_decided = true;
	row->verdict = verdict_of(rec);
	row->why = rep_str(rec, "reason");
	row->is_bimodal = is_true(rec, "is_bimodal");
	row->a = rep_num(rec, "a");
	row->b = rep_num(rec, "b");
	row->delta = rep_num(rec, "delta");
	row->n = n > 0 ? (size_t)n : 0;
	row->ratio = row->lo = row->hi = NAN;
	row_estimate(row, rec);
}

/*
 * What the first session says stands; the second only says whether it was so
 * again. A confirmation that says otherwise leaves a suspect.
 */
static void row_add_decision(struct rep_gate_row *row, const struct item *it)
{
	const json_t *confirmed = json_object_get(it->rec, "is_confirmed");
	const char *better = rep_str(it->rec, "better");
	double n = rep_num(it->rec, "n"), hl = rep_num(it->rec, "hl");

	if (rep_str(it->rec, "unit"))
		row->unit = rep_str(it->rec, "unit");
	if (better)
		row->is_more_better = !strcmp(better, "higher");
	if (it->is_confirm) {
		row->is_looked_again = true;
		row->again_n = n > 0 ? (size_t)n : 0;
		row->again_ratio = exp(row->is_more_better ? -hl : hl);
		row->is_red |= verdict_of(it->rec) == REP_GATE_SUSPECT;
	} else {
		row_decide(row, it->rec);
	}
	if (json_is_boolean(confirmed)) {
		row->is_looked_again = true;
		row->is_red = json_is_true(confirmed);
	}
}

static double metric_of(const json_t *rec, const char *side, const char *metric)
{
	const json_t *s = json_object_get(rec, side);

	return rep_num(json_object_get(s, "metrics"), metric);
}

static void row_add_pair(struct rep_gate_row *row, const struct item *it)
{
	double a = metric_of(it->rec, "a", it->metric);
	double b = metric_of(it->rec, "b", it->metric);
	struct rep_gate_pair *p = &row->pair[row->nr_pairs++];
	const char *why = rep_str(it->rec, "contaminated");

	if (!why && !(a > 0 && b > 0)) {
		why = rep_str(json_object_get(it->rec, "a"), "reason");
		if (!why)
			why = rep_str(json_object_get(it->rec, "b"), "reason");
		if (!why)
			why = "not measured";
	}
	*p = (struct rep_gate_pair){
		.ratio = a > 0 && b > 0 ? b / a : NAN,
		.why = why,
		.index = it->index,
		.is_confirm = it->is_confirm,
	};
	row->nr_bad += why != NULL;
}

static bool is_rate(const char *metric)
{
	return !strcmp(metric, "mib_s") || !strcmp(metric, "iops");
}

static void row_init(struct rep_gate_row *row, const struct item *it, size_t nr,
		     struct rep_gate_pair *room)
{
	*row = (struct rep_gate_row){
		.name = it->name,
		.metric = it->metric,
		.server = rep_str(it->rec, "server"),
		.workload = rep_str(it->rec, "workload"),
		.verdict = REP_GATE_UNCLEAR,
		.is_more_better = is_rate(it->metric),
		.is_control = it->is_control,
		.a = NAN,
		.b = NAN,
		.ratio = NAN,
		.lo = NAN,
		.hi = NAN,
		.delta = NAN,
		.beyond = NAN,
		.again_ratio = NAN,
		.pair = room,
		.seq = it->seq,
	};
	for (size_t i = 0; i < nr; i++) {
		row->seq = nwb_min(row->seq, it[i].seq);
		if (it[i].is_pair)
			row_add_pair(row, &it[i]);
		else
			row_add_decision(row, &it[i]);
	}
	if (row->is_red && row->verdict == REP_GATE_SUSPECT)
		row->verdict = REP_GATE_RED;
	if (!row->is_decided)
		row->why = "the session ended before it was decided";
}

/* ---- all of them ---- */

static double sort_value(const struct rep_gate_row *row)
{
	double v = row->verdict <= REP_GATE_SUSPECT ? row->beyond
						    : fabs(row->beyond);

	return isnan(v) ? -INFINITY : v;
}

/* How far beyond its own threshold, not by raw percent. */
static int cmp_row(const void *pa, const void *pb)
{
	const struct rep_gate_row *a = pa, *b = pb;
	double x = sort_value(a), y = sort_value(b);
	int c = a->is_control - b->is_control;

	if (!c)
		c = (int)a->verdict - (int)b->verdict;
	if (!c && x != y)
		c = x > y ? -1 : 1;
	if (!c)
		c = strcmp(a->name, b->name);
	return c ? c : strcmp(a->metric, b->metric);
}

/*
 * Names of the metrics that this session decides on. What else a pair has was
 * measured for other reasons and is no comparison. Before the first decision
 * they are the usual ones.
 */
static json_t *judged_metrics(const json_t *recs)
{
	json_t *names = json_object(), *rec;
	size_t i;

	json_array_foreach(recs, i, rec)
	{
		if (is_type(rec, "decision"))
			json_object_set_new(names, rep_str(rec, "metric"),
					    json_true());
	}
	if (json_object_size(names))
		return names;
	json_object_set_new(names, "cpu_ns_mib", json_true());
	json_object_set_new(names, "mib_s", json_true());
	json_object_set_new(names, "write_p99_ns", json_true());
	return names;
}

/* A pair has many metrics, a decision one. */
static json_t *metrics_of(const json_t *rec)
{
	json_t *a = json_object_get(json_object_get(rec, "a"), "metrics");
	json_t *b = json_object_get(json_object_get(rec, "b"), "metrics");

	return json_object_size(a) >= json_object_size(b) ? a : b;
}

static size_t count_items(const json_t *recs)
{
	size_t i, nr = 0;
	json_t *rec;

	json_array_foreach(recs, i, rec)
	{
		if (is_type(rec, "pair"))
			nr += json_object_size(metrics_of(rec));
		nr += is_type(rec, "decision");
	}
	return nr;
}

static size_t put_items(struct item *item, const json_t *recs,
			const json_t *judged)
{
	const char *key;
	size_t i, nr = 0;
	json_t *rec, *v;

	json_array_foreach(recs, i, rec)
	{
		if (is_type(rec, "decision"))
			item_init(&item[nr++], rec, rep_str(rec, "metric"), i);
		if (!is_type(rec, "pair"))
			continue;
		json_object_foreach(metrics_of(rec), key, v)
		{
			if (json_object_get(judged, key))
				item_init(&item[nr++], rec, key, i);
		}
	}
	return nr;
}

static int collect(const json_t *recs, struct item **ret_item, size_t *ret_nr)
{
	json_t *judged = judged_metrics(recs);
	struct item *item;

	item = nwb_zalloc((count_items(recs) + 1) * sizeof(*item));
	if (!item || !judged) {
		json_decref(judged);
		nwb_free(item);
		return -ENOMEM;
	}
	*ret_nr = put_items(item, recs, judged);
	json_decref(judged);
	qsort(item, *ret_nr, sizeof(*item), cmp_item);
	*ret_item = item;
	return 0;
}

static void count(struct rep_gate *g)
{
	g->control = g->row + g->nr;
	for (size_t i = g->nr; i > 0 && g->row[i - 1].is_control; i--)
		g->control--;
	g->nr_controls = (size_t)(g->row + g->nr - g->control);
	g->nr -= g->nr_controls;
	g->control_max = NAN;
	for (size_t i = 0; i < g->nr_controls; i++)
		g->control_max =
			fmax(g->control_max, fabs(g->control[i].ratio - 1));
	for (size_t i = 0; i < g->nr; i++) {
		size_t k = 0;

		g->by_verdict[g->row[i].verdict]++;
		while (strcmp(g->row[k].name, g->row[i].name))
			k++;
		g->nr_cases += k == i;
	}
}

static void group(struct rep_gate *g, const struct item *item, size_t nr)
{
	struct rep_gate_pair *room = g->pairs;
	size_t from = 0;

	for (size_t i = 1; i <= nr; i++) {
		if (i < nr && !cmp_key(&item[from], &item[i]))
			continue;
		row_init(&g->row[g->nr], &item[from], i - from, room);
		room += g->row[g->nr++].nr_pairs;
		from = i;
	}
	qsort(g->row, g->nr, sizeof(*g->row), cmp_row);
	count(g);
}

const char *rep_gate_broken(const json_t *rec, const char *side)
{
	static const char *const bad[] = {"FAIL", "VACUOUS", "UNEXPECTED-PASS"};
	const char *v;

	if (!is_type(rec, "pair"))
		return NULL;
	v = rep_str(json_object_get(rec, side), "verdict");
	for (size_t i = 0; v && i < NWB_ARRAY_SIZE(bad); i++)
		if (!strcmp(v, bad[i]))
			return v;
	return NULL;
}

static void head(struct rep_gate *g, const json_t *recs)
{
	size_t i;
	json_t *rec;

	json_array_foreach(recs, i, rec)
	{
		if (is_type(rec, "session"))
			g->session = rec;
		if (is_type(rec, "compare"))
			g->compare = rec;
		if (is_type(rec, "end"))
			g->end = rec;
		g->nr_broken += (rep_gate_broken(rec, "a") != NULL) +
				(rep_gate_broken(rec, "b") != NULL);
	}
	g->recs = recs;
	g->trouble = rep_str(g->end, "unusable");
}

int rep_gate_init(struct rep_gate *g, const json_t *recs)
{
	struct item *item;
	size_t nr;
	int r;

	*g = (struct rep_gate){0};
	r = collect(recs, &item, &nr);
	if (r)
		return r;
	g->row = nwb_zalloc((nr + 1) * sizeof(*g->row));
	g->pairs = nwb_zalloc((nr + 1) * sizeof(*g->pairs));
	if (g->row && g->pairs) {
		group(g, item, nr);
		head(g, recs);
	} else {
		r = -ENOMEM;
	}
	nwb_free(item);
	return r;
}

void rep_gate_fini(struct rep_gate *g)
{
	nwb_free(g->row);
	nwb_free(g->pairs);
	nwb_free(g->names);
	*g = (struct rep_gate){0};
}
