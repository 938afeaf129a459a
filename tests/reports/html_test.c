/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The page: nothing escapes from its quotes, nothing is fetched, every figure
 * stands where its number says. That it can be read is seen by people, with
 * tests/e2e/html.sh and a browser.
 */
#include "rep_test.h"

#include "html_i.h"

static char *page(const json_t *recs)
{
	return render_as(recs, NWB_FORMAT_HTML);
}

/* Exit status of xmllint, or 127: it is not installed. */
static int xmllint(const char *text)
{
	FILE *p = popen("xmllint --noout - >/dev/null 2>&1", "w");
	int r;

	nwb_check(p != NULL);
	fwrite(text, 1, strlen(text), p);
	r = pclose(p);
	nwb_check(r >= 0 && WIFEXITED(r));
	return WEXITSTATUS(r);
}

static json_t *with_series(json_t *run, double scale)
{
	json_t *acked = json_array();

	for (int i = 0; i < 10; i++)
		json_array_append_new(acked, json_real(scale * 1048576 * i));
	json_object_set_new(run, "series",
			    json_pack("{s:i,s:i,s:s,s:o,s:[],s:[]}", "bin_ns",
				      1000000, "span_ns", 10000000, "acked_by",
				      "client", "acked", acked, "written",
				      "durable"));
	json_object_set_new(
		run, "marks",
		json_pack("[{s:i,s:s,s:s},{s:i,s:s},{s:i,s:s},{s:i,s:s}]",
			  "t_ns", 2000000, "kind", "fault", "rule", "cut",
			  "t_ns", 5000000, "kind", "conn-up", "t_ns", 10000000,
			  "kind", "fsync", "t_ns", 99000000, "kind", "fault"));
	json_object_set_new(run, "hits", json_pack("{s:i}", "cut", 1));
	json_object_set_new(run, "faults",
			    json_pack("{s:{s:i,s:i,s:i,s:i,s:i}}", "cut",
				      "hits", 1, "retries", 3, "recovered", 1,
				      "recovery_ns", 3000000, "bytes_again",
				      65536));
	json_object_set_new(run, "write_lat",
			    json_pack("{s:i,s:[i,i,i,i,i,i]}", "n", 100, "bins",
				      1000, 90, 10000, 9, 100000, 1));
	return run;
}

NWB_TEST(report_html, the_golden_session_is_a_whole_page)
{
	static const char *const order[] = {
		"id=\"what\"",	 "id=\"cells\"", "id=\"modes\"",
		"id=\"limit\"",	 "id=\"time\"",	 "id=\"latency\"",
		"id=\"faults\"", "id=\"why\"",	 "id=\"findings\"",
		"id=\"env\"",	 "id=\"repro\"", "id=\"raw\"",
	};
	json_t *recs = load(GOLDEN("run.jsonl"));
	char *text = page(recs);
	const char *at = strstr(text, "<h1>1 of 11 cells failed</h1>");
	struct rep_model m;

	check_page(text);
	nwb_check(at != NULL);
	for (size_t i = 0; i < NWB_ARRAY_SIZE(order); i++) {
		at = strstr(at, order[i]);
		nwb_check(at != NULL);
	}
	nwb_check_eq(rep_model_init(&m, recs, NULL), 0);
	for (size_t i = 0; i < m.nr_cells; i++)
		nwb_check(has(text, m.cell[i].name));
	for (int v = 0; v < REP_VERDICT_NR; v++) {
		char badge[64];

		snprintf(badge, sizeof(badge), "\">%s</span> <b>%zu</b>",
			 rep_verdict_name((enum rep_verdict)v),
			 m.cells_by_verdict[v]);
		nwb_check(has(text, badge));
	}
	rep_model_fini(&m);
	nwb_check(has(text, "[1.24, 1.25] faster"));
	nwb_check(has(text, "[0.98, 1.06] same"));
	nwb_check(has(text, "2 pairs, interval needs 6"));
	nwb_check(has(text, "version 41; the WRITE of it was cut after it was "
			    "executed &lt;slot 1712 &amp; slot 1719&gt;"));
	nwb_check(has(text, "Not measured: no run has a time line."));
	free(text);
	json_decref(recs);
}

