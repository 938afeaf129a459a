/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A world: build, run, heal, take down.
 *
 *	server ─ mount ─ open ─ faults on ─ tasks ─ join
 *	                                             │
 *	    oracles ─ take down ─ nothing is left ─ heal: all must converge
 *
 * A check that fails ends the world where it stands; what it had allocated is
 * left behind then.
 */
#include "sim_i.h"

#include "nwb/mem.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* After the faults have ended nothing takes so long. */
#define HEAL_NS	 (60 * NWB_SEC)
#define WORLD_NS (3600 * NWB_SEC)
/* So long after the last attempt a client forgets that the server was away. */
#define BLIND_NS (3 * NWB_SEC)

void sim_fail(struct sim_world *w, const char *check, const char *fmt, ...)
{
	va_list ap;

	if (w->r->check[0])
		return; /* the first one counts */
	snprintf(w->r->check, sizeof(w->r->check), "%s", check);
	va_start(ap, fmt);
	vsnprintf(w->r->text, sizeof(w->r->text), fmt, ap);
	va_end(ap);
	if (w->ex)
		nwb_exec_sim_stop(w->ex, -ECANCELED);
}

void sim_note(struct sim_world *w, const char *check, const char *fmt, ...)
{
	va_list ap;

	if (w->r->check[0])
		return;
	snprintf(w->r->check, sizeof(w->r->check), "%s", check);
	va_start(ap, fmt);
	vsnprintf(w->r->text, sizeof(w->r->text), fmt, ap);
	va_end(ap);
}

struct sim_file *sim_file_by_id(struct sim_world *w, uint32_t id)
{
	for (unsigned int i = 0; i < w->plan.nr_files; i++)
		if (w->file[i].id == id)
			return &w->file[i];
	return NULL;
}

struct sim_file *sim_file_by_name(struct sim_world *w, const char *name)
{
	for (unsigned int i = 0; i < w->plan.nr_files; i++)
		if (!strcmp(w->file[i].name, name))
			return &w->file[i];
	return NULL;
}

/* At the end of a critical section; from inside the scheduler's unlock. */
static int watch(void *arg, const struct nwb_mutex *m)
{
	struct sim_world *w = arg;
	struct nwb_netfs_broken b;

	if (w->r->check[0]) /* noted where nobody could stop */
		return -ECANCELED;
	if (nwb_netfs_check_section(w->check, m, &b))
		return 0;
	snprintf(w->r->check, sizeof(w->r->check), "%s",
		 nwb_netfs_rule_name(b.rule));
	snprintf(w->r->text, sizeof(w->r->text), "%s", b.text);
	return -ECANCELED;
}

/* --- build ---------------------------------------------------------------- */

static int make_file(struct sim_world *w, unsigned int i)
{
	struct sim_file *f = &w->file[i];
	uint64_t size = w->plan.initial;

	snprintf(f->name, sizeof(f->name), "f%u", i + 1);
	f->id = (uint16_t)(i + 1);
	f->max = w->plan.file_max;
	f->shadow = nwb_zalloc(f->max);
	f->unsure = nwb_zalloc(f->max);
	if (!f->shadow || !f->unsure)
		return -ENOMEM;
	nwb_mutex_init(&f->lock, w->ex, "sim file");
	nwb_stamp_fill(&w->key, f->id, 0, 0, f->shadow, size);
	f->size = size;
	return sim_crypt_put(w, f);
}

static int make_server(struct sim_world *w)
{
	const struct sim_plan *p = &w->plan;
	struct nwb_fake_opts fo = {
		.proto = p->is_9p ? NWB_FAKE_9P : NWB_FAKE_SMB2,
		.latency_ns = p->latency_ns,
		.buf_bytes = p->buf_bytes,
		.max_credits = p->max_credits,
		.max_write = p->max_write,
		.msize = p->msize,
		.nr_workers = p->nr_workers,
		.max_file_bytes =
			p->disk_bytes ? p->disk_bytes + p->initial : 0,
		.hole_bytes = p->base,
		.on_apply = sim_on_apply,
		.apply_arg = w,
		.decide = sim_decide,
		.on_event = sim_on_event,
		.arg = w,
	};
	int rc = nwb_fake_new(w->ex, &fo, &w->fake);

	for (unsigned int i = 0; !rc && i < p->nr_files; i++)
		rc = make_file(w, i);
	return rc;
}

