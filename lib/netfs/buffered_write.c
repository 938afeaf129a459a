/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * write(2) into the page cache (netfs_perform_write).
 *
 * For each folio that the write touches, in this order: wait for a fill under
 * way; wait for its claims to end if content must be stable; write out what is
 * dirty of another group; then
 *
 *	uptodate, or wholly covered, or touches what is valid	copy
 *	the server has no bytes where the folio has none	zeros, copy
 *	strict, or there is a local cache			read, copy
 *	linux, streaming write that cannot be extended		flush, again
 *
 * Only what was written becomes dirty (strict), or the whole folio if it is
 * uptodate (linux).
 *
 * Then, by how the file was opened: nothing more; begun at once; written through
 * (O_SYNC, writethrough.c) and made durable. Direct: direct_write.c.
 */
#include "writethrough.h"

#define RESCHED_BYTES (512 * NWB_KIB)

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

/* Linux without a local cache does not read what a streaming write lacks: what
 * is dirty is written first, and what was clean is forgotten. True: look again
 * after a flush. */
static bool must_flush(struct nwb_folio *f)
{
	struct nwb_netfs *nf = f->inode->nf;

	if (!nwb_is_linux(nf) || f->inode->side[1])
		return false;
	if (f->nr_claims || (f->flags & NWB_FOLIO_DIRTY)) {
		nwb_count(nf, wsc, 1);
		nwb_trace_folio(f, NULL, NWB_TRF_FLUSH);
		return true;
	}
	if (!(f->flags & NWB_FOLIO_UNSTABLE))
		f->valid = (struct nwb_span){0, 0};
	return false;
}

static uint64_t sectors(uint64_t pos)
{
	return NWB_DIV_ROUND_UP(pos, (uint64_t)NWB_SECTOR);
}

/** nwb_inode_update_size() - netfs_update_i_size(): @copied bytes up to @end
 * are in the cache now, or written directly. i_blocks grows by the sectors that
 * this covers newly: an estimate, as the kernel's. inode->lock held. */
void nwb_inode_update_size(struct nwb_inode *inode, uint64_t end, size_t copied)
{
	uint64_t from = nwb_max(inode->size, end - copied);

	if (end <= inode->size)
		return;
	if (inode->is_mapped && inode->nf->opts.flavour != NWB_LINUX_6_12)
		nwb_clear_stale_pre_isize(inode, inode->size, end - copied);
	inode->blocks = nwb_min(sectors(end),
				inode->blocks + sectors(end) - sectors(from));
	inode->size = end;
}

static enum nwb_trace_folio_what how_to_modify(const struct nwb_folio *f,
					       struct nwb_span s)
{
	if (f->flags & NWB_FOLIO_UPTODATE)
		return NWB_TRF_MOD_UPTODATE;
	if (s.to - s.from == f->bytes)
		return NWB_TRF_MOD_WHOLE;
	return nwb_span_empty(f->valid) ? NWB_TRF_MOD_STREAM
					: NWB_TRF_MOD_STREAM_CONT;
}

/* @s of @f, which can take it. */
static void commit_write(struct nwb_file *file, struct nwb_folio *f,
			 struct nwb_span s, const void *buf)
{
	struct nwb_inode *inode = file->inode;
	uint64_t end = nwb_folio_pos(f) + s.to;

	if (nwb_is_tracing(inode->nf))
		nwb_trace_folio(f, NULL, how_to_modify(f, s));
	copy_in(f, s, buf);
	if (!(f->flags & NWB_FOLIO_UPTODATE) && s.from == 0 && s.to == f->bytes)
		f->valid = s;
	nwb_folio_add_valid(f, s);
	f->group = file->group;
	if (!f->nr_claims || !nwb_mutant(inode->nf, NWB_MUT_REDIRTY_LOST))
		nwb_folio_mark_dirty(f, s);
	inode->last_write_end = end;
	nwb_inode_update_size(inode, end, s.to - s.from);
}

