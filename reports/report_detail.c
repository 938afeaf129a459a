/* SPDX-License-Identifier: GPL-2.0-or-later */
/* report.txt: findings in full, environment, how to reproduce. */
#include "report_i.h"

#include "nwb/mem.h"
#include "schema_i.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- findings ---- */

static void entry_head(struct rep_out *o, const struct rep_cell *c,
		       const struct rep_run *run, size_t nr)
{
	const char *verdict = rep_verdict_name(run->verdict);
	const char *level = run->is_check ? ", level check" : "";

	if (nr > 1)
		rep_wrap(o, 0, 4, "%s %s: %zu runs%s", verdict, c->name, nr,
			 level);
	else if (run->pair >= 0)
		rep_wrap(o, 0, 4, "%s %s: pair %lld%s", verdict, c->name,
			 (long long)run->pair, level);
	else
		rep_wrap(o, 0, 4, "%s %s%s", verdict, c->name, level);
}

/* With its own verdict where that is not the run's: a failed run may have
 * known findings too. */
static void finding(struct rep_out *o, const struct rep_run *run,
		    const json_t *f)
{
	const char *v = rep_str(f, "verdict");
	bool is_other = v && strcmp(v, rep_verdict_name(run->verdict));

	rep_wrap(o, 2, 4, "%s %s%s%s%s: %s", rep_str(f, "oracle"),
		 rep_str(f, "kind"), is_other ? " (" : "", is_other ? v : "",
		 is_other ? ")" : "", rep_str(f, "text"));
}

/* @nr runs that say what @run says. */
static void entry(struct rep_out *o, const struct rep_cell *c,
		  const struct rep_run *run, size_t nr)
{
	const json_t *findings = json_object_get(run->rec, "findings");
	const char *reason = rep_str(run->rec, "reason");
	const char *repro = rep_str(run->rec, "repro");
	size_t i;
	json_t *f;

	fputc('\n', o->f);
	entry_head(o, c, run, nr);
	if (reason)
		rep_wrap(o, 2, 4, "reason: %s", reason);
	json_array_foreach(findings, i, f) finding(o, run, f);
	if (!reason && !json_array_size(findings))
		rep_wrap(o, 2, 4, "reason: not recorded");
	if (run->verdict >= REP_PASS)
		return;
	if (repro)
		rep_command(o, repro);
	else
		rep_wrap(o, 2, 4, "reproduce: not recorded");
}

void rep_section_findings(struct rep_out *o, const struct rep_model *m)
{
	struct rep_news news;

	rep_heading(o, "Findings");
	if (rep_news_init(&news, m)) {
		o->err = -ENOMEM;
		return;
	}
	if (!news.nr)
		rep_wrap(o, 0, 0, "%s", m->nr_runs ? "None." : "No runs.");
	else
		rep_wrap(o, 0, 0,
			 "%zu of %zu runs. An indented command reproduces the "
			 "run.",
			 news.nr_runs, m->nr_runs);
	for (size_t i = 0; i < news.nr; i++)
		entry(o, news.item[i].cell, news.item[i].run, news.item[i].nr);
	rep_news_fini(&news);
}

/* ---- environment ---- */

static void env_value(struct rep_out *o, const char *name, const json_t *v)
{
	char *text;

	if (json_is_string(v)) {
		rep_wrap(o, 0, 4, "%s: %s", name, json_string_value(v));
		return;
	}
	if (!v || json_is_null(v)) {
		rep_wrap(o, 0, 4, "%s: not measured", name);
		return;
	}
	text = json_dumps(v, JSON_ENCODE_ANY | JSON_SORT_KEYS |
				     JSON_REAL_PRECISION(6));
	if (!text) {
		o->err = -ENOMEM;
		return;
	}
	rep_wrap(o, 0, 4, "%s: %s", name, text);
	free(text);
}

/* The members of @obj in the order of their names, "prefix.name: value". */
static void env_object(struct rep_out *o, const char *prefix, json_t *obj)
{
	const char **key = rep_keys(obj);

	if (!key) {
		o->err = -ENOMEM;
		return;
	}
	for (size_t i = 0; key[i]; i++) {
		char *name;

		if (asprintf(&name, "%s.%s", prefix, key[i]) < 0) {
			o->err = -ENOMEM;
			break;
		}
		env_value(o, name, json_object_get(obj, key[i]));
		free(name);
	}
	nwb_free(key);
}

