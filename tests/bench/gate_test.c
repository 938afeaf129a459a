/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The gate without processes: made-up runs go in, decisions come out. What a
 * session needs of the rest of the program is faked at the end.
 */
#include "../../bench/gate_i.h"

#include "nwb_test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool recurring;
static unsigned int nr_told;

/* --- streams -------------------------------------------------------------- */

static struct gate_case a_case = {.name = "fake.seq4k"};

static void stream_init(struct gate_stream *st, enum gate_role role)
{
	memset(st, 0, sizeof(*st));
	st->c = &a_case;
	st->role = role;
	st->psi_limit = 0.9;
	for (unsigned int i = 0; i < GATE_METRICS; i++)
		nwb_gate_rule_init(&st->m[i].rule, gate_metrics[i].floor);
	st->want = 10;
	st->last = 30;
}

static struct gate_run run_of(double cpu, double mib_s)
{
	return (struct gate_run){
		.metric = {cpu, mib_s, 1000.0},
		.samples = 20000,
		.durable_ns = 100 * NWB_MSEC,
		.meters = {.wall_ns = 100 * NWB_MSEC, .psi_ns = NWB_MSEC},
	};
}

/* Pairs in which B costs @cpu times as much, a little more or less each. */
static void add_pairs(struct gate_stream *st, unsigned int nr, double cpu,
		      double mib_s)
{
	for (unsigned int i = 0; i < nr && !st->is_done; i++) {
		double wobble = 1.0 + 0.002 * ((int)(st->nr_run % 7) - 3);
		struct gate_run a = run_of(1e6, 500.0);
		struct gate_run b =
			run_of(1e6 * cpu * wobble, 500.0 * mib_s * wobble);

		nwb_check(!gate_stream_add(st, &a, &b));
		gate_stream_look(st);
	}
}

NWB_TEST(gate_decide, equal_sides_are_the_same_at_the_first_look)
{
	struct gate_stream st;

	stream_init(&st, GATE_MEASURE);
	add_pairs(&st, 9, 1.0, 1.0);
	nwb_check(!st.is_done);
	nwb_check(!st.m[GATE_CPU].is_decided);
	add_pairs(&st, 30, 1.0, 1.0);
	nwb_check(st.is_done);
	nwb_check_eq(st.nr_run, 10);
	nwb_check_eq(st.m[GATE_CPU].dec.verdict, NWB_GATE_SAME);
	nwb_check_eq(st.m[GATE_THROUGHPUT].dec.verdict, NWB_GATE_SAME);
	nwb_check_eq(st.m[GATE_P99].dec.verdict, NWB_GATE_SAME);
}

NWB_TEST(gate_decide, costs_and_rates_point_the_right_way)
{
	struct gate_stream st;

	stream_init(&st, GATE_MEASURE);
	add_pairs(&st, 30, 1.2, 1.3); /* dearer, and faster */
	nwb_check_eq(st.nr_run, 10);
	nwb_check_eq(st.m[GATE_CPU].dec.verdict, NWB_GATE_WORSE);
	nwb_check_eq(st.m[GATE_THROUGHPUT].dec.verdict, NWB_GATE_BETTER);
}

NWB_TEST(gate_decide, an_undecided_metric_keeps_its_stream_going)
{
	struct gate_stream st;
	const double cost[] = {1.12, 1.01, 1.10, 0.99, 1.13};

	stream_init(&st, GATE_MEASURE);
	for (unsigned int i = 0; i < 60 && !st.is_done; i++) {
		struct gate_run a = run_of(1e6, 500.0);
		struct gate_run b = run_of(1e6 * cost[i % 5], 500.0);

		nwb_check(!gate_stream_add(&st, &a, &b));
		gate_stream_look(&st);
	}
	nwb_check(st.is_done);
	nwb_check_eq(st.nr_run, 30);
	nwb_check_eq(st.m[GATE_CPU].dec.n, 30);
	/* what was decided at ten pairs stays decided by those ten */
	nwb_check_eq(st.m[GATE_THROUGHPUT].dec.n, 10);
}

