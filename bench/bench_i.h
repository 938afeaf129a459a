/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Shared by the files of the netwb program only.
 *
 *	main.c ── cmd_run.c   one run, from plan or options
 *	      ├── cmd_bench.c the matrix, measured
 *	      ├── cmd_check.c plans and mutants, judged
 *	      ├── cmd_lint.c  plans, read only
 *	      ├── cmd_list.c  what there is
 *	      └── cmd_report.c
 *	run_one.c   server up, client up, workload, heal, judge, down
 *	supervise.c the server's comings and goings, heartbeat
 *	judge.c     ledger and export in, judgement out
 *	record.c    a run as a JSON object of the results store, with
 *		    record_series.c for what is not a single number
 */
#ifndef NWB_BENCH_I_H
#define NWB_BENCH_I_H

#include "meters.h"
#include "nwb/openloop.h"
#include "nwb/oracle.h"
#include "nwb/plan.h"
#include "nwb/report.h"
#include "nwb/server.h"
#include "nwb/timeline.h"
#include "nwb/workload.h"
#include "pin.h"
#include "shard.h"
#include "turns.h"
#include <errno.h>
#include <jansson.h>
#include <signal.h>

/* Any FAIL 1, else any INCONCLUSIVE 2; bad usage or plan 3. */
#define NWB_EXIT_OK	0
#define NWB_EXIT_FAIL	1
#define NWB_EXIT_BROKEN 2
#define NWB_EXIT_USAGE	3

struct bench_run_result;

/**
 * struct bench_plant - a regression made on purpose, so that a gate can be seen
 * to find it. All zero: none.
 * @cpu: burn so much more CPU time than client and server used: 0.15 = 15 %
 * @stall: add so much to the time until durable, asleep: 0.25 is what costs a
 *	fifth of the throughput
 */
struct bench_plant {
	double cpu, stall;
};

/**
 * struct bench_load - drive a run by a schedule (see nwb/openloop.h).
 * @knee: rate that this rate is a share of; 0: not known
 * @shape: the workload's name on the command line
 * @is_step: it is one of the steps on the way to the knee
 * @side: 'A' or 'B'
 */
struct bench_load {
	struct nwb_openloop_opts ol;
	uint64_t knee;
	const char *shape;
	bool is_step;
	char side;
};

/**
 * struct bench_run_opts - all that one run depends on.
 * @server: see nwb_server_name()
 * @plan: finished plan, or NULL: no fault; borrowed
 * @fault: name for records ("none", "reset-before", the plan's name)
 * @plan_args: how the plan is named on a command line, NULL: --fault @fault
 * @cache: enum nwb_cache_mode of the reference client
 * @durable: SMB handles that outlive a connection: 0 off, 1 v1, 2 v2
 * @hard: wait for the server for ever
 * @retrans: give a write up after so many attempts; 0 = 64
 * @flavour, @hazards, @no_hazards, @strategy, @no_copy: see struct
 *	nwb_subject_opts
 * @channels: SMB: connections of the session; 0 = 1. More than one switches
 *	multichannel on in smbd
 * @server_binary: NULL = where the distribution has it
 * @isolation: of the server; AUTO = the first step that works here
 * @sign, @dialect, @signing, @encryption: see struct nwb_smb2_opts
 * @no_shim: do not preload (then nothing below the client is recorded)
 * @no_ledger: preload, but do not let it record
 * @judge: read the content and judge; else only measure
 * @ledger_path: keep the ledger there, NULL: do not
 * @keep_failed: keep the ledger of a FAIL, in @results_dir, or when that is
 *	NULL in a fresh directory below @results_base (NULL: "results")
 * @capture_path: capture the wire to there, NULL: do not
 * @fscache: directory for a local cache, NULL: none
 * @vectored: SMB: small WRITEs in one frame, at most; 0: one each
 * @crypto_unit: bytes of a data unit of content crypto, 0: none
 * @trace_path: the reference client's tracepoints, NULL: off
 * @second_user: SMB: only a second user may write
 * @mirror, @mirror_room: name of a second server that gets what is written, too
 *	("": none), and the size of its filesystem (0: its usual)
 * @dirty, @dirty_bg, @strictlimit, @fscache_short: see struct nwb_subject_opts
 * @plant: see there
 * @load: NULL: each write begins when the one before has returned
 */
