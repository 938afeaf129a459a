/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Open-loop latency: rows of the model, and what the formats say.
 * golden/latency.txt belongs to golden/latency.jsonl; it is made again by hand
 * only ("netwb report" on a copy) and read before it is committed.
 */
#include "rep_test.h"

#include "load_i.h"
#include "nwb/mem.h"

/* One run; @rate 0: the closed loop. Its p99 of response is @p99_ns. */
static json_t *latency_rec(const char *subject, const char *step, int rate,
			   int pair, double p99_ns)
{
	json_t *r = json_pack(
		"{s:i,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:i,s:s,s:i,s:i,s:i,s:i,"
		"s:f}",
		"v", 1, "type", "latency", "case", "smbd.x.seq4k.none",
		"server", "smbd", "subject", subject, "workload", "seq4k",
		"fault", "none", "step", step, "side",
		strcmp(subject, "in-place") ? "B" : "A", "pair", pair,
		"arrival", "fixed", "op_bytes", 4096, "fsync_every", 0, "depth",
		32, "n", 10000, "achieved_ops_s", rate ? rate : 5000.0);

	nwb_check(r != NULL);
	json_object_set_new(r, "verdict", json_string("PASS"));
	if (!rate)
		return r;
	json_object_set_new(r, "rate_ops_s", json_integer(rate));
	json_object_set_new(r, "refused", json_integer(100));
	json_object_set_new(r, "response",
			    json_pack("{s:i,s:f,s:[i,i,i,i]}", "n", 10000,
				      "p99", p99_ns, "bins", 1000, 9000,
				      2000 + 64 * pair, 1000));
	return r;
}

static json_t *session_of(json_t *middle)
{
	json_t *recs = json_array();

	json_array_append_new(recs, session_rec());
	json_array_extend(recs, middle);
	json_array_append_new(recs, end_rec(0));
	json_decref(middle);
	return recs;
}

static struct rep_load loaded(const json_t *recs)
{
	struct rep_load l;
	struct nwb_err err = {0};

	nwb_check_eq(rep_load_init(&l, recs, &err), 0);
	return l;
}

NWB_TEST(report_latency, rows_are_medians_of_a_rate_and_a_side)
{
	json_t *recs, *m = json_array();
	struct rep_load l;

	for (int pair = 1; pair <= 3; pair++) {
		json_array_append_new(
			m, latency_rec("temp-page", "load", 900, pair, 5e6));
		json_array_append_new(m, latency_rec("in-place", "load", 900,
						     pair, pair * 1e6));
		json_array_append_new(m, latency_rec("in-place", "load", 500,
						     pair, pair * 2e6));
	}
	json_array_append_new(m, latency_rec("in-place", "knee", 0, 1, 0));
	json_array_append_new(m, latency_rec("in-place", "knee", 4000, 2, 9e6));
	recs = session_of(m);
	l = loaded(recs);
	nwb_check_eq(l.nr, 1);
	nwb_check_eq(l.group[0].nr_steps, 2);
	nwb_check_eq(l.group[0].nr, 3);
	nwb_check(l.group[0].closed == 5000);
	nwb_check(l.row[0].rate == 500 && l.row[0].v[REP_LOAD_P99] == 4e6);
	nwb_check_streq(l.row[1].subject, "in-place");
	nwb_check(l.row[1].rate == 900 && l.row[1].v[REP_LOAD_P99] == 2e6);
	nwb_check_streq(l.row[2].subject, "temp-page");
	nwb_check(l.row[2].v[REP_LOAD_REFUSED] == 0.01);
	nwb_check_eq(l.row[2].nr, 3);
	nwb_check_eq(l.by_verdict[REP_PASS], 11);
	rep_load_fini(&l);
	json_decref(recs);
}

/* One run too short for a percentile makes the row's n.m.; a run that could
 * not be made does not. */
NWB_TEST(report_latency, too_few_is_not_measured)
{
	json_t *recs, *few, *none, *m = json_array();
	struct rep_load l;

	few = latency_rec("in-place", "load", 500, 2, 1e6);
	json_object_set_new(json_object_get(few, "response"), "p99",
			    json_null());
	none = latency_rec("in-place", "load", 900, 1, 1e6);
	json_object_del(none, "response");
	json_object_del(none, "n");
	json_object_set_new(none, "verdict", json_string("INCONCLUSIVE"));
	json_array_append_new(m, latency_rec("in-place", "load", 500, 1, 1e6));
	json_array_append_new(m, few);
	json_array_append_new(m, none);
	json_array_append_new(m, latency_rec("in-place", "load", 900, 2, 7e6));
	recs = session_of(m);
	l = loaded(recs);
	nwb_check_eq(l.nr_rows, 2);
	nwb_check(isnan(l.row[0].v[REP_LOAD_P99]));
	nwb_check(l.row[1].v[REP_LOAD_P99] == 7e6);
	nwb_check_eq(l.row[1].verdict, REP_INCONCLUSIVE);
	rep_load_fini(&l);
	json_decref(recs);
}

