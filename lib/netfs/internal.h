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
#include "nwb/netfs.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#define NWB_PAGE_SHIFT	12
#define NWB_LEAF_SHIFT	9
#define NWB_LEAF_SLOTS	(1u << NWB_LEAF_SHIFT)
#define NWB_NODE_SHIFT	6
#define NWB_NODE_SLOTS	(1u << NWB_NODE_SHIFT)
#define NWB_FILE_MAX	((uint64_t)INT64_MAX)
#define NWB_WSIZE_GUESS (1u << 20)
#define NWB_SREQS_MAX	1024u /* opts.max_subrequests */
#define NWB_SEGS_MAX	512u
#define NWB_SECTOR	512u
#define NWB_BACKOFF_MAX 100u
#define NWB_STALE_BYTES 4096u

/* Bytes [from, to) of a folio; from == to: none. */
struct nwb_span {
	uint32_t from;
	uint32_t to;
};

/* Memory that is handed out in runs of pages; protected by nf->lock. */
struct nwb_arena {
	uint8_t *mem;
	uint64_t *used;
	size_t nr_words;
	size_t nr_pages;
	size_t nr_free;
	size_t cursor; /* word where the next search begins */
};

#define NWB_FOLIO_UPTODATE 0x01u /* every byte is valid */
#define NWB_FOLIO_DIRTY	   0x02u
#define NWB_FOLIO_UNSTABLE 0x04u /* acked, not yet durable */
#define NWB_FOLIO_FILLING                                                      \
	0x08u		       /* locked: the invalid part is being read, or
				  * it is invalidated */
#define NWB_FOLIO_LRU	 0x10u /* clean, may be reclaimed */
#define NWB_FOLIO_COPY	 0x20u /* dirty for the local cache only */
#define NWB_FOLIO_MAPPED 0x40u /* in page tables; uptodate then */

/*
 * struct nwb_folio - cached bytes; protected by inode->lock, @lru by nf->lock.
 * @leaf: holds its slots; a leaf stays as long as a folio is in it
 * @valid: of a folio that is not uptodate, the bytes that are (dirty, unstable
 *	and in-flight bytes are within)
 * @dirty: hull of the dirty bytes
 * @inflight: hull of what claims took, while @nr_claims is not 0
 * @unstable, @instance: hull of bytes acked by @instance and not yet durable
 * @dirty_tag: inode->wb_tag when it became dirty (the xarray's TOWRITE mark)
 * @group: what is dirty belongs to that group of writes (netfs_group)
 * @ack_seq: inode->commit_seq when the latest of them was acked
 * @writable: pages that a store changes without a fault: dirty, not in flight
 * @ours: content crypto: hull of the bytes in flight that were dirty; the rest
 *	of @inflight fills their units
 * @fill_error: content crypto: why what their units lack could not be read
 */
struct nwb_folio {
	struct nwb_list lru;
	struct nwb_list unstable_link;
	struct nwb_inode *inode;
	struct nwb_leaf *leaf;
	uint8_t *mem;
	uint64_t index;
	uint32_t bytes;
	uint32_t flags;
	struct nwb_span valid;
	struct nwb_span dirty;
	struct nwb_span inflight;
	struct nwb_span unstable;
	struct nwb_span writable;
	uint32_t nr_claims;
	uint32_t instance;
	uint32_t group;
	uint64_t dirty_tag;
	uint64_t ack_seq;
	struct nwb_span ours;
	int fill_error;
};

struct nwb_leaf {
	struct nwb_list unused; /* link of the pool */
	uint32_t nr_slots;
	uint32_t nr_dirty;
	uint64_t dirty[NWB_LEAF_SLOTS / 64]; /* by the folio's first page */
	struct nwb_folio *slot[NWB_LEAF_SLOTS];
};

/* Of the tree that finds leaves: nodes, and leaves at the lowest level. */
struct nwb_node {
	struct nwb_list unused; /* link of the pool */
	uint32_t nr_used;
	void *slot[NWB_NODE_SLOTS];
};

struct nwb_table {
	void *root; /* of that height; a node from 1 on */
	unsigned int height;
	struct nwb_leaf *last; /* found last, or NULL */
	uint64_t last_nr;
};

