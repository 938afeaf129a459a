/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A mount's writeback: memory, pools and the two tasks. All that the measured
 * window needs is allocated and touched here (nwb/mem.h).
 */
#include "internal.h"

#define REQUESTS_RESERVED 64u
/* Of direct writes, and those that issuers have at hand. */
#define CLAIMS_SPARE 256u

const struct nwb_netfs_opts *nwb_netfs_get_opts(const struct nwb_netfs *nf)
{
	return &nf->opts;
}

void *nwb_netfs_fs_priv(const struct nwb_netfs *nf)
{
	return nf->fs_priv;
}

static int take_opts(struct nwb_netfs *nf, const struct nwb_netfs_opts *opts,
		     struct nwb_err *err)
{
	struct nwb_netfs_opts *o = &nf->opts;
	uint32_t max;

	*o = *opts;
	if (!o->folio_bytes_max)
		o->folio_bytes_max = 64 * NWB_KIB;
	if (!o->cache_bytes)
		o->cache_bytes = 256 * NWB_MIB;
	if (!o->temp_bytes)
		o->temp_bytes = 64 * NWB_MIB;
	if (!o->dirty_age_ns)
		o->dirty_age_ns = NWB_SEC;
	if (!o->max_attempts)
		o->max_attempts = 64;
	if (!o->patience_ns)
		o->patience_ns = 30 * NWB_SEC;
	if (!o->retry_backoff_ns)
		o->retry_backoff_ns = NWB_MSEC;
	if (!o->max_subrequests)
		o->max_subrequests = NWB_SREQS_MAX;
	if (!o->reserve_percent || o->reserve_percent > 100)
		o->reserve_percent = 100;
	max = o->folio_bytes_max;
	if (max < NWB_PAGE_SIZE || max > 2 * NWB_MIB || (max & (max - 1)))
		return nwb_err_set(err, -EINVAL,
				   "largest folio of %u bytes: not a power of "
				   "two from 4 KiB to 2 MiB",
				   max);
	if (o->cache_bytes < 4ull * max)
		return nwb_err_set(err, -EINVAL,
				   "page cache of %llu bytes: less than four "
				   "folios of %u",
				   (unsigned long long)o->cache_bytes, max);
	if (o->temp_bytes < 2ull * max)
		return nwb_err_set(err, -EINVAL,
				   "temp pages of %llu bytes: less than two "
				   "folios of %u",
				   (unsigned long long)o->temp_bytes, max);
	if ((unsigned int)o->flavour >= NWB_NR_FLAVOURS ||
	    (unsigned int)o->strategy >= NWB_NR_RETRY_STRATEGIES)
		return nwb_err_set(err, -EINVAL,
				   "flavour %u, retry strategy %u: there is "
				   "none",
				   (unsigned int)o->flavour,
				   (unsigned int)o->strategy);
	if ((unsigned int)o->cache_mode > NWB_CACHE_LOOSE)
		return nwb_err_set(err, -EINVAL, "cache mode %u: there is none",
				   (unsigned int)o->cache_mode);
	nf->hazards = nwb_netfs_hazards(o, nf->ops->name);
	nf->mode =
		o->mode == NWB_TEMP_PAGE ? &nwb_wb_temp_page : &nwb_wb_in_place;
	return 0;
}

/* @nr objects, of which some are there from the beginning. */
static int make_pool(struct nwb_netfs *nf, struct nwb_pool *pool,
		     size_t obj_size, size_t nr)
{
	return nwb_pool_init(pool, obj_size,
			     nr * nf->opts.reserve_percent / 100);
}

static int make_memory(struct nwb_netfs *nf)
{
	uint32_t wsize = nf->opts.wsize ? nf->opts.wsize : NWB_WSIZE_GUESS;
	size_t pages;
	int rc;

	atomic_store(&nf->wsize, wsize);
	nf->sreq_segs = wsize / NWB_PAGE_SIZE + 2;
	nf->sreq_segs = nwb_min(nwb_max(nf->sreq_segs, 16u), NWB_SEGS_MAX);
	rc = nwb_arena_init(&nf->cache, nf->opts.cache_bytes);
	if (!rc && (nf->opts.mode == NWB_TEMP_PAGE || nf->crypto))
		rc = nwb_arena_init(&nf->temp, nf->opts.temp_bytes);
	pages = nf->cache.nr_pages;
	if (!rc)
		rc = make_pool(nf, &nf->folio_pool, sizeof(struct nwb_folio),
			       pages);
	if (!rc)
		rc = make_pool(nf, &nf->claim_pool, sizeof(struct nwb_claim),
			       pages + CLAIMS_SPARE);
	if (!rc)
		rc = make_pool(nf, &nf->leaf_pool, sizeof(struct nwb_leaf),
			       pages / NWB_LEAF_SLOTS * 2 + 64);
	if (!rc)
		rc = make_pool(nf, &nf->node_pool, sizeof(struct nwb_node),
			       pages / NWB_LEAF_SLOTS / 8 + 64);
	if (!rc)
		rc = make_pool(nf, &nf->sreq_pool,
			       sizeof(struct nwb_sreq) +
				       nf->sreq_segs * sizeof(struct iovec),
			       nf->opts.max_subrequests);
	if (!rc)
		rc = nwb_request_reserve(nf, REQUESTS_RESERVED);
	return rc;
}

