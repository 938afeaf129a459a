/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the VM does with the folios of the reference writeback, besides read(2)
 * and write(2): limits of what is dirty, migration, mapped memory,
 * invalidation.
 */
#ifndef NWB_NETFS_VM_H
#define NWB_NETFS_VM_H

#include "nwb/netfs.h"

/* --- dirty throttling (balance_dirty_pages()) ------------------------------
 */

/**
 * nwb_dirty_domain_new() - what all mounts of a machine may have dirty.
 * @background_bytes: when more than that is dirty in all of them together, each
 *	writes what it has
 * @limit_bytes: hard limit, above @background_bytes: above it writers wait,
 *	and already above the middle of the two they are slowed down
 * Temp pages are not counted here, as the kernel's NR_WRITEBACK_TEMP was not:
 * only a mount's own limit holds them (lib/netfs/throttle.c).
 * Return: 0, -EINVAL, -ENOMEM.
 */
int nwb_dirty_domain_new(struct nwb_exec *ex, uint64_t background_bytes,
			 uint64_t limit_bytes,
			 struct nwb_dirty_domain **ret_d) nwb_must_check;
/** nwb_dirty_domain_free() - its mounts are gone. NULL is fine. */
void nwb_dirty_domain_free(struct nwb_dirty_domain *d);
/** nwb_dirty_domain_bytes() - dirty or under writeback, of all mounts. */
uint64_t nwb_dirty_domain_bytes(struct nwb_dirty_domain *d);

/* --- what else the VM does with folios (lib/netfs/migrate.c) ---------------
 */

enum nwb_migrate_mode {
	NWB_MIGRATE_ASYNC,
	NWB_MIGRATE_SYNC_LIGHT,
	NWB_MIGRATE_SYNC, /* waits for writeback */
};
/**
 * nwb_inode_migrate() - move the folio at @pos to other memory
 * (migrate_folio_unmap()).
 * Return: 0; -ENOENT: there is none; -EBUSY: under writeback; -ENOMEM.
 * Context: NWB_MIGRATE_SYNC blocks.
 */
int nwb_inode_migrate(struct nwb_inode *inode, uint64_t pos,
		      enum nwb_migrate_mode mode) nwb_must_check;
/**
 * nwb_inode_offline() - the memory under [@pos, @end) is to go away
 * (do_migrate_range()): every folio is moved, in rounds.
 * @tries: so many rounds, as the fourth posting had it; 0: until it is done
 * Return: 0; -EBUSY: folios stayed; -ENOMEM. Context: blocks.
 */
int nwb_inode_offline(struct nwb_inode *inode, uint64_t pos, uint64_t end,
		      unsigned int tries) nwb_must_check;

/* --- mmap (lib/netfs/map_fault.c) ------------------------------------------
 */

/**
 * nwb_map_fault() - a load or, if @is_write, a store has found no page in the
 * page tables (filemap_fault(), netfs_page_mkwrite()): read the folio, map it;
 * for a store wait until it is not under writeback, make it dirty (strict: its
 * page; Linux: all of it) and the page writable.
 * An open file stands for a mapping of all of it, MAP_SHARED; all mappings of
 * an inode have one page table.
 * @pos: any byte of the page
 * Return: 0; -EFAULT: the page is beyond the end (SIGBUS); -ENODEV: the mount
 * caches nothing; or why the page could not be read.
 * Context: blocks: a store first for the dirty limits; for an invalidation of
 * the inode under way (Linux: only if the folio has to be read), for writeback,
 * memory, the server. Takes no lock that write(2) holds.
 */
int nwb_map_fault(struct nwb_file *f, uint64_t pos,
		  bool is_write) nwb_must_check;
/**
 * nwb_map_load() - loads from mapped memory: newest bytes, zeros between the
 * end of the file and that of its page, but for what was stored there.
 * Return: 0; or as nwb_map_fault(), and some of @buf may be set.
 */
