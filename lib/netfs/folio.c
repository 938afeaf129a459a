/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Folios and the table that finds them.
 *
 *	inode->table            leaf: 512 pages = 2 MiB of file
 *	 (folio_table.c) ──────► slot  [A][A][A][A][B][ ][ ] ...
 *	                         dirty  1  0  0  0  0            bit: first page
 *
 * A folio is 2^n pages, naturally aligned in the file, so it lies in one leaf;
 * each of its pages' slots points to it, as in a multi-index xarray entry. It
 * is never larger than the write that made it (as the kernel sizes folios by
 * the length of the write in __filemap_get_folio()).
 *
 * What is known of a folio's bytes, from the outside in:
 *
 *	|..........VVVVVVVVVVVVVVVVVVVVVV........|  valid (all when uptodate)
 *	              DDDDDDDDDDD                   dirty: to be sent
 *	            ccccc                           claimed: being sent
 *	                    uuuuuuuu                unstable: acked, not flushed
 *
 * Each is one hull. In the flavours of Linux a folio that is uptodate is dirty as
 * a whole. A folio that is not uptodate is what the kernel calls a
 * streaming write (struct netfs_folio: dirty_offset, dirty_len): only its valid
 * bytes may be read, and bytes that were never written are never sent.
 *
 * Life: created by a write or a read; pinned while dirty, claimed or unstable;
 * then clean, on nf->lru, and reclaimed from there in order.
 */
#include "internal.h"

/** nwb_folio_next() - the folio that has page @index, which may begin before it,
 * or the first one behind, or NULL. */
struct nwb_folio *nwb_folio_next(struct nwb_inode *inode, uint64_t index)
{
	uint64_t want = index >> NWB_LEAF_SHIFT, nr;
	unsigned int slot = index % NWB_LEAF_SLOTS;
	struct nwb_folio *f = nwb_folio_find(inode, index);
	struct nwb_leaf *leaf;

	if (f) /* mostly they follow on each other */
		return f;
	for (; (leaf = nwb_leaf_next(inode, want, &nr)); want = nr + 1) {
		if (nr != index >> NWB_LEAF_SHIFT)
			slot = 0;
		for (; slot < NWB_LEAF_SLOTS; slot++)
			if (leaf->slot[slot])
				return leaf->slot[slot];
	}
	return NULL;
}

static struct nwb_folio *next_dirty_in_leaf(const struct nwb_leaf *leaf,
					    unsigned int slot)
{
	unsigned int word = slot / 64;
	uint64_t bits;

	if (!leaf->nr_dirty || slot >= NWB_LEAF_SLOTS)
		return NULL;
	bits = leaf->dirty[word] & (UINT64_MAX << (slot % 64));
	while (!bits) {
		if (++word == NWB_LEAF_SLOTS / 64)
			return NULL;
		bits = leaf->dirty[word];
	}
	return leaf->slot[word * 64 + (unsigned int)__builtin_ctzll(bits)];
}

/** nwb_folio_next_dirty() - the first folio with dirty bytes at or behind file
 * position @pos, or NULL. */
struct nwb_folio *nwb_folio_next_dirty(struct nwb_inode *inode, uint64_t pos)
{
	uint64_t index = pos >> NWB_PAGE_SHIFT, want, nr;
	struct nwb_folio *f = nwb_folio_find(inode, index);
	struct nwb_leaf *leaf;

	if (f) {
		if ((f->flags & NWB_FOLIO_DIRTY) &&
		    nwb_folio_pos(f) + f->dirty.to > pos)
			return f;
		index = f->index + f->bytes / NWB_PAGE_SIZE;
	}
	want = index >> NWB_LEAF_SHIFT;
	for (; (leaf = nwb_leaf_next(inode, want, &nr)); want = nr + 1) {
		f = next_dirty_in_leaf(leaf, nr == index >> NWB_LEAF_SHIFT
						     ? index % NWB_LEAF_SLOTS
						     : 0);
		if (f)
			return f;
	}
	return NULL;
}

