/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the harness does at a mark of the guest's job.
 *
 *	mark ─► rule: hit counted, FAULT in the ledger
 *	          │  actions, one after the other
 *	          ├─ arm, disarm, kill, restart, power-off   at once
 *	          └─ freeze T, blackhole T     begun at once, the rest by a thread
 *	                                       of its own: T later undone, then on
 *
 * Where the guest's own FUSE server is meant it is told, not signalled. The
 * guest goes on as soon as everything has begun. A freeze that is followed
 * by a kill is not undone first: the server dies as it stood.
 */
#include "check_kernel.h"

#include "nwb/faultctl.h"
#include "nwb/mem.h"
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define GOING_MAX 16u

struct going {
	struct kc_actor *actor;
	const struct nwb_plan_rule *rule;
	unsigned int at; /* the action that has begun */
	pthread_t thread;
};

struct kc_actor {
	struct kc_actor_opts o;
	uint64_t seen[NWB_PLAN_RULES];
	bool has_died; /* the guest, by our hand */
	struct going going[GOING_MAX];
	unsigned int nr_going;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool is_stopping;
	char trouble[160];
};

int kc_actor_new(const struct kc_actor_opts *o, struct kc_actor **ret_a)
{
	struct kc_actor *a = nwb_zalloc(sizeof(*a));
	pthread_condattr_t attr;

	if (!a)
		return -ENOMEM;
	a->o = *o;
	pthread_mutex_init(&a->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&a->wake, &attr);
	pthread_condattr_destroy(&attr);
	*ret_a = a;
	return 0;
}

static void failed(struct kc_actor *a, const char *what,
		   const struct nwb_err *err)
{
	pthread_mutex_lock(&a->lock);
	if (!a->trouble[0])
		snprintf(a->trouble, sizeof(a->trouble), "%s: %.120s", what,
			 err->text);
	pthread_mutex_unlock(&a->lock);
}

/* Return: false when it is the end. */
static bool nap(struct kc_actor *a, uint64_t ns)
{
	struct timespec ts;
	bool is_stopping;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	ns += (uint64_t)ts.tv_nsec;
	ts.tv_sec += (time_t)(ns / NWB_SEC);
	ts.tv_nsec = (long)(ns % NWB_SEC);
	pthread_mutex_lock(&a->lock);
	while (!a->is_stopping &&
	       !pthread_cond_timedwait(&a->wake, &a->lock, &ts))
		;
	is_stopping = a->is_stopping;
	pthread_mutex_unlock(&a->lock);
	return !is_stopping;
}

/* An order to the guest's server; "": none. */
static void order(struct kc_actor *a, const char *what)
{
	struct nwb_err err = {0};
	int rc = *what ? nwb_machine_fuse(a->o.machine, what) : 0;

	if (!rc)
		return;
	nwb_err_set(&err, rc, "%s", nwb_errno_name(rc));
	failed(a, what, &err);
}

static void arm(struct kc_actor *a, const char *name, bool on)
{
	unsigned int rule = (unsigned int)nwb_plan_find_rule(a->o.plan, name);
	char what[64];

	nwb_fc_arm(a->o.page, rule, on);
	if (!a->o.is_fuse)
		return;
	kc_fuse_order(a->o.plan, rule, on, what, sizeof(what));
	order(a, what);
}

static void tell_server(struct kc_actor *a, int sig, const char *what)
{
	struct nwb_err err = {0};

	if (a->o.is_fuse) {
		order(a, sig == SIGSTOP ? "hang" : "go");
		return;
	}

	if (nwb_server_kill(a->o.srv, sig, true, &err))
		failed(a, what, &err);
}

static void plug(struct kc_actor *a, bool up)
{
	struct nwb_err err = {0};

	if (nwb_server_plug(a->o.srv, up, &err))
		failed(a, "blackhole", &err);
}

static void power_off(struct kc_actor *a)
{
	struct nwb_err err = {0};

	if (a->has_died)
		return;
	a->has_died = true;
	if (nwb_machine_power_loss(a->o.machine, &err))
		failed(a, "power-off", &err);
}

static bool is_timed(enum nwb_plan_action_kind kind)
{
	return kind == NWB_ACT_FREEZE || kind == NWB_ACT_BLACKHOLE;
}

static void begin(struct kc_actor *a, const struct nwb_plan_action *act)
{
	switch (act->kind) {
	case NWB_ACT_ARM:
	case NWB_ACT_DISARM:
		arm(a, act->arg, act->kind == NWB_ACT_ARM);
		break;
	case NWB_ACT_FREEZE:
		tell_server(a, SIGSTOP, "freeze");
		break;
	case NWB_ACT_BLACKHOLE:
		plug(a, false);
		break;
	case NWB_ACT_KILL:
	case NWB_ACT_RESTART:
		/* the monitor starts it again when the plan says so */
		tell_server(a, SIGKILL, "kill");
		break;
	case NWB_ACT_POWER_OFF:
		power_off(a);
		break;
	default:
		nwb_assert(!"checked by the plan");
	}
}

