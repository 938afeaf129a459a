/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See host_told.h. */
#include "host_told.h"

#include <stdio.h>
#include <string.h>

/* Kinds of findings are as many as the oracles have, and the workload's. */
#define KINDS_MAX 64u

static bool find_verdict(const char *word, enum nwb_verdict *ret_v)
{
	for (int v = NWB_PASS; v <= NWB_UNEXPECTED_PASS; v++)
		if (!strcmp(word, nwb_verdict_name((enum nwb_verdict)v))) {
			*ret_v = (enum nwb_verdict)v;
			return true;
		}
	return false;
}

static void hear_verdict(struct host_told *t, const char *line)
{
	char word[32], reason[sizeof(t->reason)] = "";

	if (sscanf(line, "%31s %199[^\n]", word, reason) < 1)
		return;
	t->has_verdict = find_verdict(word, &t->verdict);
	if (reason[0])
		snprintf(t->reason, sizeof(t->reason), "%s", reason);
}

static void hear_work(struct host_told *t, const char *line)
{
	unsigned long long off, len;
	char kind[32], text[160];

	if (!strncmp(line, "PASS", 4)) {
		t->has_worked = true;
		return;
	}
	if (sscanf(line, "FAIL %31s %llu %llu %159[^\n]", kind, &off, &len,
		   text) != 4)
		return;
	t->has_worked = t->has_finding = true;
	t->found = NWB_FAIL;
	t->oracle = 1;
	t->off = off;
	t->len = len;
	snprintf(t->kind, sizeof(t->kind), "%s", kind);
	snprintf(t->text, sizeof(t->text), "netwb.dat:%llu: %s", off, text);
}

/* The first FAIL, or else the first of anything. */
static void hear_finding(struct host_told *t, const char *line)
{
	char word[16], kind[32], text[160];
	enum nwb_verdict found;
	unsigned int nr;

	if (sscanf(line, " O%u %15[A-Z-] %31[^:]: %159[^\n]", &nr, word, kind,
		   text) != 4 ||
	    nr > 31 || !find_verdict(word, &found))
		return;
	if (t->has_finding && (t->found == NWB_FAIL || found != NWB_FAIL))
		return;
	t->has_finding = true;
	t->found = found;
	t->oracle = nr;
	snprintf(t->kind, sizeof(t->kind), "%s", kind);
	snprintf(t->text, sizeof(t->text), "%s", text);
}

void host_told_hear(struct host_told *t, const char *line)
{
	if (!strncmp(line, "verdict: ", 9))
		hear_verdict(t, line + 9);
	else if (!strncmp(line, "host-work: ", 11))
		hear_work(t, line + 11);
	else if (!strncmp(line, "netwb: ", 7) && !t->reason[0])
		snprintf(t->reason, sizeof(t->reason), "%.*s",
			 (int)nwb_min(strcspn(line + 7, "\n"), (size_t)190),
			 line + 7);
	else
		hear_finding(t, line);
	t->has_died |= strstr(line, "ended by itself") != NULL;
	t->no_fuse |= strstr(line, "/dev/fuse") != NULL ||
		      strstr(line, "has no FUSE") != NULL;
}

/* Findings point to their kind, which has to outlive them all. */
static const char *keep_kind(const char *kind)
{
	static char kinds[KINDS_MAX][sizeof(((struct host_told *)0)->kind)];
	unsigned int i = 0;

	while (i < KINDS_MAX && kinds[i][0] && strcmp(kinds[i], kind) != 0)
		i++;
	if (i == KINDS_MAX)
		return "OTHER";
	snprintf(kinds[i], sizeof(kinds[i]), "%s", kind);
	return kinds[i];
}

static void add_finding(const struct host_told *t, enum nwb_verdict v,
			struct nwb_judgement *j)
{
	bool is_told = t->has_finding;
	unsigned int nr = is_told ? t->oracle : v == NWB_VACUOUS ? 11 : 0;

	j->nr_findings = 1;
	j->nr_found = 1;
	j->ran = 1u << nr;
	j->failed = v == NWB_FAIL ? j->ran : 0;
	j->finding[0] = (struct nwb_finding){
		.oracle = (uint8_t)nr,
		.verdict = is_told ? t->found : v,
		.kind = is_told ? keep_kind(t->kind) : nwb_verdict_name(v),
		.off = t->off,
		.len = t->len,
		.rec_a = UINT64_MAX,
		.rec_b = UINT64_MAX,
	};
	snprintf(j->finding[0].text, sizeof(j->finding[0].text), "%.190s",
		 is_told ? t->text : t->reason);
}

void host_told_judge(const struct host_told *t, int status,
		     struct kc_run_result *r)
{
	enum nwb_verdict v = t->has_verdict ? t->verdict : NWB_INCONCLUSIVE;
	bool is_proof;

	if (t->has_finding && t->found == NWB_FAIL)
		v = NWB_FAIL;
	is_proof =
		v == NWB_FAIL || v == NWB_VACUOUS || v == NWB_UNEXPECTED_PASS;
	r->is_judged = true;
	r->guest.end = NWB_MACHINE_DONE;
	r->judgement.verdict = v;
	if (t->has_finding || is_proof)
		add_finding(t, v, &r->judgement);
	if (v == NWB_FAIL)
		return;
	if (t->no_fuse || v == NWB_SKIP)
		snprintf(r->skip, sizeof(r->skip), "%s", t->reason);
	if (r->skip[0] || is_proof)
		return;
	if (v == NWB_INCONCLUSIVE || !t->has_worked)
		snprintf(r->trouble, sizeof(r->trouble), "%.150s (exit %d)",
			 t->reason[0] ? t->reason
			 : t->has_verdict
				 ? "the workload did not come to its end"
				 : "no verdict",
			 status);
}