struct bench_run_opts {
	const char *server;
	enum nwb_subject_kind subject;
	const struct nwb_workload_desc *workload;
	const struct nwb_plan *plan;
	const char *fault;
	const char *plan_args;
	const char *server_binary;
	enum nwb_isolation isolation;
	uint64_t bytes;
	unsigned int fsyncs;
	uint64_t seed;
	uint32_t level;
	bool sign;
	uint16_t dialect;
	enum nwb_smb2_signing signing;
	enum nwb_smb2_encryption encryption;
	bool no_shim;
	bool no_ledger;
	bool pin;      /* CPUs of their own for server and client */
	int *turns_fd; /* see turns.h; NULL: alone */
	bool judge;
	uint32_t wsize;
	uint32_t depth;
	unsigned int cache;
	unsigned int durable;
	bool hard;
	uint32_t retrans;
	enum nwb_flavour flavour;
	uint32_t hazards, no_hazards;
	unsigned int strategy;
	bool no_copy;
	unsigned int channels;
	uint64_t mutants;
	bool mutant_credits;
	bool mutant_channel;
	const char *ledger_path;
	bool keep_failed;
	const char *results_dir;
	const char *results_base;
	const char *capture_path;
	const char *fscache;
	unsigned int vectored;
	uint32_t crypto_unit;
	const char *trace_path;
	bool second_user;
	char mirror[16];
	uint64_t mirror_room;
	uint64_t dirty, dirty_bg, strictlimit, fscache_short;
	struct bench_plant plant;
	const struct bench_load *load;
	/* The client hangs: told and recorded here, then the process ends. */
	void (*on_hang)(void *arg, const struct bench_run_opts *o,
			const struct bench_run_result *r);
	void *hang_arg;
};

#define BENCH_RULES_MAX 32

struct bench_run_result {
	struct nwb_workload_result work;
	struct nwb_openloop_result load; /* if there was one */
	struct nwb_subject_stats stats;
	struct nwb_policy policy;
	struct nwb_judgement judgement;
	struct nwb_timeline timeline; /* nr_bins 0: there is none */
	bool is_judged;
	uint64_t server_cpu_ns;	    /* UINT64_MAX: not measured */
	struct bench_meters meters; /* of the window */
	unsigned int nr_rules;
	uint64_t hits[BENCH_RULES_MAX];
	int final_error;      /* of the fsync after heal */
	char skip[256];	      /* not run at all, and why; else empty */
	char trouble[128];    /* why nothing can be concluded */
	unsigned int nr_died; /* earlier attempts in which the server ended by
			       * itself, and not one of them a FAIL */
	char died[64];	      /* how, the last time; empty: never */
	unsigned int nr_intruded; /* writes of somebody else */
	struct nwb_policy mirror_policy;
	bool is_mirror_read;			/* and compared with the file */
	bool is_mirror_guilty;			/* and nobody else is */
	uint64_t mirror_wrong, mirror_wrong_at; /* bytes that differ */
	char server_version[64];
	char isolation[16];
	char isolation_why[96];
	char io[16];
	char ledger[2304]; /* where it was kept; empty: nowhere */
	char capture[512]; /* what became of it, in lines; empty: none */
};

/**
 * bench_run_one() - start a server, drive a subject, judge, clean up.
 *
 * A server that ended by itself says nothing about the client: unless that is
 * convicted anyway, the run is made again, twice at most, and the result says
 * so.
 * Return: 0 with a filled result; negative errno when the run could not be
 * made at all (the server does not start, ...): one clear message in @err.
 */
int bench_run_one(const struct bench_run_opts *o, struct bench_run_result *ret,
		  struct nwb_err *err) nwb_must_check;

/* trace_out.c */
struct nwb_trace;
/** bench_trace_new() - a ring for one run. NULL: no memory. */
struct nwb_trace *bench_trace_new(void);
/** bench_trace_keep() - write @t to @path: tracefs' text, or Perfetto's JSON if
 * @path ends in ".json". 0, or negative errno with @err and no file. */
