/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `netwb sim` says: sums, failures with the command that repeats them,
 * mutants and who found them. */
#include "bench_i.h"
#include "sim_run.h"

#include "nwb/mem.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *mutant_option(const struct nwb_sim_mutant *m, char *buf,
				 size_t size)
{
	buf[0] = '\0';
	if (m)
		snprintf(buf, size, " --mutant %s", m->name);
	return buf;
}

const char *sim_flavour_option(enum nwb_flavour flavour, uint32_t no_hazards,
			       char *buf, size_t size)
{
	uint32_t on = NWB_HAZARDS_ALL & ~no_hazards;
	size_t len;

	buf[0] = '\0';
	if (flavour == NWB_STRICT)
		return buf;
	len = (size_t)snprintf(buf, size, " --flavour %s --hazards %s",
			       nwb_flavour_name(flavour),
			       on == NWB_HAZARDS_ALL ? "all"
			       : on		     ? ""
						     : "none");
	for (unsigned int h = NWB_H1;
	     h < NWB_NR_HAZARDS && on != NWB_HAZARDS_ALL && len < size; h++)
		if (on & NWB_HAZARD_BIT(h))
			len += (size_t)snprintf(
				buf + len, size - len, "%sh%u",
				on & (NWB_HAZARD_BIT(h) - 1) ? "," : "", h);
	return buf;
}

static void print_command(const struct sim_run_opts *o, uint64_t seed,
			  const struct nwb_sim_cut *cut)
{
	char mutant[64], cuts[1600], flavour[128];

	nwb_sim_cut_print(cut, cuts, sizeof(cuts));
	printf("again: netwb sim --seed %" PRIu64 "%s%s%s\n", seed, cuts,
	       mutant_option(o->mutant, mutant, sizeof(mutant)),
	       sim_flavour_option(o->flavour, o->no_hazards, flavour,
				  sizeof(flavour)));
}

/* --- shrinking ------------------------------------------------------------ */

struct hunt {
	struct nwb_sim_opts so;
	char check[8];
};

static bool still_fails(void *arg, const struct nwb_sim_cut *cut)
{
	struct hunt *h = arg;
	struct sim_failure f;

	h->so.cut = *cut;
	return !sim_one(&h->so, &f) && !strcmp(f.r.check, h->check);
}

void sim_shrink_print(const struct sim_run_opts *o, struct sim_failure *f)
{
	struct hunt h = {.so = sim_world_opts(o, f->seed)};
	struct nwb_sim_cut cut = o->cut;
	char text[8192];
	unsigned int asked;

	memcpy(h.check, f->r.check, sizeof(h.check));
	asked = nwb_sim_shrink(f->seed, &cut, still_fails, &h);
	h.so.cut = cut;
	(void)sim_one(&h.so, f);
	printf("reduced in %u worlds; %s: %s\n", asked, f->r.check, f->r.text);
	nwb_sim_describe(&h.so, text, sizeof(text));
	printf("%s", text);
	print_command(o, f->seed, &cut);
}

/* --- seeds ---------------------------------------------------------------- */

static double per(uint64_t n, uint64_t of)
{
	return of ? (double)n / (double)of : 0;
}

static void print_json(const struct sim_sums *s, const struct sim_failure *f,
		       unsigned int nr)
{
	printf("{\"seeds\": %" PRIu64 ", \"failed\": %" PRIu64
	       ", \"steps\": %" PRIu64 ", \"events\": %" PRIu64
	       ", \"rpcs\": %" PRIu64 ", \"firings\": %" PRIu64
	       ", \"without_firing\": %" PRIu64 ", \"seconds\": %.3f"
	       ", \"cpu_seconds\": %.3f"
	       ", \"failures\": [",
	       s->seeds, s->failed, s->steps, s->events, s->rpcs, s->firings,
	       s->idle, (double)s->ns / 1e9, (double)s->cpu_ns / 1e9);
	for (unsigned int i = 0; i < nr; i++)
		printf("%s{\"seed\": %" PRIu64 ", \"check\": \"%s\"}",
		       i ? ", " : "", f[i].seed, f[i].r.check);
	printf("]}\n");
}

static void print_sums(const struct sim_sums *s)
{
	/* of the processes' own time: the machine may have other work */
	printf("%" PRIu64 " seeds in %.1f s: %.0f seeds/s, %.2f M events/s of "
	       "CPU time; a seed: %.0f events, %.0f RPCs, %.1f firings, %.0f "
	       "operations, %.0f ms of virtual time; without a firing: "
	       "%.1f %%\n",
	       s->seeds, (double)s->ns / 1e9, per(s->seeds * NWB_SEC, s->ns),
	       per(s->steps * 1000, s->cpu_ns), per(s->steps, s->seeds),
	       per(s->rpcs, s->seeds), per(s->firings, s->seeds),
	       per(s->ops, s->seeds), per(s->virtual_ns, s->seeds) / 1e6,
	       100 * per(s->idle, s->seeds));
}

