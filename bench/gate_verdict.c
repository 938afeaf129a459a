/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What all streams say together: is the session usable, which differences are
 * believed, what comes of each case, and the exit code.
 */
#include "gate_i.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void set_unusable(struct gate_session *s, const char *fmt, ...)
	nwb_printf(2, 3);

static void set_unusable(struct gate_session *s, const char *fmt, ...)
{
	va_list ap;

	if (s->unusable[0])
		return;
	va_start(ap, fmt);
	vsnprintf(s->unusable, sizeof(s->unusable), fmt, ap);
	va_end(ap);
}

/* The clock's metrics are several times as noisy as CPU time here: when their
 * control is off by chance, they are told and not gated, and CPU time still
 * counts. A control that is *proved* to differ makes all of it worthless. */
static void check_control(struct gate_session *s, const struct gate_stream *st,
			  enum gate_metric_id id)
{
	const struct gate_series *m = &st->m[id];
	bool differs = m->dec.verdict == NWB_GATE_WORSE ||
		       m->dec.verdict == NWB_GATE_BETTER;
	/* of the figure that people read, not of the cost */
	double by = 100.0 * expm1(gate_metrics[id].better == NWB_BETTER_HIGHER
					  ? -m->dec.est
					  : m->dec.est);

	if (m->skip[0] || !m->n)
		return;
	if (isnan(s->control_max) || fabs(m->dec.est) > s->control_max)
		s->control_max = fabs(m->dec.est);
	if (m->dec.n < NWB_GATE_PAIRS_MIN ||
	    nwb_gate_control(&m->rule, &m->dec) == NWB_CONTROL_OK)
		return;
	if (differs || id == GATE_CPU) {
		set_unusable(s,
			     "control %s: A differs from A by %+.1f %% in %s",
			     st->c->name, by, gate_metrics[id].name);
		return;
	}
	gate_tell_line(s,
		       "control %s: A differs from A by %+.1f %% in %s, which "
		       "is told but does not count in this session",
		       st->c->name, by, gate_metrics[id].name);
	for (unsigned int i = 0; i < s->nr_streams; i++)
		s->stream[i].m[id].is_observed = true;
}

void gate_check_usable(struct gate_session *s)
{
	for (unsigned int i = 0; i < s->nr_streams; i++)
		for (unsigned int k = 0; k < GATE_METRICS; k++)
			if (s->stream[i].role == GATE_CONTROL)
				check_control(s, &s->stream[i],
					      (enum gate_metric_id)k);
	if (s->nr_pairs && 3 * (s->nr_bad - s->nr_failed) > s->nr_pairs)
		set_unusable(s, "%u of %u pairs are contaminated",
			     s->nr_bad - s->nr_failed, s->nr_pairs);
}

/* Benjamini-Hochberg over everything that gates. Return: whether something
 * needs another look. */
bool gate_family(struct gate_session *s)
{
	static struct nwb_gate_decision d[GATE_STREAMS_MAX * GATE_METRICS];
	static struct gate_series *of[GATE_STREAMS_MAX * GATE_METRICS];
	static bool keep[GATE_STREAMS_MAX * GATE_METRICS];
	static struct gate_stream *in[GATE_STREAMS_MAX * GATE_METRICS];
	bool again = false;
	unsigned int n = 0;

	for (unsigned int i = 0; i < s->nr_streams; i++)
		for (unsigned int k = 0; k < GATE_METRICS; k++) {
			struct gate_series *m = &s->stream[i].m[k];

			if (s->stream[i].role != GATE_MEASURE || m->skip[0] ||
			    !m->is_decided || m->is_observed)
				continue;
			in[n] = &s->stream[i];
			of[n] = m;
			d[n++] = m->dec;
		}
	nwb_gate_family(d, n, 0.05, keep);
	for (unsigned int i = 0; i < n; i++) {
		of[i]->is_kept = keep[i];
		if (!keep[i] && (d[i].verdict == NWB_GATE_WORSE ||
				 d[i].verdict == NWB_GATE_BETTER))
			again |= gate_stream_reopen(
				in[i], (enum gate_metric_id)(of[i] - in[i]->m));
	}
	return again;
}

void gate_conclude(struct gate_session *s)
{
	for (unsigned int i = 0; i < s->nr_streams; i++)
		for (unsigned int k = 0; k < GATE_METRICS; k++) {
			struct gate_stream *st = &s->stream[i];
			struct gate_series *m = &st->m[k];
			bool is_kept = m->is_kept || st->role != GATE_MEASURE;

			if (m->skip[0])
				continue;
			m->is_recurring =
				s->o->is_gate && st->role == GATE_MEASURE &&
				gate_past_is_recurring(s->past, st->c->name,
						       (enum gate_metric_id)k);
			m->outcome = nwb_gate_conclude(
				&m->dec, is_kept,
				m->second ? &m->second->dec : NULL,
				m->is_recurring, m->is_observed);
		}
}

int gate_exit_code(const struct gate_session *s)
{
	bool is_broken = false;

	/* a wrong result is red however fast it came */
	if (s->nr_fail)
		return NWB_EXIT_FAIL;
	if (s->unusable[0])
		return NWB_EXIT_BROKEN;
	for (unsigned int i = 0; i < s->nr_streams; i++) {
		const struct gate_stream *st = &s->stream[i];

		is_broken |= st->nr_run && st->nr_bad == st->nr_run &&
			     st->nr_failed == st->nr_run;
		for (unsigned int k = 0; k < GATE_METRICS; k++)
			if (s->o->is_gate && st->role == GATE_MEASURE &&
			    !st->m[k].skip[0] &&
			    st->m[k].outcome == NWB_OUTCOME_RED)
				return NWB_EXIT_FAIL;
	}
	return is_broken ? NWB_EXIT_BROKEN : NWB_EXIT_OK;
}
