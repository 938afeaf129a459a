/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ledger in memory, and who writes into it: the tasks (what was intended),
 * the client's tap (sent, acked, given up), the fake (what reached the files).
 * Records and tickets are those of nwb/ledger.h, so the same judge reads them.
 *
 * Every record goes into the digest at its end, with the virtual time. Payloads
 * are in it by what they decode to.
 */
#include "sim_i.h"

#include "nwb/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A world has a thousand or two; who never ends shall not fill the machine. */
#define RECORDS_MAX 500000u

int sim_events_init(struct sim_events *e, bool trace)
{
	memset(e, 0, sizeof(*e));
	e->max = 2048;
	e->rec = calloc(e->max, sizeof(*e->rec));
	e->trace = trace;
	sha256_init(&e->sha);
	return e->rec ? 0 : -ENOMEM;
}

void sim_events_fini(struct sim_events *e)
{
	free(e->rec);
	e->rec = NULL;
}

static bool make_room(struct sim_events *e)
{
	struct nwb_lrec *more;

	if (e->nr < e->max)
		return true;
	more = realloc(e->rec, 2 * e->max * sizeof(*more));
	if (!more) {
		e->nr_lost++;
		return false;
	}
	memset(more + e->max, 0, e->max * sizeof(*more));
	e->rec = more;
	e->max *= 2;
	return true;
}

static void put64(uint8_t *to, uint64_t v)
{
	for (unsigned int i = 0; i < 8; i++)
		to[i] = (uint8_t)(v >> (8 * i));
}

static void digest(struct sim_events *e, const struct nwb_lrec *r)
{
	uint8_t b[64];

	put64(b, r->kind | (uint64_t)r->flags << 16 | (uint64_t)r->file << 32 |
			 (uint64_t)r->fd << 48);
	put64(b + 8, r->begin);
	put64(b + 16, r->end);
	put64(b + 24, r->t_end);
	put64(b + 32, r->off);
	put64(b + 40, r->len);
	put64(b + 48, (uint64_t)r->result ^ r->aux << 32);
	put64(b + 56, r->version | (uint64_t)r->status << 32);
	sha256_update(&e->sha, sizeof(b), b);
}

static void show(const struct sim_events *e, const struct nwb_lrec *r)
{
	printf("%12llu.%06llu ms  %-15s file %u fd %u  [%llu, +%llu) v%u "
	       "result %lld status %#x aux %llu  tickets %llu..%llu\n",
	       (unsigned long long)(r->t_end / NWB_MSEC),
	       (unsigned long long)(r->t_end % NWB_MSEC),
	       nwb_ledger_kind_name(r->kind), r->file, r->fd,
	       (unsigned long long)r->off, (unsigned long long)r->len,
	       r->version, (long long)r->result, r->status,
	       (unsigned long long)r->aux, (unsigned long long)r->begin,
	       (unsigned long long)r->end);
	(void)e;
}

uint64_t sim_begin(struct sim_events *e, const struct nwb_lrec *proto)
{
	struct nwb_lrec *r;

	if (!make_room(e))
		return SIM_NO_REC;
	r = &e->rec[e->nr];
	*r = *proto;
	r->state = NWB_LS_BEGUN;
	r->begin = ++e->tick;
	r->end = NWB_TICKET_OPEN;
	r->t_begin = nwb_now_ns(e->ex);
	return e->nr++;
}

static void finish(struct sim_events *e, struct nwb_lrec *r)
{
	r->end = ++e->tick;
	r->t_end = nwb_now_ns(e->ex);
	r->state = NWB_LS_ENDED;
	digest(e, r);
	if (e->trace && r->kind != NWB_L_EFFECT_RUN)
		show(e, r);
}

void sim_end(struct sim_events *e, uint64_t index, int64_t result)
{
	if (index == SIM_NO_REC)
		return;
	e->rec[index].result = result;
	finish(e, &e->rec[index]);
}

uint64_t sim_point(struct sim_events *e, const struct nwb_lrec *proto)
{
	uint64_t i = sim_begin(e, proto);

	if (i != SIM_NO_REC)
		finish(e, &e->rec[i]);
	return i;
}

void sim_mix(struct sim_events *e, uint64_t a, uint64_t b)
{
	uint8_t bytes[16];

	put64(bytes, a);
	put64(bytes + 8, b);
	sha256_update(&e->sha, sizeof(bytes), bytes);
}

/* --- the fake ------------------------------------------------------------- */

struct runs {
	struct sim_events *e;
	uint16_t file;
	uint32_t parent;
	bool is_crypt;
};

