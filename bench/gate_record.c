/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Comparisons as lines of run.jsonl; fields: docs/reports.md. */
#include "gate_i.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static json_t *number(uint64_t v)
{
	return v == UINT64_MAX ? json_null() : json_integer((json_int_t)v);
}

static json_t *real(double v)
{
	return isfinite(v) ? json_real(v) : json_null();
}

static json_t *text_or_null(const char *s)
{
	return s && s[0] ? json_string(s) : json_null();
}

static json_t *side_record(const struct gate_side *s)
{
	return json_pack("{s:s,s:s,s:o,s:o}", "id", s->id, "kind",
			 gate_side_kind_name(s->kind), "build",
			 text_or_null(s->build), "revision",
			 text_or_null(s->revision));
}

json_t *gate_record_compare(const struct gate_session *s)
{
	const struct gate_opts *o = s->o;
	json_t *looks = json_array();
	struct nwb_gate_rule rule;

	nwb_gate_rule_init(&rule, NWB_GATE_DELTA_CPU);
	if (o->pairs) {
		json_array_append_new(looks, json_integer(o->pairs));
	} else {
		for (unsigned int i = 0; i < rule.nr_looks; i++)
			json_array_append_new(looks,
					      json_integer(rule.looks[i]));
	}
	return json_pack(
		"{s:i,s:s,s:s,s:o,s:o,s:s,s:i,s:o,s:o,s:o,s:f}", "v", 1, "type",
		"compare", "what", gate_side_kind_name(o->a.kind), "a",
		side_record(&o->a), "b", side_record(&o->b), "differs",
		s->differs, "cases", (int)o->cases.nr, "looks", looks, "pairs",
		o->pairs ? json_integer(o->pairs) : json_null(), "budget_ns",
		o->budget_ns ? number(o->budget_ns) : json_null(), "alpha",
		rule.alpha);
}

static const char *role_name(enum gate_role r)
{
	static const char *const names[] = {
		[GATE_MEASURE] = "measure",
		[GATE_CONTROL] = "control",
		[GATE_CONFIRM] = "confirm",
	};

	return names[r];
}

static json_t *run_record(const struct gate_run *r)
{
	const struct bench_meters *m = &r->meters;
	json_t *metrics = json_object(), *samples = json_object();

	for (unsigned int i = 0; i < GATE_METRICS; i++)
		json_object_set_new(metrics, gate_metrics[i].name,
				    real(r->metric[i]));
	json_object_set_new(samples, gate_metrics[GATE_P99].name,
			    number(r->samples));
	return json_pack("{s:o,s:o,s:o,s:o,s:i,s:s,s:{s:o,s:o,s:o,s:o,s:o}}",
			 "metrics", metrics, "samples", samples, "verdict",
			 text_or_null(r->verdict), "reason",
			 text_or_null(r->reason), "exit", r->exit, "repro",
			 r->repro, "meters", "wall_ns", number(m->wall_ns),
			 "psi_ns", number(m->psi_ns), "steal_ns",
			 number(m->steal_ns), "majflt", number(m->majflt),
			 "nivcsw", number(m->nivcsw));
}

/* What the sides decide is no property of the case. */
static void set_case(json_t *rec, const struct gate_stream *st)
{
	json_object_set_new(rec, "case", json_string(st->c->name));
	json_object_set_new(rec, "role", json_string(role_name(st->role)));
	json_object_set_new(rec, "workload",
			    json_string(st->c->workload->name));
	json_object_set_new(rec, "server", text_or_null(st->c->server));
	json_object_set_new(rec, "subject", text_or_null(st->c->client));
}

