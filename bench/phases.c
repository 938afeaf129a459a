/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The plan's phases, walked beside the workload:
 *
 *	phase load for 2s            rules "while load" are on for two seconds
 *	phase rest until write = 50  then until the server saw 50 more writes
 *	heal                         then all faults are off
 *
 * and the rules that say "every=T", armed each time anew.
 *
 * What the workload's end comes before is not reached; faults are off after
 * the workload in any case (the caller heals).
 */
#include "bench_i.h"

#include "nwb/faultctl.h"
#include "nwb/mem.h"
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

struct bench_phases {
	const struct nwb_plan *plan;
	struct nwb_fc_page *page;
	struct nwb_ledger *ledger;
	struct bench_ledgers *mirror; /* NULL: none */
	uint64_t bound_ns;
	pthread_t thread, ticker;
	bool has_thread, has_ticker;
	_Atomic bool stop;
	bool is_healed; /* by the thread; read after the join */
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NWB_SEC + (uint64_t)ts.tv_nsec;
}

void bench_heal(struct nwb_fc_page *page, struct nwb_ledger *ledger,
		uint64_t bound_ns)
{
	nwb_fc_heal(page);
	nwb_ledger_point(ledger, &(struct nwb_lrec){
					 .kind = NWB_L_HEAL,
					 .aux = bound_ns,
				 });
}

/* Both servers have the same phases. */
static void set_phase(struct bench_phases *p, unsigned int nr)
{
	nwb_fc_set_phase(p->page, nr);
	if (p->mirror)
		nwb_fc_set_phase(p->mirror->page, nr);
}

/* Wait until the phase is over. Return: false when the workload was first. */
static bool pass_phase(struct bench_phases *p, const struct nwb_plan_phase *ph)
{
	const struct timespec tick = {.tv_nsec = NWB_MSEC};
	uint64_t begun = now_ns();
	uint64_t seen = atomic_load(&p->page->nr_event[ph->op]);

	while (!atomic_load(&p->stop)) {
		if (ph->kind == NWB_PHASE_FOR && now_ns() - begun >= ph->ns)
			return true;
		if (ph->kind == NWB_PHASE_UNTIL &&
		    atomic_load(&p->page->nr_event[ph->op]) - seen >= ph->nr)
			return true;
		nanosleep(&tick, NULL);
	}
	return false;
}

static void *walk(void *arg)
{
	struct bench_phases *p = arg;
	unsigned int nr = 0;

	for (unsigned int i = 0; i < p->plan->nr_phases; i++) {
		const struct nwb_plan_phase *ph = &p->plan->phase[i];

		if (ph->kind == NWB_PHASE_HEAL) {
			bench_heal(p->page, p->ledger, p->bound_ns);
			if (p->mirror)
				bench_heal(p->mirror->page, &p->mirror->ledger,
					   p->bound_ns);
			p->is_healed = true;
			break;
		}
		set_phase(p, ++nr);
		if (!pass_phase(p, ph))
			return NULL;
	}
	set_phase(p, 0);
	return NULL;
}

/* Every rule at each multiple of its time; late is late, but never twice. */
static void *tick(void *arg)
{
	struct bench_phases *p = arg;
	const struct timespec nap = {.tv_nsec = NWB_MSEC};
	uint64_t begun = now_ns();
	uint64_t done[NWB_PLAN_RULES] = {0};

	while (!atomic_load(&p->stop)) {
		uint64_t now = now_ns() - begun;

		for (unsigned int i = 0; i < p->plan->nr_rules; i++) {
			uint64_t every = p->plan->rule[i].every_ns;

			if (!every || now / every == done[i])
				continue;
			done[i] = now / every;
			nwb_fc_arm(p->plan->rule[i].is_mirror && p->mirror
					   ? p->mirror->page
					   : p->page,
				   i, true);
		}
		nanosleep(&nap, NULL);
	}
	return NULL;
}

static bool has_every(const struct nwb_plan *plan)
{
	for (unsigned int i = 0; i < plan->nr_rules; i++)
		if (plan->rule[i].every_ns)
			return true;
	return false;
}

/* a heal alone means: after the workload */
static bool has_phases(const struct nwb_plan *plan)
{
	return plan->nr_phases && plan->phase[0].kind != NWB_PHASE_HEAL;
}

static int start_threads(struct bench_phases *p)
{
	int rc;

	if (has_phases(p->plan)) {
		rc = pthread_create(&p->thread, NULL, walk, p);
		if (rc)
			return -rc;
		p->has_thread = true;
	}
	if (has_every(p->plan)) {
		rc = pthread_create(&p->ticker, NULL, tick, p);
		if (rc)
			return -rc;
		p->has_ticker = true;
	}
	return 0;
}

int bench_phases_start(const struct nwb_plan *plan, struct nwb_fc_page *page,
		       struct nwb_ledger *ledger, struct bench_ledgers *mirror,
		       uint64_t bound_ns, struct bench_phases **ret_p)
{
	struct bench_phases *p;
	int rc;

	if (!plan || (!has_phases(plan) && !has_every(plan))) {
		*ret_p = NULL;
		return 0;
	}
	p = nwb_zalloc(sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->plan = plan;
	p->page = page;
	p->ledger = ledger;
	p->mirror = mirror;
	p->bound_ns = bound_ns;
	rc = start_threads(p);
	if (rc) {
		bench_phases_stop(p);
		return rc;
	}
	*ret_p = p;
	return 0;
}

bool bench_phases_stop(struct bench_phases *p)
{
	bool is_healed;

	if (!p)
		return false;
	atomic_store(&p->stop, true);
	if (p->has_thread)
		pthread_join(p->thread, NULL);
	if (p->has_ticker)
		pthread_join(p->ticker, NULL);
	is_healed = p->is_healed;
	nwb_free(p);
	return is_healed;
}
