/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One run with a guest.
 *
 *	ledger, page ─► server up (tap, rules armed) ─► guest boots with its job
 *	   ▲                                               │ machine's thread:
 *	   │   intents ◄───────── records ◄────────────────┤ records, console
 *	   │                                               ▼ notes
 *	   │   WAIT: actor, heal ─► GO ──────────────► this thread
 *	   │   its end, or the limit: heal, a bound later the guest is stopped
 *	   └── judge ◄── export ◄── server quiet
 *
 * The machine's thread only writes records down; whatever may block is done by
 * this one.
 */
#include "check_kernel.h"

#include "nwb/faultctl.h"
#include "nwb/intents.h"
#include "nwb/ktrace.h"
#include "nwb/mem.h"
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ATTEMPTS    3u
#define DRAIN_BOUND (10 * NWB_SEC)
#define LIMIT	    (40 * NWB_SEC)
#define SLOTS	    (1ull << 20) /* sparse; what is not used costs nothing */
#define NOTES_MAX   256u
#define JOB_MAX	    16384u

/* What the machine's thread has for this one. */
struct note {
	bool is_wait;
	char name[NWB_CHAN_NAME_MAX + 1];
};

struct run {
	const struct kc_run_opts *o;
	struct kc_run_result *res;
	struct nwb_err *err;
	struct bench_ledgers l;
	struct bench_supervisor *sup;
	struct nwb_server *srv;
	struct bench_capture *capture;
	struct bench_phases *phases;
	struct nwb_intents intents;
	struct nwb_machine *machine;
	struct kc_actor *actor;
	struct kc_fuse fuse;
	bool is_fuse;
	struct nwb_krun krun;
	FILE *said;
	uint64_t bound_ns;
	uint64_t t_healed; /* 0: not yet */
	bool may_repeat, is_void;

	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct note note[NOTES_MAX];
	unsigned int first, nr;
	unsigned int nr_dropped;
	uint64_t t_first; /* when the guest spoke first; 0: not yet */
	uint64_t t_op;	  /* when it told of an operation last */
	bool has_ended;
	int intents_rc;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NWB_SEC + (uint64_t)ts.tv_nsec;
}

/* --- on the machine's thread ---------------------------------------------- */

static void note_down(struct run *r, const struct nwb_chan_rec *rec)
{
	struct note *n;

	pthread_mutex_lock(&r->lock);
	n = &r->note[(r->first + r->nr) % NOTES_MAX];
	if (r->nr == NOTES_MAX || nwb_chan_get_name(rec, n->name)) {
		r->nr_dropped++;
	} else {
		n->is_wait = rec->type == NWB_CHAN_WAIT;
		r->nr++;
	}
	pthread_cond_signal(&r->wake);
	pthread_mutex_unlock(&r->lock);
}

static void on_record(struct run *r, const struct nwb_chan_rec *rec)
{
	int rc = nwb_intents_record(&r->intents, rec);

	if (rc && !r->intents_rc)
		r->intents_rc = rc;
	if (r->is_fuse)
		kc_fuse_record(&r->fuse, rec);
	nwb_krun_record(&r->krun, rec);
	switch (rec->type) {
	case NWB_CHAN_MARK:
	case NWB_CHAN_WAIT:
		note_down(r, rec);
		break;
	case NWB_CHAN_SAY:
		fprintf(r->said, "%.*s\n", (int)rec->len,
			(const char *)rec->payload);
		break;
	default:
		break;
	}
}

static void on_event(void *arg, const struct nwb_machine_event *ev)
{
	struct run *r = arg;

	if (ev->kind == NWB_MACHINE_EV_ECHO) {
		nwb_intents_echo(&r->intents, ev->nr);
		return;
	}
	if (ev->kind == NWB_MACHINE_EV_RECORD)
		on_record(r, ev->rec);
	pthread_mutex_lock(&r->lock);
	if (!r->t_first && ev->kind == NWB_MACHINE_EV_RECORD)
		r->t_first = ev->host_ns;
	if (ev->kind == NWB_MACHINE_EV_RECORD &&
	    (ev->rec->type == NWB_CHAN_OP_BEGIN ||
	     ev->rec->type == NWB_CHAN_OP_END))
		r->t_op = ev->host_ns;
	if (ev->kind == NWB_MACHINE_EV_END) {
		r->has_ended = true;
		pthread_cond_signal(&r->wake);
	}
	pthread_mutex_unlock(&r->lock);
}

