/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Deliberate defects of the reference writeback, for the oracles' self-test:
 * bits of struct nwb_netfs_opts.mutants, obeyed only in builds with NWB_MUTANTS.
 */
#ifndef NWB_NETFS_MUTANTS_H
#define NWB_NETFS_MUTANTS_H

/* These are for `netwb check --mutant` (bench/mutants.c). */
#define NWB_MUT_RETRY_DROPPED	  0x01u /* a retry after a reset is not sent */
#define NWB_MUT_RETRY_OFFSET	  0x02u /* the rest is sent to the wrong offset */
#define NWB_MUT_OLDER_AFTER_NEWER 0x04u /* older data after newer was acked */
#define NWB_MUT_FSYNC_SWALLOWS	  0x08u /* fsync forgets an upload error */
#define NWB_MUT_UNSTABLE_FORGOTTEN                                             \
	0x10u			     /* acked = durable, even after a crash */
#define NWB_MUT_LOST_WAKEUP    0x20u /* nobody calls the retryer */
#define NWB_MUT_GIVES_UP_EARLY 0x40u /* the first lost connection is final */
/* These are for `netwb sim`, which has a list with titles (sim/mutants.c). */
#define NWB_MUT_SKIPS_PAGE	(1ull << 7)
#define NWB_MUT_SYNC_SKIPS_BUSY (1ull << 8)
#define NWB_MUT_CONGESTED_CLEAN (1ull << 9)
#define NWB_MUT_NO_LAST_WAKE	(1ull << 10)
#define NWB_MUT_SHORT_IS_FULL	(1ull << 11)
#define NWB_MUT_REDIRTY_LOST	(1ull << 12)
#define NWB_MUT_DIRTY_NO_HULL	(1ull << 13)
#define NWB_MUT_CLAIM_CLEANS	(1ull << 14)
#define NWB_MUT_ENDS_EARLY	(1ull << 15)
#define NWB_MUT_ISSUED_EARLY	(1ull << 16)
#define NWB_MUT_TOLD_TWICE	(1ull << 17)
#define NWB_MUT_RETRY_ERR_LOST	(1ull << 18)
#define NWB_MUT_CANCEL_STORE	(1ull << 19)
#define NWB_MUT_FLUSH_NO_WAIT	(1ull << 20)
#define NWB_MUT_SETTLES_LATE	(1ull << 21)
#define NWB_MUT_SETTLES_ANY	(1ull << 22)
#define NWB_MUT_OTHER_LOST	(1ull << 23)
#define NWB_MUT_TRUNC_TAIL	(1ull << 24)
#define NWB_MUT_FILL_OVER	(1ull << 25)
#define NWB_MUT_SIZE_FORGOTTEN	(1ull << 26)
#define NWB_MUT_STABLE_IGNORED	(1ull << 27)
#define NWB_MUT_NO_QUIESCE	(1ull << 28)
#define NWB_MUT_SURPLUS_KEPT	(1ull << 29)
#define NWB_MUT_REQUEST_LEAK	(1ull << 30)
#define NWB_MUT_NO_LIMIT	(1ull << 31)
#define NWB_MUT_BUSY_CLAIMED	(1ull << 32)
#define NWB_MUT_SHORT_DROPPED	(1ull << 33)
#define NWB_MUT_FAILED_AGAIN	(1ull << 34)
#define NWB_MUT_OLD_START	(1ull << 35)
#define NWB_MUT_COPY_SHORT	(1ull << 36)
#define NWB_MUT_READS_ZEROS	(1ull << 37)
#define NWB_MUT_CUTS_ALWAYS	(1ull << 38)
#define NWB_MUT_SKIP_UNCOUNTED	(1ull << 39)
#define NWB_MUT_NO_MEMORY_CLEAN (1ull << 40)
#define NWB_MUT_CUT_EARLY	(1ull << 41)
#define NWB_MUT_CACHE_KEPT	(1ull << 42)
#define NWB_MUT_RMW_NO_TAIL	(1ull << 43)
#define NWB_MUT_WRITABLE_KEPT	(1ull << 44)
#define NWB_MUT_INVAL_DROPS	(1ull << 45)
#define NWB_MUT_READAHEAD_OVER	(1ull << 46)
#define NWB_MUT_OBJECT_OVERTAKES (1ull << 47)
#define NWB_MUT_CRYPT_PLAIN	(1ull << 48) /* some units go out as they are */
#define NWB_MUT_CRYPT_NO_RMW	(1ull << 49) /* a retry reads nothing again */
#define NWB_MUT_MIRROR_STOPS	(1ull << 50) /* with the mirror goes the upload */
#define NWB_MUT_UPLOAD_STOPS	(1ull << 51) /* and the other way round */
#define NWB_MUT_BATCH_KEPT	(1ull << 52)
#define NWB_MUT_TORN_BELIEVED	(1ull << 53)
#define NWB_MUT_RANGE_WRAPS	(1ull << 54)
#define NWB_MUT_MOVES_SENT	(1ull << 55)

#endif
