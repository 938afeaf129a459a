/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A session from its first pair to its exit code; the model is in gate_i.h,
 * the method and its reasons in docs/gate.md.
 */
#include "env_meters.h"
#include "gate_i.h"
#include "reserve.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct gate_stream *gate_add_stream(struct gate_session *s,
				    const struct gate_case *c,
				    enum gate_role role)
{
	struct gate_stream *st = &s->stream[s->nr_streams++];
	unsigned int pairs = s->o->pairs;

	nwb_assert(s->nr_streams <= GATE_STREAMS_MAX);
	memset(st, 0, sizeof(*st));
	st->c = c;
	st->role = role;
	/* the noise of this machine is what the limit is made from */
	st->psi_limit =
		s->o->record_noise ? INFINITY : gate_past_psi_limit(s->past);
	for (unsigned int i = 0; i < GATE_METRICS; i++) {
		struct gate_series *m = &st->m[i];
		double delta;

		m->delta_from = gate_past_delta(s->past, c->name,
						(enum gate_metric_id)i, &delta);
		m->is_observed = m->delta_from == NWB_DELTA_OBSERVE;
		nwb_gate_rule_init(&m->rule, delta);
		if (pairs && nwb_gate_rule_fixed(
				     &m->rule, delta,
				     nwb_max(pairs, NWB_GATE_PAIRS_MIN + 0u)))
			nwb_assert(!"pairs were checked");
	}
	st->want = pairs ? pairs : st->m[0].rule.looks[0];
	st->last =
		pairs ? pairs : st->m[0].rule.looks[st->m[0].rule.nr_looks - 1];
	return st;
}

/* Level and looks are one thing: they change before the first look, never
 * after it. */
static void set_looks(struct gate_stream *st, unsigned int nr)
{
	for (unsigned int i = 0; i < GATE_METRICS; i++)
		st->m[i].rule.nr_looks = nr;
	st->last = st->m[0].rule.looks[nr - 1];
}

void gate_plan(struct gate_session *s, unsigned int first)
{
	unsigned int nr = s->nr_streams - first;
	uint64_t now = gate_now_ns(), left, one;
	const struct nwb_gate_rule *rule = &s->stream[first].m[0].rule;
	const unsigned int *at = rule->looks;
	unsigned int looks = rule->nr_looks;

	if (!s->deadline || s->o->pairs || !s->nr_pairs)
		return;
	left = s->deadline > now ? s->deadline - now : 0;
	one = s->pair_ns / s->nr_pairs * nr;
	while (looks > 1 && one * at[looks - 1] > left)
		looks--;
	s->nr_looks = looks;
	for (unsigned int i = first; i < s->nr_streams; i++)
		set_looks(&s->stream[i], looks);
	gate_tell_line(
		s,
		"%u streams, %.1f s a pair: the budget of %llu min has "
		"room for %u pairs each%s",
		nr, (double)(s->pair_ns / s->nr_pairs) / 1e9,
		(unsigned long long)((left + 30 * NWB_SEC) / (60 * NWB_SEC)),
		at[looks - 1],
		one * at[0] > left ? ", hardly: what is not measured "
				     "when it ends stays UNCLEAR"
				   : "");
}

static bool is_over(const struct gate_session *s)
{
	return s->deadline && gate_now_ns() > s->deadline;
}

/* More than half of what was run counts for nothing: no use to go on. */
static bool is_hopeless(const struct gate_session *s)
{
	return s->nr_pairs >= 40 && 2 * s->nr_bad > s->nr_pairs;
}

static int one_round(struct gate_session *s, unsigned int first, bool *ret_any,
		     struct nwb_err *err)
{
	for (unsigned int i = first; i < s->nr_streams; i++) {
		struct gate_stream *st = &s->stream[i];
		int rc;

		if (st->is_done)
			continue;
		*ret_any = true;
		if (is_over(s)) {
			gate_stream_end(st, "the budget is over");
			continue;
		}
		if (is_hopeless(s)) {
			gate_stream_end(st, "too much contamination");
			continue;
		}
		gate_tell_pair(s, st);
		rc = gate_pair(s, st, err);
		if (rc)
			return rc;
		gate_stream_look(st);
		if (!st->is_done && 2 * st->nr_run >= 3 * st->last)
			gate_stream_end(st, "too many pairs contaminated");
	}
	return 0;
}

int gate_rounds(struct gate_session *s, unsigned int first, struct nwb_err *err)
{
	bool any = true, is_planned = false;
	int rc = 0;

	while (any && !rc) {
		any = false;
		rc = one_round(s, first, &any, err);
		if (!rc && any && !is_planned)
			gate_plan(s, first);
		is_planned = true;
	}
	return rc;
}

