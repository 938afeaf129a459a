/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netwb check --kernel: a real kernel's clients as the subject.
 *
 *	WORD ─ nwb_kernel_resolve ─┐          mounts x scenarios ─ choice
 *	                           ▼                                 │
 *	  server up ── guest up ── job ── MARK ─► actor ─► ack       ▼
 *	     │ (at the same time)   │    (shim rules fire by      a run each,
 *	     ▼                      ▼     themselves)             N times
 *	  effects, PDUs        intents, heartbeat, trace
 *	     └────────── ledger ────┘
 *	                   │  faults off, export read, judged
 *	                   ▼
 *	  verdict ─► session (run.jsonl, reports, KTAP) ─► k of N ─► exit code
 *	     └─► bundle: plan, job, ledger, pcapng, trace, console, reproducer
 *
 * check_kernel.c	  the command, the loop, exit codes
 * check_kernel_opts.c	  its command line
 * check_kernel_set.c	  mounts and scenarios, which of them are meant
 * check_kernel_run.c	  one run
 * check_kernel_act.c	  what the harness does at a mark
 * check_kernel_fuse.c	  the guest's own FUSE server instead of smbd and diod
 * check_kernel_verdict.c what a run was worth
 * check_kernel_record.c  a run as a record of the store
 * check_kernel_tell.c	  k of N, for people
 * check_kernel_bundle.c  what a failure leaves behind
 * check_kernel_repro.c	  the same without netwb
 */
#ifndef NWB_BENCH_CHECK_KERNEL_H
#define NWB_BENCH_CHECK_KERNEL_H

#include "bench_i.h"

#include "nwb/guest.h"
#include "nwb/kernel.h"

#define KC_FILE	     "netwb.dat"
#define KC_RUNS_MAX  1000u
#define KC_CELLS_MAX 128u

/* --- check_kernel_set.c --------------------------------------------------- */

/**
 * struct kc_mount - one way to mount the server.
 * @server: what runs beside the guest; with FUSE only its network is used
 * @options: of mount(2), without those that say who and where; FUSE: of the
 *	guest's server (nwb/guest.h)
 * @is_first: of the first set
 * @is_inside: the server is the guest's own
 */
struct kc_mount {
	const char *name;
	const char *server;
	const char *type;
	const char *options;
	bool is_first;
	bool is_inside;
};
extern const struct kc_mount kc_mounts[];
extern const unsigned int kc_nr_mounts;

#define KC_CIFS 0x1u
#define KC_9P	0x2u
#define KC_FUSE 0x4u
#define KC_NET	(KC_CIFS | KC_9P)
#define KC_ALL	(KC_NET | KC_FUSE)

/**
 * struct kc_scenario - a fault and what the guest does meanwhile.
 * @plan, @job: texts, kernel/scenarios/
 * @fs: for which types of mounts, KC_*
 * @is_volatile: what the server has not synced is gone when it is killed
 */
struct kc_scenario {
	const char *name;
	const char *title;
	const char *plan;
	const char *job;
	unsigned int fs;
	bool is_volatile;
};
extern const struct kc_scenario kc_scenarios[];
extern const unsigned int kc_nr_scenarios;

/* One row: what is run N times. */
struct kc_cell {
	const struct kc_mount *mount;
	const struct kc_scenario *scenario;
};

struct kc_choice {
	struct kc_cell cell[KC_CELLS_MAX];
	unsigned int nr;
};

/** kc_fits() - is @word this mount, this scenario, or a glob on both? */
bool kc_fits(const char *word, const struct kc_mount *m,
	     const struct kc_scenario *s);
/**
 * kc_choose() - the rows that @words mean.
 * @words: each a mount ("cifs-soft"), a scenario ("restart"), or a glob on
 *	"MOUNT.SCENARIO"; @nr 0: the first set
 * @own: the user's own scenario, on the mounts that @words name, or those of
 *	the first set that have a server which can do everything; NULL: none
 *
 * Return: 0; -EINVAL: a word means nothing, @err has the nearest.
 */
