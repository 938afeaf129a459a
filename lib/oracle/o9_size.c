/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * O9, size.
 *
 * Server EOF is at least the largest acked end and at most the largest issued
 * end since the last acked truncate, and is never seen to shrink.
 *
 *	LONG	the file, or an effect on it, ends beyond everything that was
 *		issued (write(2), truncate, its size before the run): bytes
 *		beyond the end of file were uploaded. And what was issued before
 *		an acked truncate no longer counts: what ends beyond the new end
 *		and all that was written since came back
 *
 *	write 8k		   T 4k acked    effect 8k	LONG
 *	[------]                   [-----------] [-------]
 *		write 8k'  [----- ... may be behind T: counts ----]
 *
 *	SHRUNK	an effect made it smaller, and no user asked for that; or it is
 *		smaller in the end than what was acked
 *
 * A truncate that may have been begun explains every smaller size from its own
 * on. What a crash of the server may have taken is O1's and O10's: so an acked
 * truncate that a crash may have taken back says nothing of the size in the end,
 * unless an ok fsync covered it; of what is sent after it, it does. Bytes that
 * came back by an effect that nobody could fence are UNFENCED, as O3's. Promised
 * bytes beyond the end are O1's SHORT, too.
 */
#include "judge_i.h"

/* A truncate that was acked: from it on other ends are issued. */
struct cut {
	uint32_t at;  /* index of the write */
	uint64_t own; /* its size, or the end of what may be behind it */
};

/*
 * @most, @since: by write, the largest end of it and of earlier ones; @since
 * goes back to the acked truncate before it only, which is not counted itself
 */
struct size {
	struct judge *J;
	struct jfile *f;
	uint64_t *most, *since;
	struct cut *cut; /* by ub */
	uint32_t nr_cut;
	uint64_t initial;
	bool is_long, is_back, is_unfenced;
};

/* Of content crypto: the last data unit is there as a whole. */
static uint64_t in_units(const struct judge *J, uint64_t size)
{
	uint32_t unit = J->in->crypt_unit;

	return unit ? NWB_ROUND_UP(size, (uint64_t)unit) : size;
}

/* How many writes were begun before @ticket? */
static uint32_t begun_before(const struct size *z, uint64_t ticket)
{
	uint32_t lo = 0, hi = z->f->nr_write;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (z->f->write[mid].s.begin < ticket)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static uint64_t issued_before(const struct size *z, uint64_t ticket)
{
	uint32_t n = begun_before(z, ticket);

	return in_units(z->J, n ? z->most[n - 1] : z->initial);
}

static const struct jwrite *truncate_of(const struct size *z, uint32_t cut)
{
	return &z->f->write[z->cut[cut].at];
}

/* The largest end issued before @ticket, and not before truncate @cut. */
static uint64_t issued_since(const struct size *z, uint32_t cut,
			     uint64_t ticket)
{
	uint32_t n = begun_before(z, ticket);
	uint64_t most = z->cut[cut].own;

	for (; cut < z->nr_cut && z->cut[cut].at < n; cut++) {
		uint32_t next =
			cut + 1 < z->nr_cut ? z->cut[cut + 1].at : NO_INDEX;

		most = nwb_max(most, z->since[nwb_min(next, n) - 1]);
		if (next < n) /* it runs beside: its own size may be there */
			most = nwb_max(most, truncate_of(z, cut + 1)->lo);
	}
	return in_units(z->J, most);
}

/* The last truncate that was acked before @e began; NO_INDEX: none. */
static uint32_t cut_before(const struct size *z, const struct jspan *e)
{
	uint32_t lo = 0, hi = z->nr_cut;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (truncate_of(z, mid)->s.begin < e->begin)
			lo = mid + 1;
		else
			hi = mid;
	}
	while (lo-- > 0)
		if (before(&truncate_of(z, lo)->s, e))
			return lo;
	return NO_INDEX;
}

static void blame(struct size *z, const char *kind, uint64_t off, uint64_t len,
		  uint64_t slot, const char *text)
{
	struct nwb_finding f = {
		.oracle = 9,
		.verdict = NWB_FAIL,
		.kind = kind,
		.file = z->f->id,
		.off = off,
		.len = len,
		.rec_a = slot,
		.rec_b = NO_SLOT,
	};

	nwb_j_found(z->J, &f, "%s: file %u, %llu bytes at %llu", text, z->f->id,
		    (unsigned long long)len, (unsigned long long)off);
}

/* Did a user perhaps ask for a file of at most @size, before ticket @by? */
static bool is_asked_for(const struct jfile *f, uint64_t size, uint64_t by)
{
	for (uint32_t i = 0; i < f->nr_trunc; i++) {
		const struct jwrite *t = &f->write[f->trunc[i]];

		if (t->lo <= size && t->s.begin < by)
			return true;
	}
	return false;
}

