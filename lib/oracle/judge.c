/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One judgement: index the ledger, let every oracle speak, weigh the findings.
 *
 *	FAIL > VACUOUS > INCONCLUSIVE > KNOWN > PASS
 *
 * A ledger with a gap, with records lost because it was full, or with records
 * that cannot be read makes the judge blind: the missing record may be the one
 * that explains all, so FAIL and VACUOUS become INCONCLUSIVE. They are kept,
 * for a person to read.
 */
#include "judge_i.h"

#include "nwb/mem.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct mem_link {
	struct mem_link *next;
	uint64_t pad; /* keep what follows aligned to 16 */
};

/* Zeroed; freed with the judgement. Room for nothing is room for one. */
void *nwb_j_alloc(struct judge *J, uint64_t nr, size_t size)
{
	struct mem_link *m;

	if (nr > (SIZE_MAX / 2 - sizeof(*m)) / size)
		return NULL;
	m = nwb_zalloc(sizeof(*m) + (nr ? (size_t)nr : 1) * size);
	if (!m)
		return NULL;
	m->next = J->mem;
	J->mem = m;
	return m + 1;
}

static void jfree_all(struct judge *J)
{
	while (J->mem) {
		struct mem_link *next = J->mem->next;

		nwb_free(J->mem);
		J->mem = next;
	}
}

unsigned int nwb_verdict_weight(enum nwb_verdict v)
{
	switch (v) {
	case NWB_FAIL:
		return 4;
	case NWB_VACUOUS:
		return 3;
	case NWB_INCONCLUSIVE:
		return 2;
	case NWB_KNOWN:
		return 1;
	default:
		return 0;
	}
}

/* The kept finding that may give way to one of @f's oracle, or NULL. */
static struct nwb_finding *
to_replace(struct nwb_judgement *j, const struct nwb_finding *f, unsigned int w)
{
	unsigned int nr[32] = {0}, most = 0;
	struct nwb_finding *light = NULL;

	for (unsigned int i = 0; i < j->nr_findings; i++) {
		if (!light || nwb_verdict_weight(j->finding[i].verdict) <
				      nwb_verdict_weight(light->verdict))
			light = &j->finding[i];
		nr[j->finding[i].oracle]++;
	}
	if (light && nwb_verdict_weight(light->verdict) < w)
		return light;
	/* No oracle shall crowd out what another one has to say. */
	for (unsigned int o = 1; o < NWB_ARRAY_SIZE(nr); o++)
		if (nr[o] > nr[most])
			most = o;
	if (nr[most] <= nr[f->oracle] + 1)
		return NULL;
	for (unsigned int i = j->nr_findings; i-- > 0;)
		if (j->finding[i].oracle == most &&
		    nwb_verdict_weight(j->finding[i].verdict) <= w)
			return &j->finding[i];
	return NULL;
}

/* The same words were said before: once is enough. */
static bool is_said(const struct nwb_judgement *j, const struct nwb_finding *f)
{
	for (unsigned int i = 0; i < j->nr_findings; i++)
		if (j->finding[i].oracle == f->oracle &&
		    j->finding[i].file == f->file &&
		    !strcmp(j->finding[i].kind, f->kind) &&
		    !strcmp(j->finding[i].text, f->text))
			return true;
	return false;
}

void nwb_j_found(struct judge *J, const struct nwb_finding *f, const char *fmt,
		 ...)
{
	struct nwb_finding x = *f, *to;
	va_list ap;

	if (J->is_blind && (x.verdict == NWB_FAIL || x.verdict == NWB_VACUOUS))
		x.verdict = NWB_INCONCLUSIVE;
	if (nwb_verdict_weight(x.verdict) > nwb_verdict_weight(J->j->verdict))
		J->j->verdict = x.verdict;
	if (x.verdict == NWB_FAIL)
		J->j->failed |= 1u << x.oracle;
	J->j->nr_found++;
	va_start(ap, fmt);
	vsnprintf(x.text, sizeof(x.text), fmt, ap);
	va_end(ap);
	if (is_said(J->j, &x))
		return;
	if (J->j->nr_findings < NWB_FINDINGS_MAX)
		to = &J->j->finding[J->j->nr_findings++];
	else
		to = to_replace(J->j, &x, nwb_verdict_weight(x.verdict));
	if (to)
		*to = x;
}

void nwb_j_streak_end(struct judge *J, struct streak *s)
{
	const struct nwb_finding *f = &s->f;

	if (!f->len)
		return;
	if (f->off + f->len == FOREVER)
		nwb_j_found(J, f, "%s: file %u from byte %llu on", s->note,
			    f->file, (unsigned long long)f->off);
	else
		nwb_j_found(J, f, "%s: file %u, %llu bytes at %llu", s->note,
			    f->file, (unsigned long long)f->len,
			    (unsigned long long)f->off);
	s->f.len = 0;
}

void nwb_j_streak_add(struct judge *J, struct streak *s,
		      const struct nwb_finding *f, const char *note)
{
	struct nwb_finding *have = &s->f;

	if (have->len && have->kind == f->kind && have->file == f->file &&
	    have->rec_a == f->rec_a && have->off + have->len == f->off) {
		have->len += f->len;
		return;
	}
	nwb_j_streak_end(J, s);
	s->f = *f;
	s->note = note;
}

