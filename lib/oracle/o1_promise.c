/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * O1, promise kept.
 *
 * A byte is owed from the return of write(2) until an ok fsync covers it, or
 * until an error for that file was returned to that fd. After the error, unless
 * P.redirty, the versions written before it are released for that fd: any of
 * them, or the older content, is legal, and a later ok owes only what was
 * written after. close promises only if P.flush_on_close; an O_SYNC write
 * promises itself. At an ok fsync each owed byte must not be older than the
 * newest write that ended before the fsync began; being newer is fine. After a
 * server crash the same holds of durable content. Acked is not durable: an
 * acked WRITE, a server crash before FLUSH, a reopen and an ok FLUSH is silent
 * loss, whoever does it.
 *
 * LOST: older than promised. ZEROED: zeros that nobody wrote. SHORT: beyond the
 * end of the file.
 *
 * The order being partial, "not older than w" is: the bytes come from a write
 * that was not over before w began (both are operations of users: ub and ue of
 * order.c). So each promise is one number per atom, the ub of the newest write
 * it took over (owed.c), to be met
 *
 *   - on the server when the promise was made, from the effects: of those that
 *     may have happened by then, any that is not surely overwritten;
 *   - on the server after each crash, from the effects that were durable (an ok
 *     fsync of the server began after their end) when it came;
 *   - in the final content.
 *
 * A truncate is a write of zeros. Bytes that were there and that a server itself
 * made old by an effect nobody could fence are O3's KNOWN row and not told twice.
 */
#include "judge_i.h"

/* What the server may hold in one atom as time goes on. */
struct view {
	const struct judge *J;
	const struct jfile *f;
	uint32_t atom;
	uint32_t *alive; /* pieces that may be the last one */
	uint32_t nr_alive;
	uint64_t next; /* piece to come */
	uint64_t sure; /* newest begin of an effect that is surely over */
	uint32_t nr_crash;
};

static const struct jpiece *piece_at(const struct jfile *f, uint64_t i)
{
	return &((const struct jpiece *)f->pieces.item)[i];
}

static const struct jeffect *effect_of(const struct view *v, uint32_t alive)
{
	return &v->f->effect[piece_at(v->f, v->alive[alive])->effect];
}

static void view_start(struct view *v, uint32_t atom)
{
	v->atom = atom;
	v->nr_alive = 0;
	v->nr_crash = 0;
	v->sure = 0;
	v->next = v->f->pieces.at[atom];
}

/* Bring the view to ticket @t; tickets must not go back. */
static void view_advance(struct view *v, uint64_t t)
{
	uint32_t nr_crash = v->nr_crash, kept = 0;

	while (nr_crash < v->J->nr_crash && v->J->crash[nr_crash].end <= t)
		nr_crash++;
	if (nr_crash != v->nr_crash) {
		/* What it had overwritten may have come back: once more. */
		view_start(v, v->atom);
		v->nr_crash = nr_crash;
	}
	for (; v->next < v->f->pieces.at[v->atom + 1]; v->next++) {
		const struct jeffect *e =
			&v->f->effect[piece_at(v->f, v->next)->effect];

		if (e->s.begin >= t)
			break;
		if (e->dies > t)
			v->alive[v->nr_alive++] = (uint32_t)v->next;
	}
	for (uint32_t i = 0; i < v->nr_alive; i++)
		if (effect_of(v, i)->s.end < t && !effect_of(v, i)->is_maybe)
			v->sure = nwb_max(v->sure, effect_of(v, i)->s.begin);
	for (uint32_t i = 0; i < v->nr_alive; i++)
		if (effect_of(v, i)->s.end >= v->sure)
			v->alive[kept++] = v->alive[i];
	v->nr_alive = kept;
}

/* The most favourable of what may be there; NULL: nothing ever came. */
static const struct jpiece *view_best(const struct view *v, bool *ret_unfenced)
{
	const struct jpiece *best = NULL;

	*ret_unfenced = false;
	for (uint32_t i = 0; i < v->nr_alive; i++) {
		const struct jpiece *p = piece_at(v->f, v->alive[i]);

		*ret_unfenced |= v->f->effect[p->effect].is_unfenced;
		if (!best || p->o.end > best->o.end)
			best = p;
	}
	return best;
}

/* Had the server at ticket @t once had @bound, by something that could be
 * fenced? Else what came late took nothing away. */
