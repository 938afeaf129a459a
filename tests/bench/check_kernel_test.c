/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netwb check --kernel without a kernel: what is chosen, what a run is worth,
 * k of N, the job's text, and the reproducer, which is compiled and run.
 */
#include "check_kernel.h"
#include "nwb/faultctl.h"
#include "nwb_test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- what is chosen ------------------------------------------------------- */

static unsigned int choose(const char *const *words, unsigned int nr,
			   struct kc_choice *c)
{
	struct nwb_err err = {0};

	nwb_check_eq(kc_choose(words, nr, NULL, c, &err), 0);
	return c->nr;
}

static bool has(const struct kc_choice *c, const char *mount,
		const char *scenario)
{
	for (unsigned int i = 0; i < c->nr; i++)
		if (!strcmp(c->cell[i].mount->name, mount) &&
		    !strcmp(c->cell[i].scenario->name, scenario))
			return true;
	return false;
}

NWB_TEST(check_kernel, the_first_set)
{
	struct kc_choice c;

	/* nothing and eight faults on two cifs mounts; 9p has no credits, and
	 * of a FUSE server in the guest there is less to break */
	nwb_check_eq(choose(NULL, 0, &c), 9 + 9 + 8 + 4);
	nwb_check(has(&c, "fuse", "freeze") && !has(&c, "9p", "freeze"));
	nwb_check(!has(&c, "fuse", "restart"));
	nwb_check(has(&c, "cifs-hard", "famine"));
	nwb_check(!has(&c, "9p", "famine"));
	nwb_check(!has(&c, "cifs-none", "none"));
}

NWB_TEST(check_kernel, words_choose)
{
	const char *mount[] = {"9p-mmap"}, *fault[] = {"restart"};
	const char *glob[] = {"cifs-*.reset-*"}, *two[] = {"9p", "9p.none"};
	const char *no[] = {"resart"}, *no_famine[] = {"9p.famine"};
	const char *fuse[] = {"fuse"};
	const struct kc_scenario own = {.name = "own", .fs = KC_ALL};
	struct kc_choice c;
	struct nwb_err err = {0};

	nwb_check_eq(choose(mount, 1, &c), 8);
	/* a fault alone: on the mounts of the first set */
	nwb_check_eq(choose(fault, 1, &c), 3);
	nwb_check_eq(choose(glob, 1, &c), 8);
	nwb_check(has(&c, "cifs-loose", "reset-after"));
	nwb_check_eq(choose(two, 2, &c), 8);
	/* a plan of one's own: where all can be injected, or where it is said
	 */
	nwb_check_eq(kc_choose(NULL, 0, &own, &c, &err), 0);
	nwb_check_eq(c.nr, 3);
	nwb_check_eq(kc_choose(fuse, 1, &own, &c, &err), 0);
	nwb_check(has(&c, "fuse", "own"));
	nwb_check_eq(kc_choose(no, 1, NULL, &c, &err), -EINVAL);
	nwb_check(strstr(err.text, "resart"));
	nwb_check_eq(kc_choose(no_famine, 1, NULL, &c, &err), -EINVAL);
}

/* Every plan of the set parses, is a kernel's, and can be injected. */
NWB_TEST(check_kernel, plans_of_the_set_are_good)
{
	for (unsigned int i = 0; i < kc_nr_scenarios; i++) {
		for (unsigned int k = 0; k < kc_nr_mounts; k++) {
			const struct kc_scenario *s = &kc_scenarios[i];
			struct nwb_fc_page *page;
			struct nwb_plan *plan;
			struct nwb_err err = {0};
			int fd;

			if (!(s->fs &
			      (kc_mounts[k].is_inside		    ? KC_FUSE
			       : !strcmp(kc_mounts[k].type, "cifs") ? KC_CIFS
								    : KC_9P)))
				continue;
			nwb_check_eq(nwb_plan_new(&plan), 0);
			if (nwb_plan_add_text(plan, s->name, s->plan,
					      strlen(s->plan), &err) ||
			    nwb_plan_finish(plan, &err))
				nwb_check_streq(err.text, "");
			nwb_check_streq(plan->client.name, "kernel");
			nwb_check_eq(nwb_fc_create(&fd, &page), 0);
			if (nwb_plan_compile(plan, page, kc_mounts[k].server,
					     &err))
				nwb_check_streq(err.text, "");
			if (kc_mounts[k].is_inside)
				nwb_check_eq(kc_fuse_check(plan, &err), 0);
			nwb_fc_unmap(page);
			close(fd);
			nwb_plan_free(plan);
		}
	}
}

