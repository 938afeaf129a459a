/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the two processes of `netwb check --kernel host` say, as a verdict. */
#include "nwb_test.h"

#include "host_told.h"

#include <string.h>

static const char *const pass = "host-work: PASS written 18087936 fsyncs 5 "
				"errors 0 first none unknown 0\n";

static struct kc_run_result heard(const char *const *lines)
{
	struct kc_run_result r = {.nr_died = 0};
	struct host_told t = {.oracle = 0};

	for (; *lines; lines++)
		host_told_hear(&t, *lines);
	host_told_judge(&t, 1, &r);
	return r;
}

#define HEARD(...) heard((const char *const[]){__VA_ARGS__, NULL})

static void check_finding(const struct kc_run_result *r, unsigned int oracle,
			  const char *kind, const char *text)
{
	nwb_check_eq(r->judgement.nr_findings, 1);
	nwb_check_eq(r->judgement.finding[0].oracle, oracle);
	nwb_check(!strcmp(r->judgement.finding[0].kind, kind));
	nwb_check(!strcmp(r->judgement.finding[0].text, text));
}

NWB_TEST(host_told, pass_needs_the_word_of_both)
{
	struct kc_run_result r = HEARD(pass, "verdict: PASS\n");

	nwb_check_eq(r.judgement.verdict, NWB_PASS);
	nwb_check(!r.trouble[0] && !r.skip[0]);
	r = HEARD("verdict: PASS\n");
	nwb_check(!strcmp(r.trouble,
			  "the workload did not come to its end (exit 1)"));
	r = HEARD(pass);
	nwb_check(!strcmp(r.trouble, "no verdict (exit 1)"));
	r = HEARD(pass, "verdict: PERHAPS\n");
	nwb_check(r.trouble[0]);
	r = HEARD(pass, "verdict: INCONCLUSIVE  the server ended by itself\n");
	nwb_check(!strcmp(r.trouble, "the server ended by itself (exit 1)"));
}

NWB_TEST(host_told, what_the_workload_lost_stands)
{
	struct kc_run_result r =
		HEARD("host-work: FAIL LOST 4096 16 version 3 instead of 5\n",
		      "verdict: PASS\n");

	nwb_check_eq(r.judgement.verdict, NWB_FAIL);
	nwb_check_eq(r.judgement.failed, 1u << 1);
	nwb_check_eq(r.judgement.finding[0].off, 4096);
	check_finding(&r, 1, "LOST", "netwb.dat:4096: version 3 instead of 5");
}

NWB_TEST(host_told, what_an_oracle_proves_stands)
{
	struct kc_run_result r =
		HEARD(pass, "O3 KNOWN UNFENCED: an effect of before\n",
		      "O7 FAIL CREDITS: below zero\n",
		      "  0.123 s, WRITE of 65536 at 0\n",
		      "judged:\n  O7   protocol: 3 requests\n",
		      "verdict: FAIL  O7 CREDITS: below zero\n");

	nwb_check_eq(r.judgement.verdict, NWB_FAIL);
	check_finding(&r, 7, "CREDITS", "below zero");
	/* however little was said about it */
	r = HEARD("verdict: FAIL  somehow\n");
	nwb_check_eq(r.judgement.verdict, NWB_FAIL);
	check_finding(&r, 0, "FAIL", "somehow");
}

NWB_TEST(host_told, known_and_vacuous_are_what_they_are)
{
	struct kc_run_result r =
		HEARD(pass, "O3 KNOWN UNFENCED: an effect of before\n",
		      "verdict: KNOWN  O3 UNFENCED: an effect of before\n");

	nwb_check_eq(r.judgement.verdict, NWB_KNOWN);
	nwb_check(!r.trouble[0]);
	check_finding(&r, 3, "UNFENCED", "an effect of before");
	r = HEARD(pass, "O11 VACUOUS HITS: cut: 0 hits\n",
		  "verdict: VACUOUS  O11 HITS: cut: 0 hits\n");
	nwb_check_eq(r.judgement.verdict, NWB_VACUOUS);
	nwb_check(!r.trouble[0]);
	r = HEARD(pass, "verdict: VACUOUS  no client talked to the server\n");
	nwb_check_eq(r.judgement.verdict, NWB_VACUOUS);
	check_finding(&r, 11, "VACUOUS", "no client talked to the server");
}

NWB_TEST(host_told, without_fuse_it_is_skipped)
{
	struct kc_run_result r =
		HEARD("netwb: open /dev/fuse: ENOENT\n", "verdict: SKIP  no\n");

	nwb_check(!strcmp(r.skip, "no"));
	r = HEARD("netwb: open /dev/fuse: ENOENT\n");
	nwb_check(!strcmp(r.skip, "open /dev/fuse: ENOENT"));
}

/* As many runs as there may be: each finding keeps its own kind. */
NWB_TEST(host_told, kinds_outlive_many_runs)
{
	struct kc_run_result first = HEARD("host-work: FAIL LOST 0 16 text\n");

	for (unsigned int i = 0; i < 1000; i++)
		(void)HEARD("host-work: FAIL ZEROED 0 16 text\n",
			    i % 2 ? "verdict: PASS\n" : "verdict: FAIL\n");
	nwb_check(!strcmp(first.judgement.finding[0].kind, "LOST"));
}
