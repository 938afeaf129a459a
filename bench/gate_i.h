/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `netwb compare` and `netwb gate`: two sides, measured in interleaved pairs.
 *
 *	cmd_compare.c, cmd_gate.c	options; who A and B are
 *	  compare_side.c		a word becomes a side
 *	  compare_build.c		revisions built, binaries linked anew
 *	  gate_cases.c			what is run
 *	gate_session.c			the rounds, the looks, the conclusion
 *	  gate_pair.c			one pair: two processes, in random order
 *	  gate_spawn.c			one run, or two that take turns
 *	  gate_child.c			processes
 *	  gate_decide.c			streams of pairs to decisions
 *				(nwb/gate.h)
 *	  gate_record.c			records of run.jsonl
 *	  gate_past.c			what earlier sessions say about noise
 *	  gate_tell.c			what a person sees meanwhile and at the
 *					end
 *
 * A stream is one case in one role: measured (A against B), control (A against
 * A) or confirmation (A against B, both linked anew). Streams take turns, one
 * pair each, so that a noisy minute hits many cases a little and none alone.
 *
 *	round   case 1   case 2   case 3   control 1
 *	  1       AB       BA       BA        AB
 *	  2       BA       BA       AB        BA
 *	  ...     a look after 10, 20 ... pairs that count; the decided leave
 */
#ifndef NWB_BENCH_GATE_I_H
#define NWB_BENCH_GATE_I_H

#include "bench_i.h"
#include "nwb/gate.h"
#include "shard.h"

#define GATE_CASES_MAX	 96
#define GATE_STREAMS_MAX (3 * GATE_CASES_MAX)
#define GATE_SENTINELS	 3u
#define GATE_TURN_BYTES	 (16 * NWB_MIB)
#define GATE_BOTH_MAX	 200u

enum gate_metric_id {
	GATE_CPU,	 /* ns/MiB made durable, client and server */
	GATE_THROUGHPUT, /* MiB/s until durable */
	GATE_P99,	 /* of write(2), ns */
	GATE_METRICS
};

/* @brief: in a file of noise */
struct gate_metric {
	const char *name, *brief, *unit;
	enum nwb_better better;
	double floor; /* of delta */
};
extern const struct gate_metric gate_metrics[GATE_METRICS];

/* --- sides ---------------------------------------------------------------- */

enum gate_side_kind {
	GATE_SIDE_BUILD,
	GATE_SIDE_REV,
	GATE_SIDE_CLIENT, /* words of a plan's "client" line */
	GATE_SIDE_MODE,
	GATE_SIDE_SERVER,
};

/**
 * struct gate_side - A or B.
 * @id: as it was asked for, with its kind ("rev:v1.0"); "HEAD" etc. as typed
 * @binary: its netwb
 * @shim: the library to preload, when it is not where @binary looks for it
 * @build: of @binary, as it says itself; "" until it has said so
 * @revision: commit, GATE_SIDE_REV
 * @build_dir: where @binary was built, "" when that is not known
 * @client: --client, NULL = the case's
 * @client_line: plan line, NULL = none
 * @server: --server, NULL = the case's
 * @options: of `netwb run`, for this side only; NULL = none
 */
struct gate_side {
	enum gate_side_kind kind;
	char id[256];
	char binary[4096];
	char shim[4096];
	char build[96];
	char revision[64];
	char build_dir[4096];
	const char *client;
	char client_line[256];
	const char *server;
	const char *options;
	struct bench_plant plant;
	char plant_word[64];
};

/** gate_side_parse() - "build:PATH", "rev:REF", "client:WORDS", "mode:NAME",
 * "server:NAME", or any of these without its prefix where only one fits. */
int gate_side_parse(const char *word, struct gate_side *ret,
		    struct nwb_err *err) nwb_must_check;
/** gate_side_kind_name() - "build", ... */
const char *gate_side_kind_name(enum gate_side_kind k);
/** gate_side_self() - the binary that runs. */
int gate_side_self(struct gate_side *ret, struct nwb_err *err) nwb_must_check;
/** gate_is_binary_side() - do they differ in the binary? */
static inline bool gate_is_binary_side(const struct gate_side *s)
{
	return s->kind == GATE_SIDE_BUILD || s->kind == GATE_SIDE_REV;
}

/* compare_build.c */
/** gate_cache_dir() - $XDG_CACHE_HOME/netwb, or ~/.cache/netwb; made. */
int gate_cache_dir(char *ret_path, size_t size,
		   struct nwb_err *err) nwb_must_check;
