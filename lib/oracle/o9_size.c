/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * O9, size.
 *
 * Server EOF is at least the largest acked end and at most the largest issued
 * end since the last acked truncate, and is never seen to shrink.
 *
 *	LONG	the file, or an effect on it, ends beyond everything that was
 *		ever issued (write(2), truncate, its size before the run): bytes
 *		beyond the end of file were uploaded
 *	SHRUNK	an effect made it smaller, and no user asked for that; or it is
 *		smaller in the end than what was acked
 *
 * A truncate that may have been begun explains every smaller size from its own
 * on. What a crash of the server may have taken is O1's and O10's. Promised
 * bytes beyond the end are O1's SHORT, too.
 */
#include "judge_i.h"

struct size {
	struct judge *J;
	struct jfile *f;
	uint64_t *issued; /* by write: largest end of it and earlier ones */
	uint64_t initial;
};

/* Of content crypto: the last data unit is there as a whole. */
static uint64_t in_units(const struct judge *J, uint64_t size)
{
	uint32_t unit = J->in->crypt_unit;

	return unit ? NWB_ROUND_UP(size, (uint64_t)unit) : size;
}

static uint64_t issued_before(const struct size *z, uint64_t ticket)
{
	uint32_t lo = 0, hi = z->f->nr_write;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (z->f->write[mid].s.begin < ticket)
			lo = mid + 1;
		else
			hi = mid;
	}
	return in_units(z->J, lo ? z->issued[lo - 1] : z->initial);
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

static void judge_effects(struct size *z)
{
	bool is_long = false, is_cut = false;

	for (uint32_t i = 0; i < z->f->nr_effect; i++) {
		const struct jeffect *e = &z->f->effect[i];
		uint64_t end = e->is_trunc ? e->lo : e->hi;
		uint64_t most = issued_before(z, e->s.end);

		z->J->j->ran |= 1u << 9;
		if (end > most && !is_long) {
			blame(z, "LONG", most, end - most, e->s.slot,
			      "beyond everything that was issued");
			is_long = true;
		}
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
	for (uint32_t i = 0; i < f->nr_acked; i++) {
		const struct jxfer *a = &f->acked[i];

		if (a->hi <= size || a->s.end == OPEN || may_be_taken(z, a))
			continue;
		blame(z, "SHRUNK", size, a->hi - size, a->s.slot,
		      "acked, and the file ends before it");
		return;
	}
}

int nwb_j_o9_size(struct judge *J)
{
	for (unsigned int id = 1; id <= NWB_LEDGER_FILES; id++) {
		struct size z = {.J = J, .f = &J->file[id]};
		uint64_t end;

		/* Without the size that it had nothing is known. */
		if (!z.f->is_built || !z.f->nr_write || !z.f->content)
			continue;
		z.initial = z.f->content->initial;
		end = z.initial;
		z.issued = nwb_j_alloc(J, z.f->nr_write, sizeof(*z.issued));
		if (!z.issued)
			return -ENOMEM;
		for (uint32_t i = 0; i < z.f->nr_write; i++) {
			const struct jwrite *w = &z.f->write[i];

			end = nwb_max(end, w->is_trunc ? w->lo : w->hi);
			z.issued[i] = end;
		}
		judge_effects(&z);
		if (!z.f->content->is_missing)
			judge_end(&z);
	}
	return 0;
}
