/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What one-run printed, or why that is no measurement. Fails closed: a field
 * that is missing or of the wrong type makes the run count for nothing, never
 * a number.
 */
#include "gate_i.h"
#include "one_run.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const struct gate_metric gate_metrics[GATE_METRICS] = {
	[GATE_CPU] = {"cpu_ns_mib", "cpu", "ns/MiB", NWB_BETTER_LOWER,
		      NWB_GATE_DELTA_CPU},
	[GATE_THROUGHPUT] = {"mib_s", "wall", "MiB/s", NWB_BETTER_HIGHER,
			     NWB_GATE_DELTA_WALL},
	[GATE_P99] = {"write_p99_ns", "p99", "ns", NWB_BETTER_LOWER,
		      NWB_GATE_DELTA_WALL},
};

static int missing(struct nwb_err *err, const char *what)
{
	return nwb_err_set(err, -EPROTO, "one-run's answer has no %s", what);
}

static bool is_count(const json_t *v)
{
	return json_is_integer(v) && json_integer_value(v) >= 0;
}

static uint64_t count(const json_t *o, const char *key)
{
	json_t *v = json_object_get(o, key);

	return is_count(v) ? (uint64_t)json_integer_value(v) : UINT64_MAX;
}

static int parse_meters(const json_t *m, struct gate_run *r,
			struct nwb_err *err)
{
	if (!json_is_object(m))
		return missing(err, "meters");
	r->meters = (struct bench_meters){
		.wall_ns = count(m, "wall_ns"),
		.psi_ns = count(m, "psi_ns"),
		.steal_ns = count(m, "steal_ns"),
		.majflt = count(m, "majflt"),
		.nivcsw = count(m, "nivcsw"),
	};
	if (r->meters.wall_ns == UINT64_MAX || r->meters.majflt == UINT64_MAX)
		return missing(err, "wall_ns and majflt among its meters");
	return 0;
}

static void parse_metrics(const json_t *all, const json_t *run,
			  struct gate_run *r, uint64_t bytes)
{
	double mib = (double)bytes / (double)NWB_MIB;
	uint64_t cpu = count(all, "cpu_ns");
	json_t *lat = json_object_get(run, "write_lat");
	uint64_t p99 = count(lat, "p99");

	if (cpu != UINT64_MAX && cpu)
		r->metric[GATE_CPU] = (double)cpu / mib;
	r->metric[GATE_THROUGHPUT] =
		mib / ((double)r->durable_ns / (double)NWB_SEC);
	r->samples = count(lat, "n");
	if (r->samples == UINT64_MAX)
		r->samples = 0;
	if (p99 != UINT64_MAX && p99)
		r->metric[GATE_P99] = (double)p99;
}

static int parse_run(const json_t *all, struct gate_run *r, struct nwb_err *err)
{
	json_t *run = json_object_get(all, "run");
	json_t *v = json_object_get(run, "verdict");
	json_t *why = json_object_get(run, "reason");
	uint64_t bytes = count(run, "bytes");

	if (!json_is_object(run))
		return missing(err, "run");
	if (!v || (!json_is_string(v) && !json_is_null(v)))
		return missing(err, "verdict");
	snprintf(r->verdict, sizeof(r->verdict), "%s",
		 json_is_string(v) ? json_string_value(v) : "");
	if (r->verdict[0] && strcmp(r->verdict, "PASS") != 0 &&
	    strcmp(r->verdict, "KNOWN") != 0)
		return nwb_err_set(err, -EBADMSG, "%s: %.180s", r->verdict,
				   json_is_string(why) ? json_string_value(why)
						       : "");
	if (json_is_string(json_object_get(all, "final")))
		return nwb_err_set(
			err, -EBADMSG, "the last fsync failed: %s",
			json_string_value(json_object_get(all, "final")));
	r->durable_ns = count(run, "durable_ns");
	if (!bytes || bytes == UINT64_MAX || !r->durable_ns ||
	    r->durable_ns == UINT64_MAX)
		return missing(err, "bytes and durable_ns: nothing was "
				    "measured");
	parse_metrics(all, run, r, bytes);
	return 0;
}

int gate_parse_run(const char *text, struct gate_run *r, struct nwb_err *err)
{
	json_error_t je;
	json_t *all = json_loads(text, JSON_REJECT_DUPLICATES, &je), *v;
	int rc;

	for (unsigned int i = 0; i < GATE_METRICS; i++)
		r->metric[i] = NAN;
	if (!all)
		return nwb_err_set(err, -EPROTO,
				   "one-run's answer is no JSON: %.80s",
				   je.text);
	v = json_object_get(all, "one_run");
	if (!json_is_integer(v))
		rc = missing(err, "version");
	else if (json_integer_value(v) != NWB_ONE_RUN_VERSION)
		rc = nwb_err_set(
			err, -EPROTO, "one-run speaks version %lld, this is %d",
			(long long)json_integer_value(v), NWB_ONE_RUN_VERSION);
	else
		rc = parse_meters(json_object_get(all, "meters"), r, err);
	v = json_object_get(all, "build");
	if (json_is_string(v))
		snprintf(r->build, sizeof(r->build), "%.90s",
			 json_string_value(v));
	if (!rc)
		rc = parse_run(all, r, err);
	if (!rc)
		r->record = json_incref(json_object_get(all, "run"));
	json_decref(all);
	return rc;
}