static int one_run(void *arg, const struct nwb_stamp_run *run)
{
	const struct runs *rs = arg;
	struct nwb_lrec rec = nwb_lrec_run(rs->file, rs->parent, run);

	/* a cut lane of cipher text, which nobody can read */
	if (rs->is_crypt && run->kind == NWB_STAMP_PARTIAL &&
	    run->len < NWB_LANE)
		return 0;
	(void)sim_point(rs->e, &rec);
	return 0;
}

void sim_on_apply(void *arg, const struct nwb_fake_apply *a)
{
	struct sim_world *w = arg;
	struct sim_file *f = sim_file_by_name(w, a->name);
	struct runs rs = {.e = &w->ev};
	uint64_t i;

	if (!f)
		return;
	i = sim_point(&w->ev, &(struct nwb_lrec){
				      .kind = NWB_L_EFFECT_WRITE,
				      .file = f->id,
				      .off = a->offset - w->plan.base,
				      .len = a->len,
				      .result = a->len,
				      .instance = a->instance,
			      });
	if (i == SIM_NO_REC)
		return;
	rs.file = f->id;
	rs.parent = (uint32_t)i + 1;
	rs.is_crypt = w->key.unit;
	(void)nwb_stamp_scan(&w->key, a->offset - w->plan.base, a->data, a->len,
			     one_run, &rs);
}

void sim_on_event(void *arg, enum nwb_fake_event event, const char *name,
		  uint64_t value)
{
	struct sim_world *w = arg;
	struct sim_file *f = name ? sim_file_by_name(w, name) : NULL;
	struct nwb_lrec rec = {.file = f ? f->id : 0};

	if (!w->began_ns)
		return; /* what files have at first is no effect */
	if (name && !f)
		return; /* the object, which the judge knows nothing of */
	switch (event) {
	case NWB_FAKE_SYNCED:
		rec.kind = NWB_L_EFFECT_FSYNC;
		break;
	case NWB_FAKE_RESIZED:
		rec.kind = NWB_L_EFFECT_TRUNCATE;
		rec.off = value - w->plan.base;
		break;
	case NWB_FAKE_CRASHED:
		w->nr_crashes++;
		rec.kind = NWB_L_SERVER_DOWN;
		rec.flags = NWB_LF_CRASH | NWB_LF_VOLATILE;
		rec.instance = (uint32_t)value - 1;
		break;
	case NWB_FAKE_CONN_UP:
		rec.kind = NWB_L_CONN_UP;
		rec.conn = (uint32_t)value;
		break;
	case NWB_FAKE_CONN_DOWN:
		rec.kind = NWB_L_CONN_DOWN;
		break;
	}
	(void)sim_point(&w->ev, &rec);
}

/* --- the client's tap ----------------------------------------------------- */

static struct sim_world *tap_world(struct nwb_netfs_tap *tap)
{
	return nwb_container_of(tap, struct sim_world, tap);
}

/* FNV-1a over words: cheap, and any changed bit shows. */
static uint64_t sum_of(const struct iovec *iov, unsigned int nr)
{
	uint64_t h = 0xcbf29ce484222325ull;

	for (unsigned int i = 0; i < nr; i++) {
		const uint8_t *p = iov[i].iov_base;
		size_t left = iov[i].iov_len;

		for (; left >= 8; left -= 8, p += 8) {
			uint64_t v;

			memcpy(&v, p, 8);
			h = (h ^ v) * 0x100000001b3ull;
			h ^= h >> 29;
		}
		for (; left; left--, p++)
			h = (h ^ *p) * 0x100000001b3ull;
	}
	return h;
}

static void note_payload(struct sim_world *w,
			 const struct nwb_io_subrequest *sreq)
{
	uint32_t id = nwb_inode_id(nwb_rreq_inode(sreq->rreq));
	uint64_t start = sreq->start + sreq->transferred;
	struct sim_sent *s = NULL;

	/* One that was lost, or cut anew, leaves an entry behind. */
	for (unsigned int i = 0; i < SIM_SENT; i++) {
		struct sim_sent *x = &w->sent[i];

		if (x->sreq == sreq || (x->id == id && x->start == start))
			x->sreq = NULL;
		if (!s && !x->sreq)
			s = x;
	}
	if (!s)
		return;
	*s = (struct sim_sent){
		.sreq = sreq,
		.id = id,
		.start = start,
		.sum = sum_of(sreq->iov, sreq->nr_iov),
		.iov = sreq->iov,
		.nr_iov = sreq->nr_iov,
	};
}

/* O13: under stable pages, and with copies, a payload is of one instant. */
static void check_payload(struct sim_world *w, uint32_t id, uint64_t start)
{
	for (unsigned int i = 0; i < SIM_SENT; i++) {
		struct sim_sent *s = &w->sent[i];

		if (!s->sreq || s->id != id || s->start != start)
			continue;
		if (sum_of(s->iov, s->nr_iov) != s->sum)
			sim_fail(
				w, "O13",
				"file %u: the payload at %llu changed while it "
				"was on its way",
				id, (unsigned long long)start);
		s->sreq = NULL;
		return;
	}
}

