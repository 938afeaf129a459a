/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mirror of a run: a server of its own, with a shim, a page of rules and a
 * ledger of its own, judged by itself.
 *
 *	workload ─ intents ─┬─► ledger of the run ◄── shim in the server
 *	                    └─► the mirror's      ◄── shim in the mirror
 *	client ─ upload ────────► the run's         (its tap)
 *	      └─ mirror stream ─► the mirror's      (the tap of its own mount)
 *
 * What the mirror owes. Its user is the stream, which is given all that is
 * written and is told to make it durable behind each fsync. An fsync is ok for
 * the mirror unless it was left behind, whatever became of the upload: so O1 of
 * the one that is left says that a failure of the other did not stop it. Once it
 * was left behind it promises nothing more; what it had promised it still has.
 *
 * Not judged of a mirror: O6 and O12 (nobody is told anything by it, nobody
 * reads it), O8 and O15 (it may be given up at any time, and is not waited for).
 */
#include "bench_i.h"

#include "nwb/faultctl.h"

#include <stdio.h>
#include <string.h>

#define O(n)	   (1u << (n))
#define NOT_JUDGED (O(6) | O(8) | O(12) | O(15))

void bench_mirror_init(struct bench_mirror *m)
{
	m->l.ledger_fd = -1;
	m->l.page_fd = -1;
}

static int make_ledgers(struct bench_mirror *m, const struct bench_run_opts *o,
			const char *file, uint64_t slots, struct nwb_err *err)
{
	int rc = bench_ledgers_new(&m->l, file, slots, o->level, o->seed, err);

	if (rc)
		return rc;
	bench_ledgers_crypt(&m->l, o->seed, o->crypto_unit);
	return o->plan ? nwb_plan_compile_of(o->plan, m->l.page, o->mirror,
					     NWB_PLAN_MIRROR, err)
		       : 0;
}

/* Does a rule of it start the mirror again? */
static bool restarts(const struct nwb_plan *plan)
{
	for (unsigned int i = 0; plan && i < plan->nr_rules; i++)
		for (unsigned int a = 0; a < plan->rule[i].nr_actions; a++)
			if (plan->rule[i].is_mirror &&
			    plan->rule[i].action[a].kind == NWB_ACT_RESTART)
				return true;
	return false;
}

static int start(struct bench_mirror *m, const struct bench_run_opts *o,
		 struct nwb_err *err)
{
	char shim[4096];
	struct nwb_server_opts so = {
		.name = o->mirror,
		.isolation = o->isolation,
		.state_bytes = o->mirror_room,
		.ctl_fd = -1,
		.ledger_fd = -1,
		.auto_restart = restarts(o->plan),
		.restart_delay_ns = 50 * NWB_MSEC,
		.on_event = bench_supervisor_event,
		.event_arg = m->sup,
		.ignore_sigpipe = true,
	};
	int rc;

	if (!o->no_shim) {
		rc = bench_shim_path(shim, sizeof(shim), err);
		if (rc)
			return rc;
		so.shim_path = shim;
		so.ctl_fd = m->l.page_fd;
		so.ledger_fd = o->no_ledger ? -1 : m->l.ledger_fd;
	}
	return nwb_server_start(&so, &m->srv, err);
}

int bench_mirror_up(struct bench_mirror *m, const struct bench_run_opts *o,
		    const char *file, uint64_t slots, struct nwb_err *err)
{
	struct nwb_server_info info;
	int rc;

	if (!o->mirror[0])
		return 0;
	rc = make_ledgers(m, o, file, slots, err);
	if (!rc)
		rc = bench_supervisor_start(&m->l.ledger, false, 100 * NWB_MSEC,
					    &m->sup);
	if (!rc)
		rc = start(m, o, err);
	if (rc)
		return nwb_err_wrap(err, rc, "mirror");
	nwb_server_info(m->srv, &info);
	bench_dialer_init(&m->dialer, m->srv);
	m->peer = (struct nwb_subject_peer){
		.dialer = &m->dialer.dialer,
		.is_9p = info.is_9p,
		.share = info.share,
		.user = info.user,
		.uid = info.uid,
		.password = info.password,
		.ledger = &m->l.ledger,
	};
	return 0;
}

void bench_mirror_down(struct bench_mirror *m)
{
	nwb_server_free(m->srv);
	bench_supervisor_stop(m->sup);
	bench_ledgers_fini(&m->l);
	memset(m, 0, sizeof(*m));
	bench_mirror_init(m);
}

void bench_mirror_quiet(struct bench_mirror *m)
{
	if (!m->srv)
		return;
	bench_supervisor_quiet(m->sup);
	nwb_ledger_point(&m->l.ledger,
			 &(struct nwb_lrec){.kind = NWB_L_RUN_END});
}

/* --- verdict -------------------------------------------------------------- */

static void take(struct nwb_judgement *j, const struct nwb_finding *f)
{
	struct nwb_finding x = *f;

	snprintf(x.text, sizeof(x.text), "mirror: %s", f->text);
	bench_judgement_add(j, &x);
}

static unsigned int nr_failed(const struct nwb_judgement *j)
{
	return (unsigned int)__builtin_popcount(j->failed & ~NOT_JUDGED);
}

int bench_mirror_judge(struct bench_mirror *m, const struct bench_run_opts *o,
		       const char *file, uint64_t bound_ns,
		       struct bench_run_result *res, struct nwb_err *err)
{
	static struct nwb_judgement j;
	const struct bench_judge_in in = {
		.srv = m->srv,
		.ledger = &m->l.ledger,
		.policy = &res->mirror_policy,
		.plan = o->plan,
		.page = m->l.page,
		.key = m->l.key,
		.file = file,
		.file_id = m->l.file_id,
		.drain_bound_ns = bound_ns,
		.is_mirror = true,
	};
	int rc;

	/* without a shim nothing is known of what it was given */
	if (!m->srv || o->no_shim || o->no_ledger)
		return 0;
	if (nwb_fc_refusal(m->l.page))
		return nwb_err_set(err, -EOPNOTSUPP, "mirror: %s",
				   nwb_fc_refusal(m->l.page));
	rc = bench_judge(&in, &j, err);
	if (rc)
		return nwb_err_wrap(err, rc, "mirror");
	res->is_mirror_guilty = !res->judgement.failed && nr_failed(&j);
	for (unsigned int i = 0; i < j.nr_findings; i++)
		if (!(O(j.finding[i].oracle) & NOT_JUDGED))
			take(&res->judgement, &j.finding[i]);
	return 0;
}