/** gate_build_rev() - build s->revision in the cache, unless it is there. */
int gate_build_rev(struct gate_side *s, struct nwb_err *err) nwb_must_check;
/** gate_repo() - the git repository of this program's sources. */
int gate_repo(char *ret_path, size_t size, struct nwb_err *err) nwb_must_check;
/** gate_git() - first line of what git says in @repo. */
int gate_git(const char *repo, const char *const *args, char *ret,
	     size_t size) nwb_must_check;
/**
 * gate_relink() - link @s's program again, its objects in another order, to
 * the new file @path. -EOPNOTSUPP: it is not known how; the reason in @err.
 */
int gate_relink(const struct gate_side *s, uint64_t seed, const char *path,
		struct nwb_err *err) nwb_must_check;
#define GATE_WORDS_MAX 1024
/** gate_split() - words of a command line without quotes, into
 * @v[GATE_WORDS_MAX]. Return: how many; 0: a shell would see more in it. */
unsigned int gate_split(char *line, const char **v);
/** gate_rearrange() - let our own objects and archives change places in a
 * linker's command, and the output be @path. Return: how many objects; 0: it
 * has no output. */
unsigned int gate_rearrange(const char **v, unsigned int nr, uint64_t seed,
			    const char *path);
/** gate_command() - run @argv, output to the file @log (NULL: nowhere).
 * Return: exit code, 128 + signal, or negative errno. */
int gate_command(const char *const *argv, const char *dir,
		 const char *log) nwb_must_check;
/** gate_command_text() - run @argv, keep up to @size - 1 bytes of what it
 * writes to stdout. Return: as gate_command(). */
int gate_command_text(const char *const *argv, const char *dir, char *ret,
		      size_t size) nwb_must_check;

/* --- cases ---------------------------------------------------------------- */

struct gate_case {
	char name[96];
	const char *server;
	const char *client;
	const struct nwb_workload_desc *workload;
	uint64_t bytes;
	const char *both; /* options of `netwb run` for both sides; NULL */
	unsigned int fsyncs;
	uint64_t wsize;
	const char *fault;
	bool is_sentinel;
	bool is_model; /* run only when --cases asks for it */
};

struct gate_cases {
	struct gate_case c[GATE_CASES_MAX];
	unsigned int nr;
};

/** gate_cases_parse() - a text of lines, see bench/gate/cases.txt. Words are
 * borrowed from tables, not from @text. @name: for messages */
int gate_cases_parse(const char *name, const char *text, struct gate_cases *ret,
		     struct nwb_err *err) nwb_must_check;
/** gate_cases_builtin() - bench/gate/cases.txt as it was built in. */
int gate_cases_builtin(struct gate_cases *ret,
		       struct nwb_err *err) nwb_must_check;
/** gate_cases_shapes() - the published experiment: 1 KiB, 4 KiB and 1 MiB on
 * each of @servers (comma separated). */
int gate_cases_shapes(const char *servers, struct gate_cases *ret,
		      struct nwb_err *err) nwb_must_check;
/** gate_cases_rename() - leave out of the names what the sides decide, and the
 * cases that are then the same. */
void gate_cases_rename(struct gate_cases *c, bool has_client, bool has_server);
/** gate_cases_shard() - keep those of this shard; there may be none. */
void gate_cases_shard(struct gate_cases *c, struct bench_shard *shard);
/** gate_cases_real() - without those that are run only when asked for. */
void gate_cases_real(struct gate_cases *c);
/** gate_cases_turns() - who has no fsyncs of its own fsyncs each @bytes, for
 * each of them ends a turn; 0: each GATE_TURN_BYTES, else it is said in their
 * names. */
void gate_cases_turns(struct gate_cases *c, uint64_t bytes);
/** gate_cases_resize() - all of them write @bytes, and say so in their names:
 * another size is another case. */
void gate_cases_resize(struct gate_cases *c, uint64_t bytes);
/** gate_parse_bytes() - "64M"; -EINVAL. */
int gate_parse_bytes(const char *s, uint64_t *ret) nwb_must_check;
/** gate_cases_filter() - keep those whose name fits one of @globs (comma
 * separated). -ENOENT: none does. */
int gate_cases_filter(struct gate_cases *c, const char *globs,
		      struct nwb_err *err) nwb_must_check;

/* --- one process ---------------------------------------------------------- */

/* What became of one `netwb one-run`. */
struct gate_run {
	int exit;	  /* code, or 128 + signal; 0: the rest is there */
	bool is_stopped;  /* by ^C */
	char reason[256]; /* why it counts for nothing, else "" */
	char verdict[24]; /* of the oracles; "": not judged */
	char build[96];
	char repro[2600];
	double metric[GATE_METRICS]; /* NAN: not measured */
	uint64_t samples;	     /* of GATE_P99 */
	uint64_t durable_ns;
	json_t *record; /* what `netwb run` would have stored; owned */
	struct bench_meters meters;
};
/** gate_run_fini() - zeroed is fine. */
static inline void gate_run_fini(struct gate_run *r)
{
	json_decref(r->record);
	r->record = NULL;
}