/* Wait until nothing forbids to write to @f; -EINTR: look again. */
static int wait_stable(struct nwb_folio *f)
{
	struct nwb_inode *inode = f->inode;
	struct nwb_netfs *nf = inode->nf;
	uint64_t index = f->index;

	if (f->flags & NWB_FOLIO_FILLING) {
		(void)nwb_waitq_wait(&inode->waitq, &inode->lock, NWB_NEVER);
		return -EINTR;
	}
	if (!f->nr_claims || !nf->mode->is_frozen(nf, f))
		return 0;
	nwb_count(nf, stable_waits, 1);
	do {
		(void)nwb_waitq_wait(&inode->waitq, &inode->lock, NWB_NEVER);
		f = nwb_folio_find(inode, index);
	} while (f && nf->mode->is_frozen(nf, f));
	return -EINTR;
}

/* inode->lock held. 0: *ret_done bytes were copied; -EINTR: something was
 * waited for, look again; -EAGAIN: no room; -ESTALE: the folio must be written
 * first; or an error. */
static int write_folio(struct nwb_file *file, const void *buf, size_t len,
		       uint64_t pos, size_t *ret_done)
{
	struct nwb_inode *inode = file->inode;
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
	rc = wait_stable(f);
	if (rc)
		return rc;
	nwb_folio_forget_copy(f);
	if ((f->flags & NWB_FOLIO_DIRTY) && f->group != file->group)
		return -ESTALE;
	s.from = (uint32_t)(pos - nwb_folio_pos(f));
	s.to = (uint32_t)nwb_min((uint64_t)s.from + len, (uint64_t)f->bytes);
	if (!can_extend(f, s) && !nwb_folio_fill_zero(f)) {
		if (must_flush(f))
			return -ESTALE;
		if (!can_extend(f, s)) {
			nwb_trace_folio(f, NULL, NWB_TRF_MOD_RMW);
			rc = nwb_folio_fill(f);
			return rc ? rc : -EINTR;
		}
	}
	if (s.to - s.from < f->bytes)
		(void)nwb_folio_fill_zero(f);
	commit_write(file, f, s, buf);
	*ret_done = s.to - s.from;
	return 0;
}

/** nwb_flush_folio() - write the folio of @pos, if it is dirty, and wait.
 * Context: blocks; no lock held but io_lock. */
void nwb_flush_folio(struct nwb_inode *inode, uint64_t pos)
{
	struct nwb_folio *f;

	(void)nwb_writepages_range(inode, pos, pos + 1);
	nwb_mutex_lock(&inode->lock);
	while ((f = nwb_folio_find(inode, pos >> NWB_PAGE_SHIFT)) &&
	       f->nr_claims)
		(void)nwb_waitq_wait(&inode->waitq, &inode->lock, NWB_NEVER);
	nwb_mutex_unlock(&inode->lock);
}

/* The writer only computes, so without this he has his CPU until the end of his
 * slice (4 ms are 40 MiB), and whoever sends and collects waits for it. Counted
 * in bytes: a call for each small write would cost more than it. */
static void may_resched(struct nwb_inode *inode, size_t copied)
{
	inode->nr_copied += copied;
	if (inode->nr_copied < RESCHED_BYTES)
		return;
	inode->nr_copied = 0;
	nwb_cond_resched(inode->nf->ex);
}

/* Into the page cache. @wt: NULL: not written through. Return: 0 or why not all
 * of it. io_lock held. */
