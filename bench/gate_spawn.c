/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Processes: one measured run, and the tools that build.
 *
 * A run is a child in a process group of its own: ^C reaches us, and we end
 * it. If we are killed, it is too (PR_SET_PDEATHSIG), and with it its server.
 * What it writes goes to files in memory, so that it never waits for us.
 */
#include "gate_i.h"

#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define RUN_LIMIT_NS  (180 * NWB_SEC)
#define TOOL_LIMIT_NS (3600 * NWB_SEC)
#define OUT_MAX	      (8u << 20)
#define ARGS_MAX      40

extern char **environ;

static volatile sig_atomic_t stopped;

static void on_stop(int sig)
{
	stopped = sig;
}

int gate_stop_setup(void)
{
	static const int sigs[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction sa = {.sa_handler = on_stop};

	signal(SIGPIPE, SIG_IGN);
	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(sigs); i++)
		if (sigaction(sigs[i], &sa, NULL))
			return -errno;
	return 0;
}

int gate_stopped(void)
{
	return stopped;
}

/* --- child processes ------------------------------------------------------ */

struct child {
	const char *const *argv;
	char *const *envp;
	const char *dir;
	int out, err; /* -1: /dev/null */
	uint64_t limit_ns;
	bool is_timeout;
};

static void exec_child(const struct child *c, pid_t parent)
{
	sigset_t none;
	int null = open("/dev/null", O_RDWR);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	setpgid(0, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (null < 0 || dup2(null, 0) < 0 ||
	    dup2(c->out < 0 ? null : c->out, 1) < 0 ||
	    dup2(c->err < 0 ? null : c->err, 2) < 0 ||
	    (c->dir && chdir(c->dir)))
		_exit(127);
	execvpe(c->argv[0], (char *const *)(uintptr_t)c->argv, c->envp);
	_exit(127);
}

static int code_of(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* TERM first, so that it can take its server down in order. */
static int end_child(pid_t pid, int fd)
{
	struct pollfd pfd = {fd, POLLIN, 0};
	int status = 0;

	kill(-pid, SIGTERM);
	if (poll(&pfd, 1, 3000) != 1)
		kill(-pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return code_of(status);
}

static int run_child(struct child *c)
{
	uint64_t end = gate_now_ns() + c->limit_ns;
	pid_t parent = getpid(), pid = fork();
	struct pollfd pfd = {-1, POLLIN, 0};
	int status = 0, rc;

	if (pid < 0)
		return -errno;
	if (!pid)
		exec_child(c, parent);
	setpgid(pid, pid);
	pfd.fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pfd.fd < 0) {
		rc = -errno;
		kill(-pid, SIGKILL);
		waitpid(pid, &status, 0);
		return rc;
	}
	while (!gate_stopped() && !c->is_timeout) {
		if (poll(&pfd, 1, 100) == 1) {
			waitpid(pid, &status, 0);
			close(pfd.fd);
			return code_of(status);
		}
		c->is_timeout = gate_now_ns() > end;
	}
	rc = end_child(pid, pfd.fd);
	close(pfd.fd);
	return rc;
}

/* What a file in memory holds; to be freed. NULL: nothing, or too much. */
static char *take_text(int fd)
{
	struct stat st;
	char *text;

	if (fd < 0 || fstat(fd, &st) || st.st_size > OUT_MAX)
		return NULL;
	text = calloc(1, (size_t)st.st_size + 1);
	if (text && pread(fd, text, (size_t)st.st_size, 0) != st.st_size) {
		free(text);
		text = NULL;
	}
	return text;
}

int gate_command(const char *const *argv, const char *dir, const char *log)
{
	struct child c = {.argv = argv,
			  .envp = environ,
			  .dir = dir,
			  .out = -1,
			  .err = -1,
			  .limit_ns = TOOL_LIMIT_NS};
	int rc;

	if (log)
		c.out = c.err = open(
			log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	rc = run_child(&c);
	if (c.out >= 0)
		close(c.out);
	return gate_stopped() ? -EINTR : rc;
}

int gate_command_text(const char *const *argv, const char *dir, char *ret,
		      size_t size)
{
	struct child c = {.argv = argv,
			  .envp = environ,
			  .dir = dir,
			  .out = memfd_create("out", MFD_CLOEXEC),
			  .err = -1,
			  .limit_ns = TOOL_LIMIT_NS};
	char *text;
	int rc;

	ret[0] = 0;
	if (c.out < 0)
		return -errno;
	rc = run_child(&c);
	text = take_text(c.out);
	if (text && strlen(text) < size)
		strcpy(ret, text);
	free(text);
	close(c.out);
	return rc;
}

/* --- one run -------------------------------------------------------------- */

struct args {
	const char *v[ARGS_MAX];
	char text[16][300];
	unsigned int nr, nr_text;
};

static void arg(struct args *a, const char *name, const char *value)
{
	nwb_assert(a->nr + 2 < ARGS_MAX);
	a->v[a->nr++] = name;
	if (value)
		a->v[a->nr++] = value;
}

static void arg_nr(struct args *a, const char *name, uint64_t nr)
{
	char *t = a->text[a->nr_text++];

	nwb_assert(a->nr_text <= NWB_ARRAY_SIZE(a->text));
	snprintf(t, sizeof(a->text[0]), "%llu", (unsigned long long)nr);
	arg(a, name, t);
}

static void make_args(const struct gate_side *s, const struct gate_case *c,
		      uint64_t seed, struct args *a)
{
	memset(a, 0, sizeof(*a));
	arg(a, s->binary, "one-run");
	arg(a, "--level", "bench");
	arg(a, "--server", s->server ? s->server : c->server);
	if (s->client_line[0])
		arg(a, "-e", s->client_line);
	else
		arg(a, "--client", s->client ? s->client : c->client);
	arg(a, "--workload", c->workload->name);
	if (c->bytes)
		arg_nr(a, "--write", c->bytes);
	if (c->fsyncs > 1)
		arg_nr(a, "--fsyncs", c->fsyncs);
	if (c->wsize)
		arg_nr(a, "--wsize", c->wsize);
	if (c->fault)
		arg(a, "--fault", c->fault);
	if (s->plant_word[0])
		arg(a, "--plant", s->plant_word);
	arg_nr(a, "--seed", seed);
}

static void repro_of(const struct args *a, char *buf, size_t size)
{
	size_t at = 0;

	for (unsigned int i = 0; i < a->nr && at < size; i++) {
		const char *q = strpbrk(a->v[i], " '") ? "'" : "";

		at += (size_t)snprintf(buf + at, size - at, "%s%s%s%s",
				       i ? " " : "", q, a->v[i], q);
	}
}

/* Where the stack begins, and with it much else, follows from how long the
 * environment is: a layout that suits one side by luck must not last. */
static char **make_env(const struct gate_side *s, uint64_t pad, char *pad_var,
		       char *shim_var, size_t size)
{
	unsigned int nr = 0, n = 0;
	char **envp;

	while (environ[nr])
		nr++;
	envp = calloc(nr + 3, sizeof(*envp));
	if (!envp)
		return NULL;
	for (unsigned int i = 0; i < nr; i++)
		if (strncmp(environ[i], "NWB_SHIM_PATH=", 14) != 0 &&
		    strncmp(environ[i], "NWB_PAD=", 8) != 0)
			envp[n++] = environ[i];
	memset(pad_var, 'x', pad + 8);
	memcpy(pad_var, "NWB_PAD=", 8);
	pad_var[8 + pad] = 0;
	envp[n++] = pad_var;
	if (s->shim[0]) {
		snprintf(shim_var, size, "NWB_SHIM_PATH=%s", s->shim);
		envp[n++] = shim_var;
	}
	return envp;
}

/* The first line of what it said; without our own name in front. */
static void say_why(struct gate_run *r, const char *text, const char *what)
{
	const char *t = text ? text : "";

	if (!strncmp(t, "netwb: ", 7))
		t += 7;
	snprintf(r->reason, sizeof(r->reason), "%s%s%.*s", what, *t ? ": " : "",
		 (int)nwb_min(strcspn(t, "\n"), (size_t)180), t);
}

static void take_run(struct gate_run *r, const char *out, const char *errors)
{
	struct nwb_err err = {0};

	if (r->exit == NWB_EXIT_USAGE && errors &&
	    strstr(errors, "no command \"one-run\"")) {
		snprintf(r->reason, sizeof(r->reason),
			 "that netwb is too old to be compared: it has no "
			 "`one-run`");
		return;
	}
	if (r->exit) {
		char what[40];

		snprintf(what, sizeof(what), "exit %d", r->exit);
		say_why(r, errors, what);
		return;
	}
	if (gate_parse_run(out ? out : "", r, &err))
		snprintf(r->reason, sizeof(r->reason), "%.250s", err.text);
}

void gate_spawn(const struct gate_side *s, const struct gate_case *c,
		uint64_t seed, uint64_t pad, struct gate_run *ret)
{
	static char pad_var[4200], shim_var[4200];
	static struct args a;
	struct child ch = {.out = memfd_create("out", MFD_CLOEXEC),
			   .err = memfd_create("err", MFD_CLOEXEC),
			   .limit_ns = RUN_LIMIT_NS};
	char **envp =
		make_env(s, pad % 4096, pad_var, shim_var, sizeof(shim_var));
	char *out, *errors;

	memset(ret, 0, sizeof(*ret));
	for (unsigned int i = 0; i < GATE_METRICS; i++)
		ret->metric[i] = NAN;
	ret->exit = -1;
	make_args(s, c, seed, &a);
	repro_of(&a, ret->repro, sizeof(ret->repro));
	if (ch.out < 0 || ch.err < 0 || !envp) {
		snprintf(ret->reason, sizeof(ret->reason), "no memory");
		goto out;
	}
	ch.argv = a.v;
	ch.envp = envp;
	ret->exit = run_child(&ch);
	out = take_text(ch.out);
	errors = take_text(ch.err);
	ret->is_stopped = gate_stopped() != 0;
	if (ch.is_timeout)
		snprintf(ret->reason, sizeof(ret->reason),
			 "not finished after %llu s",
			 (unsigned long long)(RUN_LIMIT_NS / NWB_SEC));
	else
		take_run(ret, out, errors);
	free(out);
	free(errors);
out:
	free(envp);
	if (ch.out >= 0)
		close(ch.out);
	if (ch.err >= 0)
		close(ch.err);
}
