/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The index: records sorted into per-file lists.
 *
 * What cannot be read (a gap, an unknown kind, a range that wraps, an end
 * before its begin) is left out and makes the judge blind: it may have been
 * the record that explains everything, so nothing can FAIL any more.
 */
#include "judge_i.h"

#include <stdlib.h>
#include <string.h>

int nwb_j_by_begin(const void *a, const void *b)
{
	const struct jspan *x = a, *y = b;

	if (x->begin != y->begin)
		return x->begin < y->begin ? -1 : 1;
	return (x->slot > y->slot) - (x->slot < y->slot);
}

int nwb_j_by_user(const void *a, const void *b)
{
	const struct jspan *x = a, *y = b;

	if (x->ub != y->ub)
		return x->ub < y->ub ? -1 : 1;
	return (x->slot > y->slot) - (x->slot < y->slot);
}

/*
 * seen[]: what a record was when the judgement began, its state in the high
 * bits and its kind, if it can be read, in the low ones. Others may still write
 * (a heartbeat): nothing may look different on a second look.
 */
#define STATE_SHIFT 5u
#define KIND_MASK   31u
_Static_assert(NWB_L_KINDS <= KIND_MASK, "kinds fit into seen[]");

static unsigned int state_of(const struct judge *J, const struct nwb_lrec *r)
{
	return J->seen[r - J->in->rec] >> STATE_SHIFT;
}

bool nwb_j_has_ended(const struct judge *J, const struct nwb_lrec *r)
{
	return state_of(J, r) == NWB_LS_ENDED;
}

unsigned int nwb_j_kind(const struct judge *J, uint64_t slot)
{
	return J->seen[slot] & KIND_MASK;
}

struct jspan nwb_j_span_of(const struct judge *J, const struct nwb_lrec *r)
{
	struct jspan s = {
		.begin = r->begin,
		.end = nwb_j_has_ended(J, r) ? r->end : OPEN,
		.slot = (uint64_t)(r - J->in->rec),
	};

	nwb_j_order_place(J, r, &s);
	return s;
}

/* The ub of the newest write that may have been begun before @ticket. */
uint64_t nwb_j_newest_ub(const struct jfile *f, uint64_t ticket)
{
	uint32_t lo = 0, hi = f->nr_write;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (f->write[mid].s.begin < ticket)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo ? f->write[lo - 1].s.ub : 0;
}

static bool is_user_op(const struct nwb_lrec *r)
{
	return r->kind >= NWB_L_OPEN && r->kind <= NWB_L_CLOSE;
}

static bool has_range(const struct nwb_lrec *r)
{
	return r->kind == NWB_L_WRITE || r->kind == NWB_L_SENT ||
	       r->kind == NWB_L_ACKED || r->kind == NWB_L_GIVEUP ||
	       r->kind == NWB_L_EFFECT_WRITE || r->kind == NWB_L_EFFECT_RUN ||
	       r->kind == NWB_L_READ || r->kind == NWB_L_FSYNC;
}

/* A guest numbers from 1, and an end behind its begin. */
static bool is_number_odd(const struct judge *J, const struct nwb_lrec *r)
{
	if (r->kind == NWB_L_JOIN)
		return nwb_j_has_ended(J, r) && (!r->aux || r->aux == OPEN);
	if (!(r->flags & NWB_LF_GUEST) || !is_user_op(r))
		return false;
	if (!r->aux || r->aux == OPEN)
		return true;
	return nwb_j_has_ended(J, r) && (r->len2 <= r->aux || r->len2 == OPEN);
}

/* A result that the operation cannot have had. */
static bool is_result_odd(const struct judge *J, const struct nwb_lrec *r)
{
	if (!nwb_j_has_ended(J, r))
		return false;
	switch (r->kind) {
	case NWB_L_WRITE:
	case NWB_L_READ:
	case NWB_L_EFFECT_WRITE:
		return r->result > 0 && (uint64_t)r->result > r->len;
	case NWB_L_FSYNC:
	case NWB_L_CLOSE:
	case NWB_L_TRUNCATE:
		return r->result > 0;
	case NWB_L_GIVEUP:
		return r->result >= 0;
	default:
		return false;
	}
}

static bool is_readable(const struct judge *J, const struct nwb_lrec *r);

