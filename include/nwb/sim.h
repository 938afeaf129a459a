/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The whole client under simulation: one seed is one world.
 *
 *	seed ─► plan: server, mount, workload, faults (a random subset of the
 *	   │           families: swarm)
 *	   └──► simulated executor: who runs when, how much a socket moves
 *
 *	tasks ─► netfs ─► fs ─► smb2 | p9 ─► sockets ─► fake server ◄─ faults
 *	  │        │ T1..T18 at the end of each critical section          │
 *	  └────────┴──────── ledger in memory ────────────────────────────┘
 *	                            └─► oracles, as in any run, at the end
 *
 * After the workload all faults end, and everything must converge. The same
 * seed gives the same world to the last step: the digest says so.
 *
 * One thread; nothing of the machine comes in: no clock, no random numbers, no
 * files.
 */
#ifndef NWB_SIM_H
#define NWB_SIM_H

#include "nwb/err.h"
#include "nwb/hazard.h"

#define NWB_SIM_OPS    128u
#define NWB_SIM_FAULTS 32u

/**
 * struct nwb_sim_cut - what is left out of a plan; all zero: nothing.
 * @ops, @faults: bit n leaves out operation or fault n
 * @halve: lengths of reads and writes are halved so often
 */
struct nwb_sim_cut {
	uint64_t ops[NWB_SIM_OPS / 64];
	uint32_t faults;
	unsigned int halve;
};

/**
 * struct nwb_sim_opts - one world.
 * @seed: decides all
 * @mutants: NWB_MUT_* of nwb/netfs_mutants.h; obeyed in builds with
 *	NWB_MUTANTS only
 * @flavour, @no_hazards: of the client (nwb/hazard.h). With one of Linux' the
 *	law is what those kernels mean to do: an upload may be given up for less,
 *	a lost 9P connection stays lost; but nothing is lost in silence
 * @cut: see above
 * @trace: print what happens to stdout
 */
struct nwb_sim_opts {
	uint64_t seed;
	uint64_t mutants;
	enum nwb_flavour flavour;
	uint32_t no_hazards;
	struct nwb_sim_cut cut;
	bool trace;
};

/**
 * struct nwb_sim_result - what became of it.
 * @check: name of the check that failed, "" when all held: T1..T18, D8, SUM
 *	(nwb/netfs_check.h), O1..O15, CACHE (it has what the server has not),
 *	HEAL (it did not converge), REFUSED (what must be is not), LEAK
 * @text: what it says
 * @digest: SHA-256 of all events, in order
 * @steps: scheduling decisions
 * @events: records of the ledger
 * @rpcs, @firings, @ops: requests that the server read, faults that fired,
 *	operations of the workload
 * @families: bit of each fault family that the plan has
 * @hazards: NWB_HAZARD_BIT()s that fired
 * @aim: the hazard that the world is bent towards, in Linux' flavours; or 0
 * @virtual_ns: how long it took there
 */
struct nwb_sim_result {
	char check[8];
	char text[400];
	uint8_t digest[32];
	uint64_t steps, events, rpcs, firings, ops;
	uint32_t families;
	uint32_t hazards;
	enum nwb_hazard aim;
	uint64_t virtual_ns;
};

/**
 * nwb_sim_run() - one world from its beginning to its end.
 * Return: 0 with *ret_r; negative errno and @err when there could be none
 * (memory, or -ENOTSUP under ThreadSanitizer).
 * A world that failed leaves memory behind: run it in a process of its own if
 * that matters.
 */
int nwb_sim_run(const struct nwb_sim_opts *opts, struct nwb_sim_result *ret_r,
		struct nwb_err *err) nwb_must_check;

/** nwb_sim_can_meet() - are there worlds bent towards @h? (Not H16.) */
bool nwb_sim_can_meet(enum nwb_hazard h);

/** nwb_sim_describe() - the plan of @opts in words, into @buf. */
void nwb_sim_describe(const struct nwb_sim_opts *opts, char *buf, size_t size);

/** nwb_sim_nr_ops() - operations in the strict plan of @seed, none left out. */
unsigned int nwb_sim_nr_ops(uint64_t seed);
/** nwb_sim_nr_faults() - the same of its faults. */
unsigned int nwb_sim_nr_faults(uint64_t seed);

/* Does @cut still fail? For nwb_sim_shrink(); also how a child is made. */
typedef bool (*nwb_sim_fails_fn)(void *arg, const struct nwb_sim_cut *cut);

/**
 * nwb_sim_shrink() - leave out as much as possible so that @fails stays true:
 * operations in ever smaller runs, faults one by one, then shorter lengths.
 * @cut: in: fails; out: fails, and nothing single can be left out any more
 * Return: how often @fails was asked.
 */
unsigned int nwb_sim_shrink(uint64_t seed, struct nwb_sim_cut *cut,
			    nwb_sim_fails_fn fails, void *arg);

/** nwb_sim_cut_print() - as options of `netwb sim`, " --drop-ops 1,4-9 ...";
 * "" when nothing is left out. */
void nwb_sim_cut_print(const struct nwb_sim_cut *cut, char *buf, size_t size);
/** nwb_sim_cut_parse() - a list "1,4-9" into bits of @bits; 0 or -EINVAL. */
int nwb_sim_cut_parse(const char *list, unsigned int max,
		      uint64_t *bits) nwb_must_check;

/* A deliberate defect of the engine that the simulation must find. */
struct nwb_sim_mutant {
	const char *name;
	const char *section; /* of the catalogue of real bugs, or of hazards */
	const char *title;
	uint64_t bit; /* NWB_MUT_* */
};
extern const struct nwb_sim_mutant nwb_sim_mutants[];
extern const unsigned int nwb_sim_nr_mutants;

/** nwb_sim_has_mutants() - does this build obey them? */
bool nwb_sim_has_mutants(void);

#endif