static void free_memory(struct nwb_netfs *nf)
{
	nwb_request_free_all(nf);
	nwb_pool_fini(&nf->sreq_pool);
	nwb_pool_fini(&nf->node_pool);
	nwb_pool_fini(&nf->leaf_pool);
	nwb_pool_fini(&nf->claim_pool);
	nwb_pool_fini(&nf->folio_pool);
	nwb_arena_fini(&nf->temp);
	nwb_arena_fini(&nf->cache);
}

static void init_queues(struct nwb_netfs *nf)
{
	nwb_mutex_init(&nf->lock, nf->ex, "netfs");
	nwb_waitq_init(&nf->room, nf->ex, "netfs room");
	nwb_waitq_init(&nf->unpinned, nf->ex, "netfs pins");
	nwb_waitq_init(&nf->temp_room, nf->ex, "netfs temp pages");
	nwb_waitq_init(&nf->sreq_room, nf->ex, "netfs subrequests");
	nwb_waitq_init(&nf->flusher_q, nf->ex, "netfs flusher");
	nwb_waitq_init(&nf->retry_q, nf->ex, "netfs retryer");
	nwb_list_init(&nf->free_requests);
	nwb_list_init(&nf->inodes);
	nwb_list_init(&nf->dirty_inodes);
	nwb_list_init(&nf->lru);
	nwb_list_init(&nf->retry_list);
	nwb_list_init(&nf->domain_link);
	nwb_list_init(&nf->budget_link);
	nwb_list_init(&nf->folio_pool.free);
	nwb_list_init(&nf->leaf_pool.free);
	nwb_list_init(&nf->node_pool.free);
	nwb_list_init(&nf->claim_pool.free);
	nwb_list_init(&nf->sreq_pool.free);
}

static void stop_tasks(struct nwb_netfs *nf)
{
	nwb_mutex_lock(&nf->lock);
	nf->stopping = true;
	nwb_waitq_wake_all(&nf->flusher_q);
	nwb_waitq_wake_all(&nf->retry_q);
	nwb_mutex_unlock(&nf->lock);
	if (nf->flusher)
		nwb_task_join(nf->flusher);
	if (nf->retryer)
		nwb_task_join(nf->retryer);
}

int nwb_netfs_new(struct nwb_exec *ex, const struct nwb_netfs_opts *opts,
		  const struct nwb_netfs_ops *ops, void *fs_priv,
		  struct nwb_netfs_tap *tap, struct nwb_netfs **ret_nf,
		  struct nwb_err *err)
{
	struct nwb_netfs *nf = nwb_zalloc(sizeof(*nf));
	int rc;

	if (!nf)
		return nwb_err_set(err, -ENOMEM, "no memory for a mount");
	nf->ex = ex;
	nf->ops = ops;
	nf->fs_priv = fs_priv;
	nf->tap = tap;
	nf->nr_streams = 1;
	init_queues(nf);
	rc = take_opts(nf, opts, err);
	if (!rc)
		rc = nwb_crypto_init(nf, err);
	if (rc) {
		nwb_free(nf);
		return rc;
	}
	nwb_dirty_domain_join(nf);
	nwb_budget_join(nf);
	rc = make_memory(nf);
	if (rc)
		(void)nwb_err_set(err, rc, "no memory for the page cache");
	atomic_store(&nf->kick_at, nwb_kick_bytes(nf));
	if (!rc) {
		rc = nwb_task_spawn(ex, "netfs flusher", nwb_flusher_main, nf,
				    &nf->flusher);
		if (!rc)
			rc = nwb_task_spawn(ex, "netfs retryer",
					    nwb_retryer_main, nf, &nf->retryer);
		if (rc)
			(void)nwb_err_set(err, rc, "cannot start a task");
	}
	if (rc) {
		stop_tasks(nf);
		nwb_budget_leave(nf);
		nwb_dirty_domain_leave(nf);
		nwb_crypto_fini(nf);
		free_memory(nf);
		nwb_free(nf);
		return rc;
	}
	*ret_nf = nf;
	return 0;
}

void nwb_netfs_free(struct nwb_netfs *nf)
{
	if (!nf)
		return;
	nwb_mutex_lock(&nf->lock);
	nwb_assert(nwb_list_empty(&nf->inodes));
	nwb_wait_event(&nf->room, &nf->lock,
		       !atomic_load(&nf->n.live_requests));
	nwb_mutex_unlock(&nf->lock);
	stop_tasks(nf);
	nwb_crypto_fini(nf);
	nwb_budget_leave(nf);
	nwb_dirty_domain_leave(nf);
	free_memory(nf);
	nwb_free(nf);
}