int bench_trace_keep(const struct nwb_trace *t, const char *path,
		     struct nwb_err *err) nwb_must_check;

/* plant.c */
/** bench_plant() - make @s cost more from now on, as @p says. One subject a
 * process. @srv: whose CPU time counts too; NULL: nobody's */
void bench_plant(struct nwb_subject *s, const struct bench_plant *p,
		 struct nwb_server *srv);
/** bench_plant_parse() - "cpu=15%" or "throughput=-25%", added to @p.
 * -EINVAL: it is neither. */
int bench_plant_parse(const char *word, struct bench_plant *p) nwb_must_check;

/* around.c */
/** bench_is_fake() - is that a server inside this process: "fake" (SMB) or
 * "fake-9p"? Models: they are never evidence about servers, and a run on them
 * is measured, not judged. */
bool bench_is_fake(const char *server);
/* What is independent of client and server and sees both: the ledger, and the
 * page of the rules. */
struct bench_ledgers {
	int ledger_fd, page_fd; /* -1: not there */
	struct nwb_ledger ledger;
	struct nwb_fc_page *page;
	uint8_t key[16];
	uint16_t file_id;
};
/** bench_ledgers_crypt() - content crypto with keys made from @seed, in units of
 * @unit bytes; 0: none. Before the server is started. */
void bench_ledgers_crypt(struct bench_ledgers *l, uint64_t seed, uint32_t unit);
/** bench_ledgers_new() - with one file in it, @file; NULL: none. @slots, @level:
 * of nwb_ledger_create(). bench_ledgers_fini() is due also after an error. */
int bench_ledgers_new(struct bench_ledgers *l, const char *file, uint64_t slots,
		      uint32_t level, uint64_t seed,
		      struct nwb_err *err) nwb_must_check;
/** bench_ledgers_fini() - what is not there, as at first, is fine. */
void bench_ledgers_fini(struct bench_ledgers *l);
/** bench_key() - the run's stamp key; any will do as long as the seed gives
 * it. */
void bench_key(uint64_t seed, uint8_t key[16]);
/** bench_server_opts() - what a plan says of the server; NULL is fine. */
void bench_server_opts(const struct nwb_plan *plan, struct nwb_server_opts *so);
/** bench_channels() - of @o or of its plan, which wins; 0 = 1. */
unsigned int bench_channels(const struct bench_run_opts *o);
/** bench_client_opts() - all of @so that @o and its plan say. Who and where the
 * server is stands in it already; a guest's name is taken away again. */
void bench_client_opts(const struct bench_run_opts *o,
		       struct nwb_subject_opts *so);
/** bench_is_busy() - is something under way inside a server that lives? */
bool bench_is_busy(const struct nwb_ledger *l);
/** bench_trouble() - what the shim could not do as it was told, which makes
 * its records worthless; @buf stays as it is when there is nothing. */
void bench_trouble(const struct nwb_fc_page *p, char *buf, size_t size);
/** bench_server_died() - has the server ended by itself, not by a fault? Then
 * @buf says how. */
bool bench_server_died(const struct nwb_ledger *l, const char *server,
		       char *buf, size_t size);
/** bench_keep_ledger() - write it to the new file @path. */
int bench_keep_ledger(const struct nwb_ledger *l, const char *path,
		      struct nwb_err *err) nwb_must_check;

/* needs.c */
/** bench_needs() - Return: 0; 1: not there, @why says what; -EOPNOTSUPP: what
 * was asked for does not fit together, which is bad usage. */
int bench_needs(const struct bench_run_opts *o, char *why, size_t size,
		struct nwb_err *err) nwb_must_check;

/** bench_opts_check() - do the options of @o fit together, and are its bytes
 * enough for its workload? Part of bench_needs(), for who runs many of them.
 * Return: 0 or -EOPNOTSUPP. */
int bench_opts_check(const struct bench_run_opts *o,
		      struct nwb_err *err) nwb_must_check;

/* phases.c */
struct bench_phases;
/** bench_heal() - all faults off, recorded; what is dirty has @bound_ns. */
void bench_heal(struct nwb_fc_page *page, struct nwb_ledger *ledger,
		uint64_t bound_ns);
