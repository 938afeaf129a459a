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
static _Atomic bool refuses;

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

int nwb_machine_fuse(struct nwb_machine *m, const char *order)
{
	struct nwb_err err;

	nwb_assert(!m);
	return note(order, &err) | note("; ", &err);
}

/* The export is a file without a name. */
static int export_fd = -1;

int nwb_server_open(struct nwb_server *srv, const char *name, int flags,
		    int *ret_fd, struct nwb_err *err)
{
	nwb_assert(!srv && name && flags && err);
	*ret_fd = dup(export_fd);
	return *ret_fd < 0 ? -errno : 0;
}

struct rig {
	struct nwb_plan *plan;
	struct nwb_fc_page *page;
	struct nwb_ledger ledger;
	struct kc_actor *actor;
	int page_fd, ledger_fd;
};

static bool is_fuse;

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
		.plan = r->plan,
		.page = r->page,
		.ledger = &r->ledger,
		.is_fuse = is_fuse,
	};
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

/* --- the guest's own FUSE server ------------------------------------------- */

NWB_TEST(check_kernel_act, a_fuse_server_is_told_not_signalled)
{
	struct rig r;

	is_fuse = true;
	rig_up(&r, "client kernel\n"
		   "go: on client.mark op=dirty do arm full\n"
		   "full: on backend.pwrite nth=3+1 do error ENOSPC unarmed\n"
		   "well: on client.mark op=well do disarm full\n"
		   "stall: on client.mark op=stall do freeze 1ms\n");
	kc_actor_mark(r.actor, "dirty");
	nwb_check(atomic_load(&r.page->state[1].armed));
	nwb_check_streq(done, "fail 28 2; ");
	kc_actor_mark(r.actor, "well");
	nwb_check_streq(done, "fail 28 2; well; ");
	kc_actor_mark(r.actor, "stall");
	wait_for("hang; go; ");
	refuses = true;
	kc_actor_mark(r.actor, "dirty");
	nwb_check(strstr(kc_actor_trouble(r.actor), "fail 28 2"));
	rig_down(&r);
	is_fuse = false;
}

static void effect(struct rig *r, struct kc_fuse *f, int64_t result)
{
	uint8_t buf[NWB_CHAN_PAYLOAD_MAX];
	struct nwb_chan_op op = {
		.op = NWB_CHAN_OP_WRITE,
		.id = NWB_CHAN_EFFECT_ID | 1,
		.file = 1,
		.off = 65536,
		.len = 4096,
		.result = result,
	};
	struct nwb_chan_rec rec = {
		.type = NWB_CHAN_EFFECT_END,
		.payload = buf,
		.len = (uint32_t)nwb_chan_put_op(&op, buf),
	};

	(void)r;
	kc_fuse_record(f, &rec);
}

NWB_TEST(check_kernel_act, what_a_fuse_server_tells_is_a_hit)
{
	struct kc_fuse f = {0};
	struct rig r;

	rig_up(&r, "client kernel\n"
		   "full: on backend.pwrite do error ENOSPC max=2 unarmed\n"
		   "dead: on server.write nth=3 after do drop, power-off "
		   "max=1\n"
		   "begin: on client.mark op=x do arm full\n");
	f.plan = r.plan;
	f.page = r.page;
	f.ledger = &r.ledger;
	effect(&r, &f, -ENOSPC); /* the 1st; not by a rule that is armed */
	nwb_check_eq(nwb_ledger_count(&r.ledger), 0);
	nwb_fc_arm(r.page, 0, true);
	effect(&r, &f, 4096);
	effect(&r, &f, -ENOSPC); /* the 3rd */
	nwb_check_eq(nwb_fc_hits(r.page, 0), 1);
	nwb_check_eq(nwb_fc_hits(r.page, 1), 1);
	nwb_check_eq(r.ledger.hdr->slot[0].kind, NWB_L_FAULT);
	nwb_check_eq(r.ledger.hdr->slot[0].file, 1);
	nwb_check_eq(r.ledger.hdr->slot[0].off, 65536);
	effect(&r, &f, -EIO); /* not of the rule's kind */
	effect(&r, &f, -ENOSPC);
	effect(&r, &f, -ENOSPC); /* more than max */
	nwb_check_eq(nwb_fc_hits(r.page, 0), 2);
	nwb_check_eq(nwb_fc_hits(r.page, 1), 1);
	rig_down(&r);
}

