/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A run as a line of the results store. What was not measured is null; the
 * reports say so.
 */
#include "bench_i.h"

#include "nwb/shell.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void bench_cell_name(const struct bench_run_opts *o, char *buf, size_t size)
{
	snprintf(buf, size, "%s.%s.%s.%s", o->server,
		 nwb_subject_kind_name(o->subject), o->workload->name,
		 o->fault);
}

void bench_case_key(const struct bench_run_opts *o, char *buf, size_t size)
{
	snprintf(buf, size, "%s.%s.%s", o->server, o->workload->name, o->fault);
}

static void append(char *buf, size_t size, const char *fmt, ...)
	nwb_printf(3, 4);

static void append(char *buf, size_t size, const char *fmt, ...)
{
	size_t at = strlen(buf);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf + at, size - at, fmt, ap);
	va_end(ap);
}

static void append_word(char *buf, size_t size, const char *option,
			const char *word)
{
	nwb_shell_word(buf, size,
		       nwb_shell_word(buf, size, strlen(buf), option), word);
}

/* What the client was told beside its mode and flavour. */
static void append_client(const struct bench_run_opts *o, char *buf,
			  size_t size)
{
	char security[80], client[200];

	if (o->wsize)
		append(buf, size, " --wsize %u", o->wsize);
	if (o->depth)
		append(buf, size, " --depth %u", o->depth);
	if (o->cache)
		append(buf, size, " --cache %s", bench_cache_name(o->cache));
	if (o->vectored)
		append(buf, size, " --compound=%u", o->vectored);
	if (o->crypto_unit)
		append(buf, size, " --crypto=%u", o->crypto_unit);
	if (o->durable)
		append(buf, size, " --durable v%u", o->durable);
	if (o->no_copy)
		append(buf, size, " --no-copy");
	if (o->hard)
		append(buf, size, " --hard");
	if (o->channels)
		append(buf, size, " --channels %u", o->channels);
	if (o->retrans)
		append(buf, size, " --retrans %u", o->retrans);
	bench_security_args(o, security, sizeof(security));
	bench_client_args(o, client, sizeof(client));
	append(buf, size, "%s%s", security, client);
}

void bench_repro(const struct bench_run_opts *o, char *buf, size_t size)
{
	char flavour[200], load[200] = "";

	if (o->load)
		bench_load_args(o, load, sizeof(load));
	snprintf(buf, size, "netwb %s --server %s --client %s --workload %s%s",
		 o->load ? "latency" : "run", o->server,
		 nwb_subject_kind_name(o->subject),
		 o->load ? o->load->shape : o->workload->name, load);
	if (o->plan_args)
		append(buf, size, "%s", o->plan_args);
	else if (strcmp(o->fault, "none"))
		append(buf, size, " --fault %s", o->fault);
	if (o->bytes && !o->load)
		append(buf, size, " --write %llu",
		       (unsigned long long)o->bytes);
	if (o->fsyncs > 1)
		append(buf, size, " --fsyncs %u", o->fsyncs);
	if (o->fscache)
		append_word(buf, size, "--fscache", o->fscache);
	bench_flavour_args(o, flavour, sizeof(flavour));
	append(buf, size, "%s", flavour);
	append_client(o, buf, size);
	if (!o->level && !o->load)
		append(buf, size, " --level bench");
	if (o->level && o->load)
		append(buf, size, " --level check");
	if (o->no_shim)
		append(buf, size, " --no-shim");
	else if (o->no_ledger)
		append(buf, size, " --no-ledger");
	if (o->pin)
		append(buf, size, " --pin");
	if (o->server_binary)
		append_word(buf, size, "--server-binary", o->server_binary);
	/* the highest step is what everybody tries first */
	if (o->isolation > NWB_ISOLATION_NS)
		append(buf, size, " --isolation %s",
		       nwb_isolation_name(o->isolation));
	for (unsigned int i = 0; i < bench_nr_mutants; i++)
		if ((o->mutants || o->mutant_credits || o->mutant_channel) &&
		    bench_mutants[i].netfs == o->mutants &&
		    bench_mutants[i].credits == o->mutant_credits &&
		    bench_mutants[i].channel == o->mutant_channel)
			append(buf, size, " --with-mutant %s",
			       bench_mutants[i].name);
	append(buf, size, " --seed %llu", (unsigned long long)o->seed);
}

/* The same for names of series: "wsize=65536,hard". */
static void set_options(json_t *rec, const struct bench_run_opts *o)
{
	char args[480] = "", words[480] = "";

	append_client(o, args, sizeof(args));
	if (o->fscache)
		append(args, sizeof(args), " --fscache");
	if (o->load && o->load->ol.sync_every)
		append(args, sizeof(args), " --fsync-every %u",
		       o->load->ol.sync_every);
	if (o->load && o->load->ol.is_poisson)
		append(args, sizeof(args), " --poisson");
	for (char *s = args, *word; (word = strtok_r(s, " ", &s));)
		append(words, sizeof(words), "%s%s",
		       strncmp(word, "--", 2) ? "="
		       : words[0]	      ? ","
					      : "",
		       strncmp(word, "--", 2) ? word : word + 2);
	if (words[0])
		json_object_set_new(rec, "options", json_string(words));
}

static json_t *number(uint64_t v)
{
	return v == UINT64_MAX ? json_null() : json_integer((json_int_t)v);
}

