/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who promised what: every ok fsync (and ok close, where close promises) takes
 * over the writes that were over before it began and that nobody had promised
 * yet. Released writes are left for an fd that was not told of the error.
 */
#include "judge_i.h"

#include <stdlib.h>

bool nwb_j_promises(const struct judge *J, const struct jsync *y)
{
	if (!y->has_ended || y->result < 0)
		return false;
	return !y->is_close || J->in->policy.flush_on_close;
}

static bool is_error(const struct jsync *y)
{
	return y->has_ended && y->result < 0;
}

static int by_end(const void *a, const void *b)
{
	const struct jspan *const *x = a, *const *y = b;

	if ((*x)->ue != (*y)->ue)
		return (*x)->ue < (*y)->ue ? -1 : 1;
	return ((*x)->slot > (*y)->slot) - ((*x)->slot < (*y)->slot);
}

/*
 * A file opened after somebody was told of an error starts with that behind
 * it (errseq_sample() of a seen error): the newest such error, by session.
 */
static int released_at_open(struct judge *J, const struct jfile *f,
			    uint64_t *released)
{
	uint64_t *newest =
		nwb_j_alloc(J, (uint64_t)f->nr_sync + 1, sizeof(*newest));

	if (!newest)
		return -ENOMEM;
	for (uint32_t i = 0; i < f->nr_sync; i++)
		newest[i + 1] = is_error(&f->sync[i])
					? nwb_max(newest[i], f->sync[i].s.ue)
					: newest[i];
	for (uint32_t o = 0; o < f->nr_open; o++) {
		uint32_t lo = 0, hi = f->nr_sync;

		while (lo < hi) { /* syncs begun before the open was over */
			uint32_t mid = lo + (hi - lo) / 2;

			if (f->sync[mid].s.ub < f->open[o].s.ue)
				lo = mid + 1;
			else
				hi = mid;
		}
		if (f->open[o].s.slot != NO_SLOT)
			released[o] = newest[lo];
	}
	return 0;
}

/*
 * sync[].released: the newest end of an error that this fd was told, not
 * surely after the sync itself. Writes begun later are owed, others are not.
 */
static int find_released(struct judge *J, struct jfile *f)
{
	const struct jspan **order = nwb_j_alloc(J, f->nr_sync, sizeof(*order));
	uint64_t *released = nwb_j_alloc(J, f->nr_open, sizeof(*released));
	bool has_error = false;
	uint32_t e = 0;

	if (!order || !released)
		return -ENOMEM;
	for (uint32_t i = 0; i < f->nr_sync; i++) {
		order[i] = &f->sync[i].s;
		has_error |= is_error(&f->sync[i]);
	}
	if (!has_error || J->in->policy.redirty)
		return 0;
	if (released_at_open(J, f, released))
		return -ENOMEM;
	qsort(order, f->nr_sync, sizeof(*order), by_end);
	for (uint32_t i = 0; i < f->nr_sync; i++) {
		struct jsync *y = nwb_container_of(order[i], struct jsync, s);

		for (; e < f->nr_sync && f->sync[e].s.ub <= y->s.ue; e++)
			if (is_error(&f->sync[e]))
				released[f->sync[e].session] =
					nwb_max(released[f->sync[e].session],
						f->sync[e].s.ue);
		y->released = released[y->session];
	}
	return 0;
}

struct debt {
	struct jowed *owed;
	uint64_t nr, max;
	uint32_t *pending;
	uint32_t nr_pending;
	uint64_t *least; /* by sync: smallest .released of it and later */
};

static int owe(struct judge *J, struct jfile *f, struct debt *d, uint32_t sync,
	       uint32_t write)
{
	if (d->nr == d->max) {
		struct jowed *more;

		d->max = d->max ? 2 * d->max : 1024;
		more = nwb_j_alloc(J, d->max, sizeof(*more));
		if (!more)
			return -ENOMEM;
		for (uint64_t i = 0; i < d->nr; i++)
			more[i] = d->owed[i];
		d->owed = more;
	}
	d->owed[d->nr++] = (struct jowed){
		.t = f->sync[sync].s.end,
		.bound = f->write[write].s.ub,
		.sync = sync,
		.write = write,
		.is_volatile =
			f->sync[sync].is_close && J->in->policy.close_volatile,
	};
	return 0;
}

/* Is there more to promise of this write than what @y has taken over? */
static bool is_half(const struct judge *J, const struct jsync *y)
{
	return is_ranged(y) ||
	       (y->is_close && J->in->policy.close_volatile && J->nr_crash);
}

static bool overlaps(const struct jsync *y, const struct jwrite *w)
{
	return w->lo < y->hi && w->owed_hi > y->lo;
}

static int promise_pending(struct judge *J, struct jfile *f, struct debt *d,
			   uint32_t i)
{
	const struct jsync *y = &f->sync[i];
	uint32_t kept = 0;
	int err = 0;

	for (uint32_t p = 0; p < d->nr_pending; p++) {
		const struct jwrite *w = &f->write[d->pending[p]];
		bool is_taken = w->s.ub > y->released;

		if (is_taken && overlaps(y, w) && !err)
			err = owe(J, f, d, i, d->pending[p]);
		if ((!is_taken || is_half(J, y)) && w->s.ub > d->least[i + 1])
			d->pending[kept++] = d->pending[p];
	}
	d->nr_pending = kept;
	return err;
}