/*
 * struct nwb_claim - the dirty bytes of one folio that one request took (a slot
 * of the kernel's rolling buffer).
 * @folio: NULL: a direct write, from the user's memory
 * @mem: what is sent: the folio itself, or its temp page
 * @temp: its temp page, that it has but does not send (opts.no_copy)
 * @pre, @post: bytes around [start, start + len), valid and in @mem, too, that
 *	the local cache takes along to have whole blocks
 * @is_copy: for the local cache only
 * @is_cached: the local cache takes part
 * @blob: whose memory it is, of a writeback-single request
 * @to_eof: it ends at the end of the file
 * @ends_run: the next bytes cannot follow on
 * @head, @tail: content crypto: bytes at both ends that were not dirty
 * @is_head_torn, @is_tail_torn: content crypto: a short write ended in the block
 *	where what was dirty begins or ends
 * @error: content crypto: why nothing of it can be sent
 * @rreq, @crypto_link: content crypto: waits to be encrypted
 */
struct nwb_claim {
	struct nwb_list link; /* rreq->claims, ascending */
	struct nwb_folio *folio;
	uint64_t start;
	uint32_t len;
	uint32_t pre;
	uint32_t post;
	bool is_copy;
	bool is_cached;
	bool to_eof;
	bool ends_run;
	uint8_t *mem;
	struct nwb_blob *blob;
	uint8_t *temp;
	uint32_t head;
	uint32_t tail;
	bool is_head_torn, is_tail_torn;
	int error;
	struct nwb_io_request *rreq;
	struct nwb_list crypto_link; /* nf->crypto_queue */
};

/* Why a subrequest got no more bytes. */
enum nwb_cut {
	NWB_CUT_NONE,
	NWB_CUT_SIZE,	 /* sreq_max_len */
	NWB_CUT_SEGMENT, /* sreq_max_segs */
	NWB_CUT_GAP,	 /* the next bytes do not follow on */
	NWB_CUT_EOF,	 /* it ends at the end of the file */
	NWB_CUT_FORCED,	 /* the issuer had to wait, or came to its end */
};

/* The subrequest and what only netfs knows of it. */
struct nwb_sreq {
	struct nwb_io_subrequest s;
	bool in_progress;    /* rreq->lock */
	bool has_progressed; /* by its latest issue */
	bool has_boundary;   /* NWB_SREQ_BOUNDARY, kept over retries */
	size_t noted;	     /* of s.transferred, seen by nwb_note_acked() */
	uint32_t attempts;
	enum nwb_cut cut;
	uint32_t nr_pieces; /* of folios, as Linux counts segments */
	int prepare_error;
	size_t max_len; /* what the filesystem allowed at first */
	unsigned int max_segs;
	size_t owed;		/* bytes behind s.len that it stands for, too */
	uint32_t owed_attempts; /* how often those were issued */
	bool is_silent;		/* H1: its failure is told nobody */
	struct nwb_list crypto_link; /* rreq->crypto_waiting */
#ifdef NWB_MUTANTS
	uint64_t mut_shift;
	uint8_t *mut_copy;
	size_t mut_copied;
	bool mut_is_stale;
#endif
	struct iovec vec[];
};

/* Why a request was made (enum netfs_io_origin). */
enum nwb_rreq_origin {
	NWB_WRITEBACK,
	NWB_WRITEBACK_SINGLE,
	NWB_LAUNDER_WRITE,
	NWB_WRITETHROUGH, /* up to here: by way of a cache */
	NWB_UNBUFFERED_WRITE,
	NWB_DIO_WRITE,
	NWB_COPY_TO_CACHE,
};

enum nwb_retry_state {
	NWB_RETRY_NONE,
	NWB_RETRY_PENDING, /* issuer pauses; waits until all is quiet */
	NWB_RETRY_QUEUED,  /* on nf->retry_list */
};

