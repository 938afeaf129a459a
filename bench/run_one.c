/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One run, from nothing to a judgement.
 *
 *	ledger, page ─► server up (rules armed) ─► subject ─► workload (window)
 *	   ▲                                                     │
 *	   │   heal ◄────────────────────────────────────────────┘
 *	   │     └► fsync again ─► close ─► client down ─► server quiet
 *	   └──────── judge ◄── export ◄──────────────────────┘
 *
 * A fake is a server in this process: there is nothing to arm, no export to be
 * judged, and its CPU time is the client's.
 *
 * Everything that a run makes hangs on struct run and goes with it.
 */
#include "bench_i.h"

#include "nwb/fake.h"
#include "nwb/faultctl.h"
#include "nwb/mem.h"
#include "nwb/netfs.h"
#include "nwb/trace.h"
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

/* Everything dirty is clean or reported so long after the faults are off. */
#define DRAIN_BOUND (10 * NWB_SEC)
#define FILE_NAME   "netwb.dat"

struct run {
	const struct bench_run_opts *o;
	struct bench_run_result *res;
	struct nwb_err *err;
	int rc;
	struct bench_ledgers l;
	struct bench_supervisor *sup;
	struct nwb_server *srv; /* NULL: @fake */
	struct bench_pin pin;
	struct bench_mirror mirror;
	struct nwb_fake *fake;
	struct bench_capture *capture;
	struct nwb_trace *trace;
	struct nwb_exec *ex;
	struct bench_dialer dialer;
	struct nwb_subject *subject;
	struct nwb_workload *work;
	struct nwb_openloop *ol; /* NULL: one write after the other */
	uint64_t bound_ns;	 /* of the drain after heal */
	_Atomic bool is_healed;
	bool may_repeat; /* another attempt can be made */
	bool is_void;	 /* this one says nothing: the server ended by itself */
};

#define ATTEMPTS 3u

static uint64_t drain_bound(const struct nwb_plan *plan)
{
	for (unsigned int i = 0; plan && i < plan->nr_expects; i++)
		if (plan->expect[i].kind == NWB_EXPECT_DRAIN)
			return plan->expect[i].nr;
	return DRAIN_BOUND;
}

static uint64_t ledger_slots(const struct bench_run_opts *o)
{
	uint64_t bytes = o->bytes ? o->bytes : o->workload->bytes_default;
	uint64_t ops = bytes / nwb_min(o->workload->block, 4096u) + 1;

	/* intents, effects, runs, both PDUs, sent, acked, and what is sent
	 * again; the file is sparse, unused slots cost nothing */
	return ops * 16 + 65536;
}

static int run_ledgers(struct run *r)
{
	const struct bench_run_opts *o = r->o;
	int rc = bench_ledgers_new(&r->l, FILE_NAME, ledger_slots(o), o->level,
				   o->seed, r->err);

	if (rc)
		return rc;
	bench_ledgers_crypt(&r->l, o->seed, o->crypto_unit);
	/* a plan of client words only is fine on a fake too */
	if (o->plan && (!bench_is_fake(o->server) || o->plan->nr_rules))
		return nwb_plan_compile_of(o->plan, r->l.page, o->server,
					   NWB_PLAN_FIRST, r->err);
	return 0;
}

