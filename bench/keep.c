/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a FAIL leaves behind: its ledger, and the command that explains it. */
#include "bench_i.h"

#include "nwb/shell.h"
#include <stdio.h>
#include <string.h>

/* new_ledger() - as DIR/CELL.ledger, or with a number when that is there. */
static int new_ledger(const struct nwb_ledger *l, const char *dir,
		      const char *cell, char *path, size_t size)
{
	int rc = -EEXIST;

	for (int i = 1; i < 1000 && rc == -EEXIST; i++) {
		int n = i > 1 ? snprintf(path, size, "%s/%s-%d.ledger", dir,
					 cell, i)
			      : snprintf(path, size, "%s/%s.ledger", dir, cell);

		if (n < 0 || (size_t)n >= size)
			return -ENAMETOOLONG;
		rc = bench_keep_ledger(l, path, NULL);
	}
	return rc;
}

void bench_keep_failed(const struct nwb_ledger *l,
		       const struct bench_run_opts *o,
		       struct bench_run_result *r)
{
	char dir[2048], cell[128], reason[256];

	if (bench_verdict(r, o->plan, reason, sizeof(reason)) != NWB_FAIL)
		return;
	if (o->ledger_path) {
		snprintf(r->ledger, sizeof(r->ledger), "%s%s", o->ledger_path,
			 r->is_mirror_guilty ? BENCH_MIRROR_LEDGER : "");
		return;
	}
	/* a mutant is there to fail */
	if (o->mutants || o->mutant_credits || !o->keep_failed)
		return;
	bench_cell_name(o, cell, sizeof(cell));
	if (o->results_dir)
		snprintf(dir, sizeof(dir), "%s", o->results_dir);
	else if (bench_results_dir(o->results_base, dir, sizeof(dir), NULL))
		return;
	/* the verdict stands without it */
	if (new_ledger(l, dir, cell, r->ledger, sizeof(r->ledger)))
		r->ledger[0] = '\0';
}

const char *bench_explain(const struct bench_run_result *r, char *buf,
			  size_t size)
{
	uint64_t off = 0;
	size_t at;

	if (!r->ledger[0])
		return NULL;
	for (unsigned int i = r->judgement.nr_findings; i-- > 0;)
		if (r->judgement.finding[i].verdict == NWB_FAIL &&
		    r->judgement.finding[i].file)
			off = r->judgement.finding[i].off;
	at = (size_t)snprintf(buf, size, "netwb explain");
	at = nwb_shell_word(buf, size, at, r->ledger);
	if (at < size)
		snprintf(buf + at, size - at, " --at netwb.dat:%llu",
			 (unsigned long long)off);
	return buf;
}
