/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One recording: a real server with its rules armed, a guest beside it, the
 * workload between "trace on" and "trace off".
 *
 * The flusher is put to sleep, so that what is written back, and when, is the
 * workload's doing: a sequence that depends on the wall clock is no reference.
 * Not by dirty_writeback_centisecs 0: the first page that becomes dirty then
 * wakes it at once (wb_wakeup_delayed), and a fresh mount's share of the
 * background limit is next to nothing, so it writes (wb_over_bg_thresh).
 */
#include "kernel_record.h"

#include "nwb/faultctl.h"
#include "nwb/guest.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Nobody repeats such a thing by hand: diod ends by itself now and then when a
 * connection is cut, and a kernel may lose the race that a fault starts (7.2's
 * cifs does, docs/findings.md), which is no reference for its retry. */
#define ATTEMPTS 8u

struct rec {
	const struct kr_run_opts *o;
	struct nwb_err *err;
	struct nwb_plan *plan;
	int page_fd;
	struct nwb_fc_page *page;
	struct nwb_server *srv;
	_Atomic bool server_died;
	struct nwb_machine *m;
	struct nwb_machine_report report;
	struct nwb_krun run;
	char mount[512];
	char *job;
};

static void on_server(void *arg, enum nwb_server_event ev, int wait_status)
{
	struct rec *r = arg;

	(void)wait_status;
	if (ev == NWB_SERVER_DIED)
		atomic_store(&r->server_died, true);
}

static bool is_cifs(const struct rec *r)
{
	return !strcmp(r->o->fs, "cifs");
}

static int start_server(struct rec *r)
{
	struct nwb_server_opts so = {
		.name = is_cifs(r) ? "smbd" : "diod",
		.ledger_fd = -1,
		.tap = true,
		.on_event = on_server,
		.event_arg = r,
	};
	char shim[4096];
	int rc;

	rc = nwb_fc_create(&r->page_fd, &r->page);
	if (rc)
		return nwb_err_set(r->err, rc, "shared page: %s",
				   strerror(-rc));
	if (r->o->job->plan[0]) {
		rc = bench_plan_text(r->o->job->name, r->o->job->plan, &r->plan,
				     r->err);
		if (!rc)
			rc = nwb_plan_compile(r->plan, r->page, so.name,
					      r->err);
		if (rc)
			return rc;
	}
	rc = bench_shim_path(shim, sizeof(shim), r->err);
	if (rc)
		return rc;
	so.shim_path = shim;
	so.ctl_fd = r->page_fd;
	return nwb_server_start(&so, &r->srv, r->err);
}

static void make_mount(struct rec *r)
{
	const char *more = r->o->job->options;
	struct nwb_server_info info;

	nwb_server_info(r->srv, &info);
	if (is_cifs(r))
		snprintf(r->mount, sizeof(r->mount),
			 "mount cifs //" NWB_TAP_ADDR "/%s /mnt "
			 "ip=" NWB_TAP_ADDR ",port=%u,username=%s,"
			 "password=%s,vers=3.1.1,cache=strict%s%s",
			 info.share, info.port, info.user, info.password,
			 *more ? "," : "", more);
	else
		snprintf(r->mount, sizeof(r->mount),
			 "mount 9p " NWB_TAP_ADDR " /mnt trans=tcp,"
			 "port=%u,aname=%s,uname=%s,access=user,"
			 "version=9p2000.L,msize=65536,cache=loose,ignoreqv"
			 "%s%s",
			 info.port, info.share, info.user, *more ? "," : "",
			 more);
}

static int make_job(struct rec *r)
{
	char on[1024], off[512];
	uint8_t key[16];
	char hex[33];

	bench_key(1, key);
	for (unsigned int i = 0; i < sizeof(key); i++)
		snprintf(hex + 2 * i, 3, "%02x", key[i]);
	nwb_ktrace_verbs_on(r->o->fs, false, on, sizeof(on));
	nwb_ktrace_verbs_off(r->o->fs, off, sizeof(off));
	if (asprintf(&r->job,
		     "key %s\nfile 1 /mnt/netwb.dat\n%s\n"
		     "echo 360000 /proc/sys/vm/dirty_writeback_centisecs\n"
		     "%s%s%sumount /mnt\ndone\n",
		     hex, r->mount, on, r->o->job->text, off) < 0) {
		r->job = NULL;
		return nwb_err_set(r->err, -ENOMEM, "no memory for a job");
	}
	return nwb_guest_job_check(r->job, r->err);
}

static void on_guest(void *arg, const struct nwb_machine_event *ev)
{
	struct rec *r = arg;

	if (ev->kind == NWB_MACHINE_EV_RECORD)
		nwb_krun_record(&r->run, ev->rec);
}

