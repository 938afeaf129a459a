/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Rules to the shim's page. Here it is decided what this version injects:
 *
 *	event				actions
 *	(kill-child goes where kill does, on smbd)
 *	server|wire . write flush	rst fin kill restart  before | after
 *	   create close any connect	drop hold dup         (after)
 *					error short delay     (at its pwrite
 *					    or fsync; write and flush only)
 *					seq
 *	server|wire . reply		rst fin kill restart drop hold delay
 *					dup seq
 *	server|wire . grant		grant
 *	backend . pwrite		error short delay kill restart seq
 *	backend . fsync			error delay kill restart seq
 *	all				arm disarm
 *	client . mark			the harness carries it out
 *
 * Everything else is refused by rule, position and reason. A fault that is
 * skipped in silence would make a clean verdict out of nothing.
 */
#include "nwb/faultctl.h"
#include "plan_i.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CUTS                                                                   \
	(NWB_FC_DO_RST | NWB_FC_DO_FIN | NWB_FC_DO_KILL | NWB_FC_DO_RESTART |  \
	 NWB_FC_DO_KILL_CHILD)
#define MARKS	     (NWB_FC_DO_ERROR | NWB_FC_DO_DELAY | NWB_FC_DO_SHORT)
#define SEQ_DELAY_NS (100 * NWB_MSEC) /* what "d" in a seq means */

struct compile {
	const struct nwb_plan *plan;
	const struct nwb_plan_rule *r;
	struct nwb_fc_rule *out;
	struct nwb_err *err;
	enum nwb_plan_target target;
	bool is_9p;
};

static int refuse(struct compile *c, const struct nwb_plan_pos *pos,
		  const char *reason)
{
	return pl_fail_pos(c->plan, pos, c->err, -EOPNOTSUPP,
			   "rule \"%s\": cannot be injected here: %s",
			   c->r->name, reason);
}

/* Which message the op of a request event is. */
static uint16_t op_cmd(enum nwb_plan_op op, bool is_9p)
{
	switch (op) {
	case NWB_OP_WRITE:
		return is_9p ? 118 : 9;
	case NWB_OP_FLUSH:
		return is_9p ? 50 : 7;
	case NWB_OP_CREATE:
		return is_9p ? 14 : 5;
	case NWB_OP_CLOSE:
		return is_9p ? 120 : 6;
	case NWB_OP_CONNECT:
		return is_9p ? 104 : 1; /* Tattach, SESSION_SETUP */
	default:
		return NWB_FC_ANY;
	}
}

/* event() - which event of the shim it is, or why it is none. */
static int event(struct compile *c)
{
	const struct nwb_plan_rule *r = c->r;

	/* its place in the page keeps the numbers of rules and counts hits */
	if (nwb_plan_is_mark(r)) {
		if (strcmp(c->plan->client.name, "kernel"))
			return refuse(c, &r->pos,
				      "marks come from the job inside a guest; "
				      "say \"client kernel\" and run it with "
				      "netwb check --kernel");
		c->out->event = NWB_FC_EVENTS;
		return 0;
	}
	if (r->side == NWB_SIDE_CLIENT)
		return refuse(c, &r->pos,
			      "events of the client are not injected by this "
			      "version; only wire, server and backend are");
	if (r->side == NWB_SIDE_BACKEND) {
		if (r->op == NWB_OP_PWRITE)
			c->out->event = NWB_FC_EV_PWRITE;
		else if (r->op == NWB_OP_FSYNC)
			c->out->event = NWB_FC_EV_FSYNC;
		else
			return refuse(c, &r->pos,
				      "of the backend this version knows "
				      "pwrite and fsync");
		c->out->cmd = NWB_FC_ANY;
		return 0;
	}
	if (r->op == NWB_OP_PWRITE || r->op == NWB_OP_FSYNC)
		return refuse(c, &r->pos,
			      "pwrite and fsync are events of the backend");
	c->out->cmd = op_cmd(r->op, c->is_9p);
	c->out->event = r->op == NWB_OP_REPLY	? NWB_FC_EV_REPLY
			: r->op == NWB_OP_GRANT ? NWB_FC_EV_GRANT
						: NWB_FC_EV_REQUEST;
	if (r->op == NWB_OP_GRANT && c->is_9p)
		return refuse(c, &r->pos, "9P has no credits");
	return 0;
}

