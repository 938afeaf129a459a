/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One pair: two fresh processes that take turns, who is first a fair coin, and
 * its record. */
#include "gate_i.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

uint64_t gate_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NWB_SEC + (uint64_t)ts.tv_nsec;
}

uint64_t gate_random(struct gate_session *s)
{
	return nwb_splitmix64(&s->rnd);
}

static void sides_of(const struct gate_session *s, const struct gate_stream *st,
		     const struct gate_side *side[2])
{
	side[0] = &s->o->a;
	side[1] = st->role == GATE_CONTROL ? &s->o->a : &s->o->b;
	if (st->role == GATE_CONFIRM) {
		side[0] = &s->again[0];
		side[1] = &s->again[1];
	}
}

int gate_pair(struct gate_session *s, struct gate_stream *st,
	      struct nwb_err *err)
{
	static struct gate_run r[2]; /* large */
	const struct gate_side *side[2];
	uint64_t t0 = gate_now_ns(), seed = (uint32_t)gate_random(s);
	uint64_t pad[2];
	bool is_ab = gate_random(s) >> 63;
	bool is_extra = st->nr_bad > 0 && st->nr_run >= st->want;
	const char *bad;

	sides_of(s, st, side);
	pad[0] = gate_random(s);
	pad[1] = gate_random(s);
	gate_spawn_pair(side, st->c, seed, pad, !is_ab, r);
	if (gate_stopped()) {
		gate_run_fini(&r[0]);
		gate_run_fini(&r[1]);
		return -EINTR;
	}
	bad = gate_stream_add(st, &r[0], &r[1]);
	s->nr_pairs++;
	s->nr_bad += bad != NULL;
	s->nr_failed += r[0].reason[0] || r[1].reason[0];
	for (unsigned int k = 0; k < 2; k++)
		if (!strcmp(r[k].verdict, "FAIL")) {
			s->nr_fail++;
			gate_tell_line(s, "%s: %c: %s\n  again: %s",
				       st->c->name, 'A' + (int)k, r[k].reason,
				       r[k].repro);
		}
	s->pair_ns += gate_now_ns() - t0;
	gate_run_fini(&r[0]);
	gate_run_fini(&r[1]);
	return nwb_store_add(s->store,
			     gate_record_pair(st, &r[0], &r[1], is_ab, seed,
					      t0 - s->t_start, bad, is_extra),
			     err);
}
