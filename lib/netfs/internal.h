/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Inside of lib/netfs; nobody else includes this.
 *
 * Locks, outermost first. Nobody holds a lock over an operation of the
 * filesystem but inode->io_lock, which nothing that ends writeback takes.
 *
 *	inode->io_lock	a whole write(2) or truncate(2), as i_rwsem
 *	inode->lock	folios and their content, size, requests, errors
 *	rreq->lock	lists of subrequests and claims, their states
 *	nf->lock	arenas, pools, clean folios, list of inodes (innermost)
 *
 * Of several mounts, outside of nf->lock: the locks of a dirty domain
 * (throttle.c) and of a page budget (budget.c).
 *
 * inode->lock and rreq->lock are never held together.
 *
 * Who waits for whom (liveness): termination waits for nobody. The collector is
 * a work item and waits for nobody. The retryer is a task of its own; it waits
 * for the filesystem (credits, reconnect). The issuer hands all it has prepared
 * to the filesystem before it waits for memory, a folio or a retry, so whatever
 * it waits for can happen.
 */
#ifndef NWB_NETFS_INTERNAL_H
#define NWB_NETFS_INTERNAL_H

#include "nwb/mem.h"
#include "nwb/netfs_mutants.h"
#include "nwb/netfs_vm.h"
#include "objects.h"

#include <errno.h>
#include <string.h>

/* What differs between the modes; see in_place.c and temp_page.c. */
struct nwb_wb_mode_ops {
	const char *name;
	/* Memory to send @c from, of which c->start is at @folio_mem;
	 * inode->lock held. -EAGAIN: none free now, wait_room(). */
	int (*claim)(struct nwb_netfs *nf, struct nwb_claim *c,
		     const uint8_t *folio_mem);
	/* Blocks until memory was given back since @seen. */
	void (*wait_room)(struct nwb_netfs *nf, uint64_t seen);
	/* @len claimed bytes were handed to the filesystem for the first time
	 */
	void (*issued)(struct nwb_netfs *nf, size_t len);
	/* Every stream is done with @c; nf->lock held. */
	void (*done)(struct nwb_netfs *nf, struct nwb_claim *c);
	/* Must a writer wait for @f's claims to end? inode->lock held. */
	bool (*is_frozen)(const struct nwb_netfs *nf,
			  const struct nwb_folio *f);
};
extern const struct nwb_wb_mode_ops nwb_wb_in_place;
extern const struct nwb_wb_mode_ops nwb_wb_temp_page;

enum nwb_wb_reason {
	NWB_WB_KICK, /* much is dirty: only full subrequests of a stream */
	NWB_WB_ALL,  /* old, or memory is short: all that is dirty */
	NWB_WB_SYNC, /* fsync: waits for folios in flight */
};

static inline bool nwb_span_empty(struct nwb_span s)
{
	return s.from == s.to;
}

static inline bool nwb_span_overlaps(struct nwb_span a, struct nwb_span b)
{
	return a.from < b.to && b.from < a.to;
}

static inline bool nwb_span_contains(struct nwb_span a, struct nwb_span b)
{
	return a.from <= b.from && b.to <= a.to;
}

/* The smallest span around both. */
static inline struct nwb_span nwb_span_hull(struct nwb_span a,
					    struct nwb_span b)
{
	if (nwb_span_empty(a))
		return b;
	if (nwb_span_empty(b))
		return a;
	a.from = nwb_min(a.from, b.from);
	a.to = nwb_max(a.to, b.to);
	return a;
}

/* What is in both; empty if nothing is. */
static inline struct nwb_span nwb_span_both(struct nwb_span a,
					    struct nwb_span b)
{
	if (!nwb_span_overlaps(a, b))
		return (struct nwb_span){0, 0};
	a.from = nwb_max(a.from, b.from);
	a.to = nwb_min(a.to, b.to);
	return a;
}

static inline uint64_t nwb_folio_pos(const struct nwb_folio *f)
{
	return f->index << NWB_PAGE_SHIFT;
}

static inline struct nwb_sreq *nwb_to_sreq(struct nwb_io_subrequest *s)
{
	return nwb_container_of(s, struct nwb_sreq, s);
}

#ifdef NWB_MUTANTS
#define nwb_mutant(nf, bit) (((nf)->opts.mutants & (bit)) != 0)
#else
#define nwb_mutant(nf, bit) false
#endif