/** bench_phases_start() - *@ret_p is NULL when the plan has none. @mirror: the
 * same for its mirror, NULL: none. */
int bench_phases_start(const struct nwb_plan *plan, struct nwb_fc_page *page,
		       struct nwb_ledger *ledger, struct bench_ledgers *mirror,
		       uint64_t bound_ns,
		       struct bench_phases **ret_p) nwb_must_check;
/** bench_phases_stop() - the workload is over; NULL is fine. Return: whether a
 * phase has healed already. */
bool bench_phases_stop(struct bench_phases *p);

/* intrude.c */
struct bench_intruder;
/** bench_plan_intrudes() - does a rule let somebody else write? NULL is fine. */
bool bench_plan_intrudes(const struct nwb_plan *plan);
/** bench_intruder_start() - the second client, if @plan has one; all borrowed.
 * *@ret_in is NULL if not. */
int bench_intruder_start(const struct nwb_plan *plan, struct bench_ledgers *l,
			 struct nwb_server *srv, const char *file,
			 struct bench_intruder **ret_in) nwb_must_check;
/** bench_intruder_stop() - NULL is fine. Return: how often it wrote; what went
 * wrong is put to @trouble. */
unsigned int bench_intruder_stop(struct bench_intruder *in, char *trouble,
				 size_t size);

/* supervise.c */
struct bench_supervisor;
int bench_supervisor_start(struct nwb_ledger *l, bool is_volatile,
			   uint64_t heartbeat_ns,
			   struct bench_supervisor **ret_s) nwb_must_check;
/** bench_supervisor_quiet() - no heartbeat from now on; one thread only. */
void bench_supervisor_quiet(struct bench_supervisor *s);
void bench_supervisor_stop(struct bench_supervisor *s);
/** bench_supervisor_beats() - heartbeats written so far. */
uint64_t bench_supervisor_beats(const struct bench_supervisor *s);
void bench_supervisor_event(void *arg, enum nwb_server_event ev,
			    int wait_status);

/* watchdog.c */
struct bench_watchdog;
/**
 * bench_watchdog_start() - watch for a client that stands still.
 * @limit_ns: nothing in the ledger for so long: @heal(@arg)
 * @bound_ns: and still nothing for so long: @hang(@arg), which must not return
 */
int bench_watchdog_start(const struct nwb_ledger *ledger,
			 struct bench_supervisor *sup, uint64_t limit_ns,
			 uint64_t bound_ns, void (*heal)(void *arg),
			 void (*hang)(void *arg), void *arg,
			 struct bench_watchdog **ret_w) nwb_must_check;
void bench_watchdog_stop(struct bench_watchdog *w);

/* judge.c */
struct bench_judge_in {
	struct nwb_server *srv;
	struct nwb_ledger *ledger;
	const struct nwb_policy *policy;
	const struct nwb_plan *plan;
	struct nwb_fc_page *page;
	const uint8_t *key;
	const char *file;
	uint16_t file_id;
	uint64_t drain_bound_ns;
	bool may_stay_away; /* this client need not come back after a cut */
	bool is_mirror;	    /* rules of the mirror count, and no others */
};
/** bench_expect_hits() - what the plan expects of its rules, and what the shim
 * counted; nothing is expected of rules for another server. @e: room for
 * NWB_PLAN_RULES. Return: how many. */
unsigned int bench_expect_hits(const struct nwb_plan *plan,
			       const struct nwb_fc_page *page, bool is_mirror,
			       struct nwb_expect_hits *e);
int bench_judge(const struct bench_judge_in *in, struct nwb_judgement *ret_j,
		struct nwb_err *err) nwb_must_check;

/* record.c */
/** bench_findings() - of a judgement, as run.jsonl has them. */
json_t *bench_findings(const struct nwb_judgement *j);
/** bench_hits() - how often each rule of @plan fired. @nr: of @hits */
json_t *bench_hits(const struct nwb_plan *plan, const uint64_t *hits,
		   unsigned int nr);
json_t *bench_record_run(const struct bench_run_opts *o,
			 const struct bench_run_result *r, unsigned int pair,
			 unsigned int order);
json_t *bench_record_failed(const struct bench_run_opts *o, unsigned int pair,
			    unsigned int order, const char *why);
