/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Native write shapes. A workload is a list of writes with an fsync at the
 * end; all payload is stamped and faulted in before the measured window, every
 * user operation is recorded as an intent.
 *
 *	prepare  (stamps, memory)          not measured
 *	run      write* fsync  write* fsync ...   measured
 *	close                              not measured
 */
#ifndef NWB_WORKLOAD_H
#define NWB_WORKLOAD_H

#include "nwb/hist.h"
#include "nwb/subject.h"

struct nwb_write_op {
	uint64_t off;
	uint32_t len;
	uint32_t version;
	const uint8_t *buf;
};

/**
 * struct nwb_workload_desc - one shape.
 * @build_ops: append operations; see workloads/shapes.c
 */
struct nwb_workload_desc {
	const char *name;  /* "seq1m" */
	const char *title; /* "sequential 1 MiB" */
	uint64_t bytes_default;
	uint32_t block;
	bool is_random;
	unsigned int rounds; /* the same range is written so often */
	bool is_unaligned;   /* odd lengths and offsets, overlapping */
	uint32_t part;	     /* bytes that are written of each block; 0: all */
};

extern const struct nwb_workload_desc nwb_workloads[];
extern const unsigned int nwb_nr_workloads;
/** nwb_workload_find() - by name; NULL when unknown. */
const struct nwb_workload_desc *nwb_workload_find(const char *name);

/**
 * struct nwb_workload_opts - how to run it.
 * @bytes: bytes to write in all; 0 = the shape's default
 * @fsyncs: fsync so often, evenly spread, the last at the end; 0 = 1
 * @seed: of the random shapes
 * @file, @file_id: base name and number in the ledger
 * @key: stamp key
 * @ledger: borrowed; NULL = no intents
 * @mirror: the ledger of the subject's mirror, NULL: it has none, or nobody
 *	wants to know. An fsync there is ok if the mirror has all of it
 * @pause: called behind each fsync but the last, with @pause_arg; neither the
 *	time in it nor the process' CPU time counts. It may block. NULL: none
 */
struct nwb_workload_opts {
	const struct nwb_workload_desc *desc;
	uint64_t bytes;
	unsigned int fsyncs;
	uint64_t seed;
	const char *file;
	uint16_t file_id;
	const uint8_t *key;
	struct nwb_ledger *ledger;
	struct nwb_ledger *mirror;
	void (*pause)(void *arg);
	void *pause_arg;
};

struct nwb_workload_result {
	uint64_t bytes;	     /* written by the application */
	uint64_t durable_ns; /* first write begun -> last fsync returned,
				without pauses */
	uint64_t nr_allocs;  /* nwb_alloc() in the window */
	uint64_t client_cpu_ns;
	int first_error; /* of write or fsync; 0 */
	int close_error;
	struct nwb_hist write_lat;
	struct nwb_hist fsync_lat;
};

struct nwb_workload;

/** nwb_workload_check() - are @bytes enough for the shape? 0: its default.
 * Return: 0; -EINVAL, and @err says how many it needs. */
int nwb_workload_check(const struct nwb_workload_desc *d, uint64_t bytes,
		       struct nwb_err *err) nwb_must_check;
/** nwb_workload_prepare() - build the operations and stamp all payload. */
int nwb_workload_prepare(const struct nwb_workload_opts *opts,
			 struct nwb_workload **ret_w,
			 struct nwb_err *err) nwb_must_check;
/**
 * nwb_workload_run() - open, write, fsync on @s; the file stays open for
 * nwb_workload_close(), so that a caller can heal and fsync again.
 * @cpu_ns: clock of the process' CPU time, called at both ends; may be NULL
 * Return: 0 also when a write or fsync returned an error (it is in @ret);
 * negative errno when the file could not be opened.
 */
int nwb_workload_run(struct nwb_workload *w, struct nwb_subject *s,
		     uint64_t (*cpu_ns)(void), struct nwb_workload_result *ret,
		     struct nwb_err *err) nwb_must_check;
/** nwb_workload_fsync() - one more fsync, recorded. */
int nwb_workload_fsync(struct nwb_workload *w, struct nwb_subject *s);
/** nwb_workload_close() - close the file, recorded. */
void nwb_workload_close(struct nwb_workload *w, struct nwb_subject *s,
			struct nwb_workload_result *ret);
/** nwb_workload_free() - its operations and payload. The file was closed. NULL
 * is fine. */
void nwb_workload_free(struct nwb_workload *w);

#endif
