/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * mmap: loads, stores, and the faults that they take (mm/filemap.c:
 * filemap_fault(); fs/netfs/buffered_write.c: netfs_page_mkwrite()).
 *
 *	not mapped ──load──► mapped ──store──► writable
 *	    ▲                  ▲  ▲               │ page dirty
 *	    │                  │  └───────────────┘ its writeback begins
 *	    └── invalidated, ──┘                    (folio_mkclean())
 *	        reclaimed, truncated
 *
 * A store to a writable page tells nobody. It need not: the page has been dirty
 * since it became writable, and when writeback makes it clean it is not writable
 * any more. So a writable page is dirty and never in flight, and what is sent of
 * a mapped file is not changed by stores while it is sent (write(2) may do that,
 * in_place.c).
 *
 * In the model a folio is mapped as a whole, and what is writable of it is one
 * span of pages. All mappings of an inode share one page table: none can tell,
 * for nothing here unmaps one of them and not the others.
 *
 * What a fault waits for:
 *
 *	invalidate lock	strict: always. Linux: to read the folio only, so one
 *			that is cached still may be mapped, and dirtied, behind
 *			the back of who has just unmapped it: it then survives
 *	writeback	stores only, in both modes (stable or not)
 *
 * Bytes between the end of the file and the end of its last page can be stored
 * to and loaded, belong to nobody and must never become the file's: they are
 * zeroed when the page is written (write_claim.c), and, in 7.2 and strict, before
 * the file grows over them (netfs_clear_stale_pre_isize()).
 */
#include "trace.h"

/** nwb_clear_stale_pre_isize() - the file grows from @from, its end, and bytes
 * from @to on are written: what was stored between is none of the file's. */
void nwb_clear_stale_pre_isize(struct nwb_inode *inode, uint64_t from,
			       uint64_t to)
{
	struct nwb_folio *f = nwb_folio_find(inode, from >> NWB_PAGE_SHIFT);
	uint64_t end = NWB_ROUND_UP(from, (uint64_t)NWB_PAGE_SIZE);

	end = nwb_min(end, to);
	if (f && (f->flags & NWB_FOLIO_UPTODATE) && from < end)
		memset(f->mem + (from - nwb_folio_pos(f)), 0, end - from);
}

static struct nwb_span page_of(const struct nwb_folio *f, uint64_t pos)
{
	uint32_t from =
		(uint32_t)(NWB_ROUND_DOWN(pos, (uint64_t)NWB_PAGE_SIZE) -
			   nwb_folio_pos(f));

	return (struct nwb_span){from, from + NWB_PAGE_SIZE};
}

/* netfs_page_mkwrite(); inode->lock held. 0; -EINTR: something was waited for,
 * look again; -ESTALE: what another group has dirty must be written first. */
static int make_writable(struct nwb_file *file, struct nwb_folio *f,
			 uint64_t pos)
{
	struct nwb_inode *inode = file->inode;
	struct nwb_span s = page_of(f, pos);

	if (f->nr_claims) {
		nwb_count(inode->nf, stable_waits, 1);
		(void)nwb_waitq_wait(&inode->waitq, &inode->lock, NWB_NEVER);
		return -EINTR;
	}
	nwb_folio_forget_copy(f);
	if ((f->flags & NWB_FOLIO_DIRTY) && f->group != file->group)
		return -ESTALE;
	nwb_trace_folio(f, NULL,
			f->flags & NWB_FOLIO_DIRTY ? NWB_TRF_MKWRITE_PLUS
						   : NWB_TRF_MKWRITE);
	nwb_count(inode->nf, mkwrites, 1);
	f->group = file->group;
	nwb_folio_mark_dirty(f, s);
	f->writable = nwb_span_hull(f->writable, s);
	return 0;
}

