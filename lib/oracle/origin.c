/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where do these bytes come from?
 *
 * A piece is a stretch of payload or of final content inside one atom, so that
 * the same writes cover all of it. Whole lanes decrypt to their origin. A lane
 * that some write covers only in part is a mix, and the answer is found byte by
 * byte: what would each candidate version have put there? Short pieces can fit
 * several versions by chance (one byte: one in 256); then the newest is
 * believed, since an oracle FAILs only if nothing explains the bytes.
 */
#include "judge_i.h"

#include <string.h>

/* How many older candidates are still asked once one fitted. */
#define LOOK_BACK 16u

const char *nwb_j_what_name(enum jwhat what)
{
	static const char *const name[] = {
		[JW_OK] = "OK",
		[JW_ZERO] = "ZERO",
		[JW_UNKNOWN] = "UNKNOWN",
		[JW_FOREIGN] = "FOREIGN",
		[JW_DISPLACED] = "DISPLACED",
		[JW_UNISSUED] = "UNISSUED",
		[JW_TORN] = "TORN",
	};

	return name[what];
}

/* Zeros: the newest truncate that may have made them, or nobody. */
static struct jorigin zero_origin(const struct jfile *f, uint64_t lo,
				  uint64_t limit)
{
	struct jorigin o = {.what = JW_ZERO};

	for (uint32_t i = 0; i < f->nr_trunc; i++) {
		const struct jwrite *t = &f->write[f->trunc[i]];

		if (t->lo <= lo && t->s.begin < limit && t->s.ue >= o.end) {
			o.begin = t->s.ub;
			o.end = t->s.ue;
		}
	}
	return o;
}

/* The write of @version that covers @at; the newest if there are several. */
static bool find_version(const struct jfile *f, uint32_t version, uint64_t at,
			 struct jorigin *ret_o)
{
	uint32_t lo = 0, hi = f->nr_by_version;
	bool is_found = false;

	while (lo < hi) { /* first one that is beyond (version, at) */
		uint32_t mid = lo + (hi - lo) / 2;
		const struct jwrite *w = &f->write[f->by_version[mid]];

		if (w->version < version ||
		    (w->version == version && w->lo <= at))
			lo = mid + 1;
		else
			hi = mid;
	}
	while (lo-- > 0) {
		const struct jwrite *w = &f->write[f->by_version[lo]];

		if (w->version != version || f->reach[lo] <= at)
			break;
		if (w->hi > at && (!is_found || w->s.ue > ret_o->end)) {
			*ret_o = (struct jorigin){.what = JW_OK,
						  .begin = w->s.ub,
						  .end = w->s.ue};
			is_found = true;
		}
	}
	return is_found;
}

/* Index just behind the last candidate of @atom that began before @limit. */
static uint64_t newest_candidate(const struct jfile *f, uint32_t atom,
				 uint64_t limit)
{
	const uint32_t *list = f->writes.item;
	uint64_t lo = f->writes.at[atom], hi = f->writes.at[atom + 1];

	while (lo < hi) {
		uint64_t mid = lo + (hi - lo) / 2;

		if (f->write[list[mid]].s.begin < limit)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static bool is_all_zero(const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i])
			return false;
	return true;
}

/* At most one lane; @o is improved by each byte-exact candidate. */
struct match {
	const struct judge *J;
	const struct jfile *f;
	uint32_t atom;
	uint64_t lo;
	const uint8_t *bytes;
	size_t len;
	uint64_t limit;
};

static bool is_initial(const struct match *m)
{
	uint8_t b[NWB_LANE];

	nwb_stamp_fill(&m->J->key, m->f->id, 0, m->lo, b, m->len);
	return !memcmp(b, m->bytes, m->len);
}

