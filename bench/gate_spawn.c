/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One measured run, or two or three that take turns (turns.h):
 *
 *	set up: one after the other          nobody is measured meanwhile
 *	go, first ─► 'w'  go, next ─► 'w'    until the windows of all are over
 *	go, all                              judged and taken down side by side
 */
#include "gate_child.h"
#include "gate_i.h"

#include "nwb/shell.h"
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define RUN_LIMIT_NS (180 * NWB_SEC)
#define ARGS_MAX     128

extern char **environ;

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

/* Words that blanks part; nobody quotes here. */
static void arg_words(struct args *a, const char *words)
{
	char *t = a->text[a->nr_text++], *save = NULL, *w;

	nwb_assert(a->nr_text <= NWB_ARRAY_SIZE(a->text));
	snprintf(t, sizeof(a->text[0]), "%s", words);
	for (w = strtok_r(t, " ", &save); w && a->nr + 12 < ARGS_MAX;
	     w = strtok_r(NULL, " ", &save))
		arg(a, w, NULL);
}

/* Where there is one CPU only there is no question where a run lies. */
static bool can_pin(void)
{
	cpu_set_t set;

	return !sched_getaffinity(0, sizeof(set), &set) && CPU_COUNT(&set) > 1;
}

static void make_args(const struct gate_side *s, const struct gate_case *c,
		      uint64_t seed, struct args *a)
{
	memset(a, 0, sizeof(*a));
	arg(a, s->binary, "one-run");
	arg(a, "--level", "bench");
	if (can_pin())
		arg(a, "--pin", NULL);
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
	if (c->both)
		arg_words(a, c->both);
	if (s->options)
		arg_words(a, s->options);
	if (s->plant_word[0])
		arg(a, "--plant", s->plant_word);
	arg_nr(a, "--seed", seed);
}

static void repro_of(const struct args *a, char *buf, size_t size)
{
	size_t at = 0;

	for (unsigned int i = 0; i < a->nr; i++)
		at = nwb_shell_word(buf, size, at, a->v[i]);
	memmove(buf, buf + 1, strlen(buf)); /* the first blank */
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

struct proc {
	struct gate_child ch;
	struct args args;
	char pad_var[4200], shim_var[4200];
	char **envp;
	int turns[2]; /* ours, the child's; -1: none */
	char state;   /* BENCH_TURN_*; 0: it is its turn; 'x': ended */
	struct gate_run *ret;
};

static int proc_init(struct proc *p, const struct gate_side *s,
		     const struct gate_case *c, uint64_t seed, uint64_t pad,
		     bool has_turns, struct gate_run *ret)
{
	memset(p, 0, sizeof(*p));
	memset(ret, 0, sizeof(*ret));
	for (unsigned int i = 0; i < GATE_METRICS; i++)
		ret->metric[i] = NAN;
	ret->exit = -1;
	p->ret = ret;
	p->state = 'x';
	p->turns[0] = p->turns[1] = -1;
	p->ch = (struct gate_child){.out = memfd_create("out", MFD_CLOEXEC),
				    .err = memfd_create("err", MFD_CLOEXEC),
				    .limit_ns = RUN_LIMIT_NS};
	p->envp = make_env(s, pad % 4096, p->pad_var, p->shim_var,
			   sizeof(p->shim_var));
	make_args(s, c, seed, &p->args);
	repro_of(&p->args, ret->repro, sizeof(ret->repro));
	if (p->ch.out < 0 || p->ch.err < 0 || !p->envp ||
	    (has_turns &&
	     socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p->turns))) {
		return -ENOMEM;
	}
	if (has_turns) {
		p->ch.turns = p->turns[1];
		arg_nr(&p->args, "--turns", GATE_TURNS_FD);
	}
	p->ch.argv = p->args.v;
	p->ch.envp = p->envp;
	return 0;
}

static void proc_fini(struct proc *p)
{
	free(p->envp);
	for (unsigned int i = 0; i < 2; i++)
		if (p->turns[i] >= 0)
			close(p->turns[i]);
	if (p->ch.out >= 0)
		close(p->ch.out);
	if (p->ch.err >= 0)
		close(p->ch.err);
}

