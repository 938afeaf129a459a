/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a run with a guest leaves behind, DIR/guest/CELL-N/:
 *
 *	run.trace.gz run.stat	of every run: its tracepoints, what counters grew
 *	README			what it is, the findings, what to do next
 *	plan  job		the fault, and what the guest did
 *	run.ledger		netwb explain
 *	wire.pcapng		Wireshark, faults as packet comments
 *	console  said		of the guest
 *	reproducer.sh .c	the same without netwb
 */
#include "check_kernel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int make_dir(const char *path, struct nwb_err *err)
{
	if (!mkdir(path, 0777) || errno == EEXIST)
		return 0;
	return nwb_err_set(err, -errno, "%s: %s", path, strerror(errno));
}

int kc_bundle_dir(const char *base, const char *cell, unsigned int n, char *ret,
		  size_t size, struct nwb_err *err)
{
	int len, rc;

	len = snprintf(ret, size, "%s/guest", base);
	rc = make_dir(ret, err);
	if (rc)
		return rc;
	len = snprintf(ret, size, "%s/guest/%s-%u", base, cell, n);
	if (len < 0 || (size_t)len >= size)
		return nwb_err_set(err, -ENAMETOOLONG, "%s: too long", base);
	return make_dir(ret, err);
}

static FILE *create(const struct kc_run_opts *o, const char *name,
		    unsigned int mode, struct nwb_err *err)
{
	char path[4400];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", o->dir, name);
	f = fopen(path, "we");
	if (!f || fchmod(fileno(f), mode)) {
		nwb_err_set(err, -errno, "%s: %s", path, strerror(errno));
		if (f)
			fclose(f);
		return NULL;
	}
	return f;
}

static int done(FILE *f, int rc, struct nwb_err *err)
{
	bool is_bad = ferror(f);

	is_bad |= fclose(f) != 0;
	if (!rc && is_bad)
		rc = nwb_err_set(err, -EIO, "a bundle cannot be written");
	return rc;
}

static int put_plan(const struct kc_run_opts *o, struct nwb_err *err)
{
	FILE *f = create(o, "plan", 0644, err);
	char text[16384];

	if (!f)
		return err->code;
	nwb_plan_print(o->plan, text, sizeof(text));
	fputs(text, f);
	return done(f, 0, err);
}

static void put_findings(FILE *f, const struct kc_run_result *r)
{
	for (unsigned int i = 0; i < r->judgement.nr_findings; i++) {
		const struct nwb_finding *x = &r->judgement.finding[i];

		fprintf(f, "  O%u %s %s: %s\n", x->oracle,
			nwb_verdict_name(x->verdict), x->kind, x->text);
	}
}

/* What was promised, which oracles had something to judge, and which never can
 * have. */
static void put_law(FILE *f, const struct kc_run_result *r)
{
	char text[512];

	fprintf(f, "policy: %s\njudged:",
		nwb_policy_text(&r->policy, text, sizeof(text)));
	for (unsigned int nr = 1; nr < 32; nr++)
		if (r->judgement.ran & 1u << nr)
			fprintf(f, " O%u", nr);
	fputc('\n', f);
	for (unsigned int nr = 1; nr < 32; nr++)
		if (r->judgement.cannot & 1u << nr)
			fprintf(f, "not judged: O%u, %s\n", nr,
				nwb_oracle_why_not(&r->policy, nr));
}

/* The byte that the first finding is about. */
static uint64_t first_byte(const struct kc_run_result *r)
{
	for (unsigned int i = 0; i < r->judgement.nr_findings; i++)
		if (r->judgement.finding[i].verdict == NWB_FAIL &&
		    r->judgement.finding[i].file)
			return r->judgement.finding[i].off;
	return 0;
}

static int put_readme(const struct kc_run_opts *o,
		      const struct kc_run_result *r, enum nwb_verdict v,
		      const char *reason, const char *repro, bool has_repro,
		      struct nwb_err *err)
{
	const char *release =
		r->guest.release[0] ? r->guest.release : o->kernel->release;
	FILE *f = create(o, "README", 0644, err);
	char actions[256];

