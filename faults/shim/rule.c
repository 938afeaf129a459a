/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which rules take an event.
 *
 * A rule that is armed and whose filters fit counts a match; the match's
 * number decides nth=, and with the rule's own generator p= (draw k depends
 * on seed, name and k only: neither other rules nor the order in which
 * processes come by change it). max= and seq spend what was chosen, hits are
 * what took effect: a connection may die between the two.
 */
#include "shim_i.h"

#include <ctype.h>
#include <string.h>

#define CUTS                                                                   \
	(NWB_FC_DO_RST | NWB_FC_DO_FIN | NWB_FC_DO_KILL | NWB_FC_DO_RESTART |  \
	 NWB_FC_DO_KILL_CHILD)
#define MARKS (NWB_FC_DO_ERROR | NWB_FC_DO_DELAY | NWB_FC_DO_SHORT)

bool sh_wants(enum nwb_fc_event ev)
{
	return sh.page && (sh.page->ev_mask & 1u << ev) &&
	       !atomic_load_explicit(&sh.page->healed, memory_order_acquire);
}

/* sh_count_op() - for "phase until"; without phases nobody asks. */
void sh_count_op(enum nwb_plan_op op)
{
	if (sh.page->nr_phases)
		sh_count(&sh.page->nr_event[op]);
}

uint32_t sh_instance(void)
{
	return atomic_load_explicit(&sh.page->instance, memory_order_relaxed);
}

/* sh_glob() - * and ?; everything else is itself. */
bool sh_glob(const char *pat, const char *s)
{
	const char *star = NULL, *back = NULL;

	while (*s) {
		if (*pat == '*') {
			star = pat++;
			back = s;
		} else if (*pat == '?' || *pat == *s) {
			pat++;
			s++;
		} else if (star) {
			pat = star + 1;
			s = ++back;
		} else {
			return false;
		}
	}
	while (*pat == '*')
		pat++;
	return !*pat;
}

static uint64_t mix(uint64_t x)
{
	return nwb_splitmix64(&x);
}

/* draw() - is draw @k of the rule's generator below its probability? */
static bool draw(const struct nwb_fc_rule *r, uint64_t k)
{
	uint64_t x = mix(r->gen ^ mix(k)) >> 32;

	return x * 1000000000ull >> 32 < r->p_ppb;
}

static bool cmp_ok(const struct nwb_plan_cmp *c, int64_t value)
{
	if (!c->op)
		return true;
	/* A balance can be negative: the client overdrew. */
	if (value < 0)
		return c->op == '<' || c->op == 'l';
	switch (c->op) {
	case '<':
		return (uint64_t)value < c->nr;
	case '>':
		return (uint64_t)value > c->nr;
	case 'l':
		return (uint64_t)value <= c->nr;
	case 'g':
		return (uint64_t)value >= c->nr;
	default:
		return (uint64_t)value == c->nr;
	}
}

static bool is_connect(const struct nwb_fc_rule *r)
{
	return r->event == NWB_FC_EV_REQUEST &&
	       (sh.page->proto == NWB_FC_SMB ? r->cmd == SMB_SESSION_SETUP
					     : r->cmd == P9_TATTACH);
}

/* fits() - do the filters of @r fit @ev? */
static bool fits(const struct nwb_fc_rule *r, const struct sh_ev *ev)
{
	if (r->event != ev->ev)
		return false;
	if (r->cmd != NWB_FC_ANY ? r->cmd != ev->cmd : !ev->is_attached)
		return false;
	if (is_connect(r) && !ev->is_first)
		return false;
	if ((r->filters & NWB_FC_IF_FILE) &&
	    (!ev->name || !sh_glob(r->file, ev->name)))
		return false;
	if ((r->filters & NWB_FC_IF_OFF) &&
	    (!ev->has_extent || ev->off >= r->off_end ||
	     (ev->off < r->off && ev->off + ev->len <= r->off)))
		return false;
	if (r->len.op &&
	    (!ev->has_extent || !cmp_ok(&r->len, (int64_t)ev->len)))
		return false;
	if ((r->filters & NWB_FC_IF_STATUS) && r->status != ev->status)
		return false;
	if ((r->filters & NWB_FC_IF_EOF) && !ev->eof_extends)
		return false;
	/* An interim reply is no answer, unless it is asked for by status. */
	if (r->event == NWB_FC_EV_REPLY && ev->is_interim &&
	    !(r->filters & NWB_FC_IF_STATUS))
		return false;
	/* A grant that takes nothing away is no event for this rule. */
	if (r->event == NWB_FC_EV_GRANT && ev->grant <= r->grant)
		return false;
	return cmp_ok(&r->credits, ev->credits) &&
	       cmp_ok(&r->inflight, ev->inflight);
}

static bool nth_ok(const struct nwb_fc_rule *r, uint64_t n)
{
	return !r->nth || (n >= r->nth && n <= r->nth_last &&
			   (n - r->nth) % r->nth_step == 0);
}

/* take_one() - the number of this choice, from 0; false: max= is reached. */
static bool take_one(const struct nwb_fc_rule *r, struct nwb_fc_state *st,
		     uint64_t *ret_k)
{
	uint64_t k = atomic_load(&st->taken);

	do {
		if (r->max && k >= r->max)
			return false;
	} while (!atomic_compare_exchange_weak(&st->taken, &k, k + 1));
	*ret_k = k;
	return true;
}