NWB_TEST(report_latency, bins_of_all_runs_of_a_row_are_one_histogram)
{
	json_t *recs, *m = json_array();
	struct rep_load l;
	struct rep_lat h;

	json_array_append_new(m, latency_rec("in-place", "load", 500, 1, 1e6));
	json_array_append_new(m, latency_rec("in-place", "load", 500, 2, 1e6));
	recs = session_of(m);
	l = loaded(recs);
	nwb_check_eq(rep_load_hist(&l.row[0], "response", &h), 0);
	nwb_check_eq(h.nr, 3);
	nwb_check(h.n == 20000);
	nwb_check(h.bin[0].low_ns == 1000 && h.bin[0].count == 18000);
	nwb_check(h.bin[2].low_ns == 2128 && h.bin[2].count == 1000);
	rep_lat_fini(&h);
	nwb_check_eq(rep_load_hist(&l.row[0], "durable", &h), 0);
	nwb_check_eq(h.nr, 0);
	rep_load_fini(&l);
	json_decref(recs);
}

/* Different ways to write are different tables. */
NWB_TEST(report_latency, what_differs_is_not_mixed)
{
	static const char *const key[] = {"fsync_every", "op_bytes", "depth"};
	json_t *recs, *m = json_array();
	struct rep_load l;

	json_array_append_new(m, latency_rec("in-place", "load", 500, 1, 1e6));
	for (size_t i = 0; i < NWB_ARRAY_SIZE(key); i++) {
		json_t *r = latency_rec("in-place", "load", 500, 1, 1e6);

		json_object_set_new(r, key[i], json_integer(8));
		json_array_append_new(m, r);
	}
	recs = session_of(m);
	l = loaded(recs);
	nwb_check_eq(l.nr, 4);
	rep_load_fini(&l);
	json_decref(recs);
}

/* Nothing that was run is left out: a bad run, a step too, is told with its
 * reason and how to repeat it. */
NWB_TEST(report_latency, bad_runs_are_listed)
{
	json_t *recs, *bad, *m = json_array();
	char *text;

	bad = latency_rec("in-place", "knee", 800, 1, 1e6);
	json_object_set_new(bad, "verdict", json_string("FAIL"));
	json_object_set_new(bad, "reason",
			    json_string("O1 LOST: <b>&\"it\x7f is gone"));
	json_object_set_new(bad, "repro", json_string("netwb latency --again"));
	json_array_append_new(m, bad);
	recs = session_of(m);
	text = render(recs, NWB_REPORT_ALL);
	nwb_check(has(text, "1 latency runs: FAIL 1"));
	nwb_check(has(text, "FAIL smbd.x.seq4k.none, 800: O1 LOST: <b>&\"it? "
			    "is gone"));
	nwb_check(has(text, "  netwb latency --again\n"));
	check_columns(text);
	free(text);
	json_decref(recs);
}

static char *page(const json_t *recs)
{
	struct nwb_err err = {0};
	char *buf = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&buf, &len);

	nwb_check(f != NULL);
	nwb_check_eq(nwb_report_html(recs, f, NULL, &err), 0);
	nwb_check_eq(fclose(f), 0);
	check_page(buf);
	return buf;
}

/* Odd records: no numbers at all, one write, no rate, names from hell. */
NWB_TEST(report_latency, the_page_survives_odd_records)
{
	static const char *const evil = "\"><b>&'\x01";
	json_t *recs, *r, *m = json_array();
	char *text;

	r = latency_rec(evil, "load", 1, 1, 1);
	json_object_set_new(r, "reason", json_string(evil));
	json_object_set_new(r, "repro", json_string(evil));
	json_object_set_new(r, "case", json_string(evil));
	json_object_set_new(r, "server", json_string(evil));
	json_object_set_new(r, "workload", json_string(evil));
	json_object_set_new(r, "fault", json_string(evil));
	json_object_set_new(r, "verdict", json_string("FAIL"));
	json_array_append_new(m, r);
	r = latency_rec("in-place", "load", 7, 1, 1);
	json_object_del(r, "rate_ops_s");
	json_object_set_new(r, "knee_ops_s", json_integer(0));
	json_array_append_new(m, r);
	r = latency_rec("in-place", "load", 9, 1, 1);
	json_object_set_new(r, "response",
			    json_pack("{s:[i,i,i]}", "bins", 0, 1, 5));
	json_object_set_new(r, "n", json_integer(0));
	json_array_append_new(m, r);
	r = latency_rec("raw-cold", "load", 9, 1, 1);
	json_object_set_new(r, "response",
			    json_pack("{s:[f,f]}", "bins", 1e300, 1e300));
	json_array_append_new(m, r);
	recs = session_of(m);
	text = page(recs);
	nwb_check(!has(text, "<b>&'"));
	nwb_check(has(text, "&quot;&gt;&lt;b&gt;&amp;"));
	free(text);
	text = render(recs, NWB_REPORT_ALL);
	check_columns(text);
	free(text);
	json_decref(recs);
}

NWB_TEST(report_latency, golden)
{
	struct nwb_err err = {0};
	json_t *recs = NULL;
	char *text, *want = slurp(GOLDEN("latency.txt"), NULL);

	nwb_check_eq(nwb_store_load(GOLDEN("latency.jsonl"), &recs, &err), 0);
	text = render(recs, NWB_REPORT_LOAD);
	check_columns(text);
	nwb_check_streq(text, want);
	free(text);
	free(want);
	json_decref(recs);
}
