/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Worlds in processes: a campaign on all cores, or one world in a child, so
 * that what a failed world leaves behind goes with it.
 */
#include "sim_run.h"

#include "nwb/util.h"
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHUNK 8u

/* @next, @end: of the seeds it has taken; one that takes its place goes on
 * there. */
struct worker {
	pid_t pid;
	_Atomic uint64_t seed; /* under way, + 1; 0: none */
	uint64_t next, end;
	struct sim_sums sums;
};

/* Shared with the workers. */
struct board {
	_Atomic uint64_t next;
	uint64_t first, end;
	uint64_t deadline_ns; /* CLOCK_MONOTONIC; 0: none */
	uint64_t said_ns;     /* progress, by the first worker alone */
	unsigned int nr_told; /* of the failures, by the same */
	unsigned int stop_at;
	_Atomic unsigned int nr_failures;
	struct sim_failure failure[SIM_FAILURES];
	struct worker worker[SIM_JOBS_MAX];
};

static uint64_t clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * NWB_SEC + (uint64_t)ts.tv_nsec;
}

static uint64_t now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

#ifdef NWB_COVERAGE
void __gcov_dump(void);
#endif

void sim_exit(void)
{
#ifdef NWB_COVERAGE
	__gcov_dump(); /* _exit() does not */
#endif
	_exit(0);
}

