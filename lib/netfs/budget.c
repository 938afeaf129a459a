/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The page budget: see nwb/budget.h.
 *
 * What is charged is one atomic number, taken under nf->lock by who makes a
 * folio and by compare-and-swap, so that no lock is needed there. Lock:
 * budget->lock, for the list of mounts and for what is told of waits, outside
 * of nf->lock; not held while anything is waited for: a mount that is being
 * reclaimed from is pinned.
 */
#include "internal.h"

#include "nwb/budget.h"

#include <stdio.h>

/* Reclaim that frees nothing so often in a row is the end (MAX_RECLAIM_RETRIES
 * of mm/page_alloc.c). */
#define RETRIES_MAX 16u

struct nwb_budget {
	struct nwb_exec *ex;
	struct nwb_mutex lock;
	struct nwb_waitq unpinned;
	struct nwb_list mounts;
	_Atomic uint64_t used, total;
	bool is_legacy;
	/* who waits for writeback, and since when; under lock */
	unsigned int nr_waiters;
	uint64_t waits_since;
	const char *waits_for; /* mode of the mount */
};

int nwb_budget_new(struct nwb_exec *ex, uint64_t bytes, bool is_legacy,
		   struct nwb_budget **ret_b)
{
	struct nwb_budget *b;

	if (bytes < NWB_PAGE_SIZE)
		return -EINVAL;
	b = nwb_zalloc(sizeof(*b));
	if (!b)
		return -ENOMEM;
	b->ex = ex;
	b->is_legacy = is_legacy;
	atomic_store(&b->total, bytes);
	nwb_mutex_init(&b->lock, ex, "page budget");
	nwb_waitq_init(&b->unpinned, ex, "page budget pins");
	nwb_list_init(&b->mounts);
	*ret_b = b;
	return 0;
}

void nwb_budget_free(struct nwb_budget *b)
{
	if (!b)
		return;
	nwb_assert(nwb_list_empty(&b->mounts));
	nwb_assert(!atomic_load(&b->used));
	nwb_free(b);
}

uint64_t nwb_budget_used(const struct nwb_budget *b)
{
	return atomic_load(&b->used);
}

/** nwb_budget_try() - take @bytes if they are there. Context: any. */
bool nwb_budget_try(struct nwb_budget *b, uint64_t bytes)
{
	uint64_t used = atomic_load(&b->used);

	do {
		if (used + bytes > atomic_load(&b->total))
			return false;
	} while (!atomic_compare_exchange_weak(&b->used, &used, used + bytes));
	return true;
}

/** nwb_budget_put() - give back; wakes nobody. Context: any. */
void nwb_budget_put(struct nwb_budget *b, uint64_t bytes)
{
	uint64_t was = atomic_fetch_sub(&b->used, bytes);

	nwb_assert(was >= bytes);
}

/* Writers that wait for room look again. */
static void wake_mounts(struct nwb_budget *b)
{
	struct nwb_netfs *nf;

	nwb_mutex_lock(&b->lock);
	nwb_list_for_each_entry (nf, &b->mounts, budget_link) {
		nwb_mutex_lock(&nf->lock);
		nwb_waitq_wake_all(&nf->room);
		nwb_mutex_unlock(&nf->lock);
	}
	nwb_mutex_unlock(&b->lock);
}

void nwb_budget_uncharge(struct nwb_budget *b, uint64_t bytes)
{
	nwb_budget_put(b, bytes);
	wake_mounts(b);
}

void nwb_budget_grow(struct nwb_budget *b, uint64_t bytes)
{
	atomic_fetch_add(&b->total, bytes);
	wake_mounts(b);
}

void nwb_budget_join(struct nwb_netfs *nf)
{
	struct nwb_budget *b = nf->opts.budget;

	if (!b)
		return;
	nwb_mutex_lock(&b->lock);
	nwb_list_add_tail(&b->mounts, &nf->budget_link);
	nwb_mutex_unlock(&b->lock);
}