/** gate_spawn() - run @c as @s in a fresh process, alone. @seed: of the run;
 * @pad: decides the size of its environment. Never fails: what went wrong is in
 * @ret, which gate_run_fini() ends. */
void gate_spawn(const struct gate_side *s, const struct gate_case *c,
		uint64_t seed, uint64_t pad, struct gate_run *ret);
/** gate_spawn_pair() - the same of both sides, in turns of 16 MiB or of the
 * case's own fsyncs. @first: whose turn is the first. */
void gate_spawn_pair(const struct gate_side *const side[2],
		     const struct gate_case *c, uint64_t seed,
		     const uint64_t pad[2], unsigned int first,
		     struct gate_run ret[2]);
#define GATE_TURNS_MAX 3u
/** gate_spawn_turns() - the same of @nr sides up to GATE_TURNS_MAX, each with
 * a case of its own, that take turns round and round. */
void gate_spawn_turns(const struct gate_side *const *side,
		      const struct gate_case *const *c, unsigned int nr,
		      uint64_t seed, const uint64_t *pad, unsigned int first,
		      struct gate_run *ret);
/** gate_parse_run() - fill @ret from the line that one-run prints; fails
 * closed. */
int gate_parse_run(const char *text, struct gate_run *ret,
		   struct nwb_err *err) nwb_must_check;
/** gate_stop_setup() - ^C sets gate_stopped() instead of ending us. */
int gate_stop_setup(void) nwb_must_check;
/** gate_stopped() - signal number, 0 = go on. */
int gate_stopped(void);

/* --- streams -------------------------------------------------------------- */

enum gate_role {
	GATE_MEASURE,
	GATE_CONTROL,
	GATE_CONFIRM
};

struct gate_series {
	double a[NWB_PAIRS_MAX], b[NWB_PAIRS_MAX], d[NWB_PAIRS_MAX];
	unsigned int n;
	uint64_t samples_min;
	struct nwb_gate_rule rule;
	enum nwb_delta_from delta_from;
	struct nwb_gate_decision dec;
	bool is_decided;  /* dec is there and stays */
	bool is_observed; /* told, never gated */
	char skip[128];	  /* why there is no decision; else "" */
	bool is_kept;	  /* by nwb_gate_family() */
	const struct gate_series *second;
	bool is_recurring;
	enum nwb_gate_outcome outcome;
};

struct gate_stream {
	const struct gate_case *c;
	enum gate_role role;
	struct gate_series m[GATE_METRICS];
	unsigned int nr_run, nr_bad, nr_failed;
	unsigned int want; /* the next look, or the fixed number of pairs */
	unsigned int last; /* no more than so many that count */
	unsigned int nr_bad_row; /* runs that failed, in a row */
	double wall[2][NWB_PAIRS_MAX * 2];
	unsigned int nr_wall[2];
	double psi_limit; /* share of wall */
	bool is_done;
	char why_done[128];
};

/** gate_stream_add() - a pair that was run. Return: NULL: it counts; else why
 * it does not (borrowed from @r or constant). */
const char *gate_stream_add(struct gate_stream *s, const struct gate_run *a,
			    const struct gate_run *b);
/** gate_contaminated() - the meters' word on one run; NULL: clean. */
const char *gate_contaminated(const struct gate_stream *s, unsigned int side,
			      const struct gate_run *r, char *buf, size_t size);
/** gate_stream_look() - decide if this is a look; sets @want and is_done. */
void gate_stream_look(struct gate_stream *s);
/** gate_stream_reopen() - the difference in @m needs another look. Return:
 * false: there is none left. */
bool gate_stream_reopen(struct gate_stream *s, enum gate_metric_id m);
/** gate_stream_end() - no more pairs come: decide by those there are. */
void gate_stream_end(struct gate_stream *s, const char *why);

/* --- session -------------------------------------------------------------- */

struct gate_past;

/**
 * struct gate_opts - all that a session depends on.
 * @pairs: fixed number; 0 = sequential looks
 * @budget_ns: 0 = as long as it takes; of the first part, without suspects
 * @confirm_ns: of the confirmation
 * @record_noise: A is B; write the ln ratios of all pairs there, NULL: do not
 * @is_gate: red by what is confirmed, else all verdicts are only told
 * @has_cover: print the cover block at the end
 * @shard: of the cases; those of others are not in @cases
 */