int kc_choose(const char *const *words, unsigned int nr,
	      const struct kc_scenario *own, struct kc_choice *ret,
	      struct nwb_err *err) nwb_must_check;
/** kc_list() - all of them, for people. */
void kc_list(FILE *out);

/* --- check_kernel_opts.c -------------------------------------------------- */

struct kc_opts {
	const char *kernel;
	const char *words[64];
	unsigned int nr_words;
	unsigned int runs;
	uint64_t seed;
	bool ktap, bisect, keep, is_listing;
	const char *out;
	const char *mount_options; /* added to those of the mount */
	const char *plan_files[16];
	unsigned int nr_plan_files;
	const char *lines[32];
	unsigned int nr_lines;
	const char *job; /* file */
	enum nwb_isolation isolation;
	unsigned int memory; /* MiB */
	bool has_trace;
	uint32_t oracles; /* bit n: On; 0: all */
};

/** kc_wants() - does this command line of `netwb check` mean a kernel? */
bool kc_wants(int argc, char **argv);
/** kc_parse() - Return: 0; -1: said what is wrong; -2: help was printed. */
int kc_parse(struct kc_opts *o, int argc, char **argv);

/* --- check_kernel_act.c --------------------------------------------------- */

struct kc_actor;

/** struct kc_actor_opts - on whom it acts; all borrowed. */
struct kc_actor_opts {
	const struct nwb_plan *plan;
	struct nwb_fc_page *page;
	struct nwb_ledger *ledger;
	struct nwb_server *srv;
	struct nwb_machine *machine;
	bool is_fuse; /* the server is the guest's own */
};

/** kc_is_nth() - does @r want its @seen'th event? */
bool kc_is_nth(const struct nwb_plan_rule *r, uint64_t seen);

int kc_actor_new(const struct kc_actor_opts *o,
		 struct kc_actor **ret_a) nwb_must_check;
/**
 * kc_actor_mark() - the job is at the mark @name: what the plan's rules want is
 * begun when this returns; what takes time goes on by itself.
 * Context: not the machine's thread; one at a time.
 */
void kc_actor_mark(struct kc_actor *a, const char *name);
/** kc_actor_look() - has a rule of the server fired that wants the guest dead?
 * Then it dies. Context: as kc_actor_mark(). */
void kc_actor_look(struct kc_actor *a);
/** kc_actor_needs_look() - could that happen at all? */
bool kc_actor_needs_look(const struct kc_actor *a);
/** kc_actor_trouble() - what it could not do; "" when nothing. */
const char *kc_actor_trouble(const struct kc_actor *a);
/** kc_actor_stop() - ends what is going on: the server runs, the cable is in;
 * nothing begins any more. */
void kc_actor_stop(struct kc_actor *a);
/** kc_actor_free() - stops too. NULL is fine. */
void kc_actor_free(struct kc_actor *a);

/* --- check_kernel_fuse.c -------------------------------------------------- */

/** struct kc_fuse - the rules of a run on the guest's FUSE server; borrowed.
 * @seen: WRITEs since the rule was armed */
struct kc_fuse {
	const struct nwb_plan *plan;
	struct nwb_fc_page *page;
	struct nwb_ledger *ledger;
	uint64_t seen[NWB_PLAN_RULES];
};

bool kc_is_fuse(const struct kc_mount *m);
/** kc_server_name() - who serves the mount: "smbd", "diod", "guest". */
const char *kc_server_name(const struct kc_mount *m);
/** kc_fuse_check() - can the guest's server do what @plan wants?
 * Return: 0; -EOPNOTSUPP with the rule in @err. */
int kc_fuse_check(const struct nwb_plan *plan,
		  struct nwb_err *err) nwb_must_check;
/** kc_fuse_order() - what the guest's server is to be told when @rule is armed
 * (@on) or disarmed; "": nothing. */
