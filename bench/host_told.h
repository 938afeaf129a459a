/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the two processes of a run of `netwb check --kernel host` say, and what
 * that is worth.
 *
 *	netwb mount	"O1 FAIL LOST: ..."	a finding of an oracle
 *			"verdict: FAIL  O1 LOST: ..."
 *	netwb host-work	"host-work: PASS ..." or "host-work: FAIL KIND OFFSET
 *			LENGTH ..."
 *
 * PASS needs the word of both. Where only one of them has found something, that
 * stands.
 */
#ifndef NWB_BENCH_HOST_TOLD_H
#define NWB_BENCH_HOST_TOLD_H

#include "check_kernel.h"

/**
 * struct host_told - what was heard; all zero at first.
 * @verdict: of the mount, if @has_verdict
 * @reason: beside it, or the first complaint of netwb
 * @found: the finding that weighs most, if @has_finding: @oracle, @kind, @text,
 *	and of the workload's where it is: @off, @len
 * @has_died: the server ended by itself
 * @has_worked: the workload came to its end
 * @no_fuse: there is no FUSE here
 */
struct host_told {
	enum nwb_verdict verdict, found;
	char reason[200];
	unsigned int oracle;
	char kind[32], text[192];
	uint64_t off, len;
	bool has_verdict, has_finding, has_died, has_worked, no_fuse;
};

/** host_told_hear() - take one line of either. */
void host_told_hear(struct host_told *t, const char *line);
/** host_told_judge() - all was said: fill the judgement of @r (all zero at
 * first), or say in skip or trouble why there is none. @status: exit code */
void host_told_judge(const struct host_told *t, int status,
		     struct kc_run_result *r);

#endif
