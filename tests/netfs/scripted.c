/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scripted.h"
#include "nwb/mem.h"
#include "nwb_test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static uint64_t dice(struct sfs *sfs, uint64_t below)
{
	return below ? nwb_splitmix64(&sfs->random) % below : 0;
}

uint64_t sfs_random(struct sfs *sfs, uint64_t below)
{
	uint64_t r;

	nwb_mutex_lock(&sfs->lock);
	r = dice(sfs, below);
	nwb_mutex_unlock(&sfs->lock);
	return r;
}

void sfs_fill(void *buf, size_t len, uint64_t seed)
{
	uint8_t *p = buf;
	uint64_t state = seed;

	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)nwb_splitmix64(&state);
}

static struct sfs *sfs_of(const struct nwb_inode *inode)
{
	return nwb_netfs_fs_priv(nwb_inode_netfs(inode));
}

/* --- the server ----------------------------------------------------------- */

static void apply(struct sfs_op *op, size_t len)
{
	struct sfs_file *file = op->file;
	struct nwb_iov_iter it;

	nwb_iov_iter_init(&it, op->sreq->iov, op->sreq->nr_iov);
	nwb_assert(it.count == op->len);
	nwb_assert(op->start + op->len <= SFS_FILE_MAX);
	if (op->start > file->vol_size)
		memset(file->vol + file->vol_size, 0,
		       op->start - file->vol_size);
	(void)nwb_iov_copy_out(&it, file->vol + op->start, len);
	file->vol_size = nwb_max(file->vol_size, op->start + len);
}

static void sync_file(struct sfs_file *file)
{
	memcpy(file->dur, file->vol, SFS_FILE_MAX);
	file->dur_size = file->vol_size;
}

static void crash_file(struct sfs_file *file)
{
	memcpy(file->vol, file->dur, SFS_FILE_MAX);
	file->vol_size = file->dur_size;
}

static struct sfs_op *op_at(struct sfs *sfs, bool is_cache, unsigned int index)
{
	struct sfs_op *op;

	nwb_list_for_each_entry (op, &sfs->pending, link)
		if (op->is_cache == is_cache && !index--)
			return op;
	nwb_assert(false);
	return NULL;
}

/* Lock held, dropped and taken again: end @op. */
static void end_op(struct sfs *sfs, struct sfs_op *op, int64_t result,
		   bool retry)
{
	struct nwb_io_subrequest *sreq = op->sreq;

	if (result > 0) {
		result = nwb_min(result, (int64_t)op->len);
		if (!op->is_cache)
			apply(op, (size_t)result);
	}
	sreq->instance = op->instance;
	/* of a lost one nothing is known */
	sreq->wire_status =
		result < 0 && result != -ECONNABORTED ? 0xc0000000u : 0;
	if (retry)
		nwb_sreq_need_retry(sreq);
	nwb_list_del(&op->link);
	op->is_used = false;
	if (op->is_cache)
		sfs->nr_cache_pending--;
	else
		sfs->nr_pending--;
	nwb_waitq_wake_all(&sfs->changed);
	nwb_mutex_unlock(&sfs->lock);
	nwb_write_subrequest_terminated(sreq, result);
	nwb_mutex_lock(&sfs->lock);
}

/* Lock held, dropped and taken again. Only ops of the old instance. */
static void reset_locked(struct sfs *sfs, bool do_apply, bool crash)
{
	uint32_t old = sfs->instance++;
	struct sfs_op *op;
	bool found = true;

	nwb_list_for_each_entry (op, &sfs->pending, link)
		if (do_apply && !op->is_cache && op->instance == old &&
		    !(dice(sfs, 2) && crash))
			apply(op, op->len);
	for (unsigned int i = 0; i < sfs->nr_files && crash; i++)
		crash_file(sfs->files[i]);
	while (found) {
		found = false;
		nwb_list_for_each_entry (op, &sfs->pending, link) {
			if (op->is_cache || op->instance > old)
				continue;
			found = true;
			end_op(sfs, op, -ECONNABORTED, true);
			break;
		}
	}
}

/* --- operations ----------------------------------------------------------- */

static int sfs_begin_writeback(struct nwb_io_request *rreq, uint32_t *ret_wsize)
{
	struct sfs *sfs = sfs_of(nwb_rreq_inode(rreq));

	if (sfs->begin_error)
		return sfs->begin_error;
	*ret_wsize = sfs->wsize;
	return 0;
}