/* --- waiting -------------------------------------------------------------- */

static void heal_once(struct run *r)
{
	if (r->t_healed)
		return;
	kc_actor_stop(r->actor);
	/* a phase may have done it */
	if (!bench_phases_stop(r->phases))
		bench_heal(r->l.page, &r->l.ledger, r->bound_ns);
	r->phases = NULL;
	if (r->is_fuse && nwb_machine_fuse(r->machine, "well")) {
		pthread_mutex_lock(&r->lock);
		r->nr_dropped++;
		pthread_mutex_unlock(&r->lock);
	}
	r->t_healed = now_ns();
}

static void take_note(struct run *r, const struct note *n)
{
	kc_actor_mark(r->actor, n->name);
	if (!strcmp(n->name, "heal"))
		heal_once(r);
	/* a guest that was killed meanwhile waits no longer */
	if (n->is_wait && nwb_machine_go(r->machine, n->name))
		return;
}

/* The next note, for at most @ns. Return: 1; 0: none; -1: the guest has ended
 * and there is none left. */
static int next_note(struct run *r, uint64_t ns, struct note *ret)
{
	struct timespec ts;
	int rc = 0;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	ns += (uint64_t)ts.tv_nsec;
	ts.tv_sec += (time_t)(ns / NWB_SEC);
	ts.tv_nsec = (long)(ns % NWB_SEC);
	pthread_mutex_lock(&r->lock);
	while (!r->nr && !r->has_ended && !rc)
		rc = pthread_cond_timedwait(&r->wake, &r->lock, &ts);
	if (r->nr) {
		*ret = r->note[r->first];
		r->first = (r->first + 1) % NOTES_MAX;
		r->nr--;
		rc = 1;
	} else {
		rc = r->has_ended ? -1 : 0;
	}
	pthread_mutex_unlock(&r->lock);
	return rc;
}

static bool is_over(uint64_t since, uint64_t limit)
{
	uint64_t now = now_ns();

	return since && now > since && now - since > limit;
}

/* Faults off, and for more than the bound no operation has ended or begun. */
static bool stands_still(const struct run *r, uint64_t t_op)
{
	uint64_t limit = r->bound_ns + r->bound_ns / 4 + 2 * NWB_SEC;

	return is_over(r->t_healed, limit) && is_over(t_op, limit);
}

/* Whatever the guest does, this ends (and so does the machine, by itself). */
static void attend(struct run *r)
{
	uint64_t limit = r->o->limit_ns ? r->o->limit_ns : LIMIT;
	uint64_t first, op;
	struct note n;

	for (;;) {
		bool looks = kc_actor_needs_look(r->actor);
		int rc = next_note(r, (looks ? 2 : 50) * NWB_MSEC, &n);

		if (rc < 0)
			return;
		if (rc)
			take_note(r, &n);
		if (looks)
			kc_actor_look(r->actor);
		pthread_mutex_lock(&r->lock);
		first = r->t_first;
		op = r->t_op ? r->t_op : first;
		pthread_mutex_unlock(&r->lock);
		if (is_over(first, limit))
			heal_once(r);
		if (stands_still(r, op)) {
			r->res->is_late = true;
			nwb_machine_stop(r->machine);
		}
	}
}

/* --- up and down ---------------------------------------------------------- */

static int make_ledgers(struct run *r)
{
	int rc =
		bench_ledgers_new(&r->l, KC_FILE, SLOTS, 1, r->o->seed, r->err);

	r->fuse = (struct kc_fuse){
		.plan = r->o->plan, .page = r->l.page, .ledger = &r->l.ledger};
	return rc ? rc
		  : nwb_plan_compile(r->o->plan, r->l.page,
				     r->o->cell.mount->server, r->err);
}

