/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading a results file once for all its uses. */
#ifndef NWB_REPORTS_STORE_I_H
#define NWB_REPORTS_STORE_I_H

#include "nwb/err.h"

#include <jansson.h>

/**
 * nwb_store_slurp() - the whole file in memory.
 * @ret_buf: to be released by free(3)
 * @ret_len: bytes; never more than 1 GiB
 */
int nwb_store_slurp(const char *path, char **ret_buf, size_t *ret_len,
		    struct nwb_err *err) nwb_must_check;

/** nwb_store_parse() - nwb_store_load() from memory; @name is for errors. */
int nwb_store_parse(const char *buf, size_t len, const char *name,
		    json_t **ret_array, struct nwb_err *err) nwb_must_check;

#endif
