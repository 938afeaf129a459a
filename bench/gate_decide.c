/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A stream of pairs, and what is decided of it. The mathematics is that of
 * nwb/gate.h; here is which pairs count.
 *
 * A pair is contaminated when a meter of either run says that somebody else
 * was at work. No pair is left out for what it measured, with one exception
 * that is written down with it: a run that took four times as long as the
 * median of its side has stood still for a reason that is not its own.
 */
#include "gate_i.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define STEAL_LIMIT  0.01
#define WALL_LIMIT   4.0
#define WALL_KNOWN   5u /* runs before there is a median to speak of */
#define FAILED_LIMIT 3u /* in a row: it does not work at all */

const char *gate_contaminated(const struct gate_stream *s, unsigned int side,
			      const struct gate_run *r, char *buf, size_t size)
{
	const struct bench_meters *m = &r->meters;
	double wall = (double)m->wall_ns, limit;
	char name = side ? 'B' : 'A';

	if (m->majflt) {
		snprintf(buf, size, "%c: %llu major faults", name,
			 (unsigned long long)m->majflt);
		return buf;
	}
	/* a tick is 10 ms: one alone may be all of a short run's */
	if (m->steal_ns != UINT64_MAX &&
	    m->steal_ns >
		    nwb_max((uint64_t)(STEAL_LIMIT * wall), 10 * NWB_MSEC)) {
		snprintf(buf, size, "%c: steal %.1f %% of the wall time", name,
			 100.0 * (double)m->steal_ns / wall);
		return buf;
	}
	if (m->psi_ns != UINT64_MAX &&
	    (double)m->psi_ns > s->psi_limit * wall) {
		snprintf(buf, size, "%c: CPU pressure %.0f %%, limit %.0f %%",
			 name, 100.0 * (double)m->psi_ns / wall,
			 100.0 * s->psi_limit);
		return buf;
	}
	if (s->nr_wall[side] < WALL_KNOWN)
		return NULL;
	limit = WALL_LIMIT * nwb_median(s->wall[side], s->nr_wall[side]);
	if ((double)r->durable_ns <= limit)
		return NULL;
	snprintf(buf, size, "%c: stood still, %.1f s instead of %.1f s", name,
		 (double)r->durable_ns / 1e9, limit / WALL_LIMIT / 1e9);
	return buf;
}

static void add_wall(struct gate_stream *s, unsigned int side,
		     const struct gate_run *r)
{
	if (s->nr_wall[side] < NWB_ARRAY_SIZE(s->wall[side]))
		s->wall[side][s->nr_wall[side]++] = (double)r->durable_ns;
}

static void add_metric(struct gate_stream *s, enum gate_metric_id id,
		       const struct gate_run *a, const struct gate_run *b)
{
	struct gate_series *m = &s->m[id];
	uint64_t samples = nwb_min(a->samples, b->samples);
	double d;

	if (m->skip[0] || m->n == NWB_PAIRS_MAX)
		return;
	if (nwb_log_cost_ratio(a->metric[id], b->metric[id],
			       gate_metrics[id].better, &d)) {
		snprintf(m->skip, sizeof(m->skip), "not measured");
		return;
	}
	if (id == GATE_P99 && !nwb_quantile_is_gateable(0.99, samples)) {
		snprintf(m->skip, sizeof(m->skip),
			 "%llu samples a run, p99 needs 10000",
			 (unsigned long long)samples);
		return;
	}
	m->samples_min = m->n ? nwb_min(m->samples_min, samples) : samples;
	m->a[m->n] = a->metric[id];
	m->b[m->n] = b->metric[id];
	m->d[m->n++] = d;
}

const char *gate_stream_add(struct gate_stream *s, const struct gate_run *a,
			    const struct gate_run *b)
{
	static char why[300];
	const char *bad = NULL;

	s->nr_run++;
	if (a->reason[0] || b->reason[0]) {
		snprintf(why, sizeof(why), "%s: %.250s",
			 a->reason[0] ? "A" : "B",
			 a->reason[0] ? a->reason : b->reason);
		s->nr_bad++;
		s->nr_failed++;
		if (++s->nr_bad_row >= FAILED_LIMIT)
			gate_stream_end(s, why);
		return why;
	}
	s->nr_bad_row = 0;
	bad = gate_contaminated(s, 0, a, why, sizeof(why));
	if (!bad)
		bad = gate_contaminated(s, 1, b, why, sizeof(why));
	add_wall(s, 0, a);
	add_wall(s, 1, b);
	if (bad) {
		s->nr_bad++;
		return bad;
	}
	for (unsigned int i = 0; i < GATE_METRICS; i++)
		add_metric(s, (enum gate_metric_id)i, a, b);
	return NULL;
}

static unsigned int good_pairs(const struct gate_stream *s)
{
	return s->nr_run - s->nr_bad;
}

/* Final for this metric? For a control also: is it near enough to nothing? */
static bool is_final(const struct gate_stream *s, const struct gate_series *m)
{
	if (s->role == GATE_CONTROL &&
	    nwb_gate_control(&m->rule, &m->dec) == NWB_CONTROL_GO_ON)
		return false;
	return m->dec.is_final;
}

void gate_stream_look(struct gate_stream *s)
{
	unsigned int n = good_pairs(s), next = 0;

	if (s->is_done || n < s->want)
		return;
	for (unsigned int i = 0; i < GATE_METRICS; i++) {
		struct gate_series *m = &s->m[i];

		if (m->skip[0] || m->is_decided || !m->n)
			continue;
		nwb_gate_decide(&m->rule, m->d, nwb_min(m->n, s->want),
				&m->dec);
		m->is_decided = is_final(s, m) || s->want >= s->last;
		if (!m->is_decided)
			next = (unsigned int)nwb_max(m->dec.next_n,
						     (size_t)next);
	}
	if (next)
		s->want = next;
	else
		gate_stream_end(s, "");
}

/* A difference that the family does not believe gets its next look. */
bool gate_stream_reopen(struct gate_stream *s, enum gate_metric_id id)
{
	struct gate_series *m = &s->m[id];

	if (!m->dec.next_n || m->dec.next_n > s->last || s->why_done[0])
		return false;
	m->is_decided = false;
	s->is_done = false;
	s->want = (unsigned int)m->dec.next_n;
	gate_stream_look(s); /* the pairs may be there already */
	return true;
}

void gate_stream_end(struct gate_stream *s, const char *why)
{
	s->is_done = true;
	snprintf(s->why_done, sizeof(s->why_done), "%.120s", why);
	for (unsigned int i = 0; i < GATE_METRICS; i++) {
		struct gate_series *m = &s->m[i];

		if (m->is_decided || m->skip[0])
			continue;
		if (!m->n) {
			snprintf(m->skip, sizeof(m->skip), "%.100s",
				 why[0] ? why : "no pair that counts");
			continue;
		}
		nwb_gate_decide(&m->rule, m->d, m->n, &m->dec);
		m->is_decided = true;
	}
}
