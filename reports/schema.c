/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A record against the tables of schema_fields.c.
 *
 * Fields may be added within a major version: a field that is not in these
 * tables is accepted, and the report names it, so that a misspelt name does
 * not pass as "not measured" unnoticed. A known field of the wrong type, a
 * negative count, an unknown word or type of record is an error.
 */
#include "schema_i.h"

#include "nwb/report.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct nwb_table *type_of(const char *name)
{
	for (size_t i = 0; i < nwb_nr_record_tables; i++)
		if (!strcmp(nwb_record_tables[i].name, name))
			return &nwb_record_tables[i];
	return NULL;
}

bool nwb_schema_knows(const char *type, const char *key)
{
	const struct nwb_table *t = type_of(type);

	nwb_assert(t);
	if (!strcmp(key, "v") || !strcmp(key, "type"))
		return true;
	for (size_t i = 0; i < t->nr; i++)
		if (!strcmp(t->field[i].name, key))
			return true;
	return false;
}

static int wrong(struct nwb_err *err, const char *name, const char *want)
{
	return nwb_err_set(err, -EINVAL, "field \"%.60s\" must be %s", name,
			   want);
}

static int check_word(const struct nwb_field *f, const json_t *v,
		      struct nwb_err *err)
{
	const char *s = json_string_value(v);
	char list[128] = "";

	if (!v || json_is_null(v))
		return 0;
	for (size_t i = 0; f->word[i]; i++)
		if (s && !strcmp(s, f->word[i]))
			return 0;
	if (!strcmp(f->word[0], "PASS"))
		return wrong(err, f->name, "a verdict or null");
	for (size_t i = 0; f->word[i]; i++)
		snprintf(list + strlen(list), sizeof(list) - strlen(list),
			 "%s\"%s\"", i ? " or " : "", f->word[i]);
	return nwb_err_set(err, -EINVAL, "field \"%.60s\" must be %s or null",
			   f->name, list);
}

static bool is_count(const json_t *v)
{
	return json_is_number(v) && json_number_value(v) >= 0;
}

static int check_scalar(const struct nwb_field *f, const json_t *v,
			struct nwb_err *err)
{
	static const struct {
		const char *want;
		bool may_be_null;
	} rule[] = {
		[NWB_F_STR] = {"a string or null", true},
		[NWB_F_STR_MUST] = {"a string that is not empty", false},
		[NWB_F_NUM] = {"a number >= 0 or null", true},
		[NWB_F_REAL] = {"a number or null", true},
		[NWB_F_INT] = {"an integer or null", true},
		[NWB_F_INT_MUST] = {"an integer", false},
		[NWB_F_BOOL] = {"a boolean or null", true},
		[NWB_F_SCALAR] = {"a single value", true},
		[NWB_F_FREE] = {"an object or null", true},
	};
	bool fits = false;

	nwb_assert(f->kind < NWB_ARRAY_SIZE(rule) && rule[f->kind].want);
	switch (f->kind) {
	case NWB_F_STR:
		fits = json_is_string(v);
		break;
	case NWB_F_STR_MUST:
		fits = json_is_string(v) && json_string_length(v);
		break;
	case NWB_F_NUM:
		fits = is_count(v);
		break;
	case NWB_F_REAL:
		fits = json_is_number(v);
		break;
	case NWB_F_INT:
	case NWB_F_INT_MUST:
		fits = json_is_integer(v);
		break;
	case NWB_F_BOOL:
		fits = json_is_boolean(v);
		break;
	case NWB_F_SCALAR:
		fits = !json_is_object(v) && !json_is_array(v);
		break;
	default:
		fits = json_is_object(v);
		break;
	}
	if (fits || (rule[f->kind].may_be_null && (!v || json_is_null(v))))
		return 0;
	return wrong(err, f->name, rule[f->kind].want);
}

static int check_fields(const struct nwb_table *t, const json_t *rec,
			struct nwb_err *err);

static int check_numbers(const struct nwb_field *f, const json_t *v,
			 struct nwb_err *err)
{
	const char *key;
	json_t *one;

	if (!json_is_object(v))
		return wrong(err, f->name, "an object or null");
	json_object_foreach((json_t *)v, key, one)
	{
		const struct nwb_field num = {.name = key, .kind = NWB_F_NUM};
		int r = check_scalar(&num, one, err);

		if (r)
			return nwb_err_wrap(err, r, "%s", f->name);
	}
	return 0;
}

static int check_object(const char *name, const struct nwb_table *t,
			const json_t *v, struct nwb_err *err)
{
	int r;

	if (!json_is_object(v))
		return wrong(err, name, "an object or null");
	r = check_fields(t, v, err);
	return r ? nwb_err_wrap(err, r, "%s", name) : 0;
}

/* An array of objects that all have the same fields. */
static int check_objects(const struct nwb_field *f, const json_t *all,
			 struct nwb_err *err)
{
	size_t i;
	json_t *v;

	if (!json_is_array(all))
		return wrong(err, f->name, "an array or null");
	json_array_foreach(all, i, v)
	{
		int r;

		if (!json_is_object(v))
			return wrong(err, f->name, "an array of objects");
		r = check_fields(f->table, v, err);
		if (r)
			return nwb_err_wrap(err, r, "%s[%zu]", f->name, i);
	}
	return 0;
}

