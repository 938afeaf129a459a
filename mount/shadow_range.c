/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sets of bytes: what is released, and what no fsync has covered yet. */
#include "shadow_i.h"

#include <stdlib.h>
#include <string.h>

const struct range *ranges_next(const struct ranges *s, uint64_t off)
{
	unsigned int lo = 0, hi = s->nr;

	while (lo < hi) {
		unsigned int mid = lo + (hi - lo) / 2;

		if (s->r[mid].end > off)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo < s->nr ? &s->r[lo] : NULL;
}

static bool make_room(struct ranges *s)
{
	unsigned int room = s->room ? s->room * 2 : 8;
	struct range *r;

	if (s->nr < s->room)
		return true;
	r = realloc(s->r, room * sizeof(*r));
	if (!r)
		return false;
	s->r = r;
	s->room = room;
	return true;
}

/* Coarse is on the safe side: what is released is not judged. */
static void make_one(struct ranges *s)
{
	s->r[0].end = s->r[s->nr - 1].end;
	s->nr = 1;
}

bool ranges_add(struct ranges *s, uint64_t off, uint64_t end)
{
	const struct range *next;
	unsigned int i, k;

	if (off >= end)
		return true;
	/* what touches or overlaps becomes part of it */
	next = ranges_next(s, off ? off - 1 : 0);
	i = next ? (unsigned int)(next - s->r) : s->nr;
	for (k = i; k < s->nr && s->r[k].off <= end; k++) {
		if (s->r[k].off < off)
			off = s->r[k].off;
		if (s->r[k].end > end)
			end = s->r[k].end;
	}
	if (k == i) {
		if (!make_room(s))
			return false;
		memmove(s->r + i + 1, s->r + i, (s->nr - i) * sizeof(*s->r));
		s->nr++;
	} else {
		memmove(s->r + i + 1, s->r + k, (s->nr - k) * sizeof(*s->r));
		s->nr -= k - i - 1;
	}
	s->r[i] = (struct range){off, end};
	if (s->nr > SHADOW_RANGES)
		make_one(s);
	return true;
}

bool ranges_sub(struct ranges *s, uint64_t off, uint64_t end)
{
	const struct range *next = ranges_next(s, off);
	unsigned int i = next ? (unsigned int)(next - s->r) : s->nr;

	if (off >= end)
		return true;
	while (i < s->nr && s->r[i].off < end) {
		struct range *r = &s->r[i];

		if (r->off < off && r->end > end) {
			if (!make_room(s))
				return false;
			r = &s->r[i];
			memmove(r + 1, r, (s->nr - i) * sizeof(*r));
			s->nr++;
			r[0].end = off;
			r[1].off = end;
			return true;
		}
		if (r->off < off) {
			r->end = off;
			i++;
		} else if (r->end > end) {
			r->off = end;
			return true;
		} else {
			memmove(r, r + 1, (s->nr - i - 1) * sizeof(*r));
			s->nr--;
		}
	}
	return true;
}

void ranges_drop(struct ranges *s)
{
	free(s->r);
	*s = (struct ranges){0};
}
