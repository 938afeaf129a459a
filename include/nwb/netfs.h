/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The reference writeback, modelled on Linux fs/netfs: page cache of folios,
 * issuer, collector, retryer, streams, errseq; flavour "strict".
 *
 *	write(2) ─► folios (dirty) ─► issuer ─► subrequests ─► stream 0: upload
 *	                                 │                     stream 1: cache
 *	              end writeback ◄── collector ◄── terminations
 *	                                 │ short, NEED_RETRY
 *	                                 └► retryer: quiesce, re-split, reissue
 *
 * netfs knows no protocol: it drives a struct nwb_netfs_ops (nwb/netfs_fs.h),
 * which lib/fs implements over lib/smb2 and lib/p9, as fs/smb/client/file.c and
 * fs/9p/vfs_addr.c do in the kernel. What the VM does with folios besides
 * read(2) and write(2), mapped memory, migration, invalidation, stands in
 * nwb/netfs_vm.h.
 *
 * Strict: none of the kernels' hazards. Bytes that the server acknowledged stay
 * "unstable" (pinned, like NFS's uncommitted pages) until a FLUSH or Tfsync
 * succeeded on the same server instance that acknowledged them; if the instance
 * changed they are made dirty and sent again. An upload is given up only after
 * a permanent status, max_attempts, or patience_ns without a server, and then
 * each file open at that time learns of it once (errseq), as does the next one
 * that is opened if none was told yet.
 *
 * Mode. in-place: a folio is under writeback until every active stream is done
 * with it. temp-page: content is copied, writeback of the folio ends at once,
 * the copies are tracked; at most two generations a page (one in flight, one
 * queued). Nothing else differs.
 *
 * Threads: all nwb_file_* calls from any task. Operations of the filesystem are
 * called by whoever issues, reads or makes durable, by the flusher and the
 * retryer (tasks of the mount), and by work items.
 */
#ifndef NWB_NETFS_H
#define NWB_NETFS_H

#include "nwb/exec.h"
#include "nwb/hazard.h"
#include "nwb/hist.h"
#include "nwb/iov.h"
#include "nwb/list.h"
#include "nwb/wait.h"

#define NWB_PAGE_SIZE 4096u
#define NWB_NR_STREAMS                                                         \
	3 /* 0: upload to the server, 1: local cache, 2: mirror */

struct nwb_netfs;
struct nwb_inode;
struct nwb_file;
struct nwb_dirty_domain;
struct nwb_budget;
struct nwb_netfs_ops;
struct nwb_io_request;
struct nwb_io_subrequest;
struct nwb_trace;

enum nwb_wb_mode {
	NWB_IN_PLACE,
	NWB_TEMP_PAGE,
};

/* How far the mount trusts its cache; what follows for read and write stands in
 * lib/netfs/caching.c. */
enum nwb_cache_mode {
	NWB_CACHE_ALWAYS, /* nobody else has the files */
	NWB_CACHE_NONE,
	NWB_CACHE_STRICT, /* as the server grants */
	NWB_CACHE_LOOSE,  /* all, but written back soon */
};

/* What a server grants for a file: bits of an SMB LeaseState. */
#define NWB_MAY_READ  1u /* what is read may be kept */
#define NWB_MAY_WRITE 4u /* what is written may be kept for a while */

/* How what failed is sent again; the three ways that were weighed when cifs
 * came to netfs, see lib/netfs/retry_stream.c. */
enum nwb_retry_strategy {
	NWB_RETRY_COMBINE, /* neighbours are joined and cut anew, as Linux */
	NWB_RETRY_RESPLIT_EACH, /* each is cut anew by itself */
	NWB_RETRY_SMALLER_BITS, /* each in small pieces, one after the other */
	NWB_NR_RETRY_STRATEGIES
};

/**
 * struct nwb_netfs_opts - all zero is sensible.
 * @mode: see above
 * @cache_mode: see above
 * @wsize: largest write; 0 = what the filesystem says
 * @folio_bytes_max: largest folio, power of two, 4 KiB..2 MiB; 0 = 64 KiB
 *	(a folio is never larger than the write that makes it)
 * @cache_bytes: page cache; writers wait for clean folios beyond it;
 *	0 = 256 MiB
 * @temp_bytes: temp pages; 0 = 64 MiB
 * @dirty_kick_bytes: writeback starts above that; 0 = 4 * wsize
 * @dirty_limit_bytes: hard limit of this mount alone (the kernel's strictlimit):
 *	a writer waits while more is dirty, under writeback or in temp pages;
 *	0 = none but the cache's size
 * @dirty_domain: limits shared with other mounts; NULL = none; borrowed
 * @budget: memory shared with others (nwb/budget.h), which the cache is charged
 *	to; NULL = none; borrowed
 * @writeback_may_deadlock: AS_WRITEBACK_MAY_DEADLOCK_ON_RECLAIM: reclaim does
 *	not wait for writeback of this mount
 * @may_block_rules: what that flag meant in the fourth posting of the FUSE
 *	series: migration does not wait either
 * @no_data_integrity: SB_I_NO_DATA_INTEGRITY: sync(2) starts writeback only
 * @dirty_age_ns: or when something has been dirty for so long; 0 = 1 s
 * @max_attempts: issues of one extent before it is given up; 0 = 64
 * @patience_ns: how long an unreachable server is waited for (used by the
 *	filesystem's reconnect loop); 0 = 30 s; NWB_NEVER = hard
 * @retry_backoff_ns: before the 2nd attempt, doubling up to 100 times; 0 = 1 ms
 * @stable_writes: writers wait for writeback of a folio to end (signing)
 * @flavour, @hazards, @no_hazards: see nwb/hazard.h; NWB_HAZARD_BIT()s that are
 *	on besides the flavour's, and that are off in any case
 * @strategy: of retries; the flavours of Linux are compared with traces only
 *	with NWB_RETRY_COMBINE
 * @trace: ring that the tracepoints write to (nwb/trace.h); borrowed; NULL: off
 * @max_subrequests: that may be alive (mempool); 0 = 1024
 * @reserve_percent: how much of what the pools are to have is there from the
 *	beginning, the rest comes from the heap when it is needed; 0 = 100
 * @vectored: small uploads to different places that go together, at most
 *	NWB_VECTORED_MAX; 0 or 1: each by itself. SMB: a compound of WRITEs
 * @crypto_key: content crypto (lib/netfs/crypto.c): AES-128-XTS key of 32 bytes,
 *	the half for the tweaks last; copied; NULL: none. Only in flavour
 *	strict. Direct writes are synchronous buffered ones then, as ext4 and
 *	f2fs have it for encrypted files
 * @crypto_unit: bytes of a data unit, power of two, 512..4096; 0 = 4096
 * @no_copy: temp-page: take, count and give back the temp pages, but send the
 *	folio; shows what the copying alone costs (a kernel never did that)
 * @mutants: NWB_MUT_* (nwb/netfs_mutants.h)
 */
struct nwb_netfs_opts {
	enum nwb_wb_mode mode;
	enum nwb_cache_mode cache_mode;
	uint32_t wsize;
	uint32_t folio_bytes_max;
	uint64_t cache_bytes;
	uint64_t temp_bytes;
	uint64_t dirty_kick_bytes;
	uint64_t dirty_limit_bytes;
	struct nwb_dirty_domain *dirty_domain;
	struct nwb_budget *budget;
	bool writeback_may_deadlock;
	bool may_block_rules;
	bool no_data_integrity;
	uint64_t dirty_age_ns;
	uint32_t max_attempts;
	uint64_t patience_ns;
	uint64_t retry_backoff_ns;
	bool stable_writes;
	enum nwb_flavour flavour;
	uint32_t hazards;
	uint32_t no_hazards;
	enum nwb_retry_strategy strategy;
	struct nwb_trace *trace;
	uint32_t max_subrequests;
	uint32_t reserve_percent;
	unsigned int vectored;
	const uint8_t *crypto_key;
	uint32_t crypto_unit;
	bool no_copy;
	uint64_t mutants;
};

/** nwb_retry_strategy_name() - "combine", "resplit-each", "smaller-bits". */
const char *nwb_retry_strategy_name(enum nwb_retry_strategy strategy);
/** nwb_retry_strategy_find() - Return: the strategy, or -1. */
int nwb_retry_strategy_find(const char *name);
/** nwb_netfs_hazards() - what will be on in a mount of @fs with @opts. */
uint32_t nwb_netfs_hazards(const struct nwb_netfs_opts *opts, const char *fs);

/* --- what a user of the client sees ----------------------------------------
 */

/**
 * struct nwb_netfs_tap - optional observer; must not block. Used to fill the
 * ledger. Called without locks, but @gaveup and @flush_gaveup with the inode's,
 * that no fsync comes between the record and the error that it is told: they
 * may not call the client.
 */
struct nwb_netfs_tap {
	void (*sent)(struct nwb_netfs_tap *tap,
		     const struct nwb_io_subrequest *sreq);
	void (*acked)(struct nwb_netfs_tap *tap, uint32_t inode_id,
		      uint64_t start, uint64_t len, uint32_t instance);
	void (*gaveup)(struct nwb_netfs_tap *tap, uint32_t inode_id,
		       const struct nwb_io_subrequest *sreq, int error);
	/* a request for the upload is about to be made; what it returns is taken
	 * for ->init_request()'s: to inject a failure there */
	int (*begin)(struct nwb_netfs_tap *tap, struct nwb_io_request *rreq);
	/* a flush that nobody answered, after so many attempts; @is_refused:
	 * the server is there, but not the file */
	void (*flush_gaveup)(struct nwb_netfs_tap *tap, uint32_t inode_id,
			     uint32_t attempts, uint64_t unreachable_ns,
			     bool is_refused, int error);
};

/* Exact counters, netfs' names where it has them (fs/netfs/stats.c). */
struct nwb_netfs_stats {
	uint64_t wb_requests;	/* WP: writepages calls that made a request */
	uint64_t upload_issued; /* UL, us, uf */
	uint64_t upload_done;
	uint64_t upload_failed;
	uint64_t cache_issued; /* WR, ws, wf */
	uint64_t cache_done;
	uint64_t cache_failed;
	uint64_t retry_requests; /* wq */
	uint64_t retries;	 /* subrequests issued again */
	uint64_t bytes_dirtied;
	uint64_t bytes_issued; /* payload bytes handed to issue_write */
	uint64_t bytes_reissued;
	uint64_t unstable_resent; /* bytes made dirty again: instance changed */
	uint64_t copies;	  /* temp-page copies, bytes */
	uint64_t temp_bytes, temp_bytes_max;
	uint64_t dirty_bytes, dirty_bytes_max;
	uint64_t writeback_bytes_max;
	uint64_t stable_waits; /* writers that waited for a folio */
	uint64_t cache_waits;  /* writers that waited for room */
	uint64_t gave_up;
	uint64_t wthrough;    /* WT: writes that waited for the server */
	uint64_t breaks;      /* grants that were taken back */
	uint64_t invalidated; /* folios forgotten because of others */
	uint64_t live_requests, live_subrequests;
	uint64_t wblock_skip; /* writeback of a file that was locked for it */
	uint64_t wblock_wait;
	uint64_t direct_writes; /* DW */
	uint64_t wsc;		/* streaming writes in the way of another */
	uint64_t cache_bytes, mirror_bytes; /* handed to those streams */
	uint64_t copy_to_cache;		    /* folios read and to be cached */
	uint64_t cancelled; /* behind a failed one (Linux' flavours) */
	uint64_t rotations; /* identities taken because one was refused */
	uint64_t throttled; /* writers that waited for a dirty limit */
	uint64_t throttled_ns;
	uint64_t reclaim_waits; /* reclaim that waited for writeback */
	uint64_t faults;	/* loads and stores that found no page */
	uint64_t fault_waits;	/* of those, waits for an invalidation */
	uint64_t mkwrites;	/* pages made writable, and dirty by that */
	uint64_t laundered;	/* folios written one by one to be forgotten */
	uint64_t discarded_bytes; /* dirty, and forgotten all the same */
	uint64_t vectored;	  /* subrequests that went with others */
	uint64_t crypto_bytes;	  /* encrypted, before the first issue */
	uint64_t crypto_waits;	  /* subrequests that waited for that */
	uint64_t crypto_fills;	  /* folios read because a unit was not whole */
	uint64_t crypto_refreshed; /* units read again before a retry */
	uint64_t crypto_changed;   /* of these: somebody else had written */
	uint64_t hazards_fired[NWB_NR_HAZARDS];
};

enum nwb_sync_mode {
	NWB_WB_SYNC_NONE, /* skip what is under writeback; stop at nr_to_write */
	NWB_WB_SYNC_ALL,  /* wait for it; all that was dirty at the call */
};

/* --- monolithic objects (lib/netfs/write_single.c) ------------------------- */

/**
 * struct nwb_blob - the content of an object that is always written as a whole
 * (an AFS directory, a symlink): memory of the caller's, no folios.
 * Set up by nwb_blob_init(), freed by @release when nobody refers to it.
 */
struct nwb_blob {
	const struct iovec *vec;
	unsigned int nr_vec;
	uint64_t len;
	void (*release)(struct nwb_blob *blob);
	_Atomic uint32_t refs;
};
/**
 * nwb_blob_init() - one reference, for the caller.
 * @vec: page-aligned pieces of whole pages, below 2 GiB each; all but the last
 *	are full; behind @len there are zeros. Unchanged while others refer to it
 * @len: of the object, above 0
 * @release: called without locks, from any task; NULL: nothing
 */
void nwb_blob_init(struct nwb_blob *blob, const struct iovec *vec,
		   unsigned int nr_vec, uint64_t len,
		   void (*release)(struct nwb_blob *blob));
/** nwb_blob_put() - drop the caller's reference. */
void nwb_blob_put(struct nwb_blob *blob);

#define NWB_SINGLE_NO_UPLOAD 0x01u /* to the local cache only */

/**
 * nwb_writeback_single() - write @blob to @inode, from its beginning
 * (netfs_writeback_single()): one request, cut as any other, through all of the
 * inode's streams, and as it is: content crypto leaves it alone.
 * @mode: NWB_WB_SYNC_NONE returns when all is sent, and does nothing if
 *	somebody else is at the inode (strict: or was, and it is under way still).
 *	NWB_WB_SYNC_ALL waits for that, and in strict until it is durable.
 * @flags: NWB_SINGLE_*
 * Return: 0; 1: nothing was done, mark it dirty again; -EINVAL: @blob; SYNC_ALL
 * in strict: why it is not durable. Errors of the upload are in the error
 * sequence in any case. Context: blocks.
 */
int nwb_writeback_single(struct nwb_inode *inode, enum nwb_sync_mode mode,
			 uint32_t flags, struct nwb_blob *blob) nwb_must_check;

/**
 * nwb_netfs_new() - a mount's writeback. Starts the flusher task.
 * @ops, @fs_priv, @tap: borrowed; @tap may be NULL
 */
int nwb_netfs_new(struct nwb_exec *ex, const struct nwb_netfs_opts *opts,
		  const struct nwb_netfs_ops *ops, void *fs_priv,
		  struct nwb_netfs_tap *tap, struct nwb_netfs **ret_nf,
		  struct nwb_err *err) nwb_must_check;
/** nwb_netfs_free() - stop the flusher; all files were closed. */
void nwb_netfs_free(struct nwb_netfs *nf);
/** nwb_netfs_get_stats() - counters and gauges since nwb_netfs_new(). Each is
 * read by itself, without a lock: they fit together when all is at rest.
 * Context: any. */
void nwb_netfs_get_stats(struct nwb_netfs *nf,
			 struct nwb_netfs_stats *ret_stats);
/**
 * nwb_netfs_sync() - sync(2) of a mount: write all that is dirty and wait for
 * the folios' writeback. That is: in place for the server's answers, with temp
 * pages for the copies only, and with opts.no_data_integrity for nothing.
 * Never durable: no flush is sent. Context: blocks.
 */
void nwb_netfs_sync(struct nwb_netfs *nf);

/** nwb_inode_new() - @id: the file's number in the ledger; @size: as the server
 * has it. One reference, dropped by nwb_inode_put(). */
int nwb_inode_new(struct nwb_netfs *nf, uint32_t id, void *fs_priv,
		  uint64_t size, struct nwb_inode **ret_inode) nwb_must_check;
/** nwb_inode_put() - drop a reference. With the last one what is dirty is
 * written and flushed (nobody is told of an error any more), requests are
 * waited for, the cache is dropped, and ->close() ends the filesystem's handle.
 * Context: blocks; no lock held. */
void nwb_inode_put(struct nwb_inode *inode);
/**
 * nwb_inode_set_caching() - the server has opened the file (again) and grants
 * @caching (NWB_MAY_*). For the filesystem. Context: any.
 */
void nwb_inode_set_caching(struct nwb_inode *inode, uint32_t caching);
/** nwb_inode_invalidate() - forget what is cached and not ours: somebody else
 * may have written. @size: the file's on the server now.
 * Context: any but under netfs' locks; does not block on I/O. */
void nwb_inode_invalidate(struct nwb_inode *inode, uint64_t size);
/**
 * nwb_inode_break() - the server leaves only @caching: without NWB_MAY_WRITE
 * what is dirty is written and waited for, without NWB_MAY_READ what is clean
 * is forgotten (cifs_oplock_break). Afterwards the break may be acknowledged.
 * Return: 0, or the error of an upload, which fsync will tell as well.
 * Context: blocks.
 */
int nwb_inode_break(struct nwb_inode *inode, uint32_t caching);
/** nwb_inode_id() - as given to nwb_inode_new(). Context: any. */
uint32_t nwb_inode_id(const struct nwb_inode *inode);
/** nwb_inode_size() - with what is written and not sent yet. Context: any. */
uint64_t nwb_inode_size(struct nwb_inode *inode);

/** nwb_inode_blocks() - i_blocks, of 512 bytes: grows when a write beyond the
 * end is committed to the cache (netfs_update_i_size). Context: any. */
uint64_t nwb_inode_blocks(struct nwb_inode *inode);

/**
 * struct nwb_writeback_control - what to write (struct writeback_control).
 * @range_start, @range_end: file positions, the end inclusive as there;
 *	UINT64_MAX: to the end. Folios are written that overlap it.
 * @range_cyclic: from where the last cyclic pass stopped, and not the range;
 *	at the end of the file the next one begins at 0 again
 * @nr_to_write: pages; SYNC_NONE stops when none is left; counted down
 * @was_skipped: out: SYNC_NONE, somebody else was at it (WbLock skip)
 */
struct nwb_writeback_control {
	enum nwb_sync_mode sync_mode;
	bool range_cyclic;
	uint64_t range_start;
	uint64_t range_end;
	int64_t nr_to_write;
	bool was_skipped;
};

/**
 * nwb_inode_writepages() - start writing (do_writepages). Waits for no reply to
 * what it sends. SYNC_NONE does nothing if somebody else is at it; in flavour
 * linux-7.2 that lasts until all of that is collected, before only until all is
 * issued.
 * Return: bytes that are under way now. Errors come through the inode's error
 * sequence. Context: blocks for credits, memory, a reconnect.
 */
uint64_t nwb_inode_writepages(struct nwb_inode *inode,
			      struct nwb_writeback_control *wbc);

/* Of an open file (O_*). */
#define NWB_F_DSYNC  0x01u /* write returns when it is durable */
#define NWB_F_SYNC   0x02u /* the same here: there are no times to write */
#define NWB_F_DIRECT 0x04u /* past the cache */
#define NWB_F_APPEND 0x08u /* each write goes to the end */

/** nwb_file_inode() - what @f is open on; as long as it is open. */
struct nwb_inode *nwb_file_inode(const struct nwb_file *f);
/** nwb_file_set_flags() - NWB_F_*; before the first write. */
void nwb_file_set_flags(struct nwb_file *f, uint32_t flags);
/**
 * nwb_file_set_group() - writes from now on belong to @group (netfs_group, as
 * Ceph's snapshot contexts): a request carries bytes of one group only, and a
 * folio with dirty bytes of another one is written first.
 */
void nwb_file_set_group(struct nwb_file *f, uint32_t group);

/**
 * struct nwb_kiocb - a write that returns before it is done.
 * @done: called once, from any task; @iocb may be freed there
 * @result: bytes written, or negative errno
 */
struct nwb_kiocb {
	void (*done)(struct nwb_kiocb *iocb);
	ssize_t result;
	/* private */
	struct nwb_work work;
	struct nwb_file *file;
	const void *buf;
	size_t len;
	uint64_t pos;
};
/**
 * nwb_file_write_async() - start a direct write.
 * @buf: stays until @iocb is done, and @f open
 * Return: -EIOCBQUEUED: under way; else negative errno, nothing was begun.
 */
int nwb_file_write_async(struct nwb_file *f, const void *buf, size_t len,
			 uint64_t pos, struct nwb_kiocb *iocb);
#ifndef EIOCBQUEUED
#define EIOCBQUEUED 529 /* the kernel's own */
#endif

/** nwb_file_open() - an open of @inode: samples the error sequence. */
int nwb_file_open(struct nwb_inode *inode,
		  struct nwb_file **ret_file) nwb_must_check;
/**
 * nwb_file_write() - write(2): buffered, or as nwb_file_set_flags() said.
 * A direct write returns what was written before the first failure, if
 * anything was.
 * Return: @len, or negative errno; direct: bytes.
 */
ssize_t nwb_file_write(struct nwb_file *f, const void *buf, size_t len,
		       uint64_t pos) nwb_must_check;
/** nwb_file_read() - buffered read(2): newest bytes, 0 at EOF. */
ssize_t nwb_file_read(struct nwb_file *f, void *buf, size_t len,
		      uint64_t pos) nwb_must_check;
/** nwb_file_fsync() - write, wait, FLUSH/Tfsync; 0 means durable. An error is
 * told once a file (errseq); further calls judge what came after. */
int nwb_file_fsync(struct nwb_file *f) nwb_must_check;
/** nwb_file_writeback() - start writing all that is dirty; does not wait. */
void nwb_file_writeback(struct nwb_file *f);
/** nwb_file_flush() - write all that is dirty and wait for the server to take
 * it, as close(2) does; not durable yet. Return: 0, or an error not yet told to
 * @f, which stays to be told. */
int nwb_file_flush(struct nwb_file *f) nwb_must_check;
/* Of nwb_file_sync_range(): SYNC_FILE_RANGE_WAIT_BEFORE, _WRITE, _WAIT_AFTER. */
#define NWB_SYNC_WAIT_BEFORE 0x1u
#define NWB_SYNC_WRITE	     0x2u
#define NWB_SYNC_WAIT_AFTER  0x4u
/**
 * nwb_file_sync_range() - sync_file_range(2), as ksys_sync_file_range(): wait
 * for what is under writeback in the range, start writing what is dirty there,
 * wait again. Never durable. In place it waits for the server's answers,
 * whatever opts.writeback_may_deadlock says; with temp pages nothing is under
 * writeback once it was sent, so an answer is waited for by nobody.
 * @pos, @len: bytes; @len 0: to the end
 * @flags: NWB_SYNC_*. All three write as WB_SYNC_ALL, NWB_SYNC_WRITE without
 *	both waits as WB_SYNC_NONE
 * Return: 0; -EINVAL; with a wait: an error not yet told to @f, which is told
 * hereby. Context: blocks.
 */
int nwb_file_sync_range(struct nwb_file *f, uint64_t pos, uint64_t len,
			uint32_t flags) nwb_must_check;
/**
 * nwb_file_readahead() - readahead(2): have [@pos, @pos + @len) in the cache as
 * far as the file goes, there is room and the server can be reached; what is
 * there is left as it is. With temp pages, and with opts.may_block_rules, it
 * first waits for all that is on its way in the range (fuse_readahead() until
 * 6.15, and in the fourth posting of the FUSE series). Nothing happens where
 * reads go past the cache. Errors are nobody's: whoever reads meets them again.
 * Context: blocks; unlike the kernel's it returns when all of it was read.
 */
void nwb_file_readahead(struct nwb_file *f, uint64_t pos, uint64_t len);
/** nwb_file_commit() - as nwb_file_fsync(), but nothing is sent when everything
 * is durable. For the last close of a file: what is lost afterwards nobody can
 * be told. Return: 0, or an error not yet told to @f. */
int nwb_file_commit(struct nwb_file *f) nwb_must_check;
/** nwb_file_truncate() - set the size, durably, after what is dirty was written.
 * When that fails nobody knows which size the server will have: the local cache
 * takes no part in the file any more. */
int nwb_file_truncate(struct nwb_file *f, uint64_t size) nwb_must_check;
/**
 * nwb_file_close() - free @f. With @flush: write and wait first (SMB's
 * flush_on_close) and return, without consuming, an error not yet told.
 */
int nwb_file_close(struct nwb_file *f, bool flush) nwb_must_check;

#endif