static int run_server(struct run *r)
{
	const struct bench_run_opts *o = r->o;
	const struct nwb_plan *plan = o->plan;
	char shim[4096];
	struct nwb_server_opts so = {
		.name = o->server,
		.binary_path = o->server_binary,
		.isolation = o->isolation,
		.ctl_fd = -1,
		.ledger_fd = -1,
		.on_event = bench_supervisor_event,
	};
	struct nwb_server_info info;
	int rc;

	bench_server_opts(plan, &so);
	so.multichannel |= bench_channels(o) > 1;
	so.second_user = o->second_user;
	rc = bench_supervisor_start(&r->l.ledger, so.volatile_storage,
				    100 * NWB_MSEC, &r->sup);
	if (rc)
		return nwb_err_set(r->err, rc, "heartbeat: %s", strerror(-rc));
	so.event_arg = r->sup;
	if (bench_is_fake(o->server)) {
		snprintf(r->res->server_version, sizeof(r->res->server_version),
			 "(model, not evidence)");
		snprintf(r->res->isolation, sizeof(r->res->isolation),
			 "in process");
		return 0;
	}
	if (!o->no_shim) {
		rc = bench_shim_path(shim, sizeof(shim), r->err);
		if (rc)
			return rc;
		so.shim_path = shim;
		so.ctl_fd = r->l.page_fd;
		so.ledger_fd = o->no_ledger ? -1 : r->l.ledger_fd;
	}
	if (o->pin)
		rc = bench_pin_server(&r->pin, r->err);
	if (!rc)
		rc = nwb_server_start(&so, &r->srv, r->err);
	if (!rc)
		rc = bench_mirror_up(&r->mirror, o, FILE_NAME, ledger_slots(o),
				     r->err);
	if (!rc)
		rc = bench_pin_client(&r->pin, r->err);
	if (rc)
		return rc;
	nwb_server_info(r->srv, &info);
	snprintf(r->res->server_version, sizeof(r->res->server_version), "%s",
		 info.version);
	snprintf(r->res->isolation, sizeof(r->res->isolation), "%s",
		 info.isolation);
	snprintf(r->res->isolation_why, sizeof(r->res->isolation_why), "%s",
		 info.isolation_why);
	return 0;
}

/* The server inside this process: from here on its CPU time is ours. */
static int run_fake(struct run *r, struct nwb_subject_opts *so)
{
	const struct bench_run_opts *o = r->o;
	const struct nwb_fake_opts fo = {
		.reserve_bytes =
			(o->bytes ? o->bytes : o->workload->bytes_default) /
			o->workload->rounds,
		.proto = strcmp(o->server, "fake-9p") ? NWB_FAKE_SMB2
						      : NWB_FAKE_9P,
	};
	int rc = nwb_fake_new(r->ex, &fo, &r->fake);

	if (rc)
		return nwb_err_set(r->err, rc, "no memory for a fake server");
	so->dialer = nwb_fake_dialer(r->fake);
	so->is_9p = fo.proto == NWB_FAKE_9P;
	so->share = "s";
	so->anonymous = true;
	return 0;
}

static void run_real(struct run *r, struct nwb_subject_opts *so)
{
	struct nwb_server_info info;

	nwb_server_info(r->srv, &info);
	bench_dialer_init(&r->dialer, r->srv);
	so->is_9p = info.is_9p;
	so->share = info.share;
	so->user = info.user;
	so->uid = info.uid;
	so->password = info.password;
	so->second_user = info.second_user;
	so->mirror = r->mirror.srv ? &r->mirror.peer : NULL;
}

static int run_subject(struct run *r)
{
	const struct bench_run_opts *o = r->o;
	struct nwb_subject_opts so = {
		.dialer = &r->dialer.dialer,
		.ledger = &r->l.ledger,
		.trace = r->trace,
	};
	int rc = 0;

	if (r->srv)
		run_real(r, &so);
	else
		rc = run_fake(r, &so);
	if (rc)
		return rc;
	bench_client_opts(o, &so);
	if (o->crypto_unit)
		so.crypto_key = r->l.ledger.hdr->crypt_key;
	rc = nwb_subject_new(r->ex, &so, &r->subject, r->err);
	if (!rc)
		bench_plant(r->subject, &o->plant, r->srv);
	return rc;
}

/* Writes that the server still parks belong to the run: wait for their end.
 * A killed process of smbd leaves some without one, hence the limit. */
static void wait_quiet(struct run *r)
{
	for (int i = 0; i < 200; i++) {
		if (!bench_is_busy(&r->l.ledger) &&
		    (!r->mirror.srv || !bench_is_busy(&r->mirror.l.ledger)))
			return;
		nwb_sleep_until(r->ex, nwb_now_ns(r->ex) + 5 * NWB_MSEC);
	}
}

static void heal_once(void *arg)
{
	struct run *r = arg;

	if (atomic_exchange(&r->is_healed, true))
		return;
	bench_heal(r->l.page, &r->l.ledger, r->bound_ns);
	if (r->mirror.srv)
		bench_heal(r->mirror.l.page, &r->mirror.l.ledger, r->bound_ns);
}

static int run_judge(struct run *r);

/* The watchdog's last word: judged as it stands. */
static void told_hang(void *arg)
{
	struct run *r = arg;
	struct nwb_err err = {0};

	r->err = &err;
	if (run_judge(r))
		fprintf(stderr, "netwb: %s\n", err.text);
	if (r->o->on_hang)
		r->o->on_hang(r->o->hang_arg, r->o, r->res);
	_exit(NWB_EXIT_FAIL);
}