NWB_TEST(gate_decide, below_eight_pairs_nothing_is_decided)
{
	struct gate_stream st;

	stream_init(&st, GATE_MEASURE);
	st.want = st.last = 3;
	add_pairs(&st, 10, 2.0, 0.5);
	nwb_check(st.is_done);
	nwb_check_eq(st.nr_run, 3);
	nwb_check_eq(st.m[GATE_CPU].dec.verdict, NWB_GATE_UNCLEAR);
	nwb_check_eq(st.m[GATE_CPU].dec.why, NWB_GATE_NEED_PAIRS);
}

NWB_TEST(gate_decide, a_control_goes_on_until_it_is_near_nothing)
{
	struct gate_stream st;

	/* 4 % in CPU: below the threshold, above half of it, and SAME already
	 * at ten pairs with a delta of 5 % */
	stream_init(&st, GATE_CONTROL);
	add_pairs(&st, 60, 1.04, 1.0);
	nwb_check(st.is_done);
	nwb_check_eq(st.nr_run, 30);
	stream_init(&st, GATE_CONTROL);
	add_pairs(&st, 60, 1.0, 1.0);
	nwb_check_eq(st.nr_run, 10);
}

NWB_TEST(gate_decide, each_meter_contaminates_and_the_pair_is_repeated)
{
	static const struct {
		struct bench_meters m;
		const char *says;
	} bad[] = {
		{{.wall_ns = NWB_SEC, .psi_ns = 950 * NWB_MSEC}, "pressure"},
		{{.wall_ns = NWB_SEC, .steal_ns = 20 * NWB_MSEC}, "steal"},
		{{.wall_ns = NWB_SEC, .majflt = 1}, "major faults"},
	};

	for (size_t i = 0; i < NWB_ARRAY_SIZE(bad); i++) {
		struct gate_stream st;
		struct gate_run a = run_of(1e6, 500.0), b = a;
		const char *why;

		stream_init(&st, GATE_MEASURE);
		b.meters = bad[i].m;
		why = gate_stream_add(&st, &a, &b);
		nwb_check(why && strstr(why, bad[i].says) && why[0] == 'B');
		why = gate_stream_add(&st, &b, &a);
		nwb_check(why && strstr(why, bad[i].says) && why[0] == 'A');
		nwb_check_eq(st.m[GATE_CPU].n, 0);
		add_pairs(&st, 30, 1.0, 1.0);
		nwb_check_eq(st.nr_run, 12);
		nwb_check_eq(st.nr_bad, 2);
		nwb_check_eq(st.m[GATE_CPU].dec.n, 10);
	}
}

NWB_TEST(gate_decide, a_meter_that_is_missing_accuses_nobody)
{
	struct gate_stream st;
	struct gate_run a = run_of(1e6, 500.0);

	stream_init(&st, GATE_MEASURE);
	a.meters.psi_ns = a.meters.steal_ns = UINT64_MAX;
	nwb_check(!gate_stream_add(&st, &a, &a));
	/* and one tick of steal in a short run is not above its resolution */
	a.meters.steal_ns = 10 * NWB_MSEC;
	nwb_check(!gate_stream_add(&st, &a, &a));
}

NWB_TEST(gate_decide, a_run_that_stood_still_is_contaminated)
{
	struct gate_stream st;
	struct gate_run a = run_of(1e6, 500.0), b = a;
	const char *why;

	stream_init(&st, GATE_MEASURE);
	b.durable_ns *= 10;
	for (unsigned int i = 0; i < 5; i++)
		nwb_check(!gate_stream_add(&st, &a, &a));
	why = gate_stream_add(&st, &a, &b);
	nwb_check(why && strstr(why, "stood still"));
}

NWB_TEST(gate_decide, what_fails_three_times_in_a_row_is_left_alone)
{
	struct gate_stream st;
	struct gate_run a = run_of(1e6, 500.0), b = {.reason = "exit 1"};

	stream_init(&st, GATE_MEASURE);
	nwb_check(gate_stream_add(&st, &a, &b));
	nwb_check(gate_stream_add(&st, &a, &b));
	nwb_check(!st.is_done);
	nwb_check(!gate_stream_add(&st, &a, &a));
	for (unsigned int i = 0; i < 3; i++)
		nwb_check(gate_stream_add(&st, &b, &a));
	nwb_check(st.is_done);
	nwb_check_eq(st.nr_failed, 5);
}

