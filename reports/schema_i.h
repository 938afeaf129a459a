/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a record must look like; shared by the writer and the reader.
 *
 * The tables (schema_fields.c) say what a field is, schema.c holds a record
 * against them. A field that may be absent may be null too: not measured.
 */
#ifndef NWB_REPORTS_SCHEMA_I_H
#define NWB_REPORTS_SCHEMA_I_H

#include "nwb/err.h"

#include <jansson.h>

enum nwb_field_kind {
	NWB_F_STR,	/* string or null */
	NWB_F_STR_MUST, /* string, not empty */
	NWB_F_WORD,	/* one of .word, or null */
	NWB_F_NUM,	/* number >= 0 or null */
	NWB_F_REAL,	/* number of any sign, or null */
	NWB_F_INT,	/* integer or null */
	NWB_F_INT_MUST, /* integer */
	NWB_F_BOOL,	/* boolean or null */
	NWB_F_SCALAR,	/* anything but object and array */
	NWB_F_FREE,	/* object or null, free content */
	NWB_F_NUMS,	/* object whose values are NUM, or null */
	NWB_F_OBJ,	/* object of .table, or null */
	NWB_F_OBJ_MUST, /* object of .table */
	NWB_F_OBJS,	/* array of objects of .table, or null */
	NWB_F_MAP,	/* object of objects of .table, or null */
	NWB_F_BINS,	/* array of NUM, or null */
	NWB_F_STRS,	/* array of STR_MUST, or null */
};

struct nwb_table;

struct nwb_field {
	const char *name;
	enum nwb_field_kind kind;
	const struct nwb_table *table;
	const char *const *word; /* ends with NULL */
};

struct nwb_table {
	const char *name; /* of the type of record; NULL: a part of one */
	const struct nwb_field *field;
	size_t nr;
	bool has_cell; /* "cell" is made of server, subject, workload, fault */
};

/* All types of records; the first is the session, the last the end. */
extern const struct nwb_table nwb_record_tables[];
extern const size_t nwb_nr_record_tables;

/* Order of records: a session, others, an end. Zeroed at the beginning. */
struct nwb_schema_seq {
	bool has_session;
	bool has_end;
};

/**
 * nwb_schema_check() - hold one record against the schema.
 * @seq: state of the file; advanced on success
 * @rec: anything
 * @err: what is wrong, without file and line
 *
 * Return: 0, -EPROTONOSUPPORT (major version), -EINVAL.
 */
int nwb_schema_check(struct nwb_schema_seq *seq, const json_t *rec,
		     struct nwb_err *err) nwb_must_check;

/** nwb_schema_knows() - is @key a field of a record of @type? */
bool nwb_schema_knows(const char *type, const char *key);

#endif
