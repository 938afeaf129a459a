/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The parts of a run's record that are not single numbers: latency histograms,
 * the time line, what each fault cost. All of it is made after the window.
 */
#include "bench_i.h"

#include "nwb/timeline.h"

static json_t *number(uint64_t v)
{
	return v == NWB_TL_NONE ? json_null() : json_integer((json_int_t)v);
}

json_t *bench_record_latency(const struct nwb_hist *h)
{
	json_t *lat, *bins;

	if (!h->count)
		return json_null();
	bins = json_array();
	for (unsigned int i = 0; i < NWB_HIST_NR; i++) {
		if (!h->bin[i])
			continue;
		json_array_append_new(
			bins, json_integer((json_int_t)nwb_hist_bucket_low(i)));
		json_array_append_new(bins, json_integer(h->bin[i]));
	}
	lat = json_pack("{s:I,s:I,s:I,s:I}", "n", (json_int_t)h->count, "p50",
			(json_int_t)nwb_hist_quantile(h, 0.5), "p99",
			(json_int_t)nwb_hist_quantile(h, 0.99), "max",
			(json_int_t)h->max);
	json_object_set_new(lat, "bins", bins);
	return lat;
}

static json_t *bytes(const struct nwb_timeline *tl, const uint64_t *bin)
{
	json_t *a = json_array();

	for (unsigned int i = 0; i < tl->nr_bins; i++)
		json_array_append_new(a, json_integer((json_int_t)bin[i]));
	return a;
}

static json_t *series(const struct nwb_timeline *tl)
{
	json_t *acked = tl->has_acks ? bytes(tl, tl->acked) : json_null();

	if (!tl->nr_bins)
		return json_null();
	return json_pack("{s:I,s:I,s:s,s:o,s:o,s:o}", "bin_ns",
			 (json_int_t)tl->bin_ns, "span_ns",
			 (json_int_t)tl->span_ns, "acked_by",
			 tl->is_by_server ? "server" : "client", "written",
			 bytes(tl, tl->written), "acked", acked, "durable",
			 bytes(tl, tl->durable));
}

static json_t *marks(const struct nwb_timeline *tl, const struct nwb_plan *plan)
{
	json_t *a = json_array();

	for (unsigned int i = 0; i < tl->nr_marks; i++) {
		const struct nwb_tl_mark *m = &tl->mark[i];
		json_t *j = json_pack("{s:I,s:s}", "t_ns", (json_int_t)m->t_ns,
				      "kind", nwb_tl_kind_name(m->kind));

		if (m->kind == NWB_TL_FAULT && plan)
			json_object_set_new(
				j, "rule",
				json_string(plan->rule[m->rule].name));
		json_array_append_new(a, j);
	}
	return a;
}

static json_t *faults(const struct nwb_timeline *tl,
		      const struct nwb_plan *plan)
{
	json_t *o = json_object();

	for (unsigned int i = 0; plan && i < tl->nr_rules; i++) {
		const struct nwb_tl_rule *r = &tl->rule[i];

		json_object_set_new(o, plan->rule[i].name,
				    json_pack("{s:o,s:o,s:o,s:o,s:o,s:o}",
					      "hits", number(r->hits),
					      "first_ns", number(r->first_ns),
					      "recovered", number(r->recovered),
					      "recovery_ns",
					      number(r->recovery_ns), "retries",
					      number(r->retries), "bytes_again",
					      number(r->bytes_again)));
	}
	return o;
}

void bench_record_timeline(json_t *rec, const struct nwb_timeline *tl,
			   const struct nwb_plan *plan)
{
	if (!tl->nr_bins)
		return;
	json_object_set_new(rec, "series", series(tl));
	json_object_set_new(rec, "marks", marks(tl, plan));
	json_object_set_new(rec, "marks_left_out", number(tl->marks_left_out));
	json_object_set_new(rec, "faults", faults(tl, plan));
	json_object_set_new(rec, "drain_ns", number(tl->drain_ns));
}