/* record_load.c */
/** bench_record_load() - the latency record of a run that has @o->load.
 * @rec: its run record, the reference is taken over
 * @r: NULL: the run could not be made */
json_t *bench_record_load(json_t *rec, const struct bench_run_opts *o,
			  const struct bench_run_result *r);
/** bench_load_args() - options of `netwb latency` that repeat the run. */
void bench_load_args(const struct bench_run_opts *o, char *buf, size_t size);
/* record_series.c */
json_t *bench_record_latency(const struct nwb_hist *h);
/** bench_record_timeline() - series, marks and faults, if there is a time
 * line. */
void bench_record_timeline(json_t *rec, const struct nwb_timeline *tl,
			   const struct nwb_plan *plan);
void bench_cell_name(const struct bench_run_opts *o, char *buf, size_t size);
/** bench_case_key() - what decides about the shard: the cell without the
 * subject, so that what is compared stays together. */
void bench_case_key(const struct bench_run_opts *o, char *buf, size_t size);
void bench_repro(const struct bench_run_opts *o, char *buf, size_t size);
/* The verdict that a run's record carries; @ret_reason borrowed, may be "". */
enum nwb_verdict bench_verdict(const struct bench_run_result *r,
			       const struct nwb_plan *plan, char *reason,
			       size_t size);
/** bench_expect_verdict() - what "expect verdict" makes of @v: a failure that
 * was expected is KNOWN, a pass that was not is UNEXPECTED-PASS. */
enum nwb_verdict bench_expect_verdict(const struct nwb_plan_expect *x,
				      enum nwb_verdict v, char *reason,
				      size_t size);

/* keep.c */
/** bench_keep_failed() - keep the ledger of a run whose verdict is FAIL as @o
 * says; @r->ledger tells where. */
void bench_keep_failed(const struct nwb_ledger *l,
		       const struct bench_run_opts *o,
		       struct bench_run_result *r);
/** bench_explain() - the command that tells the life of the byte that the
 * first finding is about. Return: @buf; NULL: no ledger was kept. */
const char *bench_explain(const struct bench_run_result *r, char *buf,
			  size_t size);

/* explain_kernel.c */
/** bench_explain_kernel() - print what lies beside @ledger of the kernel that
 * was the client, if anything does. Return: an exit code. */
int bench_explain_kernel(const char *ledger, uint64_t off);

/* capture.c */
struct bench_capture;
/** bench_capture_start() - capture the wire of @srv to @path from now on.
 * @iface: of its namespace; NULL: lo */
int bench_capture_start(struct nwb_server *srv, const char *path,
			const char *iface, const char *about,
			struct bench_capture **ret_c,
			struct nwb_err *err) nwb_must_check;
/**
 * bench_capture_end() - write it, with the faults of @ledger in it, and tell
 * how to look at it in @text (lines, each with its newline). Frees @c; NULL is
 * fine. @plan: may be NULL.
 */
int bench_capture_end(struct bench_capture *c, const struct nwb_ledger *ledger,
		      const struct nwb_plan *plan, char *text, size_t size,
		      struct nwb_err *err) nwb_must_check;
/** bench_capture_drop() - free without writing. NULL is fine. */
void bench_capture_drop(struct bench_capture *c);

/* env.c */
json_t *bench_env_session(const char *id, const char *isolation, uint64_t seed,
			  int argc, char **argv);
/** bench_results_dir() - make a fresh directory below @base (NULL: "results"),
 * named by date and time. */
int bench_results_dir(const char *base, char *ret_path, size_t size,
		      struct nwb_err *err) nwb_must_check;
/** bench_shim_path() - where the preload library is; -ENOENT with remedy. */
int bench_shim_path(char *ret_path, size_t size,
		    struct nwb_err *err) nwb_must_check;
uint64_t bench_cpu_ns(void);

/* faults.c: the standard plans of the matrix */
struct bench_fault {
	const char *name;
	const char *title;
	const char *text; /* plan */
	bool smbd_only;
};
extern const struct bench_fault bench_faults[];
extern const unsigned int bench_nr_faults;
/** bench_fault_text() - the plan of a standard fault or of a mutant, NULL when
 * there is none of that name. */