static bool had_come(const struct jfile *f, uint32_t atom, uint64_t bound,
		     uint64_t t)
{
	for (uint64_t i = f->pieces.at[atom]; i < f->pieces.at[atom + 1]; i++) {
		const struct jpiece *p = piece_at(f, i);
		const struct jeffect *e = &f->effect[p->effect];

		if (!e->is_unfenced && e->s.begin < t && e->dies >= t &&
		    p->o.end >= bound)
			return true;
	}
	return false;
}

static int view_init(struct view *v, struct judge *J, struct jfile *f)
{
	uint64_t most = 0;

	*v = (struct view){.J = J, .f = f};
	for (uint32_t a = 0; a < f->nr_atom; a++)
		most = nwb_max(most, f->pieces.at[a + 1] - f->pieces.at[a]);
	v->alive = nwb_j_alloc(J, most, sizeof(*v->alive));
	return v->alive ? 0 : -ENOMEM;
}

static void check(struct judge *J, struct view *v, struct streak *s,
		  const struct jowed *w, uint64_t t, bool is_crash)
{
	struct nwb_finding f = {
		.oracle = 1,
		.verdict = NWB_FAIL,
		.kind = "LOST",
		.file = v->f->id,
		.off = v->f->atom[v->atom],
		.rec_a = v->f->sync[w->sync].s.slot,
		.rec_b = v->f->write[w->write].s.slot,
	};
	const struct jpiece *best;
	bool is_unfenced;

	view_advance(v, t);
	best = view_best(v, &is_unfenced);
	if (best && best->o.end >= w->bound)
		return;
	if (is_unfenced && had_come(v->f, v->atom, w->bound, t))
		return;
	if (best && best->o.what == JW_ZERO)
		f.kind = "ZEROED";
	f.len = v->f->atom[v->atom + 1] - f.off;
	nwb_j_streak_add(
		J, s, &f,
		is_crash ? "promised, but not durable when the server died"
		: best	 ? "promised, but the server held older bytes"
			 : "promised, but the server never got it");
}

/* All promises of one atom in time, with the crashes between them. */
static void check_atom(struct judge *J, struct view *v, struct streak *s,
		       uint32_t atom)
{
	const struct jowed *owed = v->f->owed.item;
	uint64_t i = v->f->owed.at[atom], end = v->f->owed.at[atom + 1];
	struct jowed newest = {.bound = 0}; /* of those that outlive a crash */
	uint32_t c = 0;

	view_start(v, atom);
	while (i < end || c < J->nr_crash) {
		struct jowed w = {.bound = 0};

		if (i == end && !newest.bound)
			return;
		if (c < J->nr_crash &&
		    (i == end || J->crash[c].end < owed[i].t)) {
			if (newest.bound)
				check(J, v, s, &newest, J->crash[c].end, true);
			c++;
			continue;
		}
		/* One fsync takes over many writes: the newest counts. */
		for (uint64_t t = owed[i].t; i < end && owed[i].t == t; i++) {
			if (owed[i].bound > w.bound)
				w = owed[i];
			if (owed[i].bound > newest.bound &&
			    !owed[i].is_volatile)
				newest = owed[i];
		}
		check(J, v, s, &w, w.t, false);
	}
}

static int check_effects(struct judge *J, struct jfile *f)
{
	struct streak s = {.note = ""};
	struct view v;
	int err = view_init(&v, J, f);

	for (uint32_t a = 0; !err && a < f->nr_atom; a++)
		if (f->owed.at[a] < f->owed.at[a + 1])
			check_atom(J, &v, &s, a);
	nwb_j_streak_end(J, &s);
	return err;
}

/**
 * nwb_j_promise_all_written() - had the server all that was written before @by
 * began when @by was over? For O6: then an error is not the truth.
 */
int nwb_j_promise_all_written(struct judge *J, struct jfile *f,
			      const struct jspan *by, bool *ret_yes)
{
	struct view v;
	int err = view_init(&v, J, f);

	*ret_yes = true;
	for (uint32_t a = 0; !err && *ret_yes && a < f->nr_atom; a++) {
		const uint32_t *list = f->writes.item;
		const struct jpiece *best;
		uint64_t bound = 0;
		bool is_unfenced;

		for (uint64_t i = f->writes.at[a]; i < f->writes.at[a + 1];
		     i++) {
			const struct jwrite *w = &f->write[list[i]];

			if (user_before(&w->s, by) && w->owed_hi > f->atom[a])
				bound = nwb_max(bound, w->s.ub);
		}
		if (!bound)
			continue;
		view_start(&v, a);
		view_advance(&v, by->end_lo);
		best = view_best(&v, &is_unfenced);
		*ret_yes = best && best->o.end >= bound;
	}
	return err;
}

