/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fsync: write, wait, flush, and what was lost on the way.
 *
 *	dirty ──► in flight ──ack by I──► unstable(I) ──flush ok by I──► clean
 *	  ▲                                    │
 *	  └────── flush answered by another ───┘        I: a server's instance
 *
 * As NFS does with uncommitted pages, acknowledged bytes stay until a flush was
 * answered by the very server instance that acknowledged them; else they are
 * dirty again and sent again. Which bytes a flush covers: those acknowledged
 * before it was sent. inode->commit_seq counts flushes; a folio remembers its
 * value at its latest ack, and a flush of number n settles only folios with a
 * value <= n.
 *
 * Errors: a sequence number of the inode and one of each open file (errseq_t,
 * lib/errseq.c). A file whose number is behind gets the newest error, once; that
 * tells it of all earlier ones. A file opened after an error that somebody was
 * told of is not told again; one that nobody has seen yet is told to it (the
 * "seen" flag), for its ok would be taken for everybody's.
 */
#include "internal.h"

/** nwb_errseq_set() - record @err (errseq_set). inode->lock held. */
void nwb_errseq_set(struct nwb_inode *inode, int err)
{
	nwb_assert(err < 0);
	inode->err_seq++;
	inode->err = err;
}

/** nwb_errseq_check_and_advance() - the newest error that @f has not been told
 * (errseq_check_and_advance()), or 0. No lock held. */
int nwb_errseq_check_and_advance(struct nwb_file *f)
{
	struct nwb_inode *inode = f->inode;
	int err = 0;

	nwb_mutex_lock(&inode->lock);
	if (f->err_since != inode->err_seq) {
		if (!nwb_mutant(inode->nf, NWB_MUT_TOLD_TWICE))
			f->err_since = inode->err_seq;
		inode->err_seen = inode->err_seq;
		err = inode->err;
	}
	nwb_mutex_unlock(&inode->lock);
	if (nwb_mutant(inode->nf, NWB_MUT_FSYNC_SWALLOWS))
		return 0;
	return err;
}

/** nwb_error_seq() - the number of the newest error. No lock held. */
uint64_t nwb_error_seq(struct nwb_inode *inode)
{
	uint64_t seq;

	nwb_mutex_lock(&inode->lock);
	seq = inode->err_seq;
	nwb_mutex_unlock(&inode->lock);
	return seq;
}

/** nwb_error_since() - the newest error, if there was one since
 * nwb_error_seq() was @seq (filemap_check_errors(), but that it stays to be told), or 0. No lock
 * held. */
int nwb_error_since(struct nwb_inode *inode, uint64_t seq)
{
	int err = 0;

	nwb_mutex_lock(&inode->lock);
	if (inode->err_seq != seq)
		err = inode->err;
	nwb_mutex_unlock(&inode->lock);
	return err;
}

/* A flush of number @seq was answered by @instance. inode->lock held. */
static bool settle(struct nwb_inode *inode, uint64_t seq, uint32_t instance)
{
	struct nwb_netfs *nf = inode->nf;
	struct nwb_folio *f, *next;
	bool is_lost = false;

	if (inode->forgotten_bytes && inode->forgotten_instance != instance)
		nwb_netfs_hazard_fired(nf, NWB_H17);
	inode->forgotten_bytes = 0;
	nwb_mutex_lock(&nf->lock);
	nwb_list_for_each_entry_safe (f, next, &inode->unstable,
				      unstable_link) {
		struct nwb_span s = f->unstable;

		if (f->instance == instance && f->ack_seq > seq &&
		    !nwb_mutant(nf, NWB_MUT_SETTLES_LATE))
			continue;
		nwb_folio_set_unstable(f, (struct nwb_span){0, 0});
		if (f->instance != instance &&
		    !nwb_mutant(nf, NWB_MUT_SETTLES_ANY)) {
			nwb_count(nf, unstable_resent, s.to - s.from);
			/* inode->lock keeps the list */
			nwb_mutex_unlock(&nf->lock);
			nwb_folio_set_dirty(f, nwb_span_hull(f->dirty, s));
			nwb_mutex_lock(&nf->lock);
			inode->resend_gen++;
			is_lost = true;
		}
		nwb_folio_maybe_clean_locked(f);
	}
	nwb_mutex_unlock(&nf->lock);
	return is_lost;
}

/* The flush of number @seq failed for good: told, and nothing is owed any more
 * of what it should have covered. inode->lock held. */
static void release(struct nwb_inode *inode, uint64_t seq, int err)
{
	struct nwb_netfs *nf = inode->nf;
	struct nwb_folio *f, *next;

	nwb_errseq_set(inode, err);
	nwb_mutex_lock(&nf->lock);
	nwb_list_for_each_entry_safe (f, next, &inode->unstable,
				      unstable_link) {
		if (f->ack_seq > seq)
			continue;
		nwb_folio_set_unstable(f, (struct nwb_span){0, 0});
		nwb_folio_maybe_clean_locked(f);
	}
	nwb_mutex_unlock(&nf->lock);
}

/* The flush of number @seq is given up. Recorded and told in one step, as
 * upload_failed() does (write_collect.c). No lock held. */