static bool is_run_odd(const struct judge *J, const struct nwb_lrec *r)
{
	const struct nwb_lrec *e;

	if (!r->parent || r->parent > J->in->nr_rec)
		return true;
	e = &J->in->rec[r->parent - 1];
	/* The kind first: an effect has no parent to go on with. */
	if (!state_of(J, e) || e->kind != NWB_L_EFFECT_WRITE ||
	    !is_readable(J, e) || !r->len)
		return true;
	if (r->flags & NWB_LF_PARTIAL)
		return r->off % NWB_LANE + r->len > NWB_LANE;
	return false;
}

static bool is_readable(const struct judge *J, const struct nwb_lrec *r)
{
	unsigned int state = state_of(J, r);

	if (state != NWB_LS_BEGUN && state != NWB_LS_ENDED)
		return false;
	if (r->kind == NWB_L_NONE || r->kind >= NWB_L_KINDS || !r->begin)
		return false;
	if (state == NWB_LS_ENDED && (r->end < r->begin || r->end == OPEN))
		return false;
	if (r->file > NWB_LEDGER_FILES)
		return false;
	if ((is_user_op(r) || r->kind == NWB_L_GIVEUP) && !r->file)
		return false;
	if (has_range(r) && r->off + r->len < r->off)
		return false;
	if (is_number_odd(J, r))
		return false;
	if (r->kind == NWB_L_EFFECT_RUN && is_run_odd(J, r))
		return false;
	return !is_result_odd(J, r);
}

/* How many of each list a file needs; counted before they are allocated. */
struct need {
	uint32_t write, open, sync, effect, run, fsync, giveup, sent, acked;
};

static void count_one(struct need *n, const struct nwb_lrec *r)
{
	switch (r->kind) {
	case NWB_L_WRITE:
		n->sync += !!(r->flags & NWB_LF_SYNC);
		n->write++;
		break;
	case NWB_L_TRUNCATE:
		n->write++;
		break;
	case NWB_L_OPEN:
		n->open++;
		break;
	case NWB_L_FSYNC:
	case NWB_L_CLOSE:
		n->sync++;
		break;
	case NWB_L_EFFECT_WRITE:
	case NWB_L_EFFECT_TRUNCATE:
		n->effect++;
		break;
	case NWB_L_EFFECT_FSYNC:
		n->fsync++;
		break;
	case NWB_L_GIVEUP:
		n->giveup++;
		break;
	case NWB_L_SENT:
		n->sent++;
		break;
	case NWB_L_ACKED:
		n->acked++;
		break;
	default:
		break;
	}
}

static const struct nwb_lrec *effect_of(const struct judge *J,
					const struct nwb_lrec *run)
{
	return &J->in->rec[run->parent - 1];
}

static int alloc_file(struct judge *J, struct jfile *f, const struct need *n)
{
	f->write = nwb_j_alloc(J, n->write, sizeof(*f->write));
	/* Each operation may be on an fd that the ledger never saw opened. */
	f->open = nwb_j_alloc(J, (uint64_t)n->open + n->write + n->sync,
			      sizeof(*f->open));
	f->sync = nwb_j_alloc(J, n->sync, sizeof(*f->sync));
	f->effect = nwb_j_alloc(J, n->effect, sizeof(*f->effect));
	f->run = nwb_j_alloc(J, n->run, sizeof(*f->run));
	f->fsync = nwb_j_alloc(J, n->fsync, sizeof(*f->fsync));
	f->giveup = nwb_j_alloc(J, n->giveup, sizeof(*f->giveup));
	f->sent = nwb_j_alloc(J, n->sent, sizeof(*f->sent));
	f->acked = nwb_j_alloc(J, n->acked, sizeof(*f->acked));
	return f->write && f->open && f->sync && f->effect && f->run &&
			       f->fsync && f->giveup && f->sent && f->acked
		       ? 0
		       : -ENOMEM;
}

static void add_sync(struct judge *J, struct jfile *f, const struct nwb_lrec *r)
{
	f->sync[f->nr_sync++] = (struct jsync){
		.s = nwb_j_span_of(J, r),
		.result = r->result,
		.is_close = r->kind == NWB_L_CLOSE,
		.has_ended = nwb_j_has_ended(J, r),
		.is_write = r->kind == NWB_L_WRITE,
		.write = NO_INDEX,
		.hi = FOREVER,
	};
	if (r->kind == NWB_L_FSYNC && r->len) {
		f->sync[f->nr_sync - 1].lo = r->off;
		f->sync[f->nr_sync - 1].hi = r->off + r->len;
	}
}

