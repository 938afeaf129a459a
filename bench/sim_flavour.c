/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * S3: what a flavour of Linux does wrong, by name, and nothing else.
 *
 *	seed ─► the flavour ──all held──► fired hazards are counted
 *	      │       │ a check failed
 *	      │       ├─► none of its hazards:  fails as well ─► OTHER
 *	      │       └─► each that fired, alone: fails ─► that one did it
 *	      │              none did ─► as few as still fail ─► it takes them all
 *	      └─► bent towards a hazard (sim/aims.c): that one alone, in any case,
 *	          for in the flavour another one may come first
 *
 * OTHER is what must not be: a defect that no switch is the name of. Each world
 * runs in a process of its own, for one that fails leaves memory behind.
 */
#include "bench_i.h"
#include "sim_run.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* So many worlds show what a hazard does; later ones only name the culprit. */
#define ENOUGH 4u

struct row {
	_Atomic uint64_t fired, damaged;
	_Atomic int lock;
	uint64_t seed; /* the first that was damaged, and by whom found */
	uint32_t no_hazards;
	char check[8];
	char text[200];
};

struct board {
	_Atomic uint64_t next, seeds, failed, nr_other;
	_Atomic uint64_t said_ns; /* progress, by whoever comes first */
	uint64_t first, end, deadline_ns;
	struct row row[NWB_NR_HAZARDS];
	struct sim_failure other[SIM_FAILURES];
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NWB_SEC + (uint64_t)ts.tv_nsec;
}

static void row_lock(struct row *r)
{
	while (atomic_exchange(&r->lock, 1))
		sched_yield();
}

/* @f, found with @off switched off, is the work of @h. */
static void damaged(struct board *b, unsigned int h, uint32_t off,
		    const struct sim_failure *f)
{
	struct row *r = &b->row[h];

	atomic_fetch_add(&r->damaged, 1);
	row_lock(r);
	if (!r->check[0] || f->seed < r->seed) {
		r->seed = f->seed;
		r->no_hazards = off;
		memcpy(r->check, f->r.check, sizeof(r->check));
		snprintf(r->text, sizeof(r->text), "%.190s", f->r.text);
	}
	atomic_store(&r->lock, 0);
}

static void other(struct board *b, const struct sim_failure *f)
{
	uint64_t i = atomic_fetch_add(&b->nr_other, 1);

	if (i < SIM_FAILURES)
		b->other[i] = *f;
}

/* True when the world of @seed without @off fails. */
static bool fails(const struct sim_run_opts *o, uint64_t seed, uint32_t off,
		  struct sim_failure *ret_f)
{
	struct nwb_sim_opts so = sim_world_opts(o, seed);

	so.no_hazards = off;
	if (sim_one(&so, ret_f)) {
		snprintf(ret_f->r.check, sizeof(ret_f->r.check), "SETUP");
		ret_f->seed = seed;
	}
	return ret_f->r.check[0];
}

/* H11 waits inside the protocol client, where nobody counts it. */
static uint32_t suspects(const struct sim_run_opts *o, uint32_t fired)
{
	return fired | (nwb_flavour_hazards(o->flavour, "smb", false) &
			NWB_HAZARD_BIT(NWB_H11));
}

static bool try_each(const struct sim_run_opts *o, struct board *b,
		     uint64_t seed, uint32_t hazards)
{
	bool found = false;
	struct sim_failure f;

	/* first those of which little was seen so far */
	for (int pass = 0; pass < 2; pass++) {
		for (unsigned int h = NWB_H1; h < NWB_NR_HAZARDS; h++) {
			uint32_t off = NWB_HAZARDS_ALL & ~NWB_HAZARD_BIT(h);
			bool is_rare = atomic_load(&b->row[h].damaged) < ENOUGH;

			if (!(hazards & NWB_HAZARD_BIT(h)) ||
			    is_rare == (pass == 1) || (pass && found))
				continue;
			if (!fails(o, seed, off, &f))
				continue;
			damaged(b, h, off, &f);
			found = true;
		}
	}
	return found;
}

/* None does it alone: leave out one after the other as long as it fails. What
 * is left takes all of them. */
static void try_fewer(const struct sim_run_opts *o, struct board *b,
		      struct sim_failure *full)
{
	uint32_t off = 0;
	struct sim_failure f;