static int make_server(struct run *r)
{
	char shim[4096];
	struct nwb_server_opts so = {
		.name = r->o->cell.mount->server,
		.isolation = r->o->isolation,
		.shim_path = shim,
		.ctl_fd = r->l.page_fd,
		.ledger_fd = r->l.ledger_fd,
		.on_event = bench_supervisor_event,
		.tap = true,
	};
	struct nwb_server_info info;
	int rc = bench_shim_path(shim, sizeof(shim), r->err);

	if (rc)
		return rc;
	bench_server_opts(r->o->plan, &so);
	/* what a guest does to it is no reason for it to die (diod, SIGPIPE) */
	so.ignore_sigpipe = true;
	rc = bench_supervisor_start(&r->l.ledger, so.volatile_storage,
				    100 * NWB_MSEC, &r->sup);
	if (rc)
		return nwb_err_set(r->err, rc, "heartbeat: %s", strerror(-rc));
	so.event_arg = r->sup;
	rc = nwb_server_start(&so, &r->srv, r->err);
	if (rc)
		return rc;
	nwb_server_info(r->srv, &info);
	snprintf(r->res->server_version, sizeof(r->res->server_version), "%s",
		 info.version);
	snprintf(r->res->isolation, sizeof(r->res->isolation), "%s",
		 info.isolation);
	return 0;
}

/* A file of the run's directory. */
static const char *in_dir(const struct run *r, const char *name, char *buf,
			  size_t size)
{
	snprintf(buf, size, "%s/%s", r->o->dir, name);
	return buf;
}

static int open_files(struct run *r)
{
	char path[4400];

	r->said = fopen(in_dir(r, "said", path, sizeof(path)), "we");
	if (!r->said)
		return nwb_err_set(r->err, -errno, "%s: %s", path,
				   strerror(errno));
	return bench_capture_start(
		r->srv, in_dir(r, "wire.pcapng", path, sizeof(path)),
		NWB_TAP_NAME, "netwb check --kernel", &r->capture, r->err);
}

static int keep_text(const struct run *r, const char *name, const char *text)
{
	char path[4400];
	FILE *f = fopen(in_dir(r, name, path, sizeof(path)), "we");
	int rc = f && fputs(text, f) >= 0 ? 0 : -EIO;

	if (f && fclose(f))
		rc = -EIO;
	return rc ? nwb_err_set(r->err, rc, "%s: cannot be written", path) : 0;
}

static int make_guest(struct run *r)
{
	char job[JOB_MAX], console[4400];
	struct nwb_machine_opts mo = {
		.kernel = r->o->kernel,
		.srv = r->srv,
		.job = job,
		.console = in_dir(r, "console", console, sizeof(console)),
		.mem_mib = r->o->memory,
		.ledger = &r->l.ledger,
		.limit_ns = (r->o->limit_ns ? r->o->limit_ns : LIMIT) +
			    2 * r->bound_ns + 90 * NWB_SEC,
		.on_event = on_event,
		.arg = r,
	};
	struct nwb_server_info info;
	struct kc_actor_opts ao = {.plan = r->o->plan,
				   .page = r->l.page,
				   .ledger = &r->l.ledger,
				   .srv = r->srv,
				   .is_fuse = r->is_fuse};
	int rc;

	nwb_server_info(r->srv, &info);
	rc = kc_job_text(r->o, &info, r->l.key, job, sizeof(job), r->err);
	if (!rc)
		rc = keep_text(r, "job", job);
	if (!rc)
		rc = nwb_guest_job_check(job, r->err);
	nwb_intents_init(&r->intents, &r->l.ledger);
	if (!rc)
		rc = nwb_machine_start(&mo, &r->machine, r->err);
	if (rc)
		return rc;
	ao.machine = r->machine;
	rc = kc_actor_new(&ao, &r->actor);
	return rc ? nwb_err_set(r->err, rc, "no memory") : 0;
}

