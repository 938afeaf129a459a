/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The ring of trace events.
 *
 *	head ──► slot = head++ mod size
 *	         seq = 0, seven words, seq = head: published
 *
 * All words of a slot are atomics: a writer that laps another one, or a reader,
 * makes at worst an event that is left out, never undefined behaviour. A slot
 * is whole if its seq is the same, and the expected one, before and after its
 * words are read (as in a seqlock).
 */
#include "trace.h"

#include "nwb/mem.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

#define WORDS	   (sizeof(struct nwb_trace_event) / sizeof(uint64_t))
#define EVENTS_MIN ((size_t)64)
#define EVENTS_MAX ((size_t)1 << 24)

static_assert(sizeof(struct nwb_trace_event) == 56, "an event is seven words");

struct slot {
	_Atomic uint64_t seq; /* 0: being written; else its number + 1 */
	_Atomic uint64_t word[WORDS];
};

struct nwb_trace {
	_Atomic uint64_t head;
	uint64_t mask;
	struct slot *slot;
};

struct nwb_trace *nwb_trace_new(size_t nr_events)
{
	struct nwb_trace *t = nwb_zalloc(sizeof(*t));
	size_t n = EVENTS_MIN;

	if (!t)
		return NULL;
	while (n < nr_events && n < EVENTS_MAX)
		n *= 2;
	t->mask = n - 1;
	t->slot = nwb_alloc_pages(n * sizeof(struct slot));
	if (!t->slot) {
		nwb_free(t);
		return NULL;
	}
	return t;
}

void nwb_trace_free(struct nwb_trace *t)
{
	if (!t)
		return;
	nwb_free(t->slot);
	nwb_free(t);
}

void nwb_trace_add(struct nwb_trace *t, const struct nwb_trace_event *e)
{
	uint64_t nr =
		atomic_fetch_add_explicit(&t->head, 1, memory_order_relaxed);
	struct slot *s = &t->slot[nr & t->mask];
	uint64_t word[WORDS];

	memcpy(word, e, sizeof(word));
	atomic_store_explicit(&s->seq, 0, memory_order_relaxed);
	/* whoever sees one of the words sees that seq is not the old one */
	for (size_t i = 0; i < WORDS; i++)
		atomic_store_explicit(&s->word[i], word[i],
				      memory_order_release);
	atomic_store_explicit(&s->seq, nr + 1, memory_order_release);
}

uint64_t nwb_trace_count(const struct nwb_trace *t)
{
	return atomic_load(&t->head);
}

static bool read_slot(const struct nwb_trace *t, uint64_t nr,
		      struct nwb_trace_event *ret_e)
{
	struct slot *s = &t->slot[nr & t->mask];
	uint64_t word[WORDS];

	if (atomic_load_explicit(&s->seq, memory_order_acquire) != nr + 1)
		return false;
	for (size_t i = 0; i < WORDS; i++)
		word[i] =
			atomic_load_explicit(&s->word[i], memory_order_acquire);
	if (atomic_load_explicit(&s->seq, memory_order_relaxed) != nr + 1)
		return false;
	memcpy(ret_e, word, sizeof(word));
	return true;
}

bool nwb_trace_next(const struct nwb_trace *t, uint64_t *pos,
		    struct nwb_trace_event *ret_e)
{
	uint64_t head = atomic_load(&t->head);

	if (head > t->mask + 1 && *pos < head - (t->mask + 1))
		*pos = head - (t->mask + 1);
	while (*pos < head)
		if (read_slot(t, (*pos)++, ret_e))
			return true;
	return false;
}

/* --- from netfs' objects to events ---------------------------------------- */

