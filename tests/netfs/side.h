/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A stream beside the upload, in memory: a local cache or a mirror that does
 * what a test says. Attach with side_attach() before the inode is made, or to
 * the rig's inode with side_take().
 */
#ifndef NWB_TEST_SIDE_H
#define NWB_TEST_SIDE_H

#include "scripted.h"

#define SIDE_LOG_MAX 512u
#define SIDE_BLOCKS  (SFS_FILE_MAX / 4096)

struct side {
	struct nwb_exec *ex;
	struct nwb_mutex lock;
	struct nwb_waitq changed;
	unsigned int stream_nr;
	/* what it does */
	size_t max_len;	       /* of each subrequest; 0: no limit */
	unsigned int max_segs; /* 0: no limit */
	int error;	       /* every write fails with it */
	unsigned int nr_short; /* so many writes stop after one block */
	bool hold;	       /* none is answered */
	bool is_off;	       /* takes no part in new requests */
	/* what it has */
	uint8_t mem[SFS_FILE_MAX];
	bool has[SIDE_BLOCKS];
	struct {
		uint64_t start;
		size_t len;
		bool is_retry;
	} log[SIDE_LOG_MAX];
	unsigned int nr_log;
	struct nwb_io_subrequest *held[SIDE_LOG_MAX];
	unsigned int nr_held;
	/* seen */
	unsigned int nr_invalidated, nr_forgotten, nr_flushes, nr_reads;
};

/* A stream of @rig's mount, which no file takes part in yet. */
struct side *side_new(struct sfs_rig *rig, unsigned int stream_nr);
/* @rig's file takes part from now on. */
void side_take(struct sfs_rig *rig, struct side *side);
/* It takes part no more; nothing of it is under way. */
void side_free(struct sfs_rig *rig, struct side *side);
/* Answer what is held, the @index-th or all. */
void side_complete(struct side *side, unsigned int index);
void side_release(struct side *side);
void side_wait_held(struct side *side, unsigned int nr);

#endif