static void add_write(struct judge *J, struct jfile *f,
		      const struct nwb_lrec *r)
{
	struct jwrite w = {
		.s = nwb_j_span_of(J, r),
		.lo = r->off,
		.version = r->version,
		.is_trunc = r->kind == NWB_L_TRUNCATE,
		.is_sync = r->flags & NWB_LF_SYNC,
		.is_mapped = r->flags & NWB_LF_MAPPED,
	};

	w.hi = w.is_trunc ? FOREVER : r->off + r->len;
	w.owed_hi = w.lo;
	if (nwb_j_has_ended(J, r) && w.is_trunc && !r->result)
		w.owed_hi = FOREVER;
	else if (nwb_j_has_ended(J, r) && !w.is_trunc && r->result > 0)
		w.owed_hi = w.lo + (uint64_t)r->result;
	f->write[f->nr_write++] = w;
	J->j->bytes_dirtied += w.is_trunc ? 0 : w.owed_hi - w.lo;
	if (!w.is_trunc && w.is_sync)
		add_sync(J, f, r);
}

static void add_open(struct judge *J, struct jfile *f, const struct nwb_lrec *r)
{
	if (nwb_j_has_ended(J, r) && r->result < 0)
		return;
	f->open[f->nr_open++] = (struct jopen){
		.fd = r->fd,
		.s = nwb_j_span_of(J, r),
		.close.slot = NO_SLOT,
	};
}

static void add_effect(struct judge *J, struct jfile *f,
		       const struct nwb_lrec *r)
{
	struct jeffect e = {
		.s = nwb_j_span_of(J, r),
		.lo = r->off,
		.hi = r->off + r->len,
		.dies = OPEN,
		.is_trunc = r->kind == NWB_L_EFFECT_TRUNCATE,
		.conn = r->conn,
		.parked_ns = r->aux,
		.t_begin = r->t_begin,
	};

	/*
	 * The file was closed before: nothing can have reached it, and the
	 * buffer may be somebody else's by now. When a connection is cut, smbd
	 * 4.17 leaves its pool threads writes whose file it has closed and
	 * whose memory it has freed.
	 */
	if (nwb_j_has_ended(J, r) && r->result == -EBADF)
		return;
	if (e.is_trunc) {
		if (nwb_j_has_ended(J, r) && r->result < 0)
			return;
		e.hi = FOREVER;
	} else if (nwb_j_has_ended(J, r) && r->result >= 0) {
		e.hi = e.lo + (uint64_t)r->result;
		J->j->bytes_applied += (uint64_t)r->result;
	} else {
		e.is_maybe = true;
	}
	J->j->nr_effects += !e.is_trunc;
	if (e.hi > e.lo)
		f->effect[f->nr_effect++] = e;
}

static struct jxfer xfer_of(const struct judge *J, const struct nwb_lrec *r)
{
	return (struct jxfer){
		.s = nwb_j_span_of(J, r),
		.lo = r->off,
		.hi = r->off + r->len,
		.attempt = r->aux,
	};
}

static void add_one(struct judge *J, struct jfile *f, const struct nwb_lrec *r)
{
	switch (r->kind) {
	case NWB_L_WRITE:
	case NWB_L_TRUNCATE:
		add_write(J, f, r);
		break;
	case NWB_L_OPEN:
		add_open(J, f, r);
		break;
	case NWB_L_FSYNC:
	case NWB_L_CLOSE:
		add_sync(J, f, r);
		break;
	case NWB_L_EFFECT_WRITE:
	case NWB_L_EFFECT_TRUNCATE:
		add_effect(J, f, r);
		break;
	case NWB_L_EFFECT_FSYNC:
		if (nwb_j_has_ended(J, r) && !r->result)
			f->fsync[f->nr_fsync++] = nwb_j_span_of(J, r);
		break;
	case NWB_L_GIVEUP:
		f->giveup[f->nr_giveup++] = nwb_j_span_of(J, r);
		break;
	case NWB_L_SENT:
		f->sent[f->nr_sent++] = xfer_of(J, r);
		break;
	case NWB_L_ACKED:
		if (nwb_j_has_ended(J, r))
			f->acked[f->nr_acked++] = xfer_of(J, r);
		break;
	default:
		break;
	}
}