NWB_TEST(gate_decide, a_figure_that_is_missing_is_no_decision)
{
	struct gate_stream st;
	struct gate_run a = run_of(NAN, 500.0);

	stream_init(&st, GATE_MEASURE);
	a.samples = 9999;
	for (unsigned int i = 0; i < 10; i++) {
		nwb_check(!gate_stream_add(&st, &a, &a));
		gate_stream_look(&st);
	}
	nwb_check(st.is_done);
	nwb_check(strstr(st.m[GATE_CPU].skip, "not measured"));
	nwb_check(strstr(st.m[GATE_P99].skip, "9999 samples"));
	nwb_check_eq(st.m[GATE_THROUGHPUT].dec.verdict, NWB_GATE_SAME);
}

/* --- what all streams say together ---------------------------------------- */

static struct gate_stream streams[16];

static struct gate_session *session_of(struct gate_opts *o)
{
	static struct gate_session s;

	memset(&s, 0, sizeof(s));
	memset(streams, 0, sizeof(streams));
	s.o = o;
	s.stream = streams;
	s.control_max = NAN;
	nr_told = 0;
	recurring = false;
	return &s;
}

static struct gate_stream *measured(struct gate_session *s, enum gate_role role,
				    double cpu, double mib_s)
{
	struct gate_stream *st = &s->stream[s->nr_streams++];

	stream_init(st, role);
	st->last = 10;
	add_pairs(st, 10, cpu, mib_s);
	s->nr_pairs += 10;
	return st;
}

NWB_TEST(gate_verdict, red_only_when_it_comes_back)
{
	struct gate_opts o = {.is_gate = true};
	struct gate_session *s = session_of(&o);
	struct gate_stream *worse = measured(s, GATE_MEASURE, 1.2, 1.0), *again;

	measured(s, GATE_CONTROL, 1.0, 1.0);
	gate_check_usable(s);
	nwb_check_eq(s->unusable[0], 0);
	nwb_check(!gate_family(s));
	nwb_check(worse->m[GATE_CPU].is_kept);
	gate_conclude(s);
	nwb_check_eq(worse->m[GATE_CPU].outcome, NWB_OUTCOME_SUSPECT);
	nwb_check_eq(gate_exit_code(s), NWB_EXIT_OK);

	again = measured(s, GATE_CONFIRM, 1.0, 1.0);
	worse->m[GATE_CPU].second = &again->m[GATE_CPU];
	gate_conclude(s);
	nwb_check_eq(worse->m[GATE_CPU].outcome, NWB_OUTCOME_SUSPECT);
	nwb_check_eq(gate_exit_code(s), NWB_EXIT_OK);

	again = measured(s, GATE_CONFIRM, 1.2, 1.0);
	worse->m[GATE_CPU].second = &again->m[GATE_CPU];
	gate_conclude(s);
	nwb_check_eq(worse->m[GATE_CPU].outcome, NWB_OUTCOME_RED);
	nwb_check_eq(gate_exit_code(s), NWB_EXIT_FAIL);
	o.is_gate = false; /* a comparison only tells */
	nwb_check_eq(gate_exit_code(s), NWB_EXIT_OK);
}

NWB_TEST(gate_verdict, a_suspect_of_this_week_again_is_red)
{
	struct gate_opts o = {.is_gate = true};
	struct gate_session *s = session_of(&o);

	measured(s, GATE_MEASURE, 1.2, 1.0);
	gate_family(s);
	recurring = true;
	gate_conclude(s);
	nwb_check_eq(gate_exit_code(s), NWB_EXIT_FAIL);
}

NWB_TEST(gate_verdict, an_unusable_session_is_neither_red_nor_green)
{
	struct gate_opts o = {.is_gate = true};
	struct gate_session *s = session_of(&o);

	measured(s, GATE_MEASURE, 1.0, 1.0);
	measured(s, GATE_CONTROL, 1.2, 1.0);
	gate_check_usable(s);
	nwb_check(strstr(s->unusable, "in cpu_ns_mib"));
	nwb_check(fabs(s->control_max - log(1.2)) < 0.01);
	gate_conclude(s);
	nwb_check_eq(gate_exit_code(s), NWB_EXIT_BROKEN);
	/* but a broken promise is a broken promise */
	s->nr_fail = 1;
	nwb_check_eq(gate_exit_code(s), NWB_EXIT_FAIL);
}