static int copy_all(struct nwb_file *file, const uint8_t *from, size_t left,
		    uint64_t pos, struct nwb_writethrough *wt)
{
	struct nwb_inode *inode = file->inode;

	while (left) {
		size_t done = 0;
		int rc;

		nwb_mutex_lock(&inode->lock);
		rc = write_folio(file, from, left, pos, &done);
		nwb_mutex_unlock(&inode->lock);
		if (rc == -EAGAIN) {
			if (wt)
				nwb_writethrough_pause(wt);
			nwb_flusher_dirtied(inode);
			nwb_cache_wait(inode->nf);
			if (wt)
				nwb_writethrough_resume(wt, pos);
			continue;
		}
		if (rc == -ESTALE && wt)
			nwb_writethrough_flush(wt, pos);
		else if (rc == -ESTALE)
			nwb_flush_folio(inode, pos);
		if (rc == -EINTR || rc == -ESTALE)
			continue;
		if (rc)
			return rc;
		from += done;
		pos += done;
		left -= done;
		if (wt)
			nwb_writethrough_advance(wt, pos);
		else
			nwb_dirty_throttle(inode->nf);
		may_resched(inode, done);
	}
	return 0;
}

/* To the page cache, and from there when that is to be. io_lock held. */
static int write_buffered(struct nwb_file *file, const void *buf, size_t len,
			  uint64_t pos)
{
	struct nwb_inode *inode = file->inode;
	struct nwb_writethrough wt;
	uint64_t err_seq;
	int rc, err = 0;

	if (nwb_is_write_through(inode)) {
		nwb_through_begin(inode, pos, len);
		err_seq = nwb_error_seq(inode);
		rc = copy_all(file, buf, len, pos, NULL);
		err = nwb_through_end(inode, err_seq);
		/* O_SYNC: the fsync that follows tells it, and only once */
		if (file->flags & (NWB_F_DSYNC | NWB_F_SYNC))
			err = 0;
		return rc ? rc : err;
	}
	if (!(file->flags & (NWB_F_DSYNC | NWB_F_SYNC)))
		return copy_all(file, buf, len, pos, NULL);
	nwb_writethrough_begin(&wt, inode, pos, len);
	rc = copy_all(file, buf, len, pos, &wt);
	nwb_writethrough_end(&wt);
	return rc;
}

static void trace_write_iter(struct nwb_file *file, uint64_t pos, size_t len)
{
	struct nwb_netfs *nf = file->inode->nf;
	struct nwb_trace_event e = {
		.type = NWB_TR_WRITE_ITER,
		.ino = file->inode->id,
		.start = pos,
		.len = len,
		.flags = (uint16_t)file->flags,
	};

	if (nwb_is_tracing(nf))
		nwb_trace_put(nf, &e);
}

ssize_t nwb_file_write(struct nwb_file *file, const void *buf, size_t len,
		       uint64_t pos)
{
	struct nwb_inode *inode = file->inode;
	bool is_direct = file->flags & NWB_F_DIRECT;
	ssize_t n = (ssize_t)len;
	int rc = 0;

	if (!(file->flags & NWB_F_APPEND) &&
	    (len > NWB_FILE_MAX || pos > NWB_FILE_MAX - len))
		return -EFBIG;
	nwb_mutex_lock(&inode->io_lock);
	if (file->flags & NWB_F_APPEND) {
		pos = nwb_inode_size(inode);
		if (len > NWB_FILE_MAX || pos > NWB_FILE_MAX - len) {
			nwb_mutex_unlock(&inode->io_lock);
			return -EFBIG;
		}
	}
	trace_write_iter(file, pos, len);
	if (is_direct)
		n = nwb_direct_write(inode, buf, len, pos);
	else if (len)
		rc = write_buffered(file, buf, len, pos);
	nwb_mutex_unlock(&inode->io_lock);
	if (!is_direct) {
		nwb_flusher_dirtied(inode);
		nwb_write_copied(inode);
	}
	if (rc)
		return rc;
	if (n > 0 && (file->flags & (NWB_F_DSYNC | NWB_F_SYNC)))
		rc = nwb_file_fsync(file);
	return rc ? rc : n;
}

void nwb_file_writeback(struct nwb_file *f)
{
	atomic_store(&f->inode->is_wanted, true);
	nwb_flusher_kick(f->inode->nf);
}