const char *bench_fault_text(const char *name);
/** bench_plan_text() - parse and finish a plan from one text. */
int bench_plan_text(const char *name, const char *text,
		    struct nwb_plan **ret_plan,
		    struct nwb_err *err) nwb_must_check;

/* progress.c */
struct bench_progress {
	unsigned int done, total;
	uint64_t t_start;
	uint64_t t_said; /* since start; log lines are rare */
	bool is_tty;
};
void bench_progress_start(struct bench_progress *p, unsigned int total);
void bench_progress_step(struct bench_progress *p, const char *what);
void bench_progress_end(struct bench_progress *p);

/* interrupt.c */
/** bench_interrupt_setup() - ^C and TERM: the store gets its end record, the
 * server's namespaces go with the process, exit 128 + signal. Call it before
 * any thread is made. */
int bench_interrupt_setup(void) nwb_must_check;
/** bench_interrupt_store() - the store that an interrupt closes; NULL: none. */
void bench_interrupt_store(struct nwb_store *store);
/** bench_store_add() - nwb_store_add(), serialised against an interrupt. */
int bench_store_add(struct nwb_store *store, json_t *rec,
		    struct nwb_err *err) nwb_must_check;

/* opts.c: options that several commands share */
struct bench_cli {
	int turns_fd;
	struct bench_shard shard;
	struct bench_run_opts run;
	const char *plan_files[16];
	unsigned int nr_plan_files;
	const char *lines[32]; /* -e */
	unsigned int nr_lines;
	const char *out;
	const char *filter;
	const char *mutant;
	unsigned int pairs;
	unsigned int fault_pairs;
	unsigned int time_s;
	unsigned int repeat;
	bool retry_cost;
	bool inval_cost;
	bool speed;
	bool shim_cost;
	bool signing_cost;
	bool has_server, has_client, has_workload, has_seed;
	bool has_time, has_fault_pairs;
	bool may_fake;
	const char *publish;   /* serve: [ADDR:]PORT */
	const char *run_name;  /* serve */
	uint64_t for_ns;       /* serve: 0 = until ^C */
	const char *mount_dir; /* mount: where; NULL: in the run's directory */
	bool kernel_cache;     /* mount */
	bool no_shadow;	       /* mount */
	bool engine;	       /* mount: nwb/engine.h */
	bool is_raw;	       /* mount: a client that caches nothing */
	char plan_args[2048];  /* what names the plan, for reproducing */
	struct nwb_plan *plan; /* owned, run.plan points to it */
};
#define BENCH_CLI_RUN	0x01u  /* --server --client --workload ... */
#define BENCH_CLI_PLAN	0x02u  /* --plan -e --fault */
#define BENCH_CLI_BENCH 0x04u  /* --pairs --filter --out */
#define BENCH_CLI_CHECK 0x08u  /* --repeat --mutant */
#define BENCH_CLI_ONE	0x80u  /* of one run only: --ledger --capture */
#define BENCH_CLI_FAKE	0x100u /* --server fake; --plant */
#define BENCH_CLI_SHARD 0x400u /* --shard alone */
#define BENCH_CLI_TURNS 0x800u /* --turns, of one-run */
#define BENCH_CLI_SERVE 0x40u  /* --publish --for --name --dir */
#define BENCH_CLI_MOUNT 0x200u /* --kernel-cache --no-shadow --dir; a client */
/**
 * bench_cli_parse() - read options. @groups: BENCH_CLI_*.
 * Return: index of the first operand; -1: said what is wrong (exit 3); -2:
 * help was printed (exit 0).
 */
int bench_cli_parse(struct bench_cli *c, int argc, char **argv,
		    unsigned int groups, const char *about);
/** bench_cli_stray() - for commands that take options only: is there anything
 * else, @at of bench_cli_parse() or behind? Then that was told, and @c is
 * freed. */
bool bench_cli_stray(struct bench_cli *c, int at, int argc, char **argv);
/** bench_parse_size() - "64K". Return: 0 or -EINVAL. */
int bench_parse_size(const char *s, uint64_t *ret);
/** bench_cli_plan() - read --plan files and -e lines into c->plan (stays NULL
 * when there are none), take server and client from it. */