/* The heaviest findings first, else as they were found. */
static void sort_findings(struct nwb_judgement *j)
{
	for (unsigned int i = 1; i < j->nr_findings; i++) {
		struct nwb_finding f = j->finding[i];
		unsigned int k = i;

		for (; k && nwb_verdict_weight(j->finding[k - 1].verdict) <
				    nwb_verdict_weight(f.verdict);
		     k--)
			j->finding[k] = j->finding[k - 1];
		j->finding[k] = f;
	}
}

static int build_file(struct judge *J, struct jfile *f)
{
	int err;

	if (!f->nr_write && !f->nr_effect && !f->content && !f->nr_sync &&
	    !f->nr_sent)
		return 0;
	err = nwb_j_atoms_build(J, f);
	if (!err)
		err = nwb_j_owed_build(J, f);
	f->is_built = !err;
	if (err == -E2BIG) {
		struct nwb_finding x = {.verdict = NWB_INCONCLUSIVE,
					.kind = "TOO-LARGE",
					.file = f->id,
					.rec_a = NO_SLOT,
					.rec_b = NO_SLOT};

		nwb_j_found(J, &x, "file %u has too many overlapping records",
			    f->id);
		return 0;
	}
	return err;
}

static int run_oracles(struct judge *J)
{
	/* O3 before O1: it tells which old bytes a server put there itself. */
	static int (*const oracle[])(struct judge *) = {
		nwb_j_o3_resurrection, nwb_j_o1_promise, nwb_j_o2_provenance,
		nwb_j_o4_licence,      nwb_j_o6_errors,	 nwb_j_o7_protocol,
		nwb_j_o8_liveness,     nwb_j_o9_size,	 nwb_j_o10_crash,
		nwb_j_o11_vacuity,     nwb_j_o12_reads,	 nwb_j_o13_stability,
		nwb_j_o15_gaveup,
	};
	int err = nwb_j_index_build(J);

	if (!err)
		err = nwb_j_index_conns(J);
	if (!err)
		nwb_j_count_all(J);
	for (unsigned int id = 1; !err && id <= NWB_LEDGER_FILES; id++) {
		err = build_file(J, &J->file[id]);
		if (!err)
			nwb_j_count_file(J, &J->file[id]);
	}
	for (unsigned int i = 0; !err && i < NWB_ARRAY_SIZE(oracle); i++)
		err = oracle[i](J);
	return err;
}

int nwb_judge(const struct nwb_judge_in *in, struct nwb_judgement *ret_j,
	      struct nwb_err *err)
{
	struct judge J = {.in = in, .j = ret_j};
	int rc;

	memset(ret_j, 0, sizeof(*ret_j));
	nwb_stamp_key_init(&J.key, in->key);
	nwb_stamp_key_crypt(&J.key, in->crypt_key, in->crypt_unit);
	if (in->nr_lost) {
		struct nwb_finding f = {.verdict = NWB_INCONCLUSIVE,
					.kind = "FULL",
					.rec_a = NO_SLOT,
					.rec_b = NO_SLOT};

		J.is_blind = true;
		nwb_j_found(&J, &f,
			    "the ledger was full: %llu records are missing",
			    (unsigned long long)in->nr_lost);
	}
	for (unsigned int nr = 1; nr < 32; nr++)
		if (nwb_oracle_why_not(&in->policy, nr))
			ret_j->cannot |= 1u << nr;
	rc = run_oracles(&J);
	jfree_all(&J);
	sort_findings(ret_j);
	if (rc)
		return nwb_err_set(err, rc, "judging %llu records: no memory",
				   (unsigned long long)in->nr_rec);
	return 0;
}

const char *nwb_oracle_why_not(const struct nwb_policy *policy, unsigned int nr)
{
	switch (nr) {
	case 5:
		return "which subrequests make up a pass is in the client's "
		       "trace only";
	case 13:
		return policy->stable_pages
			       ? NULL
			       : "the policy promises no stable pages";
	case 14:
		return "what the client holds is in its own counters only";
	default:
		return NULL;
	}
}

const char *nwb_verdict_name(enum nwb_verdict v)
{
	static const char *const name[] = {
		[NWB_PASS] = "PASS",
		[NWB_FAIL] = "FAIL",
		[NWB_VACUOUS] = "VACUOUS",
		[NWB_INCONCLUSIVE] = "INCONCLUSIVE",
		[NWB_SKIP] = "SKIP",
		[NWB_KNOWN] = "KNOWN",
		[NWB_UNEXPECTED_PASS] = "UNEXPECTED-PASS",
	};

	return (unsigned int)v < NWB_ARRAY_SIZE(name) ? name[v] : "?";
}

int nwb_verdict_exit(const enum nwb_verdict *v, unsigned int nr)
{
	bool is_bad = false, is_unsure = false;
	unsigned int skipped = 0;

	for (unsigned int i = 0; i < nr; i++) {
		is_bad |= v[i] == NWB_FAIL || v[i] == NWB_VACUOUS ||
			  v[i] == NWB_UNEXPECTED_PASS;
		is_unsure |= v[i] == NWB_INCONCLUSIVE;
		skipped += v[i] == NWB_SKIP;
	}
	if (is_bad)
		return 1;
	if (is_unsure)
		return 2;
	return nr && skipped == nr ? 77 : 0;
}