json_t *gate_record_pair(const struct gate_stream *st, const struct gate_run *a,
			 const struct gate_run *b, bool is_ab, uint64_t seed,
			 uint64_t t_ns, const char *bad, bool is_extra)
{
	json_t *rec = json_pack(
		"{s:i,s:s,s:i,s:s,s:I,s:o,s:o,s:o,s:o,s:b}", "v", 1, "type",
		"pair", "pair", (int)st->nr_run, "order", is_ab ? "AB" : "BA",
		"seed", (json_int_t)seed, "t_ns", number(t_ns), "a",
		run_record(a), "b", run_record(b), "contaminated",
		text_or_null(bad), "is_extra", (int)is_extra);

	set_case(rec, st);
	return rec;
}

static const char *verdict_of(const struct gate_series *m)
{
	if (m->skip[0])
		return m->n ? "INVALID" : "SKIP";
	if (m->is_observed)
		return "OBSERVE";
	/* a difference that the whole session's tests do not bear out */
	if (m->outcome == NWB_OUTCOME_UNCLEAR)
		return "UNCLEAR";
	return nwb_gate_verdict_name(m->dec.verdict);
}

static void reason_of(const struct gate_stream *st, const struct gate_series *m,
		      char *buf, size_t size)
{
	const char *delta = m->is_observed && m->delta_from != NWB_DELTA_OBSERVE
				    ? "its A/A control is off tonight"
			    : m->is_observed ? "too noisy on this machine"
					     : "";

	snprintf(buf, size, "%s%s%s%s%s", nwb_gate_why_name(m->dec.why),
		 delta[0] ? "; " : "", delta, st->why_done[0] ? "; " : "",
		 st->why_done);
}

json_t *gate_record_decision(const struct gate_stream *st,
			     enum gate_metric_id id)
{
	const struct gate_series *m = &st->m[id];
	const struct nwb_gate_decision *d = &m->dec;
	size_t n = d->n;
	char reason[300];
	json_t *rec;

	if (m->skip[0])
		snprintf(reason, sizeof(reason), "%s", m->skip);
	else
		reason_of(st, m, reason, sizeof(reason));
	rec = json_pack("{s:i,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:i,s:i}", "v", 1,
			"type", "decision", "metric", gate_metrics[id].name,
			"unit", gate_metrics[id].unit, "better",
			gate_metrics[id].better == NWB_BETTER_HIGHER ? "higher"
								     : "lower",
			"kind", "noisy", "verdict", verdict_of(m), "reason",
			reason, "n", (int)(m->skip[0] ? 0 : n), "contaminated",
			(int)st->nr_bad);
	set_case(rec, st);
	json_object_set_new(rec, "delta", json_real(m->rule.delta));
	json_object_set_new(rec, "alpha", json_real(m->rule.alpha));
	if (m->skip[0] || !n)
		return rec;
	json_object_set_new(rec, "look", json_integer((int)d->look));
	json_object_set_new(rec, "a", real(nwb_median(m->a, n)));
	json_object_set_new(rec, "b", real(nwb_median(m->b, n)));
	json_object_set_new(rec, "hl", real(d->est));
	json_object_set_new(rec, "lo", real(d->lo));
	json_object_set_new(rec, "hi", real(d->hi));
	json_object_set_new(rec, "is_bimodal",
			    json_boolean(d->modes.is_bimodal));
	json_object_set_new(rec, "p",
			    real(d->verdict == NWB_GATE_BETTER ? d->p_better
				 : d->verdict == NWB_GATE_SAME ? d->p_same
							       : d->p_worse));
	/* RED without a second session: suspect twice in seven nights */
	if (m->second || m->outcome == NWB_OUTCOME_RED)
		json_object_set_new(
			rec, "is_confirmed",
			json_boolean(m->outcome == NWB_OUTCOME_RED ||
				     m->outcome == NWB_OUTCOME_BETTER));
	return rec;
}

int gate_record_note(struct gate_session *s, const char *text,
		     struct nwb_err *err)
{
	return nwb_store_add(s->store,
			     json_pack("{s:i,s:s,s:s,s:s}", "v", 1, "type",
				       "note", "about", "gate", "text", text),
			     err);
}
