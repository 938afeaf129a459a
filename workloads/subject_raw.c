/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The limit: WRITEs of wsize, pipelined to a fixed depth, straight from the
 * caller's memory; ended by FLUSH or Tfsync. No page cache, no retry, no
 * ledger but the intents. What the reference client costs is what it costs
 * beyond this.
 *
 *	write() ─► slot 0..depth-1 ─► WRITE in flight ─► done: slot is free
 *	fsync() ─► all WRITEs begun before are done ─► FLUSH
 *
 * The caller's buffers stay unchanged until fsync() has returned (workloads
 * stamp everything before the window), so nothing is copied here.
 */
#include "workloads_i.h"

#include "nwb/mem.h"
#include "nwb/p9.h"
#include "nwb/smb2.h"
#include "nwb/wait.h"
#include <stdio.h>
#include <string.h>

struct raw_slot {
	struct nwb_list link;
	struct subject_raw *raw;
	uint64_t seq; /* of its WRITE; 0: free */
	struct iovec iov;
	union {
		struct nwb_smb2_write smb;
		struct nwb_p9_write p9;
	} w;
};

struct subject_raw {
	struct nwb_subject s;
	struct nwb_smb2 *smb2;
	struct nwb_p9 *p9;
	struct nwb_smb2_file *smb_file;
	struct nwb_p9_file *p9_file;
	uint32_t wsize;
	uint8_t *hot; /* RAW_HOT: the one buffer that is always sent */
	struct raw_slot *slots;
	struct nwb_mutex lock;
	struct nwb_waitq wait; /* for a free slot */
	struct nwb_waitq drained;
	struct nwb_list free;
	uint64_t seq;		/* WRITEs begun */
	unsigned int nr_drains; /* that wait for the end of some */
	int error;		/* first failure; told by the next fsync */
	uint64_t bytes_dirtied;
};

static struct subject_raw *to_raw(struct nwb_subject *s)
{
	return nwb_container_of(s, struct subject_raw, s);
}

static void slot_done(struct raw_slot *slot, int64_t result)
{
	struct subject_raw *r = slot->raw;
	bool has_drains;

	nwb_mutex_lock(&r->lock);
	if (result != (int64_t)slot->iov.iov_len && !r->error)
		r->error = result < 0 ? (int)result : -EIO;
	nwb_list_add(&r->free, &slot->link);
	slot->seq = 0;
	has_drains = r->nr_drains > 0;
	nwb_mutex_unlock(&r->lock);
	nwb_waitq_wake_one(&r->wait);
	if (has_drains)
		nwb_waitq_wake_all(&r->drained);
}

static void smb_done(struct nwb_smb2_write *w)
{
	slot_done(nwb_container_of(w, struct raw_slot, w.smb), w->result);
}

static void p9_done(struct nwb_p9_write *w)
{
	slot_done(nwb_container_of(w, struct raw_slot, w.p9), w->result);
}

static struct raw_slot *slot_get(struct subject_raw *r)
{
	struct raw_slot *slot;

	nwb_mutex_lock(&r->lock);
	nwb_wait_event(&r->wait, &r->lock, !nwb_list_empty(&r->free));
	slot = nwb_list_first(&r->free, struct raw_slot, link);
	nwb_list_del(&slot->link);
	slot->seq = ++r->seq;
	nwb_mutex_unlock(&r->lock);
	return slot;
}

/* Send @len <= wsize bytes; @ret_len: how much of it fitted the credits. */
static int send_piece(struct subject_raw *r, const void *buf, size_t len,
		      uint64_t off, size_t *ret_len)
{
	struct raw_slot *slot = slot_get(r);
	int rc = 0;

	slot->iov.iov_base = (void *)(uintptr_t)buf;
	if (r->smb2) {
		struct nwb_smb2_write *w = &slot->w.smb;

		memset(w, 0, sizeof(*w));
		rc = nwb_smb2_wait_mtu_credits(r->smb2, len, NWB_NEVER, &len,
					       &w->credits);
		slot->iov.iov_len = len;
		w->file = r->smb_file;
		w->offset = off;
		w->iov = &slot->iov;
		w->nr_iov = 1;
		w->len = (uint32_t)len;
		w->done = smb_done;
		if (!rc)
			rc = nwb_smb2_write_async(w);
	} else {
		struct nwb_p9_write *w = &slot->w.p9;

		memset(w, 0, sizeof(*w));
		slot->iov.iov_len = len;
		w->file = r->p9_file;
		w->offset = off;
		w->iov = &slot->iov;
		w->nr_iov = 1;
		w->len = (uint32_t)len;
		w->done = p9_done;
		rc = nwb_p9_write_async(w);
	}
	if (rc)
		slot_done(slot, rc);
	*ret_len = len;
	return rc;
}

