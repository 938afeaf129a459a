/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Temp-page writeback, as FUSE had it until Linux 6.15 (fuse_writepages_fill,
 * fuse_writepages_send, fuse_writepage_end): what is sent is a copy.
 *
 *	claim + copy ─► sent ──────── on the wire ──────────►  reply
 *	                 │                                      │
 *	                 └ folio writeback ends here            └ copy freed
 *
 * Payload comes from one instant, no writer ever waits, memory in flight is
 * twice as large. Generations of a byte, at most two:
 *
 *	1st   in the copy that is on the wire
 *	2nd   in the folio, dirty again; its copy is made and sent only after
 *	      the first's reply (the range in folio->inflight holds it back)
 *
 * FUSE keeps the copies in an rb-tree because their folios may be reclaimed
 * meanwhile. Here a folio stays while a copy of it is in flight, since strict
 * writeback needs its bytes until they were flushed anyway, so the page table
 * is the tree and folio->inflight its entries.
 *
 * opts.no_copy: everything but the copy: the page is taken, counted and given
 * back, and what is sent is the folio, as in place. No kernel did that; it
 * shows what of the difference between the modes is the copying.
 */
#include "internal.h"

static size_t temp_pages(uint32_t len)
{
	size_t want = NWB_DIV_ROUND_UP((size_t)len, (size_t)NWB_PAGE_SIZE);
	size_t n = 1;

	while (n < want)
		n *= 2;
	return n;
}

int nwb_copy_get(struct nwb_netfs *nf, struct nwb_claim *c,
		 const uint8_t *folio_mem)
{
	size_t pages = temp_pages(c->pre + c->len + c->post);
	uint8_t *mem;

	nwb_mutex_lock(&nf->lock);
	mem = nwb_arena_get(&nf->temp, pages);
	nwb_mutex_unlock(&nf->lock);
	if (!mem)
		return -EAGAIN;
	c->temp = mem;
	if (nf->opts.no_copy) {
		/* Sent from there, never written to through the claim. */
		c->mem = (uint8_t *)(uintptr_t)folio_mem;
	} else {
		memcpy(mem, folio_mem - c->pre,
		       c->pre + c->len + c->post -
			       (nwb_mutant(nf, NWB_MUT_COPY_SHORT) ? 1 : 0));
		c->mem = mem + c->pre;
		nwb_count(nf, copies, c->len);
	}
	nwb_gauge_add(&nf->n.temp_bytes, &nf->n.temp_bytes_max,
		      pages * NWB_PAGE_SIZE);
	return 0;
}

static int claim(struct nwb_netfs *nf, struct nwb_claim *c,
		 const uint8_t *folio_mem)
{
	int rc = nwb_copy_get(nf, c, folio_mem);

	if (rc)
		return rc;
	nwb_gauge_add(&nf->n.writeback_bytes, &nf->n.writeback_bytes_max,
		      c->len);
	return 0;
}

void nwb_copy_wait_room(struct nwb_netfs *nf, uint64_t seen)
{
	nwb_mutex_lock(&nf->lock);
	nwb_wait_event(&nf->temp_room, &nf->lock,
		       atomic_load(&nf->temp_freed) != seen);
	nwb_mutex_unlock(&nf->lock);
}

/* The folios' writeback ends here, and who reclaims may be waiting for it. */
static void issued(struct nwb_netfs *nf, size_t len)
{
	nwb_gauge_sub(&nf->n.writeback_bytes, len);
	if (!nf->opts.budget)
		return;
	nwb_mutex_lock(&nf->lock);
	nf->writeback_ended += len;
	nwb_waitq_wake_all(&nf->room);
	nwb_mutex_unlock(&nf->lock);
}

void nwb_copy_put(struct nwb_netfs *nf, struct nwb_claim *c)
{
	size_t pages = temp_pages(c->pre + c->len + c->post);

	nwb_arena_put(&nf->temp, c->temp, pages);
	nwb_gauge_sub(&nf->n.temp_bytes, pages * NWB_PAGE_SIZE);
	atomic_fetch_add(&nf->temp_freed, 1);
	nwb_waitq_wake_all(&nf->temp_room);
}

static bool is_frozen(const struct nwb_netfs *nf, const struct nwb_folio *f)
{
	return nf->opts.no_copy && nf->opts.stable_writes && f->nr_claims;
}

const struct nwb_wb_mode_ops nwb_wb_temp_page = {
	.name = "temp-page",
	.claim = claim,
	.wait_room = nwb_copy_wait_room,
	.issued = issued,
	.done = nwb_copy_put,
	.is_frozen = is_frozen,
};