static int filter_op(struct compile *c)
{
	const struct nwb_plan_rule *r = c->r;
	struct pl_tok t = {r->op_name, strlen(r->op_name)};
	const struct pl_word_id *w;

	if (!t.len)
		return 0;
	if (c->out->cmd != NWB_FC_ANY || c->out->event == NWB_FC_EV_PWRITE ||
	    c->out->event == NWB_FC_EV_FSYNC)
		return refuse(c, &r->pos,
			      "op= goes with reply, grant and any only");
	w = pl_find(c->is_9p ? pl_9p_ops : pl_smb_ops, &t);
	if (!w)
		return refuse(c, &r->pos,
			      "the message of op= is not of this server's "
			      "protocol");
	c->out->cmd = (uint16_t)w->id;
	return 0;
}

static int filter_status(struct compile *c)
{
	const struct nwb_plan_rule *r = c->r;
	struct pl_tok t = {r->status_name, strlen(r->status_name)};
	bool is_errno = pl_find(pl_errnos, &t);

	if (!t.len)
		return 0;
	if (c->out->event != NWB_FC_EV_REPLY)
		return refuse(c, &r->pos, "status= goes with reply only");
	if (r->status && is_errno != c->is_9p)
		return refuse(c, &r->pos,
			      c->is_9p ? "9P answers with errnos"
				       : "SMB answers with NTSTATUS codes");
	c->out->filters |= NWB_FC_IF_STATUS;
	c->out->status = r->status;
	return 0;
}

/* has_extent() - does the event have an offset and a length? */
static bool has_extent(const struct compile *c)
{
	uint16_t wr = c->is_9p ? 118 : 9, rd = c->is_9p ? 116 : 8;

	if (c->out->event == NWB_FC_EV_PWRITE)
		return true;
	return c->out->event != NWB_FC_EV_FSYNC &&
	       (c->out->cmd == wr || c->out->cmd == rd ||
		c->out->cmd == NWB_FC_ANY);
}

static int filters(struct compile *c)
{
	const struct nwb_plan_rule *r = c->r;
	bool is_backend = r->side == NWB_SIDE_BACKEND;
	int err = filter_op(c);

	if (!err)
		err = filter_status(c);
	if (err)
		return err;
	if ((r->has_off || r->len.op) && !has_extent(c))
		return refuse(c, &r->pos, "the event has no off and len");
	if (r->file[0] && r->op == NWB_OP_CONNECT)
		return refuse(c, &r->pos, "the event has no file");
	if (r->eof_extends && c->out->event != NWB_FC_EV_PWRITE)
		return refuse(c, &r->pos,
			      "eof-extends goes with backend.pwrite only");
	if (r->credits.op && (c->is_9p || is_backend))
		return refuse(c, &r->pos, "the event has no credits");
	if (r->inflight.op && is_backend)
		return refuse(c, &r->pos, "the event has no inflight");
	if (r->file[0])
		c->out->filters |= NWB_FC_IF_FILE;
	if (r->has_off)
		c->out->filters |= NWB_FC_IF_OFF;
	if (r->has_p)
		c->out->filters |= NWB_FC_IF_P;
	if (r->eof_extends)
		c->out->filters |= NWB_FC_IF_EOF;
	memcpy(c->out->file, r->file, sizeof(c->out->file));
	c->out->off = r->off;
	c->out->off_end = r->off_end;
	c->out->len = r->len;
	c->out->credits = r->credits;
	c->out->inflight = r->inflight;
	c->out->p_ppb = r->p_ppb;
	c->out->nth = r->nth;
	c->out->nth_last = r->nth_last;
	c->out->nth_step = r->nth_step;
	c->out->max = r->max;
	return 0;
}

/* is_storage_op() - does the request end in a pwrite or an fsync? */
static bool is_storage_op(const struct compile *c)
{
	return c->r->op == NWB_OP_WRITE || c->r->op == NWB_OP_FLUSH;
}