static int start_watchdog(struct run *r, struct bench_watchdog **ret_dog)
{
	/* what a client may rightly wait for, and some time for itself; a hard
	 * one waits for as long as it likes, but not here */
	uint64_t limit = r->res->policy.hard
				 ? 60 * NWB_SEC
				 : r->res->policy.patience_ns + 15 * NWB_SEC;

	return bench_watchdog_start(&r->l.ledger, r->sup, limit, r->bound_ns,
				    heal_once, told_hang, r, ret_dog);
}

/* The measured window. */
static int drive(struct run *r)
{
	struct bench_run_result *res = r->res;
	int rc;

	if (!r->ol)
		return nwb_workload_run(r->work, r->subject, bench_cpu_ns,
					&res->work, r->err);
	/* whoever keeps a schedule must wake up in time; of this thread only,
	 * and the server is a process already */
	prctl(PR_SET_TIMERSLACK, 1);
	rc = nwb_openloop_run(r->ol, r->subject, bench_cpu_ns, &res->work,
			      &res->load, r->err);
	prctl(PR_SET_TIMERSLACK, 0);
	return rc;
}

/* The task: client up, workload, heal, client down. */
static void run_client(void *arg)
{
	struct run *r = arg;
	struct bench_run_result *res = r->res;
	struct bench_phases *phases = NULL;
	struct bench_intruder *intruder = NULL;
	struct bench_watchdog *dog = NULL;
	uint64_t cpu0 = 0, cpu1 = 0;
	bool has_cpu;

	r->rc = run_subject(r);
	if (!r->rc && r->srv && r->o->plan && nwb_fc_refusal(r->l.page))
		r->rc = nwb_err_set(r->err, -EOPNOTSUPP, "%s",
				    nwb_fc_refusal(r->l.page));
	if (r->rc) {
		nwb_subject_free(r->subject);
		nwb_fake_free(r->fake);
		r->subject = NULL;
		return;
	}
	res->policy = r->subject->policy;
	res->mirror_policy = r->subject->mirror_policy;
	if (r->o->turns_fd)
		bench_turns_next(r->o->turns_fd);
	r->rc = start_watchdog(r, &dog);
	if (r->rc)
		return;
	r->rc = bench_phases_start(r->o->plan, r->l.page, &r->l.ledger,
				   r->mirror.srv ? &r->mirror.l : NULL,
				   r->bound_ns, &phases);
	if (r->rc)
		goto out;
	r->rc = bench_intruder_start(r->o->plan, &r->l, r->srv, FILE_NAME,
				     &intruder);
	if (r->rc)
		goto out;
	has_cpu = r->srv && !nwb_server_cpu_ns(r->srv, &cpu0);
	bench_meters_read(&res->meters);
	r->rc = drive(r);
	bench_meters_since(&res->meters);
	has_cpu = has_cpu && !nwb_server_cpu_ns(r->srv, &cpu1);
	res->server_cpu_ns = has_cpu ? cpu1 - cpu0 : UINT64_MAX;
	if (r->o->turns_fd)
		bench_turns_wait(*r->o->turns_fd, BENCH_TURN_DONE);
	if (bench_phases_stop(phases))
		atomic_store(&r->is_healed, true);
	if (!r->rc) {
		if (r->o->plan)
			heal_once(r);
		if (r->o->plan || res->work.first_error)
			res->final_error =
				nwb_workload_fsync(r->work, r->subject);
		nwb_workload_close(r->work, r->subject, &res->work);
	}
	r->subject->ops->stats(r->subject, &res->stats);
out:
	res->nr_intruded = bench_intruder_stop(intruder, res->trouble,
					       sizeof(res->trouble));
	nwb_subject_free(r->subject);
	r->subject = NULL;
	nwb_fake_free(r->fake);
	wait_quiet(r);
	bench_watchdog_stop(dog);
}

