/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Shards of a campaign into one session.
 *
 *	load ──> hold together ──> OUT.merging-XXXXXX/ ──rename──> OUT/
 *
 * What does not fit is refused, or with force written into the merge record:
 * numbers of two builds or two machines under one heading would be a lie.
 */
#include "nwb/store.h"

#include "merge_i.h"
#include "nwb/mem.h"
#include "store_i.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What all shards of one campaign have in common. */
static const char *const same[] = {
	"netwb", "build", "build_id", "compiler",  "kernel",  "cpu",
	"ncpu",	 "seed",  "io",	      "isolation", "servers",
};

/* Note @fmt when forced; an error otherwise. */
static int misfit(struct nwb_merge *m, struct nwb_err *err, const char *fmt,
		  ...) nwb_printf(3, 4);

static int misfit(struct nwb_merge *m, struct nwb_err *err, const char *fmt,
		  ...)
{
	size_t at = strlen(m->forced);
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!m->is_forced)
		return nwb_err_set(err, -EINVAL,
				   "%s; --force merges nevertheless", text);
	snprintf(m->forced + at, sizeof(m->forced) - at, "%s%s", at ? "; " : "",
		 text);
	return 0;
}

static int load_one(struct nwb_merge *m, struct nwb_merge_in *in,
		    struct nwb_err *err)
{
	struct nwb_store_check check;
	struct nwb_err why = {0};
	char path[PATH_MAX];
	size_t i;
	json_t *rec;
	int r = nwb_store_verify(in->dir, &check, &why);

	snprintf(path, sizeof(path), "%s/%s", in->dir, NWB_STORE_NAME);
	if (r == -ENODATA || r == -EBADMSG)
		r = misfit(m, err, "%.300s%s", why.text,
			   r == -ENODATA ? ": the session was cut short" : "");
	else if (r)
		nwb_err_set(err, r, "%s", why.text);
	if (!r)
		r = nwb_sha256_file(AT_FDCWD, path, in->hex, err);
	if (!r)
		r = nwb_store_load(path, &in->recs, err);
	if (r)
		return r;
	json_array_foreach(in->recs, i, rec)
	{
		const char *type =
			json_string_value(json_object_get(rec, "type"));

		if (!strcmp(type, "session"))
			in->session = rec;
		else if (!strcmp(type, "shard"))
			in->shard = rec;
		else if (!strcmp(type, "compare"))
			in->compare = rec;
		else if (!strcmp(type, "end"))
			in->end = rec;
	}
	if (!in->session || !in->shard)
		return nwb_err_set(err, -EINVAL,
				   "%s is no shard: it was run without "
				   "--shard k/n",
				   in->dir);
	in->k = json_integer_value(json_object_get(in->shard, "k"));
	in->n = json_integer_value(json_object_get(in->shard, "n"));
	if (in->k < 1 || in->n < in->k)
		return nwb_err_set(err, -EINVAL,
				   "%s: there is no shard %lld/%lld", in->dir,
				   (long long)in->k, (long long)in->n);
	return 0;
}

/* Absent is equal to absent, which json_equal() does not think. */
static bool is_equal(const json_t *x, const json_t *y)
{
	return x == y || (x && y && json_equal(x, y));
}

/* As text, for a message; to be freed. */
static char *shown(const json_t *v)
{
	return v ? json_dumps(v,
			      JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY)
		 : NULL;
}

static int check_same(struct nwb_merge *m, const struct nwb_merge_in *a,
		      const struct nwb_merge_in *b, struct nwb_err *err)
{
	int r = 0;

	if (a->n != b->n)
		return nwb_err_set(err, -EINVAL,
				   "%s is shard %lld of %lld, %s is %lld of "
				   "%lld: not one campaign",
				   a->dir, (long long)a->k, (long long)a->n,
				   b->dir, (long long)b->k, (long long)b->n);
	for (size_t i = 0; i < NWB_ARRAY_SIZE(same) && !r; i++) {
		const json_t *x = json_object_get(a->session, same[i]);
		const json_t *y = json_object_get(b->session, same[i]);
		char *sx, *sy;

		if (is_equal(x, y))
			continue;
		sx = shown(x);
		sy = shown(y);
		r = misfit(m, err,
			   "\"%s\" differs: %.100s in %.80s, %.100s in "
			   "%.80s",
			   same[i], sx ? sx : "null", a->dir, sy ? sy : "null",
			   b->dir);
		free(sx);
		free(sy);
	}
	return r;
}

/* Shards of a comparison compare the same two things. */
static int check_sides(struct nwb_merge *m, const struct nwb_merge_in *a,
		       const struct nwb_merge_in *b, struct nwb_err *err)
{
	static const char *const key[] = {"a", "b"};

	if (!a->compare != !b->compare)
		return nwb_err_set(err, -EINVAL,
				   "only one of %s and %s compares something: "
				   "not one campaign",
				   a->dir, b->dir);
	for (size_t i = 0; a->compare && i < NWB_ARRAY_SIZE(key); i++) {
		const json_t *x = json_object_get(a->compare, key[i]);
		const json_t *y = json_object_get(b->compare, key[i]);
		int r = 0;

		if (!is_equal(json_object_get(x, "id"),
			      json_object_get(y, "id")) ||
		    !is_equal(json_object_get(x, "build"),
			      json_object_get(y, "build")))
			r = misfit(m, err,
				   "side %s is not the same in %.80s "
				   "and %.80s",
				   key[i], a->dir, b->dir);
		if (r)
			return r;
	}
	return 0;
}

