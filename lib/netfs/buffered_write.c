/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * write(2) into the page cache (netfs_perform_write).
 *
 * For each folio that the write touches, in this order: wait for a fill under
 * way; wait for its claims to end if content must be stable; then
 *
 *	uptodate, or wholly covered, or touches what is valid	copy
 *	the server has no bytes where the folio has none	zeros, copy
 *	else							read, copy
 *
 * Only what was written becomes dirty.
 */
#include "internal.h"

#if defined(__SANITIZE_THREAD__)
/*
 * An in-place folio may be changed while the filesystem sends it; what goes out
 * then is dirty and will be sent again. ThreadSanitizer would rightly call that
 * a race, so it does not see this copy, and only this.
 */
__attribute__((no_sanitize("thread"), noinline)) static void
copy_in_flight(uint8_t *to, const uint8_t *from, size_t n)
{
	volatile uint8_t *p = to;

	for (size_t i = 0; i < n; i++)
		p[i] = from[i];
}
#else
static void copy_in_flight(uint8_t *to, const uint8_t *from, size_t n)
{
	memcpy(to, from, n);
}
#endif

static void copy_in(struct nwb_folio *f, struct nwb_span s, const void *buf)
{
	if (f->nr_claims)
		copy_in_flight(f->mem + s.from, buf, s.to - s.from);
	else
		memcpy(f->mem + s.from, buf, s.to - s.from);
}

static bool can_extend(const struct nwb_folio *f, struct nwb_span s)
{
	if (f->flags & NWB_FOLIO_UPTODATE || nwb_span_empty(f->valid))
		return true;
	if (s.from == 0 && s.to == f->bytes)
		return true;
	return s.from <= f->valid.to && f->valid.from <= s.to;
}

/* inode->lock held. 0: *ret_done bytes were copied; -EINTR: something was
 * waited for, look again; -EAGAIN: no room; or an error. */
static int write_folio(struct nwb_inode *inode, const void *buf, size_t len,
		       uint64_t pos, size_t *ret_done)
{
	struct nwb_netfs *nf = inode->nf;
	uint64_t index = pos >> NWB_PAGE_SHIFT;
	struct nwb_folio *f = nwb_folio_find(inode, index);
	struct nwb_span s;
	int rc;

	if (!f) {
		rc = nwb_folio_create(inode, index,
				      pos % NWB_PAGE_SIZE ? 0 : len, &f);
		if (rc)
			return rc;
	}
	if (f->flags & NWB_FOLIO_FILLING) {
		(void)nwb_waitq_wait(&inode->waitq, &inode->lock, NWB_NEVER);
		return -EINTR;
	}
	if (nf->mode->is_frozen(nf, f)) {
		nwb_count(nf, stable_waits, 1);
		do {
			(void)nwb_waitq_wait(&inode->waitq, &inode->lock,
					     NWB_NEVER);
			f = nwb_folio_find(inode, index);
		} while (f && nf->mode->is_frozen(nf, f));
		return -EINTR;
	}
	s.from = (uint32_t)(pos - nwb_folio_pos(f));
	s.to = (uint32_t)nwb_min((uint64_t)s.from + len, (uint64_t)f->bytes);
	if (!can_extend(f, s) && !nwb_folio_fill_zero(f)) {
		rc = nwb_folio_fill(f);
		return rc ? rc : -EINTR;
	}
	if (s.to - s.from < f->bytes)
		(void)nwb_folio_fill_zero(f);
	copy_in(f, s, buf);
	if (!(f->flags & NWB_FOLIO_UPTODATE) && s.from == 0 && s.to == f->bytes)
		f->valid = s;
	nwb_folio_add_valid(f, s);
	nwb_folio_mark_dirty(f, s);
	inode->last_write_end = pos + (s.to - s.from);
	inode->size = nwb_max(inode->size, inode->last_write_end);
	*ret_done = s.to - s.from;
	return 0;
}

/* Into the page cache. Return: 0 or why not all of it. io_lock held. */
static int copy_all(struct nwb_inode *inode, const uint8_t *from, size_t left,
		    uint64_t pos)
{
	while (left) {
		size_t done = 0;
		int rc;

		nwb_mutex_lock(&inode->lock);
		rc = write_folio(inode, from, left, pos, &done);
		nwb_mutex_unlock(&inode->lock);
		if (rc == -EAGAIN) {
			nwb_flusher_dirtied(inode);
			nwb_cache_wait(inode->nf);
			continue;
		}
		if (rc == -EINTR)
			continue;
		if (rc)
			return rc;
		from += done;
		pos += done;
		left -= done;
	}
	return 0;
}

ssize_t nwb_file_write(struct nwb_file *file, const void *buf, size_t len,
		       uint64_t pos)
{
	struct nwb_inode *inode = file->inode;
	uint64_t err_seq;
	bool is_through;
	int rc, err = 0;

	if (len > NWB_FILE_MAX || pos > NWB_FILE_MAX - len)
		return -EFBIG;
	nwb_mutex_lock(&inode->io_lock);
	is_through = len && nwb_is_write_through(inode);
	if (is_through)
		nwb_through_begin(inode, pos, len);
	nwb_mutex_lock(&inode->lock);
	err_seq = inode->err_seq;
	nwb_mutex_unlock(&inode->lock);
	rc = copy_all(inode, buf, len, pos);
	if (is_through)
		err = nwb_through_end(inode, err_seq);
	nwb_mutex_unlock(&inode->io_lock);
	if (!is_through) {
		nwb_flusher_dirtied(inode);
		nwb_write_copied(inode);
	}
	if (!rc)
		rc = err;
	return rc ? rc : (ssize_t)len;
}

void nwb_file_writeback(struct nwb_file *f)
{
	atomic_store(&f->inode->is_wanted, true);
	nwb_flusher_kick(f->inode->nf);
}