int sim_run_seeds(const struct sim_run_opts *o)
{
	struct sim_failure f[SIM_FAILURES];
	struct sim_sums sums;
	unsigned int nr;
	int rc = sim_campaign(o, 0, SIM_FAILURES, &sums, f, &nr);

	if (rc) {
		fprintf(stderr, "netwb sim: %s\n", nwb_errno_name(rc));
		return NWB_EXIT_BROKEN;
	}
	if (o->json)
		print_json(&sums, f, nr);
	else
		print_sums(&sums);
	for (unsigned int i = 0; i < nr && !o->json; i++) {
		printf("seed %" PRIu64 ": %s: %s\n", f[i].seed, f[i].r.check,
		       f[i].r.text);
		print_command(o, f[i].seed, &o->cut);
		if (o->shrink && !i)
			sim_shrink_print(o, &f[i]);
	}
	return nr ? NWB_EXIT_FAIL : NWB_EXIT_OK;
}

int sim_run_trace(const struct sim_run_opts *o)
{
	struct nwb_sim_opts so = sim_world_opts(o, o->first);
	struct sim_failure f;
	char text[16384];

	nwb_sim_describe(&so, text, sizeof(text));
	printf("%s", text);
	if (sim_one(&so, &f))
		return NWB_EXIT_BROKEN;
	printf("seed %" PRIu64 ": %s%s%s\n", so.seed,
	       f.r.check[0] ? f.r.check : "all checks held",
	       f.r.check[0] ? ": " : "", f.r.text);
	return f.r.check[0] ? NWB_EXIT_FAIL : NWB_EXIT_OK;
}

/* --- mutants -------------------------------------------------------------- */

/* Found by a check that has a name; a process that died proves nothing. */
static bool is_named(const struct sim_failure *f)
{
	return strcmp(f->r.check, "DIED") != 0 &&
	       strcmp(f->r.check, "SETUP") != 0;
}

/* The first failure by a named check, and the same seed without it passes. */
static int hunt(const struct sim_run_opts *o, const struct nwb_sim_mutant *m,
		struct sim_failure *ret_f, struct sim_sums *ret_sums)
{
	struct sim_run_opts mine = *o;
	struct sim_failure f[SIM_FAILURES], clean;
	struct nwb_sim_opts so = {.cut = o->cut};
	unsigned int nr;
	int rc;

	mine.mutant = m;
	for (;;) {
		rc = sim_campaign(&mine, m->bit, 1, ret_sums, f, &nr);
		if (rc || !nr)
			return rc ? rc : -1;
		*ret_f = f[0];
		if (is_named(&f[0]))
			break;
		/* Go on behind the one that died. */
		if (f[0].seed + 1 - o->first >= o->nr_seeds)
			return -1;
		mine.nr_seeds = o->nr_seeds - (f[0].seed + 1 - o->first);
		mine.first = f[0].seed + 1;
	}
	so.seed = ret_f->seed;
	rc = sim_one(&so, &clean);
	if (rc)
		return rc;
	if (clean.r.check[0]) {
		printf("%-18s seed %" PRIu64 " fails without it, too: %s: %s\n",
		       m->name, so.seed, clean.r.check, clean.r.text);
		return -1;
	}
	return 0;
}

static bool run_mutant(const struct sim_run_opts *o,
		       const struct nwb_sim_mutant *m)
{
	struct sim_run_opts mine = *o;
	struct sim_failure f = {0};
	struct sim_sums sums;

	mine.mutant = m;
	if (hunt(o, m, &f, &sums)) {
		printf("%-18s NOT FOUND in %" PRIu64 " seeds (%s)\n", m->name,
		       o->nr_seeds, m->title);
		return false;
	}
	printf("%-18s %-5s seed %-6" PRIu64 " %s\n", m->name, f.r.check, f.seed,
	       f.r.text);
	if (o->shrink)
		sim_shrink_print(&mine, &f);
	fflush(stdout);
	return true;
}

int sim_run_mutant(const struct sim_run_opts *o)
{
	if (o->has_seed && o->nr_seeds == 1) {
		struct sim_run_opts one = *o;

		one.jobs = 1;
		return run_mutant(&one, o->mutant) ? NWB_EXIT_OK
						   : NWB_EXIT_FAIL;
	}
	return run_mutant(o, o->mutant) ? NWB_EXIT_OK : NWB_EXIT_FAIL;
}

int sim_run_mutants(const struct sim_run_opts *o)
{
	unsigned int found = 0;

	for (unsigned int i = 0; i < nwb_sim_nr_mutants; i++)
		found += run_mutant(o, &nwb_sim_mutants[i]);
	printf("%u of %u mutants found, each within %" PRIu64 " seeds\n", found,
	       nwb_sim_nr_mutants, o->nr_seeds);
	return found == nwb_sim_nr_mutants ? NWB_EXIT_OK : NWB_EXIT_FAIL;
}
