/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * O6, errors told.
 *
 * Each given-up writeback is told to each fd open then; one error return tells
 * that fd of all earlier failures; exactly once; close peeks and does not
 * consume; no SPURIOUS error if all was written in the end; SWALLOWED if none
 * came. Error numbers are not compared.
 *
 * SWALLOWED: an ok fsync (or an ok close, where close promises) on an fd that
 * was open at the failure, after the failure, with no error before it. An fsync
 * during which the upload failed must tell too, if all that may have been in
 * that upload was written before the fsync began, since it waits for that.
 *
 * SPURIOUS: an error, no failure that this fd was not told of, and the server
 * had all that was written. TWICE: no failure, but this fd was told before. A
 * FLUSH that failed or was not answered may be told, and need not be: a file
 * with nothing in flight has lost nothing by it. Each error needs a failure of
 * its own; where a failure and an error overlap in time, it may also be left
 * for the next one, so the failure that ends first is taken first. A refused
 * FLUSH overlaps all that runs until who may have sent it has returned: that its
 * answer has left the server does not say that the client knows. Written is
 * not durable: where there was trouble since the last ok fsync (a fault, a
 * connection or a server down) an error is SPURIOUS only if a FLUSH had its ok
 * answer while the fsync ran.
 *
 * A close that returns the error peeks: an fd opened later may still be told.
 * An fd opened after an fsync told the error is not told again.
 *
 * Somebody else's client keeps its failures to itself: what the wire tells of
 * them is in o6_wire.c. Nor is an error of a client of ours that records
 * nothing it sends called SPURIOUS.
 */
#include "o6_i.h"

#include <stdlib.h>

static bool is_error(const struct jsync *y)
{
	return y->has_ended && y->result < 0;
}

static bool must_tell(const struct judge *J, const struct jsync *y)
{
	return nwb_j_promises(J, y) && !y->is_write && !is_ranged(y);
}