static void undo(struct kc_actor *a, const struct nwb_plan_rule *r,
		 unsigned int at, bool is_end)
{
	bool dies = !is_end && at + 1 < r->nr_actions &&
		    (r->action[at + 1].kind == NWB_ACT_KILL ||
		     r->action[at + 1].kind == NWB_ACT_RESTART);

	if (r->action[at].kind == NWB_ACT_BLACKHOLE)
		plug(a, true);
	else if (!dies)
		tell_server(a, SIGCONT, "thaw");
}

/* From the action at @at, which has not begun, to the first that takes time.
 * Return: its number, or how many there are. */
static unsigned int go_on(struct kc_actor *a, const struct nwb_plan_rule *r,
			  unsigned int at)
{
	for (; at < r->nr_actions; at++) {
		begin(a, &r->action[at]);
		if (is_timed(r->action[at].kind))
			break;
	}
	return at;
}

static void *rest(void *arg)
{
	struct going *g = arg;
	const struct nwb_plan_rule *r = g->rule;
	unsigned int at = g->at;

	while (at < r->nr_actions) {
		bool is_end = !nap(g->actor, r->action[at].nr);

		undo(g->actor, r, at, is_end);
		if (is_end)
			break;
		at = go_on(g->actor, r, at + 1);
	}
	return NULL;
}

static void fire(struct kc_actor *a, unsigned int nr)
{
	const struct nwb_plan_rule *r = &a->o.plan->rule[nr];
	struct nwb_err err = {0};
	unsigned int at;
	struct going *g;
	uint64_t hit;

	hit = atomic_fetch_add(&a->o.page->state[nr].hits, 1) + 1;
	nwb_ledger_point(a->o.ledger, &(struct nwb_lrec){
					      .kind = NWB_L_FAULT,
					      .rule = (uint16_t)nr,
					      .aux = hit,
				      });
	at = go_on(a, r, 0);
	if (at == r->nr_actions)
		return;
	if (a->nr_going == GOING_MAX) {
		nwb_err_set(&err, -ENOSPC, "too many at the same time");
		failed(a, r->name, &err);
		undo(a, r, at, true);
		return;
	}
	g = &a->going[a->nr_going];
	*g = (struct going){.actor = a, .rule = r, .at = at};
	if (pthread_create(&g->thread, NULL, rest, g)) {
		nwb_err_set(&err, -EAGAIN, "no thread");
		failed(a, r->name, &err);
		undo(a, r, at, true);
		return;
	}
	a->nr_going++;
}

bool kc_is_nth(const struct nwb_plan_rule *r, uint64_t seen)
{
	if (!r->nth)
		return true;
	return seen >= r->nth && seen <= r->nth_last &&
	       (seen - r->nth) % r->nth_step == 0;
}

void kc_actor_mark(struct kc_actor *a, const char *name)
{
	if (atomic_load(&a->o.page->healed))
		return;
	for (unsigned int i = 0; i < a->o.plan->nr_rules; i++) {
		const struct nwb_plan_rule *r = &a->o.plan->rule[i];
		const struct nwb_fc_state *st = &a->o.page->state[i];

		if (!nwb_plan_is_mark(r) || !atomic_load(&st->armed) ||
		    (r->op_name[0] && strcmp(r->op_name, name)) ||
		    !kc_is_nth(r, ++a->seen[i]) ||
		    (r->max && atomic_load(&st->hits) >= r->max))
			continue;
		fire(a, i);
	}
}

static bool wants_power_off(const struct nwb_plan_rule *r)
{
	for (unsigned int i = 0; i < r->nr_actions; i++)
		if (r->action[i].kind == NWB_ACT_POWER_OFF)
			return !nwb_plan_is_mark(r);
	return false;
}

bool kc_actor_needs_look(const struct kc_actor *a)
{
	for (unsigned int i = 0; i < a->o.plan->nr_rules; i++)
		if (wants_power_off(&a->o.plan->rule[i]))
			return !a->has_died;
	return false;
}

void kc_actor_look(struct kc_actor *a)
{
	for (unsigned int i = 0; i < a->o.plan->nr_rules; i++)
		if (wants_power_off(&a->o.plan->rule[i]) &&
		    nwb_fc_hits(a->o.page, i))
			power_off(a);
}

const char *kc_actor_trouble(const struct kc_actor *a)
{
	return a->trouble;
}

void kc_actor_stop(struct kc_actor *a)
{
	pthread_mutex_lock(&a->lock);
	a->is_stopping = true;
	pthread_cond_broadcast(&a->wake);
	pthread_mutex_unlock(&a->lock);
	for (unsigned int i = 0; i < a->nr_going; i++)
		pthread_join(a->going[i].thread, NULL);
	a->nr_going = 0;
}

void kc_actor_free(struct kc_actor *a)
{
	if (!a)
		return;
	kc_actor_stop(a);
	pthread_cond_destroy(&a->wake);
	pthread_mutex_destroy(&a->lock);
	nwb_free(a);
}
