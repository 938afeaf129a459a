/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * index.sqlite: made from the run.jsonl files, and from nothing else.
 *
 *	session  a row a directory, with size and time of the run.jsonl it was
 *		 made from, so that only what changed is read again
 *	value	 a row a session, case and metric: n, estimate, interval
 *	outcome	 a row a session and case: the worst verdict
 *
 * All of an update is one transaction: an index is old or new, never half. An
 * error of the database, whatever it is, means that the file is removed and
 * made again, once; then the index is made in memory.
 */
#include "index_i.h"

#include "nwb/mem.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUSY_MS 10000

static const char tables[] =
	"CREATE TABLE session(id INTEGER PRIMARY KEY, dir TEXT UNIQUE,"
	" size INTEGER, mtime_ns INTEGER, name TEXT, date TEXT, build TEXT,"
	" netwb TEXT, kernel TEXT, cpu TEXT, isolation TEXT, servers TEXT,"
	" exit INTEGER, error TEXT);"
	"CREATE TABLE value(session INTEGER, cs TEXT, metric TEXT,"
	" n INTEGER, est REAL, lo REAL, hi REAL, verdict TEXT);"
	"CREATE INDEX value_by_case ON value(cs, metric);"
	"CREATE INDEX value_by_session ON value(session);"
	"CREATE TABLE outcome(session INTEGER, cs TEXT, verdict TEXT,"
	" runs INTEGER);"
	"CREATE INDEX outcome_by_case ON outcome(cs, session);";

int nwb_index_error(struct nwb_index *x, struct nwb_err *err)
{
	return nwb_err_set(err, -EIO, "%s: %s", NWB_INDEX_NAME,
			   sqlite3_errmsg(x->db));
}

/* --- one session ---------------------------------------------------------- */

static const char *text_of(const json_t *rec, const char *key)
{
	return json_string_value(json_object_get(rec, key));
}

static void bind_text(sqlite3_stmt *st, int at, const char *text)
{
	if (text)
		sqlite3_bind_text(st, at, text, -1, SQLITE_TRANSIENT);
	else
		sqlite3_bind_null(st, at);
}

static const json_t *first_of(const json_t *recs, const char *type)
{
	size_t i;
	json_t *rec;

	json_array_foreach(recs, i, rec)
	{
		if (!strcmp(text_of(rec, "type"), type))
			return rec;
	}
	return NULL;
}

static int forget(sqlite3 *db, const char *dir)
{
	static const char *const sql[] = {
		"DELETE FROM value WHERE session IN"
		" (SELECT id FROM session WHERE dir = ?)",
		"DELETE FROM outcome WHERE session IN"
		" (SELECT id FROM session WHERE dir = ?)",
		"DELETE FROM session WHERE dir = ?",
	};
	int r = SQLITE_OK;

	for (size_t i = 0; i < NWB_ARRAY_SIZE(sql) && r == SQLITE_OK; i++) {
		sqlite3_stmt *st;

		r = sqlite3_prepare_v2(db, sql[i], -1, &st, NULL);
		if (r != SQLITE_OK)
			break;
		bind_text(st, 1, dir);
		r = sqlite3_step(st) == SQLITE_DONE ? SQLITE_OK
						    : sqlite3_errcode(db);
		sqlite3_finalize(st);
	}
	return r;
}

static int add_row(sqlite3 *db, const char *dir, const struct stat *sb,
		   const json_t *recs, const char *error)
{
	const json_t *s = recs ? first_of(recs, "session") : NULL;
	const json_t *end = recs ? first_of(recs, "end") : NULL;
	const char *const text[] = {
		text_of(s, "date"),  text_of(s, "build"),
		text_of(s, "netwb"), text_of(s, "kernel"),
		text_of(s, "cpu"),   text_of(s, "isolation"),
	};
	char *servers = json_dumps(json_object_get(s, "servers"),
				   JSON_COMPACT | JSON_SORT_KEYS);
	sqlite3_stmt *st;
	int r = sqlite3_prepare_v2(
		db,
		"INSERT INTO session(dir, size, mtime_ns, name, date, build,"
		" netwb, kernel, cpu, isolation, servers, exit, error)"
		" VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?)",
		-1, &st, NULL);

	if (r == SQLITE_OK) {
		bind_text(st, 1, dir);
		sqlite3_bind_int64(st, 2, sb->st_size);
		sqlite3_bind_int64(st, 3,
				   sb->st_mtim.tv_sec * (int64_t)NWB_SEC +
					   sb->st_mtim.tv_nsec);
		bind_text(st, 4, dir);
		for (int i = 0; i < (int)NWB_ARRAY_SIZE(text); i++)
			bind_text(st, 5 + i, text[i]);
		bind_text(st, 11, servers);
		if (end)
			sqlite3_bind_int64(st, 12,
					   json_integer_value(json_object_get(
						   end, "exit")));
		bind_text(st, 13, error);
		r = sqlite3_step(st) == SQLITE_DONE ? SQLITE_OK
						    : sqlite3_errcode(db);
		sqlite3_finalize(st);
	}
	free(servers);
	return r;
}

