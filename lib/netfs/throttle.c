/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Dirty throttling (mm/page-writeback.c, balance_dirty_pages()): whoever makes
 * memory dirty waits when there is too much of it.
 *
 *	0 ──────── background ────── middle ────── limit
 *	  nothing      flusher writes     writers      writers
 *	  happens      all that is dirty  are slowed   wait
 *
 * Two measures:
 *
 *	domain	sum over its mounts of what is dirty or under writeback, against
 *		the domain's limits; the background limit: of what is dirty
 *	mount	its own, temp pages included, against opts.dirty_limit_bytes:
 *		the strictlimit of FUSE's bdi. Temp pages are under writeback in
 *		no folio, so in the domain's eyes they do not exist (they were
 *		NR_WRITEBACK_TEMP); only this limit holds them.
 *
 * As in the kernel the waits are short sleeps (there at most 200 ms, here until
 * a claim ends or for a pause), after each of which all is looked at again.
 * Nothing here is on the way of a mount that has no limit.
 *
 * Lock: domain->lock, for the list of mounts, outside of nf->lock.
 */
#include "internal.h"

#define PAUSE_NS (10 * NWB_MSEC)

struct nwb_dirty_domain {
	struct nwb_mutex lock;
	struct nwb_list mounts;
	uint64_t background, limit;
};

int nwb_dirty_domain_new(struct nwb_exec *ex, uint64_t background_bytes,
			 uint64_t limit_bytes, struct nwb_dirty_domain **ret_d)
{
	struct nwb_dirty_domain *d;

	if (!background_bytes || limit_bytes <= background_bytes)
		return -EINVAL;
	d = nwb_zalloc(sizeof(*d));
	if (!d)
		return -ENOMEM;
	nwb_mutex_init(&d->lock, ex, "dirty domain");
	nwb_list_init(&d->mounts);
	d->background = background_bytes;
	d->limit = limit_bytes;
	*ret_d = d;
	return 0;
}

void nwb_dirty_domain_free(struct nwb_dirty_domain *d)
{
	nwb_assert(!d || nwb_list_empty(&d->mounts));
	nwb_free(d);
}

void nwb_dirty_domain_join(struct nwb_netfs *nf)
{
	struct nwb_dirty_domain *d = nf->opts.dirty_domain;

	if (!d)
		return;
	nwb_mutex_lock(&d->lock);
	nwb_list_add_tail(&d->mounts, &nf->domain_link);
	nwb_mutex_unlock(&d->lock);
}

void nwb_dirty_domain_leave(struct nwb_netfs *nf)
{
	struct nwb_dirty_domain *d = nf->opts.dirty_domain;

	if (!d)
		return;
	nwb_mutex_lock(&d->lock);
	nwb_list_del(&nf->domain_link);
	nwb_mutex_unlock(&d->lock);
}

static uint64_t dirty_of(struct nwb_netfs *nf)
{
	return atomic_load(&nf->n.dirty_bytes) +
	       atomic_load(&nf->n.writeback_bytes);
}

uint64_t nwb_dirty_domain_bytes(struct nwb_dirty_domain *d)
{
	struct nwb_netfs *nf;
	uint64_t sum = 0;

	nwb_mutex_lock(&d->lock);
	nwb_list_for_each_entry (nf, &d->mounts, domain_link)
		sum += dirty_of(nf);
	nwb_mutex_unlock(&d->lock);
	return sum;
}

/** nwb_background_bytes() - above it the flusher writes, whatever other mounts
 * have dirty; UINT64_MAX: no limit says so. */
uint64_t nwb_background_bytes(const struct nwb_netfs *nf)
{
	struct nwb_dirty_domain *d = nf->opts.dirty_domain;
	uint64_t bytes = UINT64_MAX;

	if (nf->opts.dirty_limit_bytes)
		bytes = nf->opts.dirty_limit_bytes / 2;
	if (d)
		bytes = nwb_min(bytes, d->background);
	return bytes;
}

enum state {
	FREE_RUN,
	SLOW, /* one pause */
	STOP, /* until it is better */
};

static enum state state_of(uint64_t bytes, uint64_t background, uint64_t limit)
{
	if (bytes > limit)
		return STOP;
	return bytes > background + (limit - background) / 2 ? SLOW : FREE_RUN;
}

static enum state judge(struct nwb_netfs *nf)
{
	struct nwb_dirty_domain *d = nf->opts.dirty_domain;
	uint64_t own = nf->opts.dirty_limit_bytes;
	enum state state = FREE_RUN;

	if (own)
		state = state_of(dirty_of(nf) + atomic_load(&nf->n.temp_bytes),
				 own / 2, own);
	if (d)
		state = nwb_max(state, state_of(nwb_dirty_domain_bytes(d),
						d->background, d->limit));
	return state;
}

/* Everybody in the domain has to write, not only who was just caught. */
static void kick(struct nwb_netfs *nf)
{
	struct nwb_dirty_domain *d = nf->opts.dirty_domain;
	struct nwb_netfs *at;

	if (!d) {
		nwb_flusher_write_all(nf);
		return;
	}
	nwb_mutex_lock(&d->lock);
	nwb_list_for_each_entry (at, &d->mounts, domain_link)
		nwb_flusher_write_all(at);
	nwb_mutex_unlock(&d->lock);
}

/* Is so much dirty in all mounts together that each writes, and nobody waits?
 * (wb_over_bg_thresh(): not what is under writeback already.) */
static bool is_over_background(struct nwb_dirty_domain *d)
{
	struct nwb_netfs *nf;
	uint64_t sum = 0;

	if (!d)
		return false;
	nwb_mutex_lock(&d->lock);
	nwb_list_for_each_entry (nf, &d->mounts, domain_link)
		sum += atomic_load(&nf->n.dirty_bytes);
	nwb_mutex_unlock(&d->lock);
	return sum > d->background;
}

/* Until a claim ends, or for a pause. */
static void pause_writer(struct nwb_netfs *nf)
{
	uint64_t began = nwb_now_ns(nf->ex);

	kick(nf);
	nwb_mutex_lock(&nf->lock);
	(void)nwb_waitq_wait(&nf->room, &nf->lock, began + PAUSE_NS);
	nwb_mutex_unlock(&nf->lock);
	nwb_count(nf, throttled_ns, nwb_now_ns(nf->ex) - began);
}

/**
 * nwb_dirty_throttle_limited() - nwb_dirty_throttle() of a mount with a limit.
 */
void nwb_dirty_throttle_limited(struct nwb_netfs *nf)
{
	enum state state = judge(nf);

	if (state == FREE_RUN) {
		if (is_over_background(nf->opts.dirty_domain))
			kick(nf);
		return;
	}
	nwb_count(nf, throttled, 1);
	do {
		pause_writer(nf);
	} while (state == STOP && (state = judge(nf)) == STOP);
}
