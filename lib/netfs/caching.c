/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What may be cached, by the mount's mode and by what the server has granted
 * for the file (fs/smb/client/file.c: cifs_strict_writev, cifs_strict_readv,
 * cifs_oplock_break).
 *
 *	mode	granted		write(2)		read(2)
 *	always	-		back			cache
 *	none	-		through			server
 *	strict	W R		back			cache
 *		R, not W	through, then R is	cache
 *				given up here
 *		neither		through			server
 *	loose	W		back			cache
 *		not W		back, begun at once	cache
 *
 * Through: write(2) returns when the server has answered for exactly the bytes
 * written (here all that is dirty goes, and nothing else can be). Linux writes
 * such data back later all the same, and with it, now and then, older bytes of
 * the same page over somebody else's; that is one of the hazards that strict
 * does not have. Acknowledged is still not durable: the bytes stay unstable
 * until a flush, as all others do, and are sent again if the server forgets
 * them; a read from the server looks for that first.
 *
 * A lost connection takes what was granted along, or may have: the next read
 * asks the server, which first makes the connection again.
 */
#include "internal.h"

static uint32_t granted(const struct nwb_inode *inode)
{
	return atomic_load(&inode->caching);
}

/** nwb_is_write_through() - must write(2) wait for the server? */
bool nwb_is_write_through(const struct nwb_inode *inode)
{
	switch (inode->nf->opts.cache_mode) {
	case NWB_CACHE_NONE:
		return true;
	case NWB_CACHE_STRICT:
		return !(granted(inode) & NWB_MAY_WRITE);
	default:
		return false;
	}
}

/** nwb_is_read_through() - must read(2) ask the server? */
bool nwb_is_read_through(struct nwb_inode *inode)
{
	const struct nwb_netfs_ops *ops = inode->nf->ops;

	switch (inode->nf->opts.cache_mode) {
	case NWB_CACHE_NONE:
		return true;
	case NWB_CACHE_STRICT:
		return !(granted(inode) & NWB_MAY_READ) ||
		       (ops->is_granted && !ops->is_granted(inode));
	default:
		return false;
	}
}

/* --- forgetting ----------------------------------------------------------- */

/** nwb_inode_drop_clean() - forget cached bytes that nothing pins, from page
 * @index up to page @end. inode->lock held. */
void nwb_inode_drop_clean(struct nwb_inode *inode, uint64_t index, uint64_t end)
{
	struct nwb_netfs *nf = inode->nf;
	struct nwb_folio *f;

	while ((f = nwb_folio_next(inode, index)) && f->index < end) {
		index = f->index + f->bytes / NWB_PAGE_SIZE;
		if ((f->flags & NWB_FOLIO_COPY) && !f->nr_claims) {
			/* read, and only waiting for the local cache */
			nwb_folio_forget_copy(f);
			nwb_folio_maybe_clean(f);
		}
		if (!(f->flags & NWB_FOLIO_LRU))
			continue;
		nwb_mutex_lock(&nf->lock);
		nwb_folio_drop(f);
		nwb_mutex_unlock(&nf->lock);
		nwb_count(nf, invalidated, 1);
	}
	nwb_waitq_wake_all(&nf->room);
}

/** nwb_folio_keep_ours() - what is pinned keeps only what is ours: dirty, in
 * flight to the server or unstable, and what lies between. inode->lock held. */
void nwb_folio_keep_ours(struct nwb_folio *f)
{
	struct nwb_span s = nwb_span_hull(f->dirty, f->unstable);

	/* one that is being filled finds out by forget_gen */
	if ((f->flags & NWB_FOLIO_LRU) ||
	    (f->flags & (NWB_FOLIO_FILLING | NWB_FOLIO_UPTODATE)) ==
		    NWB_FOLIO_FILLING)
		return;
	nwb_folio_unmap(f);
	if (f->nr_claims && !(f->flags & NWB_FOLIO_COPYING))
		s = nwb_span_hull(s,
				  f->inode->nf->crypto ? f->ours : f->inflight);
	f->valid = s;
	f->flags &= ~NWB_FOLIO_UPTODATE;
	if (s.from == 0 && s.to == f->bytes)
		f->flags |= NWB_FOLIO_UPTODATE;
}

/* Bytes behind the end that a mapped page has dirty along: the file may have
 * grown over them on the server. Linux would send them. inode->lock held. */
static void drop_behind_end(struct nwb_folio *f, uint64_t size)
{
	uint64_t pos = nwb_folio_pos(f);
	struct nwb_span s = f->dirty;

	if (nwb_is_linux(f->inode->nf) || pos + s.to <= size)
		return;
	s.to = pos + s.from < size ? (uint32_t)(size - pos) : s.from;
	nwb_folio_set_dirty(f, s);
}

/* Is a request under way that gives the local cache whole blocks, of what is
 * about to be forgotten? inode->lock held. */