static int read_session(struct nwb_index *x, const char *base, const char *dir,
			const struct stat *sb)
{
	char path[PATH_MAX];
	struct nwb_err why = {0};
	json_t *recs = NULL;
	int r;

	snprintf(path, sizeof(path), "%s/%s/%s", base, dir, NWB_STORE_NAME);
	r = forget(x->db, dir);
	if (r != SQLITE_OK)
		return r;
	if (nwb_store_load(path, &recs, &why))
		recs = NULL;
	r = add_row(x->db, dir, sb, recs, recs ? NULL : why.text);
	if (r == SQLITE_OK && recs)
		r = nwb_index_fill(x->db, sqlite3_last_insert_rowid(x->db),
				   recs);
	json_decref(recs);
	x->read_now++;
	return r;
}

/* Is the row of @dir made from this very file? */
static int is_current(sqlite3 *db, const char *dir, const struct stat *sb,
		      bool *ret)
{
	sqlite3_stmt *st;
	int r = sqlite3_prepare_v2(
		db, "SELECT size, mtime_ns FROM session WHERE dir = ?", -1, &st,
		NULL);

	*ret = false;
	if (r != SQLITE_OK)
		return r;
	bind_text(st, 1, dir);
	r = sqlite3_step(st);
	if (r == SQLITE_ROW)
		*ret = sqlite3_column_int64(st, 0) == sb->st_size &&
		       sqlite3_column_int64(st, 1) ==
			       sb->st_mtim.tv_sec * (int64_t)NWB_SEC +
				       sb->st_mtim.tv_nsec;
	sqlite3_finalize(st);
	return r == SQLITE_ROW || r == SQLITE_DONE ? SQLITE_OK : r;
}

/* --- all sessions --------------------------------------------------------- */

static int no_dots(const struct dirent *de)
{
	return de->d_name[0] != '.';
}

static bool has_session(const char *base, const char *dir, struct stat *sb)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/%s/%s", base, dir,
			 NWB_STORE_NAME);

	return n > 0 && (size_t)n < sizeof(path) && !stat(path, sb) &&
	       S_ISREG(sb->st_mode);
}

static int forget_gone(struct nwb_index *x, const char *base)
{
	sqlite3_stmt *st;
	struct stat sb;
	int r = sqlite3_prepare_v2(x->db, "SELECT dir FROM session", -1, &st,
				   NULL);

	if (r != SQLITE_OK)
		return r;
	while ((r = sqlite3_step(st)) == SQLITE_ROW) {
		const char *dir = (const char *)sqlite3_column_text(st, 0);

		if (!dir || has_session(base, dir, &sb))
			continue;
		r = forget(x->db, dir);
		if (r != SQLITE_OK)
			break;
	}
	sqlite3_finalize(st);
	return r == SQLITE_DONE ? SQLITE_OK : r;
}

static int update(struct nwb_index *x, const char *base)
{
	struct dirent **list;
	int r, nr = scandir(base, &list, no_dots, alphasort);

	if (nr < 0)
		return SQLITE_CANTOPEN;
	r = sqlite3_exec(x->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
	if (r == SQLITE_OK)
		r = forget_gone(x, base);
	for (int i = 0; i < nr; i++) {
		const char *dir = list[i]->d_name;
		struct stat sb;
		bool is_known;

		if (r == SQLITE_OK && has_session(base, dir, &sb)) {
			r = is_current(x->db, dir, &sb, &is_known);
			if (r == SQLITE_OK && !is_known)
				r = read_session(x, base, dir, &sb);
		}
		free(list[i]);
	}
	free(list);
	if (r == SQLITE_OK)
		r = sqlite3_exec(x->db, "COMMIT", NULL, NULL, NULL);
	return r;
}

/* --- the file ------------------------------------------------------------- */

static void close_db(struct nwb_index *x)
{
	sqlite3_close(x->db);
	x->db = NULL;
}

static int user_version(sqlite3 *db, int *ret)
{
	sqlite3_stmt *st;
	int r = sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &st, NULL);

	if (r != SQLITE_OK)
		return r;
	r = sqlite3_step(st);
	if (r == SQLITE_ROW)
		*ret = sqlite3_column_int(st, 0);
	sqlite3_finalize(st);
	return r == SQLITE_ROW ? SQLITE_OK : r;
}

/* A damaged page may lie where an update does not look. */
static int check_db(sqlite3 *db)
{
	const char *text;
	sqlite3_stmt *st;
	int r = sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &st, NULL);

	if (r != SQLITE_OK)
		return r;
	r = sqlite3_step(st);
	text = r == SQLITE_ROW ? (const char *)sqlite3_column_text(st, 0)
			       : NULL;
	if (r == SQLITE_ROW)
		r = text && !strcmp(text, "ok") ? SQLITE_OK : SQLITE_CORRUPT;
	sqlite3_finalize(st);
	return r;
}

