/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Lines to plan: statements, headers, phases, expects. Rules are in
 * plan_rule.c. Strict: a word that is not known is an error, never skipped.
 */
#include "nwb/mem.h"
#include "plan_i.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int nwb_plan_new(struct nwb_plan **ret)
{
	struct nwb_plan *plan = nwb_zalloc(sizeof(*plan));

	if (!plan)
		return -ENOMEM;
	*ret = plan;
	return 0;
}

void nwb_plan_free(struct nwb_plan *plan)
{
	nwb_free(plan);
}

/* once() - a header line may stand once a source; a later one replaces it. */
static int once(struct pl_cur *c, const char *at, const char *what, bool given,
		const struct nwb_plan_pos *pos)
{
	char where[NWB_PLAN_ARG + 32];

	if (!given || pos->source != c->source)
		return 0;
	return pl_fail(c, at, -EINVAL, "second \"%s\" line; the first is at %s",
		       what,
		       nwb_plan_pos_str(c->plan, pos, where, sizeof(where)));
}

static int parse_plan(struct pl_cur *c, const char *at)
{
	struct nwb_plan *p = c->plan;
	int err = once(c, at, "plan", p->name[0], &p->name_pos);

	if (err)
		return err;
	err = pl_name(c, "the plan's name", p->name, sizeof(p->name));
	p->name_pos = pl_pos(c, at);
	return err;
}

static int parse_seed(struct pl_cur *c, const char *at)
{
	struct nwb_plan *p = c->plan;
	struct pl_tok t;
	int err = once(c, at, "seed", p->has_seed, &p->seed_pos);

	if (err)
		return err;
	if (!pl_word(c, &t))
		return pl_fail(c, c->at, -EINVAL, "the seed is missing");
	err = pl_count(c, &t, &p->seed);
	p->has_seed = true;
	p->seed_pos = pl_pos(c, at);
	return err;
}

static int parse_needs(struct pl_cur *c)
{
	struct nwb_plan *p = c->plan;
	struct pl_tok t;
	uint32_t id;
	int err;

	if (!pl_word(c, &t))
		return pl_fail(c, c->at, -EINVAL, "the feature is missing");
	err = pl_lookup(c, "feature", &t, pl_features, &id);
	if (err)
		return err;
	for (unsigned int i = 0; i < p->nr_needs; i++)
		if (pl_is(&t, p->needs[i]))
			return pl_fail(c, t.s, -EINVAL,
				       "\"needs %s\" stands twice",
				       p->needs[i]);
	if (p->nr_needs == NWB_PLAN_NEEDS)
		return pl_fail(c, t.s, -ENOSPC, "more than %u needs",
			       NWB_PLAN_NEEDS);
	(void)pl_copy(&t, p->needs[p->nr_needs++], NWB_PLAN_NAME);
	return 0;
}

static int parse_heal(struct pl_cur *c, const char *at)
{
	struct nwb_plan *p = c->plan;

	if (p->has_heal)
		return pl_fail(c, at, -EINVAL, "second \"heal\"");
	if (p->nr_phases == NWB_PLAN_PHASES)
		return pl_fail(c, at, -ENOSPC, "more than %u phases",
			       NWB_PLAN_PHASES);
	p->phase[p->nr_phases++] = (struct nwb_plan_phase){
		.kind = NWB_PHASE_HEAL,
		.name = "heal",
		.pos = pl_pos(c, at),
	};
	p->has_heal = true;
	return 0;
}

static int parse_until(struct pl_cur *c, struct nwb_plan_phase *ph)
{
	struct pl_tok t;
	int err = pl_parse_event(c, NULL, &ph->side, &ph->op);

	if (err)
		return err;
	ph->kind = NWB_PHASE_UNTIL;
	pl_skip(c);
	if (!pl_char(c, '='))
		return pl_fail(c, c->at, -EINVAL,
			       "\"=\" and a count must follow the event");
	pl_skip(c);
	if (!pl_word(c, &t))
		return pl_fail(c, c->at, -EINVAL, "the count is missing");
	return pl_count(c, &t, &ph->nr);
}