static int check_map(const struct nwb_field *f, const json_t *map,
		     struct nwb_err *err)
{
	const char *key;
	json_t *v;

	if (!json_is_object(map))
		return wrong(err, f->name, "an object or null");
	json_object_foreach((json_t *)map, key, v)
	{
		int r = check_object(key, f->table, v, err);

		if (r)
			return nwb_err_wrap(err, r, "%s", f->name);
	}
	return 0;
}

static int check_array(const struct nwb_field *f, const json_t *all,
		       struct nwb_err *err)
{
	size_t i;
	json_t *v;

	if (!json_is_array(all))
		return wrong(err, f->name, "an array or null");
	json_array_foreach(all, i, v)
	{
		if (f->kind == NWB_F_BINS && !is_count(v))
			return wrong(err, f->name, "numbers >= 0");
		if (f->kind == NWB_F_STRS && !json_string_length(v))
			return wrong(err, f->name, "strings, not empty");
	}
	return 0;
}

static int check_field(const struct nwb_field *f, const json_t *v,
		       struct nwb_err *err)
{
	bool is_null = !v || json_is_null(v);

	if (f->kind < NWB_F_NUMS && f->kind != NWB_F_WORD)
		return check_scalar(f, v, err);
	if (is_null && f->kind == NWB_F_OBJ_MUST)
		return wrong(err, f->name, "an object");
	if (is_null)
		return 0;
	switch (f->kind) {
	case NWB_F_WORD:
		return check_word(f, v, err);
	case NWB_F_NUMS:
		return check_numbers(f, v, err);
	case NWB_F_OBJ:
	case NWB_F_OBJ_MUST:
		return check_object(f->name, f->table, v, err);
	case NWB_F_OBJS:
		return check_objects(f, v, err);
	case NWB_F_MAP:
		return check_map(f, v, err);
	default:
		return check_array(f, v, err);
	}
}

static int check_fields(const struct nwb_table *t, const json_t *rec,
			struct nwb_err *err)
{
	for (size_t i = 0; i < t->nr; i++) {
		const struct nwb_field *f = &t->field[i];
		int r = check_field(f, json_object_get(rec, f->name), err);

		if (r)
			return r;
	}
	return 0;
}

/* The name of a cell is made of four fields; a disagreement is a bug in who
 * wrote it, and grouping by either would mislabel numbers. */
static int check_cell(const json_t *rec, struct nwb_err *err)
{
	static const char *const part[] = {"server", "subject", "workload",
					   "fault"};
	const char *cell = json_string_value(json_object_get(rec, "cell"));
	const char *at = cell;

	for (size_t i = 0; i < NWB_ARRAY_SIZE(part); i++) {
		json_t *v = json_object_get(rec, part[i]);
		size_t len = json_string_length(v);
		char sep = i + 1 < NWB_ARRAY_SIZE(part) ? '.' : '\0';

		if (strncmp(at, json_string_value(v), len) || at[len] != sep)
			return nwb_err_set(err, -EINVAL,
					   "cell \"%.80s\" does not agree with "
					   "its field \"%s\"",
					   cell, part[i]);
		at += len + 1;
	}
	return 0;
}

static int check_version(const json_t *rec, struct nwb_err *err)
{
	json_t *v = json_object_get(rec, "v");

	if (!json_is_integer(v))
		return nwb_err_set(err, -EINVAL,
				   "no schema version (\"v\"); is this a "
				   "netwb results file?");
	if (json_integer_value(v) != NWB_STORE_VERSION)
		return nwb_err_set(err, -EPROTONOSUPPORT,
				   "schema version %lld is not known; this "
				   "netwb reads version %d",
				   (long long)json_integer_value(v),
				   NWB_STORE_VERSION);
	return 0;
}

static int check_order(const struct nwb_schema_seq *seq, const char *type,
		       struct nwb_err *err)
{
	bool is_session = !strcmp(type, "session");

	if (seq->has_end)
		return nwb_err_set(err, -EINVAL,
				   "a record after the end record");
	if (is_session && seq->has_session)
		return nwb_err_set(err, -EINVAL, "a second session record");
	if (!is_session && !seq->has_session)
		return nwb_err_set(err, -EINVAL,
				   "the first record must be a session, not "
				   "\"%s\"",
				   type);
	return 0;
}

int nwb_schema_check(struct nwb_schema_seq *seq, const json_t *rec,
		     struct nwb_err *err)
{
	const struct nwb_table *t;
	const char *name;
	int r;

	if (!json_is_object(rec))
		return nwb_err_set(err, -EINVAL, "not an object");
	r = check_version(rec, err);
	if (r)
		return r;
	name = json_string_value(json_object_get(rec, "type"));
	if (!name)
		return nwb_err_set(err, -EINVAL, "no \"type\"");
	t = type_of(name);
	if (!t)
		return nwb_err_set(err, -EINVAL,
				   "unknown type of record \"%.60s\"", name);
	r = check_order(seq, t->name, err);
	if (r)
		return r;
	r = check_fields(t, rec, err);
	if (!r && t->has_cell)
		r = check_cell(rec, err);
	if (r)
		return nwb_err_wrap(err, r, "%s record", t->name);
	seq->has_session |= t == &nwb_record_tables[0];
	seq->has_end |= t == &nwb_record_tables[nwb_nr_record_tables - 1];
	return 0;
}
