/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netwb check --kernel host; see check_host.h. */
#include "check_host.h"

#include "check_kernel.h"
#include "host_told.h"
#include "session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TRIES 3u /* of a run in which the server ends by itself */

static const struct kc_mount mounts[] = {
	{"fuse-smbd", "smbd", "fuse", "writeback_cache", true, false},
	{"fuse-diod", "diod", "fuse", "writeback_cache", true, false},
};

/* What a server can do to the client below; the mount itself stays. */
static const struct kc_scenario scenarios[] = {
	{.name = "none", .title = "nothing goes wrong", .plan = ""},
	{.name = "reset-before",
	 .title = "reset before a WRITE is executed",
	 .plan = "cut: on server.write nth=7 before do rst max=1\n"},
	{.name = "reset-after",
	 .title = "reset after a WRITE is executed, before its ack",
	 .plan = "cut: on server.write nth=7 after do drop, rst max=1\n"},
	{.name = "slow-acks",
	 .title = "every third ack of a WRITE comes 20 ms late",
	 .plan = "slow: on server.write nth=2..60+3 after do hold 20ms\n"},
	{.name = "famine",
	 .title = "credit famine: grants of 0 for a while",
	 .plan = "starve: on server.grant op=WRITE nth=2..9 do grant 0\n",
	 .fs = KC_CIFS},
	{.name = "enospc",
	 .title = "the server's disk is full for two writes",
	 .plan = "full: on backend.pwrite nth=5..6 do error ENOSPC\n"},
	{.name = "restart",
	 .title = "the server is killed in writeback and starts again",
	 .plan = "again: on server.write nth=7 after do restart max=1\n"},
};

struct host {
	const struct kc_opts *o;
	struct nwb_kernel kernel;
	struct kc_choice choice;
	struct kc_row row[KC_CELLS_MAX];
	struct bench_session session;
	struct kc_run_result res;
	FILE *out;  /* for people */
	int out_fd; /* with KTAP: what stdout was */
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NWB_SEC + (uint64_t)ts.tv_nsec;
}

/* --- which ---------------------------------------------------------------- */

static int choose(struct host *h, struct nwb_err *err)
{
	bool used[NWB_ARRAY_SIZE(h->o->words)] = {false};

	for (unsigned int m = 0; m < NWB_ARRAY_SIZE(mounts); m++)
		for (unsigned int s = 0; s < NWB_ARRAY_SIZE(scenarios); s++) {
			struct kc_cell c = {&mounts[m], &scenarios[s]};
			bool wanted = !h->o->nr_words;

			if (c.scenario->fs == KC_CIFS &&
			    strcmp(c.mount->server, "smbd") != 0)
				continue;
			for (unsigned int i = 0; i < h->o->nr_words; i++)
				if (kc_fits(h->o->words[i], c.mount,
					    c.scenario))
					used[i] = wanted = true;
			if (wanted)
				h->choice.cell[h->choice.nr++] = c;
		}
	for (unsigned int i = 0; i < h->o->nr_words; i++)
		if (!used[i])
			return nwb_err_set(err, -EINVAL,
					   "%s: no scenario of the running "
					   "kernel; there are none, "
					   "reset-before, reset-after, "
					   "slow-acks, famine, enospc, "
					   "restart on fuse-smbd, fuse-diod",
					   h->o->words[i]);
	return 0;
}

/* --- one run -------------------------------------------------------------- */

static void command_of(const struct kc_cell *c, const char *exe, uint64_t seed,
		       char *buf, size_t size)
{
	const char *plan = c->scenario->plan;
	char fault[256] = "";

	if (plan[0])
		snprintf(fault, sizeof(fault), " -e '%.*s'",
			 (int)strcspn(plan, "\n"), plan);
	snprintf(buf, size,
		 "'%s' mount %s --kernel-cache --seed %llu%s -- '%s' host-work "
		 "%llu",
		 exe, c->mount->server, (unsigned long long)seed, fault, exe,
		 (unsigned long long)seed);
}

static int run_once(const struct kc_cell *c, uint64_t seed,
		    struct kc_run_result *r, struct host_told *t)
{
	char command[9000], exe[4096], line[1024];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	int status = 0;
	FILE *f;

	*t = (struct host_told){.oracle = 0};
	if (n < 0)
		return -errno;
	exe[n] = 0;
	command_of(c, exe, seed, command, sizeof(command) - 16);
	strcat(command, " 2>&1");
	f = popen(command, "re");
	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f))
		host_told_hear(t, line);
	status = pclose(f);
	host_told_judge(t, WIFEXITED(status) ? WEXITSTATUS(status) : 128, r);
	return 0;
}