/* An effect that surely put bytes beyond @cut's size before it. */
static const struct jeffect *cut_off(const struct jfile *f,
				     const struct jeffect *cut)
{
	for (uint32_t i = 0; i < f->nr_effect; i++) {
		const struct jeffect *e = &f->effect[i];

		if (e->s.begin >= cut->s.begin)
			break;
		if (!e->is_trunc && !e->is_maybe && e->hi > cut->lo &&
		    before(&e->s, &cut->s) && e->dies >= cut->s.begin)
			return e;
	}
	return NULL;
}

/* @off is the most that was to be there; an effect of @slot came after it. */
static void came_back(struct size *z, uint64_t off, uint64_t len, uint64_t slot,
		      bool is_unfenced)
{
	struct nwb_finding f = {
		.oracle = 3,
		.verdict = NWB_KNOWN,
		.kind = "UNFENCED",
		.file = z->f->id,
		.off = off,
		.len = len,
		.rec_a = slot,
		.rec_b = NO_SLOT,
	};

	if (is_unfenced ? z->is_unfenced : z->is_back)
		return;
	z->is_unfenced |= is_unfenced;
	z->is_back |= !is_unfenced;
	if (is_unfenced)
		nwb_j_found(z->J, &f,
			    "a parked write of an old connection landed behind "
			    "a truncation: file %u, %llu bytes at %llu",
			    z->f->id, (unsigned long long)len,
			    (unsigned long long)off);
	else
		blame(z, "LONG", off, len, slot,
		      "cut off by an acked truncate, and it came back");
}

static void judge_length(struct size *z, const struct jeffect *e)
{
	uint64_t end = e->is_trunc ? e->lo : e->hi;
	uint64_t most = issued_before(z, e->s.end);
	uint32_t cut;

	if (end > most && !z->is_long) {
		blame(z, "LONG", most, end - most, e->s.slot,
		      "beyond everything that was issued");
		z->is_long = true;
	}
	cut = cut_before(z, &e->s);
	if (end > most || cut == NO_INDEX || e->is_maybe)
		return;
	most = issued_since(z, cut, e->s.end);
	if (end > most)
		came_back(z, most, end - most, e->s.slot,
			  nwb_j_is_beyond_fence(z->J, e));
}

static void judge_effects(struct size *z)
{
	bool is_cut = false;

	for (uint32_t i = 0; i < z->f->nr_effect; i++) {
		const struct jeffect *e = &z->f->effect[i];

		z->J->j->ran |= 1u << 9;
		judge_length(z, e);
		if (!e->is_trunc || is_cut ||
		    is_asked_for(z->f, e->lo, e->s.end) || !cut_off(z->f, e))
			continue;
		blame(z, "SHRUNK", e->lo, cut_off(z->f, e)->hi - e->lo,
		      e->s.slot, "cut off, and nobody asked for it");
		is_cut = true;
	}
}

/* Was the file cut below @end, not surely before @e? */
static bool is_cut_since(const struct jfile *f, const struct jeffect *e,
			 uint64_t end)
{
	for (uint32_t i = 0; i < f->nr_effect; i++)
		if (f->effect[i].is_trunc && f->effect[i].lo < end &&
		    !before(&f->effect[i].s, &e->s))
			return true;
	return false;
}

/* An effect that @a may speak of, and that neither a crash nor a truncation has
 * taken. */
static bool is_kept(const struct jfile *f, const struct jxfer *a)
{
	for (uint32_t i = 0; i < f->nr_effect; i++) {
		const struct jeffect *e = &f->effect[i];

		if (!e->is_trunc && !e->is_maybe && e->dies == OPEN &&
		    e->lo < a->hi && e->hi >= a->hi && before(&e->s, &a->s) &&
		    !is_cut_since(f, e, a->hi))
			return true;
	}
	return false;
}

/* An answer may be on its way still when the server dies. */
static bool may_be_taken(const struct size *z, const struct jxfer *a)
{
	const struct judge *J = z->J;

	if (J->nr_crash && !(J->has_server && is_kept(z->f, a)))
		return true;
	for (uint32_t i = 0; i < z->f->nr_trunc; i++)
		if (!before(&z->f->write[z->f->trunc[i]].s, &a->s))
			return true;
	return false;
}

/* Did an ok fsync cover truncate @t before @crash? */
static bool is_promised(const struct judge *J, const struct jfile *f,
			const struct jwrite *t, const struct jspan *crash)
{
	for (uint32_t i = 0; i < f->nr_sync; i++) {
		const struct jsync *y = &f->sync[i];

		if (nwb_j_promises(J, y) && !y->is_write && !is_ranged(y) &&
		    !(y->is_close && J->in->policy.close_volatile) &&
		    user_before(&t->s, &y->s) && t->s.ub > y->released &&
		    before(&y->s, crash))
			return true;
	}
	return false;
}