static bool is_caching(const struct nwb_inode *inode)
{
	const struct nwb_io_request *rreq;

	nwb_list_for_each_entry (rreq, &inode->requests, inode_link)
		if (rreq->streams[1].active)
			return true;
	return false;
}

/*
 * The local cache forgets first, so that nobody reads from there what is dropped
 * here. A request that goes on meanwhile may store some of it once more: then
 * the cache takes no part any more, as after a direct write.
 */
void nwb_inode_invalidate(struct nwb_inode *inode, uint64_t size)
{
	struct nwb_folio *f;
	uint64_t index = 0, end, seq;

	nwb_mutex_lock(&inode->lock);
	seq = inode->req_seq;
	if (is_caching(inode))
		atomic_store(&inode->is_side_lost, true);
	nwb_mutex_unlock(&inode->lock);
	nwb_sides_invalidate(inode);
	nwb_mutex_lock(&inode->lock);
	if (inode->side[1] && inode->req_seq != seq)
		atomic_store(&inode->is_side_lost, true);
	inode->forget_gen++;
	end = nwb_crypto_size(inode, size);
	nwb_inode_drop_clean(inode, 0, UINT64_MAX);
	while ((f = nwb_folio_next(inode, index))) {
		index = f->index + f->bytes / NWB_PAGE_SIZE;
		drop_behind_end(f, inode->size);
		nwb_folio_keep_ours(f);
		nwb_folio_maybe_clean(f);
		/* Linux has whole folios dirty, also behind the end */
		end = nwb_max(end, nwb_min(nwb_folio_pos(f) + f->valid.to,
					   inode->size));
	}
	inode->remote_size = size;
	inode->size = end;
	nwb_mutex_unlock(&inode->lock);
}

/* --- writing -------------------------------------------------------------- */

/* Some folio in the way has unstable bytes apart from [pos, pos + len): what
 * lies between would have to be sent with them again. inode->lock held. */
static bool is_in_the_way(struct nwb_inode *inode, uint64_t pos, size_t len)
{
	uint64_t end = pos + len, at = pos;

	while (at < end) {
		struct nwb_folio *f =
			nwb_folio_find(inode, at >> NWB_PAGE_SHIFT);
		uint64_t fpos;

		if (!f) {
			at = (at / NWB_PAGE_SIZE + 1) * NWB_PAGE_SIZE;
			continue;
		}
		fpos = nwb_folio_pos(f);
		/* what fills a data unit must be the server's */
		if ((f->flags & NWB_FOLIO_UNSTABLE) && inode->nf->crypto)
			return true;
		if ((f->flags & NWB_FOLIO_UNSTABLE) &&
		    (at - fpos > f->unstable.to ||
		     end < fpos + f->unstable.from))
			return true;
		at = fpos + f->bytes;
	}
	return false;
}

/**
 * nwb_through_begin() - before bytes are copied that are to go through: cached
 * ones that nobody vouches for are forgotten, so that none is sent along.
 * Context: inode->io_lock held; may flush.
 */
void nwb_through_begin(struct nwb_inode *inode, uint64_t pos, size_t len)
{
	uint64_t first = pos >> NWB_PAGE_SHIFT;
	uint64_t last = (pos + len + NWB_PAGE_SIZE - 1) >> NWB_PAGE_SHIFT;
	bool is_busy, again;

	nwb_mutex_lock(&inode->lock);
	is_busy = is_in_the_way(inode, pos, len);
	nwb_mutex_unlock(&inode->lock);
	/* what it returns is in the error sequence */
	if (is_busy && inode->nf->crypto)
		(void)!nwb_inode_commit(inode);
	else if (is_busy)
		(void)!nwb_flush_unstable(inode, &again);
	nwb_mutex_lock(&inode->lock);
	nwb_inode_drop_clean(inode, first, last);
	nwb_mutex_unlock(&inode->lock);
}

/**
 * nwb_through_end() - send what was copied and wait for the answers.
 * @err_seq: the inode's before the copying
 * Return: 0, or the error of an upload, which fsync will tell as well.
 * Context: inode->io_lock held; blocks.
 */
int nwb_through_end(struct nwb_inode *inode, uint64_t err_seq)
{
	struct nwb_netfs *nf = inode->nf;
	int err = 0;

	nwb_count(nf, wthrough, 1);
	(void)nwb_writepages(inode, NWB_WB_SYNC);
	nwb_request_wait_all(inode);
	nwb_mutex_lock(&inode->lock);
	if (inode->err_seq != err_seq)
		err = inode->err;
	/* What is cached was read before this write: nobody broke that. */
	if (atomic_exchange(&inode->caching, 0)) {
		inode->forget_gen++;
		nwb_inode_drop_clean(inode, 0, UINT64_MAX);
	}
	nwb_mutex_unlock(&inode->lock);
	return err;
}

/** nwb_write_copied() - a write back was copied; in mode loose it begins now
 * if others may write, too. */
