/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The canonical text of a plan: headers, rules, phases, expects, one a line,
 * units as large as they go. What the parser added (default expects) is not
 * printed; it would be added again.
 */
#include "plan_i.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct out {
	char *buf;
	size_t size;
	size_t len; /* as if it had no end */
};

static void put(struct out *o, const char *fmt, ...) nwb_printf(2, 3);

static void put(struct out *o, const char *fmt, ...)
{
	size_t at = nwb_min(o->len, o->size);
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(o->size ? o->buf + at : NULL, o->size - at, fmt, ap);
	va_end(ap);
	if (n > 0)
		o->len += (size_t)n;
}

static void put_party(struct out *o, const char *what,
		      const struct nwb_plan_party *p)
{
	if (!p->name[0])
		return;
	put(o, "%s %s", what, p->name);
	for (unsigned int i = 0; i < p->nr_opts; i++)
		put(o, " %s=%s", p->opt[i].key, p->opt[i].value);
	put(o, "\n");
}

static void put_match(struct out *o, const struct nwb_plan_rule *r)
{
	char a[32], b[32];

	if (r->file[0])
		put(o, " file=%s", r->file);
	if (r->has_off && r->off_end == r->off + 1)
		put(o, " off=%s", pl_size_str(r->off, a, sizeof(a)));
	else if (r->has_off)
		put(o, " off=%s..%s", pl_size_str(r->off, a, sizeof(a)),
		    r->off_end == UINT64_MAX
			    ? ""
			    : pl_size_str(r->off_end, b, sizeof(b)));
	if (r->len.op)
		put(o, " len=%s%s",
		    r->len.op == '=' ? "" : pl_cmp_str(r->len.op),
		    pl_size_str(r->len.nr, a, sizeof(a)));
	if (r->nth) {
		put(o, " nth=%llu", (unsigned long long)r->nth);
		if (r->nth_last != r->nth && r->nth_last != UINT64_MAX)
			put(o, "..%llu", (unsigned long long)r->nth_last);
		if (r->nth_step != 1 || r->nth_last == UINT64_MAX)
			put(o, "+%llu", (unsigned long long)r->nth_step);
	}
	if (r->has_p)
		put(o, " p=%s",
		    pl_decimal_str(r->p_ppb, 1000000000, a, sizeof(a)));
	if (r->op_name[0])
		put(o, " op=%s", r->op_name);
	if (r->status_name[0])
		put(o, " status=%s", r->status_name);
	if (r->credits.op)
		put(o, " credits %s %s", pl_cmp_str(r->credits.op),
		    pl_size_str(r->credits.nr, a, sizeof(a)));
	if (r->inflight.op)
		put(o, " inflight %s %s", pl_cmp_str(r->inflight.op),
		    pl_size_str(r->inflight.nr, a, sizeof(a)));
	if (r->eof_extends)
		put(o, " eof-extends");
}

static void put_action(struct out *o, const struct nwb_plan_action *a)
{
	char buf[32];

	put(o, " %s", pl_id_word(pl_actions, a->kind));
	switch (a->kind) {
	case NWB_ACT_ERROR:
	case NWB_ACT_SEQ:
	case NWB_ACT_ARM:
	case NWB_ACT_DISARM:
		put(o, " %s", a->arg);
		break;
	case NWB_ACT_HOLD:
	case NWB_ACT_DELAY:
	case NWB_ACT_FREEZE:
	case NWB_ACT_BLACKHOLE:
		put(o, " %s", pl_time_str(a->nr, buf, sizeof(buf)));
		break;
	case NWB_ACT_SHORT:
	case NWB_ACT_CORRUPT:
		put(o, " %s", pl_size_str(a->nr, buf, sizeof(buf)));
		break;
	case NWB_ACT_GRANT:
		put(o, " %llu", (unsigned long long)a->nr);
		break;
	default:
		break;
	}
}

static void put_actions(struct out *o, const struct nwb_plan_rule *r)
{
	for (unsigned int i = 0; i < r->nr_actions; i++) {
		if (i)
			put(o, ",");
		put_action(o, &r->action[i]);
	}
}

static void put_timing(struct out *o, const struct nwb_plan_rule *r)
{
	if (r->timing != NWB_TIMING_NONE)
		put(o, r->timing == NWB_TIMING_BEFORE ? " before" : " after");
}

