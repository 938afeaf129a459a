/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The rest of the parser: actions, options of server and client, expects.
 */
#include "plan_i.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* seq_ok() - letters . x d u r; an upper-case one only at the end. */
static int seq_ok(struct pl_cur *c, const struct pl_tok *t)
{
	for (size_t i = 0; i < t->len; i++) {
		bool last = i + 1 == t->len;

		if (t->s[i] && strchr(".xdur", t->s[i]))
			continue;
		if (t->s[i] && strchr("XDUR", t->s[i])) {
			if (last)
				continue;
			return pl_fail(c, t->s + i, -EINVAL,
				       "an upper-case letter repeats for ever "
				       "and must be the last");
		}
		return pl_fail(c, t->s + i, -EINVAL,
			       "unknown letter \"%c\" in seq; . x d u r are "
			       "known",
			       t->s[i] >= ' ' && t->s[i] < 127 ? t->s[i] : '?');
	}
	return 0;
}

static int action_arg(struct pl_cur *c, struct nwb_plan_action *a,
		      const char *verb)
{
	struct pl_tok t;
	uint32_t id = 0;
	int err;

	if (a->kind == NWB_ACT_ARM || a->kind == NWB_ACT_DISARM)
		return pl_name(c, "the name of a rule", a->arg, sizeof(a->arg));
	pl_skip(c);
	if (!pl_value(c, ",", &t))
		return pl_fail(c, c->at, -EINVAL, "\"%s\" needs an argument",
			       verb);
	switch (a->kind) {
	case NWB_ACT_ERROR:
		err = pl_lookup(c, "errno", &t, pl_errnos, &id);
		a->err = (int)id;
		break;
	case NWB_ACT_HOLD:
	case NWB_ACT_DELAY:
	case NWB_ACT_FREEZE:
	case NWB_ACT_BLACKHOLE:
		return pl_time(c, &t, &a->nr);
	case NWB_ACT_GRANT:
		err = pl_count(c, &t, &a->nr);
		if (!err && a->nr > 0xffff)
			err = pl_fail(c, t.s, -EINVAL,
				      "a grant is at most 65535");
		return err;
	case NWB_ACT_SEQ:
		err = seq_ok(c, &t);
		break;
	default:
		return pl_size(c, &t, &a->nr);
	}
	if (err)
		return err;
	if (!pl_copy(&t, a->arg, sizeof(a->arg)))
		return pl_fail(c, t.s, -EINVAL, "longer than %zu characters",
			       sizeof(a->arg) - 1);
	return 0;
}

static bool has_arg(enum nwb_plan_action_kind kind)
{
	switch (kind) {
	case NWB_ACT_DROP:
	case NWB_ACT_RST:
	case NWB_ACT_FIN:
	case NWB_ACT_KILL:
	case NWB_ACT_RESTART:
	case NWB_ACT_KILL_CHILD:
	case NWB_ACT_DUP:
	case NWB_ACT_POWER_OFF:
	case NWB_ACT_INTRUDE:
		return false;
	default:
		return true;
	}
}

/* pl_parse_actions() - ACTION { "," ACTION }. */
int pl_parse_actions(struct pl_cur *c, struct nwb_plan_rule *r)
{
	do {
		struct nwb_plan_action *a;
		struct pl_tok t;
		uint32_t id;
		int err;

		if (!pl_word(c, &t))
			return pl_fail(c, c->at, -EINVAL,
				       "an action is missing");
		err = pl_lookup(c, "action", &t, pl_actions, &id);
		if (err)
			return err;
		if (r->nr_actions == NWB_PLAN_ACTIONS)
			return pl_fail(c, t.s, -ENOSPC, "more than %u actions",
				       NWB_PLAN_ACTIONS);
		for (unsigned int i = 0; i < r->nr_actions; i++)
			if (r->action[i].kind == id && id != NWB_ACT_ARM &&
			    id != NWB_ACT_DISARM)
				return pl_fail(c, t.s, -EINVAL,
					       "\"%.*s\" stands twice",
					       (int)t.len, t.s);
		a = &r->action[r->nr_actions];
		a->kind = (enum nwb_plan_action_kind)id;
		a->pos = pl_pos(c, t.s);
		if (has_arg(a->kind)) {
			err = action_arg(c, a, pl_id_word(pl_actions, id));
			if (err)
				return err;
		}
		r->nr_actions++;
		pl_skip(c);
	} while (pl_char(c, ','));
	return 0;
}