static int sfs_init_request(struct nwb_io_request *rreq)
{
	return sfs_of(nwb_rreq_inode(rreq))->init_error;
}

static int sfs_retry_request(struct nwb_io_request *rreq,
			     struct nwb_io_stream *stream)
{
	struct sfs *sfs = sfs_of(nwb_rreq_inode(rreq));
	bool rotates;

	stream->failed |= sfs->gives_up;
	rotates =
		sfs->can_rotate && nwb_stream_has_error(rreq, stream, -EACCES);
	if (!rotates)
		return 0;
	nwb_mutex_lock(&sfs->lock);
	sfs->nr_rotated++;
	sfs->can_rotate = false;
	nwb_mutex_unlock(&sfs->lock);
	return 1;
}

static void sfs_invalidate_cache(struct nwb_inode *inode)
{
	struct sfs *sfs = sfs_of(inode);

	nwb_mutex_lock(&sfs->lock);
	sfs->nr_cache_invalidated++;
	nwb_mutex_unlock(&sfs->lock);
}

/* Lock held. May another write be prepared? */
static bool has_room(const struct sfs *sfs)
{
	return !sfs->max_pending ||
	       sfs->nr_pending + sfs->nr_prepare_reserved < sfs->max_pending;
}

static int sfs_prepare_write(struct nwb_io_subrequest *sreq)
{
	struct sfs *sfs = sfs_of(nwb_rreq_inode(sreq->rreq));
	struct nwb_io_stream *stream =
		nwb_rreq_stream(sreq->rreq, sreq->stream_nr);

	nwb_mutex_lock(&sfs->lock);
	sfs->nr_prepares++;
	if (sfs->prepare_error) {
		nwb_mutex_unlock(&sfs->lock);
		return sfs->prepare_error;
	}
	if ((sreq->flags & NWB_SREQ_NOWAIT) && !has_room(sfs)) {
		sfs->nr_refused++;
		nwb_mutex_unlock(&sfs->lock);
		return -EAGAIN;
	}
	nwb_wait_event(&sfs->changed, &sfs->lock, has_room(sfs));
	sfs->nr_prepare_reserved++;
	if (sfs->max_len)
		stream->sreq_max_len =
			nwb_min(stream->sreq_max_len, sfs->max_len);
	if (sfs->max_segs)
		stream->sreq_max_segs = sfs->max_segs;
	if (sfs->dice.is_on && dice(sfs, 1000) < sfs->dice.p_small_max)
		stream->sreq_max_len = 1 + dice(sfs, stream->sreq_max_len);
	nwb_mutex_unlock(&sfs->lock);
	return 0;
}

static void sfs_issue_write(struct nwb_io_subrequest *sreq)
{
	struct sfs *sfs = sfs_of(nwb_rreq_inode(sreq->rreq));
	struct sfs_op *op = NULL;

	nwb_mutex_lock(&sfs->lock);
	for (size_t i = 0; i < NWB_ARRAY_SIZE(sfs->ops) && !op; i++)
		if (!sfs->ops[i].is_used)
			op = &sfs->ops[i];
	nwb_assert(op);
	op->is_used = true;
	op->is_cache = sreq->stream_nr != 0;
	if (sfs->boundary && !(sreq->flags & NWB_SREQ_RETRYING) &&
	    (sreq->start + sreq->len) % sfs->boundary == 0)
		sreq->flags |= NWB_SREQ_BOUNDARY;
	op->sreq = sreq;
	op->file = nwb_inode_fs_priv(nwb_rreq_inode(sreq->rreq));
	op->start = sreq->start + sreq->transferred;
	op->len = sreq->len - sreq->transferred;
	op->instance = sfs->instance;
	op->due_ns = nwb_now_ns(sfs->ex) + dice(sfs, sfs->dice.latency_ns + 1);
	nwb_list_add_tail(&sfs->pending, &op->link);
	if (op->is_cache) {
		sfs->nr_cache_pending++;
	} else {
		sfs->nr_prepare_reserved--;
		sfs->nr_pending++;
	}
	if (!op->is_cache && sfs->nr_log < SFS_LOG_MAX)
		sfs->log[sfs->nr_log++] = (struct sfs_issue){
			op->start, op->len, sreq->nr_iov,
			(sreq->flags & NWB_SREQ_RETRYING) != 0,
			sreq->wire_status};
	nwb_waitq_wake_all(&sfs->changed);
	nwb_mutex_unlock(&sfs->lock);
}

