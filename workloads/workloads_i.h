/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the files of this room only. */
#ifndef NWB_WORKLOADS_I_H
#define NWB_WORKLOADS_I_H

#include "nwb/workload.h"
#include <errno.h>

struct nwb_workload {
	struct nwb_workload_opts opts;
	struct nwb_write_op *ops;
	uint64_t nr_ops;
	uint8_t *payload;
	uint64_t bytes_max;
	uint64_t bytes; /* sum of the operations' lengths */
};

/* run.c: what a window of any kind begins and ends with */
/** nwb_workload_open() - open the file, recorded; empties @ret. */
int nwb_workload_open(struct nwb_workload *w, struct nwb_subject *s,
		      struct nwb_workload_result *ret,
		      struct nwb_err *err) nwb_must_check;
/** nwb_workload_write() - one operation, recorded. Return: as write(2). */
ssize_t nwb_workload_write(struct nwb_workload *w, struct nwb_subject *s,
			   const struct nwb_write_op *op);

/* tap.c */
struct nwb_netfs_tap;
struct nwb_ledger_tap *nwb_ledger_tap_new(struct nwb_ledger *l);
struct nwb_netfs_tap *nwb_ledger_tap_netfs(struct nwb_ledger_tap *t);
void nwb_ledger_tap_free(struct nwb_ledger_tap *t);

/* subject_ref.c, subject_raw.c */
int nwb_subject_ref_new(struct nwb_exec *ex,
			const struct nwb_subject_opts *opts,
			struct nwb_subject **ret_s, struct nwb_err *err);
int nwb_subject_raw_new(struct nwb_exec *ex,
			const struct nwb_subject_opts *opts,
			struct nwb_subject **ret_s, struct nwb_err *err);

/* subject.c: options of the protocol clients that both kinds share */
struct nwb_smb2_opts;
struct nwb_p9_opts;
void nwb_subject_smb2_opts(const struct nwb_subject_opts *o,
			   struct nwb_smb2_opts *ret);
void nwb_subject_policy(const struct nwb_subject_opts *o, bool is_protected,
			struct nwb_policy *p);
/** nwb_subject_smb2_prove() - on an encrypted session send one ECHO, so that
 * the shim in the server has seen both directions before anything counts. */
struct nwb_smb2;
void nwb_subject_smb2_prove(struct nwb_smb2 *c);
struct nwb_smb2_stats;
void nwb_subject_smb2_stats(const struct nwb_smb2_stats *st,
			    struct nwb_subject_stats *ret);
void nwb_subject_p9_opts(const struct nwb_subject_opts *o,
			 struct nwb_p9_opts *ret);

#endif
