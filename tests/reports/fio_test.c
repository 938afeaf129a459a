/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fio jobs: rows, pairs, and what is INVALID. golden/fio.txt belongs to
 * golden/fio.jsonl and is made again by hand only, and read.
 */
#include "rep_test.h"

#include "fio_i.h"
#include "nwb/mem.h"

/* 1 MiB of writes; @mib_s 0: INVALID. */
static json_t *fio_rec(const char *server, const char *subject, int pair,
		       double mib_s)
{
	json_t *w = mib_s > 0 ? json_pack("{s:f,s:f,s:{s:i,s:i}}", "mib_s",
					  mib_s, "iops", mib_s * 256, "clat",
					  "p50", 1000, "p99", 9000)
			      : json_null();

	return json_pack("{s:i,s:s,s:s,s:s,s:s,s:s,s:s,s:i,s:i,s:i,s:o,s:i,s:f,"
			 "s:s?,s:[s]}",
			 "v", 1, "type", "fio", "server", server, "subject",
			 subject, "job", "w4k", "fault", "none", "rw", "write",
			 "bs", 4096, "numjobs", 1, "pair", pair, "write", w,
			 "run_bytes", 1048576, "client_cpu_ns",
			 1e9 / (mib_s + 1), "invalid",
			 mib_s > 0 ? NULL : "cut <off>", "warnings", "be <w>");
}

/* Eight pairs: in-place writes at half of posix's speed, temp-page as fast as
 * in-place; the last pair of it is INVALID. */
static json_t *session(void)
{
	json_t *recs = json_array();

	json_array_append_new(recs, session_rec());
	for (int i = 8; i > 0; i--) {
		double f = 1 + 0.01 * i;

		json_array_append_new(recs, fio_rec("smbd", "temp-page", i,
						    i == 8 ? 0 : 500 * f));
		json_array_append_new(recs,
				      fio_rec("smbd", "in-place", i, 500 * f));
		json_array_append_new(recs,
				      fio_rec("local", "posix", i, 1000 * f));
	}
	json_array_append_new(recs, end_rec(0));
	return recs;
}

NWB_TEST(report_fio, golden)
{
	char dir[256];

	golden_write(GOLDEN("fio.jsonl"), dir, sizeof(dir));
	golden_same(dir, "report.txt", GOLDEN("fio.txt"));
	tmp_dir_remove(dir);
}

NWB_TEST(report_fio, rows_are_compared_by_pairs)
{
	json_t *recs = session();
	const struct rep_fio_row *base;
	struct rep_gate_row r;
	struct rep_fio f;

	nwb_check_eq(rep_fio_init(&f, recs, NULL), 0);
	nwb_check_eq(f.nr, 3);
	nwb_check_eq(f.nr_invalid, 1);
	nwb_check_streq(f.row[0].subject, "posix");
	nwb_check_streq(f.row[1].subject, "in-place");
	nwb_check(!rep_fio_base(&f, &f.row[0], "posix"));
	base = rep_fio_base(&f, &f.row[1], "posix");
	nwb_check(base == &f.row[0]);
	rep_fio_compare(base, &f.row[1], REP_FIO_WRITE, REP_FIO_MIB_S, &r);
	nwb_check_eq(r.n, 8);
	nwb_check(fabs(r.ratio - 0.5) < 1e-9 && r.lo > 0.49 && r.hi < 0.51);
	base = rep_fio_base(&f, &f.row[2], "in-place");
	nwb_check(base == &f.row[1]);
	rep_fio_compare(base, &f.row[2], REP_FIO_WRITE, REP_FIO_MIB_S, &r);
	nwb_check_eq(r.n, 7);
	nwb_check(fabs(r.ratio - 1) < 1e-9);
	nwb_check(rep_fio_has(f.row, 3, REP_FIO_WRITE));
	nwb_check(!rep_fio_has(f.row, 3, REP_FIO_READ));
	rep_fio_fini(&f);
	json_decref(recs);
}

NWB_TEST(report_fio, an_invalid_run_is_listed_and_in_no_number)
{
	json_t *recs = session();
	char *text = render(recs, NWB_REPORT_TERMINAL);

	check_columns(text);
	nwb_check(has(text, "24 fio job runs: not judged 24; INVALID 1\n"));
	nwb_check(has(text, "INVALID smbd.temp-page, job w4k, pair 8: cut "
			    "<off>\n"));
	nwb_check(has(text, "  INVALID: 1 of 8 runs, not in the table\n"));
	nwb_check(has(text, "Warning: be <w>\n"));
	nwb_check(has(text, "  / posix     MiB/s -50.0% "));
	nwb_check(!has(text, "Verdict: "));
	free(text);
	text = render_as(recs, NWB_FORMAT_HTML);
	check_page(text);
	nwb_check(has(text, "<h1>1 of 24 fio runs are invalid</h1>"));
	nwb_check(has(text, "cut &lt;off&gt;"));
	nwb_check(has(text, "be &lt;w&gt;"));
	free(text);
	json_decref(recs);
}

NWB_TEST(report_fio, a_job_without_any_number_has_no_table)
{
	json_t *recs = json_pack("[o,o,o]", session_rec(),
				 fio_rec("smbd", "in-place", 1, 0), end_rec(2));
	char *text = render(recs, NWB_REPORT_ALL);

	check_columns(text);
	nwb_check(has(text, "smbd.in-place: no run has numbers (1 INVALID)"));
	free(text);
	text = render_as(recs, NWB_FORMAT_HTML);
	check_page(text);
	nwb_check(has(text, "No run of it has numbers."));
	free(text);
	json_decref(recs);
}

NWB_TEST(report_fio, one_pair_has_no_interval)
{
	json_t *recs = json_pack(
		"[o,o,o,o]", session_rec(), fio_rec("local", "posix", 1, 100),
		fio_rec("smbd", "in-place", 1, 50), end_rec(0));
	char *text = render(recs, NWB_REPORT_ALL);

	check_columns(text);
	nwb_check(has(text, "  / posix     MiB/s -50.0% [-inf, +inf] "));
	free(text);
	text = render_as(recs, NWB_FORMAT_HTML);
	check_page(text);
	free(text);
	json_decref(recs);
}

NWB_TEST(report_fio, without_memory_it_says_so)
{
	json_t *recs = session();
	struct rep_fio f;

	for (uint64_t nth = 1; nth <= 2; nth++) {
		nwb_mem_fail_at(nth, 1);
		nwb_check_eq(rep_fio_init(&f, recs, NULL), -ENOMEM);
		nwb_mem_fail_at(0, 0);
		rep_fio_fini(&f);
	}
	json_decref(recs);
}