static void sfs_issue_writes(struct nwb_io_subrequest *const *sreqs,
			     unsigned int nr)
{
	struct sfs *sfs = sfs_of(nwb_rreq_inode(sreqs[0]->rreq));

	nwb_mutex_lock(&sfs->lock);
	sfs->together[nr]++;
	nwb_mutex_unlock(&sfs->lock);
	for (unsigned int i = 0; i < nr; i++)
		sfs_issue_write(sreqs[i]);
}

static int sfs_flush(struct nwb_inode *inode, uint32_t *ret_instance)
{
	struct sfs *sfs = sfs_of(inode);
	uint32_t before;
	int rc = 0;

	nwb_mutex_lock(&sfs->lock);
	sfs->nr_flushes++;
	if (sfs->flush_crashes) {
		sfs->flush_crashes--;
		reset_locked(sfs, false, true);
	}
	before = sfs->instance;
	if (sfs->dice.is_on) {
		nwb_mutex_unlock(&sfs->lock);
		nwb_sleep_until(sfs->ex,
				nwb_now_ns(sfs->ex) + sfs->dice.latency_ns / 4);
		nwb_mutex_lock(&sfs->lock);
	}
	if (sfs->dice.is_on && dice(sfs, 1000) < sfs->dice.p_flush_abort)
		reset_locked(sfs, dice(sfs, 2), dice(sfs, 2));
	if (sfs->flush_aborts) {
		sfs->flush_aborts--;
		reset_locked(sfs, false, false);
	}
	if (sfs->instance != before)
		rc = -ECONNABORTED;
	else if (sfs->flush_error)
		rc = sfs->flush_error;
	else
		sync_file(nwb_inode_fs_priv(inode));
	nwb_wait_event(&sfs->changed, &sfs->lock, !sfs->hold_flush);
	*ret_instance = before;
	nwb_mutex_unlock(&sfs->lock);
	return rc;
}

static int sfs_ready(struct nwb_inode *inode, uint32_t *ret_instance)
{
	struct sfs *sfs = sfs_of(inode);

	nwb_mutex_lock(&sfs->lock);
	*ret_instance = sfs->instance;
	nwb_mutex_unlock(&sfs->lock);
	return 0;
}

static int sfs_set_size(struct nwb_inode *inode, uint64_t size)
{
	struct sfs *sfs = sfs_of(inode);
	struct sfs_file *file = nwb_inode_fs_priv(inode);

	nwb_mutex_lock(&sfs->lock);
	if (sfs->size_aborts) {
		sfs->size_aborts--;
		reset_locked(sfs, false, false);
		nwb_mutex_unlock(&sfs->lock);
		return -ECONNABORTED;
	}
	nwb_assert(size <= SFS_FILE_MAX);
	memset(file->vol + size, 0, SFS_FILE_MAX - size);
	file->vol_size = size;
	if (sfs->size_flush_error)
		sfs->flush_error = sfs->size_flush_error;
	if (sfs->size_crashes) {
		sfs->size_crashes--;
		reset_locked(sfs, false, true);
	}
	nwb_mutex_unlock(&sfs->lock);
	return 0;
}

static int sfs_get_size(struct nwb_inode *inode, uint64_t *ret_size)
{
	*ret_size = ((struct sfs_file *)nwb_inode_fs_priv(inode))->vol_size;
	return 0;
}

static ssize_t sfs_read(struct nwb_inode *inode, uint64_t pos, void *buf,
			size_t len)
{
	struct sfs *sfs = sfs_of(inode);
	struct sfs_file *file = nwb_inode_fs_priv(inode);
	size_t n;

	nwb_yield(sfs->ex, "scripted read");
	nwb_mutex_lock(&sfs->lock);
	if (sfs->read_error) {
		sfs->has_failed_read = true;
		nwb_mutex_unlock(&sfs->lock);
		return sfs->read_error;
	}
	if (sfs->read_aborts) {
		sfs->read_aborts--;
		nwb_mutex_unlock(&sfs->lock);
		return -ECONNABORTED;
	}
	n = pos < file->vol_size
		    ? (size_t)nwb_min((uint64_t)len, file->vol_size - pos)
		    : 0;
	if (sfs->dice.is_on && n > 1)
		n = 1 + dice(sfs, n);
	if (sfs->read_max)
		n = nwb_min(n, sfs->read_max);
	memcpy(buf, file->vol + pos, n);
	nwb_wait_event(&sfs->changed, &sfs->lock, !sfs->hold_read);
	if (sfs->read_crashes) {
		sfs->read_crashes--;
		reset_locked(sfs, false, true);
	}
	nwb_mutex_unlock(&sfs->lock);
	return (ssize_t)n;
}

