/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The credit ledger; the rules stand in credits.h.
 */
#include "credits.h"
#include "nwb/smb2_pdu.h"

#include <errno.h>

static void take(struct credit_pool *p, uint32_t n,
		 struct nwb_smb2_credits *ret_cr)
{
	p->credits -= (int32_t)n;
	p->outstanding += (int32_t)n;
	p->in_flight++;
	p->min_seen = nwb_min(p->min_seen, p->credits);
	nwb_assert(p->credits >= 0);
	ret_cr->value = n;
	ret_cr->instance = p->instance;
	ret_cr->chan = p->chan;
	ret_cr->in_flight = true;
}

static void check(const struct credit_pool *p)
{
	nwb_assert(p->is_loose || (p->outstanding >= 0 && p->in_flight >= 0));
}

/* What writes may not take: Linux' separate echo credit, which exists from a
 * total of three on (change_conf). */
static int32_t kept_back(const struct credit_pool *p)
{
	return p->credits + p->outstanding >= 3 ? 1 : 0;
}

void nwb_credits_reset(struct credit_pool *p, uint32_t instance,
		       int32_t credits)
{
	p->instance = instance;
	p->credits = credits;
	p->outstanding = 0;
	p->in_flight = 0;
	p->min_seen = credits;
}

int nwb_credits_reserve(struct credit_pool *p, size_t size, size_t *ret_size,
			struct nwb_smb2_credits *ret_cr)
{
	size_t n;

	nwb_assert(size > 0);
	if (p->instance == 0 || p->credits - kept_back(p) <= 0)
		return -EAGAIN;
	if (p->credits <= CREDITS_FOR_REOPEN) {
		*ret_size = nwb_min(size, (size_t)BYTES_PER_CREDIT);
		*ret_cr = (struct nwb_smb2_credits){.instance = p->instance,
						    .chan = p->chan};
		return 0;
	}
	n = (size_t)(p->credits - CREDITS_FOR_REOPEN) * BYTES_PER_CREDIT;
	n = nwb_min(size, n);
	take(p, nwb_smb2_charge(n), ret_cr);
	*ret_size = n;
	return 0;
}

int nwb_credits_take_one(struct credit_pool *p, bool is_write,
			 struct nwb_smb2_credits *ret_cr)
{
	int32_t keep = is_write ? kept_back(p) : 0;

	if (p->instance == 0 || p->credits - keep <= 0)
		return -EAGAIN;
	take(p, 1, ret_cr);
	return 0;
}

int nwb_credits_adjust(struct credit_pool *p, struct nwb_smb2_credits *cr,
		       uint32_t need)
{
	uint32_t surplus;

	if (cr->instance != p->instance) {
		*cr = (struct nwb_smb2_credits){0};
		return -EAGAIN;
	}
	if (cr->value < need)
		return -EOPNOTSUPP;
	surplus = cr->value - need;
	cr->value = need;
	p->credits += (int32_t)surplus;
	p->outstanding -= (int32_t)surplus;
	return 0;
}

void nwb_credits_put(struct credit_pool *p, struct nwb_smb2_credits *cr)
{
	if (cr->value != 0 && cr->instance == p->instance) {
		p->credits += (int32_t)cr->value;
		p->outstanding -= (int32_t)cr->value;
		if (cr->in_flight)
			p->in_flight--;
		check(p);
	}
	*cr = (struct nwb_smb2_credits){0};
}

void nwb_credits_grant(struct credit_pool *p, uint32_t instance,
		       uint32_t charge, uint32_t granted, bool is_final)
{
	if (instance != p->instance)
		return;
	p->outstanding -= (int32_t)charge;
	p->credits = nwb_min(p->credits + (int32_t)granted, CREDITS_CAP);
	if (is_final)
		p->in_flight--;
	check(p);
}

uint16_t nwb_credits_ask(const struct credit_pool *p, uint32_t charge)
{
	uint32_t have = (uint32_t)p->credits;

	if (have >= p->max)
		return 0;
	return (uint16_t)nwb_min(nwb_min(p->max - have, charge + 8),
				 (uint32_t)UINT16_MAX);
}
