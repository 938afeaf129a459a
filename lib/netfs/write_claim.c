/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a pass of the issuer takes next: the part of writeback_iter() (mm/
 * page-writeback.c) and of netfs_write_folio() that looks at a folio.
 *
 *	dirty folio at or behind pos
 *	  dirty since the pass began, or beyond its end	not this pass
 *	  under writeback				SYNC waits, others skip
 *	  of another group than the request		another request
 *	  beyond the end of the file			cleaned, not sent
 *	else: its dirty bytes become bytes in flight, a claim
 *
 * Bytes of a folio that a claim took:
 *
 *	strict		|      dddddddd      |	what was written, no more
 *	linux, uptodate	|####################|	the folio, up to i_size
 *	linux, not	|      dddddddd      |	the one range (streaming write)
 *	for the cache	|  [pre]dddddddd[post]	whole blocks, if it is uptodate
 *	content crypto	|  [h]dddddddddd[tail]	whole data units, always
 *
 * A pass that was kicked because much is dirty does not take the last, partial
 * piece of a run that is still being written: it takes whole multiples of wsize
 * from the run, and what is left is the beginning of the next pass.
 */
#include "issue.h"

#define RUN_WSIZES 16u

static bool is_busy(const struct nwb_folio *f, struct nwb_span s)
{
	return f->nr_claims && nwb_span_overlaps(f->inflight, s) &&
	       !nwb_mutant(f->inode->nf, NWB_MUT_BUSY_CLAIMED);
}

/* End of the run of dirty bytes that begins in @f, looked at up to @max. */
static uint64_t run_end(const struct nwb_folio *f, uint64_t max)
{
	uint64_t end = nwb_folio_pos(f) + f->dirty.to;

	while (f->dirty.to == f->bytes && end < max) {
		f = nwb_folio_find(f->inode,
				   f->index + f->bytes / NWB_PAGE_SIZE);
		if (!f || !(f->flags & NWB_FOLIO_DIRTY) || f->dirty.from ||
		    is_busy(f, f->dirty))
			break;
		end = nwb_folio_pos(f) + f->dirty.to;
	}
	return end;
}

/* Kicked: how far to claim from @start in @f on; false: skip that run. */
static bool set_limit(struct issue *is, const struct nwb_folio *f,
		      uint64_t start)
{
	uint64_t wsize = atomic_load(&is->inode->nf->wsize);
	uint64_t max = start + RUN_WSIZES * wsize;
	uint64_t end = run_end(f, max);

	is->limit = end;
	if (end >= max || end == is->inode->last_write_end)
		is->limit = start + (end - start) / wsize * wsize;
	if (is->limit > start)
		return true;
	is->pos = end;
	return false;
}

/* Whole blocks for the local cache, of a folio that has them. */
static void add_blocks(const struct nwb_folio *f, struct nwb_span s,
		       struct nwb_claim *c)
{
	c->is_cached = true;
	c->pre = s.from % NWB_PAGE_SIZE;
	c->post = NWB_PAGE_SIZE - 1 - (s.to - 1) % NWB_PAGE_SIZE;
	nwb_assert(s.to + c->post <= f->bytes);
}

/* EOF: the rest of the folio is zeros, and nothing of it is sent (a streaming
 * folio has none). */
static struct nwb_span clip_to_size(struct nwb_folio *f, struct nwb_span s,
				    uint64_t size)
{
	uint64_t left = size - nwb_min(size, nwb_folio_pos(f));

	if (s.to <= left)
		return s;
	if ((f->flags & NWB_FOLIO_UPTODATE) && !f->nr_claims)
		memset(f->mem + left, 0, f->bytes - left);
	s.to = (uint32_t)left;
	return s;
}

static void set_rest(struct issue *is, struct nwb_folio *f, struct nwb_span s)
{
	if (s.to < f->dirty.to && is->pos < nwb_folio_pos(f) + f->bytes &&
	    !nwb_mutant(is->inode->nf, NWB_MUT_CLAIM_CLEANS)) {
		nwb_folio_set_dirty(f, (struct nwb_span){s.to, f->dirty.to});
		return;
	}
	nwb_folio_clear_dirty(f);
	is->nr_left -= f->bytes / NWB_PAGE_SIZE;
}

/* The claim itself: dirty bytes become bytes in flight. inode->lock held.
 * @is_part: more of @f is left for later */
