/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A case over sessions: the points, and where the level changed. */
#include "index_i.h"

#include "nwb/mem.h"
#include "nwb/trend.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEAR	  3
#define NEAR_NAME 160

/* --- names ---------------------------------------------------------------- */

/* Levenshtein; names longer than the buffer are never near. */
static unsigned int distance(const char *a, const char *b)
{
	unsigned int row[NEAR_NAME + 1];
	size_t na = strlen(a), nb = strlen(b);

	if (na > NEAR_NAME || nb > NEAR_NAME)
		return 2 * NEAR_NAME;
	for (size_t j = 0; j <= nb; j++)
		row[j] = (unsigned int)j;
	for (size_t i = 1; i <= na; i++) {
		unsigned int diag = row[0];

		row[0] = (unsigned int)i;
		for (size_t j = 1; j <= nb; j++) {
			unsigned int up = row[j];
			unsigned int subst = diag + (a[i - 1] != b[j - 1]);

			row[j] =
				nwb_min(nwb_min(up + 1, row[j - 1] + 1), subst);
			diag = up;
		}
	}
	return row[nb];
}

struct near {
	char name[NEAR][NEAR_NAME + 1];
	unsigned int far[NEAR];
	unsigned int nr;
};

static void consider(struct near *near, const char *want, const char *name)
{
	unsigned int d = distance(want, name), at = near->nr;

	if (strlen(name) > NEAR_NAME || d > strlen(want) / 2 + 2)
		return;
	while (at && near->far[at - 1] > d)
		at--;
	if (at == NEAR)
		return;
	if (near->nr < NEAR)
		near->nr++;
	for (unsigned int i = near->nr - 1; i > at; i--) {
		near->far[i] = near->far[i - 1];
		memcpy(near->name[i], near->name[i - 1], sizeof(near->name[i]));
	}
	near->far[at] = d;
	snprintf(near->name[at], sizeof(near->name[at]), "%s", name);
}

static int unknown(struct nwb_index *x, const char *what, const char *want,
		   const char *sql, const char *arg, struct nwb_err *err)
{
	struct near near = {0};
	char list[3 * (NEAR_NAME + 4)] = "";
	sqlite3_stmt *st;

	if (sqlite3_prepare_v2(x->db, sql, -1, &st, NULL) != SQLITE_OK)
		return nwb_index_error(x, err);
	if (arg)
		sqlite3_bind_text(st, 1, arg, -1, SQLITE_TRANSIENT);
	while (sqlite3_step(st) == SQLITE_ROW)
		consider(&near, want, (const char *)sqlite3_column_text(st, 0));
	sqlite3_finalize(st);
	if (!near.nr)
		return nwb_err_set(err, -ENOENT,
				   "no %s \"%.100s\"; `netwb history` lists "
				   "what there is",
				   what, want);
	for (unsigned int i = 0; i < near.nr; i++)
		snprintf(list + strlen(list), sizeof(list) - strlen(list),
			 "%s%s", i ? (i + 1 < near.nr ? ", " : " or ") : "",
			 near.name[i]);
	return nwb_err_set(err, -ENOENT,
			   "no %s \"%.100s\"; did you mean %.330s?", what, want,
			   list);
}

/* What people look at first. */
static int rank_of(const char *metric)
{
	static const char *const first[] = {
		"mib_s",       "ratio.cpu_ns_mib",    "ratio.",
		"write_mib_s", "response_p99_ns@70%", "response_"};

	for (size_t i = 0; i < NWB_ARRAY_SIZE(first); i++)
		if (!strncmp(metric, first[i], strlen(first[i])))
			return (int)i;
	return NWB_ARRAY_SIZE(first);
}

/* Take @want, or the best; the rest go into .others. */
static int choose_metric(struct nwb_index *x, struct nwb_history *h,
			 const char *want, struct nwb_err *err)
{
	static const char sql[] =
		"SELECT DISTINCT metric FROM value WHERE cs = ? ORDER BY 1";
	sqlite3_stmt *st;
	bool is_known = false;

	if (sqlite3_prepare_v2(x->db, sql, -1, &st, NULL) != SQLITE_OK)
		return nwb_index_error(x, err);
	sqlite3_bind_text(st, 1, h->case_name, -1, SQLITE_TRANSIENT);
	while (sqlite3_step(st) == SQLITE_ROW) {
		const char *m = (const char *)sqlite3_column_text(st, 0);
		size_t at = strlen(h->others);

		is_known |= want && !strcmp(m, want);
		if (!want && (!h->metric[0] || rank_of(m) < rank_of(h->metric)))
			snprintf(h->metric, sizeof(h->metric), "%s", m);
		snprintf(h->others + at, sizeof(h->others) - at, "%s%s",
			 at ? " " : "", m);
	}
	sqlite3_finalize(st);
	if (!h->others[0])
		return unknown(x, "case", h->case_name,
			       "SELECT DISTINCT cs FROM value", NULL, err);
	if (want && !is_known)
		return unknown(x, "metric", want, sql, h->case_name, err);
	if (want)
		snprintf(h->metric, sizeof(h->metric), "%s", want);
	return 0;
}

/* --- points --------------------------------------------------------------- */

enum {
	COL_NAME,
	COL_DATE,
	COL_BUILD,
	COL_VERDICT,
	COL_N,
	COL_EST,
	COL_LO,
	COL_HI,
	COL_KERNEL,
	COL_CPU,
	COL_ISOLATION,
	COL_SERVERS
};

