/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What only the whole plan can tell: names that are used exist, every cut of
 * a request says on which side of the execution it lies, every rule has an
 * expectation (a rule that may stay silent proves nothing).
 */
#include "plan_i.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int nwb_plan_find_rule(const struct nwb_plan *plan, const char *name)
{
	for (unsigned int i = 0; i < plan->nr_rules; i++)
		if (!strcmp(plan->rule[i].name, name))
			return (int)i;
	return -ENOENT;
}

static int find_phase(const struct nwb_plan *plan, const char *name)
{
	for (unsigned int i = 0; i < plan->nr_phases; i++)
		if (!strcmp(plan->phase[i].name, name))
			return (int)i;
	return -ENOENT;
}

/* hint() - "; did you mean "x"?" for a rule's name, or nothing. */
static const char *hint(const struct nwb_plan *plan, const char *name,
			char *buf, size_t size)
{
	unsigned int least = 255;

	buf[0] = '\0';
	for (unsigned int i = 0; i < plan->nr_rules; i++) {
		const char *other = plan->rule[i].name;
		size_t len = strlen(other);
		unsigned int d = pl_distance(name, strlen(name), other, len);

		if (d < least && d < len && d <= 1 + len / 3) {
			least = d;
			snprintf(buf, size, "; did you mean \"%s\"?", other);
		}
	}
	return buf;
}

/* name_the_nameless() - "rule" and the first free number from its own. */
static void name_the_nameless(struct nwb_plan *plan)
{
	for (unsigned int i = 0; i < plan->nr_rules; i++) {
		char name[NWB_PLAN_NAME];
		unsigned int nr = i;

		if (plan->rule[i].name[0])
			continue;
		do
			snprintf(name, sizeof(name), "rule%u", ++nr);
		while (nwb_plan_find_rule(plan, name) >= 0);
		memset(plan->rule[i].name, 0, sizeof(plan->rule[i].name));
		snprintf(plan->rule[i].name, sizeof(plan->rule[i].name), "%s",
			 name);
	}
}

static bool is_cut(enum nwb_plan_action_kind kind)
{
	return kind == NWB_ACT_RST || kind == NWB_ACT_FIN ||
	       kind == NWB_ACT_KILL || kind == NWB_ACT_RESTART ||
	       kind == NWB_ACT_KILL_CHILD;
}

/* is_request() - is the event a request that can be executed or not? */
static bool is_request(const struct nwb_plan_rule *r)
{
	return (r->side == NWB_SIDE_SERVER || r->side == NWB_SIDE_WIRE) &&
	       r->op != NWB_OP_REPLY && r->op != NWB_OP_GRANT;
}

bool nwb_plan_is_mark(const struct nwb_plan_rule *rule)
{
	return rule->side == NWB_SIDE_CLIENT && rule->op == NWB_OP_MARK;
}

bool nwb_plan_has_mirror_rules(const struct nwb_plan *plan)
{
	for (unsigned int i = 0; i < plan->nr_rules; i++)
		if (plan->rule[i].is_mirror)
			return true;
	return false;
}

static bool is_harness(enum nwb_plan_action_kind kind)
{
	return kind == NWB_ACT_FREEZE || kind == NWB_ACT_BLACKHOLE ||
	       kind == NWB_ACT_POWER_OFF;
}

/* check_mark() - the harness acts, and it can do only so much. */
static int check_mark(const struct nwb_plan *plan,
		      const struct nwb_plan_rule *r, struct nwb_err *err)
{
	bool is_mark = nwb_plan_is_mark(r);

	if (r->op == NWB_OP_MARK && !is_mark)
		return pl_fail_pos(plan, &r->pos, err, -EINVAL,
				   "a mark is an event of the client: "
				   "client.mark");
	for (unsigned int i = 0; i < r->nr_actions; i++) {
		const struct nwb_plan_action *a = &r->action[i];

		if (is_harness(a->kind) && !is_mark &&
		    (a->kind != NWB_ACT_POWER_OFF ||
		     r->side == NWB_SIDE_CLIENT))
			return pl_fail_pos(plan, &a->pos, err, -EINVAL,
					   "only at a mark of a guest's job: "
					   "on client.mark");
		if (is_mark && !is_harness(a->kind) &&
		    a->kind != NWB_ACT_KILL && a->kind != NWB_ACT_RESTART &&
		    a->kind != NWB_ACT_ARM && a->kind != NWB_ACT_DISARM)
			return pl_fail_pos(plan, &a->pos, err, -EINVAL,
					   "not at a mark; freeze, blackhole, "
					   "kill, restart, power-off, arm and "
					   "disarm are");
	}
	if (is_mark && (r->file[0] || r->has_off || r->len.op || r->has_p ||
			r->status_name[0] || r->credits.op || r->inflight.op ||
			r->eof_extends || r->timing != NWB_TIMING_NONE ||
			r->while_phase[0] || r->every_ns))
		return pl_fail_pos(plan, &r->pos, err, -EINVAL,
				   "a mark has a name (op=) and a number "
				   "(nth=), and nothing else");
	return 0;
}