struct nwb_io_request {
	struct nwb_list nf_link;    /* nf->free_requests or retry_list */
	struct nwb_list inode_link; /* inode->requests */
	struct nwb_netfs *nf;
	struct nwb_inode *inode;
	struct nwb_io_stream streams[NWB_NR_STREAMS];
	struct nwb_mutex lock;
	struct nwb_waitq waitq; /* the issuer, paused */
	struct nwb_work work;
	struct nwb_list claims;
	_Atomic uint64_t issued_to;
	_Atomic uint32_t refs;
	uint64_t start;
	uint64_t collected_to;
	uint64_t cleaned_to; /* end of the last folio whose writeback ended */
	uint64_t seq;
	uint64_t retry_at;
	uint32_t wsize;
	/* in progress, being prepared or constructed */
	uint32_t nr_inflight[NWB_NR_STREAMS];
	uint32_t subreq_counter;
	uint32_t debug_id; /* of the mount, from 1 */
	enum nwb_rreq_origin origin;
	int begin_error;
	uint64_t unreachable_ns;
	enum nwb_retry_state retry;
	/* direct writes: the first failure, and what was written before it */
	int error;
	uint64_t good_to;
	uint32_t group;
	bool holds_wb_lock; /* 7.2: until all is collected */
	bool is_upload_begun;
	bool all_queued;
	bool in_progress;
	/* content crypto: all below is encrypted, who waits for it */
	_Atomic uint64_t crypto_to;
	struct nwb_list crypto_waiting;
	bool has_claim_error;
	/* issuer: prepared, and to be sent together */
	struct nwb_io_subrequest *batch[NWB_VECTORED_MAX];
	unsigned int nr_batch;
};

struct nwb_inode {
	struct nwb_netfs *nf;
	struct nwb_list nf_link;
	struct nwb_list dirty_link; /* nf->dirty_inodes; nf->lock */
	bool is_evicted;	    /* nf->lock */
	void *fs_priv;
	uint32_t id;
	_Atomic uint32_t refs;
	uint32_t pins; /* nf->lock */
	struct nwb_mutex io_lock;
	struct nwb_mutex lock;
	struct nwb_waitq waitq;
	uint64_t size;
	uint64_t remote_size;
	uint64_t last_write_end;
	struct nwb_table table;
	_Atomic uint64_t dirty_bytes;
	_Atomic uint64_t unstable_bytes;
	_Atomic uint64_t dirty_since;
	bool is_issuing; /* the writeback lock (ictx->wb_lock, WB_LOCK) */
	uint64_t wb_tag;
	uint64_t writeback_index;   /* where a cyclic pass goes on, a page */
	uint64_t blocks;	    /* i_blocks, of 512 bytes */
	void *side[NWB_NR_STREAMS]; /* of the streams but the upload */
	/* something was lost: what is cached here may not be the server's */
	_Atomic bool is_side_lost;
	_Atomic bool is_wanted;	  /* write all of it soon */
	_Atomic uint32_t caching; /* NWB_MAY_*, granted */
	uint32_t nr_aborts;	  /* flushes in a row without an answer */
	struct nwb_list requests;
	uint64_t req_seq;
	struct nwb_list unstable;
	uint64_t commit_seq;
	uint64_t resend_gen;
	bool is_invalidating; /* mapping->invalidate_lock, held exclusively */
	bool is_mapped;	      /* there was a fault */
	uint64_t forget_gen;  /* so often all that was read became worthless */
	uint64_t err_seq;
	uint64_t err_seen; /* the newest that an fsync has told */
	int err;
	/* H17: acked by that instance, and forgotten before any flush */
	uint64_t forgotten_bytes;
	uint32_t forgotten_instance;
};

struct nwb_file {
	struct nwb_inode *inode;
	uint32_t flags; /* NWB_F_* */
	uint32_t group;
	uint64_t err_since;
};

/* Exact counters, and gauges with their highest values. */
struct nwb_counters {
	_Atomic uint64_t wb_requests, upload_issued, upload_done, upload_failed,
		cache_issued, cache_done, cache_failed, retry_requests, retries,
		bytes_dirtied, bytes_issued, bytes_reissued, unstable_resent,
		copies, temp_bytes, temp_bytes_max, dirty_bytes,
		dirty_bytes_max, writeback_bytes, writeback_bytes_max,
		stable_waits, cache_waits, gave_up, wthrough, breaks,
		invalidated, evict_errors, live_requests, live_subrequests,
		wblock_skip, wblock_wait, direct_writes, wsc, cache_bytes,
		mirror_bytes, copy_to_cache, cancelled, rotations, throttled,
		throttled_ns, reclaim_waits, faults, fault_waits, mkwrites,
		laundered, discarded_bytes, vectored, crypto_bytes,
		crypto_waits, crypto_fills, crypto_refreshed, crypto_changed,
		hazards_fired[NWB_NR_HAZARDS];
};

