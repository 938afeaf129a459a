/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The schema of run.jsonl, as tables.
 *
 * Fields may be added within a major version: a field that is not in these
 * tables is accepted, and the report names it, so that a misspelt name does
 * not pass as "not measured" unnoticed. A known field of the wrong type, a
 * negative count, an unknown verdict or type of record is an error.
 */
#include "schema_i.h"

#include "nwb/report.h"

#include <errno.h>
#include <string.h>

enum kind {
	STR,	  /* string or null */
	STR_MUST, /* string, not empty */
	NUM,	  /* number >= 0 or null */
	INT,	  /* integer or null */
	INT_MUST, /* integer */
	BOOL,	  /* boolean or null */
	SCALAR,	  /* anything but object and array */
	OBJ,	  /* object or null, free content */
	LAT,	  /* object of NUM, or null */
	HITS,	  /* object of NUM, or null */
	FINDINGS, /* array of objects of STR_MUST, or null */
	BINS,	  /* array of NUM, or null */
	SERIES,	  /* object of series_fields, or null */
	MARKS,	  /* array of objects of mark_fields, or null */
	FAULTS,	  /* object of objects of NUM, or null */
	VERDICT,  /* name of a verdict, or null: not judged */
};

struct field {
	const char *name;
	enum kind kind;
};

static const struct field session_fields[] = {
	{"build", STR},	    {"command", STR},	{"cpu", STR},
	{"date", STR},	    {"env", OBJ},	{"id", STR},
	{"io", STR},	    {"isolation", STR}, {"kernel", STR},
	{"mem_bytes", NUM}, {"ncpu", NUM},	{"netwb", STR},
	{"seed", INT},	    {"servers", OBJ},	{"shim_idle", OBJ},
};

static const struct field run_fields[] = {
	{"allocs", NUM},	 {"bytes", NUM},
	{"bytes_dirtied", NUM},	 {"bytes_sent", NUM},
	{"cell", STR_MUST},	 {"channels", NUM},
	{"channels_lost", NUM},	 {"cipher", STR},
	{"client_cpu_ns", NUM},	 {"depth", NUM},
	{"durable_ns", NUM},	 {"fault", STR_MUST},
	{"faults", FAULTS},	 {"findings", FINDINGS},
	{"fsync_lat", LAT},	 {"hits", HITS},
	{"level", STR},		 {"marks", MARKS},
	{"marks_left_out", NUM}, {"opens", NUM},
	{"order", INT},		 {"pair", INT},
	{"reason", STR},	 {"reclaims", NUM},
	{"reconnects", NUM},	 {"repro", STR},
	{"retries", NUM},	 {"rpcs", NUM},
	{"seed", INT},		 {"series", SERIES},
	{"server", STR_MUST},	 {"server_cpu_ns", NUM},
	{"signing", SCALAR},	 {"subject", STR_MUST},
	{"temp_bytes_max", NUM}, {"unstable_resent", NUM},
	{"verdict", VERDICT},	 {"workload", STR_MUST},
	{"write_lat", LAT},	 {"write_rpcs", NUM},
	{"wsize", NUM},
};

static const struct field end_fields[] = {
	{"duration_ns", NUM},
	{"exit", INT_MUST},
	{"interrupted", BOOL},
};

static const struct field lat_fields[] = {
	/* low end of a bucket, count, low end, count, ... */
	{"bins", BINS}, {"max", NUM}, {"n", NUM}, {"p50", NUM}, {"p99", NUM},
};

/* Bytes of each bin of bin_ns; the first begins with the first write. */
static const struct field series_fields[] = {
	{"acked", BINS},   {"acked_by", STR}, {"bin_ns", NUM},
	{"durable", BINS}, {"span_ns", NUM},  {"written", BINS},
};

static const struct field mark_fields[] = {
	{"kind", STR_MUST},
	{"rule", STR},
	{"t_ns", NUM},
};

static const struct field fault_fields[] = {
	{"bytes_again", NUM}, {"first_ns", NUM},    {"hits", NUM},
	{"recovered", NUM},   {"recovery_ns", NUM}, {"retries", NUM},
};

static const struct field finding_fields[] = {
	{"kind", STR_MUST},
	{"oracle", STR_MUST},
	{"text", STR_MUST},
	{"verdict", VERDICT},
};

static const struct type {
	const char *name;
	const struct field *field;
	size_t nr;
} types[] = {
	{"session", session_fields, NWB_ARRAY_SIZE(session_fields)},
	{"run", run_fields, NWB_ARRAY_SIZE(run_fields)},
	{"end", end_fields, NWB_ARRAY_SIZE(end_fields)},
};

static const char *const verdicts[] = {
	"PASS", "FAIL",	 "VACUOUS",	    "INCONCLUSIVE",
	"SKIP", "KNOWN", "UNEXPECTED-PASS",
};

static const struct type *type_of(const char *name)
{
	for (size_t i = 0; i < NWB_ARRAY_SIZE(types); i++)
		if (!strcmp(types[i].name, name))
			return &types[i];
	return NULL;
}