/* Of a file: the judge knows nothing of the object. */
static void record(struct sim_world *w, const struct nwb_lrec *rec)
{
	if (sim_file_by_id(w, rec->file))
		(void)sim_point(&w->ev, rec);
}

static void tap_sent(struct nwb_netfs_tap *tap,
		     const struct nwb_io_subrequest *sreq)
{
	struct sim_world *w = tap_world(tap);
	uint32_t id = nwb_inode_id(nwb_rreq_inode(sreq->rreq));

	if (sreq->stream_nr)
		return;
	record(w, &(struct nwb_lrec){
			  .kind = NWB_L_SENT,
			  .file = (uint16_t)id,
			  .off = sreq->start + sreq->transferred - w->plan.base,
			  .len = sreq->len - sreq->transferred,
			  .aux = sreq->retry_count,
		  });
	if (sreq->retry_count >= w->plan.opts.max_attempts)
		sim_fail(w, "O4",
			 "file %u: [%llu, +%llu) is sent time %u of %u", id,
			 (unsigned long long)sreq->start,
			 (unsigned long long)sreq->len, sreq->retry_count + 1,
			 w->plan.opts.max_attempts);
	if (w->ev.nr > RECORDS_MAX)
		sim_fail(w, "O8", "after %llu records it sends and sends",
			 (unsigned long long)w->ev.nr);
	if (sim_is_stable(&w->plan))
		note_payload(w, sreq);
	sim_cut_ready(w);
}

static void tap_acked(struct nwb_netfs_tap *tap, uint32_t id, uint64_t start,
		      uint64_t len, uint32_t instance)
{
	struct sim_world *w = tap_world(tap);

	record(w, &(struct nwb_lrec){
			  .kind = NWB_L_ACKED,
			  .file = (uint16_t)id,
			  .off = start - w->plan.base,
			  .len = len,
			  .result = (int64_t)len,
			  .instance = instance,
		  });
	if (sim_is_stable(&w->plan))
		check_payload(w, id, start);
}

static void tap_gaveup(struct nwb_netfs_tap *tap, uint32_t id,
		       const struct nwb_io_subrequest *sreq, int error)
{
	struct sim_world *w = tap_world(tap);
	struct sim_file *f = sim_file_by_id(w, id);
	uint64_t off = sreq->start + sreq->transferred - w->plan.base;
	uint64_t len = sreq->len - sreq->transferred;

	/* Who wrote it directly is told, and nobody else. */
	if (nwb_rreq_is_direct(sreq->rreq)) {
		sim_mix(&w->ev, off, (uint64_t)error);
		return;
	}
	if (sreq->error == -EAGAIN && !sreq->wire_status &&
	    sreq->retry_count + 1 < w->plan.opts.max_attempts)
		sim_fail(w, "O15", "file %u: [%llu, +%llu) failed with EAGAIN",
			 id, (unsigned long long)off, (unsigned long long)len);
	record(w, &(struct nwb_lrec){
			  .kind = NWB_L_GIVEUP,
			  .flags = sreq->is_refused ? NWB_LF_REFUSED : 0,
			  .file = (uint16_t)id,
			  .off = off,
			  .len = len,
			  .result = error,
			  .status = sreq->wire_status,
			  .aux = sreq->retry_count + 1,
			  .len2 = sreq->unreachable_ns,
		  });
	if (!f)
		return;
	f->nr_gaveup++;
	sim_unsure(f, off, len);
	f->is_size_unsure = true;
}

static void tap_flush_gaveup(struct nwb_netfs_tap *tap, uint32_t id,
			     uint32_t attempts, uint64_t unreachable_ns,
			     bool is_refused, int error)
{
	struct sim_world *w = tap_world(tap);
	struct sim_file *f = sim_file_by_id(w, id);

	record(w, &(struct nwb_lrec){
			  .kind = NWB_L_GIVEUP,
			  .flags = is_refused ? NWB_LF_REFUSED : 0,
			  .file = (uint16_t)id,
			  .result = error,
			  .aux = attempts,
			  .len2 = unreachable_ns,
		  });
	if (!f)
		return;
	f->nr_gaveup++;
	sim_unsure(f, 0, f->max);
	f->is_size_unsure = true;
}

static int tap_begin(struct nwb_netfs_tap *tap, struct nwb_io_request *rreq)
{
	(void)rreq;
	return sim_refuse(tap_world(tap));
}

void sim_tap_init(struct sim_world *w)
{
	w->tap.begin = tap_begin;
	w->tap.sent = tap_sent;
	w->tap.acked = tap_acked;
	w->tap.gaveup = tap_gaveup;
	w->tap.flush_gaveup = tap_flush_gaveup;
}
