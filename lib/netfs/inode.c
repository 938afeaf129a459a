/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Inodes and open files: birth, death, truncation.
 *
 * An inode lives while it has references: its owner's and one of each open
 * file. The last one to go writes, flushes and drops what is cached (evict), so
 * nothing dirty outlives it. The flusher and whoever reclaims memory hold pins
 * instead, which eviction waits for.
 */
#include "internal.h"

struct nwb_netfs *nwb_inode_netfs(const struct nwb_inode *inode)
{
	return inode->nf;
}

void *nwb_inode_fs_priv(const struct nwb_inode *inode)
{
	return inode->fs_priv;
}

uint32_t nwb_inode_id(const struct nwb_inode *inode)
{
	return inode->id;
}

uint64_t nwb_inode_size(struct nwb_inode *inode)
{
	uint64_t size;

	nwb_mutex_lock(&inode->lock);
	size = inode->size;
	nwb_mutex_unlock(&inode->lock);
	return size;
}

uint64_t nwb_inode_blocks(struct nwb_inode *inode)
{
	uint64_t blocks;

	nwb_mutex_lock(&inode->lock);
	blocks = inode->blocks;
	nwb_mutex_unlock(&inode->lock);
	return blocks;
}

int nwb_inode_new(struct nwb_netfs *nf, uint32_t id, void *fs_priv,
		  uint64_t size, struct nwb_inode **ret_inode)
{
	struct nwb_inode *inode = nwb_zalloc(sizeof(*inode));

	if (!inode)
		return -ENOMEM;
	inode->nf = nf;
	inode->id = id;
	inode->fs_priv = fs_priv;
	inode->size = size;
	inode->remote_size = size;
	inode->blocks = NWB_DIV_ROUND_UP(size, (uint64_t)NWB_SECTOR);
	atomic_store(&inode->refs, 1);
	nwb_mutex_init(&inode->io_lock, nf->ex, "netfs inode io");
	nwb_mutex_init(&inode->lock, nf->ex, "netfs inode");
	nwb_waitq_init(&inode->waitq, nf->ex, "netfs inode");
	nwb_list_init(&inode->requests);
	nwb_list_init(&inode->unstable);
	nwb_list_init(&inode->nf_link);
	nwb_list_init(&inode->dirty_link);
	nwb_mutex_lock(&nf->lock);
	nwb_list_add_tail(&nf->inodes, &inode->nf_link);
	nwb_mutex_unlock(&nf->lock);
	*ret_inode = inode;
	return 0;
}

void nwb_inode_get(struct nwb_inode *inode)
{
	uint32_t was = atomic_fetch_add(&inode->refs, 1);

	nwb_assert(was);
}

/* Forget every folio from page @index on. inode->lock held, dropped and taken
 * again; nobody writes. */
static void drop_folios(struct nwb_inode *inode, uint64_t index)
{
	struct nwb_netfs *nf = inode->nf;
	struct nwb_folio *f;

	while ((f = nwb_folio_next(inode, index))) {
		if (f->nr_claims || (f->flags & NWB_FOLIO_FILLING)) {
			(void)nwb_waitq_wait(&inode->waitq, &inode->lock,
					     NWB_NEVER);
			continue;
		}
		f->flags &= ~NWB_FOLIO_COPY;
		nwb_folio_clear_dirty(f);
		if (f->flags & NWB_FOLIO_UNSTABLE)
			nwb_folio_set_unstable(f, (struct nwb_span){0, 0});
		index = f->index + f->bytes / NWB_PAGE_SIZE;
		nwb_mutex_lock(&nf->lock);
		nwb_folio_drop(f);
		nwb_mutex_unlock(&nf->lock);
	}
	nwb_waitq_wake_all(&nf->room);
}

/** nwb_inode_is_clean() - nothing is dirty, in flight or not yet durable. */
bool nwb_inode_is_clean(struct nwb_inode *inode)
{
	bool is;

	nwb_mutex_lock(&inode->lock);
	is = !atomic_load(&inode->dirty_bytes) &&
	     !atomic_load(&inode->unstable_bytes) &&
	     nwb_list_empty(&inode->requests);
	nwb_mutex_unlock(&inode->lock);
	return is;
}

static void evict(struct nwb_inode *inode)
{
	struct nwb_netfs *nf = inode->nf;

	/* Nobody is left to be told of an error. */
	if (!nwb_inode_is_clean(inode))
		(void)!nwb_inode_commit(inode);
	nwb_mutex_lock(&nf->lock);
	/* Listed as long as it is pinned: who pins it goes on from there. */
	nwb_wait_event(&nf->unpinned, &nf->lock, !inode->pins);
	nwb_list_del(&inode->nf_link);
	nwb_list_del(&inode->dirty_link);
	inode->is_evicted = true;
	nwb_mutex_unlock(&nf->lock);
	nwb_request_wait_all(inode);

	nwb_mutex_lock(&inode->lock);
	drop_folios(inode, 0);
	nwb_mutex_unlock(&inode->lock);
	/* Whoever reclaims memory comes by the folios and needs no list: he may
	 * have pinned it again. Without folios nobody can. */
	nwb_mutex_lock(&nf->lock);
	nwb_wait_event(&nf->unpinned, &nf->lock, !inode->pins);
	nwb_mutex_unlock(&nf->lock);
	if (nf->ops->close)
		nf->ops->close(inode);
	nwb_assert(!atomic_load(&inode->dirty_bytes));
	nwb_assert(!atomic_load(&inode->unstable_bytes));
#ifdef NWB_MUTANTS
	nwb_mutant_forget(inode);
#endif
	nwb_mutex_lock(&nf->lock);
	nwb_table_free(inode);
	nwb_mutex_unlock(&nf->lock);
	nwb_free(inode);
}

