/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One run of a job file on one subject: a process of ours that makes the
 * place (fio_inside.c), and then what fio and the place have to say.
 *
 *	verdict	 of the mount (its ledger and its shadow), made FAIL when fio
 *		 itself read back something else than it wrote
 *	numbers	 of fio's json+, or INVALID with the reason
 */
#include "fio_i.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Making and unmaking the place may take so long beside fio's own limit. */
#define PLACE_NS  (120 * NWB_SEC)
#define ARGS_MAX  160
#define PATH_ROOM 4300

const struct bench_fio_subject bench_fio_subjects[] = {
	{"posix", NULL, false},
};
const unsigned int bench_fio_nr_subjects = NWB_ARRAY_SIZE(bench_fio_subjects);

struct paths {
	char out[PATH_ROOM], log[PATH_ROOM], result[PATH_ROOM],
		console[PATH_ROOM];
};

struct args {
	const char *v[ARGS_MAX + 1];
	unsigned int nr;
	bool is_full;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NWB_SEC + (uint64_t)ts.tv_nsec;
}

static void add(struct args *a, const char *word)
{
	if (a->nr == ARGS_MAX)
		a->is_full = true;
	else
		a->v[a->nr++] = word;
}

static void add_pair(struct args *a, const char *opt, const char *value)
{
	add(a, opt);
	add(a, value);
}

static void name_paths(const struct bench_fio_setup *s, struct bench_fio_run *r,
		       struct paths *p)
{
	char base[PATH_ROOM - 16];

	snprintf(r->json, sizeof(r->json), "fio/%04u-%s-%s.json", r->nr,
		 r->server, r->subject->name);
	snprintf(base, sizeof(base), "%.4100s/fio/%04u-%s-%s", s->dir, r->nr,
		 r->server, r->subject->name);
	snprintf(p->out, sizeof(p->out), "%s.json", base);
	snprintf(p->log, sizeof(p->log), "%s.log", base);
	snprintf(p->result, sizeof(p->result), "%s.place", base);
	snprintf(p->console, sizeof(p->console), "%s.console", base);
}

static void inside_args(const struct bench_fio_setup *s,
			const struct bench_fio_run *r, const struct paths *p,
			char *limit, size_t size, struct args *a)
{
	const struct bench_fio_file *f = s->file;

	snprintf(limit, size, "%llu",
		 (unsigned long long)(s->limit_ns / NWB_MSEC));
	add(a, "/proc/self/exe");
	add(a, "fio-inside");
	add_pair(a, "--job", f->path);
	add_pair(a, "--out", p->out);
	add_pair(a, "--log", p->log);
	add_pair(a, "--result", p->result);
	add_pair(a, "--limit-ms", limit);
	if (!r->subject->client)
		add(a, "--tmpfs");
	if (f->includes)
		add(a, "--by-path");
	for (unsigned int i = 0; i < f->nr_dirs; i++)
		add_pair(a, "--bind", f->dir[i]);
	for (unsigned int i = 0; i < f->nr_subdirs; i++)
		add_pair(a, "--subdir", f->subdir[i]);
}

/* --- the process ---------------------------------------------------------- */

/* Where the stack begins depends on the environment's size, and figures on
 * that: no two runs of a cell shall have the same by chance. */
static void pad_environment(uint64_t seed)
{
	char pad[4097];
	size_t len = (size_t)((seed * 0x9e3779b97f4a7c15ull) >> 52);

	memset(pad, 'x', len);
	pad[len] = 0;
	setenv("NWB_PADDING", pad, 1);
	/* whoever finds a fio can tell whose it is */
	snprintf(pad, sizeof(pad), "%d", getppid());
	setenv("NWB_FIO_OF", pad, 1);
}