/* That may have begun before ticket @t. */
static uint32_t syncs_begun_before(const struct jsync *const *y, uint32_t nr,
				   uint64_t t)
{
	uint32_t lo = 0, hi = nr;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (y[mid]->s.begin < t)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* That were begun before @ok was over. */
static uint32_t syncs_within(const struct jsync *const *y, uint32_t nr,
			     const struct jsync *ok)
{
	uint32_t lo = 0, hi = nr;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (y[mid]->s.ub < ok->s.ue)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

int nwb_o6_tellers(struct errors *x)
{
	struct jfile *f = x->f;

	x->teller = nwb_j_alloc(x->J, f->nr_open, sizeof(*x->teller));
	if (!x->teller)
		return -ENOMEM;
	for (uint32_t i = 0; i < f->nr_sync; i++) {
		struct teller *t = &x->teller[f->sync[i].session];

		t->nr_error += is_error(&f->sync[i]);
		t->nr_ok += must_tell(x->J, &f->sync[i]);
	}
	for (uint32_t o = 0; o < f->nr_open; o++) {
		struct teller *t = &x->teller[o];

		t->error = nwb_j_alloc(x->J, t->nr_error, sizeof(*t->error));
		t->ok = nwb_j_alloc(x->J, t->nr_ok, sizeof(*t->ok));
		t->error_end = nwb_j_alloc(x->J, t->nr_error, sizeof(uint64_t));
		if (!t->error || !t->ok || !t->error_end)
			return -ENOMEM;
		t->nr_error = t->nr_ok = 0;
	}
	for (uint32_t i = 0; i < f->nr_sync; i++) {
		struct teller *t = &x->teller[f->sync[i].session];
		uint32_t n = t->nr_error;

		if (is_error(&f->sync[i])) {
			t->error[n] = &f->sync[i];
			t->error_end[n] = f->sync[i].s.end;
			if (n)
				t->error_end[n] = nwb_max(t->error_end[n],
							  t->error_end[n - 1]);
			t->nr_error++;
		} else if (must_tell(x->J, &f->sync[i])) {
			t->ok[t->nr_ok++] = &f->sync[i];
		}
	}
	return 0;
}

/* Was @g, on this fd, told no later than at the end of @ok? */
static bool was_told(const struct teller *t, const struct jspan *g,
		     const struct jsync *ok)
{
	uint32_t n = syncs_within(t->error, t->nr_error, ok);

	return n && t->error_end[n - 1] > g->begin;
}

/*
 * @g fell into @ok: must @ok know? Only if no write to those bytes was running
 * or begun between, which might be the one that failed.
 */
static bool must_know(const struct errors *x, const struct jspan *g,
		      const struct jsync *ok)
{
	const struct nwb_lrec *r = &x->J->in->rec[g->slot];
	const struct jfile *f = x->f;
	bool has_data = !r->len;

	if (g->end >= ok->s.end_lo)
		return false;
	if (g->end < ok->s.begin)
		return true;
	if (!r->len) /* a FLUSH: this fsync's own, if no other was running */
		for (uint32_t i = 0; i < f->nr_sync; i++)
			if (&f->sync[i] != ok && !before(&f->sync[i].s, g) &&
			    f->sync[i].s.begin < g->end)
				return false;
	if (!r->len)
		return g->begin > ok->s.begin_hi;
	for (uint32_t i = 0; i < f->nr_write; i++) {
		const struct jwrite *w = &f->write[i];

		if (w->s.begin >= g->end)
			break;
		if (w->lo >= r->off + r->len || w->hi <= r->off)
			continue;
		if (!user_before(&w->s, &ok->s))
			return false;
		has_data = true;
	}
	return has_data;
}

static void swallowed(struct errors *x, const struct jspan *g,
		      const struct jsync *ok)
{
	const struct nwb_lrec *r = &x->J->in->rec[g->slot];
	struct nwb_finding f = {
		.oracle = 6,
		.verdict = NWB_FAIL,
		.kind = "SWALLOWED",
		.file = x->f->id,
		.off = r->off,
		.len = r->len,
		.rec_a = g->slot,
		.rec_b = ok->s.slot,
	};

	nwb_j_found(x->J, &f, "fd %u: %s said ok and never told of the failure",
		    x->f->open[ok->session].fd,
		    ok->is_close ? "close" : "fsync");
}

/* One failure and one fd that was open then. */
void nwb_o6_judge_told(struct errors *x, const struct jspan *g, uint32_t o)
{
	const struct jopen *open = &x->f->open[o];
	const struct teller *t = &x->teller[o];
	uint32_t i;

	if (open->s.end >= g->begin && open->s.slot != NO_SLOT)
		return; /* not surely open by then */
	if (open->close.slot != NO_SLOT && open->close.end < g->begin)
		return;
	i = syncs_begun_before(t->ok, t->nr_ok, g->begin);
	/* Those that were running at the failure, then the first one after. */
	for (i = i > 8 ? i - 8 : 0; i < t->nr_ok; i++) {
		const struct jsync *ok = t->ok[i];

		if (must_know(x, g, ok)) {
			if (!was_told(t, g, ok))
				swallowed(x, g, ok);
			return;
		}
		if (ok->s.begin > g->end)
			return;
	}
}

static int by_end(const void *a, const void *b)
{
	const struct jspan *x = a, *y = b;

	if (x->end != y->end)
		return x->end < y->end ? -1 : 1;
	return (x->slot > y->slot) - (x->slot < y->slot);
}

/*
 * A FLUSH that was refused at @g: when did the client surely know? Its answer
 * has left the server by then, no more. Who sent it knows when he returns; if
 * none of those that might be waits there, nobody does.
 */
static uint64_t known_at(const struct jfile *f, const struct jspan *g)
{
	uint64_t end = 0;

	for (uint32_t i = 0; i < f->nr_sync && f->sync[i].s.begin < g->end; i++)
		if (f->sync[i].s.end >= g->begin)
			end = nwb_max(end, f->sync[i].s.end);
	for (uint32_t i = 0; i < f->nr_trunc; i++) {
		const struct jspan *t = &f->write[f->trunc[i]].s;

		if (t->begin < g->end && t->end >= g->begin)
			end = nwb_max(end, t->end);
	}
	return end ? nwb_max(end, g->end) : OPEN;
}

static int list_failures(struct errors *x)
{
	const struct jfile *f = x->f;
	uint32_t nr = f->nr_giveup + f->nr_flush_bad;

	x->failure = nwb_j_alloc(x->J, nr, sizeof(*x->failure));
	x->is_used = nwb_j_alloc(x->J, nr, sizeof(*x->is_used));
	if (!x->failure || !x->is_used)
		return -ENOMEM;
	for (uint32_t i = 0; i < f->nr_giveup; i++)
		x->failure[x->nr_failure++] = f->giveup[i];
	for (uint32_t i = 0; i < f->nr_flush_bad; i++) {
		struct jspan *g = &x->failure[x->nr_failure++];

		*g = f->flush_bad[i];
		g->end = known_at(f, g);
	}
	qsort(x->failure, nr, sizeof(*x->failure), by_end);
	return 0;
}

/* All failures that were over before ticket @t are known now. How many new? */
static uint32_t use_all_before(struct errors *x, uint32_t *pos, uint64_t t)
{
	uint32_t nr = 0;

	for (; *pos < x->nr_failure && x->failure[*pos].end < t; ++*pos) {
		nr += !x->is_used[*pos];
		x->is_used[*pos] = true;
	}
	return nr;
}

/* One that may have happened before @e was over. */
static bool use_one(struct errors *x, uint32_t pos, const struct jsync *e)
{
	for (uint32_t i = pos; i < x->nr_failure; i++) {
		if (x->is_used[i] || x->failure[i].begin >= e->s.end)
			continue;
		x->is_used[i] = true;
		return true;
	}
	return false;
}

/* Begin of the newest error that some fsync told before @o was opened. */
static uint64_t known_at_open(const struct errors *x, const struct jopen *o)
{
	uint64_t since = 0;

	if (o->s.slot == NO_SLOT)
		return 0;
	for (uint32_t i = 0; i < x->f->nr_sync; i++) {
		const struct jsync *y = &x->f->sync[i];

		if (y->s.ub >= o->s.ub)
			break;
		if (is_error(y) && !y->is_close && user_before(&y->s, &o->s))
			since = nwb_max(since, y->s.begin);
	}
	return since;
}

/* Was a FLUSH of this file sent and answered ok within @e? */
static bool has_flushed(const struct errors *x, const struct jsync *e)
{
	const struct judge *J = x->J;

	for (uint32_t i = 0; i < J->nr_pdu; i++) {
		const struct jpdu *p = &J->pdu[i];

		if (!p->is_reply && nwb_j_is_flush(p->r) &&
		    (!p->r->file || p->r->file == x->f->id) &&
		    p->s.begin > e->s.begin_hi && nwb_j_was_told_ok(J, p) &&
		    J->pdu[p->peer].s.begin < e->s.end_lo)
			return true;
	}
	return false;
}

/* Had the client reason to doubt, since the last ok fsync before @e? */
static bool had_trouble(const struct errors *x, const struct jsync *e)
{
	uint64_t since = 0;

	for (uint32_t i = 0; i < x->f->nr_sync; i++)
		if (nwb_j_promises(x->J, &x->f->sync[i]) &&
		    user_before(&x->f->sync[i].s, &e->s))
			since = nwb_max(since, x->f->sync[i].s.begin);
	for (uint64_t i = 0; i < x->J->in->nr_rec; i++) {
		unsigned int kind = nwb_j_kind(x->J, i);
		struct jspan s;

		if (kind != NWB_L_FAULT && kind != NWB_L_CONN_DOWN &&
		    kind != NWB_L_SERVER_DOWN)
			continue;
		s = nwb_j_span_of(x->J, &x->J->in->rec[i]);
		if (s.begin < e->s.end && s.end > since)
			return true;
	}
	return false;
}

static int unexplained(struct errors *x, const struct jsync *e, bool was_told)
{
	struct nwb_finding n = {
		.oracle = 6,
		.verdict = NWB_FAIL,
		.kind = was_told ? "TWICE" : "SPURIOUS",
		.file = x->f->id,
		.rec_a = e->s.slot,
		.rec_b = NO_SLOT,
	};
	unsigned int fd = x->f->open[e->session].fd;
	bool is_written = true;
	int err;

	if (was_told) {
		nwb_j_found(x->J, &n, "fd %u: the same failure was told again",
			    fd);
		return 0;
	}
	/* Looking costs a walk over the whole file: a few say enough. */
	if (!x->J->has_server || (!x->J->has_sent && !x->f->nr_giveup) ||
	    x->nr_judged++ > 64)
		return 0;
	if (had_trouble(x, e) && !has_flushed(x, e))
		return 0;
	err = nwb_j_promise_all_written(x->J, x->f, &e->s, &is_written);
	if (!err && is_written)
		nwb_j_found(x->J, &n, "fd %u: an error, but all was written",
			    fd);
	return err;
}

static int judge_errors(struct errors *x, uint32_t o)
{
	const struct teller *t = &x->teller[o];
	bool was_told = false;
	uint32_t pos = 0;
	int err = 0;

	if (!t->nr_error)
		return 0;
	for (uint32_t i = 0; i < x->nr_failure; i++)
		x->is_used[i] = false;
	was_told = use_all_before(x, &pos, known_at_open(x, &x->f->open[o]));
	for (uint32_t i = 0; !err && i < t->nr_error; i++) {
		const struct jsync *e = t->error[i];

		if (use_all_before(x, &pos, e->s.begin) || use_one(x, pos, e))
			was_told = true;
		else if (!e->is_write)
			err = unexplained(x, e, was_told);
	}
	return err;
}

static int judge_file(struct judge *J, struct jfile *f)
{
	struct errors x = {.J = J, .f = f};
	int err = nwb_o6_tellers(&x);

	if (!err)
		err = list_failures(&x);
	if (err)
		return err;
	for (uint32_t g = 0; g < f->nr_giveup; g++) {
		J->j->ran |= 1u << 6;
		if (f->giveup[g].end == OPEN)
			continue; /* perhaps it was not given up */
		for (uint32_t o = 0; o < f->nr_open; o++)
			nwb_o6_judge_told(&x, &f->giveup[g], o);
	}
	for (uint32_t o = 0; !err && o < f->nr_open; o++) {
		if (x.teller[o].nr_error)
			J->j->ran |= 1u << 6;
		err = judge_errors(&x, o);
	}
	return err;
}

int nwb_j_o6_errors(struct judge *J)
{
	int err = 0;

	for (unsigned int id = 1; !err && id <= NWB_LEDGER_FILES; id++) {
		if (!J->file[id].is_built)
			continue;
		err = J->in->policy.foreign ? nwb_o6_wire(J, &J->file[id])
					    : judge_file(J, &J->file[id]);
	}
	return err;
}