static int by_effect_and_lo(const void *a, const void *b)
{
	const struct jrun *x = a, *y = b;

	if (x->effect != y->effect)
		return x->effect < y->effect ? -1 : 1;
	if (x->lo != y->lo)
		return x->lo < y->lo ? -1 : 1;
	return (x->slot > y->slot) - (x->slot < y->slot);
}

static void add_run(struct judge *J, struct jfile *f, uint32_t effect,
		    const struct nwb_lrec *r)
{
	struct jrun run = {
		.effect = effect,
		.lo = r->off,
		.hi = r->off + r->len,
		.slot = (uint64_t)(r - J->in->rec),
		.run.kind = NWB_STAMP_LANES,
		.run.offset = r->off,
		.run.len = r->len,
		.run.lane.file = r->file2,
		.run.lane.offset = r->len2,
		.run.lane.version = r->version,
	};

	if (r->flags & NWB_LF_ZERO)
		run.run.kind = NWB_STAMP_ZERO;
	if (r->flags & NWB_LF_PARTIAL) {
		run.run.kind = NWB_STAMP_PARTIAL;
		memcpy(run.run.raw, &r->result, 8);
		memcpy(run.run.raw + 8, &r->mid, 8);
	}
	f->run[f->nr_run++] = run;
}

/* Runs go to their effects, whose places are known once those are sorted. */
static int index_runs(struct judge *J)
{
	uint32_t *effect_at = nwb_j_alloc(J, J->in->nr_rec, sizeof(*effect_at));

	if (!effect_at)
		return -ENOMEM;
	for (unsigned int id = 1; id <= NWB_LEDGER_FILES; id++)
		for (uint32_t i = 0; i < J->file[id].nr_effect; i++)
			effect_at[J->file[id].effect[i].s.slot] = i + 1;
	for (uint64_t i = 0; i < J->in->nr_rec; i++) {
		const struct nwb_lrec *r = &J->in->rec[i];
		struct jfile *f;

		if (nwb_j_kind(J, i) != NWB_L_EFFECT_RUN ||
		    !effect_at[r->parent - 1])
			continue;
		f = &J->file[effect_of(J, r)->file];
		add_run(J, f, effect_at[r->parent - 1] - 1, r);
	}
	for (unsigned int id = 1; id <= NWB_LEDGER_FILES; id++) {
		struct jfile *f = &J->file[id];

		qsort(f->run, f->nr_run, sizeof(*f->run), by_effect_and_lo);
		for (uint32_t i = 0; i < f->nr_run; i++) {
			struct jeffect *e = &f->effect[f->run[i].effect];

			if (!e->nr_runs++)
				e->run0 = i;
		}
	}
	return 0;
}

/* One operation on an fd, to be given to the open it belongs to. */
struct use {
	struct jspan s;
	uint16_t fd;
	uint32_t *session; /* NULL: this is the open itself */
	struct jopen open;
	bool is_close;
};

static int by_fd(const void *a, const void *b)
{
	const struct use *x = a, *y = b;

	if (x->fd != y->fd)
		return x->fd < y->fd ? -1 : 1;
	return nwb_j_by_user(&x->s, &y->s);
}

static void give_sessions(struct jfile *f, const struct use *u, uint32_t nr)
{
	struct jopen *o = NULL;

	f->nr_open = 0;
	for (uint32_t i = 0; i < nr; i++) {
		if (!u[i].session) {
			o = &f->open[f->nr_open++];
			*o = u[i].open;
			continue;
		}
		if (!o || o->fd != u[i].fd) {
			o = &f->open[f->nr_open++];
			*o = (struct jopen){.fd = u[i].fd,
					    .s.slot = NO_SLOT,
					    .close.slot = NO_SLOT};
		}
		*u[i].session = (uint32_t)(o - f->open);
		if (u[i].is_close && o->close.slot == NO_SLOT)
			o->close = u[i].s;
	}
}

