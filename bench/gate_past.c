/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What earlier comparisons on this machine say about its noise: sessions below
 * the same results directory, by the same CPU, newest last.
 *
 *	delta		|estimate| of nights without a change: controls, and
 *			what was proved SAME (nwb_adaptive_delta())
 *	CPU pressure	of runs in controls, of sessions whose controls found A
 *			equal to A in CPU time: what does no harm here
 *	suspects	WORSE and kept, with their day
 *
 * A session that cannot be read is left out: the past must not stop tonight.
 */
#include "gate_i.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define SESSIONS_MAX 400
#define DAYS_MAX     64
#define PSI_DEFAULT  0.90
#define PSI_RUNS_MIN 60u

struct past_case {
	char name[96];
	double est[GATE_METRICS][NWB_VALUES_MAX];
	size_t nr_est[GATE_METRICS];
	int64_t suspect[GATE_METRICS][DAYS_MAX];
	size_t nr_suspect[GATE_METRICS];
};

struct gate_past {
	struct past_case *c;
	unsigned int nr, room;
	double psi[NWB_VALUES_MAX]; /* the newest, in a ring */
	size_t nr_psi;
};

static struct past_case *find_case(const struct gate_past *p, const char *name)
{
	for (unsigned int i = 0; p && i < p->nr; i++)
		if (!strcmp(p->c[i].name, name))
			return &p->c[i];
	return NULL;
}

static struct past_case *get_case(struct gate_past *p, const char *name)
{
	struct past_case *c = find_case(p, name);

	if (c)
		return c;
	if (p->nr == p->room) {
		unsigned int room = p->room ? 2 * p->room : 16;

		c = realloc(p->c, room * sizeof(*c));
		if (!c)
			return NULL;
		p->c = c;
		p->room = room;
	}
	nwb_assert(p->c);
	c = &p->c[p->nr++];
	memset(c, 0, sizeof(*c));
	snprintf(c->name, sizeof(c->name), "%.95s", name);
	return c;
}