NWB_TEST(gate_verdict, a_third_contaminated_is_unusable)
{
	struct gate_opts o = {.is_gate = true};
	struct gate_session *s = session_of(&o);

	measured(s, GATE_MEASURE, 1.0, 1.0);
	s->nr_pairs = 30;
	s->nr_bad = 12;
	s->nr_failed = 2; /* a server that died is no contamination */
	gate_check_usable(s);
	nwb_check_eq(s->unusable[0], 0);
	s->nr_bad = 13;
	gate_check_usable(s);
	nwb_check(strstr(s->unusable, "11 of 30 pairs are contaminated"));
}

NWB_TEST(gate_verdict, a_clock_that_is_off_by_chance_does_not_gate)
{
	struct gate_opts o = {.is_gate = true};
	struct gate_session *s = session_of(&o);
	struct gate_stream *st = measured(s, GATE_MEASURE, 1.0, 0.7);

	/* 7 % is no verdict with a threshold of 10 %, and more than half */
	measured(s, GATE_CONTROL, 1.0, 1.07);
	gate_check_usable(s);
	nwb_check_eq(s->unusable[0], 0);
	nwb_check_eq(nr_told, 1);
	gate_family(s);
	gate_conclude(s);
	nwb_check_eq(st->m[GATE_THROUGHPUT].outcome, NWB_OUTCOME_OBSERVED);
	nwb_check_eq(gate_exit_code(s), NWB_EXIT_OK);
}

NWB_TEST(gate_verdict, a_difference_that_many_tests_make_gets_another_look)
{
	struct gate_opts o = {.is_gate = true};
	struct gate_session *s = session_of(&o);
	struct gate_stream *st = measured(s, GATE_MEASURE, 1.2, 1.0);

	/* p = 0.004 of one test: believed alone, not among forty */
	st->last = 30;
	st->m[GATE_CPU].dec.p_worse = 0.004;
	for (unsigned int i = 0; i < 13; i++)
		measured(s, GATE_MEASURE, 1.0, 1.0);
	nwb_check(gate_family(s));
	nwb_check(!st->m[GATE_CPU].is_kept);
	nwb_check(!st->is_done);
	nwb_check_eq(st->want, 20);
	add_pairs(st, 20, 1.2, 1.0);
	nwb_check(st->is_done);
	nwb_check_eq(st->m[GATE_CPU].dec.n, 20);
	nwb_check(!gate_family(s));
	nwb_check(st->m[GATE_CPU].is_kept);
}

NWB_TEST(gate_verdict, what_cannot_be_measured_is_not_green)
{
	struct gate_opts o = {.is_gate = true};
	struct gate_session *s = session_of(&o);
	struct gate_stream *st = &s->stream[s->nr_streams++];
	struct gate_run a = run_of(1e6, 500.0), b = {.reason = "exit 2"};

	stream_init(st, GATE_MEASURE);
	while (!st->is_done)
		nwb_check(gate_stream_add(st, &a, &b));
	gate_conclude(s);
	nwb_check_eq(gate_exit_code(s), NWB_EXIT_BROKEN);
}

/* --- what a process says -------------------------------------------------- */

#define METERS                                                                 \
	"\"meters\":{\"wall_ns\":5,\"psi_ns\":1,\"steal_ns\":null,"            \
	"\"majflt\":0,\"nivcsw\":2}"
#define RUN                                                                    \
	"{\"bytes\":1048576,\"durable_ns\":1000000000,\"verdict\":\"PASS\","   \
	"\"write_lat\":{\"n\":5,\"p99\":7}}"

NWB_TEST(gate_parse, a_run_becomes_figures)
{
	struct gate_run r = {0};

	nwb_check_eq(gate_parse_run("{\"one_run\":1,\"build\":\"b\",\"cpu_ns\":"
				    "3,\"final\":null," METERS ",\"run\":" RUN
				    "}",
				    &r, NULL),
		     0);
	nwb_check(fabs(r.metric[GATE_CPU] - 3.0) < 1e-9);
	nwb_check(fabs(r.metric[GATE_THROUGHPUT] - 1.0) < 1e-9);
	nwb_check(fabs(r.metric[GATE_P99] - 7.0) < 1e-9);
	nwb_check_eq(r.samples, 5);
	nwb_check(!strcmp(r.build, "b"));
	nwb_check_eq(r.meters.steal_ns, UINT64_MAX);
	nwb_check(json_is_string(json_object_get(r.record, "verdict")));
	gate_run_fini(&r);
	nwb_check(!r.record);
}

