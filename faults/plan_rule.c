/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * [NAME ":"] "on" EVENT { MATCH } [ TIMING ] "do" ACTION { "," ACTION } { GUARD
 * }
 */
#include "plan_i.h"

#include <errno.h>
#include <string.h>

enum word {
	W_FILE,
	W_OFF,
	W_LEN,
	W_P,
	W_NTH,
	W_OP,
	W_STATUS,
	W_CREDITS,
	W_INFLIGHT,
	W_EOF,
	W_BEFORE,
	W_AFTER,
	W_DO,
};

static const struct pl_word_id clauses[] = {
	{"file", W_FILE},
	{"off", W_OFF},
	{"len", W_LEN},
	{"p", W_P},
	{"nth", W_NTH},
	{"op", W_OP},
	{"status", W_STATUS},
	{"credits", W_CREDITS},
	{"inflight", W_INFLIGHT},
	{"eof-extends", W_EOF},
	{"before", W_BEFORE},
	{"after", W_AFTER},
	{"do", W_DO},
	{NULL, 0},
};

static const struct pl_word_id guards[] = {
	{"max", 0}, {"while", 1}, {"unarmed", 2}, {"every", 3}, {NULL, 0},
};

/* of_mirror() - take "mirror." off the front of @t. */
static bool of_mirror(struct pl_tok *t)
{
	static const char prefix[] = "mirror.";
	size_t len = sizeof(prefix) - 1;

	if (t->len < len || memcmp(t->s, prefix, len))
		return false;
	t->s += len;
	t->len -= len;
	return true;
}

/* pl_parse_event() - [ "mirror." ] side "." op; @ret_mirror NULL: without the
 * first. */
int pl_parse_event(struct pl_cur *c, bool *ret_mirror, enum nwb_plan_side *side,
		   enum nwb_plan_op *op)
{
	struct pl_tok t, s, o;
	const char *dot, *at;
	uint32_t id;
	int err;

	if (!pl_word(c, &t))
		return pl_fail(c, c->at, -EINVAL,
			       "the event (side.op) is missing");
	at = t.s;
	if (of_mirror(&t)) {
		if (!ret_mirror)
			return pl_fail(c, at, -EINVAL,
				       "a phase counts events of the first "
				       "server");
		*ret_mirror = true;
	}
	dot = memchr(t.s, '.', t.len);
	s = (struct pl_tok){t.s, dot ? (size_t)(dot - t.s) : t.len};
	err = pl_lookup(c, "side", &s, pl_sides, &id);
	if (err)
		return err;
	*side = (enum nwb_plan_side)id;
	if (at != t.s && *side == NWB_SIDE_CLIENT)
		return pl_fail(c, t.s, -EINVAL,
			       "a mirror has events of wire, server and "
			       "backend");
	if (!dot)
		return pl_fail(c, t.s + t.len, -EINVAL,
			       "\".\" and an op must follow the side");
	o = (struct pl_tok){dot + 1, t.len - s.len - 1};
	err = pl_lookup(c, "op", &o, pl_ops, &id);
	if (err)
		return err;
	*op = (enum nwb_plan_op)id;
	return 0;
}

/* need_eq() - the "=" of a key=value, and the value as a token. */
static int need_eq(struct pl_cur *c, const char *key, struct pl_tok *ret)
{
	if (!pl_char(c, '='))
		return pl_fail(c, c->at, -EINVAL, "\"=\" must follow \"%s\"",
			       key);
	if (!pl_value(c, "", ret))
		return pl_fail(c, c->at, -EINVAL, "\"%s=\" needs a value", key);
	return 0;
}

static const char *find_dots(const struct pl_tok *t)
{
	for (size_t i = 0; i + 1 < t->len; i++)
		if (t->s[i] == '.' && t->s[i + 1] == '.')
			return t->s + i;
	return NULL;
}

/* match_off() - FIRST [ ".." [ END ] ]. */
static int match_off(struct pl_cur *c, struct nwb_plan_rule *r,
		     const struct pl_tok *t)
{
	const char *dots = find_dots(t);
	struct pl_tok a = {t->s, dots ? (size_t)(dots - t->s) : t->len};
	struct pl_tok b = {NULL, 0};
	int err = pl_size(c, &a, &r->off);

	if (err)
		return err;
	r->has_off = true;
	r->off_end = dots ? UINT64_MAX : r->off + 1;
	if (dots)
		b = (struct pl_tok){dots + 2, t->len - a.len - 2};
	if (b.len) {
		err = pl_size(c, &b, &r->off_end);
		if (err)
			return err;
		if (r->off_end <= r->off)
			return pl_fail(c, t->s, -EINVAL, "the range is empty");
	}
	return 0;
}