/* pl_parse_phase() - "phase" NAME ("until" EVENT "=" N | "for" T). */
int pl_parse_phase(struct pl_cur *c, const char *at)
{
	static const struct pl_word_id kinds[] = {
		{"for", 0}, {"until", 1}, {NULL, 0}};
	struct nwb_plan *p = c->plan;
	struct nwb_plan_phase ph = {.pos = pl_pos(c, at)};
	struct pl_tok t;
	uint32_t id;
	int err;

	if (p->has_heal)
		return pl_fail(c, at, -EINVAL, "a phase after \"heal\"");
	err = pl_name(c, "the phase's name", ph.name, sizeof(ph.name));
	if (err)
		return err;
	for (unsigned int i = 0; i < p->nr_phases; i++)
		if (!strcmp(p->phase[i].name, ph.name))
			return pl_fail(c, at, -EINVAL, "second phase \"%s\"",
				       ph.name);
	if (!pl_word(c, &t))
		return pl_fail(c, c->at, -EINVAL,
			       "\"for\" or \"until\" is missing");
	err = pl_lookup(c, "word", &t, kinds, &id);
	if (err)
		return err;
	if (id) {
		err = parse_until(c, &ph);
	} else {
		if (!pl_word(c, &t))
			return pl_fail(c, c->at, -EINVAL,
				       "the time is missing");
		err = pl_time(c, &t, &ph.ns);
	}
	if (err)
		return err;
	if (p->nr_phases == NWB_PLAN_PHASES)
		return pl_fail(c, at, -ENOSPC, "more than %u phases",
			       NWB_PLAN_PHASES);
	p->phase[p->nr_phases++] = ph;
	return 0;
}

/* statement() - one line that is not empty. */
static int statement(struct pl_cur *c)
{
	const struct pl_word_id *w;
	const char *at;
	struct pl_tok t;

	if (!pl_word(c, &t)) {
		if (!pl_value(c, "", &t))
			return pl_fail(c, c->at, -EINVAL,
				       "unexpected character");
		return pl_fail(c, t.s, -EINVAL, "unexpected \"%.*s\"",
			       (int)nwb_min(t.len, (size_t)40), t.s);
	}
	at = t.s;
	if (pl_char(c, ':'))
		return pl_parse_rule(c, &t);
	w = pl_find(pl_statements, &t);
	if (!w)
		return pl_unknown(
			c, "statement", &t,
			(const struct pl_word_id *const[]){pl_statements}, 1);
	switch (w->id) {
	case 0:
		return parse_plan(c, at);
	case 1:
		return parse_seed(c, at);
	case 2:
		return once(c, at, "server", c->plan->server.name[0],
			    &c->plan->server.pos)
			       ?: pl_parse_party(c, true);
	case 3:
		return once(c, at, "client", c->plan->client.name[0],
			    &c->plan->client.pos)
			       ?: pl_parse_party(c, false);
	case 4:
		return parse_needs(c);
	case 5:
		return pl_parse_phase(c, at);
	case 6:
		return parse_heal(c, at);
	case 7:
		return pl_parse_expect(c, at);
	default:
		c->at = at;
		return pl_parse_rule(c, NULL);
	}
}

/* comment_at() - a "#" at the start of a line or after a blank begins one. */
static const char *comment_at(const char *s, const char *end)
{
	for (const char *at = s; at < end; at++)
		if (*at == '#' && (at == s || at[-1] == ' ' || at[-1] == '\t'))
			return at;
	return end;
}

int nwb_plan_add_text(struct nwb_plan *plan, const char *source_name,
		      const char *text, size_t len, struct nwb_err *err)
{
	struct pl_cur c = {.plan = plan, .err = err};
	const char *at = text, *end = text + len;

	nwb_assert(!plan->is_finished);
	if (plan->nr_sources == NWB_PLAN_SOURCES)
		return nwb_err_set(err, -ENOSPC, "%s: more than %u sources",
				   source_name, NWB_PLAN_SOURCES);
	c.source = (uint16_t)plan->nr_sources++;
	snprintf(plan->source[c.source], NWB_PLAN_ARG, "%s", source_name);
	while (at < end) {
		const char *nl = memchr(at, '\n', (size_t)(end - at));
		int rc;

		c.line++;
		c.begin = at;
		c.at = at;
		c.end = comment_at(at, nl ? nl : end);
		if (!pl_at_end(&c)) {
			rc = statement(&c);
			if (!rc)
				rc = pl_end(&c);
			if (rc)
				return rc;
		}
		at = nl ? nl + 1 : end;
	}
	return 0;
}