static int make_mount(struct sim_world *w)
{
	const struct sim_plan *p = &w->plan;
	struct nwb_p9_opts po = {
		.dialer = nwb_fake_dialer(w->fake),
		.aname = "/",
		.uname = "sim",
		.msize = p->msize,
		.timeout_ns = p->timeout_ns,
		.settle_ns = p->settle_ns,
	};
	struct nwb_smb2_opts so = {
		.dialer = nwb_fake_dialer(w->fake),
		.server_name = "sim",
		.share = "s",
		.user = "",
		.password = "",
		.max_credits = p->credits,
		.timeout_ns = p->timeout_ns,
	};

	sim_tap_init(w);
	so.count_stale_credits = w->opts.mutants & SIM_MUT_CREDITS_TWICE;
	if (w->opts.mutants & SIM_MUT_NO_SETTLE)
		po.settle_ns = 1;
	if (p->is_9p)
		return nwb_mount_9p(w->ex, &po, &p->opts, &w->tap, &w->mnt,
				    w->setup_err);
	return nwb_mount_smb(w->ex, &so, &p->opts, &w->tap, &w->mnt,
			     w->setup_err);
}

static int make_tasks(struct sim_world *w)
{
	int rc = 0;

	for (unsigned int i = 0; !rc && i < w->plan.nr_tasks; i++) {
		struct sim_task_state *t = &w->task[i];

		t->w = w;
		t->nr = i;
		t->file = &w->file[i % w->plan.nr_files];
		t->buf = nwb_alloc(w->plan.len_max + 4096ul);
		t->scratch = nwb_alloc(w->plan.file_max);
		nwb_mutex_init(&t->aio_lock, w->ex, "sim async write");
		nwb_waitq_init(&t->aio_wake, w->ex, "sim async write");
		rc = t->buf && t->scratch ? sim_open(t) : -ENOMEM;
	}
	return rc;
}

static int build(struct sim_world *w)
{
	int rc = make_server(w);

	sim_refuse_mounts(w);
	if (!rc)
		rc = sim_sides_opts(w);
	if (!rc)
		rc = make_mount(w);
	if (!rc)
		rc = sim_sides_attach(w);
	if (!rc)
		rc = nwb_netfs_check_new(nwb_mount_netfs(w->mnt), &w->check);
	if (!rc)
		rc = make_tasks(w);
	if (!rc)
		rc = sim_blob_open(w);
	return rc;
}

/* --- heal ----------------------------------------------------------------- */

/* Linux' 9P never makes a connection again: nothing works any more. */
static bool is_dead(const struct sim_world *w)
{
	return w->plan.is_9p && w->plan.opts.flavour != NWB_STRICT &&
	       nwb_p9_epoch(nwb_mount_p9(w->mnt)) != 1;
}

/* Each file is told of what was lost, then all is well and durable. */
static void converge(struct sim_world *w)
{
	/* A server that was restarted comes back. */
	nwb_sleep_until(w->ex, nwb_now_ns(w->ex) + w->plan.down_ns + BLIND_NS);
	for (unsigned int i = 0; i < w->plan.nr_tasks; i++) {
		struct sim_task_state *t = &w->task[i];
		int rc;

		if (!t->handle && sim_open(t)) {
			if (!is_dead(w))
				sim_fail(w, "HEAL", "%s cannot be opened",
					 t->file->name);
			continue;
		}
		/* A full disk is still full. */
		(void)sim_fsync(t);
		rc = sim_fsync(t);
		if (rc && !is_dead(w))
			sim_fail(w, "HEAL", "%s: the second fsync says %s",
				 t->file->name, nwb_errno_name(rc));
	}
	sim_blob_check(w);
}

static void check_client(struct sim_world *w)
{
	struct nwb_smb2 *smb2 = nwb_mount_smb2(w->mnt);
	struct nwb_smb2_stats st;
	struct nwb_fake_stats fs;
	struct nwb_netfs_broken b;

	/* Time moves when nobody has anything to do: last references go. */
	nwb_sleep_until(w->ex, nwb_now_ns(w->ex) + NWB_MSEC);
	if (!nwb_netfs_check_rest(w->check, &b))
		sim_fail(w, nwb_netfs_rule_name(b.rule), "%s", b.text);
	nwb_fake_get_stats(w->fake, &fs);
	if (fs.nr_violations)
		sim_fail(w, "O7", "%s", fs.last_violation);
	if (!smb2)
		return;
	nwb_smb2_get_stats(smb2, &st);
	if (st.in_flight || st.credits_min < 0)
		sim_fail(w, "P3",
			 "at rest %d requests in flight, credits %d, "
			 "at least %d",
			 st.in_flight, st.credits, st.credits_min);
}

