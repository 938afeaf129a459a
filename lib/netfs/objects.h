/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The objects of lib/netfs, and what of them belongs to whom; which lock
 * protects what stands in internal.h.
 *
 *	nwb_netfs ──┬─► nwb_inode ──┬─► nwb_table ─► nwb_leaf ─► nwb_folio
 *	   mount    │               │                               ▲
 *	            │               └─► nwb_io_request ─┬─► nwb_claim
 *	            └─► arenas, pools                   └─► nwb_sreq, per stream
 */
#ifndef NWB_NETFS_OBJECTS_H
#define NWB_NETFS_OBJECTS_H

#include "nwb/mem.h"
#include "nwb/netfs_fs.h"

#include <stdatomic.h>

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
#define NWB_FOLIO_COPYING                                                      \
	0x80u /* in flight for the local cache only: nothing of it is ours */

/*
 * struct nwb_folio - cached bytes; protected by inode->lock, @lru by nf->lock.
 * @leaf: holds its slots; a leaf stays as long as a folio is in it
 * @valid: of a folio that is not uptodate, the bytes that are (dirty, unstable
 *	and in-flight bytes are within, but for NWB_FOLIO_COPYING)
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
 * @torn: content crypto: hull of the blocks, from @start on, in which a short
 *	write ended
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
	struct nwb_span torn;
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
	bool is_whole;	     /* all acknowledged when it ended; rreq->lock */
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
	NWB_DIO_WRITE,
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
	_Atomic bool has_claim_error; /* issuer and retryer */
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
	uint64_t nr_copied; /* since the last cond_resched(); io_lock */
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
	/* content crypto: how long the server was away when a read gave up */
	_Atomic uint64_t fill_away_ns;
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
		invalidated, live_requests, live_subrequests, wblock_skip,
		wblock_wait, direct_writes, wsc, cache_bytes, mirror_bytes,
		copy_to_cache, cancelled, rotations, throttled, throttled_ns,
		reclaim_waits, faults, fault_waits, mkwrites, laundered,
		discarded_bytes, vectored, crypto_bytes, crypto_waits,
		crypto_fills, crypto_refreshed, crypto_changed,
		hazards_fired[NWB_NR_HAZARDS];
};

struct nwb_netfs {
	struct nwb_exec *ex;
	struct nwb_netfs_opts opts;
	const struct nwb_netfs_ops *ops;
	const struct nwb_wb_mode_ops *mode;
	/* of the streams but the upload, whose are @ops */
	const struct nwb_stream_ops *side[NWB_NR_STREAMS];
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

#endif
