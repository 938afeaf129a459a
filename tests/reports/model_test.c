/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Cells, medians, pairs: against numbers worked out by hand. */
#include "rep_test.h"

#include "nwb/mem.h"
#include "report_i.h"

#define check_near(a, b) nwb_check(fabs((a) - (b)) < 1e-9 * fabs(1.0 * (b)))

static void add(json_t *recs, json_t *rec)
{
	nwb_check_eq(json_array_append_new(recs, rec), 0);
}

static json_t *records(void)
{
	json_t *recs = json_array();

	nwb_check(recs != NULL);
	add(recs, session_rec());
	return recs;
}

static void build(struct rep_model *m, const json_t *recs)
{
	struct nwb_err err = {0};

	nwb_check_eq(rep_model_init(m, recs, &err), 0);
}

static const struct rep_cell *cell(const struct rep_model *m, const char *name)
{
	for (size_t i = 0; i < m->nr_cells; i++)
		if (!strcmp(m->cell[i].name, name))
			return &m->cell[i];
	nwb_check(!"cell is there");
	return NULL;
}

#define A "smbd.in-place.seq1m.none"
#define B "smbd.temp-page.seq1m.none"

static json_t *a_run(int pair, long long ns)
{
	return run_rec("in-place", "none", pair, "PASS", ns);
}

static json_t *b_run(int pair, long long ns)
{
	return run_rec("temp-page", "none", pair, "PASS", ns);
}

static struct rep_cmp compared(const json_t *recs)
{
	struct rep_model m;
	struct rep_cmp cmp;

	build(&m, recs);
	rep_compare(cell(&m, A), cell(&m, B), REP_MIB_S, &cmp);
	rep_model_fini(&m);
	return cmp;
}

NWB_TEST(report_model, derives_the_numbers_of_a_run)
{
	json_t *recs = records(), *run = a_run(0, 500000000);
	struct rep_model m;
	const double *x;

	json_object_set_new(run, "bytes", json_integer(4 << 20));
	json_object_set_new(run, "bytes_dirtied", json_integer(1000));
	json_object_set_new(run, "bytes_sent", json_integer(1500));
	json_object_set_new(run, "client_cpu_ns", json_integer(600));
	json_object_set_new(run, "server_cpu_ns", json_integer(200));
	json_object_set_new(run, "rpcs", json_integer(10));
	json_object_set_new(run, "write_rpcs", json_integer(6));
	json_object_set_new(run, "fsync_lat",
			    json_pack("{s:i, s:i}", "p50", 7, "p99", 9));
	add(recs, run);
	build(&m, recs);
	x = cell(&m, A)->m;
	check_near(x[REP_MIB_S], 8);
	check_near(x[REP_CPU_NS_MIB], 200);
	check_near(x[REP_RPCS_MIB], 2.5);
	check_near(x[REP_WRITES_MIB], 1.5);
	check_near(x[REP_SENT_RATIO], 1.5);
	check_near(x[REP_FSYNC_P50], 7);
	check_near(x[REP_FSYNC_P99], 9);
	nwb_check(isnan(x[REP_FSYNC_MAX]) && isnan(x[REP_WRITE_P50]));
	nwb_check(isnan(x[REP_TEMP_MAX]) && isnan(x[REP_RETRIES]));
	rep_model_fini(&m);
	json_decref(recs);
}

/* Half of a sum is not a sum; nothing divided by nothing is not 0. */
NWB_TEST(report_model, half_measured_is_not_measured)
{
	json_t *recs = records(), *run = a_run(0, 0);
	struct rep_model m;

	json_object_set_new(run, "client_cpu_ns", json_integer(600));
	json_object_set_new(run, "server_cpu_ns", json_null());
	add(recs, run);
	build(&m, recs);
	nwb_check(isnan(cell(&m, A)->m[REP_CPU_NS_MIB]));
	nwb_check(isnan(cell(&m, A)->m[REP_MIB_S]));
	nwb_check_eq(cell(&m, A)->nr[REP_MIB_S], 0);
	rep_model_fini(&m);
	json_decref(recs);
}

NWB_TEST(report_model, medians_and_peaks)
{
	static const long long ns[] = {1000000000, 100000000, 500000000};
	json_t *recs = records();
	struct rep_model m;

	for (int i = 0; i < 3; i++) {
		json_t *run = a_run(i, ns[i]);

		json_object_set_new(run, "temp_bytes_max",
				    json_integer(i == 1 ? 9 : i));
		add(recs, run);
	}
	build(&m, recs);
	check_near(cell(&m, A)->m[REP_MIB_S], 2);
	check_near(cell(&m, A)->m[REP_TEMP_MAX], 9);
	rep_model_fini(&m);
	json_decref(recs);
}

