/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mounts and scenarios. The texts of the scenarios are files, so that people
 * can copy them: kernel/scenarios/NAME.plan and .job.
 *
 * echo_interval=1: cifs takes a server for dead after three of them, and the
 * default of 60 s would make every blackhole last three minutes. ignoreqv: diod
 * sends qid.version 0, with which 9p caches nothing (fs/9p/fid.h:
 * v9fs_fid_add_modes). fuse: the page cache and its writeback, which a FUSE
 * server has to ask for, in requests of the size that the others have.
 */
#include "check_kernel.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#define CIFS "vers=3.1.1,wsize=65536,echo_interval=1,"
#define V9FS "version=9p2000.L,msize=65536,access=user,"

const struct kc_mount kc_mounts[] = {
	{"cifs-hard", "smbd", "cifs", CIFS "hard,cache=strict", true, false},
	{"cifs-soft", "smbd", "cifs", CIFS "soft,cache=strict", true, false},
	{"9p", "diod", "9p", V9FS "cache=loose,ignoreqv", true, false},
	{"fuse", "diod", "fuse", "writeback,max_write=65536", true, true},
	{"cifs-none", "smbd", "cifs", CIFS "hard,cache=none", false, false},
	{"cifs-loose", "smbd", "cifs", CIFS "hard,cache=loose", false, false},
	{"9p-none", "diod", "9p", V9FS "cache=none", false, false},
	{"9p-mmap", "diod", "9p", V9FS "cache=mmap,ignoreqv", false, false},
};
const unsigned int kc_nr_mounts = NWB_ARRAY_SIZE(kc_mounts);

static const char write_job[] =
#include "write.job.inc"
	;
static const char lost_job[] =
#include "lost.job.inc"
	;
static const char none_plan[] =
#include "none.plan.inc"
	;
static const char reset_before_plan[] =
#include "reset-before.plan.inc"
	;
static const char reset_after_plan[] =
#include "reset-after.plan.inc"
	;
static const char freeze_kill_plan[] =
#include "freeze-kill.plan.inc"
	;
static const char freeze_plan[] =
#include "freeze.plan.inc"
	;
static const char blackhole_plan[] =
#include "blackhole.plan.inc"
	;
static const char famine_plan[] =
#include "famine.plan.inc"
	;
static const char enospc_plan[] =
#include "enospc.plan.inc"
	;
static const char restart_plan[] =
#include "restart.plan.inc"
	;
static const char power_loss_plan[] =
#include "power-loss.plan.inc"
	;

const struct kc_scenario kc_scenarios[] = {
	{.name = "none",
	 .title = "nothing goes wrong",
	 .plan = none_plan,
	 .job = write_job,
	 .fs = KC_ALL},
	{.name = "reset-before",
	 .title = "reset before a WRITE is executed",
	 .plan = reset_before_plan,
	 .job = write_job,
	 .fs = KC_NET},
	{.name = "reset-after",
	 .title = "reset after a WRITE is executed, before its ack",
	 .plan = reset_after_plan,
	 .job = write_job,
	 .fs = KC_NET},
	{.name = "freeze-kill",
	 .title = "the server stands still, is killed, and starts again",
	 .plan = freeze_kill_plan,
	 .job = write_job,
	 .fs = KC_NET},
	{.name = "freeze",
	 .title = "the server stands still for a second, and goes on",
	 .plan = freeze_plan,
	 .job = write_job,
	 .fs = KC_FUSE},
	{.name = "blackhole",
	 .title = "the network swallows everything for 3 s",
	 .plan = blackhole_plan,
	 .job = write_job,
	 .fs = KC_NET},
	{.name = "famine",
	 .title = "credit famine: grants of 0 for a while",
	 .plan = famine_plan,
	 .job = write_job,
	 .fs = KC_CIFS},
	{.name = "enospc",
	 .title = "the server's disk is full for a while",
	 .plan = enospc_plan,
	 .job = write_job,
	 .fs = KC_ALL},
	{.name = "restart",
	 .title =
		 "the server crashes in writeback, what was not synced is lost",
	 .plan = restart_plan,
	 .job = write_job,
	 .fs = KC_NET,
	 .is_volatile = true},
	{.name = "power-loss",
	 .title = "the client loses its power in writeback",
	 .plan = power_loss_plan,
	 .job = lost_job,
	 .fs = KC_ALL},
};
const unsigned int kc_nr_scenarios = NWB_ARRAY_SIZE(kc_scenarios);