NWB_TEST(gate_parse, all_else_is_no_measurement)
{
	static const char *const bad[] = {
		"",
		"no JSON",
		"{}",
		"[]",
		"{\"one_run\":2," METERS ",\"run\":" RUN "}",
		"{\"one_run\":\"1\"," METERS ",\"run\":" RUN "}",
		"{\"one_run\":1,\"run\":" RUN "}",
		"{\"one_run\":1," METERS "}",
		"{\"one_run\":1," METERS ",\"run\":" RUN "} more",
		"{\"one_run\":1," METERS ",\"run\":{}}",
		"{\"one_run\":1," METERS ",\"run\":{\"bytes\":null,"
		"\"durable_ns\":1,\"verdict\":null}}",
		"{\"one_run\":1," METERS ",\"run\":{\"bytes\":-5,"
		"\"durable_ns\":1,\"verdict\":null}}",
		"{\"one_run\":1," METERS ",\"run\":{\"bytes\":1,"
		"\"durable_ns\":0,\"verdict\":null}}",
		"{\"one_run\":1," METERS ",\"run\":{\"bytes\":1,"
		"\"durable_ns\":1,\"verdict\":\"FAIL\",\"reason\":\"O1\"}}",
		"{\"one_run\":1," METERS ",\"run\":{\"bytes\":1,"
		"\"durable_ns\":1,\"verdict\":\"INCONCLUSIVE\"}}",
		"{\"one_run\":1," METERS ",\"run\":" RUN ",\"final\":\"EIO\"}",
	};

	for (size_t i = 0; i < NWB_ARRAY_SIZE(bad); i++) {
		struct gate_run r = {.metric = {1, 1, 1}};
		struct nwb_err err = {0};

		nwb_check(gate_parse_run(bad[i], &r, &err) < 0);
		nwb_check(err.text[0]);
		nwb_check(isnan(r.metric[GATE_CPU]));
	}
}

/* --- cases ---------------------------------------------------------------- */

static struct gate_cases cases;

NWB_TEST(gate_cases, the_list_that_is_built_in)
{
	unsigned int sentinels = 0;

	nwb_check_eq(gate_cases_builtin(&cases, NULL), 0);
	nwb_check(cases.nr >= 8);
	for (unsigned int i = 0; i < cases.nr; i++)
		sentinels += cases.c[i].is_sentinel;
	nwb_check_eq(sentinels, GATE_SENTINELS);
}

NWB_TEST(gate_cases, a_wrong_line_is_named)
{
	static const char *const bad[][2] = {
		{"", "no case"},
		{"# only this\n", "no case"},
		{"smbd in-place\n", "x:1: a case is"},
		{"\nsmdb in-place seq1m\n", "x:2: \"smdb\" is no server"},
		{"smbd inplace seq1m\n", "is no client"},
		{"smbd in-place seq1g\n", "is no workload"},
		{"smbd in-place seq1m write\n", "is no option"},
		{"smbd in-place seq1m write=0\n", "is no option"},
		{"smbd in-place seq1m write=1Q\n", "is no option"},
		{"smbd in-place seq1m write=99999999999G\n", "is no option"},
		{"smbd in-place seq1m fault=nosuch\n", "is no option"},
		{"smbd in-place seq1m\nsmbd in-place seq1m write=1M\n",
		 "x:2: a second case smbd.in-place.seq1m"},
	};

	for (size_t i = 0; i < NWB_ARRAY_SIZE(bad); i++) {
		struct nwb_err err = {0};

		nwb_check(gate_cases_parse("x", bad[i][0], &cases, &err) < 0);
		nwb_check(strstr(err.text, bad[i][1]));
	}
}

NWB_TEST(gate_cases, options_are_read_and_named)
{
	nwb_check_eq(gate_cases_parse("x",
				      "diod\ttemp-page seq4k write=8M fsyncs=3 "
				      "wsize=16K fault=reset-after sentinel\n",
				      &cases, NULL),
		     0);
	nwb_check_eq(cases.nr, 1);
	nwb_check_eq(cases.c[0].bytes, 8 * NWB_MIB);
	nwb_check_eq(cases.c[0].fsyncs, 3);
	nwb_check_eq(cases.c[0].wsize, 16384);
	nwb_check(cases.c[0].is_sentinel);
	nwb_check(!strcmp(cases.c[0].name,
			  "diod.temp-page.seq4k.w16384.reset-after"));
}