static ssize_t raw_write(struct nwb_subject *s, const void *buf, size_t len,
			 uint64_t off)
{
	struct subject_raw *r = to_raw(s);
	size_t done = 0, n = 0;
	int rc;

	while (done < len) {
		const uint8_t *from = (const uint8_t *)buf + done;

		n = nwb_min(len - done, (size_t)r->wsize);
		rc = send_piece(r, r->hot ? r->hot : from, n, off + done, &n);
		if (rc)
			return rc;
		done += n;
	}
	nwb_mutex_lock(&r->lock);
	r->bytes_dirtied += len;
	nwb_mutex_unlock(&r->lock);
	return (ssize_t)len;
}

/* Is a WRITE under way that was begun before @seq? lock held. */
static bool is_busy(const struct subject_raw *r, uint64_t seq)
{
	for (uint32_t i = 0; i < r->s.opts.depth; i++)
		if (r->slots[i].seq && r->slots[i].seq <= seq)
			return true;
	return false;
}

/* Wait for what was begun before, not for what others begin meanwhile. */
static int raw_drain(struct subject_raw *r)
{
	uint64_t seq;
	int err;

	nwb_mutex_lock(&r->lock);
	seq = r->seq;
	r->nr_drains++;
	nwb_wait_event(&r->drained, &r->lock, !is_busy(r, seq));
	r->nr_drains--;
	err = r->error;
	r->error = 0;
	nwb_mutex_unlock(&r->lock);
	return err;
}

static int raw_fsync(struct nwb_subject *s)
{
	struct subject_raw *r = to_raw(s);
	uint32_t epoch, status;
	int err = raw_drain(r);

	if (err)
		return err;
	if (r->smb2)
		return nwb_smb2_flush(r->smb_file, &epoch, &status);
	return nwb_p9_fsync(r->p9_file, &epoch);
}

static int raw_open(struct nwb_subject *s, const char *name, uint16_t id,
		    unsigned int flags, struct nwb_err *err)
{
	struct subject_raw *r = to_raw(s);
	int rc;

	(void)id;
	flags |= NWB_O_CREATE;
	if (r->smb2)
		return nwb_smb2_open(r->smb2, name, flags, &r->smb_file, err);
	rc = nwb_p9_open(r->p9, name, flags, &r->p9_file, err);
	if (!rc)
		r->wsize = nwb_min(r->wsize, nwb_p9_max_write(r->p9_file));
	return rc;
}

static int raw_close(struct nwb_subject *s)
{
	struct subject_raw *r = to_raw(s);
	int err = raw_drain(r), rc = 0;

	if (r->smb_file)
		rc = nwb_smb2_close(r->smb_file);
	if (r->p9_file)
		rc = nwb_p9_close(r->p9_file);
	r->smb_file = NULL;
	r->p9_file = NULL;
	return err ? err : rc;
}

