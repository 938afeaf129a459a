/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When the server misbehaves.
 *
 *	by number	a WRITE or FLUSH arrives ─► sim_decide()
 *	by time		a task sleeps until then: resets, crashes, credits
 *	all along	scatter, interim answers: fields of the fake
 *
 *	by request	a request of the client is about to be made
 *
 * Every fault fires at most once (a count of 0 may go on) and says so in the
 * ledger.
 */
#include "sim_i.h"

#include "nwb/mem.h"

#include <string.h>

static bool is_left_out(const struct sim_world *w, unsigned int i)
{
	return w->opts.cut.faults >> i & 1;
}

static bool is_timed(enum sim_family family)
{
	return family == SIM_CUT_TIMED || family == SIM_CRASH_TIMED ||
	       family == SIM_STARVE || family == SIM_FAMINE ||
	       family == SIM_MIRROR_CUT || family == SIM_MIRROR_CRASH;
}

static bool is_of_flush(enum sim_family family)
{
	return family == SIM_CUT_FLUSH || family == SIM_CRASH_FLUSH ||
	       family == SIM_ERROR_FLUSH || family == SIM_LATE_FLUSH;
}

static void fired(struct sim_world *w, unsigned int i)
{
	if (w->fired >> i & 1)
		return;
	w->fired |= 1ull << i;
	w->nr_fired++;
	(void)sim_point(&w->ev, &(struct nwb_lrec){.kind = NWB_L_FAULT,
						   .rule = (uint16_t)i,
						   .aux = 1});
}

static void apply(const struct sim_fault *x, struct nwb_fake_fate *fate)
{
	switch (x->family) {
	case SIM_CUT_BEFORE:
		fate->reset_before = true;
		break;
	case SIM_CUT_AFTER:
		fate->reset_after = true;
		break;
	case SIM_CUT_FLUSH:
		fate->reset_after = x->arg;
		fate->reset_before = !x->arg;
		break;
	case SIM_CRASH:
	case SIM_CRASH_FLUSH:
		fate->crash = true;
		break;
	case SIM_SLOW_ACK:
	case SIM_LATE_FLUSH:
		fate->ack_delay_ns += x->arg;
		break;
	case SIM_PARK:
		fate->park_ns = nwb_max(fate->park_ns, x->arg);
		break;
	case SIM_SHORT:
		fate->short_to = (uint32_t)x->arg;
		break;
	case SIM_ERROR:
	case SIM_ERROR_AGAIN:
	case SIM_ERROR_FLUSH:
		fate->code = (uint32_t)x->arg;
		break;
	case SIM_ZERO:
		fate->zero = true;
		break;
	default:
		break;
	}
}

static bool is_hit(const struct sim_fault *x, const struct nwb_fake_asked *a)
{
	if (x->family == SIM_ZERO)
		return a->nr >= x->at && a->nr - x->at < x->arg;
	return x->at == a->nr;
}

/* O4: a server that takes nothing is not asked for ever. */
static void note_zero(struct sim_world *w, const struct nwb_fake_asked *a)
{
	const struct sim_file *f = sim_file_by_name(w, a->name);
	struct sim_zeros now = {
		.file = f ? f->id : 0, .offset = a->offset, .len = a->len};
	struct sim_zeros *z = &w->zeros;

	if (z->file != now.file || z->offset != now.offset || z->len != now.len)
		*z = now;
	if (++z->nr > w->plan.opts.max_attempts)
		sim_note(w, "O4",
			 "%s: [%llu, +%u) is sent for time %llu, and each time "
			 "the count is 0",
			 a->name, (unsigned long long)a->offset, a->len,
			 (unsigned long long)z->nr);
}

void sim_decide(void *arg, const struct nwb_fake_asked *a,
		struct nwb_fake_fate *fate)
{
	struct sim_world *w = arg;

	if (w->is_healed)
		return;
	for (unsigned int i = 0; i < w->plan.nr_faults; i++) {
		const struct sim_fault *x = &w->plan.fault[i];

		if (is_left_out(w, i) || is_timed(x->family) ||
		    is_of_flush(x->family) != a->is_flush ||
		    x->family == SIM_NO_REQUEST || x->family == SIM_CUT_READY ||
		    !is_hit(x, a))
			continue;
		apply(x, fate);
		fired(w, i);
	}
	/* a block torn by a server that never tells of it nobody could read */
	if (w->plan.opts.crypto_key && (fate->reset_after || fate->crash))
		fate->short_to = NWB_ROUND_UP(fate->short_to, 16u);
	if (fate->zero && !fate->code && !fate->crash && !fate->reset_before)
		note_zero(w, a);
	/* What a failed flush should have covered is nobody's promise. */
	if (a->is_flush && fate->code && !fate->crash) {
		struct sim_file *f = sim_file_by_name(w, a->name);

		if (f)
			sim_unsure(f, 0, f->max);
		if (f)
			f->is_size_unsure = true;
		if (f) /* a write under way may be lost in part as well */
			f->nr_gaveup++;
		if (f && w->nr_flush_bad < NWB_SIM_FAULTS)
			w->flush_bad[w->nr_flush_bad++] =
				(struct sim_flush_bad){f->id, w->ev.tick};
	}
}

