/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * O2, provenance.
 *
 * Every lane on the server is initial (version 0), a legal hole (zeros), or was
 * issued for that file and offset. Else
 *
 *	FOREIGN		it is another file's, or no stamp of this run at all
 *	DISPLACED	it belongs to another offset of this file
 *	UNISSUED	nobody ever wrote that version there
 *	TORN		one lane mixes writes of which one was over before the
 *			other began; only in the final content, or in a payload
 *			under stable pages
 *
 * Judged in every payload that the shim decoded and in the final content. A
 * file for which the ledger has no intent at all is somebody else's business.
 * Where an effect was cut short nobody knows at which byte, so no lane there is
 * called torn. A given-up upload may leave a block of cipher text behind that is
 * old and new, and what a client with content crypto reads there it may write
 * again (torn.c). Without stable pages a payload that was changed while it went
 * out stays when what would have come after it is given up. Whether zeros may be
 * there is O1's question.
 *
 * And the ledger itself is held to the content: whole lanes that no order of
 * the effects on them leaves behind came by a way that the shim did not see
 * (UNSEEN, INCONCLUSIVE: then the other verdicts are not to be trusted either).
 */
#include "judge_i.h"

#include <string.h>

/* After so many bad pieces in one file the rest would say nothing new. */
#define ENOUGH 1024u

struct provenance {
	struct judge *J;
	struct jfile *f;
	struct streak s;
	struct streak unseen;
	unsigned int nr_bad;
};

static const char *note_of(enum jwhat what)
{
	switch (what) {
	case JW_FOREIGN:
		return "bytes that this run never wrote to this file";
	case JW_DISPLACED:
		return "bytes of another offset";
	case JW_UNISSUED:
		return "a version that was never written there";
	default:
		return "a lane that mixes two writes";
	}
}

static int blame(struct provenance *p, enum jwhat what, uint64_t lo,
		 uint64_t hi, uint64_t slot)
{
	struct nwb_finding f = {
		.oracle = 2,
		.verdict = NWB_FAIL,
		.kind = nwb_j_what_name(what),
		.file = p->f->id,
		.off = lo,
		.len = hi - lo,
		.rec_a = slot,
		.rec_b = NO_SLOT,
	};

	nwb_j_streak_add(p->J, &p->s, &f, note_of(what));
	return ++p->nr_bad >= ENOUGH;
}

/* Two raw lanes in a row: is there a stamp between their boundaries? */
static bool is_shifted(const struct judge *J, const struct jfile *f,
		       const struct jrun *run)
{
	uint8_t two[2 * NWB_LANE];

	if (run + 1 >= f->run + f->nr_run || run[1].effect != run->effect ||
	    run[1].lo != run->hi || run->run.kind != NWB_STAMP_PARTIAL ||
	    run[1].run.kind != NWB_STAMP_PARTIAL || run->lo % NWB_LANE)
		return false;
	memcpy(two, run->run.raw, NWB_LANE);
	memcpy(two + NWB_LANE, run[1].run.raw, NWB_LANE);
	return nwb_j_has_shifted_stamp(J, two,
				       NWB_LANE + (run[1].hi - run[1].lo));
}

/* What a client with content crypto reads of a torn block, to write the data
 * unit of which it has a part, goes out again. */
static bool is_read_torn(const struct judge *J, const struct jfile *f,
			 uint32_t atom, const struct jpiece *p)
{
	uint64_t lo = nwb_max(f->atom[atom], f->run[p->run].lo);
	const struct jspan *by = &f->effect[p->effect].s;

	if (!J->in->crypt_unit)
		return false;
	return p->o.what == JW_TORN
		       ? nwb_j_is_left_mixed(J, f, atom, lo, by)
		       : p->o.what == JW_FOREIGN &&
				 nwb_j_is_left_torn(J, f, atom, lo, 0, by);
}