int bench_cli_plan(struct bench_cli *c, struct nwb_err *err) nwb_must_check;
void bench_cli_fini(struct bench_cli *c);
/** bench_cache_name() - of an enum nwb_cache_mode. */
const char *bench_cache_name(unsigned int mode);
/** bench_read_file() - a whole small file, with a NUL behind it; to be freed with
 * free(). */
int bench_read_file(const char *path, char **ret_text, size_t *ret_len,
		    struct nwb_err *err) nwb_must_check;

/* mutants.c */
struct bench_mutant {
	const char *name;
	const char *title;
	uint64_t netfs; /* NWB_MUT_* */
	bool credits;
	bool channel;
	const char *server;
	enum nwb_subject_kind subject;
	const char *workload;
	uint64_t bytes;
	unsigned int fsyncs;
	uint32_t oracles; /* bit n: On may kill it */
	const char *plan;
};
extern const struct bench_mutant bench_mutants[];
extern const unsigned int bench_nr_mutants;
const struct bench_mutant *bench_mutant_find(const char *name);
/** bench_mutants_missing() - says so when this build has none in it. */
bool bench_mutants_missing(void);

/* security.c: dialect, signing, encryption of plan and command line */
/** bench_server_security() - of the plan's "server" line. */
void bench_server_security(const struct nwb_plan *plan,
			   struct nwb_server_security *ret);
/** bench_client_security() - of @o, and of the plan's "client" line, which
 * wins. */
void bench_client_security(const struct bench_run_opts *o,
			   struct nwb_subject_opts *so);
/** bench_signs() - will the client sign every request? */
bool bench_signs(const struct bench_run_opts *o);
/** bench_set_dialect(), bench_set_sign(), bench_set_encrypt() - from a word;
 * @word NULL: the bare option. -EINVAL, and @ret_want says what there is. */
int bench_set_dialect(struct bench_run_opts *o, const char *word,
		      const char **ret_want) nwb_must_check;
int bench_set_sign(struct bench_run_opts *o, const char *word,
		   const char **ret_want) nwb_must_check;
int bench_set_encrypt(struct bench_run_opts *o, const char *word,
		      const char **ret_want) nwb_must_check;
/** bench_security_args() - the options that say it again, to @buf. */
void bench_security_args(const struct bench_run_opts *o, char *buf,
			 size_t size);

/* signing_cost.c */
int bench_signing_cost(struct bench_cli *c, int argc, char **argv);

/* flavour.c: --flavour, --hazard and --retry */
int bench_set_flavour(struct bench_run_opts *o, const char *value);
int bench_set_hazards(struct bench_run_opts *o, const char *value,
		      struct nwb_err *err);
int bench_set_strategy(struct bench_run_opts *o, const char *value);
/** bench_flavour_args() - the options again, each with a blank before it. */
void bench_flavour_args(const struct bench_run_opts *o, char *buf, size_t size);
/** bench_flavour_record() - what of them is not the default, into a run's record.
 * @fired: hazards that changed what the client did */
void bench_flavour_record(json_t *rec, const struct bench_run_opts *o,
			  uint32_t fired);
/** bench_hazard_names() - "h3,h17"; "": none. */
void bench_hazard_names(uint32_t bits, char *buf, size_t size);

/* client.c: what the client has beside a server */
/** bench_set_mirror() - "SERVER" or "SERVER:SIZE". -EINVAL: it is neither. */
int bench_set_mirror(struct bench_run_opts *o, const char *value);
/** bench_client_from_plan() - words of its "client" line that are options of
 * the command line, too; the plan wins. */
void bench_client_from_plan(struct bench_run_opts *o,
			    const struct nwb_plan *plan);
/** bench_subject_check() - is there a client as @o and its plan want it, for a
 * server of that protocol? Said before anything is started. 0 or -EOPNOTSUPP. */
int bench_subject_check(const struct bench_run_opts *o,
			struct nwb_err *err) nwb_must_check;
/** bench_client_check() - does it fit together, and with the server? */
int bench_client_check(const struct bench_run_opts *o,
		       struct nwb_err *err) nwb_must_check;