bool kc_fits(const char *word, const struct kc_mount *m,
	     const struct kc_scenario *s)
{
	char name[96];

	if (!strcmp(word, m->name) || !strcmp(word, s->name))
		return true;
	snprintf(name, sizeof(name), "%s.%s", m->name, s->name);
	return !fnmatch(word, name, 0);
}

static bool is_possible(const struct kc_mount *m, const struct kc_scenario *s)
{
	unsigned int fs = !strcmp(m->type, "cifs") ? KC_CIFS
			  : kc_is_fuse(m)	   ? KC_FUSE
						   : KC_9P;

	return s->fs & fs;
}

static bool is_chosen(const char *const *words, unsigned int nr,
		      const struct kc_mount *m, const struct kc_scenario *s)
{
	for (unsigned int i = 0; i < nr; i++)
		if (kc_fits(words[i], m, s))
			/* a scenario's name alone: where the first set has it
			 */
			return strcmp(words[i], s->name) || m->is_first;
	return !nr && m->is_first;
}

static void add(struct kc_choice *c, const struct kc_mount *m,
		const struct kc_scenario *s)
{
	nwb_assert(c->nr < KC_CELLS_MAX);
	c->cell[c->nr++] = (struct kc_cell){m, s};
}

static int check_word(const char *word, const struct kc_scenario *all,
		      unsigned int nr, struct nwb_err *err)
{
	for (unsigned int i = 0; i < kc_nr_mounts; i++)
		for (unsigned int k = 0; k < nr; k++)
			if (kc_fits(word, &kc_mounts[i], &all[k]) &&
			    is_possible(&kc_mounts[i], &all[k]))
				return 0;
	return nwb_err_set(err, -EINVAL,
			   "%s: no such scenario or mount; `netwb check "
			   "--kernel list` shows them",
			   word);
}

int kc_choose(const char *const *words, unsigned int nr,
	      const struct kc_scenario *own, struct kc_choice *ret,
	      struct nwb_err *err)
{
	const struct kc_scenario *all = own ? own : kc_scenarios;
	unsigned int nr_all = own ? 1 : kc_nr_scenarios;

	*ret = (struct kc_choice){0};
	for (unsigned int i = 0; i < nr; i++) {
		int rc = check_word(words[i], all, nr_all, err);

		if (rc)
			return rc;
	}
	for (unsigned int i = 0; i < kc_nr_mounts; i++)
		for (unsigned int k = 0; k < nr_all; k++)
			if (is_possible(&kc_mounts[i], &all[k]) &&
			    is_chosen(words, nr, &kc_mounts[i], &all[k]) &&
			    !(own && !nr && kc_mounts[i].is_inside))
				add(ret, &kc_mounts[i], &all[k]);
	if (!ret->nr)
		return nwb_err_set(err, -EINVAL, "no scenario was chosen");
	return 0;
}

static const char *fs_name(unsigned int fs)
{
	return fs == KC_ALL    ? ""
	       : fs == KC_CIFS ? " (cifs)"
	       : fs == KC_FUSE ? " (fuse)"
			       : " (cifs, 9p)";
}

void kc_list(FILE *out)
{
	fprintf(out, "mounts\n");
	for (unsigned int i = 0; i < kc_nr_mounts; i++)
		fprintf(out, "  %-12s %s %s %s%s\n", kc_mounts[i].name,
			kc_server_name(&kc_mounts[i]), kc_mounts[i].type,
			kc_mounts[i].options,
			kc_mounts[i].is_first ? "" : "  (when asked for)");
	fprintf(out, "scenarios\n");
	for (unsigned int i = 0; i < kc_nr_scenarios; i++)
		fprintf(out, "  %-12s %s%s\n", kc_scenarios[i].name,
			kc_scenarios[i].title, fs_name(kc_scenarios[i].fs));
}