/** nwb_budget_leave() - nobody reclaims from @nf any more. Blocks. */
void nwb_budget_leave(struct nwb_netfs *nf)
{
	struct nwb_budget *b = nf->opts.budget;

	if (!b)
		return;
	nwb_mutex_lock(&b->lock);
	nwb_wait_event(&b->unpinned, &b->lock, !nf->budget_pins);
	nwb_list_del(&nf->budget_link);
	nwb_mutex_unlock(&b->lock);
}

/* The mount behind @nf (NULL: the first), pinned; @nf is not any more. */
static struct nwb_netfs *next_mount(struct nwb_budget *b, struct nwb_netfs *nf)
{
	struct nwb_list *l;
	struct nwb_netfs *next = NULL;

	nwb_mutex_lock(&b->lock);
	l = nf ? nf->budget_link.next : b->mounts.next;
	if (l != &b->mounts) {
		next = nwb_list_entry(l, struct nwb_netfs, budget_link);
		next->budget_pins++;
	}
	if (nf && !--nf->budget_pins)
		nwb_waitq_wake_all(&b->unpinned);
	nwb_mutex_unlock(&b->lock);
	return next;
}

static void note_wait(struct nwb_budget *b, const struct nwb_netfs *nf,
		      bool begins)
{
	nwb_mutex_lock(&b->lock);
	if (begins && !b->nr_waiters++) {
		b->waits_since = nwb_now_ns(b->ex);
		b->waits_for = nf->mode->name;
	}
	if (!begins)
		b->nr_waiters--;
	nwb_mutex_unlock(&b->lock);
}

bool nwb_budget_stuck(struct nwb_budget *b, uint64_t ns, char *buf, size_t size)
{
	bool is_stuck;

	nwb_mutex_lock(&b->lock);
	is_stuck = b->nr_waiters && nwb_now_ns(b->ex) - b->waits_since >= ns;
	if (is_stuck)
		snprintf(buf, size,
			 "reclaim has waited %.1f s for writeback of a mount "
			 "(%s): its server may be the one who waits",
			 (double)(nwb_now_ns(b->ex) - b->waits_since) /
				 (double)NWB_SEC,
			 b->waits_for);
	nwb_mutex_unlock(&b->lock);
	return is_stuck;
}

/* Folios under writeback are met first: they were dirtied before what is clean
 * behind them. Waits for each of them, or passes over all. */
static void meet_writeback(struct nwb_budget *b, struct nwb_netfs *nf)
{
	uint64_t seen, until;

	nwb_mutex_lock(&nf->lock);
	seen = atomic_load(&nf->n.writeback_bytes);
	if (!seen || !b->is_legacy || nf->opts.writeback_may_deadlock ||
	    !nf->is_reclaim_marked) {
		nf->is_reclaim_marked = seen != 0;
		nwb_mutex_unlock(&nf->lock);
		return;
	}
	nwb_count(nf, reclaim_waits, 1);
	until = nf->writeback_ended + seen;
	nwb_mutex_unlock(&nf->lock);
	note_wait(b, nf, true);
	nwb_mutex_lock(&nf->lock);
	while (nf->writeback_ended < until)
		(void)nwb_waitq_wait(&nf->room, &nf->lock, NWB_NEVER);
	nwb_mutex_unlock(&nf->lock);
	note_wait(b, nf, false);
}

int nwb_budget_charge(struct nwb_budget *b, uint64_t bytes)
{
	unsigned int tries = 0;

	while (!nwb_budget_try(b, bytes)) {
		uint64_t freed = 0;

		if (tries++ == RETRIES_MAX)
			return -ENOMEM;
		for (struct nwb_netfs *nf = next_mount(b, NULL); nf;
		     nf = next_mount(b, nf)) {
			meet_writeback(b, nf);
			freed += nwb_shrink(nf, bytes);
		}
		if (freed)
			tries = 0;
		else
			nwb_sleep_until(b->ex, nwb_now_ns(b->ex) + NWB_MSEC);
	}
	return 0;
}
