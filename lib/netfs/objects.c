/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Requests, subrequests and claims (fs/netfs/objects.c).
 *
 * References of a request, each with its reason:
 *
 *	ISSUER		nwb_writepages(), until it has ended issuing
 *	CRYPTO		each claim that is to be encrypted, until it is
 *	IN_PROGRESS	dropped by the collector when all is collected
 *	IO		each issue, from before it until the last line of its
 *			nwb_write_subrequest_terminated()
 *
 * A request is never freed while the mount lives: it goes to the end of
 * nf->free_requests, and who takes it from the front first waits for a late run
 * of its work item, which would find nothing to do.
 *
 * Subrequests and claims belong to their request's lists, under rreq->lock. The
 * pools are sized so that they do not run dry; if one does, the heap helps out,
 * and if that refuses too, we wait, for writeback must not fail for want of
 * memory (mempools, OB:netfs_alloc_request).
 */
#include "trace.h"

#define NO_MEMORY_SLEEP (10 * NWB_MSEC)

/** nwb_wait_for_memory() - there is none at all, and writeback must not fail for
 * that: look again in a while. No lock held. */
void nwb_wait_for_memory(const struct nwb_netfs *nf)
{
	nwb_sleep_until(nf->ex, nwb_now_ns(nf->ex) + NO_MEMORY_SLEEP);
}

struct nwb_inode *nwb_rreq_inode(const struct nwb_io_request *rreq)
{
	return rreq->inode;
}

struct nwb_io_stream *nwb_rreq_stream(struct nwb_io_request *rreq,
				      unsigned int nr)
{
	nwb_assert(nr < NWB_NR_STREAMS);
	return &rreq->streams[nr];
}

bool nwb_rreq_is_direct(const struct nwb_io_request *rreq)
{
	return rreq->origin == NWB_DIO_WRITE;
}

void nwb_rreq_set_unreachable(struct nwb_io_request *rreq, uint64_t ns)
{
	rreq->unreachable_ns = ns;
}

static struct nwb_io_request *request_make(struct nwb_netfs *nf)
{
	struct nwb_io_request *rreq = nwb_zalloc(sizeof(*rreq));

	if (!rreq)
		return NULL;
	rreq->nf = nf;
	nwb_list_init(&rreq->nf_link);
	nwb_list_init(&rreq->inode_link);
	nwb_list_init(&rreq->claims);
	nwb_list_init(&rreq->crypto_waiting);
	nwb_mutex_init(&rreq->lock, nf->ex, "netfs request");
	nwb_waitq_init(&rreq->waitq, nf->ex, "netfs issuer paused");
	nwb_work_init(&rreq->work, nf->ex, nwb_collect_work, "netfs collector");
	return rreq;
}

/** nwb_request_reserve() - make @nr requests beforehand. */
int nwb_request_reserve(struct nwb_netfs *nf, unsigned int nr)
{
	while (nr--) {
		struct nwb_io_request *rreq = request_make(nf);

		if (!rreq)
			return -ENOMEM;
		nwb_list_add_tail(&nf->free_requests, &rreq->nf_link);
	}
	return 0;
}

/** nwb_request_free_all() - none is in use. */
void nwb_request_free_all(struct nwb_netfs *nf)
{
	while (!nwb_list_empty(&nf->free_requests)) {
		struct nwb_io_request *rreq = nwb_list_first(
			&nf->free_requests, struct nwb_io_request, nf_link);

		nwb_list_del(&rreq->nf_link);
		nwb_work_cancel_sync(&rreq->work);
		nwb_free(rreq);
	}
}

static struct nwb_io_request *request_get_free(struct nwb_netfs *nf)
{
	struct nwb_io_request *rreq = NULL;

	for (;;) {
		nwb_mutex_lock(&nf->lock);
		if (!nwb_list_empty(&nf->free_requests)) {
			rreq = nwb_list_first(&nf->free_requests,
					      struct nwb_io_request, nf_link);
			nwb_list_del(&rreq->nf_link);
		}
		nwb_mutex_unlock(&nf->lock);
		if (rreq)
			nwb_work_cancel_sync(&rreq->work);
		else
			rreq = request_make(nf);
		if (rreq)
			return rreq;
		nwb_wait_for_memory(nf);
	}
}

