/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A run by a schedule as a latency record: what its run record holds of who,
 * how and verdict, and what the generator measured.
 */
#include "bench_i.h"

#include <stdio.h>
#include <string.h>

void bench_load_args(const struct bench_run_opts *o, char *buf, size_t size)
{
	const struct nwb_openloop_opts *ol = &o->load->ol;
	char sync[40] = "";

	if (ol->sync_every)
		snprintf(sync, sizeof(sync), " --fsync-every %u",
			 ol->sync_every);
	snprintf(buf, size,
		 " --block %u --rate %llu --ops %llu --outstanding %u%s%s "
		 "--pairs 1",
		 o->workload->block, (unsigned long long)ol->rate,
		 (unsigned long long)(o->bytes / o->workload->block),
		 ol->outstanding, sync, ol->is_poisson ? " --poisson" : "");
}

static json_t *number(uint64_t v)
{
	return json_integer((json_int_t)v);
}

/* A percentile of too few samples is one of them, and no percentile. */
static json_t *percentile(const struct nwb_hist *h, double q, uint64_t least)
{
	return h->count < least ? json_null() : number(nwb_hist_quantile(h, q));
}

static json_t *latency(const struct nwb_hist *h)
{
	json_t *lat = bench_record_latency(h);

	if (!h->count)
		return lat;
	json_object_set_new(lat, "p50", percentile(h, 0.5, 200));
	json_object_set_new(lat, "p90", percentile(h, 0.9, 1000));
	json_object_set_new(lat, "p99",
			    percentile(h, 0.99, NWB_OPENLOOP_P99_MIN));
	/* shown, never gated */
	json_object_set_new(lat, "p999",
			    percentile(h, 0.999, NWB_OPENLOOP_P99_MIN));
	json_object_set_new(lat, "mean", number(h->sum / h->count));
	return lat;
}

static void measured(json_t *rec, const struct bench_run_opts *o,
		     const struct bench_run_result *r)
{
	const struct nwb_openloop_result *l = &r->load;
	uint64_t span = r->work.durable_ns;

	json_object_set_new(
		rec, "achieved_ops_s",
		json_real((double)l->nr_done * (double)NWB_SEC / (double)span));
	json_object_set_new(rec, "span_ns", number(span));
	json_object_set_new(rec, "n", number(l->nr_ops));
	json_object_set_new(rec, "errors", number(l->nr_errors));
	json_object_set_new(rec, "unfinished", number(l->nr_unfinished));
	json_object_set_new(rec, "not_durable", number(l->nr_not_durable));
	json_object_set_new(rec, "service", latency(&l->service));
	json_object_set_new(rec, "durable", latency(&l->durable));
	if (!o->load->ol.rate)
		return; /* nobody was late: nothing was due */
	json_object_set_new(rec, "refused", number(l->nr_refused));
	json_object_set_new(rec, "backlog_max", number(l->backlog_max));
	json_object_set_new(rec, "lag_max_ns", number(l->lag_max_ns));
	if (l->nr_done)
		json_object_set_new(rec, "lag_avg_ns",
				    number(l->lag_sum_ns / l->nr_done));
	json_object_set_new(rec, "response", latency(&l->response));
}

json_t *bench_record_load(json_t *run, const struct bench_run_opts *o,
			  const struct bench_run_result *r)
{
	static const char *const same[] = {
		"v",	    "server",	     "subject",	      "workload",
		"fault",    "pair",	     "order",	      "seed",
		"repro",    "verdict",	     "reason",	      "hits",
		"findings", "client_cpu_ns", "server_cpu_ns", "bytes",
		"allocs",   "options",	     "flavour",	      "hazards",
		"retry",
	};
	const struct bench_load *b = o->load;
	char side[2] = {b->side};
	json_t *rec =
		json_pack("{s:s,s:O,s:s,s:s,s:s,s:I,s:I,s:I}", "type",
			  "latency", "case", json_object_get(run, "cell"),
			  "side", side, "step", b->is_step ? "knee" : "load",
			  "arrival", b->ol.is_poisson ? "poisson" : "fixed",
			  "op_bytes", (json_int_t)o->workload->block, "depth",
			  (json_int_t)b->ol.outstanding, "fsync_every",
			  (json_int_t)b->ol.sync_every);

	for (size_t i = 0; i < NWB_ARRAY_SIZE(same); i++)
		if (json_object_get(run, same[i]))
			json_object_set(rec, same[i],
					json_object_get(run, same[i]));
	json_decref(run);
	/* null: a closed loop, as fast as it goes */
	json_object_set_new(rec, "rate_ops_s",
			    b->ol.rate ? number(b->ol.rate) : json_null());
	if (b->knee) {
		json_object_set_new(rec, "knee_ops_s", number(b->knee));
		json_object_set_new(
			rec, "share",
			json_real((double)b->ol.rate / (double)b->knee));
	}
	if (r && r->work.durable_ns)
		measured(rec, o, r);
	return rec;
}