static int measure(struct gate_session *s, struct nwb_err *err)
{
	int rc = gate_rounds(s, 0, err);

	if (s->o->record_noise)
		return rc;
	while (!rc && gate_family(s))
		rc = gate_rounds(s, 0, err);
	gate_check_usable(s);
	if (!rc && s->unusable[0])
		return 0;
	gate_family(s); /* a metric that is not gated is no member */
	if (!rc && s->o->is_gate)
		rc = gate_confirm(s, err);
	return rc;
}

/* --- begin and end -------------------------------------------------------- */

/* One run each, which counts for nothing: does it work, who is it? */
static int warm_up(struct gate_session *s, struct nwb_err *err)
{
	static struct gate_run r;
	struct gate_side *side[] = {&s->o->a, &s->o->b};

	for (unsigned int i = 0; i < 2 && s->o->cases.nr; i++) {
		gate_spawn(side[i], &s->o->cases.c[0], 1, 0, &r);
		gate_run_fini(&r);
		if (gate_stopped())
			return -EINTR;
		if (r.reason[0])
			/* this program's own "bad usage" is the user's; an
			 * older one does not know all words */
			return nwb_err_set(
				err,
				r.exit == NWB_EXIT_USAGE &&
						!gate_is_binary_side(side[i])
					? -EOPNOTSUPP
					: -ENOEXEC,
				"%c (%.60s) cannot run %.60s: %.200s",
				'A' + (int)i, side[i]->id,
				s->o->cases.c[0].name, r.reason);
		snprintf(side[i]->build, sizeof(side[i]->build), "%s", r.build);
		if (s->o->is_gate && (r.meters.psi_ns == UINT64_MAX ||
				      r.meters.steal_ns == UINT64_MAX))
			return nwb_err_set(err, -ENOENT,
					   "this machine does not tell CPU "
					   "pressure or steal "
					   "(/proc/pressure/cpu, /proc/stat): "
					   "a gate without meters proves "
					   "nothing");
	}
	return 0;
}

static bool is_same_file(const char *a, const char *b)
{
	FILE *f = fopen(a, "re"), *g = fopen(b, "re");
	bool same = f && g;

	while (same) {
		char x[4096], y[sizeof(x)];
		size_t n = fread(x, 1, sizeof(x), f);

		same = fread(y, 1, sizeof(y), g) == n && !memcmp(x, y, n);
		if (n < sizeof(x))
			break;
	}
	if (f)
		fclose(f);
	if (g)
		fclose(g);
	return same;
}

static void tell_differs(struct gate_session *s)
{
	const struct gate_side *a = &s->o->a, *b = &s->o->b;

	if (!gate_is_binary_side(a))
		snprintf(s->differs, sizeof(s->differs),
			 "%s: %.240s against %.240s",
			 gate_side_kind_name(a->kind), a->id, b->id);
	else if (is_same_file(a->binary, b->binary))
		snprintf(s->differs, sizeof(s->differs),
			 "nothing: A and B are the same binary%s%s",
			 b->plant_word[0] ? ", with a planted regression: "
					  : "",
			 b->plant_word);
	else
		snprintf(s->differs, sizeof(s->differs), "the binary%s%s",
			 b->plant_word[0] ? ", and a planted regression: " : "",
			 b->plant_word);
}

static uint64_t largest(const struct gate_cases *cases)
{
	uint64_t most = 64 * NWB_MIB;

	for (unsigned int i = 0; i < cases->nr; i++)
		most = nwb_max(most, cases->c[i].bytes);
	return most;
}

static int begin(struct gate_session *s, struct nwb_err *err)
{
	struct gate_opts *o = s->o;
	enum nwb_isolation step;
	char why[96], isolation[128];
	const char *id;
	int rc;

	s->stream = calloc(GATE_STREAMS_MAX, sizeof(*s->stream));
	if (!s->stream)
		return nwb_err_set(err, -ENOMEM, "no memory for a session");
	rc = nwb_isolation_try(NWB_ISOLATION_AUTO, &step, why, sizeof(why),
			       err);
	if (!rc)
		rc = gate_past_load(o->out, &s->past, err);
	bench_reserve(2, largest(&o->cases)); /* both runs of a pair */
	if (!rc)
		rc = warm_up(s, err);
	if (!rc)
		rc = bench_results_dir(o->out, s->dir, sizeof(s->dir), err);
	if (!rc)
		rc = nwb_store_create(s->dir, &s->store, err);
	if (rc)
		return rc;
	snprintf(isolation, sizeof(isolation), why[0] ? "%s (%s)" : "%s",
		 nwb_isolation_name(step), why);
	id = strrchr(s->dir, '/');
	rc = nwb_store_add(s->store,
			   bench_env_session(id ? id + 1 : s->dir, isolation,
					     o->seed, o->argc, o->argv),
			   err);
	tell_differs(s);
	if (!rc)
		rc = nwb_store_add(s->store, gate_record_compare(s), err);
	if (!rc && o->shard.n) {
		bench_shard_say(&o->shard);
		rc = nwb_store_add(s->store, bench_shard_record(&o->shard),
				   err);
	}
	return rc;
}

