/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The streams besides the upload: the local cache (1) and a mirror (2).
 *
 *	claim ─┬─► 0 upload	the server; its outcome is the file's
 *	       ├─► 1 cache	whole blocks, if the folio has them
 *	       └─► 2 mirror	the same bytes as 0
 *
 * Each cuts its own subrequests, retries and fails by itself. A folio's
 * writeback ends when all are done with it; a stream that failed holds nothing
 * back. Nothing that happens to 1 or 2 is an error of the file: it makes them
 * useless, so they are invalidated.
 */
#include "internal.h"

void nwb_netfs_attach(struct nwb_netfs *nf, unsigned int stream_nr,
		      const struct nwb_stream_ops *ops)
{
	nwb_assert(stream_nr && stream_nr < NWB_NR_STREAMS);
	nf->side[stream_nr] = ops;
	nf->nr_streams = nwb_max(nf->nr_streams, stream_nr + 1);
}

void nwb_inode_set_side(struct nwb_inode *inode, unsigned int stream_nr,
			void *side)
{
	nwb_assert(stream_nr && stream_nr < NWB_NR_STREAMS);
	inode->side[stream_nr] = side;
}

void *nwb_inode_side(const struct nwb_inode *inode, unsigned int stream_nr)
{
	nwb_assert(stream_nr && stream_nr < NWB_NR_STREAMS);
	return inode->side[stream_nr];
}

/** nwb_sides_invalidate() - what the other streams have of @inode is not the
 * server's any more. No lock held. */
void nwb_sides_invalidate(struct nwb_inode *inode)
{
	struct nwb_netfs *nf = inode->nf;

	for (unsigned int i = 1; i < nf->nr_streams; i++)
		if (inode->side[i] && nf->side[i]->invalidate)
			nf->side[i]->invalidate(inode);
}

bool nwb_inode_is_cached(const struct nwb_inode *inode)
{
	return inode->side[1] && !atomic_load(&inode->is_side_lost);
}

/**
 * nwb_sides_lose() - bytes of @inode were given up: its folios hold what the
 * server does not have, and a block for the local cache may take some of them
 * along. It takes no part any more until the inode goes. (In Linux nobody tells
 * it: H12.) No lock held.
 */
void nwb_sides_lose(struct nwb_inode *inode)
{
	struct nwb_netfs *nf = inode->nf;

	if (!nwb_inode_is_cached(inode) || nwb_mutant(nf, NWB_MUT_CACHE_KEPT))
		return;
	if (nwb_hazard(nf, NWB_H12)) {
		nwb_netfs_hazard_fired(nf, NWB_H12);
		return;
	}
	if (!atomic_exchange(&inode->is_side_lost, true) &&
	    nf->side[1]->invalidate)
		nf->side[1]->invalidate(inode);
}

/** nwb_sides_flush() - after the server's flush. Context: blocks. */
void nwb_sides_flush(struct nwb_inode *inode)
{
	struct nwb_netfs *nf = inode->nf;

	for (unsigned int i = 1; i < nf->nr_streams; i++) {
		const struct nwb_stream_ops *ops = nf->side[i];

		if (!inode->side[i] || !ops->flush || !ops->flush(inode))
			continue;
		nwb_count(nf, cache_failed, 1);
		if (ops->invalidate)
			ops->invalidate(inode);
	}
}

/** nwb_sides_read() - from the local cache. Return: bytes at @pos, 0: it has
 * none. Context: blocks; no lock held. */
size_t nwb_sides_read(struct nwb_inode *inode, uint64_t pos, void *buf,
		      size_t len)
{
	const struct nwb_stream_ops *ops = inode->nf->side[1];
	ssize_t n;

	if (!ops || !ops->read || !nwb_inode_is_cached(inode))
		return 0;
	n = ops->read(inode, pos, buf, len);
	return n > 0 ? (size_t)n : 0;
}
