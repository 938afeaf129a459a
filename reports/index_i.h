/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The index: its database, what fills it, what asks it. */
#ifndef NWB_REPORTS_INDEX_I_H
#define NWB_REPORTS_INDEX_I_H

#include "nwb/store.h"

#include <sqlite3.h>

/* Tables as of this version; another one is thrown away and made again. */
#define INDEX_VERSION 3

struct nwb_index {
	sqlite3 *db;
	char note[512];
	unsigned int read_now;
};

/** nwb_index_fill() - the records of one session into the rows of @session.
 * Return: 0 or an SQLite error code. */
int nwb_index_fill(sqlite3 *db, sqlite3_int64 session, const json_t *recs);

/** nwb_index_error() - an SQLite error as ours. */
int nwb_index_error(struct nwb_index *index, struct nwb_err *err);

#endif
