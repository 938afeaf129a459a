/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Questions to the index that the gate and `netwb store` have. */
#include "index_i.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static int count(struct nwb_index *x, const char *sql, sqlite3_int64 *ret,
		 struct nwb_err *err)
{
	sqlite3_stmt *st;

	if (sqlite3_prepare_v2(x->db, sql, -1, &st, NULL) != SQLITE_OK)
		return nwb_index_error(x, err);
	if (sqlite3_step(st) == SQLITE_ROW)
		*ret = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return 0;
}

int nwb_index_stats(struct nwb_index *x, struct nwb_index_stats *ret,
		    struct nwb_err *err)
{
	sqlite3_int64 v[4] = {0};
	static const char *const sql[] = {
		"SELECT count(*) FROM session",
		"SELECT count(*) FROM session WHERE error IS NOT NULL",
		("SELECT count(*) FROM (SELECT cs FROM value UNION SELECT cs"
		 " FROM outcome)"),
		"SELECT count(*) FROM value",
	};
	int r = 0;

	for (size_t i = 0; i < NWB_ARRAY_SIZE(sql) && !r; i++)
		r = count(x, sql[i], &v[i], err);
	if (!r)
		*ret = (struct nwb_index_stats){
			.sessions = (unsigned int)v[0],
			.unreadable = (unsigned int)v[1],
			.read_now = x->read_now,
			.cases = (unsigned int)v[2],
			.values = (unsigned long long)v[3],
		};
	return r;
}

/* The newest @max values of column 0 of the statement, oldest first; the
 * statement gives the newest first. */
static int newest(struct nwb_index *x, const char *sql, const char *case_name,
		  const char *metric, size_t max,
		  void (*take)(void *arg, size_t at, sqlite3_stmt *st),
		  void *arg, size_t *ret_nr, struct nwb_err *err)
{
	sqlite3_stmt *st;
	size_t nr = 0;
	int r;

	if (sqlite3_prepare_v2(x->db, sql, -1, &st, NULL) != SQLITE_OK)
		return nwb_index_error(x, err);
	sqlite3_bind_text(st, 1, case_name, -1, SQLITE_TRANSIENT);
	sqlite3_bind_text(st, 2, metric, -1, SQLITE_TRANSIENT);
	while ((r = sqlite3_step(st)) == SQLITE_ROW && nr < max)
		take(arg, nr++, st);
	sqlite3_finalize(st);
	if (r != SQLITE_DONE && r != SQLITE_ROW)
		return nwb_index_error(x, err);
	*ret_nr = nr;
	return 0;
}

static void take_log(void *arg, size_t at, sqlite3_stmt *st)
{
	((double *)arg)[at] = log(sqlite3_column_double(st, 0));
}

int nwb_index_estimates(struct nwb_index *x, const char *case_name,
			const char *metric, const char *role, double *ret,
			size_t max, size_t *ret_nr, struct nwb_err *err)
{
	char name[128];
	int r;

	snprintf(name, sizeof(name), "%s.%.100s",
		 !strcmp(role, "measure") ? "ratio" : role, metric);
	r = newest(x,
		   "SELECT est FROM value JOIN session ON session.id = session"
		   " WHERE cs = ?1 AND metric = ?2 AND est > 0"
		   " ORDER BY date DESC, session.id DESC",
		   case_name, name, max, take_log, ret, ret_nr, err);
	for (size_t i = 0; !r && i < *ret_nr / 2; i++) {
		double t = ret[i];

		ret[i] = ret[*ret_nr - 1 - i];
		ret[*ret_nr - 1 - i] = t;
	}
	return r;
}

static void take_day(void *arg, size_t at, sqlite3_stmt *st)
{
	((int64_t *)arg)[at] = sqlite3_column_int64(st, 0);
}

int nwb_index_suspects(struct nwb_index *x, const char *case_name,
		       const char *metric, int64_t *ret_days, size_t max,
		       size_t *ret_nr, struct nwb_err *err)
{
	char name[128];
	int r;

	snprintf(name, sizeof(name), "ratio.%.100s", metric);
	r = newest(x,
		   "SELECT CAST(strftime('%s', date) AS INTEGER) / 86400"
		   " FROM value JOIN session ON session.id = session"
		   " WHERE cs = ?1 AND metric = ?2 AND verdict = 'WORSE'"
		   " AND strftime('%s', date) IS NOT NULL"
		   " ORDER BY date DESC",
		   case_name, name, max, take_day, ret_days, ret_nr, err);
	for (size_t i = 0; !r && i < *ret_nr / 2; i++) {
		int64_t t = ret_days[i];

		ret_days[i] = ret_days[*ret_nr - 1 - i];
		ret_days[*ret_nr - 1 - i] = t;
	}
	return r;
}

int nwb_index_cases(struct nwb_index *x,
		    void (*fn)(void *arg, const char *case_name,
			       const char *metrics, unsigned int sessions),
		    void *arg, struct nwb_err *err)
{
	sqlite3_stmt *st;
	int r;

	if (sqlite3_prepare_v2(x->db,
			       "SELECT cs, group_concat(DISTINCT metric),"
			       " count(DISTINCT session) FROM value GROUP BY cs"
			       " ORDER BY cs",
			       -1, &st, NULL) != SQLITE_OK)
		return nwb_index_error(x, err);
	while ((r = sqlite3_step(st)) == SQLITE_ROW)
		fn(arg, (const char *)sqlite3_column_text(st, 0),
		   (const char *)sqlite3_column_text(st, 1),
		   (unsigned int)sqlite3_column_int64(st, 2));
	sqlite3_finalize(st);
	return r == SQLITE_DONE ? 0 : nwb_index_error(x, err);
}
