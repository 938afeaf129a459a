/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Exact counts for the report, and for O11's "a retry or reconnect happened".
 */
#include "judge_i.h"

/* Attempts count from 0 or from 1, as the client likes: make it 0. */
static void normalise_attempts(struct judge *J)
{
	uint64_t first = UINT64_MAX;

	for (unsigned int id = 1; id <= NWB_LEDGER_FILES; id++)
		for (uint32_t i = 0; i < J->file[id].nr_sent; i++)
			first = nwb_min(first, J->file[id].sent[i].attempt);
	for (unsigned int id = 1; id <= NWB_LEDGER_FILES; id++)
		for (uint32_t i = 0; i < J->file[id].nr_sent; i++)
			J->file[id].sent[i].attempt -= first;
}

static void count_sent(struct judge *J, const struct jfile *f)
{
	for (uint32_t i = 0; i < f->nr_sent; i++) {
		uint64_t len = f->sent[i].hi - f->sent[i].lo;

		J->j->bytes_sent += len;
		if (f->sent[i].attempt)
			J->j->bytes_resent += len;
	}
}

/*
 * A client that does not number its attempts: what goes out again after an
 * earlier WRITE of the same bytes had no ok answer.
 */
static void count_resent_on_wire(struct judge *J, const struct jfile *f)
{
	const uint32_t *sents = f->sents.item;

	for (uint32_t a = 0; a < f->nr_atom; a++) {
		bool was_lost = false;

		for (uint64_t i = f->sents.at[a]; i < f->sents.at[a + 1]; i++) {
			if (was_lost)
				J->j->bytes_resent +=
					f->atom[a + 1] - f->atom[a];
			was_lost |= f->sent[sents[i]].is_lost;
		}
	}
}

/* Connections over which a file was worked on; probes are none. */
bool nwb_j_is_working(const struct judge *J, const struct jconn *c)
{
	for (uint32_t i = c->pdu0; i < c->pdu0 + c->nr_pdu; i++) {
		const struct nwb_lrec *r = J->pdu[i].r;

		if (J->pdu[i].is_reply)
			continue;
		if (nwb_j_is_write(r) || nwb_j_is_flush(r))
			return true;
		if (r->flags & NWB_LF_9P
			    ? r->cmd == P9_TLOPEN || r->cmd == P9_TLCREATE
			    : r->cmd == SMB_CREATE)
			return true;
	}
	return false;
}

void nwb_j_count_all(struct judge *J)
{
	uint64_t connects = 0, conns = 0;

	normalise_attempts(J);
	for (uint64_t i = 0; i < J->in->nr_rec; i++)
		connects += nwb_j_kind(J, i) == NWB_L_CONNECT;
	for (uint32_t i = 0; i < J->nr_conn; i++)
		conns += nwb_j_is_working(J, &J->conn[i]);
	for (uint32_t i = 0; i < J->nr_pdu; i++)
		J->j->nr_pdu += !J->pdu[i].is_reply;
	connects = nwb_max(connects, conns);
	J->j->nr_reconnects = connects ? connects - 1 : 0;
}

void nwb_j_count_file(struct judge *J, const struct jfile *f)
{
	count_sent(J, f);
	if (f->is_built)
		count_resent_on_wire(J, f);
}