static void request_reset(struct nwb_io_request *rreq, struct nwb_inode *inode,
			  uint64_t start, enum nwb_rreq_origin origin)
{
	rreq->inode = inode;
	rreq->origin = origin;
	rreq->debug_id = atomic_fetch_add(&rreq->nf->debug_ids, 1) + 1;
	memset(rreq->streams, 0, sizeof(rreq->streams));
	for (unsigned int i = 0; i < NWB_NR_STREAMS; i++) {
		nwb_list_init(&rreq->streams[i].subrequests);
		rreq->streams[i].stream_nr = (uint8_t)i;
	}
	rreq->streams[0].avail = true;
	rreq->error = 0;
	rreq->good_to = start;
	rreq->group = 0;
	rreq->holds_wb_lock = false;
	atomic_store(&rreq->issued_to, start);
	rreq->start = start;
	rreq->collected_to = start;
	rreq->cleaned_to = start;
	rreq->retry_at = 0;
	rreq->wsize = atomic_load(&rreq->nf->wsize);
	memset(rreq->nr_inflight, 0, sizeof(rreq->nr_inflight));
	rreq->subreq_counter = 0;
	rreq->begin_error = 0;
	rreq->unreachable_ns = 0;
	rreq->retry = NWB_RETRY_NONE;
	rreq->is_upload_begun = false;
	rreq->all_queued = false;
	rreq->in_progress = true;
	atomic_store(&rreq->crypto_to, start);
	atomic_store(&rreq->has_claim_error, false);
	rreq->nr_batch = 0;
	atomic_store(&rreq->refs, 2); /* ISSUER, IN_PROGRESS */
}

/* The other streams take part from the beginning, if they do at all. */
static void begin_sides(struct nwb_io_request *rreq)
{
	struct nwb_netfs *nf = rreq->nf;

	for (unsigned int i = 1; i < nf->nr_streams; i++) {
		struct nwb_io_stream *stream = &rreq->streams[i];

		if (!nf->side[i] || !rreq->inode->side[i] ||
		    (i == 1 && !nwb_inode_is_cached(rreq->inode)) ||
		    !nf->side[i]->begin(rreq, i))
			continue;
		stream->avail = true;
		stream->active = true;
		stream->collected_to = rreq->start;
	}
}

/** nwb_request_new() - a request of @inode, with the ISSUER's reference. */
struct nwb_io_request *nwb_request_new(struct nwb_inode *inode, uint64_t start,
				       enum nwb_rreq_origin origin)
{
	struct nwb_netfs *nf = inode->nf;
	struct nwb_io_request *rreq = request_get_free(nf);

	nwb_mutex_lock(&rreq->lock);
	request_reset(rreq, inode, start, origin);
	nwb_mutex_unlock(&rreq->lock);
	nwb_count(nf, live_requests, 1);
	if (origin == NWB_WRITEBACK)
		nwb_count(nf, wb_requests, 1);
	if (origin <= NWB_WRITETHROUGH)
		begin_sides(rreq);
	nwb_mutex_lock(&inode->lock);
	rreq->seq = ++inode->req_seq;
	nwb_list_add_tail(&inode->requests, &rreq->inode_link);
	nwb_mutex_unlock(&inode->lock);
	return rreq;
}

void nwb_request_get(struct nwb_io_request *rreq)
{
	atomic_fetch_add(&rreq->refs, 1);
}

void nwb_request_put(struct nwb_io_request *rreq)
{
	struct nwb_netfs *nf = rreq->nf;
	uint32_t was = atomic_fetch_sub(&rreq->refs, 1);

	nwb_assert(was);
	if (was > 1)
		return;
	nwb_assert(nwb_list_empty(&rreq->claims));
	nwb_trace_rreq(rreq, NWB_TRR_FREE);
	nwb_mutex_lock(&nf->lock);
	nwb_list_add_tail(&nf->free_requests, &rreq->nf_link);
	nwb_gauge_sub(&nf->n.live_requests, 1);
	nwb_waitq_wake_all(&nf->room);
	nwb_mutex_unlock(&nf->lock);
}

static void sreq_init(struct nwb_sreq *q, struct nwb_io_request *rreq,
		      uint8_t stream_nr, uint64_t start)
{
	memset(q, 0, offsetof(struct nwb_sreq, vec));
	q->s.rreq = rreq;
	nwb_list_init(&q->s.rreq_link);
	q->s.start = start;
	q->s.iov = q->vec;
	q->s.stream_nr = stream_nr;
}

static struct nwb_sreq *sreq_take(struct nwb_io_request *rreq,
				  uint8_t stream_nr, uint64_t start)
{
	struct nwb_netfs *nf = rreq->nf;
	struct nwb_sreq *q = nwb_pool_get(&nf->sreq_pool);

	if (!q)
		return NULL;
	nf->nr_sreqs++;
	nwb_count(nf, live_subrequests, 1);
	sreq_init(q, rreq, stream_nr, start);
	return q;
}

/** nwb_sreq_new() - an empty subrequest; waits when opts.max_subrequests are
 * alive. Whoever holds some must have handed them to the filesystem. */
struct nwb_sreq *nwb_sreq_new(struct nwb_io_request *rreq, uint8_t stream_nr,
			      uint64_t start)
{
	struct nwb_netfs *nf = rreq->nf;
	struct nwb_sreq *q;

	nwb_mutex_lock(&nf->lock);
	nwb_wait_event(&nf->sreq_room, &nf->lock,
		       nf->nr_sreqs < nf->opts.max_subrequests);
	while (!(q = sreq_take(rreq, stream_nr, start))) {
		nwb_mutex_unlock(&nf->lock);
		nwb_wait_for_memory(nf);
		nwb_mutex_lock(&nf->lock);
	}
	nwb_mutex_unlock(&nf->lock);
	return q;
}