/* allowed() - the actions that an event can take. */
static uint32_t allowed(const struct compile *c)
{
	const uint32_t any = NWB_FC_DO_SEQ;

	switch ((enum nwb_fc_event)c->out->event) {
	case NWB_FC_EV_REQUEST:
		return any | CUTS | NWB_FC_DO_DROP | NWB_FC_DO_HOLD |
		       NWB_FC_DO_DUP |
		       (is_storage_op(c) ? NWB_FC_DO_ERROR | NWB_FC_DO_DELAY |
						   NWB_FC_DO_SHORT
					 : 0);
	case NWB_FC_EV_REPLY:
		return any | CUTS | NWB_FC_DO_DROP | NWB_FC_DO_HOLD |
		       NWB_FC_DO_DELAY | NWB_FC_DO_DUP;
	case NWB_FC_EV_GRANT:
		return NWB_FC_DO_GRANT;
	case NWB_FC_EV_PWRITE:
		return any | NWB_FC_DO_ERROR | NWB_FC_DO_SHORT |
		       NWB_FC_DO_DELAY | NWB_FC_DO_KILL | NWB_FC_DO_RESTART |
		       NWB_FC_DO_KILL_CHILD;
	case NWB_FC_EV_FSYNC:
		return any | NWB_FC_DO_ERROR | NWB_FC_DO_DELAY |
		       NWB_FC_DO_DROP | NWB_FC_DO_KILL | NWB_FC_DO_RESTART |
		       NWB_FC_DO_KILL_CHILD;
	default:
		return 0;
	}
}

static const uint16_t action_bits[NWB_PLAN_ACTS] = {
	[NWB_ACT_ERROR] = NWB_FC_DO_ERROR,
	[NWB_ACT_DROP] = NWB_FC_DO_DROP,
	[NWB_ACT_HOLD] = NWB_FC_DO_HOLD,
	[NWB_ACT_DELAY] = NWB_FC_DO_DELAY,
	[NWB_ACT_SHORT] = NWB_FC_DO_SHORT,
	[NWB_ACT_RST] = NWB_FC_DO_RST,
	[NWB_ACT_FIN] = NWB_FC_DO_FIN,
	[NWB_ACT_KILL] = NWB_FC_DO_KILL,
	[NWB_ACT_GRANT] = NWB_FC_DO_GRANT,
	[NWB_ACT_DUP] = NWB_FC_DO_DUP,
	[NWB_ACT_SEQ] = NWB_FC_DO_SEQ,
	[NWB_ACT_RESTART] = NWB_FC_DO_RESTART,
	[NWB_ACT_KILL_CHILD] = NWB_FC_DO_KILL_CHILD,
};

static int seq_letters(struct compile *c, const struct nwb_plan_action *a)
{
	const char *ok = NULL;

	switch ((enum nwb_fc_event)c->out->event) {
	case NWB_FC_EV_REQUEST:
		ok = is_storage_op(c) ? ".xdurXDUR" : ".durDUR";
		break;
	case NWB_FC_EV_REPLY:
		ok = ".durDUR";
		break;
	default:
		ok = ".xdXD";
		break;
	}
	if (strspn(a->arg, ok) != strlen(a->arg))
		return refuse(c, &a->pos,
			      "the event cannot take one of the letters of "
			      "seq");
	snprintf(c->out->seq, sizeof(c->out->seq), "%s", a->arg);
	c->out->error = EIO;
	c->out->delay_ns = SEQ_DELAY_NS;
	c->out->hold_ns = SEQ_DELAY_NS;
	return 0;
}

/* intrude() - the harness does it as soon as it sees the hit. */
static int intrude(struct compile *c, const struct nwb_plan_action *a)
{
	if (c->target != NWB_PLAN_FIRST)
		return refuse(c, &a->pos,
			      "only `netwb run` has a second client, and that "
			      "one goes to its first server");
	if (c->r->side != NWB_SIDE_SERVER || c->r->op != NWB_OP_WRITE)
		return refuse(c, &a->pos, "intrude goes with server.write");
	return 0;
}