/* The harness looks for the hit of a rule that wants the guest dead. */
NWB_TEST(check_kernel_act, a_fuse_plan_that_cannot_be_is_refused)
{
	static const char *const good[] = {
		"on client.mark op=x do freeze 1s\n",
		"a: on backend.pwrite do error EIO\n",
		"a: on server.write nth=2 after do drop, power-off max=1\n",
	};
	static const char *const no[] = {
		"a: on server.write before do rst\n",
		"a: on client.mark op=x do blackhole 1s\n",
		"a: on client.mark op=x do restart\n",
		"a: on backend.fsync do error EIO\n",
	};

	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(good) + NWB_ARRAY_SIZE(no);
	     i++) {
		bool is_good = i < NWB_ARRAY_SIZE(good);
		struct nwb_err err = {0};
		char text[128];
		struct rig r;

		snprintf(text, sizeof(text), "client kernel\n%s",
			 is_good ? good[i] : no[i - NWB_ARRAY_SIZE(good)]);
		rig_up(&r, text);
		nwb_check_eq(kc_fuse_check(r.plan, &err),
			     is_good ? 0 : -EOPNOTSUPP);
		rig_down(&r);
	}
}

static void write_effect(struct rig *r, uint64_t off, uint64_t len,
			 uint32_t version, int64_t result)
{
	struct nwb_lrec *e = nwb_ledger_begin(
		&r->ledger, &(struct nwb_lrec){.kind = NWB_L_EFFECT_WRITE,
					       .file = 1,
					       .off = off,
					       .len = len});
	struct nwb_stamp_run run = {
		.kind = version ? NWB_STAMP_LANES : NWB_STAMP_ZERO,
		.offset = off,
		.len = len,
		.lane = {1, off, version},
	};
	struct nwb_lrec rec =
		nwb_lrec_run(1, (uint32_t)(e - r->ledger.hdr->slot) + 1, &run);

	nwb_ledger_point(&r->ledger, &rec);
	e->result = result;
	nwb_ledger_end(&r->ledger, e);
}

NWB_TEST(check_kernel_act, a_fuse_servers_file_is_made_of_its_effects)
{
	static uint8_t want[12288], have[sizeof(want) + 1];
	struct nwb_stamp_key key;
	struct nwb_err err = {0};
	struct rig r;

	rig_up(&r, "client kernel\n");
	export_fd = memfd_create("export", MFD_CLOEXEC);
	nwb_check(export_fd >= 0);
	write_effect(&r, 0, 8192, 1, 8192);
	write_effect(&r, 4096, 4096, 2, -ENOSPC); /* did nothing */
	write_effect(&r, 4096, 8192, 3, 4096);	  /* half of it */
	write_effect(&r, 1024, 1024, 0, 1024);
	nwb_check_eq(kc_fuse_content(NULL, &r.ledger, 1, "f", &err), 0);
	nwb_stamp_key_init(&key, r.ledger.hdr->key);
	nwb_stamp_fill(&key, 1, 1, 0, want, 4096);
	nwb_stamp_fill(&key, 1, 3, 4096, want + 4096, 4096);
	memset(want + 1024, 0, 1024);
	nwb_check_eq(pread(export_fd, have, sizeof(have), 0), 8192);
	nwb_check(!memcmp(have, want, 8192));
	close(export_fd);
	rig_down(&r);
}