	if (!f)
		return err->code;
	fprintf(f,
		"%s.%s on Linux %s (%s), %s %s: %s\n%s\n\n"
		"mount -t %s -o %s\nguest: %s %s, boot %.1f s, all %.1f s\n",
		o->cell.mount->name, o->cell.scenario->name, release,
		nwb_kernel_kind_name(o->kernel->kind),
		kc_server_name(o->cell.mount),
		kc_is_fuse(o->cell.mount) ? "FUSE" : r->server_version,
		nwb_verdict_name(v), reason, o->cell.mount->type, r->mount,
		nwb_machine_end_name(r->guest.end), r->guest.why,
		(double)r->guest.boot_ns / (double)NWB_SEC,
		(double)r->wall_ns / (double)NWB_SEC);
	if (r->is_judged)
		put_law(f, r);
	for (unsigned int i = 0; i < r->nr_rules; i++) {
		nwb_plan_print_actions(&o->plan->rule[i], actions,
				       sizeof(actions));
		fprintf(f, "rule %s (%s): %llu hits\n", o->plan->rule[i].name,
			actions, (unsigned long long)r->hits[i]);
	}
	for (unsigned int i = 0; i < r->nr_told; i++)
		fprintf(f, "told %s: %u times\n",
			nwb_errno_name(r->told[i].error), r->told[i].nr);
	fprintf(f, "\nfindings\n");
	put_findings(f, r);
	if (r->guest.excerpt[0] && r->guest.end == NWB_MACHINE_PANIC)
		fprintf(f, "\nconsole\n%s\n", r->guest.excerpt);
	fprintf(f,
		"\nagain:    %s\n"
		"explain:  netwb explain run.ledger --at " KC_FILE ":%llu\n"
		"wire:     wire.pcapng\n%s"
		"trace:    zcat run.trace.gz; counters: run.stat\n",
		repro, (unsigned long long)first_byte(r), r->capture);
	if (has_repro)
		fprintf(f, "by hand:  reproducer.sh (needs no netwb)\n");
	return done(f, 0, err);
}

/* A job with verbs of its own kind has no reproducer, nor has the guest's own
 * server: said, not a failure. */
static int put_repro(const struct kc_run_opts *o, const char *about,
		     bool *ret_has, struct nwb_err *err)
{
	char path[4400], *job = NULL;
	struct nwb_err why = {0};
	size_t len;
	FILE *f;
	int rc;

	*ret_has = false;
	if (kc_is_fuse(o->cell.mount))
		return 0;
	snprintf(path, sizeof(path), "%s/job", o->dir);
	rc = bench_read_file(path, &job, &len, err);
	if (rc)
		return rc;
	job[len] = '\0';
	f = create(o, "reproducer.c", 0644, err);
	rc = f ? kc_repro_c(f, job, &why) : err->code;
	free(job);
	if (f)
		rc = done(f, rc, &why);
	if (rc == -EINVAL) {
		snprintf(path, sizeof(path), "%s/reproducer.c", o->dir);
		unlink(path);
		return 0;
	}
	if (rc)
		return rc;
	f = create(o, "reproducer.sh", 0755, err);
	if (!f)
		return err->code;
	*ret_has = true;
	rc = kc_repro_sh(f, o, about, err);
	return done(f, rc, err);
}

/* What nobody wants to see of a run that passed. */
static void strip(const struct kc_run_opts *o)
{
	static const char *const names[] = {
		"run.ledger", "wire.pcapng", "wire.pcapng.keys",
		"console",    "said",	     "job",
	};
	char path[4400];

	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", o->dir, names[i]);
		unlink(path);
	}
}

int kc_bundle_finish(const struct kc_run_opts *o, const struct kc_run_result *r,
		     enum nwb_verdict v, const char *reason, const char *repro,
		     bool keep, struct nwb_err *err)
{
	char about[512];
	bool has_repro;
	int rc;

	if (v == NWB_PASS && !keep) {
		strip(o);
		return 0;
	}
	snprintf(about, sizeof(about), "%s.%s: %s %.300s", o->cell.mount->name,
		 o->cell.scenario->name, nwb_verdict_name(v), reason);
	rc = put_plan(o, err);
	if (!rc)
		rc = put_repro(o, about, &has_repro, err);
	if (!rc)
		rc = put_readme(o, r, v, reason, repro, has_repro, err);
	return rc;
}