void nwb_write_copied(struct nwb_inode *inode)
{
	if (inode->nf->opts.cache_mode != NWB_CACHE_LOOSE ||
	    (granted(inode) & NWB_MAY_WRITE))
		return;
	atomic_store(&inode->is_wanted, true);
	nwb_flusher_kick(inode->nf);
}

/* --- reading -------------------------------------------------------------- */

/* Bytes that were acknowledged by another instance than @instance: what the
 * server has may be older. */
static bool has_foreign(struct nwb_inode *inode, uint32_t instance)
{
	struct nwb_folio *f;
	bool has = false;

	nwb_mutex_lock(&inode->lock);
	nwb_list_for_each_entry (f, &inode->unstable, unstable_link)
		has |= f->instance != instance;
	nwb_mutex_unlock(&inode->lock);
	return has;
}

/** nwb_resend_gen() - changes whenever bytes that were acknowledged are made
 * dirty again. No lock held. */
uint64_t nwb_resend_gen(struct nwb_inode *inode)
{
	uint64_t gen;

	nwb_mutex_lock(&inode->lock);
	gen = inode->resend_gen;
	nwb_mutex_unlock(&inode->lock);
	return gen;
}

/* Everything of ours is on the instance that is reached now. What another
 * instance had acknowledged may be dirty again meanwhile, by somebody else's
 * flush, and no longer be found among the unstable. */
static int settle_before_read(struct nwb_inode *inode, uint32_t *ret_instance)
{
	struct nwb_netfs *nf = inode->nf;

	*ret_instance = 0;
	for (uint32_t i = 0; i < nf->opts.max_attempts; i++) {
		uint64_t gen = nwb_resend_gen(inode);
		int rc;

		if (atomic_load(&inode->dirty_bytes))
			(void)nwb_writepages(inode, NWB_WB_SYNC);
		nwb_request_wait_all(inode);
		if (!nf->ops->ready)
			return 0;
		rc = nf->ops->ready(inode, ret_instance);
		if (rc)
			return rc;
		if (has_foreign(inode, *ret_instance)) {
			rc = nwb_inode_commit(inode);
			if (rc)
				return rc;
		} else if (gen == nwb_resend_gen(inode)) {
			return 0;
		}
	}
	return -EIO;
}

/* From the server, until it has no more. */
static ssize_t read_some(struct nwb_inode *inode, uint8_t *buf, size_t len,
			 uint64_t pos)
{
	size_t got = 0;

	if (inode->nf->crypto)
		return nwb_crypto_read_past_cache(inode, pos, buf, len);
	while (got < len) {
		ssize_t n = inode->nf->ops->read(inode, pos + got, buf + got,
						 len - got);

		if (n < 0)
			return n;
		if (!n)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

/**
 * nwb_read_through() - read(2) past the cache, if that is not to be trusted.
 * @ret_n: what read(2) returns
 * Return: false: use the cache. Context: blocks.
 */
bool nwb_read_through(struct nwb_inode *inode, void *buf, size_t len,
		      uint64_t pos, ssize_t *ret_n)
{
	struct nwb_netfs *nf = inode->nf;
	uint32_t before, after = 0;
	int rc;

	if (!nwb_is_read_through(inode))
		return false;
	for (uint32_t i = 0; i < nf->opts.max_attempts; i++) {
		*ret_n = settle_before_read(inode, &before);
		if (*ret_n)
			return true;
		*ret_n = read_some(inode, buf, len, pos);
		if (*ret_n == -ECONNABORTED)
			continue;
		if (*ret_n < 0 || !nf->ops->ready)
			return true;
		rc = nf->ops->ready(inode, &after);
		if (rc)
			*ret_n = rc;
		if (rc || before == after)
			return true;
	}
	*ret_n = -EIO;
	return true;
}

/* --- what the server grants ----------------------------------------------- */

void nwb_inode_set_caching(struct nwb_inode *inode, uint32_t caching)
{
	atomic_store(&inode->caching, caching);
}

int nwb_inode_break(struct nwb_inode *inode, uint32_t caching)
{
	uint32_t was = atomic_fetch_and(&inode->caching, caching);
	uint64_t err_seq;
	int err = 0;

	nwb_count(inode->nf, breaks, 1);
	/* who saw more is through then (cifs_wait_for_pending_writers) */
	nwb_mutex_lock(&inode->io_lock);
	nwb_mutex_unlock(&inode->io_lock);
	err_seq = nwb_error_seq(inode);
	if (was & ~caching & NWB_MAY_WRITE) {
		(void)nwb_writepages(inode, NWB_WB_SYNC);
		nwb_request_wait_all(inode);
	}
	nwb_mutex_lock(&inode->lock);
	if (inode->err_seq != err_seq)
		err = inode->err;
	if (was & ~caching & NWB_MAY_READ) {
		inode->forget_gen++;
		nwb_inode_drop_clean(inode, 0, UINT64_MAX);
	}
	nwb_mutex_unlock(&inode->lock);
	return err;
}