	for (unsigned int h = NWB_H1; h < NWB_NR_HAZARDS; h++) {
		if (!fails(o, full->seed, off | NWB_HAZARD_BIT(h), &f))
			continue;
		off |= NWB_HAZARD_BIT(h);
		*full = f;
	}
	for (unsigned int h = NWB_H1; h < NWB_NR_HAZARDS; h++)
		if (!(off & NWB_HAZARD_BIT(h)))
			damaged(b, h, off, full);
}

static void count_fired(struct board *b, uint32_t hazards)
{
	for (unsigned int h = NWB_H1; h < NWB_NR_HAZARDS; h++)
		if (hazards & NWB_HAZARD_BIT(h))
			atomic_fetch_add(&b->row[h].fired, 1);
}

/* The world of @full is bent towards one hazard. Did that do damage, alone? */
static bool look_alone(const struct sim_run_opts *o, struct board *b,
		       const struct sim_failure *full, uint64_t seed)
{
	enum nwb_hazard h = full->r.aim;
	uint32_t off = NWB_HAZARDS_ALL & ~NWB_HAZARD_BIT(h);
	struct sim_failure alone = {0}, base = {0};

	if (!h)
		return false;
	if (!fails(o, seed, off, &alone)) {
		count_fired(b, alone.r.hazards & ~full->r.hazards);
		return false;
	}
	count_fired(b, NWB_HAZARD_BIT(h) & ~full->r.hazards);
	if (fails(o, seed, NWB_HAZARDS_ALL, &base))
		other(b, &base);
	else
		damaged(b, h, off, &alone);
	return true;
}

static void look_at(const struct sim_run_opts *o, struct board *b,
		    uint64_t seed)
{
	struct sim_failure full = {0}, base = {0};
	uint32_t fired;
	bool is_bad = fails(o, seed, 0, &full);

	atomic_fetch_add(&b->seeds, 1);
	count_fired(b, full.r.hazards);
	atomic_fetch_add(&b->failed, is_bad);
	if (look_alone(o, b, &full, seed) || !is_bad)
		return;
	/* one that died has not said what fired */
	fired = strcmp(full.r.check, "DIED") ? suspects(o, full.r.hazards)
					     : NWB_HAZARDS_ALL;
	if (fails(o, seed, NWB_HAZARDS_ALL, &base))
		other(b, &base);
	else if (!try_each(o, b, seed, fired))
		try_fewer(o, b, &full);
}

/* Long work says every ten seconds how far it is. */
static void say_progress(struct board *b)
{
	uint64_t t = now_ns(), said = atomic_load(&b->said_ns);
	unsigned int found = 0;

	if (t < said + 10 * NWB_SEC ||
	    !atomic_compare_exchange_strong(&b->said_ns, &said, t))
		return;
	for (unsigned int h = NWB_H1; h < NWB_NR_HAZARDS; h++)
		found += atomic_load(&b->row[h].damaged) > 0;
	fprintf(stderr, "netwb sim: %" PRIu64, atomic_load(&b->seeds));
	if (!b->deadline_ns)
		fprintf(stderr, " of %" PRIu64, b->end - b->first);
	fprintf(stderr,
		" seeds, %u hazards found, %" PRIu64 " of another cause\n",
		found, atomic_load(&b->nr_other));
}

static void work(const struct sim_run_opts *o, struct board *b)
{
	for (;;) {
		uint64_t seed = atomic_fetch_add(&b->next, 1);

		if (seed >= b->end ||
		    atomic_load(&b->nr_other) >= SIM_FAILURES ||
		    (b->deadline_ns && now_ns() >= b->deadline_ns))
			return;
		look_at(o, b, seed);
		say_progress(b);
	}
}

static int run_workers(const struct sim_run_opts *o, struct board *b)
{
	pid_t parent = getpid(), pid[SIM_JOBS_MAX];
	unsigned int nr = 0;
	int status, rc = 0;

	fflush(NULL);
	for (; nr < o->jobs && !rc; nr++) {
		pid[nr] = fork();
		if (pid[nr] < 0) {
			rc = -errno;
			break;
		}
		if (pid[nr])
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(2);
		work(o, b);
		sim_exit();
	}
	while (nr--) {
		while (waitpid(pid[nr], &status, 0) < 0 && errno == EINTR)
			;
		if (!WIFEXITED(status) || WEXITSTATUS(status))
			rc = rc ? rc : -ECHILD;
	}
	return rc;
}