/* For people to look at; nothing judges by it. */
static int make_timeline(struct run *r)
{
	const struct nwb_ledger_hdr *h = r->l.ledger.hdr;
	/* what a run in turns took is without its pauses; records are not */
	uint64_t span = r->o->turns_fd ? 0 : r->res->work.durable_ns;
	int rc = nwb_timeline_make(h->slot, nwb_ledger_count(&r->l.ledger),
				   r->res->nr_rules, span, &r->res->timeline);

	return rc ? nwb_err_set(r->err, rc, "time line: %s", strerror(-rc)) : 0;
}

/* Before the judgement: what it says shall not keep the capture away. */
static int end_capture(struct run *r)
{
	struct bench_capture *c = r->capture;

	r->capture = NULL;
	return bench_capture_end(c, &r->l.ledger, r->o->plan, r->res->capture,
				 sizeof(r->res->capture), r->err);
}

/* The server's own end: is there anything to be had from this attempt? */
static int judge_void(struct run *r, const struct bench_judge_in *in)
{
	struct bench_run_result *res = r->res;
	int rc = 0;

	if (!bench_server_died(&r->l.ledger, r->o->server, res->died,
			       sizeof(res->died)) &&
	    !(r->mirror.srv &&
	      bench_server_died(&r->mirror.l.ledger, r->o->mirror, res->died,
				sizeof(res->died))))
		return 0;
	if (!res->trouble[0])
		snprintf(res->trouble, sizeof(res->trouble), "%s", res->died);
	if (!r->may_repeat)
		return 0;
	if (r->o->judge)
		rc = bench_judge(in, &res->judgement, r->err);
	r->is_void = !rc && res->judgement.verdict != NWB_FAIL;
	return rc;
}

/* Where the user wants them. */
static int keep_ledgers(struct run *r)
{
	const char *path = r->o->ledger_path;
	char mirror[4096];
	int rc;

	if (!path)
		return 0;
	rc = bench_keep_ledger(&r->l.ledger, path, r->err);
	if (rc || !r->mirror.srv)
		return rc;
	snprintf(mirror, sizeof(mirror), "%s" BENCH_MIRROR_LEDGER, path);
	return bench_keep_ledger(&r->mirror.l.ledger, mirror, r->err);
}

static int run_judge(struct run *r)
{
	struct bench_run_result *res = r->res;
	struct bench_judge_in in = {
		.srv = r->srv,
		.ledger = &r->l.ledger,
		.policy = &res->policy,
		.plan = r->o->plan,
		.page = r->l.page,
		.key = r->l.key,
		.file = FILE_NAME,
		.file_id = r->l.file_id,
		.drain_bound_ns = r->bound_ns,
	};
	int rc;

	res->nr_rules = r->o->plan ? r->o->plan->nr_rules : 0;
	for (unsigned int i = 0; i < res->nr_rules; i++)
		res->hits[i] = nwb_fc_hits(r->o->plan->rule[i].is_mirror
						   ? r->mirror.l.page
						   : r->l.page,
					   i);
	if (r->mirror.srv)
		bench_trouble(r->mirror.l.page, r->res->trouble,
			      sizeof(r->res->trouble));
	if (r->srv)
		bench_trouble(r->l.page, r->res->trouble,
			      sizeof(r->res->trouble));
	if (r->srv && (r->o->plan || !r->o->no_shim) &&
	    nwb_fc_refusal(r->l.page))
		return nwb_err_set(r->err, -EOPNOTSUPP, "%s",
				   nwb_fc_refusal(r->l.page));
	bench_supervisor_quiet(r->sup);
	nwb_ledger_point(&r->l.ledger,
			 &(struct nwb_lrec){.kind = NWB_L_RUN_END});
	bench_mirror_quiet(&r->mirror);
	rc = judge_void(r, &in);
	if (rc || r->is_void)
		return rc;
	rc = make_timeline(r);
	if (rc)
		return rc;
	rc = keep_ledgers(r);
	if (rc)
		return rc;
	rc = end_capture(r);
	if (!rc && r->trace)
		rc = bench_trace_keep(r->trace, r->o->trace_path, r->err);
	if (!rc)
		rc = bench_mirror_compare(&r->mirror, r->srv, FILE_NAME, res,
					  r->err);
	if (rc || !r->o->judge)
		return rc;
	rc = bench_judge(&in, &res->judgement, r->err);
	if (!rc)
		rc = bench_mirror_judge(&r->mirror, r->o, FILE_NAME,
					r->bound_ns, res, r->err);
	res->is_judged = !rc;
	if (!rc)
		bench_judge_sides(res, r->l.file_id);
	if (!rc)
		bench_keep_failed(res->is_mirror_guilty ? &r->mirror.l.ledger
							: &r->l.ledger,
				  r->o, res);
	return rc;
}

