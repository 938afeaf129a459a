/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Trace of the reference writeback: the kernel's tracepoints of fs/netfs
 * (include/trace/events/netfs.h), with their names and fields, in a ring in
 * memory.
 *
 *	tracepoint ──► ring (newest nr_events, 64 bytes each) ──► nwb_trace_next()
 *	                                                            │
 *	                          tracefs text ◄── nwb_trace_text() ┤
 *	                          Perfetto     ◄── nwb_trace_json() ┘
 *
 * Cheap enough to stay on: an event is one clock reading and eight stores, takes
 * no lock, allocates nothing, and overwrites the oldest. A ring belongs to who
 * made it and outlives the mounts that write to it, so it can be read after the
 * end of a run.
 *
 * The codes below are stored; their printed names are the kernel's (of 7.2) and
 * stand in lib/netfs/trace_text.c.
 */
#ifndef NWB_TRACE_H
#define NWB_TRACE_H

#include "nwb/err.h"

/* Tracepoints; the comment says what the fields of an event mean there. */
enum nwb_trace_type {
	NWB_TR_NONE,
	NWB_TR_WRITE_ITER,     /* start, len, flags (NWB_F_*), ino */
	NWB_TR_WRITE,	       /* what: enum nwb_rreq_origin; start, len, ino */
	NWB_TR_RREQ,	       /* what: nwb_trace_rreq_what; origin, flags */
	NWB_TR_SREQ,	       /* what: nwb_trace_sreq_what; start, len, done */
	NWB_TR_FAILURE,	       /* as SREQ, without what */
	NWB_TR_FOLIO,	       /* what: nwb_trace_folio_what; ino; start: first
				* page, len: pages */
	NWB_TR_COLLECT,	       /* start, len: what is left to collect */
	NWB_TR_COLLECT_SREQ,   /* source: stream; start, len, done */
	NWB_TR_COLLECT_FOLIO,  /* ino, start: first page, len: its end in bytes,
				* done: collected_to */
	NWB_TR_COLLECT_STATE,  /* start: collected_to, done: cleaned_to, flags:
				* notes */
	NWB_TR_COLLECT_GAP,    /* source: stream; start, done: from, to; what:
				* 'F' or 'E' */
	NWB_TR_COLLECT_STREAM, /* source: stream; start: collected_to, done:
				* issued_to */
	NWB_TR_TYPES
};

enum nwb_trace_rreq_what {
	NWB_TRR_WAIT_QUIESCE,
	NWB_TRR_DONE_QUIESCE,
	NWB_TRR_WRITE_DONE,
	NWB_TRR_FREE,
	NWB_TRR_ALL_QUEUED,
	NWB_TRR_WHATS
};

enum nwb_trace_sreq_what {
	NWB_TRS_PREPARE,
	NWB_TRS_PREPARE_FAILED,
	NWB_TRS_SUBMIT,
	NWB_TRS_TERMINATED,
	NWB_TRS_RETRY,
	NWB_TRS_SPLIT,
	NWB_TRS_DISCARD,
	NWB_TRS_FREE,
	NWB_TRS_FAIL,
	NWB_TRS_WHATS
};

enum nwb_trace_folio_what {
	NWB_TRF_STORE,
	NWB_TRF_STORE_PLUS,
	NWB_TRF_STORE_COPY,
	NWB_TRF_CANCEL_COPY,
	NWB_TRF_CANCEL_STORE,
	NWB_TRF_CLEAR,
	NWB_TRF_CLEAR_CC,
	NWB_TRF_CLEAR_S,
	NWB_TRF_REDIRTIED,
	NWB_TRF_SCHED_COPY,
	NWB_TRF_MOD_STREAM,	 /* streaming write begun */
	NWB_TRF_MOD_STREAM_CONT, /* and continued */
	NWB_TRF_MOD_UPTODATE,
	NWB_TRF_MOD_WHOLE,
	NWB_TRF_MOD_RMW,
	NWB_TRF_FLUSH,
	NWB_TRF_MKWRITE,      /* a store to a mapped page */
	NWB_TRF_MKWRITE_PLUS, /* of a folio that was dirty */
	NWB_TRF_WHATS
};

/* Notes of one collector run (COLLECT_STATE, netfs_collect_state). */
#define NWB_NOTE_HIT_PENDING   0x01u
#define NWB_NOTE_REASSESS      0x02u
#define NWB_NOTE_MADE_PROGRESS 0x04u
#define NWB_NOTE_UNLOCK	       0x08u
#define NWB_NOTE_NEED_RETRY    0x10u
#define NWB_NOTE_SAW_FAILURE   0x20u

/**
 * struct nwb_trace_event - one event; unused fields are 0.
 * @ns: the executor's clock
 * @rreq: request (debug_id), 0: of none
 * @index: subrequest (debug_index)
 * @ino: the inode's id
 * @flags: as printed, in the bit numbers of 7.2
 * @source: stream
 */
struct nwb_trace_event {
	uint64_t ns;
	uint64_t start;
	uint64_t len;
	uint64_t done;
	uint32_t rreq;
	uint32_t index;
	int32_t error;
	uint32_t ino;
	uint16_t flags;
	uint8_t type;
	uint8_t what;
	uint8_t source;
	uint8_t origin;
	uint16_t unused;
};

struct nwb_trace;

/** nwb_trace_new() - a ring for the newest @nr_events (rounded up to a power
 * of two, 64..2^24), 64 bytes each, faulted in. NULL: no memory. */
struct nwb_trace *nwb_trace_new(size_t nr_events);
/** nwb_trace_free() - nobody writes any more. NULL is fine. */
void nwb_trace_free(struct nwb_trace *t);
/** nwb_trace_add() - record @e; the oldest is lost when the ring is full.
 * Context: any task; waits for nobody. */
void nwb_trace_add(struct nwb_trace *t, const struct nwb_trace_event *e);
/** nwb_trace_count() - events recorded since the ring was made, lost ones too. */
uint64_t nwb_trace_count(const struct nwb_trace *t);
/**
 * nwb_trace_next() - read in order.
 * @pos: 0 at first; moves on. Events that were overwritten are left out, and
 *	so is one that is being written at this moment.
 * Return: false: that was the last. Context: any task, also beside writers.
 */
bool nwb_trace_next(const struct nwb_trace *t, uint64_t *pos,
		    struct nwb_trace_event *ret_e);

/**
 * nwb_trace_text() - one line as tracefs prints it, with a newline:
 * "           netwb-1       [000] .....     0.001234: netfs_sreq: R=00000001[1]
 * UPLD SUBMT f=100 s=0 0/10000 s=0 e=0".
 * @size: of @buf; 256 is enough for every line
 * Return: its length.
 */
size_t nwb_trace_text(const struct nwb_trace_event *e, char *buf, size_t size);
/** nwb_trace_text_head() - the comment lines before the first one. */
const char *nwb_trace_text_head(void);
/**
 * nwb_trace_json() - one element of the array "traceEvents" of the JSON that
 * Perfetto and chrome://tracing read; no comma, no newline. Requests,
 * subrequests and folios under writeback are slices, all else is an instant.
 * Return: its length; at most 384.
 */
size_t nwb_trace_json(const struct nwb_trace_event *e, char *buf, size_t size);
/** nwb_trace_type_name() - "netfs_sreq". */
const char *nwb_trace_type_name(unsigned int type);
/** nwb_trace_what_name() - "SUBMT"; "?" for a code that there is not. */
const char *nwb_trace_what_name(unsigned int type, unsigned int what);
/** nwb_trace_origin_name() - "WB". */
const char *nwb_trace_origin_name(unsigned int origin);

#endif
