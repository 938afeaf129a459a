/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * O15, gave up.
 *
 * An upload is given up only after a status outside P.retryable, after
 * P.max_attempts, or after the server was unreachable longer than P.patience:
 * else GAVE-UP, although the error was told. No status at all (the connection
 * went away) is retryable, unless the client was refused before it could send
 * anything: the file cannot be opened again. Hard means patience without end;
 * max_attempts 0 means any number. Of somebody else's client nobody knows what
 * it gave up: o6_wire.c judges the errors that its users were told.
 */
#include "judge_i.h"

static bool is_licensed(const struct nwb_policy *p, const struct nwb_lrec *g)
{
	if ((g->status && !nwb_j_is_retryable(p, g->status)) ||
	    (g->flags & NWB_LF_REFUSED))
		return true;
	if (p->max_attempts && g->aux >= p->max_attempts)
		return true;
	return !p->hard && g->len2 > p->patience_ns;
}

int nwb_j_o15_gaveup(struct judge *J)
{
	for (unsigned int id = 1; id <= NWB_LEDGER_FILES; id++) {
		const struct jfile *f = &J->file[id];

		for (uint32_t i = 0; i < f->nr_giveup; i++) {
			const struct nwb_lrec *g =
				&J->in->rec[f->giveup[i].slot];
			struct nwb_finding x = {
				.oracle = 15,
				.verdict = NWB_FAIL,
				.kind = "GAVE-UP",
				.file = f->id,
				.off = g->off,
				.len = g->len,
				.rec_a = f->giveup[i].slot,
				.rec_b = NO_SLOT,
			};

			J->j->ran |= 1u << 15;
			if (is_licensed(&J->in->policy, g))
				continue;
			nwb_j_found(J, &x,
				    "given up after %llu attempts, status %#x, "
				    "unreachable for %llu ms",
				    (unsigned long long)g->aux, g->status,
				    (unsigned long long)(g->len2 / NWB_MSEC));
		}
	}
	return 0;
}