void *sim_shared(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

struct nwb_sim_opts sim_world_opts(const struct sim_run_opts *o, uint64_t seed)
{
	return (struct nwb_sim_opts){
		.seed = seed,
		.mutants = o->mutant ? o->mutant->bit : 0,
		.flavour = o->flavour,
		.no_hazards = o->no_hazards,
		.cut = o->cut,
		.trace = o->trace,
	};
}

static void add(struct sim_sums *s, const struct nwb_sim_result *r)
{
	s->seeds++;
	s->steps += r->steps;
	s->events += r->events;
	s->rpcs += r->rpcs;
	s->firings += r->firings;
	s->ops += r->ops;
	s->idle += !r->firings;
	s->virtual_ns += r->virtual_ns;
	for (unsigned int i = 0; i < 32; i++)
		s->family[i] += r->families >> i & 1;
}

static void post(struct board *b, const struct sim_failure *f)
{
	unsigned int i = atomic_fetch_add(&b->nr_failures, 1);

	if (i < SIM_FAILURES)
		b->failure[i] = *f;
}

static bool is_over(const struct board *b)
{
	if (atomic_load(&b->nr_failures) >= b->stop_at)
		return true;
	return b->deadline_ns && now_ns() >= b->deadline_ns;
}

static void print_digest(uint64_t seed, const struct nwb_sim_result *r)
{
	char text[2 * sizeof(r->digest) + 1];

	for (unsigned int i = 0; i < sizeof(r->digest); i++)
		snprintf(text + 2 * i, 3, "%02x", r->digest[i]);
	/* one write: workers share the stream */
	printf("%" PRIu64 " %s\n", seed, text);
	fflush(stdout);
}

static void run_seed(const struct sim_run_opts *o, uint64_t mutants,
		     struct board *b, struct worker *me, uint64_t seed)
{
	struct nwb_sim_opts so = sim_world_opts(o, seed);
	struct sim_failure f = {.seed = seed};
	struct nwb_err err = {0};

	so.mutants = mutants;
	if (nwb_sim_run(&so, &f.r, &err)) {
		snprintf(f.r.check, sizeof(f.r.check), "SETUP");
		snprintf(f.r.text, sizeof(f.r.text), "%.380s", err.text);
	}
	add(&me->sums, &f.r);
	me->sums.cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	if (o->digests)
		print_digest(seed, &f.r);
	if (f.r.check[0])
		post(b, &f);
}

/* The failures that are new; one that is just being posted: next time. */
static void say_failures(struct board *b)
{
	unsigned int nr = nwb_min(atomic_load(&b->nr_failures), SIM_FAILURES);

	for (; b->nr_told < nr; b->nr_told++) {
		const struct sim_failure *f = &b->failure[b->nr_told];

		if (!f->r.check[0])
			return;
		fprintf(stderr, "netwb sim: seed %" PRIu64 " failed: %s\n",
			f->seed, f->r.check);
	}
}

/* Long work says every ten seconds how far it is, and what failed so far. */
static void say_progress(struct board *b)
{
	uint64_t t = now_ns(), next = atomic_load(&b->next);

	if (t < b->said_ns + 10 * NWB_SEC)
		return;
	b->said_ns = t;
	fprintf(stderr, "netwb sim: %" PRIu64,
		nwb_min(next, b->end) - b->first);
	if (!b->deadline_ns)
		fprintf(stderr, " of %" PRIu64, b->end - b->first);
	fprintf(stderr, " seeds, %u failed\n", atomic_load(&b->nr_failures));
	say_failures(b);
}

static void work(const struct sim_run_opts *o, uint64_t mutants,
		 struct board *b, struct worker *me)
{
	while (!is_over(b)) {
		if (me->next == me->end) {
			me->next = atomic_fetch_add(&b->next, CHUNK);
			me->end = nwb_min(me->next + CHUNK, b->end);
			if (me->next >= b->end)
				return;
		}
		atomic_store(&me->seed, ++me->next);
		run_seed(o, mutants, b, me, me->next - 1);
		if (me == b->worker)
			say_progress(b);
	}
}

static int start(const struct sim_run_opts *o, uint64_t mutants,
		 struct board *b, struct worker *w)
{
	pid_t parent = getpid(), pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return -errno;
	/* @w is shared: only one of the two writes there */
	if (pid) {
		w->pid = pid;
		return 0;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(2);
	work(o, mutants, b, w);
	atomic_store(&w->seed, 0);
	sim_exit();
}

static void note_death(struct sim_failure *f, int status)
{
	f->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	snprintf(f->r.check, sizeof(f->r.check), "DIED");
	if (f->signal)
		snprintf(f->r.text, sizeof(f->r.text), "%s",
			 strsignal(f->signal));
	else
		snprintf(f->r.text, sizeof(f->r.text),
			 "the process ended, exit code %d",
			 WEXITSTATUS(status));
}

static void post_death(struct board *b, struct worker *w, int status)
{
	struct sim_failure f = {.seed = atomic_load(&w->seed) - 1};

	note_death(&f, status);
	w->sums.seeds++;
	w->sums.died++;
	post(b, &f);
}

/* Wait for all; one that died is replaced while there is work. */
static void wait_all(const struct sim_run_opts *o, uint64_t mutants,
		     struct board *b)
{
	for (unsigned int i = 0; i < o->jobs; i++) {
		struct worker *w = &b->worker[i];
		int status;

		while (w->pid > 0) {
			if (waitpid(w->pid, &status, 0) < 0) {
				if (errno == EINTR)
					continue;
				break;
			}
			w->pid = 0;
			if (!atomic_load(&w->seed))
				break;
			post_death(b, w, status);
			if (!is_over(b))
				(void)start(o, mutants, b, w);
		}
	}
}

static int by_seed(const void *a, const void *b)
{
	const struct sim_failure *x = a, *y = b;

	return (x->seed > y->seed) - (x->seed < y->seed);
}

static void collect(const struct board *b, unsigned int jobs,
		    struct sim_sums *ret)
{
	for (unsigned int i = 0; i < jobs; i++) {
		const struct sim_sums *s = &b->worker[i].sums;

		ret->seeds += s->seeds;
		ret->steps += s->steps;
		ret->events += s->events;
		ret->rpcs += s->rpcs;
		ret->firings += s->firings;
		ret->ops += s->ops;
		ret->idle += s->idle;
		ret->virtual_ns += s->virtual_ns;
		ret->died += s->died;
		ret->cpu_ns += s->cpu_ns;
		for (unsigned int k = 0; k < 32; k++)
			ret->family[k] += s->family[k];
	}
	ret->failed = atomic_load(&b->nr_failures);
}

int sim_campaign(const struct sim_run_opts *o, uint64_t mutants,
		 unsigned int stop_at, struct sim_sums *ret_sums,
		 struct sim_failure *ret_failure, unsigned int *ret_nr)
{
	struct board *b = sim_shared(sizeof(*b));
	uint64_t began = now_ns();
	int rc = 0;

	memset(ret_sums, 0, sizeof(*ret_sums));
	*ret_nr = 0;
	if (!b)
		return -ENOMEM;
	b->next = o->first;
	b->first = o->first;
	b->said_ns = began;
	b->end = o->first + o->nr_seeds;
	b->stop_at = stop_at;
	if (o->minutes)
		b->deadline_ns = began + o->minutes * 60 * NWB_SEC;
	for (unsigned int i = 0; i < o->jobs && !rc; i++)
		rc = start(o, mutants, b, &b->worker[i]);
	wait_all(o, mutants, b);
	collect(b, o->jobs, ret_sums);
	ret_sums->ns = now_ns() - began;
	*ret_nr = nwb_min(atomic_load(&b->nr_failures), SIM_FAILURES);
	memcpy(ret_failure, b->failure, *ret_nr * sizeof(*ret_failure));
	qsort(ret_failure, *ret_nr, sizeof(*ret_failure), by_seed);
	munmap(b, sizeof(*b));
	return rc;
}

int sim_one(const struct nwb_sim_opts *so, struct sim_failure *ret_f)
{
	struct sim_failure *f = sim_shared(sizeof(*f));
	pid_t pid;
	int status;

	if (!f)
		return -ENOMEM;
	fflush(NULL);
	pid = fork();
	if (!pid) {
		struct nwb_err err = {0};

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (nwb_sim_run(so, &f->r, &err)) {
			snprintf(f->r.check, sizeof(f->r.check), "SETUP");
			snprintf(f->r.text, sizeof(f->r.text), "%.380s",
				 err.text);
		}
		fflush(NULL);
		sim_exit();
	}
	if (pid < 0) {
		munmap(f, sizeof(*f));
		return -errno;
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	*ret_f = *f;
	munmap(f, sizeof(*f));
	ret_f->seed = so->seed;
	/* a sanitizer ends with an exit code, an assertion by a signal */
	if (status)
		note_death(ret_f, status);
	return 0;
}
