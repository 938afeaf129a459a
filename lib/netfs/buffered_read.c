/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * read(2) through the page cache, and filling a folio's missing bytes.
 *
 *	|???????VVVVVVVVV?????????|      V is ours, possibly newer than the
 *	 read            read            server's; only ? is read, zeros where
 *	                                 the server has nothing
 *
 * What the local cache has is taken from there. A folio that came from the
 * server as a whole is marked for it: dirty, but for stream 1 only
 * (NETFS_FOLIO_COPY_TO_CACHE).
 *
 * The folio is marked as being filled meanwhile: writers and other readers of
 * it wait, its valid bytes may be in flight all the same.
 *
 * Reads and invalidation: a reader adds and fills no folio while the invalidate
 * lock is held (filemap_create_folio(), filemap_update_page()), and who holds it
 * waits for fills under way. nwb_inode_invalidate() must not wait; what is being
 * read then is read once more (forget_gen).
 */
#include "crypto.h"

static int read_retry(struct nwb_inode *inode, uint32_t attempts)
{
	struct nwb_netfs *nf = inode->nf;
	uint32_t instance;

	if (attempts >= nf->opts.max_attempts)
		return -EIO;
	nwb_backoff(nf, attempts);
	return nf->ops->ready ? nf->ops->ready(inode, &instance) : 0;
}

int nwb_read_raw(struct nwb_inode *inode, uint64_t pos, uint8_t *buf,
		 size_t len, uint64_t remote_size, bool *ret_from_server)
{
	size_t want = pos >= remote_size ? 0
					 : (size_t)nwb_min((uint64_t)len,
							   remote_size - pos);
	uint32_t attempts = 0;
	size_t got = 0;

	while (got < want) {
		ssize_t n = 0;

		if (ret_from_server)
			n = (ssize_t)nwb_sides_read(inode, pos + got, buf + got,
						    want - got);
		if (n) {
			got += (size_t)n;
			continue;
		}
		if (ret_from_server)
			*ret_from_server = true;
		n = inode->nf->ops->read(inode, pos + got, buf + got,
					 want - got);
		if (n == -ECONNABORTED) {
			int rc = read_retry(inode, ++attempts);

			if (rc)
				return rc;
			continue;
		}
		if (n < 0)
			return (int)n;
		if (!n)
			break;
		nwb_assert((size_t)n <= want - got);
		got += (size_t)n;
	}
	memset(buf + got, 0, len - got);
	return 0;
}

/* All of @len bytes at @pos as the server has them, zeros behind its end.
 * *ret_from_server is set if some had to come from there. */
static int read_server(struct nwb_inode *inode, uint64_t pos, uint8_t *buf,
		       size_t len, uint64_t remote_size, bool *ret_from_server)
{
	if (inode->nf->crypto)
		return nwb_crypto_read(inode, pos, buf, len, remote_size,
				       ret_from_server);
	return nwb_read_raw(inode, pos, buf, len, remote_size, ret_from_server);
}

static void set_uptodate(struct nwb_folio *f)
{
	f->valid = (struct nwb_span){0, f->bytes};
	f->flags |= NWB_FOLIO_UPTODATE;
}

/**
 * nwb_folio_fill_zero() - if the server has no byte where @f has none, those
 * are zeros (the kernel's zero_point). inode->lock held.
 * Return: true when @f is uptodate now.
 */
bool nwb_folio_fill_zero(struct nwb_folio *f)
{
	uint64_t pos = nwb_folio_pos(f);
	uint64_t remote = f->inode->remote_size;

	if (f->flags & NWB_FOLIO_UPTODATE)
		return true;
	if (nwb_mutant(f->inode->nf, NWB_MUT_READS_ZEROS) &&
	    !nwb_span_empty(f->valid))
		remote = 0;
	if (f->valid.from ? pos < remote : pos + f->valid.to < remote)
		return false;
	memset(f->mem, 0, f->valid.from);
	memset(f->mem + f->valid.to, 0, f->bytes - f->valid.to);
	set_uptodate(f);
	return true;
}

/* netfs_mark_copy_to_cache(), and that it is dirty (sched-copy). */
static void copy_to_cache(struct nwb_folio *f)
{
	if (f->flags & NWB_FOLIO_DIRTY)
		return;
	nwb_count(f->inode->nf, copy_to_cache, 1);
	nwb_trace_folio(f, NULL, NWB_TRF_SCHED_COPY);
	f->flags |= NWB_FOLIO_COPY;
	nwb_folio_set_dirty(f, (struct nwb_span){0, f->bytes});
}

