/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tracepoints as the code of netfs calls them: one test when tracing is off. */
#ifndef NWB_NETFS_TRACE_H
#define NWB_NETFS_TRACE_H

#include "internal.h"

#include "nwb/trace.h"

void nwb_trace_put(struct nwb_netfs *nf, struct nwb_trace_event *e);
void nwb_trace_sreq_put(const struct nwb_sreq *q, enum nwb_trace_type type,
			unsigned int what);
void nwb_trace_rreq_put(const struct nwb_io_request *rreq,
			enum nwb_trace_type type, unsigned int what,
			uint64_t start, uint64_t len);
void nwb_trace_collect_put(const struct nwb_io_request *rreq,
			   enum nwb_trace_type type, unsigned int stream,
			   unsigned int what, uint64_t from, uint64_t to);
void nwb_trace_folio_put(const struct nwb_folio *f,
			 const struct nwb_io_request *rreq,
			 enum nwb_trace_type type, unsigned int what,
			 uint64_t fend, uint64_t collected_to);

static inline bool nwb_is_tracing(const struct nwb_netfs *nf)
{
	return __builtin_expect(nf->opts.trace != NULL, 0);
}

/* netfs_sreq: @what of enum nwb_trace_sreq_what. Before somebody else may take
 * @q: it may be gone after its termination. */
static inline void nwb_trace_sreq(const struct nwb_sreq *q, unsigned int what)
{
	if (nwb_is_tracing(q->s.rreq->nf))
		nwb_trace_sreq_put(q, NWB_TR_SREQ, what);
}

/* netfs_failure, of a write */
static inline void nwb_trace_failure(const struct nwb_sreq *q)
{
	if (nwb_is_tracing(q->s.rreq->nf))
		nwb_trace_sreq_put(q, NWB_TR_FAILURE, 0);
}

/* netfs_collect_sreq */
static inline void nwb_trace_collect_sreq(const struct nwb_sreq *q)
{
	if (nwb_is_tracing(q->s.rreq->nf))
		nwb_trace_sreq_put(q, NWB_TR_COLLECT_SREQ, 0);
}

/* netfs_rreq; rreq->lock held, or nobody else has @rreq */
static inline void nwb_trace_rreq(const struct nwb_io_request *rreq,
				  enum nwb_trace_rreq_what what)
{
	if (nwb_is_tracing(rreq->nf))
		nwb_trace_rreq_put(rreq, NWB_TR_RREQ, what, 0, 0);
}

/* netfs_write: a request begins */
static inline void nwb_trace_write(const struct nwb_io_request *rreq,
				   uint64_t len)
{
	if (nwb_is_tracing(rreq->nf))
		nwb_trace_rreq_put(rreq, NWB_TR_WRITE, rreq->origin,
				   rreq->start, len);
}

/* netfs_collect: a run of the collector begins */
static inline void nwb_trace_collect(const struct nwb_io_request *rreq,
				     uint64_t issued_to)
{
	if (nwb_is_tracing(rreq->nf))
		nwb_trace_rreq_put(rreq, NWB_TR_COLLECT, 0, rreq->collected_to,
				   issued_to - rreq->collected_to);
}

/* netfs_collect_state; @notes: NWB_NOTE_* */
static inline void nwb_trace_collect_state(const struct nwb_io_request *rreq,
					   uint64_t collected_to,
					   uint64_t cleaned_to,
					   unsigned int notes)
{
	if (nwb_is_tracing(rreq->nf))
		nwb_trace_collect_put(rreq, NWB_TR_COLLECT_STATE, 0, notes,
				      collected_to, cleaned_to);
}

/* netfs_collect_gap; @type: 'F' to the front's start, 'E' to issued_to */
static inline void nwb_trace_collect_gap(const struct nwb_io_request *rreq,
					 unsigned int stream, uint64_t from,
					 uint64_t to, char type)
{
	if (nwb_is_tracing(rreq->nf))
		nwb_trace_collect_put(rreq, NWB_TR_COLLECT_GAP, stream,
				      (unsigned char)type, from, to);
}

/* netfs_collect_stream */
static inline void nwb_trace_collect_stream(const struct nwb_io_request *rreq,
					    unsigned int stream,
					    uint64_t collected_to,
					    uint64_t issued_to)
{
	if (nwb_is_tracing(rreq->nf))
		nwb_trace_collect_put(rreq, NWB_TR_COLLECT_STREAM, stream, 0,
				      collected_to, issued_to);
}

/* netfs_folio; @rreq may be NULL */
static inline void nwb_trace_folio(const struct nwb_folio *f,
				   const struct nwb_io_request *rreq,
				   enum nwb_trace_folio_what what)
{
	if (nwb_is_tracing(f->inode->nf))
		nwb_trace_folio_put(f, rreq, NWB_TR_FOLIO, what, 0, 0);
}

/* netfs_collect_folio */
static inline void nwb_trace_collect_folio(const struct nwb_folio *f,
					   const struct nwb_io_request *rreq,
					   uint64_t fend, uint64_t collected_to)
{
	if (nwb_is_tracing(f->inode->nf))
		nwb_trace_folio_put(f, rreq, NWB_TR_COLLECT_FOLIO, 0, fend,
				    collected_to);
}

#endif