struct gate_opts {
	struct gate_side a, b;
	struct gate_cases cases;
	unsigned int pairs;
	uint64_t budget_ns, confirm_ns;
	uint64_t seed;
	const char *out;
	const char *record_noise;
	struct bench_shard shard;
	bool is_gate;
	bool has_cover;
	bool no_control;
	int argc;
	char **argv;
};

struct gate_session {
	struct gate_opts *o;
	struct nwb_store *store;
	char dir[4096];
	char differs[640];
	uint64_t rnd, t_start, deadline; /* 0: none */
	uint64_t pair_ns;		 /* all of them */
	unsigned int nr_pairs, nr_bad, nr_failed;
	unsigned int nr_fail;  /* runs with verdict FAIL */
	unsigned int nr_looks; /* that the budget has room for */
	struct gate_stream *stream;
	unsigned int nr_streams;
	struct gate_side again[2]; /* A and B, linked anew */
	char unusable[256];
	double control_max; /* NAN: there was none */
	struct gate_past *past;
	uint64_t t_said;
	bool is_tty;
};

/** gate_run_session() - all of it. Return: exit code. */
int gate_run_session(struct gate_opts *o);
/** gate_pair() - one pair of @st, measured and recorded. -EINTR: stopped. */
int gate_pair(struct gate_session *s, struct gate_stream *st,
	      struct nwb_err *err) nwb_must_check;
/** gate_random() - the session's chance. */
uint64_t gate_random(struct gate_session *s);
uint64_t gate_now_ns(void);

/* gate_confirm.c */
/** gate_confirm() - measure again what is WORSE and kept, both sides linked
 * anew. */
int gate_confirm(struct gate_session *s, struct nwb_err *err) nwb_must_check;
/** gate_add_stream() - one more; the session has room for all. */
struct gate_stream *gate_add_stream(struct gate_session *s,
				    const struct gate_case *c,
				    enum gate_role role);
/** gate_plan() - how many looks the budget has room for, from @first on. */
void gate_plan(struct gate_session *s, unsigned int first);
/** gate_rounds() - take turns over the streams from @first on until all are
 * done. */
int gate_rounds(struct gate_session *s, unsigned int first,
		struct nwb_err *err) nwb_must_check;

/* gate_past.c: results of earlier sessions below the same directory */
int gate_past_load(const char *base, struct gate_past **ret_p,
		   struct nwb_err *err) nwb_must_check;
void gate_past_free(struct gate_past *p);
/** gate_past_delta() - of a case and metric. */
enum nwb_delta_from gate_past_delta(const struct gate_past *p, const char *name,
				    enum gate_metric_id m, double *ret_delta);
/** gate_past_psi_limit() - share of wall that some task may wait for a CPU. */
double gate_past_psi_limit(const struct gate_past *p);
/** gate_past_is_recurring() - suspect today, and another day of this week? */
bool gate_past_is_recurring(const struct gate_past *p, const char *name,
			    enum gate_metric_id m);

/* gate_verdict.c */
/** gate_check_usable() - sets s->unusable when the controls or the meters say
 * so, and takes metrics out of the gate whose control is off by chance. */
void gate_check_usable(struct gate_session *s);
/** gate_family() - which differences to believe. Return: whether one that is
 * not believed has a look left, for which its stream goes on. */
bool gate_family(struct gate_session *s);
/** gate_conclude() - outcomes of all that was measured. */
void gate_conclude(struct gate_session *s);
/** gate_exit_code() - of the outcomes; see docs/gate.md. */
int gate_exit_code(const struct gate_session *s);

/* gate_noise.c */
int gate_write_noise(const struct gate_session *s,
		     struct nwb_err *err) nwb_must_check;

/* gate_record.c */
json_t *gate_record_compare(const struct gate_session *s);
json_t *gate_record_pair(const struct gate_stream *st, const struct gate_run *a,
			 const struct gate_run *b, bool is_ab, uint64_t seed,
			 uint64_t t_ns, const char *bad, bool is_extra);
json_t *gate_record_decision(const struct gate_stream *st,
			     enum gate_metric_id m);
int gate_record_note(struct gate_session *s, const char *text,
		     struct nwb_err *err) nwb_must_check;

/* gate_tell.c */
void gate_tell_begin(struct gate_session *s);
void gate_tell_pair(struct gate_session *s, const struct gate_stream *st);
void gate_tell_line(struct gate_session *s, const char *fmt, ...)
	nwb_printf(2, 3);
void gate_tell_end(const struct gate_session *s, int code);

int bench_cmd_compare(int argc, char **argv);
int bench_cmd_gate(int argc, char **argv);

#endif