static int index_sessions(struct judge *J, struct jfile *f)
{
	uint32_t nr = f->nr_open + f->nr_write + f->nr_sync, n = 0;
	struct use *u = nwb_j_alloc(J, nr, sizeof(*u));

	if (!u)
		return -ENOMEM;
	for (uint32_t i = 0; i < f->nr_open; i++)
		u[n++] = (struct use){.s = f->open[i].s,
				      .fd = f->open[i].fd,
				      .open = f->open[i]};
	for (uint32_t i = 0; i < f->nr_write; i++)
		u[n++] = (struct use){.s = f->write[i].s,
				      .fd = J->in->rec[f->write[i].s.slot].fd,
				      .session = &f->write[i].session};
	for (uint32_t i = 0; i < f->nr_sync; i++)
		u[n++] = (struct use){.s = f->sync[i].s,
				      .fd = J->in->rec[f->sync[i].s.slot].fd,
				      .session = &f->sync[i].session,
				      .is_close = f->sync[i].is_close};
	qsort(u, n, sizeof(*u), by_fd);
	give_sessions(f, u, n);
	return 0;
}

static int by_effect_of_crash(const void *a, const void *b)
{
	const struct jspan *x = a, *y = b;

	return (x->end > y->end) - (x->end < y->end);
}

/*
 * An effect is durable once an ok fsync of the server began after its end. A
 * crash takes what is not: `dies` is the ticket of the first crash after the
 * effect, if no such fsync was over by then.
 */
static int index_deaths(struct judge *J, struct jfile *f)
{
	uint64_t *ends =
		nwb_j_alloc(J, (uint64_t)f->nr_fsync + 1, sizeof(*ends));

	if (!ends)
		return -ENOMEM;
	ends[f->nr_fsync] = OPEN; /* earliest end of this fsync and later */
	for (uint32_t i = f->nr_fsync; i-- > 0;)
		ends[i] = nwb_min(ends[i + 1], f->fsync[i].end);
	for (uint32_t i = 0; i < f->nr_effect; i++) {
		struct jeffect *e = &f->effect[i];
		uint32_t lo = 0, hi = f->nr_fsync, c = 0;

		while (c < J->nr_crash && J->crash[c].end <= e->s.begin)
			c++;
		if (c == J->nr_crash)
			continue;
		while (lo < hi) {
			uint32_t mid = lo + (hi - lo) / 2;

			if (f->fsync[mid].begin > e->s.end)
				hi = mid;
			else
				lo = mid + 1;
		}
		if (ends[lo] >= J->crash[c].end)
			e->dies = J->crash[c].end;
		/* What was never over was over when the server died. */
		e->s.end = nwb_min(e->s.end, J->crash[c].end);
	}
	return 0;
}

/*
 * By ub, and begin shall ascend too, for searches. The two agree but where a
 * host worked beside a guest: there an earlier begin says less and is true.
 */
static void sort_writes(struct jfile *f)
{
	qsort(f->write, f->nr_write, sizeof(*f->write), nwb_j_by_user);
	for (uint32_t i = f->nr_write; i-- > 1;)
		f->write[i - 1].s.begin =
			nwb_min(f->write[i - 1].s.begin, f->write[i].s.begin);
}

static void sort_syncs(struct jfile *f)
{
	qsort(f->sync, f->nr_sync, sizeof(*f->sync), nwb_j_by_user);
	for (uint32_t i = f->nr_sync; i-- > 1;)
		f->sync[i - 1].s.begin =
			nwb_min(f->sync[i - 1].s.begin, f->sync[i].s.begin);
}

static int sort_file(struct judge *J, struct jfile *f)
{
	int err;

	sort_writes(f);
	sort_syncs(f);
	qsort(f->effect, f->nr_effect, sizeof(*f->effect), nwb_j_by_begin);
	qsort(f->fsync, f->nr_fsync, sizeof(*f->fsync), nwb_j_by_begin);
	qsort(f->giveup, f->nr_giveup, sizeof(*f->giveup), nwb_j_by_begin);
	qsort(f->sent, f->nr_sent, sizeof(*f->sent), nwb_j_by_begin);
	qsort(f->acked, f->nr_acked, sizeof(*f->acked), nwb_j_by_begin);
	err = index_sessions(J, f);
	return err ? err : index_deaths(J, f);
}