struct final {
	struct judge *J;
	struct jfile *f;
	struct streak s;
	struct streak unfenced;
};

/* The effect that nobody could fence and that brought these very bytes. */
static const struct jpiece *excuse(const struct jfile *f,
				   const struct jcontent *c)
{
	if (!had_come(f, c->atom, f->bound[c->atom], OPEN))
		return NULL;
	for (uint64_t i = f->pieces.at[c->atom]; i < f->pieces.at[c->atom + 1];
	     i++) {
		const struct jpiece *p = piece_at(f, i);

		if (f->effect[p->effect].is_unfenced &&
		    (p->o.what == JW_UNKNOWN || p->o.end == c->o.end))
			return p;
	}
	return NULL;
}

static void note_excuse(struct final *x, const struct jcontent *c,
			const struct jpiece *p)
{
	struct nwb_finding f = {
		.oracle = 3,
		.verdict = NWB_KNOWN,
		.kind = "UNFENCED",
		.file = x->f->id,
		.off = c->lo,
		.len = c->hi - c->lo,
		.rec_a = x->f->effect[p->effect].s.slot,
		.rec_b = x->f->sync[x->f->bound_by[c->atom].sync].s.slot,
	};

	/* With a known payload O3 has said so already. */
	if (p->o.what == JW_UNKNOWN)
		nwb_j_streak_add(
			x->J, &x->unfenced, &f,
			"a parked write of an old connection landed late");
}

/* A block of cipher text that was left half written, and told of, after it had
 * been promised. */
static bool is_left_torn(const struct final *x, const struct jcontent *c)
{
	const struct jowed *by = &x->f->bound_by[c->atom];

	return c->o.what == JW_FOREIGN && x->J->in->crypt_unit &&
	       nwb_j_is_left_torn(x->J, x->f, c->atom, c->lo,
				  x->f->sync[by->sync].s.begin, NULL);
}

static int check_content(void *arg, const struct jcontent *c)
{
	struct final *x = arg;
	const struct jowed *w = &x->f->bound_by[c->atom];
	struct nwb_finding f = {
		.oracle = 1,
		.verdict = NWB_FAIL,
		.kind = "LOST",
		.file = x->f->id,
		.off = c->lo,
		.len = c->hi - c->lo,
	};
	const char *note = "promised, but the file holds older bytes";
	const struct jpiece *p;

	if (c->o.end >= x->f->bound[c->atom] || is_left_torn(x, c))
		return 0;
	p = excuse(x->f, c);
	if (p) {
		note_excuse(x, c, p);
		return 0;
	}
	f.rec_a = x->f->sync[w->sync].s.slot;
	f.rec_b = x->f->write[w->write].s.slot;
	if (!c->run) {
		f.kind = "SHORT";
		note = "promised, but beyond the end of the file";
	} else if (c->o.what == JW_ZERO) {
		f.kind = "ZEROED";
		note = "promised, but the file holds zeros";
	}
	nwb_j_streak_add(x->J, &x->s, &f, note);
	return 0;
}

static int check_final(struct judge *J, struct jfile *f)
{
	struct final x = {.J = J, .f = f};
	int err;

	if (!f->content) {
		struct nwb_finding none = {.oracle = 1,
					   .verdict = NWB_INCONCLUSIVE,
					   .kind = "NO-CONTENT",
					   .file = f->id,
					   .rec_a = NO_SLOT,
					   .rec_b = NO_SLOT};

		nwb_j_found(J, &none,
			    "file %u was promised but not read at the end",
			    f->id);
		return 0;
	}
	err = nwb_j_content_visit(J, f, check_content, &x);
	nwb_j_streak_end(J, &x.s);
	nwb_j_streak_end(J, &x.unfenced);
	return err;
}

int nwb_j_o1_promise(struct judge *J)
{
	int err = 0;

	for (unsigned int id = 1; !err && id <= NWB_LEDGER_FILES; id++) {
		struct jfile *f = &J->file[id];

		if (!f->is_built || !f->owed.at[f->nr_atom])
			continue;
		J->j->ran |= 1u << 1;
		if (J->has_server)
			err = check_effects(J, f);
		if (!err)
			err = check_final(J, f);
	}
	return err;
}