json_t *bench_findings(const struct nwb_judgement *j)
{
	json_t *a = json_array();

	for (unsigned int i = 0; i < j->nr_findings; i++) {
		const struct nwb_finding *f = &j->finding[i];
		char oracle[8];

		snprintf(oracle, sizeof(oracle), "O%u", f->oracle);
		json_array_append_new(
			a, json_pack("{s:s,s:s,s:s,s:s}", "oracle", oracle,
				     "kind", f->kind, "text", f->text,
				     "verdict", nwb_verdict_name(f->verdict)));
	}
	return a;
}

json_t *bench_hits(const struct nwb_plan *plan, const uint64_t *hits,
		   unsigned int nr)
{
	json_t *h = json_object();

	for (unsigned int i = 0; i < nr; i++)
		json_object_set_new(h, plan->rule[i].name,
				    json_integer((json_int_t)hits[i]));
	return h;
}

static json_t *record_head(const struct bench_run_opts *o, unsigned int pair,
			   unsigned int order)
{
	char cell[128], repro[2560];
	json_t *rec;

	bench_cell_name(o, cell, sizeof(cell));
	bench_repro(o, repro, sizeof(repro));
	rec = json_pack("{s:i,s:s,s:s,s:s,s:s,s:s,s:s,s:i,s:i,s:s,s:I,s:s}",
			"v", 1, "type", "run", "cell", cell, "server",
			o->server, "subject", nwb_subject_kind_name(o->subject),
			"workload", o->workload->name, "fault", o->fault,
			"pair", (int)pair, "order", (int)order, "level",
			o->level ? "check" : "bench", "seed",
			(json_int_t)o->seed, "repro", repro);
	set_options(rec, o);
	return rec;
}

/* A run that was skipped, or whose client stands still, has no window and no
 * statistics; a zero would be taken for a figure. */
static void without_window(json_t *rec)
{
	static const char *const key[] = {
		"durable_ns",	"client_cpu_ns", "server_cpu_ns",
		"allocs",	"rpcs",		 "write_rpcs",
		"bytes_sent",	"bytes_dirtied", "temp_bytes_max",
		"retries",	"reconnects",	 "wsize",
		"depth",	"opens",	 "reclaims",
		"channels",	"channels_lost", "unstable_resent",
		"bytes_copied", "stable_waits",
	};

	for (size_t i = 0; i < NWB_ARRAY_SIZE(key); i++)
		json_object_set_new(rec, key[i], json_null());
	if (!json_integer_value(json_object_get(rec, "bytes")))
		json_object_set_new(rec, "bytes", json_null());
}

json_t *bench_record_run(const struct bench_run_opts *o,
			 const struct bench_run_result *r, unsigned int pair,
			 unsigned int order)
{
	const struct nwb_subject_stats *st = &r->stats;
	const struct nwb_workload_result *w = &r->work;
	json_t *rec = record_head(o, pair, order), *more;
	char reason[256];
	enum nwb_verdict v = bench_verdict(r, o->plan, reason, sizeof(reason));

	more = json_pack(
		"{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,"
		"s:s,s:s,s:o,s:o,s:o,s:o,s:s,s:o}",
		"bytes", number(w->bytes), "bytes_dirtied",
		number(st->bytes_dirtied), "durable_ns", number(w->durable_ns),
		"client_cpu_ns", number(w->client_cpu_ns), "server_cpu_ns",
		number(r->server_cpu_ns), "rpcs", number(st->rpcs),
		"write_rpcs", number(st->write_rpcs), "bytes_sent",
		number(st->bytes_sent), "temp_bytes_max",
		number(st->temp_bytes_max), "retries", number(st->retries),
		"reconnects", number(st->reconnects), "allocs",
		number(w->nr_allocs), "wsize", number(st->wsize), "depth",
		st->depth ? number(st->depth) : json_null(), "signing",
		st->signing, "cipher", st->cipher, "write_lat",
		bench_record_latency(&w->write_lat), "fsync_lat",
		bench_record_latency(&w->fsync_lat), "hits",
		bench_hits(o->plan, r->hits, r->nr_rules), "findings",
		bench_findings(&r->judgement), "reason", reason, "verdict",
		r->is_judged || v != NWB_PASS ? json_string(nwb_verdict_name(v))
					      : json_null());
	json_object_update_missing_new(rec, more);
	json_object_set_new(rec, "opens", number(st->opens));
	json_object_set_new(rec, "reclaims", number(st->reclaims));
	json_object_set_new(rec, "channels", number(st->channels));
	json_object_set_new(rec, "channels_lost", number(st->channels_lost));
	bench_flavour_record(rec, o, st->hazards_fired);
	bench_client_record(rec, o, r);
	json_object_set_new(rec, "unstable_resent",
			    number(st->unstable_resent));
	json_object_set_new(rec, "bytes_copied", number(st->bytes_copied));
	json_object_set_new(rec, "stable_waits", number(st->stable_waits));
	if (r->nr_died) {
		json_object_set_new(rec, "server_died", number(r->nr_died));
		json_object_set_new(rec, "server_died_how",
				    json_string(r->died));
	}
	if (!w->durable_ns)
		without_window(rec);
	bench_record_timeline(rec, &r->timeline, o->plan);
	return o->load ? bench_record_load(rec, o, r) : rec;
}

json_t *bench_record_failed(const struct bench_run_opts *o, unsigned int pair,
			    unsigned int order, const char *why)
{
	json_t *rec = record_head(o, pair, order);

	json_object_set_new(rec, "verdict", json_string("INCONCLUSIVE"));
	json_object_set_new(rec, "reason", json_string(why));
	json_object_set_new(rec, "findings", json_array());
	json_object_set_new(rec, "hits", json_object());
	return o->load ? bench_record_load(rec, o, NULL) : rec;
}