/* Is @h on? Each place that asks is where a kernel has it. */
static inline bool nwb_hazard(const struct nwb_netfs *nf, enum nwb_hazard h)
{
	return (nf->hazards & NWB_HAZARD_BIT(h)) != 0;
}

static inline bool nwb_is_linux(const struct nwb_netfs *nf)
{
	return nf->opts.flavour != NWB_STRICT;
}

/* Does it write folios, and not somebody's own memory? */
static inline bool nwb_rreq_has_folios(const struct nwb_io_request *rreq)
{
	return rreq->origin <= NWB_WRITETHROUGH &&
	       rreq->origin != NWB_WRITEBACK_SINGLE;
}

/* Is what it sends cipher text, in whole data units? Not an object that is
 * written as it is. */
static inline bool nwb_rreq_is_encrypted(const struct nwb_io_request *rreq)
{
	return rreq->nf->crypto && nwb_rreq_has_folios(rreq);
}

/* Out of the page tables: whoever loads or stores must fault. inode->lock held.
 */
static inline void nwb_folio_unmap(struct nwb_folio *f)
{
	f->flags &= ~NWB_FOLIO_MAPPED;
	f->writable = (struct nwb_span){0, 0};
}

/* No stream has anything of @c behind that. */
static inline uint64_t nwb_claim_end(const struct nwb_claim *c)
{
	return c->start + c->len + c->post;
}

/* Where @q begins, wherever a defect has it sent. */
static inline uint64_t nwb_sreq_start(const struct nwb_sreq *q)
{
#ifdef NWB_MUTANTS
	return q->s.start - q->mut_shift;
#else
	return q->s.start;
#endif
}

/* Bytes that @q stands for, from its start on. */
static inline size_t nwb_sreq_span(const struct nwb_sreq *q)
{
	return q->s.len + q->owed;
}

/* stats.c */
#define nwb_count(nf, field, by)                                               \
	((void)atomic_fetch_add_explicit(&(nf)->n.field, (uint64_t)(by),       \
					 memory_order_relaxed))

static inline void nwb_gauge_add(_Atomic uint64_t *gauge, _Atomic uint64_t *max,
				 uint64_t by)
{
	/* Ordered: who raises it looks at nf->kick_at next, and the flusher
	 * the other way round. */
	uint64_t now = atomic_fetch_add(gauge, by) + by;
	uint64_t seen = atomic_load_explicit(max, memory_order_relaxed);

	while (now > seen && !atomic_compare_exchange_weak_explicit(
				     max, &seen, now, memory_order_relaxed,
				     memory_order_relaxed))
		;
}

static inline void nwb_gauge_sub(_Atomic uint64_t *gauge, uint64_t by)
{
	uint64_t was =
		atomic_fetch_sub_explicit(gauge, by, memory_order_relaxed);

	nwb_assert(was >= by);
}

/* What changes under one lock only, and is looked at without it: no locked
 * instruction is needed to change it. */
static inline void nwb_locked_add(_Atomic uint64_t *v, uint64_t by)
{
	atomic_store_explicit(
		v, atomic_load_explicit(v, memory_order_relaxed) + by,
		memory_order_relaxed);
}

static inline void nwb_locked_sub(_Atomic uint64_t *v, uint64_t by)
{
	uint64_t was = atomic_load_explicit(v, memory_order_relaxed);

	nwb_assert(was >= by);
	atomic_store_explicit(v, was - by, memory_order_relaxed);
}

/* arena.c: all but init and fini under nf->lock */
int nwb_arena_init(struct nwb_arena *a, uint64_t bytes) nwb_must_check;
void nwb_arena_fini(struct nwb_arena *a);
uint8_t *nwb_arena_get(struct nwb_arena *a, size_t nr_pages);
void nwb_arena_put(struct nwb_arena *a, uint8_t *mem, size_t nr_pages);

/* folio_table.c */
struct nwb_leaf *nwb_leaf_lookup(struct nwb_inode *inode, uint64_t nr);
struct nwb_leaf *nwb_leaf_next(struct nwb_inode *inode, uint64_t nr,
			       uint64_t *ret_nr);
struct nwb_leaf *nwb_leaf_make(struct nwb_inode *inode, uint64_t nr);
void nwb_leaf_drop(struct nwb_inode *inode, uint64_t nr);
void nwb_table_free(struct nwb_inode *inode);

