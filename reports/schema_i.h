/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a record must look like; shared by the writer and the reader. */
#ifndef NWB_REPORTS_SCHEMA_I_H
#define NWB_REPORTS_SCHEMA_I_H

#include "nwb/err.h"

#include <jansson.h>

/* Order of records: a session, runs, an end. Zeroed at the beginning. */
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