static int check_switch(const struct nwb_plan *plan,
			const struct nwb_plan_rule *r,
			const struct nwb_plan_action *a, struct nwb_err *err)
{
	int other = nwb_plan_find_rule(plan, a->arg);
	char buf[64];

	if (other < 0)
		return pl_fail_pos(plan, &a->pos, err, -EINVAL,
				   "there is no rule \"%s\"%s", a->arg,
				   hint(plan, a->arg, buf, sizeof(buf)));
	if (plan->rule[other].is_mirror != r->is_mirror)
		return pl_fail_pos(plan, &a->pos, err, -EINVAL,
				   "rule \"%s\" is one of the other server",
				   a->arg);
	return 0;
}

static int check_actions(const struct nwb_plan *plan,
			 const struct nwb_plan_rule *r, struct nwb_err *err)
{
	for (unsigned int i = 0; i < r->nr_actions; i++) {
		const struct nwb_plan_action *a = &r->action[i];
		int rc;

		if (is_cut(a->kind) && is_request(r) &&
		    r->timing == NWB_TIMING_NONE)
			return pl_fail_pos(
				plan, &a->pos, err, -EINVAL,
				"say \"before\" (not executed) or \"after\" "
				"(executed, the ack is lost) in front of "
				"\"do\"");
		if (a->kind == NWB_ACT_SEQ && r->nr_actions > 1)
			return pl_fail_pos(plan, &a->pos, err, -EINVAL,
					   "\"seq\" stands alone");
		if (a->kind == NWB_ACT_SEQ && r->timing != NWB_TIMING_NONE)
			return pl_fail_pos(plan, &a->pos, err, -EINVAL,
					   "the letters of \"seq\" say before "
					   "or after themselves");
		if (a->kind != NWB_ACT_ARM && a->kind != NWB_ACT_DISARM)
			continue;
		rc = check_switch(plan, r, a, err);
		if (rc)
			return rc;
	}
	return 0;
}

static bool is_armed_by_some(const struct nwb_plan *plan, const char *name)
{
	for (unsigned int i = 0; i < plan->nr_rules; i++)
		for (unsigned int k = 0; k < plan->rule[i].nr_actions; k++)
			if (plan->rule[i].action[k].kind == NWB_ACT_ARM &&
			    !strcmp(plan->rule[i].action[k].arg, name))
				return true;
	return false;
}

static int check_rule(const struct nwb_plan *plan,
		      const struct nwb_plan_rule *r, struct nwb_err *err)
{
	int rc = check_mark(plan, r, err);

	if (!rc)
		rc = check_actions(plan, r, err);
	if (rc)
		return rc;
	if (r->unarmed && !is_armed_by_some(plan, r->name))
		return pl_fail_pos(plan, &r->pos, err, -EINVAL,
				   "rule \"%s\" is unarmed and no rule arms it",
				   r->name);
	if (r->unarmed && r->every_ns)
		return pl_fail_pos(plan, &r->pos, err, -EINVAL,
				   "rule \"%s\" is armed by \"every\", not by "
				   "another rule",
				   r->name);
	if (r->while_phase[0] && find_phase(plan, r->while_phase) < 0)
		return pl_fail_pos(plan, &r->pos, err, -EINVAL,
				   "there is no phase \"%s\"", r->while_phase);
	return 0;
}