/* Names of all cases that a shard knows: what it ran and what it did not. */
static json_t *cases_of(const struct nwb_merge_in *in)
{
	static const char *const lists[] = {"ran", "left_out"};
	json_t *set = json_object();

	for (size_t l = 0; set && l < NWB_ARRAY_SIZE(lists); l++) {
		size_t i;
		json_t *v;

		json_array_foreach(json_object_get(in->shard, lists[l]), i, v)
		{
			json_object_set_new(set, json_string_value(v),
					    json_true());
		}
	}
	return set;
}

static int check_cases(const struct nwb_merge_in *a,
		       const struct nwb_merge_in *b, struct nwb_err *err)
{
	json_t *x = cases_of(a), *y = cases_of(b), *v;
	const char *key, *alone = NULL;

	json_object_foreach(x, key, v)
	{
		if (!json_object_get(y, key))
			alone = key;
	}
	json_object_foreach(y, key, v)
	{
		if (!json_object_get(x, key))
			alone = key;
	}
	if (alone)
		nwb_err_set(err, -EINVAL,
			    "only one of %s and %s knows the case %.100s: not "
			    "one campaign",
			    a->dir, b->dir, alone);
	json_decref(x);
	json_decref(y);
	return alone ? -EINVAL : 0;
}

static int check_all_there(struct nwb_merge *m, struct nwb_err *err)
{
	char missing[256] = "";

	for (json_int_t k = 1; k <= m->in[0].n; k++) {
		const struct nwb_merge_in *found = NULL;
		size_t at = strlen(missing);

		for (unsigned int i = 0; i < m->nr; i++) {
			if (m->in[i].k != k)
				continue;
			if (found)
				return nwb_err_set(
					err, -EEXIST,
					"shard %lld/%lld is there twice: %s "
					"and %s",
					(long long)k, (long long)m->in[0].n,
					found->dir, m->in[i].dir);
			found = &m->in[i];
		}
		if (!found)
			snprintf(missing + at, sizeof(missing) - at,
				 "%s%lld/%lld", at ? ", " : "", (long long)k,
				 (long long)m->in[0].n);
	}
	return missing[0] ? misfit(m, err, "missing: shard %s", missing) : 0;
}

static int by_k(const void *pa, const void *pb)
{
	const struct nwb_merge_in *a = pa, *b = pb;

	return (a->k > b->k) - (a->k < b->k);
}

static int load_all(struct nwb_merge *m, struct nwb_err *err)
{
	int r = 0;

	for (unsigned int i = 0; i < m->nr && !r; i++)
		r = load_one(m, &m->in[i], err);
	for (unsigned int i = 1; i < m->nr && !r; i++)
		r = check_same(m, &m->in[0], &m->in[i], err);
	for (unsigned int i = 1; i < m->nr && !r; i++)
		r = check_cases(&m->in[0], &m->in[i], err);
	for (unsigned int i = 1; i < m->nr && !r; i++)
		r = check_sides(m, &m->in[0], &m->in[i], err);
	if (!r)
		r = check_all_there(m, err);
	if (!r)
		qsort(m->in, m->nr, sizeof(*m->in), by_k);
	return r;
}

/* Early: nobody wants to learn that at the end. */
static int check_out(const char *out, struct nwb_err *err)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/%s", out, NWB_STORE_NAME);

	if (n < 0 || (size_t)n >= sizeof(path))
		return nwb_err_set(err, -ENAMETOOLONG, "%s: too long", out);
	if (access(path, F_OK))
		return 0;
	return nwb_err_set(err, -EEXIST,
			   "%s exists; results are never overwritten", path);
}

static int make_out(struct nwb_merge *m, const char *out, struct nwb_err *err)
{
	size_t len = strlen(out);
	int r;

	while (len > 1 && out[len - 1] == '/')
		len--;
	r = snprintf(m->tmp, sizeof(m->tmp), "%.*s.merging-XXXXXX", (int)len,
		     out);
	if (r < 0 || (size_t)r >= sizeof(m->tmp))
		return nwb_err_set(err, -ENAMETOOLONG, "%s: too long", out);
	m->out = out;
	if (!mkdtemp(m->tmp)) {
		r = nwb_err_set(err, -errno, "%s: %s", out, strerror(errno));
		m->tmp[0] = '\0';
		return r;
	}
	return 0;
}

int nwb_store_merge(const char *out, const char *const *in, unsigned int nr,
		    bool is_forced, int *ret_code, struct nwb_err *err)
{
	struct nwb_merge m = {.nr = nr, .is_forced = is_forced};
	int r = 0;

	if (!nr)
		return nwb_err_set(err, -EINVAL, "nothing to merge");
	m.in = nwb_zalloc(nr * sizeof(*m.in));
	if (!m.in)
		return nwb_err_set(err, -ENOMEM, "merge: out of memory");
	for (unsigned int i = 0; i < nr; i++)
		m.in[i].dir = in[i];
	r = load_all(&m, err);
	if (!r)
		r = check_out(out, err);
	if (!r)
		r = make_out(&m, out, err);
	if (!r)
		r = nwb_merge_write(&m, ret_code, err);
	/* takes the place of an empty directory, and of nothing else */
	if (!r && rename(m.tmp, out))
		r = nwb_err_set(err, -errno,
				errno == ENOTEMPTY || errno == EEXIST
					? "%s exists; results are never "
					  "overwritten"
					: "%s: it is no empty directory",
				out);
	if (r && m.tmp[0])
		nwb_merge_drop(&m);
	for (unsigned int i = 0; i < nr; i++)
		json_decref(m.in[i].recs);
	nwb_free(m.in);
	return r;
}