NWB_TEST(report_model, bench_runs_speak_for_a_cell_that_has_both)
{
	json_t *recs = records(), *run = a_run(0, 1000000000);
	struct rep_model m;

	json_object_set_new(run, "level", json_string("check"));
	add(recs, run);
	build(&m, recs);
	nwb_check(cell(&m, A)->is_check);
	check_near(cell(&m, A)->m[REP_MIB_S], 1);
	rep_model_fini(&m);
	run = a_run(0, 250000000);
	json_object_set_new(run, "level", json_string("bench"));
	add(recs, run);
	build(&m, recs);
	nwb_check(!cell(&m, A)->is_check);
	nwb_check_eq(cell(&m, A)->nr_runs, 2);
	check_near(cell(&m, A)->m[REP_MIB_S], 4);
	rep_model_fini(&m);
	json_decref(recs);
}

NWB_TEST(report_model, a_cell_is_as_bad_as_its_worst_run)
{
	/* From good to bad; SKIP is no verdict about those that ran. */
	static const char *const worse[] = {
		"SKIP",	   "not judged",      "PASS", "KNOWN", "INCONCLUSIVE",
		"VACUOUS", "UNEXPECTED-PASS", "FAIL"};
	json_t *recs = records();

	for (int i = 0; i < 8; i++) {
		struct rep_model m;

		add(recs, run_rec("in-place", "none", i, worse[i], 1000));
		add(recs, run_rec("in-place", "none", 9, "SKIP", 1000));
		build(&m, recs);
		nwb_check_eq(m.nr_cells, 1);
		nwb_check_streq(rep_verdict_name(m.cell[0].verdict), worse[i]);
		nwb_check_eq(m.cells_by_verdict[m.cell[0].verdict], 1);
		nwb_check_eq(m.cell[0].nr_ran, i);
		rep_model_fini(&m);
	}
	json_decref(recs);
}

/* Six pairs of ratios 1.1 .. 1.6: the interval is their range, the estimate
 * the median of their 21 Walsh averages. */
NWB_TEST(report_model, six_pairs_give_an_interval_and_five_do_not)
{
	json_t *recs = records();
	struct rep_cmp cmp;

	for (int i = 0; i < 5; i++) {
		/* Throughput: the slower arm is the smaller number. */
		add(recs, a_run(i, 1000000 * (i + 1)));
		add(recs, b_run(i, 100000 * (i + 1) * (11 + i)));
	}
	cmp = compared(recs);
	nwb_check_eq(cmp.pairs, 5);
	check_near(cmp.ratio, sqrt(1.2 * 1.4));
	nwb_check(isnan(cmp.lo) && isnan(cmp.hi));
	add(recs, a_run(5, 6000000));
	add(recs, b_run(5, 600000 * 16));
	cmp = compared(recs);
	nwb_check_eq(cmp.pairs, 6);
	check_near(cmp.ratio, sqrt(1.2 * 1.5));
	check_near(cmp.lo, 1.1);
	check_near(cmp.hi, 1.6);
	json_decref(recs);
}

/* Pairs drift together, so medians would say nothing and pairs say 2. */
NWB_TEST(report_model, compares_within_pairs_and_not_medians)
{
	json_t *recs = records();
	struct rep_cmp cmp;

	for (int i = 7; i >= 0; i--) {
		add(recs, b_run(i, 2000000ll << (3 * i)));
		add(recs, a_run((i + 5) % 8, 1000000ll << (3 * ((i + 5) % 8))));
	}
	cmp = compared(recs);
	nwb_check_eq(cmp.pairs, 8);
	check_near(cmp.ratio, 2);
	check_near(cmp.lo, 2);
	check_near(cmp.hi, 2);
	json_decref(recs);
}

NWB_TEST(report_model, only_sound_runs_make_pairs)
{
	static const char *const verdict[] = {
		"PASS", "KNOWN", "UNEXPECTED-PASS", "not judged",
		"FAIL", "SKIP",	 "INCONCLUSIVE",    "VACUOUS"};
	json_t *recs = records();
	struct rep_cmp cmp;

	for (int i = 0; i < 8; i++) {
		add(recs, run_rec("in-place", "none", i, verdict[i], 1000000));
		add(recs, b_run(i, i < 4 ? 2000000 : 77));
	}
	/* No partner, no index, not measured. */
	add(recs, a_run(20, 77));
	add(recs, b_run(21, 77));
	add(recs, a_run(-1, 77));
	add(recs, b_run(-1, 77));
	add(recs, a_run(22, 0));
	add(recs, b_run(22, 77));
	cmp = compared(recs);
	nwb_check_eq(cmp.pairs, 4);
	check_near(cmp.ratio, 2);
	check_near(cmp.a, 1e9 / 1000000);
	check_near(cmp.b, 1e9 / 2000000);
	json_decref(recs);
}

NWB_TEST(report_model, of_a_repeated_run_the_last_sound_one_counts)
{
	json_t *recs = records();
	struct rep_cmp cmp;

	add(recs, a_run(0, 77));
	add(recs, b_run(0, 3000000));
	add(recs, a_run(0, 1000000));
	add(recs, run_rec("in-place", "none", 0, "FAIL", 55));
	cmp = compared(recs);
	nwb_check_eq(cmp.pairs, 1);
	check_near(cmp.ratio, 3);
	json_decref(recs);
}