/* Also where the world was ended. */
static void note_hazards(struct sim_world *w)
{
	struct nwb_netfs_stats st;

	nwb_netfs_get_stats(nwb_mount_netfs(w->mnt), &st);
	for (unsigned int h = NWB_H1; h < NWB_NR_HAZARDS; h++)
		if (st.hazards_fired[h])
			w->r->hazards |= NWB_HAZARD_BIT(h);
}

/* H11 waits in the protocol client. */
static void note_starved(struct sim_world *w)
{
	struct nwb_smb2 *smb2 = nwb_mount_smb2(w->mnt);
	struct nwb_smb2_stats st;

	if (!smb2)
		return;
	nwb_smb2_get_stats(smb2, &st);
	if (st.starved_waits)
		w->r->hazards |= NWB_HAZARD_BIT(NWB_H11);
}

static void take_down(struct sim_world *w)
{
	for (unsigned int i = 0; i < w->plan.nr_tasks; i++) {
		sim_close(&w->task[i]);
		nwb_free(w->task[i].buf);
		nwb_free(w->task[i].scratch);
	}
	sim_blob_close(w);
	nwb_exec_sim_watch(w->ex, NULL, NULL);
	nwb_netfs_check_free(w->check);
	note_hazards(w);
	note_starved(w);
	nwb_mount_free(w->mnt);
	w->mnt = NULL;
	sim_sides_down(w);
}

static void count_rpcs(struct sim_world *w)
{
	struct nwb_fake_stats fs;

	nwb_fake_get_stats(w->fake, &fs);
	w->r->rpcs = fs.nr_requests;
}

static void world_main(void *arg)
{
	struct sim_world *w = arg;
	uint64_t healed;

	w->ev.ex = w->ex;
	w->setup_rc = build(w);
	if (w->setup_rc)
		return;
	nwb_exec_sim_watch(w->ex, watch, w);
	w->began_ns = nwb_now_ns(w->ex);
	w->setup_rc = sim_faults_start(w);
	for (unsigned int i = 0; i < w->plan.nr_tasks && !w->setup_rc; i++)
		w->setup_rc = nwb_task_spawn(w->ex, "user", sim_task_main,
					     &w->task[i], &w->task[i].task);
	if (w->setup_rc)
		return;
	for (unsigned int i = 0; i < w->plan.nr_tasks; i++)
		nwb_task_join(w->task[i].task);
	sim_faults_stop(w);
	healed = nwb_now_ns(w->ex);
	converge(w);
	if (nwb_now_ns(w->ex) - healed > HEAL_NS)
		sim_fail(w, "O8",
			 "%llu ms after the faults had ended it went on",
			 (unsigned long long)((nwb_now_ns(w->ex) - healed) /
					      NWB_MSEC));
	check_client(w);
	sim_sides_check(w);
	w->is_dead = is_dead(w);
	take_down(w);
	w->setup_rc = sim_read_contents(w);
	count_rpcs(w);
	(void)sim_point(&w->ev, &(struct nwb_lrec){.kind = NWB_L_RUN_END});
}

/* --- from outside --------------------------------------------------------- */

static void make_policy(struct sim_world *w)
{
	static const uint32_t p9_again[] = {EAGAIN, EINTR};
	static const uint32_t smb_again[] = {
		0xc000009a, 0xc00000b5, 0xc000022d, 0xc000026e, 0xc0000467,
		0xc0000466, 0xc000035c, 0xc0000203, 0xc00000c9,
	};
	const struct sim_plan *p = &w->plan;
	struct nwb_policy *y = &w->policy;

	*y = (struct nwb_policy){
		/* A close of one handle of several leaves bytes unstable. */
		.flush_on_close = !p->is_9p && p->nr_tasks <= p->nr_files,
		.stable_pages = sim_is_stable(p),
		.is_9p = p->is_9p,
		.patience_ns = p->opts.patience_ns,
		.max_attempts = p->opts.max_attempts,
		.fence = p->is_9p ? NWB_FENCE_SETTLE : NWB_FENCE_SESSION,
		.settle_ns = p->is_9p ? p->settle_ns : 0,
	};
	y->nr_retryable =
		p->is_9p ? NWB_ARRAY_SIZE(p9_again) : NWB_ARRAY_SIZE(smb_again);
	memcpy(y->retryable, p->is_9p ? p9_again : smb_again,
	       y->nr_retryable * sizeof(uint32_t));
}