int nwb_map_load(struct nwb_file *f, void *buf, size_t len,
		 uint64_t pos) nwb_must_check;
/**
 * nwb_map_store() - stores to mapped memory. To a writable page without a
 * fault, so that nobody is told. Never extends the file: what lies behind its
 * end is lost. A page at a time: another task may see some of it.
 * Return: 0; or as nwb_map_fault(), and some of @buf may be stored.
 * Errors of writing it come through the inode's error sequence.
 */
int nwb_map_store(struct nwb_file *f, const void *buf, size_t len,
		  uint64_t pos) nwb_must_check;

/* --- invalidation (lib/netfs/invalidate.c) --------------------------------- */

#define NWB_INVAL_FLUSH 0x01u /* what is dirty is written first */
/* Unsafe, to show what was argued about in 2024; see lib/netfs/invalidate.c. */
#define NWB_INVAL_DISCARD  0x02u /* what is dirty again is thrown away, too */
#define NWB_INVAL_UNLOCKED 0x04u /* neither writers nor faults are kept out */
/* The caller has the lock of a folio of the inode: no other lock of it can be
 * waited for. */
#define NWB_INVAL_FOLIO_LOCKED 0x08u

/* What became of the folios of a range. */
struct nwb_invalidated {
	uint64_t dropped; /* folios */
	uint64_t kept;	  /* folios that are dirty, or not durable yet */
	uint64_t laundered;
	uint64_t discarded_bytes;
};

/**
 * nwb_inode_invalidate_range() - forget what is cached of [@pos, @end)
 * (filemap_invalidate_inode()): with the io lock, which write(2) holds, and the
 * invalidate lock, which faults and readers who miss wait for: unmap, write
 * (NWB_INVAL_FLUSH) in one pass, wait, forget. What is dirty again, or was not to
 * be written, stays; strict then keeps of such a folio only what is ours.
 * @end: UINT64_MAX: all. Whole folios that overlap the range are forgotten.
 * @flags: NWB_INVAL_*
 * @ret: may be NULL; set unless -EDEADLK or -EINVAL
 * Return: 0, also if folios stayed; the error of an upload, which fsync will
 * tell as well; -EDEADLK: NWB_INVAL_FOLIO_LOCKED and not NWB_INVAL_UNLOCKED;
 * -EINVAL: @end < @pos.
 * Context: blocks.
 */
int nwb_inode_invalidate_range(struct nwb_inode *inode, uint64_t pos,
			       uint64_t end, uint32_t flags,
			       struct nwb_invalidated *ret);
/**
 * nwb_inode_invalidate_pages2() - the same as it was before, and still is in NFS
 * and FUSE (invalidate_inode_pages2_range() and ->launder_folio()): folio by
 * folio, under its lock only: unmap, write it alone, wait, forget. In strict all
 * are made durable by one flush before they are forgotten.
 * @ret: may be NULL
 * Return: 0; -EBUSY: folios stayed, as they were written to again; the error of
 * an upload, which fsync will tell as well; -EINVAL: @end < @pos.
 * Context: blocks; the caller may hold the lock of folios outside of the range,
 * or keep others from going on that hold the io lock or the invalidate lock.
 */
int nwb_inode_invalidate_pages2(struct nwb_inode *inode, uint64_t pos,
				uint64_t end, struct nwb_invalidated *ret);
/**
 * nwb_inode_lock_folio() - folio_lock(): who writes, reads or faults there
 * waits. What such a caller is that may take no other lock (->release_folio()).
 * Return: 0; -ENOENT: nothing is cached at @pos. Context: blocks.
 */
int nwb_inode_lock_folio(struct nwb_inode *inode, uint64_t pos) nwb_must_check;
/** nwb_inode_unlock_folio() - of nwb_inode_lock_folio(). */
void nwb_inode_unlock_folio(struct nwb_inode *inode, uint64_t pos);

#endif