NWB_TEST(report_model, levels_are_not_mixed_in_a_pair)
{
	json_t *recs = records(), *run = a_run(0, 1000000);
	struct rep_cmp cmp;

	json_object_set_new(run, "level", json_string("check"));
	add(recs, run);
	add(recs, b_run(0, 2000000));
	cmp = compared(recs);
	nwb_check_eq(cmp.pairs, 0);
	nwb_check(isnan(cmp.ratio) && isnan(cmp.a) && isnan(cmp.b));
	run = b_run(0, 4000000);
	json_object_set_new(run, "level", json_string("check"));
	add(recs, run);
	cmp = compared(recs);
	nwb_check_eq(cmp.pairs, 1);
	check_near(cmp.ratio, 4);
	json_decref(recs);
}

NWB_TEST(report_model, more_pairs_than_the_statistic_takes_are_counted)
{
	json_t *recs = records();
	struct rep_cmp cmp;
	char *text;

	for (int i = 0; i < 70; i++) {
		add(recs, a_run(i, 1000000));
		add(recs, b_run(i, 2000000));
	}
	cmp = compared(recs);
	nwb_check_eq(cmp.pairs, 64);
	nwb_check_eq(cmp.unused, 6);
	text = render(recs, NWB_REPORT_MODES);
	nwb_check(strstr(text, "6 pairs beyond the first") != NULL);
	free(text);
	json_decref(recs);
}

NWB_TEST(report_model, too_many_runs_of_a_cell_are_an_error)
{
	struct nwb_err err = {0};
	json_t *recs = records();
	struct rep_model m;

	for (int i = 0; i < REP_RUNS_MAX; i++)
		add(recs, a_run(i, 1000000));
	build(&m, recs);
	rep_model_fini(&m);
	add(recs, a_run(0, 1000000));
	nwb_check_eq(rep_model_init(&m, recs, &err), -E2BIG);
	nwb_check(strstr(err.text, A) != NULL);
	rep_model_fini(&m);
	nwb_check_eq(nwb_report_junit(recs, stdout, &err), -E2BIG);
	nwb_check_eq(nwb_report_text(recs, stdout, NWB_REPORT_ALL, NULL, &err),
		     -E2BIG);
	json_decref(recs);
}

/* A ratio to nothing is no ratio, however exactly the nothing was measured. */
NWB_TEST(report_model, a_zero_makes_no_pair)
{
	json_t *recs = records();
	struct rep_model m;
	struct rep_cmp cmp;

	for (int i = 0; i < 2; i++) {
		json_t *run = i ? a_run(0, 1000) : b_run(0, 1000);

		json_object_set_new(run, "client_cpu_ns", json_integer(i));
		json_object_set_new(run, "server_cpu_ns", json_integer(0));
		add(recs, run);
	}
	build(&m, recs);
	check_near(cell(&m, A)->m[REP_CPU_NS_MIB], 1);
	nwb_check(cell(&m, B)->m[REP_CPU_NS_MIB] == 0);
	rep_compare(cell(&m, A), cell(&m, B), REP_CPU_NS_MIB, &cmp);
	nwb_check_eq(cmp.pairs, 0);
	rep_model_fini(&m);
	json_decref(recs);
}

NWB_TEST(report_model, names_come_in_order)
{
	json_t *obj = json_pack("{s:i, s:i, s:i}", "b", 1, "c", 2, "a", 3);
	const char **keys = rep_keys(obj);

	nwb_check(keys != NULL);
	nwb_check_streq(keys[0], "a");
	nwb_check_streq(keys[1], "b");
	nwb_check_streq(keys[2], "c");
	nwb_check(keys[3] == NULL);
	nwb_free(keys);
	json_decref(obj);
	keys = rep_keys(NULL);
	nwb_check(keys && !keys[0]);
	nwb_free(keys);
}

/* Each allocation of its own in turn; jansson's are not ours to fail. */
NWB_TEST(report_model, without_memory_it_says_so_and_leaks_nothing)
{
	json_t *recs = load(GOLDEN("run.jsonl"));
	uint64_t live = nwb_mem_live();
	FILE *out = fopen("/dev/null", "w");
	int r = -ENOMEM, nth = 0;

	nwb_check(out != NULL);
	while (r) {
		struct nwb_err err = {0};

		nwb_mem_fail_at(++nth, 1);
		r = nwb_report_text(recs, out, NWB_REPORT_ALL, NULL, &err);
		nwb_mem_fail_at(0, 0);
		nwb_check(!r || (r == -ENOMEM && err.text[0]));
		nwb_check_eq(nwb_mem_live(), live);
		nwb_check(nth < 100);
	}
	/* Runs, cells, rows, and the sorted names of several objects. */
	nwb_check(nth > 10);
	fclose(out);
	json_decref(recs);
}