/* match_nth() - FIRST [ ".." LAST ] [ "+" STEP ]. */
static int match_nth(struct pl_cur *c, struct nwb_plan_rule *r,
		     const struct pl_tok *t)
{
	const char *plus = memchr(t->s, '+', t->len);
	struct pl_tok range = {t->s, plus ? (size_t)(plus - t->s) : t->len};
	const char *dots = find_dots(&range);
	struct pl_tok first = {t->s, dots ? (size_t)(dots - t->s) : range.len};
	int err = pl_count(c, &first, &r->nth);

	if (err)
		return err;
	r->nth_step = 1;
	r->nth_last = plus ? UINT64_MAX : r->nth;
	if (dots) {
		struct pl_tok last = {dots + 2, range.len - first.len - 2};

		err = pl_count(c, &last, &r->nth_last);
		if (err)
			return err;
	}
	if (plus) {
		struct pl_tok step = {plus + 1, t->len - range.len - 1};

		err = pl_count(c, &step, &r->nth_step);
		if (err)
			return err;
	}
	if (!r->nth || !r->nth_step)
		return pl_fail(c, t->s, -EINVAL, "nth counts from 1");
	if (r->nth_last == r->nth)
		r->nth_step = 1; /* one number is one number */
	if (r->nth_last < r->nth)
		return pl_fail(c, t->s, -EINVAL, "the range is empty");
	return 0;
}

/* match_cmp() - CMP N; with @bare_ok the CMP may be missing and means "=". */
static int match_cmp(struct pl_cur *c, const char *key, bool bare_ok,
		     struct nwb_plan_cmp *ret)
{
	struct pl_tok t;
	int err;

	if (bare_ok && c->at < c->end && *c->at >= '0' && *c->at <= '9') {
		ret->op = '=';
	} else {
		err = pl_cmp_op(c, &ret->op);
		if (err)
			return err;
	}
	pl_skip(c);
	if (!pl_value(c, "", &t))
		return pl_fail(c, c->at, -EINVAL, "\"%s\" needs a number", key);
	return pl_size(c, &t, &ret->nr);
}

static int match_p(struct pl_cur *c, struct nwb_plan_rule *r,
		   const struct pl_tok *t)
{
	uint64_t ppb;
	int err = pl_decimal(c, t, 1000000000u, &ppb);

	if (err)
		return err;
	if (!ppb || ppb > 1000000000u)
		return pl_fail(c, t->s, -EINVAL,
			       "a probability is above 0 and at most 1");
	r->has_p = true;
	r->p_ppb = (uint32_t)ppb;
	return 0;
}

static int match_op(struct pl_cur *c, struct nwb_plan_rule *r,
		    const struct pl_tok *t)
{
	/* whatever the job calls it */
	if (nwb_plan_is_mark(r)) {
		if (pl_copy(t, r->op_name, sizeof(r->op_name)))
			return 0;
		return pl_fail(c, t->s, -EINVAL,
			       "the mark is longer than %zu characters",
			       sizeof(r->op_name) - 1);
	}
	if (!pl_find(pl_smb_ops, t) && !pl_find(pl_9p_ops, t))
		return pl_unknown(c, "message", t,
				  (const struct pl_word_id *const[]){pl_smb_ops,
								     pl_9p_ops},
				  2);
	(void)pl_copy(t, r->op_name, sizeof(r->op_name));
	return 0;
}

static int match_status(struct pl_cur *c, struct nwb_plan_rule *r,
			const struct pl_tok *t)
{
	const struct pl_word_id *w = pl_find(pl_statuses, t);

	if (!w)
		w = pl_find(pl_errnos, t);
	if (!w)
		return pl_unknown(c, "status", t,
				  (const struct pl_word_id *const[]){
					  pl_statuses, pl_errnos},
				  2);
	r->status = w->id;
	(void)pl_copy(t, r->status_name, sizeof(r->status_name));
	return 0;
}

static bool is_given(const struct nwb_plan_rule *r, enum word w)
{
	switch (w) {
	case W_FILE:
		return r->file[0];
	case W_OFF:
		return r->has_off;
	case W_LEN:
		return r->len.op;
	case W_P:
		return r->has_p;
	case W_NTH:
		return r->nth;
	case W_OP:
		return r->op_name[0];
	case W_STATUS:
		return r->status_name[0];
	case W_CREDITS:
		return r->credits.op;
	case W_INFLIGHT:
		return r->inflight.op;
	case W_EOF:
		return r->eof_extends;
	case W_BEFORE:
	case W_AFTER:
		return r->timing != NWB_TIMING_NONE;
	case W_DO:
		break;
	}
	return false;
}

static int match_value(struct pl_cur *c, struct nwb_plan_rule *r, enum word w,
		       const struct pl_tok *key)
{
	const char *name = pl_id_word(clauses, (uint32_t)w);
	struct pl_tok t;
	int err = need_eq(c, name, &t);

	if (err)
		return err;
	switch (w) {
	case W_FILE:
		if (pl_copy(&t, r->file, sizeof(r->file)))
			return 0;
		return pl_fail(c, key->s, -EINVAL,
			       "the glob is longer than %zu characters",
			       sizeof(r->file) - 1);
	case W_OFF:
		return match_off(c, r, &t);
	case W_P:
		return match_p(c, r, &t);
	case W_NTH:
		return match_nth(c, r, &t);
	case W_OP:
		return match_op(c, r, &t);
	default:
		return match_status(c, r, &t);
	}
}