static int opt_number(struct pl_cur *c, const struct pl_opt_desc *d,
		      const struct pl_tok *t, struct nwb_plan_opt *o)
{
	char lo[24], hi[24];
	int err;

	if (d->type == PL_OPT_TIME)
		err = pl_time(c, t, &o->nr);
	else if (d->type == PL_OPT_SIZE)
		err = pl_size(c, t, &o->nr);
	else
		err = pl_count(c, t, &o->nr);
	if (err)
		return err;
	if (o->nr < d->min || o->nr > d->max) {
		bool is_time = d->type == PL_OPT_TIME;

		return pl_fail(c, t->s, -EINVAL, "%s is %s..%s", d->key,
			       is_time ? pl_time_str(d->min, lo, sizeof(lo))
				       : pl_size_str(d->min, lo, sizeof(lo)),
			       is_time ? pl_time_str(d->max, hi, sizeof(hi))
				       : pl_size_str(d->max, hi, sizeof(hi)));
	}
	if (d->type == PL_OPT_TIME)
		pl_time_str(o->nr, o->value, sizeof(o->value));
	else if (d->type == PL_OPT_SIZE)
		pl_size_str(o->nr, o->value, sizeof(o->value));
	else
		snprintf(o->value, sizeof(o->value), "%llu",
			 (unsigned long long)o->nr);
	return 0;
}

/* One of the list: h3, or -h3. Return: its bit in @ret_nr, 0: it is neither. */
static uint64_t hazard_bit(const char *s, size_t len)
{
	bool is_off = len && *s == '-';
	unsigned int h = 0;

	s += is_off;
	len -= is_off;
	if (len < 2 || len > 3 || *s != 'h')
		return 0;
	for (size_t i = 1; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return 0;
		h = h * 10 + (unsigned int)(s[i] - '0');
	}
	if (!h || h > NWB_PLAN_HAZARDS)
		return 0;
	return 1ull << (is_off ? h + 32 : h);
}

static int opt_hazards(struct pl_cur *c, const struct pl_tok *t,
		       struct nwb_plan_opt *o)
{
	size_t at = 0;

	if (!pl_copy(t, o->value, sizeof(o->value)))
		return pl_fail(c, t->s, -EINVAL,
			       "a list of %u characters at most",
			       (unsigned int)sizeof(o->value) - 1);
	while (at <= t->len) {
		size_t len = strcspn(o->value + at, ",");
		uint64_t bit = hazard_bit(o->value + at, len);

		if (!bit)
			return pl_fail(c, t->s + at, -EINVAL,
				       "hazards are h1 to h%u, with a minus to "
				       "switch one off",
				       NWB_PLAN_HAZARDS);
		o->nr |= bit;
		at += len + 1;
	}
	return 0;
}

static int opt_value(struct pl_cur *c, const struct pl_opt_desc *d,
		     struct nwb_plan_opt *o)
{
	static const struct pl_word_id flags[] = {
		{"on", 1}, {"off", 0}, {NULL, 0}};
	const struct pl_word_id *words =
		d->type == PL_OPT_FLAG ? flags : d->words;
	struct pl_tok t;
	uint32_t id;
	int err;

	if (!pl_char(c, '=')) {
		if (d->bare) {
			t = (struct pl_tok){d->bare, strlen(d->bare)};
			o->nr = pl_find(words, &t)->id;
			(void)pl_copy(&t, o->value, sizeof(o->value));
			return 0;
		}
		if (d->type != PL_OPT_FLAG)
			return pl_fail(c, c->at, -EINVAL,
				       "\"=\" must follow \"%s\"", d->key);
		snprintf(o->value, sizeof(o->value), "on");
		o->nr = 1;
		return 0;
	}
	if (!pl_value(c, "", &t))
		return pl_fail(c, c->at, -EINVAL, "\"%s=\" needs a value",
			       d->key);
	if (d->type == PL_OPT_HAZARDS)
		return opt_hazards(c, &t, o);
	if (!words)
		return opt_number(c, d, &t, o);
	err = pl_lookup(c, "value", &t, words, &id);
	if (err)
		return err;
	o->nr = id;
	(void)pl_copy(&t, o->value, sizeof(o->value));
	return 0;
}

static int unknown_opt(struct pl_cur *c, const struct pl_tok *t,
		       const struct pl_opt_desc *descs)
{
	struct pl_word_id words[NWB_PLAN_OPTS + 1] = {{NULL, 0}};
	const struct pl_word_id *tab = words;

	for (unsigned int i = 0; descs[i].key && i < NWB_PLAN_OPTS; i++)
		words[i].word = descs[i].key;
	return pl_unknown(c, "option", t, &tab, 1);
}

static int party_opt(struct pl_cur *c, struct nwb_plan_party *p,
		     const struct pl_opt_desc *descs)
{
	const struct pl_opt_desc *d = descs;
	struct nwb_plan_opt *o;
	struct pl_tok t;
	int err;

	if (!pl_word(c, &t))
		return pl_end(c);
	while (d->key && !pl_is(&t, d->key))
		d++;
	if (!d->key)
		return unknown_opt(c, &t, descs);
	if (d->only && strcmp(d->only, p->name))
		return pl_fail(c, t.s, -EINVAL, "%s has no option \"%s\"",
			       p->name, d->key);
	for (unsigned int i = 0; i < p->nr_opts; i++)
		if (!strcmp(p->opt[i].key, d->key))
			return pl_fail(c, t.s, -EINVAL, "\"%s\" stands twice",
				       d->key);
	nwb_assert(p->nr_opts < NWB_PLAN_OPTS);
	o = &p->opt[p->nr_opts];
	snprintf(o->key, sizeof(o->key), "%s", d->key);
	err = opt_value(c, d, o);
	if (!err)
		p->nr_opts++;
	return err;
}

