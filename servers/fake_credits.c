/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Credits and the MessageId window as smbd keeps them.
 */
#include "fake_smb2.h"
#include <errno.h>
#include <stdlib.h>

int nwb_fake_credits_init(struct fake_credits *cr, uint32_t max)
{
	*cr = (struct fake_credits){.seq_range = 1, .granted = 1, .max = max};
	cr->used = calloc(2 * (size_t)max, sizeof(*cr->used));
	return cr->used ? 0 : -ENOMEM;
}

void nwb_fake_credits_fini(struct fake_credits *cr)
{
	free(cr->used);
	cr->used = NULL;
}

static bool *slot(struct fake_credits *cr, uint64_t mid)
{
	return &cr->used[mid % (2 * (uint64_t)cr->max)];
}

static const char *take_one(struct fake_credits *cr, uint64_t mid)
{
	if (mid < cr->seq_low || mid - cr->seq_low >= cr->seq_range)
		return "MessageId outside the window";
	if (*slot(cr, mid))
		return "MessageId used twice";
	*slot(cr, mid) = true;
	while (cr->seq_range && *slot(cr, cr->seq_low)) {
		*slot(cr, cr->seq_low) = false;
		cr->seq_low++;
		cr->seq_range--;
	}
	return NULL;
}

const char *nwb_fake_credits_take(struct fake_credits *cr, uint64_t mid,
				  uint32_t charge)
{
	const char *why;
	uint32_t i;

	if (charge > cr->granted)
		return "more credits used than granted";
	for (i = 0; i < charge; i++) {
		why = take_one(cr, mid + i);
		if (why)
			return why;
	}
	cr->granted -= charge;
	return NULL;
}

uint32_t nwb_fake_credits_due(const struct fake_credits *cr, uint32_t charge,
			      uint32_t requested, uint32_t additional_max)
{
	uint32_t more = requested ? requested - 1 : 0;
	uint32_t possible = cr->max - nwb_min(cr->max, cr->seq_range);

	more = nwb_min(more, additional_max);
	more = nwb_min(more, cr->max - nwb_min(cr->max, charge));
	return nwb_min(charge + more, possible);
}

void nwb_fake_credits_give(struct fake_credits *cr, uint32_t n)
{
	nwb_assert(cr->seq_range + n <= cr->max);
	cr->granted += n;
	cr->seq_range += n;
}