/* 14 runs on smbd and diod, with all that a run records. */
NWB_TEST(report_html, measured_runs_have_all_their_pictures)
{
	json_t *recs = load(GOLDEN("measured.jsonl"));
	char *text = page(recs);
	size_t figures = 0, sparks = 0;

	check_page(text);
	for (const char *at = text; (at = strstr(at, "<figure>")); at++)
		figures++;
	for (const char *at = text; (at = strstr(at, "MiB/s over ")); at++)
		sparks++;
	/* 4 groups, in time and latency; 8 cells and the column's title */
	nwb_check_eq(figures, 8);
	nwb_check_eq(sparks, 9);
	nwb_check(has(text, "<title>cut at "));
	nwb_check(has(text, "<title>connected again at "));
	nwb_check(has(text, "hits</title>"));
	free(text);
	json_decref(recs);
}

NWB_TEST(report_html, equal_records_make_equal_pages)
{
	json_t *recs = load(GOLDEN("run.jsonl")), *turned = json_array();
	size_t nr = json_array_size(recs);
	char *a, *b;

	json_array_append(turned, json_array_get(recs, 0));
	for (size_t i = nr - 2; i > 0; i--)
		json_array_append(turned, json_array_get(recs, i));
	json_array_append(turned, json_array_get(recs, nr - 1));
	a = page(recs);
	b = page(turned);
	nwb_check(!strcmp(a, b));
	free(a);
	free(b);
	json_decref(turned);
	json_decref(recs);
}

/* 10 bins of 1 ms; x from 40 to 332 in 10 ms, y of 74 for 0..10000 MiB/s. */
NWB_TEST(report_html, a_time_line_is_drawn_to_scale)
{
	json_t *run = with_series(
		run_rec("in-place", "reset", 1, "PASS", 10000000), 1);
	json_t *recs = json_pack("[o, o, o]", session_rec(), run, end_rec(0));
	char *text = page(recs);

	check_page(text);
	/* a bin of 5 MiB in 1 ms is 5000 MiB/s, half of the height */
	nwb_check(has(text, "<path class=\"area a\" d=\"M40.0 100.0V100.0H69.2"
			    "V92.6H98.4V85.2H127.6V77.8H156.8V70.4H186.0V63.0"
			    "H215.2V55.6"));
	/* the fault at 2 ms, the connection at 5 ms, no fault at 99 ms */
	nwb_check(has(text, "<title>cut at 2.00 ms</title>"));
	nwb_check(has(text, "d=\"M98.4 26.0V100.0\""));
	nwb_check(has(text, "<title>connected again at 5.00 ms</title>"));
	nwb_check(has(text, "<title>fsync returned at 10.00 ms</title>"));
	nwb_check(!has(text, "99.00 ms"));
	/* what the fault did */
	nwb_check(has(text, "<td class=\"n\">3</td><td class=\"n\">64.0 KiB"
			    "</td><td class=\"n\">3 ms</td><td class=\"n\">"
			    "100 %</td>"));
	free(text);
	json_decref(recs);
}

/* n = 100: p90 at the first bin's end, nothing beyond p99. */
NWB_TEST(report_html, percentiles_end_where_the_calls_do)
{
	json_t *run = with_series(
		run_rec("in-place", "none", 1, "PASS", 10000000), 1);
	json_t *recs = json_pack("[o, o, o]", session_rec(), run, end_rec(0));
	char *text = page(recs);

	/* x from 46 to 330 for 0..2 nines, y of 84 for 1..100 us: p90 lies in
	 * the middle, 1 us at the bottom; p99 and the slowest call at the
	 * right end, 10 us half way up */
	nwb_check(has(text, "<path class=\"curve a\" d=\"M188.0 110.0L330.0 "
			    "68.0L330.0 26.0\"/>"));
	nwb_check(has(text, ">p99</text>") && !has(text, ">p99.9</text>"));
	nwb_check(has(text, "n = 100"));
	free(text);
	json_decref(recs);
}

NWB_TEST(report_html, the_representative_run_is_the_nearest_to_the_median)
{
	json_t *recs = json_pack("[o]", session_rec());
	static const int ms[] = {10, 50, 20, 90, 30};
	char *text;

	for (int i = 0; i < 5; i++)
		json_array_append_new(
			recs, with_series(run_rec("in-place", "none", i + 1,
						  "PASS", ms[i] * 1000000),
					  1));
	json_array_append_new(recs, end_rec(0));
	text = page(recs);
	nwb_check(has(text, "<small>in-place run 5 of 5</small>"));
	free(text);
	json_decref(recs);
}

