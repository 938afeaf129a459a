/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * In-place writeback: what is sent is the folio itself.
 *
 *	claim      ────────────── on the wire ──────────────►  every stream done
 *	writeback begins                                       writeback ends
 *
 * Content is not frozen meanwhile unless opts.stable_writes asks for it (Linux:
 * AS_STABLE_WRITES, which cifs sets with signing): a writer may change it, the
 * server may get old, new or torn bytes, and the folio is dirty again and sent
 * again once its claims have ended.
 *
 * With content crypto a copy is sent, which was encrypted: payload of one
 * instant. The folio stays under writeback all the same.
 */
#include "internal.h"

static int claim(struct nwb_netfs *nf, struct nwb_claim *c,
		 const uint8_t *folio_mem)
{
	int rc;

	if (nf->crypto) {
		rc = nwb_copy_get(nf, c, folio_mem);
		if (rc)
			return rc;
	} else {
		/* Sent from there, never written to through the claim. */
		c->mem = (uint8_t *)(uintptr_t)folio_mem;
	}
	nwb_gauge_add(&nf->n.writeback_bytes, &nf->n.writeback_bytes_max,
		      c->len);
	return 0;
}

static void wait_room(struct nwb_netfs *nf, uint64_t seen)
{
	if (nf->crypto)
		nwb_copy_wait_room(nf, seen);
}

static void issued(struct nwb_netfs *nf, size_t len)
{
	(void)nf;
	(void)len;
}

static void done(struct nwb_netfs *nf, struct nwb_claim *c)
{
	if (nf->crypto)
		nwb_copy_put(nf, c);
	nwb_gauge_sub(&nf->n.writeback_bytes, c->len);
	nf->writeback_ended += c->len;
}

static bool is_frozen(const struct nwb_netfs *nf, const struct nwb_folio *f)
{
	return nf->opts.stable_writes && f->nr_claims && !nf->crypto &&
	       !nwb_mutant(nf, NWB_MUT_STABLE_IGNORED);
}

const struct nwb_wb_mode_ops nwb_wb_in_place = {
	.name = "in-place",
	.claim = claim,
	.wait_room = wait_room,
	.issued = issued,
	.done = done,
	.is_frozen = is_frozen,
};