/** nwb_sreq_try_new() - the same, but NULL instead of waiting: for the retryer,
 * who holds those that would have to come back. */
struct nwb_sreq *nwb_sreq_try_new(struct nwb_io_request *rreq,
				  uint8_t stream_nr, uint64_t start)
{
	struct nwb_netfs *nf = rreq->nf;
	struct nwb_sreq *q = NULL;

	nwb_mutex_lock(&nf->lock);
	if (nf->nr_sreqs < nf->opts.max_subrequests)
		q = sreq_take(rreq, stream_nr, start);
	nwb_mutex_unlock(&nf->lock);
	return q;
}

/** nwb_sreq_free() - not in a list any more. */
void nwb_sreq_free(struct nwb_sreq *q)
{
	struct nwb_netfs *nf = q->s.rreq->nf;

	nwb_trace_sreq(q, NWB_TRS_FREE);
#ifdef NWB_MUTANTS
	nwb_free(q->mut_copy);
#endif
	nwb_mutex_lock(&nf->lock);
	nwb_pool_put(&nf->sreq_pool, q);
	nf->nr_sreqs--;
	nwb_gauge_sub(&nf->n.live_subrequests, 1);
	nwb_mutex_unlock(&nf->lock);
	nwb_waitq_wake_all(&nf->sreq_room);
}

/** nwb_claims_get() - up to @nr claims onto the empty @list; their content is
 * the caller's business. No lock held but inode->lock. Return: how many; 0: no
 * memory at all. */
unsigned int nwb_claims_get(struct nwb_netfs *nf, struct nwb_list *list,
			    unsigned int nr)
{
	unsigned int got = 0;

	nwb_mutex_lock(&nf->lock);
	for (; got < nr; got++) {
		struct nwb_claim *c = nwb_pool_get(&nf->claim_pool);

		if (!c)
			break;
		nwb_list_add_tail(list, &c->link);
	}
	nwb_mutex_unlock(&nf->lock);
	return got;
}

/** nwb_claim_new() - one claim of memory that is no folio's. No lock held. */
struct nwb_claim *nwb_claim_new(struct nwb_netfs *nf)
{
	struct nwb_claim *c;
	struct nwb_list one;

	nwb_list_init(&one);
	while (!nwb_claims_get(nf, &one, 1))
		nwb_wait_for_memory(nf);
	c = nwb_list_first(&one, struct nwb_claim, link);
	memset(c, 0, sizeof(*c));
	nwb_list_init(&c->link);
	return c;
}

/** nwb_claims_put() - no stream needs those of @list any more; their memory was
 * given back. */
void nwb_claims_put(struct nwb_netfs *nf, struct nwb_list *list)
{
	if (nwb_list_empty(list))
		return;
	nwb_mutex_lock(&nf->lock);
	while (!nwb_list_empty(list)) {
		struct nwb_claim *c =
			nwb_list_first(list, struct nwb_claim, link);

		nwb_list_del(&c->link);
		nwb_pool_put(&nf->claim_pool, c);
	}
	nwb_mutex_unlock(&nf->lock);
}

/**
 * nwb_claim_range() - what of @c stream @stream_nr is to have.
 * @ret_start: its file position; @ret_mem: its memory
 * Return: bytes; 0: nothing of it.
 */
size_t nwb_claim_range(const struct nwb_claim *c, unsigned int stream_nr,
		       uint64_t *ret_start, uint8_t **ret_mem)
{
	*ret_start = c->start;
	*ret_mem = c->mem;
	if (stream_nr != 1)
		return c->is_copy ? 0 : c->len;
	if (!c->is_cached)
		return 0;
	*ret_start = c->start - c->pre;
	*ret_mem = c->mem - c->pre;
	return (size_t)c->pre + c->len + c->post;
}

/**
 * nwb_sreq_add_seg() - append memory to what @q sends, merging neighbours.
 * Return: false when that needs a segment more than allowed.
 */
bool nwb_sreq_add_seg(struct nwb_sreq *q, uint8_t *mem, size_t len,
		      unsigned int max_segs)
{
	unsigned int nr = q->s.nr_iov;
	struct iovec *last = nr ? &q->vec[nr - 1] : NULL;

	if (last && (uint8_t *)last->iov_base + last->iov_len == mem) {
		last->iov_len += len;
		return true;
	}
	if (nr >= nwb_min(max_segs, q->s.rreq->nf->sreq_segs))
		return false;
	q->vec[nr].iov_base = mem;
	q->vec[nr].iov_len = len;
	q->s.nr_iov = nr + 1;
	return true;
}