static void raw_stats(struct nwb_subject *s, struct nwb_subject_stats *ret)
{
	struct subject_raw *r = to_raw(s);

	*ret = (struct nwb_subject_stats){
		.bytes_dirtied = r->bytes_dirtied,
		.temp_bytes_max = UINT64_MAX,
		.retries = 0,
		.opens = UINT64_MAX,
		.reclaims = UINT64_MAX,
		.channels = UINT64_MAX,
		.channels_lost = UINT64_MAX,
		.unstable_resent = UINT64_MAX,
		.retry_rounds = UINT64_MAX,
		.bytes_reissued = UINT64_MAX,
		.bytes_copied = UINT64_MAX,
		.stable_waits = UINT64_MAX,
		.depth = s->opts.depth,
		.wsize = r->wsize,
	};
	if (r->smb2) {
		struct nwb_smb2_stats st;

		nwb_smb2_get_stats(r->smb2, &st);
		nwb_subject_smb2_stats(&st, ret);
	} else {
		struct nwb_p9_stats st;

		nwb_p9_get_stats(r->p9, &st);
		ret->rpcs = st.nr_requests;
		ret->write_rpcs = st.nr_writes;
		ret->bytes_sent = st.bytes_written;
		ret->reconnects = st.nr_connects - 1;
		snprintf(ret->signing, sizeof(ret->signing), "none");
		snprintf(ret->cipher, sizeof(ret->cipher), "none");
	}
}

static void raw_free(struct nwb_subject *s)
{
	struct subject_raw *r = to_raw(s);

	nwb_assert(!r->smb_file && !r->p9_file);
	if (r->smb2)
		nwb_smb2_free(r->smb2);
	if (r->p9)
		nwb_p9_free(r->p9);
	nwb_free(r->slots);
	nwb_free(r->hot);
	nwb_free(r);
}

static const struct nwb_subject_ops raw_ops = {
	.open = raw_open,
	.write = raw_write,
	.fsync = raw_fsync,
	.close = raw_close,
	.stats = raw_stats,
	.free = raw_free,
};

static int raw_connect(struct subject_raw *r, struct nwb_err *err)
{
	const struct nwb_subject_opts *o = &r->s.opts;
	int rc;

	if (o->is_9p) {
		struct nwb_p9_opts po;
		struct nwb_p9_stats st;

		nwb_subject_p9_opts(o, &po);
		rc = nwb_p9_new(r->s.ex, &po, &r->p9, err);
		if (!rc)
			rc = nwb_p9_connect(r->p9, err);
		if (rc)
			return rc;
		nwb_p9_get_stats(r->p9, &st);
		r->wsize = st.max_write;
	} else {
		struct nwb_smb2_opts so;
		struct nwb_smb2_stats st;

		nwb_subject_smb2_opts(o, &so);
		rc = nwb_smb2_new(r->s.ex, &so, &r->smb2, err);
		if (!rc)
			rc = nwb_smb2_connect(r->smb2, err);
		if (rc)
			return rc;
		nwb_subject_smb2_prove(r->smb2);
		nwb_smb2_get_stats(r->smb2, &st);
		r->wsize = st.max_write;
	}
	if (o->wsize)
		r->wsize = nwb_min(r->wsize, o->wsize);
	return 0;
}

int nwb_subject_raw_new(struct nwb_exec *ex,
			const struct nwb_subject_opts *opts,
			struct nwb_subject **ret_s, struct nwb_err *err)
{
	struct subject_raw *r = nwb_zalloc(sizeof(*r));
	int rc;

	if (!r)
		return -ENOMEM;
	r->s.ops = &raw_ops;
	r->s.ex = ex;
	r->s.opts = *opts;
	nwb_mutex_init(&r->lock, ex, "raw");
	nwb_waitq_init(&r->wait, ex, "raw slots");
	nwb_waitq_init(&r->drained, ex, "raw drain");
	nwb_list_init(&r->free);
	r->slots = nwb_zalloc(opts->depth * sizeof(*r->slots));
	if (!r->slots) {
		raw_free(&r->s);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < opts->depth; i++) {
		r->slots[i].raw = r;
		nwb_list_add_tail(&r->free, &r->slots[i].link);
	}
	rc = raw_connect(r, err);
	if (!rc && opts->kind == NWB_SUBJ_RAW_HOT) {
		r->hot = nwb_alloc_pages(NWB_ROUND_UP(r->wsize, 4096u));
		if (!r->hot)
			rc = -ENOMEM;
	}
	if (rc) {
		raw_free(&r->s);
		return rc;
	}
	*ret_s = &r->s;
	return 0;
}