void kc_fuse_order(const struct nwb_plan *plan, unsigned int rule, bool on,
		   char *buf, size_t size);
/** kc_fuse_record() - a record of the guest: does it make a rule fire?
 * Context: the machine's thread. */
void kc_fuse_record(struct kc_fuse *f, const struct nwb_chan_rec *rec);
/** kc_fuse_content() - make the file @name of the export what the guest's
 * server told that it holds. Return: 0; negative errno. */
int kc_fuse_content(struct nwb_server *srv, const struct nwb_ledger *ledger,
		    uint16_t file, const char *name,
		    struct nwb_err *err) nwb_must_check;

/* --- check_kernel_run.c --------------------------------------------------- */

/**
 * struct kc_run_opts - one run.
 * @dir: directory for what it leaves behind; it exists
 * @limit_ns: faults are off at the latest so long after the guest's first word;
 *	0 = 40 s
 */
struct kc_run_opts {
	const struct nwb_kernel *kernel;
	struct kc_cell cell;
	const struct nwb_plan *plan;
	const char *mount_options; /* all of them, but who and where */
	const char *dir;
	enum nwb_isolation isolation;
	uint64_t seed;
	unsigned int memory;
	bool has_trace;
	uint64_t limit_ns;
};

#define KC_TOLD_MAX 8u

/* An errno that the guest's program was told, and by how many calls. */
struct kc_told {
	int error; /* positive */
	unsigned int nr;
};

struct kc_run_result {
	struct kc_told told[KC_TOLD_MAX];
	unsigned int nr_told;
	struct nwb_machine_report guest;
	struct nwb_judgement judgement;
	struct nwb_policy policy;
	bool is_judged;
	bool is_late; /* had to be stopped */
	unsigned int nr_rules;
	uint64_t hits[BENCH_RULES_MAX];
	uint64_t wall_ns;
	unsigned int nr_died;
	char died[64];
	char trouble[192];
	char server_version[64];
	char isolation[16];
	char skip[256];
	char capture[512];
	char mount[512]; /* all options, as the guest got them */
};

/**
 * kc_run_one() - server up, guest up, job, judged, all down. A server that ends
 * by itself says nothing: the run is made again, twice at most.
 * Return: 0 with a filled result; negative errno when it could not be made.
 */
int kc_run_one(const struct kc_run_opts *o, struct kc_run_result *ret,
	       struct nwb_err *err) nwb_must_check;
/** kc_job_text() - the whole job of a run, to @buf. -ENOSPC: it is too long. */
int kc_job_text(const struct kc_run_opts *o, const struct nwb_server_info *info,
		const uint8_t key[16], char *buf, size_t size,
		struct nwb_err *err) nwb_must_check;

/* --- check_kernel_verdict.c ----------------------------------------------- */

/** kc_verdict() - what a run was worth; adds the findings that no ledger has (a
 * panic, a guest that hangs) to @r->judgement. */
enum nwb_verdict kc_verdict(struct kc_run_result *r,
			    const struct nwb_plan *plan, char *reason,
			    size_t size);
/** kc_spare() - a FAIL of which none of @oracles (bits, 0: all) is the reason
 * becomes KNOWN, said in @reason; anything else stays. */
enum nwb_verdict kc_spare(enum nwb_verdict v, const struct nwb_judgement *j,
			  uint32_t oracles, char *reason, size_t size);
/**
 * kc_exit() - exit code of a call.
 * @bisect: as `git bisect run` wants it: 0 good, 1 bad, 125 cannot be told
 *	(INCONCLUSIVE, SKIP). VACUOUS is bad: a fault that finds nothing to hit,
 *	or a retry that no longer happens, is a change of the client's
 */
int kc_exit(const enum nwb_verdict *v, unsigned int nr, bool bisect);

/* --- check_kernel_record.c ------------------------------------------------ */