static void env_session(struct rep_out *o, const struct rep_model *m)
{
	static const char *const field[] = {"kernel",	 "cpu",	      "ncpu",
					    "mem_bytes", "isolation", "io",
					    "compiler",	 "build_id"};
	json_t *idle = json_object_get(m->session, "shim_idle");
	json_t *env = json_object_get(m->session, "env");

	for (size_t i = 0; i < NWB_ARRAY_SIZE(field); i++)
		env_value(o, field[i], json_object_get(m->session, field[i]));
	if (json_is_object(idle))
		env_object(o, "shim_idle", idle);
	else
		env_value(o, "shim_idle", NULL);
	if (json_is_object(env))
		env_object(o, "env", env);
	else
		env_value(o, "env", NULL);
}

/* ---- what is missing, what is not understood ---- */

static const struct {
	enum rep_metric metric;
	const char *name;
} shown[] = {
	{REP_MIB_S, "MiB/s to durable"},
	{REP_CPU_NS_MIB, "CPU ns/MiB (client + server)"},
	{REP_RPCS_MIB, "RPCs per MiB"},
	{REP_WRITES_MIB, "write RPCs per MiB"},
	{REP_SENT_RATIO, "bytes sent per byte dirtied"},
	{REP_TEMP_MAX, "peak temp-page memory"},
	{REP_WRITE_P50, "write p50"},
	{REP_WRITE_P99, "write p99"},
	{REP_FSYNC_P50, "fsync p50"},
	{REP_FSYNC_P99, "fsync p99"},
	{REP_RETRIES, "retries"},
	{REP_RECONNECTS, "reconnects"},
	{REP_ALLOCS, "allocations in the window"},
};

static size_t missing_in_run(const struct rep_run *run, enum rep_metric k)
{
	return run->verdict != REP_SKIP && !isfinite(run->m[k]);
}

static void not_measured(struct rep_out *o, const struct rep_model *m)
{
	size_t ran = 0, lines = 0;

	for (size_t i = 0; i < m->nr_cells; i++)
		ran += m->cell[i].nr_ran;
	rep_wrap(o, 0, 0,
		 "Not measured, of the %zu runs that were not "
		 "skipped:",
		 ran);
	for (size_t k = 0; k < NWB_ARRAY_SIZE(shown); k++) {
		size_t nr = 0;

		for (size_t i = 0; i < m->nr_runs; i++)
			nr += missing_in_run(&m->run[i], shown[k].metric);
		if (!nr)
			continue;
		rep_wrap(o, 2, 4, "%s: %zu run%s", shown[k].name, nr,
			 nr > 1 ? "s" : "");
		lines++;
	}
	if (!lines)
		rep_wrap(o, 2, 4, "nothing");
}

static int unknown_of(json_t *set, const json_t *rec, const char *type)
{
	const char *key;
	json_t *v;

	json_object_foreach(
		(json_t *)rec, key,
		v) if (!nwb_schema_knows(type, key) &&
		       json_object_set_new(set, key,
					   json_true())) return -ENOMEM;
	return 0;
}

static int unknown_of_all(json_t *set, const struct rep_model *m)
{
	int r = unknown_of(set, m->session, "session");

	for (size_t i = 0; !r && i < m->nr_runs; i++)
		r = unknown_of(set, m->run[i].rec, "run");
	return r ? r : unknown_of(set, m->end, "end");
}

/* A field that this version does not know may be a misspelt one. */
static void unknown_fields(struct rep_out *o, const struct rep_model *m)
{
	json_t *set = json_object();
	const char **key = NULL;

	if (set && !unknown_of_all(set, m))
		key = rep_keys(set);
	if (!key) {
		o->err = -ENOMEM;
		json_decref(set);
		return;
	}
	if (key[0])
		rep_wrap(o, 0, 0,
			 "Fields of %s that this netwb does not know and left "
			 "out:",
			 NWB_STORE_NAME);
	for (size_t i = 0; key[i]; i++)
		rep_wrap(o, 2, 4, "%s", key[i]);
	nwb_free(key);
	json_decref(set);
}

void rep_section_env(struct rep_out *o, const struct rep_model *m,
		     const char *sha256)
{
	const char *command = rep_str(m->session, "command");

	rep_heading(o, "Environment");
	env_session(o, m);
	if (rep_has_cells(m)) {
		fputc('\n', o->f);
		not_measured(o, m);
	}
	unknown_fields(o, m);
	rep_heading(o, "Reproduce");
	if (command)
		rep_command(o, command);
	else
		rep_wrap(o, 2, 2, "The command was not recorded.");
	rep_wrap(o, 0, 0, "Data: %s, SHA-256", NWB_STORE_NAME);
	rep_wrap(o, 2, 2, "%s", sha256 ? sha256 : "not computed");
}
