/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Comparisons and fio jobs as test cases (model: cases_i.h). */
#include "cases_i.h"

#include "nwb/mem.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static char *row_text(const struct rep_gate_row *row)
{
	char a[REP_FIELD], b[REP_FIELD], c[REP_FIELD], d[REP_FIELD];
	char ci[REP_INTERVAL], figure[160] = "no estimate", *text;

	if (isfinite(row->ratio))
		snprintf(figure, sizeof(figure),
			 "%s %s %% n=%zu threshold %s (%s -> %s)",
			 rep_gate_change(c, row->ratio),
			 rep_gate_interval(ci, row), row->n,
			 rep_gate_delta(d, row), rep_gate_value(a, row, row->a),
			 rep_gate_value(b, row, row->b));
	if (asprintf(&text, "%s: %s%s%s", rep_gate_verdict_name(row->verdict),
		     figure, row->why ? "; " : "",
		     row->why ? row->why : "") < 0)
		return NULL;
	return text;
}

static enum rep_outcome row_outcome(const struct rep_gate_row *row)
{
	switch (row->verdict) {
	case REP_GATE_RED:
		return REP_CASE_FAIL;
	case REP_GATE_BETTER:
	case REP_GATE_SAME:
	case REP_GATE_FREE:
		return REP_CASE_OK;
	default:
		return REP_CASE_SKIP;
	}
}

/* Strings are set on success only; what failed stays NULL and is found. */
static char *join(const char *a, const char *b)
{
	char *text;

	return asprintf(&text, "%s.%s", a, b) < 0 ? NULL : text;
}

static int add_row(struct rep_cases *cs, const struct rep_gate_row *row)
{
	struct rep_case *c = &cs->c[cs->nr];

	*c = (struct rep_case){
		.suite = join(row->is_control ? "control" : "compare",
			      row->server ? row->server : "all"),
		.name = join(row->name, row->metric),
		.text = row_text(row),
		.outcome = row_outcome(row),
		.type = "regression",
		.row = row,
		.at = cs->nr,
	};
	/* That A differs from A makes the session unusable; it is no test. */
	if (row->is_control && c->outcome == REP_CASE_FAIL)
		c->outcome = REP_CASE_SKIP;
	cs->nr++;
	return c->suite && c->name && c->text ? 0 : -ENOMEM;
}

static char *fio_text(const struct rep_fio_row *row)
{
	const struct rep_fio_run *bad = NULL;
	const char *why = NULL;
	char a[REP_FIELD], *text;
	int d = 0;

	/* A run that failed says more than one without numbers. */
	for (size_t i = 0; i < row->nr; i++) {
		const struct rep_fio_run *run = &row->run[i];

		if (rep_fio_is_bad(run) &&
		    (!bad || (bad->verdict != row->verdict &&
			      run->verdict == row->verdict)))
			bad = run;
	}
	if (bad)
		why = bad->invalid ? bad->invalid : rep_str(bad->rec, "reason");
	while (d + 1 < REP_FIO_DIRS && !row->n[d][REP_FIO_MIB_S])
		d++;
	if (asprintf(&text, "%s MiB/s n=%zu%s%s",
		     rep_fmt_num(a, row->v[d][REP_FIO_MIB_S]),
		     row->n[d][REP_FIO_MIB_S], why ? "; " : "",
		     why ? why : "") < 0)
		return NULL;
	return text;
}

static int add_fio(struct rep_cases *cs, const struct rep_fio_row *row)
{
	struct rep_case *c = &cs->c[cs->nr];
	char *name = join(row->job, row->fault);

	*c = (struct rep_case){
		.suite = join("fio", row->server),
		.name = name ? join(row->subject, name) : NULL,
		.text = fio_text(row),
		.outcome = REP_CASE_OK,
		.fio = row,
		.at = cs->nr,
	};
	free(name);
	cs->nr++;
	if (row->verdict <= REP_VACUOUS) {
		c->outcome = REP_CASE_FAIL;
		c->type = rep_verdict_name(row->verdict);
	} else if (row->nr_invalid || row->verdict == REP_INCONCLUSIVE) {
		c->outcome = REP_CASE_ERROR;
		c->type = row->nr_invalid ? "INVALID" : "INCONCLUSIVE";
	} else if (row->verdict == REP_SKIP) {
		c->outcome = REP_CASE_SKIP;
	}
	return c->suite && c->name && c->text ? 0 : -ENOMEM;
}

static char *load_text(const struct rep_load_row *row)
{
	const char *why = NULL;
	char a[REP_FIELD], b[REP_FIELD], c[REP_FIELD], *text;

	for (size_t i = 0; i < row->nr && !why; i++)
		if (rep_load_is_bad(&row->run[i]))
			why = rep_str(row->run[i].rec, "reason");
	if (asprintf(&text, "p99 response %s, service %s, n=%s, runs=%zu%s%s",
		     rep_fmt_ns(a, row->v[REP_LOAD_P99]),
		     rep_fmt_ns(b, row->v[REP_LOAD_SERVICE_P99]),
		     rep_fmt_count(c, row->v[REP_LOAD_N]), row->nr,
		     why ? "; " : "", why ? why : "") < 0)
		return NULL;
	return text;
}