NWB_TEST(gate_cases, what_the_sides_decide_is_not_in_the_name)
{
	nwb_check_eq(gate_cases_parse("x",
				      "smbd in-place seq1m\n"
				      "smbd temp-page seq1m sentinel\n"
				      "diod in-place seq1m\n",
				      &cases, NULL),
		     0);
	gate_cases_rename(&cases, true, false);
	nwb_check_eq(cases.nr, 2);
	nwb_check(!strcmp(cases.c[0].name, "smbd.seq1m"));
	nwb_check(cases.c[0].is_sentinel);
	nwb_check(!strcmp(cases.c[1].name, "diod.seq1m"));
	nwb_check_eq(gate_cases_filter(&cases, "x*,diod.*", NULL), 0);
	nwb_check_eq(cases.nr, 1);
	nwb_check(!strcmp(cases.c[0].name, "diod.seq1m"));
	nwb_check_eq(gate_cases_filter(&cases, "x*", NULL), -ENOENT);
}

/* --- linked anew ---------------------------------------------------------- */

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

NWB_TEST(gate_relink, only_our_own_objects_change_places)
{
	static const char text[] =
		"cc -o bench/netwb a.o b.o c.o d.o e.o -Wl,--start-group x.a "
		"y.a z.a /usr/lib/m.a /usr/lib/q.o -lm -Wl,--end-group";
	const char *v[GATE_WORDS_MAX], *was[GATE_WORDS_MAX];
	char line[sizeof(text)], again[sizeof(text)];
	unsigned int nr, moved = 0;

	strcpy(line, text);
	strcpy(again, text);
	nr = gate_split(line, v);
	nwb_check_eq(nr, 16);
	nwb_check_eq(gate_split(again, was), 16);
	nwb_check_eq(gate_rearrange(v, nr, 1, "/new"), 5);
	nwb_check(!strcmp(v[2], "/new"));
	was[2] = "/new";
	for (unsigned int i = 0; i < nr; i++) {
		moved += strcmp(v[i], was[i]) != 0;
		if (i < 3 || i == 8 || i > 11)
			nwb_check(!strcmp(v[i], was[i]));
	}
	nwb_check(moved > 0);
	qsort(v, nr, sizeof(*v), by_text);
	qsort(was, nr, sizeof(*was), by_text);
	for (unsigned int i = 0; i < nr; i++)
		nwb_check(!strcmp(v[i], was[i]));
}

NWB_TEST(gate_relink, what_a_shell_would_read_is_refused)
{
	static const char *const bad[] = {
		"cc -o a b.o '-Wl,x y'",
		"cc -o a b.o && strip a",
		"cc -o a b.o -Wl,-rpath,$ORIGIN",
		"cc -o a \"b.o\"",
	};
	const char *v[GATE_WORDS_MAX];

	for (size_t i = 0; i < NWB_ARRAY_SIZE(bad); i++) {
		char line[80];

		strcpy(line, bad[i]);
		nwb_check_eq(gate_split(line, v), 0);
	}
	v[0] = "cc";
	v[1] = "a.o";
	nwb_check_eq(gate_rearrange(v, 2, 1, "/new"), 0);
}

/* --- the rest of the program ---------------------------------------------- */

void gate_tell_line(struct gate_session *s, const char *fmt, ...)
{
	(void)s;
	(void)fmt;
	nr_told++;
}

bool gate_past_is_recurring(const struct gate_past *p, const char *name,
			    enum gate_metric_id m)
{
	(void)p;
	(void)name;
	(void)m;
	return recurring;
}

int gate_command(const char *const *argv, const char *dir, const char *log)
{
	(void)argv;
	(void)dir;
	(void)log;
	return -ENOSYS;
}

int gate_command_text(const char *const *argv, const char *dir, char *ret,
		      size_t size)
{
	(void)argv;
	(void)dir;
	(void)ret;
	(void)size;
	return -ENOSYS;
}