static void wait_quiet(struct run *r)
{
	const struct timespec tick = {.tv_nsec = 5 * NWB_MSEC};

	for (int i = 0; i < 200 && bench_is_busy(&r->l.ledger); i++)
		nanosleep(&tick, NULL);
}

/* --- the end -------------------------------------------------------------- */

static int end_files(struct run *r)
{
	char prefix[4400];
	bool is_bad = ferror(r->said);

	is_bad |= fclose(r->said) != 0;
	r->said = NULL;
	if (is_bad)
		return nwb_err_set(r->err, -EIO,
				   "what the guest says cannot be written");
	return nwb_krun_save(&r->krun, in_dir(r, "run", prefix, sizeof(prefix)),
			     r->err);
}

static int judge(struct run *r)
{
	struct kc_run_result *res = r->res;
	struct bench_judge_in in = {
		.srv = r->srv,
		.ledger = &r->l.ledger,
		.policy = &res->policy,
		.plan = r->o->plan,
		.page = r->l.page,
		.key = r->l.key,
		.file = KC_FILE,
		.file_id = r->l.file_id,
		.drain_bound_ns = r->bound_ns,
		/* 9p never comes back, and may say so (net/9p/client.c) */
		.may_stay_away = !strcmp(r->o->cell.mount->type, "9p"),
	};
	int rc = nwb_policy_linux(r->o->kernel->flavour, r->o->cell.mount->type,
				  res->mount, &res->policy, r->err);

	if (!rc && r->is_fuse)
		rc = kc_fuse_content(r->srv, &r->l.ledger, r->l.file_id,
				     KC_FILE, r->err);
	if (!rc)
		rc = bench_judge(&in, &res->judgement, r->err);
	res->is_judged = !rc;
	return rc;
}

/* Which errors the guest's program was told. */
static void find_told(struct run *r)
{
	const struct nwb_ledger_hdr *h = r->l.ledger.hdr;
	struct kc_run_result *res = r->res;
	uint64_t nr = nwb_ledger_count(&r->l.ledger);

	for (uint64_t i = 0; i < nr; i++) {
		const struct nwb_lrec *rec = &h->slot[i];
		unsigned int k = 0;
		int error = (int)-rec->result;

		if (atomic_load(&rec->state) != NWB_LS_ENDED ||
		    rec->kind < NWB_L_OPEN || rec->kind > NWB_L_CLOSE ||
		    rec->result >= 0)
			continue;
		while (k < res->nr_told && res->told[k].error != error)
			k++;
		if (k == KC_TOLD_MAX)
			continue;
		if (k == res->nr_told)
			res->told[res->nr_told++].error = error;
		res->told[k].nr++;
	}
}

static void find_trouble(struct run *r)
{
	char *buf = r->res->trouble;
	size_t size = sizeof(r->res->trouble);

	if (r->intents_rc)
		snprintf(buf, size, "the guest's records make no sense: %s",
			 nwb_errno_name(r->intents_rc));
	else if (r->nr_dropped)
		snprintf(buf, size, "%u marks or orders were lost",
			 r->nr_dropped);
	else if (kc_actor_trouble(r->actor)[0])
		snprintf(buf, size, "%s", kc_actor_trouble(r->actor));
	else
		bench_trouble(r->l.page, buf, size);
}