/* How many pages a folio at @index may have, given what is there already. */
static size_t fit_pages(struct nwb_inode *inode, uint64_t index, size_t want)
{
	size_t max = nwb_min(want, (size_t)inode->nf->opts.folio_bytes_max) /
		     NWB_PAGE_SIZE;
	size_t n = 1;

	while (n * 2 <= max && index % (n * 2) == 0) {
		for (size_t i = n; i < n * 2; i++)
			if (nwb_folio_find(inode, index + i))
				return n;
		n *= 2;
	}
	return n;
}

/** nwb_pages_get() - @pages in a row, charged to the budget if there is one.
 * nf->lock held. */
uint8_t *nwb_pages_get(struct nwb_netfs *nf, size_t pages)
{
	struct nwb_budget *b = nf->opts.budget;
	uint8_t *mem;

	if (b && !nwb_budget_try(b, pages * NWB_PAGE_SIZE))
		return NULL;
	mem = nwb_arena_get(&nf->cache, pages);
	if (!mem && b)
		nwb_budget_put(b, pages * NWB_PAGE_SIZE);
	return mem;
}

void nwb_pages_put(struct nwb_netfs *nf, uint8_t *mem, size_t pages)
{
	nwb_arena_put(&nf->cache, mem, pages);
	if (nf->opts.budget)
		nwb_budget_put(nf->opts.budget, pages * NWB_PAGE_SIZE);
}

static int get_memory(struct nwb_inode *inode, uint64_t index, size_t *pages,
		      struct nwb_folio **ret_folio)
{
	struct nwb_netfs *nf = inode->nf;
	struct nwb_folio *f;
	struct nwb_leaf *leaf;
	uint8_t *mem;

	leaf = nwb_leaf_make(inode, index >> NWB_LEAF_SHIFT);
	if (!leaf)
		return -ENOMEM;
	mem = nwb_pages_get(nf, *pages);
	while (!mem && *pages > 1) {
		*pages /= 2;
		mem = nwb_pages_get(nf, *pages);
	}
	f = mem ? nwb_pool_get(&nf->folio_pool) : NULL;
	if (!f) {
		if (!leaf->nr_slots)
			nwb_leaf_drop(inode, index >> NWB_LEAF_SHIFT);
		if (!mem)
			return -EAGAIN;
		nwb_pages_put(nf, mem, *pages);
		return -ENOMEM;
	}
	*f = (struct nwb_folio){
		.inode = inode,
		.leaf = leaf,
		.mem = mem,
		.index = index,
		.bytes = (uint32_t)(*pages * NWB_PAGE_SIZE),
	};
	nwb_list_init(&f->lru);
	nwb_list_init(&f->unstable_link);
	*ret_folio = f;
	return 0;
}

/**
 * nwb_folio_create() - make an empty folio that begins at page @index, where
 * there is none.
 * @want: bytes of the write (or read) from there on
 *
 * Return: 0; -EAGAIN: no memory now, nwb_cache_wait(); -EFBIG; -ENOMEM.
 * Context: inode->lock held.
 */
int nwb_folio_create(struct nwb_inode *inode, uint64_t index, size_t want,
		     struct nwb_folio **ret_folio)
{
	struct nwb_netfs *nf = inode->nf;
	struct nwb_folio *f = NULL;
	struct nwb_leaf *leaf;
	size_t pages;
	int rc;

	if (index > NWB_FILE_MAX >> NWB_PAGE_SHIFT)
		return -EFBIG;
	nwb_assert(!nwb_folio_find(inode, index));
	/* T18: whoever would add one waits, or has been kept out */
	nwb_assert(!inode->is_invalidating);
	pages = fit_pages(inode, index, want);
	nwb_mutex_lock(&nf->lock);
	rc = get_memory(inode, index, &pages, &f);
	nwb_mutex_unlock(&nf->lock);
	if (rc)
		return rc;
	leaf = f->leaf;
	for (size_t i = 0; i < pages; i++)
		leaf->slot[index % NWB_LEAF_SLOTS + i] = f;
	leaf->nr_slots += (uint32_t)pages;
	*ret_folio = f;
	return 0;
}

