/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the harness does at a mark, with a server and a guest that only write
 * down what is done to them.
 */
#include "check_kernel.h"
#include "nwb/faultctl.h"
#include "nwb_test.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char done[256];
static bool refuses;

static int note(const char *what, struct nwb_err *err)
{
	pthread_mutex_lock(&lock);
	strcat(done, what);
	pthread_mutex_unlock(&lock);
	return refuses ? nwb_err_set(err, -EPERM, "refused") : 0;
}

int nwb_server_kill(struct nwb_server *srv, int sig, bool all,
		    struct nwb_err *err)
{
	nwb_assert(!srv && all);
	return note(sig == SIGSTOP   ? "stop "
		    : sig == SIGCONT ? "cont "
				     : "kill ",
		    err);
}

int nwb_server_plug(struct nwb_server *srv, bool up, struct nwb_err *err)
{
	nwb_assert(!srv);
	return note(up ? "up " : "down ", err);
}

int nwb_machine_power_loss(struct nwb_machine *m, struct nwb_err *err)
{
	nwb_assert(!m);
	return note("dead ", err);
}

struct rig {
	struct nwb_plan *plan;
	struct nwb_fc_page *page;
	struct nwb_ledger ledger;
	struct kc_actor *actor;
	int page_fd, ledger_fd;
};

static void rig_up(struct rig *r, const char *text)
{
	static const uint8_t key[16];
	struct nwb_err err = {0};
	struct kc_actor_opts o = {0};

	done[0] = '\0';
	refuses = false;
	nwb_check_eq(nwb_plan_new(&r->plan), 0);
	if (nwb_plan_add_text(r->plan, "x", text, strlen(text), &err) ||
	    nwb_plan_finish(r->plan, &err))
		nwb_check_streq(err.text, "");
	nwb_check_eq(nwb_fc_create(&r->page_fd, &r->page), 0);
	nwb_check_eq(nwb_plan_compile(r->plan, r->page, "smbd", &err), 0);
	r->ledger_fd = memfd_create("ledger", MFD_CLOEXEC);
	nwb_check_eq(nwb_ledger_create(r->ledger_fd, 64, key, 1, &r->ledger),
		     0);
	o = (struct kc_actor_opts){
		.plan = r->plan, .page = r->page, .ledger = &r->ledger};
	nwb_check_eq(kc_actor_new(&o, &r->actor), 0);
}

static void rig_down(struct rig *r)
{
	kc_actor_free(r->actor);
	nwb_plan_free(r->plan);
	nwb_fc_unmap(r->page);
	nwb_ledger_unmap(&r->ledger);
	close(r->page_fd);
	close(r->ledger_fd);
}

/* Whatever it takes: the end is told by what is done, not by a clock. */
static void wait_for(const char *what)
{
	for (;;) {
		bool is_there;

		pthread_mutex_lock(&lock);
		is_there = strstr(done, what);
		pthread_mutex_unlock(&lock);
		if (is_there)
			return;
		usleep(1000);
	}
}

NWB_TEST(check_kernel_act, a_rule_is_armed_and_told)
{
	struct rig r;

	rig_up(&r, "client kernel\n"
		   "go: on client.mark op=dirty do arm cut\n"
		   "cut: on server.write before do rst unarmed\n");

	kc_actor_mark(r.actor, "other");
	nwb_check(!atomic_load(&r.page->state[1].armed));
	nwb_check_eq(nwb_ledger_count(&r.ledger), 0);
	kc_actor_mark(r.actor, "dirty");
	nwb_check(atomic_load(&r.page->state[1].armed));
	nwb_check_eq(nwb_fc_hits(r.page, 0), 1);
	nwb_check_eq(nwb_fc_hits(r.page, 1), 0);
	nwb_check_eq(nwb_ledger_count(&r.ledger), 1);
	nwb_check_eq(r.ledger.hdr->slot[0].kind, NWB_L_FAULT);
	nwb_check_eq(r.ledger.hdr->slot[0].rule, 0);
	nwb_check_eq(r.ledger.hdr->slot[0].aux, 1);
	nwb_check_streq(done, "");
	rig_down(&r);
}

NWB_TEST(check_kernel_act, a_freeze_ends_in_a_thaw)
{
	struct rig r;

	rig_up(&r, "client kernel\n"
		   "on client.mark do freeze 1ms\n");

	kc_actor_mark(r.actor, "x");
	nwb_check(!strncmp(done, "stop ", 5));
	wait_for("cont");
	rig_down(&r);
	nwb_check_streq(done, "stop cont ");
}

/* It dies as it stands: a thaw in between would let it answer. */
NWB_TEST(check_kernel_act, a_frozen_server_is_killed_frozen)
{
	struct rig r;

	rig_up(&r, "client kernel\n"
		   "on client.mark do freeze 1ms, restart\n");

	kc_actor_mark(r.actor, "x");
	wait_for("kill");
	rig_down(&r);
	nwb_check_streq(done, "stop kill ");
}

/* Faults off means off, and what has not begun does not begin. */
NWB_TEST(check_kernel_act, stopping_undoes)
{
	struct rig r;

	rig_up(&r, "client kernel\n"
		   "on client.mark op=a do freeze 1000s, kill\n"
		   "on client.mark op=b do blackhole 1000s\n");

	kc_actor_mark(r.actor, "a");
	kc_actor_mark(r.actor, "b");
	nwb_check_streq(done, "stop down ");
	kc_actor_stop(r.actor);
	nwb_check(strstr(done, "cont") && strstr(done, "up"));
	nwb_check(!strstr(done, "kill"));
	rig_down(&r);
}

NWB_TEST(check_kernel_act, marks_are_counted)
{
	struct rig r;

	rig_up(&r, "client kernel\n"
		   "on client.mark op=a nth=2 do kill\n"
		   "on client.mark op=b do kill max=1\n");

	kc_actor_mark(r.actor, "a");
	nwb_check_streq(done, "");
	kc_actor_mark(r.actor, "a");
	nwb_check_streq(done, "kill ");
	kc_actor_mark(r.actor, "a");
	kc_actor_mark(r.actor, "b");
	kc_actor_mark(r.actor, "b");
	nwb_check_streq(done, "kill kill ");
	/* after the heal nothing goes wrong any more */
	nwb_fc_heal(r.page);
	kc_actor_mark(r.actor, "b");
	nwb_check_streq(done, "kill kill ");
	rig_down(&r);
}

NWB_TEST(check_kernel_act, a_servers_hit_takes_the_guests_power)
{
	struct rig r;

	rig_up(&r, "client kernel\n"
		   "off: on server.write after do drop, power-off\n");

	nwb_check(kc_actor_needs_look(r.actor));
	kc_actor_look(r.actor);
	nwb_check_streq(done, "");
	atomic_fetch_add(&r.page->state[0].hits, 1);
	kc_actor_look(r.actor);
	kc_actor_look(r.actor);
	nwb_check_streq(done, "dead ");
	nwb_check(!kc_actor_needs_look(r.actor));
	rig_down(&r);
}

NWB_TEST(check_kernel_act, what_cannot_be_done_is_told)
{
	struct rig r;

	rig_up(&r, "client kernel\n"
		   "on client.mark do kill\n");

	nwb_check_streq(kc_actor_trouble(r.actor), "");
	refuses = true;
	kc_actor_mark(r.actor, "x");
	nwb_check_streq(kc_actor_trouble(r.actor), "kill: refused");
	rig_down(&r);
}