static int take_claim(struct issue *is, struct nwb_folio *f, struct nwb_span s,
		      bool is_part, struct nwb_claim **ret_claim)
{
	struct nwb_inode *inode = is->inode;
	struct nwb_netfs *nf = inode->nf;
	struct nwb_claim *c;
	int rc;

	if (nwb_list_empty(is->spare))
		return -ENOMEM;
	c = nwb_list_first(is->spare, struct nwb_claim, link);
	*c = (struct nwb_claim){
		.link = c->link,
		.folio = f,
		.is_copy = (f->flags & NWB_FOLIO_COPY) != 0,
	};
	if (nf->crypto)
		s = nwb_crypto_take(f, c, s);
	c->start = nwb_folio_pos(f) + s.from;
	c->len = s.to - s.from;
	c->ends_run = !is_part && s.to < f->bytes;
	if (is->rreq->streams[1].avail && (f->flags & NWB_FOLIO_UPTODATE))
		add_blocks(f, s, c);
	rc = nf->mode->claim(nf, c, f->mem + s.from);
	if (rc) {
		if (nwb_mutant(nf, NWB_MUT_CONGESTED_CLEAN))
			nwb_folio_set_dirty(f, (struct nwb_span){0, 0});
		return rc;
	}
	nwb_list_del(&c->link);
	if (c->is_copy)
		f->flags = (f->flags & ~NWB_FOLIO_COPY) | NWB_FOLIO_COPYING;
	f->inflight = f->nr_claims ? nwb_span_hull(f->inflight, s) : s;
	f->nr_claims++;
	c->to_eof = is->origin != NWB_WRITETHROUGH &&
		    c->start + c->len == inode->size;
	is->pos = is_part ? c->start + c->len : nwb_folio_pos(f) + f->bytes;
	set_rest(is, f, s);
	is->claimed += c->len;
	*ret_claim = c;
	return 0;
}

/* Kicked: how much of @s is taken now; false: nothing. */
static bool take_part(struct issue *is, struct nwb_folio *f, struct nwb_span *s,
		      bool *ret_is_part)
{
	uint64_t fpos = nwb_folio_pos(f);

	if (fpos + s->from >= is->limit && !set_limit(is, f, fpos + s->from))
		return false;
	/* the cache wants whole blocks, the cipher whole units: no claim ends
	 * within a folio */
	if (is->inode->side[1] || is->inode->nf->crypto ||
	    fpos + s->to <= is->limit)
		return true;
	s->to = (uint32_t)(is->limit - fpos);
	*ret_is_part = true;
	return true;
}

/* Is @f for this pass at all? 0; -EAGAIN: not; -EBUSY, -EXDEV. */
static int look_at(struct issue *is, struct nwb_folio *f)
{
	uint64_t fpos = nwb_folio_pos(f);
	int rc = 0;

	/* Dirtied behind us, or meanwhile: the next pass's. */
	if (fpos + f->dirty.from < is->pos)
		return -EAGAIN;
	if (is->reason == NWB_WB_SYNC && f->dirty_tag > is->tag)
		return -EAGAIN;
	/* blocks of the cache overlap where the dirty bytes do not */
	if (is_busy(f, f->dirty) || (f->nr_claims && is->inode->side[1]))
		return is->reason == NWB_WB_SYNC &&
				       !nwb_mutant(is->inode->nf,
						   NWB_MUT_SYNC_SKIPS_BUSY)
			       ? -EBUSY
			       : -EAGAIN;
	if (is->rreq && f->group != is->rreq->group)
		return -EXDEV;
	while (is->inode->nf->crypto &&
	       (rc = nwb_crypto_look_at(f, is->origin == NWB_LAUNDER_WRITE)) ==
		       -EAGAIN)
		;
	if (rc)
		return is->reason == NWB_WB_SYNC ? -EBUSY : -EAGAIN;
	return 0;
}

int nwb_try_claim(struct issue *is, struct nwb_claim **ret_claim)
{
	struct nwb_inode *inode = is->inode;

	for (;;) {
		struct nwb_folio *f = nwb_folio_next_dirty(inode, is->pos);
		bool is_part = false;
		struct nwb_span s;
		int rc;

		if (!f || nwb_folio_pos(f) >= is->end)
			return -ENOENT;
		if (is->nr_left <= 0 && is->reason != NWB_WB_SYNC) {
			is->is_cut_short = true;
			return -ENOENT;
		}
		rc = look_at(is, f);
		if (rc == -EAGAIN) {
			is->pos = nwb_folio_pos(f) + f->bytes;
			continue;
		}
		if (rc)
			return rc;
		s = clip_to_size(f, f->dirty, inode->size);
		if (s.from >= s.to) { /* beyond the end: cleaned, not sent */
			nwb_folio_set_dirty(f, (struct nwb_span){0, 0});
			nwb_folio_maybe_clean(f);
			continue;
		}
		if (is->reason == NWB_WB_KICK &&
		    !take_part(is, f, &s, &is_part))
			continue;
		if (!is->rreq) {
			is->pos = nwb_max(is->pos, nwb_folio_pos(f));
			return -EINPROGRESS;
		}
		return take_claim(is, f, s, is_part, ret_claim);
	}
}