static void print_table(const struct sim_run_opts *o, const struct board *b)
{
	uint32_t has = nwb_flavour_hazards(o->flavour, "", true);
	char option[128];

	printf("%s: %" PRIu64 " seeds, a check failed in %" PRIu64 "\n",
	       nwb_flavour_name(o->flavour), atomic_load(&b->seeds),
	       atomic_load(&b->failed));
	for (unsigned int h = NWB_H1; h < NWB_NR_HAZARDS; h++) {
		const struct row *r = &b->row[h];

		if (!(has & NWB_HAZARD_BIT(h)) && !r->fired && !r->damaged)
			continue;
		printf("h%-3u fired %6" PRIu64 "  damage %6" PRIu64 "  %s%s\n",
		       h, r->fired, r->damaged, nwb_hazard_text(h),
		       has & NWB_HAZARD_BIT(h) ? "" : " (NOT ITS OWN)");
		if (r->check[0])
			printf("     %s: %s\n     again: netwb sim --seed "
			       "%" PRIu64 "%s\n",
			       r->check, r->text, r->seed,
			       sim_flavour_option(o->flavour, r->no_hazards,
						  option, sizeof(option)));
	}
}

/* S3 in one line. */
static void print_names(const struct sim_run_opts *o, const struct board *b)
{
	uint32_t has = nwb_flavour_hazards(o->flavour, "", true);
	unsigned int nr = 0, found = 0;

	printf("found by name:");
	for (unsigned int h = NWB_H1; h < NWB_NR_HAZARDS; h++) {
		nr += has & NWB_HAZARD_BIT(h) && nwb_sim_can_meet(h);
		if (!b->row[h].damaged)
			continue;
		printf(" h%u", h);
		found++;
	}
	printf(" (%u of %u)", found, nr);
	for (unsigned int h = NWB_H1; h < NWB_NR_HAZARDS; h++)
		if (has & NWB_HAZARD_BIT(h) && !b->row[h].damaged)
			printf("; h%u %s", h,
			       nwb_sim_can_meet(h)
				       ? "not in so few"
				       : "not here: nothing is signed");
	printf("\n");
}

static void print_others(const struct sim_run_opts *o, const struct board *b)
{
	uint64_t nr =
		nwb_min(atomic_load(&b->nr_other), (uint64_t)SIM_FAILURES);
	char option[128];

	for (uint64_t i = 0; i < nr; i++) {
		const struct sim_failure *f = &b->other[i];

		printf("OTHER: seed %" PRIu64 ": %s: %s\nagain: netwb sim "
		       "--seed %" PRIu64 "%s\n",
		       f->seed, f->r.check, f->r.text, f->seed,
		       sim_flavour_option(o->flavour, NWB_HAZARDS_ALL, option,
					  sizeof(option)));
	}
	printf("%" PRIu64 " of another cause\n", atomic_load(&b->nr_other));
}

int sim_run_flavour(const struct sim_run_opts *o)
{
	uint32_t has = nwb_flavour_hazards(o->flavour, "", true);
	struct board *b = sim_shared(sizeof(*b));
	bool is_bad;
	int rc;

	if (!b)
		return NWB_EXIT_BROKEN;
	b->next = o->first;
	b->first = o->first;
	b->said_ns = now_ns();
	b->end = o->first + o->nr_seeds;
	if (o->minutes)
		b->deadline_ns = now_ns() + o->minutes * 60 * NWB_SEC;
	rc = run_workers(o, b);
	print_table(o, b);
	print_names(o, b);
	print_others(o, b);
	is_bad = atomic_load(&b->nr_other) != 0;
	for (unsigned int h = NWB_H1; h < NWB_NR_HAZARDS; h++)
		is_bad |= b->row[h].fired && !(has & NWB_HAZARD_BIT(h));
	munmap(b, sizeof(*b));
	if (rc) {
		fprintf(stderr, "netwb sim: %s\n", nwb_errno_name(rc));
		return NWB_EXIT_BROKEN;
	}
	return is_bad ? NWB_EXIT_FAIL : NWB_EXIT_OK;
}