__attribute__((noreturn)) static void become(const struct args *a,
					     const char *console, uint64_t seed)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int fd = open(console, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (fd < 0 || null < 0 || dup2(null, 0) < 0 || dup2(fd, 1) < 0 ||
	    dup2(fd, 2) < 0)
		_exit(126);
	setpgid(0, 0);
	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	pad_environment(seed);
	execv(a->v[0], (char **)(uintptr_t)a->v);
	_exit(127);
}

/* Return: wait status; -ETIMEDOUT: it was killed; another negative errno. */
static int run_process(const struct args *a, const char *console, uint64_t seed,
		       uint64_t limit_ns)
{
	const struct timespec tick = {.tv_nsec = 5 * NWB_MSEC};
	const uint64_t deadline = now_ns() + limit_ns;
	bool is_late = false;
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid)
		become(a, console, seed);
	if (pid < 0)
		return -errno;
	for (;;) {
		pid_t got = waitpid(pid, &status, is_late ? 0 : WNOHANG);

		if (got == pid)
			return is_late ? -ETIMEDOUT : status;
		if (got < 0 && errno != EINTR)
			return -errno;
		if (!is_late && now_ns() >= deadline) {
			is_late = true;
			kill(pid, SIGKILL);
		}
		if (!is_late)
			nanosleep(&tick, NULL);
	}
}

/* --- what it said --------------------------------------------------------- */

static char *slurp(const char *path, size_t *ret_len)
{
	FILE *f = fopen(path, "re");
	char *text = NULL;
	size_t len = 0, room = 0, n;

	if (!f)
		return NULL;
	do {
		char *more = room - len < 65536 ? realloc(text, room += 1 << 20)
						: text;

		if (!more) {
			free(text);
			fclose(f);
			return NULL;
		}
		text = more;
		n = fread(text + len, 1, room - len - 1, f);
		len += n;
	} while (n);
	fclose(f);
	text[len] = 0;
	*ret_len = len;
	return text;
}

/* The last line of @text with something on it, cut to @size. */
static void last_line(char *text, char *buf, size_t size)
{
	size_t len = strlen(text);
	char *nl;

	while (len && strchr(" \t\r\n", text[len - 1]))
		text[--len] = 0;
	nl = strrchr(text, '\n');
	snprintf(buf, size, "%.*s", (int)size - 1, nl ? nl + 1 : text);
}

static void say_log(const char *path, char *buf, size_t size)
{
	size_t len;
	char *text = slurp(path, &len);

	buf[0] = 0;
	if (text)
		last_line(text, buf, size);
	free(text);
}

static void void_numbers(struct bench_fio_run *r, const char *why)
{
	r->has_numbers = false;
	if (!r->invalid[0])
		snprintf(r->invalid, sizeof(r->invalid), "%.310s", why);
}

static uint64_t count_of(const json_t *o, const char *key)
{
	json_int_t v = json_integer_value(json_object_get(o, key));

	return v < 0 ? 0 : (uint64_t)v;
}

/* fio ended, somehow: what the place has to say about it. */
static void take_place(struct bench_fio_run *r, const struct paths *p)
{
	json_t *o = json_load_file(p->result, 0, NULL);
	const char *error = json_string_value(json_object_get(o, "error"));
	char line[240], why[320];
	int status;

	if (!o || !error) {
		say_log(p->console, line, sizeof(line));
		snprintf(why, sizeof(why), "fio did not run: %s", line);
		void_numbers(r, why);
		json_decref(o);
		return;
	}
	status = (int)json_integer_value(json_object_get(o, "status"));
	r->fio_cpu_ns = count_of(o, "cpu_ns");
	r->wall_ns = count_of(o, "wall_ns");
	r->files = count_of(o, "files");
	say_log(p->log, line, sizeof(line));
	if (*error) {
		void_numbers(r, error);
	} else if (json_is_true(json_object_get(o, "late"))) {
		snprintf(why, sizeof(why),
			 "fio was ended by --limit after %.0f s",
			 (double)r->wall_ns / NWB_SEC);
		void_numbers(r, why);
	} else if (WIFSIGNALED(status)) {
		snprintf(why, sizeof(why), "fio was killed by signal %d",
			 WTERMSIG(status));
		void_numbers(r, why);
	} else if (status) {
		snprintf(why, sizeof(why), "fio ended with %d: %s",
			 WEXITSTATUS(status), line);
		void_numbers(r, why);
	}
	json_decref(o);
}