/* --- what a run was worth ------------------------------------------------- */

static enum nwb_verdict verdict(struct kc_run_result *r, const char *want)
{
	char reason[256];
	enum nwb_verdict v = kc_verdict(r, NULL, reason, sizeof(reason));

	if (want && !strstr(reason, want))
		nwb_check_streq(reason, want);
	return v;
}

static struct kc_run_result done(void)
{
	return (struct kc_run_result){
		.is_judged = true,
		.guest = {.end = NWB_MACHINE_DONE},
		.judgement = {.verdict = NWB_PASS},
	};
}

NWB_TEST(check_kernel, what_was_not_asked_for_is_known)
{
	struct nwb_judgement j = {.failed = 1u << 15};
	char reason[64] = "O15 GAVE-UP";

	nwb_check_eq(kc_spare(NWB_FAIL, &j, 0, reason, sizeof(reason)),
		     NWB_FAIL);
	nwb_check_eq(kc_spare(NWB_FAIL, &j, 1u << 15, reason, sizeof(reason)),
		     NWB_FAIL);
	nwb_check_eq(kc_spare(NWB_VACUOUS, &j, 1u << 1, reason, sizeof(reason)),
		     NWB_VACUOUS);
	nwb_check_eq(kc_spare(NWB_FAIL, &j, 1u << 1, reason, sizeof(reason)),
		     NWB_KNOWN);
	nwb_check_streq(reason, "not asked for: O15 GAVE-UP");
	j.failed |= 1u << 1;
	nwb_check_eq(kc_spare(NWB_FAIL, &j, 1u << 1, reason, sizeof(reason)),
		     NWB_FAIL);
}

NWB_TEST(check_kernel, the_ledger_comes_first)
{
	struct kc_run_result r = done();

	nwb_check_eq(verdict(&r, NULL), NWB_PASS);
	r.judgement.verdict = NWB_VACUOUS;
	nwb_check_eq(verdict(&r, NULL), NWB_VACUOUS);
	/* convicted is convicted, whatever became of the guest */
	r = done();
	r.judgement.verdict = NWB_FAIL;
	r.judgement.nr_findings = 1;
	r.judgement.finding[0] = (struct nwb_finding){
		.oracle = 1, .verdict = NWB_FAIL, .kind = "LOST"};
	r.guest.end = NWB_MACHINE_DIED;
	snprintf(r.trouble, sizeof(r.trouble), "something");
	nwb_check_eq(verdict(&r, "O1 LOST"), NWB_FAIL);
}

NWB_TEST(check_kernel, the_guests_end)
{
	struct kc_run_result r = done();

	r.guest.end = NWB_MACHINE_PANIC;
	snprintf(r.guest.excerpt, sizeof(r.guest.excerpt),
		 "BUG: KASAN: slab-out-of-bounds in x\nCall Trace:\n");
	nwb_check_eq(verdict(&r, "O8 PANIC: the guest's kernel: BUG: KASAN"),
		     NWB_FAIL);
	r = done();
	r.guest.end = NWB_MACHINE_POWEROFF;
	r.guest.is_cut_clean = true;
	nwb_check_eq(verdict(&r, NULL), NWB_PASS);
	r.guest.is_cut_clean = false;
	nwb_check_eq(verdict(&r, "had announced"), NWB_INCONCLUSIVE);
	r = done();
	r.guest.end = NWB_MACHINE_DIED;
	nwb_check_eq(verdict(&r, "guest"), NWB_INCONCLUSIVE);
	r = done();
	r.guest.end = NWB_MACHINE_STOPPED;
	r.is_late = true;
	nwb_check_eq(verdict(&r, "took too long"), NWB_INCONCLUSIVE);
	r = done();
	r.guest.done.rc = 1;
	snprintf(r.guest.done.text, sizeof(r.guest.done.text),
		 "mount: EHOSTDOWN");
	nwb_check_eq(verdict(&r, "mount: EHOSTDOWN"), NWB_INCONCLUSIVE);
}