/* Leaf @nr, or NULL. */
static inline struct nwb_leaf *nwb_leaf_find(struct nwb_inode *inode,
					     uint64_t nr)
{
	if (inode->table.last && inode->table.last_nr == nr)
		return inode->table.last;
	return nwb_leaf_lookup(inode, nr);
}

/* The folio that holds page @index, or NULL; inode->lock held. */
static inline struct nwb_folio *nwb_folio_find(struct nwb_inode *inode,
					       uint64_t index)
{
	struct nwb_leaf *leaf = nwb_leaf_find(inode, index >> NWB_LEAF_SHIFT);

	return leaf ? leaf->slot[index % NWB_LEAF_SLOTS] : NULL;
}

/* folio.c: inode->lock held unless said otherwise */
struct nwb_folio *nwb_folio_next_dirty(struct nwb_inode *inode, uint64_t pos);
struct nwb_folio *nwb_folio_next(struct nwb_inode *inode, uint64_t index);
int nwb_folio_create(struct nwb_inode *inode, uint64_t index, size_t want,
		     struct nwb_folio **ret_folio) nwb_must_check;
void nwb_folio_drop(struct nwb_folio *f);
void nwb_folio_forget_copy(struct nwb_folio *f);
void nwb_folio_mark_dirty(struct nwb_folio *f, struct nwb_span s);
void nwb_folio_set_dirty(struct nwb_folio *f, struct nwb_span s);
void nwb_folio_clear_dirty(struct nwb_folio *f);
void nwb_folio_set_unstable(struct nwb_folio *f, struct nwb_span s);
void nwb_folio_maybe_clean_locked(struct nwb_folio *f);
void nwb_folio_maybe_clean(struct nwb_folio *f);
void nwb_folio_unclean(struct nwb_folio *f);
void nwb_folio_add_valid(struct nwb_folio *f, struct nwb_span s);

/* reclaim.c: no lock held */
void nwb_cache_wait(struct nwb_netfs *nf);
uint64_t nwb_shrink(struct nwb_netfs *nf, uint64_t bytes);
void nwb_inode_pin(struct nwb_inode *inode);   /* nf->lock held */
void nwb_inode_unpin(struct nwb_inode *inode); /* nf->lock held */

/* objects.c */
void nwb_wait_for_memory(const struct nwb_netfs *nf);
struct nwb_io_request *nwb_request_new(struct nwb_inode *inode, uint64_t start,
				       enum nwb_rreq_origin origin);
void nwb_request_get(struct nwb_io_request *rreq);
void nwb_request_put(struct nwb_io_request *rreq);
void nwb_request_free_all(struct nwb_netfs *nf);
int nwb_request_reserve(struct nwb_netfs *nf, unsigned int nr) nwb_must_check;
struct nwb_sreq *nwb_sreq_new(struct nwb_io_request *rreq, uint8_t stream_nr,
			      uint64_t start);
struct nwb_sreq *nwb_sreq_try_new(struct nwb_io_request *rreq,
				  uint8_t stream_nr, uint64_t start);
void nwb_sreq_free(struct nwb_sreq *q);
unsigned int nwb_claims_get(struct nwb_netfs *nf, struct nwb_list *list,
			    unsigned int nr);
void nwb_claims_put(struct nwb_netfs *nf, struct nwb_list *list);
struct nwb_claim *nwb_claim_new(struct nwb_netfs *nf);
bool nwb_sreq_add_seg(struct nwb_sreq *q, uint8_t *mem, size_t len,
		      unsigned int max_segs);

size_t nwb_claim_range(const struct nwb_claim *c, unsigned int stream_nr,
		       uint64_t *ret_start, uint8_t **ret_mem);

/* write_pass.c */
uint64_t nwb_writepages(struct nwb_inode *inode, enum nwb_wb_reason reason);
uint64_t nwb_writepages_range(struct nwb_inode *inode, uint64_t pos,
			      uint64_t end);

/* write_issue.c */
void nwb_sreq_issue(struct nwb_sreq *q);
void nwb_sreq_begin(struct nwb_sreq *q);
void nwb_sreq_prepare(struct nwb_sreq *q, size_t max_len);