static int settle(struct run *r)
{
	struct kc_run_result *res = r->res;
	char path[4400];
	int rc;

	res->nr_rules = r->o->plan->nr_rules;
	for (unsigned int i = 0; i < res->nr_rules; i++)
		res->hits[i] = nwb_fc_hits(r->l.page, i);
	find_trouble(r);
	find_told(r);
	if (nwb_fc_refusal(r->l.page))
		return nwb_err_set(r->err, -EOPNOTSUPP, "%s",
				   nwb_fc_refusal(r->l.page));
	bench_supervisor_quiet(r->sup);
	nwb_ledger_point(&r->l.ledger,
			 &(struct nwb_lrec){.kind = NWB_L_RUN_END});
	if (bench_server_died(&r->l.ledger, r->o->cell.mount->server, res->died,
			      sizeof(res->died)) &&
	    !res->trouble[0])
		snprintf(res->trouble, sizeof(res->trouble), "%s", res->died);
	rc = judge(r);
	r->is_void = !rc && res->died[0] && r->may_repeat &&
		     res->judgement.verdict != NWB_FAIL;
	if (rc || r->is_void)
		return rc;
	unlink(in_dir(r, "run.ledger", path, sizeof(path)));
	rc = bench_keep_ledger(&r->l.ledger, path, r->err);
	if (!rc)
		rc = bench_capture_end(r->capture, &r->l.ledger, r->o->plan,
				       res->capture, sizeof(res->capture),
				       r->err);
	r->capture = NULL;
	return rc;
}

static int run_all(struct run *r)
{
	int rc = make_ledgers(r);

	if (!rc)
		rc = make_server(r);
	if (!rc)
		rc = open_files(r);
	if (!rc)
		rc = make_guest(r);
	if (!rc)
		rc = bench_phases_start(r->o->plan, r->l.page, &r->l.ledger,
					NULL, r->bound_ns, &r->phases);
	if (rc)
		return rc;
	attend(r);
	rc = nwb_machine_wait(r->machine, 0, &r->res->guest);
	heal_once(r);
	wait_quiet(r);
	if (!rc)
		rc = end_files(r);
	return rc ? rc : settle(r);
}

static void drop(struct run *r)
{
	bench_phases_stop(r->phases);
	kc_actor_free(r->actor);
	nwb_machine_free(r->machine);
	bench_capture_drop(r->capture);
	if (r->said)
		fclose(r->said);
	nwb_krun_fini(&r->krun);
	nwb_server_free(r->srv);
	bench_supervisor_stop(r->sup);
	bench_ledgers_fini(&r->l);
	pthread_cond_destroy(&r->wake);
	pthread_mutex_destroy(&r->lock);
	nwb_free(r);
}

static uint64_t drain_bound(const struct nwb_plan *plan)
{
	for (unsigned int i = 0; i < plan->nr_expects; i++)
		if (plan->expect[i].kind == NWB_EXPECT_DRAIN)
			return plan->expect[i].nr;
	return DRAIN_BOUND;
}

static int attempt(const struct kc_run_opts *o, bool may_repeat,
		   struct kc_run_result *ret, bool *ret_void,
		   struct nwb_err *err)
{
	struct run *r = nwb_zalloc(sizeof(*r));
	pthread_condattr_t attr;
	int rc;

	*ret_void = false;
	if (!r)
		return nwb_err_set(err, -ENOMEM, "no memory for a run");
	memset(ret, 0, sizeof(*ret));
	snprintf(ret->mount, sizeof(ret->mount), "%s", o->mount_options);
	r->o = o;
	r->res = ret;
	r->err = err;
	r->l.ledger_fd = r->l.page_fd = -1;
	r->may_repeat = may_repeat;
	r->bound_ns = drain_bound(o->plan);
	r->is_fuse = kc_is_fuse(o->cell.mount);
	pthread_mutex_init(&r->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&r->wake, &attr);
	pthread_condattr_destroy(&attr);
	rc = run_all(r);
	/* it may have ended before there was anything to judge */
	if (rc && may_repeat && r->l.ledger.hdr)
		r->is_void =
			bench_server_died(&r->l.ledger, o->cell.mount->server,
					  ret->died, sizeof(ret->died));
	*ret_void = r->is_void;
	drop(r);
	return rc;
}

int kc_run_one(const struct kc_run_opts *o, struct kc_run_result *ret,
	       struct nwb_err *err)
{
	uint64_t begun = now_ns();
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
	ret->wall_ns = now_ns() - begun;
	return rc;
}
