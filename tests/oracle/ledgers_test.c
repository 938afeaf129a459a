/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every hand-made ledger and every flip of it gives the verdict it asks for. */
#include "ledger_text.h"
#include "nwb_test.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct text_ledger ledger;

static int judge_one(const char *path, unsigned int flip)
{
	static char text[8192];
	struct nwb_judgement j;

	if (text_load(&ledger, path, flip)) {
		fprintf(stderr, "%s: %s\n", path, ledger.error);
		return 1;
	}
	if (!text_judge(&ledger, &j, text, sizeof(text))) {
		/* What the verdict stands on comes first. */
		nwb_check(!j.nr_findings || j.finding[0].verdict == j.verdict);
		return 0;
	}
	fprintf(stderr, "%s: not as wanted: %s\n%s\n", path, ledger.flip_line,
		text);
	return 1;
}

typedef void (*each_fn)(const char *path, int *bad);

static int for_each_ledger(each_fn fn, const char *prefix)
{
	DIR *d = opendir(LEDGER_DIR);
	int nr = 0, bad_ones = 0;

	nwb_check(d != NULL);
	for (struct dirent *e = readdir(d); e; e = readdir(d)) {
		char path[1024];

		if (!strstr(e->d_name, ".txt") ||
		    strncmp(e->d_name, prefix, strlen(prefix)))
			continue;
		snprintf(path, sizeof(path), "%s/%s", LEDGER_DIR, e->d_name);
		fn(path, &bad_ones);
		nr++;
	}
	closedir(d);
	nwb_check_eq(bad_ones, 0);
	return nr;
}

static void with_flips(const char *path, int *bad_ones)
{
	unsigned int flips;

	*bad_ones += judge_one(path, 0);
	flips = ledger.nr_flips;
	for (unsigned int i = 1; i <= flips; i++)
		*bad_ones += judge_one(path, i);
}

NWB_TEST(ledgers, give_the_verdicts_they_ask_for)
{
	nwb_check(for_each_ledger(with_flips, "") >= 20);
}

/* Hygiene: each must pass, and have a flip that is FAIL or INCONCLUSIVE. */
static void is_hygienic(const char *path, int *bad_ones)
{
	bool is_noticed = false;
	unsigned int flips;

	nwb_check_eq(text_load(&ledger, path, 0), 0);
	nwb_check_eq(ledger.want.verdict, NWB_PASS);
	flips = ledger.nr_flips;
	for (unsigned int i = 1; i <= flips; i++) {
		nwb_check_eq(text_load(&ledger, path, i), 0);
		is_noticed |= ledger.want.verdict == NWB_FAIL ||
			      ledger.want.verdict == NWB_INCONCLUSIVE;
	}
	if (!is_noticed) {
		fprintf(stderr, "%s: no flip\n", path);
		++*bad_ones;
	}
}

NWB_TEST(ledgers, hygiene_ledgers_pass_and_have_a_flip)
{
	nwb_check_eq(for_each_ledger(is_hygienic, "hygiene-"), 7);
}

/* A record that vanishes may be the one that explains all. */
static void gaps_are_inconclusive(const char *path, int *bad_ones)
{
	static char text[8192];
	struct nwb_judgement j;

	nwb_check_eq(text_load(&ledger, path, 0), 0);
	ledger.want = (struct text_want){.verdict = NWB_INCONCLUSIVE};
	for (uint64_t i = 0; i < ledger.nr_rec; i++) {
		uint32_t state = ledger.rec[i].state;

		if (i && ledger.rec[i - 1].kind == NWB_L_RUN_END)
			break; /* what comes behind is no gap */

		ledger.rec[i].state = NWB_LS_FREE;
		if (text_judge(&ledger, &j, text, sizeof(text))) {
			fprintf(stderr, "%s: gap at %llu: %s\n", path,
				(unsigned long long)i, text);
			++*bad_ones;
		}
		ledger.rec[i].state = state;
	}
}

NWB_TEST(ledgers, any_gap_is_inconclusive)
{
	for_each_ledger(gaps_are_inconclusive, "");
}

NWB_TEST(ledgers, a_typo_is_an_error)
{
	char name[] = "/tmp/nwb-ledger-XXXXXX";
	int fd = mkstemp(name);
	FILE *f = fdopen(fd, "w");

	nwb_check(f != NULL);
	fputs("WRITE of=0 len=16 v=1\nwant PASS\n", f);
	fclose(f);
	nwb_check_eq(text_load(&ledger, name, 0), -1);
	nwb_check(strstr(ledger.error, "of=0") != NULL);
	remove(name);
}