static int add_load(struct rep_cases *cs, const struct rep_load_row *row)
{
	struct rep_case *c = &cs->c[cs->nr];
	const json_t *rec = row->run->rec;
	char *name;

	*c = (struct rep_case){
		.suite = join("latency", rep_str(rec, "server")),
		.text = load_text(row),
		.outcome = row->verdict <= REP_VACUOUS	      ? REP_CASE_FAIL
			   : row->verdict == REP_INCONCLUSIVE ? REP_CASE_ERROR
			   : row->verdict == REP_SKIP	      ? REP_CASE_SKIP
							      : REP_CASE_OK,
		.type = rep_verdict_name(row->verdict),
		.load = row,
		.at = cs->nr,
	};
	cs->nr++;
	if (asprintf(&name, "%s.%.0f", rep_str(rec, "case"), row->rate) >= 0)
		c->name = name;
	return c->suite && c->name && c->text ? 0 : -ENOMEM;
}

/* How many, and the first of them. */
static char *promises_text(const struct rep_gate *g)
{
	char *text;
	size_t i;
	json_t *rec;

	json_array_foreach(g->recs, i, rec)
	{
		const char *side = rep_gate_broken(rec, "a")   ? "a"
				   : rep_gate_broken(rec, "b") ? "b"
							       : NULL;
		const char *why;

		if (!side)
			continue;
		why = rep_str(json_object_get(rec, side), "reason");
		if (asprintf(&text, "%zu runs broke a promise; %s, side %s: %s",
			     g->nr_broken, rep_str(rec, "case"), side,
			     why ? why : "no reason recorded") < 0)
			return NULL;
		return text;
	}
	return strdup("no run broke a promise");
}

/* One case for all runs of all pairs: did each keep its promise? */
static int add_promises(struct rep_cases *cs)
{
	struct rep_case *c = &cs->c[cs->nr];
	size_t nr = cs->g.nr_broken;

	*c = (struct rep_case){
		.suite = strdup("compare.promises"),
		.name = strdup("all-runs"),
		.outcome = nr ? REP_CASE_FAIL : REP_CASE_OK,
		.type = "FAIL",
		.at = cs->nr,
	};
	cs->nr++;
	c->text = promises_text(&cs->g);
	return c->suite && c->name && c->text ? 0 : -ENOMEM;
}

static int cmp_case(const void *pa, const void *pb)
{
	const struct rep_case *a = pa, *b = pb;
	int c = strcmp(a->suite, b->suite);

	return c ? c : a->at < b->at ? -1 : a->at > b->at;
}

static int fill(struct rep_cases *cs)
{
	size_t rows = cs->g.nr + cs->g.nr_controls;
	int r = 0;

	cs->c = nwb_zalloc((rows + cs->f.nr + cs->l.nr_rows + 1) *
			   sizeof(*cs->c));
	if (!cs->c)
		return -ENOMEM;
	if (rows)
		r = add_promises(cs);
	for (size_t i = 0; i < rows && !r; i++)
		r = add_row(cs, &cs->g.row[i]);
	for (size_t i = 0; i < cs->f.nr && !r; i++)
		r = add_fio(cs, &cs->f.row[i]);
	for (size_t i = 0; i < cs->l.nr_rows && !r; i++)
		r = add_load(cs, &cs->l.row[i]);
	if (!r)
		qsort(cs->c, cs->nr, sizeof(*cs->c), cmp_case);
	return r;
}

int rep_cases_init(struct rep_cases *cs, const json_t *recs,
		   struct nwb_err *err)
{
	int r;

	*cs = (struct rep_cases){0};
	r = rep_fio_init(&cs->f, recs, err);
	if (!r)
		r = rep_load_init(&cs->l, recs, err);
	if (r)
		return r;
	r = rep_gate_init(&cs->g, recs);
	if (!r)
		r = fill(cs);
	return r ? nwb_err_set(err, r, "report: out of memory") : 0;
}

void rep_cases_fini(struct rep_cases *cs)
{
	for (size_t i = 0; i < cs->nr; i++) {
		free(cs->c[i].suite);
		free(cs->c[i].name);
		free(cs->c[i].text);
	}
	nwb_free(cs->c);
	rep_gate_fini(&cs->g);
	rep_fio_fini(&cs->f);
	rep_load_fini(&cs->l);
	*cs = (struct rep_cases){0};
}

size_t rep_cases_suite(const struct rep_cases *cs, size_t i)
{
	size_t nr = 1;

	while (i + nr < cs->nr && !strcmp(cs->c[i].suite, cs->c[i + nr].suite))
		nr++;
	return nr;
}