/* What nwb_exec_run() says, as a check that failed. */
static void take_end(struct sim_world *w, int rc, const struct nwb_err *end)
{
	if (!rc || w->r->check[0])
		return;
	snprintf(w->r->check, sizeof(w->r->check), "O8");
	snprintf(w->r->text, sizeof(w->r->text), "%.380s", end->text);
}

static void count(struct sim_world *w)
{
	w->r->firings = w->nr_fired;
	w->r->events = w->ev.nr;
	w->r->families = w->plan.families;
	w->r->aim = w->plan.aim;
}

static void fake_down(void *arg)
{
	struct sim_world *w = arg;

	nwb_fake_free(w->mirror_fake);
	nwb_fake_free(w->fake);
	w->fake = NULL;
}

static void finish_digest(struct sim_world *w)
{
	uint64_t last[2] = {nwb_exec_digest(w->ex), nwb_exec_steps(w->ex)};
	uint8_t b[16];

	for (unsigned int i = 0; i < 16; i++)
		b[i] = (uint8_t)(last[i / 8] >> (8 * (i % 8)));
	sha256_update(&w->ev.sha, sizeof(b), b);
	sha256_digest(&w->ev.sha, sizeof(w->r->digest), w->r->digest);
}

static int run_world(struct sim_world *w, struct nwb_err *err)
{
	struct nwb_err end = {0};
	uint64_t began;
	int rc = nwb_exec_run(w->ex, world_main, w, WORLD_NS, &end);

	began = NWB_SEC;
	w->r->virtual_ns = nwb_now_ns(w->ex) - began;
	take_end(w, rc, &end);
	if (w->mnt)
		note_hazards(w);
	w->r->steps = nwb_exec_steps(w->ex);
	finish_digest(w);
	/* Without a world there is nobody to stop. */
	if (!rc && w->setup_rc)
		return nwb_err_set(err, w->setup_rc, "seed %llu: set-up: %s",
				   (unsigned long long)w->opts.seed,
				   nwb_errno_name(w->setup_rc));
	if (!rc && !w->r->check[0])
		rc = sim_judge(w, err);
	else
		rc = 0;
	return rc;
}

int nwb_sim_run(const struct nwb_sim_opts *opts, struct nwb_sim_result *ret_r,
		struct nwb_err *err)
{
	uint64_t live = nwb_mem_live();
	struct sim_world *w = nwb_zalloc(sizeof(*w));
	int rc;

	if (!w)
		return nwb_err_set(err, -ENOMEM, "no memory for a world");
	memset(ret_r, 0, sizeof(*ret_r));
	w->opts = *opts;
	w->r = ret_r;
	w->setup_err = err;
	sim_plan_make(opts, &w->plan);
	w->plan.opts.mutants =
		opts->mutants & ~(SIM_MUT_CREDITS_TWICE | SIM_MUT_NO_SETTLE);
	nwb_stamp_key_init(&w->key, (const uint8_t *)"simulation's key");
	nwb_stamp_key_crypt(&w->key, sim_crypto_key, w->plan.opts.crypto_unit);
	make_policy(w);
	nwb_mem_fail_pools(w->plan.refuse_every);
	rc = sim_events_init(&w->ev, opts->trace);
	if (!rc)
		rc = nwb_exec_sim_new(opts->seed, &w->ex, err);
	if (!rc) {
		bool is_whole;

		rc = run_world(w, err);
		is_whole = !rc && !ret_r->check[0];
		count(w);
		if (w->fake && is_whole &&
		    nwb_exec_run(w->ex, fake_down, w, 0, NULL))
			rc = -EIO;
		nwb_exec_free(w->ex);
		w->ex = NULL;
		for (unsigned int i = 0; i < SIM_FILES; i++) {
			nwb_free(w->file[i].shadow);
			nwb_free(w->file[i].unsure);
			nwb_free((void *)(uintptr_t)w->file[i].content.data);
		}
		if (is_whole && nwb_mem_live() != live + 1)
			sim_fail(w, "LEAK", "%llu allocations are left",
				 (unsigned long long)(nwb_mem_live() - live -
						      1));
	}
	nwb_mem_fail_pools(0);
	sim_events_fini(&w->ev);
	nwb_free(w);
	return rc;
}