static int index_crashes(struct judge *J)
{
	const uint16_t lossy = NWB_LF_CRASH | NWB_LF_VOLATILE;
	uint64_t nr = 0;

	for (uint64_t i = 0; i < J->in->nr_rec; i++)
		nr += nwb_j_kind(J, i) == NWB_L_SERVER_DOWN;
	J->crash = nwb_j_alloc(J, nr, sizeof(*J->crash));
	if (!J->crash)
		return -ENOMEM;
	for (uint64_t i = 0; i < J->in->nr_rec; i++) {
		const struct nwb_lrec *r = &J->in->rec[i];

		if (nwb_j_kind(J, i) == NWB_L_SERVER_DOWN &&
		    nwb_j_has_ended(J, r) && (r->flags & lossy))
			J->crash[J->nr_crash++] = nwb_j_span_of(J, r);
	}
	qsort(J->crash, J->nr_crash, sizeof(*J->crash), by_effect_of_crash);
	return 0;
}

static void unreadable(struct judge *J, uint64_t slot)
{
	bool is_gap = state_of(J, &J->in->rec[slot]) == NWB_LS_FREE;
	struct nwb_finding f = {
		.verdict = NWB_INCONCLUSIVE,
		.kind = is_gap ? "GAP" : "ODD",
		.rec_a = slot,
		.rec_b = NO_SLOT,
	};

	J->is_blind = true;
	nwb_j_found(J, &f, "slot %llu: %s", (unsigned long long)slot,
		    is_gap ? "reserved but never written"
			   : "a record that cannot be read");
}

/*
 * Look at each record once. What was reserved behind RUN_END and is not written
 * yet is no gap: all was closed and quiet by then, only heartbeats go on.
 */
static int see_records(struct judge *J)
{
	uint64_t run_end = J->in->nr_rec;

	J->seen = nwb_j_alloc(J, J->in->nr_rec, sizeof(*J->seen));
	if (!J->seen)
		return -ENOMEM;
	for (uint64_t i = 0; i < J->in->nr_rec; i++) {
		uint32_t state = atomic_load_explicit(&J->in->rec[i].state,
						      memory_order_acquire);

		J->seen[i] = (uint8_t)(nwb_min(state, 3u) << STATE_SHIFT);
		if (state == NWB_LS_ENDED &&
		    J->in->rec[i].kind == NWB_L_RUN_END)
			run_end = i;
	}
	for (uint64_t i = 0; i < J->in->nr_rec; i++) {
		const struct nwb_lrec *r = &J->in->rec[i];

		if (is_readable(J, r))
			J->seen[i] |= (uint8_t)r->kind;
		else if (state_of(J, r) != NWB_LS_FREE || i < run_end)
			unreadable(J, i);
	}
	return 0;
}

static void count_records(struct judge *J, struct need *need)
{
	for (uint64_t i = 0; i < J->in->nr_rec; i++) {
		const struct nwb_lrec *r = &J->in->rec[i];
		unsigned int kind = nwb_j_kind(J, i);

		if (!kind)
			continue;
		if (kind >= NWB_L_PDU_REQ && kind <= NWB_L_CONN_DOWN)
			J->has_server = true;
		if (kind == NWB_L_SENT)
			J->has_sent = true;
		if (kind == NWB_L_EFFECT_RUN)
			need[effect_of(J, r)->file].run++;
		else
			count_one(&need[r->file], r);
	}
}

int nwb_j_index_build(struct judge *J)
{
	struct need *need = nwb_j_alloc(J, NWB_LEDGER_FILES + 1, sizeof(*need));
	int err = see_records(J);

	J->file = nwb_j_alloc(J, NWB_LEDGER_FILES + 1, sizeof(*J->file));
	if (err || !J->file || !need)
		return -ENOMEM;
	err = nwb_j_order_build(J);
	count_records(J, need);
	for (unsigned int id = 0; !err && id <= NWB_LEDGER_FILES; id++) {
		J->file[id].id = (uint16_t)id;
		err = alloc_file(J, &J->file[id], &need[id]);
	}
	if (!err)
		err = index_crashes(J);
	for (uint64_t i = 0; !err && i < J->in->nr_rec; i++) {
		const struct nwb_lrec *r = &J->in->rec[i];

		if (nwb_j_kind(J, i) && r->file)
			add_one(J, &J->file[r->file], r);
	}
	for (unsigned int id = 1; !err && id <= NWB_LEDGER_FILES; id++)
		err = sort_file(J, &J->file[id]);
	for (unsigned int i = 0; i < J->in->nr_content; i++)
		if (J->in->content[i].file <= NWB_LEDGER_FILES)
			J->file[J->in->content[i].file].content =
				&J->in->content[i];
	return err ? err : index_runs(J);
}