/* A failed cell is shown by a run that failed. */
NWB_TEST(report_html, a_failed_cell_shows_the_failed_run)
{
	json_t *recs = json_pack("[o]", session_rec());
	char *text;

	for (int i = 1; i <= 5; i++)
		json_array_append_new(
			recs, with_series(run_rec("in-place", "none", i,
						  i == 4 ? "FAIL" : "PASS",
						  1000000 * i),
					  1));
	json_array_append_new(recs, end_rec(1));
	text = page(recs);
	nwb_check(has(text, "<small>in-place run 4 of 5</small>"));
	nwb_check(has(text, "Look at these first"));
	free(text);
	json_decref(recs);
}

/* The reason is the first finding, cut short: said once. */
NWB_TEST(report_html, a_reason_that_is_a_finding_is_not_repeated)
{
	json_t *run = run_rec("in-place", "none", 1, "FAIL", 1000);
	json_t *recs = json_pack("[o, o, o]", session_rec(), run, end_rec(1));
	char *text;

	json_object_set_new(run, "findings",
			    json_pack("[{s:s, s:s, s:s}]", "oracle", "O1",
				      "kind", "LOST", "text", "all of it"));
	json_object_set_new(run, "reason", json_string("O1 LOST: all"));
	text = page(recs);
	nwb_check(has(text, "<li><b>O1 LOST</b>: all of it</li>"));
	nwb_check(!has(text, "<p>O1 LOST"));
	free(text);
	json_object_set_new(run, "reason", json_string("O1 LOSTY: all"));
	text = page(recs);
	nwb_check(has(text, "<p>O1 LOSTY: all</p>"));
	free(text);
	json_decref(recs);
}

NWB_TEST(report_html, hostile_names_are_text)
{
	static const char evil[] =
		"<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
		"&amp;\x01\x7f\xe2\x80\xae\xef\xbf\xbf]]>-->\\ javascript:x";
	json_t *recs = json_array();
	char cell[600], *text;

	json_array_append_new(
		recs, json_pack("{s:i,s:s,s:s,s:s,s:s,s:s,s:{s:s},s:{s:s}}",
				"v", 1, "type", "session", "id", evil,
				"command", evil, "cpu", evil, "build", evil,
				"servers", evil, evil, "env", evil, evil));
	for (int i = 0; i < 2; i++) {
		const char *subject = i ? "temp-page" : "in-place";
		json_t *run;

		snprintf(cell, sizeof(cell), "%s.%s.%s.%s", evil, subject, evil,
			 evil);
		run = json_pack("{s:i,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,"
				"s:[{s:s,s:s,s:s}],s:i,s:i,s:i,s:s}",
				"v", 1, "type", "run", "cell", cell, "server",
				evil, "subject", subject, "workload", evil,
				"fault", evil, "verdict", i ? "FAIL" : "PASS",
				"repro", evil, "reason", evil, "findings",
				"oracle", evil, "kind", evil, "text", evil,
				"bytes", 1 << 20, "durable_ns", 1 << 20, "pair",
				1, "signing", evil);
		with_series(run, 1);
		json_object_set_new(run, "hits", json_pack("{s:i}", evil, 1));
		json_object_set_new(run, "marks",
				    json_pack("[{s:i,s:s,s:s}]", "t_ns", 1,
					      "kind", "fault", "rule", evil));
		json_array_append_new(recs, run);
	}
	nwb_check_eq(json_array_size(recs), 3);
	text = page(recs);
	nwb_check(!has(text, "<script") && !has(text, "<img"));
	nwb_check(!has(text, "'>") && !has(text, "\xe2\x80\xae"));
	nwb_check(has(text, "&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;"
			    "&gt;&lt;img src=x onerror=alert(2)&gt;&amp;amp;"));
	if (xmllint("<a>&</a>") == 127) {
		free(text);
		json_decref(recs);
		nwb_test_skip("xmllint (libxml2-utils) is not installed");
	}
	nwb_check(xmllint("<a>&</a>") != 0);
	nwb_check_eq(xmllint(text), 0);
	free(text);
	json_decref(recs);
}