/* The bit numbers of 7.2's NETFS_RREQ_* and NETFS_SREQ_*. */
static uint16_t rreq_flags(const struct nwb_io_request *rreq)
{
	unsigned int f = 1u << 8; /* OFFLOAD_COLLECTION */

	f |= rreq->in_progress ? 1u << 0 : 0;
	f |= rreq->all_queued ? 1u << 1 : 0;
	f |= rreq->retry == NWB_RETRY_PENDING ? 1u << 4 : 0;
	f |= rreq->is_upload_begun ? 1u << 11 : 0;
	return (uint16_t)f;
}

static uint16_t sreq_flags(const struct nwb_io_subrequest *s)
{
	unsigned int f = 0;

	f |= s->flags & NWB_SREQ_MADE_PROGRESS ? 1u << 4 : 0;
	f |= s->flags & NWB_SREQ_BOUNDARY ? 1u << 6 : 0;
	f |= s->flags & NWB_SREQ_IN_PROGRESS ? 1u << 8 : 0;
	f |= s->flags & NWB_SREQ_NEED_RETRY ? 1u << 9 : 0;
	f |= s->flags & NWB_SREQ_FAILED ? 1u << 10 : 0;
	return (uint16_t)f;
}

void nwb_trace_put(struct nwb_netfs *nf, struct nwb_trace_event *e)
{
	e->ns = nwb_now_ns(nf->ex);
	nwb_trace_add(nf->opts.trace, e);
}

void nwb_trace_sreq_put(const struct nwb_sreq *q, enum nwb_trace_type type,
			unsigned int what)
{
	const struct nwb_io_subrequest *s = &q->s;
	struct nwb_trace_event e = {
		.type = (uint8_t)type,
		.what = (uint8_t)what,
		.rreq = s->rreq->debug_id,
		.index = s->debug_index,
		.source = s->stream_nr,
		.start = s->start,
		.len = s->len,
		.done = s->transferred,
		.error = s->error,
		.flags = sreq_flags(s),
		.ino = s->rreq->inode->id,
	};

	nwb_trace_put(s->rreq->nf, &e);
}

void nwb_trace_rreq_put(const struct nwb_io_request *rreq,
			enum nwb_trace_type type, unsigned int what,
			uint64_t start, uint64_t len)
{
	struct nwb_trace_event e = {
		.type = (uint8_t)type,
		.what = (uint8_t)what,
		.rreq = rreq->debug_id,
		.origin = (uint8_t)rreq->origin,
		.flags = type == NWB_TR_RREQ ? rreq_flags(rreq) : 0,
		.start = start,
		.len = len,
		/* at its end the inode may be gone */
		.ino = type == NWB_TR_WRITE ? rreq->inode->id : 0,
	};

	nwb_trace_put(rreq->nf, &e);
}

void nwb_trace_collect_put(const struct nwb_io_request *rreq,
			   enum nwb_trace_type type, unsigned int stream,
			   unsigned int what, uint64_t from, uint64_t to)
{
	struct nwb_trace_event e = {
		.type = (uint8_t)type,
		.what = type == NWB_TR_COLLECT_GAP ? (uint8_t)what : 0,
		.flags = type == NWB_TR_COLLECT_STATE ? (uint16_t)what : 0,
		.rreq = rreq->debug_id,
		.source = (uint8_t)stream,
		.start = from,
		.done = to,
		.ino = rreq->inode->id,
	};

	nwb_trace_put(rreq->nf, &e);
}

void nwb_trace_folio_put(const struct nwb_folio *f,
			 const struct nwb_io_request *rreq,
			 enum nwb_trace_type type, unsigned int what,
			 uint64_t fend, uint64_t collected_to)
{
	struct nwb_trace_event e = {
		.type = (uint8_t)type,
		.what = (uint8_t)what,
		.rreq = rreq ? rreq->debug_id : 0,
		.ino = f->inode->id,
		.start = f->index,
		.len = type == NWB_TR_FOLIO ? f->bytes / NWB_PAGE_SIZE : fend,
		.done = collected_to,
	};

	nwb_trace_put(f->inode->nf, &e);
}