/** sim_refuse() - may a request of the client be made? 0, or the error that its
 * filesystem would give. */
int sim_refuse(struct sim_world *w)
{
	if (w->is_healed || !w->began_ns)
		return 0;
	w->nr_begun++;
	for (unsigned int i = 0; i < w->plan.nr_faults; i++) {
		const struct sim_fault *x = &w->plan.fault[i];

		if (is_left_out(w, i) || x->family != SIM_NO_REQUEST ||
		    x->at != w->nr_begun)
			continue;
		fired(w, i);
		return -(int)x->arg;
	}
	return 0;
}

/** sim_cut_ready() - SIM_CUT_READY: what it was prepared for is gone. */
void sim_cut_ready(struct sim_world *w)
{
	struct nwb_smb2 *smb2 = nwb_mount_smb2(w->mnt);

	if (w->is_healed || !smb2)
		return;
	w->nr_sent++;
	for (unsigned int i = 0; i < w->plan.nr_faults; i++) {
		const struct sim_fault *x = &w->plan.fault[i];

		if (is_left_out(w, i) || x->family != SIM_CUT_READY ||
		    x->at != w->nr_sent)
			continue;
		fired(w, i);
		nwb_smb2_disconnect(smb2);
		(void)!nwb_smb2_connect(smb2, NULL);
	}
}

/* --- by time -------------------------------------------------------------- */

static void set_faults(struct sim_world *w, enum nwb_fake_withhold withhold)
{
	struct nwb_fake_faults ft = {
		.down_ns = w->plan.down_ns,
		.scatter_ns = w->plan.scatter_ns,
		.pending_after_ns = w->plan.pending_after_ns,
		.withhold = withhold,
		.famine_below = 2,
	};

	nwb_fake_set_faults(w->fake, &ft);
}

/* Until @when, or until the world heals: then false. */
static bool sleep_until(struct sim_world *w, uint64_t when)
{
	bool go_on;

	nwb_mutex_lock(&w->fault_lock);
	while (!w->fault_stop && nwb_now_ns(w->ex) < when)
		(void)nwb_waitq_wait(&w->fault_wake, &w->fault_lock, when);
	go_on = !w->fault_stop;
	nwb_mutex_unlock(&w->fault_lock);
	return go_on;
}

static int next_timed(const struct sim_world *w, uint64_t done, uint64_t *ret)
{
	int best = -1;

	for (unsigned int i = 0; i < w->plan.nr_faults; i++) {
		const struct sim_fault *x = &w->plan.fault[i];

		if (is_left_out(w, i) || !is_timed(x->family) ||
		    (done >> i & 1))
			continue;
		if (best < 0 || x->at < w->plan.fault[best].at)
			best = (int)i;
	}
	if (best >= 0)
		*ret = w->plan.fault[best].at;
	return best;
}

static void do_timed(struct sim_world *w, unsigned int i)
{
	const struct sim_fault *x = &w->plan.fault[i];

	fired(w, i);
	switch (x->family) {
	case SIM_CUT_TIMED:
		nwb_fake_reset_all(w->fake);
		break;
	case SIM_CRASH_TIMED:
		nwb_fake_crash(w->fake);
		break;
	case SIM_MIRROR_CUT:
		nwb_fake_reset_all(w->mirror_fake);
		break;
	case SIM_MIRROR_CRASH:
		nwb_fake_crash(w->mirror_fake);
		break;
	case SIM_STARVE:
	case SIM_FAMINE:
		set_faults(w, x->family == SIM_STARVE ? NWB_FAKE_STARVE
						      : NWB_FAKE_FAMINE);
		(void)sleep_until(w, nwb_now_ns(w->ex) + x->arg);
		set_faults(w, NWB_FAKE_GIVE);
		break;
	default:
		break;
	}
}

static void fault_main(void *arg)
{
	struct sim_world *w = arg;
	uint64_t done = 0, at = 0;
	int i;

	while ((i = next_timed(w, done, &at)) >= 0) {
		if (!sleep_until(w, w->began_ns + at))
			return;
		done |= 1ull << i;
		do_timed(w, (unsigned int)i);
	}
}

int sim_faults_start(struct sim_world *w)
{
	nwb_mutex_init(&w->fault_lock, w->ex, "sim faults");
	nwb_waitq_init(&w->fault_wake, w->ex, "sim faults");
	set_faults(w, NWB_FAKE_GIVE);
	return nwb_task_spawn(w->ex, "faults", fault_main, w, &w->fault_task);
}

void sim_faults_stop(struct sim_world *w)
{
	struct nwb_fake_faults none = {0};

	if (w->fault_task) {
		nwb_mutex_lock(&w->fault_lock);
		w->fault_stop = true;
		nwb_waitq_wake_all(&w->fault_wake);
		nwb_mutex_unlock(&w->fault_lock);
		nwb_task_join(w->fault_task);
		w->fault_task = NULL;
	}
	w->is_healed = true;
	nwb_fake_set_faults(w->fake, &none);
	(void)sim_point(&w->ev, &(struct nwb_lrec){.kind = NWB_L_HEAL});
}