/* vectored.c: issuer only */
bool nwb_batch_take(struct nwb_sreq *q, enum nwb_cut cut);
void nwb_batch_flush(struct nwb_io_request *rreq);
int nwb_batch_prepare(struct nwb_sreq *q,
		      int (*prepare)(struct nwb_io_subrequest *));

/* write_collect.c */
void nwb_collect_work(struct nwb_work *work);
void nwb_note_acked(struct nwb_sreq *q);
void nwb_request_wait_all(struct nwb_inode *inode);

/* write_retry.c */
void nwb_retryer_main(void *arg);
void nwb_retry_queue(struct nwb_io_request *rreq);
bool nwb_retry_is_quiet(const struct nwb_io_request *rreq);
void nwb_backoff(const struct nwb_netfs *nf, uint32_t attempts);

/* retry_stream.c */
bool nwb_needs_retry(const struct nwb_sreq *q);
void nwb_retry_stream(struct nwb_io_request *rreq,
		      struct nwb_io_stream *stream);

/* flusher.c */
void nwb_flusher_main(void *arg);
void nwb_flusher_kick(struct nwb_netfs *nf);
void nwb_flusher_kick_locked(struct nwb_netfs *nf);
void nwb_flusher_write_all(struct nwb_netfs *nf);
void nwb_flusher_dirtied(struct nwb_inode *inode);
void nwb_flusher_progress(struct nwb_netfs *nf);
uint64_t nwb_kick_bytes(const struct nwb_netfs *nf);

/* migrate.c, for folio.c's memory */
uint8_t *nwb_pages_get(struct nwb_netfs *nf, size_t pages);
void nwb_pages_put(struct nwb_netfs *nf, uint8_t *mem, size_t pages);

/* budget.c */
bool nwb_budget_try(struct nwb_budget *b, uint64_t bytes);
void nwb_budget_put(struct nwb_budget *b, uint64_t bytes);
void nwb_budget_join(struct nwb_netfs *nf);
void nwb_budget_leave(struct nwb_netfs *nf);

/* throttle.c */
void nwb_dirty_domain_join(struct nwb_netfs *nf);
void nwb_dirty_domain_leave(struct nwb_netfs *nf);
void nwb_dirty_throttle_limited(struct nwb_netfs *nf);
uint64_t nwb_background_bytes(const struct nwb_netfs *nf);

/* A writer has made something dirty. Context: blocks; no lock of lib/netfs held
 * but inode->io_lock. */
static inline void nwb_dirty_throttle(struct nwb_netfs *nf)
{
	if (nf->opts.dirty_limit_bytes || nf->opts.dirty_domain)
		nwb_dirty_throttle_limited(nf);
}

/* fsync.c */
void nwb_errseq_set(struct nwb_inode *inode, int err); /* inode->lock held */
int nwb_errseq_check_and_advance(struct nwb_file *f) nwb_must_check;
uint64_t nwb_error_seq(struct nwb_inode *inode);
int nwb_error_since(struct nwb_inode *inode, uint64_t seq);
int nwb_inode_commit(struct nwb_inode *inode) nwb_must_check;
int nwb_flush_unstable(struct nwb_inode *inode, bool *ret_again) nwb_must_check;

/* sync_range.c */
void nwb_wait_writeback(struct nwb_inode *inode, uint64_t pos, uint64_t end);

/* inode.c */
void nwb_inode_get(struct nwb_inode *inode);
bool nwb_inode_is_clean(struct nwb_inode *inode);

/* buffered_write.c */
void nwb_inode_update_size(struct nwb_inode *inode, uint64_t end,
			   size_t copied);
void nwb_flush_folio(struct nwb_inode *inode, uint64_t pos);

/* direct_write.c */
ssize_t nwb_direct_write(struct nwb_inode *inode, const void *buf, size_t len,
			 uint64_t pos);

int nwb_make_durable(struct nwb_inode *inode, uint32_t before,
		     bool *ret_again) nwb_must_check;

/* invalidate.c; nwb_invalidate(): io_lock held unless its caller has reasons */
void nwb_invalidate_lock(struct nwb_inode *inode);
void nwb_invalidate_unlock(struct nwb_inode *inode);
bool nwb_invalidate_wait(struct nwb_inode *inode); /* inode->lock held */
void nwb_unmap_range(struct nwb_inode *inode, uint64_t pos, uint64_t end);
int nwb_invalidate(struct nwb_inode *inode, uint64_t pos, uint64_t end,
		   uint32_t flags, struct nwb_invalidated *ret);