/** kc_cell_name() - "SERVER.KIND-RELEASE.MOUNT.SCENARIO". */
void kc_cell_name(const struct nwb_kernel *k, const struct kc_cell *c,
		  char *buf, size_t size);
/** kc_record() - a run record. @run: from 1; @bundle: directory or "" */
json_t *kc_record(const struct kc_run_opts *o, const struct kc_run_result *r,
		  unsigned int run, enum nwb_verdict v, const char *reason,
		  const char *repro, const char *bundle);
/** kc_record_failed() - of a run that could not be made. */
json_t *kc_record_failed(const struct kc_run_opts *o, unsigned int run,
			 const char *why, const char *repro);

/* --- check_kernel_tell.c -------------------------------------------------- */

#define KC_KINDS_MAX 8u

/* A verdict with its first finding, and how often it came. */
struct kc_kind {
	enum nwb_verdict verdict;
	char what[48]; /* "O1 LOST", or "" */
	unsigned int nr;
};

/* A row of the table: one cell, all its runs. */
struct kc_row {
	unsigned int nr;
	struct kc_kind kind[KC_KINDS_MAX];
	unsigned int nr_kinds;
	struct kc_told told[KC_TOLD_MAX]; /* nr: in so many runs */
	unsigned int nr_told;
	uint64_t wall_ns; /* sum */
	uint64_t wall_max_ns;
	char bundle[512]; /* of the first that failed; "" */
};

/** kc_row_add() - one more run of the row. */
void kc_row_add(struct kc_row *row, enum nwb_verdict v,
		const struct nwb_judgement *j, uint64_t wall_ns,
		const char *bundle);
/** kc_row_told() - what the program was told in one more run. */
void kc_row_told(struct kc_row *row, const struct kc_told *told,
		 unsigned int nr);
/** kc_row_text() - "PASS 9/10, FAIL O1 LOST 1/10; told EIO 3/10". Return:
 * @buf. */
const char *kc_row_text(const struct kc_row *row, char *buf, size_t size);
/** kc_tell() - all rows. */
void kc_tell(FILE *out, const struct nwb_kernel *k, const struct kc_choice *c,
	     const struct kc_row *row);

/* --- check_kernel_bundle.c ------------------------------------------------ */

/** kc_bundle_dir() - make BASE/guest/CELL-N for a run; @ret its path. */
int kc_bundle_dir(const char *base, const char *cell, unsigned int n, char *ret,
		  size_t size, struct nwb_err *err) nwb_must_check;
/**
 * kc_bundle_finish() - the run is judged: complete its directory (plan,
 * reproducer, README), or, when there is nothing to be shown, leave trace and
 * statistics alone.
 */
int kc_bundle_finish(const struct kc_run_opts *o, const struct kc_run_result *r,
		     enum nwb_verdict v, const char *reason, const char *repro,
		     bool keep, struct nwb_err *err) nwb_must_check;

/* --- check_kernel_repro.c ------------------------------------------------- */

/**
 * kc_repro_c() - a C program that does what the job does, without netwb.
 * @job: text of the run's job
 * Return: 0; -EINVAL: a verb that it cannot do, named in @err; -EIO.
 */
int kc_repro_c(FILE *f, const char *job, struct nwb_err *err) nwb_must_check;
/** kc_repro_sh() - the script around it: mounts a server, breaks it as @plan
 * says, compares. */
int kc_repro_sh(FILE *f, const struct kc_run_opts *o, const char *about,
		struct nwb_err *err) nwb_must_check;

/* --- check_kernel.c ------------------------------------------------------- */

/** kc_direct_output() - with KTAP on stdout, everything else that is printed
 * goes to stderr. @ret_out: where people read; @ret_fd: what stdout was */
int kc_direct_output(bool ktap, FILE **ret_out, int *ret_fd) nwb_must_check;
/** kc_print_ktap() - report.ktap of the session in @dir to @fd, which is
 * closed. */
int kc_print_ktap(const char *dir, int fd, struct nwb_err *err) nwb_must_check;

#endif