static int check_expects(struct nwb_plan *plan, struct nwb_err *err)
{
	for (unsigned int i = 0; i < plan->nr_expects; i++) {
		struct nwb_plan_expect *x = &plan->expect[i];
		char buf[64];
		int rule;

		if (x->kind != NWB_EXPECT_HITS)
			continue;
		rule = nwb_plan_find_rule(plan, x->name);
		if (rule < 0)
			return pl_fail_pos(
				plan, &x->pos, err, -EINVAL,
				"there is no rule \"%s\"%s", x->name,
				hint(plan, x->name, buf, sizeof(buf)));
		x->rule = (unsigned int)rule;
	}
	return 0;
}

static void default_expects(struct nwb_plan *plan)
{
	unsigned int given = plan->nr_expects;

	for (unsigned int i = 0; i < plan->nr_rules; i++) {
		struct nwb_plan_expect *x;
		bool found = false;

		for (unsigned int k = 0; k < given; k++)
			found |= plan->expect[k].kind == NWB_EXPECT_HITS &&
				 plan->expect[k].rule == i;
		if (found)
			continue;
		x = &plan->expect[plan->nr_expects++];
		*x = (struct nwb_plan_expect){.kind = NWB_EXPECT_HITS,
					      .is_default = true,
					      .rule = i,
					      .op = 'g',
					      .nr = 1,
					      .pos = plan->rule[i].pos};
		memcpy(x->name, plan->rule[i].name, sizeof(x->name));
	}
}

/* check_client() - how long the client waits can be said only once. */
static int check_client(const struct nwb_plan *plan, struct nwb_err *err)
{
	bool is_hard = nwb_plan_client_opt_nr(plan, "hard", 0);
	const char *other = NULL;

	if (!is_hard)
		return 0;
	if (nwb_plan_client_opt_nr(plan, "soft", 0))
		other = "soft";
	else if (nwb_plan_client_opt(plan, "patience"))
		other = "patience";
	else if (nwb_plan_client_opt(plan, "retrans"))
		other = "retrans";
	if (!other)
		return 0;
	return pl_fail_pos(plan, &plan->client.pos, err, -EINVAL,
			   "\"hard\" waits for ever: it does not go with "
			   "\"%s\"",
			   other);
}

int nwb_plan_finish(struct nwb_plan *plan, struct nwb_err *err)
{
	int rc;

	nwb_assert(!plan->is_finished);
	name_the_nameless(plan);
	for (unsigned int i = 0; i < plan->nr_rules; i++) {
		rc = check_rule(plan, &plan->rule[i], err);
		if (rc)
			return rc;
	}
	rc = check_client(plan, err);
	if (rc)
		return rc;
	rc = check_expects(plan, err);
	if (rc)
		return rc;
	default_expects(plan);
	plan->is_finished = true;
	return 0;
}

static const struct nwb_plan_opt *find_opt(const struct nwb_plan_party *p,
					   const char *key)
{
	for (unsigned int i = 0; i < p->nr_opts; i++)
		if (!strcmp(p->opt[i].key, key))
			return &p->opt[i];
	return NULL;
}

const char *nwb_plan_server_opt(const struct nwb_plan *plan, const char *key)
{
	const struct nwb_plan_opt *o = find_opt(&plan->server, key);

	return o ? o->value : NULL;
}

const char *nwb_plan_client_opt(const struct nwb_plan *plan, const char *key)
{
	const struct nwb_plan_opt *o = find_opt(&plan->client, key);

	return o ? o->value : NULL;
}

uint64_t nwb_plan_server_opt_nr(const struct nwb_plan *plan, const char *key,
				uint64_t def)
{
	const struct nwb_plan_opt *o = find_opt(&plan->server, key);

	return o ? o->nr : def;
}

uint64_t nwb_plan_client_opt_nr(const struct nwb_plan *plan, const char *key,
				uint64_t def)
{
	const struct nwb_plan_opt *o = find_opt(&plan->client, key);

	return o ? o->nr : def;
}

bool nwb_plan_cmp_holds(char op, uint64_t value, uint64_t nr)
{
	switch (op) {
	case '<':
		return value < nr;
	case '>':
		return value > nr;
	case 'l':
		return value <= nr;
	case 'g':
		return value >= nr;
	default:
		return value == nr;
	}
}
