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
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Making and unmaking the place may take so long beside fio's own limit. */
#define PLACE_NS  (120 * NWB_SEC)
#define ARGS_MAX  160
#define PATH_ROOM 4300

const struct bench_fio_subject bench_fio_subjects[] = {
	{"posix", NULL, false, false},
	{"in-place", "in-place", false, false},
	{"temp-page", "temp-page", false, false},
	{"kernel-fuse", "raw", true, false},
	{"in-place-engine", "in-place", false, true},
	{"temp-page-engine", "temp-page", false, true},
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

	snprintf(r->json, sizeof(r->json), "fio-%04u-%s-%s.json", r->nr,
		 r->server, r->subject->name);
	snprintf(base, sizeof(base), "%.4100s/fio-%04u-%s-%s", s->dir, r->nr,
		 r->server, r->subject->name);
	snprintf(p->out, sizeof(p->out), "%s.json", base);
	snprintf(p->log, sizeof(p->log), "%s.log", base);
	snprintf(p->result, sizeof(p->result), "%s.place", base);
	snprintf(p->console, sizeof(p->console), "%s.console", base);
}

/* Of one command line: numbers and our own path as text. */
struct words {
	char limit[24], seed[24], self[PATH_MAX];
};

static void mount_args(const struct bench_fio_setup *s,
		       const struct bench_fio_run *r, const struct words *w,
		       struct args *a)
{
	const struct bench_cli *c = s->cli;

	add(a, "mount");
	add(a, r->server);
	add_pair(a, "--client", r->subject->client);
	if (r->subject->kernel_cache)
		add(a, "--kernel-cache");
	if (r->subject->engine)
		add(a, "--engine");
	if (c->run.isolation)
		add_pair(a, "--isolation",
			 nwb_isolation_name(c->run.isolation));
	add_pair(a, "--seed", w->seed);
	if (s->fault)
		add_pair(a, "--fault", s->fault);
	for (unsigned int i = 0; i < c->nr_plan_files; i++)
		add_pair(a, "--plan", c->plan_files[i]);
	for (unsigned int i = 0; i < c->nr_lines; i++)
		add_pair(a, "-e", c->lines[i]);
	add(a, "--");
	add(a, w->self);
}

static int make_args(const struct bench_fio_setup *s,
		     const struct bench_fio_run *r, const struct paths *p,
		     struct words *w, struct args *a)
{
	const struct bench_fio_file *f = s->file;
	ssize_t n = readlink("/proc/self/exe", w->self, sizeof(w->self) - 1);

	if (n < 0)
		return -errno;
	w->self[n] = 0;
	snprintf(w->limit, sizeof(w->limit), "%llu",
		 (unsigned long long)(s->limit_ns / NWB_MSEC));
	snprintf(w->seed, sizeof(w->seed), "%llu", (unsigned long long)r->seed);
	add(a, w->self);
	if (r->subject->client)
		mount_args(s, r, w, a);
	add(a, "fio-inside");
	add_pair(a, "--job", r->subject->engine ? s->engine_job : f->path);
	add_pair(a, "--out", p->out);
	add_pair(a, "--log", p->log);
	add_pair(a, "--result", p->result);
	add_pair(a, "--limit-ms", w->limit);
	if (!r->subject->client)
		add(a, "--tmpfs");
	if (f->includes)
		add(a, "--by-path");
	for (unsigned int i = 0; i < f->nr_dirs; i++)
		add_pair(a, "--bind", f->dir[i]);
	for (unsigned int i = 0; i < f->nr_subdirs; i++)
		add_pair(a, "--subdir", f->subdir[i]);
	return a->is_full ? -E2BIG : 0;
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

__attribute__((noreturn)) static void
become(const struct args *a, const char *console, uint64_t seed, int sock)
{
	char number[16];
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
	/* through `netwb mount` and its warden, which know nothing of it */
	if (fcntl(sock, F_SETFD, 0))
		_exit(126);
	snprintf(number, sizeof(number), "%d", sock);
	setenv("NWB_FIO_SOCKET", number, 1);
	execv(a->v[0], (char **)(uintptr_t)a->v);
	_exit(127);
}

struct process {
	const struct args *args;
	const char *console;
	uint64_t seed;
	int pid;
	int sock;
	bool has_begun, has_ended; /* fio, as far as we were told */
	struct bench_fio_cpu begin, end;
};

/* fio begins or has ended: look at the clocks, let it go on. */
static void take_moment(struct process *p)
{
	char moment;

	if (recv(p->sock, &moment, 1, MSG_DONTWAIT) != 1)
		return;
	if (moment == BENCH_FIO_BEGIN)
		p->has_begun = !bench_fio_cpu(p->pid, &p->begin);
	else if (moment == BENCH_FIO_END)
		p->has_ended = !bench_fio_cpu(p->pid, &p->end);
	if (send(p->sock, &moment, 1, MSG_NOSIGNAL) != 1)
		p->has_ended = false;
}

/* Return: wait status; -ETIMEDOUT: it was killed; another negative errno. */
static int wait_process(struct process *p, uint64_t limit_ns)
{
	const uint64_t deadline = now_ns() + limit_ns;
	struct pollfd pfd = {p->sock, POLLIN, 0};
	bool is_late = false;
	int status;

	for (;;) {
		pid_t got = waitpid(p->pid, &status, is_late ? 0 : WNOHANG);

		if (got == p->pid)
			return is_late ? -ETIMEDOUT : status;
		if (got < 0 && errno != EINTR)
			return -errno;
		if (!is_late && now_ns() >= deadline) {
			is_late = true;
			kill(p->pid, SIGKILL);
		}
		if (!is_late && poll(&pfd, 1, 5) > 0)
			take_moment(p);
	}
}

static int run_process(struct process *p, uint64_t limit_ns)
{
	int sv[2], rc;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv))
		return -errno;
	fflush(NULL);
	p->sock = sv[0];
	p->pid = fork();
	if (!p->pid)
		become(p->args, p->console, p->seed, sv[1]);
	rc = p->pid < 0 ? -errno : wait_process(p, limit_ns);
	close(sv[0]);
	close(sv[1]);
	return rc;
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