static int match_len(struct pl_cur *c, struct nwb_plan_rule *r)
{
	if (!pl_char(c, '='))
		return pl_fail(c, c->at, -EINVAL, "\"=\" must follow \"len\"");
	return match_cmp(c, "len=", true, &r->len);
}

/* pl_parse_match() - one MATCH or TIMING, or the "do" that ends them. */
int pl_parse_match(struct pl_cur *c, struct nwb_plan_rule *r, bool *ret_do)
{
	struct pl_tok t;
	uint32_t id;
	int err;

	if (!pl_word(c, &t))
		return pl_at_end(c)
			       ? pl_fail(c, c->at, -EINVAL, "\"do\" is missing")
			       : pl_end(c);
	err = pl_lookup(c, "match", &t, clauses, &id);
	if (err)
		return err;
	if (is_given(r, (enum word)id))
		return pl_fail(c, t.s, -EINVAL, "\"%.*s\" stands twice",
			       (int)t.len, t.s);
	if (r->timing != NWB_TIMING_NONE && id != W_DO)
		return pl_fail(c, t.s, -EINVAL,
			       "\"do\" must follow \"before\" or \"after\"");
	*ret_do = id == W_DO;
	switch ((enum word)id) {
	case W_DO:
		return 0;
	case W_BEFORE:
		r->timing = NWB_TIMING_BEFORE;
		return 0;
	case W_AFTER:
		r->timing = NWB_TIMING_AFTER;
		return 0;
	case W_EOF:
		r->eof_extends = true;
		return 0;
	case W_LEN:
		return match_len(c, r);
	case W_CREDITS:
		return match_cmp(c, "credits", false, &r->credits);
	case W_INFLIGHT:
		return match_cmp(c, "inflight", false, &r->inflight);
	default:
		return match_value(c, r, (enum word)id, &t);
	}
}

static int guard(struct pl_cur *c, struct nwb_plan_rule *r)
{
	struct pl_tok t, v;
	uint32_t id;
	int err;

	if (!pl_word(c, &t))
		return pl_end(c);
	err = pl_lookup(c, "guard", &t, guards, &id);
	if (err)
		return err;
	if (id == 0   ? r->max != 0
	    : id == 1 ? r->while_phase[0] != 0
	    : id == 2 ? r->unarmed
		      : r->every_ns != 0)
		return pl_fail(c, t.s, -EINVAL, "\"%.*s\" stands twice",
			       (int)t.len, t.s);
	if (id == 1)
		return pl_name(c, "the phase's name", r->while_phase,
			       sizeof(r->while_phase));
	if (id == 2) {
		r->unarmed = true;
		return 0;
	}
	if (id == 3) {
		err = need_eq(c, "every", &v);
		if (!err)
			err = pl_time(c, &v, &r->every_ns);
		if (!err && r->every_ns < NWB_MSEC)
			err = pl_fail(c, v.s, -EINVAL, "every is at least 1ms");
		return err;
	}
	err = need_eq(c, "max", &v);
	if (!err)
		err = pl_count(c, &v, &r->max);
	if (!err && !r->max)
		err = pl_fail(c, v.s, -EINVAL, "max is at least 1");
	return err;
}

static int rule_name(struct pl_cur *c, const struct pl_tok *name,
		     struct nwb_plan_rule *r)
{
	struct pl_cur sub = *c;
	char where[NWB_PLAN_ARG + 32];
	int err, i;

	sub.at = name->s;
	err = pl_name(&sub, "the rule's name", r->name, sizeof(r->name));
	if (err)
		return err;
	i = nwb_plan_find_rule(c->plan, r->name);
	if (i >= 0)
		return pl_fail(c, name->s, -EINVAL,
			       "second rule \"%s\"; the first is at %s",
			       r->name,
			       nwb_plan_pos_str(c->plan, &c->plan->rule[i].pos,
						where, sizeof(where)));
	return 0;
}

/* pl_parse_rule() - a rule; @name is NULL for one without a name. */
int pl_parse_rule(struct pl_cur *c, const struct pl_tok *name)
{
	struct nwb_plan *p = c->plan;
	struct nwb_plan_rule r = {0};
	bool is_do = false;
	struct pl_tok t;
	int err = 0;

	r.pos = pl_pos(c, name ? name->s : c->at);
	if (name)
		err = rule_name(c, name, &r);
	if (err)
		return err;
	if (!pl_word(c, &t) || !pl_is(&t, "on"))
		return pl_fail(c, t.s, -EINVAL,
			       "\"on\" must follow the rule's name");
	err = pl_parse_event(c, &r.is_mirror, &r.side, &r.op);
	while (!err && !is_do)
		err = pl_parse_match(c, &r, &is_do);
	if (!err)
		err = pl_parse_actions(c, &r);
	while (!err && !pl_at_end(c))
		err = guard(c, &r);
	if (err)
		return err;
	if (p->nr_rules == NWB_PLAN_RULES)
		return pl_fail_pos(p, &r.pos, c->err, -ENOSPC,
				   "more than %u rules", NWB_PLAN_RULES);
	p->rule[p->nr_rules++] = r;
	return 0;
}
