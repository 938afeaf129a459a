/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Counters and gauges (fs/netfs/stats.c). Relaxed atomics: each is exact, a
 * snapshot of several is exact only when nothing runs.
 */
#include "internal.h"

#define LOAD(nf, f) atomic_load_explicit(&(nf)->n.f, memory_order_relaxed)

void nwb_netfs_get_stats(struct nwb_netfs *nf, struct nwb_netfs_stats *ret)
{
	ret->wb_requests = LOAD(nf, wb_requests);
	ret->upload_issued = LOAD(nf, upload_issued);
	ret->upload_done = LOAD(nf, upload_done);
	ret->upload_failed = LOAD(nf, upload_failed);
	ret->cache_issued = LOAD(nf, cache_issued);
	ret->cache_done = LOAD(nf, cache_done);
	ret->cache_failed = LOAD(nf, cache_failed);
	ret->retry_requests = LOAD(nf, retry_requests);
	ret->retries = LOAD(nf, retries);
	ret->bytes_dirtied = LOAD(nf, bytes_dirtied);
	ret->bytes_issued = LOAD(nf, bytes_issued);
	ret->bytes_reissued = LOAD(nf, bytes_reissued);
	ret->unstable_resent = LOAD(nf, unstable_resent);
	ret->copies = LOAD(nf, copies);
	ret->temp_bytes = LOAD(nf, temp_bytes);
	ret->temp_bytes_max = LOAD(nf, temp_bytes_max);
	ret->dirty_bytes = LOAD(nf, dirty_bytes);
	ret->dirty_bytes_max = LOAD(nf, dirty_bytes_max);
	ret->writeback_bytes_max = LOAD(nf, writeback_bytes_max);
	ret->stable_waits = LOAD(nf, stable_waits);
	ret->cache_waits = LOAD(nf, cache_waits);
	ret->gave_up = LOAD(nf, gave_up);
	ret->wthrough = LOAD(nf, wthrough);
	ret->breaks = LOAD(nf, breaks);
	ret->invalidated = LOAD(nf, invalidated);
	ret->live_requests = LOAD(nf, live_requests);
	ret->live_subrequests = LOAD(nf, live_subrequests);
	ret->wblock_skip = LOAD(nf, wblock_skip);
	ret->wblock_wait = LOAD(nf, wblock_wait);
	ret->direct_writes = LOAD(nf, direct_writes);
	ret->wsc = LOAD(nf, wsc);
	ret->cache_bytes = LOAD(nf, cache_bytes);
	ret->mirror_bytes = LOAD(nf, mirror_bytes);
	ret->copy_to_cache = LOAD(nf, copy_to_cache);
	ret->cancelled = LOAD(nf, cancelled);
	ret->rotations = LOAD(nf, rotations);
	ret->throttled = LOAD(nf, throttled);
	ret->throttled_ns = LOAD(nf, throttled_ns);
	ret->reclaim_waits = LOAD(nf, reclaim_waits);
	ret->faults = LOAD(nf, faults);
	ret->fault_waits = LOAD(nf, fault_waits);
	ret->mkwrites = LOAD(nf, mkwrites);
	ret->laundered = LOAD(nf, laundered);
	ret->discarded_bytes = LOAD(nf, discarded_bytes);
	ret->vectored = LOAD(nf, vectored);
	ret->crypto_bytes = LOAD(nf, crypto_bytes);
	ret->crypto_waits = LOAD(nf, crypto_waits);
	ret->crypto_fills = LOAD(nf, crypto_fills);
	ret->crypto_refreshed = LOAD(nf, crypto_refreshed);
	ret->crypto_changed = LOAD(nf, crypto_changed);
	for (unsigned int h = 0; h < NWB_NR_HAZARDS; h++)
		ret->hazards_fired[h] = LOAD(nf, hazards_fired[h]);
}
