/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A scripted filesystem under netfs: a server in memory that does what a test
 * says, or what dice with a seed say.
 *
 *	issue_write ─► pending ──► by hand: sfs_complete(), sfs_reset()
 *	                     └───► by dice: after a latency, in any order
 *
 *	volatile content ──flush──► durable content
 *	       ▲ a crash takes it back to the durable content
 *
 * A reset or crash gives the server another instance number, aborts what is
 * pending (applied or not), and the next begin, prepare, ready or flush sees
 * the new instance. Payload is taken from the iov when the write is applied, as
 * late as a wire could.
 *
 * With sfs_use_cache() each request has a second stream, a local cache that stores
 * nothing: its writes are pending apart, and only tests that ask see them.
 *
 * Threads: sfs->lock protects everything; both executors.
 */
#ifndef NWB_TEST_SCRIPTED_H
#define NWB_TEST_SCRIPTED_H

#include "nwb/netfs_fs.h"
#include "nwb/netfs_mutants.h"
#include "nwb/netfs_vm.h"

#define SFS_FILE_MAX (2u << 20)
#define SFS_LOG_MAX  8192u

/* Dice, in 1/1000 of the writes. */
struct sfs_dice {
	bool is_on;
	unsigned int p_short, p_zero, p_error, p_reset, p_crash, p_flush_abort;
	unsigned int p_small_max; /* prepare allows only a part */
	uint64_t latency_ns;	  /* up to that */
};

struct sfs_issue {
	uint64_t start;
	size_t len;
	unsigned int nr_iov;
	bool is_retry;
	uint32_t status; /* that the subrequest has from before */
};

struct sfs_file {
	uint8_t vol[SFS_FILE_MAX];
	uint8_t dur[SFS_FILE_MAX];
	uint64_t vol_size, dur_size;
};

struct sfs_op {
	struct nwb_list link;
	struct nwb_io_subrequest *sreq;
	struct sfs_file *file;
	uint64_t start;
	size_t len;
	uint32_t instance;
	uint64_t due_ns;
	bool is_used;
	bool is_cache;
};

struct sfs {
	struct nwb_exec *ex;
	struct nwb_netfs *nf;
	struct nwb_netfs_tap tap;
	struct nwb_mutex lock;
	struct nwb_waitq changed;
	struct nwb_task *task;
	bool stopping;
	struct sfs_dice dice;
	uint64_t random;
	uint32_t wsize;
	size_t max_len;		  /* of the next prepares; 0 = wsize */
	uint64_t boundary;	  /* first issues that end there are marked */
	unsigned int max_segs;	  /* 0 = no limit */
	unsigned int max_pending; /* prepare waits; 0 = no limit */
	int init_error, begin_error, prepare_error, flush_error;
	bool can_rotate;	    /* there is a second identity */
	bool gives_up;		    /* retry_request fails the stream */
	unsigned int flush_aborts;  /* so many flushes to be aborted */
	unsigned int flush_crashes; /* so many crashes right before a flush */
	unsigned int size_crashes;  /* so many crashes right after set_size */
	unsigned int size_aborts;   /* so many set_size without an answer */
	int size_flush_error;	    /* flushes fail after a set_size */
	bool hold_flush;	    /* a flush that is done is not answered */
	bool hold_read;		    /* nor is a read */
	int read_error;
	size_t read_max; /* a read gives so much; 0: all that there is */
	unsigned int read_aborts;  /* so many reads to be aborted */
	unsigned int read_crashes; /* so many crashes right after a read */
	bool has_failed_read;
	uint32_t instance;
	struct nwb_list pending;
	unsigned int nr_pending;
	unsigned int nr_cache_pending;
	struct sfs_file *files[4];
	unsigned int nr_files;
	struct sfs_op ops[2048];
	struct sfs_issue log[SFS_LOG_MAX];
	unsigned int nr_log;
	/* seen */
	uint64_t nr_sent, nr_acked, nr_gaveup, nr_flushes, nr_prepares;
	uint64_t nr_prepare_reserved;
	unsigned int nr_refused; /* prepares that were not to wait */
	unsigned int together[NWB_VECTORED_MAX + 1]; /* messages, by writes */
	uint64_t nr_rotated, nr_cache_invalidated;
	uint64_t bytes_acked;
	int gaveup_error;
	uint64_t gaveup_start;
	bool gaveup_refused;
	uint32_t gaveup_retries;
	uint64_t gaveup_unreachable_ns;
};

extern const struct nwb_netfs_ops sfs_ops;

struct sfs *sfs_new(struct nwb_exec *ex, uint64_t seed,
		    const struct nwb_netfs_opts *opts);
/* Files are closed, inodes put. */
void sfs_free(struct sfs *sfs);
struct sfs_file *sfs_file_new(struct sfs *sfs);

uint64_t sfs_random(struct sfs *sfs, uint64_t below);

/* By hand. Index: in order of issue among those still pending. */
void sfs_wait_pending(struct sfs *sfs, unsigned int nr);
unsigned int sfs_pending(struct sfs *sfs);
/* @result: bytes applied and acked, or an error; SFS_ALL: all of it. */
#define SFS_ALL INT64_MAX
void sfs_complete(struct sfs *sfs, unsigned int index, int64_t result);
void sfs_complete_retry(struct sfs *sfs, unsigned int index, int error);
void sfs_complete_cache(struct sfs *sfs, unsigned int index, int64_t result);
unsigned int sfs_cache_pending(struct sfs *sfs);
/* @inode takes part in a local cache; before anything is written. */
void sfs_use_cache(struct sfs *sfs, struct nwb_inode *inode);
void sfs_complete_all(struct sfs *sfs);
/* Abort all that is pending, applied before if @apply; a crash loses what was
 * not flushed. */
void sfs_reset(struct sfs *sfs, bool apply, bool crash);
void sfs_hold_flush(struct sfs *sfs, bool hold);
void sfs_hold_read(struct sfs *sfs, bool hold);
void sfs_set_max_pending(struct sfs *sfs, unsigned int max);
/* From now on: everything at once. */
void sfs_auto(struct sfs *sfs);

/* One mount with one file, by hand; for short tests. */
struct sfs_rig {
	struct nwb_exec *ex;
	struct sfs *sfs;
	struct sfs_file *file;
	struct nwb_inode *inode;
	struct nwb_file *f;
};
typedef void (*sfs_body_fn)(struct sfs_rig *rig);
/* Run @body on the simulated executor; afterwards all must be at base line. */
void sfs_run(uint64_t seed, const struct nwb_netfs_opts *opts, uint32_t wsize,
	     uint64_t size, sfs_body_fn body);
/* Run @fn(@arg) on a simulated executor, which is in *@ret_ex before. */
void sfs_sim(uint64_t seed, nwb_task_fn fn, void *arg,
	     struct nwb_exec **ret_ex);
void sfs_fill(void *buf, size_t len, uint64_t seed);
/* Let everything run that can. */
void sfs_rest(struct sfs_rig *rig);
/* Start writeback, until @nr WRITEs are pending and no more come. */
void sfs_start(struct sfs_rig *rig, unsigned int nr);

static inline struct nwb_netfs_stats stats_of(const struct sfs_rig *rig)
{
	struct nwb_netfs_stats st;

	nwb_netfs_get_stats(rig->sfs->nf, &st);
	return st;
}

#endif