/* map_fault.c: inode->lock held */
void nwb_clear_stale_pre_isize(struct nwb_inode *inode, uint64_t from,
			       uint64_t to);

/* streams.c */
void nwb_sides_invalidate(struct nwb_inode *inode);
void nwb_sides_lose(struct nwb_inode *inode);
void nwb_sides_flush(struct nwb_inode *inode);
size_t nwb_sides_read(struct nwb_inode *inode, uint64_t pos, void *buf,
		      size_t len);

/* buffered_read.c: fill @f's invalid bytes; inode->lock held, dropped and
 * taken again. _marked: @f is NWB_FOLIO_FILLING already. */
int nwb_folio_fill(struct nwb_folio *f) nwb_must_check;
int nwb_folio_fill_marked(struct nwb_folio *f) nwb_must_check;
bool nwb_folio_fill_zero(struct nwb_folio *f);

/* crypto.c, crypto_rmw.c: content crypto; nf->crypto is set unless said
 * otherwise */
int nwb_crypto_init(struct nwb_netfs *nf, struct nwb_err *err) nwb_must_check;
void nwb_crypto_fini(struct nwb_netfs *nf); /* any */
void nwb_crypto_prepare(struct nwb_io_request *rreq, struct nwb_claim *c);
bool nwb_crypto_may_issue(struct nwb_sreq *q);
void nwb_crypto_fill_queue(struct nwb_folio *f);
struct nwb_netfs *nwb_crypto_netfs_of_fill(struct nwb_work *work);
int nwb_crypto_look_at(struct nwb_folio *f, bool is_locked);
struct nwb_span nwb_crypto_span(const struct nwb_netfs *nf, struct nwb_span s);
struct nwb_span nwb_crypto_take(struct nwb_folio *f, struct nwb_claim *c,
				struct nwb_span s);
void nwb_crypto_refresh(struct nwb_sreq *q);
size_t nwb_crypto_wind_back(const struct nwb_sreq *q);
void nwb_crypto_clear_tail(struct nwb_folio *f, struct nwb_span valid);
int nwb_crypto_error(struct nwb_io_request *rreq, uint64_t start, size_t len);
uint64_t nwb_crypto_round(const struct nwb_netfs *nf, uint64_t size); /* any */
uint64_t nwb_crypto_size(const struct nwb_inode *inode,
			 uint64_t size); /* any */
struct nwb_span nwb_crypto_owed(const struct nwb_folio *f, struct nwb_span s);
int nwb_crypto_cut(struct nwb_inode *inode, uint64_t size) nwb_must_check;
ssize_t nwb_crypto_read_past_cache(struct nwb_inode *inode, uint64_t pos,
				   uint8_t *buf, size_t len);

/* temp_page.c: a copy of @c's bytes, and it given back (nf->lock held) */
int nwb_copy_get(struct nwb_netfs *nf, struct nwb_claim *c,
		 const uint8_t *folio_mem) nwb_must_check;
void nwb_copy_put(struct nwb_netfs *nf, struct nwb_claim *c);
void nwb_copy_wait_room(struct nwb_netfs *nf, uint64_t seen);

/* caching.c */
uint64_t nwb_resend_gen(struct nwb_inode *inode);
bool nwb_is_write_through(const struct nwb_inode *inode);
bool nwb_is_read_through(struct nwb_inode *inode);
void nwb_inode_drop_clean(struct nwb_inode *inode, uint64_t index,
			  uint64_t end);
void nwb_folio_keep_ours(struct nwb_folio *f);
void nwb_through_begin(struct nwb_inode *inode, uint64_t pos, size_t len);
int nwb_through_end(struct nwb_inode *inode, uint64_t err_seq);
void nwb_write_copied(struct nwb_inode *inode);
bool nwb_read_through(struct nwb_inode *inode, void *buf, size_t len,
		      uint64_t pos, ssize_t *ret_n);

/* mutant.c */
#ifdef NWB_MUTANTS
bool nwb_mutant_stops(const struct nwb_sreq *q);
void nwb_mutant_copy(struct nwb_sreq *q);
void nwb_mutant_arm(struct nwb_sreq *q);
void nwb_mutant_resend(struct nwb_inode *inode);
void nwb_mutant_forget(struct nwb_inode *inode);
#endif

#endif
