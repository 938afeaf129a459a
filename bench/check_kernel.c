/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netwb check --kernel: the command; see check_kernel.h. */
#include "check_kernel.h"

#include "check_host.h"

#include "nwb/mem.h"
#include "nwb/shell.h"
#include "session.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* `git bisect run` takes 1 to 124 for "bad" and ends at 128 and above. */
#define BISECT_UNKNOWN 125
#define BISECT_ABORT   129

struct check {
	struct kc_opts o;
	FILE *out; /* for people */
	int out_fd;
	struct nwb_kernel kernel;
	struct kc_choice choice;
	struct kc_scenario own;
	char *own_plan, *own_job; /* texts, of malloc() */
	struct kc_row row[KC_CELLS_MAX];
	struct bench_session session;
	struct kc_run_result res; /* large */
};

static int usage_code(const struct check *k)
{
	return k->o.bisect ? BISECT_ABORT : NWB_EXIT_USAGE;
}

static int broken_code(const struct check *k)
{
	return k->o.bisect ? BISECT_UNKNOWN : NWB_EXIT_BROKEN;
}

/* --- the user's own scenario ---------------------------------------------- */

static int add_text(char **text, const char *more, size_t len,
		    struct nwb_err *err)
{
	size_t have = *text ? strlen(*text) : 0;
	char *p = realloc(*text, have + len + 2);

	if (!p)
		return nwb_err_set(err, -ENOMEM, "no memory");
	memcpy(p + have, more, len);
	memcpy(p + have + len, "\n", 2);
	*text = p;
	return 0;
}

static int read_own_plan(struct check *k, struct nwb_err *err)
{
	char *text;
	size_t len;
	int rc = 0;

	for (unsigned int i = 0; i < k->o.nr_plan_files && !rc; i++) {
		rc = bench_read_file(k->o.plan_files[i], &text, &len, err);
		if (rc)
			break;
		rc = add_text(&k->own_plan, text, len, err);
		free(text);
	}
	for (unsigned int i = 0; i < k->o.nr_lines && !rc; i++)
		rc = add_text(&k->own_plan, k->o.lines[i],
			      strlen(k->o.lines[i]), err);
	if (!rc && k->own_plan && !strstr(k->own_plan, "client"))
		rc = add_text(&k->own_plan, "client kernel", 13, err);
	return rc;
}

/* Without a job of their own, people get that of the first set. */
static int read_own(struct check *k, struct nwb_err *err)
{
	char *job;
	size_t len;
	int rc = read_own_plan(k, err);

	if (!rc && k->o.job) {
		rc = bench_read_file(k->o.job, &job, &len, err);
		if (!rc) {
			rc = add_text(&k->own_job, job, len, err);
			free(job);
		}
	}
	k->own = (struct kc_scenario){
		.name = "own",
		.title = "your own",
		.fs = KC_ALL,
		.plan = k->own_plan ? k->own_plan : kc_scenarios[0].plan,
		.job = k->own_job ? k->own_job : kc_scenarios[0].job,
	};
	return rc;
}

static bool has_own(const struct check *k)
{
	return k->o.nr_plan_files || k->o.nr_lines || k->o.job;
}

/* --- one run -------------------------------------------------------------- */

/* A word that is no file means another kernel tomorrow; its name does not. */
static const char *kernel_word(const struct check *k)
{
	return access(k->o.kernel, F_OK) ? k->kernel.name : k->o.kernel;
}

static void put_repro(const struct check *k, const struct kc_cell *c,
		      uint64_t seed, char *buf, size_t size)
{
	size_t at = (size_t)snprintf(buf, size, "netwb check --kernel");

	at = nwb_shell_word(buf, size, at, kernel_word(k));
	if (k->o.mount_options) {
		at = nwb_shell_word(buf, size, at, "--mount-options");
		at = nwb_shell_word(buf, size, at, k->o.mount_options);
	}
	for (unsigned int i = 0; i < k->o.nr_plan_files; i++) {
		at = nwb_shell_word(buf, size, at, "--plan");
		at = nwb_shell_word(buf, size, at, k->o.plan_files[i]);
	}
	for (unsigned int i = 0; i < k->o.nr_lines; i++) {
		at = nwb_shell_word(buf, size, at, "-e");
		at = nwb_shell_word(buf, size, at, k->o.lines[i]);
	}
	if (k->o.job) {
		at = nwb_shell_word(buf, size, at, "--job");
		at = nwb_shell_word(buf, size, at, k->o.job);
	}
	if (at < size)
		snprintf(buf + at, size - at, " --seed %llu %s.%s",
			 (unsigned long long)seed, c->mount->name,
			 c->scenario->name);
}

static int make_plan(const struct kc_cell *c, uint64_t seed,
		     struct nwb_plan **ret, struct nwb_err *err)
{
	const struct kc_scenario *s = c->scenario;
	struct nwb_plan *plan;
	char server[64];
	int rc = nwb_plan_new(&plan);