/** nwb_folio_drop() - forget a clean folio. inode->lock and nf->lock held. */
void nwb_folio_drop(struct nwb_folio *f)
{
	struct nwb_inode *inode = f->inode;
	struct nwb_netfs *nf = inode->nf;
	struct nwb_leaf *leaf = f->leaf;
	unsigned int slot = f->index % NWB_LEAF_SLOTS;
	unsigned int pages = f->bytes / NWB_PAGE_SIZE;

	nwb_assert(!(f->flags & (NWB_FOLIO_DIRTY | NWB_FOLIO_UNSTABLE |
				 NWB_FOLIO_FILLING)));
	nwb_assert(!f->nr_claims);
	for (unsigned int i = 0; i < pages; i++)
		leaf->slot[slot + i] = NULL;
	leaf->nr_slots -= pages;
	if (!leaf->nr_slots) {
		nwb_assert(!leaf->nr_dirty);
		nwb_leaf_drop(inode, f->index >> NWB_LEAF_SHIFT);
	}
	nwb_list_del(&f->lru);
	nwb_pages_put(nf, f->mem, pages);
	nwb_pool_put(&nf->folio_pool, f);
}

/* Nothing of @inode was dirty before: the flusher, who forgets it when nothing
 * is again, must see it from now on. */
static void list_dirty(struct nwb_inode *inode)
{
	struct nwb_netfs *nf = inode->nf;

	nwb_mutex_lock(&nf->lock);
	if (!inode->is_evicted && nwb_list_empty(&inode->dirty_link))
		nwb_list_add_tail(&nf->dirty_inodes, &inode->dirty_link);
	nwb_mutex_unlock(&nf->lock);
}

/* What is cleaned is write-protected, so that the next store is noticed
 * (folio_mkclean()). The mount's sum last, and ordered: see nwb_gauge_add(). */
static void account_dirty(struct nwb_folio *f, uint32_t was, uint32_t is)
{
	struct nwb_inode *inode = f->inode;
	struct nwb_netfs *nf = inode->nf;

	if (is > was) {
		bool is_first = !atomic_load_explicit(&inode->dirty_bytes,
						      memory_order_relaxed);

		if (is_first)
			atomic_store(&inode->dirty_since, nwb_now_ns(nf->ex));
		nwb_locked_add(&inode->dirty_bytes, is - was);
		nwb_gauge_add(&nf->n.dirty_bytes, &nf->n.dirty_bytes_max,
			      is - was);
		if (is_first)
			list_dirty(inode);
	} else if (is < was) {
		if (!nwb_mutant(nf, NWB_MUT_WRITABLE_KEPT))
			f->writable = (struct nwb_span){0, 0};
		nwb_locked_sub(&inode->dirty_bytes, was - is);
		nwb_gauge_sub(&nf->n.dirty_bytes, was - is);
	}
}

static uint64_t dirty_bit(const struct nwb_folio *f, uint64_t **ret_word)
{
	unsigned int slot = f->index % NWB_LEAF_SLOTS;

	*ret_word = &f->leaf->dirty[slot / 64];
	return 1ull << (slot % 64);
}

/** nwb_folio_clear_dirty() - folio_clear_dirty_for_io(): nothing of it is. */
void nwb_folio_clear_dirty(struct nwb_folio *f)
{
	uint64_t *word, bit;

	if (!(f->flags & NWB_FOLIO_DIRTY))
		return;
	bit = dirty_bit(f, &word);
	account_dirty(f, f->dirty.to - f->dirty.from, 0);
	f->dirty = (struct nwb_span){0, 0};
	f->flags &= ~NWB_FOLIO_DIRTY;
	*word &= ~bit;
	f->leaf->nr_dirty--;
}

/** nwb_folio_set_dirty() - let exactly @s be dirty; empty: nothing. nf->lock not
 * held. */
void nwb_folio_set_dirty(struct nwb_folio *f, struct nwb_span s)
{
	uint64_t *word, bit;

	if (nwb_span_empty(s)) {
		nwb_folio_clear_dirty(f);
		return;
	}
	account_dirty(f, f->dirty.to - f->dirty.from, s.to - s.from);
	f->dirty = s;
	nwb_assert((f->flags & NWB_FOLIO_UPTODATE) ||
		   nwb_span_contains(f->valid, s));
	if (f->flags & NWB_FOLIO_DIRTY)
		return;
	nwb_folio_unclean(f);
	f->flags |= NWB_FOLIO_DIRTY;
	f->dirty_tag = f->inode->wb_tag;
	bit = dirty_bit(f, &word);
	*word |= bit;
	f->leaf->nr_dirty++;
}

