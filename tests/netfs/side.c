/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "side.h"
#include "nwb/mem.h"
#include "nwb_test.h"

#include <string.h>

static struct side *side_of(const struct nwb_io_subrequest *sreq)
{
	return nwb_inode_side(nwb_rreq_inode(sreq->rreq), sreq->stream_nr);
}

static bool side_begin(struct nwb_io_request *rreq, unsigned int stream_nr)
{
	struct side *side = nwb_inode_side(nwb_rreq_inode(rreq), stream_nr);

	return !side->is_off;
}

static int side_prepare(struct nwb_io_subrequest *sreq)
{
	struct nwb_io_stream *stream =
		nwb_rreq_stream(sreq->rreq, sreq->stream_nr);
	struct side *side = side_of(sreq);

	if (side->max_len)
		stream->sreq_max_len =
			nwb_min(stream->sreq_max_len, side->max_len);
	if (side->max_segs)
		stream->sreq_max_segs = side->max_segs;
	return 0;
}

/* Lock held, dropped and taken again. */
static void answer(struct side *side, struct nwb_io_subrequest *sreq)
{
	uint64_t start = sreq->start + sreq->transferred;
	int64_t result = (int64_t)(sreq->len - sreq->transferred);
	struct nwb_iov_iter it;

	if (side->error) {
		result = side->error;
	} else if (side->nr_short && result > 4096) {
		side->nr_short--;
		result = 4096;
	}
	if (result > 0) {
		nwb_iov_iter_init(&it, sreq->iov, sreq->nr_iov);
		(void)nwb_iov_copy_out(&it, side->mem + start, (size_t)result);
		if (side->stream_nr == 1)
			for (uint64_t b = start / 4096;
			     b < (start + (uint64_t)result) / 4096; b++)
				side->has[b] = true;
	}
	nwb_mutex_unlock(&side->lock);
	nwb_write_subrequest_terminated(sreq, result);
	nwb_mutex_lock(&side->lock);
}

static void side_issue(struct nwb_io_subrequest *sreq)
{
	struct side *side = side_of(sreq);

	nwb_mutex_lock(&side->lock);
	nwb_check(side->nr_log < SIDE_LOG_MAX);
	side->log[side->nr_log].start = sreq->start + sreq->transferred;
	side->log[side->nr_log].len = sreq->len - sreq->transferred;
	side->log[side->nr_log].is_retry =
		(sreq->flags & NWB_SREQ_RETRYING) != 0;
	side->nr_log++;
	if (side->hold) {
		side->held[side->nr_held++] = sreq;
		nwb_waitq_wake_all(&side->changed);
	} else {
		answer(side, sreq);
	}
	nwb_mutex_unlock(&side->lock);
}

static void side_forget(struct nwb_inode *inode, uint64_t pos, uint64_t len)
{
	struct side *side = nwb_inode_side(inode, 1);

	nwb_mutex_lock(&side->lock);
	side->nr_forgotten++;
	for (uint64_t b = pos / 4096; b <= (pos + len - 1) / 4096; b++)
		side->has[b] = false;
	nwb_mutex_unlock(&side->lock);
}

static void invalidate(struct side *side)
{
	nwb_mutex_lock(&side->lock);
	side->nr_invalidated++;
	memset(side->has, 0, sizeof(side->has));
	nwb_mutex_unlock(&side->lock);
}

static void cache_invalidate(struct nwb_inode *inode)
{
	invalidate(nwb_inode_side(inode, 1));
}

static void mirror_invalidate(struct nwb_inode *inode)
{
	invalidate(nwb_inode_side(inode, 2));
}

static int mirror_flush(struct nwb_inode *inode)
{
	struct side *side = nwb_inode_side(inode, 2);

	side->nr_flushes++;
	return side->error;
}

static ssize_t cache_read(struct nwb_inode *inode, uint64_t pos, void *buf,
			  size_t len)
{
	struct side *side = nwb_inode_side(inode, 1);
	size_t n = 0;

	nwb_mutex_lock(&side->lock);
	side->nr_reads++;
	while (n < len && side->has[(pos + n) / 4096])
		n += nwb_min(len - n, 4096 - (size_t)((pos + n) % 4096));
	memcpy(buf, side->mem + pos, n);
	nwb_mutex_unlock(&side->lock);
	return (ssize_t)n;
}

static const struct nwb_stream_ops cache_ops = {
	.name = "scripted cache",
	.begin = side_begin,
	.prepare_write = side_prepare,
	.issue_write = side_issue,
	.forget = side_forget,
	.invalidate = cache_invalidate,
	.read = cache_read,
};

static const struct nwb_stream_ops mirror_ops = {
	.name = "scripted mirror",
	.begin = side_begin,
	.prepare_write = side_prepare,
	.issue_write = side_issue,
	.invalidate = mirror_invalidate,
	.flush = mirror_flush,
};

/* The rig has made its inode already; the mount is attached to all the same,
 * before anything was written. */
struct side *side_new(struct sfs_rig *rig, unsigned int stream_nr)
{
	struct side *side = nwb_zalloc(sizeof(*side));

	nwb_assert(side);
	side->ex = rig->ex;
	side->stream_nr = stream_nr;
	nwb_mutex_init(&side->lock, rig->ex, "side");
	nwb_waitq_init(&side->changed, rig->ex, "side");
	nwb_netfs_attach(rig->sfs->nf, stream_nr,
			 stream_nr == 1 ? &cache_ops : &mirror_ops);
	return side;
}

void side_take(struct sfs_rig *rig, struct side *side)
{
	nwb_inode_set_side(rig->inode, side->stream_nr, side);
}

void side_free(struct sfs_rig *rig, struct side *side)
{
	nwb_inode_set_side(rig->inode, side->stream_nr, NULL);
	nwb_free(side);
}

void side_complete(struct side *side, unsigned int index)
{
	struct nwb_io_subrequest *sreq;

	nwb_mutex_lock(&side->lock);
	nwb_check(index < side->nr_held);
	sreq = side->held[index];
	side->nr_held--;
	for (unsigned int i = index; i < side->nr_held; i++)
		side->held[i] = side->held[i + 1];
	answer(side, sreq);
	nwb_mutex_unlock(&side->lock);
}

void side_release(struct side *side)
{
	side->hold = false;
	while (side->nr_held)
		side_complete(side, 0);
}

void side_wait_held(struct side *side, unsigned int nr)
{
	nwb_mutex_lock(&side->lock);
	nwb_wait_event(&side->changed, &side->lock, side->nr_held >= nr);
	nwb_mutex_unlock(&side->lock);
}