NWB_TEST(check_kernel, a_hang_needs_a_harness_that_was_awake)
{
	struct kc_run_result r = done();

	r.guest.end = NWB_MACHINE_HUNG;
	r.guest.gap_ns = 20 * NWB_SEC;
	r.guest.harness_gap_ns = 30 * NWB_MSEC;
	nwb_check_eq(verdict(&r, "O8 HANG"), NWB_FAIL);
	r = done();
	r.guest.end = NWB_MACHINE_HUNG;
	r.guest.gap_ns = 20 * NWB_SEC;
	r.guest.harness_gap_ns = 3 * NWB_SEC;
	nwb_check_eq(verdict(&r, "itself slept"), NWB_INCONCLUSIVE);
}

NWB_TEST(check_kernel, what_the_plan_expects)
{
	static const char text[] = "plan x\nclient kernel\n"
				   "expect verdict fail\n";
	struct kc_run_result r = done();
	struct nwb_plan *plan;
	char reason[256];

	nwb_check_eq(bench_plan_text("x", text, &plan, NULL), 0);
	nwb_check_eq(kc_verdict(&r, plan, reason, sizeof(reason)),
		     NWB_UNEXPECTED_PASS);
	r.judgement.verdict = NWB_FAIL;
	nwb_check_eq(kc_verdict(&r, plan, reason, sizeof(reason)), NWB_KNOWN);
	nwb_plan_free(plan);
}

NWB_TEST(check_kernel, exit_codes)
{
	static const struct {
		enum nwb_verdict v[2];
		int plain, bisect;
	} rows[] = {
		{{NWB_PASS, NWB_PASS}, 0, 0},
		{{NWB_PASS, NWB_FAIL}, 1, 1},
		{{NWB_INCONCLUSIVE, NWB_FAIL}, 1, 1},
		{{NWB_PASS, NWB_INCONCLUSIVE}, 2, 125},
		{{NWB_SKIP, NWB_SKIP}, 77, 125},
		{{NWB_PASS, NWB_SKIP}, 0, 125},
		{{NWB_PASS, NWB_VACUOUS}, 1, 1},
		{{NWB_PASS, NWB_KNOWN}, 0, 0},
		{{NWB_PASS, NWB_UNEXPECTED_PASS}, 1, 1},
	};

	for (size_t i = 0; i < NWB_ARRAY_SIZE(rows); i++) {
		nwb_check_eq(kc_exit(rows[i].v, 2, false), rows[i].plain);
		nwb_check_eq(kc_exit(rows[i].v, 2, true), rows[i].bisect);
	}
	nwb_check_eq(kc_exit(NULL, 0, true), 125);
}

NWB_TEST(check_kernel, k_of_n)
{
	struct nwb_judgement lost = {
		.nr_findings = 1,
		.finding = {{.oracle = 1, .verdict = NWB_FAIL, .kind = "LOST"}},
	};
	struct kc_row row = {0};
	char text[256];

	nwb_check_streq(kc_row_text(&row, text, sizeof(text)), "not run");
	for (unsigned int i = 0; i < 9; i++)
		kc_row_add(&row, NWB_PASS, NULL, NWB_SEC, "p");
	kc_row_add(&row, NWB_FAIL, &lost, 3 * NWB_SEC, "f");
	nwb_check_streq(kc_row_text(&row, text, sizeof(text)),
			"PASS 9/10, FAIL O1 LOST 1/10");
	kc_row_told(&row, (struct kc_told[]){{EIO, 7}, {ENOSPC, 1}}, 2);
	kc_row_told(&row, (struct kc_told[]){{EIO, 2}}, 1);
	nwb_check_streq(kc_row_text(&row, text, sizeof(text)),
			"PASS 9/10, FAIL O1 LOST 1/10; told EIO 2/10, ENOSPC "
			"1/10");
	nwb_check_streq(row.bundle, "f");
	nwb_check_eq(row.wall_ns, 12 * NWB_SEC);
	nwb_check_eq(row.wall_max_ns, 3 * NWB_SEC);
}

/* --- job and reproducer --------------------------------------------------- */

static struct kc_run_opts some_run(const struct nwb_kernel *k, bool is_9p)
{
	return (struct kc_run_opts){
		.kernel = k,
		.cell = {&kc_mounts[is_9p ? 2 : 0], &kc_scenarios[1]},
		.mount_options = kc_mounts[is_9p ? 2 : 0].options,
		.has_trace = true,
	};
}

