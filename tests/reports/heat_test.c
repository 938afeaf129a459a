/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Grids of changes: where a cell stands, and what is grey. */
#include "rep_test.h"

#include "heat_i.h"

static json_t *decision_rec(const char *name, const char *server,
			    const char *verdict, double hl)
{
	return json_pack("{s:i,s:s,s:s,s:s,s:s,s:s,s:i,s:f,s:f,s:f,s:f,s:s}",
			 "v", 1, "type", "decision", "case", name, "server",
			 server, "metric", "mib_s", "verdict", verdict, "n", 10,
			 "hl", hl, "lo", hl - 0.01, "hi", hl + 0.01, "delta",
			 0.1, "better", "higher");
}

/* Takes over what is in @middle. */
static json_t *session(json_t *middle)
{
	json_t *recs = json_array();

	json_array_append_new(recs, session_rec());
	json_array_extend(recs, middle);
	json_array_append_new(recs, end_rec(0));
	json_decref(middle);
	return recs;
}

NWB_TEST(report_heat, a_case_stands_in_the_column_of_its_server)
{
	json_t *recs = session(json_pack(
		"[o,o,o,o]", decision_rec("smbd.seq4k", "smbd", "WORSE", 0.5),
		decision_rec("diod.seq4k", "diod", "SAME", 0.01),
		decision_rec("smbd.seq1m", "smbd", "UNCLEAR", 0.05),
		decision_rec("diod.seq1m", "diod", "BETTER", -0.5)));
	struct rep_heat *h = calloc(1, sizeof(*h));
	struct rep_gate g;
	char *text;

	nwb_check_eq(rep_gate_init(&g, recs), 0);
	nwb_check(rep_heat_gate(&g, 0, h));
	nwb_check_eq(h->nr_rows, 2);
	nwb_check_eq(h->nr_cols, 2);
	nwb_check_streq(h->row[0], "seq1m");
	nwb_check_streq(h->row[1], "seq4k");
	nwb_check_streq(h->col[0], "diod");
	nwb_check_streq(h->col[1], "smbd");
	/* worse: cost up, MiB/s down, tone below 0 */
	nwb_check(fabs(h->cell[1][1].ratio - exp(-0.5)) < 1e-9);
	nwb_check(h->cell[1][1].tone < 0 && h->cell[1][1].is_clear);
	nwb_check(h->cell[0][0].tone > 0 && h->cell[0][0].is_clear);
	/* the same has no tone, what is unclear is grey */
	nwb_check(h->cell[1][0].tone == 0 && h->cell[1][0].is_clear);
	nwb_check(!h->cell[0][1].is_clear);
	nwb_check(!rep_heat_gate(&g, 1, h));
	rep_gate_fini(&g);
	free(h);
	text = render(recs, NWB_REPORT_ALL);
	check_columns(text);
	nwb_check(has(text, "seq1m                         +64.9%.           "
			    "-4.9%?\n"));
	free(text);
	text = render_as(recs, NWB_FORMAT_HTML);
	check_page(text);
	nwb_check(has(text, "<td class=\"w3\" title=\"[-40, -39] %, n 10\">"
			    "-39.3%</td>"));
	nwb_check(has(text, "<td class=\"zero\" "));
	nwb_check(has(text, ", n 10, not decided\">-4.9%<small> ?</small>"));
	free(text);
	json_decref(recs);
}

NWB_TEST(report_heat, a_list_is_no_grid)
{
	json_t *recs = session(json_pack(
		"[o,o]", decision_rec("smbd.seq4k", "smbd", "WORSE", 0.5),
		decision_rec("smbd.seq1m", "smbd", "SAME", 0.01)));
	struct rep_heat *h = calloc(1, sizeof(*h));
	struct rep_gate g;
	char *text = render(recs, NWB_REPORT_ALL);

	nwb_check(!has(text, "Which region changed"));
	free(text);
	nwb_check_eq(rep_gate_init(&g, recs), 0);
	nwb_check(rep_heat_gate(&g, 0, h));
	nwb_check_eq(h->nr_rows, 0);
	rep_gate_fini(&g);
	free(h);
	json_decref(recs);
}

/* More than there is room for is counted, never dropped in silence; hostile
 * names stay within their fields. */
NWB_TEST(report_heat, too_many_cells_are_counted)
{
	json_t *all = json_array(), *recs;
	char *text;

	for (int r = 0; r < 70; r++) {
		for (int c = 0; c < 30; c++) {
			char name[100], server[40];

			snprintf(server, sizeof(server), "s%d \xc3\xa9<&\"", c);
			snprintf(name, sizeof(name), "%s.w%d\n<b>'", server, r);
			json_array_append_new(
				all, decision_rec(name, server, "SAME", 0));
		}
	}
	recs = session(all);
	text = render(recs, NWB_REPORT_GATE);
	check_columns(text);
	nwb_check(has(text, "564 more stand in the tables only."));
	free(text);
	text = render_as(recs, NWB_FORMAT_HTML);
	check_page(text);
	nwb_check(!has(text, "<b>'"));
	nwb_check(has(text, "564 more stand in the tables only."));
	free(text);
	json_decref(recs);
}

static json_t *fio_rec(const char *subject, int bs, int jobs, int pair,
		       double mib_s)
{
	char job[40];

	snprintf(job, sizeof(job), "b%d-%d", bs, jobs);
	return json_pack("{s:i,s:s,s:s,s:s,s:s,s:s,s:s,s:i,s:i,s:i,s:{s:f}}",
			 "v", 1, "type", "fio", "server",
			 strcmp(subject, "posix") ? "smbd" : "local", "subject",
			 subject, "job", job, "fault", "none", "rw", "write",
			 "bs", bs, "numjobs", jobs, "pair", pair, "write",
			 "mib_s", mib_s);
}

NWB_TEST(report_heat, fio_has_block_size_by_writers)
{
	json_t *all = json_array(), *recs;
	struct rep_heat *h = calloc(1, sizeof(*h));
	struct rep_fio f;

	for (int p = 0; p < 8; p++)
		for (int bs = 4096; bs <= 65536; bs *= 16)
			for (int jobs = 1; jobs <= 4; jobs *= 4) {
				json_array_append_new(
					all,
					fio_rec("posix", bs, jobs, p, 100));
				json_array_append_new(
					all, fio_rec("in-place", bs, jobs, p,
						     50 + jobs * 10));
			}
	recs = session(all);
	nwb_check_eq(rep_fio_init(&f, recs, NULL), 0);
	nwb_check(rep_heat_fio(&f, 1, h));
	nwb_check_eq(h->nr_rows, 2);
	nwb_check_eq(h->nr_cols, 2);
	nwb_check_streq(h->row[0], "4.0K write");
	nwb_check_streq(h->row[1], "64.0K write");
	nwb_check_streq(h->col[0], "1");
	nwb_check_streq(h->col[1], "4");
	nwb_check(fabs(h->cell[1][0].ratio - 0.6) < 1e-9);
	nwb_check(fabs(h->cell[0][1].ratio - 0.9) < 1e-9);
	nwb_check(!rep_heat_fio(&f, 2, h));
	rep_fio_fini(&f);
	free(h);
	json_decref(recs);
}
