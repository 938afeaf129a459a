/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The oracles at the end: the same judge that judges runs on real servers,
 * over the ledger in memory and what the fake holds.
 */
#include "sim_i.h"

#include "nwb/mem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int read_content(struct sim_world *w, struct sim_file *f)
{
	uint64_t size = 0;
	uint8_t *data = nwb_alloc(2 * f->max);
	ssize_t n;

	if (!data)
		return -ENOMEM;
	n = nwb_fake_get(w->fake, f->name, false, w->plan.base, data,
			 2 * f->max, &size);
	f->content = (struct nwb_content){
		.file = f->id,
		.is_missing = n < 0,
		.size = n < 0 ? 0 : (uint64_t)n,
		.initial = w->plan.initial,
		.data = data,
	};
	return 0;
}

int sim_read_contents(struct sim_world *w)
{
	int rc = 0;

	for (unsigned int i = 0; !rc && i < w->plan.nr_files; i++)
		rc = read_content(w, &w->file[i]);
	return rc;
}

static bool is_unexplained(const struct nwb_finding *f)
{
	return f->oracle == 6 &&
	       (!strcmp(f->kind, "SPURIOUS") || !strcmp(f->kind, "TWICE"));
}

/*
 * A FLUSH that failed may be told to each fd of its file, once, and need not be.
 * The judge would know of it by its PDUs, which this ledger does not have;
 * without them the error seems to come from nowhere. So many of an fd are let
 * pass as FLUSHes had failed by then.
 */
static bool is_of_flush(const struct sim_world *w,
			const struct nwb_judgement *j, unsigned int nth)
{
	const struct nwb_finding *f = &j->finding[nth];
	const struct nwb_lrec *r;
	unsigned int nr = 0;

	if (!is_unexplained(f))
		return false;
	r = &w->ev.rec[f->rec_a];
	for (unsigned int i = 0; i < w->nr_flush_bad; i++)
		nr += w->flush_bad[i].file == r->file &&
		      w->flush_bad[i].tick < r->end;
	for (unsigned int i = 0; i < nth && nr; i++)
		nr -= is_unexplained(&j->finding[i]) &&
		      w->ev.rec[j->finding[i].rec_a].fd == r->fd;
	return nr;
}

/*
 * Linux gives an upload up for less than strict: a lost connection, a short
 * count, what lies behind a failure. That is told, and no hazard; O15 and O4
 * judge how long it has to try.
 */
static bool is_of_flavour(const struct sim_world *w,
			  const struct nwb_finding *f)
{
	if (w->plan.opts.flavour == NWB_STRICT)
		return false;
	/* once it is dead each fsync says so, and nobody gave anything up */
	if (w->is_dead && f->oracle == 6 && strcmp(f->kind, "SWALLOWED"))
		return true;
	return f->oracle == 15 || f->oracle == 4;
}

/* " by records 12, 26": those of the ledger that prove it. Return: @buf. */
static const char *proof(const struct nwb_finding *f, char *buf, size_t size)
{
	unsigned long long a = f->rec_a, b = f->rec_b;

	buf[0] = '\0';
	if (f->rec_a != UINT64_MAX && f->rec_b != UINT64_MAX)
		snprintf(buf, size, " by records %llu, %llu", a, b);
	else if (f->rec_a != UINT64_MAX || f->rec_b != UINT64_MAX)
		snprintf(buf, size, " by record %llu", nwb_min(a, b));
	return buf;
}

static void take_verdict(struct sim_world *w, const struct nwb_judgement *j)
{
	for (unsigned int i = 0; i < j->nr_findings; i++) {
		const struct nwb_finding *f = &j->finding[i];
		char name[8], by[64];

		if (f->verdict != NWB_FAIL && f->verdict != NWB_INCONCLUSIVE)
			continue;
		if (is_of_flush(w, j, i) || is_of_flavour(w, f))
			continue;
		snprintf(name, sizeof(name), "O%u", f->oracle);
		sim_fail(w, name, "%s %s: %s [%llu, +%llu)%s",
			 nwb_verdict_name(f->verdict), f->kind, f->text,
			 (unsigned long long)f->off, (unsigned long long)f->len,
			 proof(f, by, sizeof(by)));
		return;
	}
}

int sim_judge(struct sim_world *w, struct nwb_err *err)
{
	struct nwb_content content[SIM_FILES] = {{0}};
	struct nwb_judge_in in = {
		.rec = w->ev.rec,
		.nr_rec = w->ev.nr,
		.nr_lost = w->ev.nr_lost,
		.level = 1,
		.policy = w->policy,
		.content = content,
		.nr_content = w->plan.nr_files,
	};
	struct nwb_judgement *j = nwb_zalloc(sizeof(*j));
	struct nwb_exec *ex = w->ex;
	int rc = j ? 0 : -ENOMEM;

	memcpy(in.key, "simulation's key", sizeof(in.key));
	memcpy(in.crypt_key, sim_crypto_key, sizeof(in.crypt_key));
	in.crypt_unit = w->plan.opts.crypto_unit;
	for (unsigned int i = 0; i < w->plan.nr_files; i++)
		content[i] = w->file[i].content;
	if (!rc)
		rc = nwb_judge(&in, j, err);
	w->ex = NULL; /* it has ended: there is nothing to stop */
	if (!rc)
		take_verdict(w, j);
	w->ex = ex;
	nwb_free(j);
	return rc;
}