struct nwb_netfs {
	struct nwb_exec *ex;
	struct nwb_netfs_opts opts;
	const struct nwb_netfs_ops *ops;
	const struct nwb_wb_mode_ops *mode;
	struct {
		const struct nwb_stream_ops *ops;
		void *priv;
	} side[NWB_NR_STREAMS]; /* [0] is not used: that is ops */
	unsigned int nr_streams;
	uint32_t hazards; /* NWB_HAZARD_BIT()s that are on */
	void *fs_priv;
	struct nwb_netfs_tap *tap;
	struct nwb_mutex lock;
	struct nwb_arena cache;
	struct nwb_arena temp;
	struct nwb_pool folio_pool, leaf_pool, node_pool, claim_pool, sreq_pool;
	struct nwb_list free_requests;
	struct nwb_list inodes;
	struct nwb_list dirty_inodes; /* bdi_writeback's b_dirty */
	struct nwb_list lru;
	struct nwb_waitq room; /* cache memory, live requests */
	struct nwb_waitq unpinned;
	struct nwb_waitq temp_room;
	struct nwb_waitq sreq_room;
	_Atomic uint64_t temp_freed;
	uint32_t sreq_segs;
	uint32_t nr_sreqs; /* live */
	uint32_t nr_requests;
	_Atomic uint32_t debug_ids; /* given to requests so far */
	bool is_committing;
	_Atomic uint32_t wsize;
	_Atomic uint64_t kick_at;
	_Atomic bool is_flusher_idle;
	_Atomic bool is_flusher_stalled;
	bool kicked, pressure, stopping;
	struct nwb_waitq flusher_q;
	struct nwb_task *flusher;
	struct nwb_list domain_link; /* opts.dirty_domain */
	struct nwb_list budget_link; /* opts.budget; its lock */
	unsigned int budget_pins;
	bool is_reclaim_marked;	  /* reclaim has met its writeback before */
	uint64_t writeback_ended; /* bytes; under lock */
	struct nwb_list retry_list;
	struct nwb_waitq retry_q;
	struct nwb_task *retryer;
	struct nwb_crypto *crypto; /* NULL: none */
	uint32_t crypto_unit;
	struct nwb_list crypto_queue, crypto_fills; /* lock */
	struct nwb_counters n;
#ifdef NWB_MUTANTS
	struct {
		struct nwb_inode *inode;
		uint64_t pos;
		size_t len;
		uint8_t bytes[NWB_STALE_BYTES];
	} stale; /* under lock */
#endif
};

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

/* write_issue.c */
uint64_t nwb_writepages(struct nwb_inode *inode, enum nwb_wb_reason reason);
uint64_t nwb_writepages_range(struct nwb_inode *inode, uint64_t pos,
			      uint64_t end);
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

/* retry_stream.c */
bool nwb_needs_retry(const struct nwb_sreq *q);
void nwb_retry_stream(struct nwb_io_request *rreq,
		      struct nwb_io_stream *stream);

/* flusher.c */
void nwb_flusher_main(void *arg);
void nwb_flusher_kick(struct nwb_netfs *nf);
void nwb_flusher_kick_locked(struct nwb_netfs *nf);
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
int nwb_inode_commit(struct nwb_inode *inode) nwb_must_check;
int nwb_flush_unstable(struct nwb_inode *inode, bool *ret_again) nwb_must_check;
uint64_t nwb_backoff_ns(const struct nwb_netfs *nf, uint32_t attempts);

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
int nwb_crypto_error(struct nwb_io_request *rreq, uint64_t start, size_t len);
uint64_t nwb_crypto_round(const struct nwb_netfs *nf, uint64_t size); /* any */
uint64_t nwb_crypto_size(const struct nwb_inode *inode, uint64_t size);
/* any */
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
void nwb_mutant_copy(struct nwb_sreq *q);
void nwb_mutant_arm(struct nwb_sreq *q);
void nwb_mutant_resend(struct nwb_inode *inode);
void nwb_mutant_forget(struct nwb_inode *inode);
#endif

#endif
