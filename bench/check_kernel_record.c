/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A run with a guest as a line of the results store: a "run" record as any
 * other, whose subject is the kernel and whose workload is the mount. What only
 * the reference client knows of itself is null.
 */
#include "check_kernel.h"

#include <stdio.h>
#include <string.h>

static void subject_of(const struct nwb_kernel *k, char *buf, size_t size)
{
	snprintf(buf, size, "%s-%s", nwb_kernel_kind_name(k->kind),
		 k->release[0] ? k->release : k->name);
}

void kc_cell_name(const struct nwb_kernel *k, const struct kc_cell *c,
		  char *buf, size_t size)
{
	char subject[160];

	subject_of(k, subject, sizeof(subject));
	snprintf(buf, size, "%s.%s.%s.%s", kc_server_name(c->mount), subject,
		 c->mount->name, c->scenario->name);
}

static json_t *head(const struct kc_run_opts *o, unsigned int run,
		    const char *repro)
{
	char cell[320], subject[160];

	subject_of(o->kernel, subject, sizeof(subject));
	kc_cell_name(o->kernel, &o->cell, cell, sizeof(cell));
	return json_pack(
		"{s:i,s:s,s:s,s:s,s:s,s:s,s:s,s:i,s:i,s:s,s:I,s:s,s:s,s:s,s:s}",
		"v", 1, "type", "run", "cell", cell, "server",
		kc_server_name(o->cell.mount), "subject", subject, "workload",
		o->cell.mount->name, "fault", o->cell.scenario->name, "pair",
		(int)run, "order", (int)run, "level", "check", "seed",
		(json_int_t)o->seed, "repro", repro, "kernel",
		o->kernel->release, "kernel_kind",
		nwb_kernel_kind_name(o->kernel->kind), "kernel_name",
		o->kernel->name);
}

static json_t *told(const struct kc_run_result *r)
{
	json_t *t = json_object();

	for (unsigned int i = 0; i < r->nr_told; i++)
		json_object_set_new(t, nwb_errno_name(r->told[i].error),
				    json_integer((json_int_t)r->told[i].nr));
	return t;
}

json_t *kc_record(const struct kc_run_opts *o, const struct kc_run_result *r,
		  unsigned int run, enum nwb_verdict v, const char *reason,
		  const char *repro, const char *bundle)
{
	const struct nwb_judgement *j = &r->judgement;
	json_t *rec = head(o, run, repro);

	json_object_update_missing_new(
		rec,
		json_pack("{s:s,s:s,s:s,s:I,s:I,s:i,s:o,s:o,s:s,s:s}", "mount",
			  r->mount, "guest_end",
			  nwb_machine_end_name(r->guest.end), "bundle", bundle,
			  "wall_ns", (json_int_t)r->wall_ns, "boot_ns",
			  (json_int_t)r->guest.boot_ns, "console_warnings",
			  (int)r->guest.suspicious, "hits",
			  bench_hits(o->plan, r->hits, r->nr_rules), "findings",
			  bench_findings(j), "reason", reason, "verdict",
			  nwb_verdict_name(v)));
	json_object_set_new(rec, "told", told(r));
	if (r->is_judged) {
		char policy[512];

		if (r->policy.foreign)
			json_object_set_new(
				rec, "policy",
				json_string(nwb_policy_text(&r->policy, policy,
							    sizeof(policy))));
		json_object_set_new(rec, "bytes_dirtied",
				    json_integer((json_int_t)j->bytes_dirtied));
		json_object_set_new(rec, "bytes_sent",
				    json_integer((json_int_t)j->bytes_sent));
		json_object_set_new(rec, "reconnects",
				    json_integer((json_int_t)j->nr_reconnects));
	}
	if (r->guest.end == NWB_MACHINE_PANIC)
		json_object_set_new(rec, "console",
				    json_string(r->guest.excerpt));
	if (r->nr_died) {
		json_object_set_new(rec, "server_died",
				    json_integer((json_int_t)r->nr_died));
		json_object_set_new(rec, "server_died_how",
				    json_string(r->died));
	}
	return rec;
}

json_t *kc_record_failed(const struct kc_run_opts *o, unsigned int run,
			 const char *why, const char *repro)
{
	json_t *rec = head(o, run, repro);

	json_object_set_new(rec, "verdict", json_string("INCONCLUSIVE"));
	json_object_set_new(rec, "reason", json_string(why));
	json_object_set_new(rec, "findings", json_array());
	json_object_set_new(rec, "hits", json_object());
	return rec;
}