/* Series and histograms that no netwb writes must not break the page. */
NWB_TEST(report_html, odd_numbers_make_no_odd_drawing)
{
	static const char *const odd[] = {
		"{\"series\":{\"bin_ns\":0,\"span_ns\":1,\"acked\":[1]}}",
		"{\"series\":{\"bin_ns\":1,\"span_ns\":1e300,\"acked\":[1]}}",
		"{\"series\":{\"bin_ns\":1e300,\"span_ns\":1,\"acked\":[1]}}",
		"{\"series\":{\"bin_ns\":1,\"span_ns\":3,"
		"\"acked\":[1e300,1e308,0]}}",
		"{\"series\":{\"bin_ns\":1e-300,\"span_ns\":1e-300,"
		"\"acked\":[1e308]}}",
		"{\"series\":{\"acked\":[]},\"marks\":[]}",
		"{\"write_lat\":{\"bins\":[1]}}",
		"{\"write_lat\":{\"bins\":[0,0,0,0]}}",
		"{\"write_lat\":{\"bins\":[1e308,1e308,1,1e308]}}",
		"{\"fsync_lat\":{\"bins\":[5,1]}}",
		"{\"faults\":{\"x\":{\"hits\":1e308}},\"hits\":{\"x\":0}}",
		"{\"bytes\":1e308,\"durable_ns\":1e-300}",
		"{\"bytes\":1,\"durable_ns\":1e300,\"client_cpu_ns\":1e308}",
	};

	for (size_t i = 0; i < NWB_ARRAY_SIZE(odd); i++) {
		json_t *recs = json_pack("[o]", session_rec());
		char *text;

		for (int k = 0; k < 2; k++) {
			json_t *run = run_rec(k ? "temp-page" : "in-place",
					      "none", 1, "PASS", 1000000);
			json_t *more = json_loads(odd[i], 0, NULL);

			nwb_check(more != NULL);
			json_object_update(run, more);
			json_decref(more);
			json_array_append_new(recs, run);
		}
		text = page(recs);
		check_page(text);
		nwb_check(xmllint(text) == 0 || xmllint(text) == 127);
		free(text);
		json_decref(recs);
	}
}

NWB_TEST(report_html, an_empty_or_cut_session_says_so)
{
	json_t *recs = json_array();
	char *text = page(recs);

	check_page(text);
	nwb_check(has(text, "<h1>Nothing was run</h1>"));
	nwb_check(has(text, "<b>Interrupted.</b>"));
	nwb_check(has(text, "no session record"));
	free(text);
	json_array_append_new(recs, session_rec());
	json_array_append_new(recs,
			      run_rec("in-place", "none", 1, "PASS", 1000));
	text = page(recs);
	nwb_check(has(text, "<h1>All 1 judged cells passed</h1>"));
	nwb_check(has(text, "<header class=\"warn\">"));
	free(text);
	json_array_append_new(recs, end_rec(0));
	text = page(recs);
	nwb_check(has(text, "<header class=\"good\">"));
	nwb_check(!has(text, "Interrupted"));
	free(text);
	json_decref(recs);
}

/* The quick matrix with ten pairs a cell and everything recorded. */
NWB_TEST(report_html, a_full_matrix_stays_below_a_megabyte)
{
	static const char *const work[] = {"seq1m", "seq4k", "rand4k",
					   "rewrite"};
	static const char *const fault[] = {
		"none", "reset-before", "reset-after", "slow-acks", "famine"};
	json_t *recs = json_pack("[o]", session_rec());
	json_t *acked = json_array(), *bins = json_array(),
	       *marks = json_array();
	char cell[128], *text;
	uint32_t rnd = 1;

	for (int i = 0; i < 200; i++) {
		rnd = rnd * 1664525u + 1013904223u;
		json_array_append_new(acked, json_integer(rnd >> 9));
	}
	for (int i = 0; i < 600; i++) {
		json_array_append_new(bins, json_integer(1000 + 97 * i * i));
		json_array_append_new(bins, json_integer(1 + 4000 / (i + 1)));
	}
	for (int i = 0; i < 40; i++)
		json_array_append_new(
			marks, json_pack("{s:i,s:s,s:s}", "t_ns", i * 100000,
					 "kind", "fault", "rule", "starve"));
	for (int i = 0; i < 2 * 4 * 5 * 2 * 10; i++) {
		const char *server = i % 2 ? "smbd" : "diod";
		const char *subject = i / 2 % 2 ? "in-place" : "temp-page";
		const char *w = work[i / 4 % 4], *f = fault[i / 16 % 5];

		snprintf(cell, sizeof(cell), "%s.%s.%s.%s", server, subject, w,
			 f);
		json_array_append_new(
			recs,
			json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:i,s:s,s:i,s:i,"
				  "s:{s:i,s:i,s:O,s:s},s:O,s:{s:O},s:{s:O},"
				  "s:s}",
				  "type", "run", "cell", cell, "server", server,
				  "subject", subject, "workload", w, "fault", f,
				  "pair", i / 80, "verdict", "PASS", "bytes",
				  64 << 20, "durable_ns",
				  100000000 + 100000 * (i % 83), "series",
				  "bin_ns", 500000, "span_ns", 100000000,
				  "acked", acked, "acked_by", "client", "marks",
				  marks, "write_lat", "bins", bins, "fsync_lat",
				  "bins", bins, "repro",
				  "netwb run --server smbd --client in-place "
				  "--workload seq1m --fault reset-before "
				  "--fsyncs 2 --seed 2583941421"));
	}
	json_array_append_new(recs, end_rec(0));
	nwb_check_eq(json_array_size(recs), 802);
	text = page(recs);
	check_page(text);
	nwb_check(strlen(text) < 1000000);
	nwb_check(has(text, "800 of 800 runs"));
	free(text);
	json_decref(acked);
	json_decref(bins);
	json_decref(marks);
	json_decref(recs);
}