static void put_rule(struct out *o, const struct nwb_plan_rule *r)
{
	char buf[32];

	if (r->name[0])
		put(o, "%s: ", r->name);
	put(o, "on %s%s.%s", r->is_mirror ? "mirror." : "",
	    pl_id_word(pl_sides, r->side), pl_id_word(pl_ops, r->op));
	put_match(o, r);
	put_timing(o, r);
	put(o, " do");
	put_actions(o, r);
	if (r->max)
		put(o, " max=%llu", (unsigned long long)r->max);
	if (r->while_phase[0])
		put(o, " while %s", r->while_phase);
	if (r->unarmed)
		put(o, " unarmed");
	if (r->every_ns)
		put(o, " every=%s", pl_time_str(r->every_ns, buf, sizeof(buf)));
	put(o, "\n");
}

static void put_phase(struct out *o, const struct nwb_plan_phase *ph)
{
	char buf[32];

	switch (ph->kind) {
	case NWB_PHASE_HEAL:
		put(o, "heal\n");
		break;
	case NWB_PHASE_FOR:
		put(o, "phase %s for %s\n", ph->name,
		    pl_time_str(ph->ns, buf, sizeof(buf)));
		break;
	case NWB_PHASE_UNTIL:
		put(o, "phase %s until %s.%s=%llu\n", ph->name,
		    pl_id_word(pl_sides, ph->side), pl_id_word(pl_ops, ph->op),
		    (unsigned long long)ph->nr);
		break;
	}
}

static void put_expect(struct out *o, const struct nwb_plan_expect *x)
{
	char buf[32];

	switch (x->kind) {
	case NWB_EXPECT_HITS:
		put(o, "expect hits %s %s %llu\n", x->name, pl_cmp_str(x->op),
		    (unsigned long long)x->nr);
		break;
	case NWB_EXPECT_VERDICT:
		put(o, "expect verdict %s\n", x->name);
		break;
	case NWB_EXPECT_DRAIN:
		put(o, "expect drain %s %s\n", pl_cmp_str(x->op),
		    pl_time_str(x->nr, buf, sizeof(buf)));
		break;
	case NWB_EXPECT_FSYNC:
		put(o, "expect fsync %s on %s\n",
		    x->err ? pl_id_word(pl_errnos, (uint32_t)x->err) : "0",
		    x->name);
		break;
	case NWB_EXPECT_AMPLIFICATION:
		put(o, "expect amplification %s %s\n", pl_cmp_str(x->op),
		    pl_decimal_str(x->nr, 1000000, buf, sizeof(buf)));
		break;
	case NWB_EXPECT_NEVER:
		put(o, "expect never %s\n", x->name);
		break;
	}
}

int nwb_plan_print(const struct nwb_plan *plan, char *buf, size_t size)
{
	struct out o = {buf, size, 0};

	if (size)
		buf[0] = '\0';
	if (plan->name[0])
		put(&o, "plan %s\n", plan->name);
	if (plan->has_seed)
		put(&o, "seed %llu\n", (unsigned long long)plan->seed);
	put_party(&o, "server", &plan->server);
	put_party(&o, "client", &plan->client);
	for (unsigned int i = 0; i < plan->nr_needs; i++)
		put(&o, "needs %s\n", plan->needs[i]);
	for (unsigned int i = 0; i < plan->nr_rules; i++)
		put_rule(&o, &plan->rule[i]);
	for (unsigned int i = 0; i < plan->nr_phases; i++)
		put_phase(&o, &plan->phase[i]);
	for (unsigned int i = 0; i < plan->nr_expects; i++)
		if (!plan->expect[i].is_default)
			put_expect(&o, &plan->expect[i]);
	return (int)o.len;
}

int nwb_plan_print_actions(const struct nwb_plan_rule *rule, char *buf,
			   size_t size)
{
	struct out o = {buf, size, 0};

	if (size)
		buf[0] = '\0';
	put_actions(&o, rule);
	put_timing(&o, rule);
	/* every action brings the blank before it */
	if (size && buf[0] == ' ')
		memmove(buf, buf + 1, strlen(buf));
	return (int)o.len - 1;
}