	if (rc)
		return nwb_err_set(err, rc, "no memory for a plan");
	rc = nwb_plan_add_text(plan, s->name, s->plan, strlen(s->plan), err);
	if (!rc && s->is_volatile) {
		snprintf(server, sizeof(server), "server %s volatile",
			 c->mount->server);
		rc = nwb_plan_add_text(plan, c->mount->name, server,
				       strlen(server), err);
	}
	if (!rc)
		rc = nwb_plan_finish(plan, err);
	if (!rc && strcmp(plan->client.name, "kernel"))
		rc = nwb_err_set(err, -EINVAL,
				 "%s: a plan for a guest says \"client "
				 "kernel\"",
				 s->name);
	if (!rc && plan->server.name[0] &&
	    strcmp(plan->server.name, c->mount->server))
		rc = nwb_err_set(err, -EINVAL, "%s is for %s, and %s is of %s",
				 s->name, plan->server.name, c->mount->name,
				 c->mount->server);
	if (!rc && kc_is_fuse(c->mount))
		rc = kc_fuse_check(plan, err);
	if (rc) {
		nwb_plan_free(plan);
		return rc;
	}
	if (!plan->has_seed)
		plan->seed = seed;
	*ret = plan;
	return 0;
}

static void say(const struct check *k, const char *cell, unsigned int n,
		enum nwb_verdict v, const char *reason, const char *dir)
{
	if (v == NWB_PASS)
		return;
	fprintf(stderr, "%s%s #%u: %s  %s\n",
		k->session.progress.is_tty ? "\r\033[K" : "", cell, n,
		nwb_verdict_name(v), reason);
	if (dir[0])
		fprintf(stderr, "  bundle: %s\n", dir);
}

/* Return: 0; negative errno only when results cannot be written. */
static int run_made(struct check *k, unsigned int at, unsigned int n,
		    const struct kc_run_opts *o, struct nwb_err *err)
{
	struct kc_run_result *r = &k->res;
	char reason[256], repro[2560], cell[320];
	struct nwb_err why = {0};
	enum nwb_verdict v;
	int rc = kc_run_one(o, r, &why);

	put_repro(k, &o->cell, o->seed, repro, sizeof(repro));
	kc_cell_name(o->kernel, &o->cell, cell, sizeof(cell));
	if (rc) {
		kc_row_add(&k->row[at], NWB_INCONCLUSIVE, NULL, r->wall_ns, "");
		say(k, cell, n, NWB_INCONCLUSIVE, why.text, "");
		bench_session_add(&k->session, NWB_INCONCLUSIVE);
		return bench_store_add(k->session.store,
				       kc_record_failed(o, n, why.text, repro),
				       err);
	}
	v = kc_verdict(r, o->plan, reason, sizeof(reason));
	v = kc_spare(v, &r->judgement, k->o.oracles, reason, sizeof(reason));
	rc = kc_bundle_finish(o, r, v, reason, repro, k->o.keep, err);
	if (rc)
		return rc;
	kc_row_add(&k->row[at], v, &r->judgement, r->wall_ns, o->dir);
	kc_row_told(&k->row[at], r->told, r->nr_told);
	say(k, cell, n, v, reason, o->dir);
	bench_session_add(&k->session, v);
	return bench_store_add(k->session.store,
			       kc_record(o, r, n, v, reason, repro, o->dir),
			       err);
}

static int run_one(struct check *k, unsigned int at, unsigned int n,
		   struct nwb_err *err)
{
	const struct kc_cell *c = &k->choice.cell[at];
	char options[1024], cell[320], dir[4300];
	struct nwb_plan *plan = NULL;
	struct kc_run_opts o = {
		.kernel = &k->kernel,
		.cell = *c,
		.mount_options = options,
		.dir = dir,
		.isolation = k->session.step,
		.seed = k->o.seed + n - 1,
		.memory = k->o.memory,
		.has_trace = k->o.has_trace,
	};
	int rc;

	snprintf(options, sizeof(options), "%s%s%s", c->mount->options,
		 k->o.mount_options ? "," : "",
		 k->o.mount_options ? k->o.mount_options : "");
	kc_cell_name(&k->kernel, c, cell, sizeof(cell));
	bench_progress_step(&k->session.progress, cell);
	rc = make_plan(c, o.seed, &plan, err);
	if (rc)
		return rc;
	o.plan = plan;
	rc = kc_bundle_dir(k->session.dir, cell, n, dir, sizeof(dir), err);
	if (!rc)
		rc = run_made(k, at, n, &o, err);
	nwb_plan_free(plan);
	return rc;
}

/* --- all of it ------------------------------------------------------------ */

static int run_all(struct check *k, int argc, char **argv, struct nwb_err *err)
{
	unsigned int nr = k->choice.nr * k->o.runs;
	int rc = bench_session_begin(&k->session, k->o.out, k->o.isolation,
				     k->o.seed, nr, argc, argv, err);

	if (!rc && k->session.step == NWB_ISOLATION_NONE)
		rc = nwb_err_set(err, -EOPNOTSUPP,
				 "a guest needs a network of its own, and "
				 "there are no namespaces here (%s)",
				 k->session.why);
	/* rounds, so that what drifts with time shows in no one row */
	for (unsigned int n = 1; n <= k->o.runs && !rc; n++)
		for (unsigned int i = 0; i < k->choice.nr && !rc; i++)
			rc = run_one(k, i, n, err);
	return rc;
}

