/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Vectored upload: small subrequests to different places, handed to the
 * filesystem together (opts.vectored). Beyond Linux.
 *
 *	dirty	  |##|      |##|   |#|          |####...
 *	cut	     gap       gap   gap
 *	          [1 ]      [2 ]   [3]  ──► ->issue_writes()
 *
 * One that ends at a gap is kept back, since another one follows at once; it is
 * let go when there are opts.vectored of them, or before the issuer waits for
 * anything: memory, a folio, a retry, credits (which the kept ones hold). Each
 * is a subrequest like any other, and ends, fails and is sent again by itself.
 */
#include "trace.h"

#define SMALL 65536u

/** nwb_batch_flush() - let go what is kept back. */
void nwb_batch_flush(struct nwb_io_request *rreq)
{
	struct nwb_io_subrequest *batch[NWB_VECTORED_MAX];
	struct nwb_netfs *nf = rreq->nf;
	unsigned int nr = rreq->nr_batch;

	rreq->nr_batch = 0;
	if (nr == 1) {
		nwb_sreq_issue(nwb_to_sreq(rreq->batch[0]));
		return;
	}
	for (unsigned int i = 0; i < nr; i++) {
		batch[i] = rreq->batch[i];
		nwb_request_get(rreq); /* IO */
		nwb_sreq_begin(nwb_to_sreq(batch[i]));
	}
	nwb_count(nf, vectored, nr);
	if (nr)
		nf->ops->issue_writes(batch, nr);
}

/** nwb_batch_take() - keep @q back, or send it with what is. False: it is to be
 * issued by itself. */
bool nwb_batch_take(struct nwb_sreq *q, enum nwb_cut cut)
{
	struct nwb_io_request *rreq = q->s.rreq;
	struct nwb_netfs *nf = rreq->nf;
	bool has_next = cut == NWB_CUT_GAP;

	if (q->s.stream_nr || !nf->ops->issue_writes)
		return false;
	if (q->prepare_error || q->s.len > SMALL ||
	    (!has_next && !rreq->nr_batch)) {
		nwb_batch_flush(rreq);
		return false;
	}
	rreq->batch[rreq->nr_batch++] = &q->s;
	if (!has_next ||
	    rreq->nr_batch == nwb_min(nf->opts.vectored, NWB_VECTORED_MAX))
		nwb_batch_flush(rreq);
	return true;
}

/** nwb_batch_prepare() - ->prepare_write() while some are kept back: they may
 * hold what it would wait for. */
int nwb_batch_prepare(struct nwb_sreq *q,
		      int (*prepare)(struct nwb_io_subrequest *))
{
	int rc;

	q->s.flags |= NWB_SREQ_NOWAIT;
	rc = prepare(&q->s);
	q->s.flags &= ~NWB_SREQ_NOWAIT;
	if (rc != -EAGAIN)
		return rc;
	nwb_batch_flush(q->s.rreq);
	return prepare(&q->s);
}