const struct nwb_netfs_ops sfs_ops = {
	.name = "scripted",
	.init_request = sfs_init_request,
	.retry_request = sfs_retry_request,
	.begin_writeback = sfs_begin_writeback,
	.prepare_write = sfs_prepare_write,
	.issue_write = sfs_issue_write,
	.issue_writes = sfs_issue_writes,
	.flush = sfs_flush,
	.ready = sfs_ready,
	.set_size = sfs_set_size,
	.get_size = sfs_get_size,
	.read = sfs_read,
};

static bool sfs_cache_begin(struct nwb_io_request *rreq, unsigned int stream_nr)
{
	(void)rreq;
	(void)stream_nr;
	return true;
}

static const struct nwb_stream_ops sfs_cache_ops = {
	.name = "scripted cache",
	.begin = sfs_cache_begin,
	.issue_write = sfs_issue_write,
	.invalidate = sfs_invalidate_cache,
};

void sfs_use_cache(struct sfs *sfs, struct nwb_inode *inode)
{
	nwb_netfs_attach(sfs->nf, 1, &sfs_cache_ops);
	nwb_inode_set_side(inode, 1, sfs);
}

/* --- by dice -------------------------------------------------------------- */

/* Lock held, dropped and taken again. */
static void throw_dice(struct sfs *sfs, struct sfs_op *op)
{
	struct sfs_dice *d = &sfs->dice;
	unsigned int r = (unsigned int)dice(sfs, 1000);
	unsigned int p = d->p_short;

	if (!d->is_on || op->is_cache)
		end_op(sfs, op, SFS_ALL, false);
	else if (r < p)
		end_op(sfs, op, 1 + (int64_t)dice(sfs, op->len), false);
	else if (r < (p += d->p_zero))
		end_op(sfs, op, 0, false);
	else if (r < (p += d->p_error))
		end_op(sfs, op, -ENOSPC, false);
	else if (r < (p += d->p_reset))
		reset_locked(sfs, dice(sfs, 2), false);
	else if (r < p + d->p_crash)
		reset_locked(sfs, dice(sfs, 2), true);
	else
		end_op(sfs, op, SFS_ALL, false);
}

static void server_main(void *arg)
{
	struct sfs *sfs = arg;

	nwb_mutex_lock(&sfs->lock);
	while (!sfs->stopping) {
		uint64_t when = NWB_NEVER, now = nwb_now_ns(sfs->ex);
		struct sfs_op *op, *due = NULL;

		nwb_list_for_each_entry (op, &sfs->pending, link) {
			if (op->due_ns < when) {
				when = op->due_ns;
				due = op;
			}
		}
		if (!due || when > now)
			(void)nwb_waitq_wait(&sfs->changed, &sfs->lock, when);
		else
			throw_dice(sfs, due);
	}
	nwb_mutex_unlock(&sfs->lock);
}

void sfs_auto(struct sfs *sfs)
{
	nwb_assert(!sfs->task);
	if (nwb_task_spawn(sfs->ex, "scripted server", server_main, sfs,
			   &sfs->task))
		nwb_assert(false);
}

/* --- by hand -------------------------------------------------------------- */

void sfs_wait_pending(struct sfs *sfs, unsigned int nr)
{
	nwb_mutex_lock(&sfs->lock);
	nwb_wait_event(&sfs->changed, &sfs->lock, sfs->nr_pending >= nr);
	nwb_mutex_unlock(&sfs->lock);
}

void sfs_rest(struct sfs_rig *rig)
{
	nwb_sleep_until(rig->ex, nwb_now_ns(rig->ex) + NWB_MSEC);
}

void sfs_start(struct sfs_rig *rig, unsigned int nr)
{
	nwb_file_writeback(rig->f);
	sfs_wait_pending(rig->sfs, nr);
	sfs_rest(rig);
}

unsigned int sfs_pending(struct sfs *sfs)
{
	unsigned int n;

	nwb_mutex_lock(&sfs->lock);
	n = sfs->nr_pending;
	nwb_mutex_unlock(&sfs->lock);
	return n;
}

