/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What an upload that was given up half way has left behind.
 *
 * Of cipher text a block that is old and new decrypts to nothing:
 *
 *	block	|0              15|
 *	effect	 new-----)		ended here: a short count, a cut
 *	given up	 |------	told; nobody sends the rest
 *	file	 new-----old------	neither old nor new
 *
 * That is legal, and so is a payload that has what was read there. It is the
 * end (or the begin) of an effect in that very block that says so; a good
 * payload over it, which outlives all crashes, ends the excuse, and so does a
 * promise that was made after all had been given up.
 */
#include "judge_i.h"

#include <string.h>

/* Begin of the newest effect on @atom that brought what is as it should be, was
 * over before @by (NULL: the end of the run) and was still there then. */
static uint64_t newest_good(const struct jfile *f, uint32_t atom,
			    const struct jspan *by)
{
	const struct jpiece *p = f->pieces.item;
	uint64_t sure = 0;

	for (uint64_t i = f->pieces.at[atom]; i < f->pieces.at[atom + 1]; i++) {
		const struct jeffect *e = &f->effect[p[i].effect];

		if (p[i].o.what > JW_ZERO || e->is_maybe ||
		    (by && !before(&e->s, by)) ||
		    e->dies <= (by ? by->begin : OPEN - 1))
			continue;
		sure = nwb_max(sure, e->s.begin);
	}
	return sure;
}

/* Does @e end or begin within the block, or may it? */
static bool is_in_part(const struct jeffect *e, uint64_t block)
{
	uint64_t end = block + NWB_LANE;

	if (e->is_trunc || e->lo >= end || e->hi <= block)
		return false;
	return e->is_maybe || e->lo > block || e->hi < end;
}

/* Was an upload of the block given up, not before ticket @since, but before @by
 * (NULL: at all)? */
static bool was_given_up(const struct judge *J, const struct jfile *f,
			 uint64_t block, uint64_t since, const struct jspan *by)
{
	for (uint32_t i = 0; i < f->nr_giveup; i++) {
		const struct jspan *g = &f->giveup[i];
		const struct nwb_lrec *r = &J->in->rec[g->slot];

		if (r->off < block + NWB_LANE && block < r->off + r->len &&
		    g->end >= since && (!by || before(g, by)))
			return true;
	}
	return false;
}

/**
 * nwb_j_is_left_torn() - may the block of @lo, which lies in @atom, be one that
 * was left half written?
 * @since: ticket until which it was as it should be, 0: not known to have been
 * @by: the effect whose payload has it; NULL: it is in the final content
 */
bool nwb_j_is_left_torn(const struct judge *J, const struct jfile *f,
			uint32_t atom, uint64_t lo, uint64_t since,
			const struct jspan *by)
{
	uint64_t block = lo - lo % NWB_LANE, good;

	if (!J->has_server) /* then nobody saw where it ended */
		return was_given_up(J, f, block, since, by);
	good = newest_good(f, atom, by);
	for (uint32_t i = 0; i < f->nr_effect; i++) {
		const struct jeffect *e = &f->effect[i];

		if (is_in_part(e, block) && e->s.end >= good &&
		    (!by || before(&e->s, by)) &&
		    was_given_up(J, f, block, nwb_max(since, e->s.begin), by))
			return true;
	}
	return false;
}

/**
 * nwb_j_is_left_mixed() - may the bytes at @lo be of two writes, of which one
 * was over before the other began? Where nobody knows at which byte an effect
 * has ended (what is known ends an atom), and where a client with content crypto
 * has given the newer one up: then it may have read the older one again, but for
 * a byte that it sends to have the data unit written.
 * @by: as above
 */
bool nwb_j_is_left_mixed(const struct judge *J, const struct jfile *f,
			 uint32_t atom, uint64_t lo, const struct jspan *by)
{
	const struct jpiece *p = f->pieces.item;
	uint64_t good = J->has_server ? newest_good(f, atom, by) : 0;

	if ((J->in->crypt_unit || !J->has_server) &&
	    was_given_up(J, f, lo - lo % NWB_LANE, good, by))
		return true;
	for (uint64_t i = f->pieces.at[atom]; i < f->pieces.at[atom + 1]; i++) {
		const struct jeffect *e = &f->effect[p[i].effect];

		if (!by && e->is_maybe && e->s.end >= good)
			return true;
	}
	return false;
}

/* Are the bytes of @c those that @piece has brought? */
static bool is_same(const struct jfile *f, const struct jcontent *c,
		    const struct jpiece *piece)
{
	const struct nwb_stamp_run *was, *is = c->run;
	uint64_t at = c->lo % NWB_LANE;

	if (piece->run == NO_INDEX)
		return false;
	was = &f->run[piece->run].run;
	return is->kind == NWB_STAMP_PARTIAL &&
	       was->kind == NWB_STAMP_PARTIAL &&
	       !memcmp(is->raw + at, was->raw + at, c->hi - c->lo);
}

/**
 * nwb_j_is_left_changing() - may @c be what was changed while it was sent?
 * Without stable pages such a payload is legal, because it is sent again: but if
 * that was given up, it stays. These very bytes have to have come in a payload,
 * nothing good since, and the upload be given up after that.
 */
bool nwb_j_is_left_changing(const struct judge *J, const struct jfile *f,
			    const struct jcontent *c)
{
	uint64_t good = newest_good(f, c->atom, NULL);
	const struct jpiece *p = f->pieces.item;

	if (J->in->policy.stable_pages)
		return false;
	for (uint64_t i = f->pieces.at[c->atom]; i < f->pieces.at[c->atom + 1];
	     i++) {
		const struct jeffect *e = &f->effect[p[i].effect];

		if (p[i].o.what == JW_TORN && e->s.end >= good &&
		    is_same(f, c, &p[i]) &&
		    was_given_up(J, f, c->lo - c->lo % NWB_LANE, e->s.begin,
				 NULL))
			return true;
	}
	return false;
}
