/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * O4, retry licence.
 *
 * An extent is sent again only after an unknown or P.retryable outcome; at most
 * P.max_attempts; not-idempotent effects once unless the protocol shows a
 * replay guard (a WRITE with an offset is idempotent, and no other write is
 * made by the clients that are judged here).
 *
 *	UNLICENSED	sent again, although every earlier upload of it has a
 *			known outcome and nobody made it dirty since
 *	TOO-OFTEN	more attempts than P.max_attempts
 *
 * Nobody writes down when a page is made clean and dirty again, so uploads and
 * writes are counted. Each upload of a byte needs a write(2), a store or a
 * truncate that made its folio dirty; a folio lies within an aligned block of
 * P.folio_max bytes. After an ok fsync all before it is clean:
 *
 *	write  w1 w2          w3
 *	fsync          [ok]
 *	upload      u1    u2      u3	u3: one write since the fsync, and one
 *					upload with a known outcome since: UNLICENSED
 *
 * An upload has a known outcome when its final answer surely left the server
 * before the next one came in: ok, or an error outside P.retryable. Bytes that
 * a short answer leaves over are not known; with content crypto neither is the
 * data unit in which it ended. After a connection or a server went
 * down, or a FLUSH failed, acked bytes may be sent again: what was sent before
 * that is not counted. A store through a mapping can make a page dirty any
 * number of times: its block is not judged.
 */
#include "judge_i.h"

#include <stdlib.h>

/* A write that covers more blocks than this counts for all of them. */
#define WIDE 64u
/* So many earlier uploads of a byte are counted. */
#define LOOK_BACK 64u

/* A write, and a block that it touches; by block, then ub. */
struct touch {
	uint64_t block;
	uint64_t ub, ue;
	uint64_t begin;
	uint64_t reach; /* largest ue of this block so far */
	uint64_t slot;
};

struct licence {
	struct judge *J;
	struct jfile *f;
	uint64_t folio;
	struct touch *touch; /* narrow ones */
	uint64_t nr_touch;
	struct touch *wide; /* block 0 */
	uint64_t nr_wide;
	struct jspan *fsync; /* ok ones by end; begin: ub, the largest so far */
	uint32_t nr_fsync;
	struct streak s;
};

static int by_block(const void *a, const void *b)
{
	const struct touch *x = a, *y = b;

	if (x->block != y->block)
		return x->block < y->block ? -1 : 1;
	if (x->ub != y->ub)
		return x->ub < y->ub ? -1 : 1;
	return (x->slot > y->slot) - (x->slot < y->slot);
}

static void seal(struct touch *t, uint64_t nr)
{
	if (nr)
		qsort(t, nr, sizeof(*t), by_block);
	for (uint64_t i = 0; i < nr; i++) {
		t[i].reach = t[i].ue;
		if (i && t[i - 1].block == t[i].block)
			t[i].reach = nwb_max(t[i].reach, t[i - 1].reach);
	}
}

static uint64_t nr_blocks(const struct licence *l, const struct jwrite *w)
{
	return w->hi > w->lo ? (w->hi - 1) / l->folio - w->lo / l->folio + 1
			     : 0;
}

static int list_touches(struct licence *l)
{
	const struct jfile *f = l->f;
	uint64_t nr = 0;

	for (uint32_t i = 0; i < f->nr_write; i++)
		nr += nwb_min(nr_blocks(l, &f->write[i]), (uint64_t)WIDE);
	l->touch = nwb_j_alloc(l->J, nr, sizeof(*l->touch));
	l->wide = nwb_j_alloc(l->J, f->nr_write, sizeof(*l->wide));
	if (!l->touch || !l->wide)
		return -ENOMEM;
	for (uint32_t i = 0; i < f->nr_write; i++) {
		const struct jwrite *w = &f->write[i];
		uint64_t n = nr_blocks(l, w);
		struct touch t = {.block = w->lo / l->folio,
				  .ub = w->s.ub,
				  .ue = w->s.ue,
				  .begin = w->s.begin,
				  .slot = w->s.slot};

		if (n > WIDE) {
			t.block = 0;
			l->wide[l->nr_wide++] = t;
			continue;
		}
		for (; n; n--, t.block++)
			l->touch[l->nr_touch++] = t;
	}
	seal(l->touch, l->nr_touch);
	seal(l->wide, l->nr_wide);
	return 0;
}

static int by_end(const void *a, const void *b)
{
	const struct jspan *x = a, *y = b;

	return (x->end > y->end) - (x->end < y->end);
}

static int list_fsyncs(struct licence *l)
{
	const struct jfile *f = l->f;
	uint64_t newest = 0;

	l->fsync = nwb_j_alloc(l->J, f->nr_sync, sizeof(*l->fsync));
	if (!l->fsync)
		return -ENOMEM;
	for (uint32_t i = 0; i < f->nr_sync; i++) {
		const struct jsync *y = &f->sync[i];

		if (nwb_j_promises(l->J, y) && !y->is_write && !is_ranged(y))
			l->fsync[l->nr_fsync++] = (struct jspan){
				.begin = y->s.ub, .end = y->s.end};
	}
	if (l->nr_fsync)
		qsort(l->fsync, l->nr_fsync, sizeof(*l->fsync), by_end);
	for (uint32_t i = 0; i < l->nr_fsync; i++) {
		newest = nwb_max(newest, l->fsync[i].begin);
		l->fsync[i].begin = newest;
	}
	return 0;
}

/* Of the ok fsyncs that were over before @ticket, the one begun last. */
static const struct jspan *clean_before(const struct licence *l,
					uint64_t ticket)
{
	uint32_t lo = 0, hi = l->nr_fsync;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (l->fsync[mid].end < ticket)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo ? &l->fsync[lo - 1] : NULL;
}