void sfs_complete(struct sfs *sfs, unsigned int index, int64_t result)
{
	nwb_mutex_lock(&sfs->lock);
	end_op(sfs, op_at(sfs, false, index), result, false);
	nwb_mutex_unlock(&sfs->lock);
}

void sfs_complete_retry(struct sfs *sfs, unsigned int index, int error)
{
	nwb_mutex_lock(&sfs->lock);
	end_op(sfs, op_at(sfs, false, index), error, true);
	nwb_mutex_unlock(&sfs->lock);
}

void sfs_complete_cache(struct sfs *sfs, unsigned int index, int64_t result)
{
	nwb_mutex_lock(&sfs->lock);
	end_op(sfs, op_at(sfs, true, index), result, false);
	nwb_mutex_unlock(&sfs->lock);
}

unsigned int sfs_cache_pending(struct sfs *sfs)
{
	unsigned int n;

	nwb_mutex_lock(&sfs->lock);
	n = sfs->nr_cache_pending;
	nwb_mutex_unlock(&sfs->lock);
	return n;
}

void sfs_complete_all(struct sfs *sfs)
{
	nwb_mutex_lock(&sfs->lock);
	while (sfs->nr_pending)
		end_op(sfs, op_at(sfs, false, 0), SFS_ALL, false);
	nwb_mutex_unlock(&sfs->lock);
}

void sfs_reset(struct sfs *sfs, bool do_apply, bool crash)
{
	nwb_mutex_lock(&sfs->lock);
	reset_locked(sfs, do_apply, crash);
	nwb_mutex_unlock(&sfs->lock);
}

void sfs_hold_read(struct sfs *sfs, bool hold)
{
	nwb_mutex_lock(&sfs->lock);
	sfs->hold_read = hold;
	nwb_waitq_wake_all(&sfs->changed);
	nwb_mutex_unlock(&sfs->lock);
}

void sfs_hold_flush(struct sfs *sfs, bool hold)
{
	nwb_mutex_lock(&sfs->lock);
	sfs->hold_flush = hold;
	nwb_waitq_wake_all(&sfs->changed);
	nwb_mutex_unlock(&sfs->lock);
}

void sfs_set_max_pending(struct sfs *sfs, unsigned int max)
{
	nwb_mutex_lock(&sfs->lock);
	sfs->max_pending = max;
	nwb_waitq_wake_all(&sfs->changed);
	nwb_mutex_unlock(&sfs->lock);
}

/* --- life ----------------------------------------------------------------- */

static void tap_sent(struct nwb_netfs_tap *tap,
		     const struct nwb_io_subrequest *sreq)
{
	struct sfs *sfs = nwb_container_of(tap, struct sfs, tap);

	(void)sreq;
	nwb_mutex_lock(&sfs->lock);
	sfs->nr_sent++;
	nwb_mutex_unlock(&sfs->lock);
}

static void tap_acked(struct nwb_netfs_tap *tap, uint32_t id, uint64_t start,
		      uint64_t len, uint32_t instance)
{
	struct sfs *sfs = nwb_container_of(tap, struct sfs, tap);

	(void)id;
	(void)start;
	(void)instance;
	nwb_mutex_lock(&sfs->lock);
	sfs->nr_acked++;
	sfs->bytes_acked += len;
	nwb_mutex_unlock(&sfs->lock);
}

static void tap_gaveup(struct nwb_netfs_tap *tap, uint32_t id,
		       const struct nwb_io_subrequest *sreq, int error)
{
	struct sfs *sfs = nwb_container_of(tap, struct sfs, tap);

	(void)id;
	nwb_mutex_lock(&sfs->lock);
	sfs->nr_gaveup++;
	sfs->gaveup_error = error;
	sfs->gaveup_start = sreq->start + sreq->transferred;
	sfs->gaveup_refused = sreq->is_refused;
	sfs->gaveup_retries = sreq->retry_count;
	sfs->gaveup_unreachable_ns = sreq->unreachable_ns;
	nwb_mutex_unlock(&sfs->lock);
}

struct sfs_file *sfs_file_new(struct sfs *sfs)
{
	struct sfs_file *file = nwb_zalloc(sizeof(*file));

	nwb_assert(file && sfs->nr_files < NWB_ARRAY_SIZE(sfs->files));
	sfs->files[sfs->nr_files++] = file;
	return file;
}