/** nwb_folio_mark_dirty() - @s was just written by a user. Linux remembers a
 * range only of a streaming write; else the folio is dirty. */
void nwb_folio_mark_dirty(struct nwb_folio *f, struct nwb_span s)
{
	struct nwb_netfs *nf = f->inode->nf;

	nwb_count(nf, bytes_dirtied, s.to - s.from);
	if (nwb_is_linux(nf) && (f->flags & NWB_FOLIO_UPTODATE))
		s = (struct nwb_span){0, f->bytes};
	if (!nwb_mutant(nf, NWB_MUT_DIRTY_NO_HULL))
		s = nwb_span_hull(f->dirty, s);
	nwb_folio_set_dirty(f, s);
}

/** nwb_folio_forget_copy() - what was read and is to go to the local cache only
 * is ordinary data as soon as it is written to, and need not go there at all. */
void nwb_folio_forget_copy(struct nwb_folio *f)
{
	if (!(f->flags & NWB_FOLIO_COPY))
		return;
	f->flags &= ~NWB_FOLIO_COPY;
	nwb_folio_clear_dirty(f);
}

/** nwb_folio_set_unstable() - let exactly @s be unstable; empty: nothing. */
void nwb_folio_set_unstable(struct nwb_folio *f, struct nwb_span s)
{
	struct nwb_inode *inode = f->inode;
	uint32_t was = f->unstable.to - f->unstable.from;
	uint32_t is = s.to - s.from;

	f->unstable = s;
	if (is > was)
		nwb_locked_add(&inode->unstable_bytes, is - was);
	else if (is < was)
		nwb_locked_sub(&inode->unstable_bytes, was - is);
	if (!is && (f->flags & NWB_FOLIO_UNSTABLE)) {
		f->flags &= ~NWB_FOLIO_UNSTABLE;
		nwb_list_del(&f->unstable_link);
	} else if (is && !(f->flags & NWB_FOLIO_UNSTABLE)) {
		nwb_folio_unclean(f);
		f->flags |= NWB_FOLIO_UNSTABLE;
		nwb_list_add_tail(&inode->unstable, &f->unstable_link);
	}
}

/** nwb_folio_add_valid() - @s, which touches what is valid, is so too. */
void nwb_folio_add_valid(struct nwb_folio *f, struct nwb_span s)
{
	if (f->flags & NWB_FOLIO_UPTODATE)
		return;
	nwb_assert(nwb_span_empty(f->valid) ||
		   (s.from <= f->valid.to && f->valid.from <= s.to));
	f->valid = nwb_span_hull(f->valid, s);
	if (f->valid.from == 0 && f->valid.to == f->bytes)
		f->flags |= NWB_FOLIO_UPTODATE;
}

/** nwb_folio_maybe_clean_locked() - onto the clean list if nothing pins @f any
 * more. inode->lock and nf->lock held; wake nf->room afterwards. */
void nwb_folio_maybe_clean_locked(struct nwb_folio *f)
{
	if (f->nr_claims || (f->flags & (NWB_FOLIO_DIRTY | NWB_FOLIO_UNSTABLE |
					 NWB_FOLIO_FILLING | NWB_FOLIO_LRU)))
		return;
	f->flags |= NWB_FOLIO_LRU;
	nwb_list_add_tail(&f->inode->nf->lru, &f->lru);
}

void nwb_folio_maybe_clean(struct nwb_folio *f)
{
	struct nwb_netfs *nf = f->inode->nf;

	nwb_mutex_lock(&nf->lock);
	nwb_folio_maybe_clean_locked(f);
	nwb_mutex_unlock(&nf->lock);
	nwb_waitq_wake_all(&nf->room);
}

/** nwb_folio_unclean() - off the clean list: something pins @f now. */
void nwb_folio_unclean(struct nwb_folio *f)
{
	struct nwb_netfs *nf = f->inode->nf;

	if (!(f->flags & NWB_FOLIO_LRU))
		return;
	nwb_mutex_lock(&nf->lock);
	f->flags &= ~NWB_FOLIO_LRU;
	nwb_list_del(&f->lru);
	nwb_mutex_unlock(&nf->lock);
}