int kc_print_ktap(const char *dir, int fd, struct nwb_err *err)
{
	char path[4200], *text;
	FILE *f = fdopen(fd, "w");
	size_t len;
	int rc;

	snprintf(path, sizeof(path), "%s/%s", dir,
		 nwb_report_format_file(NWB_FORMAT_KTAP));
	rc = f ? bench_read_file(path, &text, &len, err) : -EIO;
	if (!rc) {
		rc = fwrite(text, 1, len, f) == len ? 0 : -EIO;
		free(text);
	}
	if (f && fclose(f))
		rc = -EIO;
	return rc ? nwb_err_set(err, rc, "KTAP cannot be printed") : 0;
}

static int finish(struct check *k, int rc, struct nwb_err *err)
{
	int code = broken_code(k);

	if (!rc) {
		code = kc_exit(k->session.verdict, k->session.nr_verdicts,
			       k->o.bisect);
		kc_tell(k->out, &k->kernel, &k->choice, k->row);
	} else {
		fprintf(stderr, "netwb: %s\n", err->text);
	}
	*err = (struct nwb_err){0};
	bench_session_end(&k->session, 0, err);
	fflush(stdout);
	if (!err->code && !rc && k->o.ktap &&
	    kc_print_ktap(k->session.dir, k->out_fd, err))
		fprintf(stderr, "netwb: %s\n", err->text);
	if (!err->code)
		return code;
	return broken_code(k);
}

int kc_direct_output(bool ktap, FILE **ret_out, int *ret_fd)
{
	*ret_out = stdout;
	if (!ktap)
		return 0;
	fflush(stdout);
	*ret_fd = dup(STDOUT_FILENO);
	return *ret_fd < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0 ? -errno
								     : 0;
}

/* A line for each step, and one every ten seconds. */
static void progress(void *arg, const char *step, int percent)
{
	static char said[64];
	static time_t when;
	size_t len = nwb_min(strcspn(step, ":"), sizeof(said) - 1);
	time_t now = time(NULL);

	(void)arg;
	if (!strncmp(step, said, len) && !said[len] && now < when + 10)
		return;
	memcpy(said, step, len);
	said[len] = '\0';
	when = now;
	if (percent < 0)
		fprintf(stderr, "netwb: %s\n", step);
	else
		fprintf(stderr, "netwb: %s, %d %%\n", step, percent);
}

static int find_kernel(struct check *k, struct nwb_err *err)
{
	const struct nwb_kernel_progress p = {.say = progress};
	int rc = nwb_kernel_resolve(k->o.kernel, NULL, &p, &k->kernel, err);

	if (!rc)
		rc = nwb_machine_check(&k->kernel, err);
	if (!rc && strcmp(k->o.kernel, k->kernel.name) != 0)
		fprintf(stderr, "netwb: %s is %s, from %s\n", k->o.kernel,
			k->kernel.name, k->kernel.from);
	return rc;
}

static int check(struct check *k, int argc, char **argv)
{
	struct nwb_err err = {0};
	int rc = has_own(k) ? read_own(k, &err) : 0;

	if (!rc)
		rc = kc_choose(k->o.words, k->o.nr_words,
			       has_own(k) ? &k->own : NULL, &k->choice, &err);
	/* before anything is built */
	for (unsigned int i = 0; i < k->choice.nr && !rc; i++) {
		struct nwb_plan *plan = NULL;

		rc = make_plan(&k->choice.cell[i], k->o.seed, &plan, &err);
		nwb_plan_free(plan);
	}
	if (rc) {
		fprintf(stderr, "netwb: %s\n", err.text);
		return usage_code(k);
	}
	rc = find_kernel(k, &err);
	if (rc) {
		fprintf(stderr, "netwb: %s\n", err.text);
		return rc == -EINVAL ? usage_code(k) : broken_code(k);
	}
	return finish(k, run_all(k, argc, argv, &err), &err);
}

int bench_check_kernel(int argc, char **argv)
{
	static struct check k;
	int rc;

	k = (struct check){0};
	rc = kc_parse(&k.o, argc, argv);
	if (rc)
		return rc == -2 ? NWB_EXIT_OK : usage_code(&k);
	if (k.o.is_listing) {
		kc_list(stdout);
		return NWB_EXIT_OK;
	}
	if (!strcmp(k.o.kernel, "host"))
		return bench_check_host(&k.o, argc, argv);
	if (bench_interrupt_setup() ||
	    kc_direct_output(k.o.ktap, &k.out, &k.out_fd))
		return broken_code(&k);
	rc = check(&k, argc, argv);
	free(k.own_plan);
	free(k.own_job);
	return rc;
}