static int run_guest(struct rec *r)
{
	struct nwb_machine_opts mo = {
		.kernel = r->o->kernel,
		.srv = r->srv,
		.job = r->job,
		.console = r->o->console,
		.boot_ns = 300 * NWB_SEC, /* nobody waits for it */
		.limit_ns = 600 * NWB_SEC,
		.on_event = on_guest,
		.arg = r,
	};
	int rc = nwb_machine_start(&mo, &r->m, r->err);

	if (rc)
		return rc;
	rc = nwb_machine_wait(r->m, 0, &r->report);
	if (rc)
		return nwb_err_set(r->err, rc, "the guest: %s", strerror(-rc));
	if (r->report.end != NWB_MACHINE_DONE)
		return nwb_err_set(r->err, -EIO, "the guest: %s: %s",
				   nwb_machine_end_name(r->report.end),
				   r->report.why);
	if (r->report.done.rc || r->report.done.failed)
		return nwb_err_set(r->err, -EIO,
				   "the job: %u operations failed: %s",
				   r->report.done.failed, r->report.done.text);
	for (unsigned int i = 0; r->plan && i < r->plan->nr_rules; i++)
		if (!nwb_fc_hits(r->page, i))
			return nwb_err_set(r->err, -ENODATA,
					   "the plan never fired (%s)",
					   r->o->job->plan);
	return 0;
}

/* The password of a run's server is worth nothing, but it looks like a secret
 * and changes from run to run, as the port does. */
static int fill_head(const struct rec *r, struct nwb_ktrace *t)
{
	struct nwb_ktrace_head *h = &t->head;
	const char *opts = strstr(r->mount, is_cifs(r) ? "vers=" : "version=");
	char *delta;
	int rc;

	snprintf(h->kernel, sizeof(h->kernel), "%s", r->o->kernel->release);
	snprintf(h->workload, sizeof(h->workload), "%s", r->o->job->name);
	snprintf(h->lane, sizeof(h->lane), "%s",
		 nwb_kernel_kind_name(r->o->kernel->kind));
	snprintf(h->fs, sizeof(h->fs), "%s", r->o->fs);
	rc = nwb_ktrace_head_set(&h->mount, opts ? opts : "");
	if (!rc)
		rc = nwb_ktrace_head_set(&h->job, r->o->job->text);
	delta = rc ? NULL : nwb_krun_delta(&r->run);
	if (!rc && (!delta || nwb_ktrace_head_set(&h->stat, delta)))
		rc = -ENOMEM;
	free(delta);
	return rc;
}

static int make_trace(struct rec *r, struct nwb_ktrace *t)
{
	const struct nwb_ktext text = {r->run.trace.p, r->run.trace.n};
	int rc = fill_head(r, t);

	if (!rc)
		rc = nwb_ktrace_add_text(t, text);
	if (rc)
		return nwb_err_set(r->err, rc, "the trace: %s", strerror(-rc));
	if (t->lost || r->run.cut)
		return nwb_err_set(r->err, -ENOBUFS,
				   "%llu events and %llu bytes of the trace "
				   "are lost: it is no reference",
				   (unsigned long long)t->lost,
				   (unsigned long long)r->run.cut);
	if (!t->nr)
		return nwb_err_set(r->err, -ENODATA,
				   "the guest's trace (%zu bytes) has no "
				   "writeback in it",
				   text.n);
	return 0;
}

/* The fault has fired, and the kernel has told the program of an error. */
static bool lost_race(const struct rec *r)
{
	return r->plan && r->report.end == NWB_MACHINE_DONE &&
	       !r->report.done.rc && r->report.done.failed;
}

static int attempt(const struct kr_run_opts *o, struct nwb_ktrace *t,
		   bool *ret_again, struct nwb_err *err)
{
	struct rec r = {.o = o, .err = err, .page_fd = -1};
	struct nwb_err raw_err = {0};
	int rc = start_server(&r);

	if (!rc) {
		make_mount(&r);
		rc = make_job(&r);
	}
	if (!rc)
		rc = run_guest(&r);
	if (!rc)
		rc = make_trace(&r, t);
	*ret_again = rc && (atomic_load(&r.server_died) || lost_race(&r));
	if (rc && atomic_load(&r.server_died))
		nwb_err_wrap(err, rc, "the server ended by itself");
	/* also of what went wrong: that is when one looks at it */
	if (o->raw && nwb_krun_save(&r.run, o->raw, &raw_err) && !rc)
		rc = nwb_err_set(err, raw_err.code, "%s", raw_err.text);
	nwb_machine_free(r.m);
	nwb_server_free(r.srv);
	nwb_plan_free(r.plan);
	nwb_fc_unmap(r.page);
	if (r.page_fd >= 0)
		close(r.page_fd);
	nwb_krun_fini(&r.run);
	free(r.job);
	if (rc)
		nwb_ktrace_fini(t);
	return rc;
}

int kr_record(const struct kr_run_opts *o, struct nwb_ktrace *ret_t,
	      struct nwb_err *err)
{
	bool again = true;
	int rc = 0;

	for (unsigned int i = 0; again && i < ATTEMPTS; i++) {
		struct nwb_err e = {0};

		rc = attempt(o, ret_t, &again, &e);
		if (again && i + 1 < ATTEMPTS)
			fprintf(stderr, "netwb: %s: %s; once more\n",
				o->job->name, e.text);
		if (rc && err)
			*err = e;
	}
	return rc;
}