/** bench_client_args() - the options again, each with a blank before it. */
void bench_client_args(const struct bench_run_opts *o, char *buf, size_t size);
void bench_client_tell(const struct bench_run_opts *o,
		       const struct bench_run_result *r);
void bench_client_record(json_t *rec, const struct bench_run_opts *o,
			 const struct bench_run_result *r);

/* dial.c */
struct bench_dialer {
	struct nwb_dialer dialer; /* for the client */
	struct nwb_server *srv;	  /* borrowed */
};
/** bench_dialer_init() - to @srv, wherever it is isolated. */
void bench_dialer_init(struct bench_dialer *b, struct nwb_server *srv);

/* mirror.c */
#define BENCH_MIRROR_LEDGER ".mirror" /* behind the name of the run's */
struct bench_mirror {
	struct nwb_server *srv; /* NULL: none */
	struct bench_dialer dialer;
	struct nwb_subject_peer peer;
	struct bench_ledgers l;
	struct bench_supervisor *sup;
};
/** bench_mirror_init() - of zeros: there is none, bench_mirror_down() is fine. */
void bench_mirror_init(struct bench_mirror *m);
/** bench_mirror_up() - start the server that @o wants, if any, with a ledger of
 * @slots of its own for @file. */
int bench_mirror_up(struct bench_mirror *m, const struct bench_run_opts *o,
		    const char *file, uint64_t slots,
		    struct nwb_err *err) nwb_must_check;
void bench_mirror_down(struct bench_mirror *m);
/** bench_mirror_quiet() - the run is over. */
void bench_mirror_quiet(struct bench_mirror *m);
/** bench_mirror_judge() - by its own ledger; its findings are added to
 * @res->judgement. */
int bench_mirror_judge(struct bench_mirror *m, const struct bench_run_opts *o,
		       const char *file, uint64_t bound_ns,
		       struct bench_run_result *res,
		       struct nwb_err *err) nwb_must_check;

/* run_sides.c */
/** bench_judgement_add() - one more finding, behind those of its weight. */
void bench_judgement_add(struct nwb_judgement *j, const struct nwb_finding *f);
/** bench_mirror_compare() - hold @file of the mirror to that of @srv, unless it
 * was left behind; to @res. */
int bench_mirror_compare(struct bench_mirror *m, struct nwb_server *srv,
			 const char *file, struct bench_run_result *res,
			 struct nwb_err *err) nwb_must_check;
/** bench_judge_sides() - add to @res' judgement what its mirror and its local
 * cache are convicted of. */
void bench_judge_sides(struct bench_run_result *res, uint16_t file_id);

/* retry_cost.c */
int bench_retry_cost(struct bench_cli *c, int argc, char **argv);

/* inval_cost.c */
int bench_inval_cost(const struct bench_cli *c);
/* speed.c */
int bench_speed(struct bench_cli *c, int argc, char **argv);

/* shim_cost.c */
int bench_shim_cost(struct bench_cli *c, int argc, char **argv);

/* the commands: argv[0] is the command's name; Return: exit code */
int bench_cmd_run(int argc, char **argv);
int bench_cmd_bench(int argc, char **argv);
int bench_cmd_check(int argc, char **argv);
/** bench_check_kernel() - netwb check --kernel. */
int bench_check_kernel(int argc, char **argv);
int bench_cmd_lint(int argc, char **argv);
int bench_cmd_list(int argc, char **argv);
int bench_cmd_report(int argc, char **argv);
int bench_cmd_sim(int argc, char **argv);
int bench_cmd_store(int argc, char **argv);
int bench_cmd_history(int argc, char **argv);
int bench_cmd_merge(int argc, char **argv);
int bench_cmd_serve(int argc, char **argv);
int bench_cmd_exec(int argc, char **argv);
int bench_cmd_mount(int argc, char **argv);
int bench_cmd_deadlock(int argc, char **argv);
int bench_cmd_kernel(int argc, char **argv);
int bench_cmd_latency(int argc, char **argv);
int bench_cmd_explain(int argc, char **argv);
int bench_cmd_fio_inside(int argc, char **argv);
int bench_cmd_one_run(int argc, char **argv);

#endif