void nwb_inode_put(struct nwb_inode *inode)
{
	uint32_t was = atomic_fetch_sub(&inode->refs, 1);

	nwb_assert(was);
	if (was == 1)
		evict(inode);
}

int nwb_file_open(struct nwb_inode *inode, struct nwb_file **ret_file)
{
	struct nwb_file *f = nwb_zalloc(sizeof(*f));

	if (!f)
		return -ENOMEM;
	nwb_inode_get(inode);
	f->inode = inode;
	nwb_mutex_lock(&inode->lock);
	f->err_since = inode->err_seen; /* errseq_sample() */
	nwb_mutex_unlock(&inode->lock);
	*ret_file = f;
	return 0;
}

struct nwb_inode *nwb_file_inode(const struct nwb_file *f)
{
	return f->inode;
}

void nwb_file_set_flags(struct nwb_file *f, uint32_t flags)
{
	if (f->inode->nf->crypto && (flags & NWB_F_DIRECT))
		flags = (flags & ~NWB_F_DIRECT) | NWB_F_DSYNC;
	f->flags = flags;
}

void nwb_file_set_group(struct nwb_file *f, uint32_t group)
{
	f->group = group;
}

/* --- truncate ------------------------------------------------------------- */

/* Set the server's size, durably: by one instance, which then flushed. */
static int set_server_size(struct nwb_inode *inode, uint64_t size)
{
	struct nwb_netfs *nf = inode->nf;

	for (uint32_t attempts = 0; attempts < nf->opts.max_attempts;
	     attempts++) {
		uint32_t before = 0, after = 0;
		int rc = 0;

		nwb_backoff(nf, attempts);
		if (nf->ops->ready)
			rc = nf->ops->ready(inode, &before);
		if (rc)
			return rc;
		rc = nf->ops->set_size(inode, size);
		if (!rc)
			rc = nf->ops->flush(inode, &after);
		if (rc == -ECONNABORTED)
			continue;
		if (rc)
			return rc;
		if (!nf->ops->ready || before == after)
			return 0;
	}
	return -EIO;
}

static struct nwb_span below(struct nwb_span s, uint32_t off)
{
	s.to = nwb_min(s.to, off);
	return s.from < s.to ? s : (struct nwb_span){0, 0};
}

/* The folio that @size lies in keeps what is below, and zeros. */
static void cut_folio(struct nwb_inode *inode, uint64_t size)
{
	struct nwb_folio *f = nwb_folio_find(inode, size >> NWB_PAGE_SHIFT);
	uint32_t off;

	if (!f)
		return;
	while (f->nr_claims || (f->flags & NWB_FOLIO_FILLING)) {
		(void)nwb_waitq_wait(&inode->waitq, &inode->lock, NWB_NEVER);
		f = nwb_folio_find(inode, size >> NWB_PAGE_SHIFT);
		if (!f)
			return;
	}
	off = (uint32_t)(size - nwb_folio_pos(f));
	if (f->flags & NWB_FOLIO_UPTODATE) {
		if (!nwb_mutant(inode->nf, NWB_MUT_TRUNC_TAIL))
			memset(f->mem + off, 0, f->bytes - off);
		return;
	}
	/* What the commit could not write is dirty still. */
	nwb_folio_set_dirty(f, below(f->dirty, off));
	nwb_folio_set_unstable(f, below(f->unstable, off));
	f->valid = below(f->valid, off);
	nwb_folio_maybe_clean(f);
}

/* First page behind the folio that @size lies in, or the page of @size. */
static uint64_t first_beyond(struct nwb_inode *inode, uint64_t size)
{
	uint64_t index = size >> NWB_PAGE_SHIFT;
	struct nwb_folio *f = nwb_folio_find(inode, index);

	if (f && nwb_folio_pos(f) < size)
		return f->index + f->bytes / NWB_PAGE_SIZE;
	return index;
}

int nwb_file_truncate(struct nwb_file *file, uint64_t size)
{
	struct nwb_inode *inode = file->inode;
	int rc;

	if (size > NWB_FILE_MAX)
		return -EFBIG;
	nwb_mutex_lock(&inode->io_lock);
	/* Nor may a store make something dirty that the server has cut off. */
	nwb_invalidate_lock(inode);
	nwb_unmap_range(inode, 0, UINT64_MAX);
	/* What it returns is in the error sequence, for fsync. */
	rc = nwb_inode_commit(inode);
	/* What is dirty still would be written behind the new end. */
	if (!rc || nwb_inode_is_clean(inode))
		rc = set_server_size(inode, nwb_crypto_round(inode->nf, size));
	/* The server may have cut and not kept it: a crash takes back what is
	 * read there now, and nobody sends that again. */
	if (rc)
		atomic_store(&inode->is_side_lost, true);
	nwb_sides_invalidate(inode);
	if (!rc) {
		nwb_mutex_lock(&inode->lock);
		if (size < inode->size)
			inode->blocks =
				NWB_DIV_ROUND_UP(size, (uint64_t)NWB_SECTOR);
		else if (inode->nf->opts.flavour != NWB_LINUX_6_12)
			nwb_clear_stale_pre_isize(inode, inode->size, size);
		inode->size = size;
		cut_folio(inode, size);
		drop_folios(inode, first_beyond(inode, size));
		inode->remote_size = nwb_crypto_round(inode->nf, size);
		inode->last_write_end = 0;
		nwb_mutex_unlock(&inode->lock);
	}
	nwb_invalidate_unlock(inode);
	if (!rc) /* it may have to read what nobody has cached */
		rc = nwb_crypto_cut(inode, size);
	nwb_mutex_unlock(&inode->io_lock);
	return rc;
}