/* Pieces go by atom; a finding names the effect, so one streak an effect. */
static void judge_payloads(struct provenance *p)
{
	const struct jpiece *piece = p->f->pieces.item;
	struct judge *J = p->J;

	for (uint32_t a = 0; a < p->f->nr_atom; a++)
		for (uint64_t i = p->f->pieces.at[a];
		     i < p->f->pieces.at[a + 1]; i++) {
			enum jwhat what = piece[i].o.what;
			uint64_t slot;

			if (what == JW_UNKNOWN || piece[i].run == NO_INDEX)
				continue;
			J->j->ran |= 1u << 2;
			if (what < JW_FOREIGN ||
			    (what == JW_TORN && !J->in->policy.stable_pages))
				continue;
			if (is_read_torn(J, p->f, a, &piece[i]))
				continue;
			if (what == JW_FOREIGN &&
			    is_shifted(J, p->f, &p->f->run[piece[i].run]))
				what = JW_DISPLACED;
			slot = p->f->effect[piece[i].effect].s.slot;
			if (blame(p, what, p->f->atom[a], p->f->atom[a + 1],
				  slot))
				return;
		}
}

/* Can some order of the effects end with what is there? */
static bool is_explained(const struct jfile *f, const struct jcontent *c)
{
	const struct jpiece *p = f->pieces.item;
	uint64_t from = f->pieces.at[c->atom], to = f->pieces.at[c->atom + 1];
	uint64_t sure = 0;

	for (uint64_t i = from; i < to; i++) {
		const struct jeffect *e = &f->effect[p[i].effect];

		if (!e->is_maybe && e->dies == OPEN)
			sure = nwb_max(sure, e->s.begin);
	}
	for (uint64_t i = from; i < to; i++)
		if (f->effect[p[i].effect].s.end >= sure &&
		    (p[i].o.what == JW_UNKNOWN ||
		     (p[i].o.begin == c->o.begin && p[i].o.end == c->o.end)))
			return true;
	return !sure;
}

static void check_seen(struct provenance *p, const struct jcontent *c)
{
	struct nwb_finding f = {
		.oracle = 2,
		.verdict = NWB_INCONCLUSIVE,
		.kind = "UNSEEN",
		.file = p->f->id,
		.off = c->lo,
		.len = c->hi - c->lo,
		.rec_a = NO_SLOT,
		.rec_b = NO_SLOT,
	};

	/* Bits of a lane may fit several versions by chance. */
	if (!c->run || c->run->kind != NWB_STAMP_LANES ||
	    c->hi - c->lo < NWB_LANE || c->o.what != JW_OK)
		return;
	if (!is_explained(p->f, c))
		nwb_j_streak_add(
			p->J, &p->unseen, &f,
			"not what the effects in the ledger leave behind");
}

static int judge_content(void *arg, const struct jcontent *c)
{
	struct provenance *p = arg;
	enum jwhat what = c->o.what;

	check_seen(p, c);
	if (what < JW_FOREIGN || !c->run)
		return 0;
	if (what == JW_TORN &&
	    (nwb_j_is_left_mixed(p->J, p->f, c->atom, c->lo, NULL) ||
	     nwb_j_is_left_changing(p->J, p->f, c)))
		return 0;
	/* a block of cipher text that is old and new is neither */
	if (what == JW_FOREIGN && p->J->in->crypt_unit &&
	    nwb_j_is_left_torn(p->J, p->f, c->atom, c->lo, 0, NULL))
		return 0;
	if (what == JW_FOREIGN &&
	    nwb_j_has_shifted_stamp(
		    p->J, p->f->content->data + c->lo,
		    nwb_min(p->f->content->size - c->lo, 2ull * NWB_LANE)))
		what = JW_DISPLACED;
	return blame(p, what, c->lo, c->hi, NO_SLOT);
}

int nwb_j_o2_provenance(struct judge *J)
{
	int err = 0;

	for (unsigned int id = 1; err >= 0 && id <= NWB_LEDGER_FILES; id++) {
		struct jfile *f = &J->file[id];
		struct provenance p = {.J = J, .f = f};

		if (!f->is_built || !f->nr_write)
			continue;
		judge_payloads(&p);
		nwb_j_streak_end(J, &p.s);
		if (!f->content)
			continue;
		J->j->ran |= 1u << 2;
		p.nr_bad = 0;
		err = nwb_j_content_visit(J, f, judge_content, &p);
		nwb_j_streak_end(J, &p.s);
		nwb_j_streak_end(J, &p.unseen);
	}
	return err < 0 ? err : 0;
}