/*
 * Writes to @block, not surely over at @since, perhaps begun by @until; not
 * counted beyond @enough.
 */
static uint64_t count_touches(const struct touch *t, uint64_t nr,
			      uint64_t block, uint64_t since, uint64_t until,
			      uint64_t enough)
{
	uint64_t lo = 0, hi = nr, n = 0;

	while (lo < hi) { /* behind the last of this block */
		uint64_t mid = lo + (hi - lo) / 2;

		if (t[mid].block <= block)
			lo = mid + 1;
		else
			hi = mid;
	}
	while (n <= enough && lo-- > 0 && t[lo].block == block &&
	       t[lo].reach >= since)
		n += t[lo].begin < until && t[lo].ue >= since;
	return n;
}

/* Did every byte of it have its outcome before ticket @t? */
static bool is_known_by(const struct judge *J, const struct jpdu *up,
			uint64_t at, uint64_t t)
{
	const struct jpdu *reply;

	if (up->peer == NO_INDEX)
		return false;
	reply = &J->pdu[up->peer];
	if (reply->s.end >= t)
		return false;
	if (nwb_j_is_short(J, up)) {
		uint64_t to = up->r->off + (uint64_t)reply->r->result;

		/* a data unit is sent again as a whole */
		if (J->in->crypt_unit)
			to -= to % J->in->crypt_unit;
		return at < to;
	}
	if (reply->r->status || reply->r->result < 0)
		return !J->in->policy.redirty &&
		       !nwb_j_is_retryable(&J->in->policy, reply->r->status);
	return true;
}

/* Were there more writes than uploads that are known to be done? */
static bool is_licensed(const struct licence *l, uint64_t block, uint64_t since,
			uint64_t until, uint64_t known)
{
	uint64_t n = count_touches(l->touch, l->nr_touch, block, since, until,
				   known);

	if (n <= known)
		n += count_touches(l->wide, l->nr_wide, 0, since, until, known);
	return n > known;
}

static void judge_atom(struct licence *l, uint32_t atom)
{
	const uint32_t *ups = l->f->uploads.item;
	uint64_t from = l->f->uploads.at[atom], to = l->f->uploads.at[atom + 1];
	uint64_t block = l->f->atom[atom] / l->folio;
	struct judge *J = l->J;

	for (uint64_t k = from + 1; k < to; k++) {
		const struct jpdu *up = &J->pdu[ups[k]], *last = NULL;
		const struct jspan *y = clean_before(l, up->s.begin);
		uint64_t since = y ? y->begin : 0, known = 0;
		struct nwb_finding f = {.oracle = 4,
					.verdict = NWB_FAIL,
					.kind = "UNLICENSED",
					.file = l->f->id,
					.off = l->f->atom[atom]};

		J->j->ran |= 1u << 4;
		for (uint64_t i = k; i-- > from && k - i <= LOOK_BACK;) {
			const struct jpdu *u = &J->pdu[ups[i]];

			if (y && u->s.begin <= y->end)
				break;
			if (nwb_j_had_outage(J, u->s.begin, up->s.begin))
				break;
			if (!is_known_by(J, u, l->f->atom[atom], up->s.begin))
				continue;
			known++;
			last = last ? last : u;
		}
		/* Without a known one: each write since the fsync may do. */
		if (!known && y && !nwb_j_had_outage(J, 0, up->s.begin))
			last = up;
		if (!last || is_licensed(l, block, since, up->s.begin, known))
			continue;
		f.len = l->f->atom[atom + 1] - f.off;
		f.rec_a = up->s.slot;
		f.rec_b = last->s.slot;
		nwb_j_streak_add(J, &l->s, &f,
				 "sent again, known to be answered and clean");
	}
}

static void judge_attempts(struct judge *J, const struct jfile *f)
{
	uint32_t most = J->in->policy.max_attempts;

	for (uint32_t i = 0; most && i < f->nr_sent; i++) {
		struct nwb_finding x = {
			.oracle = 4,
			.verdict = NWB_FAIL,
			.kind = "TOO-OFTEN",
			.file = f->id,
			.off = f->sent[i].lo,
			.len = f->sent[i].hi - f->sent[i].lo,
			.rec_a = f->sent[i].s.slot,
			.rec_b = NO_SLOT,
		};

		if (f->sent[i].attempt)
			J->j->ran |= 1u << 4;
		if (f->sent[i].attempt < most)
			continue;
		nwb_j_found(J, &x, "attempt %llu of at most %u",
			    (unsigned long long)f->sent[i].attempt + 1, most);
		return;
	}
}

/* Clients without intents dirty their pages unseen. */
static bool is_judged(const struct jfile *f)
{
	for (uint32_t i = 0; i < f->nr_write; i++)
		if (f->write[i].is_mapped)
			return false;
	return f->is_built && f->nr_write && f->uploads.at[f->nr_atom];
}

int nwb_j_o4_licence(struct judge *J)
{
	int err = nwb_j_wire_build(J);

	for (unsigned int id = 1; !err && id <= NWB_LEDGER_FILES; id++) {
		struct licence l = {.J = J, .f = &J->file[id]};

		if (!J->in->policy.foreign)
			judge_attempts(J, l.f);
		if (!is_judged(l.f))
			continue;
		l.folio = J->in->policy.folio_max ? J->in->policy.folio_max
						  : NWB_FOLIO_MAX;
		err = list_touches(&l);
		if (!err)
			err = list_fsyncs(&l);
		for (uint32_t a = 0; !err && a < l.f->nr_atom; a++)
			judge_atom(&l, a);
		nwb_j_streak_end(J, &l.s);
	}
	return err;
}