/* fio read back something else than it wrote: data are wrong, whatever else
 * the run was. */
static void take_verify(struct bench_fio_run *r, const struct paths *p)
{
	size_t len;
	char *text, *at;

	if (r->res.error != EILSEQ)
		return;
	text = slurp(p->log, &len);
	at = text ? strstr(text, "verify") : NULL;
	while (at && at > text && at[-1] != '\n')
		at--;
	if (at)
		at[strcspn(at, "\n")] = 0;
	r->is_judged = true;
	r->verdict = NWB_FAIL;
	snprintf(r->reason, sizeof(r->reason), "fio verify: job %.60s: %.200s",
		 r->res.error_job, at ? at : "not what was written");
	free(text);
}

static bool writes(const struct bench_fio_result *res)
{
	for (unsigned int i = 0; i < res->nr_jobs; i++)
		if (res->job[i].dir[BENCH_FIO_WRITE].bytes)
			return true;
	return false;
}

static void take_output(const struct bench_fio_setup *s,
			struct bench_fio_run *r, const struct paths *p)
{
	struct nwb_err err = {0};
	bool unlinks = false, verifies = true;
	size_t len;
	char *text = slurp(p->out, &len);
	int rc = 0;

	for (unsigned int i = 0; i < s->file->nr_jobs; i++) {
		unlinks |= s->file->job[i].unlinks;
		verifies &= s->file->job[i].verifies;
	}
	if (!text)
		void_numbers(r, "fio wrote no result");
	else
		rc = bench_fio_parse(text, len, s->file, &r->res, &err);
	free(text);
	r->is_short = rc == -ETIME && r->has_numbers;
	if (rc)
		void_numbers(r, err.text);
	take_verify(r, p);
	if ((r->has_numbers || r->is_short) && !unlinks && !r->files &&
	    writes(&r->res)) {
		r->is_short = false;
		r->invalid[0] = 0;
		void_numbers(r, "fio wrote, but no file is on the subject: the "
				"job did not work on it");
	}
	/* a job of verifies that ended well has proven something itself */
	if ((r->has_numbers || r->is_short) && verifies && !r->is_judged) {
		r->is_judged = true;
		r->verdict = NWB_PASS;
	}
}

void bench_fio_run(const struct bench_fio_setup *s, struct bench_fio_run *r)
{
	struct args a = {0};
	struct paths p;
	char limit[32];
	int status;

	r->has_numbers = true;
	r->fio_cpu_ns = r->client_cpu_ns = r->server_cpu_ns = UINT64_MAX;
	name_paths(s, r, &p);
	inside_args(s, r, &p, limit, sizeof(limit), &a);
	if (a.is_full) {
		void_numbers(r, "the command is too long");
		return;
	}
	status = run_process(&a, p.console, r->seed, s->limit_ns + PLACE_NS);
	if (status == -ETIMEDOUT)
		void_numbers(r, "the place did not end; it was killed");
	else if (status < 0)
		void_numbers(r, strerror(-status));
	take_place(r, &p);
	take_output(s, r, &p);
	unlink(p.result);
}

enum nwb_verdict bench_fio_verdict(const struct bench_fio_run *r)
{
	enum nwb_verdict v = r->is_judged ? r->verdict : NWB_PASS;

	/* what was judged stays judged, however short it was */
	if (v != NWB_PASS || r->has_numbers || (r->is_judged && r->is_short))
		return v;
	return NWB_INCONCLUSIVE;
}