/* SQLITE_MISMATCH: of another version. */
static int open_db(struct nwb_index *x, const char *path)
{
	char sql[64];
	int version = 0;
	int r = sqlite3_open_v2(
		path, &x->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);

	if (r != SQLITE_OK)
		return r;
	sqlite3_busy_timeout(x->db, BUSY_MS);
	r = user_version(x->db, &version);
	if (r == SQLITE_OK && version == INDEX_VERSION)
		return check_db(x->db);
	if (r != SQLITE_OK)
		return r;
	if (version)
		return SQLITE_MISMATCH;
	/* two who begin at the same time: the second finds the tables there */
	snprintf(sql, sizeof(sql), "PRAGMA user_version = %d", INDEX_VERSION);
	r = sqlite3_exec(x->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
	if (r == SQLITE_OK)
		r = user_version(x->db, &version);
	if (r == SQLITE_OK && !version)
		r = sqlite3_exec(x->db, tables, NULL, NULL, NULL);
	if (r == SQLITE_OK && !version)
		r = sqlite3_exec(x->db, sql, NULL, NULL, NULL);
	return r == SQLITE_OK ? sqlite3_exec(x->db, "COMMIT", NULL, NULL, NULL)
			      : r;
}

static int open_and_update(struct nwb_index *x, const char *path,
			   const char *base)
{
	int r = open_db(x, path);

	x->read_now = 0;
	return r == SQLITE_OK ? update(x, base) : r;
}

static void note(struct nwb_index *x, const char *fmt, ...) nwb_printf(2, 3);

static void note(struct nwb_index *x, const char *fmt, ...)
{
	size_t at = strlen(x->note);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(x->note + at, sizeof(x->note) - at, fmt, ap);
	va_end(ap);
}

static void remove_file(const char *path)
{
	static const char *const suffix[] = {"", "-journal", "-wal", "-shm"};
	char name[PATH_MAX + 16];

	for (size_t i = 0; i < NWB_ARRAY_SIZE(suffix); i++) {
		snprintf(name, sizeof(name), "%s%s", path, suffix[i]);
		unlink(name);
	}
}

static bool is_damage(int r)
{
	return r == SQLITE_NOTADB || r == SQLITE_CORRUPT ||
	       r == SQLITE_MISMATCH || r == SQLITE_ERROR;
}

static int try_all(struct nwb_index *x, const char *path, const char *base,
		   bool is_fresh)
{
	bool was_there = !access(path, F_OK);
	int r;

	if (is_fresh)
		remove_file(path);
	r = open_and_update(x, path, base);
	if (r != SQLITE_OK && is_damage(r & 0xff)) {
		note(x, "%s: %s: made again", path,
		     r == SQLITE_MISMATCH ? "of another version"
					  : sqlite3_errstr(r));
		close_db(x);
		remove_file(path);
		r = open_and_update(x, path, base);
	} else if (r == SQLITE_OK && !was_there) {
		note(x, "%s: made from %u sessions", path, x->read_now);
	}
	if (r != SQLITE_OK) {
		note(x, "%s%s: %s: kept in memory only", x->note[0] ? "; " : "",
		     path, sqlite3_errmsg(x->db));
		close_db(x);
		r = open_and_update(x, ":memory:", base);
	}
	return r;
}

int nwb_index_open(const char *base, bool is_fresh, struct nwb_index **ret_x,
		   struct nwb_err *err)
{
	char path[PATH_MAX];
	struct nwb_index *x;
	struct stat sb;
	int r = snprintf(path, sizeof(path), "%s/%s", base, NWB_INDEX_NAME);

	if (r < 0 || (size_t)r >= sizeof(path))
		return nwb_err_set(err, -ENAMETOOLONG, "%s: too long", base);
	if (stat(base, &sb))
		return nwb_err_set(err, -errno, "%s: %s", base,
				   strerror(errno));
	if (!S_ISDIR(sb.st_mode))
		return nwb_err_set(err, -ENOTDIR, "%s: not a directory", base);
	x = nwb_zalloc(sizeof(*x));
	if (!x)
		return nwb_err_set(err, -ENOMEM, "index: out of memory");
	r = try_all(x, path, base, is_fresh);
	if (r != SQLITE_OK) {
		r = nwb_index_error(x, err);
		nwb_index_close(x);
		return r;
	}
	*ret_x = x;
	return 0;
}

void nwb_index_close(struct nwb_index *x)
{
	if (!x)
		return;
	close_db(x);
	nwb_free(x);
}

const char *nwb_index_note(const struct nwb_index *x)
{
	return x->note;
}