/* The line of the console that begins with @start, from behind that; or NULL.
 * The last one, should fio's own words be there too. */
static const char *line_of(const char *text, const char *start)
{
	const char *at = text, *found = NULL;
	size_t len = strlen(start);

	while (at && *at) {
		if (!strncmp(at, start, len))
			found = at + len;
		at = strchr(at, '\n');
		if (at)
			at++;
	}
	return found;
}

static void take_verdict(struct bench_fio_run *r, const char *line)
{
	size_t len = strcspn(line, " \n");
	const char *why = line + len + strspn(line + len, " ");

	for (int v = NWB_PASS; v <= NWB_UNEXPECTED_PASS; v++) {
		const char *name = nwb_verdict_name((enum nwb_verdict)v);

		if (strlen(name) != len || strncmp(line, name, len))
			continue;
		r->is_judged = true;
		r->verdict = (enum nwb_verdict)v;
		if (v != NWB_PASS)
			snprintf(r->reason, sizeof(r->reason), "%.*s",
				 (int)nwb_min(strcspn(why, "\n"), 310u), why);
	}
}

/* What `netwb mount` said when all was over. */
static void take_mount(struct bench_fio_run *r, const struct paths *p)
{
	unsigned long long nr, writes;
	size_t len;
	char *text = slurp(p->console, &len);
	const char *verdict = text ? line_of(text, "verdict: ") : NULL;
	const char *stats = text ? line_of(text, "mount: ") : NULL;
	const char *client = text ? line_of(text, "client ") : NULL;
	const char *at = client ? strstr(client, " sent again, ") : NULL;
	char line[240], why[320];

	if (stats &&
	    sscanf(stats, "%llu requests, %llu writes", &nr, &writes) == 2) {
		r->has_mount = true;
		r->mount_writes = writes;
	}
	if (at && sscanf(at, " sent again, %llu", &nr) == 1)
		r->reconnects = nr;
	if (verdict)
		take_verdict(r, verdict);
	if (!r->is_judged && text) {
		last_line(text, line, sizeof(line));
		snprintf(why, sizeof(why), "netwb mount: %s", line);
		void_numbers(r, why);
	}
	/* a mount that was not made has no numbers either */
	if (r->is_judged && r->verdict == NWB_SKIP)
		void_numbers(r, r->reason);
	free(text);
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
	if (rc)
		void_numbers(r, err.text);
	for (unsigned int i = 0; i < r->res.nr_jobs; i++)
		r->is_short |= r->res.job[i].why[0] != 0;
	take_verify(r, p);
	if (r->has_numbers && !unlinks && !r->files && writes(&r->res))
		void_numbers(r, "fio wrote, but no file is on the subject: the "
				"job did not work on it");
	if (r->has_numbers && r->subject->client && writes(&r->res) &&
	    !(r->has_mount && r->mount_writes))
		void_numbers(r, "fio wrote, but not a byte of it came through "
				"the mount");
	/* a job of verifies that ended well has proven something itself */
	if (r->has_numbers && verifies && !r->is_judged) {
		r->is_judged = true;
		r->verdict = NWB_PASS;
	}
}

static void take_cpu(struct bench_fio_run *r, const struct process *p)
{
	if (!r->subject->client || !p->has_begun || !p->has_ended)
		return;
	r->client_cpu_ns = p->end.client_ns - p->begin.client_ns;
	if (p->begin.nr_server && p->end.server_ns >= p->begin.server_ns)
		r->server_cpu_ns = p->end.server_ns - p->begin.server_ns;
}

void bench_fio_run(const struct bench_fio_setup *s, struct bench_fio_run *r)
{
	static struct words w;
	static struct paths p;
	struct args a = {0};
	struct process proc = {
		.args = &a,
		.console = p.console,
		.seed = r->seed,
	};
	int status;

	r->has_numbers = true;
	r->fio_cpu_ns = r->client_cpu_ns = r->server_cpu_ns = UINT64_MAX;
	r->reconnects = UINT64_MAX;
	name_paths(s, r, &p);
	status = make_args(s, r, &p, &w, &a);
	if (!status)
		status = run_process(&proc, s->limit_ns + PLACE_NS);
	if (status == -ETIMEDOUT)
		void_numbers(r, "the place did not end; it was killed");
	else if (status < 0)
		void_numbers(r, strerror(-status));
	take_cpu(r, &proc);
	if (r->subject->client)
		take_mount(r, &p);
	take_place(r, &p);
	take_output(s, r, &p);
	unlink(p.result);
}

enum nwb_verdict bench_fio_verdict(const struct bench_fio_run *r)
{
	enum nwb_verdict v = r->is_judged ? r->verdict : NWB_PASS;

	if (v == NWB_PASS && !r->has_numbers)
		return NWB_INCONCLUSIVE;
	/* what was judged stays judged, however short it was */
	return r->is_short && !r->is_judged ? NWB_INCONCLUSIVE : v;
}