/* May a crash of the server have taken truncate @t back? */
static bool may_be_undone(const struct size *z, const struct jwrite *t)
{
	for (uint32_t i = 0; i < z->J->nr_crash; i++) {
		const struct jspan *crash = &z->J->crash[i];

		if (crash->end > t->s.begin)
			return !is_promised(z->J, z->f, t, crash);
	}
	return false;
}

/* How long may what nobody could fence, and what was not surely before truncate
 * @t, have made it? */
static uint64_t unfenced_end(const struct size *z, const struct jwrite *t)
{
	uint64_t end = 0;

	for (uint32_t i = 0; i < z->f->nr_effect; i++) {
		const struct jeffect *e = &z->f->effect[i];

		if (!before(&e->s, &t->s) && nwb_j_is_beyond_fence(z->J, e))
			end = nwb_max(end, e->is_trunc ? e->lo : e->hi);
	}
	return end;
}

static void judge_last_cut(struct size *z, uint64_t size)
{
	uint32_t cut = z->nr_cut;
	uint64_t most;

	while (cut-- > 0)
		if (!may_be_undone(z, truncate_of(z, cut)))
			break;
	if (cut == NO_INDEX)
		return;
	most = issued_since(z, cut, OPEN);
	if (size > most)
		came_back(z, most, size - most, NO_SLOT,
			  size <= unfenced_end(z, truncate_of(z, cut)));
}

static void judge_end(struct size *z)
{
	uint64_t most = issued_before(z, OPEN), size = z->f->content->size;
	const struct jfile *f = z->f;

	z->J->j->ran |= 1u << 9;
	if (size > most) {
		blame(z, "LONG", most, size - most, NO_SLOT,
		      "the file goes on beyond everything that was issued");
		return;
	}
	judge_last_cut(z, size);
	for (uint32_t i = 0; i < f->nr_acked; i++) {
		const struct jxfer *a = &f->acked[i];

		if (a->hi <= size || a->s.end == OPEN || may_be_taken(z, a))
			continue;
		blame(z, "SHRUNK", size, a->hi - size, a->s.slot,
		      "acked, and the file ends before it");
		return;
	}
}

/*
 * The end of what of the writes before @at may be behind that truncate.
 * @latest: by write, the ue of it and of earlier ones that is largest
 */
static uint64_t running_end(const struct jfile *f, const uint64_t *latest,
			    uint32_t at)
{
	const struct jwrite *t = &f->write[at];
	uint64_t end = t->lo;

	for (uint32_t i = at; i-- > 0 && latest[i] >= t->s.ub;) {
		const struct jwrite *w = &f->write[i];

		if (!user_before(&w->s, &t->s))
			end = nwb_max(end, w->is_trunc ? w->lo : w->hi);
	}
	return end;
}

static int list_ends(struct size *z)
{
	uint32_t nr = z->f->nr_write;
	uint64_t *latest = nwb_j_alloc(z->J, nr, sizeof(*latest));
	uint64_t most = z->initial, since = 0;

	z->most = nwb_j_alloc(z->J, nr, sizeof(*z->most));
	z->since = nwb_j_alloc(z->J, nr, sizeof(*z->since));
	z->cut = nwb_j_alloc(z->J, z->f->nr_trunc, sizeof(*z->cut));
	if (!latest || !z->most || !z->since || !z->cut)
		return -ENOMEM;
	for (uint32_t i = 0; i < nr; i++) {
		const struct jwrite *w = &z->f->write[i];
		uint64_t end = w->is_trunc ? w->lo : w->hi;

		latest[i] = i ? nwb_max(latest[i - 1], w->s.ue) : w->s.ue;
		if (w->is_trunc && w->owed_hi == FOREVER) {
			z->cut[z->nr_cut++] =
				(struct cut){i, running_end(z->f, latest, i)};
			since = 0;
		} else {
			since = nwb_max(since, end);
		}
		most = nwb_max(most, end);
		z->most[i] = most;
		z->since[i] = since;
	}
	return 0;
}

int nwb_j_o9_size(struct judge *J)
{
	for (unsigned int id = 1; id <= NWB_LEDGER_FILES; id++) {
		struct size z = {.J = J, .f = &J->file[id]};

		/* Without the size that it had nothing is known. */
		if (!z.f->is_built || !z.f->nr_write || !z.f->content)
			continue;
		z.initial = z.f->content->initial;
		if (list_ends(&z))
			return -ENOMEM;
		judge_effects(&z);
		if (!z.f->content->is_missing)
			judge_end(&z);
	}
	return 0;
}