static void give_up(struct nwb_inode *inode, uint64_t seq, uint32_t attempts,
		    bool is_refused, int error)
{
	struct nwb_netfs *nf = inode->nf;
	uint64_t away = nf->ops->away_ns ? nf->ops->away_ns(inode) : 0;

	nwb_mutex_lock(&inode->lock);
	if (nf->tap && nf->tap->flush_gaveup)
		nf->tap->flush_gaveup(nf->tap, inode->id, attempts, away,
				      is_refused, error);
	release(inode, seq, error);
	nwb_mutex_unlock(&inode->lock);
}

/* The flush of number @seq had no answer: be ready for another one, or give it
 * up and return why. */
static int after_abort(struct nwb_inode *inode, uint64_t seq)
{
	struct nwb_netfs *nf = inode->nf;
	uint32_t aborts, instance;
	int rc = -EIO;

	nwb_mutex_lock(&inode->lock);
	aborts = ++inode->nr_aborts;
	nwb_mutex_unlock(&inode->lock);
	if (aborts < nf->opts.max_attempts) {
		nwb_backoff(nf, aborts);
		rc = nf->ops->ready ? nf->ops->ready(inode, &instance) : 0;
	}
	if (rc)
		give_up(inode, seq, aborts,
			aborts < nf->opts.max_attempts && rc != -EHOSTDOWN, rc);
	return rc;
}

/**
 * nwb_flush_unstable() - one flush, and its consequences.
 * @ret_again: bytes are dirty again, or there was no answer: write and flush
 *	once more
 *
 * Return: 0, or the error, which is in the error sequence, too.
 * Context: blocks; no lock held.
 */
int nwb_flush_unstable(struct nwb_inode *inode, bool *ret_again)
{
	struct nwb_netfs *nf = inode->nf;
	bool is_released = false;
	uint32_t instance = 0;
	uint64_t seq;
	int rc;

	*ret_again = false;
	nwb_mutex_lock(&inode->lock);
	seq = inode->commit_seq++;
	nwb_mutex_unlock(&inode->lock);
	rc = nf->ops->flush(inode, &instance);
	if (rc == -ECONNABORTED) {
		rc = after_abort(inode, seq);
		*ret_again = !rc;
		if (!rc)
			return 0;
		is_released = true;
	}
	nwb_mutex_lock(&inode->lock);
	inode->nr_aborts = 0;
	if (!rc)
		*ret_again = settle(inode, seq, instance);
	else if (!is_released)
		release(inode, seq, rc);
	nwb_mutex_unlock(&inode->lock);
	if (rc)
		nwb_sides_lose(inode);
	nwb_waitq_wake_all(&nf->room);
	if (*ret_again)
		nwb_flusher_dirtied(inode);
	return rc;
}

/**
 * nwb_inode_commit() - make durable what was written before.
 * Return: 0, or an error of flushing, which is in the error sequence, too.
 * Errors of uploads are only there. Context: blocks; no lock held.
 */
int nwb_inode_commit(struct nwb_inode *inode)
{
	for (uint32_t round = 0;; round++) {
		uint64_t gen, seq;
		bool again;
		int rc;

		nwb_mutex_lock(&inode->lock);
		gen = inode->resend_gen;
		nwb_mutex_unlock(&inode->lock);
		(void)nwb_writepages(inode, NWB_WB_SYNC);
		if (!nwb_mutant(inode->nf, NWB_MUT_FLUSH_NO_WAIT))
			nwb_request_wait_all(inode);
#ifdef NWB_MUTANTS
		nwb_mutant_resend(inode);
#endif
		rc = nwb_flush_unstable(inode, &again);
		if (rc)
			return rc;
		nwb_mutex_lock(&inode->lock);
		again |= gen != inode->resend_gen;
		seq = inode->commit_seq;
		nwb_mutex_unlock(&inode->lock);
		if (!again)
			return 0;
		if (round < inode->nf->opts.max_attempts)
			continue;
		give_up(inode, seq, round, false, -EIO);
		nwb_sides_lose(inode);
		return -EIO;
	}
}

int nwb_file_fsync(struct nwb_file *f)
{
	/* What it returns is in the error sequence. */
	(void)!nwb_inode_commit(f->inode);
	nwb_sides_flush(f->inode);
	return nwb_errseq_check_and_advance(f);
}

/* What @f has not been told, and is not told hereby. */
static int pending_error(const struct nwb_file *f)
{
	struct nwb_inode *inode = f->inode;
	int err = 0;

	nwb_mutex_lock(&inode->lock);
	if (f->err_since != inode->err_seq)
		err = inode->err;
	nwb_mutex_unlock(&inode->lock);
	return err;
}

int nwb_file_flush(struct nwb_file *f)
{
	(void)nwb_writepages(f->inode, NWB_WB_SYNC);
	nwb_request_wait_all(f->inode);
	return pending_error(f);
}

int nwb_file_commit(struct nwb_file *f)
{
	return nwb_inode_is_clean(f->inode) ? pending_error(f)
					    : nwb_file_fsync(f);
}

int nwb_file_close(struct nwb_file *f, bool flush)
{
	struct nwb_inode *inode = f->inode;
	int err = flush ? nwb_file_flush(f) : 0;

	nwb_free(f);
	nwb_inode_put(inode);
	return err;
}