/* seq_actions() - what letter @k of the rule's seq means here; 0: nothing. */
static uint16_t seq_actions(const struct nwb_fc_rule *r, uint64_t k)
{
	size_t len = strlen(r->seq);
	bool is_pdu =
		r->event == NWB_FC_EV_REQUEST || r->event == NWB_FC_EV_REPLY;
	char ch = '.';

	if (k < len)
		ch = r->seq[k];
	else if (len && isupper((unsigned char)r->seq[len - 1]))
		ch = r->seq[len - 1];
	switch (tolower((unsigned char)ch)) {
	case 'x':
		return NWB_FC_DO_ERROR;
	case 'd':
		return is_pdu ? NWB_FC_DO_HOLD | NWB_FC_DO_AFTER
			      : NWB_FC_DO_DELAY;
	case 'u':
		return NWB_FC_DO_RST | NWB_FC_DO_AFTER;
	case 'r':
		return r->event == NWB_FC_EV_REPLY
			       ? NWB_FC_DO_RST | NWB_FC_DO_AFTER
			       : NWB_FC_DO_RST;
	default:
		return 0;
	}
}

/* merge() - put what rule @i does into @t. */
static void merge(const struct nwb_fc_rule *r, unsigned int i, uint16_t act,
		  struct sh_take *t)
{
	if (act & NWB_FC_DO_AFTER) {
		t->after |= act;
		t->rules_after |= 1u << i;
	} else if (r->event == NWB_FC_EV_REQUEST && (act & MARKS)) {
		t->mark |= act;
		t->rules_mark |= 1u << i;
	} else {
		t->before |= act;
		t->rules_before |= 1u << i;
	}
	if (act & NWB_FC_DO_HOLD)
		t->hold_ns = nwb_max(t->hold_ns, r->hold_ns);
	if (act & NWB_FC_DO_DELAY)
		t->delay_ns = nwb_max(t->delay_ns, r->delay_ns);
	if ((act & NWB_FC_DO_ERROR) && !t->error)
		t->error = r->error;
	if ((act & NWB_FC_DO_SHORT) && !t->short_len)
		t->short_len = r->short_len;
	if (act & NWB_FC_DO_GRANT)
		t->grant = r->grant;
}

/**
 * sh_rules_eval() - ask every rule, in the order of the plan.
 *
 * Once a rule has cut the connection, ended the server or set the credits,
 * the event is spent and later rules do not see it.
 */
void sh_rules_eval(const struct sh_ev *ev, struct sh_take *t)
{
	uint32_t phase = atomic_load(&sh.page->phase);

	memset(t, 0, sizeof(*t));
	for (unsigned int i = 0; i < sh.page->nr_rules; i++) {
		const struct nwb_fc_rule *r = &sh.page->rule[i];
		struct nwb_fc_state *st = &sh.page->state[i];
		uint16_t act = r->actions;
		uint64_t n, k;

		if (!fits(r, ev) || (r->phase && r->phase != phase) ||
		    !atomic_load(&st->armed))
			continue;
		n = sh_count(&st->matches);
		if (!nth_ok(r, n) ||
		    ((r->filters & NWB_FC_IF_P) && !draw(r, n)) ||
		    !take_one(r, st, &k))
			continue;
		if (act & NWB_FC_DO_SEQ) {
			act = seq_actions(r, k);
			if (!act)
				continue;
		}
		merge(r, i, act, t);
		if (act & (CUTS | NWB_FC_DO_GRANT))
			break;
	}
}

/* sh_grant_in_force() - a rule that would take credits if there were more of
 * them; while it lasts nothing is given back. Counts nothing. */
bool sh_grant_in_force(const struct sh_ev *ev)
{
	uint32_t phase = atomic_load(&sh.page->phase);
	struct sh_ev plenty = *ev;

	plenty.grant = UINT32_MAX;
	for (unsigned int i = 0; i < sh.page->nr_rules; i++) {
		const struct nwb_fc_rule *r = &sh.page->rule[i];
		struct nwb_fc_state *st = &sh.page->state[i];

		if (fits(r, &plenty) && (!r->phase || r->phase == phase) &&
		    atomic_load(&st->armed) &&
		    nth_ok(r, atomic_load(&st->matches) + 1) &&
		    (!r->max || atomic_load(&st->taken) < r->max))
			return true;
	}
	return false;
}

static void arm(uint32_t mask, bool armed)
{
	for (unsigned int i = 0; mask; i++, mask >>= 1)
		if (mask & 1)
			atomic_store(&sh.page->state[i].armed, armed);
}

/* sh_rules_hit() - the @rules take effect on @ev now: count, record, arm. */
void sh_rules_hit(uint32_t rules, const struct sh_ev *ev)
{
	if (!rules)
		return;
	for (unsigned int i = 0; i < sh.page->nr_rules; i++) {
		const struct nwb_fc_rule *r = &sh.page->rule[i];

		if (!(rules & 1u << i))
			continue;
		sh_rec_point(&(struct nwb_lrec){
			.kind = NWB_L_FAULT,
			.rule = (uint16_t)i,
			.aux = sh_count(&sh.page->state[i].hits),
			.off = ev->off,
			.len = ev->has_extent ? ev->len : 0,
			.mid = ev->mid,
			.file = ev->file,
			.cmd = ev->cmd,
			.conn = ev->conn,
			.status = ev->status,
			.instance = sh_instance(),
		});
		arm(r->disarm_mask, false);
		arm(r->arm_mask, true);
	}
}

/* sh_die() - kill or restart: the server's main process and this one.
 * kill-child: this one only; who waits for the server hears nothing. */
void sh_die(uint16_t actions)
{
	if (actions & NWB_FC_DO_KILL_CHILD) {
		sh.ops->die(0);
		return;
	}
	if (!(actions & (NWB_FC_DO_KILL | NWB_FC_DO_RESTART)))
		return;
	atomic_fetch_add(&sh.page->kills, 1);
	if (actions & NWB_FC_DO_RESTART)
		atomic_fetch_add(&sh.page->restarts, 1);
	sh.ops->die(atomic_load(&sh.page->main_pid));
}