static void add_streams(struct gate_session *s)
{
	const struct gate_cases *c = &s->o->cases;
	unsigned int sentinels = 0;

	for (unsigned int i = 0; i < c->nr; i++)
		gate_add_stream(s, &c->c[i],
				s->o->record_noise ? GATE_CONTROL
						   : GATE_MEASURE);
	if (s->o->record_noise)
		return;
	for (unsigned int i = 0; i < c->nr && !s->o->no_control; i++)
		if (c->c[i].is_sentinel && sentinels++ < GATE_SENTINELS)
			gate_add_stream(s, &c->c[i], GATE_CONTROL);
	/* a selection without a sentinel: its first case is one */
	if (!sentinels && !s->o->no_control && c->nr)
		gate_add_stream(s, &c->c[0], GATE_CONTROL);
}

static int write_end(struct gate_session *s, int code, struct nwb_err *err)
{
	int rc = 0, sig = gate_stopped();
	json_t *end;

	for (unsigned int i = 0; i < s->nr_streams && !rc; i++)
		for (unsigned int k = 0; k < GATE_METRICS && !rc; k++)
			rc = nwb_store_add(
				s->store,
				gate_record_decision(&s->stream[i],
						     (enum gate_metric_id)k),
				err);
	end = json_pack("{s:i,s:s,s:i,s:I,s:b}", "v", 1, "type", "end", "exit",
			code, "duration_ns",
			(json_int_t)(gate_now_ns() - s->t_start), "interrupted",
			sig != 0);
	json_object_set_new(end, "env", bench_env_after(""));
	if (s->unusable[0])
		json_object_set_new(end, "unusable", json_string(s->unusable));
	if (!isnan(s->control_max))
		json_object_set_new(end, "control_max",
				    json_real(s->control_max));
	if (rc)
		json_decref(end);
	else
		rc = nwb_store_add(s->store, end, err);
	if (nwb_store_close(s->store) && !rc)
		rc = nwb_err_set(err, -EIO, "%s: cannot be written", s->dir);
	s->store = NULL;
	return rc ? rc : nwb_report_write_all(s->dir, err);
}

static void cut_short(struct gate_session *s)
{
	for (unsigned int i = 0; i < s->nr_streams; i++)
		if (!s->stream[i].is_done)
			gate_stream_end(&s->stream[i], "cut short");
}

int gate_run_session(struct gate_opts *o)
{
	static struct gate_session s;
	struct nwb_err err = {0};
	int rc, end, code;

	s = (struct gate_session){.o = o,
				  .rnd = o->seed,
				  .t_start = gate_now_ns(),
				  .control_max = NAN,
				  .is_tty = isatty(STDERR_FILENO)};
	if (o->budget_ns)
		s.deadline = s.t_start + o->budget_ns;
	rc = gate_stop_setup() ? -EIO : begin(&s, &err);
	if (!rc) {
		gate_tell_begin(&s);
		add_streams(&s);
		rc = measure(&s, &err);
	}
	if (gate_stopped())
		code = 128 + gate_stopped();
	else if (rc == -EOPNOTSUPP)
		code = NWB_EXIT_USAGE;
	else
		code = rc ? NWB_EXIT_BROKEN : NWB_EXIT_OK;
	if (rc && rc != -EINTR)
		fprintf(stderr, "netwb: %s\n", err.text);
	if (s.store) {
		cut_short(&s);
		if (gate_stopped()) {
			gate_family(&s);
			cut_short(&s); /* there is no other look */
		}
		gate_conclude(&s);
		if (!code)
			code = gate_exit_code(&s);
		end = write_end(&s, code, &err);
		if (!end && o->record_noise)
			end = gate_write_noise(&s, &err);
		if (end) {
			fprintf(stderr, "netwb: %s\n", err.text);
			code = NWB_EXIT_BROKEN;
		} else {
			gate_tell_end(&s, code);
		}
	}
	gate_past_free(s.past);
	bench_shard_fini(&o->shard);
	free(s.stream);
	return code;
}
