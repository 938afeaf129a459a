/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Findings that are added to a judgement: heaviest first, and a full list
 * keeps the heaviest. */
#include "nwb_test.h"

#include "bench_i.h"

#include <string.h>

static struct nwb_judgement j;

static void add(enum nwb_verdict v, unsigned int oracle)
{
	const struct nwb_finding f = {.verdict = v, .oracle = oracle};

	bench_judgement_add(&j, &f);
}

NWB_TEST(bench_judgement, the_heaviest_come_first)
{
	memset(&j, 0, sizeof(j));
	add(NWB_KNOWN, 3);
	add(NWB_FAIL, 1);
	add(NWB_VACUOUS, 11);
	add(NWB_FAIL, 2);
	nwb_check_eq(j.nr_findings, 4);
	nwb_check_eq(j.finding[0].oracle, 1);
	nwb_check_eq(j.finding[1].oracle, 2);
	nwb_check_eq(j.finding[2].oracle, 11);
	nwb_check_eq(j.finding[3].oracle, 3);
	nwb_check_eq(j.verdict, NWB_FAIL);
	nwb_check_eq(j.failed, 1u << 1 | 1u << 2);
	nwb_check_eq(j.ran, 1u << 1 | 1u << 2 | 1u << 3 | 1u << 11);
}

NWB_TEST(bench_judgement, a_full_list_keeps_the_heaviest)
{
	memset(&j, 0, sizeof(j));
	for (unsigned int i = 0; i < NWB_FINDINGS_MAX; i++)
		add(NWB_VACUOUS, 11);
	add(NWB_KNOWN, 3);
	nwb_check_eq(j.finding[NWB_FINDINGS_MAX - 1].oracle, 11);
	add(NWB_FAIL, 1);
	nwb_check_eq(j.nr_findings, NWB_FINDINGS_MAX);
	nwb_check_eq(j.finding[0].oracle, 1);
	nwb_check_eq(j.finding[NWB_FINDINGS_MAX - 1].oracle, 11);
	nwb_check_eq(j.nr_found, NWB_FINDINGS_MAX + 2);
	nwb_check_eq(j.verdict, NWB_FAIL);
}