static const char *text(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static int64_t day_of(const char *date)
{
	struct tm tm = {0};

	return strptime(date, "%Y-%m-%dT%H:%M:%SZ", &tm)
		       ? (int64_t)(timegm(&tm) / 86400)
		       : -1;
}

static int metric_of(const char *name)
{
	for (int i = 0; i < GATE_METRICS; i++)
		if (!strcmp(gate_metrics[i].name, name))
			return i;
	return -1;
}

static void add_decision(struct gate_past *p, const json_t *d, int64_t day)
{
	int m = metric_of(text(d, "metric"));
	const char *role = text(d, "role"), *v = text(d, "verdict");
	json_t *hl = json_object_get(d, "hl");
	struct past_case *c;

	if (m < 0 || !json_is_number(hl) || !text(d, "case")[0])
		return;
	c = get_case(p, text(d, "case"));
	if (!c)
		return;
	if ((!strcmp(role, "control") || !strcmp(v, "SAME")) &&
	    c->nr_est[m] < NWB_VALUES_MAX)
		c->est[m][c->nr_est[m]++] = json_number_value(hl);
	/* null: it was not looked at again, false: and not found again */
	if (!strcmp(role, "measure") && !strcmp(v, "WORSE") &&
	    json_object_get(d, "is_confirmed") && c->nr_suspect[m] < DAYS_MAX)
		c->suspect[m][c->nr_suspect[m]++] = day;
}

static void add_psi(struct gate_past *p, const json_t *side)
{
	json_t *m = json_object_get(side, "meters");
	double wall = json_number_value(json_object_get(m, "wall_ns"));
	json_t *psi = json_object_get(m, "psi_ns");

	if (wall > 0 && json_is_number(psi))
		p->psi[p->nr_psi++ % NWB_VALUES_MAX] =
			json_number_value(psi) / wall;
}

static bool is_same_machine(const json_t *session, const json_t *now)
{
	return !strcmp(text(session, "cpu"), text(now, "cpu")) &&
	       json_integer_value(json_object_get(session, "ncpu")) ==
		       json_integer_value(json_object_get(now, "ncpu"));
}

/* Did the controls find A within half of the threshold of A, in CPU time? */
static bool is_quiet(const json_t *recs)
{
	double limit = 0.5 * log1p(gate_metrics[GATE_CPU].floor);
	unsigned int nr = 0;
	json_t *rec;
	size_t i;

	json_array_foreach(recs, i, rec)
	{
		json_t *hl = json_object_get(rec, "hl");

		if (strcmp(text(rec, "type"), "decision") != 0 ||
		    strcmp(text(rec, "role"), "control") != 0 ||
		    metric_of(text(rec, "metric")) != GATE_CPU)
			continue;
		if (!json_is_number(hl) ||
		    fabs(json_number_value(hl)) > limit ||
		    json_integer_value(json_object_get(rec, "n")) <
			    NWB_GATE_PAIRS_MIN)
			return false;
		nr++;
	}
	return nr > 0;
}

static void add_session(struct gate_past *p, const json_t *recs,
			const json_t *now)
{
	json_t *first = json_array_get(recs, 0), *rec;
	json_t *end = json_array_get(recs, json_array_size(recs) - 1);
	int64_t day = day_of(text(first, "date"));
	bool is_usable = !json_is_string(json_object_get(end, "unusable"));
	bool is_quiet_night = is_quiet(recs);
	size_t i;

	if (!is_same_machine(first, now) || strcmp(text(end, "type"), "end"))
		return;
	json_array_foreach(recs, i, rec)
	{
		if (!strcmp(text(rec, "type"), "decision") && is_usable)
			add_decision(p, rec, day);
		if (is_quiet_night && !strcmp(text(rec, "type"), "pair") &&
		    !strcmp(text(rec, "role"), "control")) {
			add_psi(p, json_object_get(rec, "a"));
			add_psi(p, json_object_get(rec, "b"));
		}
	}
}

/* Sessions of other kinds may be long; a comparison says so at its begin. */
static bool is_comparison(const char *path)
{
	static char buf[65536];
	FILE *f = fopen(path, "re");
	size_t n = 0;

	if (f) {
		n = fread(buf, 1, sizeof(buf) - 1, f);
		fclose(f);
	}
	buf[n] = 0;
	return strstr(buf, "\"type\":\"compare\"") ||
	       strstr(buf, "\"type\": \"compare\"");
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strverscmp((*a)->d_name, (*b)->d_name);
}

static int no_dots(const struct dirent *de)
{
	return de->d_name[0] != '.';
}

int gate_past_load(const char *base, struct gate_past **ret_p,
		   struct nwb_err *err)
{
	struct gate_past *p = calloc(1, sizeof(*p));
	struct dirent **list = NULL;
	char path[4096];
	json_t *now, *recs;
	int nr;

	if (!p)
		return nwb_err_set(err, -ENOMEM, "no memory for the past");
	now = bench_env_session("", "", 0, 0, NULL);
	nr = scandir(base ? base : "results", &list, no_dots, by_name);
	for (int i = 0; i < nr; i++) {
		snprintf(path, sizeof(path), "%.3000s/%.255s/%s",
			 base ? base : "results", list[i]->d_name,
			 NWB_STORE_NAME);
		if (i >= nr - SESSIONS_MAX && is_comparison(path) &&
		    !nwb_store_load(path, &recs, NULL)) {
			add_session(p, recs, now);
			json_decref(recs);
		}
		free(list[i]);
	}
	free(list);
	json_decref(now);
	*ret_p = p;
	return 0;
}

void gate_past_free(struct gate_past *p)
{
	if (p)
		free(p->c);
	free(p);
}

enum nwb_delta_from gate_past_delta(const struct gate_past *p, const char *name,
				    enum gate_metric_id m, double *ret_delta)
{
	const struct past_case *c = find_case(p, name);

	return nwb_adaptive_delta(c ? c->est[m] : NULL, c ? c->nr_est[m] : 0,
				  gate_metrics[m].floor, ret_delta);
}

double gate_past_psi_limit(const struct gate_past *p)
{
	size_t n = nwb_min(p->nr_psi, (size_t)NWB_VALUES_MAX);
	double q1, q3, limit;

	if (n < PSI_RUNS_MIN)
		return PSI_DEFAULT;
	q1 = nwb_quantile_of(p->psi, n, 0.25);
	q3 = nwb_quantile_of(p->psi, n, 0.75);
	limit = q3 + 1.5 * (q3 - q1);
	return limit > PSI_DEFAULT ? limit : PSI_DEFAULT;
}

bool gate_past_is_recurring(const struct gate_past *p, const char *name,
			    enum gate_metric_id m)
{
	const struct past_case *c = find_case(p, name);
	int64_t today = (int64_t)(time(NULL) / 86400), days[DAYS_MAX + 1];
	size_t n = c ? c->nr_suspect[m] : 0;

	for (size_t i = 0; i < n; i++)
		days[i] = c->suspect[m][i];
	days[n++] = today;
	return nwb_gate_is_recurring(days, n, today);
}