/* It has ended: what came of it? */
static void proc_ended(struct proc *p, int code)
{
	struct gate_run *r = p->ret;
	char *out = gate_child_text(p->ch.out);
	char *errors = gate_child_text(p->ch.err);

	p->state = 'x';
	r->exit = code;
	r->is_stopped = gate_stopped() != 0;
	if (p->ch.is_timeout)
		snprintf(r->reason, sizeof(r->reason),
			 "not finished after %llu s",
			 (unsigned long long)(RUN_LIMIT_NS / NWB_SEC));
	else
		take_run(r, out, errors);
	free(out);
	free(errors);
}

/* Until it says that it waits, or is no more. */
static void proc_wait(struct proc *p)
{
	int rc = gate_child_wait(&p->ch, p->turns[0]);
	char what;

	/* a closed socket is that of a process that ends */
	if (rc == -EAGAIN && recv(p->turns[0], &what, 1, 0) == 1) {
		p->state = what;
		return;
	}
	proc_ended(p, rc == -EAGAIN ? gate_child_wait(&p->ch, -1) : rc);
}

static void proc_start(struct proc *p)
{
	int rc = gate_child_start(&p->ch);

	p->state = 0;
	if (rc)
		proc_ended(p, rc);
	if (p->turns[1] >= 0)
		close(p->turns[1]);
	p->turns[1] = -1;
}

static void proc_go(struct proc *p)
{
	p->state = 0;
	(void)send(p->turns[0], "g", 1, MSG_NOSIGNAL);
}

void gate_spawn(const struct gate_side *s, const struct gate_case *c,
		uint64_t seed, uint64_t pad, struct gate_run *ret)
{
	static struct proc p;

	if (proc_init(&p, s, c, seed, pad, false, ret))
		snprintf(ret->reason, sizeof(ret->reason), "no memory");
	else
		proc_start(&p);
	if (p.state != 'x')
		proc_ended(&p, gate_child_wait(&p.ch, -1));
	proc_fini(&p);
}

static bool is_anybody_waiting(const struct proc *p, unsigned int nr)
{
	for (unsigned int k = 0; k < nr; k++)
		if (p[k].state == BENCH_TURN_NEXT)
			return true;
	return false;
}

/* In turns, as long as one of them waits for one. A server that died makes a
 * run begin anew, so that the other ones may be through long before. */
static void take_turns(struct proc *p, unsigned int nr, unsigned int first)
{
	for (unsigned int k = first; is_anybody_waiting(p, nr);
	     k = (k + 1) % nr) {
		if (p[k].state != BENCH_TURN_NEXT)
			continue;
		proc_go(&p[k]);
		proc_wait(&p[k]);
	}
}

/* Judged and taken down side by side. */
static void take_down(struct proc *p, unsigned int nr)
{
	for (unsigned int k = 0; k < nr; k++)
		if (p[k].state == BENCH_TURN_DONE)
			proc_go(&p[k]);
	for (unsigned int k = 0; k < nr; k++)
		while (p[k].state != 'x') {
			if (p[k].state)
				proc_go(&p[k]);
			proc_wait(&p[k]);
		}
	for (unsigned int k = 0; k < nr; k++)
		proc_fini(&p[k]);
}

void gate_spawn_turns(const struct gate_side *const *side,
		      const struct gate_case *const *c, unsigned int nr,
		      uint64_t seed, const uint64_t *pad, unsigned int first,
		      struct gate_run *ret)
{
	static struct proc p[GATE_TURNS_MAX];
	bool is_ready = true;

	nwb_assert(nr && nr <= GATE_TURNS_MAX && first < nr);
	for (unsigned int k = 0; k < nr; k++)
		is_ready &= !proc_init(&p[k], side[k], c[k], seed, pad[k], true,
				       &ret[k]);
	for (unsigned int i = 0; i < nr; i++) {
		unsigned int k = (first + i) % nr;

		if (is_ready)
			proc_start(&p[k]);
		else
			snprintf(ret[k].reason, sizeof(ret[k].reason),
				 "no memory");
		if (p[k].state != 'x')
			proc_wait(&p[k]);
	}
	take_turns(p, nr, first);
	take_down(p, nr);
}

void gate_spawn_pair(const struct gate_side *const side[2],
		     const struct gate_case *c, uint64_t seed,
		     const uint64_t pad[2], unsigned int first,
		     struct gate_run ret[2])
{
	const struct gate_case *both[2] = {c, c};

	gate_spawn_turns(side, both, 2, seed, pad, first, ret);
}