static int one_action(struct compile *c, const struct nwb_plan_action *a)
{
	struct nwb_fc_rule *out = c->out;
	uint16_t bit = action_bits[a->kind];

	if (a->kind == NWB_ACT_ARM || a->kind == NWB_ACT_DISARM) {
		uint32_t mask = 1u << nwb_plan_find_rule(c->plan, a->arg);

		if (a->kind == NWB_ACT_ARM)
			out->arm_mask |= mask;
		else
			out->disarm_mask |= mask;
		return 0;
	}
	if (a->kind == NWB_ACT_POWER_OFF) {
		if (strcmp(c->plan->client.name, "kernel"))
			return refuse(c, &a->pos,
				      "only a guest can lose its power: "
				      "\"client kernel\"");
		return 0; /* the harness, as soon as it sees the hit */
	}
	if (a->kind == NWB_ACT_INTRUDE)
		return intrude(c, a);
	if (a->kind == NWB_ACT_KILL_CHILD && c->is_9p)
		return refuse(c, &a->pos,
			      "this server has one process for all "
			      "connections; use kill or rst");
	if (!(bit & allowed(c)))
		return refuse(c, &a->pos,
			      a->kind == NWB_ACT_CORRUPT
				      ? "corrupt is not part of this version"
				      : "the event cannot take this action");
	out->actions |= bit;
	switch (a->kind) {
	case NWB_ACT_ERROR:
		out->error = a->err;
		break;
	case NWB_ACT_HOLD:
		out->hold_ns = a->nr;
		break;
	case NWB_ACT_DELAY:
		out->delay_ns = a->nr;
		if (out->event == NWB_FC_EV_REPLY) {
			out->actions &= (uint16_t)~NWB_FC_DO_DELAY;
			out->actions |= NWB_FC_DO_HOLD;
			out->hold_ns = nwb_max(out->hold_ns, a->nr);
		}
		break;
	case NWB_ACT_SHORT:
		if (!a->nr)
			return refuse(c, &a->pos, "short is at least 1");
		out->short_len = a->nr;
		break;
	case NWB_ACT_GRANT:
		out->grant = (uint32_t)a->nr;
		break;
	case NWB_ACT_SEQ:
		return seq_letters(c, a);
	default:
		break;
	}
	return 0;
}

/* timing() - does before or after make sense for what the rule does? */
static int timing(struct compile *c)
{
	const struct nwb_plan_rule *r = c->r;
	struct nwb_fc_rule *out = c->out;
	bool after = r->timing == NWB_TIMING_AFTER;
	uint32_t answers = NWB_FC_DO_DROP | NWB_FC_DO_HOLD | NWB_FC_DO_DUP;

	if (out->event == NWB_FC_EV_REQUEST) {
		if ((out->actions & MARKS) && (out->actions & ~MARKS))
			return refuse(c, &r->pos,
				      "error, delay and short of a request go "
				      "with no other action");
		if (after && (out->actions & NWB_FC_DO_DELAY))
			return refuse(c, &r->pos,
				      "delay comes before the execution; hold "
				      "keeps the answer");
		if (!after && r->timing != NWB_TIMING_NONE &&
		    (out->actions & answers))
			return refuse(c, &r->pos,
				      "drop, hold and dup touch the answer, "
				      "they come after");
		if (after &&
		    (out->actions & (NWB_FC_DO_ERROR | NWB_FC_DO_SHORT)))
			return refuse(c, &r->pos,
				      "an answer is not rewritten by this "
				      "version; use backend.pwrite after");
		if (out->actions & answers)
			after = true;
	} else if (out->event == NWB_FC_EV_REPLY ||
		   out->event == NWB_FC_EV_GRANT) {
		if (r->timing == NWB_TIMING_BEFORE)
			return refuse(c, &r->pos,
				      "a reply comes after by its nature");
		after = true;
	} else if (after && (out->actions & NWB_FC_DO_SHORT)) {
		return refuse(c, &r->pos, "short comes before");
	}
	if (after)
		out->actions |= NWB_FC_DO_AFTER;
	return 0;
}

/* generator() - FNV-1a of seed and name: independent of the other rules. */
static uint64_t generator(uint64_t seed, const char *name)
{
	uint64_t h = 0xcbf29ce484222325ull;

	for (unsigned int i = 0; i < 8; i++)
		h = (h ^ (uint8_t)(seed >> (8 * i))) * 0x100000001b3ull;
	for (; *name; name++)
		h = (h ^ (uint8_t)*name) * 0x100000001b3ull;
	return h;
}