bool nwb_schema_knows(const char *type, const char *key)
{
	const struct type *t = type_of(type);

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

static bool is_verdict(const json_t *v)
{
	if (!v || json_is_null(v))
		return true;
	for (size_t i = 0; i < NWB_ARRAY_SIZE(verdicts); i++)
		if (json_is_string(v) &&
		    !strcmp(json_string_value(v), verdicts[i]))
			return true;
	return false;
}

static int check_scalar(const char *name, enum kind kind, const json_t *v,
			struct nwb_err *err)
{
	bool is_null = !v || json_is_null(v);

	switch (kind) {
	case STR:
		return is_null || json_is_string(v)
			       ? 0
			       : wrong(err, name, "a string or null");
	case STR_MUST:
		return json_is_string(v) && json_string_length(v)
			       ? 0
			       : wrong(err, name, "a string that is not empty");
	case NUM:
		return is_null || (json_is_number(v) &&
				   json_number_value(v) >= 0)
			       ? 0
			       : wrong(err, name, "a number >= 0 or null");
	case INT:
		return is_null || json_is_integer(v)
			       ? 0
			       : wrong(err, name, "an integer or null");
	case INT_MUST:
		return json_is_integer(v) ? 0 : wrong(err, name, "an integer");
	case BOOL:
		return is_null || json_is_boolean(v)
			       ? 0
			       : wrong(err, name, "a boolean or null");
	case SCALAR:
		return json_is_object(v) || json_is_array(v)
			       ? wrong(err, name, "a single value")
			       : 0;
	case VERDICT:
		return is_verdict(v) ? 0
				     : wrong(err, name, "a verdict or null");
	default:
		nwb_assert(kind == OBJ);
		return is_null || json_is_object(v)
			       ? 0
			       : wrong(err, name, "an object or null");
	}
}

static int check_fields(const struct field *f, size_t nr, const json_t *rec,
			struct nwb_err *err);

static int check_hits(const json_t *hits, struct nwb_err *err)
{
	const char *key;
	json_t *v;

	if (!json_is_object(hits))
		return wrong(err, "hits", "an object or null");
	json_object_foreach((json_t *)hits, key, v)
	{
		int r = check_scalar(key, NUM, v, err);

		if (r)
			return nwb_err_wrap(err, r, "hits");
	}
	return 0;
}

/* An array of objects that all have the same fields. */
static int check_objects(const struct field *f, const json_t *all,
			 const struct field *of, size_t nr, struct nwb_err *err)
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
		r = check_fields(of, nr, v, err);
		if (r)
			return nwb_err_wrap(err, r, "%s[%zu]", f->name, i);
	}
	return 0;
}

static int check_object(const struct field *f, const json_t *v,
			const struct field *of, size_t nr, struct nwb_err *err)
{
	int r;

	if (!json_is_object(v))
		return wrong(err, f->name, "an object or null");
	r = check_fields(of, nr, v, err);
	return r ? nwb_err_wrap(err, r, "%s", f->name) : 0;
}

static int check_faults(const struct field *f, const json_t *faults,
			struct nwb_err *err)
{
	const char *key;
	json_t *v;

	if (!json_is_object(faults))
		return wrong(err, f->name, "an object or null");
	json_object_foreach((json_t *)faults, key, v)
	{
		const struct field one = {.name = key};
		int r = check_object(&one, v, fault_fields,
				     NWB_ARRAY_SIZE(fault_fields), err);

		if (r)
			return nwb_err_wrap(err, r, "%s", f->name);
	}
	return 0;
}

static int check_bins(const struct field *f, const json_t *bins,
		      struct nwb_err *err)
{
	size_t i;
	json_t *v;

	if (!json_is_array(bins))
		return wrong(err, f->name, "an array or null");
	json_array_foreach(bins, i, v)
	{
		if (!json_is_number(v) || json_number_value(v) < 0)
			return wrong(err, f->name, "numbers >= 0");
	}
	return 0;
}

static int check_field(const struct field *f, const json_t *v,
		       struct nwb_err *err)
{
	if (f->kind >= LAT && f->kind <= FAULTS && (!v || json_is_null(v)))
		return 0;
	switch (f->kind) {
	case LAT:
		return check_object(f, v, lat_fields,
				    NWB_ARRAY_SIZE(lat_fields), err);
	case SERIES:
		return check_object(f, v, series_fields,
				    NWB_ARRAY_SIZE(series_fields), err);
	case HITS:
		return check_hits(v, err);
	case BINS:
		return check_bins(f, v, err);
	case FINDINGS:
		return check_objects(f, v, finding_fields,
				     NWB_ARRAY_SIZE(finding_fields), err);
	case MARKS:
		return check_objects(f, v, mark_fields,
				     NWB_ARRAY_SIZE(mark_fields), err);
	case FAULTS:
		return check_faults(f, v, err);
	default:
		return check_scalar(f->name, f->kind, v, err);
	}
}

static int check_fields(const struct field *f, size_t nr, const json_t *rec,
			struct nwb_err *err)
{
	for (size_t i = 0; i < nr; i++) {
		int r = check_field(&f[i], json_object_get(rec, f[i].name),
				    err);

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
	const struct type *t;
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
	r = check_fields(t->field, t->nr, rec, err);
	if (!r && t->field == run_fields)
		r = check_cell(rec, err);
	if (r)
		return nwb_err_wrap(err, r, "%s record", t->name);
	seq->has_session |= t->field == session_fields;
	seq->has_end |= t->field == end_fields;
	return 0;
}