static bool match_whole(const struct match *m, struct jorigin *ret_o)
{
	uint64_t from = m->f->writes.at[m->atom];
	uint64_t i = newest_candidate(m->f, m->atom, m->limit);
	const uint32_t *list = m->f->writes.item;
	struct jorigin o = {.what = JW_FOREIGN}, zero;
	unsigned int left = UINT32_MAX;
	uint8_t b[NWB_LANE];

	while (i-- > from && left--) {
		const struct jwrite *w = &m->f->write[list[i]];

		nwb_stamp_fill(&m->J->key, m->f->id, w->version, m->lo, b,
			       m->len);
		if (memcmp(b, m->bytes, m->len))
			continue;
		if (o.what != JW_OK)
			left = LOOK_BACK;
		if (o.what != JW_OK || w->s.ue > o.end)
			o = (struct jorigin){JW_OK, w->s.ub, w->s.ue};
	}
	if (is_all_zero(m->bytes, m->len)) {
		zero = zero_origin(m->f, m->lo, m->limit);
		if (o.what != JW_OK || zero.end > o.end)
			o = zero;
	} else if (o.what != JW_OK && is_initial(m)) {
		o = (struct jorigin){.what = JW_OK};
	}
	*ret_o = o;
	return o.what != JW_FOREIGN;
}

/*
 * No single write explains the piece; perhaps several do, a byte each. Writes
 * that ran at the same time may mix. If one of two was over before the other
 * began, their mix is a tear.
 */
static struct jorigin match_bytes(const struct match *m)
{
	struct jorigin all = {.what = JW_OK, .begin = OPEN, .end = OPEN};
	uint64_t newest = 0;

	for (size_t i = 0; i < m->len; i++) {
		struct match one = *m;
		struct jorigin o;

		one.lo += i;
		one.bytes += i;
		one.len = 1;
		if (!match_whole(&one, &o))
			return o;
		all.begin = nwb_min(all.begin, o.begin);
		all.end = nwb_min(all.end, o.end);
		newest = nwb_max(newest, o.begin);
	}
	if (all.end < newest)
		all.what = JW_TORN;
	return all;
}

static struct jorigin mixed_origin(const struct judge *J, const struct jfile *f,
				   uint32_t atom,
				   const struct nwb_stamp_run *run, uint64_t lo,
				   uint64_t hi, uint64_t limit)
{
	struct match m = {.J = J,
			  .f = f,
			  .atom = atom,
			  .lo = lo,
			  .len = (size_t)(hi - lo),
			  .limit = limit};
	uint8_t b[NWB_LANE] = {0};
	struct jorigin o;

	m.bytes = b;
	if (run->kind == NWB_STAMP_PARTIAL) {
		m.bytes = run->raw + lo % NWB_LANE;
	} else if (run->kind == NWB_STAMP_LANES) {
		nwb_stamp_fill(&J->key, run->lane.file, run->lane.version,
			       lo + (run->lane.offset - run->offset), b, m.len);
	}
	return match_whole(&m, &o) ? o : match_bytes(&m);
}

/**
 * nwb_j_origin_of() - explain the bytes [@lo, @hi) of @run, which lie in @atom.
 * @run: as it was scanned; of kind ZERO and no length: bytes that are not there
 * @limit: only writes begun before this ticket can be in them
 */
struct jorigin nwb_j_origin_of(const struct judge *J, const struct jfile *f,
			       uint32_t atom, const struct nwb_stamp_run *run,
			       uint64_t lo, uint64_t hi, uint64_t limit)
{
	struct jorigin o = {.what = JW_UNISSUED};

	if (run->kind == NWB_STAMP_ZERO && (!run->len || hi - lo >= NWB_LANE))
		return zero_origin(f, lo, limit);
	if (run->kind != NWB_STAMP_LANES)
		return mixed_origin(J, f, atom, run, lo, hi, limit);
	if (hi - lo < NWB_LANE) {
		o = mixed_origin(J, f, atom, run, lo, hi, limit);
		if (o.what != JW_FOREIGN)
			return o;
	}
	if (run->lane.file != f->id)
		o.what = JW_FOREIGN;
	else if (run->lane.offset != run->offset)
		o.what = JW_DISPLACED;
	else if (find_version(f, run->lane.version, lo, &o))
		return o;
	else
		o.what = run->lane.version ? JW_UNISSUED : JW_OK;
	return o;
}

/* Is there a stamp in @p that does not start where a lane starts? */
bool nwb_j_has_shifted_stamp(const struct judge *J, const uint8_t *p,
			     size_t len)
{
	struct nwb_lane lane;

	for (size_t i = 1; i < NWB_LANE && i + NWB_LANE <= len; i++)
		if (nwb_stamp_decode(&J->key, p + i, &lane) && lane.file &&
		    lane.file <= NWB_LEDGER_FILES)
			return true;
	return false;
}
