/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Direct and unbuffered writes (fs/netfs/direct_write.c): from the user's memory
 * to the server, past the cache.
 *
 *	flush and forget what is cached of the range
 *	one claim = the user's memory ──► subrequests ──► collector, retryer
 *	forget it once more (a reader may have filled a folio meanwhile; not in
 *	strict, which holds the invalidate lock from the first line to here)
 *
 *	ordered (strict, 7.2)	one subrequest at a time: what fails leaves no
 *				hole before data behind it
 *	parallel (6.12)		all at once, collected in order
 *
 * What is returned is what was written before the first failure, or that
 * failure if it was nothing (6.12: 0, H6). It is not in the inode's error
 * sequence: the caller has been told.
 *
 * The memory is the caller's again when this returns, so bytes that the server
 * acknowledged and then forgot could not be sent once more. strict therefore
 * flushes before it returns, and writes again if another instance answered; in
 * the flavours of Linux that is the application's own business (H17; without
 * that hazard they do as strict does).
 */
#include "issue.h"

struct direct {
	struct nwb_inode *inode;
	const uint8_t *buf;
	size_t len;
	uint64_t pos;
};

static struct nwb_claim *claim_memory(struct nwb_netfs *nf,
				      const struct direct *d, size_t off,
				      size_t len)
{
	struct nwb_claim *c = nwb_claim_new(nf);

	c->start = d->pos + off;
	c->len = (uint32_t)len;
	c->ends_run = true;
	/* sent from there, never written to */
	c->mem = (uint8_t *)(uintptr_t)(d->buf + off);
	return c;
}

/* Return: bytes written before the first failure; *ret_error: that, or 0. */
static size_t issue_direct(const struct direct *d, int *ret_error)
{
	struct nwb_inode *inode = d->inode;
	struct nwb_netfs *nf = inode->nf;
	struct issue is = {
		.inode = inode,
		.is_ordered = nf->opts.flavour != NWB_LINUX_6_12,
	};
	struct nwb_io_request *rreq;
	size_t off = 0;
	uint64_t good_to;

	rreq = nwb_request_new(inode, d->pos, NWB_DIO_WRITE);
	nwb_request_get(rreq); /* ours: for its outcome */
	nwb_trace_write(rreq, d->len);
	nwb_begin_upload(rreq, NWB_WB_SYNC);
	is.rreq = rreq;
	while (off < d->len) {
		size_t part = nwb_min(d->len - off, (size_t)rreq->wsize);

		nwb_write_claim(&is, claim_memory(nf, d, off, part));
		off += part;
		if (is.is_ordered && !nwb_wait_collected(rreq, d->pos + off))
			break;
	}
	nwb_end_issue_write(rreq);
	nwb_mutex_lock(&rreq->lock);
	nwb_wait_event(&rreq->waitq, &rreq->lock, !rreq->in_progress);
	*ret_error = rreq->error;
	good_to = rreq->error ? rreq->good_to : d->pos + off;
	nwb_mutex_unlock(&rreq->lock);
	nwb_request_put(rreq);
	return (size_t)(good_to - d->pos);
}

/** nwb_make_durable() - is it? Yes, if the instance that flushes is @before,
 * the one that took it; else *@ret_again. Context: blocks. */
int nwb_make_durable(struct nwb_inode *inode, uint32_t before, bool *ret_again)
{
	struct nwb_netfs *nf = inode->nf;
	uint32_t instance = before;
	int rc = nf->ops->flush(inode, &instance);

	*ret_again = rc == -ECONNABORTED ||
		     (!rc && nf->ops->ready && instance != before);
	return *ret_again ? 0 : rc;
}

static size_t write_durable(const struct direct *d, int *ret_error)
{
	struct nwb_netfs *nf = d->inode->nf;

	for (uint32_t attempts = 0; attempts < nf->opts.max_attempts;
	     attempts++) {
		uint32_t instance = 0;
		bool again = false;
		size_t n;
		int rc;

		*ret_error = 0;
		nwb_backoff(nf, attempts);
		if (nf->ops->ready)
			*ret_error = nf->ops->ready(d->inode, &instance);
		if (*ret_error)
			return 0;
		n = issue_direct(d, ret_error);
		if (!n)
			return 0;
		rc = nwb_make_durable(d->inode, instance, &again);
		if (rc) {
			*ret_error = rc;
			return 0;
		}
		if (!again)
			return n;
	}
	*ret_error = -EIO;
	return 0;
}

