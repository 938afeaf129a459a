/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading a results file once for all its uses. */
#ifndef NWB_REPORTS_STORE_I_H
#define NWB_REPORTS_STORE_I_H

#include "nwb/err.h"

#include <jansson.h>
#include <nettle/sha2.h>

#define NWB_HEX_SIZE (2 * SHA256_DIGEST_SIZE + 1)

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

/** nwb_sha256_hex() - digest so far; @sum goes on as before. */
void nwb_sha256_hex(const struct sha256_ctx *sum, char ret_hex[NWB_HEX_SIZE]);

/** nwb_sha256_file() - of the file @name below @dirfd, no symbolic link on the
 * way; AT_FDCWD: of any file that is none itself. */
int nwb_sha256_file(int dirfd, const char *name, char ret_hex[NWB_HEX_SIZE],
		    struct nwb_err *err) nwb_must_check;

/** nwb_store_is_kept() - is a file of that name sealed and merged? Reports and
 * what begins with a dot are not. */
bool nwb_store_is_kept(const char *name);

/** nwb_sums_write() - SHA256SUMS of the directory; @run_hex: of run.jsonl. */
int nwb_sums_write(int dirfd, const char *run_hex,
		   struct nwb_err *err) nwb_must_check;

#endif