static int run_cell(struct host *h, unsigned int at, unsigned int n,
		    struct nwb_err *err)
{
	const struct kc_cell *c = &h->choice.cell[at];
	struct kc_run_opts o = {.kernel = &h->kernel,
				.cell = *c,
				.dir = "",
				.isolation = h->session.step,
				.seed = h->o->seed + n - 1};
	struct kc_run_result *r = &h->res;
	char repro[2560], cell[320], reason[256];
	enum nwb_verdict v;
	struct host_told t;
	uint64_t begin;
	int rc = 0;

	kc_cell_name(&h->kernel, c, cell, sizeof(cell));
	bench_progress_step(&h->session.progress, cell);
	command_of(c, "netwb", o.seed, repro, sizeof(repro));
	begin = now_ns();
	for (unsigned int i = 0; i < TRIES && !rc; i++) {
		*r = (struct kc_run_result){.nr_died = i};
		rc = run_once(c, o.seed, r, &t);
		if (!t.has_died || r->judgement.verdict == NWB_FAIL)
			break;
	}
	if (rc)
		return nwb_err_set(err, rc, "cannot run netwb: %s",
				   strerror(-rc));
	r->wall_ns = now_ns() - begin;
	snprintf(r->mount, sizeof(r->mount), "%s", c->mount->options);
	v = kc_verdict(r, NULL, reason, sizeof(reason));
	kc_row_add(&h->row[at], v, &r->judgement, r->wall_ns, "");
	if (v != NWB_PASS)
		fprintf(stderr, "%s%s #%u: %s  %s\n  again: %s\n",
			h->session.progress.is_tty ? "\r\033[K" : "", cell, n,
			nwb_verdict_name(v), reason, repro);
	bench_session_add(&h->session, v);
	return bench_store_add(h->session.store,
			       kc_record(&o, r, n, v, reason, repro, ""), err);
}

/* --- all of it ------------------------------------------------------------ */

static int run_all(struct host *h, int argc, char **argv, struct nwb_err *err)
{
	const struct kc_opts *o = h->o;
	int rc = bench_session_begin(&h->session, o->out, o->isolation, o->seed,
				     h->choice.nr * o->runs, argc, argv, err);

	for (unsigned int n = 1; n <= o->runs && !rc; n++)
		for (unsigned int i = 0; i < h->choice.nr && !rc; i++)
			rc = run_cell(h, i, n, err);
	return rc;
}

static int refuse(const struct kc_opts *o, struct nwb_err *err)
{
	if (o->nr_plan_files || o->nr_lines || o->job || o->mount_options)
		return nwb_err_set(err, -EINVAL,
				   "--kernel host has its own scenarios; with "
				   "a plan of yours: netwb mount SERVER "
				   "--kernel-cache -e LINE -- COMMAND");
	return 0;
}

static int end(struct host *h, int rc, struct nwb_err *err)
{
	int code = h->o->bisect ? 125 : NWB_EXIT_BROKEN;

	if (rc) {
		fprintf(stderr, "netwb: %s\n", err->text);
	} else {
		code = kc_exit(h->session.verdict, h->session.nr_verdicts,
			       h->o->bisect);
		kc_tell(h->out, &h->kernel, &h->choice, h->row);
	}
	*err = (struct nwb_err){0};
	bench_session_end(&h->session, 0, err);
	fflush(stdout);
	if (!err->code && !rc && h->o->ktap &&
	    kc_print_ktap(h->session.dir, h->out_fd, err))
		fprintf(stderr, "netwb: %s\n", err->text);
	if (!err->code)
		return code;
	return h->o->bisect ? 125 : NWB_EXIT_BROKEN;
}

int bench_check_host(const struct kc_opts *o, int argc, char **argv)
{
	static struct host h;
	struct nwb_err err = {0};
	int code = o->bisect ? 125 : NWB_EXIT_BROKEN;
	int rc = refuse(o, &err);

	h = (struct host){.o = o};
	if (!rc)
		rc = nwb_kernel_resolve("host", NULL, NULL, &h.kernel, &err);
	if (!rc)
		rc = choose(&h, &err);
	if (rc) {
		fprintf(stderr, "netwb: %s\n", err.text);
		return rc == -EINVAL ? (o->bisect ? 129 : NWB_EXIT_USAGE)
				     : code;
	}
	if (bench_interrupt_setup() ||
	    kc_direct_output(o->ktap, &h.out, &h.out_fd))
		return code;
	return end(&h, run_all(&h, argc, argv, &err), &err);
}