/* ---- colours ---- */

static double channel(const char *hex)
{
	char two[3] = {hex[0], hex[1], '\0'};
	double v = (double)strtol(two, NULL, 16) / 255;

	return v <= 0.03928 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4);
}

static double luminance(const char *palette, const char *name)
{
	const char *at = strstr(palette, name);

	nwb_check(at != NULL);
	at += strlen(name);
	return 0.2126 * channel(at) + 0.7152 * channel(at + 2) +
	       0.0722 * channel(at + 4);
}

static double contrast(const char *palette, const char *a, const char *b)
{
	double x = luminance(palette, a), y = luminance(palette, b);

	return (fmax(x, y) + 0.05) / (fmin(x, y) + 0.05);
}

/* WCAG 2, 1.4.3: 4.5:1 for text, on the page and on panels. */
NWB_TEST(report_html, text_has_contrast_in_both_palettes)
{
	static const char *const ink[] = {
		"--fg:#",    "--muted:#", "--a:#",   "--b:#",
		"--hit:#",   "--good:#",  "--bad:#", "--warn:#",
		"--known:#", "--c:#",	  "--up:#",
	};
	const char *dark = strstr(html_css, "prefers-color-scheme:dark");
	const char *print = strstr(html_css, "@media print");

	nwb_check(dark && print && dark < print);
	for (size_t i = 0; i < NWB_ARRAY_SIZE(ink); i++) {
		nwb_check(contrast(html_css, ink[i], "--bg:#") >= 4.5);
		nwb_check(contrast(html_css, ink[i], "--panel:#") >= 4.5);
		nwb_check(contrast(dark, ink[i], "--bg:#") >= 4.5);
		nwb_check(contrast(dark, ink[i], "--panel:#") >= 4.5);
		nwb_check(contrast(print, ink[i], "--bg:#") >= 4.5);
	}
	nwb_check(contrast("--x:#777777--y:#ffffff", "--x:#", "--y:#") < 4.5);
}

/* ---- numbers and axes ---- */

NWB_TEST(report_html, numbers_are_short_and_axes_round)
{
	static const double max[] = {1e-6, 0.3, 1,   1.01,  7,
				     99,   100, 101, 54321, 1e12};
	char b[HTML_FIELD];

	nwb_check_streq(html_ns(b, 1500), "1.50 \xc2\xb5s");
	nwb_check_streq(html_ns(b, 999600), "1.00 ms");
	nwb_check_streq(html_ns(b, 412e9), "412 s");
	nwb_check_streq(html_ns(b, 7), "7 ns");
	nwb_check_streq(html_ns(b, NAN), "\xe2\x80\x93");
	nwb_check_streq(html_bytes(b, 65536), "64.0 KiB");
	nwb_check_streq(html_bytes(b, 0), "0 B");
	nwb_check_streq(html_count(b, 2.5), "2.5");
	for (size_t i = 0; i < NWB_ARRAY_SIZE(max); i++) {
		struct html_axis a = html_axis(max[i], 4);

		nwb_check(a.max >= max[i] * 0.999999);
		nwb_check(a.max < max[i] * 2.51);
		nwb_check(a.max / a.step < 4.001);
	}
	nwb_check(html_axis(0, 4).max > 0 && html_axis(NAN, 4).step > 0);
	nwb_check_streq(html_ns(b, 1e300), "1.0e+291 s");
}