/* pl_parse_party() - "server" or "client", name and options. */
int pl_parse_party(struct pl_cur *c, bool is_server)
{
	struct nwb_plan_party p = {0};
	struct pl_tok t;
	uint32_t id;
	int err;

	p.pos = pl_pos(c, c->at);
	if (!pl_word(c, &t))
		return pl_fail(c, c->at, -EINVAL, "the %s is missing",
			       is_server ? "server" : "client's mode");
	err = pl_lookup(c, is_server ? "server" : "mode", &t,
			is_server ? pl_servers : pl_clients, &id);
	if (err)
		return err;
	(void)pl_copy(&t, p.name, sizeof(p.name));
	while (!pl_at_end(c)) {
		err = party_opt(c, &p,
				is_server ? pl_server_opts : pl_client_opts);
		if (err)
			return err;
	}
	if (is_server)
		c->plan->server = p;
	else
		c->plan->client = p;
	return 0;
}

enum {
	X_HITS,
	X_VERDICT,
	X_DRAIN,
	X_FSYNC,
	X_AMPLIFICATION,
	X_NEVER
};

static const struct pl_word_id expects[] = {
	{"hits", X_HITS},   {"verdict", X_VERDICT},
	{"drain", X_DRAIN}, {"fsync", X_FSYNC},
	{"never", X_NEVER}, {"amplification", X_AMPLIFICATION},
	{NULL, 0},
};

/* number() - CMP and a value of the kind that @x wants. */
static int number(struct pl_cur *c, struct nwb_plan_expect *x)
{
	struct pl_tok t;
	int err = pl_cmp_op(c, &x->op);

	if (err)
		return err;
	pl_skip(c);
	if (!pl_value(c, "", &t))
		return pl_fail(c, c->at, -EINVAL, "a number is missing");
	if (x->kind == NWB_EXPECT_DRAIN)
		return pl_time(c, &t, &x->nr);
	if (x->kind == NWB_EXPECT_AMPLIFICATION)
		return pl_decimal(c, &t, 1000000, &x->nr);
	return pl_count(c, &t, &x->nr);
}

static int word(struct pl_cur *c, struct nwb_plan_expect *x, const char *what,
		const struct pl_word_id *tab)
{
	struct pl_tok t;
	uint32_t id;
	int err;

	if (!pl_word(c, &t))
		return pl_fail(c, c->at, -EINVAL, "the %s is missing", what);
	err = pl_lookup(c, what, &t, tab, &id);
	if (!err)
		(void)pl_copy(&t, x->name, sizeof(x->name));
	return err;
}

/* expect_fsync() - ERRNO "on" FD-CLASS; ERRNO is 0 or a name. */
static int expect_fsync(struct pl_cur *c, struct nwb_plan_expect *x)
{
	struct pl_tok t;
	uint32_t id = 0;
	int err;

	if (!pl_word(c, &t))
		return pl_fail(c, c->at, -EINVAL, "0 or an errno is missing");
	if (!pl_is(&t, "0")) {
		err = pl_lookup(c, "errno", &t, pl_errnos, &id);
		if (err)
			return err;
	}
	x->err = (int)id;
	if (!pl_word(c, &t) || !pl_is(&t, "on"))
		return pl_fail(c, t.s, -EINVAL, "\"on\" must follow the errno");
	return word(c, x, "class of fds", pl_fd_classes);
}

/* pl_parse_expect() - what follows "expect", which stood at @at. */
int pl_parse_expect(struct pl_cur *c, const char *at)
{
	struct nwb_plan *p = c->plan;
	struct nwb_plan_expect x = {.pos = pl_pos(c, at)};
	struct pl_tok t;
	uint32_t id;
	int err;

	if (!pl_word(c, &t))
		return pl_fail(c, c->at, -EINVAL, "what is expected?");
	err = pl_lookup(c, "expectation", &t, expects, &id);
	if (err)
		return err;
	x.kind = (enum nwb_plan_expect_kind)id;
	switch (x.kind) {
	case NWB_EXPECT_HITS:
		err = pl_name(c, "the name of a rule", x.name, sizeof(x.name));
		if (!err)
			err = number(c, &x);
		break;
	case NWB_EXPECT_DRAIN:
	case NWB_EXPECT_AMPLIFICATION:
		err = number(c, &x);
		break;
	case NWB_EXPECT_VERDICT:
		err = word(c, &x, "verdict", pl_verdicts);
		break;
	case NWB_EXPECT_FSYNC:
		err = expect_fsync(c, &x);
		break;
	case NWB_EXPECT_NEVER:
		err = word(c, &x, "invariant", pl_invariants);
		break;
	}
	if (err)
		return err;
	if (p->nr_expects == NWB_PLAN_EXPECTS - NWB_PLAN_RULES)
		return pl_fail(c, at, -ENOSPC, "more than %u expects",
			       NWB_PLAN_EXPECTS - NWB_PLAN_RULES);
	p->expect[p->nr_expects++] = x;
	return 0;
}