static uint32_t write_at_slot(const struct jfile *f, const struct jspan *s)
{
	uint32_t lo = 0, hi = f->nr_write;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (nwb_j_by_user(&f->write[mid].s, s) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	nwb_assert(lo < f->nr_write && f->write[lo].s.slot == s->slot);
	return lo;
}

static int collect_debt(struct judge *J, struct jfile *f, struct debt *d)
{
	const struct jspan **order =
		nwb_j_alloc(J, f->nr_write, sizeof(*order));
	uint32_t next = 0;
	int err = 0;

	d->pending = nwb_j_alloc(J, f->nr_write, sizeof(*d->pending));
	d->least = nwb_j_alloc(J, (uint64_t)f->nr_sync + 1, sizeof(*d->least));
	if (!order || !d->pending || !d->least)
		return -ENOMEM;
	for (uint32_t i = 0; i < f->nr_write; i++)
		order[i] = &f->write[i].s;
	qsort(order, f->nr_write, sizeof(*order), by_end);
	d->least[f->nr_sync] = OPEN;
	for (uint32_t i = f->nr_sync; i-- > 0;)
		d->least[i] =
			nwb_j_promises(J, &f->sync[i])
				? nwb_min(d->least[i + 1], f->sync[i].released)
				: d->least[i + 1];
	for (uint32_t i = 0; !err && i < f->nr_sync; i++) {
		const struct jsync *y = &f->sync[i];

		if (!nwb_j_promises(J, y))
			continue;
		if (y->is_write) { /* O_SYNC promises its own bytes only */
			err = owe(J, f, d, i, write_at_slot(f, &y->s));
			continue;
		}
		for (; next < f->nr_write && order[next]->ue < y->s.ub;
		     next++) {
			const struct jwrite *w =
				nwb_container_of(order[next], struct jwrite, s);

			if (w->owed_hi > w->lo)
				d->pending[d->nr_pending++] =
					(uint32_t)(w - f->write);
		}
		err = promise_pending(J, f, d, i);
	}
	return err;
}

static int by_ticket(const void *a, const void *b)
{
	const struct jowed *x = a, *y = b;

	if (x->t != y->t)
		return x->t < y->t ? -1 : 1;
	return (x->write > y->write) - (x->write < y->write);
}

static uint64_t owed_lo(const struct jfile *f, const struct jowed *w)
{
	return nwb_max(f->write[w->write].lo, f->sync[w->sync].lo);
}

static uint64_t owed_hi(const struct jfile *f, const struct jowed *w)
{
	return nwb_min(f->write[w->write].owed_hi, f->sync[w->sync].hi);
}

/* Did the server die after this promise, which does not outlive that? */
static bool is_void(const struct judge *J, const struct jowed *w)
{
	return w->is_volatile && J->nr_crash &&
	       J->crash[J->nr_crash - 1].end > w->t;
}

/* The newest promise of each atom, for the final content. */
static int find_bounds(struct judge *J, struct jfile *f)
{
	const struct jowed *owed = f->owed.item;

	f->bound = nwb_j_alloc(J, f->nr_atom, sizeof(*f->bound));
	f->bound_by = nwb_j_alloc(J, f->nr_atom, sizeof(*f->bound_by));
	if (!f->bound || !f->bound_by)
		return -ENOMEM;
	for (uint32_t a = 0; a < f->nr_atom; a++)
		for (uint64_t i = f->owed.at[a]; i < f->owed.at[a + 1]; i++)
			if (owed[i].bound > f->bound[a] &&
			    !is_void(J, &owed[i])) {
				f->bound[a] = owed[i].bound;
				f->bound_by[a] = owed[i];
			}
	return 0;
}

int nwb_j_owed_build(struct judge *J, struct jfile *f)
{
	struct debt d = {0};
	int err = find_released(J, f);

	if (!err)
		err = collect_debt(J, f, &d);
	if (!err)
		err = nwb_j_lists_begin(J, f, &f->owed);
	if (err)
		return err;
	if (d.nr)
		qsort(d.owed, d.nr, sizeof(*d.owed), by_ticket);
	for (uint64_t i = 0; i < d.nr; i++)
		nwb_j_lists_want(f, &f->owed, owed_lo(f, &d.owed[i]),
				 owed_hi(f, &d.owed[i]));
	err = nwb_j_lists_alloc(J, f, &f->owed, sizeof(struct jowed));
	for (uint64_t i = 0; !err && i < d.nr; i++) {
		uint64_t hi = owed_hi(f, &d.owed[i]);

		for (uint32_t a = nwb_j_atom_of(f, owed_lo(f, &d.owed[i]));
		     f->atom[a] < hi; a++)
			((struct jowed *)f->owed.item)[f->owed.at[a + 1]++] =
				d.owed[i];
	}
	return err ? err : find_bounds(J, f);
}
