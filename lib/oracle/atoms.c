/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Cutting a file into atoms (model: judge_i.h), and the lists by atom.
 */
#include "judge_i.h"

#include <stdlib.h>

/* More items than this in one list is a ledger nobody can judge in time. */
#define ITEMS_MAX (1ull << 27)

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

uint32_t nwb_j_atom_of(const struct jfile *f, uint64_t off)
{
	uint32_t lo = 0, hi = f->nr_atom;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (f->atom[mid] < off)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void put_end(struct jfile *f, uint32_t *n, uint64_t end)
{
	f->atom[(*n)++] = end;
}

static int cut(struct judge *J, struct jfile *f)
{
	uint64_t max = 3 + 3ull * f->nr_write + 2ull * f->nr_sync +
		       2ull * (f->nr_effect + f->nr_run) +
		       2ull * (f->nr_sent + f->nr_acked) + 2ull * f->nr_upload;
	uint32_t n = 0, out = 1;

	if (max > ITEMS_MAX)
		return -E2BIG;
	f->atom = nwb_j_alloc(J, max, sizeof(*f->atom));
	if (!f->atom)
		return -ENOMEM;
	put_end(f, &n, 0);
	put_end(f, &n, FOREVER);
	/* or a lane that was there at first in part, and is zeros behind that,
	 * would have to be explained as one */
	if (f->content)
		put_end(f, &n, f->content->initial);
	for (uint32_t i = 0; i < f->nr_write; i++) {
		put_end(f, &n, f->write[i].lo);
		put_end(f, &n, f->write[i].owed_hi);
		put_end(f, &n, f->write[i].hi);
	}
	for (uint32_t i = 0; i < f->nr_sync; i++) {
		put_end(f, &n, f->sync[i].lo);
		put_end(f, &n, f->sync[i].hi);
	}
	for (uint32_t i = 0; i < f->nr_effect; i++) {
		put_end(f, &n, f->effect[i].lo);
		put_end(f, &n, f->effect[i].hi);
	}
	for (uint32_t i = 0; i < f->nr_run; i++) {
		put_end(f, &n, f->run[i].lo);
		put_end(f, &n, f->run[i].hi);
	}
	for (uint32_t i = 0; i < f->nr_sent; i++) {
		put_end(f, &n, f->sent[i].lo);
		put_end(f, &n, f->sent[i].hi);
	}
	for (uint32_t i = 0; i < f->nr_acked; i++) {
		put_end(f, &n, f->acked[i].lo);
		put_end(f, &n, f->acked[i].hi);
	}
	for (uint32_t i = 0; i < f->nr_upload; i++) {
		const struct nwb_lrec *r = J->pdu[f->upload[i]].r;

		put_end(f, &n, r->off);
		put_end(f, &n, r->off + r->len);
	}
	qsort(f->atom, n, sizeof(*f->atom), by_value);
	for (uint32_t i = 1; i < n; i++)
		if (f->atom[i] != f->atom[out - 1])
			f->atom[out++] = f->atom[i];
	f->nr_atom = out - 1;
	return 0;
}

int nwb_j_lists_begin(struct judge *J, struct jfile *f, struct jlists *l)
{
	l->at = nwb_j_alloc(J, (uint64_t)f->nr_atom + 2, sizeof(*l->at));
	return l->at ? 0 : -ENOMEM;
}

void nwb_j_lists_want(struct jfile *f, struct jlists *l, uint64_t lo,
		      uint64_t hi)
{
	if (lo >= hi)
		return;
	/* Differences first; nwb_j_lists_alloc() sums them up. */
	l->at[nwb_j_atom_of(f, lo) + 1]++;
	l->at[nwb_j_atom_of(f, hi) + 1]--;
}

int nwb_j_lists_alloc(struct judge *J, struct jfile *f, struct jlists *l,
		      size_t item_size)
{
	uint64_t covering = 0, total = 0;

	/*
	 * at[a + 1] is where the next item of atom a goes. When all were put
	 * there, it has moved to the end of a, which is the start of a + 1.
	 */
	for (uint32_t a = 0; a <= f->nr_atom; a++) {
		covering += l->at[a + 1];
		l->at[a + 1] = total;
		if (total > ITEMS_MAX)
			return -E2BIG;
		total += covering;
	}
	l->at[0] = 0;
	l->item = nwb_j_alloc(J, total, item_size);
	return l->item ? 0 : -ENOMEM;
}

static int list_writes(struct judge *J, struct jfile *f)
{
	int err = nwb_j_lists_begin(J, f, &f->writes);

	for (uint32_t i = 0; !err && i < f->nr_write; i++)
		if (!f->write[i].is_trunc)
			nwb_j_lists_want(f, &f->writes, f->write[i].lo,
					 f->write[i].hi);
	if (!err)
		err = nwb_j_lists_alloc(J, f, &f->writes, sizeof(uint32_t));
	for (uint32_t i = 0; !err && i < f->nr_write; i++) {
		if (f->write[i].is_trunc || f->write[i].lo >= f->write[i].hi)
			continue;
		for (uint32_t a = nwb_j_atom_of(f, f->write[i].lo);
		     f->atom[a] < f->write[i].hi; a++)
			((uint32_t *)f->writes.item)[f->writes.at[a + 1]++] = i;
	}
	return err;
}

static int list_xfers(struct judge *J, struct jfile *f, struct jlists *l,
		      const struct jxfer *x, uint32_t nr)
{
	int err = nwb_j_lists_begin(J, f, l);

	for (uint32_t i = 0; !err && i < nr; i++)
		nwb_j_lists_want(f, l, x[i].lo, x[i].hi);
	if (!err)
		err = nwb_j_lists_alloc(J, f, l, sizeof(uint32_t));
	for (uint32_t i = 0; !err && i < nr; i++) {
		if (x[i].lo >= x[i].hi)
			continue;
		for (uint32_t a = nwb_j_atom_of(f, x[i].lo);
		     f->atom[a] < x[i].hi; a++)
			((uint32_t *)l->item)[l->at[a + 1]++] = i;
	}
	return err;
}

static int list_uploads(struct judge *J, struct jfile *f)
{
	struct jlists *l = &f->uploads;
	int err = nwb_j_lists_begin(J, f, l);

	for (uint32_t i = 0; !err && i < f->nr_upload; i++) {
		const struct nwb_lrec *r = J->pdu[f->upload[i]].r;

		nwb_j_lists_want(f, l, r->off, r->off + r->len);
	}
	if (!err)
		err = nwb_j_lists_alloc(J, f, l, sizeof(uint32_t));
	for (uint32_t i = 0; !err && i < f->nr_upload; i++) {
		const struct nwb_lrec *r = J->pdu[f->upload[i]].r;

		for (uint32_t a = nwb_j_atom_of(f, r->off);
		     f->atom[a] < r->off + r->len; a++)
			((uint32_t *)l->item)[l->at[a + 1]++] = f->upload[i];
	}
	return err;
}

/* Writes by version, for "who issued this lane?". */
struct versioned {
	uint32_t version;
	uint32_t write;
	uint64_t lo;
};

static int by_version(const void *a, const void *b)
{
	const struct versioned *x = a, *y = b;

	if (x->version != y->version)
		return x->version < y->version ? -1 : 1;
	if (x->lo != y->lo)
		return x->lo < y->lo ? -1 : 1;
	return (x->write > y->write) - (x->write < y->write);
}

static int list_versions(struct judge *J, struct jfile *f)
{
	struct versioned *v = nwb_j_alloc(J, f->nr_write, sizeof(*v));
	uint64_t reach = 0;
	uint32_t n = 0;

	f->by_version = nwb_j_alloc(J, f->nr_write, sizeof(*f->by_version));
	f->reach = nwb_j_alloc(J, f->nr_write, sizeof(*f->reach));
	f->trunc = nwb_j_alloc(J, f->nr_write, sizeof(*f->trunc));
	if (!v || !f->by_version || !f->reach || !f->trunc)
		return -ENOMEM;
	for (uint32_t i = 0; i < f->nr_write; i++) {
		if (f->write[i].is_trunc)
			f->trunc[f->nr_trunc++] = i;
		else
			v[n++] = (struct versioned){f->write[i].version, i,
						    f->write[i].lo};
	}
	qsort(v, n, sizeof(*v), by_version);
	for (uint32_t i = 0; i < n; i++) {
		if (!i || v[i].version != v[i - 1].version)
			reach = 0;
		reach = nwb_max(reach, f->write[v[i].write].hi);
		f->by_version[i] = v[i].write;
		f->reach[i] = reach;
	}
	f->nr_by_version = n;
	return 0;
}

static struct jorigin piece_origin(const struct judge *J, const struct jfile *f,
				   const struct jeffect *e, uint32_t atom,
				   const struct jrun *run)
{
	static const struct nwb_stamp_run zeros = {.kind = NWB_STAMP_ZERO};
	uint64_t lo = f->atom[atom], hi = f->atom[atom + 1];

	if (e->is_trunc)
		return nwb_j_origin_of(J, f, atom, &zeros, lo, hi, e->s.end);
	if (!run)
		/* Of a write begun later it cannot be. */
		return (struct jorigin){.what = JW_UNKNOWN,
					.end = nwb_j_newest_ub(f, e->s.end)};
	return nwb_j_origin_of(J, f, atom, &run->run, lo, hi, e->s.end);
}

static void list_pieces_of(const struct judge *J, struct jfile *f, uint32_t i)
{
	const struct jeffect *e = &f->effect[i];
	struct jpiece *piece = f->pieces.item;
	uint32_t r = 0;

	for (uint32_t a = nwb_j_atom_of(f, e->lo); f->atom[a] < e->hi; a++) {
		const struct jrun *run = f->run + e->run0;

		while (r < e->nr_runs && run[r].hi <= f->atom[a])
			r++;
		run = r < e->nr_runs && run[r].lo <= f->atom[a] ? &run[r]
								: NULL;
		piece[f->pieces.at[a + 1]++] = (struct jpiece){
			.effect = i,
			.run = run ? (uint32_t)(run - f->run) : NO_INDEX,
			.o = piece_origin(J, f, e, a, run),
		};
	}
}

static int list_pieces(struct judge *J, struct jfile *f)
{
	int err = nwb_j_lists_begin(J, f, &f->pieces);

	for (uint32_t i = 0; !err && i < f->nr_effect; i++)
		nwb_j_lists_want(f, &f->pieces, f->effect[i].lo,
				 f->effect[i].hi);
	if (!err)
		err = nwb_j_lists_alloc(J, f, &f->pieces,
					sizeof(struct jpiece));
	for (uint32_t i = 0; !err && i < f->nr_effect; i++)
		list_pieces_of(J, f, i);
	return err;
}

int nwb_j_atoms_build(struct judge *J, struct jfile *f)
{
	int err = cut(J, f);

	if (!err)
		err = list_writes(J, f);
	if (!err)
		err = list_versions(J, f);
	if (!err)
		err = list_pieces(J, f);
	if (!err)
		err = list_xfers(J, f, &f->sents, f->sent, f->nr_sent);
	if (!err)
		err = list_xfers(J, f, &f->ackeds, f->acked, f->nr_acked);
	if (!err)
		err = list_uploads(J, f);
	return err;
}