/* is_others() - it is of the server that the page does not belong to. */
static bool is_others(const struct compile *c)
{
	return c->r->is_mirror ? c->target != NWB_PLAN_MIRROR
			       : c->target == NWB_PLAN_MIRROR;
}

static int compile_rule(struct compile *c)
{
	const struct nwb_plan_rule *r = c->r;
	int err;

	memset(c->out, 0, sizeof(*c->out));
	memcpy(c->out->name, r->name, sizeof(c->out->name));
	c->out->gen = generator(c->plan->seed, r->name);
	if (r->is_mirror && c->target == NWB_PLAN_ALONE)
		return refuse(c, &r->pos,
			      "there is no mirror; `netwb run` has one with "
			      "--mirror, or \"client ... mirror=SERVER\"");
	if (is_others(c)) {
		c->out->event = NWB_FC_EVENTS;
		return 0;
	}
	err = event(c);
	if (!err && nwb_plan_is_mark(r))
		return 0;
	if (!err)
		err = filters(c);
	for (unsigned int i = 0; !err && i < r->nr_actions; i++)
		err = one_action(c, &r->action[i]);
	if (!err)
		err = timing(c);
	if (err)
		return err;
	for (unsigned int i = 0; r->while_phase[0] && i < c->plan->nr_phases;
	     i++)
		if (!strcmp(c->plan->phase[i].name, r->while_phase))
			c->out->phase = (uint16_t)(i + 1);
	return 0;
}

static int check_phases(const struct nwb_plan *plan, struct nwb_err *err)
{
	for (unsigned int i = 0; i < plan->nr_phases; i++) {
		const struct nwb_plan_phase *ph = &plan->phase[i];

		if (ph->kind == NWB_PHASE_UNTIL && ph->side == NWB_SIDE_CLIENT)
			return pl_fail_pos(plan, &ph->pos, err, -EOPNOTSUPP,
					   "phase \"%s\": events of the client "
					   "are not counted by this version",
					   ph->name);
	}
	return 0;
}

int nwb_plan_compile(const struct nwb_plan *plan, struct nwb_fc_page *page,
		     const char *server, struct nwb_err *err)
{
	return nwb_plan_compile_of(plan, page, server, NWB_PLAN_ALONE, err);
}

int nwb_plan_compile_of(const struct nwb_plan *plan, struct nwb_fc_page *page,
			const char *server, enum nwb_plan_target target,
			struct nwb_err *err)
{
	struct compile c = {.plan = plan, .target = target, .err = err};
	int rc;

	nwb_assert(plan->is_finished);
	_Static_assert(NWB_PLAN_RULES <= 32, "arm_mask has 32 bits");
	if (!server)
		server = plan->server.name;
	c.is_9p = !strcmp(server, "diod") || !strcmp(server, "ganesha");
	if (!c.is_9p && strcmp(server, "smbd"))
		return nwb_err_set(err, -EOPNOTSUPP,
				   "plan \"%s\": server \"%s\": faults are "
				   "injected into smbd, diod and ganesha only",
				   plan->name, server);
	rc = check_phases(plan, err);
	if (rc)
		return rc;
	page->proto = c.is_9p ? NWB_FC_9P : NWB_FC_SMB;
	page->nr_rules = plan->nr_rules;
	page->nr_phases = plan->nr_phases;
	page->ev_mask = 0;
	for (unsigned int i = 0; i < plan->nr_rules; i++) {
		c.r = &plan->rule[i];
		c.out = &page->rule[i];
		rc = compile_rule(&c);
		if (rc)
			return rc;
		if (!nwb_plan_is_mark(c.r) && !is_others(&c))
			page->ev_mask |= 1u << c.out->event;
		/* armed by the harness, off again by its own hit */
		if (c.r->every_ns)
			c.out->disarm_mask |= 1u << i;
		atomic_store(&page->state[i].armed,
			     !c.r->unarmed && !c.r->every_ns);
	}
	return 0;
}