int nwb_folio_fill_marked(struct nwb_folio *f)
{
	struct nwb_inode *inode = f->inode;
	uint64_t pos = nwb_folio_pos(f), remote = inode->remote_size;
	struct nwb_span valid = f->valid;
	uint64_t forget_gen = inode->forget_gen;
	bool is_new = nwb_span_empty(valid), from_server = false;
	int rc = 0;

	nwb_mutex_unlock(&inode->lock);
	if (nwb_mutant(inode->nf, NWB_MUT_FILL_OVER))
		valid = (struct nwb_span){0, 0};
	if (valid.from)
		rc = read_server(inode, pos, f->mem, valid.from, remote,
				 &from_server);
	if (!rc && valid.to < f->bytes)
		rc = read_server(inode, pos + valid.to, f->mem + valid.to,
				 f->bytes - valid.to, remote, &from_server);
	nwb_mutex_lock(&inode->lock);
	if (inode->nf->crypto)
		nwb_crypto_clear_tail(f, valid);
	f->flags &= ~NWB_FOLIO_FILLING;
	/* What was read before all was forgotten may be old: again. */
	if (!rc && forget_gen == inode->forget_gen) {
		set_uptodate(f);
		if (is_new && from_server && inode->side[1])
			copy_to_cache(f);
	} else if (!rc) {
		nwb_folio_keep_ours(f);
	}
	nwb_folio_maybe_clean(f);
	nwb_waitq_wake_all(&inode->waitq);
	return rc;
}

int nwb_folio_fill(struct nwb_folio *f)
{
	nwb_assert(!(f->flags & (NWB_FOLIO_FILLING | NWB_FOLIO_UPTODATE)));
	nwb_folio_unclean(f);
	f->flags |= NWB_FOLIO_FILLING;
	return nwb_folio_fill_marked(f);
}

/* As write_folio() in buffered_write.c. */
static int read_folio(struct nwb_inode *inode, void *buf, size_t len,
		      uint64_t pos, size_t *ret_done)
{
	uint64_t index = pos >> NWB_PAGE_SHIFT;
	struct nwb_folio *f = nwb_folio_find(inode, index);
	struct nwb_span s;
	int rc;

	if (!f) {
		if (nwb_invalidate_wait(inode))
			return -EINTR;
		rc = nwb_folio_create(inode, index,
				      pos % NWB_PAGE_SIZE ? 0 : len, &f);
		if (rc)
			return rc;
	}
	if (f->flags & NWB_FOLIO_FILLING) {
		(void)nwb_waitq_wait(&inode->waitq, &inode->lock, NWB_NEVER);
		return -EINTR;
	}
	s.from = (uint32_t)(pos - nwb_folio_pos(f));
	s.to = (uint32_t)nwb_min((uint64_t)s.from + len, (uint64_t)f->bytes);
	if (!(f->flags & NWB_FOLIO_UPTODATE) &&
	    !nwb_span_contains(f->valid, s)) {
		if (nwb_folio_fill_zero(f)) {
			nwb_folio_maybe_clean(f);
			return -EINTR;
		}
		if (nwb_invalidate_wait(inode))
			return -EINTR;
		rc = nwb_folio_fill(f);
		return rc ? rc : -EINTR;
	}
	memcpy(buf, f->mem + s.from, s.to - s.from);
	*ret_done = s.to - s.from;
	return 0;
}

ssize_t nwb_file_read(struct nwb_file *file, void *buf, size_t len,
		      uint64_t pos)
{
	struct nwb_inode *inode = file->inode;
	uint8_t *to = buf;
	size_t total = 0;
	ssize_t n;
	int rc = 0;

	if (nwb_read_through(inode, buf, len, pos, &n))
		return n;
	while (total < len) {
		size_t done = 0;

		nwb_mutex_lock(&inode->lock);
		if (pos >= inode->size) {
			nwb_mutex_unlock(&inode->lock);
			break;
		}
		rc = read_folio(inode, to,
				(size_t)nwb_min((uint64_t)(len - total),
						inode->size - pos),
				pos, &done);
		nwb_mutex_unlock(&inode->lock);
		if (rc == -EAGAIN)
			nwb_cache_wait(inode->nf);
		else if (rc && rc != -EINTR)
			return rc;
		to += done;
		pos += done;
		total += done;
	}
	if (inode->side[1]) /* what was read is to be cached */
		nwb_flusher_dirtied(inode);
	return (ssize_t)total;
}