static void grow(struct nwb_inode *inode, uint64_t end, size_t n)
{
	nwb_mutex_lock(&inode->lock);
	nwb_inode_update_size(inode, end, n);
	inode->remote_size = nwb_max(inode->remote_size, end);
	nwb_mutex_unlock(&inode->lock);
}

/**
 * nwb_direct_write() - netfs_unbuffered_write_iter().
 * Return: bytes, or negative errno. Context: inode->io_lock held; blocks.
 */
ssize_t nwb_direct_write(struct nwb_inode *inode, const void *buf, size_t len,
			 uint64_t pos)
{
	struct nwb_netfs *nf = inode->nf;
	struct direct d = {inode, buf, len, pos};
	bool is_locked = !nwb_is_linux(nf);
	uint32_t flags = NWB_INVAL_FLUSH | (is_locked ? NWB_INVAL_UNLOCKED : 0);
	struct nwb_invalidated r;
	size_t n;
	int err;

	if (!len)
		return 0;
	nwb_count(nf, direct_writes, 1);
	/* Linux lets readers and faults in again: what they cache meanwhile,
	 * and store to it, may be older than what is written here. */
	if (is_locked)
		nwb_invalidate_lock(inode);
	err = nwb_invalidate(inode, pos, pos + len, flags, &r);
	/* what could not be written would be, later, over this */
	if (is_locked && r.kept) {
		nwb_invalidate_unlock(inode);
		return err ? err : -EIO;
	}
	/* Linux asks for the error alone, not for what is dirty yet or again:
	 * filemap_write_and_wait_range(), filemap_invalidate_inode(), which
	 * know but two. */
	if (!is_locked && err)
		return err == -ENOSPC ? err : -EIO;
	/* strict: that of what is gone is in the error sequence */
	err = 0;
	/* FSCACHE_INVAL_DIO_WRITE: off until the last user is gone, or a reader
	 * could have older bytes cached meanwhile */
	atomic_store(&inode->is_side_lost, true);
	nwb_sides_invalidate(inode);
	n = nwb_hazard(nf, NWB_H17) ? issue_direct(&d, &err)
				    : write_durable(&d, &err);
	if (n)
		grow(inode, pos + n, n);
	(void)nwb_invalidate(inode, pos, pos + len, flags, NULL);
	if (is_locked)
		nwb_invalidate_unlock(inode);
	if (n || !err)
		return (ssize_t)n;
	if (nwb_hazard(nf, NWB_H6)) {
		nwb_netfs_hazard_fired(nf, NWB_H6);
		return 0;
	}
	return err;
}

/* --- asynchronous --------------------------------------------------------- */

static void async_main(struct nwb_work *work)
{
	struct nwb_kiocb *iocb = nwb_container_of(work, struct nwb_kiocb, work);

	iocb->result =
		nwb_file_write(iocb->file, iocb->buf, iocb->len, iocb->pos);
	iocb->done(iocb);
}

int nwb_file_write_async(struct nwb_file *f, const void *buf, size_t len,
			 uint64_t pos, struct nwb_kiocb *iocb)
{
	if (!(f->flags & NWB_F_DIRECT) &&
	    !(f->inode->nf->crypto && (f->flags & NWB_F_DSYNC)))
		return -EINVAL;
	if (len > NWB_FILE_MAX || pos > NWB_FILE_MAX - len)
		return -EFBIG;
	iocb->file = f;
	iocb->buf = buf;
	iocb->len = len;
	iocb->pos = pos;
	nwb_work_init(&iocb->work, f->inode->nf->ex, async_main,
		      "netfs direct write");
	(void)nwb_work_queue(&iocb->work);
	return -EIOCBQUEUED;
}