static int run_all(struct run *r)
{
	const struct bench_run_opts *o = r->o;
	struct nwb_workload_opts wo = {
		.desc = o->workload,
		.bytes = o->bytes,
		.fsyncs = o->fsyncs,
		.seed = o->seed,
		.file = FILE_NAME,
		.key = r->l.key,
		.ledger = &r->l.ledger,
		.mirror = o->mirror[0] ? &r->mirror.l.ledger : NULL,
		.pause = o->turns_fd ? bench_turns_next : NULL,
		.pause_arg = o->turns_fd,
	};
	int rc = run_ledgers(r);

	if (rc)
		return rc;
	wo.file_id = r->l.file_id;
	rc = nwb_workload_prepare(&wo, &r->work, r->err);
	if (rc)
		return rc;
	rc = run_server(r);
	if (rc)
		return rc;
	if (o->capture_path)
		rc = bench_capture_start(r->srv, o->capture_path, NULL, NULL,
					 &r->capture, r->err);
	if (!rc && o->trace_path) {
		r->trace = bench_trace_new();
		if (!r->trace)
			rc = nwb_err_set(r->err, -ENOMEM, "trace: no memory");
	}
	if (!rc)
		rc = nwb_exec_real_new(NULL, &r->ex, r->err);
	if (rc)
		return rc;
	if (o->load) {
		rc = nwb_openloop_new(r->ex, r->work, &o->load->ol, &r->ol,
				      r->err);
		if (rc)
			return rc;
	}
	snprintf(r->res->io, sizeof(r->res->io), "%s", nwb_exec_io_name(r->ex));
	rc = nwb_exec_run(r->ex, run_client, r, 0, r->err);
	if (!rc)
		rc = r->rc;
	if (!rc)
		rc = run_judge(r);
	return rc;
}

/* Return: as bench_run_one(); *@ret_void: nothing is to be learnt from it. */
static int attempt(const struct bench_run_opts *o, bool may_repeat,
		   struct bench_run_result *ret, bool *ret_void,
		   struct nwb_err *err)
{
	struct run *r = nwb_zalloc(sizeof(*r));
	int rc;

	if (!r)
		return nwb_err_set(err, -ENOMEM, "no memory for a run");
	memset(ret, 0, sizeof(*ret));
	ret->server_cpu_ns = UINT64_MAX;
	r->o = o;
	r->res = ret;
	r->err = err;
	r->l.ledger_fd = -1;
	r->l.page_fd = -1;
	bench_mirror_init(&r->mirror);
	r->may_repeat = may_repeat;
	r->bound_ns = drain_bound(o->plan);
	rc = bench_needs(o, ret->skip, sizeof(ret->skip), err);
	if (!rc)
		rc = run_all(r);
	else if (rc > 0)
		rc = 0;
	/* It may have ended before there was anything to judge. */
	if (rc && may_repeat && r->l.ledger.hdr)
		r->is_void = bench_server_died(&r->l.ledger, o->server,
					       ret->died, sizeof(ret->died));
	*ret_void = r->is_void;
	bench_capture_drop(r->capture);
	if (r->ex)
		nwb_exec_free(r->ex);
	nwb_server_free(r->srv);
	bench_mirror_down(&r->mirror);
	bench_pin_none(&r->pin);
	bench_supervisor_stop(r->sup);
	nwb_trace_free(r->trace);
	nwb_openloop_free(r->ol);
	nwb_workload_free(r->work);
	bench_ledgers_fini(&r->l);
	nwb_free(r);
	return rc;
}

int bench_run_one(const struct bench_run_opts *o, struct bench_run_result *ret,
		  struct nwb_err *err)
{
	char died[sizeof(ret->died)] = "";
	bool is_void = true;
	unsigned int i;
	int rc = 0;

	for (i = 0; is_void; i++) {
		rc = attempt(o, i + 1 < ATTEMPTS, ret, &is_void, err);
		if (ret->died[0])
			memcpy(died, ret->died, sizeof(died));
	}
	ret->nr_died = i - 1;
	memcpy(ret->died, died, sizeof(died));
	return rc;
}