NWB_TEST(check_kernel, jobs_are_good)
{
	static const uint8_t key[16] = {1, 2, 0xfe};
	struct nwb_server_info info = {
		.port = 445, .share = "s", .user = "u", .password = "pw"};
	struct nwb_kernel k = {0};
	struct nwb_err err = {0};
	char job[16384];

	for (unsigned int i = 0; i < kc_nr_scenarios; i++) {
		struct kc_run_opts o = some_run(&k, info.is_9p);

		o.cell.scenario = &kc_scenarios[i];
		nwb_check_eq(
			kc_job_text(&o, &info, key, job, sizeof(job), &err), 0);
		if (nwb_guest_job_check(job, &err))
			nwb_check_streq(err.text, "");
		info.is_9p = !info.is_9p;
	}
	nwb_check(strstr(job, "key 0102fe00000000000000000000000000\n"));
	{
		struct kc_run_opts o = some_run(&k, false);

		nwb_check_eq(kc_job_text(&o, &info, key, job, 100, &err),
			     -ENOSPC);
	}
}

static char dir[] = "/tmp/nwb-repro.XXXXXX";

static int shell(const char *what)
{
	char command[512];
	int rc;

	snprintf(command, sizeof(command), "cd %s && %s", dir, what);
	rc = system(command);
	return WIFEXITED(rc) ? WEXITSTATUS(rc) : -1;
}

static FILE *file(const char *name, unsigned int mode)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "we");
	nwb_check(f && !fchmod(fileno(f), mode));
	return f;
}

static void make_reproducer(const char *job)
{
	struct nwb_kernel k = {.release = "7.2.12"};
	struct kc_run_opts o = some_run(&k, false);
	struct nwb_err err = {0};
	struct nwb_plan *plan;
	FILE *f;

	nwb_check(mkdtemp(dir));
	f = file("reproducer.c", 0644);
	nwb_check_eq(kc_repro_c(f, job, &err), 0);
	nwb_check_eq(fclose(f), 0);
	nwb_check_eq(bench_plan_text("x", kc_scenarios[1].plan, &plan, &err),
		     0);
	o.plan = plan;
	f = file("reproducer.sh", 0755);
	nwb_check_eq(kc_repro_sh(f, &o, "about", &err), 0);
	nwb_check_eq(fclose(f), 0);
	nwb_plan_free(plan);
}

/* On a file system that keeps its promises it finds nothing; of a byte that was
 * lost it tells. */
NWB_TEST(check_kernel, the_reproducer_works)
{
	static const char bytes[16] = {0};
	char path[64];
	int fd;

	make_reproducer(kc_scenarios[1].job);
	nwb_check_eq(shell("sh -n reproducer.sh"), 0);
	nwb_check_eq(shell("grep -q 'ss -K dst' reproducer.sh"), 0);
	nwb_check_eq(shell("cc -Wall -Werror -o reproducer reproducer.c"), 0);
	/* marks call the script: here nothing goes wrong */
	nwb_check_eq(shell("printf '#!/bin/sh\\n' >reproducer.sh"), 0);
	nwb_check_eq(shell("./reproducer run file owed >said"), 0);
	nwb_check_eq(shell("grep -q ' 0 errors told' said"), 0);
	nwb_check_eq(shell("./reproducer check file owed >said"), 0);
	snprintf(path, sizeof(path), "%s/file", dir);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	nwb_check_eq(pwrite(fd, bytes, sizeof(bytes), 1 << 20), sizeof(bytes));
	close(fd);
	nwb_check_eq(shell("./reproducer check file owed >said"), 1);
	nwb_check_eq(shell("grep -q '^1048576: does not belong' said"), 0);
	nwb_check_eq(shell("rm -rf \"$PWD\""), 0);
}

NWB_TEST(check_kernel, what_cannot_be_reproduced_is_said)
{
	struct nwb_err err = {0};
	FILE *f = fopen("/dev/null", "we");

	nwb_check_eq(kc_repro_c(f, "fsync 0\nstore 0 0 4K\n", &err), -EINVAL);
	nwb_check(strstr(err.text, "line 2"));
	nwb_check_eq(kc_repro_c(f, "write 0 0 99999999999999999999\n", &err),
		     -EINVAL);
	nwb_check_eq(kc_repro_c(f, "wait a;rm\n", &err), -EINVAL);
	nwb_check_eq(kc_repro_c(f, "append 0 4K x 3 fsync 1 # c\n", &err), 0);
	nwb_check_eq(
		kc_repro_c(f, "trace on 1 2 3 4 5 6 7 8 9 a b c d e\n", &err),
		0);
	nwb_check_eq(kc_repro_c(f, "fsync 0 1 2 3 4 5 6 7 8 9 a b c d\n", &err),
		     -EINVAL);
	fclose(f);
}