static void copy_text(char *buf, size_t size, sqlite3_stmt *st, int col)
{
	const unsigned char *t = sqlite3_column_text(st, col);

	snprintf(buf, size, "%s", t ? (const char *)t : "");
}

static double number(sqlite3_stmt *st, int col)
{
	return sqlite3_column_type(st, col) == SQLITE_NULL
		       ? NAN
		       : sqlite3_column_double(st, col);
}

struct machine {
	char part[4][512];
};

/* A step at such a point may be the machine's. */
static void compare_machines(struct nwb_history_point *p, sqlite3_stmt *st,
			     struct machine *last, bool is_first)
{
	static const char *const name[] = {"kernel", "cpu", "isolation",
					   "servers"};

	for (int i = 0; i < 4; i++) {
		char now[512];
		size_t at = strlen(p->other);

		copy_text(now, sizeof(now), st, COL_KERNEL + i);
		if (!is_first && strcmp(now, last->part[i]))
			snprintf(p->other + at, sizeof(p->other) - at, "%s%s",
				 at ? " " : "", name[i]);
		memcpy(last->part[i], now, sizeof(now));
	}
}

static int load_points(struct nwb_index *x, struct nwb_history *h, size_t last,
		       struct nwb_err *err)
{
	static const char sql[] =
		"SELECT * FROM (SELECT name, date, build, coalesce(value."
		"verdict, ''), n, est, lo, hi, kernel, cpu, isolation, servers,"
		" session.id AS sid FROM value JOIN session ON session.id ="
		" session WHERE cs = ?1 AND metric = ?2 ORDER BY date DESC,"
		" sid DESC LIMIT ?3) ORDER BY date, sid";
	struct machine *machine = nwb_zalloc(sizeof(*machine));
	sqlite3_stmt *st = NULL;
	int r;

	h->point = nwb_zalloc(last * sizeof(*h->point));
	if (!h->point || !machine ||
	    sqlite3_prepare_v2(x->db, sql, -1, &st, NULL) != SQLITE_OK) {
		bool has_memory = h->point && machine;

		nwb_free(machine);
		return has_memory ? nwb_index_error(x, err)
				  : nwb_err_set(err, -ENOMEM,
						"history: out of memory");
	}
	sqlite3_bind_text(st, 1, h->case_name, -1, SQLITE_TRANSIENT);
	sqlite3_bind_text(st, 2, h->metric, -1, SQLITE_TRANSIENT);
	sqlite3_bind_int64(st, 3, (sqlite3_int64)last);
	while ((r = sqlite3_step(st)) == SQLITE_ROW && h->nr < last) {
		struct nwb_history_point *p = &h->point[h->nr];

		copy_text(p->session, sizeof(p->session), st, COL_NAME);
		copy_text(p->date, sizeof(p->date), st, COL_DATE);
		copy_text(p->build, sizeof(p->build), st, COL_BUILD);
		copy_text(p->verdict, sizeof(p->verdict), st, COL_VERDICT);
		p->n = (unsigned int)sqlite3_column_int64(st, COL_N);
		p->est = number(st, COL_EST);
		p->lo = number(st, COL_LO);
		p->hi = number(st, COL_HI);
		compare_machines(p, st, machine, !h->nr);
		h->nr++;
	}
	sqlite3_finalize(st);
	nwb_free(machine);
	return r == SQLITE_DONE || r == SQLITE_ROW ? 0
						   : nwb_index_error(x, err);
}

/* Of logarithms, so that a step is a ratio; of what may be zero there are
 * none. */
static int find_changes(struct nwb_history *h, struct nwb_err *err)
{
	struct nwb_change change[NWB_CHANGES_MAX];
	struct nwb_change_rule rule;
	double *x = nwb_zalloc((h->nr + 1) * sizeof(*x));
	bool is_positive = true;

	if (!x)
		return nwb_err_set(err, -ENOMEM, "history: out of memory");
	for (size_t i = 0; i < h->nr; i++) {
		is_positive &= h->point[i].est > 0;
		x[i] = is_positive ? log(h->point[i].est) : 0;
	}
	nwb_change_rule_init(&rule);
	if (is_positive)
		h->nr_changes = nwb_change_points(x, h->nr, &rule, change,
						  NWB_CHANGES_MAX);
	for (size_t i = 0; i < h->nr_changes; i++) {
		struct nwb_history_point *p = &h->point[change[i].at];

		p->is_change = true;
		p->step = exp(change[i].after - change[i].before);
	}
	nwb_free(x);
	return 0;
}

int nwb_history_load(struct nwb_index *x, const char *case_name,
		     const char *metric, size_t last, struct nwb_history *ret,
		     struct nwb_err *err)
{
	struct nwb_history h = {.nr = 0};
	int r;

	snprintf(h.case_name, sizeof(h.case_name), "%s", case_name);
	r = choose_metric(x, &h, metric, err);
	if (!last || last > NWB_SERIES_MAX)
		last = NWB_SERIES_MAX;
	if (!r)
		r = load_points(x, &h, last, err);
	if (!r)
		r = find_changes(&h, err);
	if (r)
		nwb_history_fini(&h);
	else
		*ret = h;
	return r;
}

void nwb_history_fini(struct nwb_history *h)
{
	nwb_free(h->point);
	*h = (struct nwb_history){.nr = 0};
}