/* inode->lock held. 0; -EINTR: look again; -EAGAIN: no room; or an error. */
static int fault(struct nwb_file *file, uint64_t pos, bool is_write)
{
	struct nwb_inode *inode = file->inode;
	uint64_t index = pos >> NWB_PAGE_SHIFT;
	struct nwb_folio *f = nwb_folio_find(inode, index);
	bool is_there = f && (f->flags & NWB_FOLIO_UPTODATE);
	int rc;

	if (pos >= NWB_ROUND_UP(inode->size, (uint64_t)NWB_PAGE_SIZE))
		return -EFAULT;
	if (inode->is_invalidating && !(is_there && nwb_is_linux(inode->nf))) {
		nwb_count(inode->nf, fault_waits, 1);
		(void)nwb_invalidate_wait(inode);
		return -EINTR;
	}
	if (!f) {
		rc = nwb_folio_create(inode, index, 0, &f);
		if (rc)
			return rc;
	}
	if (f->flags & NWB_FOLIO_FILLING) {
		(void)nwb_waitq_wait(&inode->waitq, &inode->lock, NWB_NEVER);
		return -EINTR;
	}
	if (!(f->flags & NWB_FOLIO_UPTODATE)) {
		if (nwb_folio_fill_zero(f)) {
			nwb_folio_maybe_clean(f);
			return -EINTR;
		}
		rc = nwb_folio_fill(f);
		return rc ? rc : -EINTR;
	}
	if (is_write) {
		rc = make_writable(file, f, pos);
		if (rc)
			return rc;
	}
	f->flags |= NWB_FOLIO_MAPPED;
	inode->is_mapped = true;
	return 0;
}

int nwb_map_fault(struct nwb_file *file, uint64_t pos, bool is_write)
{
	struct nwb_inode *inode = file->inode;
	int rc;

	/* as FUSE's FOPEN_DIRECT_IO: nothing could be mapped */
	if (inode->nf->opts.cache_mode == NWB_CACHE_NONE)
		return -ENODEV;
	nwb_count(inode->nf, faults, 1);
	/* Before and not behind it as fault_dirty_shared_page(): what waits until
	 * less is dirty finds the page written and protected again, each time. */
	if (is_write)
		nwb_dirty_throttle(inode->nf);
	do {
		nwb_mutex_lock(&inode->lock);
		rc = fault(file, pos, is_write);
		nwb_mutex_unlock(&inode->lock);
		if (rc == -EAGAIN)
			nwb_cache_wait(inode->nf);
		else if (rc == -ESTALE)
			nwb_flush_folio(inode, pos);
	} while (rc == -EINTR || rc == -EAGAIN || rc == -ESTALE);
	if (rc || !is_write)
		return rc;
	nwb_flusher_dirtied(inode);
	return 0;
}

/* Through the page table. Return: bytes within one page; 0: a fault is due. */
static size_t access_page(struct nwb_inode *inode, uint64_t pos, void *to,
			  const void *from, size_t len)
{
	struct nwb_folio *f;
	struct nwb_span page;
	uint32_t off;
	size_t n = 0;

	nwb_mutex_lock(&inode->lock);
	f = nwb_folio_find(inode, pos >> NWB_PAGE_SHIFT);
	if (f && (f->flags & NWB_FOLIO_MAPPED)) {
		page = page_of(f, pos);
		off = (uint32_t)(pos - nwb_folio_pos(f));
		n = nwb_min(len, (size_t)(page.to - off));
		if (to)
			memcpy(to, f->mem + off, n);
		else if (nwb_span_contains(f->writable, page))
			memcpy(f->mem + off, from, n);
		else
			n = 0;
	}
	nwb_mutex_unlock(&inode->lock);
	return n;
}

static int access_all(struct nwb_file *file, uint64_t pos, uint8_t *to,
		      const uint8_t *from, size_t len)
{
	if (len > NWB_FILE_MAX || pos > NWB_FILE_MAX - len)
		return -EFAULT;
	for (size_t done = 0; done < len;) {
		size_t n = access_page(file->inode, pos + done,
				       to ? to + done : NULL,
				       from ? from + done : NULL, len - done);
		int rc = n ? 0 : nwb_map_fault(file, pos + done, !to);

		if (rc)
			return rc;
		done += n;
	}
	return 0;
}

int nwb_map_load(struct nwb_file *f, void *buf, size_t len, uint64_t pos)
{
	return access_all(f, pos, buf, NULL, len);
}

int nwb_map_store(struct nwb_file *f, const void *buf, size_t len, uint64_t pos)
{
	return access_all(f, pos, NULL, buf, len);
}