struct sfs *sfs_new(struct nwb_exec *ex, uint64_t seed,
		    const struct nwb_netfs_opts *opts)
{
	struct sfs *sfs = nwb_zalloc(sizeof(*sfs));
	struct nwb_err err = {0};

	nwb_assert(sfs);
	sfs->ex = ex;
	sfs->random = seed;
	sfs->wsize = 64 * 1024;
	sfs->instance = 1;
	nwb_mutex_init(&sfs->lock, ex, "scripted");
	nwb_waitq_init(&sfs->changed, ex, "scripted");
	nwb_list_init(&sfs->pending);
	sfs->tap = (struct nwb_netfs_tap){tap_sent, tap_acked, tap_gaveup};
	if (nwb_netfs_new(ex, opts, &sfs_ops, sfs, &sfs->tap, &sfs->nf, &err))
		nwb_assert(false);
	return sfs;
}

void sfs_free(struct sfs *sfs)
{
	nwb_netfs_free(sfs->nf);
	nwb_mutex_lock(&sfs->lock);
	sfs->stopping = true;
	nwb_waitq_wake_all(&sfs->changed);
	nwb_mutex_unlock(&sfs->lock);
	if (sfs->task)
		nwb_task_join(sfs->task);
	nwb_free(sfs);
}

/* --- the rig -------------------------------------------------------------- */

struct run {
	const struct nwb_netfs_opts *opts;
	uint32_t wsize;
	uint64_t seed, size;
	sfs_body_fn body;
	struct nwb_exec *ex;
};

static void run_main(void *arg)
{
	struct run *run = arg;
	struct nwb_netfs_opts opts = *run->opts;
	struct nwb_netfs_stats st;
	struct sfs_rig rig = {.ex = run->ex};

	if (!opts.cache_bytes)
		opts.cache_bytes = 2 * NWB_MIB;
	if (!opts.temp_bytes)
		opts.temp_bytes = NWB_MIB;
	rig.sfs = sfs_new(run->ex, run->seed, &opts);
	rig.sfs->wsize = run->wsize;
	rig.file = sfs_file_new(rig.sfs);
	rig.file->vol_size = run->size;
	sfs_fill(rig.file->vol, run->size, 4711);
	sync_file(rig.file);
	if (nwb_inode_new(rig.sfs->nf, 1, rig.file, run->size, &rig.inode) ||
	    nwb_file_open(rig.inode, &rig.f))
		nwb_assert(false);
	run->body(&rig);
	if (!rig.sfs->task)
		sfs_auto(rig.sfs);
	rig.sfs->dice.is_on = false;
	nwb_check_eq(nwb_file_close(rig.f, false), 0);
	nwb_inode_put(rig.inode);
	nwb_netfs_get_stats(rig.sfs->nf, &st);
	nwb_check_eq(st.dirty_bytes, 0);
	nwb_check_eq(st.temp_bytes, 0);
	nwb_check_eq(st.live_subrequests, 0);
	nwb_check_eq(st.upload_issued + st.cache_issued + st.retries,
		     st.upload_done + st.cache_done -
			     (rig.sfs->prepare_error || rig.sfs->begin_error ||
					      rig.sfs->init_error ||
					      rig.sfs->has_failed_read
				      ? st.upload_failed
				      : 0));
	sfs_free(rig.sfs);
	nwb_free(rig.file);
}

void sfs_sim(uint64_t seed, nwb_task_fn fn, void *arg, struct nwb_exec **ret_ex)
{
	uint64_t live = nwb_mem_live();
	struct nwb_err err = {0};
	int rc = nwb_exec_sim_new(seed, ret_ex, &err);

	if (rc == -ENOTSUP)
		nwb_test_skip("no simulation under ThreadSanitizer");
	nwb_check_eq(rc, 0);
	rc = nwb_exec_run(*ret_ex, fn, arg, 0, &err);
	if (rc)
		fprintf(stderr, "seed %llu: %s\n", (unsigned long long)seed,
			err.text);
	nwb_check_eq(rc, 0);
	nwb_exec_free(*ret_ex);
	nwb_check_eq(nwb_mem_live(), live);
}

void sfs_run(uint64_t seed, const struct nwb_netfs_opts *opts, uint32_t wsize,
	     uint64_t size, sfs_body_fn body)
{
	struct run run = {.opts = opts,
			  .wsize = wsize,
			  .seed = seed,
			  .size = size,
			  .body = body};

	sfs_sim(seed, run_main, &run, &run.ex);
}
