/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Deliberate defects (nwb/netfs_mutants.h) that need more than a line where the
 * bug would be; only in builds for the oracles' self-test. Of two streams one
 * stops with the other, and "older data after newer was acked":
 *
 *	first issue      keep a copy of the payload's beginning
 *	needs a retry    that copy is the stale one
 *	before a flush   all newer bytes are acked; where they differ from the
 *	                 copy, the copy is sent once more
 *
 * Where it is off no lock is taken: each is a decision of the simulated
 * scheduler, and a seed shall be the same world in a build without mutants.
 */
#include "internal.h"

#ifdef NWB_MUTANTS

/** nwb_mutant_stops() - a stream failed once: is @q, of the other one, taken for
 * written and not sent? */
bool nwb_mutant_stops(const struct nwb_sreq *q)
{
	struct nwb_netfs *nf = q->s.rreq->nf;

	if (q->s.stream_nr == 2)
		return nwb_mutant(nf, NWB_MUT_UPLOAD_STOPS) &&
		       atomic_load(&nf->n.upload_failed);
	return !q->s.stream_nr && nwb_mutant(nf, NWB_MUT_MIRROR_STOPS) &&
	       atomic_load(&nf->n.cache_failed);
}

/** nwb_mutant_copy() - @q is about to be issued. */
void nwb_mutant_copy(struct nwb_sreq *q)
{
	struct nwb_netfs *nf = q->s.rreq->nf;
	struct nwb_iov_iter it;

	if (!nwb_mutant(nf, NWB_MUT_OLDER_AFTER_NEWER) || q->attempts != 1 ||
	    q->mut_copy)
		return;
	q->mut_copy = nwb_alloc(NWB_STALE_BYTES);
	if (!q->mut_copy)
		return;
	nwb_iov_iter_init(&it, q->s.iov, q->s.nr_iov);
	q->mut_copied = nwb_iov_copy_out(
		&it, q->mut_copy, nwb_min(q->s.len, (size_t)NWB_STALE_BYTES));
}

/** nwb_mutant_arm() - @q needs a retry. */
void nwb_mutant_arm(struct nwb_sreq *q)
{
	struct nwb_netfs *nf = q->s.rreq->nf;

	if (!q->mut_copy)
		return;
	nwb_mutex_lock(&nf->lock);
	if (!nf->stale.inode) {
		nf->stale.inode = q->s.rreq->inode;
		nf->stale.pos = q->s.start;
		nf->stale.len = nwb_min(q->mut_copied, q->s.len);
		memcpy(nf->stale.bytes, q->mut_copy, nf->stale.len);
	}
	nwb_mutex_unlock(&nf->lock);
}

/** nwb_mutant_forget() - @inode goes away. */
void nwb_mutant_forget(struct nwb_inode *inode)
{
	struct nwb_netfs *nf = inode->nf;

	if (!nwb_mutant(nf, NWB_MUT_OLDER_AFTER_NEWER))
		return;
	nwb_mutex_lock(&nf->lock);
	if (nf->stale.inode == inode)
		nf->stale.inode = NULL;
	nwb_mutex_unlock(&nf->lock);
}

/* inode->lock held: is what was acked since another content? */
static bool differs(struct nwb_inode *inode, uint64_t pos, const uint8_t *bytes,
		    size_t len)
{
	for (size_t i = 0; i < len; i++) {
		struct nwb_folio *f =
			nwb_folio_find(inode, (pos + i) >> NWB_PAGE_SHIFT);

		if (f && f->mem[pos + i - nwb_folio_pos(f)] != bytes[i])
			return true;
	}
	return false;
}

/** nwb_mutant_resend() - everything newer was acked, a flush comes next. */
void nwb_mutant_resend(struct nwb_inode *inode)
{
	struct nwb_netfs *nf = inode->nf;
	struct nwb_io_request *rreq;
	struct nwb_io_stream *stream;
	struct nwb_sreq *q;
	uint32_t wsize = 0;
	bool is_due;

	if (!nwb_mutant(nf, NWB_MUT_OLDER_AFTER_NEWER))
		return;
	nwb_mutex_lock(&inode->lock);
	nwb_mutex_lock(&nf->lock);
	is_due = nf->stale.inode == inode &&
		 differs(inode, nf->stale.pos, nf->stale.bytes, nf->stale.len);
	nwb_mutex_unlock(&nf->lock);
	nwb_mutex_unlock(&inode->lock);
	if (!is_due)
		return;
	rreq = nwb_request_new(inode, nf->stale.pos, NWB_WRITEBACK);
	stream = &rreq->streams[0];
	if (nf->ops->begin_writeback)
		rreq->begin_error = nf->ops->begin_writeback(rreq, &wsize);
	q = nwb_sreq_new(rreq, 0, nf->stale.pos);
	nwb_mutex_lock(&rreq->lock);
	rreq->nr_inflight[0]++;
	nwb_mutex_unlock(&rreq->lock);
	nwb_sreq_prepare(q, nf->stale.len);
	q->s.len = nwb_min(nf->stale.len, stream->sreq_max_len);
	q->noted = q->s.len; /* never unstable */
	q->mut_is_stale = true;
	(void)nwb_sreq_add_seg(q, nf->stale.bytes, q->s.len, 1);
	nwb_mutex_lock(&rreq->lock);
	q->in_progress = true;
	stream->active = true;
	nwb_list_add_tail(&stream->subrequests, &q->s.rreq_link);
	rreq->all_queued = true;
	nwb_mutex_unlock(&rreq->lock);
	nwb_sreq_issue(q);
	nwb_request_put(rreq);
	nwb_request_wait_all(inode);
	nwb_mutant_forget(inode);
}

#else

/* ISO C wants a translation unit to have something in it. */
extern const int nwb_netfs_no_mutants;
const int nwb_netfs_no_mutants = 1;

#endif
